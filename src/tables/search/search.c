/* SPDX-License-Identifier: Apache-2.0
 *
 * search/search.c: a search from its request to its result.
 *
 * A search is a query (query/query.h) of the primary key and the column of vectors; all threads
 * visit its batches. Each thread keeps the nearest rows that it has found; at the end these are
 * joined. The condition is applied first, so only vectors of rows that fulfil it are compared.
 * Vectors are read in place, in the cached chunks: only the keys of near rows are copied.
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
 * Locking: none; the shared limit is one atomic number.
 */
#include "search/search_run.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "lsm/lsm_group.h"
#include "lsm/lsm_pieces.h"
#include "search/search_internal.h"

enum { FOUR = 4 };

/* One thread's share. */
struct worker {
    struct fi_search_top top;
    struct fi_buf key;
    struct fi_lsm_group group; /* of loose batches */
    uint64_t measured;
    uint64_t judged;
};

struct search {
    struct firn_scan *scan; /* NULL: sources know all rows */
    const struct fi_search_request *request;
    const struct fi_schema *schema;
    struct fi_search_measure measure;
    struct fi_search_source_set *sources; /* NULL: every row is measured */
    bool is_ordered;                      /* each thread gets rows in the order of their keys */
    struct worker *workers;
    unsigned worker_count;
    uint64_t rows; /* noted without a scan */
    /* The bits of a distance that k rows of one thread do not exceed; it only gets smaller. */
    _Atomic uint64_t most;
};

/* A batch, with the columns read so far. */
struct batch {
    struct fi_query_rows *rows;
    bool is_loose; /* the batch is in a group, and the scan may not see all of its rows */
    struct fi_run *run;
    size_t group;
    size_t first_row;
    struct fi_chunk_values vectors;
    bool has_keys;
    struct fi_chunk_values keys[FIRN_TABLE_KEY_COLUMNS_MAX];
};

/* ---- the limit ---- */

static double
load_most(struct search *search)
{
    /* Pairs with share_most. A thread that sees an old bound computes more distances than
     * needed. */
    uint64_t bits = atomic_load_explicit(&search->most, memory_order_relaxed);
    double most;
    memcpy(&most, &bits, sizeof most);
    return most;
}

static void
share_most(struct search *search, double most)
{
    uint64_t bits;
    uint64_t old = atomic_load_explicit(&search->most, memory_order_relaxed);
    memcpy(&bits, &most, sizeof bits);
    for (;;) {
        double present;
        memcpy(&present, &old, sizeof present);
        if (present <= most ||
            atomic_compare_exchange_weak_explicit(&search->most, &old, bits, memory_order_relaxed,
                                                  memory_order_relaxed)) {
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
search_offer(struct search *search, struct worker *worker, struct batch *batch, size_t row,
             firn_error *err)
{
    const double distance =
        fi_search_measure_exact(&search->measure, batch->vectors.as.bytes[row].data);
    worker->judged++;
    if (!(distance <= (double)__DBL_MAX__)) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "column %s has a vector with a number that is not finite",
                            search->request->column);
    }
    const double own = fi_search_top_most(&worker->top);
    if (distance > own || (distance == own && search->is_ordered) || distance > load_most(search)) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(encode_key(search, worker, batch, row, err));
    bool is_there;
    FI_TRY_RETURN(is_seen(search, worker, batch, row, &is_there, err));
    if (!is_there) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_search_top_put(&worker->top, distance, fi_buf_slice(&worker->key), err));
    share_most(search, fi_search_top_most(&worker->top));
    return FIRN_OK;
}

/* Measures up to four rows of a batch. */
static int
search_measure(struct search *search, struct worker *worker, struct batch *batch,
               const uint16_t *rows, size_t count, firn_error *err)
{
    const size_t size = search->measure.dimensions * sizeof(float);
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
    const double own = fi_search_top_most(&worker->top);
    const double shared = load_most(search);
    unsigned near = fi_search_measure_four(&search->measure, vectors, own < shared ? own : shared);
    for (size_t i = 0; rc == FIRN_OK && near != 0 && i < count; i++) {
        if ((near >> i & 1) != 0) {
            rc = search_offer(search, worker, batch, rows[i], err);
        }
    }
    return rc;
}

