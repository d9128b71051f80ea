/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_swap.c: moving staged entries into place.
 *
 * First everything that will be replaced or removed is compared with the tree `before` once more.
 * If an entry differs, it was edited after it was saved, and the restore is given up before the
 * first rename, with everything as it was.
 *
 * Then, in the order of the walk, staged entries are renamed to their final names:
 *
 *             before              exchange             compare the old one
 *   f         the old one    -->  the new one     -->  the new one
 *   .firn-f   the new one    -->  the old one     -->  removed, if it is as it was saved
 *                                                      else: exchanged back, the edit stays in f
 *
 * A later edit is not overwritten either (I1): a new file is exchanged with the old one, which is
 * compared under its temporary name and removed only if it is the one that was saved; otherwise the
 * two are exchanged back. A file to be removed is first renamed aside and compared there. An entry
 * that is kept in this way is reported and counted; it has its own name, or, if that is taken, a
 * visible one beside it (I2; not checked: the rename finds out).
 *
 * Where a type changes, the new and the old entry are exchanged (RENAME_EXCHANGE, or three renames
 * where the file system cannot), and the old one has the temporary name until the deletions, which
 * come last. If the system refuses one of these steps, what was staged for it is removed and the
 * old entry stays (I3). At the very end directories get their metadata, deepest first, because
 * every change inside one moves its time.
 */
#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "checkout/checkout.h"
#include "checkout/checkout_internal.h"
#include "codec/hex.h"

struct swapping {
    struct fi_checkout_place staged;
    struct fi_checkout_place final;
    struct fi_os_dir *dir;
    struct fi_buf dir_path;
    struct fi_buf vanishing; /* path of the directory that became something else, if inside one */
    struct fi_checkout_dir *around; /* where the walk of swap_one is: dir_around */
};

static bool
changes_type(const struct fi_difference_walk_change *change)
{
    return change->kind == FI_DIFFERENCE_WALK_CHANGED &&
           (change->what & FI_DIFFERENCE_WALK_TYPE) != 0;
}

