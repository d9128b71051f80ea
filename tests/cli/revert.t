Taking back what one checkpoint changed, and keeping what came after.

  $ seq 1 20 >text && echo keep >keep && mkdir d && echo 1 >d/one && ln -s keep link && chmod 644 text keep d/one
  $ firn save -q && firn revert 1
  ! firn: there is no checkpoint before 1, so what it changed is not known
  ! hint: firn restore REF brings back a checkpoint itself, firn cat one file of it
  1
  [3]
  $ sed -i '3s/.*/three/' text && echo new >new && rm d/one && rmdir d && ln -sf text link && firn save -q -m bad
  2
  $ sed -i '18s/.*/eighteen/' text && echo later >later && echo more >>keep && firn save -q
  3

What would it change? The lines of 2 go, those of 3 stay.

  $ firn revert 2 -n
  added     d/
  added     d/one
  changed   link
  removed   new
  changed   text
  would revert 2: 2 changed, 1 added, 1 removed; 1 merged with what came after
  $ firn revert 2
  reverted 2: 2 changed, 1 added, 1 removed; 1 merged with what came after; take this back with: firn undo
  $ sed -n '3p;18p' text && cat d/one later keep && readlink link && ls
  3
  eighteen
  1
  later
  keep
  more
  keep
  d
  keep
  later
  link
  text
  $ firn list --all | sed 's/.* B  //' | head -n 2
  reverting 2
  before reverting 2
  $ firn undo
  undid the revert of 2, back at 3: 2 changed, 1 added, 1 removed; redo with: firn redo
  $ firn diff 3
  from 3 to the disk: 0 changed, 0 added, 0 removed
  $ firn redo -q && sed -n 3p text
  3

A second time there is nothing to do; only some paths; a range.

  $ firn revert 2
  reverted 2: 0 changed, 0 added, 0 removed
  $ firn restore 3 -q && firn revert 2 text d
  reverted 2: 1 changed, 1 added, 0 removed; 1 merged with what came after; take this back with: firn undo
  $ firn restore 3 -q && firn revert 1..3
  reverted 1..3: 3 changed, 1 added, 2 removed; take this back with: firn undo
  $ firn diff 1
  from 1 to the disk: 0 changed, 0 added, 0 removed

Conflicts come first, and nothing is changed.

  $ firn restore 3 -q && sed -i '3s/.*/THREE/' text && echo mine >>new && mkdir d && echo own >d/one && rm link
  $ find . -type f | sort | xargs cksum >../before; firn revert 2
  ! firn: conflict: d/one: would come back, and something else is there since
  ! firn: conflict: link: removed since
  ! firn: conflict: new: would be removed, and was changed since
  ! firn: conflict: text: changed since as well: lines 3
  ! firn: 4 paths were changed since in a way that cannot be merged: nothing was changed
  ! hint: revert only some paths (firn revert REF PATH...), or bring back what was there before with firn cat or firn restore
  [4]
  $ find . -type f | sort | xargs cksum | cmp - ../before
  $ firn revert 2 -n text
  ! firn: conflict: text: changed since as well: lines 3
  ! firn: 1 path was changed since in a way that cannot be merged: nothing was changed
  ! hint: revert only some paths (firn revert REF PATH...), or bring back what was there before with firn cat or firn restore
  [4]
  $ firn revert 2 --json text 2>/dev/null | python3 -c 'import json,sys; r=json.load(sys.stdin); c=r["conflicts"][0]; print(sorted(r), c["conflict"], c["path"], c["regions"], sorted(c))'
  ['conflicts', 'error'] lines text [{'before': {'line': 3, 'lines': 1}, 'after': {'line': 3, 'lines': 1}, 'now': {'line': 3, 'lines': 1}}] ['after', 'before', 'conflict', 'now', 'path', 'regions']

What is no text is merged as a whole; modes by themselves; a file that became a directory.

  $ firn restore 3 -q && printf 'a\0b' >bin && printf 'x\0y' >bin2 && echo f >flip && chmod 600 keep && firn save -q
  4
  $ printf 'a\0c' >bin && printf 'x\0z' >bin2 && chmod 700 keep && rm flip && mkdir flip && echo in >flip/in && firn save -q
  5
  $ printf 'a\0d' >bin && echo text >>keep && firn revert 5
  ! firn: conflict: bin: changed since as well, and cannot be merged line by line
  ! firn: 1 path was changed since in a way that cannot be merged: nothing was changed
  ! hint: revert only some paths (firn revert REF PATH...), or bring back what was there before with firn cat or firn restore
  [4]
  $ firn revert 5 bin2 keep flip
  reverted 5: 2 changed, 1 added, 1 removed; take this back with: firn undo
  $ stat -c '%a %F' keep flip && cat keep flip && cmp bin2 <(printf 'x\0y')
  600 regular file
  644 regular file
  keep
  more
  text
  f

What rules leave out is not touched.

  $ echo one >cache && firn save -q && echo two >cache && echo x >other && firn save -q && echo cache >.firnignore && echo three >cache
  6
  7
  $ firn revert 7
  reverted 7: 0 changed, 0 added, 1 removed; 1 left alone by rule; take this back with: firn undo
  $ cat cache
  three

What is wrong is said.

  $ firn revert
  ! firn: revert: missing REF
  ! hint: name a checkpoint by its number, by at least four letters of its id, or as latest; firn list shows them
  ! usage: firn revert [options] REF [PATH...]
  ! help: firn help revert
  [2]
  $ firn revert 3..2
  ! firn: checkpoint 3 is not older than 2
  ! hint: a range begins with the older one: firn revert OLDER..NEWER
  [2]
  $ firn revert 2..
  ! firn: revert: '2..' needs a checkpoint on both sides of the dots
  ! usage: firn revert [options] REF [PATH...]
  ! help: firn help revert
  [2]
  $ firn revert 99
  ! firn: there is no checkpoint '99'
  ! hint: <any>
  [3]
  $ firn revert 2 nowhere
  ! firn: 'nowhere' is in neither of the checkpoints
  ! hint: firn show REF --files lists the files of a checkpoint
  [3]
  $ firn revert 7 --json -n | python3 -c 'import json,sys; r=json.load(sys.stdin); print(sorted(r)); print(r["before"]["number"], r["after"]["number"], r["dry_run"], r["safety"])'
  ['added', 'after', 'before', 'changed', 'changes', 'conflicts', 'dry_run', 'hooks_removed', 'incomplete', 'left_alone', 'merged', 'not_restored', 'notices', 'removed', 'safety', 'without_git']
  6 7 True None
