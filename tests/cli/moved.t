One workspace, whichever way leads to it.

  $ mkdir -p one/sub/deep other && echo 1 >one/f && echo 2 >one/sub/g && echo 3 >one/sub/deep/h
  $ firn -C one save -q && ln -s one link && ln -s one/sub/deep short
  1
  $ for path in one one/ one/. link link/ one/sub one/sub/deep link/sub short $PWD/one/sub other/../one; do firn -C $path list -q; done | sort | uniq -c | tr -s ' '
   11 1
  $ ls $XDG_DATA_HOME/firn | wc -l
  1

Inside, too, commands are about the whole workspace; paths narrow them and are relative.

  $ echo x >one/f; echo x >one/sub/g; echo x >one/sub/deep/h
  $ firn -C one/sub status -q
  changed   ../f
  changed   deep/h
  changed   g
  $ firn -C one/sub/deep status -q
  changed   ../../f
  changed   h
  changed   ../g
  $ firn -C one/sub status -q -- .
  changed   deep/h
  changed   g
  $ firn -C one/sub status -q 1 deep ../f
  changed   ../f
  changed   deep/h
  $ firn -C one/sub/deep status -q --json | python3 -c '
  > import json, sys
  > print([change["path"] for change in json.load(sys.stdin)["changes"]])'
  ['f', 'sub/deep/h', 'sub/g']
  $ cd one/sub && firn diff --stat | sed '$d' && firn diff -p -- deep | sed -n '1p' && firn diff && firn show 1 --files | sed 's/.*:[0-9][0-9]  //' && cd ../..
   ../f   | 2 +-
   deep/h | 2 +-
   g      | 2 +-
  diff --git a/sub/deep/h b/sub/deep/h
  changed   ../f
  changed   deep/h
  changed   g
  from 1 to the disk: 3 changed, 0 added, 0 removed
  ../f
  ./
  deep/
  deep/h
  g
  $ firn -C one/sub restore 1 g && cat one/f one/sub/g one/sub/deep/h
  restored 1: 1 changed, 0 added, 0 removed; take this back with: firn undo
  x
  2
  x
  $ firn -C one/sub restore 1 . && cat one/f one/sub/g one/sub/deep/h
  restored 1: 1 changed, 0 added, 0 removed; take this back with: firn undo
  x
  2
  3
  $ cd one/sub/deep && firn restore 1 -n ../../f $PWD/h && cd ../../..
  changed   ../../f
  would restore 1: 1 changed, 0 added, 0 removed
  $ firn -C short restore 1 -n ../../..
  ! firn: restore: '../../..' is not a path inside the workspace <T>/w/one
  ! usage: firn restore [options] [REF] [PATH...]
  ! help: firn help restore
  [2]
  $ firn -C one/sub save -q && firn -C one show 2 --files | wc -l
  2
  5
  $ firn -C one/sub restore 1 -q .. && cat one/f
  1

A directory that was moved is recognised; nothing is done before the user says what it is.

  $ mv one two && firn -C two list
  ! firn: '<T>/w/two' is the directory that was saved as '<T>/w/one': to continue its history, run firn init --adopt in it; to begin a new one, run firn init
  [4]
  $ firn -C two save
  ! firn: '<T>/w/two' is the directory that was saved as '<T>/w/one': to continue its history, run firn init --adopt in it; to begin a new one, run firn init
  [4]
  $ firn -C two/sub status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["error"]["code"])'
  FIRN_CONFLICT
  ! firn: '<T>/w/two' is the directory that was saved as '<T>/w/one': to continue its history, run firn init --adopt in it; to begin a new one, run firn init
  $ ls $XDG_DATA_HOME/firn | sed 's/[0-9a-f]\{16\}$/digits/'
  one-digits
  $ firn -C two init --adopt
  adopted the store <T>/data/firn/two-<hex>
  $ firn -C two/sub list -q; ls $XDG_DATA_HOME/firn | wc -l; firn -C two check -q
  2
  1
  1
  $ firn -C two save -q
  3
  $ firn -C two init --adopt
  ! firn: '<T>/w/two' is not a directory that was saved and then moved here
  ! hint: say where it was with: firn workspaces relocate OLD-ROOT
  [3]

