/* SPDX-License-Identifier: Apache-2.0
 *
 * rescue/rescue.c: builds a sound store from what is left of a damaged one.
 *
 * The damaged directory is only read. Candidates are built in the new directory, the best first,
 * and the first one that opens and is completely sound is taken:
 *   1. everything as it is: the damage is elsewhere, or only the identity was lost;
 *   2. if MANIFEST may not be the newest, or cannot be read: the log up to its first bad place, and
 *      the trees that the runs themselves describe (rescue_manifest.c), without runs that cannot be
 *      read;
 *   3. the same with only the runs that MANIFEST names;
 *   4. the trees of 2 and 3 without the changes of checkpoints in the log, then without the log,
 *      which may depend on the contents of a lost run;
 *   5. if there are no runs, so that no MANIFEST was ever needed: the log alone, up to its first
 *      bad place;
 *   6. an empty store.
 *
 * (I1) Runs and value files are shared by hard links and never written. Logs are copied
 *      (rescue_copy.c).
 * (I2) A candidate is judged only by reading it. A part that cannot be read counts as damaged. A
 *      failed write is a failure of the machine and ends the rescue: it must not lead to a worse
 *      candidate.
 * (I3) The new store has an identity of its own.
 * (I4) The new store of an encrypted one has its keys from the first file on, so nothing is written
 *      in clear (os/os_seal.h). Files in clear in an encrypted store are damage.
 * (Not checked: all four follow from which calls are made.)
 */
#include "rescue/rescue_internal.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "inspect/inspect.h"
#include "os/os_names.h"
#include "store/db_store_handle.h"

enum { CACHE_BYTES = 4 << 20, MEMORY_BYTES = 32 << 20 };

struct rescuing {
    struct fi_rescue_copy copy; /* from the damaged store to the new one, with their keys */
    unsigned cipher;            /* of both; 0: in clear */
    const struct fi_rescue_options *options;
    struct fi_rescue_result *result;
    struct fi_buf told; /* reports on the candidate, each with its NUL; used if it is taken */
    bool told_is_short; /* there was no memory */
    struct fi_rescue_inspect look;
    bool walks_versions; /* a candidate is sound only if it has no version twice */
};

/* Keeps a report until it is known which candidate is taken. */
static void
rescue_report(void *ctx, const char *text)
{
    struct rescuing *rescuing = ctx;
    if (fi_buf_append(&rescuing->told, text, strlen(text) + 1) != FIRN_OK) {
        rescuing->told_is_short = true;
    }
}

static void
report_all(const struct rescuing *rescuing)
{
    DCHECK(rescuing->told.size == 0 || rescuing->told.data[rescuing->told.size - 1] == 0);
    const char *text = NULL;
    while ((text = fi_os_names_next(&rescuing->told, text)) != NULL) {
        rescuing->options->on_damage(rescuing->options->ctx, text);
    }
}

/* ---- the parts of a candidate ---- */

/* Removes the previous candidate. */
static int
rescue_begin(struct rescuing *rescuing, firn_error *err)
{
    struct fi_storefile_identity identity = {.cipher = rescuing->cipher};
    int rc;
    fi_buf_clear(&rescuing->told);
    rc = fi_os_remove_file(rescuing->copy.to, FI_STOREFILE_IDENTITY_NAME, err);
    FI_TRY(rc == FIRN_NOT_FOUND ? FIRN_OK : rc);
    FI_TRY(fi_db_create_begin(rescuing->copy.to, &identity, err));
    FI_TRY(fi_db_keys_copy(rescuing->copy.from, rescuing->copy.to, err));
out:
    return rc;
}

/* Creates an empty MANIFEST. */
static int
make_lsm(struct rescuing *rescuing, firn_error *err)
{
    struct fi_block_cache *cache;
    struct fi_lsm *lsm;
    FI_TRY_RETURN(fi_block_cache_create(fi_os_dir_os(rescuing->copy.to), CACHE_BYTES, &cache, err));
    const struct fi_lsm_options options = {.kinds = fi_db_image_kinds, .cache = cache};
    int rc = fi_lsm_open(rescuing->copy.to, &options, true, &lsm, err);
    rc = rc == FIRN_OK ? fi_lsm_close(lsm, err) : rc;
    fi_block_cache_destroy(cache);
    return rc;
}

