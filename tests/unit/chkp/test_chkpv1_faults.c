/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/chkp: packs when memory, the disk or the power fails.
 */
#include <errno.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "codec/blake3_hash.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_share.h"
#include "unit/chkp/chkp_fixture.h"

/* ---- what is done while something fails ---- */

enum { LARGE_SIZE = 1500 << 10 };

/* Incompressible, so that its frame is written in several pieces where all of it is used. */
static uint8_t large[LARGE_SIZE];
static size_t large_size = LARGE_SIZE;

struct source {
    const uint8_t *at;
    size_t left;
};

static int
give(void *ctx, uint8_t *data, size_t size, size_t *out_size, firn_error *err)
{
    (void)err;
    struct source *source = ctx;
    size_t part = source->left < size ? source->left : size;
    memcpy(data, source->at, part);
    source->at += part;
    source->left -= part;
    *out_size = part;
    return FIRN_OK;
}

/* The frame of "hello\n". */
static const uint8_t hello_frame[15] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x48, 0x31, 0x00,
                                        0x00, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x0a};
enum { OBJECTS = 12 };

static int
add_all(struct firn_chkp_writer *writer, firn_error *err)
{
    firn_hash hash;
    firn_hash hello;
    fi_blake3_hash_of("hello\n", 6, &hello);
    struct source source = {large, large_size};
    FI_TRY_RETURN(fi_chkp_writer_add_frame(writer, &hello, firn_bytes(hello_frame, 15), NULL, err));
    FI_TRY_RETURN(fi_chkp_writer_add_stream(writer, give, &source, &hash, NULL, err));
    for (uint8_t i = 0; i < OBJECTS - 2; i++) {
        FI_TRY_RETURN(fi_chkp_writer_add(writer, firn_bytes(large + i, 50), &hash, NULL, err));
    }
    source = (struct source){large, large_size};
    return fi_chkp_writer_add_stream(writer, give, &source, &hash, NULL, err);
}

static int
write_pack(struct fi_os_dir *dir, char name[FIRN_CHKP_NAME_SIZE], firn_error *err)
{
    int rc = FIRN_OK;
    struct firn_chkp_writer *writer = NULL;
    FI_TRY(fi_chkp_writer_create(dir, &writer, err));
    FI_TRY(add_all(writer, err));
    FI_TRY(fi_chkp_writer_finish(writer, name, err));
out:
    fi_chkp_writer_destroy(writer);
    return rc;
}

static int
count_entry(void *ctx, const struct fi_chkp_entry *entry)
{
    (void)entry;
    ++*(size_t *)ctx;
    return FIRN_OK;
}

static int
count_set_entry(void *ctx, const char *name, const struct fi_chkp_entry *entry)
{
    (void)name;
    return count_entry(ctx, entry);
}

static int
drop(void *ctx, firn_slice data, firn_error *error)
{
    (void)error;
    (void)ctx;
    (void)data;
    return FIRN_OK;
}

static int
read_pack(struct fi_os_dir *dir, const char *name, const firn_chkp_options *options,
          firn_error *err)
{
    int rc = FIRN_OK;
    bool is_there = true;
    size_t count = 0;
    uint8_t *data = NULL;
    size_t size;
    struct firn_chkp *pack = NULL;
    static const firn_hash absent = {{9}};
    firn_hash hello;
    firn_hash last;
    fi_blake3_hash_of("hello\n", 6, &hello);
    fi_blake3_hash_of(large, large_size, &last);
    FI_TRY(fi_chkp_open(dir, name, options, &pack, err));
    FI_TRY(fi_chkp_read(pack, &hello, SIZE_MAX, &data, &size, err));
    assert_int_equal(size, 6);
    assert_memory_equal(data, "hello\n", 6);
    FI_TRY(fi_chkp_stream(pack, &last, drop, NULL, err));
    FI_TRY(fi_chkp_contains(pack, &absent, &is_there, err));
    assert_false(is_there);
    FI_TRY(fi_chkp_list(pack, count_entry, &count, err));
    assert_int_equal(count, OBJECTS);
    FI_TRY(fi_chkp_verify(pack, NULL, NULL, NULL, err));
out:
    fi_free(data);
    fi_chkp_close(pack);
    return rc;
}

