/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_get_many.c: reading many keys of one keyspace at one view.
 *
 * A reading of one key waits for slow memory several times, one after the other: for a filter, for
 * an index, for where its block lies. What it waits for is known before it gets there. So keys are
 * taken in groups, and what all keys of a group wait for first is asked for at once, then what they
 * wait for next (firn_lsm_tree_get_prefetch); the readings themselves follow, and find most of it
 * near.
 *
 * All keys are read at one view: of now, which is registered while the call lasts, or one that the
 * caller has opened. So what compaction may drop meanwhile is nothing that is asked for here, and
 * the image stays.
 *
 * Failure: the first key that cannot be read ends the call. The caller's visitor has seen those
 * before it.
 */
#include "base/check.h"
#include "store/db_internal.h"

/* What a group asks for has to stay in the caches nearest to the processor until it is used. */
enum { GROUP = FIRN_LSM_PREFETCH_MAX };

struct reading {
    struct firn_db_tree *tree; /* NULL: nothing is there */
    struct firn_view view;
    uint64_t time_ms;
    const struct firn_db_get_many *what;
};

static int
get_one(const struct reading *reading, size_t i, struct firn_buf *value, firn_error *err)
{
    const struct firn_db_get_many *what = reading->what;
    DCHECK(i < what->count);
    int rc = FIRN_NOT_FOUND;
    if (reading->tree != NULL) {
        rc = firn_lsm_tree_get_at(reading->tree->lsm_tree, what->keys[i], &reading->view,
                                  reading->time_ms, value, err);
    }
    if (rc == FIRN_OK || rc == FIRN_NOT_FOUND) {
        rc = what->visit(what->ctx, i, rc == FIRN_OK ? value : NULL, err);
    }
    return rc;
}

static int
get_group(const struct reading *reading, size_t begin, size_t end, firn_error *err)
{
    DCHECK(begin < end && end - begin <= GROUP);
    struct firn_buf value = {0};
    int rc = FIRN_OK;
    if (reading->tree != NULL) {
        firn_lsm_tree_get_prefetch(reading->tree->lsm_tree, reading->what->keys + begin,
                                   end - begin);
    }
    for (size_t i = begin; i < end && rc == FIRN_OK; i++) {
        firn_buf_clear(&value);
        rc = get_one(reading, i, &value, err);
    }
    firn_buf_deinit(&value);
    return rc;
}

static int
get_all(struct firn_db_keyspace *keyspace, const struct firn_db_view_node *node,
        const struct firn_db_get_many *what, firn_error *err)
{
    struct reading reading = {.view = node->view, .time_ms = node->time_ms, .what = what};
    int rc = firn_db_get_tree(keyspace, node->image, &node->view, &reading.tree, err);
    for (size_t i = 0; i < what->count && rc == FIRN_OK; i += GROUP) {
        size_t left = what->count - i;
        rc = get_group(&reading, i, i + (left < GROUP ? left : GROUP), err);
    }
    return rc;
}

int
firn_db_get_many(struct firn_db_keyspace *keyspace, const struct firn_db_get_many *what,
                 firn_error *err)
{
    struct firn_db *db = keyspace->db;
    if (what->view != NULL && what->view->db != db) {
        return firn_error_set(err, FIRN_INVALID, "the view is one of another store");
    }
    if (what->view != NULL && !keyspace->is_system) {
        return get_all(keyspace, &what->view->node, what, err);
    }
    struct firn_db_view_node node = {0};
    firn_db_view_register(db, &node, keyspace->tree, keyspace->is_system);
    int rc = get_all(keyspace, &node, what, err);
    firn_db_view_unregister(db, &node);
    return rc;
}
