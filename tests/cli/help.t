The program explains itself, and every command does.

  $ firn
  Nothing in this directory is saved yet. The first steps:
    firn save                 keep all of it as it is now
    firn status               show what has changed since
    firn undo                 take back the last change; firn redo brings it back
    firn hook install AGENT   save each turn of claude, codex, gemini, cursor, ...
  All commands: firn help. Keys, tables and vectors: firn help db
  [2]
  $ firn save -q; firn
  1
  usage: firn COMMAND [options] [arguments]
  
  firn saves the state of a directory tree as a checkpoint, shows what has changed
  since, and restores any checkpoint exactly. It also stores key-value data, and
  tables that can be queried with SQL.
  
  Everyday commands:
    save     Save the state of the workspace as a new checkpoint
    status   Show what changed in the workspace since a checkpoint
    diff     Show differences between checkpoints, or one and the disk
    undo     Go one state back
    redo     Go one state forward, after an undo
    restore  Restore the workspace to a checkpoint
    revert   Undo what one checkpoint changed and keep later changes
    watch    Save the workspace whenever changes pause
  
  Other commands:
    log browse list show cat blame grep find report mount tag describe pin unpin
    delete undelete forget push pull fetch clone remote turns run bisect hook mcp
    init config workspaces trust key gc check repair doctor db import export chkp
    alxs help completion version
  
  What they do, options and exit codes: firn help
  More about a command: firn help COMMAND
  [2]
  $ firn | wc -l; firn | wc -L
  24
  80
  $ firn help
  usage: firn COMMAND [options] [arguments]
  
  firn saves the state of a directory tree as a checkpoint, shows what has changed
  since, and restores any checkpoint exactly. It also stores key-value data, and
  tables that can be queried with SQL.
  
  In any directory of a workspace a command acts on the whole workspace, unless
  paths are given. Paths are relative to the current directory; in JSON and patches
  they are relative to the root of the workspace. With -C DIR a command runs as if
  started in DIR, and relative paths of --store and FIRN_STORE begin there too.
  
  Everyday commands:
    save       Save the state of the workspace as a new checkpoint
    status     Show what changed in the workspace since a checkpoint
    diff       Show differences between checkpoints, or one and the disk
    undo       Go one state back
    redo       Go one state forward, after an undo
    restore    Restore the workspace to a checkpoint
    revert     Undo what one checkpoint changed and keep later changes
    watch      Save the workspace whenever changes pause
  
  History commands:
    log        Show what each checkpoint changed, newest first
    browse     Look at the history on a screen, and restore from it
    list       List the checkpoints of the workspace, newest first
    show       Show a checkpoint, or list its files
    cat        Print a file as it is in a checkpoint
    blame      Show which checkpoint last changed each line of a file
    grep       Search the files of a checkpoint
    find       Find files by name in all checkpoints
    report     Write the history as an HTML page
    mount      Show all checkpoints as read-only directories
    tag        Add, list or delete tags (names of checkpoints)
    describe   Give a checkpoint another message
    pin        Protect checkpoints from deletion, or list protected ones
    unpin      Remove pins
    delete     Delete checkpoints
    undelete   Bring back deleted checkpoints
    forget     Remove a file or directory from every checkpoint, for good
  
  Sharing commands:
    push       Send checkpoints to a remote
    pull       Bring checkpoints that others have pushed to a remote
    fetch      The same as pull, which changes no file either
    clone      Make a workspace from a remote
    remote     Add, list, log, prune, show or remove remotes
  
  Agent commands:
    turns      List the turns of coding agents and runs, and what they changed
    run        Run a command, and save before and after it
    bisect     Find the checkpoint, or the turn, that broke something
    hook       Save before and after each turn of a coding agent
    mcp        Serve coding agents by the Model Context Protocol
  
  Maintenance commands:
    init       Make a store for the workspace, and print where it is
    config     Show or change settings
    workspaces List, remove or relocate workspaces
    trust      Trust a store
    key        Show, add, change or remove what opens an encrypted store
    gc         Delete data that no checkpoint refers to
    check      Check that everything saved is present and undamaged
    repair     Repair a damaged store
    doctor     Say what is not as it should be, and what to do about it
  
  Database commands:
    db         Read and write key-value data and tables in a store
  
  Import and export commands:
    import     Bring in what other programs have saved
    export     Write checkpoints for other programs
    chkp       Read and write packs of chkpt
    alxs       Read and write sorted tables of Alopex
  
  Help commands:
    help       Explain the program or a command
    completion Print a completion script for a shell
    version    Print the version
  
  Options:
    -C, --directory DIR   run as if started in DIR
        --store DIR       use the store in DIR
        --wait SECONDS    wait for another writer (default 60; 0: do not wait)
        --strict          fail if anything would be left out
        --no-pager        print long results without a pager
        --color WHEN      use colors: always, never or auto (on a terminal)
        --json            print one JSON object
    -q, --quiet           print results only, no summaries or progress
    -h, --help            print help
        --version         print the version
  
  Exit codes:
    0              done
    1              failed
    2              the command line is wrong; nothing was done
    3              not found
    4              locked by another process, or a conflict
    5              damaged data
    6              done, except for the items named (with --strict: 1)
    128+n          ended by signal n
  
  Environment:
    FIRN_STORE     the store, if --store is not given
    FIRN_KEY_FILE  a key file that opens an encrypted store
    FIRN_KEY_COMMAND a command that prints the passphrase of one
    FIRN_REMOTE_KEY_FILE the same for an encrypted remote; counts first there
    FIRN_REMOTE_KEY_COMMAND the same
    PAGER          for long results on a terminal (or FIRN_PAGER; default: less)
    BROWSER        for firn report --open (default: xdg-open)
    NO_COLOR       if it is set, there are no colors, unless they are asked for
    XDG_DATA_HOME  stores are in firn/ in here (default: ~/.local/share)
    XDG_CONFIG_HOME settings are in firn/config in here (default: ~/.config)
  
  A beginning of a command's name is enough if no other begins so.
  More about a command: firn help COMMAND
  $ firn --help | cmp - <(firn help)
  $ firn -h | cmp - <(firn help)

