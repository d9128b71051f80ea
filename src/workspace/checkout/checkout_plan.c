/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_plan.c: the pass that finds out what to do.
 *
 * The plan reports each change to the caller. It also checks whether an entry that is in neither
 * tree is where a new one must go: an entry that a rule excludes, a special file, or one that could
 * not be read. Such an entry was not saved, so it must not be replaced or removed (I1): it stays,
 * nothing is put in its place, and that is reported (checkout_left.c). If it equals what would be
 * written, or is the lock of a store, there is nothing to do (I3). A directory to be removed that
 * holds such entries stays, and is no change; one that must become a file and holds some stays with
 * everything in it. Only files that a store in the tree makes again are removed with their
 * directory (checkout_stores.c). The target of a hard link must be in the tree: a link is never
 * made to any other file of that name (I2).
 *
 * If there are stores in the tree, a first pass, which reports nothing, finds those that will
 * change. Only then is it known which of their files have to be replaced although both trees have
 * the same content for them (fi_checkout_stores_has_tail). The second, reporting pass records the
 * changes for all further passes (checkout_record.c), which find the same changes (I4; not checked
 * if there are too many to record: that would take one more walk for each pass).
 */
#include <stdio.h>

#include "base/check.h"
#include "base/slice.h"
#include "checkout/checkout.h"
#include "checkout/checkout_internal.h"
#include "tree/tree.h"

/* ---- what stays as it is ---- */

/* Why what is at a path, or a part of it, is in no checkpoint. */
static enum fi_checkout_unsaved
why_unsaved(const struct fi_checkout *checkout, firn_slice path, size_t *out_size)
{
    const struct fi_checkout_options *options = &checkout->options;
    *out_size = path.size;
    const enum fi_checkout_unsaved why =
        options->unsaved_why != NULL ? options->unsaved_why(options->unsaved, path, out_size)
                                     : FI_CHECKOUT_SAVED;
    DCHECK(*out_size <= path.size);
    return why;
}

/* Whether the caller named this path. */
static bool
is_asked_for(const struct fi_checkout *checkout, firn_slice path)
{
    const struct fi_tree_filter *filter = checkout->options.filter;
    for (size_t i = 0; filter != NULL && i < filter->count; i++) {
        if (fi_slice_equal(filter->paths[i], path)) {
            return true;
        }
    }
    return false;
}

/* Leaves alone an entry that is in no checkpoint. */
static int
leave_unsaved(struct fi_checkout *checkout, firn_slice path, const struct fi_os_stat *stat,
              firn_error *err)
{
    size_t size;
    const enum fi_checkout_unsaved why = why_unsaved(checkout, path, &size);
    if (why == FI_CHECKOUT_EXCLUDED && !is_asked_for(checkout, path)) {
        return fi_checkout_left_excluded(checkout, path, size, err);
    }
    const bool is_special =
        stat->kind != FI_OS_FILE && stat->kind != FI_OS_DIR && stat->kind != FI_OS_SYMLINK;
    return fi_checkout_left_behind(
        checkout, path,
        why == FI_CHECKOUT_EXCLUDED
            ? "today's rules exclude the entry that is there: move it away first"
        : why == FI_CHECKOUT_UNREAD ? "the file there could not be read, so no checkpoint has "
                                      "it: make it readable, or move it away"
        : is_special                ? "there is a fifo, socket or device: move it away first"
                     : "the file there appeared during the restore, so no checkpoint has it",
        err);
}

/* Refuses the whole restore if an entry would be displaced whose attributes no checkpoint has (I1):
 * an undo could not bring them back. */
static int
refuse_unsaved(firn_slice path, firn_error *err)
{
    return fi_error_set(err, FIRN_CONFLICT,
                        "'%.*s' has attributes that could not be read and so are in no checkpoint: "
                        "make them readable, or move it away, and try again",
                        (int)(path.size < 512 ? path.size : 512), (const char *)path.data);
}

/* Fails because an entry above one of the named paths is not a directory and is not restored
 * itself. */
static int
refuse_no_directory(firn_slice path, firn_error *err)
{
    return fi_error_set(err, FIRN_CONFLICT,
                        "'%.*s' could not be restored: its directory does not exist; restore "
                        "the directory too, or, if it was moved meanwhile, run it again",
                        (int)(path.size < 512 ? path.size : 512), (const char *)path.data);
}

