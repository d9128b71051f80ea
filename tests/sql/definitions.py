# SPDX-License-Identifier: Apache-2.0
"""firn_create, firn_drop, firn_attach and firn_detach."""
import os
import sqlite3

import sqlcase

ERROR = sqlite3.OperationalError


class Definitions(sqlcase.Case):
    def shown(self, table):
        return self.one("SELECT sql FROM sqlite_temp_schema WHERE name = ?", table)

    def test_tables(self):
        self.create("create table if not exists t (id integer primary key)")
        self.create("CREATE TABLE IF NOT EXISTS t (id INTEGER PRIMARY KEY)")
        self.fails(ERROR, "already", "SELECT firn_create('CREATE TABLE t (id INTEGER PRIMARY KEY)')")
        self.create("""CREATE TABLE app."odd ""name""" + '"' + """ ( -- a comment
            [first one] BIGINT UNSIGNED NOT NULL, /* another */ `second` VARCHAR(20) DEFAULT 'it''s' NOT NULL,
            third double precision DEFAULT -1.5, fourth NUMERIC(5) DEFAULT 0, fifth DATETIME NULL, "sixth" BLOB DEFAULT x'00ff',
            CONSTRAINT pk PRIMARY KEY ([first one], second), CONSTRAINT u UNIQUE (third), INDEX i (fifth, third)
            ) WITHOUT ROWID, STRICT;""")
        info = self.run_sql("SELECT name, type FROM pragma_table_info('odd \"name')")
        self.assertEqual(info, [("first one", "BIGINT UNSIGNED"), ("second", "TEXT"), ("third", "DOUBLE"),
                                ("fourth", "DECIMAL(5,0)"), ("fifth", "TIMESTAMP TEXT"), ("sixth", "BLOB")])
        self.run_sql("INSERT INTO \"odd \"\"name\" (\"first one\") VALUES (1)")
        self.assertEqual(self.one("SELECT * FROM \"odd \"\"name\""), (1, "it's", -1.5, 0, None, b"\0\xff"))

    def test_descending_keys_and_indexes(self):
        self.create("CREATE TABLE t (a INT, b TEXT, c INT, PRIMARY KEY (a DESC, b ASC), UNIQUE (c DESC), INDEX i (b DESC, c))")
        self.create("CREATE INDEX j ON t (b, c DESC)")
        self.run_sql("INSERT INTO t VALUES (1, 'x', 10), (2, 'x', 30), (2, 'y', 20)")
        self.assertEqual(self.run_sql("SELECT c FROM t ORDER BY a DESC, b"), [(30,), (20,), (10,)])
        self.assertEqual(self.run_sql("SELECT c FROM t WHERE b = 'x' ORDER BY c DESC"), [(30,), (10,)])
        self.assertEqual(self.run_sql("SELECT c FROM t WHERE b = 'x' ORDER BY c"), [(10,), (30,)])
        self.fails(ERROR, "a comma or ) is wanted, not 'DESC'", "SELECT firn_create('CREATE INDEX k ON t (c ASC DESC)')")
        self.fails(ERROR, "a comma or ) is wanted, not 'NULLS'", "SELECT firn_create('CREATE INDEX k ON t (c NULLS)')")

    def test_virtual_tables_that_were_dropped_or_renamed(self):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        self.create("CREATE TABLE u (id INTEGER PRIMARY KEY)")
        self.run_sql("INSERT INTO t VALUES (1), (2)")
        self.run_sql("DROP TABLE t")
        self.create("CREATE TABLE v (id INTEGER PRIMARY KEY)")
        self.fails(ERROR, "no such table: t", "SELECT count(*) FROM t")
        self.run_sql("SELECT firn_attach(?)", self.path)
        self.assertEqual(self.one("SELECT count(*) FROM t"), 2)
        # What has the name now is left alone.
        self.run_sql("DROP TABLE t")
        self.run_sql("CREATE TEMP TABLE t (mine)")
        self.run_sql("INSERT INTO t VALUES ('kept')")
        self.run_sql("SELECT firn_attach(?)", self.path)
        self.run_sql("SELECT firn_drop('t')")
        self.assertEqual(self.one("SELECT mine FROM t"), "kept")
        # A virtual table that was renamed goes with its table, or with the store.
        self.run_sql("ALTER TABLE u RENAME TO u2")
        self.run_sql("ALTER TABLE v RENAME TO v2")
        self.run_sql("CREATE TEMP TABLE v (mine)")
        self.run_sql("SELECT firn_attach(?)", self.path)
        self.run_sql("SELECT firn_drop('u')")
        self.fails(ERROR, "no such table: u2", "SELECT * FROM u2")
        self.run_sql("SELECT firn_detach('app')")
        self.assertEqual(self.run_sql("SELECT name FROM temp.sqlite_master ORDER BY name"), [("t",), ("v",)])
        self.assertEqual(self.one("SELECT mine FROM t"), "kept")

    def test_a_definition_has_nothing_to_do_with_other_tables(self):
        for number in range(20):
            self.create(f"CREATE TABLE t{number} (id INTEGER PRIMARY KEY, a INT)")
        texts = []
        self.db.set_trace_callback(texts.append)
        self.create("CREATE TABLE IF NOT EXISTS u (id INTEGER PRIMARY KEY, a INT)")
        self.create("CREATE TABLE IF NOT EXISTS u (id INTEGER PRIMARY KEY)")
        self.create("CREATE KEYSPACE k")
        self.create("CREATE INDEX i ON u (a)")
        self.create("ALTER TABLE u ADD COLUMN b TEXT")
        self.create("DROP TABLE t3")
        self.create("DROP TABLE k")
        self.db.set_trace_callback(None)
        # A schema that is read again costs as much as there are tables.
        self.assertEqual([text for text in texts if "writable_schema" in text], [])
        self.assertFalse(any("t5" in text for text in texts))
        self.run_sql("INSERT INTO u VALUES (1, 2, 'x')")
        self.assertEqual(self.one("SELECT b FROM u WHERE a = 2"), "x")

    def test_a_definition_changes_what_is_in_use_or_was_renamed(self):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, a INT)")
        self.run_sql("INSERT INTO t VALUES (1, 1), (2, 2), (3, 3)")
        self.create("ALTER TABLE t ADD COLUMN b TEXT DEFAULT 'none'")
        self.run_sql("INSERT INTO t (id) VALUES (4)")
        rows = self.db.execute("SELECT id FROM t ORDER BY id")
        self.assertEqual(next(rows), (1,))
        self.create("CREATE UNIQUE INDEX i ON t (a)")
        self.create("ALTER TABLE t ADD COLUMN c INT")
        self.assertEqual(rows.fetchall(), [(2,), (3,), (4,)])
        self.run_sql("INSERT OR REPLACE INTO t (id, a, c) VALUES (5, 3, 7)")
        self.assertEqual(self.run_sql("SELECT id, a, b, c FROM t WHERE a > 1"), [(2, 2, "none", None), (5, 3, "none", 7)])
        self.run_sql("ALTER TABLE t RENAME TO s")
        self.create("ALTER TABLE t DROP COLUMN c")
        self.assertEqual(self.run_sql("SELECT * FROM s WHERE id = 5"), [(5, 3, "none")])

    def test_what_is_refused_with_a_reason(self):
        for text, words in (
                ("", "CREATE, ALTER or DROP is wanted, not the end"),
                ("SELECT 1", "CREATE, ALTER or DROP is wanted, not 'SELECT'"),
                ("CREATE VIEW v AS SELECT 1", "a store keeps no views and triggers: CREATE TEMP VIEW or TRIGGER makes one for this connection"),
                ("CREATE SEQUENCE s", "TABLE, INDEX or KEYSPACE is wanted, not 'SEQUENCE'"),
                ("CREATE TABLE t", "a ( is wanted"),
                ("CREATE TABLE t ()", "a name is wanted, not ')'"),
                ("CREATE TABLE t (a)", "a type is wanted"),
                ("CREATE TABLE t (a INT", "a comma or ) is wanted, not the end"),
                ("CREATE TABLE t (a INT,)", "a name is wanted"),
                ("CREATE TABLE t (a GEOMETRY)", "there is no type 'GEOMETRY'"),
                ("CREATE TABLE t (a NUMERIC)", "say how many digits"),
                ("CREATE TABLE t (a DECIMAL(40, 2))", "digits"),
                ("CREATE TABLE t (a INT CHECK (a > 0))", "a comma or ) is wanted, not 'CHECK'"),
                ("CREATE TABLE t (a INT REFERENCES b)", "not 'REFERENCES'"),
                ("CREATE TABLE t (a INT, FOREIGN KEY (a) REFERENCES b)", "no such constraints"),
                ("CREATE TABLE t (a TEXT COLLATE NOCASE)", "BINARY"),
                ("CREATE TABLE t (a INT DEFAULT (1 + 1))", "a default is a literal"),
                ("CREATE TABLE t (a INT DEFAULT CURRENT_TIMESTAMP)", "a default is a literal"),
                ("CREATE TABLE t (a INT PRIMARY KEY, b INT PRIMARY KEY)", "more than one primary key"),
                ("CREATE TABLE t (a INT PRIMARY KEY DESC)", "DESC"),
                ("CREATE TABLE t (a INT PRIMARY KEY ON CONFLICT REPLACE)", "ON CONFLICT"),
                ("CREATE TABLE t (a INT AS (1))", "not 'AS'"),
                ("CREATE TABLE t (a TEXT, b INT, PRIMARY KEY (c))", "c"),
                ("CREATE TABLE t (a TEXT PRIMARY KEY, a INT)", "a"),
                ("CREATE TABLE t ('a INT)", "is not closed"),
                ("CREATE TABLE t (a INT) x", "the end of the statement is wanted, not 'x'"),
                ("CREATE UNIQUE TABLE t (a INT)", "wanted"),
                ("CREATE INDEX i ON nothing (a)", "nothing"),
                ("ALTER TABLE nothing ADD a INT", "nothing"),
                ("ALTER TABLE nothing RENAME TO b", "cannot be renamed"),
                ("DROP INDEX i", "ON TABLE is wanted"),
                ("DROP TABLE nothing", "nothing"),
        ):
            with self.subTest(text=text):
                self.fails(sqlite3.Error, words, "SELECT firn_create(?)", text)
        self.fails(sqlite3.Error, "more than 1048576 characters", "SELECT firn_create(?)", "CREATE TABLE t (" + "a" * (1 << 20))
        self.assertEqual(self.run_sql("SELECT name FROM sqlite_temp_schema"), [])

    def test_statements_of_a_megabyte(self):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, a INT)")
        self.run_sql("INSERT INTO t VALUES " + ", ".join(f"({i}, {i})" for i in range(1, 40001)))
        self.assertEqual(self.one("SELECT count(*) FROM t WHERE a IN (" + ", ".join(str(i) for i in range(0, 80000, 2)) + ")"), 20000)
        self.assertEqual(self.one("SELECT sum(id) FROM t WHERE id IN (" + ", ".join(str(i) for i in range(1, 10001)) + ")"), 50005000)

    def test_changes(self):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, a INT)")
        self.run_sql("INSERT INTO t VALUES (1, 10), (2, 20)")
        prepared = "SELECT * FROM t"
        self.assertEqual(self.run_sql(prepared), [(1, 10), (2, 20)])
        self.create("ALTER TABLE t ADD COLUMN b TEXT NOT NULL DEFAULT 'new'")
        self.assertEqual(self.run_sql(prepared), [(1, 10, "new"), (2, 20, "new")])
        self.assertEqual(self.run_sql("SELECT b FROM t WHERE id = 1"), [("new",)])
        self.create("ALTER TABLE t RENAME COLUMN a TO c")
        self.assertEqual(self.run_sql("SELECT c FROM t"), [(10,), (20,)])
        self.create("CREATE UNIQUE INDEX by_c ON t (c)")
        self.create("CREATE UNIQUE INDEX IF NOT EXISTS by_c ON t (c)")
        self.assertIn("P1", self.plan("SELECT * FROM t WHERE c = 10"))
        self.fails(sqlite3.IntegrityError, "UNIQUE constraint failed: t.c", "INSERT INTO t (c) VALUES (10)")
        self.fails(sqlite3.Error, "b", "SELECT firn_create('CREATE UNIQUE INDEX IF NOT EXISTS by_b ON t (b)')")
        self.create("DROP INDEX by_c ON t")
        self.create("ALTER TABLE t DROP c")
        self.assertEqual(self.run_sql(prepared), [(1, "new"), (2, "new")])
        self.fails(ERROR, "no such column", "SELECT c FROM t")
        self.create("DROP TABLE t")
        self.create("DROP TABLE IF EXISTS t")
        self.fails(ERROR, "no such table", prepared)
        self.create("CREATE KEYSPACE k")
        self.run_sql("SELECT firn_drop('k')")
        self.fails(ERROR, "no such table", "SELECT * FROM k")
        self.run_sql("BEGIN")
        self.fails(ERROR, "inside of a transaction", "SELECT firn_create('CREATE TABLE t (a INT)')")

    def test_changes_by_another_connection(self):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, a INT)")
        self.run_sql("INSERT INTO t VALUES (1, 10)")
        other = sqlcase.connect()
        self.run_sql("SELECT firn_attach(?)", self.path, db=other)
        self.assertEqual(self.run_sql("SELECT * FROM t", db=other), [(1, 10)])
        self.create("ALTER TABLE t ADD COLUMN b INT DEFAULT 5")
        self.run_sql("SELECT * FROM t", db=other)
        self.assertEqual(self.run_sql("SELECT * FROM t", db=other), [(1, 10, 5)])
        self.create("ALTER TABLE t DROP COLUMN a")
        try:
            self.run_sql("SELECT a FROM t", db=other)
        except ERROR as wrong:
            self.assertIn("a", str(wrong))
        self.assertEqual(self.run_sql("SELECT * FROM t", db=other), [(1, 5)])
        self.run_sql("INSERT INTO t (b) VALUES (6)", db=other)
        self.create("DROP TABLE t")
        with self.assertRaises(sqlite3.Error):
            self.run_sql("SELECT * FROM t", db=other)
        self.create("CREATE TABLE t (x TEXT PRIMARY KEY)")
        self.run_sql("SELECT firn_attach(?)", self.path, db=other)
        other.close()

    def test_attaching(self):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, a INT)")
        other = os.path.join(self.dir, "other.firn")
        self.fails(ERROR, "the option 'create' makes one", "SELECT firn_attach(?)", other)
        self.fails(ERROR, "there is no option 'x=1'", "SELECT firn_attach(?, 'x=1')", other)
        self.assertEqual(self.one("SELECT firn_attach(?, 'create', 'name=b', 'prefix=b_')", other), "b")
        self.fails(ERROR, "say which one", "SELECT firn_create('CREATE TABLE t (a INT)')")
        self.create("CREATE TABLE b.t (a INT)")
        self.run_sql("SELECT firn_create('CREATE TABLE u (a INT)', 'b')")
        self.run_sql("INSERT INTO b_t VALUES (1)")
        self.run_sql("INSERT INTO b_u VALUES (2)")
        self.assertEqual(self.run_sql("SELECT a FROM b_t UNION ALL SELECT a FROM b_u"), [(1,), (2,)])
        self.assertEqual(self.one("SELECT firn_attach(?)", other), "b")
        self.run_sql("SELECT firn_detach('b')")
        self.fails(ERROR, "no such table", "SELECT * FROM b_t")
        self.fails(ERROR, "no store 'b'", "SELECT firn_detach('b')")
        self.fails(ERROR, "temp.t already", "SELECT firn_attach(?)", other)
        self.run_sql("CREATE TABLE u (x)")
        self.run_sql("SELECT firn_detach('app')")
        self.fails(ERROR, "main.u already", "SELECT firn_attach(?)", other)
        self.assertEqual(self.run_sql("SELECT name FROM sqlite_temp_schema"), [])
        self.run_sql(f"CREATE VIRTUAL TABLE v USING firn({other!r}, 't')")
        self.assertEqual(self.run_sql("SELECT a FROM v"), [(1,)])
        self.run_sql("ALTER TABLE v RENAME TO w")
        self.assertEqual(self.run_sql("SELECT a FROM w"), [(1,)])
        # Detaching leaves it alone, and its transactions.
        self.run_sql("DROP TABLE u")
        self.run_sql("SELECT firn_attach(?, 'name=b', 'prefix=b_')", other)
        self.run_sql("SELECT firn_detach('b')")
        self.run_sql("INSERT INTO w VALUES (7)")
        self.assertEqual(self.run_sql("SELECT a FROM w"), [(1,), (7,)])
        self.run_sql("DROP TABLE w")
        self.fails(ERROR, "say which one", "CREATE VIRTUAL TABLE v USING firn('x')")
        self.fails(ERROR, "", f"CREATE VIRTUAL TABLE v USING firn({other!r}, 'nothing')")

    def test_a_store_in_memory(self):
        db = sqlcase.connect()
        self.run_sql("SELECT firn_attach(':memory:')", db=db)
        self.run_sql("SELECT firn_create('CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)')", db=db)
        self.run_sql("INSERT INTO t (a) VALUES ('x'), ('y')", db=db)
        self.assertEqual(self.run_sql("SELECT * FROM t", db=db), [(1, "x"), (2, "y")])
        db.close()

    def test_hostile_names(self):
        for name in ("a'b", 'a"b', "a;b", "select", "a]b", "ü", "a b", "); DROP TABLE x; --", "%w%s%Q", "a,b", "x=1"):
            quoted = '"' + name.replace('"', '""') + '"'
            self.create(f"CREATE TABLE {quoted} ({quoted} TEXT PRIMARY KEY, n INT, INDEX {quoted} (n))")
            self.run_sql(f"INSERT INTO {quoted} VALUES (?, 1), ('z', 2)", name)
            self.run_sql(f"UPDATE {quoted} SET n = 5 WHERE {quoted} = ?", name)
            self.assertEqual(self.run_sql(f"SELECT {quoted} FROM {quoted} WHERE n = 5 AND {quoted} <> 'q' ORDER BY 1"), [(name,)])
            self.create(f"DROP TABLE {quoted}")


if __name__ == "__main__":
    sqlcase.main()
