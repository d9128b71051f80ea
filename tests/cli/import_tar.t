Tar archives become checkpoints, and checkpoints archives: what goes out comes in again as it was.

  ? python3 -c 'import tarfile, os; open("x", "w"); os.setxattr("x", "user.x", b""); os.unlink("x")'
  $ mkdir -p e/f private a && chmod 700 private && echo s >script && chmod 755 script && echo u >setuid && chmod 6755 setuid
  $ touch -d '2001-01-01 00:00:00.987654321Z' script && touch -h -d '1969-06-01 12:00:00.5Z' e && ln -s /etc/passwd absolute && ln -s nowhere dangling
  $ ln script private/hard && ln script a.b && ln script a/b && ln -s "$(printf 'x%.0s' $(seq 4000))" longest && printf z >$'\xff\n'
  $ deep=$(printf 'd%.0s' $(seq 200))/$(printf 'e%.0s' $(seq 200)) && mkdir -p $deep && echo deep >$deep/f && truncate -s 100M hole && printf end | dd of=hole bs=1 seek=50000000 conv=notrunc status=none
  $ truncate -s 300000 zeros && head -c 9000000 /dev/urandom >large && python3 -c 'import os; os.setxattr("script", "user.b", b"\0\1"); os.setxattr("e", "user.a", b"")'
  $ firn save -q && firn export tar -o ../a.tar && firn export tar 1 >../b.tar && cmp ../a.tar ../b.tar && [ $(stat -c %s ../a.tar) -lt 9200000 ] && echo small
  1
  19 entries, <size>
  small
  $ root() { firn list --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["checkpoints"][0]["root"])'; }; here=$(root)
  $ mkdir ../in && cd ../in && firn import tar ../a.tar && [ $(root) = $here ] && firn check --data | sed 's/: .*//'
  1  <id>  13 files, <size>; 13 new, <size> added
  1 checkpoint, 1 pack, <n> objects, <size> read
  $ ls -A; firn import tar ../a.tar && firn list | wc -l
  no change since 1: nothing saved
  1
  $ firn restore 1 --to ../back -q && stat -c '%h %a %Y' ../back/script ../back/setuid | head -n 1
  4 755 978307200
  $ firn export tar | cmp - ../a.tar && python3 -c 'import tarfile; t = tarfile.open("../a.tar"); print(sum(m.isreg() for m in t), [m.name for m in t if m.islnk()])'
  7 ['a.b', 'private/hard', 'script']
  $ firn import tar ../a.tar -n --json | python3 -c 'import json, sys; r = json.load(sys.stdin); print(r["entries"], r["notices"])'
  19 []
  $ firn export tar -o ../a.tar
  ! firn: could not create '../a.tar': File exists
  ! hint: overwrite it with --replace
  [1]

