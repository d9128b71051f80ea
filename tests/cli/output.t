Output that cannot be written is a failure: an empty file must not look like success.

  $ for i in 1 2 3; do echo $i >f; firn save -q; done
  1
  2
  3
  $ firn list >/dev/full
  ! firn: could not write to standard output: No space left on device
  [1]
  $ firn help >/dev/full
  ! firn: could not write to standard output: No space left on device
  [1]
  $ firn version >/dev/full
  ! firn: could not write to standard output: No space left on device
  [1]
  $ firn list --json >/dev/full
  ! firn: could not write to standard output: No space left on device
  [1]
  $ firn show 1 --files >&-
  ! firn: could not write to standard output: Bad file descriptor
  [1]
  $ firn list -q 2>&-
  3
  2
  1
  $ firn nonsense 2>&-
  [2]
  $ firn db put app.firn k a 1 <&- >&- 2>&-; firn db get app.firn k a; echo
  1
  $ firn db put app.firn k b - <&-
  ! firn: could not read standard input: Bad file descriptor
  [1]

No file of the store can take the place of an output that is closed.

  $ mkfifo pipe; exec 7<>pipe
  $ firn db put app.firn k c - <pipe >&- 2>&- 7>&- &
  > for i in $(seq 100); do [ -e /proc/$!/fd/1 ] && break; sleep 0.05; done
  > sleep 0.2; readlink /proc/$!/fd/1 /proc/$!/fd/2; kill $!; wait $!; exec 7>&-; rm pipe
  /dev/null
  /dev/null

Commands that change something continue when the output is closed. The exit code is that of the change; the message is about the output.

  $ echo x >f && firn restore 1 -n >/dev/full
  ! firn: could not write to standard output: No space left on device
  [1]
  $ firn restore 1 >/dev/full
  ! firn: could not write to standard output: No space left on device; the work itself was done
  $ cat f
  1
  $ echo 4 >f && firn save --json >/dev/full
  ! firn: could not write to standard output: No space left on device; the work itself was done
  $ for made in 'undo' 'tag four 4' 'pin 4' 'unpin 4' 'delete 3' 'gc' 'config gc.auto false' 'repair' 'db load app.firn loaded'; do
  >     printf 'a\t1\n' | firn $made --json >/dev/full; echo "$made $?"
  > done 2>/dev/null
  undo 0
  tag four 4 0
  pin 4 0
  unpin 4 0
  delete 3 0
  gc 0
  config gc.auto false 0
  repair 0
  db load app.firn loaded 0
  $ firn list -q && firn tag | tr -s ' ' | cut -d' ' -f2,6 && firn db get app.firn loaded a; echo
  4
  2
  1
  4 four
  1

A reader that has gone ends a program quietly, unless it was told to ignore that.

  $ for i in $(seq 2000); do echo "key$i value$i"; done | while read -r k v; do printf '%s\t%s\n' $k $v; done >pairs
  $ head -c 300000 /dev/zero | tr '\0' v | firn db put app.firn big one -
  $ for i in 1 2 3 4 5; do head -c 300000 /dev/zero | tr '\0' v | firn db put app.firn big $i -; done
  $ firn db scan app.firn big | head -c 1; echo "${PIPESTATUS[0]}"
  1141
  $ (trap '' PIPE; firn db scan app.firn big 2>err; echo $? >rc) | head -c 1; cat rc err
  11
  firn: could not write to standard output: Broken pipe

Nothing but results goes to a pipe, and no colours or progress to what is no terminal.

  $ firn save 2>&1 | LC_ALL=C grep -c $'[\x1b\r]'
  0
  [1]

In the locale C, or POSIX, what is printed is ASCII.

  $ mkdir ../ascii && cd ../ascii && seq 3 >f && firn save -q -m "$(printf 'a long message %.0s' $(seq 12))" && echo 1 >f && firn save -q
  1
  2
  $ for locale in C POSIX C.UTF-8; do LC_ALL=$locale firn log | LC_ALL=C grep -c $'[\x80-\xff]'; LC_ALL=$locale firn list | LC_ALL=C grep -c $'[\x80-\xff]'; done | xargs
  0 0 0 0 2 1
  $ LC_ALL=C firn log -n 1 | grep -o '1 file .*'; LC_ALL= LC_CTYPE=POSIX LANG=C.UTF-8 firn log -n 1 | grep -o '1 file .*'; LC_ALL= LANG=C.UTF-8 firn log -n 1 | grep -o '1 file .*'; LC_ALL=C firn list | tail -n 1 | grep -o ' message a.*' | tail -c 12
  1 file +0 -2
  1 file +0 -2
  1 file +0 −2
   long me...
