Checkpoints of key-value data.

  $ firn db put app.firn users ada 1815
  $ firn db put app.firn users grace 1906
  $ firn db checkpoint app.firn before-import
     1  <id>  <time>  before-import
  $ firn db put app.firn users ada 1900
  $ firn db del app.firn users grace
  $ firn db put app.firn other x 1
  $ firn db checkpoint app.firn
     2  <id>  <time>
  $ firn db get app.firn users ada --at before-import; echo
  1815
  $ firn db get app.firn users ada --at latest; echo
  1900
  $ firn db scan app.firn users --at 1
  ada	1815
  grace	1906
  $ firn db dump app.firn users --at latest~1
  ada	1815
  grace	1906
  $ firn db keyspaces app.firn --at 1
  users
  $ firn db keyspaces app.firn
  other
  users
  $ firn db scan app.firn other --at 1
  ! firn: app.firn has no keyspace 'other' at 1
  [3]

  $ firn db diff app.firn 1
  +	other
  +	other	x	1
  -	users	ada	1815
  +	users	ada	1900
  -	users	grace	1906
  $ firn db diff app.firn 2 1 --keys
  -	other
  -	other	x
  ~	users	ada
  +	users	grace
  $ firn db diff app.firn 1 latest --stat; firn db diff app.firn 1..2 --stat; firn db diff app.firn 1.. --stat; firn db diff app.firn ..1 -k --keyspace other
  1 added, 1 removed, 1 changed
  1 added, 1 removed, 1 changed
  1 added, 1 removed, 1 changed
  -	other
  -	other	x
  $ firn db diff app.firn 1 --keyspace users --keys --hex
  ~	users	616461
  -	users	6772616365
  $ firn db diff app.firn 2
  $ firn db diff app.firn 1 2 --keyspace other --json
  {"differences":[{"kind":"keyspace added","keyspace":"other"},{"kind":"added","keyspace":"other","key":"x","after":"1"}],"added":1,"removed":0,"changed":0}
  $ firn db diff app.firn 3
  ! firn: there is no checkpoint '3'
  [3]

A restore, and what takes it back.

  $ firn db restore app.firn before-import
  restored 1 (before-import); take this back with: firn db undo app.firn
  $ firn db scan app.firn users
  ada	1815
  grace	1906
  $ firn db keyspaces app.firn
  users
  $ firn db put app.firn users alan 1912
  $ firn db undo app.firn --quiet
  $ firn db scan app.firn users
  ada	1900
  $ firn db undo app.firn -q
  $ firn db scan app.firn users --keys
  ada
  alan
  grace
  $ firn db checkpoints app.firn
     2  <id>  <time>
     1  <id>  <time>  before-import
  $ firn db checkpoints app.firn --all
     -  <id>  <time>  before <id> was restored
     -  <id>  <time>  before <id> was restored
     -  <id>  <time>  before <id> was restored
     2  <id>  <time>
     1  <id>  <time>  before-import
  $ firn db check app.firn
  1 keyspace, 3 entries, <n> log records: no damage

A clone has all of it, and is another store.

  $ firn db clone app.firn clone.firn
  $ firn db put clone.firn users ada 2000
  $ firn db diff clone.firn latest --stat
  2 added, 1 removed, 1 changed
  $ firn db undo clone.firn -q
  $ firn db get app.firn users ada; echo
  1815
  $ firn db check clone.firn
  2 keyspaces, 2 entries, <n> log records: no damage
  $ firn db clone app.firn clone.firn
  ! firn: there is a firn store in 'clone.firn' already
  [1]

What cannot be.

  $ firn db checkpoint app.firn before-import
  ! firn: there is a checkpoint 'before-import' already
  [1]
  $ firn db checkpoint app.firn 12
  ! firn: a checkpoint cannot be called '12': a letter comes first, then letters, digits and any of ._-+/, but not 'latest', 'now' or 'yesterday', nor four or more letters of k to z alone, which would be an id
  [2]
  $ firn db get app.firn users ada --at yesterday
  ! firn: there is no checkpoint as old as 'yesterday': the first is 1
  [3]
  $ firn db restore app.firn nothing
  ! firn: there is no checkpoint 'nothing'
  [3]
  $ firn db get app.firn users ada --at nothing
  ! firn: there is no checkpoint 'nothing'
  [3]
  $ firn db checkpoint nowhere.firn x
  ! firn: could not open directory 'nowhere.firn': No such file or directory
  ! hint: firn db put makes a store and a keyspace
  [3]
  $ firn db put new.firn users ada 1815
  $ firn db checkpoint new.firn old -q && firn db put new.firn users ada 1900 && firn db restore new.firn old -q
  $ firn db undo new.firn
  undone: this is again <id>; redo with: firn db undo new.firn
  $ firn db get new.firn users ada; echo
  1900
  $ rm -r new.firn && firn db put new.firn users ada 1815
  $ firn db undo new.firn
  ! firn: there is no restore to take back
  [3]
  $ firn db checkpoint app.firn --delete
  ! firn: db checkpoint: name the checkpoint to delete
  ! usage: firn db checkpoint [options] STORE [NAME]
  ! help: firn help db checkpoint
  [2]
  $ firn db checkpoint app.firn before-import --delete
  $ firn db restore app.firn 1
  ! firn: there is no checkpoint '1'
  [3]

As JSON.

  $ firn db checkpoint new.firn first --json
  {"number":1,"id":"<ID>","name":"first","created":"<time>","safety":false,"restored":null}
  $ firn db restore new.firn first --json
  {"restored":{"number":1,"id":"<ID>","name":"first","created":"<time>","safety":false,"restored":null},"safety":{"number":null,"id":"<ID>","name":null,"created":"<time>","safety":true,"restored":"<ID>"}}
  $ firn db checkpoints new.firn --json
  {"checkpoints":[{"number":1,"id":"<ID>","name":"first","created":"<time>","safety":false,"restored":null}]}
