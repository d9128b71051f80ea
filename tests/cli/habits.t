What people who know git, or other programs, type is answered with what to type here.

  $ echo a >f; mkdir src; echo b >src/g; firn save -q; echo c >f; firn save -q
  1
  2
  $ for reference in HEAD HEAD~1 HEAD^ @ @~1 @{1}; do firn show $reference 2>&1 | tail -n 1; done | sort | uniq -c | sed 's/^ *//'
  6 hint: the newest checkpoint is latest, the one before it latest~1
  $ firn diff latest^
  ! firn: 'latest^' is not a reference to a checkpoint: give its number, at least 4 letters of its id, a name or tag, a time, or 'latest'
  ! hint: the checkpoint before another is REF~1, as in latest~1
  [2]
  $ firn show 7:f 2>&1 | tail -n 1; firn cat HEAD:f 2>&1 | tail -n 1; firn cat 1:nothing 2>&1 | tail -n 1; firn show 14:99 2>&1 | tail -n 1
  hint: in REF:PATH, no checkpoint stands before the colon; firn list shows them
  hint: the newest checkpoint is latest, the one before it latest~1
  hint: firn show REF --files lists the files of a checkpoint
  hint: firn list shows the checkpoints; to give paths write -- before them
  $ firn show :/text 2>&1 | tail -n 1; firn diff main 2>&1 | tail -n 1; firn push origin master 2>&1 | tail -n 1
  hint: firn log --grep PATTERN searches the messages
  hint: there are no branches; the newest checkpoint is latest
  hint: there are no branches; the newest checkpoint is latest
  $ firn log 1
  ! firn: no checkpoint contains this path
  ! hint: firn log -n N shows the N newest, firn show REF one checkpoint
  [3]
  $ firn log HEAD 2>&1 | tail -n 1; firn log latest 2>&1 | tail -n 1; firn log nowhere 2>&1 | tail -n 1
  hint: firn log ..REF shows a checkpoint and those before it, firn log REF.. those after it
  hint: firn log ..REF shows a checkpoint and those before it, firn log REF.. those after it
  hint: firn show REF --files lists the files of a checkpoint

Options.

  $ firn log --oneline
  ! firn: log: unknown option '--oneline'
  ! hint: firn log prints one line for each checkpoint
  ! usage: firn log [options] [REF..REF|REMOTE] [PATH...]
  ! help: firn help log
  [2]
  $ firn log -5 2>&1 | sed -n 2p; firn save -am text 2>&1 | sed -n 2p; firn restore --source=1 f 2>&1 | sed -n 2p; firn diff --cached 2>&1 | sed -n 2p
  hint: firn log -n N shows the N newest
  hint: firn save saves every file by itself
  hint: firn restore REF PATH restores a file of a checkpoint
  hint: nothing is staged: firn diff compares the newest checkpoint with the disk
  $ firn log --oneline --json 2>/dev/null
  {"error":{"code":"FIRN_INVALID","message":"log: unknown option '--oneline'","hint":"firn log prints one line for each checkpoint","exit":2}}
  [2]
  $ firn show -5 2>&1 | head -n 2
  firn: show: unknown option '-5': write -- before arguments that begin with -
  usage: firn show [options] [REF] [PATH...]
  $ for words in 'save --mesage x' 'list --lim 3' 'diff --stta' 'log --patch=1' 'list --nothing' 'save text' 'init .' 'restore latest --target d' 'forget --keep-daily 7'; do firn $words 2>&1 | grep -v usage: | head -n 2; done
  firn: save: unknown option '--mesage'; the nearest is --message
  help: firn help save
  firn: list: unknown option '--lim'; the nearest is --limit
  help: firn help list
  firn: diff: unknown option '--stta'; the nearest is --stat
  help: firn help diff
  firn: log: --patch takes no value
  help: firn help log
  firn: list: unknown option '--nothing'
  help: firn help list
  firn: save: unexpected argument 'text'
  hint: firn save saves the whole directory; firn save -m MESSAGE gives it a message
  firn: init: unexpected argument '.'
  hint: firn -C DIR init makes a store for another directory
  firn: restore: unknown option '--target'
  hint: firn restore REF --to DIR restores into another directory
  firn: forget: unknown option '--keep-daily'
  hint: firn delete --expired --keep POLICY deletes old checkpoints; firn forget removes paths

