/* SPDX-License-Identifier: Apache-2.0
 *
 * support/lsm: flushes and compactions of a small tree, as lsm/ does them.
 */
#include "rule_tree.h"

#include "base/slice.h"
#include "column/column.h"
#include "flat_views.h"
#include "merge/merge.h"
#include "rule_columns.h"
#include "support/test.h"
#include "version/version.h"

enum {
    KEYS = RULE_MODEL_KEYS,
    LEVELS = RULE_TREE_LEVELS,
    HISTORY = RULE_TREE_LEVELS, /* the last of tree->levels */
    RUNS_MAX = RULE_TREE_RUNS_MAX
};

uint64_t
rule_tree_below(struct rule_tree *tree, uint64_t limit)
{
    return test_random_below(&tree->random, limit);
}

static struct fi_snapshot
snapshot_of(const struct rule_snapshot *snapshot)
{
    return (struct fi_snapshot){snapshot->intervals, snapshot->count, 0, NULL};
}

static bool
is_skipped(const struct rule_tree *tree, size_t at, const struct rule_snapshot *snapshot)
{
    const struct rule_level *level = &tree->levels[HISTORY];
    const struct fi_manifest_run info = {.groups = level->groups[at],
                                         .group_count = level->group_counts[at]};
    const struct fi_snapshot seen = snapshot_of(snapshot);
    return fi_version_history_is_skipped(&info, &seen);
}

static bool
is_history_needed(const struct rule_tree *tree, size_t at)
{
    for (size_t i = 0; i < tree->snapshot_count; i++) {
        if (!is_skipped(tree, at, &tree->snapshots[i])) {
            return true;
        }
    }
    return false;
}

/* ---- what is in them ---- */

static int
add_range_version(void *ctx, const struct fi_range *range, firn_error *err)
{
    (void)err;
    struct rule_op op = {.kind = FI_ENTRY_RANGE_DELETE,
                         .lower = rule_model_bound(range->lower),
                         .upper = rule_model_bound(range->upper),
                         .sequence = range->sequence};
    rule_model_add(ctx, &op);
    return FIRN_OK;
}

static void
add_run_versions(struct rule_versions *versions, struct fake_run *run, bool is_history)
{
    size_t begin = versions->count;
    for (size_t i = 0; i < run->count; i++) {
        struct rule_op op = rule_model_op_of(fake_run_entry(run, i));
        rule_model_add(versions, &op);
    }
    assert_int_equal(
        fi_range_set_visit(&run->ranges, NULL, NULL, add_range_version, versions, NULL), FIRN_OK);
    for (size_t i = begin; i < versions->count; i++) {
        versions->all[i].is_history = is_history;
    }
}

static void
add_table_versions(struct rule_versions *versions, const struct fi_memtable *table)
{
    struct fi_memtable_cursor cursor;
    fi_memtable_cursor_init(&cursor, table);
    for (fi_memtable_cursor_first(&cursor); cursor.is_valid; fi_memtable_cursor_next(&cursor)) {
        struct rule_op op = rule_model_op_of(&cursor.entry);
        rule_model_add(versions, &op);
    }
    assert_int_equal(fi_range_set_visit(fi_memtable_ranges(table), NULL, NULL, add_range_version,
                                        versions, NULL),
                     FIRN_OK);
}

void
rule_tree_check_readings(const struct rule_tree *tree)
{
    for (size_t i = 0; i < tree->snapshot_count; i++) {
        const struct rule_snapshot *snapshot = &tree->snapshots[i];
        struct rule_versions found = {.count = 0};
        add_table_versions(&found, tree->table);
        for (size_t level = 0; level <= HISTORY; level++) {
            for (size_t j = 0; j < tree->levels[level].count; j++) {
                if (level < HISTORY || !is_skipped(tree, j, snapshot)) {
                    add_run_versions(&found, tree->levels[level].runs[j], false);
                }
            }
        }
        for (unsigned key = 0; key < KEYS; key++) {
            struct rule_value wanted = rule_model_read(tree->ops, tree->op_count, snapshot, key);
            struct rule_value value = rule_model_read(found.all, found.count, snapshot, key);
            assert_int_equal(value.is_there, wanted.is_there);
            assert_int_equal(value.number, wanted.number);
        }
    }
}

