/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/checkpoint.h: permanent states of a store's data, by name: made, read, restored and undone
 * in a moment, whatever the store holds.
 *
 * Caveats first.
 * - A checkpoint is of all keyspaces of the store together, and of their names. What firn keeps in
 *   the store for itself (saved workspaces, for one) is not part of it, and is not touched by
 *   restores; the checkpoints of workspaces are others (firn/workspace.h).
 * - Making, restoring and deleting are commits, ordered with all others and on disk when they
 *   return FIRN_OK, also in a store with FIRN_DURABILITY_OS; every commit before them is then, too.
 * - A checkpoint keeps what it sees: values that were overwritten or deleted since take up space
 *   until it is deleted, and then until files are merged (firn_store_compact).
 * - A restore makes the store's data what the checkpoint sees. Before it does, it takes a
 *   checkpoint of what was there, a safety checkpoint, so nothing is lost: firn_store_undo
 *   takes the restore back, whatever was written since, and another undo takes back the undo. A
 *   safety checkpoint is deleted by later restores once it is neither among the last 10 nor younger
 *   than 7 days.
 * - A value with a time to live is in a checkpoint, and is read there, as long as it had not
 *   expired when the checkpoint was made. A restore does not make it live longer.
 * - Cursors and views that are open go on reading what they see. A keyspace that the restored state
 *   does not have is then as if it had been dropped: its handle gives FIRN_MISUSE. One that was
 *   dropped and is in the restored state is back; handles of it work again.
 * - All functions may be called from several threads at once.
 *
 * A reference names a checkpoint: its name, its number, "latest", "latest~2" (the second one before
 * the latest; also "12~1", "v1~3"; safety checkpoints are not counted), or at least four letters of
 * the beginning of its id, in any case. FIRN_NOT_FOUND if there is none, FIRN_CONFLICT if several
 * ids begin so, FIRN_INVALID for what is no reference.
 *
 * Limits: 2^20 checkpoints; 65,536 restores that lie behind each other, each of something that was
 * made after the one before.
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
    size_t size;     /* sizeof(firn_store_checkpoint), set by the caller of what fills it in */
    uint64_t number; /* from 1, never given again; 0 for a safety checkpoint */
    char id[FIRN_CHECKPOINT_ID_SIZE];           /* 32 letters of k to z */
    char name[FIRN_STORE_CHECKPOINT_NAME_SIZE]; /* "" if it has none */
    int64_t created_ns;                         /* since 1970 */
    uint64_t sequence; /* it sees nothing of what was committed behind this */
    bool is_safety;
    char restored[FIRN_CHECKPOINT_ID_SIZE]; /* of a safety checkpoint: the id of what was
                                                     restored when it was taken; else "" */
} firn_store_checkpoint;

/* Makes a checkpoint of the present state. name: 1 to 255 letters, digits and any of "._-+/" of
 * ASCII, a letter first, that is not "latest" and not four letters or more of k to z alone; NULL or
 * "" for none. FIRN_EXISTS if another checkpoint has that name. reserved must be NULL. out may be
 * NULL. */
FIRN_API FIRN_MUST_CHECK int firn_store_checkpoint_create(firn_store *store, const char *name,
                                                          const void *reserved,
                                                          firn_store_checkpoint *out,
                                                          firn_error *err);

typedef struct firn_store_checkpoint_list_options {
    size_t size;         /* sizeof(firn_store_checkpoint_list_options) */
    bool include_safety; /* safety checkpoints too */
} firn_store_checkpoint_list_options;
#define FIRN_STORE_CHECKPOINT_LIST_OPTIONS_INIT           \
    {                                                     \
        sizeof(firn_store_checkpoint_list_options), false \
    }
/* Calls visit with each checkpoint, the newest first; a return other than FIRN_OK ends the listing
 * and is returned. Visitors may call anything. */
FIRN_API FIRN_MUST_CHECK int
firn_store_checkpoint_list(firn_store *store, const firn_store_checkpoint_list_options *options,
                           int (*visit)(void *ctx, const firn_store_checkpoint *checkpoint),
                           void *ctx, firn_error *err);
/* Fills in *out, whose size the caller has set. */
FIRN_API FIRN_MUST_CHECK int firn_store_checkpoint_find(firn_store *store, const char *reference,
                                                        firn_store_checkpoint *out,
                                                        firn_error *err);
/* Deletes count checkpoints, all of them or, after an error, none. Naming one twice is fine. Views
 * that are open on them stay. */
FIRN_API FIRN_MUST_CHECK int firn_store_checkpoint_delete(firn_store *store,
                                                          const char *const *references,
                                                          size_t count, firn_error *err);

