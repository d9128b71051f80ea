/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/merge: merges of memtables, runs and levels against one sorted array: every move, in both directions, with
 * skips, twins, errors, and memory that runs out.
 */
#include "base/bytes.h"
#include "base/slice.h"
#include "merge/merge.h"
#include "support/lsm/fake_run.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_random.h"

enum {
    HEAD_SIZE = FI_MERGE_HEAD_SIZE,
    KEY_SIZE = HEAD_SIZE + 1,
    VERSIONS_MAX = 600,
    SOURCES_MAX = 9,
    LEVEL_RUNS = 5
};

/* ---- all versions in one sorted array, and the same versions in sources ---- */

struct version {
    uint64_t key;
    uint64_t sequence;
};

struct level {
    struct fake_run *runs[LEVEL_RUNS];
    struct fi_merge_level_run bounds[LEVEL_RUNS];
    uint8_t bytes[LEVEL_RUNS + 1][KEY_SIZE];
    unsigned held;
    unsigned opens;
    bool is_failing;
};

struct scene {
    struct version versions[VERSIONS_MAX];
    size_t count;
    uint64_t keys;
    size_t sources; /* memtables, runs and levels by turns */
    struct fi_memtable *tables[SOURCES_MAX];
    struct fake_run *runs[SOURCES_MAX];
    struct level levels[SOURCES_MAX];
    struct fi_merge *merge;
};

/* Keys have equal heads in groups of four: one that is the head, and three that go on after it, of
 * which one looks like it where it is filled up with zeros. */
static firn_slice
make_key(uint64_t number, uint8_t out[KEY_SIZE])
{
    static const size_t sizes[] = {HEAD_SIZE - 1, HEAD_SIZE, HEAD_SIZE + 1, HEAD_SIZE + 1};
    memset(out, 'k', KEY_SIZE);
    fi_store_be32(out + HEAD_SIZE - 5, (uint32_t)(number / 4));
    out[HEAD_SIZE - 1] = 0;
    out[HEAD_SIZE] = number % 4 == 3;
    return firn_bytes(out, sizes[number % 4]);
}

static uint64_t
number_of(firn_slice key)
{
    assert_in_range(key.size, HEAD_SIZE - 1, HEAD_SIZE + 1);
    return (uint64_t)fi_load_be32(key.data + HEAD_SIZE - 5) * 4 + key.size - (HEAD_SIZE - 1) +
           (key.size > HEAD_SIZE && key.data[HEAD_SIZE] == 1);
}

static int
compare_versions(const void *a, const void *b)
{
    const struct version *left = a;
    const struct version *right = b;
    if (left->key != right->key) {
        return left->key < right->key ? -1 : 1;
    }
    return (left->sequence < right->sequence) - (left->sequence > right->sequence);
}

static void
put(struct scene *scene, size_t source, const struct version *version)
{
    uint8_t bytes[KEY_SIZE];
    struct fi_entry entry = {make_key(version->key, bytes),
                             firn_bytes(&version->sequence, sizeof version->sequence),
                             version->sequence,
                             FI_ENTRY_PUT,
                             NULL,
                             NULL,
                             false};
    if (source % 3 == 0) {
        assert_int_equal(fi_memtable_add(scene->tables[source], &entry, NULL), FIRN_OK);
    } else if (source % 3 == 1) {
        fake_run_add(scene->runs[source], &entry);
    } else {
        size_t run = (size_t)(version->key * LEVEL_RUNS / scene->keys);
        fake_run_add(scene->levels[source].runs[run], &entry);
    }
}

