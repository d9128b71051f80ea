/* SPDX-License-Identifier: Apache-2.0
 *
 * chunk/chunk_fsst.c: bytes as codes of frequent pieces.
 *
 * A table has up to 255 symbols of 1 to 8 bytes; a code is a byte, and code 255 escapes the next
 * byte, which stands for itself. Every value is encoded alone, so one is decoded without the
 * others. After Boncz, Neumann and Leis, "FSST: Fast Random Access String Compression" (VLDB 2020):
 * a table is made in five rounds from a
 * sample. Each round encodes the sample with the table so far and counts the symbols that occur and
 * the pairs of neighbours; the table of the next round has the 255 symbols or joined pairs that
 * cover the most bytes. Ties are decided by the symbols themselves, so the same values always give
 * the same chunk.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/sort.h"
#include "chunk/chunk_bits.h"
#include "chunk/chunk_texts.h"

enum {
    ESCAPE = 255,
    ROUNDS = 5,
    SAMPLE_SIZE = 16 << 10,
    SAMPLE_SIZE_MIN = 4 << 10,
    SAMPLE_PART = 4,      /* of a small chunk's bytes */
    PIECE_SIZE_MAX = 512, /* of one value in the sample */
    UNITS = 512,          /* codes of symbols; 256 + a byte that is none */
    PAIRS_MIN = 3,
    HEAD_SIZE = 8 /* of a block: decoded size; smallest encoded size */
};

/* ---- encoding ---- */

static inline size_t
bucket_of(uint64_t word)
{
    return (uint32_t)((uint32_t)word << 8) * UINT32_C(0x9e3779b1) >>
           (32 - FI_CHUNK_FSST_BUCKET_BITS);
}

static inline uint16_t
code_and_size(size_t code, size_t size)
{
    DCHECK(code <= ESCAPE && size > 0 && size <= FI_CHUNK_FSST_SYMBOL_SIZE_MAX);
    return (uint16_t)(code | size << 8);
}

/* a, or b where the condition is true. What comes next in a text is hard to foretell, so there is
 * no branch. */
static inline __attribute__((always_inline)) uint64_t
choose(bool is_b, uint64_t a, uint64_t b)
{
    return a ^ ((a ^ b) & (UINT64_C(0) - is_b));
}

/* The bytes of a word that do not count, where so many do. */
static inline uint64_t
bytes_after(size_t left)
{
    return left < 8 ? UINT64_MAX << 8 * left : 0;
}

static inline __attribute__((always_inline)) bool
begins_with(const struct fi_chunk_fsst_long *symbol, uint64_t word, uint64_t after)
{
    return (((word & symbol->mask) ^ symbol->symbol) | (after & symbol->mask)) == 0;
}

/* Code and size of the longest symbol with which the first `left` bytes of a word begin; an escape
 * if there is none. left > 0. */
static inline __attribute__((always_inline)) uint64_t
find_symbol(const struct fi_chunk_fsst *table, uint64_t word, size_t left)
{
    const unsigned bucket = table->buckets[bucket_of(word)];
    const struct fi_chunk_fsst_long *first = &table->longs[bucket & 0xff];
    const uint64_t after = bytes_after(left);
    const uint64_t pair = table->pairs[word & 0xffff];
    uint64_t found = table->singles[word & 0xff];
    DCHECK(left > 0);
    found = choose((pair != 0) & (left > 1), found, pair);
    for (const struct fi_chunk_fsst_long *last = first + (bucket >> 8); first < last; first++) {
        if (begins_with(first, word, after)) {
            return first->found;
        }
    }
    /* After a bucket come symbols with other first bytes, or none. */
    found = choose(begins_with(&first[1], word, after), found, first[1].found);
    return choose(begins_with(&first[0], word, after), found, first[0].found);
}

/* Where a value ends among the bytes of all, and what it becomes. */
struct place {
    uint32_t end;
    uint32_t out_end;
};

/* Values that are being encoded, one after the other. */
struct stream {
    struct place *place;
    size_t at;
    size_t last;
    size_t to;
};