Commands, by what they mean: a word that only looks like a command is not taken for it.

  $ firn hook uninstall
  ! firn: hook: unknown command 'uninstall'; firn hook remove AGENT removes the hooks
  ! help: firn help hook
  [2]
  $ for word in ls rm checkout commit snapshot history rollback load sync info stop unwatch op rebase 'bisect start' 'db set' 'db rm' 'db ls' 'workspaces rm'; do firn $word 2>&1 | head -n 1 | sed "s/^firn: .*unknown command //"; done
  'ls'; firn list lists the checkpoints, firn show REF --files the files of one
  'rm'; firn delete deletes checkpoints, firn forget removes a path from all of them
  'checkout'; firn restore REF restores a checkpoint, firn restore REF PATH a file of one
  'commit'; firn save -m MESSAGE saves the whole directory
  'snapshot'; firn save saves the whole directory, firn list lists the checkpoints
  'history'; firn log shows what each checkpoint changed, firn list lists them
  'rollback'; firn undo goes one state back, firn restore REF to a checkpoint
  'load'; firn import brings in what other programs saved, firn restore a checkpoint
  'sync'; firn push sends checkpoints to a remote, firn pull brings those of others
  'info'; firn show REF shows a checkpoint, firn init where the store is
  'stop'; firn watch --stop ends a watch
  'unwatch'; firn watch --stop ends a watch
  'op'; firn undo --list lists the states that can be gone back to
  'rebase'; there are no branches; firn revert undoes what one checkpoint changed
  'start'; firn bisect run COMMAND does all steps by itself
  'set'; firn db put writes a key
  'rm'; firn db del deletes a key, firn db destroy a store
  'ls'; firn db keyspaces lists keyspaces and tables, firn db scan the entries of one
  'rm'; firn workspaces remove ROOT deletes what was saved of a workspace
  $ for word in uncat show2 lit gerp dog; do firn $word 2>&1 | head -n 1; done
  firn: unknown command 'uncat'
  firn: unknown command 'show2'; the nearest is show
  firn: unknown command 'lit'; the nearest is list
  firn: unknown command 'gerp'; the nearest is grep
  firn: unknown command 'dog'

No word that is explained is a command, and each command that an explanation names is one.

  $ cat >../named.py <<'END'
  > import re, subprocess, sys
  > table = open(sys.argv[1]).read().split("elsewhere[] = {")[1]
  > firn = lambda *words: subprocess.run(["firn", *words], capture_output=True, text=True)
  > count = 0
  > for word, text in re.findall(r'\{"([^"]+)", "([^"]+)"\}', table):
  >     count += 1
  >     first = word.split()
  >     found = re.search("unknown (command|option)|unexpected argument", firn(*[f if f != "-N" else "-7" for f in first]).stderr)
  >     if found is None:
  >         print("known:", word)
  >     for name in re.findall(r"firn ((?:db |hook |workspaces )?[a-z]+)", text):
  >         names = name.split()
  >         if firn("help", *names).returncode != 0 and firn("help", *names[:1]).returncode != 0:
  >             print("unknown:", name)
  > print(count > 100)
  > END
  $ python3 ../named.py $SOURCE/src/programs/cli/cli_table.c
  True

The rows of --stat keep to the terminal, with what is said after the bar.

  $ mkdir ../stat && cd ../stat && firn init -q && firn save -q; seq 1 900 >a; seq 1 40 >a-file-with-a-longer-name; firn save -q
  1
  2
  $ firn diff --stat 1 2 | awk 'length > 80' | wc -l; firn diff --stat 1 2 | head -n 1 | wc -L; python3 $SOURCE/tests/cli/on_terminal.py --of o --columns 50 env NO_COLOR=1 firn diff --stat 1 2 | awk 'length > 50 && / \| /' | wc -l
  0
  80
  0

Tags and pins, as subcommands: no tag is made that nobody wants.

  $ cd && mkdir tags && cd tags && echo a >f && firn save -q
  1
  $ firn tag list
  ! firn: 'list' is not taken for the name of a tag
  ! hint: firn tag lists the tags
  [2]
  $ for words in ls 'rm v1' 'delete v1' 'add v1' 'set v1'; do firn tag $words 2>&1 | sed -n 2p; done; firn tag
  hint: firn tag lists the tags
  hint: firn tag -d NAME deletes a tag
  hint: firn tag -d NAME deletes a tag
  hint: firn tag NAME [REF] sets a tag
  hint: firn tag NAME [REF] sets a tag
  no tags
  $ firn tag list latest && firn tag && firn tag -d list -q && firn tag
  list is 1
     1  <id>  <time>  list
  no tags
  $ firn pin list 2>&1 | tail -n 1; firn pin rm 1 2>&1 | tail -n 1; firn unpin list 2>&1 | tail -n 1
  hint: firn pin lists the pinned checkpoints
  hint: firn unpin REF removes a pin
  hint: firn pin lists the pinned checkpoints