/* ---- the definition, by hand ---- */

static bool
has(const struct rule_versions *versions, const struct rule_op *op)
{
    for (size_t i = 0; i < versions->count; i++) {
        if (versions->all[i].kind == op->kind && versions->all[i].sequence == op->sequence) {
            return true;
        }
    }
    return false;
}

/* What a compaction got and what it made. */
struct job {
    struct rule_versions before;
    struct rule_versions after; /* each part of a range delete for itself */
    bool is_of_history;         /* all that it made goes there, whatever it is */
    struct fi_compaction_span older[(LEVELS + 1) * RUNS_MAX];
    size_t older_count;
    struct fi_compaction_between between[RUNS_MAX];
    size_t between_count;
};

static bool
is_within(const struct fi_compaction_span *span, firn_slice key)
{
    return fi_slice_compare(span->lower, key) <= 0 && fi_slice_compare(key, span->upper) < 0;
}

static bool
is_at_bottom(const struct job *job, unsigned key)
{
    for (size_t i = 0; i < job->older_count; i++) {
        if (is_within(&job->older[i], rule_model_key(key))) {
            return false;
        }
    }
    return true;
}

static struct rule_question
question_of(const struct rule_tree *tree, const struct job *job, unsigned key)
{
    struct rule_question question = {.snapshots = tree->snapshots,
                                     .snapshot_count = tree->snapshot_count,
                                     .key = key,
                                     .is_bottom = is_at_bottom(job, key)};
    for (size_t i = 0; i < job->between_count; i++) {
        const struct fi_compaction_between *between = &job->between[i];
        if (is_within(&between->span, rule_model_key(key)) &&
            between->sequence_max > question.between_sequence) {
            question.between_sequence = between->sequence_max;
        }
    }
    return question;
}

/* Range deletes may be kept a little longer, between keys where they are. */
static void
check_ranges_of_key(const struct rule_tree *tree, const struct job *job, unsigned key,
                    const struct rule_versions *wanted)
{
    struct rule_versions by_ranges;
    struct rule_question question = question_of(tree, job, key);
    rule_model_keep(&question, &job->before, false, &by_ranges);
    for (size_t i = 0; i < job->after.count; i++) {
        const struct rule_op *op = &job->after.all[i];
        if (op->kind != FI_ENTRY_RANGE_DELETE || op->lower > key || op->upper <= key) {
            continue;
        }
        assert_true(has(&by_ranges, op));
        if (question.is_bottom && (op->lower == key || op->upper == key + 1)) {
            /* A part begins and ends where something is hidden, or where the bottom does. */
            bool begins = op->lower == key && (key == 0 || is_at_bottom(job, key - 1));
            bool ends = op->upper == key + 1 && is_at_bottom(job, key + 1);
            assert_true(has(wanted, op) || (!begins && !ends));
        }
    }
}

/* The one that was made of a version, or NULL. */
static const struct rule_op *
find_kept(const struct job *job, unsigned key, const struct rule_op *wanted)
{
    for (size_t i = 0; i < job->after.count; i++) {
        const struct rule_op *op = &job->after.all[i];
        if (op->kind == wanted->kind && op->sequence == wanted->sequence && op->lower <= key &&
            key < op->upper) {
            return op;
        }
    }
    return NULL;
}

