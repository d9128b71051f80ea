/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/lsm_check.c: reading everything again.
 *
 * MANIFEST is read again from its log and compared with the state of this process: the same version
 * must name the same runs in the same levels. In a reading process the version may differ, because
 * the writer has continued; then MANIFEST is only read. After that every run of every tree is
 * verified by its kind, one after the other. A run that is missing or cannot be opened is reported
 * with the keys that it should hold.
 *
 * Works continue meanwhile. The check sees the state that a tree has when its turn comes.
 *
 * Damage is reported and the check continues; at the end it returns FIRN_CORRUPT if there was any.
 * Other failures, such as FIRN_NO_MEMORY, end the check. So does a file that a newer firn wrote
 * (FIRN_NEWER): it is not damaged, but this version cannot check it.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/check.h"
#include "lsm/lsm_internal.h"

struct checking {
    struct fi_lsm *lsm;
    struct fi_lsm_damage damage;
    const struct fi_step *step;
    bool is_damaged;
};

/* FIRN_OK for damage, which has been reported then. */
static int
lsm_check_note(struct checking *checking, int rc, const firn_error *local, firn_error *err)
{
    if (rc == FIRN_OK) {
        return FIRN_OK;
    }
    if (rc == FIRN_CORRUPT || rc == FIRN_UNTRUSTED) {
        checking->is_damaged = true;
        checking->damage.on_damage(checking->damage.ctx, local->text);
        return FIRN_OK;
    }
    fi_error_copy(err, local);
    return rc;
}

/* ---- MANIFEST ---- */

static size_t
count_runs(const struct fi_lsm_tree *tree)
{
    return atomic_load_explicit(&tree->state, memory_order_relaxed)->version->run_count;
}

static bool
has_run(const struct fi_version *version, const struct fi_manifest_run *run)
{
    DCHECK(run->level < FI_VERSION_LEVELS_ALL);
    const struct fi_version_level *level = &version->levels[run->level];
    for (size_t i = 0; i < level->count; i++) {
        if (fi_version_file(level, i)->info.number == run->number) {
            return true;
        }
    }
    return false;
}

static bool
is_same_tree(const struct fi_lsm_tree *tree, const struct fi_manifest_state_tree *named)
{
    const struct fi_version *version =
        atomic_load_explicit(&tree->state, memory_order_relaxed)->version;
    for (size_t i = 0; i < named->run_count; i++) {
        if (!has_run(version, named->runs[i])) {
            return false;
        }
    }
    return named->kind == tree->kind->file_kind && named->run_count == version->run_count &&
           named->flushed == atomic_load_explicit(&tree->flushed, memory_order_relaxed);
}

/* The mutex is held. */
static bool
is_same_locked(const struct fi_lsm *lsm, const struct fi_manifest_state *state)
{
    fi_os_mutex_assert_held(&lsm->mutex);
    size_t at = 0;
    for (size_t i = 0; i < lsm->tree_count; i++) {
        const struct fi_lsm_tree *tree = lsm->trees[i];
        bool is_next = at < state->tree_count && state->trees[at].id == tree->id;
        if (is_next ? !is_same_tree(tree, &state->trees[at]) : count_runs(tree) > 0) {
            return false;
        }
        at += is_next ? 1 : 0;
    }
    return at == state->tree_count;
}

static int
check_manifest(struct checking *checking, firn_error *err)
{
    struct fi_lsm *lsm = checking->lsm;
    struct fi_manifest_state state = {0};
    firn_error local;
    int rc = fi_manifest_read(lsm->dir, &state, &local);
    bool is_read = rc == FIRN_OK;
    bool is_none = rc == FIRN_NOT_FOUND && fi_lsm_version(lsm) == 0;
    rc = is_none ? FIRN_OK : lsm_check_note(checking, rc, &local, err);
    if (is_read) {
        fi_os_mutex_lock(&lsm->mutex);
        bool is_wrong = state.version == fi_lsm_version(lsm) && !is_same_locked(lsm, &state);
        fi_os_mutex_unlock(&lsm->mutex);
        if (is_wrong) {
            int code = fi_error_set(&local, FIRN_CORRUPT,
                                    "'%s': MANIFEST does not name the files in use at version "
                                    "%" PRIu64,
                                    fi_os_dir_path(lsm->dir), state.version);
            rc = lsm_check_note(checking, code, &local, err);
        }
    }
    fi_manifest_state_deinit(&state);
    return rc;
}

