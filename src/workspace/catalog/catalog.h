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
/* Further content of a commit: join adds it to the batch, and is given the record that the commit
 * enters. */
struct firn_catalog_joint {
    int (*join)(void *ctx, struct firn_db_batch *batch, const struct firn_catalog_record *record,
                firn_error *err);
    void *ctx;
    /* Another safety checkpoint, entered after the record: gets its order and its parent. NULL: none. */
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

/* The workspaces of a store.
 *
 * A root is a real path; or "." for the directory that holds the store, so that a store inside of
 * its workspace moves and is copied with it (place.h). */

/* Finds a workspace by its root; number 0 if there is none. */
FIRN_MUST_CHECK int firn_catalog_workspaces_find(struct firn_catalog *catalog, firn_slice root,
                                                 struct firn_catalog_workspace *out,
                                                 firn_error *err);
/* In the order of their numbers; another return of visit than FIRN_OK ends the walk and is
 * returned. root is borrowed until visit returns. */
FIRN_MUST_CHECK int firn_catalog_workspaces_list(
    struct firn_catalog *catalog,
    int (*visit)(void *ctx, firn_slice root, const struct firn_catalog_workspace *workspace,
                 firn_error *err),
    void *ctx, firn_error *err);
/* Enters a workspace, durably. Reads the members of *workspace that identify the directory, and
 * fills the rest. The root must not be in the catalog yet. */
FIRN_MUST_CHECK int firn_catalog_workspaces_add(struct firn_catalog *catalog, firn_slice root,
                                                struct firn_catalog_workspace *workspace,
                                                firn_error *err);
/* Writes the entry of a workspace, durably: under another root, with another identity. */
FIRN_MUST_CHECK int firn_catalog_workspaces_change(struct firn_catalog *catalog, firn_slice root,
                                                   const struct firn_catalog_workspace *workspace,
                                                   firn_error *err);
/* An entry as it stands in the catalog; *out_root is borrowed from value, *out must be zeroed.
 * FIRN_CORRUPT, FIRN_NEWER. */
FIRN_MUST_CHECK int firn_catalog_workspaces_decode(firn_slice key, firn_slice value,
                                                   firn_slice *out_root,
                                                   struct firn_catalog_workspace *out,
                                                   firn_error *err);
/* Adds the writing of an entry to a batch. */
FIRN_MUST_CHECK int firn_catalog_workspaces_put(struct firn_catalog *catalog,
                                                struct firn_db_batch *batch, firn_slice root,
                                                const struct firn_catalog_workspace *workspace,
                                                firn_error *err);
/* Removes a workspace with all of its checkpoints and tags from the catalog, in one durable commit.
 * Objects that nothing else needs are left to the next collection. */
FIRN_MUST_CHECK int firn_catalog_workspaces_remove(struct firn_catalog *catalog, uint32_t workspace,
                                                   firn_error *err);

/* Names that people give to checkpoints.
 *
 *   "firn.tags":   be32 workspace | name → u8 format (1) | 16 id of the checkpoint |
 *                                          le64 its order | le64 time of tagging in ns */

struct firn_catalog_tags_tag {
    uint8_t id[FIRN_CATALOG_RECORD_ID_SIZE];
    uint64_t order; /* of the checkpoint */
    int64_t created_ns;
};

/* FIRN_NOT_FOUND. */
FIRN_MUST_CHECK int firn_catalog_tags_find(struct firn_catalog *catalog, uint32_t workspace,
                                           firn_slice name, struct firn_catalog_tags_tag *out,
                                           firn_error *err);
/* The record of the checkpoint that a tag names, as firn_catalog_resolve. FIRN_NOT_FOUND if it
 * is gone. */
FIRN_MUST_CHECK int firn_catalog_tags_follow(struct firn_catalog *catalog, uint32_t workspace,
                                             const struct firn_catalog_tags_tag *tag,
                                             struct firn_buf *out,
                                             struct firn_catalog_record *record, firn_error *err);
/* One durable commit; a tag of that name is replaced. */
FIRN_MUST_CHECK int firn_catalog_tags_put(struct firn_catalog *catalog, uint32_t workspace,
                                          firn_slice name, const struct firn_catalog_tags_tag *tag,
                                          firn_error *err);
/* One durable commit. FIRN_NOT_FOUND. */
FIRN_MUST_CHECK int firn_catalog_tags_remove(struct firn_catalog *catalog, uint32_t workspace,
                                             firn_slice name, firn_error *err);
/* Whether a checkpoint has a tag. */
FIRN_MUST_CHECK int firn_catalog_tags_has(struct firn_catalog *catalog, uint32_t workspace,
                                          const uint8_t *id, bool *out, firn_error *err);
/* Adds to a batch that every tag of a checkpoint goes. */
FIRN_MUST_CHECK int firn_catalog_tags_batch_remove(struct firn_catalog *catalog, uint32_t workspace,
                                                   const uint8_t *id, struct firn_db_batch *batch,
                                                   firn_error *err);
/* In byte order of the names; another return of visit than FIRN_OK ends the walk and is returned.
 * name is borrowed until visit returns. */
FIRN_MUST_CHECK int firn_catalog_tags_list(struct firn_catalog *catalog, uint32_t workspace,
                                           int (*visit)(void *ctx, firn_slice name,
                                                        const struct firn_catalog_tags_tag *tag,
                                                        firn_error *err),
                                           void *ctx, firn_error *err);

/* Checkpoints that are not to be deleted.
 *
 *   "firn.pins":   be32 workspace | be64 order of the checkpoint → u8 format (1) | 16 its id |
 *                                                                   le64 time of pinning in ns */

struct firn_catalog_pins_pin {
    uint64_t order; /* of the checkpoint */
    uint8_t id[FIRN_CATALOG_RECORD_ID_SIZE];
    int64_t created_ns;
};

/* Whether a checkpoint is pinned. */
FIRN_MUST_CHECK int firn_catalog_pins_has(struct firn_catalog *catalog, uint32_t workspace,
                                          const struct firn_catalog_record *record, bool *out,
                                          firn_error *err);
/* Add to a batch that a checkpoint is pinned, and that it is not. */
FIRN_MUST_CHECK int firn_catalog_pins_put(struct firn_catalog *catalog, struct firn_db_batch *batch,
                                          uint32_t workspace,
                                          const struct firn_catalog_pins_pin *pin, firn_error *err);
FIRN_MUST_CHECK int firn_catalog_pins_remove(struct firn_catalog *catalog,
                                             struct firn_db_batch *batch, uint32_t workspace,
                                             uint64_t order, firn_error *err);
/* Newest checkpoint first; another return of visit than FIRN_OK ends the walk and is returned. */
FIRN_MUST_CHECK int firn_catalog_pins_list(struct firn_catalog *catalog, uint32_t workspace,
                                           int (*visit)(void *ctx,
                                                        const struct firn_catalog_pins_pin *pin,
                                                        firn_error *err),
                                           void *ctx, firn_error *err);

/* Whether a collection of garbage is worth its time. */

/* What a store knows about its garbage. */
struct firn_catalog_due {
    uint64_t deleted_bytes; /* that a collection left dead, and that checkpoints had added which
                               were deleted since */
    int64_t tried_ns; /* when the last automatic collection began that has not ended; 0: none */
};

#define FIRN_CATALOG_DUE_BYTES_MIN (UINT64_C(16) << 20)

/* Zeros where the store knows nothing. */
FIRN_MUST_CHECK int firn_catalog_due_read(struct firn_db *db, struct firn_catalog_due *out,
                                          firn_error *err);
/* Puts it into a commit; writes it by one that is not synced. */
FIRN_MUST_CHECK int firn_catalog_due_put(struct firn_db *db, struct firn_db_batch *batch,
                                         const struct firn_catalog_due *due, firn_error *err);
FIRN_MUST_CHECK int firn_catalog_due_write(struct firn_db *db, const struct firn_catalog_due *due,
                                           firn_error *err);
/* Notes that so much more was deleted; never overflows. */
void firn_catalog_due_add(struct firn_catalog_due *due, uint64_t bytes);

/* Whether a store with packs of so many bytes is to be collected now, if bytes_min of them may be
 * garbage. */
bool firn_catalog_due_is(const struct firn_catalog_due *due, uint64_t packs_bytes,
                         uint64_t bytes_min, int64_t now_ns);
/* Whether one that is open is, by the usual measure. Without a store, where both are NULL, it is not. */
FIRN_MUST_CHECK int firn_catalog_due_ask(struct firn_db *db, const struct firn_objects *objects,
                                         bool *out, firn_error *err);
/* All packs of the list. */
uint64_t firn_catalog_due_packs_bytes(const struct firn_objects *objects);

/* Objects of which no byte is to be left in the store.
 *
 *   "firn.purge":   32 bytes hash of an object → empty */

/* A set of hashes, to be released with firn_hash_map_deinit. Allocates nothing. */
void firn_catalog_forgotten_init(struct firn_hash_map *set);
bool firn_catalog_forgotten_has(const struct firn_hash_map *set, const firn_hash *hash);
FIRN_MUST_CHECK int firn_catalog_forgotten_add(struct firn_hash_map *set, const firn_hash *hash,
                                               firn_error *err);

/* Adds to a set the pieces that its objects are cut into, all the way down. What cannot be read is
 * passed over. */
FIRN_MUST_CHECK int firn_catalog_forgotten_add_pieces(struct firn_hash_map *set,
                                                      struct firn_objects *objects,
                                                      firn_error *err);
/* Adds a set to what is forgotten and still in a pack, in commits that are not synced. */
FIRN_MUST_CHECK int firn_catalog_forgotten_note(struct firn_db *db, const struct firn_hash_map *set,
                                                firn_error *err);
/* Adds all of that to a set. */
FIRN_MUST_CHECK int firn_catalog_forgotten_load(struct firn_db *db, struct firn_hash_map *set,
                                                firn_error *err);
/* Takes out, of what a set holds, the objects that the index does not have any more. */
FIRN_MUST_CHECK int firn_catalog_forgotten_settle(struct firn_objects *objects, struct firn_db *db,
                                                  const struct firn_hash_map *set, firn_error *err);

/* Which checkpoints are kept: a policy, its text, and the walk that judges.
 *
 *   policy := "forever" | rule (" " rule)*
 *   rule := "last:" count | kind ":" span
 *   kind := "all" | "hourly" | "daily" | "weekly" | "monthly" | "yearly"
 *   span := count ("h" | "d" | "w" | "y") | "forever"
 *   count := 1 to 99999, in decimal digits
 *
 * Each kind at most once, in any order. Blanks may stand around rules, and there may be several. A
 * year is 365 days. */

enum { FIRN_CATALOG_KEEP_TEXT_SIZE_MAX = 200 };

enum firn_catalog_keep_kind {
    FIRN_CATALOG_KEEP_ALL,
    FIRN_CATALOG_KEEP_HOURLY,
    FIRN_CATALOG_KEEP_DAILY,
    FIRN_CATALOG_KEEP_WEEKLY,
    FIRN_CATALOG_KEEP_MONTHLY,
    FIRN_CATALOG_KEEP_YEARLY,
    FIRN_CATALOG_KEEP_KINDS
};

struct firn_catalog_keep {
    bool is_forever;                            /* nothing ever goes */
    uint64_t last;                              /* the newest so many stay */
    uint64_t spans_ns[FIRN_CATALOG_KEEP_KINDS]; /* 0: no such rule; UINT64_MAX: for ever */
};

/* FIRN_INVALID, with what is wrong. */
FIRN_MUST_CHECK int firn_catalog_keep_read(firn_slice text, struct firn_catalog_keep *out,
                                           firn_error *err);

/* A walk through the checkpoints of one workspace, newest first. */
struct firn_catalog_keep_walk {
    const struct firn_catalog_keep *policy; /* borrowed */
    uint64_t pause_ns;
    uint64_t met;
    int64_t last_ns; /* when the one before in the walk was made */
    uint64_t age_ns; /* of the one that is met, against the first */
    bool has_bucket[FIRN_CATALOG_KEEP_KINDS];
    int64_t buckets[FIRN_CATALOG_KEEP_KINDS]; /* the last that something was kept for */
};
void firn_catalog_keep_begin(struct firn_catalog_keep_walk *walk,
                             const struct firn_catalog_keep *policy);
/* Whether the policy keeps the next one. */
bool firn_catalog_keep_next(struct firn_catalog_keep_walk *walk, int64_t created_ns);

/* The entries that saves of a workspace have reported as left out, so that each is reported once.
 *
 *   "firn.told":  be32 workspace → u8 format (1) | le64 hash*, ascending */

/* One save. Zeroed before init. */
struct firn_catalog_told {
    firn_callbacks outer;
    struct firn_db *db;
    uint32_t workspace;
    struct firn_buf known; /* of uint64_t, ascending */
    struct firn_buf now;   /* of uint64_t, in the order of notices */
    bool is_lost;          /* memory was out: nothing is noted */
};

/* Begins a save of a workspace of an opened store. out_callbacks are to be used in place of outer;
 * they mark each notice of an entry that is left out with whether the save before reported it
 * (firn_notice.is_known). A list that is missing or damaged counts as empty. */
FIRN_MUST_CHECK int firn_catalog_told_init(struct firn_catalog_told *told, struct firn_db *db,
                                           uint32_t workspace, const firn_callbacks *outer,
                                           firn_callbacks *out_callbacks, firn_error *err);
void firn_catalog_told_deinit(struct firn_catalog_told *told);
/* Adds the list to the commit of the save, as firn_catalog_joint.join: ctx is the firn_catalog_told. */
FIRN_MUST_CHECK int firn_catalog_told_join(void *ctx, struct firn_db_batch *batch,
                                           const struct firn_catalog_record *record,
                                           firn_error *err);

/* The turns of coding agents that have begun.
 *
 *   "firn.turns":   be32 workspace | sized agent | session
 *                   → u8 format (1) | le64 time in ns | varint number | sized prompt
 *
 * An agent tells the prompt when a turn begins, and not all of them tell it again when it ends. An
 * entry stays until the session's next turn, so that a turn that ends twice has its prompt twice. */

enum { FIRN_CATALOG_TURNS_MAX = 64 }; /* of a workspace; the oldest go */

/* The turn of an agent and session that began last: its bytes replace the contents of out, *turn
 * borrows from them. FIRN_NOT_FOUND. */
FIRN_MUST_CHECK int firn_catalog_turns_get(struct firn_catalog *catalog, uint32_t workspace,
                                           firn_slice agent, firn_slice session,
                                           struct firn_buf *out, firn_workspace_turn *turn,
                                           firn_error *err);
/* Notes that a turn has begun, in a commit of its own that is not synced. */
FIRN_MUST_CHECK int firn_catalog_turns_put(struct firn_catalog *catalog, uint32_t workspace,
                                           const firn_workspace_turn *turn, int64_t now_ns,
                                           firn_error *err);

#endif
