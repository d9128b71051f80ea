The keys of an encrypted remote at a terminal: a person is asked for the one of now, and for the new one.

  ? python3 -c 'import os; os.openpty()'
  $ on() { python3 "$SOURCE/tests/cli/on_terminal.py" "$@"; }
  $ mkdir a && cd a && echo one >one && firn save -q && on --secret s3 --secret s3 firn remote add --encrypt origin ../bucket
  1
  New passphrase for '<T>/w/bucket': 
  The same again: 
  origin is <T>/w/bucket, encrypted
  0
  $ on --secret s3 firn push -q
  Passphrase for '<T>/w/bucket': 
  0
  $ cd .. && on --secret s3 firn clone -q bucket b
  Passphrase for '<T>/w/bucket': 
  0

The store of b has the keys from before the change. It takes a passphrase that was changed elsewhere, too.

  $ cd a && on --secret s3 --secret new --secret new firn key change 1 --remote origin
  Passphrase for '<T>/w/bucket': 
  New passphrase for '<T>/w/bucket': 
  The same again: 
  changed key 1
  firn: older copies of the remote still open with what key 1 was before; this is no rotation: files keep their master key
  0
  $ cd ../b && on --secret bad --secret new firn pull
  Passphrase for '<T>/w/bucket': 
  Wrong. Passphrase for '<T>/w/bucket': 
  no new checkpoint to pull: 3 requests
  0
  $ on --secret bad --secret new firn pull
  Passphrase for '<T>/w/bucket': 
  Wrong. Passphrase for '<T>/w/bucket': 
  no new checkpoint to pull: 3 requests
  0
  $ on --secret bad --secret bad2 --secret bad3 firn pull
  Passphrase for '<T>/w/bucket': 
  Wrong. Passphrase for '<T>/w/bucket': 
  Wrong. Passphrase for '<T>/w/bucket': 
  firn: could not unlock '<T>/w/bucket': this passphrase opens no slot of the keys file
  1
  $ cd ../a && on --secret new firn key add --recovery --remote origin >../shown; sed 's/\(: *[0-9A-Z]\{5\}\)\(-[0-9A-Z]\{5\}\)\{7\}/: CODE/' ../shown
  Passphrase for '<T>/w/bucket': 
  recovery code: CODE
  firn: write the recovery code down, and keep it away from this machine: it opens the remote, and is not shown again
  0
  $ code=$(sed -n 's/^recovery code: \([0-9A-Z-]*\).*/\1/p' ../shown); on --secret "$code" --secret newer --secret newer firn key recover --remote origin
  Recovery code for '<T>/w/bucket': 
  New passphrase for '<T>/w/bucket': 
  The same again: 
  opened the remote, and added key 3
  hint: the recovery code still opens the remote, and so does what was lost: firn key list --remote, firn key remove --remote
  0
  $ on --secret newer firn push -q
  Passphrase for '<T>/w/bucket': 
  0

A check asks as well, unless --no-key is given.

  $ on --secret newer firn check --remote -q
  Passphrase for '<T>/w/bucket': 
  0
  $ on firn check --remote --no-key -q
  0
  $ on firn check --remote ../bucket --no-key --data -q
  0
