/* SPDX-License-Identifier: Apache-2.0
 *
 * remote/remote_table.h: a sorted table of names and what is known of each. A zeroed struct is an
 * empty table.
 */
#ifndef FIRN_REMOTE_REMOTE_TABLE_H
#define FIRN_REMOTE_REMOTE_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "firn/types.h"

struct fi_remote_item {
    firn_slice key; /* in the memory of the table, as is the value */
    firn_slice value;
    uint8_t status; /* enum fi_remote_status; 0 where there is none */
};

struct fi_remote_table {
    struct fi_remote_item *items; /* by key, in the order of bytes */
    size_t count;
    size_t capacity;
};

void fi_remote_table_deinit(struct fi_remote_table *table);
/* Forgets the items. */
void fi_remote_table_clear(struct fi_remote_table *table);
/* The item, or NULL. Valid until the table changes. */
struct fi_remote_item *fi_remote_table_find(const struct fi_remote_table *table, firn_slice key);
/* Adds an item, or replaces the one of that key; key and value are copied. FIRN_NO_MEMORY, and the
 * table is as before. */
FIRN_MUST_CHECK int fi_remote_table_put(struct fi_remote_table *table, firn_slice key,
                                        firn_slice value, uint8_t status, firn_error *err);
/* Removes the item, if there is one. */
void fi_remote_table_remove(struct fi_remote_table *table, firn_slice key);
/* Puts all items of `from`, in one sweep over both; if has_only_new, those whose keys are in the
 * table already are skipped. After FIRN_NO_MEMORY some are there. */
FIRN_MUST_CHECK int fi_remote_table_put_all(struct fi_remote_table *table,
                                            const struct fi_remote_table *from, bool has_only_new,
                                            firn_error *err);
/* Removes the items of those keys that have the status (0: any), in one sweep. */
void fi_remote_table_remove_all(struct fi_remote_table *table, const struct fi_remote_table *keys,
                                uint8_t status);

#endif
