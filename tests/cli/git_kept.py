#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/cli/git_kept.py FIRN: what a checkpoint keeps of git repositories, with git as the judge."""
import os
import shutil
import subprocess

from git_world import FIRN, check, is_whole, judge, left_beside, repository, run_tests


def test_a_change_of_a_repository_is_a_change(world):
    repository(world)
    first = world.save()
    check(world.save("--if-changed")["checkpoint"]["number"] == first["checkpoint"]["number"], "nothing has changed")
    world.git("branch", "-D", "topic")
    second = world.save("--if-changed")
    check(second["checkpoint"]["number"] == 2, "a deleted branch is a change")
    world.git("status")
    check(world.save("--if-changed")["checkpoint"]["number"] == 2, "git status is none")
    check(world.save("--if-changed", "--no-git")["checkpoint"]["number"] == 2, "--no-git looks at files alone")
    shutil.rmtree(world.path(".git"))
    check(world.save("--if-changed")["checkpoint"]["number"] == 3, "a missing .git is a change")


def test_collections_and_remotes_keep_it(world):
    repository(world)
    world.save()
    world.commit("b.txt", "three")
    world.save()
    world.firn("gc")
    objects = world.result("check", "--data")["objects"]
    world.firn("remote", "add", "origin", os.path.join(world.top, "bucket"))
    world.firn("push")
    world.firn("clone", os.path.join(world.top, "bucket"), os.path.join(world.top, "copy"), at=world.top)
    check(world.result("check", at=os.path.join(world.top, "copy"))["objects"] >= objects - 4, "a clone has all objects")
    world.firn("check", "--remote", "--data", "origin")


def test_a_lost_repository_comes_back(world):
    repository(world)
    before = judge(world)
    world.save()
    shutil.rmtree(world.path(".git"))
    text = world.firn("status")
    check("git: .git: missing" in text, text)
    world.firn("undo", "--git")
    check(judge(world) == before, "git says something else")
    check(world.firn("status").count("git: ") == 0, "status still tells something")


def test_a_changed_repository_goes_back_and_loses_no_object(world):
    repository(world)
    before = judge(world)
    world.save()
    world.git("reset", "-q", "--hard", "HEAD~1")
    world.git("branch", "-D", "topic")
    world.git("stash", "drop", "-q")
    world.commit("c.txt", "made since")
    made = world.git("rev-parse", "HEAD").strip()
    world.save()
    text = world.firn("diff", "1", "2")
    for word in ("branch main moved", "branch topic deleted", "stash deleted"):
        check(word in text, text)
    world.firn("undo", "--git")
    check(judge(world) == before, "git says something else")
    check(world.git("cat-file", "-t", made).strip() == "commit", "a commit is lost")
    safety = [row for row in world.checkpoints() if row["safety"]]
    check(len(safety) > 0, "there is no safety checkpoint")


def test_packing_references_is_no_change_of_them(world):
    repository(world)
    world.save()
    world.git("pack-refs", "--all")
    world.git("branch", "later")
    text = world.firn("diff")
    check("git: .git: branch later new at " in text and ";" not in text, text)


def test_worktrees_and_submodules(world):
    other = world.make("other")
    world.git("init", "-q", ".", at=other)
    world.commit("x.txt", "x", at=other)
    repository(world)
    world.git("submodule", "add", "-q", other, "libs/other")
    world.git("commit", "-q", "-m", "a submodule")
    world.git("worktree", "add", "-q", "tree", "topic")
    world.commit("in-tree.txt", "in the worktree", at=world.path("tree"))
    paths = [None, world.path("libs/other"), world.path("tree")]
    before = [judge(world, at) for at in paths]
    world.save()
    shutil.rmtree(world.path(".git"))
    os.unlink(world.path("tree", ".git"))
    world.firn("undo", "--git")
    check([judge(world, at) for at in paths] == before, "git says something else")
    world.commit("more.txt", "more", at=world.path("libs/other"))
    text = world.firn("status")
    check("repositories of submodules changed" in text, text)
    world.firn("undo", "--git")
    check(judge(world, world.path("libs/other")) == before[1], "the submodule did not go back")


