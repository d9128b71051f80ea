/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_values.c: moves large values from memtables and old value files to new
 * value files.
 *
 * A value of at least value_size_min bytes, of a put or an expiring put, goes to a value file when
 * a flush, a load or a compaction first writes it to a run; the run gets a reference. From then on
 * compactions copy the reference and leave the value in place, with its sequence, until its file
 * should be emptied: when more than half of it is dead (compaction_sparse.c), or when it is small.
 * Flushes with few large values make small files; merging these limits the number of files. Values
 * that move are written once more, in the order of keys.
 *
 * Each output (of a flush, a load or one compaction) has its own value files, begun when the first
 * value comes and ended above a target size. The references of a run are summed by file while its
 * entries pass.
 *
 * In a table the values are those of single cells of rows (run_value_cell.c), and the builder of
 * the run calls this for each cell: it knows which columns may have references, and which values it
 * drops. So entries of tables pass unchanged.
 *
 * If a flush finds that a value is already in a file, a former segment of the log
 * (compaction_adopt.c), the run gets a reference, and nothing is written.
 *
 * (I1) All value files are durable before MANIFEST names a run that refers to them: finish comes
 *      before the runs are installed.
 * (I2) A file that an input refers to stays as long as the input, to which the work has a
 *      reference; a new file is referenced here until a run does. So following a reference needs no
 *      lock. (Not checked: a file only counts its references.)
 * (I3) Whether a file should be emptied is decided once for each output, when it is first met: its
 *      live bytes may change concurrently.
 *
 * Failure: the new files count as gone, since no run in MANIFEST refers to them, and the next
 * collection removes them.
 */
#include "compaction/compaction_internal.h"

#include <string.h>

#include "base/check.h"
#include "base/sort.h"
#include "tuple/tuple.h"

/* The open run's references to a file; also kept, with 0 bytes, for files that it does not refer
 * to. */
struct tally {
    struct fi_version_file *file;
    uint64_t bytes;
    bool is_left; /* its values move to a new file */
};

/* ---- tallies ---- */

static uint64_t
number_of(const void *record)
{
    return ((const struct tally *)record)->file->info.number;
}

static bool
is_equal(const void *record, const void *key)
{
    return number_of(record) == *(const uint64_t *)key;
}

static struct tally *
find_tally(const struct fi_compaction_values *output, uint64_t number)
{
    return fi_hash_map_find(&output->tallies, number, &number);
}

static struct tally *
add_tally(struct fi_compaction_values *output, struct fi_version_file *file, bool is_left)
{
    DCHECK(find_tally(output, file->info.number) == NULL); /* (I3) */
    const struct tally tally = {file, 0, is_left};
    return fi_hash_map_insert(&output->tallies, file->info.number, &tally);
}

static bool
may_leave(const struct fi_compaction_leaving *leaving, uint64_t number)
{
    bool is_one = leaving == NULL || leaving->from == FI_COMPACTION_LEAVE_ANY;
    for (unsigned i = 0; !is_one && i < leaving->count; i++) {
        is_one = leaving->numbers[i] == number;
    }
    return is_one;
}

/* (I3) */
static bool
is_to_be_left(const struct fi_compaction_values *output, const struct fi_version_file *file)
{
    struct fi_lsm *lsm = output->options.lsm;
    if (fi_compaction_renew_has(output->options.outdated, file->info.number)) {
        return true;
    }
    if (!output->options.separates) {
        return false;
    }
    fi_os_mutex_lock(&lsm->mutex);
    bool is_left = fi_lsm_collect_is_worth_moving_locked(lsm, file, output->options.is_thorough);
    bool is_small = file->info.content_bytes < lsm->options.value_file_bytes_small;
    fi_os_mutex_unlock(&lsm->mutex);
    return (is_left || is_small) && may_leave(output->options.leaving, file->info.number);
}

/* The file of an input's reference; values belongs to the run with the reference. */
static int
find_file(struct fi_compaction_values *output, const struct fi_run_values *values, uint64_t number,
          struct tally **out, firn_error *err)
{
    *out = find_tally(output, number);
    if (*out != NULL) {
        return FIRN_OK;
    }
    const struct fi_version_file *run = values->ctx;
    DCHECK(run != NULL); /* only entries from runs have references */
    struct fi_version_file *file = fi_version_file_find_values(run, number);
    if (file == NULL) {
        return fi_error_set(err, FIRN_CORRUPT, "run %llu may not refer to the value file %llu",
                            (unsigned long long)run->info.number, (unsigned long long)number);
    }
    *out = add_tally(output, file, is_to_be_left(output, file));
    return *out != NULL ? FIRN_OK : fi_error_no_memory(err, "the value files of a run");
}

