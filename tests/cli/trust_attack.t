A directory comes with a store in it, as a clone or an archive would bring it: its files can be read by all, LOCK and what
else a clone would not have is missing. Its catalog tells of a restore that was interrupted, which would change run.sh.

  ? strace -o /dev/null true

  $ cat >../killed <<'END'
  > strace -f -o /dev/null -e trace=renameat2 -e inject=renameat2:signal=KILL:when=$1 firn "${@:2}"
  > exit $?
  > END
  $ killed() { bash $T/killed "$@" >/dev/null 2>&1; }
  $ mkdir ../theirs e && cd e && echo good >run.sh && echo 1 >other
  $ mine=$XDG_DATA_HOME && export XDG_DATA_HOME=$PWD/../../theirs && firn init --here -q && echo evil >run.sh && echo 2 >other && firn save -q && echo good >run.sh && echo 1 >other && firn save -q
  1
  2
  $ printf 'keep = last:1\nsave.strict = true\n' >.firn/config
  $ killed 2 restore 1; echo $?; firn list -q | head -n 1
  137
  2
  ! firn: a restore of 1 was interrupted half way
  ! hint: firn restore --resume finishes it, firn undo takes it back
  $ rm .firn-*; echo good >run.sh; cd .. && export XDG_DATA_HOME=$mine && cp -r e v && rm -f v/.firn/LOCK && rmdir v/.firn/runs 2>/dev/null; chmod -R go=rX v && (cd v && find . -type f -exec sha256sum {} + | sort -k 2; find . -printf '%p %m %s %T@\n' | sort) >../before
  $ same() { (cd v && find . -type f -exec sha256sum {} + | sort -k 2; find . -printf '%p %m %s %T@\n' | sort) | diff ../before - && echo same; }; same
  same

No command does anything with it.

  $ firn -C v save
  ! firn: '<T>/w/v/.firn' is a store that you did not make here: it is not used
  ! hint: if it is yours: firn trust DIR, or firn --store DIR/.firn for one command; if it came with the directory, remove it
  [1]
  $ firn -C v save --json 2>/dev/null | python3 -c 'import json, sys; print(json.load(sys.stdin)["error"]["code"])'
  FIRN_UNTRUSTED
  $ mkdir -p v/sub && rmdir v/sub && touch -d @$(sed -n 's/^\. [0-9]* [0-9]* //p' ../before) v
  $ for c in list status 'restore 1' 'restore 1 -n' 'restore --resume' 'restore --resume --trust-journal' undo 'revert 1' 'delete 1' 'forget run.sh --yes' gc 'gc --auto' 'gc --full' watch 'watch --no-save' 'watch --stop' init 'init --here' 'init --adopt' repair check config 'config keep forever' 'show 1' 'diff 1' 'cat 1 run.sh' 'tag t 1' 'pin 1' 'report -o -'; do firn -C v $c >../stdout 2>../stderr; echo "$? $(wc -c <../stdout)"; done | sort | uniq -c | tr -s ' '
   29 1 0
  $ same
  same

