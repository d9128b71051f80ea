/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/version: merge operands and expiring puts among all other versions, in runs of all ages, against a model that keeps
 * every operation and does them one after the other. Views see sets of intervals and read at times of their own;
 * compactions of any runs, which put aside what now does not read, and merges of what was put aside, change no view's
 * reading, nor do restores need any; and in the end no more is left than now reads.
 *
 * FIRN_TEST_LONG=1 tries 20 times as many histories.
 */
#include "base/bytes.h"
#include "base/slice.h"
#include "firn/store.h"
#include "merge/merge.h"
#include "support/lsm/fake_run.h"
#include "support/lsm/flat_views.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_random.h"
#include "version/version.h"

enum {
    KEYS = 5,
    OPS_MAX = 70,
    RUNS_FIRST_MAX = 8,
    RUNS_MAX = 14,
    SNAPSHOTS_MAX = 6,
    INTERVALS_MAX = 4,
    VALUE_MAX = 8 * OPS_MAX,
    TIMES = 40
};

/* An operation on the key `lower`, or on the keys [lower, upper). */
struct op {
    enum fi_entry_kind kind;
    unsigned lower;
    unsigned upper;
    uint64_t sequence;
    uint8_t value[24]; /* as an entry has it */
    size_t size;
};

struct some_snapshot {
    struct fi_snapshot_interval intervals[INTERVALS_MAX];
    size_t count;
    uint64_t time_ms;
};

struct history {
    struct test_random random;
    uint64_t fail_at; /* the allocation that fails from now on; 0: none */
    struct op ops[OPS_MAX];
    size_t op_count;
    struct fake_run *runs[RUNS_MAX];
    /* Of those that are history; else none. */
    struct fi_manifest_group *groups[RUNS_MAX];
    size_t group_counts[RUNS_MAX];
    size_t run_count;
    struct some_snapshot snapshots[SNAPSHOTS_MAX]; /* the first is now */
    size_t snapshot_count;
};

static uint64_t
below(struct history *history, uint64_t limit)
{
    return test_random_below(&history->random, limit);
}

static firn_slice
key_of(unsigned number)
{
    static const char names[KEYS + 1][2] = {"a", "b", "c", "d", "e", "f"};
    return firn_bytes(names[number], 1);
}

/* ---- the model ---- */

struct value {
    bool is_there;
    uint8_t bytes[VALUE_MAX];
    size_t size;
};

static void
set(struct value *value, const uint8_t *bytes, size_t size)
{
    value->is_there = true;
    value->size = size;
    memcpy(value->bytes, bytes, size);
}

static void
merge_number(struct value *value, int operation, const uint8_t *operand)
{
    if (!value->is_there || value->size != 8) {
        set(value, operand, 8);
        return;
    }
    uint64_t old_bits = fi_load_le64(value->bytes);
    uint64_t new_bits = fi_load_le64(operand);
    int64_t old_number;
    int64_t new_number;
    memcpy(&old_number, &old_bits, 8);
    memcpy(&new_number, &new_bits, 8);
    if (operation == FIRN_MERGE_ADD) {
        fi_store_le64(value->bytes, old_bits + new_bits);
    } else if ((operation == FIRN_MERGE_MIN && new_number < old_number) ||
               (operation == FIRN_MERGE_MAX && new_number > old_number)) {
        set(value, operand, 8);
    }
}

static void
merge(struct value *value, const struct op *op)
{
    int operation = op->value[0];
    if (operation != FIRN_MERGE_APPEND) {
        merge_number(value, operation, op->value + 1);
        return;
    }
    value->size = value->is_there ? value->size : 0;
    value->is_there = true;
    memcpy(value->bytes + value->size, op->value + 1, op->size - 1);
    value->size += op->size - 1;
}

