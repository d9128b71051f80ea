/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/lines: three texts merged: by example, by what must hold for any three texts, and against
 * edits whose outcome is known because they were made in places of their own.
 */
#include "base/slice.h"
#include "lines/lines_diff.h"
#include "lines/lines_merge.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_random.h"

static struct fi_lines_merge
merge(firn_slice base, firn_slice ours, firn_slice theirs)
{
    struct fi_lines_merge result;
    firn_error err;
    const struct fi_lines_merge_texts texts = {base, ours, theirs};
    if (fi_lines_merge_init(&result, &texts, FI_LINES_DIFF_WORK_DEFAULT, &err) != FIRN_OK) {
        fail_msg("%s", err.text);
    }
    return result;
}

/* expected NULL: a conflict. */
static void
assert_merged(const char *base, const char *ours, const char *theirs, const char *expected)
{
    struct fi_lines_merge result = merge(firn_str(base), firn_str(ours), firn_str(theirs));
    assert_int_equal(result.conflict_count > 0, expected == NULL);
    if (expected != NULL) {
        assert_int_equal(result.text.size, strlen(expected));
        assert_true(fi_slice_equal(fi_buf_slice(&result.text), firn_str(expected)));
    }
    fi_lines_merge_deinit(&result);
}

static void
changes_apart_are_both_taken(void **state)
{
    assert_merged("1\n2\n3\n4\n5\n", "1\nx\n3\n4\n5\n", "1\n2\n3\ny\n5\n", "1\nx\n3\ny\n5\n");
    assert_merged("1\n2\n3\n", "0\n1\n2\n3\n", "1\n2\n3\n4\n", "0\n1\n2\n3\n4\n");
    assert_merged("1\n2\n3\n", "2\n3\n", "1\n2\n", "2\n");
    assert_merged("1\n2\n3\n4\n", "1\n3\n4\n", "1\n2\n3\nb\nc\n4\n", "1\n3\nb\nc\n4\n");
    assert_merged("", "", "", "");
    assert_merged("", "new\n", "", "new\n");
    assert_merged("old\n", "old\n", "", "");
}

static void
the_same_change_on_both_sides_is_taken_once(void **state)
{
    assert_merged("1\n2\n3\n", "1\nx\n3\n", "1\nx\n3\n", "1\nx\n3\n");
    assert_merged("1\n2\n3\n4\n5\n", "1\nx\n3\n4\ny\n", "1\nx\n3\nz\n5\n", NULL);
    assert_merged("1\n2\n3\n4\n5\n6\n", "1\nx\n3\n4\n5\ny\n", "1\nx\n3\nz\n5\n6\n",
                  "1\nx\n3\nz\n5\ny\n");
}

static void
changes_that_overlap_or_touch_are_conflicts(void **state)
{
    assert_merged("1\n2\n3\n", "1\nx\n3\n", "1\ny\n3\n", NULL);
    assert_merged("1\n2\n3\n", "1\nx\n3\n", "1\n3\n", NULL);
    assert_merged("1\n2\n3\n4\n", "1\nx\n3\n4\n", "1\n2\ny\n4\n", NULL); /* touch */
    assert_merged("1\n2\n", "1\na\n2\n", "1\nb\n2\n", NULL);             /* both put in */
    assert_merged("1\n2\n", "1\na\n2\n", "1\nx\n", NULL);                /* beside a change */
    assert_merged("", "a\n", "b\n", NULL);
    assert_merged("a", "a\n", "a\nb", NULL); /* the missing end of the last line is a change */
}

static void
the_end_of_the_last_line_is_kept(void **state)
{
    assert_merged("1\n2\n3", "x\n2\n3", "1\n2\n3\n", "x\n2\n3\n");
    assert_merged("1\n2\n3", "x\n2\n3", "1\n2\n3\n4", "x\n2\n3\n4");
}

static void
a_conflict_says_where_it_is_on_each_side(void **state)
{
    struct fi_lines_merge result =
        merge(firn_str("1\n2\n3\n4\n5\n6\n"), firn_str("0\n1\nx\ny\n3\n4\n5\nq\n"),
              firn_str("1\n3\n4\n5\nr\ns\n"));
    assert_int_equal(result.conflict_count, 2);
    const firn_merge_region first = {1, 1, 2, 2, 1, 0};
    const firn_merge_region second = {5, 1, 7, 1, 4, 2};
    assert_memory_equal(&result.conflicts[0], &first, sizeof first);
    assert_memory_equal(&result.conflicts[1], &second, sizeof second);
    assert_true(fi_slice_equal(fi_buf_slice(&result.text), firn_str("0\n1\nx\ny\n3\n4\n5\nq\n")));
    fi_lines_merge_deinit(&result);
}

