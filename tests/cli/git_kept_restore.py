#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/cli/git_kept_restore.py FIRN: a restore of git repositories loses nothing, whatever is there meanwhile."""
import glob
import os
import shutil
import signal
import subprocess
import time

from git_world import check, left_beside, repository, run_tests


def test_a_long_list_of_what_is_left_out(world):
    """Names that fill the line to its last byte, and one more."""
    world.git("init", "-q", ".")
    names = ["x" * 98] * 4
    for last in range(72, 80, 2):
        with open(world.path(".git/config"), "w", encoding="utf-8") as file:
            file.write("[core]\n\tbare = false\n[x]\n")
            for name in names + ["y" * last, "z"]:
                file.write(f"\t{name} = 1\n")
        world.save()
        shutil.rmtree(world.path(".git"))
        result = world.firn("restore", "latest", "--git", "--json")
        lines = [text for text in result.splitlines() if "not from the checkpoint" in text]
        check(lines, result)
        for line in lines:
            text = line[line.index("not from the checkpoint"):line.index('"', line.index("not from the checkpoint"))]
            check(text.endswith(", ...") and len(text) < 512, f"{len(text)}: {text}")


def nested(world):
    """A repository lib/.git that .gitignore leaves out from the second save on."""
    world.make("work/lib")
    lib = world.path("lib")
    world.git("init", "-q", ".", at=lib)
    world.commit("l.txt", "one", at=lib)
    world.write(".gitignore", "lib/\n")
    world.save()
    world.firn("config", "save.gitignore", "true")
    world.commit("l.txt", "two", at=lib)
    return lib


def take_back(world, text):
    word = "take this back with: "
    check(word in text, text)
    world.firn(*text[text.index(word) + len(word):].split("\n")[0].split()[1:])


def test_a_repository_that_rules_exclude_is_saved_first(world):
    lib = nested(world)
    text = world.firn("restore", "1", "--git")
    check(world.git("log", "--format=%s", at=lib) == "one\n", "it was not restored")
    take_back(world, text)
    check(world.git("log", "--format=%s", at=lib) == "two\none\n", "it was not saved")


def test_so_it_is_beside_others(world):
    world.git("init", "-q", ".")
    world.commit("a.txt", "one")
    lib = nested(world)
    world.git("branch", "later")
    text = world.firn("restore", "1", "--git")
    check(world.git("log", "--format=%s", at=lib) == "one\n", "it was not restored")
    take_back(world, text)
    check(world.git("log", "--format=%s", at=lib) == "two\none\n", "it was not saved")
    check("later" in world.git("branch"), "the other one was not saved")


def test_a_store_in_it_stays(world):
    for store in (".git/store", ".git/objects/store"):
        shutil.rmtree(world.path(".git"), ignore_errors=True)
        world.git("init", "-q", ".")
        world.commit("a.txt", store)
        world.firn("save", "--store", store)
        world.commit("a.txt", "two of " + store)
        text = world.firn("restore", "1", "--git", "--store", store, expect=2)
        check("two" in world.git("log", "--format=%s"), text)
        world.firn("show", "1", "--store", store)


TURNS_MAX = 60  # at most so often, a restore is not met at the moment that a test is about


class Stopped:
    """A restore of checkpoint 1 that is stopped when a name is there, until the block ends. It may end before."""

    def __init__(self, world, *names):
        self.is_met = lambda: any(glob.glob(world.path(name)) for name in names)
        self.process = world.start(world.program, "--wait", "0", "restore", "1", "--git", stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT)
        self.text = ""

    def __enter__(self):
        while self.process.poll() is None and not self.is_met():
            pass
        self.process.send_signal(signal.SIGSTOP)
        if self.process.returncode is None:
            os.waitid(os.P_PID, self.process.pid, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        return self.is_met()

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGCONT)
        self.text = self.process.communicate(timeout=60)[0]


