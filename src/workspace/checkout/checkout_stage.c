/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_stage.c: writing everything new beside its target.
 *
 * First the directories, one after the other in the order of the walk: a directory whose parent
 * exists gets a temporary name (it is a "new root"), one below a new root its own name. Then files
 * and links, on all threads. Then the further names of hard-linked files: each is linked to the
 * staged first name of its group, or, if that did not change, to the one on disk.
 *
 * Directories are made with mode 0700 and get their own metadata at the very end, when their
 * contents are complete.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "checkout/checkout_internal.h"

struct staging {
    struct fi_checkout *checkout;
    struct fi_checkout_place place;
    struct fi_checkout_place source;
    struct fi_os_dir *dir; /* opened last */
    struct fi_buf dir_path;
};

static void
staging_deinit(struct staging *staging)
{
    fi_buf_deinit(&staging->place.dir);
    fi_buf_deinit(&staging->source.dir);
    fi_os_dir_close(staging->dir);
    fi_buf_deinit(&staging->dir_path);
    fi_free(staging);
}

static struct staging *
staging_create(struct fi_checkout *checkout, firn_error *err)
{
    struct staging *staging = fi_alloc_zeroed(sizeof *staging);
    if (staging == NULL) {
        (void)fi_error_no_memory(err, "a restore");
        return NULL;
    }
    staging->checkout = checkout;
    return staging;
}

/* Walks with a new staging, which the visitors find in checkout->staging. */
static int
checkout_stage_walk(struct fi_checkout *checkout,
                    int (*visit)(void *ctx, const struct fi_difference_walk_change *change,
                                 firn_error *err),
                    firn_error *err)
{
    DCHECK(checkout->staging == NULL && checkout->batch == NULL);
    checkout->staging = staging_create(checkout, err);
    if (checkout->staging == NULL) {
        return FIRN_NO_MEMORY;
    }
    int rc = fi_checkout_walk(checkout, visit, err);
    staging_deinit(checkout->staging);
    checkout->staging = NULL;
    return rc;
}

static int
open_place(struct staging *staging, const struct fi_checkout_place *place, firn_error *err)
{
    return fi_checkout_dir_open(staging->checkout, &place->dir, &staging->dir, &staging->dir_path,
                                err);
}

/* If the system refuses an entry, it stays as it is, and everything else continues. */
static int
leave_if_refused(struct fi_checkout *checkout, firn_slice path, int rc, const firn_error *cause,
                 firn_error *err)
{
    if (!checkout->into_empty && fi_checkout_able_is_refusal(rc)) {
        return fi_checkout_left_behind(checkout, path, cause->text, err);
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = *cause;
    }
    return rc;
}

static int
make_dir(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct fi_checkout *checkout = ctx;
    struct staging *staging = checkout->staging;
    if (!fi_checkout_walk_makes_dir(change)) {
        return FIRN_OK;
    }
    int rc;
    DCHECK(!fi_checkout_left_has(checkout, change->path)); /* (I5) of checkout_left.c */
    FI_TRY(fi_checkout_progress(checkout, 0, 0, err));
    FI_TRY(fi_checkout_place_staged(checkout, change->path, &staging->place, err));
    if (!staging->place.is_direct) {
        FI_TRY(fi_checkout_place_add_new_root(checkout, change->path, err));
    }
    firn_error cause;
    rc = open_place(staging, &staging->place, &cause);
    if (rc == FIRN_OK) {
        rc = fi_os_make_dir(staging->dir, staging->place.name, 0700, &cause);
    }
    rc = leave_if_refused(checkout, change->path, rc, &cause, err);
out:
    return rc;
}

static int
write_one(struct fi_checkout_worker *worker, firn_slice path, const struct fi_tree_entry *entry,
          firn_error *err)
{
    if (entry->hard_link.size > 0) {
        return FIRN_OK;
    }
    struct fi_checkout *checkout = worker->checkout;
    int rc;
    FI_TRY(fi_checkout_place_staged(checkout, path, &worker->place, err));
    firn_error cause;
    rc =
        fi_checkout_dir_open(checkout, &worker->place.dir, &worker->dir, &worker->dir_path, &cause);
    if (rc != FIRN_OK) {
        return leave_if_refused(checkout, path, rc, &cause, err);
    }
    DCHECK(worker->place.is_direct ||
           fi_tree_reserved_is_temporary(firn_str(worker->place.name))); /* (I2) of checkout.c */
    struct fi_checkout_write_target target = {.dir = worker->dir,
                                              .name = worker->place.name,
                                              .path = path,
                                              .may_inherit = !worker->place.is_direct};
    rc = fi_checkout_write_entry(worker->write, &target, entry, &cause);
    rc = leave_if_refused(checkout, path, rc, &cause, err);
out:
    return rc;
}

/* Links place to source; FIRN_NOT_FOUND if there is no source. */
static int
link_places(struct staging *staging, firn_error *err)
{
    struct fi_os_dir *source = NULL;
    int rc;
    FI_TRY(fi_os_dir_open_beneath(staging->checkout->options.root,
                                  (const char *)staging->source.dir.data, &source, err));
    FI_TRY(open_place(staging, &staging->place, err));
    FI_TRY(fi_os_link(source, staging->source.name, staging->dir, staging->place.name, err));
out:
    fi_os_dir_close(source);
    return rc;
}