/* Whether an existing entry may stay where one is to be added (I3). */
static int
may_stay(const struct fi_checkout_look *look, const struct fi_tree_entry *after, bool *out,
         firn_error *err)
{
    int rc = fi_checkout_inspect_equal(look, after, out, err);
    if (after->kind == FI_TREE_FILE) {
        bool is_group = after->hard_link.size > 0 || look->stat->nlink > 1;
        *out = *out && look->stat->mode == after->mode && !is_group;
    }
    return rc;
}

/* Whether the entry to add is the lock of a store. Locks are never restored: a restore of a store
 * creates the lock when it takes it. */
static bool
is_lock(const struct fi_checkout *checkout, const struct fi_difference_walk_change *change)
{
    return checkout->options.stores != NULL && change->after->kind != FI_TREE_DIR &&
           fi_checkout_stores_is_lock(checkout->options.stores, change->path);
}

/* Opens the directory of an entry. */
static int
open_above(struct fi_checkout *checkout, firn_slice path, struct fi_checkout_place *place,
           struct fi_os_dir **out, firn_error *err)
{
    int rc = fi_checkout_place_final(path, place, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = fi_os_dir_open_beneath(checkout->options.root, (const char *)place->dir.data, out, err);
    return rc == FIRN_NOT_FOUND ? refuse_no_directory(path, err) : rc;
}

static int
checkout_plan_tick(void *ctx, uint64_t bytes, firn_error *err)
{
    (void)bytes;
    return fi_checkout_progress(ctx, 0, 0, err);
}

/* The name of an entry to add must be free, or taken by an equal entry; otherwise the existing
 * entry stays. */
static int
check_is_free(struct fi_checkout *checkout, const struct fi_difference_walk_change *change,
              firn_error *err)
{
    DCHECK(change->before == NULL && !checkout->into_empty);
    struct fi_checkout_place place = {0};
    struct fi_os_dir *dir = NULL;
    struct fi_os_stat stat;
    size_t size;
    bool is_equal = false;
    int rc;
    if (is_lock(checkout, change)) {
        return fi_checkout_left_itself(checkout, change->path, err);
    }
    FI_TRY(open_above(checkout, change->path, &place, &dir, err));
    rc = fi_os_stat(dir, place.name, &stat, err);
    if (rc == FIRN_OK) {
        struct fi_checkout_look look = {.dir = dir,
                                        .name = place.name,
                                        .stat = &stat,
                                        .buf = &checkout->path,
                                        .objects = checkout->options.objects,
                                        .tick = checkout_plan_tick,
                                        .ctx = checkout};
        if (why_unsaved(checkout, change->path, &size) != FI_CHECKOUT_UNREAD) {
            FI_TRY(may_stay(&look, change->after, &is_equal, err));
        }
        rc = is_equal ? fi_checkout_left_itself(checkout, change->path, err)
                      : leave_unsaved(checkout, change->path, &stat, err);
        DCHECK(rc != FIRN_OK || fi_checkout_left_has(checkout, change->path)); /* (I1), (I3) */
    } else if (rc == FIRN_NOT_FOUND) {
        rc = FIRN_OK;
    }
out:
    fi_os_dir_close(dir);
    fi_buf_deinit(&place.dir);
    return rc;
}

/* To be called before a change is reported, and before an existing entry is examined. */
static int
prepare_store(struct fi_checkout *checkout, const struct fi_difference_walk_change *change,
              firn_error *err)
{
    struct fi_checkout_stores *stores = checkout->options.stores;
    if (stores == NULL || change->kind == FI_DIFFERENCE_WALK_SAME) {
        return FIRN_OK;
    }
    int rc = fi_checkout_stores_change(stores, change, err);
    return rc == FIRN_OK ? fi_checkout_sqlite_change(stores, change, err) : rc;
}

/* ---- a directory that becomes something else ---- */

struct names {
    struct fi_checkout *checkout;
    struct fi_os_dir *dir;
    struct fi_buf path; /* of the directory, and then of an entry */
    size_t path_size;
    uint64_t count;
    uint64_t excluded;
    firn_error *err;
};

static int
count_name(void *ctx, const struct fi_os_dirent *entry)
{
    struct names *names = ctx;
    const struct fi_checkout_stores *stores = names->checkout->options.stores;
    const firn_slice dir = firn_bytes(names->path.data, names->path_size);
    size_t size;
    if (stores != NULL && fi_checkout_stores_is_leftover(stores, names->dir, dir, entry->name)) {
        return FIRN_OK;
    }
    names->path.size = names->path_size;
    if (fi_buf_append_u8(&names->path, '/') != FIRN_OK ||
        fi_buf_append(&names->path, entry->name, entry->name_size) != FIRN_OK) {
        return fi_error_no_memory(names->err, "a path");
    }
    names->count++;
    names->excluded +=
        why_unsaved(names->checkout, fi_buf_slice(&names->path), &size) == FI_CHECKOUT_EXCLUDED;
    DCHECK(names->excluded <= names->count);
    return FIRN_OK;
}

static int
count_entries(struct fi_checkout *checkout, const struct fi_tree_entry *directory, uint64_t *out,
              firn_error *err)
{
    struct fi_tree_iterator *iterator = NULL;
    int rc;
    *out = 0;
    FI_TRY(
        fi_tree_iterator_create(checkout->options.before.source, &directory->hash, &iterator, err));
    for (;;) {
        const struct fi_tree_entry *entry;
        bool is_end;
        FI_TRY(fi_tree_iterator_next(iterator, &entry, &is_end, err));
        if (is_end) {
            break;
        }
        ++*out;
    }
out:
    fi_tree_iterator_destroy(iterator);
    return rc;
}

/* What prevents a directory from becoming something else. */
enum hindrance { NO_HINDRANCE, EXCLUDED_INSIDE, UNSAVED_INSIDE, FIXED_INSIDE };

/* Checks one directory: it may hold only what its tree has. */
static int
inspect_inside(struct fi_checkout *checkout, firn_slice path, const struct fi_tree_entry *directory,
               enum hindrance *out, firn_error *err)
{
    struct names names = {.checkout = checkout, .path_size = path.size, .err = err};
    uint64_t known;
    int rc;
    DCHECK(directory->kind == FI_TREE_DIR);
    FI_TRY(count_entries(checkout, directory, &known, err));
    if (fi_buf_append_slice(&names.path, path) != FIRN_OK || fi_buf_text(&names.path) == NULL) {
        rc = fi_error_no_memory(err, "a path");
        goto out;
    }
    FI_TRY(fi_os_dir_open_beneath(checkout->options.root, (const char *)names.path.data, &names.dir,
                                  err));
    FI_TRY(fi_os_dir_list(names.dir, count_name, &names, err));
    if (names.count > known) {
        *out = names.count - names.excluded > known ? UNSAVED_INSIDE : EXCLUDED_INSIDE;
    }
out:
    fi_os_dir_close(names.dir);
    fi_buf_deinit(&names.path);
    return rc;
}

struct vanishing {
    struct fi_checkout *checkout;
    struct fi_checkout_able able;
    firn_slice root;
    enum hindrance hindrance;
};

static int
inspect_vanishing(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct vanishing *vanishing = ctx;
    const firn_slice root = vanishing->root;
    enum hindrance found = NO_HINDRANCE;
    bool is_inside = change->path.size >= root.size && fi_slice_has_prefix(change->path, root);
    size_t size;
    if (!is_inside || change->before == NULL) {
        return FIRN_OK;
    }
    const enum fi_checkout_unsaved why = why_unsaved(vanishing->checkout, change->path, &size);
    FI_TRY_RETURN(prepare_store(vanishing->checkout, change, err));
    if (why == FI_CHECKOUT_WITHOUT_ATTRIBUTES) {
        return refuse_unsaved(change->path, err);
    }
    char not_able[FI_CHECKOUT_ABLE_WHY_SIZE];
    FI_TRY_RETURN(fi_checkout_able_query(&vanishing->able, change, not_able, err));
    if (not_able[0] != '\0') {
        found = FIXED_INSIDE;
    } else if (why != FI_CHECKOUT_SAVED) {
        found = UNSAVED_INSIDE;
    } else if (change->before->kind == FI_TREE_DIR) {
        FI_TRY_RETURN(
            inspect_inside(vanishing->checkout, change->path, change->before, &found, err));
    }
    vanishing->hindrance = found > vanishing->hindrance ? found : vanishing->hindrance;
    return FIRN_OK;
}

/* Whether everything in a directory that becomes something else may be removed; if not, the
 * directory stays. To be called before the change is reported. */
static int
check_may_vanish(struct fi_checkout *checkout, const struct fi_difference_walk_change *change,
                 firn_error *err)
{
    DCHECK(change->before->kind == FI_TREE_DIR && change->after->kind != FI_TREE_DIR);
    struct vanishing vanishing = {
        .checkout = checkout,
        .able = {.root = checkout->options.root, .user = fi_os_user_id(checkout->os)},
        .root = change->path};
    struct fi_tree_filter filter;
    int rc = fi_tree_filter_init(&filter, &change->path, 1, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct fi_difference_walk_options options = {.filter = &filter};
    rc = fi_difference_walk(&checkout->options.before, &checkout->options.after, &options,
                            inspect_vanishing, &vanishing, err);
    fi_tree_filter_deinit(&filter);
    fi_checkout_able_deinit(&vanishing.able);
    if (rc == FIRN_OK && vanishing.hindrance == EXCLUDED_INSIDE &&
        !is_asked_for(checkout, change->path)) {
        rc = fi_checkout_left_excluded(checkout, change->path, change->path.size, err);
    } else if (rc == FIRN_OK && vanishing.hindrance != NO_HINDRANCE) {
        rc = fi_checkout_left_behind(
            checkout, change->path,
            vanishing.hindrance == FIXED_INSIDE
                ? "the directory there contains something that cannot be removed"
                : "the directory there contains something that is in no checkpoint: move it away "
                  "first",
            err);
    }
    return rc;
}

/* ---- counting and reporting ---- */

/* Whether a directory that is to be removed stays, because of what is in it. */
static bool
stays(const struct fi_checkout *checkout, const struct fi_difference_walk_change *change)
{
    const struct fi_checkout_options *options = &checkout->options;
    return change->kind == FI_DIFFERENCE_WALK_REMOVED && change->before->kind == FI_TREE_DIR &&
           options->holds_unsaved != NULL && options->holds_unsaved(options->unsaved, change->path);
}

/* A dry run of a restore of paths compares with the whole other tree, the restore with one in which
 * an entry at a path is no link to one elsewhere (difference_graft.c). */
static bool
is_same(struct fi_checkout *checkout, const struct fi_difference_walk_change *change)
{
    const struct fi_checkout_stores *stores = checkout->options.stores;
    if (change->kind == FI_DIFFERENCE_WALK_SAME) {
        return true;
    }
    return stores != NULL && stores->is_dry && change->what == FI_DIFFERENCE_WALK_GROUP &&
           change->before != NULL && change->after != NULL &&
           fi_slice_equal(change->before->hard_link,
                          fi_checkout_batch_link_of(checkout, change->after));
}

static void
count_file(struct fi_checkout *checkout, const struct fi_difference_walk_change *change)
{
    DCHECK(!fi_checkout_left_has(checkout, change->path));
    bool was_file = change->before != NULL && change->before->kind != FI_TREE_DIR;
    bool is_file = change->after != NULL && change->after->kind != FI_TREE_DIR;
    struct fi_checkout_counts *counts = &checkout->counts;
    if (is_same(checkout, change)) {
        counts->same += is_file && checkout->options.count_same ? 1 : 0;
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
        bool dir_differs = change->kind != FI_DIFFERENCE_WALK_CHANGED || change->what != 0;
        bool has_dir = (change->before != NULL && !was_file) || (change->after != NULL && !is_file);
        counts->directories += has_dir && dir_differs ? 1 : 0;
        counts->times += fi_difference_walk_is_dir_time(change) ? 1 : 0;
    }
    if (fi_checkout_walk_needs_content(change)) {
        counts->bytes += change->after->size;
    }
}

static int
checkout_plan_report(struct fi_checkout *checkout, const struct fi_difference_walk_change *change,
                     firn_error *err)
{
    if (checkout->options.visit == NULL || is_same(checkout, change) || change->path.size == 0) {
        return FIRN_OK;
    }
    firn_workspace_change told;
    firn_workspace_entry before;
    firn_workspace_entry after;
    fi_difference_walk_to_change(change, &before, &after, &told);
    return fi_error_stopped(err, checkout->options.visit(checkout->options.callbacks.ctx, &told));
}

static void
on_reserved(void *ctx, firn_slice path, const char *reason)
{
    struct fi_checkout *checkout = ctx;
    char text[128];
    (void)snprintf(text, sizeof text, "never restored: it %s", reason);
    fi_checkout_progress_notice(checkout, FIRN_NOTICE_RESERVED, path, text);
    checkout->counts.incomplete++;
}

struct plan {
    struct fi_checkout *checkout;
    struct fi_buf coming; /* path of the directory that is added, if inside one */
    struct fi_tree_lookup links;
    struct fi_checkout_able able;
    bool has_symlinks; /* among what is to be made or changed */
};

static bool
is_inside(const struct fi_buf *root, firn_slice path)
{
    return root->size > 0 && path.size > root->size && path.data[root->size] == '/' &&
           memcmp(path.data, root->data, root->size) == 0;
}

/* Leaves an entry alone that the system refuses to change. Of a directory that stays one, only the
 * attributes are left. If only its time would change, nothing is reported: the time moves with
 * every change inside. */
static int
leave_refused(struct fi_checkout *checkout, const struct fi_difference_walk_change *change,
              const char *why, firn_error *err)
{
    DCHECK(why[0] != '\0' && change->path.size > 0);
    if (change->before == NULL || change->after == NULL || change->before->kind != FI_TREE_DIR ||
        change->after->kind != FI_TREE_DIR) {
        return fi_checkout_left_behind(checkout, change->path, why, err);
    }
    return fi_difference_walk_is_dir_time(change)
               ? fi_checkout_left_itself(checkout, change->path, err)
               : fi_checkout_left_attributes(checkout, change->path, why, err);
}

/* Finds out whether a change can be made; if not, leaves the entry alone. */
static int
check_room(struct plan *plan, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct fi_checkout *checkout = plan->checkout;
    bool type_changes =
        change->kind == FI_DIFFERENCE_WALK_CHANGED && (change->what & FI_DIFFERENCE_WALK_TYPE) != 0;
    bool comes = fi_checkout_walk_makes_dir(change);
    size_t size;
    if (is_inside(&plan->coming, change->path)) {
        return FIRN_OK;
    }
    if (change->kind == FI_DIFFERENCE_WALK_ADDED) {
        FI_TRY_RETURN(check_is_free(checkout, change, err));
    } else if (change->kind != FI_DIFFERENCE_WALK_SAME || change->is_entered) {
        enum fi_checkout_unsaved why = why_unsaved(checkout, change->path, &size);
        if (why == FI_CHECKOUT_WITHOUT_ATTRIBUTES && change->kind != FI_DIFFERENCE_WALK_SAME) {
            return refuse_unsaved(change->path, err);
        } else if (why == FI_CHECKOUT_UNREAD) {
            FI_TRY_RETURN(
                fi_checkout_left_behind(checkout, change->path,
                                        "it could not be read: make it readable, or move it "
                                        "away",
                                        err));
        }
    }
    if (!fi_checkout_left_has(checkout, change->path)) {
        char why[FI_CHECKOUT_ABLE_WHY_SIZE];
        FI_TRY_RETURN(fi_checkout_able_query(&plan->able, change, why, err));
        if (why[0] != '\0') {
            FI_TRY_RETURN(leave_refused(checkout, change, why, err));
        }
    }
    if (type_changes && change->before->kind == FI_TREE_DIR &&
        !fi_checkout_left_has(checkout, change->path)) {
        FI_TRY_RETURN(check_may_vanish(checkout, change, err));
    }
    if (comes && !fi_checkout_left_has(checkout, change->path)) {
        fi_buf_clear(&plan->coming);
        if (fi_buf_append_slice(&plan->coming, change->path) != FIRN_OK) {
            return fi_error_no_memory(err, "a path");
        }
    }
    return FIRN_OK;
}

static bool
is_left(struct fi_checkout *checkout, const struct fi_difference_walk_change *change)
{
    bool is_whole = fi_checkout_left_has_whole(checkout, change->path);
    bool is_file = change->after != NULL && change->after->kind != FI_TREE_DIR;
    checkout->counts.left_files += is_whole && is_file ? 1 : 0;
    return is_whole || fi_checkout_left_has(checkout, change->path);
}

static int
plan_change(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct plan *plan = ctx;
    struct fi_checkout *checkout = plan->checkout;
    if (!checkout->is_silent && (change->kind != FI_DIFFERENCE_WALK_SAME || change->is_entered)) {
        FI_TRY_RETURN(fi_checkout_record_add(&checkout->record, change, err));
    }
    if (is_left(checkout, change)) { /* below an entry that is left alone */
        return FIRN_OK;
    }
    DCHECK(!checkout->into_empty || change->before == NULL);
    FI_TRY_RETURN(fi_checkout_progress(checkout, change->kind != FI_DIFFERENCE_WALK_SAME, 0, err));
    FI_TRY_RETURN(change->before != NULL ? prepare_store(checkout, change, err) : FIRN_OK);
    if (!checkout->into_empty) {
        FI_TRY_RETURN(check_room(plan, change, err));
        if (is_left(checkout, change)) {
            return FIRN_OK;
        }
    }
    if (stays(checkout, change)) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(change->before == NULL ? prepare_store(checkout, change, err) : FIRN_OK);
    count_file(checkout, change);
    plan->has_symlinks =
        plan->has_symlinks || (change->kind != FI_DIFFERENCE_WALK_SAME && change->after != NULL &&
                               change->after->kind == FI_TREE_SYMLINK);
    if (fi_checkout_walk_needs_content(change) &&
        fi_checkout_batch_link_of(checkout, change->after).size > 0) {
        /* (I2) */
        FI_TRY_RETURN(fi_tree_lookup_check_link(&plan->links, change->path, change->after, err));
    }
    return checkout->is_silent ? FIRN_OK : checkout_plan_report(checkout, change, err);
}

static int
checkout_plan_pass(struct fi_checkout *checkout, bool is_silent, firn_error *err)
{
    struct plan plan = {
        .checkout = checkout,
        .able = {.root = checkout->options.root, .user = fi_os_user_id(checkout->os)}};
    /* Entries left by an earlier pass would be skipped as if they had been reported. */
    DCHECK(checkout->left.count == 0 && checkout->new_roots.count == 0 && checkout->batch == NULL);
    checkout->is_silent = is_silent;
    struct fi_difference_walk_options options = fi_checkout_walk_options(checkout);
    options.with_same = checkout->options.count_same;
    options.on_reserved = is_silent ? NULL : on_reserved;
    options.reserved_ctx = checkout;
    fi_tree_lookup_init(&plan.links, checkout->options.after.source,
                        &checkout->options.after.root->hash);
    int rc = fi_difference_walk(&checkout->options.before, &checkout->options.after, &options,
                                plan_change, &plan, err);
    const struct fi_checkout_counts *counts = &checkout->counts;
    checkout->syncs_each =
        !plan.has_symlinks &&
        counts->added + counts->changed + counts->removed + counts->directories <= FI_CHECKOUT_FEW;
    checkout->is_silent = false;
    fi_checkout_able_deinit(&plan.able);
    fi_buf_deinit(&plan.coming);
    fi_tree_lookup_deinit(&plan.links);
    return rc;
}

int
fi_checkout_plan(struct fi_checkout *checkout, firn_error *err)
{
    const struct fi_checkout_stores *stores = checkout->options.stores;
    int rc = fi_checkout_progress_phase(checkout, "compare", 0, 0, err);
    if (rc == FIRN_OK && stores != NULL && stores->stores.count > 0) { /* (I4) */
        rc = checkout_plan_pass(checkout, true, err);
        checkout->counts = (struct fi_checkout_counts){0};
        fi_hash_map_clear(&checkout->left);
    }
    rc = rc == FIRN_OK ? checkout_plan_pass(checkout, false, err) : rc;
    if (rc == FIRN_OK) {
        fi_checkout_record_finish(&checkout->record);
    }
    checkout->planned_left = checkout->counts.not_restored;
    if (rc == FIRN_OK && checkout->options.filter != NULL) {
        rc = fi_tree_filter_check_met(checkout->options.filter, err);
    }
    return rc;
}

static int
count_change(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct fi_checkout *checkout = ctx;
    (void)err;
    if (!is_left(checkout, change) && !stays(checkout, change)) {
        count_file(checkout, change);
    }
    return FIRN_OK;
}

int
fi_checkout_plan_recount(struct fi_checkout *checkout, firn_error *err)
{
    struct fi_checkout_counts *counts = &checkout->counts;
    DCHECK(counts->not_restored > checkout->planned_left && checkout->swapping == NULL);
    struct fi_difference_walk_options options = fi_checkout_walk_options(checkout);
    options.with_same = checkout->options.count_same;
    counts->added = counts->changed = counts->removed = 0;
    counts->same = counts->directories = counts->times = counts->left_files = 0;
    return fi_difference_walk(&checkout->options.before, &checkout->options.after, &options,
                              count_change, checkout, err);
}
