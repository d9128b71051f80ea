Settings: of the user, and of a store.

  $ firn config
  gc.auto            = true   # default
  keep               = all:1d hourly:7d daily:90d # default
  save.gitignore     = false  # default
  save.include-deps  = false  # default
  save.max-file-size = none   # default
  save.strict        = false  # default
  save.warn-size     = 1G     # default
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
  [('gc.auto', 'true', 'default'), ('keep', 'all:1d hourly:7d daily:90d', 'default'), ('save.gitignore', 'true', 'store'), ('save.include-deps', 'true', 'store'), ('save.max-file-size', 'none', 'default'), ('save.strict', 'false', 'default'), ('save.warn-size', '1G', 'default'), ('wait', '60', 'default')]
  $ firn config --unset save.gitignore && firn config -q --user
  gc.auto = true
  keep = all:1d hourly:7d daily:90d
  save.gitignore = true
  save.include-deps = false
  save.max-file-size = none
  save.strict = false
  save.warn-size = 1G
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

A line that is wrong is an error for what would follow it, and nothing else.

  $ for line in nonsense 'save.git = true' 'wait = soon' 'wait = 99999999999' 'save.strict = yes' '= true' 'wait = 1
  > wait = 2'; do echo "$line" >~/.config/firn/config; firn save -q; echo $?; done
  2
  2
  2
  2
  2
  2
  2
  ! firn: '<any>/.config/firn/config', line 1: a setting is written as key = value
  ! hint: mend the line, or take it out
  ! firn: '<any>/.config/firn/config', line 1: there is no setting 'save.git'; there are gc.auto, keep, save.gitignore, save.include-deps, save.max-file-size, save.strict, save.warn-size and wait
  ! hint: mend the line, or take it out
  ! firn: '<any>/.config/firn/config', line 1: wait takes a number of seconds from 0 to 2147483647
  ! hint: mend the line, or take it out
  ! firn: '<any>/.config/firn/config', line 1: wait takes a number of seconds from 0 to 2147483647
  ! hint: mend the line, or take it out
  ! firn: '<any>/.config/firn/config', line 1: save.strict takes true or false
  ! hint: mend the line, or take it out
  ! firn: '<any>/.config/firn/config', line 1: there is no setting ''; there are gc.auto, keep, save.gitignore, save.include-deps, save.max-file-size, save.strict, save.warn-size and wait
  ! hint: mend the line, or take it out
  ! firn: '<any>/.config/firn/config', line 2: wait is set twice
  ! hint: mend the line, or take it out
  $ firn list -q --limit 1
  5
  $ firn config --user wait 1
  ! firn: '<any>/.config/firn/config', line 2: wait is set twice
  [2]
  $ rm -r ~/.config && firn config nothing
  ! firn: there is no setting 'nothing'
  ! hint: firn config lists the settings
  [2]
  $ firn config nothing true
  ! firn: there is no setting 'nothing'; there are gc.auto, keep, save.gitignore, save.include-deps, save.max-file-size, save.strict, save.warn-size and wait
  [2]
  $ firn config --unset
  ! firn: config: --unset takes a KEY and no VALUE
  ! usage: firn config [options] [KEY] [VALUE]
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
