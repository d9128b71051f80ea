The commits of a git repository become checkpoints: each as git has it, once, however often the import runs.

  ? git --version
  $ export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b TZ=UTC
  $ git init -q -b main ../repo && cd ../repo && n=0
  $ commit() { n=$((n + 1)); git add -A && GIT_COMMITTER_DATE="170000000$n +0200" GIT_AUTHOR_DATE="1600000000 +0000" git commit -q --allow-empty -m "$1"; }
  $ mkdir -p a/b c && echo 1 >a/b/f && echo 2 >c/g && ln -s a/b link && printf 'x\0y' >binary && echo run >tool && chmod +x tool && echo odd >$'q\t"\xff' && commit $'first\n\nwith a body'
  $ echo 3 >a/b/f && rm -r c && commit second
  $ rm link && mkdir link && echo 4 >link/h && rm -r a && echo file >a && chmod -x tool && commit 'types change'
  $ commit nothing
  $ git checkout -q -b side HEAD~2 && echo side >s && commit side && git checkout -q main && GIT_COMMITTER_DATE="1700000008 +0000" git merge -q --no-ff -m merged side
  $ mkdir -p .git/keep && seq 1 3000 | while read i; do mkdir -p many/$((i % 50)) && echo $i >many/$((i % 50))/$i; done && echo a- >x-; mkdir x && echo b >x/y && commit many
  $ mkdir ../ws && cd ../ws && firn import git ../repo -n && firn import git ../repo --rev HEAD~3 && ls -A
  6 commits to import
  3 commits imported, as 1 to 3
  $ firn import git ../repo && firn import git ../repo
  3 commits imported, as 4 to 6; 3 there before
  0 commits imported; 6 there before
  $ firn list
     6  <id>  2023-11-14 22:13:26      3,008 files  <any>  many
     5  <id>  2023-11-14 22:13:28          6 files  <any>  merged
     4  <id>  2023-11-14 22:13:24          5 files  <any>  nothing
     3  <id>  2023-11-14 22:13:23          5 files  <any>  types change
     2  <id>  2023-11-14 22:13:22          5 files  <any>  second
     1  <id>  2023-11-14 22:13:21          6 files  <any>  first<any>
  $ firn show 1 | grep -A3 'with a body'; firn tag | wc -l
  ...
  6
  $ for hash in $(git -C ../repo rev-list --first-parent HEAD); do
  >     mkdir ../by-git && git -C ../repo archive $hash | tar -xf - -C ../by-git && firn restore git/$hash --to ../by-firn -q && diff -r --no-dereference ../by-git ../by-firn || echo differs
  >     (cd ../by-git && find . -type f -printf '%p %m\n' | sed 's/ 66/ 64/; s/ 77/ 75/' | sort) >../modes && (cd ../by-firn && find . -type f -printf '%p %m\n' | sort) | cmp - ../modes
  >     rm -rf ../by-git ../by-firn
  > done

One long run gives the same trees as several. One that was killed goes on, and takes no commit twice.

  $ roots() { firn list --json | python3 -c 'import json, sys; print([(c["root"], c["created"], c["message"]) for c in json.load(sys.stdin)["checkpoints"]])'; }
  $ mkdir ../once && cd ../once && firn import git ../repo -q && roots >../once.roots && cd ../ws && roots | cmp - ../once.roots
  $ mkdir ../killed && cd ../killed && firn import git ../repo --rev HEAD~4 -q && firn tag -d git/$(git -C ../repo rev-parse HEAD~4) && firn import git ../repo
  took the tag <any> away
  4 commits imported, as 3 to 6; 2 there before
  $ roots | cmp - ../once.roots; firn tag | wc -l
  6

