/* SPDX-License-Identifier: Apache-2.0
 *
 * graph/graph_build.c: a graph from the vectors of a run.
 *
 * Nodes are added in an order that the seed shuffles, because neighbours in the run may be
 * neighbours in space. They are added in batches. First the nodes of a batch search for their
 * neighbours in the graph without the batch, independently, so on any number of threads. Then links
 * are written, in both directions. A batch has at most a 32nd of the nodes of the graph, so few
 * neighbours are missed within a batch (Manohar et al., "ParlayANN", 2024). So no thread waits for
 * a lock, no list is read while it is written, and the graph is the same with any number of
 * threads.
 *
 * (I1) While a batch looks for neighbours nothing of the graph changes; while links are written
 *      each list is written by one thread: node n by thread n modulo threads, in the order of the
 *      batch.
 * (I2) A list has only nodes that are in the graph, none twice, and not its own node.
 *
 * At the end nodes that descents do not find get links (graph_connect.c), and it is measured how
 * much walks find (graph_measure.c).
 *
 * During the build a list of level 0 may have half as many links again as in the end: pruning costs
 * as much as 50 distances, so a list is pruned when it is full, and at the end.
 *
 * A node of the highest level is added first, and searches begin there.
 *
 * With an older graph, the nodes that are kept of it come first, with their links (graph_merge.c).
 *
 * Memory: codes, links and five numbers of 4 bytes a node; a bit a node for each thread.
 *
 * Failure: the first error of any thread; nothing is left.
 */
#include "graph/graph_internal.h"

#include "base/mem.h"
#include "base/sort.h"
#include "threads/os_thread.h"

enum {
    BATCH_NODES_MAX = 2048,
    BATCH_PART = 32,  /* of the nodes that are there */
    STEP_NODES = 8,   /* that a thread takes at once */
    ALONE_NODES = 16, /* fewer are not worth waking threads */
    THREADS_MAX = 64,
    CONNECT_ROUNDS = 2,  /* a link that was replaced may have led to another node */
    SLACK_NUMERATOR = 3, /* links of level 0 while building, of 2 m */
    SLACK_DENOMINATOR = 2
};

struct build;

struct worker {
    struct build *build;
    unsigned number;
    struct fi_graph_scratch *scratch;
    uint64_t *list; /* for pruning: items */
    int rc;
    firn_error err;
};

struct build {
    struct fi_graph *graph;
    const struct fi_graph_build_options *options;
    uint32_t *order; /* in which nodes come into the graph */
    uint8_t *counts; /* links of level 0 of each node */
    struct fi_graph_merge merge;
    struct fi_graph_measure *measure; /* NULL: there are too few nodes */
    uint32_t first;                   /* node of those that are compared with its queries */
    const uint8_t **vectors;
    size_t vector_count;
    uint32_t kept;   /* nodes of the merge that others lead to: they come first in order */
    uint32_t *found; /* of a batch: m links for each node and level */
    uint32_t begin;  /* of the batch, in order */
    uint32_t end;
    _Atomic uint32_t next; /* node of the batch, or of all */
    void (*task)(struct worker *worker);
    struct fi_os_jobs *jobs; /* NULL: one thread */
    unsigned threads;
    uint32_t team_count; /* of what team_task is called with */
    void (*team_task)(void *ctx, struct fi_graph_scratch *scratch, uint32_t begin, uint32_t end);
    void *team_ctx;
    struct worker workers[THREADS_MAX];
};

static uint8_t *
record_of(const struct fi_graph *graph, uint32_t node)
{
    return graph->code_pages.data + (size_t)node * graph->codes.stride;
}

static uint32_t *
list_of(const struct fi_graph *graph, uint32_t node)
{
    return (uint32_t *)(void *)graph->link_pages.data + (size_t)node * graph->link_width;
}

/* ---- threads ---- */

static void
run_worker(void *arg)
{
    struct worker *worker = arg;
    if (worker->rc == FIRN_OK) {
        worker->build->task(worker);
    }
}

