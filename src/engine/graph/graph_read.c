/* SPDX-License-Identifier: Apache-2.0
 *
 * graph/graph_read.c: a graph's file: opening, reading blocks, verifying all.
 *
 * Opening reads the header, the levels above 0 or the lists, and the rows of nodes if they are not
 * those of the run, in order. Codes and links are read block by block, when a walk first uses a
 * block. If the cache can hold all of them while the graph is open, each block is pinned once and
 * stays; a table has its address. Otherwise a walk pins the blocks that it uses, and unpins them:
 * this is slower, but takes no memory.
 *
 * Vectors are read for the few candidates of a search, through the cache. A guide for each of their
 * blocks remembers where it was, and the blocks of several candidates are fetched from memory
 * together. With lists, vectors are not kept, because the cache is for sketches (graph_sketch.c).
 *
 * No byte of the file is trusted. The numbers of the header must fit each other and the size of the
 * file before they determine allocations; the cache verifies blocks; a link is compared with the
 * number of nodes when it is followed (graph_walk.c, I2); any code gives a valid distance
 * (graph_code.c, I1).
 *
 * (I1) A block with an address in the table has a pin or, in a graph that was built, memory of the
 *      graph. It stays as long as the graph is open.
 *
 * Threads: several may read one block at once; one of them enters its address, and the others
 * release their pins.
 */
#include "graph/graph_internal.h"

#include "base/checked.h"
#include "base/mem.h"
#include "base/reader.h"

enum {
    JUDGED_MAX = 16, /* vectors at once: they are fetched from memory together */
    CACHE_LINE = 64,
    PREFETCHED = 1024 /* bytes of each; the processor sees by itself that more is read */
};

static int
graph_read_refuse(const struct fi_graph *graph, const char *what, firn_error *err)
{
    return fi_error_set(err, FIRN_CORRUPT, "'%s': %s", fi_block_reader_path(graph->reader), what);
}

/* ---- blocks ---- */

void
fi_graph_read_array_set(struct fi_graph_array *array, size_t stride, uint32_t count)
{
    size_t per_block = fi_graph_per_block(stride);
    array->stride = (uint32_t)stride;
    array->per_block = (uint32_t)per_block;
    array->reciprocal = per_block == 1 ? 0 : UINT64_MAX / per_block + 1;
    array->blocks = (uint32_t)(((size_t)count + per_block - 1) / per_block);
}

struct fi_block_ref
fi_graph_read_ref(const struct fi_graph *graph, const struct fi_graph_array *array, uint32_t block)
{
    const uint32_t full = array->per_block * array->stride;
    const struct fi_block_ref first = {array->offset, full + graph->overhead, full};
    uint32_t left = graph->count - block * array->per_block;
    uint32_t size = (left < array->per_block ? left : array->per_block) * array->stride;
    return (struct fi_block_ref){array->offset + block * fi_block_reader_span(&first),
                                 size + graph->overhead, size};
}

int
fi_graph_read_pinned(const struct fi_graph *graph, const struct fi_graph_array *array,
                     uint32_t block, enum fi_block_cache_use use, struct fi_block_pin *out,
                     firn_error *err)
{
    const struct fi_block_ref ref = fi_graph_read_ref(graph, array, block);
    int rc = fi_block_cache_read(graph->cache, graph->cache_file, graph->reader, &ref, use, NULL,
                                 out, err);
    if (rc == FIRN_OK && out->size != ref.raw_size) {
        fi_block_cache_unpin(graph->cache, out);
        rc = graph_read_refuse(graph, "a block of a graph has another size", err);
    }
    return rc;
}

