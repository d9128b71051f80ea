# SPDX-License-Identifier: Apache-2.0
"""A process writes to an SQLite database while firn saves it: each checkpoint has a prefix of its commits.

Usage: sqlite_writers.py FIRN [SAVES [SEED]]. In each journal mode a writer commits batches of 50 rows, changes old rows and, now and then, removes
most of them, with a cache so small that pages get into the file before the commit. Of each checkpoint the database, with the
files beside it that the checkpoint has, must pass integrity_check, have whole batches only, and no batch may be missing that an
earlier checkpoint has. A checkpoint has files beside the database only if no process was in a transaction.
"""
import json
import os
import sqlite3
import subprocess
import sys
import tempfile

WRITER = """
import random, sqlite3, sys
random.seed(int(sys.argv[3]))
db = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
db.execute("PRAGMA journal_mode = " + sys.argv[2])
db.execute("PRAGMA cache_size = 10")
db.execute("PRAGMA synchronous = OFF")
db.execute("CREATE TABLE t (n INTEGER PRIMARY KEY, batch, pad)")
print("ready", flush=True)
n = batch = 0
while True:
    batch += 1
    db.execute("BEGIN IMMEDIATE")
    for i in range(50):
        n += 1
        db.execute("INSERT INTO t VALUES (?, ?, ?)", (n, batch, "x" * random.randrange(600)))
    for i in range(10):
        db.execute("UPDATE t SET pad = ? WHERE n = ?", ("y" * random.randrange(600), random.randrange(1, n + 1)))
    db.execute("COMMIT")
    if batch % 50 == 0:
        db.execute("DELETE FROM t WHERE batch < ?", (batch - 20,))
"""


def check(path, last):
    db = sqlite3.connect(path)
    found = db.execute("PRAGMA integrity_check").fetchone()[0]
    assert found == "ok", found
    torn = db.execute("SELECT batch, count(*) FROM t GROUP BY batch HAVING count(*) <> 50").fetchall()
    assert not torn, torn
    batch, n = db.execute("SELECT coalesce(max(batch), 0), coalesce(max(n), 0) FROM t").fetchone()
    db.close()
    assert n == batch * 50 and batch >= last, (batch, n, last)
    return batch


def run(firn, mode, saves, seed):
    temporary = tempfile.TemporaryDirectory(prefix="firn-sqlite-writers-")  # removed at exit at the latest
    top = temporary.name
    tree = os.path.join(top, "tree")
    copies = os.path.join(top, "copies")
    os.mkdir(tree)
    os.mkdir(copies)
    environment = dict(os.environ, XDG_DATA_HOME=os.path.join(top, "data"), HOME=top, TMPDIR=copies)

    def call(*arguments):
        done = subprocess.run([firn, *arguments], cwd=tree, env=environment, capture_output=True)
        assert done.returncode == 0, (arguments, done.returncode, done.stdout, done.stderr)
        return done.stdout

    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, os.path.join(tree, "app.db"), mode, str(seed)], stdout=subprocess.PIPE)
    try:
        assert writer.stdout.readline() == b"ready\n"
        for i in range(saves):
            call("save", "-q")
    finally:
        writer.kill()
        writer.wait()
    assert os.listdir(copies) == [], os.listdir(copies)
    last = 0
    number = beside = 0
    for number in range(1, saves + 1):
        names = [entry["path"] for entry in json.loads(call("show", str(number), "--files", "--json"))["entries"]]
        assert "app.db" in names, names
        with tempfile.TemporaryDirectory(dir=top) as there:
            for name in names:
                with open(os.path.join(there, name), "wb") as copy:
                    copy.write(call("cat", str(number), name))
            last = check(os.path.join(there, "app.db"), last)
        beside += len(names) - 1
    assert last > 0
    temporary.cleanup()
    print(f"{mode}: {number} checkpoints beside a writer, up to batch {last}, {beside} files beside it; seed {seed}")


def main():
    firn = sys.argv[1]
    saves = int(sys.argv[2]) if len(sys.argv) > 2 else 13
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    for mode in ("wal", "delete", "truncate", "persist"):
        run(firn, mode, saves, seed)


main()
