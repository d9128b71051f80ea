/* SPDX-License-Identifier: Apache-2.0
 *
 * query/query.c: a scan from its opening to its last batch.
 *
 * There are four kinds of queries. A query without groups and order streams: each batch is computed
 * when next is called. A query with an order first reads all rows into a sort. A query with groups
 * reads all rows into groups; the groups then stream, or go through a sort of their own. A query
 * with a visitor passes it the batches of all threads as they come (query_visit.c).
 *
 * Opening fixes the state that is read: a snapshot, or a cursor in a transaction. Reading begins
 * with the first call of next, which takes the time.
 *
 * A failure is final: next returns it again. There is one exception: if nothing can be spilled, and
 * a thread has used up its share of the memory, one thread reads everything again with all of the
 * memory. So the number of threads does not decide which queries can be answered.
 *
 * Threads: one at a time. The scan's own threads run only during next and visit.
 */
#include "query/query_internal.h"

#include "base/mem.h"

struct firn_scan_batch {
    size_t count;
    size_t column_count;
    struct fi_chunk_values *columns;
    const struct fi_expr_type *types;
};

struct firn_scan {
    struct fi_os_process_mark mark; /* first: see api_process.h */
    struct firn_table *table;
    struct firn_db *db;
    struct fi_schema *schema;
    struct fi_query_plan *plan;
    struct fi_query_join *join; /* NULL: no rows are joined */
    struct fi_query_input input;
    struct firn_snapshot *own_snapshot; /* NULL: in a transaction */
    struct fi_db_pieces *pieces;        /* NULL: there is a cursor */
    struct fi_spill spill;              /* dir NULL: nothing can be spilled */
    struct fi_storefile_progress progress;
    uint64_t memory_bytes;
    uint64_t seed;

    struct fi_query_worker *workers;
    unsigned worker_count;
    struct fi_os_jobs *jobs; /* NULL: one worker */

    bool has_begun;
    bool has_ended;
    /* of groups; if rows are sorted, it is borrowed from the first worker */
    struct fi_rowsort *sort;
    struct fi_rowsort *own_sort;
    struct fi_expr_eval *outputs; /* of each group */
    struct fi_chunk_values *keys; /* of a batch of groups, as the next two */
    struct fi_chunk_values *results;
    struct fi_chunk_values *computed; /* all outputs, also those to sort by */
    bool has_piece;                   /* the stream's source has begun a piece */

    uint64_t skip_left;
    uint64_t limit_left;
    struct fi_query_column *selected; /* memory of each column of the batch */
    struct fi_query_selection selection;
    struct firn_scan_batch batch;
    uint64_t rows_returned;
    int rc;
    firn_error error;
};

/* ---- opening ---- */

/* Opens a cursor, if rows cannot be read in pieces. */
static int
open_cursor(struct firn_scan *scan, const struct fi_query_options *options, firn_error *err)
{
    const struct fi_query_plan *plan = scan->plan;
    const char **names = fi_alloc_zeroed((plan->own_count + 1) * sizeof *names);
    if (names == NULL) {
        return fi_error_no_memory(err, "a scan");
    }
    for (size_t i = 0; i < plan->own_count; i++) {
        names[i] = (const char *)scan->schema->columns[plan->places[i]].name.data;
    }
    const struct fi_rows_cursor_options cursor = {.read = {.txn = options->txn,
                                                           .snapshot = options->snapshot,
                                                           .index = options->index,
                                                           .columns = names,
                                                           .column_count = plan->own_count},
                                                  .lower = options->lower,
                                                  .upper = options->upper,
                                                  .is_descending = options->is_descending};
    int rc = fi_rows_read_cursor_open(scan->table, &cursor, &scan->input.cursor, err);
    fi_free(names);
    scan->input.piece_count = 1;
    return rc;
}