/* Runs a task on all threads; the first failure is returned. */
static int
run_all(struct build *build, void (*task)(struct worker *worker), bool is_alone, firn_error *err)
{
    int rc = FIRN_OK;
    build->task = task;
    atomic_store_explicit(&build->next, 0, memory_order_relaxed);
    unsigned threads = is_alone || build->jobs == NULL ? 1 : build->threads;
    for (unsigned i = 1; i < threads; i++) {
        struct worker *worker = &build->workers[i];
        if (fi_os_jobs_submit(build->jobs, run_worker, worker, NULL) != FIRN_OK) {
            run_worker(worker);
        }
    }
    run_worker(&build->workers[0]);
    if (threads > 1) {
        fi_os_jobs_wait(build->jobs);
    }
    for (unsigned i = 0; i < threads && rc == FIRN_OK; i++) {
        rc = build->workers[i].rc;
        if (rc != FIRN_OK && err != NULL) {
            *err = build->workers[i].err;
        }
    }
    return rc;
}

/* The next nodes for a thread; false: there are no more. */
static bool
take_step(struct build *build, uint32_t count, uint32_t *out_first, uint32_t *out_end)
{
    uint32_t first = atomic_fetch_add_explicit(&build->next, STEP_NODES, memory_order_relaxed);
    *out_first = first;
    *out_end = first < count && count - first > STEP_NODES ? first + STEP_NODES : count;
    return first < count;
}

/* ---- looking for neighbours ---- */

/* Links that a node chooses at level 0: more than m, since 2 m have room, and those of a node
 * without near ones that choose it would stay empty. Of uniform vectors recall goes from .95 to .97
 * for a tenth of the walk. */
static size_t
forward_most(size_t m)
{
    return m + m / 2;
}

static uint32_t *
found_of(const struct build *build, uint32_t i, uint32_t level)
{
    const struct fi_graph *graph = build->graph;
    size_t list = (size_t)i * (graph->top_level + 1) + level;
    return build->found + list * forward_most(graph->parameters.m);
}

/* One that was kept, but that nothing led to, may find itself. */
static void
leave_out(struct fi_graph_pool *pool, uint32_t node)
{
    size_t count = 0;
    for (size_t i = 0; i < pool->count; i++) {
        pool->items[count] = pool->items[i];
        count += fi_graph_item_node(pool->items[i]) != node ? 1 : 0;
    }
    pool->count = count;
}

/* Of one level, from where the pool's nearest node is. */
static int
find_neighbours(const struct build *build, struct fi_graph_scratch *scratch, uint32_t own,
                uint32_t level, uint32_t *out, firn_error *err)
{
    const struct fi_graph *graph = build->graph;
    uint32_t m = graph->parameters.m;
    uint32_t node = fi_graph_item_node(scratch->pool.items[0]);
    size_t count = 0;
    fi_graph_walk_begin(scratch, graph->parameters.ef_construction);
    FI_TRY_RETURN(fi_graph_walk_enter(graph, scratch, node, err));
    FI_TRY_RETURN(fi_graph_walk(graph, scratch, level, UINT64_MAX, err));
    size_t most = level == 0 ? forward_most(m) : m;
    leave_out(&scratch->pool, own);
    FI_TRY_RETURN(fi_graph_walk_select(graph, scratch, scratch->pool.items, scratch->pool.count,
                                       most, &count, err));
    for (size_t k = 0; k < forward_most(m); k++) {
        out[k] = k < count ? fi_graph_item_node(scratch->chosen[k]) : FI_GRAPH_NONE;
    }
    return FIRN_OK;
}

static int
find_of_node(const struct build *build, struct fi_graph_scratch *scratch, uint32_t i,
             firn_error *err)
{
    const struct fi_graph *graph = build->graph;
    uint32_t node = build->order[build->begin + i];
    uint32_t level = fi_graph_walk_level_of(graph, node);
    fi_graph_code_query_of(graph, record_of(graph, node), &scratch->query);
    for (; level > graph->top_level; level--) { /* the new entry, on levels of its own */
        memset(found_of(build, i, level), 0xff,
               forward_most(graph->parameters.m) * sizeof(uint32_t));
    }
    FI_TRY_RETURN(fi_graph_walk_descend(graph, scratch, graph->top_level, level, err));
    for (uint32_t at = level + 1; at-- > 0;) {
        FI_TRY_RETURN(find_neighbours(build, scratch, node, at, found_of(build, i, at), err));
    }
    return FIRN_OK;
}

