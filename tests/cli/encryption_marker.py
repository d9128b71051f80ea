#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/cli/encryption_marker.py FIRN: nothing that an encrypted store was given is in clear in any file of it.

Every command that writes works on encrypted stores, with a marker in the contents and names of files, in messages, names of tags and checkpoints, in
keys, values, columns and rows. After each command all files below the stores are searched for it, and also what firn keeps elsewhere of a user's:
their names and their bytes. The same commands on stores in clear leave the marker there: if they did not, this would find nothing anywhere.

Texts are long, of random letters around the marker, so that no compression takes it apart. Temporary files of a command that is running are the
business of tests in C; what they leave is found here.
"""
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

FIRN = os.path.abspath(sys.argv[1])
MARKER = "Qx7ZmarkerJ9wV"
LETTERS = "abcdefghijklmnopqrstuvwxyz0123456789"
dice = random.Random(11)


def text(size=60):
    """Letters that do not repeat, with the marker among them."""
    half = "".join(dice.choices(LETTERS, k=size // 2))
    return half + MARKER + "".join(dice.choices(LETTERS, k=size // 2))


class Run:
    """All commands on stores that are encrypted or not."""

    def __init__(self, place, encrypts):
        self.place = place
        self.encrypts = encrypts
        self.found = []
        self.tree = os.path.join(place, "tree")
        self.searched = [os.path.join(place, name) for name in ("data", "config", "runtime", "stores")]
        for path in [self.tree, os.path.join(place, "home"), os.path.join(place, "tmp"), *self.searched]:
            os.mkdir(path, 0o700)
        self.environment = dict(os.environ, HOME=os.path.join(place, "home"), XDG_DATA_HOME=self.searched[0], XDG_CONFIG_HOME=self.searched[1],
                                XDG_RUNTIME_DIR=self.searched[2], TMPDIR=os.path.join(place, "tmp"))
        for name in ("FIRN_KEY_FILE", "FIRN_KEY_COMMAND", "FIRN_STORE"):
            self.environment.pop(name, None)
        if encrypts:
            self.environment["FIRN_KEY_COMMAND"] = "echo the passphrase"

    def search(self, command):
        """Notes the files that have the marker; each once."""
        needle = MARKER.encode()
        for top in self.searched:
            for directory, _, names in os.walk(top):
                for name in names:
                    path = os.path.join(directory, name)
                    shown = os.path.relpath(path, self.place)
                    try:
                        with open(path, "rb") as file:
                            has_marker = needle in file.read()
                    except OSError:  # a socket, or what has gone meanwhile
                        has_marker = False
                    if (has_marker or MARKER in shown) and all(shown != at for at, _ in self.found):
                        self.found.append((shown, command))

    def firn(self, *words, given="", codes=(0,)):
        done = subprocess.run([FIRN, *words], cwd=self.tree, env=self.environment, input=given, text=True, capture_output=True, timeout=120)
        if done.returncode not in codes:
            sys.exit(f"firn {' '.join(words)}: exit code {done.returncode}: {done.stderr}")
        self.search("firn " + " ".join(words))
        return done.stdout

    def write(self, name, content):
        path = os.path.join(self.tree, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w") as file:
            file.write(content)

    def fill_tree(self):
        self.write(f"{MARKER}-directory/{text(20)}", text())
        self.write("large", "\n".join(text(200) for _ in range(4000)))
        self.write("plain", text() + "\n")
        os.symlink(text(20), os.path.join(self.tree, f"link-{MARKER}"))
        try:
            os.setxattr(os.path.join(self.tree, "plain"), b"user.firn", text().encode())
        except OSError:
            pass  # a file system without attributes

    def run_workspace(self):
        firn = self.firn
        self.fill_tree()
        firn("init", *(["--encrypt", "--recovery"] if self.encrypts else []))
        firn("save", "-m", text())
        self.write("plain", text() + "\n" + text() + "\n")
        self.write(f"new-{MARKER}", text())
        firn("save", "-m", text())
        firn("tag", f"tag-{MARKER}", "1")
        firn("pin", "1")
        firn("restore", "1")
        firn("undo")
        firn("redo")
        firn("undo")
        self.write("plain", text() + "\n")
        firn("restore", "1", "plain")
        firn("save", "-m", text())
        firn("revert", "3", codes=(0, 4))
        prompt = {"cwd": self.tree, "prompt": text(), "session_id": "s", "hook_event_name": "UserPromptSubmit", "transcript_path": text()}
        self.write(f"hooked-{MARKER}", text())
        firn("hook", "run", "claude", "before", given=json.dumps(prompt))
        self.write(f"hooked-{MARKER}", text())
        firn("hook", "run", "claude", "after", given=json.dumps(dict(prompt, hook_event_name="Stop")))
        self.write(f"served-{MARKER}", text())
        calls = [{"jsonrpc": "2.0", "id": 1, "method": "initialize",
                  "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": text(), "version": "1"}}},
                 {"jsonrpc": "2.0", "method": "notifications/initialized"},
                 {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "checkpoint_save", "arguments": {"message": text()}}}]
        firn("mcp", given="".join(json.dumps(call) + "\n" for call in calls))
        self.watch()
        firn("import", "tar", self.tar(), codes=(0, 6))
        firn("forget", "large", "--yes", codes=(0, 2))
        firn("delete", "2")
        firn("undelete", "2")
        firn("delete", "2", "--now", codes=(0, 2))
        firn("config", "keep", "all:1d")
        firn("gc", "--now")
        firn("check", "--data")
        if self.encrypts:
            firn("key", "rotate")
            firn("key", "add", "--label", "second", given="another\n")
            self.write("plain", text())
            firn("save", "-m", text())
        else:
            firn("save", "-m", text())
        store = self.searched[0] + "/firn/" + next(name for name in os.listdir(self.searched[0] + "/firn") if name.startswith("tree-"))
        firn("db", "clone", store, self.searched[3] + "/cloned")
        firn("--store", self.searched[3] + "/cloned", "list", codes=(0, 3))
        self.damage(store)
        firn("repair", codes=(0, 5, 6))
        firn("list", codes=(0, 5, 6))
        firn("workspaces", "remove", "--yes", self.tree, codes=(0, 1, 3, 5))

    def watch(self):
        watching = subprocess.Popen([FIRN, "watch", "-m", text(), "--quiet-time", "0.1"], cwd=self.tree, env=self.environment,
                                    stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        while not watching.stdout.readline().startswith("watching"):
            if watching.poll() is not None:
                sys.exit("firn watch ended")
        self.write(f"watched-{MARKER}", text())
        watching.stdout.readline()
        self.search("firn watch, while it runs")
        self.firn("status")
        watching.send_signal(signal.SIGTERM)
        watching.wait()
        self.search("firn watch")

    def tar(self):
        source = os.path.join(self.place, "tar")
        os.mkdir(source)
        with open(os.path.join(source, f"packed-{MARKER}"), "w") as file:
            file.write(text())
        archive = os.path.join(self.place, "archive.tar")
        subprocess.run(["tar", "-C", source, "-cf", archive, "."], check=True)
        return archive

    def damage(self, store):
        """A file of a pack or a level that is cut off."""
        files = [os.path.join(at, name) for at, _, names in os.walk(store) for name in names if name.endswith((".pack", ".run"))]
        for path in sorted(files, key=os.path.getsize)[-1:]:
            os.truncate(path, os.path.getsize(path) // 2)

    def run_data(self):
        firn = self.firn
        store = self.searched[3] + "/kv"
        made = ["--encrypt"] if self.encrypts else []
        firn("db", "put", *made, store, f"keyspace-{MARKER}", text(), text())
        firn("db", "put", "--ttl", "3600", store, f"keyspace-{MARKER}", text(), text(3000))
        firn("db", "put", store, "large", text(), "-", given=text(200000))
        rows = "".join(f"{text(30)}\t{text(200)}\n" for _ in range(30000))
        firn("db", "load", store, "loaded", given=rows)
        firn("db", "table", "create", store, f"goods_{MARKER}", f"id i64 auto primary key, name_{MARKER} text default '{text()}', n f64, index by_{MARKER} (name_{MARKER})")
        firn("db", "insert", store, f"goods_{MARKER}", f"name_{MARKER}={text()}")
        csv = "id,name,kind\n" + "".join(f"{i},{text()},{MARKER}\n" for i in range(5000))
        firn("db", "table", "import", "--create", "--key", "id", store, "things", given=csv)
        firn("db", "table", "alter", store, "things", "add-index", "index by_name (name)")
        firn("db", "flush", store)
        firn("db", "checkpoint", store, f"checkpoint-{MARKER}", codes=(0, 2))
        if "sql" in firn("help", "db"):
            firn("db", "sql", store, f"INSERT INTO things VALUES (100000, '{text()}', '{text()}')", f"UPDATE things SET kind = '{text()}' WHERE id < 1000",
                 "DELETE FROM things WHERE id > 4000", codes=(0, 1))
        firn("db", "compact", store)
        firn("db", "restore", store, "1", codes=(0, 3))
        firn("db", "undo", store, codes=(0, 1, 3))
        firn("db", "delrange", store, "loaded", "--from", "a", "--to", "b", codes=(0, 2))
        firn("db", "drop", store, "large", codes=(0, 2))
        firn("db", "compact", store)
        firn("db", "clone", store, self.searched[3] + "/clone")
        firn("db", "put", self.searched[3] + "/clone", "k", text(), text())
        firn("db", "check", store)
        self.damage(store)
        firn("db", "repair", store, codes=(0, 5, 6))
        firn("db", "keyspaces", store, codes=(0, 5))


def run(place, encrypts):
    os.mkdir(place)
    doing = Run(place, encrypts)
    doing.run_workspace()
    doing.run_data()
    return doing


def main():
    place = tempfile.mkdtemp(prefix="firn-marker-")
    try:
        begun = time.monotonic()
        clear = run(os.path.join(place, "clear"), False)
        if len(clear.found) < 10:
            sys.exit(f"the marker is in only {len(clear.found)} files of stores in clear: this test finds nothing")
        encrypted = run(os.path.join(place, "encrypted"), True)
        for path, command in encrypted.found:
            print(f"FAILED: {path}: in clear after: {command}")
        left = [name for name in os.listdir(os.path.join(encrypted.place, "tmp"))]
        print(f"encryption_marker: {len(clear.found)} files in clear of stores that are not encrypted, {len(encrypted.found)} of encrypted ones, "
              f"{len(left)} left in TMPDIR; {time.monotonic() - begun:.0f} s")
        return 1 if encrypted.found or left else 0
    finally:
        if "--keep" not in sys.argv:
            shutil.rmtree(place)
        else:
            print(place)


if __name__ == "__main__":
    sys.exit(main())
