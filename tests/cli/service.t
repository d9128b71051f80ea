firn watch --all watches every workspace; one that is saved later, too. (The list is made again each minute: here it is started anew.)

  $ mkdir a b c; for w in a b; do echo 1 >$w/f; firn -C $w save -q; done; firn -C c init -q --here; echo 1 >c/f
  1
  1
  $ firn watch --all --status | sort
         -  <T>/w/a
         -  <T>/w/b
         -  <T>/w/c
  $ firn watch --all --on-battery >log 2>&1 & echo $! >pid; for w in a b c; do until firn -C $w watch --status >/dev/null 2>&1; do sleep 0.05; done; done; sort log
  watching <T>/w/a
  watching <T>/w/b
  watching <T>/w/c
  $ firn watch --all --status | sed 's/^ *[0-9]* /PID /' | sort
  PID  <T>/w/a
  PID  <T>/w/b
  PID  <T>/w/c
  $ echo 2 >a/f; until [ "$(firn -C a list -q | head -n 1)" = 2 ]; do sleep 0.05; done; firn -C a list | sed -n '1s/.*  //p'
  watch

When it ends, all watches end.

  $ kill $(cat pid); wait; firn watch --all --status | sort
         -  <T>/w/a
         -  <T>/w/b
         -  <T>/w/c
  $ firn watch --all --no-save
  ! firn: watch: --all excludes --no-save: firn config has settings
  ! usage: firn watch [options] [REMOTE|install|remove]
  ! help: firn help watch
  [2]

The unit of systemd; where there is no systemd, it is written and not started.

  $ export XDG_CONFIG_HOME=$PWD/config; mkdir bin; printf '#!/bin/sh\necho "$@" >>'"$PWD"'/said\n' >bin/systemctl; chmod +x bin/systemctl; PATH=$PWD/bin:$PATH firn watch install; cat said
  <T>/w/config/systemd/user/firn-watch.service: every workspace is watched from now on
  --user daemon-reload
  --user enable --now firn-watch.service
  $ sed 's|="/.*/firn"|="/usr/bin/firn"|' config/systemd/user/firn-watch.service | diff - "$SOURCE/packaging/firn-watch.service"
  $ printf '#!/bin/sh\nexit 1\n' >bin/systemctl; PATH=$PWD/bin:$PATH firn watch install --json; PATH=$PWD/bin:$PATH firn watch remove; firn watch remove
  {"unit":"<T>/w/config/systemd/user/firn-watch.service","running":false}
  <T>/w/config/systemd/user/firn-watch.service: removed; systemd did not run it
  ! hint: systemctl --user enable --now firn-watch.service starts it; without systemd, run firn watch --all
  ! firn: there is no '<T>/w/config/systemd/user/firn-watch.service'
  [3]
