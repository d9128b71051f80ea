/* SPDX-License-Identifier: Apache-2.0
 *
 * instance/db_instance.h: batches, readers and space, as the rest of the library
 * sees them. store/db.h includes it.
 */
#ifndef FIRN_INSTANCE_DB_INSTANCE_H
#define FIRN_INSTANCE_DB_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "firn/cursor.h"
#include "firn/store.h"
#include "os/os.h"
#include "storefile/storefile_keyspace.h"

struct firn_db;
struct firn_db_keyspace;
struct firn_db_batch;
struct fi_lsm_range;
struct firn_db_cursor;
struct firn_snapshot;
struct firn_db_pin;
struct fi_storefile_progress;

/* Names with this prefix are outside snapshots, restores and diffs of the store's data, and users
 * cannot open them. */
#define FI_DB_SYSTEM_PREFIX "firn."
/* Names with this prefix also belong to firn, and users cannot open them, but they are inside
 * snapshots: tables use them (room rows). */
#define FI_DB_TABLE_PREFIX "firn:"
/* The keyspace with the schema records of tables, by number: 8 bytes, big-endian. */
#define FI_DB_SCHEMAS FI_DB_TABLE_PREFIX "schemas"
enum { FI_DB_SCHEMA_KEY_SIZE = 8 };

FIRN_MUST_CHECK int fi_db_log_sync(struct firn_db *db, firn_error *err);
/* For parts of firn that keep files of their own in the store's directory and delete some of them:
 * the version of MANIFEST, which grows with every flush; and whether no handle open for reading, in
 * any process, was opened at a version below the given one. A file that is no longer used from
 * version v on may be deleted once there is no such handle below v. Any thread. */
uint64_t fi_db_reader_version(struct firn_db *db);
bool fi_db_reader_none_below(void *db, uint64_t version);
/* Sets the number of bytes in files that belong to the store but are not its own: the reserve for a
 * full disk counts them. Requires: the handle writes. Any thread. */
void fi_db_space_beside(struct firn_db *db, uint64_t bytes);
/* A write found no space, or will find none: frees a part of the reserve. True if there may be
 * space now. From now on only commits that free space are accepted, until the disk has some. Any
 * thread. */
bool fi_db_space_give_up(struct firn_db *db);
/* Called after files were removed: on a full disk, makes sure that this frees space. Any thread. */
void fi_db_space_sync_removals(struct firn_db *db);

FIRN_MUST_CHECK int fi_db_batch_create(struct firn_db_batch **out, firn_error *err);
void fi_db_batch_destroy(struct firn_db_batch *batch);
void fi_db_batch_clear(struct firn_db_batch *batch);
/* Declares that the commit frees more space than it takes, in the store or beside it: on a full
 * disk it is admitted as a delete is. Holds until the batch is cleared. */
void fi_db_batch_frees_space(struct firn_db_batch *batch);
size_t fi_db_batch_count(const struct firn_db_batch *batch);
size_t fi_db_batch_size_bytes(const struct firn_db_batch *batch);
/* As firn_batch_iterate. */
FIRN_MUST_CHECK int fi_db_batch_iterate(const struct firn_db_batch *batch,
                                        int (*visit)(void *ctx, const firn_batch_write *write),
                                        void *ctx, firn_error *err);
/* As firn_batch_append. */
FIRN_MUST_CHECK int fi_db_batch_append_all(struct firn_db_batch *batch,
                                           const struct firn_db_batch *from, firn_error *err);
FIRN_MUST_CHECK int fi_db_batch_put(struct firn_db_batch *batch, struct firn_db_keyspace *keyspace,
                                    firn_slice key, firn_slice value, firn_error *err);
FIRN_MUST_CHECK int fi_db_batch_put_ttl(struct firn_db_batch *batch,
                                        struct firn_db_keyspace *keyspace, firn_slice key,
                                        firn_slice value, uint64_t ttl_ms, firn_error *err);
FIRN_MUST_CHECK int fi_db_batch_merge(struct firn_db_batch *batch,
                                      struct firn_db_keyspace *keyspace, firn_slice key,
                                      firn_merge_operator operation, firn_slice operand,
                                      firn_error *err);
FIRN_MUST_CHECK int fi_db_batch_delete(struct firn_db_batch *batch,
                                       struct firn_db_keyspace *keyspace, firn_slice key,
                                       firn_error *err);
FIRN_MUST_CHECK int fi_db_batch_delete_range(struct firn_db_batch *batch,
                                             struct firn_db_keyspace *keyspace, firn_slice lower,
                                             firn_slice upper, firn_error *err);

#endif
