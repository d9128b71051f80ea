/* SPDX-License-Identifier: Apache-2.0
 *
 * inspect/inspect_diff.c: the differences between two checkpoints, or between a checkpoint and now.
 *
 * Both are opened as snapshots, so that nothing that they see is dropped meanwhile. The names of
 * keyspaces in either are visited in order. If a name has the same number in both, the tree is
 * compared with itself (lsm/lsm_diff.c), which visits only what differs. If not, because the
 * keyspace was dropped and created again, or only one of them has it, the two trees are compared
 * key by key.
 *
 * Firn's own keyspaces are not compared: most are outside snapshots, and those of schemas and
 * indexes follow the tables, which are compared like keyspaces. A read-only handle may have been
 * refreshed between the opening of the two snapshots. The trees are then different objects, and
 * everything is compared; the result is the same.
 *
 * Values that have expired when the comparison begins are left out on both sides: the mere passage
 * of time is no difference.
 *
 * Memory: the names, and what lsm_diff.c uses.
 */
#include "base/check.h"
#include "base/mem.h"
#include "store/db_store_handle.h"

#include "base/slice.h"
#include "inspect/inspect.h"

struct side {
    struct firn_snapshot *snapshot;
    struct fi_buf names; /* each with its NUL, in byte order */
};

struct comparison {
    uint64_t time_ms;
    struct side before;
    struct side after;
    const struct fi_inspect_diff_visitor *visitor;
    const struct fi_step *step; /* may be NULL */
};

/* ---- names ---- */

static int
keep_name(void *ctx, const char *name)
{
    struct fi_buf *names = ctx;
    bool is_own = fi_db_is_system_name(firn_str(name)) ||
                  strncmp(name, FI_DB_TABLE_PREFIX, sizeof FI_DB_TABLE_PREFIX - 1) == 0;
    return is_own ? FIRN_OK : fi_buf_append(names, name, strlen(name) + 1);
}

static int
read_names(struct side *side, firn_error *err)
{
    int rc = fi_db_keyspace_list_in(side->snapshot, keep_name, &side->names, err);
    return rc == FIRN_NO_MEMORY ? fi_error_no_memory(err, "a comparison") : rc;
}

/* Whether names are in byte order, which the walk over both lists requires. */
static bool
are_ascending(const struct fi_buf *names)
{
    const char *before = "";
    for (size_t at = 0; at < names->size; at += strlen(before) + 1) {
        const char *name = (const char *)names->data + at;
        if (strcmp(before, name) > 0) {
            return false;
        }
        before = name;
    }
    return true;
}

static const char *
name_at(const struct side *side, size_t at)
{
    DCHECK(at <= side->names.size);
    return at < side->names.size ? (const char *)side->names.data + at : NULL;
}

/* ---- one keyspace ---- */

/* What a snapshot has of a keyspace; *out->tree is NULL if it has nothing. */
static int
side_of(const struct fi_inspect_diff_side *side, uint64_t time_ms, struct fi_lsm_diff_side *out,
        firn_error *err)
{
    struct fi_db_tree *tree = NULL;
    const struct fi_db_snapshot_node *node = &side->snapshot->node;
    DCHECK(side->snapshot != NULL);
    *out = (struct fi_lsm_diff_side){.snapshot = &node->snapshot, .time_ms = time_ms};
    if (side->keyspace == NULL) {
        return FIRN_OK;
    }
    int rc = fi_db_get_tree(side->keyspace, node->image, &node->snapshot, &tree, err);
    if (rc == FIRN_OK && tree != NULL) {
        out->tree = tree->lsm_tree;
    }
    return rc;
}

static struct fi_inspect_diff_key
key_of(const struct fi_lsm_difference *found)
{
    DCHECK(found->is_before || found->is_after);
    return (struct fi_inspect_diff_key){.key = found->key,
                                        .is_before = found->is_before,
                                        .is_after = found->is_after,
                                        .before = found->before,
                                        .after = found->after};
}

