/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/lines: differences of texts: right on every pair, shortest as a table of all common
 * subsequences says, bounded where there is no end in sight.
 */
#include <time.h>

#include "base/buf.h"
#include "base/slice.h"
#include "lines/lines_diff.h"
#include "lines/lines_internal.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_random.h"

enum { LINES_MAX = 64 };

/* The lines of a text, by themselves. */
static size_t
split(firn_slice text, firn_slice *out, size_t max)
{
    size_t count = 0;
    size_t from = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '\n' || i + 1 == text.size) {
            assert_true(count < max);
            out[count++] = firn_bytes(text.data + from, i + 1 - from);
            from = i + 1;
        }
    }
    return count;
}

/* The length of a longest common subsequence, from the table that every textbook has. */
static size_t
longest_common(const firn_slice *a, size_t a_count, const firn_slice *b, size_t b_count)
{
    static size_t table[LINES_MAX + 1][LINES_MAX + 1];
    for (size_t i = 0; i <= a_count; i++) {
        for (size_t j = 0; j <= b_count; j++) {
            if (i == 0 || j == 0) {
                table[i][j] = 0;
            } else if (fi_slice_equal(a[i - 1], b[j - 1])) {
                table[i][j] = table[i - 1][j - 1] + 1;
            } else {
                table[i][j] = table[i - 1][j] > table[i][j - 1] ? table[i - 1][j] : table[i][j - 1];
            }
        }
    }
    return table[a_count][b_count];
}

/* The hunks, applied to `before`, give `after`; they are apart, in order, and not empty. */
static void
assert_is_difference(const struct fi_lines_diff *diff, const firn_slice *a, size_t a_count,
                     const firn_slice *b, size_t b_count)
{
    size_t i = 0;
    size_t j = 0;
    uint64_t added = 0;
    uint64_t removed = 0;
    for (size_t h = 0; h <= diff->hunk_count; h++) {
        bool is_end = h == diff->hunk_count;
        size_t to = is_end ? a_count : diff->hunks[h].before_at;
        assert_true(to >= i && to <= a_count);
        assert_true(h == 0 || is_end || to > i);
        for (; i < to; i++, j++) {
            assert_true(j < b_count && fi_slice_equal(a[i], b[j]));
        }
        if (is_end) {
            break;
        }
        const firn_hunk *hunk = &diff->hunks[h];
        assert_int_equal(hunk->after_at, j);
        assert_true(hunk->before_count + hunk->after_count > 0);
        i += hunk->before_count;
        j += hunk->after_count;
        removed += hunk->before_count;
        added += hunk->after_count;
    }
    assert_int_equal(i, a_count);
    assert_int_equal(j, b_count);
    assert_int_equal(diff->added, added);
    assert_int_equal(diff->removed, removed);
}

/* Compares two short texts in every way that there is. */
static void
check_pair(firn_slice before, firn_slice after)
{
    firn_slice a[LINES_MAX];
    firn_slice b[LINES_MAX];
    size_t a_count = split(before, a, LINES_MAX);
    size_t b_count = split(after, b, LINES_MAX);
    size_t common = longest_common(a, a_count, b, b_count);
    static const uint64_t works[] = {FI_LINES_DIFF_WORK_DEFAULT, 0, 1, 20};
    const size_t works_count = sizeof works / sizeof works[0];
    for (size_t w = 0; w < 2 * works_count; w++) {
        struct fi_lines_diff diff;
        firn_error err;
        firn_diff_algorithm algorithm = w < works_count ? FIRN_DIFF_MYERS : FIRN_DIFF_PATIENCE;
        assert_int_equal(
            fi_lines_diff_init_by(&diff, before, after, algorithm, works[w % works_count], &err),
            FIRN_OK);
        assert_is_difference(&diff, a, a_count, b, b_count);
        assert_true(diff.is_minimal || w > 0);
        if (diff.is_minimal) {
            assert_int_equal(diff.removed, a_count - common);
            assert_int_equal(diff.added, b_count - common);
        }
        fi_lines_diff_deinit(&diff);
    }
}

