# SPDX-License-Identifier: Apache-2.0
"""Opening and closing, transactions, snapshots, checkpoints."""

import asyncio
import functools
import pickle
import threading

import pytest

import firn
import firn.aio


def test_open_and_close(tmp_path):
    path = tmp_path / "s"
    with firn.open(path) as store:
        store.keyspace("a")["k"] = "v"
        assert store.path == str(path) and not store.closed and not store.read_only
        with pytest.raises(firn.Busy):
            firn.open(path)
        assert firn.Locked is firn.Busy
        with firn.open(str(path), read_only=True) as reader:
            ks = reader.keyspace("a")
            assert ks["k"] == b"v" and reader.read_only
            with pytest.raises(firn.ReadOnly):
                ks["k"] = "w"
            store.keyspace("a")["k"] = "w"
            reader.refresh()
            assert ks["k"] == b"w"
    assert store.closed and "closed" in repr(store)
    store.close()
    with pytest.raises(firn.Exists):
        firn.open(path, exclusive=True)
    with firn.open(bytes(path), compression="zstd", threads=1, memory_bytes=2 << 20, durability="full", lock_timeout=0.1) as store:
        assert store.keyspace("a")["k"] == b"w"
        store.sync(), store.flush(), store.compact()
        assert store.check().entries >= 1 and store.stats()["keyspaces"] >= 1
        store.clone(tmp_path / "copy")
    with firn.open(tmp_path / "copy") as store:
        assert store.keyspace("a")["k"] == b"w"
    firn.destroy(tmp_path / "copy")
    with pytest.raises(firn.NotFound):
        firn.open(tmp_path / "copy", create=False)
    for wrong in ({"compression": "fast"}, {"memory_bytes": 5}, {"lock_timeout": -1}):
        with pytest.raises(firn.Invalid):
            firn.open(path, **wrong)
    for wrong in ({"unknown": 1}, {"threads": "x"}):
        with pytest.raises(TypeError):
            firn.open(path, **wrong)


def test_closed_handles_raise(tmp_path):
    store = firn.open(tmp_path / "s")
    ks = store.keyspace("a")
    ks["k"] = "v"
    open_things = [ks.items(), store.transaction(), store.snapshot(), store.batch()]
    store.checkpoint("c")
    store.close()
    calls = [
        lambda: ks["k"], lambda: ks.get("k"), lambda: ks.put("k", "v"), lambda: "k" in ks, lambda: len(ks), lambda: list(ks),
        lambda: ks.get_many(["k"]), lambda: ks.merge("k", "add", 1), lambda: ks.delete_range("a", "b"), lambda: next(open_things[0]),
        lambda: open_things[1].keyspace("a"), lambda: open_things[1].commit(), lambda: open_things[1].savepoint(),
        lambda: open_things[2].keyspaces(), lambda: open_things[2].keyspace(ks), lambda: open_things[3].put(ks, "k", "v"),
        lambda: open_things[3].commit(), lambda: len(open_things[3]), store.sync, store.flush, store.compact, store.stats, store.check,
        store.keyspaces, store.transaction, store.snapshot, store.batch, store.checkpoints, store.undo, store.checkpoint,
        lambda: store.restore("c"), lambda: store.diff("c"), lambda: store.export(tmp_path / "f"), lambda: store.__enter__(),
    ]
    for call in calls:
        with pytest.raises(firn.Closed):
            call()
    for thing in open_things[:3]:
        thing.close()


def test_objects_are_made_by_a_store():
    for kind in (firn.Keyspace, firn.Iterator, firn.Batch, firn.Transaction, firn.Snapshot):
        with pytest.raises(TypeError):
            kind()


def test_errors_can_be_pickled_and_caught():
    error = pickle.loads(pickle.dumps(firn.Corrupt("text", -15, 5)))
    assert isinstance(error, firn.Corrupt) and (str(error), error.code, error.errno) == ("text", -15, 5)
    assert issubclass(firn.Invalid, ValueError) and issubclass(firn.Closed, firn.Misuse) and issubclass(firn.NotFound, KeyError)


def test_memory_stores():
    with firn.memory() as store:
        store.keyspace("a")["k"] = "v"
        assert store.path is None and store.keyspace("a")["k"] == b"v"
    with pytest.raises(firn.NoSpace):
        firn.memory(0)


