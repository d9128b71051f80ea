Two machines share a directory: what one pushes, the other pulls.

  $ mkdir ../ada ../bob && cd ../ada && mkdir src && seq 1000 >src/n && echo one >f && firn save -q
  1
  $ firn push
  ! firn: there is no remote yet: firn remote add NAME URL gives one a name
  [3]
  $ firn pull
  ! firn: there is no remote yet: firn remote add NAME URL gives one a name
  [3]
  $ firn remote
  no remotes
  $ firn remote add origin ../shared
  origin is <T>/shared
  $ firn remote
  origin  <T>/shared
  $ firn remote list -q
  origin
  $ firn remote --json | python3 -c 'import json, sys; print([(r["name"], len(r["id"]), sorted(r)) for r in json.load(sys.stdin)["remotes"]])'
  [('origin', 32, ['encrypted', 'id', 'name', 'not_pushed', 'url'])]
  $ firn push
  pushed 1 checkpoint, <size> in 2 requests
  $ firn push
  no new checkpoint to push: 1 request
  $ echo two >f && firn save -q && firn push --json | python3 -c 'import json, sys; p = json.load(sys.stdin); print(p["checkpoints"], p["requests"], sorted(p))'
  2
  1 2 ['bytes', 'checkpoints', 'notices', 'objects', 'requests']
  $ echo three >f && firn save -q && firn push -q
  3

A remote's name is offered where one is expected.

  $ firn __complete push ''
  words
  origin
  $ firn __complete remote add ''

The directory of the other one stays as it is, until it is told otherwise.

  $ cd ../bob && firn remote add origin ../shared -q && firn pull
  pulled 3 checkpoints, <size> in <n> requests
  $ firn pull; firn fetch -q; ls
  no new checkpoint to pull: 1 request
  $ firn list
  no checkpoints
  $ firn cat origin/2 f; firn cat origin/latest~2 f
  two
  one
  $ firn show origin/latest --names | head -n 5
  checkpoint  origin/3
  id          <ID>
  made        <time>
  files       2 in 2 directories
  contents    4 KB (3,899 bytes)
  $ firn diff origin/1 origin/latest
  changed   f
  from origin/1 to origin/3: 1 changed, 0 added, 0 removed
  $ firn diff origin/latest
  removed   f
  removed   src/
  removed   src/n
  from origin/3 to the disk: 0 changed, 0 added, 2 removed
  $ firn restore origin/2 && cat f
  restored origin/2: 0 changed, 2 added, 0 removed; take this back with: firn undo
  two
  $ firn restore origin/latest f -q && cat f && firn undo -q && cat f
  three
  two

Its own checkpoints go the other way; what the remote has is not sent again.

  $ echo four >f && firn save -q && firn push
  1
  pushed 1 checkpoint, <size> in 2 requests
  $ firn -C ../ada pull
  pulled 1 checkpoint, <size> in <n> requests
  $ firn -C ../ada diff origin/latest
  changed   f
  from origin/1 to the disk: 1 changed, 0 added, 0 removed
  $ firn -C ../ada pull --json | python3 -c 'import json, sys; p = json.load(sys.stdin); print(p["checkpoints"], p["lines"], p["skipped"], p["requests"], sorted(p))'
  0 0 0 1 ['bytes', 'checkpoints', 'lines', 'notices', 'requests', 'skipped']

A checkpoint that is named is sent, and no other; safety checkpoints stay.

  $ for i in 2 3 4; do echo $i >g; firn save -q; done
  2
  3
  4
  $ firn push origin 3
  pushed 1 checkpoint, <size> in 2 requests
  $ firn push origin 3
  no new checkpoint to push: 1 request
  $ firn push
  pushed 2 checkpoints, <size> in 2 requests
  $ firn push origin 9
  ! firn: there is no checkpoint '9'
  ! hint: firn list shows the checkpoints
  [3]
  $ firn push 3
  ! firn: there is no remote '3'
  ! hint: the first word is the remote, those after it are checkpoints: firn push REMOTE REF
  [3]
  $ firn push elsewhere
  ! firn: there is no remote 'elsewhere'
  ! hint: firn remote list shows the remotes
  [3]
  $ firn pull elsewhere
  ! firn: there is no remote 'elsewhere'
  ! hint: firn remote list shows the remotes
  [3]
  $ firn push --limit much
  ! firn: push: --limit: 'much' is not a size such as 500M, 2G, 100MB or none
  ! usage: firn push [options] [REMOTE] [REF...]
  ! help: firn help push
  [2]
  $ firn push --limit 50M -q; firn pull origin --limit 50M -q

The status says what is not pushed yet.

  $ firn status -q; firn status | tail -n 1
  compared with 4: no change; 3 unchanged
  $ firn save -q -m again && firn save -q && firn status | tail -n 2 && firn status --short
  5
  6
  compared with 6: no change; 3 unchanged
  not pushed to origin yet: 2 checkpoints
  $ firn status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["remotes"])'
  [{'name': 'origin', 'not_pushed': 2, 'failed': None, 'failure': None}]
  $ firn remote show origin | sed -n 5p; firn push origin 5 -q && firn status | tail -n 1
  not pushed  2 checkpoints
  not pushed to origin yet: 2 checkpoints
  $ firn push && firn status | tail -n 1 && firn remote list --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["remotes"][0]["not_pushed"])'
  pushed 1 checkpoint, <size> in 2 requests
  compared with 6: no change; 3 unchanged
  0