int
fi_graph_read_block(const struct fi_graph *graph, const struct fi_graph_array *array,
                    uint32_t block, struct fi_block_pin *pin, const uint8_t **out, firn_error *err)
{
    struct fi_block_pin own = {.data = NULL};
    const uint8_t *nothing = NULL;
    int rc;
    DCHECK(block < array->blocks && graph->reader != NULL);
    if (!graph->keeps_blocks) {
        /* Lists are read one after the other, and are more than the cache has room for. */
        /* With lists, the cache is for their sketches. */
        rc = fi_graph_read_pinned(graph, array, block,
                                  graph->is_listed ? FI_BLOCK_CACHE_SCAN : FI_BLOCK_CACHE_DATA, pin,
                                  err);
        *out = pin->data;
        return rc;
    }
    rc = fi_graph_read_pinned(graph, array, block, FI_BLOCK_CACHE_INDEX, &own, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (atomic_compare_exchange_strong_explicit(&array->place[block], &nothing, own.data,
                                                memory_order_acq_rel, memory_order_acquire)) {
        DCHECK(array->pin[block].data == NULL && own.data != NULL); /* (I1) */
        array->pin[block] = own;
        *out = own.data;
    } else {
        *out = nothing; /* another thread's */
        fi_block_cache_unpin(graph->cache, &own);
    }
    return FIRN_OK;
}

/* ---- vectors ---- */

/* Where the vector of a node lies: it is pinned, and on its way from memory. */
static int
pin_vector(const struct fi_graph *graph, uint32_t node, struct fi_block_pin *pin,
           const uint8_t **out, firn_error *err)
{
    const struct fi_graph_array *array = &graph->vectors;
    uint32_t block = fi_graph_array_block(array, node);
    const struct fi_block_ref ref = fi_graph_read_ref(graph, array, block);
    int rc = FIRN_OK;
    CHECK(node < graph->count);
    if (graph->is_listed) {
        /* The cache is for sketches. */
        FI_TRY_RETURN(fi_graph_read_pinned(graph, array, block, FI_BLOCK_CACHE_SCAN, pin, err));
    } else if (!fi_block_cache_guide_follow(graph->cache, &graph->guides[block], graph->cache_file,
                                            &ref, FI_BLOCK_CACHE_DATA, pin)) {
        FI_TRY_RETURN(fi_graph_read_pinned(graph, array, block, FI_BLOCK_CACHE_DATA, pin, err));
        fi_block_cache_guide_note(graph->cache, pin, &graph->guides[block]);
    }
    *out = pin->data + (size_t)(node - block * array->per_block) * array->stride;
    for (size_t at = 0; at < array->stride && at < PREFETCHED; at += CACHE_LINE) {
        __builtin_prefetch(*out + at);
    }
    return rc;
}

/* As fi_graph_read_assess, of as many as are pinned at once. */
static int
assess_some(const struct fi_graph *graph, const void *query, double squares,
            const struct fi_graph_candidate *candidates, size_t count, double *out, firn_error *err)
{
    struct fi_block_pin pins[JUDGED_MAX];
    const uint8_t *vectors[JUDGED_MAX];
    size_t pinned = 0;
    int rc = FIRN_OK;
    DCHECK(count <= JUDGED_MAX);
    for (size_t i = 0; i < count && !graph->is_listed; i++) {
        uint32_t block = fi_graph_array_block(&graph->vectors, candidates[i].node);
        fi_block_cache_guide_prefetch(graph->cache, &graph->guides[block],
                                      FI_BLOCK_CACHE_GUIDE_HEAD);
    }
    for (; pinned < count; pinned++) {
        FI_TRY(pin_vector(graph, candidates[pinned].node, &pins[pinned], &vectors[pinned], err));
    }
    for (size_t i = 0; i < count; i++) {
        out[i] = fi_vector_distance_exact_to(graph->parameters.metric, query, squares, vectors[i],
                                             graph->parameters.dimensions);
        /* Numbers that are not finite come through. */
        if (!(out[i] >= -(double)__DBL_MAX__ && out[i] <= (double)__DBL_MAX__)) {
            rc = graph_read_refuse(graph, "a vector of a graph is no number", err);
        }
    }
out:
    while (pinned > 0) {
        fi_block_cache_unpin(graph->cache, &pins[--pinned]);
    }
    return rc;
}

int
fi_graph_read_assess(const struct fi_graph *graph, const void *query,
                     const struct fi_graph_candidate *candidates, size_t count, double *out,
                     firn_error *err)
{
    double squares = fi_vector_distance_squares(query, graph->parameters.dimensions);
    int rc = FIRN_OK;
    DCHECK(graph->reader != NULL);
    for (size_t i = 0; rc == FIRN_OK && i < count; i += JUDGED_MAX) {
        rc = assess_some(graph, query, squares, candidates + i,
                         count - i < JUDGED_MAX ? count - i : JUDGED_MAX, out + i, err);
    }
    return rc;
}

/* ---- opening ---- */

static bool
get_f64(struct fi_reader *reader, double *out)
{
    return fi_reader_copy(reader, out, sizeof *out);
}

static bool
is_number(double value)
{
    return value >= 0 && value <= 1e300;
}

struct header {
    uint32_t upper_lists;
    uint32_t flags;
};

static bool
get_header(struct fi_reader *reader, struct fi_graph *graph, struct header *out)
{
    struct fi_graph_parameters *parameters = &graph->parameters;
    uint8_t metric;
    uint8_t top;
    uint16_t m;
    uint32_t stride;
    uint64_t zero;
    bool is_whole =
        fi_reader_u8(reader, &metric) && fi_reader_u8(reader, &top) && fi_reader_le16(reader, &m) &&
        fi_reader_le32(reader, &parameters->dimensions) &&
        fi_reader_le32(reader, &parameters->column) &&
        fi_reader_le32(reader, &parameters->ef_construction) &&
        fi_reader_le32(reader, &graph->count) && fi_reader_le64(reader, &parameters->seed) &&
        fi_reader_le64(reader, &graph->rows) && fi_reader_le32(reader, &graph->entry) &&
        fi_reader_le32(reader, &graph->upper_count) && fi_reader_le32(reader, &out->upper_lists) &&
        fi_reader_le32(reader, &out->flags) && fi_reader_le32(reader, &stride) &&
        fi_reader_le32(reader, &graph->twin_count) && get_f64(reader, &graph->scale) &&
        fi_reader_le64(reader, &zero) && fi_reader_le64(reader, &graph->codes.offset) &&
        fi_reader_le64(reader, &graph->links.offset) &&
        fi_reader_le64(reader, &graph->vectors.offset);
    if (!is_whole || metric < FI_VECTOR_L2 || metric > FI_VECTOR_METRIC_LAST) {
        return false;
    }
    parameters->metric = (enum fi_vector_metric)metric;
    parameters->m = m;
    graph->top_level = top;
    graph->codes.stride = stride;
    return zero == 0 && out->flags <= FI_GRAPH_FLAG_ROWS;
}

/* Whether the numbers of the header fit each other. */
static bool
makes_sense(const struct fi_graph *graph, const struct header *header)
{
    const struct fi_graph_parameters *parameters = &graph->parameters;
    bool has_rows = (header->flags & FI_GRAPH_FLAG_ROWS) != 0;
    const bool has_fewer = graph->count < graph->rows;
    if (parameters->dimensions == 0 || parameters->dimensions > FI_VECTOR_DIMENSIONS_MAX ||
        parameters->m < FI_GRAPH_M_MIN || parameters->m > FI_GRAPH_M_MAX ||
        graph->rows > FI_GRAPH_ROWS_MAX || graph->count > graph->rows ||
        graph->twin_count > graph->rows - graph->count ||
        has_rows != (has_fewer || graph->is_listed)) {
        return false;
    }
    if (graph->is_listed && (graph->upper_count > 0 || graph->top_level > 0)) {
        return false;
    }
    return graph->codes.stride == fi_graph_code_stride(parameters->dimensions) &&
           graph->top_level <= FI_GRAPH_LEVEL_MAX && graph->upper_count <= graph->count &&
           header->upper_lists >= graph->upper_count &&
           header->upper_lists <= (uint64_t)graph->upper_count * graph->top_level &&
           (graph->count == 0 ? graph->entry == 0 : graph->entry < graph->count) &&
           is_number(graph->scale);
}

/* Whether all blocks of an array lie in the body. */
static bool
lies_inside(const struct fi_graph *graph, const struct fi_graph_array *array)
{
    if (array->blocks == 0) {
        return true;
    }
    const uint32_t full = array->per_block * array->stride;
    const struct fi_block_ref first = {array->offset, full + graph->overhead, full};
    const uint32_t rest = (graph->count - (array->blocks - 1) * array->per_block) * array->stride;
    const struct fi_block_ref last = {array->offset, rest + graph->overhead, rest};
    uint64_t size;
    return fi_mul_u64(fi_block_reader_span(&first), array->blocks - 1, &size) &&
           fi_add_u64(size, fi_block_reader_span(&last), &size) &&
           fi_range_inside(array->offset, size, fi_block_reader_body_end(graph->reader));
}

/* The blocks of a section's kind, as one stream that should have `size` bytes. */
static int
read_stream(const struct fi_graph *graph, uint32_t kind, uint64_t size, struct fi_buf *out,
            firn_error *err)
{
    uint64_t total = 0;
    int rc = FIRN_OK;
    size_t count = fi_block_reader_section_count(graph->reader);
    fi_buf_clear(out);
    for (size_t i = 0; i < count; i++) {
        const struct fi_block_section *section = fi_block_reader_section(graph->reader, i);
        if (section->kind == kind) {
            /* Uncompressed: so there is no more than the file has. */
            if ((uint64_t)section->ref.raw_size + graph->overhead > section->ref.stored_size) {
                return graph_read_refuse(graph, "a part of a graph is compressed", err);
            }
            total += section->ref.raw_size;
        }
    }
    if (total != size || fi_buf_reserve(out, (size_t)size) != FIRN_OK) {
        return total != size ? graph_read_refuse(graph, "a part of a graph has another size", err)
                             : fi_error_no_memory(err, "a graph");
    }
    for (size_t i = 0; i < count; i++) {
        const struct fi_block_section *section = fi_block_reader_section(graph->reader, i);
        struct fi_block_pin pin;
        if (section->kind == kind) {
            FI_TRY(fi_block_cache_read(graph->cache, graph->cache_file, graph->reader,
                                       &section->ref, FI_BLOCK_CACHE_SCAN, NULL, &pin, err));
            rc = out->size + pin.size <= size ? fi_buf_append(out, pin.data, pin.size)
                                              : FIRN_CORRUPT;
            fi_block_cache_unpin(graph->cache, &pin);
            if (rc != FIRN_OK) {
                return rc == FIRN_CORRUPT
                           ? graph_read_refuse(graph, "a part of a graph is too large", err)
                           : fi_error_no_memory(err, "a graph");
            }
        }
    }
    if (out->size != size) {
        rc = graph_read_refuse(graph, "a part of a graph has another size", err);
    }
out:
    return rc;
}

/* Widths must ascend, and with them what they find. */
static bool
get_widths(struct fi_reader *reader, struct fi_graph_widths *widths)
{
    bool is_fine = fi_reader_le32(reader, &widths->count) && widths->count <= FI_GRAPH_WIDTHS_MAX;
    for (uint32_t i = 0; is_fine && i < widths->count; i++) {
        struct fi_graph_width *width = &widths->all[i];
        is_fine = fi_reader_le32(reader, &width->ef) && width->ef <= FI_GRAPH_EF_MAX &&
                  width->ef > (i > 0 ? width[-1].ef : 0) &&
                  fi_reader_le32(reader, &width->compared);
        for (size_t r = 1; is_fine && r <= FI_GRAPH_RECALLS; r++) { /* that for 1 is the last */
            const size_t place = r % FI_GRAPH_RECALLS;
            is_fine = fi_reader_le16(reader, &width->recalls[place]) &&
                      (i == 0 || width->recalls[place] >= width[-1].recalls[place]);
        }
    }
    widths->is_measured = is_fine;
    return is_fine;
}

static int
read_header(struct fi_graph *graph, struct header *header, firn_error *err)
{
    const struct fi_block_section *section = NULL;
    struct fi_buf bytes = {0};
    uint32_t version;
    int rc = FIRN_OK;
    for (size_t i = 0; i < fi_block_reader_section_count(graph->reader) && section == NULL; i++) {
        const struct fi_block_section *other = fi_block_reader_section(graph->reader, i);
        section = other->kind == FI_GRAPH_SECTION_HEADER ? other : NULL;
    }
    if (section == NULL) {
        return graph_read_refuse(graph, "a graph has no header", err);
    }
    FI_TRY(read_stream(graph, FI_GRAPH_SECTION_HEADER, section->ref.raw_size, &bytes, err));
    struct fi_reader reader = fi_reader_of(fi_buf_slice(&bytes));
    if (!fi_reader_le32(&reader, &version)) {
        rc = graph_read_refuse(graph, "the header of a graph is too short", err);
        goto out;
    }
    if (version < FI_GRAPH_VERSION_UNMEASURED || version > FI_GRAPH_VERSION_LISTS) {
        rc = fi_error_set(err, version == 0 ? FIRN_CORRUPT : FIRN_NEWER,
                          "'%s': version %u of a graph is not known",
                          fi_block_reader_path(graph->reader), version);
        goto out;
    }
    graph->is_listed = version == FI_GRAPH_VERSION_LISTS;
    if (!get_header(&reader, graph, header) || !makes_sense(graph, header)) {
        rc = graph_read_refuse(graph, "the header of a graph makes no sense", err);
        goto out;
    }
    graph->numbers = graph->parameters.dimensions;
    graph->measured = fi_graph_measured(graph->numbers, graph->codes.stride);
    graph->link_width = 2 * graph->parameters.m;
    graph->mean = fi_alloc_array(graph->numbers, sizeof *graph->mean);
    if (graph->mean == NULL) {
        rc = fi_error_no_memory(err, "a graph");
    } else if (!fi_reader_copy(&reader, graph->mean, graph->numbers * sizeof *graph->mean)) {
        rc = graph_read_refuse(graph, "the header of a graph is too short", err);
    } else if (!fi_vector_distance_is_finite(graph->mean, graph->numbers)) {
        rc = graph_read_refuse(graph, "the mean of a graph is no number", err);
    } else if (version > FI_GRAPH_VERSION_UNMEASURED && !get_widths(&reader, &graph->widths)) {
        rc = graph_read_refuse(graph, "the measured widths of a graph make no sense", err);
    } else if (graph->is_listed &&
               (!fi_reader_le32(&reader, &graph->list_count) ||
                graph->list_count > FI_GRAPH_LISTS_MAX || graph->list_count > graph->count ||
                (graph->list_count == 0) != (graph->count == 0))) {
        rc = graph_read_refuse(graph, "the number of lists of a graph makes no sense", err);
    } else if (fi_reader_left(&reader) != 0) {
        rc = graph_read_refuse(graph, "the header of a graph is too long", err);
    }
out:
    fi_buf_deinit(&bytes);
    return rc;
}

/* Nodes must ascend, and the lists be as many as the header says. */
static int
take_upper(struct fi_graph *graph, const struct header *header, const struct fi_buf *bytes,
           firn_error *err)
{
    uint32_t count = graph->upper_count;
    const uint8_t *levels = bytes->data + 4 * (size_t)count;
    uint32_t starts = 0;
    uint32_t top = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint32_t node = fi_load_le32(bytes->data + 4 * (size_t)i);
        if (node >= graph->count || (i > 0 && node <= graph->upper_nodes[i - 1]) ||
            levels[i] == 0 || levels[i] > header->upper_lists - starts) {
            return graph_read_refuse(graph, "a node above level 0 makes no sense", err);
        }
        graph->upper_nodes[i] = node;
        graph->upper_starts[i] = starts;
        starts += levels[i];
        top = node == graph->entry ? levels[i] : top;
    }
    graph->upper_starts[count] = starts;
    if (starts != header->upper_lists || top != graph->top_level) {
        return graph_read_refuse(graph, "the levels of a graph make no sense", err);
    }
    memcpy(graph->upper_links, levels + count,
           (size_t)starts * graph->parameters.m * sizeof *graph->upper_links);
    return FIRN_OK;
}

