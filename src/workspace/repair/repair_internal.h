/* SPDX-License-Identifier: Apache-2.0
 *
 * repair/repair_internal.h: what the parts of a repair share. The essay is in repair.c.
 */
#ifndef FIRN_REPAIR_REPAIR_INTERNAL_H
#define FIRN_REPAIR_REPAIR_INTERNAL_H

#include "base/hash_map.h"
#include "handle/ws_opened.h"
#include "repair/repair.h"
#include "rescue/rescue.h"

/* Where a repair works (repair.c). */
struct fi_repair_place {
    struct fi_os_dir *parent;
    char *name;                     /* of the store in it */
    char *new_name;                 /* of the new one, until they change places */
    struct fi_os_dir *from;         /* the damaged store */
    struct fi_os_dir *to;           /* the new one; NULL: there is none */
    struct fi_storefile_lock *lock; /* of the damaged one */
};

/* A checkpoint that was found. */
struct fi_repair_record {
    uint32_t workspace; /* 0: not known yet */
    uint64_t order;     /* its key in the catalog, and in the record */
    bool is_listed;     /* in the rescued catalog */
    bool is_changed;    /* compared with the catalog, or with what was found */
    firn_workspace_repair_state state;
    uint64_t lost_paths;
    uint64_t sequence;   /* of the entry in the log or a run where it was found */
    struct fi_buf bytes; /* what `record` borrows from */
    struct fi_catalog_record record;
};

struct fi_repair_workspace {
    struct fi_catalog_workspace entry;
    char *root;             /* as in the catalog, or as it will be */
    bool is_listed;         /* in the rescued catalog */
    uint64_t listed_orders; /* orders below this had been assigned when that catalog was written */
    uint64_t sequence;      /* of the entry in the log or a run where it was found */
    bool is_added;          /* only its checkpoints were found */
};

/* A deletion of a checkpoint that was found in the log. */
struct fi_repair_deletion {
    uint64_t keyspace;
    uint64_t sequence;
    uint64_t order;
    uint32_t workspace;
};

/* A tag that is in no catalog. */
struct fi_repair_tag {
    uint32_t workspace;
    uint64_t sequence;
    uint8_t id[FI_CATALOG_RECORD_ID_SIZE];
    int64_t created_ns;
    char *name;
};

struct fi_repair {
    struct firn_ws *ws;
    const firn_workspace_repair_options *options;
    firn_workspace_repair_result *result;
    struct fi_repair_place place;
    struct fi_rescue_result data;
    bool is_known;              /* the store: fi_ws_bounds_is_known */
    bool is_current;            /* the rescued catalog is the newest state, with nothing missing */
    struct fi_hash_map refused; /* names of salvaged objects whose content has another name */
    bool is_thorough;           /* a first attempt was not clean: check links in every tree */
    struct fi_ws_opened opened; /* the new store; no root */
    struct fi_pack_scratch *scratch;
    struct fi_buf records;           /* of struct fi_repair_record */
    struct fi_buf workspaces;        /* of struct fi_repair_workspace */
    struct fi_buf tags;              /* of struct fi_repair_tag */
    struct fi_buf deletions;         /* of struct fi_repair_deletion */
    char told[FIRN_ERROR_TEXT_SIZE]; /* the last report about the store */
    struct fi_buf losses;            /* texts to report once the store is open, each with its NUL */
    uint64_t keyspace;               /* of checkpoints, in the log; 0: not known */
    int64_t tick_due_ns;             /* when the next progress call is due during a long read */
};

static inline size_t
fi_repair_record_count(const struct fi_repair *repair)
{
    return repair->records.size / sizeof(struct fi_repair_record);
}

static inline struct fi_repair_record *
fi_repair_record_at(const struct fi_repair *repair, size_t i)
{
    return (struct fi_repair_record *)(void *)repair->records.data + i;
}

static inline size_t
fi_repair_workspace_count(const struct fi_repair *repair)
{
    return repair->workspaces.size / sizeof(struct fi_repair_workspace);
}

static inline struct fi_repair_workspace *
fi_repair_workspace_at(const struct fi_repair *repair, size_t i)
{
    return (struct fi_repair_workspace *)(void *)repair->workspaces.data + i;
}

enum { FI_REPAIR_BATCH_SIZE = 1 << 20 };

