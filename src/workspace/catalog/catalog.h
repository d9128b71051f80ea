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
#include "base/hash_map.h"
#include "base/slice.h"
#include "catalog/catalog_record.h"
#include "firn/workspace.h"
#include "objects/objects.h"
#include "store/db.h"

/* The keyspaces of the catalog. */
#define FI_CATALOG_WORKSPACES FI_DB_SYSTEM_PREFIX "workspaces"
#define FI_CATALOG_CHECKPOINTS FI_DB_SYSTEM_PREFIX "checkpoints"
#define FI_CATALOG_UNPACKED FI_DB_SYSTEM_PREFIX "unpacked"
#define FI_CATALOG_TAGS FI_DB_SYSTEM_PREFIX "tags"
#define FI_CATALOG_PINS FI_DB_SYSTEM_PREFIX "pins"
#define FI_CATALOG_DELETED FI_DB_SYSTEM_PREFIX "deleted"
#define FI_CATALOG_FACTS FI_DB_SYSTEM_PREFIX "facts"
#define FI_CATALOG_TURNS FI_DB_SYSTEM_PREFIX "turns"
#define FI_CATALOG_NAMES FI_DB_SYSTEM_PREFIX "names"
#define FI_CATALOG_TOLD FI_DB_SYSTEM_PREFIX "told"
#define FI_CATALOG_UNDO FI_DB_SYSTEM_PREFIX "undo"
#define FI_CATALOG_RESTORES FI_DB_SYSTEM_PREFIX "restores"
#define FI_CATALOG_FORGOTTEN FI_DB_SYSTEM_PREFIX "purge"
#define FI_CATALOG_DUE FI_DB_SYSTEM_PREFIX "gc"
#define FI_CATALOG_REMOTES FI_DB_SYSTEM_PREFIX "remotes" /* share/share_internal.h */

struct fi_catalog;

/* db is borrowed. Works over a read-only db that has no catalog yet. */
FIRN_MUST_CHECK int fi_catalog_open(struct firn_db *db, struct fi_catalog **out, firn_error *err);
void fi_catalog_close(struct fi_catalog *catalog);
struct firn_db *fi_catalog_db(const struct fi_catalog *catalog);

struct fi_catalog_workspace {
    uint32_t number; /* 0: not in the catalog */
    uint64_t device;
    uint64_t inode;
    int64_t btime_ns; /* 0: not known */
    uint64_t next_order;
    uint64_t next_number;
};

/* Visits every checkpoint of one workspace (0: of all), newest first. A result of visit other than
 * FIRN_OK ends the walk and is returned. The record is borrowed until visit returns. */
FIRN_MUST_CHECK int fi_catalog_list(struct fi_catalog *catalog, uint32_t workspace,
                                    int (*visit)(void *ctx, firn_slice bytes,
                                                 const struct fi_catalog_record *record,
                                                 firn_error *err),
                                    void *ctx, firn_error *err);
/* The same, of those of one workspace with a smaller order; UINT64_MAX: all. */
FIRN_MUST_CHECK int
fi_catalog_list_before(struct fi_catalog *catalog, uint32_t workspace, uint64_t order,
                       int (*visit)(void *ctx, firn_slice bytes,
                                    const struct fi_catalog_record *record, firn_error *err),
                       void *ctx, firn_error *err);

/* The record with an order: its bytes replace the contents of out, *record borrows from them.
 * FIRN_NOT_FOUND if there is none. */
FIRN_MUST_CHECK int fi_catalog_get(struct fi_catalog *catalog, uint32_t workspace, uint64_t order,
                                   struct fi_buf *out, struct fi_catalog_record *record,
                                   firn_error *err);
/* The record of a reference (reference.h) in a workspace; out and *record as above. */
FIRN_MUST_CHECK int fi_catalog_resolve(struct fi_catalog *catalog, uint32_t workspace,
                                       const char *reference, struct fi_buf *out,
                                       struct fi_catalog_record *record, firn_error *err);
