# SPDX-License-Identifier: Apache-2.0
"""The examples of the documents, run as a reader would: each document in a directory of its own. What a line prints stands after →."""

import contextlib
import io
import os
import re
from pathlib import Path

import pytest

SOURCE = Path(os.environ.get("FIRN_SOURCE") or Path(__file__).resolve().parents[3])


@pytest.mark.parametrize("name", ["docs/python.md", "bindings/python/README.md"])
def test_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    text = (SOURCE / name).read_text()
    blocks = re.findall(r"^```python firn-test\n(.*?)^```", text, re.S | re.M)
    assert blocks
    for block in blocks:
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            exec(compile(block, name, "exec"), {"__name__": "example"})
        assert out.getvalue().splitlines() == re.findall(r"# → (.*)", block), block
