A MANIFEST that was cut short: what it named is brought back, and the damaged store is kept.

  $ for i in 1 2 3; do firn db put s.firn users a$i one && firn db put s.firn users b$i two && firn db flush s.firn; done && firn db del s.firn users a2 && firn db scan s.firn users >before
  $ cp -a s.firn cut.firn && head -c 300 s.firn/manifest-000001.log >cut.firn/manifest-000001.log
  $ firn db scan cut.firn users 2>/dev/null
  [5]
  $ firn db get cut.firn users a1 2>&1 | grep hint
  hint: firn db repair STORE rebuilds the store from what is left of it
  $ firn db repair cut.firn --dry-run
  no data was lost
  nothing was changed
  $ firn db scan cut.firn users 2>/dev/null
  [5]
  $ firn db repair cut.firn
  no data was lost
  the damaged store is kept; remove it when you no longer need it: cut.firn/damaged-1
  $ firn db scan cut.firn users | cmp - before
  $ firn db check cut.firn --quiet
  $ firn db repair cut.firn
  nothing to repair
  $ firn db put cut.firn users a9 nine && firn db compact cut.firn && firn db scan cut.firn users | wc -l
  6

Without any MANIFEST, and as JSON.

  $ rm -r cut.firn && cp -a s.firn cut.firn && rm cut.firn/manifest-* && firn db repair cut.firn --json | python3 -c 'import json, sys; o = json.load(sys.stdin); print(o["data"], o["was_intact"], o["checkpoints"])'
  kept False []
  $ firn db scan cut.firn users | cmp - before

Sorted files that are lost are named, and so is a keyspace whose name was in one of them.

  $ rm -r cut.firn && cp -a s.firn cut.firn && rm cut.firn/runs/*.row && firn db repair cut.firn >told 2>err; echo $?; head -1 told; grep -c 'is missing' err
  6
  some data is lost, or may be: see above
  2
  $ rm -r cut.firn && cp -a s.firn cut.firn && rm cut.firn/runs/000001.row && firn db repair cut.firn -q 2>err; echo $?; grep -v runs err
  6
  firn: damaged: the log is left out: it does not fit what is left of the rest
  firn: damaged: the name of keyspace 1 is lost: it is recovered-1 now
  $ firn db keyspaces cut.firn
  recovered-1
  $ firn db get cut.firn recovered-1 b3 && echo
  two

Of a table, too, what is left is kept, and its indexes are made again from it.

  $ firn db table create t.firn goods 'id i64 primary key, name text, unique index by_name (name)'
  $ for i in 1 2 3; do firn db insert -q t.firn goods id=$i name=n$i; done && firn db flush t.firn && firn db insert -q t.firn goods id=4 name=n4
  $ column=$(ls t.firn/runs/*.column) && printf 'xx' | dd of="$column" bs=1 seek=200 conv=notrunc 2>/dev/null
  $ firn db scan t.firn goods --columns id | wc -l && firn db scan t.firn goods --columns name 2>&1 | grep -o "column 'name' of table 'goods': column 2 of row group 0"
  4
  column 'name' of table 'goods': column 2 of row group 0
  $ firn db check t.firn 2>&1 >/dev/null | grep -o "^firn: table 'goods': column 'name' of row group 0, keys" | uniq
  firn: table 'goods': column 'name' of row group 0, keys
  $ firn db repair t.firn >told 2>err; echo $?; sed -n 1p told; grep 'the index' err
  6
  some data is lost, or may be: see above
  firn: damaged: table 'goods': the index 'by_name' was made again from the rows that are there
  $ sed -n "s/^firn: damaged: table 'goods': '[^']*runs.0*[0-9]*.column': //p" err
  row group 0: 3 rows are kept without their values of column 'name'
  $ firn db scan t.firn goods
  1	\N
  2	\N
  3	\N
  4	n4
  $ firn db insert --upsert t.firn goods id=1 name=n1 && firn db compact t.firn && firn db check t.firn --quiet && firn db count t.firn goods --where 'name is null'
  2

Where there is none.

  $ firn db repair none.firn
  [3]
  ! firn: there is no store at 'none.firn'

What is lost can be deleted instead: then nothing asks for it any more.

  $ for i in 1 2 3; do firn db put l.firn users a$i one && firn db put l.firn others b$i two; done && firn db compact l.firn && firn db checkpoint -q l.firn before
  $ for f in l.firn/runs/*.row; do mv $f kept && firn db get l.firn others b1 >/dev/null 2>&1 && firn db keyspaces l.firn >/dev/null 2>&1 && ! firn db get l.firn users a1 >/dev/null 2>&1 && break; mv kept $f; done
  $ firn db count l.firn users 2>&1 | grep -o 'is missing: .*'
  is missing: cannot read keys from 'a1' up to before 'a3\\x00'
  $ firn db delrange l.firn users --all 2>/dev/null && firn db put l.firn users a2 new 2>/dev/null && firn db count l.firn users 2>/dev/null && firn db scan l.firn users 2>/dev/null
  1
  a2	new
  $ firn db check l.firn 2>&1 | grep -o 'is missing: .*' | uniq
  is missing: cannot read keys from 'a1' up to before 'a3\\x00'

A checkpoint still needs it.

  $ firn db count l.firn users --at before 2>/dev/null
  [5]
  $ firn db compact l.firn 2>/dev/null
  [5]
  $ firn db checkpoint -q l.firn --delete before 2>/dev/null && firn db compact l.firn 2>/dev/null && firn db check l.firn
  2 keyspaces, 4 entries, 0 log records: no damage
  $ firn db scan l.firn users && firn db count l.firn others
  a2	new
  3
