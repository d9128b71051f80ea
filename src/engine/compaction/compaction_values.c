/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_values.c: moves large values from memtables and old value files to new
 * value files.
 *
 * A value of at least value_size_min bytes, of a put or an expiring put, goes to a value file when
 * a flush, a load or a compaction first writes it to a run; the run gets a reference. From then on
 * compactions copy the reference and leave the value in place, with its sequence, until its file
 * should be emptied: when more than half of it is dead (compaction_work.c), or when it is small.
 * Flushes with few large values make small files; merging these limits the number of files. Values
 * that move are written once more, in the order of keys.
 *
 * Each output (of a flush, a load or one compaction) has its own value files, begun when the first
 * value comes and ended above a target size. The references of a run are summed by file while its
 * entries pass.
 *
 * In a table the values are those of single cells of rows (value_cell.c), and the builder of the
 * run calls this for each cell: it knows which columns may have references, and which values it
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
    struct firn_run_file *file;
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
find_tally(const struct firn_compaction_values *output, uint64_t number)
{
    return firn_hash_map_find(&output->tallies, number, &number);
}

static struct tally *
add_tally(struct firn_compaction_values *output, struct firn_run_file *file, bool is_left)
{
    DCHECK(find_tally(output, file->info.number) == NULL); /* (I3) */
    const struct tally tally = {file, 0, is_left};
    return firn_hash_map_insert(&output->tallies, file->info.number, &tally);
}

static bool
may_leave(const struct firn_compaction_leaving *leaving, uint64_t number)
{
    bool is_one = leaving == NULL || leaving->from == FIRN_COMPACTION_LEAVE_ANY;
    for (unsigned i = 0; !is_one && i < leaving->count; i++) {
        is_one = leaving->numbers[i] == number;
    }
    return is_one;
}

/* (I3) */
static bool
is_to_be_left(const struct firn_compaction_values *output, const struct firn_run_file *file)
{
    struct firn_lsm *lsm = output->options.lsm;
    if (!output->options.separates) {
        return false;
    }
    firn_os_mutex_lock(&lsm->mutex);
    bool is_left = firn_lsm_collect_is_worth_moving_locked(lsm, file, output->options.is_thorough);
    bool is_small = file->info.content_bytes < lsm->options.value_file_bytes_small;
    firn_os_mutex_unlock(&lsm->mutex);
    return (is_left || is_small) && may_leave(output->options.leaving, file->info.number);
}

/* The file of an input's reference; values belongs to the run with the reference. */
static int
find_file(struct firn_compaction_values *output, const struct firn_run_values *values,
          uint64_t number, struct tally **out, firn_error *err)
{
    *out = find_tally(output, number);
    if (*out != NULL) {
        return FIRN_OK;
    }
    const struct firn_run_file *run = values->ctx;
    DCHECK(run != NULL); /* only entries from runs have references */
    struct firn_run_file *file = firn_run_file_find_values(run, number);
    if (file == NULL) {
        return firn_error_set(err, FIRN_CORRUPT, "run %llu may not refer to the value file %llu",
                              (unsigned long long)run->info.number, (unsigned long long)number);
    }
    *out = add_tally(output, file, is_to_be_left(output, file));
    return *out != NULL ? FIRN_OK : firn_error_no_memory(err, "the value files of a run");
}

/* ---- new files ---- */

static int
end_file(struct firn_compaction_values *output, firn_error *err)
{
    uint64_t file_bytes;
    if (output->writer == NULL) {
        return FIRN_OK;
    }
    DCHECK(output->file != NULL && output->file->info.content_bytes == 0);
    int rc = firn_value_writer_finish(output->writer, &file_bytes, err);
    if (rc == FIRN_OK) {
        output->file->info.content_bytes = firn_value_writer_content_bytes(output->writer);
        output->bytes += file_bytes;
        firn_value_writer_destroy(output->writer);
        output->writer = NULL;
    }
    return rc;
}

/* Adds the file that the writer writes to the output's files. */
static int
note_file(struct firn_compaction_values *output, uint64_t number, firn_error *err)
{
    const struct firn_manifest_reference reference = {
        .number = number, .identity = firn_value_writer_identity(output->writer)};
    struct firn_run_file *file =
        firn_run_file_create_values(&output->options.lsm->files, &reference);
    if (file == NULL) {
        return firn_error_no_memory(err, "a value file");
    }
    if (firn_buf_append(&output->written, &file, sizeof(struct firn_run_file *)) != FIRN_OK) {
        firn_run_file_unref(file);
        return firn_error_no_memory(err, "a value file");
    }
    output->file = file;
    return add_tally(output, file, false) != NULL ? FIRN_OK
                                                  : firn_error_no_memory(err, "a value file");
}

static int
begin_file(struct firn_compaction_values *output, firn_error *err)
{
    DCHECK(output->writer == NULL);
    struct firn_lsm *lsm = output->options.lsm;
    char name[FIRN_RUN_FILE_NAME_SIZE];
    const struct firn_value_writer_options options = {.number = firn_lsm_take_number(lsm),
                                                      .codec = output->options.codec,
                                                      .publisher = output->options.publisher};
    firn_run_file_name(options.number, &firn_value_file_kind, name);
    int rc = firn_value_writer_create(&lsm->files.env, name, &options, &output->writer, err);
    if (rc == FIRN_OK) {
        rc = note_file(output, options.number, err);
    }
    return rc;
}

