#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/crash/kills.py HISTORY_WRITER: a process that is killed in the middle of whatever it does.

history_writer changes a store in all ways (transactions, loads, checkpoints, restores, exports, clones) until it is killed
with SIGKILL at a random moment; then all that is there is compared with what must be there, and it goes on.

Normal run: 60 kills; FIRN_TEST_LONG=1: as many as fit into FIRN_TEST_SECONDS (600). FIRN_TEST_SEED repeats a run's moments.
Prints "count: N kills".
"""
import os
import random
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
        except RuntimeError as error:
            print(f"FAILED: after {kills} kills: {error}")
            return 1
    print(f"count: {kills} kills")
    print(f"count: {steps} steps of changing histories")
    return 0


if __name__ == "__main__":
    sys.exit(main())
