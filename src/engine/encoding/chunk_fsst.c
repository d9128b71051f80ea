/* SPDX-License-Identifier: Apache-2.0
 *
 * encoding/chunk_fsst.c: bytes as codes of frequent pieces.
 *
 * A table has up to 255 symbols of 1 to 8 bytes; a code is a byte, and 255 says that the next byte stands for
 * itself. Every value is encoded alone, so one is decoded without the others. After Boncz, Neumann and
 * Leis, "FSST: Fast Random Access String Compression" (VLDB 2020): a table is made in five rounds from a
 * sample. Each round encodes the sample with the table so far and counts the symbols that occur and the
 * pairs of neighbours; the table of the next round has the 255 symbols or joined pairs that cover the most
 * bytes. Ties are decided by the symbols themselves, so the same values always give the same chunk.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/sort.h"
#include "encoding/bit_pack.h"
#include "encoding/chunk_texts.h"

enum {
    ESCAPE = 255,
    ROUNDS = 5,
    SAMPLE_SIZE = 16 << 10,
    PIECE_SIZE_MAX = 512, /* of one value in the sample */
    UNITS = 512,          /* codes of symbols; 256 + a byte that is none */
    PAIRS_MIN = 3,
    HEAD_SIZE = 8 /* of a block: decoded size; smallest encoded size */
};

/* ---- encoding ---- */

/* The code of the longest symbol that a word begins with, of which so many bytes count; ESCAPE where there is
 * none. left > 0. */
static inline unsigned
find_symbol(const struct firn_chunk_fsst *table, uint64_t word, size_t left)
{
    DCHECK(left > 0);
    unsigned pair = left < 2 ? 0 : table->pairs[word & 0xffff];
    unsigned end = (pair >> 8) + (pair & 0xff);
    for (unsigned i = pair >> 8; i < end; i++) {
        if (((word ^ table->symbols[i]) & table->masks[i]) == 0 && table->sizes[i] <= left) {
            return i;
        }
    }
    return table->singles[word & 0xff];
}

/* The end of a value, less than a word, with zeros after it, so that a word can be loaded at each byte. */
struct tail {
    uint8_t bytes[2 * 8];
};

static inline struct tail
tail_of(firn_slice value, size_t at)
{
    struct tail tail = {{0}};
    DCHECK(value.size - at < 8);
    for (size_t i = at; i < value.size; i++) {
        tail.bytes[i - at] = value.data[i];
    }
    return tail;
}

/* Appends a code, and after ESCAPE the byte that it stands for. Returns how many bytes it took of the value. */
static inline size_t
put_code(const struct firn_chunk_fsst *table, unsigned code, uint64_t word, uint8_t *out,
         size_t *size)
{
    out[(*size)++] = (uint8_t)code;
    if (code == ESCAPE) {
        out[(*size)++] = (uint8_t)word;
        return 1;
    }
    DCHECK(code < table->count);
    return table->sizes[code];
}

/* Encodes a value; out has twice its size. Returns the size. */
static size_t
encode_value(const struct firn_chunk_fsst *table, firn_slice value, uint8_t *out)
{
    size_t size = 0;
    size_t at = 0;
    while (value.size - at >= 8) {
        uint64_t word = firn_load_le64(value.data + at);
        at += put_code(table, find_symbol(table, word, 8), word, out, &size);
    }
    struct tail tail = tail_of(value, at);
    for (size_t i = 0; at + i < value.size;) {
        uint64_t word = firn_load_le64(tail.bytes + i);
        i += put_code(table, find_symbol(table, word, value.size - at - i), word, out, &size);
    }
    DCHECK(size <= 2 * value.size);
    return size;
}

/* ---- training ---- */

struct candidate {
    uint64_t symbol;
    uint64_t gain;
    uint32_t size;
};

struct training {
    firn_slice sample[SAMPLE_SIZE / 8];
    size_t sample_count;
    size_t sample_size;
    uint32_t counts[UNITS];
    uint16_t pairs[UNITS][UNITS];
    struct candidate candidates[UNITS + SAMPLE_SIZE];
    uint8_t encoded[2 * PIECE_SIZE_MAX];
};

