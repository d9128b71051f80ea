/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/lsm: the compaction rule in a tree of memtable, level 0 and three levels, against a model that keeps every
 * version. Random histories of puts, deletes and range deletes over few keys, with checkpoints, restores and views
 * with gaps, and random flushes and partial compactions: no live view's reading of any key ever changes, and what each
 * compaction kept is what the definition of the rule, tried on every version by hand, says.
 *
 * FIRN_TEST_LONG=1 runs 200,000 histories.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/slice.h"
#include "fake_run.h"
#include "lsm/compaction_stream.h"
#include "support/test_alloc.h"
#include "support/test_random.h"

enum {
    KEYS = 7,
    OPS_MAX = 80,
    VIEWS_MAX = 8,
    INTERVALS_MAX = 12,
    LEVELS = 4, /* level 0 and those below it */
    RUNS_MAX = 24,
    VERSIONS_MAX = 2 * OPS_MAX
};

/* ---- histories ---- */

/* A version: of the key `lower`, or of the keys [lower, upper). */
struct op {
    enum firn_entry_kind kind;
    unsigned lower;
    unsigned upper;
    uint64_t sequence;
};

struct some_view {
    struct firn_view_interval intervals[INTERVALS_MAX];
    size_t count;
};

struct level {
    struct fake_run *runs[RUNS_MAX]; /* of level 0: the newest first; else by keys */
    size_t count;
};

struct history {
    struct test_random random;
    struct op ops[OPS_MAX];
    size_t op_count;
    uint64_t sequence;
    struct some_view views[VIEWS_MAX]; /* the first is now */
    size_t view_count;
    struct firn_memtable *table;
    struct level levels[LEVELS];
};

static firn_slice
key_of(unsigned number)
{
    static const char names[KEYS + 1][2] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    return firn_bytes(names[number], 1);
}

static unsigned
number_of(firn_slice key)
{
    assert_true(key.size == 1 && key.data[0] >= 'a' && key.data[0] <= 'a' + KEYS);
    return (unsigned)key.data[0] - 'a';
}

static bool
sees(const struct some_view *view, uint64_t sequence)
{
    struct firn_view all = {view->intervals, view->count, 0};
    return firn_view_sees(&all, sequence);
}

static uint64_t
below(struct history *history, uint64_t limit)
{
    return test_random_below(&history->random, limit);
}

/* ---- reading: the sequence of the put that a view sees; 0 for none ---- */

struct reading {
    const struct some_view *view;
    unsigned key;
    uint64_t point;
    enum firn_entry_kind kind;
    uint64_t range;
};

static void
read_version(struct reading *reading, enum firn_entry_kind kind, uint64_t sequence)
{
    if (!sees(reading->view, sequence)) {
        return;
    }
    if (kind == FIRN_ENTRY_RANGE_DELETE) {
        reading->range = sequence > reading->range ? sequence : reading->range;
    } else if (sequence > reading->point) {
        reading->point = sequence;
        reading->kind = kind;
    }
}

static uint64_t
result_of(const struct reading *reading)
{
    return reading->kind == FIRN_ENTRY_PUT && reading->range <= reading->point ? reading->point : 0;
}

static uint64_t
read_model(const struct history *history, const struct some_view *view, unsigned key)
{
    struct reading reading = {.view = view, .key = key};
    for (size_t i = 0; i < history->op_count; i++) {
        const struct op *op = &history->ops[i];
        if (op->lower <= key && key < op->upper) {
            read_version(&reading, op->kind, op->sequence);
        }
    }
    return result_of(&reading);
}

static void
read_range(void *ctx, const struct firn_range *range)
{
    read_version(ctx, FIRN_ENTRY_RANGE_DELETE, range->sequence);
}

static void
read_run(struct reading *reading, struct fake_run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        const struct firn_entry *entry = fake_run_entry(run, i);
        if (number_of(entry->key) == reading->key) {
            read_version(reading, entry->kind, entry->sequence);
        }
    }
    firn_range_set_visit_covering(&run->ranges, key_of(reading->key), read_range, reading);
}

static uint64_t
read_tree(const struct history *history, const struct some_view *view, unsigned key)
{
    struct reading reading = {.view = view, .key = key};
    struct firn_memtable_cursor cursor;
    firn_memtable_cursor_init(&cursor, history->table);
    for (firn_memtable_cursor_first(&cursor); cursor.is_valid; firn_memtable_cursor_next(&cursor)) {
        if (number_of(cursor.entry.key) == key) {
            read_version(&reading, cursor.entry.kind, cursor.entry.sequence);
        }
    }
    firn_range_set_visit_covering(firn_memtable_ranges(history->table), key_of(key), read_range,
                                  &reading);
    for (size_t i = 0; i < LEVELS; i++) {
        for (size_t j = 0; j < history->levels[i].count; j++) {
            read_run(&reading, history->levels[i].runs[j]);
        }
    }
    return result_of(&reading);
}

