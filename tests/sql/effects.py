# SPDX-License-Identifier: Apache-2.0
"""What a database file that somebody else made can have firn's functions and virtual tables do: nothing.

The functions and modules are those that SQLite lists, so that a new one is attacked without being named here. Each is called from each
place of a schema that SQLite evaluates, with arguments that would have an effect; after each attack the store, its checkpoints, the
directory, the open files and the schema temp are as they were.
"""
import itertools
import os
import sqlite3

import sqlcase

ERROR = sqlite3.OperationalError

# Statements of each kind that evaluates what a schema brings.
STATEMENTS = (
    "SELECT * FROM {0}notes", "INSERT INTO {0}notes(a) VALUES ('x')", "INSERT INTO {0}notes DEFAULT VALUES", "UPDATE {0}notes SET a = 'y'",
    "SELECT * FROM {0}v", "INSERT INTO {0}v(a) VALUES ('z')", "REPLACE INTO {0}notes(a) VALUES ('w')", "DELETE FROM {0}notes WHERE a = 'w'",
    "PRAGMA {0}quick_check", "PRAGMA {0}integrity_check", "ANALYZE {1}", "REINDEX", "ALTER TABLE {0}notes RENAME TO other",
    "ALTER TABLE {0}other RENAME TO notes", "ALTER TABLE {0}notes RENAME COLUMN a TO b", "ALTER TABLE {0}notes RENAME COLUMN b TO a",
    "ALTER TABLE {0}notes ADD COLUMN more DEFAULT 1", "ALTER TABLE {0}notes DROP COLUMN more", "CREATE INDEX {0}mine ON notes(a)",
    "PRAGMA {0}table_xinfo(notes)", "PRAGMA {0}table_xinfo(v)", "PRAGMA table_list", "DELETE FROM {0}notes", "VACUUM {1}")
PLACES = {
    "check": "CREATE TABLE notes(a, CHECK({0} IS NOT NULL))",
    "check of a column": "CREATE TABLE notes(a CHECK(coalesce({0}, 1)))",
    "default": "CREATE TABLE notes(a, d DEFAULT({0}))",
    "generated": "CREATE TABLE notes(a, g AS ({0}))",
    "stored": "CREATE TABLE notes(a, g AS ({0}) STORED)",
    "index": "CREATE TABLE notes(a); CREATE INDEX i ON notes({0})",
    "partial index": "CREATE TABLE notes(a); CREATE INDEX i ON notes(a) WHERE {0} IS NOT NULL",
    "view": "CREATE TABLE notes(a); CREATE VIEW v AS SELECT {0} AS a",
    "view of a subquery": "CREATE TABLE notes(a); CREATE VIEW v AS SELECT (SELECT {0}) AS a FROM notes",
    "trigger": "CREATE TABLE notes(a); CREATE TRIGGER r AFTER INSERT ON notes BEGIN SELECT {0}; END",
    "when of a trigger": "CREATE TABLE notes(a); CREATE TRIGGER r BEFORE UPDATE ON notes WHEN {0} IS NOT NULL BEGIN SELECT 1; END",
    "trigger of a delete": "CREATE TABLE notes(a); CREATE TRIGGER r BEFORE DELETE ON notes BEGIN INSERT INTO notes SELECT {0}; END",
    "trigger of a view": "CREATE TABLE notes(a); CREATE VIEW v AS SELECT 1 AS a; CREATE TRIGGER r INSTEAD OF INSERT ON v BEGIN SELECT {0}; END",
}


def call_sites(name, arguments):
    return f"{name}({', '.join(repr(argument) for argument in arguments)})"


