/* SPDX-License-Identifier: Apache-2.0
 *
 * graph/graph_sketch.c: the codes of lists as sketches, which memory can hold.
 *
 * A search reads a twentieth of all codes (graph_lists.c), far more than the vectors that it
 * compares in the end. So what it needs of the codes is kept in the cache: 3 bits a number, made
 * when a search first reads them. The file does not contain sketches.
 *
 * A sketch describes what a node differs from the center of its list, r = y - c. Its numbers become
 * eight levels L, at equal distances, from -3.5 to 3.5 steps; of a few steps the best is taken, by
 * the angle between r and L. With f = |r|^2 / (L . r) the vector e = r - f L is at right angles to
 * r. So for a query q, less the center, the estimate
 *
 *   |q - r|^2 = |q|^2 + |r|^2 - 2 f (q . L) - 2 (q . e)
 *
 * without its last term is wrong only by the part of q that is at right angles to r, whose length
 * is at most |q - r| = v. If the directions of e and q have nothing to do with each other, q . e is
 * normally distributed with the deviation v |e| / root(numbers), and the estimate of v with |e| /
 * root(numbers) (Gao and Long, "RaBitQ: quantizing high-dimensional vectors with a theoretical
 * error bound for approximate nearest neighbor search", 2024, who rotate vectors to make sure of
 * that). A record has f, |r|^2 and this deviation. The codes of the node and of the query were
 * rounded, too; that adds 1 / root(12) of their steps to the deviation. Under DOT, q is not made
 * smaller by the center, and the estimate is 2 - 2 (q . c) - 2 f (q . L).
 *
 * DEVIATIONS times the deviation counts as the bound of the error (graph_exact.c): of the nodes
 * that are just as near as the last one wanted, one in a hundred may be missed; of nearer ones,
 * fewer. All nodes of a list have one deviation, the root of the mean square of theirs.
 *
 * Sketches are in blocks of BLOCK_SIZE bytes, in the order of the nodes, so that a list is in one
 * or two of them. To the cache they are the blocks of a file of their own. They are larger than its
 * slots, because larger blocks may also use the memory that memtables do not need
 * (block_cache_lend.c). What a sketch says depends on the graph alone, so a search finds the same
 * whether sketches are in the cache or not.
 *
 * (I1) A distance is 0 or more, whatever a code of the file says. (Checked in measure_records.)
 */
#include "graph/graph_internal.h"

#include "base/mem.h"
#include "codec/compress.h"
#include "vector/vector_sketch.h"

enum {
    TAIL = 8, /* f and |r|^2, 24 bits each, and the deviation, 16 bits: the upper ones of a float */
    STEPS = 3,
    BLOCK_SIZE = 16 << 10,
    CACHE_LINE = 64
};
#define DEVIATIONS 2.5F

typedef uint8_t uint8x4 __attribute__((vector_size(4)));
typedef int32_t int32x4 __attribute__((vector_size(16)));
typedef uint32_t uint32x4 __attribute__((vector_size(16)));
typedef float float32x4 __attribute__((vector_size(16)));

/* A search's memory. */
struct fi_graph_sketches {
    float *errors; /* of each list, once it was measured: what the roots of distances may be wrong
                    * by; else negative */
    size_t errors_room;
    struct fi_buf stored; /* codes as they are in the file */
    struct fi_buf decoded;
    struct fi_buf made; /* sketches that were made */
    struct fi_compress *compress;
    /* Of a query less a center, or of a node less its own, used by one after the other: numbers, up
     * to a multiple of four, and a code or a level of each. */
    float *rest;
    size_t rest_room;
    uint8_t *codes;
    size_t codes_room;
    int8_t *query; /* in the order of sketches */
    size_t query_room;
    struct fi_graph_quantised of_query;
};

static size_t
round_up(size_t numbers, size_t multiple)
{
    return (numbers + multiple - 1) / multiple * multiple;
}

static size_t
record_size(const struct fi_graph *graph)
{
    return fi_vector_sketch_size(graph->numbers) + TAIL;
}

/* How many nodes a block has. */
static uint32_t
nodes_per_block(const struct fi_graph *graph)
{
    const size_t most = (BLOCK_SIZE - FI_VECTOR_SKETCH_PAST) / record_size(graph);
    return most > 0 ? (uint32_t)most : 1;
}

/* The list that a node is in. */
static uint32_t
list_of(const struct fi_graph *graph, uint32_t node)
{
    size_t low = 0;
    size_t high = graph->list_count;
    FI_SEARCH_FIRST(low, high, middle, graph->list_starts[middle + 1] <= node);
    DCHECK(low < graph->list_count && graph->list_starts[low] <= node);
    return (uint32_t)low;
}