/* Creates a MANIFEST that names the runs that count and can be read. */
static int
gather_lsm(struct rescuing *rescuing, bool is_newest, struct fi_rescue_manifest_result *gathered,
           firn_error *err)
{
    struct fi_block_cache *cache;
    FI_TRY_RETURN(fi_block_cache_create(fi_os_dir_os(rescuing->copy.to), CACHE_BYTES, &cache, err));
    const struct fi_rescue_manifest_options options = {
        .lsm = {.kinds = fi_db_image_kinds, .cache = cache, .is_read_only = true},
        .is_newest = is_newest,
        .log_sequence = rescuing->look.log_sequence,
        .on_damage = rescue_report,
        .ctx = rescuing};
    int rc = fi_rescue_manifest(rescuing->copy.from, rescuing->copy.to, &options, gathered, err);
    fi_block_cache_destroy(cache);
    return rc;
}

static int
write_log(struct rescuing *rescuing, enum fi_rescue_log_part part, firn_error *err)
{
    const struct fi_rescue_log_job job = {.from = rescuing->copy.from,
                                          .to = rescuing->copy.to,
                                          .report = rescuing->copy.report,
                                          .part = part,
                                          .is_short = rescuing->look.log_is_short};
    return fi_rescue_log(&job, &rescuing->result->log_was_cut, err);
}

/* ---- candidates ---- */

static void
ignore_damage(void *ctx, const char *text)
{
    (void)ctx;
    (void)text;
}

/* Visits all versions of a tree; a version in two places is FIRN_CORRUPT. */
static int
walk_tree(struct fi_lsm_tree *tree, firn_error *err)
{
    const struct fi_lsm_cursor_options options = {.keys_only = true};
    struct fi_lsm_cursor *cursor;
    int rc;
    FI_TRY(fi_lsm_cursor_create(tree, &options, &cursor, err));
    rc = fi_lsm_cursor_first(cursor, err);
    while (rc == FIRN_OK && fi_lsm_cursor_valid(cursor)) {
        rc = fi_lsm_cursor_next(cursor, err);
    }
    fi_lsm_cursor_destroy(cursor);
out:
    return rc;
}

static int
walk_trees(struct firn_db *db, firn_error *err)
{
    const struct fi_db_image *image = fi_db_image(db);
    int rc = FIRN_OK;
    for (size_t i = 0; i < fi_db_trees_count(image) && rc == FIRN_OK; i++) {
        rc = walk_tree(fi_db_trees_at(image, i)->lsm_tree, err);
    }
    return rc;
}

/* Checks whether the candidate is sound (I2). */
static int
rescue_examine(struct rescuing *rescuing, bool *out_is_sound, firn_error *err)
{
    const struct fi_db_options options = {.read_only = true, .memory_bytes = MEMORY_BYTES};
    const struct fi_inspect_check_options check = {.on_damage = ignore_damage};
    firn_store_check_result report = {.size = sizeof report};
    struct firn_db *db;
    firn_error found;
    *out_is_sound = false;
    int rc = fi_db_open(rescuing->copy.to, &options, &db, &found);
    if (rc == FIRN_OK) {
        rc = fi_inspect_check(db, &check, &report, &found);
        rc = rc == FIRN_OK && rescuing->walks_versions ? walk_trees(db, &found) : rc;
        int close_rc = fi_db_close(db, rc == FIRN_OK ? &found : NULL);
        rc = rc == FIRN_OK ? close_rc : rc;
    }
    DCHECK(rc == FIRN_OK || found.code == rc);
    return fi_rescue_sift(rc, &found, out_is_sound, err);
}

/* The same, after giving the store its name. */
static int
rescue_assess(struct rescuing *rescuing, bool *out_is_sound, firn_error *err)
{
    int rc = fi_db_create_end(rescuing->copy.to, err);
    return rc == FIRN_OK ? rescue_examine(rescuing, out_is_sound, err) : rc;
}

static int
try_as_it_is(struct rescuing *rescuing, bool *out_is_sound, firn_error *err)
{
    FI_TRY_RETURN(rescue_begin(rescuing, err));
    FI_TRY_RETURN(fi_rescue_copy_logs(&rescuing->copy, err));
    FI_TRY_RETURN(fi_rescue_copy_runs(&rescuing->copy, err));
    FI_TRY_RETURN(rescue_assess(rescuing, out_is_sound, err));
    rescuing->result->state = FI_RESCUE_KEPT;
    return FIRN_OK;
}

