/* SPDX-License-Identifier: Apache-2.0
 *
 * remote/remote_prune.c: removing what nothing needs, beside machines that push and prune.
 *
 *   1. list the files that are there, then look at the states: what was listed and no state names
 *      is an orphan
 *   2. publish: what the caller removes and kills; orphans are doomed; what an earlier state doomed
 *      is killed
 *   3. remove what the state says is dead, and publish that it is gone
 *   4. remove states that are old and before the second newest full one
 *
 * A prune that dies leaves dead files in the state, and the next one removes them. An orphan is
 * killed by the prune after the one that dooms it, so its pusher has a state to add it in.
 */
#include <string.h>

#include "base/slice.h"
#include "remote/remote.h"
#include "remote/remote_internal.h"

/* Objects of the bucket; value: nothing. */
struct listing {
    struct fi_remote_table table;
    int64_t age_min_s;
    firn_error *err;
};

static int
note_object(void *ctx, const struct fi_bucket_object *object)
{
    struct listing *listing = ctx;
    if (object->age_s < listing->age_min_s || !fi_bucket_is_name(object->name)) {
        return FIRN_OK;
    }
    return fi_remote_table_put(&listing->table, firn_str(object->name), firn_bytes(NULL, 0), 0,
                               listing->err);
}

/* All objects with the prefix that are at least so old. */
static int
list_objects(struct fi_remote *remote, const char *prefix, struct listing *listing, firn_error *err)
{
    listing->err = err;
    return fi_bucket_list(remote->bucket, prefix, NULL, note_object, listing, err);
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

/* What comes before the second newest full state serves nobody but a machine that slept. */
static int
remove_old_states(struct fi_remote *remote, int64_t age_min_s, firn_error *err)
{
    uint64_t number = remote->state.number;
    uint64_t newest_full = number - number % FI_REMOTE_FULL_EVERY;
    if (newest_full <= FI_REMOTE_FULL_EVERY) {
        return FIRN_OK;
    }
    uint64_t first_kept = newest_full - FI_REMOTE_FULL_EVERY;
    struct listing listing = {.age_min_s = age_min_s};
    int rc;
    FI_TRY(list_objects(remote, "states/", &listing, err));
    for (size_t i = 0; i < listing.table.count; i++) {
        char name[FI_BUCKET_NAME_SIZE_MAX + 1];
        fi_remote_file_name(&listing.table.items[i], name);
        uint64_t old = fi_remote_state_number(name);
        if (old != 0 && old < first_kept) {
            FI_TRY(fi_bucket_remove(remote->bucket, name, err));
        }
    }
out:
    fi_remote_table_deinit(&listing.table);
    return rc;
}

int
fi_remote_prune(struct fi_remote *remote, const struct fi_remote_prune_options *options,
                fi_remote_plan *plan, void *ctx, firn_error *err)
{
    struct listing listing = {.age_min_s = options->orphan_age_s};
    struct pruning pruning = {.plan = plan, .ctx = ctx, .there = &listing.table};
    int rc;
    if (options->state_age_s < FI_REMOTE_STATE_AGE_MIN_S) {
        return fi_error_set(err, FIRN_INVALID, "states of a remote have to be kept for %d hours",
                            FI_REMOTE_STATE_AGE_MIN_S / 3600 + 1);
    }
    FI_TRY(list_objects(remote, "packs/", &listing, err));
    FI_TRY(list_objects(remote, "runs/", &listing, err));
    FI_TRY(fi_remote_push(remote, plan_removal, &pruning, err));
    FI_TRY(remove_dead(remote, err));
    rc = remove_old_states(remote, options->state_age_s, err);
out:
    fi_remote_table_deinit(&listing.table);
    return rc;
}
