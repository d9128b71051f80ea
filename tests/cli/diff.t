What differs: between checkpoints, and between one and the disk.

  $ mkdir src d e && seq 1 100 >src/main.c && echo 1 >mode && echo 3 >gone && seq 1 500 >big && ln -s same link && echo 6 >type && echo 7 >d/f && printf 'a\0b' >bin
  $ chmod 644 mode && firn save -q
  1
  $ firn diff
  from 1 to the disk: 0 changed, 0 added, 0 removed
  $ firn diff --stat
  from 1 to the disk: 0 changed, 0 added, 0 removed; 0 lines added, 0 removed
  $ sed -i '5,9s/$/x/;50d' src/main.c && chmod 755 mode && rm gone && ln -sf other link && rm type && mkdir type && rm -r d
  $ seq 1 30 >e/new && sed -i '100,380d' big && printf 'aa\0bc' >bin && touch e/empty && printf x >'odd
  > name'
  $ firn diff
  changed   big
  changed   bin
  removed   d/
  removed   d/f
  added     e/empty
  added     e/new
  removed   gone
  changed   link
  metadata  mode
  added     odd\nname
  changed   src/main.c
  changed   type/
  from 1 to the disk: 5 changed, 3 added, 3 removed
  $ firn diff >../a && firn diff --names >../b && cmp ../a ../b
  $ firn diff --stat
   big        | 281 --------------------------------------------
   bin        | binary, 3 -> 5 bytes
   d/         | directory removed
   d/f        |   1 - removed
   e/empty    | added
   e/new      |  30 +++++ added
   gone       |   1 - removed
   link       | link to same -> other
   mode       | mode 0644 -> 0755
   odd\nname  |   1 + added
   src/main.c |  11 +-
   type/      |   1 - file -> directory
  from 1 to the disk: 5 changed, 3 added, 3 removed; 36 lines added, 290 removed

Counts are those of diff.

  $ firn cat 1 src/main.c | diff - src/main.c | grep -c '^>'
  5
  $ firn cat 1 src/main.c | diff - src/main.c | grep -c '^<'
  6

Two checkpoints; back from the second to the first; only some paths, which stand after --.

  $ firn save -q
  2
  $ firn diff 1 2 --stat -- src big
   big        | 281 --------------------------------------------------------------
   src/main.c |  11 ++-
  from 1 to 2: 2 changed, 0 added, 0 removed; 5 lines added, 287 removed
  $ firn diff 2 1 -- gone type
  added     gone
  changed   type
  from 2 to 1: 0 changed, 2 added, 0 removed
  $ firn diff 2 2 -q
  $ firn diff 1 2 -- e d -q
  ! firn: '-q' is in neither of the checkpoints
  ! hint: firn show REF --files lists the files of a checkpoint
  removed   d/
  removed   d/f
  added     e/empty
  added     e/new
  [3]
  $ firn diff -- src
  from 2 to the disk: 0 changed, 0 added, 0 removed

Names that do not fit are cut on their left; bars keep three eighths.

  $ mkdir -p a/very/long/path/to/a/directory/whose/names/go/on/and/on && seq 1 200 >a/very/long/path/to/a/directory/whose/names/go/on/and/on/file.c
  $ seq 1 9 >a/short && firn diff --stat
   a/                                                 | directory added
   a/short                                            |   9 + added
   a/very/                                            | directory added
   a/very/long/                                       | directory added
   a/very/long/path/                                  | directory added
   a/very/long/path/to/                               | directory added
   a/very/long/path/to/a/                             | directory added
   a/very/long/path/to/a/directory/                   | directory added
   a/very/long/path/to/a/directory/whose/             | directory added
   a/very/long/path/to/a/directory/whose/names/       | directory added
   a/very/long/path/to/a/directory/whose/names/go/    | directory added
   a/very/long/path/to/a/directory/whose/names/go/on/ | directory added
   .../path/to/a/directory/whose/names/go/on/and/     | directory added
   .../path/to/a/directory/whose/names/go/on/and/on/  | directory added
   .../to/a/directory/whose/names/go/on/and/on/file.c | 200 ++++++++++++++++ added
  from 2 to the disk: 0 changed, 2 added, 0 removed; 209 lines added, 0 removed
  $ rm -r a

On a terminal rows are as wide as the terminal, at any width.

  $ cat >../wide.py <<'END'
  > # wide.py COLUMNS COMMAND...: runs a command with standard output on a terminal, prints what came there.
  > import fcntl, os, pty, struct, subprocess, sys, termios
  > ours, theirs = pty.openpty()
  > fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, int(sys.argv[1]), 0, 0))
  > process = subprocess.Popen(sys.argv[2:], stdin=subprocess.DEVNULL, stdout=theirs)
  > os.close(theirs)
  > text = b""
  > while True:
  >     try:
  >         text += os.read(ours, 4096)
  >     except OSError:
  >         break
  > sys.stdout.write(text.decode().replace("\r\n", "\n"))
  > sys.exit(process.wait())
  > END
  $ NO_COLOR=1 python3 ../wide.py 40 firn diff 1 2 --stat -q -- src big e
   big        | 281 ----------------
   e/empty    | added
   e/new      |  30 ++ added
   src/main.c |  11 +-
  $ NO_COLOR=1 python3 ../wide.py 120 firn diff 2 1 --stat -q -- src big
   big        | 281 ++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++++
   src/main.c |  11 ++--
  $ for columns in 1 5 10 18 20 24 30; do NO_COLOR=1 python3 ../wide.py $columns firn diff 1 2 --stat -q -- src/main.c; done
   ...ain.c | 11 +++---
   ...ain.c | 11 +++---
   ...ain.c | 11 +++---
   ...ain.c | 11 +++---
   ...ain.c | 11 +++---
   src/main.c | 11 +++----
   src/main.c | 11 +++++------