static int
read_set(struct fi_os_dir *dir, firn_error *err)
{
    int rc = FIRN_OK;
    bool is_there = true;
    size_t count = 0;
    uint8_t *data = NULL;
    size_t size;
    struct firn_chkp_set *set = NULL;
    static const firn_hash absent = {{9}};
    firn_hash hello;
    fi_blake3_hash_of("hello\n", 6, &hello);
    FI_TRY(fi_chkp_set_open(dir, NULL, 0, &chkp_fixture_defaults, NULL, NULL, &set, err));
    FI_TRY(fi_chkp_set_read(set, &hello, SIZE_MAX, &data, &size, err));
    FI_TRY(fi_chkp_set_stream(set, &hello, drop, NULL, err));
    FI_TRY(fi_chkp_set_contains(set, &absent, &is_there, err));
    assert_false(is_there);
    FI_TRY(fi_chkp_set_list(set, count_set_entry, &count, err));
    assert_int_equal(count, OBJECTS);
    FI_TRY(fi_chkp_set_verify(set, NULL, NULL, NULL, err));
out:
    fi_free(data);
    fi_chkp_set_close(set);
    return rc;
}

/* Everything that can be done with packs. */
static int
do_everything(struct fi_os_dir *dir, firn_error *err)
{
    char name[FIRN_CHKP_NAME_SIZE];
    firn_chkp_options ignoring = chkp_fixture_defaults;
    ignoring.ignore_index = true;
    FI_TRY_RETURN(write_pack(dir, name, err));
    FI_TRY_RETURN(read_pack(dir, name, &chkp_fixture_defaults, err));
    FI_TRY_RETURN(read_pack(dir, name, &ignoring, err));
    FI_TRY_RETURN(read_set(dir, err));
    FI_TRY_RETURN(fi_chkp_rebuild_index(dir, name, &chkp_fixture_defaults, err));
    FI_TRY_RETURN(write_pack(dir, name, err)); /* over the one that is there */
    return FIRN_OK;
}

/* What may be in the folder at any time: packs that are whole, with or without their .idx, and
 * temporary files. */
static void
expect_whole_packs(struct fi_os_dir *dir)
{
    firn_error err;
    struct firn_chkp_set *set;
    size_t dats = 0;
    expect_rc(fi_chkp_set_open(dir, NULL, 0, &chkp_fixture_defaults, NULL, NULL, &set, &err),
              FIRN_OK, &err);
    dats = fi_chkp_set_count(set);
    assert_in_range(dats, 0, 1);
    /* Never an .idx without its .dat. */
    assert_in_range(chkp_fixture_count(dir, "pack-"), dats, 2 * dats);
    expect_rc(fi_chkp_set_verify(set, NULL, NULL, NULL, &err), FIRN_OK, &err);
    fi_chkp_set_close(set);
}

static struct fi_os_dir *
open_root(struct fi_os *os)
{
    firn_error err;
    struct fi_os_dir *dir;
    expect_rc(fi_os_dir_open_path(os, "/", &dir, &err), FIRN_OK, &err);
    return dir;
}

/* After any failure everything works, and nothing temporary is left. */
static void
expect_everything_works(struct fi_os_dir *dir)
{
    firn_error err;
    expect_rc(do_everything(dir, &err), FIRN_OK, &err);
    assert_int_equal(chkp_fixture_count(dir, ".firn-chkp-"), 0);
    assert_int_equal(chkp_fixture_count(dir, ""), 2);
}

/* ---- memory ---- */

