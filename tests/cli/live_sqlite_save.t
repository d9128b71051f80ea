An SQLite database that a process has open is saved in one committed state, without the files beside it.

  ? python3 -c 'import sqlite3'
  $ cat >../with.py <<'END'
  > import os, sqlite3, subprocess, sys
  > db = sqlite3.connect("app.db", isolation_level=None, timeout=0)
  > db.execute("PRAGMA journal_mode = " + sys.argv[1])
  > for statement in sys.argv[2].split(";"):
  >     db.execute(statement)
  > done = subprocess.run(sys.argv[3], shell=True, capture_output=True, text=True)
  > print((done.stdout + done.stderr).replace(str(os.getpid()), "PID"), end="")
  > if db.in_transaction:
  >     db.execute("COMMIT")
  > db.close()
  > END
  $ cat >../rows.py <<'END'
  > import sqlite3, sys
  > db = sqlite3.connect(sys.argv[1])
  > print(db.execute("SELECT count(*) FROM t").fetchone()[0], "rows,", db.execute("PRAGMA integrity_check").fetchone()[0])
  > END
  $ cat >../killed.py <<'END'
  > import subprocess, sys
  > subprocess.run([sys.executable, "-c", """
  > import os, sqlite3
  > db = sqlite3.connect("app.db", isolation_level=None)
  > db.execute("INSERT INTO t VALUES (7)")
  > os.kill(os.getpid(), 9)
  > """])
  > END
  $ rows () { firn cat $1 app.db >../copy.db && python3 ../rows.py ../copy.db; rm -f ../copy.db; }

In WAL mode everything that was committed is in it. Saved again, it is the same; and it is what the database is once it is closed.

  $ python3 ../with.py wal 'CREATE TABLE t (a); INSERT INTO t VALUES (1), (2)' 'ls; firn save -q; firn show 1 --files --json | grep -o "\"path\":\"[^\"]*\""; firn status'
  app.db
  app.db-shm
  app.db-wal
  1
  "path":"app.db"
  compared with 1: no change; 1 unchanged
  $ rows 1 && ls && firn status
  2 rows, ok
  app.db
  compared with 1: 0 changed (1 times only), 0 added, 0 removed; 0 unchanged

A transaction that is not committed is not in it, not even where its pages are in the file already.

  $ python3 ../with.py delete 'PRAGMA cache_size = 1; BEGIN IMMEDIATE; INSERT INTO t VALUES (3)' 'ls; firn save -q; firn show 2 --files --json | grep -o "\"path\":\"[^\"]*\""'
  app.db
  app.db-journal
  2
  "path":"app.db"
  $ rows 2 && python3 ../rows.py app.db
  2 rows, ok
  3 rows, ok

One that stays locked goes on as the last checkpoint has it, and that is told.

  $ python3 ../with.py delete 'BEGIN EXCLUSIVE; INSERT INTO t VALUES (4)' 'firn save -q; echo $?' | sed "s|'/.*/app|'.../app|"
  3
  6
  firn: not read: app.db: a process keeps the SQLite database 'app.db' locked; it stays as the last checkpoint has it
  $ rows 3
  2 rows, ok

A restore over it is refused as long as it is open, a dry run too, and so are an undo and a revert.

  $ python3 ../with.py wal 'INSERT INTO t VALUES (5)' 'firn restore 1 --wait 0 --dry-run; firn restore 1 --wait 0'
  firn: cannot restore the SQLite database 'app.db': process PID has it open
  hint: wait longer with --wait SECONDS
  firn: cannot restore the SQLite database 'app.db': process PID has it open
  hint: wait longer with --wait SECONDS
  $ python3 ../with.py wal 'INSERT INTO t VALUES (9)' 'firn save -q; firn revert 4 --wait 0; firn revert 2 --wait 0'
  4
  firn: cannot restore the SQLite database 'app.db': process PID has it open
  hint: wait longer with --wait SECONDS
  firn: conflict: app.db: changed since as well, and cannot be merged line by line
  firn: 1 path was changed since in a way that cannot be merged: nothing was changed
  hint: revert only some paths (firn revert REF PATH...), or bring back what was there before with firn cat or firn restore
  $ firn restore 1 -q && python3 ../with.py wal 'INSERT INTO t VALUES (6)' 'firn undo --wait 0' && firn undo -q && firn undo -q; python3 ../rows.py app.db
  firn: cannot restore the SQLite database 'app.db': process PID has it open
  hint: wait longer with --wait SECONDS
  6 rows, ok

What a killed process leaves is saved as it is, and a restore of an earlier state takes its log along.

  $ python3 ../killed.py; ls; firn save -q
  app.db
  app.db-shm
  app.db-wal
  5
  $ firn restore 1 && ls && python3 ../rows.py app.db
  restored 1: 1 changed, 0 added, 2 removed; take this back with: firn undo
  app.db
  2 rows, ok
  $ firn undo -q; python3 ../rows.py app.db
  7 rows, ok

Rules that leave out the files beside a database do not leave out what is in them.

  $ echo '*.db-*' >.firnignore && python3 ../with.py wal 'INSERT INTO t VALUES (8)' 'firn save -q'
  6
  $ rows 6
  8 rows, ok