/* The newest checkpoint that is not a safety checkpoint. FIRN_NOT_FOUND if there is none. */
FIRN_MUST_CHECK int fi_catalog_newest(struct fi_catalog *catalog, uint32_t workspace,
                                      struct fi_buf *out, struct fi_catalog_record *record,
                                      firn_error *err);

/* Calls visit with the bytes of every record that is in no pack yet. */
FIRN_MUST_CHECK int fi_catalog_unpacked(struct fi_catalog *catalog,
                                        int (*visit)(void *ctx, firn_slice bytes, firn_error *err),
                                        void *ctx, firn_error *err);
/* Adds a checkpoint to a batch, or another record of it. bytes are the encoded record, which is in
 * no pack yet. */
FIRN_MUST_CHECK int fi_catalog_put(struct fi_catalog *catalog, struct firn_db_batch *batch,
                                   uint32_t workspace, uint64_t order, firn_slice bytes,
                                   firn_error *err);
/* The same for a record that is not encoded yet. */
FIRN_MUST_CHECK int fi_catalog_put_record(struct fi_catalog *catalog, struct firn_db_batch *batch,
                                          uint32_t workspace,
                                          const struct fi_catalog_record *record, firn_error *err);
/* Adds the deletion of a checkpoint, with its tags and its pin, to a batch. */
FIRN_MUST_CHECK int fi_catalog_delete(struct fi_catalog *catalog, struct firn_db_batch *batch,
                                      uint32_t workspace, const struct fi_catalog_record *record,
                                      firn_error *err);
/* Further content of a commit: join adds it to the batch. record is the one that the commit
 * enters. */
struct fi_catalog_joint {
    int (*join)(void *ctx, struct firn_db_batch *batch, const struct fi_catalog_record *record,
                firn_error *err);
    void *ctx;
    /* Another safety checkpoint, entered after the record. The commit sets its order and its
     * parent. NULL: none. */
    struct fi_catalog_record *also;
};

/* Enters the record, in one commit with full durability. The caller takes its order and number from
 * *workspace, where the commit advances the next ones. If records_were_packed, the list of records
 * that are in no pack is emptied first. joint may be NULL. */
FIRN_MUST_CHECK int fi_catalog_commit(struct fi_catalog *catalog, firn_slice root,
                                      struct fi_catalog_workspace *workspace,
                                      const struct fi_catalog_record *record,
                                      bool records_were_packed,
                                      const struct fi_catalog_joint *joint, firn_error *err);

/* The same in two parts, for several records in one commit: adds all that a record needs to the
 * caller's batch, and advances *workspace; and lets the batch empty the list of records that are in
 * no pack. That list is the one before the batch: its records stay. */
FIRN_MUST_CHECK int fi_catalog_stage(struct fi_catalog *catalog, firn_slice root,
                                     struct fi_catalog_workspace *workspace,
                                     const struct fi_catalog_record *record,
                                     const struct fi_catalog_joint *joint,
                                     struct firn_db_batch *batch, firn_error *err);
FIRN_MUST_CHECK int fi_catalog_stage_packed(struct fi_catalog *catalog, struct firn_db_batch *batch,
                                            firn_error *err);

/* The workspaces of a store.
 *
 * A root is a real path; or "." for the directory that holds the store, so that a store inside its
 * workspace can be moved and copied with it (place.h). */

/* Finds a workspace by its root; number 0 if there is none. */
FIRN_MUST_CHECK int fi_catalog_workspaces_find(struct fi_catalog *catalog, firn_slice root,
                                               struct fi_catalog_workspace *out, firn_error *err);
/* Visits the workspaces in the order of their numbers. A result of visit other than FIRN_OK ends
 * the walk and is returned. root is borrowed until visit returns. */
