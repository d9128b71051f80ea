/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/pack: the format is what docs/formats/pack.md says.
 *
 * tests/formats/pack/plain.pack: identity 00 01 … 0f; the objects of pack_fixture_fill_small, which
 * zstd cannot shrink, in frames of four: the writer makes it byte for byte.
 * tests/formats/pack/zstd.pack: 900 objects of text (so two pages) and one of 600 KiB (0 to 250,
 * again and again), written with zstd 1.5.4 at level 1: another zstd may write other frames, but
 * must read these. FIRN_TEST_WRITE_GOLDEN=1 writes both anew: only for a new format.
 */
#include "unit/pack/pack_fixture.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "codec/blake3_hash.h"
#include "support/test_identity.h"

static void
write_with_fixed_identity(struct pack_fixture *fixture, size_t flush_every)
{
    firn_error err;
    struct fi_os_ops ops;
    const struct fi_os_ops *own = fixture->os->ops;
    test_identity_fix(fixture->os, &ops);
    assert_int_equal(pack_fixture_write(fixture, "p", flush_every, &err), FIRN_OK);
    fixture->os->ops = own;
}

static void
the_writer_makes_the_plain_golden_pack(void **state)
{
    firn_error err;
    struct pack_fixture fixture;
    pack_fixture_init(&fixture);
    pack_fixture_fill_small(&fixture);
    write_with_fixed_identity(&fixture, 4);
    struct fi_buf bytes = {0};
    test_file_read(fixture.dir, "p", &bytes);
    test_file_compare_golden("tests/formats/pack/plain.pack", fi_buf_slice(&bytes));
    assert_int_equal(pack_fixture_read(&fixture, "p", &err), FIRN_OK);
    fi_buf_deinit(&bytes);
    pack_fixture_deinit(&fixture);
}

static void
fill_zstd(struct pack_fixture *fixture)
{
    for (size_t i = 0; i < 900; i++) {
        (void)pack_fixture_add_text(fixture, i, 30 + i % 40);
    }
    uint8_t *large = fi_alloc(600 << 10);
    for (size_t i = 0; i < 600 << 10; i++) {
        large[i] = (uint8_t)(i % 251);
    }
    (void)pack_fixture_add(fixture, FI_PACK_BLOB, large, 600 << 10);
    fi_free(large);
}

static void
the_zstd_golden_pack_is_read_for_ever(void **state)
{
    static const char path[] = "tests/formats/pack/zstd.pack";
    firn_error err;
    struct pack_fixture fixture;
    pack_fixture_init(&fixture);
    fill_zstd(&fixture);
    struct fi_buf bytes = {0};
    if (getenv("FIRN_TEST_WRITE_GOLDEN") != NULL) {
        write_with_fixed_identity(&fixture, 500);
        test_file_read(fixture.dir, "p", &bytes);
        test_file_compare_golden(path, fi_buf_slice(&bytes));
        assert_int_equal(fi_os_remove_file(fixture.dir, "p", &err), FIRN_OK);
    }
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_int_equal(fi_buf_set_size(&bytes, 4 << 20), FIRN_OK);
    bytes.size = fread(bytes.data, 1, bytes.size, file);
    assert_int_equal(fclose(file), 0);
    test_file_write(fixture.dir, "golden", bytes.data, bytes.size);
    assert_int_equal(pack_fixture_read(&fixture, "golden", &err), FIRN_OK);
    fi_buf_deinit(&bytes);
    pack_fixture_deinit(&fixture);
}

