#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/cli/graphs.py FIRN GRAPH_STORE [--strict] [--no-memory] [--only KIND] [--command NAME] [--all]: foreign graphs, and every command.

graph_store makes stores whose trees and contents are graphs: sound by every checksum, less than 64 KiB, and in all
astronomically large, or just below what an earlier limit allowed. Every command of `firn help` runs over each of them, and must end by
itself: with an answer, or with a message that refuses. The kernel ends what takes more than CPU_LIMIT seconds (RLIMIT_CPU), which does
not depend on the machine: what is not bounded takes hours. Memory must stay below 64 MiB, output too. A command
that this file does not know fails the test, so a new command is tried, too.

A run tries a third of the lines for each kind, another third for the next kind; FIRN_TEST_LONG tries all. --strict allows a second of CPU, as
an optimized firn needs on a machine that does nothing else; --no-memory measures no memory (sanitizers). With --only one kind is
tried. With --all each run is printed.
"""
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time

CPU_LIMIT = 60
CPU_STRICT = 1.0
MEMORY_MAX = 64 << 20
STORE_MAX = 64 << 10
WALL_MAX = 900
OUTPUT_MAX = 64 << 20
CONTENT_MAX = 520 << 20  # of cat: 256 MiB that are free, or twice as many zeros

# Commands that need a remote: it is called far and lies at FAR. All but push find there what a push could send.
SHARING = ("push", "pull", "fetch", "clone", "remote")

# How each command is run. None: why it is not run here.
RUNS = {
    "save": [["save"], ["save", "--full"]],
    "status": [["status"], ["status", "1"], ["status", "2", "a"]],
    "diff": [["diff"], ["diff", "1", "2"], ["diff", "--patch", "1", "2"], ["diff", "--stat", "1", "2"],
             ["diff", "1", "2", "a"], ["diff", "1", "--json"], ["diff", "--name-only", "1"]],
    "undo": [["undo"], ["undo", "-n"], ["undo", "--list"]],
    "redo": [["redo"]],
    "restore": [["restore", "-n", "1"], ["restore", "1"], ["restore", "-n", "1", "--", "a"], ["restore", "--to", "OUT", "1"]],
    "revert": [["revert", "2", "-n"], ["revert", "2"]],
    "watch": [["watch"]],
    "log": [["log"], ["log", "--names"], ["log", "--stat"], ["log", "-p"], ["log", "--json"], ["log", "a"]],
    "browse": None,  # browse.py
    "list": [["list"], ["list", "--json"]],
    "show": [["show"], ["show", "1"], ["show", "--files"], ["show", "-p", "2"], ["show", "--stat"], ["show", "1", "a"]],
    "cat": [["cat", "2", "a"], ["cat", "2", "b"], ["cat", "2", "file"], ["cat", "1", "n0000001"]],
    "blame": [["blame", "a"], ["blame", "b"], ["blame", "file"]],
    "grep": [["grep", "first"], ["grep", "-c", "second", "1"], ["grep", "-l", "i", "2", "a"], ["grep", "-F", "second"]],
    "find": [["find", "file"], ["find", "a*", "-n", "5"], ["find", "a/b"], ["find", "*", "-q", "-n", "100"]],
    "report": [["report", "-o", "-"], ["report", "--no-diff", "-o", "-"]],
    "mount": None,  # reads_of_a_mount
    "tag": [["tag", "name", "1"], ["tag"]],
    "describe": [["describe", "1", "-m", "text"]],
    "pin": [["pin", "1"]],
    "unpin": [["unpin", "1"]],
    "delete": [["delete", "1"], ["delete", "2"], ["delete", "--now", "1"]],
    "undelete": [["undelete"]],
    "forget": [["forget", "-n", "a"], ["forget", "--yes", "b"]],
    "push": [["push", "far"], ["push", "far", "1"]],
    "pull": [["pull", "far"], ["pull", "far", "1"]],
    "fetch": [["fetch", "far"]],
    "clone": [["clone", "FAR", "OUT"], ["clone", "--at", "1", "FAR", "OUT"], ["clone", "FAR", "OUT", "a"]],
    "remote": [["remote", "show", "far"], ["remote", "list"], ["remote", "log", "far"], ["remote", "prune", "far"]],
    "turns": [["turns"], ["turns", "--json"], ["show", "@2"], ["diff", "@2"], ["revert", "-n", "@2"], ["undo", "-n", "--turn", "@2"]],
    "bisect": [["bisect", "run", "true"]],
    "run": [["run", "true"], ["run", "--undo-on-failure", "false"]],
    "hook": [["hook", "run", "claude", "after"]],
    "mcp": [["mcp"]],
    "init": [["init"]],
    "config": [["config"]],
    "workspaces": [["workspaces"]],
    "trust": [["trust"]],
    "key": [["key", "list"], ["key", "lock"]],
    "gc": [["gc"], ["gc", "-n"], ["gc", "--now"], ["gc", "--auto"]],
    "check": [["check"], ["check", "--data"], ["check", "--remote", "far"], ["check", "--remote", "far", "--data"]],
    "repair": [["repair", "-n"], ["repair"]],
    "doctor": [["doctor"]],
    "db": [["db", "keyspaces", "STORE"], ["db", "check", "STORE"], ["db", "stats", "STORE"]],
    "import": [["import", "tar", "TAR"]],
    "export": [["export", "tar", "-o", "-", "2"], ["export", "tar", "-o", "OUT", "1"]],
    "chkp": None,  # other files than a store
    "alxs": None,
    "help": [["help"]],
    "completion": [["completion", "bash"], ["__complete", "--", "firn", "restore", ""]],
    "version": [["version"]],
}

CALLS = {
    "checkpoint_list": [{}],
    "checkpoint_show": [{"snapshot_id": "1"}, {"snapshot_id": "2"}],
    "checkpoint_status": [{}, {"snapshot_id": "1"}],
    "checkpoint_diff": [{"snapshot_id": "1", "to_snapshot_id": "2"}, {"snapshot_id": "1", "to_snapshot_id": "2", "patch": True},
                        {"snapshot_id": "1"}],
    "checkpoint_log": [{}, {"contains": "first"}, {"matches": "f.*t"}],
    "checkpoint_find": [{"pattern": "*"}, {"pattern": "a/b"}],
    "checkpoint_describe": [{"snapshot_id": "1", "message": "m"}],
    "checkpoint_cat": [{"snapshot_id": "2", "path": name} for name in ("a", "b", "file", "n0000001")],
    "checkpoint_restore": [{"snapshot_id": "1", "dry_run": True}, {"snapshot_id": "1"}],
    "checkpoint_save": [{}],
    "checkpoint_steps": [{}],
    "checkpoint_turns": [{}],
    "checkpoint_undo": [{}],
    "checkpoint_redo": [{}],
    "checkpoint_revert": [{"snapshot_id": "2", "dry_run": True}],
    "checkpoint_delete": [{"snapshot_id": "1"}],
    "checkpoint_push": [{}],
}


def fail(text):
    print("graphs.py: " + text)
    sys.exit(1)


def commands_of(firn):
    text = subprocess.run([firn, "help"], stdout=subprocess.PIPE, check=True).stdout.decode()
    part = text[text.index("Everyday commands:"):text.index("\nOptions:")]
    return re.findall(r"^  ([a-z]+) +[A-Z]", part, re.M)


class Tester:
    command = None  # all

    def __init__(self, firn, maker, is_strict, with_memory, tells_all):
        self.firn, self.maker = firn, maker
        self.cpu_max = CPU_STRICT if is_strict else CPU_LIMIT
        self.tries_all = is_strict or os.environ.get("FIRN_TEST_LONG") is not None
        self.turn = 0
        self.with_memory, self.tells_all = with_memory, tells_all
        self.failures = []
        self.runs = 0
        self.slowest = (0, "")
        self.largest = (0, "")

    def environment(self, place):
        environment = dict(os.environ, HOME=place, XDG_DATA_HOME=place + "/data", XDG_CONFIG_HOME=place + "/config",
                           TMPDIR=place + "/tmp", FIRN_PAGER="cat")
        environment.pop("FIRN_STORE", None)
        return environment

    def is_due(self):
        """Whether the next line is tried: every third one."""
        self.turn += 1
        return self.tries_all or self.turn % 3 == 0

    @staticmethod
    def limits():
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT, CPU_LIMIT))
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 30, 1 << 30))

    def run(self, name, words, place, given=b"", wall=WALL_MAX, ends=True):
        """Runs one command. Returns its output."""
        self.runs += 1
        with open(place + "/out", "wb") as out, open(place + "/err", "wb") as err:
            process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=out, stderr=err, cwd=place + "/ws",
                                       env=self.environment(place), preexec_fn=self.limits)
            try:
                process.stdin.write(given)
                process.stdin.close()
            except BrokenPipeError:
                pass
            limit = time.monotonic() + wall
            was_stopped = False
            while True:
                pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                if pid != 0:
                    break
                if time.monotonic() > limit:
                    was_stopped = was_stopped or ends
                    process.kill() if ends else process.terminate()
                    limit += 20
                time.sleep(0.002)
            process.returncode = os.waitstatus_to_exitcode(status)
        cpu = usage.ru_utime + usage.ru_stime
        memory = usage.ru_maxrss << 10
        self.slowest = max(self.slowest, (cpu, name))
        self.largest = max(self.largest, (memory, name))
        size = os.path.getsize(place + "/out")
        with open(place + "/out", "rb") as out:
            told = out.read(1 << 20)
        with open(place + "/err", "rb") as err:
            error = err.read(4096).decode(errors="replace")
        why = None
        if was_stopped:
            why = "did not end"
        elif process.returncode < 0 and ends:
            why = f"ended by signal {-process.returncode}"
        elif cpu > self.cpu_max:
            why = f"took {cpu:.2f} s of CPU"
        elif self.with_memory and memory > MEMORY_MAX:
            why = f"took {memory >> 20} MiB of memory"
        elif size > (CONTENT_MAX if " cat " in name else OUTPUT_MAX):
            why = f"printed {size >> 20} MiB"
        if self.tells_all or why is not None:
            print(f"{'FAILED' if why else 'ok':6} {cpu:6.2f} s {memory >> 20:4} MiB {process.returncode:3}  {name}"
                  f"{': ' + why if why else ''}  {error.strip().splitlines()[:1]}", flush=True)
        if why is not None:
            self.failures.append(f"{name}: {why}")
        return told

    def prepare(self, kind, place):
        """A store of that kind, and a workspace with something in it; beside it what commands need."""
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(place + "/ws")
        os.makedirs(place + "/tmp")
        if not os.path.isdir(f"{self.top}/{kind}"):
            subprocess.run([self.maker, kind, place + "/ws", place + "/store"], check=True,
                           env=dict(os.environ, HOME=self.top, XDG_DATA_HOME=self.top + "/data"))  # a note there says who made it
            shutil.copytree(place + "/store", f"{self.top}/{kind}")
        else:
            shutil.copytree(f"{self.top}/{kind}", place + "/store")
        for name in ("a", "z"):
            with open(f"{place}/ws/{name}", "w", encoding="ascii") as file:
                file.write("on the disk\n")

    def store_size(self, place):
        return sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(place + "/store")
                   for name in names if name != "RESERVE")

    def try_kind(self, kind):
        place = self.top + "/place"
        for command in commands_of(self.firn):
            if self.command not in (None, command):
                continue
            if command not in RUNS:
                fail(f"how is 'firn {command}' run? Add it to RUNS.")
            for words in RUNS[command] or []:
                if words[0] != "mcp" and not self.is_due():
                    continue
                self.prepare(kind, place)
                size = self.store_size(place)
                if size > STORE_MAX:
                    fail(f"the store '{kind}' has {size} bytes")
                if "TAR" in words:
                    subprocess.run(["tar", "cf", place + "/t.tar", "-C", place + "/ws", "a"], check=True)
                given = [{"OUT": place + "/made", "STORE": place + "/store", "TAR": place + "/t.tar",
                          "FAR": place + "/far"}.get(word, word) for word in words]
                if command in SHARING or "--remote" in words:
                    self.add_remote(place, with_push=command != "push")
                if words[0] in ("db", "help", "version", "completion", "__complete"):
                    line = [self.firn] + given
                else:
                    line = [self.firn, given[0], "--store", place + "/store"] + given[1:]
                if words[0] == "hook":
                    line = [self.firn, "hook", "run", "--store", place + "/store"] + words[2:]
                name = f"{kind}: firn {' '.join(words)}"
                if words[0] == "watch":
                    self.run(name, line, place, wall=2, ends=False)
                elif words[0] == "mcp":
                    self.run_mcp(kind, place)
                elif words[0] == "hook":
                    event = {"hook_event_name": "Stop", "session_id": "s", "cwd": place + "/ws"}
                    self.run(name, line, place, json.dumps(event).encode())
                else:
                    self.run(name, line, place)
        if self.command in (None, "mount"):
            self.read_mount(kind, place)

    def add_remote(self, place, with_push):
        """Gives the store a remote, an empty directory or one with what a push could send."""
        store = ["--store", place + "/store", "-C", place + "/ws"]
        lines = [["trust", store[1]], ["remote", "add", *store, "far", place + "/far"]]
        lines += [["push", *store, "far"]] if with_push else []
        for line in lines:
            subprocess.run([self.firn, *line], cwd=place + "/ws", env=self.environment(place), check=False,
                           preexec_fn=self.limits, stdout=subprocess.DEVNULL)

    def ask_mcp(self, name, place, method, params):
        """One request to a server of its own, so that each is measured by itself. Returns the answer."""
        messages = [
            {"jsonrpc": "2.0", "id": 1, "method": "initialize",
             "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}},
            {"jsonrpc": "2.0", "method": "notifications/initialized"},
            {"jsonrpc": "2.0", "id": 2, "method": method, "params": params},
        ]
        given = "".join(json.dumps(message) + "\n" for message in messages).encode()
        told = self.run(name, [self.firn, "mcp", "--store", place + "/store"], place, given)
        for line in told.decode(errors="replace").splitlines():
            answer = json.loads(line)
            if answer.get("id") == 2:
                return answer
        self.failures.append(f"{name}: no answer")
        return {}

    def run_mcp(self, kind, place):
        self.prepare(kind, place)
        tools = self.ask_mcp(f"{kind}: mcp tools/list", place, "tools/list", {})["result"]["tools"]
        for tool in tools:
            if tool["name"] not in CALLS:
                fail(f"how is the tool '{tool['name']}' called? Add it to CALLS.")
            for arguments in CALLS[tool["name"]]:
                if not self.is_due():
                    continue
                self.prepare(kind, place)
                arguments = dict(arguments, workspace_path=place + "/ws")
                self.ask_mcp(f"{kind}: mcp {tool['name']} {json.dumps(arguments)}", place, "tools/call",
                             {"name": tool["name"], "arguments": arguments})

    def read_mount(self, kind, place):
        """Ten bytes of each file at the top, through a mount."""
        if not os.path.exists("/dev/fuse") or shutil.which("fusermount3") is None:
            print("SKIPPED: firn mount: no FUSE")
            return
        self.prepare(kind, place)
        where = place + "/mnt"
        os.makedirs(where)
        self.runs += 1
        with open(place + "/err", "wb") as err:
            process = subprocess.Popen([self.firn, "mount", "--store", place + "/store", where], stdout=err, stderr=err,
                                       cwd=place + "/ws", env=self.environment(place), preexec_fn=self.limits)
            limit = time.monotonic() + 5
            while not os.path.ismount(where) and time.monotonic() < limit:
                time.sleep(0.01)
            if not os.path.ismount(where):
                process.kill()
                process.wait()
                with open(place + "/err", encoding="utf8") as told:
                    print("SKIPPED: firn mount: " + told.read().strip())
                return
            reader = f"""
