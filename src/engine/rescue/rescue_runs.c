/* SPDX-License-Identifier: Apache-2.0
 *
 * rescue/rescue_runs.c: reads all runs that the new MANIFEST names.
 *
 * Runs are opened when they are first read, so the trees open even if files are missing or damaged.
 * Each run is verified to the last byte, with the values that it refers to. A run that fails is
 * left out as a whole: without some of its blocks it would give wrong answers for the keys that it
 * has lost. If its kind can be mended, the run is rewritten in its place with everything readable:
 * a new file under its name, since files are shared with the damaged store. A run with an
 * unreadable attachment loses its attachments: the run itself has all their information.
 *
 * Whatever a lost run hid shows again: older versions, and keys that its tombstones deleted. The
 * caller reports that. History runs of the same tree may say that lost versions supersede theirs.
 * So this is removed from their groups, and every snapshot reads them (rescue_manifest.c, I2).
 */
#include "rescue/rescue_internal.h"

#include "base/check.h"

struct reading {
    struct fi_rescue_gather *gather;
    struct fi_lsm *lsm;
};

/* Reports name the keyspace by its number: only an open store knows its name. */
static struct fi_lsm_damage
damage_of(const struct fi_rescue_gather *gather, uint32_t tree)
{
    return (struct fi_lsm_damage){gather->options->on_damage, gather->options->ctx, tree};
}

/* Brings the entry in MANIFEST of a run that was rewritten in line with what is left. */
static int
take_summary(struct fi_rescue_gather *gather, struct fi_manifest_run *info,
             const struct fi_run_summary *summary, firn_error *err)
{
    uint64_t count = summary->entry_count;
    info->older_count = info->older_count < count ? info->older_count : 0;
    info->expiring_count = info->expiring_count < count ? info->expiring_count : count;
    info->attachments = NULL;
    info->attachment_count = 0;
    return fi_rescue_describe_take(info, summary, &gather->arena, err);
}

/* Rewrites a damaged run, replacing the link to its file. *out_is_lost is unchanged if that is not
 * possible. */
static int
write_again(struct fi_rescue_gather *gather, struct fi_rescue_run *damaged, struct fi_run *run,
            bool *out_is_lost, firn_error *err)
{
    struct fi_run_summary summary = {0};
    struct fi_lsm_damage damage = damage_of(gather, damaged->tree);
    char name[FI_VERSION_FILE_NAME_SIZE];
    firn_error found;
    int rc;
    DCHECK(*out_is_lost);
    if (run->kind->mend == NULL) {
        return FIRN_OK;
    }
    fi_version_file_name(damaged->number, run->kind, name);
    struct fi_run_mend how = {.env = gather->env,
                              .name = name,
                              .codec = gather->options->lsm.codec_bottom,
                              .on_damage = fi_lsm_check_report,
                              .ctx = &damage};
    FI_TRY(fi_os_remove_file(how.env.dir, name, err));
    rc = run->kind->mend(run, &how, &summary, &found);
    if (rc == FIRN_OK) {
        fi_block_cache_drop_file(how.env.cache, summary.cache_file);
        rc = take_summary(gather, damaged->info, &summary, err);
        *out_is_lost = false;
        gather->result->runs_lost += !how.is_whole;
    } else if (rc == FIRN_CORRUPT) {
        rc = FIRN_OK;
    } else {
        fi_error_copy(err, &found); /* it may be a failure of writing */
    }
    fi_run_summary_deinit(&summary);
out:
    return rc;
}

