/* SPDX-License-Identifier: Apache-2.0
 *
 * search/search.c: a search from its request to its result.
 *
 * A search is a query (query/query.h) of the primary key and the column of vectors; all threads
 * visit its batches. Each thread keeps the nearest rows that it has found; at the end these are
 * joined. The condition is applied first, so only vectors of rows that fulfil it are compared. The
 * codes of a batch (search_code.c) exclude most rows; only a batch with others reads vectors, in
 * place, in the cached chunks. Only the keys of near rows are copied.
 *
 * A search may have several queries. Then each batch is compared with all of them, 64 rows at a
 * time, before the next is read: so rows come from memory once, and wait in the processor's cache
 * for the next query. Each query has its own nearest rows, and the answer that it would have alone.
 *
 * Threads share the smallest of their limits: a row beyond the k-th nearest of any thread is not
 * among the k nearest of all. Without loose pieces (below) a thread gets rows in the order of their
 * keys, so a row at exactly its own limit cannot be a result. The row's key is not read then, which
 * saves time if many rows have the same distance.
 *
 * A run may have a source of near rows (search_source.h), such as a graph (search_graph.c). Its
 * rows are not compared: those that fulfil the condition are noted, and the source is asked after
 * all threads have ended. If it names too few rows, the search begins again without sources. A
 * table with an index of vectors is read in loose pieces (lsm/lsm_pieces.h), so that a few new rows
 * do not make whole ranges of keys unreachable for the graphs: the search then checks for each near
 * row whether it sees this version.
 *
 * If each piece has a graph, and there is no condition or the graphs remember which rows fulfil it
 * (graph/graph_memo.c), only the rows that graphs name must be read: then no query is opened.
 * Whether this is so is known after opening the pieces.
 *
 * (S1) Whether a row is found depends only on its distance in double precision and on its key. (Not
 *      checked: this is a statement about all ways of searching; tests compare them.)
 *
 * Locking: none; the shared limits are atomic numbers.
 */
#include "search/search_run.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "lsm/lsm_group.h"
#include "lsm/lsm_pieces.h"
#include "search/search_internal.h"

enum {
    FOUR = 4,
    QUERIES_MAX = 256, /* of which each batch is compared with all */
    QUERIES_CODED = 4, /* so many make codes for themselves */
    TESTED_MIN = 4096  /* rows whose codes say whether those of others are worth it */
};

/* What one thread has found for one query. */
struct found {
    struct fi_search_top top;
    struct fi_vector_code_limit limit;
    double most;     /* of which limit is */
    uint64_t tested; /* rows whose codes were compared */
    uint64_t near;   /* rows that these did not exclude */
    uint64_t judged;
};

/* One thread's share. */
struct worker {
    struct found *found; /* for each query */
    struct fi_search_code code;
    struct fi_buf key;
    struct fi_lsm_group group; /* of loose batches */
    uint64_t measured;         /* for each query */
};

struct search {
    struct firn_scan *scan; /* NULL: sources know all rows */
    const struct fi_search_request *request;
    const struct fi_schema *schema;
    uint32_t column;
    struct fi_search_measure *measures; /* of each query */
    /* The bits of distances that k rows of one thread do not exceed, for each query; they only get
     * smaller. */
    _Atomic uint64_t *most;
    bool keeps_codes;
    struct fi_search_source_set *sources; /* NULL: every row is measured */
    bool is_ordered;                      /* each thread gets rows in the order of their keys */
    struct worker *workers;
    unsigned worker_count;
    uint64_t rows; /* noted without a scan */
};

/* A batch, with the columns read so far. */
struct batch {
    struct fi_query_rows *rows;
    bool is_loose; /* the batch is in a group, and the scan may not see all of its rows */
    struct fi_run *run;
    size_t group;
    size_t first_row;
    bool has_vectors;
    struct fi_chunk_values vectors;
    bool has_keys;
    struct fi_chunk_values keys[FIRN_TABLE_KEY_COLUMNS_MAX];
};

/* ---- the limit ---- */

