/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/block: what is written comes back, of any size and from however many threads; names
 * appear and vanish as promised.
 */
#include "support/test_temp.h"
#include "unit/block/block_fixture.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/mem.h"
#include "block/block_format.h"
#include "posix/os_default.h"
#include "support/test_random.h"
#include "threads/os_thread.h"

static void
blocks_of_all_codecs_come_back_with_their_sections(void **state)
{
    firn_error err;
    struct block_fixture fixture;
    block_fixture_init(&fixture);
    block_fixture_fill(&fixture);
    assert_int_equal(block_fixture_write(&fixture, fixture.dir, "a", &err), FIRN_OK);
    assert_int_equal(block_fixture_read(&fixture, fixture.dir, "a", &err), FIRN_OK);
    assert_int_equal(test_file_count(fixture.dir), 1);

    struct fi_block_reader *reader;
    assert_int_equal(fi_block_reader_open(fixture.dir, "a", FI_BLOCK_FILE_ROW, &reader, &err),
                     FIRN_OK);
    assert_int_equal(fi_block_reader_section_count(reader), BLOCK_FIXTURE_SECTIONS);
    assert_int_equal(fi_block_reader_section(reader, 0)->kind, 7);
    assert_int_equal(fi_block_reader_section(reader, 1)->kind, 9);
    assert_int_equal(fi_block_reader_section(reader, 1)->ref.offset, fixture.refs[4].offset);
    assert_int_equal(fi_block_reader_section(reader, 1)->ref.raw_size, 1000);
    fi_block_reader_close(reader);

    assert_int_equal(fi_block_reader_open(fixture.dir, "a", FI_BLOCK_FILE_PACK, &reader, &err),
                     FIRN_CORRUPT);
    assert_null(reader);
    assert_non_null(strstr(err.text, "expected a pack"));
    assert_int_equal(fi_block_reader_open(fixture.dir, "a", FI_BLOCK_FILE_VALUES, &reader, &err),
                     FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "expected a file of values"));
    assert_int_equal(fi_block_reader_open(fixture.dir, "b", FI_BLOCK_FILE_ROW, &reader, &err),
                     FIRN_NOT_FOUND);
    block_fixture_deinit(&fixture);
}

/* Bytes that are not a file of this machine. */
struct elsewhere {
    struct fi_buf bytes;
    uint64_t lowest; /* offset that was read */
    uint64_t reads;
    uint64_t fails_at; /* this read, from 1; 0: none */
};

static int
read_elsewhere(void *ctx, uint64_t offset, void *out, size_t size, firn_error *err)
{
    struct elsewhere *elsewhere = ctx;
    assert_true(offset <= elsewhere->bytes.size && size <= elsewhere->bytes.size - offset);
    elsewhere->lowest = offset < elsewhere->lowest ? offset : elsewhere->lowest;
    if (++elsewhere->reads == elsewhere->fails_at) {
        return fi_error_set(err, FIRN_IO, "no answer");
    }
    memcpy(out, elsewhere->bytes.data + offset, size);
    return FIRN_OK;
}

