A store, or a table, as text and back.

  $ firn db table create shop.firn goods 'id i64 auto primary key, name text not null, price decimal(8, 2), b blob, index by_price (price)'
  $ firn db insert -q shop.firn goods name="$(printf 'tab\t\\and\nline')" price=1 'b=\x00ff5c'
  $ firn db insert -q shop.firn goods name=
  $ firn db checkpoint -q shop.firn before
  $ firn db put shop.firn users "$(printf 'a\tb')" 1815
  $ firn db put shop.firn users z ''
  $ firn db dump shop.firn | tee dump
  firn dump	1
  table	goods
  definition	id i64 auto, name text not null, price decimal(8, 2), b blob, primary key (id), index by_price (price)
  row	0
  =	1
  =	tab\t\\and\nline
  =	1.00
  =	\\x00ff5c
  row	0
  =	2
  =	
  -	
  -	
  keyspace	users
  key	a\tb
  value	1815
  key	z
  value	
  end	4
  $ firn db load new.firn <dump
  4 rows and entries
  $ firn db dump new.firn | cmp - dump
  $ firn db check new.firn --json | python3 -c 'import json, sys; report = json.load(sys.stdin); print(report["rows"], report["index_entries"], report["damaged"])'
  2 2 0
  $ firn db table show new.firn goods --definition
  id i64 auto, name text not null, price decimal(8, 2), b blob, primary key (id), index by_price (price)
  $ firn db insert new.firn goods name=next
  3
  $ firn db dump shop.firn goods --at before | firn db load -q one.firn && firn db table list one.firn
  goods
  $ firn db dump new.firn users
  a\tb	1815
  z	

Times to live are kept.

  $ firn db insert -q -t 1000 new.firn goods name=soon && firn db put -t 1000 new.firn users t v
  $ firn db dump new.firn | grep -c -e '^row	[1-9]' -e '^expires	[1-9]'
  2
  $ firn db dump new.firn | firn db load -q again.firn && firn db dump again.firn | grep -c -e '^row	[1-9]' -e '^expires	[1-9]'
  2
  $ sed 's/^row	0$/row	1000/; s/^key	z/expires	1\nkey	z/' dump | firn db load -q gone.firn && firn db count gone.firn goods
  0

What is no dump, or not a whole one, is refused.

  $ firn db load new.firn <dump
  ! firn: there is a table 'goods' already
  [1]
  $ head -n 7 dump | firn db load bad1.firn
  ! firn: standard input, line 7: the dump ends too early
  [2]
  $ sed 's/^end	4/end	5/' dump | firn db load bad2.firn
  ! firn: standard input, line 19: the dump does not have as many rows as it should
  [2]
  $ printf 'firn dump\t2\n' | firn db load bad3.firn
  ! firn: standard input is a dump of version 2; this firn reads version 1
  ! hint: read it with the newer firn that wrote it
  [1]
  $ printf 'a\tb\n' | firn db load bad4.firn
  ! firn: standard input, line 1: this is not a dump of a store; firn db load STORE KEYSPACE loads rows
  [2]
  $ printf 'firn dump\t1\n=\t1\n' | firn db load bad5.firn
  ! firn: standard input, line 2: a value outside of a row
  [2]
  $ printf 'firn dump\t1\nrow\t0\n' | firn db load bad6.firn
  ! firn: standard input, line 2: a row outside of a table, or inside of another row
  [2]
  $ printf 'firn dump\t1\nwhat\t0\n' | firn db load bad7.firn
  ! firn: standard input, line 2: a line that dumps do not have
  [2]
  $ printf 'firn dump\t1\ntable\tt\ntable\tu\n' | firn db load bad8.firn
  ! firn: standard input, line 3: what comes before is not complete
  [2]
  $ printf 'firn dump\t1\ntable\tt\ndefinition\tk i64 primary key\nrow\t0\n=\tx\nend\t1\n' | firn db load bad9.firn
  ! firn: standard input, line 5: cannot read "x" as i64: it is not a whole number
  [2]
  $ printf 'firn dump\t1\nkeyspace\tk\nexpires\t9999999999999\nkeyspace\tl\nkey\ta\nvalue\tb\nend\t1\n' | firn db load bad11.firn
  ! firn: standard input, line 4: what comes before is not complete
  [2]
  $ printf 'firn dump\t1\nkeyspace\tk\nexpires\t9999999999999\nexpires\t5\n' | firn db load bad12.firn
  ! firn: standard input, line 4: a time where none can be
  [2]
  $ printf 'firn dump\t1\nend\t0\nend\t0\n' | firn db load bad10.firn
  ! firn: standard input, line 3: a line after the end
  [2]
  $ firn db dump shop.firn --hex
  ! firn: db dump: a store, and a table, is dumped in one form only
  ! usage: firn db dump [options] STORE [KEYSPACE]
  ! help: firn help db dump
  [2]
  $ firn db load shop.firn --bulk <dump
  ! firn: db load: --bulk is for rows of a keyspace
  ! usage: firn db load [options] STORE [KEYSPACE [FILE]]
  ! help: firn help db load
  [2]

