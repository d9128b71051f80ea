/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/compaction: the rule's question against its definition; thousands of views, millions of versions of a key and many
 * range deletes stay cheap; errors, and memory that runs out.
 */
#include <time.h>

#include "base/bytes.h"
#include "base/slice.h"
#include "merge/merge.h"
#include "support/lsm/fake_run.h"
#include "support/lsm/flat_views.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_random.h"

static double
seconds(void)
{
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now), 0);
    return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

/* ---- the rule alone ---- */

enum { SNAPSHOTS_MAX = 40, INTERVALS_MAX = 5, SEQUENCES = 60 };

struct some_snapshots {
    struct fi_snapshot_interval intervals[SNAPSHOTS_MAX][INTERVALS_MAX];
    struct fi_snapshot snapshots[SNAPSHOTS_MAX];
    size_t count;
};

/* Some begin as the one before: families, and equal ones. */
static void
make_snapshots(struct test_random *random, struct some_snapshots *out)
{
    out->count = test_random_below(random, SNAPSHOTS_MAX + 1);
    for (size_t i = 0; i < out->count; i++) {
        struct fi_snapshot_interval *intervals = out->intervals[i];
        size_t count = 0;
        uint64_t at = 1;
        if (i > 0 && test_random_below(random, 2) == 0 && out->snapshots[i - 1].count > 0) {
            count = out->snapshots[i - 1].count;
            memcpy(intervals, out->intervals[i - 1], sizeof out->intervals[0]);
            at = intervals[--count].first; /* another end, or the same */
            intervals[count++].last = at + test_random_below(random, 9);
        }
        while (count < INTERVALS_MAX && test_random_below(random, 3) > 0) {
            at = count > 0 ? intervals[count - 1].last + 2 : 1;
            at += test_random_below(random, 10);
            intervals[count++] = (struct fi_snapshot_interval){
                at, test_random_below(random, 8) == 0 ? UINT64_MAX
                                                      : at + test_random_below(random, 15)};
            if (intervals[count - 1].last == UINT64_MAX) {
                break;
            }
        }
        if (count > 0 && intervals[count - 1].last >= UINT64_MAX - 20) {
            intervals[count - 1].last = UINT64_MAX;
        }
        out->snapshots[i] = (struct fi_snapshot){intervals, count, 0, NULL};
    }
}

static bool
is_needed(const struct some_snapshots *snapshots, const uint64_t *newer, size_t count,
          uint64_t sequence)
{
    for (size_t i = 0; i < snapshots->count; i++) {
        bool sees_newer = false;
        for (size_t j = 0; j < count; j++) {
            sees_newer |= fi_snapshot_sees(&snapshots->snapshots[i], newer[j]);
        }
        if (!sees_newer && fi_snapshot_sees(&snapshots->snapshots[i], sequence)) {
            return true;
        }
    }
    return false;
}

static void
a_version_is_needed_as_the_definition_says(void **state)
{
    struct test_random random;
    test_random_init(&random, "rule", 51);
    static struct some_snapshots snapshots;
    for (unsigned round = 0; round < 2000; round++) {
        make_snapshots(&random, &snapshots);
        struct fi_merge_snapshot_map map;
        struct fi_merge_rule *rule;
        assert_int_equal(flat_snapshots_map(snapshots.snapshots, snapshots.count, NULL, NULL, &map),
                         FIRN_OK);
        assert_int_equal(fi_merge_rule_create(&map, &rule, NULL), FIRN_OK);
        for (unsigned key = 0; key < 4; key++) {
            uint64_t newer[SEQUENCES];
            size_t count = 0;
            fi_merge_rule_begin_key(rule);
            for (uint64_t at = SEQUENCES; at > 0; at--) {
                if (test_random_below(&random, 1 + key * 4) == 0) {
                    assert_int_equal(fi_merge_rule_needs(rule, at),
                                     is_needed(&snapshots, newer, count, at));
                    newer[count++] = at;
                }
            }
        }
        for (uint64_t at = 1; at <= SEQUENCES; at++) { /* who is seen alike is in one segment */
            bool is_alike = fi_merge_rule_segment(rule, at) == fi_merge_rule_segment(rule, at - 1);
            for (size_t i = 0; i < snapshots.count && is_alike; i++) {
                assert_int_equal(fi_snapshot_sees(&snapshots.snapshots[i], at),
                                 fi_snapshot_sees(&snapshots.snapshots[i], at - 1));
            }
        }
        fi_merge_rule_destroy(rule);
        fi_merge_snapshot_map_deinit(&map);
    }
}

