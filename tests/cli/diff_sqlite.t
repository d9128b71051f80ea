What differs between two states of an SQLite database: its schema, and its rows by their keys.

  ? python3 -c 'import sqlite3'
  $ cat >../sql.py <<'END'
  > import sqlite3, sys
  > db = sqlite3.connect(sys.argv[1], isolation_level=None)
  > db.executescript(sys.stdin.read())
  > END
  $ python3 ../sql.py app.db <<'END'
  > CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT, score REAL);
  > CREATE TABLE log (what);
  > CREATE TABLE pairs (a TEXT, b BLOB, v, PRIMARY KEY (a, b)) WITHOUT ROWID;
  > CREATE TABLE wider (x PRIMARY KEY);
  > CREATE TABLE keyed (a PRIMARY KEY, b);
  > CREATE TABLE gone (a);
  > CREATE INDEX by_name ON users (name);
  > INSERT INTO users VALUES (1, 'al', 1), (2, 'bob', 2.5), (4, 'd''o', NULL);
  > INSERT INTO log VALUES ('one'), ('two'), ('three');
  > INSERT INTO pairs VALUES ('k', x'00', 1), ('k', x'00ff', 2), ('z', x'', 3);
  > INSERT INTO wider VALUES (1), (2.5), ('x');
  > INSERT INTO keyed VALUES (1, 2);
  > INSERT INTO gone VALUES (1), (2);
  > END
  $ firn save -q && python3 ../sql.py app.db <<'END'
  > UPDATE users SET name = 'alice' WHERE id = 1;
  > DELETE FROM users WHERE id = 2;
  > INSERT INTO users VALUES (3, 'carol' || char(10) || char(27), 1e300);
  > INSERT INTO log VALUES (zeroblob(40));
  > DELETE FROM log WHERE what = 'two';
  > UPDATE pairs SET v = 'long ' || hex(zeroblob(200)) WHERE b = x'00ff';
  > ALTER TABLE wider ADD COLUMN extra DEFAULT 5;
  > DROP TABLE gone;
  > CREATE TABLE fresh (a, b);
  > INSERT INTO fresh VALUES (1, 2);
  > DROP INDEX by_name;
  > DROP TABLE keyed;
  > CREATE TABLE keyed (a, b PRIMARY KEY);
  > END
  1
  $ firn diff -p
  # app.db: binary, 40960 -> 40960 bytes
  # app.db: index by_name removed
  #   - CREATE INDEX by_name ON users (name)
  # app.db: table fresh added
  #   + CREATE TABLE fresh (a, b)
  # app.db: table gone removed
  #   - CREATE TABLE gone (a)
  # app.db: table keyed defined otherwise
  #   - CREATE TABLE keyed (a PRIMARY KEY, b)
  #   + CREATE TABLE keyed (a, b PRIMARY KEY)
  # app.db: table wider defined otherwise
  #   - CREATE TABLE wider (x PRIMARY KEY)
  #   + CREATE TABLE wider (x PRIMARY KEY, extra DEFAULT 5)
  # app.db: table fresh (_rowid_, a, b): 1 row added, 0 changed, 0 removed
  #   + (1, 1, 2)
  # app.db: table gone (_rowid_, a): 0 rows added, 0 changed, 2 removed
  #   - (1, 1)
  #   - (2, 2)
  # app.db: table keyed: 0 rows added, 0 changed, 0 removed; not all were compared: its primary key has other columns now
  # app.db: table log (_rowid_, what): 1 row added, 0 changed, 1 removed
  #   - (2, 'two')
  #   + (4, x'0000000000000000000000000000000000000000000000000000000000000000'... (40 bytes))
  # app.db: table pairs (a, b, v): 0 rows added, 1 changed, 0 removed
  #   - ('k', x'00ff', 2)
  #   + ('k', x'00ff', 'long 0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000'... (405 bytes))
  # app.db: table users (id, name, score): 1 row added, 1 changed, 1 removed
  #   - (1, 'al', 1.0)
  #   + (1, 'alice', 1.0)
  #   - (2, 'bob', 2.5)
  #   + (3, 'carol\n\033', 1e+300)
  $ firn diff --stat | grep -v table.*otherwise
   app.db | binary, 40960 -> 40960 bytes
  app.db: index by_name removed
  app.db: table fresh added
  app.db: table gone removed
  app.db: table fresh: 1 row added, 0 changed, 0 removed
  app.db: table gone: 0 rows added, 0 changed, 2 removed
  app.db: table keyed: 0 rows added, 0 changed, 0 removed; not all were compared: its primary key has other columns now
  app.db: table log: 1 row added, 0 changed, 1 removed
  app.db: table pairs: 0 rows added, 1 changed, 0 removed
  app.db: table users: 1 row added, 1 changed, 1 removed
  from 1 to the disk: 1 changed, 0 added, 0 removed; 0 lines added, 0 removed