static double
load_most(struct search *search, size_t query)
{
    /* Pairs with share_most. A thread that sees an old bound computes more distances than
     * needed. */
    uint64_t bits = atomic_load_explicit(&search->most[query], memory_order_relaxed);
    double most;
    memcpy(&most, &bits, sizeof most);
    return most;
}

static void
share_most(struct search *search, size_t query, double most)
{
    uint64_t bits;
    uint64_t old = atomic_load_explicit(&search->most[query], memory_order_relaxed);
    memcpy(&bits, &most, sizeof bits);
    for (;;) {
        double present;
        memcpy(&present, &old, sizeof present);
        if (present <= most ||
            atomic_compare_exchange_weak_explicit(&search->most[query], &old, bits,
                                                  memory_order_relaxed, memory_order_relaxed)) {
            return;
        }
    }
}

/* ---- rows ---- */

static struct fi_cell
cell_of(const struct fi_chunk_values *values, size_t row)
{
    struct fi_cell cell = {.kind = values->kind};
    switch (values->kind) {
    case FI_PHYSICAL_F32:
        cell.as.f32 = values->as.f32[row];
        break;
    case FI_PHYSICAL_F64:
        cell.as.f64 = values->as.f64[row];
        break;
    case FI_PHYSICAL_BYTES:
        cell.as.bytes = values->as.bytes[row];
        break;
    case FI_PHYSICAL_I64:
    case FI_PHYSICAL_U64:
    case FI_PHYSICAL_NONE:
        cell.as.u64 = values->as.u64[row];
        break;
    }
    return cell;
}

/* The encoded key of a row, in the worker's memory. */
static int
encode_key(struct search *search, struct worker *worker, struct batch *batch, size_t row,
           firn_error *err)
{
    const struct fi_schema *schema = search->schema;
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && !batch->has_keys && i < schema->key_count; i++) {
        rc = fi_query_visit_column(batch->rows, i, &batch->keys[i], err);
    }
    batch->has_keys = rc == FIRN_OK;
    fi_buf_clear(&worker->key);
    for (size_t i = 0; rc == FIRN_OK && i < schema->key_count; i++) {
        const struct fi_schema_column *column = &schema->columns[schema->key_places[i]];
        const struct fi_cell cell = cell_of(&batch->keys[i], row);
        const uint64_t *valid = batch->keys[i].valid;
        if (valid != NULL && (valid[row / 64] >> (row % 64) & 1) == 0) {
            return fi_error_set(err, FIRN_CORRUPT, "column %s of the primary key has a null",
                                (const char *)column->name.data);
        }
        if (fi_tuple_key_add(&worker->key, column->type, false, &cell) != FIRN_OK) {
            rc = fi_error_no_memory(err, "a search");
        }
    }
    return rc;
}

/* Whether the scan sees the row whose key the worker has. */
static int
is_seen(struct search *search, struct worker *worker, const struct batch *batch, size_t row,
        bool *out, firn_error *err)
{
    *out = true;
    if (!batch->is_loose) {
        return FIRN_OK;
    }
    if (!worker->group.is_open || worker->group.run != batch->run ||
        worker->group.number != batch->group) {
        FI_TRY_RETURN(fi_lsm_group_open(&worker->group, batch->run, batch->group, err));
    }
    return fi_lsm_pieces_shows(fi_query_pieces(search->scan), &worker->group,
                               (uint32_t)(batch->first_row + row), fi_buf_slice(&worker->key), out,
                               err);
}

/* Measures a row that may be near enough exactly, and takes it if it is. */
static int
search_offer(struct search *search, struct worker *worker, struct batch *batch, size_t query,
             size_t row, firn_error *err)
{
    struct found *found = &worker->found[query];
    const double distance =
        fi_search_measure_exact(&search->measures[query], batch->vectors.as.bytes[row].data);
    found->judged++;
    if (!(distance <= (double)__DBL_MAX__)) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "column %s has a vector with a number that is not finite",
                            search->request->column);
    }
    const double own = fi_search_top_most(&found->top);
    if (distance > own || (distance == own && search->is_ordered) ||
        distance > load_most(search, query)) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(encode_key(search, worker, batch, row, err));
    bool is_there;
    FI_TRY_RETURN(is_seen(search, worker, batch, row, &is_there, err));
    if (!is_there) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_search_top_put(&found->top, distance, fi_buf_slice(&worker->key), err));
    share_most(search, query, fi_search_top_most(&found->top));
    return FIRN_OK;
}

