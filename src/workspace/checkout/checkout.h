/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout.h: turning the tree `before`, which is on disk, into the tree `after`.
 *
 * The passes go through the same changes in the same order. The plan records them, up to 16 MiB; if
 * there are more, each pass walks the two trees again. So memory is bounded.
 */
#ifndef FIRN_CHECKOUT_CHECKOUT_H
#define FIRN_CHECKOUT_CHECKOUT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/error.h"
#include "base/hash_map.h"
#include "catalog/catalog_journal.h"
#include "difference/difference.h"
#include "firn/workspace.h"
#include "handle/ws_opened.h"
#include "objects/objects.h"
#include "os/os.h"
#include "tree/tree.h"

struct fi_checkout;

enum { FI_CHECKOUT_TAG_SIZE = 8, FI_CHECKOUT_NAME_SIZE = 48 };

/* Why `before` lacks what is at a path on the disk, or a part of it. */
enum fi_checkout_unsaved {
    FI_CHECKOUT_SAVED = 0,         /* no known reason */
    FI_CHECKOUT_EXCLUDED,          /* rules leave it out */
    FI_CHECKOUT_UNREAD,            /* it could not be read, or changed while it was read */
    FI_CHECKOUT_WITHOUT_ATTRIBUTES /* in `before`, but without unreadable attributes */
};

struct fi_checkout_options {
    struct fi_os_dir *root; /* of the tree on disk; borrowed */
    struct fi_objects *objects;
    /* root NULL: root is empty, and files are made under their own names at once */
    struct fi_difference_walk_side before;
    struct fi_difference_walk_side after;
    struct fi_tree_filter *filter;     /* may be NULL */
    bool count_same;                   /* `unchanged` from the walk: what a filter selects */
    uint8_t tag[FI_CHECKOUT_TAG_SIZE]; /* of the temporary names; unused without `before` */
    int64_t scanned_ns;                /* when the scan that gave `before` began */
    unsigned threads;                  /* 0: one for each processor */
    bool is_foreign;                   /* the store is another user's: see checkout_stage.c */
    firn_callbacks callbacks;
    int (*visit)(void *ctx, const firn_workspace_change *change); /* may be NULL */
    /* *out_size: the size of the part of the path that names the entry that was left out. NULL: no
     * reasons are known. */
    enum fi_checkout_unsaved (*unsaved_why)(void *ctx, firn_slice path, size_t *out_size);
    /* Whether a directory holds an entry that was left out, at any depth: it stays. NULL if
     * unsaved_why is. */
    bool (*holds_unsaved)(void *ctx, firn_slice dir);
    void *unsaved;                     /* their ctx */
    struct fi_checkout_stores *stores; /* in the tree on disk; may be NULL */
    /* Whether content need not be in the store or be verified: in a dry run the target was not
     * made. May be NULL; called on any thread. */
    bool (*is_at_hand)(void *ctx, const firn_hash *content);
    void *at_hand; /* its ctx */
    /* Gets progress as callbacks.on_progress does, also if that is NULL. May be NULL. */
    void (*on_step)(void *ctx, const firn_progress *progress);
    void *step_ctx;
};

/* Files, not directories. */
struct fi_checkout_counts {
    uint64_t added;
    uint64_t changed;
    uint64_t removed;
    uint64_t same;        /* if count_same */
    uint64_t directories; /* added, removed or with other metadata; not those that stay */
    uint64_t times;       /* of these, with another time and nothing else */
    uint64_t incomplete;
    uint64_t left_alone;   /* entries that rules leave out now, and that stay as they are */
    uint64_t not_restored; /* entries that stay as they are for another reason */
    uint64_t left_files;   /* files of `after` among both */
    uint64_t kept;         /* entries that other processes changed meanwhile, left as they are */
    uint64_t bytes;        /* to be written */
    int64_t written_at_ns; /* by the monotonic clock: all is in place, before the last sync */
};

FIRN_MUST_CHECK int fi_checkout_create(const struct fi_checkout_options *options,
                                       struct fi_checkout **out, firn_error *err);
void fi_checkout_destroy(struct fi_checkout *checkout);
const struct fi_checkout_counts *fi_checkout_counts(const struct fi_checkout *checkout);

/* Reports every change to `visit`, and counts; nothing is written. An entry that is in the way and
 * in neither tree stays, and nothing is restored in its place: the entry is reported
 * (FIRN_NOTICE_LEFT_ALONE, FIRN_NOTICE_NOT_RESTORED) and counted. */
FIRN_MUST_CHECK int fi_checkout_plan(struct fi_checkout *checkout, firn_error *err);
/* Reads and verifies every object that will be needed. After FIRN_CORRUPT err names object and
 * path. */
FIRN_MUST_CHECK int fi_checkout_verify(struct fi_checkout *checkout, firn_error *err);
/* Writes everything new beside its target, durably. After a failure see fi_checkout_is_undone. */
FIRN_MUST_CHECK int fi_checkout_prepare(struct fi_checkout *checkout, firn_error *err);
/* Moves everything new to its place and removes what has to go, durably. A failure before the first
 * rename takes back what was prepared; a later one leaves the restore half done. An entry that
 * another process changed after the first rename is kept, reported and counted. */
