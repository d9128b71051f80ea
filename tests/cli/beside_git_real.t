Beside git: repositories that git itself has made.

  ? git --version

  $ export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
  $ says() { firn save -q >/dev/null; firn show --json | python3 -c 'import json, sys; g = json.load(sys.stdin)["checkpoint"].get("git", {}); print(g.get("branch"), g.get("commit"))'; }
  $ is() { [ "$(says)" = "$1 $(git rev-parse HEAD)" ] && echo same; }
  $ git init -q -b trunk . && says
  trunk None
  $ echo 1 >f && git add f && git commit -q -m first && is trunk
  same
  $ git pack-refs --all && is trunk; git checkout -q -b topic/one && is topic/one; echo 2 >f && git commit -q -a -m second && is topic/one
  same
  same
  same
  $ git checkout -q --detach trunk && is None; git checkout -q trunk && is trunk
  same
  same
  $ git worktree add -q ../tree topic/one && cd ../tree && is topic/one; mkdir -p a/b && cd a/b && echo x >g && is topic/one; git pack-refs --all && is topic/one
  same
  same
  same
  $ mkdir ../../../super && cd ../../../super && git init -q -b main . && git -c protocol.file.allow=always submodule add -q ../w part && cd part && is trunk
  same
  $ git init -q -b main --object-format=sha256 ../../long && cd ../../long && echo 1 >f && git add f && git commit -q -m first && is main
  same
  $ git init -q -b main --ref-format=reftable ../tables 2>/dev/null && cd ../tables && says | sed '/^None None$/d'; true

The file .git of a worktree or a submodule is not saved. Where one was removed, git makes it anew.

  $ mkdir ../whole && cd ../whole && git init -q -b main . && echo 1 >f && git add f && git commit -q -m first
  $ git -c protocol.file.allow=always submodule add -q ../w part && git worktree add -q -b other tree && firn save -q
  1
  $ rm -r part tree && firn restore -q latest && ls -d part/* tree/* part/.git tree/.git 2>/dev/null
  part/f
  tree/f
  ! firn: back without its file .git: tree: git worktree repair, with its path, makes it anew
  ! firn: back without its file .git: part: git submodule update --init, with its path, makes it anew
  [2]
  $ firn restore -q latest; rm -r part && firn restore latest --json 2>/dev/null | grep -o '"without_git".*'
  "without_git":[{"path":"part","kind":"submodule"}]}
  $ git worktree repair tree >/dev/null 2>&1; git -C tree branch --show-current; git submodule --quiet update --init part && git -C part status -s && git -C part rev-parse --show-toplevel | sed 's/.*[/]//'
  other
  part
  $ rm -r tree && firn restore -q latest -n >/dev/null && firn restore --to ../other latest -q && firn restore -q latest && git worktree repair tree >/dev/null 2>&1; printf 'gitdir: else' >.git/worktrees/tree/gitdir; mkfifo ../fifo; rm .gitmodules && ln -s ../fifo .gitmodules && rm -r part && firn restore -q latest part
  ! firn: back without its file .git: tree: git worktree repair, with its path, makes it anew
