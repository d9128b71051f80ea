Tables from the command line.

  $ firn db table create shop.firn goods 'id i64 auto primary key, name text not null, price decimal(8, 2), since date, index by_price (price)'
  $ firn db table list shop.firn
  goods
  $ firn db keyspaces shop.firn
  $ firn db table show shop.firn goods
  column  type           null  default  key
  id      i64            no             1 auto
  name    text           no
  price   decimal(8, 2)  yes
  since   date           yes
  
  index     unique  columns
  by_price  no      price
  $ firn db table show shop.firn goods --definition
  id i64 auto, name text not null, price decimal(8, 2), since date, primary key (id), index by_price (price)
  $ firn db insert shop.firn goods name=tea price=3.20 since=2026-01-31
  1
  $ firn db insert shop.firn goods name='green tea' price=4
  2
  $ firn db insert shop.firn goods id=10 name="$(printf 'tab\there\\n')" --null price
  10
  $ firn db insert -q shop.firn goods name= since=2025-12-24 price=0.05
  $ firn db scan shop.firn goods
  1	tea	3.20	2026-01-31
  2	green tea	4.00	\N
  10	tab\there\\n	\N	\N
  11		0.05	2025-12-24
  $ firn db get shop.firn goods 1
  id	1
  name	tea
  price	3.20
  since	2026-01-31
  $ firn db get shop.firn goods 10 --columns price,name
  price	\N
  name	tab\there\\n
  $ firn db count shop.firn goods
  4

Changing rows and deleting them.

  $ firn db insert --update shop.firn goods id=1 price=2.50
  $ firn db insert --update shop.firn goods id=7 price=2.50
  ! firn: the table 'goods' has no row with that key
  [3]
  $ firn db insert --upsert shop.firn goods id=7 name=mate price=1.00
  $ firn db insert shop.firn goods id=7 name=mate
  ! firn: the table 'goods' has a row with that key already
  [1]
  $ firn db insert --upsert --update shop.firn goods id=7
  ! firn: db insert: --upsert cannot be used with --update
  ! usage: firn db insert [options] STORE TABLE [COLUMN=VALUE...]
  ! help: firn help db insert
  [2]
  $ firn db del shop.firn goods 11 && firn db del shop.firn goods 11
  $ firn db scan shop.firn goods
  1	tea	2.50	2026-01-31
  2	green tea	4.00	\N
  7	mate	1.00	\N
  10	tab\there\\n	\N	\N
  $ firn db insert -t 1 shop.firn goods id=100 name='soon gone'
  100
  $ sleep 1.1; firn db get shop.firn goods 100
  ! firn: table 'goods' has no row '100'
  [3]

Parts of it, in some order.

  $ firn db scan shop.firn goods --from 2 --to 10
  2	green tea	4.00	\N
  7	mate	1.00	\N
  $ firn db scan shop.firn goods --prefix 7
  7	mate	1.00	\N
  $ firn db scan shop.firn goods --keys --reverse --limit 2
  10
  7
  $ firn db scan shop.firn goods --index by_price --columns price,id
  \N	10
  1.00	7
  2.50	1
  4.00	2
  $ firn db scan shop.firn goods --index by_price --columns price,id --from 1 --to 4.00
  1.00	7
  2.50	1
  $ firn db count shop.firn goods --index by_price --prefix 4
  1
  $ firn db scan shop.firn goods --where "price >= 1 and name != 'green tea'" --columns name
  tea
  mate
  $ firn db scan shop.firn goods --where 'price is null AND since IS NULL' --columns id
  10
  $ firn db count shop.firn goods --where 'price is not null'
  3
  $ firn db count shop.firn goods --where 'price<>1.00'
  2
  $ firn db count shop.firn goods --where "name='green tea'"
  1
  $ firn db scan shop.firn goods --csv
  id,name,price,since
  1,tea,2.50,2026-01-31
  2,green tea,4.00,
  7,mate,1.00,
  10,tab	here\n,,