static inline firn_slice
bytes_at(const struct firn_chunk_values *values, size_t i)
{
    bool is_valid = values->valid == NULL || firn_chunk_has_bit(values->valid, i);
    return is_valid ? values->as.bytes[i] : firn_bytes("", 0);
}

/* Beginnings of values from all over the chunk. */
static void
take_sample(const struct firn_chunk_values *values, struct training *training)
{
    const size_t room = sizeof training->sample / sizeof training->sample[0];
    size_t step = values->count / 512 + 1;
    for (size_t first = 0; first < step && first < 8; first++) {
        for (size_t i = first; i < values->count; i += step) {
            firn_slice value = bytes_at(values, i);
            value.size = value.size < PIECE_SIZE_MAX ? value.size : PIECE_SIZE_MAX;
            if (value.size == 0) {
                continue;
            }
            if (training->sample_count == room ||
                training->sample_size + value.size > SAMPLE_SIZE) {
                return;
            }
            training->sample[training->sample_count++] = value;
            training->sample_size += value.size;
        }
    }
}

static void
count_units(const struct firn_chunk_fsst *table, struct training *training)
{
    memset(training->counts, 0, sizeof training->counts);
    memset(training->pairs, 0, sizeof training->pairs);
    for (size_t i = 0; i < training->sample_count; i++) {
        firn_slice value = training->sample[i];
        size_t before = UNITS;
        for (size_t at = 0; at < value.size;) {
            size_t left = value.size - at;
            uint64_t word = left >= 8 ? firn_load_le64(value.data + at)
                                      : firn_chunk_load_field(value.data + at, left);
            size_t unit = find_symbol(table, word, left);
            if (unit == ESCAPE) {
                unit = 256 + (size_t)value.data[at];
            }
            at += unit < 256 ? table->sizes[unit] : 1;
            training->counts[unit]++;
            if (before != UNITS) {
                training->pairs[before][unit]++;
            }
            before = unit;
        }
    }
}

static uint64_t
unit_symbol(const struct firn_chunk_fsst *table, size_t unit)
{
    return unit < 256 ? table->symbols[unit] : unit - 256;
}

static uint32_t
unit_size(const struct firn_chunk_fsst *table, size_t unit)
{
    return unit < 256 ? table->sizes[unit] : 1;
}

/* Symbols that occur, and pairs of them; at most as many as the sample has bytes, and units. */
static size_t
find_candidates(const struct firn_chunk_fsst *table, struct training *training)
{
    size_t count = 0;
    for (size_t a = 0; a < UNITS; a++) {
        if (training->counts[a] == 0) {
            continue;
        }
        uint64_t symbol = unit_symbol(table, a);
        uint32_t size = unit_size(table, a);
        /* An escaped byte takes two, so a byte of its own saves more than its size. */
        uint64_t weight = size == 1 ? 2 : size;
        training->candidates[count++] =
            (struct candidate){symbol, weight * training->counts[a], size};
        for (size_t b = 0; b < UNITS && size < FIRN_CHUNK_FSST_SYMBOL_SIZE_MAX; b++) {
            if (training->pairs[a][b] < PAIRS_MIN) {
                continue;
            }
            uint32_t joined = size + unit_size(table, b);
            joined =
                joined < FIRN_CHUNK_FSST_SYMBOL_SIZE_MAX ? joined : FIRN_CHUNK_FSST_SYMBOL_SIZE_MAX;
            uint64_t both = symbol | unit_symbol(table, b) << 8 * size;
            training->candidates[count++] =
                (struct candidate){both, (uint64_t)joined * training->pairs[a][b], joined};
        }
    }
    CHECK(count <= sizeof training->candidates / sizeof training->candidates[0]);
    return count;
}

