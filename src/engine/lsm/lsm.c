/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm.c: the trees of a store as a whole: opening, closing, numbers.
 *
 * A tree consists of memtables and of runs in levels below them. Writes go to the active memtable;
 * freezing closes it; a flush (compaction_flush.c) writes frozen memtables as a run of level 0;
 * compactions (compaction.c) merge runs into deeper levels. MANIFEST (manifest.c) lists the runs.
 * Readers use one immutable object of each tree, its state (lsm_superversion.c), which is replaced
 * when something changes (lsm_install.c).
 *
 *   apply, freeze        lsm_tree.c       one thread, the leader of commits
 *   get                  lsm_tree_get.c   any thread; neither waits nor locks
 *   cursors              lsm_cursor.c     any thread, each cursor in one
 *   works                compaction_work.c any threads: picked under the mutex, run without it
 *   removal of files     lsm_collect.c    any thread
 *   lost and stray files lsm_compare.c    the thread that opens the store
 *
 * Invariants:
 * (I1) For each key, versions in a newer memtable are newer than those in an older one, those in
 *      memtables are newer than those in runs, and levels are ordered as version.h says. A range
 *      delete counts as a version of every key that it covers. So a read may stop at the first
 *      version that it sees, or at the first range delete above that version. The exception is
 *      history runs, if a snapshot has to look into them (version_history.c).
 * (I2) The replacement of a state that removes a memtable also adds the run that has its content.
 *      MANIFEST has durably named that run before.
 * (I3) The log is durable up to the end of a memtable before MANIFEST names the memtable's run
 *      (compaction.c). Otherwise a crash could keep a part of a commit in one tree while the part
 *      in another tree is lost with the log. (Not checked: the log is the store's.)
 * (I4) Flushes of one tree are installed in the order in which its memtables were frozen. So the
 *      runs lack exactly the versions above the tree's flushed sequence.
 * (I5) A run file is removed only when no version of this process names it and no other process
 *      uses a MANIFEST version that does.
 *
 * Locking: one mutex (rank LSM) guards the list of trees, works, and the replacing of states. It is
 * not held during I/O, nor while the host is called. MANIFEST is changed by one thread at a time,
 * the holder of a token (lsm_install.c).
 *
 * Failure: a damaged run is found and reported when it is first read. A missing run is noted at the
 * opening. A damaged MANIFEST keeps the store from opening.
 */
#include "lsm/lsm.h"

#include <inttypes.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "lsm/lsm_internal.h"
#include "os/os_names.h"
#include "run/run_value_file.h"

#include <stdio.h>

/* ==== what the trees hold and what works have done, as numbers ====
 *
 * All numbers are taken at one moment under the mutex, from what the versions know of their runs;
 * no file is read.
 */

static void
add_version(const struct fi_version *version, struct fi_lsm_stats *out)
{
    for (unsigned number = 0; number < FI_VERSION_LEVELS_ALL; number++) {
        const struct fi_version_level *level = &version->levels[number];
        struct fi_lsm_level_stats *stats = &out->levels[number];
        stats->runs += level->count;
        stats->bytes += level->bytes;
        for (size_t i = 0; i < level->count; i++) {
            const struct fi_manifest_run *info = &fi_version_file(level, i)->info;
            stats->entries += info->entry_count;
            stats->tombstones += info->tombstone_count + info->range_count;
            out->attachments.files += info->attachment_count;
            for (size_t j = 0; j < info->attachment_count; j++) {
                out->attachments.bytes += info->attachments[j].file_bytes;
            }
        }
    }
}

static void
add_tree_locked(const struct fi_lsm_tree *tree, struct fi_lsm_stats *out)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    const struct fi_lsm_superversion *state =
        atomic_load_explicit(&tree->state, memory_order_relaxed);
    add_version(state->version, out);
    out->values.files += tree->values.files;
    out->values.bytes += tree->values.bytes;
    out->values.live_bytes += tree->values.live_bytes;
    out->memtables += state->memtable_count;
    out->frozen_memtables += state->memtable_count > 0 ? state->memtable_count - 1 : 0;
    for (size_t i = 0; i < state->memtable_count; i++) {
        out->memtable_bytes +=
            atomic_load_explicit(&state->memtables[i]->counted_bytes, memory_order_relaxed);
    }
}