/* Encodes what one code stands for; raw has 8 bytes after the last value. The value goes on, or the
 * next one begins: no branch depends on that, nor on the code. */
static inline __attribute__((always_inline)) void
encode_next(const struct fi_chunk_fsst *table, const uint8_t *raw, struct stream *stream,
            uint8_t *out)
{
    const uint64_t word = fi_load_le64(raw + stream->at);
    const uint32_t end = stream->place->end;
    const uint64_t found = find_symbol(table, word, end - stream->at);
    out[stream->to] = (uint8_t)found;
    out[stream->to + 1] = (uint8_t)word;
    stream->to += 1 + (size_t)((uint8_t)found == ESCAPE);
    stream->at += found >> 8;
    stream->place->out_end = (uint32_t)stream->to;
    stream->place += stream->at == end;
}

/* Encodes contiguous values, none of them empty, with 8 more bytes after them. out has twice their
 * size, and one. Two halves are encoded at once, so that neither waits for the other. Returns the
 * size. */
static size_t
encode_values(const struct fi_chunk_fsst *table, const uint8_t *raw, struct place *places,
              size_t count, uint8_t *out)
{
    const size_t half = count / 2;
    const size_t middle = half == 0 ? 0 : places[half - 1].end;
    struct stream first = {.place = places, .last = middle};
    struct stream second = {.place = places + half,
                            .at = middle,
                            .last = count == 0 ? 0 : places[count - 1].end,
                            .to = 2 * middle};
    while (first.at < first.last && second.at < second.last) {
        encode_next(table, raw, &first, out);
        encode_next(table, raw, &second, out);
    }
    struct stream *longer = first.at < first.last ? &first : &second;
    while (longer->at < longer->last) {
        encode_next(table, raw, longer, out);
    }
    DCHECK(first.to <= 2 * middle && second.place == places + count);
    const size_t gap = 2 * middle - first.to;
    memmove(out + first.to, out + 2 * middle, second.to - 2 * middle);
    for (size_t i = half; i < count; i++) {
        places[i].out_end -= (uint32_t)gap;
    }
    return second.to - gap;
}

/* ---- training ---- */

struct candidate {
    uint64_t symbol;
    uint64_t gain;
    uint32_t size;
};

struct training {
    uint8_t sample[SAMPLE_SIZE + 8]; /* pieces side by side, then zeros */
    struct place places[SAMPLE_SIZE / 8];
    size_t sample_count;
    size_t sample_size;
    uint32_t counts[UNITS];
    uint16_t pairs[UNITS][UNITS];
    uint32_t pairs_seen[SAMPLE_SIZE]; /* UNITS * first + second: those with a count */
    size_t pairs_count;
    struct candidate candidates[UNITS + SAMPLE_SIZE];
    uint8_t encoded[2 * SAMPLE_SIZE + 1];
};

static inline firn_slice
bytes_at(const struct fi_chunk_values *values, size_t i)
{
    bool is_valid = values->valid == NULL || fi_chunk_has_bit(values->valid, i);
    return is_valid ? values->as.bytes[i] : firn_bytes("", 0);
}

/* Beginnings of values from all over the chunk, which has that many bytes. */
static void
take_sample(const struct fi_chunk_values *values, size_t raw, struct training *training)
{
    size_t most = raw / SAMPLE_PART < SAMPLE_SIZE_MIN ? SAMPLE_SIZE_MIN : raw / SAMPLE_PART;
    most = most < SAMPLE_SIZE ? most : SAMPLE_SIZE;
    const size_t room = sizeof training->places / sizeof training->places[0];
    size_t step = values->count / 512 + 1;
    for (size_t first = 0; first < step && first < 8; first++) {
        for (size_t i = first; i < values->count; i += step) {
            firn_slice value = bytes_at(values, i);
            value.size = value.size < PIECE_SIZE_MAX ? value.size : PIECE_SIZE_MAX;
            if (value.size == 0) {
                continue;
            }
            if (training->sample_count == room || training->sample_size + value.size > most) {
                return;
            }
            memcpy(training->sample + training->sample_size, value.data, value.size);
            training->sample_size += value.size;
            training->places[training->sample_count++].end = (uint32_t)training->sample_size;
        }
    }
}