def test_transactions(store):
    ks = store.keyspace("a")
    ks["n"] = "1"
    with store.transaction() as txn:
        mine = txn.keyspace(ks)
        assert mine["n"] == b"1" and mine.in_transaction and not ks.in_transaction
        mine["n"] = "2"
        mine.update({"m": "5"})
        assert ks["n"] == b"1" and list(mine.items()) == [(b"m", b"5"), (b"n", b"2")]
        point = txn.savepoint()
        mine["n"] = "3"
        txn.rollback_to(point)
        txn.release(point)
        txn.keyspace("later")["x"] = "y"
    assert ks["n"] == b"2" and store.keyspace("later")["x"] == b"y" and txn.closed
    with pytest.raises(firn.Closed):
        mine["n"]
    with pytest.raises(ZeroDivisionError), store.transaction() as txn:
        txn.keyspace(ks)["n"] = "lost"
        1 / 0
    assert ks["n"] == b"2"
    with store.transaction(read_only=True) as txn, pytest.raises(firn.ReadOnly):
        txn.keyspace(ks)["n"] = "x"
    with store.transaction() as txn:
        mine = txn.keyspace(ks)
        with pytest.raises(firn.Exists):
            mine.insert("n", "x")
        mine.insert("new", "x")
        with pytest.raises(firn.Conflict):
            mine.compare_and_put("n", "9", "x")
        mine.compare_and_put("n", "2", "4")
        mine.put("gone", "x", ttl=1000)
        mine.merge("count", "add", 2)
        mine.delete_range("g", "h")
        txn.commit()
        with pytest.raises(firn.Misuse):
            txn.commit()
    assert ks["n"] == b"4" and "gone" not in ks and firn.number_of(ks["count"]) == 2


def test_iterators_end_with_their_transaction(words):
    txn = words.store.transaction()
    items = txn.keyspace(words).items()
    next(items)
    txn.commit()
    with pytest.raises(firn.Closed):
        list(items)
    txn.close()


def test_conflicts_are_retried(store):
    ks = store.keyspace("a")
    ks["n"] = "0"
    attempts = []

    def add(txn):
        attempts.append(1)
        mine = txn.keyspace(ks)
        number = int(mine["n"])
        if len(attempts) < 3:
            ks["n"] = str(number + 10)
        mine["n"] = str(number + 1)
        return number

    assert store.run(add) == 20 and ks["n"] == b"21" and len(attempts) == 3
    with pytest.raises(firn.Conflict):
        store.run(lambda txn: (txn.keyspace(ks).__setitem__("n", "x"), ks.__setitem__("n", "y")), attempts=2)
    with pytest.raises(KeyError):
        store.run(lambda txn: txn.keyspace(ks)["missing"])
    first, second = store.transaction(isolation="serializable"), store.transaction(isolation="serializable")
    for txn, read, write in ((first, "a", "b"), (second, "b", "a")):
        txn.keyspace(ks).get(read)
        txn.keyspace(ks)[write] = "1"
    first.commit()
    with pytest.raises(firn.Conflict):
        second.commit()


def test_counting_from_many_threads(store):
    ks = store.keyspace("a")
    ks["n"] = "0"

    def count():
        for _ in range(50):
            store.run(lambda txn: txn.keyspace(ks).put("n", str(int(txn.keyspace(ks)["n"]) + 1)), attempts=10000)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ks["n"] == b"200"


def test_snapshots(store):
    ks = store.keyspace("a")
    ks["k"] = "1"
    with store.snapshot() as snapshot:
        ks["k"] = "2"
        store.keyspace("b")
        old = snapshot.keyspace(ks)
        assert old["k"] == b"1" and list(old.items()) == [(b"k", b"1")] and "k" in old and len(old) == 1
        assert old.get_many(["k", "x"]) == [b"1", None] and snapshot.keyspaces() == ["a"] and "snapshot" in repr(old)
        with pytest.raises(firn.ReadOnly):
            old["k"] = "3"
        with pytest.raises(firn.NotFound):
            snapshot.keyspace("b")
        items = old.items()
    assert snapshot.closed
    with pytest.raises(firn.Closed):
        next(items)


