# SPDX-License-Identifier: Apache-2.0
"""Names of tables and columns, whatever is in them, in the texts that the program prints: read back, each gives the same names."""
import os
import random
import subprocess

import sqlcase

PARTS = ("a", "B", "9", "_", " ", '"', "'", "`", "[", "]", "(", ")", ";", ",", "--", "/*", "*/", "\n", "\t", "\r", "\x1b[2J", "\x7f", "\\", "\\n", "ü", "\u202e", "🦔",
         "drop table x", "select", "order", "primary", "primary key", "not null", "unique", "default", "index", "i64", "%s", "$x", ":x", "?", "=", ".", "-")
COUNT = 60


def run(*arguments, text=None):
    done = subprocess.run([sqlcase.PROGRAM, *arguments], input=text, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{arguments}: {done.stderr.decode()}")
    return done.stdout


def quoted(name):
    return '"' + name.replace('"', '""') + '"'


class Names(sqlcase.Case):
    def setUp(self):
        super().setUp()
        seed = int(os.environ.get("FIRN_TEST_SEED", "11"))
        print(f"names: seed {seed}")
        chosen = random.Random(seed)
        self.names = sorted({"".join(chosen.choice(PARTS) for _ in range(chosen.randint(1, 5))) for _ in range(COUNT)} | {
            "t);drop table x;--(", "select", "-rf", "a b", "\x1b]0;x\x07"})
        self.made = []
        for i, name in enumerate(self.names):
            other = self.names[i - 1]
            try:
                self.create(f"CREATE TABLE {quoted(name)} ({quoted(name)} INTEGER PRIMARY KEY, {quoted(other + 'x')} TEXT NOT NULL, {quoted(other + 'y')} DECIMAL(8,2))")
                self.made.append(name)
            except sqlcase.sqlite3.OperationalError as error:
                # Names for SQL differ by more than case; and SQLite keeps some to itself.
                self.assertRegex(str(error), "already|name|twice|column", name)
        self.assertGreater(len(self.made), COUNT // 2)
        self.db.close()
        self.again = os.path.join(self.dir, "again.firn")

    def test_the_schema_is_sql(self):
        schema = run("db", "sql", self.path, ".schema")
        self.assertEqual(schema.count(b"CREATE TABLE"), len(self.made))
        run("db", "sql", self.again, "--create", text=schema)
        self.assertEqual(run("db", "sql", self.again, ".schema"), schema)
        self.assertEqual(run("db", "table", "list", "--json", self.again), run("db", "table", "list", "--json", self.path).replace(b"app.firn", b"again.firn"))

    def test_a_dump_loads(self):
        dump = run("db", "dump", self.path)
        run("db", "load", self.again, text=dump)
        self.assertEqual(run("db", "dump", self.again), dump)

    def test_definitions_are_read_again(self):
        for name in self.made:
            definition = run("db", "table", "show", "-d", "--", self.path, name)
            run("db", "table", "create", "--", self.again, name, definition.decode().rstrip("\n"))
            self.assertEqual(run("db", "table", "show", "-d", "--", self.again, name), definition, name)
        self.assertEqual(run("db", "dump", self.again), run("db", "dump", self.path))


if __name__ == "__main__":
    sqlcase.main()
