/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk_encode.c: writing chunks.
 */
#include "chunk/chunk_encode.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "chunk/chunk_alp.h"
#include "chunk/chunk_bits.h"
#include "chunk/chunk_format.h"
#include "chunk/chunk_texts.h"

static inline bool
is_valid(const struct fi_chunk_values *values, size_t i)
{
    return values->valid == NULL || fi_chunk_has_bit(values->valid, i);
}

/* ---- bounds ---- */

static int
compare_cells(const struct fi_cell *a, const struct fi_cell *b)
{
    DCHECK(a->kind == b->kind && a->kind != FI_PHYSICAL_NONE);
    if (a->kind == FI_PHYSICAL_BYTES) {
        return fi_slice_compare(a->as.bytes, b->as.bytes);
    }
    uint64_t x = fi_chunk_rank(a->kind, fi_chunk_cell_bits(a));
    uint64_t y = fi_chunk_rank(b->kind, fi_chunk_cell_bits(b));
    return (x > y) - (x < y);
}

/* Cut bytes compare as whole ones do, or equal. */
static void
add_bounds(struct fi_chunk_bounds *all, const struct fi_chunk_bounds *bounds)
{
    all->null_count += bounds->null_count;
    all->has_nan |= bounds->has_nan;
    if (bounds->is_empty) {
        return;
    }
    if (all->is_empty || compare_cells(&bounds->min, &all->min) < 0) {
        all->min = bounds->min;
    }
    int order = all->is_empty ? 1 : compare_cells(&bounds->max, &all->max);
    if (order >= 0) {
        all->max = bounds->max;
        all->max_is_cut = bounds->max_is_cut || (order == 0 && all->max_is_cut);
    }
    all->is_empty = false;
}

static void
count_nulls(struct fi_chunk_encoder *encoder)
{
    const uint64_t *valid = encoder->values->valid;
    encoder->all = (struct fi_chunk_bounds){.is_empty = true};
    for (size_t i = 0; i < fi_chunk_block_count(&encoder->chunk); i++) {
        const size_t start = i * FI_CHUNK_BLOCK;
        struct fi_chunk_bounds *bounds = &encoder->bounds[i];
        *bounds = (struct fi_chunk_bounds){.is_empty = true};
        for (size_t k = 0; valid != NULL && k < fi_chunk_block_size(&encoder->chunk, i); k++) {
            bounds->null_count += !fi_chunk_has_bit(valid, start + k);
        }
        encoder->all.null_count += bounds->null_count;
    }
}

static void
find_block_bounds(struct fi_chunk_encoder *encoder)
{
    encoder->all = (struct fi_chunk_bounds){.is_empty = true};
    for (size_t i = 0; i < fi_chunk_block_count(&encoder->chunk); i++) {
        fi_chunk_bounds_of(encoder->values, i * FI_CHUNK_BLOCK,
                           fi_chunk_block_size(&encoder->chunk, i), &encoder->bounds[i]);
        add_bounds(&encoder->all, &encoder->bounds[i]);
    }
    DCHECK(encoder->all.null_count <= encoder->values->count);
}

/* ---- statistics ---- */

/* Bits of a number of the values; zeros of a null. */
static inline uint64_t
bits_at(const struct fi_chunk_values *values, size_t i)
{
    return is_valid(values, i) ? fi_chunk_value_bits(values, i) : 0;
}

/* Also where this file is made small: it is called for each value. */
static inline __attribute__((always_inline)) firn_slice
bytes_at(const struct fi_chunk_values *values, size_t i)
{
    DCHECK(values->kind == FI_PHYSICAL_BYTES && i < values->count);
    return is_valid(values, i) ? values->as.bytes[i] : firn_bytes("", 0);
}

/* The first value that is not null; count where all are. */
static size_t
first_valid(const struct fi_chunk_values *values)
{
    size_t i = 0;
    while (i < values->count && !is_valid(values, i)) {
        i++;
    }
    return i;
}

