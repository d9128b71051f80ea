A store in clear becomes encrypted, its master key is replaced, and it becomes clear again; each of them writes everything anew.

  $ echo "the plan" >plan && firn save -qm first && echo "the other plan" >plan && firn save -qm second
  1
  2
  $ head -c 64 /dev/urandom >../key
  $ firn key rotate
  ! firn: the store in '<T>/data/firn/w-<hex>' is not encrypted, and has no keys
  ! hint: firn key encrypt-store encrypts it
  [2]
  $ firn gc --rekey
  ! firn: the store in '<T>/data/firn/w-<hex>' is not encrypted, and has no keys
  [2]
  $ firn key encrypt-store
  ! firn: '<T>/data/firn/w-<hex>' cannot be encrypted without a key: set FIRN_KEY_FILE to the path of a key file, or FIRN_KEY_COMMAND to a command that prints the passphrase
  [1]
  $ firn key encrypt-store --cipher des
  ! firn: key encrypt-store: --cipher is xchacha20, aes or aegis, not 'des'
  ! usage: firn key encrypt-store [options] [STORE]
  ! help: firn help key encrypt-store
  [2]
  $ firn key encrypt-store --key-file ../missing
  ! firn: could not unlock '<T>/data/firn/w-<hex>': FIRN_KEY_FILE: could not open '../missing': No such file or directory
  [1]
  $ firn key encrypt-store --key-file ../key
  the store is encrypted: <n> files written anew
  ! firn: without its passphrase, key file or recovery code nobody can read this store again
  $ firn key encrypt-store --key-file ../key
  ! firn: the store in '<T>/data/firn/w-<hex>' is encrypted already
  ! hint: firn key rotate and firn gc --rekey replace its master key
  [1]
  $ export FIRN_KEY_FILE=../key
  $ firn list
     2  <id>  <time>          1 file       15 B  second
     1  <id>  <time>          1 file        9 B  first
  $ firn check --data
  2 checkpoints, 1 pack, 5 objects, <size> read: no damage
  $ firn cat 1 plan
  the plan
  $ firn key list --json | grep -o '"state":"[a-z]*"'
  "state":"settled"

A rotation, and the old master key is dropped.

  $ firn key rotate
  new files are encrypted with a new master key; files that are there keep theirs
  ! hint: firn gc --rekey writes them anew
  $ firn key list
  XChaCha20-Poly1305, 3 master keys; locked
      1  key file       <time>
  $ firn gc --rekey --auto
  ! firn: gc: --auto excludes --full, --now, --rekey and --recompress
  ! usage: firn gc [options]
  ! help: firn help gc
  [2]
  $ firn gc --rekey
  0 packs removed, 1 rewritten: <size> before, <size> now
  <n> files written anew, none is left with an older key
  $ firn gc --rekey --json | grep -o '"rekeyed.*left":[0-9]*'
  "rekeyed":0,"rekey_left":0
  $ firn key list
  XChaCha20-Poly1305, 1 master key; locked
      1  key file       <time>
  $ firn check --no-key --data
  <n> files, <n> blocks, <size> read, <n> log records: checksums match
  not verified without a key: what is encrypted in files; whether files belong together, and whether one is missing
  $ firn cat 2 plan
  the other plan

And back.

  $ firn key decrypt-store
  ! firn: key decrypt-store: everybody who has the disk can read the store then: confirm with --yes
  ! usage: firn key decrypt-store [options] [STORE]
  ! help: firn help key decrypt-store
  [2]
  $ firn key decrypt-store --yes --json | grep -o '"left":[0-9]*'
  "left":0
  $ unset FIRN_KEY_FILE
  $ firn check --data
  2 checkpoints, 1 pack, 5 objects, <size> read: no damage
  $ firn cat 1 plan
  the plan
  $ firn key list
  ! firn: the store in '<T>/data/firn/w-<hex>' is not encrypted, and has no keys
  ! hint: firn key encrypt-store encrypts it
  [2]

A store inside of the tree: there only the files count that firn made.

  $ mkdir ../inside && cd ../inside && echo a >a && firn init --here -q && firn save -qm a
  1
  $ firn key encrypt-store --key-file ../key -q
  $ export FIRN_KEY_FILE=../key
  $ echo "correct horse battery staple" | firn key add
  added key 2
  $ firn key rotate -q
  $ firn gc --rekey -q
  $ firn check
  1 checkpoint, 1 pack, 2 objects: no damage
  $ firn key decrypt-store --yes
  the store is in clear: <n> files written anew
  $ unset FIRN_KEY_FILE
  $ firn list
     1  <id>  <time>          1 file        2 B  a