class Effects(sqlcase.Case):
    def setUp(self):
        super().setUp()
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT)")
        self.run_sql("INSERT INTO t VALUES (1, 'one')")
        self.run_sql("SELECT firn_checkpoint('before')")
        self.run_sql("DELETE FROM t")
        self.run_sql("INSERT INTO t VALUES (2, 'two')")
        self.other = os.path.join(self.dir, "other.firn")
        sqlcase.firn("db", "sql", self.other, "--create", "CREATE TABLE o (id INTEGER PRIMARY KEY)")
        self.new = os.path.join(self.dir, "new.firn")
        self.file = os.path.join(self.dir, "foreign.db")
        functions = self.run_sql("SELECT DISTINCT name, narg FROM pragma_function_list WHERE name LIKE 'firn%' ORDER BY 1, 2")
        self.functions = [(name, count) for name, narg in functions for count in ((narg,) if narg >= 0 else (1, 2))]
        self.modules = [name for (name,) in self.run_sql("SELECT name FROM pragma_module_list WHERE name LIKE 'firn%' ORDER BY 1")]
        self.assertGreaterEqual(len(self.functions), 20)
        self.assertGreaterEqual(len(self.modules), 10)
        self.known = None

    # ---- what there is ----

    def print_of(self, db):
        """All that an effect could change; none of it is a call that a statement is needed for which these tests refuse."""
        opened = set()
        for number in os.listdir("/proc/self/fd"):
            try:
                opened.add(os.readlink("/proc/self/fd/" + number))
            except OSError:
                pass
        return (sorted(name for name in os.listdir(self.dir) if not name.startswith("foreign.db")),
                [path for path in sorted(opened) if path.startswith(self.other) or path.startswith(self.new)],
                sorted(os.listdir(self.other)),
                self.run_sql("SELECT name, sql FROM temp.sqlite_schema ORDER BY 1", db=db),
                self.run_sql("SELECT number, name, safety FROM firn_checkpoints(?, 1)", self.path, db=db),
                self.run_sql("SELECT * FROM temp.t", db=db))

    def arguments(self, count):
        """Tuples of arguments with which at least one function of so many arguments has an effect."""
        drop = "DROP TABLE t"
        return {0: [()], 1: [("t",), ("before",), (self.other,), (drop,)],
                2: [("t", "app"), ("before", "app"), (drop, "app"), (self.new, "create"), ("t", "before")],
                3: [("t", "before", "made")]}.get(count, [("x",) * count])

    # ---- the file ----

    def make_file(self, script, *rows):
        """A file whose schema calls functions that its maker has, and the victim's SQLite does not: rows go into sqlite_schema."""
        for end in ("", "-journal", "-wal"):
            if os.path.exists(self.file + end):
                os.unlink(self.file + end)
        db = sqlite3.connect(self.file, isolation_level=None)
        for name, count in self.functions:
            db.create_function(name, count, lambda *values: 1, deterministic=True)
        db.executescript("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY; " + script)
        if rows:
            db.execute("PRAGMA writable_schema = ON")
            db.executemany("INSERT INTO sqlite_schema(type, name, tbl_name, rootpage, sql) VALUES ('table', ?1, ?1, 0, ?2)", rows)
        db.close()

    def try_all(self, db, schema, statements=STATEMENTS):
        """Runs each statement; those that fail are fine."""
        for text in statements:
            try:
                db.execute(text.format(schema + "." if schema else "", schema or "main")).fetchall()
            except sqlite3.Error:
                pass

    def unchanged(self, db, what):
        self.assertEqual(self.print_of(db), self.known, what)

    # ---- functions ----

    def test_expressions_of_an_attached_file(self):
        self.known = self.print_of(self.db)
        attacks = 0
        for (name, count), (place, script) in itertools.product(self.functions, PLACES.items()):
            for arguments in self.arguments(count):
                call = call_sites(name, arguments)
                try:
                    self.make_file(script.format(call))
                except ERROR:  # the maker's own SQLite does not take it
                    continue
                try:
                    self.run_sql("ATTACH ? AS f", self.file)
                except sqlite3.DatabaseError as error:  # SQLite itself refuses functions that are not deterministic there
                    self.assertIn("non-deterministic", str(error))
                    continue
                self.db.executescript("PRAGMA f.synchronous = OFF; PRAGMA f.journal_mode = MEMORY")
                self.try_all(self.db, "f")
                self.run_sql("DETACH f")
                self.unchanged(self.db, (place, call))
                attacks += 1
        print(f"count: {attacks} foreign files with a function in an expression")
        self.assertGreater(attacks, 500)

    def test_expressions_of_the_main_file_read_before_or_after_the_extension(self):
        attacks = 0
        self.db.close()
        for late, (name, count), (place, script) in itertools.product((False, True), self.functions, PLACES.items()):
            call = call_sites(name, self.arguments(count)[0])
            self.make_file("CREATE TABLE first(a); " + script.format(call))
            db = sqlite3.connect(self.file, isolation_level=None)
            if late:  # the schema is read while the functions are not there
                db.execute("SELECT * FROM first").fetchall()
            db.enable_load_extension(True)
            db.load_extension(sqlcase.EXTENSION)
            try:
                db.executescript("PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY")
                self.run_sql("SELECT firn_attach(?)", self.path, db=db)
                self.known = self.print_of(db)
            except sqlite3.DatabaseError as error:
                self.assertIn("non-deterministic", str(error))
                self.try_all(db, "")
                db.close()
                continue
            self.try_all(db, "")
            self.unchanged(db, (late, place, call))
            db.close()
            attacks += 1
        print(f"count: {attacks} foreign files as the main database")
        self.db = sqlcase.connect()

    def test_functions_that_a_virtual_table_of_the_file_calls(self):
        """FTS4 calls the functions of its options in statements of its own, which SQLITE_DIRECTONLY does not know of."""
        self.known = self.print_of(self.db)
        victims = ("t", "before", self.new, "DROP TABLE t")
        for name in sorted({name for name, count in self.functions if count == 1}):
            for option in ("compress", "uncompress"):
                try:
                    other = "uncompress" if option == "compress" else "compress"
                    self.make_file(f"CREATE VIRTUAL TABLE notes USING fts4(a, {option}={name}, {other}=lower)")
                    db = sqlite3.connect(self.file, isolation_level=None)
                    db.executemany("INSERT INTO notes_content VALUES (NULL, ?)", [(victim,) for victim in victims])
                    db.close()
                except ERROR as error:
                    if "no such module" in str(error):
                        self.skipTest("SQLite has no FTS4")
                    raise
                self.run_sql("ATTACH ? AS f", self.file)
                self.try_all(self.db, "f", ["SELECT * FROM {0}notes WHERE docid = %d" % i for i in range(1, 5)]
                             + ["SELECT a FROM {0}notes"] + ["INSERT INTO {0}notes VALUES ('%s')" % victim for victim in victims])
                self.run_sql("DETACH f")
                self.unchanged(self.db, (name, option))

    def test_what_the_program_itself_says_in_other_statements(self):
        self.known = self.print_of(self.db)
        self.run_sql("CREATE TABLE mine(a)")
        self.run_sql("INSERT INTO mine VALUES ('t')")
        self.run_sql("CREATE TEMP VIEW w AS SELECT firn_drop('t') AS a")
        self.run_sql("CREATE TEMP TRIGGER r AFTER INSERT ON main.mine BEGIN SELECT firn_drop(NEW.a); END")
        self.db.create_function("run", 1, lambda text: self.db.execute(text).fetchall()[0][0])
        for text in ("SELECT firn_drop(a) FROM mine", "SELECT a FROM w", "INSERT INTO mine VALUES ('t')", "INSERT INTO mine SELECT firn_drop('t')",
                     "SELECT 1 WHERE firn_drop('t') IN w", "SELECT (SELECT firn_drop('t') FROM mine)", "WITH x AS (SELECT firn_drop('t')) SELECT * FROM x",
                     "VALUES (firn_drop('t'))", "SELECT run('SELECT firn_drop(''t'')')", "SELECT * FROM firn_query('SELECT firn_drop(''t'')')",
                     "SELECT firn_drop('t') /* */ FrOm mine", "CREATE TABLE made AS SELECT firn_drop('t')"):
            with self.assertRaises(ERROR, msg=text):
                self.run_sql(text)
        self.run_sql("DROP VIEW w")
        self.run_sql("DROP TRIGGER r")
        self.unchanged(self.db, "statements")
        # A file cannot use that the program calls the same function at the same time.
        self.run_sql("DELETE FROM mine")
        self.run_sql("INSERT INTO mine VALUES (1), (2)")
        rows = self.db.execute("SELECT a FROM mine")
        self.assertEqual(rows.fetchone(), (1,))
        self.assertEqual(self.one("SELECT /* FROM */ firn_checkpoint(substr('two from in', 1, 3)) AS \"in\" -- from"), 2)
        self.assertEqual(rows.fetchone(), (2,))
        self.assertEqual(self.one("SELECT ?1 + firn_checkpoint(?2)", 1, "x"), 4)

    # ---- modules ----

    def test_virtual_tables_of_the_file(self):
        self.known = self.print_of(self.db)
        attacks = 0
        arguments = [(), (self.other, "o"), (self.other, "o", "at=x"), (self.new, "o"), (self.new, "o", "create"), (".",), ("t", "before"),
                     ("t", "before", "latest"), ("SELECT firn_drop('t')",), ("SELECT load_extension('x')",), ("latest", self.other), (self.other,)]
        uses = ("SELECT * FROM {0}evil", "INSERT INTO {0}evil VALUES (1)", "DELETE FROM {0}evil", "SELECT count(*) FROM {0}evil", "SELECT * FROM {0}v",
                "INSERT INTO {0}notes VALUES (1)", "BEGIN; SELECT * FROM {0}evil", "ROLLBACK", "ALTER TABLE {0}evil RENAME TO evil2",
                *STATEMENTS)
        for module, given in itertools.product(self.modules, arguments):
            text = ", ".join("'" + argument.replace("'", "''") + "'" for argument in given)
            self.make_file("CREATE TABLE notes(a)", ("evil", f"CREATE VIRTUAL TABLE evil USING {module}({text})"))
            db = sqlite3.connect(self.file, isolation_level=None)
            db.executescript("CREATE VIEW v AS SELECT * FROM evil; CREATE TRIGGER r AFTER INSERT ON notes BEGIN DELETE FROM evil; END")
            db.close()
            self.run_sql("ATTACH ? AS f", self.file)
            self.try_all(self.db, "f", uses)
            self.run_sql("DETACH f")
            self.unchanged(self.db, (module, given))
            attacks += 1
        print(f"count: {attacks} foreign files with a virtual table")

    def test_what_a_statement_of_a_schema_runs_has_no_more_rights(self):
        """firn_query runs a text as a statement of its own, for which SQLite's own rules about schemas do not hold."""
        self.make_file("CREATE TABLE notes(a)", ("evil", "CREATE VIRTUAL TABLE evil USING firn_query('SELECT only_direct()')"))
        calls = []
        self.db.create_function("only_direct", 0, lambda: calls.append(1))
        self.run_sql("ATTACH ? AS f", self.file)
        self.fails(ERROR, "can only be in the schema temp", "SELECT * FROM f.evil")
        self.fails(ERROR, "can only be in the schema temp", "CREATE VIRTUAL TABLE main.q USING firn_query('SELECT 1')")
        self.run_sql("CREATE VIRTUAL TABLE temp.q USING firn_query('SELECT 1 AS a')")
        self.assertEqual(self.run_sql("SELECT a FROM q"), [(1,)])
        self.assertEqual(calls, [])

    def test_functions_of_tables_in_views_and_triggers_of_the_file(self):
        self.known = self.print_of(self.db)
        for module in self.modules:
            for arguments in ("()", "('t')", "('t', 'before')", "('SELECT firn_drop(''t'')')", ""):
                for script in (f"CREATE TABLE notes(a); CREATE VIEW v AS SELECT 1 AS a FROM {module}{arguments}",
                               "CREATE TABLE notes(a); CREATE TRIGGER r AFTER INSERT ON notes BEGIN "
                               f"INSERT INTO notes SELECT 1 FROM {module}{arguments}; END"):
                    try:
                        self.make_file(script)
                    except ERROR:
                        continue
                    self.run_sql("ATTACH ? AS f", self.file)
                    uses = "SELECT * FROM f.v" if "VIEW" in script else "INSERT INTO f.notes VALUES (1)"
                    with self.assertRaises(ERROR, msg=(module, arguments)):
                        self.run_sql(uses)
                    self.run_sql("DETACH f")
                    self.unchanged(self.db, (module, arguments))

    def test_tables_that_full_text_search_of_the_file_reads(self):
        """A table with external content reads it in a statement of its own."""
        self.known = self.print_of(self.db)
        for module in self.modules:
            for search in ("fts4", "fts5"):
                try:
                    self.make_file(f"CREATE VIRTUAL TABLE notes USING {search}(kind, content='{module}')")
                except ERROR:
                    continue
                self.run_sql("ATTACH ? AS f", self.file)
                self.try_all(self.db, "f", ["SELECT * FROM {0}notes", "INSERT INTO {0}notes(notes) VALUES ('rebuild')",
                                            "INSERT INTO {0}notes(rowid, kind) VALUES (1, 'x')", "SELECT * FROM {0}notes WHERE notes MATCH 'x'"])
                self.run_sql("DETACH f")
                self.unchanged(self.db, (module, search))