static int
read_upper(struct fi_graph *graph, const struct header *header, firn_error *err)
{
    size_t count = graph->upper_count;
    size_t links = (size_t)header->upper_lists * graph->parameters.m;
    struct fi_buf bytes = {0};
    int rc;
    FI_TRY(read_stream(graph, FI_GRAPH_SECTION_UPPER, 5 * (uint64_t)count + 4 * (uint64_t)links,
                       &bytes, err));
    graph->upper_nodes = fi_alloc_array(count + 1, sizeof *graph->upper_nodes);
    graph->upper_starts = fi_alloc_array(count + 1, sizeof *graph->upper_starts);
    graph->upper_links = fi_alloc_array(links + 1, sizeof *graph->upper_links);
    if (graph->upper_nodes == NULL || graph->upper_starts == NULL || graph->upper_links == NULL) {
        rc = fi_error_no_memory(err, "a graph");
        goto out;
    }
    graph->upper_starts[0] = 0;
    rc = count > 0 ? take_upper(graph, header, &bytes, err)
         : graph->top_level == 0
             ? FIRN_OK
             : graph_read_refuse(graph, "the levels of a graph make no sense", err);
out:
    fi_buf_deinit(&bytes);
    return rc;
}

static int
read_rows(struct fi_graph *graph, const struct header *header, firn_error *err)
{
    struct fi_buf bytes = {0};
    bool has_rows = (header->flags & FI_GRAPH_FLAG_ROWS) != 0;
    int rc;
    FI_TRY(read_stream(graph, FI_GRAPH_SECTION_ROWS, has_rows ? 4 * (uint64_t)graph->count : 0,
                       &bytes, err));
    if (!has_rows) {
        goto out;
    }
    graph->rows_of = fi_alloc_array((size_t)graph->count + 1, sizeof *graph->rows_of);
    if (graph->rows_of == NULL) {
        rc = fi_error_no_memory(err, "a graph");
        goto out;
    }
    for (uint32_t i = 0; i < graph->count; i++) {
        uint32_t row = fi_load_le32(bytes.data + 4 * (size_t)i);
        if (row >= graph->rows || (!graph->is_listed && i > 0 && row <= graph->rows_of[i - 1])) {
            rc = graph_read_refuse(graph, "the rows of a graph make no sense", err);
            goto out;
        }
        graph->rows_of[i] = row;
    }
out:
    fi_buf_deinit(&bytes);
    return rc;
}

