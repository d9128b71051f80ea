/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/checkpoint.h: permanent, named states of a store's data. Creating, restoring and undoing are as
 * fast as a small synced commit, however much the store contains; what they cost is disk space.
 *
 * - A checkpoint covers all keyspaces of the store together, and their names. Data that firn keeps
 *   in the store for itself (saved workspaces, for example) is not part of a checkpoint and is not
 *   touched by a restore; checkpoints of workspaces are separate (firn/workspace.h).
 * - Creating, restoring and deleting checkpoints are commits, ordered with all others. When they return
 *   FIRN_OK they and all earlier commits are on disk, also with FIRN_DURABILITY_OS.
 * - A checkpoint keeps what it sees: values that were overwritten or deleted since take up space until
 *   the checkpoint is deleted, and then until files are merged (firn_store_compact).
 * - A restore makes the store's data what the checkpoint sees. First it creates a safety checkpoint of
 *   the present data, so nothing is lost: firn_store_undo takes the restore back, even after further
 *   writes, and a second undo takes back the first. Later restores delete a safety checkpoint once it is
 *   neither among the last 10 nor younger than 7 days.
 * - Values with a time to live: a snapshot of a checkpoint shows a value if it had not expired when the
 *   checkpoint was created (created_ns), even if it has expired since. A restore does not extend its
 *   life: expired values are not in the restored data. firn_store_diff judges both states by the time of
 *   the call, so a value that has expired by then is in neither. An exported file is always read as of
 *   the time of its checkpoint.
 * - Open cursors and snapshots still see what they saw. Handles of keyspaces that the restored state
 *   does not contain give FIRN_MISUSE, as if the keyspaces had been dropped. Dropped keyspaces that it
 *   does contain are back, and their handles work again.
 * - Any thread may call these functions at any time while the store is open.
 * - A function `visit` (firn/notice.h) may call any function except firn_store_close on this store.
 *
 * A reference names a checkpoint. It is one of
 * - its name;
 * - its number;
 * - at least the first four letters of its id, in any case;
 * - "latest", the newest checkpoint;
 * - one of these with "~" and a number: "latest~2" is the second before the latest, "12~1" the one
 *   before number 12. Safety checkpoints are not counted;
 * - a time, which names the newest ordinary checkpoint created at or before it: "10 minutes ago",
 *   "yesterday", "2026-11-20 14:00" (local time; firn/workspace.h has more).
 * Safety checkpoints are named by id only (their number is 0); "latest" and times pass over them.
 * FIRN_NOT_FOUND if there is no such checkpoint, FIRN_CONFLICT if several ids begin with the letters,
 * FIRN_INVALID if it is not a reference.
 *
 * Limits: 2^20 checkpoints. A restore returns FIRN_LIMIT after a chain of 65,535 restores, each of which
 * restored a checkpoint created after the previous restore of the chain. The chain may be longer if
 * nothing was committed between creating checkpoints and restoring them.
 */
#ifndef FIRN_CHECKPOINT_H
#define FIRN_CHECKPOINT_H

#include <stdbool.h>

#include "store.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { FIRN_STORE_CHECKPOINT_NAME_SIZE = 256 };

typedef struct firn_store_checkpoint {
    size_t size;     /* sizeof(firn_store_checkpoint), set by the caller */
    uint64_t number; /* from 1, never reused; 0 for a safety checkpoint */
    char id[FIRN_CHECKPOINT_ID_SIZE];
    char name[FIRN_STORE_CHECKPOINT_NAME_SIZE]; /* "" if it has none */
    int64_t created_ns;                         /* since 1970 */
    uint64_t sequence;                          /* of the last commit that it sees */
    bool is_safety;
    /* Of a safety checkpoint: the id of the checkpoint that was restored then; else "". */
    char restored[FIRN_CHECKPOINT_ID_SIZE];
} firn_store_checkpoint;
#define FIRN_STORE_CHECKPOINT_INIT                               \
    {                                                            \
        sizeof(firn_store_checkpoint), 0, {0}, {0}, 0, 0, false, \
        {                                                        \
            0                                                    \
        }                                                        \
    }

