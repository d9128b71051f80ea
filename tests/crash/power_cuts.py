#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/crash/power_cuts.py COMMIT_WRITER HISTORY_WRITER [FIRN]: real file systems that lose their power.

A file system in a loop-mounted file (ext4, and xfs where its tools are) is shut down by ioctl at a random moment while
commit_writer commits into a store on it: what was not yet written to its device is gone, as after a power cut. It is mounted
again, which replays its journal, and commit_writer compares all of the store with what it must hold. history_writer does the
same with transactions, loads, checkpoints, restores, exports and clones. With FIRN, workspaces
are saved in the same way: every checkpoint whose save ended must restore as it was saved, and check --data find nothing. And a
tree on that file system is restored to and fro: after a cut every file is the old or the new one, whole; then, by turns, a
restore, restore --resume, undo or save must bring the tree that it promises, with no temporary name left.

Needs root and loop devices; else it prints SKIPPED. Normal run: 60 cuts a file system; FIRN_TEST_LONG=1: as many as fit into
FIRN_TEST_SECONDS (600). FIRN_TEST_SEED repeats a run's moments. Prints "count: N power cuts of ...".
"""
import fcntl
import os
import random
import select
import shutil
import struct
import subprocess
import sys
import tempfile
import time

from mounted import Disk, enter_own_namespace, quiet

SHUTDOWN = 0x8004587D  # EXT4_IOC_SHUTDOWN and XFS_IOC_GOINGDOWN
NO_LOG_FLUSH = 2       # the journal is not written out first
LONG = os.environ.get("FIRN_TEST_LONG") == "1"
CUTS = 70
DISK_MIB = 512
ROUNDS_A_STORE = 10


class CutDisk(Disk):
    """A disk that loses its power and comes back."""

    def cut(self):
        descriptor = os.open(self.root, os.O_RDONLY)
        fcntl.ioctl(descriptor, SHUTDOWN, struct.pack("I", NO_LOG_FLUSH))
        os.close(descriptor)

    def come_back(self):
        self.unmount()
        if not self.mount():
            raise RuntimeError(f"could not mount {self.kind} again: {self.error}")


def last_line(output):
    lines = output.split(b"\n")  # after the last line feed: nothing, or a line that was cut
    return int(lines[-2]) if len(lines) > 1 else None


def cut_while(disk, command, seconds, cwd=None):
    """Runs a command, cuts the power after that time; what it had printed by then, and what it printed in all. What it prints
    later is no promise: a sync under way while the file system is shut down may be told that it succeeded. But it got so far,
    however long the machine took to cut the power."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=cwd)
    output = b""
    end = time.monotonic() + seconds
    while time.monotonic() < end and process.poll() is None:
        if select.select([process.stdout], [], [], max(0, end - time.monotonic()))[0]:
            output += os.read(process.stdout.fileno(), 65536)
    while select.select([process.stdout], [], [], 0)[0]:
        more = os.read(process.stdout.fileno(), 65536)
        if not more:
            break
        output += more
    disk.cut()
    process.kill()
    later, _ = process.communicate()
    return output, output + later


def cut_store(disk, chance, writer, store, acknowledged):
    output, _ = cut_while(disk, [writer, "write", store], chance.uniform(0.005, 0.25))
    acknowledged = last_line(output) or acknowledged
    disk.come_back()
    done = quiet(writer, "verify", store, str(acknowledged))
    if done.returncode != 0:
        raise RuntimeError(f"{disk.kind}, {acknowledged} acknowledged: {done.stderr.strip()}")
    return int(done.stdout)


def cut_history(disk, chance, writer, place, at, acknowledged):
    """Where the store is then, a step and a part, and the last step that was acknowledged."""
    output, printed = cut_while(disk, [writer, "write", place] + at, chance.uniform(0.02, 0.3))
    acknowledged = max(acknowledged, last_line(output) or 0)
    reached = max(acknowledged, last_line(printed) or 0)
    disk.come_back()
    if not os.path.exists(place) and not acknowledged:
        os.mkdir(place)
    done = quiet(writer, "verify", place, *at, str(acknowledged), str(reached))
    if done.returncode != 0:
        raise RuntimeError(f"{disk.kind}, begun at {at}, {acknowledged} acknowledged: {done.stderr.strip()}")
    return done.stdout.split(), acknowledged


