/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/row: searches in an index, with tops and without, against one that looks at every separator.
 */
#include "unit/row/row_fixture.h"

#include "base/slice.h"
#include "row/row_internal.h"
#include "support/test_random.h"

enum { COUNT_MAX = 300, KEY_MAX = 24 };

struct separator {
    char key[KEY_MAX];
    uint64_t sequence;
};

static firn_slice
key_of(const struct separator *separator)
{
    return firn_str(separator->key);
}

static int
compare(const void *a, const void *b)
{
    const struct separator *left = a;
    const struct separator *right = b;
    return fi_entry_compare(key_of(left), left->sequence, key_of(right), right->sequence);
}

/* Few digits make heads equal, many spread them; what is after "same" has equal heads in many
 * groups of an index. */
static void
draw(struct test_random *random, unsigned kind, struct separator *out)
{
    static const char *const begins[] = {"", "key-", "samesame-", "x"};
    static const uint64_t limits[] = {UINT64_MAX, 100000000, 500, 1};
    char text[64];
    (void)snprintf(text, sizeof text, "%s%0*llu", begins[kind], kind == 1 ? 8 : 1,
                   (unsigned long long)test_random_below(random, limits[kind]));
    text[KEY_MAX - 1] = '\0';
    memcpy(out->key, text, KEY_MAX);
    out->sequence =
        test_random_below(random, 4) == 0 ? 1 + test_random_below(random, 1000000) : UINT64_MAX;
}

static size_t
find_plain(const struct separator *separators, size_t count, firn_slice key, uint64_t sequence)
{
    size_t found = 0;
    while (found < count && fi_entry_compare(key_of(&separators[found]), separators[found].sequence,
                                             key, sequence) <= 0) {
        found++;
    }
    return found;
}

static void
check_find(const struct fi_row_index *with_tops, const struct separator *separators, size_t count,
           firn_slice key, uint64_t sequence)
{
    struct fi_row_index without = *with_tops;
    without.tops = NULL;
    size_t expected = find_plain(separators, count, key, sequence);
    fi_row_index_prefetch(with_tops, key);
    fi_row_index_prefetch(&without, key);
    assert_int_equal(fi_row_index_find(with_tops, key, sequence), expected);
    assert_int_equal(fi_row_index_find(&without, key, sequence), expected);
}

static size_t
draw_all(struct test_random *random, struct separator *separators)
{
    size_t count = (size_t)test_random_below(random, COUNT_MAX) + 1;
    unsigned kind = (unsigned)test_random_below(random, 4);
    for (size_t i = 0; i < count; i++) {
        draw(random, test_random_below(random, 20) == 0 ? 0 : kind, &separators[i]);
    }
    qsort(separators, count, sizeof separators[0], compare);
    size_t kept = 1;
    for (size_t i = 1; i < count; i++) {
        if (compare(&separators[kept - 1], &separators[i]) != 0) {
            separators[kept++] = separators[i];
        }
    }
    return kept;
}

static void
run(struct test_random *random)
{
    struct separator separators[COUNT_MAX];
    struct fi_row_index_builder builder = {.records = {0}};
    struct fi_buf raw = {0};
    firn_error err;
    size_t count = draw_all(random, separators);
    for (size_t i = 0; i < count; i++) {
        struct fi_row_index_block block = {
            .ref = {128 + 1000 * i, 900, 4000}, .sequence_min = 1, .sequence_max = 5};
        struct fi_row_index_separator one = {key_of(&separators[i]), separators[i].sequence};
        assert_int_equal(fi_row_index_builder_add(&builder, &block, &one, &err), FIRN_OK);
    }
    assert_int_equal(fi_row_index_builder_encode(&builder, 50, &raw), FIRN_OK);
    assert_int_equal(fi_row_index_check(fi_buf_slice(&raw), &err), FIRN_OK);
    struct fi_row_index index;
    uint8_t tops[(COUNT_MAX / FI_ROW_INDEX_STEP + 1) * FI_ROW_FORMAT_HEAD_SIZE];
    fi_row_index_init(&index, fi_buf_slice(&raw));
    assert_true(fi_row_index_top_count(count) * FI_ROW_FORMAT_HEAD_SIZE <= sizeof tops);
    fi_row_index_set_tops(&index, tops);
    for (size_t i = 0; i < count; i++) {
        uint64_t sequence = separators[i].sequence;
        check_find(&index, separators, count, key_of(&separators[i]), sequence);
        check_find(&index, separators, count, key_of(&separators[i]), sequence - 1);
        check_find(&index, separators, count, key_of(&separators[i]), 0);
        check_find(&index, separators, count, key_of(&separators[i]), UINT64_MAX);
        struct separator other;
        draw(random, (unsigned)test_random_below(random, 4), &other);
        check_find(&index, separators, count, key_of(&other), other.sequence);
    }
    check_find(&index, separators, count, firn_str(""), UINT64_MAX);
    check_find(&index, separators, count, firn_str("\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 0);
    fi_row_index_builder_deinit(&builder);
    fi_buf_deinit(&raw);
}

static void
a_search_finds_what_looking_at_all_separators_finds(void **state)
{
    struct test_random random;
    test_random_init(&random, "index", 11);
    for (int round = 0; round < 300; round++) {
        run(&random);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_search_finds_what_looking_at_all_separators_finds),
    };
    return cmocka_run_group_tests_name("row_index", tests, NULL, NULL);
}
