/* SPDX-License-Identifier: Apache-2.0
 *
 * graph/graph_write.c: the file of a graph that was built.
 *
 * Codes, links and vectors come first, block after block, so the place of the first block
 * determines the places of all; the header, which contains these places, comes after them. One
 * thread writes, so that the blocks are contiguous.
 *
 * (I1) Of two arrays of blocks each block begins where the one before ends (checked).
 */
#include "graph/graph_internal.h"

#include "base/buf.h"
#include "base/check.h"

static int
add_block(struct firn_block_writer *writer, firn_slice bytes, uint32_t section, firn_error *err)
{
    DCHECK(bytes.size > 0 && bytes.size <= UINT32_MAX);
    struct firn_block_ref ref;
    FIRN_TRY_RETURN(
        firn_block_writer_add(writer, FIRN_CODEC_NONE, bytes, (uint32_t)bytes.size, &ref, err));
    return firn_block_writer_add_section(writer, section, &ref, err);
}

/* A stream of bytes in parts. */
static int
add_stream(struct firn_block_writer *writer, const struct firn_buf *bytes, uint32_t section,
           firn_error *err)
{
    for (size_t at = 0; at < bytes->size; at += FIRN_GRAPH_PART_SIZE) {
        size_t left = bytes->size - at;
        size_t size = left < FIRN_GRAPH_PART_SIZE ? left : FIRN_GRAPH_PART_SIZE;
        FIRN_TRY_RETURN(add_block(writer, firn_bytes(bytes->data + at, size), section, err));
    }
    return FIRN_OK;
}

/* Records that are gathered into blocks. */
struct blocks {
    struct firn_block_writer *writer;
    size_t size; /* of a full block */
    struct firn_buf bytes;
    uint64_t expected;    /* where the next one begins; 0: it is the first */
    uint64_t *out_offset; /* of the first one */
};

static int
flush_block(struct blocks *blocks, firn_error *err)
{
    struct firn_block_ref ref;
    DCHECK(blocks->bytes.size <= blocks->size);
    if (blocks->bytes.size == 0) {
        return FIRN_OK;
    }
    FIRN_TRY_RETURN(firn_block_writer_add(blocks->writer, FIRN_CODEC_NONE,
                                          firn_buf_slice(&blocks->bytes),
                                          (uint32_t)blocks->bytes.size, &ref, err));
    CHECK(blocks->expected == 0 || ref.offset == blocks->expected); /* (I1) */
    *blocks->out_offset = blocks->expected == 0 ? ref.offset : *blocks->out_offset;
    blocks->expected = ref.offset + firn_block_reader_span(&ref);
    firn_buf_clear(&blocks->bytes);
    return FIRN_OK;
}

static int
add_record(struct blocks *blocks, const uint8_t *record, size_t size, firn_error *err)
{
    DCHECK(blocks->bytes.size + size <= blocks->size);
    if (firn_buf_append(&blocks->bytes, record, size) != FIRN_OK) {
        return firn_error_no_memory(err, "a graph");
    }
    return blocks->bytes.size == blocks->size ? flush_block(blocks, err) : FIRN_OK;
}

/* Writes an array of records of stride bytes, of which the file has `size` each. */
static int
add_array(struct firn_block_writer *writer, const struct firn_graph *graph,
          const struct firn_graph_array *array, size_t size, uint64_t *out_offset, firn_error *err)
{
    struct blocks blocks = {writer, firn_graph_per_block(size) * size, {0}, 0, out_offset};
    int rc = FIRN_OK;
    DCHECK(size <= array->stride);
    *out_offset = 0;
    for (uint32_t node = 0; node < graph->count; node++) {
        FIRN_TRY(add_record(&blocks, firn_graph_array_at(array, node), size, err));
    }
    FIRN_TRY(flush_block(&blocks, err));
out:
    firn_buf_deinit(&blocks.bytes);
    return rc;
}

