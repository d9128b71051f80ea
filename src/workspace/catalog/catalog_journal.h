/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_journal.h: the journal of the last restore in place of each workspace
 * (docs/formats/catalog.md, "firn.restores"): whether the restore was finished, from which state it
 * began, its target, and what an undo brings back.
 *
 *   be32 workspace → u8 format (1) | u8 state | u8 flags (1: an undo or a redo, 2: it left out
 *                    entries that it could not change, 4: a redo, 8: a revert) | 8 tag |
 *                    16 safety | 16 before | 16 target | varint count | count sized paths | sized
 *                    previous entry, or empty | varint 0 (end; a tag of a later version is refused)
 */
#ifndef FIRN_CATALOG_CATALOG_JOURNAL_H
#define FIRN_CATALOG_CATALOG_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "catalog/catalog_record.h"
#include "store/db.h"

enum { FI_CATALOG_JOURNAL_TAG_SIZE = 8 };

enum fi_catalog_journal_state {
    FI_CATALOG_JOURNAL_NONE = 0,     /* there is no entry */
    FI_CATALOG_JOURNAL_DONE = 1,     /* finished */
    FI_CATALOG_JOURNAL_PREPARED = 2, /* new files may be under temporary names, and nothing moved */
    FI_CATALOG_JOURNAL_BEGUN = 3 /* new entries were durable and whole; entries may have moved */
};

/* What is done to a workspace; 0 counts as RESTORE. */
enum fi_catalog_journal_kind {
    FI_CATALOG_JOURNAL_RESTORE = 1,
    FI_CATALOG_JOURNAL_UNDO = 2, /* also a restore that is taken back */
    FI_CATALOG_JOURNAL_REVERT = 3,
    FI_CATALOG_JOURNAL_REDO = 4
};

/* A zeroed struct is an entry of state NONE. */
struct fi_catalog_journal {
    enum fi_catalog_journal_state state;
    enum fi_catalog_journal_kind kind;
    bool is_partial; /* DONE, except for entries that could not be changed */
    uint8_t tag[FI_CATALOG_JOURNAL_TAG_SIZE];  /* of its temporary names */
    uint8_t safety[FI_CATALOG_RECORD_ID_SIZE]; /* what an undo brings back */
    uint8_t before[FI_CATALOG_RECORD_ID_SIZE]; /* the checkpoint of the state before the restore */
    uint8_t target[FI_CATALOG_RECORD_ID_SIZE];
    const firn_slice *paths; /* only these; owned if read, the slices point into bytes */
    size_t path_count;
    firn_slice previous; /* the entry that this one replaced, if it may have to be put back */
    struct fi_buf bytes; /* of the entry that was read */
};

/* Whether it goes along the undo line, or takes back what does not. */
static inline bool
fi_catalog_journal_is_step(enum fi_catalog_journal_kind kind)
{
    return kind == FI_CATALOG_JOURNAL_UNDO || kind == FI_CATALOG_JOURNAL_REDO;
}

void fi_catalog_journal_deinit(struct fi_catalog_journal *journal);

static inline bool
fi_catalog_journal_is_pending(const struct fi_catalog_journal *journal)
{
    return journal->state == FI_CATALOG_JOURNAL_PREPARED ||
           journal->state == FI_CATALOG_JOURNAL_BEGUN;
}

/* Fills *out; state NONE if there is no entry. Works with a read-only db that has no keyspace for
 * entries. The caller releases *out, also after a failure. Requires: *out is zeroed or was
 * released. */
FIRN_MUST_CHECK int fi_catalog_journal_read(struct firn_db *db, uint32_t workspace,
                                            struct fi_catalog_journal *out, firn_error *err);
/* Adds the entry to a batch. */
FIRN_MUST_CHECK int fi_catalog_journal_put(struct firn_db *db, struct firn_db_batch *batch,
                                           uint32_t workspace,
                                           const struct fi_catalog_journal *journal,
                                           firn_error *err);
/* One commit with full durability. */
FIRN_MUST_CHECK int fi_catalog_journal_write(struct firn_db *db, uint32_t workspace,
                                             const struct fi_catalog_journal *journal,
                                             firn_error *err);
/* The same with the bytes of an entry; empty: the entry is deleted. */
FIRN_MUST_CHECK int fi_catalog_journal_write_bytes(struct firn_db *db, uint32_t workspace,
                                                   firn_slice bytes, firn_error *err);
/* Whether the entry of a workspace needs this checkpoint: because an undo would bring it back, or
 * because a pending restore uses it. */
FIRN_MUST_CHECK int fi_catalog_journal_needs(struct firn_db *db, uint32_t workspace,
                                             const uint8_t *id, bool *out, firn_error *err);

/* Appends the bytes of an entry to out. FIRN_LIMIT for more paths than decode accepts;
 * FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_catalog_journal_encode(const struct fi_catalog_journal *journal,
                                              struct fi_buf *out);
/* Fills in *err for what encode returned. */
int fi_catalog_journal_encode_error(int rc, firn_error *err);
/* The slices of *out point into bytes. */
FIRN_MUST_CHECK int fi_catalog_journal_decode(firn_slice bytes, struct fi_catalog_journal *out,
                                              firn_error *err);

#endif
