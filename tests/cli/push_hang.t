A remote that answers nothing keeps no save waiting, and processes do not pile up.

  ? python3 -c 'import ctypes; ctypes.CDLL("libcurl.so.4")'
  $ export AWS_ACCESS_KEY_ID=ak AWS_SECRET_ACCESS_KEY=secret/with+signs AWS_REGION=us-east-1; mkfifo ../commands
  $ python3 $SOURCE/tests/unit/s3/s3_server.py <../commands >../said &
  $ exec 9>../commands; until grep -qs . ../said; do sleep 0.05; done; port=$(head -n 1 ../said)
  $ until_there() { for i in $(seq 2400); do if "$@" >/dev/null 2>&1; then return; fi; sleep 0.05; done; echo "not there after 120 s"; }
  $ pushes() { cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\0' ' ' | grep -o -e "push --auto --quie[t] --directory $PWD " | wc -l; }
  $ echo one >f && firn save -q && firn remote add origin http://127.0.0.1:$port/bucket/p -q && firn push -q && firn config push.auto origin
  1
  $ echo fault 1000 any hold >&9; until_there grep ok ../said
  $ before=$(date +%s); for i in $(seq 20); do echo $i >f; firn save -q; done | tail -n 1; [ $(($(date +%s) - before)) -lt 20 ] && echo quick
  21
  quick
  $ sleep 1; pushes
  2
  $ firn status | tail -n 1
  not pushed to origin yet: 20 checkpoints

One pushes, one waits for it. When the first one fails, the other one gives up, too.

  $ kill $!; gone() { [ "$(pushes)" = 0 ]; }; until_there gone; firn status | tail -n 1 | cut -c1-60
  not pushed to origin yet: 20 checkpoints; the last try faile
