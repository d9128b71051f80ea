/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_adopt.c: makes log segments value files, so that large values are written
 * only once.
 *
 * A large value that was committed is in the log and, for readers, in a memtable, which records its
 * place in the log. A flush would write the value a second time, into a value file. But if a
 * segment of the log has hardly anything but values that the flush keeps, its file gets a second
 * name among the runs, and is a value file from then on (run/run_value_file.c): the run refers to
 * the values in place. The log drops the segment as any other.
 *
 * Crashes are handled as before. Until MANIFEST names the run, the log has everything, and nothing
 * refers to the second name: the next opening removes it. Afterwards the file stays under the
 * second name.
 *
 * (I1) The values that a run refers to are durable before MANIFEST names the run: the flush has
 *      synced the log, a segment is lent only when it is complete (log/log.c), and the second name
 *      becomes durable with that of the run, which is given later in the same directory
 *      (block/block_writer.c).
 * (I2) The file is no longer written to (I14 of log_rotate.c).
 * (Neither is checked here: only the log and the file system know.)
 *
 * A segment is adopted if at least three quarters of its bytes are values without a newer version
 * in these memtables: an adopted file is kept, with the rest of the segment, as long as one of its
 * values is needed. That rest counts as garbage of the file (compaction_sparse.c), so if more
 * values die, the live ones are moved. Values that should be compressed, and can be, are written to
 * a value file as usual: whether they can is judged by the beginnings of some, and by the gain that
 * a value file requires (run_value_writer.c).
 *
 * In an encrypted store no segment is adopted: what is in it are not the bytes of the values.
 *
 * Failure: none. Values that cannot be adopted, for any reason, are written from the memtable to
 * value files.
 */
#include "compaction/compaction_internal.h"

#include "base/check.h"
#include "codec/compress.h"

enum { SAMPLES_MAX = 16, SAMPLE_SIZE_MAX = 16 << 10 };

/* ---- counting the values ---- */

/* The large values in the memtables of a flush. */
struct survey {
    struct fi_compaction_adopt *adopt;
    enum fi_codec codec;
    struct fi_compress *compress; /* NULL: nothing is to be compressed */
    struct fi_buf compressed;
    unsigned sample_count;
    size_t sampled_bytes;
    size_t compressed_bytes;
    bool has_failed;
};

static struct fi_compaction_adopt_segment *
find_segment(struct fi_compaction_adopt *adopt, uint64_t number)
{
    for (size_t i = 0; i < adopt->count; i++) {
        if (adopt->segments[i].number == number) {
            return &adopt->segments[i];
        }
    }
    if (adopt->count == FI_COMPACTION_ADOPT_SEGMENTS_MAX) {
        return NULL;
    }
    adopt->segments[adopt->count] = (struct fi_compaction_adopt_segment){.number = number};
    return &adopt->segments[adopt->count++];
}

/* Finds out from the first values whether values can be compressed. */
static void
compaction_adopt_sample(struct survey *survey, firn_slice value)
{
    if (survey->compress == NULL || survey->sample_count == SAMPLES_MAX || survey->has_failed) {
        return;
    }
    firn_slice piece =
        firn_bytes(value.data, value.size < SAMPLE_SIZE_MAX ? value.size : SAMPLE_SIZE_MAX);
    int rc =
        fi_compress_encode(survey->compress, survey->codec, 0, piece, &survey->compressed, NULL);
    survey->has_failed = rc != FIRN_OK;
    survey->sample_count++;
    survey->sampled_bytes += piece.size;
    survey->compressed_bytes +=
        survey->compressed.size < piece.size ? survey->compressed.size : piece.size;
}

static void
inspect_entry(struct survey *survey, const struct fi_entry *entry)
{
    struct fi_memtable_logged logged;
    if (fi_memtable_logged_decode(entry, &logged)) {
        struct fi_compaction_adopt_segment *segment = find_segment(survey->adopt, logged.segment);
        size_t head = fi_entry_head_size(entry->kind);
        firn_slice value = firn_bytes(entry->value.data + head, entry->value.size - head);
        if (segment != NULL) {
            segment->bytes += value.size;
        }
        compaction_adopt_sample(survey, value);
    }
}

/* Adds up the values without a newer version in the memtable. */
static void
inspect_memtable(struct survey *survey, const struct fi_memtable *table)
{
    struct fi_memtable_cursor cursor;
    firn_slice last = firn_bytes(NULL, 0);
    bool has_last = false;
    fi_memtable_cursor_init(&cursor, table);
    for (fi_memtable_cursor_first(&cursor); cursor.is_valid; fi_memtable_cursor_next(&cursor)) {
        if (!has_last || !fi_slice_equal(last, cursor.entry.key)) {
            inspect_entry(survey, &cursor.entry);
        }
        last = cursor.entry.key; /* lives as long as the memtable */
        has_last = true;
    }
}

