/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/db_commit.h: commits as the rest of the library sees them. store/db.h includes it.
 */
#ifndef FIRN_COMMIT_DB_COMMIT_H
#define FIRN_COMMIT_DB_COMMIT_H

#include "instance/db_instance.h"

/* One commit each. ttl_ms: how long the value lives from this call on, by the system's clock, here
 * and below; 0: it never expires. */
FIRN_MUST_CHECK int fi_db_put(struct firn_db_keyspace *keyspace, firn_slice key, firn_slice value,
                              firn_durability durability, firn_error *err);
FIRN_MUST_CHECK int fi_db_put_ttl(struct firn_db_keyspace *keyspace, firn_slice key,
                                  firn_slice value, uint64_t ttl_ms, firn_durability durability,
                                  firn_error *err);
FIRN_MUST_CHECK int fi_db_write(struct firn_db *db, const struct firn_db_batch *batch,
                                firn_durability durability, firn_error *err);

#endif
