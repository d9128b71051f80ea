#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/cli/browse.py [--write] FIRN [NAME...]: firn browse and firn restore -i on a terminal, as a person sees them.

Each test makes a small workspace, types keys and compares whole screens with those in browse_screens.txt (screen.py is the
terminal). Ids, times and ages are replaced by words. Prints "count: N tests", or what differs. --write writes the screens as
they are: look at them before they are committed.
"""
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile

from screen import Program

IS_WRITTEN = "--write" in sys.argv
WORDS = [word for word in sys.argv[1:] if word != "--write"]
FIRN = os.path.abspath(WORDS[0])
SCREENS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "browse_screens.txt")
PLACE = tempfile.mkdtemp(prefix="firn-browse-")
TREE = os.path.join(PLACE, "a-project-whose-name-is-rather-long")
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
    text = re.sub(r"^ firn  \S+ *", " firn  ROOT ", text)
    text = re.sub(r"\b[k-z]{32}\b", "ID", text)
    text = re.sub(r"\b[k-z]{8}\b", "ididid..", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", text)
    text = re.sub(r"\d{4}-[-\d: ]*…", "TIME…", text)
    text = re.sub(r"(?m)^([> ] *[\d-]+ ) *\d+[smh] ", r"\1 AGE ", text)
    text = re.sub(r"before restoring [k-z]+…", "before restoring id…", text)
    return text.rstrip()


def read_screens():
    screens = {}
    with open(SCREENS, encoding="utf-8") as file:
        for line in file:
            if line.startswith("== "):
                lines = screens.setdefault(line[3:].rstrip("\n"), [])
            elif line.startswith("|"):
                lines.append(line[1:].rstrip("\n"))
    return {key: "\n".join(lines).rstrip() for key, lines in screens.items()}


def write_screens():
    with open(SCREENS, "w", encoding="utf-8") as file:
        file.write("What firn browse shows: browse.py compares, and writes this with --write.\n")
        for key, text in wanted_screens.items():
            file.write(f"\n== {key}\n" + "".join(f"|{line}\n" for line in text.split("\n")))


wanted_screens = {} if IS_WRITTEN else read_screens()


def expect(program, name):
    """The screen becomes the one of that name."""
    if IS_WRITTEN:
        program.wait_until_still(0.4)
        wanted_screens[name] = plain(program.screen.text())
        return
    wanted = wanted_screens[name]
    try:
        program.wait_for(lambda text: plain(text) == wanted, 20)
    except TimeoutError:
        raise Different(f"{name}: wanted:\n{wanted}\n\nshown:\n{plain(program.screen.text())}") from None


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

def history_and_what_each_checkpoint_changed():
    three_checkpoints()
    program = start()
    expect(program, "history")
    check("reverse" in program.screen.attributes_of(1, 4), "the chosen row is not reversed")
    check("colour 31" in program.screen.attributes_of(12, 34), "a removed line is not red")
    program.type("j")
    expect(program, "second checkpoint")
    program.type("\tj")
    expect(program, "second file")
    check("reverse" in program.screen.attributes_of(5, 40), "the chosen file is not reversed")
    program.type("G\x1b[Z")
    program.type("G")
    expect(program, "first checkpoint")
    program.type("i")
    expect(program, "details")
    program.type("x?")
    expect(program, "help")
    program.type("q")
    expect(program, "first checkpoint")
    leave(program)


def what_a_restore_would_change():
    three_checkpoints()
    write("src/main.c", "int main(void)\n{\n    return 2;\n}\n")
    program = start()
    program.type("jd")
    expect(program, "disk")
    program.type("\tGk\t")
    expect(program, "disk lines")
    program.type("d")
    expect(program, "checkpoint lines")
    leave(program)


def restore_undo_and_redo():
    three_checkpoints()
    write("unsaved", "precious\n")
    program = start()
    program.type("jj")
    program.wait_for("the first")
    program.type("\r")
    expect(program, "preview")
    program.type("n")
    expect(program, "not restored")
    check(read("src/main.c").count("1") == 1, "a refused restore changed a file")
    program.type("\ry")
    expect(program, "restored")
    check("return 0" in read("src/main.c") and read("notes") == "one\n", "not restored")
    check(not exists("unsaved") and not exists("new"), "what the checkpoint does not have is there")
    program.type("u")
    expect(program, "preview of undo")
    program.type("y")
    expect(program, "undone")
    check(read("unsaved") == "precious\n" and not exists("notes"), "not undone")
    program.type("U")
    expect(program, "preview of redo")
    program.type("y")
    program.wait_for("redid")
    check(read("notes") == "one\n", "not redone")
    program.type("\r")
    expect(program, "nothing to restore")
    program.type("s")
    expect(program, "safety checkpoints")
    program.type("q")
    end(program)
    check("take this back with: firn undo" in program.screen.text().replace("\n", ""), "what was done is not told at the end")


def what_is_not_saved_yet():
    three_checkpoints()
    write("src/main.c", "int main(void)\n{\n    return 2;\n}\n")
    os.rename(os.path.join(TREE, "new"), os.path.join(TREE, "newer"))
    write("unsaved", "precious\n")
    program = start()
    expect(program, "not saved")
    program.type("k")
    expect(program, "not saved, chosen")
    program.type("i")
    program.wait_for("firn save makes one")
    program.type("\r")
    expect(program, "not saved, files")
    program.type("j\r")
    expect(program, "not saved, lines")
    program.type("\x1b[Z")
    program.type("d")  # compares a checkpoint with the disk, which this is anyway
    program.wait_for(lambda text: "+++ b/newer" in text or "rename to newer" in text or "R new" in text)
    program.type("g  \r")  # the rename, and the changed file
    expect(program, "not saved, preview of the marked")
    program.type("y")
    program.wait_for("restored 2 marked files of 3")
    check("return 1" in read("src/main.c") and exists("new") and not exists("newer"), "the marked files are not as they were saved")
    check(read("unsaved") == "precious\n", "a file that was not marked was restored")
    program.type("u")
    program.wait_for("undo? (y/n)")
    program.type("y")
    program.wait_for("undid")
    check("return 2" in read("src/main.c"), "not undone")
    program.wait_for("not saved yet")
    firn("save", "-m", "by another process")
    program.wait_for(lambda text: "by another process" in text and "not saved yet" not in text)
    write("unsaved", "more\n")
    program.wait_for("not saved yet", 60)  # without a key
    program.type("gu")
    program.wait_for("undo? (y/n)")
    program.type("y")
    program.wait_for(lambda text: "undid" in text and "not saved yet" not in text)
    leave(program)
    firn("restore", "1")
    program = start()
    program.wait_for("rename to newer")
    program.wait_until_still()
    check("not saved yet" not in program.screen.text(), "the restored state counts as not saved")
    leave(program)
    write("notes", "two\n")
    program = start("browse", "src")
    program.wait_for("return 2;")
    program.wait_until_still()
    check("not saved yet" not in program.screen.text(), "what is not saved is elsewhere")
    leave(program)
    program = start("browse", "notes")
    program.wait_for("not saved yet")
    program.type("g")
    program.wait_for("compared with 1  ")
    program.wait_for("+two")
    leave(program)


def restore_of_marked_files():
    three_checkpoints()
    firn("undo")
    write("src/main.c", "later\n")
    os.remove(os.path.join(TREE, "new"))
    program = start()
    program.type("j\tj ")
    expect(program, "marked")
    program.type("\r")
    expect(program, "preview of the marked")
    program.type("y")
    program.wait_for("restored 1 marked file of 2")
    check("return 1" in read("src/main.c"), "the marked file was not restored")
    check(not exists("new"), "a file that was not marked was restored")
    program.type("a\r")
    expect(program, "preview of all marked")
    program.type("y")
    program.wait_for("restored 2 marked files of 2")
    check(read("new") == "n\n", "the other marked file was not restored")
    program.type("gk\x1b[H")
    leave(program)
    program = start()
    program.type("\ta\r")  # one of them was removed by the checkpoint, and is not there
    program.wait_for("restore 2 marked files of 3? (y/n)")
    program.type("y")
    program.wait_for("restored 2 marked files of 3")
    check(exists("src/more.c") and not exists("notes"), "not restored")
    program.type("j \r")
    program.wait_for("what is marked is not on the disk")
    leave(program)


def rename_is_restored_as_a_whole():
    write("old name", "a text that is long enough\n")
    firn("save", "-m", "before")
    os.rename(os.path.join(TREE, "old name"), os.path.join(TREE, "new name"))
    firn("save", "-m", "after")
    firn("restore", "1")
    program = start()
    program.type("\t ")
    expect(program, "renamed")
    program.type("\ry")
    program.wait_for("restored 1 marked file of 2")
    check(exists("new name") and not exists("old name"), "half of a rename was restored")
    leave(program)


def paths_alone():
    three_checkpoints()
    write("notes", "not at the path\n")
    program = start("browse", "src/more.c")
    text = program.wait_for("no notes, more code")
    check("1 of 1\n" in text and "the first" not in text and "return one" not in text, text)
    program.wait_for("A src/more.c")
    firn("save", "-m", "another file")
    write("src/more.c", "still more\n")
    firn("save", "-m", "the same file")
    text = program.wait_for("the same file")
    check("another file" not in text, text)
    os.remove(os.path.join(TREE, "src/more.c"))
    os.remove(os.path.join(TREE, "notes"))
    program.type("g\ry")
    program.wait_for("restored")
    check(read("src/more.c") == "still more\n" and not exists("notes"), "not the path alone")
    leave(program)


def what_was_pulled():
    three_checkpoints()
    other = os.path.join(PLACE, "other")
    shared = os.path.join(PLACE, "shared")
    os.makedirs(other)
    for text in ("theirs", "theirs and more"):
        with open(os.path.join(other, "f"), "a", encoding="utf-8") as file:
            file.write(text + "\n")
        subprocess.run([FIRN, "-C", other, "save", "-q", "-m", text], check=True, stdout=subprocess.DEVNULL)
    subprocess.run([FIRN, "-C", other, "remote", "add", "origin", shared, "-q"], check=True)
    subprocess.run([FIRN, "-C", other, "push", "-q"], check=True)
    firn("remote", "add", "origin", shared)
    firn("pull", "-q")
    write("notes", "not saved\n")
    program = start("browse", "origin")
    text = program.wait_for("+theirs and more")
    check("2 of 2\n" in text.replace("1 of 2", "2 of 2") and "no notes" not in text and "not saved" not in text, text)
    program.type("j")
    program.wait_for("+theirs\n")
    firn("save", "-m", "own, meanwhile")
    program.type("\ry")
    program.wait_for("restored")
    check(read("f") == "theirs\n" and not exists("src"), "not what was pulled")
    leave(program)
    program = start("browse", "origin/nobody")
    end(program, 3)


def colours_and_questions():
    three_checkpoints()
    program = start()
    text = program.wait_for("A src/more.c")
    rows = text.split("\n")
    for letter, name, colour in (("A", "src/more.c", 32), ("D", "notes", 31)):
        row = next(i for i, line in enumerate(rows) if f" {letter} {name}" in line)
        column = rows[row].index(f"{letter} {name}")
        attributes = program.screen.attributes_of(row, column)
        check(rows[row][column - 2] == ">" or f"colour {colour}" in attributes, f"{letter}: {attributes}")
    check({31, 32} & program.screen.colours, "no colours")
    leave(program)
    write("src/more.c", "on the disk\n")
    program = start(columns=30)
    program.type("\ta\r")
    text = program.wait_for("y yes   n no")
    check(re.match(r"restore 2 marked file….*\? \(y/n\)$|restore .*…\? \(y/n\)$", text.split("\n")[1]), text)
    program.type("n")
    leave(program)
    program = start()
    program.type("l")  # to the right: the files
    program.wait_for("Space mark")
    program.type("h")
    program.wait_for("Tab files")
    leave(program)


def one_checkpoint():
    three_checkpoints()
    write("src/main.c", "later\n")
    program = start("restore", "-i", "1")
    expect(program, "one checkpoint")
    program.type("jj \r")
    expect(program, "one checkpoint, preview")
    program.type("y")
    end(program)
    check("restored 1 marked file of 1: 1 changed" in program.screen.text(), "what was done is not told")
    check("return 0" in read("src/main.c") and exists("new"), "more or less than the marked file was restored")
    program = start("restore", "-i", "1", "src")
    expect(program, "one checkpoint, a directory")
    program.type("\r")
    expect(program, "one checkpoint, a directory, preview")
    program.type("y")
    end(program)
    check(exists("new") and not exists("src/more.c"), "not what was named was restored")
    program = start("restore", "--interactive", "latest")
    program.wait_for("a restore would change")
    leave(program)


def turn(prompt, path, text):
    for when in ("before", "after"):
        event = '{"prompt": "' + prompt + '", "session_id": "s"}'
        subprocess.run([FIRN, "hook", "run", "claude", when], cwd=TREE, input=event, text=True, check=True, capture_output=True)
        if when == "before":
            write(path, text)


def what_is_chosen_to_undo():
    three_checkpoints()
    turn("name it", "named", "one\n")
    turn("rename it", "named", "two\n")
    program = start("undo", "-i")
    expect(program, "undo")
    program.type("j\r")
    expect(program, "undo, preview")
    program.type("n")
    check(read("named") == "two\n", "a refused undo changed a file")
    program.type("\ry")
    end(program)
    check(not exists("named") and exists("new"), "not undone to where the turn began")
    check("undid the turn of Claude Code (name it) and 1 other step" in program.screen.text().replace("\n", ""), program.screen.text())
    check("redo with: firn redo" in program.screen.text(), program.screen.text())
    firn("redo")
    write("named", "three\n")
    program = start("undo", "--interactive")
    program.wait_for("rename it")
    program.type("jjj\r")
    program.wait_for("undo")
    program.type("y")
    end(program)
    check(not exists("named"), "not undone to before a save")
    program = start("undo", "-i")
    program.wait_for("rename it")
    program.type("\r")
    expect(program, "undo of what was undone")
    program.type("q")
    leave(program)


# ---- terminals ----

def narrow_terminals():
    three_checkpoints()
    program = start(rows=10, columns=20)
    expect(program, "20 columns")
    program.type("j\t")
    expect(program, "20 columns, files")
    program.type("j\t")
    expect(program, "20 columns, lines")
    program.type("l")
    expect(program, "20 columns, scrolled")
    program.type("\r")
    expect(program, "20 columns, preview")
    program.type("n?")
    expect(program, "20 columns, help")
    program.type("x/")
    program.type("something that is longer")
    expect(program, "20 columns, search")
    program.type("\r")
    expect(program, "20 columns, not found")
    leave(program)


def terminals_that_change_their_size():
    three_checkpoints()
    program = start()
    program.wait_for("-one")
    program.resize(30, 120)
    expect(program, "120 columns")
    program.resize(12, 40)
    expect(program, "40 columns")
    for rows, columns in ((1, 1), (2, 3), (3, 200), (5, 7), (300, 300)):
        program.resize(rows, columns)
        program.type("j\tk\t")
        program.wait_until_still()
    program.resize(24, 80)
    program.type("?")
    program.wait_for("Keys")
    program.resize(8, 30)
    expect(program, "30 columns, help")
    program.type("\x1b[6~" * 12)
    expect(program, "30 columns, the end of the help")
    program.type("x")
    leave(program)


def terminals_without_colours():
    three_checkpoints()
    program = start(term="vt100")
    expect(program, "history")
    check(not program.screen.colours, "a vt100 has no colours")
    check("reverse" in program.screen.attributes_of(1, 4), "a vt100 can show a row reversed")
    program.type("j")
    expect(program, "second checkpoint")
    program.type("\x1bOB\x1bOA\x1bOA")
    expect(program, "history")
    leave(program)
    program = start(environment={"NO_COLOR": "1"})
    expect(program, "history")
    check(not program.screen.colours, "NO_COLOR is not obeyed")
    leave(program)
    for term in ("screen", "linux", "tmux-256color"):
        if subprocess.run(["infocmp", term], capture_output=True, check=False).returncode == 0:
            program = start(term=term)
            expect(program, "history")
            leave(program)


def no_terminal_that_could_be_used():
    three_checkpoints()
    for term, why in (("dumb", "a terminal without a cursor is not enough (TERM=dumb)"), ("", "a terminal without a cursor"),
                      ("no-such-terminal", "cannot use a terminal of the type 'no-such-terminal'")):
        program = start(term=term)
        end(program, 1)
        check(why in program.screen.text() and "hint: firn log shows the history" in program.screen.text(), program.screen.text())
    program = start("restore", "-i", "1", term="dumb")
    end(program, 1)
    check("hint: firn restore REF -n" in program.screen.text(), program.screen.text())
    for arguments, code, why in ((["browse"], 1, "needs a terminal"), (["browse", "--json"], 2, "firn log --json"),
                                 (["restore", "-i"], 2, "missing REF"), (["restore", "-i", "1", "-n"], 2, "excludes"),
                                 (["restore", "-i", "9"], 3, "9"), (["undo", "-i"], 1, "firn undo --list"),
                                 (["undo", "-i", "--turn"], 2, "exclude"), (["undo", "-i", "--json"], 2, "firn log --json")):
        done = subprocess.run([FIRN, *arguments], cwd=TREE, capture_output=True, text=True, check=False)
        check(done.returncode == code and why in done.stdout + done.stderr, f"{arguments}: {done}")


def hostile_names():
    three_checkpoints()
    names = ["a\x1b]0;title\x07", "line\nfeed", "tab\there", "back\\slash", "\u65e5\u672c\u8a9e", "e\u0301", "\u202eright", "x" * 200,
             "\U0001f600 smile"]
    for name in names:
        write(name, "a\tb\x1b[2Jc\r\u65e5\n")
    with open(os.path.join(os.fsencode(TREE), b"\xff\xfe"), "wb") as file:
        file.write(b"\xff\x00\n")
    firn("save", "-m", "hostile \x1b[2J\n and \u65e5\u672c\u8a9e " + "y" * 100)
    program = start()
    expect(program, "hostile names")
    program.type("\t")
    for i in range(10):
        program.type("j")
    expect(program, "hostile names, the last")
    program.type("gja\r")
    program.wait_for("10 marked files of 4")
    program.type("y")
    program.wait_until_still()
    program.resize(10, 20)
    expect(program, "hostile names, 20 columns")
    leave(program)


# ---- searching, and long histories ----

def search():
    three_checkpoints()
    for i in range(300):
        firn("save", "-q", "-m", f"number {i}")
    program = start()
    program.wait_for("1 of 256+")
    program.type("/NOTHING\x7f\x7f\x7f\x7f\x7f\x7fumber 7\r")
    program.wait_for("not found: Number 7")
    program.type("/279\r")
    program.wait_for("21 of 303")
    program.wait_for(lambda text: text.count("number 279") == 2)  # in the list, and above what it changed
    program.type("n")
    program.wait_for("25 of 303")  # its number is 279
    program.type("NN")
    program.wait_for("from the end again")
    program.wait_for("25 of 303")
    program.type("/umber 1\r")
    program.wait_for("101 of 303")
    program.type("/the first\r")
    program.wait_for("303 of 303")
    program.type("\x1b[5~\x1bOH")
    program.wait_for("1 of 303")
    program.type("\x1b[6~\x1b[6~\x1bOF")
    program.wait_for("303 of 303")
    program.type("\tG\t/void\r")
    program.wait_for("+int main(void)")
    leave(program)


# ---- others at work ----

def what_others_save_and_delete():
    three_checkpoints()
    program = start()
    program.wait_for("1 of 3")
    write("by another", "x\n")
    firn("save", "-m", "by another process")
    program.wait_for("2 of 4")
    expect(program, "another save")
    program.type("jj")
    program.wait_for("4 of 4")
    program.wait_for("+one")
    firn("delete", "2")
    program.type("k")
    expect(program, "another deleted it")
    program.type("\x0c")
    program.wait_for("of 3")
    program.type("gj")
    program.wait_for("2 of 3")
    program.wait_until_still()
    firn("delete", "3")
    program.type("\r")
    expect(program, "deleted before its restore")
    program.type("x")
    leave(program)


def a_store_that_is_locked():
    three_checkpoints()
    hold = """
