# SPDX-License-Identifier: Apache-2.0
"""firn from asyncio: calls run in threads, so that the event loop goes on.

    async with firn.aio.open("notes.firn") as store:
        notes = await firn.aio.call(store.keyspace, "notes")
        await firn.aio.call(notes.put, "a", "b")
        async for key, value in firn.aio.iterate(notes.items()):
            print(key, value)

Objects that belong to one thread at a time (iterators, transactions, scans, workspaces) may be used so too, one call after the
other. A call that has begun runs to its end in its thread, also if the task that awaits it is cancelled.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Iterable
from itertools import islice
from typing import Any, Callable, Optional, TypeVar

from . import _firn, _store
from ._results import Notice, Progress, Saved

T = TypeVar("T")


async def call(function: Callable[..., T], *args: Any, **keywords: Any) -> T:
    """Gives what function(*args, **keywords) gives in a thread."""
    return await asyncio.get_running_loop().run_in_executor(None, functools.partial(function, *args, **keywords))


@contextlib.asynccontextmanager
async def open(
    path: _store.Path,
    *,
    create: bool = True,
    exclusive: bool = False,
    read_only: bool = False,
    durability: _store.Durability = None,
    lock_timeout: _store.Seconds = None,
    memory_bytes: int = 0,
    threads: int = 0,
    compression: _store.Compression = None,
    read_pending: bool = False,
    cipher: _store.Cipher = None,
    key: _store.Key = None,
) -> AsyncIterator[_store.Store]:
    """firn.open for `async with`."""
    store = await call(
        _store.open,
        path,
        create=create,
        exclusive=exclusive,
        read_only=read_only,
        durability=durability,
        lock_timeout=lock_timeout,
        memory_bytes=memory_bytes,
        threads=threads,
        compression=compression,
        read_pending=read_pending,
        cipher=cipher,
        key=key,
    )
    try:
        yield store
    except BaseException as error:
        await call(store.__exit__, type(error), error, error.__traceback__)
        raise
    await call(store.close)


async def iterate(iterable: Iterable[T], *, batch: int = 256) -> AsyncIterator[T]:
    """The items of an iterator or scan, read in a thread by batches."""
    iterator = iter(iterable)
    try:
        while items := await call(lambda: list(islice(iterator, batch))):
            for item in items:
                yield item
    finally:
        close = getattr(iterator, "close", None)
        if close is not None:
            await call(close)


async def run(
    store: _store.Store,
    work: Callable[[_firn.Transaction], T],
    *,
    isolation: _store.Isolation = "snapshot",
    durability: _store.Durability = None,
    attempts: int = 100,
) -> T:
    """Store.run in a thread: work is a plain function, which is repeated on a Conflict."""
    return await call(store.run, work, isolation=isolation, durability=durability, attempts=attempts)


async def sql(store: _store.Store, statement: str, parameters: Any = ()) -> list[Any]:
    """All rows of a statement of SQL."""

    def fetch() -> list[Any]:
        return store.sql(statement, parameters).fetchall()

    return await call(fetch)


async def save(
    workspace: _firn.Workspace,
    message: str = "",
    *,
    include_deps: bool = False,
    strict: bool = False,
    full: bool = False,
    if_changed: bool = False,
    gitignore: bool = False,
    keep: Optional[str] = None,
    max_size: int = 0,
    threads: int = 0,
    progress: Optional[Callable[[Progress], object]] = None,
    notice: Optional[Callable[[Notice], object]] = None,
    git: bool = True,
) -> Saved:
    """Workspace.save in a thread. progress is called in the event loop's thread, notice in the one that saves."""
    loop = asyncio.get_running_loop()

    def tell(seen: Progress) -> None:
        if progress is not None:
            loop.call_soon_threadsafe(progress, seen)

    return await call(
        workspace.save,
        message,
        include_deps=include_deps,
        strict=strict,
        full=full,
        if_changed=if_changed,
        gitignore=gitignore,
        keep=keep,
        max_size=max_size,
        threads=threads,
        progress=None if progress is None else tell,
        notice=notice,
        git=git,
    )
