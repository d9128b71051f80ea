/* SPDX-License-Identifier: Apache-2.0
 *
 * graph/graph_write.c: the file of a graph that was built.
 *
 * Codes, links and vectors come first, block after block, so the place of the first block
 * determines the places of all; the header, which contains these places, comes after them. One
 * thread writes, so that the blocks are contiguous.
 *
 * Vectors come in the order of rows. If nodes are in lists, the source is read several times, and
 * each time the vectors of some megabytes of nodes are put in order.
 *
 * (I1) Of two arrays of blocks each block begins where the one before ends (checked).
 */
#include "graph/graph_internal.h"

#include "base/buf.h"
#include "base/check.h"
#include "base/mem.h"

enum { SORTED_BYTES = 8 << 20 }; /* of vectors at a time */

static int
add_block(struct fi_block_writer *writer, firn_slice bytes, uint32_t section, firn_error *err)
{
    DCHECK(bytes.size > 0 && bytes.size <= UINT32_MAX);
    struct fi_block_ref ref;
    FI_TRY_RETURN(
        fi_block_writer_add(writer, FI_CODEC_NONE, bytes, (uint32_t)bytes.size, &ref, err));
    return fi_block_writer_add_section(writer, section, &ref, err);
}

/* A stream of bytes in parts. */
static int
add_stream(struct fi_block_writer *writer, const struct fi_buf *bytes, uint32_t section,
           firn_error *err)
{
    for (size_t at = 0; at < bytes->size; at += FI_GRAPH_PART_SIZE) {
        size_t left = bytes->size - at;
        size_t size = left < FI_GRAPH_PART_SIZE ? left : FI_GRAPH_PART_SIZE;
        FI_TRY_RETURN(add_block(writer, firn_bytes(bytes->data + at, size), section, err));
    }
    return FIRN_OK;
}

/* Records that are gathered into blocks. */
struct blocks {
    struct fi_block_writer *writer;
    size_t size; /* of a full block */
    struct fi_buf bytes;
    uint64_t expected;    /* where the next one begins; 0: it is the first */
    uint64_t *out_offset; /* of the first one */
};

static int
flush_block(struct blocks *blocks, firn_error *err)
{
    struct fi_block_ref ref;
    DCHECK(blocks->bytes.size <= blocks->size);
    if (blocks->bytes.size == 0) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_block_writer_add(blocks->writer, FI_CODEC_NONE, fi_buf_slice(&blocks->bytes),
                                      (uint32_t)blocks->bytes.size, &ref, err));
    CHECK(blocks->expected == 0 || ref.offset == blocks->expected); /* (I1) */
    *blocks->out_offset = blocks->expected == 0 ? ref.offset : *blocks->out_offset;
    blocks->expected = ref.offset + fi_block_reader_span(&ref);
    fi_buf_clear(&blocks->bytes);
    return FIRN_OK;
}

static int
add_record(struct blocks *blocks, const uint8_t *record, size_t size, firn_error *err)
{
    DCHECK(blocks->bytes.size + size <= blocks->size);
    if (fi_buf_append(&blocks->bytes, record, size) != FIRN_OK) {
        return fi_error_no_memory(err, "a graph");
    }
    return blocks->bytes.size == blocks->size ? flush_block(blocks, err) : FIRN_OK;
}

/* Writes an array of records of stride bytes, of which the file has `size` each. */
static int
add_array(struct fi_block_writer *writer, const struct fi_graph *graph,
          const struct fi_graph_array *array, size_t size, uint64_t *out_offset, firn_error *err)
{
    struct blocks blocks = {writer, fi_graph_per_block(size) * size, {0}, 0, out_offset};
    int rc = FIRN_OK;
    DCHECK(size <= array->stride);
    *out_offset = 0;
    for (uint32_t node = 0; node < graph->count; node++) {
        FI_TRY(add_record(&blocks, fi_graph_array_at(array, node), size, err));
    }
    FI_TRY(flush_block(&blocks, err));
out:
    fi_buf_deinit(&blocks.bytes);
    return rc;
}