A link that has taken its place leads to it, and hides nothing: by either name it is the directory that was moved.

  $ mkdir -p real/p && echo 1 >real/p/f && firn -C real/p save -q && mv real/p real/q && ln -s q real/p
  1
  $ for path in real/p real/q; do firn -C $path list; done; firn -C real/q save -q
  ! firn: '<T>/w/real/q' is the directory that was saved as '<T>/w/real/p': to continue its history, run firn init --adopt in it; to begin a new one, run firn init
  ! firn: '<T>/w/real/q' is the directory that was saved as '<T>/w/real/p': to continue its history, run firn init --adopt in it; to begin a new one, run firn init
  ! firn: '<T>/w/real/q' is the directory that was saved as '<T>/w/real/p': to continue its history, run firn init --adopt in it; to begin a new one, run firn init
  [4]
  $ firn -C real/q init --adopt && firn -C real/p list -q && firn -C real/q save -q
  adopted the store <T>/data/firn/q-<hex>
  1
  2
  $ mv real/q real/r && rm real/p && ln -s r real/q && firn workspaces relocate real/q/ real/r && firn -C real/q list -q
  <T>/w/real/q is <T>/w/real/r now
  2
  1
  $ mkdir circle && echo 1 >circle/f && firn -C circle save -q && mv circle ring && ln -s circle circle && firn -C ring init --adopt
  1
  adopted the store <T>/data/firn/ring-<hex>
  $ mv ring wheel && ln -s wheel ring && firn workspaces remove -y ring
  removed the checkpoints of <T>/w/ring; the directory was not changed
  $ mv real unreal && ln -s unreal real && firn -C real/r init --adopt && firn -C unreal/r list -q | wc -l
  adopted the store <T>/data/firn/r-<hex>
  2

A crash in the middle of adopting leaves a store that has its new name and tells the old root.

  $ mkdir -p here && touch here/f && firn -C here save -q && firn -C here tag t -q && mv here there
  1
  $ new=$(firn -C there init | head -n 1 | sed 's/.* //'); rm -r $new; mv $XDG_DATA_HOME/firn/here-* $new && firn -C there list
  ! firn: '<T>/w/there' is the directory that was saved as '<T>/w/here': to continue its history, run firn init --adopt in it; to begin a new one, run firn init
  [4]
  $ firn -C there init --adopt && firn -C there show t | head -n 1 && firn -C there save -q
  adopted the store <T>/data/firn/there-<hex>
  checkpoint  1
  2

A new directory at the old place, and a copy, have nothing to do with it.

  $ mkdir one && touch one/f && firn -C one list
  no checkpoints
  $ cp -a two three && firn -C three list
  no checkpoints
  $ firn -C three save -q
  1

Beginning anew.

  $ mv three four && firn -C four init | sed 's/[0-9a-f]\{16\}/digits/'
  made the store <T>/data/firn/four-digits
  firn save will take 3 files, 6 B
  $ firn -C four list
  no checkpoints
  $ firn -C four save -q && firn -C four init --adopt
  1
  ! firn: '<T>/w/four' has a store of its own at '<T>/data/firn/four-<hex>'
  ! hint: two histories cannot be joined: delete one with firn workspaces remove
  [1]

As long as nothing was saved there, going on with the history is still possible.

  $ mkdir old && touch old/f && firn -C old save -q && mv old new && firn -C new init -q && firn -C new list && firn -C new init --adopt && firn -C new list -q
  1
  no checkpoints
  adopted the store <T>/data/firn/new-<hex>
  1
  $ ls -d $XDG_DATA_HOME/firn/*removed* $XDG_DATA_HOME/firn/old-* 2>/dev/null
  [2]
  $ mv new newer && firn -C newer init -q && firn workspaces relocate new newer && firn -C newer list -q
  <T>/w/new is <T>/w/newer now
  1
  $ mv newer kept && firn -C kept init -q && firn -C kept config save.strict true && firn -C kept init --adopt -q
  ! firn: '<T>/w/kept' has a store of its own at '<T>/data/firn/kept-<hex>'
  ! hint: two histories cannot be joined: delete one with firn workspaces remove
  [1]
  $ firn -C kept config --unset save.strict && rm -f $XDG_DATA_HOME/firn/kept-*/config && firn -C kept init --adopt -q && firn -C kept list -q
  1

Packs are all that is left of a store whose log was cut short: it does not give way.

  $ mkdir cut && touch cut/f && firn -C cut save -q && mv cut sawn && firn -C sawn init -q && echo 1 >sawn/f && firn -C sawn save -q && truncate -s 128 $XDG_DATA_HOME/firn/sawn-*/wal-*.log
  1
  1
  $ firn -C sawn list -q 2>&1 | sed 's/lost its end.*/lost its end/'; firn -C sawn init --adopt -q 2>/dev/null; echo $?; rm -r $XDG_DATA_HOME/firn/sawn-*
  firn: the log of '<T>/data/firn/sawn-<hex>' has lost its end
  hint: list all damage with: firn check --data
  5

Names of bytes: each directory has its own store.

  $ a=$(printf 'n\377') b=$(printf 'n\376'); mkdir "$a" "$b"; for w in "$a" "$b"; do echo "$w" >"$w/f"; firn -C "$w" save -q; done; ls $XDG_DATA_HOME/firn | grep -c '^n_-'
  1
  1
  2
  $ firn -C "$a" restore 1 -q && od -An -tx1 "$a/f"
   6e ff 0a

In a store that was named.

  $ mkdir -p five/x && touch five/x/f && firn -C five --store ../s save -q && mv five six
  1
  $ firn -C six/x --store ../../s list
  ! firn: '<T>/w/six' is the directory that was saved as '<T>/w/five': to continue its history, run firn init --adopt in it; to begin a new one, run firn init
  [4]
  $ firn -C six --store ../s init --adopt && firn -C six/x --store ../../s list -q
  adopted the store ../s
  1

