firn doctor says what is not as it should be. What it says of the disk depends on the machine, and is left out here.

  $ d() { firn doctor -q --json $1 | python3 -c 'import json, sys; [print(c["state"], c["check"] + ":", c["text"], "|", c["hint"]) for c in json.load(sys.stdin)["checks"] if c["check"] != "disk"]'; }
  $ echo one >one && d
  note directory: <T>/w: nothing is saved yet | firn save
  ok store: will be <T>/data/firn/w-<any> free | None
  note saving: nothing saves by itself here | firn hook install AGENT saves an agent's turns, firn watch whenever work pauses
  $ mkdir node_modules .git build; echo x >node_modules/x; echo 'build' >.firnignore; mkfifo pipe; firn save -q; d
  1
  ok directory: <T>/w, last saved <time> as 1 | None
  ok store: <T>/data/firn/w-<any> free | None
  ok files: as they were saved | None
  ok left out: 2 by rule: build, node_modules | firn status --ignored lists all
  note saving: nothing saves by itself here | firn hook install AGENT saves an agent's turns, firn watch whenever work pauses
  ! firn: left out: pipe: fifo

Each row has what to do about it. -q prints warnings alone; the exit code is 1 if there are any.

  $ echo two >two; echo 'a[' >>.firnignore; firn doctor | grep -A1 -e '^[a-z]*  *files ' -e 'left out '
  note     files       2 changes are not saved
                       firn status lists them, firn save saves them
  ok       left out    2 by rule: build, node_modules
                       firn status --ignored lists all
  warning  files       1 cannot be saved, or not as they are: .firnignore: line 2 is not used: a '[' without its ']'
                       firn status names all of them
  $ firn doctor -q | grep -c ' files  *1 cannot'; firn doctor >/dev/null
  1
  [1]
  $ echo build >.firnignore; firn hook install claude >/dev/null; d | grep hooks
  note hooks: Claude Code has the hooks, and no turn was saved yet | firn hook status says what may be missing
  $ echo '{"prompt":"p"}' | firn hook run claude before; echo 3 >two; echo '{}' | firn hook run claude after; d | grep hooks
  ok hooks: Claude Code, last turn saved <time> | None

Remotes are not asked. One that is gone is told when a push in the background has failed.

  $ mkdir ../far; firn remote add far "$PWD/../far" >/dev/null; d | grep remote
  note remote: far lacks 3 checkpoints | firn push sends what is new
  $ firn push -q far; d | grep remote
  ok remote: far has everything | None

An encrypted store that only one key opens; without that, doctor can look at nothing.

  $ mkdir ../e; cd ../e; echo a key of more than thirty-two bytes, for one test >../key; export FIRN_KEY_FILE=$PWD/../key; firn init -q --encrypt; d | grep encryption
  warning encryption: XChaCha20-Poly1305, 1 key: if that is lost, so is everything | firn key add --recovery makes a recovery code, to be written down
  $ firn key add -q --recovery >/dev/null 2>&1; d | grep encryption
  ok encryption: XChaCha20-Poly1305, 2 keys | None
  $ FIRN_KEY_FILE= firn doctor
  ! firn: '<T>/data/firn/e-<any>' is encrypted, and no key was given: <any>
  [1]