/* Runs everything with the n-th allocation failing. Returns whether any did. */
static bool
run_short_of_memory(uint64_t n, bool for_ever)
{
    firn_error err;
    struct fi_os *os;
    expect_rc(fi_sim_memory_create(n, &os, &err), FIRN_OK, &err);
    struct fi_os_dir *dir = open_root(os);
    test_alloc_fail_at(n, for_ever);
    int rc = do_everything(dir, &err);
    bool has_failed = test_alloc_calls() >= n;
    test_alloc_fail_at(0, false);
    if (rc != FIRN_OK) {
        expect_rc(rc, FIRN_NO_MEMORY, &err);
    }
    assert_true(rc == FIRN_NO_MEMORY || !has_failed || !for_ever);
    /* A temporary file that could not be removed for want of memory goes with the next writer. */
    expect_whole_packs(dir);
    if (n % 16 == 0) {
        expect_everything_works(dir);
    }
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(os);
    assert_int_equal(test_alloc_alive(), 0);
    return has_failed;
}

/* Fails every step-th allocation of everything in turn. Returns how many were failed. */
static uint64_t
run_all_short_of_memory(uint64_t step)
{
    uint64_t points = 0;
    struct test_share share = test_share_of(step, 0);
    for (uint64_t n = share.first; run_short_of_memory(n, false); n += share.step) {
        points++;
    }
    share = test_share_of(step * 8, 1);
    for (uint64_t n = share.first; run_short_of_memory(n, true); n += share.step) {
        points++;
    }
    return points;
}

static void
want_of_memory_is_survived_at_every_allocation(void **state)
{
    test_alloc_install();
    large_size = 3000;
    uint64_t points = run_all_short_of_memory(1);
    assert_true(points * test_share_of(1, 0).step > 100);
    large_size = LARGE_SIZE;
    points += run_all_short_of_memory(getenv("FIRN_TEST_LONG") != NULL ? 1 : 67);
    test_alloc_uninstall();
    (void)printf("count: %llu failed allocations\n", (unsigned long long)points);
}

/* ---- room ---- */

static void
a_full_disk_leaves_nothing_behind(void **state)
{
    firn_error err;
    struct fi_os *os;
    char name[FIRN_CHKP_NAME_SIZE];
    expect_rc(fi_sim_memory_create(1, &os, &err), FIRN_OK, &err);
    struct fi_os_dir *dir = open_root(os);
    for (uint64_t space = 0; space < LARGE_SIZE; space += 200 << 10) {
        fi_sim_memory_set_space(os, space);
        expect_rc(write_pack(dir, name, &err), FIRN_NO_SPACE, &err);
        assert_int_equal(chkp_fixture_count(dir, ""), 0);
    }
    fi_sim_memory_set_space(os, UINT64_MAX);
    expect_everything_works(dir);
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(os);
}

/* ---- calls of the system that fail ---- */

/* Runs everything with one call of the system, or all from there on, going wrong. Returns
 * whether it came so far. */
static bool
run_on_a_failing_machine(const struct fi_sim_fault_plan *plan)
{
    firn_error err;
    struct fi_os *memory;
    struct fi_os *os;
    expect_rc(fi_sim_memory_create(plan->call, &memory, &err), FIRN_OK, &err);
    expect_rc(fi_sim_fault_create(memory, &os, &err), FIRN_OK, &err);
    struct fi_os_dir *dir = open_root(os);
    fi_sim_fault_set_plan(os, plan);
    int rc = do_everything(dir, &err);
    uint64_t hits = fi_sim_fault_hits(os);
    bool has_failed = hits > 0;
    fi_sim_fault_set_plan(os, NULL);
    if (rc != FIRN_OK) {
        /* Verifying calls what it cannot read damaged. */
        assert_true(rc == FIRN_IO || rc == FIRN_NO_SPACE || rc == FIRN_CORRUPT);
        assert_true(strlen(err.text) > 0);
    }
    /* The last call of all removes a temporary file: nothing depends on it. */
    assert_true(rc != FIRN_OK || hits <= 1 || !plan->for_ever || plan->kind == FI_SIM_FAULT_SHORT);
    assert_true(rc == FIRN_OK || (has_failed && plan->kind != FI_SIM_FAULT_SHORT));
    expect_whole_packs(dir);
    if (plan->call % 8 == 0) {
        expect_everything_works(dir);
    }
    fi_os_dir_close(dir);
    fi_sim_fault_destroy(os);
    fi_sim_memory_destroy(memory);
    assert_int_equal(test_alloc_alive(), 0);
    return has_failed;
}

