# SPDX-License-Identifier: Apache-2.0
"""What the tests of git repositories in checkpoints share: a directory in which firn and git run, and a run of tests."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

FIRN = os.path.abspath(sys.argv[1])
NOBODY = 65534
SETTINGS = """[init]
\tdefaultBranch = main
[protocol "file"]
\tallow = always
[gc]
\tauto = 0
[maintenance]
\tauto = false
[safe]
\tdirectory = *
"""


class World:
    """A directory with a home of its own. Git does nothing there that it is not told to do."""

    def __init__(self, top):
        self.top = top
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": os.path.join(top, "home"),
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_AUTHOR_NAME": "Ada",
            "GIT_AUTHOR_EMAIL": "ada@example.org",
            "GIT_COMMITTER_NAME": "Ada",
            "GIT_COMMITTER_EMAIL": "ada@example.org",
            "GIT_AUTHOR_DATE": "2026-01-01T00:00:00Z",
            "GIT_COMMITTER_DATE": "2026-01-01T00:00:00Z",
        }
        self.program = FIRN
        self.user = {}
        self.directory = self.make("work")
        self.write("home/.gitconfig", SETTINGS, at=top)

    def drop_privileges(self):
        """For tests of what cannot be read: root can read everything."""
        if os.geteuid() == 0:
            self.program = os.path.join(self.top, "firn")  # the build directory may be closed to others
            shutil.copy(FIRN, self.program)
            self.user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            for path in (self.top, self.environment["HOME"], self.directory):
                os.chown(path, NOBODY, NOBODY)

    def make(self, name):
        path = os.path.join(self.top, name)
        os.makedirs(path)
        return path

    def start(self, *words, at=None, **options):
        return subprocess.Popen(words, cwd=at or self.directory, env=self.environment, text=True, **self.user, **options)

    def tell(self, *words, expect=0, at=None):
        """Runs a program: its output and its messages."""
        process = self.start(*words, at=at, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with process:
            texts = process.communicate(timeout=300)
        if expect is not None and process.returncode != expect:
            raise SystemExit(f"{' '.join(words)}: exit code {process.returncode}, expected {expect}\n{''.join(texts)}")
        return texts

    def run(self, *words, **options):
        return self.tell(*words, **options)[0]

    def git(self, *words, **options):
        return self.run("git", *words, **options)

    def firn(self, *words, **options):
        return self.run(self.program, *words, **options)

    def firn_tells(self, *words, **options):
        return "".join(self.tell(self.program, *words, **options))

    def result(self, *words, **options):
        return json.loads(self.firn(*words, "--json", **options))

    def save(self, *words, **options):
        return self.result("save", *words, **options)

    def checkpoints(self):
        return self.result("list", "--all")["checkpoints"]

    def write(self, name, text, at=None):
        path = os.path.join(at or self.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        if self.user and os.stat(path).st_uid != NOBODY:
            os.chown(path, NOBODY, NOBODY)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def commit(self, name, text, at=None):
        self.write(name, text, at)
        self.git("add", name, at=at)
        self.git("commit", "-q", "-m", text, at=at)

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def copy_elsewhere(self, name="copy"):
        """A workspace that has pulled the checkpoints."""
        bucket = os.path.join(self.top, "bucket")
        self.firn("remote", "add", "origin", bucket)
        self.firn("push")
        copy = os.path.join(self.top, name)
        self.firn("clone", bucket, copy, at=self.top)
        return copy


def check(condition, text):
    if not condition:
        raise SystemExit(text)


def repository(world):
    """A repository with two branches, a tag, a stash, a pack and loose objects."""
    world.git("init", "-q", ".")
    world.commit("a.txt", "one")
    world.git("branch", "topic")
    world.git("gc", "-q")
    world.commit("a.txt", "two")
    world.git("tag", "first", "HEAD~1")
    world.write("a.txt", "stashed")
    world.git("stash", "-q")
    world.write("a.txt", "edited")
    world.write("new.txt", "staged")
    world.git("add", "new.txt")


def is_whole(world, at=None):
    """Whether git finds every object that it looks for, and what it says."""
    text = "".join(world.tell("git", "fsck", "--full", at=at, expect=None))
    return not any(word in text for word in ("missing", "broken", "error", "fatal")), text


def judge(world, at=None):
    """What git says: its status, all references, the stash, and whether everything is there."""
    fsck = world.git("fsck", "--full", "--strict", at=at)
    check("missing" not in fsck and "broken" not in fsck, fsck)
    return [world.git("status", "--porcelain=v2", "--branch", at=at), world.git("for-each-ref", at=at),
            world.git("stash", "list", at=at), world.git("log", "--oneline", "--all", "--reflog", at=at)]


def left_beside(world):
    """What a restore has left in the workspace."""
    return [name for name in os.listdir(world.directory) if name.startswith(".firn-")]


def run_tests(names, make_world=World):
    """Runs each test_ of a module in a world of its own; with a word as the second argument, those that have it."""
    for name, test in list(names.items()):
        if not name.startswith("test_") or (len(sys.argv) > 2 and sys.argv[2] not in name):
            continue
        top = tempfile.mkdtemp(prefix="firn-git-")
        try:
            test(make_world(top))
        except SystemExit as failure:
            raise SystemExit(f"{name}: {failure}") from None
        finally:
            shutil.rmtree(top, ignore_errors=True)
