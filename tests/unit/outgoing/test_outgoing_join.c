/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/outgoing: packs become one: each object once, in its best form and in its place; and packs
 * that are damaged, or lie under right checksums. (test_ws_outgoing.c joins those of a store.)
 */
#include "base/bytes.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "codec/compress.h"
#include "outgoing/outgoing.h"
#include "pack/pack_format.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_file.h"
#include "support/test_random.h"
#include "support/test_seal.h"

enum { NAMES_MAX = 8, NOISE_SIZE = 3000 };

struct world {
    struct fi_os *os;
    struct fi_os_dir *dir;
    struct firn_pack_writer *writer; /* of the pack that is being made */
    struct fi_pack_lane *lane;
    firn_error err;
};

static void
world_open(struct world *world)
{
    *world = (struct world){.os = NULL};
    assert_int_equal(fi_sim_memory_create(3, &world->os, NULL), FIRN_OK);
    assert_int_equal(fi_os_dir_open_path(world->os, "/", &world->dir, NULL), FIRN_OK);
}

static void
world_close(struct world *world)
{
    fi_os_dir_close(world->dir);
    fi_sim_memory_destroy(world->os);
}

/* ==== making packs ==== */

static void
begin(struct world *world, const char *name)
{
    assert_int_equal(fi_pack_writer_create(world->dir, name, 1, &world->writer, NULL), FIRN_OK);
    assert_int_equal(fi_pack_lane_create(world->writer, &world->lane, NULL), FIRN_OK);
}

static void
end(struct world *world)
{
    assert_int_equal(fi_pack_lane_flush(world->lane, NULL), FIRN_OK);
    assert_int_equal(fi_pack_writer_finish(world->writer, NULL, NULL), FIRN_OK);
    fi_pack_lane_destroy(world->lane);
    fi_pack_writer_destroy(world->writer);
}

static void
end_frame(struct world *world)
{
    assert_int_equal(fi_pack_lane_flush(world->lane, NULL), FIRN_OK);
}

static void
add(struct world *world, enum fi_pack_kind kind, const firn_hash *hash, firn_slice content)
{
    bool is_new;
    assert_int_equal(fi_pack_lane_add(world->lane, kind, hash, content, &is_new, NULL), FIRN_OK);
    assert_true(is_new);
}

/* Object number i: its bytes, and its name. */
static firn_hash
noise(uint64_t i, uint8_t out[NOISE_SIZE])
{
    struct test_random random = {.state = i + 1};
    firn_hash hash;
    test_random_fill(&random, out, NOISE_SIZE);
    fi_blake3_hash_of(out, NOISE_SIZE, &hash);
    return hash;
}

static void
add_whole(struct world *world, enum fi_pack_kind kind, uint64_t i)
{
    uint8_t bytes[NOISE_SIZE];
    firn_hash hash = noise(i, bytes);
    add(world, kind, &hash, firn_bytes(bytes, sizeof bytes));
}

/* Object `i` as a delta of object `base`. */
static void
add_delta(struct world *world, enum fi_pack_kind kind, uint64_t i, uint64_t base)
{
    uint8_t bytes[NOISE_SIZE];
    uint8_t base_bytes[NOISE_SIZE];
    struct fi_compress *compress;
    struct fi_buf delta = {0};
    bool fits;
    firn_hash hash = noise(i, bytes);
    const struct fi_pack_delta_base of = {.hash = noise(base, base_bytes),
                                          .content = firn_bytes(base_bytes, NOISE_SIZE)};
    assert_int_equal(fi_compress_create(&compress, NULL), FIRN_OK);
    assert_int_equal(fi_pack_delta_encode(compress, &of, kind, firn_bytes(bytes, sizeof bytes),
                                          100000, &delta, &fits, NULL),
                     FIRN_OK);
    assert_true(fits);
    add(world, FI_PACK_DELTA, &hash, fi_buf_slice(&delta));
    fi_buf_deinit(&delta);
    fi_compress_destroy(compress);
}

/* ==== joining ==== */

static int
join_with(struct world *world, struct fi_os_dir *dir, const char *const *names, uint64_t bytes_max,
          struct fi_outgoing_joined *out)
{
    struct fi_outgoing_join join = {
        .dir = dir, .names = names, .out_dir = dir, .out_name = "joined", .bytes_max = bytes_max};
    while (names[join.count] != NULL) {
        join.count++;
    }
    return fi_outgoing_join(&join, out, &world->err);
}