import os
top = {where!r} + "/number/2"
for name in sorted(os.listdir(top))[:3]:
    path = top + "/" + name
    if os.path.isfile(path):
        size = os.path.getsize(path)
        for at in (0, size // 2, size - 10):
            try:
                with open(path, "rb", buffering=0) as file:
                    file.seek(max(at, 0))
                    print(len(file.read(10)))
            except OSError as error:
                print(error)
    else:
        print(len(os.listdir(path)))
"""
            was_stuck = False
            try:
                subprocess.run([sys.executable, "-c", reader], timeout=30, stdout=subprocess.DEVNULL, check=False)
            except subprocess.TimeoutExpired:
                was_stuck = True
            subprocess.run(["fusermount3", "-u", "-z", where], check=False)
            os.kill(process.pid, signal.SIGTERM)  # not by Popen, which would take the result of a process that has ended
            _, _, usage = os.wait4(process.pid, 0)
            process.returncode = 0
        cpu, memory = usage.ru_utime + usage.ru_stime, usage.ru_maxrss << 10
        name = f"{kind}: firn mount"
        why = "a read did not end" if was_stuck else f"took {cpu:.2f} s of CPU" if cpu > self.cpu_max else \
            f"took {memory >> 20} MiB of memory" if self.with_memory and memory > MEMORY_MAX else None
        if self.tells_all or why:
            print(f"{'FAILED' if why else 'ok':6} {cpu:6.2f} s {memory >> 20:4} MiB      {name}{': ' + why if why else ''}")
        if why:
            self.failures.append(f"{name}: {why}")

    def main(self, only):
        kinds = subprocess.run([self.maker], stdout=subprocess.PIPE, check=True).stdout.decode().split()
        with tempfile.TemporaryDirectory(prefix="firn-graphs-", dir=os.environ.get("TMPDIR", "/tmp")) as top:
            self.top = top
            for kind in kinds:
                if only is None or kind == only:
                    self.try_kind(kind)
        print(f"count: {self.runs} commands over foreign graphs")
        print(f"slowest: {self.slowest[0]:.2f} s of CPU, {self.slowest[1]}")
        print(f"largest: {self.largest[0] >> 20} MiB, {self.largest[1]}")
        if self.failures:
            print(f"{len(self.failures)} failed")
            sys.exit(1)


def main():
    words = sys.argv[1:]
    only = None
    flags = set()
    paths = []
    while words:
        word = words.pop(0)
        if word == "--command":
            Tester.command = words.pop(0)
        elif word == "--only":
            only = words.pop(0)
        elif word.startswith("--"):
            flags.add(word)
        else:
            paths.append(os.path.abspath(word))
    if len(paths) != 2:
        print(__doc__)
        sys.exit(2)
    Tester(paths[0], paths[1], "--strict" in flags, "--no-memory" not in flags, "--all" in flags).main(only)


main()