/* Every version of every key is kept if and only if it is needed, and lies where it should. */
static void
check_kept(const struct rule_tree *tree, const struct job *job)
{
    for (unsigned key = 0; key < KEYS; key++) {
        struct rule_question question = question_of(tree, job, key);
        struct rule_versions wanted;
        size_t points = 0;
        rule_model_keep(&question, &job->before, true, &wanted);
        for (size_t i = 0; i < wanted.count; i++) {
            const struct rule_op *op = &wanted.all[i];
            const struct rule_op *kept = find_kept(job, key, op);
            assert_non_null(kept);
            if (op->kind != FI_ENTRY_RANGE_DELETE) {
                points++;
                assert_int_equal(kept->number, op->number);
                assert_int_equal(kept->is_history,
                                 job->is_of_history ||
                                     rule_model_is_history(&question, &job->before, op));
            }
        }
        for (size_t j = 0; j < job->after.count; j++) {
            const struct rule_op *op = &job->after.all[j];
            points -= op->kind != FI_ENTRY_RANGE_DELETE && op->lower == key;
        }
        assert_int_equal(points, 0);
        if (tree->is_plain) {
            check_ranges_of_key(tree, job, key, &wanted);
        }
    }
}

/* ---- outputs ---- */

/* A level's, and what goes to history beside it. */
struct output {
    struct rule_level made[2];
    struct fake_run *runs[2];                /* that are open; NULL until something is in them */
    struct fi_run_builder *builders[2];      /* of columns, what they get goes there */
    struct fi_version_history_groups groups; /* of the open history run */
    struct fi_snapshot now;
    bool is_of_history;
};

static size_t
open_output(struct output *output, struct fi_compaction_place place, uint64_t sequence)
{
    size_t at = place.is_history || output->is_of_history;
    if (output->runs[at] == NULL) {
        output->runs[at] = fake_run_create();
        output->builders[at] = rule_columns_are_used() ? rule_columns_begin() : NULL;
        if (at == 1 && !output->is_of_history) {
            fi_version_history_groups_clear(&output->groups);
        }
    }
    if (at == 1 && !output->is_of_history) {
        fi_version_history_groups_add(&output->groups, sequence, place.newer);
    }
    return at;
}

static int
output_entry(struct output *output, const struct fi_entry *entry, struct fi_compaction_place place)
{
    size_t at = open_output(output, place, entry->sequence);
    if (output->builders[at] != NULL) {
        return fi_column_kind.builder_add(output->builders[at], entry, NULL);
    }
    fake_run_add(output->runs[at], entry);
    return FIRN_OK;
}

static int
output_range(void *ctx, const struct fi_range *range, struct fi_compaction_place place,
             firn_error *err)
{
    struct output *output = ctx;
    size_t at = open_output(output, place, range->sequence);
    if (output->builders[at] != NULL) {
        return fi_column_kind.builder_add_range(output->builders[at], range, err);
    }
    fake_run_add_range(output->runs[at], range);
    return FIRN_OK;
}

static void
level_add(struct rule_level *level, struct fake_run *run, const struct fi_manifest_run *info)
{
    size_t at = level->count++;
    assert_true(level->count <= RUNS_MAX);
    level->runs[at] = run;
    level->group_counts[at] = info->group_count;
    level->groups[at] = NULL;
    if (info->group_count > 0) {
        level->groups[at] = malloc(info->group_count * sizeof *info->groups);
        assert_non_null(level->groups[at]);
        memcpy(level->groups[at], info->groups, info->group_count * sizeof *info->groups);
    }
}

static void
output_end(struct output *output, size_t at)
{
    struct fi_manifest_run info = {.group_count = 0};
    if (output->runs[at] == NULL) {
        return;
    }
    if (output->builders[at] != NULL) {
        fake_run_destroy(output->runs[at]);
        output->runs[at] = rule_columns_take(output->builders[at]);
        output->builders[at] = NULL;
    }
    if (at == 1) {
        assert_int_equal(fi_version_history_groups_list(&output->groups, &info, NULL), FIRN_OK);
    }
    level_add(&output->made[at], output->runs[at], &info);
    output->runs[at] = NULL;
}

/* Inputs of a compaction: the memtable, or runs. */
struct inputs {
    struct fi_memtable *table;
    struct rule_level runs;
    struct fi_run *columns[RUNS_MAX]; /* the same, where they are used */
};

