# SPDX-License-Identifier: Apache-2.0
"""firn: an embedded storage engine that remembers.

    import firn

    with firn.open("notes.firn") as store:
        notes = store.keyspace("notes")
        notes["2026-11-20"] = "first frost"
        print(notes["2026-11-20"])

Stores have keyspaces (mappings of bytes), tables (rows of typed columns), transactions, snapshots and checkpoints; a Workspace saves and
restores a directory. firn.aio has the same for asyncio.
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
from ._firn import (
    Batch,
    Iterator,
    Keyspace,
    Scan,
    Snapshot,
    Table,
    Transaction,
    Workspace,
    check_locked,
    destroy,
    import_store,
    keys_rekey,
    number,
    number_of,
    version,
)
from ._keys import (
    keys_add,
    keys_add_recovery,
    keys_change,
    keys_decrypt,
    keys_encrypt,
    keys_forget,
    keys_list,
    keys_remember,
    keys_remove,
    keys_replace,
    keys_rotate,
)
from ._results import (
    Change,
    Checkpoint,
    CheckResult,
    Collected,
    Column,
    Difference,
    Entry,
    Hit,
    ImportResult,
    Keys,
    KeySlot,
    KeyspaceSize,
    Line,
    LockedCheckResult,
    LockedRemoteCheck,
    Logged,
    Neighbors,
    Notice,
    Progress,
    Pruned,
    Pulled,
    Pushed,
    RecoveryCode,
    Rekeyed,
    Remote,
    RemoteChange,
    RemoteCheck,
    RemoteRekeyed,
    Restored,
    RestoredTree,
    Reverted,
    RowDifference,
    Saved,
    SavedTree,
    Step,
    Tag,
    Turn,
)
from ._sqlite import load_sqlite
from ._store import Store, memory, open

__version__ = version()

__all__ = [
    "Batch", "Busy", "Cancelled", "Change", "CheckResult", "Checkpoint", "Closed", "Collected", "Column", "Conflict", "Corrupt",
    "Denied", "Difference", "Entry", "Error", "Exists", "Failed", "Hit", "ImportResult", "InputOutput", "Internal", "Invalid",
    "Iterator", "KeySlot", "Keys", "Keyspace", "KeyspaceSize", "Limit", "Line", "Locked", "LockedCheckResult", "LockedRemoteCheck", "Logged",
    "Misuse", "Neighbors", "Newer", "NoMemory", "NoSpace", "NotFound", "Notice", "Progress", "Pruned", "Pulled", "Pushed", "ReadOnly", "RecoveryCode",
    "Rekeyed", "Remote", "RemoteChange", "RemoteCheck", "RemoteRekeyed", "Restored", "RestoredTree", "Reverted", "RowDifference", "Saved",
    "SavedTree", "Scan", "Snapshot", "Step", "Store", "Table", "Tag", "Transaction", "Turn", "Unsupported", "Untrusted",
    "Workspace", "check_locked", "destroy", "import_store", "keys_add", "keys_add_recovery", "keys_change", "keys_decrypt",
    "keys_encrypt", "keys_forget", "keys_list", "keys_rekey", "keys_remember", "keys_remove", "keys_replace", "keys_rotate",
    "load_sqlite", "memory", "number", "number_of", "open", "version",
]