/* A rule over many views; the time to make it and to ask it, in a line. */
static void
ask_rule(const char *name, const struct fi_snapshot_list *snapshots, uint64_t newest,
         double create_max, double ask_max)
{
    enum { KEYS = 2000, VERSIONS = 5 };
    struct test_random random = {.state = 7};
    struct fi_merge_rule *rule;
    unsigned needed = 0;
    struct fi_merge_snapshot_map map;
    double begin = seconds();
    assert_int_equal(fi_merge_snapshot_map_init(&map, snapshots, NULL), FIRN_OK);
    assert_int_equal(fi_merge_rule_create(&map, &rule, NULL), FIRN_OK);
    double created = seconds() - begin;
    begin = seconds();
    for (unsigned key = 0; key < KEYS; key++) {
        uint64_t at = newest;
        fi_merge_rule_begin_key(rule);
        for (unsigned version = 0; version < VERSIONS; version++) {
            at -= test_random_below(&random, newest / VERSIONS);
            needed += fi_merge_rule_needs(rule, at);
        }
    }
    double asked = (seconds() - begin) / (KEYS * VERSIONS);
    (void)printf("%s: %.1f ms to make, %.0f ns a version, %zu segments\n", name, created * 1e3,
                 asked * 1e9, fi_merge_rule_segment_count(rule));
    assert_true(needed > KEYS); /* five versions, views everywhere */
    assert_true(created < create_max);
    assert_true(asked < ask_max);
    fi_merge_rule_destroy(rule);
    fi_merge_snapshot_map_deinit(&map);
}

static void
thousands_of_checkpoints_cost_what_one_does(void **state)
{
    enum { CHECKPOINTS = 20000 };
    const struct fi_snapshot_branch line = {1, 0, FI_SNAPSHOT_ROOT};
    struct fi_snapshot_place *places = malloc(CHECKPOINTS * sizeof *places);
    assert_non_null(places);
    for (size_t i = 0; i < CHECKPOINTS; i++) {
        size_t at = i * 7919 % CHECKPOINTS; /* in no order */
        places[i] =
            (struct fi_snapshot_place){at + 1 == CHECKPOINTS ? UINT64_MAX : 10 * (at + 1), 0, 0};
    }
    const struct fi_snapshot_list list = {&line, 1, places, CHECKPOINTS, 0, NULL};
    ask_rule("20,000 checkpoints", &list, (uint64_t)10 * CHECKPOINTS, 0.5, 5e-6);
    free(places);
}

/* Each of something that the one before has made: so many intervals, and as many views. */
static void
ten_thousand_restores_cost_what_one_does(void **state)
{
    enum { RESTORES = 10000 };
    struct fi_snapshot_branch *lines = malloc(RESTORES * sizeof *lines);
    struct fi_snapshot_place *places = malloc(RESTORES * sizeof *places);
    assert_non_null(lines);
    assert_non_null(places);
    for (uint32_t i = 0; i < RESTORES; i++) { /* each sees a bit of what every earlier one wrote */
        lines[i] = (struct fi_snapshot_branch){100 * i + 1, i == 0 ? 0 : 100 * i - 50,
                                               i == 0 ? FI_SNAPSHOT_ROOT : i - 1};
        places[i] = (struct fi_snapshot_place){100 * i + 80, 0, i};
    }
    const struct fi_snapshot_list list = {lines, RESTORES, places, RESTORES, 0, NULL};
    ask_rule("10,000 restores", &list, (uint64_t)100 * RESTORES - 50, 0.5, 5e-6);
    free(lines);
    free(places);
}

