A store that lost a file is made sound again: what needed the file is named, all else stays as it was.

  $ for i in 1 2 3; do head -c 20000 /dev/urandom >f$i; done && firn --store ../s save -q -m one && echo four >f4 && firn --store ../s save -q -m two && firn --store ../s tag begin 1 >/dev/null
  1
  2
  $ cp -a ../s ../good && ls -1
  f1
  f2
  f3
  f4
  $ firn --store ../s repair; ls -1 ../s
  nothing to repair
  FIRN
  LOCK
  manifest-000001.log
  packs
  runs
  wal-000001.log
  $ rm ../s/packs/00000002.pack
  $ firn --store ../s repair --dry-run 2>/dev/null >../told; echo $?; sed 's#  [k-z]*  [^ ]*/w#  ID#' ../told
  6
  lost    2  ID
  intact  1  ID
  1 checkpoint intact, 0 partly, 1 lost; nothing was changed
  save those that are still on the disk with: firn save
  $ ls -1 ../s/packs && ls -d1 ../s*
  00000001.pack
  ../s
  $ firn --store ../s repair 2>/dev/null >../told; echo $?; sed 's#  [k-z]*  [^ ]*/w#  ID#' ../told
  6
  lost    2  ID
  intact  1  ID
  1 checkpoint intact, 0 partly, 1 lost
  save those that are still on the disk with: firn save
  the damaged store is kept; remove it when you no longer need it: ../s/damaged-1
  $ firn --store ../s check --data
  1 checkpoint, 1 pack, 4 objects, <size> read: no damage
  $ firn --store ../s repair
  nothing to repair
  $ firn --store ../s save -q -m again
  3

A pack with the contents of files: the checkpoint goes on without them, and says so.

  $ rm -r ../s && cp -a ../good ../s && rm ../s/packs/00000001.pack && firn --store ../s repair 2>../err >../told; echo $?; sed 's#  [k-z]*  [^ ]*/w#  ID#' ../told; sed 's/checkpoint [k-z]*/checkpoint ID/' ../err
  6
  partly  2  ID: without 3 lost paths
  lost    1  ID
  0 checkpoints intact, 1 partly, 1 lost
  save those that are still on the disk with: firn save
  the damaged store is kept; remove it when you no longer need it: ../s/damaged-1
  firn: damaged: f1: lost from checkpoint ID: its content is damaged or missing
  firn: damaged: f2: lost from checkpoint ID: its content is damaged or missing
  firn: damaged: f3: lost from checkpoint ID: its content is damaged or missing
  $ firn --store ../s list --json | python3 -c 'import json, sys; print([c["message"] for c in json.load(sys.stdin)["checkpoints"]])'
  ['two [repaired: 3 lost]']
  $ firn --store ../s tag
  no tags

The catalog is gone: packs tell the history. The newest checkpoint is told by the log alone, so it goes with it.

  $ rm -r ../s && cp -a ../good ../s && rm ../s/wal-000001.log && firn --store ../s repair 2>/dev/null >../told; echo $?; sed 's#  [k-z]*  [^ ]*/w#  ID#' ../told
  6
  intact  1  ID
  newer checkpoints, tags and pins may be missing: the store's records are those of an earlier moment,
  or lack what could not be read; its own data (firn db) too
  1 checkpoint intact, 0 partly, 0 lost
  the damaged store is kept; remove it when you no longer need it: ../s/damaged-1
  $ rm f1 && firn --store ../s restore 1 -q; ls -1
  f1
  f2
  f3
  $ rm -r ../s && cp -a ../good ../s && rm ../s/FIRN ../s/manifest-000001.log && firn --store ../s repair --json 2>/dev/null | python3 -c 'import json, sys; o = json.load(sys.stdin); print([(c["state"], c["checkpoint"]["number"], c["found"]) for c in o["checkpoints"]], o["data"], o["intact"], o["was_intact"])'
  [('intact', 2, False), ('intact', 1, False)] kept 2 False
  $ firn --store ../s tag | grep -c begin
  1

A pin goes with its checkpoint.

  $ rm -r ../s && cp -a ../good ../s && firn --store ../s pin 1 2 -q && rm ../s/packs/00000002.pack && firn --store ../s repair -q 2>/dev/null
  [6]
  $ firn --store ../s pin
     1  <id>  <time>

What is told names the store as it is, and nothing twice; a safety checkpoint has no number.

  $ rm -r ../s && cp -a ../good ../s && echo edited >f1 && firn --store ../s restore 1 -q && rm ../s/manifest-000001.log && firn --store ../s repair >../told 2>../err; grep -c repairing ../err; sort ../err | uniq -d; grep -c '^intact  -  [k-z]\{8\}  ' ../told
  0
  1

Where there is none.

  $ firn --store ../none repair
  [3]
  ! firn: there is no store at '../none'
  ! hint: --store DIR names a store, firn workspaces lists them
