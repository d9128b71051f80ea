A firn store inside a workspace is saved as one state of it, even while a program writes to it.

  $ firn db put app.firn users ada 1815 && firn db put app.firn users grace 1906 && echo one >note
  $ echo '*.log' >.firnignore && firn save -q
  1
  $ firn save
  2  <id>  5 files, <size>; no change since 1  <s> s
  $ firn status
  compared with 2: no change; 5 unchanged
  $ firn db put app.firn users ada 1900 && firn restore 1 --to ../copy
  restored 1 into ../copy: 0 changed, 5 added, 0 removed
  $ firn db get ../copy/app.firn users ada && echo && firn db check ../copy/app.firn
  1815
  1 keyspace, 2 entries, <n> log records: no damage

While a program has it open for writing its store is not changed, nor anything else.

  $ cat >../hold.py <<'END'
  > import fcntl, os, struct, subprocess, sys
  > file = os.open(sys.argv[1], os.O_RDWR)
  > fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
  > sys.exit(subprocess.run(sys.argv[2:]).returncode)
  > END
  $ echo two >note
  $ python3 ../hold.py app.firn/LOCK firn restore 1 --wait 0
  ! firn: cannot restore a firn store that is being written: '<T>/w/app.firn' is locked by process <n>
  ! hint: wait longer with --wait SECONDS
  [4]
  $ python3 ../hold.py app.firn/LOCK firn restore 1 --dry-run --wait 0
  ! firn: cannot restore a firn store that is being written: '<T>/w/app.firn' is locked by process <n>
  ! hint: wait longer with --wait SECONDS
  [4]
  $ python3 ../hold.py app.firn/LOCK firn restore 1 note
  restored 1: 1 changed, 0 added, 0 removed; take this back with: firn undo
  $ firn restore 1 && firn db get app.firn users ada && echo
  restored 1: 2 changed, 0 added, 0 removed; take this back with: firn undo
  1815
  $ firn undo && firn db get app.firn users ada && echo
  undid the restore of 1, back at <id>: 2 changed, 0 added, 0 removed; redo with: firn redo
  1900

A restore waits for it, as for a process that writes to the store of the workspace.

  $ until_there() { for i in $(seq 400); do if "$@" >/dev/null 2>&1; then return; fi; sleep 0.05; done; echo "not there after 20 s"; }
  $ python3 ../hold.py app.firn/LOCK sh -c 'touch ../held; sleep 1' & until_there ls ../held; firn restore 1 --wait 30
  restored 1: 2 changed, 0 added, 0 removed; take this back with: firn undo
  $ firn undo -q; rm ../held

However often it looks again, it tells each thing once.

  $ mkdir .git; python3 ../hold.py app.firn/LOCK sh -c 'touch ../held; sleep 1' & until_there ls ../held; firn restore 1 --wait 30 --json | python3 -c 'import json, sys; print([n["path"] for n in json.load(sys.stdin)["notices"]])'
  ['.git']
  $ firn undo -q; rm -r ../held .git
  $ python3 ../hold.py app.firn/LOCK sh -c 'touch ../held; sleep 1' & until_there ls ../held; firn restore 1 --wait 30 --json | python3 -c 'import json, sys; print(sorted(c["path"].split("/")[0] for c in json.load(sys.stdin)["changes"]))'
  ['app.firn', 'app.firn']
  $ firn undo -q; rm ../held

What was written meanwhile is not lost: it is looked at again.

  $ cp -a app.firn ../newer && firn db put ../newer users ada 1950
  $ python3 ../hold.py app.firn/LOCK sh -c 'touch ../held; sleep 1; mv ../newer/*.log app.firn' & until_there ls ../held; firn restore 1 --wait 30
  restored 1: 2 changed, 0 added, 0 removed; take this back with: firn undo
  $ firn db get app.firn users ada && echo && firn undo -q && firn db get app.firn users ada && echo
  1815
  1950
  $ firn db put app.firn users ada 1900 && rm ../held

A store that is not open is removed like any other directory, and an undo brings it back.

  $ mv app.firn moved.firn && firn db put app.firn other k v && firn restore 1
  restored 1: 3 changed, 0 added, 3 removed; take this back with: firn undo
  $ ls; firn db get app.firn users ada && echo
  app.firn
  note
  1815
  $ firn undo -q; firn db get moved.firn users ada && echo && firn db check moved.firn && firn db check app.firn
  1900
  1 keyspace, 2 entries, <n> log records: no damage
  1 keyspace, 1 entry, <n> log records: no damage
  $ firn db put moved.firn users ada 1900
  $ python3 ../hold.py moved.firn/LOCK firn restore 1 --wait 0
  ! firn: cannot restore a firn store that is being written: '<T>/w/moved.firn' is locked by process <n>
  ! hint: wait longer with --wait SECONDS
  [4]
  $ rm -r app.firn && mv moved.firn app.firn