static void
check_readings(const struct history *history)
{
    for (size_t i = 0; i < history->view_count; i++) {
        for (unsigned key = 0; key < KEYS; key++) {
            assert_int_equal(read_tree(history, &history->views[i], key),
                             read_model(history, &history->views[i], key));
        }
    }
}

/* ---- the definition, by hand ---- */

struct versions {
    struct op all[VERSIONS_MAX];
    size_t count;
};

static int
compare_ops(const void *a, const void *b)
{
    const struct op *left = a;
    const struct op *right = b;
    if (left->sequence != right->sequence) {
        return left->sequence > right->sequence ? -1 : 1;
    }
    /* Of one commit: a range covers only what is older, so the version of a key is newer. */
    return (left->kind == FIRN_ENTRY_RANGE_DELETE) - (right->kind == FIRN_ENTRY_RANGE_DELETE);
}

/* Those of one key, newest first; without what may go. is_bottom: also what only hides nothing. */
static void
keep_needed(const struct history *history, const struct versions *all, unsigned key,
            bool with_points, bool is_bottom, struct versions *out)
{
    struct versions mine = {.count = 0};
    for (size_t i = 0; i < all->count; i++) {
        const struct op *op = &all->all[i];
        if (op->lower <= key && key < op->upper &&
            (with_points || op->kind == FIRN_ENTRY_RANGE_DELETE)) {
            mine.all[mine.count++] = *op;
        }
    }
    qsort(mine.all, mine.count, sizeof *mine.all, compare_ops);
    out->count = 0;
    for (size_t i = 0; i < mine.count; i++) {
        bool is_needed = false;
        for (size_t v = 0; v < history->view_count && !is_needed; v++) {
            bool sees_newer = false;
            for (size_t j = 0; j < i; j++) {
                sees_newer |= sees(&history->views[v], mine.all[j].sequence);
            }
            is_needed = sees(&history->views[v], mine.all[i].sequence) && !sees_newer;
        }
        if (is_needed) {
            out->all[out->count++] = mine.all[i];
        }
    }
    while (is_bottom && out->count > 0 && out->all[out->count - 1].kind != FIRN_ENTRY_PUT) {
        out->count--;
    }
}

static bool
has(const struct versions *versions, enum firn_entry_kind kind, uint64_t sequence)
{
    for (size_t i = 0; i < versions->count; i++) {
        if (versions->all[i].kind == kind && versions->all[i].sequence == sequence) {
            return true;
        }
    }
    return false;
}

/* What a compaction got and what it made. */
struct job {
    struct versions before;
    struct versions after; /* each part of a range delete for itself */
    struct firn_compaction_span older[LEVELS * RUNS_MAX];
    size_t older_count;
};

static bool
is_at_bottom(const struct job *job, firn_slice key)
{
    for (size_t i = 0; i < job->older_count; i++) {
        if (firn_slice_compare(job->older[i].lower, key) <= 0 &&
            firn_slice_compare(key, job->older[i].upper) < 0) {
            return false;
        }
    }
    return true;
}

static void
check_ranges_of_key(const struct history *history, const struct job *job, unsigned key,
                    const struct versions *wanted)
{
    struct versions by_ranges;
    keep_needed(history, &job->before, key, false, false, &by_ranges);
    for (size_t i = 0; i < job->after.count; i++) {
        const struct op *op = &job->after.all[i];
        if (op->kind != FIRN_ENTRY_RANGE_DELETE || op->lower > key || op->upper <= key) {
            continue;
        }
        assert_true(has(&by_ranges, op->kind, op->sequence));
        if (is_at_bottom(job, key_of(key)) && (op->lower == key || op->upper == key + 1)) {
            /* A part begins and ends where something is hidden, or where the bottom does. */
            bool begins = op->lower == key && (key == 0 || is_at_bottom(job, key_of(key - 1)));
            bool ends = op->upper == key + 1 && is_at_bottom(job, key_of(key + 1));
            assert_true(has(wanted, op->kind, op->sequence) || (!begins && !ends));
        }
    }
}