The same words whichever way they are asked for, in at most 80 columns; each command is in the overview.

  $ for command in save push pull fetch clone log browse list show status diff cat blame grep find report restore undo redo revert watch delete forget gc tag describe pin unpin check repair init config mcp completion help version; do
  >     firn help | grep -q "^  $command " || echo "$command is not listed"
  >     firn help $command >a && firn $command --help >b && cmp a b
  >     head -n 1 a | grep -q "^usage: firn $command" || echo "$command has another usage"
  >     awk 'length > 80' a
  > done
  --turn goes back to where the last turn of a coding agent began (firn help hook),
    -t, --turn            go back to before the last turn of a coding agent, or TURN
        --limit N         with --list: the N nearest in each direction (default 20)
  $ for group in workspaces remote key hook db chkp alxs; do
  >     firn help $group >a && firn $group --help >b && cmp a b
  >     for command in $(sed -n '/^Commands:/,/^$/{s/^  table \([a-z]*\) .*/table_\1/p;t
  >         s/^  \([a-z]*\) .*/\1/p}' a); do
  >         command=${command/_/ }
  >         echo $group $command
  >         firn help $group $command >a && firn $group $command --help >b && cmp a b
  >         awk 'length > 80' a
  >     done
  > done
  workspaces list
  workspaces remove
  workspaces relocate
  remote add
  remote list
  remote log
  remote prune
  remote show
  remote remove
  key list
  key add
  key change
  key remove
  key recover
  key rotate
  key replace
  key unlock
  key lock
  hook install
  hook print
  hook remove
  hook status
  hook run
  db put
  db get
  db del
  db scan
  db count
  db search
  db table create
  db table list
  db table show
  db table alter
  db table drop
  db table import
  db table export
  db insert
  db sql
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
  paths are given. Paths are relative to the current directory; in JSON and patches

