/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/run_output.c: from the versions that a compaction stream keeps to run files.
 *
 * Entries come in order and go to a builder. Where a run has become large enough, and the next
 * entry begins a new key, the run is finished with the range deletes that belong to it, and a new
 * one begins. So all versions of a key are in one run, and runs do not overlap.
 *
 * A run is also ended when it overlaps with many times its target in the level behind: else the
 * compaction that will take it down there one day would have to read and write all of that at once.
 *
 * Large values go to files of their own (value_output.c), which are finished after the last run.
 *
 * The builder has made a run durable when it finishes it. Nobody knows the run until MANIFEST names
 * it; a crash before that leaves a file which the next open removes.
 *
 * Failure: the unfinished file is removed by its builder. The finished ones count as gone since
 * version 0, which no reader can have, so the next collection removes them (lsm_collect.c).
 */
#include "lsm/run_output.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "lsm/value_output.h"
#include "lsm/view_mark.h"

/* How many times its target size a run may overlap with in the level behind. */
enum { OVERLAP_FACTOR = 10 };

struct writing {
    const struct firn_run_output_options *options;
    struct firn_run_output *out;
    struct firn_compaction_stream *stream;
    struct firn_run_builder *builder; /* NULL: no run is open */
    uint64_t number;                  /* of the open run's file */
    uint64_t entry_count;             /* in the open run */
    uint64_t older_count;             /* likewise: of versions behind a newer one */
    struct firn_manifest_run expiry;  /* likewise: of expiring puts, and nothing else */
    /* In the level behind: the first run that does not lie before the last key, and how many bytes
     * of it the open run overlaps with. */
    size_t next_run;
    uint64_t next_bytes;
    struct firn_value_output values;
};

/* ---- runs ---- */

static enum firn_codec
codec_of(const struct firn_run_output_options *options)
{
    const struct firn_lsm_options *lsm = &options->lsm->options;
    return options->level == FIRN_LSM_LEVELS - 1 ? lsm->codec_bottom : lsm->codec;
}

static int
begin_run(struct writing *writing, firn_error *err)
{
    struct firn_lsm *lsm = writing->options->lsm;
    const struct firn_run_kind *kind = lsm->options.kind;
    struct firn_run_builder_options options = {
        .codec = codec_of(writing->options),
        .without_filter = writing->options->without_filter,
    };
    char name[FIRN_LSM_FILE_NAME_SIZE];
    writing->number = firn_lsm_take_number(lsm);
    writing->entry_count = 0;
    writing->older_count = 0;
    writing->expiry = (struct firn_manifest_run){0};
    writing->next_bytes = 0;
    firn_lsm_file_name(writing->number, kind, name);
    return kind->builder_create(&lsm->files.env, name, &options, &writing->builder, err);
}

static int
reserve_result(struct firn_run_output *out, firn_error *err)
{
    if (out->count < out->capacity) {
        return FIRN_OK;
    }
    size_t capacity = out->capacity == 0 ? 8 : 2 * out->capacity;
    struct firn_version_added *runs = firn_resize_array(out->runs, capacity, sizeof *runs);
    if (runs == NULL) {
        return firn_error_no_memory(err, "the runs of a compaction");
    }
    out->runs = runs;
    out->capacity = capacity;
    return FIRN_OK;
}