static bool
is_constant(const struct fi_chunk_values *values)
{
    size_t first = first_valid(values);
    for (size_t i = first + 1; i < values->count; i++) {
        if (!is_valid(values, i)) {
            continue;
        }
        if (values->kind == FI_PHYSICAL_BYTES
                ? !fi_slice_equal(values->as.bytes[first], values->as.bytes[i])
                : bits_at(values, first) != bits_at(values, i)) {
            return false;
        }
    }
    return true;
}

/* ---- parts and blocks of each encoding ---- */

static int
put_number(struct fi_buf *out, enum fi_physical kind, uint64_t bits)
{
    DCHECK(kind != FI_PHYSICAL_NONE && kind != FI_PHYSICAL_BYTES);
    return kind == FI_PHYSICAL_F32 ? fi_buf_append_le32(out, (uint32_t)bits)
                                   : fi_buf_append_le64(out, bits);
}

static int
put_constant(struct fi_chunk_encoder *encoder)
{
    const struct fi_chunk_values *values = encoder->values;
    size_t first = first_valid(values);
    int rc = FIRN_OK;
    if (encoder->chunk.parts.is_all_null) {
        DCHECK(first == values->count);
        return FIRN_OK;
    }
    DCHECK(first < values->count);
    if (values->kind != FI_PHYSICAL_BYTES) {
        return put_number(encoder->out, values->kind, bits_at(values, first));
    }
    firn_slice value = values->as.bytes[first];
    if (values->fixed_size == 0) {
        rc = fi_buf_append_le32(encoder->out, (uint32_t)value.size);
    }
    return rc == FIRN_OK ? fi_buf_append_slice(encoder->out, value) : rc;
}

static int
put_plain_numbers(struct fi_chunk_encoder *encoder, size_t start, size_t count)
{
    int rc = FIRN_OK;
    for (size_t i = start; rc == FIRN_OK && i < start + count; i++) {
        rc = put_number(encoder->out, encoder->values->kind, bits_at(encoder->values, i));
    }
    return rc;
}

static int
put_plain_bytes(struct fi_chunk_encoder *encoder, size_t start, size_t count, unsigned *out_width)
{
    const struct fi_chunk_values *values = encoder->values;
    static const uint8_t zeros[256] = {0};
    uint64_t sizes[FI_CHUNK_BLOCK];
    int rc = FIRN_OK;
    if (values->fixed_size == 0) {
        for (size_t i = 0; i < count; i++) {
            sizes[i] = bytes_at(values, start + i).size;
        }
        rc = fi_chunk_put_sizes(encoder->out, sizes, count, out_width);
    }
    for (size_t i = start; rc == FIRN_OK && i < start + count; i++) {
        firn_slice value = bytes_at(values, i);
        DCHECK(values->fixed_size == 0 || value.size == 0 || value.size == values->fixed_size);
        rc = fi_buf_append_slice(encoder->out, value);
        /* A null has the room of a value, where all have the same. */
        for (size_t left = values->fixed_size; rc == FIRN_OK && value.size < left;) {
            size_t size = left - value.size < sizeof zeros ? left - value.size : sizeof zeros;
            rc = fi_buf_append(encoder->out, zeros, size);
            left -= size;
        }
    }
    return rc;
}

static bool
has_codes(const struct fi_chunk *chunk)
{
    return chunk->encoding == FI_ENCODING_FRAME || chunk->encoding == FI_ENCODING_DELTA ||
           chunk->encoding == FI_ENCODING_RLE || chunk->encoding == FI_ENCODING_DICTIONARY;
}

static const uint64_t *
codes_of(const struct fi_chunk_encoder *encoder)
{
    DCHECK(has_codes(&encoder->chunk));
    return encoder->chunk.encoding == FI_ENCODING_DICTIONARY ? encoder->dictionary.codes
                                                             : encoder->codes;
}