/* Versions of source s are newer than those of s + 1 if is_aged. */
static void
scene_init(struct scene *scene, struct test_random *random, size_t sources, size_t count,
           uint64_t keys, bool is_aged)
{
    *scene = (struct scene){.sources = sources, .keys = keys};
    for (size_t i = 0; i < sources; i++) {
        if (i % 3 == 0) {
            assert_int_equal(fi_memtable_create(&scene->tables[i], NULL), FIRN_OK);
        } else if (i % 3 == 1) {
            scene->runs[i] = fake_run_create();
        }
        for (size_t j = 0; i % 3 == 2 && j < LEVEL_RUNS; j++) {
            scene->levels[i].runs[j] = fake_run_create();
        }
    }
    for (size_t i = 0; i < count && sources > 0; i++) {
        scene->versions[scene->count++] = (struct version){test_random_below(random, keys), i + 1};
    }
    qsort(scene->versions, scene->count, sizeof *scene->versions, compare_versions);
    for (size_t i = 0; i < scene->count; i++) {
        size_t age = (size_t)(scene->count - scene->versions[i].sequence);
        size_t source = is_aged ? age * sources / scene->count : test_random_below(random, sources);
        put(scene, source, &scene->versions[i]);
    }
}

static void
scene_deinit(struct scene *scene)
{
    fi_merge_destroy(scene->merge);
    for (size_t i = 0; i < scene->sources; i++) {
        assert_int_equal(scene->levels[i].held, 0);
        fi_memtable_destroy(scene->tables[i]);
        if (i % 3 == 1) {
            fake_run_destroy(scene->runs[i]);
        }
        for (size_t j = 0; i % 3 == 2 && j < LEVEL_RUNS; j++) {
            fake_run_destroy(scene->levels[i].runs[j]);
        }
    }
}

static int
level_open(void *ctx, const struct fi_merge_level_run *run, struct fi_run **out, firn_error *err)
{
    struct level *level = ctx;
    if (level->is_failing) {
        return fi_error_set(err, FIRN_IO, "could not open a run");
    }
    assert_int_equal(level->held, 0);
    level->held++;
    level->opens++;
    *out = run->run;
    return FIRN_OK;
}

static void
level_release(void *ctx, const struct fi_merge_level_run *run, struct fi_run *opened)
{
    struct level *level = ctx;
    assert_ptr_equal(run->run, opened);
    assert_int_equal(((struct fake_run *)run->run)->cursors, 0);
    level->held--;
}

static int
make_level(struct scene *scene, struct level *level, struct fi_merge_source **out)
{
    firn_slice bounds[LEVEL_RUNS + 1];
    for (size_t i = 0; i <= LEVEL_RUNS; i++) {
        uint64_t number = (i * scene->keys + LEVEL_RUNS - 1) / LEVEL_RUNS;
        bounds[i] = make_key(number, level->bytes[i]);
    }
    for (size_t i = 0; i < LEVEL_RUNS; i++) {
        level->bounds[i] = (struct fi_merge_level_run){
            bounds[i], bounds[i + 1], level->runs[i]->summary.sequence_min,
            level->runs[i]->summary.sequence_max, level->runs[i]};
    }
    struct fi_merge_level_options options = {.runs = level->bounds,
                                             .count = LEVEL_RUNS,
                                             .open = level_open,
                                             .release = level_release,
                                             .ctx = level,
                                             .name = "a level"};
    return fi_merge_level_create(&options, out, NULL);
}

static int
add_source(struct scene *scene, size_t source)
{
    struct fi_merge_source *made = NULL;
    struct fi_run_cursor_options options = {0};
    int rc;
    if (source % 3 == 0) {
        rc = fi_merge_source_create_memtable(scene->tables[source], scene->count, &made, NULL);
    } else if (source % 3 == 1) {
        rc = fi_merge_source_create_run(&scene->runs[source]->run, "a run", &options, &made, NULL);
    } else {
        rc = make_level(scene, &scene->levels[source], &made);
    }
    return rc != FIRN_OK ? rc : fi_merge_add(scene->merge, made, NULL);
}

static int
make_merge(struct scene *scene)
{
    int rc = fi_merge_create(&scene->merge, NULL);
    for (size_t i = 0; i < scene->sources && rc == FIRN_OK; i++) {
        rc = add_source(scene, i);
    }
    return rc;
}

/* How many versions lie before (key, sequence). */
static size_t
below(const struct scene *scene, uint64_t key, uint64_t sequence)
{
    struct version place = {key, sequence};
    size_t count = 0;
    while (count < scene->count && compare_versions(&scene->versions[count], &place) < 0) {
        count++;
    }
    return count;
}

