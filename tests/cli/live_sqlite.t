An SQLite database that a process has open is not restored: what the process wrote later would be lost.

  ? python3 -c 'import sqlite3'
  $ cat >../open.py <<'END'
  > import os, sqlite3, subprocess, sys
  > db = sqlite3.connect(sys.argv[1], isolation_level=None)
  > db.execute("PRAGMA journal_mode = " + sys.argv[2])
  > db.execute("CREATE TABLE IF NOT EXISTS t (a)")
  > db.execute("INSERT INTO t VALUES (1)")
  > if len(sys.argv) > 3 and sys.argv[2] == "delete":
  >     db.execute("BEGIN IMMEDIATE")
  > done = subprocess.run(sys.argv[3:], capture_output=True, text=True) if len(sys.argv) > 3 else None
  > if done:
  >     print((done.stdout + done.stderr).replace(str(os.getpid()), "PID"), end="")
  > if db.in_transaction:
  >     db.execute("COMMIT")
  > print(db.execute("SELECT count(*) FROM t").fetchone()[0], "rows,", db.execute("PRAGMA integrity_check").fetchone()[0])
  > END
  $ mkdir data && python3 ../open.py data/app.db wal && echo one >note && firn save -q
  1 rows, ok
  1
  $ echo two >note && python3 ../open.py data/app.db wal firn restore 1 --wait 0
  firn: cannot restore the SQLite database 'data/app.db': process PID has it open
  hint: wait longer with --wait SECONDS
  2 rows, ok
  $ cat note && python3 ../open.py data/app.db wal firn restore 1 data --wait 0
  two
  firn: cannot restore the SQLite database 'data/app.db': process PID has it open
  hint: wait longer with --wait SECONDS
  3 rows, ok

What is beside it is not restored.

  $ python3 ../open.py data/app.db wal firn restore 1 note
  restored 1: 1 changed, 0 added, 0 removed; take this back with: firn undo
  4 rows, ok

Once nobody has it open it goes, and comes back.

  $ firn restore 1 && python3 -c 'import sqlite3; print(sqlite3.connect("data/app.db").execute("SELECT count(*) FROM t").fetchall())'
  restored 1: 1 changed, 0 added, 0 removed; take this back with: firn undo
  [(1,)]
  $ firn undo -q; python3 -c 'import sqlite3; print(sqlite3.connect("data/app.db").execute("SELECT count(*) FROM t").fetchall())'
  [(4,)]

A file beside it says the same: its log is what a restore would remove.

  $ python3 ../open.py data/app.db wal firn save -q
  2
  5 rows, ok
  $ firn save -q
  3
  $ python3 ../open.py data/app.db wal firn restore 3 --wait 0
  firn: cannot restore the SQLite database 'data/app.db': process PID has it open
  hint: wait longer with --wait SECONDS
  6 rows, ok

Without a write-ahead log it is open while a transaction is.

  $ python3 ../open.py data/app.db delete firn restore 3 --wait 0
  firn: cannot restore the SQLite database 'data/app.db': process PID has it open
  hint: wait longer with --wait SECONDS
  7 rows, ok
  $ firn restore 3 -q && python3 ../open.py data/app.db delete
  6 rows, ok
