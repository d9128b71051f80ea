The program explains itself, and every command does.

  $ firn
  usage: firn COMMAND [options] [arguments]
  
  firn remembers: it saves the state of a directory tree as a checkpoint, shows
  what changed since, and brings any checkpoint back exactly. It is also a
  key-value store.
  
  In any directory of a workspace a command acts on the whole workspace, unless
  paths narrow it. Paths are read and shown relative to the current directory,
  which is "."; in JSON and patches they begin at the root. With -C DIR a command
  does what it would do if it were started in DIR: every relative path begins
  there, also that of --store or FIRN_STORE.
  
  Commands:
    save       Save the state of the workspace as a new checkpoint
    list       List the checkpoints of the workspace, newest first
    show       Show a checkpoint, or list what is in it
    status     Show what changed in the workspace since a checkpoint
    diff       Show what differs between two checkpoints, or one and the disk
    cat        Print a file as it is in a checkpoint
    report     Write the history as one page of HTML
    restore    Bring the workspace back to a checkpoint
    undo       Take back the last restore
    revert     Take back what one checkpoint changed and keep what came after
    watch      Save the workspace whenever it has changed and become quiet
    delete     Delete checkpoints
    forget     Take a file or directory out of every checkpoint, for good
    gc         Delete data that no checkpoint refers to
    tag        Give a checkpoint a name, take one away, or list them
    pin        Keep checkpoints from being deleted, or list those that are
    unpin      Take pins away
    check      Check that what was saved is there and whole
    repair     Make a sound store out of a damaged one
    init       Make the store of the workspace, and say where it is
    workspaces List workspaces, remove them, tell that they were moved
    trust      Use a store that lies inside of a directory
    config     Show or change what commands do where no option says so
    mcp        Serve coding agents by the Model Context Protocol
    hook       Save before and after each turn of a coding agent
    db         Read and write key-value data in a store
    chkp       Read and write packs of chkpt
    alxs       Read and write sorted tables of Alopex
    completion Print completions for a shell
    help       Explain the program or a command
    version    Print the version
  
  Options:
    -C, --workspace DIR   do it as if started in the directory DIR
        --store DIR       keep the checkpoints in DIR
        --wait SECONDS    wait so long for another writer (default 60; 0: do not)
        --strict          fail where something would be left out
        --json            print one JSON object
    -q, --quiet           print results only, no summaries and no progress
    -h, --help            explain the command
        --version         print the version
  
  Exit codes:
    0              done
    1              failed
    2              the command line is wrong; nothing was done
    3              not found
    4              locked by another process, or in conflict with it
    5              damaged data
    6              done, but something named was left out (with --strict: 1)
    128+n          ended by signal n
  
  Environment:
    FIRN_STORE     where the checkpoints are kept, if --store is not given
    XDG_DATA_HOME  stores are made below firn/ in here (default: ~/.local/share)
    XDG_CONFIG_HOME settings are in firn/config in here (default: ~/.config)
  
  More about a command: firn help COMMAND
  [2]
  $ firn help | head -n 3
  usage: firn COMMAND [options] [arguments]
  
  firn remembers: it saves the state of a directory tree as a checkpoint, shows
  $ firn --help | cmp - <(firn help)
  $ firn -h | cmp - <(firn help)

