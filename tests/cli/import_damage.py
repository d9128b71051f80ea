#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/cli/import_damage.py FIRN [SEED [TURNS]]: firn import tar and git of sources that are damaged at random places.
tests/cli/import_damage.py FIRN SEED TURNS STORE ID=DIRECTORY...: firn import chkpt of a store, whose snapshots are as those directories.

Each turn damages a copy: bytes are changed, a file of it is cut, or is missing. Whatever comes out, the program ends with an exit code
of its own and says why; the source is only read; nothing is written but the store, and nothing stays in TMPDIR; the store is sound.
Where contents have checksums (objects of git, packs of chkpt), and in archives that were cut, every file that came in is what it was,
and every one that did not come in is named. Prints the seed and "count: N damaged sources imported".
"""
import hashlib
import io
import json
import os
import random
import shutil
import subprocess
import sys
import tarfile
import tempfile

firn = os.path.abspath(sys.argv[1])
seed = int(sys.argv[2]) if len(sys.argv) > 2 else random.randrange(1 << 30)
turns = int(sys.argv[3]) if len(sys.argv) > 3 else 12
rng = random.Random(seed)
work = tempfile.mkdtemp(prefix="firn-import-damage-")
env = dict(os.environ, TMPDIR=f"{work}/tmp", XDG_DATA_HOME=f"{work}/data", GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_NOSYSTEM="1", LC_ALL="C",
           **{f"GIT_{who}_{what}": "a@b" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")})
failures = []
imported = kept = 0


def run(words, cwd, **more):
    return subprocess.run(words, cwd=cwd, env=env, capture_output=True, check=False, timeout=300, **more)


def files_of(place):
    """{path: content}, links included."""
    found = {}
    for above, folders, names in os.walk(place):
        for name in names + folders:
            path = os.path.join(above, name)
            if os.path.islink(path):
                found[os.path.relpath(path, place)] = os.readlink(path).encode()
            elif name in names:
                with open(path, "rb") as file:
                    found[os.path.relpath(path, place)] = hashlib.sha256(file.read()).digest()
    return found


def damage(places):
    """Changes, cuts or removes one of some files. Returns what was done."""
    path = rng.choice(sorted(places))
    os.chmod(path, 0o600)
    size = os.path.getsize(path)
    how = rng.choice(["changed", "changed", "cut", "missing"]) if len(places) > 1 else rng.choice(["changed", "cut"])
    if how == "missing":
        os.unlink(path)
    elif how == "cut":
        os.truncate(path, rng.randrange(size + 1))
    else:
        with open(path, "r+b") as file:
            for _ in range(rng.randrange(1, 4)):
                file.seek(rng.randrange(max(size, 1)))
                file.write(rng.randbytes(rng.choice([1, 2, 40])))
    return how, os.path.basename(path)


def attempt(kind, turn, source, what, states, is_strict):
    """Imports a damaged source. states: {tag or None: files}."""
    global imported, kept
    where = f"seed {seed}, {kind}, turn {turn}, {what}"
    place = f"{work}/place/workspace"
    os.makedirs(place)
    os.makedirs(env["XDG_DATA_HOME"])
    before = files_of(source) if os.path.isdir(source) else hashlib.sha256(open(source, "rb").read()).digest()
    outside = sorted(os.listdir(work)) + os.listdir(f"{work}/place")
    done = run([firn, "import", kind, source], place)
    said = done.stderr.decode(errors="replace")
    imported += 1
    if not 0 <= done.returncode <= 6 or (done.returncode != 0 and "firn: " not in said):
        failures.append(f"{where}: exit code {done.returncode}: {said}")
    after = files_of(source) if os.path.isdir(source) else hashlib.sha256(open(source, "rb").read()).digest()
    if before != after:
        failures.append(f"{where}: the source is another one")
    if os.listdir(env["TMPDIR"]) or os.listdir(place) or sorted(os.listdir(work)) + os.listdir(f"{work}/place") != outside:
        failures.append(f"{where}: something was left, or written where it may not be")
    listed = json.loads(run([firn, "list", "--json"], place).stdout or b'{"checkpoints": []}').get("checkpoints", [])
    if listed and run([firn, "check", "--data"], place).returncode != 0:
        failures.append(f"{where}: the store is damaged")
    tags = {tag["id"]: tag["name"] for tag in json.loads(run([firn, "tag", "--json"], place).stdout)["tags"]} if listed else {}
    for checkpoint in listed:
        back = f"{work}/back"
        if run([firn, "restore", str(checkpoint["number"]), "--to", back, "-q"], place).returncode != 0:
            failures.append(f"{where}: checkpoint {checkpoint['number']} cannot be restored")
            continue
        wanted = states.get(tags.get(checkpoint["id"]), {})
        for path, content in files_of(back).items() if is_strict else ():
            kept += 1
            if wanted.get(path) != content:
                failures.append(f"{where}: {path} of {checkpoint['message']} is another one")
        for path in set(wanted) - set(files_of(back)) if is_strict else ():
            parents = [path[:at] for at in range(len(path)) if path[at] == "/"]
            if not any(f"left out: {named}: " in said for named in [path, *parents]) and "the archive ends" not in said:
                failures.append(f"{where}: {path} is missing, and nothing says so: {said}")
        shutil.rmtree(back)
    if is_strict and done.returncode == 0 and len(listed) != len(states):
        failures.append(f"{where}: {len(listed)} of {len(states)} came in, and nothing says so")
    shutil.rmtree(f"{work}/place")
    shutil.rmtree(env["XDG_DATA_HOME"])


def grow(place):
    """Adds, changes and removes files."""
    for _ in range(6):
        folder = rng.choice(["", "a", "a/b", "c"])
        os.makedirs(f"{place}/{folder}", exist_ok=True)
        with open(f"{place}/{folder}/f{rng.randrange(8)}", "wb") as file:
            file.write(rng.randbytes(rng.choice([0, 3, 700, 9000])))
    if os.path.exists(f"{place}/a/b") and rng.random() < 0.3:
        shutil.rmtree(f"{place}/a/b")


def archives():
    grow(f"{work}/tree")
    grow(f"{work}/tree")
    with tarfile.open(f"{work}/whole.tar", "w", format=tarfile.PAX_FORMAT) as archive:
        archive.add(f"{work}/tree", ".")
        long = tarfile.TarInfo("long/" + "n" * 150)
        long.size = 5
        archive.addfile(long, io.BytesIO(b"long\n"))
    wanted = files_of(f"{work}/tree")
    wanted[long.name] = hashlib.sha256(b"long\n").digest()
    for turn in range(turns):
        shutil.copy(f"{work}/whole.tar", f"{work}/bad.tar")
        what = damage([f"{work}/bad.tar"])
        attempt("tar", turn, f"{work}/bad.tar", what, {None: wanted}, what[0] == "cut")


def repositories():
    repo = f"{work}/repo"
    run(["git", "init", "-q", "-b", "main", repo], work)
    states = {}
    for number in range(5):
        grow(repo)
        run(["git", "add", "-A"], repo)
        run(["git", "commit", "-q", "--allow-empty", "-m", f"state {number}"], repo)
        name = run(["git", "rev-parse", "HEAD"], repo).stdout.decode().strip()
        states[f"git/{name}"] = {path: content for path, content in files_of(repo).items() if not path.startswith(".git/")}
    for is_packed in (False, True):
        if is_packed:
            run(["git", "gc", "-q"], repo)
        for turn in range(turns):
            shutil.rmtree(f"{work}/bad", ignore_errors=True)
            shutil.copytree(repo, f"{work}/bad")
            objects = [os.path.join(above, name) for above, _, names in os.walk(f"{work}/bad/.git/objects") for name in names]
            what = damage(objects)
            # An index or the head of an entry in a pack has no checksum that git looks at.
            attempt("git", turn, f"{work}/bad", what, states, not is_packed)


def store(source, states):
    for turn in range(turns):
        shutil.rmtree(f"{work}/bad", ignore_errors=True)
        shutil.copytree(source, f"{work}/bad")
        packs = [os.path.join(f"{work}/bad/packs", name) for name in os.listdir(f"{work}/bad/packs")]
        what = damage(packs)
        attempt("chkpt", turn, f"{work}/bad", what, states, True)
        others = [os.path.join(above, name) for above, _, names in os.walk(f"{work}/bad") for name in names]
        what = damage(others)
        attempt("chkpt", turn, f"{work}/bad", what, states, False)


os.mkdir(env["TMPDIR"])
if len(sys.argv) > 4:
    store(sys.argv[4], {"chkpt/" + name: files_of(place) for name, place in (word.split("=", 1) for word in sys.argv[5:])})
else:
    archives()
    if shutil.which("git"):
        repositories()
    else:
        print("SKIPPED: damaged repositories imported: there is no git")
shutil.rmtree(work)
for failure in failures[:20]:
    print(f"FAILED: {failure}")
print(f"count: {imported} damaged sources imported (seed {seed}), {kept} files compared")
sys.exit(bool(failures))
