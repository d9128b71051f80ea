/* SPDX-License-Identifier: Apache-2.0
 *
 * compaction/compaction_graph.c: builds graphs over the vectors of existing runs, and attaches
 * them.
 *
 * Building a graph takes much longer than writing its run, so no flush or compaction waits for it.
 * The graph is built in the background, from the run on disk:
 *
 *   1. a work without a plan keeps the tree from being dropped
 *   2. the graph is built in memory, and written to a file of its own, durably
 *   3. if the run is still there, and no compaction has it, the work gets a plan of that run alone,
 *      so no other takes it
 *   4. one edit of MANIFEST names the run with the new attachment (lsm_install.c), then readers see
 *      it
 *
 * A crash before step 4 leaves a file that MANIFEST does not name, which the next opening removes.
 * If a compaction takes the run meanwhile, the graph is abandoned: the compaction's output gets a
 * graph later. Dropping the tree, or a load into it, cancels the building at its next step.
 *
 * The table's schema says which graphs a run should have (struct fi_column_layout). A run gets
 * them if it has at least ROWS_MIN rows; reading a smaller run is faster than a walk. History runs
 * have none. An attached graph stays as long as its run, even if its index is dropped. A run that
 * has all its graphs is marked with a hash of the graphs that the schema wants, so that it is not
 * examined again until these change.
 *
 * A run that a compaction wrote has most of its rows from the largest input. The graph of this
 * input, the forerunner of the new run, is kept until the new run has its own: links between rows
 * that both have are taken over (graph/graph_merge.c). The forerunner is in no version, and
 * MANIFEST does not name it: so after an opening or a crash, the graph is built from the rows
 * alone. A run that is compacted before it has a graph passes its forerunner on to the output.
 *
 * Searches walk each graph, so there should be few: a run ends when its graphs are as large as they
 * may be (compaction_writer.c), and smaller ones are merged (compaction_garbage.c). If a graph and
 * the open ones would need more memory than may be held, seven eighths of the cache's budget, it
 * has lists instead of links (graph/graph_lists.c): it is searched from the disk. If a tree has
 * LISTED_FACTOR times as many rows as a run with links may have, most runs have lists in any case;
 * then the number of rows limits no run, because the larger a run is, the smaller is the part of it
 * that a search reads. Otherwise graphs may be so large that one can be built while its forerunner
 * and the run's other graphs are open: in larger ones no compaction could take over links. A run
 * may have twice the budget's bytes, so that a table of long texts does not become one run that
 * each compaction rewrites. That limits no run of vectors alone: the old and the new graph together
 * take at least half of their bytes.
 *
 * (I1) Only runs whose graphs are all there, or cannot be built, are marked as seen. (Not checked:
 *      note_seen is called right after that was found.)
 * (I2) From step 3 to the end of 4 the run is in the newest version, at its level.
 *
 * Memory: for building, as much as the cache allows to be held; the forerunner is dropped if that
 * makes room. Building lists takes less, and is not held if even that is too much.
 *
 * Failure: the file is removed, and the next call tries again, without any forerunners, since these
 * may be what fills the disk. A damaged run is left alone until the next opening.
 */
#include "compaction/compaction_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "codec/xxh3.h"
#include "column/column.h"
#include "graph/graph.h"
#include "lsm/lsm_vectors.h"

enum {
    ROWS_MIN = 4096,
    SAMPLE = 1 << 16,  /* rows of which the memory for one is computed */
    BUDGET_FACTOR = 2, /* how large a run may be, by the cache's budget */
    LISTED_FACTOR = 4  /* of the rows that one run with links may have: more rows have lists */
};

/* What is to be built. */
struct graph_work {
    struct fi_lsm *lsm;
    /* one of the tree's works, with a version; NULL: there is none */
    struct fi_compaction_work *work;
    struct fi_column_layout *layout;
    struct fi_version_file *file; /* in the version; NULL: nothing is to be built */
    const struct fi_column_graph *graph;
    bool is_over;   /* the run or its tree has gone meanwhile */
    bool has_joint; /* of a tree that was looked at, runs should be merged first */
};

/* ---- which graphs a run has ---- */

