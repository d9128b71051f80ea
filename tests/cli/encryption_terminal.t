An encrypted store at a terminal: a person is asked for what opens it.

  ? python3 -c 'import os; os.openpty()'
  $ on() { python3 $SOURCE/tests/cli/on_terminal.py "$@"; }
  $ echo one >a
  $ on --secret s3 --secret other --secret '' --secret s3 --secret s3 firn init --encrypt >out; sed 's/\(: *[0-9A-Z]\{5\}\)\(-[0-9A-Z]\{5\}\)\{7\}/: CODE/' out
  $ sed -n 's/^recovery code: //p' out >../code
  $ on --secret s3 firn save -m one
  $ on --secret wrong --secret s3 firn status
  $ on --secret wrong --secret wrong --secret wrong firn list
  $ on --secret "$(tr -d - <../code)" firn list -q
  $ on --of oe firn list
  $ on --of io --secret s3 firn list -q
  $ on --secret s3 firn list --json | tail -n 2 | cut -c 1-20
  $ on --ctrl-c "': " firn list
  $ FIRN_KEY_COMMAND='echo s3' on firn list -q

A command that has a new passphrase to ask for asks first for the one that is there.

  $ on --secret s3 --secret n3 --secret n3 firn key add
  $ on --secret wrong --secret n3 --secret n3 --secret s3 firn key add -q
  $ on --secret "$(cat ../code)" --secret n4 --secret n4 firn key recover
  $ on --secret wrong --secret n4 --secret n4 --secret "$(cat ../code)" firn key recover -q
  $ on --secret s3 --secret n3 --secret n3 firn key change 1
  $ on --secret n3 firn key add --recovery --json | sed 's/"store":"[^"]*"/"store":"S"/; s/[0-9A-Z]\{5\}\(-[0-9A-Z]\{5\}\)\{7\}/CODE/'
  $ firn key list | awk '{ print $1, $2, $3 }'

Where the last one is removed that people can remember, that is asked about.

  $ FIRN_KEY_COMMAND='echo n3' firn key add -q --key-file ../key --new
  $ export FIRN_KEY_FILE=$PWD/../key; for key in 2 3 4 5 6 7; do firn key remove -q $key; done; firn key list -q | awk '{ print $1, $2, $3 }'
  $ on --answer n firn key remove 1
  $ on --answer y firn key remove 1
  $ unset FIRN_KEY_FILE; on --secret n3 --secret n3 --secret n3 firn list

Programs that nobody waits for do not ask; a watch in the foreground does, when it starts.

  $ cd .. && mkdir v && cd v && echo one >a && on --secret s3 --secret s3 firn init --encrypt --no-recovery -q && on --secret s3 firn save -q
  $ echo two >b; on firn hook run --agent claude save; on firn gc --auto
  $ on bash -c 'set -m; firn save & wait $!; echo [$?]'
  $ printf '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"checkpoint_list","arguments":{}}}\n' | firn mcp 2>&1 | grep -o 'is encrypted, and no key was given'
  $ on --secret s3 --ctrl-c 'saved' firn watch | sed 's/  *[0-9.]* s$//'

Each shell asks once, however often it opens the store.

  ? pkg-config --exists 'sqlite3 >= 3.38'
  $ on --secret kv --secret kv firn db sql --create --encrypt ../kv 'CREATE TABLE t(a INTEGER PRIMARY KEY, b TEXT)' 'INSERT INTO t VALUES (1, 2)'
  $ on --secret kv firn db sql ../kv 'SELECT * FROM t' 'INSERT INTO t VALUES (2, 3)' 'SELECT count(*) AS n FROM t'
