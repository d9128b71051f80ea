REF:PATH, a file of a checkpoint in one word.

  $ mkdir src; echo one >src/a.c; echo b >b; firn save -q; firn tag -q v1.0; echo two >src/a.c; rm b; firn save -q; echo three >src/a.c
  1
  2
  $ firn cat 1:src/a.c; firn cat latest~1:src/a.c; firn cat v1.0:b; firn cat "$(firn show 1 --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["checkpoint"]["id"][:6])')":b
  one
  one
  b
  b
  $ cd src; firn cat 1:a.c; firn cat 1:../b; cd ..; firn show 1:src/a.c | head -n 1; firn grep -n t 2:src/a.c; firn grep t 1:src b; firn diff --stat 1:src/a.c; firn diff --names 1:src/a.c 2:src/a.c; firn diff --names 1: 2; firn diff --names 1:src 2 -- b
  one
  b
  checkpoint  1
  src/a.c:1:two
   src/a.c | 2 +-
  from 1 to the disk: 1 changed, 0 added, 0 removed; 1 line added, 1 removed
  changed   src/a.c
  from 1 to 2: 1 changed, 0 added, 0 removed
  removed   b
  changed   src/a.c
  from 1 to 2: 1 changed, 0 added, 1 removed
  removed   b
  changed   src/a.c
  from 1 to 2: 1 changed, 0 added, 1 removed
  $ firn status 1:src/a.c -q; firn restore -q 1:b; cat b; firn restore 1:src/a.c -n; firn restore -q 1:b src; cat src/a.c; firn revert -n 2:src/a.c 2>&1 | tail -n 1
  changed   src/a.c
  b
  changed   src/a.c
  would restore 1: 1 changed, 0 added, 0 removed
  one
  would revert 2: 0 changed, 0 added, 0 removed

Two files cannot be compared; what is no reference is said.

  $ firn diff 1:b 2:src/a.c
  ! firn: diff: 'b' and 'src/a.c' are two files: only one file of two checkpoints is compared
  ! usage: firn diff [options] [REF] [REF] [PATH...]
  ! help: firn help diff
  [2]
  $ firn cat 9:b; firn cat 1:none
  ! firn: '9:b' is not in the checkpoint
  ! hint: in REF:PATH, no checkpoint stands before the colon; firn list shows them
  ! firn: 'none' is not in the checkpoint
  ! hint: firn show REF --files lists the files of a checkpoint
  [3]

Names with colons: a file that is there comes first, then the longest reference.

  $ echo x >1:b; echo y >a:1:b; echo z >14:30; firn save -q; firn cat 1:b; firn cat 3:1:b; firn cat 3:a:1:b; firn cat 3 1:b; firn cat -- 1:b; firn cat 3 14:30; rm 1:b; firn save -q; firn cat 1:b; firn cat 3 1:b
  3
  x
  x
  y
  x
  x
  z
  4
  b
  x
  $ firn restore -q 3 -- 1:b; cat 1:b; cd src; firn cat "$(date +%H:%M):a.c"
  x
  one
