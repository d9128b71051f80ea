/* SPDX-License-Identifier: Apache-2.0
 *
 * rescue/rescue_inspect.c: how the log, MANIFEST and the runs of a damaged store fit together.
 *
 * The rules are those of an opening (db_replay.c, lsm.c), but nothing is refused. MANIFEST counts
 * as the newest only if both can be read to their ends and nothing contradicts that.
 *
 * The history of checkpoints. The newest record VOUCH names the history that MANIFEST had at the
 * newest version that the log names. If the note of the newest segment names a later version, or
 * the records are of a format without this, the history is unknown.
 *
 * Memory: the numbers of files.
 */
#include "rescue/rescue_internal.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/sort.h"
#include "log/log.h"
#include "os/os_names.h"
#include "store/db_store_handle.h"

/* ---- files that no record names, and the other way round ---- */

static int
note_file(void *ctx, const struct fi_os_dirent *entry)
{
    uint64_t number = fi_lsm_number_in_name(entry->name);
    return number == 0 || fi_os_names_end_with(entry->name, ".tmp")
               ? FIRN_OK
               : fi_buf_append(ctx, &number, sizeof number);
}

static int
note_run(struct fi_buf *numbers, const struct fi_manifest_run *run)
{
    FI_TRY_RETURN(fi_buf_append(numbers, &run->number, sizeof run->number));
    for (size_t i = 0; i < run->reference_count; i++) {
        const uint64_t *number = &run->references[i].number;
        FI_TRY_RETURN(fi_buf_append(numbers, number, sizeof *number));
    }
    for (size_t i = 0; i < run->attachment_count; i++) {
        const uint64_t *number = &run->attachments[i].number;
        FI_TRY_RETURN(fi_buf_append(numbers, number, sizeof *number));
    }
    return FIRN_OK;
}

static int
note_runs(struct fi_buf *numbers, const struct fi_manifest_state *state)
{
    for (size_t i = 0; i < state->tree_count; i++) {
        for (size_t j = 0; j < state->trees[i].run_count; j++) {
            FI_TRY_RETURN(note_run(numbers, state->trees[i].runs[j]));
        }
    }
    return FIRN_OK;
}

/* Sorts the numbers, each once: several runs may refer to one value file. */
static size_t
sort_numbers(const struct fi_buf *numbers)
{
    DCHECK(numbers->size % sizeof(uint64_t) == 0);
    return fi_sort_unique_u64((void *)numbers->data, numbers->size / sizeof(uint64_t));
}

/* How many of the first numbers are not among the others. */
static uint64_t
count_beyond(const struct fi_buf *numbers, size_t count, const struct fi_buf *others,
             size_t other_count)
{
    const uint64_t *number = (const void *)numbers->data;
    uint64_t beyond = 0;
    CHECK(count == 0 || number != NULL);
    for (size_t i = 0; i < count; i++) {
        beyond += !fi_sort_has_u64((const void *)others->data, other_count, number[i]);
    }
    return beyond;
}

int
fi_rescue_inspect_files(struct fi_os_dir *dir, struct fi_rescue_inspect_files *out, firn_error *err)
{
    struct fi_manifest_state state = {0};
    struct fi_os_dir *runs = NULL;
    struct fi_buf named = {0};
    struct fi_buf there = {0};
    int rc;
    *out = (struct fi_rescue_inspect_files){0};
    FI_TRY(fi_manifest_read(dir, &state, err));
    rc = fi_os_dir_open(dir, FI_LSM_RUNS, &runs, err);
    rc = rc == FIRN_OK          ? fi_os_dir_list(runs, note_file, &there, err)
         : rc == FIRN_NOT_FOUND ? FIRN_OK
                                : rc;
    rc = rc == FIRN_OK ? note_runs(&named, &state) : rc;
    if (rc == FIRN_NO_MEMORY) {
        rc = fi_error_no_memory(err, "the names of runs");
    }
    FI_TRY(rc);
    size_t named_count = sort_numbers(&named);
    size_t there_count = sort_numbers(&there);
    *out = (struct fi_rescue_inspect_files){
        .version = state.version,
        .log_end = state.log_end,
        .unnamed = count_beyond(&there, there_count, &named, named_count),
        .missing = count_beyond(&named, named_count, &there, there_count)};
out:
    fi_os_dir_close(runs);
    fi_buf_deinit(&named);
    fi_buf_deinit(&there);
    fi_manifest_state_deinit(&state);
    return rc;
}