What prints JSON has its row in docs/json.md.

  $ firn help | sed -n '/^Everyday/,/^Options/s/^  \([a-z]*\) .*/\1/p' >names
  $ for group in workspaces remote key hook db chkp alxs import export; do
  >     firn help $group | sed -n "/^Commands:/,/^$/s/^  \(table [a-z]*\|[a-z]*\) .*/$group \1/p"
  > done >>names
  $ grep -c -x -e status -e version -e 'db table show' -e 'import git' names
  4
  $ while read -r command; do
  >     ! firn help $command | grep -q -e --json || grep -q "^|[^|]*\`$command[\` ]" "$SOURCE/docs/json.md" || echo "$command has no row"
  > done <names

  $ firn help undo
  usage: firn undo [options] [TURN]
  
  Go one state back.
  
  Takes back the last thing that happened to the workspace: edits that were not
  saved; else a save (or an agent's turn), a restore, a revert, a tag, a pin or a
  deletion of checkpoints. Another undo goes one step further back, and firn redo
  forward again. Like every restore, this first takes a safety checkpoint of what
  was not saved, so nothing is lost: firn list --all lists all states. The last
  1,000 can be undone, less those whose checkpoints were deleted or have expired.
  It says which step it took back, and with -n which it would take back.
  
  A restore of some paths (firn restore REF PATH) is undone and redone at these
  paths alone: what was edited elsewhere since stays; the next undo takes it back.
  
  A tag (firn tag, firn tag -d), a pin (firn pin, firn unpin) or a deletion (firn
  delete, firn undelete) is taken back without touching a file. What something
  else has changed since, such as a tag whose checkpoint is gone for good, stays
  as it is; then the exit code is 6. Settings, the tags of an import of many
  states, firn delete --now, firn forget, and what expires are not steps.
  
  With --git, what git changed while files stayed the same is a step as well,
  whether it was saved or not; firn redo --git brings that back.
  
  --turn goes back to where the last turn of a coding agent began (firn help hook),
  whatever came after that: the turn, also one that was interrupted, later steps,
  and edits that were not saved. One firn redo brings all of it back. Another
  firn undo --turn goes back to before the turn before. It concerns files alone:
  tags, pins and deletions stay, and newer ones are no steps any more. TURN is an
  earlier turn, by its name in firn turns (@12) or a piece of its prompt: it goes
  back to where that began.
  
  --interactive shows the history, as firn browse does; Enter shows what the undo
  of the chosen save, or turn, and of all that came after it would change, and
  asks.
  
  --list shows the steps, newest first, with the files that each undo would
  change: above the line "now" those that redo brings back, below it those that
  undo takes back. The number is how often it has to be run.
  
  An interrupted restore, or redo, is taken back from the point it had reached; an
  interrupted undo is finished.
  
  Options:
    -t, --turn            go back to before the last turn of a coding agent, or TURN
    -i, --interactive     choose on a screen what to undo
    -l, --list            list the steps that undo and redo would take
        --limit N         with --list: the N nearest in each direction (default 20)
    -n, --dry-run         show what would change, and change nothing
    -v, --verbose         with -n: list each file of added and removed directories
        --git             restore git repositories, too
        --git-all         with their configuration and hooks, which run programs
        --trust-journal   even an interrupted restore that was not started here
  
  Options shared with other commands:
    -C, --directory DIR   run as if started in DIR
        --store DIR       use the store in DIR
        --wait SECONDS    wait for another writer (default 60; 0: do not wait)
        --strict          fail if anything would be left out
        --no-pager        print long results without a pager
        --color WHEN      use colors: always, never or auto (on a terminal)
        --json            print one JSON object
    -q, --quiet           print results only, no summaries or progress
    -h, --help            print help
  
  Examples:
    firn undo
        take back the last change of the workspace
    firn undo -n
        show what would change
    firn undo --turn
        take back what the coding agent did last
    firn undo --turn @12
        go back to where the turn began that 12 ended
    firn undo --list
        list what each further undo, or redo, would change

Options before the command count too; help wins over mistakes after it.

  $ firn -q help undo | cmp - <(firn help undo)
  $ firn restore --help
  usage: firn restore [options] [REF] [PATH...]
  
  Restore the workspace to a checkpoint.
  
  REF names a checkpoint: its number; its id, or at least the first four letters
  of it (in any case); a tag; latest; the Nth before another (latest~2); or a time
  (2h30m, 14:30, "monday 2:30pm"). The whole workspace is restored, from any
  directory in it, unless PATHs are given: then only these, and everything below
  them, are restored. Paths are relative to the current directory; firn restore
  12 . restores the current directory alone. firn restore PATH takes the PATH from
  the newest checkpoint; what names a checkpoint is one: write -- before a file of
  the same name. A checkpoint of a remote that was not pulled, as REMOTE/REF, is
  pulled first, alone.
  
  Afterwards the tree is that of the checkpoint; files that it does not have are
  removed. Files that rules exclude, those of the checkpoint or today's, are not
  touched, and are named if the checkpoint has another version of them. Files that
  cannot be saved first or cannot be changed are not touched either; then the exit
  code is 6, and --resume restores them once the cause is gone. Before anything in
  the tree changes, all data that is needed is read and verified, and a safety
  checkpoint of the present state is taken; firn undo brings that back. A worktree
  or a submodule of git comes back without its file .git: firn says how to mend
  that.
  
  Until files are replaced, Ctrl-C stops a restore and nothing has changed. After
  that firn says how far it is and completes the restore; a second Ctrl-C ends it
  at once. Meanwhile firn status says that a restore is running.
  
  --interactive shows, as firn browse does, which files a restore would change and
  how; Space marks files, Enter restores these, or all. --patch asks for each
  hunk, as git restore -p does: y restores it, n does not, a and d are for the
  rest of the file, s splits it, q ends. Answers are lines of standard input.
  
  After an interrupted restore each file is whole, old or new. --resume, without
  REF, finishes the restore, and firn undo takes it back; a save finishes it
  first. Edits made in between are kept. An interrupted restore that was not
  started in this directory on this machine may have come with the store: firn
  reports it and leaves it alone, unless --resume --trust-journal is given.
  
  Options:
    -n, --dry-run         show what would change, and change nothing
    -v, --verbose         with -n: list each file of added and removed directories
    -i, --interactive     choose on a screen what to restore
    -p, --patch           ask for each hunk whether to restore it
        --git             restore git repositories, too
        --git-all         with their configuration and hooks, which run programs
        --to DIR          restore into DIR, which must be empty or not exist
        --resume          finish an interrupted restore
        --trust-journal   with --resume: even one that was not started here
  
  Options shared with other commands:
    -C, --directory DIR   run as if started in DIR
        --store DIR       use the store in DIR
        --wait SECONDS    wait for another writer (default 60; 0: do not wait)
        --strict          fail if anything would be left out
        --no-pager        print long results without a pager
        --color WHEN      use colors: always, never or auto (on a terminal)
        --json            print one JSON object
    -q, --quiet           print results only, no summaries or progress
    -h, --help            print help
  
  Examples:
    firn restore 12
        restore the workspace to checkpoint 12
    firn restore latest -n
        show what would change
    firn restore 12 src/main.c docs
        restore only that file and that directory
    firn restore src/main.c
        restore that file from the newest checkpoint
    firn restore -i 12
        look at the differences, and choose files
    firn restore 12 --to /tmp/look
        write a copy of it to another place
    firn restore --resume
        finish a restore that a crash interrupted
  $ firn help db
  usage: firn db COMMAND [options] [arguments]
  
  STORE is a directory. It contains keyspaces, each an ordered map from bytes to
  bytes, and tables: rows of typed columns. Commands that only read also accept a
  file written by firn db export.
  
  Commands:
    put          Store a value under a key
    get          Print the value of a key, or a row of a table
    del          Delete a key, or a row of a table
    scan         Print the entries of a keyspace, or the rows of a table
    count        Print how many entries a keyspace has, or how many rows a table
    search       Print the rows of a table whose vectors are nearest to given ones
    table create Create a table
    table list   Print the names of a store's tables
    table show   Print the columns and indexes of a table
    table alter  Change the columns or indexes of a table
    table drop   Delete a table with its rows and indexes
    table import Insert the rows of a CSV or JSON lines file into a table
    table export Write the rows of a table as CSV or JSON lines
    insert       Insert a row into a table
    sql          Run SQL statements over a store's tables
    load         Load rows into a keyspace, or the dump of a store
    dump         Print a keyspace, a table or a store in a form that firn db load reads
    delrange     Delete all keys in a range
    keyspaces    Print the names of a store's keyspaces
    drop         Delete a keyspace and everything in it
    checkpoint   Make a checkpoint of a store's data
    checkpoints  List the checkpoints of a store's data, newest first
    diff         Show differences between two checkpoints of a store's data
    restore      Restore a store's data to a checkpoint
    undo         Undo the last restore of a store's data
    clone        Make a copy of a store
    export       Write one checkpoint of a store's data into a single file
    import       Make a store from an export, or import another database
    flush        Write everything in a store's log to sorted files
    compact      Merge a store's files, to free the space of deleted data
    stats        Show levels, sizes and entry counts of a store's files
    check        Read and verify all of a store
    repair       Repair a damaged store
    destroy      Delete a store and everything in it, for good
  
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
  ! firn: unknown command 'db put more'
  ! help: firn help
  [2]
  $ firn help --json
  {"error":{"code":"FIRN_INVALID","message":"help: --json cannot be used with this command","exit":2}}
  ! firn: help: --json cannot be used with this command
  ! usage: firn help [COMMAND] [COMMAND] [COMMAND]
  ! help: firn help help
  [2]

  $ firn version
  firn 0.2.0
  $ firn --version
  firn 0.2.0
  $ firn version --json
  {"version":"0.2.0"}
  $ firn --json version
  {"version":"0.2.0"}
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
  17