static uint64_t
hash_of(const struct fi_column_layout *layout)
{
    uint64_t hash = fi_xxh3(layout->graphs, layout->graph_count * sizeof *layout->graphs, ROWS_MIN);
    return hash == 0 ? 1 : hash;
}

static bool
is_graph(const struct fi_run *attachment, const struct fi_column_graph *wanted)
{
    const struct fi_graph_parameters *parameters =
        fi_graph_search_parameters(fi_graph_read_of(attachment));
    return parameters->column == wanted->column && (uint32_t)parameters->metric == wanted->metric &&
           parameters->m == wanted->m && parameters->ef_construction == wanted->ef_construction;
}

/* Pins the graph of the run, if it has one that can be opened, and no search has found damaged;
 * else NULL. needs_links: one with lists will not do. */
static int
pin_graph(const struct fi_version_file *file, const struct fi_column_graph *wanted,
          bool needs_links, struct fi_version_file_handle **out, bool *out_is_damaged,
          firn_error *err)
{
    *out = NULL;
    for (size_t i = 0; i < file->info.attachment_count && *out == NULL; i++) {
        int rc = atomic_load_explicit(&file->attachments[i]->is_damaged, memory_order_relaxed)
                     ? FIRN_CORRUPT
                     : fi_version_file_pin(file->attachments[i], out, err);
        if (rc == FIRN_CORRUPT) {
            *out_is_damaged = true;
        } else if (rc != FIRN_OK) {
            return rc;
        } else if ((*out)->run->kind != &fi_graph_read_kind || !is_graph((*out)->run, wanted) ||
                   (needs_links && fi_graph_search_is_listed(fi_graph_read_of((*out)->run)))) {
            fi_version_file_unpin(*out);
            *out = NULL;
        }
    }
    return FIRN_OK;
}

static int
has_graph(const struct fi_version_file *file, const struct fi_column_graph *wanted, bool *out,
          firn_error *err)
{
    struct fi_version_file_handle *pin;
    bool is_damaged;
    int rc = pin_graph(file, wanted, false, &pin, &is_damaged, err);
    *out = pin != NULL;
    fi_version_file_unpin(pin);
    return rc;
}

/* Sets *out to the first graph that the run lacks; NULL: none. */
static int
find_lacking(const struct fi_version_file *file, const struct fi_column_layout *layout,
             const struct fi_column_graph **out, firn_error *err)
{
    *out = NULL;
    for (size_t i = 0; i < layout->graph_count && *out == NULL; i++) {
        bool has;
        FI_TRY_RETURN(has_graph(file, &layout->graphs[i], &has, err));
        if (!has && file->info.attachment_count < FI_RUN_ATTACHMENTS_MAX) {
            *out = &layout->graphs[i];
        }
    }
    return FIRN_OK;
}

/* ---- how large runs may be ---- */

static uint32_t
dimensions_of(const struct fi_column_layout *layout, uint32_t column)
{
    uint32_t size = 0;
    for (size_t i = 0; i < layout->count; i++) {
        size = layout->columns[i].id == column ? layout->columns[i].fixed_size : size;
    }
    return size / 4;
}

static uint64_t
rows_of(const struct fi_lsm_tree *tree)
{
    fi_os_mutex_lock(&tree->lsm->mutex);
    const uint64_t rows =
        fi_compaction_entries_of(atomic_load_explicit(&tree->state, memory_order_relaxed)->version);
    fi_os_mutex_unlock(&tree->lsm->mutex);
    return rows;
}

struct fi_lsm_graph_limits
fi_compaction_graph_limits_of(const struct fi_lsm_tree *tree, const struct fi_column_layout *layout)
{
    const uint64_t budget = fi_block_cache_budget_bytes(tree->lsm->options.cache);
    uint64_t open = 0;
    uint64_t building = 0;
    for (size_t i = 0; i < layout->graph_count; i++) {
        const struct fi_graph_parameters parameters = {
            .dimensions = dimensions_of(layout, layout->graphs[i].column),
            .m = layout->graphs[i].m};
        const uint64_t own = fi_graph_build_bytes(&parameters, SAMPLE);
        open += fi_graph_read_bytes_of(&parameters, SAMPLE);
        building = building < own ? own : building;
    }
    const uint64_t row = (open + building + SAMPLE - 1) / SAMPLE;
    uint64_t rows = row == 0 ? 0 : budget / 8 * 7 / row;
    if (rows >= ROWS_MIN && rows_of(tree) / LISTED_FACTOR > rows) {
        rows = FI_GRAPH_ROWS_MAX;
    }
    return (struct fi_lsm_graph_limits){.rows = rows < ROWS_MIN            ? 0
                                                : rows > FI_GRAPH_ROWS_MAX ? FI_GRAPH_ROWS_MAX
                                                                           : rows,
                                        .bytes = BUDGET_FACTOR * budget};
}

