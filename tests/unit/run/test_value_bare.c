/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/run: values that lie as they are in a file that is no sealed one: what is there comes back,
 * through the cache and past it; references that lie, damaged bytes, memory that runs out, calls
 * that fail.
 */
#include <errno.h>

#include "base/bytes.h"
#include "base/slice.h"
#include "codec/xxh3.h"
#include "run/run_value_file.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_file.h"
#include "support/test_random.h"

enum { VALUES = 5, NUMBER = 7, GAP = 29 };
static const size_t sizes[VALUES] = {1, 4096, 64 << 10, (64 << 10) + 1, 3 << 20};

struct world {
    struct fi_os *memory;
    struct fi_os *os;
    struct fi_run_env env;
    struct fi_run *file; /* NULL: not open */
    struct fi_buf bytes; /* of the whole file */
    uint64_t offsets[VALUES];
    uint8_t references[VALUES][FI_RUN_VALUE_FILE_BARE_REFERENCE_SIZE];
    size_t count;
};
static struct world world;

static void
close_file(void)
{
    if (world.file != NULL) {
        fi_run_value_file_kind.close(world.file);
        world.file = NULL;
    }
}

/* A head, then values with other bytes between them. */
static void
make_file(size_t count)
{
    struct test_random random = {11};
    struct fi_buf *bytes = &world.bytes;
    world.count = count;
    assert_int_equal(fi_buf_set_size(bytes, FI_RUN_VALUE_FILE_HEAD_SIZE), FIRN_OK);
    test_random_fill(&random, bytes->data, bytes->size);
    uint64_t identity = fi_xxh3(bytes->data, FI_RUN_VALUE_FILE_HEAD_SIZE, 0);
    for (size_t i = 0; i < count; i++) {
        size_t at = bytes->size + GAP;
        assert_int_equal(fi_buf_set_size(bytes, at + sizes[i]), FIRN_OK);
        test_random_fill(&random, bytes->data + at - GAP, sizes[i] + GAP);
        world.offsets[i] = at;
        const struct fi_run_value_file_reference reference = {
            .file = NUMBER,
            .value_size = sizes[i],
            .offset = at,
            .checksum =
                fi_run_value_file_checksum(firn_bytes(bytes->data + at, sizes[i]), at) ^ identity};
        fi_run_value_file_encode_bare(&reference, world.references[i]);
    }
    test_file_write(world.env.dir, "v", bytes->data, bytes->size);
}

static int
setup(void **state)
{
    world = (struct world){0};
    if (fi_sim_memory_create(5, &world.memory, NULL) != FIRN_OK ||
        fi_sim_fault_create(world.memory, &world.os, NULL) != FIRN_OK ||
        fi_os_dir_open_path(world.os, "/", &world.env.dir, NULL) != FIRN_OK ||
        fi_block_cache_create(world.os, 4 << 20, &world.env.cache, NULL) != FIRN_OK) {
        return -1;
    }
    make_file(VALUES);
    return 0;
}

static int
teardown(void **state)
{
    close_file();
    fi_buf_deinit(&world.bytes);
    fi_block_cache_destroy(world.env.cache);
    fi_os_dir_close(world.env.dir);
    fi_sim_fault_destroy(world.os);
    fi_sim_memory_destroy(world.memory);
    return 0;
}

static int
open_file(firn_error *err)
{
    close_file();
    return fi_run_value_file_kind.open(&world.env, "v", &world.file, err);
}

static struct fi_run_value_file_reference
reference_of(size_t i)
{
    struct fi_run_value_file_reference reference;
    assert_true(fi_run_value_file_decode(
        firn_bytes(world.references[i], FI_RUN_VALUE_FILE_BARE_REFERENCE_SIZE), &reference));
    return reference;
}

/* Reads one after other bytes; what comes is right. */
static int
read_one(size_t i, enum fi_block_cache_use use, firn_error *err)
{
    struct fi_buf out = {0};
    const struct fi_run_value_file_reference reference = reference_of(i);
    int rc;
    FI_TRY(fi_buf_append(&out, "head", 4));
    rc = fi_run_value_file_read(world.file, &reference, use, &out, err);
    assert_memory_equal(out.data, "head", 4);
    assert_int_equal(out.size, rc == FIRN_OK ? 4 + sizes[i] : 4);
    if (rc == FIRN_OK) {
        assert_memory_equal(out.data + 4, world.bytes.data + world.offsets[i], sizes[i]);
    }
out:
    fi_buf_deinit(&out);
    return rc;
}