What cannot be read as a store is saved as the files that are there.

  $ head -c 40 /dev/zero >app.firn/manifest-000001.log && firn save
  3  <id>  3 files, <size>; 2 removed, <size> added  <s> s
  left out by rule: app.firn/manifest-000001.log, app.firn/wal-000001.log
  ! firn: store: app.firn: a firn store, saved file by file: '<T>/w/app.firn/manifest-000001.log' ends at offset 40: expected 128 bytes at offset 0

A restore of it waits like that as well.

  $ echo more >app.firn/runs/000008.row
  $ python3 ../hold.py app.firn/LOCK sh -c 'touch ../held; sleep 1; echo mine >app.firn/runs/000009.row' & until_there ls ../held; firn restore 3 --wait 30 2>/dev/null
  restored 3: 0 changed, 0 added, 2 removed; take this back with: firn undo
  $ ls app.firn/runs; firn undo -q 2>/dev/null; ls app.firn/runs; rm ../held
  000008.row
  000009.row

One that lost its log is told as well, and comes back; its lock is never saved.

  $ rm -r app.firn .firnignore && firn db put app.firn users ada 1 && firn save -q
  4
  $ mv app.firn/wal-000001.log .. && firn save
  5  <id>  3 files, <size>; 1 removed, <size> added  <s> s
  ! firn: store: app.firn: a firn store, saved file by file: the log of the store '<T>/w/app.firn' is missing
  $ firn save --json 2>/dev/null | grep -c '"kind":"store","path":"app.firn"'
  1
  $ firn restore 4 2>/dev/null && firn db get app.firn users ada && echo
  restored 4: 0 changed, 1 added, 0 removed; take this back with: firn undo
  1
  $ firn undo && ls app.firn && firn redo -q 2>/dev/null && firn db get app.firn users ada && echo
  undid the restore of 4, back at 5: 0 changed, 0 added, 1 removed; redo with: firn redo
  FIRN
  LOCK
  manifest-000001.log
  runs
  1

So is one that lost other files of its own.

  $ firn db flush app.firn -q && firn save -q && ls app.firn/runs
  7
  000001.row
  000002.row
  $ mv app.firn/runs/000001.row .. && firn save -q
  8
  ! firn: store: app.firn: a firn store, saved as it is, but damaged: runs/000001.row is missing
  $ firn restore 7 2>/dev/null && firn db get app.firn users ada && echo
  restored 7: 0 changed, 1 added, 0 removed; take this back with: firn undo
  1

A file of this name that is none of a store's is a file.

  $ mkdir other && echo mine >other/FIRN && echo mine >other/LOCK && firn save -q && rm -r other && firn restore latest -q && ls other
  9
  FIRN
  LOCK

What a pull puts beside a user's own files, and makes a store of their directory, leaves none of them out.

  $ mkdir -p exp/runs exp/packs && echo mine >exp/notes && echo mine >exp/runs/best.tmp && echo mine >exp/packs/a.tmp && firn save -q
  10
  $ cp -r app.firn/* exp/ && rm -f exp/LOCK exp/RESERVE; for n in notes runs/best.tmp runs/new.tmp runs/12.row.tmp packs/a.tmp packs/b.pack.tmp; do echo new >exp/$n; done; firn save -q 2>/dev/null; firn show latest --files | grep -c 'exp/.*tmp$'
  11
  5
  $ firn restore 10 -q 2>/dev/null; cat exp/runs/*.tmp; rm -f exp/LOCK; firn undo -q 2>/dev/null; cat exp/notes exp/runs/*.tmp exp/packs/*.tmp
  mine
  new
  new
  new
  new
  new
  new

A watch saves it when it has been written, and then rests.

  $ rm -r app.firn && firn db put app.firn users ada 1
  $ firn watch -q --quiet-time 0.2 >../log 2>&1 &
  $ until_there firn watch --status
  $ is_saved() { rm -rf ../copy && firn restore latest --to ../copy -q && [ "$(firn db get ../copy/app.firn users ada)" = 1910 ]; }
  $ firn db put app.firn users ada 1910 && until_there is_saved
  $ sleep 0.6; firn list -q >../before; sleep 0.6; firn list -q | cmp - ../before
  $ firn watch --stop >/dev/null; wait $!
