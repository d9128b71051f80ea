Names are bytes: all of them come back, and none gets raw to where a person looks.

  $ touch -- ' ' 'a b' $'new\nline' $'tab\t' '"' '\' '*' -rf .hidden $'\xff' $'\xfe' $'\xc3('
  $ touch -- $'e\xcc\x81' $'\xc3\xa9' '😀' 'אבג' "$(printf 'x%.0s' $(seq 255))" $'\x1b[31m' $'\x7f' $'\xe2\x80\xae'
  $ echo content >$'\xff'; mkdir $'dir\xc3(' && echo deep >$'dir\xc3('/$'\xff\xfe'
  $ cp -a . ../kept
  $ firn save | sed 's/;.*//'
  1  <id>  21 files, 13 B
  $ firn show latest --files | awk '{ print substr($0, 59) }' | sed 's/^  //; s/x\{255\}/x255/'
  \033[31m
   
  "
  *
  -rf
  .hidden
  \\
  a b
  dir\303(/
  dir\303(/\377\376
  é
  new\nline
  tab\t
  x255
  \177
  \303(
  é
  אבג
  \342\200\256
  😀
  \376
  \377
  $ firn show latest --files | LC_ALL=C grep -c $'[\x01-\x08\x0b-\x1f\x7f]'
  0
  [1]
  $ firn show latest --files --json >json; python3 - <<'END'
  > import json, os
  > entries = json.load(open("json", encoding="utf-8"))["entries"]
  > listed = sorted(bytes.fromhex(e["path_hex"]) if "path_hex" in e else e["path"].encode() for e in entries)
  > there = sorted(os.path.join(folder, name)[2:] for folder, folders, files in os.walk(b".") for name in folders + files)
  > there.remove(b"json")
  > print(listed == there, len(listed))
  > END
  True 22
  $ LC_ALL=C grep -c $'[\x01-\x09\x0b-\x1f\x7f]' json; rm json
  0
  $ rm -rf -- * .hidden && ls -A
  $ firn restore latest | sed 's/;.*//'
  restored 1: 0 changed, 21 added, 0 removed
  $ diff -r . ../kept && echo same
  same

Messages about such names are one printable line.

  $ firn restore latest $'no\nsuch\x1b[31m'
  ! firn: 'no\nsuch\033[31m' is neither in the workspace nor in the checkpoint
  ! hint: firn show REF --files lists the files of a checkpoint
  [3]
  $ firn -C $'no\nsuch' list
  ! firn: could not open directory 'no\nsuch': No such file or directory
  ! hint: the workspace must be an existing directory: choose one with -C DIR; firn workspaces lists those that were saved
  [3]
  $ firn $'save\x1b'
  ! firn: unknown command 'save\033'; the nearest is save
  ! help: firn help
  [2]

Workspaces with such names have stores of their own.

  $ mkdir $'../W\xff' $'../W\xfe' && echo ff >$'../W\xff/f' && echo fe >$'../W\xfe/f'
  $ (cd $'../W\xff' && firn save -q) && (cd $'../W\xfe' && firn save -q && firn list -q)
  1
  1
  1
  $ rm ../W*/f && firn -C $'../W\xff' restore 1 -q && cat ../W*/f
  ff
  $ firn -C $'../W\xff' init --json | python3 -c 'import json, sys; o = json.load(sys.stdin); print(ascii(o["workspace"][-3:]), o["workspace_hex"][-6:], "store_hex" in o)'
  '/W\ufffd' 2f57ff False
