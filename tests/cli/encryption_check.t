Checking an encrypted store without its key: what checksums can tell, and what they cannot.

  $ seq 30000 >a && echo two >b && head -c 64 /dev/zero >../key && head -c 64 /dev/urandom >../wrong
  $ export FIRN_KEY_FILE=../key
  $ firn init --encrypt -q && firn save -q && firn db put --encrypt ../kv users ada 1815 && firn db put ../clear k a b
  1
  $ firn check | sed 's/, [0-9]* objects/, N objects/'
  1 checkpoint, <n> pack, N objects: no damage
  $ firn db check ../kv
  1 keyspace, 1 entry, <n> log records: no damage

Where no key can be had, what was not verified is a warning, and the exit code is 6.

  $ unset FIRN_KEY_FILE
  $ firn check
  1 file, 0 blocks, <size> read, <n> log records: checksums match
  ! firn: not verified, since no key was given: the contents of packs, which --data reads; what is encrypted in files; whether files belong together, and whether one is missing
  [6]
  $ firn check --data | sed 's/[0-9.]* KB/N KB/'
  1 file, 5 blocks, N KB read, <n> log records: checksums match
  ! firn: not verified, since no key was given: what is encrypted in files; whether files belong together, and whether one is missing
  $ firn check -q
  ! firn: not verified, since no key was given: the contents of packs, which --data reads; what is encrypted in files; whether files belong together, and whether one is missing
  [6]
  $ firn check --json
  {"without_key":true,"not_verified":"the contents of packs, which --data reads; what is encrypted in files; whether files belong together, and whether one is missing","files":1,"blocks":0,"bytes_read":368,"log_records":16,"damaged":0,"notices":[]}
  ! firn: not verified, since no key was given: the contents of packs, which --data reads; what is encrypted in files; whether files belong together, and whether one is missing
  [6]
  $ firn db check ../kv
  0 files, 0 blocks, <size> read, <n> log records: checksums match
  ! firn: not verified, since no key was given: what is encrypted in files; whether files belong together, and whether one is missing
  [6]
  $ firn db check ../kv --json
  {"damage":[],"without_key":true,"not_verified":"what is encrypted in files; whether files belong together, and whether one is missing","files":0,"blocks":0,"bytes_read":0,"log_records":3,"damaged":0}
  ! firn: not verified, since no key was given: what is encrypted in files; whether files belong together, and whether one is missing
  [6]

A key that is wrong is an error. With --no-key none is used, and what was not verified is no surprise; a store in clear needs none.

  $ firn check --no-key
  1 file, 0 blocks, <size> read, <n> log records: checksums match
  not verified without a key: the contents of packs, which --data reads; what is encrypted in files; whether files belong together, and whether one is missing
  $ firn check --no-key --data -q && firn db check ../kv --no-key
  0 files, 0 blocks, <size> read, <n> log records: checksums match
  not verified without a key: what is encrypted in files; whether files belong together, and whether one is missing

  $ FIRN_KEY_FILE=../wrong firn check
  ! firn: could not unlock '<T>/data/firn/w-<hex>': FIRN_KEY_FILE: this key file opens no slot of the keys file
  [1]
  $ FIRN_KEY_FILE=../wrong firn db check ../kv
  ! firn: could not unlock '../kv': FIRN_KEY_FILE: this key file opens no slot of the keys file
  [1]
  $ FIRN_KEY_FILE=../wrong firn db check ../kv --no-key -q
  $ FIRN_KEY_COMMAND='echo asked >../asked' firn check --no-key -q; ls ../asked
  ! ls: cannot access '../asked': No such file or directory
  [2]
  $ firn db check ../clear --no-key
  1 keyspace, 1 entry, <n> log records: no damage
  $ firn db put ../bad k a b && printf x | dd of=../bad/FIRN bs=1 seek=20 conv=notrunc 2>/dev/null; firn db check ../bad --no-key --json 2>/dev/null | python3 -c 'import json, sys; print(sorted(json.load(sys.stdin)))'
  ['damage', 'error']
  $ firn db check ../none --no-key
  ! firn: could not open directory '../none': No such file or directory
  ! hint: firn db put makes a store and a keyspace
  [3]

