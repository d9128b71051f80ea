/* SPDX-License-Identifier: Apache-2.0
 *
 * merge/merge_source.h: what a merge takes its entries from: a memtable, a run, or all the runs of a
 * level (merge_level.h). A position among versions in the order of base/entry.h; one thread.
 *
 * What a source stands on must outlive it: the memtable, the run, and what options name.
 */
#ifndef FIRN_MERGE_MERGE_SOURCE_H
#define FIRN_MERGE_MERGE_SOURCE_H

#include "base/entry.h"
#include "base/error.h"
#include "block/run_kind.h"
#include "memtable/memtable.h"

struct firn_merge_source;

/* After an error the source is nowhere (entry is NULL). */
struct firn_merge_source_ops {
    int (*first)(struct firn_merge_source *source, firn_error *err);
    int (*last)(struct firn_merge_source *source, firn_error *err);
    /* As in memtable.h: to the first entry at or after (key, sequence), or the last one before. */
    int (*seek)(struct firn_merge_source *source, firn_slice key, uint64_t sequence,
                firn_error *err);
    int (*seek_before)(struct firn_merge_source *source, firn_slice key, uint64_t sequence,
                       firn_error *err);
    /* Before seek, as cursor_prepare of block/run_kind.h; fails in silence, since the seek will
     * fail too. NULL: nothing can be done. The source is nowhere afterwards. */
    void (*prepare)(struct firn_merge_source *source, firn_slice key, uint64_t sequence,
                    unsigned step);
    /* Only while it stands on an entry. */
    int (*next)(struct firn_merge_source *source, firn_error *err);
    int (*prev)(struct firn_merge_source *source, firn_error *err);
    /* Standing on an entry before key: on to the first entry at or after it, where nothing newer
     * than or as new as sequence lies between; else as far as is cheap, or not at all. */
    int (*skip)(struct firn_merge_source *source, firn_slice key, uint64_t sequence,
                firn_error *err);
    /* Standing on an entry at or after key: likewise back to the last entry before it. */
    int (*skip_back)(struct firn_merge_source *source, firn_slice key, uint64_t sequence,
                     firn_error *err);
    void (*destroy)(struct firn_merge_source *source);
};

/* Embedded first by each kind. */
struct firn_merge_source {
    const struct firn_merge_source_ops *ops;
    const struct firn_entry *entry; /* NULL: nowhere. Borrowed until the source moves */
    const char *name;               /* for messages; borrowed */
};

/* NULL is fine. */
void firn_merge_source_destroy(struct firn_merge_source *source);

/* No entry that the reader cares for is newer than sequence_max; UINT64_MAX where that is not
 * known, as of the memtable that takes writes. */
FIRN_MUST_CHECK int firn_merge_source_create_memtable(const struct firn_memtable *table,
                                                      uint64_t sequence_max,
                                                      struct firn_merge_source **out,
                                                      firn_error *err);
/* name is borrowed. */
FIRN_MUST_CHECK int firn_merge_source_create_run(struct firn_run *run, const char *name,
                                                 const struct firn_run_cursor_options *options,
                                                 struct firn_merge_source **out, firn_error *err);

#endif
