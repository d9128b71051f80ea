What was pulled from a remote: its lines, and their checkpoints.

  $ export USER=ada; mkdir ../ada ../bob ../me && cd ../ada && firn remote add origin ../shared -q && for i in 1 2 3; do seq $i >n; echo $i >f; firn save -q -m "state $i"; done && firn push -q
  1
  2
  3
  $ cd ../bob && export USER=bob && firn remote add origin ../shared -q && echo 1 >g && firn save -q && mv g h && firn save -q -m renamed && firn push -q
  1
  2
  $ cd ../me && firn remote add origin ../shared -q
  $ firn list origin; firn log origin; firn remote show origin
  no checkpoints; firn pull brings those that others have pushed
  no checkpoints; firn pull brings those that others have pushed
  name        origin
  url         <T>/shared
  id          <hex>
  encrypted   no
  not pushed  0 checkpoints
  lines       none was pulled
  $ firn pull -q && firn list origin | sed 's/@[^:]*:/@HOST:/' | sort
  origin/ada@HOST:ada/1  <id>  <time>          2 files       4 B  state 1
  origin/ada@HOST:ada/2  <id>  <time>          2 files       6 B  state 2
  origin/ada@HOST:ada/3  <id>  <time>          2 files       8 B  state 3
  origin/bob@HOST:bob/1  <id>  <time>          1 file        2 B
  origin/bob@HOST:bob/2  <id>  <time>          1 file        2 B  renamed
  $ firn list origin -q | sed 's/@[^:]*:/@HOST:/' | sort
  origin/ada@HOST:ada/1
  origin/ada@HOST:ada/2
  origin/ada@HOST:ada/3
  origin/bob@HOST:bob/1
  origin/bob@HOST:bob/2
  $ for r in $(firn list origin -q); do firn show $r | sed -n 's/@[^:]*:/@HOST:/; s/[0-9a-f]\{32\}/ID/; 1p'; done | sort
  checkpoint  origin/ada@HOST:ada/1
  checkpoint  origin/ada@HOST:ada/2
  checkpoint  origin/ada@HOST:ada/3
  checkpoint  origin/bob@HOST:bob/1
  checkpoint  origin/bob@HOST:bob/2
  $ firn list origin -n 1 -q | sed 's/@[^:]*:/@HOST:/' | sort
  origin/ada@HOST:ada/3
  origin/bob@HOST:bob/2
  $ ada=$(firn list origin -q | grep /ada@ | head -n 1) && ada=${ada%/*} && firn list $ada | sed 's/@[^:]*:/@HOST:/'
  origin/ada@HOST:ada/3  <id>  <time>          2 files       8 B  state 3
  origin/ada@HOST:ada/2  <id>  <time>          2 files       6 B  state 2
  origin/ada@HOST:ada/1  <id>  <time>          2 files       4 B  state 1
  $ firn list origin --json | python3 -c 'import json, sys; l = json.load(sys.stdin)["checkpoints"]; print(len(l), all(c["reference"] == c["line"] + "/" + str(c["number"]) for c in l))'
  5 True
  $ firn log $ada | sed 's/@[^:]*:/@HOST:/'
  origin/ada@HOST:ada/3  <id>  <ago>state 3   2 files +2 −1
  origin/ada@HOST:ada/2  <id>  <ago>state 2   2 files +2 −1
  origin/ada@HOST:ada/1  <id>  <ago>state 1   2 files +2 −0
  $ firn log origin -q | sed 's/@[^:]*:/@HOST:/' | sort
  origin/ada@HOST:ada/1
  origin/ada@HOST:ada/2
  origin/ada@HOST:ada/3
  origin/bob@HOST:bob/1
  origin/bob@HOST:bob/2
  $ firn log origin h --names | sed 's/@[^:]*:/@HOST:/'
  origin/bob@HOST:bob/2  <id>  <ago>renamed
  renamed   g -> h
  
  origin/bob@HOST:bob/1  <id>  <ago>
  added     g
  $ firn log origin -n 1 -q | sed 's/@[^:]*:/@HOST:/' | sort
  origin/ada@HOST:ada/3
  origin/bob@HOST:bob/2
  $ firn log $ada --stat -n 1 | sed 's/@[^:]*:/@HOST:/'
  origin/ada@HOST:ada/3  <id>  <ago>state 3   2 files +2 −1
   f | 2 +-
   n | 1 +
  $ firn log $ada --since 1 -q --until 2 | sed 's/@[^:]*:/@HOST:/'
  origin/ada@HOST:ada/2
  $ firn log origin --grep renamed --json | python3 -c 'import json, sys; l = json.load(sys.stdin)["checkpoints"]; print([(c["line"].split("@")[0], c["reference"].split("/")[-1], c["previous"]) for c in l])'
  [('origin/bob', '2', 1)]
  $ firn remote show origin | sed 's/@[^:]*:/@HOST:/' | sort
  encrypted   no
  id          <hex>
  line        origin/ada@HOST:ada: 3 checkpoints, newest <time>
  line        origin/bob@HOST:bob: 2 checkpoints, newest <time>
  name        origin
  not pushed  0 checkpoints
  url         <T>/shared
  $ firn remote show origin --json | python3 -c 'import json, sys; r = json.load(sys.stdin); print(sorted(r), sorted((l["label"].split("@")[0], l["checkpoints"]) for l in r["lines"]))'
  ['encrypted', 'id', 'lines', 'name', 'not_pushed', 'url'] [('ada', 3), ('bob', 2)]

One line by its id.

  $ id=$(firn remote show origin --json | python3 -c 'import json, sys; print([l["id"] for l in json.load(sys.stdin)["lines"] if l["label"][:3] == "bob"][0])') && firn list origin/$id -q | sed 's/@[^:]*:/@HOST:/'; firn cat origin/$id/1 g; firn log origin/$id -q | wc -l
  origin/bob@HOST:bob/2
  origin/bob@HOST:bob/1
  1
  2

Two lines of one name.

  $ rm -rf ../ada ../data/firn/ada-* && rm -rf $XDG_DATA_HOME/firn/ada-* && mkdir ../ada && cd ../ada && export USER=ada && firn remote add origin ../shared -q && echo 5 >f && firn save -q && firn push -q && cd ../me && firn pull -q && firn list origin -q | sed 's/@[^:]*:/@HOST:/; s/[0-9a-f]\{32\}/ID/' | sort
  1
  origin/ID/1
  origin/ID/1
  origin/ID/2
  origin/ID/3
  origin/bob@HOST:bob/1
  origin/bob@HOST:bob/2
  $ for r in $(firn list origin -q); do firn show $r | sed -n 's/@[^:]*:/@HOST:/; s/[0-9a-f]\{32\}/ID/; 1p'; done | sort
  checkpoint  origin/ID/1
  checkpoint  origin/ID/1
  checkpoint  origin/ID/2
  checkpoint  origin/ID/3
  checkpoint  origin/bob@HOST:bob/1
  checkpoint  origin/bob@HOST:bob/2

What is not there.

  $ firn list origin/nobody
  ! firn: firn pull has brought nothing of a line 'nobody' of the remote 'origin'
  ! hint: firn remote show REMOTE shows its lines; a checkpoint of one is no line: firn show REMOTE/REF
  [3]
  $ firn log origin/latest
  ! firn: firn pull has brought nothing of a line 'latest' of the remote 'origin'
  ! hint: firn remote show REMOTE shows its lines; a checkpoint of one is no line: firn show REMOTE/REF
  [3]
  $ firn list elsewhere
  ! firn: list: 'elsewhere' is not a range of checkpoints, such as 3..7 or 3..
  ! usage: firn list [options] [REF..REF|REMOTE]
  ! help: firn help list
  [2]
  $ firn list origin --deleted
  ! firn: what was deleted of a remote cannot be brought back from here
  [2]
  $ firn show origin/9
  ! firn: there is no checkpoint '9'
  ! hint: firn pull origin brings what is not here; firn list origin lists what is
  [3]
  $ firn remote show elsewhere
  ! firn: there is no remote 'elsewhere'
  ! hint: firn remote list shows the remotes
  [3]
  $ mkdir origin && echo x >origin/x && firn save -q && firn log -- origin | wc -l; firn log -q ./origin
  1
  1
  1
