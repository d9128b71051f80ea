The whole life of an encrypted store, with no terminal: what opens it comes from FIRN_KEY_FILE and FIRN_KEY_COMMAND.

  $ echo one >a && mkdir d && echo two >d/b
  $ firn init --encrypt
  ! firn: '<T>/data/firn/w-<hex>' cannot be encrypted without a key: set FIRN_KEY_FILE to the path of a key file, or FIRN_KEY_COMMAND to a command that prints the passphrase
  [1]
  $ firn init --cipher aes
  ! firn: init: --cipher is for --encrypt
  ! usage: firn init [options]
  ! help: firn help init
  [2]
  $ firn init --encrypt --cipher des
  ! firn: init: --cipher is xchacha20, aes or aegis, not 'des'
  ! usage: firn init [options]
  ! help: firn help init
  [2]
  $ firn init --encrypt --key-file ''
  ! firn: init: --key-file: the path is empty
  ! usage: firn init [options]
  ! help: firn help init
  [2]
  $ firn init --recovery
  ! firn: init: --recovery and --no-recovery are for --encrypt
  ! usage: firn init [options]
  ! help: firn help init
  [2]
  $ firn init --encrypt --adopt
  ! firn: init: --adopt keeps a store as it is: it excludes --encrypt
  ! usage: firn init [options]
  ! help: firn help init
  [2]
  $ FIRN_KEY_FILE=../missing firn init --encrypt
  ! firn: could not unlock '<T>/data/firn/w-<hex>': FIRN_KEY_FILE: could not open '../missing': No such file or directory
  [1]
  $ head -c 31 /dev/zero >../short && firn init --encrypt --key-file ../short
  ! firn: a key file has 32 to 1048576 bytes
  [2]
  $ head -c 64 /dev/urandom >../key && head -c 64 /dev/urandom >../other
  $ firn init --encrypt --key-file ../key
  made the encrypted store <T>/data/firn/w-<hex>
  firn save will take 2 files, 8 B
  ! firn: without its passphrase, key file or recovery code nobody can read this store again
  ! hint: firn key add adds another way to open it
  $ FIRN_KEY_FILE=../other firn init --encrypt --json
  {"error":{"code":"FIRN_DENIED","message":"could not unlock '<T>/data/firn/w-<hex>': FIRN_KEY_FILE: this key file opens no slot of the keys file","exit":1}}
  ! firn: could not unlock '<T>/data/firn/w-<hex>': FIRN_KEY_FILE: this key file opens no slot of the keys file
  [1]
  $ firn init --encrypt --recovery --json
  {"error":{"code":"FIRN_INVALID","message":"init: a recovery code is not part of the JSON: leave out --json, or let standard error be a terminal","exit":2}}
  ! firn: init: a recovery code is not part of the JSON: leave out --json, or let standard error be a terminal
  ! usage: firn init [options]
  ! help: firn help init
  [2]

What opens it.

  $ firn save -m first
  ! firn: '<T>/data/firn/w-<hex>' is encrypted, and no key was given: set FIRN_KEY_FILE to the path of a key file, or FIRN_KEY_COMMAND to a command that prints the passphrase, or run: firn key unlock
  [1]
  $ FIRN_KEY_FILE=../missing firn save
  ! firn: could not unlock '<T>/data/firn/w-<hex>': FIRN_KEY_FILE: could not open '../missing': No such file or directory
  [1]
  $ FIRN_KEY_FILE=../other firn save
  ! firn: could not unlock '<T>/data/firn/w-<hex>': FIRN_KEY_FILE: this key file opens no slot of the keys file
  [1]
  $ FIRN_KEY_COMMAND='echo no' firn save --json
  {"error":{"code":"FIRN_DENIED","message":"could not unlock '<T>/data/firn/w-<hex>': FIRN_KEY_COMMAND: no slot of the keys file has a passphrase","exit":1}}
  ! firn: could not unlock '<T>/data/firn/w-<hex>': FIRN_KEY_COMMAND: no slot of the keys file has a passphrase
  [1]
  $ FIRN_KEY_COMMAND='exit 3' firn save
  ! firn: could not unlock '<T>/data/firn/w-<hex>': FIRN_KEY_COMMAND: '/bin/sh' failed with exit code 3
  [1]
  $ FIRN_KEY_COMMAND='firn list' firn save
  ! firn: '<T>/data/firn/w-<hex>' is encrypted, and no key was given: set FIRN_KEY_FILE to the path of a key file, or FIRN_KEY_COMMAND to a command that prints the passphrase, or run: firn key unlock
  ! firn: could not unlock '<T>/data/firn/w-<hex>': FIRN_KEY_COMMAND: '/bin/sh' failed with exit code 1
  [1]
  $ FIRN_KEY_COMMAND='echo "$((1' firn save 2>&1 | tail -n 1
  firn: could not unlock '<T>/data/firn/w-<hex>': FIRN_KEY_COMMAND: '/bin/sh' failed with exit code 2
  $ export FIRN_KEY_FILE=$PWD/../key
  $ firn save -m first
  1  <id>  2 files, 8 B; 2 new, <size> added  <s> s
  $ FIRN_KEY_COMMAND='echo no' firn save -m 'the file is looked at before'
  2  <id>  2 files, 8 B; no change since 1  <s> s