static int
open_pieces(struct firn_scan *scan, const struct fi_query_options *options,
            struct firn_snapshot *snapshot, firn_error *err)
{
    struct fi_buf lower = {0};
    struct fi_buf upper = {0};
    struct fi_column_layout *layout = NULL;
    bool has_lower;
    bool has_upper;
    int rc;
    FI_TRY(fi_rows_read_bound(scan->schema, NULL, &options->lower, false, &lower, &has_lower, err));
    FI_TRY(fi_rows_read_bound(scan->schema, NULL, &options->upper, true, &upper, &has_upper, err));
    const firn_slice low = fi_buf_slice(&lower);
    const firn_slice high = fi_buf_slice(&upper);
    struct firn_db_keyspace *rows = fi_rows_keyspace(scan->table);
    if (options->txn != NULL) {
        FI_TRY(fi_txn_read_range(options->txn, rows, has_lower ? &low : NULL,
                                 has_upper ? &high : NULL, err));
    }
    FI_TRY(fi_schema_layout_create(&scan->schema, 1, &layout, err));
    DCHECK(!options->is_loose || (options->is_visited && !has_lower && !has_upper));
    rc = options->is_loose
             ? fi_db_pieces_open_loose(rows, snapshot, layout, &scan->pieces, err)
             : fi_db_pieces_open(rows, snapshot, has_lower ? &low : NULL, has_upper ? &high : NULL,
                                 layout, &scan->pieces, err);
    FI_TRY(rc);
    scan->input.pieces = fi_db_pieces_lsm(scan->pieces);
    scan->input.piece_count =
        scan->input.pieces != NULL ? fi_lsm_pieces_count(scan->input.pieces) : 0;
    scan->input.is_descending = options->is_descending;
out:
    fi_free(layout);
    fi_buf_deinit(&lower);
    fi_buf_deinit(&upper);
    return rc;
}

/* Whether a query reads no more rows than a block has: a limit ends it, and no condition leaves
 * rows out. */
static bool
reads_few(const struct fi_query_plan *plan, const struct fi_query_options *options)
{
    return options->limit != 0 && options->limit <= FI_CHUNK_BLOCK && plan->key == NULL &&
           options->offset <= FI_CHUNK_BLOCK - options->limit && plan->where == NULL &&
           !plan->is_grouped && plan->order.count == 0;
}

/* Whether the chunks that are read may stay in the cache. If they do not all fit, they evict each
 * other, and the next scan finds none of them there. */
static enum fi_block_cache_use
choose_use(const struct firn_scan *scan)
{
    uint64_t bytes = 0;
    uint64_t most = fi_db_memory_bytes(scan->db) / 2;
    for (size_t i = 0; i < scan->input.piece_count && bytes <= most; i++) {
        struct fi_lsm_piece piece;
        fi_lsm_pieces_at(scan->input.pieces, i, &piece);
        for (size_t k = 0; piece.run != NULL && k < scan->plan->own_count; k++) {
            struct fi_column_info info;
            if (fi_column_info_of(piece.run, piece.group, scan->plan->columns[k].id, &info) ==
                FIRN_OK) {
                bytes += info.stored_bytes;
            }
        }
    }
    return bytes <= most ? FI_BLOCK_CACHE_DATA : FI_BLOCK_CACHE_SCAN;
}

static int
open_input(struct firn_scan *scan, const struct fi_query_options *options,
           struct firn_snapshot *snapshot, firn_error *err)
{
    scan->input.plan = scan->plan;
    scan->input.join = scan->join;
    atomic_init(&scan->input.piece_next, 0);
    atomic_init(&scan->input.is_stopped, false);
    bool by_cursor =
        options->index != NULL ||
        (options->txn != NULL && fi_txn_has_written(options->txn, fi_rows_keyspace(scan->table)));
    if (by_cursor) {
        return open_cursor(scan, options, err);
    }
    int rc = open_pieces(scan, options, snapshot, err);
    if (rc == FIRN_OK) {
        scan->input.use = reads_few(scan->plan, options) ? FI_BLOCK_CACHE_DATA : choose_use(scan);
    }
    return rc;
}

static unsigned
choose_threads(const struct firn_scan *scan, const struct fi_query_options *options)
{
    unsigned threads = options->threads;
    if (scan->input.cursor != NULL ||
        (!options->is_visited && !scan->plan->is_grouped && scan->plan->order.count == 0)) {
        return 1;
    }
    if (threads == 0) {
        threads = fi_os_cpu_count(fi_db_os(scan->db));
        threads = threads < FI_QUERY_THREADS_DEFAULT_MAX ? threads : FI_QUERY_THREADS_DEFAULT_MAX;
    }
    threads = threads < FI_QUERY_THREADS_MAX ? threads : FI_QUERY_THREADS_MAX;
    if (threads > scan->input.piece_count) {
        threads = (unsigned)scan->input.piece_count;
    }
    return threads > 0 ? threads : 1;
}

