#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/crash/watch.py FIRN: firn watch beside everything that can happen to a tree, and to it.

same    batches of random operations while a watch runs. After each, a save that asks the watch must come to the very tree,
        and the very numbers, that a save into another store, which nobody watches, comes to by looking at everything; only
        changes that show no event may be missed, and are counted. Some watches save by themselves as well, some
        are killed (-9) at any moment and started again, some are stopped (SIGSTOP) until the queue of events would have
        overflowed. Some are not allowed to use fanotify, so that it does.
beside  one watch, two MCP servers and 100 saves on one workspace that somebody edits: none fails; what is saved is undamaged.
peers   others talk nonsense to the socket, or nothing: saves go on, and so does the watch.

Seeds from FIRN_TEST_SEED (1) on: 4; FIRN_TEST_LONG=1: as many longer ones as fit into FIRN_TEST_SECONDS (600).
Prints "count: N saves beside a watch" and how many of them missed what shows no event.
"""
import ctypes
import itertools
import json
import mmap
import os
import random
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

LONG = os.environ.get("FIRN_TEST_LONG") == "1"
SEED = int(os.environ.get("FIRN_TEST_SEED", "1"))
BATCHES = 400 if LONG else 25
saves = 0
unseen = 0  # of them: missed what shows no event


class Failure(Exception):
    pass


def firn(place, *arguments, store="store", allowed=(0, 6)):
    done = subprocess.run([place.firn, *arguments, "--store", os.path.join(place.path, store)], cwd=place.tree, check=False,
                          capture_output=True, text=True, errors="replace", timeout=120)
    if done.returncode not in allowed:
        raise Failure(f"firn {' '.join(arguments)}: exit {done.returncode}: {done.stderr.strip()}")
    return done.stdout


def without_fanotify():
    """In a child: what it starts does not have CAP_SYS_ADMIN, even as root."""
    pr_capbset_drop, cap_sys_admin = 24, 21
    ctypes.CDLL(None).prctl(pr_capbset_drop, cap_sys_admin)


class Place:
    """A tree, stores beside it, and a watch that may run."""

    only_inotify = False

    def __init__(self, program, path):
        self.firn = program
        self.path = path
        self.tree = os.path.join(path, "tree")
        self.watch = None
        os.mkdir(self.tree)

    def socket(self):
        return os.path.join(self.path, "store", "watch-1")

    def start(self, *arguments):
        self.watch = subprocess.Popen([self.firn, "watch", "--store", os.path.join(self.path, "store"), *arguments],
                                      cwd=self.tree, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                      preexec_fn=without_fanotify if self.only_inotify else None)
        end = time.monotonic() + 60
        while True:
            done = subprocess.run([self.firn, "watch", "--status", "--store", os.path.join(self.path, "store")], cwd=self.tree,
                                  check=False, capture_output=True)
            if done.returncode == 0:
                return
            if self.watch.poll() is not None or time.monotonic() > end:
                raise Failure(f"the watch does not start: {self.watch.stderr.read().decode()}")
            time.sleep(0.02)

    def kill(self):
        self.watch.kill()
        self.watch.wait()

    def stop(self):
        if self.watch is None:
            return
        self.watch.send_signal(signal.SIGTERM)
        code = self.watch.wait(60)
        if code != 128 + signal.SIGTERM:
            raise Failure(f"the watch ended with {code}: {self.watch.stderr.read().decode()}")
        if os.path.exists(self.socket()):
            raise Failure("the watch has left its socket")
        self.watch = None


# ---- random operations ----

NAMES = ["a", "b", "c", "d", "e", "f", "target", "node_modules", "deep"]


def open_text(path, mode="w"):
    """As open does it, but for a FIFO, which would wait for a reader for ever: that is an error (ENXIO)."""
    return open(path, mode, encoding="utf-8", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK, 0o666))


class Editor:
    def __init__(self, tree, choice):
        self.tree = tree
        self.choice = choice
        self.held = []  # files kept open
        self.linked = set()  # inodes that got a name since the last comparison

    def directories(self):
        found = [self.tree]
        for path, names, _ in os.walk(self.tree):
            found += [os.path.join(path, name) for name in names if not os.path.islink(os.path.join(path, name))]
        return found

    def directory(self):
        return self.choice.choice(self.directories())

    def new(self):
        return os.path.join(self.directory(), self.choice.choice(NAMES) + str(self.choice.randrange(4)))

    def file(self):
        found = [os.path.join(path, name) for path, _, names in os.walk(self.tree) for name in names
                 if os.path.isfile(os.path.join(path, name)) and not os.path.islink(os.path.join(path, name))]
        return self.choice.choice(found) if found else None

    def write(self, path, mode="w"):
        with open_text(path, mode) as file:
            file.write(f"{self.choice.random()}\n" * self.choice.randrange(1, 4))

    def do(self):
        getattr(self, "do_" + self.choice.choice(OPERATIONS))()

    def do_create(self):
        self.write(self.new())

    def do_append(self):
        self.write(self.file() or self.new(), "a")

    def do_same_size(self):
        path = self.file()
        if path is None or os.path.getsize(path) == 0:
            return
        times = os.stat(path)
        with open(path, "r+b") as file:
            file.write(bytes([self.choice.randrange(256)]))
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def do_mapping(self):
        path = self.file()
        if path is None or os.path.getsize(path) == 0:
            return
        with open(path, "r+b") as file, mmap.mmap(file.fileno(), 0) as mapping:
            mapping[0] = self.choice.randrange(256)

    def do_hold(self):
        path = self.file()
        if path is not None and len(self.held) < 5:
            self.held.append(open(path, "ab", buffering=0))

    def do_write_held(self):
        if self.held:
            self.held[self.choice.randrange(len(self.held))].write(b"held\n")

    def do_relink(self):
        path = self.file()
        if path is None:
            return
        with open(path, "ab", buffering=0) as file:
            os.link(path, path + "~")
            os.unlink(path)
            os.rename(path + "~", path)
            file.write(b"again\n")

    def do_truncate(self):
        path = self.file()
        if path is not None:
            os.truncate(path, self.choice.randrange(20))

    def do_move_file(self):
        path = self.file()
        if path is not None:
            os.rename(path, self.new())

    def do_move_dir(self):
        path = self.directory()
        if path != self.tree:
            os.rename(path, self.new())

    def do_swap_dirs(self):
        one, two = self.directory(), self.directory()
        if self.tree in (one, two) or one.startswith(two) or two.startswith(one):
            return
        os.rename(one, self.tree + "/swap")
        os.rename(two, one)
        os.rename(self.tree + "/swap", two)

    def do_make_dirs(self):
        path = os.path.join(self.directory(), *(self.choice.choice(NAMES) for _ in range(self.choice.randrange(1, 4))))
        os.makedirs(path, exist_ok=True)
        self.write(os.path.join(path, "new"))

    def do_link(self):
        path = self.file()
        if path is not None:
            os.link(path, self.new())
            self.linked.add(os.stat(path).st_ino)

    def do_link_briefly(self):
        path, name = self.file(), self.new()
        if path is not None:
            os.link(path, name)
            self.linked.add(os.stat(path).st_ino)
            self.write(name, "a")
            os.unlink(name)

    def do_symlink(self):
        os.symlink(self.choice.choice(["a", "../b", "nowhere"]), self.new())

    def do_remove(self):
        path = self.file()
        if path is not None:
            os.unlink(path)

    def do_remove_dir(self):
        path = self.directory()
        if path != self.tree and self.choice.randrange(3) == 0:
            shutil.rmtree(path)

    def do_flip(self):
        path = self.file()
        if path is not None:
            os.unlink(path)
            os.mkdir(path)

    def do_mode(self):
        path = self.choice.choice([self.file() or self.tree, self.directory()])
        os.chmod(path, self.choice.choice([0o700, 0o755, 0o750]))

    def do_attribute(self):
        path = self.choice.choice([self.file() or self.tree, self.directory()])
        os.setxattr(path, "user.test", str(self.choice.random()).encode())

    def do_time(self):
        path = self.choice.choice([self.file() or self.tree, self.directory()])
        os.utime(path, ns=(0, self.choice.randrange(10**18)))

    def do_rules(self):
        path = os.path.join(self.directory(), ".firnignore")
        if self.choice.randrange(3) == 0 and os.path.exists(path):
            os.unlink(path)
        else:
            with open_text(path) as file:
                file.write(self.choice.choice(NAMES) + "*\n")

    def do_tag(self):
        path = os.path.join(self.directory(), self.choice.choice(["CACHEDIR.TAG", "Cargo.toml"]))
        with open_text(path) as file:
            file.write("Signature: 8a477f597d28d172789f06886806bc55\n")

    def do_fifo(self):
        os.mkfifo(self.new())

    def do_nothing(self):
        time.sleep(self.choice.random() / 20)


OPERATIONS = [name[3:] for name in dir(Editor) if name.startswith("do_")]


COMPARED = ("root", "files", "directories", "bytes", "excluded", "skipped")


def entries(place, number):
    """What a checkpoint has, by path; of a directory not what lies in it."""
    rows = json.loads(firn(place, "show", "--files", "--json", str(number)))["entries"]
    return {row["path"]: {key: row[key] for key in row if key != "hash" or row["type"] != "directory"} for row in rows}


def shows_no_event(place, editor, path, saved):
    """Whether a file may have changed without an event of its directory (docs/watch.md): through a name that is not saved, or
    that came and went between two saves, or through an open file whose name has been removed."""
    stat = os.lstat(os.path.join(place.tree, path))
    names = [name for name in saved if os.lstat(os.path.join(place.tree, name)).st_ino == stat.st_ino]
    nameless = [file for file in editor.held if os.readlink(f"/proc/self/fd/{file.fileno()}").endswith(" (deleted)")]
    came_and_went = stat.st_nlink == 1 and stat.st_ino in editor.linked
    return stat.st_nlink > len(names) or came_and_went or stat.st_ino in [os.fstat(file.fileno()).st_ino for file in nameless]


def compare(place, editor, batch):
    """A save beside the watch and one that looks at everything."""
    global saves, unseen
    mine = json.loads(firn(place, "save", "--json"))["checkpoint"]
    full = json.loads(firn(place, "save", "--json", "--full", store="other"))["checkpoint"]
    saves += 1
    different = [key for key in COMPARED if mine[key] != full[key]]
    if different:
        check_unseen(place, editor, batch, mine, full, different)
        unseen += 1
    editor.linked.clear()


def check_unseen(place, editor, batch, mine, full, different):
    """Fails unless all that is different changed without an event."""
    failure = Failure(f"batch {batch}: {', '.join(f'{key} {mine[key]}, by looking at everything {full[key]}' for key in different)}")
    anew = json.loads(firn(place, "save", "--json", "--full"))["checkpoint"]
    if any(key not in ("root", "bytes") for key in different) or any(anew[key] != full[key] for key in COMPARED):
        raise failure
    before, after = entries(place, mine["number"]), entries(place, anew["number"])
    changed = [path for path in after if before.get(path) != after[path]]
    if not changed or not all(shows_no_event(place, editor, path, after) for path in changed):
        raise failure


def suspend(place):
    """Stops the watch, but not while it saves and has the store's lock."""
    for _ in range(100):
        place.watch.send_signal(signal.SIGSTOP)
        done = subprocess.run([place.firn, "save", "-q", "--wait", "1", "--store", os.path.join(place.path, "store")],
                              cwd=place.tree, check=False, capture_output=True, timeout=120)
        if done.returncode in (0, 6):
            return
        place.watch.send_signal(signal.SIGCONT)
        time.sleep(0.1)
    raise Failure("the watch saves all the time")