static int
compare_symbols(const void *a, const void *b)
{
    const struct candidate *x = a;
    const struct candidate *y = b;
    if (x->symbol != y->symbol) {
        return x->symbol < y->symbol ? -1 : 1;
    }
    return (x->size > y->size) - (x->size < y->size);
}

static int
compare_gains(const void *a, const void *b)
{
    const struct candidate *x = a;
    const struct candidate *y = b;
    if (x->gain != y->gain) {
        return x->gain > y->gain ? -1 : 1;
    }
    return compare_symbols(a, b);
}

/* By the first two bytes, then the longer ones first; those of one byte last. */
static int
compare_places(const void *a, const void *b)
{
    const struct candidate *x = a;
    const struct candidate *y = b;
    size_t first = x->size == 1 ? SIZE_MAX : (size_t)(x->symbol & 0xffff);
    size_t second = y->size == 1 ? SIZE_MAX : (size_t)(y->symbol & 0xffff);
    if (first != second) {
        return first < second ? -1 : 1;
    }
    if (x->size != y->size) {
        return x->size > y->size ? -1 : 1;
    }
    return compare_symbols(a, b);
}

static void
clear_table(struct firn_chunk_fsst *table)
{
    memset(table, 0, sizeof *table);
    memset(table->singles, ESCAPE, sizeof table->singles);
}

/* The best candidates become the table. */
static void
choose_symbols(struct firn_chunk_fsst *table, struct candidate *candidates, size_t count)
{
    size_t kept = 0;
    firn_sort(candidates, count, sizeof *candidates, compare_symbols);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && compare_symbols(&candidates[kept - 1], &candidates[i]) == 0) {
            candidates[kept - 1].gain += candidates[i].gain;
        } else {
            candidates[kept++] = candidates[i];
        }
    }
    firn_sort(candidates, kept, sizeof *candidates, compare_gains);
    kept = kept < FIRN_CHUNK_FSST_SYMBOLS_MAX ? kept : FIRN_CHUNK_FSST_SYMBOLS_MAX;
    firn_sort(candidates, kept, sizeof *candidates, compare_places);
    DCHECK(kept <= FIRN_CHUNK_FSST_SYMBOLS_MAX);
    clear_table(table);
    table->count = kept;
    for (size_t i = 0; i < kept; i++) {
        size_t both = (size_t)(candidates[i].symbol & 0xffff);
        table->symbols[i] = candidates[i].symbol;
        table->sizes[i] = (uint8_t)candidates[i].size;
        table->masks[i] = UINT64_MAX >> (64 - 8 * candidates[i].size);
        if (candidates[i].size == 1) {
            table->singles[both] = (uint8_t)i;
        } else {
            unsigned pair = table->pairs[both];
            table->pairs[both] = (uint16_t)((pair == 0 ? (unsigned)i << 8 : pair) + 1);
        }
    }
}

int
firn_chunk_fsst_train(const struct firn_chunk_values *values, struct firn_chunk_fsst *out,
                      size_t *out_cost)
{
    struct training *training = firn_alloc(sizeof *training);
    if (training == NULL) {
        return FIRN_NO_MEMORY;
    }
    training->sample_count = 0;
    training->sample_size = 0;
    take_sample(values, training);
    DCHECK(values->kind == FIRN_PHYSICAL_BYTES && training->sample_size <= SAMPLE_SIZE);
    clear_table(out);
    for (unsigned round = 0; round < ROUNDS; round++) {
        count_units(out, training);
        choose_symbols(out, training->candidates, find_candidates(out, training));
    }
    size_t encoded = 0;
    for (size_t i = 0; i < training->sample_count; i++) {
        encoded += encode_value(out, training->sample[i], training->encoded);
    }
    size_t raw = 0;
    for (size_t i = 0; i < values->count; i++) {
        raw += bytes_at(values, i).size;
    }
    size_t in_sample = training->sample_size == 0 ? 1 : training->sample_size;
    *out_cost = 1 + 9 * out->count + (size_t)((uint64_t)raw * encoded / in_sample);
    firn_free(training);
    return FIRN_OK;
}

