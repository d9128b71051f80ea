/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_recover.c: recovering what an interrupted restore left on the disk.
 *
 * The journal names a tag and two trees, the one before and the target. Their difference is walked
 * once more. Beside each path that differs there may be an entry under the temporary name, or under
 * the third name of an exchange. What happens to such an entry:
 *
 *   prepared  Nothing had moved yet, so the entry is the restore's own, perhaps incomplete: it is
 *             removed.
 *   begun     Everything new was durable and complete, so its content identifies it (I1):
 *             - its path is free: the entry is moved there, whatever its kind
 *             - a file that either tree has at its path: it is in a checkpoint, and is removed
 *             - another file, a user's edit: it is exchanged with the entry at its path if either
 *               tree has that one; otherwise both are the user's, and it is kept beside
 *             - a directory: it is exchanged with a file that either tree has; otherwise it is kept
 *               beside
 *
 * Only what a checkpoint has is removed (I2; not checked: is_known decides it): entries are
 * exchanged first and compared afterwards, as in the restore itself. Nothing is written and nothing
 * replaced, so after a second crash the situation is the same, with less to do (I3; not checked:
 * power cuts show it). Directories whose owner may not write them are made writable; if nothing had
 * moved yet, their modes are set back. Otherwise the restore that follows sets modes and times of
 * directories, and restores the contents of those that were put back half emptied.
 *
 * If one of the checkpoints is gone or its directories are damaged, only the other one is used:
 * then what only the lost one had counts as an edit and is kept.
 */
#include "checkout/checkout.h"

#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "checkout/checkout_internal.h"
#include "copy/copy_hot.h"
#include "threads/os_callback.h"

struct recovering {
    struct fi_objects *objects;
    struct fi_os_dir *root;
    const struct fi_catalog_journal *journal;
    const firn_callbacks *callbacks;
    const struct fi_difference_walk_change *change;
    struct fi_checkout_place place; /* of the path of the change */
    struct fi_os_dir *dir;          /* the directory of place */
    struct fi_buf dir_path;
    struct fi_buf buf;
    uint32_t user;
    bool has_changed_something;
};

/* The permission to change the names in a directory. */
enum { MAY_CHANGE_NAMES = 0300 };

/* ---- what is where ---- */

