An encrypted store at a terminal: a person is asked for what opens it.

  ? python3 -c 'import os; os.openpty()'
  $ on() { python3 $SOURCE/tests/cli/on_terminal.py "$@"; }
  $ echo one >a
  $ on --secret s3 --secret other --secret '' --secret s3 --secret s3 firn init --encrypt >../shown; sed 's/\(: *[0-9A-Z]\{5\}\)\(-[0-9A-Z]\{5\}\)\{7\}/: CODE/' ../shown
  New passphrase for '<T>/data/firn/w-<hex>': 
  The same again: 
  They differ. Once more.
  New passphrase for '<T>/data/firn/w-<hex>': 
  A passphrase cannot be empty. Once more.
  New passphrase for '<T>/data/firn/w-<hex>': 
  The same again: 
  made the encrypted store <T>/data/firn/w-<hex>
  firn save will take 1 file, 4 B
  recovery code: CODE
  firn: write the recovery code down, and keep it away from this machine: it opens the store, and is not shown again
  firn: without its passphrase, key file or recovery code nobody can read this store again
  hint: firn key add adds another way to open it
  0
  $ sed -n 's/^recovery code: //p' ../shown >../code
  $ on --secret s3 firn save -m one
  Passphrase for '<T>/data/firn/w-<hex>': 
  1  <id>  1 file, 4 B; 1 new, <size> added  <s> s
  0
  $ on --secret wrong --secret s3 firn status
  Passphrase for '<T>/data/firn/w-<hex>': 
  Wrong. Passphrase for '<T>/data/firn/w-<hex>': 
  compared with 1: no change; 1 unchanged
  encrypted: XChaCha20-Poly1305, 2 keys
  0
  $ on --secret wrong --secret wrong --secret wrong firn list
  Passphrase for '<T>/data/firn/w-<hex>': 
  Wrong. Passphrase for '<T>/data/firn/w-<hex>': 
  Wrong. Passphrase for '<T>/data/firn/w-<hex>': 
  firn: could not unlock '<T>/data/firn/w-<hex>': this passphrase opens no slot of the keys file
  1
  $ on --secret "$(tr -d - <../code)" firn list -q
  Passphrase for '<T>/data/firn/w-<hex>': 
  1
  0
  $ on --of oe firn list
  firn: '<T>/data/firn/w-<hex>' is encrypted, and no key was given: set FIRN_KEY_FILE to the path of a key file, or FIRN_KEY_COMMAND to a command that prints the passphrase, or run: firn key unlock
  1
  $ on --of io --secret s3 firn list -q
  Passphrase for '<T>/data/firn/w-<hex>': 
  1
  0
  $ on --secret s3 firn list --json | tail -n 2 | cut -c 1-20
  {"checkpoints":[{"nu
  0
  $ on --ctrl-c "': " firn list
  Passphrase for '<T>/data/firn/w-<hex>': 
  firn: interrupted
  130
  $ FIRN_KEY_COMMAND='echo s3' on firn list -q
  1
  0

A command that has a new passphrase to ask for asks first for the one that is there.

  $ on --secret s3 --secret n3 --secret n3 firn key add
  Passphrase for '<T>/data/firn/w-<hex>': 
  New passphrase for '<T>/data/firn/w-<hex>': 
  The same again: 
  added key 3
  0
  $ on --secret wrong --secret n3 --secret n3 --secret s3 firn key add -q
  Passphrase for '<T>/data/firn/w-<hex>': 
  New passphrase for '<T>/data/firn/w-<hex>': 
  The same again: 
  Wrong. Passphrase for '<T>/data/firn/w-<hex>': 
  0
  $ on --secret "$(cat ../code)" --secret n4 --secret n4 firn key recover
  Recovery code for '<T>/data/firn/w-<hex>': 
  New passphrase for '<T>/data/firn/w-<hex>': 
  The same again: 
  opened the store, and added key 5
  hint: the recovery code still opens the store, and so does what was lost: firn key list, firn key remove
  0
  $ on --secret wrong --secret n4 --secret n4 --secret "$(cat ../code)" firn key recover -q
  Recovery code for '<T>/data/firn/w-<hex>': 
  New passphrase for '<T>/data/firn/w-<hex>': 
  The same again: 
  Wrong. Recovery code for '<T>/data/firn/w-<hex>': 
  0
  $ on --secret s3 --secret n3 --secret n3 firn key change 1
  Passphrase for '<T>/data/firn/w-<hex>': 
  New passphrase for '<T>/data/firn/w-<hex>': 
  The same again: 
  changed key 1
  firn: older copies of the store still open with what key 1 was before; this is no rotation: files keep their master key
  0
  $ on --of ie --secret n3 firn key add --recovery --json | sed 's/"store":"[^"]*"/"store":"S"/; s/[0-9A-Z]\{5\}\(-[0-9A-Z]\{5\}\)\{7\}/CODE/'
  {"store":"S","recovery_key":7}
  Passphrase for '<T>/data/firn/w-<hex>': 
  recovery code: CODE
  firn: write the recovery code down, and keep it away from this machine: it opens the store, and is not shown again
  0
  $ firn key list -q --json | python3 -c 'import json, sys; print([(k["number"], k["kind"]) for k in json.load(sys.stdin)["keys"]])'
  [(1, 'passphrase'), (2, 'recovery'), (3, 'passphrase'), (4, 'passphrase'), (5, 'passphrase'), (6, 'passphrase'), (7, 'recovery')]

Where the last one is removed that people can remember, that is asked about.

  $ FIRN_KEY_COMMAND='echo n3' firn key add -q --key-file ../key --new
  $ export FIRN_KEY_FILE=$PWD/../key; for key in 2 3 4 5 6 7; do firn key remove -q $key; done; firn key list -q
      1  passphrase     <time>
      8  key file       <time>
  $ on --answer n firn key remove 1
  firn: key 1 is the last passphrase or recovery code: only key files open the store then
  remove it? [y/N] 
  1
  $ on --answer y firn key remove 1
  firn: key 1 is the last passphrase or recovery code: only key files open the store then
  remove it? [y/N] firn: older copies of the store still open with it
  removed key 1
  0
  $ unset FIRN_KEY_FILE; on --secret n3 --secret n3 --secret n3 firn list
  Passphrase for '<T>/data/firn/w-<hex>': 
  firn: could not unlock '<T>/data/firn/w-<hex>': no slot of the keys file has a passphrase
  1

Programs that nobody waits for do not ask; a watch in the foreground does, when it starts.

  $ cd .. && mkdir v && cd v && echo one >a && on --secret s3 --secret s3 firn init --encrypt --no-recovery && on --secret s3 firn save -q
  New passphrase for '<T>/data/firn/v-<hex>': 
  The same again: 
  made the encrypted store <T>/data/firn/v-<hex>
  firn save will take 1 file, 4 B
  firn: an encrypted store is locked, and may hold the history of this directory, if that was moved: <T>/data/firn/w-<hex>
  hint: firn key unlock THAT-STORE opens it; firn init --adopt then continues the history
  firn: without its passphrase, key file or recovery code nobody can read this store again
  hint: firn key add adds another way to open it
  0
  Passphrase for '<T>/data/firn/v-<hex>': 
  1
  0
  $ echo two >b; on --of oe bash -c 'echo {} | firn hook run claude before'; on firn gc --auto
  firn: '<T>/data/firn/v-<hex>' is encrypted, and no key was given: set FIRN_KEY_FILE to the path of a key file, or FIRN_KEY_COMMAND to a command that prints the passphrase, or run: firn key unlock
  1
  firn: '<T>/data/firn/v-<hex>' is encrypted, and no key was given: set FIRN_KEY_FILE to the path of a key file, or FIRN_KEY_COMMAND to a command that prints the passphrase, or run: firn key unlock
  1
  $ on bash -c 'set -m; firn save & wait $!; echo code $?' | sed /Exit/d
  firn: '<T>/data/firn/v-<hex>' is encrypted, and no key was given: set FIRN_KEY_FILE to the path of a key file, or FIRN_KEY_COMMAND to a command that prints the passphrase, or run: firn key unlock
  code 1
  0
  $ printf '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"checkpoint_list","arguments":{}}}\n' | firn mcp 2>&1 | grep -o 'is encrypted, and no key was given'
  is encrypted, and no key was given
  is encrypted, and no key was given
  $ on --secret s3 --ctrl-c "1 new" firn watch
  Passphrase for '<T>/data/firn/v-<hex>': 
  2  <id>  2 files, 8 B; 1 new, <size> added
  watching <T>/v
  130

Each shell asks once, however often it opens the store.

  ? pkg-config --exists 'sqlite3 >= 3.38'
  $ on --secret kv --secret kv firn db sql --create --encrypt ../kv 'CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)' 'INSERT INTO t VALUES (1, 2)'
  New passphrase for '../kv': 
  The same again: 
  0
  $ on --secret kv firn db sql ../kv 'SELECT * FROM t' 'INSERT INTO t VALUES (2, 3)' 'SELECT count(*) AS n FROM t'
  Passphrase for '../kv': 
  a  b
  1  2
  n
  2
  0
  $ on --ctrl-c "': " firn db sql ../kv
  Passphrase for '../kv': 
  firn: interrupted
  1
