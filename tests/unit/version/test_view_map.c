/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/version: what a map of views says, compared with sets of sequences: of random histories with
 * restores of restores, and checkpoints deleted in the middle. Sequences are at most 63, so a set is
 * a number.
 */
#include "merge/merge.h"
#include "posix/os_default.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_random.h"
#include "version/version.h"
#include <setjmp.h> /* before cmocka.h */

enum { SEQUENCES = 63, PLACES_MAX = 40, BRANCHES_MAX = 40, ROUNDS = 20000 };

struct scene {
    struct fi_snapshot_branch branches[BRANCHES_MAX];
    struct fi_snapshot_place places[PLACES_MAX];
    struct fi_snapshot_list list;
    uint32_t now;      /* the branch */
    uint64_t sequence; /* the newest */
};

/* ---- the model ---- */

static uint64_t
up_to(uint64_t last)
{
    return last >= SEQUENCES ? ~UINT64_C(1) : ((UINT64_C(2) << last) - 1) & ~UINT64_C(1);
}

/* What a place sees: bit s of sequence s. */
static uint64_t
set_of(const struct scene *scene, const struct fi_snapshot_place *place)
{
    uint64_t set = 0;
    uint64_t last = place->last;
    uint32_t at = place->branch;
    while (at != FI_SNAPSHOT_ROOT) {
        const struct fi_snapshot_branch *branch = &scene->branches[at];
        set |= up_to(last) & ~up_to(branch->first - 1);
        last = branch->fork;
        at = branch->parent;
    }
    return set;
}

static uint64_t
window(uint64_t first, uint64_t last)
{
    return up_to(last) & ~up_to(first - 1);
}

/* ---- random histories ---- */

static void
add_place(struct scene *scene, struct test_random *random, uint32_t branch, uint64_t last)
{
    if (scene->list.place_count < PLACES_MAX) {
        scene->places[scene->list.place_count++] =
            (struct fi_snapshot_place){last, test_random_below(random, 5), branch};
    }
}

static void
restore(struct scene *scene, struct test_random *random)
{
    struct fi_snapshot_list *list = &scene->list;
    if (list->place_count == 0 || list->branch_count == BRANCHES_MAX) {
        return;
    }
    /* The newest more often than others: deep trees. */
    size_t at = test_random_below(random, 2) == 0
                    ? list->place_count - 1
                    : (size_t)test_random_below(random, list->place_count);
    const struct fi_snapshot_place target = list->places[at];
    add_place(scene, random, scene->now, scene->sequence);
    scene->sequence++;
    scene->now = (uint32_t)list->branch_count;
    scene->branches[list->branch_count++] =
        (struct fi_snapshot_branch){scene->sequence, target.last, target.branch};
}

static void
delete_place(struct scene *scene, struct test_random *random)
{
    if (scene->list.place_count > 0) {
        size_t at = (size_t)test_random_below(random, scene->list.place_count);
        scene->places[at] = scene->places[--scene->list.place_count];
    }
}

static void
make_scene(struct scene *scene, struct test_random *random)
{
    *scene = (struct scene){.branches = {{1, 0, FI_SNAPSHOT_ROOT}}, .sequence = 1};
    scene->list = (struct fi_snapshot_list){
        .branches = scene->branches, .branch_count = 1, .places = scene->places};
    unsigned deletes = (unsigned)test_random_below(random, 3);
    while (scene->sequence < SEQUENCES - 2) {
        unsigned dice = (unsigned)test_random_below(random, 10);
        if (dice < 3) {
            scene->sequence++;
        } else if (dice < 6) {
            add_place(scene, random, scene->now, scene->sequence);
            scene->sequence += test_random_below(random, 2);
        } else if (dice < 8) {
            restore(scene, random);
        } else if (deletes > 0) {
            delete_place(scene, random);
        }
        scene->sequence += test_random_below(random, 20) == 0;
    }
    add_place(scene, random, scene->now, UINT64_MAX);
    if (test_random_below(random, 4) == 0 && scene->list.branch_count < BRANCHES_MAX) {
        /* What is outside: a tree of its own. */
        uint32_t outside = (uint32_t)scene->list.branch_count;
        scene->branches[scene->list.branch_count++] =
            (struct fi_snapshot_branch){1, 0, FI_SNAPSHOT_ROOT};
        add_place(scene, random, outside, test_random_below(random, SEQUENCES));
        add_place(scene, random, outside, UINT64_MAX);
    }
}