/* ---- streaming ---- */

/* A source that makes up the versions of one key: puts and deletes in turns, newest first. */
struct long_source {
    struct fi_merge_source source;
    struct fi_entry entry;
    uint64_t moves;
    uint64_t fails_at;
};

static int
long_settle(struct long_source *source, firn_error *err)
{
    source->moves++;
    if (source->moves == source->fails_at) {
        source->source.entry = NULL;
        return fi_error_set(err, FIRN_CORRUPT, "a source failed as it was told to");
    }
    source->entry.kind = source->entry.sequence % 2 == 0 ? FI_ENTRY_PUT : FI_ENTRY_DELETE;
    source->source.entry = source->entry.sequence > 0 ? &source->entry : NULL;
    return FIRN_OK;
}

enum { LONG = 1000000 };

static int
long_first(struct fi_merge_source *source, firn_error *err)
{
    struct long_source *all = (struct long_source *)source;
    all->entry = (struct fi_entry){.key = firn_str("key"), .sequence = LONG};
    return long_settle(all, err);
}

static int
long_next(struct fi_merge_source *source, firn_error *err)
{
    struct long_source *all = (struct long_source *)source;
    all->entry.sequence--;
    return long_settle(all, err);
}

static void
long_destroy(struct fi_merge_source *source)
{
    (void)source;
}

static const struct fi_merge_source_ops long_ops = {
    .first = long_first, .next = long_next, .destroy = long_destroy};

static int
count_range(void *ctx, const struct fi_range *range, struct fi_compaction_place place,
            firn_error *err)
{
    (void)place;
    (void)range;
    (void)err;
    *(uint64_t *)ctx += 1;
    return FIRN_OK;
}

/* Runs a stream to its end; counts entries and ranges. cut_every: of entries that may. */
static int
drain(struct fi_merge_stream *stream, uint64_t cut_every, uint64_t *out_entries,
      uint64_t *out_ranges)
{
    const struct fi_entry *entry;
    FI_TRY_RETURN(fi_merge_stream_next(stream, &entry, NULL));
    while (entry != NULL) {
        if (cut_every > 0 && *out_entries % cut_every == 0 && fi_merge_stream_may_cut(stream)) {
            FI_TRY_RETURN(fi_merge_stream_cut(stream, count_range, out_ranges, NULL));
        }
        *out_entries += 1;
        FI_TRY_RETURN(fi_merge_stream_next(stream, &entry, NULL));
    }
    return fi_merge_stream_cut(stream, count_range, out_ranges, NULL);
}

