An import does not fill the file system of TMPDIR: a part of what was free at the start stays free.

  ? unshare -rm true
  ? git --version

  $ git init -q ../fat && cd ../fat && echo x >f && git add f && git -c user.name=a -c user.email=a@b commit -q -m small
  $ blob=$(head -c 1000000 /dev/zero | git hash-object -w --stdin); tree=$(for i in $(seq 0 99); do printf '100644 blob %s\tf%s\n' $blob $i; done | git mktree)
  $ git update-ref refs/heads/fat $(git -c user.name=a -c user.email=a@b commit-tree $tree -p HEAD -m fat)
  $ mkdir ../small ../ws && cd ../ws && cat >../import <<'END'
  > mount -t tmpfs -o size=16m none "$T/small" && export TMPDIR=$T/small
  > head -c 100000000 /dev/zero >$T/zeros; tar -cf $T/zeros.tar -C $T zeros
  > timeout 60 firn import git ../fat --rev fat || true
  > timeout 60 firn import tar ../zeros.tar || true
  > ls -A $T/small
  > END
  $ T=$(cd .. && pwd) unshare -rm bash -e ../import
  1 commit imported, as 1 to 1
  ! firn: could not write 'f<any>': the last 1.7 MB that were free in '<any>/small' stay free; TMPDIR names another place
  ! hint: the same command goes on where it stopped
  ! firn: could not write 'zeros': the last 1.7 MB that were free in '<any>/small' stay free; TMPDIR names another place
  ! hint: free some space and run this again
  $ firn list -q
  1
