/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_swap.c: putting what was staged in place.
 *
 * First everything that will be replaced or removed is looked at once more: if it is not what the
 * tree `before` says, somebody has edited it since it was saved, and the restore is given up before
 * the first rename, with everything as it was. Who edits later than that is not overwritten either
 * (I1): a new file changes places with the old one, which is looked at where it then stands, and
 * goes only if it is the one that was saved; else the two change back. A file to be removed is
 * renamed aside first and looked at there. What was kept so is told and counted; it has its own
 * name, or, where that is taken, one beside it that can be seen (I2). Then, in the order of the
 * walk, staged things are renamed to their final names. Where a type changes, the new and the old
 * thing change places (RENAME_EXCHANGE, or three renames where the file system cannot), so the old
 * one then stands under the temporary name until the deletions, which come last. Where the system
 * refuses one of these steps, what was staged for it is removed and the old thing stays (I3). At the very end
 * directories get their metadata, deepest first, because every change inside one moves its time.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "checkout/checkout_able.h"
#include "checkout/checkout_internal.h"
#include "checkout/checkout_stores.h"

struct swapping {
    struct firn_checkout_place staged;
    struct firn_checkout_place final;
    struct firn_os_dir *dir;
    struct firn_buf dir_path;
    struct firn_buf vanishing; /* path of the directory that became something else, if inside one */
};

static bool
changes_type(const struct firn_difference_walk_change *change)
{
    return change->kind == FIRN_DIFFERENCE_WALK_CHANGED &&
           (change->what & FIRN_DIFFERENCE_WALK_TYPE) != 0;
}