static const struct fi_chunk_encode_codes_cost *
cost_of_codes(const struct fi_chunk_encoder *encoder)
{
    return encoder->chunk.encoding == FI_ENCODING_DICTIONARY ? &encoder->dictionary_cost
                                                             : &encoder->codes_cost;
}

/* What the encoding says of all blocks. */
static int
put_part(struct fi_chunk_encoder *encoder)
{
    int rc;
    switch (encoder->chunk.encoding) {
    case FI_ENCODING_CONSTANT:
        return put_constant(encoder);
    case FI_ENCODING_DICTIONARY:
        return fi_chunk_dictionary_put(encoder->values, &encoder->dictionary, encoder->out);
    case FI_ENCODING_FRAME:
    case FI_ENCODING_DELTA:
    case FI_ENCODING_RLE:
        rc = fi_buf_append_le64(encoder->out, encoder->chunk.parts.minimum);
        return rc == FIRN_OK ? fi_buf_append_le64(encoder->out, encoder->chunk.parts.divisor) : rc;
    case FI_ENCODING_FSST:
        return fi_chunk_fsst_put_table(encoder->table, encoder->out);
    case FI_ENCODING_ALP:
        rc = fi_buf_append_u8(encoder->out, encoder->powers.exponent);
        return rc == FIRN_OK ? fi_buf_append_u8(encoder->out, encoder->powers.factor) : rc;
    default:
        return FIRN_OK;
    }
}

static int
put_data(struct fi_chunk_encoder *encoder, size_t start, struct fi_chunk_block *view)
{
    const struct fi_chunk *chunk = &encoder->chunk;
    if (has_codes(chunk)) {
        return fi_chunk_encode_codes_block(chunk, codes_of(encoder) + start,
                                           &cost_of_codes(encoder)->stats[start / FI_CHUNK_BLOCK],
                                           view, encoder->out);
    }
    if (chunk->encoding == FI_ENCODING_CONSTANT) {
        return FIRN_OK;
    }
    if (chunk->encoding == FI_ENCODING_ALP) {
        return fi_chunk_alp_put(encoder->values, encoder->powers, start, view->count, &view->width,
                                encoder->out);
    }
    if (chunk->encoding == FI_ENCODING_FSST) {
        return fi_chunk_fsst_put(encoder->values, encoder->table, start, view->count, &view->width,
                                 encoder->out);
    }
    if (chunk->encoding == FI_ENCODING_FRONT) {
        return fi_chunk_front_put(encoder->values, start, view->count, &view->width, encoder->out);
    }
    return chunk->kind == FI_PHYSICAL_BYTES
               ? put_plain_bytes(encoder, start, view->count, &view->width)
               : put_plain_numbers(encoder, start, view->count);
}

/* ---- bounds of what has codes ---- */

/* The codes of a block are its bounds. Those of the chunk are what the smallest and the largest
 * code stand for, so the values need not be looked at. Requires: numbers are whole, as others may
 * be NaN. */
static void
take_code_bounds(struct fi_chunk_encoder *encoder)
{
    const struct fi_chunk *chunk = &encoder->chunk;
    struct fi_chunk_bounds *all = &encoder->all;
    DCHECK(has_codes(chunk) && !fi_chunk_is_float(chunk->kind));
    all->is_empty = false;
    if (chunk->encoding == FI_ENCODING_DICTIONARY) {
        const struct fi_chunk_dictionary *dictionary = &encoder->dictionary;
        struct fi_chunk_bounds one;
        DCHECK(dictionary->count > 0);
        fi_chunk_bounds_of(encoder->values, dictionary->entries[0], 1, &one);
        all->min = one.min;
        fi_chunk_bounds_of(encoder->values, dictionary->entries[dictionary->count - 1], 1, &one);
        all->max = one.max;
        all->max_is_cut = one.max_is_cut;
        return;
    }
    const uint64_t low = chunk->parts.minimum;
    const uint64_t high = low + encoder->codes_cost.high * chunk->parts.divisor;
    all->min = fi_chunk_cell_of(chunk->kind, fi_chunk_unorder(chunk->kind, low));
    all->max = fi_chunk_cell_of(chunk->kind, fi_chunk_unorder(chunk->kind, high));
}

