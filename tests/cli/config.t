Settings: of the user, and of a store.

  $ firn config
  gc.auto            = true   # default
  keep               = all:1d hourly:7d daily:90d # default
  push.auto          = false  # default
  save.git           = true   # default
  save.gitignore     = false  # default
  save.include-deps  = false  # default
  save.max-file-size = none   # default
  save.strict        = false  # default
  save.warn-size     = 1G     # default
  ui.color           = auto   # default
  ui.pager           = true   # default
  wait               = 60     # default
  $ find $XDG_DATA_HOME $HOME -name config
  $ firn config save.gitignore true
  ! firn: there is no store at '<T>/data/firn/w-<hex>'
  ! hint: firn init makes it; --user is for all workspaces
  [3]
  $ firn config --user save.gitignore true
  $ export XDG_CONFIG_HOME=$PWD/../conf && firn config save.gitignore && firn config --user wait 5 && cat ../conf/firn/config
  false
  wait = 5
  $ stat -c %a ../conf/firn ../conf/firn/config
  700
  600
  $ unset XDG_CONFIG_HOME; cat ~/.config/firn/config; firn config save.gitignore
  save.gitignore = true
  true

What a save takes from them.

  $ printf 'junk\n' >.gitignore && touch junk kept && firn save -q && firn show 1 --files | awk '{ print $NF }'
  1
  .gitignore
  kept
  $ firn config save.gitignore false && firn config | grep gitignore
  save.gitignore     = false  # store
  $ firn save -q && firn show 2 --files | wc -l
  2
  3
  $ firn save -q --gitignore && firn show 3 --files | wc -l
  3
  2
  $ firn config save.gitignore true && firn save -q --no-config && firn show 4 --files | wc -l
  4
  3
  $ mkdir node_modules && touch node_modules/x && firn config save.include-deps true && firn save -q && firn show 5 --files | grep -c node_modules
  5
  2
  $ firn config --json | python3 -c 'import json, sys; print([(s["key"], s["value"], s["source"]) for s in json.load(sys.stdin)["settings"]])'
  [('gc.auto', 'true', 'default'), ('keep', 'all:1d hourly:7d daily:90d', 'default'), ('push.auto', 'false', 'default'), ('save.git', 'true', 'default'), ('save.gitignore', 'true', 'store'), ('save.include-deps', 'true', 'store'), ('save.max-file-size', 'none', 'default'), ('save.strict', 'false', 'default'), ('save.warn-size', '1G', 'default'), ('ui.color', 'auto', 'default'), ('ui.pager', 'true', 'default'), ('wait', '60', 'default')]
  $ firn config --unset save.gitignore && firn config -q --user
  gc.auto = true
  keep = all:1d hourly:7d daily:90d
  push.auto = false
  save.git = true
  save.gitignore = true
  save.include-deps = false
  save.max-file-size = none
  save.strict = false
  save.warn-size = 1G
  ui.color = auto
  ui.pager = true
  wait = 60
  $ firn config save.gitignore wait --json | python3 -m json.tool >/dev/null
  ! firn: save.gitignore takes true or false

Comments and the order of lines stay.

  $ printf '# mine\r\n\n  wait=7\t\n save.strict =true' >~/.config/firn/config && firn config --user wait 9 && firn config --user save.gitignore false && cat -A ~/.config/firn/config
  # mine^M$
  $
  wait = 9$
   save.strict =true$
  save.gitignore = false$
  $ firn config --user --unset save.strict && firn config --user --unset wait && firn config --user --unset wait && cat -A ~/.config/firn/config
  # mine^M$
  $
  save.gitignore = false$