FIRN_MUST_CHECK int fi_catalog_workspaces_list(
    struct fi_catalog *catalog,
    int (*visit)(void *ctx, firn_slice root, const struct fi_catalog_workspace *workspace,
                 firn_error *err),
    void *ctx, firn_error *err);
/* Enters a workspace, durably. Reads the members of *workspace that identify the directory, and
 * fills the rest. Requires: the root is not in the catalog yet. */
FIRN_MUST_CHECK int fi_catalog_workspaces_add(struct fi_catalog *catalog, firn_slice root,
                                              struct fi_catalog_workspace *workspace,
                                              firn_error *err);
/* Replaces the entry of a workspace, durably, with another root or identity of the directory. */
FIRN_MUST_CHECK int fi_catalog_workspaces_change(struct fi_catalog *catalog, firn_slice root,
                                                 const struct fi_catalog_workspace *workspace,
                                                 firn_error *err);
/* Decodes an entry of the catalog; *out_root is borrowed from value. Requires: *out is zeroed.
 * Fails with FIRN_CORRUPT or FIRN_NEWER. */
FIRN_MUST_CHECK int fi_catalog_workspaces_decode(firn_slice key, firn_slice value,
                                                 firn_slice *out_root,
                                                 struct fi_catalog_workspace *out, firn_error *err);
/* Adds an entry to a batch. */
FIRN_MUST_CHECK int fi_catalog_workspaces_put(struct fi_catalog *catalog,
                                              struct firn_db_batch *batch, firn_slice root,
                                              const struct fi_catalog_workspace *workspace,
                                              firn_error *err);
/* Removes a workspace with all of its checkpoints and tags from the catalog, in one durable commit.
 * Objects that nothing else needs are left to the next garbage collection. */
FIRN_MUST_CHECK int fi_catalog_workspaces_remove(struct fi_catalog *catalog, uint32_t workspace,
                                                 firn_error *err);

/* ---- lines of remotes: catalog_lines.c ---- */

enum { FI_CATALOG_LINE_ID_SIZE = 16 };

/* A workspace without a directory: the checkpoints that another one has pushed to a remote. Slices
 * are borrowed from the root. */
struct fi_catalog_line {
    firn_slice root;
    firn_slice remote; /* the name that this store has for it */
    firn_slice id;     /* hexadecimal digits */
    firn_slice label;  /* for people */
    struct fi_catalog_workspace workspace;
};
/* Whether the root of a workspace is that of a line, and so no path. */
bool fi_catalog_lines_is(firn_slice root);
/* Whether the workspace of that number is a line. */
FIRN_MUST_CHECK int fi_catalog_lines_has(struct fi_catalog *catalog, uint32_t workspace, bool *out,
                                         firn_error *err);
/* Visits the lines of a remote (empty: of all). */
FIRN_MUST_CHECK int
fi_catalog_lines_list(struct fi_catalog *catalog, firn_slice remote,
                      int (*visit)(void *ctx, const struct fi_catalog_line *line, firn_error *err),
                      void *ctx, firn_error *err);
/* The same for "REMOTE", all of its lines, or "REMOTE/LINE", those with this label or id.
 * FIRN_NOT_FOUND. */
FIRN_MUST_CHECK int fi_catalog_lines_select(struct fi_catalog *catalog, const char *name,
                                            int (*visit)(void *ctx,
                                                         const struct fi_catalog_line *line,
                                                         firn_error *err),
                                            void *ctx, firn_error *err);
/* What tells a line from all others of its remote, for people: its label, or its id. */
FIRN_MUST_CHECK int fi_catalog_lines_name(struct fi_catalog *catalog,
                                          const struct fi_catalog_line *line, firn_slice *out,
                                          firn_error *err);
/* Finds a line, or enters it, durably. root becomes its root. */
FIRN_MUST_CHECK int fi_catalog_lines_open(struct fi_catalog *catalog, const char *remote,
                                          const uint8_t id[FI_CATALOG_LINE_ID_SIZE],
                                          firn_slice label, struct fi_buf *root,
                                          struct fi_catalog_workspace *out, firn_error *err);
