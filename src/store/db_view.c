/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_view.c: which views are open, and what compaction must therefore keep.
 *
 * A view is a sequence: it sees [1, that]. Public views, cursors, and readings that had to be
 * careful (db_get.c) are nodes of one list. A work of lsm/ asks for the list before it decides what
 * may go (firn_db_view_take); "now", [1, UINT64_MAX], is always in it.
 *
 * (I1) A view is registered with the newest published sequence, and both are done with the mutex
 *      held that take holds too. What a work can drop lay in a memtable that was frozen, so it was
 *      published, before the work asked. So a view is in the list that a work got, or it sees at
 *      least all that the work may drop something for.
 * (I2) A cursor at a public view takes the sequence of that view, which is in the list.
 * (I3) What a work drops for want of a reader is no younger than any transaction that begins later,
 *      for the same reason; so each transaction that looks for what was written since it began
 *      finds all of it.
 *
 * System trees are outside views: of them only cursors and readings of that very tree count. A
 * cursor counts for its own tree alone, so that one that is open for long costs no other keyspace
 * anything.
 *
 * Time. A view's time is that of its opening, and puts that expire by then are gone for it, later
 * ones stay, however long it is open. So a work is told when each view reads; of "now" that is the
 * moment of asking, since whoever reads later reads at a later time: the clock is asked with the
 * mutex held. (Where the system's clock is set back that is not so: what had expired may be seen
 * again, or not.)
 *
 * A node also counts as a user of the image of a read-only handle, which is closed when it has been
 * replaced and its last user leaves (db_refresh.c).
 *
 * Locking: the state mutex.
 */
#include "store/db_internal.h"

#include "base/mem.h"
#include "base/sort.h"

static void
link_locked(struct firn_db *db, struct firn_db_view_node *node)
{
    node->previous = NULL;
    node->next = db->views;
    if (db->views != NULL) {
        db->views->previous = node;
    }
    db->views = node;
    db->view_count++;
    node->image->user_count++;
}

static void
unlink_locked(struct firn_db *db, struct firn_db_view_node *node)
{
    if (node->previous != NULL) {
        node->previous->next = node->next;
    } else {
        db->views = node->next;
    }
    if (node->next != NULL) {
        node->next->previous = node->previous;
    }
    db->view_count--;
    node->image->user_count--;
}

void
firn_db_view_register(struct firn_db *db, struct firn_db_view_node *node,
                      const struct firn_db_tree *tree)
{
    firn_os_mutex_lock(&db->state_mutex);
    node->time_ms = firn_db_get_time_ms(db);
    node->image = firn_db_image(db);
    node->sequence = db->is_read_only ? node->image->last_sequence : firn_db_published(db);
    node->tree = tree;
    link_locked(db, node);
    firn_os_mutex_unlock(&db->state_mutex);
}

void
firn_db_view_register_at(struct firn_db *db, struct firn_db_view_node *node,
                         const struct firn_db_tree *tree, const struct firn_db_view_node *view)
{
    firn_os_mutex_lock(&db->state_mutex);
    node->image = view->image;
    node->sequence = view->sequence;
    node->time_ms = view->time_ms;
    node->tree = tree;
    link_locked(db, node);
    firn_os_mutex_unlock(&db->state_mutex);
}

void
firn_db_view_unregister(struct firn_db *db, struct firn_db_view_node *node)
{
    firn_os_mutex_lock(&db->state_mutex);
    unlink_locked(db, node);
    bool is_last = node->image->user_count == 0 && node->image != firn_db_image(db);
    firn_os_mutex_unlock(&db->state_mutex);
    if (is_last) {
        firn_db_refresh_retire(db, node->image);
    }
}

void
firn_db_view_destroy_all(struct firn_db *db)
{
    while (db->views != NULL) {
        struct firn_db_view_node *node = db->views;
        struct firn_db_image *image = node->image;
        unlink_locked(db, node);
        node->destroy(node);
        if (image->user_count == 0 && image != firn_db_image(db)) {
            firn_db_image_abandon(image);
        }
    }
}

/* ---- what compaction keeps ---- */

static bool
counts_for(const struct firn_db_view_node *node, uint32_t tree_id, bool is_system)
{
    return node->tree != NULL ? node->tree->id == tree_id : !is_system;
}

/* One interval, and when it is read. */
struct reading {
    struct firn_view_interval interval;
    uint64_t time_ms;
};

static int
compare_readings(const void *a, const void *b)
{
    const struct reading *x = a;
    const struct reading *y = b;
    if (x->interval.last != y->interval.last) {
        return x->interval.last < y->interval.last ? -1 : 1;
    }
    return (x->time_ms > y->time_ms) - (x->time_ms < y->time_ms);
}

/* Fills the readings and returns how many differ in what they see; of those that do not, the
 * earliest stands for all. */
