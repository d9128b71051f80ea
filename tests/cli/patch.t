Differences as a patch, which git can apply.

  $ mkdir src d e && seq 1 100 >src/main.c && echo 1 >mode && echo 3 >gone && ln -s same link && echo 6 >type && echo 7 >d/f && printf 'a\0b' >bin
  $ ln -s nowhere l2f && echo f >f2l && chmod 644 mode src/main.c gone type d/f bin f2l && echo a >time && umask 022 && firn save -q
  1
  $ sed -i '5,9s/$/x/;20d;50d' src/main.c && chmod 755 mode && rm gone && ln -sf other link && rm type && mkdir type && rm -r d
  $ printf 'aa\0bc' >bin && touch e/empty && printf x >'odd
  > name' && rm l2f f2l && echo now >l2f && ln -s there f2l && echo b >'sp ace' && printf '"\303\251\n' >'"é' && printf 'a\n\nb' >tail
  $ touch -d 2001-02-03 time && firn diff -p --times | tee ../patch
  diff --git "a/\"é" "b/\"é"
  new file mode 100644
  --- /dev/null
  +++ "b/\"é"
  @@ -0,0 +1 @@
  +"é
  # bin: binary, 3 -> 5 bytes
  # d/: directory removed
  diff --git a/d/f b/d/f
  deleted file mode 100644
  --- a/d/f
  +++ /dev/null
  @@ -1 +0,0 @@
  -7
  diff --git a/e/empty b/e/empty
  new file mode 100644
  diff --git a/f2l b/f2l
  deleted file mode 100644
  --- a/f2l
  +++ /dev/null
  @@ -1 +0,0 @@
  -f
  diff --git a/f2l b/f2l
  new file mode 120000
  --- /dev/null
  +++ b/f2l
  @@ -0,0 +1 @@
  +there
  \ No newline at end of file
  diff --git a/gone b/gone
  deleted file mode 100644
  --- a/gone
  +++ /dev/null
  @@ -1 +0,0 @@
  -3
  diff --git a/l2f b/l2f
  deleted file mode 120000
  --- a/l2f
  +++ /dev/null
  @@ -1 +0,0 @@
  -nowhere
  \ No newline at end of file
  diff --git a/l2f b/l2f
  new file mode 100644
  --- /dev/null
  +++ b/l2f
  @@ -0,0 +1 @@
  +now
  diff --git a/link b/link
  deleted file mode 120000
  --- a/link
  +++ /dev/null
  @@ -1 +0,0 @@
  -same
  \ No newline at end of file
  diff --git a/link b/link
  new file mode 120000
  --- /dev/null
  +++ b/link
  @@ -0,0 +1 @@
  +other
  \ No newline at end of file
  diff --git a/mode b/mode
  old mode 100644
  new mode 100755
  diff --git "a/odd\nname" "b/odd\nname"
  new file mode 100644
  --- /dev/null
  +++ "b/odd\nname"
  @@ -0,0 +1 @@
  +x
  \ No newline at end of file
  diff --git "a/sp ace" "b/sp ace"
  new file mode 100644
  --- /dev/null
  +++ "b/sp ace"
  @@ -0,0 +1 @@
  +b
  diff --git a/src/main.c b/src/main.c
  --- a/src/main.c
  +++ b/src/main.c
  @@ -2,11 +2,11 @@
   2
   3
   4
  -5
  -6
  -7
  -8
  -9
  +5x
  +6x
  +7x
  +8x
  +9x
   10
   11
   12
  @@ -17,7 +17,6 @@
   17
   18
   19
  -20
   21
   22
   23
  @@ -47,7 +46,6 @@
   47
   48
   49
  -50
   51
   52
   53
  diff --git a/tail b/tail
  new file mode 100644
  --- /dev/null
  +++ b/tail
  @@ -0,0 +1,3 @@
  +a
  +
  +b
  \ No newline at end of file
  # time: time
  # type/: file -> directory
  diff --git a/type b/type
  deleted file mode 100644
  --- a/type
  +++ /dev/null
  @@ -1 +0,0 @@
  -6

The other tree becomes the same, but for what is no text.

  $ firn restore 1 --to ../old -q && (cd ../old && git apply -p1 ../patch && diff -r --no-dereference . ../w)
  Binary files ./bin and ../w/bin differ
  Only in ../w: type
  [1]

Lines of context; what patches may say beside.

  $ firn diff -U 0 -- src
  diff --git a/src/main.c b/src/main.c
  --- a/src/main.c
  +++ b/src/main.c
  @@ -5,5 +5,5 @@
  -5
  -6
  -7
  -8
  -9
  +5x
  +6x
  +7x
  +8x
  +9x
  @@ -20 +19,0 @@
  -20
  @@ -50 +48,0 @@
  -50
  $ firn diff --unified 1 -- src/main.c
  diff --git a/src/main.c b/src/main.c
  --- a/src/main.c
  +++ b/src/main.c
  @@ -4,7 +4,7 @@
   4
  -5
  -6
  -7
  -8
  -9
  +5x
  +6x
  +7x
  +8x
  +9x
   10
  @@ -19,3 +19,2 @@
   19
  -20
   21
  @@ -49,3 +48,2 @@
   49
  -50
   51
  $ firn diff -p --times -- time mode
  diff --git a/mode b/mode
  old mode 100644
  new mode 100755
  # time: time
  $ chmod 600 tail && firn save -q && firn diff 2 1 -p -- tail gone
  2
  diff --git a/gone b/gone
  new file mode 100644
  --- /dev/null
  +++ b/gone
  @@ -0,0 +1 @@
  +3
  diff --git a/tail b/tail
  deleted file mode 100600
  --- a/tail
  +++ /dev/null
  @@ -1,3 +0,0 @@
  -a
  -
  -b
  \ No newline at end of file
  $ firn diff 1 2 -p --stat
  ! firn: diff: --names, --name-only, --stat and --patch exclude each other
  ! usage: firn diff [options] [REF] [REF] [PATH...]
  ! help: firn help diff
  [2]
  $ firn diff -p -U x
  ! firn: diff: 'x' is not a number of lines
  ! usage: firn diff [options] [REF] [REF] [PATH...]
  ! help: firn help diff
  [2]
  $ firn diff -p --color red
  ! firn: diff: --color is always, never or auto
  ! usage: firn diff [options] [REF] [REF] [PATH...]
  ! help: firn help diff
  [2]

