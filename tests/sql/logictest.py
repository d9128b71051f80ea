# SPDX-License-Identifier: Apache-2.0
"""Runs files of sqllogictest on tables of firn.

python3 logictest.py EXTENSION PROGRAM [--complete] [--seconds N] [FILE|DIRECTORY...]

Without files those of tests/sql/logic are run, and those that FIRN_SQLLOGICTEST names: files or directories, with colons
between them. The public files (https://www.sqlite.org/sqllogictest) are run as they are; CREATE TABLE, CREATE INDEX and
DROP go to firn_create, and views are temporary, as SQLite lets no other ones use virtual tables.

Each query is answered four times, which must be the same: by the file, by SQLite over its own tables, by SQLite over
firn's tables, and by firn_query. A statement must fail in both or in none. The first difference of a file ends it. A
file also ends, without being counted as wrong, at a definition that firn refuses by its documentation (docs/sql.md), and at a
value that does not suit the declared type; both are counted.

--complete writes the answers of SQLite into the files instead. --seconds ends each file after that time.
"""
import copy
import hashlib
import os
import re
import sqlite3
import sys
import time

import sqlcase

HERE = os.path.dirname(os.path.abspath(__file__))
QUERY_COLUMNS_MAX = 32  # of firn_query


class Ends(Exception):
    """The rest of a file cannot be run."""


class Differs(Exception):
    """A result is wrong."""


class Record:
    """A statement or a query with what the file says about it."""

    def __init__(self, line):
        self.line = line
        self.kind = ""
        self.fails = False
        self.types = ""
        self.sort = "nosort"
        self.label = ""
        self.text = ""
        self.answer = None


def parse(path):
    """The records of a file that are for SQLite."""
    with open(path, encoding="utf-8", errors="surrogateescape") as file:
        lines = file.read().split("\n")
    records = []
    at = 0
    skips = False
    while at < len(lines):
        words = lines[at].split("#")[0].split()
        at += 1
        if not words:
            continue
        if words[0] == "skipif":
            skips = skips or words[1] == "sqlite"
            continue
        if words[0] == "onlyif":
            skips = skips or words[1] != "sqlite"
            continue
        skipped, skips = skips, False
        if words[0] == "halt":
            if not skipped:
                break
            continue
        if words[0] == "hash-threshold":
            continue
        record = Record(at)
        record.kind = words[0]
        if words[0] == "statement":
            record.fails = words[1] == "error"
        elif words[0] == "query":
            record.types = words[1]
            record.sort = words[2] if len(words) > 2 else "nosort"
            record.label = words[3] if len(words) > 3 else ""
        else:
            raise ValueError(f"{path}:{at}: cannot read {words[0]!r}")
        first = at
        while at < len(lines) and lines[at].strip() and lines[at] != "----":
            at += 1
        record.text = "\n".join(lines[first:at])
        if record.kind == "query" and at < len(lines) and lines[at] == "----":
            first = at = at + 1
            while at < len(lines) and lines[at].strip():
                at += 1
            record.answer = lines[first:at]
        if skipped:
            continue
        parts = [record.text]
        if record.kind == "statement":
            parts = [part for part in record.text.split(";\n") if part.strip()]
        for part in parts:
            one = copy.copy(record)
            one.text = part
            records.append(one)
    return records


# ---- results as text ----


def number_prefix(text, pattern):
    found = re.match(pattern, text)
    return found.group() if found else "0"


def show(value, kind):
    """A value as the files write it."""
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        value = value.decode("latin-1")
    if kind == "I":
        if isinstance(value, str):
            value = int(number_prefix(value, r"\s*[+-]?\d+"))
        value = max(-(2**63), min(2**63 - 1, int(value))) if value == value else 0
        return str((value + 2**31) % 2**32 - 2**31)
    if kind == "R":
        if isinstance(value, str):
            value = float(number_prefix(value, r"\s*[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?"))
        return f"{value:.3f}"
    if isinstance(value, float):
        value = f"{value:.15g}"
        if re.fullmatch(r"-?\d+", value):
            value += ".0"
    value = str(value)
    return "".join(c if " " <= c <= "~" else "@" for c in value) if value else "(empty)"


