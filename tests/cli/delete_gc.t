Checkpoints that are not wanted any more, and the space that they took.

  $ head -c 3000000 /dev/urandom >large && echo one >small && firn save -m first
  1  <id>  2 files, 3.0 MB; 2 new, <size> added  <s> s
  $ rm large && firn save -m second
  2  <id>  1 file, 4 B; 1 removed, <size> added  <s> s
  $ firn gc
  0 packs removed, 2 rewritten: 3.0 MB before, 3.0 MB now
  $ firn gc
  nothing to free: 3.0 MB in 1 pack

A reference that names nothing leaves everything.

  $ firn delete 1 9
  ! firn: there is no checkpoint '9'
  ! hint: firn list shows the checkpoints
  [3]
  $ firn delete 1 kkkk
  ! firn: there is no checkpoint 'kkkk'
  ! hint: firn list shows the checkpoints
  [3]
  $ firn delete nonsense 2>/dev/null
  [3]
  $ firn delete 2>/dev/null
  [2]
  $ firn list | wc -l
  2
  $ firn delete -n 1
  would delete 1  <id>  first
  $ firn list | wc -l
  2

What goes and what stays.

  $ firn delete 1
  deleted 1  <id>  first
  bring back within 7 days with: firn undelete 1
  $ firn delete 1
  ! firn: there is no checkpoint '1'
  ! hint: it was deleted; firn undelete 1 brings it back
  [3]
  $ firn gc && firn list --deleted | sed 's/ .*MB/ .../' && firn undelete && firn list | wc -l && firn list --deleted && firn delete 1 -q
  nothing to free: 3.0 MB in 1 pack
   ...  first
  brought back 1  <id>  first
  2
  no deleted checkpoint can be brought back
  1
  $ firn gc --now --dry-run
  0 packs removed, 1 rewritten: 3.0 MB before, about <size> would be left
  $ firn gc --now
  0 packs removed, 1 rewritten: 3.0 MB before, <size> now
  $ firn check --data
  1 checkpoint, 1 pack, <n> objects, <size> read: no damage
  $ echo two >small && firn restore 2 && cat small
  restored 2: 1 changed, 0 added, 0 removed; take this back with: firn undo
  one
  $ firn -q delete latest
  2
  $ firn list
  no checkpoints
  $ firn save
  3  <id>  1 file, 4 B; 1 new, <size> added  <s> s
  $ firn -q gc && firn check
  2 checkpoints (1 taken by restores), 1 pack, <n> objects: no damage

What is not needed comes back although it lies among more that is.

  $ mkdir ../mixed && cd ../mixed && head -c 8000000 /dev/urandom >x && head -c 9000000 /dev/urandom >y && firn save -q
  1
  $ rm x && head -c 1000 /dev/urandom >z && firn save -q && cp y ../y
  2
  $ firn config gc.auto false && firn delete --now 1
  deleted 1  <id>
  free the space with: firn gc
  $ firn gc -n
  0 packs removed, 2 rewritten: <size> before, about 9.<n> MB would be left
  $ firn gc
  0 packs removed, 2 rewritten: <size> before, 9.<n> MB now
  $ firn gc --full
  nothing to free: 9.<n> MB in 1 pack
  $ rm y && firn restore latest -q && cmp y ../y && firn check -q --data

So it does in the background.

  $ head -c 20000000 /dev/urandom >x && head -c 42000000 /dev/urandom >y && firn save -q && rm x && firn save -q && firn delete --now 3 -q
  3
  4
  3
  $ firn gc --auto -n
  worth it
  $ firn gc --auto | sed 's/, .* before/, many before/' && firn gc --auto
  0 packs removed, many before, 51.<n> MB now
  not worth it: little was deleted since the last gc, or one has just begun

A trifle in a large pack stays until it is asked for.

  $ head -c 300000 /dev/urandom >x && head -c 20000000 /dev/urandom >w && firn save -q && rm x && firn save -q && firn gc -q && firn delete --now 5 -q
  5
  6
  5
  $ firn gc -n
  no pack is worth rewriting: 71.<n> MB in <n> packs
  about 30<n> KB of it is not needed, spread among data that is; free it with: firn gc --full
  $ firn gc
  no pack is worth rewriting: 71.<n> MB in <n> packs
  about 30<n> KB of it is not needed, spread among data that is; free it with: firn gc --full
  $ firn gc --json | grep -o '"bytes_dead":30'
  "bytes_dead":30
  $ firn gc --full
  0 packs removed, <n> rewritten: 71.<n> MB before, 71.<n> MB now
  $ firn check -q --data && cd ../w