FIRN_MUST_CHECK int fi_checkout_finish(struct fi_checkout *checkout, firn_error *err);
/* Takes back what was prepared, instead of finishing it. */
void fi_checkout_give_up(struct fi_checkout *checkout);
/* After a failure, or after fi_checkout_give_up: whether everything is as it was before, with
 * nothing left under temporary names. */
bool fi_checkout_is_undone(const struct fi_checkout *checkout);

/* The temporary name beside a path: ".firn-<tag>-<16 hex digits of the path's hash>"; and the name
 * that the old entry has for a moment if two names cannot be exchanged in one step. Both are
 * written to FI_CHECKOUT_NAME_SIZE bytes. */
void fi_checkout_place_temporary(const uint8_t *tag, firn_slice path, char *out);
void fi_checkout_place_aside(const uint8_t *tag, firn_slice path, char *out);

/* Exchanges the two names, of which the first is a temporary one. FIRN_NOT_FOUND if one of them
 * does not exist. */
FIRN_MUST_CHECK int fi_checkout_swap_exchange(struct fi_os_dir *dir, const char *temporary,
                                              const char *final, firn_error *err);
/* Removes the directory at path, below root, with all that is in it; if base_size is 0, only what
 * is in root. base_size is the size of path; the contents of path change. checkout_clear.c. */
FIRN_MUST_CHECK int fi_checkout_clear_tree(struct fi_os_dir *root, struct fi_buf *path,
                                           size_t base_size, firn_error *err);

/* Settling what an interrupted restore left on the disk, so that an ordinary restore can
 * continue. */

/* Requires: journal is pending. Afterwards nothing is left under its temporary names, durably, and
 * every path is as it was before, as it should become, or as it was edited since. An entry that had
 * to be kept under another name is reported (FIRN_NOTICE_KEPT). May be called again after a failure
 * or a crash. */
FIRN_MUST_CHECK int fi_checkout_recover_rest(struct fi_ws_opened *opened,
                                             const struct fi_catalog_journal *journal,
                                             const firn_callbacks *callbacks, firn_error *err);

/* The record of a checkpoint by its id: its bytes replace the contents of out. FIRN_NOT_FOUND if
 * there is none. */
FIRN_MUST_CHECK int fi_checkout_recover_record(struct fi_ws_opened *opened, const uint8_t *id,
                                               struct fi_buf *out, struct fi_catalog_record *record,
                                               firn_error *err);

/* Firn stores in the tree that a restore is about to change. */

/* Ready for use if all fields after the first three are zero. */
struct fi_checkout_stores {
    struct fi_os_dir *root;
    int64_t lock_timeout_ms;   /* to wait for the writer of each; negative: forever */
    bool is_dry;               /* only read */
    struct fi_hash_map stores; /* by their paths */
    struct fi_hash_map tails;  /* paths of the files for fi_checkout_stores_has_tail */
    struct fi_arena arena;
};

/* Enters the stores that the scan of the present state met (struct fi_scan_result). found must
 * outlive *stores. Call it once. */
FIRN_MUST_CHECK int fi_checkout_stores_find(struct fi_checkout_stores *stores, firn_slice found,
                                            firn_error *err);
/* Lets writers in again. */
void fi_checkout_stores_deinit(struct fi_checkout_stores *stores);

/* To be called before a change: keeps writers out of the store that the entry belongs to.
 * FIRN_BUSY, with the store and the holder in the message, if there is a writer for all of
 * lock_timeout_ms. FIRN_BUSY too if there was one for a part of that time, or if the store has
 * changed since the scan: the restore has to start again. */
FIRN_MUST_CHECK int fi_checkout_stores_change(struct fi_checkout_stores *stores,
                                              const struct fi_difference_walk_change *change,
                                              firn_error *err);

/* Whether the scan found an SQLite database at a path in use, and copied it. */
bool fi_checkout_stores_has_database(const struct fi_checkout_stores *stores, firn_slice path);
/* Whether something at a path is the lock of a store in the tree. Only checkpoints of earlier
 * versions have such files; they are never restored. */
bool fi_checkout_stores_is_lock(const struct fi_checkout_stores *stores, firn_slice path);

/* ---- files of stores that are changed; false for other stores ---- */

/* Whether only the part of the file at a path that belongs to the store's state was saved; the file
 * may be longer. */
bool fi_checkout_stores_is_cut(const struct fi_checkout_stores *stores, firn_slice path);
/* Whether that file is longer. */
bool fi_checkout_stores_has_tail(const struct fi_checkout_stores *stores, firn_slice path);
/* Whether an entry of dir, the directory at a path of the tree, is not a directory and was left out
 * because the store makes it again. */
bool fi_checkout_stores_is_leftover(const struct fi_checkout_stores *stores, struct fi_os_dir *dir,
                                    firn_slice path, const char *name);
/* Removes all such entries from a directory that will be removed. The lock stays if anything else
 * does. */
FIRN_MUST_CHECK int fi_checkout_stores_clear(const struct fi_checkout_stores *stores,
                                             struct fi_os_dir *dir, firn_slice path,
                                             firn_error *err);

#endif
