Which checkpoint last changed each line of a file.

  $ printf 'a\nb\nc\nd\n' >f; firn save -q -m first; printf 'a\nB\nc\nd\n' >f; firn save -q -m second
  1
  2
  $ printf 'new\na\nB\nd\nend' >f; firn save -q -m third; firn blame f
  3
     3  <id>  <ago>  third                     1) new
     1  <id>  <ago>  first                     2) a
     2  <id>  <ago>  second                    3) B
     1  <id>  <ago>  first                     4) d
     3  <id>  <ago>  third                     5) end
  $ firn blame f 2; firn blame f -L 2,3; firn blame f -L 5; firn blame f -L 4,+9
     1  <id>  <ago>  first                     1) a
     2  <id>  <ago>  second                    2) B
     1  <id>  <ago>  first                     3) c
     1  <id>  <ago>  first                     4) d
     1  <id>  <ago>  first                     2) a
     2  <id>  <ago>  second                    3) B
     3  <id>  <ago>  third                     5) end
     1  <id>  <ago>  first                     4) d
     3  <id>  <ago>  third                     5) end
  $ firn blame f --json -L 3,4 | python3 -c 'import json, sys; b = json.load(sys.stdin); n = {c["id"]: c["number"] for c in b["checkpoints"]}; print(b["checkpoint"]["number"], [(l["line"], n[l["id"]], l["text"]) for l in b["lines"]])'
  3 [(3, 2, 'B'), (4, 1, 'd')]

Through renames, by agents, and where checkpoints are gone.

  $ turn() { echo '{"session_id":"s1","prompt":"rename it"}' | firn hook run claude $1; }
  $ mkdir s; mv f s/g; firn save -q -m moved; turn before; echo >>s/g; turn after; firn delete -q 2; cd s; firn blame g; cd ..
  4
  2
     3  <id>  <ago>  third                     1) new
     1  <id>  <ago>  first                     2) a
     3  <id>  <ago>  third                     3) B
     1  <id>  <ago>  first                     4) d
     5  <id>  <ago>  Claude Code: rename it    5) end

What has no lines, and what is not there.

  $ printf 'a\0b\n' >bin; : >empty; ln -s s link; firn save -q; firn blame empty; firn blame bin
  6
  ! firn: bin is a binary file: it has no lines
  ! hint: firn log PATH shows which checkpoints changed it
  [2]
  $ firn blame s
  ! firn: s is not a file
  [2]
  $ firn blame link
  ! firn: link is not a file
  [2]
  $ firn blame .
  ! firn: . is not a file
  [2]
  $ firn blame nowhere
  ! firn: 'nowhere' is not in the checkpoint
  ! hint: firn show REF --files lists the files of a checkpoint
  [3]
  $ firn blame s/g 77
  ! firn: there is no checkpoint '77'
  ! hint: firn list shows the checkpoints
  [3]
  $ firn blame s/g -L 6 2>&1 | head -1; firn blame s/g -L 0 2>&1 | head -1; firn blame s/g -L 3,2 2>&1 | head -1
  firn: blame: the file has only 5 lines
  firn: blame: --lines takes FIRST,LAST or FIRST,+COUNT, not '0'
  firn: blame: --lines takes FIRST,LAST or FIRST,+COUNT, not '3,2'

A state that only a restore saved.

  $ echo unsaved >>s/g; firn restore -q 6; firn blame s/g $(firn list -a -n 1 --json | python3 -c 'import json, sys; print(json.load(sys.stdin)["checkpoints"][0]["id"])') | tail -2
     5  <id>  <ago>  Claude Code: rename it    5) end
     -  <id>  <ago>  before restoring 6        6) unsaved

Lines that are never alike are those of the checkpoints that added them.

  $ cat >model.py <<'END'
  > import json, os, random, subprocess
  > seed = int(os.environ.get("SEED", "23"))
  > r = random.Random(seed)
  > lines, name, born, step = [], "m0", {}, 0
  > start = json.loads(subprocess.check_output(["firn", "list", "-n", "1", "--json"]))["checkpoints"][0]["number"]
  > while step < 25:
  >     step += 1
  >     if step > 1 and r.random() < 0.2:
  >         os.rename(name, f"m{step}")
  >         name = f"m{step}"
  >     else:
  >         for _ in range(r.randrange(3)):
  >             at, size = r.randrange(len(lines) + 1), r.randrange(4)
  >             lines[at:at + size] = [f"{step} {r.random()}" for _ in range(r.randrange(5))]
  >         open(name, "w").write("".join(line + "\n" for line in lines))
  >     for line in lines:
  >         born.setdefault(line, start + step)
  >     subprocess.check_call(["firn", "save", "-q"], stdout=subprocess.DEVNULL)
  > told = json.loads(subprocess.check_output(["firn", "blame", name, "--json"]))
  > number = {c["id"]: c["number"] for c in told["checkpoints"]}
  > wrong = [l for l in told["lines"] if number[l["id"]] != born[l["text"]]]
  > print(len(told["lines"]) == len(lines) > 9, wrong or "none wrong", *([seed] if wrong else []))
  > END
  $ python3 model.py
  True none wrong
