What the session keyring of the kernel opens, for everyone in the session.

  ? python3 -c 'import ctypes, os, sys; sys.exit(ctypes.CDLL(None).syscall(219 if os.uname().machine == "aarch64" else 250, 0, -3, 0) < 0)'
  $ echo one >a && FIRN_KEY_COMMAND='echo s3' firn init --encrypt -q
  $ firn key lock
  was locked already
  $ firn key lock
  was locked already
  $ firn key unlock
  ! firn: '<T>/data/firn/w-<hex>' is encrypted, and no key was given: set FIRN_KEY_FILE to the path of a key file, or FIRN_KEY_COMMAND to a command that prints the passphrase, or run: firn key unlock
  [1]
  $ FIRN_KEY_COMMAND='echo wrong' firn key unlock
  ! firn: could not unlock '<T>/data/firn/w-<hex>': FIRN_KEY_COMMAND: this passphrase opens no slot of the keys file
  [1]
  $ FIRN_KEY_COMMAND='echo s3' firn key unlock --for 8
  ! firn: key unlock: --for takes a time like 30m, 8h or 7d, not '8'
  ! usage: firn key unlock [options] [STORE]
  ! help: firn help key unlock
  [2]
  $ FIRN_KEY_COMMAND='echo s3' firn key unlock --for 0h
  ! firn: key unlock: --for takes a time like 30m, 8h or 7d, not '0h'
  ! usage: firn key unlock [options] [STORE]
  ! help: firn help key unlock
  [2]
  $ FIRN_KEY_COMMAND='echo s3' firn key unlock --for 9999999w
  ! firn: key unlock: --for takes a time like 30m, 8h or 7d, not '9999999w'
  ! usage: firn key unlock [options] [STORE]
  ! help: firn help key unlock
  [2]
  $ FIRN_KEY_COMMAND='echo s3' firn key unlock --for 1m --json | sed 's/"store":"[^"]*"/"store":"S"/'
  {"store":"S","seconds":60}
  $ firn key list | head -n 1
  XChaCha20-Poly1305, 1 master key; unlocked in this session
  $ firn save && FIRN_KEY_COMMAND='echo wrong' firn list -q
  1  <id>  1 file, 4 B; 1 new, <size> added  <s> s
  1
  $ echo two >a && echo {} | firn hook run claude after && firn list -q
  2
  1
  $ FIRN_KEY_COMMAND='echo s3' firn db put --encrypt ../kv k a b && FIRN_KEY_COMMAND='echo s3' firn key unlock ../kv && firn db get ../kv k a; echo
  every program of this login session can open the store for 8h
  b

Changes of the keys do not end it; a lock does.

  $ echo other | firn key add -q && firn list
     2  <id>  <time>          1 file        4 B  after Claude Code
     1  <id>  <time>          1 file        4 B
  $ firn db get ../kv k a; echo
  b
  $ firn key lock --all ../kv
  ! firn: key lock: --all is for every store: leave STORE out
  ! usage: firn key lock [options] [STORE]
  ! help: firn help key lock
  [2]
  $ firn key lock ../kv
  locked
  $ firn db get ../kv k a
  ! firn: '../kv' is encrypted, and no key was given: set FIRN_KEY_FILE to the path of a key file, or FIRN_KEY_COMMAND to a command that prints the passphrase, or run: firn key unlock
  [1]
  $ cat >../alone.py <<'END'
  > import ctypes, os, sys
  > ctypes.CDLL(None).syscall(219 if os.uname().machine == "aarch64" else 250, 1, None)  # a session keyring of its own
  > os.execvp("bash", ["bash", "-c", sys.argv[1]])
  > END
  $ FIRN_KEY_COMMAND='echo s3' python3 ../alone.py 'firn key unlock -q && firn key unlock -q ../kv && firn key lock --all && firn key list | head -n 1'
  locked 2 stores
  XChaCha20-Poly1305, 1 master key; locked
  $ firn key list | head -n 1 && firn key lock
  XChaCha20-Poly1305, 1 master key; unlocked in this session
  locked
