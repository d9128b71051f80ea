#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/cli/git_kept_restore.py FIRN: a restore of git repositories loses nothing, whatever is there meanwhile."""
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
FIRN = os.path.abspath(sys.argv[1])


def load():
    """World and check of git_kept.py, without its tests."""
    text = open(os.path.join(HERE, "git_kept.py"), encoding="utf-8").read()
    spec = importlib.util.spec_from_loader("git_kept", loader=None)
    module = importlib.util.module_from_spec(spec)
    module.__file__ = os.path.join(HERE, "git_kept.py")
    exec(compile(text[:text.rindex("\nmain()")], module.__file__, "exec"), module.__dict__)  # pylint: disable=exec-used
    return module


kept = load()
check, repository, save = kept.check, kept.repository, kept.save


def test_a_long_list_of_what_is_left_out(world):
    """Names that fill the line to its last byte, and one more."""
    world.git("init", "-q", ".")
    names = ["x" * 98] * 4
    for last in range(72, 80, 2):
        with open(world.path(".git/config"), "w", encoding="utf-8") as file:
            file.write("[core]\n\tbare = false\n[x]\n")
            for name in names + ["y" * last, "z"]:
                file.write(f"\t{name} = 1\n")
        save(world)
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
    save(world)
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
        text = world.run(FIRN, "restore", "1", "--git", "--store", store, expect=2)
        check("two" in world.git("log", "--format=%s"), text)
        world.firn("show", "1", "--store", store)


def start(world, *words):
    return subprocess.Popen([FIRN, *words], cwd=world.directory, env=world.environment, stdout=subprocess.PIPE,
                            stderr=subprocess.STDOUT, text=True)


def test_what_git_does_meanwhile_is_not_lost(world):
    world.git("init", "-q", ".")
    for number in range(200):
        world.write(f"d/{number}.txt", str(number))
    world.git("add", ".")
    world.git("commit", "-qm", "one")
    save(world)
    world.commit("a.txt", "two")
    met = 0
    for turn in range(2):
        process = start(world, "--wait", "0", "restore", "1", "--git")
        try:
            while process.poll() is None and not [name for name in os.listdir(world.directory)
                                                  if name.startswith(".firn-")]:
                time.sleep(0.001)
            done = subprocess.run(["git", "commit", "-q", "--allow-empty", "-m", f"three {turn}"], cwd=world.directory,
                                  env=world.environment, capture_output=True, check=False).returncode == 0
            done = world.git("branch", f"new-{turn}", expect=None) is not None and done
        finally:
            text = process.communicate(timeout=60)[0]
        if process.returncode == 0:
            if done and "three" not in world.git("log", "--format=%s"): # it came before the state was saved
                world.firn(*re.search("take this back with: firn (restore [k-z]+ --git)", text).group(1).split())
                check("three" in world.git("log", "--format=%s"), "a commit is lost: " + text)
            world.git("reset", "-q", "--hard")
            world.commit("a.txt", f"two {turn}")
            continue
        met += 1
        check(process.returncode == 4, text)
        check(f"three {turn}" in world.git("log", "--format=%s"), "the commit is there")
        check(f"new-{turn}" in world.git("branch"), "the branch is there")
        world.git("fsck")
    check(met > 0, "git was never at work meanwhile")
    check(not [name for name in os.listdir(world.directory) if name.startswith(".firn-")], "something is left")


def make_branch(world, name, value):
    """As git does. Whether it succeeded."""
    path = world.path(".git/refs/heads", name)
    with open(path + ".lock", "x", encoding="utf-8") as file:
        file.write(value)
    try:
        os.rename(path + ".lock", path)
    except FileNotFoundError:  # another directory is there now
        return False
    return True


def test_a_branch_made_under_the_locks_is_not_lost(world):
    repository(world)
    save(world)
    value = world.git("rev-parse", "HEAD")
    refused = 0
    for turn in range(8):
        world.write("later.txt", str(turn))
        world.git("branch", f"later-{turn}")
        process = start(world, "--wait", "0", "restore", "1", "--git")
        lock = world.path(".git/HEAD.lock")
        while process.poll() is None and not os.path.exists(lock):
            pass
        time.sleep(turn * 0.001)
        done = make_branch(world, f"mine-{turn}", value)
        text = process.communicate(timeout=60)[0]
        check(process.returncode in (0, 4), text)
        refused += process.returncode == 4
        check(not done or f"mine-{turn}" in world.git("branch"), f"turn {turn}: a branch is lost: {text}")
        check(not os.path.exists(lock), "a lock is left")
    check(refused > 0, "git was never at work under the locks")


def test_locks_of_other_working_trees(world):
    repository(world)
    other = os.path.join(world.top, "other")
    world.git("worktree", "add", "-q", other, "topic")
    save(world)
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
    save(world)
    for at in places:
        world.git("branch", "later", at=at)
    world.write("b/.git/index.lock", "")
    text = world.firn("--wait", "0", "restore", "1", "--git", expect=None)
    check("b/.git" in text, text)
    check(["later" in world.git("branch", at=at) for at in places] == [False, True, False], text)


kept.TESTS = [value for name, value in list(globals().items()) if name.startswith("test_")]
kept.main()
