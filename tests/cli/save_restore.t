The main thing: save, change, look, restore, undo.

  $ firn list
  no checkpoints
  $ ls -A $HOME $XDG_DATA_HOME
  <T>/data:
  
  <T>/home:
  $ mkdir src && printf hello >a.txt && printf 'int main(void);\n' >src/m.c
  $ firn save -m one
  1  <id>  2 files, 21 B; 2 new, <size> added  <s> s
  $ ls $XDG_DATA_HOME/firn | sed 's/[0-9a-f]\{16\}$/digits/'
  w-digits
  $ firn list
     1  <id>  <time>          2 files      21 B  one
  $ cp -a . ../kept
  $ firn save
  2  <id>  2 files, 21 B; no change since 1  <s> s
  $ printf changed >a.txt && rm src/m.c && echo new >n.txt
  $ firn status
  changed   a.txt
  added     n.txt
  removed   src/m.c
  compared with 2: 1 changed, 1 added, 1 removed; 0 unchanged
  $ firn status latest
  changed   a.txt
  added     n.txt
  removed   src/m.c
  compared with 2: 1 changed, 1 added, 1 removed; 0 unchanged
  $ firn status 1 src
  removed   src/m.c
  compared with 1: 0 changed, 0 added, 1 removed; 0 unchanged
  $ firn status -- n.txt src
  added     n.txt
  removed   src/m.c
  compared with 2: 0 changed, 1 added, 1 removed; 0 unchanged
  $ find . -printf '%p %T@ %C@\n' | sort >../before
  $ firn restore latest --dry-run
  changed   a.txt
  removed   n.txt
  metadata  src/
  added     src/m.c
  would restore 2: 1 changed, 1 added, 1 removed
  $ find . -printf '%p %T@ %C@\n' | sort | cmp ../before
  $ firn list --all | wc -l
  2
  $ firn restore latest
  restored 2: 1 changed, 1 added, 1 removed; take this back with: firn undo
  $ diff -r . ../kept && firn status
  compared with 2: no change; 2 unchanged
  $ firn list --all
     -  <id>  <time>          2 files      11 B  before restoring 2
     2  <id>  <time>          2 files      21 B
     1  <id>  <time>          2 files      21 B  one
  $ firn undo --dry-run
  changed   a.txt
  added     n.txt
  metadata  src/
  removed   src/m.c
  would undo the restore of 2, back at <id>: 1 changed, 1 added, 1 removed
  $ firn undo
  undid the restore of 2, back at <id>: 1 changed, 1 added, 1 removed; redo with: firn redo
  $ ls && cat a.txt; echo
  a.txt
  n.txt
  src
  changed
  $ firn redo
  redid the restore of 2, now at 2: 1 changed, 1 added, 1 removed; take this back with: firn undo
  $ diff -r . ../kept
  $ firn restore 1
  restored 1: nothing had to change
  $ firn check
  5 checkpoints (3 taken by restores), <n> packs, <n> objects: no damage
  $ firn check --data
  5 checkpoints (3 taken by restores), <n> packs, <n> objects, <size> read: no damage

Parts of the tree, and another directory.

  $ printf changed >a.txt && rm -r src && echo new >n.txt
  $ firn restore 1 src
  restored 1: 0 changed, 1 added, 0 removed; take this back with: firn undo
  $ find . -type f | sort
  ./a.txt
  ./n.txt
  ./src/m.c
  $ firn restore 1 ./a.txt "$PWD/n.txt" --dry-run
  changed   a.txt
  removed   n.txt
  would restore 1: 1 changed, 0 added, 1 removed
  $ firn restore 1 src/../a.txt
  restored 1: 1 changed, 0 added, 0 removed; take this back with: firn undo
  $ cat a.txt; echo
  hello
  $ firn restore 1 nothing
  ! firn: 'nothing' is neither in the workspace nor in the checkpoint
  ! hint: firn show REF --files lists the files of a checkpoint
  [3]
  $ firn restore 1 ../w
  ! firn: restore: '../w' is not a path inside the workspace <T>/w
  ! usage: firn restore [options] [REF] [PATH...]
  ! help: firn help restore
  [2]
  $ firn restore 1 /etc/passwd
  ! firn: restore: '/etc/passwd' is not a path inside the workspace <T>/w
  ! usage: firn restore [options] [REF] [PATH...]
  ! help: firn help restore
  [2]
  $ firn restore 1 ''
  ! firn: restore: '' is not a path inside the workspace <T>/w
  ! usage: firn restore [options] [REF] [PATH...]
  ! help: firn help restore
  [2]
  $ firn restore 1 --to ../copy
  restored 1 into ../copy: 0 changed, 2 added, 0 removed
  $ diff -r ../copy ../kept
  $ firn restore 1 --to ../copy
  ! firn: '../copy' is not empty: restore into an empty or a new directory
  [1]
  $ firn restore 1 --to ../part src
  restored 1 into ../part: 0 changed, 1 added, 0 removed
  $ find ../part | sort
  ../part
  ../part/src
  ../part/src/m.c
  $ firn restore 1 --to ''
  ! firn: restore: --to needs a directory
  ! usage: firn restore [options] [REF] [PATH...]
  ! help: firn help restore
  [2]
  $ firn restore 1 .
  restored 1: 0 changed, 0 added, 1 removed; take this back with: firn undo
  $ diff -r . ../kept

Without a checkpoint nothing is restored, and no question is asked.

  $ firn restore
  ! firn: restore: missing REF
  ! hint: name a checkpoint by its number, by at least four letters of its id, or as latest; firn list shows them
  ! usage: firn restore [options] [REF] [PATH...]
  ! help: firn help restore
  [2]
  $ firn restore -- a.txt
  restored 2: nothing had to change

From an empty workspace on.

  $ mkdir ../empty && cd ../empty
  $ firn undo
  ! firn: '<T>/empty' has no checkpoint yet: there is no store at '<T>/data/firn/empty-<hex>'
  ! hint: firn save makes a checkpoint
  [3]
  $ firn restore latest
  ! firn: '<T>/empty' has no checkpoint yet: there is no store at '<T>/data/firn/empty-<hex>'
  ! hint: firn save makes a checkpoint
  [3]
  $ firn status
  ! firn: '<T>/empty' has no checkpoint yet: save it first
  ! hint: firn save makes a checkpoint
  [3]
  $ firn save
  1  <id>  0 files, 0 B; <size> added  <s> s
  $ echo f >f
  $ firn restore latest
  restored 1: 0 changed, 0 added, 1 removed; take this back with: firn undo
  $ ls -A
  $ firn save -q -m "quiet"
  2
  $ firn list -q
  2
  1
  $ firn status -q
  $ firn undo -q
  $ cat f
  f

Where nothing but directories differed no file had to change, and it can be taken back.

  $ firn save -q && mkdir only && firn restore latest && ls
  3
  restored 3: no file had to change; take this back with: firn undo
  f
  $ firn undo && ls && rmdir only
  undid the restore of 3, back at <id>: no file had to change; redo with: firn redo
  f
  only
