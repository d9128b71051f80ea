/* SPDX-License-Identifier: Apache-2.0
 *
 * graph/graph_exact.c: the nearest rows, none missed, without reading all vectors.
 *
 * All codes are compared with the query, one byte a number instead of four. The difference between
 * a vector and its code has a bound, so each comparison gives an interval that contains the true
 * distance. A row is left out if its interval begins after the ends of k others. Those that remain,
 * some dozens for k = 10, are read and measured exactly, the most promising first, until the next
 * interval begins beyond the k-th distance.
 *
 * The bounds, with the notation of graph_code.c, and u = 2^-24:
 *
 *   row      y = scale c + rest. Rounding to c leaves at most scale (1/2 + 2^-14) in each number,
 *            because the division before it is in single precision. So |rest| <= e = scale h, h =
 *            root(numbers) (1/2 + 2^-13): what the last digits of y itself are worth is below the
 *            difference between 2^-13 and 2^-14. Codes of numbers below 1e-30 are 0: less than
 *            1e-25 in all.
 *   query    e_q is computed from its numbers and codes, in double precision. What rounding left
 *            out of these numbers and of the mean is below 8 u (|y_q| + 2 |mean| + 1), and is
 *            added.
 *   codes    d, the square of the distance between codes, is computed in single precision from
 *            exact integers: wrong by at most 16 u of the sum of both norms, and 2^-80 where
 *            products vanish.
 *
 * What is compared is v, which grows with the exact distance D of the judge
 * (vector/vector_distance.h):
 *
 *   L2, COSINE  v = |q - y|, and root(d) - e - e_q <= v <= root(d) + e + e_q. v^2 = s^2 D for L2, 2
 *   D for COSINE.
 *   DOT         v = 2 - 2 (q . y) = 2 + 2 D s / |q|, which differs from d by at most 2 e + 2 (1 +
 *               e) e_q, because |q| = 1 and |y| <= 1.
 *
 * The judge's own error, at most (n / 4 + 8) 2^-52 of what it adds up, is below 2e-10 for all n; v
 * is raised by it.
 *
 * The candidates of a walk are ranked likewise (fi_graph_exact_rank): however many of their codes
 * are too near to each other to tell which is nearer, the vectors decide. Sketches (graph_sketch.c)
 * have no bound that always holds: for them e is what the error of one node in eighty exceeds, and
 * e_q is 0, because e contains the query's error.
 *
 * So v <= limit implies d <= a + b scale + c scale^2 with coefficients that depend on the limit
 * alone: this comparison is made for each code, and is all that most codes cost.
 *
 * (I1) A row that is left out is further than `wanted` others, which are allowed. (Not checked:
 *      tests compare with all distances.)
 * (I2) Codes that exclude too little cost more than they save: then nothing is found, and the
 *      caller compares vectors. (Not checked: it is about time alone.)
 */
#include "graph/graph_internal.h"

#include "base/mem.h"
#include "base/sort.h"

enum {
    AHEAD = 2,       /* blocks that are fetched before they are needed */
    JUDGED = 16,     /* at once, where they may be on their way from memory together, */
    JUDGED_READ = 4, /* and where most come from the file: the limit soon excludes the rest */
    RANKED = 12,     /* candidates whose codes are on their way from memory */
    NEAR_PART = 32,  /* (I2): one of so many rows may remain, */
    NEAR_TIMES = 4,  /* and so many for each that is wanted, */
    NEAR_LEAST = 1024
};
/* Four numbers of four rows: the compiler makes registers of them. */
typedef float float32x4 __attribute__((vector_size(16)));
typedef int32_t int32x4 __attribute__((vector_size(16)));
/* Single precision: of the sum of the norms, generously. */
#define SLACK 0x1p-19F
#define JUDGE 2e-10

struct exact {
    const struct fi_graph *graph;
    const struct fi_graph_search_options *options;
    struct fi_graph_scratch *scratch;
    bool is_dot;
    bool is_sketched; /* candidates have the distances of sketches */
    double height;    /* h */
    double query;     /* e_q */
    double to_v;      /* s^2; for COSINE 2; for DOT 2 s / |q| */
    double most;      /* of v: what is beyond is of no use */
    double limit;     /* of v; `most` until enough rows are known */
    float bound[3];   /* of d: a, b and c */
    /* Ends of the intervals, or exact distances with their rows: the largest first. */
    struct end {
        double value;
        uint64_t row;
        uint32_t node;
    } * ends;
    size_t end_count;
    /* What remains: the interval's beginning, and the node, as an item of a pool. */
    uint64_t *near;
    size_t near_count;
    size_t near_room;
    const uint8_t *records[4];
    uint32_t nodes[4];
    size_t pending;
};

