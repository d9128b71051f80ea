/* SPDX-License-Identifier: Apache-2.0
 *
 * reading/db_snapshot_list.c: the list of open snapshots, in parts.
 *
 * Threads that open and close cursors at once would wait for each other if all snapshots were in
 * one list. So the list has FI_DB_SNAPSHOT_PARTS parts, each with a mutex; a thread always adds to
 * the same one. A snapshot also needs a reference to its image and to its line of history, and
 * threads that changed the counts of these would wait again. So a part has one reference to the
 * line that is now, for all of its snapshots on that line, and keeps it when the last one is
 * closed.
 *
 * (I1) What a snapshot of now sees is determined under the same hold of a mutex that adds it to the
 *      list, that of its part or the state mutex. So a thread that has locked the whole list
 *      (fi_db_snapshot_list_lock) finds every snapshot that does not see all that is published.
 * (I2) A snapshot with is_shared has the image and the line of its part, and is counted in the
 *      part's users; any other has references of its own.
 * (I3) While nobody holds the state mutex, a part without users has no reference, or one to the
 *      line that is now in the present image. When another line or image takes that place, the
 *      references of parts without users are released (fi_db_snapshot_list_release_old), and those
 *      of the others by their last users. So lines are freed and images are closed when no
 *      snapshot needs them, as if parts had no references.
 *
 * Locking: references to lines and images change under the state mutex; the mutex of a part comes
 * after it. While the part has its reference, opening and closing a snapshot of now takes only the
 * mutex of the part.
 */
#include "reading/db_reading_handle.h"

#include "base/check.h"
#include "base/epoch.h"

_Static_assert(FI_LOCK_DB_SNAPSHOTS + FI_DB_SNAPSHOT_PARTS <= FI_LOCK_OS_KNOWN,
               "each part has a rank");

/* ---- all parts ---- */

void
fi_db_snapshot_list_init(struct firn_db *db)
{
    for (unsigned i = 0; i < FI_DB_SNAPSHOT_PARTS; i++) {
        fi_os_mutex_init(db->os, &db->snapshots[i].mutex,
                         (enum fi_lock_rank)(FI_LOCK_DB_SNAPSHOTS + i));
    }
}

void
fi_db_snapshot_list_deinit(struct firn_db *db)
{
    for (unsigned i = 0; i < FI_DB_SNAPSHOT_PARTS; i++) {
        struct fi_db_snapshot_part *part = &db->snapshots[i];
        DCHECK(part->first == NULL && part->line == NULL);
        fi_os_mutex_deinit(&part->mutex);
    }
}

void
fi_db_snapshot_list_lock(struct firn_db *db)
{
    fi_os_mutex_assert_held(&db->state_mutex);
    for (unsigned i = 0; i < FI_DB_SNAPSHOT_PARTS; i++) {
        fi_os_mutex_lock(&db->snapshots[i].mutex);
    }
}

void
fi_db_snapshot_list_unlock(struct firn_db *db)
{
    for (unsigned i = FI_DB_SNAPSHOT_PARTS; i-- > 0;) {
        fi_os_mutex_unlock(&db->snapshots[i].mutex);
    }
}

/* The first snapshot of this part or of a later one. */
static struct fi_db_snapshot_node *
first_from(struct firn_db *db, size_t part)
{
    while (part < FI_DB_SNAPSHOT_PARTS && db->snapshots[part].first == NULL) {
        part++;
    }
    return part < FI_DB_SNAPSHOT_PARTS ? db->snapshots[part].first : NULL;
}

struct fi_db_snapshot_node *
fi_db_snapshot_list_first(struct firn_db *db)
{
    return first_from(db, 0);
}

struct fi_db_snapshot_node *
fi_db_snapshot_list_next(struct firn_db *db, const struct fi_db_snapshot_node *node)
{
    return node->next != NULL ? node->next
                              : first_from(db, (size_t)(node->part - db->snapshots) + 1);
}

size_t
fi_db_snapshot_list_count(struct firn_db *db)
{
    size_t count = 0;
    const struct fi_db_snapshot_node *node = fi_db_snapshot_list_first(db);
    for (; node != NULL; node = fi_db_snapshot_list_next(db, node)) {
        count++;
    }
    return count;
}

/* ---- references ---- */

/* Whether the line that a part has a reference to is now, in the present image. */
static bool
is_present(struct firn_db *db, const struct fi_db_snapshot_part *part)
{
    fi_os_mutex_assert_held(&part->mutex);
    /* A line keeps its intervals while it has a reference, so their address identifies it. */
    return part->image == fi_db_image(db) &&
           part->line->intervals ==
               atomic_load_explicit(&part->image->history.now_intervals, memory_order_seq_cst);
}

/* Releases references; whether the image is to be retired, without the state mutex. */
static bool
release_locked(struct firn_db *db, struct fi_db_image *image, struct fi_db_line *line)
{
    fi_os_mutex_assert_held(&db->state_mutex);
    DCHECK(image->user_count > 0);
    image->user_count--;
    if (line != NULL) {
        fi_history_unref(&image->history, line);
    }
    return image->user_count == 0 && image != fi_db_image(db);
}

/* Releases the references of a part that has no users, and either has old ones or must give up
 * all. Whether its image is to be retired. */