/* ---- which run lacks one ---- */

static bool
may_have_graphs(const struct fi_version_file *file)
{
    return file->info.entry_count >= ROWS_MIN && file->info.entry_count <= FI_GRAPH_ROWS_MAX &&
           !atomic_load_explicit(&file->is_damaged, memory_order_relaxed);
}

/* Whether the newest version has a run that may lack a graph, or small runs that may be merged into
 * one that may. */
static bool
is_suspect_locked(const struct fi_lsm_tree *tree)
{
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    const struct fi_version *version =
        atomic_load_explicit(&tree->state, memory_order_relaxed)->version;
    for (unsigned level = 0; level < FI_VERSION_LEVELS; level++) {
        for (size_t i = 0; i < version->levels[level].count; i++) {
            if (may_have_graphs(fi_version_file(&version->levels[level], i))) {
                return true;
            }
        }
    }
    return version->levels[FI_VERSION_LEVELS - 1].count >= 2;
}

/* The first tree with a number from *id on that has such a run, as a work; *id is advanced. */
static int
take_tree(struct graph_work *graph, const struct fi_lsm_tree *wanted, uint64_t *id, firn_error *err)
{
    struct fi_lsm *lsm = graph->lsm;
    int rc = FIRN_OK;
    DCHECK(graph->work == NULL);
    fi_os_mutex_lock(&lsm->mutex);
    for (size_t i = 0; i < lsm->tree_count && graph->work == NULL && rc == FIRN_OK; i++) {
        struct fi_lsm_tree *tree = lsm->trees[i];
        if (tree->id < *id || tree->is_dropping || tree->is_held || tree->kind != &fi_column_kind ||
            (wanted != NULL && tree != wanted) || !is_suspect_locked(tree)) {
            continue;
        }
        *id = (uint64_t)tree->id + 1;
        graph->work = fi_compaction_work_make_locked(tree);
        if (graph->work == NULL) {
            rc = fi_error_no_memory(err, "a graph");
        } else {
            graph->work->version =
                atomic_load_explicit(&tree->state, memory_order_relaxed)->version;
            fi_version_ref(graph->work->version);
        }
    }
    fi_os_mutex_unlock(&lsm->mutex);
    return rc;
}

static void
let_go(struct graph_work *graph)
{
    fi_compaction_work_discard(graph->work);
    fi_free(graph->layout);
    *graph = (struct graph_work){.lsm = graph->lsm, .has_joint = graph->has_joint};
}

/* Makes a plan of the run alone in the newest version; false: it is not there, or a compaction has
 * it. */
static bool
plan_locked(const struct graph_work *graph, struct fi_compaction_plan *out)
{
    struct fi_lsm_tree *tree = graph->work->tree;
    fi_os_mutex_assert_held(&tree->lsm->mutex);
    const struct fi_version *version =
        atomic_load_explicit(&tree->state, memory_order_relaxed)->version;
    for (unsigned level = 0; level < FI_VERSION_LEVELS; level++) {
        for (size_t i = 0; i < version->levels[level].count; i++) {
            if (fi_version_file(&version->levels[level], i) == graph->file) {
                *out = (struct fi_compaction_plan){.from = level, .to = level};
                out->begin[level] = i;
                out->end[level] = i + 1;
                fi_compaction_pick_extend(out, &version->levels[level].runs[i]);
                return !fi_compaction_pick_is_blocked_locked(tree, out);
            }
        }
    }
    return false;
}

static bool
is_there(const struct graph_work *graph)
{
    struct fi_compaction_plan plan;
    fi_os_mutex_lock(&graph->lsm->mutex);
    bool is_there = plan_locked(graph, &plan);
    fi_os_mutex_unlock(&graph->lsm->mutex);
    return is_there;
}

