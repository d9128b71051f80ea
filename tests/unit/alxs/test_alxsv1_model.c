/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/alxs: random tables against a sorted array. Keys have few letters and long common
 * beginnings, many are equal, some are large; the index has so little memory that it is thinned
 * out.
 */
#include "alxs/alxs_format.h"
#include "base/mem.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "unit/alxs/alxs_fixture.h"

enum { COUNT_MAX = 2000, POOL_SIZE = 300 << 10 };

struct model {
    struct test_random random;
    uint8_t pool[POOL_SIZE]; /* values are parts of it */
    struct alxs_pair pairs[COUNT_MAX];
    size_t count;
    size_t stem_size; /* what all keys begin with */
    size_t letters;
};

/* A key on the heap. */
static firn_slice
random_key(struct model *model)
{
    size_t size = model->stem_size + test_random_below(&model->random, 14);
    uint8_t *key = malloc(size + 1);
    assert_non_null(key);
    memset(key, 'k', model->stem_size);
    for (size_t i = model->stem_size; i < size; i++) {
        key[i] = (uint8_t)test_random_below(&model->random, model->letters);
    }
    if (model->stem_size > 0 && test_random_below(&model->random, 20) == 0) {
        key[test_random_below(&model->random, model->stem_size)] = 'j';
    }
    return firn_bytes(key, size);
}

static void
release_key(firn_slice key)
{
    free((void *)(uintptr_t)key.data);
}

static int
compare_pairs(const void *a, const void *b)
{
    const struct alxs_pair *left = a;
    const struct alxs_pair *right = b;
    return fi_alxs_format_compare(left->key, right->key);
}

static void
fill(struct model *model)
{
    static const size_t stems[] = {0, 0, 5, 12, 13, 40, 5000};
    model->stem_size = stems[test_random_below(&model->random, sizeof stems / sizeof stems[0])];
    model->letters = test_random_below(&model->random, 2) == 0 ? 2 : 256;
    model->count = test_random_below(&model->random, COUNT_MAX);
    bool is_large = test_random_below(&model->random, 3) == 0;
    for (size_t i = 0; i < model->count; i++) {
        size_t limit = is_large && test_random_below(&model->random, 50) == 0 ? POOL_SIZE : 900;
        size_t size = test_random_below(&model->random, limit);
        size_t at = test_random_below(&model->random, POOL_SIZE - size);
        model->pairs[i].key = random_key(model);
        model->pairs[i].value = firn_bytes(model->pool + at, size);
    }
    qsort(model->pairs, model->count, sizeof model->pairs[0], compare_pairs);
}

/* How many keys are below `key`, or below it or equal. */
static size_t
rank(const struct model *model, firn_slice key, bool or_equal)
{
    size_t n = 0;
    while (n < model->count) {
        int order = fi_alxs_format_compare(model->pairs[n].key, key);
        if (order > 0 || (order == 0 && !or_equal)) {
            break;
        }
        n++;
    }
    return n;
}

static const struct alxs_pair *
at(const struct model *model, size_t i)
{
    return i < model->count ? &model->pairs[i] : NULL;
}

static void
expect_search(const struct model *model, struct firn_alxs *table, struct firn_alxs_cursor *cursor,
              firn_slice key)
{
    firn_error err;
    size_t below = rank(model, key, false);
    size_t up_to = rank(model, key, true);
    alxs_fixture_expect(table, key, up_to > below ? &model->pairs[up_to - 1].value : NULL);
    expect_rc(fi_alxs_cursor_seek(cursor, key, &err), FIRN_OK, &err);
    alxs_fixture_expect_at(cursor, at(model, below));
    if (below < model->count) {
        expect_rc(fi_alxs_cursor_prev(cursor, &err), FIRN_OK, &err);
        alxs_fixture_expect_at(cursor, below == 0 ? NULL : at(model, below - 1));
    }
    expect_rc(fi_alxs_cursor_seek_before(cursor, key, &err), FIRN_OK, &err);
    alxs_fixture_expect_at(cursor, below == 0 ? NULL : at(model, below - 1));
    if (below > 0) {
        expect_rc(fi_alxs_cursor_next(cursor, &err), FIRN_OK, &err);
        alxs_fixture_expect_at(cursor, at(model, below));
    }
}

static void
run(struct model *model, struct fi_os_dir *dir)
{
    firn_error err;
    struct firn_alxs *table;
    struct firn_alxs_cursor *cursor;
    firn_alxs_options options = alxs_fixture_defaults;
    fill(model);
    if (test_random_below(&model->random, 2) == 0) {
        options.index_memory_max = 0;
    }
    alxs_fixture_write(dir, "t", model->pairs, model->count);
    expect_rc(fi_alxs_open(dir, "t", &options, &table, &err), FIRN_OK, &err);
    alxs_fixture_expect_all(table, model->pairs, model->count);
    expect_rc(fi_alxs_cursor_open(table, &cursor, &err), FIRN_OK, &err);
    for (int i = 0; i < 60; i++) {
        firn_slice key = random_key(model);
        expect_search(model, table, cursor, key);
        release_key(key);
        if (model->count > 0) {
            expect_search(model, table, cursor,
                          model->pairs[test_random_below(&model->random, model->count)].key);
        }
    }
    fi_alxs_cursor_close(cursor);
    fi_alxs_close(table);
    expect_rc(fi_os_remove_file(dir, "t", &err), FIRN_OK, &err);
    for (size_t i = 0; i < model->count; i++) {
        release_key(model->pairs[i].key);
    }
}

static void
a_table_is_the_sorted_array_that_it_was_made_of(void **state)
{
    struct fi_os *os;
    struct fi_os_dir *dir = alxs_fixture_machine(&os);
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    test_random_init(&model->random, "alxsv1_model", 51);
    test_random_fill(&model->random, model->pool, sizeof model->pool);
    int rounds = getenv("FIRN_TEST_LONG") != NULL ? 3000 : 15;
    for (int i = 0; i < rounds; i++) {
        run(model, dir);
    }
    free(model);
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(os);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_table_is_the_sorted_array_that_it_was_made_of),
    };
    return cmocka_run_group_tests_name("alxsv1_model", tests, NULL, NULL);
}
