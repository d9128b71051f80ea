All workspaces, and what can be done with them.

  $ firn workspaces
  no workspaces
  $ find $XDG_DATA_HOME | wc -l
  1
  $ mkdir b a c && for w in b a c; do echo $w >$w/f; firn -C $w save -q; done; firn -C a save -q; rm -r c
  1
  1
  1
  2
  $ firn workspaces
       2  <time>  <T>/w/a
       1  <time>  <T>/w/b
       1  <time>  <T>/w/c  (gone)
  bring back what is gone with: mkdir -p DIR && firn -C DIR restore latest
  $ firn workspaces list -q
  <T>/w/a
  <T>/w/b
  <T>/w/c
  $ firn workspaces --json | python3 -c 'import json, sys; print([(w["root"].split("/")[-1], w["checkpoints"], w["there"], sorted(w)) for w in json.load(sys.stdin)["workspaces"]])'
  [('a', 2, True, ['checkpoints', 'newest', 'root', 'store', 'there']), ('b', 1, True, ['checkpoints', 'newest', 'root', 'store', 'there']), ('c', 1, False, ['checkpoints', 'newest', 'root', 'store', 'there'])]
  $ firn workspaces nonsense
  ! firn: workspaces: unknown command 'nonsense'
  ! help: firn help workspaces
  [2]

Removing a history asks on a terminal; elsewhere it needs --yes.

  $ firn workspaces remove c
  ! firn: workspaces remove: this removes every checkpoint of c: confirm with --yes
  ! usage: firn workspaces remove [options] ROOT
  ! help: firn help workspaces remove
  [2]
  $ firn workspaces remove c --yes
  removed the checkpoints of <T>/w/c; the directory was not changed
  $ ls $XDG_DATA_HOME/firn | sed 's/[0-9a-f]\{16\}$/digits/'
  a-digits
  b-digits
  $ firn workspaces remove c --yes
  ! firn: no store knows a workspace '<T>/w/c'
  ! hint: firn workspaces lists the workspaces
  [3]
  $ firn workspaces remove b/ --yes --json
  {"removed":"<T>/w/b"}
  $ cat b/f; firn -C b list; firn -C a list -q
  b
  no checkpoints
  2
  1

A store in the usual place stays while an application has keyspaces, tables or checkpoints of them in it.

  $ mkdir app && touch app/f && firn -C app save -q && firn db put $XDG_DATA_HOME/firn/app-* users ada 1815
  1
  $ firn workspaces remove app -y && firn db get $XDG_DATA_HOME/firn/app-* users ada; echo
  removed the checkpoints of <T>/w/app; the directory was not changed
  1815
  $ firn -C app list
  no checkpoints
  $ firn -C app save -q && firn db table create $XDG_DATA_HOME/firn/app-* t 'id i64 primary key' && firn db drop $XDG_DATA_HOME/firn/app-* users -q; firn workspaces remove app -y -q; ls -d $XDG_DATA_HOME/firn/app-* | wc -l
  1
  1
  $ rm -r app $XDG_DATA_HOME/firn/app-*

A store of several workspaces keeps the others.

  $ mkdir x y && touch x/1 y/2 && for w in x y; do firn -C $w --store ../s save -q; firn -C $w --store ../s tag t -q; done
  1
  1
  $ firn --store s workspaces -q
  <T>/w/x
  <T>/w/y
  $ firn --store s workspaces remove x -y -q && firn --store s workspaces -q && firn -C y --store ../s show t | head -n 1
  <T>/w/y
  checkpoint  1
  $ firn -C x --store ../s list
  no checkpoints
  ! firn: the store has checkpoints of another directory: firn workspaces list shows which
  ! hint: if one of them is this one now: firn workspaces relocate THAT-DIRECTORY
  $ firn -C x --store ../s show t
  ! firn: '<T>/w/x' has no checkpoint yet: save it first
  ! hint: firn save makes a checkpoint
  [3]
  $ firn -C y --store ../s check -q && firn -C x --store ../s save -q && firn -C x --store ../s tag
  1
  no tags