void
fi_lsm_stats(struct fi_lsm *lsm, const struct fi_lsm_tree *tree, struct fi_lsm_stats *out)
{
    fi_os_mutex_lock(&lsm->mutex);
    *out = lsm->counters;
    out->waiting_files = lsm->waiting_count;
    if (tree != NULL) {
        add_tree_locked(tree, out);
    } else {
        for (size_t i = 0; i < lsm->tree_count; i++) {
            add_tree_locked(lsm->trees[i], out);
        }
    }
    fi_os_mutex_unlock(&lsm->mutex);
}

/* ==== opening, closing, numbers ==== */

enum { OPEN_RUNS_MAX = 512 };

/* ---- names ---- */

bool
fi_lsm_is_name(const char *name)
{
    return strcmp(name, FI_LSM_RUNS) == 0 || fi_log_segment_is_name(name, FI_MANIFEST_NAME);
}

static bool
has_kind(const char *name, const struct fi_run_kind *kind)
{
    const char *suffix = strchr(name, '.') + 1;
    size_t size = strlen(kind->name);
    return strncmp(suffix, kind->name, size) == 0 &&
           (suffix[size] == '\0' || strcmp(suffix + size, ".tmp") == 0);
}

bool
fi_lsm_is_run_name(const char *name, const struct fi_run_kind *const *kinds)
{
    if (fi_lsm_number_in_name(name) == 0) {
        return false;
    }
    bool is_known = has_kind(name, &fi_run_value_file_kind);
    const struct fi_run_kind *kind;
    for (size_t i = 0; !is_known && (kind = fi_run_kind_at(kinds, i)) != NULL; i++) {
        is_known = has_kind(name, kind);
    }
    return is_known;
}

/* ---- opening ---- */

static void
set_options(struct fi_lsm *lsm, const struct fi_lsm_options *options)
{
    /* lsm.h: both or neither. */
    DCHECK((options->host.log_segment_bytes == NULL) == (options->host.lend_log_segment == NULL));
    DCHECK(options->kinds != NULL && options->kinds[0] != NULL);
    lsm->options = *options;
    if (options->run_bytes_target == 0) {
        lsm->options.run_bytes_target = (size_t)32 << 20;
    }
    if (options->level_bytes_base == 0) {
        lsm->options.level_bytes_base = UINT64_C(256) << 20;
    }
    if (options->level0_bytes_target == 0) {
        lsm->options.level0_bytes_target = UINT64_C(256) << 20;
    }
    if (options->level_factor == 0) {
        lsm->options.level_factor = 10;
    }
    if (options->history_runs_target == 0) {
        lsm->options.history_runs_target = 8;
    }
    if (options->level0_runs_target == 0) {
        lsm->options.level0_runs_target = 4;
    }
    if (options->value_size_min == 0) {
        lsm->options.value_size_min = 4 << 10;
    }
    if (options->value_file_bytes_target == 0) {
        lsm->options.value_file_bytes_target = UINT64_C(64) << 20;
    }
    if (options->value_file_bytes_small == 0) {
        lsm->options.value_file_bytes_small = lsm->options.value_file_bytes_target / 64;
    }
}

static struct fi_lsm *
make_handle(struct fi_os_dir *dir, const struct fi_lsm_options *options)
{
    struct fi_lsm *lsm = fi_alloc_zeroed(sizeof *lsm);
    if (lsm != NULL) {
        lsm->os = fi_os_dir_os(dir);
        lsm->dir = dir;
        set_options(lsm, options);
        fi_epoch_init(&lsm->epoch);
        fi_memtable_pool_init(&lsm->memtable_pool, lsm->os);
        fi_version_file_init_all(&lsm->files, lsm->os);
        lsm->files.epoch = &lsm->epoch;
        lsm->files.open_max = OPEN_RUNS_MAX;
        lsm->files.env.cache = options->cache;
        atomic_init(&lsm->memtables.bytes, 0);
        atomic_init(&lsm->memtables.small_bytes, 0);
        atomic_init(&lsm->version, 0);
        atomic_init(&lsm->sequence, 0);
        atomic_init(&lsm->frozen_max, 0);
        atomic_init(&lsm->level0_max, 0);
        fi_os_mutex_init(lsm->os, &lsm->mutex, FI_LOCK_LSM);
        fi_os_cond_init(lsm->os, &lsm->changed);
    }
    return lsm;
}

