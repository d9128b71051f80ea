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
    return firn_xxh3(item->path, item->size, 0);
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
    struct firn_checkout *checkout = ctx;
    firn_checkout_notice(checkout, FIRN_NOTICE_METADATA, path, text);
    firn_os_mutex_lock(&checkout->mutex);
    checkout->counts.incomplete++;
    firn_os_mutex_unlock(&checkout->mutex);
}

static int
on_bytes(void *ctx, uint64_t bytes, firn_error *err)
{
    return firn_checkout_progress(ctx, 0, bytes, err);
}

/* What all writers share. */
static int
create_spread(struct firn_checkout *checkout, firn_error *err)
{
    DCHECK(checkout->writer_count > 0 && checkout->jobs != NULL);
    struct firn_packfile_scratch **scratches =
        firn_alloc_array(checkout->writer_count, sizeof(struct firn_packfile_scratch *));
    if (scratches == NULL) {
        return firn_error_no_memory(err, "a restore");
    }
    for (unsigned i = 0; i < checkout->writer_count; i++) {
        scratches[i] = checkout->writers[i].scratch;
    }
    checkout->spread = (struct firn_objects_spread){.objects = checkout->options.objects,
                                                    .jobs = checkout->jobs,
                                                    .scratches = scratches,
                                                    .thread_count = checkout->writer_count,
                                                    .on_bytes = on_bytes,
                                                    .ctx = checkout};
    return FIRN_OK;
}

