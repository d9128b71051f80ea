Files found by name in all checkpoints.

  $ firn find x
  ! firn: no checkpoint has a path that matches
  ! hint: a name has to match as a whole: '*PART*'; -i ignores case, firn grep searches contents
  [3]
  $ mkdir src docs; echo a >notes.txt; echo main >src/main.c; echo b >src/Notes.txt; firn save -q
  1
  $ echo more >>notes.txt; firn save -q; rm notes.txt; firn save -q; mv src/main.c docs/start.c; touch -d 2001-01-01 src/Notes.txt; firn save -q
  2
  3
  4

When it appeared, changed and went; what is gone can be brought back.

  $ firn find notes.txt
     3  <id>  <ago>  removed   notes.txt
         firn restore 2 notes.txt brings it back
     2  <id>  <ago>  changed   notes.txt  7 B
     1  <id>  <ago>  added     notes.txt  2 B
  $ firn find -i notes.txt -n 2; firn find -q notes.txt; firn find -n 0 x
     3  <id>  <ago>  removed   notes.txt
         firn restore 2 notes.txt brings it back
     2  <id>  <ago>  changed   notes.txt  7 B
  3 notes.txt
  2 notes.txt
  1 notes.txt
  $ firn restore -q 2 notes.txt; firn find notes.txt -n 1; firn save -q; rm notes.txt; firn save -q; firn find notes.txt
     3  <id>  <ago>  removed   notes.txt
  5
  6
     6  <id>  <ago>  removed   notes.txt
         firn restore 5 notes.txt brings it back
     5  <id>  <ago>  added     notes.txt  7 B
     3  <id>  <ago>  removed   notes.txt
     2  <id>  <ago>  changed   notes.txt  7 B
     1  <id>  <ago>  added     notes.txt  2 B

A renamed file is found by both names; directories are found, too. A slash makes a pattern a path, from here.

  $ firn find start.c; firn find 'm*.c' docs
     4  <id>  <ago>  renamed   src/main.c -> docs/start.c  5 B
     4  <id>  <ago>  renamed   src/main.c -> docs/start.c  5 B
     1  <id>  <ago>  added     docs/
     1  <id>  <ago>  added     src/main.c  5 B
  $ cd src; firn find ./main.c; firn find '../**/main.c' -q; firn find '../*/main.c' -q; firn find './*.txt' -q; cd ..
     4  <id>  <ago>  removed   main.c
         firn restore 3 main.c brings it back
     1  <id>  <ago>  added     main.c  5 B
  4 main.c -> ../docs/start.c
  1 main.c
  4 main.c -> ../docs/start.c
  1 main.c
  1 Notes.txt
  $ firn find 'src/*' '**/start.?' -q; firn find '[!a-z]otes*' -q; firn find 's*/main.c' '*/x' -q
  4 src/main.c -> docs/start.c
  1 src/Notes.txt
  1 src/main.c
  1 src/Notes.txt
  4 src/main.c -> docs/start.c
  1 src/main.c
  $ firn find ../x; firn find ''
  ! firn: find: '../x' is not a path inside the workspace <any>
  ! usage: firn find [options] NAME|GLOB...
  ! help: firn help find
  ! firn: find: a pattern has 1 to 2048 bytes
  ! usage: firn find [options] NAME|GLOB...
  ! help: firn help find
  [2]

For programs.

  $ firn find notes.txt start.c --json | python3 -c 'import json, sys; [print(c["checkpoint"]["number"], [(x["change"], x["path"], x.get("old_path"), x["type"], x["size"], x["last"]) for x in c["changes"]]) for c in json.load(sys.stdin)["checkpoints"]]'
  6 [('removed', 'notes.txt', None, 'file', 7, '5')]
  5 [('added', 'notes.txt', None, 'file', 7, None)]
  4 [('renamed', 'docs/start.c', 'src/main.c', 'file', 5, '3')]
  3 [('removed', 'notes.txt', None, 'file', 7, '2')]
  2 [('changed', 'notes.txt', None, 'file', 7, None)]
  1 [('added', 'notes.txt', None, 'file', 2, None)]
  $ firn find nothing --json 2>/dev/null | python3 -c 'import json, sys; r = json.load(sys.stdin); print(r["error"]["code"])'
  FIRN_NOT_FOUND

Names from elsewhere: the command is one that a shell reads.

  $ python3 -c 'import os; [open(b"w/".replace(b"w/", b"") + n, "w").write("x%d" % i) for i, n in enumerate([b"a b.odd", b"it\x27s.odd", b"\x1b[31m\xff\n.odd", b"-n.odd"])]'; firn save -q; rm -- *.odd; firn save -q; firn find '*.odd' -n 4
  7
  8
     8  <id>  <ago>  removed   \033[31m\377\n.odd
         firn restore 7 $'\033[31m\377\n.odd' brings it back
     8  <id>  <ago>  removed   -n.odd
         firn restore 7 $'-n.odd' brings it back
     8  <id>  <ago>  removed   a b.odd
         firn restore 7 $'a b.odd' brings it back
     8  <id>  <ago>  removed   it's.odd
         firn restore 7 $'it\'s.odd' brings it back
  $ bash -c "$(firn find 'it*' | sed -n 's/ brings it back//p')" >/dev/null; cat it*; bash -c "$(firn find '*31m*' | sed -n 's/ brings it back//p')" >/dev/null; cat *31m*
  x1x2<no newline>

Patterns that could take for ever do not.

  $ timeout 5 firn find "$(python3 -c 'print("*a" * 900 + "b")')" '**/**/**/**/**/**/**/**/**/x*y' >out 2>&1; echo $?
  3

More in one checkpoint than is held: no renames, but every row.

  $ mkdir many; (cd many; for i in $(seq 1500); do echo $i >f$i; done); firn save -q; mv many more; firn save -q; firn find 'f1*' -q | wc -l; firn find f1500 -q
  9
  10
  1836
  10 many/f1500
  10 more/f1500
  9 many/f1500
  $ rm -rf more; firn save -q; firn find f1499 'f*' -n 1
  11
    11  <id>  <ago>  removed   more/f1
         firn restore 11~1 more/f1 brings it back
