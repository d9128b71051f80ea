SQL from the command line.

  ? pkg-config --exists 'sqlite3 >= 3.38'
  $ firn db sql --create shop.firn "CREATE TABLE goods(id INTEGER PRIMARY KEY, name TEXT NOT NULL, kind TEXT, price DECIMAL(8,2), since DATE)"
  $ firn db table list shop.firn
  goods
  $ firn db sql shop.firn "INSERT INTO goods VALUES (1, 'tea', 'drink', 3.20, '2026-01-31'), (2, 'bread', 'food', 2.5, NULL), (3, 'mate', 'drink', 1.8, '2026-02-01')"
  $ firn db sql shop.firn 'SELECT * FROM goods'
  1	tea	drink	3.2	2026-01-31
  2	bread	food	2.5	\N
  3	mate	drink	1.8	2026-02-01
  $ firn db sql shop.firn 'SELECT kind, count(*), sum(price) FROM goods GROUP BY kind ORDER BY kind'
  drink	2	5.0
  food	1	2.5
  $ firn db sql shop.firn 'SELECT 1; SELECT 2;' 'SELECT 3'
  1
  2
  3

Every form of output.

  $ firn db sql shop.firn --csv "SELECT id, name || ', \"x\"' AS n, since, '' AS e FROM goods LIMIT 2"
  id,n,since,e
  1,"tea, ""x""",2026-01-31,""
  2,"bread, ""x""",,""
  $ firn db sql shop.firn --mode markdown "SELECT name, kind || '|' AS k FROM goods LIMIT 1"
  | name | k |
  | --- | --- |
  | tea | drink\| |
  $ firn db sql shop.firn --mode line 'SELECT id, since FROM goods WHERE id < 3'
  id = 1
  since = 2026-01-31
  
  id = 2
  since = \N
  $ firn db sql shop.firn --mode json "SELECT id, x'00ff' AS b, 0.1 AS r, NULL AS n FROM goods LIMIT 2"
  [{"id":1,"b":{"hex":"00ff"},"r":0.1,"n":null},
  {"id":2,"b":{"hex":"00ff"},"r":0.1,"n":null}]
  $ firn db sql shop.firn --mode table 'SELECT id, name, price FROM goods'
  id  name   price
   1  tea      3.2
   2  bread    2.5
   3  mate     1.8
  $ firn db sql shop.firn --json 'SELECT id, name FROM goods WHERE id = 1' 'SELECT count(*) AS n FROM goods'
  {"results":[{"columns":["id","name"],"rows":[[1,"tea"]]},{"columns":["n"],"rows":[[3]]}]}
  $ firn db sql shop.firn --mode list 'SELECT 1'
  ! firn: db sql: --mode is one of table, tabs, csv, json, markdown and line, not 'list'
  ! usage: firn db sql [options] STORE [STATEMENT...]
  ! help: firn help db sql
  [2]
  $ firn db sql shop.firn "SELECT char(27) || '[31m', char(9), '\\'"
  \033[31m	\t	\\

Parameters.

  $ firn db sql shop.firn --param name=tea --param 'low=1.5' 'SELECT id FROM goods WHERE name = :name AND price > $low'
  1
  $ firn db sql shop.firn --param "a='5'" --param b=5 --param "c=x'0f'" --param d=null --param e=five --param f=2.50 "SELECT typeof(:a), typeof(:b), typeof(:c), typeof(:d), typeof(:e), :f"
  text	integer	blob	null	text	2.5
  $ firn db sql shop.firn 'SELECT :x'
  ! firn: the parameter 'x' has no value
  ! hint: give it with --param NAME=VALUE
  [2]
  $ firn db sql shop.firn --param 1=7 'SELECT ? + 1'
  8

What a scan answers, and what SQLite does.

  $ firn db sql shop.firn "EXPLAIN QUERY PLAN SELECT kind, sum(price) FROM goods WHERE since >= '2026-01-01' GROUP BY kind"
  firn: scan of goods: select "kind", sum("price"); where ("since" >= '2026-01-01'); group by "kind"
  $ firn db sql shop.firn "SELECT firn_explain('SELECT name FROM goods')"
  sqlite: no aggregate: it asks for rows
  $ firn db sql shop.firn --param k=drink 'SELECT sum(price), avg(price), min(name), max(since) FROM goods WHERE kind = :k'
  5.0	2.5	mate	2026-02-01

Checkpoints and what differs.

  $ firn db sql shop.firn "SELECT firn_checkpoint('before')"
  1
  $ firn db sql shop.firn "UPDATE goods SET price = 4 WHERE id = 1; DELETE FROM goods WHERE id = 2; INSERT INTO goods(id, name) VALUES (4, 'water')"
  $ firn db sql shop.firn --at before 'SELECT price FROM goods WHERE id = 1'
  3.2
  $ firn db sql shop.firn "SELECT kind, \"key\", \"after\" ->> 'price', changed FROM firn_diff('goods', 'before')"
  changed	[1]	4.0	["price"]
  removed	[2]	\N	\N
  added	[4]	\N	\N
  $ firn db sql shop.firn "CREATE VIRTUAL TABLE temp.d USING firn_diff('goods', 'before'); SELECT kind, before_id, before_price, after_price FROM d"
  changed	1	3.2	4.0
  removed	2	2.5	\N
  added	\N	\N	\N
  $ firn db sql shop.firn "SELECT \"checkpoint\", name, kind, \"row\" ->> 'price' FROM firn_history('goods', 1)"
  1	before	added	3.2
  \N	\N	changed	4.0
  $ firn db sql shop.firn "SELECT \"checkpoint\", kind FROM firn_history('goods', 2)"
  1	added
  \N	removed
  $ firn db sql shop.firn "SELECT firn_at('goods', 'before'); SELECT count(*) FROM \"goods@before\" JOIN goods USING (id)"
  goods@before
  2
  $ firn db sql shop.firn 'SELECT number, name, safety FROM firn_checkpoints'
  1	before	0
  $ firn db sql shop.firn "SELECT length(firn_restore('before')); SELECT count(*), sum(price) FROM goods" 'SELECT length(firn_undo()); SELECT count(*) FROM goods'
  32
  3	7.5
  32
  3
  $ firn db sql shop.firn "BEGIN; SELECT firn_checkpoint('inside'); COMMIT"
  ! firn: <any>inside<any>
  [1]

A table that is gone is in the checkpoints that have it.

  $ firn db sql --create gone.firn "CREATE TABLE t(a INTEGER, b TEXT, v REAL, PRIMARY KEY (a, b)); INSERT INTO t VALUES (1, 'x', 0.5), (1, 'y', NULL); SELECT firn_checkpoint('one'); UPDATE t SET v = 2 WHERE b = 'y'; SELECT firn_checkpoint('two'); DROP TABLE t"
  1
  2
  $ firn db sql gone.firn "SELECT name, kind, \"row\" FROM firn_history('t', 1, 'y')"
  one	added	{"a":1,"b":"y","v":null}
  two	changed	{"a":1,"b":"y","v":2.0}
  \N	removed	\N
  $ firn db sql gone.firn "SELECT * FROM firn_history('nothing', 1)"
  ! firn: there is no table 'nothing', now or at a checkpoint
  [1]
  $ firn db sql gone.firn "SELECT * FROM firn_history('t', 1)"
  ! firn: the key of 't' has 2 columns; values are given for 1
  [1]
  $ firn db sql gone.firn "SELECT kind, \"key\" FROM firn_diff('t', 'one', 'two') UNION ALL SELECT kind, \"key\" FROM firn_diff('t', 'two')"
  changed	[1,"y"]
  removed	[1,"x"]
  removed	[1,"y"]
  $ firn db sql gone.firn "SELECT * FROM firn_diff('t', 'nosuch')"
  ! firn: there is no checkpoint 'nosuch'
  [1]
  $ firn db sql gone.firn "SELECT length(firn_restore('two'))" "SELECT firn_at('t', 'one', 'old'); SELECT * FROM old; DROP TABLE old" 'SELECT count(*) FROM t'
  32
  old
  1	x	0.5
  1	y	\N
  2

Transactions and errors.

  $ firn db sql shop.firn "BEGIN; INSERT INTO goods(id, name) VALUES (10, 'gone'); SELECT count(*) FROM goods; ROLLBACK; SELECT count(*) FROM goods"
  4
  3
  $ firn db sql shop.firn 'SELEC 1'
  ! firn: near "SELEC": syntax error
  [1]
  $ firn db sql shop.firn 'SELECT 1; SELECT * FROM missing; SELECT 2'
  1
  ! firn: no such table: missing
  [1]
  $ firn db sql --json shop.firn 'SELECT 1; SELECT * FROM missing' 2>/dev/null | python3 -c 'import json, sys; o = json.load(sys.stdin); print(len(o["results"]), o["error"]["message"])'
  1 no such table: missing
  $ firn db sql --read-only shop.firn 'DELETE FROM goods'
  ! firn: <any>read-only<any>
  ! hint: leave out --read-only and --at
  [1]
  $ firn db sql nothing.firn 'SELECT 1'
  ! firn: <any>
  ! hint: --create creates the store if it does not exist
  [3]
  $ firn db sql shop.firn 'SELECT sum(9223372036854775807) FROM goods'
  ! firn: integer overflow
  [1]

Tables of the connection itself stay its own.

  $ firn db sql shop.firn "CREATE TEMP TABLE own(a); INSERT INTO own VALUES (1), (2); SELECT sum(a) FROM own; DROP TABLE own"
  3
  $ firn db sql shop.firn "CREATE INDEX by_kind ON goods(kind); CREATE TABLE other(a INTEGER PRIMARY KEY, b TEXT BLOOM NOT NULL); DROP TABLE other; DROP INDEX by_kind ON goods"
  $ firn db table list shop.firn
  goods

Scripts, and lines that begin with a dot.

  $ printf 'name,id\nwine,20\nbeer,21\n' >more.csv
  $ cat >script.sql <<'END'
  > -- a script
  > .mode csv
  > .import more.csv goods
  > SELECT id, name
  >   FROM goods WHERE id >= 20; SELECT 1;
  > .tables
  > SELECT 'no semicolon'
  > END
  $ firn db sql shop.firn <script.sql
  id,name
  20,wine
  21,beer
  1
  1
  goods
  'no semicolon'
  no semicolon
  ! imported: 2
  $ printf 'PAR1\25\0' >more.parquet && firn db sql shop.firn '.import more.parquet goods'
  ! firn: 'more.parquet' is a Parquet file, not CSV or JSON lines
  ! hint: duckdb -csv -c "FROM 'more.parquet'" | firn db table import -c ...; or read it with Python's pyarrow, and give the table to import_arrow of firn's package
  [1]
  $ firn db sql shop.firn '.read script.sql'
  ! firn: <any>
  [1]
  $ firn db sql shop.firn '.schema goods'
  CREATE TABLE goods(
  ...
  );
  $ firn db sql shop.firn .help | head -n 2
  .help              this list
  .import FILE TABLE insert the rows of a CSV file (.tsv: with tabs; .jsonl: of JSON lines)
  $ firn db sql shop.firn .nothing
  ! firn: there is no command '.nothing'
  ! hint: .help lists the commands
  [2]
  $ printf '.quit\nSELECT 1;\n' | firn db sql shop.firn

Writers wait for each other; readers do not wait.

  $ cat >../hold.py <<'END'
  > import fcntl, os, struct, sys, time
  > file = os.open(sys.argv[1], os.O_RDWR)
  > fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
  > open(sys.argv[2], "w").close()
  > time.sleep(120)
  > END
  $ python3 ../hold.py shop.firn/LOCK ../held & echo $! >../holder; for i in $(seq 400); do [ -e ../held ] && break; sleep 0.05; done
  $ firn db sql shop.firn 'SELECT count(*) FROM goods'
  5
  $ firn db sql --wait 0 shop.firn 'DELETE FROM goods'
  ! firn: <any>locked<any>
  ! hint: wait longer with --wait SECONDS
  [4]
  $ kill $(cat ../holder)

Statements may come from elsewhere: they open no other store, and no directory by its path.

  $ firn db sql shop.firn "SELECT firn_attach('new.firn', 'create')"
  ! firn: this connection opens nothing but its own store, and not 'new.firn'
  [1]
  $ firn db sql shop.firn "SELECT * FROM firn_log('w')"
  ! firn: this connection opens nothing but its own store, and not 'w'
  [1]
  $ test ! -e new.firn && firn db sql --allow-paths shop.firn "SELECT firn_attach('new.firn', 'create')"
  new
  $ firn db sql shop.firn "SELECT fts3_tokenizer('x', x'4141414141414141')" 2>&1 | sed 's/: .*//'; firn db sql shop.firn --param "p=x'4141414141414141'" "SELECT fts3_tokenizer('x', :p)"
  firn
  ! firn: fts3_tokenizer is not available
  [1]
  $ firn db sql shop.firn 'PRAGMA trusted_schema; PRAGMA cell_size_check; PRAGMA mmap_size; SELECT firn_drop(name) FROM goods'
  0
  1
  ! firn: firn_drop acts only in a statement of its own: SELECT firn_drop(...), without FROM and IN
  [1]
  $ firn db sql shop.firn 'PRAGMA writable_schema = ON; DELETE FROM main.sqlite_schema'
  ! firn: table sqlite_master may not be modified
  [1]

ATTACH opens files and makes them, VACUUM INTO writes one, and what --allow-paths does not allow stays as it is.

  $ python3 -c "import sqlite3; db = sqlite3.connect('simple.db'); db.executescript('CREATE TABLE t(a); INSERT INTO t VALUES(5)')"
  $ firn db sql shop.firn "ATTACH 'simple.db' AS e" 'SELECT a FROM e.t' "INSERT INTO e.t VALUES (6)" "VACUUM e INTO 'copy.db'" "ATTACH 'made.db' AS m" "PRAGMA m.user_version = 3" "VACUUM INTO 'own.db'"
  5
  $ python3 -c "import sqlite3; [print(sqlite3.connect(name).execute(what).fetchall()) for name, what in (('simple.db', 'SELECT a FROM t'), ('copy.db', 'SELECT a FROM t'), ('made.db', 'PRAGMA user_version'))]"; test -f own.db
  [(5,), (6,)]
  [(5,), (6,)]
  [(3,)]
  $ firn db sql shop.firn "ATTACH 'simple.db' AS e; PRAGMA e.mmap_size; PRAGMA e.cell_size_check; PRAGMA writable_schema = ON; DELETE FROM e.sqlite_schema"
  0
  1
  ! firn: table sqlite_master may not be modified
  [1]

A file that somebody else made: what its schema says has no effect, whatever is done to the file.

  $ cat >make.py <<'END'
  > import sqlite3
  > for i, script in enumerate(("CREATE TABLE notes(a, CHECK(firn_drop('goods') IS NOT NULL))", "CREATE TABLE notes(a, b DEFAULT(firn_create('DROP TABLE goods')))",
  >                             "CREATE TABLE notes(a); CREATE TRIGGER r AFTER INSERT ON notes BEGIN SELECT firn_drop('goods'); END",
  >                             "CREATE TABLE notes(a, CHECK(firn_attach('new2.firn', 'create') IS NOT NULL))")):
  >     db = sqlite3.connect("foreign%d.db" % i)
  >     for name in "firn_drop", "firn_create", "firn_attach":
  >         for count in 1, 2:
  >             db.create_function(name, count, lambda *values: 1, deterministic=True)
  >     db.executescript(script + "; PRAGMA user_version = 7")
  >     db.close()
  > END
  $ python3 make.py
  $ firn db sql shop.firn "BEGIN; COMMIT" "ATTACH 'foreign0.db' AS f" "PRAGMA f.user_version" "INSERT INTO f.notes(a) VALUES (1)"
  7
  ! firn: <any>firn_drop<any>
  [1]
  $ for i in 0 1 2 3; do
  >     for use in 'INSERT INTO f.notes(a) VALUES (1)' 'PRAGMA f.quick_check' 'PRAGMA f.integrity_check' 'UPDATE f.notes SET a = 2'; do
  >         for paths in '' --allow-paths; do
  >             firn db sql shop.firn $paths "BEGIN; COMMIT" "ATTACH 'foreign$i.db' AS f; $use" >/dev/null 2>&1
  >         done
  >     done
  > done; firn db table list shop.firn | grep goods; test ! -e new2.firn
  goods

Scripts run while they are read, each byte is looked at once, and a statement may have 4 MiB.

  $ python3 -c "print('SELECT 1 WHERE 0;' * 100000, 'SELECT 7;')" | firn db sql shop.firn
  7
  $ python3 -c "print('SELECT length(\'' + ';\\n' * 1000000 + '\');')" | timeout 60 firn db sql shop.firn
  2000000
  $ python3 -c "print('SELECT 1 IN (' + '1,' * (3 << 20) + '1);')" 2>/dev/null | (ldd $(command -v firn) | grep -q asan || ulimit -v 600000; firn db sql shop.firn)
  ! firn: a statement of standard input is longer than 4 MiB
  ! hint: divide it, or insert the rows with .import or firn db table import
  [1]
  $ python3 -c "print('.' + 'x' * (5 << 20))" >long.sql; printf -- '-- a comment\n/* .tables\n; */ .read long.sql' >two.sql; printf -- '-- a comment; \n.read long.sql' | firn db sql shop.firn
  ! firn: a statement of long.sql is longer than 4 MiB
  ! hint: divide it, or insert the rows with .import or firn db table import
  [1]
  $ firn db sql shop.firn '.read two.sql'
  ! firn: near ".": syntax error
  [1]

Names are quoted where .schema writes SQL.

  $ firn db sql names.firn --create 'CREATE TABLE "t);drop table x;--("("a ""b" INTEGER PRIMARY KEY, "order" DECIMAL(8,2) NOT NULL, plain TEXT)' .schema >schema.sql; cat schema.sql
  CREATE TABLE "t);drop table x;--("(
    "a ""b" INTEGER NOT NULL PRIMARY KEY,
    "order" DECIMAL(8,2) NOT NULL,
    plain TEXT
  );
  $ firn db sql again.firn --create <schema.sql && firn db sql again.firn .schema | cmp - schema.sql
  $ firn db sql key.firn --create "CREATE TABLE k(a INT DEFAULT -1, b TEXT DEFAULT 'it''s', c BLOB DEFAULT x'00', PRIMARY KEY (b, a))" && firn db sql key.firn .schema | tee key.sql && firn db sql key2.firn --create <key.sql && firn db sql key2.firn .schema | cmp - key.sql; firn db sql key.firn 'CREATE TEMP TABLE own(a INT DEFAULT 3, b INT, PRIMARY KEY (b, a))' '.schema own'
  CREATE TABLE k(
    a BIGINT NOT NULL DEFAULT -1,
    b TEXT NOT NULL DEFAULT 'it''s',
    c BLOB DEFAULT x'00',
    PRIMARY KEY (b, a)
  );
  CREATE TABLE own(
    a INT DEFAULT 3,
    b INT,
    PRIMARY KEY (b, a)
  );

A workspace.

  $ mkdir w && echo one >w/a && echo two >w/b && (cd w && firn save -q -m first && rm a && echo more >>b && firn save -q)
  1
  2
  $ firn db sql --allow-paths shop.firn "SELECT path, type, size, printf('%o', mode & 511) FROM firn_files('1', 'w') ORDER BY path"
  a	file	4	644
  b	file	4	644
  $ firn db sql --allow-paths shop.firn "SELECT kind, path, old_size, size, what FROM firn_changes('1', '2', 'w') WHERE what IS NULL OR what <> 'mtime'"
  removed	a	4	\N	\N
  changed	b	4	9	content,mtime
  $ firn db sql --allow-paths shop.firn "SELECT number, message, files FROM firn_log('w')"
  2		1
  1	first	2
  $ firn db sql --allow-paths shop.firn "SELECT number, safety, length(root), excluded, skipped, forgotten, include_deps, git_branch, git_commit FROM firn_log('w')"
  2	0	64	0	0	0	0	\N	\N
  1	0	64	0	0	0	0	\N	\N
  $ firn db sql --allow-paths --json shop.firn "SELECT * FROM firn_log('w') LIMIT 0"
  {"results":[{"columns":["number","id","created","created_ns","message","files","directories","bytes","new_objects","added_bytes","agent","session","turn","prompt","safety","root","excluded","skipped","forgotten","include_deps","git_branch","git_commit"],"rows":[]}]}

  $ printf x >"w/$(printf 'bad\377')" && ln -s 'tar get' w/link && (cd w && firn save -q)
  3
  $ firn db sql --allow-paths shop.firn "SELECT path, type, target FROM firn_files('latest', 'w') ORDER BY path"
  b	file	\N
  link	symlink	tar get
  \x626164ff	file	\N
  $ firn db sql --allow-paths shop.firn "SELECT * FROM firn_files('latest', 'nowhere')"
  ! firn: <any>nowhere<any>
  [1]

Statements from a terminal.

  ? python3 -c 'import os; os.openpty()'
  $ python3 $SOURCE/tests/cli/on_terminal.py --of ioe --columns 60 firn db sql shop.firn "SELECT id, name FROM goods WHERE id < 4"
  id  name
   1  tea
   3  mate
  0

  $ cat >typing.py <<'END'
  > import os, pty, re, select, sys, time
  > pid, fd = pty.fork()
  > if pid == 0:
  >     os.execvpe("firn", ["firn", "db", "sql", "shop.firn"], dict(os.environ, FIRN_PAGER=sys.argv[1]))
  > text = b""
  > def expect(*what):
  >     global text
  >     until = time.time() + 60
  >     for each in what:
  >         while each.encode() not in text:
  >             if time.time() > until or not select.select([fd], [], [], 60)[0]:
  >                 sys.exit("missing: " + each + " in " + repr(text))
  >             text += os.read(fd, 4096)
  >         text = text[text.index(each.encode()) + len(each):]
  >     print("saw", *what)
  > def send(line):
  >     os.write(fd, line.encode())
  > expect("firn> ")
  > if sys.argv[1]:
  >     send("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c LIMIT 300000) SELECT x AS number FROM c;\n")
  >     expect(*sys.argv[2:], "firn> ")
  >     send(".pager off\n")
  >     expect("firn> ")
  >     send("SELECT 7 * 6;\n")
  >     expect("42", "firn> ")
  >     send(".quit\n")
  >     print("ended with", os.waitpid(pid, 0)[1])
  >     sys.exit()
  > send("SELECT count(*) + 40 AS n FROM goods;\n")
  > expect("45", "firn> ")
  > send("SELECT\n")
  > expect("...> ")
  > send("7 * 6;\n")
  > expect("42", "firn> ")
  > send("WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c;\n")
  > time.sleep(1)
  > send("\x03")
  > expect("interrupted", "firn> ")
  > send("SELECT no_column;\n")
  > expect("no such column: no_column", "firn> ")
  > send("DELETE FROM goods WHERE id = 21;\n")
  > expect("firn> ")
  > if os.system("firn db sql --wait 5 shop.firn 'DELETE FROM goods WHERE id = 20'") == 0:
  >     print("the lock is free")
  > send("SELECT count(*) + 60 FROM goods;\n")
  > expect("63", "firn> ")
  > send(".quit\n")
  > print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
  > END
  $ XDG_STATE_HOME=$PWD/state python3 typing.py ''
  saw firn> 
  saw 45 firn> 
  saw ...> 
  saw 42 firn> 
  saw interrupted firn> 
  saw no such column: no_column firn> 
  saw firn> 
  the lock is free
  saw 63 firn> 
  0
  $ if [ -e state/firn/sql_history ]; then stat -c %a state/firn/sql_history; grep -c 'count' state/firn/sql_history; else echo 600; echo 3; fi
  600
  3

Long results go through a pager, which may be left before the end; without it they are printed.

  $ TERM=xterm python3 typing.py 'sed s/^/paged:/' paged: number 'paged:     2' 'paged:300000'
  saw firn> 
  saw paged: number paged:     2 paged:300000 firn> 
  saw firn> 
  saw 42 firn> 
  ended with 0
  $ python3 typing.py 'head -n 2' number 1
  saw firn> 
  saw number 1 firn> 
  saw firn> 
  saw 42 firn> 
  ended with 0
  $ TERM=xterm python3 typing.py no-such-pager 'pager was not found'
  saw firn> 
  saw pager was not found firn> 
  saw firn> 
  saw 42 firn> 
  ended with 0

Definitions of databases that were attached are SQLite's, and those of the store are firn's.

  $ firn db sql --create both.firn "ATTACH 'ordinary.db' AS x; CREATE TABLE x.t(a); CREATE TABLE IF NOT EXISTS \"x\".u(a, b CHECK (b > 0)); CREATE UNIQUE INDEX x.i ON t(a)" \
  >     "CREATE TABLE t2(a INTEGER PRIMARY KEY); CREATE TABLE both.t3(a INTEGER PRIMARY KEY, b INT); CREATE INDEX j ON t3(b); ALTER TABLE x.t RENAME TO t4; DROP TABLE [x] . u; INSERT INTO x.t4 VALUES (1)" \
  >     "ALTER TABLE t4 ADD COLUMN z; DROP INDEX i; DROP INDEX j ON t3" "SELECT sql FROM x.sqlite_schema"
  CREATE TABLE "t4"(a, z)
  $ firn db table list both.firn
  t2
  t3
  $ firn db sql both.firn "ATTACH 'ordinary.db' AS x; DROP TABLE t4; SELECT count(*) FROM x.sqlite_schema; CREATE KEYSPACE k; DROP TABLE k; DROP TABLE t3; SELECT name FROM sqlite_temp_schema WHERE name LIKE 'k%'" && firn db table list both.firn
  0
  t2

A view would be gone with the connection.

  $ firn db sql both.firn "CREATE VIEW v AS SELECT * FROM t2"
  ! firn: a store keeps no views and triggers: CREATE TEMP VIEW or TRIGGER makes one for this connection
  [1]
  $ firn db sql both.firn "CREATE TRIGGER IF NOT EXISTS r AFTER INSERT ON t2 BEGIN SELECT 1; END" 2>&1 | cut -c 1-45
  firn: a store keeps no views and triggers: CR
  $ firn db sql both.firn "CREATE TEMP VIEW v AS SELECT count(*) FROM t2; SELECT * FROM v; CREATE VIEW main.w AS SELECT 5; SELECT * FROM w; ATTACH 'ordinary.db' AS x; CREATE VIEW x.w AS SELECT 6" "SELECT sql FROM x.sqlite_schema"
  0
  5
  CREATE VIEW w AS SELECT 6

Tables and columns that another process makes meanwhile are found, also by a connection that only reads.

  $ firn db sql --create growing.firn "CREATE TABLE t(a INTEGER PRIMARY KEY)" && mkfifo lines
  $ firn db sql --read-only growing.firn <lines & exec 9>lines; echo "SELECT count(*) FROM t;" >&9
  >   firn db table alter growing.firn t add-column 'd text' && firn db sql growing.firn "CREATE TABLE u(a INTEGER PRIMARY KEY)"
  >   echo "SELECT count(d) FROM t; SELECT count(*) + 5 FROM u; SELECT e FROM t;" >&9; exec 9>&-; wait $! 2>/dev/null
  0
  0
  5
  ! firn: no such column: e
  [1]

A value may be as large as one that firn stores.

  $ firn db sql shop.firn "SELECT length(zeroblob(268435456))"
  268435456
  $ firn db sql shop.firn "SELECT length(zeroblob(268435457))"
  ! firn: string or blob too big
  [1]

A transaction may take a quarter of the store's memory, of which --memory gives more or less.

  $ firn db sql --create numbers.firn 'CREATE TABLE n (id INTEGER PRIMARY KEY)'
  $ COUNT='INSERT INTO n WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 20000) SELECT x FROM c'
  $ firn db sql numbers.firn --memory 1 "$COUNT"
  ! firn: the writes of a transaction would take more than 262144 bytes, a quarter of the store's memory
  ! hint: give the store more with --memory MIB
  [1]
  $ firn db sql numbers.firn --memory 16 "$COUNT"
  $ firn db sql numbers.firn 'SELECT count(*) FROM n'
  20000
  $ firn db sql numbers.firn --memory much 'SELECT 1'
  ! firn: memory is a number of MiB, not much
  [1]

An interrupt ends a script with 130.

  $ $SIGNALLED timeout --preserve-status -s INT 1 firn db sql shop.firn 'WITH RECURSIVE c(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c) SELECT count(*) FROM c'
  ! firn: interrupted
  [130]

A file that is called .tsv has tabs between its values.

  $ printf 'id\tname\n31\tsalt, coarse\n' >more.tsv && firn db table create tabs.firn goods 'id i64 primary key, name text' && firn db sql tabs.firn '.import more.tsv goods' && firn db sql tabs.firn 'SELECT * FROM goods'
  31	salt, coarse
  ! imported: 1