/* The index of the merge's version; SIZE_MAX where there is none. */
static size_t
position(const struct scene *scene)
{
    const struct fi_entry *entry = fi_merge_entry(scene->merge);
    if (entry == NULL) {
        return SIZE_MAX;
    }
    size_t at = below(scene, number_of(entry->key), entry->sequence);
    assert_true(at < scene->count);
    assert_int_equal(scene->versions[at].key, number_of(entry->key));
    assert_int_equal(scene->versions[at].sequence, entry->sequence);
    assert_int_equal(entry->value.size, sizeof entry->sequence);
    assert_memory_equal(entry->value.data, &entry->sequence, entry->value.size);
    return at;
}

static void
assert_at(const struct scene *scene, size_t at)
{
    assert_int_equal(position(scene), at < scene->count ? at : SIZE_MAX);
}

/* ---- moves ---- */

static size_t
place(struct scene *scene, struct test_random *random)
{
    uint8_t bytes[KEY_SIZE];
    struct fi_merge *merge = scene->merge;
    uint64_t key = test_random_below(random, scene->keys + 2);
    uint64_t sequence = test_random_below(random, 3) == 0
                            ? UINT64_MAX
                            : test_random_below(random, scene->count + 2);
    size_t before = below(scene, key, sequence);
    switch (test_random_below(random, 5)) {
    case 0:
        assert_int_equal(fi_merge_first(merge, NULL), FIRN_OK);
        return 0;
    case 1:
        assert_int_equal(fi_merge_last(merge, NULL), FIRN_OK);
        return scene->count - 1;
    case 2:
        assert_int_equal(fi_merge_seek_before(merge, make_key(key, bytes), sequence, NULL),
                         FIRN_OK);
        return before - 1;
    case 3:
        if (fi_merge_entry(merge) != NULL) { /* from its own key */
            size_t own = below(scene, number_of(fi_merge_entry(merge)->key), 0);
            assert_int_equal(fi_merge_seek(merge, fi_merge_entry(merge)->key, 0, NULL), FIRN_OK);
            return own;
        }
        /* fall through */
    default:
        assert_int_equal(fi_merge_seek(merge, make_key(key, bytes), sequence, NULL), FIRN_OK);
        return before;
    }
}

/* A walk of some steps that turns now and then. */
static void
walk(struct scene *scene, struct test_random *random, size_t at)
{
    bool is_back = test_random_below(random, 2) == 0;
    assert_at(scene, at);
    for (uint64_t steps = test_random_below(random, 40); steps > 0 && at < scene->count; steps--) {
        is_back ^= test_random_below(random, 6) == 0;
        at = is_back ? at - 1 : at + 1;
        assert_int_equal(is_back ? fi_merge_prev(scene->merge, NULL)
                                 : fi_merge_next(scene->merge, NULL),
                         FIRN_OK);
        assert_at(scene, at);
    }
}

static void
agrees_with_a_sorted_array(void **state)
{
    struct test_random random;
    test_random_init(&random, "merge", 31);
    static struct scene scene;
    for (unsigned round = 0; round < 120; round++) {
        scene_init(&scene, &random, round % (SOURCES_MAX + 1),
                   test_random_below(&random, VERSIONS_MAX), 1 + test_random_below(&random, 300),
                   false);
        assert_int_equal(make_merge(&scene), FIRN_OK);
        assert_null(fi_merge_entry(scene.merge));
        for (unsigned i = 0; i < 20; i++) {
            walk(&scene, &random, place(&scene, &random));
        }
        scene_deinit(&scene);
    }
}

static bool
may_be_skipped(const struct version *version, uint64_t key, uint64_t sequence, bool is_back)
{
    return version->sequence < sequence && (is_back ? version->key >= key : version->key < key);
}

/* What is left out was allowed to be; what comes then is complete after the key. Returns how many
 * were left out. */