Archives of other programs, in every format that they write: the tree is the same.

  ? tar --version | grep -q 'GNU tar'
  $ mkdir ../src && cd ../src && mkdir d && echo one >d/one && ln d/one two && ln -s d/one three && long=$(printf 'n%.0s' $(seq 150)) && echo long >$long && ln -s $long link && truncate -s 5M d/hole && printf x >>d/hole && touch -h -d @1700000000 * d/* d
  $ for format in gnu pax posix oldgnu; do
  >     tar --format=$format --sparse --sort=name -cf ../$format.tar . && mkdir ../i$format && (cd ../i$format && firn import tar ../$format.tar >/dev/null && root >>../roots)
  > done; firn save -q && root >>../roots; wc -l <../roots && sort -u ../roots | wc -l
  1
  5
  1
  $ rm -r d/hole $long link && touch -d @1700000000 d && for format in ustar v7; do
  >     tar --format=$format -cf - . | (mkdir ../i$format && cd ../i$format && firn import tar - >/dev/null && root >>../others)
  > done; firn save -q && root >>../others; wc -l <../others && sort -u ../others | wc -l
  2
  3
  1

What is hostile or damaged is left out and named, the rest comes in, and nothing outside is touched.

  $ cd .. && cat >make.py <<'END'
  > import io, sys, tarfile
  > tar = tarfile.open(sys.argv[1], "w", format=tarfile.PAX_FORMAT)
  > def add(name, type=tarfile.REGTYPE, target="", data=b"owned\n", **more):
  >     info = tarfile.TarInfo(name)
  >     info.type, info.linkname, info.size = type, target, len(data) if type == tarfile.REGTYPE else 0
  >     for key, value in more.items():
  >         setattr(info, key, value)
  >     tar.addfile(info, io.BytesIO(data))
  > add("good")
  > add("/tmp/firn-owned"); add("../up"); add("a/../../up"); add("a//b"); add("a/./b")
  > add("link", tarfile.SYMTYPE, "../outside"); add("link/file"); add("link", tarfile.DIRTYPE); add("link/inside")
  > add("etc", tarfile.SYMTYPE, "/etc"); add("etc/firn-owned"); add("hard", tarfile.LNKTYPE, "../outside/file")
  > add("hard2", tarfile.LNKTYPE, "/etc/passwd"); add("hard3", tarfile.LNKTYPE, "etc/passwd"); add("hard4", tarfile.LNKTYPE, "good")
  > add("fifo", tarfile.FIFOTYPE); add("device", tarfile.CHRTYPE, devmajor=1, devminor=3)
  > add(".git/config"); add("x" * 256); add("good/below"); add("deep/" * 1100 + "f")
  > add("twice", data=b"1"); add("twice", data=b"2"); add("self", tarfile.LNKTYPE, "self"); add("nul", pax_headers={"path": "a\0b"})
  > add("sparse", pax_headers={"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "10"}, data=b"1\n99\n6\n".ljust(512, b"\0") + b"123456")
  > add("last")
  > tar.close()
  > END
  $ python3 make.py bad.tar && mkdir outside bad && echo precious >outside/file && cd bad && firn import tar ../bad.tar
  ! firn: left out: /tmp/firn-owned: it has an absolute name
  ! firn: left out: ../up: it has .. in its name
  ! firn: left out: a/../../up: it has .. in its name
  ! firn: left out: a//b: it has an empty component or . in its name
  ! firn: left out: a/./b: it has an empty component or . in its name
  ! firn: left out: link/file: it lies below something that is not a directory
  ! firn: left out: etc/firn-owned: it lies below something that is not a directory
  ! firn: left out: hard: it is a link to a file outside of the tree
  ! firn: left out: hard2: it is a link to a file outside of the tree
  ! firn: left out: hard3: the file that it is a link to is not there
  ! firn: left out: fifo: it is a fifo
  ! firn: left out: device: it is a device
  ! firn: left out: <any>: it has a name that is too long or too deep
  ! firn: left out: good/below: it lies below something that is not a directory
  ! firn: left out: <any>: it has a name that is too long or too deep
  ! firn: left out: self: it is a link to itself
  ! firn: left out: a\000b: it has a name that is too long or contains NUL
  ! firn: left out: sparse: it is described by a damaged header
  1  <id>  6 files, <n> B; 6 new, <any> added
  left out by rule: .git
  [6]
  $ firn show 1 --files | sed 's/.* //'; ls -A . ../outside; ls /tmp/firn-owned /etc/firn-owned ../up 2>&1 | grep -c 'cannot access'
  ...
  3
  $ firn cat 1 twice && echo; firn import tar ../bad.tar --strict 2>../said; echo $?; tail -n 1 ../said; firn list | wc -l
  2
  1
  firn: not everything can be imported: nothing was
  1

A damaged header costs its entry. An archive that was cut brings in what is whole.

  $ cd .. && mkdir cut && (cd src && tar -cf ../whole.tar d two three) && python3 - <<'END'
  > data = bytearray(open("whole.tar", "rb").read())
  > open("short.tar", "wb").write(data[:512 * 2 + 3])
  > open("between.tar", "wb").write(data[:512 * 3])
  > at = data.index(b"two\0")
  > data[at] ^= 1
  > open("flipped.tar", "wb").write(data)
  > END
  $ cd cut && firn import tar ../flipped.tar
  ! firn: left out: ../flipped.tar: the header at offset <n> is damaged; the next one is searched
  1  <id>  2 files, <n> B; 2 new, <n> B added
  [6]
  $ firn import tar ../short.tar
  ! firn: left out: d/one: the archive ends in the middle of it
  ! firn: left out: ../short.tar: the archive ends in the middle of an entry
  2  <id>  0 files, 0 B; 2 removed, <n> B added
  [6]
  $ firn import tar ../between.tar
  ! firn: left out: ../between.tar: the archive ends without its end mark: entries may be missing
  3  <id>  1 file, 4 B; 1 new, <n> B added
  [6]
  $ : | firn import tar -
  ! firn: it is not a tar archive
  ! hint: decompress an archive first: zstd -dc FILE | firn import tar -
  [5]
  $ gzip -c ../whole.tar | firn import tar - 2>&1 | head -n 1; firn import tar missing
  firn: it is not a tar archive
  ! firn: could not open 'missing': No such file or directory
  [3]
  $ firn export tar --json -q; firn import tar
  {"error":<any>}
  ! firn: export tar: --json needs --output FILE: the archive is no JSON
  ! usage: firn export tar [options] [REF]
  ! help: firn help export tar
  ! firn: import tar: missing FILE
  ! usage: firn import tar [options] FILE
  ! help: firn help import tar
  [2]
  $ mkdir ../tmp && TMPDIR=$PWD/../tmp firn import tar ../whole.tar >/dev/null && ls -A ../tmp

An attribute that cannot be set is named, and those after it are set.

  $ mkdir ../odd && cd ../odd && python3 - <<'END'
  > import tarfile
  > names = {"user.a": "1", "user." + "n" * 300: "2", "user.b": "v" * (2 << 20), "user.c": "3"}
  > with tarfile.open("../odd.tar", "w", format=tarfile.PAX_FORMAT) as archive:
  >     entry = tarfile.TarInfo("f")
  >     entry.pax_headers = {"SCHILY.xattr." + name: value for name, value in names.items()}
  >     archive.addfile(entry)
  > END
  $ firn import tar ../odd.tar; firn export tar | python3 -c 'import sys, tarfile; print(*[dict(e.pax_headers) for e in tarfile.open(fileobj=sys.stdin.buffer, mode="r|")])'
  ! firn: incomplete: f: an extended attribute has a name that is empty or too long
  ! firn: incomplete: f: the extended attribute user.b could not be set: Argument list too long
  1  <id>  1 file, 0 B; 1 new, <n> B added
  {'SCHILY.xattr.user.a': '1', 'SCHILY.xattr.user.c': '3'}

A long name that is larger than any can be, or that is cut off, names no other entry: that one is left out.

  $ mkdir ../names && cd ../names && python3 - <<'END'
  > import tarfile
  > def header(name, kind, size=0):
  >     entry = tarfile.TarInfo(name)
  >     entry.type, entry.size = kind, size
  >     return entry.tobuf(tarfile.GNU_FORMAT)
  > with open("../huge.tar", "wb") as archive:
  >     archive.write(header("././@LongLink", b"L", 1 << 33) + bytes(1024))
  > with open("../stale.tar", "wb") as archive:
  >     archive.write(header("././@LongLink", b"L", 7) + b"victim\0".ljust(512, b"\0") + header("x", b"0", 4) + b"mine".ljust(512, b"\0"))
  >     archive.write(header("././@LongLink", b"L", 5 << 20) + bytes(5 << 20) + header("other", b"0", 5) + b"other".ljust(512, b"\0"))
  >     archive.write(header("last", b"0", 4) + b"last".ljust(512, b"\0") + bytes(1024))
  > END
  $ firn import tar ../huge.tar; firn import tar ../stale.tar; firn show --files | awk '{ print $NF }'; firn cat latest victim; echo
  1  <id>  0 files, 0 B; <n> B added
  2  <id>  2 files, 8 B; 2 new, <n> KB added
  last
  victim
  mine
  ! firn: left out: ../huge.tar: an extended header is too large: it is not used
  ! firn: left out: ../huge.tar: the archive ends in the middle of an entry
  ! firn: left out: ../stale.tar: an extended header is too large: it is not used
  ! firn: left out: other: it has an extended header that cannot be read

A name of the archive that no file system has is cut where it is told of. Holes are hashed as the zeros that they are, so an archive of a few
kilobytes may not name many.

  $ cd .. && mkdir far && cd far && python3 - <<'END'
  > import tarfile
  > with tarfile.open("../far.tar", "w", format=tarfile.GNU_FORMAT) as tar:
  >     tar.addfile(tarfile.TarInfo("n" * 1000000))
  >     for n in range(4):
  >         info = tarfile.TarInfo("hole%d" % n)
  >         info.size = 512
  >         block = bytearray(info.tobuf(tarfile.GNU_FORMAT))
  >         block[156:157] = b"S"
  >         block[386:410] = b"00000000000\0" b"00000001000\0"
  >         block[483:495] = (1 << 95 | (16 << 30) - 512).to_bytes(12, "big")
  >         block[148:156] = b" " * 8
  >         block[148:156] = b"%06o\0 " % sum(block)
  >         tar.fileobj.write(bytes(block) + b"x" * 512)
  > END
  $ firn import tar --dry-run ../far.tar 2>../said
  2 entries would be imported
  [6]
  $ sed 's/nnnn*/n/' ../said; [ $(wc -c <../said) -lt 5000 ] && echo short
  firn: left out: n...: it has a name that is too long or contains NUL
  firn: left out: hole2: the holes of the archive are too large for its size
  firn: left out: hole3: the holes of the archive are too large for its size
  short

What an archive replaces is a file, never what a link leads to.

  $ echo mine >../mine && firn save -q >../said && ln -s ../mine link && ln -s ../nothing lost && firn export tar -o link --replace
  ! firn: 'link' is a symbolic link, which is not followed here
  [2]
  $ firn export tar -o lost
  ! firn: 'lost' is a symbolic link, which is not followed here
  [2]
  $ cat ../mine
  mine

A time that a checkpoint cannot have is named.

  $ mkdir ../late && cd ../late && python3 -c 'import tarfile; t = tarfile.open("../late.tar", "w", format=tarfile.PAX_FORMAT); e = tarfile.TarInfo("f"); e.mtime = 10 ** 10; t.addfile(e); e = tarfile.TarInfo("g"); e.mtime = 9 * 10 ** 9; t.addfile(e); t.close()' && firn import tar ../late.tar
  ! firn: incomplete: f: its time is not between the years 1678 and 2262
  1  <id>  2 files, 0 B; 2 new, <n> B added
  [6]
