The superuser in another user's store: its owner can still use it afterwards.

  ? test "$(id -u)" = 0 && command -v setpriv
  $ chmod 755 . .. && mkdir mine tree tree/db && chown 12345:12345 mine tree/db
  $ as_owner() { HOME=/nonexistent setpriv --reuid=12345 --regid=12345 --clear-groups "$@"; }
  $ as_owner firn db put mine/store ks key value
  $ rm mine/store/LOCK && firn db put mine/store ks another value && firn db compact mine/store
  $ as_owner firn db put mine/store ks third value && as_owner firn db get mine/store ks another; echo
  value
  $ find mine ! -user 12345 -o ! -group 12345

A restore that changes a store in the tree takes its lock, and makes it where there is none.

  $ as_owner firn db put tree/db ks key old && firn -C tree --store "$PWD/s" save -q
  1
  $ as_owner firn db put tree/db ks key new && rm tree/db/LOCK && firn -C tree --store "$PWD/s" restore 1 -q
  $ find tree/db ! -user 12345 -o ! -group 12345
  $ as_owner firn db put tree/db ks other value && as_owner firn db get tree/db ks key; echo
  old

A set-user-id program comes back from a store of one's own, and without that bit from anybody else's.

  $ mkdir bin && echo program >bin/tool && chmod 4755 bin/tool && firn -C bin --store "$PWD/t" save -q
  1
  $ rm bin/tool && firn -C bin --store "$PWD/t" restore 1 -q && stat -c %a bin/tool
  4755
  $ rm bin/tool && chown -R 12345 t && firn -C bin --store "$PWD/t" restore 1 -q; stat -c %a bin/tool
  ! firn: incomplete: tool: set-user-id or set-group-id bit not restored: the store belongs to another user
  755

With the home of somebody else, too, as sudo may leave it: the folders and notes belong to him, and he goes on with what he had.

  $ mkdir home project && chown 12345:12345 home project && theirs() { env HOME=$PWD/home XDG_DATA_HOME= "$@"; }
  $ as_them() { theirs setpriv --reuid=12345 --regid=12345 --clear-groups "$@"; }
  $ theirs firn -C bin save -q && find home ! -user 12345 -o ! -group 12345 | sed 's/bin-.*/bin/' | sort -u
  1
  home/.local/share/firn/bin
  $ as_them sh -c 'echo 1 >project/f' && as_them firn -C project init --here -q && as_them firn -C project save -q && theirs firn -C project trust -q
  1
  $ echo 2 >project/f && theirs firn -C project restore 1 -q && as_them firn -C project undo -q; cat project/f; as_them firn -C project list -q
  2
  1
  $ find home ! -user 12345 -o ! -group 12345 | sed 's/bin-.*/bin/' | sort -u
  home/.local/share/firn/bin

In a directory that others may write to, one of them has made the place of the store. It is not used.

  $ mkdir shared && chmod 777 shared && as_owner mkdir shared/.firn && firn -C shared init --here
  ! firn: '.firn' belongs to another user: it is not used
  ! hint: move it away first
  [1]
  $ as_owner firn db put shared/.firn k a b; firn -C shared init --here 2>&1 | head -n 1; find shared/.firn -user 0
  firn: '.firn' belongs to another user: it is not used