/* Writes a value and appends its reference to stored. */
static int
write_value(struct firn_compaction_values *output, firn_slice value, firn_error *err)
{
    uint64_t target = output->options.lsm->options.value_file_bytes_target;
    if (output->writer != NULL && firn_value_writer_content_bytes(output->writer) >= target) {
        FIRN_TRY_RETURN(end_file(output, err));
    }
    if (output->writer == NULL) {
        FIRN_TRY_RETURN(begin_file(output, err));
    }
    uint64_t before = firn_value_writer_content_bytes(output->writer);
    FIRN_TRY_RETURN(firn_value_writer_add(output->writer, value, &output->stored, err));
    struct tally *tally = find_tally(output, output->file->info.number);
    DCHECK(tally != NULL && !tally->is_left);
    tally->bytes += firn_value_writer_content_bytes(output->writer) - before;
    return FIRN_OK;
}

/* ---- entries ---- */

/* *out is the entry with output->stored instead of its value. */
static void
take_reference(struct firn_compaction_values *output, const struct firn_entry *entry,
               struct firn_entry *out)
{
    static const struct firn_run_values in_new_file = {0};
    *out = *entry;
    out->value = firn_buf_slice(&output->stored);
    out->values = &in_new_file;
    out->logged = NULL;
}

/* The same entry with a new reference after its head. */
static int
refer(struct firn_compaction_values *output, const struct firn_entry *entry, firn_slice value,
      struct firn_entry *out, firn_error *err)
{
    firn_buf_clear(&output->stored);
    if (firn_buf_append(&output->stored, entry->value.data, firn_entry_head_size(entry->kind)) !=
        FIRN_OK) {
        return firn_error_no_memory(err, "the reference to a value");
    }
    int rc = write_value(output, value, err);
    take_reference(output, entry, out);
    return rc;
}

/* An entry that has a reference: its value stays where it is, or moves. */
static int
place_reference(struct firn_compaction_values *output, const struct firn_entry *entry,
                firn_slice bytes, struct firn_entry *out, firn_error *err)
{
    struct firn_value_file_reference reference;
    struct tally *tally;
    /* References from runs have been checked. */
    CHECK(firn_value_file_decode(bytes, &reference));
    FIRN_TRY_RETURN(find_file(output, entry->values, reference.file, &tally, err));
    if (!tally->is_left) {
        tally->bytes += firn_value_file_span(&reference);
        return FIRN_OK;
    }
    firn_buf_clear(&output->moved);
    FIRN_TRY_RETURN(
        firn_value_file_resolve(entry->values, bytes, FIRN_BLOCK_CACHE_SCAN, &output->moved, err));
    return refer(output, entry, firn_buf_slice(&output->moved), out, err);
}

/* A value that may be in an adopted file: *out_is_there. */
static int
place_logged(struct firn_compaction_values *output, const struct firn_entry *entry, size_t size,
             struct firn_entry *out, bool *out_is_there, firn_error *err)
{
    struct firn_memtable_logged logged;
    bool may_refer = output->options.adopt != NULL && firn_memtable_logged_decode(entry, &logged);
    struct firn_run_file *file =
        may_refer ? firn_compaction_adopt_find(output->options.adopt, &logged) : NULL;
    *out_is_there = file != NULL;
    if (file == NULL) {
        return FIRN_OK;
    }
    struct tally *tally = find_tally(output, file->info.number);
    tally = tally != NULL ? tally : add_tally(output, file, false);
    size_t head = firn_entry_head_size(entry->kind);
    if (tally == NULL ||
        firn_buf_set_size(&output->stored, head + FIRN_VALUE_FILE_BARE_REFERENCE_SIZE) != FIRN_OK) {
        return firn_error_no_memory(err, "the reference to a value");
    }
    const struct firn_value_file_reference reference = {.file = file->info.number,
                                                        .value_size = size,
                                                        .offset = logged.offset,
                                                        .checksum =
                                                            logged.checksum ^ file->info.identity};
    if (head > 0) {
        memcpy(output->stored.data, entry->value.data, head);
    }
    firn_value_file_encode_bare(&reference, output->stored.data + head);
    tally->bytes += size;
    take_reference(output, entry, out);
    return FIRN_OK;
}

