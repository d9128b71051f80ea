#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/crash/undo_beside.py FIRN: undo and redo beside a person, an agent and a watch, all on one workspace at once.

A person and an agent each make new files; the agent's turns begin and end with hooks, or are interrupted. A watch saves. Two
loops undo, undo turns, redo and list, and some of these commands are killed. All for as long as the run lasts (10 s;
FIRN_TEST_LONG=1: FIRN_TEST_SECONDS, 120). No command may fail without a reason that this file names beside it.
Afterwards every file that was ever made is on the disk or in a checkpoint, whole, and nothing is damaged. Then the line is
compared with a list of states: undone to its beginning, and redone to its end, it comes back to each of them.
Prints "count: N undos and redos beside others".
"""
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time

SECONDS = int(os.environ.get("FIRN_TEST_SECONDS", "120")) if os.environ.get("FIRN_TEST_LONG") == "1" else 10
DONE, NOT_FOUND, CONFLICT, PARTIAL = 0, 3, 4, 6


class Side:
    """What all that run side by side share."""

    def __init__(self, firn, place):
        self.firn = firn
        self.tree = os.path.join(place, "tree")
        self.environment = dict(os.environ, HOME=place, FIRN_STORE=os.path.join(place, "store"), CLAUDE_PROJECT_DIR=self.tree)
        self.end = time.monotonic() + SECONDS
        self.lock = threading.Lock()
        self.steps = 0
        self.killed = 0
        self.made = {}  # path: size
        self.failures = []

    def goes_on(self):
        return time.monotonic() < self.end and not self.failures

    def fail(self, text):
        with self.lock:
            self.failures.append(text)

    def start(self, *arguments, **options):
        return subprocess.Popen([self.firn, *arguments], cwd=self.tree, env=self.environment, text=True, errors="replace",
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, **options)

    def run(self, *arguments, allowed=(DONE,), given="", kill_after=None):
        """One command; its end must be one of those allowed, or it is killed. Returns its code and standard output."""
        process = self.start(*arguments, stdin=subprocess.PIPE)
        try:
            out, err = process.communicate(given, timeout=kill_after if kill_after is not None else 300)
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            with self.lock:
                self.killed += 1
            return -signal.SIGKILL, ""
        if process.returncode not in allowed:
            self.fail(f"firn {' '.join(arguments)}: exit {process.returncode}: {err.strip() or out.strip()}")
        return process.returncode, out


def make_file(side, directory, number):
    """A new file, which appears as a whole and which nobody changes any more."""
    path = f"{directory}/{number % 5}/{number}"
    whole = os.path.join(side.tree, path)
    size = 10 + number % 977
    while True:
        try:
            os.makedirs(os.path.dirname(whole), exist_ok=True)
            with open(whole + "~", "w", encoding="utf-8") as file:
                file.write("x" * size)
            os.rename(whole + "~", whole)
            break
        except FileNotFoundError:
            pass  # an undo removed the directory meanwhile
    with side.lock:
        side.made[path] = size


def person(side):
    number = 0
    while side.goes_on():
        make_file(side, "person", number)
        number += 1
        time.sleep(0.02)


def agent(side):
    choice = random.Random(1)
    number = 0
    while side.goes_on():
        event = json.dumps({"session_id": "s", "prompt": f"make {number}"})
        side.run("hook", "run", "claude", "before", given=event)
        for _ in range(choice.randrange(6)):
            make_file(side, "agent", number)
            number += 1
            time.sleep(0.01)
        if choice.randrange(4) != 0:
            side.run("hook", "run", "claude", "after", given=json.dumps({"session_id": "s"}))
        time.sleep(choice.random() / 5)


def undo(side, seed):
    """What is edited while it is undone is kept, and that is a conflict (4) or is said (6)."""
    choice = random.Random(seed)
    while side.goes_on():
        what = choice.choice([["undo"], ["undo"], ["undo", "--turn"], ["redo"], ["redo"], ["undo", "--list"], ["undo", "-n"]])
        kill_after = choice.random() / 20 if choice.randrange(4) == 0 else None
        side.run(*what, "-q", allowed=(DONE, NOT_FOUND, CONFLICT, PARTIAL), kill_after=kill_after)
        with side.lock:
            side.steps += 1
        time.sleep(choice.random() / 10)


def tree_of(side):
    """Every file with its content."""
    found = {}
    for folder, _, files in os.walk(side.tree):
        for name in files:
            path = os.path.join(folder, name)
            with open(path, "rb") as file:
                found[os.path.relpath(path, side.tree)] = file.read()
    return found


def nothing_is_lost(side):
    kept = {path: len(content) for path, content in tree_of(side).items()}
    listed = json.loads(side.run("list", "--all", "--json")[1])["checkpoints"]
    for checkpoint in listed:
        shown = json.loads(side.run("show", checkpoint["id"], "--files", "--json")[1])
        kept.update({entry["path"]: entry["size"] for entry in shown["entries"] if entry["type"] == "file"})
    lost = [path for path, size in side.made.items() if kept.get(path) != size]
    if lost:
        side.fail(f"{len(lost)} of {len(side.made)} files are lost: {lost[:10]}")
    left = [path for path in tree_of(side) if ".firn-" in path]
    if left:
        side.fail(f"temporary names are left: {left}")


def walk_the_line(side):
    """Back to the first state, and forward to the last; each state is the same on both ways."""
    states = [tree_of(side)]
    while not side.failures:
        code, _ = side.run("undo", "-q", allowed=(DONE, NOT_FOUND))
        if code == NOT_FOUND:
            break
        states.append(tree_of(side))
    for at in range(len(states) - 2, -1, -1):
        side.run("redo", "-q")
        if side.failures:
            return
        if tree_of(side) != states[at]:
            side.fail(f"state {at} of {len(states)} did not come back")
            return
    side.steps += 2 * (len(states) - 1)
    if len(states) < 3:
        side.fail("the line has hardly any states")


def settle(side):
    """What must hold when everybody has stopped."""
    side.run("restore", "--resume", "-q", allowed=(DONE, NOT_FOUND, PARTIAL))
    side.run("save", "-q", "-m", "last")
    side.run("check", "--data", "-q")
    if not side.failures:
        nothing_is_lost(side)
    if not side.failures:
        walk_the_line(side)
    if not side.failures:
        side.run("check", "--data", "-q")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    # Where this runs in the background, the signal that ends the watch may be ignored, and the watch would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with tempfile.TemporaryDirectory(prefix="firn-test-") as place:
        side = Side(os.path.abspath(sys.argv[1]), place)
        os.makedirs(side.tree)
        make_file(side, "first", 0)
        side.run("save", "-q", "-m", "first")
        watch = side.start("watch", "-q", "--quiet-time", "0.2", stdin=subprocess.DEVNULL)
        threads = [threading.Thread(target=person, args=(side,)), threading.Thread(target=agent, args=(side,)),
                   threading.Thread(target=undo, args=(side, 2)), threading.Thread(target=undo, args=(side, 3))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        watch.send_signal(signal.SIGINT)
        _, err = watch.communicate(timeout=60)
        if watch.returncode not in (DONE, 130):
            side.fail(f"firn watch: exit {watch.returncode}: {err.strip()}")
        if not side.failures:
            settle(side)
        for failure in side.failures:
            print(failure)
        if side.failures:
            sys.exit(1)
        print(f"count: {side.steps} undos and redos beside others, {side.killed} of them killed, {len(side.made)} files kept")


main()