/* Operations come in the order of their sequences; of one sequence, ranges first. */
static void
read_model(const struct history *history, const struct some_snapshot *snapshot, unsigned key,
           struct value *out)
{
    struct fi_snapshot seen = {snapshot->intervals, snapshot->count, 0, NULL};
    *out = (struct value){.is_there = false};
    for (size_t i = 0; i < history->op_count; i++) {
        const struct op *op = &history->ops[i];
        if (op->lower > key || op->upper <= key || !fi_snapshot_sees(&seen, op->sequence)) {
            continue;
        }
        switch (op->kind) {
        case FI_ENTRY_PUT:
            set(out, op->value, op->size);
            break;
        case FI_ENTRY_EXPIRING:
            set(out, op->value + 8, op->size - 8);
            out->is_there = fi_load_le64(op->value) > snapshot->time_ms;
            break;
        case FI_ENTRY_MERGE:
            merge(out, op);
            break;
        case FI_ENTRY_DELETE:
        case FI_ENTRY_RANGE_DELETE:
            out->is_there = false;
            break;
        }
    }
}

/* ---- histories ---- */

static void
make_value(struct history *history, struct op *op)
{
    uint64_t number = below(history, 3) == 0 ? UINT64_MAX - below(history, 9) : below(history, 99);
    op->size = 8;
    fi_store_le64(op->value, number);
    if (below(history, 3) == 0) {
        op->size = below(history, 7); /* no number */
    }
}

static void
make_op(struct history *history, uint64_t sequence)
{
    struct op *op = &history->ops[history->op_count++];
    uint64_t dice = below(history, 20);
    *op = (struct op){.lower = (unsigned)below(history, KEYS), .sequence = sequence};
    op->upper = op->lower + 1;
    if (dice < 4) {
        op->kind = FI_ENTRY_PUT;
        make_value(history, op);
    } else if (dice < 6) {
        op->kind = FI_ENTRY_DELETE;
    } else if (dice < 9) {
        op->kind = FI_ENTRY_EXPIRING;
        make_value(history, op);
        memmove(op->value + 8, op->value, op->size);
        fi_store_le64(op->value, below(history, TIMES));
        op->size += 8;
    } else if (dice < 10) {
        op->kind = FI_ENTRY_RANGE_DELETE;
        op->upper += (unsigned)below(history, KEYS - op->lower);
    } else {
        op->kind = FI_ENTRY_MERGE;
        make_value(history, op);
        memmove(op->value + 1, op->value, 8);
        op->value[0] = (uint8_t)(dice < 15 ? FIRN_MERGE_ADD : 2 + below(history, 3));
        op->size = op->value[0] == FIRN_MERGE_APPEND ? 1 + op->size : 9;
    }
}

static int
compare_ops(const void *a, const void *b)
{
    const struct op *left = a;
    const struct op *right = b;
    if (left->lower != right->lower) {
        return left->lower < right->lower ? -1 : 1;
    }
    return (left->sequence < right->sequence) - (left->sequence > right->sequence);
}

/* A run of all operations of some sequences. */
static void
make_run(struct history *history, uint64_t first, uint64_t last)
{
    struct op sorted[OPS_MAX];
    struct fake_run *run = fake_run_create();
    history->runs[history->run_count++] = run;
    memcpy(sorted, history->ops, sizeof sorted);
    qsort(sorted, history->op_count, sizeof *sorted, compare_ops);
    for (size_t i = 0; i < history->op_count; i++) {
        const struct op *op = &sorted[i];
        if (op->sequence < first || op->sequence > last) {
            continue;
        }
        if (op->kind == FI_ENTRY_RANGE_DELETE) {
            const struct fi_range range = {key_of(op->lower), key_of(op->upper), op->sequence};
            fake_run_add_range(run, &range);
        } else {
            const struct fi_entry entry = {key_of(op->lower),
                                           firn_bytes(op->value, op->size),
                                           op->sequence,
                                           op->kind,
                                           NULL,
                                           NULL,
                                           false};
            fake_run_add(run, &entry);
        }
    }
}

static void
make_snapshot(struct history *history, struct some_snapshot *out)
{
    uint64_t at = 1;
    out->time_ms = below(history, TIMES);
    out->count = 0;
    while (out->count < INTERVALS_MAX && (out->count == 0 || below(history, 2) == 0)) {
        uint64_t first = at + below(history, history->op_count / 3 + 1);
        at = first + below(history, history->op_count);
        out->intervals[out->count++] = (struct fi_snapshot_interval){first, at};
        at += 2;
    }
}