static int
join(struct world *world, const char *const *names)
{
    struct fi_outgoing_joined out;
    return join_with(world, world->dir, names, UINT64_MAX, &out);
}

/* An error leaves no file. */
static void
assert_refused(struct world *world, const char *const *names, int code)
{
    assert_int_equal(join(world, names), code);
    assert_false(test_file_exists(world->dir, "joined"));
}

/* What the frames of the joined pack have, as text: for each frame a word, with a letter and a
 * number for each object. */
struct telling {
    struct fi_buf text;
    uint32_t frame;
};

static int
tell(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_slice content,
     firn_error *err)
{
    (void)content, (void)err;
    struct telling *telling = ctx;
    uint8_t bytes[NOISE_SIZE];
    uint64_t i = 0;
    for (firn_hash found = noise(i, bytes); !fi_hash_equal(&found, hash) && i < 100;) {
        found = noise(++i, bytes);
    }
    if (telling->text.size > 0 && at->frame != telling->frame) {
        assert_int_equal(fi_buf_append_str(&telling->text, " "), FIRN_OK);
    }
    telling->frame = at->frame;
    assert_int_equal(fi_buf_append_format(&telling->text, "%c%d", " bptrd"[at->kind], (int)i),
                     FIRN_OK);
    return FIRN_OK;
}

static void
assert_joined(struct world *world, const char *const *names, const char *expected)
{
    struct firn_pack *pack;
    struct fi_pack_scratch *scratch;
    struct telling telling = {.frame = 0};
    if (join(world, names) != FIRN_OK) {
        fail_msg("%s", world->err.text);
    }
    assert_int_equal(fi_pack_open(world->dir, "joined", &pack, &world->err), FIRN_OK);
    assert_int_equal(fi_pack_scratch_create(2, &scratch, NULL), FIRN_OK);
    assert_int_equal(fi_pack_verify(pack, scratch, NULL, NULL, &world->err), FIRN_OK);
    for (uint32_t i = 0; i < fi_pack_walk_count(pack); i++) {
        assert_int_equal(fi_pack_walk_frame(pack, scratch, i, tell, &telling, &world->err),
                         FIRN_OK);
    }
    assert_string_equal(fi_buf_text(&telling.text), expected);
    fi_buf_deinit(&telling.text);
    fi_pack_scratch_destroy(scratch);
    fi_pack_close(pack);
    assert_int_equal(fi_os_remove_file(world->dir, "joined", &world->err), FIRN_OK);
}

static void
contents_come_before_directories_and_frames_are_copied(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    begin(&world, "a");
    add_whole(&world, FI_PACK_BLOB, 1);
    add_whole(&world, FI_PACK_BLOB, 2);
    end_frame(&world);
    add_whole(&world, FI_PACK_TREE, 3);
    end(&world);
    begin(&world, "b"); /* with frames of both */
    add_whole(&world, FI_PACK_BLOB, 4);
    add_whole(&world, FI_PACK_TREE, 5);
    end_frame(&world);
    add_delta(&world, FI_PACK_TREE, 6, 5);
    end(&world);
    begin(&world, "c");
    add_delta(&world, FI_PACK_BLOB, 7, 1);
    add_whole(&world, FI_PACK_BLOB, 8);
    end(&world);
    assert_joined(&world, (const char *const[]){"a", NULL}, "b1b2 t3");
    /* b4 is single, so its frame is open while that of c is copied; no directory comes into it. */
    assert_joined(&world, (const char *const[]){"a", "b", "c", NULL}, "b1b2 b4 d7b8 t3 t5 d6");
    assert_joined(&world, (const char *const[]){"c", "b", "a", NULL}, "d7b8 b4 b1b2 t5 d6 t3");
    assert_joined(&world, (const char *const[]){"a", "a", NULL}, "b1b2 t3");
    world_close(&world);
}