class Confined(sqlcase.Case):
    def test_one_store_and_no_other_path(self):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY)")
        other = os.path.join(self.dir, "other.firn")
        self.run_sql("SELECT firn_confine(?)", self.path)
        for text in ("SELECT firn_attach(?)", "SELECT firn_attach(?, 'create')", "SELECT * FROM firn_log(?)", "SELECT * FROM firn_files('latest', ?)",
                     "SELECT * FROM firn_changes('latest', NULL, ?)", "SELECT firn_confine(?)"):
            self.fails(ERROR, "opens nothing but its own store", text, other)
        self.fails(ERROR, "opens nothing", f"CREATE VIRTUAL TABLE temp.x USING firn('{other}', 't')")
        self.assertFalse(os.path.exists(other))
        self.run_sql("SELECT firn_detach('app')")
        self.run_sql("SELECT firn_attach(?)", os.path.join(self.dir, ".", "app.firn"))
        self.run_sql("INSERT INTO t VALUES (1)")
        self.run_sql("SELECT firn_confine()")
        self.fails(ERROR, "opens nothing", "SELECT firn_attach(?)", other)

    def test_settings(self):
        self.run_sql("SELECT firn_confine()")
        self.assertEqual(self.one("PRAGMA trusted_schema"), 0)
        self.assertEqual(self.one("PRAGMA cell_size_check"), 1)
        self.run_sql("PRAGMA writable_schema = ON")
        with self.assertRaises(sqlite3.OperationalError):
            self.run_sql("INSERT INTO sqlite_schema VALUES ('table', 'x', 'x', 0, 'CREATE TABLE x(a)')")
        with self.assertRaises(sqlite3.Error):
            self.run_sql("SELECT '" + "x" * (5 << 20) + "'")


if __name__ == "__main__":
    sqlcase.main()
