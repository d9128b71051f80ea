/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/block: the format is what docs/formats/block.md says: the bytes of a small file, field by
 * field and as a golden file.
 *
 * Contents of tests/formats/block/plain.block: identity 00 01 … 0f, kind row run; a block "firn"
 * (plain), an empty block, a block of 100 times "ab" as its codec LZ4 gives it; section 7 names the
 * first, section 300 the third. FIRN_TEST_WRITE_GOLDEN=1 writes the file anew: only for a new
 * format.
 */
#include "unit/block/block_fixture.h"

#include "base/bytes.h"
#include "block/block_format.h"
#include "codec/blake3_hash.h"
#include "codec/xxh3.h"
#include "support/test_identity.h"

enum { LZ4_RAW_SIZE = 200 };
/* Two literals, a match of 186 bytes at distance 2, twelve literals; made by hand after LZ4's block
 * format. */
static const uint8_t lz4_block[] = {0x2f, 'a', 'b', 2,   0,   167, 0xc0, 'a', 'b', 'a',
                                    'b',  'a', 'b', 'a', 'b', 'a', 'b',  'a', 'b'};

static void
write_golden_contents(struct fi_os_dir *dir)
{
    firn_error err;
    struct fi_block_ref refs[3];
    struct fi_block_writer *writer;
    assert_int_equal(fi_block_writer_create(dir, "plain", FI_BLOCK_FILE_ROW, &writer, &err),
                     FIRN_OK);
    assert_int_equal(
        fi_block_writer_add(writer, FI_CODEC_NONE, firn_str("firn"), 4, &refs[0], &err), FIRN_OK);
    assert_int_equal(fi_block_writer_add(writer, FI_CODEC_NONE, firn_str(""), 0, &refs[1], &err),
                     FIRN_OK);
    assert_int_equal(fi_block_writer_add(writer, FI_CODEC_LZ4,
                                         firn_bytes(lz4_block, sizeof lz4_block), LZ4_RAW_SIZE,
                                         &refs[2], &err),
                     FIRN_OK);
    assert_int_equal(fi_block_writer_add_section(writer, 7, &refs[0], &err), FIRN_OK);
    assert_int_equal(fi_block_writer_add_section(writer, 300, &refs[2], &err), FIRN_OK);
    assert_int_equal(fi_block_writer_finish(writer, NULL, &err), FIRN_OK);
    fi_block_writer_destroy(writer);
}

static void
read_golden_contents(struct fi_os_dir *dir, struct fi_compress *compress)
{
    firn_error err;
    struct fi_buf raw = {0};
    struct fi_block_reader *reader;
    assert_int_equal(fi_block_reader_open(dir, "plain", FI_BLOCK_FILE_ROW, &reader, &err), FIRN_OK);
    assert_int_equal(fi_block_reader_section_count(reader), 2);
    assert_int_equal(fi_block_reader_section(reader, 0)->kind, 7);
    assert_int_equal(fi_block_reader_read(reader, &fi_block_reader_section(reader, 0)->ref,
                                          compress, &raw, &err),
                     FIRN_OK);
    assert_int_equal(raw.size, 4);
    assert_memory_equal(raw.data, "firn", 4);
    assert_int_equal(fi_block_reader_section(reader, 1)->kind, 300);
    assert_int_equal(fi_block_reader_read(reader, &fi_block_reader_section(reader, 1)->ref,
                                          compress, &raw, &err),
                     FIRN_OK);
    assert_int_equal(raw.size, LZ4_RAW_SIZE);
    for (size_t i = 0; i < LZ4_RAW_SIZE; i++) {
        assert_int_equal(raw.data[i], i % 2 == 0 ? 'a' : 'b');
    }
    assert_int_equal(fi_block_reader_verify_body(reader, &err), FIRN_OK);
    fi_block_reader_close(reader);
    fi_buf_deinit(&raw);
}

static void
the_writer_makes_the_golden_file_and_the_reader_reads_it(void **state)
{
    struct fi_os_ops ops;
    struct block_fixture fixture;
    block_fixture_init(&fixture);
    test_identity_fix(fixture.os, &ops);
    write_golden_contents(fixture.dir);
    struct fi_buf bytes = {0};
    test_file_read(fixture.dir, "plain", &bytes);
    test_file_compare_golden("tests/formats/block/plain.block", fi_buf_slice(&bytes));
    read_golden_contents(fixture.dir, fixture.compress);
    fi_buf_deinit(&bytes);
    block_fixture_deinit(&fixture);
}

