/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/merge: what views read of memtables, runs and levels with range deletes, against a model that looks at every
 * version: all moves mixed, all kinds of bounds; how far cursors step; errors and memory that runs out.
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
    KEY_SIZE = FI_MERGE_HEAD_SIZE + 1,
    KEYS_MAX = 120,
    OPS_MAX = 600,
    SOURCES_MAX = 5,
    INTERVALS_MAX = 4
};

/* ---- a scene: the same versions as a list and in sources ---- */

/* A version of the key `lower`, or a range delete of the keys [lower, upper). */
struct op {
    uint64_t lower;
    uint64_t upper;
    uint64_t sequence;
    enum fi_entry_kind kind;
};

struct scene {
    struct op ops[OPS_MAX];
    size_t count;
    uint64_t keys;
    struct fi_memtable *table;
    struct fake_run *runs[SOURCES_MAX];
    size_t run_count;
    const struct fi_range_set *ranges[SOURCES_MAX + 1];
    struct fi_snapshot_interval intervals[INTERVALS_MAX];
    struct fi_snapshot snapshot;
    bool has_lower;
    bool has_upper;
    uint64_t lower;
    uint64_t upper;
    uint8_t lower_bytes[KEY_SIZE];
    uint8_t upper_bytes[KEY_SIZE];
    firn_slice lower_key;
    firn_slice upper_key;
    struct fi_merge *merge;
    struct fi_merge_resolve *resolve;
};

/* In groups of three, which a merge tells apart only after the head that it keeps: one that ends
 * there, and two that go on. */
static firn_slice
make_key(uint64_t number, uint8_t out[KEY_SIZE])
{
    memset(out, 'k', KEY_SIZE);
    fi_store_be32(out + KEY_SIZE - 5, (uint32_t)(number / 3));
    out[KEY_SIZE - 1] = number % 3 == 2;
    return firn_bytes(out, number % 3 == 0 ? KEY_SIZE - 1 : KEY_SIZE);
}

static uint64_t
number_of(firn_slice key)
{
    assert_in_range(key.size, KEY_SIZE - 1, KEY_SIZE);
    uint64_t rest = key.size < KEY_SIZE ? 0 : key.data[KEY_SIZE - 1] + 1U;
    return (uint64_t)fi_load_be32(key.data + KEY_SIZE - 5) * 3 + rest;
}

/* The sequence of the put that the view reads; 0 for none. */
static uint64_t
read_model(const struct scene *scene, uint64_t key)
{
    const struct op *point = NULL;
    uint64_t range = 0;
    for (size_t i = 0; i < scene->count; i++) {
        const struct op *op = &scene->ops[i];
        if (op->lower > key || op->upper <= key ||
            !fi_snapshot_sees(&scene->snapshot, op->sequence)) {
            continue;
        }
        if (op->kind == FI_ENTRY_RANGE_DELETE) {
            range = op->sequence > range ? op->sequence : range;
        } else if (point == NULL || op->sequence > point->sequence) {
            point = op;
        }
    }
    return point != NULL && point->kind == FI_ENTRY_PUT && range <= point->sequence
               ? point->sequence
               : 0;
}

static bool
is_inside(const struct scene *scene, uint64_t key)
{
    return (!scene->has_lower || key >= scene->lower) &&
           (!scene->has_upper || key < scene->upper) && key < scene->keys;
}

/* The first key from `key` on that is read; UINT64_MAX for none. */
static uint64_t
model_from(const struct scene *scene, uint64_t key)
{
    for (; key < scene->keys; key++) {
        if (is_inside(scene, key) && read_model(scene, key) != 0) {
            return key;
        }
    }
    return UINT64_MAX;
}

