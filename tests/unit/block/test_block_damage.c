/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/block: a reader believes nothing. Every byte changed, every length cut, blocks moved, ends
 * exchanged, numbers that lie under right checksums.
 */
#include "unit/block/block_fixture.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "block/block_format.h"
#include "support/test_alloc.h"
#include "support/test_random.h"
#include "support/test_seal.h"

/* The sample as bytes, and the fixture to judge copies of it. */
struct damage {
    struct block_fixture fixture;
    struct fi_buf good;
    struct fi_buf bad;
};

static void
damage_init(struct damage *damage)
{
    firn_error err;
    *damage = (struct damage){0};
    block_fixture_init(&damage->fixture);
    block_fixture_fill(&damage->fixture);
    assert_int_equal(block_fixture_write(&damage->fixture, damage->fixture.dir, "a", &err),
                     FIRN_OK);
    test_file_read(damage->fixture.dir, "a", &damage->good);
}

static void
damage_deinit(struct damage *damage)
{
    fi_buf_deinit(&damage->good);
    fi_buf_deinit(&damage->bad);
    block_fixture_deinit(&damage->fixture);
}

/* A fresh copy to be damaged. */
static uint8_t *
damage_copy(struct damage *damage)
{
    fi_buf_clear(&damage->bad);
    assert_int_equal(fi_buf_append_slice(&damage->bad, fi_buf_slice(&damage->good)), FIRN_OK);
    return damage->bad.data;
}

/* What reading the first `size` bytes of the copy gives. */
static int
damage_read_part(struct damage *damage, size_t size, firn_error *err)
{
    test_file_write(damage->fixture.dir, "bad", damage->bad.data, size);
    return block_fixture_read(&damage->fixture, damage->fixture.dir, "bad", err);
}

static int
damage_read(struct damage *damage, firn_error *err)
{
    return damage_read_part(damage, damage->bad.size, err);
}

static void
every_changed_byte_is_found(void **state)
{
    firn_error err;
    struct damage damage;
    damage_init(&damage);
    static const uint8_t flips[] = {0x01, 0x80, 0xff, 0x10};
    size_t flip_count = getenv("FIRN_TEST_LONG") != NULL ? 4 : 2;
    for (size_t i = 0; i < damage.good.size; i++) {
        for (size_t flip = 0; flip < flip_count; flip++) {
            damage_copy(&damage)[i] ^= flips[flip];
            int rc = damage_read(&damage, &err);
            if (rc != FIRN_CORRUPT) {
                fail_msg("byte %zu ^ %02x: %s", i, flips[flip], firn_code_name(rc));
            }
            assert_non_null(strstr(err.text, "bad"));
        }
    }
    damage_deinit(&damage);
}

static void
every_length_is_found(void **state)
{
    firn_error err;
    struct damage damage;
    damage_init(&damage);
    damage_copy(&damage);
    assert_int_equal(damage_read(&damage, &err), FIRN_OK);
    for (size_t size = 0; size < damage.good.size; size++) {
        assert_int_equal(damage_read_part(&damage, size, &err), FIRN_CORRUPT);
    }
    for (size_t more = 1; more < 300; more++) {
        damage_copy(&damage);
        assert_int_equal(fi_buf_append_u8(&damage.bad, 0), FIRN_OK);
        assert_int_equal(fi_buf_set_size(&damage.bad, damage.good.size + more), FIRN_OK);
        memset(damage.bad.data + damage.good.size, (int)(more % 3), more);
        assert_int_equal(damage_read(&damage, &err), FIRN_CORRUPT);
    }
    damage_deinit(&damage);
}

