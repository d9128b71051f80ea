/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/remote.h: remotes: the history of a workspace in object storage, or in another directory,
 * shared by machines.
 *
 * A remote is a place with a URL: "s3://bucket/prefix", "https://host/bucket/prefix", or the path
 * of a directory. A store knows remotes by names. A push adds checkpoints of a workspace to one; a
 * pull brings the checkpoints that other machines have pushed. What one workspace of one machine
 * has pushed is a line of the remote. A pull leaves the workspace, its directory and its own
 * checkpoints as they are: the others are named "NAME/REF", as in firn_workspace_restore(w,
 * "origin/latest", ...).
 *
 * Machines share a remote without locks and without right clocks; any of them may stop at any time.
 * Nothing that a remote contains decides anything on this machine but what its checkpoints contain:
 * every byte is compared with its name before it counts.
 *
 * Keys and passwords come from the environment and from the user's files, as for other programs
 * that use object storage; they are in no store and in no message.
 *
 * FIRN_UNTRUSTED: the store is not known to be this user's (firn_trust), so neither are its
 * remotes. FIRN_IO: the storage did not answer; every function can be called again. FIRN_DENIED:
 * the message says which permission is missing, or what is wrong with the keys. FIRN_CORRUPT: what
 * is there is damaged, or the remote has lost states that were there before. Threads: as for
 * workspaces.
 */
#ifndef FIRN_REMOTE_H
#define FIRN_REMOTE_H

#include "firn/encryption.h"
#include "firn/error.h"
#include "firn/notice.h"
#include "firn/types.h"
#include "firn/workspace.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { FIRN_REMOTE_NAME_SIZE_MAX = 64, FIRN_REMOTE_URL_SIZE_MAX = 1024 };

/* A remote of a store. Borrowed until the callback returns. */
typedef struct firn_remote_info {
    const char *name;
    const char *url;
    const char *id; /* 32 letters and digits, which no other remote has */
    /* Checkpoints of the workspace, safety checkpoints not counted, that were made since its last push
     * of all that is new, as this store knows; the remote is not asked. */
    uint64_t not_pushed;
    /* When an automatic push failed, in ns since the epoch, and why; 0 and NULL if none has failed since
     * the last push that succeeded. */
    int64_t failed_ns;
    const char *failed_text;
    bool is_encrypted;
} firn_remote_info;

/* Gives a remote a name: 1 to 64 letters, digits, '.', '-' and '_', beginning with a letter or
 * digit. Looks at the place, and makes it a remote if it is empty: for that it asks whether the
 * storage really makes an object only if there is none, also for writers that try at once.
 * FIRN_EXISTS: the name is in use, or the place has other things in it. FIRN_UNSUPPORTED: machines
 * cannot share this storage. FIRN_INVALID: the name or the URL. Makes the store if there is none. */
FIRN_API FIRN_MUST_CHECK int firn_remote_add(firn_workspace *workspace, const char *name,
                                             const char *url, firn_error *err);
/* The same, but a place that is empty becomes an encrypted remote: a person with access to the
 * storage can read neither names nor contents there, and can forge none. A remote of an encrypted
 * store is one also with firn_remote_add. It has keys of its own, whose key is asked for like that
 * of a store (firn/encryption.h): where it is made, a new one; where it is added later, that one.
 * An encrypted store keeps the keys of its remotes; for one in clear the key is asked for each time
 * that the remote is used. FIRN_EXISTS: there is a remote that is not encrypted. FIRN_UNSUPPORTED:
 * it is not, and the store is. FIRN_DENIED: no key was given, or it is wrong. */
FIRN_API FIRN_MUST_CHECK int firn_remote_add_encrypted(firn_workspace *workspace, const char *name,
                                                       const char *url, firn_error *err);
/* As firn_remote_add, but the place must be a remote: FIRN_NOT_FOUND if it is not, and nothing is made. */
FIRN_API FIRN_MUST_CHECK int firn_remote_join(firn_workspace *workspace, const char *name,
                                              const char *url, firn_error *err);
/* The same, for a remote that the caller knows to be encrypted. What a remote says of that itself is
 * not authenticated, so a store in clear takes one in clear that somebody has put in its place; this
 * function refuses it with FIRN_UNSUPPORTED. */
