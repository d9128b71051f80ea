/* SPDX-License-Identifier: Apache-2.0
 *
 * table_firn.h: what the two halves of firn's side share.
 */
#ifndef BENCH_TABLE_FIRN_H
#define BENCH_TABLE_FIRN_H

#include <firn/firn.h>

#include "table.h"

struct table_store {
    const struct table_setup *setup;
    firn_store *handle;
    firn_table *table;
    firn_row *row; /* of the last lookup */
};

/* Dies unless the code is FIRN_OK. */
void table_firn_check(int code, const firn_error *err);
/* table_engine.query (table.h). */
void table_firn_query(struct table_store *store, enum table_query query, const int64_t bounds[2],
                      struct table_answer *answer);

#endif
