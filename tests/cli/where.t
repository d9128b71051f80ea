Which workspace, and where its store is.

  $ mkdir one two && echo 1 >one/f && echo 2 >two/f
  $ firn -C one save -q && firn --directory two save -q
  1
  1
  $ ls $XDG_DATA_HOME/firn | sed 's/[0-9a-f]\{16\}$/digits/'
  one-digits
  two-digits
  $ firn -C one init
  the store is there already: <T>/data/firn/one-<hex>
  $ cd one && firn list -q; cd ..
  1
  $ cd one && firn -C ../two/ list -q; cd ..
  1
  $ ln -s one link && firn -C link list -q
  1

A store by option, or by environment; the option wins.

  $ firn -C one --store ../s1 list
  no checkpoints
  $ ls -d s1
  ! ls: cannot access 's1': No such file or directory
  [2]
  $ firn -C one --store ../s1 init
  made the store ../s1
  firn save will take 1 file, 2 B
  $ firn -C one --store ../s1 init
  the store is there already: ../s1
  $ firn -C one --store ../s1 init -q
  $ stat -c %a s1
  700
  $ FIRN_STORE=../s2 firn -C one save -q && ls -d s2
  1
  s2
  $ FIRN_STORE=../s2 firn -C one list -q --store ../s1
  $ FIRN_STORE= firn -C one list -q
  1
  $ FIRN_STORE=../s2 firn -C one save -q -m second && FIRN_STORE=../s2 firn -C one list -q
  2
  2
  1

Several workspaces in one store keep their histories apart.

  $ FIRN_STORE=../s2 firn -C two save -q && FIRN_STORE=../s2 firn -C two list -q
  1
  1

The store inside of the workspace is not saved into itself.

  $ mkdir in && echo x >in/x && firn -C in --store .store save -q
  1
  $ firn -C in --store .store save | sed 's/  .*; /; /; s/  [0-9.]* s//'
  2; no change since 1
  saved <T>/w/in
  left out by rule: .store
  $ firn -C in --store .store show latest --files | wc -l
  1
  $ rm in/x && firn -C in --store .store restore 1 -q && ls -A in
  .store
  x

What is no workspace, and what cannot be a store.

  $ firn -C nothing save
  ! firn: could not open directory 'nothing': No such file or directory
  ! hint: the workspace must be an existing directory: choose one with -C DIR; firn workspaces lists those that were saved
  [3]
  $ firn -C nothing list
  ! firn: could not open directory 'nothing': No such file or directory
  ! hint: the workspace must be an existing directory: choose one with -C DIR; firn workspaces lists those that were saved
  [3]
  $ firn -C one/f save
  ! firn: could not open directory 'one/f': Not a directory
  ! hint: the workspace must be an existing directory: choose one with -C DIR; firn workspaces lists those that were saved
  [3]
  $ firn -C one --store . save
  ! firn: the store cannot be the workspace itself ('<T>/w/one'): name another place
  [2]
  $ mkdir full && touch full/file && firn -C one --store ../full save
  ! firn: '../full' is not a firn store and not empty (it holds 'file')
  [2]
  $ ls full
  file
  $ firn -C one --store f save
  ! firn: could not open directory 'f': Not a directory
  [3]
  $ env -u HOME -u XDG_DATA_HOME firn -C one list
  ! firn: no place for the store: neither XDG_DATA_HOME nor HOME is set to an absolute path; name one
  [2]
  $ HOME=relative XDG_DATA_HOME= firn -C one list
  ! firn: no place for the store: neither XDG_DATA_HOME nor HOME is set to an absolute path; name one
  [2]
  $ cd one && rm -r ../one && firn list
  ! firn: could not find the real path of '.': No such file or directory
  ! hint: '<T>/w/one' was saved and is gone; this brings it back, with --git at its end also its git repositories: mkdir -p '<T>/w/one' && firn -C '<T>/w/one' restore latest
  [3]
