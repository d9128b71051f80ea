/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/pack: frames taken over from another pack as they are stored, how large they are, and what is
 * tried to make a frame smaller.
 */
#include "unit/pack/pack_fixture.h"

#include <unistd.h>

#include "base/bytes.h"
#include "base/slice.h"
#include "cipher/cipher_keyring.h"
#include "codec/blake3_hash.h"
#include "posix/os_default.h"
#include "support/test_temp.h"

/* ---- taking frames over ---- */

enum { OBJECTS_MAX = 64 };

struct listed {
    struct fi_pack_frame_object objects[OBJECTS_MAX];
    size_t count;
};

static int
list_object(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_slice content,
            firn_error *err)
{
    struct listed *listed = ctx;
    (void)content;
    (void)err;
    assert_true(listed->count < OBJECTS_MAX);
    listed->objects[listed->count++] = (struct fi_pack_frame_object){.hash = *hash, .at = *at};
    return FIRN_OK;
}

/* Writes what is left; both are gone then. */
static void
finish(struct firn_pack_writer *writer, struct fi_pack_lane *lane)
{
    firn_error err;
    assert_int_equal(fi_pack_lane_flush(lane, &err), FIRN_OK);
    fi_pack_lane_destroy(lane);
    assert_int_equal(fi_pack_writer_finish(writer, NULL, &err), FIRN_OK);
    fi_pack_writer_destroy(writer);
}

/* Frame by frame, in the order of numbers or the other one. */
static void
copy_pack(struct pack_fixture *fixture, const char *from, const char *to, bool is_backwards)
{
    firn_error err;
    struct firn_pack *pack;
    struct firn_pack_writer *writer;
    struct fi_pack_lane *lane;
    struct fi_buf buf = {0};
    assert_int_equal(fi_pack_open(fixture->dir, from, &pack, &err), FIRN_OK);
    assert_int_equal(fi_pack_writer_create(fixture->dir, to, 1, &writer, &err), FIRN_OK);
    assert_int_equal(fi_pack_lane_create(writer, &lane, &err), FIRN_OK);
    uint32_t count = fi_pack_walk_count(pack);
    for (uint32_t i = 0; i < count; i++) {
        struct listed listed = {.count = 0};
        enum fi_codec codec;
        firn_slice stored;
        uint32_t raw_size;
        uint32_t frame = is_backwards ? count - 1 - i : i;
        assert_int_equal(
            fi_pack_walk_frame(pack, fixture->scratch, frame, list_object, &listed, &err), FIRN_OK);
        assert_int_equal(fi_pack_walk_stored(pack, frame, &buf, &codec, &stored, &raw_size, &err),
                         FIRN_OK);
        assert_int_equal(
            fi_pack_lane_copy(lane, listed.objects, listed.count, codec, stored, raw_size, &err),
            FIRN_OK);
    }
    assert_int_equal(fi_pack_writer_count(writer), fi_pack_count(pack));
    finish(writer, lane);
    fi_buf_deinit(&buf);
    fi_pack_close(pack);
}

static void
frames_are_taken_over_as_they_are(void **state)
{
    firn_error err;
    struct pack_fixture fixture;
    pack_fixture_init(&fixture);
    pack_fixture_fill_small(&fixture);
    for (uint64_t i = 0; i < 6; i++) {
        (void)pack_fixture_add_text(&fixture, 10 + i, 200000);
        (void)pack_fixture_add_noise(&fixture, 20 + i, 100000);
    }
    (void)pack_fixture_add_text(&fixture, 30, 3 << 20);
    assert_int_equal(pack_fixture_write(&fixture, "p", 5, &err), FIRN_OK);
    for (int i = 0; i < 2; i++) {
        const char *name = i == 0 ? "forwards" : "backwards";
        copy_pack(&fixture, "p", name, i == 1);
        assert_int_equal(pack_fixture_read(&fixture, name, &err), FIRN_OK);
    }
    pack_fixture_deinit(&fixture);
}

