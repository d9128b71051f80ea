#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/cli/browse.py FIRN [NAME...]: firn browse and firn restore -i on a terminal, as a person sees them.

Each test makes a small workspace, types keys and compares whole screens (screen.py is the terminal). Ids, times and ages are
replaced by words of the same width. Prints "count: N tests", or what differs.
"""
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from screen import Program

FIRN = os.path.abspath(sys.argv[1])
PLACE = tempfile.mkdtemp(prefix="firn-browse-")
TREE = os.path.join(PLACE, "tree")
ESCAPE = "\x1b"
os.environ.update(XDG_DATA_HOME=os.path.join(PLACE, "data"), XDG_CONFIG_HOME=os.path.join(PLACE, "config"), LANG="C",
                  HOME=PLACE)
for name in ("LC_ALL", "LC_CTYPE", "NO_COLOR", "FIRN_STORE"):
    os.environ.pop(name, None)


class Different(Exception):
    """The screen is not what it must be."""


def firn(*arguments):
    done = subprocess.run([FIRN, "-C", TREE, *arguments], capture_output=True, text=True, timeout=120)
    if done.returncode != 0:
        raise Different(f"firn {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def write(path, text):
    path = os.path.join(TREE, path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def read(path):
    with open(os.path.join(TREE, path), encoding="utf-8") as file:
        return file.read()


def exists(path):
    return os.path.lexists(os.path.join(TREE, path))


def three_checkpoints():
    write("src/main.c", "int main(void)\n{\n    return 0;\n}\n")
    write("notes", "one\n")
    firn("save", "-m", "the first")
    write("src/main.c", "int main(void)\n{\n    return 1;\n}\n")
    write("new", "n\n")
    firn("save", "-m", "return one")
    os.remove(os.path.join(TREE, "notes"))
    write("src/more.c", "more\n")
    firn("save", "-m", "no notes, more code")


def start(*arguments, **options):
    return Program([FIRN, *(arguments or ("browse",))], directory=TREE, **options)


def plain(text):
    """The screen with what differs from run to run replaced."""
    def words(width):
        return lambda found: "x" * width if width else "x" * len(found.group())
    text = re.sub(r"\b[k-z]{8}\b", "ididid..", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \S+", "TIME", text)
    text = re.sub(r"(?m)^([> ] *[\d-]+ ) *\d+[smh] ", r"\1 AGE ", text)
    return text.replace(TREE, "TREE").rstrip()


def expect(program, wanted, is_ready=None):
    """The screen becomes what is wanted."""
    wanted = wanted.strip("\n").rstrip()
    try:
        program.wait_for(lambda text: plain(text) == wanted, 10)
    except TimeoutError:
        raise Different("wanted:\n" + wanted + "\n\nshown:\n" + plain(program.screen.text())) from None


def end(program, code=0):
    """It ended so, and left the terminal as it was."""
    got = program.wait()
    if got != code:
        raise Different(f"exit code {got}, not {code}\n" + program.screen.text())
    if not program.modes_are_restored() or program.screen.is_alternate or program.screen.is_hidden or program.screen.keypad:
        raise Different("the terminal is not as it was")
    program.close()


def leave(program):
    program.type("q")
    end(program)


def check(is_so, what):
    if not is_so:
        raise Different(what)


# ---- what is seen ----

def a_history_with_what_each_checkpoint_changed():
    three_checkpoints()
    program = start()
    expect(program, FIRST)
    check(program.screen.attributes_of(1, 4) >= {"reverse"}, "the chosen row is not reversed")
    check("colour 32" in program.screen.attributes_of(12, 33), "an added line is not green")
    program.type("j\t")
    expect(program, SECOND)
    program.type("j\t")
    expect(program, SECOND_FILE)
    leave(program)


TESTS = [value for key, value in list(globals().items()) if key.startswith(("a_", "the_"))]
if __name__ == "__main__":
    pass
