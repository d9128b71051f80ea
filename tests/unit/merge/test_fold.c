/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/merge: what merge operands make of values: numbers and their ends, bytes, mistakes, and that it does not matter
 * which neighbours are folded first.
 */
#include "base/slice.h"
#include "merge/merge.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_random.h"

enum { OPERAND_MAX = 16 };

/* As an entry has it. */
struct operand {
    uint8_t bytes[OPERAND_MAX];
    size_t size;
};

static struct operand
number(firn_merge_operator operation, int64_t value)
{
    struct operand out = {.size = 9};
    out.bytes[0] = (uint8_t)operation;
    firn_number(value, out.bytes + 1);
    return out;
}

static struct operand
text(const char *value)
{
    struct operand out = {.size = 1 + strlen(value)};
    out.bytes[0] = FIRN_MERGE_APPEND;
    memcpy(out.bytes + 1, value, out.size - 1);
    return out;
}

static void
push(struct fi_merge_fold *fold, const struct operand *operand)
{
    assert_int_equal(fi_merge_fold_push(fold, firn_bytes(operand->bytes, operand->size), NULL),
                     FIRN_OK);
}

/* What one operand makes of a number. */
static int64_t
upon(firn_merge_operator operation, int64_t base, int64_t operand)
{
    struct fi_merge_fold fold = {0};
    struct fi_buf out = {0};
    uint8_t bytes[8];
    struct operand stored = number(operation, operand);
    const firn_slice slice = firn_bytes(bytes, sizeof bytes);
    firn_number(base, bytes);
    push(&fold, &stored);
    assert_int_equal(fi_merge_fold_apply(&fold, &slice, &out, NULL), FIRN_OK);
    assert_int_equal(out.size, 8);
    int64_t result = firn_number_of(out.data, out.size);
    fi_buf_deinit(&out);
    fi_merge_fold_deinit(&fold);
    return result;
}

static void
numbers_are_added_and_compared_with_their_signs(void **state)
{
    assert_true(upon(FIRN_MERGE_ADD, 40, 2) == 42);
    assert_true(upon(FIRN_MERGE_ADD, 1, -3) == -2);
    assert_true(upon(FIRN_MERGE_ADD, INT64_MAX, 1) == INT64_MIN);
    assert_true(upon(FIRN_MERGE_ADD, INT64_MIN, -1) == INT64_MAX);
    assert_true(upon(FIRN_MERGE_MIN, -1, 1) == -1);
    assert_true(upon(FIRN_MERGE_MIN, 7, INT64_MIN) == INT64_MIN);
    assert_true(upon(FIRN_MERGE_MAX, -1, 1) == 1);
    assert_true(upon(FIRN_MERGE_MAX, -5, -9) == -5);
    assert_true(upon(FIRN_MERGE_MAX, 3, 3) == 3);
}

/* Folds operands, the newest first, and compares. */
static void
assert_folds_to(const struct operand *operands, size_t count, const firn_slice *base,
                firn_slice expected)
{
    struct fi_merge_fold fold = {0};
    struct fi_buf out = {0};
    for (size_t i = 0; i < count; i++) {
        push(&fold, &operands[i]);
    }
    assert_int_equal(fi_merge_fold_apply(&fold, base, &out, NULL), FIRN_OK);
    assert_true(fi_slice_equal(fi_buf_slice(&out), expected));
    fi_buf_deinit(&out);
    fi_merge_fold_deinit(&fold);
}

static void
upon_nothing_and_upon_what_is_no_number_the_operand_is_the_value(void **state)
{
    uint8_t five[8];
    firn_number(5, five);
    const firn_slice word = firn_str("word");
    const firn_slice empty = firn_bytes("", 0);
    for (int operation = FIRN_MERGE_ADD; operation <= FIRN_MERGE_MAX; operation++) {
        if (operation == FIRN_MERGE_APPEND) {
            continue;
        }
        struct operand operand = number((firn_merge_operator)operation, 5);
        assert_folds_to(&operand, 1, NULL, firn_bytes(five, 8));
        assert_folds_to(&operand, 1, &word, firn_bytes(five, 8));
        assert_folds_to(&operand, 1, &empty, firn_bytes(five, 8));
    }
    struct operand b = text("b");
    assert_folds_to(&b, 1, NULL, firn_str("b"));
    assert_folds_to(&b, 1, &empty, firn_str("b"));
    assert_folds_to(&b, 1, &word, firn_str("wordb"));
}