static void
history_init(struct history *history, struct test_random *random)
{
    *history = (struct history){.random = {test_random_next(random)}};
    uint64_t count = 2 + below(history, OPS_MAX - 2);
    for (uint64_t i = 1; i <= count; i++) {
        make_op(history, i);
    }
    uint64_t runs = 1 + below(history, RUNS_FIRST_MAX);
    for (uint64_t i = 0; i < runs; i++) {
        make_run(history, 1 + count * i / runs, count * (i + 1) / runs);
    }
    history->snapshot_count = 1 + below(history, SNAPSHOTS_MAX);
    history->snapshots[0] = (struct some_snapshot){{{1, UINT64_MAX}}, 1, below(history, TIMES)};
    for (size_t i = 1; i < history->snapshot_count; i++) {
        make_snapshot(history, &history->snapshots[i]);
        if (below(history, 3) == 0) { /* the same at another time */
            uint64_t time_ms = history->snapshots[i].time_ms;
            history->snapshots[i] = history->snapshots[i - 1];
            history->snapshots[i].time_ms = time_ms;
        }
    }
}

static void
history_deinit(struct history *history)
{
    for (size_t i = 0; i < history->run_count; i++) {
        fake_run_destroy(history->runs[i]);
        free(history->groups[i]);
    }
}

/* ---- reading ---- */

/* A set of runs: bit i for runs[i]. */
static bool
has_run(unsigned set, size_t i)
{
    return (set >> i & 1) != 0;
}

static int
add_runs(struct history *history, unsigned set, struct fi_merge *merge,
         const struct fi_range_set **ranges, size_t *out_count)
{
    const struct fi_run_cursor_options options = {.is_sequential = false};
    *out_count = 0;
    for (size_t i = 0; i < history->run_count; i++) {
        struct fi_merge_source *source;
        if (!has_run(set, i)) {
            continue;
        }
        FI_TRY_RETURN(
            fi_merge_source_create_run(&history->runs[i]->run, "a run", &options, &source, NULL));
        FI_TRY_RETURN(fi_merge_add(merge, source, NULL));
        ranges[(*out_count)++] = &history->runs[i]->ranges;
    }
    return FIRN_OK;
}

/* What the view must look into: all but the history runs that say it need not. */
static unsigned
runs_of(const struct history *history, const struct fi_snapshot *snapshot)
{
    unsigned set = 0;
    for (size_t i = 0; i < history->run_count; i++) {
        const struct fi_manifest_run info = {.groups = history->groups[i],
                                             .group_count = history->group_counts[i]};
        bool is_skipped = info.group_count > 0 && fi_version_history_is_skipped(&info, snapshot);
        set |= is_skipped ? 0 : 1U << i;
    }
    return set;
}

static void
check_entry(const struct history *history, const struct some_snapshot *snapshot, unsigned key,
            const struct fi_entry *entry)
{
    struct value expected;
    read_model(history, snapshot, key, &expected);
    assert_true(expected.is_there);
    assert_int_equal(entry->kind, FI_ENTRY_PUT);
    assert_int_equal(entry->value.size, expected.size);
    assert_memory_equal(entry->value.data, expected.bytes, expected.size);
}

static bool
is_there(const struct history *history, const struct some_snapshot *snapshot, unsigned key)
{
    struct value value;
    read_model(history, snapshot, key, &value);
    return value.is_there;
}