static int
read_all(enum fi_block_cache_use use, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < world.count && rc == FIRN_OK; i++) {
        rc = read_one(i, use, err);
    }
    return rc;
}

static int
verify_all(firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < world.count && rc == FIRN_OK; i++) {
        const struct fi_run_value_file_reference reference = reference_of(i);
        rc = fi_run_value_file_read(world.file, &reference, FI_BLOCK_CACHE_SCAN, NULL, err);
    }
    return rc;
}

static struct fi_block_cache_stats
cached(void)
{
    struct fi_block_cache_stats stats;
    fi_block_cache_stats(world.env.cache, &stats);
    return stats;
}

static void
values_come_back_and_small_ones_stay_in_the_cache(void **state)
{
    firn_error err;
    assert_int_equal(open_file(&err), FIRN_OK);
    const struct fi_run_summary *summary = fi_run_value_file_kind.summary(world.file);
    assert_true(summary->is_bare);
    assert_int_equal(summary->content_bytes, world.bytes.size - FI_RUN_VALUE_FILE_HEAD_SIZE);
    assert_true(summary->identity == fi_xxh3(world.bytes.data, FI_RUN_VALUE_FILE_HEAD_SIZE, 0));
    assert_int_equal(read_all(FI_BLOCK_CACHE_SCAN, &err), FIRN_OK);
    assert_int_equal(verify_all(&err), FIRN_OK);
    assert_int_equal(cached().blocks, 0);
    assert_int_equal(read_all(FI_BLOCK_CACHE_DATA, &err), FIRN_OK);
    assert_int_equal(cached().blocks, 3);
    uint64_t misses = cached().misses;
    assert_int_equal(read_all(FI_BLOCK_CACHE_DATA, &err), FIRN_OK);
    assert_int_equal(cached().misses, misses);
    assert_true(cached().hits >= 3);
    close_file();
    assert_int_equal(cached().blocks, 0);
}

static void
assert_refused(struct fi_run_value_file_reference reference, const char *piece)
{
    firn_error err = {0};
    struct fi_buf out = {0};
    for (int use = FI_BLOCK_CACHE_DATA; use <= FI_BLOCK_CACHE_SCAN; use++) {
        assert_int_equal(fi_run_value_file_read(world.file, &reference,
                                                (enum fi_block_cache_use)use, &out, &err),
                         FIRN_CORRUPT);
        assert_int_equal(out.size, 0);
        assert_non_null(strstr(err.text, piece));
    }
    assert_int_equal(
        fi_run_value_file_read(world.file, &reference, FI_BLOCK_CACHE_DATA, NULL, &err),
        FIRN_CORRUPT);
    fi_buf_deinit(&out);
}

static void
references_that_lie_are_refused(void **state)
{
    firn_error err;
    struct fi_run_value_file_reference reference;
    assert_int_equal(open_file(&err), FIRN_OK);
    reference = reference_of(1);
    reference.checksum ^= 1;
    assert_refused(reference, "checksum");
    reference = reference_of(1);
    reference.offset++;
    assert_refused(reference, "checksum");
    reference = reference_of(1);
    reference.value_size--;
    assert_refused(reference, "checksum");
    reference = reference_of(4);
    reference.value_size++;
    assert_refused(reference, "outside");
    reference = reference_of(1);
    reference.offset = UINT64_MAX >> 1;
    assert_refused(reference, "outside");
    /* Those of a sealed file. */
    reference = reference_of(1);
    reference.is_bare = false;
    assert_refused(reference, "another sort");
    uint8_t bytes[FI_RUN_VALUE_FILE_BARE_REFERENCE_SIZE + 1] = {0};
    memcpy(bytes, world.references[1], FI_RUN_VALUE_FILE_BARE_REFERENCE_SIZE);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        assert_int_equal(fi_run_value_file_decode(firn_bytes(bytes, size), &reference),
                         size == FI_RUN_VALUE_FILE_BARE_REFERENCE_SIZE);
    }
}

/* The same bytes at the same place of another file. */
static void
the_same_value_in_another_file_is_not_it(void **state)
{
    firn_error err;
    world.bytes.data[FI_RUN_VALUE_FILE_HEAD_SIZE - 1] ^= 1;
    test_file_write(world.env.dir, "v", world.bytes.data, world.bytes.size);
    assert_int_equal(open_file(&err), FIRN_OK);
    for (size_t i = 0; i < VALUES; i++) {
        assert_refused(reference_of(i), "checksum");
    }
}