What is no repository, lacks objects or has hostile trees.

  $ firn import git . 2>&1 | tail -n 2; firn import git ../repo --rev nonsense 2>&1 | tail -n 1; firn import git ../repo --rev=--all 2>&1 | tail -n 1
  0 commits imported
  firn: git failed: exit code 128
  firn: git failed: exit code 128
  firn: git failed: exit code 128
  $ PATH=$(dirname $(command -v firn)) firn import git ../repo
  0 commits imported
  ! firn: there is no program 'git': install it
  [1]
  $ cd ../repo && blob=$(echo owned | git hash-object -w --stdin) && tree() { git mktree --missing; } && printf "100644 blob $blob\tfile\n120000 blob $(printf ../../outside | git hash-object -w --stdin)\tup\n160000 commit $(git rev-parse HEAD)\tmodule\n" | tree >../sub
  $ python3 - <<'END'
  > import hashlib, subprocess
  > def write(kind, data):
  >     return subprocess.run(["git", "hash-object", "-t", kind, "-w", "--stdin", "--literally"], input=data, capture_output=True, check=True).stdout.decode().strip()
  > blob = bytes.fromhex(write("blob", b"owned\n"))
  > link = bytes.fromhex(write("blob", b"/tmp"))
  > inner = bytes.fromhex(write("tree", b"100644 firn-owned\0" + blob))
  > sub = bytes.fromhex(open("../sub").read().strip())
  > tree = write("tree", b"100644 ../up\0" + blob + b"100644 .git\0" + blob + b"40000 ..\0" + inner + b"120000 l\0" + link + b"40000 l\0" + inner + b"40000 ok\0" + sub)
  > who = b"a <a@b> 1700000009 +0000\n"
  > open("../bad", "w").write(write("commit", b"tree " + tree.encode() + b"\nauthor " + who + b"committer " + who + b"\nbad\n"))
  > END
  $ mkdir ../bad-ws && cd ../bad-ws && firn import git ../repo --rev $(cat ../bad)
  ! firn: left out: ../up: it has .. in its name
  ! firn: left out: ..: it has .. in its name
  ! firn: left out: ok/module: it is a submodule
  1 commit imported, as 1 to 1
  left out by rule: .git
  [6]
  $ firn show 1 --files | sed 's/.* //'; ls /tmp/firn-owned ../up ../firn-owned 2>&1 | grep -c 'cannot access'
  ...
  3
  $ cd ../repo && lose() { rm -f .git/objects/$(git rev-parse $1 | sed 's|^..|&/|'); }; lose HEAD:tool; lose HEAD~2^{tree}; mkdir ../lost && cd ../lost && firn import git ../repo
  4 commits imported, as 1 to 4; 2 lost
  ! firn: left out: tool: git has no intact blob <hex>
  ! error: Could not read <hex>
  ! error: Could not read <hex>
  ! firn: left out: git/<hex>: git has no intact tree <hex>
  ! error: Could not read <hex>
  ! error: Could not read <hex>
  ! firn: left out: git/<hex>: git has no intact tree <hex>
  ! firn: left out: tool: git has no intact blob <hex>
  [6]
  $ firn check --data | sed 's/: .*//'; firn show 4 --files | grep -c many/
  4 checkpoints<any>
  3051
  $ mkdir ../strict ../tmp && cd ../strict && TMPDIR=$PWD/../tmp firn import git ../repo --strict; echo $?; firn list; ls -A ../tmp
  0 commits imported
  ! firn: left out: tool: git has no intact blob <hex>
  ! firn: not everything can be imported
  1
  no checkpoints