/* Vectors of nodes that are in lists. */
struct sorted {
    uint32_t *node_of; /* of each row; FI_GRAPH_NONE: it has none */
    uint8_t *vectors;  /* of the nodes from `first` on */
    uint32_t first;
    uint32_t end;
};

static int
read_sorted(const struct fi_graph *graph, const struct fi_graph_source *source,
            const struct sorted *sorted, firn_error *err)
{
    const uint8_t *vectors[FI_GRAPH_READ_MAX];
    const size_t size = 4 * (size_t)graph->parameters.dimensions;
    uint32_t found = 0;
    for (uint64_t first = 0; first < graph->rows;) {
        size_t count = fi_graph_step(graph, graph->rows - first);
        FI_TRY_RETURN(source->read(source->ctx, first, count, vectors, err));
        for (size_t i = 0; i < count; i++) {
            const uint32_t node = sorted->node_of[first + i];
            if (node >= sorted->first && node < sorted->end) {
                CHECK(vectors[i] != NULL);
                memcpy(sorted->vectors + (node - sorted->first) * size, vectors[i], size);
                found++;
            }
        }
        first += count;
    }
    CHECK(found == sorted->end - sorted->first);
    return FIRN_OK;
}

static int
add_sorted_vectors(struct fi_block_writer *writer, const struct fi_graph *graph,
                   const struct fi_graph_source *source, uint64_t *out_offset, firn_error *err)
{
    const size_t size = 4 * (size_t)graph->parameters.dimensions;
    const uint32_t step = SORTED_BYTES / (uint32_t)size + 1;
    struct blocks blocks = {writer, fi_graph_per_block(size) * size, {0}, 0, out_offset};
    struct sorted sorted = {.node_of = fi_alloc_array((size_t)graph->rows + 1, 4),
                            .vectors = fi_alloc_array(step, size)};
    int rc = FIRN_OK;
    *out_offset = 0;
    if (sorted.node_of == NULL || sorted.vectors == NULL) {
        rc = fi_error_no_memory(err, "a graph");
        goto out;
    }
    memset(sorted.node_of, 0xff, (size_t)graph->rows * sizeof *sorted.node_of);
    for (uint32_t node = 0; node < graph->count; node++) {
        sorted.node_of[graph->rows_of[node]] = node;
    }
    for (; sorted.first < graph->count; sorted.first = sorted.end) {
        const uint32_t left = graph->count - sorted.first;
        sorted.end = sorted.first + (left < step ? left : step);
        FI_TRY(read_sorted(graph, source, &sorted, err));
        for (uint32_t node = sorted.first; node < sorted.end; node++) {
            FI_TRY(add_record(&blocks, sorted.vectors + (node - sorted.first) * size, size, err));
        }
    }
    FI_TRY(flush_block(&blocks, err));
out:
    fi_free(sorted.node_of);
    fi_free(sorted.vectors);
    fi_buf_deinit(&blocks.bytes);
    return rc;
}

/* The vectors of the nodes, in their order. */
static int
add_vectors(struct fi_block_writer *writer, const struct fi_graph *graph,
            const struct fi_graph_source *source, uint64_t *out_offset, firn_error *err)
{
    const uint8_t *vectors[FI_GRAPH_READ_MAX];
    size_t size = 4 * (size_t)graph->parameters.dimensions;
    struct blocks blocks = {writer, fi_graph_per_block(size) * size, {0}, 0, out_offset};
    uint32_t node = 0;
    int rc = FIRN_OK;
    *out_offset = 0;
    for (uint64_t first = 0; first < graph->rows;) {
        size_t count = fi_graph_step(graph, graph->rows - first);
        FI_TRY(source->read(source->ctx, first, count, vectors, err));
        for (size_t i = 0; i < count; i++) {
            uint64_t row = graph->rows_of == NULL ? node : graph->rows_of[node];
            if (node < graph->count && row == first + i) {
                CHECK(vectors[i] != NULL);
                FI_TRY(add_record(&blocks, vectors[i], size, err));
                node++;
            }
        }
        first += count;
    }
    CHECK(node == graph->count);
    FI_TRY(flush_block(&blocks, err));
out:
    fi_buf_deinit(&blocks.bytes);
    return rc;
}

