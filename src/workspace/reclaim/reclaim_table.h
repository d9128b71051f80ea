/* SPDX-License-Identifier: Apache-2.0
 *
 * reclaim/reclaim_table.h: one small entry for each object of the index, with a mark: what a
 * collection of garbage holds in memory.
 */
#ifndef FIRN_RECLAIM_RECLAIM_TABLE_H
#define FIRN_RECLAIM_RECLAIM_TABLE_H

#include "objects/objects.h"

struct firn_reclaim_table;

/* Reads the whole index. Afterwards the index may lose objects and find new places for them, but
 * nothing may be added. */
FIRN_MUST_CHECK int firn_reclaim_table_create(struct firn_objects *objects,
                                              struct firn_reclaim_table **out, firn_error *err);
void firn_reclaim_table_destroy(struct firn_reclaim_table *table);

size_t firn_reclaim_table_count(const struct firn_reclaim_table *table);
/* The number of an object among all, in the order of hashes from 0; false if the index did not have
 * it. */
bool firn_reclaim_table_find(const struct firn_reclaim_table *table, const firn_hash *hash,
                             size_t *out_number);
enum firn_packfile_kind firn_reclaim_table_kind(const struct firn_reclaim_table *table,
                                                size_t number);

enum firn_reclaim_mark {
    FIRN_RECLAIM_MARK_LIVE = 0x08,
    FIRN_RECLAIM_MARK_TREE_WALKED = 0x10,  /* what it names as a directory object is marked */
    FIRN_RECLAIM_MARK_PIECES_WALKED = 0x20 /* what it names as a list of pieces is marked */
};
bool firn_reclaim_table_has(const struct firn_reclaim_table *table, size_t number,
                            enum firn_reclaim_mark mark);
/* Returns whether it had the mark before. */
bool firn_reclaim_table_mark(struct firn_reclaim_table *table, size_t number,
                             enum firn_reclaim_mark mark);

#endif
