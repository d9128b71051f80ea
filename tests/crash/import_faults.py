#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tests/crash/import_faults.py FIRN: firn import tar, git and alopex, and export tar, while their system calls fail.

strace makes one call fail (EIO, ENOSPC) or kills the process in it: of each kind the ones at a few places. After each fault the
store has no damage, no checkpoint has half of a tree, and the same command, without a fault, gives what a run without faults
gives, once. After an error nothing is left below TMPDIR. A keyspace is there with all of its entries or empty or not at all. Prints "count: N faults ..." or "SKIPPED: why".
"""
import json
import os
import shutil
import subprocess
import sys
import tempfile

from share import takes

CALLS = ["openat", "write", "pwrite64", "mkdirat", "ftruncate", "fchmod", "utimensat", "linkat", "symlinkat", "read", "unlinkat"]
PLACES = {"error=EIO": [1, 3, 9], "error=ENOSPC": [2, 14], "signal=KILL": [6, 20]}


def run(words, cwd, env, **more):
    return subprocess.run(words, cwd=cwd, env=env, capture_output=True, check=False, **more)


def history(firn, place, env):
    """Roots, messages and tags of all checkpoints."""
    listed = json.loads(run([firn, "list", "--json"], place, env).stdout)["checkpoints"]
    tags = json.loads(run([firn, "tag", "--json"], place, env).stdout)["tags"]
    return [(c["root"], c["message"]) for c in listed], sorted(t["name"] for t in tags)


def alopex(firn, work, env, failures):
    """A database of Alopex: what of it cannot be read is named, and what cannot be written leaves nothing."""
    formats = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../formats/alopex")
    source = f"{work}/app.alopex.d"
    os.makedirs(f"{source}/sst")
    for name, place in (("small.sst", "sst/1.sst"), ("lz4.sst", "sst/2.sst"), ("wrapped.wal", "lsm.wal")):
        shutil.copy(f"{formats}/{name}", f"{source}/{place}")
    faults = 0
    words = [firn, "import", "alopex", source]
    scan = [firn, "db", "scan"]
    assert run(words + ["sound"], work, env).returncode == 0
    wanted = run(scan + ["sound", "default"], work, env).stdout
    calls = ["openat", "read", "pread64", "write", "pwrite64", "fdatasync", "fsync", "ftruncate", "mkdir", "mkdirat", "renameat", "renameat2",
             "unlinkat", "getdents64"]
    for call in calls:
        for fault in ("error=EIO", "error=ENOSPC", "signal=KILL"):
            for number, at in enumerate((1, 3, 8, 21, 55)):
                if not takes(number, calls.index(call), len(fault)):
                    continue
                where = f"alopex: {call} {at} {fault}"
                done = run(["strace", "-f", "-qq", "-o", "/dev/null", "-e", f"inject={call}:{fault}:when={at}"] + words + ["store"], work, env,
                           timeout=120)
                faults += done.returncode != 0
                if done.returncode in (1, 3, 4, 5, 6) and not done.stderr:
                    failures.append(f"{where}: {done.returncode} and not a word")
                if fault != "signal=KILL" and os.listdir(env["TMPDIR"]) and call not in ("unlinkat", "openat", "getdents64"):
                    failures.append(f"{where}: left behind {os.listdir(env['TMPDIR'])}: {done.stderr!r}")
                shutil.rmtree(env["TMPDIR"])
                os.mkdir(env["TMPDIR"])
                if os.path.exists(f"{work}/store") and done.returncode not in (1, 2, 3, 4, 5, 6):  # killed, or done
                    check = run([firn, "db", "check", "store"], work, env)
                    found = run(scan + ["store", "default"], work, env)
                    if check.returncode not in (0, 3) or (found.returncode == 0 and found.stdout not in (wanted, b"")):
                        failures.append(f"{where}: {done.returncode} {check.stderr!r} {found.stdout!r}")
                elif os.path.exists(f"{work}/store") and done.returncode != 6:
                    names = run([firn, "db", "keyspaces", "store"], work, env).stdout
                    if names and b"could not remove what was imported" not in done.stderr:
                        failures.append(f"{where}: {done.returncode}, but there is {names!r}: {done.stderr!r}")
                if done.returncode == 0 and run(scan + ["store", "default"], work, env).stdout != wanted:
                    failures.append(f"{where}: it was done, but is not all there")
                if run(words + ["other"], work, env).returncode != 0 or run(scan + ["other", "default"], work, env).stdout != wanted:
                    failures.append(f"{where}: another import is not right afterwards")
                for name in ("store", "other"):
                    shutil.rmtree(f"{work}/{name}", ignore_errors=True)
    return faults


def main():
    firn = os.path.abspath(sys.argv[1])
    if not shutil.which("strace") or not shutil.which("git") or not shutil.which("tar"):
        print("SKIPPED: faults of imports: no strace, git or tar")
        return 0
    work = tempfile.mkdtemp(prefix="firn-import-faults-")
    env = dict(os.environ, XDG_DATA_HOME=f"{work}/data", XDG_CONFIG_HOME=f"{work}/config", TMPDIR=f"{work}/tmp", HOME=work,
               GIT_CONFIG_NOSYSTEM="1", GIT_AUTHOR_DATE="1700000000 +0000", GIT_COMMITTER_DATE="1700000000 +0000")
    for name in ("tmp", "repo/d", "sources"):
        os.makedirs(f"{work}/{name}")
    probe = run(["strace", "-qq", "-o", "/dev/null", "true"], work, env)
    if probe.returncode != 0:
        print("SKIPPED: faults of imports: strace cannot trace here")
        return 0
    script = """git init -q -b main . && git config user.name a && git config user.email a@b
        echo 1 >d/f && ln -s f d/link && seq 1 50000 >large && git add -A && git commit -qm one
        echo 2 >d/f && rm large && mkdir e && echo x >e/x && git add -A && git commit -qm two
        ln d/f hard && truncate -s 1M e/hole && tar --exclude=.git -S -cf ../a.tar ."""
    made = run(["sh", "-ec", script], f"{work}/repo", env)
    assert made.returncode == 0, made.stderr
    commands = {"tar": [firn, "import", "tar", f"{work}/a.tar", "-m", "m"], "git": [firn, "import", "git", f"{work}/repo"]}
    failures = []
    faults = 0
    for name, words in commands.items():
        sound = f"{work}/sound-{name}"
        os.mkdir(sound)
        assert run(words, sound, env).returncode == 0
        wanted = history(firn, sound, env)
        for call in CALLS:
            for fault, places in PLACES.items():
                for number, at in enumerate(places):
                    if not takes(number, CALLS.index(call)):
                        continue
                    place = f"{work}/{name}-{call}-{fault[-4:]}-{at}"
                    os.mkdir(place)
                    traced = ["strace", "-qq", "-o", "/dev/null", "-e", f"inject={call}:{fault}:when={at}"] + words
                    first = run(traced, place, env, timeout=120)
                    where = f"{name}: {call} {at} {fault}"
                    faults += first.returncode != 0
                    if fault != "signal=KILL" and os.listdir(f"{work}/tmp") and call not in ("unlinkat", "openat"):
                        failures.append(f"{where}: left behind {os.listdir(work + '/tmp')}: {first.stderr!r}")
                    shutil.rmtree(f"{work}/tmp")
                    os.mkdir(f"{work}/tmp")
                    again = run(words, place, env)
                    check = run([firn, "check", "--data"], place, env)
                    if again.returncode != 0 or check.returncode != 0:
                        failures.append(f"{where}: {again.returncode} {again.stderr!r} {check.stdout!r} {check.stderr!r}")
                    elif history(firn, place, env) != wanted and first.returncode not in (0, 6):
                        failures.append(f"{where}: another history: {first.returncode} {first.stderr!r}")
                    shutil.rmtree(place)
    faults += alopex(firn, work, env, failures)
    # An export that fails leaves no file.
    for at in (1, 2, 5):
        out = f"{work}/out.tar"
        first = run(["strace", "-qq", "-o", "/dev/null", "-e", f"inject=write:error=ENOSPC:when={at}", firn, "export", "tar", "-o", out],
                    f"{work}/sound-tar", env)
        faults += first.returncode != 0
        if first.returncode != 0 and os.path.exists(out):
            failures.append(f"export: write {at}: half of an archive")
        if os.path.exists(out):
            os.unlink(out)
    print("\n".join(failures))
    print(f"count: {faults} faults of imports")
    shutil.rmtree(work, ignore_errors=True)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
