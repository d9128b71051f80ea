/* SPDX-License-Identifier: Apache-2.0
 *
 * mend/mend.c: makes a MANIFEST that names only readable runs.
 *
 * For the repair of a store, on a copy of it. Runs are opened when they are first read, so the
 * trees open even if files are missing or damaged. Each run is verified to the last byte, with the
 * values that it refers to. A run that fails is removed as a whole: without some of its blocks it
 * would give wrong answers for the keys that it has lost. If its kind can be mended, the run is
 * rewritten in its place with everything readable: a new file under its name, since files are
 * shared with the damaged store. A run with an unreadable attachment loses its attachments: the run
 * itself has all their information. One edit makes all these changes, so afterwards MANIFEST is
 * either the old or the new one. The edit also says that the log begins again, as the caller writes
 * a new one.
 *
 * Whatever a lost run hid shows again: older versions, and keys that its tombstones deleted. The
 * caller reports that. History runs of the same tree may say that lost versions supersede theirs.
 * So this is removed from their groups, and every view reads them (run_history.c).
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/sort.h"
#include "log/log_format.h"
#include "lsm/lsm_handle.h"
#include "mend/mend_internal.h"

struct mending {
    struct fi_lsm *lsm;
    void (*on_damage)(void *ctx, const char *text);
    void *ctx;
    struct fi_mend_result *result;
    struct fi_buf trees; /* of struct lost */
};

/* A run that was rewritten. */
struct mended {
    uint64_t number;
    struct fi_run_summary summary;
};

/* The tree whose rows a run loses. */
struct telling {
    const struct mending *mending;
    uint32_t tree;
};

/* What a tree loses. */
struct lost {
    uint32_t id;
    uint8_t kind;
    uint64_t flushed;
    struct fi_buf numbers;  /* of lost runs, of uint64_t */
    struct fi_buf stripped; /* of runs that lose their attachments, likewise */
    struct fi_buf mended;   /* of struct mended */
};

static void
lost_deinit(struct lost *lost)
{
    struct mended *mended = (void *)lost->mended.data;
    for (size_t i = 0; i < lost->mended.size / sizeof *mended; i++) {
        fi_run_summary_deinit(&mended[i].summary);
    }
    fi_buf_deinit(&lost->numbers);
    fi_buf_deinit(&lost->stripped);
    fi_buf_deinit(&lost->mended);
}

/* NULL: the run is not one of them. */
static const struct mended *
find_mended(const struct lost *lost, uint64_t number)
{
    const struct mended *mended = (const void *)lost->mended.data;
    for (size_t i = 0; i < lost->mended.size / sizeof *mended; i++) {
        if (mended[i].number == number) {
            return &mended[i];
        }
    }
    return NULL;
}

/* Prefixes the report with the keyspace's number; only an open store knows its name. */
static void
tell_loss(void *ctx, const char *text)
{
    const struct telling *telling = ctx;
    char named[FIRN_ERROR_TEXT_SIZE];
    (void)snprintf(named, sizeof named, FI_LSM_DAMAGE_KEYSPACE "%u: %s", (unsigned)telling->tree,
                   text);
    telling->mending->on_damage(telling->mending->ctx, named);
}

/* Rewrites a damaged run, replacing the link to its file. *out_is_lost is unchanged if that is not
 * possible. */