/* ---- writing ---- */

int
firn_chunk_fsst_put_table(const struct firn_chunk_fsst *table, struct firn_buf *out)
{
    int rc = firn_buf_append_u8(out, (uint8_t)table->count);
    for (size_t i = 0; rc == FIRN_OK && i < table->count; i++) {
        rc = firn_buf_append_le64(out, table->symbols[i]);
    }
    return rc == FIRN_OK ? firn_buf_append(out, table->sizes, table->count) : rc;
}

int
firn_chunk_fsst_put(const struct firn_chunk_values *values, const struct firn_chunk_fsst *table,
                    size_t start, size_t count, unsigned *out_width, struct firn_buf *out)
{
    int rc;
    uint64_t sizes[FIRN_CHUNK_BLOCK];
    struct firn_buf encoded = {0};
    size_t raw = 0;
    for (size_t i = 0; i < count; i++) {
        firn_slice value = bytes_at(values, start + i);
        FIRN_TRY(firn_buf_reserve(&encoded, 2 * value.size + 1));
        sizes[i] = encode_value(table, value, encoded.data + encoded.size);
        encoded.size += sizes[i];
        raw += value.size;
    }
    FIRN_TRY(firn_buf_append_le32(out, (uint32_t)raw));
    FIRN_TRY(firn_chunk_encode_sizes(out, sizes, count, out_width));
    FIRN_TRY(firn_buf_append_slice(out, firn_buf_slice(&encoded)));
out:
    firn_buf_deinit(&encoded);
    return rc;
}

/* ---- reading ---- */

bool
firn_chunk_fsst_open(struct firn_chunk *chunk, size_t *at)
{
    size_t left = chunk->bytes.size - *at;
    if (left < 1 || left - 1 < (size_t)9 * chunk->bytes.data[*at]) {
        return false;
    }
    chunk->parts.entry_count = chunk->bytes.data[*at];
    chunk->parts.entry_bytes = (uint32_t)(*at + 1);
    chunk->parts.entry_ends = (uint32_t)(*at + 1 + 8 * (size_t)chunk->parts.entry_count);
    *at += 1 + 9 * (size_t)chunk->parts.entry_count;
    return true;
}

bool
firn_chunk_fsst_check(const struct firn_chunk *chunk)
{
    const uint8_t *sizes = chunk->bytes.data + chunk->parts.entry_ends;
    DCHECK(chunk->encoding == FIRN_ENCODING_FSST);
    for (size_t i = 0; i < chunk->parts.entry_count; i++) {
        if (sizes[i] == 0 || sizes[i] > FIRN_CHUNK_FSST_SYMBOL_SIZE_MAX) {
            return false;
        }
    }
    return true;
}

/* Decodes a value to out, which has room for room bytes and 8 more. False where it is longer, or has codes
 * that there are not. */
static bool
decode_value(const struct firn_chunk *chunk, firn_slice codes, uint8_t *out, size_t room,
             size_t *out_size)
{
    const uint8_t *symbols = chunk->bytes.data + chunk->parts.entry_bytes;
    const uint8_t *sizes = chunk->bytes.data + chunk->parts.entry_ends;
    size_t to = 0;
    for (size_t i = 0; i < codes.size; i++) {
        size_t code = codes.data[i];
        if (code < chunk->parts.entry_count) {
            memcpy(out + to, symbols + 8 * code, 8);
            to += sizes[code];
        } else if (code == ESCAPE && i + 1 < codes.size) {
            out[to++] = codes.data[++i];
        } else {
            return false;
        }
        if (to > room) {
            return false;
        }
    }
    *out_size = to;
    return true;
}

/* A block taken apart. */
struct parts {
    size_t raw;
    uint64_t min;
    const uint8_t *sizes;
    firn_slice bytes;
};