static void
lsm_destroy(struct fi_lsm *lsm)
{
    if (lsm == NULL) {
        return;
    }
    DCHECK(lsm->manifest == NULL && !lsm->is_editing && !lsm->is_collecting);
    for (size_t i = 0; i < lsm->tree_count; i++) {
        fi_lsm_tree_destroy(lsm->trees[i]);
    }
    for (size_t i = 0; i < lsm->dropped_count; i++) {
        fi_lsm_tree_destroy(lsm->dropped[i]);
    }
    fi_free(lsm->trees);
    fi_free(lsm->dropped);
    fi_epoch_deinit(&lsm->epoch);
    fi_memtable_pool_deinit(&lsm->memtable_pool);
    fi_lsm_collect_memory(lsm);
    fi_version_unref(lsm->no_runs);
    fi_version_file_deinit_all(&lsm->files);
    fi_free(lsm->strays);
    fi_log_watch_end(&lsm->manifest_watch);
    fi_buf_deinit(&lsm->history);
    fi_buf_deinit(&lsm->gone);
    fi_os_dir_close(lsm->runs_dir);
    fi_os_cond_deinit(&lsm->changed);
    fi_os_mutex_deinit(&lsm->mutex);
    fi_free(lsm);
}

/* Counts names that are ours, in a store that has no MANIFEST. */
static int
count_run(void *ctx, const struct fi_os_dirent *entry)
{
    bool is_unfinished =
        entry->name_size > 4 && strcmp(entry->name + entry->name_size - 4, ".tmp") == 0;
    if (fi_lsm_number_in_name(entry->name) > 0 && !is_unfinished) {
        ++*(uint64_t *)ctx;
    }
    return FIRN_OK;
}

/* A store that lost its MANIFEST must not be taken for an empty one: its runs would be removed. */
static int
check_no_runs(struct fi_lsm *lsm, firn_error *err)
{
    uint64_t count = 0;
    int rc = fi_os_dir_list(lsm->runs_dir, count_run, &count, err);
    if (rc == FIRN_OK && count > 0) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s' has no MANIFEST, but %" PRIu64 " runs: its files are missing",
                            fi_os_dir_path(lsm->dir), count);
    }
    return rc;
}

/* The directory of runs; a writer makes it where it is missing. */
static int
open_runs_dir(struct fi_lsm *lsm, firn_error *err)
{
    int rc = fi_os_dir_open(lsm->dir, FI_LSM_RUNS, &lsm->runs_dir, err);
    if (rc == FIRN_NOT_FOUND && lsm->options.is_read_only) {
        return FIRN_OK;
    }
    if (rc == FIRN_NOT_FOUND) {
        FI_TRY(fi_os_make_dir_for_owner(lsm->dir, FI_LSM_RUNS, lsm->dir, 0700, err));
        FI_TRY(fi_os_dir_sync(lsm->dir, err));
        FI_TRY(fi_os_dir_open(lsm->dir, FI_LSM_RUNS, &lsm->runs_dir, err));
    }
    lsm->files.env.dir = lsm->runs_dir;
out:
    return rc;
}

/* Whether no other process is reading MANIFEST now. One that is has no version yet, and counts as
 * older than all. */
static bool
may_remove(void *ctx)
{
    const struct fi_lsm_host *host = &((struct fi_lsm *)ctx)->options.host;
    return host->no_reader_below(host->ctx, 1);
}

/* Whether there is no MANIFEST. One that the directory's guard does not let count (os/os_guard.h)
 * is none only where none is needed: the caller may create one. */
static bool
is_none(int rc)
{
    return rc == FIRN_NOT_FOUND || rc == FIRN_UNTRUSTED;
}

