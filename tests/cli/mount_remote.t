What was pulled from remotes, as directories of a mount.

  ? [ -w /dev/fuse ] && [ $(id -u) -eq 0 ] && python3 -c 'import ctypes; ctypes.CDLL("libfuse3.so.3")'
  $ cat >../mount.sh <<'END'
  > # mount.sh DIR [OPTION...]: mounts in the background and returns once it is there; unmount.sh DIR ends it by a signal.
  > mkdir -p "$1"; rm -f "$1.out"; firn mount "$@" >"$1.out" 2>"$1.err" </dev/null &
  > echo $! >"$1.pid"
  > for i in $(seq 600); do [ -s "$1.out" ] && exit 0; kill -0 $(cat "$1.pid") 2>/dev/null || exit 1; sleep 0.1; done; exit 1
  > END
  $ cat >../unmount.sh <<'END'
  > kill -TERM $(cat "$1.pid"); for i in $(seq 600); do kill -0 $(cat "$1.pid") 2>/dev/null || break; sleep 0.1; done
  > mountpoint -q "$1" && echo still mounted; cat "$1.err"
  > END
  $ mkdir ../ada ../bob ../cleo && cd ../ada && mkdir d && echo one >d/f && firn save -q && echo two >d/f && firn save -q && firn remote add origin ../shared -q && firn push -q
  1
  2
  $ cd ../cleo && echo of cleo >f && firn save -q && firn remote add origin ../shared -q && firn push -q
  1
  $ cd ../bob && echo own >own && firn save -q && firn remote add hub ../shared -q && bash ../mount.sh ../m && ls ../m ../m/remote
  1
  ../m:
  latest
  number
  remote
  safety
  tag
  time
  
  ../m/remote:
  $ firn pull -q; sleep 3; ls ../m/remote; ls ../m/remote/hub | sed 's/.*@.*:/WHO:/'
  hub
  WHO:ada
  WHO:cleo
  $ ls ../m/remote/hub/*:ada; cat ../m/remote/hub/*:ada/1/d/f ../m/remote/hub/*:ada/2/d/f ../m/remote/hub/*:cleo/1/f; find ../m/remote -name f | wc -l
  1
  2
  one
  two
  of cleo
  3
  $ cat ../m/remote/hub/nobody ../m/remote/hub/*:ada/3/d/f
  ! cat: ../m/remote/hub/nobody: No such file or directory
  ! cat: '../m/remote/hub/*:ada/3/d/f': No such file or directory
  [1]

It follows pulls, and a remote that is forgotten goes.

  $ cd ../ada && echo three >d/f && firn save -q && firn push -q && cd ../bob && (cd ../m/remote/hub/*:ada/1 && firn -C "$OLDPWD" pull -q && sleep 3 && cat d/f) && cat ../m/remote/hub/*:ada/3/d/f
  3
  one
  three
  $ firn remote remove hub -q; sleep 3; ls ../m/remote; ls ../m/number; echo x >../m/remote/x
  1
  ! <T>/out/script: line 47: ../m/remote/x: Read-only file system
  [1]
  $ bash ../unmount.sh ../m
