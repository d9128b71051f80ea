A day with firn: commands as a person types them, wrong ones too, by hand and beside an agent.

Morning: a project, and what people of git type first.

  $ mkdir site && cd site && mkdir -p src .git && echo "ref: refs/heads/main" >.git/HEAD && printf 'one\ntwo\nthree\n' >src/page.txt && echo KEY=1 >.env && printf 'node_modules\n.env\n' >.gitignore
  $ firn status
  ! firn: '<T>/w/site' has no checkpoint yet: save it first
  ! hint: firn save makes a checkpoint
  [3]
  $ firn undo
  ! firn: '<T>/w/site' has no checkpoint yet: there is no store at '<T>/data/firn/site-<hex>'
  ! hint: firn save makes a checkpoint
  [3]
  $ firn commit -m "the beginning"
  ! firn: unknown command 'commit'; firn save -m MESSAGE saves the whole directory
  ! help: firn help
  [2]
  $ firn save -m "the beginning"
  1  <id>  3 files, 38 B; 3 new, <size> added  <s> s
  $ firn save
  2  <id>  3 files, 38 B; no change since 1  <s> s
  $ firn statsu
  ! firn: unknown command 'statsu'; the nearest is status
  ! help: firn help
  [2]
  $ firn st
  compared with 2: no change; 3 unchanged
  $ sed -i s/two/TWO/ src/page.txt && firn status && firn diff
  changed   src/page.txt
  compared with 2: 1 changed, 0 added, 0 removed; 2 unchanged
  changed   src/page.txt
  from 2 to the disk: 1 changed, 0 added, 0 removed
  $ firn diff HEAD
  ! firn: there is no checkpoint and no tag 'HEAD'
  ! hint: the newest checkpoint is latest, the one before it latest~1
  [3]
  $ firn save -m "louder" -q && firn log
  3
     3  <id>  <ago>  louder   1 file +1 −1  (main)
     2  <id>  <ago>  no change
     1  <id>  <ago>  the beginning   3 files +6 −0
  $ firn checkout 1
  ! firn: unknown command 'checkout'; firn restore REF restores a checkpoint, firn restore REF PATH a file of one
  ! help: firn help
  [2]
  $ firn restore 99
  ! firn: there is no checkpoint '99'
  ! hint: firn list shows the checkpoints
  [3]
  $ firn restore 1 src/pgae.txt
  ! firn: 'src/pgae.txt' is neither in the workspace nor in the checkpoint
  ! hint: firn show REF --files lists the files of a checkpoint
  [3]
  $ firn restore 1 src/page.txt && cat src/page.txt
  restored 1: 1 changed, 0 added, 0 removed; take this back with: firn undo
  one
  two
  three
  $ firn undo && cat src/page.txt
  undid the restore of src/page.txt from 1, back at 3: 1 changed, 0 added, 0 removed; redo with: firn redo
  one
  TWO
  three

Noon: an agent. It does what it was asked, and then more.

  $ firn hook install claude
  .claude/settings.json: every turn is saved from now on
  $ ask() { echo '{"session_id":"s1","prompt":"'"$1"'"}' | firn hook run claude before; }; done_() { echo '{"session_id":"s1"}' | firn hook run claude after; }
  $ ask "add a footer" && echo footer >src/footer.txt && done_
  $ ask "clean up" && rm .env && mkdir node_modules && echo x >node_modules/x && printf 'one\n' >src/page.txt && done_
  $ firn log -n 2 && firn show --names | tail -n 2
     6  <id>  <ago>  Claude Code: clean up   2 files +0 −3  (main)
     5  <id>  <ago>  Claude Code: add a footer   1 file +1 −0
  removed   .env
  changed   src/page.txt
  $ firn cat 4 .env
  KEY=1
  $ firn cat 3 .env
  KEY=1
  $ firn undo --turn -n
  added     .env
  changed   src/page.txt
  would undo the turn of Claude Code (clean up), back at 5: 1 changed, 1 added, 0 removed
  $ firn undo --turn
  undid the turn of Claude Code (clean up), back at 5: 1 changed, 1 added, 0 removed; redo with: firn redo
  $ cat .env && firn undo --list -n 3
  KEY=1
  ! firn: undo: '3' is for --turn: undo takes back the last change
  ! usage: firn undo [options] [TURN]
  ! help: firn help undo
  [2]
  $ firn undo --list | sed -n 1,3p
  redo 1    <time>  the turn of Claude Code (clean up): 1 changed, 0 added, 1 removed
  now       at 5
  undo 1    <time>  the turn of Claude Code (add a footer): 0 changed, 0 added, 1 removed
  $ firn redo && ls -A
  redid the turn of Claude Code (clean up), now at 6: 1 changed, 0 added, 1 removed; take this back with: firn undo
  .claude
  .git
  .gitignore
  node_modules
  src
  $ firn revert 5 -n
  metadata  src/
  removed   src/footer.txt
  would revert 5: 0 changed, 0 added, 1 removed
  $ firn revert latest && cat .env src/footer.txt
  reverted 6: 1 changed, 1 added, 0 removed; take this back with: firn undo
  KEY=1
  footer

