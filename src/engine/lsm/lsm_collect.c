/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_collect.c: removing files that are not needed any more; how much of each value file is
 * garbage.
 *
 * A run file may be removed when three conditions hold: the newest version durably does not name
 * it; no version that this process still reads by names it (the count of version_file.c is zero);
 * and no other process uses a MANIFEST version that names it, which the host knows. Files that were
 * found at the opening and belong to nothing are treated as if the version that was read then had
 * been the first without them: an older reader may use them.
 *
 * A value file is removed after the last run that refers to it: that run has waited for all
 * readers, so no reader can follow a reference to the value file. The same holds for the
 * attachments of a run.
 *
 * One thread at a time collects; another thread that comes meanwhile leaves the work to it. Asking
 * the host and removing files are I/O, and happen without the mutex.
 *
 * Failure: removing a file is tried again the next time, and at the next opening. The directory is
 * not synced: a removal that a power cut undoes is repeated at the opening.
 */
#include "base/check.h"
#include "lsm/lsm_internal.h"

/* What the host said about readers. */
struct readers {
    struct fi_lsm *lsm;
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
    const struct fi_lsm_host *host = &readers->lsm->options.host;
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
remove_file(struct fi_lsm *lsm, const char *name)
{
    int rc = fi_os_remove_file(lsm->runs_dir, name, NULL);
    bool is_removed = rc == FIRN_OK || rc == FIRN_NOT_FOUND;
    if (is_removed) {
        fi_lsm_origin_note_removed(lsm, fi_lsm_number_in_name(name));
    }
    return is_removed;
}

/* Removes the files of a list that it can; returns the others. */
static struct fi_version_file *
remove_files(struct readers *readers, struct fi_version_file *file, uint64_t *out_left)
{
    struct fi_version_file *left = NULL;
    *out_left = 0;
    while (file != NULL) {
        struct fi_version_file *next = file->next_unused;
        char name[FI_VERSION_FILE_NAME_SIZE];
        fi_version_file_name(file->info.number, file->kind, name);
        /* (I5) of lsm.c */
        CHECK(atomic_load_explicit(&file->refs, memory_order_relaxed) == 0);
        if (!file->is_gone ||
            (is_free(readers, file->gone_version) && remove_file(readers->lsm, name))) {
            fi_version_file_destroy(file);
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
    struct fi_lsm *lsm = readers->lsm;
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
static struct fi_version_file *
lsm_collect_join(struct fi_version_file *a, struct fi_version_file *b)
{
    while (a != NULL) {
        struct fi_version_file *next = a->next_unused;
        a->next_unused = b;
        b = a;
        a = next;
    }
    return b;
}

void
fi_lsm_collect(struct fi_lsm *lsm)
{
    fi_version_file_shrink(&lsm->files);
    if (lsm->options.is_read_only) {
        return;
    }
    fi_os_mutex_lock(&lsm->mutex);
    bool is_mine = !lsm->is_collecting;
    lsm->is_collecting = true;
    fi_os_mutex_unlock(&lsm->mutex);
    if (!is_mine) {
        return;
    }
    struct readers readers = {.lsm = lsm, .held_below = UINT64_MAX};
    uint64_t waiting_count = 0;
    struct fi_version_file *files =
        lsm_collect_join(fi_version_file_take_unused(&lsm->files), lsm->waiting);
    lsm->waiting = NULL;
    while (files != NULL) {
        uint64_t left;
        files = remove_files(&readers, files, &left);
        lsm->waiting = lsm_collect_join(files, lsm->waiting);
        waiting_count += left;
        /* Attachments of these runs, their replacements, and value files that only these runs
         * referred to. */
        files = fi_version_file_take_unused(&lsm->files);
    }
    remove_strays(&readers);
    fi_os_mutex_lock(&lsm->mutex);
    lsm->waiting_count = waiting_count;
    lsm->is_collecting = false;
    fi_os_mutex_unlock(&lsm->mutex);
}

bool
fi_lsm_collect_is_due(const struct fi_lsm *lsm)
{
    return atomic_load_explicit(&lsm->files.unused, memory_order_relaxed) != NULL;
}

void
fi_lsm_collect_memory(struct fi_lsm *lsm)
{
    DCHECK(!lsm->is_collecting);
    struct fi_version_file *file =
        lsm_collect_join(fi_version_file_take_unused(&lsm->files), lsm->waiting);
    lsm->waiting = NULL;
    while (file != NULL) {
        struct fi_version_file *next = file->next_unused;
        fi_version_file_destroy(file);
        /* Runs have released value files. */
        file = next != NULL ? next : fi_version_file_take_unused(&lsm->files);
    }
}

/* ==== the garbage of value files ====
 *
 * The live values of a file are those that the runs of the newest version refer to. MANIFEST has
 * their bytes for each run, so nothing is counted from the data, and no counter can drift. The sum
 * falls when a compaction drops a version, and with it the reference.
 */

void
fi_lsm_collect_add_values_locked(struct fi_lsm_tree *tree, const struct fi_version_file *run)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    struct fi_lsm_value_stats *stats = &tree->values;
    for (size_t i = 0; i < run->info.reference_count; i++) {
        struct fi_version_file *values = run->value_files[i];
        DCHECK(values->info.kind == FI_BLOCK_FILE_VALUES);
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
fi_lsm_collect_remove_values_locked(struct fi_lsm_tree *tree, const struct fi_version_file *run)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    struct fi_lsm_value_stats *stats = &tree->values;
    for (size_t i = 0; i < run->info.reference_count; i++) {
        struct fi_version_file *values = run->value_files[i];
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
fi_lsm_collect_is_worth_moving_locked(const struct fi_lsm *lsm,
                                      const struct fi_version_file *values, bool is_thorough)
{
    fi_os_mutex_assert_held(&lsm->mutex);
    uint64_t total = values->info.content_bytes;
    return is_thorough ? values->live_bytes < total : values->live_bytes < total - total / 2;
}
