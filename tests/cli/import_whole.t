An import takes all that its source has. The checkpoint names what the source has lost: a restore leaves it alone, and a later run completes it.

  ? git --version
  $ export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b TZ=UTC
  $ mkdir -p ../src/node_modules/m ../src/target ../src/lib && cd ../src && printf '*.log\nlib/\n' >.firnignore && echo '*.o' >.gitignore && for f in a a.log b.o lib/l node_modules/m/i target/CACHEDIR.TAG; do echo $f >$f; done
  $ names() { firn show $1 --files | sed 's/.*:[0-9][0-9]  //' | grep -v '/$'; }

Rules that came with an archive exclude nothing, unless they are asked to.

  $ tar -cf ../src.tar . && mkdir ../tar && cd ../tar && firn import tar ../src.tar --strict && names 1
  1  <id>  8 files, <size>; 8 new, <size> added
  .firnignore
  .gitignore
  a
  a.log
  b.o
  lib/l
  node_modules/m/i
  target/CACHEDIR.TAG
  $ firn restore 1 -q && diff -r ../src . && rm a.log && firn restore 1 && cat a.log
  restored 1: <any>
  a.log
  $ mkdir ../ruled && cd ../ruled && firn import tar ../src.tar --rules && names 1
  1  <id>  6 files, <size>; 6 new, <size> added
  left out by rule: a.log, lib
  .firnignore
  .gitignore
  a
  b.o
  node_modules/m/i
  target/CACHEDIR.TAG

A store of firn in an archive is saved as its files are.

  $ firn db put ../data.firn k key value && mkdir ../stores ../with && cp -r ../data.firn ../with/data && tar -cf ../with.tar -C ../with . && cd ../stores && firn import tar ../with.tar -q && firn restore 1 -q && diff -r ../with . && echo same
  1
  same

Entries that no checkpoint can have are named, and the exit code is 6.

  $ mkdir -p ../repos/x/.git ../repos/y/.git && touch ../repos/x/.git/config ../repos/x/f && mkfifo ../repos/p && tar -cf ../repos.tar -C ../repos . && mkdir ../plain && cd ../plain && firn import tar ../repos.tar
  ! firn: left out: p: it is a fifo
  1  <id>  1 file, 0 B; 1 new, <size> added
  left out by rule: .git (2)
  [6]
  $ mkfifo p && firn restore 1 && ls -F
  restored 1: 0 changed, 1 added, 0 removed; take this back with: firn undo
  p|
  x/
  y/
  $ tar -cf ../git.tar -C ../repos x && firn import tar ../git.tar --strict; echo $?; firn list | wc -l
  1
  1
  ! firn: cannot save '.git': belongs to version control

A committed .firnignore excludes no committed file. A file that the repository has lost stays where it is on disk.

  $ git init -q -b main ../repo && cd ../repo && n=0 && commit() { n=$((n + 1)); git add -Af && GIT_COMMITTER_DATE="170000000$n +0000" GIT_AUTHOR_DATE="1600000000 +0000" git commit -q -m "$1"; }
  $ printf '*.log\nsub/\n' >.firnignore && echo 1 >a.log && mkdir sub && echo s >sub/s && echo f1 >f && commit one && echo f2 >f && echo g >g && commit two && echo h >h && commit three
  $ hash=$(git rev-parse HEAD~1:f) && object=.git/objects/$(echo $hash | sed 's|^..|&/|') && mv $object ../kept && mkdir ../ws && cd ../ws && firn import git ../repo
  3 commits imported, as 1 to 3
  ! firn: left out: f: git has no intact blob <hex>
  [6]
  $ names 1; names 2; firn show 3 --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["checkpoint"]["skipped"])'
  .firnignore
  a.log
  f
  sub/s
  .firnignore
  a.log
  g
  sub/s
  1
  $ echo mine >f && firn restore 3 -q && cat f g h a.log
  mine
  g
  h
  1
  $ firn import git ../repo 2>/dev/null; cp ../kept ../repo/$object && firn import git ../repo
  0 commits imported; 3 there before
  0 commits imported, as 4 to 5; 3 there before; 2 completed
  $ firn import git ../repo && firn restore git/$(git -C ../repo rev-parse HEAD) -q && cat f && firn cat git/$(git -C ../repo rev-parse HEAD~1) f && firn tag | wc -l
  0 commits imported; 3 there before
  f2
  f2
  3

What the rules of an imported state exclude is no difference while it is there; a line that includes it keeps it.

  $ mkdir ../ruled-ws && cd ../ruled-ws && firn import git ../repo -q && firn restore 3 -q && firn status && firn diff && rm sub/s && firn status -s && firn restore 3 -q && firn status -s
  compared with 3: no change; 4 unchanged
  not compared, excluded by rule: a.log, sub
  from 3 to the disk: 0 changed, 0 added, 0 removed
  not compared, excluded by rule: a.log, sub
  D sub/s
  $ printf '*.log\nsub/\n!a.log\n' >.firnignore && echo 2 >a.log && firn status -s; firn save | sed 's/; .*//' && firn show latest --files | sed 's/.*:[0-9][0-9]  //' | grep -e log -e sub
  M .firnignore
  M a.log
  4  <id>  5 files, <size>
  left out by rule: sub
  a.log
  $ firn status --ignored -s && cd ../ws
  I sub