/* The distance beyond which the thread needs no rows. */
static double
present_most(struct search *search, const struct worker *worker, size_t query)
{
    const double own = fi_search_top_most(&worker->found[query].top);
    const double shared = load_most(search, query);
    return own < shared ? own : shared;
}

/* Measures up to four rows of a batch. */
static int
search_measure(struct search *search, struct worker *worker, struct batch *batch, size_t query,
               const uint16_t *rows, size_t count, firn_error *err)
{
    const struct fi_search_measure *measure = &search->measures[query];
    const size_t size = measure->dimensions * sizeof(float);
    const void *vectors[FOUR];
    int rc = FIRN_OK;
    DCHECK(count > 0 && count <= FOUR);
    for (size_t i = 0; i < FOUR; i++) {
        const firn_slice vector = batch->vectors.as.bytes[rows[i < count ? i : count - 1]];
        if (vector.size != size) {
            return fi_error_set(err, FIRN_CORRUPT, "column %s has a vector of %zu bytes, not %zu",
                                search->request->column, vector.size, size);
        }
        vectors[i] = vector.data;
    }
    unsigned near = fi_search_measure_four(measure, vectors, present_most(search, worker, query));
    for (size_t i = 0; rc == FIRN_OK && near != 0 && i < count; i++) {
        if ((near >> i & 1) != 0) {
            rc = search_offer(search, worker, batch, query, rows[i], err);
        }
    }
    return rc;
}

static int
read_vectors(struct search *search, struct batch *batch, firn_error *err)
{
    if (batch->has_vectors) {
        return FIRN_OK;
    }
    batch->has_vectors = true;
    return fi_query_visit_column(batch->rows, search->schema->key_count, &batch->vectors, err);
}

/* Measures rows of a batch: those of the 64 from `word` on that have a bit. */
static int
measure_word(struct search *search, struct worker *worker, struct batch *batch, size_t query,
             size_t word, uint64_t bits, firn_error *err)
{
    uint16_t four[FOUR];
    size_t count = 0;
    if (bits != 0) {
        FI_TRY_RETURN(read_vectors(search, batch, err));
    }
    while (bits != 0) {
        four[count++] = (uint16_t)(word * 64 + (size_t)__builtin_ctzll(bits));
        bits &= bits - 1;
        if (count == FOUR || bits == 0) {
            FI_TRY_RETURN(search_measure(search, worker, batch, query, four, count, err));
            count = 0;
        }
    }
    return FIRN_OK;
}

/* Those of 64 rows that their codes do not exclude. */
static uint64_t
near_by_codes(struct search *search, struct worker *worker, size_t query, size_t word,
              uint64_t bits)
{
    const struct fi_search_measure *measure = &search->measures[query];
    struct found *found = &worker->found[query];
    const double most = present_most(search, worker, query);
    if (!measure->has_code || worker->code.block.size == 0 || !(most <= (double)__DBL_MAX__) ||
        (found->tested >= TESTED_MIN && found->near > found->tested / 2)) {
        return bits;
    }
    if (most < found->most) {
        fi_vector_code_set_limit(&measure->code, measure->metric, most, &found->limit);
        found->most = most;
    }
    const uint64_t near = fi_vector_code_near(&measure->code, &found->limit, worker->code.block,
                                              word, bits, query == 0);
    found->tested += (uint64_t)fi_count_bits(bits);
    found->near += (uint64_t)fi_count_bits(near);
    return near;
}

