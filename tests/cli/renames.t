Files that were renamed are found by their content.

  $ mkdir -p src/old lib && seq 1 9 >src/old/main.c && echo util >lib/util.c && echo top >top && touch empty && chmod 644 src/old/main.c lib/util.c top && firn save -q
  1
  $ mkdir src/new && mv src/old/main.c src/new && mv lib/util.c lib/tools.c && chmod 755 lib/tools.c && mv top 'the top' && mv empty nothing && rmdir src/old && firn save -q
  2
  $ firn diff 1 2
  removed   empty
  renamed   lib/util.c -> lib/tools.c
  added     nothing
  added     src/new/
  renamed   src/old/main.c -> src/new/main.c
  removed   src/old/
  renamed   top -> the top
  from 1 to 2: 0 changed, 1 added, 1 removed, 3 renamed
  $ firn diff 1 2 --stat
   empty                   | removed
   lib/{util.c => tools.c} | renamed, mode 0644 -> 0755
   nothing                 | added
   src/new/                | directory added
   src/{old => new}/main.c | renamed
   src/old/                | directory removed
   top => the top          | renamed
  from 1 to 2: 0 changed, 1 added, 1 removed, 3 renamed; 0 lines added, 0 removed
  $ firn diff 1 2 -p -- lib top 'the top'
  diff --git a/lib/util.c b/lib/tools.c
  old mode 100644
  new mode 100755
  similarity index 100%
  rename from lib/util.c
  rename to lib/tools.c
  diff --git a/top "b/the top"
  similarity index 100%
  rename from top
  rename to "the top"
  $ firn diff 1 2 --json -- lib | python3 -c 'import json,sys; r=json.load(sys.stdin); c=r["changes"][0]; print(r["renamed"], c["change"], c["path"], c["what"], c["before"]["path"], c["after"]["path"])'
  1 renamed lib/tools.c ['mode'] lib/util.c lib/tools.c
  $ firn diff 1 2 --no-renames -- lib top
  added     lib/tools.c
  removed   lib/util.c
  removed   top
  from 1 to 2: 0 changed, 1 added, 2 removed