static void
a_damaged_frame_is_not_taken_over(void **state)
{
    firn_error err;
    struct pack_fixture fixture;
    struct firn_pack *pack;
    struct fi_buf buf = {0};
    enum fi_codec codec;
    firn_slice stored;
    uint32_t raw_size;
    uint8_t byte;
    struct fi_os_file *file;
    pack_fixture_init(&fixture);
    (void)pack_fixture_add_text(&fixture, 1, 300000);
    assert_int_equal(pack_fixture_write(&fixture, "p", 0, &err), FIRN_OK);
    assert_int_equal(fi_pack_open(fixture.dir, "p", &pack, &err), FIRN_OK);
    assert_int_equal(fi_os_file_open(fixture.dir, "p", FI_OS_READ | FI_OS_WRITE, 0, &file, &err),
                     FIRN_OK);
    for (uint64_t at = FI_BLOCK_BODY_START; at < FI_BLOCK_BODY_START + 400; at += 7) {
        assert_int_equal(fi_os_file_read_exact(file, at, &byte, 1, &err), FIRN_OK);
        byte ^= 0x10;
        assert_int_equal(fi_os_file_write(file, at, &byte, 1, &err), FIRN_OK);
        assert_int_equal(fi_pack_walk_stored(pack, 0, &buf, &codec, &stored, &raw_size, &err),
                         FIRN_CORRUPT);
        byte ^= 0x10;
        assert_int_equal(fi_os_file_write(file, at, &byte, 1, &err), FIRN_OK);
    }
    assert_int_equal(fi_pack_walk_stored(pack, 0, &buf, &codec, &stored, &raw_size, &err), FIRN_OK);
    fi_os_file_close(file);
    fi_buf_deinit(&buf);
    fi_pack_close(pack);
    pack_fixture_deinit(&fixture);
}

/* ---- padding ---- */

enum { TAG_SIZE = 16, INNER_SIZE = 5, PADDING_SIZE = 4 };

/* A frame of one object of 512 KiB and more has a size of 2^E + n * 2^(E-5), for E from 16 on. */
static bool
is_padded_size(size_t size)
{
    size_t exponent = 16;
    while ((size_t)2 << exponent <= size) {
        exponent++;
    }
    return size % ((size_t)1 << (exponent - 5)) == 0;
}

/* Returns how many frames have an object of 512 KiB and more. */
static size_t
assert_padded(struct pack_fixture *fixture, const char *name, bool is_encrypted)
{
    struct firn_pack *pack;
    struct fi_buf buf = {0};
    firn_error err;
    size_t alone = 0;
    assert_int_equal(pack_fixture_read(fixture, name, &err), FIRN_OK);
    assert_int_equal(fi_pack_open(fixture->dir, name, &pack, &err), FIRN_OK);
    for (uint32_t i = 0; i < fi_pack_walk_count(pack); i++) {
        struct listed listed = {.count = 0};
        const size_t size = fi_pack_frame_size_of(pack, i).stored;
        enum fi_codec codec;
        firn_slice stored;
        uint32_t raw_size;
        assert_int_equal(fi_pack_walk_frame(pack, fixture->scratch, i, list_object, &listed, &err),
                         FIRN_OK);
        assert_int_equal(fi_pack_walk_stored(pack, i, &buf, &codec, &stored, &raw_size, &err),
                         FIRN_OK);
        const bool is_alone = listed.objects[0].at.size >= FI_PACK_FRAME_SIZE;
        const size_t least = stored.size + (is_encrypted ? INNER_SIZE + TAG_SIZE : 0);
        if (is_encrypted && is_alone) {
            assert_in_range(size, least + PADDING_SIZE, (least + PADDING_SIZE) * 33 / 32);
            assert_true(is_padded_size(size));
        } else {
            assert_int_equal(size, least);
        }
        alone += is_alone ? 1 : 0;
    }
    fi_buf_deinit(&buf);
    fi_pack_close(pack);
    return alone;
}

