#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/cli/git_kept_save.py FIRN: what saves keep of git repositories, and what firn forget takes from them."""
import json
import os
import shutil
import subprocess
import sys
import tempfile

FIRN = os.path.abspath(sys.argv[1])
NOBODY = 65534


class World:
    """A directory with a home of its own, in which firn and git run, not as root: root can read everything."""

    def __init__(self, top):
        self.top = top
        self.environment = {"PATH": os.environ["PATH"], "HOME": os.path.join(top, "home"), "LC_ALL": "C.UTF-8",
                            "GIT_CONFIG_NOSYSTEM": "1", "GIT_AUTHOR_NAME": "Ada", "GIT_AUTHOR_EMAIL": "ada@example.org",
                            "GIT_COMMITTER_NAME": "Ada", "GIT_COMMITTER_EMAIL": "ada@example.org"}
        self.directory = os.path.join(top, "work")
        self.program = FIRN
        self.user = {}
        os.makedirs(self.environment["HOME"])
        os.makedirs(self.directory)
        if os.geteuid() == 0:
            self.program = os.path.join(top, "firn")  # the build directory may be closed to others
            shutil.copy(FIRN, self.program)
            self.user = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
            for path in (top, self.environment["HOME"], self.directory):
                os.chown(path, NOBODY, NOBODY)

    def run(self, *words, expect=0):
        result = subprocess.run(words, cwd=self.directory, env=self.environment, capture_output=True, text=True,
                                timeout=300, **self.user)
        check(expect is None or result.returncode == expect,
              f"{' '.join(words)}: exit code {result.returncode}, expected {expect}\n{result.stdout}{result.stderr}")
        return result.stdout + result.stderr

    def git(self, *words, **options):
        return self.run("git", "-c", "init.defaultBranch=main", *words, **options)

    def firn(self, *words, **options):
        return self.run(self.program, *words, **options)

    def commit(self, name, text):
        self.run("sh", "-c", 'printf %s "$2" >"$1"', "sh", name, text)
        self.git("add", name)
        self.git("commit", "-q", "-m", text)

    def path(self, *names):
        return os.path.join(self.directory, *names)


def check(condition, text):
    if not condition:
        raise SystemExit(text)


def size_of(directory):
    return sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(directory) for name in names)


def an_object(world, revision):
    """The path of a loose object."""
    name = world.git("rev-parse", revision).strip()
    return world.path(".git/objects", name[:2], name[2:])


def checkpoints(world):
    return json.loads(world.firn("list", "--all", "--json"))["checkpoints"]


def test_a_store_in_the_repository_is_no_part_of_it(world):
    world.git("init", "-q", ".")
    world.commit("a.txt", "one")
    store = world.path(".git/store")
    other = ["--store", world.path(".git/other")]
    world.firn("save", *other)
    sizes = []
    for number in range(6):
        world.commit("a.txt", f"line {number}")
        world.firn("save", "--store", store)
        sizes.append(size_of(store))
    check(sizes[5] - sizes[1] < 100000, f"the store grows by itself: {sizes}")
    world.firn("save", "--if-changed", "--store", store)
    check(len(json.loads(world.firn("list", "--json", "--store", store))["checkpoints"]) == 6,
          "the store counts as a change of the repository")
    rows = json.loads(world.firn("list", "--json", "--store", store))["checkpoints"]
    check(all(row["files"] == 1 for row in rows), "the store is among the files")
    shutil.move(store, os.path.join(world.top, "store"))
    shutil.rmtree(world.path(".git"))
    world.firn("restore", "6", "--git", "--store", os.path.join(world.top, "store"))
    world.git("fsck", "--full", "--strict")
    check(not os.path.exists(world.path(".git/store")) and not os.path.exists(world.path(".git/other")),
          "a store came back from itself")


def lose_an_object(world):
    world.git("init", "-q", ".")
    world.commit("a.txt", "one")
    lost = an_object(world, "HEAD:a.txt")
    os.chmod(lost, 0)
    text = world.firn("save", expect=6)
    check(lost[-38:] in text, text)
    return lost