static void
find_task(struct worker *worker)
{
    struct build *build = worker->build;
    uint32_t i;
    uint32_t end;
    while (worker->rc == FIRN_OK && take_step(build, build->end - build->begin, &i, &end)) {
        for (; i < end && worker->rc == FIRN_OK; i++) {
            worker->rc = find_of_node(build, worker->scratch, i, &worker->err);
        }
    }
}

/* ---- writing links ---- */

/* Chooses `most` of the links of a list and one more (FI_GRAPH_NONE: none), and writes them;
 * returns how many. */
static size_t
graph_build_prune(struct worker *worker, uint32_t node, uint32_t *list, size_t count, uint32_t more,
                  size_t most)
{
    const struct fi_graph *graph = worker->build->graph;
    struct fi_graph_scratch *scratch = worker->scratch;
    uint64_t *items = worker->list;
    size_t total = 0;
    size_t chosen = 0;
    fi_graph_code_query_of(graph, record_of(graph, node), &scratch->query);
    for (size_t k = 0; k < count; k++) {
        __builtin_prefetch(record_of(graph, list[k]));
    }
    const size_t all = count + (more != FI_GRAPH_NONE);
    while (total < all) {
        uint32_t others[4];
        const uint8_t *records[4];
        float distances[4];
        for (size_t k = 0; k < 4; k++) {
            size_t at = total + k < all ? total + k : all - 1;
            others[k] = at < count ? list[at] : more;
            records[k] = record_of(graph, others[k]);
        }
        fi_graph_code_measure_four(graph, &scratch->query, records, distances);
        for (size_t k = 0; k < 4 && total < all; k++) {
            items[total++] = fi_graph_item(distances[k], others[k]);
        }
    }
    scratch->evaluated += total;
    fi_sort_u64(items, total);
    worker->rc = fi_graph_walk_select(graph, scratch, items, total, most, &chosen, &worker->err);
    for (size_t k = 0; k < chosen; k++) {
        list[k] = fi_graph_item_node(scratch->chosen[k]);
    }
    return chosen;
}

static bool
has_link(const uint32_t *list, size_t count, uint32_t to)
{
    bool has = false;
    for (size_t k = 0; k < count; k++) {
        has = has || list[k] == to;
    }
    return has;
}

static void
add_link(struct worker *worker, uint32_t node, uint32_t level, uint32_t to)
{
    struct build *build = worker->build;
    const struct fi_graph *graph = build->graph;
    uint32_t m = graph->parameters.m;
    DCHECK(node != to);                              /* (I2) */
    DCHECK(node % build->threads == worker->number); /* (I1) */
    if (level == 0) {
        uint32_t *list = list_of(graph, node);
        size_t count = build->counts[node];
        if (has_link(list, count, to)) { /* (I2): of a merge */
            return;
        }
        if (count < graph->link_width) {
            list[count++] = to;
        } else {
            count = graph_build_prune(worker, node, list, count, to, 2 * (size_t)m);
            memset(list + count, 0xff, (graph->link_width - count) * sizeof *list);
        }
        build->counts[node] = (uint8_t)count;
        return;
    }
    uint32_t *list = fi_graph_walk_upper_list(graph, node, level);
    size_t count = 0;
    while (count < m && list[count] != FI_GRAPH_NONE) {
        count++;
    }
    if (has_link(list, count, to)) {
        return;
    }
    if (count < m) {
        list[count] = to;
    } else {
        count = graph_build_prune(worker, node, list, count, to, m);
        memset(list + count, 0xff, (m - count) * sizeof *list);
    }
}