static int
search_visit(void *ctx, unsigned number, struct fi_query_rows *rows, firn_error *err)
{
    struct search *search = ctx;
    struct worker *worker = &search->workers[number];
    struct batch batch = {.rows = rows};
    const uint64_t *wanted = fi_query_visit_wanted(rows);
    uint16_t four[FOUR];
    size_t count = 0;
    uint64_t measured = 0;
    bool is_placed =
        fi_query_visit_place(rows, &batch.run, &batch.group, &batch.first_row, &batch.is_loose);
    DCHECK(is_placed || !batch.is_loose);
    if (search->sources != NULL && is_placed &&
        fi_search_source_note(search->sources, batch.run, batch.group, batch.first_row, wanted,
                              batch.is_loose)) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_query_visit_column(rows, search->schema->key_count, &batch.vectors, err));
    for (size_t word = 0; word < FI_CHUNK_MASK_WORDS; word++) {
        uint64_t bits = wanted[word];
        if (batch.vectors.valid != NULL) {
            bits &= batch.vectors.valid[word];
        }
        measured += (uint64_t)fi_count_bits(bits);
        for (; bits != 0; bits &= bits - 1) {
            four[count++] = (uint16_t)(word * 64 + (size_t)__builtin_ctzll(bits));
            if (count == FOUR) {
                FI_TRY_RETURN(search_measure(search, worker, &batch, four, count, err));
                count = 0;
            }
        }
    }
    if (count > 0) {
        FI_TRY_RETURN(search_measure(search, worker, &batch, four, count, err));
    }
    worker->measured +=
        measured; /* once a batch: other threads' counts may be in the same cache line */
    return FIRN_OK;
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
    if (!fi_vector_distance_is_finite(request->query, request->dimensions)) {
        return fi_error_set(err, FIRN_INVALID,
                            "the query has a number that is not finite (a NaN or an infinity)");
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
    for (unsigned i = 0; search->workers != NULL && i < search->worker_count; i++) {
        fi_search_top_deinit(&search->workers[i].top);
        fi_buf_deinit(&search->workers[i].key);
        fi_lsm_group_deinit(&search->workers[i].group);
    }
    fi_free(search->workers);
    fi_search_measure_deinit(&search->measure);
    fi_search_source_close(search->sources);
}

/* Moves the nearest rows of all threads into out. */
static int
search_join(struct search *search, struct fi_search_top *out, firn_error *err)
{
    struct fi_search_top *tops = fi_alloc_zeroed(search->worker_count * sizeof tops[0]);
    if (tops == NULL) {
        return fi_error_no_memory(err, "a search");
    }
    for (unsigned i = 0; i < search->worker_count; i++) {
        tops[i] = search->workers[i].top; /* moves */
        search->workers[i].top = (struct fi_search_top){.k = search->request->k};
    }
    int rc = fi_search_top_join(tops, search->worker_count, search->request->k, out, err);
    for (unsigned i = 0; i < search->worker_count; i++) {
        fi_search_top_deinit(&tops[i]);
    }
    fi_free(tops);
    return rc;
}

/* Visits all rows, and puts the nearest into out. *out_lacks: a source named too few of them, or,
 * without a scan, some rows have no source. */
