/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/codec: where content is cut: by what stands there and by nothing else.
 */
#include "codec/cdc.h"
#include "codec/xxh3.h"
#include "support/test.h"
#include "support/test_random.h"
#include "support/test_share.h"

enum { MIB = 1 << 20, CHUNKS_MAX = 8192 };

struct chunks {
    size_t ends[CHUNKS_MAX];
    bool is_major[CHUNKS_MAX];
    size_t count;
};

/* Shows at most `sight` bytes at a time, and more where that is not enough. */
static void
cut_all_by(const struct fi_cdc_table *table, firn_slice content, size_t sight, struct chunks *out)
{
    out->count = 0;
    for (size_t at = 0; at < content.size;) {
        struct fi_cdc cut = {0};
        for (size_t seen = sight; cut.size == 0; seen += sight) {
            size_t left = content.size - at;
            size_t size = seen < left ? seen : left;
            uint8_t *exact = malloc(size); /* so that a sanitizer sees a look after it */
            assert_non_null(exact);
            memcpy(exact, content.data + at, size);
            cut = fi_cdc_next(table, firn_bytes(exact, size), size == left);
            free(exact);
        }
        at += cut.size;
        assert_true(out->count < CHUNKS_MAX);
        out->is_major[out->count] = cut.is_major;
        out->ends[out->count++] = at;
    }
}

static void
cut_all(firn_slice content, size_t sight, struct chunks *out)
{
    cut_all_by(fi_cdc_table_plain(), content, sight, out);
}

static uint8_t *
make_noise(uint64_t seed, size_t size)
{
    struct test_random random = {.state = seed};
    uint8_t *bytes = malloc(size);
    assert_non_null(bytes);
    test_random_fill(&random, bytes, size);
    return bytes;
}

static void
assert_sizes(const struct fi_cdc_table *table, const uint8_t *noise)
{
    static struct chunks chunks;
    size_t majors = 0;
    cut_all_by(table, firn_bytes(noise, 32 * MIB), 1 << 20, &chunks);
    for (size_t i = 0; i < chunks.count; i++) {
        size_t size = chunks.ends[i] - (i == 0 ? 0 : chunks.ends[i - 1]);
        assert_true(size <= FI_CDC_SIZE_MAX);
        assert_true(size > FI_CDC_SIZE_MIN || i + 1 == chunks.count);
        majors += chunks.is_major[i] ? 1 : 0;
    }
    assert_int_equal(chunks.ends[chunks.count - 1], 32 * MIB);
    assert_in_range(chunks.count, 32 * MIB / 20000, 32 * MIB / 14000);
    assert_in_range(majors, chunks.count / 50, chunks.count / 20);
}

static void
chunks_have_their_sizes(void **state)
{
    uint8_t *noise = make_noise(1, 32 * MIB);
    struct fi_cdc_table table;
    struct test_random random = {.state = 7};
    assert_sizes(fi_cdc_table_plain(), noise);
    for (unsigned i = 0; i < 3; i++) {
        test_random_fill(&random, &table, sizeof table);
        assert_sizes(&table, noise);
    }
    free(noise);
}

/* As often as by chance: where one of them cuts, the other does in one of 17,000 places. */
static void
another_table_cuts_elsewhere(void **state)
{
    static struct chunks one;
    static struct chunks other;
    struct fi_cdc_table table;
    struct test_random random = {.state = 8};
    size_t same = 0;
    uint8_t *noise = make_noise(5, 8 * MIB);
    test_random_fill(&random, &table, sizeof table);
    cut_all(firn_bytes(noise, 8 * MIB), MIB, &one);
    cut_all_by(&table, firn_bytes(noise, 8 * MIB), MIB, &other);
    for (size_t i = 0, j = 0; i + 1 < one.count && j + 1 < other.count;) {
        same += one.ends[i] == other.ends[j] ? 1 : 0;
        one.ends[i] < other.ends[j] ? i++ : j++;
    }
    assert_true(same < 3);
    free(noise);
}

