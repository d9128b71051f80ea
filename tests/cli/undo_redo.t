Undo and redo, state after state.

  $ mkdir w && cd w && echo one >a && firn save -q && echo two >a && firn save -q && echo three >a && echo new >n
  1
  2

What was not saved goes first, then one state after the other.

  $ firn undo -n
  changed   a
  removed   n
  would undo unsaved changes, back at 2: 1 changed, 0 added, 1 removed
  $ cat a
  three
  $ firn undo
  undid unsaved changes, back at 2: 1 changed, 0 added, 1 removed; redo with: firn redo
  $ firn undo
  undid the save of 2, back at 1: 1 changed, 0 added, 0 removed; redo with: firn redo
  $ cat a
  one
  $ firn undo
  ! firn: there is nothing to undo
  ! hint: firn restore REF brings back a checkpoint, firn list --all shows them
  [3]

Forward again.

  $ firn redo && firn redo && cat a n
  redid the save of 2, now at 2: 1 changed, 0 added, 0 removed; take this back with: firn undo
  redid unsaved changes, now at <id>: 1 changed, 1 added, 0 removed; take this back with: firn undo
  three
  new
  $ firn redo
  ! firn: there is nothing to redo
  ! hint: firn restore REF brings back a checkpoint, firn list --all shows them
  [3]

New work after an undo ends what could be redone, and loses nothing.

  $ firn undo -q && echo four >a && firn redo
  ! firn: there is nothing to redo: files were changed after the undo
  ! hint: firn restore REF brings back a checkpoint, firn list --all shows them
  [3]
  $ firn save -q && firn redo
  3
  ! firn: there is nothing to redo
  ! hint: firn restore REF brings back a checkpoint, firn list --all shows them
  [3]
  $ lost=$(firn list --all --json | python3 -c 'import json, sys; print([c["id"] for c in json.load(sys.stdin)["checkpoints"] if c["files"] == 2][0])')
  $ firn restore -q $lost && cat a n
  three
  new

A restore, a restore of some paths and a revert are steps, too.

  $ firn undo && cat a
  undid the restore of <id>, back at 3: 1 changed, 0 added, 1 removed; redo with: firn redo
  four
  $ firn restore 1 a -q && cat a && firn undo && cat a
  one
  undid the restore of a from 1, back at 3: 1 changed, 0 added, 0 removed; redo with: firn redo
  four
  $ firn redo && cat a && firn undo -q
  redid the restore of a from 1, now at <id>: 1 changed, 0 added, 0 removed; take this back with: firn undo
  one
  $ firn revert 3 -q && cat a && firn undo && cat a
  two
  undid the revert of 3, back at 3: 1 changed, 0 added, 0 removed; redo with: firn redo
  four
  $ firn redo && cat a
  redid the revert of 3, now at <id>: 1 changed, 0 added, 0 removed; take this back with: firn undo
  two

A state whose checkpoint was deleted is passed over.

  $ firn undo -q && firn delete 2 --now -q && firn undo
  2
  undid the save of 3 and 1 other step, back at 1: 1 changed, 0 added, 0 removed; redo with: firn redo
    also a save whose checkpoint is gone
  $ firn redo -q && cat a
  four
  $ firn check -q

