/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk_read.c: decoding blocks.
 *
 * Numbers are decoded as orders and converted to values in place. Plain ones are read in place if
 * they are aligned. Each decoder checks that its block's data has exactly the required size, which
 * bounds what it reads and writes, together with FI_CHUNK_BYTES_MAX.
 */
#include "base/check.h"
#include "chunk/chunk_alp.h"
#include "chunk/chunk_bits.h"
#include "chunk/chunk_dictionary.h"
#include "chunk/chunk_encoding_internal.h"
#include "chunk/chunk_format.h"
#include "chunk/chunk_texts.h"

enum {
    ENTRIES_MAX = 256, /* of a dictionary, that a block may have to be found only once */
    AT_ONCE = 8        /* values of a run that are written without looking how long it is */
};

/* Room for `size` bytes, contents undefined. */
static int
make_room(struct fi_buf *buf, size_t size, firn_error *err)
{
    fi_buf_clear(buf);
    return fi_buf_set_size(buf, size) == FIRN_OK ? FIRN_OK
                                                 : fi_error_no_memory(err, "decoded values");
}

/* ---- codes ---- */

int
fi_chunk_read_runs(const struct fi_chunk_block *view, struct fi_chunk_runs *out, firn_error *err)
{
    const uint8_t *at = view->data.data;
    DCHECK(view->count > 0 && view->count <= FI_CHUNK_BLOCK);
    size_t count = view->data.size < 2 ? 0 : fi_load_le16(at);
    out->count = 0;
    if (count == 0 || count > view->count) {
        return fi_chunk_corrupt(err, "a block has no runs, or more than values");
    }
    size_t codes_size = fi_chunk_bits_size(count, view->width);
    if (view->data.size != 2 + codes_size + fi_chunk_bits_size(count, FI_CHUNK_FORMAT_END_WIDTH)) {
        return fi_chunk_corrupt(err, "a block of runs has another size than these");
    }
    fi_chunk_bits_decode(at + 2, count, view->width, 0, 1, out->codes);
    fi_chunk_bits_decode(at + 2 + codes_size, count, FI_CHUNK_FORMAT_END_WIDTH, 1, 1, out->ends);
    for (size_t i = 0; i < count; i++) {
        if (i > 0 && out->ends[i] <= out->ends[i - 1]) {
            return fi_chunk_corrupt(err, "runs of a block do not follow each other");
        }
    }
    if (out->ends[count - 1] != view->count) {
        return fi_chunk_corrupt(err, "runs are longer or shorter than their block");
    }
    out->count = count;
    return FIRN_OK;
}

static int
read_runs(const struct fi_chunk_block *view, uint64_t base, uint64_t factor, uint64_t *out,
          firn_error *err)
{
    struct fi_chunk_runs runs;
    int rc = fi_chunk_read_runs(view, &runs, err);
    size_t i = 0;
    for (size_t run = 0; rc == FIRN_OK && run < runs.count; run++) {
        uint64_t number = base + factor * runs.codes[run];
        const size_t end = (size_t)runs.ends[run];
        /* Most runs are short. A fixed number of values is cheap: no branch depends on the length.
         * Those after the run are overwritten by the next ones. */
        if (view->count - i >= AT_ONCE) {
            for (size_t k = 0; k < AT_ONCE; k++) {
                out[i + k] = number;
            }
            i += AT_ONCE;
        }
        while (i < end) {
            out[i++] = number;
        }
        i = end;
    }
    DCHECK(rc != FIRN_OK || i == view->count);
    return rc;
}

static int
read_delta(const struct fi_chunk *chunk, const struct fi_chunk_block *view, uint64_t base,
           uint64_t factor, uint64_t *out, firn_error *err)
{
    size_t head = chunk->parts.field_size + (size_t)8;
    const uint8_t *at = view->data.data;
    DCHECK(view->count > 0 && chunk->parts.field_size <= 8);
    if (view->data.size != head + fi_chunk_bits_size(view->count, view->width)) {
        return fi_chunk_corrupt(err, "a block of differences has another size than these");
    }
    uint64_t number = base + factor * fi_chunk_load_field(at, chunk->parts.field_size);
    uint64_t step = fi_load_le64(at + head - 8);
    fi_chunk_bits_decode(at + head, view->count, view->width, factor * step, factor, out);
    out[0] = number;
    for (size_t i = 1; i < view->count; i++) {
        out[i] = number += out[i];
    }
    return FIRN_OK;
}