static int
alloc_outputs(struct firn_scan *scan, firn_error *err)
{
    const struct fi_query_plan *plan = scan->plan;
    size_t outputs = plan->output_count;
    scan->computed = fi_alloc_zeroed((outputs + 1) * sizeof scan->computed[0]);
    scan->selected = fi_alloc_zeroed((outputs + 1) * sizeof scan->selected[0]);
    scan->batch.columns = fi_alloc_zeroed((outputs + 1) * sizeof scan->batch.columns[0]);
    scan->keys = fi_alloc_zeroed((plan->group.count + 1) * sizeof scan->keys[0]);
    scan->results = fi_alloc_zeroed((plan->groups.aggregate_count + 1) * sizeof scan->results[0]);
    if (scan->computed == NULL || scan->selected == NULL || scan->batch.columns == NULL ||
        scan->keys == NULL || scan->results == NULL) {
        return fi_error_no_memory(err, "a scan");
    }
    scan->batch.column_count = plan->select.count;
    scan->batch.types = plan->outputs;
    return FIRN_OK;
}

/* Reads the joined rows, which may have half of the memory. */
static int
open_join(struct firn_scan *scan, struct firn_scan *joined, firn_error *err)
{
    struct fi_query_plan *plan = scan->plan;
    size_t count = plan->place_count - plan->own_count;
    if (joined->has_begun) {
        return fi_error_set(err, FIRN_INVALID, "the joined scan has been read before");
    }
    size_t *columns = fi_alloc_array(count + 1, sizeof *columns);
    if (columns == NULL) {
        return fi_error_no_memory(err, "a scan");
    }
    for (size_t i = 0; i < count; i++) {
        columns[i] = plan->places[plan->own_count + i] - scan->schema->column_count;
    }
    struct fi_query_join_spec spec = {.key = plan->joined_key,
                                      .columns = columns,
                                      .column_count = count,
                                      .is_mixed = plan->is_mixed,
                                      .memory_bytes = scan->memory_bytes / 2};
    int rc = fi_os_random(fi_db_os(scan->db), &spec.seed, sizeof spec.seed, err);
    rc = rc == FIRN_OK ? fi_query_join_read(joined, &spec, &scan->join, err) : rc;
    fi_free(columns);
    if (rc == FIRN_OK) {
        scan->memory_bytes -= fi_query_join_bytes(scan->join);
        rc = fi_query_plan_bound(plan, scan->join, err);
    }
    return rc;
}

int
fi_query_open(struct firn_table *table, const struct fi_query_options *options,
              struct firn_scan **out, firn_error *err)
{
    struct fi_query_options given = *options;
    int rc;
    *out = NULL;
    DCHECK(options->txn == NULL || options->snapshot == NULL);
    struct firn_scan *scan = fi_alloc_zeroed(sizeof *scan);
    if (scan == NULL) {
        return fi_error_no_memory(err, "a scan");
    }
    fi_os_process_init_mark(&scan->mark);
    scan->table = table;
    scan->db = fi_rows_db(table);
    scan->progress = (struct fi_storefile_progress){.on_progress = options->on_progress,
                                                    .ctx = options->progress_ctx,
                                                    .os = fi_db_os(scan->db)};
    scan->skip_left = options->offset;
    scan->limit_left = options->limit != 0 ? options->limit : UINT64_MAX;
    struct firn_snapshot *snapshot = options->txn != NULL ? fi_txn_snapshot(options->txn) : NULL;
    if (snapshot == NULL) {
        /* A copy: the caller may close the snapshot before the scan, and rows that an index finds
         * are read later. */
        FI_TRY(options->snapshot != NULL
                   ? fi_db_snapshot_open_copy(options->snapshot, &scan->own_snapshot, err)
                   : fi_db_snapshot_open(scan->db, &scan->own_snapshot, err));
        snapshot = scan->own_snapshot;
        given.snapshot = snapshot;
    }
    FI_TRY(fi_rows_schema(table, snapshot, &scan->schema, err));
    FI_TRY(fi_query_plan_open(table, scan->schema, options, &scan->plan, err));
    given.is_descending = scan->plan->is_descending;
    scan->memory_bytes =
        options->memory_bytes != 0 ? options->memory_bytes : fi_db_memory_bytes(scan->db) / 4;
    if (options->memory_bytes == 0 && scan->memory_bytes < FI_QUERY_MEMORY_MIN) {
        scan->memory_bytes = FI_QUERY_MEMORY_MIN;
    }
    if (options->join != NULL) {
        FI_TRY(open_join(scan, options->join, err));
    }
    FI_TRY(open_input(scan, &given, snapshot, err));
    FI_TRY(alloc_outputs(scan, err));
    unsigned threads = choose_threads(scan, options);
    scan->workers = fi_alloc_zeroed(threads * sizeof scan->workers[0]);
    if (scan->workers == NULL) {
        rc = fi_error_no_memory(err, "a scan");
        goto out;
    }
    scan->worker_count = threads;
    for (unsigned i = 0; i < threads; i++) {
        FI_TRY(fi_query_worker_init(&scan->workers[i], &scan->input, err));
    }
    *out = scan;
    scan = NULL;
out:
    fi_query_close(scan);
    return rc;
}

