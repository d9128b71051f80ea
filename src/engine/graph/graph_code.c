/* SPDX-License-Identifier: Apache-2.0
 *
 * graph/graph_code.c: vectors as codes of 8 bits a number, and distances between codes.
 *
 * Metrics differ in how a vector x is transformed to y, so that neither building nor walking knows
 * of them:
 *
 *   L2      y = s x - mean
 *   COSINE  y = x / |x| - mean
 *   DOT     y = s x, without a mean; a query is q / |q|
 *
 * s makes the largest number 1 (under DOT the largest norm), so that nothing overflows. The mean of
 * all vectors becomes 0, so that the 8 bits are not spent on what all vectors have in common. Then
 * each vector has a scale of its own, that of its largest number (Aguerrebere et al., "Similarity
 * search in the blink of an eye with compressed indices", 2023): y is about scale * c, with c from
 * -127 to 127. A record keeps 128 + c, the scale, and the norm: scale^2 times the sum of c^2. So
 * the distance of two codes is
 *
 *   norm_a + norm_b - 2 scale_a scale_b (c_a . c_b)
 *
 * which is the square of the Euclidean distance. Under DOT the norms are 1 for all vectors: so it
 * is 2 - 2 (y_a . y_b), which is never negative, and the nearest has the largest product.
 *
 * The sum of products is one pass of the kernel that multiplies signed by unsigned numbers; the
 * query's bias takes away what the 128 adds.
 *
 * (I1) A distance is 0 or more, for any bytes of a record: its bits as an integer have its order.
 *
 * Floating-point contraction or other orders of additions may make other codes on another machine.
 * This does no harm: a graph is walked with the codes in its file.
 */
#include "graph/graph_internal.h"

#include "base/check.h"
#include "base/mem.h"

/* ---- numbers ---- */

static float
number_at(const uint8_t *vector, size_t i)
{
    float value;
    memcpy(&value, vector + 4 * i, sizeof value);
    return value;
}

static double
norm_of(const uint8_t *vector, uint32_t dimensions)
{
    return fi_vector_distance_root(fi_vector_distance_squares(vector, dimensions));
}

FI_GRAPH_SMALL static double
largest_of(const uint8_t *vector, uint32_t dimensions)
{
    double largest = 0;
    for (uint32_t i = 0; i < dimensions; i++) {
        double value = (double)number_at(vector, i);
        value = value < 0 ? -value : value;
        largest = value > largest ? value : largest;
    }
    return largest;
}

/* ---- what all vectors say ---- */

FI_GRAPH_SMALL bool
fi_graph_code_accepts(const struct fi_graph_parameters *parameters, const uint8_t *vector)
{
    return fi_vector_distance_is_finite(vector, parameters->dimensions) &&
           (parameters->metric != FI_VECTOR_COSINE ||
            largest_of(vector, parameters->dimensions) > 0);
}

FI_GRAPH_SMALL void
fi_graph_code_survey(const struct fi_graph_parameters *parameters, struct fi_graph_survey *survey,
                     const uint8_t *vector)
{
    uint32_t dimensions = parameters->dimensions;
    double largest;
    DCHECK(fi_graph_code_accepts(parameters, vector));
    if (parameters->metric == FI_VECTOR_DOT) {
        largest = norm_of(vector, dimensions);
    } else {
        double factor =
            parameters->metric == FI_VECTOR_COSINE ? 1 / norm_of(vector, dimensions) : 1;
        for (uint32_t i = 0; i < dimensions; i++) {
            survey->sums[i] += (double)number_at(vector, i) * factor;
        }
        largest = largest_of(vector, dimensions);
    }
    survey->largest = largest > survey->largest ? largest : survey->largest;
    survey->count++;
}