static size_t
skip_and_walk(struct scene *scene, size_t at, uint64_t key, uint64_t sequence, bool is_back)
{
    size_t skipped = 0;
    uint8_t bytes[KEY_SIZE];
    int rc = is_back ? fi_merge_skip_back(scene->merge, make_key(key, bytes), sequence, NULL)
                     : fi_merge_skip(scene->merge, make_key(key, bytes), sequence, NULL);
    assert_int_equal(rc, FIRN_OK);
    for (unsigned steps = 0; steps < 40 && at < scene->count; steps++) {
        size_t next = position(scene);
        for (; at != next && at < scene->count; at = is_back ? at - 1 : at + 1) {
            assert_true(may_be_skipped(&scene->versions[at], key, sequence, is_back));
            skipped++;
        }
        if (next == SIZE_MAX) {
            assert_true(at >= scene->count);
            return skipped;
        }
        at = is_back ? at - 1 : at + 1;
        assert_int_equal(is_back ? fi_merge_prev(scene->merge, NULL)
                                 : fi_merge_next(scene->merge, NULL),
                         FIRN_OK);
    }
    return skipped;
}

static void
a_skip_leaves_out_only_what_it_may(void **state)
{
    struct test_random random;
    test_random_init(&random, "skip", 32);
    static struct scene scene;
    size_t skipped = 0;
    for (unsigned round = 0; round < 100; round++) {
        scene_init(&scene, &random, 1 + round % SOURCES_MAX,
                   1 + test_random_below(&random, VERSIONS_MAX - 1),
                   1 + test_random_below(&random, 300), true);
        assert_int_equal(make_merge(&scene), FIRN_OK);
        for (unsigned i = 0; i < 20; i++) {
            bool is_back = test_random_below(&random, 2) == 0;
            uint8_t bytes[KEY_SIZE];
            firn_slice from = make_key(test_random_below(&random, scene.keys), bytes);
            assert_int_equal(is_back ? fi_merge_seek_before(scene.merge, from, 0, NULL)
                                     : fi_merge_seek(scene.merge, from, UINT64_MAX, NULL),
                             FIRN_OK);
            size_t at = position(&scene);
            if (at == SIZE_MAX) {
                continue;
            }
            uint64_t key = test_random_below(&random, scene.keys + 1);
            uint64_t sequence = test_random_below(&random, 2 * scene.count);
            skipped += skip_and_walk(&scene, at, key, sequence, is_back);
        }
        scene_deinit(&scene);
    }
    assert_true(skipped > 10000);
}

/* A stretch of the whole level is skipped in one seek, and runs inside it are not opened. */
static void
a_skip_does_not_step_and_does_not_open_runs(void **state)
{
    struct test_random random;
    test_random_init(&random, "far", 33);
    static struct scene scene;
    scene_init(&scene, &random, 3, VERSIONS_MAX, 500, true);
    assert_int_equal(make_merge(&scene), FIRN_OK);
    for (int is_back = 0; is_back <= 1; is_back++) {
        assert_int_equal(is_back ? fi_merge_last(scene.merge, NULL)
                                 : fi_merge_first(scene.merge, NULL),
                         FIRN_OK);
        scene.levels[2].opens = 0;
        scene.runs[1]->moves = 0;
        size_t at = position(&scene);
        size_t skipped = skip_and_walk(&scene, at, is_back ? 10 : 490, scene.count, is_back);
        /* What the memtable (the newest third) holds is not skipped: its newest version is not
         * older. */
        assert_true(skipped > 10);
        assert_int_equal(scene.levels[2].opens, 1);
        assert_true(scene.runs[1]->moves < 20);
    }
    scene_deinit(&scene);
}

/* Keys whose first bytes are the smallest or the largest that there are, among sources that have come
 * to their end. */
