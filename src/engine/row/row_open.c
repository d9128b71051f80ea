/* SPDX-License-Identifier: Apache-2.0
 *
 * row/row_open.c: opens a run: which parts it has, and what must be in memory.
 *
 * Opened are the block file (header, footer, table of contents), then the summary and the ranges,
 * which are decoded, then the index, through the cache and its check: a run whose index cannot be
 * read has nothing to offer. What the summary and the others say of the same thing must agree. The
 * filter is not missed before the first get (row_read_filter.c).
 *
 * Pins. A run keeps its index pinned until it is closed, its filter once it is asked for, and beside
 * them tables that lead to its blocks without a visit to those of the cache (row_read.c), as long as
 * the cache agrees to hold so much (firn_block_cache_hold) and has room for it. Others pin them for
 * each operation, and the cache may drop them between.
 *
 * Blocks that the builder handed to the cache are there under a number that comes along; it is the
 * run's from here on, also where opening fails.
 *
 * (I1) Sections: one summary, one index, at most one filter and one origin, ranges in any number, each
 *      in a place of its own; kinds that are not known were written by a later version. (A file
 *      that is otherwise is refused.)
 *
 * Memory: the ranges and the bounds, as long as the run is open, and what the cache holds for it.
 */
#include "row/row_open.h"

#include "base/mem.h"
#include "row/row_summary.h"

/* What is used only while opening. */
struct opening {
    struct firn_row *run;
    struct firn_compress *compress;
    struct firn_buf raw;
    uint64_t range_count;
    bool has_summary;
};

static int
refuse(const struct firn_row *run, const char *what, firn_error *err)
{
    return firn_error_set(err, FIRN_CORRUPT, "'%s': %s", firn_block_reader_path(run->reader), what);
}

static int
read_summary(struct opening *opening, const struct firn_block_ref *ref, firn_error *err)
{
    struct firn_row *run = opening->run;
    if (opening->has_summary) {
        return refuse(run, "the run has two summaries", err);
    }
    opening->has_summary = true;
    int rc = firn_block_reader_read(run->reader, ref, opening->compress, &opening->raw, err);
    if (rc == FIRN_OK) {
        rc = firn_row_summary_decode(firn_buf_slice(&opening->raw), &run->summary, err);
    }
    run->summary.file_bytes = firn_block_reader_size_bytes(run->reader);
    return rc == FIRN_OK || err == NULL ? rc : firn_row_read_place(run, ref, err);
}

static int
add_range(void *ctx, const struct firn_range *range, firn_error *err)
{
    struct opening *opening = ctx;
    opening->range_count++;
    return firn_range_set_add(&opening->run->ranges, range, err);
}

static int
read_ranges(struct opening *opening, const struct firn_block_ref *ref, firn_error *err)
{
    struct firn_row *run = opening->run;
    int rc = firn_block_reader_read(run->reader, ref, opening->compress, &opening->raw, err);
    if (rc == FIRN_OK) {
        rc = firn_row_summary_decode_ranges(firn_buf_slice(&opening->raw), add_range, opening, err);
    }
    return rc == FIRN_OK || err == NULL ? rc : firn_row_read_place(run, ref, err);
}

/* Remembers the place of a section of which there is one. */
static int
note_ref(const struct firn_row *run, struct firn_block_ref *out, const struct firn_block_ref *ref,
         firn_error *err)
{
    if (out->offset != 0) {
        return refuse(run, "the run has two indexes, two filters or two origins", err);
    }
    *out = *ref;
    return FIRN_OK;
}

static int
read_section(struct opening *opening, const struct firn_block_section *section, firn_error *err)
{
    struct firn_row *run = opening->run;
    switch (section->kind) {
    case FIRN_ROW_FORMAT_SUMMARY:
        return read_summary(opening, &section->ref, err);
    case FIRN_ROW_FORMAT_INDEX:
        return note_ref(run, &run->index_ref, &section->ref, err);
    case FIRN_ROW_FORMAT_FILTER:
        return note_ref(run, &run->filter_ref, &section->ref, err);
    case FIRN_ROW_FORMAT_ORIGIN:
        return note_ref(run, &run->origin_ref, &section->ref, err);
    case FIRN_ROW_FORMAT_RANGES:
        return read_ranges(opening, &section->ref, err);
    default:
        return firn_error_set(err, FIRN_NEWER,
                              "'%s': the run has a section %u, which this version cannot read",
                              firn_block_reader_path(run->reader), section->kind);
    }
}