static void
an_object_alone_in_a_frame_is_padded_in_an_encrypted_pack(void **state)
{
    static const uint8_t key[FI_CIPHER_KEY_SIZE] = {1};
    const struct fi_cipher_keyring_master master = {1, key};
    struct fi_cipher_keyring *keyring;
    struct pack_fixture fixture;
    firn_error err;
    pack_fixture_init(&fixture);
    for (uint64_t i = 0; i < 9; i++) {
        (void)pack_fixture_add_noise(&fixture, i, 100000 + i * 1000);
    }
    (void)pack_fixture_add_noise(&fixture, 20, FI_PACK_FRAME_SIZE - 1);
    (void)pack_fixture_add_noise(&fixture, 21, FI_PACK_FRAME_SIZE);
    (void)pack_fixture_add_noise(&fixture, 22, (3 << 20) + 1);
    (void)pack_fixture_add_noise(&fixture, 23, FI_PACK_OBJECT_SIZE_MAX);
    (void)pack_fixture_add_text(&fixture, 24, 5 << 20);
    assert_int_equal(pack_fixture_write(&fixture, "clear", 0, &err), FIRN_OK);
    assert_int_equal(assert_padded(&fixture, "clear", false), 4);
    if (fi_cipher_check(FI_CIPHER_XCHACHA20_POLY1305, NULL) == FIRN_OK) {
        assert_int_equal(
            fi_cipher_keyring_create(FI_CIPHER_XCHACHA20_POLY1305, &master, 1, &keyring, &err),
            FIRN_OK);
        fi_os_dir_set_seal(fixture.dir, fi_cipher_keyring_seal(keyring));
        assert_int_equal(pack_fixture_write(&fixture, "p", 0, &err), FIRN_OK);
        assert_int_equal(assert_padded(&fixture, "p", true), 4);
        copy_pack(&fixture, "p", "copy", true);
        assert_int_equal(assert_padded(&fixture, "copy", true), 4);
    }
    pack_fixture_deinit(&fixture);
}

/* ---- their size ---- */

/* The pack, in which all objects are as they should be. */
static struct firn_pack *
open_checked(struct pack_fixture *fixture, const char *name)
{
    firn_error err;
    struct firn_pack *pack;
    assert_int_equal(pack_fixture_read(fixture, name, &err), FIRN_OK);
    assert_int_equal(fi_pack_open(fixture->dir, name, &pack, &err), FIRN_OK);
    return pack;
}

/* Writes all objects with frames of a size; returns how many frames that makes. */
static uint32_t
write_in_frames_of(struct pack_fixture *fixture, size_t size)
{
    firn_error err;
    struct firn_pack_writer *writer;
    struct fi_pack_lane *lane;
    bool is_new;
    char name[16];
    snprintf(name, sizeof name, "%zu", size);
    assert_int_equal(fi_pack_writer_create(fixture->dir, name, 1, &writer, &err), FIRN_OK);
    fi_pack_writer_set_frame_size(writer, size);
    assert_int_equal(fi_pack_lane_create(writer, &lane, &err), FIRN_OK);
    for (size_t i = 0; i < fixture->count; i++) {
        const struct pack_object *object = &fixture->objects[i];
        assert_int_equal(fi_pack_lane_add(lane, object->kind, &object->hash,
                                          fi_buf_slice(&object->content), &is_new, &err),
                         FIRN_OK);
    }
    finish(writer, lane);
    struct firn_pack *pack = open_checked(fixture, name);
    uint32_t count = fi_pack_walk_count(pack);
    fi_pack_close(pack);
    return count;
}

static void
a_frame_ends_where_the_writer_is_told(void **state)
{
    enum { COUNT = 30, SIZE = 100000 };
    struct pack_fixture fixture;
    pack_fixture_init(&fixture);
    for (uint64_t i = 0; i < COUNT; i++) {
        (void)pack_fixture_add_text(&fixture, i, SIZE);
    }
    assert_int_equal(write_in_frames_of(&fixture, FI_PACK_FRAME_SIZE), COUNT / 6);
    assert_int_equal(write_in_frames_of(&fixture, 10 * SIZE), COUNT / 10);
    assert_int_equal(write_in_frames_of(&fixture, FI_PACK_FRAME_SIZE_MAX), 1);
    pack_fixture_deinit(&fixture);
}

