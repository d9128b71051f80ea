# SPDX-License-Identifier: Apache-2.0
"""What goes wrong around the extension: other processes, fork, threads, interrupts, damage."""
import glob
import os
import shutil
import sqlite3
import subprocess
import sys
import threading

import sqlcase

ERROR = sqlite3.OperationalError


class Faults(sqlcase.Case):
    def fill(self, count=3000):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, n INT)")
        self.run_sql("BEGIN")
        self.db.executemany("INSERT INTO t VALUES (?, ?, ?)", [(i, f"n{i}", i % 10) for i in range(1, count + 1)])
        self.run_sql("COMMIT")

    def test_loaded_twice(self):
        self.fill(3)
        self.db.enable_load_extension(True)
        self.db.load_extension(sqlcase.EXTENSION)
        self.assertEqual(self.one("SELECT count(*) FROM t"), 3)
        self.assertRegex(self.one("SELECT firn_version()"), r"^\d+\.\d+\.\d+$")

    def test_the_store_is_open_in_another_process(self):
        self.fill(3)
        self.db.close()
        holder = subprocess.Popen([sys.executable, "-c", f"""
import sys
sys.argv[1:] = [{sqlcase.EXTENSION!r}, 'firn']
sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})
import sqlcase
db = sqlcase.connect()
db.execute("SELECT firn_attach(?)", ({self.path!r},)).fetchall()
print('open', flush=True)
for line in sys.stdin:
    db.execute(line).fetchall()
    print('done', flush=True)
"""], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.assertEqual(holder.stdout.readline(), "open\n")
        self.db = sqlcase.connect()
        wrong = self.fails(ERROR, "", "SELECT firn_attach(?)", self.path)
        if sys.version_info >= (3, 11):
            self.assertEqual(wrong.sqlite_errorcode, sqlite3.SQLITE_BUSY)
        self.run_sql("SELECT firn_attach(?, 'read-only')", self.path)
        self.assertEqual(self.one("SELECT count(*) FROM t"), 3)
        self.fails(ERROR, "read-only", "INSERT INTO t (id) VALUES (9)")
        self.fails(ERROR, "read-only", "SELECT firn_create('CREATE TABLE u (a INT)')")
        holder.stdin.write("INSERT INTO t (name) VALUES ('new')\n")
        holder.stdin.flush()
        self.assertEqual(holder.stdout.readline(), "done\n")
        self.assertEqual(self.one("SELECT count(*) FROM t"), 4)
        self.run_sql("BEGIN")
        self.assertEqual(self.one("SELECT count(*) FROM t"), 4)
        holder.stdin.write("INSERT INTO t (name) VALUES ('newer')\n")
        holder.stdin.flush()
        self.assertEqual(holder.stdout.readline(), "done\n")
        self.assertEqual(self.one("SELECT count(*) FROM t"), 4)
        self.run_sql("COMMIT")
        self.assertEqual(self.one("SELECT count(*) FROM t"), 5)
        holder.stdin.close()
        self.assertEqual(holder.wait(), 0)
        holder.stdout.close()

    def test_after_fork(self):
        self.fill(3)
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                self.db.execute("SELECT * FROM t").fetchall()
            except sqlite3.Error:
                code = 0
            os._exit(code)
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), 0)
        self.assertEqual(self.one("SELECT count(*) FROM t"), 3)

    def test_threads_with_connections_of_their_own(self):
        self.fill(100)
        problems = []

        def work(number):
            try:
                db = sqlcase.connect()
                self.run_sql("SELECT firn_attach(?)", self.path, db=db)
                for i in range(50):
                    key = 1000 + 100 * number + i
                    self.run_sql("INSERT INTO t VALUES (?, 'x', ?)", key, number, db=db)
                    if self.one("SELECT n FROM t WHERE id = ?", key, db=db) != number:
                        problems.append(key)
                    self.run_sql("SELECT sum(n) FROM t", db=db)
                db.close()
            except Exception as wrong:  # pylint: disable=broad-except
                problems.append(wrong)

        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(problems, [])
        self.assertEqual(self.one("SELECT count(*) FROM t"), 300)

    def test_a_table_is_not_dropped_under_an_open_statement(self):
        self.fill()
        reading = self.db.execute("SELECT * FROM t")
        next(reading)
        self.fails(ERROR, "locked", "SELECT firn_drop('t')")
        self.fails(ERROR, "locked", "SELECT firn_detach('app')")
        self.assertEqual(len(reading.fetchall()), 2999)
        self.run_sql("SELECT firn_drop('t')")

    def test_a_table_is_dropped_by_another_connection_under_an_open_statement(self):
        self.fill()
        reading = self.db.execute("SELECT * FROM t")
        next(reading)
        other = sqlcase.connect()
        self.run_sql("SELECT firn_attach(?)", self.path, db=other)
        self.run_sql("SELECT firn_drop('t')", db=other)
        self.assertEqual(len(reading.fetchall()), 2999)
        with self.assertRaises(sqlite3.Error):
            self.run_sql("SELECT * FROM t")
        with self.assertRaises(sqlite3.Error):
            self.run_sql("INSERT INTO t (n) VALUES (1)")
        other.close()

    def test_interrupt(self):
        self.fill(3000)
        timer = threading.Timer(0.3, self.db.interrupt)
        timer.start()
        self.fails(ERROR, "interrupted", "SELECT count(*) FROM t a, t b, t c WHERE a.n + b.n = c.n")
        timer.join()
        self.assertEqual(self.one("SELECT count(*) FROM t"), 3000)

    def test_interrupt_inside_of_a_scan(self):
        """Of each way to read: none waits for the next row, of which there are none."""
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, n INT)")
        self.db.close()
        path = os.path.join(self.dir, "rows.csv")
        with open(path, "w", encoding="ascii") as file:
            file.write("id,name,n\n")
            file.writelines(f"{i},name {i * 7919 % 1000003},{i % 10}\n" for i in range(1, 400001))
        sqlcase.firn("db", "table", "import", self.path, "t", path)
        self.db = sqlcase.connect()
        self.run_sql("SELECT firn_attach(?)", self.path)
        self.db.create_function("interrupt", 0, lambda: self.db.interrupt() or -1)
        for text in (
                "SELECT count(*) FROM t WHERE n = interrupt()",
                "SELECT count(*) FROM t WHERE name = interrupt() ORDER BY n",
                "SELECT count(*) FROM t a JOIN t b ON b.n = a.id AND b.name = interrupt()",
        ):
            with self.subTest(text=text):
                self.fails(ERROR, "interrupted", text)
        for text in (
                "SELECT count(*) FROM firn_query('SELECT name, n, count(*), sum(id * n + id * 3 + n) FROM t GROUP BY name, n')",
                "SELECT count(*) FROM (SELECT name, count(*) FROM t GROUP BY name)",
                "SELECT count(*) FROM t a JOIN t b ON a.name = b.name",
        ):
            with self.subTest(text=text):
                seen = 0
                for attempt in range(20):
                    timer = threading.Timer(0.02 + 0.03 * attempt, self.db.interrupt)
                    timer.start()
                    try:
                        self.assertEqual(len(self.run_sql(text)), 1)
                    except ERROR as wrong:
                        self.assertEqual(str(wrong), "interrupted")
                        seen += 1
                    timer.join()
                    if seen == 3:
                        break
                self.assertGreater(seen, 0)
        self.assertEqual(self.one("SELECT count(*) FROM t"), 400000)

    def test_memory_that_is_limited(self):
        self.fill(20000)
        self.assertEqual(self.one("PRAGMA hard_heap_limit = 0"), 0)
        used = 40 << 20
        self.run_sql(f"PRAGMA hard_heap_limit = {used}")
        try:
            for text in ("SELECT count(*), hex(zeroblob(60000000)) FROM t",
                         "SELECT group_concat(name || hex(zeroblob(2000)), '') FROM t"):
                with self.assertRaises((MemoryError, sqlite3.Error)):
                    self.run_sql(text)
                self.assertEqual(self.one("SELECT count(*) FROM t WHERE n = 3"), 2000)
        finally:
            self.run_sql("PRAGMA hard_heap_limit = 0")
        self.assertEqual(self.one("SELECT sum(n) FROM t"), 90000)
        # A transaction takes up to a quarter of the store's memory.
        other = os.path.join(self.dir, "small.firn")
        self.run_sql("SELECT firn_attach(?, 'create', 'name=small', 'prefix=s_', 'memory=16')", other)
        self.run_sql("SELECT firn_create('CREATE TABLE t (id INTEGER PRIMARY KEY, b BLOB)', 'small')")
        self.run_sql("INSERT INTO s_t (b) VALUES (x'00')")
        self.run_sql("BEGIN")
        with self.assertRaises(sqlite3.Error):
            for _ in range(100):
                self.run_sql("INSERT INTO s_t (b) VALUES (zeroblob(1000000))")
        self.db.rollback()
        self.assertEqual(self.one("SELECT count(*) FROM s_t"), 1)
        self.run_sql("INSERT INTO s_t (b) VALUES (zeroblob(1000000))")
        self.assertEqual(self.one("SELECT sum(length(b)) FROM s_t"), 1000001)

    def test_two_copies_of_the_extension(self):
        self.fill(3)
        copy = os.path.join(self.dir, "another.so")
        name = sqlcase.EXTENSION if sqlcase.EXTENSION.endswith(".so") else sqlcase.EXTENSION + ".so"
        shutil.copy(name, copy)
        self.db.enable_load_extension(True)
        self.db.execute("SELECT load_extension(?, 'sqlite3_firnsqlite_init')", (copy,)).fetchall()
        self.assertEqual(self.one("SELECT count(*) FROM t"), 3)
        # Their stores are not shared: the second one finds the store open.
        db = sqlite3.connect(":memory:", isolation_level=None)
        db.enable_load_extension(True)
        db.execute("SELECT load_extension(?, 'sqlite3_firnsqlite_init')", (copy,)).fetchall()
        self.fails(ERROR, "", "SELECT firn_attach(?)", self.path, db=db)
        self.run_sql("SELECT firn_attach(?, 'read-only')", self.path, db=db)
        self.assertEqual(self.one("SELECT count(*) FROM t", db=db), 3)
        db.close()
        self.run_sql("INSERT INTO t (name) VALUES ('more')")
        self.assertEqual(self.one("SELECT count(*) FROM t"), 4)

    def test_schema_changed_under_prepared_statements(self):
        self.fill(3)
        other = sqlcase.connect()
        self.run_sql("SELECT firn_attach(?)", self.path, db=other)
        reading = "SELECT * FROM t WHERE id = ?"
        writing = "INSERT INTO t (name, n) VALUES (?, ?)"
        self.assertEqual(self.run_sql(reading, 2), [(2, "n2", 2)])
        self.run_sql(writing, "a", 1)
        self.run_sql("SELECT firn_create('ALTER TABLE t ADD COLUMN more INT DEFAULT 5')", db=other)
        for _ in range(3):  # it is noticed with the next statement, or the one after
            self.run_sql(writing, "b", 2)
            row = self.one(reading, 2)
        self.assertEqual(row, (2, "n2", 2, 5))
        self.run_sql("SELECT firn_create('ALTER TABLE t DROP COLUMN n')", db=other)
        with self.assertRaises(sqlite3.Error):
            for _ in range(3):
                self.run_sql(writing, "c", 3)
        for _ in range(3):
            try:  # never without the row
                self.assertEqual(self.one(reading, 2), (2, "n2", 5))
            except ERROR as wrong:
                self.assertIn("n", str(wrong))
        self.assertEqual(self.one(reading, 2), (2, "n2", 5))
        self.run_sql("SELECT firn_drop('t')", db=other)
        with self.assertRaises(sqlite3.Error):
            for _ in range(3):
                self.run_sql(reading, 2)
        other.close()

    def test_damage(self):
        self.fill(20000)
        self.db.close()
        sqlcase.firn("db", "compact", self.path)
        files = [name for name in glob.glob(self.path + "/**", recursive=True) if os.path.isfile(name)]
        largest = max(files, key=os.path.getsize)
        with open(largest, "r+b") as file:
            size = os.path.getsize(largest)
            for at in range(size // 4, size // 2, 97):
                file.seek(at)
                file.write(b"\x5a")
        self.db = sqlcase.connect()
        with self.assertRaises(sqlite3.DatabaseError) as caught:
            self.run_sql("SELECT firn_attach(?)", self.path)
            self.run_sql("SELECT sum(n), max(name) FROM t")
        if sys.version_info >= (3, 11):
            self.assertEqual(caught.exception.sqlite_errorcode & 255, sqlite3.SQLITE_CORRUPT)

    def test_views_and_triggers_of_a_database_do_not_reach_stores(self):
        self.fill(3)
        path = os.path.join(self.dir, "plain.db")
        db = sqlcase.connect(path)
        self.run_sql(f"CREATE VIRTUAL TABLE t USING firn({self.path!r}, 't')", db=db)
        self.assertEqual(self.one("SELECT count(*) FROM t", db=db), 3)
        self.run_sql("CREATE VIEW v AS SELECT * FROM t", db=db)
        self.fails(ERROR, "unsafe use", "SELECT * FROM v", db=db)
        self.run_sql("CREATE VIEW w AS SELECT firn_attach('/')", db=db)
        self.fails(ERROR, "unsafe use", "SELECT * FROM w", db=db)
        self.run_sql("CREATE TEMP VIEW x AS SELECT * FROM t", db=db)
        self.assertEqual(len(self.run_sql("SELECT * FROM x", db=db)), 3)
        db.close()
        # What the schema names is not opened before the program has named it, and not for more than it wanted.
        db = sqlcase.connect(path)
        self.fails(ERROR, "has not attached", "SELECT count(*) FROM t", db=db)
        self.run_sql("SELECT firn_attach(?, 'prefix=x_', 'read-only')", self.path, db=db)
        self.fails(ERROR, "wants to write", "SELECT count(*) FROM t", db=db)
        self.run_sql("SELECT firn_detach('app')", db=db)
        self.run_sql("SELECT firn_attach(?, 'prefix=x_')", self.path, db=db)
        self.assertEqual(self.one("SELECT count(*) FROM t", db=db), 3)
        db.close()

    def test_triggers_of_this_connection_and_other_databases_in_one_transaction(self):
        self.fill(3)
        self.run_sql("CREATE TABLE log (id)")
        self.run_sql("CREATE TEMP TRIGGER note AFTER INSERT ON main.log BEGIN INSERT INTO t (name) VALUES ('log' || NEW.id); END")
        self.run_sql("BEGIN")
        self.run_sql("INSERT INTO log VALUES (1), (2)")
        self.assertEqual(self.one("SELECT count(*) FROM t"), 5)
        self.run_sql("ROLLBACK")
        self.assertEqual(self.one("SELECT count(*) FROM t"), 3)
        self.assertEqual(self.one("SELECT count(*) FROM log"), 0)
        self.run_sql("INSERT INTO log VALUES (1)")
        self.assertEqual(self.one("SELECT count(*) FROM t"), 4)

    def test_what_is_committed_is_there_after_kill(self):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, n INT)")
        self.create("CREATE TABLE u (id INTEGER PRIMARY KEY, n INT)")
        self.db.close()
        for _ in range(3):
            writer = subprocess.Popen([sys.executable, "-c", f"""
import sys
sys.argv[1:] = [{sqlcase.EXTENSION!r}, 'firn']
sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})
import sqlcase
db = sqlcase.connect()
db.execute("SELECT firn_attach(?)", ({self.path!r},)).fetchall()
while True:
    db.execute("BEGIN")
    key = db.execute("INSERT INTO t (n) VALUES (1) RETURNING 1").fetchall()
    key = db.execute("SELECT max(id) FROM t").fetchall()[0][0]
    db.execute("INSERT INTO u VALUES (?, 1)", (key,))
    db.execute("COMMIT")
    print(key, flush=True)
"""], stdout=subprocess.PIPE, text=True)
            last = [writer.stdout.readline() for _ in range(30)][-1]
            writer.kill()
            rest = writer.stdout.read().split("\n")
            writer.wait()
            writer.stdout.close()
            acknowledged = max(int(last), *[int(key) for key in rest[:-1]] or [0])
            self.db = sqlcase.connect()
            self.run_sql("SELECT firn_attach(?)", self.path)
            self.assertGreaterEqual(self.one("SELECT max(id) FROM t"), acknowledged)
            self.assertEqual(self.run_sql("SELECT id FROM t"), self.run_sql("SELECT id FROM u"))
            self.db.close()
        self.db = sqlcase.connect()

    def test_the_directory_of_a_killed_test_is_removed(self):
        with subprocess.Popen([sys.executable, "-B", "-c", f"""
import sys
sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})
import sqlcase
directory = sqlcase.Temporary()
print(directory.name, flush=True)
sys.stdin.read()
"""], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as child:
            name = child.stdout.readline().strip()
            os.utime(name, (0, 0))
            sqlcase.sweep()
            self.assertTrue(os.path.isdir(name))
            child.kill()
            child.wait()
        sqlcase.sweep()
        self.assertFalse(os.path.isdir(name))


if __name__ == "__main__":
    sqlcase.main()
