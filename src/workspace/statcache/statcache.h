/* SPDX-License-Identifier: Apache-2.0
 *
 * statcache/statcache.h: the stat cache: what the last scan of a workspace saw of each directory,
 * so that the next one need not read or encode what has not changed since.
 *
 * For each directory it has a memo: the hash of the directory's object and, for every entry of that
 * object in order, a print, which is a 16-byte hash of everything that stat shows of the entry. If
 * the print is the same, the entry is.
 *
 * It is derived data, in the system keyspace "firn.stat" (docs/formats/catalog.md), and may be lost
 * or dropped at any time.
 */
#ifndef FIRN_STATCACHE_STATCACHE_H
#define FIRN_STATCACHE_STATCACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "objects/objects.h"
#include "os/os.h"
#include "store/db.h"
#include "tree/tree.h"

#define FI_STATCACHE_KEYSPACE "firn.stat"

/* ---- prints: statcache_print.c ---- */

enum { FI_STATCACHE_PRINT_SIZE = 16 };

/* A print of zeros means none, and matches no other. */
struct fi_statcache_print {
    uint8_t bytes[FI_STATCACHE_PRINT_SIZE];
};

/* The print of a file, a link or, with name "", of the directory itself, from its stat. */
void fi_statcache_print_of_inspect(uint64_t seed, firn_slice name, const struct fi_os_stat *stat,
                                   struct fi_statcache_print *out);
/* The print of a subdirectory, from its encoded entry. */
void fi_statcache_print_of_entry(uint64_t seed, firn_slice encoded, struct fi_statcache_print *out);
bool fi_statcache_print_is_zero(const struct fi_statcache_print *print);
/* Whether the print of a file that looked like this, noted at noted_ns, still counts after the
 * machine has restarted: a file that was unchanged for long enough at noted_ns had reached the
 * disk. */
bool fi_statcache_print_survives(const struct fi_os_stat *stat, int64_t noted_ns);
/* Whether every change made after looked_ns shows in the times of a file that looked like that
 * before. */
bool fi_statcache_print_is_settled(const struct fi_os_stat *stat, int64_t looked_ns);

/* ---- memos: statcache_memo.c ---- */

/* What the cache has for one directory. A zeroed struct is empty: there is nothing. */
struct fi_statcache_memo {
    firn_hash tree;
    struct fi_statcache_print self; /* of the directory itself */
    bool has_xattrs;                /* of the directory itself */
    int64_t noted_ns;               /* when the scan that noted it began */
    uint64_t boot_id;               /* the machine's, at that time */
    size_t count;
    const uint8_t *prints; /* count × FI_STATCACHE_PRINT_SIZE, in one of the next two */
    struct fi_buf value;   /* as stored; empty if there is nothing */
    struct fi_buf parts;
    uint32_t *slots; /* index + 1 by print; built when first needed */
    size_t slot_count;
};

static inline bool
fi_statcache_memo_is_empty(const struct fi_statcache_memo *memo)
{
    return memo->value.size == 0;
}

void fi_statcache_memo_deinit(struct fi_statcache_memo *memo);
/* Makes the memo empty; keeps its memory. */
void fi_statcache_memo_clear(struct fi_statcache_memo *memo);
/* Whether there is an entry with this print; *out_index is its index. guess is where it may be. May
 * allocate, unless fi_statcache_memo_prepare was called; then any thread may call. */
FIRN_MUST_CHECK int fi_statcache_memo_find(struct fi_statcache_memo *memo,
                                           const struct fi_statcache_print *print, size_t guess,
                                           size_t *out_index, bool *out_is_found);
FIRN_MUST_CHECK int fi_statcache_memo_prepare(struct fi_statcache_memo *memo);

/* A run of prints that is stored in a record of its own. */
struct fi_statcache_part {
    size_t count;
    uint8_t digest[FI_STATCACHE_PRINT_SIZE]; /* of its prints; its name as well */
};
/* Decodes memo->value and sets the fields; the caller then adds *out_part_count parts.
 * FIRN_CORRUPT, FIRN_NEWER. */
FIRN_MUST_CHECK int fi_statcache_memo_decode(struct fi_statcache_memo *memo, size_t *out_part_count,
                                             firn_error *err);
/* Appends the value of a memo: with its prints (part_count 0), or with the names of parts. */
FIRN_MUST_CHECK int fi_statcache_memo_encode(const struct fi_statcache_memo *memo,
                                             const struct fi_statcache_part *parts,
                                             size_t part_count, struct fi_buf *out);

/* ---- the cache of one workspace, for one operation: statcache.c ---- */

struct fi_statcache;