static int
write_outputs(struct rule_tree *tree, struct fi_merge_stream *stream, bool is_cut,
              struct output *output)
{
    for (;;) {
        const struct fi_entry *entry;
        FI_TRY_RETURN(fi_merge_stream_next(stream, &entry, NULL));
        if (entry == NULL) {
            break;
        }
        struct fi_compaction_place place = fi_merge_stream_place(stream);
        if (is_cut && fi_merge_stream_may_cut(stream) && rule_tree_below(tree, 3) == 0) {
            FI_TRY_RETURN(fi_merge_stream_cut(stream, output_range, output, NULL));
            output_end(output, 0);
        }
        if (fi_merge_stream_may_cut(stream) && !output->is_of_history &&
            rule_tree_below(tree, 4) == 0) {
            output_end(output, 1);
        }
        FI_TRY_RETURN(output_entry(output, entry, place));
    }
    FI_TRY_RETURN(fi_merge_stream_cut(stream, output_range, output, NULL));
    output_end(output, 0);
    output_end(output, 1);
    return FIRN_OK;
}

/* *rule, *merge and *stream are the caller's to destroy, whatever is returned. */
static int
set_up(struct rule_tree *tree, const struct inputs *inputs, const struct job *job,
       struct fi_merge_snapshot_map *map, struct fi_merge_rule **rule, struct fi_merge **merge,
       struct fi_merge_stream **stream)
{
    struct fi_snapshot snapshots[RULE_MODEL_SNAPSHOTS_MAX];
    uint64_t times_ms[RULE_MODEL_SNAPSHOTS_MAX];
    const struct fi_range_set *ranges[RUNS_MAX + 1];
    struct fi_merge_stream_options options = {.ranges = ranges,
                                              .older = job->older,
                                              .older_count = job->older_count,
                                              .between = job->between,
                                              .between_count = job->between_count};
    struct fi_merge_source *source;
    for (size_t i = 0; i < tree->snapshot_count; i++) {
        snapshots[i] = snapshot_of(&tree->snapshots[i]);
        times_ms[i] = tree->snapshots[i].time_ms;
    }
    FI_TRY_RETURN(flat_snapshots_map(snapshots, tree->snapshot_count, times_ms, snapshots, map));
    FI_TRY_RETURN(fi_merge_rule_create(map, rule, NULL));
    FI_TRY_RETURN(fi_merge_create(merge, NULL));
    if (inputs->table != NULL) {
        FI_TRY_RETURN(fi_merge_source_create_memtable(inputs->table, UINT64_MAX, &source, NULL));
        FI_TRY_RETURN(fi_merge_add(*merge, source, NULL));
        ranges[options.range_set_count++] = fi_memtable_ranges(inputs->table);
    }
    for (size_t i = 0; i < inputs->runs.count; i++) {
        const struct fi_run_cursor_options cursor = {.is_sequential = true};
        struct fake_run *run = inputs->runs.runs[i];
        struct fi_run *read = inputs->columns[i] != NULL ? inputs->columns[i] : &run->run;
        FI_TRY_RETURN(fi_merge_source_create_run(read, "a run", &cursor, &source, NULL));
        FI_TRY_RETURN(fi_merge_add(*merge, source, NULL));
        ranges[options.range_set_count++] = read->kind->ranges(read);
    }
    options.merge = *merge;
    options.rule = *rule;
    return fi_merge_stream_create(&options, stream, NULL);
}

/* What a merge of history says is what its inputs said. */
static void
begin_groups(struct rule_tree *tree, const struct inputs *inputs, struct output *output)
{
    output->now = snapshot_of(&tree->snapshots[0]);
    assert_int_equal(fi_version_history_groups_init(&output->groups, &output->now, NULL), FIRN_OK);
    for (size_t i = 0; i < inputs->runs.count && output->is_of_history; i++) {
        const struct fi_manifest_run info = {.groups = inputs->runs.groups[i],
                                             .group_count = inputs->runs.group_counts[i]};
        assert_int_equal(fi_version_history_groups_add_run(&output->groups, &info, NULL), FIRN_OK);
    }
}

