A store inside of a tree has files only that firn made there. A pull brings others: they are named, ignored and left as they are.

  ? git --version >/dev/null

  $ git config --global user.email a@example.org && git config --global user.name A && git config --global init.defaultBranch main && git config --global advice.detachedHead false
  $ git init -q up && echo 1 >up/f && git -C up add f && git -C up commit -qm 1 && git clone -q up own && cd own
  $ firn init --here -q && firn save -q -m mine && echo 2 >f && firn save -q && firn db put .firn d k ours
  1
  2
  $ cd ../up && mkdir -p .firn/packs .firn/runs/deep .firn/more/deeper && cd .firn
  $ for n in wal-000002.log wal-000007.log wal.spare manifest-000002.log manifest-000009.log RESERVE FIRN.tmp REPAIRING watch-1 packs/00000003.pack packs/00000004.pack.tmp packs/garbage runs/000001.row runs/000002.row.tmp runs/000001.val runs/deep/x more/deeper/x; do echo theirs >$n; done
  $ ln -s /etc/passwd wal-000003.log; ln -s ../../f runs/000002.row; ln -s / packs/00000005.pack; cd .. && git add -f .firn && git commit -qm 2 && cd ../own && git pull -q && ls .firn/REPAIRING
  .firn/REPAIRING

