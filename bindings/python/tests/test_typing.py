# SPDX-License-Identifier: Apache-2.0
"""The stubs: complete, true, and strict enough to find mistakes."""

import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest

import firn
import firn.aio

HERE = Path(__file__).parent


def test_everything_has_a_docstring():
    for name in firn.__all__:
        thing = getattr(firn, name)
        assert thing.__doc__, name
        for member, value in vars(thing).items() if isinstance(thing, type) else ():
            if not member.startswith("_") and (callable(value) or inspect.isgetsetdescriptor(value)):
                assert value.__doc__, f"{name}.{member}"


def test_the_stub_names_what_there_is():
    stub = (Path(firn.__file__).parent / "_firn.pyi").read_text()
    from firn import _firn

    classes = {}
    current = None
    for line in stub.splitlines():
        if line.startswith("class ") and not line.startswith("class _"):
            current = classes.setdefault(line[6:].split("(")[0].rstrip(":"), set())
        elif line.startswith("    def ") and current is not None:
            current.add(line[8:].split("(")[0])
    for name, members in classes.items():
        there = {member for member in vars(getattr(_firn, name)) if not member.startswith("__") or member.startswith("__arrow")}
        stubbed = {member for member in members if not member.startswith("__") or member.startswith("__arrow")}
        assert there == stubbed, name


@pytest.mark.slow
def test_mypy_strict(tmp_path):
    pytest.importorskip("mypy", reason="no mypy")
    environment = {**os.environ, "MYPYPATH": str(Path(firn.__file__).parents[1]), "MYPY_CACHE_DIR": str(tmp_path / "cache")}

    def check(*files):
        return subprocess.run([sys.executable, "-m", "mypy", "--strict", *files], env=environment, capture_output=True, text=True)

    good = check("-p", "firn")
    assert good.returncode == 0, good.stdout
    good = check(str(HERE / "typed_use.py"))
    assert good.returncode == 0, good.stdout
    wrong = tmp_path / "wrong.py"
    wrong.write_text("import firn, firn.aio\n\nwith firn.open('s') as store:\n    store.keyspace('a')['k'] = 1\n    store.table('t').insert([1])\n"
                     "    store.keyspce('a')\n    store.transaction(isolation='none')\n    store.keyspace('a').get(1).decode()\n"
                     "firn.open('x', readonly=True)\nfirn.open(None)\nfirn.memory(read_only=True)\nfirn.aio.open('x', durability='no')\n"
                     "one = firn.aio.save(firn.Workspace('x'), ful=True)\ntwo = firn.aio.run(store, lambda txn: 1, tries=3)\n")
    bad = check(str(wrong))
    assert [line.split(":")[1] for line in bad.stdout.splitlines() if ": error:" in line] == ["4", "5", "6", "7", "8", "9", "10", "11", "12", "13", "14"], bad.stdout
