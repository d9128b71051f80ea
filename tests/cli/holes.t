Holes cost nothing: files of 16 GiB and more are named and stored without their zeros.

  $ cat >../sparse.py <<'END'
  > import os, sys
  > # make FILE SIZE OFFSET=TEXT...: a file of that size, a hole but for the texts. same A B: contents and space taken.
  > def runs(path):
  >     with open(path, "rb") as file:
  >         at, size = 0, os.path.getsize(path)
  >         while at < size:
  >             try:
  >                 start = os.lseek(file.fileno(), at, os.SEEK_DATA)
  >             except OSError:
  >                 return
  >             at = os.lseek(file.fileno(), start, os.SEEK_HOLE)
  >             file.seek(start)
  >             yield start, file.read(at - start).strip(b"\0")
  > if sys.argv[1] == "make":
  >     with open(sys.argv[2], "r+b" if os.path.exists(sys.argv[2]) else "wb") as file:
  >         file.truncate(eval(sys.argv[3]))
  >         for part in sys.argv[4:]:
  >             offset, text = part.split("=")
  >             file.seek(eval(offset))
  >             file.write(text.encode() or bytes(8 << 20))
  >         file.flush()
  >         os.fsync(file.fileno())
  > else:
  >     a, b = sys.argv[2:]
  >     for path in a, b:
  >         with open(path, "rb") as file:
  >             os.fsync(file.fileno())
  >     is_same = os.path.getsize(a) == os.path.getsize(b) and [r for r in runs(a) if r[1]] == [r for r in runs(b) if r[1]]
  >     print("same" if is_same else "different", os.stat(b).st_blocks - os.stat(a).st_blocks, "blocks more")
  > END
  $ make() { python3 ../sparse.py make "$@"; }; same() { python3 ../sparse.py same "$@"; }
  $ make big 2**40 0=first 12345=odd 2**30-2=across 7*2**30+99=more 2**40-4=last && make hole 15*2**40

A TiB and 15 TiB are saved, verified, restored and compared in no time, and take up on disk what they took.

  $ SECONDS=0; firn save && firn check --data && firn restore 1 --to ../one && same big ../one/big && same hole ../one/hole && [ $SECONDS -lt 60 ] && echo in time
  1  <id>  2 files, 17.59 TB; 2 new, <size> added  <s> s
  1 checkpoint, 1 pack, <n> objects, <size> read: no damage
  restored 1 into <any>/one: 0 changed, 2 added, 0 removed
  same 0 blocks more
  same 0 blocks more
  in time
  $ firn status && firn save && firn diff 1 | head -n 3
  compared with 1: no change; 2 unchanged
  2  <id>  2 files, 17.59 TB; no change since 1  <s> s
  from 1 to the disk: 0 changed, 0 added, 0 removed

What changes adds itself: one cell, and the lists above it. A hole that is punched adds lists alone.

  $ make big 2**40 2**39=middle && firn save --json | python3 -c 'import json, sys; r = json.load(sys.stdin)["checkpoint"]; print(r["added_bytes"] < 10000)'
  True
  $ make big 2**40+2**35 2**40+2**34=appended && firn save --json | python3 -c 'import json, sys; r = json.load(sys.stdin)["checkpoint"]; print(r["added_bytes"] < 10000)'
  True
  $ fallocate -p -o $((2**39)) -l 4096 big && firn save --json | python3 -c 'import json, sys; r = json.load(sys.stdin)["checkpoint"]; print(r["added_bytes"] < 10000)'
  True
  $ firn restore 3 --to ../third -q && firn restore latest --to ../last -q && same big ../last/big && same big ../third/big | cut -d ' ' -f 1 && firn check --data | sed 's/.*read: //'
  same 0 blocks more
  different
  no damage
  $ firn diff 3 4 && firn diff 1 2; firn diff --stat 3 latest | tail -n 1
  changed   big
  from 3 to 4: 1 changed, 0 added, 0 removed
  from 1 to 2: 0 changed, 0 added, 0 removed
  from 3 to 5: 1 changed, 0 added, 0 removed; 0 lines added, 0 removed

