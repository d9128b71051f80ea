The copy of an SQLite database that a process has open is in memory if the store is encrypted: nothing is made in TMPDIR.

  ? python3 -c 'import sqlite3'
  ? test "$(stat -f -c %T /dev/shm)" = tmpfs
  $ cat >../with.py <<'END'
  > import sqlite3, subprocess, sys
  > db = sqlite3.connect("app.db", isolation_level=None)
  > db.execute("PRAGMA journal_mode = wal")
  > db.execute("CREATE TABLE IF NOT EXISTS t (a)")
  > db.execute("INSERT INTO t VALUES (1)")
  > print(subprocess.run(sys.argv[1], shell=True, capture_output=True, text=True).stdout, end="")
  > END
  $ rows () { firn cat $1 app.db >../copy.db && python3 -c 'import sqlite3; print(sqlite3.connect("../copy.db").execute("SELECT count(*) FROM t").fetchone()[0])'; rm -f ../copy.db; }
  $ mkdir ../tmp && export TMPDIR="$PWD/../tmp" FIRN_KEY_FILE="$PWD/../key" && head -c 32 /dev/urandom >../key && unset XDG_RUNTIME_DIR
  $ firn init --encrypt -q && touch -d 2001-01-01 ../tmp
  $ python3 ../with.py 'firn save -q' && rows 1 && date -r ../tmp +%Y
  1
  1
  2001

A directory for the session, if it is in memory, comes first. One on a disk does not count.

  $ mkdir ../run && export XDG_RUNTIME_DIR="$PWD/../run" && touch -d 2001-01-01 ../run
  $ python3 ../with.py 'firn save -q' && rows 2 && date -r ../tmp +%Y && { test "$(stat -f -c %T ../run)" = tmpfs || date -r ../run +%Y; }
  2
  2
  2001
  2001
  $ export XDG_RUNTIME_DIR=$(mktemp -d /dev/shm/firn-test-XXXXXX) && touch -d 2001-01-01 $XDG_RUNTIME_DIR
  $ python3 ../with.py 'firn save -q' && rows 3 && date -r ../tmp +%Y && test "$(date -r $XDG_RUNTIME_DIR +%Y)" != 2001; rmdir $XDG_RUNTIME_DIR
  3
  3
  2001

A store in clear has its copies in TMPDIR.

  $ unset XDG_RUNTIME_DIR && python3 ../with.py 'firn --store ../clear save -q' && test "$(date -r ../tmp +%Y)" != 2001 && ls ../tmp
  1