/* Sets the bit of a row; false: it is set, or no row of the run. */
static bool
mark_row(const struct fi_graph *graph, uint64_t *marks, uint32_t row)
{
    bool is_new = row < graph->rows && (marks[row / 64] >> row % 64 & 1) == 0;
    if (is_new) {
        marks[row / 64] |= UINT64_C(1) << row % 64;
    }
    return is_new;
}

/* Twins must ascend, and no row be there twice. */
static bool
take_twins(struct fi_graph *graph, const struct fi_buf *bytes, uint64_t *marks)
{
    bool is_fine = true;
    for (uint32_t i = 0; i < graph->count && is_fine; i++) {
        is_fine = mark_row(graph, marks, graph->rows_of == NULL ? i : graph->rows_of[i]);
    }
    for (uint32_t i = 0; i < graph->twin_count && is_fine; i++) {
        graph->twin_nodes[i] = fi_load_le32(bytes->data + 4 * (size_t)i);
        graph->twin_rows[i] = fi_load_le32(bytes->data + 4 * ((size_t)graph->twin_count + i));
        is_fine = graph->twin_nodes[i] < graph->count &&
                  (i == 0 || graph->twin_nodes[i] >= graph->twin_nodes[i - 1]) &&
                  mark_row(graph, marks, graph->twin_rows[i]);
    }
    return is_fine;
}