void
fi_query_close(struct firn_scan *scan)
{
    if (scan == NULL) {
        return;
    }
    fi_os_jobs_destroy(scan->jobs);
    for (unsigned i = 0; i < scan->worker_count; i++) {
        fi_query_worker_deinit(&scan->workers[i]);
    }
    fi_rowsort_destroy(scan->own_sort);
    fi_expr_eval_destroy(scan->outputs);
    for (size_t i = 0; scan->selected != NULL && i < scan->plan->output_count; i++) {
        fi_query_column_deinit(&scan->selected[i]);
    }
    fi_rows_read_cursor_close(scan->input.cursor);
    fi_db_pieces_close(scan->pieces);
    fi_free(scan->workers);
    fi_free(scan->selected);
    fi_free(scan->computed);
    fi_free(scan->keys);
    fi_free(scan->results);
    fi_free(scan->batch.columns);
    fi_query_join_destroy(scan->join);
    fi_query_plan_close(scan->table, scan->plan);
    fi_schema_unref(scan->schema);
    fi_db_snapshot_close(scan->own_snapshot);
    fi_free(scan);
}

/* ---- reading everything first ---- */

static int
create_sort(struct firn_scan *scan, uint64_t memory_bytes, struct fi_rowsort **out, firn_error *err)
{
    const struct fi_query_plan *plan = scan->plan;
    struct fi_aggregate_column *columns = fi_alloc_zeroed(plan->output_count * sizeof columns[0]);
    if (columns == NULL) {
        return fi_error_no_memory(err, "a query");
    }
    for (size_t i = 0; i < plan->output_count; i++) {
        columns[i] = fi_query_plan_kept(&plan->outputs[i]);
    }
    uint64_t limit = 0;
    if (scan->limit_left < UINT64_MAX && scan->skip_left < UINT64_MAX - scan->limit_left) {
        limit = scan->limit_left + scan->skip_left;
    }
    const struct fi_rowsort_spec spec = {.columns = columns,
                                         .column_count = plan->output_count,
                                         .keys = plan->sort,
                                         .key_count = plan->order.count,
                                         .limit = limit,
                                         .memory_bytes = memory_bytes,
                                         .spill = scan->spill.dir != NULL ? &scan->spill : NULL};
    int rc = fi_rowsort_create(&spec, out, err);
    fi_free(columns);
    return rc;
}

