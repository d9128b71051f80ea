Large files: left out, or told of.

  $ mkdir -p data/deep && head -c 300000 /dev/urandom >data/a && head -c 200000 /dev/urandom >data/deep/b && head -c 100 /dev/urandom >small && ln data/a twin
  $ firn save --max-file-size 150K
  1  <id>  1 file, 100 B; 1 new, <size> added  <s> s
  left out by rule: data/a, data/deep/b, twin
  $ firn show 1 --files | awk '{ print $NF }'
  data/
  data/deep/
  small
  $ firn save --max-file-size 200000 --json | python3 -c 'import json, sys; r = json.load(sys.stdin); print(r["checkpoint"]["excluded"], [(n["kind"], n["path"], n["text"]) for n in r["notices"]], r["large"])'
  2 [('excluded', 'data/a', '300000 bytes, more than are to be saved'), ('excluded', 'twin', '300000 bytes, more than are to be saved')] []
  $ firn save -q --strict --max-file-size 1M; firn show 3 --files | wc -l
  3
  6

A restore does not touch a file that was left out, even if its size has changed.

  $ echo now >data/a && echo more >small && firn restore 1 && cat data/a && ls data/deep
  restored 1: 1 changed, 0 added, 0 removed; take this back with: firn undo
  now
  b

What the store knows is left out all the same, and comes back with the limit gone.

  $ firn undo -q && head -c 300000 /dev/urandom >large && firn save -q && firn save -q --max-file-size 100KB && firn show latest --files | awk '{ print $NF }'
  4
  5
  data/
  data/a
  data/deep/
  small
  data/a
  $ firn save | sed 's/ new,.*/ new/'
  6  <id>  5 files, 500 KB; 2 new

What a save would leave out is nothing new, and is told.

  $ head -c 300001 /dev/urandom >larger && firn status --max-file-size 300KB
  compared with 6: no change; 5 unchanged
  left out by rule: larger
  $ firn config save.max-file-size 300KB && firn status && firn status --short
  compared with 6: no change; 5 unchanged
  left out by rule: larger
  $ firn status --ignored
  ignored   larger
  compared with 6: no change; 5 unchanged
  $ firn status --json | python3 -c 'import json, sys; r = json.load(sys.stdin); print(r["added"], [(n["kind"], n["path"], n["text"]) for n in r["notices"]], r["watched"])'
  0 [('excluded', 'larger', '300001 bytes, more than are to be saved')] False
  $ firn status --max-file-size none
  added     larger
  compared with 6: 0 changed, 1 added, 0 removed; 5 unchanged
  $ firn status --max-file-size x
  ! firn: status: --max-file-size: 'x' is not a size such as 500M, 2G, 100MB or none
  ! usage: firn status [options] [REF] [PATH...]
  ! help: firn help status
  [2]
  $ firn config --unset save.max-file-size && rm larger

Sizes, and the setting.

  $ for size in 1 1K 1KiB 1KB 3TiB none 0; do firn config save.max-file-size $size && firn config save.max-file-size; done
  1
  1K
  1KiB
  1KB
  3TiB
  none
  0
  $ for size in '' x 1X 1Kb K -1 1.5M 99999999T 1KBB; do firn save --max-file-size "$size" 2>&1 | head -n 1; done
  firn: save: --max-file-size: '' is not a size such as 500M, 2G, 100MB or none
  firn: save: --max-file-size: 'x' is not a size such as 500M, 2G, 100MB or none
  firn: save: --max-file-size: '1X' is not a size such as 500M, 2G, 100MB or none
  firn: save: --max-file-size: '1Kb' is not a size such as 500M, 2G, 100MB or none
  firn: save: --max-file-size: 'K' is not a size such as 500M, 2G, 100MB or none
  firn: save: --max-file-size: '-1' is not a size such as 500M, 2G, 100MB or none
  firn: save: --max-file-size: '1.5M' is not a size such as 500M, 2G, 100MB or none
  firn: save: --max-file-size: '99999999T' is not a size such as 500M, 2G, 100MB or none
  firn: save: --max-file-size: '1KBB' is not a size such as 500M, 2G, 100MB or none
  $ firn config save.max-file-size 2X
  ! firn: save.max-file-size takes a size such as 500M, 2G or none
  [2]
  $ firn config save.max-file-size 150 && firn save | tail -n 1
  left out by rule: data/deep/b, large
  $ firn save --max-file-size none | tail -n 1 | sed 's/ new,.*/ new/'
  8  <id>  5 files, 500 KB; 2 new
  $ firn save --no-config -q
  9
  $ firn config --unset save.max-file-size

A save that adds much says what it is.

  $ firn config save.warn-size 200K && head -c 250000 /dev/urandom >data/c && mkdir other && head -c 1000 /dev/urandom >other/d && firn save
  10  <id>  7 files, 751 KB; 2 new, <size> added  <s> s
  this save added 253 KB; the largest that is new:
      250 KB  data/c
      250 KB  data/
        1 KB  other/d
        1 KB  other/
  a line in .firnignore, or --max-file-size, excludes it from the next save; firn forget PATH
  removes it from this one; firn config save.warn-size sets when this is shown
  $ firn save
  11  <id>  7 files, 751 KB; no change since 10  <s> s
  $ head -c 250000 /dev/urandom >data/c && firn save --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["large"])'
  [{'path': 'data/c', 'bytes': 250000}, {'path': 'data/', 'bytes': 250000}]
  $ firn config save.warn-size none && head -c 250000 /dev/urandom >data/c && firn save
  13  <id>  7 files, 751 KB; 1 changed, <size> added  <s> s
