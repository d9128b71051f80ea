/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_collect.c: removing files that are not needed any more; how much of value files is garbage.
 *
 * A run file may go when three things hold: the newest version does not name it, durably; no
 * version that this process still reads by names it (the count of run_file.c has come to zero); and
 * no other process reads by a MANIFEST that names it, which the host knows. Files that were found
 * in the directory at open and belong to nothing are treated alike, as if they had gone with the
 * version that was read then: an older reader may have them.
 *
 * A value file goes with the last run that refers to it: that run has waited for all readers, so no
 * reader is left that could follow a reference there. So do the attachments of a run.
 *
 * One thread at a time collects; a thread that comes meanwhile leaves the work to that one. Asking
 * the host and removing is input and output, and happens without the mutex.
 *
 * Failure: a file that could not be removed is tried again the next time, and at the next open.
 * The directory is not synced: a removal that a power cut takes back is made again at open.
 */
#include "base/check.h"
#include "lsm/lsm_internal.h"

/* What the host said about readers. */
struct readers {
    struct firn_lsm *lsm;
    uint64_t free_below; /* no reader below this version */
    uint64_t held_below; /* some reader below this one */
};

static bool
is_free(struct readers *readers, uint64_t version)
{
    DCHECK(readers->free_below < readers->held_below);
    if (version <= readers->free_below) {
        return true;
    }
    if (version >= readers->held_below) {
        return false;
    }
    const struct firn_lsm_host *host = &readers->lsm->options.host;
    bool answer = host->no_reader_below(host->ctx, version);
    if (answer) {
        readers->free_below = version;
    } else {
        readers->held_below = version;
    }
    return answer;
}

/* True if the file is gone. */
static bool
remove_file(struct firn_lsm *lsm, const char *name)
{
    int rc = firn_os_remove_file(lsm->runs_dir, name, NULL);
    bool is_removed = rc == FIRN_OK || rc == FIRN_NOT_FOUND;
    if (is_removed) {
        firn_lsm_origin_note_removed(lsm, firn_lsm_number_in_name(name));
    }
    return is_removed;
}

/* Removes what it can of a list; gives back the rest. */
static struct firn_run_file *
remove_files(struct readers *readers, struct firn_run_file *file, uint64_t *out_left)
{
    struct firn_run_file *left = NULL;
    *out_left = 0;
    while (file != NULL) {
        struct firn_run_file *next = file->next_unused;
        char name[FIRN_RUN_FILE_NAME_SIZE];
        firn_run_file_name(file->info.number, file->kind, name);
        /* (I5) of lsm.c */
        CHECK(atomic_load_explicit(&file->refs, memory_order_relaxed) == 0);
        if (!file->is_gone ||
            (is_free(readers, file->gone_version) && remove_file(readers->lsm, name))) {
            firn_run_file_destroy(file);
        } else {
            file->next_unused = left;
            left = file;
            ++*out_left;
        }
        file = next;
    }
    return left;
}

static void
remove_strays(struct readers *readers)
{
    struct firn_lsm *lsm = readers->lsm;
    size_t left = 0;
    if (lsm->stray_count == 0 || !is_free(readers, lsm->stray_version)) {
        return;
    }
    for (size_t i = 0; i < lsm->stray_count; i++) {
        if (!remove_file(lsm, lsm->strays[i].name)) {
            lsm->strays[left++] = lsm->strays[i];
        }
    }
    lsm->stray_count = left;
}

/* Both lists as one. */
static struct firn_run_file *
join(struct firn_run_file *a, struct firn_run_file *b)
{
    while (a != NULL) {
        struct firn_run_file *next = a->next_unused;
        a->next_unused = b;
        b = a;
        a = next;
    }
    return b;
}