/* ---- making ---- */

/* The upper bits of a number that is not negative, rounded; of one that is too large, infinity. */
static uint32_t
upper_bits(float number, unsigned bits)
{
    const uint32_t half = UINT32_C(1) << (31 - bits);
    uint32_t all;
    memcpy(&all, &number, sizeof all);
    return number >= 0 && number < 3e38F ? (all + half) >> (32 - bits)
                                         : UINT32_C(0x7f800000) >> (32 - bits);
}

static void
write_tail(float factor, float squares, float deviation, uint8_t *out)
{
    fi_store_le64(out, (uint64_t)upper_bits(factor, 24) | (uint64_t)upper_bits(squares, 24) << 24 |
                           (uint64_t)upper_bits(deviation, 16) << 48);
}

static float
add_four(float32x4 numbers)
{
    return (numbers[0] + numbers[1]) + (numbers[2] + numbers[3]);
}

/* Four numbers of a record. */
static inline float32x4
numbers_of(const uint8_t *record, float scale)
{
    uint8x4 bytes;
    memcpy(&bytes, record, sizeof bytes);
    return scale *
           __builtin_convertvector(__builtin_convertvector(bytes, int32x4) - 128, float32x4);
}

/* Writes what the record of a node differs from that of a center, and zeros up to a multiple of
 * four; returns the sum of the squares. */
static float
subtract(const struct fi_graph *graph, const uint8_t *record, const uint8_t *center, float *out)
{
    const float scale = fi_graph_scale_of(graph, record);
    const float other = fi_graph_scale_of(graph, center);
    float32x4 squares = {0};
    for (uint32_t i = 0; i < graph->numbers; i += 4) {
        float32x4 rest = numbers_of(record + i, scale) - numbers_of(center + i, other);
        for (uint32_t k = 4; k > graph->numbers - i; k--) {
            rest[k - 1] = 0;
        }
        squares += rest * rest;
        memcpy(out + i, &rest, sizeof rest);
    }
    return add_four(squares);
}

/* How well levels at equal distances stand for some numbers. */
struct fit {
    float product; /* L . r */
    float squares; /* |L|^2 */
};

/* The levels of four numbers that are multiplied with a factor first; of what is not a number, the
 * lowest. */
static inline int32x4
levels_of(const float *rest, float factor)
{
    const float32x4 most = {7, 7, 7, 7};
    float32x4 scaled;
    memcpy(&scaled, rest, sizeof scaled);
    scaled = scaled * factor + 4;
    scaled = (float32x4)((int32x4)scaled & (scaled > 0));
    const int32x4 is_more = scaled > most;
    scaled = (float32x4)(((int32x4)most & is_more) | ((int32x4)scaled & ~is_more));
    return __builtin_convertvector(scaled, int32x4);
}

static struct fit
try_levels(const float *rest, size_t count, float factor)
{
    float32x4 products = {0};
    float32x4 squares = {0};
    for (size_t i = 0; i < count; i += 4) {
        float32x4 number;
        memcpy(&number, rest + i, sizeof number);
        const float32x4 value =
            __builtin_convertvector(levels_of(rest + i, factor), float32x4) - 3.5F;
        products += value * number;
        squares += value * value;
    }
    /* Numbers after the last one are 0: level 4, value 1/2. */
    const float extra = (float)(round_up(count, 4) - count) / 4;
    return (struct fit){add_four(products), add_four(squares) - extra};
}

static void
write_levels(const float *rest, size_t count, float factor, uint8_t *out)
{
    for (size_t i = 0; i < count; i += 4) {
        const uint8x4 bytes = __builtin_convertvector(levels_of(rest + i, factor), uint8x4);
        memcpy(out + i, &bytes, sizeof bytes);
    }
}

