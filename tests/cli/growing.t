A log that is appended to all the time is in each checkpoint, as far as it went when it was read.

  $ cat >../append.py <<'END'
  > import os, sys, time
  > log = open('app.log', 'ab', buffering=0)
  > while not os.path.exists('../stop'):
  >     log.write(b'a line of the log, and another\n')
  >     time.sleep(0.0005)
  > END
  $ echo quiet >quiet; python3 ../append.py & while ! test -s app.log; do sleep 0.01; done
  $ for i in 1 2 3 4 5; do firn save -q 2>>../err || echo "exit code $?"; done
  1
  2
  3
  4
  5
  $ touch ../stop; wait; grep -v 'growing: app.log: was being appended to: its first [0-9]* bytes are saved' ../err
  [1]
  $ for i in 1 2 3 4 5; do firn cat $i app.log >../saved; test -s ../saved && cmp -n $(stat -c %s ../saved) ../saved app.log; done
  $ firn save -q && firn status
  6
  compared with 6: no change; 2 unchanged