static int
create_writers(struct firn_checkout *checkout, firn_error *err)
{
    unsigned threads = checkout->options.threads != 0 ? checkout->options.threads
                                                      : firn_os_cpu_count(checkout->os);
    threads = threads > THREADS_MAX ? THREADS_MAX : threads;
    DCHECK(threads > 0);
    checkout->writers = firn_alloc_array(threads, sizeof *checkout->writers);
    if (checkout->writers == NULL) {
        return firn_error_no_memory(err, "a restore");
    }
    for (; checkout->writer_count < threads; checkout->writer_count++) {
        struct firn_checkout_write *write = &checkout->writers[checkout->writer_count];
        int rc = firn_checkout_stage_write_init(write, checkout->options.objects, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        write->is_foreign = checkout->options.is_foreign;
        write->on_incomplete = on_incomplete;
        write->ctx = checkout;
    }
    int rc = firn_os_jobs_create(checkout->os, threads, &checkout->jobs, err);
    return rc == FIRN_OK ? create_spread(checkout, err) : rc;
}

int
firn_checkout_create(const struct firn_checkout_options *options, struct firn_checkout **out,
                     firn_error *err)
{
    *out = NULL;
    DCHECK(options->objects != NULL && options->after.root != NULL);
    struct firn_checkout *checkout = firn_alloc_zeroed(sizeof *checkout);
    if (checkout == NULL) {
        return firn_error_no_memory(err, "a restore");
    }
    checkout->options = *options;
    checkout->os = firn_os_dir_os(options->root);
    checkout->into_empty = options->before.root == NULL;
    firn_os_mutex_init(checkout->os, &checkout->mutex, FIRN_LOCK_WORKSPACE_TREE);
    firn_hash_map_init(&checkout->new_roots, sizeof(struct path_item), path_item_hash,
                       path_item_equal);
    firn_checkout_left_init(checkout);
    checkout->is_superuser = firn_os_user_id(checkout->os) == 0;
    int rc;
    FIRN_TRY(create_writers(checkout, err));
    *out = checkout;
    return FIRN_OK;
out:
    firn_checkout_destroy(checkout);
    return rc;
}

void
firn_checkout_destroy(struct firn_checkout *checkout)
{
    if (checkout == NULL) {
        return;
    }
    firn_os_jobs_destroy(checkout->jobs);
    for (unsigned i = 0; i < checkout->writer_count; i++) {
        firn_checkout_stage_write_deinit(&checkout->writers[i]);
    }
    firn_free(checkout->writers);
    firn_free(checkout->spread.scratches);
    firn_hash_map_deinit(&checkout->new_roots);
    firn_hash_map_deinit(&checkout->left);
    firn_checkout_record_deinit(&checkout->record);
    firn_buf_deinit(&checkout->excluded);
    firn_buf_deinit(&checkout->path);
    firn_buf_deinit(&checkout->removed_dirs);
    firn_arena_deinit(&checkout->arena);
    firn_os_mutex_deinit(&checkout->mutex);
    firn_free(checkout);
}

const struct firn_checkout_counts *
firn_checkout_counts(const struct firn_checkout *checkout)
{
    return &checkout->counts;
}

bool
firn_checkout_needs_content(const struct firn_difference_walk_change *change)
{
    const unsigned rewrite =
        FIRN_DIFFERENCE_WALK_TYPE | FIRN_DIFFERENCE_WALK_CONTENT | FIRN_DIFFERENCE_WALK_GROUP;
    return change->after != NULL && change->after->kind != FIRN_TREE_DIR &&
           (change->kind == FIRN_DIFFERENCE_WALK_ADDED ||
            (change->kind == FIRN_DIFFERENCE_WALK_CHANGED && (change->what & rewrite) != 0));
}

bool
firn_checkout_makes_dir(const struct firn_difference_walk_change *change)
{
    return change->path.size > 0 && change->after != NULL && change->after->kind == FIRN_TREE_DIR &&
           (change->kind == FIRN_DIFFERENCE_WALK_ADDED ||
            (change->what & FIRN_DIFFERENCE_WALK_TYPE) != 0);
}

/* Passes come one after the other. */
static bool
is_between_passes(const struct firn_checkout *checkout)
{
    return checkout->batch == NULL && checkout->staging == NULL && checkout->swapping == NULL &&
           checkout->verifying == NULL;
}

int
firn_checkout_prepare(struct firn_checkout *checkout, firn_error *err)
{
    DCHECK(is_between_passes(checkout) && !checkout->is_undone);
    for (unsigned i = 0; i < checkout->writer_count; i++) {
        checkout->writers[i].sync = checkout->syncs_each;
    }
    int rc = firn_checkout_stage(checkout, err);
    if (rc == FIRN_OK && !checkout->into_empty) {
        rc = firn_checkout_phase(checkout, "sync", 0, 0, err);
        rc = rc == FIRN_OK ? firn_checkout_sync_staged(checkout, err) : rc;
    }
    if (rc == FIRN_OK) { /* the caller may cancel here, before the journal records more */
        rc = firn_checkout_phase(checkout, "look", 0, 0, err);
    }
    if (rc != FIRN_OK) {
        firn_checkout_stage_undo(checkout);
    }
    return rc;
}

int
firn_checkout_finish(struct firn_checkout *checkout, firn_error *err)
{
    DCHECK(is_between_passes(checkout) && !checkout->is_undone); /* the staged entries exist */
    int rc = firn_checkout_swap(checkout, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    checkout->counts.written_at_ns = firn_os_monotonic_ns(checkout->os);
    DCHECK(!checkout->is_undone && checkout->counts.not_restored >= checkout->planned_left);
    rc = firn_checkout_phase(checkout, "sync", 0, 0, err);
    rc = rc == FIRN_OK ? firn_checkout_sync_swapped(checkout, err) : rc;
    return rc == FIRN_OK && checkout->counts.not_restored > checkout->planned_left
               ? firn_checkout_plan_recount(checkout, err)
               : rc;
}

void
firn_checkout_give_up(struct firn_checkout *checkout)
{
    DCHECK(is_between_passes(checkout) && !checkout->progress.is_finishing); /* (I1) */
    firn_checkout_stage_undo(checkout);
}

bool
firn_checkout_is_undone(const struct firn_checkout *checkout)
{
    return checkout->is_undone;
}

static bool
has_tail(const void *ctx, firn_slice path)
{
    return firn_checkout_stores_has_tail(ctx, path);
}

struct firn_difference_walk_options
firn_checkout_diff_options(const struct firn_checkout *checkout)
{
    return (struct firn_difference_walk_options){
        .filter = checkout->options.filter,
        .is_to_replace = checkout->options.stores != NULL ? has_tail : NULL,
        .ctx = checkout->options.stores,
        .without_reserved = true};
}

struct walking {
    struct firn_checkout *checkout;
    int (*visit)(void *ctx, const struct firn_difference_walk_change *change, firn_error *err);
    void *ctx;
};

/* Skips the entries that are left as they are. */
static int
visit_unless_left(void *ctx, const struct firn_difference_walk_change *change, firn_error *err)
{
    struct walking *walking = ctx;
    return firn_checkout_left_has(walking->checkout, change->path)
               ? FIRN_OK
               : walking->visit(walking->ctx, change, err);
}

int
firn_checkout_walk_with(struct firn_checkout *checkout,
                        int (*visit)(void *ctx, const struct firn_difference_walk_change *change,
                                     firn_error *err),
                        void *ctx, firn_error *err)
{
    struct firn_difference_walk_options options = firn_checkout_diff_options(checkout);
    struct walking walking = {.checkout = checkout, .visit = visit, .ctx = ctx};
    if (checkout->record.is_whole) {
        return firn_checkout_record_replay(&checkout->record, visit_unless_left, &walking, err);
    }
    return firn_difference_walk(&checkout->options.before, &checkout->options.after, &options,
                                visit_unless_left, &walking, err);
}

int
firn_checkout_walk(struct firn_checkout *checkout,
                   int (*visit)(void *ctx, const struct firn_difference_walk_change *change,
                                firn_error *err),
                   firn_error *err)
{
    return firn_checkout_walk_with(checkout, visit, checkout, err);
}

/* ---- reporting ---- */

void
firn_checkout_notice(struct firn_checkout *checkout, firn_notice_kind kind, firn_slice path,
                     const char *text)
{
    const firn_callbacks *callbacks = &checkout->options.callbacks;
    if (callbacks->on_notice == NULL) {
        return;
    }
    firn_notice notice = {.kind = kind, .path = path, .text = text};
    firn_os_mutex_lock(&checkout->mutex);
    firn_os_callback_notice(callbacks, &notice);
    firn_os_mutex_unlock(&checkout->mutex);
}

static int
tell_progress_locked(struct firn_checkout *checkout, int64_t now)
{
    firn_os_mutex_assert_held(&checkout->mutex);
    const struct firn_checkout_options *options = &checkout->options;
    const firn_callbacks *callbacks = &options->callbacks;
    checkout->progress_due_ns = now + PROGRESS_INTERVAL_NS;
    if (options->on_step != NULL) {
        options->on_step(options->step_ctx, &checkout->progress);
    }
    int rc = callbacks->on_progress != NULL
                 ? firn_os_callback_progress(callbacks, &checkout->progress)
                 : FIRN_OK;
    return checkout->progress.is_finishing ? FIRN_OK : rc;
}

static int
begin_phase(struct firn_checkout *checkout, const firn_progress *progress, firn_error *err)
{
    DCHECK(firn_os_callback_is_phase(progress->phase));
    firn_os_mutex_lock(&checkout->mutex);
    bool is_finishing = checkout->progress.is_finishing;
    checkout->progress = *progress;
    checkout->progress.is_finishing = is_finishing;
    int rc = tell_progress_locked(checkout, firn_os_monotonic_ns(checkout->os));
    firn_os_mutex_unlock(&checkout->mutex);
    return rc == FIRN_OK ? FIRN_OK : firn_error_set(err, FIRN_CANCELLED, "cancelled");
}

int
firn_checkout_phase(struct firn_checkout *checkout, const char *phase, uint64_t files_total,
                    uint64_t bytes_total, firn_error *err)
{
    const firn_progress progress = {
        .phase = phase, .files_total = files_total, .bytes_total = bytes_total};
    return begin_phase(checkout, &progress, err);
}

int
firn_checkout_phase_next(struct firn_checkout *checkout, const char *phase, firn_error *err)
{
    firn_progress progress = checkout->progress;
    progress.phase = phase;
    return begin_phase(checkout, &progress, err);
}

void
firn_checkout_finishing(struct firn_checkout *checkout)
{
    firn_os_mutex_lock(&checkout->mutex);
    checkout->progress.is_finishing = true;
    firn_os_mutex_unlock(&checkout->mutex);
}

int
firn_checkout_progress(struct firn_checkout *checkout, uint64_t files, uint64_t bytes,
                       firn_error *err)
{
    if (checkout->options.callbacks.on_progress == NULL && checkout->options.on_step == NULL) {
        return FIRN_OK;
    }
    int rc = FIRN_OK;
    firn_os_mutex_lock(&checkout->mutex);
    checkout->progress.files_done += files;
    checkout->progress.bytes_done += bytes;
    int64_t now = firn_os_monotonic_ns(checkout->os);
    if (now >= checkout->progress_due_ns) {
        rc = tell_progress_locked(checkout, now);
    }
    firn_os_mutex_unlock(&checkout->mutex);
    return rc == FIRN_OK ? FIRN_OK : firn_error_set(err, FIRN_CANCELLED, "cancelled");
}

/* ---- names and places ---- */

void
firn_checkout_temporary_name(const uint8_t *tag, firn_slice path, char *out)
{
    char hex[2 * FIRN_CHECKOUT_TAG_SIZE + 1];
    firn_hex_encode(tag, FIRN_CHECKOUT_TAG_SIZE, hex);
    (void)snprintf(out, FIRN_CHECKOUT_NAME_SIZE, ".firn-%s-%016llx", hex,
                   (unsigned long long)firn_xxh3(path.data, path.size, 1));
    DCHECK(firn_tree_reserved_is_temporary(firn_str(out)));
}

void
firn_checkout_aside_name(const uint8_t *tag, firn_slice path, char *out)
{
    char temporary[FIRN_CHECKOUT_NAME_SIZE];
    firn_checkout_temporary_name(tag, path, temporary);
    (void)snprintf(out, FIRN_CHECKOUT_NAME_SIZE, "%.43s.old", temporary);
    DCHECK(firn_tree_reserved_is_temporary(firn_str(out)));
}

bool
firn_checkout_is_new_root(struct firn_checkout *checkout, firn_slice path)
{
    struct path_item key = {.path = path.data, .size = path.size};
    return firn_hash_map_find(&checkout->new_roots, path_item_hash(&key), &key) != NULL;
}

int
firn_checkout_add_new_root(struct firn_checkout *checkout, firn_slice path, firn_error *err)
{
    DCHECK(!checkout->into_empty && !firn_checkout_is_new_root(checkout, path));
    struct path_item item = {.size = path.size};
    item.path = firn_arena_copy(&checkout->arena, path.data, path.size);
    if (item.path == NULL ||
        firn_hash_map_insert(&checkout->new_roots, path_item_hash(&item), &item) == NULL) {
        return firn_error_no_memory(err, "a list of paths");
    }
    return FIRN_OK;
}

/* Where the last component of a path begins. */
static size_t
name_offset(firn_slice path)
{
    return path.size - firn_checkout_name_in(path).size;
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
            if (!firn_tree_name_is_valid(firn_bytes(path.data + start, at - start))) {
                return false;
            }
            start = at + 1;
        }
    }
    return true;
}