static void
a_whole_copy_is_preferred(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    begin(&world, "delta");
    add_whole(&world, FI_PACK_BLOB, 1);
    add_delta(&world, FI_PACK_BLOB, 2, 1);
    end(&world);
    begin(&world, "whole"); /* another delta leans on 2 */
    add_whole(&world, FI_PACK_BLOB, 2);
    end_frame(&world);
    add_delta(&world, FI_PACK_BLOB, 3, 2);
    end(&world);
    begin(&world, "other");
    add_delta(&world, FI_PACK_BLOB, 2, 4);
    add_whole(&world, FI_PACK_TREE, 1);
    end(&world);
    assert_joined(&world, (const char *const[]){"delta", "whole", NULL}, "b1 b2 d3");
    assert_joined(&world, (const char *const[]){"whole", "delta", NULL}, "b2 d3 b1");
    /* Of equal ones the first; a directory counts more than a content. */
    assert_joined(&world, (const char *const[]){"delta", "other", NULL}, "d2 t1");
    assert_joined(&world, (const char *const[]){"whole", "other", NULL}, "b2 d3 t1");
    world_close(&world);
}

static void
more_than_is_allowed_is_refused(void **state)
{
    (void)state;
    struct world world;
    struct fi_outgoing_joined out;
    world_open(&world);
    begin(&world, "a");
    add_whole(&world, FI_PACK_BLOB, 1);
    end(&world);
    begin(&world, "b");
    add_whole(&world, FI_PACK_BLOB, 2);
    end(&world);
    const char *const names[] = {"a", "b", NULL};
    const uint64_t frame = 12 + 3 + NOISE_SIZE;
    assert_int_equal(join_with(&world, world.dir, names, 2 * frame - 1, &out), FIRN_LIMIT);
    assert_int_equal(join_with(&world, world.dir, names, 2 * frame, &out), FIRN_OK);
    assert_int_equal(out.object_count, 2);
    assert_int_equal(join_with(&world, world.dir, names, 2 * frame, &out), FIRN_EXISTS);
    world_close(&world);
}

static void
a_record_is_refused(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    begin(&world, "a");
    add_whole(&world, FI_PACK_BLOB, 1);
    add_whole(&world, FI_PACK_RECORD, 2);
    end(&world);
    assert_refused(&world, (const char *const[]){"a", NULL}, FIRN_CORRUPT);
    world_close(&world);
}

/* ==== damage ==== */

static void
make_all_kinds(struct world *world)
{
    static const char text[] = "firn and ice";
    const firn_slice content = firn_bytes(text, sizeof text - 1);
    struct fi_pack_piece pieces[2] = {{.size = content.size}, {.size = content.size}};
    struct fi_buf list = {0};
    struct fi_blake3_hash hash;
    firn_hash name;
    begin(world, "good");
    fi_blake3_hash_of(content.data, content.size, &pieces[0].hash);
    pieces[1] = pieces[0];
    assert_int_equal(fi_pack_pieces_encode(pieces, 2, &list), FIRN_OK);
    fi_blake3_hash_init(&hash);
    fi_blake3_hash_update(&hash, content.data, content.size);
    fi_blake3_hash_update(&hash, content.data, content.size);
    fi_blake3_hash_final(&hash, &name);
    add(world, FI_PACK_BLOB, &pieces[0].hash, content);
    add(world, FI_PACK_PIECES, &name, fi_buf_slice(&list));
    end_frame(world);
    name = (firn_hash){{0}};
    fi_blake3_hash_of(NULL, 0, &name);
    add(world, FI_PACK_BLOB, &name, firn_bytes(NULL, 0));
    fi_blake3_hash_of(content.data, 4, &name);
    add(world, FI_PACK_TREE, &name, firn_bytes(content.data, 4));
    end(world);
    fi_buf_deinit(&list);
}

static void
a_changed_byte_is_found_or_does_no_harm(void **state)
{
    (void)state;
    struct world world;
    struct fi_buf good = {0};
    uint64_t refused = 0;
    world_open(&world);
    make_all_kinds(&world);
    test_file_read(world.dir, "good", &good);
    for (size_t i = 0; i < good.size; i++) {
        good.data[i] ^= (uint8_t)(1U << i % 8);
        test_file_write(world.dir, "bad", good.data, good.size);
        good.data[i] ^= (uint8_t)(1U << i % 8);
        int rc = join(&world, (const char *const[]){"bad", NULL});
        if (rc == FIRN_OK) { /* a hash of a MiB of the file, which only its verification reads */
            assert_int_equal(fi_os_remove_file(world.dir, "joined", &world.err), FIRN_OK);
        } else {
            assert_int_equal(rc, FIRN_CORRUPT);
            refused++;
        }
    }
    assert_true(refused + 40 > good.size);
    for (size_t size = 0; size < good.size; size += 7) {
        test_file_write(world.dir, "bad", good.data, size);
        assert_refused(&world, (const char *const[]){"bad", NULL}, FIRN_CORRUPT);
    }
    fi_buf_deinit(&good);
    world_close(&world);
}