typedef struct firn_store_checkpoint_options {
    size_t size;        /* sizeof(firn_store_checkpoint_options) */
    int64_t created_ns; /* since 1970, for imported history; 0: now */
} firn_store_checkpoint_options;
#define FIRN_STORE_CHECKPOINT_OPTIONS_INIT       \
    {                                            \
        sizeof(firn_store_checkpoint_options), 0 \
    }
/* Creates a checkpoint of the present state. name: 1 to 255 ASCII letters, digits and any of "._-+/",
 * beginning with a letter; none of "latest", "now" and "yesterday" in any case, and not four or more
 * letters that are all between k and z, which would look like an id; NULL or "" for none. FIRN_EXISTS if
 * another checkpoint has the name. out may be NULL. */
FIRN_API FIRN_MUST_CHECK int
firn_store_checkpoint_create(firn_store *store, const char *name,
                             const firn_store_checkpoint_options *options,
                             firn_store_checkpoint *out, firn_error *err);

typedef struct firn_store_checkpoint_list_options {
    size_t size;         /* sizeof(firn_store_checkpoint_list_options) */
    bool include_safety; /* safety checkpoints too */
} firn_store_checkpoint_list_options;
#define FIRN_STORE_CHECKPOINT_LIST_OPTIONS_INIT           \
    {                                                     \
        sizeof(firn_store_checkpoint_list_options), false \
    }
/* Visits the checkpoints that exist when the call begins, newest first. */
FIRN_API FIRN_MUST_CHECK int
firn_store_checkpoint_list(firn_store *store, const firn_store_checkpoint_list_options *options,
                           int (*visit)(void *ctx, const firn_store_checkpoint *checkpoint),
                           void *ctx, firn_error *err);
/* Resolves a reference. */
FIRN_API FIRN_MUST_CHECK int firn_store_checkpoint_find(firn_store *store, const char *reference,
                                                        firn_store_checkpoint *out,
                                                        firn_error *err);
/* Deletes `count` checkpoints: all of them or, after an error, none. A reference may occur twice. Open
 * snapshots of them stay readable. */
FIRN_API FIRN_MUST_CHECK int firn_store_checkpoint_delete(firn_store *store,
                                                          const char *const *references,
                                                          size_t count, firn_error *err);

/* ---- restoring ---- */

typedef struct firn_store_restore_result {
    size_t size;                    /* sizeof(firn_store_restore_result), set by the caller */
    firn_store_checkpoint restored; /* what the data is now */
    firn_store_checkpoint safety;   /* what it was before */
} firn_store_restore_result;
#define FIRN_STORE_RESTORE_RESULT_INIT                                                            \
    {                                                                                             \
        sizeof(firn_store_restore_result), FIRN_STORE_CHECKPOINT_INIT, FIRN_STORE_CHECKPOINT_INIT \
    }
/* Replaces the store's data with that of the checkpoint, atomically. out may be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_store_restore(firn_store *store, const char *reference,
                                                firn_store_restore_result *out, firn_error *err);
/* Takes back the last restore by restoring its safety checkpoint. FIRN_NOT_FOUND if there was no
 * restore, or its safety checkpoint was deleted. out may be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_store_undo(firn_store *store, firn_store_restore_result *out,
                                             firn_error *err);

/* ---- comparing ---- */

typedef enum firn_store_difference_kind {
    FIRN_STORE_DIFFERENCE_ADDED = 1, /* only the second state has the key */
    FIRN_STORE_DIFFERENCE_REMOVED = 2,
    FIRN_STORE_DIFFERENCE_CHANGED = 3,
    FIRN_STORE_DIFFERENCE_KEYSPACE_ADDED = 4, /* without a key; its keys follow */
    FIRN_STORE_DIFFERENCE_KEYSPACE_REMOVED = 5
} firn_store_difference_kind;
/* The name of a kind ("keyspace added"), constant; never NULL. Any thread. */
FIRN_API const char *firn_store_difference_kind_name(firn_store_difference_kind kind);