Keys of several columns, values of all types, names that are no words.

  $ firn db table create shop.firn 'odd "names' '"a,b" text, "say ""hi""" u8, "é=1" bool, n f64, m f32, t timestamp, b blob, u uuid, v vector(2), primary key ("a,b", "say ""hi""")'
  $ firn db insert shop.firn 'odd "names' 'a,b=x,y' 'say "hi"=255' '"é=1"=T' n=1e300 m=0.1 't=2026-11-20 14:00:00.5' 'b=\x00ff' u=123e4567-e89b-12d3-a456-426614174000 'v=[1, -2.5]'
  $ firn db insert shop.firn 'odd "names' 'a,b=x' 'say "hi"=0' n=nan m=-inf
  $ firn db scan shop.firn 'odd "names'
  x	0	\N	nan	-inf	\N	\N	\N	\N
  x,y	255	true	1e300	0.1	2026-11-20 14:00:00.5	\\x00ff	123e4567-e89b-12d3-a456-426614174000	[1.0,-2.5]
  $ firn db scan shop.firn 'odd "names' --csv
  "a,b","say ""hi""",é=1,n,m,t,b,u,v
  x,0,,nan,-inf,,,,
  "x,y",255,true,1e300,0.1,2026-11-20 14:00:00.5,\x00ff,123e4567-e89b-12d3-a456-426614174000,"[1.0,-2.5]"
  $ firn db scan shop.firn 'odd "names' --json
  {"table":"odd \"names","rows":[{"a,b":"x","say \"hi\"":0,"é=1":null,"n":"nan","m":"-inf","t":null,"b":null,"u":null,"v":null},{"a,b":"x,y","say \"hi\"":255,"é=1":true,"n":1e300,"m":0.1,"t":"2026-11-20 14:00:00.5","b":"\\x00ff","u":"123e4567-e89b-12d3-a456-426614174000","v":[1.0,-2.5]}],"count":2}
  $ firn db get shop.firn 'odd "names' x,y 255 --columns '"a,b",say "hi",é=1'
  a,b	x,y
  say "hi"	255
  é=1	true
  $ firn db scan shop.firn 'odd "names' --prefix '"x,y"' --keys
  x,y	255
  $ firn db scan shop.firn 'odd "names' --from 'x,1' --keys
  x,y	255
  $ firn db scan shop.firn 'odd "names' --where '"say ""hi""" = 0 and n > 5' --columns n
  nan
  $ firn db del shop.firn 'odd "names' x 0 && firn db count shop.firn 'odd "names'
  1

Changing tables.

  $ firn db checkpoint shop.firn before && firn db table alter shop.firn goods add-column 'stock i32 not null default 5'
     1  <id>  <time>  before
  $ firn db table alter shop.firn goods rename-column since 'for sale since'
  $ firn db table alter shop.firn goods add-index 'unique index by_name (name)'
  $ firn db table alter shop.firn goods default stock 0
  $ firn db table alter shop.firn goods default name "'no, name'"
  $ firn db insert shop.firn goods price=9
  11
  $ firn db get shop.firn goods 'no, name' --index by_name
  id	11
  name	no, name
  price	9.00
  for sale since	\N
  stock	0
  $ firn db insert shop.firn goods name=tea
  ! firn: another row of the table 'goods' has the same values in the unique index 'by_name'
  [1]
  $ firn db table alter shop.firn goods default name none
  $ firn db insert shop.firn goods price=9
  ! firn: the column 'name' may not be null, and has no default
  [2]
  $ firn db table show shop.firn goods
  column          type           null  default  key
  id              i64            no             1 auto
  name            text           no
  price           decimal(8, 2)  yes
  for sale since  date           yes
  stock           i32            no    0
  
  index     unique  columns
  by_price  no      price
  by_name   yes     name
  $ firn db table alter shop.firn goods drop-index by_name
  $ firn db table alter shop.firn goods drop-column 'for sale since'
  $ firn db scan shop.firn goods
  1	tea	2.50	5
  2	green tea	4.00	5
  7	mate	1.00	5
  10	tab\there\\n	\N	5
  11	no, name	9.00	0
  $ firn db table show shop.firn goods -d
  id i64 auto, name text not null, price decimal(8, 2), stock i32 not null default 0, primary key (id), index by_price (price)

