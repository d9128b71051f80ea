/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_output.c: writes the versions that a merge stream keeps to run files.
 *
 * Entries come in order and go to a builder. When a run is large enough and the next entry has a
 * new key, the run is finished with the range deletes that belong to it, and a new one begins. So
 * all versions of a key are in one run, and runs do not overlap.
 *
 * A second builder writes versions for history, to runs whose bounds may overlap: these are cut
 * only by size, and get the range deletes that come while they are open.
 *
 * A run also ends when it overlaps many times its target size in the next level: otherwise the
 * later compaction into that level would have to read and write all of that at once.
 *
 * Large values go to value files (compaction_values.c), which are finished after the last run.
 *
 * A builder makes its run durable when it finishes it, or leaves that to a publisher, which runs
 * before MANIFEST names any run. No reader uses a run until MANIFEST names it; a crash before that
 * leaves a file that the next opening removes.
 *
 * Failure: the builder removes its unfinished file. Finished files count as gone since version 0,
 * which no reader can have, so the next collection removes them (lsm_collect.c).
 */
#include "compaction/compaction_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "version/version.h"

/* A run may overlap at most this many times its target size in the next level. */
enum { OVERLAP_FACTOR = 10 };

/* Runs of one level. */
struct writing {
    unsigned level;
    struct writing *history;                 /* where history goes, if separate; or NULL */
    struct fi_version_history_groups groups; /* of the open run, if it is a history run */
    const struct fi_compaction_output_options *options;
    struct fi_compaction_output *out;
    struct fi_merge_stream *stream;
    struct fi_compaction_writer run;
    bool takes_batches;   /* entries that are all kept may come as a batch */
    bool has_key;         /* the open run has an entry of the stream's key */
    uint64_t older_count; /* likewise: of versions that a newer one hides */
    /* In the next level: the first run that is not before the last key, and how many bytes the open
     * run overlaps there. */
    size_t next_run;
    uint64_t next_bytes;
    struct fi_compaction_values values;
};

/* ---- runs ---- */

static enum fi_codec
codec_of(const struct fi_compaction_output_options *options)
{
    const struct fi_lsm_options *lsm = &options->lsm->options;
    return options->level == FI_VERSION_LEVELS - 1 ? lsm->codec_bottom : lsm->codec;
}

static int
begin_run(struct writing *writing, firn_error *err)
{
    const struct fi_run_builder_options options = {
        .codec = codec_of(writing->options),
        .without_filter = writing->options->without_filter && writing->level < FI_VERSION_HISTORY,
        /* No readers look for versions that now does not read. */
        .found = writing->level < FI_VERSION_HISTORY ? writing->options->found : NULL,
        .publisher = writing->options->publisher,
        .placer = &writing->values.placer,
    };
    writing->older_count = 0;
    writing->next_bytes = 0;
    writing->has_key = false;
    if (writing->level == FI_VERSION_HISTORY) {
        fi_version_history_groups_clear(&writing->groups);
    }
    return fi_compaction_writer_begin(&writing->run, writing->options->lsm, writing->options->kind,
                                      writing->options->origin->tree, &options, err);
}

