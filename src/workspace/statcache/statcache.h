/* SPDX-License-Identifier: Apache-2.0
 *
 * statcache/statcache.h: the stat cache: what the last scan of a workspace saw of each directory, so
 * that the next one need neither read nor encode what has not changed since.
 *
 * Of a directory it keeps a memo: the hash of its object and, for every entry of that object in its
 * order, a print: a 16-byte hash of everything that stat shows of the entry. The same print
 * means the same entry.
 *
 * Derived data, in the system keyspace "firn.stat" (docs/formats/catalog.md): it may be lost, or
 * dropped, at any time.
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

#define FIRN_STATCACHE_KEYSPACE "firn.stat"

/* ---- prints: statcache.c ---- */

enum { FIRN_STATCACHE_PRINT_SIZE = 16 };

/* All zeros: stands for nothing, and is equal to nothing. */
struct firn_statcache_print {
    uint8_t bytes[FIRN_STATCACHE_PRINT_SIZE];
};

/* The print of a file, a link or, with name "", of the directory itself, from its stat. */
void firn_statcache_print_of_look(uint64_t seed, firn_slice name, const struct firn_os_stat *stat,
                                  struct firn_statcache_print *out);
/* The print of a subdirectory, from its encoded entry. */
void firn_statcache_print_of_entry(uint64_t seed, firn_slice encoded,
                                   struct firn_statcache_print *out);
bool firn_statcache_print_is_zero(const struct firn_statcache_print *print);
/* Whether the print of a file that looked like this, noted at noted_ns, still counts after the machine
 * was started anew: a file that had been left alone long enough by then had reached the disk. */
bool firn_statcache_print_survives(const struct firn_os_stat *stat, int64_t noted_ns);
/* Whether every change made after looked_ns shows in the times of a file that looked like that
 * before. */
bool firn_statcache_print_is_settled(const struct firn_os_stat *stat, int64_t looked_ns);

/* ---- memos: statcache.c ---- */

/* What is remembered of one directory. A zeroed struct is empty: nothing is. */
struct firn_statcache_memo {
    firn_hash tree;
    struct firn_statcache_print self; /* of the directory itself */
    bool has_xattrs;                  /* the directory itself */
    int64_t noted_ns;                 /* when the scan began that found it so */
    uint64_t boot_id;                 /* of the machine at that time */
    size_t count;
    const uint8_t *prints; /* count × FIRN_STATCACHE_PRINT_SIZE, in one of the next two */
    struct firn_buf value; /* as it is stored; empty where nothing is remembered */
    struct firn_buf parts;
    uint32_t *slots; /* index + 1 by print; made when first needed */
    size_t slot_count;
};

static inline bool
firn_statcache_memo_is_empty(const struct firn_statcache_memo *memo)
{
    return memo->value.size == 0;
}

void firn_statcache_memo_deinit(struct firn_statcache_memo *memo);
/* Forgets what is remembered; keeps memory. */
void firn_statcache_memo_clear(struct firn_statcache_memo *memo);
/* Whether there is an entry of that print; *out_index says which. guess is where it may be. May
 * allocate, unless firn_statcache_memo_prepare was called: then any thread. */
FIRN_MUST_CHECK int firn_statcache_memo_find(struct firn_statcache_memo *memo,
                                             const struct firn_statcache_print *print, size_t guess,
                                             size_t *out_index, bool *out_is_found);
FIRN_MUST_CHECK int firn_statcache_memo_prepare(struct firn_statcache_memo *memo);

/* A run of prints that is kept beside the value. */
struct firn_statcache_part {
    size_t count;
    uint8_t digest[FIRN_STATCACHE_PRINT_SIZE]; /* of its prints; its name as well */
};
/* Decodes memo->value and sets the fields; as many parts as *out_part_count are to be added then.
 * FIRN_CORRUPT, FIRN_NEWER. */
FIRN_MUST_CHECK int firn_statcache_memo_decode(struct firn_statcache_memo *memo,
                                               size_t *out_part_count, firn_error *err);
/* Appends the value of a memo: with its prints (part_count 0), or with the names of parts. */
FIRN_MUST_CHECK int firn_statcache_memo_encode(const struct firn_statcache_memo *memo,
                                               const struct firn_statcache_part *parts,
                                               size_t part_count, struct firn_buf *out);