/* ---- runs ---- */

void
fi_lsm_check_report(void *ctx, const char *text)
{
    const struct fi_lsm_damage *damage = ctx;
    char named[FIRN_ERROR_TEXT_SIZE];
    (void)snprintf(named, sizeof named, FI_LSM_DAMAGE_KEYSPACE "%" PRIu32 ": %s", damage->tree,
                   text);
    damage->on_damage(damage->ctx, named);
}

int
fi_lsm_check_run(struct fi_run *run, struct fi_lsm_damage *damage, const struct fi_step *step,
                 firn_error *err)
{
    return run->kind->file_kind == FI_BLOCK_FILE_COLUMN
               ? run->kind->check(run, fi_lsm_check_report, damage, step, err)
               : run->kind->check(run, damage->on_damage, damage->ctx, step, err);
}

static int
check_file(struct checking *checking, struct fi_version_file *file, firn_error *err)
{
    firn_error local;
    struct fi_version_file_handle *pin = NULL;
    int rc = fi_version_file_pin(file, &pin, &local);
    if (rc != FIRN_OK) {
        return lsm_check_note(checking, rc, &local, err);
    }
    rc = fi_lsm_check_run(pin->run, &checking->damage, checking->step, &local);
    if (rc == FIRN_CORRUPT) {
        /* The kind has reported it. */
        checking->is_damaged = true;
        rc = FIRN_OK;
    } else if (rc != FIRN_OK) {
        fi_error_copy(err, &local);
    }
    fi_version_file_unpin(pin);
    return rc;
}

static int
check_tree(struct checking *checking, struct fi_lsm_tree *tree, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_lsm_superversion *state = fi_lsm_superversion_of(tree);
    checking->damage.tree = tree->id;
    for (unsigned number = 0; number < FI_VERSION_LEVELS_ALL; number++) {
        const struct fi_version_level *level = &state->version->levels[number];
        for (size_t i = 0; i < level->count; i++) {
            const struct fi_version_file *file = fi_version_file(level, i);
            FI_TRY(check_file(checking, fi_version_file(level, i), err));
            for (size_t j = 0; j < file->info.attachment_count; j++) {
                FI_TRY(check_file(checking, file->attachments[j], err));
            }
        }
    }
out:
    fi_lsm_superversion_unref(state);
    return rc;
}

static int
check_tree_of(void *ctx, uint32_t id, firn_error *err)
{
    struct checking *checking = ctx;
    struct fi_lsm_tree *tree = fi_lsm_tree_find(checking->lsm, id);
    return tree == NULL ? FIRN_OK : check_tree(checking, tree, err);
}

int
fi_lsm_check(struct fi_lsm *lsm, void (*on_damage)(void *ctx, const char *text), void *ctx,
             const struct fi_step *step, firn_error *err)
{
    int rc = FIRN_OK;
    struct checking checking = {.lsm = lsm, .damage = {on_damage, ctx, 0}, .step = step};
    FI_TRY(check_manifest(&checking, err));
    FI_TRY(fi_lsm_tree_list(lsm, check_tree_of, &checking, err));
    if (checking.is_damaged) {
        rc = fi_error_set(err, FIRN_CORRUPT, "'%s': the trees are damaged",
                          fi_os_dir_path(lsm->dir));
    }
out:
    return rc;
}
