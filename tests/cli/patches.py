#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/cli/patches.py FIRN [SEED [TURNS]]: applying the patches that firn prints gives the later tree, and nothing else.

Each turn makes two trees with odd names, contents and targets of links, some of which look like parts of a patch, and saves
both. The patch between them, as firn diff, show and log print it, is applied to the earlier tree by git apply, and where GNU
patch can do it by patch -p1. Afterwards there is the later tree: contents, permissions to execute, links. No file is there
that is not in the later tree.

Left out, because a patch in this form cannot say it: directories without files (firn names them), and permissions other than
to execute. Files that are not text are in the patch as a line that begins with "# " and says "binary"; they stay as they were.
GNU patch 2.7 besides works file by file where git works on all at once, so it gets only trees without renames, without links
that change or become files, and without files that become directories; and it refuses to remove an empty file. git refuses a
patch that makes a directory of a link if looking through that link meets a cycle of links; such pairs of trees are passed over.

Prints the seed, "count: N patches applied by git" and "count: N patches applied by patch". FIRN_TEST_LONG=1: ten times as many.
"""
import errno
import os
import random
import shutil
import stat
import subprocess
import sys
import tempfile

firn = os.path.abspath(sys.argv[1])
seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
turns = int(sys.argv[3]) if len(sys.argv) > 3 else 150 * (10 if os.environ.get("FIRN_TEST_LONG") else 1)
rng = random.Random(seed)
work = os.fsencode(tempfile.mkdtemp(prefix="firn-patches-"))
env = dict(os.environ, XDG_DATA_HOME=os.fsdecode(work) + "/data", HOME=os.fsdecode(work), GIT_CONFIG_GLOBAL="/dev/null",
           GIT_CONFIG_NOSYSTEM="1", GIT_CEILING_DIRECTORIES="/", LC_ALL="C")
failures = []
by_git = by_patch = 0

HOSTILE = (b"diff --git a/.envrc b/.envrc\nnew file mode 100755\n--- /dev/null\n+++ b/.envrc\n@@ -0,0 +1 @@\n+evil\n")
NAMES = [b"a", b"b", b"dev", b"null", b"src", b"x.c", b"tail ", b" lead", b"in ner", b"t\tab", b"n\newline", b"q\"uote", b"'", b"back\\slash",
         b"-rf", b"--- a", b"+++ b", b"@@ -1 +1 @@", b"#", b"# x: binary", b"\\ No newline", b"\xc3\xa9", b"\xff\xfe", b"\x01", b"\x7f", b"\r",
         b"x 2001-01-01 00:00:00.000000000 +0000", b"x\t2001-01-01 00:00:00", b"old => new", b"{", b"\xe2\x80\xae", b"\xf0\x9f\x8e\x89", b"$(id)",
         b"*", b"~", b"diff --git a", b"new\ndiff --git a", b"n" * 120, b"a b", b"\t", b" ", b"\"", b"\\", b"\\n", b"0", b"rename from a"]
LINES = [b"a", b"b", b"", b" ", b"c\r", b"\r", b"- x", b"+ y", b"-- a/f", b"++ b/f", b"--- a/f", b"+++ b/f", b"@@ -1 +1 @@", b"\\ No newline at end of file",
         b"diff --git a/x b/x", b"new file mode 100644", b"# x", b"\xff\xfe", b"\xc3\xa9", b"\x1b[2J", b"\t", b"rename from a", b"index 0000000..1111111"]


def run(words, cwd, **more):
    return subprocess.run(words, cwd=cwd, env=env, capture_output=True, check=False, timeout=300, **more)


def text():
    if rng.random() < 0.1:
        return b""
    if rng.random() < 0.1:
        return HOSTILE
    return b"\n".join(rng.choice(LINES) for _ in range(rng.randrange(1, 30))) + rng.choice([b"", b"\n", b"\n", b"\r\n"])


def changed(content):
    lines = content.split(b"\n")
    for _ in range(rng.randrange(1, 4)):
        at = rng.randrange(len(lines))
        lines[at:at + rng.randrange(2)] = [rng.choice(LINES) for _ in range(rng.randrange(3))]
        lines = lines or [b""]
    return b"\n".join(lines)


def target():
    plain = rng.choice([b"a", b"../a", b"/dev/null", b"x y", b"-rf", b"\xff", b"t\t", b"end ", b"\""])
    odd = rng.choice([b"\n", b"x\n", HOSTILE, b"x\n" + HOSTILE, b"a\n\nb", b"x\n--- /dev/null\n+++ b/.envrc\n@@ -0,0 +1 @@\n+evil", b"\r\n", b"\r"])
    return odd if rng.random() < 0.5 else plain


class Tree(dict):
    """{path: ("file", content, is_executable) or ("link", target)}"""

    def is_free(self, path):
        parts = path.split(b"/")
        above = [b"/".join(parts[:i]) for i in range(1, len(parts))]
        return path not in self and not any(p in self for p in above) and not any(p.startswith(path + b"/") for p in self)

    def add(self, node, also_free_in=(), names=tuple(NAMES)):
        for _ in range(20):
            path = b"/".join(rng.choice(names) for _ in range(rng.randrange(1, 4)))
            if len(path) < 600 and self.is_free(path) and all(tree.is_free(path) for tree in also_free_in):
                self[path] = node
                return

    def write(self, place):
        shutil.rmtree(place, ignore_errors=True)
        os.makedirs(place)
        for path, node in self.items():
            full = os.path.join(place, path)
            os.makedirs(os.path.dirname(full), exist_ok=True)
            if node[0] == "link":
                os.symlink(node[1], full)
            else:
                with open(full, "wb") as file:
                    file.write(node[1])
                os.chmod(full, 0o755 if node[2] else 0o644)


def read(place):
    tree = Tree()
    for above, folders, names in os.walk(place):
        for name in names + folders:
            full = os.path.join(above, name)
            path = os.path.relpath(full, place)
            mode = os.lstat(full).st_mode
            if stat.S_ISLNK(mode):
                tree[path] = ("link", os.readlink(full))
            elif stat.S_ISREG(mode):
                with open(full, "rb") as file:
                    tree[path] = ("file", file.read(), mode & 0o100 != 0)
    return tree


def make(for_patch):
    """Two trees, and what of the second a patch leaves as in the first."""
    before = Tree()
    for _ in range(rng.randrange(1, 9)):
        before.add(("link", target()) if rng.random() < 0.3 else ("file", text(), rng.random() < 0.3),)
    after = Tree(before)
    for path in list(after):
        node, how = after[path], rng.random()
        if how < 0.2:
            if for_patch and node[1] == b"":
                continue
            del after[path]
        elif how < 0.4 and node[0] == "file":
            after[path] = ("file", changed(node[1]), node[2])
        elif how < 0.5 and node[0] == "file":
            after[path] = ("file", node[1], not node[2])
        elif how < 0.6 and not for_patch:
            after[path] = ("link", target()) if rng.random() < 0.5 else ("file", text(), False)
        elif how < 0.7 and not for_patch:
            del after[path]
            after.add(node,)
        elif how < 0.75 and not for_patch and not b"/" in path:
            del after[path]
            after.add(node, names=[path])  # a file becomes a directory, if the path is longer
    for _ in range(rng.randrange(4)):
        after.add(("link", target()) if rng.random() < 0.4 else ("file", text(), rng.random() < 0.3), [before] if for_patch else [])
    expected = Tree(after)
    if rng.random() < 0.3:  # not text
        before[b"bin"] = expected[b"bin"] = ("file", b"a\0b" + text(), False)
        after[b"bin"] = ("file", b"c\0" + text(), False)
    return before, after, expected


def save(tree):
    tree.write(os.path.join(work, b"w"))
    done = run([firn, "save", "-q", "--yes"], os.path.join(work, b"w"))
    if done.returncode != 0:
        sys.exit(f"seed {seed}: could not save: {done.stderr}")
    return done.stdout.decode().strip()


def crosses_a_cycle(before, after):
    """Whether a path of AFTER goes through a link of BEFORE that leads into a cycle of links."""
    place = os.path.join(work, b"old")
    before.write(place)
    for path in after:
        try:
            os.lstat(os.path.join(place, path))
        except OSError as error:
            if error.errno == errno.ELOOP:
                return True
    return False


def differences(found, expected):
    return [f"{path!r}: {found.get(path)!r:.300} instead of {expected.get(path)!r:.300}" for path in sorted(set(found) | set(expected))
            if found.get(path) != expected.get(path)]


def apply(turn, words, before, expected, patch, cut=b""):
    place = os.path.join(work, b"old")
    before.write(place)
    done = run(words, place, input=patch)
    wrong = differences(read(place), expected)
    if done.returncode != 0 or wrong:
        failures.append(f"turn {turn}: {words[0]}: {done.returncode} {done.stdout!r:.300} {done.stderr!r:.600}")
        failures.extend(wrong)
        failures.append(f"the patch: {patch!r:.3000}")
        return 0
    return 1


os.makedirs(os.path.join(work, b"w"))
for turn in range(turns):
    for_patch = turn % 3 == 0
    before, after, expected = make(for_patch)
    if crosses_a_cycle(before, after):
        continue
    first, second = save(before), save(after)
    if first == "" or second == "" or first == second:
        continue
    place = os.path.join(work, b"w")
    words = rng.choice([["diff", "-p", first, second], ["diff", "-U", str(rng.randrange(1, 9)), first, second], ["show", "-p", second], ["log", "-p", "-n", "1"]])
    printed = run([firn] + words, place)
    if printed.returncode != 0:
        sys.exit(f"seed {seed}: {words}: {printed.stderr}")
    if before.get(b"bin") != after.get(b"bin") and b"# bin: binary" not in printed.stdout:
        failures.append(f"turn {turn}: the binary file is not named")
    if b"diff --git" not in printed.stdout:
        if differences(before, expected):
            failures.append(f"turn {turn}: no patch for: {differences(before, expected)}")
        continue
    by_git += apply(turn, ["git", "apply", "--whitespace=nowarn", "-p1"], before, expected, printed.stdout)
    if for_patch and shutil.which("patch"):
        by_patch += apply(turn, ["patch", "-p1", "-s", "--no-backup-if-mismatch"], before, expected, printed.stdout)
    if failures:
        break

shutil.rmtree(work, ignore_errors=True)
print(f"seed {seed}")
if failures:
    sys.exit("\n".join(failures))
print(f"count: {by_git} patches applied by git")
print(f"count: {by_patch} patches applied by patch" if shutil.which("patch") else "SKIPPED: patch -p1: no patch")
