/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_apply_plan.c: the pass that looks what there is to do.
 *
 * It tells each change to the caller and looks whether something that is in neither tree stands
 * where something must go: an entry that a rule left out, a special file, or one that could not be
 * read. Such a thing was not saved, so it must not be replaced or removed (I1): the restore is
 * refused before anything is written, unless what stands there is equal to what would be written:
 * then it is left alone (I3), and so is the lock of a store. A directory that goes away may hold such things and then
 * simply stays; a directory that must become a file may not. Only what a store in the tree makes again
 * goes along with its directory (ws_restore_stores.c). What a hard link names must be in the
 * tree: a link is never made to whatever happens to have that name (I2).
 *
 * Where stores lie in the tree a first pass, which tells nobody, finds those of them that are to change.
 * Only then is it known which of their files have to be replaced although the trees have the same of them
 * (firn_ws_restore_stores_has_tail), and all further passes find the same changes (I4).
 */
#include "base/slice.h"
#include "tree/tree_lookup.h"
#include "workspace/ws_apply_internal.h"
#include "workspace/ws_apply_look.h"
#include "workspace/ws_restore_stores.h"

static int
is_in_the_way(firn_slice path, firn_error *err)
{
    return firn_error_set(err, FIRN_CONFLICT,
                          "'%.*s' is in the way and is not part of the saved state (left out by a "
                          "rule, special, unreadable or being written): move it away and try again",
                          (int)(path.size < 512 ? path.size : 512), (const char *)path.data);
}

/* Whether something of what stands at a path is in no checkpoint, although no rule says so. */
static bool
is_unsaved(const struct firn_ws_apply *apply, firn_slice path)
{
    const struct firn_ws_apply_options *options = &apply->options;
    return options->is_unsaved != NULL && options->is_unsaved(options->unsaved, path);
}

static int
is_not_saved(firn_slice path, firn_error *err)
{
    return firn_error_set(
        err, FIRN_CONFLICT,
        "'%.*s' has attributes that could not be read and so are in no checkpoint: "
        "make them readable, or move it away, and try again",
        (int)(path.size < 512 ? path.size : 512), (const char *)path.data);
}

/* Of some paths only: what is above one of them is no directory, and is not to be restored. */
static int
has_no_directory(firn_slice path, firn_error *err)
{
    return firn_error_set(
        err, FIRN_CONFLICT,
        "'%.*s' could not be restored: there is no directory for it; restore what "
        "is above it too, or, if somebody just moved that, run it again",
        (int)(path.size < 512 ? path.size : 512), (const char *)path.data);
}

/* Whether what stands where an entry is to be added may stay (I3). */
static int
may_stay(const struct firn_ws_apply_look *look, const struct firn_tree_entry *after, bool *out,
         firn_error *err)
{
    int rc = firn_ws_apply_look_equal(look, after, out, err);
    if (after->kind == FIRN_TREE_FILE) {
        bool is_group = after->hard_link.size > 0 || look->stat->nlink > 1;
        *out = *out && look->stat->mode == after->mode && !is_group;
    }
    return rc;
}

/* Whether what is to be added is the lock of a store. It is never restored: whoever restores a store
 * makes it by taking it. */
static bool
is_lock(const struct firn_ws_apply *apply, const struct firn_ws_diff_change *change)
{
    return apply->options.stores != NULL && change->after->kind != FIRN_TREE_DIR &&
           firn_ws_restore_stores_is_lock(apply->options.stores, change->path);
}

/* What is to be added must find its name free, or taken by its equal: *out_is_there. */
static int
check_is_free(struct firn_ws_apply *apply, const struct firn_ws_diff_change *change,
              bool *out_is_there, firn_error *err)
{
    struct firn_ws_apply_place place = {0};
    struct firn_os_dir *dir = NULL;
    struct firn_os_stat stat;
    int rc;
    *out_is_there = is_lock(apply, change);
    if (*out_is_there) {
        return firn_ws_apply_add_there(apply, change->path, err);
    }
    FIRN_TRY(firn_ws_apply_final_place(change->path, &place, err));
    rc = firn_os_dir_open_beneath(apply->options.root, (const char *)place.dir.data, &dir, err);
    if (rc == FIRN_NOT_FOUND) {
        rc = has_no_directory(change->path, err);
        goto out;
    }
    if (rc != FIRN_OK) {
        goto out;
    }
    rc = firn_os_stat(dir, place.name, &stat, err);
    if (rc == FIRN_OK) {
        struct firn_ws_apply_look look = {
            .dir = dir, .name = place.name, .stat = &stat, .buf = &apply->path};
        if (!is_unsaved(apply, change->path)) {
            FIRN_TRY(may_stay(&look, change->after, out_is_there, err));
        }
        rc = *out_is_there ? firn_ws_apply_add_there(apply, change->path, err)
                           : is_in_the_way(change->path, err);
    } else if (rc == FIRN_NOT_FOUND) {
        rc = FIRN_OK;
    }
out:
    firn_os_dir_close(dir);
    firn_buf_deinit(&place.dir);
    return rc;
}

