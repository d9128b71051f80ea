Something that should never have been saved, taken out of every checkpoint.

  $ firn config --user gc.auto false
  $ mkdir conf && head -c 300000 /dev/urandom >conf/secret && echo one >other && firn save -q
  1
  $ head -c 5 /dev/zero >>conf/secret && echo two >other && firn save -q && firn tag v1 -q
  2
  $ ln conf/secret twin && firn save -q
  3
  $ dd if=conf/secret of=../probe bs=1 skip=1000 count=64 2>/dev/null

  $ cat >../probe.py <<'END'
  > import os, sys
  > probe, found = open("../probe", "rb").read(), 0
  > for folder, _, names in os.walk(os.environ["XDG_DATA_HOME"]):
  >     found += sum(probe in open(os.path.join(folder, name), "rb").read() for name in names)
  > print("in the store:", found > 0)
  > END
  $ python3 ../probe.py
  in the store: True

There is no way back, so it is looked at first.

  $ firn forget conf/secret
  ! firn: forget: this cannot be undone: check with --dry-run, then confirm with --yes
  ! usage: firn forget [options] PATH...
  ! help: firn help forget
  [2]
  $ firn forget --dry-run conf/secret
  would remove from 3  <id>  1 file, 0 B
  would remove from 2  <id>  1 file, 300 KB
  would remove from 1  <id>  1 file, 300 KB
  $ firn forget -n conf -q
  3
  2
  1
  $ firn forget -y nothing
  ! firn: 'nothing' is in no checkpoint
  ! hint: firn show REF --files lists the files of a checkpoint; remove data that only deleted checkpoints had with: firn gc --full --now
  [3]
  $ firn forget -y
  ! firn: forget: missing PATH...
  ! usage: firn forget [options] PATH...
  ! help: firn help forget
  [2]
  $ firn forget -y .
  ! firn: forget: the root itself cannot be forgotten, only paths in it; firn delete deletes whole checkpoints
  ! usage: firn forget [options] PATH...
  ! help: firn help forget
  [2]
  $ cd conf && firn forget -y .. 2>&1 | head -n 1; cd ..
  firn: forget: the root itself cannot be forgotten, only paths in it; firn delete deletes whole checkpoints
  $ firn forget -y ../probe
  ! firn: forget: '../probe' is not a path inside the workspace <T>/w
  ! usage: firn forget [options] PATH...
  ! help: firn help forget
  [2]
  $ firn show 1 --files | awk '{ print $NF }'
  conf/
  conf/secret
  other

Another name of the file keeps it.

  $ firn forget -y conf/secret
  removed from 3  <id>  1 file, 0 B
  removed from 2  <id>  1 file, 300 KB
  removed from 1  <id>  1 file, 300 KB
  remove the contents from the store with: firn gc
  files in the directory stay; the next save includes them again unless a rule in
  .firnignore leaves it out
  $ firn show v1 | grep -v "^id\|^made\|^tree\|^stored"
  checkpoint  2
  files       1 in 2 directories
  contents    4 B
  left out    0 by rule, 0 that could not be saved
  forgotten   1 path removed since
  tags        v1
  changes     1 changed, 0 added, 0 removed since 1
  $ firn cat 3 twin | cmp - twin && firn cat 3 conf/secret
  ! firn: 'conf/secret' is not in the checkpoint
  ! hint: firn show REF --files lists the files of a checkpoint
  [3]
  $ firn gc -q && python3 ../probe.py
  in the store: True
  $ cd conf && firn forget ../twin --yes -q; cd ..
  3
  $ firn gc | sed 's/ [0-9.]* KB before/ many KB before/' && python3 ../probe.py && firn check --data
  <n> packs removed, 1 rewritten: many KB before, 1 KB now
  in the store: False
  3 checkpoints, <n> pack, <n> objects, <size> read: no damage

What only deleted checkpoints had is in none, and goes as well.

  $ mkdir ../deleted && cd ../deleted && cp ../w/conf/secret . && head -c 20000000 /dev/urandom >large && firn save -q && rm secret && firn save -q && firn delete --now 1 -q
  1
  2
  1
  $ firn forget --yes secret
  ! firn: 'secret' is in no checkpoint
  ! hint: firn show REF --files lists the files of a checkpoint; remove data that only deleted checkpoints had with: firn gc --full --now
  [3]
  $ firn gc && python3 ../probe.py
  0 packs removed, 1 rewritten: 20.<n> MB before, 20.<n> MB now
  about 30<n> KB of it is not needed, spread among data that is; free it with: firn gc --full
  in the store: True
  $ firn gc --full -q && python3 ../probe.py; cd ../w
  in the store: False

The directory stays as it is, and a restore leaves it alone.

  $ firn restore 1 && cat other && ls conf
  restored 1: 1 changed, 0 added, 1 removed; take this back with: firn undo
  one
  secret
  $ firn list --json | python3 -c 'import json, sys; print([(c["number"], c["forgotten"]) for c in json.load(sys.stdin)["checkpoints"]])'
  [(3, 2), (2, 1), (1, 1)]

The restore saved what it removed; that can be forgotten as well.

  $ echo /conf/secret >.firnignore && firn save -q && firn forget -y twin -q | wc -l && firn gc -q && python3 ../probe.py
  4
  1
  in the store: False
  $ firn forget -y other --json | python3 -c 'import json, sys; r = json.load(sys.stdin); print(r["dry_run"], [(f["checkpoint"]["number"], sorted(f)) for f in r["forgotten"]])'
  False [(4, ['bytes', 'checkpoint', 'directories', 'files']), (None, ['bytes', 'checkpoint', 'directories', 'files']), (3, ['bytes', 'checkpoint', 'directories', 'files']), (2, ['bytes', 'checkpoint', 'directories', 'files']), (1, ['bytes', 'checkpoint', 'directories', 'files'])]

A safety checkpoint has no number: it goes by its id. Where nothing was saved, nothing can be forgotten.

  $ echo six >six && firn save -q && echo more >six && firn restore latest -q; firn forget -n six
  5
  would remove from <id>  1 file, 5 B
  would remove from 5  <id>  1 file, 4 B
  $ firn delete -n $(firn list --all --json | python3 -c 'import json, sys; print(next(c["id"] for c in json.load(sys.stdin)["checkpoints"] if c["safety"]))')
  would delete <id>  before restoring 5
  $ mkdir ../never && firn -C ../never forget -n x
  ! firn: '<T>/never' has no checkpoint yet
  ! hint: firn save makes a checkpoint
  [3]