/* The largest object that shares a frame, in one that lacks a byte. */
static void
what_closes_a_frame_has_room_in_it(void **state)
{
    const size_t sizes[] = {FI_PACK_FRAME_SIZE, 1 << 20, FI_PACK_FRAME_SIZE_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct pack_fixture fixture;
        pack_fixture_init(&fixture);
        for (size_t left = sizes[i] - 1; left > 0;) {
            size_t size = left < 300000 ? left : 300000;
            (void)pack_fixture_add_noise(&fixture, left, size);
            left -= size;
        }
        (void)pack_fixture_add_noise(&fixture, 1, FI_PACK_FRAME_SIZE - 1);
        assert_int_equal(write_in_frames_of(&fixture, sizes[i]), 1);
        pack_fixture_deinit(&fixture);
    }
}

/* ---- making them smaller ---- */

/* Stored and raw size of the only frame of a pack written at a level. */
static struct fi_pack_frame_size
write_at(struct pack_fixture *fixture, int level)
{
    firn_error err;
    struct firn_pack_writer *writer;
    struct fi_pack_lane *lane;
    const struct pack_object *object = &fixture->objects[0];
    bool is_new;
    char name[16];
    snprintf(name, sizeof name, "level-%d", level);
    assert_int_equal(fi_pack_writer_create(fixture->dir, name, level, &writer, &err), FIRN_OK);
    assert_int_equal(fi_pack_lane_create(writer, &lane, &err), FIRN_OK);
    assert_int_equal(fi_pack_lane_add(lane, object->kind, &object->hash,
                                      fi_buf_slice(&object->content), &is_new, &err),
                     FIRN_OK);
    finish(writer, lane);
    struct firn_pack *pack = open_checked(fixture, name);
    assert_int_equal(fi_pack_walk_count(pack), 1);
    struct fi_pack_frame_size size = fi_pack_frame_size_of(pack, 0);
    fi_pack_close(pack);
    return size;
}

static void
a_higher_level_makes_text_smaller(void **state)
{
    struct pack_fixture fixture;
    pack_fixture_init(&fixture);
    (void)pack_fixture_add_text(&fixture, 1, 400000);
    uint32_t size = UINT32_MAX;
    for (int level = 1; level <= 19; level += 9) {
        struct fi_pack_frame_size found = write_at(&fixture, level);
        assert_true(found.stored <= size && found.stored < found.raw);
        size = found.stored;
    }
    pack_fixture_deinit(&fixture);
}

/* Noise in which short stretches come again, so few that the quick test passes over them, and
 * enough for a high level to gain by them. */
static void
what_the_quick_test_finds_nothing_in_is_stored_plain(void **state)
{
    enum { SIZE = 400000, STRIDE = 700, STRETCH = 14 };
    static uint8_t bytes[SIZE];
    struct pack_fixture fixture;
    struct fi_compress *compress;
    struct fi_buf out = {0};
    firn_error err;
    pack_fixture_noise(7, bytes, sizeof bytes);
    for (size_t at = STRIDE; at + STRIDE < SIZE; at += STRIDE) {
        memcpy(bytes + at, bytes + at - STRIDE / 2, STRETCH);
    }
    assert_int_equal(fi_compress_create(&compress, &err), FIRN_OK);
    assert_int_equal(
        fi_compress_encode(compress, FI_CODEC_ZSTD, 19, firn_bytes(bytes, SIZE), &out, &err),
        FIRN_OK);
    printf("level 19 alone: %zu of %d\n", out.size, (int)SIZE);
    assert_true(out.size < SIZE - SIZE / 64 - 100);
    pack_fixture_init(&fixture);
    (void)pack_fixture_add(&fixture, FI_PACK_BLOB, bytes, SIZE);
    for (int level = 1; level <= 19; level += 18) {
        struct fi_pack_frame_size size = write_at(&fixture, level);
        assert_int_equal(size.stored, size.raw);
    }
    fi_buf_deinit(&out);
    fi_compress_destroy(compress);
    pack_fixture_deinit(&fixture);
}

/* ---- how many there may be ---- */

/* The pack's n-th object, which is four bytes. */
static firn_slice
numbered(uint32_t number, uint8_t bytes[4], firn_hash *out_hash)
{
    fi_store_le32(bytes, number);
    fi_blake3_hash_of(bytes, 4, out_hash);
    return firn_bytes(bytes, 4);
}