class Workspace:
    """A small tree beside the disk, saved into a store on it."""

    def __init__(self, firn, place, store):
        self.command = [firn, "--store", store]
        self.tree = os.path.join(place, "tree")
        self.out = os.path.join(place, "out")
        self.saved = {}
        shutil.rmtree(self.tree, ignore_errors=True)
        os.mkdir(self.tree)

    def change(self, chance, number):
        for _ in range(5):
            with open(os.path.join(self.tree, f"file{chance.randrange(20)}"), "w", encoding="utf-8") as file:
                file.write(f"{number} " * chance.randrange(1, 20000))

    def contents(self, root):
        found = {}
        for name in os.listdir(root):
            with open(os.path.join(root, name), "rb") as file:
                found[name] = file.read()
        return found

    def cut(self, disk, chance, number):
        self.change(chance, number)
        held = self.contents(self.tree)
        done, _ = cut_while(disk, self.command + ["save", "-q"], chance.uniform(0, 0.03), cwd=self.tree)
        disk.come_back()
        saved = last_line(done)
        if saved is not None:
            self.saved[saved] = held
        if not os.path.exists(self.command[2]):
            if self.saved:
                raise RuntimeError(f"{disk.kind}: the store is gone")
            return
        self.judge(disk, "check", "--data", "-q")
        for checkpoint, contents in self.saved.items():
            shutil.rmtree(self.out, ignore_errors=True)
            self.judge(disk, "restore", str(checkpoint), "--to", self.out, "-q")
            if self.contents(self.out) != contents:
                raise RuntimeError(f"{disk.kind}: checkpoint {checkpoint} is not what was saved")

    def judge(self, disk, *arguments):
        done = subprocess.run(self.command + list(arguments), check=False, capture_output=True, text=True, cwd=self.tree)
        if done.returncode != 0 and not (done.returncode == 3 and not self.saved):
            raise RuntimeError(f"{disk.kind}: {' '.join(arguments)}: {done.stderr.strip()}")


class Restores:
    """A tree and its store on the disk: two states of the tree, restored to and fro."""

    def __init__(self, firn, disk, number):
        self.disk = disk
        self.place = os.path.join(disk.root, f"restores{number}")
        self.tree = os.path.join(self.place, "tree")
        self.command = [firn, "--store", os.path.join(self.place, "store")]
        os.makedirs(os.path.join(self.tree, "sub", "deep"))
        for i in range(60):
            self.write(f"file{i}", f"first {i} " * (i * 20 + 1))
        self.write("sub/deep/same", "same")
        os.symlink("file1", os.path.join(self.tree, "link"))
        self.write("flips", "a file")
        self.must("save", "-q")
        for i in range(0, 60, 2):
            self.write(f"file{i}", f"second {i} " * (i * 30 + 1))
        for i in range(1, 60, 10):
            os.remove(os.path.join(self.tree, f"file{i}"))
        os.makedirs(os.path.join(self.tree, "new", "deep"))
        for i in range(10):
            self.write(f"new/deep/file{i}", f"second {i}")
        os.remove(os.path.join(self.tree, "flips"))
        os.mkdir(os.path.join(self.tree, "flips"))
        self.write("flips/inside", "a directory")
        self.must("save", "-q")
        self.must("restore", "1", "-q")
        first = self.contents()
        self.must("restore", "2", "-q")
        self.states = {"1": first, "2": self.contents()}
        os.sync()

    def write(self, name, text):
        with open(os.path.join(self.tree, name), "w", encoding="utf-8") as file:
            file.write(text)

    def run(self, *arguments):
        return subprocess.run(self.command + list(arguments), check=False, capture_output=True, text=True, cwd=self.tree)

    def must(self, *arguments):
        done = self.run(*arguments)
        if done.returncode != 0:
            raise RuntimeError(f"{self.disk.kind}: {' '.join(arguments)}: {done.stderr.strip()}")

    def contents(self):
        found = {}
        for directory, names, files in os.walk(self.tree):
            for name in names + files:
                path = os.path.join(directory, name)
                content = None
                if os.path.islink(path):
                    content = os.readlink(path)
                elif os.path.isfile(path):
                    with open(path, "rb") as file:
                        content = file.read()
                found[os.path.relpath(path, self.tree)] = content
        return found

    def cut(self, chance):
        now = self.contents()
        old = "1" if now == self.states["1"] else "2"
        new = "2" if old == "1" else "1"
        cut_while(self.disk, self.command + ["restore", new, "-q"], chance.uniform(0, 0.06), cwd=self.tree)
        self.disk.come_back()
        for name, content in self.contents().items():
            states = [state[name] for state in self.states.values() if name in state]
            if not os.path.basename(name).startswith(".firn-") and states and content not in states and content is not None:
                raise RuntimeError(f"{self.disk.kind}: '{name}' is neither old nor new")
        way = chance.choice([["restore", new], ["restore", "--resume"], ["undo"], ["save"]])
        done = self.run(*way, "-q")
        if done.returncode != 0 and not (done.returncode == 3 and way[-1] in ("--resume", "undo")):
            raise RuntimeError(f"{self.disk.kind}: {' '.join(way)}: {done.stderr.strip()}")
        found = self.contents()
        allowed = [self.states[new]] if way == ["restore", new] else list(self.states.values())
        if found not in allowed:
            raise RuntimeError(f"{self.disk.kind}: after {' '.join(way)} the tree is neither the old nor the new one")
        self.must("check", "--data", "-q")
        os.sync()