int
firn_compaction_values_place(struct firn_compaction_values *output, const struct firn_entry *entry,
                             struct firn_entry *out, firn_error *err)
{
    *out = *entry;
    if (output->options.is_of_cells ||
        (entry->kind != FIRN_ENTRY_PUT && entry->kind != FIRN_ENTRY_EXPIRING)) {
        return FIRN_OK;
    }
    size_t head = firn_entry_head_size(entry->kind);
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
refer_cell(struct firn_compaction_values *output, firn_slice value, struct firn_cell *cell,
           firn_error *err)
{
    DCHECK(value.size >= FIRN_VALUE_CELL_SIZE_MIN);
    firn_buf_clear(&output->stored);
    if (firn_buf_append(&output->stored, value.data, FIRN_VALUE_CELL_HEAD_SIZE) != FIRN_OK) {
        return firn_error_no_memory(err, "the reference to a value");
    }
    int rc = write_value(output, value, err);
    *cell = (struct firn_cell){.kind = FIRN_PHYSICAL_REFERENCE,
                               .as.bytes = firn_buf_slice(&output->stored)};
    return rc;
}

/* For struct firn_run_placer. */
static int
place_cell(void *ctx, const struct firn_run_values *values, struct firn_cell *cell, firn_error *err)
{
    struct firn_compaction_values *output = ctx;
    struct firn_value_file_reference reference;
    struct tally *tally;
    DCHECK(output->options.is_of_cells);
    if (cell->kind == FIRN_PHYSICAL_BYTES) {
        return refer_cell(output, cell->as.bytes, cell, err);
    }
    CHECK(cell->kind == FIRN_PHYSICAL_REFERENCE && values != NULL &&
          firn_value_cell_decode(cell->as.bytes, &reference)); /* the builder has checked */
    FIRN_TRY_RETURN(find_file(output, values, reference.file, &tally, err));
    if (!tally->is_left) {
        tally->bytes += firn_value_file_span(&reference);
        return FIRN_OK;
    }
    firn_buf_clear(&output->moved);
    FIRN_TRY_RETURN(
        firn_value_cell_read(values, cell->as.bytes, FIRN_BLOCK_CACHE_SCAN, &output->moved, err));
    return refer_cell(output, firn_buf_slice(&output->moved), cell, err);
}

/* ---- runs ---- */

static int
compare_references(const void *a, const void *b)
{
    const struct firn_manifest_reference *x = a;
    const struct firn_manifest_reference *y = b;
    return (x->number > y->number) - (x->number < y->number);
}

int
firn_compaction_values_list(struct firn_compaction_values *output, struct firn_manifest_run *info,
                            firn_error *err)
{
    struct firn_buf *references = &output->references;
    firn_buf_clear(references);
    for (size_t i = 0; i < output->tallies.count; i++) {
        const struct tally *tally = firn_hash_map_at(&output->tallies, i);
        const struct firn_manifest_reference reference = {
            .number = tally->file->info.number,
            .identity = tally->file->info.identity,
            .total_bytes = tally->file->info.content_bytes,
            .bytes = tally->bytes,
        };
        if (tally->bytes > 0 &&
            firn_buf_append(references, &reference, sizeof reference) != FIRN_OK) {
            return firn_error_no_memory(err, "the references of a run");
        }
    }
    info->reference_count = references->size / sizeof(struct firn_manifest_reference);
    info->references = (const struct firn_manifest_reference *)(const void *)references->data;
    firn_sort(references->data, info->reference_count, sizeof(struct firn_manifest_reference),
              compare_references);
    return FIRN_OK;
}

void
firn_compaction_values_hold(struct firn_compaction_values *output, struct firn_run_file *run)
{
    for (size_t i = 0; i < run->info.reference_count; i++) {
        struct tally *tally = find_tally(output, run->info.references[i].number);
        DCHECK(tally->bytes ==
               run->info.references[i].bytes); /* listed, and nothing placed since */
        firn_run_file_set_values(run, i, tally->file);
        tally->bytes = 0;
    }
}

int
firn_compaction_values_finish(struct firn_compaction_values *output,
                              const struct firn_version_added *runs, size_t count, firn_error *err)
{
    int rc = end_file(output, err);
    DCHECK(rc != FIRN_OK || output->writer == NULL); /* (I1) */
    for (size_t i = 0; rc == FIRN_OK && i < count; i++) {
        firn_run_file_set_value_totals(runs[i].file);
    }
    return rc;
}

/* ---- the ends ---- */

void
firn_compaction_values_begin(struct firn_compaction_values *output,
                             const struct firn_compaction_values_options *options)
{
    *output = (struct firn_compaction_values){.options = *options};
    firn_hash_map_init(&output->tallies, sizeof(struct tally), number_of, is_equal);
    size_t least = options->lsm->options.value_size_min;
    least = least < FIRN_VALUE_CELL_SIZE_MIN ? FIRN_VALUE_CELL_SIZE_MIN : least;
    output->placer = (struct firn_run_placer){
        .ctx = output, .size_min = options->separates ? least : SIZE_MAX, .place = place_cell};
}

void
firn_compaction_values_end(struct firn_compaction_values *output)
{
    firn_value_writer_destroy(output->writer);
    for (size_t i = 0; i < output->written.size / sizeof(struct firn_run_file *); i++) {
        firn_run_file_unref(((struct firn_run_file **)(void *)output->written.data)[i]);
    }
    firn_hash_map_deinit(&output->tallies);
    firn_buf_deinit(&output->written);
    firn_buf_deinit(&output->references);
    firn_buf_deinit(&output->stored);
    firn_buf_deinit(&output->moved);
}