static uint64_t
model_before(const struct scene *scene, uint64_t key)
{
    key = key > scene->keys ? scene->keys : key;
    while (key-- > 0) {
        if (is_inside(scene, key) && read_model(scene, key) != 0) {
            return key;
        }
    }
    return UINT64_MAX;
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

static void
put_op(struct scene *scene, size_t source, const struct op *op)
{
    uint8_t lower[KEY_SIZE];
    uint8_t upper[KEY_SIZE];
    struct fi_entry entry = {
        make_key(op->lower, lower), firn_bytes(NULL, 0), op->sequence, op->kind, NULL, NULL, false};
    if (op->kind == FI_ENTRY_PUT) {
        entry.value = firn_bytes(&op->sequence, sizeof op->sequence);
    } else if (op->kind == FI_ENTRY_RANGE_DELETE) {
        entry.value = make_key(op->upper, upper);
    }
    if (source == scene->run_count) {
        assert_int_equal(fi_memtable_add(scene->table, &entry, NULL), FIRN_OK);
    } else if (op->kind == FI_ENTRY_RANGE_DELETE) {
        struct fi_range range = {entry.key, entry.value, op->sequence};
        fake_run_add_range(scene->runs[source], &range);
    } else {
        fake_run_add(scene->runs[source], &entry);
    }
}

static void
make_ops(struct scene *scene, struct test_random *random, size_t count)
{
    uint64_t range_share = test_random_below(random, 3) * 2;
    for (size_t i = 0; i < count; i++) {
        struct op *op = &scene->ops[scene->count++];
        uint64_t dice = test_random_below(random, 20);
        op->lower = test_random_below(random, scene->keys);
        op->upper = op->lower + 1;
        op->sequence = i + 1;
        op->kind = dice < 14 ? FI_ENTRY_PUT : FI_ENTRY_DELETE;
        if (dice >= 20 - range_share) {
            op->kind = FI_ENTRY_RANGE_DELETE;
            op->upper += test_random_below(random, dice == 19 ? scene->keys - op->lower : 5);
        }
    }
}

static void
make_snapshot(struct scene *scene, struct test_random *random)
{
    uint64_t at = 1;
    scene->snapshot = (struct fi_snapshot){scene->intervals, 0, 0, NULL};
    if (test_random_below(random, 4) == 0) {
        scene->intervals[0] = (struct fi_snapshot_interval){1, UINT64_MAX};
        scene->snapshot.count = 1;
        return;
    }
    for (size_t i = test_random_below(random, INTERVALS_MAX + 1); i > 0; i--) {
        uint64_t first = at + test_random_below(random, scene->count / 3 + 2);
        at = first + test_random_below(random, scene->count + 2);
        scene->intervals[scene->snapshot.count++] = (struct fi_snapshot_interval){first, at};
        at += 2;
    }
}

static void
make_bounds(struct scene *scene, struct test_random *random)
{
    scene->has_lower = test_random_below(random, 2) == 0;
    scene->has_upper = test_random_below(random, 2) == 0;
    scene->lower = test_random_below(random, scene->keys + 2);
    scene->upper = test_random_below(random, scene->keys + 2); /* may be below lower */
    scene->lower_key = make_key(scene->lower, scene->lower_bytes);
    scene->upper_key = make_key(scene->upper, scene->upper_bytes);
}

static void
scene_init(struct scene *scene, size_t runs, uint64_t keys)
{
    *scene = (struct scene){.keys = keys, .run_count = runs};
    assert_int_equal(fi_memtable_create(&scene->table, NULL), FIRN_OK);
    for (size_t i = 0; i < runs; i++) {
        scene->runs[i] = fake_run_create();
        scene->ranges[i] = &scene->runs[i]->ranges;
    }
    scene->ranges[runs] = fi_memtable_ranges(scene->table);
}

/* Sources by age, or all mixed. */
static void
distribute(struct scene *scene, struct test_random *random)
{
    bool is_aged = test_random_below(random, 2) == 0;
    size_t sources = scene->run_count + 1;
    uint64_t count = scene->count;
    qsort(scene->ops, scene->count, sizeof *scene->ops, compare_ops);
    for (size_t i = 0; i < scene->count; i++) {
        put_op(scene,
               is_aged ? (size_t)((scene->ops[i].sequence - 1) * sources / count)
                       : test_random_below(random, sources),
               &scene->ops[i]);
    }
}

static void
scene_deinit(struct scene *scene)
{
    fi_memtable_destroy(scene->table);
    for (size_t i = 0; i < scene->run_count; i++) {
        fake_run_destroy(scene->runs[i]);
    }
}

static int
open_resolve(struct scene *scene)
{
    const struct fi_run_cursor_options cursor = {0};
    struct fi_merge_source *source;
    FI_TRY_RETURN(fi_merge_create(&scene->merge, NULL));
    for (size_t i = 0; i < scene->run_count; i++) {
        FI_TRY_RETURN(
            fi_merge_source_create_run(&scene->runs[i]->run, "a run", &cursor, &source, NULL));
        FI_TRY_RETURN(fi_merge_add(scene->merge, source, NULL));
    }
    FI_TRY_RETURN(fi_merge_source_create_memtable(scene->table, UINT64_MAX, &source, NULL));
    FI_TRY_RETURN(fi_merge_add(scene->merge, source, NULL));
    struct fi_merge_resolve_options options = {.merge = scene->merge,
                                               .ranges = scene->ranges,
                                               .range_set_count = scene->run_count + 1,
                                               .snapshot = &scene->snapshot,
                                               .lower = scene->has_lower ? &scene->lower_key : NULL,
                                               .upper =
                                                   scene->has_upper ? &scene->upper_key : NULL};
    return fi_merge_resolve_create(&options, &scene->resolve, NULL);
}

static void
close_resolve(struct scene *scene)
{
    fi_merge_resolve_destroy(scene->resolve);
    fi_merge_destroy(scene->merge);
    scene->resolve = NULL;
    scene->merge = NULL;
}

static void
assert_at(const struct scene *scene, uint64_t key)
{
    const struct fi_entry *entry = fi_merge_resolve_entry(scene->resolve);
    if (key == UINT64_MAX) {
        assert_null(entry);
        return;
    }
    assert_non_null(entry);
    assert_int_equal(number_of(entry->key), key);
    assert_int_equal(entry->kind, FI_ENTRY_PUT);
    assert_int_equal(entry->sequence, read_model(scene, key));
    assert_int_equal(entry->value.size, sizeof entry->sequence);
    assert_memory_equal(entry->value.data, &entry->sequence, sizeof entry->sequence);
}

/* ---- moves ---- */

static uint64_t
place(struct scene *scene, struct test_random *random)
{
    uint8_t bytes[KEY_SIZE];
    struct fi_merge_resolve *resolve = scene->resolve;
    uint64_t key = test_random_below(random, scene->keys + 2);
    firn_slice slice = make_key(key, bytes);
    const struct fi_entry *entry = fi_merge_resolve_entry(resolve);
    if (entry != NULL && test_random_below(random, 4) == 0) { /* from its own key */
        key = number_of(entry->key);
        slice = entry->key;
    }
    switch (test_random_below(random, 4)) {
    case 0:
        assert_int_equal(fi_merge_resolve_first(resolve, NULL), FIRN_OK);
        return model_from(scene, 0);
    case 1:
        assert_int_equal(fi_merge_resolve_last(resolve, NULL), FIRN_OK);
        return model_before(scene, scene->keys);
    case 2:
        assert_int_equal(fi_merge_resolve_seek(resolve, slice, NULL), FIRN_OK);
        return model_from(scene, key);
    default:
        assert_int_equal(fi_merge_resolve_seek_before(resolve, slice, NULL), FIRN_OK);
        return model_before(scene, key);
    }
}

static void
walk(struct scene *scene, struct test_random *random)
{
    uint64_t key = place(scene, random);
    bool is_back = test_random_below(random, 2) == 0;
    assert_at(scene, key);
    for (uint64_t steps = test_random_below(random, 30); steps > 0 && key != UINT64_MAX; steps--) {
        is_back ^= test_random_below(random, 5) == 0;
        assert_int_equal(is_back ? fi_merge_resolve_prev(scene->resolve, NULL)
                                 : fi_merge_resolve_next(scene->resolve, NULL),
                         FIRN_OK);
        key = is_back ? model_before(scene, key) : model_from(scene, key + 1);
        assert_at(scene, key);
    }
}

static void
agrees_with_a_model(void **state)
{
    struct test_random random;
    test_random_init(&random, "resolve", 41);
    static struct scene scene;
    unsigned rounds = getenv("FIRN_TEST_LONG") != NULL ? 50000 : 800;
    for (unsigned round = 0; round < rounds; round++) {
        scene_init(&scene, test_random_below(&random, SOURCES_MAX + 1),
                   1 + test_random_below(&random, round % 3 == 0 ? 6 : KEYS_MAX));
        make_ops(&scene, &random, test_random_below(&random, OPS_MAX));
        distribute(&scene, &random);
        for (unsigned snapshot = 0; snapshot < 4; snapshot++) {
            make_snapshot(&scene, &random);
            make_bounds(&scene, &random);
            assert_int_equal(open_resolve(&scene), FIRN_OK);
            assert_null(fi_merge_resolve_entry(scene.resolve));
            for (unsigned i = 0; i < 6; i++) {
                walk(&scene, &random);
            }
            close_resolve(&scene);
        }
        scene_deinit(&scene);
    }
}

/* ---- how far it steps ---- */

enum { MANY = 20000 };

static void
add_put(struct scene *scene, size_t source, uint64_t key, uint64_t sequence)
{
    put_op(scene, source, &(struct op){key, key + 1, sequence, FI_ENTRY_PUT});
}

/* Opens over all sequences up to newest. */
static void
open_up_to(struct scene *scene, uint64_t newest)
{
    scene->intervals[0] = (struct fi_snapshot_interval){1, newest};
    scene->snapshot = (struct fi_snapshot){scene->intervals, 1, 0, NULL};
    assert_int_equal(open_resolve(scene), FIRN_OK);
    scene->runs[0]->moves = 0;
}

static void
assert_walk_is_short(struct scene *scene, uint64_t expected, uint64_t moves_max)
{
    for (int is_back = 0; is_back <= 1; is_back++) {
        struct fi_merge_resolve *resolve = scene->resolve;
        uint64_t met = 0;
        scene->runs[0]->moves = 0;
        int rc =
            is_back ? fi_merge_resolve_last(resolve, NULL) : fi_merge_resolve_first(resolve, NULL);
        while (rc == FIRN_OK && fi_merge_resolve_entry(resolve) != NULL) {
            met++;
            rc = is_back ? fi_merge_resolve_prev(resolve, NULL)
                         : fi_merge_resolve_next(resolve, NULL);
        }
        assert_int_equal(rc, FIRN_OK);
        assert_int_equal(met, expected);
        assert_true(scene->runs[0]->moves <= moves_max);
    }
}

static void
versions_that_are_too_new_or_too_old_are_jumped_over(void **state)
{
    static struct scene scene;
    scene_init(&scene, 1, 3);
    add_put(&scene, 0, 0, 1);
    for (uint64_t i = MANY; i > 0; i--) {
        add_put(&scene, 0, 1, i);
    }
    add_put(&scene, 0, 2, 1);
    open_up_to(&scene, MANY / 2);
    assert_walk_is_short(&scene, 3, 100);
    close_resolve(&scene);
    open_up_to(&scene, UINT64_MAX);
    assert_walk_is_short(&scene, 3, 100);
    close_resolve(&scene);
    scene_deinit(&scene);
}

static void
fill(struct scene *scene)
{
    for (uint64_t i = 0; i < MANY; i++) {
        add_put(scene, 0, i, i % 5 + 1);
    }
}

static void
a_range_delete_over_many_keys_is_one_jump(void **state)
{
    static struct scene scene;
    scene_init(&scene, 1, MANY);
    fill(&scene);
    put_op(&scene, 1, &(struct op){10, MANY - 10, 7, FI_ENTRY_RANGE_DELETE});
    add_put(&scene, 1, MANY / 2, 8); /* written again after it */
    open_up_to(&scene, UINT64_MAX);
    assert_walk_is_short(&scene, 21, 200);
    close_resolve(&scene);
    open_up_to(&scene, 6); /* before it */
    assert_walk_is_short(&scene, MANY, 3 * MANY);
    close_resolve(&scene);
    scene_deinit(&scene);
}

static void
many_small_range_deletes_side_by_side_are_one_jump(void **state)
{
    static struct scene scene;
    scene_init(&scene, 1, MANY);
    fill(&scene);
    for (uint64_t i = 10; i < MANY - 10; i++) {
        put_op(&scene, 1, &(struct op){i, i + 1, 10 + i, FI_ENTRY_RANGE_DELETE});
    }
    open_up_to(&scene, UINT64_MAX);
    assert_walk_is_short(&scene, 20, MANY / 8);
    close_resolve(&scene);
    scene_deinit(&scene);
}

static void
small_range_deletes_apart_are_stepped_over(void **state)
{
    static struct scene scene;
    scene_init(&scene, 1, MANY);
    fill(&scene);
    for (uint64_t i = 0; i < MANY; i += 2) {
        put_op(&scene, 1, &(struct op){i, i + 1, 10 + i, FI_ENTRY_RANGE_DELETE});
    }
    open_up_to(&scene, UINT64_MAX);
    assert_walk_is_short(&scene, MANY / 2, 3 * MANY);
    close_resolve(&scene);
    scene_deinit(&scene);
}

/* ---- faults ---- */

/* All kinds of moves; the first error ends it. */
static int
move_about(struct scene *scene)
{
    uint8_t bytes[KEY_SIZE];
    struct fi_merge_resolve *resolve = scene->resolve;
    FI_TRY_RETURN(fi_merge_resolve_first(resolve, NULL));
    for (unsigned i = 0; i < 5; i++) {
        FI_TRY_RETURN(fi_merge_resolve_next(resolve, NULL));
    }
    FI_TRY_RETURN(fi_merge_resolve_prev(resolve, NULL));
    FI_TRY_RETURN(fi_merge_resolve_next(resolve, NULL));
    FI_TRY_RETURN(fi_merge_resolve_last(resolve, NULL));
    FI_TRY_RETURN(fi_merge_resolve_prev(resolve, NULL));
    FI_TRY_RETURN(fi_merge_resolve_next(resolve, NULL));
    FI_TRY_RETURN(fi_merge_resolve_seek(resolve, make_key(30, bytes), NULL));
    return fi_merge_resolve_seek_before(resolve, make_key(40, bytes), NULL);
}

static void
make_faulty_scene(struct scene *scene, struct test_random *random)
{
    scene_init(scene, 3, 60);
    for (uint64_t i = 0; i < 300; i++) {
        scene->ops[scene->count++] = (struct op){i % 20 < 15 ? i % 60 : 7, 0, i + 1, FI_ENTRY_PUT};
    }
    for (size_t i = 0; i < scene->count; i++) {
        scene->ops[i].upper = scene->ops[i].lower + 1;
    }
    scene->ops[scene->count++] = (struct op){20, 40, 100, FI_ENTRY_RANGE_DELETE};
    distribute(scene, random);
    scene->intervals[0] = (struct fi_snapshot_interval){1, 250};
    scene->snapshot = (struct fi_snapshot){scene->intervals, 1, 0, NULL};
}

static void
an_error_leaves_it_nowhere(void **state)
{
    struct test_random random;
    test_random_init(&random, "faults", 42);
    static struct scene scene;
    make_faulty_scene(&scene, &random);
    assert_int_equal(open_resolve(&scene), FIRN_OK);
    uint64_t n = 0;
    int rc;
    do {
        fake_run_fail_at = ++n;
        rc = move_about(&scene);
        if (rc != FIRN_OK) {
            assert_int_equal(rc, FIRN_CORRUPT);
            assert_null(fi_merge_resolve_entry(scene.resolve));
        }
        fake_run_fail_at = 0;
        walk(&scene, &random);
    } while (rc != FIRN_OK);
    assert_true(n > 30);
    close_resolve(&scene);
    scene_deinit(&scene);
}

static void
memory_that_runs_out_is_reported_and_leaks_nothing(void **state)
{
    struct test_random random;
    test_random_init(&random, "no memory", 43);
    test_alloc_install();
    static struct scene scene;
    make_faulty_scene(&scene, &random);
    for (int for_ever = 0; for_ever <= 1; for_ever++) {
        struct test_fault fault = {.for_ever = for_ever == 1};
        while (test_fault_next(&fault)) {
            test_fault_allocation(&fault);
            int rc = open_resolve(&scene);
            if (rc == FIRN_OK) {
                rc = move_about(&scene);
            }
            test_fault_end(&fault);
            test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
            close_resolve(&scene);
        }
        assert_true(fault.refused > 7);
    }
    scene_deinit(&scene);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_a_model),
        cmocka_unit_test(versions_that_are_too_new_or_too_old_are_jumped_over),
        cmocka_unit_test(a_range_delete_over_many_keys_is_one_jump),
        cmocka_unit_test(many_small_range_deletes_side_by_side_are_one_jump),
        cmocka_unit_test(small_range_deletes_apart_are_stepped_over),
        cmocka_unit_test(an_error_leaves_it_nowhere),
        cmocka_unit_test(memory_that_runs_out_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