static void
keys_at_the_ends_of_the_order_are_not_lost(void **state)
{
    enum { SOURCES = 5, COUNT = 20 };
    struct fake_run *runs[SOURCES];
    struct fi_merge *merge;
    assert_int_equal(fi_merge_create(&merge, NULL), FIRN_OK);
    for (size_t i = 0; i < SOURCES; i++) {
        struct fi_merge_source *source;
        struct fi_run_cursor_options options = {0};
        runs[i] = fake_run_create();
        /* Of zeros and of 0xff, 1 to 10 bytes each: source i has every fourth, the last one none. */
        for (size_t n = i; n < COUNT && i + 1 < SOURCES; n += SOURCES - 1) {
            uint8_t bytes[10];
            memset(bytes, n < COUNT / 2 ? 0 : 0xff, sizeof bytes);
            struct fi_entry entry = {firn_bytes(bytes, 1 + n % (COUNT / 2)),
                                     firn_str(""),
                                     n + 1,
                                     FI_ENTRY_PUT,
                                     NULL,
                                     NULL,
                                     false};
            fake_run_add(runs[i], &entry);
        }
        assert_int_equal(fi_merge_source_create_run(&runs[i]->run, "r", &options, &source, NULL),
                         FIRN_OK);
        assert_int_equal(fi_merge_add(merge, source, NULL), FIRN_OK);
    }
    for (int is_back = 0; is_back <= 1; is_back++) {
        size_t count = 0;
        uint8_t last[10];
        size_t last_size = 0;
        uint64_t last_sequence = 0;
        int rc = is_back ? fi_merge_last(merge, NULL) : fi_merge_first(merge, NULL);
        for (; rc == FIRN_OK && fi_merge_entry(merge) != NULL; count++) {
            const struct fi_entry *entry = fi_merge_entry(merge);
            int order = count == 0 ? -1
                                   : fi_entry_compare(firn_bytes(last, last_size), last_sequence,
                                                      entry->key, entry->sequence);
            assert_true(is_back && count > 0 ? order > 0 : order < 0);
            last_size = entry->key.size;
            last_sequence = entry->sequence;
            memcpy(last, entry->key.data, last_size);
            rc = is_back ? fi_merge_prev(merge, NULL) : fi_merge_next(merge, NULL);
        }
        assert_int_equal(rc, FIRN_OK);
        assert_int_equal(count, COUNT);
    }
    fi_merge_destroy(merge);
    for (size_t i = 0; i < SOURCES; i++) {
        fake_run_destroy(runs[i]);
    }
}

/* ---- damage and faults ---- */

static void
the_same_version_in_two_sources_is_damage(void **state)
{
    struct test_random random;
    test_random_init(&random, "twins", 34);
    static struct scene scene;
    for (unsigned round = 0; round < 60; round++) {
        size_t sources = 2 + round % 8;
        scene_init(&scene, &random, sources, 1 + test_random_below(&random, 200), 200, false);
        struct version twin = {test_random_below(&random, 300), 1000};
        size_t tables = (sources + 2) / 3;
        struct fake_run *run = fake_run_create();
        uint8_t bytes[KEY_SIZE];
        struct fi_entry entry = {make_key(twin.key, bytes),
                                 firn_str(""),
                                 twin.sequence,
                                 FI_ENTRY_DELETE,
                                 NULL,
                                 NULL,
                                 false};
        fake_run_add(run, &entry);
        assert_int_equal(
            fi_memtable_add(scene.tables[3 * test_random_below(&random, tables)], &entry, NULL),
            FIRN_OK);
        assert_int_equal(make_merge(&scene), FIRN_OK);
        struct fi_merge_source *source;
        struct fi_run_cursor_options options = {0};
        assert_int_equal(fi_merge_source_create_run(&run->run, "its twin", &options, &source, NULL),
                         FIRN_OK);
        assert_int_equal(fi_merge_add(scene.merge, source, NULL), FIRN_OK);
        for (int is_back = 0; is_back <= 1; is_back++) {
            firn_error err;
            int rc = is_back ? fi_merge_last(scene.merge, &err) : fi_merge_first(scene.merge, &err);
            while (rc == FIRN_OK) {
                assert_non_null(fi_merge_entry(scene.merge));
                assert_int_not_equal(fi_merge_entry(scene.merge)->sequence, 1000);
                rc = is_back ? fi_merge_prev(scene.merge, &err) : fi_merge_next(scene.merge, &err);
            }
            assert_int_equal(rc, FIRN_CORRUPT);
            assert_non_null(strstr(err.text, "its twin"));
            assert_non_null(strstr(err.text, "a memtable"));
            assert_non_null(strstr(err.text, "the version 1000 of the key 6b6b6b"));
            assert_null(fi_merge_entry(scene.merge));
        }
        fi_merge_destroy(scene.merge);
        scene.merge = NULL;
        fake_run_destroy(run);
        scene_deinit(&scene);
    }
}