def overflow(place):
    """More events than the queue of inotify holds, while the watch cannot read them."""
    with open("/proc/sys/fs/inotify/max_queued_events", encoding="ascii") as file:
        count = int(file.read())
    os.makedirs(place.tree + "/burst", exist_ok=True)
    suspend(place)
    try:
        for i in range(count // 3 + 10 if count < 100000 else 0):
            path = f"{place.tree}/burst/{i}"
            with open(path, "wb") as file:
                file.write(b"x")
            os.unlink(path)
        os.mkdir(place.tree + f"/burst/d{time.monotonic_ns()}")
        firn(place, "save")  # nobody answers
    finally:
        place.watch.send_signal(signal.SIGCONT)


def same(program, path, seed):
    choice = random.Random(seed)
    place = Place(program, path)
    place.only_inotify = seed // 2 % 2 == 1
    editor = Editor(place.tree, choice)
    for _ in range(30):
        attempt(editor)
    firn(place, "save")
    kind = ("--no-save",) if seed % 2 == 0 else ("--quiet-time", "0.05")
    place.start(*kind)
    for batch in range(BATCHES):
        for _ in range(choice.choice([0, 1, 1, 2, 5, 20])):
            attempt(editor)
        what = choice.randrange(20)
        if what == 0:
            time.sleep(choice.random() / 10)
            place.kill()
            if choice.randrange(2):
                attempt(editor)
                compare(place, editor, batch)
            place.start(*kind)
        elif what == 1:
            overflow(place)
        elif what == 2:
            firn(place, "restore", "latest~1", allowed=(0, 3, 4, 6))  # there may be none, or something in the way
        compare(place, editor, batch)
    place.stop()
    firn(place, "check", "--data")


def attempt(editor):
    try:
        editor.do()
    except (FileExistsError, NotADirectoryError, IsADirectoryError, FileNotFoundError):
        pass
    except OSError as error:
        if error.errno not in (6, 22, 39, 95):  # a FIFO, into itself, not empty, no attributes there
            raise


# ---- many beside it ----

class Server:
    """An MCP server, spoken to a line at a time."""

    def __init__(self, place):
        self.process = subprocess.Popen([place.firn, "mcp", "--store", os.path.join(place.path, "store")], cwd=place.tree,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.number = 0
        self.call("initialize", {"protocolVersion": "2025-06-18", "capabilities": {},
                                 "clientInfo": {"name": "test", "version": "1"}})

    def call(self, method, parameters):
        self.number += 1
        line = json.dumps({"jsonrpc": "2.0", "id": self.number, "method": method, "params": parameters})
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        while True:
            answer = json.loads(self.process.stdout.readline())
            if answer.get("id") == self.number:
                return answer

    def save(self, place):
        answer = self.call("tools/call", {"name": "checkpoint_save",
                                          "arguments": {"workspace_path": place.tree, "message": "a tool"}})
        if "error" in answer or answer["result"].get("isError"):
            raise Failure(f"checkpoint_save: {answer}")

    def end(self):
        self.process.stdin.close()
        self.process.wait(60)


def beside(program, path):
    global saves
    place = Place(program, path)
    choice = random.Random(SEED)
    editor = Editor(place.tree, choice)
    failures = []
    ends = threading.Event()
    for _ in range(50):
        attempt(editor)
    place.start("--quiet-time", "0.02")

    def edits():
        while not ends.is_set():
            number = choice.randrange(1000)
            with open(f"{place.tree}/side{number % 20}", "a", encoding="utf-8") as file:
                file.write(f"{number}\n")
            time.sleep(0.002)

    def serves():
        server = Server(place)
        try:
            while not ends.is_set():
                server.save(place)
        except Failure as failure:
            failures.append(str(failure))
        server.end()

    threads = [threading.Thread(target=edits)] + [threading.Thread(target=serves) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(100):
            firn(place, "save", "-q")
            saves += 1
    finally:
        ends.set()
        for thread in threads:
            thread.join()
    if failures:
        raise Failure(failures[0])
    compare(place, editor, "beside")
    place.stop()
    firn(place, "check", "--data")


# ---- peers ----

def peers(program, path):
    place = Place(program, path)
    choice = random.Random(SEED)
    editor = Editor(place.tree, choice)
    for _ in range(50):
        attempt(editor)
    firn(place, "save")
    place.start("--no-save")

    def connect():
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        peer.connect(place.socket())
        return peer

    idle = [connect() for _ in range(3)]
    for batch in range(200 if LONG else 30):
        peer = connect()
        what = choice.randrange(5)
        kind = choice.choice(b"atlsAIx\0")
        if what == 0:
            peer.sendall(choice.randbytes(choice.randrange(1, 100)))
        elif what == 1:
            size = choice.randrange(1, 200)
            peer.sendall(b"fw2" + bytes([kind if kind != ord("s") else ord("a")]) + struct.pack("<I", size) +
                         choice.randbytes(size))
        elif what == 2:
            peer.sendall(b"fw2t" + struct.pack("<I", 0xffffffff))
        elif what == 3:
            peer.sendall(b"fw2t" + struct.pack("<I", 32 << 20) + b"x" * 1000)
        peer.close()
        if batch % 10 == 0:
            attempt(editor)
            compare(place, editor, batch)
    for peer in idle:
        peer.close()
    if place.watch.poll() is not None:
        raise Failure("the watch has ended")
    place.stop()


def runs():
    """What is run, and with which seed."""
    yield beside, None
    yield peers, None
    end = time.monotonic() + int(os.environ.get("FIRN_TEST_SECONDS", "600"))
    for i in itertools.count():
        if time.monotonic() >= end if LONG and i > 0 else i == 4:
            return
        yield same, SEED + i


def main():
    program = os.path.abspath(sys.argv[1])
    for run, seed in runs():
        path = tempfile.mkdtemp(prefix="firn-watch-")
        os.environ.update(XDG_DATA_HOME=path + "/data", XDG_CONFIG_HOME=path + "/config")
        try:
            run(program, path) if seed is None else run(program, path, seed)
        except Failure as failure:
            print(f"{run.__name__}, seed {seed}: {failure}", file=sys.stderr)
            print(f"see {path}", file=sys.stderr)
            return 1
        finally:
            for line in subprocess.run(["ps", "-o", "pid=", "--ppid", str(os.getpid())], check=False, capture_output=True,
                                       text=True).stdout.split():
                try:
                    os.kill(int(line), signal.SIGKILL)
                except ProcessLookupError:
                    pass
        shutil.rmtree(path)
    print(f"count: {saves} saves beside a watch")
    print(f"count: {unseen} of them that missed a change of which the kernel does not tell")
    return 0


if __name__ == "__main__":
    sys.exit(main())