static int
open_manifest(struct fi_lsm *lsm, bool create, struct fi_manifest_state *state, firn_error *err)
{
    const struct fi_log_gate gate = {.may_remove = may_remove, .ctx = lsm};
    int rc;
    if (lsm->options.is_read_only) {
        rc = fi_manifest_read_watched(lsm->dir, state, &lsm->manifest_watch, err);
        return is_none(rc) && create ? FIRN_OK : rc;
    }
    rc = fi_manifest_open(lsm->dir, &gate, state, &lsm->manifest, err);
    if (is_none(rc) && create) {
        FI_TRY(open_runs_dir(lsm, err));
        FI_TRY(check_no_runs(lsm, err));
        FI_TRY(fi_manifest_create(lsm->dir, &gate, &lsm->manifest, err));
    }
out:
    return rc;
}

/* ---- the trees that MANIFEST names ---- */

/* The kind with that number; FIRN_NEWER where there is none. */
static int
find_kind(const struct fi_run_kind *const *kinds, const char *what, uint64_t number,
          unsigned file_kind, const struct fi_run_kind **out, firn_error *err)
{
    *out = kinds == NULL ? NULL : fi_run_kind_find(kinds, file_kind);
    return *out != NULL
               ? FIRN_OK
               : fi_error_set(err, FIRN_NEWER,
                              "%s %" PRIu64 " is of kind %u, which this program does not know",
                              what, number, file_kind);
}

static int
make_version(struct fi_lsm *lsm, const struct fi_manifest_state_tree *named,
             struct fi_version_values *values, struct fi_version **out, firn_error *err)
{
    int rc = FIRN_OK;
    size_t count = 0;
    struct fi_version_added *added = fi_alloc_array(named->run_count, sizeof *added);
    if (added == NULL) {
        return fi_error_no_memory(err, "the runs of a tree");
    }
    while (count < named->run_count) {
        const struct fi_manifest_run *info = named->runs[count];
        const struct fi_run_kind *kind;
        FI_TRY(find_kind(lsm->options.kinds, "run", info->number, info->kind, &kind, err));
        DCHECK(kind != NULL);
        for (size_t i = 0; i < info->attachment_count; i++) {
            const struct fi_run_kind *attached;
            FI_TRY(find_kind(kind->attachment_kinds, "attachment", info->attachments[i].number,
                             info->attachments[i].kind, &attached, err));
        }
        added[count].level = info->level;
        added[count].file = fi_version_file_create(&lsm->files, kind, info);
        if (added[count].file == NULL) {
            rc = fi_error_no_memory(err, "a run of a tree");
            goto out;
        }
        FI_TRY(fi_version_values_link(values, added[count++].file, err));
    }
    struct fi_version_change change = {.added = added, .added_count = count};
    FI_TRY(fi_version_create(&change, out, err));
out:
    for (size_t i = 0; i < count; i++) {
        fi_version_file_unref(added[i].file);
    }
    fi_free(added);
    return rc;
}

static void
count_values(struct fi_lsm_tree *tree, const struct fi_version *version)
{
    fi_os_mutex_lock(&tree->lsm->mutex);
    for (unsigned number = 0; number < FI_VERSION_LEVELS_ALL; number++) {
        for (size_t i = 0; i < version->levels[number].count; i++) {
            fi_lsm_collect_add_values_locked(tree, fi_version_file(&version->levels[number], i));
        }
    }
    fi_os_mutex_unlock(&tree->lsm->mutex);
}

static int
add_named_tree(struct fi_lsm *lsm, const struct fi_manifest_state_tree *named,
               struct fi_version_values *values, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_version *version = NULL;
    struct fi_lsm_tree *tree = NULL;
    const struct fi_run_kind *kind;
    FI_TRY(find_kind(lsm->options.kinds, "tree", named->id, named->kind, &kind, err));
    FI_TRY(make_version(lsm, named, values, &version, err));
    FI_TRY(fi_lsm_tree_create(lsm, named->id, kind, version, &tree, err));
    count_values(tree, version);
    tree->is_named = true;
    atomic_store_explicit(&tree->flushed, named->flushed, memory_order_relaxed);
out:
    fi_version_unref(version);
    return rc;
}