def restores_whole(world):
    shutil.rmtree(world.path(".git"))
    world.firn("restore", "latest", "--git")
    fsck = world.git("fsck", "--full", "--strict")
    check("missing" not in fsck, fsck)
    check(world.git("cat-file", "-p", "HEAD:a.txt") == "one", "the object is not that")


def test_an_object_that_was_left_out_is_saved_later(world):
    lost = lose_an_object(world)
    check(checkpoints(world)[0]["skipped"] == 1, "the checkpoint does not say that it lacks something")
    world.firn("save", "--if-changed", expect=6)
    check(len(checkpoints(world)) == 1, "the same again is no change")
    check(lost[-38:] in world.firn("save", "--strict", expect=1), "--strict does not name it")
    world.firn("save", "--full", expect=6)
    os.chmod(lost, 0o444)
    world.firn("save", "--if-changed")
    check(checkpoints(world)[0]["skipped"] == 0, "it is whole now")
    world.firn("save", "--strict", "--if-changed")
    restores_whole(world)


def test_a_full_save_trusts_no_objects(world):
    world.git("init", "-q", ".")
    world.commit("a.txt", "one")
    world.firn("save")
    lost = an_object(world, "HEAD:a.txt")
    os.chmod(lost, 0)
    check(lost[-38:] in world.firn("save", "--full", "--strict", expect=1), "--full does not look")
    os.chmod(lost, 0o444)
    number = len(checkpoints(world))
    world.firn("save", "--full", "--if-changed")
    check(len(checkpoints(world)) == number, "the same objects are no change")
    restores_whole(world)


def test_strict_saves_fail_on_the_state_as_well(world):
    world.git("init", "-q", ".")
    world.commit("a.txt", "one")
    os.chmod(world.path(".git/HEAD"), 0)
    check("HEAD" in world.firn("save", "--strict", expect=1), "--strict does not name it")
    world.firn("save", expect=6)
    check(checkpoints(world)[0]["skipped"] == 1, "the checkpoint does not say that it lacks something")
    os.chmod(world.path(".git/HEAD"), 0o644)
    world.firn("save", "--strict")
    restores_whole(world)


def test_what_is_forgotten_is_in_no_repository(world):
    world.git("init", "-q", ".")
    world.commit("secret", "the secret")
    blob = world.git("rev-parse", "HEAD:secret").strip()
    world.firn("save")
    world.git("rm", "-q", "secret")
    world.git("commit", "-q", "-m", "without it")
    world.firn("save")
    world.git("branch", "later")
    world.firn("restore", "2", "--git")  # makes a safety checkpoint with repositories
    count = len(checkpoints(world))
    check(count >= 3, "there is no safety checkpoint")
    check("would be dropped" in world.firn("forget", "-n", "secret"), "-n does not tell")
    text = world.firn("forget", "secret", "--yes")
    check(f"git repositories of {count} checkpoints were dropped" in text, text)
    check(text.count("removed from") == 1, text)
    shutil.move(world.path(".git"), os.path.join(world.top, "away"))
    for row in checkpoints(world):
        world.firn("restore", row["id"], "--git", expect=None)
        world.git("cat-file", "-p", blob, expect=128)
        shutil.rmtree(world.path(".git"), ignore_errors=True)
    packed = json.loads(world.firn("check", "--data", "--json"))["objects"]
    world.firn("gc")
    left = json.loads(world.firn("check", "--data", "--json"))["objects"]
    check(left < 10 < packed, f"the store still has objects of git: {packed} objects became {left}")


TESTS = [value for name, value in list(globals().items()) if name.startswith("test_")]


def main():
    for test in TESTS:
        if len(sys.argv) > 2 and sys.argv[2] not in test.__name__:
            continue
        top = tempfile.mkdtemp(prefix="firn-git-")
        try:
            test(World(top))
        except SystemExit as failure:
            raise SystemExit(f"{test.__name__}: {failure}") from None
        finally:
            shutil.rmtree(top, ignore_errors=True)


main()