def test_what_git_does_meanwhile_is_not_lost(world):
    world.git("init", "-q", ".")
    for number in range(200):
        world.write(f"d/{number}.txt", str(number))
    world.git("add", ".")
    world.git("commit", "-qm", "one")
    world.save()
    world.commit("a.txt", "two")
    refused = 0
    for turn in range(TURNS_MAX):
        restore = Stopped(world, ".firn-*")
        with restore:
            done = [subject for words, subject in ((["commit", "-q", "--allow-empty", "-m", f"three {turn}"], "three"),
                                                   (["branch", f"new-{turn}"], "new"))
                    if succeeds(world, *words)]
        code = restore.process.returncode
        check(code in (0, 4), restore.text)
        refused += code == 4
        if code == 0 and "three" in done and f"three {turn}" not in world.git("log", "--format=%s"):
            take_back(world, restore.text)  # it came before the state was saved
        check("three" not in done or f"three {turn}" in world.git("log", "--format=%s"), f"a commit is lost: {restore.text}")
        check("new" not in done or code == 0 or f"new-{turn}" in world.git("branch"), f"a branch is lost: {restore.text}")
        world.git("fsck")
        if refused == 2:
            break
        world.git("reset", "-q", "--hard")
        world.commit("a.txt", f"two {turn}")
    check(refused == 2, "git was never at work meanwhile")
    check(not left_beside(world), "something is left")


def succeeds(world, *words):
    with world.start("git", *words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        return process.wait() == 0


def make_branch(world, name, value):
    """As git does. Whether it succeeded."""
    path = world.path(".git/refs/heads", name)
    try:
        with open(path + ".lock", "x", encoding="utf-8") as file:
            file.write(value)
        os.rename(path + ".lock", path)
    except FileNotFoundError:  # another directory is there now
        return False
    return True


def test_a_branch_made_under_the_locks_is_not_lost(world):
    repository(world)
    world.save()
    value = world.git("rev-parse", "HEAD")
    lock = world.path(".git/HEAD.lock")
    refused = 0
    for turn in range(TURNS_MAX):
        world.write("later.txt", str(turn))
        world.git("branch", f"later-{turn}")
        restore = Stopped(world, ".git/HEAD.lock")
        with restore as is_met:
            done = make_branch(world, f"mine-{turn}", value)
        check(restore.process.returncode in ([4] if is_met and done else [0, 4]), restore.text)
        refused += is_met and done
        check(not done or f"mine-{turn}" in world.git("branch"), f"turn {turn}: a branch is lost: {restore.text}")
        check(not os.path.exists(lock), "a lock is left")
        if refused == 3:
            break
    check(refused == 3, "git was never at work under the locks")


def test_a_branch_made_at_any_moment_is_not_lost(world):
    repository(world)
    world.save()
    value = world.git("rev-parse", "HEAD")
    for turn in range(6):
        world.git("branch", f"later-{turn}")
        with world.start(world.program, "--wait", "0", "restore", "1", "--git", "-q", stderr=subprocess.PIPE) as process:
            while process.poll() is None and not os.path.exists(world.path(".git/HEAD.lock")):
                pass
            time.sleep(turn * 0.001)
            done = make_branch(world, f"mine-{turn}", value)
            text = process.communicate(timeout=60)[1]
        check(process.returncode in (0, 4), text)
        check(not done or f"mine-{turn}" in world.git("branch"), f"turn {turn}: a branch is lost: {text}")


def test_locks_of_other_working_trees(world):
    repository(world)
    other = os.path.join(world.top, "other")
    world.git("worktree", "add", "-q", other, "topic")
    world.save()
    world.git("branch", "later")
    world.write(".git/worktrees/other/index.lock", "")
    world.firn("--wait", "0", "restore", "1", "--git", expect=4)
    os.unlink(world.path(".git/worktrees/other/index.lock"))
    world.firn("restore", "1", "--git")
    check("later" not in world.git("branch"), "it was not restored")
    check(not [name for _, _, names in os.walk(world.path(".git")) for name in names if name.endswith(".lock")],
          "a lock is left")
    world.git("status", at=other)


def test_files_stay_if_there_are_no_repositories(world):
    world.write("a.txt", "one")
    world.firn("save")
    world.git("init", "-q", ".")
    world.write("a.txt", "two")
    world.firn("restore", "1", "--git", expect=3)
    check(open(world.path("a.txt"), encoding="utf-8").read() == "two", "files were restored")


def test_git_at_work_in_one_does_not_end_the_others(world):
    places = [world.make("work/" + name) for name in ("a", "b", "c")]
    for at in places:
        world.git("init", "-q", ".", at=at)
        world.commit("f.txt", "one", at=at)
    world.save()
    for at in places:
        world.git("branch", "later", at=at)
    world.write("b/.git/index.lock", "")
    text = world.firn("--wait", "0", "restore", "1", "--git", expect=None)
    check("b/.git" in text, text)
    check(["later" in world.git("branch", at=at) for at in places] == [False, True, False], text)


run_tests(globals())