/* ---- new files ---- */

static int
end_file(struct fi_compaction_values *output, firn_error *err)
{
    uint64_t file_bytes;
    if (output->writer == NULL) {
        return FIRN_OK;
    }
    DCHECK(output->file != NULL && output->file->info.content_bytes == 0);
    int rc = fi_run_value_writer_finish(output->writer, &file_bytes, err);
    if (rc == FIRN_OK) {
        output->file->info.content_bytes = fi_run_value_writer_content_bytes(output->writer);
        output->bytes += file_bytes;
        fi_run_value_writer_destroy(output->writer);
        output->writer = NULL;
    }
    return rc;
}

/* Adds the file that the writer writes to the output's files. */
static int
note_file(struct fi_compaction_values *output, uint64_t number, firn_error *err)
{
    const struct fi_manifest_reference reference = {
        .number = number, .identity = fi_run_value_writer_identity(output->writer)};
    struct fi_version_file *file =
        fi_version_file_create_values(&output->options.lsm->files, &reference);
    if (file == NULL) {
        return fi_error_no_memory(err, "a value file");
    }
    if (fi_buf_append(&output->written, &file, sizeof(struct fi_version_file *)) != FIRN_OK) {
        fi_version_file_unref(file);
        return fi_error_no_memory(err, "a value file");
    }
    output->file = file;
    return add_tally(output, file, false) != NULL ? FIRN_OK
                                                  : fi_error_no_memory(err, "a value file");
}

static int
begin_file(struct fi_compaction_values *output, firn_error *err)
{
    DCHECK(output->writer == NULL);
    struct fi_lsm *lsm = output->options.lsm;
    char name[FI_VERSION_FILE_NAME_SIZE];
    const struct fi_run_value_writer_options options = {.number = fi_lsm_take_number(lsm),
                                                        .codec = output->options.codec,
                                                        .publisher = output->options.publisher};
    fi_version_file_name(options.number, &fi_run_value_file_kind, name);
    int rc = fi_run_value_writer_create(&lsm->files.env, name, &options, &output->writer, err);
    if (rc == FIRN_OK) {
        rc = note_file(output, options.number, err);
    }
    return rc;
}

/* Writes a value and appends its reference to stored. */
static int
write_value(struct fi_compaction_values *output, firn_slice value, firn_error *err)
{
    uint64_t target = output->options.lsm->options.value_file_bytes_target;
    if (output->writer != NULL && fi_run_value_writer_content_bytes(output->writer) >= target) {
        FI_TRY_RETURN(end_file(output, err));
    }
    if (output->writer == NULL) {
        FI_TRY_RETURN(begin_file(output, err));
    }
    uint64_t before = fi_run_value_writer_content_bytes(output->writer);
    FI_TRY_RETURN(fi_run_value_writer_add(output->writer, value, &output->stored, err));
    struct tally *tally = find_tally(output, output->file->info.number);
    DCHECK(tally != NULL && !tally->is_left);
    tally->bytes += fi_run_value_writer_content_bytes(output->writer) - before;
    return FIRN_OK;
}

/* ---- entries ---- */

/* *out is the entry with output->stored instead of its value. */
static void
take_reference(struct fi_compaction_values *output, const struct fi_entry *entry,
               struct fi_entry *out)
{
    static const struct fi_run_values in_new_file = {0};
    *out = *entry;
    out->value = fi_buf_slice(&output->stored);
    out->values = &in_new_file;
    out->logged = NULL;
}

/* The same entry with a new reference after its head. */
static int
refer(struct fi_compaction_values *output, const struct fi_entry *entry, firn_slice value,
      struct fi_entry *out, firn_error *err)
{
    fi_buf_clear(&output->stored);
    if (fi_buf_append(&output->stored, entry->value.data, fi_entry_head_size(entry->kind)) !=
        FIRN_OK) {
        return fi_error_no_memory(err, "the reference to a value");
    }
    int rc = write_value(output, value, err);
    take_reference(output, entry, out);
    return rc;
}

