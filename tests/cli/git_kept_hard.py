#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/cli/git_kept_hard.py FIRN: repositories that are rare, half written, or made to mislead."""
import os
import shutil
import signal
import subprocess

from git_world import check, is_whole, judge, left_beside, repository, run_tests


def contents(directory):
    """What is in it: files and links by their contents, anything else by its kind."""
    found = {}
    for at, directories, names in os.walk(directory):
        for name in directories + names:
            path = os.path.join(at, name)
            if os.path.islink(path):
                found[path] = os.readlink(path)
            elif os.path.isfile(path):
                with open(path, "rb") as file:
                    found[path] = file.read()
            elif os.path.isdir(path):
                found[path] = None
    return found


def comes_back(world, name=".git"):
    """Whether a repository that is lost comes back to its last byte."""
    before = contents(world.path(name))
    world.save()
    shutil.rmtree(world.path(name))
    text = world.firn("restore", "latest", "--git")
    after = contents(world.path(name))
    differ = [path for path in sorted(set(before) | set(after)) if before.get(path, "") != after.get(path, "")]
    check(not differ, f"{differ} differ: {text}")


def test_hashes_of_256_bits(world):
    world.git("init", "-q", "--object-format=sha256", ".")
    world.commit("a.txt", "one")
    world.git("gc", "-q")
    world.commit("a.txt", "two")
    world.git("branch", "topic")
    before = judge(world)
    comes_back(world)
    check(judge(world) == before, "git says something else")
    hash = world.git("rev-parse", "topic")[:7]
    world.git("branch", "-D", "topic")
    check(f"branch topic deleted (was {hash})" in world.firn("status"), "it is not told")
    world.firn("undo", "--git")
    check(judge(world) == before, "git says something else")


def reftable(world, number, text):
    world.write(".git/reftable/tables.list", f"{number}.ref\n")
    world.write(f".git/reftable/{number}.ref", "REFT\x01" + text)


def test_references_in_tables_are_kept_as_bytes(world):
    world.git("init", "-q", ".")
    world.commit("a.txt", "one")
    shutil.rmtree(world.path(".git/refs"))
    world.write(".git/refs/heads", "this repository uses the reftable format\n")
    world.write(".git/HEAD", "ref: refs/heads/.invalid\n")
    reftable(world, 1, "first")
    comes_back(world)
    os.unlink(world.path(".git/reftable/1.ref"))
    reftable(world, 2, "second")
    check("references changed (reftable)" in world.firn("status"), "it is not told")
    check(world.save("--if-changed")["made"], "it is no change")
    world.write(".git/reftable/tables.list.lock", "")
    world.firn("--wait", "0", "restore", "1", "--git", expect=4)
    os.unlink(world.path(".git/reftable/tables.list.lock"))
    world.firn("restore", "1", "--git")
    check(sorted(os.listdir(world.path(".git/reftable"))) == ["1.ref", "tables.list"], "tables of both are there")


def test_a_partial_clone(world):
    other = world.make("other")
    world.git("init", "-q", ".", at=other)
    for number in range(3):
        world.commit(f"f{number}", str(number), at=other)
    world.git("config", "uploadpack.allowFilter", "true", at=other)
    world.git("clone", "-q", "--filter=blob:none", "--no-checkout", "file://" + other, ".")
    comes_back(world)
    check([name for name in os.listdir(world.path(".git/objects/pack")) if name.endswith(".promisor")], "no promisor")
    check(is_whole(world)[0], "git misses what it was promised")
    world.git("checkout", "-q", "main")
    check(world.git("status", "--porcelain") == "", "a file is missing")


def test_objects_that_are_elsewhere(world):
    other = world.make("other")
    world.git("init", "-q", ".", at=other)
    world.commit("x.txt", "x", at=other)
    world.git("clone", "-q", "--shared", other, ".")
    world.commit("y.txt", "y")
    comes_back(world)
    check(is_whole(world)[0], "an object is missing")
    for number, text in enumerate(("../../.git/objects\n", "/nowhere\n", "\x1b[31m\n\n#\n", "../" * 900 + "\n")):
        world.write(".git/objects/info/alternates", text)  # it borrows from itself, from nowhere, ...
        world.run("sh", "-c", f"echo x >.git/note{number}")  # a change of the state
        comes_back(world)
    shutil.rmtree(other)
    comes_back(world)


def test_a_worktree_or_submodule_whose_repository_is_gone_is_told(world):
    other = world.make("other")
    world.git("init", "-q", ".", at=other)
    world.commit("x.txt", "x", at=other)
    world.git("worktree", "add", "-q", world.path("tree"), "-b", "topic", at=other)
    world.git("init", "-q", ".")
    world.git("submodule", "add", "-q", other, "lib")
    world.git("commit", "-q", "-m", "a submodule")
    word = "the directory that it names is not there"
    check(word not in world.firn("save"), "all is there")
    shutil.rmtree(world.path(".git/modules"))
    shutil.rmtree(other)
    for text in (world.firn("save"), world.firn("status")):
        for name in ("tree/.git", "lib/.git"):
            check(f"git: {name}: {word}" in text, text)
    check([row["path"] for row in world.result("status")["notices"] if row["text"].startswith(word)], "no JSON")