/* Random moves; each must lead to the next key that the model has. */
static int
walk(struct history *history, const struct some_snapshot *snapshot,
     struct fi_merge_resolve *resolve)
{
    for (unsigned round = 0; round < 6; round++) {
        bool is_back = below(history, 2) == 0;
        unsigned at = is_back ? KEYS : 0;
        FI_TRY_RETURN(is_back ? fi_merge_resolve_last(resolve, NULL)
                              : fi_merge_resolve_first(resolve, NULL));
        for (unsigned steps = 0; steps < 2 * KEYS; steps++) {
            const struct fi_entry *entry = fi_merge_resolve_entry(resolve);
            unsigned key = at;
            while (!is_back && key < KEYS && !is_there(history, snapshot, key)) {
                key++;
            }
            while (is_back && key > 0 && !is_there(history, snapshot, key - 1)) {
                key--;
            }
            if (is_back ? key == 0 : key == KEYS) {
                assert_null(entry);
                break;
            }
            assert_non_null(entry);
            key -= is_back;
            assert_true(fi_slice_equal(entry->key, key_of(key)));
            check_entry(history, snapshot, key, entry);
            is_back ^= below(history, 4) == 0;
            at = is_back ? key : key + 1;
            FI_TRY_RETURN(is_back ? fi_merge_resolve_prev(resolve, NULL)
                                  : fi_merge_resolve_next(resolve, NULL));
        }
    }
    return FIRN_OK;
}

static int
read_snapshot(struct history *history, const struct some_snapshot *snapshot)
{
    const struct fi_range_set *ranges[RUNS_MAX];
    const struct fi_snapshot seen = {snapshot->intervals, snapshot->count, 0, NULL};
    struct fi_merge *merge = NULL;
    struct fi_merge_resolve *resolve = NULL;
    size_t range_set_count;
    int rc;
    FI_TRY(fi_merge_create(&merge, NULL));
    FI_TRY(add_runs(history, runs_of(history, &seen), merge, ranges, &range_set_count));
    const struct fi_merge_resolve_options options = {.merge = merge,
                                                     .ranges = ranges,
                                                     .range_set_count = range_set_count,
                                                     .snapshot = &seen,
                                                     .time_ms = snapshot->time_ms};
    FI_TRY(fi_merge_resolve_create(&options, &resolve, NULL));
    FI_TRY(walk(history, snapshot, resolve));
out:
    fi_merge_resolve_destroy(resolve);
    fi_merge_destroy(merge);
    return rc;
}

static void
check_all(struct history *history)
{
    for (size_t i = 0; i < history->snapshot_count; i++) {
        assert_int_equal(read_snapshot(history, &history->snapshots[i]), FIRN_OK);
    }
}

/* ---- compactions ---- */

/* What now reads, and history beside it. */
struct output {
    struct history *history;
    struct fake_run *run;
    struct fake_run *past;
    struct fi_snapshot now;
    struct fi_version_history_groups groups;
    bool has_past; /* past has something in it */
};

/* An output takes memory that does not fail. */
static void
pause_failing(struct history *history)
{
    uint64_t calls = test_alloc_calls();
    history->fail_at = history->fail_at > calls ? history->fail_at - calls : 0;
    test_alloc_fail_at(0, false);
}

static void
go_on_failing(const struct history *history)
{
    test_alloc_fail_at(history->fail_at, false);
}

static struct fake_run *
run_of(struct output *output, uint64_t sequence, struct fi_compaction_place place)
{
    if (!place.is_history || output->past == NULL) {
        return output->run;
    }
    fi_version_history_groups_add(&output->groups, sequence, place.newer);
    output->has_past = true;
    return output->past;
}

static int
output_range(void *ctx, const struct fi_range *range, struct fi_compaction_place place,
             firn_error *err)
{
    struct output *output = ctx;
    (void)err;
    pause_failing(output->history);
    fake_run_add_range(run_of(output, range->sequence, place), range);
    go_on_failing(output->history);
    return FIRN_OK;
}

static void
output_entry(struct output *output, const struct fi_entry *entry, struct fi_compaction_place place)
{
    pause_failing(output->history);
    fake_run_add(run_of(output, entry->sequence, place), entry);
    go_on_failing(output->history);
}

static int
write_output(struct output *output, struct fi_merge_stream *stream)
{
    const struct fi_entry *entry;
    for (;;) {
        FI_TRY_RETURN(fi_merge_stream_next(stream, &entry, NULL));
        if (entry == NULL) {
            break;
        }
        if (fi_merge_stream_may_cut(stream) && below(output->history, 3) == 0) {
            FI_TRY_RETURN(fi_merge_stream_cut(stream, output_range, output, NULL));
        }
        output_entry(output, entry, fi_merge_stream_place(stream));
    }
    return fi_merge_stream_cut(stream, output_range, output, NULL);
}