/* ---- the cache of one workspace, for one operation: statcache.c ---- */

struct firn_statcache;

struct firn_statcache_options {
    struct firn_objects *objects; /* borrowed */
    uint32_t workspace;
    bool is_blind; /* finds nothing: what is there is only replaced */
};

/* db is borrowed. Over a read-only db nothing is noted. */
FIRN_MUST_CHECK int firn_statcache_open(struct firn_db *db,
                                        const struct firn_statcache_options *options,
                                        struct firn_statcache **out, firn_error *err);
/* Discards what was not committed. NULL is fine. */
void firn_statcache_close(struct firn_statcache *stat);
/* The seed of this store's prints. */
uint64_t firn_statcache_seed(const struct firn_statcache *stat);
/* The id of the current boot of the machine. */
uint64_t firn_statcache_boot_id(const struct firn_statcache *stat);
/* Whether what is noted is kept for a commit. */
bool firn_statcache_is_writable(const struct firn_statcache *stat);
/* Whether a memo, or an object that one names, could not be read or made no sense: what a scan
 * found by this cache is of no use, and neither is the cache. */
bool firn_statcache_is_broken(const struct firn_statcache *stat);
/* Writes what lanes have noted, in commits that are not synced: to be called when the objects that
 * it names are in the index. */
FIRN_MUST_CHECK int firn_statcache_commit(struct firn_statcache *stat, firn_error *err);

/* ---- lanes: one a thread: statcache.c ---- */

struct firn_statcache_lane;

FIRN_MUST_CHECK int firn_statcache_lane_open(struct firn_statcache *stat,
                                             struct firn_statcache_lane **out, firn_error *err);
/* Hands over, with `keep`, what was noted; no other thread uses stat meanwhile. NULL is fine. */
void firn_statcache_lane_close(struct firn_statcache_lane *lane, bool keep);
/* What is remembered of the directory at a path; begun_ns is when the scan began. Leaves the memo
 * empty where there is nothing, or nothing to be trusted. */
FIRN_MUST_CHECK int firn_statcache_lane_find(struct firn_statcache_lane *lane, firn_slice path,
                                             int64_t begun_ns, struct firn_statcache_memo *out,
                                             firn_error *err);
/* Reads directory objects of earlier saves; valid as long as the lane. A failure breaks the
 * cache. */
const struct firn_tree_source *firn_statcache_lane_source(struct firn_statcache_lane *lane);
/* Says that what the cache gave makes no sense. Returns code. */
int firn_statcache_lane_break(struct firn_statcache_lane *lane, int code);
/* Remembers a directory. `before` is what was remembered, or empty; entries are those of its
 * object, encoded, one for each print. */
FIRN_MUST_CHECK int firn_statcache_lane_note(struct firn_statcache_lane *lane, firn_slice path,
                                             const struct firn_statcache_memo *memo,
                                             const struct firn_statcache_memo *before,
                                             firn_slice entries, firn_error *err);
/* The same where only self, has_xattrs and noted_ns are other than before. */
FIRN_MUST_CHECK int firn_statcache_lane_note_self(struct firn_statcache_lane *lane, firn_slice path,
                                                  const struct firn_statcache_memo *memo,
                                                  const struct firn_statcache_memo *before,
                                                  firn_error *err);
/* Forgets a directory and all below it. */
FIRN_MUST_CHECK int firn_statcache_lane_remove(struct firn_statcache_lane *lane, firn_slice path,
                                               firn_error *err);

/* ---- for others: statcache.c ---- */

/* Forgets every directory whose object is_live denies, in commits that are not synced; to be
 * called before the objects go. */
FIRN_MUST_CHECK int firn_statcache_sweep(struct firn_db *db,
                                         int (*is_live)(void *ctx, const firn_hash *tree, bool *out,
                                                        firn_error *err),
                                         void *ctx, uint64_t *out_removed, firn_error *err);
/* Forgets a workspace. */
FIRN_MUST_CHECK int firn_statcache_sweep_workspace(struct firn_db *db, uint32_t workspace,
                                                   firn_error *err);

#endif