static int
read_sections(struct opening *opening, firn_error *err)
{
    struct firn_row *run = opening->run;
    int rc = FIRN_OK;
    size_t count = firn_block_reader_section_count(run->reader);
    for (size_t i = 0; rc == FIRN_OK && i < count; i++) {
        rc = read_section(opening, firn_block_reader_section(run->reader, i), err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    if (!opening->has_summary || run->index_ref.offset == 0 ||
        run->index_ref.offset == run->filter_ref.offset ||
        run->index_ref.offset == run->origin_ref.offset) {
        return refuse(run, "the run has no summary or no index", err);
    }
    return opening->range_count == run->summary.range_count
               ? FIRN_OK
               : refuse(run, "the run has another number of range deletes than its summary says",
                        err);
}

/* Whether the cache has room for the index, which is pinned now, or keeps it beyond its budget. */
static bool
has_room(struct firn_row *run)
{
    struct firn_block_pin pin;
    bool is_there = firn_block_cache_find(run->cache, run->file_of_sections, run->index_ref.offset,
                                          FIRN_BLOCK_CACHE_INDEX, &pin);
    firn_block_cache_unpin(run->cache, &pin);
    return is_there;
}

/* Gives back all that is kept. */
static void
drop_pins(struct firn_row *run)
{
    firn_block_cache_unpin(run->cache, &run->index_pin);
    firn_block_cache_unpin(run->cache, &run->filter_pin);
    firn_block_cache_hold_give(run->cache, &run->memory);
    firn_block_cache_hold_release(run->cache, run->held_bytes);
    run->held_bytes = 0;
    run->keeps_pins = false;
}

/* Keeps the index pinned, and the filter from the first get on, with tables beside them, where the
 * cache holds so much. */
static void
keep_pins(struct firn_row *run, struct firn_row_read_index *index)
{
    DCHECK(!run->keeps_pins && run->held_bytes == 0 && run->memory.data == NULL);
    DCHECK(index->pin.size == run->index_ref.raw_size);
    size_t memory_size = firn_row_read_memory_size(index->index.block_count);
    size_t size = (size_t)run->index_ref.raw_size + run->filter_ref.raw_size + memory_size;
    if (!has_room(run) || !firn_block_cache_hold(run->cache, size)) {
        return;
    }
    run->held_bytes = size;
    if (!firn_block_cache_hold_take(run->cache, memory_size, &run->memory)) {
        drop_pins(run);
        return;
    }
    run->index_pin = index->pin;
    run->index = index->index;
    index->pin = (struct firn_block_pin){0};
    firn_row_read_set_memory(run);
    run->keeps_pins = true;
}

static int
read_run(struct opening *opening, firn_error *err)
{
    int rc;
    struct firn_row *run = opening->run;
    struct firn_row_read_index index = {.pin = {0}};
    FIRN_TRY(firn_compress_create(&opening->compress, err));
    FIRN_TRY(read_sections(opening, err));
    FIRN_TRY(firn_range_set_seal(&run->ranges, err));
    FIRN_TRY(firn_row_read_index(run, &index, err));
    if (index.index.entry_count != run->summary.entry_count ||
        index.index.block_count > run->summary.entry_count ||
        (index.index.block_count == 0) != (run->summary.entry_count == 0)) {
        FIRN_TRY(refuse(run, "the index has another number of entries than the summary says", err));
    }
    DCHECK(run->index_ref.offset != 0 && run->summary.file_bytes != 0); /* (I1) */
    keep_pins(run, &index);
out:
    firn_row_read_index_release(run, &index);
    return rc;
}

int
firn_row_open(const struct firn_run_env *env, const char *name, struct firn_run **out,
              firn_error *err)
{
    *out = NULL;
    struct firn_row *run = firn_alloc_zeroed(sizeof *run);
    if (run == NULL) {
        firn_block_cache_drop_file(env->cache, env->cache_file);
        return firn_error_no_memory(err, "a run");
    }
    run->base.kind = &firn_row_kind;
    static const struct firn_run_values none = {0};
    run->cache = env->cache;
    run->values = env->values != NULL ? env->values : &none;
    run->file = env->cache_file != 0 ? env->cache_file : firn_block_cache_add_file(env->cache);
    run->file_of_sections = firn_block_cache_add_file(env->cache);
    struct opening opening = {.run = run};
    int rc = firn_block_reader_open(env->dir, name, FIRN_BLOCK_FILE_ROW, &run->reader, err);
    if (rc == FIRN_OK) {
        rc = read_run(&opening, err);
    }
    firn_buf_deinit(&opening.raw);
    firn_compress_destroy(opening.compress);
    if (rc != FIRN_OK) {
        firn_row_open_close(&run->base);
        return rc;
    }
    *out = &run->base;
    return FIRN_OK;
}

int
firn_row_open_origin(struct firn_run *base, struct firn_buf *numbers, struct firn_run_origin *out,
                     firn_error *err)
{
    struct firn_row *run = firn_row_read_run(base);
    struct firn_compress *compress = NULL;
    struct firn_buf raw = {0};
    int rc;
    if (run->origin_ref.stored_size == 0) {
        return FIRN_NOT_FOUND;
    }
    FIRN_TRY(firn_compress_create(&compress, err));
    FIRN_TRY(firn_block_reader_read(run->reader, &run->origin_ref, compress, &raw, err));
    rc = firn_run_origin_decode(firn_buf_slice(&raw), numbers, out, err);
    if (rc != FIRN_OK && err != NULL) {
        rc = firn_row_read_place(run, &run->origin_ref, err);
    }
out:
    firn_buf_deinit(&raw);
    firn_compress_destroy(compress);
    return rc;
}

void
firn_row_open_close(struct firn_run *base)
{
    if (base == NULL) {
        return;
    }
    struct firn_row *run = firn_row_read_run(base);
    DCHECK(run->keeps_pins == (run->held_bytes > 0));
    drop_pins(run);
    firn_block_cache_drop_file(run->cache, run->file);
    firn_block_cache_drop_file(run->cache, run->file_of_sections);
    firn_range_set_deinit(&run->ranges);
    firn_run_summary_deinit(&run->summary);
    firn_block_reader_close(run->reader);
    firn_free(run);
}