static int
read_twins(struct fi_graph *graph, firn_error *err)
{
    struct fi_buf bytes = {0};
    uint64_t *marks = NULL;
    int rc;
    FI_TRY(
        read_stream(graph, FI_GRAPH_SECTION_TWINS, 8 * (uint64_t)graph->twin_count, &bytes, err));
    if (graph->twin_count == 0 && !graph->is_listed) {
        goto out; /* rows ascend, so none is there twice */
    }
    graph->twin_nodes = fi_alloc_array((size_t)graph->twin_count + 1, sizeof *graph->twin_nodes);
    graph->twin_rows = fi_alloc_array((size_t)graph->twin_count + 1, sizeof *graph->twin_rows);
    marks = fi_alloc_zeroed((size_t)(graph->rows / 64 + 1) * sizeof *marks);
    if (graph->twin_nodes == NULL || graph->twin_rows == NULL || marks == NULL) {
        rc = fi_error_no_memory(err, "a graph");
    } else if (!take_twins(graph, &bytes, marks)) {
        rc = graph_read_refuse(graph, "the twins of a graph make no sense", err);
    } else if (graph->twin_count > 0) {
        /* There are more rows than nodes. */
        memset(marks, 0, (size_t)(graph->rows / 64 + 1) * sizeof *marks);
        for (uint32_t i = 0; i < graph->twin_count; i++) {
            marks[graph->twin_nodes[i] / 64] |= UINT64_C(1) << graph->twin_nodes[i] % 64;
        }
        graph->twin_marks = marks;
        marks = NULL;
    }
out:
    fi_free(marks);
    fi_buf_deinit(&bytes);
    return rc;
}

