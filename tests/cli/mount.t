Checkpoints as read-only directories.

  ? [ -w /dev/fuse ] && [ $(id -u) -eq 0 ] && command -v rsync >/dev/null && python3 -c 'import ctypes; ctypes.CDLL("libfuse3.so.3")'
  $ cat >../mount.sh <<'END'
  > # mount.sh DIR [OPTION...]: mounts in the background and returns once it is there; unmount.sh DIR ends it by a signal.
  > mkdir -p "$1"; rm -f "$1.out"; firn mount "$@" >"$1.out" 2>"$1.err" </dev/null &
  > echo $! >"$1.pid"
  > for i in $(seq 600); do [ -s "$1.out" ] && exit 0; kill -0 $(cat "$1.pid") 2>/dev/null || exit 1; sleep 0.1; done; exit 1
  > END
  $ cat >../unmount.sh <<'END'
  > kill -TERM $(cat "$1.pid"); for i in $(seq 600); do kill -0 $(cat "$1.pid") 2>/dev/null || break; sleep 0.1; done
  > mountpoint -q "$1" && echo still mounted; cat "$1.err"
  > END
  $ mkdir -m 700 src && printf '#!/bin/sh\n' >src/run && chmod 755 src/run && python3 -c 'import os; os.setxattr("src/run", "user.note", b"hello")' && ln -s run src/link && ln src/run src/same
  $ : >empty; touch -d '2001-02-03 04:05:06.789 UTC' src/run; mkfifo pipe; printf 'x' >$'odd \x01\xff'; truncate -s 70000000 sparse; echo end >>sparse
  $ head -c 9000000 /dev/urandom >large && head -c 3000000 /dev/urandom >small && firn save -q -m first 2>/dev/null && echo 2 >>src/run && rm empty && firn save -q 2>/dev/null && firn tag rel/1.0 1
  1
  2
  rel/1.0 is 1
  $ bash ../mount.sh ../m; cat ../m.out
  mounted at ../m; ctrl-C, or umount, ends it
  $ ls ../m ../m/number; readlink ../m/latest ../m/tag/rel%2F1.0; ls ../m/time | wc -l; for t in ../m/time/*; do readlink $t; done
  ../m:
  latest
  number
  remote
  safety
  tag
  time
  
  ../m/number:
  1
  2
  number/2
  ../number/1
  2
  ../number/1
  ../number/2

They are what was saved: names, bytes, modes, times, links and extended attributes.

  $ diff -r --no-dereference . ../m/latest/
  Only in .: pipe
  [1]
  $ rsync -aXn --itemize-changes --no-specials --omit-dir-times ../m/latest/ . | grep -v '^\.d...p.* \./$'
  [1]
  $ cat ../m/tag/rel%2F1.0/src/run; ls ../m/number/1/empty; stat -c '%A %Y %s' ../m/number/1/src/run; python3 -c 'import os; f = "../m/latest/src/same"; print(os.listxattr(f), os.getxattr(f, "user.note"))'
  #!/bin/sh
  ../m/number/1/empty
  -rwxr-xr-x 981173106 10
  ['user.note'] b'hello'
  $ for i in 1 2 3 4; do cmp large ../m/number/1/large & cmp small ../m/number/1/small & cmp sparse ../m/number/2/sparse & done; wait; tail -c 100 large | cmp - <(tail -c 100 ../m/number/2/large)
  $ cat ../m/nothing ../m/number/3/a
  ! cat: ../m/nothing: No such file or directory
  ! cat: ../m/number/3/a: No such file or directory
  [1]

Nothing in it can be changed.

  $ echo >>../m/latest/src/run; rm ../m/latest/large; mkdir ../m/number/9; chmod 600 ../m/latest/small; mv ../m/latest ../m/l
  ! <T>/out/script: line <n>: ../m/latest/src/run: Read-only file system
  ! rm: cannot remove '../m/latest/large': Read-only file system
  ! mkdir: cannot create directory ‘../m/number/9’: Read-only file system
  ! chmod: changing permissions of '../m/latest/small': Read-only file system
  ! mv: cannot move '../m/latest' to '../m/l': Read-only file system
  [1]

New checkpoints and tags appear, deleted ones go. What was open when it was deleted, and a collection beside it, is read on or is stale, but never wrong.

  $ echo 3 >new && firn save -q 2>/dev/null; firn tag v3 3; firn restore 1 -q 2>/dev/null; sleep 1.2; ls ../m/number ../m/tag | xargs; cat ../m/tag/v3/new; ls ../m/safety | wc -l; readlink ../m/latest
  3
  v3 is 3
  ../m/number: 1 2 3 ../m/tag: rel%2F1.0 v3
  3
  1
  number/3
  $ python3 - ../m <<'END'
  > import os, subprocess, sys, time
  > files = [os.open(f"{sys.argv[1]}/number/{n}/{name}", os.O_RDONLY) for n in (1, 2) for name in ("src/run", "small", "large", "sparse")]
  > wanted = [open(f"{sys.argv[1]}/number/{n}/{name}", "rb").read() for n in (1, 2) for name in ("src/run", "small")]
  > subprocess.run("firn delete --now 1 2 -q && firn gc -q", shell=True, check=True)
  > time.sleep(1.2)
  > print(sorted(os.listdir(sys.argv[1] + "/number")))
  > for i, file in enumerate(files):
  >     try:
  >         got = os.pread(file, 1 << 24, 0)
  >         if i % 4 < 2: assert got == wanted[i // 4 * 2 + i % 4]
  >     except OSError as error:
  >         assert error.errno == 116, error
  > END
  1
  2
  ['3']
  $ bash ../unmount.sh ../m; ls ../m

The command line and the directory are checked.

  $ firn mount; firn mount src; mkdir ../full && touch ../full/f; firn mount ../full; firn mount ../nowhere; firn mount ../full/f
  ! firn: mount: missing DIR
  ! usage: firn mount [options] DIR
  ! help: firn help mount
  ! firn: 'src' is in the workspace or in its store: a save would read the mount
  ! hint: mount it somewhere else
  ! firn: '../full' is not empty: a mount would hide what is in it
  ! hint: mount it on an empty directory
  ! firn: '../nowhere': No such file or directory
  ! hint: make the directory first
  ! firn: '../full/f' is not a directory
  [2]
  $ mkdir ../never && firn -C ../never mount "$PWD/../m"
  ! firn: '<T>/never' has no checkpoint yet: save it first
  ! hint: firn save makes a checkpoint
  [3]

It ends when somebody unmounts it.

  $ bash ../mount.sh ../m; umount ../m; for i in $(seq 100); do kill -0 $(cat ../m.pid) 2>/dev/null || break; sleep 0.1; done; kill -0 $(cat ../m.pid) 2>/dev/null; cat ../m.err
  $ bash ../mount.sh ../m; (cd ../m/latest && exec sleep 0.5) & sleep 0.2; bash ../unmount.sh ../m; wait; ls ../m

Small files that a program reads one after the other are given to the kernel before it asks: forwards, backwards, by many programs at once.

  $ mkdir -p ../many/d ../many/e && cd ../many && python3 - <<'END'
  > import random
  > for i in range(600): open(f"{'de'[i % 2]}/{i:03}", "wb").write(random.Random(i).randbytes(0 if i % 50 == 7 else 140000 if i % 60 == 9 else i * 37 % 9000))
  > END
  $ firn save -q && mkdir ../mm && bash ../mount.sh ../mm && for i in 1 2 3; do diff -r . ../mm/latest/ & cp -r ../mm/latest/d ../copy$i & (cat ../mm/latest/*/* | cmp - <(cat */*)) & ls -r e | (cd ../mm/latest/e && xargs cat | cksum) >../sum$i & done; wait; for i in 1 2 3; do diff -r d ../copy$i; done; sort -u ../sum? | wc -l; ls -r e | (cd e && xargs cat | cksum) | cmp - ../sum1; bash ../unmount.sh ../mm
  1
  1
  $ python3 - <<'END'
  > import glob, os
  > packs = glob.glob(os.environ["XDG_DATA_HOME"] + "/firn/many-*/packs/*.pack")
  > with open(max(packs, key=os.path.getsize), "r+b") as file:
  >     at = os.path.getsize(file.name) // 2; file.seek(at); byte = file.read(1); file.seek(at); file.write(bytes([byte[0] ^ 1]))
  > END
  $ bash ../mount.sh ../mm && python3 - <<'END'
  > import os
  > good = bad = 0
  > for name in sorted(os.listdir("d") + os.listdir("e")):
  >     folder = "de"[int(name) % 2]
  >     try:
  >         assert open(f"../mm/latest/{folder}/{name}", "rb").read() == open(f"{folder}/{name}", "rb").read(); good += 1
  >     except OSError as error:
  >         assert error.errno == 5; bad += 1
  > print(good + bad, good > 50, bad > 2)
  > END
  600 True True
  $ bash ../unmount.sh ../mm | grep -c 'do not match their checksum' | awk '{ print ($1 > 2) }'; cd ../w
  1

What is damaged gives an error, and the rest is read.

  $ python3 - <<'END'
  > import glob, os
  > for pack in glob.glob("../**/packs/*.pack", recursive=True, include_hidden=True): # some may not be in use any more
  >     if os.path.getsize(pack) < 9000000: continue
  >     with open(pack, "r+b") as file:
  >         file.seek(os.path.getsize(pack) // 2); byte = file.read(1); file.seek(-1, 1); file.write(bytes([byte[0] ^ 1]))
  > END
  $ bash ../mount.sh ../m; cat ../m/latest/src/run; cat ../m/latest/large ../m/latest/small >/dev/null; bash ../unmount.sh ../m | head -n 1
  #!/bin/sh
  2
  firn: cannot read: number/3/large: object <hex>: '<any>': block at <n>: its bytes do not match their checksum
  ! cat: ../m/latest/large: Input/output error