def answer_of(rows, record):
    """The lines of a result, sorted as the record wants it."""
    shown = [[show(value, kind) for value, kind in zip(row, record.types)] for row in rows]
    if record.sort == "rowsort":
        shown.sort()
    values = [value for row in shown for value in row]
    if record.sort == "valuesort":
        values.sort()
    return values


def is_answer(values, answer):
    """Whether values are what a file says."""
    if len(answer) == 1 and " values hashing to " in answer[0]:
        count, wanted = answer[0].split(" values hashing to ")
        digest = hashlib.md5("".join(value + "\n" for value in values).encode("utf-8", "surrogateescape")).hexdigest()
        return int(count) == len(values) and wanted == digest
    return values == answer


# ---- statements ----


class Run:
    """One file over a new store."""

    def __init__(self, path, seconds):
        self.path = path
        self.until = time.monotonic() + seconds
        self.temporary = sqlcase.Temporary()
        self.dir = self.temporary.name
        self.mine = sqlcase.connect()
        self.theirs = sqlite3.connect(":memory:", isolation_level=None)
        self.mine.execute("SELECT firn_attach(?, 'create', 'durability=os')", (os.path.join(self.dir, "t.firn"),)).fetchall()
        self.index_of = {}
        self.statements = self.queries = self.scans = 0
        self.ended = ""
        self.took = {"SQLite": 0.0, "firn": 0.0, "firn_query": 0.0}

    def close(self):
        self.mine.close()
        self.theirs.close()
        self.temporary.cleanup()

    def for_firn(self, text):
        """The statement for tables of firn, with its values; None: it means nothing there."""
        words = re.sub(r"\s+", " ", text.strip()).rstrip(";").rstrip()
        start = words.upper()
        if start.startswith("CREATE TABLE") and " AS SELECT" not in start:
            return "SELECT firn_create(?)", (text,)
        found = re.match(r"CREATE (UNIQUE )?INDEX (IF NOT EXISTS )?(\S+) ON (\S+?) ?\((.*)\)$", words, re.I)
        if found:
            self.index_of[found.group(3).lower()] = found.group(4)
            return "SELECT firn_create(?)", (re.sub(r" (DESC|ASC)\b", "", words, flags=re.I),)
        found = re.match(r"DROP INDEX (IF EXISTS )?(\S+)$", words, re.I)
        if found:
            return "SELECT firn_create(?)", (f"{words} ON {self.index_of.get(found.group(2).lower(), 'nothing')}",)
        if start.startswith("DROP TABLE"):
            return "SELECT firn_create(?)", (text,)
        if start.startswith("CREATE VIEW"):
            return "CREATE TEMP VIEW" + words[len("CREATE VIEW"):], ()
        if start.startswith("REINDEX"):
            return None, ()
        return text, ()

    def do(self, db, text, values=()):
        """Rows, or the failure."""
        try:
            return db.execute(text, values).fetchall()
        except sqlite3.Error as wrong:
            return wrong

    def timed(self, who, db, text, values=()):
        started = time.process_time()
        rows = self.do(db, text, values)
        self.took[who] += time.process_time() - started
        return rows

    def statement(self, record):
        theirs = self.do(self.theirs, record.text)
        text, values = self.for_firn(record.text)
        if text is None:
            return
        mine = self.do(self.mine, text, values)
        if isinstance(theirs, sqlite3.Error) != record.fails:
            raise Ends(f"this SQLite says {theirs}")
        if isinstance(mine, sqlite3.Error) and not isinstance(theirs, sqlite3.Error):
            is_definition = text.startswith("SELECT firn_create") or "virtual table" in str(mine)
            is_mismatch = isinstance(mine, (sqlite3.IntegrityError, sqlite3.DataError)) and "column" in str(mine)
            if is_definition or is_mismatch:
                raise Ends(f"refused: {mine}")
        if isinstance(mine, sqlite3.Error) != isinstance(theirs, sqlite3.Error):
            raise Differs(f"firn: {mine}\nSQLite: {theirs}")
        self.statements += 1

    def query(self, record):
        theirs = self.timed("SQLite", self.theirs, record.text)
        if isinstance(theirs, sqlite3.Error):
            raise Ends(f"this SQLite says {theirs}")
        values = answer_of(theirs, record)
        if record.answer is not None and not is_answer(values, record.answer):
            raise Ends("this SQLite has another answer than the file")
        mine = self.timed("firn", self.mine, record.text)
        if isinstance(mine, sqlite3.Error):
            raise Differs(f"firn: {mine}\nSQLite: {theirs[:20]}")
        if answer_of(mine, record) != values:
            raise Differs(f"firn: {mine[:20]}\nSQLite: {theirs[:20]}")
        self.queries += 1
        if len(record.types) <= QUERY_COLUMNS_MAX:
            columns = ", ".join(f"c{i + 1}" for i in range(len(record.types)))
            scanned = self.timed("firn_query", self.mine, f"SELECT {columns} FROM firn_query(?)", (record.text,))
            if isinstance(scanned, sqlite3.Error) or answer_of(scanned, record) != values:
                way = self.do(self.mine, "SELECT firn_explain(?)", (record.text,))
                raise Differs(f"firn_query ({way}): {str(scanned)[:600]}\nSQLite: {theirs[:20]}")
            self.scans += 1

    def run(self):
        """Raises Differs."""
        for record in parse(self.path):
            if time.monotonic() > self.until:
                self.ended = "time"
                break
            try:
                if record.kind == "statement":
                    self.statement(record)
                else:
                    self.query(record)
            except Ends as why:
                self.ended = f"line {record.line}: {why}"
                break
            except Differs as wrong:
                raise Differs(f"{self.path}:{record.line}: {record.text}\n{wrong}") from None