static void
a_block_from_another_place_or_file_is_refused(void **state)
{
    firn_error err;
    struct block_fixture fixture;
    block_fixture_init(&fixture);
    struct fi_buf one = {0};
    struct fi_buf two = {0};
    struct fi_block_ref refs[2];
    for (int file = 0; file < 2; file++) {
        struct fi_block_writer *writer;
        assert_int_equal(fi_block_writer_create(fixture.dir, file == 0 ? "one" : "two",
                                                FI_BLOCK_FILE_ROW, &writer, &err),
                         FIRN_OK);
        for (size_t i = 0; i < 2; i++) {
            assert_int_equal(fi_block_writer_add(writer, FI_CODEC_NONE,
                                                 firn_str(i == 0 ? "same" : "size"), 4, &refs[i],
                                                 &err),
                             FIRN_OK);
        }
        assert_int_equal(fi_block_writer_finish(writer, NULL, &err), FIRN_OK);
        fi_block_writer_destroy(writer);
    }
    test_file_read(fixture.dir, "one", &one);
    test_file_read(fixture.dir, "two", &two);
    size_t span = (size_t)(refs[1].offset - refs[0].offset);
    struct fi_buf bad = {0};
    for (int source = 0; source < 2; source++) {
        fi_buf_clear(&bad);
        assert_int_equal(fi_buf_append_slice(&bad, fi_buf_slice(&one)), FIRN_OK);
        const uint8_t *from = source == 0 ? one.data + refs[1].offset : two.data + refs[0].offset;
        memcpy(bad.data + refs[0].offset, from, span);
        test_seal_toc(bad.data, bad.size);
        test_seal_edges(bad.data, bad.size);
        test_file_write(fixture.dir, "bad", bad.data, bad.size);
        struct fi_buf raw = {0};
        struct fi_block_reader *reader;
        assert_int_equal(fi_block_reader_open(fixture.dir, "bad", FI_BLOCK_FILE_ROW, &reader, &err),
                         FIRN_OK);
        assert_int_equal(fi_block_reader_verify_body(reader, &err), FIRN_OK);
        assert_int_equal(fi_block_reader_read(reader, &refs[0], fixture.compress, &raw, &err),
                         FIRN_CORRUPT);
        assert_int_equal(fi_block_reader_read(reader, &refs[1], fixture.compress, &raw, &err),
                         FIRN_OK);
        fi_block_reader_close(reader);
        fi_buf_deinit(&raw);
    }
    /* The head of one file with the rest of the other. */
    memcpy(two.data, one.data, 128);
    test_file_write(fixture.dir, "bad", two.data, two.size);
    struct fi_block_reader *reader;
    assert_int_equal(fi_block_reader_open(fixture.dir, "bad", FI_BLOCK_FILE_ROW, &reader, &err),
                     FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "different files"));
    fi_buf_deinit(&one);
    fi_buf_deinit(&two);
    fi_buf_deinit(&bad);
    block_fixture_deinit(&fixture);
}

static void
refs_that_name_no_block_are_refused_without_allocating(void **state)
{
    firn_error err;
    struct damage damage;
    damage_init(&damage);
    struct fi_block_reader *reader;
    assert_int_equal(
        fi_block_reader_open(damage.fixture.dir, "a", FI_BLOCK_FILE_ROW, &reader, &err), FIRN_OK);
    uint64_t end = fi_block_reader_body_end(reader);
    const struct fi_block_ref good = damage.fixture.refs[3];
    const struct fi_block_ref outside[] = {
        {0, good.stored_size, good.raw_size},
        {good.offset + 4, good.stored_size, good.raw_size},
        {good.offset, FI_BLOCK_SIZE_MAX, good.raw_size},
        {good.offset, good.stored_size, FI_BLOCK_SIZE_MAX + 1},
        {good.offset, UINT32_MAX, UINT32_MAX},
        {end, 0, 0},
        {UINT64_MAX - 7, 16, 16},
        {UINT64_MAX & ~UINT64_C(7), UINT32_MAX, 1},
    };
    struct fi_buf raw = {0};
    for (size_t i = 0; i < sizeof outside / sizeof outside[0]; i++) {
        assert_int_equal(
            fi_block_reader_read(reader, &outside[i], damage.fixture.compress, &raw, &err),
            FIRN_CORRUPT);
        assert_int_equal(raw.capacity, 0);
    }
    const struct fi_block_ref wrong[] = {
        {good.offset, good.stored_size - 1, good.raw_size},
        {good.offset, good.stored_size, good.raw_size - 1},
        {good.offset + 8, good.stored_size, good.raw_size},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(
            fi_block_reader_read(reader, &wrong[i], damage.fixture.compress, &raw, &err),
            FIRN_CORRUPT);
        assert_int_equal(raw.size, 0);
    }
    fi_buf_deinit(&raw);
    fi_block_reader_close(reader);
    damage_deinit(&damage);
}