/* ---- what a run inherits ---- */

void
fi_compaction_graph_inherit(struct fi_lsm *lsm, struct fi_version_file *const *inputs,
                            size_t input_count, const struct fi_compaction_output *output)
{
    fi_os_mutex_lock(&lsm->mutex);
    for (size_t i = 0; i < output->count; i++) {
        struct fi_version_file *file = output->runs[i].file;
        const struct fi_manifest_run *info = &file->info;
        struct fi_version_file *best = NULL;
        for (size_t j = 0; j < input_count && may_have_graphs(file); j++) {
            struct fi_version_file *input = inputs[j];
            input = input->info.attachment_count > 0 ? input : input->forerunner;
            /* If the input was cut into pieces, too many of its nodes are gone. */
            if (input != NULL && input->info.entry_count / 2 <= info->entry_count &&
                fi_slice_compare(input->info.lower, info->upper) < 0 &&
                fi_slice_compare(info->lower, input->info.upper) < 0 &&
                (best == NULL || input->info.entry_count > best->info.entry_count)) {
                best = input;
            }
        }
        if (best != NULL && output->runs[i].level < FI_VERSION_LEVELS) {
            DCHECK(file->forerunner == NULL && best != file);
            fi_version_file_ref(best);
            file->forerunner = best;
        }
    }
    fi_os_mutex_unlock(&lsm->mutex);
}

static struct fi_version_file *
take_forerunner(struct fi_lsm *lsm, struct fi_version_file *file)
{
    fi_os_mutex_lock(&lsm->mutex);
    struct fi_version_file *forerunner = file->forerunner;
    file->forerunner = NULL;
    fi_os_mutex_unlock(&lsm->mutex);
    return forerunner;
}

static void
drop_forerunner(struct fi_lsm *lsm, struct fi_version_file *file)
{
    struct fi_version_file *forerunner = take_forerunner(lsm, file);
    if (forerunner != NULL) {
        fi_version_file_unref(forerunner);
    }
}

/* If one graph cannot be built, as on a full disk, no run may keep its forerunner. */
static void
drop_forerunners(struct fi_lsm *lsm)
{
    fi_os_mutex_lock(&lsm->mutex);
    for (size_t i = 0; i < lsm->tree_count; i++) {
        const struct fi_version *version =
            atomic_load_explicit(&lsm->trees[i]->state, memory_order_relaxed)->version;
        for (unsigned level = 0; level < FI_VERSION_LEVELS; level++) {
            for (size_t k = 0; k < version->levels[level].count; k++) {
                struct fi_version_file *file = fi_version_file(&version->levels[level], k);
                if (file->forerunner != NULL) {
                    fi_version_file_unref(file->forerunner);
                    file->forerunner = NULL;
                }
            }
        }
    }
    fi_os_mutex_unlock(&lsm->mutex);
}

static void
note_seen(const struct graph_work *graph)
{
    drop_forerunner(graph->lsm, graph->file);
    atomic_store_explicit(&graph->file->graphs_seen, hash_of(graph->layout), memory_order_relaxed);
}

/* In one tree: the deepest level first, whose runs live longest. */
static int
find_run(struct graph_work *graph, firn_error *err)
{
    const struct fi_version *version = graph->work->version;
    uint64_t hash = hash_of(graph->layout);
    for (unsigned level = FI_VERSION_LEVELS; level-- > 0 && graph->graph == NULL;) {
        for (size_t i = 0; i < version->levels[level].count && graph->graph == NULL; i++) {
            graph->file = fi_version_file(&version->levels[level], i);
            if (!may_have_graphs(graph->file) ||
                atomic_load_explicit(&graph->file->graphs_seen, memory_order_relaxed) == hash ||
                !is_there(graph)) {
                continue;
            }
            FI_TRY_RETURN(find_lacking(graph->file, graph->layout, &graph->graph, err));
            if (graph->graph == NULL) {
                note_seen(graph);
            }
        }
    }
    if (graph->graph == NULL) {
        graph->file = NULL;
    }
    return FIRN_OK;
}