/* ---- the limit ---- */

static float
upward(double value)
{
    return value < 3e38 ? (float)(value * (1 + 0x1p-20)) : __builtin_inff();
}

static double
at_most(const struct exact *exact, double v)
{
    return v < exact->most ? v : exact->most;
}

FI_GRAPH_SMALL static void
set_limit(struct exact *exact, double limit)
{
    const double h = exact->height;
    limit = at_most(exact, limit);
    exact->limit = limit;
    if (exact->is_dot) {
        exact->bound[0] = upward(limit + 2 * exact->query + 1e-9);
        exact->bound[1] = upward(2 * h * (1 + exact->query));
        exact->bound[2] = 0;
    } else {
        const double far = limit + exact->query;
        exact->bound[0] = upward(far * far + 0x1p-80);
        exact->bound[1] = upward(2 * far * h);
        exact->bound[2] = upward(h * h);
    }
}

/* The v of an exact distance, or more. */
static double
v_of(const struct exact *exact, double distance)
{
    if (exact->is_dot) {
        return 2 + distance * exact->to_v + JUDGE;
    }
    bool is_cosine = exact->graph->parameters.metric == FI_VECTOR_COSINE;
    double square = distance * exact->to_v * (1 + JUDGE) + (is_cosine ? JUDGE : 0);
    return fi_vector_distance_root(square) * (1 + JUDGE);
}

/* ---- the ends ---- */

static bool
is_before(const struct end *a, const struct end *b)
{
    return a->value != b->value ? a->value < b->value : a->row < b->row;
}

static void
sift_down(struct end *ends, size_t count)
{
    const struct end moved = ends[0];
    size_t at = 0;
    for (size_t child = 1; child < count; child = 2 * at + 1) {
        child += child + 1 < count && is_before(&ends[child], &ends[child + 1]);
        if (!is_before(&moved, &ends[child])) {
            break;
        }
        ends[at] = ends[child];
        at = child;
    }
    ends[at] = moved;
}

/* Keeps the `wanted` smallest; true: these have changed, and there are so many. */
static bool
put_end(struct exact *exact, struct end end)
{
    struct end *ends = exact->ends;
    const size_t wanted = exact->options->wanted;
    if (exact->end_count < wanted) {
        size_t at = exact->end_count++;
        for (; at > 0 && is_before(&ends[(at - 1) / 2], &end); at = (at - 1) / 2) {
            ends[at] = ends[(at - 1) / 2];
        }
        ends[at] = end;
        return exact->end_count == wanted;
    }
    if (!is_before(&end, &ends[0])) {
        return false;
    }
    ends[0] = end;
    sift_down(ends, wanted);
    return true;
}

/* ---- codes ---- */

/* Removes what begins beyond the limit by now. */
static void
drop_far(struct exact *exact)
{
    size_t kept = 0;
    for (size_t i = 0; i < exact->near_count; i++) {
        if ((double)fi_graph_item_distance(exact->near[i]) <= exact->limit) {
            exact->near[kept++] = exact->near[i];
        }
    }
    exact->near_count = kept;
}

/* Downward, so that it is never beyond the true beginning. */
static float
begin_of(double value)
{
    return value > 0 ? (float)(value * (1 - 0x1p-20)) : 0;
}