/* Finds or makes the codes of a batch; takes rows whose vectors are null out of `wanted`. */
static int
prepare_codes(struct search *search, struct worker *worker, struct batch *batch, bool is_placed,
              uint64_t *wanted, firn_error *err)
{
    struct fi_search_place place = {.run = is_placed && search->keeps_codes ? batch->run : NULL,
                                    .group = batch->group,
                                    .row = batch->first_row,
                                    .column = search->column};
    uint64_t rows[FI_CHUNK_MASK_WORDS];
    uint64_t count = 0;
    if (fi_search_code_find(&worker->code, &place)) {
        fi_vector_code_rows(worker->code.block, rows);
        for (size_t i = 0; i < FI_CHUNK_MASK_WORDS; i++) {
            wanted[i] &= rows[i];
        }
        return FIRN_OK;
    }
    FI_TRY_RETURN(read_vectors(search, batch, err));
    for (size_t i = 0; i < FI_CHUNK_MASK_WORDS; i++) {
        count += (uint64_t)fi_count_bits(wanted[i]);
        wanted[i] &= batch->vectors.valid != NULL ? batch->vectors.valid[i] : UINT64_MAX;
    }
    const bool has_many = search->request->query_count >= QUERIES_CODED;
    if (count != batch->vectors.count ||
        !(has_many || fi_query_visit_was_used(batch->rows, search->schema->key_count))) {
        place.run = NULL;
    }
    if (place.run != NULL || has_many) {
        return fi_search_code_make(&worker->code, &place, &batch->vectors, wanted,
                                   search->request->dimensions, err);
    }
    return FIRN_OK;
}

/* 64 rows are compared with all queries before the next 64: so they come from memory once. */
static int
measure_batch(struct search *search, struct worker *worker, struct batch *batch,
              const uint64_t *wanted, firn_error *err)
{
    uint64_t measured = 0;
    for (size_t word = 0; word < FI_CHUNK_MASK_WORDS; word++) {
        measured += (uint64_t)fi_count_bits(wanted[word]);
        for (size_t i = 0; wanted[word] != 0 && i < search->request->query_count; i++) {
            const uint64_t near = near_by_codes(search, worker, i, word, wanted[word]);
            FI_TRY_RETURN(measure_word(search, worker, batch, i, word, near, err));
        }
    }
    /* Once a batch: other threads' counts may be in the same cache line. */
    worker->measured += measured;
    return FIRN_OK;
}

static int
search_visit(void *ctx, unsigned number, struct fi_query_rows *rows, firn_error *err)
{
    struct search *search = ctx;
    struct worker *worker = &search->workers[number];
    struct batch batch = {.rows = rows};
    uint64_t wanted[FI_CHUNK_MASK_WORDS];
    memcpy(wanted, fi_query_visit_wanted(rows), sizeof wanted);
    bool is_placed =
        fi_query_visit_place(rows, &batch.run, &batch.group, &batch.first_row, &batch.is_loose);
    DCHECK(is_placed || !batch.is_loose);
    if (search->sources != NULL && is_placed &&
        fi_search_source_note(search->sources, batch.run, batch.group, batch.first_row, wanted,
                              batch.is_loose)) {
        return FIRN_OK;
    }
    int rc = prepare_codes(search, worker, &batch, is_placed, wanted, err);
    rc = rc == FIRN_OK ? measure_batch(search, worker, &batch, wanted, err) : rc;
    fi_search_code_drop(&worker->code);
    return rc;
}

static bool
search_take(void *ctx, struct fi_run *run, size_t group, size_t row, size_t count, bool is_loose,
            bool is_met)
{
    const struct search *search = ctx;
    return is_met ? fi_search_source_note_all(search->sources, run, group, row, count, is_loose)
                  : fi_search_source_note_known(search->sources, run, group, row, count, is_loose);
}

/* ---- the request ---- */