/* Each byte, under right checksums: an error, or a pack whose objects have their names. */
static void
what_lies_under_right_checksums_is_no_danger(void **state)
{
    (void)state;
    struct world world;
    struct fi_buf good = {0};
    struct fi_buf bad = {0};
    struct fi_pack_scratch *scratch;
    uint64_t refused = 0;
    world_open(&world);
    make_all_kinds(&world);
    test_file_read(world.dir, "good", &good);
    for (size_t i = 0; i < 4 * good.size; i++) {
        struct firn_pack *pack;
        assert_int_equal(fi_buf_assign(&bad, fi_buf_slice(&good)), FIRN_OK);
        bad.data[i / 4] ^= (const uint8_t[]){1, 0x80, 0xff, 2}[i % 4];
        test_seal(bad.data, bad.size);
        test_file_write(world.dir, "bad", bad.data, bad.size);
        int rc = join(&world, (const char *const[]){"bad", "good", NULL});
        if (rc != FIRN_OK) {
            assert_true(rc == FIRN_CORRUPT || rc == FIRN_NEWER);
            refused++;
            continue;
        }
        /* What only a list or a delta says of itself may be wrong. */
        assert_int_equal(fi_pack_open(world.dir, "joined", &pack, &world.err), FIRN_OK);
        assert_int_equal(fi_pack_scratch_create(1, &scratch, NULL), FIRN_OK);
        rc = fi_pack_verify(pack, scratch, NULL, NULL, &world.err);
        assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT);
        fi_pack_scratch_destroy(scratch);
        fi_pack_close(pack);
        assert_int_equal(fi_os_remove_file(world.dir, "joined", &world.err), FIRN_OK);
    }
    assert_true(refused > good.size);
    fi_buf_deinit(&good);
    fi_buf_deinit(&bad);
    world_close(&world);
}

/* Writes a pack by hand: frames of one object each, and a table that names what it is told. */
struct forged {
    uint64_t object; /* in the frame */
    uint64_t listed; /* in the table */
    uint32_t frame;  /* of the table's entry */
    int same_as;     /* this frame is the block of another one, plus 1; 0: it has its own */
};
enum { NO_FRAME = -1 }; /* of same_as */

static int
compare_entries(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(firn_hash));
}