static void
count_units(const struct fi_chunk_fsst *table, struct training *training)
{
    uint16_t *pairs = training->pairs[0];
    for (size_t i = 0; i < training->pairs_count; i++) {
        pairs[training->pairs_seen[i]] = 0;
    }
    training->pairs_count = 0;
    memset(training->counts, 0, sizeof training->counts);
    size_t at = 0;
    for (size_t i = 0; i < training->sample_count; i++) {
        size_t before = UNITS;
        while (at < training->places[i].end) {
            uint64_t found = find_symbol(table, fi_load_le64(training->sample + at),
                                         training->places[i].end - at);
            size_t unit = found & 0xff;
            if (unit == ESCAPE) {
                unit = 256 + (size_t)training->sample[at];
            }
            at += found >> 8;
            training->counts[unit]++;
            size_t pair = UNITS * before + unit;
            if (before != UNITS && pairs[pair]++ == 0) {
                DCHECK(training->pairs_count < SAMPLE_SIZE);
                training->pairs_seen[training->pairs_count++] = (uint32_t)pair;
            }
            before = unit;
        }
    }
}

static uint64_t
unit_symbol(const struct fi_chunk_fsst *table, size_t unit)
{
    DCHECK(unit != ESCAPE);
    return unit < 256 ? table->symbols[unit] : unit - 256;
}

static uint32_t
unit_size(const struct fi_chunk_fsst *table, size_t unit)
{
    DCHECK(unit != ESCAPE);
    return unit < 256 ? table->sizes[unit] : 1;
}

/* Symbols that occur, and pairs of them; at most as many as the sample has bytes, and units. */
static size_t
find_candidates(const struct fi_chunk_fsst *table, struct training *training)
{
    size_t count = 0;
    for (size_t a = 0; a < UNITS; a++) {
        if (training->counts[a] > 0) {
            uint32_t size = unit_size(table, a);
            /* An escaped byte takes two, so a byte of its own saves more than its size. */
            uint64_t weight = size == 1 ? 2 : size;
            training->candidates[count++] =
                (struct candidate){unit_symbol(table, a), weight * training->counts[a], size};
        }
    }
    for (size_t i = 0; i < training->pairs_count; i++) {
        const size_t a = training->pairs_seen[i] / UNITS;
        const size_t b = training->pairs_seen[i] % UNITS;
        const uint32_t size = unit_size(table, a);
        if (training->pairs[a][b] < PAIRS_MIN || size == FI_CHUNK_FSST_SYMBOL_SIZE_MAX) {
            continue;
        }
        uint32_t joined = size + unit_size(table, b);
        joined = joined < FI_CHUNK_FSST_SYMBOL_SIZE_MAX ? joined : FI_CHUNK_FSST_SYMBOL_SIZE_MAX;
        uint64_t both = unit_symbol(table, a) | unit_symbol(table, b) << 8 * size;
        training->candidates[count++] =
            (struct candidate){both, (uint64_t)joined * training->pairs[a][b], joined};
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
clear_table(struct fi_chunk_fsst *table)
{
    memset(table, 0, sizeof *table);
    for (size_t i = 0; i < 256; i++) {
        table->singles[i] = code_and_size(ESCAPE, 1);
    }
    for (size_t i = 0; i < sizeof table->longs / sizeof table->longs[0]; i++) {
        table->longs[i].symbol = 1; /* none */
    }
}

/* Symbols of three bytes or more by bucket, in the order of their codes. */
static void
fill_buckets(struct fi_chunk_fsst *table)
{
    uint8_t counts[1 << FI_CHUNK_FSST_BUCKET_BITS] = {0};
    uint8_t nexts[1 << FI_CHUNK_FSST_BUCKET_BITS];
    size_t total = 0;
    for (size_t i = 0; i < table->count; i++) {
        if (table->sizes[i] > 2) {
            counts[bucket_of(table->symbols[i])]++;
        }
    }
    for (size_t i = 0; i < sizeof counts; i++) {
        unsigned more = counts[i] > 2 ? counts[i] - 2U : 0;
        nexts[i] = (uint8_t)total;
        table->buckets[i] = (uint16_t)(total | more << 8);
        total += counts[i];
    }
    for (size_t i = 0; i < table->count; i++) {
        if (table->sizes[i] > 2) {
            table->longs[nexts[bucket_of(table->symbols[i])]++] =
                (struct fi_chunk_fsst_long){.symbol = table->symbols[i],
                                            .mask = UINT64_MAX >> (64 - 8 * table->sizes[i]),
                                            .found = code_and_size(i, table->sizes[i])};
        }
    }
    DCHECK(total <= FI_CHUNK_FSST_SYMBOLS_MAX);
}

/* The best candidates become the table. */
static void
choose_symbols(struct fi_chunk_fsst *table, struct candidate *candidates, size_t count)
{
    size_t kept = 0;
    fi_sort(candidates, count, sizeof *candidates, compare_symbols);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && compare_symbols(&candidates[kept - 1], &candidates[i]) == 0) {
            candidates[kept - 1].gain += candidates[i].gain;
        } else {
            candidates[kept++] = candidates[i];
        }
    }
    if (kept > FI_CHUNK_FSST_SYMBOLS_MAX) {
        fi_sort(candidates, kept, sizeof *candidates, compare_gains);
        kept = FI_CHUNK_FSST_SYMBOLS_MAX;
    }
    fi_sort(candidates, kept, sizeof *candidates, compare_places);
    DCHECK(kept <= FI_CHUNK_FSST_SYMBOLS_MAX);
    clear_table(table);
    table->count = kept;
    for (size_t i = 0; i < kept; i++) {
        size_t both = (size_t)(candidates[i].symbol & 0xffff);
        table->symbols[i] = candidates[i].symbol;
        table->sizes[i] = (uint8_t)candidates[i].size;
        if (candidates[i].size == 1) {
            table->singles[both] = code_and_size(i, 1);
        } else if (candidates[i].size == 2) {
            table->pairs[both] = code_and_size(i, 2);
        }
    }
    fill_buckets(table);
}