static void
operators_are_done_in_their_order(void **state)
{
    /* From the newest: append c, add 1, append ab upon a number. */
    struct operand operands[] = {text("c"), number(FIRN_MERGE_ADD, 'A'), text("ab")};
    uint8_t base[8] = {1};
    const firn_slice slice = firn_bytes(base, 8);
    /* Ten bytes are no number, so the addition leaves its operand alone. */
    assert_folds_to(operands, 3, &slice, firn_bytes("A\0\0\0\0\0\0\0c", 9));
    struct operand more[] = {number(FIRN_MERGE_MAX, 9), number(FIRN_MERGE_ADD, 2),
                             number(FIRN_MERGE_ADD, 3), number(FIRN_MERGE_MIN, 1)};
    assert_folds_to(more, 4, NULL, firn_bytes("\x09\0\0\0\0\0\0", 8));
}

static void
a_million_numbers_take_the_memory_of_one(void **state)
{
    struct fi_merge_fold fold = {0};
    struct fi_buf out = {0};
    struct operand operand = number(FIRN_MERGE_ADD, 3);
    for (unsigned i = 0; i < 1000000; i++) {
        push(&fold, &operand);
    }
    assert_int_equal(fi_merge_fold_size_bytes(&fold), 8);
    assert_int_equal(fi_merge_fold_apply(&fold, NULL, &out, NULL), FIRN_OK);
    assert_true(firn_number_of(out.data, out.size) == 3000000);
    fi_buf_deinit(&out);
    fi_merge_fold_deinit(&fold);
}

static void
what_is_no_operand_is_refused(void **state)
{
    firn_error err;
    struct fi_merge_fold fold = {0};
    uint8_t eight[8] = {0};
    assert_int_equal(fi_merge_fold_check(FIRN_MERGE_ADD, firn_bytes(eight, 8), &err), FIRN_OK);
    assert_int_equal(fi_merge_fold_check(FIRN_MERGE_APPEND, firn_bytes(eight, 0), &err), FIRN_OK);
    assert_int_equal(fi_merge_fold_check(FIRN_MERGE_MAX, firn_bytes(eight, 7), &err), FIRN_INVALID);
    assert_string_equal(err.text, "an operand of 7 bytes is not a number, which has 8");
    assert_int_equal(fi_merge_fold_check((firn_merge_operator)0, firn_bytes(eight, 8), &err),
                     FIRN_INVALID);
    assert_int_equal(fi_merge_fold_check((firn_merge_operator)5, firn_bytes(eight, 8), &err),
                     FIRN_INVALID);
    assert_string_equal(err.text, "there is no merge operator 5");
    assert_int_equal(fi_merge_fold_push(&fold, firn_bytes(eight, 0), &err), FIRN_CORRUPT);
    assert_int_equal(fi_merge_fold_push(&fold, firn_bytes("\x05", 1), &err), FIRN_NEWER);
    assert_int_equal(fi_merge_fold_push(&fold,
                                        firn_bytes("\x01"
                                                   "abc",
                                                   4),
                                        &err),
                     FIRN_CORRUPT);
    assert_int_equal(fi_merge_fold_size_bytes(&fold), 0);
    fi_merge_fold_deinit(&fold);
}

static void
a_value_beyond_the_limit_is_refused(void **state)
{
    firn_error err;
    struct fi_merge_fold fold = {0};
    struct fi_buf large = {0};
    struct fi_buf out = {0};
    struct operand b = text("b");
    assert_int_equal(fi_buf_set_size(&large, FIRN_VALUE_SIZE_MAX), FIRN_OK);
    memset(large.data, 'x', large.size);
    push(&fold, &b);
    const firn_slice base = firn_bytes(large.data, large.size);
    assert_int_equal(fi_merge_fold_apply(&fold, &base, &out, &err), FIRN_LIMIT);
    assert_string_equal(err.text, "the appended bytes make a value of more than 268435456 bytes");
    large.data[0] = FIRN_MERGE_APPEND;
    fi_merge_fold_clear(&fold);
    assert_int_equal(fi_merge_fold_push(&fold, base, &err), FIRN_OK);
    push(&fold, &b);
    assert_int_equal(fi_merge_fold_push(&fold, firn_bytes(b.bytes, b.size), &err), FIRN_LIMIT);
    fi_buf_deinit(&large);
    fi_buf_deinit(&out);
    fi_merge_fold_deinit(&fold);
}

static struct operand
some_operand(struct test_random *random, firn_merge_operator operation)
{
    static const char *const texts[] = {"", "a", "bc", "12345678"};
    uint64_t dice = test_random_below(random, 4);
    return operation == FIRN_MERGE_APPEND
               ? text(texts[dice])
               : number(operation, dice == 0 ? INT64_MAX - (int64_t)test_random_below(random, 3)
                                             : (int64_t)test_random_below(random, 100) - 50);
}

