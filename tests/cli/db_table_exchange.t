Tables from CSV, and as CSV.

  $ printf 'id,name,price,since\n3,"green ""tea"", loose",4.5,2026-01-31\n1,tea,3.20,\n2,"",0.05,2025-12-24\n' >goods.csv
  $ firn db table create shop.firn goods 'id i64 primary key, name text not null, price decimal(8, 2), since date, unique index by_name (name)'
  $ firn db table import shop.firn goods goods.csv
  3 rows
  $ firn db scan shop.firn goods
  1	tea	3.20	\N
  2		0.05	2025-12-24
  3	green "tea", loose	4.50	2026-01-31
  $ firn db table export shop.firn goods
  id,name,price,since
  1,tea,3.20,
  2,"",0.05,2025-12-24
  3,"green ""tea"", loose",4.50,2026-01-31
  $ firn db table export shop.firn goods -o goods.jsonl
  3 rows
  $ cat goods.jsonl
  {"id":1,"name":"tea","price":3.20,"since":null}
  {"id":2,"name":"","price":0.05,"since":"2025-12-24"}
  {"id":3,"name":"green \"tea\", loose","price":4.50,"since":"2026-01-31"}
  $ firn db table export shop.firn goods -o goods.jsonl
  ! firn: could not create 'goods.jsonl': File exists
  ! hint: overwrite it with --replace
  [1]
  $ firn db table export --replace --index by_name --columns name,id -d tab --no-header --null '\N' shop.firn goods -o goods.tsv && cat goods.tsv
  3 rows
  	2
  "green ""tea"", loose"	3
  tea	1

A file that is replaced stays as it was until the new one is complete. Its mode stays. What a link leads to is not replaced.

  $ echo old >kept.csv && chmod 640 kept.csv && ln -s kept.csv link.csv
  $ firn db table export --replace --columns nothing shop.firn goods -o kept.csv
  ! firn: there is no column nothing
  [3]
  $ (trap '' XFSZ; ulimit -f 0; firn db table export --replace shop.firn goods -o kept.csv) 2>&1 | cat; echo ${PIPESTATUS[0]}
  firn: could not write 'kept.csv': File too large
  1
  $ cat kept.csv
  old
  $ firn db table export --replace -q shop.firn goods -o link.csv
  ! firn: 'link.csv' is a symbolic link, which is not followed here
  [2]
  $ firn db table export --replace -q shop.firn goods -o kept.csv && stat -c '%a %F' kept.csv && head -n 1 kept.csv
  640 regular file
  id,name,price,since
  $ mkfifo fifo && { head -n 2 fifo & firn db table export -q --replace shop.firn goods -o fifo; wait; } && test -p fifo && ls -A | grep '[.]firn-'
  id,name,price,since
  1,tea,3.20,
  [1]
  $ firn db table export --replace shop.firn goods -o nowhere/goods.csv
  ! firn: could not make a file beside 'nowhere/goods.csv': No such file or directory
  [3]

Rows that are there already fail an import; nothing of it stays.

  $ firn db table import shop.firn goods goods.csv
  ! firn: the table 'goods' has, or would have twice, a row with the key (1)
  ! hint: --on-conflict says what becomes of rows that are there
  [1]
  $ printf 'id,name\n9,new\n8,tea\n' | firn db table import shop.firn goods
  ! firn: two rows of the table 'goods' would have ('tea') in the unique index 'by_name'
  ! hint: --on-conflict says what becomes of rows that are there
  [1]
  $ firn db count shop.firn goods
  3

Unless they are to be left as they are, or replaced.

  $ printf 'id,name,price\n3,new,1\n4,mate,1.80\n4,again,2\n5,tea,3\n' >more.csv
  $ cp -a shop.firn copy.firn && firn db table import --on-conflict skip copy.firn goods more.csv
  1 row, 3 there already
  $ firn db scan copy.firn goods --columns id,name,price
  1	tea	3.20
  2		0.05
  3	green "tea", loose	4.50
  4	mate	1.80
  $ firn db table import --upsert copy.firn goods more.csv
  ! firn: line 5: another row of the table 'goods' has the same values in the unique index 'by_name'
  ! hint: --on-conflict says what becomes of rows that are there
  [1]
  $ head -n 4 more.csv | firn db table import --upsert copy.firn goods
  3 rows
  $ firn db scan copy.firn goods
  1	tea	3.20	\N
  2		0.05	2025-12-24
  3	new	1.00	\N
  4	again	2.00	\N
  $ firn db check copy.firn --quiet
  $ firn db table alter copy.firn goods drop-index by_name && echo '{"id":4,"name":"x"}' | firn db table import --on-conflict replace --format jsonl copy.firn goods
  1 row
  $ firn db get copy.firn goods 4 && rm -r copy.firn
  id	4
  name	x
  price	\N
  since	\N
  $ firn db table import --on-conflict no shop.firn goods more.csv 2>&1 | head -1
  firn: db table import: --on-conflict is fail, skip or replace
  $ firn db table import --upsert --on-conflict skip shop.firn goods more.csv 2>&1 | head -1
  firn: db table import: --upsert is --on-conflict replace

