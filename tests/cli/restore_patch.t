Restoring hunks, one by one.

  $ seq 40 >f; printf 'a\nb\nc\n' >g; ln -s f link; printf 'b\0\n' >bin; chmod 600 g; firn save -q; seq 40 | sed 's/^2$/two/; s/^5$/five/; s/^30$/thirty/; s/^40$/forty/' >f; echo d >>g; rm link; printf 'c\0\n' >bin; echo new >new
  1
  $ printf 'n\nn\ny\nn\nn\nwhat\n' | firn restore -p | grep -v '^?'
  # bin: binary, 3 -> 3 bytes
  restore all of this file [y,n,q,?]? 
  diff --git a/f b/f
  --- a/f
  +++ b/f
  @@ -1,8 +1,8 @@
   1
  -two
  +2
   3
   4
  -five
  +5
   6
   7
   8
  restore this hunk [y,n,q,a,d,s,?]? 
  @@ -27,7 +27,7 @@
   27
   28
   29
  -thirty
  +30
   31
   32
   33
  restore this hunk [y,n,q,a,d,?]? 
  @@ -37,4 +37,4 @@
   37
   38
   39
  -forty
  +40
  restore this hunk [y,n,q,a,d,?]? 
  diff --git a/g b/g
  --- a/g
  +++ b/g
  @@ -1,4 +1,3 @@
   a
   b
   c
  -d
  restore this hunk [y,n,q,a,d,?]? 
  diff --git a/link b/link
  new file mode 120000
  --- /dev/null
  +++ b/link
  @@ -0,0 +1 @@
  +f
  \ No newline at end of file
  restore this file [y,n,q,?]? 
  y  restore this
  n  do not
  q  restore what was chosen by now, and ask no more
  a  restore this and the rest of the file
  d  restore neither this nor the rest of the file
  s  split this into its hunks
  restore this file [y,n,q,?]? 
  restored 1: 1 changed, 0 added, 0 removed; take this back with: firn undo
  $ sed -n '2p; 5p; 30p; 40p' f; firn status --short; firn undo; sed -n 30p f; firn redo; sed -n 30p f
  two
  five
  30
  forty
  M bin
  M f
  M g
  D link
  A new
  undid the restore of f from 1, back at <id>: 1 changed, 0 added, 0 removed; redo with: firn redo
  thirty
  redid the restore of f from 1, now at <id>: 1 changed, 0 added, 0 removed; take this back with: firn undo
  30

A group is split; a and d are for the rest of the file; q and the end of the input restore what was chosen before.

  $ printf 's\nn\ny\nd\n' | firn restore -p 1 f | tail -n 1; sed -n '2p; 5p; 40p' f; firn undo -q; printf 'n\na\n' | firn restore -p 1:f | tail -n 1; sed -n '2p; 5p; 40p' f; firn undo -q; sed -n '2p; 5p; 40p' f
  restored 1: 1 changed, 0 added, 0 removed; take this back with: firn undo
  two
  5
  forty
  restored 1: 1 changed, 0 added, 0 removed; take this back with: firn undo
  two
  five
  40
  two
  five
  forty
  $ printf 'n\nq\n' | firn restore -p 1 f g | tail -n 1; firn restore -p -q 1 f </dev/null >/dev/null; firn restore -p 1 f </dev/null | tail -n 2; yes | firn restore -p | tail -n 1; firn status; firn restore -p 1
  nothing was restored
  restore this hunk [y,n,q,a,d,s,?]? 
  nothing was restored
  restored 1: 3 changed, 1 added, 1 removed; take this back with: firn undo
  compared with 1: no change; 4 unchanged
  nothing differs
  $ stat -c %a g; cat g; firn undo; yes n | firn restore -p latest g | tail -n 1
  600
  a
  b
  c
  undid the restore of bin and 4 others from 1, back at <id>: 3 changed, 1 added, 1 removed; redo with: firn redo
  nothing was restored

Of a file with a mode of its own, partly restored, only the content changes. The end of a text may lack its line feed.

  $ printf '1\n2\n3\n4\n5\n6\n7\n8\n9' >t; firn save -q; printf 'one\n2\n3\n4\n5\n6\n7\n8\nnine\n' >t; chmod 755 t; printf 'n\ny\n' | firn restore -p 2 t | tail -n 1; od -c t | tail -n 3; stat -c %a t; firn save -q; firn check -q; firn undo -q; firn undo; cat t
  2
  restored 2: 1 changed, 0 added, 0 removed; take this back with: firn undo
  0000000   o   n   e  \n   2  \n   3  \n   4  \n   5  \n   6  \n   7  \n
  0000020   8  \n   9
  0000023
  755
  3
  undid unsaved changes, back at 2: 1 changed, 0 added, 0 removed; redo with: firn redo
  1
  2
  3
  4
  5
  6
  7
  8
  9<no newline>
  $ ln t hard; printf 'one\n2\n3\n4\n5\n6\n7\n8\nnine\n' >t; printf 'n\ny\n' | firn restore -p 2 t | tail -n 1; sed -n '1p; 9p' t; sed -n '1p; 9p' hard; firn save -q; firn check -q; firn diff -q 2 --name-only
  restored 2: 1 changed, 0 added, 0 removed; take this back with: firn undo
  one
  9one
  nine
  4
  hard
  t

What it does not go with.

  $ firn restore -p -n; firn restore --resume -p
  ! firn: restore: --patch excludes --dry-run, --interactive, --json and --to: it asks first
  ! usage: firn restore [options] [REF] [PATH...]
  ! help: firn help restore
  ! firn: restore: --resume and --patch exclude each other
  ! usage: firn restore [options] [REF] [PATH...]
  ! help: firn help restore
  [2]
  $ firn restore -p nothing </dev/null; firn restore -p 9 </dev/null
  ! firn: there is no checkpoint and no tag 'nothing'
  ! hint: firn list shows the checkpoints; to give paths write -- before them
  ! firn: there is no checkpoint '9'
  ! hint: firn list shows the checkpoints
  [3]
