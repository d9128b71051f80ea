#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/cli/sqlite_graphs.py FIRN [--factor=N]: databases of SQLite whose pages are graphs, and real ones.

Crafted files of at most 64 KiB claim more rows than can be read. Every command that reads rows must end within a second of
CPU and 64 MiB, and say that the file is damaged, or differs. Real databases of all forms must still be compared and imported.
"""
import json
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import tempfile

PAGE = 4096


def varint(value):
    out = [value & 0x7F]
    value >>= 7
    while value:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(reversed(out))


def page_of(kind, cells, right=None, shared=False):
    """A page of a tree. shared: all pointers are to one cell."""
    head = 8 if right is None else 12
    body = bytearray(PAGE)
    end = PAGE
    pointers = []
    for cell in cells:
        if not (shared and pointers):
            end -= max(len(cell), 4)
            body[end:end + len(cell)] = cell
        pointers.append(end)
    struct.pack_into(">BHHHB", body, 0, kind, 0, len(cells), end, 0)
    if right is not None:
        struct.pack_into(">I", body, 8, right)
    for i, pointer in enumerate(pointers):
        struct.pack_into(">H", body, head + 2 * i, pointer)
    assert head + 2 * len(pointers) <= end
    return bytes(body)


def row(rowid, text=b"x"):
    record = bytes([2]) + varint(13 + 2 * len(text)) + text
    return varint(len(record)) + varint(rowid) + record


def crafted(path, make, text):
    """A database with a table t(a), whose tree is what make(first page number) gives: the root and pages after it."""
    db = sqlite3.connect(path)
    db.execute(f"PRAGMA page_size = {PAGE}")
    db.execute("CREATE TABLE t(a)")
    db.execute("CREATE TABLE other(a)")
    db.execute("INSERT INTO other VALUES (?)", (text,))
    db.commit()
    db.close()
    with open(path, "r+b") as file:
        pages = bytearray(file.read())
        root, first = 2, len(pages) // PAGE + 1
        made = make(first)
        pages[(root - 1) * PAGE:root * PAGE] = made[0]
        for page in made[1:]:
            pages += page
        struct.pack_into(">I", pages, 28, len(pages) // PAGE)
        file.seek(0)
        file.write(pages)


def inner(child, count, right=None, first=0):
    return page_of(5, [struct.pack(">I", child) + varint(first + i) for i in range(count)],
                   child if right is None else right)


def graph(first):
    levels = [inner(first + i, 400) for i in range(6)]
    return levels + [page_of(13, [row(i) for i in range(400)])]


def circle(first):
    return [inner(first, 300), inner(2, 300)]


def one_cell(first):
    del first
    return [page_of(13, [row(1, b"y" * 1000)] * 1400, shared=True)]


def descending(first):
    del first
    return [page_of(13, [row(100 - i) for i in range(50)])]


def overflow(first):
    """Each row has its bytes in one chain of pages."""
    text = 12 * (PAGE - 4)
    record = bytes([6]) + bytes([4]) + varint(13 + 2 * text)
    local = (PAGE - 12) * 32 // 255 - 23
    size = len(record) + text
    local = local + (size - local) % (PAGE - 4)
    local = local if local <= PAGE - 35 else (PAGE - 12) * 32 // 255 - 23
    cells = [varint(size) + varint(i) + (record + b"z" * local)[:local] + struct.pack(">I", first) for i in range(1, 7)]
    chain = [struct.pack(">I", first + 1 + i) + b"z" * (PAGE - 4) for i in range(13)]
    return [page_of(13, cells)] + chain


def schema(path, text):
    """The schema's own tree is the graph."""
    crafted(path, graph, text)
    with open(path, "r+b") as file:
        pages = bytearray(file.read())
        last = len(pages) // PAGE + 1
        table = bytes(pages[100:PAGE])
        cells = [struct.pack(">I", last) + varint(i) for i in range(300)]
        page = page_of(5, cells, last)
        body = bytearray(PAGE)
        body[:100] = pages[:100]
        body[100:112 + 600] = page[:712 - 100]
        body[PAGE - 2000:] = page[PAGE - 2000:]
        pages[:PAGE] = body
        leaf = bytearray(PAGE)
        leaf[:len(table) - 100] = table[:len(table) - 100]
        leaf[PAGE - 3000:] = table[-3000:]
        pages += leaf
        struct.pack_into(">I", pages, 28, len(pages) // PAGE)
        file.seek(0)
        file.write(pages)


ATTACKS = {"graph": graph, "circle": circle, "one_cell": one_cell, "descending": descending, "overflow": overflow,
           "schema": None}


class Tester:
    def __init__(self, firn, cpu_max):
        self.firn, self.cpu_max = firn, cpu_max
        self.failures, self.runs = [], 0
        self.slowest = 0.0

    def run(self, name, words, place, given=b"", codes=(0,), has=None):
        self.runs += 1
        environment = dict(os.environ, HOME=place, XDG_DATA_HOME=place + "/data", XDG_CONFIG_HOME=place + "/config", TMPDIR=place)
        environment.pop("FIRN_STORE", None)
        shell = ["sh", "-c", f"ulimit -t {int(5 * self.cpu_max)}; exec \"$@\"", "sh"]
        with open(place + "/out", "wb") as out:
            process = subprocess.Popen(shell + words, cwd=place + "/ws", env=environment, stdin=subprocess.PIPE, stdout=out,
                                       stderr=subprocess.STDOUT)
            process.stdin.write(given)
            process.stdin.close()
            _, status, usage = os.wait4(process.pid, 0)
            process.returncode = os.waitstatus_to_exitcode(status)
        with open(place + "/out", "rb") as out:
            told = out.read(1 << 20).decode(errors="replace")
        cpu = usage.ru_utime + usage.ru_stime
        self.slowest = max(self.slowest, cpu)
        why = f"took {cpu:.2f} s of CPU" if cpu > self.cpu_max else \
            f"exit code {process.returncode}" if process.returncode not in codes else \
            f"no '{has}'" if has is not None and has not in told else None
        if why:
            self.failures.append(name)
            print(f"FAILED {name}: {why}\n{told[:2000]}")
        return told

    def save(self, place, words=()):
        self.run("save", [self.firn, "save", *words], place)

    def attack(self, kind, place):
        ws = place + "/ws"
        os.makedirs(ws)
        for text in ("first", "second"):
            path = ws + "/db.sqlite"
            if os.path.exists(path):
                os.remove(path)
            if kind == "schema":
                schema(path, text)
            else:
                crafted(path, ATTACKS[kind], text)
            assert os.path.getsize(path) <= 64 << 10
            self.save(place)
        for words in (["diff", "1", "2"], ["diff", "--rows", "10", "1", "2"], ["diff", "-p", "1", "2"],
                      ["diff", "--stat", "1", "2"], ["log", "-p"], ["show", "-p"], ["diff", "--rows", "5", "1"]):
            self.run(f"{kind}: {' '.join(words)}", [self.firn, *words], place, has="db.sqlite")
        self.run(f"{kind}: db import", [self.firn, "db", "import", "--from", "sqlite", ws + "/db.sqlite", place + "/imported"],
                 place, codes=(5,))
        messages = [{"jsonrpc": "2.0", "id": 1, "method": "initialize",
                     "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}},
                    {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "checkpoint_diff", "arguments": {
                        "workspace_path": ws, "snapshot_id": "1", "to_snapshot_id": "2", "patch": True}}}]
        self.run(f"{kind}: mcp", [self.firn, "mcp"], place, "".join(json.dumps(m) + "\n" for m in messages).encode(),
                 has="db.sqlite")

    def real(self, place, size, auto, mode):
        """Rows in trees of all kinds: long ones, without rowid, indexes."""
        ws = place + "/ws"
        os.makedirs(ws)
        db = sqlite3.connect(ws + "/db.sqlite", isolation_level=None)
        db.execute(f"PRAGMA page_size = {size}")
        db.execute(f"PRAGMA auto_vacuum = {auto}")
        db.execute(f"PRAGMA journal_mode = {mode}")
        db.execute("CREATE TABLE a(id INTEGER PRIMARY KEY, text, number REAL)")
        db.execute("CREATE TABLE b(x TEXT, y, PRIMARY KEY(x)) WITHOUT ROWID")
        db.execute("CREATE TABLE c(x UNIQUE, y)")
        db.execute("CREATE TABLE empty(x)")
        db.execute("CREATE INDEX i ON a(text)")
        db.execute("BEGIN")
        for i in range(3000):
            db.execute("INSERT INTO a VALUES (?, ?, ?)", (i * 7 - 9000, "t" * (i % 900) + str(i), i / 3))
            db.execute("INSERT INTO b VALUES (?, ?)", (f"k{i:05}" + "k" * (i % 700), bytes(i % 50)))
            db.execute("INSERT INTO c VALUES (?, ?)", (i, "v" * (70000 if i % 500 == 0 else i % 30)))
        db.execute("COMMIT")
        db.execute("DELETE FROM a WHERE id % 5 = 0")
        db.execute("DELETE FROM b WHERE x < 'k00400'")
        self.save(place)
        db.execute("UPDATE a SET text = 'changed' WHERE id = 5 * 7 * 13 - 9000 + 1 OR id = -8993")
        db.execute("INSERT INTO b VALUES ('new', 1)")
        self.save(place)
        name = f"{size} {auto} {mode}"
        told = self.run(f"{name}: rows", [self.firn, "diff", "--rows", "10", "1", "2"], place, has="new")
        if "changed" not in told or "damaged" in told:
            self.failures.append(name)
            print(f"FAILED {name}:\n{told}")
        self.run(f"{name}: import", [self.firn, "db", "import", "--from", "sqlite", ws + "/db.sqlite", place + "/imported"], place)
        db.close()

    def main(self):
        with tempfile.TemporaryDirectory(prefix="firn-sqlite-graphs-") as top:
            for kind in ATTACKS:
                self.attack(kind, f"{top}/{kind}")
            for size, auto, mode in ((512, 0, "delete"), (1024, 1, "wal"), (4096, 0, "wal"), (4096, 2, "delete"),
                                     (65536, 0, "delete")):
                self.real(f"{top}/{size}-{auto}-{mode}", size, auto, mode)
                shutil.rmtree(f"{top}/{size}-{auto}-{mode}")
        print(f"count: {self.runs} commands over databases, the slowest took {self.slowest:.2f} s of CPU")
        if self.failures:
            print(f"{len(self.failures)} failed")
            sys.exit(1)


factors = [float(word.partition("=")[2]) for word in sys.argv[2:] if word.startswith("--factor=")]
Tester(os.path.abspath(sys.argv[1]), factors[0] if factors else 1.0).main()