/* All kinds of moves; the first error ends it. */
static int
move_about(struct scene *scene)
{
    uint8_t bytes[KEY_SIZE];
    uint8_t end[KEY_SIZE];
    struct fi_merge *merge = scene->merge;
    FI_TRY_RETURN(fi_merge_first(merge, NULL));
    FI_TRY_RETURN(fi_merge_next(merge, NULL));
    FI_TRY_RETURN(fi_merge_next(merge, NULL));
    FI_TRY_RETURN(fi_merge_prev(merge, NULL));
    FI_TRY_RETURN(fi_merge_next(merge, NULL));
    FI_TRY_RETURN(fi_merge_skip(merge, make_key(50, end), UINT64_MAX, NULL));
    FI_TRY_RETURN(fi_merge_last(merge, NULL));
    FI_TRY_RETURN(fi_merge_prev(merge, NULL));
    FI_TRY_RETURN(fi_merge_skip_back(merge, make_key(50, end), UINT64_MAX, NULL));
    FI_TRY_RETURN(fi_merge_seek(merge, make_key(70, bytes), 5, NULL));
    return fi_merge_seek_before(merge, make_key(70, bytes), 5, NULL);
}

static void
an_error_of_a_source_leaves_the_merge_nowhere(void **state)
{
    struct test_random random;
    test_random_init(&random, "faults", 35);
    static struct scene scene;
    scene_init(&scene, &random, 6, 200, 100, false);
    assert_int_equal(make_merge(&scene), FIRN_OK);
    uint64_t n = 0;
    int rc;
    do {
        fake_run_fail_at = ++n;
        rc = move_about(&scene);
        if (rc != FIRN_OK) {
            assert_int_equal(rc, FIRN_CORRUPT);
            assert_null(fi_merge_entry(scene.merge));
        }
        fake_run_fail_at = 0;
        walk(&scene, &random, place(&scene, &random));
    } while (rc != FIRN_OK);
    assert_true(n > 30);
    for (size_t i = 2; i < 6; i += 3) { /* the last run is held: the first must be opened */
        assert_int_equal(fi_merge_last(scene.merge, NULL), FIRN_OK);
        scene.levels[i].is_failing = true;
        assert_int_equal(fi_merge_first(scene.merge, NULL), FIRN_IO);
        assert_null(fi_merge_entry(scene.merge));
        scene.levels[i].is_failing = false;
        walk(&scene, &random, place(&scene, &random));
    }
    scene_deinit(&scene);
}

static void
memory_that_runs_out_is_reported_and_leaks_nothing(void **state)
{
    struct test_random random;
    test_random_init(&random, "no memory", 36);
    test_alloc_install();
    static struct scene scene;
    scene_init(&scene, &random, SOURCES_MAX, 300, 100, false);
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        fault.for_ever = fault.n % 2 == 0;
        test_fault_allocation(&fault);
        int rc = make_merge(&scene);
        if (rc == FIRN_OK) {
            rc = move_about(&scene);
        }
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
        fi_merge_destroy(scene.merge);
        scene.merge = NULL;
    }
    assert_true(fault.refused >= SOURCES_MAX);
    scene_deinit(&scene);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_sorted_array),
        cmocka_unit_test(a_skip_leaves_out_only_what_it_may),
        cmocka_unit_test(a_skip_does_not_step_and_does_not_open_runs),
        cmocka_unit_test(keys_at_the_ends_of_the_order_are_not_lost),
        cmocka_unit_test(the_same_version_in_two_sources_is_damage),
        cmocka_unit_test(an_error_of_a_source_leaves_the_merge_nowhere),
        cmocka_unit_test(memory_that_runs_out_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests_name("merge", tests, NULL, NULL);
}
