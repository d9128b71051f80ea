# SPDX-License-Identifier: Apache-2.0
"""A program that uses everything, for mypy --strict: test_typing.py runs it through, and checks that wrong uses are found."""

from __future__ import annotations

import asyncio
from typing import Any, Optional

import firn
import firn.aio


def keyspaces(store: firn.Store) -> bytes:
    words = store.keyspace("words")
    words["a"] = b"b"
    value: Optional[bytes] = words.get("a")
    other: bytes | int = words.get("a", 1)
    for key, item in words.items("a", "z", prefix="a", reverse=True):
        key.decode() + item.decode()
    with store.batch() as batch:
        batch.put(words, "k", "v", ttl=5)
        batch.merge(words, "n", "add", 1)
    assert other and value
    return words.pop("a")


def transactions(store: firn.Store) -> int:
    def work(txn: firn.Transaction) -> int:
        txn.keyspace("words")["k"] = "1"
        return len(txn.table("goods"))

    with store.transaction(isolation="serializable") as txn:
        txn.rollback_to(txn.savepoint())
    with store.snapshot("latest") as snapshot:
        snapshot.keyspace("words").get_many(["a"])
    return store.run(work, attempts=3)


def tables(store: firn.Store) -> list[firn.Hit]:
    table = store.create_table("goods", "id i64 auto, name text, vec vector(2), primary key (id)", exists_ok=True)
    number: Optional[int] = table.insert({"name": "tea"})
    rows: list[Any] = table.scan("id", "name = ?", params=["tea"], order_by="id", limit=3).fetchall()
    for row in table.scan(["count(*)"], group_by=["name"], join=table.scan("name as other"), on="name = other"):
        print(row, number, rows)
    result: firn.ImportResult = table.import_text("file.csv", on_reject=lambda line, text, why: None)
    assert result.rows >= 0 and store.sql("SELECT 1").fetchone()
    many: firn.Neighbors = table.search_many("vec", [[1.0, 2.0]], 3, metric="l2")
    assert many.distances.shape == (1, 1)
    return table.search("vec", [1.0, 2.0], 3, metric="l2", columns=["name"])


def history(store: firn.Store) -> Optional[str]:
    made: firn.Checkpoint = store.checkpoint("one")
    changes: list[firn.Difference] = store.diff(made.number)
    restored: firn.Restored = store.restore(made.id)
    return restored.safety.name or changes[0].kind


def directories(path: str) -> int:
    def tell(progress: firn.Progress) -> None:
        print(progress.phase)

    with firn.Workspace(path) as workspace:
        saved: firn.Saved = workspace.save("now", progress=tell)
        data: bytes = workspace.cat("a.txt", saved.checkpoint.number)
        back: firn.RestoredTree = workspace.restore(saved.checkpoint.number, ["a.txt"])
        expired: list[firn.SavedTree] = workspace.expire("all:30d", dry_run=True)
        if workspace.moved_from is not None:
            workspace.adopt()
        workspace.remote_add("origin", "s3://bucket/site")
        pushed: firn.Pushed = workspace.push("origin", references=["latest", 1], max_bytes_per_second=5_000_000, progress=tell)
        pulled: firn.Pulled = workspace.pull()
        remote: firn.Remote = workspace.remotes()[0]
        pruned: firn.Pruned = workspace.remote_prune(remote.name, keep="all:30d", dry_run=True)
        rekeyed: firn.RemoteRekeyed = workspace.remote_rekey("origin", max_bytes=1 << 30)
        checked: firn.RemoteCheck = workspace.remote_check("origin", read_data=True, repair=True)
        locked: firn.LockedRemoteCheck = workspace.remote_check_locked("origin", read_data=True)
        change: firn.RemoteChange = workspace.remote_log(limit=3)[0]
        print(checked.broken, locked.damaged, change.by, rekeyed.done)
        line: firn.Line = workspace.lines("origin")[0]
        theirs: list[firn.SavedTree] = workspace.checkpoints(3, remote=f"origin/{line.name}")
        print(pushed.bytes, pulled.lines, pruned.removed_packs, theirs, workspace.log(remote="origin"))
        return len(expired) + back.changed + len(data) + len(workspace.status())


def keys(path: str, workspace: firn.Workspace) -> int:
    firn.keys_encrypt(path, cipher="aes-256-gcm", key="a passphrase")
    done: firn.Rekeyed = firn.keys_rekey(path, key="a passphrase", progress=lambda progress: None)
    made: firn.RecoveryCode = firn.keys_add_recovery(path, label="safe", key=b"k" * 32, lock_timeout=1.5)
    listed: firn.Keys = firn.keys_list(path)
    slot: firn.KeySlot = listed.slots[0]
    workspace.remote_keys_change(slot.number, "another passphrase", remote="origin", key=made.code)
    collected: firn.Collected = workspace.gc(rekey=True, without_key=False)
    return workspace.remote_keys_add(b"k" * 32, label=slot.label) + workspace.remote_keys_forget() + done.left + collected.rekey_left


async def asynchronous() -> None:
    async with firn.aio.open("s", durability="os") as store:
        words = await firn.aio.call(store.keyspace, "words")
        async for key, value in firn.aio.iterate(words.items()):
            print(key + value)
        await firn.aio.run(store, lambda txn: txn.savepoint())


def main() -> None:
    try:
        with firn.open("s", create=False) as store:
            keyspaces(store)
    except firn.NotFound as error:
        print(error.code, error.errno)
    asyncio.run(asynchronous())