What a workspace was told goes with it: the next one that gets its number is told anew.

  $ mkdir -p p/node_modules q/node_modules && touch p/package.json q/package.json && firn -C p --store ../s save | tail -n 1; firn -C p --store ../s save | tail -n 1
  left out by rule: node_modules
  left out by rule as before: 1
  $ firn --store s workspaces remove p -y -q && firn -C q --store ../s save | tail -n 1; firn --store s workspaces remove q -y -q; rm -r p q
  left out by rule: node_modules

  $ firn --store nothing workspaces
  ! firn: could not open directory 'nothing': No such file or directory
  [3]

Relocating: what is elsewhere now, under another inode.

  $ cp -r a copy && rm -r a && firn -C copy list
  no checkpoints
  $ firn workspaces relocate a copy
  <T>/w/a is <T>/w/copy now
  $ firn -C copy list -q
  2
  1
  $ firn -C copy status --quiet 1; firn -C copy save -q
  3
  $ mkdir own && touch own/f && firn -C own save -q
  1
  $ firn workspaces relocate copy own
  ! firn: '<T>/w/own' has a store of its own at '<T>/data/firn/own-<hex>'
  ! hint: two histories cannot be joined: delete one with firn workspaces remove
  [1]
  $ firn workspaces relocate nothing own
  ! firn: no store knows a workspace '<T>/w/nothing'
  ! hint: firn workspaces lists the workspaces
  [3]
  $ mkdir z && firn -C z --store ../s workspaces relocate ../x && firn -C z --store ../s list -q && firn --store s workspaces -q
  <T>/w/x is <T>/w/z now
  1
  <T>/w/y
  <T>/w/z
  $ firn -C z --store ../s workspaces relocate ../y
  ! firn: '<T>/w/z' has checkpoints of its own
  ! hint: two histories cannot be joined: delete one with firn workspaces remove
  [1]

A root that is gone is named by any path that would lead there.

  $ mkdir -p deep/r1 deep/r3 && ln -s deep short && for w in deep/r1 deep/r3; do touch $w/f; firn -C $w save -q; done; mv deep/r1 deep/r2
  1
  1
  $ cd deep/r2 && firn workspaces relocate ../r1 && firn list -q; cd ../..
  <T>/w/deep/r1 is <T>/w/deep/r2 now
  1
  $ rm -r deep/r2 && firn workspaces remove -y no/../short/./r9//../r2/
  removed the checkpoints of <T>/w/deep/r2; the directory was not changed
  $ mv deep/r3 r4 && cd r4 && firn workspaces relocate $PWD/../short/r3 && firn workspaces remove -y . && cd ..
  <T>/w/deep/r3 is <T>/w/r4 now
  removed the checkpoints of <T>/w/r4; the directory was not changed
  $ firn workspaces remove -y ../../../../../../../../../nothing/at/all
  ! firn: no store knows a workspace '/nothing/at/all'
  ! hint: firn workspaces lists the workspaces
  [3]
  $ firn workspaces remove -y //
  ! firn: no store knows a workspace '/'
  ! hint: firn workspaces lists the workspaces
  [3]

A store that cannot be read is told of, and does not keep the others from being listed.

  $ for store in $XDG_DATA_HOME/firn/own-*; do echo nonsense >$store/FIRN; done; firn workspaces
  ! firn: could not be read: <any>/own-<hex>: <any>
  ! hint: firn --store STORE repair rebuilds the store from what can still be read
       3  <time>  <T>/w/copy
  [6]
  $ rm $XDG_DATA_HOME/firn/own-*/FIRN && firn workspaces
  ! firn: could not be read: <any>/own-<hex>: '<any>/own-<hex>' holds packs but not the file FIRN, which every store has
  ! hint: firn --store STORE repair rebuilds the store from what can still be read
       3  <time>  <T>/w/copy
  [6]