static bool
release_part_locked(struct firn_db *db, struct fi_db_snapshot_part *part, bool is_all)
{
    fi_os_mutex_lock(&part->mutex);
    struct fi_db_image *image = part->image;
    struct fi_db_line *line = part->line;
    bool is_due = line != NULL && part->users == 0 && (is_all || !is_present(db, part));
    if (is_due) {
        part->image = NULL;
        part->line = NULL;
    }
    fi_os_mutex_unlock(&part->mutex);
    return is_due && release_locked(db, image, line);
}

void
fi_db_snapshot_list_release_old(struct firn_db *db)
{
    fi_os_mutex_assert_held(&db->state_mutex);
    for (unsigned i = 0; i < FI_DB_SNAPSHOT_PARTS; i++) {
        /* The caller, who has replaced the image, looks whether it is used. */
        (void)release_part_locked(db, &db->snapshots[i], false);
    }
}

void
fi_db_snapshot_list_release_all(struct firn_db *db)
{
    fi_os_mutex_lock(&db->state_mutex);
    for (unsigned i = 0; i < FI_DB_SNAPSHOT_PARTS; i++) {
        CHECK(!release_part_locked(db, &db->snapshots[i], true)); /* (I3) */
    }
    fi_os_mutex_unlock(&db->state_mutex);
}

/* ---- one snapshot ---- */

static struct fi_db_snapshot_part *
part_of_thread(struct firn_db *db)
{
    return &db->snapshots[fi_epoch_first_slot() % FI_DB_SNAPSHOT_PARTS];
}

static void
link_node(struct fi_db_snapshot_part *part, struct fi_db_snapshot_node *node,
          struct fi_db_line *line, uint64_t sequence)
{
    fi_os_mutex_assert_held(&part->mutex);
    DCHECK(node->next == NULL && node->previous == NULL && node->part == NULL);
    node->line = line;
    node->sequence =
        line != NULL && line->begin > 1 && sequence < line->begin ? line->begin : sequence;
    node->snapshot = fi_history_snapshot(line, sequence);
    node->part = part;
    node->previous = NULL;
    node->next = part->first;
    if (part->first != NULL) {
        part->first->previous = node;
    }
    part->first = node;
}

static void
share(struct fi_db_snapshot_part *part, struct fi_db_snapshot_node *node, uint64_t sequence)
{
    node->image = part->image;
    node->is_shared = true;
    part->users++;
    link_node(part, node, part->line, sequence);
}

bool
fi_db_snapshot_list_add_now(struct firn_db *db, struct fi_db_snapshot_node *node)
{
    struct fi_db_snapshot_part *part = part_of_thread(db);
    uint64_t sequence;
    fi_os_mutex_lock(&part->mutex);
    node->time_ms = fi_db_time_ms(db);
    bool is_found = part->line != NULL && part->image == fi_db_image(db) &&
                    fi_db_snapshot_find_now(db, part->image, &sequence) == part->line->intervals;
    if (is_found) {
        share(part, node, sequence);
    }
    fi_os_mutex_unlock(&part->mutex);
    return is_found;
}

bool
fi_db_snapshot_list_add_copy(struct firn_db *db, struct fi_db_snapshot_node *node,
                             const struct fi_db_snapshot_node *of)
{
    struct fi_db_snapshot_part *part = part_of_thread(db);
    fi_os_mutex_lock(&part->mutex);
    bool is_found = of->line != NULL && part->line == of->line && part->image == of->image;
    if (is_found) {
        share(part, node, of->sequence);
    }
    fi_os_mutex_unlock(&part->mutex);
    return is_found;
}

int
fi_db_snapshot_list_add_locked(struct firn_db *db, struct fi_db_snapshot_node *node,
                               struct fi_db_line *line, uint64_t sequence, firn_error *err)
{
    struct fi_db_snapshot_part *part = part_of_thread(db);
    struct fi_db_image *image = node->image;
    fi_os_mutex_assert_held(&db->state_mutex);
    FI_TRY_RETURN(line != NULL ? fi_history_ref(line, err) : FIRN_OK);
    image->user_count++;
    fi_os_mutex_lock(&part->mutex);
    if (part->line == NULL && line == image->history.now && image == fi_db_image(db)) {
        part->image = image;
        part->line = line;
        share(part, node, sequence);
    } else {
        link_node(part, node, line, sequence);
    }
    DCHECK(part->line == NULL || part->users > 0 || is_present(db, part)); /* (I3) */
    fi_os_mutex_unlock(&part->mutex);
    return FIRN_OK;
}

bool
fi_db_snapshot_list_remove(struct firn_db *db, struct fi_db_snapshot_node *node)
{
    struct fi_db_snapshot_part *part = node->part;
    fi_os_mutex_lock(&part->mutex);
    DCHECK(node->previous != NULL || part->first == node);
    if (node->previous != NULL) {
        node->previous->next = node->next;
    } else {
        part->first = node->next;
    }
    if (node->next != NULL) {
        node->next->previous = node->previous;
    }
    DCHECK(!node->is_shared || (part->users > 0 && part->line == node->line)); /* (I2) */
    part->users -= node->is_shared ? 1 : 0;
    bool has_to_release = !node->is_shared || (part->users == 0 && !is_present(db, part));
    fi_os_mutex_unlock(&part->mutex);
    if (!has_to_release) {
        return false;
    }
    fi_os_mutex_lock(&db->state_mutex);
    bool is_last = node->is_shared ? release_part_locked(db, part, false)
                                   : release_locked(db, node->image, node->line);
    fi_os_mutex_unlock(&db->state_mutex);
    return is_last;
}