/* Sets tree->graph_limits, by which small runs are merged: see compaction_garbage.c. */
static void
note_layout(struct graph_work *graph)
{
    struct fi_lsm_tree *tree = graph->work->tree;
    const struct fi_lsm_graph_limits limits = fi_compaction_graph_limits_of(tree, graph->layout);
    fi_os_mutex_lock(&graph->lsm->mutex);
    tree->graph_limits = limits;
    graph->has_joint = graph->has_joint || fi_compaction_garbage_has_joint_locked(tree);
    fi_os_mutex_unlock(&graph->lsm->mutex);
}

/* Finds a graph to build; graph->work is NULL if there is none. */
static int
compaction_graph_find(struct graph_work *graph, const struct fi_lsm_tree *wanted, firn_error *err)
{
    const struct fi_lsm_host *host = &graph->lsm->options.host;
    uint64_t id = 0;
    int rc;
    FI_TRY(take_tree(graph, wanted, &id, err));
    while (graph->work != NULL) {
        FI_TRY(host->take_layout(host->ctx, graph->work->tree->id, &graph->layout, err));
        note_layout(graph);
        FI_TRY(find_run(graph, err));
        if (graph->graph != NULL) {
            return FIRN_OK;
        }
        let_go(graph);
        FI_TRY(take_tree(graph, wanted, &id, err));
    }
out:
    if (rc != FIRN_OK) {
        let_go(graph);
    }
    return rc;
}

int
fi_compaction_graph_is_due(struct fi_lsm *lsm, bool *out, firn_error *err)
{
    struct graph_work graph = {.lsm = lsm};
    *out = false;
    if (lsm->options.is_read_only || lsm->options.host.take_layout == NULL) {
        return FIRN_OK;
    }
    int rc = compaction_graph_find(&graph, NULL, err);
    *out = graph.work != NULL || graph.has_joint;
    let_go(&graph);
    return rc;
}

/* ---- building ---- */

struct watch {
    struct graph_work *graph;
    const struct fi_step *step;
};

static int
watch_told(void *ctx, uint64_t files, uint64_t bytes, firn_error *err)
{
    struct watch *watch = ctx;
    const struct fi_lsm_tree *tree = watch->graph->work->tree;
    fi_os_mutex_lock(&tree->lsm->mutex);
    bool is_wanted = !tree->is_dropping && !tree->is_held;
    fi_os_mutex_unlock(&tree->lsm->mutex);
    (void)files;
    if (!is_wanted || !is_there(watch->graph)) {
        watch->graph->is_over = true;
        return fi_error_set(err, FIRN_CANCELLED, "the run of a graph goes");
    }
    return fi_step_report(watch->step, 0, bytes, err);
}

static void
note_build(struct fi_lsm *lsm, const struct fi_graph_build_counts *counts)
{
    fi_os_mutex_lock(&lsm->mutex);
    lsm->counters.graphs++;
    lsm->counters.graphs_merged += counts->kept > 0 ? 1 : 0;
    lsm->counters.graphs_damaged += counts->is_damaged ? 1 : 0;
    fi_os_mutex_unlock(&lsm->mutex);
}

static int
write_graph(const struct graph_work *graph, const struct fi_graph_source *source,
            const struct fi_graph_build_options *options, struct fi_run_attachment *out,
            firn_error *err)
{
    char name[FI_VERSION_FILE_NAME_SIZE];
    struct fi_graph *built = NULL;
    int rc;
    FI_TRY(fi_graph_build(source, options, &built, err));
    out->number = fi_lsm_take_number(graph->lsm);
    out->kind = (uint8_t)fi_graph_read_kind.file_kind;
    fi_version_file_name(out->number, &fi_graph_read_kind, name);
    rc = fi_graph_write(built, source, graph->lsm->runs_dir, name, &out->file_bytes, &out->identity,
                        err);
    note_build(graph->lsm, fi_graph_build_counts_of(built));
out:
    fi_graph_build_destroy(built);
    return rc;
}

/* The graph whose links may be taken over: *out is valid until *out_pin is unpinned and the file
 * released. */