/* Removes the lines of a remote, with their checkpoints. */
FIRN_MUST_CHECK int fi_catalog_lines_remove(struct fi_catalog *catalog, const char *remote,
                                            firn_error *err);
/* The checkpoint of "REMOTE/REF"; out and *record as for fi_catalog_resolve. FIRN_NOT_FOUND,
 * FIRN_CONFLICT. */
FIRN_MUST_CHECK int fi_catalog_lines_resolve(struct fi_catalog *catalog, const char *reference,
                                             struct fi_buf *out, struct fi_catalog_record *record,
                                             uint32_t *out_workspace, firn_error *err);
/* The same for a reference by a whole id, in any line of any remote. */
FIRN_MUST_CHECK int fi_catalog_lines_resolve_id(struct fi_catalog *catalog, const char *reference,
                                                struct fi_buf *out,
                                                struct fi_catalog_record *record, firn_error *err);

/* Names that people give to checkpoints.
 *
 *   "firn.tags":   be32 workspace | name → u8 format (1) | 16 id of the checkpoint |
 *                                          le64 its order | le64 time of tagging in ns */

struct fi_catalog_tags_tag {
    uint8_t id[FI_CATALOG_RECORD_ID_SIZE];
    uint64_t order; /* of the checkpoint */
    int64_t created_ns;
};

/* FIRN_NOT_FOUND. */
FIRN_MUST_CHECK int fi_catalog_tags_find(struct fi_catalog *catalog, uint32_t workspace,
                                         firn_slice name, struct fi_catalog_tags_tag *out,
                                         firn_error *err);
/* The record of the checkpoint that a tag names; out and *record as for fi_catalog_resolve.
 * FIRN_NOT_FOUND if the checkpoint is gone. */
FIRN_MUST_CHECK int fi_catalog_tags_follow(struct fi_catalog *catalog, uint32_t workspace,
                                           const struct fi_catalog_tags_tag *tag,
                                           struct fi_buf *out, struct fi_catalog_record *record,
                                           firn_error *err);
/* One durable commit; a tag of that name is replaced. */
FIRN_MUST_CHECK int fi_catalog_tags_put(struct fi_catalog *catalog, uint32_t workspace,
                                        firn_slice name, const struct fi_catalog_tags_tag *tag,
                                        firn_error *err);
/* The same, in a batch. */
FIRN_MUST_CHECK int fi_catalog_tags_batch_put(struct fi_catalog *catalog, uint32_t workspace,
                                              firn_slice name,
                                              const struct fi_catalog_tags_tag *tag,
                                              struct firn_db_batch *batch, firn_error *err);
/* Adds the deletion of a tag to a batch. */
FIRN_MUST_CHECK int fi_catalog_tags_batch_delete(struct fi_catalog *catalog, uint32_t workspace,
                                                 firn_slice name, struct firn_db_batch *batch,
                                                 firn_error *err);
/* The value of a tag. */
enum { FI_CATALOG_TAGS_SIZE = 1 + FI_CATALOG_RECORD_ID_SIZE + 16 };
firn_slice fi_catalog_tags_encode(const struct fi_catalog_tags_tag *tag,
                                  uint8_t out[FI_CATALOG_TAGS_SIZE]);
FIRN_MUST_CHECK int fi_catalog_tags_decode(firn_slice value, struct fi_catalog_tags_tag *out,
                                           firn_error *err);
/* Whether a checkpoint has a tag. */
FIRN_MUST_CHECK int fi_catalog_tags_has(struct fi_catalog *catalog, uint32_t workspace,
                                        const uint8_t *id, bool *out, firn_error *err);
/* Adds the removal of every tag of a checkpoint to a batch. */
FIRN_MUST_CHECK int fi_catalog_tags_batch_remove(struct fi_catalog *catalog, uint32_t workspace,
                                                 const uint8_t *id, struct firn_db_batch *batch,
                                                 firn_error *err);
