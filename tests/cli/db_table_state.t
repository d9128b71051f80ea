States of tables from the command line: what differs, by key and column.

  $ firn db table create shop.firn goods 'shelf text, place u8, name text not null, price decimal(8, 2), primary key (shelf, place), index by_price (price)'
  $ firn db insert shop.firn goods shelf=a place=1 name=tea price=3.20
  $ firn db insert shop.firn goods shelf=a place=2 name='green tea' price=4
  $ firn db insert shop.firn goods shelf=b place=1 name=mate
  $ firn db checkpoint shop.firn before
     1  <id>  <time>  before
  $ firn db diff shop.firn before
  $ firn db insert --update shop.firn goods shelf=a place=1 price=2.50 name="$(printf 'tab\t')"
  $ firn db del shop.firn goods a 2
  $ firn db insert shop.firn goods shelf=c place=9 name=juice
  $ firn db diff shop.firn before
  ~	goods	a	1	name	tea	tab\t
  ~	goods	a	1	price	3.20	2.50
  -	goods	a	2	green tea	4.00
  +	goods	c	9	juice	\N
  $ firn db diff shop.firn before --keys
  ~	goods	a	1
  -	goods	a	2
  +	goods	c	9
  $ firn db diff shop.firn before --stat
  1 added, 1 removed, 1 changed
  $ firn db diff shop.firn before --json | python3 -c 'import json, sys; [print(row) for row in json.load(sys.stdin)["differences"]]'
  {'kind': 'changed', 'table': 'goods', 'key': {'shelf': 'a', 'place': 1}, 'columns': ['name', 'price'], 'before': {'name': 'tea', 'price': 3.2}, 'after': {'name': 'tab\t', 'price': 2.5}}
  {'kind': 'removed', 'table': 'goods', 'key': {'shelf': 'a', 'place': 2}, 'before': {'shelf': 'a', 'place': 2, 'name': 'green tea', 'price': 4.0}}
  {'kind': 'added', 'table': 'goods', 'key': {'shelf': 'c', 'place': 9}, 'after': {'shelf': 'c', 'place': 9, 'name': 'juice', 'price': None}}
  $ firn db diff shop.firn before --json --keys | python3 -c 'import json, sys; print(json.load(sys.stdin)["differences"][0])'
  {'kind': 'changed', 'table': 'goods', 'key': {'shelf': 'a', 'place': 1}, 'columns': ['name', 'price']}

Columns that were added, renamed and dropped.

  $ firn db checkpoint shop.firn middle
     2  <id>  <time>  middle
  $ firn db table alter shop.firn goods add-column 'stock i32 not null default 5'
  $ firn db table alter shop.firn goods rename-column name label
  $ firn db table alter shop.firn goods drop-index by_price && firn db table alter shop.firn goods drop-column price
  $ firn db diff shop.firn middle
  $ firn db insert --update shop.firn goods shelf=b place=1 stock=7
  $ firn db insert --update shop.firn goods shelf=a place=1 label=tea
  $ firn db diff shop.firn middle
  ~	goods	a	1	label	tab\t	tea
  ~	goods	b	1	stock	\N	7
  $ firn db diff shop.firn middle --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["differences"])'
  [{'kind': 'changed', 'table': 'goods', 'key': {'shelf': 'a', 'place': 1}, 'columns': ['label'], 'before': {'name': 'tab\t'}, 'after': {'label': 'tea'}}, {'kind': 'changed', 'table': 'goods', 'key': {'shelf': 'b', 'place': 1}, 'columns': ['stock'], 'before': {}, 'after': {'stock': 7}}]

Another table under the name.

  $ firn db table drop shop.firn goods && firn db table create shop.firn goods 'id i64 auto primary key, name text'
  $ firn db insert -q shop.firn goods name=beer
  $ firn db diff shop.firn middle
  -	goods	a	1	tab\t	2.50
  -	goods	b	1	mate	\N
  -	goods	c	9	juice	\N
  +	goods	1	beer

A keyspace under the name.

  $ firn db checkpoint -q shop.firn table && firn db table drop shop.firn goods && firn db put shop.firn goods k v
  $ firn db diff shop.firn table
  -	goods	1	beer
  +	goods	k	v
  $ firn db checkpoint -q shop.firn keyspace && firn db diff shop.firn keyspace table --json
  {"differences":[{"kind":"added","table":"goods","key":{"id":1},"after":{"id":1,"name":"beer"}},{"kind":"removed","keyspace":"goods","key":"k","before":"v"}],"added":1,"removed":1,"changed":0}
  $ firn db restore -q shop.firn table

Sizes of columns and indexes.

  $ firn db table create shop.firn numbers 'id i64 auto primary key, n i64, t text, index by_n (n)'
  $ for i in 1 2 3 4 5 6 7 8; do firn db insert -q shop.firn numbers n=$i t=text; done
  $ firn db flush shop.firn
  $ firn db stats shop.firn numbers | grep -v ^by_n
  rows    about 8
  files   1, 1 KB
  memory  0 rows, 0 B
  
  column  stored   raw  ratio  nulls  chunks  encodings   smallest  largest
  id        56 B  64 B    1.1      0       1  frame 1     1         8
  n         56 B  64 B    1.1      0       1  frame 1     1         8
  t         40 B  64 B    1.6      0       1  constant 1  text      text
  
  index  entries  files  memory
  $ firn db stats shop.firn numbers --count | head -1
  rows    8
  $ firn db stats shop.firn numbers --json --count | python3 -c 'import json, sys; stats = json.load(sys.stdin); print(stats["rows"], stats["rows_are_exact"], stats["columns"][2]); print(stats["indexes"][0]["entries"])'
  8 True {'name': 't', 'values': 8, 'nulls': 0, 'stored_bytes': 40, 'raw_bytes': 64, 'chunks': 1, 'encodings': {'constant': 1}, 'smallest': 'text', 'largest': 'text', 'largest_is_cut': False}
  8
  $ firn db stats shop.firn goods --at middle --count | head -1
  rows    3
  $ firn db stats shop.firn nothing
  ! firn: shop.firn has no table 'nothing'
  ! hint: firn db table list STORE prints the names of tables
  [3]
  $ firn db stats shop.firn --count
  ! firn: db stats: --count and --at are for a table: name it
  ! usage: firn db stats [options] STORE [TABLE]
  ! help: firn help db stats
  [2]

Sound tables.

  $ firn db check shop.firn --json | python3 -c 'import json, sys; report = json.load(sys.stdin); print(report["tables"], report["rows"], report["index_entries"], report["damaged"])'
  2 9 8 0

Names as wide as a terminal shows them.

  $ firn db table create shop.firn wide '漢字 i64 primary key, "é" text, "😀" text'
  $ firn db table show shop.firn wide
  column  type  null  default  key
  漢字    i64   no             1
  é       text  yes
  😀      text  yes