Each says what it takes back, and --json has more.

  $ mkdir ../v && cd ../v && echo one >a && firn save -q -m first && echo two >a && firn save -q -m "a message of many words, of which a line shows those at its beginning"
  1
  2
  $ firn undo && firn redo
  undid the save of 2 (a message of many words, of which a lin…), back at 1: 1 changed, 0 added, 0 removed; redo with: firn redo
  redid the save of 2 (a message of many words, of which a lin…), now at 2: 1 changed, 0 added, 0 removed; take this back with: firn undo
  $ echo three >b && firn undo --json >../undo && python3 -c 'import json; u = json.load(open("../undo")); s = u["steps"]; print(u["unsaved"], len(s), s[0]["kind"], s[0]["time"], s[0]["checkpoint"], s[0]["added"], s[0]["removed"])'
  True 1 edits None None 0 1
  $ firn undo --json >../undo && python3 -c 'import json; u = json.load(open("../undo")); s = u["steps"]; print(u["unsaved"], len(s), s[0]["kind"], s[0]["checkpoint"]["number"], s[0]["checkpoint"]["created"] == s[0]["time"], s[0]["changed"])'
  False 1 save 2 True 1
  $ firn restore 2 -q && firn redo --json >../undo; python3 -c 'import json; print(json.load(open("../undo"))["error"]["code"])'
  FIRN_NOT_FOUND
  ! firn: there is nothing to redo
  ! hint: firn restore REF brings back a checkpoint, firn list --all shows them
  $ firn undo --json -n >../undo && python3 -c 'import json; u = json.load(open("../undo")); s = u["steps"]; print(u["dry_run"], len(s), s[0]["kind"], s[0]["checkpoint"]["number"])'
  True 1 restore 2

The steps, newest first: what was undone, where one is, what can be undone.

  $ mkdir ../u && cd ../u && firn undo --list && ls -A
  there is nothing to undo
  $ echo one >a && firn save -q -m first && firn undo --list
  1
  now       at 1
  there is nothing to undo
  $ echo two >a && firn save -q -m second && echo three >a && echo new >n && firn undo --list
  2
  now       at 2
  undo 1    not saved            unsaved changes: 1 changed, 0 added, 1 removed
  undo 2    <time>  the save of 2 (second): 1 changed, 0 added, 0 removed
  $ firn restore 1 -q && firn undo -q && firn undo -q && firn undo --list
  redo 2    <time>  the restore of 1 (first): 1 changed, 0 added, 1 removed
  redo 1    <time>  unsaved changes: 1 changed, 1 added, 0 removed
  now       at 2
  undo 1    <time>  the save of 2 (second): 1 changed, 0 added, 0 removed
  $ firn undo --list --limit 1; firn undo --list --limit 0
  1 more to redo: --limit N shows them
  redo 1    <time>  unsaved changes: 1 changed, 1 added, 0 removed
  now       at 2
  undo 1    <time>  the save of 2 (second): 1 changed, 0 added, 0 removed
  2 more to redo: --limit N shows them
  now       at 2
  1 more to undo: --limit N shows them
  $ firn undo --list --json >../list && python3 -c 'import json
  > u = json.load(open("../list"))
  > print([(s["redo"], s["times"], s["kind"], s["changed"], s["checkpoint"]["number"]) for s in u["steps"]], u["checkpoint"]["number"], u["unsaved"], u["undo_steps"], u["redo_steps"])'
  [(True, 2, 'restore', 1, 1), (True, 1, 'edits', 1, None), (False, 1, 'save', 1, 2)] 2 False 1 2
  $ echo four >a && firn undo --list
  now       at 2
  undo 1    not saved            unsaved changes: 1 changed, 0 added, 0 removed
  undo 2    <time>  the save of 2 (second): 1 changed, 0 added, 0 removed
  $ firn undo --list -n; firn undo --limit 3; firn undo --list --limit x
  ! firn: undo: --list changes nothing: it goes with --limit only
  ! usage: firn undo [options] [TURN]
  ! help: firn help undo
  ! firn: undo: --limit needs --list
  ! usage: firn undo [options] [TURN]
  ! help: firn help undo
  ! firn: undo: --limit takes a whole number, not 'x'
  ! usage: firn undo [options] [TURN]
  ! help: firn help undo
  [2]
  $ firn undo -l -q && cat a
  four

Steps whose checkpoint is gone are still named.

  $ firn save -q -m third && echo five >a && firn save -q && firn delete 3 --now -q && firn undo --list
  3
  4
  3
  now       at 4
  undo 1    <time>  the save of 4: 1 changed, 0 added, 0 removed
  undo 2    <time>  the save of 2 (second): 1 changed, 0 added, 0 removed

