/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/block: what is damaged, cannot be read, or is refused never becomes visible in the cache;
 * memory that runs out costs no block and leaks none.
 */
#include "unit/block/cache_fixture.h"

#include <errno.h>

#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"

enum { KIB = 1024, BLOCKS = 12 };

/* A file on a machine in memory, read through one that can be made to fail. */
struct faulty {
    struct fi_os *memory;
    struct fi_os *os;
    struct fi_os_dir *dir;
    struct fi_block_cache *cache;
    struct cache_file *file;
};

static void
faulty_init(struct faulty *faulty, size_t budget)
{
    firn_error err;
    assert_int_equal(fi_sim_memory_create(3, &faulty->memory, &err), FIRN_OK);
    assert_int_equal(fi_sim_fault_create(faulty->memory, &faulty->os, &err), FIRN_OK);
    assert_int_equal(fi_os_dir_open_path(faulty->os, "/", &faulty->dir, &err), FIRN_OK);
    faulty->file = calloc(1, sizeof *faulty->file);
    assert_non_null(faulty->file);
    cache_file_create(faulty->dir, "a", 1, BLOCKS, 10, 9000, faulty->file);
    assert_int_equal(fi_block_cache_create(faulty->os, budget, &faulty->cache, &err), FIRN_OK);
    faulty->file->id = fi_block_cache_add_file(faulty->cache);
}

static void
faulty_deinit(struct faulty *faulty)
{
    fi_block_cache_destroy(faulty->cache);
    cache_file_close(faulty->file);
    free(faulty->file);
    fi_os_dir_close(faulty->dir);
    fi_sim_fault_destroy(faulty->os);
    fi_sim_memory_destroy(faulty->memory);
}

static size_t
count_kept(struct faulty *faulty)
{
    size_t count = 0;
    for (size_t i = 0; i < BLOCKS; i++) {
        count += cache_file_has(faulty->cache, faulty->file, i);
    }
    return count;
}

/* ---- damage ---- */

static void
flip(struct faulty *faulty, uint64_t offset)
{
    firn_error err;
    uint8_t byte;
    struct fi_os_file *file;
    assert_int_equal(fi_os_file_open(faulty->dir, "a", FI_OS_READ | FI_OS_WRITE, 0, &file, &err),
                     FIRN_OK);
    assert_int_equal(fi_os_file_read_exact(file, offset, &byte, 1, &err), FIRN_OK);
    byte ^= 0x10;
    assert_int_equal(fi_os_file_write(file, offset, &byte, 1, &err), FIRN_OK);
    fi_os_file_close(file);
}

static void
a_damaged_block_is_never_seen(void **state)
{
    firn_error err;
    struct faulty faulty;
    faulty_init(&faulty, 1024 * KIB);
    for (size_t i = 0; i < BLOCKS; i++) {
        uint64_t at = faulty.file->refs[i].offset + i % 24;
        flip(&faulty, at);
        for (int use = 0; use < 3; use++) {
            struct fi_block_pin pin = {.data = &(const uint8_t){0}};
            assert_int_equal(cache_file_read(faulty.cache, faulty.file, i,
                                             (enum fi_block_cache_use)use, &pin, &err),
                             FIRN_CORRUPT);
            assert_null(pin.data);
            assert_null(pin.slot);
            assert_non_null(strstr(err.text, "a': block at"));
            assert_false(cache_file_has(faulty.cache, faulty.file, i));
        }
        flip(&faulty, at);
        cache_file_visit(faulty.cache, faulty.file, i, FI_BLOCK_CACHE_DATA);
        flip(&faulty, at); /* what was verified once is not read again */
        cache_file_visit(faulty.cache, faulty.file, i, FI_BLOCK_CACHE_DATA);
        flip(&faulty, at);
    }
    faulty_deinit(&faulty);
}

static size_t checks;

static int
refuse_all(firn_slice raw, firn_error *err)
{
    (void)raw;
    checks++;
    return fi_error_set(err, FIRN_CORRUPT, "not what it should be");
}

static int
accept_all(firn_slice raw, firn_error *err)
{
    (void)raw;
    (void)err;
    checks++;
    return FIRN_OK;
}

static void
a_block_that_its_user_refuses_is_never_seen(void **state)
{
    firn_error err;
    struct fi_block_pin pin;
    struct faulty faulty;
    faulty_init(&faulty, 1024 * KIB);
    struct cache_file *file = faulty.file;
    checks = 0;
    for (size_t i = 0; i < BLOCKS; i++) {
        assert_int_equal(fi_block_cache_read(faulty.cache, file->id, file->reader, &file->refs[i],
                                             FI_BLOCK_CACHE_DATA, refuse_all, &pin, &err),
                         FIRN_CORRUPT);
        assert_string_equal(err.text, "not what it should be");
        assert_null(pin.data);
    }
    assert_int_equal(checks, BLOCKS);
    assert_int_equal(count_kept(&faulty), 0);
    for (size_t i = 0; i < 3 * BLOCKS; i++) { /* a hit is not judged again */
        assert_int_equal(fi_block_cache_read(faulty.cache, file->id, file->reader,
                                             &file->refs[i % BLOCKS], FI_BLOCK_CACHE_DATA,
                                             accept_all, &pin, &err),
                         FIRN_OK);
        fi_block_cache_unpin(faulty.cache, &pin);
    }
    assert_int_equal(checks, 2 * BLOCKS);
    faulty_deinit(&faulty);
}