/* Borrowed until the visit returns. */
typedef struct firn_store_difference {
    firn_store_difference_kind kind;
    const char *keyspace;
    firn_slice key;
    firn_slice before; /* values; data is NULL where there is none, but not for an empty one */
    firn_slice after;
} firn_store_difference;

typedef struct firn_store_diff_options {
    size_t size;          /* sizeof(firn_store_diff_options) */
    const char *keyspace; /* only this one; NULL: all */
    firn_callbacks callbacks;
} firn_store_diff_options;
#define FIRN_STORE_DIFF_OPTIONS_INIT                               \
    {                                                              \
        sizeof(firn_store_diff_options), NULL, FIRN_CALLBACKS_INIT \
    }
/* Compares two states given by references, NULL for the present one: visits each key whose value
 * differs, keyspaces and keys in byte order. Tables (firn/table.h) count as keyspaces, and their keys and
 * values have firn's own encoding; to compare rows, use firn_table_diff_open (firn/table_state.h). Reads
 * little more than what was written between the two states. */
FIRN_API FIRN_MUST_CHECK int
firn_store_diff(firn_store *store, const char *before, const char *after,
                const firn_store_diff_options *options,
                int (*visit)(void *ctx, const firn_store_difference *difference), void *ctx,
                firn_error *err);

/* ---- one checkpoint in a single file ---- */

typedef struct firn_store_export_options {
    size_t size;           /* sizeof(firn_store_export_options) */
    bool replace_existing; /* replace an existing file; otherwise FIRN_EXISTS */
    firn_callbacks callbacks;
    bool in_clear; /* the file is not encrypted, although the store is */
    /* Asked for what shall open the file; the environment does not count. Borrowed for the call. NULL:
     * if the store is encrypted, the environment gives it (encryption.h). */
    const firn_keys_source *key_source;
} firn_store_export_options;
#define FIRN_STORE_EXPORT_OPTIONS_INIT                                             \
    {                                                                              \
        sizeof(firn_store_export_options), false, FIRN_CALLBACKS_INIT, false, NULL \
    }
/* Writes the state of a checkpoint (NULL: the present state) into the file `path`, in an existing
 * directory: all user keyspaces, and the checkpoint with its references; nothing else of the store.
 * When this returns FIRN_OK the file is complete and on disk; after an error, an earlier file is
 * unchanged. Meanwhile the file and a temporary store are in a directory .firn-export-*.tmp beside it,
 * which takes about as much space as the data. If a crash leaves such a directory, the next export to
 * the same place removes it. Commits continue meanwhile. firn_store_open with read_only opens the file.
 * The file of an encrypted store is encrypted, with keys of its own, unless in_clear; FIRN_DENIED: nothing
 * was given that shall open it. That of a store in clear is encrypted if there is a key_source. */
FIRN_API FIRN_MUST_CHECK int firn_store_export(firn_store *store, const char *reference,
                                               const char *path,
                                               const firn_store_export_options *options,
                                               firn_error *err);

typedef struct firn_store_import_options {
    size_t size; /* sizeof(firn_store_import_options) */
    firn_callbacks callbacks;
    /* Asked for what opens the file, if it is encrypted; the environment does not count. Borrowed for the
     * call. NULL: the environment gives it. */
    const firn_keys_source *key_source;
} firn_store_import_options;
#define FIRN_STORE_IMPORT_OPTIONS_INIT                               \
    {                                                                \
        sizeof(firn_store_import_options), FIRN_CALLBACKS_INIT, NULL \
    }
/* Creates a store in the directory `path` (created, 0700, if missing) from an exported file: its data,
 * as the present state, and its checkpoint. Every byte of the file is verified. FIRN_EXISTS if there is
 * a store already; FIRN_INVALID if the directory contains anything else, or the file was not exported by
 * firn. out, the checkpoint, may be NULL. The store of an encrypted file is encrypted with its keys, and
 * opens with the same secret; FIRN_DENIED: it was not given. */
FIRN_API FIRN_MUST_CHECK int firn_store_import(const char *file, const char *path,
                                               const firn_store_import_options *options,
                                               firn_store_checkpoint *out, firn_error *err);

#ifdef __cplusplus
}
#endif

#endif
