# SPDX-License-Identifier: Apache-2.0
"""Workspaces: a directory, its saved states, and what callbacks see and raise."""

import os
import threading
from pathlib import Path

import pytest

import firn


@pytest.fixture
def tree(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    root = tmp_path / "tree"
    (root / "sub").mkdir(parents=True)
    (root / "a.txt").write_text("one\ntwo\nthree\n")
    (root / "sub" / "b").write_bytes(b"\0" * 10)
    os.symlink("a.txt", root / "link")
    return root


@pytest.fixture
def ws(tree):
    with firn.Workspace(tree) as opened:
        yield opened


def test_save_change_restore_undo(ws, tree):
    assert ws.root == str(tree.resolve()) and ws.subpath == "" and ws.moved_from is None and not ws.closed and ws.checkpoints() == []
    first = ws.save("first")
    assert first.is_made and first.checkpoint.number == 1 and first.checkpoint.files == 3 and first.added == 3 and first.checkpoint.message == "first"
    (tree / "a.txt").write_text("one\n2\nthree\nfour\n")
    (tree / "new").write_text("n")
    os.remove(tree / "sub" / "b")
    changes = {change.path: change for change in ws.status()}
    assert {path: change.kind for path, change in changes.items()} == {"a.txt": "changed", "new": "added", "sub/b": "removed"}
    assert changes["new"].before is None and changes["new"].after.size == 1 and changes["sub/b"].after is None
    lines = ws.diff(lines=True, paths="a.txt")
    assert [(c.path, c.lines_added, c.lines_removed) for c in lines] == [("a.txt", 2, 1)]
    second = ws.save("second", if_changed=True)
    assert (second.checkpoint.number, second.added, second.changed, second.removed) == (2, 1, 1, 1)
    assert not ws.save(if_changed=True).is_made
    assert ws.cat("a.txt", 1) == b"one\ntwo\nthree\n" and ws.cat("a.txt") == (tree / "a.txt").read_bytes()
    pieces = []
    assert ws.cat("a.txt", "latest~1", write=pieces.append) is None and b"".join(pieces) == b"one\ntwo\nthree\n"
    assert [(e.path, e.type, e.link_target) for e in ws.entries(1)] == [
        ("a.txt", "file", None), ("link", "symlink", "a.txt"), ("sub", "directory", None), ("sub/b", "file", None)]
    dry = ws.restore(1, dry_run=True)
    assert len(dry.changes) >= 3 and dry.safety_id is None and (tree / "new").exists()
    done = ws.restore(1)
    assert (done.added, done.changed, done.removed) == (1, 1, 1) and done.checkpoint == first.checkpoint and not (tree / "new").exists()
    assert ws.status(1) == [] and len(ws.checkpoints(safety=True)) == 3
    undone = ws.undo()
    assert (tree / "new").exists() and ws.status(2) == []
    (step,) = undone.steps
    assert (step.kind, step.checkpoint.number, step.is_redo, step.agent, undone.is_unsaved) == ("restore", 1, False, None, False)
    assert (step.added, step.changed, step.removed) == (1, 1, 1) and step.time_ns > first.checkpoint.created_ns
    assert [(each.kind, each.is_redo) for each in ws.steps()] == [("restore", True), ("save", False)] and ws.steps(0) == []
    second_logged, first_logged = ws.log(lines=True)
    assert second_logged.checkpoint.number == 2 and (second_logged.added, second_logged.changed, second_logged.removed) == (1, 1, 1)
    assert (second_logged.lines_added, second_logged.lines_removed) == (3, 1) and len(second_logged.changes) >= 3
    assert first_logged.checkpoint == first.checkpoint and first_logged.added == 3
    assert [one.checkpoint.number for one in ws.log("sub")] == [2, 1] and [one.lines_added for one in ws.log(limit=1)] == [None]
    assert ws.log(limit=0) == [] and [one.checkpoint.number for one in ws.log(after=1)] == [1]
    assert [one.checkpoint.number for one in ws.log(before=1)] == [2] and len(ws.log(safety=True)) > 2
    with pytest.raises(firn.NotFound):
        ws.log(after=9)
    with pytest.raises(ZeroDivisionError):
        ws.log(notice=lambda _: None, progress=lambda _: 1 // 0)
    with pytest.raises(firn.NotFound):
        ws.undo(last_turn=True)
    with pytest.raises(firn.NotFound):
        ws.undo(turn=99)
    assert ws.redo().checkpoint.number == 1 and not (tree / "new").exists()
    ws.undo()
    ws.restore(1, ["a.txt"], to=tree.parent / "out")
    assert os.listdir(tree.parent / "out") == ["a.txt"]
    reverted = ws.revert(2)
    assert reverted.after.number == 2 and reverted.before.number == 1 and reverted.changes and not (tree / "new").exists()
    assert ws.diff(1, 2, renames=True) and ws.diff(1, 1) == []


def test_names_and_upkeep(ws, tree):
    for number in range(3):
        (tree / "a.txt").write_text(f"{number}")
        ws.save(f"save {number}")
    tagged = ws.tag("v1", 1)
    assert tagged.number == 1 == ws.find("v1").number and [tag.name for tag in ws.tags()] == ["v1"]
    with pytest.raises(firn.Exists):
        ws.tag("v1", 2)
    ws.tag("v1", replace=True)
    assert ws.find("v1").number == 3
    ws.untag("v1")
    assert ws.describe(2, "other").message == "other" == ws.find(2).message and ws.undo()
    assert ws.find(2).message == "save 1"
    ws.pin(2)
    with pytest.raises(firn.Conflict):
        ws.delete(2)
    ws.unpin(2)
    ws.delete(1, "2")
    assert [saved.number for saved in ws.checkpoints()] == [3] and ws.checkpoints()[0].created.tzinfo is not None
    assert len(ws.checkpoints(1)) == 1
    collected = ws.gc(full=True, now=True)
    assert collected.objects_dead >= 2 and ws.check(read_data=True) is None
    for wrong in (lambda: ws.find(1), lambda: ws.restore("v1"), lambda: ws.cat("nope"), lambda: ws.untag("v1"), lambda: ws.delete(1)):
        with pytest.raises(firn.NotFound):
            wrong()
    for wrong in (lambda: ws.find("?"), lambda: ws.tag("no spaces"), lambda: ws.cat("sub")):
        with pytest.raises(firn.Invalid):
            wrong()
    for wrong in (lambda: ws.find(1.5), lambda: ws.status(paths=5), lambda: ws.save(progress=1), lambda: ws.delete(None)):
        with pytest.raises((TypeError, firn.Invalid)):
            wrong()


def test_a_moved_directory_is_adopted(tree, tmp_path):
    with firn.Workspace(tree, is_root=True) as ws:
        ws.save("before")
        assert ws.moved_from is None and ws.too_broad is None
    moved = tmp_path / "moved"
    tree.rename(moved)
    with firn.Workspace(moved, is_root=True) as ws:
        assert ws.moved_from == str(tree)
        with pytest.raises(firn.Conflict):
            ws.save()
        with pytest.raises(firn.NotFound):
            ws.adopt(tmp_path / "never saved")
        ws.adopt()
        assert [saved.message for saved in ws.checkpoints()] == ["before"]
        with pytest.raises(firn.NotFound):
            ws.adopt(tree)  # it is known as `moved` now
    with firn.Workspace(moved) as ws:
        assert ws.moved_from is None and ws.status() == []
        with pytest.raises(TypeError):
            ws.adopt(5)
    with firn.Workspace(Path.home(), store=tmp_path / "home", is_root=True) as ws:
        assert "home" in ws.too_broad


def test_a_store_from_elsewhere_does_not_choose_the_directory(tree, tmp_path, monkeypatch):
    store = tmp_path / "elsewhere"
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "theirs"))
    with firn.Workspace(tree, store=store) as ws:
        ws.save("theirs")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    tree.rename(tmp_path / "aside")
    (tree / "sub").mkdir(parents=True)
    (tree / "thesis").write_text("mine")
    before = sorted(tree.rglob("*"))
    for path in (tree / "sub", tree):
        with firn.Workspace(path, store=store) as ws:
            for call in (ws.save, ws.status, ws.undo, ws.redo, lambda: ws.restore("1"), lambda: ws.revert("1")):
                with pytest.raises(firn.Untrusted):
                    call()
            assert [saved.message for saved in ws.checkpoints()] == ["theirs"]
            assert sorted(tree.rglob("*")) == before
    with firn.Workspace(tree / "sub", store=store) as ws:
        ws.restore("1", to=tmp_path / "out")
    assert (tmp_path / "out" / "a.txt").exists() and sorted(tree.rglob("*")) == before
    with firn.Workspace(tree, store=store, is_root=True) as ws:
        ws.save("mine")
    with firn.Workspace(tree / "sub", store=store) as ws:
        assert ws.status() == []