Where a line is wrong its file counts as if it said nothing. It is named, and commands go on.

  $ for line in nonsense 'save.gti = true' 'wait = soon' 'wait = 99999999999' 'save.strict = yes' '= true' 'wait = 1
  > wait = 2'; do echo "$line" >~/.config/firn/config; firn save -q 2>err || echo $?; head -n 1 err; done; tail -n 1 err
  6
  firn: settings: <T>/home/.config/firn/config: line 1: a setting is written as key = value
  7
  firn: settings: <T>/home/.config/firn/config: line 1: there is no setting 'save.gti'; there are gc.auto, keep, push.auto, save.git, save.gitignore, save.include-deps, save.max-file-size, save.strict, save.warn-size, ui.color, ui.pager and wait
  8
  firn: settings: <T>/home/.config/firn/config: line 1: wait takes a number of seconds from 0 to 2147483647
  9
  firn: settings: <T>/home/.config/firn/config: line 1: wait takes a number of seconds from 0 to 2147483647
  10
  firn: settings: <T>/home/.config/firn/config: line 1: save.strict takes true or false
  11
  firn: settings: <T>/home/.config/firn/config: line 1: there is no setting ''; there are gc.auto, keep, push.auto, save.git, save.gitignore, save.include-deps, save.max-file-size, save.strict, save.warn-size, ui.color, ui.pager and wait
  12
  firn: settings: <T>/home/.config/firn/config: line 2: wait is set twice
  hint: until it is corrected nothing in it counts, and nothing expires; firn config --user KEY VALUE corrects lines that cannot be read
  $ firn list -q --limit 1
  12
  $ firn config --user wait 1 && cat ~/.config/firn/config
  wait = 1
  # could not be read: wait = 2
  keep = forever
  ! firn: settings: lines that could not be read are comments now
  ! hint: firn config shows the settings; if it was not known what is kept, keep is forever now
  $ echo k >~/.config/firn/config && firn config --user --unset keep && cat ~/.config/firn/config && rm ~/.config/firn/config err
  # could not be read: k
  ! firn: settings: lines that could not be read are comments now
  ! hint: firn config shows the settings; if it was not known what is kept, keep is forever now

So what brings data back works, and so do the hooks of agents and firn mcp. Nothing expires by a file that cannot be read.

  $ store=$(ls -d $XDG_DATA_HOME/firn/w-*) && printf 'keep = last:1\nsave.strict = true\nk\n' >$store/config && touch added && firn restore 5
  restored 5: 0 changed, 0 added, 1 removed; take this back with: firn undo
  ! firn: settings: <T>/data/firn/w-<hex>/config: line 3: a setting is written as key = value
  ! hint: until it is corrected nothing in it counts, and nothing expires; firn config KEY VALUE corrects lines that cannot be read
  $ firn undo
  undid the restore of 5, back at <id>: 0 changed, 1 added, 0 removed; redo with: firn redo
  ! firn: settings: <T>/data/firn/w-<hex>/config: line 3: a setting is written as key = value
  ! hint: until it is corrected nothing in it counts, and nothing expires; firn config KEY VALUE corrects lines that cannot be read
  $ firn revert 1..2 -q 2>/dev/null && firn save -q 2>/dev/null && firn delete --expired 2>/dev/null
  13
  nothing has expired
  $ firn restore 1 -n --json 2>/dev/null | python3 -c 'import json, sys; print(json.load(sys.stdin)["notices"])'
  [{'kind': 'settings', 'path': '<T>/data/firn/w-<hex>/config', 'text': 'line 3: a setting is written as key = value'}, {'kind': 'excluded', 'path': 'junk', 'text': '.gitignore:1: junk'}, {'kind': 'excluded', 'path': 'node_modules', 'text': 'directory of dependencies'}]
  $ touch more && echo '{}' | firn hook run claude before
  ! firn: settings: <T>/data/firn/w-<hex>/config: line 3: a setting is written as key = value
  ! hint: until it is corrected nothing in it counts, and nothing expires; firn config KEY VALUE corrects lines that cannot be read
  $ printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"checkpoint_restore","arguments":{"workspace_path":".","snapshot_id":"1"}}}' | firn mcp | python3 -c 'import json, sys; r = json.loads(sys.stdin.readlines()[-1])["result"]; print(r["isError"], [n["kind"] for n in r["structuredContent"]["notices"]])'
  False ['settings', 'excluded', 'excluded']
  $ firn save -q --no-config
  15
  $ firn config keep
  forever
  ! firn: settings: <T>/data/firn/w-<hex>/config: line 3: a setting is written as key = value
  ! hint: until it is corrected nothing in it counts, and nothing expires; firn config KEY VALUE corrects lines that cannot be read
  $ firn config --json 2>/dev/null | python3 -c 'import json, sys; o = json.load(sys.stdin); print([(s["key"], s["value"]) for s in o["settings"]][:2], len(o["notices"]))'
  [('gc.auto', 'false'), ('keep', 'forever')] 1