/* Whether a block of packed numbers has as many as its record says. */
static int
check_packed(const struct fi_chunk_block *view, firn_error *err)
{
    DCHECK(view->count > 0 && view->count <= FI_CHUNK_BLOCK);
    return view->data.size == fi_chunk_bits_size(view->count, view->width)
               ? FIRN_OK
               : fi_chunk_corrupt(err, "a block of packed numbers has another size than these");
}

/* Decodes a block of FRAME, DELTA, RLE or DICTIONARY to numbers: base + factor * code, modulo
 * 2^64. */
static int
decode_numbers(const struct fi_chunk *chunk, const struct fi_chunk_block *view, uint64_t base,
               uint64_t factor, uint64_t *out, firn_error *err)
{
    switch (chunk->encoding) {
    case FI_ENCODING_RLE:
        return read_runs(view, base + factor * view->low, factor, out, err);
    case FI_ENCODING_DELTA:
        return read_delta(chunk, view, base, factor, out, err);
    default:
        break;
    }
    int rc = check_packed(view, err);
    if (rc == FIRN_OK) {
        fi_chunk_bits_decode(view->data.data, view->count, view->width, base + factor * view->low,
                             factor, out);
    }
    return rc;
}

/* The codes of a block of a DICTIONARY chunk, nulls' too. */
static int
read_codes(const struct fi_chunk *chunk, const struct fi_chunk_block *view, uint64_t *out,
           firn_error *err)
{
    uint64_t above = 0;
    int rc = decode_numbers(chunk, view, 0, 1, out, err);
    /* The top bit says that a code is not from 0 to high, which is far below 2^63. */
    for (size_t i = 0; rc == FIRN_OK && i < view->count; i++) {
        above |= (view->high - out[i]) | out[i];
    }
    return above >> 63 == 0 ? rc : fi_chunk_corrupt(err, "a code is above its block's largest");
}

int
fi_chunk_read_codes(const struct fi_chunk *chunk, size_t block, uint32_t *out, firn_error *err)
{
    struct fi_chunk_block view;
    uint64_t valid[FI_CHUNK_MASK_WORDS];
    CHECK(chunk->encoding == FI_ENCODING_DICTIONARY);
    DCHECK(block < fi_chunk_block_count(chunk));
    int rc = fi_chunk_block_at(chunk, block, &view, err);
    rc = rc == FIRN_OK ? check_packed(&view, err) : rc;
    if (rc != FIRN_OK) {
        return rc;
    }
    if (fi_chunk_bits_decode_narrow(view.data.data, view.count, view.width, (uint32_t)view.low,
                                    out) > view.high - view.low) {
        return fi_chunk_corrupt(err, "a code is above its block's largest");
    }
    if (view.null_count > 0) {
        rc = fi_chunk_block_valid(&view, valid, err);
        for (size_t i = 0; rc == FIRN_OK && i < view.count; i++) {
            out[i] = fi_chunk_has_bit(valid, i) ? out[i] : chunk->parts.entry_count;
        }
    }
    return rc;
}

/* ---- numbers ---- */

/* The floating-point numbers whose orders these are. */
static void
unorder(enum fi_physical kind, uint64_t *numbers, size_t count)
{
    DCHECK(fi_chunk_is_float(kind));
    for (size_t i = 0; i < count; i++) {
        numbers[i] = fi_chunk_unorder(kind, numbers[i]);
    }
}