static int
create_aggregate(struct firn_scan *scan, uint64_t memory_bytes, struct fi_aggregate **out,
                 firn_error *err)
{
    const struct fi_query_plan *plan = scan->plan;
    struct fi_aggregate_range ranges[FI_AGGREGATE_KEYS_MAX];
    uint64_t row_count = 0;
    struct fi_aggregate_column *keys = fi_alloc_zeroed((plan->group.count + 1) * sizeof keys[0]);
    if (keys == NULL) {
        return fi_error_no_memory(err, "a query");
    }
    for (size_t i = 0; i < plan->group.count; i++) {
        keys[i] = plan->values[i].type;
    }
    bool has_ranges = plan->group.count <= FI_AGGREGATE_KEYS_MAX &&
                      fi_query_group_ranges(&scan->input, ranges, &row_count);
    const struct fi_aggregate_spec spec = {.keys = keys,
                                           .key_count = plan->group.count,
                                           .ranges = has_ranges ? ranges : NULL,
                                           .row_count = row_count,
                                           .calls = plan->calls,
                                           .call_count = plan->groups.aggregate_count,
                                           .memory_bytes = memory_bytes,
                                           .spill = scan->spill.dir != NULL ? &scan->spill : NULL,
                                           .os = fi_db_os(scan->db),
                                           .seed = scan->seed};
    int rc = fi_aggregate_create(&spec, out, err);
    fi_free(keys);
    return rc;
}

/* Groups that are sorted are in memory twice: as groups, and in the sort, which gets a quarter. If
 * few of them are wanted, the sort holds only those. */
static uint64_t
sort_share(const struct firn_scan *scan)
{
    enum { FEW = 4096 };
    const struct fi_query_plan *plan = scan->plan;
    bool has_all = plan->is_grouped && plan->order.count > 0 &&
                   (scan->limit_left > FEW || scan->skip_left > FEW);
    return has_all ? scan->memory_bytes / 4 : 0;
}

/* The first worker gets half of the memory, because the others are merged into it. */
static uint64_t
share_of(const struct firn_scan *scan, unsigned i)
{
    uint64_t all = scan->memory_bytes - sort_share(scan);
    if (scan->worker_count == 1) {
        return all;
    }
    return i == 0 ? all / 2 : all / 2 / (scan->worker_count - 1);
}

static int
begin_progress(struct firn_scan *scan, firn_error *err)
{
    fi_query_source_report(scan->workers[0].source, &scan->progress);
    return fi_storefile_progress_begin(&scan->progress, "read", 0, 0, err);
}

static int
run_workers(struct firn_scan *scan, firn_error *err)
{
    int rc;
    FI_TRY(begin_progress(scan, err));
    if (scan->worker_count > 1) {
        FI_TRY(fi_os_jobs_create(fi_db_os(scan->db), scan->worker_count - 1, &scan->jobs, err));
    }
    for (unsigned i = 1; i < scan->worker_count; i++) {
        if (fi_os_jobs_submit(scan->jobs, fi_query_worker_run, &scan->workers[i], NULL) !=
            FIRN_OK) {
            break; /* the running ones read everything */
        }
    }
    fi_query_worker_run(&scan->workers[0]);
    if (scan->jobs != NULL) {
        fi_os_jobs_wait(scan->jobs);
        fi_os_jobs_destroy(scan->jobs);
        scan->jobs = NULL;
    }
    for (unsigned i = 0; i < scan->worker_count; i++) {
        if (scan->workers[i].rc != FIRN_OK) {
            *err = scan->workers[i].error;
            return scan->workers[i].rc;
        }
    }
out:
    return rc;
}

static int
create_outputs(struct firn_scan *scan, firn_error *err)
{
    const struct fi_query_plan *plan = scan->plan;
    const struct fi_expr **exprs = fi_alloc_zeroed(plan->output_count * sizeof(struct fi_expr *));
    if (exprs == NULL) {
        return fi_error_no_memory(err, "a query");
    }
    for (size_t i = 0; i < plan->output_count; i++) {
        exprs[i] = fi_query_plan_output(plan, i);
    }
    int rc = fi_expr_eval_create(exprs, plan->output_count, &scan->outputs, err);
    fi_free(exprs);
    return rc;
}

/* The next groups, computed; *out_count is 0 at the end. */
static int
next_groups(struct firn_scan *scan, size_t *out_count, firn_error *err)
{
    FI_TRY_RETURN(
        fi_aggregate_next(scan->workers[0].aggregate, scan->keys, scan->results, out_count, err));
    if (*out_count == 0) {
        return FIRN_OK;
    }
    const struct fi_expr_batch batch = {
        .count = *out_count, .aggregates = scan->results, .keys = scan->keys};
    fi_expr_eval_begin(scan->outputs, &batch);
    for (size_t i = 0; i < scan->plan->output_count; i++) {
        FI_TRY_RETURN(fi_expr_eval_values(scan->outputs, i, &scan->computed[i], err));
    }
    return FIRN_OK;
}