/* A node that d does not exclude. false: (I2). */
static bool
graph_exact_keep(struct exact *exact, uint32_t node, double d, double scale, double norms)
{
    const double wrong = norms * (double)SLACK + 0x1p-80;
    const double e = scale * exact->height;
    double from;
    double to;
    if (!(e >= 0 && d + wrong >= 0)) {
        /* What is not a number bounds nothing: the vector decides. Only a forged norm is
         * negative. */
        from = 0;
        to = __builtin_inf();
    } else if (exact->is_dot) {
        const double reach = 2 * e + 2 * (1 + e) * exact->query + wrong;
        from = d - reach;
        to = d + reach;
    } else {
        const double low = d - wrong;
        from = fi_vector_distance_root(low > 0 ? low : 0) - e - exact->query;
        to = fi_vector_distance_root(d + wrong) + e + exact->query;
    }
    if (put_end(exact, (struct end){.value = to, .row = node})) {
        set_limit(exact, exact->ends[0].value * (1 + 0x1p-40));
    }
    if (exact->near_count == exact->near_room) {
        drop_far(exact);
        if (exact->near_count > exact->near_room / 2) {
            return false;
        }
    }
    exact->near[exact->near_count++] = fi_graph_item(begin_of(from), node);
    return true;
}

/* Compares four codes, of which the first `count` are wanted. */
static __attribute__((noinline)) bool
measure(struct exact *exact, size_t count)
{
    const struct fi_graph_query *query = &exact->scratch->query;
    const struct fi_graph *graph = exact->graph;
    const size_t tail = graph->codes.stride - FI_GRAPH_CODE_TAIL;
    int32x4 products;
    float32x4 scale;
    float32x4 norms;
    int32_t dots[4];
    for (size_t i = 0; i < 4; i++) {
        float two[2];
        memcpy(two, exact->records[i] + tail, sizeof two);
        scale[i] = two[0];
        norms[i] = two[1];
    }
    query->kernels->dot_i8u8_four(query->codes, exact->records, graph->measured, dots);
    memcpy(&products, dots, sizeof products);
    exact->scratch->evaluated += count;
    norms += query->norm;
    const float32x4 d = norms - 2 * query->scale * scale *
                                    __builtin_convertvector(products - query->bias, float32x4);
    const float32x4 most = exact->bound[0] + scale * (exact->bound[1] + scale * exact->bound[2]);
    const int32x4 is_far = d - norms * SLACK > most;
    uint64_t far[2];
    memcpy(far, &is_far, sizeof far);
    if (__builtin_expect((far[0] & far[1]) == UINT64_MAX, true)) {
        return true;
    }
    for (size_t i = 0; i < count; i++) {
        /* What is not a number is near: the vector decides. */
        if (is_far[i] == 0 &&
            !graph_exact_keep(exact, exact->nodes[i], (double)(d[i] > 0 ? d[i] : 0),
                              (double)scale[i], (double)norms[i])) {
            return false;
        }
    }
    return true;
}

/* Compares what was added. */
static bool
graph_exact_flush(struct exact *exact)
{
    const size_t count = exact->pending;
    DCHECK(count <= 4);
    exact->pending = 0;
    for (size_t i = count; i < 4 && count > 0; i++) {
        exact->records[i] = exact->records[0];
    }
    return count == 0 || measure(exact, count);
}

static bool
graph_exact_add(struct exact *exact, uint32_t node, const uint8_t *record)
{
    exact->nodes[exact->pending] = node;
    exact->records[exact->pending++] = record;
    return exact->pending < 4 || graph_exact_flush(exact);
}

/* The first node from `node` on that is allowed. */
static uint32_t
next_allowed(const struct fi_graph *graph, const uint64_t *allowed, uint32_t node)
{
    bool is_plain = graph->rows_of == NULL && graph->twin_count == 0;
    while (node < graph->count) {
        if (is_plain) {
            uint64_t bits = allowed[node / 64] >> node % 64;
            if (bits != 0) {
                node += (uint32_t)__builtin_ctzll(bits);
                break;
            }
            node = (node / 64 + 1) * 64;
        } else if (fi_graph_walk_is_allowed(graph, allowed, node)) {
            break;
        } else {
            node++;
        }
    }
    return node < graph->count ? node : graph->count;
}

/* Compares the codes of a block, except up to three that wait for those of the next. (Of its own:
 * its caller calls what is cold, so gcc would optimize this for size as well.) */