static void
a_key_with_a_million_versions_streams(void **state)
{
    test_alloc_install();
    struct fi_snapshot_interval intervals[3] = {{1, 5}, {1, 7}, {1, UINT64_MAX}};
    struct fi_snapshot snapshots[3] = {
        {&intervals[0], 1, 0, NULL}, {&intervals[1], 1, 0, NULL}, {&intervals[2], 1, 0, NULL}};
    struct fi_merge_rule *rule;
    struct fi_merge *merge;
    struct fi_merge_stream *stream;
    for (uint64_t fails_at = 0; fails_at <= LONG; fails_at += LONG / 2) {
        struct long_source source = {.source = {.ops = &long_ops, .name = "a source"},
                                     .fails_at = fails_at};
        test_alloc_fail_at(0, false);
        struct fi_merge_snapshot_map map;
        assert_int_equal(flat_snapshots_map(snapshots, 3, NULL, NULL, &map), FIRN_OK);
        assert_int_equal(fi_merge_rule_create(&map, &rule, NULL), FIRN_OK);
        assert_int_equal(fi_merge_create(&merge, NULL), FIRN_OK);
        assert_int_equal(fi_merge_add(merge, &source.source, NULL), FIRN_OK);
        struct fi_merge_stream_options options = {.merge = merge, .rule = rule};
        assert_int_equal(fi_merge_stream_create(&options, &stream, NULL), FIRN_OK);
        uint64_t entries = 0;
        uint64_t ranges = 0;
        int rc = drain(stream, 0, &entries, &ranges);
        if (fails_at == 0) {
            /* The newest put; the deletes 7 and 5 hide only what is not kept. */
            assert_int_equal(rc, FIRN_OK);
            assert_int_equal(entries, 1);
            assert_int_equal(fi_merge_stream_dropped(stream), LONG - 1);
        } else {
            assert_int_equal(rc, FIRN_CORRUPT);
        }
        assert_true(test_alloc_calls() < 40);
        fi_merge_stream_destroy(stream);
        fi_merge_destroy(merge);
        fi_merge_rule_destroy(rule);
        fi_merge_snapshot_map_deinit(&map);
    }
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

/* A source that gives entries as they were forged. */
struct forged_source {
    struct fi_merge_source source;
    const struct fi_entry *entries;
    size_t count;
    size_t at;
};

static int
forged_next(struct fi_merge_source *source, firn_error *err)
{
    (void)err;
    struct forged_source *forged = (struct forged_source *)source;
    source->entry = forged->at < forged->count ? &forged->entries[forged->at++] : NULL;
    return FIRN_OK;
}

static const struct fi_merge_source_ops forged_ops = {
    .first = forged_next, .next = forged_next, .destroy = long_destroy};

/* As of a run whose blocks are sound one by one: there is room for the deletes of sound runs alone. */
static void
entries_that_are_not_in_order_are_damage(void **state)
{
    enum { MANY = 100 };
    struct fi_entry ascending[MANY];
    for (uint64_t i = 0; i < MANY; i++) {
        ascending[i] =
            (struct fi_entry){.key = firn_str("key"), .sequence = i + 1, .kind = FI_ENTRY_DELETE};
    }
    const struct fi_entry keys[] = {
        {.key = firn_str("b"), .sequence = 2, .kind = FI_ENTRY_DELETE},
        {.key = firn_str("a"), .sequence = 1, .kind = FI_ENTRY_DELETE},
    };
    struct forged_source sources[] = {
        {.source = {.ops = &forged_ops, .name = "forged"}, .entries = ascending, .count = MANY},
        {.source = {.ops = &forged_ops, .name = "forged"}, .entries = keys, .count = 2},
    };
    struct fi_snapshot_interval interval = {1, UINT64_MAX};
    struct fi_snapshot snapshot = {&interval, 1, 0, NULL};
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        struct fi_merge_rule *rule;
        struct fi_merge *merge;
        struct fi_merge_stream *stream;
        struct fi_merge_snapshot_map map;
        uint64_t entries = 0;
        uint64_t ranges = 0;
        assert_int_equal(flat_snapshots_map(&snapshot, 1, NULL, NULL, &map), FIRN_OK);
        assert_int_equal(fi_merge_rule_create(&map, &rule, NULL), FIRN_OK);
        assert_int_equal(fi_merge_create(&merge, NULL), FIRN_OK);
        assert_int_equal(fi_merge_add(merge, &sources[i].source, NULL), FIRN_OK);
        struct fi_merge_stream_options options = {.merge = merge, .rule = rule};
        assert_int_equal(fi_merge_stream_create(&options, &stream, NULL), FIRN_OK);
        assert_int_equal(drain(stream, 0, &entries, &ranges), FIRN_CORRUPT);
        assert_int_equal(entries, 0);
        fi_merge_stream_destroy(stream);
        fi_merge_destroy(merge);
        fi_merge_rule_destroy(rule);
        fi_merge_snapshot_map_deinit(&map);
    }
}

/* ---- range deletes ---- */

enum { KEY_SIZE = 8, RANGES = 50000 };

static firn_slice
make_key(uint64_t number, uint8_t out[KEY_SIZE])
{
    fi_store_be64(out, number);
    return firn_bytes(out, KEY_SIZE);
}