static void
every_failing_call_is_reported_and_survived(void **state)
{
    static const struct fi_sim_fault_plan plans[] = {
        {0, false, FI_SIM_FAULT_ALL, FI_SIM_FAULT_FAILS, EIO},
        {0, true, FI_SIM_FAULT_ALL, FI_SIM_FAULT_FAILS, EIO},
        {0, false, FI_SIM_FAULT_WRITES, FI_SIM_FAULT_TORN, ENOSPC},
        {0, true, FI_SIM_FAULT_WRITES, FI_SIM_FAULT_TORN, ENOSPC},
        {0, true, FI_SIM_FAULT_SYNCS, FI_SIM_FAULT_FAILS, EIO},
        {0, false, FI_SIM_FAULT_READS | FI_SIM_FAULT_WRITES, FI_SIM_FAULT_SHORT, 0},
    };
    uint64_t points = 0;
    test_alloc_install();
    for (size_t i = 0; i < 2 * sizeof plans / sizeof plans[0]; i++) {
        struct fi_sim_fault_plan plan = plans[i / 2];
        /* With the large object parts of frames are in the file before they are whole; it is
         * slow. */
        large_size = i % 2 == 0 ? 3000 : LARGE_SIZE;
        uint64_t step = i % 2 == 0 || getenv("FIRN_TEST_LONG") != NULL ? 1 : 17;
        const struct test_share share = test_share_of(step, i);
        for (plan.call = share.first; run_on_a_failing_machine(&plan); plan.call += share.step) {
            points++;
        }
    }
    large_size = LARGE_SIZE;
    test_alloc_uninstall();
    (void)printf("count: %llu failed calls of the system\n", (unsigned long long)points);
    assert_true(points * test_share_of(1, 0).step > 300);
}

/* ---- power ---- */

/* Ways in which the unsynced part of a disk is lost, for each cut. */
static uint64_t
cut_seeds(void)
{
    return getenv("FIRN_TEST_LONG") != NULL ? 200 : 6;
}

/* The machine as it comes up again. */
static void
expect_after_cut(struct fi_os *os, uint64_t seed, bool was_acknowledged)
{
    firn_error err;
    struct fi_os *again;
    expect_rc(fi_sim_memory_clone(os, &again, &err), FIRN_OK, &err);
    fi_sim_memory_power_cut(again, seed);
    struct fi_os_dir *dir = open_root(again);
    expect_whole_packs(dir);
    if (was_acknowledged) {
        assert_int_equal(chkp_fixture_count(dir, "pack-"), 2);
    }
    expect_everything_works(dir);
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(again);
}

/* Cuts the power at the n-th call of writing a pack. Returns whether the writing came so far. */
static bool
cut_at(uint64_t n, uint64_t *cuts)
{
    firn_error err;
    struct fi_os *os;
    char name[FIRN_CHKP_NAME_SIZE];
    expect_rc(fi_sim_memory_create(n, &os, &err), FIRN_OK, &err);
    fi_sim_memory_set_writeback(os, n % 2 == 0 ? 2 : 0);
    struct fi_os_dir *dir = open_root(os);
    fi_sim_memory_set_cut_at(os, fi_sim_memory_calls(os) + n);
    int rc = write_pack(dir, name, &err);
    bool is_off = fi_sim_memory_is_off(os);
    fi_os_dir_close(dir);
    if (!is_off) {
        expect_rc(rc, FIRN_OK, &err);
    }
    for (uint64_t seed = 0; seed < cut_seeds(); seed++) {
        expect_after_cut(os, seed < 2 ? seed : seed + n * 1000, rc == FIRN_OK);
        ++*cuts;
    }
    fi_sim_memory_destroy(os);
    return is_off;
}