static void
compact_into(struct rule_tree *tree, struct inputs *inputs, const struct job *job,
             struct output *output)
{
    struct fi_merge_snapshot_map map = {0};
    struct fi_merge_rule *rule = NULL;
    struct fi_merge *merge = NULL;
    struct fi_merge_stream *stream = NULL;
    for (size_t i = 0; i < inputs->runs.count && rule_columns_are_used(); i++) {
        inputs->columns[i] = rule_columns_write(inputs->runs.runs[i]);
    }
    begin_groups(tree, inputs, output);
    assert_int_equal(set_up(tree, inputs, job, &map, &rule, &merge, &stream), FIRN_OK);
    assert_int_equal(write_outputs(tree, stream, inputs->table == NULL, output), FIRN_OK);
    fi_merge_stream_destroy(stream);
    fi_merge_destroy(merge);
    fi_merge_rule_destroy(rule);
    fi_merge_snapshot_map_deinit(&map);
    for (size_t i = 0; i < inputs->runs.count && rule_columns_are_used(); i++) {
        rule_columns_end(inputs->columns[i]);
    }
    fi_version_history_groups_deinit(&output->groups);
}

/* ---- flushes and compactions ---- */

static struct fi_compaction_span
span_of(const struct fake_run *run)
{
    return (struct fi_compaction_span){fi_buf_slice(&run->summary.lower),
                                       fi_buf_slice(&run->summary.upper)};
}

static void
add_older(const struct rule_tree *tree, size_t first_level, size_t end_level, struct job *job)
{
    for (size_t i = first_level; i < end_level; i++) {
        for (size_t j = 0; j < tree->levels[i].count; j++) {
            job->older[job->older_count++] = span_of(tree->levels[i].runs[j]);
        }
    }
}

/* History that some view reads, and that is no input. */
static void
add_between(const struct rule_tree *tree, struct job *job)
{
    const struct rule_level *level = &tree->levels[HISTORY];
    for (size_t i = 0; i < level->count; i++) {
        if (is_history_needed(tree, i)) {
            job->between[job->between_count++] = (struct fi_compaction_between){
                span_of(level->runs[i]), level->runs[i]->summary.sequence_max};
            job->older[job->older_count++] = span_of(level->runs[i]);
        }
    }
}

static bool
do_overlap(const struct fake_run *a, const struct fake_run *b)
{
    return fi_slice_compare(fi_buf_slice(&a->summary.lower), fi_buf_slice(&b->summary.upper)) < 0 &&
           fi_slice_compare(fi_buf_slice(&b->summary.lower), fi_buf_slice(&a->summary.upper)) < 0;
}

static void
remove_run(struct rule_level *level, size_t at)
{
    size_t behind = level->count - at - 1;
    memmove(level->runs + at, level->runs + at + 1, behind * sizeof level->runs[0]);
    memmove(level->groups + at, level->groups + at + 1, behind * sizeof level->groups[0]);
    memmove(level->group_counts + at, level->group_counts + at + 1,
            behind * sizeof level->group_counts[0]);
    level->count--;
}

static void
move_run(struct rule_level *to, struct rule_level *from, size_t at)
{
    assert_true(to->count < RUNS_MAX);
    to->runs[to->count] = from->runs[at];
    to->groups[to->count] = from->groups[at];
    to->group_counts[to->count] = from->group_counts[at];
    to->count++;
    remove_run(from, at);
}

static void
destroy_runs(struct rule_level *level)
{
    for (size_t i = 0; i < level->count; i++) {
        fake_run_destroy(level->runs[i]);
        free(level->groups[i]);
    }
    level->count = 0;
}