/* ---- what is asked ---- */

static void
check_segments(const struct scene *scene, const struct fi_merge_snapshot_map *map)
{
    for (uint64_t s = 1; s <= SEQUENCES; s++) {
        size_t segment = fi_merge_snapshot_map_segment(map, s);
        uint64_t time_ms = UINT64_MAX;
        size_t seers = 0;
        size_t counted = 0;
        for (size_t i = 0; i < scene->list.place_count; i++) {
            if ((set_of(scene, &scene->places[i]) >> s & 1) != 0) {
                seers++;
                time_ms = scene->places[i].time_ms < time_ms ? scene->places[i].time_ms : time_ms;
            }
        }
        for (size_t tree = 0; tree < map->tree_count; tree++) {
            struct fi_snapshot_span span = fi_merge_snapshot_map_seen(map, segment, tree);
            counted += span.end - span.begin;
        }
        assert_int_equal(counted, seers);
        assert_true(map->times_ms[segment] == time_ms);
    }
}

static void
check_rule(const struct scene *scene, const struct fi_merge_snapshot_map *map,
           struct test_random *random)
{
    struct fi_merge_rule *rule;
    assert_int_equal(fi_merge_rule_create(map, &rule, NULL), FIRN_OK);
    for (unsigned key = 0; key < 6; key++) {
        uint64_t newer = 0;
        fi_merge_rule_begin_key(rule);
        for (uint64_t s = SEQUENCES; s > 0; s--) {
            bool is_operand = test_random_below(random, 4) == 0;
            bool is_needed = false;
            if (test_random_below(random, 1 + key * 3) != 0) {
                continue;
            }
            for (size_t i = 0; i < scene->list.place_count; i++) {
                uint64_t set = set_of(scene, &scene->places[i]);
                is_needed |= (set >> s & 1) != 0 && (set & newer) == 0;
            }
            assert_int_equal(is_operand ? fi_merge_rule_needs_operand(rule, s)
                                        : fi_merge_rule_needs(rule, s),
                             is_needed);
            newer |= is_operand ? 0 : UINT64_C(1) << s;
        }
    }
    fi_merge_rule_destroy(rule);
}

static void
random_window(struct test_random *random, uint64_t *first, uint64_t *last)
{
    *first = 1 + test_random_below(random, SEQUENCES - 1);
    *last = *first + test_random_below(random, SEQUENCES - *first);
}

static void
check_windows(const struct scene *scene, const struct fi_merge_snapshot_map *map,
              struct test_random *random)
{
    for (unsigned round = 0; round < 5; round++) {
        struct fi_manifest_group group = {0};
        uint64_t time_ms = UINT64_MAX;
        bool sees_all = false;
        bool is_read = false;
        random_window(random, &group.first, &group.last);
        if (test_random_below(random, 3) > 0) {
            random_window(random, &group.newer_first, &group.newer_last);
        }
        uint64_t all = window(group.first, group.last);
        uint64_t newer = group.newer_first == 0 ? 0 : window(group.newer_first, group.newer_last);
        for (size_t i = 0; i < scene->list.place_count; i++) {
            uint64_t set = set_of(scene, &scene->places[i]);
            sees_all |= (set & all) == all;
            is_read |= (set & all) != 0 && (newer == 0 || (set & newer) != newer);
            if ((set & all) != 0 && scene->places[i].time_ms < time_ms) {
                time_ms = scene->places[i].time_ms;
            }
        }
        struct fi_version_file file = {.info = {.groups = &group, .group_count = 1},
                                       .needed_by = round};
        assert_int_equal(fi_merge_snapshot_mark_sees_all(map, group.first, group.last), sees_all);
        assert_true(fi_merge_snapshot_mark_time_ms(map, group.first, group.last) == time_ms);
        struct fi_os_mutex mutex;
        fi_os_mutex_init(fi_os_default(), &mutex, FI_LOCK_LSM);
        fi_os_mutex_lock(&mutex);
        assert_int_equal(fi_version_history_is_needed_locked(&file, &mutex, map), is_read);
        fi_os_mutex_unlock(&mutex);
        fi_os_mutex_deinit(&mutex);
    }
}