/* Written after the document, not after the code: one frame of three objects. */
static void
every_field_is_where_the_document_says(void **state)
{
    struct pack_fixture fixture;
    pack_fixture_init(&fixture);
    (void)pack_fixture_add(&fixture, FI_PACK_TREE, "a", 1);
    (void)pack_fixture_add_noise(&fixture, 1, 200);
    (void)pack_fixture_add_pieces(&fixture, 0, 5, 1);
    write_with_fixed_identity(&fixture, 0);
    struct fi_buf buf = {0};
    test_file_read(fixture.dir, "p", &buf);
    const uint8_t *file = buf.data;
    const struct pack_object *objects = fixture.objects;
    size_t pieces_size = objects[2].content.size;

    assert_int_equal(fi_load_le32(file + 12), 4); /* kind: pack */
    const uint8_t *frame = file + 128 + 24;
    size_t list_size = 2 + 3 + 2 + 32;
    assert_memory_equal(frame, "\xf1\x66\x72\x6d", 4);
    assert_int_equal(fi_load_le32(frame + 4), list_size);
    assert_int_equal(fi_load_le32(frame + 8), 3);
    assert_memory_equal(frame + 12, "\x03\x01", 2);
    assert_memory_equal(frame + 14, "\x01\xc8\x01", 3); /* 200 as a varint */
    assert_int_equal(frame[17], 2);
    assert_int_equal(frame[18], pieces_size);
    assert_memory_equal(frame + 19, objects[2].hash.bytes, 32);
    const uint8_t *contents = frame + 12 + list_size;
    assert_int_equal(contents[0], 'a');
    assert_memory_equal(contents + 1, objects[1].content.data, 200);
    const uint8_t *pieces = contents + 201;
    assert_memory_equal(pieces, "\xce\x01", 2); /* 206 in all */
    assert_int_equal(pieces[2], 1 << 1);
    assert_memory_equal(pieces + 3, objects[0].hash.bytes, 32);
    assert_int_equal(pieces[35], 5 << 1 | 1);
    assert_memory_equal(pieces + 36, "\x90\x03", 2); /* 200 × 2 */
    assert_memory_equal(pieces + 38, objects[1].hash.bytes, 32);
    assert_int_equal(pieces_size, 70);
    size_t raw_size = 12 + list_size + 201 + pieces_size;
    assert_int_equal(fi_load_le32(file + 128 + 8), raw_size);

    size_t page_at = 128 + ((24 + raw_size + 7) & ~(size_t)7);
    const uint8_t *page = file + page_at + 24;
    assert_int_equal(fi_load_le32(file + page_at + 8), 3 * 45);
    for (size_t i = 0; i < 3; i++) {
        const uint8_t *entry = page + i * 45;
        assert_true(i == 0 || memcmp(entry - 45, entry, 32) < 0);
        size_t which = 0;
        while (memcmp(objects[which].hash.bytes, entry, 32) != 0) {
            which++;
        }
        static const uint32_t offsets[] = {0, 1, 201};
        assert_int_equal(fi_load_le32(entry + 32), 0);
        assert_int_equal(fi_load_le32(entry + 36), offsets[which]);
        assert_int_equal(fi_load_le32(entry + 40), objects[which].content.size);
        assert_int_equal(entry[44], objects[which].kind);
    }
    size_t objects_at = page_at + ((24 + 3 * 45 + 7) & ~(size_t)7);
    const uint8_t *section = file + objects_at + 24;
    assert_int_equal(fi_load_le64(section), 3);
    assert_int_equal(fi_load_le32(section + 8), 1);
    assert_int_equal(fi_load_le32(section + 12), 0);
    assert_memory_equal(section + 16, page, 32);
    assert_int_equal(fi_load_le64(section + 48), page_at);
    size_t frames_at = objects_at + ((24 + 56 + 7) & ~(size_t)7);
    section = file + frames_at + 24;
    assert_int_equal(fi_load_le32(section), 1);
    assert_int_equal(fi_load_le32(section + 4), 0);
    assert_int_equal(fi_load_le64(section + 8), 128);
    assert_int_equal(fi_load_le32(section + 16), raw_size);
    assert_int_equal(fi_load_le32(section + 20), raw_size);
    const uint8_t *toc = section + 24;
    assert_int_equal(toc - file, fi_load_le64(file + buf.size - 128 + 32));
    assert_int_equal(fi_load_le32(toc + 16), 2);
    assert_int_equal(fi_load_le64(toc + 24), objects_at);
    assert_int_equal(fi_load_le32(toc + 40), 1);
    assert_int_equal(fi_load_le64(toc + 48), frames_at);
    fi_buf_deinit(&buf);
    pack_fixture_deinit(&fixture);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_writer_makes_the_plain_golden_pack),
        cmocka_unit_test(the_zstd_golden_pack_is_read_for_ever),
        cmocka_unit_test(every_field_is_where_the_document_says),
    };
    return cmocka_run_group_tests_name("packfile_format", tests, NULL, NULL);
}
