/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/block: what can be found when the table of contents cannot, and what must not be found.
 */
#include "unit/block/block_fixture.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "block/block_format.h"
#include "posix/os_default.h"
#include "sim/sim_fault.h"
#include "support/test_os.h"
#include "support/test_random.h"
#include "support/test_seal.h"

struct salvage {
    struct block_fixture *fixture;
    bool found[BLOCK_FIXTURE_COUNT];
    size_t count;
    int answer;
};

static int
visit(void *ctx, const struct fi_block_ref *ref, enum fi_codec codec, firn_slice stored,
      firn_error *err)
{
    struct salvage *salvage = ctx;
    struct block_fixture *fixture = salvage->fixture;
    for (size_t i = 0; i < BLOCK_FIXTURE_COUNT; i++) {
        if (fixture->refs[i].offset == ref->offset) {
            uint8_t raw[2000];
            assert_int_equal(ref->raw_size, fixture->raw[i].size);
            assert_int_equal(ref->stored_size, stored.size);
            assert_int_equal(
                fi_compress_decode(fixture->compress, codec, stored, raw, ref->raw_size, err),
                FIRN_OK);
            assert_memory_equal(raw, fixture->raw[i].data, ref->raw_size);
            assert_false(salvage->found[i]);
            salvage->found[i] = true;
        }
    }
    salvage->count++;
    return salvage->answer;
}

static int
salvage_bytes(struct salvage *salvage, struct block_fixture *fixture, const void *data, size_t size,
              firn_error *err)
{
    *salvage = (struct salvage){.fixture = fixture, .answer = salvage->answer};
    test_file_write(fixture->dir, "bad", data, size);
    return fi_block_salvage(fixture->dir, "bad", FI_BLOCK_FILE_ROW, visit, salvage, err);
}

static void
sample(struct block_fixture *fixture, struct fi_buf *out)
{
    block_fixture_init(fixture);
    block_fixture_fill(fixture);
    assert_int_equal(block_fixture_write(fixture, fixture->dir, "a", NULL), FIRN_OK);
    *out = (struct fi_buf){0};
    test_file_read(fixture->dir, "a", out);
}

static void
all_blocks_are_found_without_contents_header_or_footer(void **state)
{
    firn_error err;
    struct fi_buf file;
    struct block_fixture fixture;
    struct salvage salvage = {0};
    sample(&fixture, &file);
    uint64_t toc = fi_load_le64(file.data + file.size - 128 + 32);
    assert_int_equal(salvage_bytes(&salvage, &fixture, file.data, file.size, &err), FIRN_OK);
    assert_int_equal(salvage.count, BLOCK_FIXTURE_COUNT);
    for (size_t size = (size_t)toc; size < file.size; size += 5) {
        assert_int_equal(salvage_bytes(&salvage, &fixture, file.data, size, &err), FIRN_OK);
        assert_int_equal(salvage.count, BLOCK_FIXTURE_COUNT);
    }
    memset(file.data, 0, 128);
    assert_int_equal(salvage_bytes(&salvage, &fixture, file.data, file.size, &err), FIRN_OK);
    assert_int_equal(salvage.count, BLOCK_FIXTURE_COUNT);
    memset(file.data + toc, 0xff, file.size - (size_t)toc - 128);
    assert_int_equal(salvage_bytes(&salvage, &fixture, file.data, file.size, &err), FIRN_OK);
    assert_int_equal(salvage.count, BLOCK_FIXTURE_COUNT);
    file.data[file.size - 1] ^= 1;
    assert_int_equal(salvage_bytes(&salvage, &fixture, file.data, file.size, &err), FIRN_CORRUPT);
    assert_int_equal(salvage.count, 0);
    assert_int_equal(salvage_bytes(&salvage, &fixture, file.data, 100, &err), FIRN_CORRUPT);
    fi_buf_deinit(&file);
    block_fixture_deinit(&fixture);
}

static void
a_changed_byte_costs_one_block_and_no_other(void **state)
{
    firn_error err;
    struct fi_buf file;
    struct block_fixture fixture;
    struct salvage salvage = {0};
    sample(&fixture, &file);
    for (size_t i = 0; i < BLOCK_FIXTURE_COUNT; i++) {
        size_t start = (size_t)fixture.refs[i].offset;
        size_t size = 24 + fixture.refs[i].stored_size;
        for (size_t at = start; at < start + size; at++) {
            file.data[at] ^= 0x20;
            assert_int_equal(salvage_bytes(&salvage, &fixture, file.data, file.size, &err),
                             FIRN_OK);
            assert_int_equal(salvage.count, BLOCK_FIXTURE_COUNT - 1);
            assert_false(salvage.found[i]);
            file.data[at] ^= 0x20;
        }
    }
    fi_buf_deinit(&file);
    block_fixture_deinit(&fixture);
}