static int
sort_groups(struct firn_scan *scan, firn_error *err)
{
    size_t count = 1;
    uint64_t share = sort_share(scan);
    FI_TRY_RETURN(create_sort(scan, share > 0 ? share : scan->memory_bytes, &scan->own_sort, err));
    while (count > 0) {
        FI_TRY_RETURN(next_groups(scan, &count, err));
        if (count > 0) {
            FI_TRY_RETURN(fi_rowsort_add(scan->own_sort, scan->computed, count, NULL,
                                         FI_ROWSORT_ARRIVAL, err));
        }
    }
    FI_TRY_RETURN(fi_rowsort_finish(scan->own_sort, err));
    scan->sort = scan->own_sort;
    return FIRN_OK;
}

static int
read_groups(struct firn_scan *scan, firn_error *err)
{
    for (unsigned i = 0; i < scan->worker_count; i++) {
        FI_TRY_RETURN(create_aggregate(scan, share_of(scan, i), &scan->workers[i].aggregate, err));
    }
    FI_TRY_RETURN(create_outputs(scan, err));
    FI_TRY_RETURN(run_workers(scan, err));
    struct fi_aggregate *all = scan->workers[0].aggregate;
    for (unsigned i = 1; i < scan->worker_count; i++) {
        FI_TRY_RETURN(fi_aggregate_merge(all, scan->workers[i].aggregate, err));
    }
    FI_TRY_RETURN(fi_aggregate_finish(all, err));
    if (scan->plan->order.count > 0) {
        FI_TRY_RETURN(sort_groups(scan, err));
    }
    return FIRN_OK;
}

static int
read_sorted(struct firn_scan *scan, firn_error *err)
{
    for (unsigned i = 0; i < scan->worker_count; i++) {
        FI_TRY_RETURN(create_sort(scan, share_of(scan, i), &scan->workers[i].sort, err));
    }
    FI_TRY_RETURN(run_workers(scan, err));
    scan->sort = scan->workers[0].sort;
    for (unsigned i = 1; i < scan->worker_count; i++) {
        FI_TRY_RETURN(fi_rowsort_merge(scan->sort, scan->workers[i].sort, err));
    }
    return fi_rowsort_finish(scan->sort, err);
}

static int
read_all(struct firn_scan *scan, firn_error *err)
{
    return scan->plan->is_grouped ? read_groups(scan, err) : read_sorted(scan, err);
}

/* Discards what was read, and leaves one worker, which gets all of the memory. */
static int
start_anew(struct firn_scan *scan, firn_error *err)
{
    DCHECK(scan->jobs == NULL && scan->worker_count > 1);
    for (unsigned i = 0; i < scan->worker_count; i++) {
        fi_query_worker_deinit(&scan->workers[i]);
    }
    fi_rowsort_destroy(scan->own_sort);
    fi_expr_eval_destroy(scan->outputs);
    scan->own_sort = NULL;
    scan->sort = NULL;
    scan->outputs = NULL;
    scan->worker_count = 1;
    atomic_store(&scan->input.piece_next, 0);
    atomic_store(&scan->input.is_stopped, false);
    return fi_query_worker_init(&scan->workers[0], &scan->input, err);
}

static int
query_begin(struct firn_scan *scan, firn_error *err)
{
    int rc = FIRN_OK;
    scan->has_begun = true;
    if (scan->plan->is_grouped || scan->plan->order.count > 0) {
        scan->spill = (struct fi_spill){
            .dir = fi_db_scratch_dir(scan->db), .make_name = fi_db_scratch_name, .ctx = scan->db};
        FI_TRY(fi_os_random(fi_db_os(scan->db), &scan->seed, sizeof scan->seed, err));
        rc = read_all(scan, err);
        if (rc == FIRN_LIMIT && scan->spill.dir == NULL && scan->worker_count > 1) {
            /* A worker's share of the memory was too small; all of it may be enough. */
            FI_TRY(start_anew(scan, err));
            rc = read_all(scan, err);
        }
    } else {
        rc = begin_progress(scan, err);
    }
out:
    return rc;
}

