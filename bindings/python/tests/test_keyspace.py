# SPDX-License-Identifier: Apache-2.0
"""Keyspaces as mappings: against a dict, and at the edges."""

import random
import threading
import time
from collections.abc import Mapping, MutableMapping

import pytest

import firn


def test_it_is_a_mapping(store):
    ks = store.keyspace("a")
    assert isinstance(ks, MutableMapping) and isinstance(ks, Mapping)
    assert not ks and len(ks) == 0
    ks[b"k"] = b"v"
    assert ks[b"k"] == b"v" and ks["k"] == b"v" and b"k" in ks and b"x" not in ks
    assert ks.get(b"x") is None and ks.get(b"x", 7) == 7 and ks.get(key=b"k", default=1) == b"v"
    assert ks and len(ks) == 1 and list(ks) == [b"k"]
    with pytest.raises(KeyError):
        ks[b"x"]
    with pytest.raises(firn.NotFound) as caught:
        del ks[b"x"]
    assert caught.value.code == -5 and "'" not in str(caught.value)
    del ks[b"k"]
    assert b"k" not in ks
    ks.delete(b"k")
    assert ks.name == "a" and ks.store is store and store.keyspaces() == ["a"]


def test_the_rest_of_a_mapping(store):
    ks = store.keyspace("a")
    ks.update({"a": "1", "b": "2"}, c="3")
    assert ks.pop("a") == b"1" and ks.pop("a", None) is None
    with pytest.raises(KeyError):
        ks.pop("a")
    assert ks.setdefault("b", "x") == b"2" and ks.setdefault("d", "4") == b"4"
    assert ks.popitem() == (b"d", b"4")
    ks.clear()
    assert list(ks.items()) == []
    with pytest.raises(KeyError):
        ks.popitem()


@pytest.mark.parametrize("value", [b"", b"x", b"y" * 4096, b"z" * 4097, b"w" * 1_000_000])
def test_values_of_any_size(store, value):
    ks = store.keyspace("a")
    ks[b""] = value
    assert ks[b""] == value
    store.flush()
    assert ks[b""] == value
    with store.snapshot() as snapshot:
        assert snapshot.keyspace("a")[b""] == value


def test_buffers_are_keys_and_values(store):
    ks = store.keyspace("a")
    ks[bytearray(b"ab")] = memoryview(b"cd")
    assert ks[memoryview(b"ab")] == b"cd"
    ks["ü"] = "ö"
    assert ks["ü".encode()] == "ö".encode()
    for wrong in (1, None, [1, 2], (1,), 1.5, object()):
        with pytest.raises(TypeError):
            ks[wrong]
        with pytest.raises(TypeError):
            ks[b"a"] = wrong
        with pytest.raises(TypeError):
            wrong in ks


def test_against_a_dict(store):
    ks, model, r = store.keyspace("a"), {}, random.Random(1)
    for step in range(3000):
        key = b"%03d" % r.randrange(300)
        what = r.randrange(8)
        if what < 4:
            ks[key] = model[key] = b"%d" % step
        elif what == 4:
            ks.delete(key)
            model.pop(key, None)
        elif what == 5 and step % 10 == 0:
            lower, upper = sorted((b"%03d" % r.randrange(300), b"%03d" % r.randrange(300)))
            ks.delete_range(lower, upper)
            model = {k: v for k, v in model.items() if not lower <= k < upper}
        else:
            assert ks.get(key) == model.get(key)
        if step % 500 == 0:
            store.flush()
            assert dict(ks.items()) == model
    keys = [b"%03d" % i for i in range(300)]
    assert ks.get_many(keys) == [model.get(key) for key in keys]
    for _ in range(100):
        lower, upper = b"%03d" % r.randrange(300), b"%03d" % r.randrange(300)
        expected = sorted((k, v) for k, v in model.items() if lower <= k < upper)
        assert list(ks.items(lower, upper)) == expected
        assert list(ks.items(lower, upper, reverse=True)) == expected[::-1]
        assert list(ks.keys(lower, upper)) == [k for k, _ in expected]
        assert list(ks.values(prefix=lower[:2])) == [v for k, v in sorted(model.items()) if k.startswith(lower[:2])]


def test_iterators_see_one_moment_and_close(words):
    with words.items() as items:
        first = next(items)
        words["k00001"] = "changed"
        words["k00000a"] = "new"
        rest = list(items)
    assert first == (b"k00000", b"v0") and len(rest) == 1999 and rest[0] == (b"k00001", b"v1")
    assert len(words) == 2001
    with pytest.raises(firn.Closed):
        next(items)
    exhausted = words.keys("k01999")
    assert list(exhausted) == [b"k01999"] and list(exhausted) == []


def test_insert_compare_merge_and_ttl(store):
    ks = store.keyspace("a")
    ks.insert(b"k", b"1")
    with pytest.raises(firn.Exists):
        ks.insert(b"k", b"2")
    ks.compare_and_put(b"k", b"1", b"2")
    with pytest.raises(firn.Conflict):
        ks.compare_and_put(b"k", b"1", b"3")
    with pytest.raises(firn.NotFound):
        ks.compare_and_put(b"x", b"1", b"3")
    for step in (5, -2, 40):
        ks.merge("n", "add", step)
    assert firn.number_of(ks["n"]) == 43 and firn.number(43) == ks["n"]
    ks.merge("n", "min", 7)
    assert firn.number_of(ks["n"]) == 7
    ks.merge("log", "append", "a")
    ks.merge("log", "append", b"b")
    assert ks["log"] == b"ab"
    with pytest.raises(firn.Invalid):
        ks.merge("n", "multiply", 2)
    with pytest.raises(firn.Invalid):
        firn.number_of(b"123")
    ks.put(b"short", b"v", ttl=0.05)
    assert ks.get(b"short") == b"v"
    time.sleep(0.1)
    assert ks.get(b"short") is None
    for wrong in (-1, float("nan"), 1e13):
        with pytest.raises(ValueError):
            ks.put(b"short", b"v", ttl=wrong)