/* Looks at memtables that may hold enough; returns whether their values may stay as they are. */
static bool
compaction_adopt_inspect(const struct fi_compaction_work *work, struct fi_compaction_adopt *adopt)
{
    struct survey survey = {.adopt = adopt, .codec = work->lsm->options.codec};
    if (survey.codec != FI_CODEC_NONE && fi_compress_create(&survey.compress, NULL) != FIRN_OK) {
        return false;
    }
    for (size_t i = 0; i < work->memtable_count; i++) {
        const struct fi_tree_memtable *memtable = work->memtables[i];
        size_t logged = atomic_load_explicit(&memtable->logged_bytes, memory_order_relaxed);
        if (logged >= fi_memtable_size_bytes(memtable->table) / 4) {
            inspect_memtable(&survey, memtable->table);
        }
    }
    DCHECK(survey.compressed_bytes <= survey.sampled_bytes);
    size_t saved = survey.sampled_bytes - survey.compressed_bytes;
    fi_compress_destroy(survey.compress);
    fi_buf_deinit(&survey.compressed);
    return !survey.has_failed && saved <= survey.sampled_bytes / 32;
}

/* ---- adopting ---- */

static bool
is_worth_it(const struct fi_lsm_host *host, const struct fi_compaction_adopt_segment *segment,
            uint64_t *out_bytes)
{
    *out_bytes = host->log_segment_bytes(host->ctx, segment->number);
    return *out_bytes > 0 && segment->bytes >= *out_bytes - *out_bytes / 4;
}

/* The identity in the file. */
static int
read_identity(struct fi_lsm *lsm, const char *name, uint64_t *out)
{
    struct fi_run *run;
    int rc = fi_run_value_file_kind.open(&lsm->files.env, name, &run, NULL);
    if (rc == FIRN_OK) {
        *out = fi_run_value_file_kind.summary(run)->identity;
        fi_run_value_file_kind.close(run);
    }
    return rc;
}

static void
adopt_segment(struct fi_lsm *lsm, struct fi_compaction_adopt_segment *segment)
{
    DCHECK(segment->file == NULL && segment->bytes > 0);
    const struct fi_lsm_host *host = &lsm->options.host;
    struct fi_manifest_reference reference = {0};
    char name[FI_VERSION_FILE_NAME_SIZE];
    int rc;
    if (!is_worth_it(host, segment, &reference.total_bytes)) {
        return;
    }
    reference.number = fi_lsm_take_number(lsm);
    fi_version_file_name(reference.number, &fi_run_value_file_kind, name);
    rc = host->lend_log_segment(host->ctx, segment->number, lsm->runs_dir, name, NULL);
    bool is_lent = rc == FIRN_OK;
    if (rc == FIRN_OK) {
        rc = read_identity(lsm, name, &reference.identity);
    }
    if (rc == FIRN_OK) {
        segment->file = fi_version_file_create_values(&lsm->files, &reference);
    }
    if (is_lent && segment->file == NULL) {
        FI_IGNORE(fi_os_remove_file(lsm->runs_dir, name, NULL));
    }
}

void
fi_compaction_adopt_begin(const struct fi_compaction_work *work, struct fi_compaction_adopt *out)
{
    DCHECK(work->kind == FI_COMPACTION_WORK_FLUSH);
    struct fi_lsm *lsm = work->lsm;
    out->count = 0;
    if (!atomic_load_explicit(&work->tree->separates, memory_order_relaxed) ||
        work->tree->kind->has_layout || /* values are parts of what the log has */
        lsm->options.host.lend_log_segment == NULL || !compaction_adopt_inspect(work, out)) {
        out->count = 0;
        return;
    }
    for (size_t i = 0; i < out->count; i++) {
        adopt_segment(lsm, &out->segments[i]);
    }
}

struct fi_version_file *
fi_compaction_adopt_find(const struct fi_compaction_adopt *adopt,
                         const struct fi_memtable_logged *logged)
{
    for (size_t i = 0; i < adopt->count; i++) {
        if (adopt->segments[i].number == logged->segment) {
            return adopt->segments[i].file;
        }
    }
    return NULL;
}

void
fi_compaction_adopt_end(struct fi_compaction_adopt *adopt)
{
    for (size_t i = 0; i < adopt->count; i++) {
        if (adopt->segments[i].file != NULL) {
            fi_version_file_unref(adopt->segments[i].file);
        }
    }
    adopt->count = 0;
}