Indexes of vectors are a part of the definition, so they are shown, and survive a dump.

  $ firn db table create near.firn notes 'id i64 auto primary key, v vector(2), "vector" vector(1), vector index near (v) l2 m 8 ef 100'
  $ firn db table alter near.firn notes add-vector-index far vector cosine
  $ firn db insert -q near.firn notes 'v=[1,2]' 'vector=[3]'
  $ firn db table show near.firn notes
  column  type       null  default  key
  id      i64        no             1 auto
  v       vector(2)  yes
  vector  vector(1)  yes
  
  vector index  column  metric  m   ef
  near          v       l2      8   100
  far           vector  cosine  16  200
  $ firn db dump near.firn | tee near.dump | sed -n 3p
  definition	id i64 auto, v vector(2), vector vector(1), primary key (id), vector index near (v) l2 m 8 ef 100, vector index far (vector) cosine
  $ firn db load near2.firn <near.dump && firn db table show --json near2.firn notes | grep -o '"vector_indexes".*'
  1 row or entry
  "vector_indexes":[{"name":"near","column":"v","metric":"l2","m":8,"ef_construction":100},{"name":"far","column":"vector","metric":"cosine","m":16,"ef_construction":200}]}
  $ sed 's/, vector index.*//' near.dump | firn db load old.firn && firn db table show --definition old.firn notes
  1 row or entry
  id i64 auto, v vector(2), vector vector(1), primary key (id)
  $ firn db table create near.firn bad 'id i64 primary key, v vector(2), vector index near (v) l1'
  ! firn: the definition of a table, at byte 56 (l1): expected l2, dot or cosine
  ! hint: firn help db table create explains it
  [2]
  $ firn db table create near.firn bad 'id i64 primary key, vector index near (id) l2'
  ! firn: index near: its column is no vector
  [2]
  $ firn db sql near.firn "CREATE TABLE plain(a INTEGER PRIMARY KEY, \"b c\" TEXT UNIQUE, d INT); CREATE INDEX i ON plain(d, a)" "SELECT * FROM firn_indexes('notes') UNION ALL SELECT * FROM firn_indexes('plain')"
  near	vector	"v"	l2
  far	vector	"vector"	cosine
  unique_b c	unique	"b c"	\N
  i	index	"d", "a"	\N
  $ printf '.schema notes\n.schema plain\n' | firn db sql near.firn
  CREATE TABLE notes(
    id INTEGER NOT NULL PRIMARY KEY,
    v BLOB VECTOR(2),
    vector BLOB VECTOR(1)
  );
  -- vector index near of notes ("v") l2
  -- vector index far of notes ("vector") cosine
  CREATE TABLE plain(
    a INTEGER NOT NULL PRIMARY KEY,
    "b c" TEXT,
    d BIGINT
  );
  CREATE UNIQUE INDEX "unique_b c" ON plain ("b c");
  CREATE INDEX i ON plain ("d", "a");