static void
how_much_is_seen_at_a_time_changes_nothing(void **state)
{
    static struct chunks one;
    static struct chunks other;
    uint8_t *noise = make_noise(2, 3 * MIB + 77);
    static const size_t sights[] = {1000, 4096, 30001, 65536, 200000};
    cut_all(firn_bytes(noise, 3 * MIB + 77), 4 * MIB, &one);
    for (size_t i = 0; i < sizeof sights / sizeof *sights; i++) {
        cut_all(firn_bytes(noise, 3 * MIB + 77), sights[i], &other);
        assert_int_equal(other.count, one.count);
        assert_memory_equal(other.ends, one.ends, one.count * sizeof one.ends[0]);
        assert_memory_equal(other.is_major, one.is_major, one.count * sizeof one.is_major[0]);
    }
    free(noise);
}

static void
boundaries_come_together_behind_a_change(void **state)
{
    static struct chunks before;
    static struct chunks after;
    enum { SIZE = 4 * MIB };
    const unsigned rounds = 50 / (unsigned)test_share_of(1, 0).step;
    size_t others = 0;
    struct test_random random;
    test_random_init(&random, "boundaries", 3);
    uint8_t *noise = make_noise(3, SIZE);
    uint8_t *changed = malloc(SIZE + 100);
    assert_non_null(changed);
    cut_all(firn_bytes(noise, SIZE), MIB, &before);
    for (unsigned round = 0; round < rounds; round++) {
        size_t at = (size_t)test_random_below(&random, SIZE - MIB);
        size_t more = 1 + (size_t)test_random_below(&random, 99);
        memcpy(changed, noise, at);
        test_random_fill(&random, changed + at, more);
        memcpy(changed + at + more, noise + at, SIZE - at);
        cut_all(firn_bytes(changed, SIZE + more), MIB, &after);
        size_t same_before = 0;
        while (before.ends[same_before] <= at &&
               before.ends[same_before] == after.ends[same_before]) {
            same_before++;
        }
        assert_true(same_before == before.count || before.ends[same_before] > at);
        size_t same_after = 0;
        while (same_after < before.count && same_after < after.count &&
               before.ends[before.count - 1 - same_after] + more ==
                   after.ends[after.count - 1 - same_after]) {
            same_after++;
        }
        others += before.count - same_before - same_after;
        assert_true(before.count - same_before - same_after < 40);
    }
    printf("%zu chunks are others after %u changes\n", others, rounds);
    assert_true(others < rounds);
    free(noise);
    free(changed);
}

static struct fi_cdc
cut_first(firn_slice content, bool is_all)
{
    return fi_cdc_next(fi_cdc_table_plain(), content, is_all);
}

static void
short_and_monotonous_content_is_cut_too(void **state)
{
    uint8_t *zeros = calloc(1, MIB);
    assert_non_null(zeros);
    for (size_t size = 1; size <= FI_CDC_SIZE_MIN; size += 97) {
        assert_int_equal(cut_first(firn_bytes(zeros, size), true).size, size);
        assert_int_equal(cut_first(firn_bytes(zeros, size), false).size, 0);
    }
    assert_int_equal(cut_first(firn_bytes(zeros, MIB), false).size, FI_CDC_SIZE_MAX);
    assert_int_equal(cut_first(firn_bytes(zeros, FI_CDC_SIZE_MAX), false).size, FI_CDC_SIZE_MAX);
    free(zeros);
}

/* Other boundaries would find nothing of what was stored before. */
static void
boundaries_are_what_they_always_were(void **state)
{
    static struct chunks chunks;
    uint8_t *noise = make_noise(4, 2 * MIB);
    cut_all(firn_bytes(noise, 2 * MIB), MIB, &chunks);
    uint64_t print = 0;
    for (size_t i = 0; i < chunks.count; i++) {
        uint64_t words[] = {chunks.ends[i], chunks.is_major[i]};
        print = fi_xxh3(words, sizeof words, print);
    }
    assert_int_equal(chunks.count, 112);
    assert_true(print == UINT64_C(0xbde668ecef06bdb8));
    free(noise);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(chunks_have_their_sizes),
        cmocka_unit_test(another_table_cuts_elsewhere),
        cmocka_unit_test(how_much_is_seen_at_a_time_changes_nothing),
        cmocka_unit_test(boundaries_come_together_behind_a_change),
        cmocka_unit_test(short_and_monotonous_content_is_cut_too),
        cmocka_unit_test(boundaries_are_what_they_always_were),
    };
    return cmocka_run_group_tests_name("chunk_cut", tests, NULL, NULL);
}