static size_t
gather_locked(struct firn_db *db, uint32_t tree_id, bool is_system, struct reading *readings)
{
    size_t count = 0;
    for (const struct firn_db_view_node *node = db->views; node != NULL; node = node->next) {
        /* A view of an empty store sees nothing. */
        if (counts_for(node, tree_id, is_system) && node->sequence > 0) {
            readings[count++] = (struct reading){{1, node->sequence}, node->time_ms};
        }
    }
    readings[count++] = (struct reading){{1, UINT64_MAX}, firn_db_get_time_ms(db)};
    firn_sort(readings, count, sizeof *readings, compare_readings);
    size_t kept = 1;
    for (size_t i = 1; i < count; i++) {
        if (readings[i].interval.last != readings[kept - 1].interval.last) {
            readings[kept++] = readings[i];
        }
    }
    return kept;
}

/* The oldest transaction that may still write looks for what was written since it began. */
static uint64_t
tombstones_kept_from_locked(const struct firn_db *db)
{
    uint64_t from = 0;
    for (const struct firn_db_view_node *node = db->views; node != NULL; node = node->next) {
        if (node->keeps_tombstones && (from == 0 || node->sequence < from - 1)) {
            from = node->sequence + 1;
        }
    }
    return from;
}

/* Views, what they see, and their times, in one piece of memory. */
struct taken {
    struct firn_view *views;
    struct reading *readings;
    uint64_t *times_ms;
};

static bool
allocate(size_t count, struct taken *out)
{
    out->views =
        firn_alloc_array(count, sizeof *out->views + sizeof *out->readings + sizeof *out->times_ms);
    if (out->views == NULL) {
        return false;
    }
    out->readings = (struct reading *)(void *)(out->views + count);
    out->times_ms = (uint64_t *)(void *)(out->readings + count);
    return true;
}

int
firn_db_view_take(void *ctx, uint32_t tree_id, struct firn_view_list *out, firn_error *err)
{
    struct firn_db *db = ctx;
    struct taken taken;
    /* Before the list is looked at: see db_get.c. */
    atomic_fetch_add_explicit(&db->views_taken, 1, memory_order_seq_cst);
    firn_os_mutex_lock(&db->state_mutex);
    /* While the log is replayed there is no image, and no view. */
    const struct firn_db_image *image = firn_db_image(db);
    const struct firn_db_tree *tree = image != NULL ? firn_db_image_find(image, tree_id) : NULL;
    if (!allocate((size_t)db->view_count + 1, &taken)) {
        firn_os_mutex_unlock(&db->state_mutex);
        return firn_error_no_memory(err, "the list of views");
    }
    bool is_system = tree != NULL && tree->is_system;
    size_t count = gather_locked(db, tree_id, is_system, taken.readings);
    uint64_t kept_from = is_system ? 0 : tombstones_kept_from_locked(db);
    firn_os_mutex_unlock(&db->state_mutex);
    for (size_t i = 0; i < count; i++) {
        taken.views[i] = (struct firn_view){&taken.readings[i].interval, 1};
        taken.times_ms[i] = taken.readings[i].time_ms;
    }
    *out = (struct firn_view_list){taken.views, count, kept_from, taken.times_ms};
    return FIRN_OK;
}

void
firn_db_view_release(void *ctx, struct firn_view_list *views)
{
    (void)ctx;
    firn_free((void *)(uintptr_t)views->views);
    *views = (struct firn_view_list){0};
}

/* ---- public views ---- */

static void
destroy(struct firn_db_view_node *node)
{
    firn_free((char *)node - offsetof(struct firn_db_view, node));
}

int
firn_db_view_open(struct firn_db *db, struct firn_db_view **out, firn_error *err)
{
    struct firn_db_view *view = firn_alloc_zeroed(sizeof *view);
    *out = view;
    if (view == NULL) {
        return firn_error_no_memory(err, "a view");
    }
    view->db = db;
    view->node.destroy = destroy;
    firn_db_view_register(db, &view->node, NULL);
    return FIRN_OK;
}

void
firn_db_view_close(struct firn_db_view *view)
{
    if (view != NULL) {
        firn_db_view_unregister(view->db, &view->node);
        firn_free(view);
    }
}

int
firn_db_view_keyspace_list(struct firn_db_view *view, int (*visit)(void *ctx, const char *name),
                           void *ctx, firn_error *err)
{
    return firn_db_keyspace_list_at(view->db, view, visit, ctx, err);
}

int
firn_db_view_keyspace_open(struct firn_db_view *view, const char *name,
                           struct firn_db_keyspace **out, firn_error *err)
{
    struct firn_db *db = view->db;
    struct firn_db_image *image = view->node.image;
    struct firn_buf value = {0};
    uint64_t id;
    int rc;
    *out = NULL;
    FIRN_TRY(firn_db_keyspace_check_name(name, err));
    rc = firn_db_get_seen(image->list, view->node.sequence, firn_str(name), &value, err);
    if (rc == FIRN_NOT_FOUND) {
        rc = firn_db_keyspace_refuse_missing(db, name, err);
    }
    FIRN_TRY(rc);
    FIRN_TRY(firn_db_keyspace_decode(db, firn_buf_slice(&value), &id, err));
    firn_os_mutex_lock(&db->state_mutex);
    rc = firn_db_keyspace_handle_locked(db, image, id, name, out, err);
    firn_os_mutex_unlock(&db->state_mutex);
out:
    firn_buf_deinit(&value);
    return rc;
}