/* The keyspace of a name in a snapshot; NULL if there is none. */
static int
find_keyspace(const struct side *side, const char *name, struct fi_inspect_diff_side *out,
              firn_error *err)
{
    DCHECK(side->snapshot != NULL);
    *out = (struct fi_inspect_diff_side){.snapshot = side->snapshot};
    int rc = fi_db_keyspace_open_in(side->snapshot, name, &out->keyspace, err);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
compare_keyspace(const struct comparison *comparison, const char *name, firn_error *err)
{
    const struct fi_inspect_diff_visitor *visitor = comparison->visitor;
    struct fi_inspect_diff_side found_before;
    struct fi_inspect_diff_side found_after;
    struct fi_lsm_diff_side before;
    struct fi_lsm_diff_side after;
    struct fi_lsm_diff *diff = NULL;
    struct fi_lsm_difference found;
    bool is_found = true;
    int rc;
    FI_TRY(find_keyspace(&comparison->before, name, &found_before, err));
    FI_TRY(find_keyspace(&comparison->after, name, &found_after, err));
    FI_TRY(side_of(&found_before, comparison->time_ms, &before, err));
    FI_TRY(side_of(&found_after, comparison->time_ms, &after, err));
    FI_TRY(fi_lsm_diff_create(&before, &after, comparison->step, &diff, err));
    FI_TRY(fi_lsm_diff_next(diff, &found, &is_found, err));
    while (is_found) {
        const struct fi_inspect_diff_key key = key_of(&found);
        FI_TRY(visitor->visit(visitor->ctx, name, &key));
        FI_TRY(fi_lsm_diff_next(diff, &found, &is_found, err));
    }
out:
    fi_lsm_diff_destroy(diff);
    return rc;
}

static int
visit_keyspace(const struct comparison *comparison, const char *name, bool is_before, bool is_after,
               firn_error *err)
{
    const struct fi_inspect_diff_visitor *visitor = comparison->visitor;
    DCHECK(is_before || is_after);
    if (visitor->keyspace != NULL && strcmp(visitor->keyspace, name) != 0) {
        return FIRN_OK;
    }
    int rc = FIRN_OK;
    if (is_before != is_after && visitor->visit_keyspace != NULL) {
        rc = visitor->visit_keyspace(visitor->ctx, name, is_after);
    }
    return rc == FIRN_OK ? compare_keyspace(comparison, name, err) : rc;
}

/* Visits the names of both lists, in order, each once. */
static int
compare_all(const struct comparison *comparison, firn_error *err)
{
    size_t before_at = 0;
    size_t after_at = 0;
    int rc = FIRN_OK;
    DCHECK(are_ascending(&comparison->before.names) && are_ascending(&comparison->after.names));
    for (;;) {
        const char *before = name_at(&comparison->before, before_at);
        const char *after = name_at(&comparison->after, after_at);
        if (rc != FIRN_OK || (before == NULL && after == NULL)) {
            return rc;
        }
        int order = before == NULL ? 1 : after == NULL ? -1 : strcmp(before, after);
        rc = visit_keyspace(comparison, order <= 0 ? before : after, order <= 0, order >= 0, err);
        before_at += order <= 0 ? strlen(before) + 1 : 0;
        after_at += order >= 0 ? strlen(after) + 1 : 0;
    }
}

/* ---- the whole comparison ---- */

static int
open_side(struct firn_db *db, const char *reference, struct side *side, firn_error *err)
{
    DCHECK(side->snapshot == NULL);
    int rc = reference != NULL ? fi_db_checkpoint_snapshot(db, reference, &side->snapshot, err)
                               : fi_db_snapshot_open(db, &side->snapshot, err);
    return rc == FIRN_OK ? read_names(side, err) : rc;
}

static void
close_side(struct side *side)
{
    fi_db_snapshot_close(side->snapshot);
    fi_buf_deinit(&side->names);
}

int
fi_inspect_diff(struct firn_db *db, const char *before, const char *after,
                const struct fi_inspect_diff_visitor *visitor, firn_error *err)
{
    struct comparison comparison = {.time_ms = fi_db_time_ms(db), .visitor = visitor};
    int rc;
    DCHECK(visitor->visit != NULL);
    FI_TRY(open_side(db, before, &comparison.before, err));
    FI_TRY(open_side(db, after, &comparison.after, err));
    FI_TRY(
        fi_storefile_progress_begin_steps(visitor->progress, "read", 0, 0, &comparison.step, err));
    FI_TRY(compare_all(&comparison, err));
out:
    close_side(&comparison.before);
    close_side(&comparison.after);
    fi_db_jobs_wake_collection(db);
    return rc;
}

/* ---- one keyspace, at the caller's pace ---- */

struct fi_inspect_diff_walk {
    struct fi_lsm_diff *diff;
    const struct fi_step *step;
};

int
fi_inspect_diff_walk_open(struct firn_db *db, const struct fi_inspect_diff_side *before,
                          const struct fi_inspect_diff_side *after,
                          struct fi_storefile_progress *progress, struct fi_inspect_diff_walk **out,
                          firn_error *err)
{
    uint64_t time_ms = fi_db_time_ms(db);
    struct fi_inspect_diff_walk *walk = fi_alloc_zeroed(sizeof *walk);
    struct fi_lsm_diff_side sides[2];
    int rc;
    *out = NULL;
    if (walk == NULL) {
        return fi_error_no_memory(err, "a comparison");
    }
    if (before->snapshot->db != db || after->snapshot->db != db) {
        rc = fi_error_set(err, FIRN_INVALID, "the snapshot is one of another store");
        goto out;
    }
    FI_TRY(side_of(before, time_ms, &sides[0], err));
    FI_TRY(side_of(after, time_ms, &sides[1], err));
    FI_TRY(fi_storefile_progress_begin_steps(progress, "read", 0, 0, &walk->step, err));
    FI_TRY(fi_lsm_diff_create(&sides[0], &sides[1], walk->step, &walk->diff, err));
    *out = walk;
    walk = NULL;
out:
    fi_inspect_diff_walk_close(walk);
    return rc;
}

int
fi_inspect_diff_walk_next(struct fi_inspect_diff_walk *walk, struct fi_inspect_diff_key *out,
                          bool *out_found, firn_error *err)
{
    struct fi_lsm_difference found;
    DCHECK(walk->diff != NULL);
    int rc = fi_lsm_diff_next(walk->diff, &found, out_found, err);
    if (rc == FIRN_OK && *out_found) {
        *out = key_of(&found);
    }
    return rc;
}

void
fi_inspect_diff_walk_close(struct fi_inspect_diff_walk *walk)
{
    if (walk != NULL) {
        fi_lsm_diff_destroy(walk->diff);
        fi_free(walk);
    }
}