Stores of data.

  $ cd .. && firn db put app.firn users ada 1815 && firn db checkpoint app.firn -q one && firn db put app.firn users ada 1816
  $ firn db sql --create app.firn "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)" && firn db sql app.firn "INSERT INTO t VALUES (1, 'ada')"
  $ firn db compact --rekey app.firn
  ! firn: the store in 'app.firn' is not encrypted, and has no keys
  [2]
  $ mkdir app.firn/damaged-1 && firn key encrypt-store --key-file key app.firn
  ! firn: 'app.firn/damaged-1' is what a repair has left of an earlier store: move it away or remove it first
  [1]
  $ rmdir app.firn/damaged-1
  $ firn key encrypt-store --key-file key --cipher xchacha20 app.firn
  the store is encrypted: <n> files written anew
  ! firn: without its passphrase, key file or recovery code nobody can read this store again
  $ export FIRN_KEY_FILE=key
  $ firn db get app.firn users ada && echo
  1816
  $ firn db get app.firn users ada --at one && echo
  1815
  $ firn db sql app.firn "SELECT * FROM t"
  1	ada
  $ firn key rotate app.firn
  new files are encrypted with a new master key; files that are there keep theirs
  ! hint: firn db compact --rekey writes them anew
  $ firn db compact --rekey app.firn users
  ! firn: db compact: --rekey is for a whole store
  ! usage: firn db compact [options] STORE [KEYSPACE]
  ! help: firn help db compact
  [2]
  $ firn db compact --rekey app.firn
  <n> files written anew, none is left with an older key
  $ firn db compact --rekey app.firn --json
  {"rekeyed":0,"left":0}
  $ cp app.firn/FIRN.keys older && firn key replace --key-file other app.firn
  ! firn: key replace: none of the keys of the store opens it then, nor does a recovery code: confirm with --yes
  ! usage: firn key replace [options] [STORE]
  ! help: firn help key replace
  [2]
  $ firn key replace --yes --new app.firn
  ! firn: key replace: --new is for --key-file
  ! usage: firn key replace [options] [STORE]
  ! help: firn help key replace
  [2]
  $ firn key replace --yes --key-file other --new --label desk app.firn
  replaced all keys by key 2
  ! hint: firn db compact --rekey writes anew what the old ones still open; firn key add --recovery makes a recovery code
  $ firn db get app.firn users ada
  ! firn: could not unlock 'app.firn': FIRN_KEY_FILE: this key file opens no slot of the keys file
  [1]
  $ export FIRN_KEY_FILE=other
  $ firn key list app.firn
  XChaCha20-Poly1305, 2 master keys; locked
      2  key file       <time>  desk
  $ firn db put app.firn users grace 1906 && firn db get app.firn users ada && echo
  1816
  $ firn db compact --rekey -q app.firn && cp app.firn/FIRN.keys now && cp older app.firn/FIRN.keys && FIRN_KEY_FILE=key firn db get app.firn users ada 2>&1 | sed 's/, that is not.*//; s/.*offset/offset/'
  offset 128: it is encrypted with a master key, number <n>
  $ cp now app.firn/FIRN.keys && firn key list app.firn | head -n 1
  XChaCha20-Poly1305, 1 master key; locked
  $ firn db check --no-key app.firn
  <n> files, <n> blocks, <size> read, <n> log records: checksums match
  not verified without a key: what is encrypted in files; whether files belong together, and whether one is missing
  $ firn key decrypt-store --yes app.firn
  the store is in clear: <n> files written anew
  $ unset FIRN_KEY_FILE
  $ firn db check app.firn
  3 keyspaces, 4 entries, 0 log records, 1 table of 1 row: no damage

An attempt that failed after the keys were made has made no recovery code. The next one makes it, once.

  $ mkdir undone && cd undone && head -c 3000000 /dev/urandom >large && firn db put half.firn k large - <large && head -c 32 /dev/urandom >key
  $ (ulimit -f 2000; trap '' XFSZ; firn key encrypt-store -q --key-file key half.firn 2>/dev/null) || firn key list half.firn
  becoming encrypted: firn key encrypt-store, given again, ends that
  <any>, 1 master key; locked
      1  key file       <time>
  $ firn key encrypt-store -q --key-file key --recovery half.firn | sed 's/: .*/: CODE/'
  recovery code: CODE
  ! firn: write the recovery code down, and keep it away from this machine: it opens the store, and is not shown again
  $ firn key list half.firn | sed 1d
      1  key file       <time>
      2  recovery code  <time>
