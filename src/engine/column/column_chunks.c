/* SPDX-License-Identifier: Apache-2.0
 *
 * column/column_chunks.c: turns the values of a row group into chunks, on several threads, and
 * writes the chunks as blocks of the file, in order.
 *
 * Encoding is most of the cost of a load, and each column can be encoded independently. So the
 * thread that has a full group asks the builder's helpers to join, and starts itself. Each thread
 * takes the next free slot, those with most bytes first, encodes its values and compresses the
 * chunk. A thread that finds no slot is done. When all are done, the first one adds the chunks to
 * the file, slot by slot.
 *
 *   slots by size:   [ comment | price | date | … | flag ]
 *   taken by:            0         1      1         0
 *
 * and then written by 0, in the order of slots.
 *
 * A builder without helpers encodes a chunk and writes it before it begins the next one.
 *
 * (I1) The result for a slot depends only on its values, and blocks are added in the order of
 *      slots: the file has the same bytes for any number of threads.
 * (I2) While slots are being made nothing of the builder changes except `made` and each worker's
 *      own memory. (Not checked: the builder is const for workers.)
 *
 * Memory: for each worker the slices of one column, a chunk before and after compression, and what
 * encoding needs; with helpers the chunks of a group, which are hardly larger than its values.
 *
 * Failure: a worker that fails stops all. Of several failures, that of the first slot is returned.
 */
#include "column/column_internal.h"

#include <stdatomic.h>

#include "base/mem.h"
#include "base/sort.h"
#include "threads/os_thread.h"

/* What a slot has become. */
struct made {
    struct fi_buf bytes; /* as they are stored; empty: the group has no chunk of that slot */
    enum fi_codec codec;
    size_t raw_size;
    bool is_locator;      /* of a value in pieces */
    struct fi_buf filter; /* empty: there is none */
    struct fi_column_index_chunk record;
};

/* A thread that makes chunks. */
struct worker {
    struct fi_column_chunks *chunks;
    struct fi_compress *compress;
    struct fi_buf slices;
    struct fi_buf tagged; /* values among which there are references */
    struct fi_buf chunk;
    struct fi_buf stored;
    struct fi_buf hashes; /* for a Bloom filter */
    int rc;
    size_t failed_slot;
    firn_error error;
};

struct turn {
    uint64_t bytes;
    size_t slot;
};

struct fi_column_chunks {
    const struct fi_column_builder *builder;
    struct fi_os_jobs *helpers;
    size_t worker_count;
    struct worker *workers; /* the first one is the caller's */
    struct made *made;      /* of each slot; without helpers the first one of all */
    struct turn *turns;     /* the slots in the order in which they are taken */
    atomic_size_t next;     /* turn */
    atomic_bool has_failed;
};

/* ---- one chunk ---- */

/* Whether a hidden column says of its rows what is meant where it is not there. */
static bool
may_lack(const struct fi_column_builder *builder, size_t slot)
{
    const struct fi_column_gather *gather = &builder->gathers[slot];
    if (slot < builder->layout.layout.count) {
        return false;
    }
    if (slot == fi_column_builder_hidden(builder, FI_COLUMN_SEQUENCE)) {
        return builder->sequence_min == builder->sequence_max;
    }
    if (slot == fi_column_builder_hidden(builder, FI_COLUMN_KIND)) {
        for (size_t i = 0; i < gather->count; i++) {
            if (fi_load_le64(gather->numbers.data + 8 * i) != FI_ENTRY_PUT) {
                return false;
            }
        }
        return true;
    }
    return gather->null_count == gather->count && builder->larges[slot].locator.size == 0;
}

static void
column_chunks_swap(struct fi_buf *a, struct fi_buf *b)
{
    struct fi_buf other = *a;
    *a = *b;
    *b = other;
}

/* Whether the layout asks for Bloom filters of a slot's values. */
static bool
wants_filter(const struct fi_column_builder *builder, size_t slot)
{
    const struct fi_column_layout *layout = &builder->layout.layout;
    return slot < layout->count && layout->columns[slot].has_filter;
}