/* Whether two lists of views have the same sets within a window, whatever lies beyond. */
static bool
are_alike(const struct scene *a, const struct scene *b, uint64_t all)
{
    for (size_t i = 0; i < a->list.place_count; i++) {
        uint64_t set = set_of(a, &a->places[i]) & all;
        bool is_found = set == 0;
        for (size_t j = 0; j < b->list.place_count && !is_found; j++) {
            is_found = (set_of(b, &b->places[j]) & all) == set;
        }
        if (!is_found) {
            return false;
        }
    }
    return true;
}

static void
check_marks(const struct scene *scene, const struct fi_merge_snapshot_map *map,
            struct test_random *random, unsigned *alike)
{
    struct scene other = *scene;
    struct fi_merge_snapshot_map other_map;
    other.list.branches = other.branches;
    other.list.places = other.places;
    for (unsigned i = 0; i < 2; i++) {
        delete_place(&other, random);
    }
    assert_int_equal(fi_merge_snapshot_map_init(&other_map, &other.list, NULL), FIRN_OK);
    for (unsigned round = 0; round < 5; round++) {
        uint64_t first;
        uint64_t last;
        uint64_t marks[2];
        random_window(random, &first, &last);
        uint64_t all = window(first, last);
        assert_int_equal(fi_merge_snapshot_mark_of(map, first, last, &marks[0], NULL), FIRN_OK);
        assert_int_equal(fi_merge_snapshot_mark_of(&other_map, first, last, &marks[1], NULL),
                         FIRN_OK);
        bool is_same = are_alike(scene, &other, all) && are_alike(&other, scene, all);
        assert_int_equal(marks[0] == marks[1], is_same);
        *alike += is_same;
    }
    fi_merge_snapshot_map_deinit(&other_map);
}

static void
a_map_says_what_the_snapshots_see(void **state)
{
    struct test_random random;
    unsigned alike = 0;
    test_random_init(&random, "view_map", 77);
    for (unsigned round = 0; round < ROUNDS; round++) {
        static struct scene scene;
        struct fi_merge_snapshot_map map;
        make_scene(&scene, &random);
        assert_int_equal(fi_merge_snapshot_map_init(&map, &scene.list, NULL), FIRN_OK);
        check_segments(&scene, &map);
        check_rule(&scene, &map, &random);
        check_windows(&scene, &map, &random);
        check_marks(&scene, &map, &random, &alike);
        fi_merge_snapshot_map_deinit(&map);
    }
    assert_true(alike > ROUNDS / 2 && alike < 5 * ROUNDS);
}

static void
a_list_without_snapshots_sees_nothing(void **state)
{
    const struct fi_snapshot_list list = {0};
    struct fi_merge_snapshot_map map;
    struct fi_merge_rule *rule;
    assert_int_equal(fi_merge_snapshot_map_init(&map, &list, NULL), FIRN_OK);
    assert_int_equal(fi_merge_rule_create(&map, &rule, NULL), FIRN_OK);
    fi_merge_rule_begin_key(rule);
    assert_false(fi_merge_rule_needs(rule, 7));
    assert_false(fi_merge_snapshot_mark_sees_all(&map, 1, 2));
    fi_merge_rule_destroy(rule);
    fi_merge_snapshot_map_deinit(&map);
}

static void
memory_that_runs_out_is_reported_and_leaks_nothing(void **state)
{
    struct test_random random;
    static struct scene scene;
    test_random_init(&random, "view_map", 78);
    make_scene(&scene, &random);
    test_alloc_install();
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        struct fi_merge_snapshot_map map;
        test_fault_allocation(&fault);
        int rc = fi_merge_snapshot_map_init(&map, &scene.list, NULL);
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
        if (rc == FIRN_OK) {
            fi_merge_snapshot_map_deinit(&map);
        }
        assert_int_equal(test_alloc_alive(), 0);
    }
    assert_true(fault.refused > 4);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_map_says_what_the_snapshots_see),
        cmocka_unit_test(a_list_without_snapshots_sees_nothing),
        cmocka_unit_test(memory_that_runs_out_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