/* ---- the log ---- */

struct looking {
    struct fi_rescue_inspect *out;
    struct fi_rescue_inspect_files manifest;
    struct fi_log_found log;
    uint64_t vouched; /* the newest version that records name */
};

/* Called for every whole record. */
static int
rescue_inspect_visit(void *ctx, uint8_t type, firn_slice record, firn_error *err)
{
    struct looking *looking = ctx;
    struct fi_rescue_inspect *out = looking->out;
    struct fi_storefile_commit commit;
    const char *what;
    (void)err;
    if (type == FI_LOG_TYPE_USER && fi_storefile_get_header(record, &commit, &what) == FIRN_OK &&
        commit.sequence < out->log_sequence) {
        out->log_sequence = commit.sequence;
    }
    if (type != FI_STOREFILE_TYPE_VOUCH || record.size < FI_STOREFILE_VOUCH_OLD_SIZE) {
        return FIRN_OK;
    }
    uint64_t version = fi_load_le64(record.data);
    if (version >= looking->vouched) {
        looking->vouched = version;
        out->knows_history = record.size >= FI_STOREFILE_VOUCH_SIZE;
        out->history_sequence = out->knows_history ? fi_load_le64(record.data + 8) : 0;
    }
    return FIRN_OK;
}

static int
assess_log(void *ctx, const struct fi_log_found *found, firn_error *err)
{
    struct looking *looking = ctx;
    (void)err;
    looking->log = *found;
    return FIRN_OK;
}

static bool
is_before(struct fi_log_position a, struct fi_log_position b)
{
    return a.segment < b.segment || (a.segment == b.segment && a.offset < b.offset);
}

int
fi_rescue_inspect(struct fi_os_dir *from, struct fi_rescue_inspect *out, firn_error *err)
{
    struct looking looking = {.out = out};
    struct fi_log_options options = fi_db_log_options(true);
    struct fi_log *log = NULL;
    struct fi_os_dir *own = NULL;
    bool has_manifest;
    bool has_log;
    firn_error found;
    int rc;
    options.judge = assess_log;
    options.judge_ctx = &looking;
    *out = (struct fi_rescue_inspect){.log_sequence = UINT64_MAX};
    FI_TRY(fi_os_dir_open_beneath(from, "", &own, err));
    FI_TRY(fi_log_recover_salvage(own, options.prefix, rescue_inspect_visit, &looking, err));
    rc = fi_rescue_inspect_files(own, &looking.manifest, &found);
    FI_TRY(fi_rescue_sift(rc, &found, &has_manifest, err));
    rc = fi_log_open(own, &options, NULL, NULL, &log, NULL, &found);
    fi_log_abandon(log);
    FI_TRY(fi_rescue_sift(rc, &found, &has_log, err));
    uint64_t known = looking.vouched > looking.log.note ? looking.vouched : looking.log.note;
    out->log_is_short =
        has_log && has_manifest && is_before(looking.log.end, looking.manifest.log_end);
    out->may_be_older = !has_manifest || known > looking.manifest.version ||
                        (looking.manifest.unnamed > 0 && looking.manifest.missing > 0);
    out->is_newest = has_log && !out->log_is_short && !out->may_be_older;
    /* 0: no segment was begun since MANIFEST first changed, so the log has everything. */
    out->knows_history =
        has_log && (known == 0 || (out->knows_history && known == looking.vouched));
    DCHECK(!out->is_newest || (!out->may_be_older && !out->log_is_short));
out:
    fi_os_dir_close(own);
    return rc;
}
