Searching the files of a checkpoint.

  $ mkdir d; printf 'one\ntwo (2)\nThree\n' >a; printf 'two\0one\n' >d/bin; printf 'no end, two' >d/t; : >empty; ln -s a l
  $ firn save -q; echo changed >a; firn save -q
  1
  2
  $ firn grep two; firn grep -n two 1; firn grep 't(wo|hree)' 1 -i -- a
  d/t:no end, two
  Binary file d/bin matches
  a:2:two (2)
  d/t:1:no end, two
  Binary file d/bin matches
  a:two (2)
  a:Three
  $ firn grep -F '(2)' 1; firn grep -iF 'TWO (2' 1; firn grep '\(2' 1; firn grep -l two 1; firn grep -c o 1
  a:two (2)
  a:two (2)
  a:two (2)
  a
  d/t
  d/bin
  a:2
  d/t:1
  d/bin:1
  $ firn grep '^e' 1; firn grep 'e$' 1; cd d; firn grep one 1 -- ..; firn grep two 1 -- t; cd ..
  a:one
  a:Three
  Binary file d/bin matches
  ../a:one
  Binary file bin matches
  t:no end, two

The exit code is that of grep.

  $ firn grep absent
  [1]
  $ firn grep -q two
  $ firn grep -q one 2 -- d
  $ firn grep -q changed 1
  [1]
  $ firn grep '(' 2>&1 | head -1; firn grep '('
  firn: grep: '(' is not a regular expression: Unmatched ( or \\(
  ! firn: grep: '(' is not a regular expression: Unmatched ( or \\(
  ! usage: firn grep [options] PATTERN [REF] [PATH...]
  ! help: firn help grep
  [2]
  $ firn grep two 9
  ! firn: there is no checkpoint '9'
  ! hint: firn list shows the checkpoints
  [3]
  $ firn grep two -- nowhere
  ! firn: 'nowhere' is not in the checkpoint
  ! hint: firn show REF --files lists the files of a checkpoint
  [3]
  $ firn grep two 1 2 2>&1 | head -1; firn grep "$(printf 'a\nb')" 2>&1 | head -1; firn grep "$(printf '%5000s')" 2>&1 | head -1
  firn: '2' is not in the checkpoint
  firn: grep: the pattern has more than one line
  firn: grep: the pattern has more than 4096 bytes

As JSON.

  $ firn grep two 1 --json | python3 -c 'import json, sys; g = json.load(sys.stdin); print(g["checkpoint"]["number"], g["matches"])'
  1 [{'path': 'a', 'line': 2, 'text': 'two (2)'}, {'path': 'd/t', 'line': 1, 'text': 'no end, two'}, {'path': 'd/bin', 'binary': True}]
  $ firn grep -c two 1 --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["matches"][0])'
  {'path': 'a', 'count': 1}

Long lines and many lines; names are escaped.

  $ python3 -c 'import sys; w = sys.stdout.write; w("x" * 9000000 + "needle" + "y" * 9000000 + "\n"); [w("%d\n" % i) for i in range(1100000)]' >long; echo needle >"$(printf 'n\033')"
  $ firn save -q; firn grep needle 3 | cut -c1-20; firn grep -n '^109999' | head -3; firn grep -c needle
  3
  n\033:needle
  long:xxxxxxxxxxxxxxx
  long:110001:109999
  long:1099992:1099990
  long:1099993:1099991
  n\033:1
  long:1

The lines are those that grep finds.

  $ rm -r *; cp -r "$SOURCE/src/programs/dir" "$SOURCE/src/programs/term" .; firn save -q
  4
  $ for p in 'static' 'int$' '^static (int|bool)' '[a-z]+_slice\(' '.*\.c$|size_t [a-f]{1,3}\b' '' '\*/' 'a+b?c{2}|(=){2}'; do
  >   for o in -n -c -l -in -Fn -Fc -iFn; do
  >     firn grep $o -- "$p" | sort >told
  >     grep -rE ${o} -- "$p" dir term 2>/dev/null | grep -v ':0$' | sort >expected
  >     [ "${o#*F}" = "$o" ] || grep -rF ${o} -- "$p" dir term | grep -v ':0$' | sort >expected
  >     cmp -s told expected || echo "differs: $o $p"
  >   done
  > done