/* Makes nulls 0, and moves the bits of F32 together. */
static void
chunk_read_finish(enum fi_physical kind, const uint64_t *valid, uint64_t *numbers, size_t count)
{
    DCHECK(kind != FI_PHYSICAL_BYTES && count <= FI_CHUNK_BLOCK);
    if (valid != NULL) {
        for (size_t i = 0; i < count; i++) {
            numbers[i] &= 0 - (valid[i / 64] >> i % 64 & 1);
        }
    }
    if (kind == FI_PHYSICAL_F32) {
        uint8_t *bytes = (uint8_t *)numbers;
        for (size_t i = 0; i < count; i++) {
            fi_store_le32(bytes + 4 * i, fi_load_le32(bytes + 8 * i));
        }
    }
}

static int
read_entries(const struct fi_chunk *chunk, const struct fi_chunk_block *view, uint64_t *numbers,
             firn_error *err)
{
    int rc = read_codes(chunk, view, numbers, err);
    for (size_t i = 0; rc == FIRN_OK && i < view->count; i++) {
        numbers[i] = fi_chunk_dictionary_bits(chunk, (size_t)numbers[i]);
    }
    return rc;
}

static int
read_plain_numbers(const struct fi_chunk *chunk, const struct fi_chunk_block *view,
                   struct fi_chunk_scratch *scratch, const void **out, firn_error *err)
{
    size_t size = view->count * fi_chunk_number_size(chunk->kind);
    DCHECK(chunk->kind != FI_PHYSICAL_BYTES);
    if (view->data.size != size) {
        return fi_chunk_corrupt(err, "a block of plain values has another size than these");
    }
    if ((uintptr_t)view->data.data % 8 == 0) {
        *out = view->data.data;
        return FIRN_OK;
    }
    int rc = make_room(&scratch->numbers, size, err);
    if (rc == FIRN_OK) {
        memcpy(scratch->numbers.data, view->data.data, size);
        *out = scratch->numbers.data;
    }
    return rc;
}

static void
fill_numbers(const struct fi_chunk *chunk, const struct fi_chunk_block *view, uint64_t bits,
             const uint64_t *valid, void *out)
{
    uint64_t *wide = out;
    uint32_t *narrow = out;
    DCHECK(view->count <= FI_CHUNK_BLOCK);
    for (size_t i = 0; i < view->count; i++) {
        uint64_t number = valid == NULL || fi_chunk_has_bit(valid, i) ? bits : 0;
        if (chunk->kind == FI_PHYSICAL_F32) {
            narrow[i] = (uint32_t)number;
        } else {
            wide[i] = number;
        }
    }
}