static int
pin_old(const struct graph_work *graph, struct fi_version_file **out_file,
        struct fi_version_file_handle **out_pin, const struct fi_graph **out, firn_error *err)
{
    struct fi_lsm *lsm = graph->lsm;
    bool is_damaged = false;
    fi_os_mutex_lock(&lsm->mutex);
    *out_file = graph->file->forerunner;
    if (*out_file != NULL) {
        fi_version_file_ref(*out_file);
    }
    fi_os_mutex_unlock(&lsm->mutex);
    if (*out_file == NULL) {
        return FIRN_OK;
    }
    int rc = pin_graph(*out_file, graph->graph, true, out_pin, &is_damaged, err);
    if (rc == FIRN_OK && *out_pin != NULL) {
        *out = fi_graph_read_of((*out_pin)->run);
    } else if (rc == FIRN_OK && is_damaged) {
        fi_os_mutex_lock(&lsm->mutex);
        lsm->counters.graphs_damaged++;
        fi_os_mutex_unlock(&lsm->mutex);
    }
    return rc;
}

/* Holds memory for building; if there is too little, without the forerunner. */
static bool
compaction_graph_hold(const struct graph_work *graph, uint64_t bytes)
{
    struct fi_block_cache *cache = graph->lsm->files.env.cache;
    if (bytes > SIZE_MAX || fi_block_cache_hold_graph(cache, (size_t)bytes)) {
        return bytes <= SIZE_MAX;
    }
    drop_forerunner(graph->lsm, graph->file);
    fi_lsm_collect(graph->lsm);
    return fi_block_cache_hold_graph(cache, (size_t)bytes);
}

/* Holds memory for building a graph, and returns how much. If there is too little for links, the
 * graph gets lists; and if there is too little for these, nothing is held. */
static size_t
hold_or_list(const struct graph_work *graph, struct fi_graph_build_options *build, uint64_t rows)
{
    const uint64_t bytes = fi_graph_build_bytes(&build->parameters, rows);
    if (compaction_graph_hold(graph, bytes)) {
        return (size_t)bytes;
    }
    build->is_listed = true;
    const uint64_t few = fi_graph_lists_build_bytes(&build->parameters, rows);
    return few <= SIZE_MAX && fi_block_cache_hold_graph(graph->lsm->files.env.cache, (size_t)few)
               ? (size_t)few
               : 0;
}

/* Builds and writes the graph; out->number is 0 if the run cannot have one. */
static int
make_graph(struct graph_work *graph, const struct fi_compaction_graph_options *options,
           struct fi_run_attachment *out, firn_error *err)
{
    struct fi_block_cache *cache = graph->lsm->files.env.cache;
    struct watch watch = {.graph = graph, .step = options->step};
    const struct fi_step step = {watch_told, &watch};
    struct fi_version_file_handle *pin = NULL;
    struct fi_version_file *old = NULL;
    struct fi_version_file_handle *old_pin = NULL;
    struct fi_lsm_vectors vectors = {.run = NULL};
    size_t held = 0;
    int rc;
    *out = (struct fi_run_attachment){.number = 0};
    FI_TRY(fi_version_file_pin(graph->file, &pin, err));
    rc = fi_lsm_vectors_init(&vectors, pin->run, graph->graph->column, err);
    if (rc != FIRN_OK) {
        rc = rc == FIRN_NOT_FOUND ? FIRN_OK : rc; /* the run is older than the column */
        goto out;
    }
    const struct fi_graph_source source = fi_lsm_vectors_source(&vectors);
    struct fi_graph_build_options build = {
        .parameters = {.metric = (enum fi_vector_metric)graph->graph->metric,
                       .dimensions = vectors.size / 4,
                       .column = graph->graph->column,
                       .m = graph->graph->m,
                       .ef_construction = graph->graph->ef_construction,
                       .seed = graph->file->info.number},
        .os = graph->lsm->os,
        .threads = options->threads,
        .step = &step};
    held = hold_or_list(graph, &build, source.rows);
    if (!build.is_listed) {
        FI_TRY(pin_old(graph, &old, &old_pin, &build.old, err));
    }
    rc = write_graph(graph, &source, &build, out, err);
    if (rc == FIRN_CANCELLED && graph->is_over) {
        rc = FIRN_OK;
    }
out:
    if (rc != FIRN_OK) {
        out->number = 0;
    }
    fi_lsm_vectors_deinit(&vectors);
    fi_version_file_unpin(pin);
    fi_version_file_unpin(old_pin);
    if (old != NULL) {
        fi_version_file_unref(old);
    }
    if (held > 0) {
        fi_block_cache_hold_release(cache, held);
    }
    return rc;
}