static int
set_place(struct firn_checkout_place *out, firn_slice dir, firn_slice name, firn_error *err)
{
    CHECK(name.size <= FIRN_TREE_NAME_SIZE_MAX);
    CHECK(firn_tree_name_is_valid(name)); /* (I3) */
    DCHECK(dir.size == 0 || leads_inside(dir));
    const char *reason = firn_tree_reserved_name(name);
    reason = reason != NULL ? reason : firn_tree_reserved_path(dir);
    if (reason != NULL) { /* (I4) */
        return firn_error_set(err, FIRN_CONFLICT, "'%.*s/%.*s' is never written or removed: it %s",
                              (int)(dir.size < 512 ? dir.size : 512), (const char *)dir.data,
                              (int)name.size, (const char *)name.data, reason);
    }
    memcpy(out->name, name.data, name.size);
    out->name[name.size] = '\0';
    firn_buf_clear(&out->dir);
    if (firn_buf_append_slice(&out->dir, dir) != FIRN_OK || firn_buf_text(&out->dir) == NULL) {
        return firn_error_no_memory(err, "a path");
    }
    return FIRN_OK;
}

int
firn_checkout_final_place(firn_slice path, struct firn_checkout_place *out, firn_error *err)
{
    size_t at = name_offset(path);
    out->is_direct = true;
    return set_place(out, parent_of(path), firn_bytes(path.data + at, path.size - at), err);
}

