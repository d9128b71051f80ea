/* SPDX-License-Identifier: Apache-2.0
 *
 * remote/remote_prune.c: removing what nothing needs, beside machines that push and prune.
 *
 *   1. look at the states; list the files that are there and that they do not name, then look at
 *      the states again: what was listed and no state names is an orphan
 *   2. publish: what the caller removes and kills; orphans are doomed; what an earlier state doomed
 *      is killed
 *   3. remove what the state says is dead, and publish that it is gone
 *   4. remove states that are old and before the second newest full one
 *
 * A prune that dies leaves dead files in the state, and the next one removes them. An orphan is
 * killed by the prune after the one that dooms it, so its pusher has a state to add it in.
 *
 * A prune notes a bounded number of orphans and of old states; the next one goes on. So a bucket
 * with millions of objects that are not ours costs no memory, and the limits of a state leave room
 * for what is doomed.
 */
#include <string.h>

#include "base/mem.h"
#include "base/slice.h"
#include "remote/remote.h"
#include "remote/remote_internal.h"

enum { OLD_STATES_MAX = 10000 };

/* Files of the bucket that no state names; value: nothing. */
struct listing {
    const struct fi_remote *remote;
    struct fi_remote_table table;
    uint64_t bytes; /* that they may take in a state */
    uint64_t listed;
    int64_t age_min_s;
    bool is_full;
    firn_error *err;
};

static int
note_object(void *ctx, const struct fi_bucket_object *object)
{
    struct listing *listing = ctx;
    firn_slice name = firn_str(object->name);
    if (++listing->listed > FI_REMOTE_LISTED_MAX) {
        return fi_remote_too_many_listed(listing->err);
    }
    if (object->age_s < listing->age_min_s || !fi_bucket_is_name(object->name) ||
        fi_remote_table_find(&listing->remote->state.files, name) != NULL) {
        return FIRN_OK;
    }
    listing->bytes += name.size + 8;
    listing->is_full = listing->table.count == FI_REMOTE_ITEMS_RESERVE / 2 ||
                       listing->bytes > FI_REMOTE_SIZE_RESERVE / 2;
    return listing->is_full
               ? FIRN_LIMIT
               : fi_remote_table_put(&listing->table, name, firn_bytes(NULL, 0), 0, listing->err);
}

/* Files with the prefix that are at least so old; not all, if there are many. */
static int
list_orphans(const struct fi_remote *remote, const char *prefix, struct listing *listing,
             firn_error *err)
{
    listing->err = err;
    if (listing->is_full) {
        return FIRN_OK;
    }
    int rc = fi_bucket_list(remote->bucket, prefix, NULL, note_object, listing, err);
    return listing->is_full ? FIRN_OK : rc;
}

/* ==== steps 1 and 2 ==== */

/* Adds to the caller's change what follows from the present state. */
static int
complete_change(struct fi_remote *remote, const struct fi_remote_table *there,
                struct fi_remote_change *change, firn_error *err)
{
    const struct fi_remote_table *files = &remote->state.files;
    for (size_t i = 0; i < there->count; i++) {
        firn_slice name = there->items[i].key;
        if (fi_remote_table_find(files, name) == NULL) {
            FI_TRY_RETURN(fi_remote_table_put(&change->doomed, name, firn_bytes(NULL, 0),
                                              FI_REMOTE_DOOMED, err));
        }
    }
    for (size_t i = 0; i < files->count; i++) {
        const struct fi_remote_item *file = &files->items[i];
        if (file->status == FI_REMOTE_DOOMED &&
            fi_remote_table_find(&change->added, file->key) == NULL) {
            FI_TRY_RETURN(
                fi_remote_table_put(&change->killed, file->key, firn_bytes(NULL, 0), 0, err));
        }
    }
    return FIRN_OK;
}

struct pruning {
    fi_remote_plan *plan;
    void *ctx;
    const struct fi_remote_table *there;
};

static int
plan_removal(void *ctx, struct fi_remote *remote, struct fi_remote_change *change, firn_error *err)
{
    struct pruning *pruning = ctx;
    FI_TRY_RETURN(pruning->plan(pruning->ctx, remote, change, err));
    return complete_change(remote, pruning->there, change, err);
}

/* ==== step 3 ==== */

static int
plan_gone(void *ctx, struct fi_remote *remote, struct fi_remote_change *change, firn_error *err)
{
    const struct fi_remote_table *removed = ctx;
    for (size_t i = 0; i < removed->count; i++) {
        firn_slice name = removed->items[i].key;
        const struct fi_remote_item *file = fi_remote_table_find(&remote->state.files, name);
        if (file != NULL && file->status == FI_REMOTE_DEAD) {
            FI_TRY_RETURN(fi_remote_table_put(&change->gone, name, firn_bytes(NULL, 0), 0, err));
        }
    }
    return FIRN_OK;
}