/* Encodes and compresses what has gathered in a slot. */
static int
make_values(struct worker *worker, size_t slot, struct made *out, firn_error *err)
{
    const struct fi_column_gather *gather = &worker->chunks->builder->gathers[slot];
    const struct fi_column_builder *builder = worker->chunks->builder;
    struct fi_chunk_values values;
    struct fi_chunk chunk;
    if (fi_column_gather_values(gather, &worker->slices, &values) != FIRN_OK) {
        return fi_error_no_memory(err, "a chunk");
    }
    out->record.has_references = fi_column_gather_has_references(gather);
    if (out->record.has_references) {
        fi_column_values_cut(&worker->slices); /* for the bounds */
    }
    fi_buf_clear(&worker->chunk);
    FI_TRY_RETURN(fi_chunk_encode(&values, &worker->chunk, &out->record.bounds, err));
    if (out->is_locator) {
        return FIRN_OK;
    }
    if (out->record.has_references) {
        if (fi_column_values_tag(gather, &worker->slices, &worker->tagged) != FIRN_OK) {
            return fi_error_no_memory(err, "a chunk");
        }
        fi_buf_clear(&worker->chunk);
        FI_TRY_RETURN(fi_chunk_encode(&values, &worker->chunk, NULL, err));
    }
    out->raw_size = worker->chunk.size;
    FI_TRY_RETURN(fi_chunk_open(fi_buf_slice(&worker->chunk), gather->shape.kind,
                                gather->shape.fixed_size, builder->rows, &chunk, err));
    out->record.encoding = chunk.encoding;
    out->record.value_bytes = gather->value_bytes;
    FI_TRY_RETURN(fi_run_output_pack(&builder->output, worker->compress,
                                     fi_buf_slice(&worker->chunk), &worker->stored, &out->codec,
                                     err));
    column_chunks_swap(&out->bytes, out->codec == FI_CODEC_NONE ? &worker->chunk : &worker->stored);
    if (wants_filter(builder, slot) && !out->record.has_references) {
        FI_TRY_RETURN(fi_column_filter_build(&values, out->bytes.size / 2, &worker->hashes,
                                             &out->filter, err));
    }
    return FIRN_OK;
}

static int
column_chunks_make(struct worker *worker, size_t slot, struct made *out, firn_error *err)
{
    const struct fi_column_builder *builder = worker->chunks->builder;
    const struct fi_column_gather *gather = &builder->gathers[slot];
    const struct fi_column_large *large = &builder->larges[slot];
    const struct fi_buf *locator = &large->locator;
    fi_buf_clear(&out->bytes);
    fi_buf_clear(&out->filter);
    out->record = (struct fi_column_index_chunk){.ref = {0}};
    if (may_lack(builder, slot)) {
        return FIRN_OK;
    }
    out->is_locator = locator->size > 0;
    int rc = make_values(worker, slot, out, err);
    if (rc == FIRN_OK && out->is_locator) {
        DCHECK(builder->rows == 1);
        out->codec = FI_CODEC_NONE;
        out->raw_size = locator->size;
        out->record.encoding = FI_COLUMN_FORMAT_IN_PIECES;
        out->record.has_references = large->is_reference;
        out->record.value_bytes = fi_column_gather_cost(&gather->shape, (size_t)large->value_size);
        rc = fi_buf_assign(&out->bytes, fi_buf_slice(locator)) == FIRN_OK
                 ? FIRN_OK
                 : fi_error_no_memory(err, "a chunk");
    }
    DCHECK(rc != FIRN_OK || out->bytes.size > 0);
    return rc;
}

/* Adds it to the file; what the index says of it goes to the builder. */
static int
column_chunks_write(struct fi_column_builder *builder, size_t slot, struct made *made,
                    firn_error *err)
{
    int rc = FIRN_OK;
    if (made->bytes.size > 0) {
        rc = fi_run_output_add_packed(&builder->output, made->codec, fi_buf_slice(&made->bytes),
                                      made->raw_size, &made->record.ref, err);
    }
    builder->chunks[slot] = made->record;
    return rc;
}