static void
a_ref_that_lies_about_the_size_is_refused_by_a_hit_too(void **state)
{
    firn_error err;
    struct fi_block_pin pin;
    struct faulty faulty;
    faulty_init(&faulty, 1024 * KIB);
    struct cache_file *file = faulty.file;
    for (int is_kept = 0; is_kept < 2; is_kept++) {
        struct fi_block_ref ref = file->refs[2];
        ref.raw_size++;
        assert_int_equal(fi_block_cache_read(faulty.cache, file->id, file->reader, &ref,
                                             FI_BLOCK_CACHE_DATA, NULL, &pin, &err),
                         FIRN_CORRUPT);
        assert_null(pin.data);
        cache_file_visit(faulty.cache, file, 2, FI_BLOCK_CACHE_DATA);
    }
    faulty_deinit(&faulty);
}

/* ---- calls that fail ---- */

static void
a_block_that_cannot_be_read_is_read_again_later(void **state)
{
    firn_error err;
    struct fi_block_pin pin;
    struct faulty faulty;
    faulty_init(&faulty, 1024 * KIB);
    for (size_t i = 0; i < BLOCKS; i++) {
        struct fi_sim_fault_plan plan = {
            .call = 1, .classes = FI_SIM_FAULT_READS, .error_number = EIO};
        fi_sim_fault_set_plan(faulty.os, &plan);
        assert_int_equal(
            cache_file_read(faulty.cache, faulty.file, i, FI_BLOCK_CACHE_DATA, &pin, &err),
            FIRN_IO);
        assert_null(pin.data);
        assert_false(cache_file_has(faulty.cache, faulty.file, i));
        plan.kind = FI_SIM_FAULT_SHORT;
        plan.for_ever = true;
        fi_sim_fault_set_plan(faulty.os, &plan);
        cache_file_visit(faulty.cache, faulty.file, i, FI_BLOCK_CACHE_DATA);
        plan.kind = FI_SIM_FAULT_FAILS;
        fi_sim_fault_set_plan(faulty.os, &plan);
        cache_file_visit(faulty.cache, faulty.file, i, FI_BLOCK_CACHE_DATA); /* a hit */
        fi_sim_fault_set_plan(faulty.os, NULL);
    }
    faulty_deinit(&faulty);
}

/* Makes a cache, reads everything twice, some of it pinned, and takes it down again. */
static int
use_a_cache(struct faulty *faulty, size_t budget, firn_error *err)
{
    struct fi_block_cache *cache = NULL;
    struct fi_block_pin pins[BLOCKS] = {0};
    int rc = fi_block_cache_create(faulty->os, budget, &cache, err);
    for (size_t i = 0; rc == FIRN_OK && i < (size_t)2 * BLOCKS; i++) {
        struct fi_block_pin *pin = &pins[i % BLOCKS];
        fi_block_cache_unpin(cache, pin);
        rc = cache_file_read(cache, faulty->file, i % BLOCKS, (enum fi_block_cache_use)(i % 5 % 3),
                             pin, err);
        assert_true(rc == FIRN_OK
                        ? cache_file_matches(faulty->file, i % BLOCKS, pin->data, pin->size)
                        : pin->data == NULL);
        if (i % 2 == 0 && rc == FIRN_OK) {
            fi_block_cache_unpin(cache, pin);
        }
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        if (pins[i].data != NULL) {
            fi_block_cache_unpin(cache, &pins[i]);
        }
    }
    fi_block_cache_destroy(cache);
    return rc;
}

static void
memory_that_runs_out_leaks_nothing(void **state)
{
    static const size_t budgets[] = {0, 20 * KIB, 60 * KIB, 400 * KIB};
    test_alloc_install();
    struct faulty faulty;
    faulty_init(&faulty, 0);
    size_t unkept = 0;
    for (size_t n = 0; n < 8; n++) {
        struct test_fault fault = {.for_ever = n >= 4, .limit = 1000};
        while (test_fault_next(&fault)) {
            firn_error err;
            int64_t before = test_alloc_alive();
            test_fault_allocation(&fault);
            int rc = use_a_cache(&faulty, budgets[n % 4], &err);
            test_fault_end(&fault);
            assert_true(rc == FIRN_OK || (fault.was_hit && rc == FIRN_NO_MEMORY));
            assert_int_equal(test_alloc_alive(), before);
            unkept += fault.was_hit && rc == FIRN_OK;
        }
    }
    assert_true(unkept > 0); /* a block that could not be kept was read all the same */
    faulty_deinit(&faulty);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_damaged_block_is_never_seen),
        cmocka_unit_test(a_block_that_its_user_refuses_is_never_seen),
        cmocka_unit_test(a_ref_that_lies_about_the_size_is_refused_by_a_hit_too),
        cmocka_unit_test(a_block_that_cannot_be_read_is_read_again_later),
        cmocka_unit_test(memory_that_runs_out_leaks_nothing),
    };
    return cmocka_run_group_tests_name("block_cache_faults", tests, NULL, NULL);
}
