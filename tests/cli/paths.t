A path is taken where no checkpoint is named so: on disk, or deleted since the newest checkpoint.

  $ mkdir -p src/deep && printf 'one\ntwo\n' >src/a && echo b >src/deep/b && echo n >notes && firn save -q -m first
  1
  $ echo three >>src/a && echo c >>src/deep/b && firn save -q -m second
  2

show: the changes of some paths, or the list of what is below them.

  $ firn show src/a -p | sed -n '/^changes/,$p'
  changes     1 changed, 0 added, 0 removed since 1
  
  diff --git a/src/a b/src/a
  --- a/src/a
  +++ b/src/a
  @@ -1,2 +1,3 @@
   one
   two
  +three
  $ firn show 2 notes | grep changes; firn show src | grep changes; firn show 1 src/deep --name-only | tail -n 1
  changes     0 changed, 0 added, 0 removed since 1
  changes     2 changed, 0 added, 0 removed since 1
  src/deep/b
  $ firn show --files src/deep | sed 's/.* //'; cd src && firn show 1 --files deep/b ../notes | sed 's/.* //'; cd ..
  src/deep/
  src/deep/b
  ../notes
  deep/b
  $ firn show notes --json | tr ',' '\n' | grep -e '"changed"' -e '"message"'
  "message":"second"
  "changed":0
  $ firn show --files -- sr
  ! firn: nothing of that name is in the checkpoint
  ! hint: firn log PATH shows the checkpoints that changed it
  [3]

restore: the file as it was saved last, also one that is gone. Other files stay as they are.

  $ echo wrong >src/a && rm -r src/deep && echo mine >notes && firn restore src/a src/deep && cat src/a src/deep/b notes
  restored 2: 1 changed, 1 added, 0 removed; take this back with: firn undo
  one
  two
  three
  b
  c
  mine
  $ firn undo -q && cat src/a && ls src && firn restore -q src && firn restore -q -- notes && cat notes
  wrong
  a
  n

cat, grep, diff and status.

  $ firn cat src/a | tail -n 1; firn cat 1 src/a | tail -n 1; firn cat latest~1 src/deep/b
  three
  two
  b
  $ firn grep -c . src; firn grep one 1 src/deep || firn grep one 1 src/a
  src/a:3
  src/deep/b:2
  src/a:one
  $ rm src/a && firn diff src/a && firn status src/a -s && firn restore -q src/a
  removed   src/a
  from 2 to the disk: 0 changed, 0 added, 1 removed
  D src/a

What names a checkpoint is one; -- says that what follows are paths.

  $ echo x >1 && echo y >latest && firn save -q
  3
  $ rm 1 latest && firn restore -n 1 | tail -n 1; firn restore -- 1 latest && cat 1 latest; firn cat -- latest
  would restore 1: 2 changed, 0 added, 0 removed
  restored 3: 0 changed, 2 added, 0 removed; take this back with: firn undo
  x
  y
  y
  $ firn cat 1
  ! firn: cat: missing PATH
  ! hint: name a checkpoint by its number, by at least four letters of its id, or as latest; firn list shows them
  ! usage: firn cat [REF] PATH
  ! help: firn help cat
  [2]

Neither of both.

  $ firn restore nothing
  ! firn: there is no checkpoint and no tag 'nothing'
  ! hint: firn list shows the checkpoints; to give paths write -- before them
  [3]
  $ firn cat nothing
  ! firn: 'nothing' is not in the checkpoint
  ! hint: firn show REF --files lists the files of a checkpoint
  [3]
  $ firn cat src notes
  ! firn: cat: more than one PATH
  ! usage: firn cat [REF] PATH
  ! help: firn help cat
  [2]
  $ firn show src/../../outside
  ! firn: there is no checkpoint and no tag 'src/../../outside'
  ! hint: firn list shows the checkpoints; to give paths write -- before them
  [3]