/* All links of the batch whose list is this thread's. */
static void
link_task(struct worker *worker)
{
    struct build *build = worker->build;
    const struct fi_graph *graph = build->graph;
    for (uint32_t i = 0; i < build->end - build->begin && worker->rc == FIRN_OK; i++) {
        uint32_t node = build->order[build->begin + i];
        uint32_t levels = fi_graph_walk_level_of(graph, node) + 1;
        for (uint32_t level = 0; level < levels; level++) {
            const uint32_t *found = found_of(build, i, level);
            for (size_t k = 0; k < forward_most(graph->parameters.m) && found[k] != FI_GRAPH_NONE &&
                               worker->rc == FIRN_OK;
                 k++) {
                if (node % build->threads == worker->number) { /* (I1) */
                    add_link(worker, node, level, found[k]);
                }
                if (found[k] % build->threads == worker->number) {
                    add_link(worker, found[k], level, node);
                }
            }
        }
    }
}

/* Of one thread alone, which has all lists. */
static void
link_alone_task(struct worker *worker)
{
    unsigned threads = worker->build->threads;
    worker->build->threads = 1;
    link_task(worker);
    worker->build->threads = threads;
}

/* At the end: no list of level 0 keeps more than 2 m links. */
static void
trim_task(struct worker *worker)
{
    struct build *build = worker->build;
    const struct fi_graph *graph = build->graph;
    size_t most = 2 * (size_t)graph->parameters.m;
    uint32_t node;
    uint32_t end;
    while (worker->rc == FIRN_OK && take_step(build, graph->count, &node, &end)) {
        for (; node < end && worker->rc == FIRN_OK; node++) {
            size_t count = build->counts[node];
            if (count > most) {
                uint32_t *list = list_of(graph, node);
                count = graph_build_prune(worker, node, list, count, FI_GRAPH_NONE, most);
                memset(list + count, 0xff, (graph->link_width - count) * sizeof *list);
                build->counts[node] = (uint8_t)count;
            }
        }
    }
}

static uint32_t
batch_size(const struct build *build)
{
    uint32_t size = build->end / BATCH_PART;
    uint32_t left = build->graph->count - build->end;
    size = size < 1 ? 1 : size > BATCH_NODES_MAX ? BATCH_NODES_MAX : size;
    return size < left ? size : left;
}

static int
link_batch(struct build *build, uint32_t size, firn_error *err)
{
    bool is_alone = size < ALONE_NODES;
    FI_TRY_RETURN(fi_step_report(build->options->step, size, 0, err));
    build->begin = build->end;
    build->end += size;
    FI_TRY_RETURN(run_all(build, find_task, is_alone, err));
    return run_all(build, is_alone ? link_alone_task : link_task, is_alone, err);
}

static int
link_all(struct build *build, firn_error *err)
{
    struct fi_graph *graph = build->graph;
    const uint32_t entry = graph->entry;
    const uint32_t top_level = graph->top_level;
    int rc = FIRN_OK;
    build->end = build->kept > 0    ? build->kept
                 : graph->count > 0 ? 1 /* the first node has no neighbours to search for */
                                    : 0;
    if (build->kept > 0 && entry != build->merge.entry) {
        /* The new entry searches from that of the nodes that were kept. */
        DCHECK(build->order[build->kept] == entry);
        graph->entry = build->merge.entry;
        graph->top_level = build->merge.top_level;
        rc = link_batch(build, 1, err);
        graph->entry = entry;
        graph->top_level = top_level;
    }
    FI_TRY(rc);
    while (build->end < graph->count) {
        FI_TRY(link_batch(build, batch_size(build), err));
    }
    FI_TRY(run_all(build, trim_task, false, err));
out:
    return rc;
}

/* ---- nodes that descents do not find ---- */

/* Notes in `counts`, which no list needs any more, which of the nodes above level 0 are found. */
static void
inspect_task(struct worker *worker)
{
    struct build *build = worker->build;
    const struct fi_graph *graph = build->graph;
    uint32_t i;
    uint32_t end;
    while (worker->rc == FIRN_OK && take_step(build, graph->upper_count, &i, &end)) {
        for (; i < end && worker->rc == FIRN_OK; i++) {
            bool is_found = false;
            worker->rc = fi_graph_connect_inspect(graph, worker->scratch, graph->upper_nodes[i],
                                                  &is_found, &worker->err);
            build->counts[i] = is_found;
        }
    }
}