On a terminal there are colours, and no file can move the cursor.

  $ cat >../terminal.py <<'END'
  > # terminal.py COMMAND...: runs a command with standard output on a terminal, prints what came there, escapes as <.
  > import os, pty, subprocess, sys
  > ours, theirs = pty.openpty()
  > process = subprocess.Popen(sys.argv[1:], stdin=subprocess.DEVNULL, stdout=theirs)
  > os.close(theirs)
  > text = b""
  > while True:
  >     try:
  >         text += os.read(ours, 4096)
  >     except OSError:
  >         break
  > sys.stdout.write(text.decode().replace("\r\n", "\n").replace("\033", "<"))
  > sys.exit(process.wait())
  > END
  $ printf 'a\tb\\c \033[2J \342\200\256 \377 é\r\n' >ctl && TERM=xterm python3 ../terminal.py firn diff -p
  <[1mdiff --git a/ctl b/ctl<[m
  <[1mnew file mode 100644<[m
  <[1m--- /dev/null<[m
  <[1m+++ b/ctl<[m
  <[36m@@ -0,0 +1 @@<[m
  <[32m+a	b\c \033[2J \342\200\256 \377 é\r<[m
  $ TERM=dumb python3 ../terminal.py firn diff | cmp - <(TERM=dumb python3 ../terminal.py firn diff -p)
  $ TERM=dumb python3 ../terminal.py firn diff -p
  diff --git a/ctl b/ctl
  new file mode 100644
  --- /dev/null
  +++ b/ctl
  @@ -0,0 +1 @@
  +a	b\c \033[2J \342\200\256 \377 é\r
  $ NO_COLOR=1 TERM=xterm python3 ../terminal.py firn diff -p | head -n 1
  diff --git a/ctl b/ctl
  $ TERM=xterm python3 ../terminal.py firn diff -p --color never | head -n 1
  diff --git a/ctl b/ctl
  $ firn diff -p | cat -v
  diff --git a/ctl b/ctl
  new file mode 100644
  --- /dev/null
  +++ b/ctl
  @@ -0,0 +1 @@
  +a	b\c ^[[2J M-bM-^@M-. M-^? M-CM-)^M
  $ firn diff -p --color always | cat -v | head -n 2
  ^[[1mdiff --git a/ctl b/ctl^[[m
  ^[[1mnew file mode 100644^[[m

In JSON.

  $ firn diff 1 2 -p --json -- src bin tail | python3 -c '
  > import json, sys
  > o = json.load(sys.stdin)
  > for c in o["changes"]:
  >     print(c["change"], c["path"], c["lines"])
  > print(o["lines_added"], o["lines_removed"])'
  changed bin {'kind': 'binary'}
  changed src/main.c {'kind': 'counted', 'added': 5, 'removed': 7, 'minimal': True, 'hunks': [{'before_line': 5, 'after_line': 5, 'removed': '5\n6\n7\n8\n9\n', 'added': '5x\n6x\n7x\n8x\n9x\n'}, {'before_line': 20, 'after_line': 20, 'removed': '20\n', 'added': ''}, {'before_line': 50, 'after_line': 49, 'removed': '50\n', 'added': ''}]}
  added tail {'kind': 'counted', 'added': 3, 'removed': 0, 'minimal': True, 'hunks': [{'before_line': 1, 'after_line': 1, 'removed': '', 'added': 'a\n\nb'}]}
  8 7

Any texts, any number of lines of context.

  $ cat >../texts.py <<'END'
  > # texts.py SEED: writes 80 files of few different lines, some without an end of the last one.
  > import os, random, sys
  > random.seed(int(sys.argv[1]))
  > os.makedirs("t", exist_ok=True)
  > for i in range(80):
  >     lines = [random.choice(["a", "b", "", "c\r", "- x", "+ y", "@@ -1 +1 @@"]) for _ in range(random.randrange(40))]
  >     with open(f"t/{i}", "w", newline="") as file:
  >         file.write("\n".join(lines) + random.choice(["", "\n"]))
  > END
  $ rm -r * && python3 ../texts.py 1 && firn save -q && python3 ../texts.py 2 && firn save -q
  3
  4
  $ for context in 1 2 3 10 1000; do
  >     rm -rf ../old && firn restore 3 --to ../old -q && firn diff 3 4 -U $context >../patch && (cd ../old && git apply --whitespace=nowarn -p1 ../patch) && diff -r ../old .
  > done

Renames too.

  $ rm -rf * ../old && mkdir a && seq 1 9 >a/f && echo g >g && firn save -q && mv a/f 'new "f' && chmod 755 'new "f' && mv g a/g && firn save -q
  5
  6
  $ firn restore 5 --to ../old -q && firn diff 5 6 -p >../patch && (cd ../old && git apply -p1 ../patch) && diff -r ../old . && stat -c %a '../old/new "f'
  755
