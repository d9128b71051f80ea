# SPDX-License-Identifier: Apache-2.0
"""Reading tables of firn through SQLite: values of every type, lookups, bounds, orders, limits."""
import struct

import sqlcase


class Values(sqlcase.Case):
    def test_every_type_comes_back(self):
        self.create(
            """CREATE TABLE v (id INTEGER PRIMARY KEY, b BOOLEAN, i8 TINYINT, i16 SMALLINT, i32 I32, i64 BIGINT,
            u8 U8, u16 U16, u32 U32, u64 U64, f32 F32, f64 REAL, d DECIMAL(8, 2), n NUMERIC(18, 0),
            day DATE, at TIMESTAMP, t TEXT, x BLOB, u UUID, e VECTOR(2))"""
        )
        rows = [
            (1, 1, -128, -32768, -2**31, -2**63, 255, 65535, 2**32 - 1, 2**63 - 1, 0.5, 1e300, 12.30, 10**17,
             "2026-01-31", "2026-01-31 23:59:59.5", "tea", b"\0\xff", "123e4567-e89b-12d3-a456-426614174000",
             struct.pack("<2f", 1.0, 2.5)),
            (2, 0, 127, 32767, 2**31 - 1, 2**63 - 1, 0, 0, 0, 0, -1.25, -0.1, -999999.99, -(10**18 - 1),
             "0001-01-01", "0001-01-01 00:00:00", "", b"", "00000000-0000-0000-0000-000000000000",
             struct.pack("<2f", 0.0, -1.0)),
            (3, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0.0, 0.0, 0.0, 0, "9999-12-31", "9999-12-31 23:59:59.999999",
             "grün\0rot", b"x" * 5000, "ffffffff-ffff-ffff-ffff-ffffffffffff", struct.pack("<2f", 3.0, 4.0)),
            tuple([4] + [None] * 19),
        ]
        for row in rows:
            self.run_sql(f"INSERT INTO v VALUES ({', '.join('?' * 20)})", *row)
        self.assertEqual(self.run_sql("SELECT * FROM v ORDER BY id"), rows)
        for row in rows:  # by key
            self.assertEqual(self.run_sql("SELECT * FROM v WHERE id = ?", row[0]), [row])
        kinds = self.one("""SELECT typeof(b) || typeof(i64) || typeof(u64) || typeof(f32) || typeof(d) || typeof(n) ||
                         typeof(day) || typeof(at) || typeof(t) || typeof(x) || typeof(u) || typeof(e) FROM v WHERE id = 1""")
        self.assertEqual(kinds, "integerintegerintegerrealrealintegertexttexttextblobtextblob")
        # Every value finds its row.
        names = [row[1] for row in self.run_sql("PRAGMA table_info(v)")]
        for place, name in enumerate(names):
            for row in rows[:3]:
                found = self.run_sql(f'SELECT id FROM v WHERE "{name}" = ?', row[place])
                same = [(other[0],) for other in rows if other[place] == row[place] and other[place] is not None]
                self.assertEqual(found, same, (name, row[place]))
            self.assertEqual(self.run_sql(f'SELECT id FROM v WHERE "{name}" IS NULL'), [(4,)] if place else [])
            self.assertEqual(len(self.run_sql(f'SELECT id FROM v WHERE "{name}" IS NOT NULL')), 3 if place else 4)

    def test_unsigned_numbers_above_the_signed_ones_are_real(self):
        self.create("CREATE TABLE n (k TEXT PRIMARY KEY, u U64)")
        self.run_sql("INSERT INTO n VALUES ('max', '18446744073709551615'), ('half', ?), ('one', 1)", 2.0**63)
        self.assertEqual(self.run_sql("SELECT k, u FROM n ORDER BY u"),
                         [("one", 1), ("half", 2.0**63), ("max", 2.0**64)])
        self.assertEqual(self.run_sql("SELECT k FROM n WHERE u > 9223372036854775807 ORDER BY k"), [("half",), ("max",)])

    def test_values_that_are_converted(self):
        self.create("CREATE TABLE c (id INTEGER PRIMARY KEY, i BIGINT, d DECIMAL(6,2), t TEXT, at TIMESTAMP, u UUID, f REAL)")
        self.run_sql("INSERT INTO c VALUES ('7', 5.0, '12.3', 5, '2026-01-31T10:00:00Z', ?, 3)", bytes(range(16)))
        self.assertEqual(self.one("SELECT * FROM c"),
                         (7, 5, 12.3, "5", "2026-01-31 10:00:00", "00010203-0405-0607-0809-0a0b0c0d0e0f", 3.0))
        self.run_sql("UPDATE c SET d = 0.1 + 0.2")
        self.assertEqual(self.one("SELECT d FROM c"), 0.3)

    def test_values_that_are_refused(self):
        self.create("CREATE TABLE c (id INTEGER PRIMARY KEY, i TINYINT, d DECIMAL(4,2), day DATE, x BLOB, u UUID, e VECTOR(2), b BOOLEAN)")
        refused = sqlcase.sqlite3.IntegrityError
        limit = sqlcase.sqlite3.DataError
        self.fails(limit, "column i: 128 is out of the range of i8", "INSERT INTO c (i) VALUES (128)")
        self.fails(refused, "column i: '1.5' is no whole number", "INSERT INTO c (i) VALUES (1.5)")
        self.fails(refused, "column i", "INSERT INTO c (i) VALUES ('many')")
        self.fails(refused, "column d: '0.125' has more than 2 digits", "INSERT INTO c (d) VALUES (0.125)")
        self.fails(sqlcase.sqlite3.Error, "d", "INSERT INTO c (d) VALUES (100)")
        self.fails(refused, "column day", "INSERT INTO c (day) VALUES ('2026-02-30')")
        self.fails(refused, "column day: '5' is no date", "INSERT INTO c (day) VALUES (5)")
        self.fails(refused, "column x: '5' is no blob", "INSERT INTO c (x) VALUES (5)")
        self.fails(refused, "column u: a blob of 3 bytes", "INSERT INTO c (u) VALUES (x'010203')")
        self.fails(refused, "column e: a blob of 3 bytes", "INSERT INTO c (e) VALUES (x'010203')")
        self.fails(limit, "column b", "INSERT INTO c (b) VALUES (2)")
        self.assertEqual(self.run_sql("SELECT * FROM c"), [])

    def test_declared_types(self):
        self.create("CREATE TABLE d (id INTEGER PRIMARY KEY, a DECIMAL(8,2), b DATE NOT NULL DEFAULT '2026-01-01', c VECTOR(3))")
        info = self.run_sql("SELECT name, type, \"notnull\", pk FROM pragma_table_info('d')")
        self.assertEqual(info, [("id", "INTEGER", 1, 1), ("a", "DECIMAL(8,2)", 0, 0), ("b", "DATE TEXT", 1, 0),
                                ("c", "BLOB VECTOR(3)", 0, 0)])

    def test_columns_have_defaults_and_the_whole_key(self):
        self.create("""CREATE TABLE k (a INT DEFAULT -1, b TEXT DEFAULT 'it''s', c DATE DEFAULT '2026-01-01', d DECIMAL(8,2) DEFAULT 1.50,
                    e BLOB DEFAULT x'0aff', f BOOLEAN NOT NULL DEFAULT true, g INT DEFAULT NULL, PRIMARY KEY (b, a))""")
        self.assertEqual(self.run_sql("SELECT * FROM firn_columns('k')"),
                         [("a", "BIGINT", 1, "-1", 2), ("b", "TEXT", 1, "'it''s'", 1), ("c", "DATE TEXT", 0, "'2026-01-01'", 0),
                          ("d", "DECIMAL(8,2)", 0, "1.50", 0), ("e", "BLOB", 0, "x'0aff'", 0), ("f", "BOOLEAN", 1, "true", 0),
                          ("g", "BIGINT", 0, None, 0)])
        self.assertEqual(self.run_sql("SELECT name, \"notnull\" FROM pragma_table_info('k') WHERE \"notnull\""),
                         [("a", 1), ("b", 1), ("f", 1)])
        self.create("CREATE TABLE l (n INT DEFAULT 4)")
        self.assertEqual(self.run_sql("SELECT * FROM firn_columns('l')"), [("n", "BIGINT", 0, "4", 0)])
        self.create("CREATE TABLE m (id SMALLINT PRIMARY KEY)")
        self.assertEqual(self.run_sql("SELECT * FROM firn_columns('m')"), [("id", "INTEGER", 1, None, 1)])
        self.fails(sqlcase.sqlite3.OperationalError, "nowhere", "SELECT * FROM firn_columns('nowhere')")


