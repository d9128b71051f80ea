Damage is found, named, and never restored. The damaged byte belongs to the contents of a file: only check --data reads that.

  $ for i in 1 2 3; do head -c 20000 /dev/urandom >f$i; done && firn --store ../s save -q && echo four >f4 && firn --store ../s save -q
  1
  2
  $ ls ../s/packs | head -n 1 >../name
  $ cp -a ../s ../good
  $ cat >../flip.py <<'END'
  > # flip.py FILE OFFSET: one bit of a file
  > import sys
  > with open(sys.argv[1], "r+b") as file:
  >     file.seek(int(sys.argv[2]))
  >     byte = file.read(1)[0]
  >     file.seek(int(sys.argv[2]))
  >     file.write(bytes([byte ^ 16]))
  > END
  $ python3 ../flip.py ../s/packs/$(cat ../name) 30000
  $ firn --store ../s check
  2 checkpoints, 2 packs, <n> objects: no damage
  $ firn --store ../s check --data >out 2>err; echo $?; cat out; tail -n 1 err; grep -c '^firn: damaged: ' err | sed 's/^[1-9].*/some/'
  5
  2 checkpoints, 2 packs, <n> objects, <size> read: <n> damaged
  hint: everything not named as damaged can still be restored; firn repair rebuilds the store from it
  some
  $ firn --store ../s check --data --json 2>/dev/null >json; echo $?; python3 -c 'import json; o = json.load(open("json")); print(o["damaged"] > 0, o["error"]["code"], {n["kind"] for n in o["notices"]})'
  5
  True FIRN_CORRUPT {'damaged'}
  $ rm out err json
  $ rm f1 f2 f3 && firn --store ../s restore 1 -n >/dev/null 2>../err; echo $?
  5
  $ firn --store ../s restore 1 >/dev/null 2>../err; echo $?; ls
  5
  f4
  $ firn --store ../s restore 2 f4
  restored 2: nothing had to change

The same with the log of the store.

  $ rm -r ../s && cp -a ../good ../s && firn --store ../s list -q
  2
  1
  $ python3 ../flip.py ../s/$(cd ../s && ls wal-*.log | head -n 1) 200
  $ firn --store ../s list -q 2>../err; echo $?; head -n 1 ../err | sed 's/[0-9][0-9]*/N/g' | cut -c -60
  5
  firn: ../s/wal-N.log: offset N: bad bytes, in a part that wa
  $ firn --store ../s save 2>/dev/null; echo $?
  5
  $ firn --store ../s gc 2>&1 | tail -n 1
  hint: firn check names what is damaged; firn delete REF deletes a checkpoint that needs it, firn repair rebuilds the store from the rest
  $ firn db check ../s 2>/dev/null; echo $?
  5

Files that are missing.

  $ rm -r ../s && cp -a ../good ../s && rm ../s/packs/$(cat ../name)
  $ firn --store ../s restore 1 >/dev/null 2>../err; echo $?; ls
  5
  f4
  $ firn --store ../s check >/dev/null 2>../err; echo $?
  5
  $ rm -r ../s && cp -a ../good ../s && rm ../s/FIRN
  $ firn --store ../s list 2>../err; echo $?
  5

Where nothing could be read nothing is said to be sound.

  $ firn --store ../s check --data >out 2>err; echo $?; cat out; tail -n 1 err; rm out err
  5
  hint: firn repair rebuilds the store from what can still be read
  $ firn --store ../s check --json 2>/dev/null | python3 -c 'import json, sys; o = json.load(sys.stdin); print(o["error"]["code"], sorted(o))'
  FIRN_CORRUPT ['error', 'notices']
  $ rm -r ../s && cp -a ../good ../s && rm ../s/wal-*.log && firn --store ../s check 2>/dev/null
  [5]
  $ firn --store ../none check --data
  ! firn: there is nothing to check: there is no store at '../none'
  ! hint: --store DIR names a store, firn workspaces lists them
  [3]
  $ FIRN_STORE=../none firn check --json 2>/dev/null | python3 -c 'import json, sys; o = json.load(sys.stdin); print(o["error"]["code"], sorted(o))'
  FIRN_NOT_FOUND ['error', 'notices']
  $ firn check
  ! firn: there is nothing to check: there is no store at '<T>/data/firn/w-<hex>'
  ! hint: --store DIR names a store, firn workspaces lists them
  [3]
  $ mkdir ../empty && firn --store ../empty check
  ! firn: there is nothing to check: there is no store at '../empty'
  ! hint: --store DIR names a store, firn workspaces lists them
  [3]

A file is no store, and no place for one either.

  $ echo x >../file; firn --store ../file check
  ! firn: could not open directory '../file': Not a directory
  ! hint: --store DIR names a store, firn workspaces lists them
  [3]
  $ firn --store ../file list
  ! firn: could not open directory '../file': Not a directory
  [3]
  $ firn --store ../file/below status
  ! firn: could not open directory '../file/below': Not a directory
  [3]
  $ firn --store ../file workspaces
  ! firn: could not open directory '../file': Not a directory
  [3]

Where a watch listens nothing else may lie.

  $ rm -rf ../v && mkdir ../v && firn --store ../vs -C ../v save -q && echo x >../vs/watch-1 && timeout 20 firn --store ../vs -C ../v watch
  1
  ! firn: '../vs/watch-1' is in the way: it is not a socket
  ! hint: move it away, or remove it: nothing of the store is in it
  [1]

What one damaged block takes along is told once a path, not once a path and checkpoint.

  $ mkdir ../many && cd ../many && for i in 1 2 3 4 5; do echo "file $i" >f$i; done
  $ for i in 1 2 3 4; do echo $i >new && firn --store ../ms save -q; done
  1
  2
  3
  4
  $ python3 ../flip.py ../ms/packs/00000001.pack 160
  $ firn --store ../ms check --data 2>&1 | sed "s/'.*pack'/PACK/"
  firn: damaged: PACK: block at <n>: <any>
  firn: damaged: PACK: bytes <n> to <n> do not match their checksum
  firn: damaged: 6 objects: PACK: block at <n>: <any>
  firn: damaged: f1: its content is damaged, in 4 checkpoints: <id>, <id>, <id> and 1 more
  firn: damaged: f2: its content is damaged, in 4 checkpoints: <id>, <id>, <id> and 1 more
  firn: damaged: f3: its content is damaged, in 4 checkpoints: <id>, <id>, <id> and 1 more
  firn: damaged: f4: its content is damaged, in 4 checkpoints: <id>, <id>, <id> and 1 more
  firn: damaged: f5: its content is damaged, in 4 checkpoints: <id>, <id>, <id> and 1 more
  firn: damaged: new: its content is damaged, in 1 checkpoint: <id>
  4 checkpoints, 4 packs, <n> objects, <size> read: 29 damaged
  firn: '../ms' is damaged: see above
  hint: everything not named as damaged can still be restored; firn repair rebuilds the store from it
  $ firn --store ../ms check --data --json 2>/dev/null | python3 -c '
  > import json, sys
  > notices = json.load(sys.stdin)["notices"]
  > print(len([n for n in notices if n["path"] == "f1" and len(n["checkpoint"]) == 32]), len([n for n in notices if "checkpoint" not in n]))'
  4 3
