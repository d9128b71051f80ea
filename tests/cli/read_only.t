A store on a file system that cannot be written to: what only looks works, and says where the store is.

  ? unshare -rm true
  $ mkdir w && echo a >w/a && firn -C w save -q
  1
  $ cat >ro.sh <<'END'
  > mount --bind $XDG_DATA_HOME $XDG_DATA_HOME && mount -o remount,ro,bind $XDG_DATA_HOME && cd w && exec "$@"
  > END
  $ ro() { unshare -rm sh ro.sh "$@"; }
  $ ro firn init
  the store is there already: <T>/data/firn/w-<hex>
  $ ro firn cat 1 a && ro firn list -q && ro firn check
  a
  1
  1 checkpoint, 1 pack, 2 objects: no damage
  $ ro firn repair -n
  nothing to repair
  $ ro firn save
  ! firn: could not open '<T>/data/firn/w-<hex>/LOCK': Read-only file system
  [1]

What a repair would keep of a damaged one is tried beside it, and cannot be.

  $ pack=$(ls $XDG_DATA_HOME/firn/*/packs/*) && dd if=/dev/zero of=$pack bs=1 seek=$(($(stat -c %s $pack) / 3)) count=20 conv=notrunc status=none
  $ ro firn repair -n 2>&1 | grep -v 'firn: damaged:'
  firn: '<T>/data/firn/w-<hex>' is damaged, and a repair cannot be tried because nothing can be written beside it; repair a copy of it
  $ firn -C w repair -n 2>/dev/null
  lost    1  <id>  <T>/w/w
  0 checkpoints intact, 0 partly, 1 lost; nothing was changed
  save those that are still on the disk with: firn save
  [6]
  $ ls $XDG_DATA_HOME/firn
  w-<hex>

What changes the directory saves there first what it changes; its dry run foretells that it cannot. Into another directory it can.

  $ export XDG_DATA_HOME=$PWD/other && rm -r w && mkdir w other && echo 1 >w/a && firn -C w save -q && echo 2 >w/a && firn -C w save -q && firn -C w restore 1 -q && echo 3 >w/a
  1
  2
  $ ro firn restore 2
  ! firn: the present state is saved first, and the store cannot be written: could not open '<T>/w/other/firn/w-<hex>/LOCK': Read-only file system
  ! hint: firn restore REF --to DIR writes the checkpoint into another directory
  [1]
  $ ro firn restore 2 -n
  changed   a
  ! firn: the present state is saved first, and the store cannot be written: could not write in directory '<T>/w/other/firn/w-<hex>': Read-only file system
  ! hint: firn restore REF --to DIR writes the checkpoint into another directory
  [1]
  $ for command in 'undo' 'undo -n' 'revert 2' 'revert 2 -n'; do ro firn $command 2>&1 | sed 's/:.*//'; done
  firn
  hint
  changed   a
  firn
  hint
  firn
  hint
  firn
  firn
  hint
  $ ro firn restore 2 -n --json 2>/dev/null | python3 -c 'import json, sys; told = json.load(sys.stdin); print(len(told["changes"]), told["error"]["code"])'
  1 FIRN_READ_ONLY
  $ ro firn restore 2 --to ../new -q 2>/dev/null || [ $? -eq 6 -a $(id -u) -ne 0 ]; cat new/a w/a # 6: no other owner is in the namespace
  2
  3
  $ ro firn restore 2 --to ../newer -n
  added     a
  would restore 2 into ../newer: 0 changed, 1 added, 0 removed
