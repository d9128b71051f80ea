#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/cli/git_kept_undo.py FIRN: undo and redo of git repositories, along checkpoints of the same files and others."""
import os
import shutil

from git_world import check, judge, left_beside, repository, run_tests


def saved(world, *commands):
    """Runs git after each save; what git says at each of them."""
    states = []
    for command in commands:
        if command:
            world.git(*command)
        world.save()
        states.append(judge(world))
    return states


def goes(world, direction, state, text=""):
    said = world.firn(direction, "--git")
    check(judge(world) == state, f"{direction}: git says something else: {said}")
    check(text in said, said)
    check(not left_beside(world), "something is left")


def test_a_lost_repository_is_the_newest_of_the_same_files(world):
    repository(world)
    states = saved(world, [], ["commit", "-q", "--allow-empty", "-m", "three"])
    shutil.rmtree(world.path(".git"))
    goes(world, "undo", states[1], "back at 2")
    shutil.rmtree(world.path(".git"))
    world.save()  # as a watch does
    goes(world, "undo", states[1], "back at 2")


def test_each_saved_change_is_a_step(world):
    repository(world)
    states = saved(world, [], ["commit", "-q", "-m", "three"], ["branch", "-D", "topic"])
    goes(world, "undo", states[1], "undid changes of git repositories, back at 2")
    goes(world, "undo", states[0], "back at 1")
    world.firn("undo", "--git", expect=3)
    goes(world, "redo", states[1], "redid changes of git repositories, now at 2")
    goes(world, "redo", states[2])
    world.firn("redo", "--git", expect=3)


def test_unsaved_changes_are_a_step(world):
    repository(world)
    states = saved(world, [], ["tag", "second"])
    world.git("commit", "-q", "-m", "unsaved")
    world.git("branch", "-D", "topic")
    states.append(judge(world))
    check("would undo" in world.firn("undo", "--git", "-n"), "a dry run tells nothing")
    check(judge(world) == states[2], "a dry run changes something")
    goes(world, "undo", states[1], "redo with: firn redo --git")
    check("would redo" in world.firn("redo", "--git", "-n"), "a dry run tells nothing")
    goes(world, "redo", states[2], "take this back with: firn undo --git")
    goes(world, "undo", states[1])
    goes(world, "undo", states[0])


def test_new_work_ends_what_can_be_redone(world):
    repository(world)
    saved(world, [], ["tag", "second"])
    world.firn("undo", "--git")
    world.git("branch", "new")
    world.firn("redo", "--git", expect=3)
    check("new" in world.git("branch"), "new work is gone")


def test_files_and_repositories_are_steps_beside_each_other(world):
    repository(world)
    states = saved(world, [], ["tag", "second"])
    world.commit("b.txt", "three")
    states += saved(world, [], ["branch", "-D", "topic"])
    goes(world, "undo", states[2])
    check(os.path.exists(world.path("b.txt")), "a file went with git's step")
    goes(world, "undo", states[1])
    check(not os.path.exists(world.path("b.txt")), "the file stays")
    goes(world, "undo", states[0])
    goes(world, "redo", states[1])
    goes(world, "redo", states[3])
    check(os.path.exists(world.path("b.txt")), "the file is not back")


def test_unsaved_files_are_taken_back_alone(world):
    repository(world)
    saved(world, [], ["tag", "second"])
    world.write("b.txt", "unsaved")
    world.firn("undo", "--git")
    check(not os.path.exists(world.path("b.txt")) and "second" in world.git("tag"), "git went back as well")
    world.firn("redo", "--git")
    check(os.path.exists(world.path("b.txt")) and "second" in world.git("tag"), "the file is not back")


def test_a_look_at_the_files_is_no_work(world):
    """git status writes the index anew."""
    other = world.make("other")
    world.git("init", "-q", ".", at=other)
    world.commit("x.txt", "x", at=other)
    repository(world)
    world.git("submodule", "add", "-q", other, "lib")
    world.git("worktree", "add", "-q", "tree", "topic")
    world.git("commit", "-q", "-a", "-m", "three")
    states = saved(world, [])
    world.write("lib/x.txt", "xx")
    world.git("commit", "-q", "-a", "-m", "four", at=world.path("lib"))
    world.write("tree/a.txt", "another")
    world.git("commit", "-q", "-a", "-m", "four", at=world.path("tree"))
    world.commit("a.txt", "four")
    states += saved(world, [])
    for _ in range(2):
        said = world.firn("undo", "--git")
        check(judge(world) == states[0] and "redo with: firn redo --git" in said, said)
        for name in ("", "tree", "lib"):
            world.git("status", at=world.path(name))
        said = world.firn("diff", "1")
        check("git:" not in said, said)
        world.firn("redo", "--git")
        check(judge(world) == states[1], "redo: git says something else")
    world.git("update-index", "--chmod=+x", "a.txt")
    check("index changed" in world.firn("status"), "what is staged does not count")


def test_what_was_there_before_is_passed_over(world):
    repository(world)
    states = saved(world, [], ["tag", "second"], ["tag", "-d", "second"])
    world.git("branch", "-D", "topic")
    after = judge(world)
    goes(world, "undo", states[2], "back at 3")
    goes(world, "redo", after)
    goes(world, "undo", states[2])
    goes(world, "redo", after)
    world.firn("redo", "--git", expect=3)


def test_settings_of_a_submodule_do_not_hold_it_up(world):
    other = world.make("other")
    world.git("init", "-q", ".", at=other)
    world.commit("x.txt", "x", at=other)
    repository(world)
    world.git("submodule", "add", "-q", other, "lib")
    world.git("commit", "-q", "-a", "-m", "three")
    states = saved(world, [], ["tag", "second"])
    world.git("config", "user.name", "Eve", at=world.path("lib"))
    said = world.firn("status")
    check("git: .git: config changed" in said, said)
    goes(world, "undo", states[0], "back at 1")
    goes(world, "redo", states[1])


def test_a_restore_of_both_is_undone(world):
    repository(world)
    saved(world, [])
    world.commit("b.txt", "unsaved")
    before = judge(world)
    world.firn("restore", "1", "--git")
    check(not os.path.exists(world.path("b.txt")), "the file stays")
    goes(world, "undo", before, "redo with: firn redo --git")
    check(os.path.exists(world.path("b.txt")), "the file is not back")


def test_both_unsaved_are_taken_back_together(world):
    repository(world)
    states = saved(world, [])
    world.write("b.txt", "unsaved")
    world.git("branch", "-D", "topic")
    after = judge(world)
    goes(world, "undo", states[0])
    world.firn("redo", "--git")
    world.firn("redo", "--git")
    check(judge(world) == after, f"git says {judge(world)}, not {after}")


run_tests(globals())