/* The vectors of the nodes, in their order. */
static int
add_vectors(struct firn_block_writer *writer, const struct firn_graph *graph,
            const struct firn_graph_source *source, uint64_t *out_offset, firn_error *err)
{
    const uint8_t *vectors[FIRN_GRAPH_READ_MAX];
    size_t size = 4 * (size_t)graph->parameters.dimensions;
    struct blocks blocks = {writer, firn_graph_per_block(size) * size, {0}, 0, out_offset};
    uint32_t node = 0;
    int rc = FIRN_OK;
    *out_offset = 0;
    for (uint64_t first = 0; first < graph->rows;) {
        size_t count = firn_graph_step(graph, graph->rows - first);
        FIRN_TRY(source->read(source->ctx, first, count, vectors, err));
        for (size_t i = 0; i < count; i++) {
            uint64_t row = graph->rows_of == NULL ? node : graph->rows_of[node];
            if (node < graph->count && row == first + i) {
                CHECK(vectors[i] != NULL);
                FIRN_TRY(add_record(&blocks, vectors[i], size, err));
                node++;
            }
        }
        first += count;
    }
    CHECK(node == graph->count);
    FIRN_TRY(flush_block(&blocks, err));
out:
    firn_buf_deinit(&blocks.bytes);
    return rc;
}

static int
put_f64(struct firn_buf *out, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    return firn_buf_append_le64(out, bits);
}

static int
put_le16(struct firn_buf *out, uint16_t value)
{
    const uint8_t bytes[2] = {(uint8_t)value, (uint8_t)(value >> 8)};
    return firn_buf_append(out, bytes, sizeof bytes);
}

static int
put_widths(const struct firn_graph_widths *widths, struct firn_buf *out)
{
    DCHECK(widths->count <= FIRN_GRAPH_WIDTHS_MAX);
    FIRN_TRY_RETURN(firn_buf_append_le32(out, widths->count));
    for (uint32_t i = 0; i < widths->count; i++) {
        const struct firn_graph_width *width = &widths->all[i];
        DCHECK(width->ef <= FIRN_GRAPH_EF_MAX && (i == 0 || width->ef > width[-1].ef));
        FIRN_TRY_RETURN(firn_buf_append_le32(out, width->ef));
        FIRN_TRY_RETURN(firn_buf_append_le32(out, width->compared));
        for (size_t r = 0; r < FIRN_GRAPH_RECALLS; r++) {
            DCHECK(i == 0 || width->recalls[r] >= width[-1].recalls[r]);
            FIRN_TRY_RETURN(put_le16(out, width->recalls[r]));
        }
        FIRN_TRY_RETURN(put_le16(out, 0));
    }
    return FIRN_OK;
}

static int
put_header(const struct firn_graph *graph, const uint64_t offsets[3], struct firn_buf *out)
{
    const struct firn_graph_parameters *parameters = &graph->parameters;
    DCHECK(out->size == 0 && graph->count <= graph->rows);
    FIRN_TRY_RETURN(firn_buf_append_le32(
        out, graph->widths.is_measured ? FIRN_GRAPH_VERSION : FIRN_GRAPH_VERSION_UNMEASURED));
    FIRN_TRY_RETURN(firn_buf_append_u8(out, (uint8_t)parameters->metric));
    FIRN_TRY_RETURN(firn_buf_append_u8(out, (uint8_t)graph->top_level));
    FIRN_TRY_RETURN(put_le16(out, (uint16_t)parameters->m));
    FIRN_TRY_RETURN(firn_buf_append_le32(out, parameters->dimensions));
    FIRN_TRY_RETURN(firn_buf_append_le32(out, parameters->column));
    FIRN_TRY_RETURN(firn_buf_append_le32(out, parameters->ef_construction));
    FIRN_TRY_RETURN(firn_buf_append_le32(out, graph->count));
    FIRN_TRY_RETURN(firn_buf_append_le64(out, parameters->seed));
    FIRN_TRY_RETURN(firn_buf_append_le64(out, graph->rows));
    FIRN_TRY_RETURN(firn_buf_append_le32(out, graph->entry));
    FIRN_TRY_RETURN(firn_buf_append_le32(out, graph->upper_count));
    FIRN_TRY_RETURN(firn_buf_append_le32(out, graph->upper_starts[graph->upper_count]));
    FIRN_TRY_RETURN(
        firn_buf_append_le32(out, graph->count == graph->rows ? 0 : FIRN_GRAPH_FLAG_ROWS));
    FIRN_TRY_RETURN(firn_buf_append_le32(out, graph->codes.stride));
    FIRN_TRY_RETURN(firn_buf_append_le32(out, graph->twin_count));
    FIRN_TRY_RETURN(put_f64(out, graph->scale));
    FIRN_TRY_RETURN(put_f64(out, 0));
    for (size_t i = 0; i < 3; i++) {
        FIRN_TRY_RETURN(firn_buf_append_le64(out, offsets[i]));
    }
    DCHECK(out->size == FIRN_GRAPH_HEADER_SIZE);
    FIRN_TRY_RETURN(firn_buf_append(out, graph->mean, graph->numbers * sizeof *graph->mean));
    return graph->widths.is_measured ? put_widths(&graph->widths, out) : FIRN_OK;
}