static int
write_again(struct mending *mending, const struct fi_run_file *file, struct fi_run *run,
            struct lost *lost, bool *out_is_lost, firn_error *err)
{
    struct mended mended = {.number = file->info.number};
    struct telling telling = {mending, lost->id};
    char name[FI_RUN_FILE_NAME_SIZE];
    firn_error found;
    int rc;
    DCHECK(*out_is_lost);
    if (run->kind->mend == NULL) {
        return FIRN_OK;
    }
    fi_run_file_name(mended.number, run->kind, name);
    struct fi_run_mend how = {
        .env = {.dir = mending->lsm->runs_dir, .cache = mending->lsm->options.cache},
        .name = name,
        .codec = mending->lsm->options.codec_bottom,
        .on_damage = tell_loss,
        .ctx = &telling};
    FI_TRY(fi_os_remove_file(how.env.dir, name, err));
    rc = run->kind->mend(run, &how, &mended.summary, &found);
    if (rc == FIRN_OK) {
        fi_block_cache_drop_file(how.env.cache, mended.summary.cache_file);
        rc = fi_buf_append(&lost->mended, &mended, sizeof mended) == FIRN_OK
                 ? FIRN_OK
                 : fi_error_no_memory(err, "a list of damaged runs");
        *out_is_lost = false;
        mending->result->runs_lost += !how.is_whole;
    } else if (rc == FIRN_CORRUPT) {
        rc = FIRN_OK;
    } else
        fi_error_copy(err, &found);
    if (*out_is_lost || rc != FIRN_OK) {
        fi_run_summary_deinit(&mended.summary);
    }
out:
    return rc;
}

static int
check_run(struct mending *mending, struct fi_run_file *file, struct lost *lost, bool *out_is_lost,
          firn_error *err)
{
    struct fi_run_file_handle *pin = NULL;
    firn_error found;
    int rc = fi_run_file_pin(file, &pin, &found);
    DCHECK((rc == FIRN_OK) == (pin != NULL));
    *out_is_lost = fi_mend_is_of_file(rc);
    if (rc == FIRN_OK) {
        bool is_of_columns = pin->run->kind->file_kind == FI_BLOCK_FILE_COLUMN;
        struct telling telling = {mending, lost->id};
        rc = pin->run->kind->check(pin->run, is_of_columns ? tell_loss : mending->on_damage,
                                   is_of_columns ? &telling : mending->ctx, NULL, &found);
        *out_is_lost = fi_mend_is_of_file(rc);
        int mended =
            *out_is_lost ? write_again(mending, file, pin->run, lost, out_is_lost, err) : FIRN_OK;
        bool is_mended = fi_mend_is_of_file(rc) && !*out_is_lost;
        fi_run_file_unpin(pin);
        if (mended != FIRN_OK || is_mended) {
            mending->result->runs++;
            return mended;
        }
    }
    mending->result->runs++;
    if (*out_is_lost) {
        mending->result->runs_lost++;
        mending->on_damage(mending->ctx, found.text);
        return FIRN_OK;
    }
    if (rc != FIRN_OK && err != NULL) {
        *err = found;
    }
    return rc;
}

/* Whether all attachments of the run can be read; reports those that cannot. */
static int
check_attachments(struct mending *mending, const struct fi_run_file *file, bool *out_are_sound,
                  firn_error *err)
{
    *out_are_sound = true;
    for (size_t i = 0; i < file->info.attachment_count; i++) {
        struct fi_run_file_handle *pin = NULL;
        firn_error found;
        int rc = fi_run_file_pin(file->attachments[i], &pin, &found);
        if (rc == FIRN_OK) {
            rc = pin->run->kind->check(pin->run, mending->on_damage, mending->ctx, NULL, &found);
            fi_run_file_unpin(pin);
        }
        if (rc != FIRN_OK && !fi_mend_is_of_file(rc)) {
            fi_error_copy(err, &found);
            return rc;
        }
        if (rc != FIRN_OK) {
            *out_are_sound = false;
            mending->on_damage(mending->ctx, found.text);
        }
    }
    return FIRN_OK;
}

static int
note_number(struct fi_buf *numbers, uint64_t number, firn_error *err)
{
    return fi_buf_append(numbers, &number, sizeof number) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a list of damaged runs");
}