As a checkpoint has it.

  $ firn db table show shop.firn goods -d --at before
  id i64 auto, name text not null, price decimal(8, 2), since date, primary key (id), index by_price (price)
  $ firn db scan shop.firn goods --at before --columns id,since
  1	2026-01-31
  2	\N
  7	\N
  10	\N
  $ firn db get shop.firn goods 1 --at before
  id	1
  name	tea
  price	2.50
  since	2026-01-31
  $ firn db count shop.firn goods --at before
  4
  $ firn db put shop.firn users ada 1815
  $ firn db diff shop.firn before
  +	goods	11	no, name	9.00	0
  +	users
  +	users	ada	1815
  $ firn db diff shop.firn before --stat
  2 added, 0 removed, 0 changed
  $ firn db diff shop.firn before --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["differences"])'
  [{'kind': 'added', 'table': 'goods', 'key': {'id': 11}, 'after': {'id': 11, 'name': 'no, name', 'price': 9.0, 'stock': 0}}, {'kind': 'keyspace added', 'keyspace': 'users'}, {'kind': 'added', 'keyspace': 'users', 'key': 'ada', 'after': '1815'}]
  $ firn db table drop shop.firn goods
  $ firn db table list shop.firn
  odd "names
  $ firn db table list shop.firn --at before
  goods
  odd "names
  $ firn db diff shop.firn before
  -	goods
  -	goods	1	tea	2.50	2026-01-31
  -	goods	2	green tea	4.00	\N
  -	goods	7	mate	1.00	\N
  -	goods	10	tab\there\\n	\N	\N
  +	users
  +	users	ada	1815
  $ firn db restore shop.firn before
  restored 1 (before); take this back with: firn db undo shop.firn
  $ firn db scan shop.firn goods --keys
  1
  2
  7
  10
  $ firn db check shop.firn
  5 keyspaces, 12 entries, <n> log records, 2 tables of 5 rows: no damage
  $ firn db stats shop.firn >stats && firn db checkpoints shop.firn >checkpoints; echo $?
  0
  $ firn db export shop.firn before -o shop.firnx && firn db scan shop.firnx goods --columns name --limit 1
  tea
  $ firn db table list shop.firnx
  goods
  odd "names

What JSON there is.

  $ firn db table list shop.firn --json
  {"tables":["goods","odd \"names"]}
  $ firn db table create --json shop.firn small 'k text default $q$, primary key (k)'
  {"error":{"code":"FIRN_INVALID","message":"the definition of a table, at byte 16 ($q$, primary key (k)): expected a value after 'default'","hint":"firn help db table create explains it","exit":2}}
  ! firn: the definition of a table, at byte 16 ($q$, primary key (k)): expected a value after 'default'
  ! hint: firn help db table create explains it
  [2]
  $ firn db table create --json shop.firn small "k text default 'it''s', primary key (k)"
  {}
  $ firn db table show shop.firn small --json
  {"table":"small","definition":"k text default 'it''s', primary key (k)","columns":[{"name":"k","type":"text","not_null":true,"default":"it's","auto":false,"key":1}],"indexes":[],"vector_indexes":[]}
  $ firn db insert shop.firn goods name=milk --json
  {"number":11}
  $ firn db get shop.firn goods 11 --json
  {"table":"goods","row":{"id":11,"name":"milk","price":null,"since":null}}
  $ firn db count shop.firn goods --json
  {"count":5}
  $ firn db scan shop.firn goods --limit 0 --csv --columns id,name
  id,name
  $ firn db scan shop.firn goods --limit 2 --json
  {"table":"goods","rows":[{"id":1,"name":"tea","price":2.50,"since":"2026-01-31"},{"id":2,"name":"green tea","price":4.00,"since":null}],"count":2}
  $ firn db table alter shop.firn small add-column 'n i32' --json
  {}
  $ firn db table alter shop.firn small add-column 'tag text bloom' --json
  {}
  $ firn db insert shop.firn small k=a tag=red --json
  {}
  $ firn db table show shop.firn small
  column  type  null  default  key
  k       text  no    it's     1
  n       i32   yes
  tag     text  yes            bloom
  $ firn db table show shop.firn small -d
  k text default 'it''s', n i32, tag text bloom, primary key (k)
  $ firn db scan shop.firn small --where "tag in ('blue', 'red')" --columns k,tag
  a	red
  $ firn db table alter shop.firn small add-column 'v vector(2) bloom'
  ! firn: column v: a vector has no Bloom filter
  [2]
  $ firn db table alter shop.firn small bloom k on && firn db table alter shop.firn small bloom tag off
  $ firn db table show shop.firn small -d
  k text default 'it''s' bloom, n i32, tag text, primary key (k)
  $ firn db table alter shop.firn small bloom tag maybe
  ! firn: db table alter: bloom takes a COLUMN, and on or off; not 'maybe'
  ! usage: firn db table alter STORE TABLE CHANGE ARGUMENT...
  ! help: firn help db table alter
  [2]
  $ firn db table alter shop.firn small bloom colour on
  ! firn: there is no column colour
  [3]
  $ firn db table drop shop.firn small --json
  {}

