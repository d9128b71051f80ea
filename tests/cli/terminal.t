What only a terminal gets: a line that says what takes so long, removed before anything else is said.

  ? python3 -c 'import os; os.openpty()'
  $ cat >../terminal.py <<'END'
  > # terminal.py COMMAND...: runs a command with standard error on a terminal of 40 columns, prints what came there, with
  > # control characters made visible, and the exit code.
  > import fcntl, os, pty, struct, subprocess, sys, termios
  > ours, theirs = pty.openpty()
  > fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
  > process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stderr=theirs)
  > os.close(theirs)
  > text = b""
  > while True:
  >     try:
  >         part = os.read(ours, 4096)
  >     except OSError:
  >         break
  >     if not part:
  >         break
  >     text += part
  > for line in text.decode().replace("\r\n", "\n").replace("\r", "\n<return>").replace("\x1b[K", "<erase>").split("\n"):
  >     print(ascii(line)[1:-1])
  > print(process.wait())
  > END
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
  $ python3 ../terminal.py firn --store ../store save --wait 2 >out; tail -n 1 out; grep -c 'waiting for another writer: [0-9]* s<erase>$' out | sed 's/^[1-9].*/some/'; grep -A1 '^<return><erase>' out | sed 's/process [0-9]*/process N/'
  4
  some
  <return><erase>firn: '../store' is locked by process N
  hint: wait longer for it with --wait SECONDS
  $ python3 ../terminal.py firn --store ../store save --wait 2 -q | sed 's/process [0-9]*/process N/'
  firn: '../store' is locked by process N
  hint: wait longer for it with --wait SECONDS
  
  4
  $ kill $(cat ../holder)

Names are escaped on a terminal as everywhere.

  $ python3 ../terminal.py firn $'nothing\x1b]0;title\x07'
  firn: unknown command 'nothing\\033]0;title\\a'
  help: firn help
  
  2

What cannot be taken back is asked for.

  $ cat >../answer.py <<'END'
  > # answer.py ANSWER COMMAND...: runs a command with standard input and error on a terminal, types the answer when it is asked,
  > # prints what came on both outputs, and the exit code.
  > import os, pty, subprocess, sys
  > ours, theirs = pty.openpty()
  > process = subprocess.Popen(sys.argv[2:], stdin=theirs, stdout=subprocess.PIPE, stderr=theirs)
  > os.close(theirs)
  > text = b""
  > while not text.endswith(b"[y/N] "):
  >     text += os.read(ours, 4096)
  > os.write(ours, sys.argv[1].encode() + b"\n")
  > print(process.stdout.read().decode(), end="")
  > print(text.decode().replace("\r\n", "\n"))
  > print(process.wait())
  > END
  $ mkdir ../v && cd ../v && echo secret >s && firn save -q
  1
  $ python3 ../answer.py n firn forget s
  would take out of 1  <id>  1 file, 7 B
  take it out of them, for good? [y/N] 
  1
  $ python3 ../answer.py '' firn forget s | tail -n 1
  1
  $ firn cat 1 s
  secret
  $ python3 ../answer.py y firn forget s
  would take out of 1  <id>  1 file, 7 B
  took out of 1  <id>  1 file, 7 B
  the contents leave the store with: firn gc
  what lies in the directory stays; the next save takes it again unless a rule in
  .firnignore leaves it out
  take it out of them, for good? [y/N] 
  0
  $ firn show 1 --files