static int
put_f64(struct fi_buf *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return fi_buf_append_le64(out, bits);
}

static int
put_le16(struct fi_buf *out, uint16_t value)
{
    const uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    return fi_buf_append(out, bytes, sizeof bytes);
}

static int
put_widths(const struct fi_graph_widths *widths, struct fi_buf *out)
{
    DCHECK(widths->count <= FI_GRAPH_WIDTHS_MAX);
    FI_TRY_RETURN(fi_buf_append_le32(out, widths->count));
    for (uint32_t i = 0; i < widths->count; i++) {
        const struct fi_graph_width *width = &widths->all[i];
        DCHECK(width->ef <= FI_GRAPH_EF_MAX && (i == 0 || width->ef > width[-1].ef));
        FI_TRY_RETURN(fi_buf_append_le32(out, width->ef));
        FI_TRY_RETURN(fi_buf_append_le32(out, width->compared));
        for (size_t r = 1; r <= FI_GRAPH_RECALLS; r++) { /* that for 1 is the last one */
            const size_t place = r % FI_GRAPH_RECALLS;
            DCHECK(i == 0 || width->recalls[place] >= width[-1].recalls[place]);
            FI_TRY_RETURN(put_le16(out, width->recalls[place]));
        }
    }
    return FIRN_OK;
}

static int
put_header(const struct fi_graph *graph, const uint64_t offsets[3], struct fi_buf *out)
{
    const struct fi_graph_parameters *parameters = &graph->parameters;
    DCHECK(out->size == 0 && graph->count <= graph->rows);
    FI_TRY_RETURN(fi_buf_append_le32(out, graph->is_listed ? FI_GRAPH_VERSION_LISTS
                                          : graph->widths.is_measured
                                              ? FI_GRAPH_VERSION
                                              : FI_GRAPH_VERSION_UNMEASURED));
    FI_TRY_RETURN(fi_buf_append_u8(out, (uint8_t)parameters->metric));
    FI_TRY_RETURN(fi_buf_append_u8(out, (uint8_t)graph->top_level));
    FI_TRY_RETURN(put_le16(out, (uint16_t)parameters->m));
    FI_TRY_RETURN(fi_buf_append_le32(out, parameters->dimensions));
    FI_TRY_RETURN(fi_buf_append_le32(out, parameters->column));
    FI_TRY_RETURN(fi_buf_append_le32(out, parameters->ef_construction));
    FI_TRY_RETURN(fi_buf_append_le32(out, graph->count));
    FI_TRY_RETURN(fi_buf_append_le64(out, parameters->seed));
    FI_TRY_RETURN(fi_buf_append_le64(out, graph->rows));
    FI_TRY_RETURN(fi_buf_append_le32(out, graph->entry));
    FI_TRY_RETURN(fi_buf_append_le32(out, graph->upper_count));
    FI_TRY_RETURN(fi_buf_append_le32(out, graph->upper_starts[graph->upper_count]));
    FI_TRY_RETURN(fi_buf_append_le32(out, graph->rows_of == NULL ? 0 : FI_GRAPH_FLAG_ROWS));
    FI_TRY_RETURN(fi_buf_append_le32(out, graph->codes.stride));
    FI_TRY_RETURN(fi_buf_append_le32(out, graph->twin_count));
    FI_TRY_RETURN(put_f64(out, graph->scale));
    FI_TRY_RETURN(put_f64(out, 0));
    for (size_t i = 0; i < 3; i++) {
        FI_TRY_RETURN(fi_buf_append_le64(out, offsets[i]));
    }
    DCHECK(out->size == FI_GRAPH_HEADER_SIZE);
    FI_TRY_RETURN(fi_buf_append(out, graph->mean, graph->numbers * sizeof *graph->mean));
    if (graph->widths.is_measured) {
        FI_TRY_RETURN(put_widths(&graph->widths, out));
    }
    return graph->is_listed ? fi_buf_append_le32(out, graph->list_count) : FIRN_OK;
}