static int
checkout_recover_inspect(struct recovering *recovering, const char *name, struct fi_os_stat *out,
                         bool *out_is_there, firn_error *err)
{
    firn_error cause;
    int rc = fi_os_stat(recovering->dir, name, out, &cause);
    *out_is_there = rc == FIRN_OK;
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND && err != NULL) {
        *err = cause;
    }
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Whether the entry at a name is a file or a link that either tree has at the path. */
static int
is_known(struct recovering *recovering, const char *name, const struct fi_os_stat *stat, bool *out,
         firn_error *err)
{
    DCHECK(recovering->change->before != NULL || recovering->change->after != NULL);
    const struct fi_tree_entry *entries[] = {recovering->change->before, recovering->change->after};
    struct fi_checkout_look at = {.dir = recovering->dir,
                                  .name = name,
                                  .stat = stat,
                                  .buf = &recovering->buf,
                                  .objects = recovering->objects};
    *out = false;
    for (size_t i = 0; i < 2 && !*out; i++) {
        if (entries[i] == NULL || entries[i]->kind == FI_TREE_DIR) {
            continue;
        }
        int rc = fi_checkout_inspect_equal(&at, entries[i], out, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

/* ---- moving ---- */

static int
keep_beside(struct recovering *recovering, const char *name, firn_error *err)
{
    char kept[FI_TREE_NAME_SIZE_MAX + 1];
    int rc = fi_checkout_swap_set_aside(recovering->dir, name, firn_str(recovering->place.name),
                                        recovering->journal->tag, kept, err);
    if (rc == FIRN_OK && recovering->callbacks->on_notice != NULL) {
        char text[FI_TREE_NAME_SIZE_MAX + 128];
        (void)snprintf(text, sizeof text,
                       "kept beside it as '%s': it was changed while a restore was interrupted",
                       kept);
        firn_notice notice = {
            .kind = FIRN_NOTICE_KEPT, .path = recovering->change->path, .text = text};
        fi_os_callback_notice(recovering->callbacks, &notice);
    }
    return rc;
}

/* Requires: both names are taken, name by a file. *out_again: the two were exchanged, and the entry
 * under name is to be recovered again. */
static int
recover_file(struct recovering *recovering, const char *name, const struct fi_os_stat *stat,
             const struct fi_os_stat *final, bool *out_again, firn_error *err)
{
    bool known;
    int rc = is_known(recovering, name, stat, &known, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (known) {
        return fi_os_remove_file(recovering->dir, name, err);
    }
    rc = is_known(recovering, recovering->place.name, final, &known, err);
    if (rc != FIRN_OK || !known || *out_again) {
        return rc != FIRN_OK ? rc : keep_beside(recovering, name, err);
    }
    *out_again = true;
    return fi_checkout_swap_exchange(recovering->dir, name, recovering->place.name, err);
}

static int
recover_dir(struct recovering *recovering, const char *name, const struct fi_os_stat *final,
            bool *out_again, firn_error *err)
{
    bool known;
    int rc = is_known(recovering, recovering->place.name, final, &known, err);
    if (rc != FIRN_OK || !known || *out_again) {
        return rc != FIRN_OK ? rc : keep_beside(recovering, name, err);
    }
    *out_again = true;
    return fi_checkout_swap_exchange(recovering->dir, name, recovering->place.name, err);
}

/* Recovers the entry under a temporary name of a restore that had begun. */
static int
recover_entry(struct recovering *recovering, const char *name, firn_error *err)
{
    bool again = false;
    CHECK(recovering->journal->state == FI_CATALOG_JOURNAL_BEGUN); /* (I1) */
    for (;;) {
        struct fi_os_stat stat;
        struct fi_os_stat final;
        bool is_there;
        bool is_taken;
        bool was_again = again;
        int rc;
        FI_TRY(checkout_recover_inspect(recovering, name, &stat, &is_there, err));
        if (!is_there) {
            return FIRN_OK;
        }
        recovering->has_changed_something = true;
        FI_TRY(
            checkout_recover_inspect(recovering, recovering->place.name, &final, &is_taken, err));
        if (!is_taken) {
            return fi_os_rename(recovering->dir, name, recovering->dir, recovering->place.name,
                                FI_OS_RENAME_NO_REPLACE, err);
        }
        FI_TRY(stat.kind == FI_OS_DIR ? recover_dir(recovering, name, &final, &again, err)
                                      : recover_file(recovering, name, &stat, &final, &again, err));
        if (again == was_again) {
            return FIRN_OK;
        }
        continue;
    out:
        return rc;
    }
}

/* Recovers the entry under the third name of an exchange by three renames: it was on its way to the
 * temporary name, or back. */
static int
recover_aside(struct recovering *recovering, const char *aside, const char *temporary,
              firn_error *err)
{
    struct fi_os_stat stat;
    struct fi_os_stat other;
    bool is_there;
    bool is_taken;
    DCHECK(recovering->journal->state == FI_CATALOG_JOURNAL_BEGUN);
    int rc = checkout_recover_inspect(recovering, aside, &stat, &is_there, err);
    if (rc != FIRN_OK || !is_there) {
        return rc;
    }
    recovering->has_changed_something = true;
    const char *free_names[] = {recovering->place.name, temporary};
    for (size_t i = 0; i < 2; i++) {
        FI_TRY(checkout_recover_inspect(recovering, free_names[i], &other, &is_taken, err));
        if (!is_taken) {
            return fi_os_rename(recovering->dir, aside, recovering->dir, free_names[i],
                                FI_OS_RENAME_NO_REPLACE, err);
        }
    }
    /* After a power cut both names of a rename may exist. */
    bool known;
    FI_TRY(is_known(recovering, aside, &stat, &known, err));
    rc = known ? fi_os_remove_file(recovering->dir, aside, err)
               : keep_beside(recovering, aside, err);
out:
    return rc;
}

/* Removes what a restore had prepared. */
static int
discard(struct recovering *recovering, const char *name, firn_error *err)
{
    CHECK(recovering->journal->state == FI_CATALOG_JOURNAL_PREPARED);
    struct fi_os_stat stat;
    bool is_there;
    int rc = checkout_recover_inspect(recovering, name, &stat, &is_there, err);
    if (rc != FIRN_OK || !is_there) {
        return rc;
    }
    recovering->has_changed_something = true;
    if (stat.kind != FI_OS_DIR) {
        return fi_os_remove_file(recovering->dir, name, err);
    }
    struct fi_buf path = {0};
    FI_TRY(fi_buf_append_slice(&path, fi_buf_slice(&recovering->place.dir)));
    if (path.size > 0) {
        FI_TRY(fi_buf_append_u8(&path, '/'));
    }
    FI_TRY(fi_buf_append_str(&path, name));
    rc = fi_checkout_clear_tree(recovering->root, &path, path.size, err);
    fi_buf_deinit(&path);
    return rc == FIRN_EXISTS ? FIRN_OK : rc; /* a user has put another entry there */
out:
    fi_buf_deinit(&path);
    return fi_error_no_memory(err, "a path");
}

/* ---- the walk ---- */

static int
open_dir(struct recovering *recovering, firn_error *err)
{
    firn_slice path = fi_buf_slice(&recovering->place.dir);
    if (recovering->dir != NULL && fi_slice_equal(path, fi_buf_slice(&recovering->dir_path))) {
        return FIRN_OK;
    }
    fi_os_dir_close(recovering->dir);
    recovering->dir = NULL;
    fi_buf_clear(&recovering->dir_path);
    if (fi_buf_append_slice(&recovering->dir_path, path) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    struct fi_os_stat stat;
    int rc;
    FI_TRY(fi_os_dir_open_beneath(recovering->root, (const char *)recovering->place.dir.data,
                                  &recovering->dir, err));
    FI_TRY(fi_os_dir_stat(recovering->dir, &stat, err));
    if ((stat.mode & MAY_CHANGE_NAMES) != MAY_CHANGE_NAMES && stat.uid == recovering->user) {
        rc = fi_os_set_mode((struct fi_os_node){.dir = recovering->dir},
                            stat.mode | MAY_CHANGE_NAMES, err);
    }
out:
    return rc;
}

static int
rest_one(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct recovering *recovering = ctx;
    if (change->kind == FI_DIFFERENCE_WALK_SAME || change->path.size == 0) {
        return FIRN_OK;
    }
    char temporary[FI_CHECKOUT_NAME_SIZE];
    char aside[FI_CHECKOUT_NAME_SIZE];
    const uint8_t *tag = recovering->journal->tag;
    recovering->change = change;
    fi_checkout_place_temporary(tag, change->path, temporary);
    fi_checkout_place_aside(tag, change->path, aside);
    int rc = fi_checkout_place_final(change->path, &recovering->place, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = open_dir(recovering, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    if (recovering->journal->state == FI_CATALOG_JOURNAL_PREPARED) {
        return discard(recovering, temporary, err);
    }
    rc = recover_aside(recovering, aside, temporary, err);
    return rc == FIRN_OK ? recover_entry(recovering, temporary, err) : rc;
}

/* Sets back the mode of a directory that was made writable. */
static int
tighten_one(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct recovering *recovering = ctx;
    const struct fi_tree_entry *before = change->before;
    DCHECK(recovering->journal->state == FI_CATALOG_JOURNAL_PREPARED);
    if (before == NULL || before->kind != FI_TREE_DIR ||
        (before->mode & MAY_CHANGE_NAMES) == MAY_CHANGE_NAMES) {
        return FIRN_OK;
    }
    fi_buf_clear(&recovering->place.dir);
    if (fi_buf_append_slice(&recovering->place.dir, change->path) != FIRN_OK ||
        fi_buf_text(&recovering->place.dir) == NULL) {
        return fi_error_no_memory(err, "a path");
    }
    struct fi_os_dir *dir;
    int rc = fi_os_dir_open_beneath(recovering->root, (const char *)recovering->place.dir.data,
                                    &dir, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    struct fi_os_stat stat;
    rc = fi_os_dir_stat(dir, &stat, err);
    if (rc == FIRN_OK && stat.mode == (before->mode | MAY_CHANGE_NAMES)) {
        rc = fi_os_set_mode((struct fi_os_node){.dir = dir}, before->mode, err);
        recovering->has_changed_something = true;
    }
    fi_os_dir_close(dir);
    return rc;
}

/* Whether a restore may have replaced a file that is the same in both trees
 * (fi_checkout_stores_has_tail). */
static bool
may_be_replaced(const void *ctx, firn_slice path)
{
    (void)ctx;
    firn_slice name = fi_checkout_name_in(path);
    char text[FI_TREE_NAME_SIZE_MAX + 1];
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    return fi_copy_hot_is_own(text);
}

static int
checkout_recover_walk(struct recovering *recovering, const struct fi_difference_walk_side *before,
                      const struct fi_difference_walk_side *after, firn_error *err)
{
    struct fi_tree_filter filter;
    int rc = fi_tree_filter_init(&filter, recovering->journal->paths,
                                 recovering->journal->path_count, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct fi_difference_walk_options options = {.filter = filter.count > 0 ? &filter : NULL,
                                                 .is_to_replace = may_be_replaced,
                                                 .without_reserved = true};
    rc = fi_difference_walk(before, after, &options, rest_one, recovering, err);
    if (rc == FIRN_OK && recovering->journal->state == FI_CATALOG_JOURNAL_PREPARED) {
        rc = fi_difference_walk(before, after, &options, tighten_one, recovering, err);
    }
    if (rc == FIRN_OK && recovering->has_changed_something) {
        rc = fi_os_dir_sync_filesystem(recovering->root, err);
    }
    fi_tree_filter_deinit(&filter);
    return rc;
}

int
fi_checkout_recover_record(struct fi_ws_opened *opened, const uint8_t *id, struct fi_buf *out,
                           struct fi_catalog_record *record, firn_error *err)
{
    char text[FIRN_CHECKPOINT_ID_SIZE];
    fi_catalog_record_id_text(id, text);
    return fi_catalog_resolve(opened->catalog, opened->workspace.number, text, out, record, err);
}

int
fi_checkout_recover_rest(struct fi_ws_opened *opened, const struct fi_catalog_journal *journal,
                         const firn_callbacks *callbacks, firn_error *err)
{
    const struct fi_tree_source *trees = fi_objects_trees(opened->objects);
    struct fi_difference_walk_side sides[2];
    struct fi_catalog_record records[2];
    struct fi_buf bytes[2] = {{0}, {0}};
    const uint8_t *ids[2] = {journal->before, journal->target};
    struct recovering recovering = {.objects = opened->objects,
                                    .root = opened->root,
                                    .journal = journal,
                                    .callbacks = callbacks,
                                    .user = fi_os_user_id(fi_os_dir_os(opened->root))};
    int rc;
    DCHECK(fi_catalog_journal_is_pending(journal));
    for (size_t i = 0; i < 2; i++) {
        sides[i] = (struct fi_difference_walk_side){.source = trees};
        rc = fi_checkout_recover_record(opened, ids[i], &bytes[i], &records[i], err);
        if (rc == FIRN_OK) {
            sides[i].root = &records[i].root;
        } else if (rc != FIRN_NOT_FOUND) {
            goto out;
        }
    }
    const struct fi_difference_walk_side nothing = {.source = trees};
    rc = checkout_recover_walk(&recovering, &sides[0], &sides[1], err);
    if (rc == FIRN_CORRUPT) {
        rc = checkout_recover_walk(&recovering, &sides[0], &nothing, err);
    }
    if (rc == FIRN_CORRUPT) {
        rc = checkout_recover_walk(&recovering, &nothing, &sides[1], err);
    }
out:
    fi_os_dir_close(recovering.dir);
    fi_buf_deinit(&recovering.dir_path);
    fi_buf_deinit(&recovering.place.dir);
    fi_buf_deinit(&recovering.buf);
    fi_buf_deinit(&bytes[0]);
    fi_buf_deinit(&bytes[1]);
    return rc;
}
