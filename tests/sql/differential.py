# SPDX-License-Identifier: Apache-2.0
"""Random statements on tables of firn and on copies of them in SQLite, which must give the same."""
import os
import random
import sqlite3
import sys

import sqlcase

SEED = int(sys.argv[3]) if len(sys.argv) > 3 else random.SystemRandom().randrange(10**9)
COUNT = int(sys.argv[4]) if len(sys.argv) > 4 else 1500

# Of each table: columns with their types for firn and for SQLite, the key, more for firn's definition, more for SQLite's.
TABLES = {
    "a": (
        [("id", "INTEGER", "INTEGER"), ("n", "BIGINT", "BIGINT"), ("s", "SMALLINT", "SMALLINT"), ("x", "REAL", "DOUBLE"),
         ("name", "TEXT", "TEXT"), ("d", "DECIMAL(8,2)", "REAL"), ("day", "DATE", "TEXT"), ("b", "BLOB", "BLOB"),
         ("flag", "BOOLEAN", "BOOLEAN")],
        ["id"], ["INDEX by_n (n)", "INDEX by_name (name, n)", "INDEX by_day (day)", "INDEX by_d (d)"],
    ),
    "m": (
        [("p", "TEXT", "TEXT"), ("q", "INT", "INT"), ("n", "BIGINT", "BIGINT"), ("u", "U8", "INT"),
         ("at", "TIMESTAMP", "TEXT"), ("name", "TEXT", "TEXT")],
        ["p", "q"], ["UNIQUE INDEX by_u (u, q)", "INDEX by_at (at)"],
    ),
    "k": (
        [("name", "TEXT", "TEXT"), ("n", "BIGINT", "BIGINT"), ("big", "DECIMAL(18,4)", "REAL"), ("id", "BIGINT", "BIGINT")],
        ["name"], ["UNIQUE INDEX by_id (id)"],
    ),
}
# SQLite compares texts as the numbers that they say after it has compared them with a number: not those that || makes.
MIN_NAME = "min(y.name || '')"
TEXTS = ["", "a", "A", "b", "ab", "aB", "abc", "b%", "ä", "z", "5", "05", "5.0", "12", "-3", "1e1", "x y", "\U0001f600"]