static int
connect_all(struct build *build, firn_error *err)
{
    struct fi_graph *graph = build->graph;
    const bool is_dot = graph->parameters.metric == FI_VECTOR_DOT;
    for (int round = 0; round < CONNECT_ROUNDS && !is_dot; round++) {
        uint32_t missing = 0;
        FI_TRY_RETURN(run_all(build, inspect_task, false, err));
        for (uint32_t i = 0; i < graph->upper_count; i++) {
            if (build->counts[i] == 0) {
                missing++;
                FI_TRY_RETURN(
                    fi_graph_connect(graph, build->workers[0].scratch, graph->upper_nodes[i], err));
            }
        }
        if (missing == 0) {
            break;
        }
    }
    return FIRN_OK;
}

/* ---- measuring ---- */

static void
compare_task(struct worker *worker)
{
    struct build *build = worker->build;
    uint32_t i;
    uint32_t end;
    while (take_step(build, fi_graph_measure_count(build->measure), &i, &end)) {
        for (; i < end; i++) {
            fi_graph_measure_compare(build->measure, i, build->first, build->vectors,
                                     build->vector_count);
        }
    }
}

static void
resolve_task(struct worker *worker)
{
    struct build *build = worker->build;
    uint32_t i;
    uint32_t end;
    while (take_step(build, fi_graph_measure_count(build->measure), &i, &end)) {
        for (; i < end; i++) {
            fi_graph_measure_resolve(build->measure, i);
        }
    }
}

static void
walk_task(struct worker *worker)
{
    struct build *build = worker->build;
    uint32_t i;
    uint32_t end;
    while (take_step(build, fi_graph_measure_count(build->measure), &i, &end)) {
        for (; i < end && worker->rc == FIRN_OK; i++) {
            worker->rc = fi_graph_measure_walk(build->measure, i, worker->scratch, &worker->err);
        }
    }
}

/* Compares the queries with the vectors of all nodes. */
static int
compare_all(struct build *build, const struct fi_graph_source *source, firn_error *err)
{
    const struct fi_graph *graph = build->graph;
    const uint8_t *vectors[FI_GRAPH_READ_MAX];
    uint32_t node = 0;
    int rc = FIRN_OK;
    build->vectors = vectors;
    for (uint64_t first = 0; first < source->rows;) {
        const size_t count = fi_graph_step(graph, source->rows - first);
        FI_TRY(fi_step_report(build->options->step, 0, 0, err));
        FI_TRY(source->read(source->ctx, first, count, vectors, err));
        build->first = node;
        build->vector_count = 0;
        for (size_t i = 0; i < count && node < graph->count; i++) {
            if ((graph->rows_of == NULL ? node : graph->rows_of[node]) == first + i) {
                CHECK(vectors[i] != NULL); /* the source gives the same each time */
                vectors[build->vector_count++] = vectors[i];
                node++;
            }
        }
        FI_TRY(run_all(build, compare_task, build->vector_count < ALONE_NODES, err));
        first += count;
    }
    CHECK(node == graph->count);
    FI_TRY(run_all(build, resolve_task, false, err));
out:
    build->vectors = NULL;
    return rc;
}

static int
measure_widths(struct build *build, firn_error *err)
{
    build->graph->widths.is_measured = true;
    if (build->measure == NULL) {
        return FIRN_OK;
    }
    do {
        FI_TRY_RETURN(fi_step_report(build->options->step, 0, 0, err));
        FI_TRY_RETURN(run_all(build, walk_task, false, err));
    } while (fi_graph_measure_next(build->measure, build->graph));
    return FIRN_OK;
}

/* ---- all of it ---- */

