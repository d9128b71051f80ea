Single files out of a checkpoint.

  $ mkdir -p src/deep && echo one >src/deep/f && printf 'no newline' >n && : >empty && ln -s n link && ln n other && printf 'a\0\377b' >bytes && printf x >'odd
  > name'
  $ truncate -s 5M hole && printf end >>hole && head -c 3000000 /dev/urandom >random && cp random ../kept && firn save -q
  1
  $ rm -r src random hole && echo two >n
  $ firn cat 1 src/deep/f
  one
  $ firn cat 1 ./src//deep/../deep/f
  one
  $ firn cat latest n; echo
  no newline
  $ firn cat 1 other; echo
  no newline
  $ firn cat 1 empty
  $ firn cat 1 bytes | od -An -c
     a  \0 377   b
  $ firn cat 1 random | cmp - ../kept
  $ firn cat 1 hole | wc -c
  5242883
  $ firn cat 1 hole | tail -c 3; echo
  end
  $ firn cat 1 'odd
  > name'; echo
  x

In JSON, with all that is known of the entry.

  $ firn cat 1 bytes --json | python3 -c '
  > import json, sys
  > o = json.load(sys.stdin)
  > print(o["entry"]["path"], o["entry"]["size"], o["content_hex"])'
  bytes 4 6100ff62
  $ firn cat 1 empty --json | python3 -c 'import json, sys; print(repr(json.load(sys.stdin)["content"]))'
  ''
  $ head -c 17000000 /dev/zero >large && firn save -q && firn cat 2 large --json >out
  2
  ! firn: the file has more than 16777216 bytes: too much for one JSON object
  ! hint: without --json it is printed as it is
  [1]
  $ python3 -c 'import json; print(json.load(open("out"))["error"]["code"])'
  FIRN_LIMIT

What has no content to print, or is not there.

  $ firn cat 1 src
  ! firn: 'src' is a directory, not a file
  ! hint: firn show REF --files lists the files of a checkpoint
  [2]
  $ firn cat 1 .
  ! firn: the root is a directory, not a file
  ! hint: firn show REF --files lists the files of a checkpoint
  [2]
  $ firn cat 1 link
  ! firn: 'link' is a symbolic link to 'n', not a file
  ! hint: firn show REF --files lists the files of a checkpoint
  [2]
  $ firn cat 1 nothing
  ! firn: 'nothing' is not in the checkpoint
  ! hint: firn show REF --files lists the files of a checkpoint
  [3]
  $ firn cat 9 n
  ! firn: there is no checkpoint '9'
  ! hint: firn list shows the checkpoints
  [3]
  $ firn cat 1 ../n
  ! firn: cat: '../n' is not a path inside the workspace <T>/<any>
  ! usage: firn cat [REF] PATH
  ! help: firn help cat
  [2]
  $ firn cat 1 2>&1 | head -n 1
  firn: cat: missing PATH

Damage is found before a byte of the piece goes out.

  $ store=$(firn init --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["store"])')
  $ printf 'XXXXXXXX' | dd of=$store/packs/00000001.pack bs=1 seek=1000000 conv=notrunc status=none
  $ firn cat 1 random >out 2>err; echo $?; head -c $(stat -c %s out) ../kept | cmp - out; tail -n 1 err
  5
  hint: list all damage with: firn check --data