Damage is named, and nothing else of the store.

  $ harm() { python3 -c "import sys; f = open(sys.argv[1], \"r+b\"); f.seek(int(sys.argv[2])); b = f.read(1); f.seek(-1, 1); f.write(bytes([b[0] ^ 1]))" "$@"; }
  $ s=$(firn workspaces list --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["workspaces"][0]["store"])')
  ! firn: could not be read: <T>/data/firn/w-<hex>: '<T>/data/firn/w-<hex>' is encrypted, and no key was given: set FIRN_KEY_FILE to the path of a key file, or FIRN_KEY_COMMAND to a command that prints the passphrase, or run: firn key unlock
  ! hint: firn key unlock STORE lets an encrypted store be listed, and its workspaces be removed
  $ harm $s/packs/00000001.pack 300 && firn check -q; firn check --data -q
  ! firn: not verified, since no key was given: the contents of packs, which --data reads; what is encrypted in files; whether files belong together, and whether one is missing
  ! firn: damaged: '<T>/data/firn/w-<hex>/packs/00000001.pack': block at 128: its bytes do not match their checksum
  ! firn: not verified, since no key was given: what is encrypted in files; whether files belong together, and whether one is missing
  ! firn: '<T>/data/firn/w-<hex>' is damaged: see above
  ! hint: firn repair rebuilds the store from what can still be read; it needs a key
  [5]
  $ firn check --data --json 2>/dev/null | python3 -c 'import json, sys; o = json.load(sys.stdin); print(o["without_key"], o["damaged"], o["notices"][0]["kind"], o["error"]["code"], o["error"]["exit"])'
  True 1 damaged FIRN_CORRUPT 5
  $ harm $s/packs/00000001.pack 20 && firn check --no-key
  1 file, 0 blocks, <size> read, <n> log records: 1 damaged
  not verified without a key: the contents of packs, which --data reads; what is encrypted in files; whether files belong together, and whether one is missing
  ! firn: damaged: '<T>/data/firn/w-<hex>/packs/00000001.pack': checksum of the header is <hex>, expected <hex>
  ! firn: '<T>/data/firn/w-<hex>' is damaged: see above
  ! hint: firn repair rebuilds the store from what can still be read; it needs a key
  [5]
  $ harm $s/packs/00000001.pack 20 && harm $s/packs/00000001.pack 300 && firn check --no-key --data -q
  $ harm ../kv/wal-000001.log 200 && firn db check ../kv
  0 files, 0 blocks, <size> read, <n> log record: 1 damaged
  ! firn: ../kv/wal-000001.log: offset 176: bad bytes, in a part that was durable up to offset <n>
  ! firn: not verified, since no key was given: what is encrypted in files; whether files belong together, and whether one is missing
  ! firn: '../kv' is damaged: see above
  ! hint: firn db repair STORE rebuilds the store from what is left of it
  [5]
  $ firn db check ../kv --json 2>/dev/null | python3 -c 'import json, sys; o = json.load(sys.stdin); print(o["damaged"], len(o["damage"]), o["error"]["code"])'
  1 1 FIRN_CORRUPT
  $ harm ../kv/wal-000001.log 200 && harm ../kv/FIRN.keys 150 && firn db check ../kv --no-key -q
  ! firn: '../kv/FIRN.keys': the keys file is damaged: its checksum is another one; the store is encrypted, and cannot be read without it: a copy of the store or of this file has the keys
  ! firn: '../kv/FIRN.keys' is damaged: see above
  ! hint: copy FIRN.keys back from a backup of the store: nothing else has the keys
  [5]
  $ harm ../kv/FIRN.keys 150 && firn db check ../kv --no-key -q

A store in a single file.

  $ FIRN_KEY_FILE=../key firn db export ../kv -o ../kv.firnx && firn db check ../kv.firnx --no-key
  1 file, 5 blocks, <size> read, <n> log records: checksums match
  not verified without a key: what is encrypted in files; whether files belong together, and whether one is missing
  $ FIRN_KEY_FILE=../wrong firn db check ../kv.firnx --no-key -q
  $ harm ../kv.firnx 9000 && firn db check ../kv.firnx --no-key
  ! firn: '../kv.firnx' is damaged: the byte at offset 9000, between two files, is not zero
  [5]

That a file is missing is seen only with a key.

  $ rm $s/packs/00000001.pack && firn check --no-key -q && FIRN_KEY_FILE=../key firn check -q 2>/dev/null
  [5]