/* Adds the Bloom filter of a column of the group. */
static int
write_filter(struct fi_column_builder *builder, size_t slot, const struct fi_buf *filter,
             firn_error *err)
{
    struct fi_block_ref ref;
    const uint32_t column = builder->layout.layout.columns[slot].id;
    int rc = fi_run_output_add_packed(&builder->output, FI_CODEC_NONE, fi_buf_slice(filter),
                                      filter->size, &ref, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    return fi_column_filter_add(&builder->filters, builder->group_count, column, &ref) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a Bloom filter");
}

/* ---- all chunks of a group ---- */

static int
compare_turns(const void *a, const void *b)
{
    const struct turn *x = a;
    const struct turn *y = b;
    if (x->bytes != y->bytes) {
        return x->bytes > y->bytes ? -1 : 1;
    }
    return (x->slot > y->slot) - (x->slot < y->slot);
}

/* Makes chunks until all are taken, or one could not be made. */
static void
column_chunks_work(void *arg)
{
    struct worker *worker = arg;
    struct fi_column_chunks *chunks = worker->chunks;
    size_t count = chunks->builder->slot_count;
    /* Relaxed: which slot it is follows from the number; submitting and waiting order the rest. */
    while (!atomic_load_explicit(&chunks->has_failed, memory_order_relaxed)) {
        size_t turn = atomic_fetch_add_explicit(&chunks->next, 1, memory_order_relaxed);
        if (turn >= count) {
            return;
        }
        size_t slot = chunks->turns[turn].slot;
        worker->rc = column_chunks_make(worker, slot, &chunks->made[slot], &worker->error);
        if (worker->rc != FIRN_OK) {
            worker->failed_slot = slot;
            atomic_store_explicit(&chunks->has_failed, true, memory_order_relaxed);
        }
    }
}

/* The failure of the first slot, if there is any. */
static int
column_chunks_outcome(const struct fi_column_chunks *chunks, firn_error *err)
{
    const struct worker *first = NULL;
    for (size_t i = 0; i < chunks->worker_count; i++) {
        const struct worker *worker = &chunks->workers[i];
        if (worker->rc != FIRN_OK && (first == NULL || worker->failed_slot < first->failed_slot)) {
            first = worker;
        }
    }
    if (first != NULL && err != NULL) {
        *err = first->error;
    }
    return first != NULL ? first->rc : FIRN_OK;
}

/* With helpers: all slots are made. */
static int
make_all(struct fi_column_chunks *chunks, firn_error *err)
{
    const struct fi_column_builder *builder = chunks->builder;
    int rc = FIRN_OK;
    for (size_t slot = 0; slot < builder->slot_count; slot++) {
        chunks->turns[slot] = (struct turn){builder->gathers[slot].value_bytes, slot};
    }
    fi_sort(chunks->turns, builder->slot_count, sizeof chunks->turns[0], compare_turns);
    atomic_store_explicit(&chunks->next, 0, memory_order_relaxed);
    atomic_store_explicit(&chunks->has_failed, false, memory_order_relaxed);
    for (size_t i = 0; i < chunks->worker_count; i++) {
        chunks->workers[i].rc = FIRN_OK;
    }
    for (size_t i = 1; i < chunks->worker_count && rc == FIRN_OK; i++) {
        rc = fi_os_jobs_submit(chunks->helpers, column_chunks_work, &chunks->workers[i], err);
    }
    if (rc == FIRN_OK) {
        column_chunks_work(&chunks->workers[0]);
    } else {
        atomic_store_explicit(&chunks->has_failed, true, memory_order_relaxed);
    }
    fi_os_jobs_wait(chunks->helpers); /* (I2) */
    return rc == FIRN_OK ? column_chunks_outcome(chunks, err) : rc;
}

int
fi_column_chunks_write(struct fi_column_builder *builder, firn_error *err)
{
    struct fi_column_chunks *chunks = builder->makes;
    bool is_helped = chunks->worker_count > 1;
    DCHECK(builder->rows > 0 && chunks->builder == builder);
    if (is_helped) {
        FI_TRY_RETURN(make_all(chunks, err));
    }
    for (size_t slot = 0; slot < builder->slot_count; slot++) { /* (I1) */
        struct made *made = &chunks->made[is_helped ? slot : 0];
        if (!is_helped) {
            FI_TRY_RETURN(column_chunks_make(&chunks->workers[0], slot, made, err));
        }
        FI_TRY_RETURN(column_chunks_write(builder, slot, made, err));
        if (made->filter.size > 0) {
            FI_TRY_RETURN(write_filter(builder, slot, &made->filter, err));
        }
    }
    return FIRN_OK;
}

/* ---- making and destroying ---- */

static int
create_parts(struct fi_column_chunks *chunks, firn_error *err)
{
    size_t slots = chunks->worker_count > 1 ? chunks->builder->slot_count : 1;
    chunks->workers = fi_alloc_zeroed(chunks->worker_count * sizeof chunks->workers[0]);
    chunks->made = fi_alloc_zeroed(slots * sizeof chunks->made[0]);
    chunks->turns = fi_alloc_zeroed(slots * sizeof chunks->turns[0]);
    if (chunks->workers == NULL || chunks->made == NULL || chunks->turns == NULL) {
        return fi_error_no_memory(err, "the builder of a run");
    }
    for (size_t i = 0; i < chunks->worker_count; i++) {
        chunks->workers[i].chunks = chunks;
        FI_TRY_RETURN(fi_compress_create(&chunks->workers[i].compress, err));
    }
    return FIRN_OK;
}

int
fi_column_chunks_create(const struct fi_column_builder *builder,
                        const struct fi_run_builder_options *options, struct fi_column_chunks **out,
                        firn_error *err)
{
    struct fi_column_chunks *chunks = fi_alloc_zeroed(sizeof *chunks);
    *out = chunks;
    if (chunks == NULL) {
        return fi_error_no_memory(err, "the builder of a run");
    }
    DCHECK(builder->slot_count > 0 && (options->helpers != NULL || options->helper_count == 0));
    chunks->builder = builder;
    chunks->helpers = options->helpers;
    chunks->worker_count = 1 + options->helper_count;
    return create_parts(chunks, err);
}

void
fi_column_chunks_destroy(struct fi_column_chunks *chunks)
{
    if (chunks == NULL) {
        return;
    }
    size_t slots = chunks->worker_count > 1 ? chunks->builder->slot_count : 1;
    for (size_t i = 0; chunks->workers != NULL && i < chunks->worker_count; i++) {
        struct worker *worker = &chunks->workers[i];
        fi_compress_destroy(worker->compress);
        fi_buf_deinit(&worker->slices);
        fi_buf_deinit(&worker->tagged);
        fi_buf_deinit(&worker->chunk);
        fi_buf_deinit(&worker->stored);
        fi_buf_deinit(&worker->hashes);
    }
    for (size_t i = 0; chunks->made != NULL && i < slots; i++) {
        fi_buf_deinit(&chunks->made[i].bytes);
        fi_buf_deinit(&chunks->made[i].filter);
    }
    fi_free(chunks->workers);
    fi_free(chunks->made);
    fi_free(chunks->turns);
    fi_free(chunks);
}
