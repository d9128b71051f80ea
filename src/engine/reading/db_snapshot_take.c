/* SPDX-License-Identifier: Apache-2.0
 *
 * reading/db_snapshot_take.c: the list of snapshots for a flush or compaction, which keeps what
 * they see. Why it is enough to ask once is in db_snapshot.c.
 *
 * System trees are outside snapshots. Only cursors and reads of that tree itself count for it, and
 * its now is everything committed, also after restores. A cursor counts for its own tree alone, so
 * a long-lived cursor costs other keyspaces nothing. The list of keyspaces has both: names inside
 * snapshots, and names of system keyspaces, which are outside. So for that tree everything counts
 * as a snapshot too.
 */
#include "reading/db_reading_handle.h"

#include "base/check.h"
#include "base/mem.h"

static bool
counts_for(const struct fi_db_snapshot_node *node, uint32_t tree_id, bool is_system)
{
    return node->tree != NULL ? node->tree->id == tree_id : !is_system;
}

/* What a flush or compaction gets, with room for branches and then places. */
struct taken {
    struct fi_db_line *now_line; /* NULL: none is held */
    struct fi_snapshot now;
    struct fi_snapshot_branch *branches;
    size_t branch_count;
    struct fi_snapshot_place *places;
    size_t place_count;
};

static struct taken *
allocate_taken(size_t branches, size_t places)
{
    struct taken *taken = fi_alloc(sizeof *taken + branches * sizeof(struct fi_snapshot_branch) +
                                   places * sizeof(struct fi_snapshot_place));
    if (taken != NULL) {
        *taken = (struct taken){.branches = (void *)(taken + 1)};
        taken->places = (void *)(taken->branches + branches);
    }
    return taken;
}

/* Fills in the lines, and after them the branch of everything outside snapshots. */
static void
add_branches(struct taken *taken, const struct fi_history *history)
{
    size_t count = fi_history_line_count(history);
    for (size_t i = 0; i < count; i++) {
        struct fi_db_line *line = fi_history_line(history, i);
        DCHECK(line->parent == NULL || line->parent->index < i);
        line->index = i;
        taken->branches[taken->branch_count++] = (struct fi_snapshot_branch){
            line->first, line->fork,
            line->parent != NULL ? (uint32_t)line->parent->index : FI_SNAPSHOT_ROOT};
    }
    taken->branches[taken->branch_count++] = (struct fi_snapshot_branch){1, 0, FI_SNAPSHOT_ROOT};
}

/* line NULL: outside snapshots. */
static void
add_place(struct taken *taken, const struct fi_db_line *line, uint64_t sequence, uint64_t time_ms)
{
    size_t branch = line != NULL ? (size_t)line->index : taken->branch_count - 1;
    DCHECK(branch < taken->branch_count);
    taken->places[taken->place_count++] =
        (struct fi_snapshot_place){sequence, time_ms, (uint32_t)branch};
}

/* Fills in the snapshots; equal snapshots may occur more than once. */
static void
gather_locked(struct firn_db *db, const struct fi_db_image *image, uint32_t tree_id, bool is_system,
              struct taken *out)
{
    fi_os_mutex_assert_held(&db->state_mutex);
    const struct fi_history *history = &image->history;
    uint64_t now_ms = fi_db_time_ms(db);
    add_branches(out, history);
    const struct fi_db_snapshot_node *node = fi_db_snapshot_list_first(db);
    for (; node != NULL; node = fi_db_snapshot_list_next(db, node)) {
        if (counts_for(node, tree_id, is_system)) {
            add_place(out, node->line, node->sequence, node->time_ms);
        }
    }
    if (is_system || tree_id == FI_DB_KEYSPACE_LIST) {
        add_place(out, NULL, UINT64_MAX, now_ms);
        out->now = fi_history_snapshot(NULL, UINT64_MAX);
    }
    if (!is_system) {
        for (size_t i = 0; i < fi_history_count(history); i++) {
            const struct fi_db_checkpoint *checkpoint = fi_history_at(history, i);
            add_place(out, checkpoint->line, checkpoint->sequence,
                      fi_db_snapshot_time_of(checkpoint));
        }
        add_place(out, history->now, UINT64_MAX, now_ms);
        out->now = fi_db_snapshot_now_in(image, UINT64_MAX);
        out->now_line = history->now;
        CHECK(fi_history_ref(out->now_line, NULL) == FIRN_OK);
    }
}

/* Where tombstones are kept from: the oldest transaction that may still write looks for later
 * writes. */
static uint64_t
tombstones_kept_from_locked(struct firn_db *db)
{
    fi_os_mutex_assert_held(&db->state_mutex);
    uint64_t from = 0;
    const struct fi_db_snapshot_node *node = fi_db_snapshot_list_first(db);
    for (; node != NULL; node = fi_db_snapshot_list_next(db, node)) {
        if (node->keeps_tombstones && (from == 0 || node->sequence < from - 1)) {
            from = node->sequence + 1;
        }
    }
    return from;
}

/* The image; during a replay, the one that is being filled. */
static struct fi_db_image *
image_of_works(struct firn_db *db)
{
    return db->replayed != NULL ? db->replayed : fi_db_image(db);
}

int
fi_db_snapshot_take(void *ctx, uint32_t tree_id, struct fi_snapshot_list *out, firn_error *err)
{
    struct firn_db *db = ctx;
    /* Before the list is read: see db_get.c. */
    atomic_fetch_add_explicit(&db->snapshots_taken, 1, memory_order_seq_cst);
    fi_os_mutex_lock(&db->state_mutex);
    fi_db_snapshot_list_lock(db);
    struct fi_db_image *image = image_of_works(db);
    const struct fi_db_tree *tree = fi_db_trees_find(image, tree_id);
    bool is_system = tree != NULL && tree->is_system;
    uint64_t kept_from = is_system ? 0 : tombstones_kept_from_locked(db);
    size_t places = fi_db_snapshot_list_count(db) + fi_history_count(&image->history) + 2;
    struct taken *taken = allocate_taken(fi_history_line_count(&image->history) + 1, places);
    if (taken != NULL) {
        gather_locked(db, image, tree_id, is_system, taken);
        DCHECK(taken->place_count > 0 && taken->place_count <= places);
    }
    fi_db_snapshot_list_unlock(db);
    fi_os_mutex_unlock(&db->state_mutex);
    if (taken == NULL) {
        return fi_error_no_memory(err, "the list of snapshots");
    }
    /* For the list of keyspaces there are two. */
    const struct fi_snapshot *now = tree_id == FI_DB_KEYSPACE_LIST ? NULL : &taken->now;
    *out = (struct fi_snapshot_list){taken->branches,    taken->branch_count, taken->places,
                                     taken->place_count, kept_from,           now};
    return FIRN_OK;
}

void
fi_db_snapshot_take_release(void *ctx, struct fi_snapshot_list *snapshots)
{
    struct firn_db *db = ctx;
    struct taken *taken = (struct taken *)(uintptr_t)snapshots->branches - 1;
    if (taken->now_line != NULL) {
        fi_os_mutex_lock(&db->state_mutex);
        fi_history_unref(&image_of_works(db)->history, taken->now_line);
        fi_os_mutex_unlock(&db->state_mutex);
    }
    fi_free(taken);
    *snapshots = (struct fi_snapshot_list){0};
}