/* Makes the finished run known here. */
static int
take_run(struct writing *writing, const struct firn_run_summary *summary, firn_error *err)
{
    const struct firn_run_output_options *options = writing->options;
    struct firn_lsm *lsm = options->lsm;
    struct firn_run_output *out = writing->out;
    struct firn_manifest_run info = {
        .number = writing->number,
        .level = (uint8_t)options->level,
        .kind = (uint8_t)lsm->options.kind->file_kind,
        .file_bytes = summary->file_bytes,
        .entry_count = summary->entry_count,
        .tombstone_count = summary->tombstone_count,
        .range_count = summary->range_count,
        .older_count = writing->older_count,
        .content_bytes = summary->content_bytes,
        .sequence_min = summary->sequence_min,
        .sequence_max = summary->sequence_max,
        .expiring_count = writing->expiry.expiring_count,
        .expires_first_ms = writing->expiry.expires_first_ms,
        .expires_last_ms = writing->expiry.expires_last_ms,
        .lower = firn_buf_slice(&summary->lower),
        .upper = firn_buf_slice(&summary->upper),
    };
    int rc =
        firn_view_mark_of(options->views, info.sequence_min, info.sequence_max, &info.views, err);
    if (rc == FIRN_OK) {
        rc = firn_value_output_list(&writing->values, &info, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    struct firn_lsm_file *file = firn_lsm_file_create(&lsm->files, lsm->options.kind, &info);
    if (file == NULL) {
        return firn_error_no_memory(err, "a run");
    }
    firn_value_output_hold(&writing->values, file);
    out->runs[out->count++] = (struct firn_version_added){file, options->level};
    out->bytes += info.file_bytes;
    return FIRN_OK;
}

static void
remove_run(struct firn_lsm *lsm, uint64_t number)
{
    char name[FIRN_LSM_FILE_NAME_SIZE];
    firn_lsm_file_name(number, lsm->options.kind, name);
    FIRN_IGNORE(firn_os_remove_file(lsm->runs_dir, name, NULL));
}

static int
add_range(void *ctx, const struct firn_range *range, firn_error *err)
{
    struct writing *writing = ctx;
    int rc = FIRN_OK;
    if (writing->builder == NULL) {
        FIRN_TRY(begin_run(writing, err));
    }
    FIRN_TRY(writing->builder->kind->builder_add_range(writing->builder, range, err));
out:
    return rc;
}

/* Ends the open run before the entry that the stream has just given, or at the end of all. */
static int
end_run(struct writing *writing, firn_error *err)
{
    int rc = FIRN_OK;
    struct firn_run_summary summary = {0};
    FIRN_TRY(firn_compaction_stream_cut(writing->stream, add_range, writing, err));
    if (writing->builder == NULL) {
        goto out;
    }
    FIRN_TRY(reserve_result(writing->out, err));
    FIRN_TRY(writing->builder->kind->builder_finish(writing->builder, &summary, err));
    writing->builder->kind->builder_destroy(writing->builder);
    writing->builder = NULL;
    rc = take_run(writing, &summary, err);
    if (rc != FIRN_OK) {
        remove_run(writing->options->lsm, writing->number);
    }
out:
    firn_run_summary_deinit(&summary);
    return rc;
}

/* ---- where to cut ---- */

/* Goes on in the level behind up to key. */
static void
advance_next_level(struct writing *writing, firn_slice key)
{
    const struct firn_version_level *level = writing->options->next_level;
    while (level != NULL && writing->next_run < level->count &&
           firn_slice_compare(level->runs[writing->next_run].upper, key) <= 0) {
        if (writing->entry_count > 0) {
            writing->next_bytes += firn_version_file(level, writing->next_run)->info.file_bytes;
        }
        writing->next_run++;
    }
}

static bool
is_large_enough(const struct writing *writing)
{
    uint64_t target = writing->options->run_bytes_target;
    return target > 0 && (writing->next_bytes > OVERLAP_FACTOR * target ||
                          writing->builder->kind->builder_size_bytes(writing->builder) >= target);
}

/* ---- all of it ---- */

static int
add_entry(struct writing *writing, const struct firn_entry *entry, firn_error *err)
{
    int rc = FIRN_OK;
    bool is_new_key = firn_compaction_stream_may_cut(writing->stream);
    if (is_new_key) {
        advance_next_level(writing, entry->key);
        if (writing->builder != NULL && is_large_enough(writing)) {
            FIRN_TRY(end_run(writing, err));
        }
    }
    if (writing->builder == NULL) {
        FIRN_TRY(begin_run(writing, err));
    }
    struct firn_entry placed;
    FIRN_TRY(firn_value_output_place(&writing->values, entry, &placed, err));
    FIRN_TRY(writing->builder->kind->builder_add(writing->builder, &placed, err));
    writing->older_count += writing->entry_count > 0 && !is_new_key ? 1 : 0;
    writing->entry_count++;
    if (entry->kind == FIRN_ENTRY_EXPIRING) {
        firn_manifest_run_note_expiry(&writing->expiry, firn_entry_expires_ms(entry->value));
    }
out:
    return rc;
}

static int
write_all(struct writing *writing, firn_error *err)
{
    int rc = FIRN_OK;
    const struct firn_entry *entry;
    FIRN_TRY(firn_compaction_stream_next(writing->stream, &entry, err));
    while (entry != NULL) {
        FIRN_TRY(add_entry(writing, entry, err));
        FIRN_TRY(firn_compaction_stream_next(writing->stream, &entry, err));
    }
    FIRN_TRY(end_run(writing, err));
    FIRN_TRY(
        firn_value_output_finish(&writing->values, writing->out->runs, writing->out->count, err));
    writing->out->bytes += writing->values.bytes;
    writing->out->versions_dropped = firn_compaction_stream_dropped(writing->stream);
out:
    return rc;
}

int
firn_run_output_write(const struct firn_run_output_options *options, struct firn_run_output *out,
                      firn_error *err)
{
    int rc = FIRN_OK;
    struct writing writing = {.options = options, .out = out};
    const struct firn_value_output_options values = {.lsm = options->lsm,
                                                     .separates = options->separates,
                                                     .is_thorough = options->is_thorough,
                                                     .codec = codec_of(options)};
    firn_value_output_begin(&writing.values, &values);
    struct firn_compaction_rule *rule = NULL;
    struct firn_compaction_stream_options stream = options->stream;
    FIRN_TRY(firn_compaction_rule_create(options->views, &rule, err));
    stream.rule = rule;
    stream.tombstones_kept_from = options->views->tombstones_kept_from;
    FIRN_TRY(firn_compaction_stream_create(&stream, &writing.stream, err));
    FIRN_TRY(write_all(&writing, err));
out:
    if (writing.builder != NULL) {
        writing.builder->kind->builder_destroy(writing.builder);
    }
    firn_value_output_end(&writing.values);
    firn_compaction_stream_destroy(writing.stream);
    firn_compaction_rule_destroy(rule);
    if (rc != FIRN_OK) {
        firn_run_output_remove(out);
    }
    return rc;
}

void
firn_run_output_remove(struct firn_run_output *output)
{
    for (size_t i = 0; i < output->count; i++) {
        output->runs[i].file->is_gone = true;
    }
    firn_run_output_deinit(output);
}

void
firn_run_output_deinit(struct firn_run_output *output)
{
    for (size_t i = 0; i < output->count; i++) {
        firn_lsm_file_unref(output->runs[i].file);
    }
    firn_free(output->runs);
    *output = (struct firn_run_output){0};
}
