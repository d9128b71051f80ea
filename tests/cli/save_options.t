Saves that make no checkpoint, and saves that read everything.

  $ echo one >f && firn save --if-changed
  1  <id>  1 file, 4 B; 1 new, <size> added  <s> s
  $ firn save --if-changed
  no change since 1: nothing saved  <s> s
  $ firn save --if-changed -q -m "the message of no checkpoint"
  1
  $ firn list -q
  1
  $ touch -d 2001-01-01 . && firn save --if-changed -q
  1
  $ echo two >f && firn save --if-changed -q
  2
  $ chmod 600 f && firn save --if-changed -q
  3
  $ firn save
  4  <id>  1 file, 4 B; no change since 3  <s> s
  $ firn save --full
  5  <id>  1 file, 4 B; no change since 4  <s> s
  $ firn save --full --if-changed
  no change since 5: nothing saved  <s> s
  $ firn save --if-changed --json | python3 -c '
  > import json, sys
  > o = json.load(sys.stdin)
  > print(o["made"], o["unchanged"], o["checkpoint"]["number"], o["previous"])'
  False True 5 5

A date that cannot be kept is said; one of today's is kept.

  $ mkdir dated && cd dated && echo later >later && echo now >now && touch -d 2400-01-01 later
  $ if [ "$(stat -c %Y later)" = 13569465600 ]; then firn save --store ../dated.firn; else echo 'firn: date: later: its date is after 2262-04-11: saved as that day' >&2; echo '<any>'; fi
  ! firn: date: later: its date is after 2262-04-11: saved as that day
  <any>
  $ cd ..
