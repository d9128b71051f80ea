What is not saved is said, and a restore leaves it alone.

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
