# SPDX-License-Identifier: Apache-2.0
"""The half of Store and Keyspace that is easier in Python."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Callable, Optional, TypeVar, Union

from . import _firn
from ._errors import Conflict, Exists, NotFound

T = TypeVar("T")
_MISSING = object()


class Store(_firn.Store):
    """An open store. Use firn.open() to make one."""

    def run(
        self,
        work: Callable[[_firn.Transaction], T],
        *,
        isolation: str = "snapshot",
        durability: Optional[str] = None,
        attempts: int = 100,
    ) -> T:
        """Calls work with a transaction and commits it; gives what work gives. On a Conflict all of it is repeated after a short
        random wait, up to attempts times, so work must have no effects besides the transaction."""
        wait = 0.0005
        for attempt in range(1, attempts + 1):
            try:
                with self.transaction(isolation=isolation, durability=durability) as txn:
                    return work(txn)
            except Conflict:
                if attempt >= attempts:
                    raise
            time.sleep(random.random() * wait)
            wait = min(wait * 2, 0.1)
        raise ValueError("attempts is at least 1")


def open(path: Union[str, bytes, "os.PathLike[str]"], **options: Any) -> Store:
    """Opens the store in a directory, which is created if it is missing.

    Options: create (True), exclusive (False: fail if it exists), read_only, durability ('full' or 'os'), lock_timeout (seconds to
    wait for another writer), memory_bytes, threads, compression ('none', 'lz4', 'zstd'), read_pending. With read_only the path may
    also be a file that Store.export wrote.
    """
    return Store(path, **options)


def memory(limit_bytes: int = 2**64 - 1, **options: Any) -> Store:
    """Opens a new store in memory, which is gone when it is closed."""
    return Store(None, limit_bytes=limit_bytes, **options)


# ---- the rest of a mapping ----


def _pop(self: _firn.Keyspace, key: Any, default: Any = _MISSING) -> Any:
    """Removes a key and gives its value; without it the default, or NotFound."""
    try:
        value = self[key]
    except NotFound:
        if default is _MISSING:
            raise
        return default
    self.delete(key)
    return value


def _popitem(self: _firn.Keyspace) -> Any:
    """Removes the last entry and gives it; NotFound if there is none."""
    with self.items(reverse=True) as items:
        for key, value in items:
            self.delete(key)
            return key, value
    raise NotFound("the keyspace is empty", -5)


def _setdefault(self: _firn.Keyspace, key: Any, default: Any) -> bytes:
    """The value of a key, after it was set to the default if it had none."""
    try:
        self.insert(key, default)
    except Exists:
        pass
    return self[key]


def _update(self: _firn.Keyspace, other: Any = (), **more: Any) -> None:
    """Sets the entries of a mapping, or of pairs, in one commit."""
    pairs: Iterable[Any] = other.items() if isinstance(other, Mapping) else other
    if self.in_transaction:
        for key, value in pairs:
            self[key] = value
        for key, value in more.items():
            self[key] = value
        return
    with self.store.batch() as batch:
        for key, value in pairs:
            batch.put(self, key, value)
        for key, value in more.items():
            batch.put(self, key, value)


def _clear(self: _firn.Keyspace) -> None:
    """Deletes all entries, in one small commit."""
    with self.keys(reverse=True) as keys:
        for last in keys:
            self.delete_range(b"", last + b"\0")
            break


for _name, _function in {"pop": _pop, "popitem": _popitem, "setdefault": _setdefault, "update": _update, "clear": _clear}.items():
    _function.__name__ = _name
    setattr(_firn.Keyspace, _name, _function)
MutableMapping.register(_firn.Keyspace)