/* ---- a visitor ---- */

unsigned
fi_query_workers(const struct firn_scan *scan)
{
    return scan->worker_count;
}

struct fi_lsm_pieces *
fi_query_pieces(const struct firn_scan *scan)
{
    return scan->input.pieces;
}

int
fi_query_visit(struct firn_scan *scan, const struct fi_query_visitor *visitor, firn_error *err)
{
    DCHECK(!scan->has_begun && !scan->plan->is_grouped && scan->plan->order.count == 0);
    scan->has_begun = true;
    scan->has_ended = true;
    for (unsigned i = 0; i < scan->worker_count; i++) {
        scan->workers[i].visitor = visitor;
        scan->workers[i].number = i;
    }
    return run_workers(scan, err);
}

/* ---- batches ---- */

/* The next batch of the stream, computed: its rows that count are in the selection. */
static int
next_of_stream(struct firn_scan *scan, size_t *out_count, firn_error *err)
{
    struct fi_query_worker *worker = &scan->workers[0];
    bool has_more = false;
    int rc = FIRN_OK;
    *out_count = 0;
    scan->input.wanted = scan->skip_left + scan->limit_left;
    if (scan->input.wanted < scan->skip_left) {
        scan->input.wanted = UINT64_MAX;
    }
    while (rc == FIRN_OK && !has_more) {
        if (scan->has_piece) {
            rc = fi_query_source_next(worker->source, &has_more, err);
            scan->has_piece = has_more;
            continue;
        }
        size_t piece = atomic_fetch_add(&scan->input.piece_next, 1);
        if (piece >= scan->input.piece_count) {
            return FIRN_OK;
        }
        piece = scan->input.is_descending ? scan->input.piece_count - 1 - piece : piece;
        rc = fi_query_source_begin(worker->source, piece, err);
        scan->has_piece = true;
    }
    if (rc == FIRN_OK) {
        *out_count = fi_query_source_rows(worker->source);
        fi_query_column_selection(fi_query_source_mask(worker->source), *out_count,
                                  &scan->selection);
        /* If cut() leaves nothing, nothing is decoded. */
        if (scan->selection.count > scan->skip_left) {
            rc = fi_query_values_read(worker, err);
        }
        memcpy(scan->computed, worker->values, scan->plan->output_count * sizeof scan->computed[0]);
    }
    return rc;
}

/* The next rows of groups or a sort: all of them count. */
static int
next_of_rest(struct firn_scan *scan, size_t *out_count, firn_error *err)
{
    int rc = scan->sort != NULL ? fi_rowsort_next(scan->sort, scan->computed, out_count, err)
                                : next_groups(scan, out_count, err);
    if (rc == FIRN_OK) {
        struct fi_query_mask all;
        fi_query_column_mask(&all, 0, *out_count);
        fi_query_column_selection(&all, *out_count, &scan->selection);
    }
    return rc;
}

/* Applies the offset and the limit to the selection. */
static void
query_cut(struct firn_scan *scan)
{
    size_t count = scan->selection.count;
    size_t skip = scan->skip_left < count ? (size_t)scan->skip_left : count;
    size_t most = scan->limit_left < count ? (size_t)scan->limit_left : count;
    fi_query_column_cut(&scan->selection, skip, most);
    scan->skip_left -= skip;
    if (scan->limit_left < UINT64_MAX) {
        scan->limit_left -= scan->selection.count;
    }
    scan->has_ended = scan->limit_left == 0;
}

static int
query_show(struct firn_scan *scan, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; rc == FIRN_OK && i < scan->batch.column_count; i++) {
        rc = fi_query_column_select(&scan->selected[i], &scan->computed[i], &scan->selection,
                                    &scan->batch.columns[i], err);
    }
    scan->batch.count = scan->selection.count;
    scan->rows_returned += scan->selection.count;
    return rc;
}

static int
query_next(struct firn_scan *scan, const struct firn_scan_batch **out, firn_error *err)
{
    const bool streams = !scan->plan->is_grouped && scan->plan->order.count == 0;
    size_t count = 1;
    int rc = scan->has_begun ? FIRN_OK : query_begin(scan, err);
    while (rc == FIRN_OK && !scan->has_ended) {
        rc = streams ? next_of_stream(scan, &count, err) : next_of_rest(scan, &count, err);
        if (rc != FIRN_OK || count == 0) {
            scan->has_ended = true;
            break;
        }
        query_cut(scan);
        if (scan->selection.count > 0) {
            rc = query_show(scan, err);
            *out = rc == FIRN_OK ? &scan->batch : NULL;
            break;
        }
    }
    return rc;
}

