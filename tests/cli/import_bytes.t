One large file under many names is bounded by --max-bytes, however small the repository is; every entry counts as a block at least.

  ? git --version
  $ git init -q ../fat && cd ../fat && echo x >f && git add f && git -c user.name=a -c user.email=a@b commit -q -m small
  $ blob=$(head -c 4000000 /dev/zero | git hash-object -w --stdin); tree=$(for i in $(seq 0 99); do printf '100644 blob %s\tf%s\n' $blob $i; done | git mktree)
  $ for level in 1 2; do tree=$(for i in $(seq 0 99); do printf '040000 tree %s\td%s\n' $tree $i; done | git mktree); done
  $ git update-ref refs/heads/fat $(git -c user.name=a -c user.email=a@b commit-tree $tree -p HEAD -m fat) && du -sk .git/objects | awk '$1 > 400'
  $ mkdir ../of-fat && cd ../of-fat && mkdir ../own && (ulimit -f 20000 && TMPDIR=$PWD/../own timeout 60 firn import git ../fat --rev fat --max-bytes 50MB)
  1 commit imported, as 1 to 1
  ! firn: the files of one commit are larger than 50.0 MB; --max-bytes allows more
  ! hint: the same command goes on where it stopped
  [1]
  $ firn list -q && ls -A && ls -A ../own
  1
  $ cd ../fat && tree=$(for i in $(seq 0 999); do printf '100644 blob %s\tf%s\n' $(git rev-parse HEAD:f) $i; done | git mktree) && git update-ref refs/heads/many $(git -c user.name=a -c user.email=a@b commit-tree $tree -p HEAD -m many)
  $ cd ../of-fat && firn import git ../fat --rev many --max-bytes 4MB 2>&1 | sed -n 's/^firn: //p'; firn import git ../fat --rev many --max-bytes 5MB -q
  the files of one commit are larger than 4.0 MB; --max-bytes allows more
  $ firn import git ../fat --max-bytes much 2>&1 | head -n 1; head -c 3000000 /dev/zero >../zeros && tar -cf ../zeros.tar -C .. zeros && firn import tar ../zeros.tar --max-bytes 2MB
  firn: import git: --max-bytes: 'much' is not a size such as 500M, 2G, 100MB or none
  ! firn: the files of one archive are larger than 2.0 MB; --max-bytes allows more
  [1]
  $ firn import tar ../zeros.tar --max-bytes 4MB -q; firn import tar ../zeros.tar --max-bytes none -q
  3
  3