static void
a_power_cut_leaves_whole_packs_or_none(void **state)
{
    uint64_t cuts = 0;
    const struct test_share share = test_share_of(1, 0);
    uint64_t n = share.first;
    while (cut_at(n, &cuts)) {
        n += share.step;
    }
    (void)printf("count: %llu simulated power cuts\n", (unsigned long long)cuts);
    assert_true(n > 10);
}

/* Cuts the power at the n-th call of writing an .idx anew. Returns whether the writing came so
 * far. */
static bool
cut_rebuilding_at(uint64_t n)
{
    firn_error err;
    struct fi_os *os;
    char name[FIRN_CHKP_NAME_SIZE];
    struct fi_buf whole = {0};
    struct fi_buf found = {0};
    static const uint8_t damaged[OBJECTS * 48] = {1};
    expect_rc(fi_sim_memory_create(n, &os, &err), FIRN_OK, &err);
    struct fi_os_dir *dir = open_root(os);
    expect_rc(write_pack(dir, name, &err), FIRN_OK, &err);
    chkp_fixture_read(dir, chkp_fixture_idx(name), &whole);
    chkp_fixture_write(dir, chkp_fixture_idx(name), firn_bytes(damaged, sizeof damaged));
    expect_rc(fi_os_dir_sync_filesystem(dir, &err), FIRN_OK, &err);
    fi_sim_memory_set_cut_at(os, fi_sim_memory_calls(os) + n);
    int rc = fi_chkp_rebuild_index(dir, name, &chkp_fixture_defaults, &err);
    bool is_off = fi_sim_memory_is_off(os);
    assert_true(is_off || rc == FIRN_OK);
    fi_os_dir_close(dir);
    for (uint64_t seed = 0; seed < cut_seeds(); seed++) {
        struct fi_os *again;
        expect_rc(fi_sim_memory_clone(os, &again, &err), FIRN_OK, &err);
        fi_sim_memory_power_cut(again, seed);
        dir = open_root(again);
        chkp_fixture_read(dir, chkp_fixture_idx(name), &found);
        assert_int_equal(found.size, whole.size);
        if (rc == FIRN_OK || memcmp(found.data, damaged, sizeof damaged) != 0) {
            assert_memory_equal(found.data, whole.data, whole.size);
        }
        fi_os_dir_close(dir);
        fi_sim_memory_destroy(again);
    }
    fi_sim_memory_destroy(os);
    fi_buf_deinit(&whole);
    fi_buf_deinit(&found);
    return is_off;
}

static void
a_power_cut_leaves_the_old_index_or_the_new_one(void **state)
{
    large_size = 3000;
    uint64_t n = 1;
    while (cut_rebuilding_at(n)) {
        n++;
    }
    assert_true(n > 4);
    large_size = LARGE_SIZE;
}

static int
make_large(void **state)
{
    struct test_random random;
    test_random_init(&random, "chkpv1_faults", 5);
    test_random_fill(&random, large, sizeof large);
    return 0;
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(want_of_memory_is_survived_at_every_allocation),
        cmocka_unit_test(a_full_disk_leaves_nothing_behind),
        cmocka_unit_test(every_failing_call_is_reported_and_survived),
        cmocka_unit_test(a_power_cut_leaves_whole_packs_or_none),
        cmocka_unit_test(a_power_cut_leaves_the_old_index_or_the_new_one),
    };
    return cmocka_run_group_tests_name("chkpv1_faults", tests, make_large, NULL);
}
