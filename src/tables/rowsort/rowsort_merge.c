/* SPDX-License-Identifier: Apache-2.0
 *
 * rowsort/rowsort_merge.c: rows in temporary files: an external merge sort (Knuth, The Art of
 * Computer Programming 3, 5.4).
 *
 * Whenever memory is used up, the rows in it are sorted and written as a run. At the end the
 * runs are merged, with a heap of the first row of each. Each run needs a buffer. If there are more
 * runs than memory has room for, they are first merged into fewer and longer runs in another file,
 * and the old files are removed.
 *
 * If the caller gives no sequence numbers, runs of another thread's rows come after those that were
 * here. The number that must be added to their sequence numbers is kept with the run, and is added
 * when a row is read.
 *
 * (I1) A run has at most `limit` rows.
 */
#include "base/mem.h"
#include "rowsort/rowsort_internal.h"

enum { BUFFER_SIZE = 128 << 10, FAN_IN_MIN = 4, FAN_IN_MAX = 64 };

/* ---- writing ---- */

/* Room for one more run, and the file that it goes to. */
static int
rowsort_merge_prepare(struct fi_rowsort_runs *runs, const struct fi_spill *spill, firn_error *err)
{
    FI_TRY_RETURN(FI_VEC_RESERVE(runs->runs, runs->run_count + 1, runs->run_capacity, err));
    if (runs->file_count > 0) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(FI_VEC_RESERVE(runs->files, 1, runs->file_capacity, err));
    struct fi_spill_file **files = runs->files;
    int rc = fi_spill_create(spill, &files[0], err);
    runs->file_count = rc == FIRN_OK ? 1 : 0;
    return rc;
}

/* Makes a run of all rows that were added to the file since start. */
static int
end_run(struct fi_rowsort_runs *runs, uint64_t start, firn_error *err)
{
    struct fi_rowsort_run *run = &runs->runs[runs->run_count];
    DCHECK(runs->run_count < runs->run_capacity && runs->file_count > 0);
    *run = (struct fi_rowsort_run){.file = runs->files[0], .start = start};
    int rc = fi_spill_end(run->file, &run->end, err);
    runs->run_count += rc == FIRN_OK ? 1 : 0;
    return rc;
}

int
fi_rowsort_merge_spill(struct fi_rowsort *sort, firn_error *err)
{
    struct fi_rowsort_runs *runs = &sort->runs;
    if (sort->spill == NULL) {
        return fi_error_set(
            err, FIRN_LIMIT,
            "the rows to be sorted need more than the %llu bytes of memory that they may use",
            (unsigned long long)sort->memory_bytes);
    }
    DCHECK(sort->count <= sort->limit); /* (I1) */
    FI_TRY_RETURN(rowsort_merge_prepare(runs, sort->spill, err));
    uint64_t start = fi_spill_size_bytes(runs->files[0]);
    for (size_t i = 0; i < sort->count; i++) {
        firn_slice record = firn_bytes(sort->entries[i].record, sort->entries[i].size);
        FI_TRY_RETURN(fi_spill_add(runs->files[0], record, err));
    }
    FI_TRY_RETURN(end_run(runs, start, err));
    sort->spilled_bytes += fi_spill_size_bytes(runs->files[0]) - start;
    fi_rowsort_clear(sort);
    return FIRN_OK;
}

int
fi_rowsort_merge_take(struct fi_rowsort *sort, struct fi_rowsort *other, uint64_t sequence,
                      firn_error *err)
{
    struct fi_rowsort_runs *to = &sort->runs;
    struct fi_rowsort_runs *from = &other->runs;
    if (from->run_count == 0) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(FI_VEC_RESERVE(to->runs, to->run_count + from->run_count, to->run_capacity, err));
    FI_TRY_RETURN(
        FI_VEC_RESERVE(to->files, to->file_count + from->file_count, to->file_capacity, err));
    for (size_t i = 0; i < from->run_count; i++) {
        from->runs[i].sequence += sequence;
    }
    memcpy(to->runs + to->run_count, from->runs, from->run_count * sizeof *to->runs);
    memcpy(to->files + to->file_count, from->files,
           from->file_count * sizeof(struct fi_spill_file *));
    to->run_count += from->run_count;
    to->file_count += from->file_count;
    from->run_count = 0;
    from->file_count = 0;
    sort->spilled_bytes += other->spilled_bytes;
    other->spilled_bytes = 0;
    return FIRN_OK;
}

