# SPDX-License-Identifier: Apache-2.0
"""A store inside of a tree: files that something else puts into it do not count, in Python either."""

import pytest

import firn


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    root = tmp_path / "tree"
    root.mkdir()
    (root / "a").write_text("1")
    with firn.Workspace(root, store=root / ".firn") as ws:
        ws.save("first")
    return root


FOREIGN = ("wal-000002.log", "manifest-000002.log", "RESERVE", "REPAIRING", "FIRN.tmp", "packs/00000002.pack", "runs/000001.row")


def test_files_of_others_in_a_store_inside_a_tree_do_not_count(tree):
    store = tree / ".firn"
    for name in FOREIGN:
        (store / name).write_text("theirs")
    with firn.Workspace(tree) as ws:
        for content in "23":
            (tree / "a").write_text(content)
            ws.save(content)
        ws.restore("1")
        assert (tree / "a").read_text() == "1"
        ws.check()
    with firn.open(store) as db:
        db.keyspace("k")["key"] = "value"
        db.flush()
    with firn.open(store) as db:
        assert db.keyspace("k")["key"] == b"value"
    for name in FOREIGN:
        parent, last = (store / name).parent, (store / name).name
        kept = [path for path in (store / name, parent / f"foreign-1-{last}") if path.exists() and path.read_bytes() == b"theirs"]
        assert len(kept) == 1, name


def test_a_file_that_was_replaced_is_an_error_until_it_is_accepted(tree):
    log = tree / ".firn" / "wal-000001.log"
    copy = tree / "copy"
    copy.write_bytes(log.read_bytes())
    copy.replace(log)
    with firn.Workspace(tree) as ws:
        with pytest.raises(firn.Untrusted, match="wal-000001.log"):
            ws.save("again")
