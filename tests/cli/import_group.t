The commits of a repository become durable together, some hundred at a time. An import that is killed leaves all of a group or nothing.

  ? strace -V && git --version
  $ export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0 # looking for leaks does not work under strace
  $ export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b TZ=UTC
  $ git init -q -b main ../repo && cd ../repo && (for i in $(seq 40); do echo "commit refs/heads/main
  > committer a <a@b> $((1700000000 + i)) +0000
  > data 2
  > $((i % 10))
  > M 100644 inline d$((i % 4))/f$((i % 7))
  > data 3
  > $((i + 10))
  > M 100644 inline log
  > data 3
  > $((i + 10))
  > "; done) | git fast-import --quiet && git rev-list main | wc -l
  40
  $ roots() { firn list --json | grep -oE '"(root|created|number)":("[^"]*"|[0-9]+)'; }
  $ mkdir ../ws && cd ../ws && strace -f --seccomp-bpf -o ../syncs -e trace=fsync,fdatasync,msync firn import git ../repo --rev main && roots >../roots; [ $(grep -c sync ../syncs) -lt 60 ] || echo many; firn tag | wc -l; firn check --data | sed 's/: .*//'
  40 commits imported, as 1 to 40
  40
  40 checkpoints<any>

Killed at each of its syncs, and between them.

  $ for at in fdatasync:when=1 fdatasync:when=2 fdatasync:when=3 fdatasync:when=5 fdatasync:when=7 fsync:when=3 renameat2:when=1 statx:when=400 statx:when=900 unlinkat:when=5; do
  >     mkdir ../k && cd ../k && { strace -f --seccomp-bpf -o /dev/null -e trace=${at%%:*} -e inject=${at%%:*}:signal=KILL:${at#*:} firn import git ../repo --rev main >/dev/null 2>&1; } 2>/dev/null
  >     case $(firn list 2>/dev/null | wc -l) in 0|1|40) ;; *) echo "half of it, at $at";; esac
  >     firn import git ../repo --rev main -q && roots | cmp - ../roots && firn check --data >/dev/null || echo "lost, at $at"; [ $(firn tag | wc -l) = 40 ] || echo "tags, at $at"
  >     cd ../ws && rm -rf ../k "$XDG_DATA_HOME"/firn/k-*
  > done

Saves of a group write no memos: those of the workspace stay valid, and a save afterwards reads no file again.

  $ seq 300 | while read i; do echo $i >$i; done && firn save -q && git -C ../repo commit-tree -p main -m more main^{tree} >../more && firn import git ../repo --rev $(cat ../more) -q; strace -f --seccomp-bpf -o ../opened -e trace=openat2 firn save -q && grep -cE 'openat2.*"[0-9]+"' ../opened
  41
  43
  0
  [1]

If a group cannot be made durable, the summary counts nothing of it: neither new states nor completed ones.

  $ git init -q -b main ../lossy && cd ../lossy && for i in 1 2; do echo $i >f && git add f && git commit -q -m $i; done && object=.git/objects/$(git rev-parse HEAD:f | sed 's|^..|&/|') && mv $object ../object && mkdir ../l && cd ../l && firn import git ../lossy -q; echo $?; mv ../object ../lossy/$object
  6
  ! firn: left out: f: git has no intact blob <hex>
  $ cd ../lossy && echo 3 >f && git commit -qam 3 && cd ../l && strace -f --seccomp-bpf -o /dev/null -e trace=fdatasync -e inject=fdatasync:error=EIO firn import git ../lossy; firn list | wc -l
  0 commits imported; 2 there before
  2
  ! firn: could not sync <any>: Input/output error
  $ firn import git ../lossy
  1 commit imported, as 3 to 4; 2 there before; 1 completed