Rows are shown in any form, and not all of them, if that is asked for; the list of names alone reads no database.

  $ firn diff --rows 1 | tail -5
  app.db: table users (id, name, score): 1 row added, 1 changed, 1 removed
    - (1, 'al', 1.0)
    + (1, 'alice', 1.0)
    ... and 2 more
  from 1 to the disk: 1 changed, 0 added, 0 removed
  $ firn diff && firn diff -p --rows 0
  changed   app.db
  from 1 to the disk: 1 changed, 0 added, 0 removed
  # app.db: binary, 40960 -> 40960 bytes
  $ firn diff --rows all
  ! firn: diff: 'all' is not a number of rows
  ! usage: firn diff [options] [REF] [REF] [PATH...]
  ! help: firn help diff
  [2]
  $ firn save -q && firn diff 1 2 -p --json >../diff.json && python3 - <<'END'
  > import json
  > done = json.load(open("../diff.json"))
  > for table in done["databases"][0]["tables"]:
  >     print(table["name"], table.get("columns"), table["rows_added"], table["rows_changed"], table["rows_removed"], table["not_compared"])
  >     for row in table.get("rows", []):
  >         print("  ", row["before"], row["after"] if "long" not in str(row) else "...")
  > print([(entry["type"], entry["name"]) for entry in done["databases"][0]["schema"]])
  > END
  2
  fresh ['_rowid_', 'a', 'b'] 1 0 0 None
     None [1, 1, 2]
  gone ['_rowid_', 'a'] 0 0 2 None
     [1, 1] None
     [2, 2] None
  keyed None 0 0 0 its primary key has other columns now
  log ['_rowid_', 'what'] 1 0 1 None
     [2, 'two'] None
     None [4, {'blob': '00000000000000000000000000000000000000000000000000000000000000000000000000000000', 'size': 40}]
  pairs ['a', 'b', 'v'] 0 1 0 None
     ['k', {'blob': '00ff', 'size': 2}, 2] ...
  users ['id', 'name', 'score'] 1 1 1 None
     [1, 'al', 1.0] [1, 'alice', 1.0]
     [2, 'bob', 2.5] None
     None [3, 'carol\n\x1b', 1e+300]
  wider None 0 0 0 None
  [('index', 'by_name'), ('table', 'fresh'), ('table', 'gone'), ('table', 'keyed'), ('table', 'wider')]

A database that is in use is compared in the state that was committed last, its log included; nothing is left behind.

  $ mkdir ../tmp && cat >../open.py <<'END'
  > import os, sqlite3, subprocess
  > db = sqlite3.connect("app.db", isolation_level=None)
  > db.execute("PRAGMA journal_mode = wal")
  > db.execute("INSERT INTO keyed VALUES ('new', 1)")
  > db.execute("BEGIN")
  > db.execute("INSERT INTO keyed VALUES ('uncommitted', 2)")
  > done = subprocess.run(["firn", "diff", "-p"], capture_output=True, text=True)
  > print(done.stdout + done.stderr, end="", flush=True)
  > os.kill(os.getpid(), 9)
  > END
  $ TMPDIR=$(cd ../tmp && pwd) python3 -c 'import subprocess, sys; print(subprocess.run([sys.executable, "../open.py"], capture_output=True, text=True).stdout, end="")'
  # app.db: binary, 40960 -> 40960 bytes
  # app.db: table keyed (b, a): 1 row added, 0 changed, 0 removed
  #   + (1, 'new')

So it is where a process was killed and left its log behind, and where that log is in a checkpoint.

  $ firn save -q && firn diff 2 3 -p | grep keyed -A1 && ls ../tmp
  3
  # app.db: table keyed (b, a): 1 row added, 0 changed, 0 removed
  #   + (1, 'new')

