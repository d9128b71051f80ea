Ctrl-C in each phase, and what is seen beside a restore that is under way.

Renames and syncs are made to take their time.

  ? strace -DD -o /dev/null true
  ? python3 -c 'import os; os.openpty()'

  $ cat >../slowed <<'END'
  > # slowed CALLS MICROSECONDS COMMAND...
  > export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 # looking for leaks does not work under strace
  > exec strace -DD -f -o /dev/null -e trace=$1 -e inject=$1:delay_enter=$2 "${@:3}"
  > END
  $ typed() { python3 $SOURCE/tests/cli/on_terminal.py "$@" 2>&1 | tr '\r' '\n' | sed 's/\x1b\[K//'; }
  $ mkdir d && for i in $(seq 120); do echo old $i >d/$i; done && firn save -q && cp -r d ../old
  1
  $ for i in $(seq 120); do echo new $i >d/$i; done && rm d/7 && echo more >d/more && firn save -q && cp -r d ../new
  2

Once files change places the first one is answered, and the restore goes on to its end.

  $ typed --ctrl-c 'place: ' bash ../slowed renameat2 20000 firn restore 1 >../typed; grep -v -e '^$' -e '^[a-z]*: [0-9]' -e '^[a-z]*$' ../typed
  firn: interrupted, and finishing: <n> of 121 files are in place
  hint: interrupt again to stop at once; then finish it with firn restore --resume, or take it back with firn undo
  restored 1: 119 changed, 1 added, 1 removed; take this back with: firn undo
  0
  $ diff -r d ../old && ls -A
  d

The second one ends it at once. Its temporary names are not shown.

  $ typed --ctrl-c 'place: ' --ctrl-c 'interrupt again' bash ../slowed renameat2 20000 firn restore 2 >../typed; grep -v -e '^$' -e '^[a-z]*: [0-9]' -e '^[a-z]*$' ../typed
  firn: interrupted, and finishing: <n> of 121 files are in place
  hint: interrupt again to stop at once; then finish it with firn restore --resume, or take it back with firn undo
  signal 2
  $ find . -name '.firn-*' | sed 's/.*/some/' | sort -u; firn status >../seen; firn status --ignored -s >>../seen; firn diff >>../seen; grep -c firn- ../seen
  some
  0
  ! firn: a restore of 2 was interrupted half way
  ! hint: firn restore --resume finishes it, firn undo takes it back
  ! firn: a restore of 2 was interrupted half way
  ! hint: firn restore --resume finishes it, firn undo takes it back
  ! firn: a restore of 2 was interrupted half way
  ! hint: firn restore --resume finishes it, firn undo takes it back
  [1]
  $ firn restore --resume -q && diff -r d ../new && ls -A . d | grep firn
  [1]

Before that it stops, and nothing has changed. Where that takes its time, it is said, and the second one ends it at once.

  $ typed --ctrl-c 'sync' bash ../slowed syncfs 2000000 firn restore 1 >../typed; grep -v -e '^$' -e '^[a-z]*: [0-9]' -e '^[a-z]*$' -e '^sync' -e '^look' ../typed
  firn: interrupted
  hint: nothing was changed
  130
  $ diff -r d ../new && ls -A . d | grep firn
  [1]
  $ typed --ctrl-c 'sync' --ctrl-c 'interrupt again' bash ../slowed syncfs,unlinkat 700000 firn restore 1 >../typed; grep -v -e '^$' -e '^[a-z]*: [0-9]' -e '^[a-z]*$' -e '^sync' -e '^look' ../typed
  firn: interrupted, and stopping
  hint: interrupt again to stop at once
  signal 2
  $ firn status
  compared with 2: no change; 120 unchanged
  ! firn: a restore of 1 was interrupted before anything changed
  ! hint: firn restore --resume finishes it, firn undo takes it back
  $ firn save -q --if-changed && ls -A . d | grep firn
  2
  ! firn: resumed: an interrupted restore had changed nothing yet and was dropped
  [1]

What takes long is named, with the time that it takes.

  $ typed bash ../slowed syncfs 2200000 firn restore 1 | grep -c '^sync: [0-9]* s$' | sed 's/^[1-9].*/some/'
  some

Beside a restore: who, what, and how far. A save that does not wait says it too.

  $ (bash ../slowed renameat2 25000 firn restore 2 >../restored 2>&1; echo $? >../ended) & for i in $(seq 200); do firn status --json 2>/dev/null | grep -q '"phase":"place","files_done":[1-9]' && break; sleep 0.05; done
  $ firn list -q && firn status >../seen; grep -c -e firn- ../seen; firn diff >/dev/null; firn save --wait 0 2>&1 | sed "s,'.*' is,it is,"
  2
  1
  0
  firn: it is locked by process <n>; a restore of 2 is under way by process <n><any>: <n> of 121 files are in place
  hint: wait longer with --wait SECONDS
  ! firn: a restore of 2 is under way by process <n><any>: <n> of 121 files are in place
  ! firn: a restore of 2 is under way by process <n><any>: <n> of 121 files are in place
  ! firn: a restore of 2 is under way by process <n><any>: <n> of 121 files are in place
  $ firn status --json 2>/dev/null | python3 -c '
  > import json, sys
  > told = json.load(sys.stdin)
  > running = told["running"]
  > print(told["pending"], running["number"], len(running["id"]), running["undo"], running["revert"], running["begun"])
  > print(running["process"] > 1, running["phase"], 0 < running["files_done"] < running["files_total"], running["started"][:2])'
  None 2 32 False False True
  True place True 20
  $ typed --ctrl-c 'a restore of 2' firn save | grep -v '^$' | sort -u | head -n 4
  130
  firn: interrupted
  hint: no checkpoint was made
  waiting: a restore of 2 is under way by process <n><any>
  $ for i in $(seq 400); do [ -e ../ended ] && break; sleep 0.05; done; cat ../restored ../ended; firn status --json | python3 -c 'import json, sys; told = json.load(sys.stdin); print(told["pending"], told["running"], told["changed"])'
  restored 2: 119 changed, 1 added, 1 removed; take this back with: firn undo
  0
  None None 0

A save, too, is cancelled until its contents are complete; then it waits for the disk and ends.

  $ echo 3 >d/3; typed --ctrl-c 'sync' bash ../slowed fdatasync,fsync 700000 firn save -m third >../typed; grep -v -e '^$' -e '^[a-z]*: [0-9]' -e '^[a-z]*$' ../typed
  firn: interrupted, and finishing: everything is written, and waits for the disk
  hint: interrupt again to stop at once; then no checkpoint is made
  3  <id>  120 files, <n> B; 1 changed, <size> added  <s> s
  0