A submodule is left out, and a restore leaves its directory alone. The next run does not make its commit again.

  $ cd ../repo && git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),module && GIT_COMMITTER_DATE="1700000005 +0000" git commit -q -m module && echo i >i && git add i && GIT_COMMITTER_DATE="1700000006 +0000" git commit -q -m i && cd ../ws && firn import git ../repo --rev HEAD~1 -q; firn import git ../repo && mkdir module && echo own >module/file && firn restore latest -q && cat module/file i
  1 commit imported, as 7 to 7; 4 there before
  own
  i
  ! firn: left out: module: it is a submodule

If more files are lost than a checkpoint can name, a restore leaves their directories alone.

  $ git init -q -b main ../wide && cd ../wide && mkdir -p a/b a/c && seq 1300 | while read i; do echo $i >a/b/$i; done && echo keep >a/c/k && commit wide && git ls-tree -r HEAD a/b | cut -c13-52 | sed 's|^..|.git/objects/&/|' | xargs rm && mkdir ../wide-ws && cd ../wide-ws && firn import git ../wide 2>&1 | tail -n 2; mkdir -p a/b && echo own >a/b/7 && firn restore 1 -q && cat a/b/7 a/c/k
  firn: left out: so much is missing that a restore in place leaves whole directories alone
  1 commit imported, as 1 to 1
  own
  keep

The same of a store of chkpt that lost a pack.

  $ cat >../make.py <<'END'
  > import json, os, sqlite3, subprocess
  > os.makedirs("../chkpt/packs")
  > db = sqlite3.connect("../chkpt/catalog.sqlite")
  > db.execute("CREATE TABLE snapshots (id TEXT, created_at TEXT, message TEXT, root_tree_hash BLOB, total_files INTEGER, manifest_snapshot_id TEXT)")
  > db.execute("CREATE TABLE snapshot_files (snapshot_id TEXT, path TEXT, blob_hash BLOB, mode INTEGER)")
  > def pack(text):
  >     open("../content", "w").write(text)
  >     made = subprocess.run(["firn", "chkp", "pack", "../chkpt/packs", "../content", "--json"], capture_output=True, text=True, check=True)
  >     return bytes.fromhex(json.loads(made.stdout)["objects"][0]["hash"])
  > a, b, rules = pack("a\n"), pack("b\n"), pack("*.log\n")
  > lost = os.listdir("../chkpt/packs")
  > c = pack("c\n")
  > for number, files in enumerate([{"a": a, "d/b": b}, {"a": a, "d/b": b, "c.log": c, ".firnignore": rules}, {"a": c, "d/b": b}], 1):
  >     db.execute("INSERT INTO snapshots VALUES (?, ?, '', NULL, ?, NULL)", (f"s{number}", f"2024-01-0{number}T00:00:00Z", len(files)))
  >     db.executemany("INSERT INTO snapshot_files VALUES (?, ?, ?, 33188)", [(f"s{number}", path, hash) for path, hash in files.items()])
  > db.commit()
  > os.mkdir("../lost")
  > for name in lost:
  >     os.rename("../chkpt/packs/" + name, "../lost/" + name)
  > END
  $ mkdir ../chkpt-ws && cd ../chkpt-ws && python3 ../make.py && firn import chkpt ../chkpt
  3 snapshots imported, as 1 to 3
  ! firn: left out: a: in snapshot s1: <any>
  ! firn: left out: d/b: in snapshot s1: <any>
  ! firn: left out: .firnignore: in snapshot s2: <any>
  ! firn: left out: a: in snapshot s2: <any>
  ! firn: left out: d/b: in snapshot s2: <any>
  ! firn: left out: d/b: in snapshot s3: <any>
  [6]
  $ names 2; names 3; mkdir d && echo mine >d/b && echo mine >other && firn restore 3 -q && cat a d/b && ls
  c.log
  a
  c
  mine
  a
  d
  ! firn: kept: d: it contains something that stays
  $ firn import chkpt ../chkpt 2>/dev/null; mv ../lost/* ../chkpt/packs && firn import chkpt ../chkpt && firn import chkpt ../chkpt; names chkpt/s2 && firn restore chkpt/s3 -q && cat a d/b
  0 snapshots imported; 3 there before
  0 snapshots imported, as 4 to 6; 3 there before; 3 completed
  0 snapshots imported; 3 there before
  .firnignore
  a
  c.log
  d/b
  c
  b