static int
put_lists(const struct fi_graph *graph, struct fi_buf *out)
{
    const size_t count = graph->list_count;
    for (size_t i = 1; i <= count; i++) {
        FI_TRY_RETURN(fi_buf_append_le32(out, graph->list_starts[i]));
    }
    return fi_buf_append(out, graph->centers, count * graph->codes.stride);
}

static int
put_upper(const struct fi_graph *graph, struct fi_buf *out)
{
    size_t count = graph->upper_count;
    size_t lists = graph->upper_starts[count];
    FI_TRY_RETURN(fi_buf_append(out, graph->upper_nodes, count * sizeof *graph->upper_nodes));
    for (size_t i = 0; i < count; i++) {
        uint32_t levels = graph->upper_starts[i + 1] - graph->upper_starts[i];
        DCHECK(levels <= UINT8_MAX);
        FI_TRY_RETURN(fi_buf_append_u8(out, (uint8_t)levels));
    }
    return fi_buf_append(out, graph->upper_links,
                         lists * graph->parameters.m * sizeof *graph->upper_links);
}

int
fi_graph_write(const struct fi_graph *graph, const struct fi_graph_source *source,
               struct fi_os_dir *dir, const char *name, uint64_t *out_bytes, uint64_t *out_identity,
               firn_error *err)
{
    struct fi_block_writer *writer = NULL;
    struct fi_buf bytes = {0};
    uint64_t offsets[3]; /* of codes, links and vectors */
    int rc;
    DCHECK(graph->reader == NULL && source->rows == graph->rows);
    FI_TRY(fi_block_writer_create(dir, name, FI_BLOCK_FILE_VECTOR, &writer, err));
    FI_TRY(add_array(writer, graph, &graph->codes, graph->codes.stride, &offsets[0], err));
    if (graph->is_listed) {
        offsets[1] = 0;
        FI_TRY(add_sorted_vectors(writer, graph, source, &offsets[2], err));
    } else {
        FI_TRY(add_array(writer, graph, &graph->links, 8 * (size_t)graph->parameters.m, &offsets[1],
                         err));
        FI_TRY(add_vectors(writer, graph, source, &offsets[2], err));
    }
    if (put_header(graph, offsets, &bytes) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a graph");
        goto out;
    }
    FI_TRY(add_block(writer, fi_buf_slice(&bytes), FI_GRAPH_SECTION_HEADER, err));
    fi_buf_clear(&bytes);
    if (put_upper(graph, &bytes) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a graph");
        goto out;
    }
    FI_TRY(add_stream(writer, &bytes, FI_GRAPH_SECTION_UPPER, err));
    if (graph->rows_of != NULL) {
        const struct fi_buf rows = {.data = (uint8_t *)graph->rows_of,
                                    .size = (size_t)graph->count * sizeof *graph->rows_of};
        FI_TRY(add_stream(writer, &rows, FI_GRAPH_SECTION_ROWS, err));
    }
    fi_buf_clear(&bytes);
    size_t twins_size = graph->twin_count * sizeof *graph->twin_nodes;
    if (graph->twin_count > 0 && (fi_buf_append(&bytes, graph->twin_nodes, twins_size) != FIRN_OK ||
                                  fi_buf_append(&bytes, graph->twin_rows, twins_size) != FIRN_OK)) {
        rc = fi_error_no_memory(err, "a graph");
        goto out;
    }
    FI_TRY(add_stream(writer, &bytes, FI_GRAPH_SECTION_TWINS, err));
    fi_buf_clear(&bytes);
    if (put_lists(graph, &bytes) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a graph");
        goto out;
    }
    FI_TRY(add_stream(writer, &bytes, FI_GRAPH_SECTION_LISTS, err));
    *out_identity = fi_load_le64(fi_block_writer_id(writer)->bytes);
    rc = fi_block_writer_finish(writer, out_bytes, err);
out:
    fi_buf_deinit(&bytes);
    fi_block_writer_destroy(writer);
    return rc;
}
