#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/crash/interrupts.py FIRN [PART...]: one Ctrl-C inside of each command, against its row in docs/interrupts.md.

strace sends SIGINT in the n-th system call of a kind, and lets some time pass so that the program can notice. Each command is
run with that at several places (FIRN_TEST_LONG=1: at all), from the same state each time. It must exit with 130, or as if there
had been no signal, and with 130 at one place at least. After 130 there is left what the table says; then the command is run
again without a signal, and succeeds. watch and mcp are interrupted in a save that is slowed.
Remotes are directories. save, restore in place, undo and revert are in tests/cli/stopped.t. Prints "count: N interrupts ..." or "SKIPPED: why". A PART is a function of those that main names; without one it is all of them.
"""
import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

import share

LONG = os.environ.get("FIRN_TEST_LONG") == "1"
PLACES = [1, 4, 12]
READING = ["openat", "pread64"]
WRITING = ["pread64", "pwrite64", "fdatasync", "renameat2", "linkat"]


class Broken(Exception):
    """What an interrupt left is not what the table says."""


def tree_of(root, but=()):
    """Names, modes and contents below root; None if there is nothing."""
    if not os.path.lexists(root):
        return None
    found = {}
    for directory, names, files in os.walk(root):
        for name in names + files:
            path = os.path.join(directory, name)
            content = None
            if name in but:
                continue
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    content = hashlib.sha256(file.read()).hexdigest()
            found[os.path.relpath(path, root)] = (os.lstat(path).st_mode, content)
    return found


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, content):
    with open(path, "wb") as file:
        file.write(content)


class Rig:
    def __init__(self, firn, place):
        self.firn = firn
        self.top = place
        self.kept = os.path.join(place, "kept")
        self.work = os.path.join(place, "work")  # all that a command changes: tree, store, data, rows
        self.trace = os.path.join(place, "trace")
        self.states = {}
        self.here = ["-C", "tree", "--store", "../store"]
        self.trusted = []
        os.environ["XDG_DATA_HOME"] = os.path.join(self.work, "data")
        os.makedirs(self.path("data"))
        os.makedirs(self.path("tree", "sub"))
        for number in range(1, 5):
            for i in range(8):
                with open(self.path("tree", "sub", f"large{i}"), "wb") as file:
                    file.write(hashlib.shake_128(b"%d %d" % (number, i)).digest(300000))
            for i in range(30):
                with open(self.path("tree", f"file{i}"), "w", encoding="utf-8") as file:
                    file.write(f"{i} of {number if i % 3 == 0 else 0}\n" * 50)
            self.must("save", "-q")
            self.states[str(number)] = tree_of(self.path("tree"))
        with open(self.path("rows"), "w", encoding="utf-8") as file:
            file.writelines(f"key{i:07}\tvalue {i}\n" for i in range(60000))
        self.must("db", "load", "one", "k", "rows", "-q")
        self.met = self.stopped = self.commands = 0

    def path(self, *names):
        return os.path.join(self.work, *names)

    def command(self, arguments):
        return [self.firn, *([] if arguments[0] in ("db", "clone") else self.here), *arguments]

    def run(self, *arguments, before=()):
        return subprocess.run([*before, *self.command(arguments)], cwd=self.work, check=False, capture_output=True, text=True,
                              timeout=300)

    def must(self, *arguments, codes=(0,)):
        done = self.run(*arguments)
        if done.returncode not in codes:
            raise Broken(f"{' '.join(arguments)}: exit {done.returncode}: {done.stderr.strip()}")
        return done

    def keep(self):
        shutil.rmtree(self.kept, ignore_errors=True)
        subprocess.run(["cp", "-a", self.work, self.kept], check=True)

    def bring_back(self):
        shutil.rmtree(self.work)
        subprocess.run(["cp", "-a", self.kept, self.work], check=True)
        for store in self.trusted:  # a copy is another store
            subprocess.run([self.firn, "trust", store], cwd=self.work, check=True, capture_output=True)

    def interrupt(self, call, when, arguments):
        """How it ended; None where it did not come so far, or was not a program of its own yet."""
        done = self.run(*arguments, before=["strace", "-f", "-qq", "-o", self.trace, "-e", f"trace={call},rt_sigaction", "-e",
                                            f"inject={call}:signal=INT:delay_exit=150000:when={when}"])
        with open(self.trace, encoding="utf-8", errors="replace") as file:
            before, met, _ = file.read().partition("--- SIGINT")
        return done if met and "rt_sigaction(SIGINT, {sa_handler=0x" in before else None

    def each(self, arguments, judge, calls, codes=(0,), is_short=False):
        """judge(is_stopped) looks at what is left. What is short may always come to its end first."""
        self.keep()
        self.commands += 1
        stopped = 0
        for call_number, call in enumerate(calls):
            when = 1
            while LONG or when <= max(PLACES):
                if LONG or (when in PLACES and share.takes(self.commands, call_number, PLACES.index(when))):
                    done = self.interrupt(call, when, arguments)
                    if done is None:
                        self.bring_back()
                        when += 1
                        continue
                    self.met += 1
                    stopped += done.returncode == 130
                    try:
                        if done.returncode not in (130, *codes):
                            raise Broken(f"exit {done.returncode}: {done.stderr.strip()}")
                        if done.returncode == 130 and "interrupted" not in done.stderr:
                            raise Broken(f"it does not say so: {done.stderr.strip()}")
                        judge(done.returncode == 130)
                    except Broken as broken:
                        raise Broken(f"{' '.join(arguments)}, SIGINT in {call} {when}: {broken}") from broken
                    self.bring_back()
                when += 1
            self.bring_back()
        if stopped == 0 and not is_short and share.COUNT == 1:
            raise Broken(f"{' '.join(arguments)}: no interrupt stopped it")
        self.stopped += stopped

    # ---- what holds afterwards ----

    def expect_checkpoints(self, numbers, but=()):
        self.must("check", "--data", "-q")
        for number in numbers:
            shutil.rmtree(self.path("out"), ignore_errors=True)
            self.must("restore", number, "--to", self.path("out"), "-q")
            expected = {name: entry for name, entry in self.states[number].items() if name not in but}
            if tree_of(self.path("out")) != expected:
                raise Broken(f"checkpoint {number} is not what was saved")
        shutil.rmtree(self.path("out"), ignore_errors=True)

    def expect_same(self, name, but=("LOCK",)):
        if tree_of(self.path(name), but) != tree_of(os.path.join(self.kept, name), but):
            raise Broken(f"'{name}' has changed")

    def expect_names(self, may_be_empty=None):
        """Nothing is left beside what was there, but for a directory that has nothing but a lock in it."""
        if may_be_empty and os.path.isdir(self.path(may_be_empty)):
            if os.listdir(self.path(may_be_empty)) not in ([], ["LOCK"]):
                raise Broken(f"there is {os.listdir(self.path(may_be_empty))}")
            return
        if sorted(os.listdir(self.work)) != sorted(os.listdir(self.kept)):
            raise Broken(f"there is {sorted(set(os.listdir(self.work)) ^ set(os.listdir(self.kept)))}")

    def rows_of(self, store, keyspace):
        done = self.must("db", "scan", store, keyspace, codes=(0, 1, 3))
        return len(done.stdout.splitlines())


def looking(rig):
    for arguments, codes in ((["check", "--data"], (0,)), (["status", "1"], (0, 1)), (["diff", "1", "2"], (0, 1)),
                             (["list"], (0,)), (["show", "2", "--files"], (0,)), (["report", "-o", "-"], (0,))):
        def judge(_, arguments=arguments, codes=codes):
            rig.expect_same("store")
            rig.expect_same("tree")
            rig.must(*arguments, codes=codes)
        rig.each(arguments, judge, READING, codes, is_short=arguments[0] not in ("check", "report"))


def collecting(rig):
    def judge_delete(_):
        rig.expect_checkpoints(["1", "4"])
        rig.must("delete", "2", "3", "-q", codes=(0, 3))
        rig.must("gc", "-q", "--now")
        rig.expect_checkpoints(["1", "4"])

    def judge_gc(_):
        rig.expect_checkpoints(["1", "4"])
        rig.must("gc", "-q", "--now")
        rig.expect_checkpoints(["1", "4"])

    def judge_forget(_):
        has = [rig.run("cat", number, "file3").returncode == 0 for number in ("1", "4")]
        if has not in ([True, True], [False, False]):
            raise Broken("one checkpoint has it, the other has not")
        rig.expect_checkpoints(["1", "4"], () if has[0] else ("file3",))
        rig.must("forget", "file3", "--yes", "-q", codes=(0,) if has[0] else (3,))
        rig.must("gc", "-q", "--now")
        rig.expect_checkpoints(["1", "4"], ("file3",))

    rig.each(["delete", "2", "3", "-q"], judge_delete, WRITING, is_short=True)
    rig.must("delete", "2", "3", "-q")
    rig.each(["gc", "-q", "--now"], judge_gc, WRITING)
    rig.each(["forget", "file3", "--yes", "-q"], judge_forget, WRITING)
    rig.must("gc", "--full", "-q", "--now")


def repairing(rig):
    def judge(is_stopped):
        if is_stopped:
            rig.expect_same("store")
            rig.expect_names()
        rig.must("repair", "-q", codes=(0, 6))
        rig.expect_checkpoints(["1", "4"])
    rig.keep()
    outer = rig.kept
    rig.kept = os.path.join(rig.top, "kept2")
    for name in os.listdir(rig.path("store")):
        if name.startswith("manifest-"):
            os.remove(rig.path("store", name))
    rig.each(["repair", "-q"], judge, WRITING, (0, 6))
    rig.kept = outer
    rig.bring_back()


def files_of_data(rig):
    def judge_load(is_stopped):
        found = rig.rows_of("one", "new")
        if found != (0 if is_stopped else 60000) or rig.rows_of("one", "k") != 60000:
            raise Broken(f"{found} rows")
        rig.must("db", "load", "one", "new", "rows", "-q")
        if rig.rows_of("one", "new") != 60000:
            raise Broken("the next load")

    def judge_into_nothing(is_stopped):
        if is_stopped and os.path.lexists(rig.path("two")) and rig.rows_of("two", "k") != 0:
            raise Broken("rows are there")
        rig.must("db", "load", "two", "k", "rows", "-q")
        if rig.rows_of("two", "k") != 60000:
            raise Broken("the next load")

    def judge_made(arguments, name):
        def judge(is_stopped):
            if is_stopped:
                rig.expect_names(name if arguments[1] != "export" else None)
            else:
                if rig.rows_of(name, "k") != 60000:
                    raise Broken("not all rows")
                path = rig.path(name)
                shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
            rig.must(*arguments)
            if rig.rows_of(name, "k") != 60000 or rig.rows_of("one", "k") != 60000:
                raise Broken("not all rows")
        return judge

    rig.each(["db", "load", "one", "new", "rows", "-q"], judge_load, WRITING)
    rig.each(["db", "load", "--bulk", "one", "new", "rows", "-q"], judge_load, WRITING)
    rig.each(["db", "load", "two", "k", "rows", "-q"], judge_into_nothing, WRITING)
    export = ["db", "export", "one", "-o", "one.firnx", "-q"]
    rig.each(export, judge_made(export, "one.firnx"), WRITING)
    rig.must(*export)
    imported = ["db", "import", "one.firnx", "two", "-q"]
    rig.each(imported, judge_made(imported, "two"), WRITING)
    cloned = ["db", "clone", "one", "two", "-q"]
    rig.each(cloned, judge_made(cloned, "two"), WRITING)

    def judge_replace(is_stopped):
        if is_stopped:
            rig.expect_same("one.firnx")
            rig.expect_names()
        rig.must(*export, "--replace")
    rig.each([*export, "--replace"], judge_replace, WRITING)


def without_key(rig):
    """The checks of an encrypted store without its key."""
    write(rig.path("key"), b"k" * 64)
    sealed = {**os.environ, "FIRN_KEY_FILE": rig.path("key")}
    for arguments in (["db", "load", "--encrypt", "sealed", "k", "rows", "-q"], ["db", "compact", "sealed", "-q"]):
        subprocess.run(rig.command(arguments), cwd=rig.work, check=True, capture_output=True, env=sealed)

    def judge(_):
        rig.expect_same("sealed")
        rig.must("db", "check", "--no-key", "sealed")
    rig.each(["db", "check", "--no-key", "sealed"], judge, READING)
    shutil.rmtree(rig.path("sealed"))


def tables(rig):
    """Commands on a table: all rows of a command are there or none, and each is found by each index."""
    def write_rows(name, first, count):
        with open(rig.path(name), "w", encoding="utf-8") as file:
            file.write("id,n,s\n")
            file.writelines(f"{i},{i * 7919 % 1009},text {i}\n" for i in range(first, first + count))

    def rows():
        rig.must("db", "check", "app", "-q")
        found = rig.must("db", "scan", "app", "t", "--columns", "count(*), sum(id), sum(n), max(s)").stdout
        definition = rig.must("db", "table", "show", "app", "t", "--definition").stdout
        for index in re.findall(r"index (\w+) ", definition):
            done = rig.must("db", "scan", "app", "t", "--columns", "id", "--index", index)
            if len(done.stdout.splitlines()) != int(rig.must("db", "count", "app", "t").stdout):
                raise Broken(f"not all rows are found by {index}")
        return found, definition

    def each(arguments, calls=None, is_short=False):
        def judge(is_stopped):
            if rows() != (before if is_stopped else after):
                raise Broken(f"there is {rows()}")
            rig.expect_names()
            if is_stopped:
                rig.must(*arguments)
                if rows() != after:
                    raise Broken(f"then there is {rows()}")
        rig.keep()
        before = rows()
        rig.must(*arguments)
        after = rows()
        rig.bring_back()
        rig.each(arguments, judge, calls or WRITING, is_short=is_short)
        rig.must(*arguments)

    rig.must("db", "table", "create", "app", "t", "id i64 primary key, n i64 not null, s text, index by_n (n)")
    write_rows("rows.csv", 0, 20000)
    write_rows("more.csv", 15000, 15000)
    each(["db", "table", "import", "-q", "app", "t", "rows.csv"])
    each(["db", "table", "import", "-q", "--upsert", "app", "t", "more.csv"])
    each(["db", "table", "alter", "app", "t", "add-index", "index by_s (s)"], is_short=True)
    each(["db", "table", "alter", "app", "t", "add-column", "later i32 not null default 3"], is_short=True)
    each(["db", "sql", "app", "update t set n = n + 1 where id % 3 = 0"])
    each(["db", "compact", "app"], is_short=True)

    def judge_export(is_stopped):
        rig.expect_same("app")
        if is_stopped and os.path.lexists(rig.path("out.csv")):
            raise Broken("there is a file")
        rig.must("db", "table", "export", "-q", "--replace", "-o", "out.csv", "app", "t")
        if len(read(rig.path("out.csv")).splitlines()) != 30001:
            raise Broken("not all rows")
    rig.each(["db", "table", "export", "-q", "-o", "out.csv", "app", "t"], judge_export, ["pread64", "write", "fsync"],
             is_short=True)


def remotes(rig):
    """What another machine finds in a remote, and what it has brought, is all of it or nothing."""
    own, other = rig.here, ["-C", "theirs", "--store", "../store2"]

    def expect_theirs(numbers):
        rig.must("pull", "-q")
        rig.must("check", "--data", "-q")
        for number in numbers:
            rig.must("restore", f"origin/{number}", "--to", rig.path("out"), "-q")
            if tree_of(rig.path("out")) != rig.states[number]:
                raise Broken(f"origin/{number} is not what was saved")
            shutil.rmtree(rig.path("out"))

    def states():
        return sorted(os.listdir(rig.path("remote", "states"))) if os.path.isdir(rig.path("remote", "states")) else []

    def count_theirs():
        return len(json.loads(rig.must("list", "origin", "--json").stdout)["checkpoints"])

    def judge_push(is_stopped):
        if is_stopped != (states() == []):
            raise Broken(f"there is {states()}")
        rig.must("push", "-q")
        rig.here = other
        expect_theirs(["1", "4"])
        rig.here = own

    def judge_pull(is_stopped):
        if count_theirs() != (0 if is_stopped else 4):
            raise Broken(f"there are {count_theirs()} checkpoints")
        expect_theirs(["1", "4"])

    def judge_one(is_stopped):
        if count_theirs() != (0 if is_stopped else 1):
            raise Broken(f"there are {count_theirs()} checkpoints")
        rig.must("pull", "origin", "2", "-q")
        expect_theirs(["2", "4"])

    def judge_clone(is_stopped):
        rig.here = ["-C", "made"]
        if is_stopped and rig.run("remote", "show", "origin").returncode != 0:
            if os.path.isdir(rig.path("made")) and os.listdir(rig.path("made")):
                raise Broken(f"there is {os.listdir(rig.path('made'))}")
            rig.must("clone", rig.path("remote"), "made", "-q")
        elif is_stopped:
            rig.must("pull", "-q")
            rig.must("restore", "origin/latest", "-q")
        if tree_of(rig.path("made")) != rig.states["4"]:
            raise Broken("it is not what was saved")
        rig.here = own

    def judge_prune(_):
        rig.must("check", "--remote", "--data", "-q")
        rig.must("remote", "prune", "--now", "-q")
        rig.here = other
        expect_theirs(["4"])
        rig.here = own

    def judge_check(_):
        rig.expect_same("remote")
        rig.expect_same("store")

    def judge_repair(_):
        rig.must("check", "--remote", "--repair", "--drop-broken", "-q")
        rig.must("check", "--remote", "--data", "-q")
        rig.here = other
        expect_theirs(["1", "4"])
        rig.here = own

    rig.trusted = ["store", "store2"]
    rig.must("remote", "add", "origin", rig.path("remote"), "-q")
    os.mkdir(rig.path("theirs"))
    rig.here = other
    rig.must("save", "-q")
    rig.must("remote", "add", "origin", rig.path("remote"), "-q")
    rig.here = own
    rig.each(["push", "-q"], judge_push, WRITING)
    rig.must("push", "-q")
    rig.here = other
    rig.each(["pull", "-q"], judge_pull, WRITING)
    rig.each(["pull", "origin", "2", "-q"], judge_one, WRITING)
    rig.here = own
    rig.each(["clone", rig.path("remote"), "made", "-q"], judge_clone, WRITING, is_short=True)
    rig.each(["check", "--remote", "--data", "-q"], judge_check, READING)
    for pack in os.listdir(rig.path("remote", "packs")):
        os.remove(rig.path("remote", "packs", pack))
    rig.each(["check", "--remote", "--repair", "--drop-broken", "-q"], judge_repair, WRITING)
    rig.must("check", "--remote", "--repair", "-q")
    rig.each(["remote", "prune", "--now", "-q"], judge_prune, [*READING, "unlinkat"], is_short=True)
    rig.trusted = []


def restoring(rig):
    arguments = ["restore", "1", "--to", rig.path("made"), "-q"]

    def judge(is_stopped):
        found = tree_of(rig.path("made"))
        if found not in (({}, None) if is_stopped else (rig.states["1"],)):
            raise Broken(f"there is {sorted(found or {})[:5]}")
        if is_stopped:
            rig.must(*arguments)
            if tree_of(rig.path("made")) != rig.states["1"]:
                raise Broken("the next one is not whole")
        rig.expect_same("tree")
    rig.each(arguments, judge, [*WRITING, "write", "mkdirat", "fchmod", "utimensat", "syncfs"])
    os.mkdir(rig.path("made"))
    rig.each(arguments, judge, ["openat", "pwrite64"])


def count_checkpoints(rig):
    return len(json.loads(rig.must("list", "--json").stdout)["checkpoints"])


def serving(rig):
    """watch and mcp: at rest, and in the middle of a save."""
    rig.keep()
    slow = ["strace", "-DD", "-f", "-qq", "-o", rig.trace, "-e", "trace=rt_sigaction,pwrite64,fdatasync,fsync", "-e",
            "inject=pwrite64,fdatasync,fsync:delay_enter=60000"]
    request = [{"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
        "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {
            "name": "checkpoint_save", "arguments": {"workspace_path": rig.path("tree"), "message": "m"}}}]
    text = "".join(json.dumps(one) + "\n" for one in request).encode()
    before = count_checkpoints(rig)
    for arguments, is_server in ((["watch"], False), (["mcp"], True)):
        for place, seconds in enumerate((0.1, 0.4, 0.8, 1.5, 4)):
            if not share.takes(is_server, place):
                continue
            with open(rig.path("tree", "sub", "large0"), "ab") as file:
                file.write(os.urandom(3000000))
            write(rig.trace, b"")
            process = subprocess.Popen([*slow, *rig.command(arguments)], cwd=rig.work,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            if is_server:
                process.stdin.write(text)
                process.stdin.flush()
            while b"rt_sigaction(SIGINT, {sa_handler=0x" not in read(rig.trace):  # it has begun
                time.sleep(0.02)
            time.sleep(seconds)
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=60)
            rig.met += 1
            if process.returncode != 130:
                raise Broken(f"{arguments[0]}, SIGINT after {seconds} s: exit {process.returncode}: {said.decode()}")
            rig.stopped += 1
            after = count_checkpoints(rig)
            if after - before not in (0, 1):
                raise Broken(f"{arguments[0]}, SIGINT after {seconds} s: {after} checkpoints after {before}")
            rig.must("check", "--data", "-q")
            rig.must("save", "-q")
            before = count_checkpoints(rig)
    rig.bring_back()


def main():
    probe = shutil.which("strace") and subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], check=False,
                                                      capture_output=True)
    if not probe or probe.returncode != 0:
        print("SKIPPED: interrupts of the real program: no strace, or it may not trace")
        return 0
    os.environ["FIRN_STORE"] = ""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # not ignored, as in the background of a shell
    # As in program_faults.py: most of the time would be the disk's.
    memory = "/dev/shm" if not LONG and os.access("/dev/shm", os.W_OK | os.X_OK) else None
    with tempfile.TemporaryDirectory(prefix="firn-interrupts-", dir=memory) as place:
        os.chmod(place, 0o755)
        try:
            rig = Rig(os.path.abspath(sys.argv[1]), place)
            for part in (looking, restoring, files_of_data, without_key, tables, serving, remotes, collecting, repairing):
                if len(sys.argv) < 3 or part.__name__ in sys.argv[2:]:
                    part(rig)
        except Broken as broken:
            print(f"FAILED: {broken}")
            return 1
    if 4 * rig.stopped < rig.met:  # of each command, where all points are taken
        print(f"FAILED: only {rig.stopped} of {rig.met} interrupts stopped a command")
        return 1
    print(f"count: {rig.met} interrupts of commands, {rig.stopped} of which stopped them")
    return 0


if __name__ == "__main__":
    sys.exit(main())
