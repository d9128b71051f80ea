/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_visible.c: in which views a keyspace exists, and which trees are therefore kept.
 *
 * The list of keyspaces is a tree like others, so views, checkpoints and restores apply to it.
 * Restoring an earlier checkpoint brings a dropped keyspace back, and removes one that was created
 * after the checkpoint. Numbers are given out once, so there is one put of each number. A keyspace
 * exists in a view that sees this put, and nothing newer under the same name. In memory, each tree
 * has the sequence of its put, and a chain of what came later under its name, oldest first. Trees of
 * one name share their chain.
 *
 * (I1) No view that sees the put sees a later version of the name that does not concern the
 *      keyspace: a name is used again only after a drop that the view sees.
 * (I2) A tree is kept as long as its keyspace exists now, in a checkpoint or in an open view. The
 *      list itself and firn's own keyspaces are outside views: they exist until they are dropped.
 *      Their names are looked up in the whole list (db_keyspace.c).
 * (I3) Compaction of the list drops a version only if no view needs it (merge.h), so the remaining
 *      versions suffice for all remaining views.
 * (Not checked: they concern versions that are in runs, or gone.)
 *
 * Opening a store reads its list twice: when its runs are known, so that the log can be replayed into
 * trees; and when the whole log has been replayed.
 *
 * Locking: only the leader of commits extends chains, at their ends; any thread may walk them. The
 * rest belongs to the leader.
 */
#include "base/check.h"
#include "codec/utf8.h"
#include "store/db_internal.h"

#include "base/slice.h"

bool
firn_db_visible_is_ended(const struct firn_db_tree *tree, const struct firn_view *view)
{
    /* Acquire pairs with the release stores of the leader. */
    const struct firn_db_name_end *end = atomic_load_explicit(&tree->ends, memory_order_acquire);
    while (end != NULL) {
        if (firn_view_sees(view, end->sequence)) {
            return true;
        }
        end = atomic_load_explicit(&end->newer, memory_order_acquire);
    }
    return false;
}

bool
firn_db_visible_in(const struct firn_db_tree *tree, const struct firn_view *view)
{
    bool is_there = tree->id == FIRN_DB_KEYSPACE_LIST || tree->is_system ||
                    firn_view_sees(view, tree->created_at);
    return is_there && !firn_db_visible_is_ended(tree, view);
}

struct firn_db_name_end *
firn_db_visible_make_end(struct firn_db_image *image)
{
    struct firn_db_name_end *end = firn_arena_alloc(&image->ends, sizeof *end);
    if (end != NULL) {
        end->sequence = 0;
        atomic_init(&end->newer, NULL);
    }
    return end;
}

/* ---- what exists now ---- */

/* The view by which a tree is judged: firn's own keyspaces are outside views. */
static struct firn_view
view_for(const struct firn_db_tree *tree, const struct firn_view *view)
{
    return tree->is_system ? firn_history_view(NULL, UINT64_MAX) : *view;
}

void
firn_db_visible_update(struct firn_db *db, struct firn_db_image *image)
{
    DCHECK(firn_db_is_led(db));
    const struct firn_view now = firn_db_view_now_in(image, UINT64_MAX);
    uint64_t out_count = 0;
    for (size_t i = 0; i < firn_db_trees_count(image); i++) {
        struct firn_db_tree *tree = firn_db_trees_at(image, i);
        struct firn_view view = view_for(tree, &now);
        bool is_out = tree->created_at != 0 && !firn_db_visible_in(tree, &view);
        tree->is_dropping = is_out;
        out_count += is_out && !tree->is_removed;
        /* Pairs with the acquire loads of reads. */
        atomic_store_explicit(&tree->is_out, is_out, memory_order_release);
    }
    if (!db->is_read_only) {
        db->lead.out_count = out_count;
    }
}

/* Whether the keyspace exists after the sequences from first to last, given that before them it
 * was_there: one of them may have created it, or ended it. */
static bool
is_there_after(const struct firn_db_tree *tree, uint64_t first, uint64_t last, bool was_there)
{
    DCHECK(first <= last);
    const struct firn_db_name_end *end = atomic_load_explicit(&tree->ends, memory_order_acquire);
    bool is_there = was_there || (tree->created_at >= first && tree->created_at <= last);
    for (; end != NULL && is_there; end = atomic_load_explicit(&end->newer, memory_order_acquire)) {
        is_there = end->sequence < first || end->sequence > last;
    }
    return is_there;
}

/* Whether a checkpoint has the keyspace. Parents come before their children, so it is already known
 * whether a line's parent has it. */