/* ---- any three texts ---- */

static void
random_text(struct test_random *random, struct fi_buf *out, size_t lines, uint64_t letters)
{
    fi_buf_clear(out);
    for (size_t i = 0; i < lines; i++) {
        char line[4] = {(char)('a' + test_random_below(random, letters)), '\n', 0, 0};
        if (i + 1 == lines && test_random_below(random, 4) == 0) {
            line[1] = '\0';
        }
        assert_int_equal(fi_buf_append_str(out, line), FIRN_OK);
    }
}

/* Some lines of a text taken out, put in and replaced. */
static void
random_edit(struct test_random *random, firn_slice text, struct fi_buf *out, uint64_t letters)
{
    fi_buf_clear(out);
    uint64_t often = 2 + test_random_below(random, 12);
    for (size_t i = 0, from = 0; i < text.size; i++) {
        if (text.data[i] != '\n' && i + 1 < text.size) {
            continue;
        }
        uint64_t what = test_random_below(random, often * 2);
        if (what < 2) {
            char line[3] = {(char)('a' + test_random_below(random, letters)), '\n', 0};
            assert_int_equal(fi_buf_append_str(out, line), FIRN_OK);
        }
        if (what != 1 && what != 2) {
            assert_int_equal(fi_buf_append(out, text.data + from, i + 1 - from), FIRN_OK);
        }
        from = i + 1;
    }
}

static void
assert_is(const struct fi_lines_merge *result, firn_slice expected)
{
    assert_int_equal(result->conflict_count, 0);
    assert_true(fi_slice_equal(fi_buf_slice(&result->text), expected));
}

static void
what_must_hold_for_any_three_texts_holds(void **state)
{
    struct test_random random;
    struct fi_buf texts[3] = {{0}, {0}, {0}};
    uint64_t clean = 0;
    uint64_t rounds = getenv("FIRN_TEST_LONG") != NULL ? 300000 : 10000;
    test_random_init(&random, "line_merge", 5);
    for (uint64_t i = 0; i < rounds; i++) {
        uint64_t letters = 2 + test_random_below(&random, 24);
        random_text(&random, &texts[0], test_random_below(&random, 40), letters);
        firn_slice base = fi_buf_slice(&texts[0]);
        random_edit(&random, base, &texts[1], letters);
        random_edit(&random, base, &texts[2], letters);
        firn_slice ours = fi_buf_slice(&texts[1]);
        firn_slice theirs = fi_buf_slice(&texts[2]);
        struct fi_lines_merge one = merge(base, ours, base);
        struct fi_lines_merge other = merge(base, base, theirs);
        struct fi_lines_merge same = merge(base, ours, ours);
        struct fi_lines_merge both = merge(base, ours, theirs);
        struct fi_lines_merge turned = merge(base, theirs, ours);
        assert_is(&one, ours);
        assert_is(&other, theirs);
        assert_is(&same, ours);
        assert_int_equal(both.conflict_count, turned.conflict_count);
        for (size_t c = 0; c < both.conflict_count; c++) {
            assert_int_equal(both.conflicts[c].base_at, turned.conflicts[c].base_at);
            assert_int_equal(both.conflicts[c].ours_count, turned.conflicts[c].theirs_count);
        }
        if (both.conflict_count == 0) {
            clean++;
            assert_is(&turned, fi_buf_slice(&both.text));
        }
        fi_lines_merge_deinit(&one);
        fi_lines_merge_deinit(&other);
        fi_lines_merge_deinit(&same);
        fi_lines_merge_deinit(&both);
        fi_lines_merge_deinit(&turned);
    }
    assert_true(clean > rounds / 20 && clean < rounds);
    for (size_t i = 0; i < 3; i++) {
        fi_buf_deinit(&texts[i]);
    }
}

/* ---- edits in places of their own ---- */

enum { BLOCKS = 12 };

static void
put(struct fi_buf *out, const char *who, unsigned block, unsigned line)
{
    char text[48];
    snprintf(text, sizeof text, "%s %u.%u\n", who, block, line);
    assert_int_equal(fi_buf_append_str(out, text), FIRN_OK);
}