A check tells of it, and it is no damage. A repair mends it; so does setting anything.

  $ firn check
  18 checkpoints (3 taken by restores), <n> packs, <n> objects: no damage
  ! firn: settings: <T>/data/firn/w-<hex>/config: line 3: a setting is written as key = value
  ! hint: until it is corrected nothing in it counts, and nothing expires; firn config KEY VALUE corrects lines that cannot be read
  $ firn check --json 2>/dev/null | python3 -c 'import json, sys; o = json.load(sys.stdin); print(o["damaged"], [n["kind"] for n in o["notices"]])'
  0 ['settings']
  $ firn repair -n 2>/dev/null
  settings would be repaired: unreadable lines would become comments
  nothing else to repair
  $ firn repair 2>/dev/null && cat $store/config && firn repair
  settings repaired: unreadable lines became comments, or the unreadable file was renamed
  nothing else to repair
  keep = last:1
  save.strict = true
  # could not be read: k
  nothing to repair
  $ printf 'gc.auto = false\nkeep = some\n' >$store/config && firn config wait 3
  ! firn: settings: lines that could not be read are comments now
  ! hint: firn config shows the settings; if it was not known what is kept, keep is forever now
  $ cat $store/config && firn config keep
  gc.auto = false
  # could not be read: keep = some
  keep = forever
  wait = 3
  forever
  $ head -c 70000 /dev/zero | tr '\0' x >$store/config && firn config wait 4
  ! firn: '<T>/data/firn/w-<hex>/config': it has more than 65536 bytes
  ! hint: move the file away
  [1]
  $ firn repair 2>/dev/null && cat $store/config && ls $store | grep config && firn save -q
  settings repaired: unreadable lines became comments, or the unreadable file was renamed
  nothing else to repair
  keep = forever
  config
  config.unread-1
  16
  $ rm $store/config && mkdir $store/config && firn save -q 2>&1 && firn config wait 4
  firn: settings: <T>/data/firn/w-<hex>/config: cannot open '<T>/data/firn/w-<hex>/config': not a regular file
  hint: until it is corrected nothing in it counts, and nothing expires; firn config KEY VALUE corrects lines that cannot be read
  17
  ! firn: '<T>/data/firn/w-<hex>/config': cannot open '<T>/data/firn/w-<hex>/config': not a regular file
  ! hint: move the file away
  [1]
  $ firn repair -q 2>/dev/null && ls $store | grep config
  config
  config.unread-1
  config.unread-2
  $ printf 'keep = last:3\nk\n' >$store/config && truncate -s 30 $store/manifest-000001.log && firn repair 2>/dev/null | sed '/intact/d' && cat $store/config $store/damaged-1/config
  settings repaired: unreadable lines became comments, or the unreadable file was renamed
  the damaged store is kept; remove it when you no longer need it: <T>/data/firn/w-<hex>/damaged-1
  keep = last:3
  # could not be read: k
  keep = last:3
  k
  $ rm $store/config
  $ rm -r ~/.config && firn config nothing
  ! firn: there is no setting 'nothing'
  ! hint: firn config lists the settings
  [2]
  $ firn config nothing true
  ! firn: there is no setting 'nothing'; there are gc.auto, keep, push.auto, save.git, save.gitignore, save.include-deps, save.max-file-size, save.strict, save.warn-size, ui.color, ui.pager and wait
  [2]
  $ firn config --unset
  ! firn: config: --unset takes a SETTING and no VALUE
  ! usage: firn config [options] [SETTING] [VALUE]
  ! help: firn help config
  [2]

How long another writer is waited for: as --wait says, else as the settings do.

  $ cat >../hold.py <<'END'
  > import fcntl, os, struct, subprocess, sys
  > file = os.open(sys.argv[1], os.O_RDWR)
  > fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0))
  > sys.exit(subprocess.run(sys.argv[2:]).returncode)
  > END
  $ firn config wait 0 && store=$(ls -d $XDG_DATA_HOME/firn/w-*) && timeout 20 python3 ../hold.py $store/LOCK firn save -q 2>err
  [4]
  $ head -n 1 err
  firn: '<T>/data/firn/w-<hex>' is locked by process <n>
  $ firn config --unset wait && firn config --user wait 0 && timeout 20 python3 ../hold.py $store/LOCK firn save -q 2>err
  [4]
