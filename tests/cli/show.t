What a checkpoint changed.

  $ seq 1 5 >f && echo gone >gone && echo same >moved && chmod 644 f gone moved && firn save -q -m first && firn tag v1 1 -q
  1
  $ sed -i 3d f && rm gone && mv moved elsewhere && echo new >new && firn save -q
  2
  $ firn show 1 --names | sed -n '/^tags/p;/^changes/,$p'
  tags        v1
  changes     0 changed, 3 added, 0 removed; it is the first
  
  added     f
  added     gone
  added     moved
  $ firn show latest --stat | sed -n '/^changes/,$p'
  changes     1 changed, 1 added, 1 removed, 1 renamed since 1
  
   moved => elsewhere | renamed
   f                  | 1 -
   gone               | 1 - removed
   new                | 1 + added
  $ firn show 2 -p | sed -n '/^tree/,$p'
  tree        <hex>
  changes     1 changed, 1 added, 1 removed, 1 renamed since 1
  
  diff --git a/moved b/elsewhere
  similarity index 100%
  rename from moved
  rename to elsewhere
  diff --git a/f b/f
  --- a/f
  +++ b/f
  @@ -1,5 +1,4 @@
   1
   2
  -3
   4
   5
  diff --git a/gone b/gone
  deleted file mode 100644
  --- a/gone
  +++ /dev/null
  @@ -1 +0,0 @@
  -gone
  diff --git a/new b/new
  new file mode 100644
  --- /dev/null
  +++ b/new
  @@ -0,0 +1 @@
  +new
  $ firn show 2 -p | sed -n '/^diff/,$p' | cmp - <(firn diff 1 2 -p)
  $ mkdir d && cd d && firn show 2 | tail -n 1; cd ..
  changes     1 changed, 1 added, 1 removed, 1 renamed since 1
  $ firn show 2 --stat --json | python3 -c 'import json,sys; r=json.load(sys.stdin); print(sorted(r)); print(r["previous"], r["tags"], [(c["change"], c["path"]) for c in r["changes"]], r["lines_removed"])'
  ['added', 'changed', 'changes', 'checkpoint', 'lines_added', 'lines_removed', 'pending', 'previous', 'removed', 'renamed', 'running', 'skipped', 'tags', 'times_only', 'tried']
  1 [] [('renamed', 'elsewhere'), ('changed', 'f'), ('removed', 'gone'), ('added', 'new')] 2
  $ firn show v1 --json | python3 -c 'import json,sys; r=json.load(sys.stdin); print(r["previous"], r["tags"], r["added"])'
  None ['v1'] 3
  $ firn show 1 --files --stat
  ! firn: show: --files and options that show changes exclude each other
  ! usage: firn show [options] [REF] [PATH...]
  ! help: firn help show
  [2]

The checkpoint before one is the one that is still there.

  $ firn save -q && firn delete 2 -q && firn show 3 | tail -n 1
  3
  2
  changes     1 changed, 1 added, 1 removed, 1 renamed since 1
