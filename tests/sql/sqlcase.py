# SPDX-License-Identifier: Apache-2.0
"""What the tests of the SQLite extension share: python3 FILE EXTENSION PROGRAM [SEED [COUNT]]."""
import fcntl
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

EXTENSION = sys.argv[1] if len(sys.argv) > 1 else ""
PROGRAM = sys.argv[2] if len(sys.argv) > 2 else "firn"


PREFIX = "firn-sql-"
OLD_SECONDS = 60  # a directory that is younger may be one that is being made


class Temporary(tempfile.TemporaryDirectory):
    """A directory that is removed at exit at the latest, and is locked as long as the process lives."""

    def __init__(self):
        super().__init__(prefix=PREFIX, ignore_cleanup_errors=True)
        self.lock = os.open(self.name, os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def cleanup(self):
        if self.lock is not None:
            os.close(self.lock)
            self.lock = None
        super().cleanup()


def sweep():
    """Removes the directories of tests that were killed: old ones that nobody has locked."""
    for entry in os.scandir(tempfile.gettempdir()):
        try:
            if not entry.name.startswith(PREFIX) or not entry.is_dir(follow_symlinks=False) or \
                    entry.stat().st_mtime > time.time() - OLD_SECONDS:
                continue
            lock = os.open(entry.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            continue  # somebody else's, or gone
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(entry.path, ignore_errors=True)
        except OSError:
            pass  # in use
        finally:
            os.close(lock)


signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
sweep()


def connect(path=":memory:", **options):
    """A connection with the extension, which commits by itself."""
    db = sqlite3.connect(path, isolation_level=None, **options)
    db.enable_load_extension(True)
    db.load_extension(EXTENSION)
    db.enable_load_extension(False)
    return db


def firn(*arguments):
    """Runs the program; its output."""
    done = subprocess.run([PROGRAM, *arguments], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"firn {arguments}: {done.stdout}{done.stderr}")
    return done.stdout


class Case(unittest.TestCase):
    """A directory of its own, and a connection to a new store in it."""

    def setUp(self):
        self.dir = self.enter_temporary()
        self.path = os.path.join(self.dir, "app.firn")
        self.db = connect()
        self.run_sql("SELECT firn_attach(?, 'create')", self.path)

    def tearDown(self):
        self.db.close()

    def enter_temporary(self):
        """A directory that is removed after the test, also if setUp fails."""
        directory = Temporary()
        self.addCleanup(directory.cleanup)
        return directory.name

    def run_sql(self, text, *values, db=None):
        return (db or self.db).execute(text, values).fetchall()

    def create(self, text):
        self.run_sql("SELECT firn_create(?)", text)

    def one(self, text, *values, db=None):
        rows = self.run_sql(text, *values, db=db)
        self.assertEqual(len(rows), 1, rows)
        return rows[0][0] if len(rows[0]) == 1 else rows[0]

    def fails(self, kind, words, text, *values, db=None):
        with self.assertRaises(kind) as caught:
            self.run_sql(text, *values, db=db)
        self.assertIn(words, str(caught.exception))
        return caught.exception

    def plan(self, text, *values):
        """What firn was asked for: the last words of each line of EXPLAIN QUERY PLAN."""
        return "\n".join(row[3] for row in self.run_sql("EXPLAIN QUERY PLAN " + text, *values))


def main():
    sys.argv[1:] = []
    unittest.main(verbosity=1)
