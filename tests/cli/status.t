Every kind of difference.

  $ mkdir d e && echo 1 >content && echo 2 >mode && echo 3 >gone && echo 4 >same && echo 5 >time && ln -s same link && echo 6 >type && echo 7 >d/f
  $ firn save -q
  1
  $ firn status
  compared with 1: no change; 8 unchanged
  $ echo x >content && chmod +x mode && rm gone && touch -d 2001-01-01 time && ln -sf other link && rm type && mkdir type && rm -r d && touch e/new && mkdir made
  $ firn status
  changed   content
  removed   d/
  removed   d/f
  added     e/new
  removed   gone
  changed   link
  added     made/
  metadata  mode
  changed   type/
  compared with 1: 3 changed (1 times only), 1 added, 3 removed; 1 unchanged
  $ firn status --times | grep -w time; firn status --times --short | grep -w time
  metadata  time
  m time
  $ firn status --short
  M content
  D d/
  D d/f
  A e/new
  D gone
  M link
  A made/
  m mode
  T type/
  $ firn status --json | python3 -c '
  > import json, sys
  > o = json.load(sys.stdin)
  > for c in o["changes"]:
  >     print(c["change"], c["path"], c.get("before", {}).get("type"), c.get("after", {}).get("type"), *c.get("what", []))
  > print({k: o[k] for k in ("added", "changed", "removed", "unchanged", "skipped")}, o["checkpoint"]["number"])'
  changed content file file content mtime
  removed d directory None
  removed d/f file None
  added e/new None file
  removed gone file None
  changed link symlink symlink content mtime
  added made None directory
  metadata mode file file mode
  changed type file directory type
  {'added': 1, 'changed': 3, 'removed': 3, 'unchanged': 1, 'skipped': 0} 1
  $ firn status latest d e
  removed   d/
  removed   d/f
  added     e/new
  compared with 1: 0 changed, 1 added, 1 removed; 0 unchanged
  $ firn status 1 same
  compared with 1: no change; 1 unchanged
  $ firn status -- mode nothing
  metadata  mode
  ! firn: 'nothing' is neither in the workspace nor in the checkpoint
  ! hint: firn show REF --files lists the files of a checkpoint
  [3]
  $ firn status 7
  ! firn: there is no checkpoint '7'
  ! hint: firn list shows the checkpoints
  [3]
  $ firn status nonsense
  ! firn: there is no checkpoint and no tag 'nonsense'
  ! hint: firn list shows the checkpoints; to give paths write -- before them
  [3]
  $ firn restore 1 | cut -d';' -f1
  restored 1: 4 changed, 3 added, 1 removed
  $ firn status
  compared with 1: no change; 8 unchanged

What rules leave out, where it is asked for: all of it, or what lies in the paths.

  $ mkdir -p node_modules/x sub/.venv/y .git && touch node_modules/x/f sub/.venv/f
  $ firn status
  added     sub/
  compared with 1: no change; 8 unchanged
  $ firn status --ignored
  added     sub/
  ignored   .git
  ignored   node_modules
  ignored   sub/.venv
  compared with 1: no change; 8 unchanged
  $ firn status -s --ignored latest sub
  A sub/
  I sub/.venv
  $ firn status --ignored --json -- sub | python3 -c '
  > import json, sys
  > print([i["path"] for i in json.load(sys.stdin)["ignored"]])'
  ['sub/.venv']

In a directory below the root all of the workspace is meant, and . is that directory.

  $ cd sub && firn status -s --ignored
  A ./
  I ../.git
  I ../node_modules
  I .venv
  $ firn status -s --ignored -- .
  A ./
  I .venv
  $ firn status -s --ignored -- ..
  A ./
  I ../.git
  I ../node_modules
  I .venv
  $ firn diff
  added     ./
  from 1 to the disk: 0 changed, 0 added, 0 removed
  $ echo in >in && firn save -q && firn cat 2 in && firn cat 2 ../content
  2
  in
  1
