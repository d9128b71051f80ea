/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/run: value files: what was put comes back, of any size; references that lie, damaged
 * bytes, memory that runs out, calls that fail.
 */
#include <errno.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "run/run_value_file.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_file.h"
#include "support/test_random.h"

enum { VALUES_MAX = 16, NUMBER = 7 };

struct world {
    struct fi_os *memory;
    struct fi_os *os;
    struct fi_run_env env;
    struct fi_run *file; /* NULL: not open */
    struct fi_buf values[VALUES_MAX];
    struct fi_buf references[VALUES_MAX];
    size_t count;
    uint64_t content_bytes;
    uint64_t identity;
};
static struct world world;

static int
open_machine(firn_error *err)
{
    FI_TRY_RETURN(fi_sim_fault_create(world.memory, &world.os, err));
    FI_TRY_RETURN(fi_os_dir_open_path(world.os, "/", &world.env.dir, err));
    return fi_block_cache_create(world.os, 4 << 20, &world.env.cache, err);
}

static int
setup(void **state)
{
    world = (struct world){0};
    return fi_sim_memory_create(5, &world.memory, NULL) == FIRN_OK && open_machine(NULL) == FIRN_OK
               ? 0
               : -1;
}

static void
close_file(void)
{
    if (world.file != NULL) {
        fi_run_value_file_kind.close(world.file);
        world.file = NULL;
    }
}

static int
teardown(void **state)
{
    close_file();
    for (size_t i = 0; i < VALUES_MAX; i++) {
        fi_buf_deinit(&world.values[i]);
        fi_buf_deinit(&world.references[i]);
    }
    fi_block_cache_destroy(world.env.cache);
    fi_os_dir_close(world.env.dir);
    fi_sim_fault_destroy(world.os);
    fi_sim_memory_destroy(world.memory);
    return 0;
}

/* Half of it can be compressed. */
static void
add_value(size_t size)
{
    struct test_random random = {size + 1};
    struct fi_buf *value = &world.values[world.count++];
    assert_int_equal(fi_buf_set_size(value, size), FIRN_OK);
    memset(value->data, 'v', size);
    test_random_fill(&random, value->data, size / 2);
}

static int
write_file(enum fi_codec codec, firn_error *err)
{
    int rc;
    struct fi_run_value_writer *writer = NULL;
    uint64_t file_bytes;
    const struct fi_run_value_writer_options options = {.number = NUMBER, .codec = codec};
    FI_TRY(fi_run_value_writer_create(&world.env, "v", &options, &writer, err));
    for (size_t i = 0; i < world.count; i++) {
        fi_buf_clear(&world.references[i]);
        FI_TRY(fi_run_value_writer_add(writer, fi_buf_slice(&world.values[i]), &world.references[i],
                                       err));
    }
    FI_TRY(fi_run_value_writer_finish(writer, &file_bytes, err));
    world.content_bytes = fi_run_value_writer_content_bytes(writer);
    world.identity = fi_run_value_writer_identity(writer);
    assert_true(file_bytes > world.content_bytes);
out:
    fi_run_value_writer_destroy(writer);
    return rc;
}

static int
open_file(firn_error *err)
{
    close_file();
    return fi_run_value_file_kind.open(&world.env, "v", &world.file, err);
}

/* Reads all values in one way; what comes is right. */
static int
read_all(enum fi_block_cache_use use, firn_error *err)
{
    int rc = FIRN_OK;
    struct fi_buf out = {0};
    for (size_t i = 0; i < world.count; i++) {
        struct fi_run_value_file_reference reference;
        fi_buf_clear(&out);
        FI_TRY(fi_buf_append(&out, "head", 4));
        assert_true(fi_run_value_file_decode(fi_buf_slice(&world.references[i]), &reference));
        assert_int_equal(reference.file, NUMBER);
        rc = fi_run_value_file_read(world.file, &reference, use, &out, err);
        assert_memory_equal(out.data, "head", 4);
        if (rc != FIRN_OK) {
            assert_int_equal(out.size, 4);
            break;
        }
        assert_int_equal(out.size - 4, world.values[i].size);
        assert_memory_equal(out.data + 4, world.values[i].data, out.size - 4);
        FI_TRY(fi_run_value_file_read(world.file, &reference, use, NULL, err));
    }
out:
    fi_buf_deinit(&out);
    return rc;
}