/* Visits the tags in byte order of their names. A result of visit other than FIRN_OK ends the walk
 * and is returned. name is borrowed until visit returns. */
FIRN_MUST_CHECK int fi_catalog_tags_list(struct fi_catalog *catalog, uint32_t workspace,
                                         int (*visit)(void *ctx, firn_slice name,
                                                      const struct fi_catalog_tags_tag *tag,
                                                      firn_error *err),
                                         void *ctx, firn_error *err);

/* Checkpoints that must neither expire nor be deleted.
 *
 *   "firn.pins":   be32 workspace | be64 order of the checkpoint → u8 format (1) | 16 its id |
 *                                                                   le64 time of pinning in ns */

struct fi_catalog_pins_pin {
    uint64_t order; /* of the checkpoint */
    uint8_t id[FI_CATALOG_RECORD_ID_SIZE];
    int64_t created_ns;
};

/* Whether a checkpoint is pinned. */
FIRN_MUST_CHECK int fi_catalog_pins_has(struct fi_catalog *catalog, uint32_t workspace,
                                        const struct fi_catalog_record *record, bool *out,
                                        firn_error *err);
/* The value of a pin. */
enum { FI_CATALOG_PINS_SIZE = 1 + FI_CATALOG_RECORD_ID_SIZE + 8 };
firn_slice fi_catalog_pins_encode(const struct fi_catalog_pins_pin *pin,
                                  uint8_t out[FI_CATALOG_PINS_SIZE]);
/* Adds the unpinning of a checkpoint to a batch. */
FIRN_MUST_CHECK int fi_catalog_pins_remove(struct fi_catalog *catalog, struct firn_db_batch *batch,
                                           uint32_t workspace, uint64_t order, firn_error *err);
/* Visits the pins, newest checkpoint first. A result of visit other than FIRN_OK ends the walk and
 * is returned. */
FIRN_MUST_CHECK int fi_catalog_pins_list(struct fi_catalog *catalog, uint32_t workspace,
                                         int (*visit)(void *ctx,
                                                      const struct fi_catalog_pins_pin *pin,
                                                      firn_error *err),
                                         void *ctx, firn_error *err);

/* Checkpoints that were deleted, and can be brought back.
 *
 *   "firn.deleted":  be32 workspace | be64 order
 *                    → u8 format (1) | le64 when it was deleted, in ns | sized tags | record
 *   tags := (sized name | le64 when it was tagged)* */

#define FI_CATALOG_DELETED_KEPT_NS (INT64_C(7) * 24 * 3600 * 1000000000)

struct fi_catalog_deleted {
    uint32_t workspace;
    int64_t deleted_ns;
    firn_slice tags;
    firn_slice bytes; /* of the record */
    struct fi_catalog_record record;
};

/* Adds to a batch that a checkpoint becomes a deleted one: fi_catalog_delete is part of it. */
FIRN_MUST_CHECK int fi_catalog_deleted_add(struct fi_catalog *catalog, struct firn_db_batch *batch,
                                           uint32_t workspace,
                                           const struct fi_catalog_record *record, int64_t now_ns,
                                           firn_error *err);
/* The deleted checkpoint with an order: its bytes replace the contents of buf, *out borrows from
 * them. FIRN_NOT_FOUND. */
FIRN_MUST_CHECK int fi_catalog_deleted_find(struct fi_catalog *catalog, uint32_t workspace,
                                            uint64_t order, struct fi_buf *buf,
                                            struct fi_catalog_deleted *out, firn_error *err);
/* Visits the deleted checkpoints of one workspace (0: of all), newest first. A result of visit
 * other than FIRN_OK ends the walk and is returned. The entry is borrowed until visit returns. */