/* Ends must ascend up to the number of nodes. */
static int
read_lists(struct fi_graph *graph, firn_error *err)
{
    const size_t count = graph->list_count;
    const size_t centers = count * graph->codes.stride;
    struct fi_buf bytes = {0};
    int rc;
    FI_TRY(read_stream(graph, FI_GRAPH_SECTION_LISTS, 4 * (uint64_t)count + centers, &bytes, err));
    graph->list_starts = fi_alloc_zeroed((count + 1) * sizeof *graph->list_starts);
    graph->centers = fi_alloc(centers + 1);
    if (graph->list_starts == NULL || graph->centers == NULL) {
        rc = fi_error_no_memory(err, "a graph");
        goto out;
    }
    bool is_fine = true;
    for (size_t i = 0; i < count; i++) {
        graph->list_starts[i + 1] = fi_load_le32(bytes.data + 4 * i);
        is_fine = is_fine && graph->list_starts[i + 1] >= graph->list_starts[i];
    }
    if (!is_fine || (graph->is_listed && graph->list_starts[count] != graph->count)) {
        rc = graph_read_refuse(graph, "the lists of a graph make no sense", err);
    } else if (count > 0) {
        memcpy(graph->centers, bytes.data + 4 * count, centers);
    }
out:
    fi_buf_deinit(&bytes);
    return rc;
}

static int
open_array(struct fi_graph *graph, struct fi_graph_array *array, firn_error *err)
{
    size_t blocks = (size_t)array->blocks + 1;
    array->place = fi_alloc_array(blocks, sizeof *array->place);
    array->pin = fi_alloc_zeroed(blocks * sizeof *array->pin);
    if (array->place == NULL || array->pin == NULL) {
        return fi_error_no_memory(err, "a graph");
    }
    for (size_t i = 0; i < blocks; i++) {
        atomic_init(&array->place[i], NULL);
    }
    return lies_inside(graph, array)
               ? FIRN_OK
               : graph_read_refuse(graph, "blocks of a graph lie outside of the file", err);
}

/* What a block takes up in the cache, with what is known of it here. */
static uint64_t
array_bytes(const struct fi_graph_array *array)
{
    uint64_t block = (uint64_t)array->per_block * array->stride;
    block = block < FI_BLOCK_CACHE_SLOT_SIZE ? FI_BLOCK_CACHE_SLOT_SIZE : block;
    return array->blocks * (block + sizeof *array->place + sizeof *array->pin);
}

/* As fi_graph_read_bytes, for graphs without twins. A node is in one list above level 0 with the
 * chance 1 / m or less. */
uint64_t
fi_graph_read_bytes_of(const struct fi_graph_parameters *parameters, uint64_t rows)
{
    struct fi_graph_array codes = {.place = NULL};
    struct fi_graph_array links = {.place = NULL};
    struct fi_graph_array vectors = {.place = NULL};
    const uint64_t counted = rows < FI_GRAPH_ROWS_MAX ? rows : FI_GRAPH_ROWS_MAX;
    const uint32_t count = (uint32_t)counted;
    fi_graph_read_array_set(&codes, fi_graph_code_stride(parameters->dimensions), count);
    fi_graph_read_array_set(&links, 8 * (size_t)parameters->m, count);
    fi_graph_read_array_set(&vectors, 4 * (size_t)parameters->dimensions, count);
    return array_bytes(&codes) + array_bytes(&links) +
           vectors.blocks * sizeof(struct fi_block_guide) + 8 * counted / parameters->m +
           4 * counted + 4 * (uint64_t)parameters->dimensions +
           fi_graph_memo_bytes(counted, codes.stride);
}