Of a small history each kind of object is lost or damaged in turn. Everything else comes in, and a file that is lost is not the older one.

  $ export GIT_AUTHOR_DATE="1600000000 +0000" && git init -q -b main ../small && cd ../small && n=0
  $ mkdir -p d/e && echo 1 >d/e/f && echo g >d/g && echo h1 >h && commit 1 && echo 2 >d/e/f && commit 2 && echo 3 >d/e/f && echo h3 >h && commit 3 && echo h4 >h && commit 4
  $ states() { for i in $(firn list --json | python3 -c 'import json, sys; print(*sorted(c["number"] for c in json.load(sys.stdin)["checkpoints"]))'); do rm -rf ../back && firn restore $i --to ../back -q && (cd ../back && find . -mindepth 1 ! -type d | LC_ALL=C sort | while read f; do echo "$f=$(cat $f)"; done | tr '\n' ' '); echo; done; }
  $ all() { ws=$(mktemp -d ../ws.XXXXXX) && (cd $ws && firn import git $1 2>../errors; echo "exit code $?"; grep '^firn' ../errors | sed 's/[0-9a-f]\{40\}/HASH/g'; states); }
  $ all ../small
  4 commits imported, as 1 to 4
  exit code 0
  ./d/e/f=1 ./d/g=g ./h=h1 
  ./d/e/f=2 ./d/g=g ./h=h1 
  ./d/e/f=3 ./d/g=g ./h=h3 
  ./d/e/f=3 ./d/g=g ./h=h4 
  $ spoil() { object=.git/objects/$(git rev-parse $1 | sed 's|^..|&/|') && chmod u+w $object && case $2 in lost) rm $object;; cut) truncate -s 12 $object;; *) printf '\377\377\377' | dd of=$object bs=1 seek=8 conv=notrunc status=none;; esac; }
  $ broken() { rm -rf ../broken && cp -r ../small ../broken && (cd ../broken && spoil "$@") && all ../broken; }
  $ broken HEAD~2:d/e/f lost | tee ../first
  4 commits imported, as 1 to 4
  exit code 6
  firn: left out: d/e/f: git has no intact blob HASH
  ./d/e/f=1 ./d/g=g ./h=h1 
  ./d/g=g ./h=h1 
  ./d/e/f=3 ./d/g=g ./h=h3 
  ./d/e/f=3 ./d/g=g ./h=h4 
  $ for how in cut changed; do broken HEAD~2:d/e/f $how | cmp - ../first; done
  $ broken HEAD~2:d/e lost | tee ../first
  4 commits imported, as 1 to 4
  exit code 6
  firn: left out: d/e: git has no intact tree HASH
  ./d/e/f=1 ./d/g=g ./h=h1 
  ./d/g=g ./h=h1 
  ./d/e/f=3 ./d/g=g ./h=h3 
  ./d/e/f=3 ./d/g=g ./h=h4 
  $ for how in cut changed; do broken HEAD~2:d/e $how | cmp - ../first; done
  $ broken HEAD~3:d/e lost
  4 commits imported, as 1 to 4
  exit code 6
  firn: left out: d/e: git has no intact tree HASH
  ./d/g=g ./h=h1 
  ./d/e/f=2 ./d/g=g ./h=h1 
  ./d/e/f=3 ./d/g=g ./h=h3 
  ./d/e/f=3 ./d/g=g ./h=h4 
  $ broken HEAD~2^{tree} lost | tee ../first
  3 commits imported, as 1 to 3; 1 lost
  exit code 6
  firn: left out: git/HASH: git has no intact tree HASH
  ./d/e/f=1 ./d/g=g ./h=h1 
  ./d/e/f=3 ./d/g=g ./h=h3 
  ./d/e/f=3 ./d/g=g ./h=h4 
  $ for how in cut changed; do broken HEAD~2^{tree} $how | cmp - ../first; done
  $ broken HEAD~3 lost
  2 commits imported, as 1 to 2; 1 lost
  exit code 6
  firn: left out: the commits before these: git failed: exit code 128
  ./d/e/f=3 ./d/g=g ./h=h3 
  ./d/e/f=3 ./d/g=g ./h=h4 
  $ broken HEAD cut
  0 commits imported
  exit code 1
  firn: git failed: exit code 128

Damage to what was imported before does not keep newer commits out.

  $ cp -r ../small ../later && mkdir ../later-ws && cd ../later-ws && firn import git ../later -q && cd ../later && echo 5 >d/e/f && commit 5 && spoil HEAD~1:d lost && cd ../later-ws && firn import git ../later 2>/dev/null && states | tail -n 1
  1 commit imported, as 5 to 5; 4 there before
  ./d/e/f=5 ./d/g=g ./h=h4 