int
fi_chunk_fsst_train(const struct fi_chunk_values *values, struct fi_chunk_fsst *out,
                    size_t *out_cost)
{
    struct training *training = fi_alloc(sizeof *training);
    if (training == NULL) {
        return FIRN_NO_MEMORY;
    }
    size_t raw = 0;
    for (size_t i = 0; i < values->count; i++) {
        raw += bytes_at(values, i).size;
    }
    training->sample_count = 0;
    training->sample_size = 0;
    training->pairs_count = 0;
    memset(training->pairs, 0, sizeof training->pairs);
    take_sample(values, raw, training);
    memset(training->sample + training->sample_size, 0, 8);
    DCHECK(values->kind == FI_PHYSICAL_BYTES && training->sample_size <= SAMPLE_SIZE);
    clear_table(out);
    for (unsigned round = 0; round < ROUNDS; round++) {
        count_units(out, training);
        choose_symbols(out, training->candidates, find_candidates(out, training));
    }
    size_t encoded = encode_values(out, training->sample, training->places, training->sample_count,
                                   training->encoded);
    size_t in_sample = training->sample_size == 0 ? 1 : training->sample_size;
    *out_cost = 1 + 9 * out->count + (size_t)((uint64_t)raw * encoded / in_sample);
    fi_free(training);
    return FIRN_OK;
}

/* ---- writing ---- */

int
fi_chunk_fsst_put_table(const struct fi_chunk_fsst *table, struct fi_buf *out)
{
    int rc = fi_buf_append_u8(out, (uint8_t)table->count);
    for (size_t i = 0; rc == FIRN_OK && i < table->count; i++) {
        rc = fi_buf_append_le64(out, table->symbols[i]);
    }
    return rc == FIRN_OK ? fi_buf_append(out, table->sizes, table->count) : rc;
}