/* Any two neighbours of one operator may be made one operand: the value is the same. */
static void
neighbours_may_be_folded_first(void **state)
{
    struct test_random random;
    test_random_init(&random, "fold", 5);
    for (unsigned round = 0; round < 20000; round++) {
        struct operand operands[3];
        firn_merge_operator operation = (firn_merge_operator)(1 + test_random_below(&random, 4));
        struct fi_merge_fold whole = {0};
        struct fi_merge_fold part = {0};
        struct fi_buf expected = {0};
        struct fi_buf found = {0};
        struct fi_buf joined = {0};
        uint8_t base[10] = {7, 1};
        const firn_slice slice = firn_bytes(base, test_random_below(&random, 3) * 4 + 2);
        const firn_slice *upon_what = test_random_below(&random, 3) == 0 ? NULL : &slice;
        size_t first = test_random_below(&random, 2);
        for (size_t i = 0; i < 3; i++) {
            operands[i] = some_operand(&random, operation);
            push(&whole, &operands[i]);
        }
        push(&part, &operands[first]);
        assert_true(fi_merge_fold_joins(
            &part, firn_bytes(operands[first + 1].bytes, operands[first + 1].size), 99));
        push(&part, &operands[first + 1]);
        assert_int_equal(fi_merge_fold_operand(&part, &joined, NULL), FIRN_OK);
        fi_merge_fold_clear(&part);
        if (first == 1) {
            push(&part, &operands[0]);
        }
        assert_int_equal(fi_merge_fold_push(&part, fi_buf_slice(&joined), NULL), FIRN_OK);
        if (first == 0) {
            push(&part, &operands[2]);
        }
        assert_int_equal(fi_merge_fold_apply(&whole, upon_what, &expected, NULL), FIRN_OK);
        assert_int_equal(fi_merge_fold_apply(&part, upon_what, &found, NULL), FIRN_OK);
        assert_true(fi_slice_equal(fi_buf_slice(&expected), fi_buf_slice(&found)));
        fi_merge_fold_deinit(&whole);
        fi_merge_fold_deinit(&part);
        fi_buf_deinit(&expected);
        fi_buf_deinit(&found);
        fi_buf_deinit(&joined);
    }
}

static void
only_one_operator_joins_and_not_beyond_a_size(void **state)
{
    struct fi_merge_fold fold = {0};
    struct operand abc = text("abc");
    struct operand one = number(FIRN_MERGE_ADD, 1);
    assert_true(fi_merge_fold_joins(&fold, firn_bytes(abc.bytes, abc.size), 0));
    push(&fold, &abc);
    assert_true(fi_merge_fold_joins(&fold, firn_bytes(abc.bytes, abc.size), 6));
    assert_false(fi_merge_fold_joins(&fold, firn_bytes(abc.bytes, abc.size), 5));
    assert_false(fi_merge_fold_joins(&fold, firn_bytes(abc.bytes, abc.size), 2));
    assert_false(fi_merge_fold_joins(&fold, firn_bytes(one.bytes, one.size), 99));
    fi_merge_fold_deinit(&fold);
}

static void
memory_that_runs_out_is_reported_and_leaks_nothing(void **state)
{
    struct operand operands[] = {text("abc"), number(FIRN_MERGE_ADD, 3), text("d")};
    test_alloc_install();
    struct test_fault fault = {.for_ever = true, .limit = 50};
    while (test_fault_next(&fault)) {
        struct fi_merge_fold fold = {0};
        struct fi_buf out = {0};
        test_fault_allocation(&fault);
        int rc = FIRN_OK;
        for (size_t i = 0; i < 3 && rc == FIRN_OK; i++) {
            rc = fi_merge_fold_push(&fold, firn_bytes(operands[i].bytes, operands[i].size), NULL);
        }
        if (rc == FIRN_OK) {
            rc = fi_merge_fold_apply(&fold, NULL, &out, NULL);
        }
        assert_true(rc == FIRN_OK || rc == FIRN_NO_MEMORY);
        test_fault_end(&fault);
        fi_merge_fold_deinit(&fold);
        fi_buf_deinit(&out);
    }
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_added_and_compared_with_their_signs),
        cmocka_unit_test(upon_nothing_and_upon_what_is_no_number_the_operand_is_the_value),
        cmocka_unit_test(operators_are_done_in_their_order),
        cmocka_unit_test(a_million_numbers_take_the_memory_of_one),
        cmocka_unit_test(what_is_no_operand_is_refused),
        cmocka_unit_test(a_value_beyond_the_limit_is_refused),
        cmocka_unit_test(neighbours_may_be_folded_first),
        cmocka_unit_test(only_one_operator_joins_and_not_beyond_a_size),
        cmocka_unit_test(memory_that_runs_out_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests_name("fold", tests, NULL, NULL);
}