FI_GRAPH_SMALL void
fi_graph_code_set_scale(struct fi_graph *graph, const struct fi_graph_survey *survey)
{
    double count = survey->count > 0 ? (double)survey->count : 1;
    bool is_scaled = graph->parameters.metric != FI_VECTOR_COSINE && survey->largest > 0;
    /* Smaller ones count as 0: a factor beyond this would not be finite in single precision. */
    double largest = survey->largest < 1e-37 ? 1e-37 : survey->largest;
    graph->scale = is_scaled ? 1 / largest : 1;
    for (uint32_t i = 0; i < graph->numbers; i++) {
        graph->mean[i] = (float)(survey->sums[i] * graph->scale / count);
    }
    DCHECK(graph->numbers == graph->parameters.dimensions);
}

/* ---- encoding ---- */

/* Numbers of a transformed query beyond this count as this, so that no sum of their squares leaves
 * single precision. Rows have none: their numbers are at most 1. A query so far away has the same
 * distance from all rows in double precision. */
#define FAR 1e15F

/* Numbers side by side: the compiler makes registers of them. */
typedef float float32x4 __attribute__((vector_size(16)));
typedef int32_t int32x4 __attribute__((vector_size(16)));
typedef double float64x4 __attribute__((vector_size(32)));

/* Four numbers at any address, or the last `left` of them and zeros. */
static inline float32x4
graph_code_load(const void *numbers, size_t left)
{
    float32x4 value = {0};
    if (left < 4) {
        memcpy(&value, numbers, left * sizeof(float));
    } else {
        memcpy(&value, numbers, sizeof value);
    }
    return value;
}

/* Of each number of a where the mask is set, else of b. */
static inline float32x4
graph_code_choose(int32x4 mask, float32x4 a, float32x4 b)
{
    return (float32x4)((mask & (int32x4)a) | (~mask & (int32x4)b));
}

/* out = factor * vector - mean. */
static void
transform(const struct fi_graph *graph, const uint8_t *vector, double factor, float *out)
{
    const float32x4 far = {FAR, FAR, FAR, FAR};
    for (uint32_t i = 0; i < graph->numbers; i += 4) {
        const size_t left = graph->numbers - i;
        const float32x4 numbers = graph_code_load(vector + (size_t)4 * i, left);
        float32x4 value = __builtin_convertvector(
            __builtin_convertvector(numbers, float64x4) * factor, float32x4);
        value = graph_code_choose(value > far, far, graph_code_choose(value < -far, -far, value)) -
                graph_code_load(graph->mean + i, left);
        if (left < 4) {
            memcpy(out + i, &value, left * sizeof *out);
        } else {
            memcpy(out + i, &value, sizeof value);
        }
    }
}

/* Writes offset + c for each of four numbers. */
static inline void
quantise4(float32x4 numbers, float inverse, uint8_t offset, int32x4 *sum, int32x4 *squares,
          uint8_t *out)
{
    typedef uint8_t uint8x4 __attribute__((vector_size(4)));
    const float32x4 half = {0.5F, 0.5F, 0.5F, 0.5F};
    const float32x4 value = numbers * inverse;
    const int32x4 code =
        __builtin_convertvector(value + graph_code_choose(value < 0, -half, half), int32x4);
    DCHECK(code[0] >= -127 && code[0] <= 127 && code[1] >= -127 && code[1] <= 127);
    DCHECK(code[2] >= -127 && code[2] <= 127 && code[3] >= -127 && code[3] <= 127);
    *sum += code;
    *squares += code * code;
    const uint8x4 bytes = __builtin_convertvector(code + offset, uint8x4);
    memcpy(out, &bytes, sizeof bytes);
}

static float
largest_number(const float *numbers, size_t count)
{
    float32x4 most = {0};
    for (size_t i = 0; i < count; i += 4) {
        const float32x4 value = graph_code_load(numbers + i, count - i);
        const float32x4 size = graph_code_choose(value < 0, -value, value);
        most = graph_code_choose(size > most, size, most);
    }
    const float one = most[0] > most[1] ? most[0] : most[1];
    const float two = most[2] > most[3] ? most[2] : most[3];
    return one > two ? one : two;
}