static int
open_build(struct build *build, firn_error *err)
{
    struct fi_graph *graph = build->graph;
    const struct fi_graph_parameters *parameters = &graph->parameters;
    size_t lists = (size_t)BATCH_NODES_MAX * (graph->top_level + 1);
    build->order = fi_alloc_array((size_t)graph->count + 1, sizeof *build->order);
    build->counts = fi_alloc_zeroed((size_t)graph->count + 1);
    build->found = fi_alloc_array(lists * forward_most(parameters->m), sizeof *build->found);
    if (build->order == NULL || build->counts == NULL || build->found == NULL) {
        return fi_error_no_memory(err, "a graph");
    }
    for (unsigned i = 0; i < build->threads; i++) {
        struct worker *worker = &build->workers[i];
        worker->build = build;
        worker->number = i;
        FI_TRY_RETURN(fi_graph_search_scratch_create(&worker->scratch, err));
        FI_TRY_RETURN(fi_graph_code_prepare(graph, worker->scratch, err));
        FI_TRY_RETURN(
            fi_graph_walk_prepare(graph, worker->scratch, parameters->ef_construction, err));
        worker->list = fi_alloc_array((size_t)graph->link_width + 1, sizeof *worker->list);
        if (worker->list == NULL) {
            return fi_error_no_memory(err, "a graph");
        }
    }
    if (build->threads > 1) {
        FI_TRY_RETURN(fi_os_jobs_create(build->options->os, build->threads - 1, &build->jobs, err));
        fi_os_jobs_step_back(build->jobs, FI_OS_JOBS_BACK);
    }
    return FIRN_OK;
}

static void
close_build(struct build *build)
{
    fi_os_jobs_destroy(build->jobs);
    for (unsigned i = 0; i < build->threads; i++) {
        fi_graph_search_scratch_destroy(build->workers[i].scratch);
        fi_free(build->workers[i].list);
    }
    fi_free(build->order);
    fi_free(build->counts);
    fi_free(build->found);
    fi_graph_merge_forget(&build->merge);
    fi_graph_measure_destroy(build->measure);
}

/* ---- what is kept of an older graph ---- */

static int
adopt_node(const struct build *build, struct fi_graph_scratch *scratch, uint32_t node,
           firn_error *err)
{
    const struct fi_graph *graph = build->graph;
    size_t count;
    FI_TRY_RETURN(fi_graph_merge_links(&build->merge, graph, scratch, node, 0, list_of(graph, node),
                                       &count, err));
    build->counts[node] = (uint8_t)count;
    for (uint32_t level = fi_graph_walk_level_of(graph, node); level > 0; level--) {
        FI_TRY_RETURN(fi_graph_merge_links(&build->merge, graph, scratch, node, level,
                                           fi_graph_walk_upper_list(graph, node, level), &count,
                                           err));
    }
    return FIRN_OK;
}

/* (I1): a list is written by the thread that takes its node, and read by none. */
static void
adopt_task(struct worker *worker)
{
    struct build *build = worker->build;
    uint32_t node;
    uint32_t end;
    while (worker->rc == FIRN_OK && take_step(build, build->graph->count, &node, &end)) {
        for (; node < end && worker->rc == FIRN_OK; node++) {
            if (build->merge.old_of[node] != FI_GRAPH_NONE) {
                worker->rc = adopt_node(build, worker->scratch, node, &worker->err);
            }
        }
    }
}

static int
adopt(struct build *build, firn_error *err)
{
    const struct fi_graph *graph = build->graph;
    if (build->merge.old == NULL) {
        return FIRN_OK;
    }
    int rc = run_all(build, adopt_task, false, err);
    if (rc == FIRN_OK || rc == FIRN_NO_MEMORY) {
        return rc;
    }
    /* The old graph is damaged: all begins anew, and nodes keep their levels. */
    for (unsigned i = 0; i < build->threads; i++) {
        build->workers[i].rc = FIRN_OK;
    }
    memset(graph->link_pages.data, 0xff, (size_t)graph->count * graph->link_width * 4);
    memset(graph->upper_links, 0xff,
           (size_t)graph->upper_starts[graph->upper_count] * graph->parameters.m * 4);
    memset(build->counts, 0, graph->count);
    build->merge.is_damaged = true;
    fi_graph_merge_forget(&build->merge);
    return FIRN_OK;
}

/* The nodes that links of level 0 lead to from the old entry, in that order; the others have
 * nothing in order. */
static void
graph_build_reach(struct build *build, uint8_t *was_seen)
{
    const struct fi_graph *graph = build->graph;
    uint32_t head = 0;
    was_seen[build->merge.entry] = 1;
    build->order[build->kept++] = build->merge.entry;
    while (head < build->kept) {
        uint32_t node = build->order[head++];
        const uint32_t *list = list_of(graph, node);
        for (size_t k = 0; k < build->counts[node]; k++) {
            if (was_seen[list[k]] == 0) {
                was_seen[list[k]] = 1;
                build->order[build->kept++] = list[k];
            }
        }
    }
    DCHECK(build->kept <= graph->count);
}