/* Before memory is taken for them. */
static int
check_tree_count(const struct fi_lsm *lsm, const struct fi_manifest_state *state, firn_error *err)
{
    uint64_t max = lsm->options.trees_max;
    return max == 0 || state->tree_count <= max
               ? FIRN_OK
               : fi_error_set(
                     err, FIRN_LIMIT,
                     "the MANIFEST of '%s' names %zu trees, too many for the memory that the "
                     "store was opened with: open it with more memory",
                     fi_os_dir_path(lsm->dir), state->tree_count);
}

static int
add_named_trees(struct fi_lsm *lsm, const struct fi_manifest_state *state, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_version_values values;
    DCHECK(lsm->tree_count == 0 && lsm->history.size == 0);
    fi_version_values_init(&values, &lsm->files);
    for (size_t i = 0; i < state->tree_count && rc == FIRN_OK; i++) {
        rc = add_named_tree(lsm, &state->trees[i], &values, err);
    }
    fi_version_values_deinit(&values);
    FI_TRY(rc);
    atomic_store_explicit(&lsm->version, state->version, memory_order_relaxed);
    atomic_store_explicit(&lsm->sequence, state->sequence, memory_order_relaxed);
    if (fi_buf_assign(&lsm->history, fi_buf_slice(&state->history)) != FIRN_OK) {
        return fi_error_no_memory(err, "the history of a store");
    }
    lsm->next_number = state->next_number > 0 ? state->next_number : 1;
    lsm->log_end = state->log_end;
    fi_os_mutex_lock(&lsm->mutex);
    fi_lsm_measure_locked(lsm);
    fi_os_mutex_unlock(&lsm->mutex);
out:
    return rc;
}

int
fi_lsm_open(struct fi_os_dir *dir, const struct fi_lsm_options *options, bool create,
            struct fi_lsm **out, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_manifest_state state = {0};
    struct fi_lsm *lsm = make_handle(dir, options);
    *out = NULL;
    if (lsm == NULL) {
        return fi_error_no_memory(err, "the trees of a store");
    }
    FI_TRY(fi_version_create(&(struct fi_version_change){0}, &lsm->no_runs, err));
    FI_TRY(open_manifest(lsm, create, &state, err));
    if (lsm->runs_dir == NULL) {
        FI_TRY(open_runs_dir(lsm, err));
    }
    FI_TRY(check_tree_count(lsm, &state, err));
    FI_TRY(add_named_trees(lsm, &state, err));
    FI_TRY(fi_lsm_compare_files(lsm, &state, err));
    DCHECK((lsm->manifest == NULL) == lsm->options.is_read_only);
    *out = lsm;
    lsm = NULL;
out:
    fi_manifest_state_deinit(&state);
    fi_lsm_abandon(lsm);
    return rc;
}

/* ---- closing ---- */

int
fi_lsm_close(struct fi_lsm *lsm, firn_error *err)
{
    if (lsm == NULL) {
        return FIRN_OK;
    }
    if (!lsm->options.is_read_only) {
        fi_lsm_collect(lsm);
    }
    int rc = fi_manifest_close(lsm->manifest, err);
    lsm->manifest = NULL;
    lsm_destroy(lsm);
    return rc;
}

void
fi_lsm_abandon(struct fi_lsm *lsm)
{
    if (lsm != NULL) {
        fi_manifest_abandon(lsm->manifest);
        lsm->manifest = NULL;
        lsm_destroy(lsm);
    }
}

/* ---- numbers ---- */

uint64_t
fi_lsm_sequence(const struct fi_lsm *lsm)
{
    return atomic_load_explicit(&lsm->sequence, memory_order_relaxed);
}

bool
fi_lsm_is_newest(const struct fi_lsm *lsm)
{
    static const struct fi_log_fence none = {NULL, NULL};
    DCHECK(lsm->options.is_read_only);
    return fi_log_watch_is_unchanged(&lsm->manifest_watch, &none);
}