/* The groups of a history run: those of its inputs, or those noted with its entries. */
static int
list_groups(struct writing *writing, struct fi_manifest_run *info, firn_error *err)
{
    const struct fi_compaction_output_options *options = writing->options;
    for (size_t i = 0; i < options->history_count && options->level == FI_VERSION_HISTORY; i++) {
        int rc =
            fi_version_history_groups_add_run(&writing->groups, &options->history[i]->info, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    int rc = fi_version_history_groups_list(&writing->groups, info, err);
    DCHECK(rc != FIRN_OK || info->group_count > 0); /* or every snapshot would skip it */
    return rc;
}

/* Whether there is history at the run's keys, or may be soon. */
static bool
is_beside_history(const struct writing *writing, const struct fi_manifest_run *info)
{
    const struct fi_merge_stream_options *stream = &writing->options->stream;
    const struct fi_compaction_output *out = writing->out;
    bool is_beside = writing->history != NULL && writing->history->run.builder != NULL;
    for (size_t i = 0; i < out->count && !is_beside; i++) {
        is_beside = out->runs[i].level == FI_VERSION_HISTORY &&
                    fi_slice_compare(out->runs[i].file->info.lower, info->upper) < 0 &&
                    fi_slice_compare(info->lower, out->runs[i].file->info.upper) < 0;
    }
    for (size_t i = 0; i < stream->between_count && !is_beside; i++) {
        is_beside = fi_slice_compare(stream->between[i].span.lower, info->upper) < 0 &&
                    fi_slice_compare(info->lower, stream->between[i].span.upper) < 0;
    }
    return is_beside;
}

/* Adds what the tree knows about the finished run, beyond its builder's counts. */
static int
compaction_output_describe(struct writing *writing, struct fi_manifest_run *info, firn_error *err)
{
    int rc = fi_merge_snapshot_mark_of(writing->options->snapshots, info->sequence_min,
                                       info->sequence_max, &info->snapshots, err);
    if (rc == FIRN_OK && writing->level == FI_VERSION_HISTORY) {
        rc = list_groups(writing, info, err);
    } else if (writing->level == FI_VERSION_LEVELS - 1 && is_beside_history(writing, info)) {
        info->snapshots = fi_merge_snapshot_mark_beside_history(info->snapshots);
    }
    return rc;
}

/* Adds the finished run to the output. */
static int
take_run(struct writing *writing, const struct fi_run_summary *summary, firn_error *err)
{
    struct fi_manifest_run info = fi_compaction_writer_info(&writing->run, summary);
    info.level = (uint8_t)writing->level;
    info.older_count = writing->older_count;
    int rc = compaction_output_describe(writing, &info, err);
    return rc != FIRN_OK ? rc
                         : fi_compaction_writer_take(&writing->run, &info, summary->cache_file,
                                                     &writing->values, writing->out, err);
}

/* Where versions with that place are written. */
static struct writing *
target_of(struct writing *writing, struct fi_compaction_place place)
{
    DCHECK(writing->history == NULL || writing->history->level == FI_VERSION_HISTORY);
    return place.is_history && writing->history != NULL ? writing->history : writing;
}

static void
note_place(struct writing *writing, uint64_t sequence, struct fi_compaction_place place)
{
    if (writing->level == FI_VERSION_HISTORY && writing->options->level != FI_VERSION_HISTORY) {
        fi_version_history_groups_add(&writing->groups, sequence, place.newer);
    }
}

static int
add_range(void *ctx, const struct fi_range *range, struct fi_compaction_place place,
          firn_error *err)
{
    struct writing *writing = target_of(ctx, place);
    if (writing->run.builder == NULL) {
        FI_TRY_RETURN(begin_run(writing, err));
    }
    FI_TRY_RETURN(writing->run.builder->kind->builder_add_range(writing->run.builder, range, err));
    note_place(writing, range->sequence, place);
    return FIRN_OK;
}

/* is_last: it is the last run of all. */
static __attribute__((cold)) int
finish_run(struct writing *writing, bool is_last, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_run_summary summary = {0};
    if (writing->run.builder == NULL) {
        return FIRN_OK;
    }
    FI_TRY(fi_compaction_writer_reserve(writing->out, err));
    FI_TRY(
        fi_compaction_writer_end(&writing->run, writing->options->origin, is_last, &summary, err));
    rc = take_run(writing, &summary, err);
    if (rc != FIRN_OK) {
        fi_block_cache_drop_file(writing->options->lsm->options.cache, summary.cache_file);
        fi_compaction_writer_discard(&writing->run, &summary);
    }
out:
    fi_run_summary_deinit(&summary);
    return rc;
}

/* Ends the open run before the entry that the stream has just returned. */
static int
end_run(struct writing *writing, firn_error *err)
{
    DCHECK(fi_merge_stream_may_cut(writing->stream));
    int rc = fi_merge_stream_cut(writing->stream, add_range, writing, err);
    return rc == FIRN_OK ? finish_run(writing, false, err) : rc;
}

/* Ends all open runs. */
static int
end_all(struct writing *writing, firn_error *err)
{
    bool has_main;
    FI_TRY_RETURN(fi_merge_stream_cut(writing->stream, add_range, writing, err));
    has_main = writing->run.builder != NULL;
    if (writing->history != NULL) {
        FI_TRY_RETURN(finish_run(writing->history, !has_main, err));
    }
    return finish_run(writing, true, err);
}

/* ---- where to cut ---- */

/* Advances in the next level up to key. */
static inline void
advance_next_level(struct writing *writing, firn_slice key)
{
    const struct fi_version_level *level = writing->options->next_level;
    while (level != NULL && writing->next_run < level->count &&
           fi_slice_compare(level->runs[writing->next_run].upper, key) <= 0) {
        if (writing->run.entry_count > 0) {
            writing->next_bytes += fi_version_file(level, writing->next_run)->info.file_bytes;
        }
        writing->next_run++;
    }
}

/* Runs that get graphs may overlap as much as they may be large. */
static bool
overlaps_much(const struct writing *writing)
{
    uint64_t target = writing->options->run_bytes_target;
    const struct fi_lsm_graph_limits *limits = &writing->run.graph_limits;
    target = limits->rows > 0 && target < limits->bytes ? limits->bytes : target;
    return writing->next_bytes > OVERLAP_FACTOR * target;
}

static bool
is_large_enough(const struct writing *writing)
{
    uint64_t target = writing->options->run_bytes_target;
    return target > 0 && writing->run.builder != NULL &&
           (overlaps_much(writing) || fi_compaction_writer_is_full(&writing->run, target));
}

/* ---- all of it ---- */

/* The next entry has a new key. */
static int
begin_key(struct writing *writing, firn_slice key, firn_error *err)
{
    struct writing *history = writing->history;
    advance_next_level(writing, key);
    if (is_large_enough(writing)) {
        FI_TRY_RETURN(end_run(writing, err));
    }
    if (history != NULL && is_large_enough(history)) {
        FI_TRY_RETURN(finish_run(history, false, err));
    }
    writing->has_key = false;
    if (history != NULL) {
        history->has_key = false;
    }
    return FIRN_OK;
}

static int
add_to(struct writing *writing, const struct fi_entry *entry, firn_error *err)
{
    if (writing->run.builder == NULL) {
        FI_TRY_RETURN(begin_run(writing, err));
    }
    struct fi_entry placed;
    FI_TRY_RETURN(fi_compaction_values_place(&writing->values, entry, &placed, err));
    FI_TRY_RETURN(fi_compaction_writer_add(&writing->run, entry, &placed, err));
    writing->older_count += writing->has_key ? 1 : 0;
    writing->has_key = true;
    return FIRN_OK;
}

static int
add_entry(struct writing *writing, const struct fi_entry *entry, firn_error *err)
{
    const struct fi_compaction_place place = fi_merge_stream_place(writing->stream);
    struct writing *target = target_of(writing, place);
    if (fi_merge_stream_may_cut(writing->stream)) {
        FI_TRY_RETURN(begin_key(writing, entry->key, err));
    }
    FI_TRY_RETURN(add_to(target, entry, err));
    note_place(target, entry->sequence, place);
    return FIRN_OK;
}

/* Values of history are in separate files too, which are removed with it. */
static int
finish_values(struct writing *writing, firn_error *err)
{
    DCHECK(writing->run.builder == NULL);
    if (writing->history != NULL) {
        FI_TRY_RETURN(fi_compaction_values_finish(&writing->history->values, NULL, 0, err));
        writing->out->bytes += writing->history->values.bytes;
    }
    FI_TRY_RETURN(fi_compaction_values_finish(&writing->values, writing->out->runs,
                                              writing->out->count, err));
    writing->out->bytes += writing->values.bytes;
    return FIRN_OK;
}

/* After an entry: copies stretches of one run that are kept whole, up to the size of a run. */
static int
add_batches(struct writing *writing, firn_error *err)
{
    const struct fi_compaction_output_options *options = writing->options;
    while (writing->run.builder != NULL && !is_large_enough(writing)) {
        struct fi_run_batch batch;
        FI_TRY_RETURN(fi_merge_stream_batch(writing->stream, options->kind, options->snapshots->now,
                                            FI_RUN_BATCH_MAX, &batch, err));
        if (batch.count == 0) {
            break;
        }
        advance_next_level(writing, batch.last_key);
        FI_TRY_RETURN(fi_compaction_writer_add_from(&writing->run, &batch, err));
        FI_TRY_RETURN(fi_merge_stream_batch_taken(writing->stream, err));
    }
    return FIRN_OK;
}

/* Batches hold only what now reads, and nothing in value files or, except for columns of old runs,
 * to be put there. */
static bool
may_take_batches(const struct fi_compaction_output_options *options)
{
    return options->kind->builder_add_from != NULL && options->kind->cursor_batch != NULL &&
           options->level < FI_VERSION_HISTORY && options->snapshots->now != NULL &&
           (!options->separates || options->kind->has_layout);
}

static int
write_all(struct writing *writing, firn_error *err)
{
    const struct fi_entry *entry;
    FI_TRY_RETURN(fi_merge_stream_next(writing->stream, &entry, err));
    while (entry != NULL) {
        FI_TRY_RETURN(add_entry(writing, entry, err));
        if (writing->takes_batches) {
            FI_TRY_RETURN(add_batches(writing, err));
        }
        FI_TRY_RETURN(fi_merge_stream_next(writing->stream, &entry, err));
    }
    FI_TRY_RETURN(end_all(writing, err));
    FI_TRY_RETURN(finish_values(writing, err));
    writing->out->versions_dropped = fi_merge_stream_dropped(writing->stream);
    return FIRN_OK;
}

/* Begins the output, and history beside it if there is to be any. */
static int
begin_all(struct writing *writing, struct writing *history, firn_error *err)
{
    const struct fi_compaction_output_options *options = writing->options;
    const struct fi_snapshot *now = options->snapshots->now;
    DCHECK(options->level < FI_VERSION_HISTORY || now != NULL);
    if (options->level == FI_VERSION_HISTORY) {
        return fi_version_history_groups_init(&writing->groups, now, err);
    }
    if (now == NULL) {
        return FIRN_OK;
    }
    writing->history = history;
    history->stream = writing->stream;
    return fi_version_history_groups_init(&history->groups, now, err);
}

static void
end_writing(struct writing *writing)
{
    fi_compaction_writer_abandon(&writing->run);
    fi_version_history_groups_deinit(&writing->groups);
}

int
fi_compaction_output_write(const struct fi_compaction_output_options *options,
                           struct fi_compaction_output *out, firn_error *err)
{
    DCHECK(out->count == 0 && options->level < FI_VERSION_LEVELS_ALL);
    DCHECK(options->level == FI_VERSION_HISTORY || options->history_count == 0 ||
           options->level == FI_VERSION_LEVELS - 1);
    int rc = FIRN_OK;
    struct writing writing = {.level = options->level, .options = options, .out = out};
    writing.takes_batches = may_take_batches(options);
    struct writing history = {.level = FI_VERSION_HISTORY, .options = options, .out = out};
    const struct fi_compaction_values_options values = {.lsm = options->lsm,
                                                        .separates = options->separates,
                                                        .is_of_cells = options->kind->has_layout,
                                                        .is_thorough = options->is_thorough,
                                                        .leaving = options->leaving,
                                                        .outdated = options->outdated,
                                                        .adopt = options->adopt,
                                                        .codec = codec_of(options),
                                                        .publisher = options->publisher};
    fi_compaction_values_begin(&writing.values, &values);
    fi_compaction_values_begin(&history.values, &values);
    struct fi_merge_rule *rule = NULL;
    struct fi_merge_stream_options stream = options->stream;
    FI_TRY(fi_merge_rule_create(options->snapshots, &rule, err));
    stream.rule = rule;
    stream.tombstones_kept_from = options->snapshots->tombstones_kept_from;
    FI_TRY(fi_merge_stream_create(&stream, &writing.stream, err));
    FI_TRY(begin_all(&writing, &history, err));
    FI_TRY(write_all(&writing, err));
out:
    end_writing(&writing);
    end_writing(&history);
    fi_compaction_values_end(&writing.values);
    fi_compaction_values_end(&history.values);
    fi_merge_stream_destroy(writing.stream);
    fi_merge_rule_destroy(rule);
    if (rc != FIRN_OK) {
        fi_compaction_output_remove(options->lsm, out);
    }
    return rc;
}

void
fi_compaction_output_remove(struct fi_lsm *lsm, struct fi_compaction_output *output)
{
    fi_os_mutex_lock(&lsm->mutex);
    for (size_t i = 0; i < output->count; i++) {
        DCHECK(atomic_load_explicit(&output->runs[i].file->refs, memory_order_relaxed) == 1);
        output->runs[i].file->is_gone = true;
        fi_lsm_origin_note_gone_locked(lsm, output->runs[i].file->info.number);
    }
    fi_os_mutex_unlock(&lsm->mutex);
    fi_compaction_output_deinit(output);
}

void
fi_compaction_output_deinit(struct fi_compaction_output *output)
{
    for (size_t i = 0; i < output->count; i++) {
        fi_version_file_unref(output->runs[i].file);
    }
    fi_free(output->runs);
    *output = (struct fi_compaction_output){0};
}