class Differential:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.temporary = sqlcase.Temporary()
        self.dir = self.temporary.name
        self.path = os.path.join(self.dir, "app.firn")
        self.plain = os.path.join(self.dir, "plain.db")
        self.checkpoints = 0
        self.statements = 0
        self.errors = 0
        self.aggregates = self.scans = 0
        self.open(True)
        for name, (columns, key, more) in TABLES.items():
            integer_key = key == ["id"]
            parts = [f"{c} {t}{' PRIMARY KEY' if integer_key and c == 'id' else ''}" for c, t, _ in columns]
            if not integer_key:
                parts.append(f"PRIMARY KEY ({', '.join(key)})")
            self.db.execute("SELECT firn_create(?)", (f"CREATE TABLE {name} ({', '.join(parts + more)})",)).fetchall()
            parts = [f"{c} {t}{' PRIMARY KEY' if integer_key and c == 'id' else ''}" for c, _, t in columns]
            if not integer_key:
                parts.append(f"PRIMARY KEY ({', '.join(key)})")
            self.db.execute(f"CREATE TABLE plain_{name} ({', '.join(parts)})" + ("" if integer_key else " WITHOUT ROWID"))
            for item in more:
                unique, columns_of = item.startswith("UNIQUE"), item[item.index("("):]
                index = item.split()[2 if unique else 1]
                self.db.execute(f"CREATE {'UNIQUE ' if unique else ''}INDEX {index}_{name} ON plain_{name} {columns_of}")

    def open(self, create=False):
        self.db = sqlcase.connect(self.plain)
        self.db.execute("PRAGMA synchronous = OFF")
        self.db.execute("SELECT firn_attach(?, 'durability=os'" + (", 'create'" if create else "") + ")", (self.path,)).fetchall()
        for i in range(max(1, self.checkpoints - 2), self.checkpoints + 1):
            self.db.execute("SELECT firn_attach(?, ?, ?, ?)",
                            (self.path, f"at=c{i}", f"prefix=c{i}_", f"name=c{i}")).fetchall()

    # ---- values ----

    def value(self, kind, null=0.15):
        r = self.random
        if r.random() < null:
            return None
        if kind == "INTEGER":
            return r.randrange(1, 300)
        if kind in ("BIGINT", "INT", "SMALLINT"):
            return r.choice([r.randrange(-20, 20), r.randrange(-20, 20), r.randrange(-1000, 1000)])
        if kind == "U8":
            return r.randrange(0, 256)
        if kind == "BOOLEAN":
            return r.randrange(2)
        if kind == "REAL":
            return r.choice([float(r.randrange(-20, 20)), r.randrange(-2000, 2000) / 8, 0.1 * r.randrange(100), 1e300])
        if kind.startswith("DECIMAL(8"):
            return float(f"{r.randrange(-3000, 3000) / 100:.2f}")
        if kind.startswith("DECIMAL"):
            return float(f"{r.randrange(-10**9, 10**9) / 10000:.4f}")
        if kind == "DATE":
            return f"{r.randrange(2024, 2027)}-{r.randrange(1, 13):02}-{r.randrange(1, 29):02}"
        if kind == "TIMESTAMP":
            return f"2026-01-{r.randrange(1, 29):02} {r.randrange(24):02}:00:00" + r.choice(["", ".5", ".000001"])
        if kind == "BLOB":
            return bytes(r.randrange(256) for _ in range(r.randrange(4)))
        return r.choice(TEXTS) + r.choice(["", "", str(r.randrange(30))])

    def operand(self, kind):
        """A value to compare with: mostly of the column's type, sometimes of another."""
        r = self.random
        if r.random() < 0.75:
            return self.value(kind, 0.05)
        return r.choice([5, 5.0, 5.5, -3.25, "5", "05", " 5", "5x", "", "abc", b"5", b"", None, 2**62, -(2**63), 1e18, 1e300, -1e300,
                         "2026-01", "2026-01-15", "2026-01-15 00:00:00", 12.3, 12.345, "12.30"])

    def literal(self, value):
        if value is None:
            return "NULL"
        if isinstance(value, bytes):
            return f"x'{value.hex()}'"
        if isinstance(value, str):
            return "'" + value.replace("'", "''") + "'"
        return repr(value)

    def given(self, value, values):
        """The value as a parameter or as a literal."""
        if self.random.random() < 0.5:
            values.append(value)
            return "?"
        return self.literal(value)

    # ---- expressions ----

    def predicate(self, table, prefix, values):
        r = self.random
        columns = TABLES[table][0]
        name, kind, _ = r.choice(columns)
        column = prefix + name
        form = r.randrange(14)
        if form < 6:
            return f"{column} {r.choice(['=', '=', '<', '<=', '>', '>=', '<>', 'IS', 'IS NOT'])} {self.given(self.operand(kind), values)}"
        if form < 8:
            low = self.given(self.operand(kind), values)
            return f"{column} BETWEEN {low} AND {self.given(self.operand(kind), values)}"
        if form < 10:
            items = [self.given(self.operand(kind), values) for _ in range(r.randrange(1, 6))]
            return f"{column} {r.choice(['IN', 'IN', 'NOT IN'])} ({', '.join(items)})"
        if form == 10:
            return f"{column} IS {r.choice(['NULL', 'NOT NULL'])}"
        if form == 11:
            pattern = r.choice(TEXTS)[:2] + r.choice(["%", "_", "%1", ""])
            return f"{column} LIKE {self.given(pattern, values)}"
        if form == 12:
            pattern = r.choice(TEXTS)[:2] + r.choice(["*", "?", "*1", ""])
            return f"{column} GLOB {self.given(pattern, values)}"
        other = r.choice(columns)[0]
        return f"{column} {r.choice(['=', '<', '>='])} {prefix}{other}"

    def where(self, table, prefix, values):
        count = self.random.choice([0, 1, 1, 2, 2, 3])
        parts = [self.predicate(table, prefix, values) for _ in range(count)]
        if not parts:
            return ""
        text = parts[0]
        for part in parts[1:]:
            text += self.random.choice([" AND ", " AND ", " AND ", " OR "]) + part
        return " WHERE " + text

    # ---- statements; NAME{t} is the table ----

    def select(self, table):
        r = self.random
        columns = [c for c, _, _ in TABLES[table][0]]
        key = TABLES[table][1]
        values = []
        form = r.randrange(10)
        if form < 5:
            wanted = r.sample(columns, r.randrange(1, len(columns) + 1))
            where = self.where(table, "", values)
            order = [f"{c}{r.choice(['', ' DESC'])}" for c in r.sample(columns, r.randrange(0, 3))]
            order += [f"{c}{r.choice(['', ' DESC'])}" if r.random() < 0.3 else c + (" DESC" if r.random() < 0.5 else "") for c in key]
            limit = f" LIMIT {r.randrange(-1, 40)} OFFSET {r.randrange(0, 30)}" if r.random() < 0.5 else ""
            return f"SELECT {', '.join(wanted)} FROM {{{table}}}{where} ORDER BY {', '.join(order)}{limit}", values, True
        if form == 5:
            column = r.choice(columns)
            where = self.where(table, "", values)
            return f"SELECT DISTINCT {column} FROM {{{table}}}{where}", values, False
        if form == 6:
            by = r.choice(columns)
            number = r.choice([c for c, t, _ in TABLES[table][0] if t in ("BIGINT", "INT", "SMALLINT", "U8", "INTEGER")])
            where = self.where(table, "", values)
            return (f"SELECT {by}, count(*), sum({number}), min({r.choice(columns)}), max({r.choice(columns)}) "
                    f"FROM {{{table}}}{where} GROUP BY {by}"), values, False
        if form == 7:
            where = self.where(table, "", values)
            return f"SELECT count(*), min({columns[0]}), max({columns[-1]}), count({columns[1]}) FROM {{{table}}}{where}", values, True
        other = r.choice(list(TABLES))
        mine = r.choice(columns)
        theirs = r.choice([c for c, _, _ in TABLES[other][0]])
        kind = r.choice(["JOIN", "JOIN", "LEFT JOIN"])
        join = f"{{{table}}} a {kind} {{{other}}} b ON a.{mine} = b.{theirs}"
        where = self.where(table, "a.", values)
        if form == 8:
            return f"SELECT a.{columns[0]}, a.{mine}, b.{theirs} FROM {join}{where}", values, False
        where = where + (" AND " if where else " WHERE ")
        inner = self.where(other, "", values)
        return f"SELECT a.{columns[0]} FROM {{{table}}} a{where} a.{mine} IN (SELECT {theirs} FROM {{{other}}}{inner})", values, False

    def rich(self):
        """Joins of three tables, subqueries that look outside, compound selects, windows, WITH."""
        r = self.random
        a, b, c = r.choice(list(TABLES)), r.choice(list(TABLES)), r.choice(list(TABLES))
        of = {name: [column for column, _, _ in TABLES[name][0]] for name in TABLES}
        values = []
        form = r.randrange(8)
        key_a = ", ".join("x." + column for column in TABLES[a][1])
        if form < 2:
            how = [r.choice(["JOIN", "JOIN", "LEFT JOIN"]) for _ in range(2)]
            text = (f"SELECT {key_a}, y.{r.choice(of[b])}, z.{r.choice(of[c])} FROM {{{a}}} x {how[0]} {{{b}}} y ON "
                    f"x.{r.choice(of[a])} = y.{r.choice(of[b])} {how[1]} {{{c}}} z ON {r.choice(['x', 'y'])}.n = z.{r.choice(of[c])} "
                    f"AND {self.predicate(c, 'z.', values)}")
            where = self.where(a, "x.", values)
            return text + where, values
        if form == 2:
            inner = self.predicate(b, "y.", values)
            return (f"SELECT {key_a} FROM {{{a}}} x WHERE {r.choice(['', 'NOT '])}EXISTS (SELECT {r.choice('1*')} FROM {{{b}}} y WHERE "
                    f"y.{r.choice(of[b])} {r.choice(['=', '=', '<'])} x.{r.choice(of[a])} AND {inner})"), values
        if form == 3 and r.random() < 0.4:
            # Two that differ in a constant alone, and have columns that the other has not asked for.
            mine, theirs = r.choice(of[a]), r.choice(of[b])
            low, high = r.sample(range(-3, 12), 2)
            text = " , ".join(f"(SELECT {r.choice(['count(*)', 'max(y.n)', MIN_NAME, 'count(y.' + r.choice(of[b]) + ')'])} FROM {{{b}}} y "
                              f"WHERE y.{theirs} = x.{mine} AND y.n > {limit})" for limit in (low, high))
            return f"SELECT {key_a}, {text} FROM {{{a}}} x", values
        if form == 3:
            inner = self.predicate(b, "y.", values)
            return (f"SELECT {key_a}, (SELECT {r.choice(['count(*)', 'max(y.n)', MIN_NAME])} FROM {{{b}}} y WHERE "
                    f"y.{r.choice(of[b])} = x.{r.choice(of[a])} AND {inner}) FROM {{{a}}} x"), values
        if form == 4:
            how = r.choice(["UNION", "UNION ALL", "EXCEPT", "INTERSECT"])
            left = self.where(a, "", values)
            return (f"SELECT n, name FROM {{{a}}}{left} {how} SELECT {r.choice(['n', 'n + 1'])}, name FROM {{{b}}}"
                    + self.where(b, "", values)), values
        if form == 5:
            order = ", ".join(["n"] + TABLES[a][1])
            where = self.where(a, "", values)
            return (f"SELECT {', '.join(TABLES[a][1])}, {r.choice(['sum(n)', 'row_number()', 'lag(n)', 'count(name)'])} OVER "
                    f"(PARTITION BY name ORDER BY {order}) FROM {{{a}}}{where}"), values
        if form == 6:
            where = self.where(a, "", values)
            return (f"WITH g AS (SELECT name AS w, count(*) AS k, max(n) AS m FROM {{{a}}}{where} GROUP BY name) "
                    f"SELECT y.{r.choice(of[b])}, g.k, g.m FROM {{{b}}} y JOIN g ON g.{r.choice(['w = y.name', 'm = y.n'])}"), values
        where = self.where(b, "", values)
        # Plain columns on the right would let SQLite 3.40 look pairs up in its own indexes, where it misses some.
        return (f"SELECT {key_a} FROM {{{a}}} x WHERE ({r.choice(['x.n, x.name', 'x.id, x.name'] if a != 'm' else ['x.q, x.p'])}) IN "
                f"(SELECT n + 0, name || '' FROM {{{b}}}{where})"), values

    def aggregate(self):
        """A statement with literals only, mostly of one that firn's scan answers."""
        r = self.random
        table = r.choice(list(TABLES))
        columns = TABLES[table][0]
        whole = [c for c, t, _ in columns if t in ("BIGINT", "INT", "SMALLINT", "U8", "INTEGER")]
        number = r.choice(whole)
        values = []
        parts = [f"{r.choice(['name', number, r.choice(columns)[0]])}"] if r.random() < 0.6 else []
        group = f" GROUP BY {parts[0]}" if parts else ""
        for _ in range(r.randrange(1, 4)):
            column = r.choice(columns)[0]
            parts.append(r.choice([
                "count(*)", f"count({column})", f"count(DISTINCT {column})", f"min({column})", f"max({column})", f"sum({number})",
                f"total({number})", f"avg({number})", f"sum({number} * 2 - {r.choice(whole)})", f"max(abs({number}))",
                f"min(coalesce({number}, 3))", f"count(CASE WHEN {number} > 2 THEN 1 END)", f"max(lower(name))",
                f"sum({number}) + count(*)", f"min({number} % 7)"]))
        state = self.random.getstate()
        where = self.where(table, "", values)
        if values:
            # The same once more, with literals in the place of parameters.
            self.random.setstate(state)
            given, self.given = self.given, lambda value, _: (self.random.random(), self.literal(value))[1]
            where = self.where(table, "", [])
            self.given = given
        having = r.choice(["", "", " HAVING count(*) > 1", f" HAVING max({number}) > 3"]) if group else ""
        return f"SELECT {', '.join(parts)} FROM {{{table}}}{where}{group}{having}", len(parts)

    def compare_aggregate(self, prefix, plain):
        """firn_query and SQLite."""
        text, count = self.aggregate()
        inner = text.format(**{name: prefix + name for name in TABLES})
        mine, my_error = self.run(f"SELECT {', '.join(f'c{i + 1}' for i in range(count))} FROM firn_query(?)", [inner], prefix)
        theirs, their_error = self.run(text, [], plain)
        self.aggregates += 1
        way = self.db.execute("SELECT firn_explain(?)", (inner,)).fetchone()[0]
        self.scans += way.startswith("firn: ")
        if (my_error is None) != (their_error is None) or (
                mine is not None and sorted(map(repr, mine)) != sorted(map(repr, theirs))):
            sys.exit(f"seed {SEED}, statement {self.statements}: firn_query:\n{inner}\n{way}\nfirn:   {my_error or mine}\n"
                     f"SQLite: {their_error or theirs}")

    def move(self):
        """Rows of one table into another, and changes that take values from another table."""
        r = self.random
        values = []
        if r.random() < 0.5:
            where = self.where("k", "", values).replace(" WHERE ", " WHERE (")
            where = where + ") AND" if where else " WHERE"
            return (f"INSERT OR {r.choice(['IGNORE', 'REPLACE'])} INTO {{a}} (id, n, name) SELECT (n + 1000) % 300 + 1, n, name FROM {{k}}"
                    f"{where} n IS NOT NULL ORDER BY name"), values
        where = self.predicate("k", "k.", values)
        return f"UPDATE {{a}} AS x SET n = k.n FROM {{k}} AS k WHERE k.id = x.id AND {where}", values

    def insert(self, table):
        r = self.random
        columns = TABLES[table][0]
        key = TABLES[table][1]
        how = r.choice(["INSERT", "INSERT", "INSERT OR REPLACE", "INSERT OR IGNORE", "INSERT OR FAIL"])
        values = []
        rows = []
        for _ in range(r.choice([1, 1, 2, 5])):
            row = [self.value(kind, 0 if name in key else 0.15) for name, kind, _ in columns]
            values += row
            rows.append("(" + ", ".join("?" * len(row)) + ")")
        return f"{how} INTO {{{table}}} VALUES {', '.join(rows)}", values

    def update(self, table):
        r = self.random
        columns = TABLES[table][0]
        key = TABLES[table][1]
        values = []
        if r.random() < 0.2:
            # One row gets another key.
            name, kind, _ = r.choice([c for c in columns if c[0] in key])
            sets = f"{name} = {self.given(self.value(kind, 0), values)}"
            found = self.db.execute(f"SELECT {', '.join(key)} FROM plain_{table} ORDER BY random() LIMIT 1").fetchone()
            if found is None:
                return self.insert(table)
            where = " WHERE " + " AND ".join(f"{c} = {self.given(v, values)}" for c, v in zip(key, found))
            return f"UPDATE {{{table}}} SET {sets}{where}", values
        others = [c for c in columns if c[0] not in key and c[0] not in ("u", "id")]
        sets = ", ".join(f"{c} = {self.given(self.value(t), values)}" for c, t, _ in r.sample(others, r.randrange(1, 3)))
        return f"UPDATE {{{table}}} SET {sets}{self.where(table, '', values)}", values

    def delete(self, table):
        values = []
        return f"DELETE FROM {{{table}}}{self.where(table, '', values)}", values

    # ---- running ----

    def run(self, text, values, prefix):
        names = {name: prefix + name for name in TABLES}
        try:
            return self.db.execute(text.format(**names), values).fetchall(), None
        except sqlite3.IntegrityError as wrong:
            return None, wrong

    def complain(self, text, values, mine, theirs, prefix):
        plan = self.db.execute("EXPLAIN QUERY PLAN " + text.format(**{n: prefix + n for n in TABLES}), values).fetchall()
        sys.exit(f"seed {SEED}, statement {self.statements}:\n{text}\n{values}\nfirn:   {mine}\nSQLite: {theirs}\n{plan}")

    def compare(self, text, values, is_ordered, prefix, plain):
        mine, my_error = self.run(text, values, prefix)
        theirs, their_error = self.run(text, values, plain)
        if (my_error is None) != (their_error is None):
            self.complain(text, values, my_error or mine, their_error or theirs, prefix)
        self.errors += my_error is not None

        def order(rows):
            return sorted(rows, key=repr)

        if mine is not None and (mine if is_ordered else order(mine)) != (theirs if is_ordered else order(theirs)):
            self.complain(text, values, mine, theirs, prefix)

    def check_tables(self, after):
        for name, (columns, key, _) in TABLES.items():
            text = f"SELECT {', '.join(c for c, _, _ in columns)} FROM {{{name}}} ORDER BY {', '.join(key)}"
            mine, theirs = self.run(text, [], "")[0], self.run(text, [], "plain_")[0]
            if mine != theirs:
                sys.exit(f"seed {SEED}, statement {self.statements}: {name} differs after {after}:\n"
                         f"only firn: {[r for r in mine if r not in theirs]}\nonly SQLite: {[r for r in theirs if r not in mine]}")

    def checkpoint(self):
        if self.db.in_transaction:
            self.db.execute("COMMIT")
        self.checkpoints += 1
        for name in TABLES:
            self.db.execute(f"CREATE TABLE plain_c{self.checkpoints}_{name} AS SELECT * FROM plain_{name}")
        self.db.close()
        sqlcase.firn("db", "checkpoint", self.path, f"c{self.checkpoints}")
        if self.random.random() < 0.5:
            sqlcase.firn("db", "compact", self.path)
        self.open()

    def control(self):
        """BEGIN, savepoints and their ends."""
        r = self.random
        if not self.db.in_transaction:
            self.savepoints = []
            return "BEGIN"
        choice = r.randrange(8)
        if choice < 3:
            self.savepoints.append(f"s{r.randrange(3)}")
            return "SAVEPOINT " + self.savepoints[-1]
        if choice < 6 and self.savepoints:
            name = r.choice(self.savepoints)
            at = len(self.savepoints) - 1 - self.savepoints[::-1].index(name)
            if choice == 3:
                del self.savepoints[at:]
                return "RELEASE " + name
            del self.savepoints[at + 1:]
            return "ROLLBACK TO " + name
        return r.choice(["COMMIT", "COMMIT", "ROLLBACK"])

    def step(self):
        r = self.random
        self.statements += 1
        table = r.choice(list(TABLES))
        form = r.randrange(100)
        if form < 55:
            at_checkpoint = self.checkpoints and r.random() < 0.15 and not self.db.in_transaction
            at = r.randrange(max(1, self.checkpoints - 2), self.checkpoints + 1) if at_checkpoint else 0
            mine, theirs = (f"c{at}_", f"plain_c{at}_") if at_checkpoint else ("", "plain_")
            if form < 12:
                self.compare_aggregate(mine, theirs)
            elif form < 24:
                text, values = self.rich()
                self.compare(text, values, False, mine, theirs)
            else:
                text, values, is_ordered = self.select(table)
                self.compare(text, values, is_ordered, mine, theirs)
        elif form < 58:
            text, values = self.move()
            self.compare(text, values, False, "", "plain_")
            self.check_tables(text)
        elif form < 90:
            text, values = r.choice([self.insert, self.insert, self.insert, self.update, self.update, self.delete])(table)
            if text.startswith("DELETE") and "WHERE" not in text and r.random() < 0.9:
                return
            self.compare(text, values, False, "", "plain_")
            self.check_tables(text)
        elif form < 99:
            text = self.control()
            self.db.execute(text)
            self.check_tables(text)
        elif r.random() < 0.5:
            self.checkpoint()

    def main(self):
        for _ in range(COUNT):
            self.step()
        self.db.close()
        self.temporary.cleanup()
        print(f"differential: seed {SEED}, {self.statements} statements, {self.errors} of them refused by both, "
              f"{self.aggregates} aggregates by firn_query, {self.scans} of them by scans, {self.checkpoints} checkpoints: equal")
        print(f"count: {self.statements} random SQL statements, equal in SQLite")


if __name__ == "__main__":
    print(f"seed {SEED}", flush=True)
    Differential(SEED).main()
