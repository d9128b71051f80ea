The page of a report by its own name, and in a browser.

  $ mkdir w && cd w && echo one >a && firn save -q
  1

Without a name it is beside the workspace, wherever in it the command runs: no save takes it.

  $ mkdir sub && cd sub && firn report && ls ../.. && cd ..
  <any>/w-history.html: 1 checkpoint, <size>
  w
  w-history.html
  $ firn report --json | python3 -c 'import json,sys; print(json.load(sys.stdin)["file"].rsplit("/", 1)[1])'
  w-history.html
  $ firn report -q && rmdir sub && firn status -q && echo mine >../w-history.html && firn report
  ! firn: '<any>/w-history.html' exists and is not a report of firn
  ! hint: overwrite it with --replace
  [1]
  $ rm ../w-history.html

A browser is a program and its arguments; no shell reads them. It gets the path as one argument, which begins with a slash.

  $ mkdir ../bin && cat >../bin/show-it <<'END' && chmod +x ../bin/show-it && export PATH=$PATH:$PWD/../bin
  > #!/bin/sh
  > printf '<%s>' "$@"; echo; head -n 1 "$1" 2>/dev/null; true
  > END
  $ BROWSER=show-it firn report --open 2>&1
  <any>/w-history.html: 1 checkpoint, <size>
  <<any>/w-history.html>
  <!DOCTYPE html>
  $ BROWSER='missing:show-it -x; $(touch hacked) %s y:show-it' firn report -q --open -o '../it;s $(x).html' 2>&1
  <-x;><$(touch><hacked)><<T>/w/it;s $(x).html><y>
  $ ls ..; ls
  bin
  it;s $(x).html
  w
  w-history.html
  a

What it prints is not in the way of results.

  $ BROWSER=show-it firn report -q --open >/dev/null
  ! <<T>/w/w-history.html>
  ! <!DOCTYPE html>
  $ BROWSER=show-it firn report --open --json 2>/dev/null | python3 -c 'import json,sys; print(json.load(sys.stdin)["opened"])'
  True

Without one, or with one that fails, the page is there all the same.

  $ BROWSER=missing:also/missing: firn report --open
  <any>/w-history.html: 1 checkpoint, <size>
  ! firn: could not open the page: no program of BROWSER can be started
  ! hint: set BROWSER to a browser, or open the file in one
  [6]
  $ BROWSER=false firn report -q --open
  ! firn: could not open the page: 'false' ended with 1
  [6]
  $ printf '#!/bin/sh\nkill $$\n' >../bin/falls && chmod +x ../bin/falls && BROWSER=falls firn report -q --open
  ! firn: could not open the page: 'falls' was ended by a signal
  [6]
  $ BROWSER="$(printf 'x %.0s' $(seq 40))" firn report -q --open && BROWSER="$(printf 'x%.0s' $(seq 5000))" firn report -q --open
  ! firn: could not open the page: no program of BROWSER can be started
  ! hint: set BROWSER to a browser, or open the file in one
  [6]
  $ firn=$(command -v firn) && BROWSER= PATH=/nonexistent $firn report -q --open; PATH=/nonexistent $firn report --open --json | sed -n 's/.*"opened":\([a-z]*\).*/\1/p'
  ! firn: could not open the page: there is no xdg-open
  ! hint: set BROWSER to a browser, or open the file in one
  ! firn: could not open the page: there is no xdg-open
  ! hint: set BROWSER to a browser, or open the file in one
  false
  $ printf '#!/bin/sh\necho "opened by xdg-open: ${1##*/}"\n' >../bin/xdg-open && chmod +x ../bin/xdg-open && PATH=../bin $firn report -q --open 2>&1
  opened by xdg-open: w-history.html
  $ firn report --open -o - 2>&1 | head -n 1
  firn: report: --open needs a file, not -o -
