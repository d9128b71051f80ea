The commits of a repository become durable together, some hundred at a time; one that is killed leaves all of a group or nothing.

  ? strace -V && git --version
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
  $ roots() { firn list --json | python3 -c 'import json, sys; print([(c["root"], c["created"], c["number"]) for c in json.load(sys.stdin)["checkpoints"]])'; }
  $ mkdir ../ws && cd ../ws && strace -f -o ../syncs -e trace=fsync,fdatasync,msync firn import git ../repo --rev main && roots >../roots; [ $(grep -c sync ../syncs) -lt 60 ] || echo many; firn tag | wc -l; firn check --data | sed 's/: .*//'
  40 commits imported, as 1 to 40
  40
  40 checkpoints<any>

Killed at each of its syncs, and between them.

  $ for at in fdatasync:when=1 fdatasync:when=2 fdatasync:when=3 fdatasync:when=5 fdatasync:when=7 fsync:when=3 renameat2:when=1 statx:when=400 statx:when=900 unlinkat:when=5; do
  >     mkdir ../k && cd ../k && { strace -f -o /dev/null -e trace=${at%%:*} -e inject=${at%%:*}:signal=KILL:${at#*:} firn import git ../repo --rev main >/dev/null 2>&1; } 2>/dev/null
  >     case $(firn list 2>/dev/null | wc -l) in 0|1|40) ;; *) echo "half of it, at $at";; esac
  >     firn import git ../repo --rev main -q && roots | cmp - ../roots && firn check --data >/dev/null || echo "lost, at $at"; [ $(firn tag | wc -l) = 40 ] || echo "tags, at $at"
  >     cd ../ws && rm -rf ../k "$XDG_DATA_HOME"/firn/k-*
  > done

A group leaves no memos of its trees behind, and those of the workspace as they were.

  $ seq 300 | while read i; do echo $i >$i; done && firn save -q && git -C ../repo commit-tree -p main -m more main^{tree} >../more && firn import git ../repo --rev $(cat ../more) -q; strace -f -o ../opened -e trace=openat2 firn save -q && grep -cE 'openat2.*"[0-9]+"' ../opened
  41
  43
  0
  [1]