/* ---- the heap ---- */

static bool
is_before(const struct fi_rowsort_source *a, const struct fi_rowsort_source *b)
{
    return a->head != b->head ? a->head < b->head
                              : fi_rowsort_key_compare(fi_rowsort_key_of(a->record),
                                                       fi_rowsort_key_of(b->record)) < 0;
}

static void
sift_down(struct fi_rowsort *sort, size_t at)
{
    struct fi_rowsort_source **heap = sort->heap;
    struct fi_rowsort_source *moved = heap[at];
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= sort->heap_count) {
            break;
        }
        if (child + 1 < sort->heap_count && is_before(heap[child + 1], heap[child])) {
            child++;
        }
        if (!is_before(heap[child], moved)) {
            break;
        }
        heap[at] = heap[child];
        at = child;
    }
    heap[at] = moved;
}

/* The next row of a source; its record is NULL at the end. */
static int
rowsort_merge_advance(struct fi_rowsort_source *source, firn_error *err)
{
    firn_slice record;
    bool is_end;
    source->record = NULL;
    int rc = fi_spill_next(&source->reader, &record, &is_end, err);
    if (rc != FIRN_OK || is_end) {
        return rc;
    }
    /* The block is the reader's own memory. */
    uint8_t *own = source->reader.block.data + (record.data - source->reader.block.data);
    if (record.size < FI_ROWSORT_KEY_AT + FI_ROWSORT_SEQUENCE_SIZE ||
        fi_load_le32(own) > record.size - FI_ROWSORT_KEY_AT ||
        fi_load_le32(own) < FI_ROWSORT_SEQUENCE_SIZE) {
        return fi_error_set(err, FIRN_CORRUPT, "a row in a temporary file is damaged");
    }
    firn_slice key = fi_rowsort_key_of(own);
    uint8_t *sequence = own + FI_ROWSORT_KEY_AT + (key.size - FI_ROWSORT_SEQUENCE_SIZE);
    fi_store_be64(sequence, fi_load_be64(sequence) + source->sequence);
    source->record = own;
    source->size = record.size;
    source->head = fi_rowsort_key_head(key);
    return FIRN_OK;
}

static void
close_sources(struct fi_rowsort *sort)
{
    for (size_t i = 0; i < sort->source_count; i++) {
        fi_spill_reader_deinit(&sort->sources[i].reader);
    }
    fi_free(sort->sources);
    fi_free(sort->heap);
    sort->sources = NULL;
    sort->heap = NULL;
    sort->source_count = 0;
    sort->heap_count = 0;
}

