Stores that released versions made (tests/golden): what they contain is what it was, and they can be written to. (Only the
superuser can restore the owners: for others a restore ends with 6.)

  ? python3 -c 'import os; open("x", "w"); os.setxattr("x", "user.x", b""); os.unlink("x")'
  $ tar xf $SOURCE/tests/golden/0.2.0.tar.xz && cd 0.2.0
  $ firn workspaces relocate -q /var/tmp/firn-golden/0.2.0/tree tree --store store
  $ firn check --data -C tree --store ../store
  4 checkpoints (1 taken by restores), <n> pack, <n> objects, <size> read: no damage
  $ firn list --all -C tree --store ../store
     -  <id>  <time>         10 files    4.6 MB  before restoring 2
     3  <id>  <time>         10 files    4.6 MB  less
     2  <id>  <time>      1,510 files    4.6 MB  [v1]  a line, and a file
     1  <id>  <time>      1,509 files    4.6 MB  the first
  $ firn tag -C tree --store ../store
     2  <id>  <time>  v1
  $ { TZ=UTC firn list --all -C tree --store ../store --json; TZ=UTC firn tag -C tree --store ../store --json; } > now.json
  $ python3 -c '
  > import json
  > def has(new, old):
  >     if isinstance(old, dict):
  >         return all(name in new and has(new[name], old[name]) for name in old)
  >     if isinstance(old, list):
  >         return len(new) == len(old) and all(map(has, new, old))
  >     return new == old
  > old, new = ([json.loads(line) for line in open(name)] for name in ("list.json", "now.json"))
  > print("identifiers, times and sizes are what they were:", has(new, old))'
  identifiers, times and sizes are what they were: True
  $ for n in 1 2 3; do firn restore $n -q -C tree --store ../store --to ../$n 2>/dev/null || [ $? = 6 ]; done
  $ for n in 1 2 3; do (cd $n && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum); done
  56d16bcffb7d6a3ba787c1620d262a012c5311cfd587e9180c239096bb1ce5aa  -
  c5803d4ea03a0c442e89319b90fee951f9f1e8b88d8578019588aa957abd807f  -
  7a6de24c5a72a8cec5a10bb89cc5dd680cb634d53a64bbf40aa07c46214fb5c1  -
  $ (cd 1 && stat -c '%A %s %h %N' src/* a* sparse .firnignore && stat -c %A empty && ls many | wc -l && stat -c %.Y src/numbers && ls -b o*) && python3 -c 'import os; print(os.getxattr("1/src/run", "user.note"))'
  lrwxrwxrwx 3 1 'src/link' -> 'run'
  -rw-r--r-- 108894 1 'src/numbers'
  -rwxr-xr-x 21 2 'src/run'
  -rwxr-xr-x 21 2 'src/same'
  lrwxrwxrwx 8 1 'a dangling link' -> '/nowhere'
  -rw-r--r-- 3000003 1 'sparse'
  -rw-r--r-- 5 1 '.firnignore'
  drwx------
  1500
  1580702706.789012345
  odd\ \377\ name
  b'\x00hello'
  $ firn db check app.firn
  6 keyspaces, 11,933 entries, <n> log records, 1 table of 4,215 rows: no damage
  $ firn db keyspaces app.firn; firn db table list app.firn; firn db checkpoints app.firn
  large
  numbers
  t
     2  <id>  <time>  later
     1  <id>  <time>  whole
  $ NO_INDEX='3s/, vector index near (v) l2$//' # which dumps of that version did not have
  $ firn db dump app.firn | sed "$NO_INDEX" | sha256sum | cmp - dump.sha256
  $ firn db dump app.firn --at whole | sed "$NO_INDEX" | sha256sum | cmp - whole.sha256
  $ firn db search app.firn t v --vector '[10,20,30,40]' --metric l2 --exact --limit 20 --columns id | cmp - search.txt
  $ firn db search app.firn t v --vector '[10,20,30,40]' --metric l2 --limit 2
  36.0	199
  40.0	198

Written to: more rows, another save. (Its checkpoints are old by now: without this, the save would let the first one expire.)

  $ firn db insert -q app.firn t id=1000001 v=[10,20,30,40] && firn db compact app.firn && firn db check -q app.firn && firn db search app.firn t v --vector '[10,20,30,40]' --metric l2 --limit 1
  0.0	1000001
  $ firn db restore -q app.firn whole && firn db dump app.firn | sed "$NO_INDEX" | sha256sum | cmp - whole.sha256
  $ firn config keep forever -q -C tree --store ../store
  $ cp -a 2/. tree && echo edited >>tree/src/numbers && firn save -q -m now -C tree --store ../store && firn cat latest src/numbers -C tree --store ../store | tail -n 2
  4
  20000
  edited
  $ { firn restore 1 -q -C tree --store ../store 2>/dev/null || [ $? = 6 ]; } && (cd tree && find . -type f -print0 | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum)
  56d16bcffb7d6a3ba787c1620d262a012c5311cfd587e9180c239096bb1ce5aa  -
  $ firn check --data -q -C tree --store ../store
