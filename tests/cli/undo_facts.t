Tags, pins and deletions are steps of undo, too.

  $ echo one >f && firn save -q && echo two >f && firn save -q
  1
  2
  $ firn tag v1 1 && firn undo -n && firn tag
  v1 is 1
  would undo the tag v1 of 1
     1  <id>  <time>  v1
  $ firn undo && firn tag && cat f
  undid the tag v1 of 1; redo with: firn redo
  no tags
  two
  $ firn redo -n && firn tag && firn redo && firn tag
  would redo the tag v1 of 1
  no tags
  redid the tag v1 of 1; take this back with: firn undo
     1  <id>  <time>  v1
  $ firn redo
  ! firn: there is nothing to redo
  ! hint: firn restore REF brings back a checkpoint, firn list --all shows them
  [3]
  $ firn tag v1 2 --replace -q && firn undo && firn tag
  undid the move of the tag v1 from 1 to 2; redo with: firn redo
     1  <id>  <time>  v1
  $ firn tag -d v1 -q && firn undo --list && firn undo && firn tag
  now       at 2
  undo 1    <time>  the deletion of the tag v1 of 1
  undo 2    <time>  the tag v1 of 1
  undo 3    <time>  the save of 2: 1 changed, 0 added, 0 removed
  undid the deletion of the tag v1 of 1; redo with: firn redo
     1  <id>  <time>  v1
  $ firn tag v1 1 -q && firn undo --list | wc -l
  4

All checkpoints of one pin, or of one deletion.

  $ firn pin 1 2 -q && firn undo && firn pin && firn redo && firn pin && firn unpin 1 -q && firn undo && firn unpin 1 2 -q
  undid the pin of 1 and 1 other; redo with: firn redo
  nothing is pinned
  redid the pin of 1 and 1 other; take this back with: firn undo
     2  <id>  <time>
     1  <id>  <time>
  undid the unpinning of 1; redo with: firn redo
  $ firn delete 1 2 -q && firn list && firn undo -n && firn undo && firn list
  1
  2
  no checkpoints
  would undo the deletion of 1 and 1 other
  undid the deletion of 1 and 1 other; redo with: firn redo
     2  <id>  <time>          1 file        4 B
     1  <id>  <time>          1 file        4 B  [v1]
  $ firn redo && firn undelete -q && firn undo --list --limit 1 && firn undo && firn undo && firn list
  redid the deletion of 1 and 1 other; take this back with: firn undo
  2
  1
  now       at 2
  undo 1    <time>  the return of 2 and 1 other
  5 more to undo: --limit N shows them
  undid the return of 2 and 1 other; redo with: firn redo
  undid the deletion of 1 and 1 other; redo with: firn redo
     2  <id>  <time>          1 file        4 B
     1  <id>  <time>          1 file        4 B  [v1]

Edits that were not saved come first; a tag after an undo does not end what redo brings back.

  $ echo three >f && firn tag here -q && firn undo && firn tag && cat f
  undid unsaved changes, back at 2: 1 changed, 0 added, 0 removed; redo with: firn redo
     2  <id>  <time>  here
     1  <id>  <time>  v1
  two
  $ firn undo && firn undo && firn undo && cat f
  undid the tag here of 2; redo with: firn redo
  undid the unpinning of 1 and 1 other; redo with: firn redo
  undid the pin of 1 and 1 other; redo with: firn redo
  two
  $ firn undo --list
  redo 4    <time>  unsaved changes: 1 changed, 0 added, 0 removed
  redo 3    <time>  the tag here of 2
  redo 2    <time>  the unpinning of 1 and 1 other
  redo 1    <time>  the pin of 1 and 1 other
  now       at 2
  undo 1    <time>  the tag v1 of 1
  undo 2    <time>  the save of 2: 1 changed, 0 added, 0 removed

  $ firn undo -q; cat f; firn tag there 1 -q && firn undo --list
  two
  redo 1    <time>  unsaved changes: 1 changed, 0 added, 0 removed
  now       at 2
  undo 1    <time>  the tag there of 1
  undo 2    <time>  the save of 2: 1 changed, 0 added, 0 removed
  $ firn undo -q && firn redo -q && firn redo && firn tag && cat f
  redid unsaved changes, now at <id>: 1 changed, 0 added, 0 removed; take this back with: firn undo
     1  <id>  <time>  there
  three

What cannot be set again is told, and the step is over. A deletion for good is no step.

  $ firn tag at-1 1 -q && firn tag -d at-1 -q && firn delete 1 --now -q && firn undo -n; echo $?
  1
  would pass over the deletion of the tag at-1 of <id>
  6
  ! firn: not restored: at-1: the checkpoint that had this tag was deleted
  $ firn undo --json >../undo; echo $?
  6
  ! firn: not restored: at-1: the checkpoint that had this tag was deleted
  $ python3 -c 'import json
  > u = json.load(open("../undo"))
  > print(u["not_restored"], [(s["kind"], s["checkpoint"], [(f["name"], len(f["before"]), f["after"]) for f in s["facts"]]) for s in u["steps"]], [(n["kind"], n["path"], n["text"]) for n in u["notices"]])'
  1 [('tag', None, [('at-1', 32, None)])] [('not restored', 'at-1', 'the checkpoint that had this tag was deleted')]
  $ firn undo && firn tag && cat f
  undid the tag at-1 of <id> and 1 other step, back at 2: 1 changed, 0 added, 0 removed; redo with: firn redo
    also unsaved changes: 1 changed, 0 added, 0 removed
  no tags
  two

An undo of a turn leaves them alone: they are no steps any more.

  $ mkdir ../t && cd ../t && ask() { echo '{"prompt": "two", "session_id": "s"}' | firn hook run claude before; } && done_() { echo '{"session_id": "s"}' | firn hook run claude after; }
  $ echo one >f && firn save -q && ask && echo two >f && done_ && firn tag attempt -q && firn undo --turn && firn tag && cat f
  1
  undid the turn of Claude Code (two), back at 1: 1 changed, 0 added, 0 removed; redo with: firn redo
     2  <id>  <time>  attempt
  one
  $ firn undo --list && firn redo && firn undo --list && firn tag
  redo 1    <time>  the turn of Claude Code (two): 1 changed, 0 added, 0 removed
  now       at 1
  redid the turn of Claude Code (two), now at 2: 1 changed, 0 added, 0 removed; take this back with: firn undo
  now       at 2
  undo 1    <time>  the turn of Claude Code (two): 1 changed, 0 added, 0 removed
     2  <id>  <time>  attempt

The tag of one imported state is a step; those of many states belong to their checkpoints.

  $ tar -cf ../a.tar f && firn import tar ../a.tar --tag imported -q && firn undo -q && firn undo -n
  3
  would undo the tag imported of 3