/* ---- attaching ---- */

static bool
take_run(const struct graph_work *graph)
{
    struct fi_compaction_plan plan;
    fi_os_mutex_lock(&graph->lsm->mutex);
    bool is_there = plan_locked(graph, &plan);
    if (is_there) {
        graph->work->plan = plan; /* (I2) */
    }
    fi_os_mutex_unlock(&graph->lsm->mutex);
    return is_there;
}

/* (I2) */
static bool
is_at_its_level(const struct graph_work *graph)
{
    bool is_found = false;
    fi_os_mutex_lock(&graph->lsm->mutex);
    const struct fi_lsm_superversion *state =
        atomic_load_explicit(&graph->work->tree->state, memory_order_relaxed);
    const struct fi_version_level *level = &state->version->levels[graph->work->plan.from];
    for (size_t i = 0; i < level->count && !is_found; i++) {
        is_found = fi_version_file(level, i) == graph->file;
    }
    fi_os_mutex_unlock(&graph->lsm->mutex);
    return is_found;
}

static int
compaction_graph_install(const struct graph_work *graph, struct fi_version_file *attached,
                         bool *out_is_certain, firn_error *err)
{
    struct fi_version_file *const removed[1] = {graph->file};
    const struct fi_version_added added[1] = {{attached, graph->work->plan.from}};
    const struct fi_lsm_install_change change = {.tree = graph->work->tree,
                                                 .removed = removed,
                                                 .removed_count = 1,
                                                 .added = added,
                                                 .added_count = 1,
                                                 .keeps_files = true};
    DCHECK(is_at_its_level(graph)); /* (I2) */
    return fi_lsm_install(graph->lsm, &change, out_is_certain, err);
}

static int
compaction_graph_attach(const struct graph_work *graph, const struct fi_run_attachment *attachment,
                        firn_error *err)
{
    struct fi_version_file *attached = NULL;
    bool is_certain = true;
    bool is_attached = false;
    int rc = FIRN_OK;
    if (!take_run(graph)) {
        goto out;
    }
    attached = fi_version_file_create_attached(graph->file, attachment);
    if (attached == NULL) {
        rc = fi_error_no_memory(err, "a graph");
        goto out;
    }
    attached->forerunner = take_forerunner(graph->lsm, graph->file); /* for other graphs */
    rc = compaction_graph_install(graph, attached, &is_certain, err);
    is_attached = rc == FIRN_OK;
    if (is_attached) {
        fi_version_file_succeed(graph->file, attached);
    }
out:
    if (!is_attached && is_certain) {
        fi_compaction_remove_file(graph->lsm, &fi_graph_read_kind, attachment->number);
    }
    if (attached != NULL) {
        fi_version_file_unref(attached);
    }
    return rc;
}

int
fi_compaction_graph_build(struct fi_lsm *lsm, const struct fi_compaction_graph_options *options,
                          bool *out_did, firn_error *err)
{
    struct graph_work graph = {.lsm = lsm};
    struct fi_run_attachment attachment;
    int rc;
    *out_did = false;
    if (lsm->options.is_read_only || lsm->options.host.take_layout == NULL) {
        return FIRN_OK;
    }
    FI_TRY(compaction_graph_find(&graph, options->tree, err));
    if (graph.work == NULL) {
        goto out;
    }
    *out_did = true;
    rc = make_graph(&graph, options, &attachment, err);
    if (rc == FIRN_OK && attachment.number != 0) {
        rc = compaction_graph_attach(&graph, &attachment, err);
    } else if (rc == FIRN_CORRUPT || (rc == FIRN_OK && !graph.is_over)) {
        note_seen(&graph);
    }
    if (rc != FIRN_OK && rc != FIRN_CANCELLED) {
        drop_forerunners(lsm);
    }
out:
    let_go(&graph);
    fi_lsm_collect(lsm);
    return rc;
}