static int
read_numbers(const struct fi_chunk *chunk, const struct fi_chunk_block *view, const uint64_t *valid,
             struct fi_chunk_scratch *scratch, const void **out, firn_error *err)
{
    DCHECK((valid == NULL) == (view->null_count == 0));
    if (chunk->encoding == FI_ENCODING_PLAIN) {
        return read_plain_numbers(chunk, view, scratch, out, err);
    }
    int rc = make_room(&scratch->numbers, view->count * 8, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    *out = scratch->numbers.data;
    uint64_t *numbers = (uint64_t *)(void *)scratch->numbers.data;
    switch (chunk->encoding) {
    case FI_ENCODING_CONSTANT: {
        struct fi_cell cell = {0};
        if (view->null_count < view->count) {
            cell = fi_chunk_constant(chunk);
        }
        fill_numbers(chunk, view, fi_chunk_cell_bits(&cell), valid, numbers);
        return FIRN_OK;
    }
    case FI_ENCODING_DICTIONARY:
        rc = read_entries(chunk, view, numbers, err);
        break;
    case FI_ENCODING_ALP:
        rc = fi_chunk_alp_read(chunk, view, numbers, err);
        break;
    default: {
        /* Adding 2^63 is what makes a signed number of its order. */
        uint64_t sign = chunk->kind == FI_PHYSICAL_I64 ? FI_CHUNK_SIGN64 : 0;
        rc = decode_numbers(chunk, view, chunk->parts.minimum + sign, chunk->parts.divisor, numbers,
                            err);
        if (rc == FIRN_OK && fi_chunk_is_float(chunk->kind)) {
            unorder(chunk->kind, numbers, view->count);
        }
        break;
    }
    }
    if (rc == FIRN_OK) {
        chunk_read_finish(chunk->kind, valid, numbers, view->count);
    }
    return rc;
}

/* ---- bytes ---- */

static int
read_plain_bytes(const struct fi_chunk *chunk, const struct fi_chunk_block *view, firn_slice *out,
                 firn_error *err)
{
    const uint8_t *at = view->data.data;
    if (chunk->fixed_size != 0) {
        if (view->data.size != view->count * chunk->fixed_size) {
            return fi_chunk_corrupt(err, "a block of plain values has another size than these");
        }
        for (size_t i = 0; i < view->count; i++) {
            out[i] = firn_bytes(at + i * chunk->fixed_size, chunk->fixed_size);
        }
        return FIRN_OK;
    }
    size_t packed_size = fi_chunk_bits_size(view->count, view->width);
    uint64_t sizes[FI_CHUNK_BLOCK];
    if (view->data.size < 4 + packed_size) {
        return fi_chunk_corrupt(err, "sizes of values are cut");
    }
    size_t left = view->data.size - 4 - packed_size;
    fi_chunk_bits_decode(at + 4, view->count, view->width, fi_load_le32(at), 1, sizes);
    at += 4 + packed_size;
    for (size_t i = 0; i < view->count; i++) {
        if (sizes[i] > left) {
            return fi_chunk_corrupt(err, "values are longer than their block");
        }
        out[i] = firn_bytes(at, (size_t)sizes[i]);
        at += sizes[i];
        left -= sizes[i];
    }
    return left == 0 ? FIRN_OK : fi_chunk_corrupt(err, "values are shorter than their block");
}

/* Entries lie after each other, with their ends in a list: those of a block are found once, and not
 * for each value. */
static int
read_slices(const struct fi_chunk *chunk, const struct fi_chunk_block *view, firn_slice *out,
            firn_error *err)
{
    firn_slice entries[ENTRIES_MAX];
    uint32_t codes[FI_CHUNK_BLOCK];
    const size_t low = (size_t)view->low;
    const size_t span = (size_t)(view->high - view->low);
    bool is_inside = true;
    DCHECK(view->low <= view->high && view->high < chunk->parts.entry_count);
    int rc = check_packed(view, err);
    if (rc == FIRN_OK &&
        fi_chunk_bits_decode_narrow(view->data.data, view->count, view->width, 0, codes) > span) {
        rc = fi_chunk_corrupt(err, "a code is above its block's largest");
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    if (span >= ENTRIES_MAX) {
        for (size_t i = 0; i < view->count; i++) {
            is_inside &= fi_chunk_dictionary_bytes(chunk, low + codes[i], &out[i]);
        }
    } else {
        for (size_t i = 0; i <= span; i++) {
            is_inside &= fi_chunk_dictionary_bytes(chunk, low + i, &entries[i]);
        }
        for (size_t i = 0; i < view->count; i++) {
            out[i] = entries[codes[i]];
        }
    }
    return is_inside ? FIRN_OK : fi_chunk_corrupt(err, "an entry of its dictionary lies outside");
}

static int
read_bytes(const struct fi_chunk *chunk, const struct fi_chunk_block *view, const uint64_t *valid,
           const uint64_t *wanted, struct fi_chunk_scratch *scratch, const void **out,
           firn_error *err)
{
    firn_slice value = {0};
    DCHECK((valid == NULL) == (view->null_count == 0));
    int rc = make_room(&scratch->numbers, view->count * sizeof(firn_slice), err);
    if (rc != FIRN_OK) {
        return rc;
    }
    firn_slice *slices = (firn_slice *)(void *)scratch->numbers.data;
    *out = slices;
    switch (chunk->encoding) {
    case FI_ENCODING_PLAIN:
        rc = read_plain_bytes(chunk, view, slices, err);
        break;
    case FI_ENCODING_DICTIONARY:
        rc = read_slices(chunk, view, slices, err);
        break;
    case FI_ENCODING_FSST:
        rc = fi_chunk_fsst_read(chunk, view, wanted, scratch, slices, err);
        break;
    case FI_ENCODING_FRONT:
        rc = fi_chunk_front_read(view, wanted, scratch, slices, err);
        break;
    default:
        DCHECK(chunk->encoding == FI_ENCODING_CONSTANT);
        if (view->null_count < view->count) {
            value = fi_chunk_constant(chunk).as.bytes;
        }
        for (size_t i = 0; i < view->count; i++) {
            slices[i] = value;
        }
        break;
    }
    if (rc == FIRN_OK && valid != NULL) {
        for (size_t i = 0; i < view->count; i++) {
            if (!fi_chunk_has_bit(valid, i)) {
                slices[i] = firn_bytes("", 0);
            }
        }
    }
    return rc;
}

int
fi_chunk_read_block(const struct fi_chunk *chunk, size_t block, const uint64_t *wanted,
                    struct fi_chunk_scratch *scratch, struct fi_chunk_values *out, firn_error *err)
{
    struct fi_chunk_block view;
    const uint64_t *valid = NULL;
    const void *values = NULL;
    DCHECK(block < fi_chunk_block_count(chunk));
    int rc = fi_chunk_block_at(chunk, block, &view, err);
    *out = (struct fi_chunk_values){.kind = chunk->kind, .fixed_size = chunk->fixed_size};
    if (rc == FIRN_OK && view.null_count > 0) {
        valid = scratch->valid;
        rc = fi_chunk_block_valid(&view, scratch->valid, err);
    }
    if (rc == FIRN_OK) {
        rc = chunk->kind == FI_PHYSICAL_BYTES
                 ? read_bytes(chunk, &view, valid, wanted, scratch, &values, err)
                 : read_numbers(chunk, &view, valid, scratch, &values, err);
    }
    if (rc == FIRN_OK) {
        DCHECK(view.count == fi_chunk_block_size(chunk, block));
        out->count = view.count;
        out->valid = valid;
        out->as.u64 = values;
        /* Decoders write integers that are read as floating-point numbers: compilers that follow
         * types through calls must not take these for different memory. */
        __asm__ volatile("" : : "r"(values) : "memory");
    }
    return rc;
}

/* ---- some values of a block ---- */

/* So many values are found one by one for less than their block is decoded for. */
static size_t
few_of(const struct fi_chunk *chunk)
{
    switch (chunk->encoding) {
    case FI_ENCODING_DELTA:
        return 4; /* those before each are added up */
    case FI_ENCODING_RLE:
    case FI_ENCODING_ALP:
        return 16;
    default:
        return 0;
    }
}

static int
get_each(const struct fi_chunk *chunk, size_t block, const uint16_t *rows, size_t count,
         struct fi_chunk_scratch *scratch, uint64_t *out, firn_error *err)
{
    int rc = FIRN_OK;
    DCHECK(count <= few_of(chunk) && chunk->kind != FI_PHYSICAL_BYTES);
    for (size_t i = 0; rc == FIRN_OK && i < count; i++) {
        struct fi_cell cell;
        rc = fi_chunk_get(chunk, block * FI_CHUNK_BLOCK + rows[i], scratch, &cell, err);
        out[i] = fi_chunk_cell_bits(&cell);
    }
    return rc;
}

/* Looks up values of a block without nulls where they lie; *out: that can be done. */
static int
look_up(const struct fi_chunk *chunk, const struct fi_chunk_block *view, size_t block,
        const uint16_t *rows, size_t count, struct fi_chunk_scratch *scratch, bool *out,
        firn_error *err)
{
    const bool is_dictionary = chunk->encoding == FI_ENCODING_DICTIONARY;
    const bool is_bytes = chunk->kind == FI_PHYSICAL_BYTES;
    const bool is_few = count <= few_of(chunk);
    *out = (is_dictionary || is_few || chunk->encoding == FI_ENCODING_FRAME) &&
           view->null_count == 0 && chunk->kind != FI_PHYSICAL_F32;
    if (!*out) {
        return FIRN_OK;
    }
    int rc = is_few ? FIRN_OK : check_packed(view, err);
    rc = rc == FIRN_OK
             ? make_room(&scratch->numbers, count * (is_bytes ? sizeof(firn_slice) : 8), err)
             : rc;
    if (rc != FIRN_OK) {
        return rc;
    }
    uint64_t codes[FI_CHUNK_BLOCK];
    uint64_t *numbers = (uint64_t *)(void *)scratch->numbers.data;
    if (is_few) {
        return get_each(chunk, block, rows, count, scratch, numbers, err);
    }
    if (!is_dictionary) {
        const uint64_t sign = chunk->kind == FI_PHYSICAL_I64 ? FI_CHUNK_SIGN64 : 0;
        const uint64_t factor = chunk->parts.divisor;
        const uint64_t base = chunk->parts.minimum + sign;
        fi_chunk_bits_get_list(view->data.data, view->count, view->width, rows, count,
                               base + factor * view->low, factor, numbers);
        if (chunk->kind == FI_PHYSICAL_F64) {
            unorder(chunk->kind, numbers, count);
        }
        return rc;
    }
    fi_chunk_bits_get_list(view->data.data, view->count, view->width, rows, count, view->low, 1,
                           codes);
    for (size_t i = 0; i < count; i++) {
        if (codes[i] > view->high) {
            return fi_chunk_corrupt(err, "a code is above its block's largest");
        }
        if (!is_bytes) {
            numbers[i] = fi_chunk_dictionary_bits(chunk, (size_t)codes[i]);
        } else if (!fi_chunk_dictionary_bytes(chunk, (size_t)codes[i],
                                              (firn_slice *)(void *)scratch->numbers.data + i)) {
            return fi_chunk_corrupt(err, "an entry of its dictionary lies outside");
        }
    }
    return FIRN_OK;
}

/* Moves values of a decoded block together. Rows ascend, so what is still to be moved lies after
 * what is written. */
static int
move_together(const struct fi_chunk *chunk, const uint16_t *rows, size_t count,
              struct fi_chunk_scratch *scratch, struct fi_chunk_values *values, firn_error *err)
{
    const size_t size =
        chunk->kind == FI_PHYSICAL_BYTES ? sizeof(firn_slice) : fi_chunk_number_size(chunk->kind);
    const uint8_t *from = (const uint8_t *)values->as.u64;
    if (from != scratch->numbers.data) { /* they are borrowed from the chunk */
        int rc = make_room(&scratch->numbers, count * size, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    uint8_t *to = scratch->numbers.data;
    for (size_t i = 0; i < count; i++) {
        memmove(to + i * size, from + rows[i] * size, size);
    }
    if (values->valid != NULL) {
        uint64_t valid[FI_CHUNK_MASK_WORDS] = {0};
        for (size_t i = 0; i < count; i++) {
            valid[i / 64] |= (uint64_t)fi_chunk_has_bit(values->valid, rows[i]) << i % 64;
        }
        memcpy(scratch->valid, valid, sizeof valid);
    }
    values->as.u64 = (const uint64_t *)(const void *)to;
    return FIRN_OK;
}

int
fi_chunk_read_list(const struct fi_chunk *chunk, size_t block, const uint16_t *rows, size_t count,
                   const uint64_t *wanted, struct fi_chunk_scratch *scratch,
                   struct fi_chunk_values *out, firn_error *err)
{
    struct fi_chunk_block view;
    bool is_done = false;
    DCHECK(block < fi_chunk_block_count(chunk));
    DCHECK(count > 0 && rows[count - 1] < fi_chunk_block_size(chunk, block));
    int rc = fi_chunk_block_at(chunk, block, &view, err);
    if (rc == FIRN_OK) {
        rc = look_up(chunk, &view, block, rows, count, scratch, &is_done, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    if (is_done) {
        *out = (struct fi_chunk_values){.kind = chunk->kind, .fixed_size = chunk->fixed_size};
        out->as.u64 = (const uint64_t *)(const void *)scratch->numbers.data;
    } else {
        rc = fi_chunk_read_block(chunk, block, wanted, scratch, out, err);
        rc = rc == FIRN_OK ? move_together(chunk, rows, count, scratch, out, err) : rc;
    }
    if (rc == FIRN_OK) {
        out->count = count;
        __asm__ volatile("" : : "r"(out->as.u64) : "memory"); /* as in fi_chunk_read_block */
    }
    return rc;
}