static void
find_bounds(struct fi_chunk_encoder *encoder)
{
    if (has_codes(&encoder->chunk) && !fi_chunk_is_float(encoder->chunk.kind)) {
        take_code_bounds(encoder);
    } else {
        find_block_bounds(encoder);
    }
}

/* ---- a chunk ---- */

static uint8_t
flags_of(const struct fi_chunk *chunk)
{
    return (uint8_t)((chunk->parts.has_nulls ? FI_CHUNK_FORMAT_NULLS : 0) |
                     (chunk->parts.is_all_null ? FI_CHUNK_FORMAT_ALL_NULL : 0));
}

/* The length of the longest bound of a block. */
static uint8_t
longest_bound(const struct fi_chunk_encoder *encoder)
{
    size_t size = 0;
    for (size_t i = 0; i < fi_chunk_block_count(&encoder->chunk); i++) {
        if (!encoder->bounds[i].is_empty) {
            size_t min = encoder->bounds[i].min.as.bytes.size;
            size_t max = encoder->bounds[i].max.as.bytes.size;
            size = size < min ? min : size;
            size = size < max ? max : size;
        }
    }
    DCHECK(size <= FI_CHUNK_BOUND_SIZE);
    return (uint8_t)size;
}

static int
put_mask(struct fi_chunk_encoder *encoder, size_t start, size_t count)
{
    uint8_t mask[FI_CHUNK_BLOCK / 8] = {0};
    DCHECK(count <= FI_CHUNK_BLOCK && start + count <= encoder->values->count);
    for (size_t i = 0; i < count; i++) {
        mask[i / 8] |= (uint8_t)(is_valid(encoder->values, start + i) << i % 8);
    }
    return fi_buf_append(encoder->out, mask, (count + 7) / 8);
}

static uint8_t *
put_bytes_bound(uint8_t *at, firn_slice bytes, size_t room)
{
    DCHECK(bytes.size <= room);
    memcpy(at, bytes.data, bytes.size);
    return at + room;
}

static uint8_t *
put_bounds(const struct fi_chunk_encoder *encoder, const struct fi_chunk_bounds *bounds,
           uint8_t *at)
{
    const struct fi_chunk *chunk = &encoder->chunk;
    if (chunk->kind == FI_PHYSICAL_BYTES) {
        size_t room = chunk->parts.field_size;
        if (!bounds->is_empty) {
            at[0] = (uint8_t)bounds->min.as.bytes.size;
            at[1] = (uint8_t)(bounds->max.as.bytes.size |
                              (bounds->max_is_cut ? FI_CHUNK_FORMAT_CUT : 0));
            put_bytes_bound(at + 2, bounds->min.as.bytes, room);
            put_bytes_bound(at + 2 + room, bounds->max.as.bytes, room);
        }
        return at + 2 + 2 * room;
    }
    size_t size = fi_chunk_number_size(chunk->kind);
    if (fi_chunk_is_float(chunk->kind)) {
        *at++ = (uint8_t)((bounds->is_empty ? FI_CHUNK_FORMAT_EMPTY : 0) |
                          (bounds->has_nan ? FI_CHUNK_FORMAT_NAN : 0));
    }
    if (!bounds->is_empty) {
        uint64_t min = fi_chunk_cell_bits(&bounds->min);
        uint64_t max = fi_chunk_cell_bits(&bounds->max);
        memcpy(at, &min, size);
        memcpy(at + size, &max, size);
    }
    return at + 2 * size;
}