/* Every version of every key is kept if and only if it is needed; range deletes may be kept a
 * little longer, between keys where they are. */
static void
check_kept(const struct history *history, const struct job *job)
{
    for (unsigned key = 0; key < KEYS; key++) {
        struct versions wanted;
        size_t points = 0;
        keep_needed(history, &job->before, key, true, is_at_bottom(job, key_of(key)), &wanted);
        for (size_t i = 0; i < wanted.count; i++) {
            bool is_there = false;
            for (size_t j = 0; j < job->after.count && !is_there; j++) {
                const struct op *op = &job->after.all[j];
                is_there = op->kind == wanted.all[i].kind &&
                           op->sequence == wanted.all[i].sequence && op->lower <= key &&
                           key < op->upper;
            }
            /* A range that newer versions of this very key make needless may be missing only
             * where it is not wanted. */
            assert_true(is_there);
            points += wanted.all[i].kind != FIRN_ENTRY_RANGE_DELETE;
        }
        for (size_t j = 0; j < job->after.count; j++) {
            const struct op *op = &job->after.all[j];
            points -= op->kind != FIRN_ENTRY_RANGE_DELETE && op->lower == key;
        }
        assert_int_equal(points, 0);
        check_ranges_of_key(history, job, key, &wanted);
    }
}

/* ---- flushes and compactions ---- */

static void
add_version(struct versions *versions, enum firn_entry_kind kind, unsigned lower, unsigned upper,
            uint64_t sequence)
{
    assert_true(versions->count < VERSIONS_MAX);
    versions->all[versions->count++] = (struct op){kind, lower, upper, sequence};
}

static int
add_range_version(void *ctx, const struct firn_range *range, firn_error *err)
{
    (void)err;
    /* An upper bound may lie right behind a key. */
    unsigned upper = (unsigned)range->upper.data[0] - 'a' + (range->upper.size > 1);
    add_version(ctx, FIRN_ENTRY_RANGE_DELETE, number_of(range->lower), upper, range->sequence);
    return FIRN_OK;
}

static void
add_run_versions(struct versions *versions, struct fake_run *run)
{
    for (size_t i = 0; i < run->count; i++) {
        const struct firn_entry *entry = fake_run_entry(run, i);
        unsigned key = number_of(entry->key);
        add_version(versions, entry->kind, key, key + 1, entry->sequence);
    }
    assert_int_equal(
        firn_range_set_visit(&run->ranges, NULL, NULL, add_range_version, versions, NULL), FIRN_OK);
}

static void
add_table_versions(struct versions *versions, const struct firn_memtable *table)
{
    struct firn_memtable_cursor cursor;
    firn_memtable_cursor_init(&cursor, table);
    for (firn_memtable_cursor_first(&cursor); cursor.is_valid; firn_memtable_cursor_next(&cursor)) {
        unsigned key = number_of(cursor.entry.key);
        add_version(versions, cursor.entry.kind, key, key + 1, cursor.entry.sequence);
    }
    assert_int_equal(firn_range_set_visit(firn_memtable_ranges(table), NULL, NULL,
                                          add_range_version, versions, NULL),
                     FIRN_OK);
}

struct output {
    struct level *level;
    struct fake_run *run; /* NULL until something is in it */
};

static struct fake_run *
output_run(struct output *output)
{
    if (output->run == NULL) {
        output->run = fake_run_create();
    }
    return output->run;
}

static int
output_range(void *ctx, const struct firn_range *range, struct firn_compaction_place place,
             firn_error *err)
{
    (void)place;
    (void)err;
    fake_run_add_range(output_run(ctx), range);
    return FIRN_OK;
}

static void
output_end(struct output *output)
{
    if (output->run != NULL) {
        assert_true(output->level->count < RUNS_MAX);
        output->level->runs[output->level->count++] = output->run;
        output->run = NULL;
    }
}

/* Inputs of a compaction: the memtable, or runs. */
struct inputs {
    struct firn_memtable *table;
    struct fake_run *runs[2 * RUNS_MAX];
    size_t count;
};

static int
write_outputs(struct history *history, struct firn_compaction_stream *stream, bool is_cut,
              struct output *output)
{
    int rc = FIRN_OK;
    for (;;) {
        const struct firn_entry *entry;
        FIRN_TRY(firn_compaction_stream_next(stream, &entry, NULL));
        if (entry == NULL) {
            break;
        }
        if (is_cut && firn_compaction_stream_may_cut(stream) && below(history, 3) == 0) {
            FIRN_TRY(firn_compaction_stream_cut(stream, output_range, output, NULL));
            output_end(output);
        }
        fake_run_add(output_run(output), entry);
    }
    FIRN_TRY(firn_compaction_stream_cut(stream, output_range, output, NULL));
    output_end(output);
out:
    return rc;
}