int
fi_query_next(struct firn_scan *scan, const struct firn_scan_batch **out, firn_error *err)
{
    *out = NULL;
    if (scan->rc == FIRN_OK) {
        scan->rc = query_next(scan, out, &scan->error);
        fi_schema_text_explain(scan->schema, fi_rows_name(scan->table), scan->rc, &scan->error);
    }
    if (scan->rc != FIRN_OK) {
        *out = NULL;
        *err = scan->error;
    }
    return scan->rc;
}

/* ---- looking ---- */

size_t
fi_query_column_count(const struct firn_scan *scan)
{
    return scan->plan->select.count;
}

void
fi_query_column_at(const struct firn_scan *scan, size_t i, firn_scan_column *out)
{
    const struct fi_expr_type *type = &scan->plan->outputs[i];
    DCHECK(i < scan->plan->select.count);
    out->name = (const char *)scan->plan->select.items[i].name.data;
    out->type = type->type;
    out->precision = type->precision;
    out->scale = type->scale;
    out->dimensions = type->dimensions;
    out->not_null = !type->is_nullable;
}

size_t
fi_query_batch_rows(const struct firn_scan_batch *batch)
{
    return batch->count;
}

const struct fi_chunk_values *
fi_query_batch_column(const struct firn_scan_batch *batch, size_t column)
{
    DCHECK(column < batch->column_count);
    return &batch->columns[column];
}

const struct fi_column_pin *
fi_query_batch_pin(const struct firn_scan *scan, size_t column)
{
    const struct fi_query_plan *plan = scan->plan;
    DCHECK(column < scan->batch.column_count);
    if (plan->is_grouped || plan->order.count > 0 || plan->values[column].column == SIZE_MAX) {
        return NULL;
    }
    return fi_query_source_pin(scan->workers[0].source, plan->values[column].column);
}

firn_value
fi_query_batch_value(const struct firn_scan_batch *batch, size_t column, size_t row)
{
    DCHECK(column < batch->column_count && row < batch->count);
    const struct fi_chunk_values *values = &batch->columns[column];
    firn_value value = firn_null();
    if (batch->types[column].type == FIRN_TYPE_NULL ||
        (values->valid != NULL && (values->valid[row / 64] >> (row % 64) & 1) == 0)) {
        return value;
    }
    value.type = batch->types[column].type;
    switch (values->kind) {
    case FI_PHYSICAL_F32:
        value.as.f32 = values->as.f32[row];
        break;
    case FI_PHYSICAL_F64:
        value.as.f64 = values->as.f64[row];
        break;
    case FI_PHYSICAL_BYTES:
        value.as.bytes = values->as.bytes[row];
        break;
    case FI_PHYSICAL_I64:
    case FI_PHYSICAL_U64:
    case FI_PHYSICAL_NONE:
        value.as.u64 = values->as.u64[row];
        if (value.type == FIRN_TYPE_BOOL) {
            value = firn_bool(values->as.u64[row] != 0);
        }
        break;
    }
    return value;
}

void
fi_query_get_stats(const struct firn_scan *scan, firn_scan_stats *out)
{
    for (unsigned i = 0; i < scan->worker_count; i++) {
        const struct fi_query_worker *worker = &scan->workers[i];
        if (worker->source == NULL) {
            continue; /* start_anew had no memory */
        }
        fi_query_source_count(worker->source, out);
        if (worker->aggregate != NULL) {
            out->bytes_spilled += fi_aggregate_spilled_bytes(worker->aggregate);
        }
        if (worker->sort != NULL) {
            out->bytes_spilled += fi_rowsort_spilled_bytes(worker->sort);
        }
    }
    if (scan->own_sort != NULL) {
        out->bytes_spilled += fi_rowsort_spilled_bytes(scan->own_sort);
    }
    out->rows_returned = scan->rows_returned;
    out->threads = scan->worker_count;
}