/* Writes a batch to the new store once it has so many bytes, and clears it. */
FIRN_MUST_CHECK static inline int
fi_repair_write(struct fi_repair *repair, struct firn_db_batch *batch, size_t at_least,
                firn_durability durability, firn_error *err)
{
    if (fi_db_batch_count(batch) == 0 || fi_db_batch_size_bytes(batch) < at_least) {
        return FIRN_OK;
    }
    int rc = fi_db_write(repair->opened.db, batch, durability, err);
    fi_db_batch_clear(batch);
    return rc;
}

/* ---- repair_report.c ---- */

/* Reports damage, or a path that is lost. */
void fi_repair_report(struct fi_repair *repair, firn_slice path, const char *text);
/* The same without a path; ctx is the repair. A report about a run may wait for _losses. */
void fi_repair_report_damage(void *ctx, const char *text);
void fi_repair_report_damage_of_run(void *ctx, const char *text);
/* Requires: the new store is open. */
void fi_repair_report_losses(struct fi_repair *repair);
/* Reports progress; FIRN_CANCELLED. */
FIRN_MUST_CHECK int fi_repair_report_progress(struct fi_repair *repair, const char *phase,
                                              uint64_t done, firn_error *err);
/* The same during a long read, now and then; ctx is the repair. */
FIRN_MUST_CHECK int fi_repair_report_tick(void *ctx, firn_error *err);

/* ---- repair_place.c ---- */

/* Finds the store and takes its lock, then puts away what an earlier repair left. A dry run puts
 * nothing away, and takes the lock only if that needs no writing. */
FIRN_MUST_CHECK int fi_repair_place_open(struct fi_repair *repair, firn_error *err);
/* Attaches the keys of an encrypted store to its handle (fi_rescue_keys_unlock), before it is
 * built. */
FIRN_MUST_CHECK int fi_repair_place_unlock(struct fi_repair *repair, firn_error *err);
/* Makes an empty directory for the new store, with the keys, replacing an existing one. */
FIRN_MUST_CHECK int fi_repair_place_begin(struct fi_repair *repair, firn_error *err);
/* Exchanges the two stores; *out_path is where the damaged one is then, allocated. Requires: the
 * new store is closed, except for its directory. */
FIRN_MUST_CHECK int fi_repair_place_exchange(struct fi_repair *repair, char **out_path,
                                             firn_error *err);
/* Removes the new store, unless it has taken the old one's place, and closes everything. */
void fi_repair_place_close(struct fi_repair *repair);

/* ---- repair_packs.c ---- */

/* Determines whether the catalog lists all packs, fills the new store's folder of packs, and builds
 * its list and its index again. */
FIRN_MUST_CHECK int fi_repair_packs(struct fi_repair *repair, firn_error *err);

/* ---- repair_records.c ---- */

/* Collects the checkpoints, their workspaces and tags. */
FIRN_MUST_CHECK int fi_repair_records_collect(struct fi_repair *repair, firn_error *err);
void fi_repair_records_release(struct fi_repair *repair);
/* Brings the record's bytes in line with its fields. */
FIRN_MUST_CHECK int fi_repair_records_encode(struct fi_repair_record *record, firn_error *err);
/* A workspace that was found; root is copied. */
FIRN_MUST_CHECK int fi_repair_records_add_workspace(struct fi_repair *repair, firn_slice root,
                                                    const struct fi_repair_workspace *workspace,
                                                    firn_error *err);

/* ---- repair_catalog.c ---- */

/* Gives each checkpoint a workspace and a place in it. */
FIRN_MUST_CHECK int fi_repair_catalog_assign(struct fi_repair *repair, firn_error *err);
/* Writes all remaining checkpoints to the catalog, durably. */
FIRN_MUST_CHECK int fi_repair_catalog_write(struct fi_repair *repair, firn_error *err);

/* ---- repair_pins.c ---- */

/* Removes the pins of checkpoints that do not exist, durably. Requires: the catalog is written. */
FIRN_MUST_CHECK int fi_repair_pins_sweep(struct fi_repair *repair, firn_error *err);

/* ---- repair_trees.c ---- */

/* Determines what is left of each checkpoint, and makes trees without what is lost. */
FIRN_MUST_CHECK int fi_repair_trees(struct fi_repair *repair, firn_error *err);

#endif