void
firn_lsm_collect(struct firn_lsm *lsm)
{
    firn_run_file_shrink(&lsm->files);
    if (lsm->options.is_read_only) {
        return;
    }
    firn_os_mutex_lock(&lsm->mutex);
    bool is_mine = !lsm->is_collecting;
    lsm->is_collecting = true;
    firn_os_mutex_unlock(&lsm->mutex);
    if (!is_mine) {
        return;
    }
    struct readers readers = {.lsm = lsm, .held_below = UINT64_MAX};
    uint64_t waiting_count = 0;
    struct firn_run_file *files = join(firn_run_file_take_unused(&lsm->files), lsm->waiting);
    lsm->waiting = NULL;
    while (files != NULL) {
        uint64_t left;
        files = remove_files(&readers, files, &left);
        lsm->waiting = join(files, lsm->waiting);
        waiting_count += left;
        /* Attachments of these runs, what took their place, and value files that they were the last ones to refer to. */
        files = firn_run_file_take_unused(&lsm->files);
    }
    remove_strays(&readers);
    firn_os_mutex_lock(&lsm->mutex);
    lsm->waiting_count = waiting_count;
    lsm->is_collecting = false;
    firn_os_mutex_unlock(&lsm->mutex);
}

bool
firn_lsm_collect_is_due(const struct firn_lsm *lsm)
{
    return atomic_load_explicit(&lsm->files.unused, memory_order_relaxed) != NULL;
}

void
firn_lsm_collect_memory(struct firn_lsm *lsm)
{
    DCHECK(!lsm->is_collecting);
    struct firn_run_file *file = join(firn_run_file_take_unused(&lsm->files), lsm->waiting);
    lsm->waiting = NULL;
    while (file != NULL) {
        struct firn_run_file *next = file->next_unused;
        firn_run_file_destroy(file);
        /* Runs let go of value files. */
        file = next != NULL ? next : firn_run_file_take_unused(&lsm->files);
    }
}

/* ==== the garbage of value files ====
 *
 * The values of a file that are alive are those that the runs of the newest version refer to: MANIFEST
 * keeps the bytes for each run, so nothing has to be counted from the data, and a number cannot go
 * wrong by itself. It falls when a compaction drops a version, and with it the reference.
 */

void
firn_lsm_collect_add_values_locked(struct firn_lsm_tree *tree, const struct firn_run_file *run)
{
    firn_os_mutex_assert_held(&tree->lsm->mutex);
    struct firn_lsm_value_stats *stats = &tree->values;
    for (size_t i = 0; i < run->info.reference_count; i++) {
        struct firn_run_file *values = run->value_files[i];
        DCHECK(values->info.kind == FIRN_BLOCK_FILE_VALUES);
        DCHECK(values->live_runs > 0 || values->live_bytes == 0);
        if (values->live_runs++ == 0) {
            stats->files++;
            stats->bytes += values->info.content_bytes;
        }
        values->live_bytes += run->info.references[i].bytes;
        stats->live_bytes += run->info.references[i].bytes;
    }
}

void
firn_lsm_collect_remove_values_locked(struct firn_lsm_tree *tree, const struct firn_run_file *run)
{
    firn_os_mutex_assert_held(&tree->lsm->mutex);
    struct firn_lsm_value_stats *stats = &tree->values;
    for (size_t i = 0; i < run->info.reference_count; i++) {
        struct firn_run_file *values = run->value_files[i];
        CHECK(values->live_runs > 0 && values->live_bytes >= run->info.references[i].bytes);
        DCHECK(stats->live_bytes >= run->info.references[i].bytes);
        values->live_bytes -= run->info.references[i].bytes;
        stats->live_bytes -= run->info.references[i].bytes;
        if (--values->live_runs == 0) {
            DCHECK(values->live_bytes == 0);
            stats->files--;
            stats->bytes -= values->info.content_bytes;
        }
    }
    tree->may_have_sparse |= run->info.reference_count > 0;
}

bool
firn_lsm_collect_is_worth_moving_locked(const struct firn_lsm *lsm,
                                        const struct firn_run_file *values, bool is_thorough)
{
    firn_os_mutex_assert_held(&lsm->mutex);
    uint64_t total = values->info.content_bytes;
    return is_thorough ? values->live_bytes < total : values->live_bytes < total - total / 2;
}