static int
open_final(struct fi_checkout *checkout, firn_slice path, firn_error *err)
{
    struct swapping *swapping = checkout->swapping;
    int rc = fi_checkout_place_final(path, &swapping->final, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    return fi_checkout_dir_open(checkout, &swapping->final.dir, &swapping->dir, &swapping->dir_path,
                                err);
}

/* ---- nothing was touched meanwhile ---- */

static int
refuse_touched(firn_slice path, firn_error *err)
{
    return fi_error_set(err, FIRN_CONFLICT,
                        "'%.*s' was changed by another process during the restore; nothing was "
                        "changed, run it again",
                        (int)(path.size < 512 ? path.size : 512), (const char *)path.data);
}

/* The name of an entry to add must be free; entries inside a new directory come with that
 * directory. */
static int
check_still_free(struct fi_checkout *checkout, firn_slice path, firn_error *err)
{
    struct swapping *swapping = checkout->swapping;
    struct fi_os_stat stat;
    int rc;
    FI_TRY(fi_checkout_place_staged(checkout, path, &swapping->staged, err));
    if (swapping->staged.is_direct) {
        return FIRN_OK;
    }
    FI_TRY(open_final(checkout, path, err));
    rc = fi_os_stat(swapping->dir, swapping->final.name, &stat, err);
    if (rc == FIRN_OK) {
        return refuse_touched(path, err);
    }
out:
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Entries that a restore has moved aside: are they what was saved, and if not, where do they go?
 *
 * A file may be written between a check and its rename. So a displaced entry is compared under its
 * temporary name, where only processes that hold it open can change it. Kind, size, time, mode and
 * owner are compared. The content is compared too where a write may have left those unchanged (I6):
 * if the file's time is within a clock tick before the scan or later, and always if little is
 * restored and the file is not large. An entry that is not the same is never removed (I7). */

/* How long a clock may stand still; the second is for file systems with whole seconds. */
#define TICK_NS INT64_C(20000000)
#define SECOND_TICK_NS INT64_C(2000000000)
#define NS_A_SECOND INT64_C(1000000000)

/* With few changes, a file up to this size is read again before it is removed. */
#define READ_AGAIN_SIZE_MAX (UINT64_C(1) << 20)

/* Whether an entry equals what was saved in everything except its content. */
static bool
displaced_is_as_before(const struct fi_os_stat *stat, const struct fi_tree_entry *before)
{
    switch (before->kind) {
    case FI_TREE_DIR:
        return stat->kind == FI_OS_DIR;
    case FI_TREE_SYMLINK:
        return stat->kind == FI_OS_SYMLINK && stat->mtime_ns == before->mtime_ns;
    case FI_TREE_FILE:
        return stat->kind == FI_OS_FILE && stat->size_bytes == before->size &&
               stat->mtime_ns == before->mtime_ns && stat->mode == before->mode &&
               stat->uid == before->uid && stat->gid == before->gid;
    default:
        return false;
    }
}

/* Of a store's file only the saved part counts; bytes after it are ignored. */
static bool
displaced_cut(const struct fi_checkout *checkout, const struct fi_difference_walk_change *change,
              struct fi_os_stat *stat)
{
    const struct fi_tree_entry *before = change->before;
    bool is_cut = checkout->options.stores != NULL && before->kind == FI_TREE_FILE &&
                  fi_checkout_stores_is_cut(checkout->options.stores, change->path);
    if (is_cut && stat->size_bytes > before->size) {
        stat->size_bytes = before->size;
    }
    DCHECK(!is_cut || stat->size_bytes <= before->size);
    return is_cut;
}

/* The same while renames are in progress. A file with several names may already have the metadata
 * that another of its names got. */
static bool
is_still_as_before(const struct fi_os_stat *stat, const struct fi_tree_entry *before)
{
    if (before->kind == FI_TREE_DIR || stat->nlink < 2) {
        return displaced_is_as_before(stat, before);
    }
    return before->kind == FI_TREE_SYMLINK
               ? stat->kind == FI_OS_SYMLINK
               : stat->kind == FI_OS_FILE && stat->size_bytes == before->size;
}

/* Gives a kept entry whose own name is taken a visible name. */
static int
displaced_set_aside(struct fi_checkout *checkout, struct fi_os_dir *dir, const char *name,
                    firn_slice path, firn_error *err)
{
    char kept[FI_TREE_NAME_SIZE_MAX + 1];
    int rc = fi_checkout_swap_set_aside(dir, name, fi_checkout_name_in(path), checkout->options.tag,
                                        kept, err);
    if (rc == FIRN_OK) {
        char text[FI_TREE_NAME_SIZE_MAX + 128];
        (void)snprintf(
            text, sizeof text,
            "kept beside it as '%s': it was changed by another process during the restore", kept);
        fi_checkout_progress_notice(checkout, FIRN_NOTICE_KEPT, path, text);
        checkout->counts.kept++;
    }
    return rc;
}

/* Whether a write after the scan may have left size and time unchanged. */
static bool
may_hide_a_write(const struct fi_checkout *checkout, const struct fi_os_stat *stat)
{
    if (checkout->syncs_each && stat->size_bytes <= READ_AGAIN_SIZE_MAX) {
        return true;
    }
    int64_t tick = stat->mtime_ns % NS_A_SECOND == 0 ? SECOND_TICK_NS : TICK_NS;
    return stat->mtime_ns >= checkout->options.scanned_ns - tick;
}

/* Whether the displaced entry, which is now under `name`, is what was saved. */
static int
displaced_inspect(struct fi_checkout *checkout, struct fi_os_dir *dir, const char *name,
                  const struct fi_difference_walk_change *change, bool *out_is_same,
                  firn_error *err)
{
    const struct fi_tree_entry *before = change->before;
    struct fi_os_stat stat;
    int rc = fi_os_stat(dir, name, &stat, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    bool is_cut = displaced_cut(checkout, change, &stat);
    *out_is_same = is_still_as_before(&stat, before);
    bool is_file = before->kind == FI_TREE_FILE && stat.size_bytes > 0;
    DCHECK(!*out_is_same || (before->kind == FI_TREE_DIR) == (stat.kind == FI_OS_DIR)); /* (I6) */
    if (!*out_is_same || (is_file && !may_hide_a_write(checkout, &stat)) ||
        before->kind == FI_TREE_DIR) {
        return FIRN_OK;
    }
    struct fi_buf buf = {0};
    struct fi_checkout_look look = {.dir = dir,
                                    .name = name,
                                    .stat = &stat,
                                    .is_cut = is_cut,
                                    .buf = &buf,
                                    .objects = checkout->options.objects};
    rc = fi_checkout_inspect_equal(&look, before, out_is_same, err);
    fi_buf_deinit(&buf);
    return rc;
}

/* Reports an entry that another process changed too late for the restore to be given up. */
static void
displaced_report(struct fi_checkout *checkout, firn_slice path)
{
    DCHECK(checkout->swapping != NULL && checkout->batch == NULL); /* no other thread counts */
    checkout->counts.kept++;
    fi_checkout_progress_notice(checkout, FIRN_NOTICE_KEPT, path,
                                "it was changed by another process during the restore");
}

static int
check_untouched(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct fi_checkout *checkout = ctx;
    if (change->path.size == 0 || change->kind == FI_DIFFERENCE_WALK_SAME) {
        return FIRN_OK;
    }
    DCHECK(!checkout->progress.is_finishing); /* nothing has moved yet */
    int rc = fi_checkout_progress(checkout, 1, 0, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (change->before == NULL) {
        return check_still_free(checkout, change->path, err);
    }
    struct fi_os_stat stat;
    rc = open_final(checkout, change->path, err);
    if (rc == FIRN_OK) {
        rc = fi_os_stat(checkout->swapping->dir, checkout->swapping->final.name, &stat, err);
    }
    if (rc == FIRN_OK) {
        (void)displaced_cut(checkout, change, &stat);
    }
    if (rc == FIRN_NOT_FOUND || (rc == FIRN_OK && !displaced_is_as_before(&stat, change->before))) {
        return refuse_touched(change->path, err);
    }
    return rc;
}

/* ---- renames ---- */

/* Removes what was staged for an entry that stays, and reports why it stays. */
static int
leave_refused(struct fi_checkout *checkout, const struct fi_difference_walk_change *change,
              const firn_error *cause, firn_error *err)
{
    struct swapping *swapping = checkout->swapping;
    CHECK(fi_tree_reserved_is_temporary(firn_str(swapping->staged.name))); /* (I3) */
    int rc = change->after->kind == FI_TREE_DIR
                 ? fi_checkout_clear_place(checkout, &swapping->staged, err)
                 : fi_os_remove_file(swapping->dir, swapping->staged.name, err);
    rc = rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    return rc == FIRN_OK ? fi_checkout_left_behind(checkout, change->path, cause->text, err) : rc;
}

/* Returns rc; a failure has its text in cause. */
static int
fail_with(int rc, const firn_error *cause, firn_error *err)
{
    if (rc != FIRN_OK) {
        fi_error_copy(err, cause);
    }
    return rc;
}

/* Replaces the old file by the staged one, unless the old one was changed meanwhile. */
static int
checkout_swap_replace(struct fi_checkout *checkout, const struct fi_difference_walk_change *change,
                      firn_error *err)
{
    struct swapping *swapping = checkout->swapping;
    const char *staged = swapping->staged.name;
    const char *final = swapping->final.name;
    bool is_same = true;
    firn_error cause;
    DCHECK(change->before->kind != FI_TREE_DIR && change->after->kind != FI_TREE_DIR);
    int rc = fi_checkout_swap_exchange(swapping->dir, staged, final, &cause);
    if (fi_checkout_able_is_refusal(rc)) {
        return leave_refused(checkout, change, &cause, err);
    }
    rc = fail_with(rc, &cause, err);
    if (rc == FIRN_NOT_FOUND) { /* gone: nothing can be overwritten */
        return fi_os_rename(swapping->dir, staged, swapping->dir, final, FI_OS_RENAME_NO_REPLACE,
                            err);
    }
    if (rc == FIRN_OK) {
        rc = displaced_inspect(checkout, checkout->swapping->dir, staged, change, &is_same, err);
    }
    if (rc == FIRN_OK && !is_same) {
        displaced_report(checkout, change->path);
        rc = fi_checkout_swap_exchange(swapping->dir, staged, final, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = fi_os_remove_file(swapping->dir, staged, &cause);
    if (fi_checkout_able_is_refusal(rc) && is_same) { /* the old one cannot be removed: exchange
                                                         * back */
        rc = fi_checkout_swap_exchange(swapping->dir, staged, final, err);
        return rc == FIRN_OK ? leave_refused(checkout, change, &cause, err) : rc;
    }
    return fail_with(rc, &cause, err);
}

static int
put_in_place(struct fi_checkout *checkout, const struct fi_difference_walk_change *change,
             firn_error *err)
{
    struct swapping *swapping = checkout->swapping;
    int rc;
    DCHECK(checkout->progress.is_finishing && !fi_checkout_left_has(checkout, change->path));
    FI_TRY(fi_checkout_place_staged(checkout, change->path, &swapping->staged, err));
    if (swapping->staged.is_direct) {
        return FIRN_OK;
    }
    FI_TRY(open_final(checkout, change->path, err));
    DCHECK(fi_slice_equal(fi_buf_slice(&swapping->staged.dir),
                          fi_buf_slice(&swapping->final.dir))); /* both names are in dir */
    if (change->kind == FI_DIFFERENCE_WALK_CHANGED && !changes_type(change)) {
        return checkout_swap_replace(checkout, change, err);
    }
    firn_error cause;
    if (changes_type(change)) {
        rc = fi_checkout_swap_exchange(swapping->dir, swapping->staged.name, swapping->final.name,
                                       &cause);
    } else {
        rc = fi_os_rename(swapping->dir, swapping->staged.name, swapping->dir, swapping->final.name,
                          FI_OS_RENAME_NO_REPLACE, &cause);
        if (rc == FIRN_EXISTS && change->after->kind != FI_TREE_DIR) {
            displaced_report(checkout, change->path);
            rc = fi_os_remove_file(swapping->dir, swapping->staged.name, &cause);
        }
    }
    rc = fi_checkout_able_is_refusal(rc) ? leave_refused(checkout, change, &cause, err)
                                         : fail_with(rc, &cause, err);
out:
    return rc;
}

static bool
is_below(firn_slice path, firn_slice dir)
{
    return path.size > dir.size && fi_slice_has_prefix(path, dir) &&
           (dir.size == 0 || path.data[dir.size] == '/');
}

/* Whether none of the remembered directories is below this one. */
static bool
is_deepest(const struct fi_checkout *checkout, firn_slice path)
{
    return checkout->dirs == NULL || !is_below(firn_str(checkout->dirs->path), path);
}

/* The innermost remembered directory that a path is in, or NULL. */
static struct fi_checkout_dir *
dir_around(struct fi_checkout *checkout, firn_slice path)
{
    struct fi_checkout_dir *dir = checkout->swapping->around;
    while (dir != NULL && !is_below(path, firn_str(dir->path))) {
        dir = dir->parent;
    }
    checkout->swapping->around = dir; /* no path below those passed over follows */
    return dir;
}

static int
remember_dir(struct fi_checkout *checkout, const struct fi_difference_walk_change *change,
             firn_error *err)
{
    DCHECK(change->after->kind == FI_TREE_DIR && is_deepest(checkout, change->path));
    DCHECK(!fi_checkout_left_has(checkout, change->path)); /* it exists and gets its attributes */
    struct fi_checkout_dir *dir = fi_arena_alloc(&checkout->arena, sizeof *dir);
    if (dir == NULL) {
        return fi_error_no_memory(err, "a list of directories");
    }
    *dir = (struct fi_checkout_dir){.entry = *change->after,
                                    .only_time = change->kind == FI_DIFFERENCE_WALK_SAME,
                                    .parent = dir_around(checkout, change->path)};
    dir->path = fi_arena_str(&checkout->arena, (const char *)change->path.data, change->path.size);
    dir->entry.xattrs.data =
        fi_arena_copy(&checkout->arena, change->after->xattrs.data, change->after->xattrs.size);
    if (dir->path == NULL || dir->entry.xattrs.data == NULL) {
        return fi_error_no_memory(err, "a list of directories");
    }
    dir->next = checkout->dirs;
    checkout->dirs = dir;
    checkout->swapping->around = dir;
    return FIRN_OK;
}

static int
swap_one(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct fi_checkout *checkout = ctx;
    if (change->kind != FI_DIFFERENCE_WALK_SAME) {
        struct fi_checkout_dir *dir = dir_around(checkout, change->path);
        if (dir != NULL) {
            dir->is_touched = true;
        }
    }
    if (change->after == NULL) {
        return FIRN_OK;
    }
    bool is_dir = change->after->kind == FI_TREE_DIR;
    int rc = FIRN_OK;
    if (fi_checkout_walk_needs_content(change) || fi_checkout_walk_makes_dir(change)) {
        FI_TRY(put_in_place(checkout, change, err));
    } else if (!is_dir && change->kind == FI_DIFFERENCE_WALK_CHANGED) {
        FI_TRY(open_final(checkout, change->path, err));
        struct fi_os_node node = {.dir = checkout->swapping->dir,
                                  .name = checkout->swapping->final.name};
        FI_TRY(fi_checkout_write_metadata(&checkout->writers[0], node, change->path, change->after,
                                          err));
    }
    if (!is_dir) {
        return fi_checkout_progress(checkout, change->kind != FI_DIFFERENCE_WALK_SAME, 0, err);
    }
    if (!fi_checkout_left_has(checkout, change->path)) { /* a refused one is not there */
        rc = remember_dir(checkout, change, err);
    }
out:
    return rc;
}

/* ---- deletions ---- */

/* Whether a path is below a directory that became something else, and so has been moved. */
static bool
is_in_vanishing(const struct fi_checkout *checkout, firn_slice path)
{
    const struct fi_buf *vanishing = &checkout->swapping->vanishing;
    return vanishing->size > 0 && path.size > vanishing->size &&
           path.data[vanishing->size] == '/' &&
           memcmp(path.data, vanishing->data, vanishing->size) == 0;
}

/* Opens the directory that an entry to be removed is in now: its own, or, inside a directory that
 * became something else, one below that directory's temporary name. */
static int
open_removed(struct fi_checkout *checkout, const struct fi_difference_walk_change *change,
             firn_error *err)
{
    struct swapping *swapping = checkout->swapping;
    firn_slice path = change->path;
    if (changes_type(change)) {
        FI_TRY_RETURN(fi_checkout_place_staged(checkout, path, &swapping->final, err));
    } else if (is_in_vanishing(checkout, path)) {
        FI_TRY_RETURN(fi_checkout_place_moved(checkout, path, swapping->vanishing.size,
                                              &swapping->final, err));
    } else {
        FI_TRY_RETURN(fi_checkout_place_final(path, &swapping->final, err));
    }
    return fi_checkout_dir_open(checkout, &swapping->final.dir, &swapping->dir, &swapping->dir_path,
                                err);
}

static int
remember_removed_dir(struct fi_checkout *checkout, firn_slice path, firn_error *err)
{
    const struct fi_checkout_place *place = &checkout->swapping->final;
    struct fi_buf *list = &checkout->removed_dirs;
    int rc;
    /* Three texts: parent, name, and the path for messages. */
    FI_TRY(fi_buf_append(list, place->dir.data, place->dir.size + 1));
    FI_TRY(fi_buf_append(list, place->name, strlen(place->name) + 1));
    FI_TRY(fi_buf_append_slice(list, path));
    FI_TRY(fi_buf_append_u8(list, 0));
    return FIRN_OK;
out:
    return fi_error_no_memory(err, "a list of directories");
}

/* Removes a file that no path of the user's reaches any more, unless it was changed before that. */
static int
remove_displaced(struct fi_checkout *checkout, const struct fi_difference_walk_change *change,
                 const char *name, bool *out_keep, firn_error *err)
{
    bool is_same = false;
    int rc = displaced_inspect(checkout, checkout->swapping->dir, name, change, &is_same, err);
    *out_keep = rc == FIRN_OK && !is_same;
    if (*out_keep) {
        return FIRN_OK;
    }
    CHECK(rc != FIRN_OK || is_same); /* (I1) and (I7) */
    return rc == FIRN_OK ? fi_os_remove_file(checkout->swapping->dir, name, err) : rc;
}

/* Renames a file so that other processes cannot reach it, and then removes it. */
static int
remove_in_place(struct fi_checkout *checkout, const struct fi_difference_walk_change *change,
                firn_error *err)
{
    struct fi_os_dir *dir = checkout->swapping->dir;
    const char *final = checkout->swapping->final.name;
    char aside[FI_CHECKOUT_NAME_SIZE];
    bool is_kept;
    int rc;
    firn_error cause;
    DCHECK(!fi_checkout_left_has(checkout, change->path)); /* (I5) of checkout_left.c */
    fi_checkout_place_temporary(checkout->options.tag, change->path, aside);
    rc = fi_os_rename(dir, final, dir, aside, FI_OS_RENAME_NO_REPLACE, &cause);
    if (fi_checkout_able_is_refusal(rc)) {
        return fi_checkout_left_behind(checkout, change->path, cause.text, err);
    }
    FI_TRY(fail_with(rc, &cause, err));
    rc = remove_displaced(checkout, change, aside, &is_kept, &cause);
    if (fi_checkout_able_is_refusal(rc)) {
        FI_TRY(fi_os_rename(dir, aside, dir, final, FI_OS_RENAME_NO_REPLACE, err));
        return fi_checkout_left_behind(checkout, change->path, cause.text, err);
    }
    FI_TRY(fail_with(rc, &cause, err));
    if (is_kept) {
        rc = fi_os_rename(dir, aside, dir, final, FI_OS_RENAME_NO_REPLACE, err);
        if (rc == FIRN_OK) {
            displaced_report(checkout, change->path);
        } else if (rc == FIRN_EXISTS) { /* (I2) */
            rc = displaced_set_aside(checkout, dir, aside, change->path, err);
        }
    }
out:
    return rc;
}

static int
remove_one(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct fi_checkout *checkout = ctx;
    bool is_type_change = changes_type(change);
    if (change->kind != FI_DIFFERENCE_WALK_REMOVED && !is_type_change) {
        return FIRN_OK;
    }
    int rc;
    FI_TRY(open_removed(checkout, change, err));
    if (change->before->kind == FI_TREE_DIR) {
        if (is_type_change) {
            fi_buf_clear(&checkout->swapping->vanishing);
            if (fi_buf_append_slice(&checkout->swapping->vanishing, change->path) != FIRN_OK) {
                return fi_error_no_memory(err, "a path");
            }
        }
        return remember_removed_dir(checkout, change->path, err);
    }
    bool is_kept;
    if (is_type_change || is_in_vanishing(checkout, change->path)) {
        firn_error cause;
        rc = remove_displaced(checkout, change, checkout->swapping->final.name, &is_kept, &cause);
        is_kept = is_kept || fi_checkout_able_is_refusal(rc);
        FI_TRY(fi_checkout_able_is_refusal(rc) ? FIRN_OK : fail_with(rc, &cause, err));
        if (is_kept && is_type_change) {
            rc = displaced_set_aside(checkout, checkout->swapping->dir,
                                     checkout->swapping->final.name, change->path, err);
        } else if (is_kept) { /* so its directory stays too */
            displaced_report(checkout, change->path);
        }
    } else {
        FI_TRY(remove_in_place(checkout, change, err));
    }
    if (rc == FIRN_OK) {
        rc = fi_checkout_progress(checkout, change->kind == FI_DIFFERENCE_WALK_REMOVED, 0, err);
    }
out:
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Removes the last text from a list of NUL-terminated texts. */
static const char *
take_last(struct fi_buf *list)
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

/* Removes an empty directory. Files of a store that were not saved are removed with it. */
static int
remove_dir(struct fi_checkout *checkout, struct fi_os_dir *parent, const char *name,
           firn_slice path, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    int rc = fi_os_remove_dir(parent, name, err);
    if (rc != FIRN_EXISTS || checkout->options.stores == NULL) {
        return rc;
    }
    FI_TRY(fi_os_dir_open_beneath(parent, name, &dir, err));
    FI_TRY(fi_checkout_stores_clear(checkout->options.stores, dir, path, err));
    rc = fi_os_remove_dir(parent, name, err);
out:
    fi_os_dir_close(dir);
    return rc;
}

static int
remove_dirs(struct fi_checkout *checkout, firn_error *err)
{
    int rc = FIRN_OK;
    while (rc == FIRN_OK && checkout->removed_dirs.size > 0) {
        const char *path = take_last(&checkout->removed_dirs);
        const char *name = take_last(&checkout->removed_dirs);
        const char *parent = take_last(&checkout->removed_dirs);
        struct fi_os_dir *dir;
        rc = fi_os_dir_open_beneath(checkout->options.root, parent, &dir, err);
        if (rc != FIRN_OK) {
            break;
        }
        firn_error cause;
        rc = remove_dir(checkout, dir, name, firn_str(path), &cause);
        bool is_displaced = !fi_slice_equal(firn_str(name), fi_checkout_name_in(firn_str(path)));
        if ((rc == FIRN_EXISTS || fi_checkout_able_is_refusal(rc)) && is_displaced) {
            rc = displaced_set_aside(checkout, dir, name, firn_str(path), err);
        } else if (fi_checkout_able_is_refusal(rc)) {
            rc = fi_checkout_left_behind(checkout, firn_str(path), cause.text, err);
        } else {
            rc = fail_with(rc, &cause, err);
        }
        fi_os_dir_close(dir);
        if (rc == FIRN_EXISTS) {
            fi_checkout_progress_notice(checkout, FIRN_NOTICE_KEPT, firn_str(path),
                                        "it contains something that stays");
            rc = FIRN_OK;
        }
    }
    return rc;
}

/* ---- directories last ---- */

/* Whether a directory is only on the way to what changed, so that it still has its own time. Where
 * entries were left alone after all, their directories had staged ones. */
static bool
is_passed_through(const struct fi_checkout *checkout, const struct fi_checkout_dir *dir)
{
    return dir->only_time && !dir->is_touched && checkout->loosened == NULL &&
           checkout->left.count == 0;
}

static int
finish_dir(struct fi_checkout *checkout, const struct fi_checkout_dir *item, firn_error *err)
{
    struct fi_os_dir *dir;
    int rc = fi_os_dir_open_beneath(checkout->options.root, item->path, &dir, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct fi_os_node node = {.dir = dir};
    if (item->only_time && checkout->loosened != NULL) {
        rc = fi_os_set_mode(node, item->entry.mode, err);
        rc = fi_checkout_able_is_refusal(rc) ? FIRN_OK : rc;
    }
    if (rc != FIRN_OK) {
        fi_os_dir_close(dir);
        return rc;
    }
    if (item->only_time) { /* only its owner may set a directory's time */
        rc = fi_os_set_mtime(node, item->entry.mtime_ns, err);
        rc = fi_checkout_able_is_refusal(rc) ? FIRN_OK : rc;
    } else {
        rc = fi_checkout_write_metadata(&checkout->writers[0], node, firn_str(item->path),
                                        &item->entry, err);
    }
    fi_os_dir_close(dir);
    return rc;
}

int
fi_checkout_swap(struct fi_checkout *checkout, firn_error *err)
{
    struct swapping *swapping = fi_alloc_zeroed(sizeof *swapping);
    if (swapping == NULL) {
        fi_checkout_stage_undo(checkout);
        return fi_error_no_memory(err, "a restore");
    }
    DCHECK(checkout->swapping == NULL && checkout->dirs == NULL &&
           checkout->removed_dirs.size == 0);
    checkout->swapping = swapping;
    const struct fi_checkout_counts *counts = &checkout->counts;
    const uint64_t total = counts->added + counts->changed + counts->removed;
    int rc = fi_checkout_progress_phase(checkout, "look", total, 0, err);
    if (rc == FIRN_OK && !checkout->into_empty) {
        rc = fi_checkout_walk(checkout, check_untouched, err);
    }
    if (rc != FIRN_OK) {
        fi_checkout_stage_undo(checkout);
        goto out;
    }
    fi_checkout_progress_finishing(checkout);
    FI_TRY(fi_checkout_progress_phase(checkout, "place", total, 0, err));
    FI_TRY(fi_checkout_walk(checkout, swap_one, err));
    FI_TRY(fi_checkout_progress_phase_next(checkout, "remove", err));
    FI_TRY(fi_checkout_walk(checkout, remove_one, err));
    FI_TRY(remove_dirs(checkout, err));
    FI_TRY(fi_checkout_progress_phase(checkout, "finish", counts->directories, 0, err));
    for (struct fi_checkout_dir **at = &checkout->dirs; *at != NULL;) {
        if (is_passed_through(checkout, *at)) {
            *at = (*at)->next; /* neither finished nor synced */
        } else {
            FI_TRY(finish_dir(checkout, *at, err));
            at = &(*at)->next;
        }
        FI_TRY(fi_checkout_progress(checkout, 1, 0, err));
    }
    FI_TRY(fi_checkout_dir_tighten(checkout, false, err));
out:
    fi_os_dir_close(swapping->dir);
    fi_buf_deinit(&swapping->dir_path);
    fi_buf_deinit(&swapping->staged.dir);
    fi_buf_deinit(&swapping->final.dir);
    fi_buf_deinit(&swapping->vanishing);
    fi_free(swapping);
    checkout->swapping = NULL;
    return rc;
}

/* Names for entries that are kept beside.
 *
 * An entry that was edited while a restore had it under a temporary name gets its own name back if
 * that is free. If not, it must not stay hidden under a dot name that no user knows: it gets a name
 * that says what it is and sorts beside the original. Nothing is ever replaced: if a name is taken,
 * the rename fails and the next number is tried. */

enum { TAG_BYTES = 4, SUFFIX_ROOM = 32, TRIES_MAX = 1000 };

/* The part of a name that leaves room for the suffix, not cut within a character. */
static size_t
part_of(firn_slice name)
{
    size_t size = FI_TREE_NAME_SIZE_MAX - SUFFIX_ROOM;
    if (name.size <= size) {
        return name.size;
    }
    while (size > 1 && (name.data[size] & 0xC0) == 0x80) {
        size--;
    }
    return size;
}

int
fi_checkout_swap_set_aside(struct fi_os_dir *dir, const char *name, firn_slice wanted,
                           const uint8_t *tag, char out[FI_TREE_NAME_SIZE_MAX + 1], firn_error *err)
{
    char hex[2 * TAG_BYTES + 1];
    fi_hex_encode(tag, TAG_BYTES, hex);
    int part = (int)part_of(wanted);
    int rc = FIRN_EXISTS;
    for (unsigned i = 1; rc == FIRN_EXISTS && i <= TRIES_MAX; i++) {
        char number[12] = "";
        if (i > 1) {
            (void)snprintf(number, sizeof number, "-%u", i);
        }
        (void)snprintf(out, FI_TREE_NAME_SIZE_MAX + 1, "%.*s.firn-kept-%s%s", part,
                       (const char *)wanted.data, hex, number);
        /* The name must be whole: a cut would lose the number. */
        DCHECK(fi_tree_name_is_valid(firn_str(out)));
        rc = fi_os_rename(dir, name, dir, out, FI_OS_RENAME_NO_REPLACE, err);
    }
    return rc;
}

/* Exchanging two names in one directory.
 *
 * This takes one step if the file system supports it, and three renames otherwise. Between these
 * one of the entries has a third name, "<temporary name>.old"; a crash may leave it there, with one
 * of the two names free, and recovery handles that (checkout_recover.c). No rename replaces
 * anything. */

int
fi_checkout_swap_exchange(struct fi_os_dir *dir, const char *temporary, const char *final,
                          firn_error *err)
{
    DCHECK(fi_tree_reserved_is_temporary(firn_str(temporary)) && strcmp(temporary, final) != 0);
    int rc = fi_os_rename(dir, temporary, dir, final, FI_OS_RENAME_EXCHANGE, err);
    if (rc != FIRN_UNSUPPORTED && rc != FIRN_INVALID) {
        return rc;
    }
    char aside[FI_CHECKOUT_NAME_SIZE];
    (void)snprintf(aside, sizeof aside, "%.43s.old", temporary);
    DCHECK(fi_tree_reserved_is_temporary(firn_str(aside))); /* recovery looks for this form */
    FI_TRY_RETURN(fi_os_rename(dir, final, dir, aside, FI_OS_RENAME_NO_REPLACE, err));
    rc = fi_os_rename(dir, temporary, dir, final, FI_OS_RENAME_NO_REPLACE, err);
    if (rc == FIRN_OK) {
        rc = fi_os_rename(dir, aside, dir, temporary, FI_OS_RENAME_NO_REPLACE, err);
        if (rc != FIRN_OK) {
            FI_IGNORE(fi_os_rename(dir, final, dir, temporary, FI_OS_RENAME_NO_REPLACE, NULL));
        }
    }
    if (rc != FIRN_OK) { /* both have their names again, if that is possible */
        FI_IGNORE(fi_os_rename(dir, aside, dir, final, FI_OS_RENAME_NO_REPLACE, NULL));
    }
    return rc;
}