Lines that are no rows.

  $ printf 'id,name,price\n10,ten,1\neleven,x,1\n12,twelve,1,2\n13,,1\n14,fourteen,1000000\n15,"fif\nteen",2\n' >bad.csv
  $ firn db table import shop.firn goods bad.csv
  ! firn: line 3, column id: cannot read "eleven" as i64: it is not a whole number
  [2]
  $ firn db table import --rejects rest.csv shop.firn goods bad.csv
  2 rows, 4 left out
  ! firn: left out: line 3, column id: cannot read "eleven" as i64: it is not a whole number
  ! firn: left out: line 4: the record has 4 fields, not 3
  ! firn: left out: line 5: column name, text: null is not allowed
  ! firn: left out: line 6, column price: cannot read "1000000" as decimal(8, 2): it has too many digits
  $ cat rest.csv
  eleven,x,1
  12,twelve,1,2
  13,,1
  14,fourteen,1000000
  $ cp bad.csv same.csv && firn db table import --rejects same.csv shop.firn goods same.csv 2>&1 | head -n 1 && cmp bad.csv same.csv
  firn: db table import: --rejects names the file that is imported
  $ firn db table import --rejects rest.csv shop.firn goods bad.csv
  ! firn: could not create 'rest.csv': File exists
  ! hint: overwrite it with --replace
  [1]
  $ firn db table import -q --create --key id --rejects rest.csv shop.firn fresh bad.csv 2>&1 | head -n 1; firn db table list shop.firn
  firn: could not create 'rest.csv': File exists
  goods
  $ echo before >rest.csv && firn db table import --rejects rest.csv --replace shop.firn goods bad.csv 2>&1 | tail -n 2 | head -n 1 && cat rest.csv
  firn: the table 'goods' has, or would have twice, a row with the key (10)
  before
  $ printf 'id,name,colour\n20,x,red\n' >colours.csv
  $ firn db table import shop.firn goods colours.csv
  ! firn: line 1: the table 'goods' has no column 'colour'
  [2]
  $ firn db table import --ignore-unknown --json shop.firn goods colours.csv
  {"form":{"delimiter":",","quote":"\"","header":true,"skip":0},"rows":1,"rejected":0,"skipped":0}

A table that is made from a file.

  $ firn db table import --create shop.firn copy goods.csv
  copy: row i64 auto, id i64, name text, price f64, since date, primary key (row)
  3 rows
  $ firn db table import -q -c --key id shop.firn more - <goods.csv
  $ firn db table show shop.firn more --definition
  id i64, name text, price f64, since date, primary key (id)
  $ firn db scan shop.firn copy
  1	3	green "tea", loose	4.5	2026-01-31
  2	1	tea	3.2	\N
  3	2		0.05	2025-12-24
  $ printf '{"id":5,"name":"mate"}\n{"id":6,"price":1.5}\n' | firn db table import -f jsonl shop.firn more
  2 rows
  $ firn db get shop.firn more 6 --columns name,price
  name	\N
  price	1.5
  $ firn db table import -c -f jsonl shop.firn other goods.jsonl
  ! firn: types are guessed from CSV alone: create a table for JSON lines
  [1]

Wrong uses.

  $ firn db table import --format xml shop.firn goods goods.csv
  ! firn: db table import: --format is csv or jsonl
  ! usage: firn db table import [options] STORE TABLE [FILE]
  ! help: firn help db table import
  [2]
  $ firn db table import --replace shop.firn goods goods.csv 2>&1 | head -n 1
  firn: db table import: --replace goes with --rejects
  $ firn db table import --replace shop.firn goods v.npy 2>&1 | head -n 1
  firn: db table import: --header, --no-header, --ignore-unknown, --replace and --upsert are not for files of vectors
  $ firn db table import shop.firn goods nothing.csv
  ! firn: could not open 'nothing.csv': No such file or directory
  [3]
  $ firn db table import shop.firn nothing goods.csv
  ! firn: shop.firn has no table 'nothing'
  ! hint: firn db table list STORE prints the names of tables
  [3]

Only --create makes a store.

  $ firn db table import nowhere.firn goods goods.csv
  ! firn: could not open directory 'nowhere.firn': No such file or directory
  ! hint: firn db put makes a store and a keyspace
  [3]
  $ ls -d nowhere.firn 2>/dev/null
  [2]