/* *out_is_sound is false if the run is lost, or was written again. */
static int
read_run(struct fi_rescue_gather *gather, struct fi_version_file *file, struct fi_rescue_run *named,
         bool *out_is_sound, firn_error *err)
{
    struct fi_lsm_damage damage = damage_of(gather, named->tree);
    struct fi_version_file_handle *pin = NULL;
    firn_error found;
    bool is_lost;
    int written = FIRN_OK;
    int rc = fi_version_file_pin(file, &pin, &found);
    DCHECK((rc == FIRN_OK) == (pin != NULL));
    is_lost = fi_rescue_is_finding(rc);
    if (rc == FIRN_OK) {
        rc = fi_lsm_check_run(pin->run, &damage, NULL, &found);
        is_lost = fi_rescue_is_finding(rc);
        written = is_lost ? write_again(gather, named, pin->run, &is_lost, err) : FIRN_OK;
        fi_version_file_unpin(pin);
    }
    FI_TRY_RETURN(written);
    FI_TRY_RETURN(fi_rescue_sift(rc, &found, out_is_sound, err));
    named->is_taken = !is_lost;
    if (is_lost) {
        fi_rescue_assess_lost(gather, found.text);
    }
    return FIRN_OK;
}

/* Whether all attachments of the run can be read; reports those that cannot. */
static int
read_attachments(struct fi_rescue_gather *gather, const struct fi_version_file *file,
                 bool *out_are_sound, firn_error *err)
{
    const struct fi_rescue_manifest_options *options = gather->options;
    *out_are_sound = true;
    for (size_t i = 0; i < file->info.attachment_count; i++) {
        struct fi_version_file_handle *pin = NULL;
        firn_error found;
        bool is_sound;
        int rc = fi_version_file_pin(file->attachments[i], &pin, &found);
        if (rc == FIRN_OK) {
            rc = pin->run->kind->check(pin->run, options->on_damage, options->ctx, NULL, &found);
            fi_version_file_unpin(pin);
        }
        FI_TRY_RETURN(fi_rescue_sift(rc, &found, &is_sound, err));
        if (!is_sound) {
            *out_are_sound = false;
            options->on_damage(options->ctx, found.text);
        }
    }
    return FIRN_OK;
}

static int
read_level(struct fi_rescue_gather *gather, const struct fi_version_level *level,
           struct fi_rescue_tree *tree, firn_error *err)
{
    for (size_t i = 0; i < level->count; i++) {
        struct fi_version_file *file = fi_version_file(level, i);
        struct fi_rescue_run *named = fi_rescue_find_run(gather, file->info.number);
        bool is_sound;
        bool has_all = true;
        CHECK(named != NULL && named->is_taken && named->info != NULL);
        FI_TRY_RETURN(read_run(gather, file, named, &is_sound, err));
        FI_TRY_RETURN(is_sound ? read_attachments(gather, file, &has_all, err) : FIRN_OK);
        if (!has_all) {
            named->info->attachments = NULL;
            named->info->attachment_count = 0;
        }
        tree->has_lost = tree->has_lost || !is_sound;
        tree->is_changed = tree->is_changed || !is_sound || !has_all;
    }
    return FIRN_OK;
}

static int
read_tree(void *ctx, uint32_t id, firn_error *err)
{
    const struct reading *reading = ctx;
    struct fi_lsm_tree *tree = fi_lsm_tree_find(reading->lsm, id);
    struct fi_rescue_tree *known = fi_rescue_find_tree(reading->gather, id);
    if (tree == NULL) {
        return FIRN_OK;
    }
    CHECK(known != NULL); /* MANIFEST was made of these */
    struct fi_lsm_superversion *state = fi_lsm_superversion_of(tree);
    int rc = FIRN_OK;
    for (unsigned number = 0; rc == FIRN_OK && number < FI_VERSION_LEVELS_ALL; number++) {
        rc = read_level(reading->gather, &state->version->levels[number], known, err);
    }
    fi_lsm_superversion_unref(state);
    return rc;
}

int
fi_rescue_runs(struct fi_rescue_gather *gather, struct fi_os_dir *dir, firn_error *err)
{
    struct reading reading = {.gather = gather};
    struct fi_lsm_options options = gather->options->lsm;
    options.may_miss = true;
    DCHECK(options.is_read_only);
    FI_TRY_RETURN(fi_lsm_open(dir, &options, false, &reading.lsm, err));
    int rc = fi_lsm_tree_list(reading.lsm, read_tree, &reading, err);
    fi_lsm_abandon(reading.lsm);
    return rc;
}
