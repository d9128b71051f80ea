/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/chunk: values at the ends of their ranges, what a writer chooses, bounds that are cut, and limits.
 */
#include "unit/chunk/encoding_fixture.h"

#include "base/slice.h"

static void
check_all(struct sample *sample, const char *name)
{
    struct test_random random;
    test_random_init(&random, name, 17);
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned encoding = 0; encoding <= FI_ENCODING_FRONT; encoding++) {
            bool is_held = encoding_check(sample, encoding, &random);
            assert_true(is_held || encoding > 1);
        }
    }
    sample_deinit(sample);
}

static void
ends_of_ranges_are_held(void **state)
{
    static const uint64_t min = UINT64_C(1) << 63;
    static const uint64_t max = (UINT64_C(1) << 63) - 1;
    const uint64_t steps[] = {min, max, 0, min};
    const uint64_t sorted[] = {min, 0, max};
    const uint64_t large[] = {min + 5, UINT64_MAX, min, min + 1, UINT64_MAX - 1};
    uint64_t mixed[1100];
    struct sample sample;
    for (size_t i = 0; i < 1100; i++) {
        mixed[i] = i < 100 ? i : i * 7919 % 1000 * 1000003;
    }
    sample_of_bits(&sample, FI_PHYSICAL_I64, steps, 4);
    check_all(&sample, "steps");
    sample_of_bits(&sample, FI_PHYSICAL_I64, sorted, 3);
    check_all(&sample, "sorted");
    sample_of_bits(&sample, FI_PHYSICAL_I64, mixed, 1100);
    check_all(&sample, "mixed");
    sample_of_bits(&sample, FI_PHYSICAL_U64, large, 5);
    check_all(&sample, "large");
    sample_of_bits(&sample, FI_PHYSICAL_I64, steps, 1);
    check_all(&sample, "one");
}

static void
odd_reals_keep_all_their_bits(void **state)
{
    const uint64_t wide[] = {0x7ff8000000000001,
                             0x8000000000000000,
                             0x7ff0000000000000,
                             0xfff0000000000000,
                             1,
                             0x800fffffffffffff,
                             0xfff8000000000123,
                             0,
                             0x4028ae147ae147ae /* 12.34 */,
                             0x7fefffffffffffff};
    const uint64_t narrow[] = {0x7fc00001, 0x80000000, 0x7f800000, 0xff800000, 1,
                               0x807fffff, 0xffc00123, 0,          0x414570a4, 0x7f7fffff};
    const uint64_t nans[] = {0x7ff8000000000001, 0xfff8000000000001, 0x7ff8000000000001};
    struct sample sample;
    sample_of_bits(&sample, FI_PHYSICAL_F64, wide, 10);
    check_all(&sample, "f64");
    sample_of_bits(&sample, FI_PHYSICAL_F32, narrow, 10);
    check_all(&sample, "f32");
    sample_of_bits(&sample, FI_PHYSICAL_F64, nans, 3);
    check_all(&sample, "NaNs");
}

/* ---- the choice ---- */

static unsigned
chosen_for(struct sample *sample, size_t *out_size)
{
    struct fi_buf out = {0};
    assert_int_equal(fi_chunk_encode(&sample->values, &out, NULL, NULL), FIRN_OK);
    unsigned encoding = out.data[0];
    *out_size = out.size;
    fi_buf_deinit(&out);
    sample_deinit(sample);
    return encoding;
}

static void
the_smallest_encoding_is_chosen(void **state)
{
    static const struct {
        enum fi_physical kind;
        unsigned shape;
        unsigned encoding;
        size_t size_max;
    } cases[] = {{FI_PHYSICAL_I64, 11, FI_ENCODING_CONSTANT, 16},
                 {FI_PHYSICAL_I64, 0, FI_ENCODING_PLAIN, 525600},
                 {FI_PHYSICAL_I64, 3, FI_ENCODING_FRAME, 83000},
                 {FI_PHYSICAL_U64, 4, FI_ENCODING_DELTA, 27000},
                 {FI_PHYSICAL_I64, 2, FI_ENCODING_RLE, 5500},
                 {FI_PHYSICAL_U64, 9, FI_ENCODING_FRAME, 9000},
                 {FI_PHYSICAL_U64, 5, FI_ENCODING_FRAME, 26000},
                 {FI_PHYSICAL_F64, 2, FI_ENCODING_ALP, 170000},
                 {FI_PHYSICAL_F64, 7, FI_ENCODING_DICTIONARY, 27000},
                 {FI_PHYSICAL_BYTES, 3, FI_ENCODING_DICTIONARY, 18000},
                 {FI_PHYSICAL_BYTES, 13, FI_ENCODING_FSST, 600000}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct sample sample;
        size_t size;
        struct test_random random = {4 + i};
        sample_make(&sample, &random, cases[i].kind, 0, cases[i].shape, SAMPLE_NULLS_NONE, 65536);
        unsigned encoding = chosen_for(&sample, &size);
        assert_int_equal(encoding, cases[i].encoding);
        assert_true(size <= cases[i].size_max);
    }
}

