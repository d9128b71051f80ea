A restore that was killed half way is reported by all commands that look, and is finished or taken back.

  ? strace -o /dev/null true

  $ cat >../killed <<'END'
  > strace -f -o /dev/null -e trace=renameat2 -e inject=renameat2:signal=KILL:when=$1 firn "${@:2}"
  > exit $?
  > END
  $ killed() { bash ../killed "$@" >/dev/null 2>&1; }
  $ mkdir d && for i in 1 2 3 4 5; do echo old $i >d/$i; done && firn save -q && cp -r d ../old
  1
  $ for i in 1 2 3 4 5; do echo new $i >d/$i; done && echo more >d/6 && firn save -q && cp -r d ../new
  2
  $ killed 3 restore 1; echo $?
  137
  $ firn list -q
  2
  1
  ! firn: a restore of 1 was interrupted half way
  ! hint: firn restore --resume finishes it, firn undo takes it back
  $ firn show latest | head -n 1
  checkpoint  2
  ! firn: a restore of 1 was interrupted half way
  ! hint: firn restore --resume finishes it, firn undo takes it back
  $ firn status -q >out
  ! firn: a restore of 1 was interrupted half way
  ! hint: firn restore --resume finishes it, firn undo takes it back
  $ firn list --json 2>/dev/null | python3 -c '
  > import json, sys
  > p = json.load(sys.stdin)["pending"]
  > print(p["number"], len(p["id"]), p["undo"], p["begun"], len(p["safety"]))'
  1 32 False True 32

Finished, with nothing else left; taken back as any restore.

  $ rm out && firn restore --resume -q && diff -r d ../old && ls -A
  d
  $ firn list -q && firn list --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["pending"])'
  2
  1
  None
  $ firn undo -q && diff -r d ../new && ls -A
  d
  $ firn restore --resume
  ! firn: <any>
  ! hint: firn restore REF brings back a checkpoint, firn list --all shows them
  [3]

Taken back while it is half done; the undo itself interrupted.

  $ killed 2 restore 1; firn undo -q && diff -r d ../new
  $ firn restore 1 -q && diff -r d ../old
  $ killed 2 undo; firn status -q >../seen
  ! firn: an undo was interrupted half way
  ! hint: firn restore --resume finishes it, firn redo takes it back
  $ firn restore --resume -q && diff -r d ../new && ls -A
  d

The same command again finishes an undo or a redo, the other one takes it back.

  $ firn restore 1 -q && diff -r d ../old
  $ killed 2 undo; firn redo && diff -r d ../old && ls -A
  redid what was interrupted, now at <id>: <any>
  d
  $ firn undo -q && diff -r d ../new
  $ killed 2 redo; firn status --json 2>../seen | python3 -c 'import json, sys; p = json.load(sys.stdin)["pending"]; print(p["undo"], p["redo"], p["revert"])'; cat ../seen
  False True False
  firn: a redo was interrupted half way
  hint: firn restore --resume finishes it, firn undo takes it back
  $ firn undo && diff -r d ../new && ls -A
  undid what was interrupted, back at <id>: <any>
  d
  $ killed 2 redo; firn redo && diff -r d ../old && ls -A
  redid what was interrupted, now at 1: <any>
  d
  $ firn undo && diff -r d ../new
  undid the restore of 1, back at 2: <any>; redo with: firn redo

A save finishes it first; what was edited meanwhile is in a safety checkpoint.

  $ killed 3 restore 1; echo mine >d/mine && firn save -q 2>../seen && diff -r d ../old
  3
  $ for id in $(firn list --all --json | grep -o '"id":"[k-z]*"' | cut -d'"' -f4); do firn cat $id d/mine 2>/dev/null; done; true
  mine

Mistakes.

  $ firn restore --resume 1
  ! firn: restore: --resume takes no checkpoint and no paths
  ! usage: firn restore [options] [REF] [PATH...]
  ! help: firn help restore
  [2]
  $ firn restore --resume --to x
  ! firn: restore: --resume and --to exclude each other
  ! usage: firn restore [options] [REF] [PATH...]
  ! help: firn help restore
  [2]
