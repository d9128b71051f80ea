Files that are there and that the store needs, but that the list does not have: the user is told of firn trust, nothing is taken for lost, and no command makes a shorter history. After firn trust the history has everything. First, two data directories that are used in turns.

  $ other() { XDG_DATA_HOME=$PWD/../other "$@"; } && sums() { for i in $(seq $1); do firn cat $i f; done | tr '\n' ' '; }
  $ told() { for command in save gc 'delete 1' 'restore 1' repair 'repair --dry-run' check "$@"; do firn $command -q >/dev/null 2>../err; echo "$? $(tail -n 1 ../err | sed -n "s#.*'\([^']*' \(is\|was\|has\) .*\)#\1#p" | sed "s|^$T/w/turns/||; s|[0-9][0-9]*[.]\([lpr]\)|N.\1|")"; done | sort | uniq -c | tr -s ' '; }
  $ mkdir turns && cd turns && firn init --here -q && for i in 1 2; do echo $i >f; firn save -q; done && other firn trust -q && for i in 3 4; do echo $i >f; other firn save -q; done && told; sums 2 2>/dev/null; echo
  1
  2
  3
  4
   4 1 .firn/packs/N.pack' is there, but firn did not make it here: firn trust accepts the files that are there
   2 1 .firn/packs/N.pack' is there, but firn did not make it here: nothing is repaired, as it may have what is missing; firn trust accepts the files that are there, otherwise move it away
   1 5 
  1 2 
  $ other firn db flush .firn && told list
   8 1 .firn/runs/N.row' is there, but firn did not make it here: firn trust accepts the files that are there
  $ firn trust -q && sums 4; echo; firn check; firn repair
  1 2 3 4 
  4 checkpoints, <n> packs, <n> objects: no damage
  nothing to repair

A list from an older backup than the tree, even than the store itself.

  $ cp $(ls -t $XDG_DATA_HOME/firn/.trusted/*.files | head -n 1) ../list && to=$(ls -t $XDG_DATA_HOME/firn/.trusted/*.files | head -n 1) && for i in 5 6; do echo $i >f; firn save -q; done && firn db flush .firn && cp ../list $to && told list
  5
  6
   8 1 .firn/wal-N.log' is there, but firn did not make it here: firn trust accepts the files that are there
  $ firn trust -q && sums 6; echo; firn check
  1 2 3 4 5 6 
  6 checkpoints, <n> packs, <n> objects: no damage
  $ printf "firn files 1 0\n" >$to && truncate -s 4096 $to && told list status 'db put .firn d k v' && firn trust -q && sums 6; echo; firn check
   10 1 .firn/FIRN' is there, but firn did not make it here: firn trust accepts the files that are there
  1 2 3 4 5 6 
  6 checkpoints, <n> packs, <n> objects: no damage

A backup that was unpacked over the store, as files of other inodes.

  $ tar cf ../backup.tar .firn && tar xf ../backup.tar; told list && firn trust -q && sums 6; echo; firn check
   8 1 .firn/FIRN' is not the file that firn made: something else has replaced it (git, an archive); firn trust accepts the files that are there
  1 2 3 4 5 6 
  6 checkpoints, <n> packs, <n> objects: no damage

Another store that was unpacked over this one, by a program that writes into the files that are there.

  $ (mkdir ../evil && cd ../evil && for i in $(seq 6); do echo evil >f; other firn init --here -q; other firn save -q; done; other firn db flush .firn; rm .firn/FIRN .firn/config) 2>/dev/null >../err; tar cf ../evil.tar -C ../evil .firn && tar xf ../evil.tar --overwrite; told list
   8 1 .firn/manifest-N.log' has been overwritten by something else: restore it from a backup; firn trust accepts the files that are there
  $ tar xf ../backup.tar && firn trust -q && sums 6; echo; cp -r ../evil/.firn . && told list; tar xf ../backup.tar --overwrite && sums 6; echo; firn check
  1 2 3 4 5 6 
   8 1 .firn/manifest-N.log' has been overwritten by something else: restore it from a backup; firn trust accepts the files that are there
  1 2 3 4 5 6 
  6 checkpoints, <n> packs, <n> objects: no damage

A store whose directory is gone, or became something else, does not become a new one somewhere else.

  $ mv .firn ../gone && mkdir sub && told list; (cd sub && firn save -q); ln -s ../gone .firn && firn save -q; rm .firn; echo >.firn; firn save -q; rm .firn; ls $XDG_DATA_HOME/firn | wc -l
   8 4 .firn' was your store, and is gone, or is no directory of yours any more: bring it back, or forget it with firn trust --remove '<T>/w/turns'
  0
  ! firn: '<T>/w/turns/.firn' was your store, and is gone, or is no directory of yours any more: bring it back, or forget it with firn trust --remove '<T>/w/turns'
  ! firn: '<T>/w/turns/.firn' was your store, and is gone, or is no directory of yours any more: bring it back, or forget it with firn trust --remove '<T>/w/turns'
  ! firn: '<T>/w/turns/.firn' was your store, and is gone, or is no directory of yours any more: bring it back, or forget it with firn trust --remove '<T>/w/turns'
  $ mv ../gone .firn && firn save -q; mv .firn ../gone; firn trust -q --remove && firn save -q; firn list -q
  7
  1
  1

A store whose making failed was never one, and is not missed.

  $ mkdir ../unmade && cd ../unmade && echo short >../key && firn init --here --encrypt --key-file ../key; ls -A .firn; firn list && firn init --here -q && firn save -q && mv .firn ../gone2 && firn list
  LOCK
  no checkpoints
  1
  ! firn: a key file has 32 to 1048576 bytes
  ! firn: '<T>/w/unmade/.firn' was your store, and is gone, or is no directory of yours any more: bring it back, or forget it with firn trust --remove '<T>/w/unmade'
  [4]