A save of what an undo left ends nothing.

  $ mkdir ../s && cd ../s && echo one >a && firn save -q && echo two >a && firn save -q && firn undo -q && firn save -q
  1
  2
  3
  $ firn undo --list; firn redo && cat a
  redo 1    <time>  the save of 2: 1 changed, 0 added, 0 removed
  now       at 1
  redid the save of 2, now at 2: 1 changed, 0 added, 0 removed; take this back with: firn undo
  two

A restore of paths is undone and redone at these alone; what was edited elsewhere stays, and is a step of its own.

  $ mkdir ../p && cd ../p && mkdir -p d/e && echo one >a && echo one >b && echo one >d/e/f && firn save -q && echo two >a && rm -r d && firn save -q
  1
  2
  $ firn restore 1 a d/e/f && echo more >>b && firn undo --list
  restored 1: 1 changed, 1 added, 0 removed; take this back with: firn undo
  now       at <id>
  undo 1    <time>  the restore of a and 1 other from 1: 1 changed, 0 added, 1 removed
  undo 2    not saved            unsaved changes: 1 changed, 0 added, 0 removed
  undo 3    <time>  the save of 2: 1 changed, 1 added, 0 removed
  $ firn undo --list --json >../list && python3 -c 'import json; print([(s["kind"], [p["path"] for p in s.get("paths", [])]) for s in json.load(open("../list"))["steps"]])'
  [('restore', ['a', 'd']), ('edits', []), ('save', [])]
  $ firn undo && cat a b && ls && firn undo --list
  undid the restore of a and 1 other from 1, back at 2: 1 changed, 0 added, 1 removed; redo with: firn redo
  two
  one
  more
  a
  b
  redo 1    <time>  the restore of a and 1 other from 1: 1 changed, 1 added, 0 removed
  now       at 2
  undo 1    not saved            unsaved changes: 1 changed, 0 added, 0 removed
  undo 2    <time>  the save of 2: 1 changed, 1 added, 0 removed
  $ firn redo && cat a b d/e/f
  redid the restore of a and 1 other from 1, now at <id>: 1 changed, 1 added, 0 removed; take this back with: firn undo
  one
  one
  more
  one

Edits at the paths come first, as all edits do.

  $ echo mine >>a && firn undo && cat a b
  undid unsaved changes, back at <id>: 2 changed, 0 added, 0 removed; redo with: firn redo
  one
  one
  $ firn redo -q && cat a b && firn undo -q && firn undo -q && cat a && firn undo -q && cat a
  one
  mine
  one
  more
  two
  one
  $ firn redo -q && firn redo -q && firn redo -q && cat a b d/e/f
  one
  mine
  one
  more
  one
  $ firn save -q --if-changed; firn undo -q && firn undo -q && cat a b && firn check -q
  3
  two
  one

Two restores of paths, one after the other, and one that changes nothing.

  $ firn undo -q && firn restore 2 a -q && firn restore 2 d -q && firn restore 2 a && echo x >n && firn undo --list
  restored 2: nothing had to change
  now       at <id>
  undo 1    <time>  the restore of d from 2: 0 changed, 1 added, 0 removed
  undo 2    <time>  the restore of a from 2: 1 changed, 0 added, 0 removed
  undo 3    not saved            unsaved changes: 0 changed, 0 added, 1 removed
  $ firn undo -q && firn undo -q && ls -m && cat a && firn redo && firn redo && cat n a
  a, b, d, n
  one
  redid the restore of a from 2, now at <id>: 1 changed, 0 added, 0 removed; take this back with: firn undo
  redid the restore of d from 2, now at <id>: 0 changed, 0 added, 1 removed; take this back with: firn undo
  x
  two
