Completions and manual pages are made from the same table as the help.

  $ ls $PAGES/completion | sort
  _firn
  firn
  firn.fish
  $ bash -n $PAGES/completion/firn
  $ if command -v zsh >/dev/null; then zsh -n $PAGES/completion/_firn; fi
  $ if command -v fish >/dev/null; then fish -n $PAGES/completion/firn.fish; fi
  $ cat >complete <<'END'
  > set -u
  > source $PAGES/completion/firn
  > COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _firn; echo "${COMPREPLY[*]-}"
  > END
  $ mkdir dir && touch file && firn save -q
  1
  $ bash complete firn ''
  save status diff undo redo restore revert watch log browse list show cat blame grep find report mount tag describe pin unpin delete undelete forget push pull fetch clone remote turns run bisect hook mcp init config workspaces trust key gc check repair doctor db import export chkp alxs help completion version
  $ bash complete firn s
  save status show
  $ bash complete firn db ''
  put get del scan count search table insert sql load dump delrange keyspaces drop checkpoint checkpoints diff restore undo clone export import flush compact stats check repair destroy
  $ bash complete firn chkp v
  verify
  $ bash complete firn alxs b
  build
  $ bash complete firn -C dir sh
  show
  $ bash complete firn --store dir restore --d
  --dry-run --directory
  $ bash complete firn restore '' | tr ' ' '\n' | LC_ALL=C sort | xargs
  1 complete dir file latest
  $ bash complete firn revert ''
  latest 1
  $ bash complete firn diff 1 f
  file
  $ firn tag begin -q && bash complete firn diff 1 beg
  begin
  $ bash complete firn cat b
  begin
  $ here=$PWD && (cd / && bash $here/complete firn -C $here revert '' && bash $here/complete firn revert --directory $here '')
  latest begin 1
  latest begin 1
  $ firn tag -d begin -q
  $ bash complete firn cat latest f
  file
  $ bash complete firn restore 1 f
  file
  $ bash complete firn restore 1 file f
  file
  $ bash complete firn restore 1 --to ''
  dir
  $ bash complete firn save -m text --inc
  --include-deps
  $ bash complete firn db put d
  dir
  $ bash complete firn db put dir ''
  
  $ bash complete firn help r
  redo restore revert report remote run repair
  $ bash complete firn nonsense ''
  

A value has candidates of its own, or none; after "--" no word is an option.

  $ bash complete firn save -m ''
  
  $ bash complete firn save -m --inc
  
  $ bash complete firn save -mtext --inc
  --include-deps
  $ firn __complete restore 1 -- --d
  paths
  $ bash complete firn db ''x --st
  
  $ bash complete firn db --h
  --help
  $ bash complete firn -- sa
  save
  $ firn __complete restore --to ''
  directories
  $ firn __complete restore 1 ''
  paths
  complete
  dir/
  file
  $ firn __complete nonsense ''
  $ firn __complete --store=nowhere restore ''
  both
  latest
  $ firn __complete -C nowhere restore '' 2>/dev/null
  both
  latest

After a checkpoint restore, cat and show have its paths, whatever is on disk now; without one, those on disk.

  $ mkdir ../then && cd ../then && mkdir -p src/deep && touch src/deep/f src/first 'src/odd name' top && firn save -q && rm -r src top && touch now
  1
  $ firn __complete cat 1 ''
  paths
  src/
  top
  $ bash ../w/complete firn restore 1 src/; bash ../w/complete firn restore 1 top src/d; bash ../w/complete firn show latest src/../src/deep/; bash ../w/complete firn cat 1 no
  src/deep/ src/first
  src/deep/
  src/../src/deep/f
  
  $ mkdir src && cd src && bash ../../w/complete firn cat 1 ''; bash ../../w/complete firn cat 1 ../t; bash ../../w/complete firn cat 1 ../../; (cd / && bash $T/w/complete firn -C $T/then cat 1 t); cd ..
  deep/ first
  ../top
  
  top
  $ firn __complete cat nowhere ''; firn __complete diff 1 ''; firn __complete status 1 ''
  files
  both
  latest
  1
  files
  $ cd ../w

Settings and what they may be, tags, agents, and options that are one of a few words.

  $ bash complete firn config u
  ui.color ui.pager
  $ bash complete firn config save.gitignore ''
  true false
  $ bash complete firn config --user ui.pager f
  false
  $ bash complete firn config ui.color ''
  always never auto
  $ bash complete firn config keep ''; bash complete firn config save.warn-size n; bash complete firn config wait ''; bash complete firn config no.such ''
  forever
  none
  
  
  $ firn tag begin -q && firn tag alpha/2 -q && bash complete firn tag ''; bash complete firn tag -d b; bash complete firn tag x b
  alpha/2 begin
  begin
  begin
  $ firn tag -d begin -q; firn tag -d alpha/2 -q; bash complete firn log --agent ''
  
  $ bash complete firn hook install c; bash complete firn hook run cl; bash complete firn completion ''
  claude codex cursor copilot cline
  claude cline
  bash zsh fish
  $ bash complete firn log --color ''; bash complete firn --color a; bash complete firn db search s t --metric ''
  always never auto
  always auto
  cosine dot l2
  $ bash complete firn hook ''; bash complete firn workspaces r; bash complete firn help db ''; bash complete firn workspaces remove ''
  install print remove status run
  remove relocate
  put get del scan count search table insert sql load dump delrange keyspaces drop checkpoint checkpoints diff restore undo clone export import flush compact stats check repair destroy
  dir
  $ bash complete firn help save ''; bash complete firn help db put ''
  
  