static int
check_column(const struct fi_search_request *request, const struct fi_schema *schema,
             firn_error *err)
{
    const struct fi_schema_column *column;
    char type[FI_TYPE_TEXT_SIZE];
    int rc = fi_schema_require(schema, firn_str(request->column), &column, err);
    for (size_t i = 0; rc == FIRN_OK && i < request->column_count; i++) {
        const struct fi_schema_column *other;
        rc = fi_schema_require(schema, firn_str(request->columns[i]), &other, err);
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    if (column->type != FIRN_TYPE_VECTOR) {
        return fi_error_set(err, FIRN_INVALID, "column %s is %s: a search needs vectors",
                            request->column, fi_schema_type_text(column, type));
    }
    if (column->dimensions != request->dimensions) {
        return fi_error_set(err, FIRN_INVALID, "the query has %zu dimensions, and column %s is %s",
                            request->dimensions, request->column,
                            fi_schema_type_text(column, type));
    }
    for (size_t i = 0; i < request->query_count; i++) {
        if (!fi_vector_distance_is_finite(request->query + i * request->dimensions,
                                          request->dimensions)) {
            return fi_error_set(err, FIRN_INVALID,
                                "the query has a number that is not finite (a NaN or an infinity)");
        }
    }
    return FIRN_OK;
}

static int
append_name(struct fi_buf *text, firn_slice name)
{
    int rc = fi_buf_append_str(text, text->size > 0 ? ", \"" : "\"");
    for (size_t i = 0; rc == FIRN_OK && i < name.size; i++) {
        rc = name.data[i] == '"' ? fi_buf_append_u8(text, '"') : FIRN_OK;
        rc = rc == FIRN_OK ? fi_buf_append_u8(text, name.data[i]) : rc;
    }
    return rc == FIRN_OK ? fi_buf_append_u8(text, '"') : rc;
}

/* The text of the query's select: the columns of the key, then that of the vectors. */
static int
write_select(const struct fi_search_request *request, const struct fi_schema *schema,
             struct fi_buf *out)
{
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < schema->key_count; i++) {
        rc = append_name(out, schema->columns[schema->key_places[i]].name);
    }
    return rc == FIRN_OK ? append_name(out, firn_str(request->column)) : rc;
}

static int
open_query(struct firn_table *table, const struct fi_search_request *request,
           const struct fi_schema *schema, struct firn_snapshot *snapshot, bool is_loose,
           struct firn_scan **out, firn_error *err)
{
    struct fi_buf select = {0};
    int rc = write_select(request, schema, &select);
    const char *text = rc == FIRN_OK ? fi_buf_text(&select) : NULL;
    if (text == NULL) {
        fi_buf_deinit(&select);
        return fi_error_no_memory(err, "a search");
    }
    const struct fi_query_options options = {.txn = request->txn,
                                             .snapshot = request->txn != NULL ? NULL : snapshot,
                                             .select = text,
                                             .where = request->where,
                                             .parameters = request->parameters,
                                             .parameter_count = request->parameter_count,
                                             .threads = request->threads,
                                             .is_visited = true,
                                             .is_loose = is_loose,
                                             .on_progress = request->on_progress,
                                             .progress_ctx = request->progress_ctx};
    rc = fi_query_open(table, &options, out, err);
    fi_buf_deinit(&select);
    return rc;
}

/* ---- the search ---- */

static void
search_deinit(struct search *search)
{
    const size_t count = search->request->query_count;
    for (unsigned i = 0; search->workers != NULL && i < search->worker_count; i++) {
        struct worker *worker = &search->workers[i];
        for (size_t k = 0; worker->found != NULL && k < count; k++) {
            fi_search_top_deinit(&worker->found[k].top);
        }
        fi_free(worker->found);
        fi_search_code_deinit(&worker->code);
        fi_buf_deinit(&worker->key);
        fi_lsm_group_deinit(&worker->group);
    }
    for (size_t i = 0; search->measures != NULL && i < count; i++) {
        fi_search_measure_deinit(&search->measures[i]);
    }
    fi_free(search->workers);
    fi_free(search->measures);
    fi_free(search->most);
    fi_search_source_close(search->sources);
}

/* Moves the nearest rows of all threads into out. */
static int
search_join(struct search *search, size_t query, struct fi_search_top *out, firn_error *err)
{
    struct fi_search_top *tops = fi_alloc_zeroed(search->worker_count * sizeof tops[0]);
    if (tops == NULL) {
        return fi_error_no_memory(err, "a search");
    }
    for (unsigned i = 0; i < search->worker_count; i++) {
        struct found *found = &search->workers[i].found[query];
        tops[i] = found->top; /* moves */
        found->top = (struct fi_search_top){.k = search->request->k};
    }
    int rc = fi_search_top_join(tops, search->worker_count, search->request->k, out, err);
    for (unsigned i = 0; i < search->worker_count; i++) {
        fi_search_top_deinit(&tops[i]);
    }
    fi_free(tops);
    return rc;
}