static void
a_file_cut_short_gives_what_is_whole(void **state)
{
    firn_error err;
    struct fi_buf file;
    struct block_fixture fixture;
    struct salvage salvage = {0};
    sample(&fixture, &file);
    for (size_t size = 128; size < file.size; size += 3) {
        assert_int_equal(salvage_bytes(&salvage, &fixture, file.data, size, &err), FIRN_OK);
        for (size_t i = 0; i < BLOCK_FIXTURE_COUNT; i++) {
            const struct fi_block_ref *ref = &fixture.refs[i];
            assert_int_equal(salvage.found[i], ref->offset + 24 + ref->stored_size <= size);
        }
    }
    fi_buf_deinit(&file);
    block_fixture_deinit(&fixture);
}

static void
content_that_looks_like_blocks_is_not_taken_for_blocks(void **state)
{
    firn_error err;
    struct fi_buf inner;
    struct block_fixture fixture;
    sample(&fixture, &inner);
    /* A block file as the content of a block, which is then made unreadable by a change of its
     * prefix. */
    struct fi_block_ref ref;
    struct fi_block_writer *writer;
    assert_int_equal(fi_block_writer_create(fixture.dir, "outer", FI_BLOCK_FILE_ROW, &writer, &err),
                     FIRN_OK);
    assert_int_equal(fi_block_writer_add(writer, FI_CODEC_NONE, fi_buf_slice(&inner),
                                         (uint32_t)inner.size, &ref, &err),
                     FIRN_OK);
    assert_int_equal(fi_block_writer_finish(writer, NULL, &err), FIRN_OK);
    fi_block_writer_destroy(writer);
    struct fi_buf outer = {0};
    test_file_read(fixture.dir, "outer", &outer);
    memset(fixture.refs, 0,
           sizeof fixture.refs); /* those of the inner file, which must not come up */
    struct salvage salvage = {0};
    assert_int_equal(salvage_bytes(&salvage, &fixture, outer.data, outer.size, &err), FIRN_OK);
    assert_int_equal(salvage.count, 1);
    outer.data[ref.offset] ^= 1;
    assert_int_equal(salvage_bytes(&salvage, &fixture, outer.data, outer.size, &err), FIRN_OK);
    assert_int_equal(salvage.count, 0);
    fi_buf_deinit(&inner);
    fi_buf_deinit(&outer);
    block_fixture_deinit(&fixture);
}

static void
the_visitor_ends_the_walk(void **state)
{
    firn_error err;
    struct fi_buf file;
    struct block_fixture fixture;
    struct salvage salvage = {.answer = FIRN_CANCELLED};
    sample(&fixture, &file);
    assert_int_equal(salvage_bytes(&salvage, &fixture, file.data, file.size, &err), FIRN_CANCELLED);
    assert_int_equal(salvage.count, 1);
    fi_buf_deinit(&file);
    block_fixture_deinit(&fixture);
}

/* Every 8 bytes the prefix of a block that claims to be huge, with the right check: the walk must
 * not read each. */
static void
a_file_made_to_be_slow_is_not(void **state)
{
    firn_error err;
    struct fi_buf file;
    struct block_fixture fixture;
    struct salvage salvage = {0};
    sample(&fixture, &file);
    struct fi_block_file_id id;
    memcpy(id.bytes, file.data + 16, sizeof id.bytes);
    size_t size = 8 << 20;
    assert_int_equal(fi_buf_set_size(&file, size), FIRN_OK);
    memset(file.data + 128, 0, size - 128);
    for (size_t at = 128; at + 24 < size; at += 24) {
        uint8_t *prefix = file.data + at;
        fi_block_format_encode_prefix(FI_CODEC_ZSTD, 0, 1, prefix);
        fi_store_le32(prefix + 8, (uint32_t)(size - at - 24 < 1 << 20 ? 0 : 1 << 20));
        fi_block_format_seal_prefix(&id, at, firn_bytes(NULL, 0), prefix);
    }
    assert_int_equal(salvage_bytes(&salvage, &fixture, file.data, file.size, &err), FIRN_OK);
    assert_true(salvage.count < 100000);
    fi_buf_deinit(&file);
    block_fixture_deinit(&fixture);
}