/* ---- under right checksums ---- */

struct lie {
    const char *what;
    int at; /* negative: from the end of the file */
    int size;
    uint64_t value;
    int expected;
};

static void
store(uint8_t *at, int size, uint64_t value)
{
    for (int i = 0; i < size; i++) {
        at[i] = (uint8_t)(value >> (8 * i));
    }
}

static void
headers_and_footers_that_lie_are_refused(void **state)
{
    firn_error err;
    struct damage damage;
    damage_init(&damage);
    uint64_t size = damage.good.size;
    uint64_t toc = fi_load_le64(damage.good.data + size - 128 + 32);
    const struct lie lies[] = {
        {"newer version in the header", 8, 4, 2, FIRN_NEWER},
        {"version 0 in the header", 8, 4, 0, FIRN_CORRUPT},
        {"another kind in the header", 12, 4, FI_BLOCK_FILE_PACK, FIRN_CORRUPT},
        {"another identity in the header", 16, 1, 0xaa, FIRN_CORRUPT},
        {"flags", 32, 4, 1, FIRN_NEWER},
        {"tags", 36, 4, 16, FIRN_NEWER},
        {"key id", 55, 1, 1, FIRN_NEWER},
        {"reserved byte of the header", 119, 1, 1, FIRN_NEWER},
        {"newer version in the footer", -120, 4, 7, FIRN_NEWER},
        {"another kind in the footer", -116, 4, 99, FIRN_CORRUPT},
        {"reserved byte of the footer", -9, 1, 1, FIRN_NEWER},
        {"contents at 0", -96, 8, 0, FIRN_CORRUPT},
        {"contents at 120", -96, 8, 120, FIRN_CORRUPT},
        {"contents not aligned", -96, 8, toc + 1, FIRN_CORRUPT},
        {"contents behind the file", -96, 8, size + 8, FIRN_CORRUPT},
        {"contents at the end of numbers", -96, 8, UINT64_MAX - 7, FIRN_CORRUPT},
        {"contents too long", -88, 8, size, FIRN_CORRUPT},
        {"contents endless", -88, 8, UINT64_MAX, FIRN_CORRUPT},
        {"contents empty", -88, 8, 0, FIRN_CORRUPT},
        {"another size", -80, 8, size + 1, FIRN_CORRUPT},
    };
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        uint8_t *bytes = damage_copy(&damage);
        bytes += lies[i].at < 0 ? (int64_t)size + lies[i].at : lies[i].at;
        store(bytes, lies[i].size, lies[i].value);
        test_seal_edges(damage.bad.data, damage.bad.size);
        int rc = damage_read(&damage, &err);
        if (rc != lies[i].expected) {
            fail_msg("%s: %s, expected %s", lies[i].what, firn_code_name(rc),
                     firn_code_name(lies[i].expected));
        }
    }
    damage_deinit(&damage);
}