static void
a_source_is_read_from_its_end(void **state)
{
    firn_error err;
    struct block_fixture fixture;
    struct fi_block_reader *reader;
    struct fi_buf raw = {0};
    struct elsewhere elsewhere = {.lowest = UINT64_MAX};
    block_fixture_init(&fixture);
    block_fixture_fill(&fixture);
    assert_int_equal(block_fixture_write(&fixture, fixture.dir, "a", &err), FIRN_OK);
    test_file_read(fixture.dir, "a", &elsewhere.bytes);
    struct fi_block_source source = {.read = read_elsewhere,
                                     .ctx = &elsewhere,
                                     .size_bytes = elsewhere.bytes.size,
                                     .path = "elsewhere/a"};
    memset(elsewhere.bytes.data, 0, FI_BLOCK_BODY_START);
    assert_int_equal(fi_block_reader_open_source(&source, FI_BLOCK_FILE_ROW, &reader, &err),
                     FIRN_OK);
    assert_string_equal(fi_block_reader_path(reader), "elsewhere/a");
    assert_int_equal(elsewhere.lowest, fi_block_reader_body_end(reader));
    const struct fi_block_section *section = fi_block_reader_section(reader, 1);
    assert_int_equal(fi_block_reader_read(reader, &section->ref, fixture.compress, &raw, &err),
                     FIRN_OK);
    assert_int_equal(raw.size, 1000);
    assert_int_equal(elsewhere.lowest, section->ref.offset);
    fi_block_reader_close(reader);
    for (elsewhere.fails_at = 1; elsewhere.fails_at <= 4; elsewhere.fails_at++) {
        elsewhere.reads = 0;
        assert_int_equal(fi_block_reader_open_source(&source, FI_BLOCK_FILE_ROW, &reader, &err),
                         FIRN_IO);
        assert_null(reader);
    }
    elsewhere.fails_at = 0;
    assert_int_equal(fi_block_reader_open_source(&source, FI_BLOCK_FILE_PACK, &reader, &err),
                     FIRN_CORRUPT);
    for (source.size_bytes = 0; source.size_bytes < elsewhere.bytes.size;
         source.size_bytes += 100) {
        assert_int_equal(fi_block_reader_open_source(&source, FI_BLOCK_FILE_ROW, &reader, &err),
                         FIRN_CORRUPT);
    }
    fi_buf_deinit(&raw);
    fi_buf_deinit(&elsewhere.bytes);
    block_fixture_deinit(&fixture);
}

/* Sizes around every edge of the chunks of 1 MiB in which the body is written. */
static void
blocks_may_end_anywhere_in_a_chunk(void **state)
{
    static const uint32_t sizes[] = {0,       7,       (1 << 20) - 128 - 24 - 24 - 8 - 24 - 16,
                                     1 << 20, 1,       (1 << 20) - 24,
                                     65536,   3 << 20, (2 << 20) + 5};
    enum { COUNT = sizeof sizes / sizeof sizes[0] };
    firn_error err;
    struct block_fixture fixture;
    block_fixture_init(&fixture);
    struct test_random random;
    test_random_init(&random, "block", 11);
    uint8_t *bytes = fi_alloc(4 << 20);
    test_random_fill(&random, bytes, 4 << 20);
    struct fi_block_ref refs[COUNT];
    struct fi_block_writer *writer;
    assert_int_equal(fi_block_writer_create(fixture.dir, "a", FI_BLOCK_FILE_ROW, &writer, &err),
                     FIRN_OK);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(fi_block_writer_add(writer, FI_CODEC_NONE, firn_bytes(bytes + i, sizes[i]),
                                             sizes[i], &refs[i], &err),
                         FIRN_OK);
        assert_int_equal(refs[i].offset % 8, 0);
    }
    uint64_t body = fi_block_writer_size_bytes(writer);
    uint64_t size;
    assert_int_equal(fi_block_writer_finish(writer, &size, &err), FIRN_OK);
    fi_block_writer_destroy(writer);

    struct fi_buf raw = {0};
    struct fi_block_reader *reader;
    assert_int_equal(fi_block_reader_open(fixture.dir, "a", FI_BLOCK_FILE_ROW, &reader, &err),
                     FIRN_OK);
    assert_int_equal(fi_block_reader_size_bytes(reader), size);
    assert_int_equal(fi_block_reader_body_end(reader), body);
    assert_int_equal(fi_block_reader_chunk_count(reader), (body + (1 << 20) - 1) >> 20);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(fi_block_reader_read(reader, &refs[i], fixture.compress, &raw, &err),
                         FIRN_OK);
        assert_int_equal(raw.size, sizes[i]);
        assert_memory_equal(raw.data, bytes + i, sizes[i]);
    }
    assert_int_equal(fi_block_reader_verify_body(reader, &err), FIRN_OK);
    fi_block_reader_close(reader);
    fi_buf_deinit(&raw);
    fi_free(bytes);
    block_fixture_deinit(&fixture);
}