import fcntl, os, struct, sys, time
file = os.open(sys.argv[1], os.O_RDWR)
fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
print("held", flush=True)
time.sleep(120)
"""
    stores = os.path.join(PLACE, "data", "firn")
    locks = [os.path.join(stores, name, "LOCK") for name in os.listdir(stores)]
    locks = [path for path in locks if os.path.exists(path)]
    holder = subprocess.Popen([sys.executable, "-c", hold, locks[0]], stdout=subprocess.PIPE)
    holder.stdout.readline()
    try:
        program = start("browse", "--wait", "1")
        program.type("jj\r")
        program.wait_for("(y/n)")
        program.type("y")
        program.wait_for("waiting for another writer")
        program.wait_for(lambda text: "is locked by process" in " ".join(text.split()))
        check("return 1" in read("src/main.c"), "it was restored")
        program.type("x")
    finally:
        holder.kill()
        holder.wait()
    program.type("\ry")
    program.wait_for("restored 1")
    leave(program)


def keys_at_random_while_others_save_delete_and_collect():
    three_checkpoints()
    seed = int(os.environ.get("FIRN_TEST_SEED", "1"))
    random.seed(seed)
    program = start()
    keys = ["j", "k", "g", "G", "\t", "\x1b[Z", " ", "a", "d", "s", "i", "?", "x", "\r", "y", "n", "u", "U", "r", "/on\r", "n", "N", "l", "h",
            "\x1b[6~", "\x1bOB"]
    others = [["save", "-q"], ["delete", "latest~1"], ["gc", "-q"], ["save", "-q", "--if-changed"], ["undo"]]
    process = None
    for i in range(150):
        if process is None or process.poll() is not None:
            write("by another", f"{i}\n")
            process = subprocess.Popen([FIRN, "-C", TREE, *random.choice(others)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        program.type(random.choice(keys))
        if i % 40 == 0:
            program.resize(random.randrange(5, 40), random.randrange(10, 120))
        program.read(0.02)
    process.wait()
    for _ in range(20):  # from a page, a question or a search to the end
        if program.code is not None or not program.is_alive():
            break
        program.type("\x1b")
        program.read(0.1)
        program.type("q")
        program.wait_until_still()
    end(program)
    firn("check", "--data")


# ---- the terminal is given back ----

def signals():
    three_checkpoints()
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGQUIT, -signal.SIGQUIT)):
        program = start()
        program.wait_for("-one")
        os.kill(program.pid, number)
        end(program, code)
    program = start()
    program.wait_for("-one")
    program.type("\x03")
    end(program, 130)


def stop_and_continue():
    three_checkpoints()
    program = start(shell=True)
    program.type(f"PS1='ready>'; unset PROMPT_COMMAND; {FIRN} browse\r")
    program.wait_for("-one")
    program.type("\x1a")
    program.wait_for("Stopped")
    check(not program.screen.is_alternate and not program.screen.is_hidden, "the terminal is not given back while it is stopped")
    program.resize(12, 80)
    program.type("fg\r")
    program.wait_for("no notes, more code")
    program.type("j")
    program.wait_for("> " + "  2")
    check(len([line for line in program.screen.text().split("\n") if line]) == 12, "the size is not the new one")
    program.type("q")
    program.wait_for("ready>")
    program.type("echo code $?; exit\r")
    program.wait_for("code 0")
    program.wait()
    program.close()


def nothing_to_browse():
    os.makedirs(TREE, exist_ok=True)
    program = start()
    end(program)
    check(program.screen.text().strip() == "no checkpoints", program.screen.text())


TESTS = [history_and_what_each_checkpoint_changed, what_a_restore_would_change, what_is_not_saved_yet, restore_undo_and_redo, restore_of_marked_files,
         rename_is_restored_as_a_whole, paths_alone, what_was_pulled, colours_and_questions, one_checkpoint, narrow_terminals, terminals_that_change_their_size,
         terminals_without_colours, no_terminal_that_could_be_used, hostile_names, search, what_is_chosen_to_undo, what_others_save_and_delete,
         a_store_that_is_locked, keys_at_random_while_others_save_delete_and_collect, signals, stop_and_continue, nothing_to_browse]


def main():
    chosen = [test for test in TESTS if not WORDS[1:] or test.__name__ in WORDS[1:]]
    failed = 0
    try:
        for test in chosen:
            shutil.rmtree(PLACE, ignore_errors=True)
            os.makedirs(TREE)
            try:
                test()
            except (Different, TimeoutError, ValueError) as problem:
                print(f"{test.__name__}: {problem}", flush=True)
                failed += 1
    finally:
        shutil.rmtree(PLACE, ignore_errors=True)
    if IS_WRITTEN:
        write_screens()
    print(f"count: {len(chosen)} tests, {failed} failed")
    return 1 if failed else 0


sys.exit(main())