A name is that of the bytes, whether zeros were written or not; and the one that the format gives, computed without firn.

  $ mkdir ../a ../b && cd ../a && make f 2**34+5 2**34=hello 3=firn && touch -d @0 f . && cd ../b && make f 2**34+5 0= 5*2**30= 2**34=hello 3=firn && touch -d @0 f .
  $ for w in a b; do firn --store ../s -C ../$w save -q; done; firn --store ../s -C ../a show 1 --json | grep -o '"root": *"[0-9a-f]*"' >../root.a; firn --store ../s -C ../b show latest --json | grep -o '"root": *"[0-9a-f]*"' | cmp - ../root.a
  1
  1
  $ firn --store ../s -C ../a show 1 --files --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["entries"][0]["hash"])' >../name; python3 -B $SOURCE/tests/formats/pack/cell_names.py name ../a/f | diff - ../name && echo same
  same
  $ firn --store ../s -C ../b restore 1 --to ../again -q && du -k f ../again/f | cut -f 1
  16388
  8

Ctrl-C ends what hands out terabytes of zeros, at once.

  $ cd ../w && $SIGNALLED timeout --preserve-status -s INT 2 firn cat 1 hole >/dev/null; echo $?
  130
  ! firn: interrupted
  $ firn cat 1 big | head -c 5 && echo
  first

The store of an earlier firn, which named such a file by the plain hash of its bytes, zeros and all: it is read as ever, if its user says that it is no store from elsewhere, of which so many zeros are not hashed. A save
of the file gives it its new name.

  $ mkdir -p ../plain/w && tar -xzf $SOURCE/tests/formats/store/plain-names.tgz -C ../plain && cd ../plain && touch w/x && firn --store S workspaces relocate /tmp/hs/g/w w && firn --store S check --data | sed 's/.*read: //'
  /tmp/hs/g/w is <T>/plain/w now
  no damage
  $ firn trust -q S
  $ firn --store ../S -C w restore 1 -q 2>/dev/null || [ $? -eq 6 -a $(id -u) -ne 0 ] && stat -c '%s' w/big && test $(stat -c %b w/big) -lt 3000 && firn --store ../S -C w show 1 --files --json | grep -c a823559e122f0df7bb8feb214d6673a0c13f284549dc516d4c434ae7fb05c29c
  17179869184
  1
  $ touch w/big && firn --store ../S -C w save -q && firn --store ../S -C w diff 1 latest; firn --store ../S -C w save -q && firn --store ../S -C w diff 2 latest
  2
  changed   big
  from 1 to 2: 1 changed, 0 added, 0 removed
  3
  from 2 to 3: 0 changed, 0 added, 0 removed
  $ firn --store S check --data | sed 's/.*read: //'
  no damage

A file of a store that was made a TiB long takes no longer to read, whichever it is: a log, what lists the sealed files, a pack that repair searches.

  $ mkdir ../small && cd ../small && echo a >a && firn --store ../long save -q
  1
  $ lengthen() { rm -rf ../longer && cp -r ../long ../longer && truncate -s 1T ../longer/$1 && firn trust -q ../longer; }; soon() { timeout -k 1 30 "$@" >../told 2>&1; echo $?; }
  $ for file in wal-000001.log manifest-000001.log; do for command in list status save "check --data" "repair -n"; do lengthen $file; soon firn --store ../longer $command; done; done | sort | uniq -c | sed 's/^ *//'
  10 0
  $ lengthen packs/00000001.pack; for command in list status save; do soon firn --store ../longer $command; done; lengthen packs/00000001.pack; soon firn --store ../longer check --data; soon firn --store ../longer repair -n; tail -n 1 ../told
  0
  0
  0
  5
  0
  1 checkpoint intact, 0 partly, 0 lost; nothing was changed
  $ firn db put ../db k a b && truncate -s 1T ../db/*.log && for command in "get ../db k a" "stats ../db" "check ../db"; do soon firn db $command; done
  0
  0
  0
  $ printf x | dd of=../db/manifest-000001.log bs=1 seek=140 conv=notrunc status=none; soon firn db check ../db; firn trust -q ../db; soon firn db repair ../db; soon firn db get ../db k a; echo $(cat ../told); test $(du -sk ../db | cut -f 1) -lt 1000 && echo small
  5
  0
  0
  b
  small

Whether zeros are a hole is no part of a content: if that alone differs, there is no change, and a restore leaves the file alone.

  $ mkdir ../written && cd ../written && make f 20*2**20 0=first && firn save -q && cp f ../f && cp --preserve=all --sparse=never ../f ../g && touch -r f ../g && mv ../g f
  1
  $ firn status | sed 's/; .*//' && firn restore 1 -q && [ $(du -k f | cut -f 1) -ge 20480 ] && firn restore 1 --to ../made -q && same ../f ../made/f
  compared with 1: no change
  same 0 blocks more