A store inside moves and is copied along, and belongs to the directory that it lies in; a copy has to be trusted first.

  $ mkdir -p in/sub && echo 1 >in/sub/f && firn -C in init --here
  made the store .firn
  git leaves it out: .firn/.gitignore says so
  firn save will take 1 file, 2 B
  left out by rule: .firn
  $ firn -C in/sub save | sed 's/  .*; /; /; s/  [0-9.]* s//; s/[0-9]* B added/SIZE added/'
  1; 1 new, SIZE added
  saved <T>/w/in
  left out by rule: ../.firn
  $ cp -a in copy && mv in moved && echo 2 >moved/sub/f && firn -C moved/sub save -q && firn -C moved list -q && firn trust -q copy && firn -C copy/sub list -q
  2
  2
  1
  1
  $ firn -C moved init
  the store is there already: <T>/w/moved/.firn
  $ firn -C two init --here
  ! firn: '<T>/w/two' has a store already: '<T>/data/firn/two-<hex>'
  [1]
  $ firn -C moved init --here --adopt
  ! firn: init: --here determines where the store is: it excludes --adopt
  ! usage: firn init [options]
  ! help: firn help init
  [2]
  $ mkdir evil && ln -s $PWD/moved/.firn evil/.firn && firn -C evil list
  no checkpoints

A workspace inside of a workspace is left out, and told.

  $ mkdir -p out/lib out/own out/plain && touch out/lib/a out/own/b out/plain/c && firn -C out save -q
  1
  $ firn -C out/lib init | sed 's/[0-9a-f]\{16\}/digits/'
  made the store <T>/data/firn/lib-digits
  the surrounding workspace leaves it out from now on: <T>/w/out
  firn save will take 1 file, 0 B
  $ firn -C out/own init --here -q
  $ firn -C out save | sed 's/  .*; /; /; s/  [0-9.]* s//; s/[0-9]* B added/SIZE added/'
  2; 2 removed, SIZE added
  saved <T>/w/out
  left out by rule: lib, own
  $ firn -C out show 2 --files | awk '{ print $NF }'
  plain/
  plain/c
  $ firn -C out/lib save -q && firn -C out/own save -q && firn -C out/lib show 1 --files | awk '{ print $NF }'
  1
  1
  a
  $ firn -C out restore 1 -q plain && ls out/lib out/own
  out/lib:
  a
  
  out/own:
  b

On a terminal the question is asked, and no is the default.

  $ mkdir q && touch q/f && firn -C q save -q && mv q r
  1
  $ python3 $SOURCE/tests/cli/on_terminal.py --answer no firn -C r list
  firn: <T>/w/r is the directory that was saved as <T>/w/q
  keep its checkpoints here? [y/N] firn: '<T>/w/r' is the directory that was saved as '<T>/w/q': to continue its history, run firn init --adopt in it; to begin a new one, run firn init
  4
  $ python3 $SOURCE/tests/cli/on_terminal.py --answer y firn -C r list -q
  firn: <T>/w/r is the directory that was saved as <T>/w/q
  keep its checkpoints here? [y/N] 1
  0
  $ firn -C r list -q
  1
  $ python3 $SOURCE/tests/cli/on_terminal.py --answer n firn workspaces remove r
  firn: <T>/w/r: all of its checkpoints will be deleted
  remove them? [y/N] firn: nothing was removed
  1
  $ firn -C r list -q
  1
  $ python3 $SOURCE/tests/cli/on_terminal.py --answer y firn workspaces remove r
  firn: <T>/w/r: all of its checkpoints will be deleted
  remove them? [y/N] removed the checkpoints of <T>/w/r; the directory was not changed
  0

Where a store cannot be read it may be the one of a directory that was moved: that is told before a new history begins, and
with its first checkpoint.

  $ mkdir lost && touch lost/f && firn -C lost save -q && mv lost found && rm $XDG_DATA_HOME/firn/lost-*/wal-*.log
  1
  $ firn -C found list
  no checkpoints
  ! firn: a store cannot be read, and may hold the history of this directory: <T>/data/firn/lost-<hex>
  ! hint: firn --store THAT-STORE repair makes it readable; if the directory was moved, firn init --adopt then continues it
  $ firn -C two list -q | head -n 1
  3
  $ mkdir another && firn -C another init && firn -C another list
  made the store <T>/data/firn/another-<hex>
  no checkpoints
  ! firn: a store cannot be read, and may hold the history of this directory: <T>/data/firn/lost-<hex>
  ! hint: firn --store THAT-STORE repair makes it readable; if the directory was moved, firn init --adopt then continues it
  $ mkdir more && firn -C more save -q && firn -C more save -q
  1
  2
  ! firn: a store cannot be read, and may hold the history of this directory: <T>/data/firn/lost-<hex>
  ! hint: firn --store THAT-STORE repair makes it readable; if the directory was moved, firn init --adopt then continues it