A hook says so and lets the agent go on; a tool of firn mcp answers with the error.

  $ for when in before after; do echo '{"cwd": "'$PWD/v'", "prompt": "go"}' | firn hook run claude $when; done
  ! firn: '<T>/w/v/.firn' is a store that you did not make here: it is not used
  ! hint: if it is yours: firn trust DIR, or firn --store DIR/.firn for one command; if it came with the directory, remove it
  ! firn: '<T>/w/v/.firn' is a store that you did not make here: it is not used
  ! hint: if it is yours: firn trust DIR, or firn --store DIR/.firn for one command; if it came with the directory, remove it
  $ cat >../call.py <<'END'
  > import json, subprocess, sys
  > calls = [("checkpoint_save", {"message": "m"}), ("checkpoint_list", {}), ("checkpoint_status", {}),
  >          ("checkpoint_restore", {"snapshot_id": "1"}), ("checkpoint_undo", {})]
  > lines = [{"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {
  >     "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}},
  >     {"jsonrpc": "2.0", "method": "notifications/initialized"}]
  > for i, (name, arguments) in enumerate(calls, 1):
  >     lines.append({"jsonrpc": "2.0", "id": i, "method": "tools/call",
  >                   "params": {"name": name, "arguments": dict(arguments, workspace_path=sys.argv[1])}})
  > text = "".join(json.dumps(line) + "\n" for line in lines)
  > answers = subprocess.run(["firn", "mcp"], input=text, capture_output=True, text=True).stdout.splitlines()
  > for answer in sorted((json.loads(line) for line in answers), key=lambda answer: answer["id"])[1:]:
  >     result = answer["result"]
  >     print(result["isError"], result["structuredContent"]["error"]["code"])
  > END
  $ python3 ../call.py $PWD/v | sort | uniq -c | tr -s ' '
   5 True FIRN_UNTRUSTED
  $ same; cat v/run.sh; ls -A $XDG_DATA_HOME
  same
  good

A workspace around it leaves out the store alone, and does not look in: what is beside the store is saved, shown as
changed, brought back and removed as anywhere else, and none of that touches the store.

  $ mkdir around && echo a >around/a && firn -C around save -q && cp -a v around/v && firn -C around save | grep 'left out'
  1
  left out by rule: v/.firn
  $ firn -C around show latest --files | awk '{ print $NF }'
  a
  v/
  v/other
  v/run.sh
  $ rm around/v/run.sh && echo more >around/v/other && firn -C around status --short
  M v/other
  D v/run.sh
  $ firn -C around restore latest -q && diff -r v around/v && firn -C around undo -q && cat around/v/other
  more
  $ firn -C around restore 1 -q; ls -A around/v && firn -C around restore 2 -q && diff -r v around/v
  ! firn: kept: v: it contains something that stays
  .firn
  $ firn -C around/v save -q
  ! firn: '<T>/w/around/v/.firn' is a store that you did not make here: it is not used
  ! hint: if it is yours: firn trust DIR, or firn --store DIR/.firn for one command; if it came with the directory, remove it
  [1]

Once the user trusts it, the directory is a workspace of its own: the one around it leaves it out and alone.

  $ chmod -R go= around/v/.firn && firn -C around/v trust -q && echo mine >around/v/other && firn -C around save | grep 'left out' && firn -C around restore 2
  left out by rule: v
  restored 2: nothing had to change
  left alone by rule: v
  $ cat around/v/other && rm -r around && same
  mine
  same

A tree that is imported has no workspaces in it either.

  $ mkdir imported && tar -cf ../v.tar v && firn -C imported import tar ../../v.tar 2>&1 | grep 'left out'; firn -C imported show latest --files | awk '{ print $NF }'; rm -r imported
  left out by rule: v/.firn
  v/
  v/other
  v/run.sh

A user who has saved that directory before continues the old history, even if a store comes into the tree.

  $ cp -a v mine && mv mine/.firn ../aside && firn -C mine save -q && mv ../aside mine/.firn && firn -C mine save | grep 'left out' && firn -C mine list -q
  1
  left out by rule: .firn
  2
  1
  $ firn -C mine show 2 --files | awk '{ print $NF }' && diff -r v/.firn mine/.firn
  other
  run.sh

Named, the store is used; the interrupted restore in it is left alone all the same. Its own settings count then.

  $ cp -a v named && cd named
  $ firn --store .firn list -q
  2
  1
  ! firn: a restore of 1 was interrupted half way
  ! firn: you did not start it in this directory on this machine, so it is left alone
  ! hint: if you know what it is, firn restore --resume --trust-journal finishes it, firn undo --trust-journal takes it back
  $ firn --store .firn list --json 2>/dev/null | python3 -c 'import json, sys; print(json.load(sys.stdin)["pending"]["foreign"])'
  True
  $ firn --store .firn restore --resume
  ! firn: the store records an interrupted restore that you did not start in '<T>/w/named' on this machine
  ! hint: if you know what it is, continue it with --trust-journal; firn save and firn restore REF leave it alone
  [1]
  $ firn --store .firn undo -n
  ! firn: the store records an interrupted restore that you did not start in '<T>/w/named' on this machine
  ! hint: if you know what it is, continue it with --trust-journal; firn save and firn restore REF leave it alone
  [1]
  $ echo 3 >other; firn --store .firn save -q --no-config
  3
  ! firn: foreign: the store records an interrupted restore that you did not start here: it is left alone; firn restore --resume --trust-journal finishes it
  $ firn --store .firn revert 3 -q; cat run.sh other
  ! firn: foreign: the store records an interrupted restore that you did not start here: it is left alone; firn restore --resume --trust-journal finishes it
  good
  1
  $ cd .. && rm -r named

A restore that is asked for replaces it; what was there is in a safety checkpoint of this user's.

  $ cp -a v named && cd named && firn --store .firn restore 2 -q; cat run.sh other; firn --store .firn restore --resume
  ! firn: foreign: the store records an interrupted restore that you did not start here: it is left alone; firn restore --resume --trust-journal finishes it
  good
  1
  ! firn: there is no interrupted restore
  ! hint: firn restore REF brings back a checkpoint, firn list --all shows them
  [3]
  $ cd .. && rm -r named

The owner of a store that came from another disk says so.

  $ cp -a v named && cd named && chmod -R go= .firn && firn trust && firn restore --resume --trust-journal -q; cat run.sh other; firn list -q; ls -A
  trusted: <T>/w/named/.firn
  evil
  2
  2
  1
  .firn
  other
  run.sh
  $ firn undo -q && cat run.sh other; cd .. && rm -r named
  good
  1
  $ cp -a v named && cd named && chmod -R go= .firn && firn trust -q && firn undo --trust-journal -q; cat run.sh other; firn list -q; cd ..
  good
  1
  2
  1
  $ same
  same

One's own interrupted restore is finished by the next save, also after the workspace was moved within its file system or
is reached by another name, and not by anybody else.

  $ mkdir own && cd own && echo a >x && echo a >y && firn init --here -q && firn save -q && echo b >x && echo b >y && firn save -q
  1
  2
  $ killed 2 restore 1; ls $XDG_DATA_HOME/firn/.restoring | wc -l
  1
  $ XDG_DATA_HOME=$PWD/../../theirs firn --store .firn save -q
  3
  ! firn: foreign: the store records an interrupted restore that you did not start here: it is left alone; firn restore --resume --trust-journal finishes it
  $ firn save -q
  ! firn: <T>/w/own/.firn/packs/00000003.pack was not made by firn here: it is ignored
  ! hint: <any>
  ! firn: '<T>/w/own/.firn/packs/00000003.pack' is there, but firn did not make it here: firn trust accepts the files that are there
  [1]
  $ firn trust -q && firn save -q; cat x y; ls $XDG_DATA_HOME/firn/.restoring | wc -l; ls -A
  4
  ! firn: resumed: an interrupted restore was finished first<any>
  a
  a
  0
  .firn
  x
  y

A .firn that a clone brought as a link leads to no other place.

  $ mkdir ../elsewhere ../linked && cd ../linked && ln -s ../elsewhere .firn && { firn init --here || echo $?; } && ls -A ../elsewhere
  2
  ! firn: '.firn' is no directory, but a link or a file
  ! hint: move it away first
