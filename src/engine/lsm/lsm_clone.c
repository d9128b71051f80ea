/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_clone.c: the trees of a store in another directory.
 *
 * Runs are immutable, so the clone shares them by hard links, or has copies where links are
 * impossible (os_clone.c). The states of all trees are held meanwhile, so no run is removed. Then a
 * MANIFEST of one edit names the runs, and has the history. Memtables are not cloned: to clone
 * everything, the caller flushes first and keeps commits out.
 *
 * The clone exists once the caller gives it its identity. A crash or a failure before that leaves
 * files that the caller's next attempt removes.
 */
#include "lsm/lsm_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/sort.h"
#include "os/os_clone.h"

/* What is cloned: trees by ascending id, and the state of each. */
struct cloning {
    struct fi_lsm *lsm;
    struct fi_os_dir *runs_dir; /* the clone's */
    const struct fi_step *step;
    struct fi_manifest_tree *trees;
    struct fi_lsm_superversion **states;
    size_t count;
};

/* ---- what there is ---- */

static int
add_tree(void *ctx, uint32_t id, firn_error *err)
{
    struct cloning *cloning = ctx;
    struct fi_lsm_tree *tree = fi_lsm_tree_find(cloning->lsm, id);
    size_t count = cloning->count;
    if (tree == NULL) {
        return FIRN_OK;
    }
    struct fi_manifest_tree *trees = fi_resize_array(cloning->trees, count + 1, sizeof *trees);
    cloning->trees = trees != NULL ? trees : cloning->trees;
    struct fi_lsm_superversion **states =
        fi_resize_array(cloning->states, count + 1, sizeof(struct fi_lsm_superversion *));
    cloning->states = states != NULL ? states : cloning->states;
    if (trees == NULL || states == NULL) {
        return fi_error_no_memory(err, "a clone");
    }
    DCHECK(count == 0 || trees[count - 1].id < id);
    trees[count] = (struct fi_manifest_tree){
        .id = id, .kind = (uint8_t)tree->kind->file_kind, .flushed = fi_lsm_tree_flushed(tree)};
    states[count] = fi_lsm_superversion_of(tree);
    cloning->count++;
    return FIRN_OK;
}

static int
clone_file(const struct cloning *cloning, const struct fi_version_file *file, firn_error *err)
{
    char name[FI_VERSION_FILE_NAME_SIZE];
    fi_version_file_name(file->info.number, file->kind, name);
    int rc = fi_os_clone_file(cloning->lsm->runs_dir, cloning->runs_dir, name, err);
    return rc == FIRN_OK ? fi_step_report(cloning->step, 1, file->info.file_bytes, err) : rc;
}

/* Several runs may refer to one value file. If it exists already, an earlier run brought it, since
 * the directory was empty. */
static int
clone_values(const struct cloning *cloning, const struct fi_version_file *run, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < run->info.reference_count && rc == FIRN_OK; i++) {
        DCHECK(run->value_files[i] != NULL);
        rc = clone_file(cloning, run->value_files[i], err);
        rc = rc == FIRN_EXISTS ? FIRN_OK : rc;
    }
    return rc;
}

static bool
has_all_attachments(const struct cloning *cloning, const struct fi_version_file *run)
{
    for (size_t i = 0; i < run->info.attachment_count; i++) {
        char name[FI_VERSION_FILE_NAME_SIZE];
        struct fi_os_stat stat;
        fi_version_file_name(run->info.attachments[i].number, run->attachments[i]->kind, name);
        if (fi_os_stat(cloning->lsm->runs_dir, name, &stat, NULL) == FIRN_NOT_FOUND) {
            return false;
        }
    }
    return true;
}

/* If an attachment of a run is missing, the clone of the run has no attachments: the run itself has
 * all their information. */