/* What a restore has done. */
typedef struct firn_store_restore_result {
    size_t size;                    /* sizeof(firn_store_restore_result), set by the caller */
    firn_store_checkpoint restored; /* what the data are now */
    firn_store_checkpoint safety;   /* what they were before */
} firn_store_restore_result;
/* Makes the store's data what the checkpoint sees: atomic, and as fast as a small commit. out may
 * be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_store_restore(firn_store *store, const char *reference,
                                                firn_store_restore_result *out, firn_error *err);
/* Takes back the last restore: restores its safety checkpoint. FIRN_NOT_FOUND if there was no
 * restore, or the checkpoint was deleted. out may be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_store_undo(firn_store *store, firn_store_restore_result *out,
                                             firn_error *err);

typedef enum firn_store_difference_kind {
    FIRN_STORE_DIFFERENCE_ADDED = 1, /* the key is in the second state alone */
    FIRN_STORE_DIFFERENCE_REMOVED = 2,
    FIRN_STORE_DIFFERENCE_CHANGED = 3,
    FIRN_STORE_DIFFERENCE_KEYSPACE_ADDED = 4, /* without a key; its keys come next */
    FIRN_STORE_DIFFERENCE_KEYSPACE_REMOVED = 5
} firn_store_difference_kind;

/* Borrowed until the visitor returns. */
typedef struct firn_store_difference {
    size_t size; /* sizeof(firn_store_difference) */
    firn_store_difference_kind kind;
    const char *keyspace;
    firn_slice key;
    firn_slice before; /* values; data is NULL where there is none, and not for an empty one */
    firn_slice after;
} firn_store_difference;

typedef struct firn_store_diff_options {
    size_t size;          /* sizeof(firn_store_diff_options) */
    const char *keyspace; /* only this one; NULL: all */
    /* As in firn_store_maintenance_options: for a walk that may find little for long. */
    int (*on_progress)(void *ctx, const firn_progress *progress);
    void *progress_ctx;
} firn_store_diff_options;
#define FIRN_STORE_DIFF_OPTIONS_INIT                      \
    {                                                     \
        sizeof(firn_store_diff_options), NULL, NULL, NULL \
    }
/* Compares two states, given by references, NULL for the present one: calls visit with each key
 * whose value is not the same, keyspaces and keys in the order of their bytes. Values that
 * have expired by now are in neither. Reads little more than what was written between the two. A
 * return other than FIRN_OK ends the walk and is returned. Visitors may call anything. options may
 * be NULL. */
FIRN_API FIRN_MUST_CHECK int
firn_store_diff(firn_store *store, const char *before, const char *after,
                const firn_store_diff_options *options,
                int (*visit)(void *ctx, const firn_store_difference *difference), void *ctx,
                firn_error *err);

/* ---- one checkpoint in a single file ---- */

typedef struct firn_store_export_options {
    size_t size;           /* sizeof(firn_store_export_options) */
    bool replace_existing; /* a file of that name may be replaced; else FIRN_EXISTS */
    /* Called a few times a second, if it is not NULL; another return than FIRN_OK ends the work,
     * which then fails with FIRN_CANCELLED. */
    int (*on_progress)(void *ctx, const firn_progress *progress);
    void *ctx;
} firn_store_export_options;
#define FIRN_STORE_EXPORT_OPTIONS_INIT                       \
    {                                                        \
        sizeof(firn_store_export_options), false, NULL, NULL \
    }
/* Writes what the checkpoint sees, NULL for the present state, into the one file `path`, whose
 * directory is there: all keyspaces of the user's, and the checkpoint, under the references that it
 * has. Nothing else of the store is in it. The file is there, whole and on disk, when this returns
 * FIRN_OK; after an error whatever was there before still is. While it is made it and a store that
 * it is made from lie in a directory .firn-export-*.tmp beside it, and take up space as if the data
 * were written once more; one that a crash left is removed by the next export to that place. Commits
 * go on meanwhile. options may be NULL.
 *
 * firn_store_open, with read_only, opens the file where it lies, as fast as a store: what is there
 * can be read, compared, exported and checked, never changed (FIRN_READ_ONLY). Time stands still
 * in it: values with a time to live are there as long as they are in the checkpoint. FIRN_CORRUPT,
 * naming file and offset, where it is damaged or was cut off: any byte of a file of up to 8 MiB; of a
 * larger one damage among keys and values is found when it is read. */
FIRN_API FIRN_MUST_CHECK int firn_store_export(firn_store *store, const char *reference,
                                               const char *path,
                                               const firn_store_export_options *options,
                                               firn_error *err);

typedef struct firn_store_import_options {
    size_t size; /* sizeof(firn_store_import_options) */
    /* As above. */
    int (*on_progress)(void *ctx, const firn_progress *progress);
    void *ctx;
} firn_store_import_options;
#define FIRN_STORE_IMPORT_OPTIONS_INIT                \
    {                                                 \
        sizeof(firn_store_import_options), NULL, NULL \
    }
/* Makes a store in the directory `path` (made, 0700, if it is missing) of an exported file: its
 * data, as they are now, and its checkpoint. Every byte of the file is verified. FIRN_EXISTS if
 * there is a store already, FIRN_INVALID where the directory holds something else, or where the file
 * is none that was exported. options and out, the checkpoint, may be NULL. */
FIRN_API FIRN_MUST_CHECK int firn_store_import(const char *file, const char *path,
                                               const firn_store_import_options *options,
                                               firn_store_checkpoint *out, firn_error *err);

#ifdef __cplusplus
}
#endif

#endif
