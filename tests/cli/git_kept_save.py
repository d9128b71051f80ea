#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/cli/git_kept_save.py FIRN: what saves keep of git repositories, and what firn forget takes from them."""
import os
import shutil

from git_world import check, judge, run_tests


def size_of(directory):
    return sum(os.path.getsize(os.path.join(at, name)) for at, _, names in os.walk(directory) for name in names)


def an_object(world, revision):
    """The path of a loose object."""
    name = world.git("rev-parse", revision).strip()
    return world.path(".git/objects", name[:2], name[2:])


def test_a_store_in_the_repository_is_no_part_of_it(world):
    world.drop_privileges()
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
    check(len(world.result("list", "--store", store)["checkpoints"]) == 6,
          "the store counts as a change of the repository")
    rows = world.result("list", "--store", store)["checkpoints"]
    check(all(row["files"] == 1 for row in rows), "the store is among the files")
    shutil.move(store, os.path.join(world.top, "store"))
    shutil.rmtree(world.path(".git"))
    world.firn("restore", "6", "--git", "--store", os.path.join(world.top, "store"))
    world.git("fsck", "--full", "--strict")
    check(not os.path.exists(world.path(".git/store")) and not os.path.exists(world.path(".git/other")),
          "a store came back from itself")


def lose_an_object(world):
    world.drop_privileges()
    world.git("init", "-q", ".")
    world.commit("a.txt", "one")
    lost = an_object(world, "HEAD:a.txt")
    os.chmod(lost, 0)
    text = world.firn_tells("save", expect=6)
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
    check(world.checkpoints()[0]["skipped"] == 1, "the checkpoint does not say that it lacks something")
    world.firn("save", "--if-changed", expect=6)
    check(len(world.checkpoints()) == 1, "the same again is no change")
    check(lost[-38:] in world.firn_tells("save", "--strict", expect=1), "--strict does not name it")
    world.firn("save", "--full", expect=6)
    os.chmod(lost, 0o444)
    world.firn("save", "--if-changed")
    check(world.checkpoints()[0]["skipped"] == 0, "it is whole now")
    world.firn("save", "--strict", "--if-changed")
    restores_whole(world)


def test_a_full_save_trusts_no_objects(world):
    world.drop_privileges()
    world.git("init", "-q", ".")
    world.commit("a.txt", "one")
    world.firn("save")
    lost = an_object(world, "HEAD:a.txt")
    os.chmod(lost, 0)
    check(lost[-38:] in world.firn_tells("save", "--full", "--strict", expect=1), "--full does not look")
    os.chmod(lost, 0o444)
    number = len(world.checkpoints())
    world.firn("save", "--full", "--if-changed")
    check(len(world.checkpoints()) == number, "the same objects are no change")
    restores_whole(world)


def test_strict_saves_fail_on_the_state_as_well(world):
    world.drop_privileges()
    world.git("init", "-q", ".")
    world.commit("a.txt", "one")
    os.chmod(world.path(".git/HEAD"), 0)
    check("HEAD" in world.firn_tells("save", "--strict", expect=1), "--strict does not name it")
    world.firn("save", expect=6)
    check(world.checkpoints()[0]["skipped"] == 1, "the checkpoint does not say that it lacks something")
    os.chmod(world.path(".git/HEAD"), 0o644)
    world.firn("save", "--strict")
    restores_whole(world)


def test_what_is_forgotten_is_in_no_repository(world):
    world.drop_privileges()
    world.git("init", "-q", ".")
    world.commit("secret", "the secret")
    blob = world.git("rev-parse", "HEAD:secret").strip()
    world.firn("save")
    world.git("rm", "-q", "secret")
    world.git("commit", "-q", "-m", "without it")
    world.firn("save")
    world.git("branch", "later")
    world.firn("restore", "2", "--git")  # makes a safety checkpoint with repositories
    count = len(world.checkpoints())
    check(count >= 3, "there is no safety checkpoint")
    check("would be dropped" in world.firn_tells("forget", "-n", "secret"), "-n does not tell")
    text = world.firn_tells("forget", "secret", "--yes")
    check(f"git repositories of {count} checkpoints were dropped" in text, text)
    check(text.count("removed from") == 1, text)
    shutil.move(world.path(".git"), os.path.join(world.top, "away"))
    for row in world.checkpoints():
        world.firn("restore", row["id"], "--git", expect=None)
        world.git("cat-file", "-p", blob, expect=128)
        shutil.rmtree(world.path(".git"), ignore_errors=True)
    packed = world.result("check", "--data")["objects"]
    world.firn("gc")
    left = world.result("check", "--data")["objects"]
    check(left < 10 < packed, f"the store still has objects of git: {packed} objects became {left}")


def test_objects_that_are_no_longer_borrowed(world):
    other = world.make("other")
    world.git("init", "-q", ".", at=other)
    world.commit("x.txt", "x", at=other)
    world.git("clone", "-q", "--shared", other, ".")
    before = judge(world)
    world.save()
    world.git("repack", "-adqn")
    os.unlink(world.path(".git/objects/info/alternates"))
    check(world.save("--if-changed")["made"], "new objects are no change")
    check(not world.save("--if-changed")["made"], "nothing has changed")
    shutil.rmtree(other)
    shutil.rmtree(world.path(".git"))
    world.firn("restore", "latest", "--git")
    check(judge(world) == before, "git says something else")


run_tests(globals())
