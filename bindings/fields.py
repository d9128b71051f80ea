#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""bindings/fields.py PROGRAM [PACKAGE] [NODE ADDON]: a checkpoint's fields, and their values, are the same wherever all of them are shown.

The columns of firn_log are the list of src/workspace/catalog/catalog_fields.h; JSON, MCP, Python (the directory PACKAGE) and Node
are compared with them, for a checkpoint that has everything and for one that has neither a turn nor git's HEAD.
"""
import json
import os
import re
import subprocess
import sys
import tempfile

JS = """
const firn = require(process.argv[1])
firn.openWorkspace(process.argv[2]).then(async (workspace) => {
  const found = await workspace.find(process.argv[3])
  console.log(JSON.stringify(found, (key, value) => typeof value === 'bigint' ? String(value) : value))
  await workspace.close()
})
"""
PYTHON = """
import json, sys, firn
with firn.Workspace(sys.argv[1]) as workspace:
    found = workspace.find(int(sys.argv[2]))
    fields = found._asdict()
    if found.turn is not None:
        fields["turn"] = found.turn._asdict()
    print(json.dumps(fields))
"""


def flat(fields):
    """Names as those of columns are: of a turn's fields all but its number have their own, of git's they begin with git_."""
    out = dict(fields)
    turn = out.pop("turn", None) or {}
    out.update({"turn" if name == "number" else name: value for name, value in turn.items()})
    out.update({"git_" + name: value for name, value in (out.pop("git", None) or {}).items()})
    return out


def same(place, found, wanted):
    """What is null in a column may be absent, or null. Truth and numbers are compared as numbers."""
    unknown = set(found) - set(wanted)
    assert not unknown, f"{place}: {unknown} are not in the list"
    for name, value in wanted.items():
        assert found.get(name) == value, f"{place}: {name} is {found.get(name)!r}, not {value!r}"


def main(home, program, package=None, node=None, addon=None):
    root = home + "/w"
    os.makedirs(root + "/d")
    env = dict(os.environ, HOME=home, XDG_DATA_HOME=home + "/data", XDG_CONFIG_HOME=home + "/config", XDG_CACHE_HOME=home + "/cache")

    def run(*command, **options):
        done = subprocess.run(command, cwd=root, env=env, capture_output=True, text=True, timeout=60, **options)
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout

    def write(path, text):
        with open(f"{root}/{path}", "w", encoding="utf-8") as file:
            file.write(text)

    write("d/a", "a\n")
    run(program, "save", "-m", "plain")
    os.mkdir(root + "/.git")
    write(".git/HEAD", "ref: refs/heads/main\n")
    os.makedirs(root + "/.git/refs/heads")
    write(".git/refs/heads/main", "1" * 40 + "\n")
    run(program, "hook", "run", "claude", "before", input='{"session_id": "s1", "prompt": "do it"}')
    write("d/b", "b\n")
    run(program, "hook", "run", "claude", "after", input='{"session_id": "s1"}')
    select = "SELECT * FROM firn_log('" + root + "')"
    result = json.loads(run(program, "db", "sql", "--create", "--allow-paths", "--json", home + "/s", select))["results"][0]
    rows = [dict(zip(result["columns"], row)) for row in result["rows"]]
    assert rows[0]["agent"] and rows[0]["turn"] == 1 and rows[0]["git_branch"] == "main" and rows[0]["git_commit"] == "1" * 40, rows[0]
    assert rows[-1]["agent"] is None and rows[-1]["git_branch"] is None, rows[-1]
    for row in rows[0], rows[-1]:
        wanted = {name: value for name, value in row.items() if name != "created_ns"}
        number = str(wanted["number"])
        shown = flat(json.loads(run(program, "show", number, "--json"))["checkpoint"])
        wanted["created"] = shown["created"]  # SQL has it in SQLite's form; created_ns is compared below
        same("JSON", shown, wanted)

        requests = [{"method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}]
        requests += [{"method": "tools/call", "params": {"name": "checkpoint_show", "arguments": {"snapshot_id": number}}},
                     {"method": "tools/call", "params": {"name": "checkpoint_list", "arguments": {}}}]
        text = "".join(json.dumps({"jsonrpc": "2.0", "id": i, **each}) + "\n" for i, each in enumerate(requests))
        answers = {each["id"]: each["result"] for each in map(json.loads, run(program, "mcp", input=text).splitlines())}
        found = answers[1]["structuredContent"]
        listed = [each for each in answers[2]["structuredContent"]["checkpoints"] if each["id"] == row["id"]]
        assert found.pop("snapshot_id") == row["id"] and found.pop("entries")
        for each in [found] + listed:
            assert each.pop("created_at") == wanted["created"] and each.pop("stats")["total_files"] == row["files"]
            same("MCP", flat(each), wanted)
        assert len(listed) == 1

        wanted["created"] = row["created_ns"]
        if package:
            env["PYTHONPATH"] = package
            found = flat(json.loads(run(sys.executable, "-c", PYTHON, root, number)))
            found["safety"] = found.pop("is_safety")
            found["created"] = found.pop("created_ns")
            assert set(found) | {"agent", "session", "turn", "prompt"} == set(wanted), "Python"
            same("Python", found, wanted)
        if node:
            env["FIRN_NODE_ADDON"] = addon
            found = json.loads(run(node, "-e", JS, os.path.dirname(os.path.abspath(__file__)) + "/node", root, number))
            found = flat({re.sub("[A-Z]", lambda letter: "_" + letter.group().lower(), name): value for name, value in found.items()})
            found["safety"] = found.pop("is_safety")
            found["created"] = int(found.pop("created_ns"))
            assert found.pop("created_at")
            same("Node", found, wanted)
    print("fields: ok,", len(wanted), "fields")


with tempfile.TemporaryDirectory() as work:
    main(os.path.realpath(work), *sys.argv[1:])