int
fi_chunk_fsst_put(const struct fi_chunk_values *values, const struct fi_chunk_fsst *table,
                  size_t start, size_t count, unsigned *out_width, struct fi_buf *out)
{
    int rc;
    uint64_t sizes[FI_CHUNK_BLOCK];
    struct place places[FI_CHUNK_BLOCK] = {{.end = 0}};
    struct fi_buf memory = {0};
    size_t raw = 0;
    size_t filled = 0;
    for (size_t i = 0; i < count; i++) {
        raw += bytes_at(values, start + i).size;
    }
    DCHECK(count <= FI_CHUNK_BLOCK && raw <= FI_CHUNK_BYTES_MAX);
    FI_TRY(fi_buf_set_size(&memory, 3 * raw + 8 + 1));
    uint8_t *encoded = memory.data + raw + 8;
    raw = 0;
    for (size_t i = 0; i < count; i++) {
        firn_slice value = bytes_at(values, start + i);
        if (value.size > 0) {
            memcpy(memory.data + raw, value.data, value.size);
            raw += value.size;
            places[filled++].end = (uint32_t)raw;
        }
    }
    memset(memory.data + raw, 0, 8);
    size_t size = encode_values(table, memory.data, places, filled, encoded);
    filled = 0;
    uint32_t before = 0;
    for (size_t i = 0; i < count; i++) {
        bool is_filled = bytes_at(values, start + i).size > 0;
        sizes[i] = is_filled ? places[filled].out_end - before : 0;
        before = is_filled ? places[filled].out_end : before;
        filled += is_filled;
    }
    FI_TRY(fi_buf_append_le32(out, (uint32_t)raw));
    FI_TRY(fi_chunk_put_sizes(out, sizes, count, out_width));
    FI_TRY(fi_buf_append(out, encoded, size));
out:
    fi_buf_deinit(&memory);
    return rc;
}

/* ---- reading ---- */

bool
fi_chunk_fsst_open(struct fi_chunk *chunk, size_t *at)
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
fi_chunk_fsst_check(const struct fi_chunk *chunk)
{
    const uint8_t *sizes = chunk->bytes.data + chunk->parts.entry_ends;
    DCHECK(chunk->encoding == FI_ENCODING_FSST);
    for (size_t i = 0; i < chunk->parts.entry_count; i++) {
        if (sizes[i] == 0 || sizes[i] > FI_CHUNK_FSST_SYMBOL_SIZE_MAX) {
            return false;
        }
    }
    return true;
}

/* has_room: also for the longest symbols. */
static inline __attribute__((always_inline)) bool
decode_codes(const struct fi_chunk *chunk, firn_slice codes, uint8_t *out, size_t room,
             bool has_room, size_t *out_size)
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
        if (!has_room && to > room) {
            return false;
        }
    }
    DCHECK(to <= room);
    *out_size = to;
    return true;
}

/* Decodes a value to out, which has room for room bytes and 8 more. False where it is longer, or
 * has codes that there are not. */
static bool
decode_value(const struct fi_chunk *chunk, firn_slice codes, uint8_t *out, size_t room,
             size_t *out_size)
{
    return codes.size <= room / FI_CHUNK_FSST_SYMBOL_SIZE_MAX
               ? decode_codes(chunk, codes, out, room, true, out_size)
               : decode_codes(chunk, codes, out, room, false, out_size);
}

/* A block taken apart. */
struct parts {
    size_t raw;
    uint64_t min;
    const uint8_t *sizes;
    firn_slice bytes;
};

static int
chunk_fsst_split(const struct fi_chunk_block *view, struct parts *out, firn_error *err)
{
    size_t head = HEAD_SIZE + fi_chunk_bits_size(view->count, view->width);
    *out = (struct parts){0};
    if (view->data.size < head || fi_load_le32(view->data.data) > FI_CHUNK_BYTES_MAX) {
        return fi_chunk_corrupt(err, "sizes of values are cut, or too large");
    }
    out->raw = fi_load_le32(view->data.data);
    out->min = fi_load_le32(view->data.data + 4);
    out->sizes = view->data.data + HEAD_SIZE;
    out->bytes = firn_bytes(view->data.data + head, view->data.size - head);
    return FIRN_OK;
}