/* An entry that has a reference: its value stays where it is, or moves. */
static int
place_reference(struct fi_compaction_values *output, const struct fi_entry *entry, firn_slice bytes,
                struct fi_entry *out, firn_error *err)
{
    struct fi_run_value_file_reference reference;
    struct tally *tally;
    /* References from runs have been checked. */
    CHECK(fi_run_value_file_decode(bytes, &reference));
    FI_TRY_RETURN(find_file(output, entry->values, reference.file, &tally, err));
    if (!tally->is_left) {
        tally->bytes += fi_run_value_file_span(&reference);
        return FIRN_OK;
    }
    fi_buf_clear(&output->moved);
    FI_TRY_RETURN(
        fi_run_value_file_resolve(entry->values, bytes, FI_BLOCK_CACHE_SCAN, &output->moved, err));
    return refer(output, entry, fi_buf_slice(&output->moved), out, err);
}

/* A value that may be in an adopted file: *out_is_there. */
static int
place_logged(struct fi_compaction_values *output, const struct fi_entry *entry, size_t size,
             struct fi_entry *out, bool *out_is_there, firn_error *err)
{
    struct fi_memtable_logged logged;
    bool may_refer = output->options.adopt != NULL && fi_memtable_logged_decode(entry, &logged);
    struct fi_version_file *file =
        may_refer ? fi_compaction_adopt_find(output->options.adopt, &logged) : NULL;
    *out_is_there = file != NULL;
    if (file == NULL) {
        return FIRN_OK;
    }
    struct tally *tally = find_tally(output, file->info.number);
    tally = tally != NULL ? tally : add_tally(output, file, false);
    size_t head = fi_entry_head_size(entry->kind);
    if (tally == NULL ||
        fi_buf_set_size(&output->stored, head + FI_RUN_VALUE_FILE_BARE_REFERENCE_SIZE) != FIRN_OK) {
        return fi_error_no_memory(err, "the reference to a value");
    }
    const struct fi_run_value_file_reference reference = {.file = file->info.number,
                                                          .value_size = size,
                                                          .offset = logged.offset,
                                                          .checksum = logged.checksum ^
                                                                      file->info.identity};
    if (head > 0) {
        memcpy(output->stored.data, entry->value.data, head);
    }
    fi_run_value_file_encode_bare(&reference, output->stored.data + head);
    tally->bytes += size;
    take_reference(output, entry, out);
    return FIRN_OK;
}

int
fi_compaction_values_place(struct fi_compaction_values *output, const struct fi_entry *entry,
                           struct fi_entry *out, firn_error *err)
{
    *out = *entry;
    if (output->options.is_of_cells ||
        (entry->kind != FI_ENTRY_PUT && entry->kind != FI_ENTRY_EXPIRING)) {
        return FIRN_OK;
    }
    size_t head = fi_entry_head_size(entry->kind);
    if (entry->value.size == head) {
        return FIRN_OK; /* no value that could be in a file */
    }
    firn_slice rest = firn_bytes(entry->value.data + head, entry->value.size - head);
    if (entry->values != NULL) {
        return place_reference(output, entry, rest, out, err);
    }
    bool is_there = false;
    if (!output->options.separates || rest.size < output->options.lsm->options.value_size_min) {
        return FIRN_OK;
    }
    int rc = place_logged(output, entry, rest.size, out, &is_there, err);
    return rc != FIRN_OK || is_there ? rc : refer(output, entry, rest, out, err);
}

/* ---- cells ---- */

/* Writes the value of a cell to a file, and puts the reference into *cell. */
static int
refer_cell(struct fi_compaction_values *output, firn_slice value, struct fi_cell *cell,
           firn_error *err)
{
    DCHECK(value.size >= FI_RUN_VALUE_CELL_SIZE_MIN);
    fi_buf_clear(&output->stored);
    if (fi_buf_append(&output->stored, value.data, FI_RUN_VALUE_CELL_HEAD_SIZE) != FIRN_OK) {
        return fi_error_no_memory(err, "the reference to a value");
    }
    int rc = write_value(output, value, err);
    *cell =
        (struct fi_cell){.kind = FI_PHYSICAL_REFERENCE, .as.bytes = fi_buf_slice(&output->stored)};
    return rc;
}