/* Fills a block's record; its end is that of what was written. */
static void
put_record(struct fi_chunk_encoder *encoder, size_t block, const struct fi_chunk_block *view,
           size_t chunk_start)
{
    const struct fi_chunk *chunk = &encoder->chunk;
    const struct fi_chunk_bounds *bounds = &encoder->bounds[block];
    uint8_t *start =
        encoder->out->data + chunk_start + chunk->parts.records + block * chunk->parts.record_size;
    uint8_t *at = start;
    DCHECK(block < FI_CHUNK_BLOCKS_MAX && encoder->out->size - chunk_start >= chunk->parts.data);
    fi_store_le32(at, (uint32_t)(encoder->out->size - chunk_start - chunk->parts.data));
    at += 4;
    if (chunk->parts.has_nulls) {
        fi_store_le16(at, (uint16_t)bounds->null_count);
        at += 2;
    }
    if (chunk->encoding == FI_ENCODING_CONSTANT) {
        return;
    }
    if (fi_chunk_has_width(chunk)) {
        *at++ = (uint8_t)view->width;
    }
    if (has_codes(chunk)) {
        size_t size = chunk->parts.field_size;
        memcpy(at, &view->low, size);
        memcpy(at + size, &view->high, size);
        at += 2 * size;
    }
    if (!has_codes(chunk) || fi_chunk_is_float(chunk->kind)) {
        at = put_bounds(encoder, bounds, at);
    }
    CHECK(at == start + chunk->parts.record_size);
}

static int
put_block(struct fi_chunk_encoder *encoder, size_t block, size_t chunk_start)
{
    const struct fi_chunk_bounds *bounds = &encoder->bounds[block];
    size_t start = block * FI_CHUNK_BLOCK;
    struct fi_chunk_block view = {.count = fi_chunk_block_size(&encoder->chunk, block)};
    int rc = FIRN_OK;
    if (bounds->null_count > 0 && bounds->null_count < view.count) {
        rc = put_mask(encoder, start, view.count);
    }
    rc = rc == FIRN_OK ? put_data(encoder, start, &view) : rc;
    if (rc == FIRN_OK) {
        put_record(encoder, block, &view, chunk_start);
    }
    return rc;
}

static int
put_zeros(struct fi_buf *out, size_t size)
{
    size_t start = out->size;
    int rc = fi_buf_set_size(out, start + size);
    if (rc == FIRN_OK) {
        memset(out->data + start, 0, size);
    }
    return rc;
}

static int
put_chunk(struct fi_chunk_encoder *encoder)
{
    int rc;
    struct fi_chunk *chunk = &encoder->chunk;
    struct fi_buf *out = encoder->out;
    size_t start = out->size;
    DCHECK(chunk->count == encoder->values->count && chunk->kind == encoder->values->kind);
    uint8_t header[FI_CHUNK_FORMAT_HEADER_SIZE] = {chunk->encoding, (uint8_t)chunk->kind,
                                                   flags_of(chunk), chunk->parts.field_size};
    fi_store_le32(header + 4, chunk->count);
    FI_TRY(fi_buf_append(out, header, sizeof header));
    FI_TRY(put_part(encoder));
    chunk->parts.records = (uint32_t)(out->size - start);
    chunk->parts.record_size = (uint8_t)fi_chunk_record_size(chunk);
    if (chunk->parts.record_size == 0) {
        return FIRN_OK;
    }
    FI_TRY(put_zeros(out, chunk->parts.record_size * fi_chunk_block_count(chunk)));
    FI_TRY(put_zeros(out, (start - out->size) % FI_CHUNK_FORMAT_ALIGNMENT));
    chunk->parts.data = (uint32_t)(out->size - start);
    DCHECK(chunk->parts.data % FI_CHUNK_FORMAT_ALIGNMENT == 0);
    for (size_t i = 0; i < fi_chunk_block_count(chunk); i++) {
        FI_TRY(put_block(encoder, i, start));
    }
out:
    if (rc != FIRN_OK) {
        out->size = start;
    }
    return rc;
}

