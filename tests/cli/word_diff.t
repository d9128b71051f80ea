Changed words within lines, marked as git marks them.

  $ printf 'one two  three\nfour five\nsix\n' >f; printf 'a\nb\nc\n' >g; printf 'int\tx = 1;\n' >h; firn save -q
  1
  $ printf 'one 2  three more\nfive\nnew line here\nsix' >f; printf 'a\nc\n\n' >g; printf '    int x = 1;\n' >h; firn save -q
  2
  $ firn diff --word-diff 1..2
  diff --git a/f b/f
  --- a/f
  +++ b/f
  @@ -1,3 +1,4 @@
  one [-two-]{+2+}  three [-four-]{+more+}
  five
  {+new line here+}
  six
  diff --git a/g b/g
  --- a/g
  +++ b/g
  @@ -1,3 +1,3 @@
  a
  [-b-]
  c
  
  diff --git a/h b/h
  --- a/h
  +++ b/h
  @@ -1 +1 @@
      int x = 1;
  $ firn show --word-diff | grep '\[-two-\]'; firn log --word-diff -n 1 f | tail -n 4; firn diff --word-diff -U 0 1..2 f --color=always | cat -v | sed -n '5,$p'
  one [-two-]{+2+}  three [-four-]{+more+}
  one [-two-]{+2+}  three [-four-]{+more+}
  five
  {+new line here+}
  six
  one ^[[31m[-two-]^[[m^[[32m{+2+}^[[m  three ^[[31m[-four-]^[[m^[[32m{+more+}^[[m
  five
  ^[[32m{+new line here+}^[[m
  six
  $ firn diff --word-diff --stat; firn diff --word-diff --json 1..2 f | python3 -c 'import json, sys; print(len(json.load(sys.stdin)["changes"][0]["lines"]["hunks"]))'
  ! firn: diff: --names, --name-only, --stat and --patch exclude each other
  ! usage: firn diff [options] [REF] [REF] [PATH...]
  ! help: firn help diff
  1

Whatever changes: without the marks it is the newer text; and what is not added is all words of the older one, in their order.

  $ cat >check.py <<'END'
  > import random, re, subprocess
  > random.seed(1)
  > def text():
  >     return "".join(random.choice(["a", "b", "c", "dd", "ee", "x" * 9, "ü"]) + random.choice([" ", " ", "  ", "\n", "\n\n", "\t", " \n  "])
  >                    for _ in range(random.choice([0, 1, 2, 5, 30, 200])))
  > open(".firnignore", "w").write("check.py\n")
  > for round in range(40):
  >     texts = text() + "\n", text() + "\n"
  >     open("t", "w").write(texts[0])
  >     subprocess.run(["firn", "save", "-q"], stdout=subprocess.DEVNULL, check=True)
  >     open("t", "w").write(texts[1])
  >     lines = subprocess.run(["firn", "diff", "--word-diff", "-U", "100000", "latest", "--", "t"], capture_output=True, text=True, check=True).stdout.split("\n")
  >     if texts[0] == texts[1]:
  >         continue
  >     shown = "\n".join(lines[4:-1]) + "\n"
  >     older = re.sub(r"\{\+[^\n]*?\+\}", " ", shown)
  >     older = re.sub(r"\[-([^\n]*?)-\]", r"\1 ", older)
  >     newer = re.sub(r"\[-[^\n]*?-\]", " ", shown)
  >     newer = re.sub(r"\{\+([^\n]*?)\+\}", r"\1", newer)
  >     if older.split() != texts[0].split() or newer.split() != texts[1].split():
  >         print("differs", texts, shown)
  > END
  $ python3 check.py

Texts that differ everywhere take no more time than their size allows, long lines too.

  $ python3 -c 'print(" ".join(str(i) for i in range(300000)))' >long; firn save -q >/dev/null; python3 -c 'print(" ".join(str(i * 7 + i % 5) for i in range(300000)))' >long
  $ timeout 60 firn diff --word-diff latest -- long | sed -n '5p' | cut -c 1-9
  0 [-1 2 3
  $ python3 -c 'print(" ".join(str(i) for i in range(300000)))' >long; firn save -q >/dev/null; python3 -c 'print(" ".join(str(i) if i % 50000 != 7 else "seven" for i in range(300000)))' >long
  $ timeout 60 firn diff --word-diff latest -- long | tr ' ' '\n' | grep -c seven
  6
