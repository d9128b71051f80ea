/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_stage.c: writing everything that is new beside where it will go.
 *
 * First the directories, one after the other in the order of the walk: a directory whose parent is
 * there already gets a temporary name (it is a "new root"), one below it its own. Then files and
 * links, on all threads. Then the further names of hard-linked files: a name is linked to the
 * staged first name of its group, or, where that did not change, to the one that is on disk.
 *
 * Directories are made with mode 0700 and get their own metadata at the very end, when nothing will
 * be made in them any more.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "checkout/checkout_able.h"
#include "checkout/checkout_internal.h"

static bool
makes_dir(const struct firn_difference_walk_change *change)
{
    return change->after != NULL && change->after->kind == FIRN_TREE_DIR &&
           (change->kind == FIRN_DIFFERENCE_WALK_ADDED ||
            (change->what & FIRN_DIFFERENCE_WALK_TYPE) != 0);
}

struct staging {
    struct firn_checkout *apply;
    struct firn_checkout_place place;
    struct firn_checkout_place source;
    struct firn_os_dir *dir; /* opened last */
    struct firn_buf dir_path;
};

static void
staging_deinit(struct staging *staging)
{
    firn_buf_deinit(&staging->place.dir);
    firn_buf_deinit(&staging->source.dir);
    firn_os_dir_close(staging->dir);
    firn_buf_deinit(&staging->dir_path);
    firn_free(staging);
}

static struct staging *
staging_create(struct firn_checkout *apply, firn_error *err)
{
    struct staging *staging = firn_alloc_zeroed(sizeof *staging);
    if (staging == NULL) {
        (void)firn_error_no_memory(err, "a restore");
        return NULL;
    }
    staging->apply = apply;
    return staging;
}

/* Walks with a staging of its own: apply->staging is where the visitors find it. */
static int
walk(struct firn_checkout *apply,
     int (*visit)(void *ctx, const struct firn_difference_walk_change *change, firn_error *err),
     firn_error *err)
{
    DCHECK(apply->staging == NULL && apply->batch == NULL);
    apply->staging = staging_create(apply, err);
    if (apply->staging == NULL) {
        return FIRN_NO_MEMORY;
    }
    int rc = firn_checkout_walk(apply, visit, err);
    staging_deinit(apply->staging);
    apply->staging = NULL;
    return rc;
}

static int
open_place(struct staging *staging, const struct firn_checkout_place *place, firn_error *err)
{
    return firn_checkout_open_dir(staging->apply, &place->dir, &staging->dir, &staging->dir_path,
                                  err);
}

/* What the system does not let us make stays as it is; all else goes on. */
static int
leave_if_refused(struct firn_checkout *apply, firn_slice path, int rc, const firn_error *cause,
                 firn_error *err)
{
    if (!apply->into_empty && firn_checkout_able_is_refusal(rc)) {
        return firn_checkout_left_behind(apply, path, cause->text, err);
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = *cause;
    }
    return rc;
}

static int
make_dir(void *ctx, const struct firn_difference_walk_change *change, firn_error *err)
{
    struct firn_checkout *apply = ctx;
    struct staging *staging = apply->staging;
    if (!makes_dir(change) || change->path.size == 0) {
        return FIRN_OK;
    }
    int rc;
    DCHECK(!firn_checkout_left_has(apply, change->path)); /* (I1) of checkout_left.c */
    FIRN_TRY(firn_checkout_progress(apply, 0, 0, err));
    FIRN_TRY(firn_checkout_staged_place(apply, change->path, &staging->place, err));
    if (!staging->place.is_direct) {
        FIRN_TRY(firn_checkout_add_new_root(apply, change->path, err));
    }
    firn_error cause;
    rc = open_place(staging, &staging->place, &cause);
    if (rc == FIRN_OK) {
        rc = firn_os_make_dir(staging->dir, staging->place.name, 0700, &cause);
    }
    rc = leave_if_refused(apply, change->path, rc, &cause, err);
out:
    return rc;
}

static int
write_one(struct firn_checkout_worker *worker, firn_slice path, const struct firn_tree_entry *entry,
          firn_error *err)
{
    if (entry->hard_link.size > 0) {
        return FIRN_OK;
    }
    struct firn_checkout *apply = worker->apply;
    int rc;
    FIRN_TRY(firn_checkout_staged_place(apply, path, &worker->place, err));
    firn_error cause;
    rc = firn_checkout_open_dir(apply, &worker->place.dir, &worker->dir, &worker->dir_path, &cause);
    if (rc != FIRN_OK) {
        return leave_if_refused(apply, path, rc, &cause, err);
    }
    DCHECK(worker->place.is_direct ||
           firn_tree_reserved_is_temporary(firn_str(worker->place.name))); /* (I2) of checkout.c */
    struct firn_checkout_write_target target = {.dir = worker->dir,
                                                .name = worker->place.name,
                                                .path = path,
                                                .may_inherit = !worker->place.is_direct};
    rc = firn_checkout_write_entry(worker->write, &target, entry, &cause);
    rc = leave_if_refused(apply, path, rc, &cause, err);
out:
    return rc;
}