/* Each block has three lines of its own and is left alone, or edited by one side, in one of four
 * ways; a fourth line, which nobody touches, keeps blocks apart. */
static void
put_block(struct fi_buf *out, const char *who, unsigned block, unsigned way)
{
    for (unsigned line = 0; line < 3; line++) {
        bool is_edited = way > 0 && line == 1;
        if (is_edited && way == 2) {
            put(out, who, block, 10);
        }
        if (!is_edited || way > 1) {
            put(out, is_edited && way == 3 ? who : "base", block, line);
        }
        if (is_edited && way == 4) {
            put(out, who, block, 11);
            put(out, who, block, 12);
        }
    }
    put(out, "between", block, 0);
}

static void
edits_in_places_of_their_own_are_all_there(void **state)
{
    struct test_random random;
    struct fi_buf texts[4] = {{0}, {0}, {0}, {0}}; /* base, ours, theirs, expected */
    test_random_init(&random, "line_merge_blocks", 6);
    for (unsigned i = 0; i < 2000; i++) {
        unsigned conflicts = 0;
        for (size_t t = 0; t < 4; t++) {
            fi_buf_clear(&texts[t]);
        }
        for (unsigned block = 0; block < BLOCKS; block++) {
            unsigned ours = (unsigned)test_random_below(&random, 5);
            unsigned theirs = (unsigned)test_random_below(&random, 5);
            bool may_clash = i % 2 == 1 && test_random_below(&random, 10) == 0;
            if (ours > 0) {
                theirs = may_clash ? ours : 0;
            }
            conflicts += ours > 1 && theirs > 0; /* both may take the same line out */
            put_block(&texts[0], "base", block, 0);
            put_block(&texts[1], "ours", block, ours);
            put_block(&texts[2], "theirs", block, theirs);
            put_block(&texts[3], ours > 0 ? "ours" : "theirs", block, ours > 0 ? ours : theirs);
        }
        struct fi_lines_merge result =
            merge(fi_buf_slice(&texts[0]), fi_buf_slice(&texts[1]), fi_buf_slice(&texts[2]));
        assert_int_equal(result.conflict_count, conflicts);
        assert_true(fi_slice_equal(fi_buf_slice(&result.text), fi_buf_slice(&texts[3])));
        fi_lines_merge_deinit(&result);
    }
    for (size_t t = 0; t < 4; t++) {
        fi_buf_deinit(&texts[t]);
    }
}

/* ---- limits ---- */

static void
texts_that_are_too_large_are_refused(void **state)
{
    size_t size = (size_t)FI_LINES_DIFF_TEXT_SIZE_MAX + 1;
    char *large = calloc(1, size);
    assert_non_null(large);
    for (int i = 0; i < 3; i++) {
        struct fi_lines_merge result;
        firn_slice sides[3] = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
        sides[i] = firn_bytes(large, size);
        const struct fi_lines_merge_texts texts = {sides[0], sides[1], sides[2]};
        assert_int_equal(fi_lines_merge_init(&result, &texts, 1000, NULL), FIRN_LIMIT);
        fi_lines_merge_deinit(&result);
    }
    free(large);
}

static void
any_allocation_may_fail(void **state)
{
    const struct fi_lines_merge_texts texts = {firn_str("1\n2\n3\n4\n5\n"),
                                               firn_str("1\nx\n3\n4\n5\n6\n"),
                                               firn_str("0\n1\n2\n3\ny\n5\nz\n")};
    test_alloc_install();
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        struct fi_lines_merge result;
        test_fault_allocation(&fault);
        int rc = fi_lines_merge_init(&result, &texts, 1000, NULL);
        assert_true(rc == FIRN_OK || rc == FIRN_NO_MEMORY);
        test_fault_end(&fault);
        fi_lines_merge_deinit(&result);
        assert_int_equal(test_alloc_alive(), 0);
    }
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(changes_apart_are_both_taken),
        cmocka_unit_test(the_same_change_on_both_sides_is_taken_once),
        cmocka_unit_test(changes_that_overlap_or_touch_are_conflicts),
        cmocka_unit_test(the_end_of_the_last_line_is_kept),
        cmocka_unit_test(a_conflict_says_where_it_is_on_each_side),
        cmocka_unit_test(what_must_hold_for_any_three_texts_holds),
        cmocka_unit_test(edits_in_places_of_their_own_are_all_there),
        cmocka_unit_test(texts_that_are_too_large_are_refused),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("line_merge", tests, NULL, NULL);
}