Work as in any store.

  $ echo three >a && firn diff -p && firn save -m second
  diff --git a/a b/a
  --- a/a
  +++ b/a
  @@ -1 +1 @@
  -one
  +three
  3  <id>  2 files, 10 B; 1 changed, <size> added  <s> s
  $ firn status
  compared with 3: no change; 2 unchanged
  encrypted: XChaCha20-Poly1305, 1 key
  $ firn status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["encryption"])'
  {'cipher': 'XChaCha20-Poly1305', 'keys': 1, 'master_keys': 1}
  $ firn restore 1 && cat a && firn undo && cat a
  restored 1: 1 changed, 0 added, 0 removed; take this back with: firn undo
  one
  undid the restore of 1 (first), back at 3: 1 changed, 0 added, 0 removed; redo with: firn redo
  three
  $ firn tag good 1 && firn list && firn check --data && firn gc
  good is 1
     3  <id>  <time>          2 files      10 B  second
     2  <id>  <time>          2 files       8 B  the file is looked at before
     1  <id>  <time>          2 files       8 B  [good]  first
  5 checkpoints (2 taken by restores), <n> packs, <n> objects, <size> read: no damage
  <n> packs removed, 2 rewritten: <n> KB before, <n> KB now
  $ grep -rl 'second\|three' $XDG_DATA_HOME/firn; find $XDG_DATA_HOME/firn -name FIRN.keys | wc -l
  1

