For any input, the object on standard output is valid JSON and contains exactly the input.

  $ cat >check.py <<'END'
  > import json, random, subprocess, sys
  > seed = int(sys.argv[1])
  > print(f"seed {seed}")
  > random.seed(seed)
  > def some_bytes():
  >     parts = [b"\0", b"\"", b"\\", b"/", b"\n", b"\x1b", b"\x7f", b"\xff", b"\xc3", b"\xa9", b"\xe2\x80\xae", b"\xf0\x9f\x98\x80",
  >              b"\xed\xa0\x80", b"\xf3\xa0\x80\x81", b"\xc0\x80", b"\xf4\x90\x80\x80", b"a", "\u00e9".encode(), b"</script>", b"\xe2\x80\xa8"]
  >     return b"".join(random.choice(parts) for _ in range(random.randrange(12)))
  > def value_of(member, name):
  >     if name + "_hex" in member:
  >         value = bytes.fromhex(member[name + "_hex"])
  >         try:
  >             value.decode()
  >             sys.exit("a twin in hexadecimal that is not needed")
  >         except UnicodeDecodeError:
  >             return value
  >     return member[name].encode()
  > entries = {}
  > for _ in range(60):
  >     key, value = some_bytes(), some_bytes()
  >     entries[key] = value
  >     subprocess.run(["firn", "db", "put", "--hex", "s.firn", "k", key.hex(), value.hex()], check=True)
  > text = subprocess.run(["firn", "db", "scan", "s.firn", "k", "--json"], check=True, capture_output=True).stdout
  > text.decode("utf-8")
  > if any(byte < 32 or byte == 127 for byte in text[:-1]) or text[-1:] != b"\n" or "\u202e" in text.decode():
  >     sys.exit("a control character")
  > scanned = json.loads(text, parse_constant=lambda name: sys.exit(name))
  > listed = [(value_of(e, "key"), value_of(e, "value")) for e in scanned["entries"]]
  > print(listed == sorted(entries.items()), scanned["count"] == len(entries))
  > rows = subprocess.run(["firn", "db", "scan", "s.firn", "k", "--hex"], check=True, capture_output=True).stdout.decode()
  > print([tuple(bytes.fromhex(cell) for cell in row.split("\t")) for row in rows.split("\n")[:-1]] == listed)
  > END
  $ python3 check.py $FIRN_TEST_SEED
  seed <n>
  True True
  True