The same words whichever way they are asked for, in at most 80 columns; each command is in the overview.

  $ for command in save list show status diff cat report restore undo revert watch delete forget gc tag pin unpin check repair init config mcp completion help version; do
  >     firn help | grep -q "^  $command " || echo "$command is not listed"
  >     firn help $command >a && firn $command --help >b && cmp a b
  >     head -n 1 a | grep -q "^usage: firn $command" || echo "$command has another usage"
  >     awk 'length > 80' a
  > done
  $ for group in workspaces hook db chkp alxs; do
  >     firn help $group >a && firn $group --help >b && cmp a b
  >     for command in $(sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p' a); do
  >         echo $group $command
  >         firn help $group $command >a && firn $group $command --help >b && cmp a b
  >         awk 'length > 80' a
  >     done
  > done
  workspaces list
  workspaces remove
  workspaces relocate
  hook install
  hook print
  hook remove
  hook run
  db put
  db get
  db del
  db scan
  db load
  db dump
  db delrange
  db keyspaces
  db drop
  db checkpoint
  db checkpoints
  db diff
  db restore
  db undo
  db clone
  db export
  db import
  db flush
  db compact
  db stats
  db check
  db repair
  db destroy
  chkp list
  chkp cat
  chkp verify
  chkp pack
  alxs list
  alxs get
  alxs verify
  alxs build
  alxs load
  $ firn help | awk 'length > 80'

  $ firn help undo
  usage: firn undo [options]
  
  Take back the last restore.
  
  Brings back the state in which the last restore found the workspace, or the part
  of it that was restored. Like every restore this takes a safety checkpoint of
  what was done since, so a second undo takes back the first. A restore that was
  interrupted is taken back from where it stands. Safety checkpoints are listed by
  firn list --all.
  
  Options:
    -n, --dry-run         show what would change; change nothing
        --trust-journal   also an interrupted restore that you did not begin here
  
  Options shared with other commands:
    -C, --workspace DIR   do it as if started in the directory DIR
        --store DIR       keep the checkpoints in DIR
        --wait SECONDS    wait so long for another writer (default 60; 0: do not)
        --strict          fail where something would be left out
        --json            print one JSON object
    -q, --quiet           print results only, no summaries and no progress
    -h, --help            explain the command
  
  Examples:
    firn undo
        the workspace as it was before the last restore
    firn undo -n
        what would that change?

Options before the command count too; help wins over mistakes behind it.

  $ firn -q help undo | cmp - <(firn help undo)
  $ firn restore --help
  usage: firn restore [options] [REF] [PATH...]
  
  Bring the workspace back to a checkpoint.
  
  REF names a checkpoint: its number, its id or at least four letters from its
  start (in any case), latest, a tag, one so many before another (latest~2), or
  a time ("10 minutes ago"). The whole workspace is restored, from any directory
  in it. All further words are paths, relative to the current directory; with
  them only they, and what is below them, are restored: firn restore 12 . is the
  current directory.
  
  Afterwards the tree is that of the checkpoint: files that it does not have are
  removed. What rules leave out, those of the checkpoint or those of today, stays
  as it is, and is named where the checkpoint has another version; all else is
  restored. So it is with what cannot be saved first, or not be changed; the exit
  code is 6 then, and --resume restores the rest once the causes are gone.
  Before anything is written, all that is needed is read and verified, and a
  safety checkpoint of the present state is taken: firn undo brings that back.
  
  Ctrl-C stops a restore and nothing has changed, until files change places; then
  it says how far it is and goes on to its end, and only a second one ends it.
  Beside it firn status says that it is under way.
  
  If a restore is interrupted, each file is the old one or the new one, whole.
  Then --resume, without REF, finishes it, and firn undo takes it back; a save
  finishes it first. What was edited meanwhile is kept. An interrupted restore
  that you did not begin in this directory on this machine may have come with the
  store: it is told and left alone, unless --resume --trust-journal asks for it.
  
  Options:
    -n, --dry-run         show what would change; change nothing
        --to DIR          restore into the empty or missing directory DIR
        --resume          finish a restore that was interrupted
        --trust-journal   with --resume: also one that you did not begin here
  
  Options shared with other commands:
    -C, --workspace DIR   do it as if started in the directory DIR
        --store DIR       keep the checkpoints in DIR
        --wait SECONDS    wait so long for another writer (default 60; 0: do not)
        --strict          fail where something would be left out
        --json            print one JSON object
    -q, --quiet           print results only, no summaries and no progress
    -h, --help            explain the command
  
  Examples:
    firn restore 12
        bring the workspace back to checkpoint 12
    firn restore latest -n
        what would that change?
    firn restore 12 src/main.c docs
        only that file and that directory
    firn restore 12 --to /tmp/look
        a copy of it somewhere else
    firn restore --resume
        finish what a crash has interrupted
  $ firn help db
  usage: firn db COMMAND [options] [arguments]
  
  STORE is a directory. In it are keyspaces, each an ordered map from bytes to
  bytes. Commands that only read also take a file that firn db export has written.
  
  Commands:
    put         Write a value under a key
    get         Print the value of a key
    del         Delete a key
    scan        Print the entries of a keyspace in the order of their keys
    load        Write rows into a keyspace
    dump        Print a whole keyspace as rows that firn db load reads
    delrange    Delete all keys in a range
    keyspaces   Print the names of a store's keyspaces
    drop        Remove a keyspace and all that is in it
    checkpoint  Keep the present state of a store's data
    checkpoints List the checkpoints of a store's data, the newest first
    diff        Show what two checkpoints have differently
    restore     Bring a store's data back to a checkpoint
    undo        Take back the last restore of a store's data
    clone       Make another store that has all of this one
    export      Write one checkpoint of a store's data into a single file
    import      Make a store of a file that firn db export has written
    flush       Move everything from a store's log to sorted files
    compact     Merge a store's files until what was deleted takes up no space
    stats       Show the files of a store: levels, sizes, entries
    check       Read all of a store again and verify it
    repair      Make a sound store out of a damaged one
    destroy     Remove a store and all that is in it, for good
  
  More about a command: firn help db COMMAND
  $ firn help nothing
  ! firn: unknown command 'nothing'
  ! help: firn help
  [2]
  $ firn help db nothing
  ! firn: unknown command 'db nothing'
  ! help: firn help
  [2]
  $ firn help save more
  ! firn: unknown command 'save more'
  ! help: firn help
  [2]
  $ firn help db put more
  ! firn: help: unexpected argument 'more'
  ! usage: firn help [COMMAND] [COMMAND]
  ! help: firn help help
  [2]
  $ firn help --json
  {"error":{"code":"FIRN_INVALID","message":"help: --json means nothing to this command","exit":2}}
  ! firn: help: --json means nothing to this command
  ! usage: firn help [COMMAND] [COMMAND]
  ! help: firn help help
  [2]

  $ firn version
  firn 0.1.0
  $ firn --version
  firn 0.1.0
  $ firn version --json
  {"version":"0.1.0"}
  $ firn --json version
  {"version":"0.1.0"}
  $ firn version 1
  ! firn: version: unexpected argument '1'
  ! usage: firn version
  ! help: firn help version
  [2]

What refuses --json does not offer it.

  $ for command in mcp help completion "hook run" save; do echo "$command: $(firn help $command | grep -c -e '--json ')"; done
  mcp: 0
  help: 0
  completion: 0
  hook run: 0
  save: 1
  $ firn help mcp | tr -s ' \n' ' ' | grep -o 'checkpoint_[a-z]*' | sort -u | wc -l
  9