/* Requires: what the encoding needs is known. */
static int
encode_as(struct fi_chunk_encoder *encoder, enum fi_chunk_encoding encoding)
{
    struct fi_chunk *chunk = &encoder->chunk;
    chunk->encoding = (uint8_t)encoding;
    find_bounds(encoder);
    chunk->parts.has_nulls = encoder->all.null_count > 0;
    chunk->parts.is_all_null =
        encoding == FI_ENCODING_CONSTANT && encoder->all.null_count == chunk->count;
    if (has_codes(chunk)) {
        chunk->parts.field_size = (uint8_t)fi_chunk_field_size(cost_of_codes(encoder)->high);
    } else if (encoding != FI_ENCODING_CONSTANT && chunk->kind == FI_PHYSICAL_BYTES) {
        chunk->parts.field_size = longest_bound(encoder);
    }
    return put_chunk(encoder);
}

static int
chunk_encode_begin(struct fi_chunk_encoder *encoder, const struct fi_chunk_values *values,
                   struct fi_buf *out, firn_error *err)
{
    CHECK(values->count > 0 && values->count <= FI_CHUNK_VALUES_MAX);
    CHECK(values->kind >= FI_PHYSICAL_I64 && values->kind <= FI_PHYSICAL_BYTES);
    *encoder = (struct fi_chunk_encoder){.values = values,
                                         .out = out,
                                         .chunk = {.kind = values->kind,
                                                   .fixed_size = values->fixed_size,
                                                   .count = (uint32_t)values->count}};
    if (values->kind == FI_PHYSICAL_BYTES) {
        fi_chunk_bounds_sizes(values, &encoder->sizes);
        CHECK(values->fixed_size == 0 || encoder->sizes.is_fixed);
        if (encoder->sizes.total > FI_CHUNK_BYTES_MAX) {
            return fi_error_set(err, FIRN_LIMIT, "values of a column chunk have more than %d bytes",
                                FI_CHUNK_BYTES_MAX);
        }
    }
    count_nulls(encoder);
    return FIRN_OK;
}

static int
chunk_encode_end(struct fi_chunk_encoder *encoder, int rc, struct fi_chunk_bounds *out_bounds,
                 firn_error *err)
{
    fi_free(encoder->codes);
    fi_free(encoder->table);
    fi_chunk_dictionary_deinit(&encoder->dictionary);
    if (out_bounds != NULL) {
        *out_bounds = encoder->all;
    }
    return rc == FIRN_NO_MEMORY ? fi_error_no_memory(err, "a column chunk") : rc;
}

/* ---- the choice ---- */

enum { FSST_SIZE_MIN = 4096 };

static size_t
plain_cost(const struct fi_chunk_encoder *encoder)
{
    const struct fi_chunk_values *values = encoder->values;
    if (values->kind != FI_PHYSICAL_BYTES) {
        return values->count * fi_chunk_number_size(values->kind);
    }
    return encoder->sizes.total + (values->fixed_size == 0 ? encoder->sizes.cost : 0);
}

/* What an encoding costs that is taken only where it is smaller by that part than others, which are
 * faster to read. */
static size_t
handicap(size_t cost, size_t part)
{
    return cost + cost / part;
}

struct choice {
    enum fi_chunk_encoding encoding;
    size_t cost;
};

static void
chunk_encode_offer(struct choice *choice, enum fi_chunk_encoding encoding, size_t cost)
{
    if (cost < choice->cost) {
        *choice = (struct choice){encoding, cost};
    }
}

/* How many entries a dictionary can have and still win, if its codes take as many bits as all
 * entries need. */
static size_t
entries_max(const struct fi_chunk_encoder *encoder, size_t least, size_t cost)
{
    size_t best = 0;
    for (unsigned width = 0; width <= 16; width++) {
        size_t packed = encoder->values->count * width / 8;
        size_t entries = packed < cost ? (cost - packed) / least : 0;
        entries = entries < (size_t)1 << width ? entries : (size_t)1 << width;
        best = entries > best ? entries : best;
    }
    return best;
}