Keys.

  $ firn key
  XChaCha20-Poly1305, 1 master key; locked
      1  key file       <time>
  $ echo 'my passphrase' | firn key add --label mine
  added key 2
  $ firn key add </dev/null
  ! firn: standard input has no such line
  ! hint: run it at a terminal, or give the new passphrase on standard input, as a line
  [3]
  $ echo | firn key add
  ! firn: a passphrase has 1 to 1024 bytes
  [2]
  $ firn key add --key-file ../third
  ! firn: could not read the key file '../third': No such file or directory
  ! hint: --new makes a key file
  [3]
  $ firn key add --key-file ../third --new --label laptop -q && stat -c '%a %s' ../third
  600 32
  $ firn key add --key-file ../third --new
  ! firn: could not create '../third': File exists
  ! hint: without --new the file is used
  [1]
  $ firn key add --key-file ../short
  ! firn: a key file has 32 to 1048576 bytes
  [2]
  $ firn key add --recovery --passphrase
  ! firn: key add: --passphrase, --key-file and --recovery exclude each other
  ! usage: firn key add [options] [STORE]
  ! help: firn help key add
  [2]
  $ firn key add --recovery >../code && sed 's/[0-9A-Z]\{5\}/XXXXX/g' ../code
  recovery code: XXXXX-XXXXX-XXXXX-XXXXX-XXXXX-XXXXX-XXXXX-XXXXX
  ! firn: write the recovery code down, and keep it away from this machine: it opens the store, and is not shown again
  $ firn key add --recovery --json
  {"error":{"code":"FIRN_INVALID","message":"key add: a recovery code is not part of the JSON: leave out --json, or let standard error be a terminal","exit":2}}
  ! firn: key add: a recovery code is not part of the JSON: leave out --json, or let standard error be a terminal
  ! usage: firn key add [options] [STORE]
  ! help: firn help key add
  [2]
  $ firn key list
  XChaCha20-Poly1305, 1 master key; locked
      1  key file       <time>
      2  passphrase     <time>  mine
      3  key file       <time>  laptop
      4  recovery code  <time>
  $ firn key list --json | python3 -c 'import json, sys; r = json.load(sys.stdin); print(r["cipher"], r["master_keys"], r["unlocked"], [(k["number"], k["kind"], k["label"]) for k in r["keys"]])'
  XChaCha20-Poly1305 1 False [(1, 'file', ''), (2, 'passphrase', 'mine'), (3, 'file', 'laptop'), (4, 'recovery', '')]
  $ unset FIRN_KEY_FILE; FIRN_KEY_COMMAND='echo my passphrase' firn list -q
  3
  2
  1
  $ FIRN_KEY_FILE=../third firn list -q
  3
  2
  1
  $ FIRN_KEY_COMMAND="sed 's/.*: //' ../code" firn list -q
  3
  2
  1
  $ export FIRN_KEY_FILE=$PWD/../key; echo 'a new one' | firn key change 2
  changed key 2
  ! firn: older copies of the store still open with what key 2 was before; this is no rotation: files keep their master key
  $ echo 'a new one' | firn key change 1
  ! firn: key change: key 1 is a key file: give --key-file FILE
  ! usage: firn key change [options] KEY [STORE]
  ! help: firn help key change
  [2]
  $ echo 'a new one' | firn key change 4
  ! firn: key 4 is a recovery code, which cannot be changed
  ! hint: firn key add --recovery makes a new one, firn key remove removes this one
  [2]
  $ echo 'a new one' | firn key change 9
  ! firn: there is no key 9
  ! hint: firn key list shows the keys
  [3]
  $ firn key change x
  ! firn: key change: 'x' is not the number of a key: firn key list shows them
  ! usage: firn key change [options] KEY [STORE]
  ! help: firn help key change
  [2]
  $ firn key change 3 --key-file ../other --json | sed 's/"store":"[^"]*"/"store":"S"/'
  {"store":"S","number":3}
  ! firn: older copies of the store still open with what key 3 was before; this is no rotation: files keep their master key
  $ FIRN_KEY_FILE=../third firn list
  ! firn: could not unlock '<T>/data/firn/w-<hex>': FIRN_KEY_FILE: this key file opens no slot of the keys file
  [1]
  $ FIRN_KEY_FILE=../other firn list -q && FIRN_KEY_COMMAND='echo a new one' FIRN_KEY_FILE= firn list -q
  3
  2
  1
  3
  2
  1
  $ firn key rotate
  new files are encrypted with a new master key; files that are there keep theirs
  ! hint: firn gc --rekey writes them anew
  $ firn save -m third && firn cat 1 a && firn check --data -q && firn key list | head -n 1
  4  <id>  2 files, 10 B; no change since 3  <s> s
  one
  XChaCha20-Poly1305, 2 master keys; locked
  $ firn key remove 3 && firn key remove 2
  removed key 3
  removed key 2
  ! firn: older copies of the store still open with it
  ! firn: older copies of the store still open with it
  $ firn key remove 4
  ! firn: key remove: only key files open the store then: confirm with --yes
  ! usage: firn key remove [options] KEY [STORE]
  ! help: firn help key remove
  [2]
  $ firn key remove 4 --yes -q
  $ firn key remove 1
  ! firn: slot 1 is the last one: without it nobody could unlock the keys
  ! hint: firn key add adds another one first
  [2]
  $ firn key remove 7
  ! firn: there is no key 7
  ! hint: firn key list shows the keys
  [3]

A recovery code opens the store when all else is lost, and sets a new passphrase.

  $ firn key add --recovery 2>/dev/null | sed 's/.*: //' >../code && rm ../key
  $ firn list
  ! firn: could not unlock '<T>/data/firn/w-<hex>': FIRN_KEY_FILE: could not open '<T>/w/../key': No such file or directory
  [1]
  $ (cat ../code; echo 'yet another') | firn key recover --label again
  opened the store, and added key 6
  ! hint: the recovery code still opens the store, and so does what was lost: firn key list, firn key remove
  $ (echo 00000-00000; echo 'yet another') | firn key recover
  ! firn: could not unlock '<T>/data/firn/w-<hex>': the recovery code is wrong
  [1]
  $ cat ../code | firn key recover
  ! firn: standard input has no such line
  ! hint: run it at a terminal, or give the new passphrase on standard input, as a line
  [3]
  $ firn key recover
  ! firn: standard input has no such line
  ! hint: run it at a terminal, or give the recovery code and the new passphrase on standard input, as two lines
  [3]
  $ unset FIRN_KEY_FILE; export FIRN_KEY_COMMAND='echo yet another'; firn list
     4  <id>  <time>          2 files      10 B  third
     3  <id>  <time>          2 files      10 B  second
     2  <id>  <time>          2 files       8 B  the file is looked at before
     1  <id>  <time>          2 files       8 B  [good]  first