Without a key, a collection removes leftovers, and cannot tell which packs are needed. A repair repairs nothing.

  $ mkdir $s/outgoing && for f in packs/00000009.pack.tmp runs/000009.row.tmp wal-000009.log.tmp outgoing/00000009.pack; do echo left >$s/$f; done
  $ touch $s/outgoing/LOCK $s/packs/mine.tmp $s/FIRN.keys.tmp; mkdir $s/damaged-1; cp ../key $s/packs/00000002.pack; ls -R $s >../before
  $ firn gc -n
  4 files of interrupted writes would be removed: 20 B
  ! firn: packs not collected, since no key was given: which packs are needed is encrypted; firn key unlock, then firn gc
  [6]
  $ ls -R $s | diff ../before - && firn gc --no-key --json
  {"without_key":true,"not_collected":"packs","leftovers":4,"leftover_bytes":20,"notices":[]}
  $ ls -R $s | diff ../before - | grep '^[<>]'
  < wal-000009.log.tmp
  < 00000009.pack
  < 00000009.pack.tmp
  < 000009.row.tmp
  $ firn gc -q
  ! firn: packs not collected, since no key was given: which packs are needed is encrypted; firn key unlock, then firn gc
  [6]
  $ firn gc --no-key
  interrupted writes have left nothing
  packs not collected without a key: which packs are needed is encrypted; firn key unlock, then firn gc
  $ FIRN_KEY_FILE=../wrong firn gc
  ! firn: could not unlock '<T>/data/firn/w-<hex>': FIRN_KEY_FILE: this key file opens no slot of the keys file
  [1]
  $ firn gc --full
  ! firn: '<T>/data/firn/w-<hex>' is encrypted, and no key was given: set FIRN_KEY_FILE to the path of a key file, or FIRN_KEY_COMMAND to a command that prints the passphrase, or run: firn key unlock
  ! hint: that takes the key; without it, a plain firn gc removes what interrupted writes have left
  [1]
  $ firn gc --no-key --now
  ! firn: gc: --no-key goes with --dry-run alone
  ! usage: firn gc [options]
  ! help: firn help gc
  [2]
  $ harm $s/FIRN.keys 150 && firn gc --no-key
  ! firn: '<T>/data/firn/w-<hex>/FIRN.keys': the keys file is damaged: its checksum is another one; the store is encrypted, and cannot be read without it: a copy of the store or of this file has the keys
  ! hint: copy FIRN.keys back from a backup of the store: nothing else has the keys
  [5]
  $ harm $s/FIRN.keys 150 && rm $s/packs/00000002.pack && firn repair
  0 files, 0 blocks, <size> read, <n> log records: checksums match
  ! firn: not verified, since no key was given: what is encrypted in files; whether files belong together, and whether one is missing
  ! firn: nothing repaired, since no key was given: what is encrypted cannot be rebuilt; firn key unlock, then firn repair
  [6]
  $ firn repair --no-key -q && firn db repair $s --json
  {"checkpoints":[],"without_key":true,"not_verified":"what is encrypted in files; whether files belong together, and whether one is missing","files":0,"blocks":0,"bytes_read":0,"log_records":16,"damaged":0,"notices":[]}
  ! firn: not verified, since no key was given: what is encrypted in files; whether files belong together, and whether one is missing
  ! firn: nothing repaired, since no key was given: what is encrypted cannot be rebuilt; firn key unlock, then firn db repair
  [6]
  $ harm $s/wal-000001.log 200 && firn repair -q
  ! firn: damaged: <T>/data/firn/w-<hex>/wal-000001.log: offset 176: bad bytes, in a part that was durable up to offset <n>
  ! firn: not verified, since no key was given: what is encrypted in files; whether files belong together, and whether one is missing
  ! firn: '<T>/data/firn/w-<hex>' is damaged: see above
  ! hint: nothing was repaired; firn key unlock, then firn repair rebuilds the store from what can still be read
  [5]
  $ firn db repair $s --no-key
  0 files, 0 blocks, <size> read, <n> log records: 1 damaged
  not verified without a key: what is encrypted in files; whether files belong together, and whether one is missing
  ! firn: damaged: <T>/data/firn/w-<hex>/wal-000001.log: offset 176: bad bytes, in a part that was durable up to offset <n>
  ! firn: '<T>/data/firn/w-<hex>' is damaged: see above
  ! hint: nothing was repaired; firn key unlock, then firn db repair rebuilds the store from what can still be read
  [5]
  $ harm $s/wal-000001.log 200 && firn push
  ! firn: '<T>/data/firn/w-<hex>' is encrypted, and no key was given: set FIRN_KEY_FILE to the path of a key file, or FIRN_KEY_COMMAND to a command that prints the passphrase, or run: firn key unlock
  ! hint: nothing was done: checkpoints and the URLs of remotes are encrypted; without the key, firn check --no-key looks for damage, and firn check --remote --no-key URL in a remote
  [1]