int
firn_checkout_moved_place(struct firn_checkout *checkout, firn_slice path, size_t root_size,
                          struct firn_checkout_place *out, firn_error *err)
{
    CHECK(root_size < path.size);
    DCHECK(path.data[root_size] == '/');
    firn_slice root = firn_bytes(path.data, root_size);
    firn_slice rest = firn_bytes(path.data + root_size, path.size - root_size);
    char temporary[FIRN_CHECKOUT_NAME_SIZE];
    firn_checkout_temporary_name(checkout->options.tag, root, temporary);
    struct firn_buf moved = {0};
    int rc;
    FIRN_TRY(firn_buf_append_slice(&moved, firn_bytes(root.data, name_offset(root))));
    FIRN_TRY(firn_buf_append_str(&moved, temporary));
    FIRN_TRY(firn_buf_append_slice(&moved, rest));
    rc = firn_checkout_final_place(firn_buf_slice(&moved), out, err);
    firn_buf_deinit(&moved);
    return rc;
out:
    firn_buf_deinit(&moved);
    return firn_error_no_memory(err, "a path");
}

int
firn_checkout_staged_place(struct firn_checkout *checkout, firn_slice path,
                           struct firn_checkout_place *out, firn_error *err)
{
    if (checkout->into_empty) {
        return firn_checkout_final_place(path, out, err);
    }
    for (size_t size = 1; size < path.size; size++) {
        if (path.data[size] == '/' &&
            firn_checkout_is_new_root(checkout, firn_bytes(path.data, size))) {
            return firn_checkout_moved_place(checkout, path, size, out, err);
        }
    }
    char temporary[FIRN_CHECKOUT_NAME_SIZE];
    firn_checkout_temporary_name(checkout->options.tag, path, temporary);
    out->is_direct = false;
    return set_place(out, parent_of(path), firn_str(temporary), err);
}