static void
known_texts_differ_as_people_say(void **state)
{
    static const struct {
        const char *before;
        const char *after;
        uint64_t added;
        uint64_t removed;
        size_t hunks;
    } table[] = {
        {"", "", 0, 0, 0},
        {"a\n", "a\n", 0, 0, 0},
        {"", "a\nb\n", 2, 0, 1},
        {"a\nb\n", "", 0, 2, 1},
        {"a\nb\nc\n", "a\nx\nc\n", 1, 1, 1},
        {"a", "a\n", 1, 1, 1},
        {"a\nb", "a\nb\nc", 2, 1, 1},
        {"a\r\n", "a\n", 1, 1, 1},
        {"\n\n\n", "\n\n", 0, 1, 1},
        {"a\nb\nc\nd\n", "b\nc\nd\na\n", 1, 1, 2},
        {"a\nb\nc\na\nb\nb\na\n", "c\nb\na\nb\na\nc\n", 2, 3, 4}, /* Myers' own example */
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct fi_lines_diff diff;
        firn_error err;
        assert_int_equal(fi_lines_diff_init(&diff, firn_str(table[i].before),
                                            firn_str(table[i].after), FI_LINES_DIFF_WORK_DEFAULT,
                                            &err),
                         FIRN_OK);
        assert_true(diff.is_minimal);
        assert_int_equal(diff.added, table[i].added);
        assert_int_equal(diff.removed, table[i].removed);
        if (table[i].hunks < 4) { /* of the last one there are several shortest */
            assert_int_equal(diff.hunk_count, table[i].hunks);
        }
        fi_lines_diff_deinit(&diff);
        check_pair(firn_str(table[i].before), firn_str(table[i].after));
    }
}

/* All pairs of texts of at most five lines over two letters. */
static void
every_pair_of_short_texts_is_compared_right(void **state)
{
    char texts[63][11];
    size_t count = 0;
    for (unsigned size = 0; size <= 5; size++) {
        for (unsigned bits = 0; bits < 1U << size; bits++) {
            char *text = texts[count++];
            for (unsigned i = 0; i < size; i++) {
                *text++ = (bits >> i & 1) != 0 ? 'a' : 'b';
                *text++ = '\n';
            }
            *text = '\0';
        }
    }
    assert_int_equal(count, 63);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            check_pair(firn_str(texts[i]), firn_str(texts[j]));
        }
    }
}

static void
append_random_line(struct test_random *random, unsigned letters, struct fi_buf *out)
{
    uint8_t letter = (uint8_t)('a' + test_random_below(random, letters));
    assert_int_equal(fi_buf_append_u8(out, letter), FIRN_OK);
    assert_int_equal(fi_buf_append_u8(out, '\n'), FIRN_OK);
}

static void
random_texts_are_compared_right(void **state)
{
    struct test_random random;
    test_random_init(&random, "random_texts", 17);
    for (int round = 0; round < 8000; round++) {
        struct fi_buf before = {0};
        struct fi_buf after = {0};
        unsigned letters = 1 + (unsigned)test_random_below(&random, 12);
        size_t lines = (size_t)test_random_below(&random, 40);
        bool is_edit = test_random_below(&random, 2) == 0;
        for (size_t i = 0; i < lines; i++) {
            append_random_line(&random, letters, &before);
        }
        for (size_t i = 0; i < lines; i++) {
            uint64_t what = is_edit ? test_random_below(&random, 8) : 2;
            if (what <= 2) {
                if (what != 1) {
                    append_random_line(&random, letters, &after);
                }
                if (what != 0) {
                    continue;
                }
            }
            assert_int_equal(fi_buf_append(&after, before.data + 2 * i, 2), FIRN_OK);
        }
        if (after.size > 0 && test_random_below(&random, 4) == 0) {
            after.size--; /* the last line without its end */
        }
        check_pair(fi_buf_slice(&before), fi_buf_slice(&after));
        fi_buf_deinit(&before);
        fi_buf_deinit(&after);
    }
}

/* ---- large texts ---- */

static void
fill_random(struct test_random *random, size_t lines, uint64_t variety, struct fi_buf *out)
{
    for (size_t i = 0; i < lines; i++) {
        assert_int_equal(fi_buf_append_format(
                             out, "%llu\n", (unsigned long long)test_random_below(random, variety)),
                         FIRN_OK);
    }
}

static double
seconds(void)
{
    return (double)clock() / CLOCKS_PER_SEC;
}

/* Two long texts of the same few lines in any order: no end of differences. */
static void
hopeless_texts_take_bounded_time(void **state)
{
    struct test_random random;
    test_random_init(&random, "hopeless_texts", 7);
    struct fi_buf before = {0};
    struct fi_buf after = {0};
    struct fi_lines_diff diff;
    firn_error err;
    fill_random(&random, 200000, 1000, &before);
    fill_random(&random, 200000, 1000, &after);
    double start = seconds();
    assert_int_equal(fi_lines_diff_init(&diff, fi_buf_slice(&before), fi_buf_slice(&after),
                                        FI_LINES_DIFF_WORK_DEFAULT / 64, &err),
                     FIRN_OK);
    double took = seconds() - start;
    print_message("%.2f s for 200,000 lines without order\n", took);
    assert_false(diff.is_minimal);
    assert_int_equal(diff.added, diff.removed);
    assert_true(diff.added < 200000);
    assert_true(took < 30); /* well below a second; the full search would take many minutes */
    fi_lines_diff_deinit(&diff);
    fi_buf_deinit(&before);
    fi_buf_deinit(&after);
}

