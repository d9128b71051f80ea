Files with contents of a store are as private as the store, whatever else the umask would leave; a file that is replaced keeps its mode.

  $ umask 022; mkdir ../made ../made/packs && echo secret >a && chmod 600 a && firn save -q
  1
  $ firn db put ../s ks k v && firn db table create ../s t 'id i64 primary key, v text' -q && printf 'id,v\n1,x\n' | firn db table import ../s t -q
  $ make() {
  >     firn export tar 1 -o ../made/a.tar -q "$@"
  >     firn report -q -o ../made/report.html
  >     firn db export -q ../s -o ../made/store.firnx "$@"
  >     firn db table export ../s t -q -o ../made/t.csv "$@"
  >     printf 'id,v\n2,y\nz,z\n' | firn db table import ../s t -q --on-conflict replace --rejects ../made/rejects "$@" - >/dev/null 2>&1
  >     printf 'a\tb\n' | firn alxs build -q ../made/a.alxs "$@" - >/dev/null
  >     firn chkp pack ../made/packs a -q >/dev/null
  > }
  $ modes() { (cd ../made && find . -type f -printf '%m %f\n' | sed 's/pack-[0-9a-f]*/pack/' | sort -k 2); }
  $ make; modes
  600 a.alxs
  600 a.tar
  600 pack.dat
  600 pack.idx
  600 rejects
  600 report.html
  600 store.firnx
  600 t.csv
  $ find ../made -type f -exec chmod 640 {} + && make --replace; modes
  640 a.alxs
  640 a.tar
  640 pack.dat
  640 pack.idx
  640 rejects
  640 report.html
  640 store.firnx
  640 t.csv

The page beside the workspace.

  $ firn report -q && stat -c %a ../w-history.html && rm ../w-history.html
  600

Settings of agents are a team's, and have nothing of a store in them.

  $ firn hook install claude -q && stat -c %a .claude/settings.json
  644
