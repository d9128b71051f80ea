A store inside of the tree is not for git. If git tracks files of it all the same, firn status says so, whatever version the index has.

  ? git --version
  $ export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
  $ mkdir ../published && cd ../published && git init -q -b main . && echo a >a && firn init --here -q && firn save -q && git add -A && git ls-files && firn status -q
  1
  a
  $ git add -f .firn/FIRN && git commit -q -m published && for version in 2 3 4; do git update-index --index-version $version && firn status -q; done
  ! firn: git tracks files of the store .firn: a push publishes what was saved
  ! hint: git rm -r -q --cached .firn, and remove .firn/.gitignore, which firn save makes anew: it may have come with a pull
  ! firn: git tracks files of the store .firn: a push publishes what was saved
  ! hint: git rm -r -q --cached .firn, and remove .firn/.gitignore, which firn save makes anew: it may have come with a pull
  ! firn: git tracks files of the store .firn: a push publishes what was saved
  ! hint: git rm -r -q --cached .firn, and remove .firn/.gitignore, which firn save makes anew: it may have come with a pull
  $ firn status --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["store_in_git"])'
  True
  $ cp .git/index ../index && for size in 0 11 40 80; do head -c $size ../index >.git/index && firn status -q; done; cp ../index .git/index && ln -sf ../../index .git/index && firn status -q; rm .git/index && cp ../index .git/index
  $ git rm -r -q --cached .firn && firn status -q
  $ git init -q --object-format=sha256 ../long && cd ../long && mkdir -p d/below && cd d/below && echo a >a && firn init --here -q && firn save -q && git add -f . && firn status -q
  1
  ! firn: git tracks files of the store .firn: a push publishes what was saved
  ! hint: git rm -r -q --cached .firn, and remove .firn/.gitignore, which firn save makes anew: it may have come with a pull
  $ cd .. && git commit -q -m all && git worktree add -q ../../tree && cd ../../tree/d/below && rm -rf .firn && firn init --here -q && firn save -q && firn status -q
  1
  ! firn: git tracks files of the store .firn: a push publishes what was saved
  ! hint: git rm -r -q --cached .firn, and remove .firn/.gitignore, which firn save makes anew: it may have come with a pull

A pull can replace the file that keeps git away from the store. What the hint says puts that right.

  $ git init -q -b main ../up && (cd ../up && echo 1 >f && git add f && git commit -q -m 1) && git clone -q ../up ../pulled && cd ../pulled && firn init --here -q && firn save -q
  1
  $ (cd ../up && mkdir .firn && echo '!*' >.firn/.gitignore && git add -f .firn && git commit -q -m 2) && git pull -q && git add -A && git ls-files .firn | grep -c FIRN; firn status -q 2>&1 | grep -c 'a push publishes'
  1
  1
  $ git rm -r -q --cached .firn && rm .firn/.gitignore && firn save -q && git add -A && git ls-files .firn; firn status -q; cat .firn/.gitignore
  2
  *

Git removes the store of one who pulls a file of its name. No new history begins before its user says so.

  $ (cd ../up && git rm -r -q .firn && rm -rf .firn && echo x >.firn && git add -f .firn && git commit -q -m 3) && git clone -q ../up ../gone && cd ../gone && git reset -q --hard HEAD~1 && rm -rf .firn && firn init --here -q && firn save -q && git rm -r -q --cached .firn && git commit -q -m own && git checkout -q -B main origin/main && cat .firn
  1
  x
  $ for c in list save log; do firn $c; echo $?; done 2>&1 | sort -u
  4
  firn: '<T>/tree/d/gone/.firn' was your store, and is gone, or is no directory of yours any more: bring it back, or forget it with firn trust --remove '<T>/tree/d/gone'
  $ firn trust --remove "$PWD" -q && firn save -q && firn list -q
  1
  1

A store outside of the tree is none of git's business.

  $ mkdir ../other && cd ../other && echo a >a && firn save -q && mkdir .firn && echo x >.firn/x && git add -f .firn && firn status -q
  1