/* ---- directories that may not be written ---- */

/* The permission to change the names in a directory. */
enum { MAY_CHANGE_NAMES = 0300 };

static int
loosen(struct firn_checkout *checkout, struct firn_os_dir *dir, const char *path, firn_error *err)
{
    DCHECK(!checkout->is_superuser && !checkout->into_empty);
    struct firn_os_stat stat;
    int rc = firn_os_dir_stat(dir, &stat, err);
    if (rc != FIRN_OK || (stat.mode & MAY_CHANGE_NAMES) == MAY_CHANGE_NAMES ||
        stat.uid != firn_os_user_id(checkout->os)) {
        return rc;
    }
    firn_os_mutex_lock(&checkout->mutex);
    struct firn_checkout_loosened *loosened = firn_arena_alloc(&checkout->arena, sizeof *loosened);
    if (loosened != NULL) {
        *loosened = (struct firn_checkout_loosened){.mode = stat.mode, .next = checkout->loosened};
        loosened->path = firn_arena_str(&checkout->arena, path, strlen(path));
    }
    if (loosened == NULL || loosened->path == NULL) {
        rc = firn_error_no_memory(err, "a list of directories");
    } else {
        checkout->loosened = loosened;
    }
    firn_os_mutex_unlock(&checkout->mutex);
    const struct firn_os_node node = {.dir = dir};
    return rc == FIRN_OK ? firn_os_set_mode(node, stat.mode | MAY_CHANGE_NAMES, err) : rc;
}

int
firn_checkout_tighten(struct firn_checkout *checkout, bool all, firn_error *err)
{
    struct firn_tree_filter *filter = checkout->options.filter;
    int rc = FIRN_OK;
    for (const struct firn_checkout_loosened *item = checkout->loosened;
         item != NULL && rc == FIRN_OK; item = item->next) {
        if (!all && (filter == NULL || firn_tree_filter_selects(filter, firn_str(item->path)))) {
            continue;
        }
        struct firn_os_dir *dir;
        rc = firn_os_dir_open_beneath(checkout->options.root, item->path, &dir, err);
        if (rc == FIRN_OK) {
            rc = firn_os_set_mode((struct firn_os_node){.dir = dir}, item->mode, err);
            firn_os_dir_close(dir);
        }
        rc = rc == FIRN_NOT_FOUND ? FIRN_OK : rc; /* it should be removed, and is gone */
    }
    return rc;
}

int
firn_checkout_open_dir(struct firn_checkout *checkout, const struct firn_buf *dir,
                       struct firn_os_dir **cache, struct firn_buf *cache_path, firn_error *err)
{
    DCHECK(dir->capacity > dir->size && dir->data[dir->size] == '\0');
    if (*cache != NULL && firn_slice_equal(firn_buf_slice(cache_path), firn_buf_slice(dir))) {
        return FIRN_OK;
    }
    firn_os_dir_close(*cache);
    *cache = NULL;
    firn_buf_clear(cache_path);
    if (firn_buf_append(cache_path, dir->data, dir->size) != FIRN_OK) {
        return firn_error_no_memory(err, "a path");
    }
    const char *path = (const char *)dir->data;
    int rc = firn_os_dir_open_beneath(checkout->options.root, path, cache, err);
    bool may_need_it = rc == FIRN_OK && !checkout->is_superuser && !checkout->into_empty;
    return may_need_it ? loosen(checkout, *cache, path, err) : rc;
}