/* ---- the order ---- */

/* After those that were kept, mixed, with the entry first where it is new. */
static int
make_order(struct build *build, firn_error *err)
{
    struct fi_graph *graph = build->graph;
    uint8_t *was_seen = fi_alloc_zeroed((size_t)graph->count + 1);
    if (was_seen == NULL) {
        return fi_error_no_memory(err, "a graph");
    }
    if (build->merge.old != NULL) {
        graph_build_reach(build, was_seen);
    }
    uint32_t first = build->kept;
    uint32_t at = first;
    for (uint32_t i = 0; i < graph->count; i++) {
        if (was_seen[i] == 0) {
            build->order[at++] = i;
            if (first > 0) { /* a walk that begins here leads somewhere */
                build->counts[i] = 1;
                memset(list_of(graph, i), 0xff, 4 * (size_t)graph->link_width);
                list_of(graph, i)[0] = build->merge.entry;
            }
        }
    }
    fi_free(was_seen);
    DCHECK(at == graph->count);
    for (uint32_t i = graph->count - first; i > 1; i--) {
        uint32_t j = first + (uint32_t)(fi_graph_mix(~graph->parameters.seed, i) % i);
        uint32_t node = build->order[first + i - 1];
        build->order[first + i - 1] = build->order[j];
        build->order[j] = node;
    }
    if (first == 0 && graph->count > 0 && graph->top_level == 0) {
        graph->entry = build->order[0];
    }
    for (uint32_t i = first; i < graph->count; i++) {
        if (build->order[i] == graph->entry) {
            build->order[i] = build->order[first];
            build->order[first] = graph->entry;
            break;
        }
    }
    return FIRN_OK;
}

static int
check_options(const struct fi_graph_source *source, const struct fi_graph_parameters *parameters,
              firn_error *err)
{
    bool is_fine = parameters->metric >= FI_VECTOR_L2 &&
                   parameters->metric <= FI_VECTOR_METRIC_LAST && parameters->dimensions > 0 &&
                   parameters->dimensions <= FI_VECTOR_DIMENSIONS_MAX &&
                   parameters->m >= FI_GRAPH_M_MIN && parameters->m <= FI_GRAPH_M_MAX &&
                   parameters->ef_construction > 0 &&
                   parameters->ef_construction <= FI_GRAPH_EF_CONSTRUCTION_MAX &&
                   source->rows <= FI_GRAPH_ROWS_MAX;
    return is_fine ? FIRN_OK
                   : fi_error_set(err, FIRN_INVALID, "a graph cannot have these parameters");
}

static uint32_t
width_while_building(uint32_t m)
{
    return 2 * m * SLACK_NUMERATOR / SLACK_DENOMINATOR;
}

uint64_t
fi_graph_build_bytes(const struct fi_graph_parameters *parameters, uint64_t rows)
{
    size_t stride = fi_graph_code_stride(parameters->dimensions);
    return rows * (stride + 4 * (uint64_t)width_while_building(parameters->m) + 24);
}

const struct fi_graph_build_counts *
fi_graph_build_counts_of(const struct fi_graph *graph)
{
    return &graph->counts;
}

/* Whether links of the old graph can be kept. */
static bool
graph_build_fits(const struct fi_graph_parameters *parameters, const struct fi_graph *old)
{
    return old != NULL && !old->is_listed && old->parameters.metric == parameters->metric &&
           old->parameters.dimensions == parameters->dimensions &&
           old->parameters.m == parameters->m &&
           old->parameters.ef_construction == parameters->ef_construction;
}

static int
make_links(struct build *build, const struct fi_graph_source *source, firn_error *err)
{
    struct fi_graph *graph = build->graph;
    FI_TRY_RETURN(adopt(build, err));
    FI_TRY_RETURN(make_order(build, err));
    FI_TRY_RETURN(link_all(build, err));
    FI_TRY_RETURN(connect_all(build, err));
    graph->counts.kept = build->kept;
    graph->counts.is_damaged = build->merge.is_damaged;
    for (unsigned i = 0; i < build->threads; i++) {
        graph->counts.compared += build->workers[i].scratch->evaluated;
    }
    FI_TRY_RETURN(build->measure == NULL ? FIRN_OK : compare_all(build, source, err));
    return measure_widths(build, err);
}