def test_checkpoints(store, tmp_path):
    ks = store.keyspace("a")
    ks["k"] = "1"
    first = store.checkpoint("first")
    assert (first.number, first.name, len(first.id), first.is_safety) == (1, "first", 32, False) and first.created.tzinfo is not None
    ks["k"] = "2"
    ks["new"] = "x"
    second = store.checkpoint()
    assert second.name is None and [c.number for c in store.checkpoints()] == [2, 1]
    assert store.find_checkpoint("latest~1") == first and store.find_checkpoint(1) == first == store.find_checkpoint(first.id[:8])
    with store.snapshot("first") as old, store.snapshot(2) as newer:
        assert old.keyspace("a")["k"] == b"1" and newer.keyspace("a")["k"] == b"2"
    changes = store.diff("first", 2)
    assert [(d.kind, d.keyspace, d.key, d.before, d.after) for d in changes] == [
        ("changed", "a", b"k", b"1", b"2"), ("added", "a", b"new", None, b"x")]
    assert store.diff("first", keyspace="a") == changes and store.diff() == []
    store.export(tmp_path / "one.firn", "first")
    with pytest.raises(firn.Exists):
        store.export(tmp_path / "one.firn")
    restored = store.restore("first")
    assert restored.restored == first and restored.safety.is_safety and ks["k"] == b"1" and "new" not in ks
    assert store.checkpoints(safety=True)[0].restored == first.id
    store.undo()
    assert ks["k"] == b"2"
    store.delete_checkpoints("first", 2)
    assert store.checkpoints() == []
    for wrong in (lambda: store.restore("first"), lambda: store.snapshot("first"), lambda: store.delete_checkpoints("first")):
        with pytest.raises(firn.NotFound):
            wrong()
    for wrong in (lambda: store.restore("?"), lambda: store.checkpoint("no spaces")):
        with pytest.raises(firn.Invalid):
            wrong()
    for wrong in (lambda: store.restore(1.5), lambda: store.find_checkpoint([])):
        with pytest.raises(TypeError):
            wrong()
    with pytest.raises(ValueError):
        store.restore("a\0b")
    with firn.open(tmp_path / "one.firn", read_only=True) as exported:
        assert exported.keyspace("a")["k"] == b"1"
    assert firn.import_store(tmp_path / "one.firn", tmp_path / "again").name == "first"


def test_progress_and_what_it_raises(words, tmp_path):
    store, seen = words.store, []
    store.check(progress=seen.append)
    store.compact(progress=seen.append)

    def fail(progress):
        raise RuntimeError("enough")

    for call in (store.check, lambda **k: store.export(tmp_path / "f", **k)):
        called = []
        try:
            call(progress=lambda p: (called.append(p), fail(p)))
        except RuntimeError as error:
            assert str(error) == "enough" and called[0].phase
        else:
            assert not called
    with pytest.raises(TypeError):
        store.check(progress=1)


def test_none_is_no_path(tmp_path):
    for wrong in (lambda: firn.open(None), lambda: firn.Store(None)):
        with pytest.raises(TypeError, match="firn.memory"):
            wrong()
    with firn.memory() as store:
        assert store.path is None


def test_none_is_no_reference(store):
    store.checkpoint("one")
    for call in (store.restore, store.find_checkpoint, store.delete_checkpoints):
        with pytest.raises(TypeError, match="a checkpoint is named by a str or an int, not"):
            call(None)
    assert [checkpoint.name for checkpoint in store.checkpoints(safety=True)] == ["one"]


@pytest.mark.parametrize("option", ["memory_bytes", "threads"])
def test_options_that_are_not_negative(tmp_path, option):
    for wrong in (-1, -3, -(1 << 70)):
        with pytest.raises(firn.Invalid, match=f"^{option} must not be negative$"):
            firn.open(tmp_path / "s", **{option: wrong})
    with pytest.raises(firn.Invalid, match=f"^{option} does not fit in 64 bits$"):
        firn.open(tmp_path / "s", **{option: 1 << 64})
    with pytest.raises(TypeError):
        firn.open(tmp_path / "s", **{option: 1.5})
    with pytest.raises(firn.Invalid, match="limit_bytes must not be negative"):
        firn.memory(-1)


def test_the_least_memory_is_a_number(tmp_path):
    with pytest.raises(firn.Invalid, match="at least 1048576"):
        firn.open(tmp_path / "s", memory_bytes=1)
    with pytest.raises(firn.Invalid, match="threads must not be more than 256"):
        firn.open(tmp_path / "s", threads=1 << 40)


def test_run_takes_plain_functions(store):
    ks = store.keyspace("a")

    async def work(txn):
        txn.keyspace(ks)["k"] = "v"

    def gives_one(txn):
        txn.keyspace(ks)["k"] = "v"
        return work(txn)

    for wrong in (work, functools.partial(work), gives_one):
        with pytest.raises(TypeError, match="plain function"):
            store.run(wrong)
        with pytest.raises(TypeError, match="plain function"):
            asyncio.run(firn.aio.run(store, wrong))
    assert not ks