def test_limits_and_words(store):
    ks = store.keyspace("a")
    with pytest.raises(firn.Limit):
        ks[b"k" * (1 << 20)] = b"v"
    assert b"k" * (1 << 20) not in ks
    with pytest.raises(firn.Invalid, match="durability is one of"):
        ks.put(b"k", b"v", durability="maybe")
    for word in ["mul", ""]:
        with pytest.raises(firn.Invalid, match="merge is one of add, append, min, max, not '"):
            ks.merge(b"k", word, 1)
    with pytest.raises(firn.Invalid):
        store.keyspace("firn.mine")
    with pytest.raises(firn.NotFound):
        store.keyspace("b", create=False)
    store.keyspace("b", exclusive=True)
    with pytest.raises(firn.Exists):
        store.keyspace("b", exclusive=True)
    ks["x"] = "1"
    store.drop_keyspace("a")
    with pytest.raises(firn.Misuse):
        ks["x"]
    assert store.keyspaces() == ["b"] and ks.approximate_size is not None
    size = store.keyspace("b").approximate_size()
    assert size.memory_entries == 0


def test_batches(store):
    a, b = store.keyspace("a"), store.keyspace("b")
    with store.batch() as batch:
        batch.put(a, "k", "1")
        batch.put(b, "k", "2")
        batch.delete(a, "x")
        batch.merge(a, "n", "add", 3)
        assert len(batch) == 4
    assert (a["k"], b["k"], firn.number_of(a["n"])) == (b"1", b"2", 3) and len(batch) == 0
    with pytest.raises(RuntimeError), store.batch() as batch:
        batch.put(a, "k", "lost")
        raise RuntimeError
    assert a["k"] == b"1"
    with firn.memory() as other, pytest.raises(firn.Invalid, match="another store"):
        batch.put(other.keyspace("a"), "k", "v")
    with pytest.raises(TypeError):
        batch.put("a", "k", "v")


def test_clear_of_the_longest_key(store):
    ks = store.keyspace("a")
    for last in (b"\xff" * 524288, b"", b"k"):
        ks.update({"a": "1"} if last else {})
        ks[last] = "x"
        ks.clear()
        assert list(ks.keys()) == []
    ks.update({b"\xff" * 524288: "x", "a": "1"})
    with store.transaction() as txn:
        txn.keyspace(ks).clear()
        assert list(txn.keyspace(ks).keys()) == []
    assert not ks
    ks["a"] = "1"
    with store.snapshot() as snapshot, pytest.raises(firn.ReadOnly):
        snapshot.keyspace("a").clear()
    with store.snapshot() as snapshot, store.batch() as batch, pytest.raises(firn.ReadOnly):
        batch.put(snapshot.keyspace("a"), "a", "2")
    with store.transaction() as txn, store.batch() as batch, pytest.raises(firn.Misuse, match="transaction"):
        batch.put(txn.keyspace("a"), "a", "2")
    assert ks["a"] == b"1"


def test_membership_of_ranges(words):
    keys, items, values = words.keys("k00010", "k00020"), words.items(prefix="k0000"), words.values("k00010", "k00020")
    assert "k00010" in keys and b"k00019" in keys and "k00020" not in keys and "k00009" not in keys and "none" not in keys
    assert ("k00001", "v1") in items and (b"k00001", b"v2") not in items and ("k00010", "v10") not in items
    assert "v15" in values and b"v20" not in values
    assert len(list(keys)) == 10 and len(list(items)) == 10 and len(list(values)) == 10  # none of it was used up
    assert "k00010" in keys and next(reversed(words)) == b"k01999"
    with pytest.raises(TypeError):
        1 in keys


def test_a_merge_replaces_what_is_no_number(store):
    ks = store.keyspace("a")
    for operation in ("add", "min", "max"):
        ks["k"] = "5"
        ks.merge("k", operation, 7)
        assert firn.number_of(ks["k"]) == 7


def test_threads_pop_each_entry_once(store):
    keyspace = store.keyspace("shared")
    keyspace.update({f"{i:04}": str(i) for i in range(200)})
    taken = []

    def take(by_key):
        while True:
            try:
                item = keyspace.popitem()
                taken.append(item[0])
                if by_key and keyspace.pop(f"{len(taken) % 200:04}", None) is not None:
                    taken.append(None)
            except firn.NotFound:
                return

    threads = [threading.Thread(target=take, args=(i % 2 == 1,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == 200
    keys = [key for key in taken if key is not None]
    assert len(set(keys)) == len(keys)
    with pytest.raises(firn.NotFound):
        keyspace.pop("0000")
    assert keyspace.pop("0000", b"none") == b"none"


def test_setdefault_beside_a_deleter(store):
    keyspace = store.keyspace("shared")
    stops = threading.Event()

    def delete():
        while not stops.is_set():
            keyspace.delete("k")

    thread = threading.Thread(target=delete)
    thread.start()
    try:
        for i in range(300):
            assert keyspace.setdefault("k", "v") == b"v"
    finally:
        stops.set()
        thread.join()
