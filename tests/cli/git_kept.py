#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/cli/git_kept.py FIRN: what a checkpoint keeps of git repositories, with git as the judge."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

FIRN = os.path.abspath(sys.argv[1])


class World:
    """A directory with a home of its own, in which firn and git run."""

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
        os.makedirs(self.environment["HOME"])
        self.directory = self.make("work")

    def make(self, name):
        path = os.path.join(self.top, name)
        os.makedirs(path)
        return path

    def run(self, *words, expect=0, at=None, stdin=None):
        result = subprocess.run(words, cwd=at or self.directory, env=self.environment, capture_output=True, text=True,
                                input=stdin, timeout=300)
        if expect is not None and result.returncode != expect:
            raise SystemExit(f"{' '.join(words)}: exit code {result.returncode}, expected {expect}\n"
                             f"{result.stdout}{result.stderr}")
        return result.stdout

    def git(self, *words, **options):
        return self.run("git", "-c", "protocol.file.allow=always", "-c", "init.defaultBranch=main", *words, **options)

    def firn(self, *words, **options):
        return self.run(FIRN, *words, **options)

    def result(self, *words, **options):
        return json.loads(self.firn(*words, "--json", **options))

    def write(self, name, text, at=None):
        path = os.path.join(at or self.directory, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def commit(self, name, text, at=None):
        self.write(name, text, at)
        self.git("add", name, at=at)
        self.git("commit", "-q", "-m", text, at=at)

    def path(self, *names):
        return os.path.join(self.directory, *names)


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


def save(world, *words):
    return world.result("save", *words)


def test_a_change_of_a_repository_is_a_change(world):
    repository(world)
    first = save(world)
    check(save(world, "--if-changed")["checkpoint"]["number"] == first["checkpoint"]["number"], "nothing has changed")
    world.git("branch", "-D", "topic")
    second = save(world, "--if-changed")
    check(second["checkpoint"]["number"] == 2, "a deleted branch is a change")
    world.git("status")
    check(save(world, "--if-changed")["checkpoint"]["number"] == 2, "git status is none")
    check(save(world, "--if-changed", "--no-git")["checkpoint"]["number"] == 2, "--no-git looks at files alone")
    shutil.rmtree(world.path(".git"))
    check(save(world, "--if-changed")["checkpoint"]["number"] == 3, "a missing .git is a change")


def test_collections_and_remotes_keep_it(world):
    repository(world)
    save(world)
    world.commit("b.txt", "three")
    save(world)
    world.firn("gc")
    objects = world.result("check", "--data")["objects"]
    world.firn("remote", "add", "origin", os.path.join(world.top, "bucket"))
    world.firn("push")
    world.firn("clone", os.path.join(world.top, "bucket"), os.path.join(world.top, "copy"), at=world.top)
    check(world.result("check", at=os.path.join(world.top, "copy"))["objects"] >= objects - 4, "a clone has all objects")
    world.firn("check", "--remote", "--data", "origin")


TESTS = [value for name, value in list(globals().items()) if name.startswith("test_")]


def main():
    for test in TESTS:
        if len(sys.argv) > 2 and sys.argv[2] not in test.__name__:
            continue
        top = tempfile.mkdtemp(prefix="firn-git-")
        try:
            world = World(top)
            world.firn("config", "--user", "save.git", "true")
            test(world)
        except SystemExit as failure:
            raise SystemExit(f"{test.__name__}: {failure}") from None
        finally:
            shutil.rmtree(top, ignore_errors=True)


main()