/* The usual large case is exact: few changes, wherever they are; much that is new. */
static void
large_texts_with_few_changes_are_compared_exactly(void **state)
{
    struct fi_buf before = {0};
    struct fi_buf after = {0};
    struct fi_lines_diff diff;
    firn_error err;
    for (unsigned i = 0; i < 300000; i++) {
        assert_int_equal(fi_buf_append_format(&before, "line %u\n", i % 5000), FIRN_OK);
        if (i % 1000 != 500) {
            assert_int_equal(fi_buf_append_format(&after, "line %u\n", i % 5000), FIRN_OK);
        }
        if (i % 3000 == 7) {
            for (unsigned k = 0; k < 50; k++) {
                assert_int_equal(fi_buf_append_format(&after, "new %u %u\n", i, k), FIRN_OK);
            }
        }
    }
    assert_int_equal(fi_lines_diff_init(&diff, fi_buf_slice(&before), fi_buf_slice(&after),
                                        FI_LINES_DIFF_WORK_DEFAULT, &err),
                     FIRN_OK);
    assert_true(diff.is_minimal);
    assert_int_equal(diff.removed, 300);
    assert_int_equal(diff.added, 100 * 50);
    assert_int_equal(diff.hunk_count, 300 + 100);
    fi_lines_diff_deinit(&diff);
    fi_buf_deinit(&before);
    fi_buf_deinit(&after);
}

static void
texts_beyond_the_limits_are_refused(void **state)
{
    struct fi_lines_diff diff;
    firn_error err;
    size_t size = FI_LINES_DIFF_TEXT_SIZE_MAX + 1;
    uint8_t *text = malloc(size);
    assert_non_null(text);
    memset(text, 'x', size);
    firn_slice small = firn_str("a\n");
    assert_int_equal(fi_lines_diff_init(&diff, firn_bytes(text, size), small, 1, &err), FIRN_LIMIT);
    assert_int_equal(fi_lines_diff_init(&diff, small, firn_bytes(text, size), 1, &err), FIRN_LIMIT);
    assert_int_equal(fi_lines_diff_init(&diff, firn_bytes(text, size - 1), small, 1, &err),
                     FIRN_OK);
    assert_int_equal(diff.removed, 1);
    fi_lines_diff_deinit(&diff);
    memset(text, '\n', FI_LINES_DIFF_LINES_MAX + 1);
    assert_int_equal(
        fi_lines_diff_init(&diff, small, firn_bytes(text, FI_LINES_DIFF_LINES_MAX + 1), 1, &err),
        FIRN_LIMIT);
    assert_int_equal(
        fi_lines_diff_init(&diff, small, firn_bytes(text, FI_LINES_DIFF_LINES_MAX), 1, &err),
        FIRN_OK);
    assert_int_equal(diff.added, FI_LINES_DIFF_LINES_MAX);
    fi_lines_diff_deinit(&diff);
    free(text);
}

/* ---- the parts ---- */

static void
lines_get_equal_numbers_exactly_if_they_are_equal(void **state)
{
    struct test_random random;
    test_random_init(&random, "numbers", 11);
    struct fi_buf before = {0};
    struct fi_buf after = {0};
    firn_slice a[LINES_MAX];
    firn_slice b[LINES_MAX];
    struct fi_lines_intern lines;
    firn_error err;
    fill_random(&random, 50, 20, &before);
    fill_random(&random, 60, 30, &after);
    size_t a_count = split(fi_buf_slice(&before), a, LINES_MAX);
    size_t b_count = split(fi_buf_slice(&after), b, LINES_MAX);
    assert_int_equal(
        fi_lines_intern_init(&lines, fi_buf_slice(&before), fi_buf_slice(&after), &err), FIRN_OK);
    assert_int_equal(lines.before_count, a_count);
    assert_int_equal(lines.after_count, b_count);
    for (size_t i = 0; i < a_count; i++) {
        assert_true(lines.before[i] < lines.number_count);
        for (size_t j = 0; j < b_count; j++) {
            assert_int_equal(lines.before[i] == lines.after[j], fi_slice_equal(a[i], b[j]));
        }
    }
    fi_lines_intern_deinit(&lines);
    fi_buf_deinit(&before);
    fi_buf_deinit(&after);
}

static void
marks_go_where_the_places_say(void **state)
{
    const uint32_t before_numbers[] = {1, 2, 3};
    const uint32_t after_numbers[] = {1, 3};
    const uint32_t places[] = {5, 0, 7};
    bool before_marks[8] = {false};
    bool after_marks[2] = {false};
    const struct fi_lines_myers_side before = {before_numbers, 3, before_marks, places};
    const struct fi_lines_myers_side after = {after_numbers, 2, after_marks, NULL};
    bool is_minimal;
    firn_error err;
    assert_int_equal(fi_lines_myers_mark(&before, &after, 1000, &is_minimal, &err), FIRN_OK);
    assert_true(is_minimal);
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(before_marks[i], i == 0);
    }
    assert_false(after_marks[0] || after_marks[1]);
}