struct fi_log_position
fi_lsm_log_end(const struct fi_lsm *lsm)
{
    return lsm->log_end;
}

uint64_t
fi_lsm_missing_files(const struct fi_lsm *lsm, const char **out_name)
{
    *out_name = lsm->missing_name;
    return lsm->missing_count;
}

int
fi_lsm_read_version(struct fi_os_dir *dir, uint64_t *out, firn_error *err)
{
    struct fi_manifest_state state = {0};
    int rc = fi_manifest_read(dir, &state, err);
    *out = state.version;
    fi_manifest_state_deinit(&state);
    return rc;
}

firn_slice
fi_lsm_history(const struct fi_lsm *lsm)
{
    return fi_buf_slice(&lsm->history);
}

uint64_t
fi_lsm_version(struct fi_lsm *lsm)
{
    /* Pairs with the release in publish_locked (lsm_install.c). */
    return atomic_load_explicit(&lsm->version, memory_order_acquire);
}

uint64_t
fi_lsm_take_number(struct fi_lsm *lsm)
{
    fi_os_mutex_lock(&lsm->mutex);
    DCHECK(lsm->next_number > 0 && !lsm->options.is_read_only);
    uint64_t number = lsm->next_number++;
    fi_os_mutex_unlock(&lsm->mutex);
    return number;
}

struct fi_os_dir *
fi_lsm_scratch_dir(const struct fi_lsm *lsm)
{
    return lsm->options.is_read_only ? NULL : lsm->runs_dir;
}

/* Named like an unfinished run, which belongs to nothing and is no sign of damage. */
void
fi_lsm_scratch_name(struct fi_lsm *lsm, char out[FI_VERSION_FILE_NAME_SIZE])
{
    char name[FI_VERSION_FILE_NAME_SIZE];
    fi_version_file_name(fi_lsm_take_number(lsm), lsm->options.kinds[0], name);
    int size = snprintf(out, FI_VERSION_FILE_NAME_SIZE, "%s.tmp", name);
    CHECK(size > 0 && size < FI_VERSION_FILE_NAME_SIZE);
}

uint64_t
fi_lsm_log_floor(struct fi_lsm *lsm)
{
    uint64_t floor = UINT64_MAX;
    fi_os_mutex_lock(&lsm->mutex);
    for (size_t i = 0; i < lsm->tree_count; i++) {
        const struct fi_lsm_superversion *state =
            atomic_load_explicit(&lsm->trees[i]->state, memory_order_relaxed);
        for (size_t j = 0; j < state->memtable_count; j++) {
            uint64_t segment =
                atomic_load_explicit(&state->memtables[j]->log_segment, memory_order_relaxed);
            floor = segment != 0 && segment < floor ? segment : floor;
        }
    }
    fi_os_mutex_unlock(&lsm->mutex);
    return floor;
}

size_t
fi_lsm_memtable_bytes(const struct fi_lsm *lsm)
{
    return atomic_load_explicit(&lsm->memtables.bytes, memory_order_relaxed);
}

size_t
fi_lsm_memtable_excess(const struct fi_lsm *lsm)
{
    size_t small = atomic_load_explicit(&lsm->memtables.small_bytes, memory_order_relaxed);
    size_t bytes = atomic_load_explicit(&lsm->memtables.bytes, memory_order_relaxed);
    return bytes > small ? bytes - small : 0; /* the two are not read at one moment */
}

bool
fi_lsm_wants_memory(const struct fi_lsm *lsm)
{
    return fi_memtable_pool_is_low(&lsm->memtable_pool);
}

void
fi_lsm_prepare_memory(struct fi_lsm *lsm)
{
    fi_memtable_pool_fill(&lsm->memtable_pool);
}

/* ---- pressure ---- */

void
fi_lsm_pressure(struct fi_lsm *lsm, unsigned *out_frozen, unsigned *out_level0_runs)
{
    *out_frozen = atomic_load_explicit(&lsm->frozen_max, memory_order_relaxed);
    *out_level0_runs = atomic_load_explicit(&lsm->level0_max, memory_order_relaxed);
}