/* Makes what each thread and each query needs. */
static int
search_prepare(struct search *search, firn_error *err)
{
    const struct fi_search_request *request = search->request;
    const double infinity = __builtin_inf();
    uint64_t bits;
    search->worker_count = search->scan != NULL ? fi_query_workers(search->scan) : 1;
    search->workers = fi_alloc_zeroed(search->worker_count * sizeof search->workers[0]);
    search->measures = fi_alloc_zeroed(request->query_count * sizeof search->measures[0]);
    search->most = fi_alloc_array(request->query_count, sizeof search->most[0]);
    bool has_all = search->workers != NULL && search->measures != NULL && search->most != NULL;
    for (unsigned i = 0; has_all && i < search->worker_count; i++) {
        struct worker *worker = &search->workers[i];
        worker->found = fi_alloc_zeroed(request->query_count * sizeof worker->found[0]);
        has_all = worker->found != NULL;
        for (size_t k = 0; has_all && k < request->query_count; k++) {
            worker->found[k] = (struct found){.top.k = request->k, .most = infinity};
        }
    }
    if (!has_all) {
        return fi_error_no_memory(err, "a search");
    }
    memcpy(&bits, &infinity, sizeof bits);
    for (size_t i = 0; i < request->query_count; i++) {
        atomic_init(&search->most[i], bits);
        if (search->scan != NULL) {
            FI_TRY_RETURN(fi_search_measure_init(&search->measures[i], request, i, err));
        }
    }
    return FIRN_OK;
}

/* Visits all rows, and finds the nearest. *out_lacks: a source named too few of them, or, without a
 * scan, some rows have no source. */
static int
search_inspect(struct search *search, struct fi_lsm_pieces *pieces, bool *out_lacks,
               firn_error *err)
{
    const struct fi_query_visitor visitor = {
        .visit = search_visit, .take = search->sources != NULL ? search_take : NULL, .ctx = search};
    *out_lacks = false;
    FI_TRY_RETURN(search_prepare(search, err));
    if (search->scan != NULL) {
        search->keeps_codes = fi_search_code_fits(pieces, search->request->dimensions);
        FI_TRY_RETURN(fi_query_visit(search->scan, &visitor, err));
        if (search->sources != NULL) {
            fi_search_source_teach(search->sources, pieces);
        }
    } else {
        *out_lacks = search->sources == NULL ||
                     !fi_search_source_note_pieces(search->sources, pieces,
                                                   search->request->where != NULL, &search->rows);
    }
    if (search->sources != NULL && !*out_lacks) {
        return fi_search_source_query(search->sources, pieces, search->request,
                                      &search->workers[0].found[0].top, out_lacks, err);
    }
    return FIRN_OK;
}

static void
search_count(const struct search *search, size_t query, firn_search_stats *out)
{
    firn_scan_stats read = FIRN_SCAN_STATS_INIT;
    read.rows_read = search->rows;
    read.threads = 1;
    if (search->scan != NULL) {
        fi_query_get_stats(search->scan, &read);
    }
    out->rows_read = read.rows_read;
    out->rows_pruned = read.rows_pruned;
    out->rows_merged = read.rows_merged;
    out->threads = read.threads;
    for (unsigned i = 0; i < search->worker_count; i++) {
        out->rows_measured += search->workers[i].measured;
        out->rows_judged += search->workers[i].found[query].judged;
    }
}

/* Whether runs may have graphs that serve the request. */
static bool
may_have_graphs(const struct fi_schema *schema, const struct fi_search_request *request)
{
    bool has_one = false;
    for (size_t i = 0; i < schema->vector_index_count; i++) {
        const struct fi_schema_vector_index *index = &schema->vector_indexes[i];
        const struct fi_schema_column *column = &schema->columns[index->place];
        has_one = has_one || (index->metric == (uint32_t)request->metric &&
                              fi_slice_equal(column->name, firn_str(request->column)));
    }
    /* A query of zeros has no direction: all rows are equally far from it. */
    return has_one && request->sources == NULL &&
           (request->metric != FI_VECTOR_COSINE ||
            fi_vector_distance_squares(request->query, request->dimensions) > 0);
}

