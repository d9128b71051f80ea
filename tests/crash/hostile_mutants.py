# SPDX-License-Identifier: Apache-2.0
"""tests/crash/hostile_mutants.py MUTATE_STORE FIRN [--seconds N] [--seeds FROM-TO]: stores and files of somebody who means harm.

A seed store, which the program makes (a workspace with three checkpoints, a tag, a pin, keyspaces, a table with an index and vectors), is copied
for each seed, and mutate_store changes one thing in it, with every checksum made right. Archives, databases of SQLite, dumps, CSV and git's
tar files that the program reads are changed here, byte by byte. All commands that read such a thing are run on it, and then those that write.
Of each five stores one is trusted, and gets the commands of remotes: it knows a directory, has pushed to it, and has pulled what another
store has pushed. Of the files some are those of an encrypted store, of which the user has a key.

A command may refuse or succeed. It must not die by a signal, say that an internal check or a sanitizer failed, take more than 10 s of CPU
or 512 MiB, or change anything outside of the workspace, the store and the directory that it was told to write into. A failure names the
seed, with which it happens again: --seeds N-N --keep leaves the files.
"""
import argparse
import hashlib
import os
import pathlib
import random
import resource
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../formats/keys"))
from blake3_derive import blake3  # pylint: disable=wrong-import-position

CPU_SECONDS = 10
MEMORY = 512 << 20
BAD_TEXT = [b"AddressSanitizer", b"LeakSanitizer", b"runtime error:", b"UndefinedBehaviorSanitizer", b"internal check failed"]


def tree_state(top):
    """What a directory has: names, modes, sizes and contents."""
    state = {}
    for directory, below, names in os.walk(top):
        for name in below + names:
            path = os.path.join(directory, name)
            is_ = os.lstat(path)
            content = b""
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    content = hashlib.sha256(file.read()).digest()
            state[os.path.relpath(path, top)] = (is_.st_mode, is_.st_size if not os.path.isdir(path) else 0, os.path.islink(path) and os.readlink(path), content)
    return state