/* Reports lost checkpoints, by what the log says of MANIFEST. */
static void
report_history(struct rescuing *rescuing, firn_slice history, uint64_t *doubts)
{
    const struct fi_rescue_inspect *look = &rescuing->look;
    uint64_t has = history.size >= 9 ? fi_load_le64(history.data + 1) : 0;
    if (!look->may_be_older || (look->knows_history && has >= look->history_sequence)) {
        return;
    }
    ++*doubts;
    rescue_report(
        rescuing,
        look->knows_history
            ? "checkpoints and restores that MANIFEST recorded are lost: entries that a restore "
              "had hidden are visible again"
            : "checkpoints and restores may be lost with MANIFEST: entries that a restore had "
              "hidden may be visible again");
}

/* If names are lost, the log gets a commit with new ones. */
static int
name_keyspaces(struct rescuing *rescuing, uint64_t sequence, bool *is_sound, uint64_t *doubts,
               firn_error *err)
{
    uint64_t lost = 0;
    int rc = fi_rescue_names_give(rescuing->copy.to, sequence, &rescuing->copy.report, &lost, err);
    *doubts += lost;
    if (rc != FIRN_OK || lost == 0) {
        return rc;
    }
    return rescue_examine(rescuing, is_sound, err);
}

static int
try_gathered(struct rescuing *rescuing, bool is_newest, enum fi_rescue_log_part part,
             bool *out_is_sound, firn_error *err)
{
    struct fi_rescue_manifest_result gathered = {0};
    struct fi_rescue_result *result = rescuing->result;
    bool is_made;
    firn_error found;
    int rc;
    DCHECK(!rescuing->walks_versions);
    *out_is_sound = false;
    FI_TRY(rescue_begin(rescuing, err));
    FI_TRY(fi_rescue_copy_runs(&rescuing->copy, err));
    rc = gather_lsm(rescuing, is_newest, &gathered, &found);
    FI_TRY(fi_rescue_sift(rc, &found, &is_made, err));
    if (!is_made) {
        rescue_report(rescuing, found.text);
        goto out;
    }
    FI_TRY(write_log(rescuing, part, err));
    rescuing->walks_versions = !is_newest;
    FI_TRY(rescue_assess(rescuing, out_is_sound, err));
    if (*out_is_sound) {
        report_history(rescuing, fi_buf_slice(&gathered.history), &gathered.doubts);
        FI_TRY(name_keyspaces(rescuing, gathered.sequence, out_is_sound, &gathered.doubts, err));
    }
    result->runs_lost = gathered.runs_lost;
    result->runs_taken = gathered.runs_taken;
    result->was_gathered = !is_newest;
    result->state = result->runs_lost == 0 && gathered.doubts == 0 && !result->log_was_cut
                        ? FI_RESCUE_KEPT
                        : FI_RESCUE_SHORTENED;
out:
    rescuing->walks_versions = false;
    fi_buf_deinit(&gathered.history);
    return rc;
}

static int
try_log_alone(struct rescuing *rescuing, bool is_empty, bool *out_is_sound, firn_error *err)
{
    FI_TRY_RETURN(rescue_begin(rescuing, err));
    FI_TRY_RETURN(make_lsm(rescuing, err));
    FI_TRY_RETURN(write_log(rescuing, is_empty ? FI_RESCUE_LOG_NOTHING : FI_RESCUE_LOG_ALL, err));
    FI_TRY_RETURN(rescue_assess(rescuing, out_is_sound, err));
    rescuing->result->runs_lost = 0;
    rescuing->result->runs_taken = 0;
    rescuing->result->state = is_empty                        ? FI_RESCUE_LOST
                              : rescuing->result->log_was_cut ? FI_RESCUE_SHORTENED
                                                              : FI_RESCUE_KEPT;
    return FIRN_OK;
}

/* ---- all candidates ---- */

/* Candidates 2 to 4. */
static int
try_trees(struct rescuing *rescuing, bool *out_is_sound, firn_error *err)
{
    DCHECK(!*out_is_sound);
    static const enum fi_rescue_log_part parts[] = {FI_RESCUE_LOG_ALL, FI_RESCUE_LOG_COMMITS,
                                                    FI_RESCUE_LOG_NOTHING};
    FI_TRY_RETURN(fi_rescue_inspect(rescuing->copy.from, &rescuing->look, err));
    for (unsigned i = 0; i < 6 && !*out_is_sound; i++) {
        bool takes_named_only = i % 2 != 0;
        if (takes_named_only || !rescuing->look.is_newest) {
            FI_TRY_RETURN(
                try_gathered(rescuing, takes_named_only, parts[i / 2], out_is_sound, err));
        }
    }
    return FIRN_OK;
}