static __attribute__((noinline, hot)) bool
compare_block(struct exact *exact, uint32_t block, const uint8_t *place, uint32_t end)
{
    const struct fi_graph_array *codes = &exact->graph->codes;
    const size_t stride = codes->stride;
    /* Pairs with graph_read.c. */
    const uint8_t *later =
        block + AHEAD < codes->blocks
            ? atomic_load_explicit(&codes->place[block + AHEAD], memory_order_acquire)
            : NULL;
    size_t pending = exact->pending;
    bool is_fine = true;
    for (uint32_t node = block * codes->per_block; node < end && is_fine; node++) {
        for (size_t i = 0; later != NULL && i < stride; i += 64) {
            __builtin_prefetch(later + i, 0, 2);
        }
        exact->nodes[pending] = node;
        exact->records[pending++] = place;
        later = later != NULL ? later + stride : NULL;
        place += stride;
        if (pending == 4) {
            pending = 0;
            is_fine = measure(exact, 4);
        }
    }
    exact->pending = pending;
    return is_fine;
}

/* Compares all codes that are allowed. *out_is_over: (I2). */
static int
compare_codes(struct exact *exact, bool *out_is_over, firn_error *err)
{
    const struct fi_graph *graph = exact->graph;
    const struct fi_graph_array *codes = &graph->codes;
    const uint64_t *allowed = exact->options->allowed;
    struct fi_block_pin pin = {.data = NULL};
    uint32_t node = allowed != NULL ? next_allowed(graph, allowed, 0) : 0;
    bool is_fine = true;
    int rc = FIRN_OK;
    while (node < graph->count && is_fine) {
        const uint32_t block = fi_graph_array_block(codes, node);
        const uint32_t first = block * codes->per_block;
        const uint32_t end =
            graph->count - first < codes->per_block ? graph->count : first + codes->per_block;
        const uint8_t *place = fi_graph_array_at(codes, first);
        if (place == NULL) {
            FI_TRY(fi_graph_read_block(graph, codes, block, &pin, &place, err));
        }
        if (allowed == NULL) {
            is_fine = compare_block(exact, block, place, end);
            node = end;
        } else {
            while (node < end && is_fine) {
                is_fine =
                    graph_exact_add(exact, node, place + (size_t)(node - first) * codes->stride);
                node = next_allowed(graph, allowed, node + 1);
            }
        }
        if (pin.data != NULL) {
            is_fine = is_fine && graph_exact_flush(exact);
            fi_block_cache_unpin(graph->cache, &pin);
        }
    }
    is_fine = is_fine && graph_exact_flush(exact);
out:
    *out_is_over = !is_fine;
    return rc;
}

/* ---- vectors ---- */

/* A node whose distance is known, and all rows with its vector. */
static void
graph_exact_take(struct exact *exact, uint32_t node, double distance)
{
    const struct fi_graph *graph = exact->graph;
    const uint64_t *allowed = exact->options->allowed;
    size_t twin = graph->twin_count == 0 ? 0 : fi_graph_walk_first_twin(graph, node);
    uint64_t row = graph->rows_of == NULL ? node : graph->rows_of[node];
    for (bool has_more = true; has_more;) {
        if ((allowed == NULL || (allowed[row / 64] >> row % 64 & 1) != 0) &&
            put_end(exact, (struct end){distance, row, node})) {
            exact->limit = at_most(exact, v_of(exact, exact->ends[0].value));
        }
        has_more = twin < graph->twin_count && graph->twin_nodes[twin] == node;
        row = has_more ? graph->twin_rows[twin++] : 0;
    }
}

/* Measures what remains exactly. */
FI_GRAPH_SMALL static int
judge(struct exact *exact, const void *query, uint64_t *out_judged, firn_error *err)
{
    struct fi_graph_candidate candidates[JUDGED];
    double distances[JUDGED];
    const size_t most = exact->graph->is_listed ? JUDGED_READ : JUDGED;
    exact->end_count = 0;
    exact->limit = exact->most;
    for (size_t i = 0; i < exact->near_count;) {
        size_t count = 0;
        for (; count < most && i < exact->near_count &&
               (double)fi_graph_item_distance(exact->near[i]) <= exact->limit;
             i++) {
            candidates[count++] =
                (struct fi_graph_candidate){.node = fi_graph_item_node(exact->near[i])};
        }
        if (count == 0) {
            break;
        }
        FI_TRY_RETURN(fi_graph_read_assess(exact->graph, query, candidates, count, distances, err));
        *out_judged += count;
        for (size_t j = 0; j < count; j++) {
            graph_exact_take(exact, candidates[j].node, distances[j]);
        }
    }
    return FIRN_OK;
}

/* ---- the search ---- */