class Hostile:
    def __init__(self, arguments):
        self.mutate = os.path.abspath(arguments.mutate)
        self.firn = os.path.abspath(arguments.firn)
        self.top = pathlib.Path(tempfile.mkdtemp(prefix="hostile."))
        self.counts = {"mutants": 0, "commands": 0, "commands that succeeded": 0}
        self.failures = []
        self.has_sanitizer = b"__asan_init" in pathlib.Path(self.firn).read_bytes()
        # Not of the user who runs this: no note, no settings.
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(self.top / "home"), "TMPDIR": str(self.top / "tmp"), "XDG_DATA_HOME": str(self.top / "home/data"),
                            "XDG_CONFIG_HOME": str(self.top / "home/config"), "LC_ALL": "C.UTF-8", "TZ": "UTC", "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=0:exitcode=99",
                            "UBSAN_OPTIONS": "print_stacktrace=1"}

    def limits(self):
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_FSIZE, (256 << 20, 256 << 20))
        os.setsid()

    def run(self, what, *command, stdin=b"", judged=True, settings=()):
        """Runs a command below the limits and judges how it ended."""
        before = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                   env=dict(self.environment, **dict(settings)), cwd=self.top / "work",
                                   preexec_fn=self.limits)
        why = ""
        try:
            said, _ = process.communicate(stdin, timeout=60)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            said, _ = process.communicate()
            why = "does not end"
        self.counts["commands"] += 1
        self.counts["commands that succeeded"] += process.returncode == 0
        if not judged:
            return process.returncode, said
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        if process.returncode < 0 and not why:
            why = f"died by signal {-process.returncode} after {time.monotonic() - before:.1f} s"
        elif process.returncode == 99 or any(text in said for text in BAD_TEXT):
            why = "failed inside"
        elif usage.ru_maxrss * 1024 > MEMORY * (2 if self.has_sanitizer else 1) and not any("memory" in one for one in self.failures):
            why = f"took {usage.ru_maxrss // 1024} MiB of memory"
        if why:
            shown = " ".join(command[1:]).replace(str(self.top), "TOP")
            self.failures.append(f"{what}: firn {shown}: {why}")
            print(f"FAILED: {self.failures[-1]}")
            print("    " + said[-3000:].decode("utf-8", "replace").replace("\n", "\n    "), flush=True)
        return process.returncode, said

    def must(self, *command, stdin=b""):
        code, said = self.run("the seed store", self.firn, *command, stdin=stdin)
        if code != 0:
            raise SystemExit(f"hostile_mutants: firn {' '.join(command)}: {said.decode('utf-8', 'replace')}")
        return said

    def make_seed(self):
        for name in ["home", "tmp", "mutant", "mutant/tree", "mutant/tree/d", "canary", "work"]:
            (self.top / name).mkdir(mode=0o700)
        (self.top / "canary/x").write_text("untouched\n")
        (self.top / "canary/x").chmod(0o640)
        tree = self.top / "mutant/tree" # a workspace is where it was saved
        seed = self.top / "mutant"
        root, store = str(tree), str(seed / "store")
        for turn in range(3):
            (tree / "a").write_text("one\ntwo\n" * (turn + 1))
            (tree / "d/big").write_bytes(random.Random(turn).randbytes(3000) * 40)
            (tree / "d/text").write_text("".join(f"line {i} of {turn}\n" for i in range(300)))
            if not (tree / "link").is_symlink():
                (tree / "link").symlink_to("d/text")
                os.link(tree / "a", tree / "d/same")
            database = sqlite3.connect(tree / "rows.db")
            database.execute("CREATE TABLE IF NOT EXISTS t(a INTEGER PRIMARY KEY, b TEXT, c BLOB)")
            database.executemany("INSERT INTO t(b, c) VALUES(?, zeroblob(?))", [(f"row {i}", i * 9) for i in range(80)])
            database.commit()
            database.close()
            self.must("-C", root, "--store", store, "save", "--yes", "-m", f"turn {turn}")
        self.must("-C", root, "--store", store, "tag", "first", "1")
        self.must("-C", root, "--store", store, "pin", "2")
        for i in range(40):
            self.must("db", "put", store, "k" if i % 3 else "other", f"key{i:03}", f"value {i}" * (i % 5 * 50 + 1))
        self.must("db", "table", "create", store, "t", "id i64 primary key, name text, v vector(4), at timestamp, index by_name (name)")
        rows = "".join(f'{{"id": {i}, "name": "row {i}", "v": [{i}, 1, 2, 3], "at": "2026-01-01 00:00:{i % 60:02}"}}\n' for i in range(200))
        (seed / "rows.jsonl").write_text(rows)
        self.must("db", "table", "import", store, "t", str(seed / "rows.jsonl"))
        other = ["-C", str(seed / "other"), "--store", str(seed / "other.store")]
        remote = str(seed / "remote")
        (seed / "other/d").mkdir(parents=True)
        for turn in range(2):
            (seed / "other/d/theirs").write_bytes(random.Random(turn + 9).randbytes(100000))
            self.must(*other, "save", "--yes", "-m", f"their turn {turn}")
            if turn == 0:
                self.must(*other, "remote", "add", "origin", remote)
                self.must("-C", root, "--store", store, "remote", "add", "origin", remote)
            self.must(*other, "push")
            if turn == 0:
                self.must("-C", root, "--store", store, "pull")
        self.must("-C", root, "--store", store, "push", "origin", "1", "3")
        self.must("db", "checkpoint", store, "one")
        self.must("db", "put", store, "k", "key001", "later")
        self.must("db", "export", store, "-o", str(seed / "archive"))
        (seed / "dump").write_bytes(self.must("db", "dump", store))
        self.must("-C", root, "--store", store, "export", "tar", "-o", str(seed / "history.tar"))
        self.make_locked(seed)
        subprocess.run(["cp", "-a", str(seed), str(self.top / "seed")], check=True)

    def make_locked(self, seed):
        """An encrypted store of a workspace, with keyspaces, opened by two key files."""
        for number in range(2):
            (seed / f"key{number}").write_bytes(random.Random(number).randbytes(32))
            (seed / f"key{number}").chmod(0o600)
        (seed / "secret").mkdir()
        (seed / "secret/plan").write_text("the plan\n" * 400)
        here, store = ["-C", str(seed / "secret"), "--store", str(seed / "locked")], str(seed / "locked")
        self.environment["FIRN_KEY_FILE"] = str(seed / "key0")
        self.must(*here, "init", "--encrypt", "--key-file", str(seed / "key0"))
        self.must(*here, "save", "--yes", "-m", "locked")
        self.must("db", "put", store, "k", "a", "value")
        self.must("db", "compact", store)
        self.must("db", "put", store, "k", "b", "in the log")
        self.must("key", "add", "--key-file", str(seed / "key1"), store)
        self.must("key", "rotate", store)
        del self.environment["FIRN_KEY_FILE"]

    def locked_commands(self, base):
        """What a user does who has a key of a store that somebody else has changed."""
        here, store, out = ["-C", str(base / "secret"), "--store", str(base / "locked")], str(base / "locked"), base / "out"
        key = ["key", "add", "--key-file", str(out / "new.key"), "--new"]
        yield from (["key", "list", store], ["key", "list", "--json", store], ["db", "check", "--no-key", store], ["db", "get", store, "k", "a"], ["db", "scan", store, "k"],
                    ["db", "check", store], ["db", "stats", store], ["db", "clone", store, str(out / "clone")], ["db", "export", store, "-o", str(out / "archive")])
        yield from ([*here, *rest] for rest in (["check", "--no-key"], ["check", "--no-key", "--data"], ["check", "--data"], ["list"], ["status"], ["cat", "1", "plan"],
                                                ["restore", "--to", str(out / "restored"), "1"]))
        yield from ([*key, store], ["key", "change", "2", "--key-file", str(out / "new.key"), store], ["key", "rotate", store], ["key", "remove", "--yes", "2", store],
                    ["key", "list", store], ["db", "put", store, "k", "c", "d"], [*here, "save"], [*here, "gc", "--now"], [*here, "repair"], [*here, "check", "--data"])

    def change_locked(self, base, seed):
        """Changes bytes of a file of the encrypted store; says which. The checksum of FIRN.keys is made right."""
        chance = random.Random(seed)
        files = sorted(path for path in (base / "locked").rglob("*") if path.is_file() and path.stat().st_size > 0)
        path = base / "locked/FIRN.keys" if chance.random() < 0.5 else chance.choice(files)
        data = bytearray(path.read_bytes())
        places = [chance.randrange(len(data)) for _ in range(chance.randint(1, 3))]
        for at in places:
            size = chance.choice([1, 1, 2, 4, 8])
            data[at:at + size] = chance.choice([chance.randbytes(size), b"\xff" * size, b"\0" * size, bytes([data[at] ^ 1])])
        if chance.random() < 0.1:
            del data[chance.randrange(len(data)):]
        if path.name == "FIRN.keys" and len(data) > 32 and chance.random() < 0.9:
            data[-32:] = blake3(bytes(data[:-32]))
        path.write_bytes(data)
        return f"{path.name} of the encrypted store is changed at {places}"

    def store_commands(self, base):
        """What a user does with a store of somebody else."""
        root, store, out = str(base / "tree"), str(base / "store"), base / "out"
        here = ["-C", root, "--store", store]
        yield from ([*here, *rest] for rest in (
            ["list"], ["list", "--json"], ["log", "-p"], ["show", "1"], ["show", "3"], ["status"], ["diff", "1", "3"], ["diff", "-p", "1"], ["diff", "--rows", "1", "3"],
            ["grep", "line 7"], ["blame", "d/text"], ["cat", "1", "a"], ["restore", "-n", "1"], ["restore", "--to", str(out / "restored"), "1"],
            ["restore", "--to", str(out / "restored3"), "3"], ["restore", "--to", str(out / "restored4"), "4"], ["export", "tar", "-o", str(out / "x.tar")],
            ["report", "-o", str(out / "x.html")], ["tag"], ["pin"], ["check"], ["check", "--data"], ["repair", "-n"]))
        yield from (["db", *rest] for rest in (
            ["stats", store], ["keyspaces", store], ["scan", store, "k"], ["scan", store, "t"], ["dump", store], ["dump", "--json-lines", store, "k"], ["table", "show", store, "t"],
            ["table", "export", store, "t"], ["checkpoints", store], ["search", store, "t", "v", "-v", "[1,2,3,4]"], ["diff", store, "one"], ["check", store],
            ["sql", store, "SELECT count(*), max(name) FROM t WHERE name > 'row 5'"], ["clone", store, str(out / "clone")], ["export", store, "-o", str(out / "archive")]))
        yield from ([*here, *rest] for rest in (["save"], ["restore", "1"], ["undo"], ["redo"], ["revert", "2"], ["delete", "3"], ["undelete"], ["gc", "--now"], ["list"]))
        yield from (["db", *rest] for rest in (["put", store, "k", "a", "b"], ["insert", store, "t", "id=1000", "name=x"], ["restore", store, "one"], ["compact", store]))
        yield from ([*here, *rest] for rest in (["repair"], ["check", "--data"]))

    def remote_commands(self, base):
        """What a user does who trusts a store of somebody else."""
        root, store, out = str(base / "tree"), str(base / "store"), base / "out"
        yield ["trust", store]
        yield from (["-C", root, "--store", store, *rest] for rest in (
            ["remote", "list"], ["remote", "show", "origin"], ["list", "origin"], ["log", "origin"], ["show", "origin/latest", "--files"], ["diff", "origin/latest"],
            ["cat", "origin/2", "d/theirs"], ["remote", "log"], ["check", "--remote"], ["check", "--remote", "--data"], ["status"], ["push"], ["push", "origin", "2"],
            ["push", "--auto"], ["pull", "origin", "3"], ["pull"], ["restore", "--to", str(out / "theirs"), "origin/latest"],
            ["remote", "prune", "--keep", "last:1", "--now"], ["check", "--remote", "--repair", "--drop-broken"], ["restore", "origin/latest"], ["list", "origin"],
            ["remote", "remove", "origin"], ["gc", "--now"], ["check", "--data"]))

    def file_commands(self, base):
        """What a user does with a file of somebody else."""
        out = base / "out"
        yield from (["db", "import", str(base / "archive"), str(out / "imported")], ["db", "stats", str(base / "archive")], ["db", "scan", str(base / "archive"), "k"],
                    ["db", "load", str(out / "loaded")], ["db", "import", "--from", "sqlite", str(base / "tree/rows.db"), str(out / "sqlite")],
                    ["-C", str(out), "--store", str(out / "tar"), "import", "tar", str(base / "history.tar")],
                    ["-C", str(base / "tree"), "--store", str(base / "store"), "diff", "--rows", "3"])

    def change_file(self, base, seed):
        """Changes bytes of one of the files that are no store; says which."""
        chance = random.Random(seed)
        path = base / chance.choice(["archive", "dump", "tree/rows.db", "history.tar", "history.tar"])
        data = bytearray(path.read_bytes())
        places = []
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(min(len(data), 4096) if chance.random() < 0.5 else len(data))
            places.append(at)
            size = chance.choice([1, 1, 2, 4, 8])
            data[at:at + size] = chance.choice([chance.randbytes(size), b"\xff" * size, b"\0" * size, b"../../x/"[:size]])
        if path.name == "history.tar":
            for at in range(0, len(data) - 511, 512):
                if data[at + 257:at + 262] == b"ustar":
                    data[at + 148:at + 156] = b" " * 8
                    data[at + 148:at + 156] = b"%06o\0 " % sum(data[at:at + 512])
        elif chance.random() < 0.2:
            del data[chance.randrange(len(data)):]
        path.write_bytes(data)
        return f"{path.name} is changed at {places}"

    def try_store(self, seed):
        base = self.top / "mutant"
        self.renew(base)
        if seed % 10 == 0:
            self.counts["mutants"] += 1
            self.try_commands(seed, self.change_locked(base, seed), self.locked_commands(base), {"FIRN_KEY_FILE": str(base / "key0")})
            return
        if seed % 5 == 0:
            self.counts["mutants"] += 1
            self.try_commands(seed, self.change_file(base, seed), self.file_commands(base))
            return
        code, said = self.run(f"seed {seed}", self.mutate, str(base / "tree"), str(base / "store"), str(seed), judged=False)
        if code != 0:
            self.failures.append(f"seed {seed}: mutate_store ended with {code}")
            print(f"FAILED: {self.failures[-1]}: {said.decode('utf-8', 'replace')}")
            return
        self.counts["mutants"] += 1
        change = said.decode("utf-8", "replace").strip()
        if seed % 5 == 1:
            self.try_commands(seed, change, self.remote_commands(base), {"XDG_DATA_HOME": str(self.top / "home/trusting")})
        else:
            self.try_commands(seed, change, self.store_commands(base))

    def renew(self, base):
        """The seed store and its workspace again, whose root stays the directory that it was."""
        for directory in [base / "tree", base]:
            for name in os.listdir(directory):
                path = directory / name
                if path == base / "tree":
                    continue
                if path.is_dir() and not path.is_symlink():
                    subprocess.run(["chmod", "-R", "u+rwx", str(path)], check=False)
                    shutil.rmtree(path)
                else:
                    path.unlink()
        subprocess.run(["cp", "-a", f"{self.top}/seed/.", str(base)], check=True)
        (base / "out").mkdir()

    def try_commands(self, seed, change, commands, settings=()):
        for command in commands:
            dump = (self.top / "mutant/dump").read_bytes() if command[:2] == ["db", "load"] else b""
            self.run(f"seed {seed} ({change})", self.firn, *command, stdin=dump, settings=settings)
        state = tree_state(self.top / "canary")
        if state != self.canary or sorted(os.listdir(self.top)) != self.places:
            self.failures.append(f"seed {seed} ({change}): something was written elsewhere: {sorted(os.listdir(self.top))}")
            print(f"FAILED: {self.failures[-1]}")

    def main(self, seconds, first, last):
        self.make_seed()
        self.places = sorted(os.listdir(self.top))
        self.canary = tree_state(self.top / "canary")
        end = time.monotonic() + seconds
        for seed in range(first, last + 1):
            if time.monotonic() > end:
                break
            self.try_store(seed)
        for what, count in self.counts.items():
            print(f"count: {count} hostile {what}")
        print(f"hostile_mutants: {len(self.failures)} failures; seeds {first} to {first + self.counts['mutants'] - 1}")
        return 1 if self.failures else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("mutate")
    parser.add_argument("firn")
    parser.add_argument("--seconds", type=float, default=float(os.environ.get("FIRN_TEST_SECONDS", 10)))
    parser.add_argument("--seeds", default=f"{os.environ.get('FIRN_TEST_SEED_FROM', 1)}-{os.environ.get('FIRN_TEST_SEED_TO', 1000000)}")
    parser.add_argument("--keep", action="store_true")
    arguments = parser.parse_args()
    first, _, last = arguments.seeds.partition("-")
    hostile = Hostile(arguments)
    try:
        return hostile.main(arguments.seconds, int(first), int(last))
    finally:
        if arguments.keep:
            print(f"left: {hostile.top}")
        else:
            shutil.rmtree(hostile.top, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