/* A heap over runs [start, end). */
static int
open_sources(struct fi_rowsort *sort, size_t start, size_t end, firn_error *err)
{
    size_t count = end - start;
    DCHECK(start < end && end <= sort->runs.run_count && sort->source_count == 0);
    sort->sources = fi_alloc_array(count, sizeof *sort->sources);
    sort->heap = fi_alloc_array(count, sizeof(struct fi_rowsort_source *));
    if (sort->sources == NULL || sort->heap == NULL) {
        return fi_error_no_memory(err, "a merge of temporary files");
    }
    for (size_t i = 0; i < count; i++) {
        const struct fi_rowsort_run *run = &sort->runs.runs[start + i];
        struct fi_rowsort_source *source = &sort->sources[i];
        *source = (struct fi_rowsort_source){.sequence = run->sequence};
        fi_spill_reader_init(&source->reader, run->file, run->start, run->end);
        sort->source_count++;
        int rc = rowsort_merge_advance(source, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        if (source->record != NULL) {
            sort->heap[sort->heap_count++] = source;
        }
    }
    for (size_t i = sort->heap_count; i-- > 0;) {
        sift_down(sort, i);
    }
    return FIRN_OK;
}

/* Moves past the row on top. */
static int
rowsort_merge_pop(struct fi_rowsort *sort, firn_error *err)
{
    struct fi_rowsort_source *top = sort->heap[0];
    int rc = rowsort_merge_advance(top, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (top->record == NULL) {
        sort->heap[0] = sort->heap[--sort->heap_count];
    }
    if (sort->heap_count > 0) {
        sift_down(sort, 0);
    }
    return FIRN_OK;
}

/* ---- merging ---- */

static void
close_runs(struct fi_rowsort_runs *runs)
{
    for (size_t i = 0; i < runs->file_count; i++) {
        fi_spill_destroy(runs->files[i]);
    }
    fi_free(runs->files);
    fi_free(runs->runs);
    *runs = (struct fi_rowsort_runs){.runs = NULL};
}

/* Merges runs [start, end) into one run in another file. */
static int
merge_runs(struct fi_rowsort *sort, size_t start, size_t end, struct fi_rowsort_runs *to,
           firn_error *err)
{
    uint64_t rows = 0;
    int rc;
    FI_TRY(rowsort_merge_prepare(to, sort->spill, err));
    uint64_t begin = fi_spill_size_bytes(to->files[0]);
    FI_TRY(open_sources(sort, start, end, err));
    for (; sort->heap_count > 0 && rows < sort->limit; rows++) {
        firn_slice record = firn_bytes(sort->heap[0]->record, sort->heap[0]->size);
        FI_TRY(fi_spill_add(to->files[0], record, err));
        FI_TRY(rowsort_merge_pop(sort, err));
    }
    FI_TRY(end_run(to, begin, err));
    sort->spilled_bytes += fi_spill_size_bytes(to->files[0]) - begin;
out:
    close_sources(sort);
    return rc;
}

static size_t
fan_in_of(const struct fi_rowsort *sort)
{
    uint64_t buffers = sort->memory_bytes / BUFFER_SIZE;
    return buffers < FAN_IN_MIN ? FAN_IN_MIN : buffers > FAN_IN_MAX ? FAN_IN_MAX : (size_t)buffers;
}

int
fi_rowsort_merge_begin(struct fi_rowsort *sort, firn_error *err)
{
    struct fi_rowsort_runs merged = {.runs = NULL};
    size_t fan_in = fan_in_of(sort);
    int rc = FIRN_OK;
    while (sort->runs.run_count > fan_in) {
        for (size_t start = 0; start < sort->runs.run_count; start += fan_in) {
            size_t left = sort->runs.run_count - start;
            FI_TRY(merge_runs(sort, start, start + (left < fan_in ? left : fan_in), &merged, err));
        }
        close_runs(&sort->runs);
        sort->runs = merged;
        merged = (struct fi_rowsort_runs){.runs = NULL};
    }
    for (size_t i = 0; i < sort->runs.file_count; i++) {
        fi_spill_seal(sort->runs.files[i]);
    }
    rc = open_sources(sort, 0, sort->runs.run_count, err);
out:
    close_runs(&merged);
    return rc;
}

int
fi_rowsort_merge_next(struct fi_rowsort *sort, uint8_t **out, size_t *out_size, firn_error *err)
{
    int rc = FIRN_OK;
    *out = NULL;
    *out_size = 0;
    if (sort->heap_count > 0) {
        size_t size = sort->heap[0]->size;
        uint8_t *record = fi_arena_alloc(&sort->batch, size);
        if (record == NULL) {
            return fi_error_no_memory(err, "rows from temporary files");
        }
        memcpy(record, sort->heap[0]->record, size);
        rc = rowsort_merge_pop(sort, err);
        if (rc == FIRN_OK) {
            *out = record;
            *out_size = size;
        }
    }
    return rc;
}

void
fi_rowsort_merge_deinit(struct fi_rowsort *sort)
{
    close_sources(sort);
    close_runs(&sort->runs);
}
