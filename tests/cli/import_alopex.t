Databases and tables of Alopex become a keyspace. The files were written by alopex-embedded 0.8.16 and alopex-core 0.3.0 (old) and 0.8.16,
by the command small of tests/interop/alopex_store.

  $ cp $SOURCE/tests/formats/alopex/* . && export TMPDIR=$PWD/tmp && mkdir tmp
  $ firn import alopex small.alopex
  default: 2 entries
  read: 5 versions in 2 tables
  $ firn db scan small.firn default
  	0
  alan	1912
  $ ls tmp
  $ head -c 32 /dev/zero >key && firn import alopex --encrypt --key-file key small.alopex secret.firn -q
  $ FIRN_KEY_FILE=key firn db count secret.firn default && firn key list secret.firn | wc -l
  2
  2
  $ firn import alopex small.alopex
  ! firn: there is a keyspace 'default' already
  ! hint: choose another keyspace with --keyspace, or drop that one
  [1]
  $ firn import alopex small.alopex --keyspace other -q && firn db keyspaces small.firn
  default
  other
  $ firn import alopex small.alopex new.firn -n --json && ls -d new.firn
  {"count":2,"versions":5,"tables":2,"log":false,"notices":[]}
  ! ls: cannot access 'new.firn': No such file or directory
  [2]
  $ firn import alopex small.sst all.firn --json
  {"imported":[{"name":"default","kind":"keyspace","count":2}],"versions":4,"tables":1,"log":false,"notices":[]}
  $ firn import alopex old.wal all.firn -k log
  log: 2 entries
  read: 6 versions in 0 tables and the log
  $ firn db scan all.firn log
  key 0	value 9value 9value 9value 9
  key 2	value 5value 5value 5value 5
  $ firn import alopex memory.log all.firn -k memory
  memory: 4 entries
  read: 8 versions in 0 tables and the log
  $ firn db scan all.firn memory
  key 00000	value 2
  key 00001	value 3
  key 00002	value 2
  key 00003	value 3

A directory: what the log has is newer.

  $ mkdir -p app.alopex.d/sst && cp small.sst app.alopex.d/sst/1.sst && cp lz4.sst app.alopex.d/sst/2.sst && cp wrapped.wal app.alopex.d/lsm.wal
  $ firn import alopex app.alopex.d
  default: 4 entries
  read: 14 versions in 2 tables and the log
  $ firn db scan app.firn default
  ada	1815
  alan	1912
  key 0	value 9value 9value 9value 9
  key 2	value 5value 5value 5value 5
  $ cp small.alopex app.alopex && firn import alopex app.alopex -n
  4 entries to import
  read: 14 versions in 2 tables and the log
  $ touch app.alopex.lock && flock app.alopex.lock firn import alopex app.alopex -n
  ! firn: another process has the database open ('app.alopex.lock' is locked)
  ! hint: close it there, or end that process
  [4]

Damage is named, and the rest comes in.

  $ cp zstd.sst bad.sst && printf X | dd of=bad.sst bs=1 seek=50 conv=notrunc status=none
  $ firn import alopex bad.sst
  default: 0 entries
  read: 2 versions in 1 table
  ! firn: left out: bad.sst: at offset 0: the table is damaged: its blocks are checked one by one
  ! firn: left out: bad.sst: at offset 32: a block of 60 bytes is damaged: what it has of the keys from 'ada' to 'alan' is lost, and older values of these may be imported
  ! firn: left out: bad.sst: at offset 180: 2 of 4 entries of the table were read
  [6]
  $ firn db scan bad.firn default
  $ firn import alopex bad.sst strict.firn --strict
  ! firn: left out: bad.sst: at offset 0: the table is damaged: its blocks are checked one by one
  ! firn: left out: bad.sst: at offset 32: a block of 60 bytes is damaged: what it has of the keys from 'ada' to 'alan' is lost, and older values of these may be imported
  ! firn: left out: bad.sst: at offset 180: 2 of 4 entries of the table were read
  ! firn: not everything can be imported: nothing was
  [1]
  $ head -c 200 small.alopex >cut.alopex
  $ firn import alopex cut.alopex
  default: 2 entries
  read: 2 versions in 1 table
  ! firn: left out: cut.alopex: at offset 200: the end is damaged or missing: tables are looked for
  ! firn: left out: cut.alopex: at offset 64: the table has no end: its blocks are checked one by one
  [6]
  $ ln -s /etc/passwd app.alopex.d/sst/3.sst && mkfifo app.alopex.d/sst/4.sst
  $ firn import alopex app.alopex.d links.firn
  default: 4 entries
  read: 14 versions in 2 tables and the log
  ! firn: left out: 3.sst: could not open '3.sst': Too many levels of symbolic links
  ! firn: left out: 4.sst: '4.sst' is not a regular file
  [6]
  $ mkdir -p nolog/sst && cp small.sst nolog/sst && firn import alopex nolog
  default: 2 entries
  read: 4 versions in 1 table
  ! firn: left out: nolog: it has no log (lsm.wal): what was only there is lost
  [6]
  $ printf '\002' | dd of=small.alopex bs=1 seek=6 conv=notrunc status=none
  $ firn import alopex small.alopex newer.firn
  ! firn: the file has version 0.2.0 of its format; this firn reads 0.1.0
  [1]

What is no file of Alopex.

  $ echo text >text && firn import alopex text
  ! firn: 'text' is no file of Alopex
  [5]
  $ firn import alopex small.alxs
  ! firn: 'small.alxs' is no file of Alopex: it is a sorted table
  [5]
  $ firn import alopex missing
  ! firn: could not open 'missing': No such file or directory
  [3]
  $ mkdir empty && firn import alopex empty
  ! firn: 'empty' is no database of Alopex: it has neither a log nor tables
  [5]
  $ mkfifo fifo && firn import alopex fifo
  ! firn: 'fifo' is not a regular file
  [5]
  $ firn import alopex /
  ! firn: import alopex: name the STORE: '/' gives it no name
  ! usage: firn import alopex [options] FILE [STORE]
  ! help: firn help import alopex
  [2]

Sorted tables.

  $ firn import alexs small.alxs sorted.firn -k people
  people: 2 entries
  read: 2 records in 1 table
  $ firn db scan sorted.firn people
  a	1
  b	
  $ printf 'k\t1\nk\t2\nl\t3\n' | firn alxs build equal.alxs -q && firn import alexs equal.alxs --json
  {"imported":[{"name":"default","kind":"keyspace","count":2}],"versions":3,"tables":1,"log":false,"notices":[]}
  $ firn db scan equal.firn default
  k	2
  l	3
  $ printf X | dd of=small.alxs bs=1 seek=27 conv=notrunc status=none
  $ firn import alexs small.alxs bad2.firn
  ! firn: left out: small.alxs: the record at offset 26 of './small.alxs' claims a key of 22529 bytes and a value of 0, where the footer follows after 9
  ! firn: './small.alxs' is damaged: 1 finding
  ! hint: records that can be read are imported with --damaged; they may be wrong
  [5]
  $ ls -d bad2.firn
  ! ls: cannot access 'bad2.firn': No such file or directory
  [2]
  $ firn import alexs small.alxs bad2.firn --damaged
  default: 1 entry
  read: 1 record in 1 table
  ! firn: left out: small.alxs: the record at offset 26 of './small.alxs' claims a key of 22529 bytes and a value of 0, where the footer follows after 9
  ! firn: left out: small.alxs: at offset 26: no record can be read from here on
  [6]
  $ firn db scan bad2.firn default
  a	1
  $ firn import alexs small.alxs bad3.firn --damaged --strict
  ! firn: left out: small.alxs: the record at offset 26 of './small.alxs' claims a key of 22529 bytes and a value of 0, where the footer follows after 9
  ! firn: left out: small.alxs: at offset 26: no record can be read from here on
  ! firn: not everything can be imported: nothing was
  [1]
  $ ls tmp
