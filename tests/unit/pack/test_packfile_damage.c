/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/pack: every byte changed, every length cut, and packs that lie under right checksums: an
 * error, never other bytes. And what salvage brings back.
 */
#include "unit/pack/pack_fixture.h"

#include "base/bytes.h"
#include "base/mem.h"
#include "base/slice.h"
#include "block/block_format.h"
#include "codec/blake3_hash.h"
#include "pack/pack_format.h"
#include "support/test_random.h"
#include "support/test_seal.h"

/* A pack as bytes; its blocks in the order of the file: frames, pages, OBJECTS, FRAMES. */
enum { BLOCKS_MAX = 16 };
struct damage {
    struct pack_fixture fixture;
    struct fi_buf good;
    struct fi_buf bad;
    size_t blocks[BLOCKS_MAX]; /* offsets of what is after their prefixes */
    size_t block_count;
};

static void
find_blocks(struct damage *damage)
{
    const uint8_t *file = damage->good.data;
    size_t end = (size_t)fi_load_le64(file + damage->good.size - 128 + 32);
    for (size_t at = 128; at < end; damage->block_count++) {
        assert_true(damage->block_count < BLOCKS_MAX);
        damage->blocks[damage->block_count] = at + FI_BLOCK_FORMAT_PREFIX_SIZE;
        at += (size_t)fi_block_format_span(fi_load_le32(file + at + 8));
    }
}

/* Three plain frames, one page. */
static void
damage_init(struct damage *damage)
{
    firn_error err;
    *damage = (struct damage){0};
    pack_fixture_init(&damage->fixture);
    pack_fixture_fill_small(&damage->fixture);
    assert_int_equal(pack_fixture_write(&damage->fixture, "p", 4, &err), FIRN_OK);
    test_file_read(damage->fixture.dir, "p", &damage->good);
    find_blocks(damage);
    assert_int_equal(damage->block_count, 6);
}

static void
damage_deinit(struct damage *damage)
{
    fi_buf_deinit(&damage->good);
    fi_buf_deinit(&damage->bad);
    pack_fixture_deinit(&damage->fixture);
}

static uint8_t *
damage_copy(struct damage *damage)
{
    fi_buf_clear(&damage->bad);
    assert_int_equal(fi_buf_append_slice(&damage->bad, fi_buf_slice(&damage->good)), FIRN_OK);
    return damage->bad.data;
}

/* A scratch must not remember what it read from another file with the same identity. */
static void
renew_scratch(struct damage *damage)
{
    fi_pack_scratch_destroy(damage->fixture.scratch);
    assert_int_equal(fi_pack_scratch_create(3, &damage->fixture.scratch, NULL), FIRN_OK);
}

static int
damage_read(struct damage *damage, size_t size, firn_error *err)
{
    renew_scratch(damage);
    test_file_write(damage->fixture.dir, "bad", damage->bad.data, size);
    return pack_fixture_read(&damage->fixture, "bad", err);
}