static int
put_upper(const struct firn_graph *graph, struct firn_buf *out)
{
    size_t count = graph->upper_count;
    size_t lists = graph->upper_starts[count];
    FIRN_TRY_RETURN(firn_buf_append(out, graph->upper_nodes, count * sizeof *graph->upper_nodes));
    for (size_t i = 0; i < count; i++) {
        uint32_t levels = graph->upper_starts[i + 1] - graph->upper_starts[i];
        DCHECK(levels <= UINT8_MAX);
        FIRN_TRY_RETURN(firn_buf_append_u8(out, (uint8_t)levels));
    }
    return firn_buf_append(out, graph->upper_links,
                           lists * graph->parameters.m * sizeof *graph->upper_links);
}

int
firn_graph_write(const struct firn_graph *graph, const struct firn_graph_source *source,
                 struct firn_os_dir *dir, const char *name, uint64_t *out_bytes,
                 uint64_t *out_identity, firn_error *err)
{
    struct firn_block_writer *writer = NULL;
    struct firn_buf bytes = {0};
    uint64_t offsets[3]; /* of codes, links and vectors */
    int rc;
    DCHECK(graph->reader == NULL && source->rows == graph->rows);
    FIRN_TRY(firn_block_writer_create(dir, name, FIRN_BLOCK_FILE_VECTOR, &writer, err));
    FIRN_TRY(add_array(writer, graph, &graph->codes, graph->codes.stride, &offsets[0], err));
    FIRN_TRY(
        add_array(writer, graph, &graph->links, 8 * (size_t)graph->parameters.m, &offsets[1], err));
    FIRN_TRY(add_vectors(writer, graph, source, &offsets[2], err));
    if (put_header(graph, offsets, &bytes) != FIRN_OK) {
        rc = firn_error_no_memory(err, "a graph");
        goto out;
    }
    FIRN_TRY(add_block(writer, firn_buf_slice(&bytes), FIRN_GRAPH_SECTION_HEADER, err));
    firn_buf_clear(&bytes);
    if (put_upper(graph, &bytes) != FIRN_OK) {
        rc = firn_error_no_memory(err, "a graph");
        goto out;
    }
    FIRN_TRY(add_stream(writer, &bytes, FIRN_GRAPH_SECTION_UPPER, err));
    if (graph->rows_of != NULL) {
        const struct firn_buf rows = {.data = (uint8_t *)graph->rows_of,
                                      .size = (size_t)graph->count * sizeof *graph->rows_of};
        FIRN_TRY(add_stream(writer, &rows, FIRN_GRAPH_SECTION_ROWS, err));
    }
    firn_buf_clear(&bytes);
    size_t twins_size = graph->twin_count * sizeof *graph->twin_nodes;
    if (graph->twin_count > 0 &&
        (firn_buf_append(&bytes, graph->twin_nodes, twins_size) != FIRN_OK ||
         firn_buf_append(&bytes, graph->twin_rows, twins_size) != FIRN_OK)) {
        rc = firn_error_no_memory(err, "a graph");
        goto out;
    }
    FIRN_TRY(add_stream(writer, &bytes, FIRN_GRAPH_SECTION_TWINS, err));
    *out_identity = firn_load_le64(firn_block_writer_id(writer)->bytes);
    rc = firn_block_writer_finish(writer, out_bytes, err);
out:
    firn_buf_deinit(&bytes);
    firn_block_writer_destroy(writer);
    return rc;
}
