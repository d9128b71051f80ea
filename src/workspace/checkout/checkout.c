/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout.c: changes the tree on disk from one state to another, in passes.
 *
 *   plan     reports and counts the changes, and finds what must not be touched (checkout_plan.c,
 *            here)
 *   verify   reads and verifies every object that is needed (checkout_verify.c)
 *   stage    writes new files and directories under temporary names beside their targets
 *            (checkout_stage.c)
 *   sync     makes everything staged durable
 *   swap     checks that nothing has changed since; renames; deletes; sets metadata
 *            (checkout_swap.c)
 *   sync     makes the result durable
 *
 * Between the first sync and the swap the caller records in its journal that files begin to change
 * (catalog_journal.c).
 *
 * A failure before the first rename of the swap leaves the tree as it was (I1): staged files have
 * names with the tag of this run and are removed again. A directory that is not writable for its
 * owner is made writable temporarily; its mode is set back however the restore ends. A target is
 * only ever replaced by a rename, never opened for writing (I2). Every path is walked from the root
 * component by component without following links, and every name was checked when its tree was
 * decoded, so nothing outside the root is reached (I3). Nothing of a reserved name (tree.h) is
 * written, changed or removed: the walk skips it on both sides, and a path with such a name is
 * never resolved (I4; not checked: set_place refuses it with an error).
 *
 * A new directory whose parent already exists is built completely under a temporary name and
 * appears with one rename; its contents are written under their final names at once. A restore into
 * an empty root needs no temporary names.
 *
 * All passes visit the same changes in the same order: those that the plan recorded, or, if there
 * are many, those of another walk over the same two trees (checkout_record.c). Temporary names are
 * not stored: they are computed from paths.
 */
#include "checkout/checkout.h"

#include <stdio.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "checkout/checkout_internal.h"
#include "codec/hex.h"
#include "codec/xxh3.h"
#include "threads/os_callback.h"
#include "tree/tree.h"

enum { PROGRESS_INTERVAL_NS = 200 * 1000 * 1000, THREADS_MAX = 64 };

struct path_item {
    const uint8_t *path; /* in the arena */
    size_t size;
};

static uint64_t
path_item_hash(const void *record)
{
    const struct path_item *item = record;
    return fi_xxh3(item->path, item->size, 0);
}

static bool
path_item_equal(const void *record, const void *key)
{
    const struct path_item *a = record;
    const struct path_item *b = key;
    return a->size == b->size && memcmp(a->path, b->path, a->size) == 0;
}

static void
on_incomplete(void *ctx, firn_slice path, const char *text)
{
    struct fi_checkout *checkout = ctx;
    fi_checkout_notice(checkout, FIRN_NOTICE_METADATA, path, text);
    fi_os_mutex_lock(&checkout->mutex);
    checkout->counts.incomplete++;
    fi_os_mutex_unlock(&checkout->mutex);
}

static int
on_bytes(void *ctx, uint64_t bytes, firn_error *err)
{
    return fi_checkout_progress(ctx, 0, bytes, err);
}

/* What all writers share. */
static int
create_spread(struct fi_checkout *checkout, firn_error *err)
{
    DCHECK(checkout->writer_count > 0 && checkout->jobs != NULL);
    struct fi_packfile_scratch **scratches =
        fi_alloc_array(checkout->writer_count, sizeof(struct fi_packfile_scratch *));
    if (scratches == NULL) {
        return fi_error_no_memory(err, "a restore");
    }
    for (unsigned i = 0; i < checkout->writer_count; i++) {
        scratches[i] = checkout->writers[i].scratch;
    }
    checkout->spread = (struct fi_objects_spread){.objects = checkout->options.objects,
                                                  .jobs = checkout->jobs,
                                                  .scratches = scratches,
                                                  .thread_count = checkout->writer_count,
                                                  .on_bytes = on_bytes,
                                                  .ctx = checkout};
    return FIRN_OK;
}