FIRN_API FIRN_MUST_CHECK int firn_remote_join_encrypted(firn_workspace *workspace, const char *name,
                                                        const char *url, firn_error *err);
/* Forgets a remote, and deletes the checkpoints that pulls have brought from it; the remote itself
 * stays as it is. FIRN_NOT_FOUND. */
FIRN_API FIRN_MUST_CHECK int firn_remote_remove(firn_workspace *workspace, const char *name,
                                                firn_error *err);
/* The keys of an encrypted remote: as firn_keys_list and the others of firn/encryption.h, which say
 * what each does. remote: its name, or its URL, which need not have a name here; NULL: the only one,
 * or "origin". Every machine that shares the remote can change its keys, beside others: a change
 * that comes second is made to what the first one left. FIRN_IO: nobody knows whether the change was
 * made; the list shows it. A source in the options counts instead of what an encrypted store keeps,
 * and of the workspace's source; lock_timeout_ms is for the store, which notes the new keys if it
 * has a name for the remote. FIRN_INVALID: the remote is not encrypted. FIRN_CORRUPT: its keys are
 * lost or damaged.
 *
 * After a rotation this store, and each machine that has met a state of it, encrypts what it sends
 * with the new master key. Earlier versions of the keys file are removed from the remote, so that a
 * key that was removed opens only copies of them; if one could not be removed, the change is made,
 * and the failure says so. */
