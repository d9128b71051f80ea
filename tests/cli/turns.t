Turns of coding agents as things with names.

  $ mkdir w && cd w && say() { python3 -c 'import json, sys; print(json.dumps({"prompt": sys.argv[1], "session_id": sys.argv[2]}))' "$1" "${2:-s}"; } && turn() { say "$1" | firn hook run claude before; eval "$2"; say "" | firn hook run claude after; }
  $ firn turns && firn turns --json
  no turns; firn hook install AGENT has each turn of an agent saved
  {"turns":[],"pending":null,"running":null}
  $ echo one >a && firn save -q && firn turns
  1
  no turns; firn hook install AGENT has each turn of an agent saved
  $ turn "name it" 'echo two >a' && turn "rename it" 'echo three >a; echo b >b' && turn "rename it again" 'rm b; mkdir d' && turn "nothing" true
  $ firn turns
      @4  <ago>  Claude Code: rename it again   1 file +0 −1
      @3  <ago>  Claude Code: rename it   2 files +2 −1
      @2  <ago>  Claude Code: name it   1 file +1 −1

The names are for all commands that take a checkpoint, and mean the whole turn where changes are shown.

  $ firn show @3 | grep -e turn -e prompt -e changes && firn show @3 --name-only | tail -n 2
  turn        2 of Claude Code, session s
  prompt      rename it
  changes     1 changed, 1 added, 0 removed since 2
  a
  b
  $ firn diff @3 && firn diff @3 -p b && firn cat @3 b && firn restore @3 -n
  changed   a
  added     b
  from 2 to 3: 1 changed, 1 added, 0 removed
  diff --git a/b b/b
  new file mode 100644
  --- /dev/null
  +++ b/b
  @@ -0,0 +1 @@
  +b
  b
  added     b
  removed   d/
  would restore 3: 0 changed, 1 added, 0 removed
  $ firn turns -q -n 2 && firn turns --agent gemini && firn turns --agent CLAUDE -n 1 && firn turns --session t && firn turns --session s -q | wc -l
  @4
  @3
  no turns; firn hook install AGENT has each turn of an agent saved
      @4  <ago>  Claude Code: rename it again   1 file +0 −1
  no turns; firn hook install AGENT has each turn of an agent saved
  3
  $ firn turns --json -n 1 | python3 -c 'import json, sys; t = json.load(sys.stdin)["turns"][0]; print(t["turn"], t["checkpoint"]["turn"]["prompt"], t["previous"], t["cut"], t["files"], t["lines_added"], t["lines_removed"], t["begun"] < t["checkpoint"]["created"])'
  @4 rename it again 3 False 1 0 1 True

So is a piece of a prompt that no other has, and a whole prompt.

  $ firn show "@NAME it " | head -n 1; firn show @again | head -n 1; firn show "@rename it" | head -n 1
  checkpoint  4
  checkpoint  4
  checkpoint  3
  $ firn show @name
  ! firn: 'name' is in the prompts of several turns: @4 (rename it again), @3 (rename it), @2 (name it)
  ! hint: name one by its number: @N
  [2]
  $ firn diff @nonsense
  ! firn: no turn has 'nonsense' in its prompt
  ! hint: firn turns lists the turns
  [3]
  $ firn show @1; firn show @99; firn turns x
  ! firn: checkpoint 1 is of no turn
  ! hint: firn turns lists the turns
  ! firn: there is no checkpoint '99'
  ! hint: firn turns lists the turns
  ! firn: turns: unexpected argument 'x'
  ! usage: firn turns [options]
  ! help: firn help turns
  [2]
  $ firn tag t @3; firn log @3
  ! firn: '@3' is not a reference to a checkpoint: give its number, at least 4 letters of its id, a name or tag, a time, or 'latest'
  ! hint: @N is a turn, for firn show, diff, revert, restore and undo --turn
  ! firn: no checkpoint contains this path
  ! hint: firn log ..REF shows a checkpoint and those before it, firn log REF.. those after it
  [3]

A path of such a name is one where no turn has it.

  $ echo x >@types && firn diff @types && firn diff latest @types && rm @types
  added     @types
  from 4 to the disk: 0 changed, 1 added, 0 removed
  added     @types
  from 4 to the disk: 0 changed, 1 added, 0 removed

Back to where a turn began, and what it changed alone taken back.

  $ firn undo --turn @3 && ls && firn redo -q && ls
  undid the turn of Claude Code (rename it) and 1 other step, back at 2: 1 changed, 0 added, 0 removed; redo with: firn redo
    also the turn of Claude Code (rename it again): 0 changed, 1 added, 0 removed
  a
  a
  d
  $ firn undo --turn "rename it" -n && firn undo --turn @77; firn undo @3; firn undo --list --turn @3; firn undo --turn 3 4
  changed   a
  removed   d/
  would undo the turn of Claude Code (rename it) and 1 other step, back at 2: 1 changed, 0 added, 0 removed
    also the turn of Claude Code (rename it again): 0 changed, 1 added, 0 removed
  ! firn: there is no checkpoint '77'
  ! hint: firn turns lists the turns
  ! firn: undo: '@3' is for --turn: undo takes back the last change
  ! usage: firn undo [options] [TURN]
  ! help: firn help undo
  ! firn: undo: --list and --turn exclude each other
  ! usage: firn undo [options] [TURN]
  ! help: firn help undo
  ! firn: undo: unexpected argument '4'
  ! usage: firn undo [options] [TURN]
  ! help: firn help undo
  [2]
  $ firn revert @3 -n; echo c >c && firn revert @4 && ls && firn undo -q
  changed   a
  would revert the turn @3: 1 changed, 0 added, 0 removed
  reverted the turn @4: 0 changed, 1 added, 0 removed; take this back with: firn undo
  a
  b
  c
  $ firn undo -q --turn 2 && firn undo --turn 3; firn redo -q
  ! firn: checkpoint 3 is not among the states that can be undone
  ! hint: it was undone, is too old, or changed git alone (--git); firn restore REF goes to any checkpoint

