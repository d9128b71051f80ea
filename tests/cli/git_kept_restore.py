#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/cli/git_kept_restore.py FIRN: a restore of git repositories loses nothing, whatever is there meanwhile."""
import importlib.util
import json
import os
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
    for last in range(70, 84, 2):
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


kept.TESTS = [value for name, value in list(globals().items()) if name.startswith("test_")]
kept.main()