static int
make_room(struct fi_chunk_scratch *scratch, size_t size, firn_error *err)
{
    fi_buf_clear(&scratch->bytes);
    return fi_buf_set_size(&scratch->bytes, size + 8) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "decoded values");
}

/* How many values a block has up to the last one that is wanted. */
static size_t
end_of_wanted(const uint64_t *wanted, size_t count)
{
    size_t words = (count + 63) / 64;
    if (wanted == NULL) {
        return count;
    }
    while (words > 0 && wanted[words - 1] == 0) {
        words--;
    }
    const size_t end = words == 0 ? 0 : 64 * words - (size_t)__builtin_clzll(wanted[words - 1]);
    DCHECK(end <= 64 * words);
    return end < count ? end : count;
}

int
fi_chunk_fsst_read(const struct fi_chunk *chunk, const struct fi_chunk_block *view,
                   const uint64_t *wanted, struct fi_chunk_scratch *scratch, firn_slice *out,
                   firn_error *err)
{
    struct parts parts;
    uint64_t sizes[FI_CHUNK_BLOCK];
    size_t from = 0;
    size_t to = 0;
    int rc = chunk_fsst_split(view, &parts, err);
    rc = rc == FIRN_OK ? make_room(scratch, parts.raw, err) : rc;
    if (rc != FIRN_OK) {
        return rc;
    }
    fi_chunk_bits_decode(parts.sizes, view->count, view->width, parts.min, 1, sizes);
    const size_t end = end_of_wanted(wanted, view->count);
    for (size_t i = 0; i < end; i++) {
        size_t size = 0;
        uint8_t *at = scratch->bytes.data + to;
        if (sizes[i] > parts.bytes.size - from) {
            return fi_chunk_corrupt(err, "values are longer than their block");
        }
        if ((wanted == NULL || fi_chunk_has_bit(wanted, i)) &&
            !decode_value(chunk, firn_bytes(parts.bytes.data + from, (size_t)sizes[i]), at,
                          parts.raw - to, &size)) {
            return fi_chunk_corrupt(err, "a value has codes that are not, or too many");
        }
        out[i] = firn_bytes(at, size);
        from += sizes[i];
        to += size;
    }
    for (size_t i = end; i < view->count; i++) {
        out[i] = firn_bytes("", 0);
    }
    return end < view->count || (from == parts.bytes.size && (wanted != NULL || to == parts.raw))
               ? FIRN_OK
               : fi_chunk_corrupt(err, "values are shorter than their block");
}

int
fi_chunk_fsst_get(const struct fi_chunk *chunk, const struct fi_chunk_block *view, size_t i,
                  struct fi_chunk_scratch *scratch, firn_slice *out, firn_error *err)
{
    struct parts parts;
    size_t decoded = 0;
    int rc = chunk_fsst_split(view, &parts, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    fi_chunk_bits_sum128 start = fi_chunk_bits_sum_first(parts.sizes, view->count, view->width, i) +
                                 (fi_chunk_bits_sum128)parts.min * i;
    fi_chunk_bits_sum128 size = (fi_chunk_bits_sum128)parts.min +
                                fi_chunk_bits_get(parts.sizes, view->count, view->width, i);
    if (start + size > parts.bytes.size) {
        return fi_chunk_corrupt(err, "values are longer than their block");
    }
    firn_slice codes = firn_bytes(parts.bytes.data + (size_t)start, (size_t)size);
    size_t room = codes.size < parts.raw / FI_CHUNK_FSST_SYMBOL_SIZE_MAX
                      ? codes.size * FI_CHUNK_FSST_SYMBOL_SIZE_MAX
                      : parts.raw;
    rc = make_room(scratch, room, err);
    if (rc == FIRN_OK && !decode_value(chunk, codes, scratch->bytes.data, room, &decoded)) {
        return fi_chunk_corrupt(err, "a value has codes that are not, or too many");
    }
    *out = rc == FIRN_OK ? firn_bytes(scratch->bytes.data, decoded) : firn_bytes("", 0);
    return rc;
}