Tables and keyspaces are those of the store that the line names.

  $ firn db table create c.firn people 'id i64 primary key' && firn db table create c.firn 'odd name' 'id i64 primary key'
  $ firn db put c.firn users a b
  $ firn __complete db table show c.firn ''
  words
  people
  $ bash complete firn db table show c.firn p
  people
  $ firn __complete db scan c.firn ''
  words
  people
  users
  $ firn __complete db stats c.firn ''
  words
  people
  $ firn __complete db scan nowhere.firn ''
  words
  $ HOME=$PWD firn __complete db stats '~/c.firn' ''
  words
  people
  $ firn __complete db keyspaces --j
  words
  --at	list the keyspaces of the checkpoint REF
  --json	print one JSON object
  --quiet	print results only, no summaries or progress
  --help	print help
  $ firn __complete
  ! firn: unknown command '__complete'
  ! help: firn help
  [2]
  $ if command -v fish >/dev/null; then
  >     for line in 'firn s' 'firn db s' 'firn -C dir sh' 'firn revert ' 'firn -C .. revert ' 'firn save --inc' 'firn db put d'; do
  >         echo $(fish -c "source $PAGES/completion/firn.fish; complete -C '$line'" | cut -f1 | sort)
  >     done
  > else
  >     printf '%s\n' 'save show status' 'scan search sql stats' show '1 latest' latest --include-deps dir/
  > fi
  save show status
  scan search sql stats
  show
  1 latest
  latest
  --include-deps
  dir/

What a name of a store, or of a path, could do to the line: a keyspace that looks like an option comes only after "--", one with characters
that mean something to a shell not at all, and a path is no option.

  $ firn db put -q -- c.firn -rf a b && firn db put -q c.firn ';ls' a b && firn db put -q c.firn '$(touch x)' a b && firn db put -q c.firn '`touch x`' a b && firn db put -q c.firn "a'b" a b
  $ firn __complete db scan c.firn ''
  words
  people
  users
  $ firn __complete db scan -- c.firn ''
  words
  people
  -rf
  users
  $ bash complete firn db scan -- c.firn -r
  -rf
  $ firn __complete db put -- c.firn '' | head -3
  words
  people
  -rf
  $ mkdir odd && cd odd && firn init -q && touch -- -rf '$(touch x)' 'a;b' "a'b" 'a b' plain && mkdir -- -dir && firn save -q
  1
  $ bash ../complete firn cat latest '' | tr ' ' '\n' | grep -e rf -e plain | LC_ALL=C sort
  ./-rf
  plain
  $ bash ../complete firn restore '' | tr ' ' '\n' | grep -e rf -e latest
  latest
  ./-rf
  $ bash ../complete firn restore 1 --to ''
  ./-dir
  $ if command -v fish >/dev/null; then
  >     for line in 'firn cat latest ' 'firn restore ' 'firn db scan ../c.firn '; do
  >         fish -c "source $PAGES/completion/firn.fish; complete -C '$line'" | cut -f1 | grep -x -e '-.*' -e plain -e users -e '.*ls'
  >     done
  > else
  >     printf '%s\n' plain plain users
  > fi
  plain
  plain
  users
  $ if command -v zsh >/dev/null; then
  >     zsh -f -c '_files() { print -r -- "_files $*"; }; _describe() { print -r -- "words $found"; }; compdef() { : }; compadd() { print -r -- "compadd $*" }; source $PAGES/completion/_firn; words=(firn db scan ../c.firn ""); CURRENT=5; _firn; words=(firn cat latest ""); CURRENT=4; _firn'
  > else
  >     printf '%s\n' 'words people users' 'compadd -S  -- ./-dir/' 'compadd -- ./-rf plain'
  > fi
  words people users
  compadd -S  -- ./-dir/
  compadd -- ./-rf plain
  $ cd .. && test ! -e x && test ! -e odd/x

The program prints them too, for where it was copied on its own.

  $ firn completion bash | cmp - $PAGES/completion/firn
  $ firn completion zsh | cmp - $PAGES/completion/_firn
  $ firn completion fish | cmp - $PAGES/completion/firn.fish
  $ firn completion csh
  ! firn: completion: 'csh' is not bash, zsh or fish
  ! usage: firn completion SHELL
  ! help: firn help completion
  [2]
  $ firn completion
  ! firn: completion: missing SHELL
  ! hint: one of bash, zsh, fish
  ! usage: firn completion SHELL
  ! help: firn help completion
  [2]

Every command has a page, and the pages are valid.

  $ if [ -e $PAGES/man/firn.1 ]; then
  >     for command in $(firn help | sed -n '/ commands:$/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
  >         test -s $PAGES/man/firn-$command.1 || echo "no page for $command"
  >     done
  >     for page in $PAGES/man/*.1; do
  >         if command -v groff >/dev/null; then groff -man -Tutf8 -ww $page 2>&1 >/dev/null; fi
  >     done
  > fi
