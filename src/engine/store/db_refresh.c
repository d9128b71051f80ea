/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_refresh.c: moving a read-only handle to the newest state.
 *
 * A whole new image is opened and replayed beside the present one and then put in its place.
 * Cursors and views keep the image in which they were opened; it is closed, and the writer told so
 * by the lock that goes with it, when the last of them is closed. Readings of single keys are no
 * users in that sense: they are inside the epoch while they use the image, and an image is closed
 * only when all have left that were inside when it was replaced.
 *
 * Locking: the state mutex guards the counts of users and the moment of replacement.
 */
#include "base/check.h"
#include "store/db_internal.h"

static void
release(struct firn_epoch_node *node)
{
    firn_db_image_abandon((void *)((char *)node - offsetof(struct firn_db_image, retired)));
}

void
firn_db_refresh_retire(struct firn_db *db, struct firn_db_image *image)
{
    DCHECK(db->is_read_only && image != firn_db_image(db));
    DCHECK(image->user_count == 0);
    firn_epoch_retire(&db->epoch, &image->retired, release);
    firn_epoch_reclaim(&db->epoch);
}

int
firn_db_refresh(struct firn_db *db, firn_error *err)
{
    struct firn_db_image *image;
    if (!db->is_read_only) {
        return FIRN_OK;
    }
    int rc = firn_db_replay(db, &image, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    firn_os_mutex_lock(&db->state_mutex);
    struct firn_db_image *old = firn_db_image(db);
    DCHECK(old != image && image->user_count == 0);
    if (image->last_sequence < old->last_sequence) {
        /* A writer that has just opened a store hides, until it has read the fence away, what the
         * one before it left; a handle that has seen that goes on seeing it. */
        firn_os_mutex_unlock(&db->state_mutex);
        firn_db_image_abandon(image);
        return FIRN_OK;
    }
    atomic_store_explicit(&db->image, image, memory_order_seq_cst);
    bool is_unused = old->user_count == 0;
    firn_os_mutex_unlock(&db->state_mutex);
    if (is_unused) {
        firn_db_refresh_retire(db, old);
    }
    return FIRN_OK;
}