static int
clone_attachments(const struct cloning *cloning, const struct fi_version_file *run,
                  struct fi_manifest_run *info, firn_error *err)
{
    int rc = FIRN_OK;
    if (!has_all_attachments(cloning, run)) {
        info->attachments = NULL;
        info->attachment_count = 0;
    }
    for (size_t i = 0; i < info->attachment_count && rc == FIRN_OK; i++) {
        rc = clone_file(cloning, run->attachments[i], err);
    }
    return rc;
}

/* Lists the runs of a tree, by ascending number, and clones their files. */
static int
clone_tree(struct cloning *cloning, size_t i, firn_error *err)
{
    const struct fi_version *version = cloning->states[i]->version;
    struct fi_manifest_run *runs = fi_alloc_array(version->run_count, sizeof *runs);
    size_t count = 0;
    if (runs == NULL) {
        return fi_error_no_memory(err, "a clone");
    }
    cloning->trees[i].added = runs;
    for (unsigned number = 0; number < FI_VERSION_LEVELS_ALL; number++) {
        const struct fi_version_level *level = &version->levels[number];
        for (size_t j = 0; j < level->count; j++) {
            const struct fi_version_file *file = fi_version_file(level, j);
            runs[count] = file->info;
            int rc = clone_file(cloning, file, err);
            rc = rc == FIRN_OK ? clone_values(cloning, file, err) : rc;
            rc = rc == FIRN_OK ? clone_attachments(cloning, file, &runs[count], err) : rc;
            if (rc != FIRN_OK) {
                return rc;
            }
            runs[count++].level = (uint8_t)number;
        }
    }
    CHECK(count == version->run_count);
    cloning->trees[i].added_count = count;
    fi_sort(runs, count, sizeof *runs, fi_manifest_edit_compare_runs);
    return FIRN_OK;
}

/* ---- the clone ---- */

static int
write_manifest(const struct cloning *cloning, const struct fi_lsm_clone *clone, firn_error *err)
{
    struct fi_manifest *manifest = NULL;
    struct fi_lsm *lsm = cloning->lsm;
    uint64_t known = fi_lsm_sequence(lsm);
    int rc;
    fi_os_mutex_lock(&lsm->mutex);
    uint64_t next_number = lsm->next_number;
    fi_os_mutex_unlock(&lsm->mutex);
    const struct fi_manifest_edit edit = {
        .version = FI_LSM_CLONE_VERSION,
        .next_number = next_number,
        .sequence = clone->sequence > known ? clone->sequence : known,
        .trees = cloning->trees,
        .tree_count = cloning->count,
        .history = clone->history,
    };
    FI_TRY(fi_manifest_create(clone->dir, NULL, &manifest, err));
    FI_TRY(fi_manifest_append(manifest, &edit, err));
    rc = fi_manifest_close(manifest, err);
    manifest = NULL;
out:
    fi_manifest_abandon(manifest);
    return rc;
}

int
fi_lsm_clone(struct fi_lsm *lsm, const struct fi_lsm_clone *clone, firn_error *err)
{
    struct cloning cloning = {.lsm = lsm, .step = clone->step};
    int rc;
    FI_TRY(fi_lsm_tree_list(lsm, add_tree, &cloning, err));
    FI_TRY(fi_os_make_dir_for_owner(clone->dir, FI_LSM_RUNS, clone->dir, 0700, err));
    FI_TRY(fi_os_dir_open(clone->dir, FI_LSM_RUNS, &cloning.runs_dir, err));
    for (size_t i = 0; i < cloning.count; i++) {
        FI_TRY(clone_tree(&cloning, i, err));
    }
    FI_TRY(fi_os_dir_sync(cloning.runs_dir, err));
    FI_TRY(write_manifest(&cloning, clone, err));
    FI_TRY(fi_os_dir_sync(clone->dir, err));
out:
    for (size_t i = 0; i < cloning.count; i++) {
        fi_lsm_superversion_unref(cloning.states[i]);
        fi_free((void *)(uintptr_t)cloning.trees[i].added);
    }
    fi_free(cloning.states);
    fi_free(cloning.trees);
    fi_os_dir_close(cloning.runs_dir);
    return rc;
}
