A store on a disk that is full: the hint says what frees space in it.

  ? mkdir -p /tmp/firn-probe-$$ && mount -t tmpfs none /tmp/firn-probe-$$ && umount /tmp/firn-probe-$$ && rmdir /tmp/firn-probe-$$
  $ mkdir ../small && mount -t tmpfs -o size=3m none ../small && echo 1 >f && firn --store ../small/store save -q; head -c 8000000 /dev/urandom >g; firn --store ../small/store save 2>&1 | tail -n 1; umount ../small
  1
  hint: free some space and run this again; firn delete REF --now and firn gc --now free some in the store

A restore needs space in the store, for what it replaces, and in the directory. What frees some depends on which of them is full.

  $ fill() { dd if=/dev/zero of=../small/fill bs=1k status=none 2>/dev/null; true; }; last() { "$@" 2>&1 | tail -n 1; }
  $ mkdir -p ../small ../w1 && cd ../w1 && mount -t tmpfs -o size=6m none ../small && for i in 1 2; do head -c 1500000 /dev/urandom >a && firn --store ../small/s save -q; done; head -c 1500000 /dev/urandom >b; fill
  1
  2
  $ last firn --store ../small/s restore 1; last firn --store ../small/s undo; last firn --store ../small/s revert 2
  hint: free some space and run this again: firn delete REF --now and firn gc --now free some in the store; firn restore REF --to DIR needs none in it
  hint: free some space and run this again: firn delete REF --now and firn gc --now free some in the store; firn restore REF --to DIR needs none in it
  hint: free some space and run this again: firn delete REF --now and firn gc --now free some in the store; firn restore REF --to DIR needs none in it
  $ rm b; echo >a; firn --store ../small/s restore 1 --to ../made -q && firn --store ../small/s delete 2 --now -q && firn --store ../small/s gc --now -q; firn --store ../small/s restore 1 -q && cmp a ../made/a; umount ../small
  2
  $ mount -t tmpfs -o size=4m none ../small && mkdir ../small/w && cd ../small/w && head -c 2000000 /dev/urandom >a && firn --store ../../t save -q && rm a && echo b >b && firn --store ../../t save -q; dd if=/dev/zero of=../fill bs=1k status=none 2>/dev/null; last firn --store ../../t restore 1; last firn --store ../../t undo; last firn --store ../../t restore 1 --to ../to; ls
  1
  2
  hint: free some space on the disk of the directory and run this again, or restore less: firn restore REF PATH
  hint: free some space on the disk of the directory and run this again, or restore less: firn restore REF PATH
  hint: free some space on the disk of the new directory and run this again
  b
  $ rm ../fill && firn --store ../../t undo -q && ls; cd ../../w && umount ../small
  a

A collection has to move what is alive in a pack before it can remove the pack. What is larger than the reserve finds no place.

  $ mkdir ../w2 && cd ../w2 && mount -t tmpfs -o size=6m none ../small && for i in a b; do head -c 1500000 /dev/urandom >$i; done && firn --store ../small/s save -q && rm a && firn --store ../small/s save -q && firn --store ../small/s delete 1 --now -q; fill; firn --store ../small/s gc --now 2>&1 | tail -n 1; rm ../small/fill; firn --store ../small/s gc --now | sed 's/.*: //'; umount ../small
  1
  2
  1
  hint: free some space elsewhere on the disk and run this again, or delete more checkpoints first: firn delete REF --now
  3.0 MB before, 1.5 MB now

What a store takes on the disk is explained where it is shown.

  $ firn help db stats | grep -A 2 reserve
  reserve is space that is kept for a full disk. other are the files FIRN, LOCK
  and config; the damaged store that a repair has kept (damaged-1), which may be
  removed; and what is not firn's. More than some KB are one of these two.
  $ firn db put d.firn k a b; other() { firn db stats --json d.firn | python3 -c 'import json, sys; print(json.load(sys.stdin)["disk"]["other_bytes"] // 100000)'; }; other; mkdir d.firn/damaged-1 && head -c 300000 /dev/urandom >d.firn/damaged-1/wal-000001.log; other
  0
  3
