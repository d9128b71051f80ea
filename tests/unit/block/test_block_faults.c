/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/block: memory that runs out at every allocation, power that fails at every call.
 */
#include "unit/block/block_fixture.h"

#include "base/mem.h"
#include "support/test_alloc.h"

/* Everything that this folder does, once: write, read, salvage. */
static int
count_block(void *ctx, const struct firn_block_ref *ref, enum firn_codec codec, firn_slice stored,
            firn_error *err)
{
    (void)ref;
    (void)codec;
    (void)stored;
    (void)err;
    ++*(size_t *)ctx;
    return FIRN_OK;
}

static int
write_read_salvage(struct block_fixture *fixture, firn_error *err)
{
    size_t count = 0;
    int rc = block_fixture_write(fixture, fixture->dir, "a", err);
    if (rc == FIRN_OK) {
        rc = block_fixture_read(fixture, fixture->dir, "a", err);
    }
    if (rc == FIRN_OK) {
        rc = firn_block_salvage(fixture->dir, "a", FIRN_BLOCK_FILE_ROW, count_block, &count, err);
        assert_true(rc != FIRN_OK || count == BLOCK_FIXTURE_COUNT);
    }
    return rc;
}

static void
memory_that_runs_out_leaves_nothing_behind(void **state)
{
    (void)state;
    for (int for_ever = 0; for_ever < 2; for_ever++) {
        int rc = FIRN_NO_MEMORY;
        for (uint64_t n = 1; rc != FIRN_OK; n++) {
            test_alloc_install();
            firn_error err;
            struct block_fixture fixture;
            block_fixture_init(&fixture);
            block_fixture_fill(&fixture);
            test_alloc_fail_at(n, for_ever != 0);
            rc = write_read_salvage(&fixture, &err);
            test_alloc_fail_at(0, false);
            if (rc != FIRN_OK) {
                assert_int_equal(rc, FIRN_NO_MEMORY);
                assert_int_equal(err.code, FIRN_NO_MEMORY);
                /* Either the file was finished, and is whole, or nothing of it is there. */
                assert_false(test_file_exists(fixture.dir, "a.tmp"));
                if (test_file_exists(fixture.dir, "a")) {
                    assert_int_equal(block_fixture_read(&fixture, fixture.dir, "a", &err), FIRN_OK);
                }
            }
            block_fixture_deinit(&fixture);
            assert_int_equal(test_alloc_alive(), 0);
            test_alloc_uninstall();
            assert_true(n < 10000);
        }
    }
}

/* After the power came back: not there, or there and whole. */
static void
check_after_cut(struct block_fixture *fixture, uint64_t seed, bool must_exist)
{
    firn_error err;
    struct firn_os *os;
    struct firn_os_dir *dir;
    assert_int_equal(firn_os_memory_clone(fixture->os, &os, &err), FIRN_OK);
    firn_os_memory_power_cut(os, seed);
    assert_int_equal(firn_os_dir_open_path(os, "/", &dir, &err), FIRN_OK);
    bool exists = test_file_exists(dir, "a");
    assert_true(exists || !must_exist);
    if (exists) {
        assert_int_equal(block_fixture_read(fixture, dir, "a", &err), FIRN_OK);
    }
    firn_os_dir_close(dir);
    firn_os_memory_destroy(os);
}

static void
power_that_fails_at_any_call_leaves_no_file_or_a_whole_one(void **state)
{
    (void)state;
    uint64_t seeds = getenv("FIRN_TEST_LONG") != NULL ? 200 : 20;
    bool is_done = false;
    for (uint64_t call = 1; !is_done; call++) {
        firn_error err;
        struct block_fixture fixture;
        block_fixture_init(&fixture);
        block_fixture_fill(&fixture);
        firn_os_memory_set_writeback(fixture.os, 2);
        uint64_t before = firn_os_memory_calls(fixture.os);
        firn_os_memory_set_cut_at(fixture.os, before + call);
        int rc = block_fixture_write(&fixture, fixture.dir, "a", &err);
        is_done = !firn_os_memory_is_off(fixture.os);
        assert_true(is_done == (rc == FIRN_OK));
        for (uint64_t seed = 0; seed < seeds; seed++) {
            check_after_cut(&fixture, seed, rc == FIRN_OK);
        }
        block_fixture_deinit(&fixture);
        assert_true(call < 1000);
    }
}

static void
power_that_fails_later_cannot_hurt_a_finished_file(void **state)
{
    (void)state;
    firn_error err;
    struct block_fixture fixture;
    block_fixture_init(&fixture);
    block_fixture_fill(&fixture);
    assert_int_equal(block_fixture_write(&fixture, fixture.dir, "a", &err), FIRN_OK);
    for (uint64_t seed = 0; seed < 100; seed++) {
        check_after_cut(&fixture, seed, true);
    }
    block_fixture_deinit(&fixture);
}

static void
a_full_disk_is_reported_and_leaves_nothing_behind(void **state)
{
    (void)state;
    firn_error err;
    struct block_fixture fixture;
    block_fixture_init(&fixture);
    block_fixture_fill(&fixture);
    firn_os_memory_set_space(fixture.os, 100);
    assert_int_equal(block_fixture_write(&fixture, fixture.dir, "a", &err), FIRN_NO_SPACE);
    assert_int_equal(test_file_count(fixture.dir), 0);
    firn_os_memory_set_space(fixture.os, UINT64_MAX);
    assert_int_equal(block_fixture_write(&fixture, fixture.dir, "a", &err), FIRN_OK);
    block_fixture_deinit(&fixture);
}

static void
after_a_failed_write_the_writer_refuses_and_says_why(void **state)
{
    (void)state;
    firn_error err;
    struct block_fixture fixture;
    block_fixture_init(&fixture);
    uint32_t size = 2 << 20;
    uint8_t *bytes = firn_alloc_zeroed(size);
    memset(bytes, 7, size);
    struct firn_block_ref ref;
    struct firn_block_writer *writer;
    assert_int_equal(firn_block_writer_create(fixture.dir, "a", FIRN_BLOCK_FILE_ROW, &writer, &err),
                     FIRN_OK);
    firn_os_memory_set_space(fixture.os, 1000);
    assert_int_equal(
        firn_block_writer_add(writer, FIRN_CODEC_NONE, firn_bytes(bytes, size), size, &ref, &err),
        FIRN_NO_SPACE);
    firn_os_memory_set_space(fixture.os, UINT64_MAX);
    assert_int_equal(firn_block_writer_add(writer, FIRN_CODEC_NONE, firn_str("x"), 1, &ref, &err),
                     FIRN_FAILED);
    assert_non_null(strstr(err.text, "a.tmp"));
    assert_int_equal(firn_block_writer_finish(writer, NULL, &err), FIRN_FAILED);
    firn_block_writer_destroy(writer);
    assert_int_equal(test_file_count(fixture.dir), 0);
    firn_free(bytes);
    block_fixture_deinit(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_that_runs_out_leaves_nothing_behind),
        cmocka_unit_test(power_that_fails_at_any_call_leaves_no_file_or_a_whole_one),
        cmocka_unit_test(power_that_fails_later_cannot_hurt_a_finished_file),
        cmocka_unit_test(a_full_disk_is_reported_and_leaves_nothing_behind),
        cmocka_unit_test(after_a_failed_write_the_writer_refuses_and_says_why),
    };
    return cmocka_run_group_tests_name("block_faults", tests, NULL, NULL);
}