def test_hooks_and_configuration_are_restored_only_if_asked(world):
    repository(world)
    world.write(".git/hooks/pre-commit", "#!/bin/sh\ntouch /tmp/ran\n")
    os.chmod(world.path(".git/hooks/pre-commit"), 0o755)
    world.git("config", "core.fsmonitor", "run-me")
    world.git("config", "core.hooksPath", "elsewhere")
    world.git("config", "remote.origin.url", "https://example.org/x.git")
    world.git("config", "remote.bad.url", "ext::sh -c run")
    world.save()
    shutil.rmtree(world.path(".git"))
    text = world.firn("undo", "--git")
    for word in ("core.fsmonitor", "core.hookspath", "hooks/pre-commit", "remote.bad.url"):
        check(word in text, text)
    config = open(world.path(".git/config"), encoding="utf-8").read()
    check("example.org" in config and "run" not in config and "elsewhere" not in config, config)
    check(not os.path.exists(world.path(".git/hooks/pre-commit")), "a hook was restored")
    world.firn("restore", "1", "--git-all")
    check(os.path.exists(world.path(".git/hooks/pre-commit")), "the hook was asked for")
    check("run-me" in open(world.path(".git/config"), encoding="utf-8").read(), "the configuration was asked for")
    world.write(".git/hooks/pre-commit", "#!/bin/sh\n# mine\n")
    world.git("branch", "-D", "topic")
    world.firn("undo", "--git")
    check("mine" in open(world.path(".git/hooks/pre-commit"), encoding="utf-8").read(), "a present hook was replaced")


def test_locks_of_git_are_respected(world):
    repository(world)
    world.save()
    world.git("branch", "-D", "topic")
    for lock in ("index.lock", "HEAD.lock", "refs/heads/main.lock", "config.lock", "gc.pid"):
        world.write(".git/" + lock, "")
        world.firn("--wait", "0", "restore", "1", "--git", expect=4)
        check(os.path.exists(world.path(".git", lock)), "a lock was taken away")
        os.unlink(world.path(".git", lock))
    check(world.git("branch", "--list", "topic") == "", "it was restored")
    world.firn("restore", "1", "--git")
    check("topic" in world.git("branch", "--list", "topic"), "it was not restored")
    check(not left_beside(world), "something is left")


def test_a_pulled_checkpoint_leads_nowhere(world):
    repository(world)
    outside = world.make("outside")
    world.write("keep.txt", "outside", at=outside)
    shutil.rmtree(world.path(".git/info"))
    os.symlink(outside, world.path(".git/info"))
    world.write(".git/objects/info/alternates", outside + "\n")
    world.write(".git/rebase-merge/git-rebase-todo", "exec touch /tmp/ran\n")
    world.write(".git/hooks/post-checkout", "#!/bin/sh\n")
    world.save()
    bucket = os.path.join(world.top, "bucket")
    world.firn("remote", "add", "origin", bucket)
    world.firn("push")
    copy = world.make("copy")
    world.firn("remote", "add", "origin", bucket, at=copy)
    world.firn("save", at=copy)
    world.firn("pull", at=copy)
    text = world.firn("restore", "origin/1", "--git", at=copy)
    for word in ("info", "objects/info/alternates", "rebase-merge", "hooks/post-checkout"):
        check(word in text, text)
        check(not os.path.lexists(os.path.join(copy, ".git", word)), word + " was restored")
    check("two" in world.git("log", "--oneline", at=copy), "the history is there")


def test_hostile_repositories(world):
    world.write("plain.txt", "x")
    shapes = {
        "empty": [],
        "a": [("HEAD", "ref: refs/heads/main\n")],
        "b": [("HEAD", "x" * 100000), ("packed-refs", "\0" * 5000), ("refs/heads/a", ""), ("objects/xx/y", "z")],
        "c": [("HEAD", "ref: ../../../../etc/passwd\n"), ("packed-refs", "^" * 300 + "\n" + "0" * 40 + " refs/../x\n")],
        "d": [("HEAD", "ref: refs/heads/\x1b[31mred\n"), ("config", "[core\nx=\"")],
    }
    for name, files in shapes.items():
        os.makedirs(world.path(name, ".git"))
        for path, text in files:
            world.write(f"{name}/.git/{path}", text)
    os.makedirs(world.path("fifo/.git/objects"))
    os.mkfifo(world.path("fifo/.git/HEAD"))
    os.makedirs(world.path("link"))
    os.symlink("/etc", world.path("link/.git"))
    world.write("file/.git", "gitdir: /nowhere/at/all\n")
    world.save()
    world.save()
    for name, files in shapes.items():
        for path, text in files:
            world.write(f"{name}/.git/{path}", text + "more")
    check("\x1b" not in world.firn("status"), "control characters")
    world.save()
    world.firn("diff", "1", "3")
    world.firn("check", "--data")
    for name in shapes:
        shutil.rmtree(world.path(name, ".git"))
    world.firn("undo", "--git", expect=None)
    check(os.path.isdir(world.path("a", ".git")), "it is restored nevertheless")