/* Writes the record of a node. */
static void
make_record(const struct fi_graph *graph, struct fi_graph_sketches *sketches, uint32_t list,
            const uint8_t *code, uint8_t *out)
{
    /* Of the root of the mean square: the best for numbers that are evenly, normally and
     * exponentially distributed, about. */
    static const float steps[STEPS] = {0.46F, 0.586F, 0.75F};
    const size_t count = graph->numbers;
    const float squares = subtract(graph, code, fi_graph_center_of(graph, list), sketches->rest);
    const float scale = fi_graph_scale_of(graph, code);
    float factor = 0;
    float error = 0;
    memset(sketches->codes, 0, round_up(count, 4));
    if (squares > 0) {
        const float mean = (float)fi_vector_distance_root((double)squares / (double)count);
        struct fit fits[STEPS];
        size_t best = 0;
        for (size_t i = 0; i < STEPS; i++) {
            fits[i] = try_levels(sketches->rest, count, 1 / (steps[i] * mean));
            /* The greater cosine. */
            best = fits[i].product * fits[i].product * fits[best].squares >
                           fits[best].product * fits[best].product * fits[i].squares
                       ? i
                       : best;
        }
        write_levels(sketches->rest, count, 1 / (steps[best] * mean), sketches->codes);
        factor = squares / fits[best].product;
        error = factor * factor * fits[best].squares - squares;
    }
    const float own = scale * scale / 12;
    const float square = (error > 0 ? error : 0) / (float)count + own;
    const float deviation = (float)fi_vector_distance_root(square > 0 ? (double)square : 0);
    fi_vector_sketch_write(sketches->codes, count, out);
    write_tail(factor, graph->parameters.metric == FI_VECTOR_DOT ? 0 : squares, deviation,
               out + fi_vector_sketch_size(count));
}

/* Decodes a block of codes; *out is valid until the next one. */
static int
decode_codes(const struct fi_graph *graph, struct fi_graph_sketches *sketches, uint32_t block,
             const uint8_t *stored, const uint8_t **out, firn_error *err)
{
    const struct fi_block_ref ref = fi_graph_read_ref(graph, &graph->codes, block);
    firn_slice raw;
    FI_TRY_RETURN(fi_block_reader_decode(graph->reader, &ref, stored, sketches->compress,
                                         &sketches->decoded, &raw, err));
    *out = raw.data;
    return raw.size == ref.raw_size
               ? FIRN_OK
               : fi_error_set(err, FIRN_CORRUPT, "'%s': a block of a graph has another size",
                              fi_block_reader_path(graph->reader));
}

/* Reads the codes of some nodes from the file at once, and makes their sketches. Codes are not
 * kept in the cache. */
static int
make_block(const struct fi_graph *graph, struct fi_graph_sketches *sketches, uint32_t first,
           uint32_t end, firn_error *err)
{
    const struct fi_graph_array *codes = &graph->codes;
    const size_t record = record_size(graph);
    const uint32_t begin = fi_graph_array_block(codes, first);
    const uint32_t last = fi_graph_array_block(codes, end - 1);
    const uint64_t offset = fi_graph_read_ref(graph, codes, begin).offset;
    const struct fi_block_ref ref = fi_graph_read_ref(graph, codes, last);
    const size_t size = (size_t)(ref.offset + fi_block_reader_span(&ref) - offset);
    const size_t made = (end - first) * record + FI_VECTOR_SKETCH_PAST;
    uint32_t list = list_of(graph, first);
    if (fi_buf_set_size(&sketches->stored, size) != FIRN_OK ||
        fi_buf_set_size(&sketches->made, made) != FIRN_OK) {
        return fi_error_no_memory(err, "a search among vectors");
    }
    FI_TRY_RETURN(
        fi_block_reader_read_span(graph->reader, offset, size, sketches->stored.data, err));
    uint8_t *out = sketches->made.data;
    for (uint32_t block = begin; block <= last; block++) {
        const uint64_t within = fi_graph_read_ref(graph, codes, block).offset - offset;
        const uint32_t from = block == begin ? first : block * codes->per_block;
        const uint32_t to = block == last ? end : (block + 1) * codes->per_block;
        const uint8_t *records;
        FI_TRY_RETURN(
            decode_codes(graph, sketches, block, sketches->stored.data + within, &records, err));
        records += (size_t)(from - block * codes->per_block) * codes->stride;
        for (uint32_t node = from; node < to; node++) {
            while (graph->list_starts[list + 1] <= node) {
                list++;
            }
            make_record(graph, sketches, list, records, out);
            records += codes->stride;
            out += record;
        }
    }
    memset(out, 0, FI_VECTOR_SKETCH_PAST);
    return FIRN_OK;
}

/* ---- searching ---- */

static void
graph_sketch_destroy(struct fi_graph_sketches *sketches)
{
    fi_buf_deinit(&sketches->stored);
    fi_buf_deinit(&sketches->decoded);
    fi_buf_deinit(&sketches->made);
    fi_compress_destroy(sketches->compress);
    fi_free(sketches->errors);
    fi_free(sketches->rest);
    fi_free(sketches->codes);
    fi_free(sketches->query);
    fi_free(sketches);
}

float
fi_graph_sketch_error(const struct fi_graph *graph, const struct fi_graph_scratch *scratch,
                      uint32_t node)
{
    DCHECK(scratch->sketched == graph);
    const float error = scratch->sketches->errors[list_of(graph, node)];
    DCHECK(!(error < 0)); /* not a number: it bounds nothing */
    return error;
}