def test_checkpoints_expire(ws, tree):
    for number in range(3):
        (tree / "a.txt").write_text(f"{number}")
        ws.save(f"save {number}")
    assert ws.expire("all:1d") == ws.expire("all:1d", dry_run=True) == [] and len(ws.checkpoints()) == 3
    for wrong in ("often", ""):
        with pytest.raises(firn.Invalid):
            ws.expire(wrong)
    with pytest.raises(TypeError):
        ws.expire(None)


def test_callbacks(ws, tree):
    os.mkfifo(tree / "fifo")
    progress, notices = [], []
    saved = ws.save(progress=progress.append, notice=notices.append)
    assert [(notice.kind, notice.path) for notice in notices] == [("special", "fifo")] and saved.checkpoint.skipped + saved.checkpoint.excluded >= 0
    assert (saved.checkpoint.forgotten, saved.checkpoint.include_deps) == (0, False)

    def fail(_):
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        ws.save(notice=fail)

    with pytest.raises(firn.Misuse):
        ws.save(notice=lambda _: ws.status())

    def stop(piece):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ws.cat("a.txt", write=stop)
    assert ws.save("still works").is_made


def test_closed_and_shared(tree, tmp_path):
    ws = firn.Workspace(tree, store=tmp_path / "own", lock_timeout=1, is_root=True)
    assert ws.store_path == str(tmp_path / "own")
    ws.save()
    entered, leave = threading.Event(), threading.Event()

    def hold(piece):
        entered.set()
        leave.wait(10)

    thread = threading.Thread(target=lambda: ws.cat("a.txt", write=hold))
    thread.start()
    assert entered.wait(10)
    for call in (ws.status, ws.close, ws.save):
        with pytest.raises(firn.Misuse):
            call()
    leave.set()
    thread.join()
    ws.close()
    ws.close()
    for call in (ws.status, ws.save, ws.tags, ws.checkpoints, ws.gc, lambda: ws.root, lambda: ws.entries(), lambda: ws.restore(1)):
        with pytest.raises(firn.Closed):
            call()
    with pytest.raises(firn.NotFound):
        firn.Workspace(tmp_path / "none")


