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
#include "copy/copy_capture.h"
#include "threads/os_callback.h"

struct recovering {
    struct firn_objects *objects;
    struct firn_os_dir *root;
    const struct firn_catalog_journal *journal;
    const firn_callbacks *callbacks;
    const struct firn_difference_walk_change *change;
    struct firn_checkout_place place; /* of the path of the change */
    struct firn_os_dir *dir;          /* the directory of place */
    struct firn_buf dir_path;
    struct firn_buf buf;
    uint32_t user;
    bool has_changed_something;
};

/* The permission to change the names in a directory. */
enum { MAY_CHANGE_NAMES = 0300 };

/* ---- what is where ---- */

static int
look(struct recovering *recovering, const char *name, struct firn_os_stat *out, bool *out_is_there,
     firn_error *err)
{
    firn_error cause;
    int rc = firn_os_stat(recovering->dir, name, out, &cause);
    *out_is_there = rc == FIRN_OK;
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND && err != NULL) {
        *err = cause;
    }
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

/* Whether the entry at a name is a file or a link that either tree has at the path. */
static int
is_known(struct recovering *recovering, const char *name, const struct firn_os_stat *stat,
         bool *out, firn_error *err)
{
    DCHECK(recovering->change->before != NULL || recovering->change->after != NULL);
    const struct firn_tree_entry *entries[] = {recovering->change->before,
                                               recovering->change->after};
    struct firn_checkout_look at = {.dir = recovering->dir,
                                    .name = name,
                                    .stat = stat,
                                    .buf = &recovering->buf,
                                    .objects = recovering->objects};
    *out = false;
    for (size_t i = 0; i < 2 && !*out; i++) {
        if (entries[i] == NULL || entries[i]->kind == FIRN_TREE_DIR) {
            continue;
        }
        int rc = firn_checkout_look_equal(&at, entries[i], out, err);
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
    char kept[FIRN_TREE_NAME_SIZE_MAX + 1];
    int rc = firn_checkout_swap_set_aside(recovering->dir, name, firn_str(recovering->place.name),
                                          recovering->journal->tag, kept, err);
    if (rc == FIRN_OK && recovering->callbacks->on_notice != NULL) {
        char text[FIRN_TREE_NAME_SIZE_MAX + 128];
        (void)snprintf(text, sizeof text,
                       "kept beside it as '%s': it was changed while a restore was interrupted",
                       kept);
        firn_notice notice = {
            .kind = FIRN_NOTICE_KEPT, .path = recovering->change->path, .text = text};
        firn_os_callback_notice(recovering->callbacks, &notice);
    }
    return rc;
}

/* Requires: both names are taken, name by a file. *out_again: the two were exchanged, and the entry
 * under name is to be recovered again. */
static int
recover_file(struct recovering *recovering, const char *name, const struct firn_os_stat *stat,
             const struct firn_os_stat *final, bool *out_again, firn_error *err)
{
    bool known;
    int rc = is_known(recovering, name, stat, &known, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (known) {
        return firn_os_remove_file(recovering->dir, name, err);
    }
    rc = is_known(recovering, recovering->place.name, final, &known, err);
    if (rc != FIRN_OK || !known || *out_again) {
        return rc != FIRN_OK ? rc : keep_beside(recovering, name, err);
    }
    *out_again = true;
    return firn_checkout_swap_exchange(recovering->dir, name, recovering->place.name, err);
}

static int
recover_dir(struct recovering *recovering, const char *name, const struct firn_os_stat *final,
            bool *out_again, firn_error *err)
{
    bool known;
    int rc = is_known(recovering, recovering->place.name, final, &known, err);
    if (rc != FIRN_OK || !known || *out_again) {
        return rc != FIRN_OK ? rc : keep_beside(recovering, name, err);
    }
    *out_again = true;
    return firn_checkout_swap_exchange(recovering->dir, name, recovering->place.name, err);
}

/* Recovers the entry under a temporary name of a restore that had begun. */
static int
recover_entry(struct recovering *recovering, const char *name, firn_error *err)
{
    bool again = false;
    CHECK(recovering->journal->state == FIRN_CATALOG_JOURNAL_BEGUN); /* (I1) */
    for (;;) {
        struct firn_os_stat stat;
        struct firn_os_stat final;
        bool is_there;
        bool is_taken;
        bool was_again = again;
        int rc;
        FIRN_TRY(look(recovering, name, &stat, &is_there, err));
        if (!is_there) {
            return FIRN_OK;
        }
        recovering->has_changed_something = true;
        FIRN_TRY(look(recovering, recovering->place.name, &final, &is_taken, err));
        if (!is_taken) {
            return firn_os_rename(recovering->dir, name, recovering->dir, recovering->place.name,
                                  FIRN_OS_RENAME_NO_REPLACE, err);
        }
        FIRN_TRY(stat.kind == FIRN_OS_DIR
                     ? recover_dir(recovering, name, &final, &again, err)
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
    struct firn_os_stat stat;
    struct firn_os_stat other;
    bool is_there;
    bool is_taken;
    DCHECK(recovering->journal->state == FIRN_CATALOG_JOURNAL_BEGUN);
    int rc = look(recovering, aside, &stat, &is_there, err);
    if (rc != FIRN_OK || !is_there) {
        return rc;
    }
    recovering->has_changed_something = true;
    const char *free_names[] = {recovering->place.name, temporary};
    for (size_t i = 0; i < 2; i++) {
        FIRN_TRY(look(recovering, free_names[i], &other, &is_taken, err));
        if (!is_taken) {
            return firn_os_rename(recovering->dir, aside, recovering->dir, free_names[i],
                                  FIRN_OS_RENAME_NO_REPLACE, err);
        }
    }
    /* After a power cut both names of a rename may exist. */
    bool known;
    FIRN_TRY(is_known(recovering, aside, &stat, &known, err));
    rc = known ? firn_os_remove_file(recovering->dir, aside, err)
               : keep_beside(recovering, aside, err);
out:
    return rc;
}

/* Removes what a restore had prepared. */
static int
discard(struct recovering *recovering, const char *name, firn_error *err)
{
    CHECK(recovering->journal->state == FIRN_CATALOG_JOURNAL_PREPARED);
    struct firn_os_stat stat;
    bool is_there;
    int rc = look(recovering, name, &stat, &is_there, err);
    if (rc != FIRN_OK || !is_there) {
        return rc;
    }
    recovering->has_changed_something = true;
    if (stat.kind != FIRN_OS_DIR) {
        return firn_os_remove_file(recovering->dir, name, err);
    }
    struct firn_buf path = {0};
    FIRN_TRY(firn_buf_append_slice(&path, firn_buf_slice(&recovering->place.dir)));
    if (path.size > 0) {
        FIRN_TRY(firn_buf_append_u8(&path, '/'));
    }
    FIRN_TRY(firn_buf_append_str(&path, name));
    rc = firn_checkout_clear_tree(recovering->root, &path, path.size, err);
    firn_buf_deinit(&path);
    return rc == FIRN_EXISTS ? FIRN_OK : rc; /* a user has put another entry there */
out:
    firn_buf_deinit(&path);
    return firn_error_no_memory(err, "a path");
}

/* ---- the walk ---- */

static int
open_dir(struct recovering *recovering, firn_error *err)
{
    firn_slice path = firn_buf_slice(&recovering->place.dir);
    if (recovering->dir != NULL && firn_slice_equal(path, firn_buf_slice(&recovering->dir_path))) {
        return FIRN_OK;
    }
    firn_os_dir_close(recovering->dir);
    recovering->dir = NULL;
    firn_buf_clear(&recovering->dir_path);
    if (firn_buf_append_slice(&recovering->dir_path, path) != FIRN_OK) {
        return firn_error_no_memory(err, "a path");
    }
    struct firn_os_stat stat;
    int rc;
    FIRN_TRY(firn_os_dir_open_beneath(recovering->root, (const char *)recovering->place.dir.data,
                                      &recovering->dir, err));
    FIRN_TRY(firn_os_dir_stat(recovering->dir, &stat, err));
    if ((stat.mode & MAY_CHANGE_NAMES) != MAY_CHANGE_NAMES && stat.uid == recovering->user) {
        rc = firn_os_set_mode((struct firn_os_node){.dir = recovering->dir},
                              stat.mode | MAY_CHANGE_NAMES, err);
    }
out:
    return rc;
}

static int
rest_one(void *ctx, const struct firn_difference_walk_change *change, firn_error *err)
{
    struct recovering *recovering = ctx;
    if (change->kind == FIRN_DIFFERENCE_WALK_SAME || change->path.size == 0) {
        return FIRN_OK;
    }
    char temporary[FIRN_CHECKOUT_NAME_SIZE];
    char aside[FIRN_CHECKOUT_NAME_SIZE];
    const uint8_t *tag = recovering->journal->tag;
    recovering->change = change;
    firn_checkout_temporary_name(tag, change->path, temporary);
    firn_checkout_aside_name(tag, change->path, aside);
    int rc = firn_checkout_final_place(change->path, &recovering->place, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = open_dir(recovering, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    if (recovering->journal->state == FIRN_CATALOG_JOURNAL_PREPARED) {
        return discard(recovering, temporary, err);
    }
    rc = recover_aside(recovering, aside, temporary, err);
    return rc == FIRN_OK ? recover_entry(recovering, temporary, err) : rc;
}

/* Sets back the mode of a directory that was made writable. */
static int
tighten_one(void *ctx, const struct firn_difference_walk_change *change, firn_error *err)
{
    struct recovering *recovering = ctx;
    const struct firn_tree_entry *before = change->before;
    DCHECK(recovering->journal->state == FIRN_CATALOG_JOURNAL_PREPARED);
    if (before == NULL || before->kind != FIRN_TREE_DIR ||
        (before->mode & MAY_CHANGE_NAMES) == MAY_CHANGE_NAMES) {
        return FIRN_OK;
    }
    firn_buf_clear(&recovering->place.dir);
    if (firn_buf_append_slice(&recovering->place.dir, change->path) != FIRN_OK ||
        firn_buf_text(&recovering->place.dir) == NULL) {
        return firn_error_no_memory(err, "a path");
    }
    struct firn_os_dir *dir;
    int rc = firn_os_dir_open_beneath(recovering->root, (const char *)recovering->place.dir.data,
                                      &dir, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    struct firn_os_stat stat;
    rc = firn_os_dir_stat(dir, &stat, err);
    if (rc == FIRN_OK && stat.mode == (before->mode | MAY_CHANGE_NAMES)) {
        rc = firn_os_set_mode((struct firn_os_node){.dir = dir}, before->mode, err);
        recovering->has_changed_something = true;
    }
    firn_os_dir_close(dir);
    return rc;
}

/* Whether a restore may have replaced a file that is the same in both trees
 * (firn_checkout_stores_has_tail). */
static bool
may_be_replaced(const void *ctx, firn_slice path)
{
    (void)ctx;
    firn_slice name = firn_checkout_name_in(path);
    char text[FIRN_TREE_NAME_SIZE_MAX + 1];
    memcpy(text, name.data, name.size);
    text[name.size] = '\0';
    return firn_copy_capture_is_own(text);
}

static int
walk(struct recovering *recovering, const struct firn_difference_walk_side *before,
     const struct firn_difference_walk_side *after, firn_error *err)
{
    struct firn_tree_filter filter;
    int rc = firn_tree_filter_init(&filter, recovering->journal->paths,
                                   recovering->journal->path_count, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct firn_difference_walk_options options = {.filter = filter.count > 0 ? &filter : NULL,
                                                   .is_to_replace = may_be_replaced,
                                                   .without_reserved = true};
    rc = firn_difference_walk(before, after, &options, rest_one, recovering, err);
    if (rc == FIRN_OK && recovering->journal->state == FIRN_CATALOG_JOURNAL_PREPARED) {
        rc = firn_difference_walk(before, after, &options, tighten_one, recovering, err);
    }
    if (rc == FIRN_OK && recovering->has_changed_something) {
        rc = firn_os_dir_sync_filesystem(recovering->root, err);
    }
    firn_tree_filter_deinit(&filter);
    return rc;
}

int
firn_checkout_recover_record(struct firn_ws_opened *opened, const uint8_t *id, struct firn_buf *out,
                             struct firn_catalog_record *record, firn_error *err)
{
    char text[FIRN_CHECKPOINT_ID_SIZE];
    firn_catalog_record_id_text(id, text);
    return firn_catalog_resolve(opened->catalog, opened->workspace.number, text, out, record, err);
}

int
firn_checkout_recover_rest(struct firn_ws_opened *opened,
                           const struct firn_catalog_journal *journal,
                           const firn_callbacks *callbacks, firn_error *err)
{
    const struct firn_tree_source *trees = firn_objects_trees(opened->objects);
    struct firn_difference_walk_side sides[2];
    struct firn_catalog_record records[2];
    struct firn_buf bytes[2] = {{0}, {0}};
    const uint8_t *ids[2] = {journal->before, journal->target};
    struct recovering recovering = {.objects = opened->objects,
                                    .root = opened->root,
                                    .journal = journal,
                                    .callbacks = callbacks,
                                    .user = firn_os_user_id(firn_os_dir_os(opened->root))};
    int rc;
    DCHECK(firn_catalog_journal_is_pending(journal));
    for (size_t i = 0; i < 2; i++) {
        sides[i] = (struct firn_difference_walk_side){.source = trees};
        rc = firn_checkout_recover_record(opened, ids[i], &bytes[i], &records[i], err);
        if (rc == FIRN_OK) {
            sides[i].root = &records[i].root;
        } else if (rc != FIRN_NOT_FOUND) {
            goto out;
        }
    }
    const struct firn_difference_walk_side nothing = {.source = trees};
    rc = walk(&recovering, &sides[0], &sides[1], err);
    if (rc == FIRN_CORRUPT) {
        rc = walk(&recovering, &sides[0], &nothing, err);
    }
    if (rc == FIRN_CORRUPT) {
        rc = walk(&recovering, &nothing, &sides[1], err);
    }
out:
    firn_os_dir_close(recovering.dir);
    firn_buf_deinit(&recovering.dir_path);
    firn_buf_deinit(&recovering.place.dir);
    firn_buf_deinit(&recovering.buf);
    firn_buf_deinit(&bytes[0]);
    firn_buf_deinit(&bytes[1]);
    return rc;
}