/* What is measured is the query, less a center if there is one. */
static void
set_query(const struct fi_graph *graph, struct fi_graph_scratch *scratch, const uint8_t *center)
{
    struct fi_graph_sketches *sketches = scratch->sketches;
    int8_t *codes = (int8_t *)sketches->codes;
    const float scale = center != NULL ? fi_graph_scale_of(graph, center) : 0;
    memcpy(sketches->rest, scratch->transformed, graph->numbers * sizeof *sketches->rest);
    for (uint32_t i = 0; center != NULL && i < graph->numbers; i += 4) {
        float32x4 rest;
        memcpy(&rest, sketches->rest + i, sizeof rest);
        rest -= numbers_of(center + i, scale);
        /* What is not a number, which only a damaged center can cause, is 0. */
        rest = (float32x4)((int32x4)rest & (rest - rest == 0));
        memcpy(sketches->rest + i, &rest, sizeof rest);
    }
    sketches->of_query = fi_graph_code_quantise(sketches->rest, graph->numbers, codes);
    fi_vector_sketch_query(codes, graph->numbers, sketches->query);
}

static int
graph_sketch_begin(const struct fi_graph *graph, struct fi_graph_scratch *scratch, firn_error *err)
{
    struct fi_graph_sketches *sketches = scratch->sketches;
    if (sketches == NULL) {
        sketches = fi_alloc_zeroed(sizeof *sketches);
        if (sketches == NULL) {
            return fi_error_no_memory(err, "a search among vectors");
        }
        scratch->sketches = sketches;
    }
    if (sketches->compress == NULL) {
        FI_TRY_RETURN(fi_compress_create(&sketches->compress, err));
    }
    const size_t rest = round_up(graph->numbers, 4);
    const size_t query = fi_vector_sketch_query_size(graph->numbers);
    FI_TRY_RETURN(FI_VEC_RESERVE(sketches->errors, graph->list_count, sketches->errors_room, err));
    FI_TRY_RETURN(FI_VEC_RESERVE(sketches->rest, rest, sketches->rest_room, err));
    FI_TRY_RETURN(FI_VEC_RESERVE(sketches->codes, rest, sketches->codes_room, err));
    FI_TRY_RETURN(FI_VEC_RESERVE(sketches->query, query, sketches->query_room, err));
    scratch->sketched = graph;
    for (uint32_t i = 0; i < graph->list_count; i++) {
        sketches->errors[i] = -1;
    }
    memset(sketches->rest, 0, rest * sizeof *sketches->rest);
    if (graph->parameters.metric == FI_VECTOR_DOT) {
        set_query(graph, scratch, NULL);
    }
    return FIRN_OK;
}

/* The tails of four records. */
struct tails {
    float32x4 factor;
    float32x4 squares;
    float32x4 deviation;
};

static inline struct tails
read_tails(const uint8_t *const records[4], size_t at)
{
    uint32x4 low;
    uint32x4 high;
    for (size_t k = 0; k < 4; k++) {
        low[k] = fi_load_le32(records[k] + at);
        high[k] = fi_load_le32(records[k] + at + 4);
    }
    return (struct tails){(float32x4)(low << 8), (float32x4)(low >> 24 << 8 | high << 16),
                          (float32x4)(high >> 16 << 16)};
}

/* Measures consecutive nodes, whose records these are; adds the squares of their deviations. */
static void
measure_records(const struct fi_graph *graph, struct fi_graph_scratch *scratch, float base,
                uint32_t first, uint32_t count, const uint8_t *records, float *squares)
{
    const struct fi_graph_sketches *sketches = scratch->sketches;
    const struct fi_graph_quantised *query = &sketches->of_query;
    const size_t size = record_size(graph);
    const float bias = 3.5F * (float)query->sum;
    float32x4 sums = {0};
    for (uint32_t i = 0; i < count; i += 4) {
        const uint32_t n = count - i < 4 ? count - i : 4;
        const uint8_t *four[4];
        int32_t dots[4];
        int32x4 products;
        uint32_t nodes[4];
        float distances[4];
        for (uint32_t k = 0; k < 4; k++) {
            four[k] = records + (k < n ? k : 0) * size;
            nodes[k] = first + i + k;
        }
        fi_vector_sketch_dot_four(sketches->query, four, graph->numbers, dots);
        memcpy(&products, dots, sizeof products);
        const struct tails tails = read_tails(four, size - TAIL);
        const float32x4 distance =
            base + tails.squares -
            2 * query->scale * tails.factor * (__builtin_convertvector(products, float32x4) - bias);
        /* Also where a factor or a norm is not a number: (I1). */
        const int32x4 bits = (int32x4)distance & (distance > 0);
        memcpy(distances, &bits, sizeof distances);
        /* (I1) */
        DCHECK(distances[0] >= 0 && distances[1] >= 0 && distances[2] >= 0 && distances[3] >= 0);
        fi_graph_walk_offer(&scratch->pool, distances, nodes, n);
        sums += tails.deviation * tails.deviation;
        records += 4 * size;
    }
    *squares += add_four(sums) * (float)count / (float)round_up(count, 4);
    scratch->evaluated += count;
}