static void
add_range(struct fake_run *run, uint64_t lower, uint64_t upper, uint64_t sequence)
{
    uint8_t lower_bytes[KEY_SIZE];
    uint8_t upper_bytes[KEY_SIZE];
    struct fi_range range = {make_key(lower, lower_bytes), make_key(upper, upper_bytes), sequence};
    fake_run_add_range(run, &range);
}

enum shape { NESTED, SIDE_BY_SIDE, OVERLAPPING, IDENTICAL, SHAPES };

static void
add_shaped(struct fake_run *run, enum shape shape, uint64_t i)
{
    switch (shape) {
    case NESTED:
        add_range(run, i, 2 * RANGES + 1 - i, i + 1);
        break;
    case SIDE_BY_SIDE:
        add_range(run, i, i + 1, i + 1);
        break;
    case OVERLAPPING:
        add_range(run, i * 7919 % RANGES, i * 7919 % RANGES + 1000, i + 1);
        break;
    default:
        add_range(run, 0, RANGES, i + 1);
        break;
    }
}

/* Range deletes alone, nothing older of the first half of the keys elsewhere. Returns how many
 * are written. */
static uint64_t
compact_ranges(struct fake_run *run, const struct fi_snapshot *snapshots, size_t snapshot_count)
{
    struct fi_merge_snapshot_map map;
    uint8_t lower[KEY_SIZE];
    uint8_t upper[KEY_SIZE];
    struct fi_compaction_span older = {make_key(RANGES / 2, lower), make_key(UINT64_MAX, upper)};
    const struct fi_range_set *set = &run->ranges;
    struct fi_merge_rule *rule;
    struct fi_merge *merge;
    struct fi_merge_stream *stream;
    assert_int_equal(flat_snapshots_map(snapshots, snapshot_count, NULL, NULL, &map), FIRN_OK);
    assert_int_equal(fi_merge_rule_create(&map, &rule, NULL), FIRN_OK);
    assert_int_equal(fi_merge_create(&merge, NULL), FIRN_OK);
    struct fi_merge_stream_options options = {.merge = merge,
                                              .ranges = &set,
                                              .range_set_count = 1,
                                              .rule = rule,
                                              .older = &older,
                                              .older_count = 1};
    assert_int_equal(fi_merge_stream_create(&options, &stream, NULL), FIRN_OK);
    uint64_t entries = 0;
    uint64_t ranges = 0;
    assert_int_equal(drain(stream, 0, &entries, &ranges), FIRN_OK);
    assert_int_equal(entries, 0);
    fi_merge_stream_destroy(stream);
    fi_merge_destroy(merge);
    fi_merge_rule_destroy(rule);
    fi_merge_snapshot_map_deinit(&map);
    return ranges;
}

static void
many_range_deletes_of_any_shape_stay_cheap(void **state)
{
    static const char *const names[] = {"nested", "side by side", "overlapping", "identical"};
    struct fi_snapshot_interval intervals[3] = {
        {1, RANGES / 3}, {1, 2 * (RANGES / 3)}, {1, UINT64_MAX}};
    struct fi_snapshot snapshots[3] = {
        {&intervals[0], 1, 0, NULL}, {&intervals[1], 1, 0, NULL}, {&intervals[2], 1, 0, NULL}};
    for (enum shape shape = 0; shape < SHAPES; shape++) {
        struct fake_run *run = fake_run_create();
        for (uint64_t i = 0; i < RANGES; i++) {
            add_shaped(run, shape, i);
        }
        double begin = seconds();
        uint64_t written = compact_ranges(run, snapshots, 3);
        double took = seconds() - begin;
        (void)printf("%s: %.0f ns a range, %llu of %d written\n", names[shape], took / RANGES * 1e9,
                     (unsigned long long)written, RANGES);
        assert_true(took / RANGES < 40e-6);
        if (shape == IDENTICAL) { /* one a view, in the half that is not at the bottom */
            assert_int_equal(written, 3);
        } else if (shape == SIDE_BY_SIDE) {
            assert_int_equal(written, RANGES / 2);
        }
        fake_run_destroy(run);
    }
}