def complete(path):
    """Writes the answers of SQLite into a file."""
    db = sqlite3.connect(":memory:", isolation_level=None)
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    answers = {}
    for record in parse(path):
        rows = db.execute(record.text).fetchall() if not record.fails else []
        if record.kind == "query":
            if rows and len(rows[0]) != len(record.types):
                raise ValueError(f"{path}:{record.line}: {len(rows[0])} columns")
            values = answer_of(rows, record)
            if len(values) > 40:
                digest = hashlib.md5("".join(value + "\n" for value in values).encode()).hexdigest()
                values = [f"{len(values)} values hashing to {digest}"]
            answers[record.line] = values
    out = []
    at = 0
    while at < len(lines):
        out.append(lines[at])
        at += 1
        if at in answers:
            values = answers[at]
            while at < len(lines) and lines[at].strip() and lines[at] != "----":
                out.append(lines[at])
                at += 1
            out += ["----"] + values
            while at < len(lines) and lines[at].strip():
                at += 1
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(out))


def files_of(names):
    for name in names:
        if not os.path.isdir(name):
            yield name
            continue
        for parent, folders, files in sorted(os.walk(name)):
            folders.sort()
            yield from (os.path.join(parent, file) for file in sorted(files) if file.endswith(".test"))


def main():
    arguments = sys.argv[3:]
    completes = "--complete" in arguments
    seconds = 60.0
    if "--seconds" in arguments:
        at = arguments.index("--seconds")
        seconds = float(arguments[at + 1])
        del arguments[at:at + 2]
    names = [a for a in arguments if not a.startswith("--")]
    if not names:
        names = [os.path.join(HERE, "logic")] + [n for n in os.environ.get("FIRN_SQLLOGICTEST", "").split(":") if n]
    counts = {"files": 0, "statements": 0, "queries": 0, "by firn_query": 0, "ended early": 0, "different": 0}
    for path in files_of(names):
        if completes:
            complete(path)
            continue
        run = Run(path, seconds)
        try:
            run.run()
        except Differs as wrong:
            counts["different"] += 1
            print(f"DIFFERENT: {wrong}", flush=True)
        finally:
            run.close()
        counts["files"] += 1
        if sum(run.took.values()) > 5:
            print(f"{path}: CPU seconds of queries: " + ", ".join(f"{who} {took:.1f}" for who, took in run.took.items()), flush=True)
        counts["statements"] += run.statements
        counts["queries"] += run.queries
        counts["by firn_query"] += run.scans
        if run.ended:
            counts["ended early"] += 1
            print(f"{path}: ended at {run.ended}", flush=True)
    print("logictest: " + ", ".join(f"{count} {what}" for what, count in counts.items()))
    print(f"count: {counts['queries']} queries of sqllogictest, each answered four times")
    sys.exit(counts["different"] > 0)


if __name__ == "__main__":
    main()
