The first save of a home directory, or of more, is probably not what was meant: without a terminal it wants --yes.

  $ touch $HOME/a && cd $HOME && firn save
  ! firn: '<T>/home' is your home directory
  ! hint: firn save --yes saves all of it, now and from then on; -C DIR names another directory
  [2]
  $ firn save --json 2>/dev/null | python3 -c 'import json, sys; e = json.load(sys.stdin)["error"]; print(e["code"], e["exit"])'
  FIRN_INVALID 2
  $ firn watch
  ! firn: '<T>/home' is your home directory
  ! hint: to save all of it: firn save --yes
  [2]
  $ echo '{}' | firn hook run claude before
  ! firn: '<T>/home' is not saved at every turn; if it should be, save it once: firn save --yes
  $ ls -A $XDG_DATA_HOME

  $ firn save --yes -q && echo b >b && firn save -q && echo '{}' | firn hook run claude before && firn list -q | head -n 1
  1
  2
  2

A directory in which firn keeps its stores, and the whole system.

  $ mkdir -p deep/data/firn deep/project && touch deep/project/a && XDG_DATA_HOME=$PWD/deep/data firn -C deep save
  ! firn: '<T>/home/deep' is a directory in which firn keeps its stores
  ! hint: firn save --yes saves all of it, now and from then on; -C DIR names another directory
  [2]
  $ XDG_DATA_HOME=$PWD/deep/data firn -C deep/project save -q
  1
  $ XDG_DATA_HOME=$PWD/deep/data firn -C / save; XDG_DATA_HOME=$PWD/deep/data firn -C / list
  no checkpoints
  ! firn: '/' is the whole system
  ! hint: firn save --yes saves all of it, now and from then on; -C DIR names another directory

A save says which directory it was, unless one stands in it.

  $ cd $T/w && mkdir -p p/sub && touch p/a && firn -C p save | tail -n 1
  saved <T>/w/p
  $ cd p/sub && firn save | tail -n 1; cd .. && firn save | wc -l
  saved <T>/w/p
  1