/* A dictionary is asked for where it can still win. */
static int
offer_dictionary(struct fi_chunk_encoder *encoder, struct choice *choice)
{
    struct fi_chunk_encode_codes_cost *cost = &encoder->dictionary_cost;
    const struct fi_chunk_values *values = encoder->values;
    size_t least = values->kind != FI_PHYSICAL_BYTES ? fi_chunk_number_size(values->kind)
                   : values->fixed_size != 0         ? values->fixed_size
                                                     : 2;
    const size_t most = entries_max(encoder, least, choice->cost);
    const bool is_close = values->kind != FI_PHYSICAL_BYTES && !fi_chunk_is_float(values->kind) &&
                          encoder->codes_cost.high < FI_CHUNK_DICTIONARY_CODES_MAX;
    int rc = is_close ? fi_chunk_dictionary_of_codes(values, encoder->codes, &encoder->codes_cost,
                                                     most, choice->cost, &encoder->dictionary)
                      : fi_chunk_dictionary_build(values, most, &encoder->dictionary);
    if (rc == FIRN_OK && encoder->dictionary.count > 0) {
        fi_chunk_encode_codes_cost(encoder->dictionary.codes, values->count, cost);
        chunk_encode_offer(choice, FI_ENCODING_DICTIONARY,
                           fi_chunk_dictionary_size(values, &encoder->dictionary) + cost->frame);
    }
    return rc;
}

/* Makes codes, and says what they take. */
static int
make_codes(struct fi_chunk_encoder *encoder)
{
    int rc = fi_chunk_encode_codes_make(encoder);
    if (rc == FIRN_OK) {
        fi_chunk_encode_codes_cost(encoder->codes, encoder->values->count, &encoder->codes_cost);
    }
    return rc;
}

static int
choose_for_numbers(struct fi_chunk_encoder *encoder, struct choice *choice)
{
    const struct fi_chunk_encode_codes_cost *cost = &encoder->codes_cost;
    int rc = make_codes(encoder);
    if (rc != FIRN_OK) {
        return rc;
    }
    chunk_encode_offer(choice, FI_ENCODING_FRAME, cost->frame + 16);
    chunk_encode_offer(choice, FI_ENCODING_RLE, handicap(cost->rle + 16, 16));
    chunk_encode_offer(choice, FI_ENCODING_DELTA, handicap(cost->delta + 16, 8));
    if (fi_chunk_is_float(encoder->values->kind)) {
        size_t alp_cost;
        fi_chunk_alp_choose(encoder->values, &encoder->powers, &alp_cost);
        chunk_encode_offer(choice, FI_ENCODING_ALP, alp_cost);
    }
    /* Codes of a bit or two are hard to beat. */
    return choice->cost > encoder->values->count / 4 ? offer_dictionary(encoder, choice) : rc;
}

static int
make_table(struct fi_chunk_encoder *encoder, size_t *out_cost)
{
    encoder->table = fi_alloc(sizeof *encoder->table);
    return encoder->table == NULL ? FIRN_NO_MEMORY
                                  : fi_chunk_fsst_train(encoder->values, encoder->table, out_cost);
}

static int
choose_for_bytes(struct fi_chunk_encoder *encoder, struct choice *choice)
{
    size_t cost;
    int rc = offer_dictionary(encoder, choice);
    if (rc != FIRN_OK || encoder->values->fixed_size != 0) {
        return rc;
    }
    /* A table of symbols pays for values that are many bytes, and not yet few: each has a code at
     * least. */
    if (choice->cost >= FSST_SIZE_MIN && handicap(encoder->sizes.filled, 8) < choice->cost) {
        rc = make_table(encoder, &cost);
        if (rc == FIRN_OK) {
            chunk_encode_offer(choice, FI_ENCODING_FSST, handicap(cost + encoder->sizes.cost, 8));
        }
    }
    if (rc == FIRN_OK) {
        cost = fi_chunk_front_cost(encoder->values, choice->cost);
        chunk_encode_offer(choice, FI_ENCODING_FRONT, handicap(cost, 8));
    }
    return rc;
}