What saves compressed quickly is compressed again, and once only.

  $ seq 400000 >numbers && firn -q save
  4
  $ firn gc --recompress --dry-run
  0 packs removed, 2 rewritten: <size> before, about <size> would be left
  $ firn gc --recompress --json >out.json
  $ python3 -c 'import json; r = json.load(open("out.json")); print(r["packs_rewritten"] > 0, r["bytes_after"] < r["bytes_before"])'
  True True
  $ firn gc --recompress
  nothing to free: <size> in 1 pack
  $ firn gc --recompress --level 19
  0 packs removed, 1 rewritten: <size> before, <size> now
  $ firn gc --recompress --level 12
  nothing to free: <size> in 1 pack
  $ firn gc
  nothing to free: <size> in 1 pack
  $ firn check --data
  3 checkpoints (1 taken by restores), 1 pack, <n> objects, <size> read: no damage
  $ rm numbers && firn -q restore 4 && seq 400000 | cmp - numbers
  $ firn gc --level 3
  ! firn: gc: --level is for --recompress
  ! usage: firn gc [options]
  ! help: firn help gc
  [2]
  $ firn gc --recompress --level 1 2>&1 | head -n 1
  firn: gc: --level takes a number from 2 to 19, not '1'
  $ firn gc --recompress --level=x 2>&1 | head -n 1
  firn: gc: --level takes a number from 2 to 19, not 'x'

Where nothing was saved there is nothing to do, and nothing is made.

  $ mkdir ../empty && cd ../empty && firn gc
  ! firn: '<T>/empty' has no checkpoint yet: there is no store at '<T>/data/firn/empty-<hex>'
  ! hint: firn save makes a checkpoint
  [3]
  $ firn delete 1
  ! firn: '<T>/empty' has no checkpoint yet: there is no store at '<T>/data/firn/empty-<hex>'
  ! hint: firn save makes a checkpoint
  [3]
  $ firn gc -n
  nothing to free: 0 B in 0 packs

The only checkpoint is deleted: it can be undone, and every command says how it comes back, until a collection has taken it.

  $ mkdir ../only && cd ../only && echo 1 >a && firn save -q && firn delete 1 -q && firn gc; firn status; firn restore 1; firn list; firn undo --list | sed 's/20.*  //'
  1
  1
  nothing to free: <size> in 1 pack
  no checkpoints
  now       at a checkpoint that was deleted
  undo 1    the deletion of 1
  ! firn: there is no checkpoint yet
  ! hint: the last was deleted; firn undelete 1 brings it back
  ! firn: there is no checkpoint '1'
  ! hint: it was deleted; firn undelete 1 brings it back
  $ firn undo && firn list | wc -l && firn redo && firn list && firn undelete && firn delete 1 -q && firn gc --now
  undid the deletion of 1; redo with: firn redo
  1
  redid the deletion of 1; take this back with: firn undo
  no checkpoints
  brought back 1  <id>
  1
  1 pack removed, 0 rewritten: <size> before, 0 B now
  $ firn undo; firn undelete 1; firn list --deleted; firn status; firn save -q; cat a
  passed over the deletion of <id>; redo with: firn redo
  no deleted checkpoint can be brought back
  2
  1
  ! firn: not restored: <id>: this checkpoint is gone for good
  ! firn: no deleted checkpoint '1' can be brought back
  ! hint: firn list --deleted shows what can be brought back
  ! firn: there is no checkpoint yet
  ! hint: firn save makes a checkpoint

A directory that is as the deleted newest checkpoint has no edits.

  $ mkdir ../newest && cd ../newest && echo 1 >a && firn save -q && echo 2 >a && firn save -q && firn delete 2 -q && firn undo -n && firn undo && cat a && firn undo && cat a && firn redo -q && firn redo && cat a
  1
  2
  2
  would undo the deletion of 2
  undid the deletion of 2; redo with: firn redo
  2
  undid the save of 2, back at 1: 1 changed, 0 added, 0 removed; redo with: firn redo
  1
  redid the deletion of 2; take this back with: firn undo
  2