static void
fill(void)
{
    static const size_t sizes[] = {1,     7,         4096,    65535,         65536,
                                   65537, (1 << 20), 1000000, (1 << 20) + 1, 3 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        add_value(sizes[i]);
    }
}

static void
values_of_all_sizes_come_back(void **state)
{
    firn_error err;
    fill();
    for (enum fi_codec codec = FI_CODEC_NONE; codec <= FI_CODEC_ZSTD; codec++) {
        assert_int_equal(write_file(codec, &err), FIRN_OK);
        assert_int_equal(open_file(&err), FIRN_OK);
        const struct fi_run_summary *summary = fi_run_value_file_kind.summary(world.file);
        assert_true(summary->content_bytes == world.content_bytes);
        assert_true(summary->identity == world.identity);
        uint64_t spans = 0;
        for (size_t i = 0; i < world.count; i++) {
            struct fi_run_value_file_reference reference;
            assert_true(fi_run_value_file_decode(fi_buf_slice(&world.references[i]), &reference));
            spans += fi_run_value_file_span(&reference);
        }
        assert_true(spans == world.content_bytes);
        for (unsigned round = 0; round < 2; round++) {
            assert_int_equal(read_all(FI_BLOCK_CACHE_DATA, &err), FIRN_OK);
            assert_int_equal(read_all(FI_BLOCK_CACHE_SCAN, &err), FIRN_OK);
        }
        close_file();
        assert_int_equal(fi_os_remove_file(world.env.dir, "v", &err), FIRN_OK);
    }
}

static void
small_values_stay_in_the_cache_and_large_ones_do_not(void **state)
{
    firn_error err;
    struct fi_block_cache_stats stats;
    add_value(65536);
    add_value(65537);
    assert_int_equal(write_file(FI_CODEC_NONE, &err), FIRN_OK);
    assert_int_equal(open_file(&err), FIRN_OK);
    assert_int_equal(read_all(FI_BLOCK_CACHE_SCAN, &err), FIRN_OK);
    fi_block_cache_stats(world.env.cache, &stats);
    assert_int_equal(stats.blocks, 0);
    assert_int_equal(read_all(FI_BLOCK_CACHE_DATA, &err), FIRN_OK);
    fi_block_cache_stats(world.env.cache, &stats);
    assert_int_equal(stats.blocks, 1);
    assert_int_equal(read_all(FI_BLOCK_CACHE_DATA, &err), FIRN_OK);
    fi_block_cache_stats(world.env.cache, &stats);
    assert_true(stats.hits > 0);
    close_file();
    fi_block_cache_stats(world.env.cache, &stats);
    assert_int_equal(stats.blocks, 0);
}