Afternoon: where does this come from, and what is worth keeping?

  $ firn blame src/page.txt
     1  <id>  <ago>  the beginning             1) one
  $ firn grep TWO; firn grep footre
  [1]
  $ firn log src/page.txt
     6  <id>  <ago>  Claude Code: clean up   1 file +0 −2  (main)
     3  <id>  <ago>  louder   1 file +1 −1
     1  <id>  <ago>  the beginning   1 file +3 −0
  $ firn tag before-lunch 3 && firn tag before-lunch 4
  before-lunch is 3
  ! firn: the tag 'before-lunch' is given to another checkpoint already (<id>)
  ! hint: move it to this one with --replace, or choose another name
  [1]
  $ firn tag before-lunch 4 --replace -q && firn tag && firn pin 1 && firn pin
     4  <id>  <time>  before-lunch
  pinned 1
     1  <id>  <time>
  $ firn delete 1
  ! firn: checkpoint '1' is pinned
  ! hint: firn pin lists pinned checkpoints, firn unpin unpins one
  [4]
  $ firn unpin 1 && firn delete 1 --yes
  unpinned 1
  ! firn: delete: unknown option '--yes'
  ! usage: firn delete [options] [REF...]
  ! help: firn help delete
  [2]
  $ firn restore 1
  restored 1: 1 changed, 0 added, 2 removed; take this back with: firn undo
  ! firn: .claude/settings.json: firn's hooks are no longer in it, so the turns of Claude Code are not saved any more; firn hook install claude puts them back
  $ firn list
     6  <id>  <time>          4 files     464 B  after Claude Code: clean up
     5  <id>  <time>          5 files     480 B  after Claude Code: add a footer
     4  <id>  <time>          4 files     473 B  [before-lunch]  before Claude Code: add a footer
     3  <id>  <time>          3 files      38 B  louder
     2  <id>  <time>          3 files      38 B
     1  <id>  <time>          3 files      38 B  the beginning
  $ firn diff before-lunch..latest --stat
   .env           | 1 - removed
   src/footer.txt | 1 + added
   src/page.txt   | 2 --
  from 4 to 6: 1 changed, 1 added, 1 removed; 1 line added, 3 removed
  $ firn show befor-lunch
  ! firn: there is no checkpoint and no tag 'befor-lunch'
  ! hint: firn list shows the checkpoints; to give paths write -- before them
  [3]
  $ firn list --since
  ! firn: list: unknown option '--since'
  ! usage: firn list [options] [REF..REF|REMOTE]
  ! help: firn help list
  [2]

Evening: a secret too many, a directory that moves, and the broom.

  $ firn forget .env
  ! firn: forget: this cannot be undone: check with --dry-run, then confirm with --yes
  ! usage: firn forget [options] PATH...
  ! help: firn help forget
  [2]
  $ firn forget .env --yes && echo .env >.firnignore && firn save -q -m "no secrets"
  removed from <id>  1 file, 6 B
  removed from <id>  1 file, 6 B
  removed from <id>  1 file, 6 B
  removed from 5  <id>  1 file, 6 B
  removed from 4  <id>  1 file, 6 B
  removed from <id>  1 file, 6 B
  removed from <id>  1 file, 6 B
  removed from <id>  1 file, 6 B
  removed from 3  <id>  1 file, 6 B
  removed from 2  <id>  1 file, 6 B
  removed from 1  <id>  1 file, 6 B
  git repositories of 6 checkpoints were dropped: git's objects may have it
  remove the contents from the store with: firn gc
  files in the directory stay; the next save includes them again unless a rule in
  .firnignore leaves it out
  7
  $ firn gc | tail -n 1 && firn check | tail -n 1
  <n> packs removed, 1 rewritten: <size> before, <size> now
  15 checkpoints (8 taken by restores), <n> pack, <n> objects: no damage
  $ cd .. && mv site web && cd web && firn list
  ! firn: '<T>/w/web' is the directory that was saved as '<T>/w/site': to continue its history, run firn init --adopt in it; to begin a new one, run firn init
  [4]
  $ firn init --adopt && firn list -q | head -n 1
  adopted the store <T>/data/firn/web-<hex>
  7
  $ firn hook remove claude && firn save --if-changed -m "good night" -q && firn save --if-changed -q
  .claude/settings.json: has no hooks of firn
  7
  7
  $ firn workspaces remove . && ls -A
  ! firn: workspaces remove: this removes every checkpoint of .: confirm with --yes
  ! usage: firn workspaces remove [options] ROOT
  ! help: firn help workspaces remove
  [2]
  $ firn workspaces remove . --yes && firn list; ls -A
  removed the checkpoints of <T>/w/web; the directory was not changed
  no checkpoints
  .env
  .firnignore
  .git
  .gitignore
  node_modules
  src