static int
create_writers(struct fi_checkout *checkout, firn_error *err)
{
    unsigned threads =
        checkout->options.threads != 0 ? checkout->options.threads : fi_os_cpu_count(checkout->os);
    threads = threads > THREADS_MAX ? THREADS_MAX : threads;
    DCHECK(threads > 0);
    checkout->writers = fi_alloc_array(threads, sizeof *checkout->writers);
    if (checkout->writers == NULL) {
        return fi_error_no_memory(err, "a restore");
    }
    for (; checkout->writer_count < threads; checkout->writer_count++) {
        struct fi_checkout_write *write = &checkout->writers[checkout->writer_count];
        int rc = fi_checkout_stage_write_init(write, checkout->options.objects, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        write->is_foreign = checkout->options.is_foreign;
        write->on_incomplete = on_incomplete;
        write->ctx = checkout;
    }
    int rc = fi_os_jobs_create(checkout->os, threads, &checkout->jobs, err);
    return rc == FIRN_OK ? create_spread(checkout, err) : rc;
}

int
fi_checkout_create(const struct fi_checkout_options *options, struct fi_checkout **out,
                   firn_error *err)
{
    *out = NULL;
    DCHECK(options->objects != NULL && options->after.root != NULL);
    struct fi_checkout *checkout = fi_alloc_zeroed(sizeof *checkout);
    if (checkout == NULL) {
        return fi_error_no_memory(err, "a restore");
    }
    checkout->options = *options;
    checkout->os = fi_os_dir_os(options->root);
    checkout->into_empty = options->before.root == NULL;
    fi_os_mutex_init(checkout->os, &checkout->mutex, FI_LOCK_WORKSPACE_TREE);
    fi_hash_map_init(&checkout->new_roots, sizeof(struct path_item), path_item_hash,
                     path_item_equal);
    fi_checkout_left_init(checkout);
    checkout->is_superuser = fi_os_user_id(checkout->os) == 0;
    int rc;
    FI_TRY(create_writers(checkout, err));
    *out = checkout;
    return FIRN_OK;
out:
    fi_checkout_destroy(checkout);
    return rc;
}

void
fi_checkout_destroy(struct fi_checkout *checkout)
{
    if (checkout == NULL) {
        return;
    }
    fi_os_jobs_destroy(checkout->jobs);
    for (unsigned i = 0; i < checkout->writer_count; i++) {
        fi_checkout_stage_write_deinit(&checkout->writers[i]);
    }
    fi_free(checkout->writers);
    fi_free(checkout->spread.scratches);
    fi_hash_map_deinit(&checkout->new_roots);
    fi_hash_map_deinit(&checkout->left);
    fi_checkout_record_deinit(&checkout->record);
    fi_buf_deinit(&checkout->excluded);
    fi_buf_deinit(&checkout->path);
    fi_buf_deinit(&checkout->removed_dirs);
    fi_arena_deinit(&checkout->arena);
    fi_os_mutex_deinit(&checkout->mutex);
    fi_free(checkout);
}

const struct fi_checkout_counts *
fi_checkout_counts(const struct fi_checkout *checkout)
{
    return &checkout->counts;
}

bool
fi_checkout_needs_content(const struct fi_difference_walk_change *change)
{
    const unsigned rewrite =
        FI_DIFFERENCE_WALK_TYPE | FI_DIFFERENCE_WALK_CONTENT | FI_DIFFERENCE_WALK_GROUP;
    return change->after != NULL && change->after->kind != FI_TREE_DIR &&
           (change->kind == FI_DIFFERENCE_WALK_ADDED ||
            (change->kind == FI_DIFFERENCE_WALK_CHANGED && (change->what & rewrite) != 0));
}

bool
fi_checkout_makes_dir(const struct fi_difference_walk_change *change)
{
    return change->path.size > 0 && change->after != NULL && change->after->kind == FI_TREE_DIR &&
           (change->kind == FI_DIFFERENCE_WALK_ADDED ||
            (change->what & FI_DIFFERENCE_WALK_TYPE) != 0);
}

/* Passes come one after the other. */
static bool
is_between_passes(const struct fi_checkout *checkout)
{
    return checkout->batch == NULL && checkout->staging == NULL && checkout->swapping == NULL &&
           checkout->verifying == NULL;
}

int
fi_checkout_prepare(struct fi_checkout *checkout, firn_error *err)
{
    DCHECK(is_between_passes(checkout) && !checkout->is_undone);
    for (unsigned i = 0; i < checkout->writer_count; i++) {
        checkout->writers[i].sync = checkout->syncs_each;
    }
    int rc = fi_checkout_stage(checkout, err);
    if (rc == FIRN_OK && !checkout->into_empty) {
        rc = fi_checkout_phase(checkout, "sync", 0, 0, err);
        rc = rc == FIRN_OK ? fi_checkout_sync_staged(checkout, err) : rc;
    }
    if (rc == FIRN_OK) { /* the caller may cancel here, before the journal records more */
        rc = fi_checkout_phase(checkout, "look", 0, 0, err);
    }
    if (rc != FIRN_OK) {
        fi_checkout_stage_undo(checkout);
    }
    return rc;
}

int
fi_checkout_finish(struct fi_checkout *checkout, firn_error *err)
{
    DCHECK(is_between_passes(checkout) && !checkout->is_undone); /* the staged entries exist */
    int rc = fi_checkout_swap(checkout, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    checkout->counts.written_at_ns = fi_os_monotonic_ns(checkout->os);
    DCHECK(!checkout->is_undone && checkout->counts.not_restored >= checkout->planned_left);
    rc = fi_checkout_phase(checkout, "sync", 0, 0, err);
    rc = rc == FIRN_OK ? fi_checkout_sync_swapped(checkout, err) : rc;
    return rc == FIRN_OK && checkout->counts.not_restored > checkout->planned_left
               ? fi_checkout_plan_recount(checkout, err)
               : rc;
}

void
fi_checkout_give_up(struct fi_checkout *checkout)
{
    DCHECK(is_between_passes(checkout) && !checkout->progress.is_finishing); /* (I1) */
    fi_checkout_stage_undo(checkout);
}

bool
fi_checkout_is_undone(const struct fi_checkout *checkout)
{
    return checkout->is_undone;
}

static bool
has_tail(const void *ctx, firn_slice path)
{
    return fi_checkout_stores_has_tail(ctx, path);
}

struct fi_difference_walk_options
fi_checkout_diff_options(const struct fi_checkout *checkout)
{
    return (struct fi_difference_walk_options){
        .filter = checkout->options.filter,
        .is_to_replace = checkout->options.stores != NULL ? has_tail : NULL,
        .ctx = checkout->options.stores,
        .without_reserved = true};
}

struct walking {
    struct fi_checkout *checkout;
    int (*visit)(void *ctx, const struct fi_difference_walk_change *change, firn_error *err);
    void *ctx;
};

/* Skips the entries that are left as they are. */
static int
visit_unless_left(void *ctx, const struct fi_difference_walk_change *change, firn_error *err)
{
    struct walking *walking = ctx;
    return fi_checkout_left_has(walking->checkout, change->path)
               ? FIRN_OK
               : walking->visit(walking->ctx, change, err);
}

int
fi_checkout_walk_with(struct fi_checkout *checkout,
                      int (*visit)(void *ctx, const struct fi_difference_walk_change *change,
                                   firn_error *err),
                      void *ctx, firn_error *err)
{
    struct fi_difference_walk_options options = fi_checkout_diff_options(checkout);
    struct walking walking = {.checkout = checkout, .visit = visit, .ctx = ctx};
    if (checkout->record.is_whole) {
        return fi_checkout_record_replay(&checkout->record, visit_unless_left, &walking, err);
    }
    return fi_difference_walk(&checkout->options.before, &checkout->options.after, &options,
                              visit_unless_left, &walking, err);
}

int
fi_checkout_walk(struct fi_checkout *checkout,
                 int (*visit)(void *ctx, const struct fi_difference_walk_change *change,
                              firn_error *err),
                 firn_error *err)
{
    return fi_checkout_walk_with(checkout, visit, checkout, err);
}

/* ---- reporting ---- */

void
fi_checkout_notice(struct fi_checkout *checkout, firn_notice_kind kind, firn_slice path,
                   const char *text)
{
    const firn_callbacks *callbacks = &checkout->options.callbacks;
    if (callbacks->on_notice == NULL) {
        return;
    }
    firn_notice notice = {.kind = kind, .path = path, .text = text};
    fi_os_mutex_lock(&checkout->mutex);
    fi_os_callback_notice(callbacks, &notice);
    fi_os_mutex_unlock(&checkout->mutex);
}

static int
tell_progress_locked(struct fi_checkout *checkout, int64_t now)
{
    fi_os_mutex_assert_held(&checkout->mutex);
    const struct fi_checkout_options *options = &checkout->options;
    const firn_callbacks *callbacks = &options->callbacks;
    checkout->progress_due_ns = now + PROGRESS_INTERVAL_NS;
    if (options->on_step != NULL) {
        options->on_step(options->step_ctx, &checkout->progress);
    }
    int rc = callbacks->on_progress != NULL
                 ? fi_os_callback_progress(callbacks, &checkout->progress)
                 : FIRN_OK;
    return checkout->progress.is_finishing ? FIRN_OK : rc;
}

static int
begin_phase(struct fi_checkout *checkout, const firn_progress *progress, firn_error *err)
{
    DCHECK(fi_os_callback_is_phase(progress->phase));
    fi_os_mutex_lock(&checkout->mutex);
    bool is_finishing = checkout->progress.is_finishing;
    checkout->progress = *progress;
    checkout->progress.is_finishing = is_finishing;
    int rc = tell_progress_locked(checkout, fi_os_monotonic_ns(checkout->os));
    fi_os_mutex_unlock(&checkout->mutex);
    return rc == FIRN_OK ? FIRN_OK : fi_error_set(err, FIRN_CANCELLED, "cancelled");
}

int
fi_checkout_phase(struct fi_checkout *checkout, const char *phase, uint64_t files_total,
                  uint64_t bytes_total, firn_error *err)
{
    const firn_progress progress = {
        .phase = phase, .files_total = files_total, .bytes_total = bytes_total};
    return begin_phase(checkout, &progress, err);
}

int
fi_checkout_phase_next(struct fi_checkout *checkout, const char *phase, firn_error *err)
{
    firn_progress progress = checkout->progress;
    progress.phase = phase;
    return begin_phase(checkout, &progress, err);
}

void
fi_checkout_finishing(struct fi_checkout *checkout)
{
    fi_os_mutex_lock(&checkout->mutex);
    checkout->progress.is_finishing = true;
    fi_os_mutex_unlock(&checkout->mutex);
}

int
fi_checkout_progress(struct fi_checkout *checkout, uint64_t files, uint64_t bytes, firn_error *err)
{
    if (checkout->options.callbacks.on_progress == NULL && checkout->options.on_step == NULL) {
        return FIRN_OK;
    }
    int rc = FIRN_OK;
    fi_os_mutex_lock(&checkout->mutex);
    checkout->progress.files_done += files;
    checkout->progress.bytes_done += bytes;
    int64_t now = fi_os_monotonic_ns(checkout->os);
    if (now >= checkout->progress_due_ns) {
        rc = tell_progress_locked(checkout, now);
    }
    fi_os_mutex_unlock(&checkout->mutex);
    return rc == FIRN_OK ? FIRN_OK : fi_error_set(err, FIRN_CANCELLED, "cancelled");
}

/* ---- names and places ---- */

void
fi_checkout_temporary_name(const uint8_t *tag, firn_slice path, char *out)
{
    char hex[2 * FI_CHECKOUT_TAG_SIZE + 1];
    fi_hex_encode(tag, FI_CHECKOUT_TAG_SIZE, hex);
    (void)snprintf(out, FI_CHECKOUT_NAME_SIZE, ".firn-%s-%016llx", hex,
                   (unsigned long long)fi_xxh3(path.data, path.size, 1));
    DCHECK(fi_tree_reserved_is_temporary(firn_str(out)));
}

void
fi_checkout_aside_name(const uint8_t *tag, firn_slice path, char *out)
{
    char temporary[FI_CHECKOUT_NAME_SIZE];
    fi_checkout_temporary_name(tag, path, temporary);
    (void)snprintf(out, FI_CHECKOUT_NAME_SIZE, "%.43s.old", temporary);
    DCHECK(fi_tree_reserved_is_temporary(firn_str(out)));
}

bool
fi_checkout_is_new_root(struct fi_checkout *checkout, firn_slice path)
{
    struct path_item key = {.path = path.data, .size = path.size};
    return fi_hash_map_find(&checkout->new_roots, path_item_hash(&key), &key) != NULL;
}

int
fi_checkout_add_new_root(struct fi_checkout *checkout, firn_slice path, firn_error *err)
{
    DCHECK(!checkout->into_empty && !fi_checkout_is_new_root(checkout, path));
    struct path_item item = {.size = path.size};
    item.path = fi_arena_copy(&checkout->arena, path.data, path.size);
    if (item.path == NULL ||
        fi_hash_map_insert(&checkout->new_roots, path_item_hash(&item), &item) == NULL) {
        return fi_error_no_memory(err, "a list of paths");
    }
    return FIRN_OK;
}

/* Where the last component of a path begins. */
static size_t
name_offset(firn_slice path)
{
    return path.size - fi_checkout_name_in(path).size;
}

/* The parent of a path, without its slash; empty for a name in the root. */
static firn_slice
parent_of(firn_slice path)
{
    size_t at = name_offset(path);
    return firn_bytes(path.data, at == 0 ? 0 : at - 1);
}

/* Whether a path stays inside the root: no "..", no "/" at its front (I3). */
static bool
leads_inside(firn_slice path)
{
    size_t start = 0;
    for (size_t at = 0; at <= path.size; at++) {
        if (at == path.size || path.data[at] == '/') {
            if (!fi_tree_name_is_valid(firn_bytes(path.data + start, at - start))) {
                return false;
            }
            start = at + 1;
        }
    }
    return true;
}

static int
set_place(struct fi_checkout_place *out, firn_slice dir, firn_slice name, firn_error *err)
{
    CHECK(name.size <= FI_TREE_NAME_SIZE_MAX);
    CHECK(fi_tree_name_is_valid(name)); /* (I3) */
    DCHECK(dir.size == 0 || leads_inside(dir));
    const char *reason = fi_tree_reserved_name(name);
    reason = reason != NULL ? reason : fi_tree_reserved_path(dir);
    if (reason != NULL) { /* (I4) */
        return fi_error_set(err, FIRN_CONFLICT, "'%.*s/%.*s' is never written or removed: it %s",
                            (int)(dir.size < 512 ? dir.size : 512), (const char *)dir.data,
                            (int)name.size, (const char *)name.data, reason);
    }
    memcpy(out->name, name.data, name.size);
    out->name[name.size] = '\0';
    fi_buf_clear(&out->dir);
    if (fi_buf_append_slice(&out->dir, dir) != FIRN_OK || fi_buf_text(&out->dir) == NULL) {
        return fi_error_no_memory(err, "a path");
    }
    return FIRN_OK;
}

int
fi_checkout_final_place(firn_slice path, struct fi_checkout_place *out, firn_error *err)
{
    size_t at = name_offset(path);
    out->is_direct = true;
    return set_place(out, parent_of(path), firn_bytes(path.data + at, path.size - at), err);
}

int
fi_checkout_moved_place(struct fi_checkout *checkout, firn_slice path, size_t root_size,
                        struct fi_checkout_place *out, firn_error *err)
{
    CHECK(root_size < path.size);
    DCHECK(path.data[root_size] == '/');
    firn_slice root = firn_bytes(path.data, root_size);
    firn_slice rest = firn_bytes(path.data + root_size, path.size - root_size);
    char temporary[FI_CHECKOUT_NAME_SIZE];
    fi_checkout_temporary_name(checkout->options.tag, root, temporary);
    struct fi_buf moved = {0};
    int rc;
    FI_TRY(fi_buf_append_slice(&moved, firn_bytes(root.data, name_offset(root))));
    FI_TRY(fi_buf_append_str(&moved, temporary));
    FI_TRY(fi_buf_append_slice(&moved, rest));
    rc = fi_checkout_final_place(fi_buf_slice(&moved), out, err);
    fi_buf_deinit(&moved);
    return rc;
out:
    fi_buf_deinit(&moved);
    return fi_error_no_memory(err, "a path");
}

int
fi_checkout_staged_place(struct fi_checkout *checkout, firn_slice path,
                         struct fi_checkout_place *out, firn_error *err)
{
    if (checkout->into_empty) {
        return fi_checkout_final_place(path, out, err);
    }
    for (size_t size = 1; size < path.size; size++) {
        if (path.data[size] == '/' &&
            fi_checkout_is_new_root(checkout, firn_bytes(path.data, size))) {
            return fi_checkout_moved_place(checkout, path, size, out, err);
        }
    }
    char temporary[FI_CHECKOUT_NAME_SIZE];
    fi_checkout_temporary_name(checkout->options.tag, path, temporary);
    out->is_direct = false;
    return set_place(out, parent_of(path), firn_str(temporary), err);
}

/* ---- directories that may not be written ---- */

/* The permission to change the names in a directory. */
enum { MAY_CHANGE_NAMES = 0300 };

static int
loosen(struct fi_checkout *checkout, struct fi_os_dir *dir, const char *path, firn_error *err)
{
    DCHECK(!checkout->is_superuser && !checkout->into_empty);
    struct fi_os_stat stat;
    int rc = fi_os_dir_stat(dir, &stat, err);
    if (rc != FIRN_OK || (stat.mode & MAY_CHANGE_NAMES) == MAY_CHANGE_NAMES ||
        stat.uid != fi_os_user_id(checkout->os)) {
        return rc;
    }
    fi_os_mutex_lock(&checkout->mutex);
    struct fi_checkout_loosened *loosened = fi_arena_alloc(&checkout->arena, sizeof *loosened);
    if (loosened != NULL) {
        *loosened = (struct fi_checkout_loosened){.mode = stat.mode, .next = checkout->loosened};
        loosened->path = fi_arena_str(&checkout->arena, path, strlen(path));
    }
    if (loosened == NULL || loosened->path == NULL) {
        rc = fi_error_no_memory(err, "a list of directories");
    } else {
        checkout->loosened = loosened;
    }
    fi_os_mutex_unlock(&checkout->mutex);
    const struct fi_os_node node = {.dir = dir};
    return rc == FIRN_OK ? fi_os_set_mode(node, stat.mode | MAY_CHANGE_NAMES, err) : rc;
}

int
fi_checkout_tighten(struct fi_checkout *checkout, bool all, firn_error *err)
{
    struct fi_tree_filter *filter = checkout->options.filter;
    int rc = FIRN_OK;
    for (const struct fi_checkout_loosened *item = checkout->loosened;
         item != NULL && rc == FIRN_OK; item = item->next) {
        if (!all && (filter == NULL || fi_tree_filter_selects(filter, firn_str(item->path)))) {
            continue;
        }
        struct fi_os_dir *dir;
        rc = fi_os_dir_open_beneath(checkout->options.root, item->path, &dir, err);
        if (rc == FIRN_OK) {
            rc = fi_os_set_mode((struct fi_os_node){.dir = dir}, item->mode, err);
            fi_os_dir_close(dir);
        }
        rc = rc == FIRN_NOT_FOUND ? FIRN_OK : rc; /* it should be removed, and is gone */
    }
    return rc;
}

int
fi_checkout_open_dir(struct fi_checkout *checkout, const struct fi_buf *dir,
                     struct fi_os_dir **cache, struct fi_buf *cache_path, firn_error *err)
{
    DCHECK(dir->capacity > dir->size && dir->data[dir->size] == '\0');
    if (*cache != NULL && fi_slice_equal(fi_buf_slice(cache_path), fi_buf_slice(dir))) {
        return FIRN_OK;
    }
    fi_os_dir_close(*cache);
    *cache = NULL;
    fi_buf_clear(cache_path);
    if (fi_buf_append(cache_path, dir->data, dir->size) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    const char *path = (const char *)dir->data;
    int rc = fi_os_dir_open_beneath(checkout->options.root, path, cache, err);
    bool may_need_it = rc == FIRN_OK && !checkout->is_superuser && !checkout->into_empty;
    return may_need_it ? loosen(checkout, *cache, path, err) : rc;
}