static void
tables_of_contents_that_lie_are_refused(void **state)
{
    firn_error err;
    struct damage damage;
    damage_init(&damage);
    int toc = (int)fi_load_le64(damage.good.data + damage.good.size - 128 + 32);
    int section = toc + 16;
    const struct lie lies[] = {
        {"no sections", toc, 4, 0, FIRN_CORRUPT},
        {"one section more", toc, 4, BLOCK_FIXTURE_SECTIONS + 1, FIRN_CORRUPT},
        {"endless sections", toc, 4, UINT32_MAX, FIRN_CORRUPT},
        {"flags", toc + 4, 4, 1, FIRN_NEWER}, /* known of packs alone */
        {"more flags", toc + 4, 4, 2, FIRN_NEWER},
        {"no chunks", toc + 8, 8, 0, FIRN_CORRUPT},
        {"endless chunks", toc + 8, 8, UINT64_MAX, FIRN_CORRUPT},
        {"chunks that wrap around", toc + 8, 8, (UINT64_C(1) << 59) + 1, FIRN_CORRUPT},
        {"reserved field of a section", section + 4, 4, 1, FIRN_NEWER},
        {"section in the header", section + 8, 8, 0, FIRN_CORRUPT},
        {"section not aligned", section + 8, 8, 129, FIRN_CORRUPT},
        {"section behind the body", section + 8, 8, (uint64_t)toc, FIRN_CORRUPT},
        {"section at the end of numbers", section + 8, 8, UINT64_MAX - 7, FIRN_CORRUPT},
        {"section too long", section + 16, 4, FI_BLOCK_SIZE_MAX, FIRN_CORRUPT},
        {"section endless", section + 16, 4, UINT32_MAX, FIRN_CORRUPT},
        {"section that decodes to too much", section + 20, 4, FI_BLOCK_SIZE_MAX + 1, FIRN_CORRUPT},
    };
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        store(damage_copy(&damage) + lies[i].at, lies[i].size, lies[i].value);
        firn_hash hash;
        uint8_t *bytes = damage.bad.data;
        size_t size = damage.bad.size;
        fi_blake3_hash_of(bytes + toc, size - 128 - (size_t)toc, &hash);
        memcpy(bytes + size - 128 + 56, hash.bytes, 32);
        test_seal_edges(bytes, size);
        int rc = damage_read(&damage, &err);
        if (rc != lies[i].expected) {
            fail_msg("%s: %s, expected %s", lies[i].what, firn_code_name(rc),
                     firn_code_name(lies[i].expected));
        }
    }
    damage_deinit(&damage);
}

static void
blocks_that_lie_are_refused(void **state)
{
    firn_error err;
    struct damage damage;
    damage_init(&damage);
    int lz4 = (int)damage.fixture.refs[3].offset;
    int zstd = (int)damage.fixture.refs[4].offset;
    int plain = (int)damage.fixture.refs[5].offset;
    const struct lie lies[] = {
        {"a codec to come", zstd + 2, 1, 3, FIRN_NEWER},
        {"flags", zstd + 3, 1, 1, FIRN_NEWER},
        {"zstd said to be LZ4", zstd + 2, 1, FI_CODEC_LZ4, FIRN_CORRUPT},
        {"zstd said to be plain", zstd + 2, 1, FI_CODEC_NONE, FIRN_CORRUPT},
        {"LZ4 said to be zstd", lz4 + 2, 1, FI_CODEC_ZSTD, FIRN_CORRUPT},
        {"plain said to be zstd", plain + 2, 1, FI_CODEC_ZSTD, FIRN_CORRUPT},
        {"more decoded than is there", zstd + 12, 4, 1001, FIRN_CORRUPT},
        {"less decoded than is there", zstd + 12, 4, 999, FIRN_CORRUPT},
        {"padding", plain + 24 + 77, 1, 1, FIRN_CORRUPT},
        {"last byte of padding", plain + 24 + 79, 1, 1, FIRN_CORRUPT},
    };
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        store(damage_copy(&damage) + lies[i].at, lies[i].size, lies[i].value);
        test_seal(damage.bad.data, damage.bad.size);
        int rc = damage_read(&damage, &err);
        if (rc != lies[i].expected) {
            fail_msg("%s: %s, expected %s", lies[i].what, firn_code_name(rc),
                     firn_code_name(lies[i].expected));
        }
    }
    damage_deinit(&damage);
}

