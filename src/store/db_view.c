/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_view.c: which views are open, and what compaction must therefore keep.
 *
 * A view is a place on a line of history (db_history.h): what the line sees, up to a sequence.
 * Public views, cursors, and readings that had to be careful (db_get.c) are nodes of one list. A
 * work of lsm/ asks for the list before it decides what may go (firn_db_view_take); the checkpoints
 * and "now", the newest line without an end, are always in it.
 *
 * (I1) A view of now is registered with the newest published sequence, and both are done with the
 *      mutex held that take holds too. What a work can drop lay in a memtable that was frozen, so
 *      it was published, before the work asked. So a view is in the list that a work got, or it
 *      sees at least all that the work may drop something for. A restore that comes later makes now
 *      of a checkpoint that is in the list, and of what comes after; a checkpoint that comes later
 *      is what now was.
 * (I2) A cursor at a public view takes the place of that view, which is in the list; a view at a
 *      checkpoint is registered while the checkpoint is in it.
 * (I3) Reading what now is without the mutex (firn_db_view_now): the line is read before and after
 *      the published sequence. Were it the old one at first and the new one's sequence after it,
 *      the second look sees the new line, because that is stored before the sequence is. A new line
 *      with an older sequence is the line as it begins: the restore is durable by then.
 * (I4) What a work drops for want of a reader is no younger than any transaction that begins later,
 *      for the reason of (I1); so each transaction that looks for what was written since it began
 *      finds all of it.
 *
 * System trees are outside views: of them only cursors and readings of that very tree count, and
 * all of what was committed is now, whatever was restored. A cursor counts for its own tree alone,
 * so that one that is open for long costs no other keyspace anything. In the list of keyspaces both
 * stand side by side: the names of system keyspaces are outside. So for that tree everything counts
 * as a view too.
 *
 * Time. A view's time is that of its opening, a checkpoint's that of its making, and puts that
 * expire by then are gone for it, later ones stay, however long it is open. So a work is told when
 * each view reads; of "now" that is the moment of asking, since whoever reads later reads at a
 * later time: the clock is asked with the mutex held. (Where the system's clock is set back that is
 * not so: what had expired may be seen again, or not.)
 *
 * A node also counts as a user of the image of a read-only handle, which is closed when it has been
 * replaced and its last user leaves (db_refresh.c).
 *
 * Locking: the state mutex.
 */
#include "store/db_internal.h"

#include "base/mem.h"

struct firn_view
firn_db_view_now_in(const struct firn_db_image *image, uint64_t sequence)
{
    return firn_db_history_view(atomic_load_explicit(&image->history.now, memory_order_relaxed),
                                sequence);
}

/* (I3); *out_line is NULL outside of views. */
static uint64_t
find_now(struct firn_db *db, const struct firn_db_image *image, bool is_outside,
         struct firn_db_line **out_line)
{
    struct firn_db_line *line = NULL;
    struct firn_db_line *again;
    uint64_t sequence;
    if (is_outside || db->is_read_only) {
        *out_line =
            is_outside ? NULL : atomic_load_explicit(&image->history.now, memory_order_relaxed);
        return db->is_read_only ? image->last_sequence : firn_db_published(db);
    }
    /* Acquire pairs with the release in firn_db_history_apply. */
    again = atomic_load_explicit(&image->history.now, memory_order_acquire);
    do {
        line = again;
        sequence = firn_db_published(db);
        again = atomic_load_explicit(&image->history.now, memory_order_acquire);
    } while (again != line);
    *out_line = line;
    return sequence;
}

struct firn_view
firn_db_view_now(struct firn_db *db, const struct firn_db_image *image, bool is_outside)
{
    struct firn_db_line *line;
    uint64_t sequence = find_now(db, image, is_outside, &line);
    return firn_db_history_view(line, sequence);
}

/* ---- the list ---- */

static void
link_locked(struct firn_db *db, struct firn_db_view_node *node, struct firn_db_line *line,
            uint64_t sequence)
{
    node->line = line;
    node->sequence =
        line != NULL && line->begin > 1 && sequence < line->begin ? line->begin : sequence;
    node->view = firn_db_history_view(line, sequence);
    node->previous = NULL;
    node->next = db->views;
    if (db->views != NULL) {
        db->views->previous = node;
    }
    db->views = node;
    db->view_count++;
    node->image->user_count++;
    if (line != NULL) {
        firn_db_history_ref(line);
    }
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
    if (node->line != NULL) {
        firn_db_history_unref(&node->image->history, node->line);
    }
}

void
firn_db_view_register(struct firn_db *db, struct firn_db_view_node *node,
                      const struct firn_db_tree *tree, bool is_outside)
{
    struct firn_db_line *line;
    firn_os_mutex_lock(&db->state_mutex);
    node->time_ms = firn_db_get_time_ms(db);
    node->image = firn_db_image(db);
    node->tree = tree;
    uint64_t sequence = find_now(db, node->image, is_outside, &line);
    link_locked(db, node, line, sequence);
    firn_os_mutex_unlock(&db->state_mutex);
}

void
firn_db_view_register_at(struct firn_db *db, struct firn_db_view_node *node,
                         const struct firn_db_tree *tree, const struct firn_db_view_node *view,
                         bool is_outside)
{
    struct firn_db_line *line = view->line;
    uint64_t sequence = view->sequence;
    firn_os_mutex_lock(&db->state_mutex);
    node->image = view->image;
    node->time_ms = view->time_ms;
    node->tree = tree;
    if (is_outside) {
        sequence = find_now(db, node->image, true, &line);
    }
    link_locked(db, node, line, sequence);
    firn_os_mutex_unlock(&db->state_mutex);
}