/* Of one whose blocks are not kept. */
static uint64_t
listed_bytes(const struct fi_graph *graph)
{
    const struct fi_graph_array *codes = &graph->codes;
    return codes->blocks * (sizeof *codes->place + sizeof *codes->pin) +
           4 * (uint64_t)graph->numbers + 8 * (uint64_t)graph->twin_count +
           4 * (uint64_t)graph->count + graph->list_count * (4 + (uint64_t)codes->stride);
}

uint64_t
fi_graph_read_bytes(const struct fi_graph *graph)
{
    if (graph->is_listed) {
        return listed_bytes(graph);
    }
    uint64_t lists = graph->upper_starts[graph->upper_count];
    return array_bytes(&graph->codes) + array_bytes(&graph->links) +
           graph->vectors.blocks * sizeof *graph->guides + 8 * (uint64_t)graph->upper_count +
           4 * lists * graph->parameters.m + 4 * (uint64_t)graph->numbers +
           8 * (uint64_t)graph->twin_count + (graph->twin_count == 0 ? 0 : graph->rows / 8) +
           fi_graph_memo_bytes(graph->rows, graph->codes.stride) +
           (graph->rows_of == NULL ? 0 : 4 * (uint64_t)graph->count);
}

static void
close_array(const struct fi_graph *graph, struct fi_graph_array *array)
{
    for (uint32_t i = 0; array->pin != NULL && i < array->blocks; i++) {
        fi_block_cache_unpin(graph->cache, &array->pin[i]);
    }
    fi_free((void *)(uintptr_t)array->place);
    fi_free(array->pin);
}

static void
graph_close(struct fi_run *run)
{
    struct fi_graph *graph = (struct fi_graph *)run;
    if (graph == NULL) {
        return;
    }
    close_array(graph, &graph->codes);
    close_array(graph, &graph->links);
    if (graph->held > 0) {
        fi_block_cache_hold_release(graph->cache, graph->held);
    }
    fi_block_cache_drop_file(graph->cache, graph->cache_file);
    fi_block_cache_drop_file(graph->cache, graph->sketch_file);
    fi_block_reader_close(graph->reader);
    fi_graph_memo_destroy(graph->memos);
    fi_free(graph->guides);
    fi_free(graph->mean);
    fi_free(graph->rows_of);
    fi_free(graph->twin_nodes);
    fi_free(graph->twin_rows);
    fi_free(graph->twin_marks);
    fi_free(graph->upper_nodes);
    fi_free(graph->upper_starts);
    fi_free(graph->upper_links);
    fi_free(graph->list_starts);
    fi_free(graph->centers);
    fi_free(graph);
}

static int
graph_open(const struct fi_run_env *env, const char *name, struct fi_run **out, firn_error *err)
{
    struct header header;
    int rc;
    *out = NULL;
    struct fi_graph *graph = fi_alloc_zeroed(sizeof *graph);
    if (graph == NULL) {
        return fi_error_no_memory(err, "a graph");
    }
    graph->base.kind = &fi_graph_read_kind;
    graph->cache = env->cache;
    FI_TRY(fi_block_reader_open_in(env->descriptors, env->dir, name, FI_BLOCK_FILE_VECTOR,
                                   &graph->reader, err));
    graph->overhead = fi_block_reader_overhead(graph->reader);
    graph->cache_file = fi_block_cache_add_file(env->cache);
    graph->summary.file_bytes = fi_block_reader_size_bytes(graph->reader);
    graph->summary.identity = fi_load_le64(fi_block_reader_id(graph->reader)->bytes);
    FI_TRY(read_header(graph, &header, err));
    graph->sketch_file = graph->is_listed ? fi_block_cache_add_file(env->cache) : 0;
    fi_graph_read_array_set(&graph->codes, graph->codes.stride, graph->count);
    fi_graph_read_array_set(&graph->links, 4 * (size_t)graph->link_width,
                            graph->is_listed ? 0 : graph->count);
    fi_graph_read_array_set(&graph->vectors, 4 * (size_t)graph->parameters.dimensions,
                            graph->count);
    if (!lies_inside(graph, &graph->codes) || !lies_inside(graph, &graph->links) ||
        !lies_inside(graph, &graph->vectors)) {
        rc = graph_read_refuse(graph, "blocks of a graph lie outside of the file", err);
        goto out;
    }
    FI_TRY(open_array(graph, &graph->codes, err));
    FI_TRY(open_array(graph, &graph->links, err));
    if (!graph->is_listed) {
        graph->guides =
            fi_alloc_zeroed(((size_t)graph->vectors.blocks + 1) * sizeof *graph->guides);
    }
    if (graph->guides == NULL && !graph->is_listed) {
        rc = fi_error_no_memory(err, "a graph");
        goto out;
    }
    FI_TRY(read_upper(graph, &header, err));
    FI_TRY(read_rows(graph, &header, err));
    FI_TRY(read_twins(graph, err));
    FI_TRY(read_lists(graph, err));
    uint64_t bytes = fi_graph_read_bytes(graph);
    if (bytes <= SIZE_MAX && fi_block_cache_hold_graph(graph->cache, (size_t)bytes)) {
        graph->held = (size_t)bytes;
        graph->keeps_blocks = !graph->is_listed;
        graph->memos = graph->keeps_blocks ? fi_graph_memo_create() : NULL;
    }
    *out = &graph->base;
    graph = NULL;
out:
    graph_close((struct fi_run *)graph);
    return rc;
}