static void
a_body_that_ends_with_a_chunk_is_whole(void **state)
{
    firn_error err;
    struct block_fixture fixture;
    block_fixture_init(&fixture);
    uint32_t size = (1 << 20) - 128 - 24;
    uint8_t *bytes = fi_alloc_zeroed(size);
    struct fi_block_ref ref;
    struct fi_block_writer *writer;
    assert_int_equal(fi_block_writer_create(fixture.dir, "a", FI_BLOCK_FILE_ROW, &writer, &err),
                     FIRN_OK);
    assert_int_equal(
        fi_block_writer_add(writer, FI_CODEC_NONE, firn_bytes(bytes, size), size, &ref, &err),
        FIRN_OK);
    assert_int_equal(fi_block_writer_size_bytes(writer), 1 << 20);
    assert_int_equal(fi_block_writer_finish(writer, NULL, &err), FIRN_OK);
    fi_block_writer_destroy(writer);
    struct fi_block_reader *reader;
    assert_int_equal(fi_block_reader_open(fixture.dir, "a", FI_BLOCK_FILE_ROW, &reader, &err),
                     FIRN_OK);
    assert_int_equal(fi_block_reader_chunk_count(reader), 1);
    assert_int_equal(fi_block_reader_verify_body(reader, &err), FIRN_OK);
    fi_block_reader_close(reader);
    fi_free(bytes);
    block_fixture_deinit(&fixture);
}

static void
a_file_without_blocks_is_a_file(void **state)
{
    firn_error err;
    struct block_fixture fixture;
    block_fixture_init(&fixture);
    struct fi_block_writer *writer;
    assert_int_equal(fi_block_writer_create(fixture.dir, "a", FI_BLOCK_FILE_ROW, &writer, &err),
                     FIRN_OK);
    assert_int_equal(fi_block_writer_finish(writer, NULL, &err), FIRN_OK);
    assert_int_equal(fi_block_writer_finish(writer, NULL, &err), FIRN_MISUSE);
    fi_block_writer_destroy(writer);
    struct fi_block_reader *reader;
    assert_int_equal(fi_block_reader_open(fixture.dir, "a", FI_BLOCK_FILE_ROW, &reader, &err),
                     FIRN_OK);
    assert_int_equal(fi_block_reader_section_count(reader), 0);
    assert_int_equal(fi_block_reader_verify_body(reader, &err), FIRN_OK);
    fi_block_reader_close(reader);
    block_fixture_deinit(&fixture);
}

static void
what_is_too_large_or_contradicts_itself_is_refused(void **state)
{
    firn_error err;
    struct block_fixture fixture;
    block_fixture_init(&fixture);
    struct fi_block_ref ref;
    struct fi_block_writer *writer;
    assert_int_equal(fi_block_writer_create(fixture.dir, "a", FI_BLOCK_FILE_ROW, &writer, &err),
                     FIRN_OK);
    assert_int_equal(fi_block_writer_add(writer, FI_CODEC_ZSTD, firn_str("x"),
                                         FI_BLOCK_SIZE_MAX + 1, &ref, &err),
                     FIRN_LIMIT);
    assert_int_equal(fi_block_writer_add(writer, FI_CODEC_NONE, firn_str("x"), 2, &ref, &err),
                     FIRN_INVALID);
    assert_int_equal(fi_block_writer_add(writer, FI_CODEC_NONE, firn_str("x"), 1, &ref, &err),
                     FIRN_OK);
    for (size_t i = 0; i < FI_BLOCK_SECTIONS_MAX; i++) {
        assert_int_equal(fi_block_writer_add_section(writer, 1, &ref, &err), FIRN_OK);
    }
    assert_int_equal(fi_block_writer_add_section(writer, 1, &ref, &err), FIRN_LIMIT);
    assert_int_equal(fi_block_writer_finish(writer, NULL, &err), FIRN_OK);
    fi_block_writer_destroy(writer);
    struct fi_block_reader *reader;
    assert_int_equal(fi_block_reader_open(fixture.dir, "a", FI_BLOCK_FILE_ROW, &reader, &err),
                     FIRN_OK);
    assert_int_equal(fi_block_reader_section_count(reader), FI_BLOCK_SECTIONS_MAX);
    fi_block_reader_close(reader);
    block_fixture_deinit(&fixture);
}

