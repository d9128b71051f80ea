# SPDX-License-Identifier: Apache-2.0
"""Writing tables of firn through SQLite: conflicts, keys, transactions, savepoints."""
import sqlite3

import sqlcase


class Writes(sqlcase.Case):
    def rows(self, table="t"):
        return self.run_sql(f"SELECT * FROM {table}")

    def test_insert_update_delete(self):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL DEFAULT 'none', n INT)")
        self.run_sql("INSERT INTO t (name, n) VALUES ('a', 1), ('b', 2)")
        self.assertEqual(self.one("SELECT last_insert_rowid()"), 2)
        self.run_sql("INSERT INTO t (id) VALUES (10)")
        self.assertEqual(self.one("SELECT last_insert_rowid()"), 10)
        self.run_sql("INSERT INTO t (rowid, n) VALUES (20, 4)")
        self.assertEqual(self.rows(), [(1, "a", 1), (2, "b", 2), (10, "none", None), (20, "none", 4)])
        self.assertEqual(self.db.execute("UPDATE t SET n = n + 1, name = name || '!' WHERE id < 10").rowcount, 2)
        self.assertEqual(self.db.execute("DELETE FROM t WHERE n IS NULL").rowcount, 1)
        self.assertEqual(self.rows(), [(1, "a!", 2), (2, "b!", 3), (20, "none", 4)])
        self.run_sql("UPDATE t SET id = 3 WHERE id = 20")
        self.run_sql("UPDATE t SET rowid = 4 WHERE rowid = 1")
        self.assertEqual(self.rows(), [(2, "b!", 3), (3, "none", 4), (4, "a!", 2)])
        self.fails(sqlite3.IntegrityError, "NOT NULL constraint failed: t.name", "UPDATE t SET name = NULL")
        self.assertEqual(self.run_sql("INSERT INTO t VALUES (50, 'r', 9) RETURNING id, name"), [(50, "r")])
        self.run_sql("DELETE FROM t")
        self.assertEqual(self.rows(), [])

    def test_update_or_replace_of_rows_that_are_still_to_come(self):
        self.create("CREATE TABLE t (a INTEGER PRIMARY KEY, b INT UNIQUE, c TEXT)")
        self.create("CREATE TABLE u (a TEXT, b INT, c INT, PRIMARY KEY (a, b))")
        own = sqlite3.connect(":memory:", isolation_level=None)
        own.execute("CREATE TABLE t (a INTEGER PRIMARY KEY, b INT UNIQUE, c TEXT)")
        own.execute("CREATE TABLE u (a TEXT, b INT, c INT, PRIMARY KEY (a, b)) WITHOUT ROWID")
        def both(text):
            own.execute(text)
            self.run_sql(text)
            for table in "tu":
                rows = f"SELECT * FROM {table} ORDER BY a, b"
                self.assertEqual(self.run_sql(rows), own.execute(rows).fetchall(), text)
        both("INSERT INTO t VALUES (1, 10, 'x'), (2, 20, 'y'), (3, 30, 'z'), (4, 40, 'w')")
        both("INSERT INTO u VALUES ('a', 1, 1), ('a', 2, 2), ('b', 1, 3), ('b', 2, 4)")
        both("UPDATE OR REPLACE t SET b = 20 WHERE a IN (1, 2)")
        both("UPDATE OR REPLACE t SET a = a + 1 WHERE a IN (1, 3)")
        both("UPDATE OR REPLACE t SET b = 5, c = c || '!'")
        both("INSERT INTO t VALUES (20, 1, 'p'), (21, 2, 'q')")
        both("UPDATE OR REPLACE t SET b = 2 WHERE a = 20")
        both("INSERT INTO t VALUES (21, 3, 'again')")
        both("UPDATE OR REPLACE t SET c = 'late' WHERE a = 21")
        both("UPDATE OR REPLACE u SET a = 'a', c = c + 10 WHERE a = 'b'")
        # What was replaced is gone, although another row has its key now.
        self.run_sql("DELETE FROM t")
        self.run_sql("INSERT INTO t VALUES (1, 10, 'x'), (2, 20, 'y'), (3, 30, 'z')")
        self.run_sql("UPDATE OR REPLACE t SET a = a + 1, c = c || '!'")
        self.assertEqual(self.rows(), [(2, 10, "x!"), (4, 30, "z!")])

    def test_a_table_made_of_a_query_in_a_transaction(self):
        self.create("CREATE TABLE t (a INTEGER PRIMARY KEY)")
        self.run_sql("INSERT INTO t VALUES (1), (2)")
        for begin, end in ("BEGIN", "COMMIT"), ("SAVEPOINT s", "RELEASE s"):
            self.run_sql(begin)
            self.run_sql("CREATE TABLE own AS SELECT * FROM t")
            self.run_sql("INSERT INTO t VALUES (9)")
            self.assertEqual(self.one("SELECT (SELECT count(*) FROM own), (SELECT count(*) FROM t)"), (2, 3))
            self.run_sql("DELETE FROM t WHERE a = 9")
            self.run_sql(end)
            self.run_sql("DROP TABLE own")
            self.db.close()
            self.db = sqlcase.connect()
            self.run_sql("SELECT firn_attach(?)", self.path)

    def test_a_null_that_is_given_is_no_default(self):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, a INT DEFAULT 7, b TEXT DEFAULT 'x', c INT NOT NULL DEFAULT 3)")
        run = self.run_sql
        run("INSERT INTO t VALUES (1, NULL, ?, 4)", None)
        run("INSERT INTO t (id) VALUES (2)")
        run("INSERT INTO t (id, b) SELECT 3, NULL UNION ALL SELECT 4, 'y'")
        run("REPLACE INTO t (id, a, c) VALUES (5, NULL, NULL)")
        run('WITH q AS (SELECT 6 AS z /* INTO t(b) */) INSERT OR IGNORE INTO temp."t" AS "as" /* ( */ (id, -- )\n  [a] , `b`) SELECT z, NULL, \'q\' FROM q')
        run("INSERT INTO t DEFAULT VALUES")
        run("insert into t as u default values")
        run("INSERT INTO T(B, ID) VALUES (NULL, 9), ('z', 10)")
        run("INSERT INTO t SELECT id + 100, NULL, NULL, c FROM t WHERE id < 3")
        self.db.executemany("INSERT INTO t (id, a) VALUES (?, ?)", [(20, None), (21, 1), (22, None)])
        self.db.executemany("INSERT INTO t (id, c) VALUES (?, ?)", [(23, 5), (24, 6)])
        self.assertEqual(self.rows(), [
            (1, None, None, 4), (2, 7, "x", 3), (3, 7, None, 3), (4, 7, "y", 3), (5, None, "x", 3), (6, None, "q", 3), (7, 7, "x", 3), (8, 7, "x", 3),
            (9, 7, None, 3), (10, 7, "z", 3), (20, None, "x", 3), (21, 1, "x", 3), (22, None, "x", 3), (23, 7, "x", 5), (24, 7, "x", 6),
            (101, None, None, 4), (102, None, None, 3)])
        self.fails(sqlite3.IntegrityError, "NOT NULL constraint failed: t.c", "INSERT INTO t VALUES (50, 1, 'x', NULL)")
        self.fails(sqlite3.IntegrityError, "NOT NULL constraint failed: t.c", "INSERT INTO t (c) VALUES (NULL)")
        run("UPDATE t SET a = NULL, id = 200 WHERE id = 2")
        self.assertEqual(self.one("SELECT a, b FROM t WHERE id = 200"), (None, "x"))

    def test_a_null_of_a_trigger_or_a_statement_in_another(self):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, a INT DEFAULT 7, b INT DEFAULT 8)")
        run = self.run_sql
        run("CREATE TEMP TABLE log (id, a)")
        run("CREATE TEMP TRIGGER r AFTER INSERT ON log BEGIN INSERT INTO t (id, a) VALUES (NEW.id, NEW.a); END")
        run("INSERT INTO log VALUES (1, NULL), (2, 5)")
        self.assertEqual(self.rows(), [(1, None, 8), (2, 5, 8)])
        run("CREATE TEMP TRIGGER s AFTER DELETE ON log BEGIN INSERT INTO t (id, b) VALUES (OLD.id + 10, NULL); END")
        self.fails(sqlite3.OperationalError, "triggers that insert into the table name different columns", "DELETE FROM log WHERE id = 1")
        run("INSERT INTO t (id, b) VALUES (20, NULL)")
        run("DROP TRIGGER r")
        run("DELETE FROM log")
        self.db.create_function("put", 1, lambda number: self.db.execute("INSERT INTO t (id, a) VALUES (?, NULL)", (number,)).rowcount)
        run("SELECT put(30)")
        self.assertEqual(self.rows(), [(1, None, 8), (2, 5, 8), (11, 7, None), (12, 7, None), (20, 7, None), (30, None, 8)])

    def test_returning_knows_what_the_statement_gives(self):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT, n INT DEFAULT 7)")
        self.assertEqual(self.run_sql("INSERT INTO t VALUES (5, 'x', 6) RETURNING id, a, n, a || n"), [(5, "x", 6, "x6")])
        # SQLite computes it before firn numbers the rows.
        self.assertEqual(self.run_sql("INSERT INTO t (a) VALUES ('y'), ('z') RETURNING id, a, n"), [(None, "y", None), (None, "z", None)])
        self.assertEqual(self.one("SELECT last_insert_rowid()"), 7)
        self.assertEqual(self.rows(), [(5, "x", 6), (6, "y", 7), (7, "z", 7)])
        self.fails(sqlite3.OperationalError, "RETURNING", "UPDATE t SET n = 1 RETURNING id")
        self.fails(sqlite3.OperationalError, "RETURNING", "DELETE FROM t RETURNING id")

    def test_full_text_search_of_a_table(self):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)")
        self.run_sql("INSERT INTO t (body) VALUES ('good morning'), ('good bye'), ('hello again')")
        try:
            self.run_sql("CREATE VIRTUAL TABLE temp.words USING fts5(body, content='t', content_rowid='id')")
        except sqlite3.OperationalError:
            self.skipTest("this SQLite has no fts5")
        fill = "INSERT INTO words(rowid, body) SELECT id, body FROM t"
        found = "SELECT rowid, body FROM words WHERE words MATCH ? ORDER BY rowid"
        self.run_sql(fill)
        self.assertEqual(self.run_sql(found, "good"), [(1, "good morning"), (2, "good bye")])
        self.run_sql("INSERT INTO t (body) VALUES ('good night')")
        self.assertEqual(len(self.run_sql(found, "good")), 2)
        # SQLite lets no virtual table be read by this command.
        self.fails(sqlite3.OperationalError, "SQL logic error", "INSERT INTO words(words) VALUES ('rebuild')")
        self.run_sql("INSERT INTO words(words) VALUES ('delete-all')")
        self.run_sql(fill)
        self.assertEqual([row[0] for row in self.run_sql(found, "good")], [1, 2, 4])

    def test_keys_of_another_class(self):
        values = ("5", "'6'", "'07'", "8.0", "'9.0'", "10.5", "'10.5'", "x'3131'", "NULL", "'none'", "' 12'", "1e1", "-0.0")
        for kind in ("TEXT", "BIGINT", "REAL"):
            for unique in ("PRIMARY KEY (k)", "PRIMARY KEY (id), UNIQUE (k)"):
                self.create(f"CREATE TABLE t (id BIGINT NOT NULL, k {kind} NOT NULL, n BIGINT, {unique})")
                self.run_sql(f"CREATE TEMP TABLE plain (id BIGINT NOT NULL, k {kind} NOT NULL, n BIGINT, {unique})")
                for table in ("t", "plain"):
                    self.run_sql("WITH RECURSIVE c(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM c WHERE i < 40) "
                                 f"INSERT INTO {table} SELECT i, i, i FROM c")
                for value in values:
                    for text in ("UPDATE {} SET n = n + 100 WHERE k = {}", "SELECT * FROM {} WHERE k = {}",
                                 "UPDATE {} SET n = -1 WHERE k IN ({}, 20)", "DELETE FROM {} WHERE k = {}"):
                        with self.subTest(kind=kind, unique=unique, text=text, value=value):
                            self.assertEqual(self.run_sql(text.format("t", value)), self.run_sql(text.format("plain", value)))
                            self.assertEqual(self.run_sql("SELECT * FROM t ORDER BY id"), self.run_sql("SELECT * FROM plain ORDER BY id"))
                self.run_sql("DROP TABLE plain")
                self.run_sql("SELECT firn_drop('t')")

    def test_what_is_not_set_is_not_written(self):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, exact DECIMAL(18, 3), big U64, n INT)")
        self.run_sql("INSERT INTO t VALUES (1, '123456789012345.678', '18446744073709551615', 0)")
        self.run_sql("UPDATE t SET n = 1")
        self.run_sql("UPDATE t SET id = 2")
        self.db.close()
        self.assertIn("123456789012345.678", sqlcase.firn("db", "scan", self.path, "t"))
        self.assertIn("18446744073709551615", sqlcase.firn("db", "scan", self.path, "t"))
        self.db = sqlcase.connect()

    def test_conflicts(self):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT UNIQUE, b INT, c INT, UNIQUE (b, c))")
        self.run_sql("INSERT INTO t VALUES (1, 'a', 1, 1), (2, 'b', 2, 2), (3, 'c', 3, 3)")
        before = self.rows()
        wrong = sqlite3.IntegrityError
        self.fails(wrong, "UNIQUE constraint failed: t.id", "INSERT INTO t VALUES (9, 'x', 9, 9), (1, 'd', 4, 4)")
        self.assertEqual(self.rows(), before)
        self.fails(wrong, "UNIQUE constraint failed: t.a", "INSERT INTO t VALUES (4, 'a', 4, 4)")
        self.fails(wrong, "UNIQUE constraint failed: t.b, t.c", "INSERT INTO t VALUES (4, 'd', 2, 2)")
        self.fails(wrong, "UNIQUE constraint failed: t.a", "UPDATE t SET a = 'b' WHERE id = 1")
        self.fails(wrong, "UNIQUE constraint failed: t.id", "UPDATE t SET id = 2 WHERE id = 1")
        self.assertEqual(self.rows(), before)
        self.run_sql("INSERT OR IGNORE INTO t VALUES (1, 'z', 7, 7), (4, 'a', 8, 8), (5, 'e', 5, 5)")
        self.assertEqual(self.rows(), before + [(5, "e", 5, 5)])
        self.run_sql("INSERT OR REPLACE INTO t VALUES (1, 'b', 3, 3)")
        self.assertEqual(self.rows(), [(1, "b", 3, 3), (5, "e", 5, 5)])
        self.run_sql("UPDATE OR REPLACE t SET a = 'e' WHERE id = 1")
        self.assertEqual(self.rows(), [(1, "e", 3, 3)])
        self.fails(wrong, "UNIQUE", "INSERT OR FAIL INTO t VALUES (6, 'f', 6, 6), (1, 'g', 7, 7)")
        self.assertEqual(self.rows(), [(1, "e", 3, 3), (6, "f", 6, 6)])
        self.run_sql("BEGIN")
        self.run_sql("INSERT INTO t VALUES (7, 'g', 7, 7)")
        self.fails(wrong, "UNIQUE", "INSERT INTO t VALUES (8, 'h', 8, 8), (1, 'i', 9, 9)")
        self.run_sql("COMMIT")
        self.assertEqual([row[0] for row in self.rows()], [1, 6, 7])
        self.run_sql("BEGIN")
        self.fails(wrong, "UNIQUE", "INSERT OR ROLLBACK INTO t VALUES (20, 'x', 20, 20), (1, 'i', 9, 9)")
        self.assertFalse(self.db.in_transaction)
        self.assertEqual([row[0] for row in self.rows()], [1, 6, 7])
        self.run_sql("UPDATE OR REPLACE t SET id = id + 1")
        self.assertEqual([row[0] for row in self.rows()][0], 2)

    def test_keys_of_other_types(self):
        self.create("CREATE TABLE k (name TEXT PRIMARY KEY, n INT)")
        self.create("CREATE TABLE m (a TEXT, b INT, c BLOB, n INT, PRIMARY KEY (a, b, c))")
        self.create("CREATE TABLE f (x REAL PRIMARY KEY, n INT)")
        self.create("CREATE TABLE d (day DATE PRIMARY KEY, n INT)")
        self.create("CREATE TABLE u (u U64 PRIMARY KEY, n INT)")
        self.run_sql("INSERT INTO k VALUES ('a', 1), ('b', 2)")
        self.run_sql("UPDATE k SET n = 5 WHERE name = 'a'")
        self.run_sql("UPDATE k SET name = 'c' WHERE name = 'b'")
        self.assertEqual(self.rows("k"), [("a", 5), ("c", 2)])
        self.run_sql("DELETE FROM k WHERE n = 5")
        self.assertEqual(self.rows("k"), [("c", 2)])
        self.run_sql("INSERT INTO m VALUES (?, -1, x'0001', 1), ('x', 2, x'', 2), ('', 3, x'ff', 3)", "x\0y")
        self.run_sql("UPDATE m SET n = n * 10")
        self.run_sql("UPDATE m SET b = b + 1 WHERE a = 'x'")
        self.assertEqual(self.rows("m"), [("", 3, b"\xff", 30), ("x", 3, b"", 20), ("x\0y", -1, b"\0\1", 10)])
        self.fails(sqlite3.IntegrityError, "UNIQUE constraint failed: m.a, m.b, m.c", "INSERT INTO m VALUES ('x', 3, x'', 2)")
        self.fails(sqlite3.IntegrityError, "NOT NULL constraint failed: m.c", "INSERT INTO m (a, b) VALUES ('q', 3)")
        self.run_sql("DELETE FROM m WHERE b = 3")
        self.assertEqual(len(self.rows("m")), 1)
        self.run_sql("INSERT INTO f VALUES (0.1, 1), (1e300, 2), (-5, 3)")
        self.run_sql("UPDATE f SET n = n + 1 WHERE x = 0.1 OR x > 5")
        self.run_sql("DELETE FROM f WHERE x < 0")
        self.assertEqual(self.rows("f"), [(0.1, 2), (1e300, 3)])
        self.run_sql("INSERT INTO d VALUES ('2026-01-31', 1), ('2026-02-01', 2)")
        self.run_sql("UPDATE d SET day = date(day, '+1 month') WHERE day = '2026-02-01'")
        self.assertEqual(self.rows("d"), [("2026-01-31", 1), ("2026-03-01", 2)])
        self.run_sql("INSERT INTO u VALUES ('18446744073709551615', 1), ('18446744073709551614', 2), (3, 3)")
        self.run_sql("UPDATE u SET n = n + 10 WHERE n < 3")
        self.run_sql("DELETE FROM u WHERE n = 11")
        self.assertEqual([row[1] for row in self.rows("u")], [3, 12])

    def test_a_table_without_a_key(self):
        self.create("CREATE TABLE t (a, b TEXT)" if False else "CREATE TABLE t (a INT, b TEXT)")
        self.run_sql("INSERT INTO t VALUES (1, 'x'), (1, 'x')")
        self.assertEqual(self.rows(), [(1, "x"), (1, "x")])
        self.assertEqual(self.run_sql("SELECT rowid FROM t"), [(1,), (2,)])
        self.run_sql("DELETE FROM t WHERE rowid = 1")
        self.assertEqual(self.rows(), [(1, "x")])

    def test_keyspaces(self):
        self.create("CREATE KEYSPACE k")
        self.run_sql("INSERT INTO k VALUES ('a', '1', NULL), ('b', x'00ff', NULL), ('c:1', 'x', 4102444800000)")
        self.assertEqual(self.rows("k"), [("a", "1", None), ("b", b"\0\xff", None), ("c:1", "x", 4102444800000)])
        self.fails(sqlite3.IntegrityError, "UNIQUE constraint failed: k.key", "INSERT INTO k VALUES ('a', '2', NULL)")
        self.run_sql("INSERT OR REPLACE INTO k VALUES ('a', '3', NULL)")
        self.assertEqual(self.run_sql("SELECT value FROM k WHERE key = 'a'"), [("3",)])
        self.assertEqual(self.run_sql("SELECT value FROM k WHERE key = ?", "nothing"), [])
        self.run_sql("UPDATE k SET value = value || '!' WHERE key = 'c:1'")
        self.assertEqual(self.run_sql("SELECT * FROM k WHERE key LIKE 'c:%'"), [("c:1", "x!", 4102444800000)])
        self.run_sql("UPDATE k SET key = 'd' WHERE key = 'a'")
        self.assertEqual(self.run_sql("SELECT key FROM k ORDER BY key DESC"), [("d",), ("c:1",), ("b",)])
        self.assertEqual(self.run_sql("SELECT key FROM k WHERE key > 'b' AND key <= 'd'"), [("c:1",), ("d",)])
        self.assertEqual(self.run_sql("SELECT key FROM k WHERE key GLOB 'c*' OR key < 'c'"), [("b",), ("c:1",)])
        self.run_sql("BEGIN")
        self.run_sql("DELETE FROM k WHERE key >= 'c'")
        self.assertEqual(self.one("SELECT count(*) FROM k"), 1)
        self.run_sql("ROLLBACK")
        self.assertEqual(self.one("SELECT count(*) FROM k"), 3)
        self.run_sql("UPDATE k SET expires = 1 WHERE key = 'd'")
        self.assertEqual(self.one("SELECT count(*) FROM k"), 2)

    def test_a_keyspace_of_blobs(self):
        self.create("CREATE KEYSPACE k")
        self.run_sql("INSERT INTO k VALUES ('a', 'b', NULL)")
        self.run_sql(f"CREATE VIRTUAL TABLE temp.raw USING firn_keyspace({self.path!r}, 'k', blob)")
        self.assertEqual(self.rows("raw"), [(b"a", b"b", None)])
        self.run_sql("INSERT INTO raw VALUES (x'ff', x'', NULL)")
        self.assertEqual(self.run_sql("SELECT value FROM raw WHERE key = x'ff'"), [(b"",)])
        self.assertEqual(self.run_sql("SELECT value FROM raw WHERE key > x'61'"), [(b"",)])

    def test_transactions(self):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, n INT)")
        self.create("CREATE KEYSPACE k")
        self.run_sql("BEGIN")
        self.run_sql("INSERT INTO t VALUES (1, 1)")
        self.run_sql("INSERT INTO k VALUES ('a', 'b', NULL)")
        self.assertEqual(self.rows(), [(1, 1)])
        self.assertEqual(self.run_sql("SELECT n FROM t WHERE id = 1"), [(1,)])
        self.run_sql("ROLLBACK")
        self.assertEqual(self.rows(), [])
        self.assertEqual(self.rows("k"), [])
        self.run_sql("BEGIN")
        self.run_sql("INSERT INTO t VALUES (1, 1)")
        self.run_sql("SAVEPOINT a")
        self.run_sql("INSERT INTO t VALUES (2, 2)")
        self.run_sql("SAVEPOINT b")
        self.run_sql("UPDATE t SET n = 9")
        self.assertEqual(self.rows(), [(1, 9), (2, 9)])
        self.run_sql("ROLLBACK TO b")
        self.assertEqual(self.rows(), [(1, 1), (2, 2)])
        self.run_sql("INSERT INTO t VALUES (3, 3)")
        self.run_sql("RELEASE b")
        self.run_sql("ROLLBACK TO a")
        self.assertEqual(self.rows(), [(1, 1)])
        self.run_sql("INSERT INTO k VALUES ('a', 'b', NULL)")
        self.run_sql("COMMIT")
        self.assertEqual(self.rows(), [(1, 1)])
        self.assertEqual(self.one("SELECT key FROM k"), "a")
        self.run_sql("SAVEPOINT outer")
        self.run_sql("DELETE FROM t")
        self.run_sql("ROLLBACK TO outer")
        self.run_sql("INSERT INTO t VALUES (5, 5)")
        self.run_sql("RELEASE outer")
        self.assertEqual(self.rows(), [(1, 1), (5, 5)])
        # A savepoint that is older than the first write.
        self.run_sql("BEGIN")
        self.run_sql("SAVEPOINT a")
        self.run_sql("SAVEPOINT b")
        self.run_sql("DELETE FROM t WHERE id = 1")
        self.run_sql("ROLLBACK TO a")
        self.assertEqual(self.rows(), [(1, 1), (5, 5)])
        self.run_sql("SAVEPOINT b")
        self.run_sql("DELETE FROM t WHERE id = 5")
        self.run_sql("ROLLBACK TO b")
        self.run_sql("DELETE FROM t WHERE id = 1")
        self.run_sql("COMMIT")
        self.assertEqual(self.rows(), [(5, 5)])

    def test_two_connections(self):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, n INT)")
        self.run_sql("INSERT INTO t VALUES (1, 1), (2, 2)")
        other = sqlcase.connect()
        self.run_sql("SELECT firn_attach(?)", self.path, db=other)
        self.run_sql("BEGIN")
        self.assertEqual(self.rows(), [(1, 1), (2, 2)])
        self.run_sql("UPDATE t SET n = 20 WHERE id = 2", db=other)
        # One state from the first statement on.
        self.assertEqual(self.rows(), [(1, 1), (2, 2)])
        self.run_sql("UPDATE t SET n = 10 WHERE id = 1")
        self.assertEqual(self.rows(), [(1, 10), (2, 2)])
        self.run_sql("COMMIT")
        self.assertEqual(self.rows(), [(1, 10), (2, 20)])
        self.run_sql("BEGIN")
        self.run_sql("UPDATE t SET n = 11 WHERE id = 1")
        self.run_sql("UPDATE t SET n = 12 WHERE id = 1", db=other)
        self.fails(sqlite3.OperationalError, "conflict", "COMMIT")
        self.assertFalse(self.db.in_transaction)
        self.assertEqual(self.rows(), [(1, 12), (2, 20)])
        self.run_sql("UPDATE t SET n = 13 WHERE id = 1")
        self.assertEqual(self.one("SELECT n FROM t WHERE id = 1", db=other), 13)
        other.close()

    def test_reading_goes_on_after_commit_and_ends_with_rollback(self):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT)")
        self.run_sql("BEGIN")
        self.db.executemany("INSERT INTO t VALUES (?, ?)", [(i, f"n{i}") for i in range(5000)])
        reading = self.db.execute("SELECT id, name FROM t ORDER BY id")
        self.assertEqual(next(reading), (0, "n0"))
        self.run_sql("COMMIT")
        self.assertEqual(next(reading), (1, "n1"))
        self.run_sql("DELETE FROM t WHERE id > 100")
        self.assertEqual(len(reading.fetchall()), 4998)
        self.run_sql("BEGIN")
        self.run_sql("UPDATE t SET name = 'x'")
        reading = self.db.execute("SELECT id, name FROM t ORDER BY id")
        self.assertEqual(next(reading), (0, "x"))
        self.run_sql("ROLLBACK")
        with self.assertRaises(sqlite3.Error):
            reading.fetchall()

    def test_a_statement_does_not_see_its_own_writes(self):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, n INT)")
        self.run_sql("INSERT INTO t (n) VALUES (1), (2), (3)")
        self.run_sql("INSERT INTO t (n) SELECT n + 10 FROM t")
        self.run_sql("UPDATE t SET n = n + 1 WHERE n < 100")
        self.assertEqual([row[1] for row in self.rows()], [2, 3, 4, 12, 13, 14])
        self.run_sql("CREATE TABLE log (n)")
        self.run_sql("INSERT INTO log SELECT n FROM t")
        self.run_sql("DELETE FROM t WHERE n IN (SELECT n FROM log WHERE n > 3)")
        self.assertEqual([row[1] for row in self.rows()], [2, 3])


if __name__ == "__main__":
    sqlcase.main()
