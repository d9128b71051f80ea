Databases of SQLite that somebody else made, imported.

  ? python3 -c 'import sqlite3'
  ? firn version | grep -qv 'without SQL'

Generated columns are values where they are stored. A virtual one is an expression of whoever made the file: it is not computed, but named.

  $ python3 - <<'END'
  > import sqlite3
  > db = sqlite3.connect("made.db", isolation_level=None)
  > db.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b INT, v AS (hex(zeroblob(400000000))), s AS (b * 2) STORED)")
  > db.execute("INSERT INTO t (a, b) VALUES (1, 2), (2, 3)")
  > db.execute("CREATE TABLE u (a INTEGER PRIMARY KEY)")
  > END
  $ firn db import --from sqlite made.db made.firn
  t: 2 rows
  u: 0 rows
  ! firn: left out: t: its column v is generated when it is read
  [6]
  $ firn db scan made.firn t
  1	2	4
  2	3	6
  $ firn db import --strict --from sqlite made.db strict.firn
  ! firn: left out: t: its column v is generated when it is read
  ! firn: not everything can be imported: nothing was
  [1]

A row of six bytes may have a default of half a mebibyte: the work is bounded by the size of the file.

  $ python3 - <<'END'
  > import sqlite3
  > db = sqlite3.connect("thin.db", isolation_level=None)
  > db.execute("CREATE TABLE t (a INTEGER PRIMARY KEY)")
  > db.execute("INSERT INTO t WITH RECURSIVE c (x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM c WHERE x < 20000) SELECT x FROM c")
  > db.execute("ALTER TABLE t ADD COLUMN d DEFAULT '%s'" % ("x" * 500000))
  > db.execute("ALTER TABLE t ADD COLUMN e DEFAULT 1")
  > END
  $ firn db import --from sqlite thin.db thin.firn
  ! firn: SQLite cannot read the database: its rows take more work than the size of the file allows
  [1]
  $ firn db list thin.firn