static int
search_inspect(struct search *search, struct firn_scan *scan, struct fi_lsm_pieces *pieces,
               struct fi_search_top *out, bool *out_lacks, firn_error *err)
{
    const struct fi_query_visitor visitor = {
        .visit = search_visit, .take = search->sources != NULL ? search_take : NULL, .ctx = search};
    const double infinity = __builtin_inf();
    uint64_t bits;
    search->scan = scan;
    search->worker_count = scan != NULL ? fi_query_workers(scan) : 1;
    search->workers = fi_alloc_zeroed(search->worker_count * sizeof search->workers[0]);
    if (search->workers == NULL) {
        return fi_error_no_memory(err, "a search");
    }
    for (unsigned i = 0; i < search->worker_count; i++) {
        search->workers[i].top.k = search->request->k;
    }
    memcpy(&bits, &infinity, sizeof bits);
    atomic_init(&search->most, bits);
    *out_lacks = false;
    if (scan != NULL) {
        FI_TRY_RETURN(fi_search_measure_init(&search->measure, search->request, err));
        FI_TRY_RETURN(fi_query_visit(scan, &visitor, err));
        if (search->sources != NULL) {
            fi_search_source_teach(search->sources, pieces);
        }
    } else {
        *out_lacks = search->sources == NULL ||
                     !fi_search_source_note_pieces(search->sources, pieces,
                                                   search->request->where != NULL, &search->rows);
    }
    if (search->sources != NULL && !*out_lacks) {
        FI_TRY_RETURN(fi_search_source_query(search->sources, pieces, search->request,
                                             &search->workers[0].top, out_lacks, err));
    }
    return search_join(search, out, err);
}

static void
search_count(const struct search *search, firn_search_stats *out)
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
        out->rows_judged += search->workers[i].judged;
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

/* One search, in a snapshot or a transaction; with sources if they are not NULL, or by graphs,
 * which add to the counts of *graphs. If *out_lacks, *out is NULL. */
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
    struct fi_search_top top = {.k = request->k};
    struct search search = {.request = request, .schema = schema, .is_ordered = way == BY_ALL_ROWS};
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
    if (request->k > 0 && way != BY_ALL_ROWS) {
        FI_TRY(fi_search_graph_open(graphs, inner, column->id, request, schema, err));
        own.sources = &graphs->sources;
    }
    if (request->k > 0) {
        FI_TRY(fi_search_source_open(request, column->id, inner, &search.sources, err));
        FI_TRY(search_inspect(&search, scan, inner, &top, out_lacks, err));
    }
    if (!*out_lacks) {
        FI_TRY(fi_search_result_make(table, request, snapshot, schema, &top, out, err));
        search_count(&search, &(*out)->stats);
    }
out:
    fi_search_top_deinit(&top);
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

int
fi_search_run(struct firn_table *table, const struct fi_search_request *request,
              struct firn_search_result **out, firn_error *err)
{
    struct fi_search_request exact = *request;
    struct fi_schema *schema = NULL;
    struct firn_snapshot *own_snapshot = NULL;
    struct fi_search_graphs graphs = {.damaged = 0};
    bool lacks;
    int rc;
    *out = NULL;
    exact.sources = NULL;
    DCHECK(request->txn == NULL || request->snapshot == NULL);
    struct firn_snapshot *snapshot =
        request->txn != NULL ? fi_txn_snapshot(request->txn) : request->snapshot;
    if (snapshot == NULL) {
        FI_TRY(fi_db_snapshot_open(fi_rows_db(table), &own_snapshot, err));
        snapshot = own_snapshot;
    }
    FI_TRY(fi_rows_schema(table, snapshot, &schema, err));
    FI_TRY(check_column(request, schema, err));
    enum way way = BY_ALL_ROWS;
    if (may_have_graphs(schema, request)) {
        const bool is_bare = (request->where != NULL || request->parameter_count == 0) &&
                             request->txn == NULL && request->on_progress == NULL;
        way = is_bare && request->k > 0 ? BY_GRAPHS_ALONE : BY_GRAPHS;
    }
    FI_TRY(search_in(table, request, way, &graphs, schema, snapshot, out, &lacks, err));
    if (lacks && way == BY_GRAPHS_ALONE) {
        FI_TRY(search_in(table, request, BY_GRAPHS, &graphs, schema, snapshot, out, &lacks, err));
    }
    if (lacks) {
        FI_TRY(search_in(table, &exact, BY_ALL_ROWS, &graphs, schema, snapshot, out, &lacks, err));
    }
    CHECK(*out != NULL); /* without graphs, *out_lacks is never set */
    (*out)->stats.rows_walked = graphs.evaluated;
    (*out)->stats.rows_judged += graphs.judged;
    (*out)->stats.graphs_damaged = graphs.damaged;
out:
    fi_schema_unref(schema);
    fi_db_snapshot_close(own_snapshot);
    return rc;
}