/* For struct fi_run_placer. */
static int
place_cell(void *ctx, const struct fi_run_values *values, struct fi_cell *cell, firn_error *err)
{
    struct fi_compaction_values *output = ctx;
    struct fi_run_value_file_reference reference;
    struct tally *tally;
    DCHECK(output->options.is_of_cells);
    if (cell->kind == FI_PHYSICAL_BYTES) {
        return refer_cell(output, cell->as.bytes, cell, err);
    }
    CHECK(cell->kind == FI_PHYSICAL_REFERENCE && values != NULL &&
          fi_run_value_cell_decode(cell->as.bytes, &reference)); /* the builder has checked */
    FI_TRY_RETURN(find_file(output, values, reference.file, &tally, err));
    if (!tally->is_left) {
        tally->bytes += fi_run_value_file_span(&reference);
        return FIRN_OK;
    }
    fi_buf_clear(&output->moved);
    FI_TRY_RETURN(
        fi_run_value_cell_read(values, cell->as.bytes, FI_BLOCK_CACHE_SCAN, &output->moved, err));
    return refer_cell(output, fi_buf_slice(&output->moved), cell, err);
}

/* ---- runs ---- */

static int
compare_references(const void *a, const void *b)
{
    const struct fi_manifest_reference *x = a;
    const struct fi_manifest_reference *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

int
fi_compaction_values_list(struct fi_compaction_values *output, struct fi_manifest_run *info,
                          firn_error *err)
{
    struct fi_buf *references = &output->references;
    fi_buf_clear(references);
    for (size_t i = 0; i < output->tallies.count; i++) {
        const struct tally *tally = fi_hash_map_at(&output->tallies, i);
        const struct fi_manifest_reference reference = {
            .number = tally->file->info.number,
            .identity = tally->file->info.identity,
            .total_bytes = tally->file->info.content_bytes,
            .bytes = tally->bytes,
        };
        if (tally->bytes > 0 &&
            fi_buf_append(references, &reference, sizeof reference) != FIRN_OK) {
            return fi_error_no_memory(err, "the references of a run");
        }
    }
    info->reference_count = references->size / sizeof(struct fi_manifest_reference);
    info->references = (const struct fi_manifest_reference *)(const void *)references->data;
    fi_sort(references->data, info->reference_count, sizeof(struct fi_manifest_reference),
            compare_references);
    return FIRN_OK;
}

void
fi_compaction_values_hold(struct fi_compaction_values *output, struct fi_version_file *run)
{
    for (size_t i = 0; i < run->info.reference_count; i++) {
        struct tally *tally = find_tally(output, run->info.references[i].number);
        DCHECK(tally->bytes ==
               run->info.references[i].bytes); /* listed, and nothing placed since */
        fi_version_file_set_values(run, i, tally->file);
        tally->bytes = 0;
    }
}

int
fi_compaction_values_finish(struct fi_compaction_values *output,
                            const struct fi_version_added *runs, size_t count, firn_error *err)
{
    int rc = end_file(output, err);
    DCHECK(rc != FIRN_OK || output->writer == NULL); /* (I1) */
    for (size_t i = 0; rc == FIRN_OK && i < count; i++) {
        fi_version_file_set_value_totals(runs[i].file);
    }
    return rc;
}

/* ---- the ends ---- */

void
fi_compaction_values_begin(struct fi_compaction_values *output,
                           const struct fi_compaction_values_options *options)
{
    *output = (struct fi_compaction_values){.options = *options};
    fi_hash_map_init(&output->tallies, sizeof(struct tally), number_of, is_equal);
    size_t least = options->lsm->options.value_size_min;
    least = least < FI_RUN_VALUE_CELL_SIZE_MIN ? FI_RUN_VALUE_CELL_SIZE_MIN : least;
    output->placer = (struct fi_run_placer){
        .ctx = output, .size_min = options->separates ? least : SIZE_MAX, .place = place_cell};
}

void
fi_compaction_values_end(struct fi_compaction_values *output)
{
    fi_run_value_writer_destroy(output->writer);
    for (size_t i = 0; i < output->written.size / sizeof(struct fi_version_file *); i++) {
        fi_version_file_unref(((struct fi_version_file **)(void *)output->written.data)[i]);
    }
    fi_hash_map_deinit(&output->tallies);
    fi_buf_deinit(&output->written);
    fi_buf_deinit(&output->references);
    fi_buf_deinit(&output->stored);
    fi_buf_deinit(&output->moved);
}
