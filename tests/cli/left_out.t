What is not saved is said, and a restore leaves it alone.

  $ firn config --user save.git false
  $ mkdir -p .git node_modules/x web/node_modules/y target/debug rust/target cached/target my.git
  $ touch .git/HEAD node_modules/x/f web/node_modules/y/f target/keep rust/Cargo.toml rust/target/o my.git/f targeting.c a
  $ printf 'Signature: 8a477f597d28d172789f06886806bc55' >cached/target/CACHEDIR.TAG
  $ firn save | sed 's/; .* added/; SIZE added/'
  1  <id>  5 files, 0 B; SIZE added  <s> s
  left out by rule: .git, cached/target, node_modules, rust/target, web/node_modules
  $ firn show latest --files | awk '{ print $NF }'
  a
  cached/
  my.git/
  my.git/f
  rust/
  rust/Cargo.toml
  target/
  target/debug/
  target/keep
  targeting.c
  web/
  $ firn save --json | python3 -c 'import json, sys; o = json.load(sys.stdin); print(o["checkpoint"]["excluded"], sorted((n["kind"], n["path"]) for n in o["notices"]))'
  5 [('excluded', '.git'), ('excluded', 'cached/target'), ('excluded', 'node_modules'), ('excluded', 'rust/target'), ('excluded', 'web/node_modules')]
  $ firn save -q
  3
  $ rm -r node_modules a && echo changed >.git/HEAD && mkdir node_modules && touch node_modules/other
  $ firn restore latest | cut -d';' -f1
  restored 3: 0 changed, 1 added, 0 removed
  $ cat .git/HEAD; ls node_modules
  changed
  other
  $ firn save --include-deps | sed 's/  .*; /; /; s/  [0-9.]* s//'
  4; 4 new, <size> added
  left out by rule as before: 1
  $ firn save | tail -n 2; mkdir sub sub/.venv && firn save | tail -n 2; firn save -q && firn save | tail -n 1
  left out by rule: cached/target, node_modules, rust/target, web/node_modules
  left out by rule as before: 1
  left out by rule: sub/.venv
  left out by rule as before: 5
  7
  left out by rule as before: 6
  $ rm -r sub && firn delete 5 6 7 8 -q >/dev/null
  $ firn show latest | grep 'left out'
  left out    1 by rule, 0 that could not be saved; saved with --include-deps

Several repositories: .git is said once, with its number; what is programs' has each.

  $ mkdir -p ../many/web/node_modules ../many/h/.hg && cd ../many && for i in a b c d e f; do mkdir -p $i/.git && touch $i/x; done
  $ printf 'gitdir: ../a/.git' >web/.git && firn save | tail -n 1
  left out by rule: .git (7), h/.hg, web/node_modules
  $ firn save | tail -n 1; mkdir -p g/.git && firn save | tail -n 2
  left out by rule as before: 9
  left out by rule: g/.git
  left out by rule as before: 9
  $ mkdir -p g/h/.git g/i/.git && cd g && firn save | tail -n 2; cd ..
  left out by rule: .git (2)
  left out by rule as before: 10
  $ touch q1 q2 q3 q4 && echo 'q*' >.firnignore && mkdir i && mkdir i/.git j j/.git && firn save | tail -n 2
  left out by rule: .git (2), q1, q2, q3, q4
  left out by rule as before: 12
  $ mkdir k k/.git l l/.git && touch q5 q6 q7 q8 q9 && firn save | tail -n 2
  left out by rule: .git (2), q5, q6, q7, q8 and 1 more
  left out by rule as before: 18
  $ firn status --ignored | head -n 4; firn status --ignored latest d e | head -n 1; firn status --ignored -- a | head -n 1
  ignored   .git (14)
  ignored   h/.hg
  ignored   q1
  ignored   q2
  ignored   .git (2)
  ignored   a/.git
  $ firn status --ignored -s | grep -c '/.git$'
  14
  $ firn status --ignored --json | python3 -c 'import json, sys; print(sum(i["path"].endswith("/.git") for i in json.load(sys.stdin)["ignored"]))'
  14
  $ firn save --json | python3 -c 'import json, sys; o = json.load(sys.stdin); print(o["checkpoint"]["excluded"], sum(n["path"].endswith("/.git") for n in o["notices"]))'
  25 14
  $ firn config save.max-file-size 1G && firn status | tail -n 1; cd ../w
  left out by rule: .git (14), h/.hg, q1, q2, q3 and 7 more

What cannot be saved at all: fifos, sockets, devices. The save does not wait for the fifo.

  $ rm -rf .git node_modules web rust cached target && mkfifo pipe
  $ python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
  $ firn save | sed 's/  .*; /; /; s/  [0-9.]* s//'
  9; 6 removed, <size> added
  ! firn: left out: pipe: fifo
  ! firn: left out: socket: socket
  $ firn save --json 2>/dev/null | python3 -c 'import json, sys; o = json.load(sys.stdin); print(o["checkpoint"]["skipped"], sorted((n["kind"], n["path"]) for n in o["notices"]))'
  2 [('special', 'pipe'), ('special', 'socket')]
  $ firn save --strict
  ! firn: cannot save 'pipe': fifo
  [1]
  $ rm pipe; firn save --strict
  ! firn: cannot save 'socket': socket
  [1]
  $ mkfifo pipe; firn list | wc -l
  6
  $ rm a && firn restore latest -q; test -p pipe && test -S socket && ls
  a
  my.git
  pipe
  socket
  targeting.c

What the first save will take, and leave out, is said when the store is made.

  $ mkdir ../new && cd ../new && git init -q && mkdir node_modules && seq 1000 >large && echo b >b && ln b c && ln -s b d && mkfifo pipe
  $ firn init | sed 1d; firn save | sed 's/.*  \(. files, [^;]*\);.*/\1/'
  firn save will take 4 files, 4 KB
  left out by rule: .git, node_modules
  4 files, 4 KB
  left out by rule: .git, node_modules
  ! firn: left out: pipe: fifo
  ! firn: left out: pipe: fifo
  $ rm -r "$(firn init | sed 's/.*: //')"; firn config --user save.git true; firn config --user save.max-file-size 100; firn init | sed 1d
  firn save will take 3 files, 4 B
  left out by rule: large, node_modules
  ! firn: left out: pipe: fifo
  $ firn config --user save.git false; rm -r "$(firn init | sed 's/.*: //')"; firn init --json | python3 -c 'import json, sys; o = json.load(sys.stdin)["first_save"]; print(o["files"], o["bytes"], sorted(n["path"] for n in o["notices"]))'
  3 4 ['.git', 'large', 'node_modules', 'pipe']
  ! firn: left out: pipe: fifo