def cuts_of(disk, chance, writers, firn, place):
    """How many cuts the store and the workspaces lived through."""
    end = time.monotonic() + int(os.environ.get("FIRN_TEST_SECONDS", "600")) / 2
    cuts = 0
    while time.monotonic() < end if LONG else cuts < CUTS:
        store = os.path.join(disk.root, f"store{cuts}")
        acknowledged = 0
        for _ in range(ROUNDS_A_STORE):
            acknowledged = cut_store(disk, chance, writers[0], store, acknowledged)
            cuts += 1
        shutil.rmtree(store)
        history = os.path.join(disk.root, f"history{cuts}")
        os.mkdir(history)
        at, acknowledged = ["0", "0"], 0
        for _ in range(ROUNDS_A_STORE):
            at, acknowledged = cut_history(disk, chance, writers[1], history, at, acknowledged)
            cuts += 1
        shutil.rmtree(history)
        if firn:
            workspace = Workspace(firn, place, os.path.join(disk.root, f"saves{cuts}"))
            for number in range(5):
                workspace.cut(disk, chance, number)
                cuts += 1
            shutil.rmtree(workspace.command[2], ignore_errors=True)
            restores = Restores(firn, disk, cuts)
            for _ in range(10):
                restores.cut(chance)
                cuts += 1
            shutil.rmtree(restores.place)
    return cuts


def main():
    writers = [os.path.abspath(path) for path in sys.argv[1:3]]
    firn = os.path.abspath(sys.argv[3]) if len(sys.argv) > 3 else None
    if os.geteuid() != 0:
        print("SKIPPED: power cuts of real file systems: not root")
        return 0
    enter_own_namespace()
    seed = int(os.environ.get("FIRN_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
    print(f"seed {seed}")
    failed = 0
    with tempfile.TemporaryDirectory(prefix="firn-cuts-") as place:
        for kind in ("ext4", "xfs"):
            disk = CutDisk(kind, DISK_MIB, place)
            if disk.error:
                print(f"SKIPPED: power cuts of {kind}: {disk.error}")
                continue
            os.environ["XDG_DATA_HOME"] = os.path.join(disk.root, "data")  # the notes lose their power, too
            try:
                print(f"count: {cuts_of(disk, random.Random(seed), writers, firn, place)} power cuts of {kind}")
            except RuntimeError as error:
                print(f"FAILED: {error}")
                failed = 1
            finally:
                disk.remove()
    return failed


if __name__ == "__main__":
    sys.exit(main())