static void
forge(struct world *world, const char *name, const struct forged *forged, uint32_t count)
{
    struct fi_block_writer *writer;
    struct fi_block_ref refs[NAMES_MAX];
    struct fi_block_ref page;
    uint8_t bytes[NOISE_SIZE];
    struct fi_buf block = {0};
    uint32_t frame_count = 0;
    uint8_t entries[NAMES_MAX][FI_PACK_FORMAT_ENTRY_SIZE];
    assert_int_equal(fi_block_writer_create(world->dir, name, FI_BLOCK_FILE_PACK, &writer, NULL),
                     FIRN_OK);
    for (uint32_t i = 0; i < count; i++) {
        uint8_t head[FI_PACK_FORMAT_FRAME_HEAD_SIZE];
        uint8_t item[FI_PACK_FORMAT_ITEM_SIZE_MAX];
        struct fi_pack_format_entry entry = {
            .hash = noise(forged[i].listed, bytes),
            .at = {.frame = forged[i].frame, .size = NOISE_SIZE, .kind = FI_PACK_BLOB}};
        fi_pack_format_encode_entry(&entry, entries[i]);
        (void)noise(forged[i].object, bytes);
        size_t size = fi_pack_format_encode_item(FI_PACK_BLOB, NOISE_SIZE, NULL, item);
        fi_pack_format_encode_frame_head((uint32_t)size, 1, head);
        fi_buf_clear(&block);
        assert_int_equal(fi_buf_append(&block, head, sizeof head), FIRN_OK);
        assert_int_equal(fi_buf_append(&block, item, size), FIRN_OK);
        assert_int_equal(fi_buf_append(&block, bytes, sizeof bytes), FIRN_OK);
        if (forged[i].same_as > 0) {
            refs[frame_count++] = refs[forged[i].same_as - 1];
        } else if (forged[i].same_as != NO_FRAME) {
            assert_int_equal(fi_block_writer_add(writer, FI_CODEC_NONE, fi_buf_slice(&block),
                                                 (uint32_t)block.size, &refs[frame_count++], NULL),
                             FIRN_OK);
        }
    }
    qsort(entries, count, sizeof entries[0], compare_entries);
    assert_int_equal(fi_block_writer_add(writer, FI_CODEC_NONE,
                                         firn_bytes(entries, count * sizeof entries[0]),
                                         (uint32_t)(count * sizeof entries[0]), &page, NULL),
                     FIRN_OK);
    uint8_t objects[FI_PACK_FORMAT_OBJECTS_HEAD_SIZE + FI_PACK_FORMAT_FENCE_SIZE] = {0};
    uint8_t frames[FI_PACK_FORMAT_FRAMES_HEAD_SIZE + NAMES_MAX * 16] = {0};
    struct fi_block_ref ref;
    size_t frames_size = FI_PACK_FORMAT_FRAMES_HEAD_SIZE + frame_count * 16;
    fi_store_le64(objects, count);
    fi_store_le32(objects + 8, 1);
    memcpy(objects + 16, entries[0], sizeof(firn_hash));
    fi_store_le64(objects + 48, page.offset);
    fi_store_le32(frames, frame_count);
    for (uint32_t i = 0; i < frame_count; i++) {
        uint8_t *at = frames + FI_PACK_FORMAT_FRAMES_HEAD_SIZE + (size_t)i * 16;
        fi_store_le64(at, refs[i].offset);
        fi_store_le32(at + 8, refs[i].stored_size);
        fi_store_le32(at + 12, refs[i].raw_size);
    }
    assert_int_equal(fi_block_writer_add(writer, FI_CODEC_NONE, firn_bytes(objects, sizeof objects),
                                         sizeof objects, &ref, NULL),
                     FIRN_OK);
    assert_int_equal(
        fi_block_writer_add_section(writer, FI_PACK_FORMAT_SECTION_OBJECTS, &ref, NULL), FIRN_OK);
    assert_int_equal(fi_block_writer_add(writer, FI_CODEC_NONE, firn_bytes(frames, frames_size),
                                         (uint32_t)frames_size, &ref, NULL),
                     FIRN_OK);
    assert_int_equal(fi_block_writer_add_section(writer, FI_PACK_FORMAT_SECTION_FRAMES, &ref, NULL),
                     FIRN_OK);
    assert_int_equal(fi_block_writer_finish(writer, NULL, NULL), FIRN_OK);
    fi_block_writer_destroy(writer);
    fi_buf_deinit(&block);
}

