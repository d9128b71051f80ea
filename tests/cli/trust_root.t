A store from elsewhere says in its catalog which directory is its workspace. It is made here with the same path as that of
the user's home, by somebody else; the user works in a directory below.

  $ export HOME=$PWD/home && mkdir home && echo evil >home/.profile && (export HOME=/nonexistent XDG_DATA_HOME=$PWD/theirs; firn -C home --store ../S save -q)
  1
  $ rm -r home && mkdir -p home/Downloads/x home/.ssh && echo thesis >home/thesis && echo key >home/.ssh/id && echo draft >home/Downloads/x/draft
  $ (cd home && find . -printf '%p %m %s %T@\n' | sort) >before; same() { (cd $HOME && find . -printf '%p %m %s %T@\n' | sort) | diff $T/w/before - && echo same; }; same
  same
  $ cd home/Downloads/x && firn --store ../../../S restore 1
  ! firn: the store '../../../S' says that it is about '<T>/w/home', and you have not said so on this machine: name the directory (-C DIR) if that is so, or restore into another one (--to DIR)
  [1]
  $ firn --store $T/w/S restore 1 --json 2>/dev/null | python3 -c 'import json, sys; print(json.load(sys.stdin)["error"]["code"])'
  FIRN_UNTRUSTED

No command that would look at the tree does.

  $ for c in 'restore 1' 'restore 1 -n' 'restore 1 .profile' 'restore --resume' 'restore --resume --trust-journal' undo 'undo --trust-journal' redo 'undo -n' 'undo --list' 'revert 1' save 'save -m x' 'save --if-changed' status diff 'diff 1' watch 'watch --no-save'; do timeout 20 firn --store $T/w/S $c >$T/so 2>$T/se; echo "$? $(wc -c <$T/so) $(grep -c 'you have not said so' $T/se)"; done | sort | uniq -c | tr -s ' '; same
   19 1 0 1
  same
  $ for when in before after; do echo '{"cwd": "'$PWD'", "prompt": "go"}' | FIRN_STORE=$T/w/S firn hook run claude $when 2>&1 | grep -c 'you have not said so'; done; same
  1
  1
  same
  $ cat >$T/call.py <<'END'
  > import json, subprocess, sys
  > calls = [("checkpoint_save", {"message": "m"}), ("checkpoint_status", {}), ("checkpoint_restore", {"snapshot_id": "1"}), ("checkpoint_undo", {})]
  > lines = [{"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}},
  >     {"jsonrpc": "2.0", "method": "notifications/initialized"}]
  > for i, (name, arguments) in enumerate(calls, 1):
  >     lines.append({"jsonrpc": "2.0", "id": i, "method": "tools/call", "params": {"name": name, "arguments": arguments}})
  > text = "".join(json.dumps(line) + "\n" for line in lines)
  > answers = subprocess.run(["firn", "--store", sys.argv[1], "mcp"], input=text, capture_output=True, text=True).stdout.splitlines()
  > for answer in sorted((json.loads(line) for line in answers), key=lambda answer: answer["id"])[1:]:
  >     print(answer["result"]["isError"], answer["result"]["structuredContent"]["error"]["code"])
  > END
  $ python3 $T/call.py $T/w/S | sort | uniq -c | tr -s ' '; same
   4 True FIRN_UNTRUSTED
  same

Commands that look into the store work, and a restore into another directory.

  $ firn --store $T/w/S list -q && firn --store $T/w/S show 1 | head -n 1 && (cd / && firn -C $T/w/home/Downloads/x --store $T/w/S diff 1 1 | tail -n 1) && firn --store $T/w/S check -q; firn --store $T/w/S workspaces -q
  1
  checkpoint  1
  from 1 to 1: 0 changed, 0 added, 0 removed
  <T>/w/home
  $ same; firn --store $T/w/S restore 1 --to $T/to && cat $T/to/.profile; firn --store $T/w/S restore 1 --to $T/none -n | tail -n 1; ls $T/none 2>/dev/null
  same
  restored 1 into <T>/to: 0 changed, 1 added, 0 removed
  evil
  would restore 1 into <T>/none: 0 changed, 1 added, 0 removed
  [2]

firn mcp names the directory, too, if it is given by -C. What the client names is not the user's word.

  $ ask() {
  >     (printf '{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}\n{"jsonrpc": "2.0", "method": "notifications/initialized"}\n'
  >      printf '{"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "checkpoint_status", "arguments": {%s}}}\n' "$1") |
  >         firn --store $T/w/S mcp "${@:2}" | tail -n 1 | grep -o -e FIRN_UNTRUSTED -e '"files_added":[0-9]*' | sort -u
  > }
  $ ask '' -C $HOME; ask '"workspace_path": "'$HOME'"' -C $HOME; ask '"workspace_path": "Downloads/x"' -C $HOME --allow $HOME; ask '"workspace_path": "'$HOME'"' -C $HOME/Downloads --allow $HOME; (cd $HOME && ask ''); same
  "files_added":3
  "files_added":3
  FIRN_UNTRUSTED
  FIRN_UNTRUSTED
  FIRN_UNTRUSTED
  same

To be in the directory is not to name it. To name it is, and is noted when the next command writes.

  $ cd $HOME && firn --store ../S status 2>&1 | grep -c 'you have not said so'; same
  1
  same
  $ firn -C Downloads --store $T/w/S status 2>&1 | grep -c 'you have not said so'
  1
  $ firn -C $HOME --store $T/w/S status | tail -n 1; ls -A $XDG_DATA_HOME 2>/dev/null
  compared with 1: 0 changed, 3 added, 1 removed; 0 unchanged
  $ firn -C . --store $T/w/S save --yes -q && sed 's/[0-9a-f]\{32\}/id/' $XDG_DATA_HOME/firn/.roots/*; echo
  2
  firn root 1
  store id
  machine <any>
  root <T>/w/home
  $ cd Downloads/x && firn --store $T/w/S status
  compared with 2: no change; 3 unchanged

The note is about this store, root, machine and nothing else; one that others may have written does not count.

  $ note=$(echo $XDG_DATA_HOME/firn/.roots/*) && cp $note $T/note && for change in 's/^firn root 1/firn root 2/' 's/^machine .*/machine other/' 's/^store ./store x/' 's/^root .*/&\/Downloads/' '$s/$/\n/'; do sed "$change" $T/note >$note; firn --store $T/w/S status 2>&1 | grep -c 'you have not said so'; done
  1
  1
  1
  1
  1
  $ cp $T/note $note && chmod 777 $XDG_DATA_HOME/firn/.roots && firn --store $T/w/S status 2>&1 | grep -c 'you have not said so'; chmod 700 $XDG_DATA_HOME/firn/.roots && firn --store $T/w/S status
  1
  compared with 2: no change; 3 unchanged

It goes when the history is deleted, and with the directory's new path when that is adopted.

  $ firn --store $T/w/S workspaces remove $HOME --yes >/dev/null && ls -A $XDG_DATA_HOME/firn/.roots
  $ cd $T/w && mkdir p && echo 1 >p/f && firn -C p --store ../P save -q && mv p q && firn -C q --store ../P status
  1
  ! firn: '<T>/w/q' is the directory that was saved as '<T>/w/p': to continue its history, run firn init --adopt in it; to begin a new one, run firn init
  [4]
  $ firn -C q --store ../P init --adopt -q && cat $XDG_DATA_HOME/firn/.roots/* | grep -a root && cd q && firn --store ../P status
  firn root 1
  root <T>/w/q
  compared with 1: no change; 1 unchanged

A workspace that is deleted and made anew stays one: the note says so. Without the note, as older versions made stores, a
directory with the identity that was saved counts, and no other; the home never does, as its identity may be that of all
machines of a kind.

  $ cd $T/w && rm -r q && mkdir q && cd q && firn --store ../P restore 1 -q && cat f
  1
  $ rm -r $XDG_DATA_HOME/firn/.roots && firn --store ../P save -q 2>&1 && ls $XDG_DATA_HOME/firn/.roots | wc -l
  2
  1
  $ rm -r $XDG_DATA_HOME/firn/.roots && cd .. && rm -r q && mkdir q && cd q && firn --store ../P restore 1 2>&1 | grep -c 'you have not said so'; firn -C . --store ../P restore 1 -q && cat f
  1
  1
  $ cd $T/w && mkdir h && echo 1 >h/f && firn -C h --store ../H save -q && rm -r $XDG_DATA_HOME/firn/.roots && cd h && firn --store ../H status && HOME=$PWD firn --store ../H status 2>&1 | grep -c 'you have not said so'
  1
  compared with 1: no change; 1 unchanged
  1

A store that others may have written proves nothing about directories; one that everybody may write to is not used.

  $ chmod 770 ../H && firn --store ../H status 2>&1 | grep -c 'you have not said so'; firn -C . --store ../H status
  1
  compared with 1: no change; 1 unchanged
  $ chmod 777 ../H && firn -C . --store ../H status
  ! firn: '../H' is a store that everybody may write to: it is not used; make it private first (chmod -R o= on it)
  [1]
  $ for c in list save 'restore 1' 'show 1' check 'restore 1 --to ../no' gc 'tag a 1'; do firn -C . --store ../H $c 2>&1 | grep -c 'everybody may write'; done | sort | uniq -c | tr -s ' '; ls ../no 2>/dev/null
   8 1
  [2]
  $ chmod 700 ../H && chmod 666 ../H/FIRN && firn -C . --store ../H list 2>&1 | grep -c 'everybody may write'; chmod 600 ../H/FIRN; firn --store ../H list -q
  1
  1

A workspace below, that only the catalog of a named store has, is not left out of a save.

  $ cd $T/w && mkdir -p outer/inner && echo 1 >outer/inner/f && echo 1 >outer/g && (export XDG_DATA_HOME=$PWD/theirs; firn -C outer/inner --store ../../../N save -q) && rm -r outer/inner && mkdir outer/inner && echo 1 >outer/inner/f && firn -C outer --store ../N save && firn -C outer --store ../N show 1 --files 2>/dev/null | wc -l
  1
  1  <id>  2 files, 4 B; <any>
  saved <T>/w/outer
  3

A root that is no real path is never one.

  $ cd $T/w && mkdir real && ln -s real link && echo 1 >real/f && firn -C link --store ../L save -q && firn -C real --store ../L list -q && firn --store L workspaces -q
  1
  1
  <T>/w/real

A store and its directory that were brought to another path: the next step is told, and works.

  $ cd $T/w && mkdir -p there/d && echo 1 >there/d/f && firn -C there/d --store ../S save -q && cp -r there here && cd here/d && firn --store ../S list
  1
  no checkpoints
  ! firn: the store has checkpoints of another directory: firn workspaces list shows which
  ! hint: if one of them is this one now: firn workspaces relocate THAT-DIRECTORY
  $ firn --store ../S workspaces list -q; firn --store ../S workspaces relocate $T/w/there/d -q && firn --store ../S list -q && echo 2 >f && firn --store ../S restore 1 -q && cat f
  <T>/w/there/d
  1
  1