/* Whether losses are reported: everything is kept only if nothing was reported missing. */
static bool
is_told(const struct fi_rescue_result *result)
{
    return result->state != FI_RESCUE_KEPT || (!result->log_was_cut && result->runs_lost == 0);
}

static int
rescue(struct rescuing *rescuing, firn_error *err)
{
    bool is_sound = false;
    bool has_trees = true;
    int rc;
    FI_TRY(try_as_it_is(rescuing, &is_sound, err));
    if (!is_sound) {
        FI_TRY(try_trees(rescuing, &is_sound, err));
    }
    if (!is_sound) {
        FI_TRY(fi_rescue_copy_has_runs(rescuing->copy.from, &has_trees, err));
    }
    if (!has_trees) {
        FI_TRY(try_log_alone(rescuing, false, &is_sound, err));
    }
    if (!is_sound) {
        FI_TRY(try_log_alone(rescuing, true, &is_sound, err));
    }
    if (!is_sound) {
        rc = fi_error_set(err, FIRN_FAILED, "a new store in '%s' cannot be read",
                          fi_os_dir_path(rescuing->copy.to));
    }
    DCHECK(rc != FIRN_OK || is_told(rescuing->result));
out:
    return rc;
}

int
fi_rescue(struct fi_os_dir *from, struct fi_os_dir *to, const struct fi_rescue_options *options,
          struct fi_rescue_result *out, firn_error *err)
{
    DCHECK(options->on_damage != NULL && from != to);
    struct rescuing rescuing = {.copy = {.report = {.on_damage = rescue_report, .ctx = &rescuing}},
                                .options = options,
                                .result = out};
    int rc;
    *out = (struct fi_rescue_result){0};
    FI_TRY(
        fi_rescue_keys_unlock(from, options->unlock, &rescuing.copy.from, &rescuing.cipher, err));
    FI_TRY(fi_os_dir_open_beneath(to, "", &rescuing.copy.to, err));
    fi_db_keys_share(rescuing.copy.from, rescuing.copy.to); /* (I4) */
    FI_TRY(rescue(&rescuing, err));
    if (rescuing.told_is_short) {
        rc = fi_error_no_memory(err, "what is damaged");
        goto out;
    }
    report_all(&rescuing);
out:
    fi_buf_deinit(&rescuing.told);
    fi_os_dir_close(rescuing.copy.to);
    fi_os_dir_close(rescuing.copy.from);
    return rc;
}

int
fi_rescue_doubt(struct fi_os_dir *from, const struct fi_rescue_options *options,
                struct fi_rescue_result *result, firn_error *err)
{
    DCHECK(options->on_damage != NULL);
    struct fi_rescue_inspect_files found;
    if (result->was_gathered) {
        return FIRN_OK; /* every run was examined */
    }
    int rc = fi_rescue_inspect_files(from, &found, err);
    if (rc == FIRN_OK && found.unnamed > 0) {
        result->runs_lost += found.unnamed;
        result->state = FI_RESCUE_SHORTENED;
        options->on_damage(options->ctx, "MANIFEST was cut short: runs are there that it does not "
                                         "name");
    }
    return fi_rescue_is_finding(rc) ? FIRN_OK : rc;
}

bool
fi_rescue_is_own_name(const char *name)
{
    return fi_db_create_is_data(name) || strcmp(name, FI_STOREFILE_IDENTITY_NAME) == 0 ||
           strcmp(name, FI_STOREFILE_IDENTITY_TMP_NAME) == 0 ||
           strcmp(name, FI_STOREFILE_LOCK_NAME) == 0 ||
           strcmp(name, FI_STOREFILE_RESERVE_NAME) == 0;
}

int
fi_rescue_sift(int rc, const firn_error *found, bool *out_is_sound, firn_error *err)
{
    *out_is_sound = rc == FIRN_OK;
    if (rc == FIRN_OK || fi_rescue_is_finding(rc)) {
        return FIRN_OK;
    }
    fi_error_copy(err, found);
    return rc;
}