On a terminal columns are aligned, control characters are escaped and what is wide is cut.

  $ firn db insert -q shop.firn goods name="$(printf 'an \033[31mé very long name that goes on and on and on')" price=1234.50
  $ python3 "$SOURCE/tests/cli/on_terminal.py" firn db scan shop.firn goods
  id  name                                        price  since
   1  tea                                          2.50  2026-01-31
   2  green tea                                    4.00  \N
   7  mate                                         1.00  \N
  10  tab\there\\n                                   \N  \N
  11  milk                                           \N  \N
  12  an \033[31mé very long name that goes o…  1234.50  \N
  0
  $ python3 "$SOURCE/tests/cli/on_terminal.py" firn db get shop.firn goods 2
  id     2
  name   green tea
  price  4.00
  since  \N
  0

Keyspaces are none.

  $ firn db count shop.firn users
  ! firn: shop.firn has no keyspace 'users'
  [3]
  $ firn db put shop.firn users ada 1815 && firn db put shop.firn users alan 1912 && firn db put shop.firn users bob 1
  $ firn db count shop.firn users --json && firn db count shop.firn users --prefix a && firn db count shop.firn users --from b
  {"count":3}
  2
  1
  $ firn db scan shop.firn users --where 'a = 1'
  ! firn: db scan: --where is for tables; 'users' is a keyspace
  ! usage: firn db scan [options] STORE KEYSPACE|TABLE
  ! help: firn help db scan
  [2]
  $ firn db count shop.firn users --index x
  ! firn: db count: --index is for tables; 'users' is a keyspace
  ! usage: firn db count [options] STORE KEYSPACE|TABLE
  ! help: firn help db count
  [2]
  $ firn db get shop.firn users ada bob
  ! firn: db get: unexpected argument 'bob'
  ! usage: firn db get [options] STORE KEYSPACE|TABLE KEY...
  ! help: firn help db get
  [2]
  $ firn db del shop.firn users ada bob
  ! firn: db del: unexpected argument 'bob'
  ! usage: firn db del [options] STORE KEYSPACE|TABLE KEY...
  ! help: firn help db del
  [2]
  $ firn db get shop.firn users ada --columns x
  ! firn: db get: --columns is for tables; 'users' is a keyspace
  ! usage: firn db get [options] STORE KEYSPACE|TABLE KEY...
  ! help: firn help db get
  [2]
  $ firn db insert shop.firn users a=1
  ! firn: shop.firn has no table 'users'
  ! hint: firn db table list STORE prints the names of tables
  [3]
  $ firn db table create shop.firn users 'k text primary key'
  ! firn: there is a keyspace 'users' already
  [1]
  $ firn db table drop shop.firn users
  ! firn: shop.firn has no table 'users'
  ! hint: firn db table list STORE prints the names of tables
  [3]
  $ firn db put shop.firn goods 1 2
  ! firn: 'goods' is a table, not a keyspace
  ! hint: firn db insert, get, del, scan and count work on tables
  [2]
  $ firn db drop shop.firn goods
  ! firn: 'goods' is a table, not a keyspace
  ! hint: firn db table drop STORE TABLE deletes a table
  [2]
  $ firn db dump shop.firn goods | head -n 2
  firn dump	1
  table	goods
  $ firn db checkpoint shop.firn early >/dev/null; firn db table create shop.firn late 'k text primary key'
  $ firn db get shop.firn late a --at early
  ! firn: shop.firn has no table 'late' at early
  [3]
  $ firn db scan shop.firn nothing --at early
  ! firn: shop.firn has no keyspace 'nothing' at early
  [3]
  $ firn db table drop shop.firn late
  $ firn db delrange shop.firn goods --prefix a
  ! firn: 'goods' is a table
  ! hint: firn db insert, get, del, scan and count work on tables
  [2]
  $ printf 'a\tb\n' | firn db load shop.firn goods -
  ! firn: 'goods' is a table, not a keyspace
  ! hint: firn db insert, get, del, scan and count work on tables
  [2]

Mistakes.

  $ firn db table create shop.firn bad 'k text'
  ! firn: a table needs a primary key: name one of its columns
  [2]
  $ firn db table create new.firn bad 'k texxt'; ls -d new.firn
  ! firn: the definition of a table, at byte 3 (texxt): expected a type, such as i64, text or decimal(12, 2)
  ! hint: firn help db table create explains it
  ! ls: cannot access 'new.firn': No such file or directory
  [2]
  $ firn db table create shop.firn goods 'k text primary key'
  ! firn: there is a table 'goods' already
  [1]
  $ firn db table create shop.firn firn:x 'k text primary key'
  ! firn: names that begin with "firn." or "firn:" are kept for firn itself
  [2]
  $ firn db table show shop.firn nothing
  ! firn: shop.firn has no table 'nothing'
  ! hint: firn db table list STORE prints the names of tables
  [3]
  $ firn db table show shop.firn nothing --at before
  ! firn: shop.firn has no table 'nothing' at before
  ! hint: firn db table list STORE prints the names of tables
  [3]
  $ firn db table show other.firn nothing
  ! firn: could not open directory 'other.firn': No such file or directory
  ! hint: firn db put makes a store and a keyspace
  [3]
  $ firn db table alter shop.firn goods grow
  ! firn: db table alter: missing ARGUMENT...
  ! hint: one of add-column, drop-column, rename-column, default, bloom, add-index, add-vector-index, drop-index
  ! usage: firn db table alter STORE TABLE CHANGE ARGUMENT...
  ! help: firn help db table alter
  [2]
  $ firn db table alter shop.firn goods grow x
  ! firn: db table alter: 'grow' is not one of add-column, drop-column, rename-column, default, bloom, add-index, add-vector-index, drop-index
  ! usage: firn db table alter STORE TABLE CHANGE ARGUMENT...
  ! help: firn help db table alter
  [2]
  $ firn db table alter shop.firn goods drop-column
  ! firn: db table alter: missing ARGUMENT...
  ! hint: one of add-column, drop-column, rename-column, default, bloom, add-index, add-vector-index, drop-index
  ! usage: firn db table alter STORE TABLE CHANGE ARGUMENT...
  ! help: firn help db table alter
  [2]
  $ firn db table alter shop.firn goods rename-column price
  ! firn: db table alter: rename-column takes a COLUMN and its new NAME
  ! usage: firn db table alter STORE TABLE CHANGE ARGUMENT...
  ! help: firn help db table alter
  [2]
  $ firn db table alter shop.firn goods drop-column nothing
  ! firn: there is no column nothing
  [3]
  $ firn db table alter shop.firn goods drop-column id
  ! firn: column id is of the primary key: copy the rows into a table with another key
  [2]
  $ firn db table alter shop.firn goods drop-index nothing
  ! firn: there is no index nothing
  [3]
  $ firn db table alter shop.firn goods add-column 'a i32, b i32'
  ! firn: db table alter: add-column takes one column: NAME TYPE, perhaps not null and a default; not 'a i32, b i32'
  ! usage: firn db table alter STORE TABLE CHANGE ARGUMENT...
  ! help: firn help db table alter
  [2]
  $ firn db table alter shop.firn goods add-column 'a i32 not null'
  ! firn: column a: rows that are there would have no value: give it a default, or allow null
  [2]
  $ firn db table alter shop.firn goods add-index 'a i32'
  ! firn: db table alter: add-index takes one index: [unique] index NAME (COLUMN, ...); not 'a i32'
  ! usage: firn db table alter STORE TABLE CHANGE ARGUMENT...
  ! help: firn help db table alter
  [2]
  $ firn db table alter shop.firn goods add-index 'index i (nothing)'
  ! firn: an index: there is no column nothing
  [3]
  $ firn db table alter shop.firn goods default nothing 5
  ! firn: there is no column nothing
  [3]
  $ firn db table alter shop.firn goods default price abc
  ! firn: the definition of a table, at byte 31 (abc): the default is not a value: a text must be in single quotes
  [2]
  $ firn db table alter shop.firn goods default price '5, x i32'
  ! firn: '5, x i32' is not one literal
  [2]
  $ firn db insert shop.firn goods price=1.234
  ! firn: column 'price': cannot read "1.234" as decimal(8, 2): it has too many digits after the point
  [2]
  $ firn db insert shop.firn goods nothing=1
  ! firn: table 'goods' has no column 'nothing'
  ! hint: firn db table show STORE TABLE prints the columns
  [3]
  $ firn db insert shop.firn goods name
  ! firn: db insert: 'name' is not COLUMN=VALUE
  ! usage: firn db insert [options] STORE TABLE [COLUMN=VALUE...]
  ! help: firn help db insert
  [2]
  $ firn db insert shop.firn goods name=a name=b
  ! firn: db insert: column 'name' is given twice
  ! usage: firn db insert [options] STORE TABLE [COLUMN=VALUE...]
  ! help: firn help db insert
  [2]
  $ firn db insert shop.firn goods name=a --null name
  ! firn: db insert: column 'name' is given twice
  ! usage: firn db insert [options] STORE TABLE [COLUMN=VALUE...]
  ! help: firn help db insert
  [2]
  $ firn db insert shop.firn goods price=1
  ! firn: the column 'name' may not be null, and has no default
  [2]
  $ firn db get shop.firn goods x
  ! firn: column 'id': cannot read "x" as i64: it is not a whole number
  [2]
  $ firn db get shop.firn goods 1 2
  ! firn: db get: the key of 'goods' has 1 column, and 2 values are given
  ! usage: firn db get [options] STORE KEYSPACE|TABLE KEY...
  ! help: firn help db get
  [2]
  $ firn db get shop.firn goods 999
  ! firn: table 'goods' has no row '999'
  [3]
  $ firn db get shop.firn goods 1 --hex
  ! firn: db get: KEY is not an even number of hexadecimal digits: '1'
  ! usage: firn db get [options] STORE KEYSPACE|TABLE KEY...
  ! help: firn help db get
  [2]
  $ firn db get shop.firn goods 1 --index by_price
  ! firn: a row is found by all columns of a unique index; 'by_price' is not unique
  [2]
  $ firn db get shop.firn goods 1 --index nothing
  ! firn: table 'goods' has no index 'nothing'
  ! hint: firn db table show STORE TABLE prints the indexes
  [3]
  $ firn db scan shop.firn goods --columns name,nothing
  ! firn: --columns, character 6: there is no column "nothing"
  ! hint: firn db table show STORE TABLE prints the columns
  [3]
  $ firn db scan shop.firn goods --columns name --keys
  ! firn: db scan: --keys cannot be used with --columns
  ! usage: firn db scan [options] STORE KEYSPACE|TABLE
  ! help: firn help db scan
  [2]
  $ firn db scan shop.firn goods --from 1,2
  ! firn: db scan: --from has 2 values, and the key only 1 column
  ! usage: firn db scan [options] STORE KEYSPACE|TABLE
  ! help: firn help db scan
  [2]
  $ firn db scan shop.firn goods --from 1 --prefix 2
  ! firn: db scan: --prefix goes with neither --from nor --to
  ! usage: firn db scan [options] STORE KEYSPACE|TABLE
  ! help: firn help db scan
  [2]
  $ firn db scan shop.firn goods --from '"1'
  ! firn: db scan: --from: after a value in double quotes comes a comma, or nothing: '"1'
  ! usage: firn db scan [options] STORE KEYSPACE|TABLE
  ! help: firn help db scan
  [2]
  $ firn db scan shop.firn goods --index nothing
  ! firn: table 'goods' has no index 'nothing'
  ! hint: firn db table show STORE TABLE prints the indexes
  [3]
  $ for where in '' 'name' 'name =' "name = 'a" 'name ~ a' 'name = a or' 'nothing = 1' 'price = x' 'name is' '= 1' '"name' 'name == a' 'name = a and'; do firn db count shop.firn goods --where "$where" 2>&1 | head -1; done
  firn: --where, character 1: expected a value, but the text ends
  firn: --where: a condition is true or false, not text
  firn: --where, character 7: expected a value, but the text ends
  firn: --where, character 8: a quote is not closed, at "'a"
  firn: --where, character 6: this character has no meaning here, at "~ a"
  firn: --where, character 12: expected a value, but the text ends
  firn: --where, character 1: there is no column "nothing"
  firn: --where, character 9: there is no column "x"
  firn: --where, character 8: expected null, true, false or distinct from, but the text ends
  firn: --where, character 1: expected a value, at "="
  firn: --where, character 1: a quote is not closed, at ""name"
  firn: --where, character 9: there is no column "a"
  firn: --where, character 13: expected a value, but the text ends
  $ firn db table
  ! firn: db: missing command after 'table'
  ! help: firn help db
  [2]
  $ firn db table creat
  ! firn: db: unknown command 'table creat'; the nearest is table create
  ! help: firn help db
  [2]
  $ firn db table --help | head -1
  usage: firn db COMMAND [options] [arguments]
  $ firn help db table create | head -3
  usage: firn db table create [options] STORE TABLE DEFINITION
  
  Create a table.
  $ firn help db table creat
  ! firn: unknown command 'db table creat'
  ! help: firn help
  [2]
  $ firn __complete db table ''
  words
  create	Create a table
  list	Print the names of a store's tables
  show	Print the columns and indexes of a table
  alter	Change the columns or indexes of a table
  drop	Delete a table with its rows and indexes
  import	Insert the rows of a CSV or JSON lines file into a table
  export	Write the rows of a table as CSV or JSON lines
  $ firn __complete db tab | grep -A1 count
  count	Print how many entries a keyspace has, or how many rows a table
  search	Print the rows of a table whose vectors are nearest to given ones
  --
  stats	Show levels, sizes and entry counts of a store's files
  check	Read and verify all of a store

A text may be longer than it looks: here 1,500 combining marks.

  $ firn db table create shop.firn marks "id i64 primary key, note text default 'e$(printf '\314\201%.0s' $(seq 1500))'"
  $ firn db table show shop.firn marks | grep -c "$(printf '\314\201%.0s' $(seq 1500))"
  1

A store that is opened for reading has no temporary files: groups have to fit into memory, of which --memory gives more or less.

  $ awk 'BEGIN { print "id,t"; for (i = 0; i < 20000; i++) printf "%d,a text that is as long as it has to be for this test; number %d\n", i, i }' >many.csv
  $ firn db table import -q --create --key id many.firn many many.csv
  $ firn db scan many.firn many --group-by t --columns 't, count(*)' --memory 1
  ! firn: the groups of a query need more than the 1048576 bytes of memory that they may use
  ! hint: give the command more with --memory MIB
  [1]
  $ firn db scan many.firn many --group-by t --columns 't, count(*)' --memory 50 | wc -l
  20000
  $ firn db scan many.firn many --memory 0
  ! firn: db scan: --memory is a number of MiB, not '0'
  ! usage: firn db scan [options] STORE KEYSPACE|TABLE
  ! help: firn help db scan
  [2]
