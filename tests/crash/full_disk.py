#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/crash/full_disk.py FULL_DISK [FIRN]: disks that are full, and stores that must get out of it.

On file systems of some size (tmpfs, and ext4, xfs, btrfs in loop-mounted files, where their tools are) full_disk fills a store
until there is no space, deletes, compacts, and puts one byte: with small and large budgets of memory, small and large values,
everything deleted by one range, key by key, or every other key, with the store closed or its process ended on the full disk;
keys and values, or rows of a table with an index.
With FIRN, trees are saved into a store on the disk, what is left of it is filled to the last byte, and deleting checkpoints and
collecting garbage must give back what only they needed; the other checkpoints stay whole.

Needs root and loop devices; else it prints SKIPPED. Normal run: a part of the matrix; FIRN_TEST_LONG=1: all of it, again and
again, as often as fits into FIRN_TEST_SECONDS (600). FIRN_TEST_SEED repeats a run's choices. Prints "count: N rounds on a full
disk of ...".
"""
import itertools
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from mounted import Disk, enter_own_namespace

LONG = os.environ.get("FIRN_TEST_LONG") == "1"
KINDS = ("tmpfs", "ext4", "xfs", "btrfs")
SIZES_MIB = {"tmpfs": (20, 50, 100, 200), "ext4": (20, 40, 100, 200), "xfs": (304, 340), "btrfs": (120, 200)}
MEMORIES_MIB = (1, 4, 16, 64, 256)
VALUES = (10, 100, 1000, 10000, 100000)
DELETES = [kind + way + what for kind in ("range", "each", "other") for way in ("", "+reopen", "+crash") for what in ("", "+table")]
VALUE_SHARE = 3  # small values on large disks would be too many
ROW_MIN = 1000  # rows take several times as long as values: a delete reads the row from a chunk of many
ROW_DISK_MAX_MIB = 50  # for rows whose values do not lie in value files
ROW_LARGE = 10000
NORMAL_ROUNDS = 3
ROUND_SECONDS_MAX = 300


def run_round(program, disk, choice, seed):
    """None, or what went wrong."""
    memory, value, deletes = choice
    store = os.path.join(disk.root, "store")
    command = [program, store, str(memory << 20), str(value), deletes, str(seed)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True) as done:
        try:
            said = done.communicate(timeout=ROUND_SECONDS_MAX)[0].strip()
            return None if done.returncode == 0 and said == "ok" else f"{said or done.returncode}"
        except subprocess.TimeoutExpired:
            os.killpg(done.pid, signal.SIGKILL)  # it may have a second process, which would go on writing
            return "it did not end"
        finally:
            done.wait()
            shutil.rmtree(store, ignore_errors=True)


class Refused(Exception):
    pass


def must(firn, store, tree, *arguments):
    done = subprocess.run([firn, "--store", store, *arguments], check=False, capture_output=True, text=True, cwd=tree,
                          timeout=ROUND_SECONDS_MAX)
    if done.returncode != 0:
        raise Refused(f"{' '.join(arguments)}: {(done.stderr or done.stdout).strip() or done.returncode}")


def fill_up(path):
    """Takes all that is left, in smaller and smaller pieces."""
    piece = 1 << 20
    with open(path, "wb", buffering=0) as file:
        while piece > 0:
            try:
                file.write(bytes(piece))
            except OSError:
                piece //= 4
        try:
            os.fsync(file.fileno())
        except OSError:
            pass


def run_workspace(firn, disk, chance, place):
    """None, or what went wrong: checkpoints whose packs are deleted from a full disk."""
    store = os.path.join(disk.root, "store")
    tree = os.path.join(place, "tree")
    shutil.rmtree(tree, ignore_errors=True)
    os.mkdir(tree)
    try:
        room = shutil.disk_usage(disk.root).free
        saves = chance.randrange(2, 5)
        count = chance.choice((1, 20, 400))
        for _ in range(saves):
            for i in range(count):
                with open(os.path.join(tree, f"file{i}"), "wb") as file:
                    file.write(chance.randbytes(max(1, room // saves // 2 // (i + 1) ** 2 if i < 3 else 500)))
            must(firn, store, tree, "save", "-q")
        must(firn, store, tree, "config", "gc.auto", "false")  # nobody else collects meanwhile
        fill_up(os.path.join(disk.root, "filler"))
        for number in range(1, saves):
            must(firn, store, tree, "delete", str(number))
        must(firn, store, tree, "gc", "-q", "--now")
        if shutil.disk_usage(disk.root).free < room // saves // 8:
            raise Refused("gc gave back little")
        must(firn, store, tree, "check", "--data", "-q")
        with open(os.path.join(tree, "one more"), "wb") as file:
            file.write(b"1")
        must(firn, store, tree, "save", "-q")
        return None
    except Refused as error:
        return str(error)
    finally:
        shutil.rmtree(store, ignore_errors=True)
        if os.path.exists(os.path.join(disk.root, "filler")):
            os.remove(os.path.join(disk.root, "filler"))


def are_rows_few(disk_mib, value):
    return value >= ROW_LARGE or (value >= ROW_MIN and disk_mib <= ROW_DISK_MAX_MIB)


def run_kind(program, firn, kind, chance, place, end):
    """How many rounds there were, and how many of them failed."""
    choices = [choice for choice in itertools.product(SIZES_MIB[kind], MEMORIES_MIB, VALUES, DELETES)
               if choice[2] * VALUE_SHARE >= choice[0] and ("table" not in choice[3] or are_rows_few(choice[0], choice[2]))]
    rounds = failed = 0
    while time.monotonic() < end if LONG else rounds < NORMAL_ROUNDS:
        mib = chance.choice(SIZES_MIB[kind] if LONG else SIZES_MIB[kind][:2])
        disk = Disk(kind, mib, place)
        try:
            if not disk.is_mounted:
                print(f"SKIPPED: full disks of {kind}: {disk.error}")
                return rounds, failed
            for choice in chance.sample([choice[1:] for choice in choices if choice[0] == mib], 10 if LONG else 3):
                seed = chance.randrange(1 << 20)
                wrong = run_round(program, disk, choice, seed)
                rounds += 1
                if wrong:
                    failed += 1
                    print(f"FAILED: {kind} of {mib} MiB: {choice[0]} MiB, {choice[1]} bytes, {choice[2]}, {seed}: {wrong}")
                sys.stdout.flush()
                if time.monotonic() > end:
                    break
            wrong = run_workspace(firn, disk, chance, place) if firn else None
            rounds += 1 if firn else 0
            if wrong:
                failed += 1
                print(f"FAILED: {kind} of {mib} MiB: a workspace: {wrong}")
        finally:
            disk.remove()
    print(f"count: {rounds} rounds on a full disk of {kind}")
    return rounds, failed


def main():
    program = os.path.abspath(sys.argv[1])
    firn = os.path.abspath(sys.argv[2]) if len(sys.argv) > 2 else None
    if os.geteuid() != 0:
        print("SKIPPED: full disks: not root")
        return 0
    enter_own_namespace()
    seed = int(os.environ.get("FIRN_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    kinds = os.environ.get("FIRN_TEST_DISKS", " ".join(KINDS)).split()
    share = int(os.environ.get("FIRN_TEST_SECONDS", "600" if LONG else "100")) / len(kinds)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="firn-full-") as place:
        for kind in kinds:
            failed += run_kind(program, firn, kind, chance, place, time.monotonic() + share)[1]
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