static void
references_that_lie_are_refused(void **state)
{
    firn_error err;
    struct fi_run_value_file_reference reference;
    struct fi_buf out = {0};
    add_value(3 << 20);
    add_value(5000);
    assert_int_equal(write_file(FI_CODEC_LZ4, &err), FIRN_OK);
    assert_int_equal(open_file(&err), FIRN_OK);
    struct fi_buf *bytes = &world.references[0];
    firn_slice whole = fi_buf_slice(bytes);
    for (size_t size = 0; size < whole.size; size++) {
        assert_false(fi_run_value_file_decode(firn_bytes(whole.data, size), &reference));
    }
    assert_int_equal(fi_buf_append_u8(bytes, 0), FIRN_OK);
    assert_false(fi_run_value_file_decode(fi_buf_slice(bytes), &reference));
    bytes->size--;
    /* One bit at a time: refused at once, or when it is read. */
    for (size_t i = 0; i < 8 * bytes->size; i++) {
        bytes->data[i / 8] ^= (uint8_t)(1 << i % 8);
        bool is_number = i < 64;
        if (!is_number && fi_run_value_file_decode(fi_buf_slice(bytes), &reference)) {
            assert_true(reference.value_size <= FI_ENTRY_VALUE_SIZE_MAX);
            assert_int_equal(
                fi_run_value_file_read(world.file, &reference, FI_BLOCK_CACHE_SCAN, &out, &err),
                FIRN_CORRUPT);
            assert_non_null(strstr(err.text, "/v'"));
            assert_int_equal(out.size, 0);
        }
        bytes->data[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    static const struct {
        size_t at;
        uint64_t value;
    } lies[] = {{0, 0},
                {8, 0},
                {8, FI_ENTRY_VALUE_SIZE_MAX + 1},
                {8, UINT64_MAX},
                {16, (uint64_t)INT64_MAX + 1},
                {16, UINT64_MAX}};
    for (size_t i = 0; i < sizeof lies / sizeof *lies; i++) {
        uint64_t before = fi_load_le64(bytes->data + lies[i].at);
        fi_store_le64(bytes->data + lies[i].at, lies[i].value);
        assert_false(fi_run_value_file_decode(fi_buf_slice(bytes), &reference));
        fi_store_le64(bytes->data + lies[i].at, before);
    }
    /* Memory for a value is taken when its place has been found to lie in the file. */
    struct fi_buf large = {0};
    assert_int_equal(fi_buf_set_size(&large, FI_RUN_VALUE_FILE_REFERENCE_SIZE +
                                                 4 * FI_RUN_VALUE_FILE_PIECES_MAX),
                     FIRN_OK);
    memset(large.data, 0xff, large.size);
    fi_store_le64(large.data, NUMBER);
    fi_store_le64(large.data + 8, FI_ENTRY_VALUE_SIZE_MAX);
    fi_store_le64(large.data + 16, FI_BLOCK_BODY_START);
    assert_true(fi_run_value_file_decode(fi_buf_slice(&large), &reference));
    assert_int_equal(
        fi_run_value_file_read(world.file, &reference, FI_BLOCK_CACHE_SCAN, &out, &err),
        FIRN_CORRUPT);
    assert_true(out.capacity < 8 << 20);
    /* One byte more, and a piece for it. */
    fi_store_le64(large.data + 8, FI_ENTRY_VALUE_SIZE_MAX + 1);
    assert_int_equal(fi_buf_append(&large, "\0\0\0\1", 4), FIRN_OK);
    assert_false(fi_run_value_file_decode(fi_buf_slice(&large), &reference));
    fi_buf_deinit(&large);
    fi_buf_deinit(&out);
}

static void
without_files_nothing_is_resolved(void **state)
{
    firn_error err;
    struct fi_buf out = {0};
    static const struct fi_run_values none = {0};
    add_value(5000);
    assert_int_equal(write_file(FI_CODEC_NONE, &err), FIRN_OK);
    firn_slice reference = fi_buf_slice(&world.references[0]);
    assert_int_equal(fi_run_value_file_resolve(NULL, reference, FI_BLOCK_CACHE_SCAN, &out, &err),
                     FIRN_CORRUPT);
    assert_int_equal(fi_run_value_file_resolve(&none, reference, FI_BLOCK_CACHE_SCAN, &out, &err),
                     FIRN_CORRUPT);
    assert_int_equal(fi_run_value_file_resolve(&none, firn_bytes(reference.data, 3),
                                               FI_BLOCK_CACHE_SCAN, &out, &err),
                     FIRN_CORRUPT);
    fi_buf_deinit(&out);
}

static void
no_damaged_byte_is_believed(void **state)
{
    firn_error err;
    struct fi_buf bytes = {0};
    add_value(300);
    add_value(4096);
    assert_int_equal(write_file(FI_CODEC_LZ4, &err), FIRN_OK);
    test_file_read(world.env.dir, "v", &bytes);
    unsigned refused = 0;
    for (size_t i = 0; i < bytes.size; i++) {
        bytes.data[i] ^= 0x40;
        test_file_write(world.env.dir, "v", bytes.data, bytes.size);
        int rc = open_file(&err);
        rc = rc == FIRN_OK ? read_all(FI_BLOCK_CACHE_DATA, &err) : rc;
        assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_NEWER);
        assert_true(rc == FIRN_OK || strstr(err.text, "/v'") != NULL);
        refused += rc != FIRN_OK;
        bytes.data[i] ^= 0x40;
    }
    /* All of it is covered by some checksum. */
    assert_int_equal(refused, bytes.size);
    for (size_t size = 0; size < bytes.size; size += 97) {
        test_file_write(world.env.dir, "v", bytes.data, size);
        assert_int_equal(open_file(&err), FIRN_CORRUPT);
    }
    fi_buf_deinit(&bytes);
}

static void
without_memory_it_fails_cleanly(void **state)
{
    firn_error err;
    add_value(5000);
    add_value((1 << 20) + 5);
    int rc = FIRN_NO_MEMORY;
    struct test_fault fault = {.limit = 1000};
    while (test_fault_next(&fault)) {
        test_fault_allocation(&fault);
        rc = write_file(FI_CODEC_LZ4, &err);
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
        if (rc == FIRN_OK) { /* nothing failed, or nothing that was needed */
            assert_int_equal(fi_os_remove_file(world.env.dir, "v", &err), FIRN_OK);
        }
        assert_int_equal(test_file_count(world.env.dir), 0);
    }
    assert_int_equal(write_file(FI_CODEC_LZ4, &err), FIRN_OK);
    rc = FIRN_NO_MEMORY;
    struct test_fault faults = {.limit = 1000};
    while (test_fault_next(&faults)) {
        close_file();
        test_fault_allocation(&faults);
        rc = open_file(&err);
        rc = rc == FIRN_OK ? read_all(FI_BLOCK_CACHE_DATA, &err) : rc;
        test_fault_end(&faults);
        test_fault_expect(&faults, rc, FIRN_NO_MEMORY);
    }
}

static void
a_call_that_fails_leaves_no_file_and_no_wrong_value(void **state)
{
    firn_error err;
    add_value(5000);
    add_value(3 << 20);
    struct test_fault writing = {.n = 0};
    while (test_fault_next(&writing)) {
        test_fault_call(&writing, world.os);
        int rc = write_file(FI_CODEC_NONE, &err);
        test_fault_end(&writing);
        test_fault_expect(&writing, rc, FIRN_IO);
        assert_int_equal(test_file_exists(world.env.dir, "v"), rc == FIRN_OK);
        if (rc == FIRN_OK) {
            assert_int_equal(open_file(&err), FIRN_OK);
            assert_int_equal(read_all(FI_BLOCK_CACHE_DATA, &err), FIRN_OK);
            close_file();
            assert_int_equal(fi_os_remove_file(world.env.dir, "v", &err), FIRN_OK);
        }
    }
    assert_int_equal(write_file(FI_CODEC_NONE, &err), FIRN_OK);
    struct test_fault reading = {.n = 0};
    while (test_fault_next(&reading)) {
        close_file();
        test_fault_call(&reading, world.os);
        int rc = open_file(&err);
        rc = rc == FIRN_OK ? read_all(FI_BLOCK_CACHE_DATA, &err) : rc;
        test_fault_end(&reading);
        assert_int_equal(rc, reading.was_hit ? FIRN_IO : FIRN_OK);
    }
    assert_true(reading.passes > 5);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(values_of_all_sizes_come_back, setup, teardown),
        cmocka_unit_test_setup_teardown(small_values_stay_in_the_cache_and_large_ones_do_not, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(references_that_lie_are_refused, setup, teardown),
        cmocka_unit_test_setup_teardown(without_files_nothing_is_resolved, setup, teardown),
        cmocka_unit_test_setup_teardown(no_damaged_byte_is_believed, setup, teardown),
        cmocka_unit_test_setup_teardown(without_memory_it_fails_cleanly, setup, teardown),
        cmocka_unit_test_setup_teardown(a_call_that_fails_leaves_no_file_and_no_wrong_value, setup,
                                        teardown),
    };
    test_alloc_install();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
