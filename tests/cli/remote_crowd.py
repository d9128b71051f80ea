#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/cli/remote_crowd.py FIRN [--server NAME] [--seconds N] [--machines M] [--pruners P] [--seed S]: many machines, one remote.

Each machine has a home, a directory and a store of its own. It edits, saves, pushes, pulls, and restores what others have pushed; some
pushes, pulls and prunes are killed. The pruners prune all the time, some with a policy. The remote is a directory, or a bucket of a
server that others have written: versitygw or moto, which `scripts/deps --test-remote` installs, or minio; "any" is the first of them that
is there. minio takes Go half an hour, and no test needs it:

    GOBIN=$PWD/build/deps/remote go install github.com/minio/minio@v0.0.0-20260212201848-7aac2a2c5b7c

At the end:

    every checkpoint that a push has acknowledged is in the remote, and what each machine pushed last restores to the tree that was saved;
    `firn check --remote --data` finds no damage, and a clone has all of it.

All that is pushed here is younger than a day, so no policy may take it away.
"""
import argparse
import hashlib
import json
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

KILLED = 0.1  # of pushes, pulls and prunes
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SERVERS = {"versitygw": "versitygw", "moto": "moto/bin/python", "minio": "minio"}


def program_of(server):
    return os.path.join(ROOT, "build/deps/remote", SERVERS[server])


class Machine:
    def __init__(self, crowd, number):
        self.crowd, self.number = crowd, number
        self.rng = random.Random(crowd.seed * 1000 + number)
        self.home = f"{crowd.top}/m{number}"
        self.ws = self.home + "/ws"
        os.makedirs(self.ws)
        self.saved = {}  # id → the tree
        self.pushed = []  # ids, acknowledged
        self.counts = dict(pushes=0, pulls=0, prunes=0, killed=0, restores=0)

    def firn(self, *words, may_fail=False, kills=False):
        """The output; None if it was killed or may fail and did."""
        env = dict(os.environ, HOME=self.home, XDG_DATA_HOME=self.home + "/data", XDG_CONFIG_HOME=self.home + "/config",
                   LC_ALL="C", USER=f"user{self.number}", **self.crowd.keys)
        env.pop("FIRN_STORE", None)
        process = subprocess.Popen([self.crowd.firn, *words], cwd=self.ws, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        if kills and self.rng.random() < KILLED:
            time.sleep(self.rng.random() ** 3)
            process.kill()
            process.communicate()
            self.counts["killed"] += 1
            return None
        out, err = process.communicate()
        if process.returncode == 0:
            return out.decode()
        if may_fail and process.returncode > 0:
            self.crowd.note(f"m{self.number}: firn {' '.join(words)}: exit {process.returncode}: {err.decode().strip()}")
            return None
        raise RuntimeError(f"m{self.number}: firn {' '.join(words)}: exit {process.returncode}: {out.decode()}{err.decode()}")

    @staticmethod
    def tree(path):
        found = {}
        for at, _, names in os.walk(path):
            for name in names:
                with open(os.path.join(at, name), "rb") as file:
                    found[os.path.relpath(os.path.join(at, name), path)] = hashlib.sha256(file.read()).hexdigest()
        return found

    def edit(self):
        for _ in range(self.rng.randrange(1, 5)):
            path = f"{self.ws}/d{self.rng.randrange(6)}/f{self.rng.randrange(12)}"
            os.makedirs(os.path.dirname(path), exist_ok=True)
            kind = self.rng.random()
            if kind < 0.2 and os.path.exists(path):
                os.remove(path)
            elif kind < 0.5 and os.path.exists(path):
                with open(path, "ab") as file:
                    file.write(self.rng.randbytes(self.rng.randrange(1, 300)))
            else:
                size = self.rng.choice((10, 3000, 3000, 90000, 700000))
                # Contents that several machines have, too.
                rng = random.Random(self.rng.randrange(40)) if kind < 0.7 else self.rng
                with open(path, "wb") as file:
                    file.write(rng.randbytes(size))

    def save(self):
        told = self.firn("save", "--json")
        self.saved[json.loads(told)["checkpoint"]["id"]] = self.tree(self.ws)

    def push(self):
        self.counts["pushes"] += 1
        if self.firn("push", "-q", may_fail=True, kills=True) is not None:
            self.pushed = list(self.saved)

    def pull(self):
        self.counts["pulls"] += 1
        if self.firn("pull", "-q", may_fail=True, kills=True) is None:
            return
        theirs = json.loads(self.firn("list", "origin", "--json"))["checkpoints"]
        if theirs and self.rng.random() < 0.4:
            self.compare(self.rng.choice(theirs)["id"])

    def compare(self, checkpoint):
        expected = self.crowd.tree_of(checkpoint)
        if expected is None:
            return
        to = f"{self.home}/restored"
        shutil.rmtree(to, ignore_errors=True)
        self.firn("restore", "-q", "--to", to, checkpoint)
        if self.tree(to) != expected:
            raise RuntimeError(f"m{self.number}: {checkpoint} is another tree than was saved")
        self.counts["restores"] += 1

    def prune(self):
        self.counts["prunes"] += 1
        words = self.rng.choice(((), ("--now",), ("--keep", "all:1h"), ("--keep", "last:1", "--now")))
        self.firn("remote", "prune", "-q", *words, may_fail=True, kills=True)

    def work(self, prunes):
        try:
            while time.monotonic() < self.crowd.end:
                if prunes:
                    self.prune()
                    self.pull()
                else:
                    self.edit()
                    self.save()
                    self.push() if self.rng.random() < 0.7 else self.pull()
        except Exception as error:  # pylint: disable=broad-except
            self.crowd.failures.append(str(error))


class Crowd:
    def __init__(self, given):
        self.firn = os.path.abspath(given.firn)
        self.seed = given.seed if given.seed is not None else random.randrange(1 << 30)
        self.seconds = given.seconds
        self.failures, self.notes = [], {}
        self.keys, self.server = {}, None
        self.top = tempfile.mkdtemp(prefix="firn-crowd-")
        self.url = self.top + "/remote"
        if given.server is not None:
            self.start(given.server)
        self.machines = [Machine(self, i) for i in range(given.machines + given.pruners)]
        self.writers = given.machines
        self.end = 0

    def start(self, server):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.keys = {"AWS_ACCESS_KEY_ID": "crowd", "AWS_SECRET_ACCESS_KEY": "secret-of-the-crowd", "AWS_EC2_METADATA_DISABLED": "true",
                     "AWS_REGION": "us-east-1"}
        keys = (self.keys["AWS_ACCESS_KEY_ID"], self.keys["AWS_SECRET_ACCESS_KEY"])
        buckets = self.top + "/buckets"
        os.makedirs(buckets + "/crowd")  # a bucket of versitygw's and of minio's is a directory
        words, settings = {
            "versitygw": (("--port", f"127.0.0.1:{port}", "posix", buckets), dict(zip(("ROOT_ACCESS_KEY", "ROOT_SECRET_KEY"), keys))),
            "moto": ((os.path.join(ROOT, "tests/support/moto_server.py"), str(port), "crowd"), {}),
            "minio": (("server", "--address", f"127.0.0.1:{port}", buckets), dict(zip(("MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD"), keys))),
        }[server]
        self.server = subprocess.Popen(["timeout", str(self.seconds + 600), program_of(server), *words], env=dict(os.environ, **settings),
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.url = f"http://127.0.0.1:{port}/crowd/of"
        for _ in range(300):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    return
            time.sleep(0.1)
        raise RuntimeError("the server does not answer")

    def note(self, text):
        """What failed and may: it is told once."""
        kind = text.split(": ", 1)[1][:60]
        self.notes.setdefault(kind, [0, text])[0] += 1

    def tree_of(self, checkpoint):
        for machine in self.machines:
            if checkpoint in machine.saved:
                return machine.saved[checkpoint]
        return None  # it is being saved

    def run(self):
        self.machines[0].firn("save", "-q")
        self.machines[0].firn("remote", "add", "origin", self.url, "-q")
        for machine in self.machines[1:]:
            machine.firn("save", "-q")
            machine.firn("remote", "add", "origin", self.url, "-q")
        self.end = time.monotonic() + self.seconds
        threads = [threading.Thread(target=machine.work, args=(i >= self.writers,)) for i, machine in enumerate(self.machines)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if not self.failures:
            self.judge()

    def judge(self):
        judge = Machine(self, len(self.machines))
        told = judge.firn("clone", self.url, judge.home + "/clone", "--json")
        judge.ws = judge.home + "/clone"
        here = {one["id"] for one in json.loads(judge.firn("list", "origin", "--json"))["checkpoints"]}
        for machine in self.machines:
            lost = [one for one in machine.pushed if one not in here]
            if lost:
                self.failures.append(f"m{machine.number}: {len(lost)} of {len(machine.pushed)} acknowledged checkpoints are lost: {lost[0]}")
            for checkpoint in machine.pushed[-1:] + machine.rng.sample(machine.pushed, min(3, len(machine.pushed))):
                if checkpoint in here:
                    judge.compare(checkpoint)
        judge.firn("check", "--data", "-q")
        judge.firn("check", "--remote", "--data", "-q")
        if json.loads(told).get("pulled", {}).get("checkpoints") != len(here):
            self.failures.append("the clone does not say how many checkpoints it pulled")
        self.machines.append(judge)

    def finish(self):
        if self.server is not None:
            self.server.terminate()
            self.server.wait()
        for name in ("pushes", "pulls", "prunes", "killed", "restores"):
            text = {"killed": "commands killed", "restores": "trees of others compared"}.get(name, name)
            print(f"count: {sum(machine.counts[name] for machine in self.machines)} {text}")
        print(f"count: {sum(len(machine.pushed) for machine in self.machines)} acknowledged checkpoints")
        for times, text in self.notes.values():
            print(f"{times} times such as: {text}")
        if self.failures:
            print(f"remote_crowd.py: seed {self.seed}; left in {self.top}")
            for failure in self.failures:
                print("FAILED: " + failure)
            sys.exit(1)
        shutil.rmtree(self.top)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("firn")
    parser.add_argument("--server", choices=["any", *SERVERS])
    parser.add_argument("--seconds", type=int, default=600 if os.environ.get("FIRN_TEST_LONG") else 5)
    parser.add_argument("--machines", type=int, default=3)
    parser.add_argument("--pruners", type=int, default=1)
    parser.add_argument("--seed", type=int)
    given = parser.parse_args()
    if given.server is not None:
        there = [name for name in SERVERS if given.server in ("any", name) and os.access(program_of(name), os.X_OK)]
        if not there:
            print("SKIPPED: a crowd at object storage of others: none is installed (scripts/deps --test-remote)")
            return
        given.server = there[0]
        print(f"server: {given.server}")
    crowd = Crowd(given)
    try:
        crowd.run()
    finally:
        crowd.finish()


main()
