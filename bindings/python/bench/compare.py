#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""compare.py [--count N] [--c PROGRAM] [--write]: calls of the Python package beside those of lmdb, rocksdict, plyvel (LevelDB) and sqlite3, in one run: the
same keys and values of 100 bytes, one thread, without syncs. Prints nanoseconds for each call and, for others, how many times as long as firn they
take. With --c, the program get_in_c: what a get costs in C, and what Python adds. What is not installed is left out. --write puts the table into
docs/benchmarks.md."""

import argparse
import datetime
import platform
import subprocess
import tempfile
import time
from pathlib import Path

import firn

parser = argparse.ArgumentParser()
parser.add_argument("--count", type=int, default=100_000)
parser.add_argument("--c", metavar="PROGRAM")
parser.add_argument("--write", action="store_true")
arguments = parser.parse_args()
COUNT = arguments.count
KEYS = [b"k%08d" % i for i in range(COUNT)]
SHUFFLED = [KEYS[i * 7919 % COUNT] for i in range(COUNT)]
VALUE = b"v" * 100
BATCH = 1000


class Firn:
    name = "firn"

    def __init__(self, path):
        self.store = firn.open(path / "firn", durability="os")
        self.ks = self.store.keyspace("bench")

    def load(self):
        for at in range(0, COUNT, BATCH):
            with self.store.batch() as batch:
                put, ks = batch.put, self.ks
                for key in KEYS[at : at + BATCH]:
                    put(ks, key, VALUE)

    def settle(self):
        self.store.compact()

    def get(self):
        ks = self.ks
        for key in SHUFFLED:
            ks[key]

    def get_many(self):
        for at in range(0, COUNT, BATCH):
            self.ks.get_many(SHUFFLED[at : at + BATCH])

    def put(self):
        ks = self.ks
        for key in SHUFFLED:
            ks[key] = VALUE

    def iterate(self):
        for _ in self.ks.items():
            pass

    def close(self):
        self.store.close()


class Lmdb:
    name = "lmdb"

    def __init__(self, path):
        import lmdb

        self.env = lmdb.open(str(path / "lmdb"), map_size=1 << 30, sync=False, metasync=False)

    def load(self):
        for at in range(0, COUNT, BATCH):
            with self.env.begin(write=True) as txn:
                for key in KEYS[at : at + BATCH]:
                    txn.put(key, VALUE)

    def get(self):
        with self.env.begin() as txn:
            get = txn.get
            for key in SHUFFLED:
                get(key)

    def get_many(self):
        with self.env.begin() as txn, txn.cursor() as cursor:
            for at in range(0, COUNT, BATCH):
                cursor.getmulti(SHUFFLED[at : at + BATCH])

    def put(self):
        for key in SHUFFLED:
            with self.env.begin(write=True) as txn:
                txn.put(key, VALUE)

    def iterate(self):
        with self.env.begin() as txn:
            for _ in txn.cursor():
                pass

    def close(self):
        self.env.close()


class Plyvel:
    name = "plyvel"

    def __init__(self, path):
        import plyvel

        self.db = plyvel.DB(str(path / "plyvel"), create_if_missing=True, lru_cache_size=256 << 20)

    def load(self):
        for at in range(0, COUNT, BATCH):
            with self.db.write_batch() as batch:
                for key in KEYS[at : at + BATCH]:
                    batch.put(key, VALUE)

    def settle(self):
        self.db.compact_range()

    def get(self):
        get = self.db.get
        for key in SHUFFLED:
            get(key)

    get_many = None

    def put(self):
        put = self.db.put
        for key in SHUFFLED:
            put(key, VALUE)

    def iterate(self):
        for _ in self.db.iterator():
            pass

    def close(self):
        self.db.close()


class Rocksdict:
    name = "rocksdict"

    def __init__(self, path):
        import rocksdict

        self.rocksdict = rocksdict
        self.db = rocksdict.Rdict(str(path / "rocksdict"), options=rocksdict.Options(raw_mode=True))

    def load(self):
        for at in range(0, COUNT, BATCH):
            batch = self.rocksdict.WriteBatch(raw_mode=True)
            for key in KEYS[at : at + BATCH]:
                batch.put(key, VALUE)
            self.db.write(batch)

    def settle(self):
        self.db.compact_range(None, None)

    def get(self):
        db = self.db
        for key in SHUFFLED:
            db[key]

    def get_many(self):
        for at in range(0, COUNT, BATCH):
            self.db[SHUFFLED[at : at + BATCH]]

    def put(self):
        db = self.db
        for key in SHUFFLED:
            db[key] = VALUE

    def iterate(self):
        for _ in self.db.items():
            pass

    def close(self):
        self.db.close()


class Sqlite:
    name = "sqlite3"

    def __init__(self, path):
        import sqlite3

        self.db = sqlite3.connect(path / "sqlite", isolation_level=None)
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=OFF")
        self.db.execute("CREATE TABLE t (k BLOB PRIMARY KEY, v BLOB) WITHOUT ROWID")

    def load(self):
        self.db.execute("BEGIN")
        self.db.executemany("INSERT INTO t VALUES (?, ?)", ((key, VALUE) for key in KEYS))
        self.db.execute("COMMIT")

    def get(self):
        execute = self.db.execute
        for key in SHUFFLED:
            execute("SELECT v FROM t WHERE k = ?", (key,)).fetchone()

    get_many = None

    def put(self):
        execute = self.db.execute
        for key in SHUFFLED:
            execute("REPLACE INTO t VALUES (?, ?)", (key, VALUE))

    def iterate(self):
        for _ in self.db.execute("SELECT k, v FROM t ORDER BY k"):
            pass

    def close(self):
        self.db.close()


def spent(function):
    begun = time.perf_counter()
    function()
    return (time.perf_counter() - begun) / COUNT * 1e9


CALLS = {
    "load": "load in key order, batches of 1,000",
    "get": "get, random keys",
    "get_many": "get 1,000 random keys in one call",
    "iterate": "iterate over all",
    "put": "put, random keys",
}


def version_of(peer):
    if peer.name == "firn":
        return firn.__version__
    if peer.name == "sqlite3":
        import sqlite3

        return sqlite3.sqlite_version
    from importlib.metadata import version

    return version(peer.name)


def write_table(peers, rows, remark):
    document = Path(__file__).resolve().parents[3] / "docs" / "benchmarks.md"
    processors = [line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    lines = [
        f"{datetime.date.today()}, {processors[0] if processors else platform.machine()}, {len(processors)} processors, "
        f"Python {platform.python_version()}, {COUNT:,} entries. Nanoseconds for each key, the fastest of up to five rounds.",
        "",
        "| nanoseconds | " + " | ".join(f"{peer.name} {version_of(peer)}" for peer in peers) + " |",
        "|---|" + "---|" * len(peers),
    ]
    for call, best in rows:
        cells = (f"{best[0]:.0f}" if at == 0 else f"{ns:.0f} ({ns / best[0]:.2f})" if ns else "–" for at, ns in enumerate(best))
        lines.append(f"| {CALLS[call]} | " + " | ".join(cells) + " |")
    if remark:
        lines += ["", remark[0].upper() + remark[1:] + "."]
    begin, end = "<!-- python: begin -->\n", "<!-- python: end -->"
    before, rest = document.read_text().split(begin)
    document.write_text(before + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1])


def main():
    rows = []
    remark = None
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory)
        peers = []
        for kind in (Firn, Lmdb, Rocksdict, Plyvel, Sqlite):
            try:
                peers.append(kind(path))
            except ImportError as error:
                print(f"SKIPPED: {error}")
        print("call        " + "".join(f"{peer.name:>18}" for peer in peers))
        for call, rounds in (("load", 1), ("get", 5), ("get_many", 5), ("iterate", 5), ("put", 1)):
            best = [None] * len(peers)
            for _ in range(rounds):  # in turns, so that what else the machine does is shared
                for at, peer in enumerate(peers):
                    if getattr(peer, call) is not None:
                        ns = spent(getattr(peer, call))
                        best[at] = ns if best[at] is None else min(best[at], ns)
            cells = (f"{ns:.0f} ns {ns / best[0]:5.2f}x" if ns else "-" for ns in best)
            print(f"{call:12}" + "".join(f"{cell:>18}" for cell in cells), flush=True)
            rows.append((call, best))
            if call == "load":  # reads begin with merged files; lmdb and SQLite have nothing to merge
                for peer in peers:
                    getattr(peer, "settle", lambda: None)()
        peers[0].store.compact()
        for peer in peers:
            peer.close()
        if arguments.c:
            in_c = float(subprocess.run([arguments.c, path / "firn", str(COUNT)], capture_output=True, text=True, check=True).stdout)
            with firn.open(path / "firn", durability="os") as store:
                ks = store.keyspace("bench")

                def get():
                    for key in SHUFFLED:
                        ks[key]

                def nothing():
                    for key in SHUFFLED:
                        key

                rounds = 5 + 5_000_000 // COUNT
                in_python = min(spent(get) for _ in range(rounds)) - min(spent(nothing) for _ in range(rounds))
            remark = f"a get in C {in_c:.0f} ns, in Python {in_python:.0f} ns: {in_python - in_c:.0f} ns more"
            print(remark)
    if arguments.write:
        write_table(peers, rows, remark)


main()
