/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/run: origins of runs, to bytes and back.
 */
#include "base/slice.h"
#include "run/run_kind.h"
#include "support/test.h"

static const uint64_t inputs[] = {3, 7, 300};
static const uint64_t gone[] = {1, 2};
static const struct fi_run_origin compaction = {.kind = FI_RUN_ORIGIN_COMPACTION,
                                                .tree = 5,
                                                .flushed = 1000,
                                                .work = 301,
                                                .part = 2,
                                                .is_last = true,
                                                .inputs = inputs,
                                                .input_count = 3,
                                                .gone = gone,
                                                .gone_count = 2};
/* version, kind, flags, 0 0, tree, flushed, work, part, inputs, gone */
static const uint8_t bytes[] = {1,    0, 0, 0, 2, 1, 0,    0, 5, 0xe8, 7,
                                0xad, 2, 2, 3, 3, 4, 0xa5, 2, 2, 1,    1};

static void
an_origin_has_its_bytes(void **state)
{
    struct fi_buf out = {0};
    struct fi_buf numbers = {0};
    struct fi_run_origin back;
    firn_error err;
    assert_int_equal(fi_run_origin_encode(&compaction, &out), FIRN_OK);
    assert_int_equal(out.size, sizeof bytes);
    assert_memory_equal(out.data, bytes, sizeof bytes);
    assert_int_equal(fi_run_origin_decode(fi_buf_slice(&out), &numbers, &back, &err), FIRN_OK);
    assert_int_equal(back.kind, compaction.kind);
    assert_int_equal(back.tree, 5);
    assert_int_equal(back.flushed, 1000);
    assert_int_equal(back.work, 301);
    assert_int_equal(back.part, 2);
    assert_true(back.is_last);
    assert_int_equal(back.input_count, 3);
    assert_memory_equal(back.inputs, inputs, sizeof inputs);
    assert_int_equal(back.gone_count, 2);
    assert_memory_equal(back.gone, gone, sizeof gone);
    fi_buf_deinit(&out);
    fi_buf_deinit(&numbers);
}

static void
what_no_builder_writes_is_refused(void **state)
{
    static const struct {
        size_t at;
        uint8_t byte;
        int code;
    } cases[] = {
        {0, 2, FIRN_NEWER},   {0, 0, FIRN_CORRUPT},  {4, 0, FIRN_CORRUPT},  {4, 5, FIRN_NEWER},
        {4, 1, FIRN_CORRUPT}, {4, 4, FIRN_CORRUPT},  {5, 2, FIRN_NEWER},    {6, 1, FIRN_NEWER},
        {7, 1, FIRN_NEWER},   {14, 5, FIRN_CORRUPT}, {15, 0, FIRN_CORRUPT},
    };
    struct fi_buf numbers = {0};
    struct fi_run_origin back;
    firn_error err;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t bad[sizeof bytes];
        memcpy(bad, bytes, sizeof bytes);
        bad[cases[i].at] = cases[i].byte;
        assert_int_equal(fi_run_origin_decode(firn_bytes(bad, sizeof bad), &numbers, &back, &err),
                         cases[i].code);
    }
    for (size_t size = 0; size < sizeof bytes; size++) {
        assert_int_equal(fi_run_origin_decode(firn_bytes(bytes, size), &numbers, &back, &err),
                         FIRN_CORRUPT);
    }
    fi_buf_deinit(&numbers);
}

static void
a_scratch_file_belongs_to_no_tree(void **state)
{
    const struct fi_run_origin scratch = {.kind = FI_RUN_ORIGIN_SCRATCH};
    struct fi_buf out = {0};
    struct fi_buf numbers = {0};
    struct fi_run_origin back;
    assert_int_equal(fi_run_origin_encode(&scratch, &out), FIRN_OK);
    assert_int_equal(fi_run_origin_decode(fi_buf_slice(&out), &numbers, &back, NULL), FIRN_OK);
    assert_int_equal(back.kind, FI_RUN_ORIGIN_SCRATCH);
    out.data[8] = 1; /* a tree */
    assert_int_equal(fi_run_origin_decode(fi_buf_slice(&out), &numbers, &back, NULL), FIRN_CORRUPT);
    fi_buf_deinit(&out);
    fi_buf_deinit(&numbers);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_origin_has_its_bytes),
        cmocka_unit_test(what_no_builder_writes_is_refused),
        cmocka_unit_test(a_scratch_file_belongs_to_no_tree),
    };
    return cmocka_run_group_tests_name("run_origin", tests, NULL, NULL);
}
