Checkpoints in which a text came into a file, or went.

  $ printf 'one\nlimit = 10;\nlimit = 20;\n' >a.c; printf 'one\n' >b.c; firn save -q
  1
  $ printf 'one\nlimit = 10;\n' >a.c; firn save -q; printf 'two\nlimit = 10;\n' >a.c; printf 'limit\n' >>b.c; firn save -q; mv a.c c.c; firn save -q; rm c.c; firn save -q
  2
  3
  4
  5
  $ firn log -S limit
     5  <id>  <ago>  1 file +0 −2
     3  <id>  <ago>  1 file +1 −0
     2  <id>  <ago>  1 file +0 −1
     1  <id>  <ago>  1 file +3 −0
  $ firn log -S limit -q -- b.c; firn log --contains 'limit = 20' --names; firn log -S one ..2 --stat
  3
     2  <id>  <ago> 
  changed   a.c
  
     1  <id>  <ago> 
  added     a.c
     1  <id>  <ago>  2 files +4 −0
   a.c | 3 +++ added
   b.c | 1 + added
  $ firn log -S 'one
  > limit' -q; firn log -S nowhere; firn log -S nowhere -q; firn log -S ''
  3
  1
  no checkpoints
  ! firn: log: the text to search for has 1 to 4096 bytes
  ! usage: firn log [options] [REF..REF|REMOTE] [PATH...]
  ! help: firn help log
  [2]

Lines that came or went, by a regular expression.

  $ firn log -G '^limit$' -q; firn log -G 'lim.*0' -q; firn log -G TWO -i -q; firn log -G TWO -q; firn log -G '(' 2>&1 | head -1
  3
  5
  2
  1
  5
  3
  firn: log: '(' is not a regular expression: Unmatched ( or \\(
  $ firn log -S limit -G two -q; firn log -G two --json | python3 -c 'import json, sys; print([(c["checkpoint"]["number"], c["files"]) for c in json.load(sys.stdin)["checkpoints"]])'
  5
  [(5, 1), (3, 1)]

Binary files are counted in, byte by byte, also over the boundaries of pieces; -G passes them over.

  $ python3 -c 'd = b"\0" + b"x" * (1 << 20); open("bin", "wb").write(d[:-3] + b"needle" + d + b"needle"); f = open("holes", "wb"); f.write(b"needle"); f.seek(1 << 30); f.write(b"needle")'; firn save -q; python3 -c 'f = open("holes", "r+b"); f.seek(1 << 29); f.write(b"needle")'; firn save -q; touch bin; firn save -q
  6
  7
  8
  $ firn log -S needle -q; firn log -S needle --names ..6; firn log -G needle -q; firn log -S xneedlex -q
  7
  6
     6  <id>  <ago> 
  added     bin
  added     holes
  $ rm -rf .firn; firn log -S "$(python3 -c 'print("x" * 5000)')" 2>&1 | head -1
  firn: log: the text to search for has 1 to 4096 bytes