class Lookups(sqlcase.Case):
    def setUp(self):
        super().setUp()
        self.create("""CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT NOT NULL, age INT, town TEXT,
                    UNIQUE INDEX by_name (name), INDEX by_town (town, age))""")
        self.people = []
        self.run_sql("BEGIN")
        for i in range(1, 2501):
            person = (i, f"name{i:05d}", i % 90 if i % 7 else None, f"town{i % 13}" if i % 11 else None)
            self.people.append(person)
            self.run_sql("INSERT INTO people VALUES (?, ?, ?, ?)", *person)
        self.run_sql("COMMIT")

    def check(self, text, *values, want=None):
        """firn's rows are those of a copy in SQLite."""
        if not hasattr(self, "copied"):
            self.copied = True
            self.run_sql("CREATE TABLE copy (id INTEGER PRIMARY KEY, name TEXT, age INT, town TEXT)")
            self.db.executemany("INSERT INTO copy VALUES (?, ?, ?, ?)", self.people)
        found = self.run_sql(text, *values)
        self.assertEqual(found, self.run_sql(text.replace("people", "copy"), *values), text)
        if want is not None:
            self.assertIn(want, self.plan(text, *values), text)
        return found

    def test_by_key_and_index(self):
        self.check("SELECT * FROM people WHERE id = 17", want="P0")
        self.check("SELECT * FROM people WHERE id = ?", 2500, want="P0")
        self.check("SELECT * FROM people WHERE id = ?", "17", want="P0")
        self.check("SELECT * FROM people WHERE id = ?", 17.0, want="P0")
        self.assertEqual(self.check("SELECT * FROM people WHERE id = ?", 17.5), [])
        self.assertEqual(self.check("SELECT * FROM people WHERE id = ?", None), [])
        self.assertEqual(self.check("SELECT * FROM people WHERE id = ?", 2**62), [])
        self.check("SELECT * FROM people WHERE rowid = 5", want="P0")
        self.check("SELECT rowid, * FROM people WHERE rowid BETWEEN 5 AND 8")
        self.check("SELECT * FROM people WHERE name = 'name00017'", want="P1")
        self.check("SELECT * FROM people WHERE name = ?", "name00017", want="P1")
        self.check("SELECT * FROM people WHERE name = ?", b"name00017")
        self.check("SELECT * FROM people WHERE town = 'town3' AND age = 20 ORDER BY id", want="S2")
        self.check("SELECT * FROM people WHERE town = 'town3' AND age > 20 AND age <= 30 ORDER BY id")
        self.check("SELECT * FROM people WHERE id IN (5, 3, 99999, NULL, 7) ORDER BY id")
        self.check("SELECT * FROM people WHERE name IN ('name00005', 'x', 'name00001') ORDER BY id")
        self.check("SELECT id FROM people WHERE age IN (5, 6, '7', 8.0, 9.5, 'x') ORDER BY id")
        self.check("SELECT id FROM people WHERE age IN (SELECT age FROM people WHERE id < 4) ORDER BY id")

    def test_bounds(self):
        for low, high in ((10, 20), (-5, 3), (2490, 10**6), (20, 10), (10.5, 12.5), ("10", "12"), (None, 5), ("a", "b")):
            self.check("SELECT id FROM people WHERE id BETWEEN ? AND ?", low, high, want="S0")
            self.check("SELECT id FROM people WHERE id > ? AND id < ?", low, high)
            self.check("SELECT id FROM people WHERE age >= ? AND age < ? ORDER BY id", low, high)
        self.check("SELECT id FROM people WHERE age < 3 ORDER BY id")
        self.check("SELECT id FROM people WHERE town < 'town1' ORDER BY id")
        self.check("SELECT id FROM people WHERE town > 'town8' ORDER BY id")
        self.check("SELECT id FROM people WHERE town <> 'town8' AND age IS NOT 3 ORDER BY id")
        self.check("SELECT id FROM people WHERE town IS NULL AND age IS NULL ORDER BY id")
        self.check("SELECT id FROM people WHERE town IS ? ORDER BY id", None)
        self.check("SELECT id FROM people WHERE town IS ? ORDER BY id", "town3")
        self.check("SELECT id FROM people WHERE name > x'00' ORDER BY id")
        self.check("SELECT id FROM people WHERE name < x'00' ORDER BY id LIMIT 5")

    def test_prefixes(self):
        for pattern in ("name0001%", "NAME0001_", "n%5", "%", "", "name00017", "Name00017", "_ame00017"):
            self.check("SELECT id FROM people WHERE name LIKE ? ORDER BY id", pattern)
        for pattern in ("name0001*", "NAME0001*", "n*5", "*", "", "name00017", "name0001[0-3]", "?ame00017"):
            self.check("SELECT id FROM people WHERE name GLOB ? ORDER BY id", pattern)
        self.assertIn("S1", self.plan("SELECT id FROM people WHERE name LIKE 'name0001%'"))
        self.check("SELECT id FROM people WHERE name LIKE 'name0001%' ESCAPE '!' ORDER BY id")
        self.check("SELECT id FROM people WHERE age LIKE '1%' ORDER BY id")

    def test_orders(self):
        def no_sort(text):
            self.check(text)
            self.assertNotIn("B-TREE", self.plan(text), text)

        no_sort("SELECT id FROM people ORDER BY id")
        no_sort("SELECT id FROM people ORDER BY id DESC")
        no_sort("SELECT id FROM people WHERE id > 100 ORDER BY id DESC LIMIT 10")
        no_sort("SELECT name FROM people ORDER BY name DESC LIMIT 7 OFFSET 3")
        no_sort("SELECT age, id FROM people WHERE town = 'town3' ORDER BY age, id")
        no_sort("SELECT age, id FROM people WHERE town = 'town3' ORDER BY age DESC, id DESC")
        no_sort("SELECT town, age, id FROM people WHERE town > 'town5' ORDER BY town, age, id LIMIT 100")
        self.check("SELECT town, age, id FROM people ORDER BY town, age DESC, id LIMIT 100")
        self.check("SELECT id FROM people ORDER BY age, id DESC")
        self.check("SELECT id FROM people ORDER BY name COLLATE NOCASE DESC LIMIT 5")
        self.check("SELECT DISTINCT town FROM people ORDER BY town")
        self.check("SELECT town, count(*), sum(age), min(name), max(id) FROM people GROUP BY town ORDER BY town")
        self.check("SELECT min(id), max(id), count(*), count(age), avg(age) FROM people")
        self.check("SELECT max(name) FROM people")

    def test_limits_that_are_not_enough(self):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, kind TEXT, n INT)")
        self.create("CREATE TABLE u (id INTEGER, kind TEXT, n INT, PRIMARY KEY (kind, id))")
        for table in ("t", "u"):
            self.run_sql(f"INSERT INTO {table} SELECT value, 'k' || value % 3, value * 7 % 11 FROM (WITH RECURSIVE c(value) AS "
                         "(SELECT 1 UNION ALL SELECT value + 1 FROM c WHERE value < 3000) SELECT value FROM c)")
            rows = self.run_sql(f"SELECT * FROM {table}")
            self.assertEqual(len(rows), 3000)
            self.assertEqual(self.run_sql(f"SELECT * FROM {table} LIMIT 10"), rows[:10])
            self.assertEqual(self.run_sql(f"SELECT * FROM {table} LIMIT ?", 700), rows[:700])
            self.assertEqual(self.run_sql(f"SELECT * FROM {table} LIMIT 7 OFFSET 1021"), rows[1021:1028])
            # What firn cannot test is tested by SQLite, which then asks for more rows than the limit says.
            self.assertEqual(self.run_sql(f"SELECT * FROM {table} WHERE n % 5 = 1 LIMIT 20"), [row for row in rows if row[2] % 5 == 1][:20])
            self.assertEqual(self.run_sql(f"SELECT * FROM {table} WHERE n = id LIMIT 3"), [row for row in rows if row[2] == row[0]][:3])
            self.assertEqual(self.run_sql(f"SELECT * FROM {table} WHERE abs(n) = 10 LIMIT 400"), [row for row in rows if row[2] == 10][:400])
            self.assertEqual(self.run_sql(f"SELECT kind FROM (SELECT * FROM {table} LIMIT 40) WHERE n = 3"),
                             [(row[1],) for row in rows[:40] if row[2] == 3])
            self.assertEqual(self.run_sql(f"SELECT id FROM {table} UNION ALL SELECT id FROM {table} LIMIT 2995, 10"),
                             [(row[0],) for row in rows[2995:] + rows[:5]])
        self.assertEqual(self.run_sql("SELECT id FROM t ORDER BY id DESC LIMIT 3"), [(3000,), (2999,), (2998,)])
        rows = self.run_sql("SELECT * FROM t ORDER BY id DESC")
        self.assertEqual(self.run_sql("SELECT * FROM t WHERE n = id ORDER BY id DESC LIMIT 3"), [row for row in rows if row[2] == row[0]][:3])

    def test_texts_that_come_again(self):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, few TEXT, many TEXT, odd TEXT)")
        texts = ["", "red", "gr\u00fcn", "x" * 64, "x" * 65, None]
        rows = [(i, texts[i % 6], f"text {i}" if i < 4000 else f"{i % 40:064d}", f"a\0{i % 3}" if i % 7 else "b") for i in range(6000)]
        self.run_sql("BEGIN")
        self.db.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rows)
        self.run_sql("COMMIT")
        for where in ("memory", "files"):
            with self.subTest(where=where):
                for _ in range(2):
                    self.assertEqual(self.run_sql("SELECT * FROM t"), rows)
                    # What outlives its batch: the largest and smallest values, values of the row before, a group's first.
                    self.assertEqual(self.one("SELECT min(few), max(few), min(many), max(many), max(odd) FROM t WHERE few > ''"),
                                     (min(row[1] for row in rows if row[1]), "x" * 65, min(row[2] for row in rows), "text 999", "b"))
                    self.assertEqual(self.run_sql("SELECT few, count(*) FROM t GROUP BY few ORDER BY 1"),
                                     [(text, 1000) for text in sorted(texts, key=lambda text: (text is not None, text))])
                    self.assertEqual(self.run_sql("SELECT lag(few) OVER (ORDER BY id) FROM t"), [(None,)] + [(row[1],) for row in rows[:-1]])
                    reading = self.db.execute("SELECT few FROM t")
                    first = [next(reading) for _ in range(1500)]
                    self.run_sql("SELECT max(few) FROM t")
                    self.assertEqual(first + reading.fetchall(), [(row[1],) for row in rows])
            self.db.close()
            sqlcase.firn("db", "compact", self.path)
            self.db = sqlcase.connect()
            self.run_sql("SELECT firn_attach(?)", self.path)

    def test_limits(self):
        for limit, offset in ((0, 0), (5, 0), (5, 2495), (5, 2500), (-1, 2490), (2000, 1000)):
            self.check(f"SELECT id FROM people LIMIT {limit} OFFSET {offset}")
            self.check("SELECT id FROM people WHERE id > 7 ORDER BY id DESC LIMIT ? OFFSET ?", limit, offset)
            self.check("SELECT id FROM people WHERE age > 7 AND id < 2000 ORDER BY id LIMIT ? OFFSET ?", limit, offset)
            self.check("SELECT id FROM people WHERE name > ? ORDER BY id LIMIT ? OFFSET ?", "name00100", limit, offset)

    def test_offsets_that_are_counted(self):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, a INT, b INT, s TEXT)")
        self.run_sql("BEGIN")
        for i in range(1, 3001):
            self.run_sql("INSERT INTO t VALUES (?, ?, ?, ?)", i, i % 7, i % 5, f"s{i % 100}")
        self.run_sql("COMMIT")
        self.run_sql("CREATE TEMP TABLE plain AS SELECT * FROM t")
        for order in ("", "ORDER BY id", "ORDER BY id DESC"):
            for columns in ("*", "rowid", "s, b", "(SELECT 1)", "count(*) OVER ()"):
                # Of a condition between two columns a virtual table is not told.
                for where in ("", "WHERE a = b", "WHERE b IS a", "WHERE a = 5", "WHERE a > b", "WHERE id > 100"):
                    for limit in ("10 OFFSET 2000", "10 OFFSET ?", "3 OFFSET 2999", "3 OFFSET 3000", "3 OFFSET 3001", "-1 OFFSET 63",
                                  "1000 OFFSET 64", "5 OFFSET -1", "0 OFFSET 100", "10 OFFSET 9223372036854775807"):
                        text = f"SELECT {columns} FROM {{}} {where} {order} LIMIT {limit}"
                        values = [500] * text.count("?")
                        with self.subTest(text):
                            self.assertEqual(self.run_sql(text.format("t"), *values), self.run_sql(text.format("plain"), *values))
        # A statement that goes on after the LIMIT's rows, and one in a transaction.
        self.run_sql("BEGIN")
        self.run_sql("DELETE FROM t WHERE id = 1")
        self.assertEqual(self.one("SELECT id FROM t LIMIT 1 OFFSET 1000"), 1002)
        self.run_sql("ROLLBACK")
        self.assertEqual(self.one("SELECT id FROM t LIMIT 1 OFFSET 1000"), 1001)

    def test_joins(self):
        self.check("""SELECT a.id, b.id FROM people a JOIN people b ON b.name = a.name WHERE a.id < 50 ORDER BY 1, 2""")
        self.check("""SELECT a.id, b.id FROM people a LEFT JOIN people b ON b.id = a.age WHERE a.town = 'town1' ORDER BY 1""")
        # So many lookups that the table is read once instead.
        self.check("SELECT a.id, b.name, b.town FROM people a LEFT JOIN people b ON b.id = a.id * 2 ORDER BY 1")
        self.check("SELECT sum(b.age), max(b.name) FROM people a JOIN people b ON b.id = 2501 - a.id")
        self.check("""SELECT count(*) FROM people a, people b WHERE a.town = b.town AND a.age = b.age""")
        self.run_sql("CREATE TABLE wanted (w); ")
        self.db.executemany("INSERT INTO wanted VALUES (?)", [(1,), ("2",), (3.0,), (None,), ("name00004",), (b"5",)])
        self.check("SELECT w, id FROM wanted JOIN people ON id = w ORDER BY id")
        self.check("SELECT w, id FROM wanted JOIN people ON name = w ORDER BY id")
        self.run_sql("CREATE TABLE numbers (n INTEGER); ")
        self.db.executemany("INSERT INTO numbers VALUES (?)", [(1,), (2,)])
        self.check("SELECT n, id FROM numbers JOIN people ON name = n ORDER BY id")

    def test_only_columns_that_are_used_are_read(self):
        self.assertIn("a-1", self.plan("SELECT id FROM people"))
        self.assertIn("a-2", self.plan("SELECT name FROM people"))
        self.check("SELECT count(*) FROM people")

    def test_subqueries_that_look_outside(self):
        self.create("CREATE TABLE t (a BIGINT, b BIGINT, n BIGINT, s TEXT, PRIMARY KEY (a, b), INDEX by_n (n))")
        rows = [(i // 7, i % 7, i % 50, f"t{i}") for i in range(2500)]
        self.run_sql("BEGIN")
        for row in rows:
            self.run_sql("INSERT INTO t VALUES (?, ?, ?, ?)", *row)
        self.run_sql("COMMIT")
        self.run_sql("CREATE TEMP TABLE plain AS SELECT * FROM t")
        self.run_sql("CREATE INDEX temp.plain_n ON plain (n, a)")
        for text in (
            "SELECT count(*) FROM {x} x WHERE EXISTS (SELECT * FROM {t} y WHERE y.a = x.a + 1 AND y.n > x.n)",
            "SELECT count(*) FROM {x} x WHERE NOT EXISTS (SELECT * FROM {t} y WHERE y.a = x.a AND y.n >= 'x')",
            # Two that differ in a constant alone, columns that are asked for late, and rows that are not there.
            """SELECT a, b, (SELECT max(s) FROM {t} y WHERE y.a = x.n AND y.b > 1), (SELECT max(s) FROM {t} y WHERE y.a = x.n AND y.b > 5)
               FROM {x} x WHERE b < 3 ORDER BY a, b""",
            """SELECT a, b, (SELECT sum(CASE WHEN x.a < 300 THEN y.b ELSE length(y.s) END) FROM {t} y WHERE y.n = x.a % 60)
               FROM {x} x WHERE b = 2 ORDER BY a, b""",
            "SELECT sum((SELECT count(*) FROM {t} y WHERE y.a = x.a - 1 AND y.b = x.b)) FROM {x} x",
        ):
            with self.subTest(text):
                self.assertEqual(self.run_sql(text.format(x="t", t="t")), self.run_sql(text.format(x="plain", t="plain")))

    def test_counts_by_an_index(self):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, n BIGINT, s TEXT, day DATE, INDEX by_n (n), INDEX by_day (day))")
        days = [f"20{10 + i % 20}-0{1 + i % 9}-1{i % 10}" for i in range(180)]
        self.run_sql("BEGIN")
        for i in range(3000):
            self.run_sql("INSERT INTO t VALUES (?, ?, ?, ?)", i, i % 50 or None, f"t{i}", days[i % 180])
        self.run_sql("COMMIT")
        for n in (0, 1, 7, 49, 50):
            found = [i for i in range(3000) if i % 50 == n and n]
            self.assertEqual(self.run_sql("SELECT count(*) FROM t WHERE n = ?", n), [(len(found),)])
            self.assertEqual(self.run_sql(f"SELECT id, n FROM t WHERE n = {n} ORDER BY id"), [(i, n) for i in found])
            self.assertEqual(self.run_sql(f"SELECT sum(n), count(n), max(id) FROM t WHERE n BETWEEN {n} AND {n}"),
                             [(n * len(found) if found else None, len(found), max(found, default=None))])
        self.assertEqual(self.run_sql("SELECT count(*) FROM t WHERE day = '2012-03-12'"), [(sum(days[i % 180] == "2012-03-12" for i in range(3000)),)])
        # In a transaction, and when it ends under the statement.
        self.run_sql("BEGIN")
        self.run_sql("INSERT INTO t VALUES (9000, 3, 'x', '2012-03-12')")
        self.assertEqual(self.run_sql("SELECT count(*) FROM t WHERE n = 3"), [(61,)])
        cursor = self.db.execute("SELECT id, n FROM t WHERE n = 3 ORDER BY id")
        self.assertEqual(cursor.fetchone(), (3, 3))
        self.run_sql("COMMIT")
        self.assertEqual(len(cursor.fetchall()), 60)

    def test_dates_beside_each_other(self):
        self.create("CREATE TABLE t (id INTEGER PRIMARY KEY, day DATE)")
        days = ["0001-01-01", "1879-12-31", "1880-04-13", "1880-04-14", "1969-12-31", "1970-01-01", "2026-02-28", "2160-08-21",
                "2160-08-22", "9999-12-31", None]
        for i, day in enumerate(days):
            self.run_sql("INSERT INTO t VALUES (?, ?)", i, day)
        self.assertEqual([day for day, in self.run_sql("SELECT day FROM t ORDER BY id")], days)
        self.assertEqual(self.run_sql("SELECT min(day), max(day) FROM t"), [("0001-01-01", "9999-12-31")])
        self.assertEqual(self.run_sql("SELECT a.day FROM t a, t b WHERE a.day = b.day ORDER BY 1"), [(day,) for day in days[:-1]])

    def test_at_a_checkpoint(self):
        self.db.close()
        sqlcase.firn("db", "checkpoint", self.path, "before")
        self.db = sqlcase.connect()
        self.run_sql("SELECT firn_attach(?)", self.path)
        self.run_sql("DELETE FROM people WHERE id > 3")
        self.run_sql("SELECT firn_attach(?, 'at=before', 'prefix=old_', 'name=old')", self.path)
        self.assertEqual(self.one("SELECT count(*) FROM people"), 3)
        self.assertEqual(self.one("SELECT count(*) FROM old_people"), 2500)
        self.assertEqual(self.one("SELECT count(*) FROM old_people o LEFT JOIN people p ON p.id = o.id WHERE p.id IS NULL"), 2497)
        self.fails(sqlcase.sqlite3.OperationalError, "is attached at a checkpoint", "DELETE FROM old_people")
        self.run_sql("CREATE VIRTUAL TABLE main.earlier USING firn(" + repr(self.path) + ", 'people', at='before')")
        self.assertEqual(self.one("SELECT name FROM main.earlier WHERE id = 2500"), "name02500")


if __name__ == "__main__":
    sqlcase.main()