static int
open_final(struct firn_checkout *apply, firn_slice path, firn_error *err)
{
    struct swapping *swapping = apply->swapping;
    int rc = firn_checkout_final_place(path, &swapping->final, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    return firn_checkout_open_dir(apply, &swapping->final.dir, &swapping->dir, &swapping->dir_path,
                                  err);
}

/* ---- nothing was touched meanwhile ---- */

static int
is_touched(firn_slice path, firn_error *err)
{
    return firn_error_set(err, FIRN_CONFLICT,
                          "'%.*s' was changed by somebody else during the restore; nothing was "
                          "changed, run it again",
                          (int)(path.size < 512 ? path.size : 512), (const char *)path.data);
}

/* What is to be added under its own name must find that free; what is built inside a new
 * directory comes with it. */
static int
check_still_free(struct firn_checkout *apply, firn_slice path, firn_error *err)
{
    struct swapping *swapping = apply->swapping;
    struct firn_os_stat stat;
    int rc;
    FIRN_TRY(firn_checkout_staged_place(apply, path, &swapping->staged, err));
    if (swapping->staged.is_direct) {
        return FIRN_OK;
    }
    FIRN_TRY(open_final(apply, path, err));
    rc = firn_os_stat(swapping->dir, swapping->final.name, &stat, err);
    if (rc == FIRN_OK) {
        return is_touched(path, err);
    }
out:
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
check_untouched(void *ctx, const struct firn_difference_walk_change *change, firn_error *err)
{
    struct firn_checkout *apply = ctx;
    if (change->path.size == 0 || change->kind == FIRN_DIFFERENCE_WALK_SAME) {
        return FIRN_OK;
    }
    DCHECK(!apply->progress.is_finishing); /* nothing has moved yet */
    int rc = firn_checkout_progress(apply, 1, 0, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (change->before == NULL) {
        return check_still_free(apply, change->path, err);
    }
    struct firn_os_stat stat;
    rc = open_final(apply, change->path, err);
    if (rc == FIRN_OK) {
        rc = firn_os_stat(apply->swapping->dir, apply->swapping->final.name, &stat, err);
    }
    if (rc == FIRN_OK) {
        (void)firn_checkout_displaced_cut(apply, change, &stat);
    }
    if (rc == FIRN_NOT_FOUND ||
        (rc == FIRN_OK && !firn_checkout_displaced_is_as_before(&stat, change->before))) {
        return is_touched(change->path, err);
    }
    return rc;
}

/* ---- renames ---- */

/* Removes what was staged for an entry that is to stay, and tells why it stays. */
static int
leave_refused(struct firn_checkout *apply, const struct firn_difference_walk_change *change,
              const firn_error *cause, firn_error *err)
{
    struct swapping *swapping = apply->swapping;
    CHECK(firn_tree_reserved_is_temporary(firn_str(swapping->staged.name))); /* (I3) */
    int rc = change->after->kind == FIRN_TREE_DIR
                 ? firn_checkout_clear_place(apply, &swapping->staged, err)
                 : firn_os_remove_file(swapping->dir, swapping->staged.name, err);
    rc = rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    return rc == FIRN_OK ? firn_checkout_left_behind(apply, change->path, cause->text, err) : rc;
}

/* Hands a failure on whose text is in cause. */
static int
pass_on(int rc, const firn_error *cause, firn_error *err)
{
    if (rc != FIRN_OK && err != NULL) {
        *err = *cause;
    }
    return rc;
}

/* Puts a staged file in the place of the old one, unless that is not the old one any more. */
static int
replace(struct firn_checkout *apply, const struct firn_difference_walk_change *change,
        firn_error *err)
{
    struct swapping *swapping = apply->swapping;
    const char *staged = swapping->staged.name;
    const char *final = swapping->final.name;
    bool is_same = true;
    firn_error cause;
    DCHECK(change->before->kind != FIRN_TREE_DIR && change->after->kind != FIRN_TREE_DIR);
    int rc = firn_checkout_exchange(swapping->dir, staged, final, &cause);
    if (firn_checkout_able_is_refusal(rc)) {
        return leave_refused(apply, change, &cause, err);
    }
    rc = pass_on(rc, &cause, err);
    if (rc == FIRN_NOT_FOUND) { /* it is gone: so nothing can be overwritten */
        return firn_os_rename(swapping->dir, staged, swapping->dir, final,
                              FIRN_OS_RENAME_NO_REPLACE, err);
    }
    if (rc == FIRN_OK) {
        rc = firn_checkout_displaced_look(apply, apply->swapping->dir, staged, change, &is_same,
                                          err);
    }
    if (rc == FIRN_OK && !is_same) {
        firn_checkout_displaced_keep(apply, change->path);
        rc = firn_checkout_exchange(swapping->dir, staged, final, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = firn_os_remove_file(swapping->dir, staged, &cause);
    if (firn_checkout_able_is_refusal(rc) && is_same) { /* the old one may not go: back with it */
        rc = firn_checkout_exchange(swapping->dir, staged, final, err);
        return rc == FIRN_OK ? leave_refused(apply, change, &cause, err) : rc;
    }
    return pass_on(rc, &cause, err);
}

static int
put_in_place(struct firn_checkout *apply, const struct firn_difference_walk_change *change,
             firn_error *err)
{
    struct swapping *swapping = apply->swapping;
    int rc;
    DCHECK(apply->progress.is_finishing && !firn_checkout_left_has(apply, change->path));
    FIRN_TRY(firn_checkout_staged_place(apply, change->path, &swapping->staged, err));
    if (swapping->staged.is_direct) {
        return FIRN_OK;
    }
    FIRN_TRY(open_final(apply, change->path, err));
    DCHECK(firn_slice_equal(firn_buf_slice(&swapping->staged.dir),
                            firn_buf_slice(&swapping->final.dir))); /* both names are in dir */
    if (change->kind == FIRN_DIFFERENCE_WALK_CHANGED && !changes_type(change)) {
        return replace(apply, change, err);
    }
    firn_error cause;
    if (changes_type(change)) {
        rc = firn_checkout_exchange(swapping->dir, swapping->staged.name, swapping->final.name,
                                    &cause);
    } else {
        rc = firn_os_rename(swapping->dir, swapping->staged.name, swapping->dir,
                            swapping->final.name, FIRN_OS_RENAME_NO_REPLACE, &cause);
        if (rc == FIRN_EXISTS && change->after->kind != FIRN_TREE_DIR) {
            firn_checkout_displaced_keep(apply, change->path);
            rc = firn_os_remove_file(swapping->dir, swapping->staged.name, &cause);
        }
    }
    rc = firn_checkout_able_is_refusal(rc) ? leave_refused(apply, change, &cause, err)
                                           : pass_on(rc, &cause, err);
out:
    return rc;
}

/* Whether a directory comes before all of those that are remembered: none of them is in it. */
static bool
is_deepest(const struct firn_checkout *apply, firn_slice path)
{
    const firn_slice newest =
        apply->dirs == NULL ? firn_bytes(NULL, 0) : firn_str(apply->dirs->path);
    return newest.size <= path.size || !(firn_slice_has_prefix(newest, path) &&
                                         (path.size == 0 || newest.data[path.size] == '/'));
}

static int
remember_dir(struct firn_checkout *apply, const struct firn_difference_walk_change *change,
             firn_error *err)
{
    DCHECK(change->after->kind == FIRN_TREE_DIR && is_deepest(apply, change->path));
    DCHECK(!firn_checkout_left_has(apply, change->path)); /* it is there to get its attributes */
    struct firn_checkout_dir *dir = firn_arena_alloc(&apply->arena, sizeof *dir);
    if (dir == NULL) {
        return firn_error_no_memory(err, "a list of directories");
    }
    *dir = (struct firn_checkout_dir){.entry = *change->after,
                                      .only_time = change->kind == FIRN_DIFFERENCE_WALK_SAME};
    dir->path = firn_arena_str(&apply->arena, (const char *)change->path.data, change->path.size);
    dir->entry.xattrs.data =
        firn_arena_copy(&apply->arena, change->after->xattrs.data, change->after->xattrs.size);
    if (dir->path == NULL || dir->entry.xattrs.data == NULL) {
        return firn_error_no_memory(err, "a list of directories");
    }
    dir->next = apply->dirs;
    apply->dirs = dir;
    return FIRN_OK;
}

static int
swap_one(void *ctx, const struct firn_difference_walk_change *change, firn_error *err)
{
    struct firn_checkout *apply = ctx;
    if (change->after == NULL) {
        return FIRN_OK;
    }
    bool is_dir = change->after->kind == FIRN_TREE_DIR;
    int rc = FIRN_OK;
    if (firn_checkout_needs_content(change) ||
        (is_dir && change->path.size > 0 &&
         (change->kind == FIRN_DIFFERENCE_WALK_ADDED || changes_type(change)))) {
        FIRN_TRY(put_in_place(apply, change, err));
    } else if (!is_dir && change->kind == FIRN_DIFFERENCE_WALK_CHANGED) {
        FIRN_TRY(open_final(apply, change->path, err));
        struct firn_os_node node = {.dir = apply->swapping->dir,
                                    .name = apply->swapping->final.name};
        FIRN_TRY(firn_checkout_write_metadata(&apply->writers[0], node, change->path, change->after,
                                              err));
    }
    if (!is_dir) {
        return firn_checkout_progress(apply, change->kind != FIRN_DIFFERENCE_WALK_SAME, 0, err);
    }
    if (!firn_checkout_left_has(apply, change->path)) { /* a refused one is not there */
        rc = remember_dir(apply, change, err);
    }
out:
    return rc;
}

/* ---- deletions ---- */

/* Whether a path lies below a directory that became something else, and so stands elsewhere now. */
static bool
is_in_vanishing(const struct firn_checkout *apply, firn_slice path)
{
    const struct firn_buf *vanishing = &apply->swapping->vanishing;
    return vanishing->size > 0 && path.size > vanishing->size &&
           path.data[vanishing->size] == '/' &&
           memcmp(path.data, vanishing->data, vanishing->size) == 0;
}

/* Opens the directory in which a thing to be removed stands now: its own, or, inside a directory
 * that became something else, below that one's temporary name. */
static int
open_removed(struct firn_checkout *apply, const struct firn_difference_walk_change *change,
             firn_error *err)
{
    struct swapping *swapping = apply->swapping;
    firn_slice path = change->path;
    int rc;
    if (changes_type(change)) {
        FIRN_TRY(firn_checkout_staged_place(apply, path, &swapping->final, err));
    } else if (is_in_vanishing(apply, path)) {
        FIRN_TRY(firn_checkout_moved_place(apply, path, swapping->vanishing.size, &swapping->final,
                                           err));
    } else {
        FIRN_TRY(firn_checkout_final_place(path, &swapping->final, err));
    }
    FIRN_TRY(firn_checkout_open_dir(apply, &swapping->final.dir, &swapping->dir,
                                    &swapping->dir_path, err));
out:
    return rc;
}

static int
remember_removed_dir(struct firn_checkout *apply, firn_slice path, firn_error *err)
{
    const struct firn_checkout_place *place = &apply->swapping->final;
    struct firn_buf *list = &apply->removed_dirs;
    int rc;
    /* Three texts: parent, name, and the path to speak of. */
    FIRN_TRY(firn_buf_append(list, place->dir.data, place->dir.size + 1));
    FIRN_TRY(firn_buf_append(list, place->name, strlen(place->name) + 1));
    FIRN_TRY(firn_buf_append_slice(list, path));
    FIRN_TRY(firn_buf_append_u8(list, 0));
    return FIRN_OK;
out:
    return firn_error_no_memory(err, "a list of directories");
}

/* Removes a file that is reached by no path of the user's any more, unless it was changed until
 * then. */
static int
remove_displaced(struct firn_checkout *apply, const struct firn_difference_walk_change *change,
                 const char *name, bool *out_keep, firn_error *err)
{
    bool is_same = false;
    int rc = firn_checkout_displaced_look(apply, apply->swapping->dir, name, change, &is_same, err);
    *out_keep = rc == FIRN_OK && !is_same;
    if (*out_keep) {
        return FIRN_OK;
    }
    CHECK(rc != FIRN_OK || is_same); /* (I1), and (I2) of checkout_displaced.c */
    return rc == FIRN_OK ? firn_os_remove_file(apply->swapping->dir, name, err) : rc;
}

/* Takes a file out of the way of everybody else, and then removes it. */
static int
remove_in_place(struct firn_checkout *apply, const struct firn_difference_walk_change *change,
                firn_error *err)
{
    struct firn_os_dir *dir = apply->swapping->dir;
    const char *final = apply->swapping->final.name;
    char aside[FIRN_CHECKOUT_NAME_SIZE];
    bool is_kept;
    int rc;
    firn_error cause;
    DCHECK(!firn_checkout_left_has(apply, change->path)); /* (I1) of checkout_left.c */
    firn_checkout_temporary_name(apply->options.tag, change->path, aside);
    rc = firn_os_rename(dir, final, dir, aside, FIRN_OS_RENAME_NO_REPLACE, &cause);
    if (firn_checkout_able_is_refusal(rc)) {
        return firn_checkout_left_behind(apply, change->path, cause.text, err);
    }
    FIRN_TRY(pass_on(rc, &cause, err));
    rc = remove_displaced(apply, change, aside, &is_kept, &cause);
    if (firn_checkout_able_is_refusal(rc)) {
        FIRN_TRY(firn_os_rename(dir, aside, dir, final, FIRN_OS_RENAME_NO_REPLACE, err));
        return firn_checkout_left_behind(apply, change->path, cause.text, err);
    }
    FIRN_TRY(pass_on(rc, &cause, err));
    if (is_kept) {
        rc = firn_os_rename(dir, aside, dir, final, FIRN_OS_RENAME_NO_REPLACE, err);
        if (rc == FIRN_OK) {
            firn_checkout_displaced_keep(apply, change->path);
        } else if (rc == FIRN_EXISTS) { /* (I2) */
            rc = firn_checkout_displaced_keep_beside(apply, dir, aside, change->path, err);
        }
    }
out:
    return rc;
}

static int
remove_one(void *ctx, const struct firn_difference_walk_change *change, firn_error *err)
{
    struct firn_checkout *apply = ctx;
    bool is_type_change = changes_type(change);
    if (change->kind != FIRN_DIFFERENCE_WALK_REMOVED && !is_type_change) {
        return FIRN_OK;
    }
    int rc;
    FIRN_TRY(open_removed(apply, change, err));
    if (change->before->kind == FIRN_TREE_DIR) {
        if (is_type_change) {
            firn_buf_clear(&apply->swapping->vanishing);
            if (firn_buf_append_slice(&apply->swapping->vanishing, change->path) != FIRN_OK) {
                return firn_error_no_memory(err, "a path");
            }
        }
        return remember_removed_dir(apply, change->path, err);
    }
    bool is_kept;
    if (is_type_change || is_in_vanishing(apply, change->path)) {
        firn_error cause;
        rc = remove_displaced(apply, change, apply->swapping->final.name, &is_kept, &cause);
        is_kept = is_kept || firn_checkout_able_is_refusal(rc);
        FIRN_TRY(firn_checkout_able_is_refusal(rc) ? FIRN_OK : pass_on(rc, &cause, err));
        if (is_kept && is_type_change) {
            rc = firn_checkout_displaced_keep_beside(
                apply, apply->swapping->dir, apply->swapping->final.name, change->path, err);
        } else if (is_kept) { /* and with it the directory that it is in */
            firn_checkout_displaced_keep(apply, change->path);
        }
    } else {
        FIRN_TRY(remove_in_place(apply, change, err));
    }
    if (rc == FIRN_OK) {
        rc = firn_checkout_progress(apply, change->kind == FIRN_DIFFERENCE_WALK_REMOVED, 0, err);
    }
out:
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Takes the last text off a list of texts that each end in a NUL. */
static const char *
take_last(struct firn_buf *list)
{
    CHECK(list->size > 0 && list->data[list->size - 1] == 0);
    size_t end = list->size - 1;
    size_t start = end;
    while (start > 0 && list->data[start - 1] != 0) {
        start--;
    }
    list->size = start;
    return (const char *)list->data + start;
}

/* Removes an empty directory. What a store left in it that was not worth saving goes along. */
static int
remove_dir(struct firn_checkout *apply, struct firn_os_dir *parent, const char *name,
           firn_slice path, firn_error *err)
{
    struct firn_os_dir *dir = NULL;
    int rc = firn_os_remove_dir(parent, name, err);
    if (rc != FIRN_EXISTS || apply->options.stores == NULL) {
        return rc;
    }
    FIRN_TRY(firn_os_dir_open_beneath(parent, name, &dir, err));
    FIRN_TRY(firn_checkout_stores_clear(apply->options.stores, dir, path, err));
    rc = firn_os_remove_dir(parent, name, err);
out:
    firn_os_dir_close(dir);
    return rc;
}

static int
remove_dirs(struct firn_checkout *apply, firn_error *err)
{
    int rc = FIRN_OK;
    while (rc == FIRN_OK && apply->removed_dirs.size > 0) {
        const char *path = take_last(&apply->removed_dirs);
        const char *name = take_last(&apply->removed_dirs);
        const char *parent = take_last(&apply->removed_dirs);
        struct firn_os_dir *dir;
        rc = firn_os_dir_open_beneath(apply->options.root, parent, &dir, err);
        if (rc != FIRN_OK) {
            break;
        }
        firn_error cause;
        rc = remove_dir(apply, dir, name, firn_str(path), &cause);
        bool is_displaced =
            !firn_slice_equal(firn_str(name), firn_checkout_displaced_name_of(firn_str(path)));
        if ((rc == FIRN_EXISTS || firn_checkout_able_is_refusal(rc)) && is_displaced) {
            rc = firn_checkout_displaced_keep_beside(apply, dir, name, firn_str(path), err);
        } else if (firn_checkout_able_is_refusal(rc)) {
            rc = firn_checkout_left_behind(apply, firn_str(path), cause.text, err);
        } else {
            rc = pass_on(rc, &cause, err);
        }
        firn_os_dir_close(dir);
        if (rc == FIRN_EXISTS) {
            firn_checkout_notice(apply, FIRN_NOTICE_KEPT, firn_str(path),
                                 "something that stays lies in it");
            rc = FIRN_OK;
        }
    }
    return rc;
}

/* ---- directories last ---- */

static int
finish_dir(struct firn_checkout *apply, const struct firn_checkout_dir *item, firn_error *err)
{
    struct firn_os_dir *dir;
    int rc = firn_os_dir_open_beneath(apply->options.root, item->path, &dir, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct firn_os_node node = {.dir = dir};
    if (item->only_time && apply->loosened != NULL) {
        rc = firn_os_set_mode(node, item->entry.mode, err);
        rc = firn_checkout_able_is_refusal(rc) ? FIRN_OK : rc;
    }
    if (rc != FIRN_OK) {
        firn_os_dir_close(dir);
        return rc;
    }
    if (item->only_time) { /* of somebody else's directory only they may set it */
        rc = firn_os_set_mtime(node, item->entry.mtime_ns, err);
        rc = firn_checkout_able_is_refusal(rc) ? FIRN_OK : rc;
    } else {
        rc = firn_checkout_write_metadata(&apply->writers[0], node, firn_str(item->path),
                                          &item->entry, err);
    }
    firn_os_dir_close(dir);
    return rc;
}

int
firn_checkout_swap(struct firn_checkout *apply, firn_error *err)
{
    struct swapping *swapping = firn_alloc_zeroed(sizeof *swapping);
    if (swapping == NULL) {
        firn_checkout_stage_undo(apply);
        return firn_error_no_memory(err, "a restore");
    }
    DCHECK(apply->swapping == NULL && apply->dirs == NULL && apply->removed_dirs.size == 0);
    apply->swapping = swapping;
    const struct firn_checkout_counts *counts = &apply->counts;
    const uint64_t total = counts->added + counts->changed + counts->removed;
    int rc = firn_checkout_phase(apply, "look", total, 0, err);
    if (rc == FIRN_OK && !apply->into_empty) {
        rc = firn_checkout_walk(apply, check_untouched, err);
    }
    if (rc != FIRN_OK) {
        firn_checkout_stage_undo(apply);
        goto out;
    }
    firn_checkout_finishing(apply);
    FIRN_TRY(firn_checkout_phase(apply, "place", total, 0, err));
    FIRN_TRY(firn_checkout_walk(apply, swap_one, err));
    FIRN_TRY(firn_checkout_phase_next(apply, "remove", err));
    FIRN_TRY(firn_checkout_walk(apply, remove_one, err));
    FIRN_TRY(remove_dirs(apply, err));
    FIRN_TRY(firn_checkout_phase(apply, "finish", counts->directories, 0, err));
    for (const struct firn_checkout_dir *dir = apply->dirs; dir != NULL; dir = dir->next) {
        FIRN_TRY(finish_dir(apply, dir, err));
        FIRN_TRY(firn_checkout_progress(apply, 1, 0, err));
    }
    FIRN_TRY(firn_checkout_tighten(apply, false, err));
out:
    firn_os_dir_close(swapping->dir);
    firn_buf_deinit(&swapping->dir_path);
    firn_buf_deinit(&swapping->staged.dir);
    firn_buf_deinit(&swapping->final.dir);
    firn_buf_deinit(&swapping->vanishing);
    firn_free(swapping);
    apply->swapping = NULL;
    return rc;
}