/* *rule, *merge and *stream are the caller's to destroy, whatever is returned. */
static int
set_up(struct history *history, const struct inputs *inputs, const struct job *job,
       struct firn_compaction_rule **rule, struct firn_merge **merge,
       struct firn_compaction_stream **stream)
{
    struct firn_view views[VIEWS_MAX];
    const struct firn_range_set *ranges[2 * RUNS_MAX + 1];
    struct firn_compaction_stream_options options = {
        .ranges = ranges, .older = job->older, .older_count = job->older_count};
    struct firn_merge_source *source;
    int rc = FIRN_OK;
    for (size_t i = 0; i < history->view_count; i++) {
        views[i] = (struct firn_view){history->views[i].intervals, history->views[i].count, 0};
    }
    FIRN_TRY(firn_compaction_rule_create(
        &(struct firn_view_list){views, history->view_count, 0, NULL, NULL}, rule, NULL));
    FIRN_TRY(firn_merge_create(merge, NULL));
    if (inputs->table != NULL) {
        FIRN_TRY(firn_merge_source_create_memtable(inputs->table, UINT64_MAX, &source, NULL));
        FIRN_TRY(firn_merge_add(*merge, source, NULL));
        ranges[options.range_set_count++] = firn_memtable_ranges(inputs->table);
    }
    for (size_t i = 0; i < inputs->count; i++) {
        const struct firn_run_cursor_options cursor = {.is_sequential = true};
        FIRN_TRY(
            firn_merge_source_create_run(&inputs->runs[i]->run, "a run", &cursor, &source, NULL));
        FIRN_TRY(firn_merge_add(*merge, source, NULL));
        ranges[options.range_set_count++] = &inputs->runs[i]->ranges;
    }
    options.merge = *merge;
    options.rule = *rule;
    FIRN_TRY(firn_compaction_stream_create(&options, stream, NULL));
out:
    return rc;
}

static int
compact_into(struct history *history, const struct inputs *inputs, const struct job *job,
             bool is_cut, struct level *out)
{
    struct firn_compaction_rule *rule = NULL;
    struct firn_merge *merge = NULL;
    struct firn_compaction_stream *stream = NULL;
    struct output output = {.level = out};
    int rc = set_up(history, inputs, job, &rule, &merge, &stream);
    if (rc == FIRN_OK) {
        rc = write_outputs(history, stream, is_cut, &output);
    }
    if (output.run != NULL) {
        fake_run_destroy(output.run);
    }
    firn_compaction_stream_destroy(stream);
    firn_merge_destroy(merge);
    firn_compaction_rule_destroy(rule);
    return rc;
}

static void
add_older(const struct history *history, size_t first_level, struct job *job)
{
    for (size_t i = first_level; i < LEVELS; i++) {
        for (size_t j = 0; j < history->levels[i].count; j++) {
            const struct firn_run_summary *summary = &history->levels[i].runs[j]->summary;
            job->older[job->older_count++] = (struct firn_compaction_span){
                firn_buf_slice(&summary->lower), firn_buf_slice(&summary->upper)};
        }
    }
}

static bool
do_overlap(const struct fake_run *a, const struct fake_run *b)
{
    return firn_slice_compare(firn_buf_slice(&a->summary.lower),
                              firn_buf_slice(&b->summary.upper)) < 0 &&
           firn_slice_compare(firn_buf_slice(&b->summary.lower),
                              firn_buf_slice(&a->summary.upper)) < 0;
}

static void
remove_run(struct level *level, size_t at)
{
    memmove(level->runs + at, level->runs + at + 1,
            (level->count - at - 1) * sizeof(struct fake_run *));
    level->count--;
}

static void
take_run(struct inputs *inputs, struct level *level, size_t at)
{
    inputs->runs[inputs->count++] = level->runs[at];
    remove_run(level, at);
}

static int
compare_runs(const void *a, const void *b)
{
    const struct fake_run *left = *(struct fake_run *const *)a;
    const struct fake_run *right = *(struct fake_run *const *)b;
    return firn_slice_compare(firn_buf_slice(&left->summary.lower),
                              firn_buf_slice(&right->summary.lower));
}