FIRN_MUST_CHECK int fi_catalog_deleted_list(struct fi_catalog *catalog, uint32_t workspace,
                                            int (*visit)(void *ctx,
                                                         const struct fi_catalog_deleted *deleted,
                                                         firn_error *err),
                                            void *ctx, firn_error *err);
/* Add to a batch that one is gone for good, or is a checkpoint again, with its tags. */
FIRN_MUST_CHECK int fi_catalog_deleted_remove(struct fi_catalog *catalog,
                                              struct firn_db_batch *batch, uint32_t workspace,
                                              uint64_t order, firn_error *err);
FIRN_MUST_CHECK int fi_catalog_deleted_bring_back(struct fi_catalog *catalog,
                                                  struct firn_db_batch *batch,
                                                  const struct fi_catalog_deleted *deleted,
                                                  firn_error *err);

/* Whether a garbage collection is worthwhile. */

/* What a store records about its garbage. */
struct fi_catalog_due {
    uint64_t deleted_bytes; /* left dead by the last collection, or added by checkpoints that were
                               deleted since */
    int64_t tried_ns;       /* when an automatic collection began that has not ended; 0: none */
};

#define FI_CATALOG_DUE_BYTES_MIN (UINT64_C(16) << 20)

/* *out is zeros if the store has no valid record of it. */
FIRN_MUST_CHECK int fi_catalog_due_read(struct firn_db *db, struct fi_catalog_due *out,
                                        firn_error *err);
/* Adds the record to a commit; writes it in a commit that is not synced. */
FIRN_MUST_CHECK int fi_catalog_due_put(struct firn_db *db, struct firn_db_batch *batch,
                                       const struct fi_catalog_due *due, firn_error *err);
FIRN_MUST_CHECK int fi_catalog_due_write(struct firn_db *db, const struct fi_catalog_due *due,
                                         firn_error *err);
/* Adds deleted bytes; never overflows. */
void fi_catalog_due_add(struct fi_catalog_due *due, uint64_t bytes);

/* Whether a store with packs of packs_bytes is due for a collection; at least bytes_min of them
 * must be garbage by the estimate. */
bool fi_catalog_due_is(const struct fi_catalog_due *due, uint64_t packs_bytes, uint64_t bytes_min,
                       int64_t now_ns);
/* Whether an open store is due, with the usual minimum. False without a store, if both are NULL. */
FIRN_MUST_CHECK int fi_catalog_due_query(struct firn_db *db, const struct fi_objects *objects,
                                         bool *out, firn_error *err);
/* The size of all packs in the list. */
uint64_t fi_catalog_due_packs_bytes(const struct fi_objects *objects);

/* Objects of which no byte may be left in the store.
 *
 *   "firn.purge":   32 bytes hash of an object → empty */

/* A set of hashes; init allocates nothing. The caller releases the set with
 * fi_hash_map_deinit. */
void fi_catalog_forgotten_init(struct fi_hash_map *set);
bool fi_catalog_forgotten_has(const struct fi_hash_map *set, const firn_hash *hash);
FIRN_MUST_CHECK int fi_catalog_forgotten_add(struct fi_hash_map *set, const firn_hash *hash,
                                             firn_error *err);

/* Adds to a set the pieces that its objects are cut into, and their pieces in turn. Unreadable
 * objects are skipped. */
FIRN_MUST_CHECK int fi_catalog_forgotten_add_pieces(struct fi_hash_map *set,
                                                    struct fi_objects *objects, firn_error *err);
/* Adds a set to the store's list of forgotten objects, in commits that are not synced. */
FIRN_MUST_CHECK int fi_catalog_forgotten_note(struct firn_db *db, const struct fi_hash_map *set,
                                              firn_error *err);
/* Adds the store's list to a set. */
FIRN_MUST_CHECK int fi_catalog_forgotten_load(struct firn_db *db, struct fi_hash_map *set,
                                              firn_error *err);