static void
a_table_that_disagrees_with_the_frames_is_refused(void **state)
{
    (void)state;
    struct world world;
    world_open(&world);
    const char *const names[] = {"forged", NULL};
    static const struct {
        struct forged objects[2];
        bool is_sound;
    } cases[] = {
        {{{1, 1, 0, 0}, {2, 2, 1, 0}}, true},
        {{{1, 1, 1, 0}, {2, 2, 0, 0}}, false}, /* exchanged */
        {{{1, 1, 0, 0}, {2, 3, 1, 0}}, false}, /* an object that is not listed */
        {{{1, 1, 0, 0}, {1, 2, 0, 0}}, false}, /* the same twice, another one missing */
        {{{1, 1, 0, 0}, {1, 2, 1, 1}}, false}, /* one block as two frames */
        {{{1, 1, 0, 0}, {2, 2, 0, NO_FRAME}}, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        forge(&world, "forged", cases[i].objects, 2);
        if (cases[i].is_sound) {
            assert_joined(&world, names, "b1 b2");
        } else {
            assert_refused(&world, names, FIRN_CORRUPT);
        }
        assert_int_equal(fi_os_remove_file(world.dir, "forged", &world.err), FIRN_OK);
    }
    world_close(&world);
}

/* Its frames are not those of the other one. */
static void
a_pack_with_the_identity_of_another_is_no_danger(void **state)
{
    (void)state;
    struct world world;
    struct fi_buf one = {0};
    struct fi_buf two = {0};
    world_open(&world);
    begin(&world, "a");
    add_whole(&world, FI_PACK_BLOB, 1);
    end(&world);
    begin(&world, "b");
    add_whole(&world, FI_PACK_BLOB, 2);
    end(&world);
    test_file_read(world.dir, "a", &one);
    test_file_read(world.dir, "b", &two);
    assert_int_equal(one.size, two.size);
    memcpy(two.data + 16, one.data + 16, 16);
    memcpy(two.data + two.size - 128, one.data + one.size - 128, 32);
    test_seal(two.data, two.size);
    test_file_write(world.dir, "c", two.data, two.size);
    assert_joined(&world, (const char *const[]){"a", "c", NULL}, "b1 b2");
    fi_buf_deinit(&one);
    fi_buf_deinit(&two);
    world_close(&world);
}

/* ==== faults ==== */

static void
join_with_faults(struct test_fault *fault, bool has_calls, int code)
{
    struct world world;
    struct fi_os *outer;
    struct fi_os_dir *dir;
    const char *const names[] = {"a", "b", NULL};
    world_open(&world);
    begin(&world, "a");
    add_whole(&world, FI_PACK_BLOB, 1);
    add_whole(&world, FI_PACK_TREE, 2);
    end(&world);
    begin(&world, "b");
    add_whole(&world, FI_PACK_BLOB, 3);
    add_delta(&world, FI_PACK_BLOB, 4, 3);
    end_frame(&world);
    add_whole(&world, FI_PACK_TREE, 2);
    end(&world);
    assert_int_equal(fi_sim_fault_create(world.os, &outer, NULL), FIRN_OK);
    assert_int_equal(fi_os_dir_open_path(outer, "/", &dir, NULL), FIRN_OK);
    while (test_fault_next(fault)) {
        struct fi_outgoing_joined out;
        if (has_calls) {
            test_fault_call(fault, outer);
        } else {
            test_fault_allocation(fault);
        }
        int rc = join_with(&world, dir, names, UINT64_MAX, &out);
        test_fault_end(fault);
        test_fault_expect(fault, rc, code);
        assert_int_equal(test_file_exists(world.dir, "joined"), rc == FIRN_OK);
        if (rc == FIRN_OK) {
            assert_int_equal(out.object_count, 4);
            assert_int_equal(fi_os_remove_file(world.dir, "joined", &world.err), FIRN_OK);
        }
    }
    assert_true(fault->refused > 10);
    fi_os_dir_close(dir);
    fi_sim_fault_destroy(outer);
    world_close(&world);
}

static void
an_error_is_reported_when_memory_fails(void **state)
{
    (void)state;
    struct test_fault fault = {.every = 0};
    test_alloc_install();
    join_with_faults(&fault, false, FIRN_NO_MEMORY);
    test_alloc_uninstall();
}

static void
an_error_is_reported_when_calls_fail(void **state)
{
    (void)state;
    struct test_fault fault = {.classes = FI_SIM_FAULT_READS | FI_SIM_FAULT_WRITES |
                                          FI_SIM_FAULT_SYNCS | FI_SIM_FAULT_RANDOM};
    join_with_faults(&fault, true, FIRN_IO);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contents_come_before_directories_and_frames_are_copied),
        cmocka_unit_test(a_whole_copy_is_preferred),
        cmocka_unit_test(more_than_is_allowed_is_refused),
        cmocka_unit_test(a_record_is_refused),
        cmocka_unit_test(a_changed_byte_is_found_or_does_no_harm),
        cmocka_unit_test(what_lies_under_right_checksums_is_no_danger),
        cmocka_unit_test(a_table_that_disagrees_with_the_frames_is_refused),
        cmocka_unit_test(a_pack_with_the_identity_of_another_is_no_danger),
        cmocka_unit_test(an_error_is_reported_when_memory_fails),
        cmocka_unit_test(an_error_is_reported_when_calls_fail),
    };
    return cmocka_run_group_tests_name("outgoing_join", tests, NULL, NULL);
}