/* When a checkpoint reads: when it was made. */
static uint64_t
time_of(const struct firn_db_checkpoint *checkpoint)
{
    return checkpoint->created_ns > 0 ? (uint64_t)(checkpoint->created_ns / 1000000) : 0;
}

int
firn_db_view_register_checkpoint(struct firn_db *db, struct firn_db_view_node *node,
                                 const uint8_t id[FIRN_DB_HISTORY_ID_SIZE], firn_error *err)
{
    firn_os_mutex_lock(&db->state_mutex);
    node->image = firn_db_image(db);
    node->tree = NULL;
    const struct firn_db_checkpoint *found = firn_db_history_find(&node->image->history, id);
    if (found != NULL) {
        node->time_ms = time_of(found);
        link_locked(db, node, found->line, found->sequence);
    }
    firn_os_mutex_unlock(&db->state_mutex);
    return found != NULL ? FIRN_OK : firn_error_set(err, FIRN_NOT_FOUND, "the checkpoint is gone");
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

/* Room for views and their times, and what is filled in of it. */
struct taken {
    struct firn_view *views;
    uint64_t *times_ms;
    size_t count;
};

static void
add_view(struct taken *taken, struct firn_view view, uint64_t time_ms)
{
    taken->views[taken->count] = view;
    taken->times_ms[taken->count++] = time_ms;
}

/* Fills in the views; those of nodes that see the same come more than once. */
static void
gather_locked(struct firn_db *db, const struct firn_db_image *image, uint32_t tree_id,
              bool is_system, struct taken *out)
{
    uint64_t now_ms = firn_db_get_time_ms(db);
    for (const struct firn_db_view_node *node = db->views; node != NULL; node = node->next) {
        if (counts_for(node, tree_id, is_system)) {
            add_view(out, node->view, node->time_ms);
        }
    }
    if (is_system || tree_id == FIRN_DB_KEYSPACE_LIST) {
        add_view(out, firn_db_history_view(NULL, UINT64_MAX), now_ms);
    }
    if (!is_system) {
        const struct firn_db_history *history = &image->history;
        for (size_t i = 0; i < firn_db_history_count(history); i++) {
            const struct firn_db_checkpoint *checkpoint = firn_db_history_at(history, i);
            add_view(out, firn_db_history_view(checkpoint->line, checkpoint->sequence),
                     time_of(checkpoint));
        }
        add_view(out, firn_db_view_now_in(image, UINT64_MAX), now_ms);
    }
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

static bool
allocate(size_t count, struct taken *out)
{
    *out = (struct taken){.views =
                              firn_alloc_array(count, sizeof *out->views + sizeof *out->times_ms)};
    if (out->views != NULL) {
        out->times_ms = (uint64_t *)(void *)(out->views + count);
    }
    return out->views != NULL;
}

/* While the log is replayed there is no other one. */
static struct firn_db_image *
image_of_works(struct firn_db *db)
{
    return db->replayed != NULL ? db->replayed : firn_db_image(db);
}

int
firn_db_view_take(void *ctx, uint32_t tree_id, struct firn_view_list *out, firn_error *err)
{
    struct firn_db *db = ctx;
    struct taken taken;
    /* Before the list is looked at: see db_get.c. */
    atomic_fetch_add_explicit(&db->views_taken, 1, memory_order_seq_cst);
    firn_os_mutex_lock(&db->state_mutex);
    struct firn_db_image *image = image_of_works(db);
    const struct firn_db_tree *tree = firn_db_image_find(image, tree_id);
    size_t room = (size_t)db->view_count + firn_db_history_count(&image->history) + 2;
    bool is_system = tree != NULL && tree->is_system;
    uint64_t kept_from = is_system ? 0 : tombstones_kept_from_locked(db);
    bool has_room = allocate(room, &taken);
    if (has_room) {
        gather_locked(db, image, tree_id, is_system, &taken);
        firn_db_history_hold(&image->history);
    }
    firn_os_mutex_unlock(&db->state_mutex);
    if (!has_room) {
        return firn_error_no_memory(err, "the list of views");
    }
    /* The last one that was gathered; in the list of keyspaces there are two. */
    const struct firn_view *now =
        tree_id == FIRN_DB_KEYSPACE_LIST ? NULL : &taken.views[taken.count - 1];
    *out = (struct firn_view_list){taken.views, taken.count, kept_from, taken.times_ms, now};
    return FIRN_OK;
}

void
firn_db_view_release(void *ctx, struct firn_view_list *views)
{
    struct firn_db *db = ctx;
    firn_os_mutex_lock(&db->state_mutex);
    firn_db_history_let_go(&image_of_works(db)->history);
    firn_os_mutex_unlock(&db->state_mutex);
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
    firn_db_view_register(db, &view->node, NULL, false);
    return FIRN_OK;
}

int
firn_db_view_open_checkpoint(struct firn_db *db, const uint8_t id[FIRN_DB_HISTORY_ID_SIZE],
                             struct firn_db_view **out, firn_error *err)
{
    struct firn_db_view *view = firn_alloc_zeroed(sizeof *view);
    *out = NULL;
    if (view == NULL) {
        return firn_error_no_memory(err, "a view");
    }
    view->db = db;
    view->node.destroy = destroy;
    int rc = firn_db_view_register_checkpoint(db, &view->node, id, err);
    if (rc != FIRN_OK) {
        firn_free(view);
        return rc;
    }
    *out = view;
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
    const struct firn_view seen = firn_db_keyspace_is_system(firn_str(name))
                                      ? firn_db_view_now(db, image, true)
                                      : view->node.view;
    rc = firn_lsm_tree_get(image->list->lsm_tree, firn_str(name), &seen, &value, err);
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
