What is wrong on the command line ends in exit code 2, says why, and changes nothing.

  $ echo one >a.txt && firn save -q
  1
  $ firn saev
  ! firn: unknown command 'saev'; the nearest is save
  ! help: firn help
  [2]
  $ firn xyzzy
  ! firn: unknown command 'xyzzy'
  ! help: firn help
  [2]
  $ firn re
  ! firn: 're' could be redo, restore, revert, report, remote, repair
  ! help: firn help
  [2]
  $ firn checkout 1
  ! firn: unknown command 'checkout'; firn restore REF restores a checkpoint, firn restore REF PATH a file of one
  ! help: firn help
  [2]
  $ firn stat -s
  $ firn hel versio | head -n 1
  usage: firn version
  $ firn ''
  ! firn: unknown command ''
  ! help: firn help
  [2]
  $ firn db
  ! firn: db: missing command
  ! help: firn help db
  [2]
  $ firn db gte
  ! firn: db: unknown command 'gte'; the nearest is get
  ! help: firn help db
  [2]
  $ firn --store
  ! firn: --store needs a value: DIR
  ! help: firn help
  [2]
  $ firn --store '' list
  ! firn: --store needs a directory
  ! help: firn help
  [2]
  $ firn -C '' list
  ! firn: --directory needs a directory
  ! help: firn help
  [2]
  $ firn list --store ''
  ! firn: list: --store needs a directory
  ! usage: firn list [options] [REF..REF|REMOTE]
  ! help: firn help list
  [2]

Options are written out: an abbreviation may mean another option one day.

  $ firn list --lim 3
  ! firn: list: unknown option '--lim'; the nearest is --limit
  ! usage: firn list [options] [REF..REF|REMOTE]
  ! help: firn help list
  [2]
  $ firn list --limit
  ! firn: list: --limit needs a value: N
  ! usage: firn list [options] [REF..REF|REMOTE]
  ! help: firn help list
  [2]
  $ firn list --limitless
  ! firn: list: unknown option '--limitless'
  ! usage: firn list [options] [REF..REF|REMOTE]
  ! help: firn help list
  [2]
  $ firn list --json=yes
  ! firn: list: --json takes no value
  ! usage: firn list [options] [REF..REF|REMOTE]
  ! help: firn help list
  [2]
  $ firn list -z
  ! firn: list: unknown option '-z'
  ! usage: firn list [options] [REF..REF|REMOTE]
  ! help: firn help list
  [2]
  $ firn list -qz
  ! firn: list: unknown option '-z'
  ! usage: firn list [options] [REF..REF|REMOTE]
  ! help: firn help list
  [2]
  $ firn list extra
  ! firn: list: 'extra' is not a range of checkpoints, such as 3..7 or 3..
  ! usage: firn list [options] [REF..REF|REMOTE]
  ! help: firn help list
  [2]
  $ firn save -m
  ! firn: save: --message needs a value: TEXT
  ! usage: firn save [options]
  ! help: firn help save
  [2]

An option that means nothing to the command is refused.

  $ firn db get -C . s k a
  ! firn: db get: --directory cannot be used with this command
  ! usage: firn db get [options] STORE KEYSPACE|TABLE KEY...
  ! help: firn help db get
  [2]
  $ firn --store x version
  ! firn: version: --store cannot be used with this command
  ! usage: firn version
  ! help: firn help version
  [2]
  $ firn list --strict
  ! firn: list: --strict cannot be used with this command
  ! usage: firn list [options] [REF..REF|REMOTE]
  ! help: firn help list
  [2]
  $ firn save --version
  ! firn: save: --version cannot be used with a command
  ! usage: firn save [options]
  ! help: firn help save
  [2]
  $ firn --version save
  firn 0.2.0

Numbers.

  $ for n in '' -1 abc 1x ' 1' '1 ' +1 0x10 1e3 18446744073709551616 ٣; do
  >     firn list --limit "$n" 2>&1 >out | head -n 1; cat out
  > done
  firn: list: --limit takes a whole number, not ''
  firn: list: --limit takes a whole number, not '-1'
  firn: list: --limit takes a whole number, not 'abc'
  firn: list: --limit takes a whole number, not '1x'
  firn: list: --limit takes a whole number, not ' 1'
  firn: list: --limit takes a whole number, not '1 '
  firn: list: --limit takes a whole number, not '+1'
  firn: list: --limit takes a whole number, not '0x10'
  firn: list: --limit takes a whole number, not '1e3'
  firn: list: --limit takes a whole number, not '18446744073709551616'
  firn: list: --limit takes a whole number, not '٣'
  $ for n in '' -1 abc 1.5 99999999999; do
  >     firn save --wait "$n" 2>&1 >out | head -n 1; cat out
  > done
  firn: save: --wait takes a whole number of seconds, not ''
  firn: save: --wait takes a whole number of seconds, not '-1'
  firn: save: --wait takes a whole number of seconds, not 'abc'
  firn: save: --wait takes a whole number of seconds, not '1.5'
  firn: save: --wait takes a whole number of seconds, not '99999999999'

What looks like an option after "--" is none.

  $ firn list -- --limit
  ! firn: list: '--limit' is not a range of checkpoints, such as 3..7 or 3..
  ! usage: firn list [options] [REF..REF|REMOTE]
  ! help: firn help list
  [2]
  $ firn show -- -q
  ! firn: '-q' is not in the checkpoint
  ! hint: firn show REF --files lists the files of a checkpoint
  [3]

With --json there is an object even so, and only one.

  $ firn list --limit abc --json 2>errors; cat errors
  {"error":{"code":"FIRN_INVALID","message":"list: --limit takes a whole number, not 'abc'","exit":2}}
  firn: list: --limit takes a whole number, not 'abc'
  usage: firn list [options] [REF..REF|REMOTE]
  help: firn help list
  $ firn --json saev 2>errors
  {"error":{"code":"FIRN_INVALID","message":"unknown command 'saev'; the nearest is save","exit":2}}
  [2]
  $ firn --json 2>errors
  {"error":{"code":"FIRN_INVALID","message":"missing command","exit":2}}
  [2]
  $ firn save -m --json -q
  2
  $ firn list --quiet
  2
  1
