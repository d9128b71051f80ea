What only a terminal gets: a line that says what takes so long, removed before anything else is said.

  ? python3 -c 'import os; os.openpty()'
  $ cat >../hold.py <<'END'
  > import fcntl, os, struct, sys, time
  > file = os.open(sys.argv[1], os.O_RDWR)
  > fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
  > open(sys.argv[2], "w").close()
  > time.sleep(120)
  > END
  $ firn --store ../store save -q && (python3 ../hold.py ../store/LOCK ../held & echo $! >../holder)
  1
  $ for i in $(seq 400); do [ -e ../held ] && break; sleep 0.05; done
  $ python3 $SOURCE/tests/cli/on_terminal.py --of e --columns 40 --controls firn --store ../store save --wait 2 >out; tail -n 1 out; grep -c 'waiting for another writer: [0-9]* s<erase>$' out | sed 's/^[1-9].*/some/'; grep -A1 '^<return><erase>' out | sed 's/process [0-9]*/process N/'
  4
  some
  <return><erase>firn: '../store' is locked by process N
  hint: wait longer with --wait SECONDS
  $ python3 $SOURCE/tests/cli/on_terminal.py --of e --columns 40 --controls firn --store ../store save --wait 2 -q | sed 's/process [0-9]*/process N/'
  firn: '../store' is locked by process N
  hint: wait longer with --wait SECONDS
  
  4
  $ kill $(cat ../holder)

Names are escaped on a terminal as everywhere.

  $ python3 $SOURCE/tests/cli/on_terminal.py --of e --columns 40 --controls firn $'nothing\x1b]0;title\x07'
  firn: unknown command 'nothing\\033]0;title\\a'
  help: firn help
  
  2

What cannot be taken back is asked for.

  $ mkdir ../v && cd ../v && echo secret >s && firn save -q
  1
  $ python3 $SOURCE/tests/cli/on_terminal.py --of ie --answer n firn forget s
  would remove from 1  <id>  1 file, 7 B
  remove it from them, for good? [y/N] firn: nothing was changed
  1
  $ python3 $SOURCE/tests/cli/on_terminal.py --of ie --answer '' firn forget s | tail -n 1
  1
  $ firn cat 1 s
  secret
  $ python3 $SOURCE/tests/cli/on_terminal.py --of ie --answer y firn forget s
  would remove from 1  <id>  1 file, 7 B
  removed from 1  <id>  1 file, 7 B
  remove the contents from the store with: firn gc
  files in the directory stay; the next save includes them again unless a rule in
  .firnignore leaves it out
  remove it from them, for good? [y/N] 
  0
  $ firn show 1 --files

A value that is printed on a terminal ends its line; elsewhere it is the value alone.

  $ firn db put app.firn k a value && firn db put app.firn k b 'a line
  > '
  $ for key in a b; do python3 -c 'import pty, sys; sys.exit(pty.spawn(sys.argv[1:]))' firn db get app.firn k $key </dev/null | tr -d '\r'; done
  value
  a line
  $ firn db get app.firn k a | wc -c
  5
