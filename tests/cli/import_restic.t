The snapshots of a restic repository become checkpoints: each as it was backed up, once, however often the import runs.

  ? restic version
  $ export RESTIC_PASSWORD=secret RESTIC_CACHE_DIR=$PWD/../cache TZ=UTC
  $ restic init -q -r ../repo && mkdir -p ../home/ada/project/src ../home/ada/notes && cd ../home/ada/project
  $ echo 1 >src/f && ln -s src/f link && printf 'x\0y' >binary && chmod 750 src && chmod 600 binary && echo odd >$'q\t"\xff' && touch -d '2020-01-02 03:04:05 UTC' src/f binary
  $ back_up() { restic -q -r ../../../repo backup --host here --time "$1" "${@:2}"; }
  $ back_up '2023-11-14 22:13:21' --tag first --tag 'of two' ~+ && cp -a ~+ ../../../1
  $ echo 2 >src/f && rm link && mkdir link && seq 1 2000 | while read i; do echo $i >link/$i; done
  $ back_up '2023-11-14 22:13:22' ~+ && cp -a ~+ ../../../2
  $ back_up '2023-11-14 22:13:23' ~+
  $ echo note >../notes/n && back_up '2023-11-14 22:13:24' ~+ $(realpath ../notes)
  $ back_up '2023-11-14 22:13:25' . && back_up '2023-11-14 22:13:26' src && back_up '2023-11-14 22:13:27' ~+/src/f
  $ mkdir ../../../ws && cd ../../../ws && firn import restic ../repo -n
  7 snapshots to import
  $ ls -R ../repo | md5sum >../before && firn import restic ../repo --no-owner && ls -R ../repo | md5sum | cmp - ../before
  7 snapshots imported, as 1 to 7
  $ firn import restic ../repo
  0 snapshots imported; 7 there before
  $ firn list --json | python3 -c 'import json, sys; print("\n".join(c["created"][:19] + " " + c["message"].replace(sys.argv[1], "") for c in json.load(sys.stdin)["checkpoints"]))' $(realpath ../home)
  2023-11-14T22:13:27 /ada/project/src/f on here
  2023-11-14T22:13:26 /ada/project/src on here
  2023-11-14T22:13:25 /ada/project on here
  2023-11-14T22:13:24 /ada/notes, <any>/ada/project on here
  2023-11-14T22:13:23 /ada/project on here
  2023-11-14T22:13:22 /ada/project on here
  2023-11-14T22:13:21 /ada/project on here [first, of two]

Each is what was backed up: with modes, links and odd names. restic's archives have times in whole seconds.

  $ for i in 1 2; do
  >     firn restore $i --to ../back -q && diff -r --no-dereference ../$i ../back && (cd ../$i && find . -printf '%P %m\n' | LC_ALL=C sort) >../said && (cd ../back && find . -printf '%P %m\n' | LC_ALL=C sort) | sed 1d | cmp - <(sed 1d ../said)
  >     rm -rf ../back
  > done
  $ firn show 1 --files | grep -c '2020-01-02 03:04:05  *\(binary\|src/f\)$'
  2
  $ firn diff 2 3 --stat; firn diff 3 5 --stat; firn show 6 --files | sed 's/.* //'
  from 2 to 3: 0 changed, 0 added, 0 removed; 0 lines added, 0 removed
  from 3 to 5: 0 changed, 0 added, 0 removed; 0 lines added, 0 removed
  f
  $ firn show 4 --files | grep -c 'home/ada/project/link/.'; firn show 4 --files | grep -c 'home/ada/notes/n$'; firn show 7 --files | sed -n '$s/.*home/home/p'
  2000
  1
  home/ada/project/src/f

One that was killed goes on; a filter chooses.

  $ mkdir ../killed && cd ../killed && firn import restic ../repo --tag first --no-owner -q && firn tag -d restic/$(firn tag | sed 's|.*restic/||;s| .*||') && firn import restic ../repo --no-owner -q; firn tag | wc -l; firn list | wc -l
  took the tag <any> away
  7
  7
  $ mkdir ../none && cd ../none && firn import restic ../repo --host nobody
  0 snapshots imported

A directory in the directory that is backed up may have its name: nothing of it is lost. A relative path leads to the same state.

  $ (mkdir -p ../home/ada/project/deep/src/src && cd ../home/ada/project && echo 1 >deep/src/f && echo 2 >deep/src/src/g && back_up '2023-11-14 22:13:28' --tag nested deep/src && cd deep/src && restic -q -r ../../../../../repo backup --host here --time '2023-11-14 22:13:29' --tag nested .)
  $ mkdir ../nested && cd ../nested && firn import restic ../repo --tag nested --no-owner -q && for i in 1 2; do firn show $i --files | sed 's/.*:[0-9][0-9]  //'; done
  f
  src/
  src/g
  f
  src/
  src/g

What is no repository, has another password, or is damaged.

  $ firn import restic ../home 2>&1 | tail -n 1; RESTIC_PASSWORD=wrong firn import restic ../repo 2>&1 | tail -n 1; PATH=$(dirname $(command -v firn)) firn import restic ../repo
  firn: restic failed: exit code 1
  firn: restic failed: exit code 1
  0 snapshots imported
  ! firn: there is no program 'restic': install it
  [1]

A restic that lies leads nowhere.

  $ mkdir ../bin ../lies && cd ../lies && cat >../bin/restic <<'END'
  > #!/bin/sh
  > case "$*" in
  > *snapshots*) cat ../list ;;
  > *) cat ../archive ;;
  > esac
  > END
  $ chmod +x ../bin/restic && PATH=$(realpath ../bin):$PATH && id=$(printf '%064d' 1) && mkdir ../made && ln -s / ../made/up && tar -C ../made -cf ../archive up
  $ for list in 'nonsense' '{}' '[{"id": "../x", "tree": "'$id'"}]' '[{"id": "'$id'"}]' '[{"id": "'$id'\u0000", "tree": "'$id'"}]' '[null]'; do printf '%s\n' "$list" >../list; firn import restic x 2>&1 | grep '^firn: '; done
  firn: restic gives no list of snapshots
  firn: restic gives no list of snapshots
  firn: restic gives no list of snapshots
  firn: restic gives no list of snapshots
  firn: restic gives no list of snapshots
  firn: restic gives no list of snapshots
  $ echo '[{"id": "'$id'", "tree": "'$id'", "time": "2023-11-14T22:13:21Z", "paths": ["/up/../../etc"]}]' >../list && firn import restic x && firn show 1 --files | sed 's/.*:[0-9][0-9]  //'
  1 snapshot imported, as 1 to 1
  up -> /
  $ head -c 700 ../archive >../cut && mv ../cut ../archive && sed -i "s/$id/$(printf '%064d' 2)/g" ../list && firn import restic x
  1 snapshot imported, as 2 to 2
  ! firn: left out: the archive ends in the middle of an entry
  [6]
  $ mkdir ../strict && cd ../strict && firn import restic x --strict; echo $?; firn list; cd ../lies
  0 snapshots imported
  ! firn: left out: the archive ends in the middle of an entry
  ! firn: not everything can be imported
  1
  no checkpoints
  $ sed -i 's/cat .*archive/& \&\& exit 1/' ../bin/restic && sed -i "s/0000002\"/0000003\"/g" ../list && firn import restic x
  0 snapshots imported; 1 lost
  ! firn: left out: the archive ends in the middle of an entry
  ! firn: left out: restic/<any>3: restic failed: exit code 1
  [6]
  $ ls $(dirname $(realpath ../list))/firn-import-* 2>&1 | grep -c 'cannot access'
  1