/* Measures the nodes of a list that are in one block: from `node` on, up to *out_end. */
static int
measure_block(const struct fi_graph *graph, struct fi_graph_scratch *scratch, float base,
              uint32_t node, uint32_t list_end, float *squares, uint32_t *out_end, firn_error *err)
{
    struct fi_graph_sketches *sketches = scratch->sketches;
    const uint32_t per_block = nodes_per_block(graph);
    const uint32_t block = node / per_block;
    const uint32_t first = block * per_block;
    const uint32_t end = graph->count - first < per_block ? graph->count : first + per_block;
    struct fi_block_pin pin;
    const uint8_t *records;
    *out_end = list_end < end ? list_end : end;
    if (fi_block_cache_find(graph->cache, graph->sketch_file, block, FI_BLOCK_CACHE_DATA, &pin)) {
        records = pin.data;
    } else {
        FI_TRY_RETURN(make_block(graph, sketches, first, end, err));
        fi_block_cache_keep(graph->cache, graph->sketch_file, block, fi_buf_slice(&sketches->made),
                            FI_BLOCK_CACHE_DATA);
        records = sketches->made.data;
    }
    measure_records(graph, scratch, base, node, *out_end - node,
                    records + (size_t)(node - first) * record_size(graph), squares);
    fi_block_cache_unpin(graph->cache, &pin);
    return FIRN_OK;
}

static void
graph_sketch_prefetch(const struct fi_graph *graph, uint32_t list)
{
    const size_t size = record_size(graph);
    const uint32_t per_block = nodes_per_block(graph);
    const uint32_t end = graph->list_starts[list + 1];
    for (uint32_t node = graph->list_starts[list]; node < end;) {
        const uint32_t within = node % per_block;
        const uint32_t count = end - node < per_block - within ? end - node : per_block - within;
        struct fi_block_pin pin;
        if (fi_block_cache_find(graph->cache, graph->sketch_file, node / per_block,
                                FI_BLOCK_CACHE_DATA, &pin)) {
            for (size_t at = 0; at < count * size; at += CACHE_LINE) {
                __builtin_prefetch(pin.data + within * size + at, 0, 2);
            }
            fi_block_cache_unpin(graph->cache, &pin);
        }
        node += count;
    }
}

static int
graph_sketch_measure(const struct fi_graph *graph, struct fi_graph_scratch *scratch, uint32_t list,
                     float distance, firn_error *err)
{
    const bool is_dot = graph->parameters.metric == FI_VECTOR_DOT;
    struct fi_graph_sketches *sketches = scratch->sketches;
    const uint32_t begin = graph->list_starts[list];
    const uint32_t end = graph->list_starts[list + 1];
    float squares = 0;
    DCHECK(scratch->sketched == graph && begin <= end && end <= graph->count);
    if (!is_dot) {
        set_query(graph, scratch, fi_graph_center_of(graph, list));
    }
    const float base = is_dot ? distance : sketches->of_query.norm;
    for (uint32_t node = begin; node < end;) {
        FI_TRY_RETURN(measure_block(graph, scratch, base, node, end, &squares, &node, err));
    }
    const float step = sketches->of_query.scale;
    const double mean = begin < end ? (double)squares / (end - begin) : 0;
    const double square = mean + (double)(step * step) / 12;
    sketches->errors[list] =
        square >= 0 ? DEVIATIONS * (float)fi_vector_distance_root(square) : __builtin_nanf("");
    return FIRN_OK;
}

int
fi_graph_sketch_scratch_create(struct fi_graph_scratch **out, firn_error *err)
{
    static const struct fi_graph_sketching sketching = {.begin = graph_sketch_begin,
                                                        .measure = graph_sketch_measure,
                                                        .prefetch = graph_sketch_prefetch,
                                                        .destroy = graph_sketch_destroy};
    FI_TRY_RETURN(fi_graph_search_scratch_create(out, err));
    (*out)->sketching = &sketching;
    return FIRN_OK;
}