/* ---- memory that runs out ---- */

static void
add_put(struct fake_run *run, uint64_t key, uint64_t sequence)
{
    uint8_t bytes[KEY_SIZE];
    struct fi_entry entry = {make_key(key, bytes),
                             firn_str("value"),
                             sequence,
                             sequence % 3 == 0 ? FI_ENTRY_DELETE : FI_ENTRY_PUT,
                             NULL,
                             NULL,
                             false};
    fake_run_add(run, &entry);
}

static int
compact_all(struct fake_run *run, const struct fi_snapshot *snapshots, size_t snapshot_count)
{
    struct fi_merge_snapshot_map map = {0};
    const struct fi_run_cursor_options cursor = {.is_sequential = true};
    const struct fi_range_set *set = &run->ranges;
    struct fi_merge_rule *rule = NULL;
    struct fi_merge *merge = NULL;
    struct fi_merge_stream *stream = NULL;
    struct fi_merge_source *source;
    uint64_t entries = 0;
    uint64_t ranges = 0;
    int rc = FIRN_OK;
    FI_TRY(flat_snapshots_map(snapshots, snapshot_count, NULL, NULL, &map));
    FI_TRY(fi_merge_rule_create(&map, &rule, NULL));
    FI_TRY(fi_merge_create(&merge, NULL));
    FI_TRY(fi_merge_source_create_run(&run->run, "a run", &cursor, &source, NULL));
    FI_TRY(fi_merge_add(merge, source, NULL));
    struct fi_merge_stream_options options = {
        .merge = merge, .ranges = &set, .range_set_count = 1, .rule = rule};
    FI_TRY(fi_merge_stream_create(&options, &stream, NULL));
    FI_TRY(drain(stream, 3, &entries, &ranges));
    assert_true(entries > 10 && ranges > 3);
out:
    fi_merge_stream_destroy(stream);
    fi_merge_destroy(merge);
    fi_merge_rule_destroy(rule);
    fi_merge_snapshot_map_deinit(&map);
    return rc;
}

static void
memory_that_runs_out_is_reported_and_leaks_nothing(void **state)
{
    test_alloc_install();
    struct fake_run *run = fake_run_create();
    for (uint64_t key = 0; key < 30; key++) {
        for (uint64_t version = 5; version > 0; version--) {
            add_put(run, key, key % 7 + version * 10);
        }
    }
    for (uint64_t i = 0; i < 20; i++) {
        add_range(run, i, i + 10, 12 + i * 2);
    }
    struct fi_snapshot_interval intervals[4] = {{1, 20}, {1, 34}, {1, 45}, {30, UINT64_MAX}};
    struct fi_snapshot snapshots[4];
    for (size_t i = 0; i < 4; i++) {
        snapshots[i] = (struct fi_snapshot){&intervals[i], 1, 0, NULL};
    }
    int64_t alive = test_alloc_alive();
    for (int for_ever = 0; for_ever <= 1; for_ever++) {
        uint64_t n = 0;
        int rc;
        do {
            test_alloc_fail_at(++n, for_ever == 1);
            rc = compact_all(run, snapshots, 4);
            assert_true(rc == FIRN_OK || rc == FIRN_NO_MEMORY);
            test_alloc_fail_at(0, false);
            assert_int_equal(test_alloc_alive(), alive);
        } while (rc != FIRN_OK);
        assert_true(n > 20);
    }
    fake_run_destroy(run);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_version_is_needed_as_the_definition_says),
        cmocka_unit_test(thousands_of_checkpoints_cost_what_one_does),
        cmocka_unit_test(ten_thousand_restores_cost_what_one_does),
        cmocka_unit_test(a_key_with_a_million_versions_streams),
        cmocka_unit_test(entries_that_are_not_in_order_are_damage),
        cmocka_unit_test(many_range_deletes_of_any_shape_stay_cheap),
        cmocka_unit_test(memory_that_runs_out_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests_name("compaction_stream", tests, NULL, NULL);
}
