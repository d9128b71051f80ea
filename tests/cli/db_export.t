One checkpoint in a single file.

  $ firn db put app.firn users ada 1815
  $ firn db put app.firn users grace 1906
  $ firn db put app.firn prices tea 320
  $ firn db checkpoint app.firn before-sale
     1  <id>  <time>  before-sale
  $ firn db put app.firn prices tea 250
  $ firn db put --ttl 1 app.firn prices trial 1
  $ firn db export app.firn before-sale -o sale.firnx
  $ ls -A; stat -c %a sale.firnx
  app.firn
  sale.firnx
  600

It stands for the store in what only reads.

  $ firn db get sale.firnx prices tea; echo
  320
  $ firn db scan sale.firnx users
  ada	1815
  grace	1906
  $ firn db keyspaces sale.firnx
  prices
  users
  $ firn db checkpoints sale.firnx
     1  <id>  <time>  before-sale
  $ firn db get sale.firnx prices tea --at before-sale; echo
  320
  $ firn db diff sale.firnx 1
  $ firn db check sale.firnx
  2 keyspaces, 3 entries, <n> log records: no damage
  $ firn db check sale.firnx --json
  {"damage":[],"keyspaces":2,"entries":3,"log_records":3,"tables":0,"rows":0,"index_entries":0,"damaged":0}
  $ firn db dump sale.firnx users
  ada	1815
  grace	1906
  $ ln -s sale.firnx link; firn db get link users ada; echo
  1815

Nothing is written into it.

  $ firn db put sale.firnx users alan 1912
  ! firn: 'sale.firnx' is an exported checkpoint, which cannot be changed; a store into which it is imported can
  [1]
  $ firn db del sale.firnx users ada --json
  {"error":{"code":"FIRN_READ_ONLY","message":"'sale.firnx' is an exported checkpoint, which cannot be changed; a store into which it is imported can","exit":1}}
  ! firn: 'sale.firnx' is an exported checkpoint, which cannot be changed; a store into which it is imported can
  [1]
  $ firn db checkpoint sale.firnx
  ! firn: 'sale.firnx' is an exported checkpoint, which cannot be changed; a store into which it is imported can
  [1]
  $ firn db compact sale.firnx
  ! firn: 'sale.firnx' is an exported checkpoint, which cannot be changed; a store into which it is imported can
  [1]
  $ cmp sale.firnx link

It becomes a store.

  $ firn db import sale.firnx copy.firn
     1  <id>  <time>  before-sale
  $ firn db put copy.firn users alan 1912
  $ firn db diff copy.firn before-sale
  +	users	alan	1912
  $ firn db checkpoint copy.firn more
     2  <id>  <time>  more
  $ firn db import sale.firnx copy.firn
  ! firn: there is a firn store in 'copy.firn' already
  [1]
  $ firn db import sale.firnx other.firn --json
  {"checkpoint":{"number":1,"id":"<ID>","name":"before-sale","created":"<time>","safety":false,"restored":null}}
  $ firn db import app.firn third.firn
  ! firn: cannot open './app.firn': not a regular file
  [2]
  $ echo text >text; firn db import text third.firn
  ! firn: 'text' is a file, and not one that firn has exported
  [2]
  $ firn db import missing third.firn
  ! firn: could not open './missing': No such file or directory
  [3]
  $ ls -d third.firn
  ! ls: cannot access 'third.firn': No such file or directory
  [2]

The present state, again and again; time stands still in the file.

  $ firn db export app.firn -o now.firnx
  $ firn db export app.firn -o now.firnx
  ! firn: there is a 'now.firnx' already
  ! hint: overwrite it with --replace
  [1]
  $ firn db export app.firn latest~1 -o now.firnx --replace
  ! firn: there is no checkpoint 'latest~1'
  [3]
  $ firn db put --ttl 1 app.firn prices trial 1 && firn db export app.firn -o now.firnx --replace && sleep 1.1
  $ firn db get now.firnx prices trial; echo
  1
  $ firn db get app.firn prices trial
  ! firn: keyspace 'prices' has no key 'trial'
  [3]
  $ firn db import now.firnx late.firn -q
  $ firn db get late.firn prices trial
  ! firn: keyspace 'prices' has no key 'trial'
  [3]

What cannot be done is told.

  $ firn db export app.firn
  ! firn: db export: name the file to write with -o FILE
  ! usage: firn db export [options] STORE [REF]
  ! help: firn help db export
  [2]
  $ firn db export app.firn nothing -o x
  ! firn: there is no checkpoint 'nothing'
  [3]
  $ firn db export app.firn -o nowhere/x
  ! firn: could not open directory 'nowhere': No such file or directory
  [3]
  $ firn db export missing.firn -o x
  ! firn: could not open directory 'missing.firn': No such file or directory
  ! hint: firn db put makes a store and a keyspace
  [3]
  $ ls -A
  app.firn
  copy.firn
  late.firn
  link
  now.firnx
  other.firn
  sale.firnx
  text

Damage is found where it is.

  $ head -c 20000 sale.firnx >cut; firn db get cut users ada
  ! firn: 'cut' is damaged: it does not end as it was written; it may have been cut off
  [5]
  $ cp sale.firnx bad; printf x | dd of=bad bs=1 seek=12400 conv=notrunc status=none; firn db check bad
  ! firn: 'bad' is damaged: 'runs/000001.row' in it, <n> bytes at offset 12288, does not have the hash that was written
  [5]
  $ firn db get bad users ada
  ! firn: 'bad' is damaged: 'runs/000001.row' in it, <n> bytes at offset 12288, does not have the hash that was written
  [5]
  $ cp sale.firnx bad; printf x | dd of=bad bs=1 seek=12000 conv=notrunc status=none; firn db check bad
  ! firn: 'bad' is damaged: the byte at offset 12000, between two files, is not zero
  [5]
  $ firn db import bad bad.firn
  ! firn: 'bad' is damaged: the byte at offset 12000, between two files, is not zero
  [5]
  $ ls -A bad.firn
  ! ls: cannot access 'bad.firn': No such file or directory
  [2]