/* Removes from the store's list the objects of a set that the index no longer has. */
FIRN_MUST_CHECK int fi_catalog_forgotten_remove_gone(struct fi_objects *objects, struct firn_db *db,
                                                     const struct fi_hash_map *set,
                                                     firn_error *err);

/* ---- which checkpoints are kept: catalog_policy.c ---- */

enum { FI_CATALOG_POLICY_TEXT_SIZE_MAX = 200 };

enum fi_catalog_policy_kind {
    FI_CATALOG_POLICY_ALL,
    FI_CATALOG_POLICY_HOURLY,
    FI_CATALOG_POLICY_DAILY,
    FI_CATALOG_POLICY_WEEKLY,
    FI_CATALOG_POLICY_MONTHLY,
    FI_CATALOG_POLICY_YEARLY,
    FI_CATALOG_POLICY_KINDS
};

/* A policy. Its text:
 *
 *   policy := "forever" | rule (" " rule)*
 *   rule := "last:" count | kind ":" span
 *   kind := "all" | "hourly" | "daily" | "weekly" | "monthly" | "yearly"
 *   span := count ("h" | "d" | "w" | "y") | "forever"
 *   count := 1 to 99999, in decimal digits
 *
 * Each kind at most once, in any order. Any number of blanks may surround rules. A year is 365
 * days. */
struct fi_catalog_policy {
    bool is_forever;                            /* nothing expires */
    uint64_t last;                              /* so many of the newest are kept */
    uint64_t spans_ns[FI_CATALOG_POLICY_KINDS]; /* 0: no such rule; UINT64_MAX: forever */
};

/* FIRN_INVALID, with the reason. */
FIRN_MUST_CHECK int fi_catalog_policy_read(firn_slice text, struct fi_catalog_policy *out,
                                           firn_error *err);

/* A walk through the checkpoints of one workspace, newest first. */
struct fi_catalog_policy_walk {
    const struct fi_catalog_policy *policy; /* borrowed */
    uint64_t pause_ns;
    uint64_t met;
    int64_t last_ns; /* when the previous one in the walk was made */
    uint64_t age_ns; /* age of the current one, relative to the first */
    bool has_bucket[FI_CATALOG_POLICY_KINDS];
    int64_t buckets[FI_CATALOG_POLICY_KINDS]; /* of the last checkpoint in a rule's span */
};
void fi_catalog_policy_begin(struct fi_catalog_policy_walk *walk,
                             const struct fi_catalog_policy *policy);
/* Whether the policy keeps the next checkpoint of the walk. */
bool fi_catalog_policy_next(struct fi_catalog_policy_walk *walk, int64_t created_ns);

/* The entries that saves of a workspace have reported as left out, so that each is reported once.
 *
 *   "firn.told":  be32 workspace → u8 format (1) | le64 hash*, ascending */

/* One save. A zeroed struct is empty. */
struct fi_catalog_told {
    firn_callbacks outer;
    struct firn_db *db;
    uint32_t workspace;
    struct fi_buf known; /* of uint64_t, ascending */
    struct fi_buf now;   /* of uint64_t, in the order of notices */
    bool is_lost;        /* memory ran out: nothing is noted */
};

/* Begins a save of a workspace of an opened store. The caller uses out_callbacks in place of outer;
 * they mark each notice of a left-out entry that the previous save reported (firn_notice.is_known).
 * A missing or damaged list counts as empty. */
FIRN_MUST_CHECK int fi_catalog_told_init(struct fi_catalog_told *told, struct firn_db *db,
                                         uint32_t workspace, const firn_callbacks *outer,
                                         firn_callbacks *out_callbacks, firn_error *err);
void fi_catalog_told_deinit(struct fi_catalog_told *told);
/* Adds the list to the commit of the save, as fi_catalog_joint.join: ctx is the
 * fi_catalog_told. */
FIRN_MUST_CHECK int fi_catalog_told_join(void *ctx, struct firn_db_batch *batch,
                                         const struct fi_catalog_record *record, firn_error *err);