def test_a_bare_repository_is_files(world):
    world.git("init", "-q", "--bare", "bare.git")
    work = world.make("work/work")
    world.git("init", "-q", ".", at=work)
    world.commit("x.txt", "x", at=work)
    world.git("push", "-q", "../bare.git", "main", at=work)
    before = judge(world, work)[1:]
    world.save()
    shutil.rmtree(world.path("bare.git"))
    world.firn("restore", "latest")
    check(is_whole(world, world.path("bare.git"))[0], "an object is missing")
    world.git("fetch", "-q", "../bare.git", at=work)
    check(judge(world, work)[1:] == before, "git says something else")


def cut_objects(git):
    for at, _, names in os.walk(os.path.join(git, "objects")):
        for name in names:
            if len(name) == 38:
                os.chmod(os.path.join(at, name), 0o644)
                with open(os.path.join(at, name), "w", encoding="utf-8"):
                    pass


def test_half_written_repositories_come_back_as_they_were(world):
    repository(world)
    with open(world.path(".git/index"), "rb") as file:
        index = file.read()
    with open(world.path(".git/packed-refs"), "rb") as file:
        packed = file.read()
    made = {"index": ("index", index[:40]), "head": ("HEAD", b""), "packed": ("packed-refs", packed[:-30] + b"12 refs/x"),
            "zero": ("refs/heads/main", b""), "nul": ("refs/heads/nul", b"\0" * 41), "config": ("config", b"[core\n")}
    for name, (path, content) in made.items():
        shutil.copytree(world.path(".git"), world.path(name, ".git"))
        with open(world.path(name, ".git", path), "wb") as file:
            file.write(content)
    shutil.copytree(world.path(".git"), world.path("objects/.git"))
    cut_objects(world.path("objects/.git"))
    for name in [*made, "objects"]:
        world.git("-C", name, "status", expect=None)
    before = {name: contents(world.path(name, ".git")) for name in [*made, "objects"]}
    world.save()
    check("git:" not in world.firn("status"), "something has changed")
    for name in before:
        shutil.rmtree(world.path(name, ".git"))
    world.firn("restore", "1", "--git-all")
    for name, had in before.items():
        check(contents(world.path(name, ".git")) == had, name + " is another one")


def test_what_misleads_leads_nowhere(world):
    for name, text in {"self": "gitdir: .git\n", "root": "gitdir: /\n", "empty": "", "far": "gitdir: " + "../" * 900 + "\n",
                       "red": "gitdir: \x1b[31mred\n"}.items():
        world.write(name + "/.git", text)
    os.makedirs(world.path("pipe"))
    os.mkfifo(world.path("pipe/.git"))
    world.write("odd/.git/HEAD", "ref: refs/heads/HEAD\n")
    world.write("odd/.git/refs/heads/HEAD", "ref: refs/heads/HEAD\n")
    world.write("odd/.git/refs/heads/a\x1b[31mb\n", "\x1b]0;x\x07")
    os.makedirs(world.path("odd/.git/objects"))
    os.symlink("/etc/passwd", world.path("odd/.git/refs/heads/link"))
    os.symlink("/", world.path("odd/.git/objects/pack"))
    os.symlink("/", world.path("odd/.git/logs"))
    os.mkfifo(world.path("odd/.git/index"))
    for text in (world.firn_tells("save"), world.firn("status")):
        check("\x1b" not in text, "control characters")
        check("self/.git: the directory that it names is not there" in text, text)
    check(world.result("check")["objects"] < 40, "it was led somewhere")
    os.rename(world.path("odd/.git/refs/heads/a\x1b[31mb\n"), world.path("odd/.git/refs/heads/c\x1b[31md"))
    check("\x1b" not in world.firn("status"), "control characters")
    world.firn("restore", "1", "--git")
    check(os.path.lexists(world.path("odd/.git/refs/heads/a\x1b[31mb\n")), "a reference is lost")
    check(os.readlink(world.path("odd/.git/objects/pack")) == "/", "a link is another one")
    os.unlink(world.path("self/.git"))
    world.firn("undo", "--git")
    check(os.path.exists(world.path("self/.git")), "a file is lost")


def test_many_references(world):
    repository(world)
    value = world.git("rev-parse", "HEAD")
    for number in range(3000):
        world.write(f".git/refs/heads/d{number % 30}/b{number}", value)
    before = world.git("for-each-ref")
    world.save()
    check(not world.save("--if-changed")["made"], "nothing has changed")
    for number in range(0, 3000, 2):
        os.unlink(world.path(f".git/refs/heads/d{number % 30}/b{number}"))
    text = world.firn("status")
    check("branch d0/b0 deleted" in text and "and 1488 more" in text and len(text) < 2000, text)
    world.firn("undo", "--git")
    check(world.git("for-each-ref") == before, "a reference is missing")


def test_a_repository_under_another_name_is_told(world):
    """Where names cannot be exchanged, a killed restore may leave it so."""
    repository(world)
    before = judge(world)
    world.save()
    for turn in range(30):
        world.git("branch", f"new-{turn}")
        process = world.start(world.program, "restore", "1", "--git", "-q", stdout=subprocess.DEVNULL)
        while process.poll() is None and not left_beside(world):
            pass
        process.send_signal(signal.SIGKILL)
        process.wait()
        if left_beside(world):
            break
    os.rename(world.path(".git"), world.path(left_beside(world)[0][:39] + ".old"))
    word = "a restore was interrupted: rename it to .git"
    for text in (world.firn("status"), world.firn("save")):
        check(word in text and ".old" in text, text)
    world.firn("restore", "1", "--git")
    check(judge(world) == before and not left_beside(world), "git says something else")
    check(word not in world.firn("status"), "it is still told")


run_tests(globals())
