Mount points and immutable files in a workspace: a restore leaves them as they are, and does all else.

  ? [ $(id -u) -eq 0 ] && unshare -m true && touch probe && chattr +i probe && chattr -i probe && rm probe
  $ mkdir data fixed && echo 1 >a && echo 1 >fixed/f && echo 1 >fixed/g && firn save -q
  1

What is mounted where a directory was empty is not removed, nor is what was there, nor a mount point that the checkpoint does not know; files on it are changed like others.

  $ cat >mounted.sh <<'END'
  > mount -t tmpfs none data && mkdir more && mount -t tmpfs none more && mkdir data/deep && echo precious >data/deep/p && echo precious >more/p
  > rm -f mounted.sh; echo 2 >a; touch file; mount --bind a file
  > firn restore 1 -n | tail -1; firn restore 1 | sed 's/; take.*//'; cat a data/deep/p more/p; ls -A
  > firn save -q; echo changed >data/deep/p; firn restore latest -q; cat data/deep/p
  > END
  $ unshare -m bash mounted.sh; ls -A
  would restore 1: 1 changed, 0 added, 0 removed
  restored 1: 1 changed, 0 added, 0 removed
  1
  precious
  precious
  a
  data
  file
  fixed
  more
  2
  precious
  a
  data
  file
  fixed
  more
  ! firn: not restored: data/deep: it is on a file system mounted here, from which nothing is removed
  ! firn: not restored: file: it is a mount point: unmount it first
  ! firn: not restored: more: it is a mount point: unmount it first
  ! firn: not restored: data/deep: it is on a file system mounted here, from which nothing is removed
  ! firn: not restored: file: it is a mount point: unmount it first
  ! firn: not restored: more: it is a mount point: unmount it first
  ! hint: once the causes are gone, firn restore --resume restores the rest

An immutable file, and an immutable directory.

  $ firn restore 1 -q; echo 2 >a; echo 22 >fixed/f; chattr +i fixed/f; firn restore 1 | sed 's/; take.*//'; cat a fixed/f; chattr -i fixed/f; firn restore --resume -q; cat fixed/f
  restored 1: 1 changed, 0 added, 0 removed
  1
  22
  1
  ! firn: not restored: fixed/f: it is immutable or append-only (lsattr shows it)
  ! hint: once the causes are gone, firn restore --resume restores the rest