No secret is shown where a key is wrong, in messages or in JSON.

  $ (FIRN_KEY_COMMAND='echo yet another one' firn list --json; FIRN_KEY_COMMAND='cat ../code; echo x' firn list; echo 'yet another' | firn key change 77) 2>&1 | grep -c "$(cat ../code)\|yet another"
  0
  [1]

FIRN.keys is damaged, or missing.

  $ store=$(echo $XDG_DATA_HOME/firn/w-*); cp $store/FIRN.keys ../keys
  $ truncate -s -1 $store/FIRN.keys; firn list
  ! firn: '<T>/data/firn/w-<hex>/FIRN.keys': the keys file is damaged: its checksum is another one; the store is encrypted, and cannot be read without it: a copy of the store or of this file has the keys
  ! hint: copy FIRN.keys back from a backup of the store: nothing else has the keys
  [5]
  $ firn key list
  ! firn: '<T>/data/firn/w-<hex>/FIRN.keys': the keys file is damaged: its checksum is another one; the store is encrypted, and cannot be read without it: a copy of the store or of this file has the keys
  ! hint: copy FIRN.keys back from a backup of the store: nothing else has the keys
  [5]
  $ rm $store/FIRN.keys; firn list
  ! firn: '<T>/data/firn/w-<hex>/FIRN.keys' is missing: the store is encrypted, and cannot be read without it; a copy of the store or of this file has the keys
  ! hint: copy FIRN.keys back from a backup of the store: nothing else has the keys
  [5]
  $ firn key list
  ! firn: '<T>/data/firn/w-<hex>/FIRN.keys' is missing: the store is encrypted, and cannot be read without it; a copy of the store or of this file has the keys
  ! hint: copy FIRN.keys back from a backup of the store: nothing else has the keys
  [5]
  $ firn status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["error"]["code"])'
  FIRN_CORRUPT
  ! firn: '<T>/data/firn/w-<hex>/FIRN.keys' is missing: the store is encrypted, and cannot be read without it; a copy of the store or of this file has the keys
  ! hint: copy FIRN.keys back from a backup of the store: nothing else has the keys
  $ cp ../keys $store/FIRN.keys && firn list -q
  4
  3
  2
  1

A store in clear stays so.

  $ mkdir ../v && cd ../v && echo x >x && firn save -q && firn init --encrypt
  1
  ! firn: an encrypted store is locked, and may hold the history of this directory, if that was moved: <T>/data/firn/w-<hex>
  ! hint: firn key unlock THAT-STORE opens it; firn init --adopt then continues the history
  ! firn: the store in '<T>/data/firn/v-<hex>' is there already, and is not encrypted
  ! hint: firn key encrypt-store encrypts it
  [1]
  $ firn key list
  ! firn: the store in '<T>/data/firn/v-<hex>' is not encrypted, and has no keys
  ! hint: firn key encrypt-store encrypts it
  [2]
  $ firn status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["encryption"])'
  None
  $ cd ../w