/* Writes offset + c for each number. */
static struct fi_graph_quantised
quantise(const float *numbers, size_t count, uint8_t offset, uint8_t *out)
{
    const float scale = largest_number(numbers, count) / 127;
    const float inverse = scale > 1e-30F ? 1 / scale : 0;
    int32x4 sums = {0};
    int32x4 squares = {0}; /* at most 127^2 times a quarter of the dimensions each */
    DCHECK(count > 0 && count <= FI_VECTOR_DIMENSIONS_MAX);
    for (size_t i = 0; i < count; i += 4) {
        uint8_t codes[4];
        quantise4(graph_code_load(numbers + i, count - i), inverse, offset, &sums, &squares, codes);
        if (count - i < 4) {
            memcpy(out + i, codes, count - i);
        } else {
            memcpy(out + i, codes, sizeof codes);
        }
    }
    const int64_t square = (int64_t)squares[0] + squares[1] + squares[2] + squares[3];
    return (struct fi_graph_quantised){scale, scale * scale * (float)square,
                                       sums[0] + sums[1] + sums[2] + sums[3]};
}

struct fi_graph_quantised
fi_graph_code_quantise(const float *numbers, size_t count, int8_t *codes)
{
    return quantise(numbers, count, 0, (uint8_t *)codes);
}

FI_GRAPH_SMALL void
fi_graph_code_write(const struct fi_graph *graph, const uint8_t *vector, float *transformed,
                    uint8_t *record)
{
    const struct fi_graph_parameters *parameters = &graph->parameters;
    size_t stride = graph->codes.stride;
    double factor = graph->scale;
    DCHECK(fi_graph_code_accepts(parameters, vector));
    if (parameters->metric == FI_VECTOR_COSINE) {
        factor = 1 / norm_of(vector, parameters->dimensions);
    }
    transform(graph, vector, factor, transformed);
    struct fi_graph_quantised code = quantise(transformed, graph->numbers, 128, record);
    code.norm = parameters->metric == FI_VECTOR_DOT ? 1 : code.norm;
    memset(record + graph->numbers, 0, stride - graph->numbers);
    memcpy(record + stride - 8, &code.scale, 4);
    memcpy(record + stride - 4, &code.norm, 4);
}

FI_GRAPH_SMALL void
fi_graph_code_write_center(const struct fi_graph *graph, const float *mean, uint8_t *record)
{
    const size_t stride = graph->codes.stride;
    struct fi_graph_quantised code = quantise(mean, graph->numbers, 128, record);
    /* Under DOT the norms of nodes are 1, whatever their length: so the order of centers by their
     * distance from a node is that by the norms of the centers less twice the products. */
    code.norm += graph->parameters.metric == FI_VECTOR_DOT ? 1 : 0;
    memset(record + graph->numbers, 0, stride - graph->numbers);
    memcpy(record + stride - 8, &code.scale, 4);
    memcpy(record + stride - 4, &code.norm, 4);
}

FI_GRAPH_SMALL void
fi_graph_code_end_centers(struct fi_graph *graph)
{
    const size_t stride = graph->codes.stride;
    const float norm = 1;
    for (size_t i = 0; graph->parameters.metric == FI_VECTOR_DOT && i < graph->list_count; i++) {
        memcpy(graph->centers + i * stride + stride - 4, &norm, sizeof norm);
    }
}

FI_GRAPH_SMALL int
fi_graph_code_prepare(const struct fi_graph *graph, struct fi_graph_scratch *scratch,
                      firn_error *err)
{
    size_t room = graph->measured;
    scratch->query.kernels = fi_vector_distance_kernels();
    scratch->other.kernels = scratch->query.kernels;
    if (scratch->query_room < room) {
        int8_t *one = fi_resize(scratch->query.codes, room);
        scratch->query.codes = one != NULL ? one : scratch->query.codes;
        int8_t *two = fi_resize(scratch->other.codes, room);
        scratch->other.codes = two != NULL ? two : scratch->other.codes;
        if (one == NULL || two == NULL) {
            return fi_error_no_memory(err, "a search among vectors");
        }
        scratch->query_room = room;
    }
    return FI_VEC_RESERVE(scratch->transformed, graph->numbers, scratch->transformed_room, err);
}