def test_none_is_no_reference(ws, tree):
    ws.save("one")
    (tree / "unsaved").write_text("work")
    for call in (ws.restore, ws.find, ws.pin, ws.unpin, ws.delete):
        with pytest.raises(TypeError, match="a checkpoint is named by a str or an int, not"):
            call(None)
    assert (tree / "unsaved").read_text() == "work" and len(ws.checkpoints(safety=True)) == 1
    ws.tag("name", None)
    assert ws.entries(None) == ws.entries("latest")


def test_numbers_that_are_not_negative(ws):
    for wrong in (lambda: ws.save(max_size=-1), lambda: ws.status(threads=-1), lambda: ws.checkpoints(-1), lambda: ws.log(limit=-1), lambda: ws.steps(-1)):
        with pytest.raises(firn.Invalid, match="^(max_size|threads|limit) must not be negative$"):
            wrong()


def test_a_remote_can_be_encrypted(ws, tree, tmp_path, monkeypatch):
    key = tmp_path / "key"
    key.write_bytes(bytes(64))
    monkeypatch.setenv("FIRN_KEY_FILE", str(key))
    ws.remote_add("origin", tmp_path / "shared", encrypt=True)
    ws.save(message="about winter")
    assert ws.push().checkpoints == 1
    rekeyed = ws.remote_rekey("origin", max_bytes=1000)
    assert rekeyed.done and (rekeyed.packs, rekeyed.left_packs, rekeyed.left_states) == (0, 0, 0) and rekeyed.requests > 0
    with pytest.raises(firn.NotFound):
        ws.remote_rekey("nowhere")
    assert not [path for path in (tmp_path / "shared").rglob("*") if path.is_file() and b"winter" in path.read_bytes()]
    monkeypatch.delenv("FIRN_KEY_FILE")
    with firn.Workspace(tree) as other, pytest.raises(firn.Denied):
        other.pull()