static void
the_name_appears_when_finished_and_nothing_stays_otherwise(void **state)
{
    firn_error err;
    struct block_fixture fixture;
    block_fixture_init(&fixture);
    block_fixture_fill(&fixture);
    struct fi_block_writer *writer;
    assert_int_equal(fi_block_writer_create(fixture.dir, "a", FI_BLOCK_FILE_ROW, &writer, &err),
                     FIRN_OK);
    assert_false(test_file_exists(fixture.dir, "a"));
    assert_true(test_file_exists(fixture.dir, "a.tmp"));
    fi_block_writer_destroy(writer);
    assert_int_equal(test_file_count(fixture.dir), 0);

    test_file_write(fixture.dir, "a", "mine", 4);
    assert_int_equal(block_fixture_write(&fixture, fixture.dir, "a", &err), FIRN_EXISTS);
    assert_int_equal(test_file_count(fixture.dir), 1);
    struct fi_buf bytes = {0};
    test_file_read(fixture.dir, "a", &bytes);
    assert_int_equal(bytes.size, 4);
    fi_buf_deinit(&bytes);
    block_fixture_deinit(&fixture);
}

static void
a_name_that_was_taken_meanwhile_is_not_overwritten(void **state)
{
    firn_error err;
    struct block_fixture fixture;
    block_fixture_init(&fixture);
    struct fi_block_writer *writer;
    assert_int_equal(fi_block_writer_create(fixture.dir, "a", FI_BLOCK_FILE_ROW, &writer, &err),
                     FIRN_OK);
    test_file_write(fixture.dir, "a", "mine", 4);
    assert_int_equal(fi_block_writer_finish(writer, NULL, &err), FIRN_EXISTS);
    fi_block_writer_destroy(writer);
    assert_int_equal(test_file_count(fixture.dir), 1);
    struct fi_buf bytes = {0};
    test_file_read(fixture.dir, "a", &bytes);
    assert_int_equal(bytes.size, 4);
    fi_buf_deinit(&bytes);
    static const char *const bad[] = {"", ".", "..", "x/y", "/x"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(
            fi_block_writer_create(fixture.dir, bad[i], FI_BLOCK_FILE_ROW, &writer, &err),
            FIRN_INVALID);
        assert_null(writer);
    }
    assert_int_equal(test_file_count(fixture.dir), 1);
    block_fixture_deinit(&fixture);
}

static void
a_leftover_is_taken_over_but_not_another_writer_nor_another_name(void **state)
{
    firn_error err;
    struct block_fixture fixture;
    block_fixture_init(&fixture);
    block_fixture_fill(&fixture);
    uint8_t garbage[5000];
    memset(garbage, 0xee, sizeof garbage);
    test_file_write(fixture.dir, "a.tmp", garbage, sizeof garbage);
    assert_int_equal(block_fixture_write(&fixture, fixture.dir, "a", &err), FIRN_OK);
    assert_int_equal(block_fixture_read(&fixture, fixture.dir, "a", &err), FIRN_OK);
    assert_int_equal(test_file_count(fixture.dir), 1);

    struct fi_block_writer *writer;
    struct fi_block_writer *other;
    assert_int_equal(fi_block_writer_create(fixture.dir, "b", FI_BLOCK_FILE_ROW, &writer, &err),
                     FIRN_OK);
    assert_int_equal(fi_block_writer_create(fixture.dir, "b", FI_BLOCK_FILE_ROW, &other, &err),
                     FIRN_BUSY);
    assert_null(other);
    assert_true(test_file_exists(fixture.dir, "b.tmp"));
    assert_int_equal(fi_block_writer_finish(writer, NULL, &err), FIRN_OK);
    fi_block_writer_destroy(writer);

    /* Somebody's file that happens to bear the temporary name too. */
    test_file_write(fixture.dir, "precious", "precious", 8);
    assert_int_equal(fi_os_link(fixture.dir, "precious", fixture.dir, "c.tmp", &err), FIRN_OK);
    assert_int_equal(fi_block_writer_create(fixture.dir, "c", FI_BLOCK_FILE_ROW, &writer, &err),
                     FIRN_EXISTS);
    struct fi_buf bytes = {0};
    test_file_read(fixture.dir, "precious", &bytes);
    assert_int_equal(bytes.size, 8);
    assert_true(test_file_exists(fixture.dir, "c.tmp"));
    fi_buf_deinit(&bytes);
    block_fixture_deinit(&fixture);
}

/* ---- many threads ---- */

enum { THREADS = 4, BLOCKS_EACH = 120 };