static void
every_changed_byte_is_found(void **state)
{
    firn_error err;
    struct damage damage;
    damage_init(&damage);
    static const uint8_t flips[] = {0x01, 0x80, 0x04, 0xff};
    size_t flip_count = getenv("FIRN_TEST_LONG") != NULL ? 4 : 1;
    for (size_t i = 0; i < damage.good.size; i++) {
        for (size_t flip = 0; flip < flip_count; flip++) {
            damage_copy(&damage)[i] ^= flips[(flip + i) % 4];
            int rc = damage_read(&damage, damage.bad.size, &err);
            if (rc != FIRN_CORRUPT) {
                fail_msg("byte %zu of %zu: %s", i, damage.bad.size, firn_code_name(rc));
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
    assert_int_equal(damage_read(&damage, damage.bad.size, &err), FIRN_OK);
    for (size_t size = 0; size < damage.good.size; size++) {
        assert_int_equal(damage_read(&damage, size, &err), FIRN_CORRUPT);
    }
    damage_deinit(&damage);
}

/* With two pages, compressed frames and a frame of its own; every so many bytes. */
static void
changed_bytes_of_a_larger_pack_are_found(void **state)
{
    firn_error err;
    struct damage damage = {0};
    pack_fixture_init(&damage.fixture);
    for (size_t i = 0; i < 800; i++) {
        (void)pack_fixture_add_text(&damage.fixture, i, 20 + i % 50);
    }
    (void)pack_fixture_add_text(&damage.fixture, 1000, 520 << 10);
    assert_int_equal(pack_fixture_write(&damage.fixture, "p", 300, &err), FIRN_OK);
    test_file_read(damage.fixture.dir, "p", &damage.good);
    struct test_random random;
    test_random_init(&random, "packfile_damage", 5);
    size_t rounds = getenv("FIRN_TEST_LONG") != NULL ? 2000 : 60;
    for (size_t round = 0; round < rounds; round++) {
        size_t at = (size_t)test_random_below(&random, damage.good.size);
        damage_copy(&damage)[at] ^= (uint8_t)(1 + test_random_below(&random, 255));
        assert_int_equal(damage_read(&damage, damage.bad.size, &err), FIRN_CORRUPT);
    }
    damage_deinit(&damage);
}

/* ---- under right checksums ---- */

struct lie {
    const char *what;
    size_t block; /* number, as in struct damage */
    int at;       /* in it */
    int size;
    uint64_t value;
};

static void
tell(struct damage *damage, const struct lie *lie)
{
    firn_error err;
    uint8_t *bytes = damage_copy(damage) + damage->blocks[lie->block] + lie->at;
    bool changes = false;
    for (int i = 0; i < lie->size; i++) {
        uint8_t byte = (uint8_t)(lie->value >> (8 * i));
        changes |= bytes[i] != byte;
        bytes[i] = byte;
    }
    if (!changes) {
        fail_msg("%s: that is the truth", lie->what);
    }
    test_seal(damage->bad.data, damage->bad.size);
    int rc = damage_read(damage, damage->bad.size, &err);
    if (rc != FIRN_CORRUPT && rc != FIRN_NOT_FOUND) {
        fail_msg("%s: %s", lie->what, firn_code_name(rc));
    }
}

static void
packs_that_lie_are_refused(void **state)
{
    struct damage damage;
    damage_init(&damage);
    enum { FRAME = 0, PAGE = 3, OBJECTS = 4, FRAMES = 5, E = FI_PACK_FORMAT_ENTRY_SIZE };
    const struct lie lies[] = {
        {"frame without mark", FRAME, 0, 4, 0},
        {"no list", FRAME, 4, 4, 0},
        {"list one byte shorter", FRAME, 4, 4, 7},
        {"list one byte longer", FRAME, 4, 4, 9},
        {"list as long as can be", FRAME, 4, 4, FI_PACK_FORMAT_LIST_SIZE_MAX},
        {"list longer than can be", FRAME, 4, 4, UINT32_MAX},
        {"no objects", FRAME, 8, 4, 0},
        {"one object less", FRAME, 8, 4, 3},
        {"one object more", FRAME, 8, 4, 5},
        {"endless objects", FRAME, 8, 4, UINT32_MAX},
        {"kind 0 in a list", FRAME, 12, 1, 0},
        {"kind 5 in a list", FRAME, 12, 1, 5},
        {"another kind in a list", FRAME, 12, 1, FI_PACK_RECORD},
        {"pieces in a list without a name", FRAME, 12, 1, FI_PACK_PIECES},
        {"another size in a list", FRAME, 13, 1, 1},
        {"a size beyond the frame in a list", FRAME, 13, 1, 127},
        {"a varint that goes on", FRAME, 13, 1, 0x80},
        {"content that is not what its name says", FRAME, 12 + 8 + 2, 1, 0xfe},
        {"another first name", PAGE, 0, 1, 0xff},
        {"names not in order", PAGE, 2 * E, 1, 0},
        {"a frame that is not there", PAGE, 32, 4, 3},
        {"a frame far away", PAGE, 32, 4, UINT32_MAX},
        {"another offset", PAGE, 36, 4, 55},
        {"an offset far away", PAGE, 36, 4, UINT32_MAX},
        {"another size", PAGE, 40, 4, 77},
        {"a size too large", PAGE, 40, 4, FI_PACK_OBJECT_SIZE_MAX + 1},
        {"endless size", PAGE, 40, 4, UINT32_MAX},
        {"kind 0", PAGE, 44, 1, 0},
        {"kind 5", PAGE, 44, 1, 5},
        {"a name that is not there", PAGE, 3 * E + 20, 4, 0x01020304},
        {"no objects in all", OBJECTS, 0, 8, 0},
        {"one object less in all", OBJECTS, 0, 8, 9},
        {"one object more in all", OBJECTS, 0, 8, 11},
        {"a page full of objects", OBJECTS, 0, 8, 728},
        {"endless objects in all", OBJECTS, 0, 8, UINT64_MAX},
        {"as many objects as can be", OBJECTS, 0, 8, FI_PACK_OBJECTS_MAX},
        {"no pages", OBJECTS, 8, 4, 0},
        {"two pages", OBJECTS, 8, 4, 2},
        {"endless pages", OBJECTS, 8, 4, UINT32_MAX},
        {"reserved field of OBJECTS", OBJECTS, 12, 4, 1},
        {"another first name of a page", OBJECTS, 16, 1, 0},
        {"a page in the header", OBJECTS, 48, 8, 0},
        {"a page that is a frame", OBJECTS, 48, 8, 128},
        {"a page far away", OBJECTS, 48, 8, UINT64_MAX - 7},
        {"no frames", FRAMES, 0, 4, 0},
        {"one frame less", FRAMES, 0, 4, 2},
        {"one frame more", FRAMES, 0, 4, 4},
        {"endless frames", FRAMES, 0, 4, UINT32_MAX},
        {"reserved field of FRAMES", FRAMES, 4, 4, 1},
        {"a frame in the header", FRAMES, 8, 8, 0},
        {"two frames at one place", FRAMES, 8, 8, damage.blocks[1] - 24},
        {"another stored size", FRAMES, 16, 4, 3},
        {"a stored size above the raw size", FRAMES, 16, 4, 100000},
        {"a raw size too large", FRAMES, 20, 4, FI_PACK_FORMAT_FRAME_SIZE_MAX + 1},
        {"another raw size", FRAMES, 20, 4, 1000},
    };
    for (size_t i = 0; i < sizeof lies / sizeof lies[0]; i++) {
        tell(&damage, &lies[i]);
    }
    /* Sections: one missing, one twice. */
    size_t toc = (size_t)fi_load_le64(damage.good.data + damage.good.size - 128 + 32);
    for (uint32_t kind = 0; kind < 2; kind++) {
        firn_error err;
        fi_store_le32(damage_copy(&damage) + toc + 16, kind == 0 ? 99 : 1);
        test_seal(damage.bad.data, damage.bad.size);
        assert_int_equal(damage_read(&damage, damage.bad.size, &err), FIRN_CORRUPT);
        assert_non_null(strstr(err.text, "a table of the pack is missing"));
    }
    damage_deinit(&damage);
}

static void
random_lies_never_give_wrong_bytes(void **state)
{
    firn_error err;
    struct damage damage;
    damage_init(&damage);
    struct test_random random;
    test_random_init(&random, "packfile_lies", 6);
    size_t rounds = getenv("FIRN_TEST_LONG") != NULL ? 100000 : 2000;
    for (size_t round = 0; round < rounds; round++) {
        uint8_t *bytes = damage_copy(&damage);
        uint64_t changes = 1 + test_random_below(&random, 4);
        for (uint64_t i = 0; i < changes; i++) {
            size_t at = 128 + (size_t)test_random_below(&random, damage.bad.size - 256);
            bytes[at] = test_random_below(&random, 3) == 0 ? (uint8_t)test_random_next(&random)
                                                           : (uint8_t)(bytes[at] + 1);
        }
        test_seal(bytes, damage.bad.size);
        /* Wrong bytes would be an assertion inside. That something is found is not certain: a list
         * of pieces may have become another one of the same content. */
        int rc = damage_read(&damage, damage.bad.size, &err);
        assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_NOT_FOUND ||
                    rc == FIRN_NEWER);
    }
    damage_deinit(&damage);
}

/* ---- lists of pieces that lie ---- */

static int
count_damage(struct pack_fixture *fixture, const char *name, const firn_hash *hash,
             int *out_verified)
{
    firn_error err;
    struct firn_pack *pack;
    assert_int_equal(fi_pack_open(fixture->dir, name, &pack, &err), FIRN_OK);
    int rc = fi_pack_stream_read(pack, fixture->scratch, hash, NULL, NULL, &err);
    *out_verified = fi_pack_verify(pack, fixture->scratch, NULL, NULL, &err);
    fi_pack_close(pack);
    return rc;
}

static void
lists_of_pieces_that_lie_are_refused(void **state)
{
    firn_error err;
    for (int which = 0; which < 5; which++) {
        struct pack_fixture fixture;
        pack_fixture_init(&fixture);
        (void)pack_fixture_add_noise(&fixture, 1, 40);
        (void)pack_fixture_add_noise(&fixture, 2, 30);
        (void)pack_fixture_add_pieces(&fixture, 0, 3, 1);
        struct fi_pack_piece piece = {.size = 40, .hash = fixture.objects[0].hash};
        firn_hash name = piece.hash;
        int read = FIRN_CORRUPT;
        int verified = FIRN_CORRUPT;
        if (which == 0) { /* a name that the pieces do not make up */
            name.bytes[5] ^= 1;
        } else if (which == 1) { /* a piece of another size */
            piece.size = 41;
            name.bytes[5] ^= 1;
        } else if (which == 2) { /* a piece that is a list for as much as the whole */
            piece.hash = fixture.objects[2].hash;
            piece.size = fixture.objects[2].content.size;
            name.bytes[5] ^= 1;
        } else if (which == 3) { /* a piece that is elsewhere: only a store can verify that */
            piece.hash.bytes[0] ^= 1;
            name = (firn_hash){.bytes = {7}};
            verified = FIRN_OK;
        } else { /* a list that contains itself */
            name.bytes[5] ^= 1;
            piece.hash = name;
        }
        struct fi_buf list = {0};
        assert_int_equal(fi_pack_pieces_encode(&piece, 1, &list), FIRN_OK);
        struct pack_object *object =
            pack_fixture_add(&fixture, FI_PACK_PIECES, list.data, list.size);
        object->hash = name;
        assert_int_equal(pack_fixture_write(&fixture, "p", 0, &err), FIRN_OK);
        int found;
        assert_int_equal(count_damage(&fixture, "p", &name, &found), read);
        assert_int_equal(found, verified);
        fi_buf_deinit(&list);
        pack_fixture_deinit(&fixture);
    }
}

static int
collect(void *ctx, firn_slice data, firn_error *err)
{
    (void)err;
    return fi_buf_append_slice(ctx, data);
}

/* The same bytes may have been stored as a list before they became a piece. */
static void
a_piece_may_be_a_list_that_is_smaller(void **state)
{
    firn_error err;
    for (int is_here = 0; is_here < 2; is_here++) {
        struct pack_fixture fixture;
        pack_fixture_init(&fixture);
        (void)pack_fixture_add_noise(&fixture, 1, 40);
        (void)pack_fixture_add_noise(&fixture, 2, 30);
        firn_hash inner = pack_fixture_add_pieces(&fixture, 0, 3, 1)->hash;
        struct fi_buf content = {0};
        static const uint8_t zeros[3] = {0};
        assert_int_equal(fi_buf_append_slice(&content, fi_buf_slice(&fixture.objects[0].content)),
                         FIRN_OK);
        assert_int_equal(fi_buf_append(&content, zeros, 3), FIRN_OK);
        assert_int_equal(fi_buf_append_slice(&content, fi_buf_slice(&fixture.objects[1].content)),
                         FIRN_OK);
        const struct fi_pack_piece pieces[] = {
            {.size = content.size, .hash = inner},
            {.size = 40, .hash = fixture.objects[0].hash},
        };
        assert_int_equal(fi_buf_append_slice(&content, fi_buf_slice(&fixture.objects[0].content)),
                         FIRN_OK);
        struct fi_buf list = {0};
        assert_int_equal(fi_pack_pieces_encode(pieces, 2, &list), FIRN_OK);
        struct pack_object *outer =
            pack_fixture_add(&fixture, FI_PACK_PIECES, list.data, list.size);
        fi_blake3_hash_of(content.data, content.size, &outer->hash);
        firn_hash name = outer->hash;
        if (!is_here) {
            /* What the inner list needs lies in another pack: a store knows. */
            fixture.objects[1].content.data[0] ^= 1;
            fi_blake3_hash_of(fixture.objects[1].content.data, 30, &fixture.objects[1].hash);
        }
        assert_int_equal(pack_fixture_write(&fixture, "p", 0, &err), FIRN_OK);
        int verified;
        int rc = count_damage(&fixture, "p", &name, &verified);
        assert_int_equal(rc, is_here ? FIRN_OK : FIRN_CORRUPT);
        assert_int_equal(verified, FIRN_OK);
        if (is_here) {
            struct firn_pack *pack;
            struct fi_buf found = {0};
            assert_int_equal(fi_pack_open(fixture.dir, "p", &pack, &err), FIRN_OK);
            assert_int_equal(
                fi_pack_stream_read(pack, fixture.scratch, &name, collect, &found, &err), FIRN_OK);
            assert_int_equal(found.size, content.size);
            assert_memory_equal(found.data, content.data, content.size);
            fi_buf_deinit(&found);
            fi_pack_close(pack);
        }
        fi_buf_deinit(&list);
        fi_buf_deinit(&content);
        pack_fixture_deinit(&fixture);
    }
}

/* ---- packs made by hand ---- */

struct by_hand {
    struct fi_block_writer *writer;
    struct fi_buf frames;
    struct fi_buf page;
    struct fi_buf fences;
};

/* A frame with one object; its entry is for the caller to give. */
static void
hand_frame(struct by_hand *hand, firn_slice content)
{
    struct fi_buf raw = {0};
    struct fi_block_ref ref;
    uint8_t head[FI_PACK_FORMAT_FRAME_HEAD_SIZE];
    uint8_t item[FI_PACK_FORMAT_ITEM_SIZE_MAX];
    size_t item_size = fi_pack_format_encode_item(FI_PACK_BLOB, (uint32_t)content.size, NULL, item);
    fi_pack_format_encode_frame_head((uint32_t)item_size, 1, head);
    assert_int_equal(fi_buf_append(&raw, head, sizeof head), FIRN_OK);
    assert_int_equal(fi_buf_append(&raw, item, item_size), FIRN_OK);
    assert_int_equal(fi_buf_append_slice(&raw, content), FIRN_OK);
    assert_int_equal(fi_block_writer_add(hand->writer, FI_CODEC_NONE, fi_buf_slice(&raw),
                                         (uint32_t)raw.size, &ref, NULL),
                     FIRN_OK);
    assert_int_equal(fi_buf_append_le64(&hand->frames, ref.offset), FIRN_OK);
    assert_int_equal(fi_buf_append_le32(&hand->frames, ref.stored_size), FIRN_OK);
    assert_int_equal(fi_buf_append_le32(&hand->frames, ref.raw_size), FIRN_OK);
    fi_buf_deinit(&raw);
}

static void
hand_section(struct by_hand *hand, uint32_t kind, const struct fi_buf *bytes)
{
    struct fi_block_ref ref;
    assert_int_equal(fi_block_writer_add(hand->writer, FI_CODEC_NONE, fi_buf_slice(bytes),
                                         (uint32_t)bytes->size, &ref, NULL),
                     FIRN_OK);
    assert_int_equal(fi_block_writer_add_section(hand->writer, kind, &ref, NULL), FIRN_OK);
}

/* One entry for the content, in frame 0. */
static void
hand_finish(struct by_hand *hand, firn_slice content, uint32_t frame_count)
{
    struct fi_pack_format_entry entry = {
        .at = {.size = (uint32_t)content.size, .kind = FI_PACK_BLOB}};
    uint8_t bytes[FI_PACK_FORMAT_ENTRY_SIZE];
    struct fi_block_ref ref;
    fi_blake3_hash_of(content.data, content.size, &entry.hash);
    fi_pack_format_encode_entry(&entry, bytes);
    assert_int_equal(fi_block_writer_add(hand->writer, FI_CODEC_NONE,
                                         firn_bytes(bytes, sizeof bytes), sizeof bytes, &ref, NULL),
                     FIRN_OK);
    assert_int_equal(fi_buf_append_le64(&hand->fences, 1), FIRN_OK);
    assert_int_equal(fi_buf_append_le64(&hand->fences, 1), FIRN_OK);
    assert_int_equal(fi_buf_append(&hand->fences, entry.hash.bytes, 32), FIRN_OK);
    assert_int_equal(fi_buf_append_le64(&hand->fences, ref.offset), FIRN_OK);
    struct fi_buf frames = {0};
    assert_int_equal(fi_buf_append_le64(&frames, frame_count), FIRN_OK);
    assert_int_equal(fi_buf_append_slice(&frames, fi_buf_slice(&hand->frames)), FIRN_OK);
    hand_section(hand, FI_PACK_FORMAT_SECTION_FRAMES, &frames);
    hand_section(hand, FI_PACK_FORMAT_SECTION_OBJECTS, &hand->fences);
    assert_int_equal(fi_block_writer_finish(hand->writer, NULL, NULL), FIRN_OK);
    fi_block_writer_destroy(hand->writer);
    fi_buf_deinit(&frames);
    fi_buf_deinit(&hand->frames);
    fi_buf_deinit(&hand->fences);
}

struct verdict {
    size_t damages;
    size_t objects;
    char text[FIRN_ERROR_TEXT_SIZE];
};

static void
note_damage(void *ctx, const firn_hash *hash, const char *text)
{
    struct verdict *verdict = ctx;
    verdict->damages++;
    verdict->objects += hash != NULL;
    (void)snprintf(verdict->text, sizeof verdict->text, "%s", text);
}

static int
judge(struct pack_fixture *fixture, const char *name, struct verdict *verdict)
{
    firn_error err;
    struct firn_pack *pack;
    *verdict = (struct verdict){0};
    assert_int_equal(fi_pack_open(fixture->dir, name, &pack, &err), FIRN_OK);
    int rc = fi_pack_verify(pack, fixture->scratch, note_damage, verdict, &err);
    fi_pack_close(pack);
    assert_true((rc == FIRN_OK) == (verdict->damages == 0));
    return rc;
}

static void
packs_made_by_hand_are_judged(void **state)
{
    static const struct {
        const char *what;
        bool stray_block;
        bool second_frame;
        const char *text; /* NULL: sound */
    } cases[] = {
        {"a sound one", false, false, NULL},
        {"a block that nothing names", true, false, "the next begins"},
        {"an object that the table does not have", false, true, "disagree"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pack_fixture fixture;
        pack_fixture_init(&fixture);
        struct by_hand hand = {0};
        struct fi_block_ref ref;
        assert_int_equal(
            fi_block_writer_create(fixture.dir, "p", FI_BLOCK_FILE_PACK, &hand.writer, NULL),
            FIRN_OK);
        firn_slice content = firn_str("made by hand");
        hand_frame(&hand, content);
        if (cases[i].stray_block) {
            assert_int_equal(fi_block_writer_add(hand.writer, FI_CODEC_NONE, content,
                                                 (uint32_t)content.size, &ref, NULL),
                             FIRN_OK);
        }
        if (cases[i].second_frame) {
            hand_frame(&hand, content);
        }
        hand_finish(&hand, content, cases[i].second_frame ? 2 : 1);
        struct verdict verdict;
        int rc = judge(&fixture, "p", &verdict);
        /* The page's number is written as a 64-bit one here: the reserved field is its upper
         * half. */
        assert_int_equal(rc, cases[i].text == NULL ? FIRN_OK : FIRN_CORRUPT);
        assert_true(cases[i].text == NULL || strstr(verdict.text, cases[i].text) != NULL);
        assert_int_equal(verdict.objects, 0);
        pack_fixture_deinit(&fixture);
    }
}

static void
verification_names_what_is_lost(void **state)
{
    struct damage damage;
    damage_init(&damage);
    struct verdict verdict;
    /* The second frame holds objects 4 to 7; object 9, the list in the third, needs 4 and 5. */
    damage_copy(&damage)[damage.blocks[1] + 50] ^= 1;
    test_file_write(damage.fixture.dir, "bad", damage.bad.data, damage.bad.size);
    assert_int_equal(judge(&damage.fixture, "bad", &verdict), FIRN_CORRUPT);
    assert_int_equal(verdict.objects, 5);
    assert_int_equal(verdict.damages, 7); /* and the frame, and the chunk of the body */
    /* A padding byte takes no object along. */
    renew_scratch(&damage);
    size_t page = damage.blocks[3] + 10 * FI_PACK_FORMAT_ENTRY_SIZE;
    damage_copy(&damage)[page] ^= 1;
    test_file_write(damage.fixture.dir, "bad", damage.bad.data, damage.bad.size);
    assert_int_equal(judge(&damage.fixture, "bad", &verdict), FIRN_CORRUPT);
    assert_int_equal(verdict.objects, 0);
    damage_deinit(&damage);
}

/* ---- salvage ---- */

struct salvage {
    struct damage *damage;
    size_t found;
};

static int
check_salvaged(void *ctx, const firn_hash *hash, enum fi_pack_kind kind, firn_slice content,
               firn_error *err)
{
    (void)err;
    struct salvage *salvage = ctx;
    for (size_t i = 0; i < salvage->damage->fixture.count; i++) {
        const struct pack_object *object = &salvage->damage->fixture.objects[i];
        if (fi_hash_equal(&object->hash, hash)) {
            assert_int_equal(object->kind, kind);
            assert_true(fi_slice_equal(fi_buf_slice(&object->content), content));
            salvage->found++;
            return FIRN_OK;
        }
    }
    fail_msg("an object that nobody wrote");
    return FIRN_INTERNAL;
}

static size_t
salvage_bad(struct damage *damage, size_t size)
{
    firn_error err;
    struct salvage salvage = {.damage = damage};
    test_file_write(damage->fixture.dir, "bad", damage->bad.data, size);
    int rc = fi_pack_salvage(damage->fixture.dir, "bad", check_salvaged, &salvage, &err);
    assert_true(rc == FIRN_OK || (rc == FIRN_CORRUPT && salvage.found == 0));
    return salvage.found;
}

static void
salvage_brings_back_every_whole_frame(void **state)
{
    struct damage damage;
    damage_init(&damage);
    damage_copy(&damage);
    size_t size = damage.bad.size;
    assert_int_equal(salvage_bad(&damage, size), 10);
    /* Everything after the frames is gone, in several ways. */
    size_t tables = damage.blocks[3] - 24;
    for (size_t cut = tables; cut < size; cut += 7) {
        assert_int_equal(salvage_bad(&damage, cut), 10);
    }
    memset(damage.bad.data + tables, 0xa5, size - tables);
    assert_int_equal(salvage_bad(&damage, size), 10);
    /* Each frame in turn: prefix, head, list, contents. */
    static const size_t holds[] = {4, 4, 2};
    for (size_t frame = 0; frame < 3; frame++) {
        size_t start = damage.blocks[frame] - 24;
        size_t end =
            damage.blocks[frame] + fi_load_le32(damage.good.data + damage.blocks[frame] - 24 + 8);
        for (size_t at = start; at < end; at++) {
            damage_copy(&damage)[at] ^= 0x41;
            assert_int_equal(salvage_bad(&damage, size), 10 - holds[frame]);
        }
    }
    /* Without header, by the footer's identity; without both nothing can be verified. */
    memset(damage_copy(&damage), 0, 128);
    assert_int_equal(salvage_bad(&damage, size), 10);
    memset(damage.bad.data + size - 128, 0, 128);
    assert_int_equal(salvage_bad(&damage, size), 0);
    damage_deinit(&damage);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_changed_byte_is_found),
        cmocka_unit_test(every_length_is_found),
        cmocka_unit_test(changed_bytes_of_a_larger_pack_are_found),
        cmocka_unit_test(packs_that_lie_are_refused),
        cmocka_unit_test(random_lies_never_give_wrong_bytes),
        cmocka_unit_test(lists_of_pieces_that_lie_are_refused),
        cmocka_unit_test(a_piece_may_be_a_list_that_is_smaller),
        cmocka_unit_test(packs_made_by_hand_are_judged),
        cmocka_unit_test(verification_names_what_is_lost),
        cmocka_unit_test(salvage_brings_back_every_whole_frame),
    };
    return cmocka_run_group_tests_name("packfile_damage", tests, NULL, NULL);
}