Each command names eight of them, and says how many more there are. They change nothing.

  $ for c in 'db get .firn d k' 'db scan .firn d' 'db check .firn' 'db keyspaces .firn'; do firn $c 2>&1 >/dev/null | grep -c 'was not made by firn here: it is ignored'; done
  8
  8
  8
  8
  $ ! firn help db sql >/dev/null 2>&1 || firn db sql .firn 'select 1' 2>&1 >/dev/null | grep -c 'it is ignored'
  8
  $ for c in status check list 'db get .firn d k'; do firn $c --json 2>/dev/null | python3 -c 'import json, sys; told = json.load(sys.stdin)["foreign_files"]; print(len(told), {"path": "wal-000007.log", "replaced": False} in told)'; done
  20 True
  20 True
  20 True
  20 True
  $ echo '{"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}}}
  > {"jsonrpc": "2.0", "method": "notifications/initialized"}
  > {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": "checkpoint_status", "arguments": {}}}' | firn mcp | tail -n 1 | python3 -c 'import json, sys; told = [n for n in json.load(sys.stdin)["result"]["structuredContent"]["notices"] if n["kind"] == "foreign file"]; print(len(told), told[-1]["text"])'
  9 and 12 more files of the store like these
  $ firn status -q 2>&1 | grep -c 'was not made by firn here: it is ignored'; firn status -q 2>&1 | grep -v 'git tracks\|git rm' | tail -n 2
  8
  firn: and 12 more
  hint: what changes the tree put it there, such as git; if you did, with firn as another user or with a backup, firn trust makes it a part of the store
  $ for i in 3 4 5 6; do echo $i >f; firn save -q 2>/dev/null; done; firn list -q 2>/dev/null | wc -l
  3
  4
  5
  6
  6
  $ firn check 2>/dev/null
  6 checkpoints, <n> packs, <n> objects: no damage
  $ firn restore 1 -q 2>/dev/null && cat f && firn undo -q 2>/dev/null && cat f
  1
  6
  $ (firn gc -q; firn check; firn gc --full -q; firn db get .firn d k; firn db put .firn d k2 more && firn db get .firn d k2; firn db flush .firn && firn db check .firn >/dev/null && echo sound) 2>/dev/null
  8 checkpoints (2 taken by restores), <n> pack, <n> objects: no damage
  oursmoresound
  $ for i in 1 2 3 4 5 6; do firn cat $i f 2>/dev/null; done | tr '\n' ' '; timeout -s TERM 1 firn watch --no-save -q 2>/dev/null; firn db put .firn d k3 3 2>/dev/null && firn check 2>/dev/null
  1 2 3 4 5 6 8 checkpoints (2 taken by restores), <n> pack, <n> objects: no damage

Nothing of theirs was changed: what firn needed the name of has another one.

  $ (cd ../up/.firn && find . -type f | while read -r x; do y=../../own/.firn/$(dirname $x); grep -qs '^theirs$' $y/$(basename $x) $y/foreign-1-$(basename $x) || echo $x; done)
  $ readlink .firn/wal-000003.log .firn/foreign-1-wal-000003.log .firn/runs/000002.row .firn/runs/foreign-1-000002.row .firn/packs/00000005.pack .firn/packs/foreign-1-00000005.pack | sort
  ../../f
  /
  /etc/passwd

The files that firn made are known by more than their names: what has replaced one is not used, and nothing is lost silently.

  $ cd .. && git init -q up2 && echo 1 >up2/f && git -C up2 add f && git -C up2 commit -qm 1 && git clone -q up2 own2 && cd own2 && firn init --here -q && firn save -q && echo 2 >f && firn save -q && git add -f .firn && git commit -qam store && git push -q origin HEAD:refs/heads/store
  1
  2
  $ git clone -q -b store ../up2 ../evil && cd ../evil && mv .firn/packs/00000002.pack .firn/packs/x && mv .firn/packs/00000001.pack .firn/packs/00000002.pack && mv .firn/packs/x .firn/packs/00000001.pack && git commit -qam swapped && git push -q && cd ../own2 && git fetch -q origin store && git checkout -q FETCH_HEAD && cat f
  2
  $ firn check 2>&1 | grep '^firn: damaged: .* is not the file that firn made' | grep -o '[0-9]*[.]pack' | sort -u | wc -l; firn check -q 2>/dev/null
  2
  [5]
  $ firn restore 1 -q 2>/dev/null
  [1]
  $ cat f; firn trust -q . && firn restore 1 -q
  2
  ! firn: <any>
  ! hint: list all damage with: firn check --data
  [5]

While such files are there nothing is repaired, as they may have what is missing. Without them a repair keeps what is left, and the store as it was.

  $ cd .. && mkdir own3 && cd own3 && firn init --here -q && for i in 1 2 3; do echo $i >f; firn save -q; done && firn db flush .firn && cp .firn/manifest-000001.log ../m && mv ../m .firn/manifest-000001.log && firn save
  1
  2
  3
  ! firn: <T>/w/own3/.firn/manifest-000001.log is not the file that firn made: it was replaced
  ! hint: what changes the tree replaced it, such as git or an archive: firn trust accepts the files that are there; move them away, and firn repair keeps the rest
  ! firn: '<T>/w/own3/.firn/manifest-000001.log' is not the file that firn made: something else has replaced it (git, an archive); firn trust accepts the files that are there
  [1]
  $ firn status 2>&1 | tail -n 1; firn repair -q 2>&1 | tail -n 1; ls -d .firn/damaged-1
  firn: '<T>/w/own3/.firn/manifest-000001.log' is not the file that firn made: something else has replaced it (git, an archive); firn trust accepts the files that are there
  firn: '<T>/w/own3/.firn/manifest-000001.log' is not the file that firn made: something else has replaced it (git, an archive); firn trust accepts the files that are there
  ! ls: cannot access '.firn/damaged-1': No such file or directory
  [2]
  $ mv .firn/manifest-000001.log .. && firn repair -q; firn list -q; firn check; ls -d .firn/damaged-1; echo 4 >f; firn save -q; firn check
  3
  2
  1
  3 checkpoints, <n> packs, <n> objects: no damage
  .firn/damaged-1
  4
  4 checkpoints, <n> packs, <n> objects: no damage

Without the list of its files a store is not taken for an empty one.

  $ list=$(echo $XDG_DATA_HOME/firn/.trusted/*.files | tr ' ' '\n' | xargs ls -t | head -n 1) && cp $list ../list && for damage in 'rm $list' ': >$list' 'head -c 100 ../list >$list' 'sed s/FIRN/NRIF/ ../list >$list'; do eval "$damage"; firn list -q; firn save -q; firn db get .firn d k; done 2>&1 | sed "s/.*cannot be told/cannot be told/" | sort | uniq -c | tr -s " "
   9 cannot be told ('<T>/data/firn/.trusted/<hex>.files', the list of a store's own files, is damaged): look at what is in it, then accept it with firn trust
   3 cannot be told (could not open '<T>/data/firn/.trusted/<hex>.files': No such file or directory): look at what is in it, then accept it with firn trust
  $ firn trust -q . && firn list -q && firn save -q
  4
  3
  2
  1
  5

A store of a firn that knew no list: its files are taken by the first command that writes.

  $ rm $XDG_DATA_HOME/firn/.trusted/*.files && sed -i '1s/2/1/' $XDG_DATA_HOME/firn/.trusted/* && firn list -q && firn save -q && ls $XDG_DATA_HOME/firn/.trusted/*.files | wc -l && echo theirs >.firn/wal-000099.log && firn list -q
  5
  4
  3
  2
  1
  6
  1
  6
  5
  4
  3
  2
  1
  ! firn: <T>/w/own3/.firn/wal-000099.log was not made by firn here: it is ignored
  ! hint: what changes the tree put it there, such as git; if you did, with firn as another user or with a backup, firn trust makes it a part of the store

New settings are not hindered by what has their temporary name, and what is no file is no identity of a store.

  $ rm .firn/wal-000099.log && mkfifo .firn/config.new && firn config keep forever && ln -s ../f .firn/config.new && firn config wait 5 && cat f && ls .firn | grep config
  4
  config
  $ mv .firn/FIRN .. && mkfifo .firn/FIRN && timeout 60 firn trust
  ! firn: '<T>/w/own3/.firn/FIRN' is not a regular file: nothing is trusted
  [1]
  $ rm .firn/FIRN && mv ../FIRN .firn && firn save -q
  7

Settings that something else brought are named by what would follow them, and changed by no command but firn trust.

  $ cd .. && mkdir set && cd set && firn init --here -q && echo 1 >f && firn save -q && printf 'save.gitignore = true\n' >.firn/config && printf 'f\n' >.gitignore && firn status
  1
  added     .gitignore
  compared with 1: 0 changed, 1 added, 0 removed; 1 unchanged
  ! firn: settings: <T>/w/set/.firn/config: these settings were not made by firn config here, so they do not count: accept them with firn trust, or remove the file
  ! hint: until then nothing in it counts, and nothing expires
  $ for c in status check save config; do firn $c --json 2>/dev/null | python3 -c 'import json, sys; print([n["path"][-13:] for n in json.load(sys.stdin)["notices"] if n["kind"] == "settings"])'; done; firn config wait 5
  ['/.firn/config']
  ['/.firn/config']
  ['/.firn/config']
  ['/.firn/config']
  ! firn: '<T>/w/set/.firn/config': these settings were not made by firn config here, so they do not count: accept them with firn trust, or remove the file
  [1]
  $ cat .firn/config; firn trust -q . && firn status | tail -n 2
  save.gitignore = true
  compared with 2: no change; 1 unchanged
  not compared, excluded by rule: f