static void
a_sealed_file_has_no_bare_values(void **state)
{
    firn_error err;
    struct fi_run_value_writer *writer;
    struct fi_buf reference = {0};
    uint64_t file_bytes;
    const struct fi_run_value_writer_options options = {.number = NUMBER};
    assert_int_equal(fi_os_remove_file(world.env.dir, "v", &err), FIRN_OK);
    assert_int_equal(fi_run_value_writer_create(&world.env, "v", &options, &writer, &err), FIRN_OK);
    assert_int_equal(
        fi_run_value_writer_add(writer, firn_bytes(world.bytes.data, 8192), &reference, &err),
        FIRN_OK);
    assert_int_equal(fi_run_value_writer_finish(writer, &file_bytes, &err), FIRN_OK);
    fi_run_value_writer_destroy(writer);
    fi_buf_deinit(&reference);
    assert_int_equal(open_file(&err), FIRN_OK);
    assert_false(fi_run_value_file_kind.summary(world.file)->is_bare);
    assert_refused(reference_of(1), "another sort");
}

/* Files that are too short for anything are taken for sealed ones. */
static void
a_short_file_is_damage(void **state)
{
    firn_error err;
    for (size_t size = 0; size < FI_RUN_VALUE_FILE_HEAD_SIZE; size += 9) {
        test_file_write(world.env.dir, "v", world.bytes.data, size);
        assert_int_equal(open_file(&err), FIRN_CORRUPT);
        assert_null(world.file);
    }
}

/* A byte of a value costs that value; one of the head costs all; others mean nothing. */
static void
no_damaged_byte_is_believed(void **state)
{
    firn_error err;
    make_file(2);
    for (size_t at = 0; at < world.bytes.size; at++) {
        uint8_t byte = world.bytes.data[at] ^ 0x10;
        struct fi_os_file *file;
        assert_int_equal(fi_os_file_open(world.env.dir, "v", FI_OS_WRITE, 0, &file, &err), FIRN_OK);
        assert_int_equal(fi_os_file_write(file, at, &byte, 1, &err), FIRN_OK);
        assert_int_equal(open_file(&err), FIRN_OK);
        for (size_t i = 0; i < 2; i++) {
            bool is_hit = at < FI_RUN_VALUE_FILE_HEAD_SIZE ||
                          (at >= world.offsets[i] && at < world.offsets[i] + sizes[i]);
            assert_int_equal(read_one(i, FI_BLOCK_CACHE_DATA, &err),
                             is_hit ? FIRN_CORRUPT : FIRN_OK);
        }
        assert_int_equal(fi_os_file_write(file, at, world.bytes.data + at, 1, &err), FIRN_OK);
        fi_os_file_close(file);
    }
}

static void
without_memory_it_fails_cleanly(void **state)
{
    firn_error err;
    unsigned failures = 0;
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        close_file();
        test_fault_allocation(&fault);
        int rc = open_file(&err);
        rc = rc == FIRN_OK ? read_all(FI_BLOCK_CACHE_DATA, &err) : rc;
        rc = rc == FIRN_OK ? verify_all(&err) : rc;
        test_fault_end(&fault);
        assert_true(rc == FIRN_NO_MEMORY || rc == FIRN_OK);
        assert_true(rc == FIRN_OK || fault.was_hit);
        failures += rc != FIRN_OK;
    }
    assert_true(failures > 3);
}

static void
a_call_that_fails_gives_no_wrong_value(void **state)
{
    firn_error err;
    unsigned failures = 0;
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        close_file();
        test_fault_call(&fault, world.os);
        int rc = open_file(&err);
        rc = rc == FIRN_OK ? read_all(FI_BLOCK_CACHE_DATA, &err) : rc;
        test_fault_end(&fault);
        assert_true(rc == FIRN_IO || (rc == FIRN_OK && !fault.was_hit));
        failures += rc != FIRN_OK;
    }
    assert_true(failures > 5);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_come_back_and_small_ones_stay_in_the_cache, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(references_that_lie_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(the_same_value_in_another_file_is_not_it, setup, teardown),
        cmocka_unit_test_setup_teardown(a_sealed_file_has_no_bare_values, setup, teardown),
        cmocka_unit_test_setup_teardown(a_short_file_is_damage, setup, teardown),
        cmocka_unit_test_setup_teardown(no_damaged_byte_is_believed, setup, teardown),
        cmocka_unit_test_setup_teardown(without_memory_it_fails_cleanly, setup, teardown),
        cmocka_unit_test_setup_teardown(a_call_that_fails_gives_no_wrong_value, setup, teardown),
    };
    test_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