static void
damage_at_random_never_yields_a_wrong_block(void **state)
{
    firn_error err;
    struct fi_buf file;
    struct block_fixture fixture;
    struct salvage salvage = {0};
    sample(&fixture, &file);
    struct fi_buf bad = {0};
    struct test_random random;
    test_random_init(&random, "block_salvage", 3);
    for (int round = 0; round < 500; round++) {
        fi_buf_clear(&bad);
        assert_int_equal(fi_buf_append_slice(&bad, fi_buf_slice(&file)), FIRN_OK);
        size_t start = (size_t)test_random_below(&random, bad.size);
        size_t size = (size_t)test_random_below(&random, bad.size - start) + 1;
        test_random_fill(&random, bad.data + start, size);
        int rc = salvage_bytes(&salvage, &fixture, bad.data, bad.size, &err);
        assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT);
    }
    fi_buf_deinit(&bad);
    fi_buf_deinit(&file);
    block_fixture_deinit(&fixture);
}

/* A file of a TiB on the disk, with one block more behind half of it. */
static void
holes_are_not_read_and_hide_nothing(void **state)
{
    enum { CALLS_MAX = 64 };
    firn_error err;
    struct fi_buf bytes;
    struct fi_os *os;
    struct fi_os_dir *dir;
    struct fi_os_file *file;
    struct block_fixture fixture;
    struct salvage salvage = {0};
    sample(&fixture, &bytes);
    struct fi_os_dir *disk = test_os_temp_dir();
    test_os_put(disk, "a", bytes.data, bytes.size);
    TEST_OK(fi_os_file_open(disk, "a", FI_OS_READ | FI_OS_WRITE, 0, &file, &err), &err);

    /* A block of this file 8 bytes into a block of the disk, far away. */
    const uint64_t far = (UINT64_C(1) << 39) + 8;
    struct fi_block_file_id id;
    uint8_t block[FI_BLOCK_FORMAT_PREFIX_SIZE + 8] = {0};
    struct fi_block_format_seal seal;
    TEST_OK(fi_block_format_decode_header(bytes.data, FI_BLOCK_FILE_ROW, "a", &id, &seal, &err),
            &err);
    fi_block_format_encode_prefix(FI_CODEC_NONE, 8, 8, block);
    fi_block_format_seal_prefix(&id, far, firn_bytes(block + FI_BLOCK_FORMAT_PREFIX_SIZE, 8),
                                block);
    TEST_OK(fi_os_file_write(file, far, block, sizeof block, &err), &err);
    TEST_OK(fi_os_file_truncate(file, UINT64_C(1) << 40, &err), &err);
    fi_os_file_close(file);

    TEST_OK(fi_sim_fault_create(fi_os_default(), &os, &err), &err);
    TEST_OK(fi_os_dir_open_path(os, fi_os_dir_path(disk), &dir, &err), &err);
    salvage = (struct salvage){.fixture = &fixture, .answer = FIRN_OK};
    fi_sim_fault_set_plan(os, NULL);
    TEST_OK(fi_block_salvage(dir, "a", FI_BLOCK_FILE_ROW, visit, &salvage, &err), &err);
    assert_true(fi_sim_fault_calls(os) <= CALLS_MAX);
    assert_int_equal(salvage.count, BLOCK_FIXTURE_COUNT + 1);
    fi_os_dir_close(dir);
    fi_sim_fault_destroy(os);
    test_os_temp_dir_remove(disk);
    fi_buf_deinit(&bytes);
    block_fixture_deinit(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_blocks_are_found_without_contents_header_or_footer),
        cmocka_unit_test(a_changed_byte_costs_one_block_and_no_other),
        cmocka_unit_test(a_file_cut_short_gives_what_is_whole),
        cmocka_unit_test(content_that_looks_like_blocks_is_not_taken_for_blocks),
        cmocka_unit_test(the_visitor_ends_the_walk),
        cmocka_unit_test(a_file_made_to_be_slow_is_not),
        cmocka_unit_test(damage_at_random_never_yields_a_wrong_block),
        cmocka_unit_test(holes_are_not_read_and_hide_nothing),
    };
    return cmocka_run_group_tests_name("block_salvage", tests, NULL, NULL);
}