int
fi_chunk_encode(const struct fi_chunk_values *values, struct fi_buf *out,
                struct fi_chunk_bounds *out_bounds, firn_error *err)
{
    struct fi_chunk_encoder encoder = {0};
    int rc = chunk_encode_begin(&encoder, values, out, err);
    struct choice choice = {FI_ENCODING_PLAIN, rc == FIRN_OK ? plain_cost(&encoder) : 0};
    if (rc == FIRN_OK && is_constant(values)) {
        choice.encoding = FI_ENCODING_CONSTANT;
    } else if (rc == FIRN_OK) {
        rc = values->kind == FI_PHYSICAL_BYTES ? choose_for_bytes(&encoder, &choice)
                                               : choose_for_numbers(&encoder, &choice);
    }
    rc = rc == FIRN_OK ? encode_as(&encoder, choice.encoding) : rc;
    return chunk_encode_end(&encoder, rc, out_bounds, err);
}

int
fi_chunk_encode_plain(const struct fi_chunk_values *values, struct fi_buf *out, firn_error *err)
{
    struct fi_chunk_encoder encoder = {0};
    int rc = chunk_encode_begin(&encoder, values, out, err);
    if (rc == FIRN_OK) {
        bool is_all_null = encoder.all.null_count == values->count;
        rc = encode_as(&encoder, is_all_null ? FI_ENCODING_CONSTANT : FI_ENCODING_PLAIN);
    }
    return chunk_encode_end(&encoder, rc, NULL, err);
}

/* ---- by force ---- */

/* Makes what the encoding needs; FIRN_INVALID where it cannot hold the values. */
static int
chunk_encode_prepare(struct fi_chunk_encoder *encoder, enum fi_chunk_encoding encoding)
{
    const struct fi_chunk_values *values = encoder->values;
    bool is_bytes = values->kind == FI_PHYSICAL_BYTES;
    bool is_all_null = encoder->all.null_count == values->count;
    size_t cost;
    int rc = FIRN_OK;
    switch (encoding) {
    case FI_ENCODING_PLAIN:
        return FIRN_OK;
    case FI_ENCODING_CONSTANT:
        return is_constant(values) ? FIRN_OK : FIRN_INVALID;
    case FI_ENCODING_FRAME:
    case FI_ENCODING_DELTA:
    case FI_ENCODING_RLE:
        return is_bytes || is_all_null ? FIRN_INVALID : make_codes(encoder);
    case FI_ENCODING_DICTIONARY:
        rc = is_all_null ? FIRN_INVALID
                         : fi_chunk_dictionary_build(values, values->count, &encoder->dictionary);
        if (rc == FIRN_OK && encoder->dictionary.count > 0) {
            fi_chunk_encode_codes_cost(encoder->dictionary.codes, values->count,
                                       &encoder->dictionary_cost);
        }
        return rc == FIRN_OK && encoder->dictionary.count == 0 ? FIRN_INVALID : rc;
    case FI_ENCODING_ALP:
        if (!fi_chunk_is_float(values->kind)) {
            return FIRN_INVALID;
        }
        fi_chunk_alp_choose(values, &encoder->powers, &cost);
        return FIRN_OK;
    case FI_ENCODING_FSST:
        return is_bytes && values->fixed_size == 0 ? make_table(encoder, &cost) : FIRN_INVALID;
    default:
        return is_bytes && values->fixed_size == 0 ? FIRN_OK : FIRN_INVALID;
    }
}

int
fi_chunk_encode_as(const struct fi_chunk_values *values, enum fi_chunk_encoding encoding,
                   struct fi_buf *out, struct fi_chunk_bounds *out_bounds, firn_error *err)
{
    struct fi_chunk_encoder encoder = {0};
    int rc = chunk_encode_begin(&encoder, values, out, err);
    rc = rc == FIRN_OK ? chunk_encode_prepare(&encoder, encoding) : rc;
    rc = rc == FIRN_OK ? encode_as(&encoder, encoding) : rc;
    return chunk_encode_end(&encoder, rc, out_bounds, err);
}
