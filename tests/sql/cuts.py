# SPDX-License-Identifier: Apache-2.0
"""python3 cuts.py EXTENSION PROGRAM: power that is cut inside of transactions through SQL. A process commits transactions over two tables
and a keyspace of a store on a file system in a loop-mounted file, which is shut down at a random moment (tests/crash/power_cuts.py)
and mounted again. Then the tables and the keyspace show the same number of transactions, at least those that were acknowledged, and
all that follows from this number, and nothing of a savepoint that was rolled back.

Needs root and loop devices; else it prints SKIPPED. FIRN_TEST_SEED repeats a run's moments."""
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "crash"))
from mounted import enter_own_namespace  # noqa: E402
from power_cuts import CutDisk, cut_while, last_line  # noqa: E402

CUTS = 24
ROUNDS_A_STORE = 6
KEPT = 50  # rows of the log


def connect(extension, path):
    db = sqlite3.connect(":memory:", isolation_level=None)
    db.enable_load_extension(True)
    db.load_extension(extension)
    db.execute("SELECT firn_attach(?, 'create')", (path,)).fetchall()
    return db


def make(db):
    for text in ("CREATE TABLE IF NOT EXISTS log (n INTEGER PRIMARY KEY, text TEXT, INDEX by_text (text))",
                 "CREATE TABLE IF NOT EXISTS sum (id INTEGER PRIMARY KEY, n BIGINT)", "CREATE KEYSPACE IF NOT EXISTS state"):
        db.execute("SELECT firn_create(?)", (text,)).fetchall()


def text_of(number):
    return f"{number * 7919 % 1000} " * (number % 40)


def write(extension, path):
    db = connect(extension, path)
    make(db)
    number = db.execute("SELECT coalesce(max(n), 0) FROM log").fetchone()[0]
    while True:
        number += 1
        db.execute("BEGIN")
        db.execute("INSERT INTO log VALUES (?, ?)", (number, text_of(number)))
        db.execute("DELETE FROM log WHERE n = ?", (number - KEPT,))
        db.execute("SAVEPOINT s")
        db.execute("UPDATE log SET text = 'wrong'")
        db.execute("INSERT INTO sum VALUES (?, -1)", (number + 1000000,))
        db.execute("ROLLBACK TO s")
        db.execute("INSERT OR REPLACE INTO sum SELECT id, coalesce((SELECT n FROM sum s WHERE s.id = v.id), 0) + 1 FROM "
                   "(SELECT 0 AS id UNION ALL SELECT 1 + ? % 5) v", (number,))
        db.execute("INSERT OR REPLACE INTO state (key, value) VALUES ('last', ?)", (str(number),))
        db.execute("COMMIT")
        print(number, flush=True)


def verify(extension, path, acknowledged):
    """How many transactions there are."""
    if not os.path.exists(path) and not acknowledged:
        return 0
    db = connect(extension, path)
    make(db)
    number = db.execute("SELECT coalesce(max(n), 0) FROM log").fetchone()[0]
    wanted = [(n, text_of(n)) for n in range(max(1, number - KEPT + 1), number + 1)]
    sums = {0: number} if number else {}
    for n in range(1, number + 1):
        sums[1 + n % 5] = sums.get(1 + n % 5, 0) + 1
    found = [db.execute("SELECT * FROM log ORDER BY n").fetchall(), dict(db.execute("SELECT id, n FROM sum")),
             db.execute("SELECT key, value FROM state").fetchall(),
             db.execute("SELECT count(*) FROM log WHERE text >= ''").fetchone()[0]]
    db.close()
    if number < acknowledged:
        raise RuntimeError(f"{number} transactions of {acknowledged} that were acknowledged")
    if found != [wanted, sums, [("last", str(number))] if number else [], len(wanted)]:
        raise RuntimeError(f"after {number} transactions the store shows {found}")
    return number


def cuts_of(disk, chance, extension, program):
    lost = 0
    for cut in range(CUTS):
        if cut % ROUNDS_A_STORE == 0:
            path, acknowledged = os.path.join(disk.root, f"store{cut}.firn"), 0
        command = [sys.executable, "-B", os.path.abspath(__file__), "write", extension, path]
        output, _ = cut_while(disk, command, chance.uniform(0.1, 0.4))
        acknowledged = last_line(output) or acknowledged
        disk.come_back()
        number = verify(extension, path, acknowledged)
        lost += number > acknowledged
        if os.path.exists(path):
            subprocess.run([program, "db", "check", path, "-q"], check=True)
        acknowledged = number
        if cut % ROUNDS_A_STORE == ROUNDS_A_STORE - 1:
            if not acknowledged:
                raise RuntimeError("nothing was committed")
            shutil.rmtree(path)
    return lost


def main():
    if sys.argv[1] == "write":
        return write(*sys.argv[2:4])
    extension, program = map(os.path.abspath, sys.argv[1:3])
    if os.geteuid() != 0:
        print("SKIPPED: power cuts of transactions through SQL: not root")
        return 0
    enter_own_namespace()
    seed = int(os.environ.get("FIRN_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
    print(f"seed {seed}")
    with tempfile.TemporaryDirectory(prefix="firn-cuts-") as place:
        for kind in ("ext4", "xfs"):
            disk = CutDisk(kind, 512, place)
            if disk.error:
                print(f"SKIPPED: power cuts of {kind}: {disk.error}")
                continue
            try:
                ahead = cuts_of(disk, random.Random(seed), extension, program)
                print(f"count: {CUTS} power cuts of {kind} inside of transactions through SQL")
                print(f"{kind}: {ahead} times the last transaction was there before it was acknowledged")
            finally:
                disk.remove()
    return 0


if __name__ == "__main__":
    sys.exit(main())