Stores of key-value data.

  $ unset FIRN_KEY_COMMAND; firn db put --encrypt ../kv users ada 1815
  ! firn: '../kv' cannot be encrypted without a key: set FIRN_KEY_FILE to the path of a key file, or FIRN_KEY_COMMAND to a command that prints the passphrase
  [1]
  $ export FIRN_KEY_COMMAND='echo kv'; firn db put --encrypt ../kv users ada 1815 && firn db get ../kv users ada; echo
  1815
  $ firn db put --encrypt ../kv users bob 1 && firn db put ../kv users eve 2 && firn db count ../kv users
  3
  $ firn db put ../clear a b c && firn db put --encrypt ../clear a b c
  ! firn: the store in '../clear' is there already, and is not encrypted
  ! hint: firn key encrypt-store encrypts it
  [1]
  $ firn db put --cipher aes ../kv2 a b c
  ! firn: db put: --cipher is for --encrypt
  ! usage: firn db put [options] STORE KEYSPACE KEY VALUE
  ! help: firn help db put
  [2]
  $ firn db put --encrypt --cipher xchacha20 ../kv2 a b c && firn db stats ../kv2 | tail -n 1
  encrypted: XChaCha20-Poly1305, 1 key
  $ firn db table create --encrypt ../t goods 'id i64 primary key, name text' && firn key list ../t | head -n 1 | sed 's/^[A-Za-z0-9-]*/CIPHER/'
  CIPHER, 1 master key; locked
  $ printf 'id,name\n1,hammer\n' | firn db table import --create --key id --encrypt --key-file ../other ../t2 goods && FIRN_KEY_FILE=../other firn db scan ../t2 goods
  goods: id i64, name text, primary key (id)
  1 row
  1	hammer
  $ printf 'a\t1\n' | firn db load --encrypt ../t3 k && firn db dump ../t3 k
  1 entry
  a	1
  $ firn db checkpoint -q ../t3 && firn db export ../t3 -o ../t3.firnx && firn db import -q ../t3.firnx ../t5 && firn db get ../t5 k a; echo
  1
  $ firn key list ../t5 | head -n 1 | sed 's/^[A-Za-z0-9-]*/CIPHER/'; FIRN_KEY_COMMAND='echo wrong' firn db get ../t3.firnx k a
  CIPHER, 1 master key; locked
  ! firn: could not unlock '../t3.firnx': FIRN_KEY_COMMAND: this passphrase opens no slot of the keys file
  [1]
  $ firn db export --clear ../t3 -o ../clear.firnx && FIRN_KEY_COMMAND= firn db get ../clear.firnx k a; echo
  1
  $ firn db import --encrypt ../no ../t4
  ! firn: db import: --encrypt needs --from: what is imported is encrypted as the exported file is
  ! usage: firn db import [options] SOURCE STORE
  ! help: firn help db import
  [2]
  $ FIRN_KEY_COMMAND='echo wrong' firn db get ../kv users ada
  ! firn: could not unlock '../kv': FIRN_KEY_COMMAND: this passphrase opens no slot of the keys file
  [1]
  $ FIRN_KEY_COMMAND= firn db get ../kv users ada
  ! firn: '../kv' is encrypted, and no key was given: set FIRN_KEY_FILE to the path of a key file, or FIRN_KEY_COMMAND to a command that prints the passphrase, or run: firn key unlock
  [1]
  $ firn db check ../kv && firn db clone ../kv ../kv3 && firn db get ../kv3 users ada; echo; FIRN_KEY_COMMAND= firn db get ../kv3 users ada
  1 keyspace, 3 entries, <n> log records: no damage
  1815
  ! firn: '../kv3' is encrypted, and no key was given: set FIRN_KEY_FILE to the path of a key file, or FIRN_KEY_COMMAND to a command that prints the passphrase, or run: firn key unlock
  [1]
  $ firn key rotate ../kv && firn key list ../kv -q | wc -l
  new files are encrypted with a new master key; files that are there keep theirs
  1
  ! hint: firn db compact --rekey writes them anew

Remotes are encrypted, too, with keys of their own (remote_encrypted.t).

  $ FIRN_KEY_COMMAND='echo yet another' firn remote add far ../far
  far is <T>/far, encrypted

What looks through all stores leaves locked ones out.

  $ firn workspaces
       1  <time>  <T>/v
  ! firn: could not be read: <T>/data/firn/w-<hex>: '<T>/data/firn/w-<hex>' is encrypted, and no key was given: set FIRN_KEY_FILE to the path of a key file, or FIRN_KEY_COMMAND to a command that prints the passphrase, or run: firn key unlock
  ! hint: firn key unlock STORE lets an encrypted store be listed, and its workspaces be removed
  [6]
  $ firn workspaces remove --yes .
  ! firn: no store knows a workspace '<T>/w'
  ! hint: firn workspaces lists the workspaces
  [3]
  $ FIRN_KEY_COMMAND='echo yet another' firn --store $store workspaces remove --yes .
  removed the checkpoints of <T>/w; the directory was not changed