Large files, and those that are no text; names of a file, owners and attributes.

  $ truncate -s 40M large && printf 'x\0' >zero && ln mode mode2 && ln -sf dangling l && firn diff --stat -q
   l     | link added
   large | too large to count lines, 41943040 bytes, added
   mode2 | 1 + added
   zero  | binary, 2 bytes, added
  $ rm large zero mode2 l && touch -d 2001-02-03 bin && firn diff --stat -q --times
   bin | time

In JSON.

  $ echo more >>big && firn diff --stat --json --times | python3 -c '
  > import json, sys
  > o = json.load(sys.stdin)
  > for c in o["changes"]:
  >     print(c["change"], c["path"], c["what"], c["lines"])
  > print(o["before"]["number"], o["after"], {k: o[k] for k in ("added", "changed", "removed", "skipped", "lines_added", "lines_removed")})'
  changed big ['content', 'mtime'] {'kind': 'counted', 'added': 1, 'removed': 0, 'minimal': True}
  metadata bin ['mtime'] {'kind': 'none'}
  2 None {'added': 0, 'changed': 1, 'removed': 0, 'skipped': 0, 'lines_added': 1, 'lines_removed': 0}
  $ firn diff 1 2 --json | python3 -c '
  > import json, sys
  > o = json.load(sys.stdin)
  > print(len(o["changes"]), "lines" in o["changes"][0], "lines_added" in o, o["after"]["number"])'
  12 False False 2

Mistakes.

  $ firn diff 7
  ! firn: there is no checkpoint '7'
  ! hint: firn list shows the checkpoints
  [3]
  $ firn diff 1 7
  ! firn: there is no checkpoint '7'
  ! hint: firn list shows the checkpoints
  [3]
  $ firn diff src 2>&1 | tail -n 1
  from 2 to the disk: 0 changed, 0 added, 0 removed
  $ firn diff 1 2 src
  changed   src/main.c
  from 1 to 2: 1 changed, 0 added, 0 removed
  $ firn diff 1..2 src | cmp - <(firn diff 1 2 -- src) && firn diff 1.. | cmp - <(firn diff 1 latest) && firn diff ..1 | cmp - <(firn diff latest 1)
  $ firn diff 1 2 --name-only src
  src/main.c
  $ firn diff 1..9
  ! firn: there is no checkpoint '9'
  ! hint: firn list shows the checkpoints
  [3]
  $ firn diff gone..there
  ! firn: <any>
  ! hint: firn list shows the checkpoints; to give paths write -- before them
  [3]
  $ cd src; firn diff ../gone
  ! firn: '../gone' is not a reference to a checkpoint: give its number, at least 4 letters of its id, a name or tag, a time, or 'latest'
  ! hint: firn list shows the checkpoints; to give paths write -- before them
  [2]
  $ cd ..
  $ firn diff --stat --names
  ! firn: diff: --names, --name-only, --stat and --patch exclude each other
  ! usage: firn diff [options] [REF] [REF] [PATH...]
  ! help: firn help diff
  [2]
  $ firn diff 1 2 -- nothing
  ! firn: 'nothing' is in neither of the checkpoints
  ! hint: firn show REF --files lists the files of a checkpoint
  [3]
  $ mkdir ../empty && firn -C ../empty diff
  ! firn: '<T>/empty' has no checkpoint yet: save it first
  ! hint: firn save makes a checkpoint
  [3]

Lines that stand once on each side keep their place, if that is asked for.

  $ mkdir ../algorithm && cd ../algorithm && printf 'u\nd\nd\nd\n' >f && firn save -q && printf 'd\nd\nd\nu\n' >f
  1
  $ firn diff --stat -q; firn diff --stat -q --diff-algorithm myers; firn diff --stat -q --diff-algorithm patience
   f | 2 +-
   f | 2 +-
   f | 6 +++---
  $ firn diff --stat --json --diff-algorithm patience | python3 -c 'import json,sys; print(json.load(sys.stdin)["changes"][0]["lines"])'
  {'kind': 'counted', 'added': 3, 'removed': 3, 'minimal': False}
  $ firn diff --diff-algorithm quick
  ! firn: diff: --diff-algorithm is myers or patience
  ! usage: firn diff [options] [REF] [REF] [PATH...]
  ! help: firn help diff
  [2]