/* Written after the document, not after the code. */
static void
every_field_is_where_the_document_says(void **state)
{
    struct fi_os_ops ops;
    struct block_fixture fixture;
    block_fixture_init(&fixture);
    test_identity_fix(fixture.os, &ops);
    write_golden_contents(fixture.dir);
    struct fi_buf buf = {0};
    test_file_read(fixture.dir, "plain", &buf);
    const uint8_t *file = buf.data;
    uint8_t id[16];
    for (size_t i = 0; i < 16; i++) {
        id[i] = (uint8_t)i;
    }
    static const uint8_t zeros[64];

    assert_memory_equal(file, "\xf1\x66\x69\x72\x6e\x0d\x0a\x1a", 8);
    assert_int_equal(fi_load_le32(file + 8), 1);
    assert_int_equal(fi_load_le32(file + 12), 1);
    assert_memory_equal(file + 16, id, 16);
    assert_memory_equal(file + 32, zeros, 24);
    assert_memory_equal(file + 56, zeros, 64);
    assert_true(fi_load_le64(file + 120) == fi_xxh3(file, 120, 0));

    const uint8_t *block = file + 128;
    assert_memory_equal(block, "\xb1\x0c\x00\x00", 4);
    assert_int_equal(fi_load_le32(block + 8), 4);
    assert_int_equal(fi_load_le32(block + 12), 4);
    assert_memory_equal(block + 24, "firn\0\0\0\0", 8);
    uint8_t place[44];
    memcpy(place, id, 16);
    fi_store_le64(place + 16, 128);
    memcpy(place + 24, block, 4);
    memcpy(place + 28, block + 8, 8);
    uint64_t checksum = fi_xxh3("firn", 4, fi_xxh3(place, 36, 0));
    assert_true(fi_load_le64(block + 16) == checksum);
    fi_store_le64(place + 36, checksum);
    assert_int_equal(fi_load_le32(block + 4), (uint32_t)fi_xxh3(place, 44, 0));

    const uint8_t *empty = block + 32;
    assert_memory_equal(empty, "\xb1\x0c\x00\x00", 4);
    assert_int_equal(fi_load_le64(empty + 8), 0);
    const uint8_t *lz4 = empty + 24;
    assert_memory_equal(lz4, "\xb1\x0c\x01\x00", 4);
    assert_int_equal(fi_load_le32(lz4 + 8), sizeof lz4_block);
    assert_int_equal(fi_load_le32(lz4 + 12), LZ4_RAW_SIZE);
    assert_memory_equal(lz4 + 24, lz4_block, sizeof lz4_block);

    const uint8_t *toc = lz4 + 48;
    assert_int_equal(fi_load_le32(toc), 2);
    assert_int_equal(fi_load_le32(toc + 4), 0);
    assert_int_equal(fi_load_le64(toc + 8), 1);
    assert_int_equal(fi_load_le64(toc + 16), 7);
    assert_int_equal(fi_load_le64(toc + 24), 128);
    assert_int_equal(fi_load_le32(toc + 32), 4);
    assert_int_equal(fi_load_le32(toc + 36), 4);
    assert_int_equal(fi_load_le64(toc + 40), 300);
    assert_int_equal(fi_load_le64(toc + 48), lz4 - file);
    firn_hash hash;
    fi_blake3_hash_of(file, (size_t)(toc - file), &hash);
    assert_memory_equal(toc + 64, hash.bytes, 32);

    const uint8_t *footer = toc + 96;
    assert_memory_equal(footer, "\xf1\x66\x69\x72\x6e\x65\x6e\x64", 8);
    assert_int_equal(fi_load_le32(footer + 8), 1);
    assert_int_equal(fi_load_le32(footer + 12), 1);
    assert_memory_equal(footer + 16, id, 16);
    assert_int_equal(fi_load_le64(footer + 32), toc - file);
    assert_int_equal(fi_load_le64(footer + 40), 96);
    assert_int_equal(fi_load_le64(footer + 48), buf.size);
    fi_blake3_hash_of(toc, 96, &hash);
    assert_memory_equal(footer + 56, hash.bytes, 32);
    assert_memory_equal(footer + 88, zeros, 32);
    assert_true(fi_load_le64(footer + 120) == fi_xxh3(footer, 120, 0));
    assert_int_equal(footer + 128 - file, buf.size);
    fi_buf_deinit(&buf);
    block_fixture_deinit(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_writer_makes_the_golden_file_and_the_reader_reads_it),
        cmocka_unit_test(every_field_is_where_the_document_says),
    };
    return cmocka_run_group_tests_name("block_format", tests, NULL, NULL);
}