FIRN_API FIRN_MUST_CHECK int firn_remote_keys_list(firn_workspace *workspace, const char *remote,
                                                   int (*on_slot)(void *ctx,
                                                                  const firn_keys_slot *slot),
                                                   void *ctx, firn_keys_info *out, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_remote_keys_add(firn_workspace *workspace, const char *remote,
                                                  const firn_keys_secret *secret, const char *label,
                                                  const firn_keys_options *options,
                                                  unsigned *out_number, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_remote_keys_add_recovery(firn_workspace *workspace,
                                                           const char *remote, const char *label,
                                                           const firn_keys_options *options,
                                                           char out_code[FIRN_KEYS_RECOVERY_SIZE],
                                                           unsigned *out_number, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_remote_keys_change(firn_workspace *workspace, const char *remote,
                                                     unsigned number,
                                                     const firn_keys_secret *secret,
                                                     const firn_keys_options *options,
                                                     firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_remote_keys_remove(firn_workspace *workspace, const char *remote,
                                                     unsigned number,
                                                     const firn_keys_options *options,
                                                     firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_remote_keys_rotate(firn_workspace *workspace, const char *remote,
                                                     const firn_keys_options *options,
                                                     firn_error *err);
/* Other machines then have to be given a key of now. */
FIRN_API FIRN_MUST_CHECK int firn_remote_keys_replace(firn_workspace *workspace, const char *remote,
                                                      const firn_keys_secret *secret,
                                                      const char *label,
                                                      const firn_keys_options *options,
                                                      unsigned *out_number, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_remote_keys_remember(firn_workspace *workspace,
                                                       const char *remote, uint32_t seconds,
                                                       const firn_keys_options *options,
                                                       firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_remote_keys_forget(firn_workspace *workspace, const char *remote,
                                                     size_t *out_count, firn_error *err);
/* Visits the remotes by name; a result of on_remote other than FIRN_OK ends that. */
FIRN_API FIRN_MUST_CHECK int firn_remote_list(firn_workspace *workspace,
                                              int (*on_remote)(void *ctx,
                                                               const firn_remote_info *remote),
                                              void *ctx, firn_error *err);

typedef struct firn_push_options {
    size_t size; /* sizeof(firn_push_options) */
    /* Which checkpoints; count 0: those that were made since the last push. */
    const char *const *references;
    size_t reference_count;
    int64_t bytes_per_second_max; /* 0: no limit */
    firn_callbacks callbacks;
    /* As a program does it in the background after each save: see firn_workspace_push. */
    bool automatic;
    /* Of an automatic push: only whether it is due; asks no remote, and takes no lock. */
    bool dry_run;
} firn_push_options;
#define FIRN_PUSH_OPTIONS_INIT                                                   \
    {                                                                            \
        sizeof(firn_push_options), NULL, 0, 0, FIRN_CALLBACKS_INIT, false, false \
    }
typedef struct firn_push_result {
    size_t size;          /* sizeof(firn_push_result) */
    uint64_t checkpoints; /* that the remote did not have */
    uint64_t objects;     /* files, directories and parts of them that it did not have */
    uint64_t bytes;       /* that were sent for them */
    uint64_t requests;
    /* Of an automatic push: there is something to push now, and no other push that waits for that. */
    bool is_due;
} firn_push_result;
#define FIRN_PUSH_RESULT_INIT                       \
    {                                               \
        sizeof(firn_push_result), 0, 0, 0, 0, false \
    }
/* Sends checkpoints of the workspace, with their tags, to a remote; safety checkpoints stay here.
 * remote NULL: the only one, or "origin". When this returns FIRN_OK they are there; a push that
 * failed, or was killed, left nothing that others see, and the next one uses what it had sent. A
 * checkpoint that a prune has removed from the remote is not sent again unless a reference names
 * it. out may be NULL.
 *
 * An automatic push is due if there are new checkpoints, and the last automatic push to the remote
 * did not fail a moment ago: 5 seconds, twice as long after each further failure, 5 minutes at most.
 * If it is not due nothing is done. It waits while another push of the store runs, however long
 * that is. If one for the same workspace and remote waits already, that one will find all
 * checkpoints that exist now, and nothing is done here. A failure is noted for
 * firn_remote_list, and a later push that succeeds removes that note. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_push(firn_workspace *workspace, const char *remote,
                                                 const firn_push_options *options,
                                                 firn_push_result *out, firn_error *err);

typedef struct firn_pull_options {
    size_t size;                  /* sizeof(firn_pull_options) */
    int64_t bytes_per_second_max; /* 0: no limit */
    firn_callbacks callbacks;
    bool trust;       /* bring checkpoints that stand for far more than their bytes, too */
    unsigned threads; /* that verify what comes; 0: one per processor */
    /* Only this checkpoint comes, as of firn_workspace_take; NULL: all that are not here. */
    const char *reference;
} firn_pull_options;
#define FIRN_PULL_OPTIONS_INIT                                            \
    {                                                                     \
        sizeof(firn_pull_options), 0, FIRN_CALLBACKS_INIT, false, 0, NULL \
    }
typedef struct firn_pull_result {
    size_t size;          /* sizeof(firn_pull_result) */
    uint64_t checkpoints; /* that are new here */
    uint64_t lines;       /* that have some of these */
    uint64_t skipped;     /* checkpoints that are damaged or not whole there, or left out */
    uint64_t bytes;       /* that were fetched for them */
    uint64_t requests;
} firn_pull_result;
#define FIRN_PULL_RESULT_INIT                   \
    {                                           \
        sizeof(firn_pull_result), 0, 0, 0, 0, 0 \
    }
/* Brings the checkpoints of other lines that are not here yet, and their tags. With a reference, one
 * checkpoint of any line comes, and of the remote only what it needs is read. FIRN_CORRUPT: some
 * could not be brought; notices (FIRN_NOTICE_DAMAGED) name what is wrong, and the others are here.
 * FIRN_LIMIT: the same for some that stand for far more files, or longer ones, than their bytes
 * account for.
 * Only where the list of checkpoints itself is damaged there are no notices, and nothing came. out
 * may be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_pull(firn_workspace *workspace, const char *remote,
                                                 const firn_pull_options *options,
                                                 firn_pull_result *out, firn_error *err);

typedef struct firn_take_options {
    size_t size;             /* sizeof(firn_take_options) */
    const firn_slice *paths; /* relative to the root of the checkpoint; count 0: all of it */
    size_t path_count;
    int64_t bytes_per_second_max; /* 0: no limit */
    firn_callbacks callbacks;
    bool trust; /* even if that stands for far more than its bytes */
} firn_take_options;
#define FIRN_TAKE_OPTIONS_INIT                                            \
    {                                                                     \
        sizeof(firn_take_options), NULL, 0, 0, FIRN_CALLBACKS_INIT, false \
    }
typedef struct firn_take_result {
    size_t size;                           /* sizeof(firn_take_result) */
    firn_workspace_checkpoint *checkpoint; /* that was made; firn_workspace_checkpoint_free */
    uint64_t bytes;                        /* that were fetched */
    uint64_t requests;
} firn_take_result;
#define FIRN_TAKE_RESULT_INIT                \
    {                                        \
        sizeof(firn_take_result), NULL, 0, 0 \
    }
/* Makes a checkpoint of the workspace that has some paths of a checkpoint of a remote, and nothing
 * else; of the remote only what these need is read, and nothing has to be pulled before. reference:
 * as of a workspace, but of all lines of the remote; after the label of a line and a '/' of that
 * line. Restoring the new checkpoint brings the files. FIRN_NOT_FOUND: the remote has no such
 * checkpoint, or that no such path. FIRN_LIMIT: it stands for far more than its bytes account for. */
FIRN_API FIRN_MUST_CHECK int firn_workspace_take(firn_workspace *workspace, const char *remote,
                                                 const char *reference,
                                                 const firn_take_options *options,
                                                 firn_take_result *out, firn_error *err);

/* Reads a file of a checkpoint of a remote, as firn_workspace_cat does of those that are here;
 * nothing has to be pulled before, and nothing of it stays here. reference: as of
 * firn_workspace_take. FIRN_NOT_FOUND: the remote has no such checkpoint, or that no such path. */
FIRN_API FIRN_MUST_CHECK int firn_remote_cat(firn_workspace *workspace, const char *remote,
                                             const char *reference, firn_slice path,
                                             firn_write_bytes write, void *ctx,
                                             firn_workspace_entry **out, firn_error *err);

typedef struct firn_prune_options {
    size_t size;      /* sizeof(firn_prune_options) */
    const char *keep; /* a policy, as in firn_workspace_save_options; NULL: all checkpoints stay */
    bool dry_run;     /* count, and change nothing */
    bool now;         /* files that no push has named yet go as well, however young they are */
    firn_callbacks callbacks;
} firn_prune_options;
#define FIRN_PRUNE_OPTIONS_INIT                                             \
    {                                                                       \
        sizeof(firn_prune_options), NULL, false, false, FIRN_CALLBACKS_INIT \
    }
typedef struct firn_prune_result {
    size_t size;                  /* sizeof(firn_prune_result) */
    uint64_t checkpoints;         /* that stay */
    uint64_t removed_checkpoints; /* that the policy does not keep */
    uint64_t packs;               /* files that stay */
    uint64_t bytes;               /* of these */
    uint64_t removed_packs;
    uint64_t removed_bytes;
    uint64_t requests;
} firn_prune_result;
#define FIRN_PRUNE_RESULT_INIT                         \
    {                                                  \
        sizeof(firn_prune_result), 0, 0, 0, 0, 0, 0, 0 \
    }
/* Removes from a remote what no checkpoint there needs, beside other machines that push, pull and
 * prune. With `keep`, checkpoints that the policy does not keep go first: of each line by itself;
 * one that has a tag, or is younger than a day, stays. Reads the directories of all checkpoints
 * there, and the end of each pack. What nothing needs is removed now; a file that a push has put
 * and that is not named yet is removed by a later prune, unless that push names it first. out may
 * be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_remote_prune(firn_workspace *workspace, const char *remote,
                                               const firn_prune_options *options,
                                               firn_prune_result *out, firn_error *err);

typedef struct firn_remote_rekey_options {
    size_t size;        /* sizeof(firn_remote_rekey_options) */
    uint64_t bytes_max; /* of packs; then it ends, and the next call goes on; 0: no limit */
    int64_t bytes_per_second_max; /* 0: no limit */
    firn_callbacks callbacks;
} firn_remote_rekey_options;
#define FIRN_REMOTE_REKEY_OPTIONS_INIT                               \
    {                                                                \
        sizeof(firn_remote_rekey_options), 0, 0, FIRN_CALLBACKS_INIT \
    }
typedef struct firn_remote_rekey_result {
    size_t size;          /* sizeof(firn_remote_rekey_result) */
    uint64_t packs;       /* that were written anew */
    uint64_t bytes;       /* of these, as they are now */
    uint64_t states;      /* that an older key opened, and that were removed */
    uint64_t left_packs;  /* that an older key opens, and that are still there */
    uint64_t left_states; /* the same of states */
    int64_t left_s;       /* in so many seconds all of these states can be removed */
    bool is_done;         /* older keys open nothing, and the remote has none any more */
    uint64_t requests;
} firn_remote_rekey_result;
#define FIRN_REMOTE_REKEY_RESULT_INIT                                \
    {                                                                \
        sizeof(firn_remote_rekey_result), 0, 0, 0, 0, 0, 0, false, 0 \
    }
/* Writes anew, with the newest master key, what a rotation has left in an encrypted remote
 * (firn_remote_keys_rotate), beside other machines that push, pull and prune. remote: its name here,
 * or the URL of one that has a name. What is older is found by looking at each file, so an
 * interrupted call has lost nothing: the next one goes on. Packs are fetched one by one, written
 * anew and put; then a state names them instead of the old ones, which are removed, each time when
 * some 256 MiB have come together. States that an older key opens are removed when they are about
 * eight hours old, so a call on the next day ends it. When nothing is left that an older key opens,
 * the older keys are dropped: is_done. The store needs room for two files of the remote. out may be
 * NULL.
 *
 * FIRN_INVALID: the remote is not encrypted. FIRN_BUSY: another push of this store is running, or
 * another machine has rotated the keys again meanwhile. FIRN_CORRUPT: a pack is missing or damaged,
 * and stays as it is: firn_remote_check repairs it. FIRN_DENIED: the storage lets nothing be removed. */
FIRN_API FIRN_MUST_CHECK int firn_remote_rekey(firn_workspace *workspace, const char *remote,
                                               const firn_remote_rekey_options *options,
                                               firn_remote_rekey_result *out, firn_error *err);

typedef struct firn_remote_check_options {
    size_t size;                  /* sizeof(firn_remote_check_options) */
    bool read_data;               /* every byte of every pack; else only tables and directories */
    bool repair;                  /* send again what is damaged there and whole here */
    int64_t bytes_per_second_max; /* 0: no limit */
    firn_callbacks callbacks;
    bool drop_broken; /* of a repair: remove checkpoints that it cannot mend from the remote */
} firn_remote_check_options;
#define FIRN_REMOTE_CHECK_OPTIONS_INIT                                                 \
    {                                                                                  \
        sizeof(firn_remote_check_options), false, false, 0, FIRN_CALLBACKS_INIT, false \
    }
typedef struct firn_remote_check_result {
    size_t size;          /* sizeof(firn_remote_check_result) */
    uint64_t state;       /* number of the newest one; 0: nothing was pushed yet */
    uint64_t checkpoints; /* of the remote */
    uint64_t packs;       /* that they may need */
    uint64_t bytes;       /* of these packs */
    uint64_t damaged;     /* packs, and other items, that are damaged or missing */
    uint64_t broken;      /* checkpoints that cannot be restored from the remote */
    uint64_t repaired;    /* checkpoints that could not be, and now can */
    uint64_t sent;        /* bytes of packs, to repair it */
    uint64_t fetched;     /* bytes of packs */
    uint64_t requests;
    uint64_t dropped; /* checkpoints that were removed, since they could not be mended */
} firn_remote_check_result;
#define FIRN_REMOTE_CHECK_RESULT_INIT                                     \
    {                                                                     \
        sizeof(firn_remote_check_result), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 \
    }
/* Finds out whether a remote has all that its checkpoints need: its states, its packs with their
 * tables, all directories, and for each content that a pack has it; with read_data every byte of
 * the packs. FIRN_CORRUPT: something is damaged or missing; notices (FIRN_NOTICE_DAMAGED) name the
 * packs, and the first of the checkpoints that this breaks. A pack that is damaged in part counts
 * as missing: a pull refuses all of it. With `repair`, what broken checkpoints lack and this store
 * has is sent, and once nothing needs a damaged pack it is taken out of the remote; a lost
 * FIRN-REMOTE.txt is written again. FIRN_OK if no damage is left.
 *
 * As long as a checkpoint of a remote is broken, firn_remote_prune fails. With `drop_broken`, which
 * needs `repair`, those that are broken in the newest state, and of which this store cannot send
 * what is missing, are removed from the remote with their tags, even if another machine could; a
 * notice names each. Without `repair` nothing is changed. out may be NULL; it is also filled for
 * FIRN_CORRUPT and FIRN_NEWER. */
FIRN_API FIRN_MUST_CHECK int firn_remote_check(firn_workspace *workspace, const char *remote,
                                               const firn_remote_check_options *options,
                                               firn_remote_check_result *out, firn_error *err);

typedef struct firn_remote_check_locked_options {
    size_t size;                  /* sizeof(firn_remote_check_locked_options) */
    bool read_data;               /* every byte of every pack; else packs are only listed */
    int64_t bytes_per_second_max; /* 0: no limit */
    firn_callbacks callbacks;
} firn_remote_check_locked_options;
#define FIRN_REMOTE_CHECK_LOCKED_OPTIONS_INIT                                   \
    {                                                                           \
        sizeof(firn_remote_check_locked_options), false, 0, FIRN_CALLBACKS_INIT \
    }
typedef struct firn_remote_check_locked_result {
    size_t size;            /* sizeof(firn_remote_check_locked_result) */
    uint64_t state;         /* number of the newest one; 0: there is none */
    uint64_t states;        /* that were verified */
    uint64_t keys;          /* files with keys that were verified */
    uint64_t packs;         /* that are there; with read_data they were verified */
    uint64_t bytes;         /* of these, as they are listed */
    uint64_t blocks;        /* of these, with read_data */
    uint64_t bytes_read;    /* of states, keys and packs */
    uint64_t foreign;       /* files that do not belong to a remote */
    uint64_t damaged_count; /* each reported by a notice, FIRN_NOTICE_DAMAGED */
    uint64_t requests;
} firn_remote_check_locked_result;
#define FIRN_REMOTE_CHECK_LOCKED_RESULT_INIT                                  \
    {                                                                         \
        sizeof(firn_remote_check_locked_result), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 \
    }
/* Verifies an encrypted remote without its key: nobody is asked for one. Checksums are over what the
 * storage has, so these are verified: FIRN-REMOTE.txt, the keys files, form and checksum of each
 * state, that no state is missing between others, and with read_data each pack from its header to
 * its end. What is encrypted is not looked into. So these are not verified: what the states say;
 * whether the packs that they name are there, and are those; whether there were later states;
 * whether somebody has forged contents and their checksums. firn_remote_check verifies all of that,
 * with a key.
 *
 * remote: its name, or its URL, which needs no store. The names of remotes are encrypted in a store
 * that is: FIRN_DENIED. Of a remote with a name it is also verified that it is this one, and that
 * its states and keys are not older than those that the store has seen.
 *
 * Nothing is changed, here or there; other machines may use the remote. The first ten files that do
 * not belong to a remote are named by notices, FIRN_NOTICE_FOREIGN; they are no damage.
 * FIRN_CORRUPT: something is damaged; `out` counts. If damaged_count is 0, nothing else was
 * verified. FIRN_INVALID: the remote is not encrypted. FIRN_NOT_FOUND: there is none, or it has no
 * keys yet. FIRN_BUSY: it changed too much meanwhile. FIRN_NEWER. After any other failure the rest
 * of the remote was not verified. out may be NULL. */
FIRN_API FIRN_MUST_CHECK int
firn_remote_check_locked(firn_workspace *workspace, const char *remote,
                         const firn_remote_check_locked_options *options,
                         firn_remote_check_locked_result *out, firn_error *err);

/* One change of a remote. Borrowed until the callback returns. */
typedef struct firn_remote_change {
    uint64_t state;       /* its number; the first change is 1 */
    const char *by;       /* who made it, as that machine says: "ada@laptop" */
    int64_t at_ns;        /* when, by that machine's clock; nanoseconds since 1970 */
    uint64_t checkpoints; /* that it added */
    uint64_t lines;       /* that have some of these */
    firn_slice line;      /* the label of the first of them; empty: none */
    uint64_t packs;       /* that it added, small ones in the state itself included */
    uint64_t bytes;       /* of these */
    uint64_t tags;        /* that it set or removed */
    uint64_t removed_checkpoints;
    uint64_t removed_packs;
    uint64_t removed_bytes; /* of these */
} firn_remote_change;
/* Visits the changes of a remote, newest first, at most `limit` (0: all), as far as the remote still
 * has them: it forgets those of more than a week ago, but at least 32 stay. What a change removed is
 * not known of the oldest one. A result of on_change other than FIRN_OK ends that. */
FIRN_API FIRN_MUST_CHECK int
firn_remote_log(firn_workspace *workspace, const char *remote, uint64_t limit,
                int (*on_change)(void *ctx, const firn_remote_change *change), void *ctx,
                firn_error *err);

#ifdef __cplusplus
}
#endif
#endif
