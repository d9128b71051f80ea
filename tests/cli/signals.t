A signal ends the program with 128 and its number, and leaves nothing half done.

  $ cat >../send.py <<'END'
  > # send.py FILE SIGNAL... -- COMMAND...: once FILE is there, starts the command, sends it the signals in
  > # steps of 0.2 s (A+B: in one of 0.01 s), and prints how it ended. It has a standard input that never comes to its end.
  > import os, signal, subprocess, sys, time
  > at = sys.argv.index("--")
  > def as_a_shell_would():
  >     for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
  >         signal.signal(number, signal.SIG_DFL)
  > if sum(len(name.split("+")) for name in sys.argv[2:at]) > 1:
  >     os.environ["ASAN_OPTIONS"] += ":detect_leaks=0" # the last one may come while leaks are looked for (transcript.py)
  > reading, writing = os.pipe()
  > for i in range(400):
  >     if os.path.exists(sys.argv[1]):
  >         break
  >     time.sleep(0.05)
  > process = subprocess.Popen(sys.argv[at + 1:], stdin=reading, preexec_fn=as_a_shell_would)
  > time.sleep(0.5)
  > for name in sys.argv[2:at]:
  >     for one in name.split("+"):
  >         process.send_signal(getattr(signal, "SIG" + one))
  >         time.sleep(0.01)
  >     time.sleep(0.2)
  > try:
  >     print(process.wait(20))
  > except subprocess.TimeoutExpired:
  >     process.kill()
  >     print("still there after 20 s")
  > END
  $ cat >../hold.py <<'END'
  > # hold.py LOCK HELD: holds the lock of a store until it is killed; HELD is there once it has it.
  > import fcntl, os, struct, sys, time
  > file = os.open(sys.argv[1], os.O_RDWR)
  > fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
  > open(sys.argv[2], "w").close()
  > time.sleep(120)
  > END

While it waits for standard input.

  $ python3 ../send.py . INT -- firn db put ../app.firn k a -
  130
  ! firn: interrupted
  $ python3 ../send.py . INT+INT -- firn db put ../app.firn k a -
  130
  ! firn: interrupted
  $ mkdir ../tables && python3 ../send.py . TERM -- firn alxs build ../tables/t.alxs; rmdir ../tables
  143
  ! firn: interrupted
  $ python3 ../send.py . TERM -- firn db put ../app.firn k a - --json
  {"error":{"code":"FIRN_CANCELLED","message":"interrupted","exit":143}}
  143
  ! firn: interrupted
  $ python3 ../send.py . HUP -- firn db put ../app.firn k a -
  129
  ! firn: interrupted
  $ ls ..
  data
  hold.py
  home
  out
  send.py
  w

While it waits for another writer, whom it names when it gives up.

  $ firn db put ../app.firn k a 1 && echo one >f && firn --store ../store save -q
  1
  $ (python3 ../hold.py ../app.firn/LOCK ../held1 & echo $! >../holder1)
  $ (python3 ../hold.py ../store/LOCK ../held2 & echo $! >../holder2)
  $ python3 ../send.py ../held1 INT -- firn db put ../app.firn k a 2
  130
  ! firn: interrupted
  $ python3 ../send.py ../held2 TERM -- firn --store ../store save
  143
  ! firn: interrupted
  ! hint: no checkpoint was made
  $ python3 ../send.py ../held2 INT -- firn --store ../store restore 1
  130
  ! firn: interrupted
  ! hint: nothing was changed
  $ firn db put ../app.firn k a 2 --wait 0
  ! firn: '../app.firn' is locked by process <n>
  ! hint: wait longer with --wait SECONDS
  [4]
  $ firn --store ../store save --wait 0
  ! firn: '../store' is locked by process <n>
  ! hint: wait longer with --wait SECONDS
  [4]
  $ firn --store ../store undo --wait 0 --json 2>/dev/null | python3 -c 'import json, sys; e = json.load(sys.stdin)["error"]; print(e["code"], e["exit"])'
  FIRN_BUSY 4
  $ firn config --user wait 0 >/dev/null
  $ cat >../quickest.py <<'END'
  > # quickest.py COMMAND...: the time that the quickest of eight took.
  > import subprocess, sys, time
  > def run(command):
  >     begun = time.time()
  >     subprocess.call(command, stderr=subprocess.DEVNULL)
  >     return time.time() - begun
  > print(min(run(sys.argv[1:]) for i in range(8)))
  > END
  $ python3 -c 'import sys; print(float(sys.argv[1]) < float(sys.argv[2]) + 0.1)' $(python3 ../quickest.py firn --store ../store save) $(python3 ../quickest.py firn --store ../store save --wait 0)
  True
  $ firn config --user --unset wait >/dev/null
  $ python3 -c 'import subprocess, time; t = time.time(); print(subprocess.call(["firn", "--store", "../store", "save", "--wait", "1"], stderr=subprocess.DEVNULL), 1 <= time.time() - t < 10)'
  4 True

In the middle of a save, here of zeros that are hashed for seconds: nothing of it is left.

  $ mkdir ../large && truncate -s 15G ../large/hole ../large/hole2 && echo small >../large/small
  $ python3 ../send.py . INT -- firn -C ../large --store ../large.firn save
  130
  ! firn: interrupted
  ! hint: no checkpoint was made
  $ ls ../large.firn/packs; firn -C ../large --store ../large.firn list
  no checkpoints
  $ rm ../large/hole*; firn -C ../large --store ../large.firn save -q && firn -C ../large --store ../large.firn check -q --data
  1

Looking needs no lock.

  $ firn db get ../app.firn k a; echo
  1
  $ firn --store ../store list -q; firn --store ../store status; firn --store ../store check -q
  1
  compared with 1: no change; 1 unchanged
  $ firn --store ../store restore 1 -n
  would restore 1: nothing had to change

A holder that is killed leaves nothing to clean up.

  $ kill -9 $(cat ../holder1 ../holder2)
  $ firn db put ../app.firn k a 2 && firn db get ../app.firn k a; echo
  2
  $ firn --store ../store save -q
  2

Two saves at once: one waits for the other.

  $ firn --store ../store save -q >../a & firn --store ../store save -q >../b; wait $!; cat ../a ../b | sort
  3
  4
  $ firn --store ../store check
  4 checkpoints, <n> pack, <n> objects: no damage
