/* SPDX-License-Identifier: Apache-2.0
 *
 * repair/repair_internal.h: what the parts of a repair share. The essay is in repair.c.
 */
#ifndef FIRN_REPAIR_REPAIR_INTERNAL_H
#define FIRN_REPAIR_REPAIR_INTERNAL_H

#include "base/hash_map.h"
#include "handle/ws_internal.h"
#include "rescue/rescue.h"

/* Where a repair works (repair.c). */
struct firn_repair_place {
    struct firn_os_dir *parent;
    char *name;                /* of the store in it */
    char *new_name;            /* of the new one, until they change places */
    struct firn_os_dir *from;  /* the damaged store */
    struct firn_os_dir *to;    /* the new one; NULL: not begun */
    struct firn_os_file *lock; /* of the damaged one */
};

/* A checkpoint that was found. */
struct firn_repair_record {
    uint32_t workspace; /* 0: not known yet */
    uint64_t order;     /* its key in the catalog, and in the record */
    bool is_listed;     /* by the catalog as it was rescued */
    bool is_changed;    /* against what is in the catalog or was found */
    firn_workspace_repair_state state;
    uint64_t lost_paths;
    uint64_t sequence;     /* of where it was found in the log or a run */
    struct firn_buf bytes; /* what `record` borrows from */
    struct firn_catalog_record record;
};

struct firn_repair_workspace {
    struct firn_catalog_workspace entry;
    char *root;             /* as the catalog has it, or is going to */
    bool is_listed;         /* by the catalog as it was rescued */
    uint64_t listed_orders; /* all below this were given when that was written */
    uint64_t sequence;      /* of where it was found in the log or a run */
    bool is_added;          /* nothing of it was found but its checkpoints */
};

/* That a checkpoint was deleted, as the log has it. */
struct firn_repair_deletion {
    uint64_t keyspace;
    uint64_t sequence;
    uint64_t order;
    uint32_t workspace;
};

/* A tag that stands in no catalog. */
struct firn_repair_tag {
    uint32_t workspace;
    uint64_t sequence;
    uint8_t id[FIRN_CATALOG_RECORD_ID_SIZE];
    int64_t created_ns;
    char *name;
};

struct firn_repair {
    struct firn_ws *ws;
    const firn_workspace_repair_options *options;
    firn_workspace_repair_result *result;
    struct firn_repair_place place;
    struct firn_rescue_result data;
    bool is_current; /* the rescued catalog is the newest state: nothing is missing in it */
    struct firn_hash_map refused; /* names of salvaged objects that stand for another content */
    bool is_thorough; /* a first attempt was not clean: links are looked at in every tree */
    struct firn_ws_opened opened; /* the new store; no root */
    struct firn_packfile_scratch *scratch;
    struct firn_buf records;         /* of struct firn_repair_record */
    struct firn_buf workspaces;      /* of struct firn_repair_workspace */
    struct firn_buf tags;            /* of struct firn_repair_tag */
    struct firn_buf deletions;       /* of struct firn_repair_deletion */
    char told[FIRN_ERROR_TEXT_SIZE]; /* of the store, the last time */
    struct firn_buf losses; /* texts to be reported once the store is open, each with its NUL */
    uint64_t keyspace;      /* of checkpoints, in the log; 0: not known */
    int64_t tick_due_ns;    /* when the caller is asked again during a long read */
};

static inline size_t
firn_repair_record_count(const struct firn_repair *repair)
{
    return repair->records.size / sizeof(struct firn_repair_record);
}

static inline struct firn_repair_record *
firn_repair_record_at(const struct firn_repair *repair, size_t i)
{
    return (struct firn_repair_record *)(void *)repair->records.data + i;
}

static inline size_t
firn_repair_workspace_count(const struct firn_repair *repair)
{
    return repair->workspaces.size / sizeof(struct firn_repair_workspace);
}

static inline struct firn_repair_workspace *
firn_repair_workspace_at(const struct firn_repair *repair, size_t i)
{
    return (struct firn_repair_workspace *)(void *)repair->workspaces.data + i;
}

/* Tells of damage, or of a path that is lost. */
void firn_repair_tell(struct firn_repair *repair, firn_slice path, const char *text);
/* Says how far it has come; FIRN_CANCELLED. */
FIRN_MUST_CHECK int firn_repair_progress(struct firn_repair *repair, const char *phase,
                                         uint64_t done, firn_error *err);

/* ---- repair.c ---- */

/* ---- repair_packs.c ---- */

/* Finds out whether the catalog knows all packs, fills the folder of packs of the new store and makes
 * its list and its index anew. */
FIRN_MUST_CHECK int firn_repair_packs(struct firn_repair *repair, firn_error *err);

/* ---- repair_records.c ---- */

/* Collects the checkpoints, their workspaces and tags. */
FIRN_MUST_CHECK int firn_repair_records_collect(struct firn_repair *repair, firn_error *err);
void firn_repair_records_release(struct firn_repair *repair);
/* Puts the record's bytes in step with its fields. */
FIRN_MUST_CHECK int firn_repair_records_encode(struct firn_repair_record *record, firn_error *err);
/* A workspace that was found; root is copied. */
FIRN_MUST_CHECK int firn_repair_records_add_workspace(struct firn_repair *repair, firn_slice root,
                                                      const struct firn_repair_workspace *workspace,
                                                      firn_error *err);

/* ---- repair_catalog.c ---- */

/* Gives each checkpoint a workspace and a place in it. */
FIRN_MUST_CHECK int firn_repair_catalog_assign(struct firn_repair *repair, firn_error *err);
/* Enters all that is left of them, durably. */
FIRN_MUST_CHECK int firn_repair_catalog_write(struct firn_repair *repair, firn_error *err);

/* ---- repair_catalog.c ---- */

/* Removes the pins of checkpoints that are not there, durably; after the catalog is written. */
FIRN_MUST_CHECK int firn_repair_catalog_pins(struct firn_repair *repair, firn_error *err);

/* ---- repair_trees.c ---- */

/* Finds out what is left of each checkpoint, and makes trees without what is lost. */
FIRN_MUST_CHECK int firn_repair_trees(struct firn_repair *repair, firn_error *err);

#endif