static int
add_numbered(struct fi_pack_lane *lane, uint32_t number, bool *out_is_new, firn_error *err)
{
    uint8_t bytes[4];
    firn_hash hash;
    firn_slice content = numbered(number, bytes, &hash);
    int rc = fi_pack_lane_add(lane, FI_PACK_BLOB, &hash, content, out_is_new, err);
    return rc != FIRN_OK ? rc : fi_pack_lane_flush(lane, err);
}

static void
expect_numbered(struct firn_pack *pack, struct fi_pack_scratch *scratch, uint32_t number)
{
    firn_error err;
    uint8_t bytes[4];
    firn_hash hash;
    struct fi_pack_location at;
    firn_slice found;
    firn_slice content = numbered(number, bytes, &hash);
    assert_int_equal(fi_pack_find(pack, scratch, &hash, &at, &err), FIRN_OK);
    assert_int_equal(at.frame, number);
    assert_int_equal(fi_pack_read(pack, scratch, &hash, &at, &found, &err), FIRN_OK);
    assert_true(fi_slice_equal(found, content));
}

/* As many frames as a pack may have, each of one object; the next one is refused, and the pack is sound all
 * the same. On a real disk: the one in memory remembers each write. */
static void
a_pack_has_as_many_frames_as_the_format_allows(void **state)
{
    enum { MAX = FI_PACK_FRAMES_MAX };
    firn_error err;
    bool is_new;
    struct pack_fixture fixture;
    struct firn_pack_writer *writer;
    struct fi_pack_lane *lane;
    struct firn_pack *pack;
    char place[TEST_TEMP_SIZE];
    char path[TEST_TEMP_SIZE + 8];
    test_temp_make(place, sizeof place);
    (void)snprintf(path, sizeof path, "%s/pack", place);
    pack_fixture_init(&fixture);
    assert_int_equal(fi_pack_writer_create_path(fi_os_default(), path, 1, &writer, &err), FIRN_OK);
    assert_int_equal(fi_pack_lane_create(writer, &lane, &err), FIRN_OK);
    for (uint32_t i = 0; i < MAX; i++) {
        assert_int_equal(add_numbered(lane, i, &is_new, &err), FIRN_OK);
        assert_true(is_new);
    }
    for (int i = 0; i < 2; i++) { /* it stays refused, and what is there needs no frame */
        assert_int_equal(add_numbered(lane, MAX, &is_new, &err), FIRN_LIMIT);
        assert_non_null(strstr(err.text, "1048576 frames"));
        assert_int_equal(add_numbered(lane, MAX - 1, &is_new, &err), FIRN_OK);
        assert_false(is_new);
    }
    finish(writer, lane);
    assert_int_equal(fi_pack_open_path(fi_os_default(), path, &pack, &err), FIRN_OK);
    assert_int_equal(fi_pack_count(pack), MAX);
    assert_int_equal(fi_pack_walk_count(pack), MAX);
    for (uint32_t i = 0; i < MAX; i += i < 10 || i > MAX - 10 ? 1 : 4999) {
        expect_numbered(pack, fixture.scratch, i);
    }
    expect_numbered(pack, fixture.scratch, MAX - 1);
    assert_int_equal(fi_pack_verify(pack, fixture.scratch, NULL, NULL, &err), FIRN_OK);
    fi_pack_close(pack);
    pack_fixture_deinit(&fixture);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(place), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_are_taken_over_as_they_are),
        cmocka_unit_test(a_damaged_frame_is_not_taken_over),
        cmocka_unit_test(an_object_alone_in_a_frame_is_padded_in_an_encrypted_pack),
        cmocka_unit_test(a_frame_ends_where_the_writer_is_told),
        cmocka_unit_test(what_closes_a_frame_has_room_in_it),
        cmocka_unit_test(a_higher_level_makes_text_smaller),
        cmocka_unit_test(what_the_quick_test_finds_nothing_in_is_stored_plain),
        cmocka_unit_test(a_pack_has_as_many_frames_as_the_format_allows),
    };
    return cmocka_run_group_tests_name("packfile_frames", tests, NULL, NULL);
}