static void
equal_values_take_a_few_bytes_in_any_number(void **state)
{
    struct sample sample;
    size_t size;
    struct test_random random = {1};
    sample_make(&sample, &random, FI_PHYSICAL_BYTES, 0, 0, SAMPLE_NULLS_ALL, 65536);
    assert_int_equal(chosen_for(&sample, &size), FI_ENCODING_CONSTANT);
    assert_int_equal(size, 8);
}

static void
the_same_values_give_the_same_bytes(void **state)
{
    struct test_random random = {3};
    for (unsigned shape = 0; shape < SAMPLE_SHAPES; shape++) {
        struct sample sample;
        struct fi_buf out[2] = {{0}, {0}};
        sample_make(&sample, &random, FI_PHYSICAL_BYTES, 0, shape, SAMPLE_NULLS_FEW, 5000);
        for (unsigned encoding = 1; encoding <= FI_ENCODING_FRONT; encoding++) {
            for (size_t k = 0; k < 2; k++) {
                fi_buf_clear(&out[k]);
                int rc = fi_chunk_encode_as(&sample.values, (enum fi_chunk_encoding)encoding,
                                            &out[k], NULL, NULL);
                assert_true(rc == FIRN_OK || rc == FIRN_INVALID);
            }
            assert_true(fi_slice_equal(fi_buf_slice(&out[0]), fi_buf_slice(&out[1])));
        }
        fi_buf_deinit(&out[0]);
        fi_buf_deinit(&out[1]);
        sample_deinit(&sample);
    }
}

/* ---- bounds, limits ---- */

static enum fi_chunk_verdict
judge(const struct fi_chunk_bounds *bounds, enum fi_chunk_test test, const char *a)
{
    struct fi_chunk_predicate predicate = {.test = test};
    predicate.a.kind = FI_PHYSICAL_BYTES;
    predicate.a.as.bytes = firn_str(a);
    return fi_chunk_assess(bounds, 2, &predicate);
}

static void
cut_bounds_leave_nothing_out(void **state)
{
    const char *const texts[] = {"0123456789abcdefAA", "0123456789abcdefZZ"};
    struct sample sample;
    struct fi_chunk_bounds bounds;
    sample_of_texts(&sample, texts, 2);
    fi_chunk_bounds_of(&sample.values, 0, 2, &bounds);
    assert_true(bounds.max_is_cut);
    assert_int_equal(bounds.max.as.bytes.size, FI_CHUNK_BOUND_SIZE);
    assert_int_equal(judge(&bounds, FI_CHUNK_EQUAL, "0123456789abcdef"), FI_CHUNK_SOME);
    assert_int_equal(judge(&bounds, FI_CHUNK_EQUAL, "0123456789abcdefZZ"), FI_CHUNK_SOME);
    assert_int_equal(judge(&bounds, FI_CHUNK_EQUAL, "0123456789abcdeg"), FI_CHUNK_NONE);
    assert_int_equal(judge(&bounds, FI_CHUNK_EQUAL, "0123456789abcdee~"), FI_CHUNK_NONE);
    assert_int_equal(judge(&bounds, FI_CHUNK_GREATER, "0123456789abcdefM"), FI_CHUNK_SOME);
    assert_int_equal(judge(&bounds, FI_CHUNK_LESS, "0123456789abcdefM"), FI_CHUNK_SOME);
    assert_int_equal(judge(&bounds, FI_CHUNK_LESS, "0123456789abcdeg"), FI_CHUNK_ALL);
    assert_int_equal(judge(&bounds, FI_CHUNK_LESS_EQUAL, "0123456789abcdef"), FI_CHUNK_SOME);
    assert_int_equal(judge(&bounds, FI_CHUNK_PREFIX, "0123456789abcdef"), FI_CHUNK_ALL);
    assert_int_equal(judge(&bounds, FI_CHUNK_PREFIX, "0123456789abcdefA"), FI_CHUNK_SOME);
    assert_int_equal(judge(&bounds, FI_CHUNK_PREFIX, "0123456789abcdx"), FI_CHUNK_NONE);
    sample_deinit(&sample);
}