def test_an_encrypted_remote_is_checked_without_its_key(ws, tree, tmp_path, monkeypatch):
    key, shared, notices = tmp_path / "key", tmp_path / "shared", []
    key.write_bytes(bytes(64))
    monkeypatch.setenv("FIRN_KEY_FILE", str(key))
    (tree / "large").write_bytes(os.urandom(200000))
    ws.remote_add("origin", shared, encrypt=True)
    ws.save()
    ws.push()
    monkeypatch.delenv("FIRN_KEY_FILE")
    checked = ws.remote_check_locked(read_data=True, progress=lambda _: None, notice=notices.append)
    assert (checked.states, checked.keys, checked.packs, checked.damaged) == (1, 1, 1, 0) and checked.blocks > 0 and not notices
    assert ws.remote_check_locked(str(shared), max_bytes_per_second=10**9).blocks == 0
    (pack,) = (shared / "packs").iterdir()
    content = bytearray(pack.read_bytes())
    content[1000] ^= 1
    pack.chmod(0o600)
    pack.write_bytes(content)
    (shared / "mine").write_text("mine")
    with pytest.raises(firn.Corrupt) as damage:
        ws.remote_check_locked("origin", read_data=True, notice=notices.append)
    assert (damage.value.checked.damaged, damage.value.checked.foreign) == (1, 1)
    assert sorted(notice.kind for notice in notices) == ["damaged", "foreign"]
    ws.remote_add("clear", tmp_path / "clear")
    with pytest.raises(firn.Invalid, match="not encrypted"):
        ws.remote_check_locked("clear")