Every command prints one object, whether it succeeds or fails; nothing comes twice.

  $ cat >one.py <<'END'
  > import json, subprocess, sys
  > def once(pairs):
  >     names = [name for name, value in pairs]
  >     if len(set(names)) != len(names):
  >         sys.exit(f"a member comes twice: {names}")
  >     return dict(pairs)
  > for line in sys.stdin:
  >     words = line.split()
  >     result = subprocess.run(["firn"] + words + ["--json"], capture_output=True)
  >     answer = json.loads(result.stdout, object_pairs_hook=once)
  >     failed = result.returncode not in (0, 6)
  >     if ("error" in answer) != failed or (failed and answer["error"]["exit"] != result.returncode):
  >         print("wrong:", line, result.stdout)
  >     print(result.returncode, " ".join(words), " ".join(answer))
  > END
  $ echo one >f && printf 'a\tb\n' >rows && python3 one.py <<'END'
  > list
  > status
  > show latest
  > restore latest
  > undo
  > check
  > init
  > save -m text
  > save
  > list
  > status
  > show latest
  > show 1 --files
  > show 9 --files
  > diff 1
  > diff 1 2 --stat
  > diff 9
  > cat 1 f
  > cat 1 nothing
  > report -o ../page.html
  > report -o f
  > restore 1
  > restore 1 -n
  > revert 1
  > revert 2 -n
  > restore non~sense
  > pin 1
  > pin
  > pin 9
  > unpin 1
  > delete --expired -n
  > delete --expired --keep x
  > forget -n f
  > forget -y nothing
  > tag a-tag 1
  > tag
  > tag no~tag 1
  > tag -d a-tag
  > restore 1 nothing
  > restore 1 --to f
  > undo
  > check
  > check --data
  > delete 1 9
  > delete 1 -n
  > delete 1
  > gc -n
  > gc
  > list --limit x
  > nonsense
  > db
  > db put s.firn k a
  > db put s.firn k a b
  > db get s.firn k a
  > db get s.firn k nothing
  > db del s.firn k a
  > db del s.firn nothing a
  > db scan s.firn k --limit 1
  > db scan f k
  > db check s.firn
  > db export s.firn -o s.firnx
  > db export s.firn -o s.firnx
  > db import s.firnx t.firn
  > db import s.firnx t.firn
  > db scan s.firnx k
  > db check f
  > chkp list .
  > chkp list nothing
  > chkp pack . f
  > chkp pack . nothing
  > chkp verify .
  > chkp cat . 00
  > alxs build t.alxs f
  > alxs build t.alxs rows
  > alxs build t.alxs nothing
  > alxs list t.alxs
  > alxs list nothing
  > alxs get t.alxs a
  > alxs get t.alxs nothing
  > alxs verify t.alxs
  > alxs verify f
  > alxs load t.alxs s.firn k
  > version
  > END
  0 list checkpoints pending running
  3 status changes error
  3 show latest error
  3 restore latest changes error
  3 undo changes error
  3 check notices error
  0 init workspace store created adopted first_save
  0 save -m text checkpoint previous made unchanged added changed removed expired notices large
  0 save checkpoint previous made unchanged added changed removed expired notices large
  0 list checkpoints pending running
  0 status changes checkpoint added changed removed times_only unchanged skipped watched store_in_git notices encryption remotes pending running
  0 show latest checkpoint tried tags previous added changed removed times_only renamed skipped pending running
  0 show 1 --files checkpoint entries pending running
  3 show 9 --files error
  0 diff 1 changes before after added changed removed times_only renamed skipped notices pending running
  0 diff 1 2 --stat changes databases before after added changed removed times_only renamed skipped lines_added lines_removed notices
  3 diff 9 changes error
  0 cat 1 f entry content
  3 cat 1 nothing error
  0 report -o ../page.html file checkpoints bytes cut left_out notices pending running
  1 report -o f error
  0 restore 1 changes checkpoint dry_run safety added changed removed unchanged incomplete written_ns left_alone not_restored notices hooks_removed without_git
  0 restore 1 -n changes checkpoint dry_run safety added changed removed unchanged incomplete written_ns left_alone not_restored notices hooks_removed without_git
  3 revert 1 conflicts error
  0 revert 2 -n conflicts changes before after dry_run safety added changed removed merged left_alone incomplete not_restored notices hooks_removed without_git
  2 restore non~sense changes error
  0 pin 1 pinned
  0 pin pins
  3 pin 9 pinned error
  0 unpin 1 unpinned
  0 delete --expired -n deleted
  2 delete --expired --keep x deleted error
  0 forget -n f forgotten dry_run repositories
  3 forget -y nothing forgotten error
  0 tag a-tag 1 tag checkpoint
  0 tag tags
  2 tag no~tag 1 error
  0 tag -d a-tag tag
  3 restore 1 nothing changes error
  3 restore 1 --to f changes error
  0 undo changes checkpoint dry_run safety added changed removed unchanged incomplete written_ns left_alone not_restored unsaved steps notices hooks_removed without_git
  0 check checkpoints safety packs objects bytes_read damaged newer notices
  0 check --data checkpoints safety packs objects bytes_read damaged newer notices
  3 delete 1 9 deleted error
  0 delete 1 -n deleted
  0 delete 1 deleted
  0 gc -n bytes_before bytes_after packs_before packs_after packs_removed packs_rewritten packs_waiting bytes_waiting bytes_dead objects_live objects_dead expired safety_expired damaged rekeyed rekey_left notices
  0 gc bytes_before bytes_after packs_before packs_after packs_removed packs_rewritten packs_waiting bytes_waiting bytes_dead objects_live objects_dead expired safety_expired damaged rekeyed rekey_left notices
  2 list --limit x error
  2 nonsense error
  2 db error
  2 db put s.firn k a error
  0 db put s.firn k a b key_size value_size
  0 db get s.firn k a key value
  3 db get s.firn k nothing error
  0 db del s.firn k a 
  3 db del s.firn nothing a error
  0 db scan s.firn k --limit 1 entries count
  2 db scan f k error
  0 db check s.firn damage keyspaces entries log_records tables rows index_entries damaged
  0 db export s.firn -o s.firnx 
  1 db export s.firn -o s.firnx error
  0 db import s.firnx t.firn checkpoint
  1 db import s.firnx t.firn error
  0 db scan s.firnx k entries count
  2 db check f error
  0 chkp list . damage objects packs count
  3 chkp list nothing damage error
  0 chkp pack . f objects pack count
  3 chkp pack . nothing objects error
  0 chkp verify . damage packs objects
  2 chkp cat . 00 error
  2 alxs build t.alxs f error
  0 alxs build t.alxs rows count checksum
  3 alxs build t.alxs nothing error
  0 alxs list t.alxs entries count
  3 alxs list nothing error
  0 alxs get t.alxs a key value
  3 alxs get t.alxs nothing error
  0 alxs verify t.alxs damage count equal_keys key_size_max value_size_max file_size checksum
  5 alxs verify f damage count equal_keys key_size_max value_size_max file_size checksum error
  0 alxs load t.alxs s.firn k count equal_keys
  0 version version
