#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/crash/side_by_side.py FIRN: many programs on one workspace at once, and somebody who edits it all the time.

Two that save, one that only looks, one that deletes and collects, one that restores and undoes, each a loop of commands for
as long as the run lasts (8 s; FIRN_TEST_LONG=1: FIRN_TEST_SECONDS, 120), while files are rewritten, renamed, added and
removed. None of them may fail without a reason that this file names beside the command.
Afterwards nothing is damaged, no temporary name is left, and every checkpoint that is listed comes back as `show` tells.
Prints "count: N commands side by side".
"""
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time

SECONDS = int(os.environ.get("FIRN_TEST_SECONDS", "120")) if os.environ.get("FIRN_TEST_LONG") == "1" else 8
DONE, NOT_FOUND, CONFLICT, PARTIAL = 0, 3, 4, 6


class Side:
    """What all that run side by side share."""

    def __init__(self, firn, place):
        self.firn = firn
        self.tree = os.path.join(place, "tree")
        self.store = os.path.join(place, "store")
        self.place = place
        self.end = time.monotonic() + SECONDS
        self.lock = threading.Lock()
        self.commands = 0
        self.failures = []

    def goes_on(self):
        return time.monotonic() < self.end and not self.failures

    def fail(self, text):
        with self.lock:
            self.failures.append(text)

    def run(self, *arguments, allowed=(DONE,)):
        """One command; its end must be one of those allowed. Returns it."""
        done = subprocess.run([self.firn, *arguments, "--store", self.store], cwd=self.tree, check=False,
                              capture_output=True, text=True, errors="replace", timeout=300)
        with self.lock:
            self.commands += 1
        if done.returncode not in allowed:
            self.fail(f"firn {' '.join(arguments)}: exit {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
        return done

    def checkpoints(self):
        """What list shows, newest first."""
        done = self.run("list", "--json")
        return json.loads(done.stdout)["checkpoints"] if done.returncode == DONE else []


def path_of(side, number):
    return os.path.join(side.tree, f"d{number % 7}", f"f{number}")


def edit(side):
    """A person with an editor: whole files replaced, files appended to in place, renamed, added, removed."""
    choice = random.Random(1)
    while side.goes_on():
        path = path_of(side, choice.randrange(200))
        try:
            what = choice.randrange(5)
            if what == 0:
                with open(path + "~", "w", encoding="utf-8") as file:
                    file.write(f"{choice.random()}\n" * choice.randrange(500))
                os.rename(path + "~", path)
            elif what == 1:
                with open(path, "a", encoding="utf-8") as file:
                    file.write("more\n")
            elif what == 2:
                os.rename(path, path_of(side, choice.randrange(200)))
            elif what == 3:
                os.remove(path)
            else:
                with open(path, "w", encoding="utf-8") as file:
                    file.write("new\n")
        except FileNotFoundError:
            pass
        time.sleep(0.002)


def save(side):
    """A file that is edited all the time, or that goes while it is read, may be left out: that is said (6)."""
    while side.goes_on():
        side.run("save", "-q", "-m", "turn", allowed=(DONE, PARTIAL))


def look(side):
    """Those that only look never have to wait, and a checkpoint asked for by number may have been deleted (3)."""
    while side.goes_on():
        found = side.checkpoints()
        numbers = [checkpoint["number"] for checkpoint in found]
        if numbers != sorted(numbers, reverse=True):
            side.fail(f"list: not newest first: {numbers}")
        side.run("status", "-q", allowed=(DONE, PARTIAL))
        side.run("show", "latest", "--files")
        if len(found) > 1:
            side.run("diff", str(numbers[-1]), str(numbers[0]), allowed=(DONE, NOT_FOUND))
            side.run("cat", str(numbers[-1]), "fixed", allowed=(DONE, NOT_FOUND))


def delete(side):
    choice = random.Random(2)
    while side.goes_on():
        found = side.checkpoints()
        if len(found) > 6:
            side.run("delete", "-q", str(choice.choice(found[3:])["number"]))
        if choice.randrange(4) == 0:
            side.run("gc", "-q", "--now")
        time.sleep(0.05)


def restore(side):
    """What is edited while it is restored is kept, and that is a conflict (4); a checkpoint may have been deleted, and
    there may be nothing to undo (3)."""
    choice = random.Random(3)
    while side.goes_on():
        found = side.checkpoints()
        if found:
            side.run("restore", "-q", str(choice.choice(found)["number"]), allowed=(DONE, NOT_FOUND, CONFLICT, PARTIAL))
            if choice.randrange(2) == 0:
                side.run("undo", "-q", allowed=(DONE, NOT_FOUND, CONFLICT, PARTIAL))
        time.sleep(0.1)


def settle(side):
    """What must hold when everybody has stopped."""
    side.run("save", "-q", "-m", "last")
    side.run("check", "--data", "-q")
    names = [name for _, directories, files in os.walk(side.tree) for name in directories + files]
    left = [name for name in names if name.startswith(".firn-")]
    if left:
        side.fail(f"temporary names are left: {left}")
    for i, checkpoint in enumerate(side.checkpoints()):
        out = os.path.join(side.place, f"out{i}")
        side.run("restore", str(checkpoint["number"]), "--to", out, "-q")
        files = sum(len(files) for _, _, files in os.walk(out))
        if files != checkpoint["files"]:
            side.fail(f"checkpoint {checkpoint['number']}: {files} files came back of {checkpoint['files']}")


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory(prefix="firn-test-") as place:
        side = Side(os.path.abspath(sys.argv[1]), place)
        for i in range(7):
            os.makedirs(os.path.join(side.tree, f"d{i}"))
        for i in range(200):
            with open(path_of(side, i), "w", encoding="utf-8") as file:
                file.write(f"{i}\n" * i)
        with open(os.path.join(side.tree, "fixed"), "w", encoding="utf-8") as file:
            file.write("always here\n")
        side.run("save", "-q", "-m", "first")
        threads = [threading.Thread(target=loop, args=(side,)) for loop in (edit, save, save, look, delete, restore)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if not side.failures:
            settle(side)
        for failure in side.failures:
            print(failure)
        if side.failures:
            sys.exit(1)
        print(f"count: {side.commands} commands side by side")


main()