def test_two_workspaces_share_a_remote(ws, tree, tmp_path):
    for call in (ws.push, ws.pull, ws.remote_prune):
        with pytest.raises(firn.NotFound):
            call()
    shared = tmp_path / "shared"
    shared.mkdir()
    ws.remote_add("origin", shared)
    (remote,) = ws.remotes()
    assert (remote.name, remote.url, len(remote.id), remote.not_pushed) == ("origin", str(shared), 32, 0)
    with pytest.raises(firn.Exists):
        ws.remote_add("origin", shared)
    for wrong in (lambda: ws.remote_add("no blanks", shared), lambda: ws.remote_add("inside", tree / "sub"), lambda: ws.push(max_bytes_per_second=-1)):
        with pytest.raises(firn.Invalid):
            wrong()
    for wrong in (lambda: ws.remote_add("other", 5), lambda: ws.push(references=[None]), lambda: ws.push(references=1.5), lambda: ws.push(progress=5)):
        with pytest.raises(TypeError):
            wrong()
    (tree / "large").write_bytes(os.urandom(1 << 20))
    for number in range(4):
        (tree / "a.txt").write_text(f"{number}")
        ws.save(f"save {number}")
    ws.tag("v1", 2)
    assert ws.remotes()[0].not_pushed == 4
    with pytest.raises(firn.NotFound):
        ws.push(references=["nothing"])
    with pytest.raises(ZeroDivisionError):
        ws.push(progress=lambda _: 1 // 0)
    seen = []
    pushed = ws.push("origin", references=[1, "v1"], progress=seen.append)
    assert pushed.checkpoints == 2 and pushed.objects > 2 and pushed.bytes > 0 and pushed.requests > 0
    assert seen and all(isinstance(progress, firn.Progress) for progress in seen)
    assert ws.push(references=3).checkpoints == 1 and ws.push(max_bytes_per_second=2**63).checkpoints == 1 and ws.push() == (0, 0, 0, 1, False)

    other = tmp_path / "other"
    other.mkdir()
    with firn.Workspace(other, store=tmp_path / "other.store", is_root=True) as second:
        second.remote_add("hub", str(shared))
        assert second.remotes()[0].id == remote.id
        with pytest.raises(ZeroDivisionError):
            second.pull("hub", progress=lambda _: 1 // 0)
        assert second.cat("a.txt", "v1", remote="hub") == b"1" and second.cat("a.txt", remote="hub") == b"3"
        assert second.pull(reference=2, threads=1).checkpoints == 1 and second.pull("hub", reference="v1").checkpoints == 0
        pulled = second.pull(max_bytes_per_second=1 << 30)
        assert (pulled.checkpoints, pulled.lines, pulled.skipped) == (3, 1, 0) and pulled.bytes > 0 and second.pull().checkpoints == 0
        assert second.checkpoints() == [] and second.cat("a.txt", "hub/latest") == b"3" and second.cat("a.txt", "hub/2") == b"1"
        assert [change.path for change in second.diff("hub/1", "hub/latest")] == ["a.txt"]
        (line,) = second.lines("hub")
        assert line.remote == "hub" and line.name == line.label and line.label.endswith(":tree") and len(line.id) == 32
        assert second.cat("a.txt", f"hub/{line.name}/2") == b"1" and second.lines(f"hub/{line.id}") == [line]
        assert [saved.message for saved in second.checkpoints(2, remote="hub")] == ["save 3", "save 2"]
        assert [one.changed for one in second.log("a.txt", remote="hub")] == [1, 1, 1, 0]
        for wrong in (lambda: second.lines("none"), lambda: second.checkpoints(remote="none"), lambda: second.log(remote="hub/none")):
            with pytest.raises(firn.NotFound):
                wrong()
        assert {change.kind for change in second.status("hub/latest")} == {"removed"}
        assert second.restore("hub/latest").checkpoint.message == "save 3" and (other / "a.txt").read_text() == "3"
        (other / "a.txt").write_text("theirs")
        second.save("theirs")
        assert second.push().checkpoints == 1
        pruned = second.remote_prune("hub", keep="last:1", dry_run=True)
        assert (pruned.checkpoints, pruned.removed_checkpoints, pruned.removed_packs) == (5, 0, 0) and pruned.packs > 0 and pruned.bytes > 0
        with pytest.raises(firn.Invalid):
            second.remote_prune(keep="often")
        checked = second.remote_check("hub", read_data=True)
        assert (checked.checkpoints, checked.damaged, checked.broken, checked.sent) == (5, 0, 0, 0) and checked.fetched >= checked.packs > 0
        changes = second.remote_log("hub")
        assert [change.checkpoints for change in changes] == [1, 1, 1, 2] and changes[0].line.endswith(":other") and "@" in changes[0].by
        assert second.remote_log(limit=1) == changes[:1]
        for pack in (shared / "packs").iterdir():
            pack.unlink()
        with pytest.raises(firn.Corrupt) as damage:
            second.remote_check()
        assert damage.value.checked.broken > 0
        assert ws.remote_check(repair=True).repaired > 0 and second.remote_check().broken == 0
        second.remote_remove("hub")
        assert second.remotes() == []
        for wrong in (lambda: second.remote_remove("hub"), lambda: second.find("hub/latest")):
            with pytest.raises(firn.NotFound):
                wrong()
    assert ws.pull().checkpoints == 1 and ws.cat("a.txt", "origin/latest") == b"theirs"


def test_an_automatic_push_tells_whether_it_is_due_and_what_failed(ws, tree, tmp_path):
    shared = tmp_path / "shared"
    ws.remote_add("origin", shared)
    assert not ws.push(automatic=True, dry_run=True).due
    ws.save("one")
    assert ws.push(automatic=True, dry_run=True).due and ws.remotes()[0].not_pushed == 1
    for wrong in (lambda: ws.push(dry_run=True), lambda: ws.push(automatic=True, references=1), lambda: ws.remote_check(drop_broken=True)):
        with pytest.raises(firn.Invalid):
            wrong()
    shared.rename(tmp_path / "away")
    with pytest.raises(firn.Error):
        ws.push(automatic=True)
    (remote,) = ws.remotes()
    assert remote.failed_ns > 10**18 and "shared" in remote.failure and not ws.push(automatic=True).due
    (tmp_path / "away").rename(shared)
    assert ws.push().checkpoints == 1 and ws.remotes()[0][4:] == (None, None)


def test_what_no_machine_can_mend_is_dropped(ws, tree, tmp_path):
    shared = tmp_path / "shared"
    ws.remote_add("origin", shared)
    ws.save("one")
    ws.push()
    other = tmp_path / "other"
    other.mkdir()
    with firn.Workspace(other, store=tmp_path / "other.store", is_root=True) as second:
        second.remote_add("origin", shared)
        (other / "large").write_bytes(os.urandom(200000))
        second.save("lost")
        second.push()
    (pack,) = (shared / "packs").iterdir()
    pack.unlink()
    with pytest.raises(firn.Corrupt) as damage:
        ws.remote_check(repair=True)
    assert (damage.value.checked.broken, damage.value.checked.dropped) == (1, 0)
    checked = ws.remote_check(repair=True, drop_broken=True)
    assert (checked.broken, checked.dropped) == (0, 1) and ws.remote_check(read_data=True).checkpoints == 1


def test_a_pull_of_a_damaged_remote_brings_the_rest(ws, tree, tmp_path):
    shared = tmp_path / "shared"
    ws.remote_add("origin", shared)
    ws.save("one")
    ws.push()
    files = {path for path in shared.rglob("*") if path.is_file()}
    (tree / "large").write_bytes(os.urandom(1 << 20))
    ws.save("two")
    ws.push()
    largest = max({path for path in shared.rglob("*") if path.is_file()} - files, key=lambda path: path.stat().st_size)
    data = bytearray(largest.read_bytes())
    data[len(data) // 2] ^= 1
    largest.chmod(0o600)
    largest.write_bytes(data)
    other = tmp_path / "other"
    other.mkdir()
    with firn.Workspace(other, store=tmp_path / "other.store", is_root=True) as second:
        second.remote_add("origin", shared)
        notices = []
        with pytest.raises(firn.Corrupt) as raised:
            second.pull(notice=notices.append)
        assert raised.value.pulled.checkpoints == 1 and raised.value.pulled.skipped == 1
        assert {notice.kind for notice in notices} == {"damaged"} and second.cat("a.txt", "origin/1") == b"one\ntwo\nthree\n"
    assert firn.Corrupt("x").pulled is None
