With -C DIR a command does what it would do if it were started in DIR: every relative path begins there.

  $ mkdir -p w/sub away && echo 1 >w/f && echo 2 >w/sub/g && firn -C w --store ../s save -q && ls
  1
  away
  s
  w
  $ FIRN_STORE=../s firn -C w list -q; (cd w && firn --store ../s list -q); firn -C w --store $PWD/s list -q
  1
  1
  1
  $ export FIRN_STORE=$PWD/s
  $ firn -C w restore 1 --to ../away/out && ls away/out w
  restored 1 into ../away/out: 0 changed, 2 added, 0 removed
  away/out:
  f
  sub
  
  w:
  f
  sub
  $ firn -C w/sub restore 1 --to out g -q && ls w/sub/out && rm -r w/sub/out && firn -C $PWD/w restore 1 --to $PWD/away/abs -q && ls away
  sub
  abs
  out
  $ firn -C w report -o ../away/page.html -q && firn -C w/sub report -o page.html -q && ls away w/sub
  away:
  abs
  out
  page.html
  
  w/sub:
  g
  page.html
  $ rm w/sub/page.html; echo x >w/sub/g; firn -C w/sub status -q -- g ../f; firn -C w/sub diff -- ../sub | sed '$d'; firn -C w/sub cat 1 g; firn -C w/sub restore 1 g -q && cat w/sub/g
  changed   g
  changed   g
  2
  2
  $ echo x >w/f && firn -C w save -q && firn -C w/sub revert 2 ../f -q && cat w/f; firn -C w/sub forget -n g | head -n 1
  2
  1
  would remove from <id>  1 file, 2 B

Stores: made, named, trusted, and what is kept in settings.

  $ unset FIRN_STORE; mkdir in && firn -C in init --here && ls -A in && firn -C in trust --remove . && firn -C away trust ../in && firn trust --list
  made the store .firn
  git leaves it out: .firn/.gitignore says so
  .firn
  no longer trusted: .
  trusted: <T>/w/in/.firn
  <T>/w/in
  $ firn -C in trust --remove && firn -C in trust && firn -C in trust --list
  no longer trusted: .
  trusted: <T>/w/in/.firn
  ! firn: trust: --list takes no DIR
  ! usage: firn trust [options] [DIR|STORE]
  ! help: firn help trust
  [2]
  $ firn -C away hook install claude --file ../hooks.json --store ../s && grep -o "'[^']*/s'" hooks.json | sort -u && firn -C away hook remove claude --file ../hooks.json -q; ls
  ../hooks.json: every turn is saved from now on
  '<T>/w/away/../s'
  away
  in
  s
  w
  $ mv w v && firn -C away --store ../s workspaces relocate $PWD/w ../v && mv v u && firn -C u --store ../s workspaces relocate ../v
  <T>/w/w is <T>/w/v now
  <T>/w/v is <T>/w/u now
  $ mkdir x && touch x/f && firn -C x --store ../s save -q && firn -C away --store ../s workspaces remove ../x -y -q && firn --store s workspaces -q
  1
  <T>/w/u

Several begin one at the other, as with git, make and tar; what was typed is how the directory is known.

  $ firn -C u -C sub --store ../../s list -q | tail -n 1; firn -C u list -q -C sub --store ../../s | tail -n 1; firn -C nowhere -C $PWD/u --store ../s list -q | tail -n 1
  1
  1
  1
  $ ln -s u link && firn -C link --store ../s cat 1 $PWD/link/f; firn -C link/sub --store ../../s cat 1 $PWD/link/sub/g
  1
  2
  $ firn -C u -C none --store s list
  ! firn: could not open directory 'u/none': No such file or directory
  ! hint: the workspace must be an existing directory: choose one with -C DIR; firn workspaces lists those that were saved
  [3]
  $ firn -C u/f --json list 2>/dev/null | python3 -c 'import json, sys; print(json.load(sys.stdin)["error"]["message"])'
  could not open directory 'u/f': Not a directory

An agent's relative paths, too.

  $ printf '%s\n' '{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"checkpoint_list","arguments":{"workspace_path":"../u"}}}' | firn -C away --store ../s mcp --allow ../u 2>/dev/null | grep -c '"number":1'
  1
  $ timeout 20 firn -C away watch --status --store ../s; ls -A away
  abs
  out
  page.html
  ! firn: '<T>/w/away' has no checkpoint yet
  ! hint: firn save makes a checkpoint

Every other command takes no -C.

  $ for command in 'db get s k a' 'chkp list x' 'alxs list x' version help; do firn -C w $command 2>&1 | head -n 1; done
  firn: db get: --directory cannot be used with this command
  firn: chkp list: --directory cannot be used with this command
  firn: alxs list: --directory cannot be used with this command
  firn: version: --directory cannot be used with this command
  firn: help: --directory cannot be used with this command
