/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog.h: which workspaces and checkpoints a store holds (docs/formats/catalog.md).
 *
 *   "firn.workspaces":   be32 workspace (from 1)   → u8 format (2) | sized root | varint device
 *                                                    | varint inode | varint next order
 *                                                    | varint next number | le64 birth time in ns
 *                        format 1 has no birth time
 *   "firn.checkpoints":  be32 workspace | be64 order → record (catalog_record.h)
 *   "firn.unpacked":     be32 workspace | be64 order → empty: the record is in no pack yet
 */
#ifndef FIRN_CATALOG_CATALOG_H
#define FIRN_CATALOG_CATALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "catalog/catalog_record.h"
#include "store/db.h"

struct firn_catalog;

/* db is borrowed. Works over a read-only db that has no catalog yet. */
FIRN_MUST_CHECK int firn_catalog_open(struct firn_db *db, struct firn_catalog **out,
                                      firn_error *err);
void firn_catalog_close(struct firn_catalog *catalog);
struct firn_db *firn_catalog_db(const struct firn_catalog *catalog);

struct firn_catalog_workspace {
    uint32_t number; /* 0: not in the catalog */
    uint64_t device;
    uint64_t inode;
    int64_t btime_ns; /* 0: not known */
    uint64_t next_order;
    uint64_t next_number;
};

/* Every checkpoint of one workspace (0: of all), newest first; another return of visit than
 * FIRN_OK ends the walk and is returned. The record is borrowed until visit returns. */
FIRN_MUST_CHECK int firn_catalog_list(struct firn_catalog *catalog, uint32_t workspace,
                                      int (*visit)(void *ctx, firn_slice bytes,
                                                   const struct firn_catalog_record *record,
                                                   firn_error *err),
                                      void *ctx, firn_error *err);

/* The record of an order; FIRN_NOT_FOUND. As for the next. */
FIRN_MUST_CHECK int firn_catalog_get(struct firn_catalog *catalog, uint32_t workspace,
                                     uint64_t order, struct firn_buf *out,
                                     struct firn_catalog_record *record, firn_error *err);
/* The record of a reference (reference.h) in a workspace: its bytes replace the contents of out,
 * the record borrows from them. */
FIRN_MUST_CHECK int firn_catalog_resolve(struct firn_catalog *catalog, uint32_t workspace,
                                         const char *reference, struct firn_buf *out,
                                         struct firn_catalog_record *record, firn_error *err);
/* The newest checkpoint but for safety checkpoints. FIRN_NOT_FOUND. */
FIRN_MUST_CHECK int firn_catalog_newest(struct firn_catalog *catalog, uint32_t workspace,
                                        struct firn_buf *out, struct firn_catalog_record *record,
                                        firn_error *err);

/* Calls visit with the bytes of every record that stands in no pack yet. */
FIRN_MUST_CHECK int firn_catalog_unpacked(struct firn_catalog *catalog,
                                          int (*visit)(void *ctx, firn_slice bytes,
                                                       firn_error *err),
                                          void *ctx, firn_error *err);
/* What else a commit holds: join adds it to the batch, and knows the record that the commit
 * enters. */
struct firn_catalog_joint {
    int (*join)(void *ctx, struct firn_db_batch *batch, const struct firn_catalog_record *record,
                firn_error *err);
    void *ctx;
    /* Another safety checkpoint, entered behind the record: gets its order and its parent. NULL: none. */
    struct firn_catalog_record *also;
};

/* One commit with full durability: enters the record (its order and number given by the caller
 * from *workspace, whose next ones are advanced) and, if records_were_packed, forgets which
 * records stood in no pack. joint may be NULL. */
FIRN_MUST_CHECK int firn_catalog_commit(struct firn_catalog *catalog, firn_slice root,
                                        struct firn_catalog_workspace *workspace,
                                        const struct firn_catalog_record *record,
                                        bool records_were_packed,
                                        const struct firn_catalog_joint *joint, firn_error *err);

#endif
