# SPDX-License-Identifier: Apache-2.0
"""What calls give back, and what callbacks are given: named tuples. The extension makes them."""

from __future__ import annotations

import datetime
from typing import Any, NamedTuple, Optional

EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
EPOCH_NAIVE = datetime.datetime(1970, 1, 1)


def _time(ns: int) -> datetime.datetime:
    return EPOCH + datetime.timedelta(microseconds=ns // 1000)


class Checkpoint(NamedTuple):
    """A kept state of a store's data."""

    number: int
    id: str
    name: Optional[str]
    created_ns: int
    sequence: int
    is_safety: bool
    restored: Optional[str]

    @property
    def created(self) -> datetime.datetime:
        """When it was created."""
        return _time(self.created_ns)


class Restored(NamedTuple):
    """What a restore made of the data, and the safety checkpoint of what it was before."""

    restored: Checkpoint
    safety: Checkpoint


class Difference(NamedTuple):
    """A key that differs: kind is added, removed, changed, keyspace added or keyspace removed."""

    kind: str
    keyspace: str
    key: Optional[bytes]
    before: Optional[bytes]
    after: Optional[bytes]


class CheckResult(NamedTuple):
    """What a check read."""

    keyspaces: int
    entries: int
    log_records: int


class LockedCheckResult(NamedTuple):
    """What a check without a key read."""

    files: int
    blocks: int
    bytes_read: int
    log_records: int


class KeyspaceSize(NamedTuple):
    """An estimate of the size of a range of keys."""

    file_bytes: int
    file_entries: int
    value_bytes: int
    memory_bytes: int
    memory_entries: int


class Progress(NamedTuple):
    """How far a long call has come; a total is 0 while it is unknown."""

    phase: str
    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    is_finishing: bool


class Notice(NamedTuple):
    """Something that a long call found: an entry left out, damage."""

    kind: str
    path: str
    text: Optional[str]
    checkpoint: Optional[str]


class Column(NamedTuple):
    """A column of a table or of a scan."""

    name: str
    type: str
    not_null: bool
    precision: int
    scale: int
    dimensions: int


class Hit(NamedTuple):
    """A row that a search found: its distance, its key, and the columns that were asked for."""

    distance: float
    key: tuple[Any, ...]
    row: dict[str, Any]


class Neighbors(NamedTuple):
    """What a search for several queries found: a row of each for a query, nearest first.

    distances: a 2-dimensional memoryview of floats, as numpy.asarray takes it without a copy; inf where fewer rows were found than
    for other queries. keys: the same of whole numbers, with -1 there, if the primary key is one; otherwise a list of lists of tuples.
    """

    distances: memoryview
    keys: Any


class RowDifference(NamedTuple):
    """A row that differs between two states: kind is added, removed or changed."""

    kind: str
    before: Optional[dict[str, Any]]
    after: Optional[dict[str, Any]]
    changed: tuple[str, ...]


class ImportResult(NamedTuple):
    """What an import read: rows, rejected lines, bytes, and rows that were skipped because they exist."""

    rows: int
    rejected: int
    bytes: int
    skipped: int


# ---- workspaces ----


class Turn(NamedTuple):
    """A turn of a coding agent: a prompt, and the work that the agent did for it. session is the agent's name for the conversation;
    number, of the turn in it, is None if the start of the turn was not recorded."""

    agent: str
    session: str
    number: Optional[int]
    prompt: str


class SavedTree(NamedTuple):
    """A checkpoint of a workspace. number is 0 for a safety checkpoint. git_branch and git_commit are where HEAD was, if there was
    a git repository. turn is the turn of a coding agent that ended with it, if one did."""

    number: int
    id: str
    is_safety: bool
    created_ns: int
    message: str
    root: str
    files: int
    directories: int
    bytes: int
    new_objects: int
    added_bytes: int
    excluded: int
    skipped: int
    git_branch: Optional[str]
    git_commit: Optional[str]
    forgotten: int
    include_deps: bool
    turn: Optional[Turn]

    @property
    def created(self) -> datetime.datetime:
        """When it was saved."""
        return _time(self.created_ns)


class Saved(NamedTuple):
    """What a save made: the checkpoint, and how the tree differs from the previous one."""

    checkpoint: SavedTree
    previous: int
    is_made: bool
    is_unchanged: bool
    added: int
    changed: int
    removed: int
    expired: int


class Entry(NamedTuple):
    """A file, directory or symlink of a checkpoint or of the disk."""

    path: str
    type: str
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    size: int
    hash: Optional[str]
    link_target: Optional[str]
    hard_link: Optional[str]


class Change(NamedTuple):
    """A path that differs: kind is added, removed, changed, metadata or renamed; what has the bits of firn/workspace.h."""

    kind: str
    path: str
    before: Optional[Entry]
    after: Optional[Entry]
    what: int
    lines_added: Optional[int]
    lines_removed: Optional[int]


class Logged(NamedTuple):
    """What a checkpoint changed, compared with the one before it. The counts are of files; times_only counts those of which only the
    time differs. Lines are None unless they were asked for."""

    checkpoint: SavedTree
    added: int
    changed: int
    removed: int
    renamed: int
    times_only: int
    lines_added: Optional[int]
    lines_removed: Optional[int]
    changes: list[Change]


class Step(NamedTuple):
    """A step that undo() or redo() took or would take: kind is save, restore, revert or edits; or tag, pin or delete, of checkpoints,
    which change no file. checkpoint is that of the state that it led to: None if it was deleted, for these three, and for edits that are only on the disk, which also have no time_ns. agent and prompt
    are those of the coding agent's turn that it was, if it was one. The counts are None where they are not known."""

    kind: str
    checkpoint: Optional[SavedTree]
    agent: Optional[str]
    prompt: Optional[str]
    time_ns: Optional[int]
    is_redo: bool
    added: Optional[int]
    changed: Optional[int]
    removed: Optional[int]


class RestoredTree(NamedTuple):
    """What a restore did; safety_id is the checkpoint of the state before, None if nothing changed. Of undo() and redo() steps are
    those that were taken or brought back; is_unsaved: among them are edits that had not been saved."""

    checkpoint: SavedTree
    safety_id: Optional[str]
    added: int
    changed: int
    removed: int
    unchanged: int
    incomplete: int
    left_alone: int
    not_restored: int
    changes: list[Change]
    is_unsaved: bool
    steps: list[Step]


class Reverted(NamedTuple):
    """What a revert did."""

    after: SavedTree
    before: Optional[SavedTree]
    safety_id: Optional[str]
    added: int
    changed: int
    removed: int
    merged: int
    left_alone: int
    not_restored: int
    changes: list[Change]


class Tag(NamedTuple):
    """A name of a checkpoint."""

    name: str
    id: str
    number: int
    created_ns: int


class Collected(NamedTuple):
    """What a collection reclaimed."""

    expired: int
    safety_expired: int
    objects_live: int
    objects_dead: int
    bytes_before: int
    bytes_after: int
    rekeyed: int = 0
    rekey_left: int = 0
    leftovers: int = 0
    leftover_bytes: int = 0


class KeySlot(NamedTuple):
    """One of the secrets that open a store or a remote: kind is passphrase, file or recovery."""

    number: int
    kind: str
    label: str
    added_ns: int

    @property
    def added(self) -> datetime.datetime:
        """When it was added."""
        return _time(self.added_ns)


class Keys(NamedTuple):
    """What there is of the keys of a store or a remote. cipher is that of new files, none for what is in clear. is_remembered: the
    session keyring opens it; is_kept: the store, which is encrypted, has what opens the remote. state is settled, or encrypting or
    decrypting until keys_rekey has ended such a change."""

    cipher: str
    slots: list[KeySlot]
    master_keys: int
    is_remembered: bool
    is_kept: bool
    state: str


class RecoveryCode(NamedTuple):
    """A recovery code, to be written down: it is nowhere else. number is that of its slot."""

    number: int
    code: str


class Rekeyed(NamedTuple):
    """How many files were written anew, and how many are left for another call; packs of these are left to Workspace.gc with rekey."""

    rekeyed: int
    left: int
    packs: int


class Remote(NamedTuple):
    """A remote of a workspace: its name here, where it is, the id that no other remote has, how many checkpoints were made since
    the last push to it, and when and why the last automatic push failed: None if a push has succeeded since."""

    name: str
    url: str
    id: str
    not_pushed: int
    failed_ns: Optional[int]
    failure: Optional[str]


class Line(NamedTuple):
    """What one workspace, here or elsewhere, has pushed to a remote. remote is the name of the remote here; name is label, such as
    "ada@laptop:project", if no other line of the remote has it, else id."""

    remote: str
    name: str
    label: str
    id: str


class Pushed(NamedTuple):
    """What a push sent: the checkpoints and objects that the remote did not have, and their bytes. due is of an automatic push:
    there is, or was, something to push now."""

    checkpoints: int
    objects: int
    bytes: int
    requests: int
    due: bool


class Pulled(NamedTuple):
    """What a pull brought: checkpoints that are new here, and how many lines have some of these. skipped counts checkpoints that
    are damaged, or not whole, in the remote."""

    checkpoints: int
    lines: int
    skipped: int
    bytes: int
    requests: int


class RemoteCheck(NamedTuple):
    """What a check of a remote found: state is the number of the newest one, packs and bytes are what the checkpoints may need,
    damaged counts packs and other items, broken the checkpoints that cannot be restored from the remote. repaired and sent are of a
    repair, and dropped, the checkpoints that it removed since it could not mend them."""

    state: int
    checkpoints: int
    packs: int
    bytes: int
    damaged: int
    broken: int
    repaired: int
    sent: int
    fetched: int
    requests: int
    dropped: int


class LockedRemoteCheck(NamedTuple):
    """What a check of an encrypted remote without its key found: state is the number of the newest one that is there, states and
    keys are the files that were verified, packs and bytes what is there of packs, blocks those of packs whose data was read. foreign
    counts files that do not belong to a remote."""

    state: int
    states: int
    keys: int
    packs: int
    bytes: int
    blocks: int
    bytes_read: int
    foreign: int
    damaged: int
    requests: int


class RemoteRekeyed(NamedTuple):
    """What was encrypted anew in a remote after a rotation: packs and bytes that were written, states that were removed. left_packs
    and left_states are what older keys still open; in left_s seconds all of these states can be removed. done: older keys open
    nothing, and the remote has none any more."""

    packs: int
    bytes: int
    states: int
    left_packs: int
    left_states: int
    left_s: int
    done: bool
    requests: int


class RemoteChange(NamedTuple):
    """What one push or prune changed in a remote, as its author says; line is the label of the first line that has new
    checkpoints, or ""."""

    state: int
    by: str
    at_ns: int
    checkpoints: int
    lines: int
    line: str
    packs: int
    bytes: int
    tags: int
    removed_checkpoints: int
    removed_packs: int
    removed_bytes: int


class Pruned(NamedTuple):
    """What a prune left in a remote, and what it removed; packs are files."""

    checkpoints: int
    removed_checkpoints: int
    packs: int
    bytes: int
    removed_packs: int
    removed_bytes: int
    requests: int