/* ---- which names a checkpoint changed: catalog_names.c ----
 *
 *   "firn.names": be32 workspace, be64 order → u8 format (2) | le64 trees | le16 hash* */

enum { FI_CATALOG_NAMES_MAX = 256 };

/* Hashes of names. Zeroed: none. */
struct fi_catalog_names {
    uint16_t hashes[FI_CATALOG_NAMES_MAX];
    size_t count;
    bool is_full; /* there are more: nothing is known */
};

/* Adds the name of an entry that changed, and its ending. */
void fi_catalog_names_add(struct fi_catalog_names *names, firn_slice path);
/* Adds the name of a directory that both trees have, and in which entries differ. */
void fi_catalog_names_add_dir(struct fi_catalog_names *names, firn_slice path);
/* Adds to the commit of a checkpoint which names differ between the tree before and its own.
 * Requires: not is_full. */
FIRN_MUST_CHECK int fi_catalog_names_put(struct fi_catalog *catalog, struct firn_db_batch *batch,
                                         const struct fi_catalog_names *names, uint32_t workspace,
                                         uint64_t order, const firn_hash *before,
                                         const firn_hash *after, firn_error *err);

/* Adds a name, or '*' and the ending of names, to those that are looked for. */
void fi_catalog_names_want(struct fi_catalog_names *wanted, firn_slice name);
/* Adds a path and all that is below it. Requires: a clean path, not the root. */
void fi_catalog_names_want_path(struct fi_catalog_names *wanted, firn_slice path);
/* *out becomes true if the store knows that nothing that is looked for differs between the tree
 * before and that of the checkpoint. */
FIRN_MUST_CHECK int fi_catalog_names_exclude(struct fi_catalog *catalog,
                                             const struct fi_catalog_names *wanted,
                                             uint32_t workspace, uint64_t order,
                                             const firn_hash *before, const firn_hash *after,
                                             bool *out, firn_error *err);

/* ---- the turns of coding agents that have begun: catalog_turns.c ---- */

enum { FI_CATALOG_TURNS_MAX = 64 }; /* of a workspace; the oldest are deleted */

/* A turn as it is noted:
 *
 *   "firn.turns":   be32 workspace | sized agent | session
 *                   → u8 format (2) | le64 when it began, in ns | varint number | sized prompt |
 *                     u8 1 if it is over, else 0
 *                   format 1 has no such byte
 *
 * An agent gives the prompt when a turn begins, and not every agent gives it again at the end. An
 * entry stays until the session's next turn, so that a turn that ends twice has its prompt both
 * times. */
struct fi_catalog_turns_noted {
    firn_workspace_turn turn; /* its agent is empty if there is none */
    int64_t begun_ns;
    bool is_over;
};

/* The last turn that an agent and session began: its bytes replace the contents of out, *out_noted
 * borrows from them, and from the arguments. FIRN_NOT_FOUND if there is none. */
FIRN_MUST_CHECK int fi_catalog_turns_get(struct fi_catalog *catalog, uint32_t workspace,
                                         firn_slice agent, firn_slice session, struct fi_buf *out,
                                         struct fi_catalog_turns_noted *out_noted, firn_error *err);
/* The turn that began last of those that are not over, and when: its bytes replace the contents of
 * out, *turn borrows from them. FIRN_NOT_FOUND if there is none. */
FIRN_MUST_CHECK int fi_catalog_turns_newest(struct fi_catalog *catalog, uint32_t workspace,
                                            struct fi_buf *out, firn_workspace_turn *turn,
                                            int64_t *out_begun_ns, firn_error *err);
/* Notes that a turn has begun, or that it is over, in a commit of its own that is not synced. */
FIRN_MUST_CHECK int fi_catalog_turns_put(struct fi_catalog *catalog, uint32_t workspace,
                                         const firn_workspace_turn *turn, int64_t begun_ns,
                                         bool is_over, firn_error *err);

#endif