struct fi_statcache_options {
    struct fi_objects *objects; /* borrowed */
    uint32_t workspace;
    bool is_blind; /* finds nothing; memos are only replaced */
    /* Reads old directory objects, borrowed; NULL: objects does. */
    const struct fi_tree_source *trees;
};

/* The number under which scans of copies (scan.h) that are not in the store yet have their memos.
 * What they name may never get there, so each group of saves forgets them first. */
enum { FI_STATCACHE_COPIES = INT32_MAX };
/* The number for scans of a part of the repositories in a workspace (repository/repository.h):
 * what they have for a path is not what a scan of the workspace has. */
static inline uint32_t
fi_statcache_of_repositories(uint32_t workspace, unsigned part)
{
    enum { SHIFT = 29 };
    return workspace | (uint32_t)(part + 1) << SHIFT;
}
/* Deletes all memos of a workspace, in a commit that is not synced. */
FIRN_MUST_CHECK int fi_statcache_forget(struct firn_db *db, uint32_t workspace, firn_error *err);

/* db is borrowed. If it is read-only, nothing is noted. */
FIRN_MUST_CHECK int fi_statcache_open(struct firn_db *db,
                                      const struct fi_statcache_options *options,
                                      struct fi_statcache **out, firn_error *err);
/* Discards what was not committed. NULL is fine. */
void fi_statcache_close(struct fi_statcache *stat);
/* The seed of this store's prints. */
uint64_t fi_statcache_seed(const struct fi_statcache *stat);
/* The id of the current boot of the machine. */
uint64_t fi_statcache_boot_id(const struct fi_statcache *stat);
/* Whether notes are kept for a commit. */
bool fi_statcache_is_writable(const struct fi_statcache *stat);
/* Whether a memo, or an object that one names, could not be read or made no sense: then neither the
 * cache nor the results of a scan that used it can be trusted. */
bool fi_statcache_is_broken(const struct fi_statcache *stat);
/* Writes the notes of the lanes, in commits that are not synced. Requires: the objects that the
 * notes name are in the index. */
FIRN_MUST_CHECK int fi_statcache_commit(struct fi_statcache *stat, firn_error *err);

/* ---- lanes: one a thread: statcache_lane.c ---- */

struct fi_statcache_lane;

FIRN_MUST_CHECK int fi_statcache_lane_open(struct fi_statcache *stat,
                                           struct fi_statcache_lane **out, firn_error *err);
/* Frees the lane; with `keep`, its notes go to stat. NULL is fine. Requires: no other thread uses
 * stat meanwhile. */
void fi_statcache_lane_close(struct fi_statcache_lane *lane, bool keep);
/* Finds the memo of the directory at a path; begun_ns is when the scan began. The memo is empty if
 * there is none, or none that can be trusted. */
FIRN_MUST_CHECK int fi_statcache_lane_find(struct fi_statcache_lane *lane, firn_slice path,
                                           int64_t begun_ns, struct fi_statcache_memo *out,
                                           firn_error *err);
/* Reads directory objects of earlier saves; valid as long as the lane. A failure breaks the
 * cache. */
const struct fi_tree_source *fi_statcache_lane_source(struct fi_statcache_lane *lane);
/* Marks the cache as broken, because a memo made no sense. Returns code. */
int fi_statcache_lane_break(struct fi_statcache_lane *lane, int code);
/* Notes the memo of a directory. `before` is the earlier memo, or empty; entries are those of the
 * directory's object, encoded, one for each print. */
FIRN_MUST_CHECK int fi_statcache_lane_note(struct fi_statcache_lane *lane, firn_slice path,
                                           const struct fi_statcache_memo *memo,
                                           const struct fi_statcache_memo *before,
                                           firn_slice entries, firn_error *err);
/* The same if only self, has_xattrs, noted_ns and boot_id differ from `before`. */
FIRN_MUST_CHECK int fi_statcache_lane_note_self(struct fi_statcache_lane *lane, firn_slice path,
                                                const struct fi_statcache_memo *memo,
                                                const struct fi_statcache_memo *before,
                                                firn_error *err);
/* Notes that the memos of a directory and all below it are to be removed. */
FIRN_MUST_CHECK int fi_statcache_lane_remove(struct fi_statcache_lane *lane, firn_slice path,
                                             firn_error *err);

/* ---- for others: statcache_sweep.c ---- */

/* Removes the memo of every directory for whose object is_live gives false, in commits that are not
 * synced. Requires: the objects have not been deleted yet. */
FIRN_MUST_CHECK int fi_statcache_sweep(struct firn_db *db,
                                       int (*is_live)(void *ctx, const firn_hash *tree, bool *out,
                                                      firn_error *err),
                                       void *ctx, uint64_t *out_removed, firn_error *err);

#endif