static int
compare_runs(const void *a, const void *b)
{
    const struct fake_run *left = *(struct fake_run *const *)a;
    const struct fake_run *right = *(struct fake_run *const *)b;
    return fi_slice_compare(fi_buf_slice(&left->summary.lower),
                            fi_buf_slice(&right->summary.lower));
}

static void
check_disjoint(const struct rule_level *level)
{
    for (size_t i = 1; i < level->count; i++) {
        assert_false(do_overlap(level->runs[i - 1], level->runs[i]));
    }
}

/* What was made is right, and what now does not read it skips; history goes to its place. */
static void
take_output(struct rule_tree *tree, struct job *job, struct output *output)
{
    struct rule_level *level = &tree->levels[HISTORY];
    size_t first = level->count;
    check_disjoint(&output->made[0]);
    for (size_t at = 0; at < 2; at++) {
        for (size_t i = 0; i < output->made[at].count; i++) {
            add_run_versions(&job->after, output->made[at].runs[i], at == 1);
        }
    }
    check_kept(tree, job);
    while (output->made[1].count > 0) {
        move_run(level, &output->made[1], 0);
    }
    for (size_t i = first; i < level->count && !job->is_of_history; i++) {
        assert_true(is_skipped(tree, i, &tree->snapshots[0]));
    }
}

void
rule_tree_flush(struct rule_tree *tree)
{
    struct inputs inputs = {.table = tree->table};
    struct job job = {.older_count = 0};
    struct output output = {.is_of_history = false};
    struct rule_level *level = &tree->levels[0];
    add_older(tree, 0, HISTORY + 1, &job);
    add_table_versions(&job.before, tree->table);
    compact_into(tree, &inputs, &job, &output);
    take_output(tree, &job, &output);
    fi_memtable_destroy(tree->table);
    assert_int_equal(fi_memtable_create(&tree->table, NULL), FIRN_OK);
    assert_true(output.made[0].count <= 1 && level->count < RUNS_MAX);
    if (output.made[0].count == 1) {
        memmove(level->runs + 1, level->runs, level->count * sizeof(struct fake_run *));
        level->runs[0] = output.made[0].runs[0];
        level->count++;
    }
}

static bool
lies_between(const struct inputs *inputs, const struct fake_run *run)
{
    bool begins_before = false;
    bool ends_behind = false;
    for (size_t i = 0; i < inputs->runs.count; i++) {
        const struct fake_run *input = inputs->runs.runs[i];
        begins_before |= fi_slice_compare(fi_buf_slice(&input->summary.lower),
                                          fi_buf_slice(&run->summary.upper)) < 0;
        ends_behind |= fi_slice_compare(fi_buf_slice(&run->summary.lower),
                                        fi_buf_slice(&input->summary.upper)) < 0;
    }
    return begins_before && ends_behind;
}

/* The runs of a level within the bounds of all inputs, which may make for wider bounds. Returns whether there were any. */
static bool
take_overlapping(struct inputs *inputs, struct rule_level *from)
{
    size_t before = inputs->runs.count;
    for (size_t i = 0; i < from->count;) {
        if (lies_between(inputs, from->runs[i])) {
            move_run(&inputs->runs, from, i);
            i = 0;
        } else {
            i++;
        }
    }
    return inputs->runs.count > before;
}

static void
run_compaction(struct rule_tree *tree, struct inputs *inputs, size_t to)
{
    static struct job job;
    struct output output = {.is_of_history = to == HISTORY};
    struct rule_level *level = &tree->levels[to];
    job.before.count = job.after.count = job.older_count = job.between_count = 0;
    job.is_of_history = to == HISTORY;
    add_older(tree, to + 1, HISTORY, &job);
    if (to == HISTORY) { /* anything may lie in its midst */
        job.between[job.between_count++] =
            (struct fi_compaction_between){{rule_model_key(0), rule_model_key(KEYS)}, UINT64_MAX};
        job.older[job.older_count++] = job.between[0].span;
    } else {
        add_between(tree, &job);
    }
    for (size_t i = 0; i < inputs->runs.count; i++) {
        add_run_versions(&job.before, inputs->runs.runs[i], false);
    }
    compact_into(tree, inputs, &job, &output);
    take_output(tree, &job, &output);
    destroy_runs(&inputs->runs);
    while (output.made[0].count > 0) {
        move_run(level, &output.made[0], 0);
    }
    if (to < HISTORY) {
        qsort(level->runs, level->count, sizeof(struct fake_run *), compare_runs);
        check_disjoint(level);
    }
}