def test_an_encrypted_store_needs_its_key(tmp_path, monkeypatch):
    monkeypatch.delenv("FIRN_KEY_FILE", raising=False)
    monkeypatch.delenv("FIRN_KEY_COMMAND", raising=False)
    path = tmp_path / "store"
    with pytest.raises(firn.Denied):
        firn.open(path, cipher="automatic")
    with firn.open(path, cipher="automatic", key="correct horse") as store:
        store.keyspace("k")[b"a"] = b"a value that nobody else reads"
    assert not any(b"nobody else reads" in file.read_bytes() for file in path.rglob("*") if file.is_file())
    for key in None, "battery staple", b"a key file of thirty-two bytes and more":
        with pytest.raises(firn.Denied):
            firn.open(path, key=key)
    with firn.open(path, key="correct horse", read_only=True) as store:
        assert store.keyspace("k")[b"a"] == b"a value that nobody else reads"
    with pytest.raises(firn.Invalid, match="automatic"):
        firn.open(path, cipher="rot13")
    with pytest.raises(TypeError):
        firn.open(path, key=5)


def test_a_checkpoint_leaves_an_encrypted_store_in_clear_or_with_a_key(tmp_path, monkeypatch):
    monkeypatch.delenv("FIRN_KEY_FILE", raising=False)
    monkeypatch.delenv("FIRN_KEY_COMMAND", raising=False)
    with firn.open(tmp_path / "store", cipher="automatic", key="correct horse") as store:
        store.keyspace("k")[b"a"] = b"a value that nobody else reads"
        store.checkpoint("c")
        with pytest.raises(firn.Denied):
            store.export(tmp_path / "none")
        store.export(tmp_path / "clear", "c", clear=True)
        store.export(tmp_path / "other", "c", key="battery staple")
        with pytest.raises(TypeError):
            store.export(tmp_path / "none", key=5)
    assert not (tmp_path / "none").exists()
    for name, key in ("clear", None), ("other", "battery staple"):
        assert (b"nobody else reads" in (tmp_path / name).read_bytes()) == (key is None)
        with firn.open(tmp_path / name, read_only=True, key=key) as copy:
            assert copy.keyspace("k")[b"a"] == b"a value that nobody else reads"
    for wrong in None, "correct horse":
        with pytest.raises(firn.Denied):
            firn.import_store(tmp_path / "other", tmp_path / "new", key=wrong)
    assert firn.import_store(tmp_path / "other", tmp_path / "new", key="battery staple").name == "c"
    with firn.open(tmp_path / "new", key="battery staple") as store:
        assert store.keyspace("k")[b"a"] == b"a value that nobody else reads"


def test_an_encrypted_store_is_checked_without_its_key(tmp_path, monkeypatch):
    monkeypatch.delenv("FIRN_KEY_FILE", raising=False)
    monkeypatch.delenv("FIRN_KEY_COMMAND", raising=False)
    path, notices = tmp_path / "store", []
    with firn.open(path, cipher="automatic", key="correct horse") as store:
        store.keyspace("k")[b"a"] = b"value"
        store.flush()
    checked = firn.check_locked(path, progress=lambda _: None, notice=notices.append)
    assert checked.files > 0 and checked.blocks > 0 and checked.bytes_read > 0 and checked.log_records > 0
    assert not notices and firn.check_locked(path, skip_contents=True)[0] == checked.files
    run = next((path / "runs").glob("*.row"))
    content = bytearray(run.read_bytes())
    content[160] ^= 1
    run.write_bytes(content)
    with pytest.raises(firn.Corrupt, match=run.name):
        firn.check_locked(path, notice=notices.append)
    assert [notice.kind for notice in notices] == ["damaged"] and run.name in notices[0].text
    with pytest.raises(firn.NotFound):
        firn.check_locked(tmp_path / "none")
    firn.open(tmp_path / "clear").close()
    with pytest.raises(firn.Invalid, match="not encrypted"):
        firn.check_locked(tmp_path / "clear")


def test_an_encrypted_workspace_asks_its_key_once(tmp_path, monkeypatch):
    monkeypatch.delenv("FIRN_KEY_FILE", raising=False)
    monkeypatch.delenv("FIRN_KEY_COMMAND", raising=False)
    tree = tmp_path / "tree"
    tree.mkdir()
    key = b"what is in a key file: random bytes, 32 at least"
    (tree / "file").write_text("one")
    with firn.Workspace(tree, store=tmp_path / "store", is_root=True, cipher="automatic", key=key) as workspace:
        workspace.save("first")
        (tree / "file").write_text("two")
        workspace.save("second")
        workspace.restore("1")
    assert (tree / "file").read_text() == "one"
    with firn.Workspace(tree, store=tmp_path / "store", is_root=True) as workspace:
        with pytest.raises(firn.Denied):
            workspace.save("third")