What is no database, damaged, encrypted, or waits for its journal to be played back is not compared, and that is told.

  $ head -c 8192 /dev/urandom >noise.bin && cp noise.bin plain.db && (printf 'SQLite format 3\0' && head -c 4080 /dev/zero) >bad.db && cp app.db left.db && firn save -q
  4
  $ head -c 8192 /dev/urandom >noise.bin && (printf 'SQLite format 3\0' && head -c 4080 /dev/zero | tr '\0' x) >bad.db
  $ printf x | dd of=left.db bs=1 seek=9000 conv=notrunc status=none && printf '\331\325\005\371\040\241\143\327journal' >left.db-journal
  $ firn diff -p -- bad.db left.db noise.bin
  # bad.db: binary, 4096 -> 4096 bytes
  # left.db: binary, 40960 -> 40960 bytes
  # noise.bin: binary, 8192 -> 8192 bytes
  # bad.db: rows were not compared: file is not a database
  # left.db: rows were not compared: it has an unfinished transaction
  $ firn save -q && firn diff 5 4 -p -- left.db
  5
  # left.db: binary, 40960 -> 40960 bytes
  # left.db: rows were not compared: it has an unfinished transaction

A database may have been made to harm who opens it: its virtual tables are not opened, and a schema beyond 16 MiB is not read.

  $ cat >../craft.py <<'END'
  > import sqlite3, sys
  > db = sqlite3.connect("crafted.db", isolation_level=None)
  > db.execute("CREATE TABLE IF NOT EXISTS t (a)")
  > db.execute("INSERT INTO t VALUES (1)")
  > db.execute("PRAGMA writable_schema = ON")
  > for statement in sys.argv[1:]:
  >     name = statement.split()[3]
  >     db.execute("INSERT INTO sqlite_master VALUES ('table', ?, ?, 0, ?)", (name, name, statement))
  > db.close()
  > END
  $ python3 ../craft.py 'create  virtual table v using rtree(id, a, b)' 'create/**/ virtual table f using fts5(x)' && firn save -q && python3 ../craft.py
  6
  $ firn diff -p -- crafted.db
  # crafted.db: binary, 8192 -> 8192 bytes
  # crafted.db: table f: 0 rows added, 0 changed, 0 removed; not all were compared: no such module: fts5
  # crafted.db: table t (_rowid_, a): 1 row added, 0 changed, 0 removed
  #   + (2, 1)
  # crafted.db: table v: 0 rows added, 0 changed, 0 removed; not all were compared: no such module: rtree
  $ python3 -c 'import sqlite3; db = sqlite3.connect("long.db"); [db.execute("CREATE TABLE t%d (a /* %s */)" % (i, "x" * (2 << 20))) for i in range(9)]; db.commit()' && firn save -q
  7
  $ python3 -c 'import sqlite3; db = sqlite3.connect("long.db"); db.execute("INSERT INTO t1 VALUES (1)"); db.commit()' && firn diff -p -- long.db | tail -1
  # long.db: rows were not compared: its schema is too large

A row of six bytes may have a default of half a mebibyte: the work is bounded by the size of the file.

  $ cat >../thin.py <<'END'
  > import sqlite3
  > db = sqlite3.connect("thin.db", isolation_level=None)
  > db.execute("CREATE TABLE t (a INTEGER PRIMARY KEY)")
  > db.execute("INSERT INTO t WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 20000) SELECT x FROM c")
  > db.execute("ALTER TABLE t ADD COLUMN d DEFAULT '%s'" % ("x" * 500000))
  > END
  $ mkdir ../thin && cd ../thin && python3 ../thin.py && firn save -q
  1
  $ python3 -c 'import sqlite3; db = sqlite3.connect("thin.db"); db.execute("DELETE FROM t WHERE a = 5"); db.commit()'
  $ firn diff --rows 0
  changed   thin.db
  from 1 to the disk: 1 changed, 0 added, 0 removed
  $ firn diff --stat
   thin.db | binary, 655360 -> 655360 bytes
  thin.db: table t: 0 rows added, 0 changed, 1 removed; not all were compared: its rows take more work than the size of the file allows
  from 1 to the disk: 1 changed, 0 added, 0 removed; 0 lines added, 0 removed