def counted(world, number):
    """Whether a checkpoint says that it may lack something."""
    return [row for row in world.checkpoints() if row["number"] == number][0]["skipped"] > 0


def test_git_at_work_while_saves_run(world):
    repository(world)
    script = ("i=0; while [ ! -e stop ]; do i=$((i+1)); echo $i >w.txt; git add w.txt; git commit -qm $i; "
              "git branch -f side$((i % 7)); [ $((i % 9)) = 0 ] && git gc -q --prune=now; done; true")
    process = subprocess.Popen(["sh", "-c", script], cwd=world.directory, env=world.environment,
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    count = 5
    for _ in range(count):
        world.save(expect=None)  # 6 if packs came and went all the time
    world.write("stop", "")
    process.wait(timeout=100)
    for number in range(1, count + 1):
        shutil.rmtree(world.path(".git"))
        world.firn("restore", str(number), "--git", expect=None)
        sound, fsck = is_whole(world)
        check(sound or counted(world, number), f"{number}: {fsck}")
        world.git("log", "--oneline", "--all")


def test_a_restore_that_is_killed_leaves_a_whole_repository(world):
    repository(world)
    states = [judge(world)]
    world.save()
    world.git("branch", "-D", "topic")
    world.commit("b.txt", "since")
    states.append(judge(world))
    world.save()
    number = 1
    for step in range(12):
        process = subprocess.Popen([FIRN, "restore", str(number), "--git", "-q"], cwd=world.directory,
                                   env=world.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            process.wait(timeout=0.004 * (step + 1))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        world.git("fsck", "--full")
        references = world.git("for-each-ref")
        check(references in (states[0][1], states[1][1]), references)
        number = 2 if references == states[0][1] else 1
    world.firn("restore", "1", "--git")
    check(world.git("for-each-ref") == states[0][1], "it is not restored after all")
    check(not left_beside(world), "something is left")
    check(not os.path.exists(world.path(".git/index.lock")), "a lock is left")


def test_git_understands_what_is_kept_of_a_configuration(world):
    text = open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../fuzz/corpus/repository/plain"),
                encoding="utf-8").read()
    repository(world)
    world.write(".git/config", text)
    before = world.git("config", "--local", "--list").splitlines()
    world.save()
    shutil.rmtree(world.path(".git"))
    world.firn("undo", "--git")
    after = world.git("config", "--local", "--list").splitlines()
    check([line for line in before if not line.startswith("core.pager")] == after, f"{before} became {after}")


def names_of_git(world):
    """Branches, a tag, submodules and a worktree that have names of git's own files; paths of all of them."""
    other = world.make("other")
    world.git("init", "-q", ".", at=other)
    world.commit("x.txt", "x", at=other)
    repository(world)
    for name in ("config", "hooks/pre", "alternates", "gc.pid", "fsmonitor--daemon-x", "tmp_x", "info/HEAD"):
        world.git("branch", "--create-reflog", name)
    world.git("tag", "gitdir")
    modules = ["tmp_lib", "incoming-lib", "hooks", "config", "x.lock"]
    for name in modules:
        world.git("submodule", "add", "-q", other, name)
    world.git("commit", "-q", "-m", "submodules")
    world.git("worktree", "add", "-q", "trees/hooks", "topic")
    return [None, world.path("trees/hooks")] + [world.path(name) for name in modules]


def test_names_of_git_are_names_of_branches_submodules_and_worktrees(world):
    paths = names_of_git(world)
    before = [judge(world, at) for at in paths]
    reflog = world.git("reflog", "show", "refs/heads/config")
    world.save()
    copy = world.copy_elsewhere()
    shutil.rmtree(world.path(".git"))
    world.firn("restore", "1", "--git")
    check([judge(world, at) for at in paths] == before, "git says something else")
    check(world.git("reflog", "show", "refs/heads/config") == reflog, "a reflog is lost")
    world.git("branch", "-D", "gc.pid")
    world.firn("restore", "1", "--git")
    check(world.git("for-each-ref") == before[0][1], "a branch did not come back")

    text = world.firn("restore", "origin/latest", "--git", at=copy, expect=6)  # no .git that is a file
    check(world.git("for-each-ref", at=copy) == before[0][1], text)
    check(world.git("reflog", "show", "refs/heads/config", at=copy) == reflog, "a reflog is lost there")
    for at in paths[2:]:
        name = os.path.basename(at)
        world.write(f"{name}/.git", f"gitdir: ../.git/modules/{name}\n", at=copy)
        check(judge(world, os.path.join(copy, name)) == before[paths.index(at)], name + " is another one")


def test_no_submodule_or_hidden_repository_brings_what_runs(world):
    other = world.make("other")
    world.git("init", "-q", ".", at=other)
    world.commit("x.txt", "x", at=other)
    repository(world)
    ran = os.path.join(world.top, "ran")
    places = []
    world.git("submodule", "add", "-q", other, "info")
    world.git("worktree", "add", "-q", "trees/logs", "topic")
    for name in ("modules/logs", "modules/refs", "modules/a/lfs", "modules/objects", "modules/hooks", "rr-cache/hidden"):
        places.append(".git/" + name)
        shutil.copytree(world.path(".git/modules/info"), world.path(".git", name))
    places += [".git/modules/info", ".git/worktrees/logs"]
    for place in places:
        world.write(place + "/hooks/post-checkout", f"#!/bin/sh\ntouch {ran}\n")
        os.chmod(world.path(place, "hooks/post-checkout"), 0o755)
        world.write(place + "/config.worktree", f"[core]\n\tpager = touch {ran}\n")
        if "worktrees" not in place:
            world.git("config", "--file", world.path(place, "config"), "core.pager", f"touch {ran}")
    world.save()
    copy = world.copy_elsewhere()
    world.firn("restore", "origin/latest", "--git", at=copy, expect=6)  # no .git that is a file
    shutil.rmtree(world.path(".git"))
    world.firn("restore", "1", "--git")
    for top in (world.directory, copy):
        for place in places:
            check(not os.path.exists(os.path.join(top, place, "hooks/post-checkout")), place + ": a hook")
            for name in ("config", "config.worktree"):
                path = os.path.join(top, place, name)
                check(not os.path.exists(path) or "touch" not in open(path, encoding="utf-8").read(), path)
    world.git("-C", "info", "checkout", "-q", "-b", "zz")
    check(not os.path.exists(ran), "a hook ran")


def test_a_pulled_checkpoint_has_no_name_that_another_system_reads_as_special(world):
    repository(world)
    hidden = ["Hooks/pre-commit", "CONFIG", "hooks./pre-commit", "con\u200bfig", "Modules/x/config", "Objects/info/alternates",
              "info/GRAFTS", "modules/config", "worktrees/x/GitDir", "CONFIG~1"]
    for name in hidden:
        world.write(".git/" + name, "[core]\n\tpager = run-me\n")
    world.save()
    copy = world.copy_elsewhere()
    text = world.firn("restore", "origin/latest", "--git", at=copy)
    for name in hidden:
        check(not os.path.exists(os.path.join(copy, ".git", name)), name + " was restored")
        check(name.split("/")[0].lower() in text.lower() or "\u200b" in name, text)
    check(judge(world, copy)[1] == judge(world)[1], "git says something else")
    shutil.rmtree(world.path(".git"))
    world.firn("restore", "1", "--git")
    check(not os.path.exists(world.path(".git/Hooks")), "hooks under another name were restored")


def test_a_pulled_checkpoint_does_not_make_git_write_elsewhere(world):
    repository(world)
    victim = world.make("victim")
    os.symlink("../victim", world.path("out"))
    world.git("config", "core.worktree", "../out")
    world.save()
    copy = world.copy_elsewhere()
    text = world.firn("restore", "origin/latest", "--git", at=copy)
    world.git("reset", "-q", "--hard", at=copy)
    check(os.listdir(victim) == [], f"git wrote {os.listdir(victim)} outside")
    check("core.worktree" in text, text)
    check(world.git("rev-parse", "--show-toplevel", at=copy).strip() == os.path.realpath(copy), "another worktree")


run_tests(globals())