/* The runs that are no inputs: they may hold anything. */
struct others {
    struct fi_compaction_span older[RUNS_MAX];
    struct fi_compaction_between between[RUNS_MAX];
    size_t count;
};

static void
list_others(const struct history *history, unsigned set, struct others *out)
{
    out->count = 0;
    for (size_t i = 0; i < history->run_count; i++) {
        const struct fi_run_summary *summary = &history->runs[i]->summary;
        struct fi_compaction_span span = {fi_buf_slice(&summary->lower),
                                          fi_buf_slice(&summary->upper)};
        if (!has_run(set, i)) {
            out->older[out->count] = span;
            out->between[out->count++] =
                (struct fi_compaction_between){span, summary->sequence_max};
        }
    }
}

static int
compact_into(struct history *history, unsigned set, struct output *output)
{
    const struct fi_range_set *ranges[RUNS_MAX];
    struct fi_snapshot snapshots[SNAPSHOTS_MAX];
    uint64_t times[SNAPSHOTS_MAX];
    struct others others;
    struct fi_merge_snapshot_map map = {0};
    struct fi_merge_rule *rule = NULL;
    struct fi_merge *merge = NULL;
    struct fi_merge_stream *stream = NULL;
    size_t range_set_count;
    int rc;
    for (size_t i = 0; i < history->snapshot_count; i++) {
        snapshots[i] = (struct fi_snapshot){history->snapshots[i].intervals,
                                            history->snapshots[i].count, 0, NULL};
        times[i] = history->snapshots[i].time_ms;
    }
    list_others(history, set, &others);
    FI_TRY(flat_snapshots_map(snapshots, history->snapshot_count, times, snapshots, &map));
    FI_TRY(fi_merge_rule_create(&map, &rule, NULL));
    FI_TRY(fi_merge_create(&merge, NULL));
    FI_TRY(add_runs(history, set, merge, ranges, &range_set_count));
    const struct fi_merge_stream_options options = {.merge = merge,
                                                    .ranges = ranges,
                                                    .range_set_count = range_set_count,
                                                    .rule = rule,
                                                    .older = others.older,
                                                    .older_count = others.count,
                                                    .between = others.between,
                                                    .between_count = others.count};
    FI_TRY(fi_merge_stream_create(&options, &stream, NULL));
    output->now = snapshots[0];
    FI_TRY(fi_version_history_groups_init(&output->groups, &output->now, NULL));
    FI_TRY(write_output(output, stream));
out:
    fi_merge_stream_destroy(stream);
    fi_merge_destroy(merge);
    fi_merge_rule_destroy(rule);
    fi_merge_snapshot_map_deinit(&map);
    return rc;
}

static void
remove_runs(struct history *history, unsigned set)
{
    size_t kept = 0;
    for (size_t i = 0; i < history->run_count; i++) {
        if (has_run(set, i)) {
            fake_run_destroy(history->runs[i]);
            free(history->groups[i]);
        } else {
            history->runs[kept] = history->runs[i];
            history->groups[kept] = history->groups[i];
            history->group_counts[kept++] = history->group_counts[i];
        }
    }
    history->run_count = kept;
}

static void
add_run(struct history *history, struct fake_run *run, const struct fi_manifest_run *info)
{
    size_t at = history->run_count++;
    history->runs[at] = run;
    history->group_counts[at] = info->group_count;
    history->groups[at] = NULL;
    if (info->group_count > 0) {
        history->groups[at] = malloc(info->group_count * sizeof *info->groups);
        assert_non_null(history->groups[at]);
        memcpy(history->groups[at], info->groups, info->group_count * sizeof *info->groups);
    }
}

/* Now skips what was put aside, by the definition too: each version that it sees there has a newer
 * one that it sees. */