int
fi_graph_code_query(const struct fi_graph *graph, const uint8_t *vector,
                    struct fi_graph_scratch *scratch, firn_error *err)
{
    const struct fi_graph_parameters *parameters = &graph->parameters;
    struct fi_graph_query *query = &scratch->query;
    double factor = graph->scale;
    int rc = fi_graph_code_prepare(graph, scratch, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    DCHECK(graph->measured >= graph->numbers && scratch->query_room >= graph->measured);
    if (parameters->metric != FI_VECTOR_L2) {
        double norm = norm_of(vector, parameters->dimensions);
        factor = norm > 0 ? 1 / norm : 0;
    }
    transform(graph, vector, factor, scratch->transformed);
    struct fi_graph_quantised code =
        quantise(scratch->transformed, graph->numbers, 0, (uint8_t *)query->codes);
    memset(query->codes + graph->numbers, 0, graph->measured - graph->numbers);
    query->scale = code.scale;
    query->norm = parameters->metric == FI_VECTOR_DOT ? 1 : code.norm;
    query->bias = 128 * code.sum;
    return FIRN_OK;
}

/* The sum of four numbers of 16 bits. */
static int32_t
graph_code_fold(uint64_t sums)
{
    const uint64_t pairs =
        (sums & UINT64_C(0x0000ffff0000ffff)) + (sums >> 16 & UINT64_C(0x0000ffff0000ffff));
    return (int32_t)((pairs & UINT32_MAX) + (pairs >> 32));
}

void
fi_graph_code_query_of(const struct fi_graph *graph, const uint8_t *record,
                       struct fi_graph_query *out)
{
    /* Eight codes at once, as the build does this for each vector that it holds against others: 128
     * + c becomes c where the upper bit changes. */
    const uint64_t upper = UINT64_C(0x8080808080808080);
    const uint64_t even = UINT64_C(0x00ff00ff00ff00ff);
    uint64_t sums = 0; /* of 128 + c, as four numbers of 16 bits */
    int32_t sum = -128 * (int32_t)graph->numbers;
    uint32_t i = 0;
    DCHECK(graph->measured >= graph->numbers && out->codes != NULL);
    for (; graph->numbers - i >= 8; i += 8) {
        uint64_t eight;
        memcpy(&eight, record + i, sizeof eight);
        sums += (eight & even) + (eight >> 8 & even);
        eight ^= upper;
        memcpy(out->codes + i, &eight, sizeof eight);
        if (i % 1024 == 1016) { /* 128 times two bytes: 16 bits are full */
            sum += graph_code_fold(sums);
            sums = 0;
        }
    }
    sum += graph_code_fold(sums);
    for (; i < graph->numbers; i++) {
        out->codes[i] = (int8_t)(record[i] ^ 0x80);
        sum += record[i];
    }
    memset(out->codes + graph->numbers, 0, graph->measured - graph->numbers);
    memcpy(&out->scale, record + graph->codes.stride - 8, 4);
    memcpy(&out->norm, record + graph->codes.stride - 4, 4);
    out->bias = 128 * sum;
}

/* ---- measuring ---- */

void
fi_graph_code_measure_four(const struct fi_graph *graph, const struct fi_graph_query *query,
                           const uint8_t *const records[4], float out[4])
{
    const size_t tail = graph->codes.stride - FI_GRAPH_CODE_TAIL;
    int32x4 products;
    float32x4 scale;
    float32x4 norm;
    int32_t dots[4];
    query->kernels->dot_i8u8_four(query->codes, records, graph->measured, dots);
    memcpy(&products, dots, sizeof products);
    for (size_t i = 0; i < 4; i++) {
        float two[2];
        memcpy(two, records[i] + tail, sizeof two);
        scale[i] = two[0];
        norm[i] = two[1];
    }
    const float32x4 distance =
        query->norm + norm -
        2 * query->scale * scale * __builtin_convertvector(products - query->bias, float32x4);
    /* Also where a scale or a norm is not a number. */
    const int32x4 bits = (int32x4)distance & (distance > 0);
    memcpy(out, &bits, sizeof bits);
    DCHECK(out[0] >= 0 && out[1] >= 0 && out[2] >= 0 && out[3] >= 0); /* (I1) */
}
