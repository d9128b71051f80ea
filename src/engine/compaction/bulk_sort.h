/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/bulk_sort.h: entries in any order, given back in the order of their keys, the last one of each.
 *
 * One thread at a time. Use: create, add, finish once, destroy.
 */
#ifndef FIRN_COMPACTION_BULK_SORT_H
#define FIRN_COMPACTION_BULK_SORT_H

#include "lsm/lsm.h"

struct firn_bulk_sort;

/* Holds up to about memory_bytes in memory, beside one entry; more lies in files of the lsm that
 * MANIFEST does not know. */
FIRN_MUST_CHECK int firn_bulk_sort_create(struct firn_lsm *lsm, size_t memory_bytes,
                                          struct firn_bulk_sort **out, firn_error *err);
/* Copies key and value; the sequence is not looked at. After a failure only destroy is left. */
FIRN_MUST_CHECK int firn_bulk_sort_add(struct firn_bulk_sort *sort, const struct firn_entry *entry,
                                       firn_error *err);
/* Calls give with each key's last entry, whose sequence means nothing, in the order of keys; what it
 * returns other than FIRN_OK ends that and is returned. The entry is borrowed until give returns. */
FIRN_MUST_CHECK int firn_bulk_sort_finish(struct firn_bulk_sort *sort,
                                          int (*give)(void *ctx, const struct firn_entry *entry,
                                                      firn_error *err),
                                          void *ctx, firn_error *err);
/* Removes the files. NULL is fine. */
void firn_bulk_sort_destroy(struct firn_bulk_sort *sort);

#endif