static void
check_past(const struct history *history, const struct fi_manifest_run *info)
{
    const struct some_snapshot *now = &history->snapshots[0];
    assert_true(fi_version_history_is_skipped(
        info, &(struct fi_snapshot){now->intervals, now->count, 0, NULL}));
}

/* The runs of the set become one, and one of history where there is something for it and room; or
 * history alone, which says what they said. */
static void
compact(struct history *history, unsigned set, bool has_history)
{
    struct output output = {.history = history, .run = fake_run_create()};
    const struct fi_manifest_run none = {.group_count = 0};
    struct fi_manifest_run info = {.group_count = 0};
    output.past = has_history ? fake_run_create() : NULL;
    assert_int_equal(compact_into(history, set, &output), FIRN_OK);
    if (output.has_past) {
        assert_int_equal(fi_version_history_groups_list(&output.groups, &info, NULL), FIRN_OK);
        check_past(history, &info);
    }
    remove_runs(history, set);
    add_run(history, output.run, &none);
    if (output.has_past) {
        add_run(history, output.past, &info);
    } else if (output.past != NULL) {
        fake_run_destroy(output.past);
    }
    fi_version_history_groups_deinit(&output.groups);
}

/* Runs of history become one, that says what they said. */
static void
merge_history(struct history *history)
{
    struct output output = {.history = history, .run = fake_run_create()};
    struct fi_manifest_run info = {.group_count = 0};
    unsigned set = 0;
    for (size_t i = 0; i < history->run_count; i++) {
        set |= history->group_counts[i] > 0 && below(history, 3) > 0 ? 1U << i : 0;
    }
    assert_int_equal(compact_into(history, set, &output), FIRN_OK);
    for (size_t i = 0; i < history->run_count; i++) {
        const struct fi_manifest_run from = {.groups = history->groups[i],
                                             .group_count = history->group_counts[i]};
        if (has_run(set, i)) {
            assert_int_equal(fi_version_history_groups_add_run(&output.groups, &from, NULL),
                             FIRN_OK);
        }
    }
    assert_int_equal(fi_version_history_groups_list(&output.groups, &info, NULL), FIRN_OK);
    remove_runs(history, set);
    if (set != 0) {
        add_run(history, output.run, &info);
    } else {
        fake_run_destroy(output.run);
    }
    fi_version_history_groups_deinit(&output.groups);
}

/* Now becomes what another view sees, and is kept as a view where there is room. */
static void
restore(struct history *history)
{
    const struct some_snapshot before = history->snapshots[0];
    struct some_snapshot *now = &history->snapshots[0];
    *now = history->snapshots[below(history, history->snapshot_count)];
    now->time_ms = before.time_ms > now->time_ms ? before.time_ms : now->time_ms; /* later */
    if (now->intervals[now->count - 1].last >= history->op_count) {
        now->intervals[now->count - 1].last = UINT64_MAX;
    } else if (now->count < INTERVALS_MAX) {
        now->intervals[now->count++] =
            (struct fi_snapshot_interval){history->op_count + 1, UINT64_MAX};
    } else {
        *now = before;
        return;
    }
    if (history->snapshot_count < SNAPSHOTS_MAX) {
        history->snapshots[history->snapshot_count++] = before;
    }
}

/* Time goes on for now, some views go, and sometimes one is restored. */
static void
age(struct history *history)
{
    history->snapshots[0].time_ms += below(history, 6);
    if (history->snapshot_count > 1 && below(history, 3) == 0) {
        history->snapshot_count--;
    }
    if (below(history, 4) == 0) {
        restore(history);
    }
}