/* The ways of a search. */
enum way {
    BY_ALL_ROWS,
    BY_GRAPHS,      /* runs with graphs use them */
    BY_GRAPHS_ALONE /* only graphs are used, so no query is needed */
};

static int
open_pieces(struct firn_table *table, struct fi_schema *schema, struct firn_snapshot *snapshot,
            struct fi_db_pieces **out, firn_error *err)
{
    struct fi_column_layout *layout;
    int rc = fi_schema_layout_create(&schema, 1, &layout, err);
    if (rc == FIRN_OK) {
        rc = fi_db_pieces_open_loose(fi_rows_keyspace(table), snapshot, layout, out, err);
        fi_free(layout);
    }
    return rc;
}

/* The results of the queries of a search. */
static int
search_finish(struct firn_table *table, struct search *search, struct firn_snapshot *snapshot,
              struct firn_search_result **out, firn_error *err)
{
    const struct fi_search_request *request = search->request;
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < request->query_count; i++) {
        struct fi_search_top top = {.k = request->k};
        rc = request->k > 0 ? search_join(search, i, &top, err) : FIRN_OK;
        if (rc == FIRN_OK) {
            rc =
                fi_search_result_make(table, request, snapshot, search->schema, &top, &out[i], err);
        }
        if (rc == FIRN_OK) {
            search_count(search, i, &out[i]->stats);
        }
        fi_search_top_deinit(&top);
    }
    return rc;
}

/* A search in a snapshot or a transaction: for one query with sources if they are not NULL, or by
 * graphs, which add to the counts of *graphs. If *out_lacks, there are no results. */
static int
search_in(struct firn_table *table, const struct fi_search_request *given, enum way way,
          struct fi_search_graphs *graphs, struct fi_schema *schema, struct firn_snapshot *snapshot,
          struct firn_search_result **out, bool *out_lacks, firn_error *err)
{
    struct fi_search_request own = *given;
    const struct fi_search_request *request = &own;
    const struct fi_schema_column *column = fi_schema_find(schema, firn_str(request->column));
    struct firn_scan *scan = NULL;
    struct fi_db_pieces *pieces = NULL;
    struct fi_lsm_pieces *inner;
    struct search search = {.request = request,
                            .schema = schema,
                            .column = column->id,
                            .is_ordered = way == BY_ALL_ROWS};
    int rc;
    *out_lacks = false;
    /* Even if no rows are wanted, so that an invalid condition is reported. */
    if (way == BY_GRAPHS_ALONE) {
        FI_TRY(open_pieces(table, schema, snapshot, &pieces, err));
        inner = fi_db_pieces_lsm(pieces);
    } else {
        FI_TRY(open_query(table, request, schema, snapshot, way == BY_GRAPHS, &scan, err));
        inner = fi_query_pieces(scan);
    }
    search.scan = scan;
    if (request->k > 0 && way != BY_ALL_ROWS) {
        FI_TRY(fi_search_graph_open(graphs, inner, column->id, request, schema, err));
        own.sources = &graphs->sources;
    }
    if (request->k > 0) {
        FI_TRY(fi_search_source_open(request, column->id, inner, &search.sources, err));
        FI_TRY(search_inspect(&search, inner, out_lacks, err));
    }
    if (!*out_lacks) {
        FI_TRY(search_finish(table, &search, snapshot, out, err));
    }
out:
    search_deinit(&search);
    fi_search_graph_close(graphs);
    fi_query_close(scan);
    fi_db_pieces_close(pieces);
    if (way != BY_ALL_ROWS && (rc == FIRN_CORRUPT || rc == FIRN_UNSUPPORTED)) {
        /* If the table itself is damaged, the search without graphs finds that, too. */
        *out_lacks = true;
        rc = FIRN_OK;
    }
    return rc;
}