static void
a_bomb_of_zstd_is_bounded_by_its_declared_size(void **state)
{
    firn_error err;
    struct block_fixture fixture;
    block_fixture_init(&fixture);
    struct fi_buf stored = {0};
    uint8_t *zeros = fi_alloc_zeroed(32 << 20);
    assert_int_equal(fi_compress_encode(fixture.compress, FI_CODEC_ZSTD, 1,
                                        firn_bytes(zeros, 32 << 20), &stored, &err),
                     FIRN_OK);
    fi_free(zeros);
    struct fi_block_ref ref;
    struct fi_block_writer *writer;
    assert_int_equal(fi_block_writer_create(fixture.dir, "a", FI_BLOCK_FILE_ROW, &writer, &err),
                     FIRN_OK);
    assert_int_equal(
        fi_block_writer_add(writer, FI_CODEC_ZSTD, fi_buf_slice(&stored), 100, &ref, &err),
        FIRN_OK);
    assert_int_equal(fi_block_writer_finish(writer, NULL, &err), FIRN_OK);
    fi_block_writer_destroy(writer);
    struct fi_buf raw = {0};
    struct fi_block_reader *reader;
    assert_int_equal(fi_block_reader_open(fixture.dir, "a", FI_BLOCK_FILE_ROW, &reader, &err),
                     FIRN_OK);
    assert_int_equal(fi_block_reader_read(reader, &ref, fixture.compress, &raw, &err),
                     FIRN_CORRUPT);
    assert_true(raw.capacity < 100000);
    fi_block_reader_close(reader);
    fi_buf_deinit(&raw);
    fi_buf_deinit(&stored);
    block_fixture_deinit(&fixture);
}

static void
body_verification_names_the_first_bad_range(void **state)
{
    firn_error err;
    struct block_fixture fixture;
    block_fixture_init(&fixture);
    uint32_t size = 5 << 20;
    uint8_t *bytes = fi_alloc_zeroed(size);
    struct fi_block_ref ref;
    struct fi_block_writer *writer;
    assert_int_equal(fi_block_writer_create(fixture.dir, "a", FI_BLOCK_FILE_ROW, &writer, &err),
                     FIRN_OK);
    assert_int_equal(
        fi_block_writer_add(writer, FI_CODEC_NONE, firn_bytes(bytes, size), size, &ref, &err),
        FIRN_OK);
    assert_int_equal(fi_block_writer_finish(writer, NULL, &err), FIRN_OK);
    fi_block_writer_destroy(writer);
    struct fi_buf file = {0};
    test_file_read(fixture.dir, "a", &file);
    file.data[(3 << 20) + 17] ^= 4;
    test_file_write(fixture.dir, "a", file.data, file.size);
    struct fi_block_reader *reader;
    struct fi_buf buffer = {0};
    assert_int_equal(fi_block_reader_open(fixture.dir, "a", FI_BLOCK_FILE_ROW, &reader, &err),
                     FIRN_OK);
    assert_int_equal(fi_block_reader_verify_body(reader, &err), FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "3145728"));
    for (uint64_t i = 0; i < fi_block_reader_chunk_count(reader); i++) {
        assert_int_equal(fi_block_reader_verify_chunk(reader, i, &buffer, &err),
                         i == 3 ? FIRN_CORRUPT : FIRN_OK);
    }
    fi_block_reader_close(reader);
    fi_buf_deinit(&buffer);
    fi_buf_deinit(&file);
    fi_free(bytes);
    block_fixture_deinit(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_changed_byte_is_found),
        cmocka_unit_test(every_length_is_found),
        cmocka_unit_test(a_block_from_another_place_or_file_is_refused),
        cmocka_unit_test(refs_that_name_no_block_are_refused_without_allocating),
        cmocka_unit_test(headers_and_footers_that_lie_are_refused),
        cmocka_unit_test(tables_of_contents_that_lie_are_refused),
        cmocka_unit_test(blocks_that_lie_are_refused),
        cmocka_unit_test(a_bomb_of_zstd_is_bounded_by_its_declared_size),
        cmocka_unit_test(body_verification_names_the_first_bad_range),
    };
    return cmocka_run_group_tests_name("block_damage", tests, NULL, NULL);
}
