Which checkpoint broke something.

  $ mkdir w && cd w && export TMPDIR=$PWD/../tmp && mkdir $TMPDIR sub && for i in 1 2 3 4 5 6 7 8 9; do echo $i >n; if [ $i -ge 6 ]; then echo x >bug; fi; firn save -q -m "step $i" >../saved; done
  $ ls -A $TMPDIR && firn bisect run test ! -e bug
  6 broke it: step 6
  good at 5, bad at 6, 5 runs; firn diff 5 6 shows the difference
  ! firn: 9 is bad (exit 1, <any> s)
  ! firn: 1 is good (exit 0, <any> s)
  ! firn: 5 is good (exit 0, <any> s)
  ! firn: 7 is bad (exit 1, <any> s)
  ! firn: 6 is bad (exit 1, <any> s)
  $ firn bisect run -q --good 3 --bad 7 test ! -e bug && firn bisect run -q --good 5 --bad 6 test ! -e bug
  6 broke it: step 6
  good at 5, bad at 6, 4 runs; firn diff 5 6 shows the difference
  6 broke it: step 6
  good at 5, bad at 6, 2 runs; firn diff 5 6 shows the difference

It runs in the corresponding directory of each candidate, what it prints goes to standard error, and nothing is left.

  $ cd sub && firn bisect run --json sh -c 'echo here; basename "$PWD"; ls ..; test ! -e ../bug' 2>../../told | python3 -c 'import json, sys; r = json.load(sys.stdin); print(r["good"]["number"], r["bad"]["number"], r["turn"], r["runs"], r["candidates"], r["skipped"])' && head -n 5 ../../told; cd ..; ls $TMPDIR; firn status | tail -n 1
  5 6 None 5 1 0
  here
  sub
  bug
  n
  sub
  compared with 9: no change; 2 unchanged
  $ firn bisect run -q sh -c 'mkdir -p a/b/c && chmod 0 a/b a && ln -s /etc l; test ! -e bug' && ls $TMPDIR
  6 broke it: step 6
  good at 5, bad at 6, 5 runs; firn diff 5 6 shows the difference
  $ firn bisect run -q python3 -c 'import os, sys; bad = os.path.exists("bug"); [(os.mkdir("deep"), os.chdir("deep")) for _ in range(3000)]; sys.exit(bad)' && ls $TMPDIR
  6 broke it: step 6
  good at 5, bad at 6, 5 runs; firn diff 5 6 shows the difference
  $ firn bisect run -q --keep test ! -e bug && ls $TMPDIR/*/* && rm -r $TMPDIR/firn-bisect-*
  6 broke it: step 6
  good at 5, bad at 6, 5 runs; firn diff 5 6 shows the difference
  bug
  n
  sub

Candidates that cannot be tried.

  $ firn bisect run -q sh -c 'case $(cat n) in 5) exit 125; esac; test ! -e bug'
  one of 2 checkpoints broke it, after 4, up to 6: the others could not be tried
  good at 4, bad at 6, 6 runs; firn diff 4 6 shows the difference
  [6]
  $ firn bisect run sh -c 'case $(cat n) in 2|3|4|8) exit 125; esac; test ! -e bug'
  6 broke it: step 6
  good at 5, bad at 6, 5 runs; firn diff 5 6 shows the difference
  ! firn: 9 is bad (exit 1, <any> s)
  ! firn: 1 is good (exit 0, <any> s)
  ! firn: 5 is good (exit 0, <any> s)
  ! firn: 7 is bad (exit 1, <any> s)
  ! firn: 6 is bad (exit 1, <any> s)
  $ firn bisect run sh -c 'case $(cat n) in 9) exit 125; esac; test ! -e bug'
  ! firn: 9 is skipped (exit 125, <any> s)
  ! firn: 9 cannot be tried: exit code 125
  [1]

Equal trees are tried once, and the oldest is named.

  $ firn save -q -m "same" && firn save -q -m "same again" && firn bisect run test "$(pwd)" = / ; firn bisect run -q --good 8 sh -c 'test $(cat n) != 9'
  10
  11
  9 broke it: step 9
  good at 8, bad at 9, 2 runs; firn diff 8 9 shows the difference
  ! firn: 9 is bad (exit 1, <any> s)
  ! firn: 1 is bad (exit 1, <any> s)
  ! firn: 1 is bad, too: no good one is known
  ! hint: --good REF names another one; what a save leaves out, such as dependencies, has to be made by the command

What ends it.

  $ firn bisect run true
  ! firn: 9 is good (exit 0, <any> s)
  ! firn: 9 is good, too: there is nothing to find
  ! hint: --bad REF names another one; firn save saves now
  [1]
  $ firn bisect run false
  ! firn: 9 is bad (exit 1, <any> s)
  ! firn: 1 is bad (exit 1, <any> s)
  ! firn: 1 is bad, too: no good one is known
  ! hint: --good REF names another one; what a save leaves out, such as dependencies, has to be made by the command
  [1]
  $ firn bisect run sh -c 'exit 130'
  ! firn: exit code 130 at 9: the search ends
  [1]
  $ $SIGNALLED firn bisect run sh -c 'kill -9 $$'
  ! firn: signal 9 ended the command at 9: the search ends
  [1]
  $ $SIGNALLED firn bisect run sh -c 'trap "" INT; kill -INT $PPID'
  [130]
  $ firn bisect run ./nothing-of-this-name
  ! firn: could not run './nothing-of-this-name': No such file or directory
  [3]
  $ firn bisect run; firn bisect; firn bisect run --good 7 --bad 3 true; firn bisect run --good nonsense true; firn bisect run --turns true
  ! firn: bisect run: missing COMMAND
  ! usage: firn bisect run [options] COMMAND [ARGUMENT...]
  ! help: firn help bisect run
  ! firn: bisect: missing command
  ! help: firn help bisect
  ! firn: bisect run: the good one has to be older than the bad one
  ! usage: firn bisect run [options] COMMAND [ARGUMENT...]
  ! help: firn help bisect run
  ! firn: there is no checkpoint and no tag 'nonsense'
  ! hint: firn list shows the checkpoints
  ! firn: there is no turn to try
  ! hint: firn list shows the checkpoints, firn turns the turns
  [3]
  $ TMPDIR=$PWD firn bisect run true; ls $TMPDIR; mkdir ../empty && cd ../empty && firn bisect run true
  ! firn: the directory for temporary files, '<T>/w/w', is in the workspace
  ! hint: TMPDIR names another one
  ! firn: there are no two states to compare
  ! hint: firn list shows the checkpoints, firn turns the turns
  [3]

Which turn.

  $ mkdir ../t && cd ../t && turn() { echo "{\"prompt\": \"$1\"}" | firn hook run claude before; eval "$2"; echo '{}' | firn hook run claude after; }
  $ echo a >a && firn save -q && turn one 'echo 1 >n' && turn two 'echo 2 >n' && echo mine >mine && firn save -q && turn three 'echo 3 >n' && turn four 'echo 4 >n' && firn turns -q
  1
  4
  @6
  @5
  @3
  @2
  $ firn bisect run --turns sh -c 'test ! -e n || test $(cat n) -lt 2'
  @3 broke it: Claude Code: two
  good at 2, bad at 3, 4 runs; firn diff 2 3 shows the difference
  ! firn: 6 is bad (exit 1, <any> s)
  ! firn: 1 is good (exit 0, <any> s)
  ! firn: 3 is bad (exit 1, <any> s)
  ! firn: 2 is good (exit 0, <any> s)
  $ firn bisect run --turns -q test ! -e mine && firn bisect run -q test ! -e mine
  it broke after 3, before the turn @5 began (4)
  good at 3, bad at 5, 5 runs; firn diff 3 5 shows the difference
  4 broke it
  good at 3, bad at 4, 4 runs; firn diff 3 4 shows the difference
  $ firn bisect run -q --turns --good @one --bad "@three" sh -c 'test $(cat n) -lt 3' && firn bisect run -q --good @two sh -c 'test $(cat n) -lt 4'
  @5 broke it: Claude Code: three
  good at 3, bad at 5, 4 runs; firn diff 3 5 shows the difference
  @6 broke it: Claude Code: four
  good at 5, bad at 6, 4 runs; firn diff 5 6 shows the difference