static int
take_apart(const struct firn_chunk_block *view, struct parts *out, firn_error *err)
{
    size_t head = HEAD_SIZE + firn_bit_pack_size(view->count, view->width);
    *out = (struct parts){0};
    if (view->data.size < head || firn_load_le32(view->data.data) > FIRN_CHUNK_BYTES_MAX) {
        return firn_chunk_corrupt(err, "sizes of values are cut, or too large");
    }
    out->raw = firn_load_le32(view->data.data);
    out->min = firn_load_le32(view->data.data + 4);
    out->sizes = view->data.data + HEAD_SIZE;
    out->bytes = firn_bytes(view->data.data + head, view->data.size - head);
    return FIRN_OK;
}

static int
make_room(struct firn_chunk_scratch *scratch, size_t size, firn_error *err)
{
    firn_buf_clear(&scratch->bytes);
    return firn_buf_set_size(&scratch->bytes, size + 8) == FIRN_OK
               ? FIRN_OK
               : firn_error_no_memory(err, "decoded values");
}

int
firn_chunk_fsst_read(const struct firn_chunk *chunk, const struct firn_chunk_block *view,
                     const uint64_t *wanted, struct firn_chunk_scratch *scratch, firn_slice *out,
                     firn_error *err)
{
    struct parts parts;
    uint64_t sizes[FIRN_CHUNK_BLOCK];
    size_t from = 0;
    size_t to = 0;
    int rc = take_apart(view, &parts, err);
    rc = rc == FIRN_OK ? make_room(scratch, parts.raw, err) : rc;
    if (rc != FIRN_OK) {
        return rc;
    }
    firn_bit_pack_decode(parts.sizes, view->count, view->width, parts.min, 1, sizes);
    for (size_t i = 0; i < view->count; i++) {
        size_t size = 0;
        uint8_t *at = scratch->bytes.data + to;
        if (sizes[i] > parts.bytes.size - from) {
            return firn_chunk_corrupt(err, "values are longer than their block");
        }
        if ((wanted == NULL || firn_chunk_has_bit(wanted, i)) &&
            !decode_value(chunk, firn_bytes(parts.bytes.data + from, (size_t)sizes[i]), at,
                          parts.raw - to, &size)) {
            return firn_chunk_corrupt(err, "a value has codes that are not, or too many");
        }
        out[i] = firn_bytes(at, size);
        from += sizes[i];
        to += size;
    }
    return from == parts.bytes.size && (wanted != NULL || to == parts.raw)
               ? FIRN_OK
               : firn_chunk_corrupt(err, "values are shorter than their block");
}

int
firn_chunk_fsst_get(const struct firn_chunk *chunk, const struct firn_chunk_block *view, size_t i,
                    struct firn_chunk_scratch *scratch, firn_slice *out, firn_error *err)
{
    struct parts parts;
    size_t decoded = 0;
    int rc = take_apart(view, &parts, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    firn_bit_pack_sum128 start = firn_bit_pack_sum_first(parts.sizes, view->count, view->width, i) +
                                 (firn_bit_pack_sum128)parts.min * i;
    firn_bit_pack_sum128 size = (firn_bit_pack_sum128)parts.min +
                                firn_bit_pack_get(parts.sizes, view->count, view->width, i);
    if (start + size > parts.bytes.size) {
        return firn_chunk_corrupt(err, "values are longer than their block");
    }
    firn_slice codes = firn_bytes(parts.bytes.data + (size_t)start, (size_t)size);
    size_t room = codes.size < parts.raw / FIRN_CHUNK_FSST_SYMBOL_SIZE_MAX
                      ? codes.size * FIRN_CHUNK_FSST_SYMBOL_SIZE_MAX
                      : parts.raw;
    rc = make_room(scratch, room, err);
    if (rc == FIRN_OK && !decode_value(chunk, codes, scratch->bytes.data, room, &decoded)) {
        return firn_chunk_corrupt(err, "a value has codes that are not, or too many");
    }
    *out = rc == FIRN_OK ? firn_bytes(scratch->bytes.data, decoded) : firn_bytes("", 0);
    return rc;
}