/* Sets what depends on the query. false: bounds would not help. */
FI_GRAPH_SMALL static bool
prepare(struct exact *exact, const uint8_t *vector)
{
    const struct fi_graph *graph = exact->graph;
    const struct fi_graph_scratch *scratch = exact->scratch;
    double rest = 0;
    double squares = 0;
    double mean = 0;
    for (uint32_t i = 0; i < graph->numbers; i++) {
        const double y = (double)scratch->transformed[i];
        const double step = y - (double)scratch->query.scale * scratch->query.codes[i];
        rest += step * step;
        squares += y * y;
        mean += (double)graph->mean[i] * (double)graph->mean[i];
    }
    if (!(squares < 1e12) || !(mean < 1e12)) {
        return false;
    }
    const double length =
        fi_vector_distance_root(fi_vector_distance_squares(vector, graph->parameters.dimensions));
    exact->is_dot = graph->parameters.metric == FI_VECTOR_DOT;
    exact->height = fi_vector_distance_root(graph->numbers) * (0.5 + 0x1p-13);
    exact->query =
        fi_vector_distance_root(rest) * (1 + 1e-9) +
        0x1p-21 * (fi_vector_distance_root(squares) + 2 * fi_vector_distance_root(mean) + 1);
    exact->to_v = graph->parameters.metric == FI_VECTOR_COSINE ? 2
                  : exact->is_dot                              ? 2 * graph->scale / length
                                                               : graph->scale * graph->scale;
    exact->most = __builtin_inf();
    set_limit(exact, exact->most);
    return graph->parameters.metric == FI_VECTOR_L2 || length > 0;
}

FI_GRAPH_SMALL static size_t
room_of(const struct fi_graph *graph, size_t wanted)
{
    const size_t room = graph->count / NEAR_PART + NEAR_TIMES * wanted + NEAR_LEAST;
    return room < graph->count ? room : (size_t)graph->count + 1;
}

/* Writes the nearest rows, which are known, in order; the ends are used up. */
FI_GRAPH_SMALL static void
graph_exact_give(struct exact *exact, struct fi_graph_candidate *out, double *distances,
                 size_t *out_count)
{
    *out_count = exact->end_count;
    for (size_t left = exact->end_count; left > 0; left--) {
        out[left - 1] =
            (struct fi_graph_candidate){.row = exact->ends[0].row, .node = exact->ends[0].node};
        distances[left - 1] = exact->ends[0].value;
        exact->ends[0] = exact->ends[left - 1];
        sift_down(exact->ends, left - 1);
    }
}

/* Makes what is needed to keep up to `room` nodes. */
FI_GRAPH_SMALL static int
open_exact(struct exact *exact, size_t room, firn_error *err)
{
    exact->near_room = room;
    exact->near = fi_alloc_array(room, sizeof *exact->near);
    exact->ends = fi_alloc_array(exact->options->wanted, sizeof *exact->ends);
    return exact->near != NULL && exact->ends != NULL
               ? FIRN_OK
               : fi_error_no_memory(err, "a search among vectors");
}

int
fi_graph_exact(const struct fi_graph *graph, const void *query,
               const struct fi_graph_search_options *options, struct fi_graph_scratch *scratch,
               struct fi_graph_candidate *out, double *distances, size_t *out_count,
               struct fi_graph_search_counts *out_counts, firn_error *err)
{
    struct exact exact = {.graph = graph, .options = options, .scratch = scratch};
    uint64_t judged = 0;
    bool is_over = true;
    int rc = FIRN_OK;
    *out_count = 0;
    *out_counts = (struct fi_graph_search_counts){.evaluated = 0};
    if (graph->count == 0 || options->wanted == 0) {
        goto out;
    }
    FI_TRY(fi_graph_code_query(graph, query, scratch, err));
    FI_TRY(open_exact(&exact, 2 * room_of(graph, options->wanted), err));
    scratch->evaluated = 0;
    if (prepare(&exact, query)) {
        FI_TRY(compare_codes(&exact, &is_over, err));
    }
    if (!is_over) {
        drop_far(&exact);
        fi_sort_u64(exact.near, exact.near_count);
        FI_TRY(judge(&exact, query, &judged, err));
        graph_exact_give(&exact, out, distances, out_count);
    }
    *out_counts = (struct fi_graph_search_counts){scratch->evaluated, judged, true};
out:
    fi_free(exact.near);
    fi_free(exact.ends);
    return rc;
}

