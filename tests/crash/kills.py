#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/crash/kills.py HISTORY_WRITER [FIRN]: a process that is killed in the middle of whatever it does.

history_writer changes a store in all ways (transactions, loads, checkpoints, restores, exports, clones) until it is killed
with SIGKILL at a random moment; then all that is there is compared with what must be there, and it goes on. Then FIRN saves, collects garbage and restores in a workspace with its store
inside, killed like that: each checkpoint that was acknowledged is there, and no file of the store counts as foreign.

Normal run: 60 kills; FIRN_TEST_LONG=1: as many as fit into FIRN_TEST_SECONDS (600). FIRN_TEST_SEED repeats a run's moments.
Prints "count: N kills", of both.
"""
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

LONG = os.environ.get("FIRN_TEST_LONG") == "1"
KILLS = 60
ROUNDS_A_STORE = 20


def last_line(output):
    lines = output.split(b"\n")  # after the last line feed: nothing, or a line that was cut
    return int(lines[-2]) if len(lines) > 1 else 0


def kill_once(writer, place, chance, at, acknowledged):
    """Returns where the store is then, a step and a part, and the last step that was acknowledged."""
    process = subprocess.Popen([writer, "write", place] + at, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        output, problem = process.communicate(timeout=chance.uniform(0.005, 0.3))
        raise RuntimeError(f"it ended by itself: {problem.decode()}")
    except subprocess.TimeoutExpired:
        process.kill()
    output, _ = process.communicate()
    acknowledged = max(acknowledged, last_line(output))
    numbers = [str(acknowledged), str(acknowledged)]
    done = subprocess.run([writer, "verify", place] + at + numbers, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise RuntimeError(f"begun at {at}, {acknowledged} acknowledged: {done.stderr.strip()}")
    return done.stdout.split(), acknowledged


def run_killed(firn, tree, environment, chance, *arguments):
    """Returns the number that the command printed, the state that it named (None where it did not), and whether it was killed.

    A save after a killed restore finishes the restore first, and names the state that has what was there before.
    """
    command = [firn, "-C", tree, *arguments]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        output, problem = process.communicate(timeout=chance.uniform(0.001, 0.06))
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        return None, None, True
    if process.returncode not in (0, 6) or "was not made by firn" in problem:
        raise RuntimeError(f"{arguments}: exit code {process.returncode}: {problem.strip()}")
    number = re.match(r"(\d+)\n", output)
    before = re.search(r"the state before it is (\w+)", problem)
    return number and number[1], before and before[1], False


def kill_inside(firn, place, chance, rounds):
    """A workspace with its store inside of it. Returns the number of kills."""
    tree = os.path.join(place, "tree")
    os.mkdir(tree)
    environment = dict(os.environ, HOME=place, XDG_DATA_HOME=os.path.join(place, "data"))
    subprocess.run([firn, "-C", tree, "init", "--here", "-q"], env=environment, check=True)
    path = os.path.join(tree, "f")
    acknowledged, kills = {}, 0
    for i in range(rounds):
        content = f"{i} " + "".join(chance.choice("abc") for _ in range(chance.choice((3, 2000, 100000))))
        with open(path, "w", encoding="ascii") as file:
            file.write(content)
        number, before, was_killed = run_killed(firn, tree, environment, chance, "save", "-q")
        kills += was_killed
        if number is not None:
            with open(path, encoding="ascii") as file:
                acknowledged[number] = file.read()
            acknowledged[before or number] = content
        if i % 4 == 3:
            other = chance.choice((("gc", "-q"), ("gc", "--full", "-q"), ("restore", "latest", "-q")))
            kills += run_killed(firn, tree, environment, chance, *other)[2] if acknowledged else 0
    last = subprocess.run([firn, "-C", tree, "check", "--data"], env=environment, check=False, capture_output=True, text=True)
    if last.returncode != 0 or "was not made by firn" in last.stderr:
        raise RuntimeError(f"check: {last.stderr.strip()}")
    for number, content in acknowledged.items():
        found = subprocess.run([firn, "-C", tree, "cat", number, "f"], env=environment, check=False, capture_output=True, text=True)
        if found.stdout != content:
            raise RuntimeError(f"checkpoint {number} was acknowledged: {found.stderr.strip()}")
    return kills


def main():
    writer = os.path.abspath(sys.argv[1])
    seed = int(os.environ.get("FIRN_TEST_SEED", "0")) or random.SystemRandom().randrange(1, 1 << 32)
    print(f"seed {seed}")
    chance = random.Random(seed)
    end = time.monotonic() + int(os.environ.get("FIRN_TEST_SECONDS", "600"))
    kills = steps = 0
    with tempfile.TemporaryDirectory(prefix="firn-kills-") as place:
        try:
            while time.monotonic() < end if LONG else kills < KILLS:
                store = os.path.join(place, str(kills))
                os.mkdir(store)
                at, acknowledged = ["0", "0"], 0
                for _ in range(ROUNDS_A_STORE):
                    at, acknowledged = kill_once(writer, store, chance, at, acknowledged)
                    kills += 1
                steps += int(at[0])
                shutil.rmtree(store)
            if len(sys.argv) > 2:
                kills += kill_inside(os.path.abspath(sys.argv[2]), place, chance, KILLS)
        except RuntimeError as error:
            print(f"FAILED: after {kills} kills: {error}")
            return 1
    print(f"count: {kills} kills")
    print(f"count: {steps} steps of changing histories")
    return 0


if __name__ == "__main__":
    sys.exit(main())