static int
check_level(struct mending *mending, const struct fi_version_level *level, struct lost *lost,
            firn_error *err)
{
    for (size_t i = 0; i < level->count; i++) {
        struct fi_run_file *file = fi_version_file(level, i);
        bool is_lost;
        bool has_all = true;
        int rc = check_run(mending, file, lost, &is_lost, err);
        if (rc == FIRN_OK && !is_lost && find_mended(lost, file->info.number) == NULL) {
            rc = check_attachments(mending, file, &has_all, err);
        }
        if (rc == FIRN_OK && (is_lost || !has_all)) {
            rc = note_number(is_lost ? &lost->numbers : &lost->stripped, file->info.number, err);
        }
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

static int
check_tree(void *ctx, uint32_t id, firn_error *err)
{
    struct mending *mending = ctx;
    struct fi_lsm_tree *tree = fi_lsm_tree_find(mending->lsm, id);
    if (tree == NULL) {
        return FIRN_OK;
    }
    struct lost lost = {
        .id = id, .kind = (uint8_t)tree->kind->file_kind, .flushed = fi_lsm_tree_flushed(tree)};
    struct fi_lsm_state *state = fi_lsm_state_of(tree);
    int rc = FIRN_OK;
    for (unsigned number = 0; rc == FIRN_OK && number < FI_VERSION_LEVELS_ALL; number++) {
        rc = check_level(mending, &state->version->levels[number], &lost, err);
    }
    fi_lsm_state_unref(state);
    bool is_changed = lost.numbers.size + lost.stripped.size + lost.mended.size > 0;
    if (rc == FIRN_OK && is_changed) {
        rc = fi_buf_append(&mending->trees, &lost, sizeof lost) == FIRN_OK
                 ? FIRN_OK
                 : fi_error_no_memory(err, "a list of damaged runs");
    }
    if (rc != FIRN_OK || !is_changed) {
        lost_deinit(&lost);
    }
    return rc;
}

static size_t
tree_count(const struct mending *mending)
{
    return mending->trees.size / sizeof(struct lost);
}

static struct lost *
tree_at(const struct mending *mending, size_t i)
{
    DCHECK(i < tree_count(mending));
    return (struct lost *)(void *)mending->trees.data + i;
}

static bool
has_number(const struct fi_buf *numbers, uint64_t number)
{
    DCHECK(numbers->size % sizeof number == 0);
    for (size_t at = 0; at < numbers->size; at += sizeof number) {
        if (memcmp(numbers->data + at, &number, sizeof number) == 0) {
            return true;
        }
    }
    return false;
}

static const struct fi_manifest_state_tree *
find_tree(const struct fi_manifest_state *state, uint32_t id)
{
    for (size_t i = 0; i < state->tree_count; i++) {
        if (state->trees[i].id == id) {
            return &state->trees[i];
        }
    }
    return NULL;
}

/* Updates the entry in MANIFEST of a run that was rewritten. */
static void
take_summary(struct fi_manifest_run *info, const struct fi_run_summary *summary)
{
    uint64_t count = summary->entry_count;
    info->file_bytes = summary->file_bytes;
    info->entry_count = count;
    info->tombstone_count = summary->tombstone_count;
    info->range_count = summary->range_count;
    info->older_count = info->older_count < count ? info->older_count : 0;
    info->expiring_count = info->expiring_count < count ? info->expiring_count : count;
    info->content_bytes = summary->content_bytes;
    info->sequence_min = summary->sequence_min;
    info->sequence_max = summary->sequence_max;
    info->attachments = NULL;
    info->attachment_count = 0;
    info->lower = fi_buf_slice(&summary->lower);
    info->upper = fi_buf_slice(&summary->upper);
}

/* Makes the edit name runs again: those that lose their attachments without these and, if a run is
 * lost, the tree's history runs without what their groups say about newer versions. */
static int
rename_runs(const struct fi_manifest_state *state, struct fi_arena *arena, struct lost *lost,
            struct fi_manifest_tree *out, firn_error *err)
{
    const struct fi_manifest_state_tree *tree = find_tree(state, lost->id);
    size_t count = tree == NULL ? 0 : tree->run_count;
    struct fi_manifest_run *runs = fi_arena_alloc(arena, count * sizeof *runs);
    struct fi_manifest_group *groups = fi_arena_alloc(arena, count * sizeof *groups);
    bool has_lost = lost->numbers.size + lost->mended.size > 0;
    size_t added = 0;
    int rc = runs == NULL || groups == NULL ? FIRN_NO_MEMORY : FIRN_OK;
    for (size_t i = 0; i < count && rc == FIRN_OK; i++) {
        const struct fi_manifest_run *run = tree->runs[i];
        bool is_stripped = has_number(&lost->stripped, run->number);
        const struct mended *mended = find_mended(lost, run->number);
        bool is_spread = run->level == FI_VERSION_HISTORY && has_lost;
        if (has_number(&lost->numbers, run->number) ||
            (!is_stripped && !is_spread && mended == NULL)) {
            continue;
        }
        runs[added] = *run;
        if (mended != NULL) {
            take_summary(&runs[added], &mended->summary);
        }
        if (is_stripped) {
            runs[added].attachments = NULL;
            runs[added].attachment_count = 0;
        }
        if (is_spread) {
            groups[added] = (struct fi_manifest_group){.first = runs[added].sequence_min,
                                                       .last = runs[added].sequence_max};
            runs[added].views = 0;
            runs[added].groups = &groups[added];
            runs[added].group_count = 1;
        }
        added++;
    }
    for (size_t i = 0; i < added && rc == FIRN_OK; i++) {
        rc = fi_buf_append(&lost->numbers, &runs[i].number, sizeof runs[i].number);
    }
    if (rc != FIRN_OK) {
        return fi_error_no_memory(err, "an edit of MANIFEST");
    }
    out->added = runs;
    out->added_count = added;
    return FIRN_OK;
}

/* Requires: the lsm is closed. */
static int
append_edit(const struct mending *mending, struct fi_os_dir *dir, struct fi_manifest_edit *edit,
            firn_error *err)
{
    struct fi_manifest_state state = {0};
    struct fi_manifest *manifest = NULL;
    struct fi_arena arena = {0};
    size_t count = tree_count(mending);
    struct fi_manifest_tree *trees = fi_alloc_array(count, sizeof *trees);
    int rc;
    if (trees == NULL) {
        return fi_error_no_memory(err, "an edit of MANIFEST");
    }
    FI_TRY(fi_manifest_open(dir, NULL, &state, &manifest, err));
    for (size_t i = 0; i < count; i++) {
        struct lost *lost = tree_at(mending, i);
        trees[i] =
            (struct fi_manifest_tree){.id = lost->id, .kind = lost->kind, .flushed = lost->flushed};
        FI_TRY(rename_runs(&state, &arena, lost, &trees[i], err));
        size_t removed = lost->numbers.size / sizeof(uint64_t);
        /* Runs that are named again are removed too. */
        DCHECK(removed > 0 && removed >= trees[i].added_count);
        fi_sort_u64((void *)lost->numbers.data, removed);
        trees[i].removed = (void *)lost->numbers.data;
        trees[i].removed_count = removed;
    }
    edit->trees = trees;
    edit->tree_count = count;
    FI_TRY(fi_manifest_append(manifest, edit, err));
    rc = fi_manifest_close(manifest, err);
    manifest = NULL;
out:
    fi_manifest_abandon(manifest);
    fi_manifest_state_deinit(&state);
    fi_arena_deinit(&arena);
    fi_free(trees);
    return rc;
}

int
fi_mend(struct fi_os_dir *dir, const struct fi_lsm_options *options,
        void (*on_damage)(void *ctx, const char *text), void *ctx, struct fi_mend_result *out,
        firn_error *err)
{
    struct mending mending = {.on_damage = on_damage, .ctx = ctx, .result = out};
    struct fi_manifest_edit edit = {0};
    *out = (struct fi_mend_result){0};
    struct fi_lsm_options reading = *options;
    reading.may_miss = true;
    DCHECK(reading.is_read_only && on_damage != NULL);
    int rc;
    FI_TRY(fi_lsm_open(dir, &reading, false, &mending.lsm, err));
    rc = fi_lsm_tree_list(mending.lsm, check_tree, &mending, err);
    edit.version = fi_lsm_version(mending.lsm) + 1;
    edit.sequence = fi_lsm_sequence(mending.lsm);
    edit.next_number = mending.lsm->next_number == 0 ? 1 : mending.lsm->next_number;
    fi_lsm_abandon(mending.lsm);
    /* The log that belongs to it begins again. */
    edit.log_end = (struct fi_log_position){1, FI_LOG_FORMAT_SEGMENT_SIZE};
    if (rc == FIRN_OK) {
        rc = append_edit(&mending, dir, &edit, err);
    }
    for (size_t i = 0; i < tree_count(&mending); i++) {
        lost_deinit(tree_at(&mending, i));
    }
    fi_buf_deinit(&mending.trees);
out:
    return rc;
}

/* ---- files that no record names, and the other way round ---- */

struct unnamed {
    const struct fi_manifest_state *state;
    struct fi_buf numbers; /* of files that are there */
    uint64_t count;
};

static bool
names(const struct fi_manifest_run *run, uint64_t number)
{
    for (size_t i = 0; i < run->reference_count; i++) {
        if (run->references[i].number == number) {
            return true;
        }
    }
    for (size_t i = 0; i < run->attachment_count; i++) {
        if (run->attachments[i].number == number) {
            return true;
        }
    }
    return run->number == number;
}

static int
count_unnamed(void *ctx, const struct fi_os_dirent *entry)
{
    struct unnamed *unnamed = ctx;
    uint64_t number = fi_lsm_number_in_name(entry->name);
    if (number == 0 ||
        (entry->name_size > 4 && strcmp(entry->name + entry->name_size - 4, ".tmp") == 0)) {
        return FIRN_OK;
    }
    for (size_t i = 0; i < unnamed->state->tree_count; i++) {
        const struct fi_manifest_state_tree *tree = &unnamed->state->trees[i];
        for (size_t j = 0; j < tree->run_count; j++) {
            if (names(tree->runs[j], number)) {
                return fi_buf_append(&unnamed->numbers, &number, sizeof number);
            }
        }
    }
    unnamed->count++;
    return FIRN_OK;
}

static bool
is_there(const struct unnamed *unnamed, uint64_t number)
{
    for (size_t at = 0; at < unnamed->numbers.size; at += sizeof number) {
        if (memcmp(unnamed->numbers.data + at, &number, sizeof number) == 0) {
            return true;
        }
    }
    return false;
}

static uint64_t
count_missing(const struct unnamed *unnamed)
{
    uint64_t count = 0;
    for (size_t i = 0; i < unnamed->state->tree_count; i++) {
        const struct fi_manifest_state_tree *tree = &unnamed->state->trees[i];
        for (size_t j = 0; j < tree->run_count; j++) {
            count += !is_there(unnamed, tree->runs[j]->number);
            for (size_t k = 0; k < tree->runs[j]->reference_count; k++) {
                count += !is_there(unnamed, tree->runs[j]->references[k].number);
            }
            for (size_t k = 0; k < tree->runs[j]->attachment_count; k++) {
                count += !is_there(unnamed, tree->runs[j]->attachments[k].number);
            }
        }
    }
    return count;
}

int
fi_mend_look(struct fi_os_dir *dir, struct fi_mend_found *out, firn_error *err)
{
    struct fi_manifest_state state = {0};
    struct unnamed unnamed = {.state = &state};
    struct fi_os_dir *runs = NULL;
    int rc = fi_manifest_read(dir, &state, err);
    if (rc == FIRN_OK) {
        rc = fi_os_dir_open(dir, FI_LSM_RUNS, &runs, err);
        rc = rc == FIRN_OK          ? fi_os_dir_list(runs, count_unnamed, &unnamed, err)
             : rc == FIRN_NOT_FOUND ? FIRN_OK
                                    : rc;
    }
    *out = (struct fi_mend_found){.version = state.version,
                                  .log_end = state.log_end,
                                  .unnamed = unnamed.count,
                                  .missing = count_missing(&unnamed)};
    fi_os_dir_close(runs);
    fi_buf_deinit(&unnamed.numbers);
    fi_manifest_state_deinit(&state);
    return rc;
}