/* Of each key what now reads, and no more: a value, or one that has not expired and what was merged upon it. */
static void
check_least(const struct history *history)
{
    const struct fake_run *run = history->runs[0];
    for (size_t i = 0; i < run->count; i++) {
        const struct fi_entry *entry = fake_run_entry(run, i);
        const struct fi_entry *next = i + 1 < run->count ? fake_run_entry(run, i + 1) : NULL;
        bool is_last = next == NULL || !fi_slice_equal(next->key, entry->key);
        if (entry->kind == FI_ENTRY_MERGE) {
            assert_false(is_last);
            assert_true(next->kind == FI_ENTRY_EXPIRING || next->kind == FI_ENTRY_MERGE ||
                        next->kind == FI_ENTRY_PUT);
            /* A put is below an operand only where that is of another operation than what it was made of. */
            assert_true(next->kind != FI_ENTRY_MERGE ||
                        next->value.data[0] != entry->value.data[0]);
        } else {
            assert_true(is_last);
            assert_int_not_equal(entry->kind, FI_ENTRY_DELETE);
            assert_true(entry->kind != FI_ENTRY_EXPIRING ||
                        fi_entry_expires_ms(entry->value) > history->snapshots[0].time_ms);
        }
    }
}

/* Runs of history that no view looks into. */
static void
remove_history(struct history *history)
{
    unsigned needed = 0;
    for (size_t i = 0; i < history->snapshot_count; i++) {
        const struct some_snapshot *snapshot = &history->snapshots[i];
        needed |=
            runs_of(history, &(struct fi_snapshot){snapshot->intervals, snapshot->count, 0, NULL});
    }
    remove_runs(history, ~needed & ((1U << history->run_count) - 1));
}

static void
change_runs(struct history *history)
{
    uint64_t choice = below(history, 10);
    if (history->run_count == 0) {
        return;
    }
    if (choice < 7) {
        unsigned set = 1 + (unsigned)below(history, (1U << history->run_count) - 1);
        compact(history, set, history->run_count + 1 < RUNS_MAX && below(history, 5) > 0);
    } else if (choice < 9) {
        merge_history(history);
    } else {
        remove_history(history);
    }
}

static uint64_t
rounds(void)
{
    return getenv("FIRN_TEST_LONG") != NULL ? 20 : 1;
}

static void
compactions_change_no_reading(void **state)
{
    struct test_random random;
    test_random_init(&random, "values", 71);
    for (uint64_t n = 0; n < 1500 * rounds(); n++) {
        static struct history history;
        history_init(&history, &random);
        check_all(&history);
        for (uint64_t steps = 4 + below(&history, 10); steps > 0; steps--) {
            age(&history);
            change_runs(&history);
            check_all(&history);
        }
        history.snapshot_count = 1;
        compact(&history, (1U << history.run_count) - 1, false);
        assert_int_equal(history.run_count, 1);
        for (unsigned i = 0; i < 6;
             i++) { /* what is made of one operator may be folded with the next */
            history.snapshot_count = 1;
            compact(&history, 1, false);
            check_all(&history);
        }
        if (history.snapshots[0].count ==
            1) { /* else operands on both sides of a restore stay apart */
            check_least(&history);
        }
        history_deinit(&history);
    }
}

static void
memory_that_runs_out_changes_nothing(void **state)
{
    static struct history history;
    struct test_random random;
    test_random_init(&random, "values without memory", 72);
    test_alloc_install();
    for (unsigned round = 0; round < 3; round++) {
        history_init(&history, &random);
        unsigned all = (1U << history.run_count) - 1;
        bool is_done = false;
        for (uint64_t n = 1; !is_done; n++) {
            struct output output = {
                .history = &history, .run = fake_run_create(), .past = fake_run_create()};
            struct fi_manifest_run info;
            history.fail_at = n;
            go_on_failing(&history);
            int rc = compact_into(&history, all, &output);
            if (rc == FIRN_OK) {
                rc = fi_version_history_groups_list(&output.groups, &info, NULL);
            }
            pause_failing(&history);
            assert_true(rc == FIRN_OK || rc == FIRN_NO_MEMORY);
            fi_version_history_groups_deinit(&output.groups);
            fake_run_destroy(output.run);
            fake_run_destroy(output.past);
            is_done = rc == FIRN_OK;
            check_all(&history);
        }
        history_deinit(&history);
    }
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(compactions_change_no_reading),
        cmocka_unit_test(memory_that_runs_out_changes_nothing),
    };
    return cmocka_run_group_tests_name("values", tests, NULL, NULL);
}
