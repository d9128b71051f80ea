#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/crash/program_faults.py FIRN [PART...]: the real program while its system calls fail: on a file system in memory where there is
one, on the disk in the long run.

Saves, restores and undoes a small tree, deals with restores that were interrupted, deletes checkpoints, collects garbage, forgets
a file, repairs the store, puts a hook into an agent's settings, imports rows into a table, changes it and compacts it, pushes
to a remote and pulls from it, and changes the keys of an encrypted store, again and again; each time strace makes one system call fail (EIO, ENOSPC) or kills the process in it: each call of every kind
that touches files, or a sample of them in the normal run (FIRN_TEST_LONG=1: all, for FIRN_TEST_SECONDS, and then the sample). After each fault, without further faults:
  - check --data finds nothing;
  - the first checkpoint is restored to another directory as it was saved, and at the end the second one;
  - the same command succeeds (after a fault in undo: a restore of what undo would have brought back; after one in delete: a
    gc), and its result is that of a run without faults; no temporary name is left in the tree.
After a fault in a restore or an undo also, by turns, restore, restore --resume, undo and save: before, every file is the old or
the new one, whole; somebody writes a file; and afterwards the tree is what the command promises, with no temporary name left,
and what was written meanwhile is there or in a checkpoint.
Prints "count: N faults ..." or "SKIPPED: why". A PART is restores, deletes, tables, remotes or keys; without one it is all of them.
"""
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

from share import takes

CALLS = ["openat", "openat2", "pread64", "pwrite64", "fdatasync", "fsync", "syncfs", "ftruncate", "fallocate", "renameat",
         "renameat2", "mkdirat", "unlinkat", "linkat", "symlinkat", "getdents64", "statx", "fchmod", "utimensat", "fcntl"]
# A call of which there are many is tried at these places in the normal run; the long one tries all.
FAULTS = {"error=EIO": {1, 2, 3, 5, 8, 13, 21, 34}, "error=ENOSPC": {1, 2, 4, 10, 26}, "signal=KILL": {1, 2, 3, 6, 11, 17, 30}}
# Where a restore moves things, and where it says so.
MOVING = ["openat", "pwrite64", "fdatasync", "fsync", "syncfs", "renameat2", "unlinkat", "fchmod", "utimensat"]
SAVE = ["save", "-q", "-m", "second"]
PRECIOUS = "the only copy of this\n"
LONG = os.environ.get("FIRN_TEST_LONG") == "1"
END = time.monotonic() + int(os.environ.get("FIRN_TEST_SECONDS", "600"))


class Broken(Exception):
    """What a fault left is not what it must be."""


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def tree_of(root):
    """Names, kinds, modes and contents below root."""
    found = {}
    for directory, names, files in os.walk(root):
        for name in names + files:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            if os.path.islink(path):
                content = os.readlink(path)
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    content = file.read()
            else:
                content = None
            found[os.path.relpath(path, root)] = (status.st_mode, content)
    return found


class Rig:
    """A tree in two states, and a store that has saved both: `first` and `second` are what the tree held."""

    def __init__(self, firn, place):
        self.firn = firn
        self.tree = os.path.join(place, "tree")
        self.store = os.path.join(place, "store")
        self.data = os.path.join(place, "data")  # where notes tell which restores were begun by this user
        self.kept = os.path.join(place, "kept")
        self.out = os.path.join(place, "out")
        self.trace = os.path.join(place, "trace")
        self.others = []  # directories that belong to a round as well
        self.trusted = []  # stores that count as the user's, also as copies
        self.said = ""
        self.loops = 0  # of faults in one command
        self.left_out = []  # what could not be read because of the fault: a restore leaves it as it is
        os.environ["XDG_DATA_HOME"] = self.data
        os.makedirs(self.data)
        os.makedirs(os.path.join(self.tree, "sub", "empty"))
        for i in range(12):
            write(os.path.join(self.tree, f"file{i}"), f"content {i}\n" * (i * i + 1))
        write(os.path.join(self.tree, "sub", "gone"), "only in the first state\n")
        os.symlink("file1", os.path.join(self.tree, "link"))
        self.must("save", "-q", "-m", "first")
        self.first = tree_of(self.tree)
        write(os.path.join(self.tree, "file3"), "changed\n")
        os.remove(os.path.join(self.tree, "sub", "gone"))
        write(os.path.join(self.tree, "sub", "new"), "only in the second state\n")
        self.second = tree_of(self.tree)

    def run(self, *arguments, before=()):
        place = [] if arguments[0] in ("db", "key") else ["--store", self.store]
        return subprocess.run([*before, self.firn, *arguments, *place], cwd=self.tree, check=False,
                              capture_output=True, text=True, timeout=120)

    def must(self, *arguments):
        done = self.run(*arguments)
        if done.returncode != 0:
            raise Broken(f"{' '.join(arguments)}: exit {done.returncode}: {done.stderr.strip()}")
        return done

    def keep(self):
        """What every round begins with."""
        shutil.rmtree(self.kept, ignore_errors=True)
        os.makedirs(self.kept)
        subprocess.run(["cp", "-a", self.tree, self.store, self.data, *self.others, self.kept], check=True)

    def bring_back(self):
        names = [self.tree, self.store, self.data, *self.others]
        for name in names:
            shutil.rmtree(name)
        place = os.path.dirname(self.tree)
        subprocess.run(["cp", "-a", *[os.path.join(self.kept, os.path.basename(name)) for name in names], place], check=True)
        for store in self.trusted:
            self.must("trust", store, "-q")

    def fault(self, call, fault, when, arguments):
        """Runs a command with one fault in it; whether the fault was met."""
        # The other calls need not stop; but then strace 6.1 sends no signals.
        quick = ["--seccomp-bpf"] if fault.startswith("error=") else []
        done = self.run(*arguments, before=["strace", "-f", *quick, "-qq", "-o", self.trace, "-e", f"trace={call}", "-e",
                                            f"inject={call}:{fault}:when={when}"])
        self.said = done.stderr
        self.left_out = re.findall(r"^firn: left out: (.*?): could not", done.stderr, re.MULTILINE)
        with open(self.trace, encoding="utf-8", errors="replace") as file:
            trace = file.read()
        return "(INJECTED)" in trace or "killed by SIGKILL" in trace

    def compare(self, checkpoint, saved):
        shutil.rmtree(self.out, ignore_errors=True)
        self.must("restore", checkpoint, "--to", self.out, "-q")
        if tree_of(self.out) != saved:
            raise Broken(f"checkpoint {checkpoint} is not what was saved")

    def judge(self, repeat, expected):
        self.must("check", "--data", "-q")
        self.compare("1", self.first)
        self.must(*repeat)
        self.compare("latest", self.second)
        self.expect(expected)

    def expect(self, *allowed):
        found = tree_of(self.tree)
        found.pop("precious", None)
        for name in found:
            if ".firn-" in name:
                raise Broken(f"{name} is left")
        if found not in allowed:
            expected = allowed[0]
            differing = sorted(name for name in set(found) | set(expected) if found.get(name) != expected.get(name))
            raise Broken(f"the tree differs afterwards at {differing[:5]}: {str(found.get(differing[0]))[:80]}, expected "
                         f"{str(expected.get(differing[0]))[:80]}")

    def expect_whole_files(self):
        """Every name holds what one of the two states has there, or is a temporary one."""
        for name, (_, content) in tree_of(self.tree).items():
            states = [state[name][1] for state in (self.first, self.second) if name in state]
            if states and content not in states:
                raise Broken(f"{name} is neither old nor new")

    def write_precious(self):
        write(os.path.join(self.tree, "precious"), PRECIOUS)

    def expect_precious(self):
        path = os.path.join(self.tree, "precious")
        if os.path.exists(path):
            return
        listed = json.loads(self.must("list", "--all", "--json").stdout)
        for checkpoint in listed["checkpoints"]:
            done = self.run("cat", checkpoint["id"], "precious")
            if done.returncode == 0 and done.stdout == PRECIOUS:
                return
        raise Broken("what was written meanwhile is lost")

    def is_half_done(self):
        pending = json.loads(self.must("status", "--json").stdout)["pending"]
        return pending is not None and pending["begun"]

    def expect_told(self):
        """A command that fails half way says so, and no other command."""
        is_half_done = self.is_half_done()
        if "firn: " in self.said and ("half done" in self.said) != is_half_done:
            raise Broken(f"half done: {is_half_done}, and it says: {self.said.strip()}")

    def mixed(self, old, new):
        """The new state, but for what could not be read and all below it, which stays as it is."""
        def stays(name):
            return any(name == path or name.startswith(path + "/") for path in self.left_out)
        return {**{name: entry for name, entry in new.items() if not stays(name)},
                **{name: entry for name, entry in old.items() if stays(name)}}

    def judge_way(self, way, is_undo):
        """After a fault in a restore of 1 over the second state, or in the undo of one."""
        self.must("check", "--data", "-q")
        self.expect_told()
        self.expect_whole_files()
        is_half_done = self.is_half_done()
        found = {name: entry for name, entry in tree_of(self.tree).items() if ".firn-" not in name}
        self.write_precious()
        old, new = (self.first, self.second) if is_undo else (self.second, self.first)
        done = self.run(*way, "-q")
        if done.returncode not in ((0, 3) if way[0] == "undo" or "--resume" in way else (0,)):
            raise Broken(f"{' '.join(way)}: exit {done.returncode}: {done.stderr.strip()}")
        if done.returncode == 3 or way[0] == "save" or (way[0] == "undo" and is_undo):
            self.expect(old, new, self.mixed(old, new))
        elif way[0] == "undo" and not is_half_done:
            self.expect(found)  # what was not saved is undone first
        else:
            self.expect({"undo": old, "restore": new}[way[0]])
        self.expect_precious()
        self.compare("1", self.first)
        self.must("restore", "1", "-q")
        self.expect(self.first)


def takes_all():
    return LONG and time.monotonic() < END


def each_fault(rig, calls, arguments, judge):
    """Every fault in every call of one command; how many were met. judge is what is looked at after each."""
    rig.keep()
    rig.loops += 1
    met = 0
    for call_number, call in enumerate(calls):
        for fault, sample in FAULTS.items():
            when = 1
            while when <= max(sample) or takes_all():
                is_in_sample = when in sample and takes(rig.loops, call_number, sorted(sample).index(when))
                if is_in_sample or takes_all():
                    hit = rig.fault(call, fault, when, arguments)
                    if not hit:
                        break
                    met += 1
                    try:
                        judge(met)
                    except Broken as broken:
                        raise Broken(f"{' '.join(arguments)}, {call} {fault} at call {when}: {broken}") from broken
                    rig.bring_back()
                when += 1
            rig.bring_back()
    return met


def rounds(rig, arguments, repeat, expected):
    return each_fault(rig, CALLS, arguments, lambda met: rig.judge(repeat, expected))


def ways_out(rig, arguments, is_undo):
    """As above, and by turns each way to deal with what the fault left."""
    ways = [["restore", "2" if is_undo else "1"], ["restore", "--resume"], ["undo"], ["save"]]
    return each_fault(rig, MOVING, arguments, lambda met: rig.judge_way(ways[met % len(ways)], is_undo))


def interrupted(rig):
    """Faults in each command that meets an interrupted restore."""
    rig.fault("renameat2", "signal=KILL", 3, ["restore", "1", "-q"])
    met = 0
    for way in (["save", "-q"], ["restore", "--resume", "-q"], ["undo", "-q"]):
        def judge(_):
            rig.expect_whole_files()
            rig.write_precious()
            rig.must("restore", "1", "-q")
            rig.expect(rig.first)
            rig.expect_precious()
            rig.must("check", "--data", "-q")
        met += each_fault(rig, MOVING, way, judge)
    return met


def settings_of_an_agent(rig):
    """Faults while a hook is put into settings that somebody has written: they stay, or have the hook in them."""
    place = os.path.join(rig.tree, ".claude")
    path = os.path.join(place, "settings.json")
    install = ["hook", "install", "claude", "-q"]
    os.mkdir(place)
    write(path, '{"model": "mine"}\n')
    rig.keep()
    rig.must(*install)
    with open(path, encoding="utf-8") as file:
        new = file.read()
    rig.bring_back()

    def judge(_):
        with open(path, encoding="utf-8") as file:
            if file.read() not in ('{"model": "mine"}\n', new):
                raise Broken("the settings are neither old nor new")
        rig.must(*install)
        with open(path, encoding="utf-8") as file:
            if file.read() != new or json.loads(new)["model"] != "mine":
                raise Broken("the settings are not what they were with the hook in them")
    met = each_fault(rig, ["openat", "write", "fsync", "rename", "fchmod"], install, judge)
    shutil.rmtree(place)
    return met


def forgetting(rig):
    """Faults while a file is taken out of all checkpoints: all of them have it, or none."""
    def judge(_):
        rig.must("check", "--data", "-q")
        before = [rig.run("cat", number, "file7").returncode == 0 for number in ("1", "2")]
        if before not in ([True, True], [False, False]):
            raise Broken("one checkpoint has it, the other has not")
        done = rig.run(*forget)
        if done.returncode != (0 if before[0] else 3):
            raise Broken(f"forget again: exit {done.returncode}: {done.stderr.strip()}")
        rig.must("gc", "-q", "--now")
        rig.must("check", "--data", "-q")
        rig.compare("1", {name: entry for name, entry in rig.first.items() if name != "file7"})
    forget = ["forget", "file7", "--yes", "-q"]
    return each_fault(rig, ["pwrite64", "fdatasync", "fsync", "unlinkat"], forget, judge)


def repairing(rig):
    """Faults while a store that has lost its catalog is repaired: nothing gets lost, and the next repair does it."""
    def judge(_):
        done = rig.run("repair", "-q")
        if done.returncode not in (0, 6):  # 6: what was no checkpoint may be lost with the catalog
            raise Broken(f"repair: exit {done.returncode}: {done.stderr.strip()}")
        rig.must("check", "--data", "-q")
        rig.compare("1", rig.first)
        rig.compare("2", rig.second)
    for name in os.listdir(rig.store):
        if name.startswith("manifest-"):
            os.remove(os.path.join(rig.store, name))
    return each_fault(rig, ["pwrite64", "fsync", "renameat2", "unlinkat", "linkat", "mkdirat"], ["repair", "-q"], judge)


def tables(rig):
    """Faults in commands on a table: each is done or not, whole, and the index has the entries of the rows."""
    app = os.path.join(rig.data, "app.firn")  # is kept and brought back with it
    rows = os.path.join(rig.data, "rows.csv")

    def rows_of():
        rig.must("db", "check", app, "-q")
        found = int(rig.must("db", "count", app, "t").stdout)
        total = rig.must("db", "scan", app, "t", "--columns", "sum(n)").stdout.strip()
        for index in re.findall(r"index (\w+) ", rig.must("db", "table", "show", app, "t", "--definition").stdout):
            if len(rig.must("db", "scan", app, "t", "--columns", "id", "--index", index).stdout.splitlines()) != found:
                raise Broken(f"not all rows are found by {index}")
        return found, total

    def each(arguments, calls):
        def judge(_):
            if rows_of() not in (before, after):
                raise Broken(f"the rows are {rows_of()}, before {before}, after {after}")
            done = rig.run(*arguments)
            if rows_of() != after:
                raise Broken(f"again: {rows_of()}, not {after}: {done.stderr.strip()}")
        rig.keep()
        before = rows_of()
        rig.must(*arguments)
        after = rows_of()
        rig.bring_back()
        met = each_fault(rig, calls, arguments, judge)
        rig.must(*arguments)
        return met

    def write_rows(first, count):
        write(rows, "id,n,s\n" + "".join(f"{i},{i * 7919 % 1009},text {i}\n" for i in range(first, first + count)))

    calls = ["openat", "pwrite64", "fdatasync", "fsync", "renameat", "unlinkat", "linkat", "fallocate"]
    rig.must("db", "table", "create", app, "t", "id i64 primary key, n i64 not null, s text, index by_n (n)")
    write_rows(0, 2000)
    met = each(["db", "table", "import", "-q", app, "t", rows], calls)
    write_rows(1500, 1000)
    met += each(["db", "table", "import", "-q", "--upsert", app, "t", rows], ["pwrite64", "fdatasync"])
    met += each(["db", "insert", "-q", "--update", app, "t", "id=5", "n=70000"], ["pwrite64", "fdatasync"])
    met += each(["db", "table", "alter", app, "t", "add-index", "index by_s (s)"], calls)
    met += each(["db", "table", "alter", app, "t", "add-column", "more i32 not null default 3"], ["pwrite64", "fdatasync"])
    met += each(["db", "compact", app], calls)
    return met


def restores(rig):
    """A save, a restore of the state before and its undo, and every way out of what is left of them."""
    met = rounds(rig, SAVE, SAVE, rig.second)
    rig.must(*SAVE)
    restore = ["restore", "1", "-q"]
    met += rounds(rig, restore, restore, rig.first)
    met += ways_out(rig, restore, False)
    met += interrupted(rig)
    rig.bring_back()
    rig.must(*restore)
    met += rounds(rig, ["undo", "-q"], ["restore", "2", "-q"], rig.second)
    met += ways_out(rig, ["undo", "-q"], True)
    rig.must("restore", "2", "-q")
    return met


def deletes(rig):
    """A delete, gc, forget and repair, and the settings of an agent."""
    rig.must(*SAVE)
    collect = ["gc", "--full", "--now", "-q"]
    rig.must("save", "-q", "-m", "the same once more")
    met = rounds(rig, ["delete", "3", "-q"], collect, rig.second)
    write(os.path.join(rig.tree, "sub", "garbage"), "only in what is deleted\n" * 1000)
    rig.must("save", "-q", "-m", "to be deleted")
    rig.must("restore", "2", "-q")
    rig.must("delete", "4", "-q")
    met += rounds(rig, collect, collect, rig.second)
    rig.must(*collect)
    return met + settings_of_an_agent(rig) + forgetting(rig) + repairing(rig)


def remotes(rig):
    """A push to a directory, and a pull from it into another store: what was saved comes through, at the latest the next time."""
    calls = ["openat", "pread64", "pwrite64", "fdatasync", "fsync", "linkat", "unlinkat", "mkdirat", "renameat2", "getdents64", "statx"]
    remote = os.path.join(os.path.dirname(rig.tree), "remote")
    other = os.path.join(os.path.dirname(rig.tree), "other")
    own = rig.store

    def compare_pulled():
        rig.must("pull", "-q")
        rig.must("check", "--data", "-q")
        rig.compare("origin/1", rig.first)
        rig.compare("origin/latest", rig.second)

    def judge_push(_):
        rig.must("check", "--data", "-q")
        rig.must("push", "-q")
        rig.store = other
        compare_pulled()
        rig.store = own
        rig.expect(rig.second)

    def judge_pull(_):
        rig.must("check", "--data", "-q")
        compare_pulled()
        rig.expect(rig.second)

    # More than a state takes in: the push puts a file, too.
    with open(os.path.join(rig.tree, "large"), "wb") as file:
        file.write(os.urandom(200000))
    rig.second = tree_of(rig.tree)
    rig.must(*SAVE)
    rig.must("remote", "add", "origin", remote, "-q")
    rig.store = other
    rig.must("remote", "add", "origin", remote, "-q")
    rig.store = own
    rig.others = [remote, other]
    rig.trusted = [own, other]
    met = each_fault(rig, calls, ["push", "-q"], judge_push)
    rig.bring_back()
    rig.must("push", "-q")
    rig.store = other
    rig.others = [remote, own]
    return met + each_fault(rig, calls, ["pull", "-q"], judge_pull)


def keys(rig):
    """Faults in commands on the keys of an encrypted store: each is done or not, and what opened the store and was not to go still does."""
    app = os.path.join(rig.data, "locked.firn")  # is kept and brought back with it
    files = {name: os.path.join(rig.data, name + ".key") for name in ("first", "second", "third")}

    def opens(name):
        os.environ["FIRN_KEY_FILE"] = files[name]
        done = rig.run("db", "get", app, "k", "a")
        os.environ["FIRN_KEY_FILE"] = files["first"]
        if done.returncode not in (0, 1) or (done.returncode == 0 and done.stdout != "value"):
            raise Broken(f"the {name} key: exit {done.returncode}: {done.stderr.strip()}")
        return done.returncode == 0

    def state_of():
        listed = json.loads(rig.must("key", "list", "--json", app).stdout)
        return len(listed["keys"]), listed["master_keys"], [name for name in files if opens(name)]

    def each(arguments, judge_again=(0,)):
        def judge(_):
            rig.must("db", "check", app, "-q")
            found = state_of()
            if found not in (before, after):
                raise Broken(f"the keys are {found}, before {before}, after {after}")
            done = rig.run(*arguments)
            if done.returncode != 0 and (found == before or done.returncode not in judge_again):
                raise Broken(f"again: exit {done.returncode}: {done.stderr.strip()}")
            if found == before and state_of() != after:
                raise Broken(f"again: the keys are {state_of()}, not {after}")
            rig.must("db", "put", app, "k", "a", "value")
            left = [name for name in os.listdir(app) if name.endswith(".tmp")]
            if left:
                raise Broken(f"{left} is left")
        rig.keep()
        before = state_of()
        rig.must(*arguments)
        after = state_of()
        if before == after:
            raise Broken(f"{' '.join(arguments)} changes nothing")
        rig.bring_back()
        met = each_fault(rig, ["openat", "pwrite64", "fdatasync", "fsync", "renameat", "renameat2", "unlinkat"], arguments, judge)
        rig.must(*arguments)
        return met

    for path in files.values():
        with open(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
            file.write(os.urandom(32))
    os.environ["FIRN_KEY_FILE"] = files["first"]
    rig.must("db", "put", "--encrypt", app, "k", "a", "value")
    met = each(["key", "add", "-q", "--key-file", files["second"], app])
    met += each(["key", "rotate", "-q", app])
    met += each(["key", "change", "-q", "2", "--key-file", files["third"], app])
    met += each(["key", "remove", "-q", "--yes", "2", app], (3,))
    del os.environ["FIRN_KEY_FILE"]
    return met


def main():
    firn = os.path.abspath(sys.argv[1])
    probe = shutil.which("strace") and subprocess.run(["strace", "-qq", "-o", os.devnull, "true"], check=False,
                                                      capture_output=True)
    if not probe or probe.returncode != 0:
        print("SKIPPED: faults in the real program: no strace, or it may not trace")
        return 0
    os.environ["FIRN_STORE"] = ""
    met = 0
    # Half of the time of the normal run would be the disk's, in syncs that no power cut follows.
    memory = "/dev/shm" if not LONG and os.access("/dev/shm", os.W_OK | os.X_OK) else None
    with tempfile.TemporaryDirectory(prefix="firn-faults-", dir=memory) as place:
        try:
            for part in (restores, deletes, tables, remotes, keys):
                if len(sys.argv) < 3 or part.__name__ in sys.argv[2:]:
                    own = os.path.join(place, part.__name__)
                    os.mkdir(own)
                    met += part(Rig(firn, own))
        except Broken as broken:
            print(f"FAILED: {broken}")
            return 1
    print(f"count: {met} faults in system calls of the program")
    return 0 if met > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
