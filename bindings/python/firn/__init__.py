# SPDX-License-Identifier: Apache-2.0
"""firn: an embedded storage engine that remembers.

    import firn

    with firn.open("notes.firn") as store:
        notes = store.keyspace("notes")
        notes["2026-11-20"] = "first frost"
        print(notes["2026-11-20"])
"""

from __future__ import annotations

from ._errors import (
    Busy,
    Cancelled,
    Closed,
    Conflict,
    Corrupt,
    Denied,
    Error,
    Exists,
    Failed,
    InputOutput,
    Internal,
    Invalid,
    Limit,
    Locked,
    Misuse,
    Newer,
    NoMemory,
    NoSpace,
    NotFound,
    ReadOnly,
    Unsupported,
    Untrusted,
)
from ._firn import Batch, Iterator, Keyspace, Scan, Snapshot, Table, Transaction, destroy, import_store, number, number_of, version
from ._results import (
    CheckResult,
    Checkpoint,
    Column,
    Difference,
    Hit,
    ImportResult,
    KeyspaceSize,
    Notice,
    Progress,
    Restored,
    RowDifference,
)
from ._store import Store, memory, open

__version__ = version()

__all__ = [name for name in dir() if not name.startswith("_") and name not in ("annotations",)]
