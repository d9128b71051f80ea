A store on a disk that is full: the hint says what frees space in it.

  ? mkdir -p /tmp/firn-probe-$$ && mount -t tmpfs none /tmp/firn-probe-$$ && umount /tmp/firn-probe-$$ && rmdir /tmp/firn-probe-$$
  $ mkdir ../small && mount -t tmpfs -o size=3m none ../small && echo 1 >f && firn --store ../small/store save -q; head -c 8000000 /dev/urandom >g; firn --store ../small/store save 2>&1 | tail -n 1; umount ../small
  1
  hint: free some space and run this again; firn delete REF --now and firn gc --now free some in the store

What a store takes on the disk is explained where it is shown.

  $ firn help db stats | grep -A 1 reserve
  reserve is space that is kept for a full disk, and other are the files FIRN and
  LOCK, which identify and lock the store, and what is none of the others.