A turn with a save after each tool has one name for each of its checkpoints, and one row.

  $ say "with tools" | firn hook run claude before && echo 1 >t1 && say "" | firn hook run claude tool && echo 2 >t2 && say "" | firn hook run claude tool && firn turns -n 1
      @7  <ago>  Claude Code: with tools   2 files +2 −0
  $ echo 3 >t3 && rm t1 && say "" | firn hook run claude after && firn turns -n 1
      @8  <ago>  Claude Code: with tools   2 files +2 −0
  $ firn diff @8 && firn diff @7 --name-only && firn undo --turn @7 -n | tail -n 1
  added     t2
  added     t3
  from 5 to 8: 0 changed, 2 added, 0 removed
  t2
  t3
    also the turn of Claude Code (with tools): 0 changed, 0 added, 1 removed

Where a turn began is told even if nothing was saved there, and that its beginning is gone.

  $ firn delete -q 5 6 && firn turns -n 1
  5
  6
      @8  <ago>  Claude Code: with tools   3 files +3 −0 since 4

What a prompt says is data.

  $ say "$(printf 'first\nsecond \033[31mred\xff')" | firn hook run claude before && echo 4 >t4 && say "" | firn hook run claude after && firn turns -n 1 && firn show @second | grep prompt && firn show @e
      @9  <ago>  Claude Code: first…   1 file +1 −0
  prompt      first\nsecond \033[31mred�
  ! firn: 'e' is in the prompts of several turns: @9 (first…), @4 (rename it again), @3 (rename it), @2 (name it)
  ! hint: name one by its number: @N
  [2]

What firn run has run is a turn, too, and tells how a turn of an agent ended.

  $ firn run -q sh -c 'echo 5 >t5; exit 3'; firn run -q true; firn turns -n 1 && firn show @t5 | grep -e tried -e changes
     @10  <ago>  run: sh -c 'echo 5 >t5; exit 3'   1 file +1 −0  exit 3
  tried       exit 0: true
  changes     0 changed, 1 added, 0 removed since 9
  $ say "with tests" | firn hook run claude before && echo 6 >t6 && firn run -q false; echo 7 >t7; say "" | firn hook run claude after; firn turns -n 1
     @12  <ago>  Claude Code: with tests   2 files +2 −0  exit 1, changed since
  $ firn run -q true && firn turns -n 1 && firn turns -n 1 --json | python3 -c 'import json, sys; t = json.load(sys.stdin)["turns"][0]; print(t["command"], t["exit_code"], t["changed_since"])'
     @12  <ago>  Claude Code: with tests   2 files +2 −0  exit 0
  None 0 False
  $ firn show --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["tried"]["command"])' && firn check | cut -d, -f1
  true
  17 checkpoints (7 taken by restores)
  $ firn undo -q --turn @t5 && ls t* && firn redo -q && firn revert -q @t5 && ls t*
  t2
  t3
  t4
  t2
  t3
  t4
  t6
  t7

Worktrees of one repository.

  $ export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b; mkdir ../main ../other && cd ../other && git init -q && turn "elsewhere" 'echo 1 >a' && cd ../main && firn turns --worktrees && git init -q && git commit -q --allow-empty -m a && git worktree add -q ../side && git worktree add -q inside && turn "in main" 'echo 1 >a' && turn "inside" 'echo 1 >inside/a'
  no turns; firn hook install AGENT has each turn of an agent saved
  $ cd ../side && firn turns --worktrees -q; turn "beside" 'echo 1 >b'; firn turns --worktrees; firn -C ../main turns --worktrees -q
  <T>/w/main:
  @3
  @2
      @2  <ago>  Claude Code: beside   1 file +1 −0
  <T>/w/main:
      @3  <ago>  Claude Code: inside   1 file +1 −0
      @2  <ago>  Claude Code: in main   1 file +1 −0
  @3
  @2
  <T>/w/side:
  @2
  $ firn -C ../main turns --worktrees --json | python3 -c 'import json, sys; print([(w["root"].rsplit("/", 1)[1], len(w["turns"]), w.get("damage")) for w in json.load(sys.stdin)["worktrees"]])'
  [('side', 1, None)]
  $ firn -C ../main/inside turns --worktrees -q -n 1
  @3
  <T>/w/side:
  @2
  $ echo 'gitdir: ../other/.git' >.git; firn -C ../main turns --worktrees -q; printf 'gitdir: ' >.git; firn turns --worktrees -q; rm .git; mkfifo .git; firn turns --worktrees -q
  @3
  @2
  @2
  @2
  $ rm .git; ln -s ../main/.git .git; firn turns --worktrees -q; rm .git; echo 'gitdir: ../main/.git/worktrees/side' >.git; firn turns --worktrees -q
  @2
  @2
  <T>/w/main:
  @3
  @2
  $ : >$(echo $XDG_DATA_HOME/firn/other-*/manifest-*) && firn turns --worktrees -q
  @2
  <T>/w/main:
  @3
  @2
  ! firn: could not be read: <T>/data/firn/other-<hex>: <any>
  [6]