static void
check_disjoint(const struct level *level)
{
    for (size_t i = 1; i < level->count; i++) {
        assert_false(do_overlap(level->runs[i - 1], level->runs[i]));
    }
}

static void
check_job(struct history *history, struct job *job, const struct level *made)
{
    check_disjoint(made);
    for (size_t i = 0; i < made->count; i++) {
        add_run_versions(&job->after, made->runs[i]);
    }
    check_kept(history, job);
}

static void
flush(struct history *history)
{
    struct inputs inputs = {.table = history->table};
    struct job job = {.older_count = 0};
    struct level made = {.count = 0};
    struct level *level = &history->levels[0];
    if (level->count == RUNS_MAX) {
        return;
    }
    add_older(history, 0, &job);
    add_table_versions(&job.before, history->table);
    assert_int_equal(compact_into(history, &inputs, &job, false, &made), FIRN_OK);
    check_job(history, &job, &made);
    firn_memtable_destroy(history->table);
    assert_int_equal(firn_memtable_create(&history->table, NULL), FIRN_OK);
    assert_true(made.count <= 1);
    if (made.count == 1) {
        memmove(level->runs + 1, level->runs, level->count * sizeof(struct fake_run *));
        level->runs[0] = made.runs[0];
        level->count++;
    }
}

static bool
lies_between(const struct inputs *inputs, const struct fake_run *run)
{
    bool begins_before = false;
    bool ends_behind = false;
    for (size_t i = 0; i < inputs->count; i++) {
        begins_before |= firn_slice_compare(firn_buf_slice(&inputs->runs[i]->summary.lower),
                                            firn_buf_slice(&run->summary.upper)) < 0;
        ends_behind |= firn_slice_compare(firn_buf_slice(&run->summary.lower),
                                          firn_buf_slice(&inputs->runs[i]->summary.upper)) < 0;
    }
    return begins_before && ends_behind;
}

/* The runs of `to` within the bounds of all inputs, which may make for wider bounds. */
static void
take_overlapping(struct inputs *inputs, struct level *to)
{
    for (size_t i = 0; i < to->count;) {
        if (lies_between(inputs, to->runs[i])) {
            take_run(inputs, to, i);
            i = 0;
        } else {
            i++;
        }
    }
}

static void
run_compaction(struct history *history, struct inputs *inputs, size_t to)
{
    struct job job = {.older_count = 0};
    struct level made = {.count = 0};
    struct level *level = &history->levels[to];
    add_older(history, to + 1, &job);
    for (size_t i = 0; i < inputs->count; i++) {
        add_run_versions(&job.before, inputs->runs[i]);
    }
    assert_int_equal(compact_into(history, inputs, &job, true, &made), FIRN_OK);
    check_job(history, &job, &made);
    for (size_t i = 0; i < inputs->count; i++) {
        fake_run_destroy(inputs->runs[i]);
    }
    for (size_t i = 0; i < made.count; i++) {
        assert_true(level->count < RUNS_MAX);
        level->runs[level->count++] = made.runs[i];
    }
    qsort(level->runs, level->count, sizeof(struct fake_run *), compare_runs);
    check_disjoint(level);
}

/* From a level to the next one; in the last level, a run for itself. */
static void
compact(struct history *history)
{
    struct inputs inputs = {.count = 0};
    size_t from = below(history, LEVELS);
    struct level *level = &history->levels[from];
    if (level->count == 0) {
        return;
    }
    if (from == 0) { /* the oldest ones, so that nothing newer goes below something older */
        for (uint64_t count = 1 + below(history, level->count); count > 0; count--) {
            take_run(&inputs, level, level->count - 1);
        }
    } else {
        take_run(&inputs, level, below(history, level->count));
    }
    size_t to = from + 1 < LEVELS ? from + 1 : from;
    if (to > from) {
        take_overlapping(&inputs, &history->levels[to]);
    }
    run_compaction(history, &inputs, to);
}

/* ---- steps of a history ---- */

static void
apply(struct history *history, enum firn_entry_kind kind, unsigned lower, unsigned upper)
{
    struct firn_entry entry = {key_of(lower), firn_bytes(NULL, 0), history->sequence, kind, NULL};
    if (kind != FIRN_ENTRY_DELETE) {
        entry.value = key_of(upper);
    }
    int rc = firn_memtable_add(history->table, &entry, NULL);
    if (rc == FIRN_OK && upper > lower) {
        history->ops[history->op_count++] = (struct op){kind, lower, upper, history->sequence};
    } else {
        assert_true(rc == FIRN_EXISTS || rc == FIRN_OK);
    }
}

