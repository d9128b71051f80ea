# SPDX-License-Identifier: Apache-2.0
"""The half of Store and Keyspace that is easier in Python."""

from __future__ import annotations

import datetime
import decimal
import inspect
import os
import random
import re
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Callable, Literal, Optional, TypeVar, Union

from . import _firn
from ._errors import Conflict, Exists, NotFound, Unsupported
from . import _sqlite

T = TypeVar("T")
Path = Union[str, bytes, "os.PathLike[str]", "os.PathLike[bytes]"]
Seconds = Union[float, int, datetime.timedelta, None]
Durability = Optional[Literal["default", "full", "os"]]
Compression = Optional[Literal["default", "none", "lz4", "zstd"]]
Cipher = Optional[Literal["none", "xchacha20-poly1305", "aes-256-gcm", "aegis-256", "automatic"]]
Key = Optional[Union[str, bytes]]
Transactions = Optional[Literal["DEFERRED", "IMMEDIATE", "EXCLUSIVE"]]
Isolation = Literal["default", "snapshot", "serializable"]
_MISSING = object()
_may_define = re.compile(r"\b(create|alter|drop)\b", re.IGNORECASE)


class Store(_firn.Store):
    """An open store. Use firn.open() to make one."""

    __slots__ = ("_connection", "_connections", "_lock", "__weakref__")

    _connection: Optional[sqlite3.Connection]
    _connections: "weakref.WeakSet[sqlite3.Connection]"

    def __init__(self, *args: Any, **options: Any) -> None:
        self._connection = None
        self._connections = weakref.WeakSet()
        self._lock = threading.Lock()

    def connect(self, *, name: str = "store", confined: bool = True, isolation_level: Transactions = None) -> sqlite3.Connection:
        """A new connection of sqlite3, in memory, that has the tables and keyspaces of the store as its own (docs/sql.md). The store
        stays open as long as the connection, unless Store.close closes both. Each statement commits by itself unless it begins a
        transaction; with isolation_level "DEFERRED" the connection begins one before the first change, as sqlite3 does by default, and
        commit(), rollback() and `with` end it. Unsupported if this Python's sqlite3 can have no
        extensions. A confined connection opens no other store and no saved directory by its path, whatever its statements say, and has
        SQLite's settings for files of others (firn_confine)."""
        connection = _sqlite.connect()
        try:
            if confined:
                self._confine(connection)
            self._attach(connection, name)
            connection.isolation_level = isolation_level
        except BaseException:
            connection.close()
            raise
        reference, attached = weakref.ref(self), weakref.ref(connection)

        def look_again() -> None:
            store, again = reference(), attached()
            if store is not None and again is not None:
                store._attach(again, name)

        connection.look_again = look_again
        self._connections.add(connection)
        return connection

    def _confine(self, connection: sqlite3.Connection) -> None:
        for count in 1, 2:  # which SQLite replaces only while no statement runs
            connection.create_function("fts3_tokenizer", count, _refuse)
        connection.execute("SELECT firn_confine(?)", (self._lend(),)).fetchall()

    def _attach(self, connection: sqlite3.Connection, name: str) -> None:
        options = ["name=" + name] + (["read-only"] if self.read_only else [])
        connection.execute(f"SELECT firn_attach(?{', ?' * len(options)})", [self._lend(), *options]).fetchall()

    def sql(self, statement: str, parameters: Any = ()) -> sqlite3.Cursor:
        """Runs a statement of SQL over the tables and keyspaces of the store, and gives the cursor of sqlite3. CREATE TABLE, ALTER TABLE
        and DROP TABLE change the store, unless they say TEMP. Each statement is a transaction of its own unless it begins one. A
        decimal.Decimal is passed as its text, which a column is compared with as a number; beside an expression write
        CAST(? AS REAL). Errors of the statement are those of sqlite3."""
        if isinstance(parameters, Mapping):
            parameters = {name: _parameter(value) for name, value in parameters.items()}
        elif isinstance(parameters, (tuple, list)):
            parameters = [_parameter(value) for value in parameters]
        with self._lock:
            if self._connection is None:
                self._connection = self.connect()
            else:  # there may be new tables
                self._attach(self._connection, "store")
            cursor = self._connection.cursor()
        if _may_define.search(statement) and cursor.execute("SELECT firn_is_definition(?)", (statement,)).fetchone()[0]:
            statement, parameters = "SELECT 1 WHERE firn_create(?) IS NOT NULL", (statement,)
        try:
            return cursor.execute(statement, parameters)
        finally:
            self._changed()

    def close(self) -> None:
        """Closes everything that was opened from the store, its connections of sqlite3 too, and then the store."""
        with self._lock:
            self._connection = None
            for connection in list(self._connections):
                connection.close()
        super().close()

    def __exit__(self, kind: Optional[type[BaseException]], *exception: Any) -> None:
        try:
            self.close()
        except Exception:  # an exception that is under way says more
            if kind is None:
                raise

    def run(
        self,
        work: Callable[[_firn.Transaction], T],
        *,
        isolation: Isolation = "snapshot",
        durability: Durability = None,
        attempts: int = 100,
    ) -> T:
        """Calls work with a transaction and commits it; gives what work gives. On a Conflict all of it is repeated after a short
        random wait, up to attempts times, so work must have no effects besides the transaction. It is a plain function: one that
        gives an awaitable is refused with TypeError, and what it wrote is rolled back."""
        if inspect.iscoroutinefunction(work):
            raise TypeError("work is a plain function, not a coroutine function: a transaction does not wait for the event loop")
        wait = 0.0005
        for attempt in range(1, attempts + 1):
            try:
                with self.transaction(isolation=isolation, durability=durability) as txn:
                    result = work(txn)
                    if inspect.isawaitable(result):
                        if inspect.iscoroutine(result):
                            result.close()
                        raise TypeError("work gave an awaitable: it has to be a plain function, which has done its work when it returns")
                    return result
            except Conflict:
                if attempt >= attempts:
                    raise
            time.sleep(random.random() * wait)
            wait = min(wait * 2, 0.1)
        raise ValueError("attempts is at least 1")