struct names {
    const struct firn_ws_restore_stores *stores; /* may be NULL */
    struct firn_os_dir *dir;
    firn_slice path;
    uint64_t count;
};

static int
count_name(void *ctx, const struct firn_os_dirent *entry)
{
    struct names *names = ctx;
    bool goes_along =
        names->stores != NULL &&
        firn_ws_restore_stores_is_leftover(names->stores, names->dir, names->path, entry->name);
    names->count += goes_along ? 0 : 1;
    return FIRN_OK;
}

/* A directory that must make room may hold nothing but what its tree knows. */
static int
check_holds_nothing_else(struct firn_ws_apply *apply, firn_slice path,
                         const struct firn_tree_entry *directory, firn_error *err)
{
    uint64_t known = 0;
    struct names found = {.stores = apply->options.stores, .path = path};
    struct firn_tree_iterator *iterator = NULL;
    struct firn_os_dir *dir = NULL;
    int rc;
    FIRN_TRY(
        firn_tree_iterator_create(apply->options.before.source, &directory->hash, &iterator, err));
    for (;;) {
        const struct firn_tree_entry *entry;
        bool is_end;
        FIRN_TRY(firn_tree_iterator_next(iterator, &entry, &is_end, err));
        if (is_end) {
            break;
        }
        known++;
    }
    firn_buf_clear(&apply->path);
    if (firn_buf_append_slice(&apply->path, path) != FIRN_OK ||
        firn_buf_text(&apply->path) == NULL) {
        rc = firn_error_no_memory(err, "a path");
        goto out;
    }
    FIRN_TRY(
        firn_os_dir_open_beneath(apply->options.root, (const char *)apply->path.data, &dir, err));
    found.dir = dir;
    FIRN_TRY(firn_os_dir_list(dir, count_name, &found, err));
    if (found.count > known) {
        rc = is_in_the_way(path, err);
    }
out:
    firn_os_dir_close(dir);
    firn_tree_iterator_destroy(iterator);
    return rc;
}

static void
count_file(struct firn_ws_apply *apply, const struct firn_ws_diff_change *change)
{
    bool was_file = change->before != NULL && change->before->kind != FIRN_TREE_DIR;
    bool is_file = change->after != NULL && change->after->kind != FIRN_TREE_DIR;
    struct firn_ws_apply_counts *counts = &apply->counts;
    if (change->kind == FIRN_WS_DIFF_SAME) {
        counts->same += is_file ? 1 : 0;
        return;
    }
    if (was_file && is_file) {
        counts->changed++;
    } else if (is_file) {
        counts->added++;
    } else if (was_file) {
        counts->removed++;
    }
    if (!was_file || !is_file) {
        bool dir_differs = change->kind != FIRN_WS_DIFF_CHANGED || change->what != 0;
        bool has_dir = (change->before != NULL && !was_file) || (change->after != NULL && !is_file);
        counts->directories += has_dir && dir_differs ? 1 : 0;
    }
    if (firn_ws_apply_needs_content(change)) {
        counts->bytes += change->after->size;
    }
}

static int
tell(struct firn_ws_apply *apply, const struct firn_ws_diff_change *change, firn_error *err)
{
    if (apply->options.visit == NULL || change->kind == FIRN_WS_DIFF_SAME ||
        change->path.size == 0) {
        return FIRN_OK;
    }
    firn_change told;
    firn_entry_info before;
    firn_entry_info after;
    firn_ws_diff_to_change(change, &before, &after, &told);
    int rc = apply->options.visit(apply->options.callbacks.ctx, &told);
    return rc == FIRN_OK ? FIRN_OK : firn_error_set(err, rc, "stopped by the caller");
}

struct plan {
    struct firn_ws_apply *apply;
    struct firn_buf
        vanishing;          /* path of the directory that becomes something else, if inside one */
    struct firn_buf coming; /* path of the directory that is added, if inside one */
    struct firn_tree_lookup links;
    bool is_silent;
    bool has_symlinks; /* among what is to be made or changed */
};

static bool
is_inside(const struct firn_buf *root, firn_slice path)
{
    return root->size > 0 && path.size > root->size && path.data[root->size] == '/' &&
           memcmp(path.data, root->data, root->size) == 0;
}

static int
remember(struct firn_buf *root, firn_slice path, firn_error *err)
{
    firn_buf_clear(root);
    return firn_buf_append_slice(root, path) == FIRN_OK ? FIRN_OK
                                                        : firn_error_no_memory(err, "a path");
}

