A new workspace from a remote.

  $ mkdir ../ada && cd ../ada && mkdir src docs && seq 100 >src/n && echo one >f && echo text >docs/d && firn save -q && firn remote add origin ../shared -q && echo two >f && firn save -q && firn push -q && cd ..
  1
  2
  $ firn clone shared bob
  pulled 2 checkpoints, <size> in <n> requests
  restored origin/latest into bob: 3 files
  $ cat bob/f && firn -C bob remote && firn -C bob diff origin/latest && firn -C bob pull
  two
  origin  <T>/shared
  from origin/2 to the disk: 0 changed, 0 added, 0 removed
  no new checkpoint to pull: 1 request

Another checkpoint, and only some of its paths.

  $ firn clone shared old --at 1 && cat old/f
  pulled 2 checkpoints, <size> in <n> requests
  restored origin/1 into old: 3 files
  one
  $ mkdir older && firn clone shared older --at latest~1 -q && cat older/f
  one
  $ firn clone shared part docs src/n && find part | sort
  fetched 2 files, <size> in <n> requests
  restored origin/latest into part: 2 files
  part
  part/docs
  part/docs/d
  part/src
  part/src/n
  $ firn clone $PWD/shared whole . -q && ls whole
  docs
  f
  src
  $ firn clone shared json --json | python3 -c 'import json, sys; p = json.load(sys.stdin); print(sorted(p), sorted(p["pulled"]), p["added"])'
  ['added', 'checkpoint', 'incomplete', 'not_restored', 'notices', 'pulled', 'store', 'workspace'] ['bytes', 'checkpoints', 'lines', 'notices', 'requests', 'skipped'] 3

It is a workspace like any other.

  $ cd bob && echo three >f && firn save -q && firn push && cd .. && firn -C ada pull -q && firn -C ada cat origin/latest f
  1
  pushed 1 checkpoint, <size> in 2 requests
  three

What does not work leaves as little as possible, and says how to go on.

  $ firn clone shared bob
  ! firn: 'bob' is there already, and is no empty directory
  ! hint: name a directory that is empty or does not exist
  [1]
  $ firn clone shared none/bob
  ! firn: could not make directory 'none/bob': No such file or directory
  ! hint: make the directory above it first, with mkdir -p
  [3]
  $ firn clone nowhere new; ls -d new nowhere
  ! firn: there is no remote 'nowhere': No such file or directory
  ! hint: if it is on another disk or machine, mount that first
  ! ls: cannot access 'new': No such file or directory
  ! ls: cannot access 'nowhere': No such file or directory
  [2]
  $ mkdir full && touch full/photo && firn clone full new; ls -d new
  ! firn: there is no remote at <T>/full
  ! hint: firn remote add makes a new one, in the workspace that is to be pushed
  ! ls: cannot access 'new': No such file or directory
  [2]
  $ firn clone ftp://host/bucket new; ls -d new
  ! firn: a remote is "s3://bucket/prefix", "https://host/bucket/prefix" or the path of a directory
  ! ls: cannot access 'new': No such file or directory
  [2]
  $ firn clone shared
  ! firn: clone: missing DIR
  ! usage: firn clone [options] URL DIR [PATH...]
  ! help: firn help clone
  [2]
  $ firn clone shared new ../outside; ls -d new
  ! firn: clone: '../outside' is not a path inside the workspace <T>/new
  ! usage: firn clone [options] URL DIR [PATH...]
  ! help: firn help clone
  ! ls: cannot access 'new': No such file or directory
  [2]
  $ firn clone shared new --at 99
  pulled 3 checkpoints of 2 lines, <size> in <n> requests
  ! firn: there is no checkpoint '99'
  ! hint: all is pulled: firn -C new list origin shows what there is, firn -C new restore origin/REF restores it
  [3]
  $ firn -C new restore origin/latest~1 -q && cat new/f
  one
  $ firn clone shared new --limit 5X
  ! firn: clone: --limit: '5X' is not a size such as 500M, 2G, 100MB or none
  ! usage: firn clone [options] URL DIR [PATH...]
  ! help: firn help clone
  [2]
  $ firn clone shared new --at ''
  ! firn: clone: --at needs a checkpoint
  ! usage: firn clone [options] URL DIR [PATH...]
  ! help: firn help clone
  [2]
  $ firn clone shared some nothing-there; ls some
  ! firn: 'nothing-there' is neither in the workspace nor in the checkpoint
  ! hint: some has the remote by now: firn -C some pull goes on, then firn -C some restore origin/latest
  $ rm -r new && firn clone shared new; ls -d new
  ! firn: there is a remote 'origin' already: <T>/shared
  ! hint: a directory of that path was a workspace before: name another one, or delete its history with firn workspaces remove DIR
  ! ls: cannot access 'new': No such file or directory
  [2]
  $ mkdir nothing && firn clone nothing empty; ls nothing
  ! firn: there is no remote at <T>/nothing
  ! hint: firn remote add makes a new one, in the workspace that is to be pushed
  $ firn -C ada remote add spare $PWD/nothing -q && firn clone nothing empty
  no new checkpoint to pull: 1 request
  ! firn: there is no checkpoint 'origin/latest': no tag of that name, and firn pull has brought none of a remote 'origin'
  ! hint: the remote has no checkpoint yet: firn push sends some from another workspace, firn -C empty pull brings them
  [3]

What is damaged in the remote is named, and the rest can be restored.

  $ cd ada && python3 -c 'import random; open("big", "wb").write(random.Random(1).randbytes(300000))' && firn save -q && firn push -q && cd .. && f=$(ls shared/packs/* | head -n 1) && chmod u+w $f && printf x | dd of=$f bs=1 seek=1000 conv=notrunc status=none
  3
  $ firn clone shared damaged 2>err; grep -A 1 'hint' err
  pulled 3 checkpoints of 2 lines, <size> in <n> requests; 1 could not be brought
  hint: damaged has the remote by now: firn -C damaged pull goes on, then firn -C damaged restore origin/latest
  $ firn -C damaged restore origin/latest -q && cat damaged/f
  three