/* A commit of one to three writes. */
static void
commit(struct history *history)
{
    history->sequence++;
    for (uint64_t writes = 1 + below(history, 6) / 4; writes > 0; writes--) {
        unsigned key = (unsigned)below(history, KEYS);
        uint64_t dice = below(history, 10);
        if (history->op_count == OPS_MAX) {
            return;
        }
        if (dice < 5) {
            apply(history, FIRN_ENTRY_PUT, key, key + 1);
        } else if (dice < 7) {
            apply(history, FIRN_ENTRY_DELETE, key, key + 1);
        } else {
            apply(history, FIRN_ENTRY_RANGE_DELETE, key,
                  key + 1 + (unsigned)below(history, KEYS - key));
        }
    }
}

/* Now, ended here. */
static void
checkpoint(struct history *history)
{
    if (history->view_count == VIEWS_MAX) {
        return;
    }
    struct some_view *view = &history->views[history->view_count];
    *view = history->views[0];
    struct firn_view_interval *last = &view->intervals[view->count - 1];
    last->last = history->sequence;
    view->count -= last->first > last->last;
    history->view_count += view->count > 0;
}

/* Now becomes a checkpoint's intervals and all that comes. */
static void
restore(struct history *history)
{
    const struct some_view *view = &history->views[below(history, history->view_count)];
    struct some_view now = *view;
    while (now.count > 0 && now.intervals[now.count - 1].first > history->sequence) {
        now.count--;
    }
    if (now.count == INTERVALS_MAX) {
        return;
    }
    struct firn_view_interval *last = now.count > 0 ? &now.intervals[now.count - 1] : NULL;
    if (last != NULL && last->last >= history->sequence) {
        last->last = UINT64_MAX;
    } else {
        now.intervals[now.count++] = (struct firn_view_interval){history->sequence + 1, UINT64_MAX};
    }
    history->views[0] = now;
}

static void
drop_view(struct history *history)
{
    if (history->view_count > 1) {
        size_t at = 1 + below(history, history->view_count - 1);
        history->views[at] = history->views[--history->view_count];
    }
}

/* From the beginning on, over what is to come. */
static void
add_odd_view(struct history *history)
{
    struct some_view *view = &history->views[history->view_count++];
    uint64_t at = 1;
    *view = (struct some_view){.count = 0};
    while (view->count < 4) {
        uint64_t first = at + below(history, 8);
        at = first + below(history, 12);
        view->intervals[view->count++] = (struct firn_view_interval){first, at};
        at += 2;
    }
}

static void
history_init(struct history *history, uint64_t seed)
{
    *history = (struct history){.random = {.state = seed}, .view_count = 1};
    history->views[0] =
        (struct some_view){.intervals = {{.first = 1, .last = UINT64_MAX}}, .count = 1};
    assert_int_equal(firn_memtable_create(&history->table, NULL), FIRN_OK);
    for (uint64_t odd = below(history, 3); odd > 0; odd--) {
        add_odd_view(history);
    }
}

static void
history_deinit(struct history *history)
{
    firn_memtable_destroy(history->table);
    for (size_t i = 0; i < LEVELS; i++) {
        for (size_t j = 0; j < history->levels[i].count; j++) {
            fake_run_destroy(history->levels[i].runs[j]);
        }
    }
}

static void
run_history(struct history *history, uint64_t seed)
{
    history_init(history, seed);
    for (uint64_t steps = 20 + below(history, 80); steps > 0; steps--) {
        uint64_t dice = below(history, 100);
        if (dice < 60) {
            commit(history);
        } else if (dice < 66) {
            checkpoint(history);
        } else if (dice < 69) {
            restore(history);
        } else if (dice < 73) {
            drop_view(history);
        } else if (dice < 84) {
            flush(history);
            check_readings(history);
        } else {
            compact(history);
            check_readings(history);
        }
    }
    history_deinit(history);
}

static void
no_reading_ever_changes_and_all_that_may_go_goes(void **state)
{
    (void)state;
    static struct history history;
    struct test_random random;
    test_random_init(&random, "histories", 1);
    unsigned count = getenv("FIRN_TEST_LONG") != NULL ? 200000 : 2500;
    for (unsigned i = 0; i < count; i++) {
        run_history(&history, random.state + i);
    }
    (void)printf("%u histories\n", count);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_reading_ever_changes_and_all_that_may_go_goes),
    };
    return cmocka_run_group_tests_name("compaction_rule", tests, NULL, NULL);
}