/* From a level to the next one; in the last level, a run for itself. */
void
rule_tree_compact(struct rule_tree *tree)
{
    struct inputs inputs = {.table = NULL};
    size_t from = rule_tree_below(tree, LEVELS);
    struct rule_level *level = &tree->levels[from];
    if (level->count == 0) {
        return;
    }
    if (from == 0) { /* the oldest ones, so that nothing newer goes below something older */
        for (uint64_t count = 1 + rule_tree_below(tree, level->count); count > 0; count--) {
            move_run(&inputs.runs, level, level->count - 1);
        }
    } else {
        move_run(&inputs.runs, level, rule_tree_below(tree, level->count));
    }
    size_t to = from + 1 < LEVELS ? from + 1 : from;
    if (to > from) {
        (void)take_overlapping(&inputs, &tree->levels[to]);
    }
    run_compaction(tree, &inputs, to);
}

/* What nobody reads goes. */
void
rule_tree_remove_history(struct rule_tree *tree)
{
    struct rule_level *level = &tree->levels[HISTORY];
    for (size_t i = 0; i < level->count;) {
        struct rule_level gone = {.count = 0};
        if (is_history_needed(tree, i)) {
            i++;
            continue;
        }
        move_run(&gone, level, i);
        destroy_runs(&gone);
    }
}

/* Some history runs become one. Those that nobody reads go first: compactions have left them out of account, and what is in
 * them must not come back with what others say of theirs. Those that now reads are left to what brings them back. */
void
rule_tree_merge_history(struct rule_tree *tree)
{
    struct inputs inputs = {.table = NULL};
    struct rule_level *level = &tree->levels[HISTORY];
    rule_tree_remove_history(tree);
    for (size_t i = 0; i < level->count;) {
        if (is_skipped(tree, i, &tree->snapshots[0]) &&
            (rule_tree_below(tree, 2) == 0 || level->count > RUNS_MAX / 2)) {
            move_run(&inputs.runs, level, i);
        } else {
            i++;
        }
    }
    if (inputs.runs.count > 0) {
        run_compaction(tree, &inputs, HISTORY);
    }
}

/* What now reads comes back, with all that the levels have there. */
void
rule_tree_recall(struct rule_tree *tree)
{
    struct inputs inputs = {.table = NULL};
    struct rule_level *level = &tree->levels[HISTORY];
    bool has_grown = true;
    for (size_t i = 0; i < level->count && inputs.runs.count == 0; i++) {
        if (!is_skipped(tree, i, &tree->snapshots[0])) {
            move_run(&inputs.runs, level, i);
        }
    }
    while (inputs.runs.count > 0 && has_grown) {
        has_grown = false;
        for (size_t i = 0; i < level->count;) {
            bool comes =
                !is_skipped(tree, i, &tree->snapshots[0]) && lies_between(&inputs, level->runs[i]);
            if (comes) {
                move_run(&inputs.runs, level, i);
            } else {
                i++;
            }
            has_grown |= comes;
        }
        for (size_t i = 0; i < LEVELS; i++) {
            has_grown |= take_overlapping(&inputs, &tree->levels[i]);
        }
    }
    if (inputs.runs.count > 0) {
        run_compaction(tree, &inputs, LEVELS - 1);
    }
}

void
rule_tree_deinit(struct rule_tree *tree)
{
    fi_memtable_destroy(tree->table);
    for (size_t i = 0; i <= HISTORY; i++) {
        destroy_runs(&tree->levels[i]);
    }
}