static int
check_room(struct plan *plan, const struct firn_ws_diff_change *change, bool *out_is_there,
           firn_error *err)
{
    bool was_dir = change->before != NULL && change->before->kind == FIRN_TREE_DIR;
    bool type_changes =
        change->kind == FIRN_WS_DIFF_CHANGED && (change->what & FIRN_WS_DIFF_TYPE) != 0;
    int rc = FIRN_OK;
    if (change->kind == FIRN_WS_DIFF_ADDED && !is_inside(&plan->coming, change->path)) {
        FIRN_TRY(check_is_free(plan->apply, change, out_is_there, err));
        if (change->after->kind == FIRN_TREE_DIR && !*out_is_there) {
            FIRN_TRY(remember(&plan->coming, change->path, err));
        }
    }
    if (type_changes && change->after->kind == FIRN_TREE_DIR) {
        FIRN_TRY(remember(&plan->coming, change->path, err));
    }
    if (type_changes && was_dir) {
        FIRN_TRY(remember(&plan->vanishing, change->path, err));
    }
    if (was_dir && (type_changes || is_inside(&plan->vanishing, change->path))) {
        FIRN_TRY(check_holds_nothing_else(plan->apply, change->path, change->before, err));
    }
out:
    return rc;
}

/* Before a change is told, and of something that is there before it is looked at. */
static int
prepare_store(struct firn_ws_apply *apply, const struct firn_ws_diff_change *change,
              firn_error *err)
{
    return apply->options.stores != NULL && change->kind != FIRN_WS_DIFF_SAME
               ? firn_ws_restore_stores_change(apply->options.stores, change, err)
               : FIRN_OK;
}

static int
plan_change(void *ctx, const struct firn_ws_diff_change *change, firn_error *err)
{
    struct plan *plan = ctx;
    bool is_there = false;
    int rc = change->before != NULL ? prepare_store(plan->apply, change, err) : FIRN_OK;
    if (rc == FIRN_OK && !plan->apply->into_empty) {
        rc = check_room(plan, change, &is_there, err);
    }
    if (rc != FIRN_OK || is_there) {
        return rc;
    }
    if (change->before != NULL && change->kind != FIRN_WS_DIFF_SAME &&
        is_unsaved(plan->apply, change->path)) {
        return is_not_saved(change->path, err);
    }
    rc = change->before == NULL ? prepare_store(plan->apply, change, err) : FIRN_OK;
    if (rc != FIRN_OK) {
        return rc;
    }
    count_file(plan->apply, change);
    plan->has_symlinks =
        plan->has_symlinks || (change->kind != FIRN_WS_DIFF_SAME && change->after != NULL &&
                               change->after->kind == FIRN_TREE_SYMLINK);
    if (firn_ws_apply_needs_content(change) &&
        firn_ws_apply_batch_link_of(plan->apply, change->after).size > 0) {
        rc = firn_tree_lookup_check_link(&plan->links, change->path, change->after, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return plan->is_silent ? FIRN_OK : tell(plan->apply, change, err);
}

static int
pass(struct firn_ws_apply *apply, bool is_silent, firn_error *err)
{
    struct plan plan = {.apply = apply, .is_silent = is_silent};
    struct firn_ws_diff_options options = firn_ws_apply_diff_options(apply);
    options.with_same = apply->options.count_same;
    firn_tree_lookup_init(&plan.links, apply->options.after.source,
                          &apply->options.after.root->hash);
    int rc = firn_ws_diff(&apply->options.before, &apply->options.after, &options, plan_change,
                          &plan, err);
    const struct firn_ws_apply_counts *counts = &apply->counts;
    apply->syncs_each = !plan.has_symlinks &&
                        counts->added + counts->changed + counts->removed + counts->directories <=
                            FIRN_WS_APPLY_FEW;
    firn_buf_deinit(&plan.vanishing);
    firn_buf_deinit(&plan.coming);
    firn_tree_lookup_deinit(&plan.links);
    return rc;
}

int
firn_ws_apply_plan(struct firn_ws_apply *apply, firn_error *err)
{
    const struct firn_ws_restore_stores *stores = apply->options.stores;
    int rc = FIRN_OK;
    if (stores != NULL && stores->stores.count > 0) { /* (I4) */
        rc = pass(apply, true, err);
        apply->counts = (struct firn_ws_apply_counts){0};
        firn_hash_map_clear(&apply->there);
    }
    rc = rc == FIRN_OK ? pass(apply, false, err) : rc;
    if (rc == FIRN_OK && apply->options.filter != NULL) {
        rc = firn_ws_filter_check_met(apply->options.filter, err);
    }
    return rc;
}