def _refuse(*arguments: Any) -> None:
    raise Unsupported("fts3_tokenizer is not available", -14)


def _parameter(value: Any) -> Any:
    return format(value, "f") if isinstance(value, decimal.Decimal) else value


def open(
    path: Path,
    *,
    create: bool = True,
    exclusive: bool = False,
    read_only: bool = False,
    durability: Durability = None,
    lock_timeout: Seconds = None,
    memory_bytes: int = 0,
    threads: int = 0,
    compression: Compression = None,
    read_pending: bool = False,
    cipher: Cipher = None,
    key: Key = None,
) -> Store:
    """Opens the store in a directory, which is created if it is missing.

    exclusive: fail if it exists. durability: 'full' or 'os'. lock_timeout: seconds to wait for another writer. memory_bytes: at least
    1 MiB; 0 is the default of 256 MiB. compression: 'none', 'lz4' or 'zstd'. With read_only the path may also be a file that
    Store.export wrote. cipher: a store that is created is encrypted with it; 'automatic' chooses one. key: what opens an encrypted
    store, if neither the session keyring nor FIRN_KEY_FILE nor FIRN_KEY_COMMAND does: a str is a passphrase or a recovery code, bytes
    are what is in a key file.
    """
    return Store(
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


def memory(
    limit_bytes: int = 2**64 - 1, *, durability: Durability = None, memory_bytes: int = 0, threads: int = 0, compression: Compression = None
) -> Store:
    """Opens a new store in memory, which is gone when it is closed."""
    return Store(None, limit_bytes=limit_bytes, durability=durability, memory_bytes=memory_bytes, threads=threads, compression=compression)


# ---- the rest of a mapping ----


def _alone(self: _firn.Keyspace, work: Callable[[_firn.Keyspace], T]) -> T:
    """What work gives for the keyspace in a transaction, so that what it reads has not changed when it writes."""
    if self.in_transaction:
        return work(self)
    store: Any = self.store  # a Store, which has run
    result: T = store.run(lambda txn: work(txn.keyspace(self)), attempts=10000)
    return result


def _pop(self: _firn.Keyspace, key: Any, default: Any = _MISSING) -> Any:
    """Removes a key and gives its value; without it the default, or NotFound."""

    def work(keyspace: _firn.Keyspace) -> Any:
        value = keyspace.get(key)
        if value is not None:
            keyspace.delete(key)
        return value

    value = _alone(self, work)
    if value is None and default is _MISSING:
        raise NotFound("the keyspace has no such key", -5)
    return default if value is None else value


def _popitem(self: _firn.Keyspace) -> Any:
    """Removes the last entry and gives it; NotFound if there is none."""

    def work(keyspace: _firn.Keyspace) -> Any:
        with keyspace.items(reverse=True) as items:
            item = next(items, None)
        if item is not None:
            keyspace.delete(item[0])
        return item

    item = _alone(self, work)
    if item is None:
        raise NotFound("the keyspace is empty", -5)
    return item


def _setdefault(self: _firn.Keyspace, key: Any, default: Any) -> bytes:
    """The value of a key, after it was set to the default if it had none."""
    while True:
        try:
            self.insert(key, default)
        except Exists:
            value = self.get(key)
            if value is None:  # deleted meanwhile
                continue
            return value
        return _bytes_of(default)


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
        last = next(keys, None)
    if last is None:
        return
    if self.in_transaction:
        self.delete_range(b"", last)
        self.delete(last)
        return
    with self.store.batch() as batch:
        batch.delete_range(self, b"", last)
        batch.delete(self, last)


def _reversed(self: _firn.Keyspace) -> _firn.Iterator[bytes]:
    """The keys, from the last one to the first."""
    return self.keys(reverse=True)


def _bytes_of(given: Any) -> bytes:
    return given.encode() if isinstance(given, str) else bytes(given)


def _contains(self: _firn.Iterator[Any], wanted: Any) -> bool:
    """Whether the range has this now: a key or an item is looked up, a value is searched for. The iterator stays where it is."""
    kind, keyspace, start, stop, prefix = self._range
    if kind == "values":
        wanted = _bytes_of(wanted)
        with keyspace.values(start, stop, prefix=prefix) as values:
            return any(value == wanted for value in values)
    key, value = wanted if kind == "items" else (wanted, None)
    found = keyspace.get(key)
    if found is None or (value is not None and found != _bytes_of(value)):
        return False
    key = _bytes_of(key)
    return (
        (start is None or key >= _bytes_of(start))
        and (stop is None or key < _bytes_of(stop))
        and (prefix is None or key.startswith(_bytes_of(prefix)))
    )


_mapping = {"pop": _pop, "popitem": _popitem, "setdefault": _setdefault, "update": _update, "clear": _clear, "__reversed__": _reversed}
for _name, _function in _mapping.items():
    _function.__name__ = _name
    setattr(_firn.Keyspace, _name, _function)
setattr(_firn.Iterator, "__contains__", _contains)
MutableMapping.register(_firn.Keyspace)