/* ---- ranking ---- */

/* The scale of a code, and the sum of its norm and the query's. */
static int
read_tail(const struct exact *exact, uint32_t node, float *out_scale, float *out_norms,
          firn_error *err)
{
    const struct fi_graph_array *codes = &exact->graph->codes;
    const uint32_t block = fi_graph_array_block(codes, node);
    const uint8_t *record = fi_graph_array_at(codes, node);
    struct fi_block_pin pin = {.data = NULL};
    float tail[2];
    if (record == NULL) {
        const uint8_t *place;
        FI_TRY_RETURN(fi_graph_read_block(exact->graph, codes, block, &pin, &place, err));
        record = place + (size_t)(node - block * codes->per_block) * codes->stride;
    }
    memcpy(tail, record + codes->stride - FI_GRAPH_CODE_TAIL, sizeof tail);
    fi_block_cache_unpin(exact->graph->cache, &pin);
    *out_scale = tail[0];
    *out_norms = tail[1] + exact->scratch->query.norm;
    return FIRN_OK;
}

/* Keeps the node of a candidate with the interval of its code; without bounds, with one that
 * excludes nothing. */
static int
keep_candidate(struct exact *exact, const struct fi_graph_candidate *candidate, bool has_bounds,
               firn_error *err)
{
    float scale;
    float norms = 0;
    if (!has_bounds) {
        exact->near[exact->near_count++] = fi_graph_item(0, candidate->node);
        return FIRN_OK;
    }
    if (exact->is_sketched) {
        /* That of a code which is wrong by as much. */
        scale = fi_graph_sketch_error(exact->graph, exact->scratch, candidate->node) /
                (float)exact->height;
    } else {
        FI_TRY_RETURN(read_tail(exact, candidate->node, &scale, &norms, err));
    }
    /* As in measure: most are too far, and this costs less than their interval. */
    const float most = exact->bound[0] + scale * (exact->bound[1] + scale * exact->bound[2]);
    if (!(candidate->distance - norms * SLACK > most)) {
        const bool is_kept = graph_exact_keep(exact, candidate->node, (double)candidate->distance,
                                              (double)scale, (double)norms);
        CHECK(is_kept); /* there is room for all */
    }
    return FIRN_OK;
}

int
fi_graph_exact_rank(const struct fi_graph *graph, const void *query,
                    const struct fi_graph_search_options *options, double most,
                    struct fi_graph_scratch *scratch, struct fi_graph_candidate *candidates,
                    double *distances, size_t *count, uint64_t *out_judged, firn_error *err)
{
    struct exact exact = {
        .graph = graph, .options = options, .scratch = scratch, .most = __builtin_inf()};
    int rc = FIRN_OK;
    *out_judged = 0;
    if (*count == 0 || options->wanted == 0) {
        *count = 0;
        goto out;
    }
    FI_TRY(fi_graph_code_query(graph, query, scratch, err));
    FI_TRY(open_exact(&exact, *count + 1, err));
    const bool has_bounds = prepare(&exact, query);
    exact.most = has_bounds ? v_of(&exact, most) : __builtin_inf();
    exact.is_sketched = scratch->sketched == graph;
    exact.query = exact.is_sketched ? 0 : exact.query;
    set_limit(&exact, exact.most);
    for (size_t i = 0; i < *count; i++) {
        const struct fi_graph_candidate *later = &candidates[i + RANKED < *count ? i + RANKED : i];
        const uint8_t *record = fi_graph_array_at(&graph->codes, later->node);
        if (record != NULL) {
            __builtin_prefetch(record + graph->codes.stride - FI_GRAPH_CODE_TAIL);
        }
        /* The rows of a node follow each other. */
        if (i == 0 || candidates[i].node != candidates[i - 1].node) {
            FI_TRY(keep_candidate(&exact, &candidates[i], has_bounds, err));
        }
    }
    drop_far(&exact);
    fi_sort_u64(exact.near, exact.near_count);
    FI_TRY(judge(&exact, query, out_judged, err));
    graph_exact_give(&exact, candidates, distances, count);
out:
    fi_free(exact.near);
    fi_free(exact.ends);
    return rc;
}