static const struct fi_run_summary *
graph_summary(const struct fi_run *run)
{
    return &((const struct fi_graph *)run)->summary;
}

const struct fi_graph *
fi_graph_read_of(const struct fi_run *run)
{
    CHECK(run->kind == &fi_graph_read_kind);
    return (const struct fi_graph *)run;
}

/* ---- verifying ---- */

struct checking {
    const struct fi_graph *graph;
    void (*on_damage)(void *ctx, const char *text);
    void *ctx;
    const struct fi_step *step;
    int rc;
};

static bool
are_links_fine(const struct fi_graph *graph, const uint8_t *list, size_t width)
{
    bool is_end = false;
    bool is_fine = true;
    for (size_t k = 0; k < width; k++) {
        uint32_t node = fi_graph_link(list, k);
        is_fine = is_fine && (node == FI_GRAPH_NONE || (node < graph->count && !is_end));
        is_end = is_end || node == FI_GRAPH_NONE;
    }
    return is_fine;
}

static void
graph_read_report(struct checking *checking, int rc, const firn_error *found)
{
    if (rc == FIRN_CORRUPT || rc == FIRN_NEWER || rc == FIRN_IO) {
        checking->on_damage(checking->ctx, found->text);
        checking->rc = FIRN_CORRUPT;
    }
}

/* FIRN_OK too if there is damage, which is reported. */
static int
check_array(struct checking *checking, const struct fi_graph_array *array, bool are_links,
            firn_error *err)
{
    const struct fi_graph *graph = checking->graph;
    for (uint32_t block = 0; block < array->blocks; block++) {
        struct fi_block_pin pin;
        firn_error found;
        int rc = fi_graph_read_pinned(graph, array, block, FI_BLOCK_CACHE_SCAN, &pin, &found);
        if (rc == FIRN_OK) {
            for (size_t at = 0; are_links && rc == FIRN_OK && at < pin.size; at += array->stride) {
                if (!are_links_fine(graph, pin.data + at, graph->link_width)) {
                    rc = graph_read_refuse(graph, "a link of a graph leads nowhere", &found);
                }
            }
            int told = fi_step_report(checking->step, pin.size, 0, err);
            fi_block_cache_unpin(graph->cache, &pin);
            if (told != FIRN_OK) {
                return told;
            }
        }
        graph_read_report(checking, rc, &found);
        if (rc == FIRN_NO_MEMORY) {
            return fi_error_no_memory(err, "a graph");
        }
    }
    return FIRN_OK;
}

static void
check_upper(struct checking *checking)
{
    const struct fi_graph *graph = checking->graph;
    firn_error found;
    for (uint32_t i = 0; i < graph->upper_count; i++) {
        for (uint32_t list = graph->upper_starts[i]; list < graph->upper_starts[i + 1]; list++) {
            const uint32_t *links = graph->upper_links + (size_t)list * graph->parameters.m;
            uint32_t level = list - graph->upper_starts[i] + 1;
            bool is_fine = are_links_fine(graph, (const uint8_t *)links, graph->parameters.m);
            for (size_t k = 0; k < graph->parameters.m && links[k] != FI_GRAPH_NONE; k++) {
                uint32_t place = fi_graph_find_upper(graph, links[k]);
                is_fine = is_fine && place < graph->upper_count &&
                          graph->upper_starts[place + 1] - graph->upper_starts[place] >= level;
            }
            if (!is_fine) {
                graph_read_report(
                    checking, graph_read_refuse(graph, "a link of a graph leads nowhere", &found),
                    &found);
                return;
            }
        }
    }
}

static int
graph_check(struct fi_run *run, void (*on_damage)(void *ctx, const char *text), void *ctx,
            const struct fi_step *step, firn_error *err)
{
    struct checking checking = {fi_graph_read_of(run), on_damage, ctx, step, FIRN_OK};
    int rc;
    FI_TRY(check_array(&checking, &checking.graph->codes, false, err));
    FI_TRY(check_array(&checking, &checking.graph->links, true, err));
    FI_TRY(check_array(&checking, &checking.graph->vectors, false, err));
    check_upper(&checking);
    rc = checking.rc;
    if (rc != FIRN_OK) {
        rc = fi_error_set(err, rc, "'%s': a graph is damaged",
                          fi_block_reader_path(checking.graph->reader));
    }
out:
    return rc;
}

const struct fi_run_kind fi_graph_read_kind = {
    .name = "graph",
    .file_kind = FI_BLOCK_FILE_VECTOR,
    .open = graph_open,
    .close = graph_close,
    .summary = graph_summary,
    .check = graph_check,
};