struct adding {
    struct fi_block_writer *writer;
    uint64_t seed;
    struct fi_block_ref refs[BLOCKS_EACH];
    int rc;
};

static size_t
form_block(uint64_t seed, size_t i, uint8_t *out)
{
    struct test_random random = {.state = seed * 1000 + i};
    size_t size = (size_t)test_random_below(&random, 60000);
    test_random_fill(&random, out, size);
    return size;
}

static void
add_blocks(void *arg)
{
    struct adding *adding = arg;
    uint8_t *bytes = fi_alloc(60000);
    for (size_t i = 0; i < BLOCKS_EACH && adding->rc == FIRN_OK; i++) {
        size_t size = form_block(adding->seed, i, bytes);
        adding->rc = fi_block_writer_add(adding->writer, FI_CODEC_NONE, firn_bytes(bytes, size),
                                         (uint32_t)size, &adding->refs[i], NULL);
    }
    fi_free(bytes);
}

static void
threads_add_at_once_and_every_block_comes_back(void **state)
{
    firn_error err;
    char path[TEST_TEMP_SIZE];
    test_temp_make(path, sizeof path);
    struct fi_os *os = fi_os_default();
    struct fi_os_dir *dir;
    assert_int_equal(fi_os_dir_open_path(os, path, &dir, &err), FIRN_OK);
    struct fi_block_writer *writer;
    assert_int_equal(fi_block_writer_create(dir, "a", FI_BLOCK_FILE_ROW, &writer, &err), FIRN_OK);
    struct fi_os_jobs *jobs;
    assert_int_equal(fi_os_jobs_create(os, THREADS, &jobs, &err), FIRN_OK);
    static struct adding adding[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        adding[i] = (struct adding){.writer = writer, .seed = i + 1};
        assert_int_equal(fi_os_jobs_submit(jobs, add_blocks, &adding[i], &err), FIRN_OK);
    }
    fi_os_jobs_wait(jobs);
    fi_os_jobs_destroy(jobs);
    assert_int_equal(fi_block_writer_finish(writer, NULL, &err), FIRN_OK);
    fi_block_writer_destroy(writer);

    struct fi_compress *compress;
    struct fi_block_reader *reader;
    struct fi_buf raw = {0};
    uint8_t *expected = fi_alloc(60000);
    assert_int_equal(fi_compress_create(&compress, &err), FIRN_OK);
    assert_int_equal(fi_block_reader_open(dir, "a", FI_BLOCK_FILE_ROW, &reader, &err), FIRN_OK);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(adding[i].rc, FIRN_OK);
        for (size_t j = 0; j < BLOCKS_EACH; j++) {
            size_t size = form_block(adding[i].seed, j, expected);
            assert_int_equal(fi_block_reader_read(reader, &adding[i].refs[j], compress, &raw, &err),
                             FIRN_OK);
            assert_int_equal(raw.size, size);
            assert_memory_equal(raw.data, expected, size);
        }
    }
    assert_int_equal(fi_block_reader_verify_body(reader, &err), FIRN_OK);
    fi_block_reader_close(reader);
    fi_compress_destroy(compress);
    fi_buf_deinit(&raw);
    fi_free(expected);
    assert_int_equal(fi_os_remove_file(dir, "a", &err), FIRN_OK);
    fi_os_dir_close(dir);
    assert_int_equal(rmdir(path), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_all_codecs_come_back_with_their_sections),
        cmocka_unit_test(a_source_is_read_from_its_end),
        cmocka_unit_test(blocks_may_end_anywhere_in_a_chunk),
        cmocka_unit_test(a_body_that_ends_with_a_chunk_is_whole),
        cmocka_unit_test(a_file_without_blocks_is_a_file),
        cmocka_unit_test(what_is_too_large_or_contradicts_itself_is_refused),
        cmocka_unit_test(the_name_appears_when_finished_and_nothing_stays_otherwise),
        cmocka_unit_test(a_name_that_was_taken_meanwhile_is_not_overwritten),
        cmocka_unit_test(a_leftover_is_taken_over_but_not_another_writer_nor_another_name),
        cmocka_unit_test(threads_add_at_once_and_every_block_comes_back),
    };
    return cmocka_run_group_tests_name("block_file", tests, NULL, NULL);
}