/* Links place to source; FIRN_NOT_FOUND if there is no source. */
static int
link_places(struct staging *staging, firn_error *err)
{
    struct firn_os_dir *source = NULL;
    int rc;
    FIRN_TRY(firn_os_dir_open_beneath(staging->apply->options.root,
                                      (const char *)staging->source.dir.data, &source, err));
    FIRN_TRY(open_place(staging, &staging->place, err));
    FIRN_TRY(firn_os_link(source, staging->source.name, staging->dir, staging->place.name, err));
out:
    firn_os_dir_close(source);
    return rc;
}

/* A name that became a file of its own was written, unless the name that it was to be linked to was
 * left only when that could not be written. */
static int
check_was_written(struct staging *staging, const struct firn_difference_walk_change *change,
                  firn_error *err)
{
    struct firn_os_stat stat;
    int rc;
    FIRN_TRY(firn_checkout_staged_place(staging->apply, change->path, &staging->place, err));
    FIRN_TRY(open_place(staging, &staging->place, err));
    rc = firn_os_stat(staging->dir, staging->place.name, &stat, err);
    if (rc == FIRN_NOT_FOUND) {
        rc = firn_checkout_left_behind(staging->apply, change->path,
                                       "the first name of the file could not be restored", err);
    }
out:
    return rc;
}

static int
link_one(void *ctx, const struct firn_difference_walk_change *change, firn_error *err)
{
    struct firn_checkout *apply = ctx;
    struct staging *staging = apply->staging;
    if (!firn_checkout_needs_content(change)) {
        return FIRN_OK;
    }
    firn_slice first = firn_checkout_batch_link_of(apply, change->after);
    if (first.size == 0) {
        return change->after->hard_link.size > 0 ? check_was_written(staging, change, err)
                                                 : FIRN_OK;
    }
    int rc;
    firn_error cause;
    FIRN_TRY(firn_checkout_staged_place(apply, change->path, &staging->place, err));
    FIRN_TRY(firn_checkout_staged_place(apply, first, &staging->source, err));
    rc = link_places(staging, &cause);
    if (rc == FIRN_NOT_FOUND && !staging->source.is_direct) {
        FIRN_TRY(firn_checkout_final_place(first, &staging->source, err));
        rc = link_places(staging, &cause);
    }
    rc = leave_if_refused(apply, change->path, rc, &cause, err);
out:
    return rc;
}

int
firn_checkout_stage(struct firn_checkout *apply, firn_error *err)
{
    DCHECK(apply->new_roots.count == 0 && apply->dirs == NULL && apply->removed_dirs.size == 0);
    int rc;
    FIRN_TRY(walk(apply, make_dir, err));
    FIRN_TRY(firn_checkout_batch_run(apply, "write", write_one, err));
    FIRN_TRY(walk(apply, link_one, err));
out:
    return rc;
}

/* ---- taking it back ---- */

static int
remove_staged(void *ctx, const struct firn_difference_walk_change *change, firn_error *err)
{
    struct firn_checkout *apply = ctx;
    struct staging *staging = apply->staging;
    bool is_new_root = makes_dir(change) && firn_checkout_is_new_root(apply, change->path);
    if (!is_new_root && !firn_checkout_needs_content(change)) {
        return FIRN_OK;
    }
    int rc;
    FIRN_TRY(firn_checkout_staged_place(apply, change->path, &staging->place, err));
    if (staging->place.is_direct) {
        return FIRN_OK;
    }
    CHECK(firn_tree_reserved_is_temporary(firn_str(staging->place.name))); /* nobody else's */
    if (is_new_root) {
        rc = firn_checkout_clear_place(apply, &staging->place, err);
    } else {
        FIRN_TRY(open_place(staging, &staging->place, err));
        rc = firn_os_remove_file(staging->dir, staging->place.name, err);
    }
out:
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Names that came and went have moved the times of directories. Those of others are left: only they
 * may set them. */
static int
set_time_back(void *ctx, const struct firn_difference_walk_change *change, firn_error *err)
{
    struct firn_checkout *apply = ctx;
    struct staging *staging = apply->staging;
    if (change->before == NULL || change->before->kind != FIRN_TREE_DIR || !change->is_entered) {
        return FIRN_OK;
    }
    firn_buf_clear(&staging->place.dir);
    if (firn_buf_append_slice(&staging->place.dir, change->path) != FIRN_OK ||
        firn_buf_text(&staging->place.dir) == NULL) {
        return firn_error_no_memory(err, "a path");
    }
    int rc = open_place(staging, &staging->place, err);
    if (rc == FIRN_OK) {
        rc = firn_os_set_mtime((struct firn_os_node){.dir = staging->dir}, change->before->mtime_ns,
                               err);
    }
    return rc == FIRN_NOT_FOUND || rc == FIRN_DENIED ? FIRN_OK : rc;
}

void
firn_checkout_stage_undo(struct firn_checkout *apply)
{
    int rc;
    DCHECK(!apply->progress.is_finishing); /* what has moved cannot be taken back so */
    if (apply->into_empty) {
        CHECK(apply->options.before.root == NULL); /* all that is there goes */
        struct firn_buf path = {0};
        rc = firn_checkout_clear_tree(apply->options.root, &path, 0, NULL);
        firn_buf_deinit(&path);
    } else {
        FIRN_TRY(walk(apply, remove_staged, NULL));
        FIRN_TRY(walk(apply, set_time_back, NULL));
        FIRN_TRY(firn_checkout_tighten(apply, true, NULL));
    }
out:
    apply->is_undone = rc == FIRN_OK;
}