static int
remove_dead(struct fi_remote *remote, firn_error *err)
{
    struct fi_remote_table removed = {NULL, 0, 0};
    firn_error refused = {.code = FIRN_OK};
    int refused_rc = FIRN_OK;
    int rc = FIRN_OK;
    for (size_t i = 0; i < remote->state.files.count; i++) {
        const struct fi_remote_item *file = &remote->state.files.items[i];
        if (file->status == FI_REMOTE_DEAD) {
            char name[FI_BUCKET_NAME_SIZE_MAX + 1];
            fi_remote_file_name(file, name);
            /* (M2) of remote_state.h: it stays dead, whatever other machines publish. */
            rc = fi_bucket_remove(remote->bucket, name, err);
            if (rc == FIRN_DENIED) { /* such as by a lock on this object; the others go on */
                refused_rc = rc;
                if (err != NULL) {
                    refused = *err;
                }
                continue;
            }
            FI_TRY(rc);
            FI_TRY(fi_remote_table_put(&removed, file->key, firn_bytes(NULL, 0), 0, err));
        }
    }
    if (removed.count > 0) {
        rc = fi_remote_push(remote, plan_gone, &removed, err);
    } else {
        rc = FIRN_OK;
    }
    if (rc == FIRN_OK && refused_rc != FIRN_OK) {
        fi_error_copy(err, &refused);
        rc = refused_rc;
    }
out:
    fi_remote_table_deinit(&removed);
    return rc;
}

/* ==== step 4 ==== */

struct old_states {
    uint64_t *numbers; /* OLD_STATES_MAX */
    size_t count;
    uint64_t first_kept;
    uint64_t listed;
    int64_t age_min_s;
    bool is_complete; /* what follows is not wanted */
};

static int
note_old_state(void *ctx, const struct fi_bucket_object *object)
{
    struct old_states *old = ctx;
    uint64_t number = fi_remote_state_number(object->name);
    old->is_complete = number >= old->first_kept || old->count == OLD_STATES_MAX;
    if (old->is_complete || ++old->listed > FI_REMOTE_LISTED_MAX) {
        return FIRN_LIMIT;
    }
    if (number != 0 && object->age_s >= old->age_min_s) {
        old->numbers[old->count++] = number;
    }
    return FIRN_OK;
}

/* What comes before the second newest full state serves nobody but a machine that slept. */
static int
remove_old_states(struct fi_remote *remote, int64_t age_min_s, firn_error *err)
{
    uint64_t number = remote->state.number;
    uint64_t newest_full = number - number % FI_REMOTE_FULL_EVERY;
    if (newest_full <= FI_REMOTE_FULL_EVERY) {
        return FIRN_OK;
    }
    struct old_states old = {.numbers = fi_alloc_array(OLD_STATES_MAX, sizeof(uint64_t)),
                             .first_kept = newest_full - FI_REMOTE_FULL_EVERY,
                             .age_min_s = age_min_s};
    if (old.numbers == NULL) {
        return fi_error_no_memory(err, "the numbers of old states");
    }
    int rc = fi_bucket_list(remote->bucket, "states/", NULL, note_old_state, &old, err);
    if (rc == FIRN_LIMIT) {
        rc = old.is_complete ? FIRN_OK : fi_remote_too_many_listed(err);
    }
    for (size_t i = 0; i < old.count && rc == FIRN_OK; i++) {
        char name[FI_REMOTE_STATE_NAME_SIZE];
        fi_remote_state_name(old.numbers[i], name);
        rc = fi_bucket_remove(remote->bucket, name, err);
    }
    fi_free(old.numbers);
    return rc;
}

int
fi_remote_prune(struct fi_remote *remote, const struct fi_remote_prune_options *options,
                fi_remote_plan *plan, void *ctx, firn_error *err)
{
    struct listing listing = {.remote = remote, .age_min_s = options->orphan_age_s};
    struct pruning pruning = {.plan = plan, .ctx = ctx, .there = &listing.table};
    int rc;
    if (options->state_age_s < FI_REMOTE_STATE_AGE_MIN_S) {
        return fi_error_set(err, FIRN_INVALID, "states of a remote have to be kept for %d hours",
                            FI_REMOTE_STATE_AGE_MIN_S / 3600 + 1);
    }
    FI_TRY(fi_remote_sync(remote, err));
    FI_TRY(list_orphans(remote, "packs/", &listing, err));
    FI_TRY(list_orphans(remote, "runs/", &listing, err));
    FI_TRY(fi_remote_push(remote, plan_removal, &pruning, err));
    FI_TRY(remove_dead(remote, err));
    rc = remove_old_states(remote, options->state_age_s, err);
out:
    fi_remote_table_deinit(&listing.table);
    return rc;
}