static void
a_nul_near_the_start_makes_a_binary(void **state)
{
    uint8_t bytes[9000];
    memset(bytes, 'x', sizeof bytes);
    assert_false(fi_lines_diff_is_binary(firn_bytes(bytes, 0)));
    assert_false(fi_lines_diff_is_binary(firn_bytes(bytes, sizeof bytes)));
    bytes[8000] = 0;
    assert_false(fi_lines_diff_is_binary(firn_bytes(bytes, sizeof bytes)));
    bytes[7999] = 0;
    assert_true(fi_lines_diff_is_binary(firn_bytes(bytes, sizeof bytes)));
    assert_false(fi_lines_diff_is_binary(firn_bytes(bytes, 7999)));
}

static void
a_comparison_without_memory_fails_clean(void **state)
{
    struct fi_lines_diff diff;
    firn_error err;
    firn_slice before = firn_str("a\nb\nc\nd\ne\n");
    firn_slice after = firn_str("b\na\nd\nx\nc\n");
    test_alloc_install();
    test_alloc_fail_at(0, false);
    for (int i = 0; i < 2; i++) {
        firn_diff_algorithm algorithm = i == 0 ? FIRN_DIFF_MYERS : FIRN_DIFF_PATIENCE;
        test_alloc_fail_at(0, false);
        assert_int_equal(fi_lines_diff_init_by(&diff, before, after, algorithm, 1000, &err),
                         FIRN_OK);
        uint64_t calls = test_alloc_calls();
        fi_lines_diff_deinit(&diff);
        assert_true(calls > 5);
        for (uint64_t n = 1; n <= calls; n++) {
            test_alloc_fail_at(n, false);
            assert_int_equal(fi_lines_diff_init_by(&diff, before, after, algorithm, 1000, &err),
                             FIRN_NO_MEMORY);
            assert_int_equal(err.code, FIRN_NO_MEMORY);
            assert_int_equal(test_alloc_alive(), 0);
        }
    }
    test_alloc_uninstall();
}

/* By patience. */
static void
assert_patience(const char *before, const char *after, uint64_t removed, uint64_t added,
                bool is_minimal)
{
    struct fi_lines_diff diff;
    firn_error err;
    assert_int_equal(fi_lines_diff_init_by(&diff, firn_str(before), firn_str(after),
                                           FIRN_DIFF_PATIENCE, FI_LINES_DIFF_WORK_DEFAULT, &err),
                     FIRN_OK);
    assert_int_equal(diff.removed, removed);
    assert_int_equal(diff.added, added);
    assert_int_equal(diff.is_minimal, is_minimal);
    fi_lines_diff_deinit(&diff);
}

static void
patience_keeps_what_is_unique(void **state)
{
    /* The one line that stands once on each side, although three others could be kept. */
    assert_patience("u\nd\nd\nd\n", "d\nd\nd\nu\n", 3, 3, false);
    /* A line that stands twice on one side is no anchor, although it would make a longer sequence. */
    assert_patience("d\nd\nv\nu\n", "u\nd\nv\n", 3, 2, false);
    /* Of several that cross, the longest sequence. */
    assert_patience("1\n2\n3\n4\n", "4\n1\n2\n3\n", 1, 1, false);
    assert_patience("1\n2\n3\n4\n5\n", "5\n4\n1\n2\n3\n", 2, 2, false);
    /* What is unique only between anchors. */
    assert_patience("a\nx\nb\nx\nc\n", "p\na\nx\nq\nb\nx\nc\n", 0, 2, false);
    /* Nothing is unique: the shortest way. */
    assert_patience("a\na\nb\nb\n", "b\nb\na\na\n", 2, 2, true);
    assert_patience("", "a\n", 0, 1, true);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_texts_differ_as_people_say),
        cmocka_unit_test(every_pair_of_short_texts_is_compared_right),
        cmocka_unit_test(random_texts_are_compared_right),
        cmocka_unit_test(hopeless_texts_take_bounded_time),
        cmocka_unit_test(large_texts_with_few_changes_are_compared_exactly),
        cmocka_unit_test(texts_beyond_the_limits_are_refused),
        cmocka_unit_test(lines_get_equal_numbers_exactly_if_they_are_equal),
        cmocka_unit_test(marks_go_where_the_places_say),
        cmocka_unit_test(a_nul_near_the_start_makes_a_binary),
        cmocka_unit_test(a_comparison_without_memory_fails_clean),
        cmocka_unit_test(patience_keeps_what_is_unique),
    };
    return cmocka_run_group_tests_name("line_diff", tests, NULL, NULL);
}
