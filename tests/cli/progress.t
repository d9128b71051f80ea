The progress line tells the share that is done, and the time that is left, while files are renamed, too.

  ? strace -DD -o /dev/null true
  ? python3 -c 'import os; os.openpty()'

  $ mkdir d && for i in $(seq 120); do echo old $i >d/$i; done && firn save -q; for i in $(seq 120); do echo new $i >d/$i; done; firn save -q
  1
  2
  $ export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
  $ python3 $SOURCE/tests/cli/on_terminal.py strace -DD -f -o /dev/null -e trace=renameat2 -e inject=renameat2:delay_enter=40000 firn restore 1 2>&1 | tr '\r' '\n' | sed 's/\x1b\[K//' >../shown
  $ grep -o '^place: [0-9]* of 120 files, [0-9]* %, [0-9]* s left$' ../shown | sed 's/[0-9][0-9]*/N/g' | sort -u
  place: N of N files, N %, N s left
  $ tail -n 2 ../shown; python3 -c '
  > import re
  > shown = [tuple(map(int, found)) for found in re.findall(r"place: (\d+) of 120 files, (\d+) %", open("../shown").read())]
  > print(all(abs(share - done * 100 / 120) <= 1 for done, share in shown), shown == sorted(shown))'
  restored 1: 120 changed, 0 added, 0 removed; take this back with: firn undo
  0
  True True

Rows are printed as whole lines, however many, and the line is erased before them: they are on the same terminal.

  $ mkdir ../many && cd ../many && for i in $(seq 400); do echo a >$i-$(printf %0200d $i); done && firn save -q && rm *
  1
  $ export NO_COLOR=1; python3 $SOURCE/tests/cli/on_terminal.py --of oe --columns 300 --controls strace -DD -f -o /dev/null -e trace=openat,openat2 -e inject=openat,openat2:delay_enter=4000 firn restore -n latest >../shown
  $ grep -c '^<return>[a-z]' ../shown | sed 's/^[1-9].*/some/'; grep '^<return>[a-z]' ../shown | grep -vc '<erase>$'; grep -c '^\(<return><erase>\)\?added     [0-9]*-[0-9]\{200\}$' ../shown; grep -v return ../shown | grep . | grep -v '^added     [0-9]*-[0-9]*$'
  some
  0
  400
  would restore 1: 0 changed, 400 added, 0 removed
  0
