Garbage is collected by itself, when it is worth it.

  $ firn gc --auto && find $XDG_DATA_HOME
  not worth it: little was deleted since the last gc, or one has just begun
  <T>/data
  $ echo small >small && firn save -q
  1
  $ firn gc --auto && firn gc --auto --dry-run && firn gc --auto -q
  not worth it: little was deleted since the last gc, or one has just begun
  not worth it: little was deleted since the last gc, or one has just begun
  $ firn gc --auto --full
  ! firn: gc: --auto excludes --full, --now, --rekey and --recompress
  ! usage: firn gc [options]
  ! help: firn help gc
  [2]
  $ firn gc --auto --recompress 2>&1 | head -n 1
  firn: gc: --auto excludes --full, --now, --rekey and --recompress
  $ firn gc --auto --json
  {"bytes_before":0,"bytes_after":0,"packs_before":0,"packs_after":0,"packs_removed":0,"packs_rewritten":0,"packs_waiting":0,"bytes_waiting":0,"bytes_dead":0,"objects_live":0,"objects_dead":0,"expired":0,"safety_expired":0,"damaged":0,"rekeyed":0,"rekey_left":0,"due":false,"finished":false,"slices":0,"notices":[]}

By hand: here nothing starts in the background.

  $ firn config gc.auto false && head -c 20000000 /dev/urandom >large && firn save -q && rm large && firn save -q && firn delete --now 2 -q
  2
  3
  2
  $ firn gc --auto --dry-run --json | python3 -c 'import json, sys; j = json.load(sys.stdin); print(j["due"], j["finished"], j["slices"])'
  True False 0
  $ echo more >more && firn save -q && firn gc --auto -n
  4
  worth it
  $ find $XDG_DATA_HOME -name '*.pack' -size +10M | wc -l
  1
  $ firn gc --auto
  0 packs removed, 1 rewritten: 20.1 MB before, <any> KB now
  $ firn gc --auto
  not worth it: little was deleted since the last gc, or one has just begun
  $ find $XDG_DATA_HOME -name '*.pack' -size +10M
  $ firn check -q && firn list -q
  4
  3
  1

By a delete, and by a save.

  $ gone() { for i in $(seq 1200); do find $XDG_DATA_HOME -name '*.pack' -size +10M | grep -q . || return 0; sleep 0.1; done; echo is there; }
  $ firn config --unset gc.auto && head -c 20000000 /dev/urandom >large && firn save -q && rm large && firn save -q && firn delete --now 5 -q
  5
  6
  5
  $ gone; firn check -q && firn list -q
  6
  4
  3
  1
  $ firn config gc.auto false && head -c 20000000 /dev/urandom >large && firn save -q && rm large && firn save -q && firn delete --now 7 -q
  7
  8
  7
  $ for i in $(seq 1200); do firn gc --auto -n | grep '^worth' && break; sleep 0.1; done
  worth it
  $ firn config --unset gc.auto && firn save -q | cat
  9
  $ gone; firn check -q && firn list -q | head -n 2; sleep 2
  9
  8

By the MCP server, after a save, unless it is turned off; what it deletes can be brought back.

  $ firn config gc.auto false && head -c 20000000 /dev/urandom >large && firn save -q && rm large && firn save -q
  10
  11
  $ call() { printf '{"jsonrpc":"2.0","id":0,"method":"initialize","params":{"protocolVersion":"2025-06-18"}}\n{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"%s","arguments":{"workspace_path":"."%s}}}\n' "$1" "$2" | firn mcp --allow-delete | grep -c '"isError":true'; }
  $ firn config --unset gc.auto && call checkpoint_delete ',"snapshot_id":"10"'
  0
  [1]
  $ firn gc --auto -n && firn undelete -q
  not worth it: little was deleted since the last gc, or one has just begun
  10
  $ firn config gc.auto false && firn delete --now 10 -q
  10
  $ sleep 2; for i in $(seq 1200); do firn gc --auto -n | grep '^worth' && break; sleep 0.1; done
  worth it
  $ call checkpoint_save; sleep 1; firn gc --auto -n
  0
  worth it
  $ firn config --unset gc.auto && call checkpoint_save
  0
  [1]
  $ gone; firn check -q; sleep 2

By the removal of a workspace from a store that others share, whose directory is gone.

  $ mkdir one two && cd one && head -c 20000000 /dev/urandom >large && firn save -q --store ../shared && cd ../two && firn save -q --store ../shared && cd .. && rm -r one
  1
  1
  $ shared() { for i in $(seq 1200); do find shared -name '*.pack' -size +10M | grep -q . || return 0; sleep 0.1; done; echo is there; }
  $ firn workspaces remove one -y -q --store shared && shared; sleep 2; firn -C two --store ../shared check -q && firn -C two --store ../shared list -q
  1

A store named relative to where one is.

  $ firn config gc.auto false && mkdir other && cd other && head -c 20000000 /dev/urandom >large && firn save -q --store ../../near && rm large && firn save -q --store ../../near && firn config gc.auto true --user && firn delete --now 1 -q --store ../../near
  1
  2
  1
  $ near() { for i in $(seq 1200); do find ../../near -name '*.pack' -size +10M | grep -q . || return 0; sleep 0.1; done; echo is there; }
  $ near; sleep 2; firn check -q --store ../../near
