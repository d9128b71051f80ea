Turns of two agents that were at work at the same time.

  $ mkdir w && cd w && b() { echo "{\"prompt\": \"$2\", \"session_id\": \"$1\"}" | firn hook run $1 before; } && a() { echo "{\"session_id\": \"$1\"}" | firn hook run $1 after >../out; } && t() { echo "{\"session_id\": \"$1\"}" | firn hook run $1 tool >../out; }
  $ seq 1 20 >main.c; echo x >a.c; echo y >b.c; firn save -q
  1
  $ b claude "claude's work"; b codex "work of codex"; sed -i s/^1$/one/ main.c; echo ax >a.c; a claude; sed -i s/^20$/twenty/ main.c; echo bx >b.c; mkdir d; echo d >d/f; a codex

What each has changed itself, and what both have.

  $ firn turns && firn show @3 | grep -e changes -e beside && firn diff @3 && firn diff @2 --name-only
      @3  <ago>  Codex: work of codex   3 files +3 −2
          beside @2 (Claude Code: claude's work): both changed main.c
      @2  <ago>  Claude Code: claude's work   2 files +2 −2
          beside @3 (Codex: work of codex): both changed main.c
  changes     2 changed, 1 added, 0 removed since 2
  beside      @2 (Claude Code: claude's work): both changed main.c
  changed   b.c
  added     d/
  added     d/f
  changed   main.c
  from 2 to 3: 2 changed, 1 added, 0 removed
  a.c
  main.c
  ! firn: @2 was at work at the same time: only what the turn itself changed is meant
  ! firn: @3 was at work at the same time: only what the turn itself changed is meant
  $ firn turns --json | python3 -c 'import json, sys; [print(t["turn"], t["previous"], t["files"], t["lines_added"], t["beside"], t["told_apart"]) for t in json.load(sys.stdin)["turns"]]'
  @3 1 3 3 [{'turn': '@2', 'files': [{'path': 'main.c'}], 'files_in_both': 1}] True
  @2 1 2 2 [{'turn': '@3', 'files': [{'path': 'main.c'}], 'files_in_both': 1}] True

One can be taken back without the other, line by line.

  $ firn revert @2 && head -n 1 main.c && tail -n 1 main.c && ls && cat a.c && firn undo -q && firn revert -q @3 && head -n 1 main.c && tail -n 1 main.c && ls && firn undo -q
  reverted the turn @2: 2 changed, 0 added, 0 removed; 1 merged with what came after; take this back with: firn undo
  1
  twenty
  a.c
  b.c
  d
  main.c
  x
  one
  20
  a.c
  b.c
  main.c
  ! firn: @3 was at work at the same time: only what the turn itself changed is meant
  $ sed -i s/^20$/zwanzig/ main.c; sed -i s/^twenty$/zwanzig/ main.c; firn revert @3; firn undo -q
  ! firn: @2 was at work at the same time: only what the turn itself changed is meant
  ! firn: conflict: main.c: changed since as well: lines 20
  ! firn: 1 path was changed since in a way that cannot be merged: nothing was changed
  ! hint: revert only some paths (firn revert REF PATH...), or bring back what was there before with firn cat or firn restore

Turns with saves after each tool, one within the other.

  $ mkdir ../t && cd ../t && echo x >a.c && firn save -q && b claude "claude's work"; echo 1 >c1; t claude; b codex "work of codex"; echo 1 >x1; echo x1 >>a.c; t codex; echo 2 >c2; t claude; echo 2 >x2; t codex; echo c >>a.c; t claude; echo x2 >>a.c; a codex; echo 3 >c3; a claude
  1
  $ firn turns && firn diff "@claude's" && firn diff @codex && firn diff -p @codex x1
      @8  <ago>  Claude Code: claude's work   4 files +6 −0
          beside @7 (Codex: work of codex): both changed a.c
      @7  <ago>  Codex: work of codex   3 files +5 −0
          beside @8 (Claude Code: claude's work): both changed a.c
  changed   a.c
  added     c1
  added     c2
  added     c3
  from 1 to 8: 1 changed, 3 added, 0 removed
  changed   a.c
  added     x1
  added     x2
  from 2 to 7: 1 changed, 2 added, 0 removed
  diff --git a/x1 b/x1
  new file mode 100644
  --- /dev/null
  +++ b/x1
  @@ -0,0 +1 @@
  +1
  ! firn: @7 was at work at the same time: only what the turn itself changed is meant
  ! firn: @8 was at work at the same time: only what the turn itself changed is meant
  ! firn: @8 was at work at the same time: only what the turn itself changed is meant
  $ firn revert @codex
  ! firn: @8 was at work at the same time: only what the turn itself changed is meant
  ! firn: conflict: a.c: changed in @8 as well, between the turn's own changes
  ! firn: 1 file was changed in several turns in such a way that they cannot be told apart: nothing was changed
  ! hint: firn revert @N PATH... takes back what all turns have changed there meanwhile
  [4]
  $ firn revert --json @7 2>../err | python3 -c 'import json, sys; r = json.load(sys.stdin); print(r["conflicts"], r["error"]["code"])'; cat ../err
  [{'conflict': 'turns', 'path': 'a.c', 'turns': ['@8']}] FIRN_CONFLICT
  firn: @8 was at work at the same time: only what the turn itself changed is meant
  firn: 1 file was changed in several turns in such a way that they cannot be told apart: nothing was changed
  hint: firn revert @N PATH... takes back what all turns have changed there meanwhile
  $ firn revert @7 x1 x2 && ls && firn undo -q && firn revert @8 c1 -n
  reverted the turn @7: 0 changed, 0 added, 2 removed; take this back with: firn undo
  a.c
  c1
  c2
  c3
  removed   c1
  would revert the turn @8: 0 changed, 0 added, 1 removed

A watch, or a person, who saves while both are at work: it may be of either.

  $ b claude third; b codex fourth; echo 1 >both; firn save -q -m mine; echo 1 >only; a claude; echo 2 >other; a codex; firn turns -n 2
  9
     @11  <ago>  Codex: fourth   2 files +2 −0
          beside @10 (Claude Code: third): both changed both
     @10  <ago>  Claude Code: third   2 files +2 −0
          beside @11 (Codex: fourth): both changed both

Names are data.

  $ b claude fifth; b codex sixth; printf 1 >"$(printf 'a\033[31mb\n')"; t claude; printf 2 >"$(printf 'a\033[31mb\n')"; t codex; printf 3 >"$(printf 'a\033[31mb\n')"; a claude; echo z >z; a codex; firn turns -n 2; firn revert @fifth
     @15  <ago>  Codex: sixth   2 files +2 −1
          beside @14 (Claude Code: fifth): both changed a\033[31mb
     @14  <ago>  Claude Code: fifth   1 file +1 −0
          beside @15 (Codex: sixth): both changed a\033[31mb
  ! firn: @15 was at work at the same time: only what the turn itself changed is meant
  ! firn: conflict: a\033[31mb: changed in @15 as well, between the turn's own changes
  ! firn: 1 file was changed in several turns in such a way that they cannot be told apart: nothing was changed
  ! hint: firn revert @N PATH... takes back what all turns have changed there meanwhile
  [4]

A turn that changed no file of its own has nothing that could be taken back.

  $ b claude seventh; b codex eighth; echo 8 >f8; t codex; mkdir empty; a claude; a codex; cat f8; firn revert @seventh
  8
  ! firn: @16 was at work at the same time, and cannot be told apart
  ! firn: other turns went on at the same time, and this one changed no file of its own: nothing was changed
  ! hint: firn revert @N PATH... takes back what all turns have changed there meanwhile
  [4]
  $ cat f8
  8