static bool
has_checkpoint(const struct firn_db_image *image, const struct firn_db_tree *tree)
{
    const struct firn_history *history = &image->history;
    for (size_t i = 0; i < firn_history_line_count(history); i++) {
        struct firn_db_line *line = firn_history_line(history, i);
        const struct firn_db_line *parent = line->parent;
        line->index =
            parent != NULL && is_there_after(tree, parent->first, line->fork, parent->index != 0);
    }
    for (size_t i = 0; i < firn_history_count(history); i++) {
        const struct firn_db_checkpoint *checkpoint = firn_history_at(history, i);
        const struct firn_db_line *line = checkpoint->line;
        if (is_there_after(tree, line->first, checkpoint->sequence, line->index != 0)) {
            return true;
        }
    }
    return false;
}

bool
firn_db_visible_is_kept(const struct firn_db_image *image, const struct firn_db_tree *tree)
{
    DCHECK(firn_db_is_led(image->db));
    return tree->created_at == 0 || !atomic_load_explicit(&tree->is_out, memory_order_relaxed) ||
           (!tree->is_system && has_checkpoint(image, tree));
}

/* ---- reading the list ---- */

struct reading {
    struct firn_db_image *image;
    struct firn_buf name; /* of the versions that are read */
    bool has_name;
    struct firn_db_name_end *newer; /* the version of that name that was read before */
};

static int
begin_name(struct reading *reading, firn_slice name, firn_error *err)
{
    if (reading->has_name && firn_slice_equal(name, firn_buf_slice(&reading->name))) {
        return FIRN_OK;
    }
    reading->has_name = true;
    reading->newer = NULL;
    return firn_buf_assign(&reading->name, name) == FIRN_OK
               ? FIRN_OK
               : firn_error_no_memory(err, "the list of keyspaces");
}

/* A put: the number of a keyspace, or the next number to give out. */
static int
read_put(struct reading *reading, const struct firn_entry *entry, firn_error *err)
{
    struct firn_db_image *image = reading->image;
    struct firn_db_tree *tree;
    struct firn_keyspace_entry put;
    if (entry->key.size > FIRN_KEYSPACE_NAME_SIZE_MAX || !firn_utf8_is_valid(entry->key) ||
        (entry->key.size > 0 && memchr(entry->key.data, 0, entry->key.size) != NULL)) {
        return firn_error_set(err, FIRN_CORRUPT,
                              "'%s': the list of keyspaces holds an impossible name",
                              firn_os_dir_path(image->db->dir));
    }
    FIRN_TRY_RETURN(firn_db_keyspace_decode(image->db, entry->value, &put, err));
    if (entry->key.size == 0 &&
        (put.type != FIRN_KEYSPACE_ENTRY_KEYS || put.schema > 0 || put.others.size > 0)) {
        return firn_error_set(
            err, FIRN_CORRUPT,
            "'%s': the list of keyspaces has fields for a keyspace without a name",
            firn_os_dir_path(image->db->dir));
    }
    uint64_t next = entry->key.size == 0 ? put.id : put.id + 1;
    image->next_id = next > image->next_id ? next : image->next_id;
    if (entry->key.size == 0) {
        return FIRN_OK;
    }
    int rc = firn_db_image_name(image, &put, entry, &tree, err);
    if (rc == FIRN_OK) {
        DCHECK(tree->id == put.id && image->next_id > put.id);
        tree->created_at = entry->sequence;
        atomic_store_explicit(&tree->ends, reading->newer, memory_order_relaxed);
    }
    return rc;
}

static int
read_version(struct reading *reading, const struct firn_entry *entry, firn_error *err)
{
    FIRN_TRY_RETURN(begin_name(reading, entry->key, err));
    if (entry->kind == FIRN_ENTRY_PUT) {
        FIRN_TRY_RETURN(read_put(reading, entry, err));
    }
    DCHECK(reading->newer == NULL || entry->sequence < reading->newer->sequence);
    struct firn_db_name_end *end = firn_db_visible_make_end(reading->image);
    if (end == NULL) {
        return firn_error_no_memory(err, "the list of keyspaces");
    }
    end->sequence = entry->sequence;
    atomic_init(&end->newer, reading->newer);
    reading->newer = end;
    return FIRN_OK;
}

int
firn_db_visible_read(struct firn_db_image *image, firn_error *err)
{
    static const struct firn_lsm_cursor_options all = {0};
    struct reading reading = {.image = image};
    struct firn_lsm_cursor *cursor = NULL;
    int rc;
    FIRN_TRY(firn_lsm_cursor_create(image->list->lsm_tree, &all, &cursor, err));
    FIRN_TRY(firn_lsm_cursor_first(cursor, err));
    while (firn_lsm_cursor_valid(cursor)) {
        FIRN_TRY(read_version(&reading, firn_lsm_cursor_entry(cursor), err));
        FIRN_TRY(firn_lsm_cursor_next(cursor, err));
    }
out:
    firn_lsm_cursor_destroy(cursor);
    firn_buf_deinit(&reading.name);
    return rc;
}