/* The result of one query, by graphs as far as they serve it. */
static int
search_one(struct firn_table *table, const struct fi_search_request *request,
           struct fi_schema *schema, struct firn_snapshot *snapshot,
           struct firn_search_result **out, firn_error *err)
{
    struct fi_search_request exact = *request;
    struct fi_search_graphs graphs = {.damaged = 0};
    bool lacks = true;
    exact.sources = NULL;
    if (may_have_graphs(schema, request)) {
        const bool is_bare = (request->where != NULL || request->parameter_count == 0) &&
                             request->txn == NULL && request->on_progress == NULL;
        if (is_bare && request->k > 0) {
            FI_TRY_RETURN(search_in(table, request, BY_GRAPHS_ALONE, &graphs, schema, snapshot, out,
                                    &lacks, err));
        }
        if (lacks) {
            FI_TRY_RETURN(
                search_in(table, request, BY_GRAPHS, &graphs, schema, snapshot, out, &lacks, err));
        }
    } else {
        FI_TRY_RETURN(
            search_in(table, request, BY_ALL_ROWS, &graphs, schema, snapshot, out, &lacks, err));
    }
    if (lacks) {
        FI_TRY_RETURN(
            search_in(table, &exact, BY_ALL_ROWS, &graphs, schema, snapshot, out, &lacks, err));
    }
    CHECK(*out != NULL); /* without graphs, *out_lacks is never set */
    (*out)->stats.rows_walked = graphs.evaluated;
    (*out)->stats.rows_judged += graphs.judged;
    (*out)->stats.graphs_damaged = graphs.damaged;
    return FIRN_OK;
}

/* How many queries from the first one of a request on can be answered by one pass over all rows:
 * those that no graph serves; 0: the first one is better answered alone. */
static size_t
count_together(const struct fi_search_request *request, const struct fi_schema *schema)
{
    struct fi_search_request one = *request;
    size_t count = 0;
    while (request->sources == NULL && count < request->query_count && count < QUERIES_MAX &&
           !may_have_graphs(schema, &one)) {
        count++;
        one.query += one.dimensions;
    }
    return count;
}

static int
search_each(struct firn_table *table, const struct fi_search_request *request,
            struct fi_schema *schema, struct firn_snapshot *snapshot,
            struct firn_search_result **out, firn_error *err)
{
    struct fi_search_request rest = *request;
    int rc = FIRN_OK;
    while (rc == FIRN_OK && rest.query_count > 0) {
        struct fi_search_request part = rest;
        struct fi_search_graphs graphs = {.damaged = 0};
        const size_t together = count_together(&rest, schema);
        bool lacks;
        part.query_count = together > 0 ? together : 1;
        rc = together > 1
                 ? search_in(table, &part, BY_ALL_ROWS, &graphs, schema, snapshot, out, &lacks, err)
                 : search_one(table, &part, schema, snapshot, out, err);
        out += part.query_count;
        rest.query += part.query_count * rest.dimensions;
        rest.query_count -= part.query_count;
    }
    return rc;
}

int
fi_search_run(struct firn_table *table, const struct fi_search_request *request,
              struct firn_search_result **out, firn_error *err)
{
    struct fi_schema *schema = NULL;
    struct firn_snapshot *own_snapshot = NULL;
    int rc;
    for (size_t i = 0; i < request->query_count; i++) {
        out[i] = NULL;
    }
    DCHECK(request->txn == NULL || request->snapshot == NULL);
    struct firn_snapshot *snapshot =
        request->txn != NULL ? fi_txn_snapshot(request->txn) : request->snapshot;
    if (snapshot == NULL) {
        FI_TRY(fi_db_snapshot_open(fi_rows_db(table), &own_snapshot, err));
        snapshot = own_snapshot;
    }
    FI_TRY(fi_rows_schema(table, snapshot, &schema, err));
    FI_TRY(check_column(request, schema, err));
    FI_TRY(search_each(table, request, schema, snapshot, out, err));
out:
    for (size_t i = 0; rc != FIRN_OK && i < request->query_count; i++) {
        fi_search_result_free(out[i]);
        out[i] = NULL;
    }
    fi_schema_unref(schema);
    fi_db_snapshot_close(own_snapshot);
    return rc;
}