static void
team_task(struct worker *worker)
{
    struct build *build = worker->build;
    uint32_t begin;
    uint32_t end;
    while (take_step(build, build->team_count, &begin, &end)) {
        build->team_task(build->team_ctx, worker->scratch, begin, end);
    }
}

static int
run_team(void *ctx, uint32_t count,
         void (*task)(void *task_ctx, struct fi_graph_scratch *scratch, uint32_t begin,
                      uint32_t end),
         void *task_ctx, firn_error *err)
{
    struct build *build = ctx;
    build->team_count = count;
    build->team_task = task;
    build->team_ctx = task_ctx;
    FI_TRY_RETURN(fi_step_report(build->options->step, 0, 0, err));
    return run_all(build, team_task, false, err);
}

/* What is nearest to the queries is found while nodes are in the order of their rows. */
static int
make_lists(struct build *build, const struct fi_graph_source *source, firn_error *err)
{
    FI_TRY_RETURN(build->measure == NULL ? FIRN_OK : compare_all(build, source, err));
    const struct fi_graph_team team = {build, run_team};
    FI_TRY_RETURN(fi_graph_lists_make(build->graph, &team, build->measure, err));
    return measure_widths(build, err);
}

int
fi_graph_build(const struct fi_graph_source *source, const struct fi_graph_build_options *options,
               struct fi_graph **out, firn_error *err)
{
    const struct fi_graph_parameters *parameters = &options->parameters;
    struct build *build = NULL;
    struct fi_graph *graph = NULL;
    int rc;
    *out = NULL;
    FI_TRY(check_options(source, parameters, err));
    graph = fi_alloc_zeroed(sizeof *graph);
    build = fi_alloc_zeroed(sizeof *build);
    if (graph == NULL || build == NULL) {
        rc = fi_error_no_memory(err, "a graph");
        goto out;
    }
    graph->parameters = *parameters;
    graph->rows = source->rows;
    graph->numbers = parameters->dimensions;
    graph->link_width = width_while_building(parameters->m);
    fi_graph_read_array_set(&graph->codes, fi_graph_code_stride(graph->numbers), 0);
    graph->measured = fi_graph_measured(graph->numbers, graph->codes.stride);
    build->graph = graph;
    build->options = options;
    /* In simulation jobs run inside of waits, others' too: there one thread does all. */
    build->threads = options->threads == 0 || !fi_os_has_threads(options->os) ? 1
                     : options->threads > THREADS_MAX                         ? THREADS_MAX
                                                                              : options->threads;
    graph->is_listed = options->is_listed;
    build->merge.old =
        !options->is_listed && graph_build_fits(parameters, options->old) ? options->old : NULL;
    FI_TRY(fi_graph_nodes_make(source, options, graph, &build->merge, &build->measure, err));
    FI_TRY(open_build(build, err));
    FI_TRY(options->is_listed ? make_lists(build, source, err) : make_links(build, source, err));
    *out = graph;
    graph = NULL;
out:
    if (build != NULL) {
        close_build(build);
    }
    fi_free(build);
    fi_graph_build_destroy(graph);
    return rc;
}

void
fi_graph_build_destroy(struct fi_graph *graph)
{
    if (graph == NULL) {
        return;
    }
    DCHECK(graph->reader == NULL);
    fi_free(graph->mean);
    fi_free(graph->rows_of);
    fi_free(graph->twin_nodes);
    fi_free(graph->twin_rows);
    fi_free(graph->upper_nodes);
    fi_free(graph->upper_starts);
    fi_free(graph->upper_links);
    fi_free(graph->list_starts);
    fi_free(graph->centers);
    fi_free((void *)(uintptr_t)graph->codes.place);
    fi_free((void *)(uintptr_t)graph->links.place);
    fi_os_pages_unmap(&graph->code_pages);
    fi_os_pages_unmap(&graph->link_pages);
    fi_free(graph);
}