What came is a remote's, and no checkpoint of this workspace.

  $ firn show origin/9
  ! firn: there is no checkpoint '9'
  ! hint: firn pull origin brings what is not here; firn list origin lists what is
  [3]
  $ firn show origin/
  ! firn: there is no checkpoint 'origin/'
  ! hint: firn list REMOTE lists what was pulled from a remote, firn pull brings what is new
  [3]
  $ firn show elsewhere/1
  ! firn: there is no checkpoint and no tag 'elsewhere/1'
  ! hint: firn list shows the checkpoints; to give paths write -- before them
  [3]
  $ firn tag theirs origin/1
  ! firn: there is no checkpoint and no tag 'origin/1'
  ! hint: it is a remote's, and this is for the workspace's own: firn restore it, and save
  [3]
  $ firn delete origin/1
  ! firn: there is no checkpoint and no tag 'origin/1'
  ! hint: it is a remote's, and this is for the workspace's own: firn restore it, and save
  [3]
  $ firn push origin origin/1
  ! firn: there is no checkpoint and no tag 'origin/1'
  ! hint: it is a remote's, and this is for the workspace's own: firn restore it, and save
  [3]

Several lines of one remote.

  $ mkdir ../eve && cd ../eve && firn remote add all ../shared && firn pull
  all is <T>/shared
  pulled 9 checkpoints of 2 lines, <size> in <n> requests
  $ firn show all/1 2>&1 | sed "s/[^/ ]*@[^/ ]*:[a-z]*/USER@HOST:WORKSPACE/g"
  firn: 'all/1' is ambiguous: 2 lines have such a checkpoint; name one, as in all/USER@HOST:WORKSPACE/1
  $ firn cat all/latest g
  4

Names of remotes, and places.

  $ firn remote add all ../other
  ! firn: there is a remote 'all' already: <T>/shared
  ! hint: choose another name, or forget that one with: firn remote remove NAME
  [1]
  $ firn remote add -- -x ../other
  ! firn: '-x' cannot be the name of a remote: 1 to 64 letters, digits, '.', '-' and '_', beginning with a letter or digit
  [2]
  $ mkdir ../full && touch ../full/photo && firn remote add full ../full
  ! firn: there are other files at this place, and no firn remote; choose an empty place, such as a new prefix
  [1]
  $ firn remote add ftp ftp://host/bucket
  ! firn: a remote is "s3://bucket/prefix", "https://host/bucket/prefix" or the path of a directory
  [2]
  $ mkdir inside && firn remote add inside inside
  ! firn: a remote cannot be in the directory whose history it is to have
  [2]
  $ firn remote add second ../second && firn pull
  second is <T>/second
  ! firn: there are 2 remotes, and none is called origin: name one
  ! hint: firn remote list shows the remotes
  [2]
  $ firn push second
  no new checkpoint to push: 1 request
  $ firn remote remove second
  forgot second and what was pulled from it; the remote was not changed
  $ firn remote remove second
  ! firn: there is no remote 'second'
  ! hint: firn remote list shows the remotes
  [3]
  $ firn remote rm all
  ! firn: remote: unknown command 'rm'; firn remote remove NAME forgets a remote
  ! help: firn help remote
  [2]
  $ firn remote remove all && firn show all/1
  forgot all and what was pulled from it; the remote was not changed
  ! firn: there is no checkpoint and no tag 'all/1'
  ! hint: firn save makes a checkpoint
  [3]
  $ firn remote list
  no remotes

A store that came from elsewhere has remotes that somebody else chose.

  $ cd ../bob && cp -r $XDG_DATA_HOME/firn/bob-* ../brought && firn --store ../brought push
  ! firn: somebody else may have chosen the remotes of the store '../brought': once you have looked at it, firn trust it
  ! hint: firn --store STORE remote list shows them; if they are yours: firn trust STORE
  [1]
  $ firn trust ../brought -q && firn --store ../brought push -q

Damage in the remote is named, what does not need it comes, and the exit code says so.

  $ cd ../ada && python3 -c 'import random; open("big", "wb").write(random.Random(1).randbytes(300000))' && firn save -q && firn push -q && ls ../shared
  4
  FIRN-REMOTE.txt
  incoming
  packs
  probe
  states
  $ cp -r ../shared ../kept && f=$(ls ../shared/packs/* | head -n 1) && chmod u+w $f && printf x | dd of=$f bs=1 seek=1000 conv=notrunc status=none
  $ cd ../bob && firn pull
  no new checkpoint to pull: <n> requests; 1 could not be brought
  ! firn: damaged: a pack of the remote, <any>: 2 damaged parts, first '<any>': block at 128: its bytes do not match their checksum
  ! firn: damaged: a pack of the remote, <any>: 2 damaged parts, first '<any>': block at 128: its bytes do not match their checksum
  ! firn: damaged: checkpoint <any> of the remote is not whole: something that it needs is damaged or missing there
  ! firn: a pack of the remote, <any>: 2 damaged parts, first '<any>': block at 128: its bytes do not match their checksum
  ! hint: the damage is in the remote; what came is whole, and another pull brings the rest if the remote is mended
  [5]
  $ firn pull --json 2>err | python3 -c 'import json, sys; p = json.load(sys.stdin); print(p["checkpoints"], p["skipped"], p["error"]["code"], p["error"]["exit"], len(p["notices"]))'
  0 1 FIRN_CORRUPT 5 3
  $ rm -r ../shared && cp -r ../kept ../shared && firn pull && firn show origin/latest --files | grep -c big
  pulled 1 checkpoint, <size> in <n> requests
  1
  $ rm -r ../shared && firn pull
  ! firn: the directory of the remote: could not open directory '<T>/shared': No such file or directory
  ! hint: if it is on another disk or machine, mount that first
  [3]
  $ firn push
  ! firn: the directory of the remote: could not open directory '<T>/shared': No such file or directory
  ! hint: if it is on another disk or machine, mount that first
  [3]