static void
too_many_bytes_are_refused(void **state)
{
    static uint8_t large[FI_CHUNK_BYTES_MAX / 2 + 1];
    firn_slice slices[2] = {{large, sizeof large}, {large, sizeof large}};
    struct fi_chunk_values values = {.kind = FI_PHYSICAL_BYTES, .count = 2};
    struct fi_buf out = {0};
    firn_error err;
    values.as.bytes = slices;
    assert_int_equal(fi_chunk_encode(&values, &out, NULL, &err), FIRN_LIMIT);
    assert_int_equal(out.size, 0);
    slices[1].size = sizeof large - 2;
    assert_int_equal(fi_chunk_encode(&values, &out, NULL, &err), FIRN_OK);
    fi_buf_deinit(&out);
}

/* Compares the place of a number with a walk over all values. */
static void
check_place(const struct fi_chunk *chunk, const uint64_t *values, uint64_t wanted)
{
    const struct fi_cell cell = {.kind = FI_PHYSICAL_U64, .as.u64 = wanted};
    size_t first;
    size_t end;
    bool is_exact;
    size_t below = 0;
    size_t equal = 0;
    for (size_t i = 0; i < chunk->count; i++) {
        below += values[i] < wanted ? 1 : 0;
        equal += values[i] == wanted ? 1 : 0;
    }
    if (!fi_chunk_get_place(chunk, &cell, &first, &end, &is_exact)) {
        assert_false(is_exact);
        return;
    }
    assert_true(first <= below && end >= below + equal);
    assert_true(!is_exact || (first == below && end == below + equal));
    if (chunk->encoding == FI_ENCODING_DELTA && equal == 1) {
        assert_true(is_exact);
    }
}

static void
numbers_are_found_in_ascending_values(void **state)
{
    static uint64_t values[3000];
    struct test_random random;
    unsigned encoded = 0;
    test_random_init(&random, "places", 0);
    for (unsigned round = 0; round < 60; round++) {
        struct fi_buf out = {0};
        struct fi_chunk chunk;
        struct sample sample;
        firn_error err;
        size_t count = 1 + test_random_below(&random, 3000);
        uint64_t step = 1 + test_random_below(&random, round % 3 == 0 ? 3 : 1000);
        uint64_t factor = round % 2 == 0 ? 1 : 12;
        uint64_t number = round % 5 == 0 ? 0 : UINT64_MAX - 3000 * 1000 * 12 - 12;
        for (size_t i = 0; i < count; i++) {
            values[i] = number;
            number += round % 7 == 6 ? (i % 8 == 7 ? 25 : 1) /* eight of each 32 */
                                     : factor * test_random_below(&random, step);
        }
        sample_of_bits(&sample, FI_PHYSICAL_U64, values, count);
        enum fi_chunk_encoding encoding = round % 4 == 0   ? FI_ENCODING_FRAME
                                          : round % 4 == 1 ? FI_ENCODING_RLE
                                                           : FI_ENCODING_DELTA;
        if (fi_chunk_encode_as(&sample.values, encoding, &out, NULL, &err) == FIRN_OK) {
            assert_int_equal(fi_chunk_open(fi_buf_slice(&out), FI_PHYSICAL_U64, 0, (uint32_t)count,
                                           &chunk, &err),
                             FIRN_OK);
            for (unsigned i = 0; i < 40; i++) {
                uint64_t near = values[test_random_below(&random, count)];
                check_place(&chunk, values, near + test_random_below(&random, 3) - 1);
            }
            check_place(&chunk, values, values[0]);
            check_place(&chunk, values, values[count - 1]);
            check_place(&chunk, values, 0);
            check_place(&chunk, values, UINT64_MAX);
            encoded++;
        }
        fi_buf_deinit(&out);
        sample_deinit(&sample);
    }
    assert_true(encoded > 40);
}

static void
every_encoding_has_a_name(void **state)
{
    assert_string_equal(fi_chunk_encoding_name(FI_ENCODING_PLAIN), "plain");
    assert_string_equal(fi_chunk_encoding_name(FI_ENCODING_FRONT), "front");
    assert_null(fi_chunk_encoding_name(0));
    assert_null(fi_chunk_encoding_name(FI_ENCODING_FRONT + 1));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ends_of_ranges_are_held),
        cmocka_unit_test(odd_reals_keep_all_their_bits),
        cmocka_unit_test(the_smallest_encoding_is_chosen),
        cmocka_unit_test(equal_values_take_a_few_bytes_in_any_number),
        cmocka_unit_test(the_same_values_give_the_same_bytes),
        cmocka_unit_test(cut_bounds_leave_nothing_out),
        cmocka_unit_test(too_many_bytes_are_refused),
        cmocka_unit_test(numbers_are_found_in_ascending_values),
        cmocka_unit_test(every_encoding_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