A repository with hashes of SHA-256, and a hostile one: what its configuration names does not run, and its index is not read.

  $ git init -q -b main --object-format=sha256 ../long && cd ../long && mkdir d && echo 1 >d/f && ln -s d/f l && commit 1 && git rm -rq d && echo 2 >d && ln -sf d l && commit 2 && all ../long
  2 commits imported, as 1 to 2
  exit code 0
  ./d/f=1 ./l=1 
  ./d=2 ./l=2 
  $ cd ../small && ran() { echo touch $PWD/../ran-$1; } && cat >>.git/config <<END
  > [core]
  >     fsmonitor = $(ran fsmonitor)
  >     pager = $(ran pager)
  >     sshCommand = $(ran ssh)
  >     alternateRefsCommand = $(ran refs)
  > [diff]
  >     external = $(ran external)
  > [diff "all"]
  >     command = $(ran command)
  >     textconv = $(ran textconv)
  > [filter "all"]
  >     smudge = $(ran smudge)
  > [log]
  >     showSignature = true
  > [gpg]
  >     program = $(ran gpg)
  > [remote "origin"]
  >     url = ext::$(ran fetch)
  >     promisor = true
  >     partialclonefilter = blob:none
  > [extensions]
  >     partialClone = origin
  > [protocol "ext"]
  >     allow = always
  > END
  $ echo '* diff=all filter=all' >.git/info/attributes && git config core.repositoryFormatVersion 1 && spoil HEAD~3:d/g lost && (git cat-file -p HEAD~3:d/g; git status; git diff HEAD~1; git diff-tree HEAD) >/dev/null 2>&1; ls .. | grep ran-; rm ../ran-*
  ran-command
  ran-fetch
  ran-fsmonitor
  ran-smudge
  $ echo 'no index' >.git/index && all ../small; ls .. | grep ran-; true
  4 commits imported, as 1 to 4
  exit code 6
  firn: left out: d/g: git has no intact blob HASH
  ./d/e/f=1 ./h=h1 
  ./d/e/f=2 ./h=h1 
  ./d/e/f=3 ./h=h3 
  ./d/e/f=3 ./h=h4 

A tree that names one directory ten times, ten deep, is ten thousand million files: the import stops, with what came before it whole, and nothing half.

  $ git init -q ../bomb && cd ../bomb && echo x >f && git add f && git -c user.name=a -c user.email=a@b commit -q -m small
  $ blob=$(git hash-object f); tree=$(for i in $(seq 0 9); do printf '100644 blob %s\tf%s\n' $blob $i; done | git mktree)
  $ for level in $(seq 9); do tree=$(for i in $(seq 0 9); do printf '040000 tree %s\td%s\n' $tree $i; done | git mktree); done
  $ git update-ref refs/heads/bomb $(git -c user.name=a -c user.email=a@b commit-tree $tree -p HEAD -m bomb) && du -sk .git/objects | awk '$1 > 400'
  $ mkdir ../of-bomb && cd ../of-bomb && mkdir ../own && TMPDIR=$PWD/../own timeout 60 firn import git ../bomb --rev bomb --max-entries 5000
  1 commit imported, as 1 to 1
  ! firn: one commit has more than 5000 files and directories; --max-entries allows more
  ! hint: the same command goes on where it stopped
  [1]
  $ firn list -q && ls -A && ls -A ../own
  1
  $ firn import git ../bomb --rev bomb --max-entries 0
  ! firn: import git: --max-entries takes a number from 1 on, not '0'
  ! usage: firn import git [options] REPOSITORY
  ! help: firn help import git
  [2]

What was asked of a git that has been ended is not read any more: here no object was asked for between two lost trees.

  $ git init -q ../lost-trees && cd ../lost-trees && mkdir a c && echo x >a/f && echo y >c/g && git add . && git -c user.name=a -c user.email=a@b commit -q -m one && spoil HEAD:a lost && spoil HEAD:c lost
  $ mkdir ../of-lost-trees && cd ../of-lost-trees && firn import git ../lost-trees 2>&1 | grep -v ^error: | sed 's/tree [0-9a-f]*/tree HASH/'
  firn: left out: a: git has no intact tree HASH
  firn: left out: c: git has no intact tree HASH
  1 commit imported, as 1 to 1
