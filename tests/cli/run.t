firn run saves before and after a command: it is named in the history, with its exit code and its time.

  $ echo one >one && firn run sh -c 'echo hi; rm one; echo 2 >two; exit 3'
  hi
  ! firn: exit 3 in <any> s: 1 new, 0 changed, 1 removed; saved as 2, firn undo takes it back
  [3]
  $ firn list | sed 's/.*  //; s/, [0-9.]* s)/)/'
  run (exit 3): sh -c 'echo hi; rm one; echo 2 >two; exit 3'
  before run: sh -c 'echo hi; rm one; echo 2 >two; exit 3'
  $ firn undo -q && ls
  one
  $ firn run true && firn run -q false
  ! firn: exit 0 in <any> s: no file changed
  [1]

What is written before the command are options of firn. What follows the command belongs to it.

  $ firn run -q cat --number one
       1	one
  $ firn run -- printf '%s|' --json -q -- x && echo
  --json|-q|--|x|
  ! firn: exit 0 in <any> s: no file changed
  $ firn run --json true
  {"error":{"code":"FIRN_INVALID","message":"run: --json cannot be used with this command: standard output is the command's","exit":2}}
  ! firn: run: --json cannot be used with this command: standard output is the command's
  ! usage: firn run [options] COMMAND [ARGUMENT...]
  ! help: firn help run
  [2]
  $ firn run
  ! firn: run: missing COMMAND
  ! usage: firn run [options] COMMAND [ARGUMENT...]
  ! help: firn help run
  [2]

With --undo-on-failure what a command that fails has done is saved, and the state before restored.

  $ firn run --undo-on-failure sh -c 'echo changed >one; mkdir d; echo x >d/x; false'
  ! firn: exit 1 in <any> s: 1 new, 1 changed, 0 removed; saved as 4
  ! firn: restored what was there before; firn undo brings the command's changes back
  [1]
  $ cat one && ls
  one
  one
  $ firn undo -q && cat one d/x && firn redo -q && ls
  changed
  x
  one
  $ firn run -q --undo-on-failure sh -c 'echo kept >kept' && cat kept
  kept

What cannot be run, and what a signal ends:

  $ firn run ./nothing-of-this-name
  ! firn: could not run './nothing-of-this-name': No such file or directory
  [127]
  $ firn run ./one
  ! firn: could not run './one': Permission denied
  [126]
  $ firn run -q sh -c 'kill -KILL $$'
  [137]

Ctrl-C is for the command, also if it has left the process group. What came before it was started stops firn.

  $ firn run -q sh -c 'kill -STOP $$; echo went on' & sleep 0.3; kill -CONT $!; wait $!
  went on

What asks firn to stop is handed on to the command, and its work is saved all the same.

  $ firn run sh -c 'trap "echo stopped >stopped; exit 7" TERM; : >ready; while :; do sleep 0.05; done' & until test -e ready; do sleep 0.05; done; kill -TERM $!; wait $!
  ! firn: exit 7 in <any> s: 2 new, 0 changed, 0 removed; saved as 7, firn undo takes it back
  [7]
  $ rm ready; (trap '' INT; exec firn run -q sh -c 'kill -INT $$; echo still here')
  still here

A command may end firn, and call firn: nothing is locked, and what was there before is saved already.

  $ (firn run -q sh -c 'rm one; kill -KILL $PPID'; true) 2>/dev/null; sleep 0.2; firn status | sed 's/.*: //'; firn undo -q && cat one
  removed   one
  0 changed, 0 added, 1 removed; 2 unchanged
  one
  $ firn run -q sh -c 'echo i >i; firn save -q -m inner; rm i' && firn list -n 2 | sed 's/.*  //; s/, [0-9.]* s)/)/'
  9
  run (exit 0): sh -c 'echo i >i; firn save -q -m inner; rm i'
  inner

Where the command, or a program beside it, has saved meanwhile, its changes are known and taken back all the same; so where it removes the current directory.

  $ echo good >x && firn run --undo-on-failure sh -c 'echo bad >x; firn save -q -m inner; exit 1'; cat x
  12
  ! firn: exit 1 in <any> s: files changed; saved as 12
  ! firn: restored what was there before; firn undo brings the command's changes back
  good
  $ firn run sh -c 'echo bad >x; firn save -q -m inner'
  14
  ! firn: exit 0 in <any> s: files changed; saved as 14, firn restore 13 takes it back
  $ firn restore -q 13 && cat x
  good
  $ mkdir sub && echo deep >sub/file && cd sub && firn run -q --undo-on-failure sh -c 'cd ..; rm -rf sub; exit 9'
  [9]
  $ cd .. && cat sub/file
  deep

The exit code is the command's, whatever its words are.

  $ firn run -q sh -c 'exit 2' hook run
  [2]

Without a state before there is no command; long and odd command lines are cut.

  $ firn --store /dev/null/x run echo not run
  ! firn: <any>
  ! firn: the command was not run
  [125]
  $ firn run -q sh -c 'echo 1 >odd
  > echo 2 >>odd' "it's" && firn run -q sh -c 'echo 3 >>odd' $(seq 1000) && firn list -n 2 --json | grep -o '"message":"[^"]*"' | sed 's/, [0-9.]* s)/)/'
  "message":"run (exit 0): sh -c 'echo 3 >>odd' 1 2 3 <any>..."
  "message":"run (exit 0): sh -c 'echo 1 >odd..."