/* A name that became a file of its own has been written already, unless its link target was left
 * alone only when writing that target failed. */
static int
check_was_written(struct staging *staging, const struct fi_difference_walk_change *change,
                  firn_error *err)
{
    struct fi_os_stat stat;
    int rc;
    FI_TRY(fi_checkout_place_staged(staging->checkout, change->path, &staging->place, err));
    FI_TRY(open_place(staging, &staging->place, err));
    rc = fi_os_stat(staging->dir, staging->place.name, &stat, err);
    if (rc == FIRN_NOT_FOUND) {
        rc = fi_checkout_left_behind(staging->checkout, change->path,
                                     "the first name of the file could not be restored", err);
    }
out:
    return rc;
}

static int
link_one(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct fi_checkout *checkout = ctx;
    struct staging *staging = checkout->staging;
    if (!fi_checkout_walk_needs_content(change)) {
        return FIRN_OK;
    }
    firn_slice first = fi_checkout_batch_link_of(checkout, change->after);
    if (first.size == 0) {
        return change->after->hard_link.size > 0 ? check_was_written(staging, change, err)
                                                 : FIRN_OK;
    }
    int rc;
    firn_error cause;
    FI_TRY(fi_checkout_place_staged(checkout, change->path, &staging->place, err));
    FI_TRY(fi_checkout_place_staged(checkout, first, &staging->source, err));
    rc = link_places(staging, &cause);
    if (rc == FIRN_NOT_FOUND && !staging->source.is_direct) {
        FI_TRY(fi_checkout_place_final(first, &staging->source, err));
        rc = link_places(staging, &cause);
    }
    rc = leave_if_refused(checkout, change->path, rc, &cause, err);
out:
    return rc;
}

int
fi_checkout_stage(struct fi_checkout *checkout, firn_error *err)
{
    DCHECK(checkout->new_roots.count == 0 && checkout->dirs == NULL &&
           checkout->removed_dirs.size == 0);
    FI_TRY_RETURN(checkout_stage_walk(checkout, make_dir, err));
    FI_TRY_RETURN(fi_checkout_batch_run(checkout, "write", write_one, err));
    return checkout_stage_walk(checkout, link_one, err);
}

/* ---- taking back what was staged ---- */

static int
remove_staged(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct fi_checkout *checkout = ctx;
    struct staging *staging = checkout->staging;
    bool is_new_root =
        fi_checkout_walk_makes_dir(change) && fi_checkout_place_is_new_root(checkout, change->path);
    if (!is_new_root && !fi_checkout_walk_needs_content(change)) {
        return FIRN_OK;
    }
    int rc;
    FI_TRY(fi_checkout_place_staged(checkout, change->path, &staging->place, err));
    if (staging->place.is_direct) {
        return FIRN_OK;
    }
    CHECK(fi_tree_reserved_is_temporary(firn_str(staging->place.name))); /* ours alone */
    if (is_new_root) {
        rc = fi_checkout_clear_place(checkout, &staging->place, err);
    } else {
        FI_TRY(open_place(staging, &staging->place, err));
        rc = fi_os_remove_file(staging->dir, staging->place.name, err);
    }
out:
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Sets back the times of directories that temporary names have moved. Directories of other users
 * are left: only their owners may set the times. */
static int
set_time_back(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct fi_checkout *checkout = ctx;
    struct staging *staging = checkout->staging;
    if (change->before == NULL || change->before->kind != FI_TREE_DIR || !change->is_entered) {
        return FIRN_OK;
    }
    fi_buf_clear(&staging->place.dir);
    if (fi_buf_append_slice(&staging->place.dir, change->path) != FIRN_OK ||
        fi_buf_text(&staging->place.dir) == NULL) {
        return fi_error_no_memory(err, "a path");
    }
    int rc = open_place(staging, &staging->place, err);
    if (rc == FIRN_OK) {
        rc = fi_os_set_mtime((struct fi_os_node){.dir = staging->dir}, change->before->mtime_ns,
                             err);
    }
    return rc == FIRN_NOT_FOUND || rc == FIRN_DENIED ? FIRN_OK : rc;
}

void
fi_checkout_stage_undo(struct fi_checkout *checkout)
{
    int rc;
    DCHECK(!checkout->progress.is_finishing); /* moved entries cannot be taken back here */
    if (checkout->into_empty) {
        CHECK(checkout->options.before.root == NULL); /* everything there is removed */
        struct fi_buf path = {0};
        rc = fi_checkout_clear_tree(checkout->options.root, &path, 0, NULL);
        fi_buf_deinit(&path);
    } else {
        FI_TRY(checkout_stage_walk(checkout, remove_staged, NULL));
        FI_TRY(checkout_stage_walk(checkout, set_time_back, NULL));
        FI_TRY(fi_checkout_dir_tighten(checkout, true, NULL));
    }
out:
    checkout->is_undone = rc == FIRN_OK;
}
