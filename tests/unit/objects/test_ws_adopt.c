/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/objects: packs from another store are taken in, with all that they have; and nothing of a
 * pack whose maker lies gets into the index.
 */
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "handle/ws_opened.h"
#include "objects/objects.h"
#include "outgoing/outgoing.h"
#include "sim/sim_fault.h"
#include "support/test.h"
#include "support/test_fault.h"
#include "support/test_random.h"
#include "support/workspace/gc_support.h"
#include "support/workspace/ws_edit.h"
#include "support/workspace/ws_support.h"
#include "tree/tree.h"

enum { BYTES_MAX = 1 << 30 };

static firn_error err;

static int
tick(void *ctx, uint64_t bytes, firn_error *error)
{
    (void)ctx, (void)bytes, (void)error;
    return FIRN_OK;
}

/* A store that takes in. */
struct taking {
    int added; /* what became of the last pack */
    struct ws_world *world;
    struct fi_ws_opened opened;
    struct fi_objects_adoption *adoption;
    struct fi_os_dir *from; /* where the packs of the other store are written */
};

static int
note_added(void *ctx, uint64_t number, int rc, const firn_error *why, firn_error *error)
{
    struct taking *taking = ctx;
    (void)number;
    taking->added = rc;
    if (rc != FIRN_OK && rc != FIRN_EXISTS) {
        *error = *why;
        return rc;
    }
    return FIRN_OK;
}

static int
begin(struct taking *taking, struct ws_world *world, uint64_t bytes_max)
{
    *taking = (struct taking){.world = world};
    FI_TRY_RETURN(fi_ws_opened_open(world->ws, FI_WS_WRITE, &taking->opened, &err));
    const struct fi_objects_adoption_options options = {.bytes_max = bytes_max,
                                                        .threads = world->threads,
                                                        .tick = tick,
                                                        .added = note_added,
                                                        .ctx = taking};
    return fi_objects_adoption_begin(taking->opened.objects, &options, &taking->adoption, &err);
}

/* Returns rc, or why closing failed. */
static int
end(struct taking *taking, int rc)
{
    fi_objects_adoption_end(taking->adoption);
    return fi_ws_opened_close(taking->world->ws, &taking->opened, rc, &err);
}

static int
copy_file(struct fi_os_dir *dir, const char *name, uint64_t size, struct fi_os_file *to)
{
    struct fi_os_file *file;
    struct fi_buf bytes = {0};
    FI_TRY_RETURN(fi_os_file_open(dir, name, FI_OS_READ, 0, &file, &err));
    int rc = fi_buf_set_size(&bytes, (size_t)size);
    rc = rc == FIRN_OK ? fi_os_file_read_exact(file, 0, bytes.data, bytes.size, &err) : rc;
    rc = rc == FIRN_OK ? fi_os_file_write(to, 0, bytes.data, bytes.size, &err) : rc;
    fi_buf_deinit(&bytes);
    fi_os_file_close(file);
    return rc;
}

static int
take_pack(void *ctx, const struct fi_outgoing_pack *pack, firn_error *error)
{
    struct taking *taking = ctx;
    struct fi_os_file *file;
    FI_TRY_RETURN(fi_objects_adoption_file(taking->adoption, &file, error));
    FI_TRY_RETURN(copy_file(taking->from, pack->name, pack->size_bytes, file));
    return fi_objects_adoption_add(taking->adoption, pack->id, 0, error);
}

/* ==== what the other store lacks ==== */

static bool sends_all; /* as if it lacked everything */

static int
find(void *ctx, const firn_hash *hash, enum fi_outgoing_has *out, uint64_t *out_base_pack,
     firn_error *error)
{
    struct taking *taking = ctx;
    bool is_there;
    struct fi_objects_place place = {.pack = 0};
    int rc = fi_objects_contains(taking->opened.objects, hash, &is_there, error);
    *out = FI_OUTGOING_LACKS;
    *out_base_pack = 0;
    if (rc == FIRN_OK && is_there && !sends_all) {
        rc = fi_objects_index_find(taking->opened.objects, hash, &place, error);
        *out = FI_OUTGOING_PRESENT;
        *out_base_pack = fi_pack_kind_is_named(place.at.kind) ? 0 : place.pack;
    }
    return rc;
}

static int
add_checkpoint(void *ctx, firn_slice bytes, const struct fi_catalog_record *record,
               firn_error *error)
{
    (void)bytes;
    return fi_outgoing_add_tree(ctx, &record->root.hash, error);
}

/* Sends all checkpoints of one store to another, which decodes and hashes at most so much. */
static int
try_transfer_within(struct ws_world *from, struct ws_world *to, uint64_t pack_size,
                    uint64_t bytes_max)
{
    struct fi_ws_opened opened;
    struct taking taking;
    struct fi_outgoing *outgoing = NULL;
    int rc = begin(&taking, to, bytes_max);
    assert_int_equal(fi_ws_opened_open(from->ws, FI_WS_READ, &opened, &from->err), FIRN_OK);
    const struct fi_outgoing_place place = {find, &taking};
    assert_int_equal(fi_os_dir_open_path(from->tree.os, "/", &taking.from, &from->err), FIRN_OK);
    if (rc == FIRN_OK) {
        rc = fi_outgoing_create(opened.objects, &place, &outgoing, &err);
    }
    rc = rc == FIRN_OK ? fi_catalog_list(opened.catalog, 0, add_checkpoint, outgoing, &err) : rc;
    if (rc == FIRN_OK) {
        rc = fi_outgoing_write(outgoing, taking.from, pack_size, take_pack, &taking, &err);
    }
    rc = rc == FIRN_OK ? fi_objects_adoption_finish(taking.adoption, &err) : rc;
    fi_outgoing_destroy(outgoing);
    fi_os_dir_close(taking.from);
    assert_int_equal(fi_ws_opened_close(from->ws, &opened, FIRN_OK, &from->err), FIRN_OK);
    return end(&taking, rc);
}

static int
try_transfer(struct ws_world *from, struct ws_world *to, uint64_t pack_size)
{
    return try_transfer_within(from, to, pack_size, BYTES_MAX);
}

/* ==== the judge ==== */

struct judging {
    struct fi_objects *objects;
    struct fi_pack_scratch *scratch;
};

static int
judge_reference(void *ctx, const firn_hash *hash, bool is_tree, firn_error *error)
{
    struct judging *judging = ctx;
    struct fi_buf bytes = {0};
    firn_hash found;
    assert_int_equal(
        fi_objects_stream_whole(judging->objects, judging->scratch, hash, &bytes, error), FIRN_OK);
    fi_blake3_hash_of(bytes.data, bytes.size, &found);
    assert_memory_equal(&found, hash, sizeof found);
    int rc =
        is_tree ? fi_tree_references(fi_buf_slice(&bytes), judge_reference, ctx, error) : FIRN_OK;
    fi_buf_deinit(&bytes);
    return rc;
}

static int
judge_checkpoint(void *ctx, firn_slice bytes, const struct fi_catalog_record *record,
                 firn_error *error)
{
    (void)bytes;
    return judge_reference(ctx, &record->root.hash, true, error);
}

/* Each checkpoint of `from` can be read from `to`. */
static void
judge(struct ws_world *from, struct ws_world *to)
{
    struct fi_ws_opened source;
    struct fi_ws_opened opened;
    struct judging judging;
    assert_int_equal(fi_ws_opened_open(from->ws, FI_WS_READ, &source, &err), FIRN_OK);
    assert_int_equal(fi_ws_opened_open(to->ws, FI_WS_READ, &opened, &err), FIRN_OK);
    judging.objects = opened.objects;
    assert_int_equal(fi_pack_scratch_create(2, &judging.scratch, &err), FIRN_OK);
    assert_int_equal(fi_catalog_list(source.catalog, 0, judge_checkpoint, &judging, &err), FIRN_OK);
    fi_pack_scratch_destroy(judging.scratch);
    assert_int_equal(fi_ws_opened_close(to->ws, &opened, FIRN_OK, &err), FIRN_OK);
    assert_int_equal(fi_ws_opened_close(from->ws, &source, FIRN_OK, &err), FIRN_OK);
}

static void
random_trees_arrive(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct ws_world from;
        struct ws_world to;
        struct test_random random = {seed};
        ws_world_open_memory(&from, seed);
        ws_world_open_memory(&to, seed + 100);
        ws_edit_grow(&from.tree, &random, 40);
        scan_put_random(&from.tree, "large", seed, 9 << 20);
        ws_edit_grow(&to.tree, &random, 10);
        ws_save(&to);
        for (int i = 0; i < 3; i++) {
            ws_save(&from);
            assert_int_equal(try_transfer(&from, &to, seed % 2 == 0 ? 64 << 20 : 100000), FIRN_OK);
            judge(&from, &to);
            ws_assert_check_clean(&to);
            for (int k = 0; k < 5; k++) {
                ws_edit_step(&from.tree, &random);
                ws_edit_step(&to.tree, &random);
            }
            ws_save(&to); /* the store goes on */
        }
        /* No checkpoint of this store needs them. */
        uint64_t before = gc_look(&to).entries;
        gc_run_full(&to);
        assert_true(gc_look(&to).entries < before);
        ws_assert_check_clean(&to);
        ws_world_close(&to);
        ws_world_close(&from);
    }
}

static size_t
pack_count(struct ws_world *world)
{
    struct fi_ws_opened opened;
    assert_int_equal(fi_ws_opened_open(world->ws, FI_WS_READ, &opened, &err), FIRN_OK);
    const size_t count = fi_objects_pack_count(opened.objects);
    assert_int_equal(fi_ws_opened_close(world->ws, &opened, FIRN_OK, &err), FIRN_OK);
    return count;
}

/* The same objects in packs of other identities: they take no space. One with anything new gets in. */
static void
packs_of_what_is_here_do_not_get_in(void **state)
{
    struct ws_world from;
    struct ws_world to;
    struct test_random random = {71};
    (void)state;
    ws_world_open_memory(&from, 71);
    ws_world_open_memory(&to, 72);
    ws_save(&to);
    ws_edit_grow(&from.tree, &random, 20);
    ws_save(&from);
    assert_int_equal(try_transfer(&from, &to, 64 << 20), FIRN_OK);
    const size_t count = pack_count(&to);
    sends_all = true;
    for (int again = 0; again < 2; again++) {
        assert_int_equal(try_transfer(&from, &to, again == 0 ? 64 << 20 : 1 << 10), FIRN_OK);
        assert_int_equal(pack_count(&to), count);
    }
    scan_put_text(&from.tree, "new", "text");
    ws_save(&from);
    assert_int_equal(try_transfer(&from, &to, 64 << 20), FIRN_OK);
    assert_int_equal(pack_count(&to), count + 1);
    sends_all = false;
    judge(&from, &to);
    ws_assert_check_clean(&to);
    ws_world_close(&to);
    ws_world_close(&from);
}

/* Many small saves have deltas to files all over the first one. Each frame of these is decoded once
 * to be verified, and once for all deltas that need it, and not for each of them. */
static void
bases_are_decoded_once(void **state)
{
    (void)state;
    enum { FILE_COUNT = 96, FILE_SIZE = 60000, SAVE_COUNT = 80 };
    static uint8_t content[FILE_COUNT][FILE_SIZE];
    const uint64_t first = FILE_COUNT * FILE_SIZE;
    const uint64_t edited = 2 * SAVE_COUNT * FILE_SIZE; /* hashed, to be compared */
    struct test_random random = {1};
    struct ws_world from;
    struct ws_world to;
    ws_world_open_memory(&from, 1);
    ws_world_open_memory(&to, 2);
    for (size_t i = 0; i < FILE_COUNT; i++) {
        char path[16];
        snprintf(path, sizeof path, "file-%02zu", i);
        for (size_t k = 0; k < FILE_SIZE; k++) {
            content[i][k] = 'a' + test_random_next(&random) % 16; /* frames are compressed */
        }
        scan_put_file(&from.tree, path, content[i], FILE_SIZE);
    }
    ws_save(&from);
    for (size_t i = 0; i < SAVE_COUNT; i++) {
        for (size_t k = 0; k < 2; k++) {
            const size_t number = (2 * i + k) * 37 % FILE_COUNT;
            char path[16];
            snprintf(path, sizeof path, "file-%02zu", number);
            content[number][100 + i]++;
            scan_put_file(&from.tree, path, content[number], FILE_SIZE);
        }
        ws_save(&from);
    }
    ws_save(&to);
    assert_int_equal(try_transfer_within(&from, &to, 5 << 20, 4 * first + edited), FIRN_OK);
    judge(&from, &to);
    ws_assert_check_clean(&to);
    ws_world_close(&to);
    ws_world_close(&from);
}

/* ==== makers who lie ==== */

/* Writes a pack with one whole object, and what `add` puts beside it. */
static struct fi_block_file_id
make_pack(struct taking *taking, const char *whole, void (*add)(struct fi_pack_lane *lane),
          uint64_t *out_size)
{
    struct firn_pack_writer *writer;
    struct fi_pack_lane *lane;
    firn_hash hash;
    bool is_new;
    assert_int_equal(fi_pack_writer_create(taking->from, "made.pack", 3, &writer, &err), FIRN_OK);
    assert_int_equal(fi_pack_lane_create(writer, &lane, &err), FIRN_OK);
    fi_blake3_hash_of(whole, strlen(whole), &hash);
    assert_int_equal(fi_pack_lane_add(lane, FI_PACK_BLOB, &hash, firn_str(whole), &is_new, &err),
                     FIRN_OK);
    if (add != NULL) {
        add(lane);
    }
    assert_int_equal(fi_pack_lane_flush(lane, &err), FIRN_OK);
    fi_pack_lane_destroy(lane);
    const struct fi_block_file_id id = *fi_pack_writer_id(writer);
    assert_int_equal(fi_pack_writer_finish(writer, out_size, &err), FIRN_OK);
    fi_pack_writer_destroy(writer);
    return id;
}

static int
take_made(struct ws_world *to, const char *whole, void (*add)(struct fi_pack_lane *lane),
          bool has_other_id, int damage_at)
{
    struct taking taking;
    struct fi_os_file *file;
    uint64_t size;
    assert_int_equal(begin(&taking, to, BYTES_MAX), FIRN_OK);
    assert_int_equal(fi_os_dir_open_path(to->tree.os, "/", &taking.from, &err), FIRN_OK);
    struct fi_block_file_id id = make_pack(&taking, whole, add, &size);
    id.bytes[1] ^= has_other_id;
    assert_int_equal(fi_objects_adoption_file(taking.adoption, &file, &err), FIRN_OK);
    assert_int_equal(copy_file(taking.from, "made.pack", size, file), FIRN_OK);
    if (damage_at >= 0) {
        uint8_t byte;
        assert_int_equal(fi_os_file_read_exact(file, (uint64_t)damage_at, &byte, 1, &err), FIRN_OK);
        byte ^= 1;
        assert_int_equal(fi_os_file_write(file, (uint64_t)damage_at, &byte, 1, &err), FIRN_OK);
    }
    int rc = fi_objects_adoption_add(taking.adoption, &id, 0, &err);
    rc = rc == FIRN_OK ? fi_objects_adoption_finish(taking.adoption, &err) : rc;
    if (rc == FIRN_OK) {
        assert_int_equal(fi_objects_adoption_file(taking.adoption, &file, &err), FIRN_OK);
        assert_int_equal(copy_file(taking.from, "made.pack", size, file), FIRN_OK);
        assert_int_equal(fi_objects_adoption_add(taking.adoption, &id, 0, &err), FIRN_OK);
        rc = fi_objects_adoption_finish(taking.adoption, &err);
        assert_int_equal(taking.added, FIRN_EXISTS);
    }
    assert_int_equal(fi_os_remove_file(taking.from, "made.pack", NULL), FIRN_OK);
    fi_os_dir_close(taking.from);
    firn_error found = err;
    int closed = end(&taking, rc);
    err = found;
    return closed;
}

/* The number of the pack that has an object; 0: none. */
static uint32_t
pack_of(struct ws_world *world, const char *content)
{
    struct fi_ws_opened opened;
    struct fi_objects_place place;
    firn_hash hash;
    fi_blake3_hash_of(content, strlen(content), &hash);
    assert_int_equal(fi_ws_opened_open(world->ws, FI_WS_READ, &opened, &world->err), FIRN_OK);
    int rc = fi_objects_index_find(opened.objects, &hash, &place, &world->err);
    assert_int_equal(fi_ws_opened_close(world->ws, &opened, FIRN_OK, &world->err), FIRN_OK);
    return rc == FIRN_OK ? place.pack : 0;
}

/* A list of "whole", as if it were "stolen". */
static void
add_false_list(struct fi_pack_lane *lane)
{
    struct fi_pack_piece piece = {.size = 5};
    struct fi_buf list = {0};
    firn_hash hash;
    bool is_new;
    fi_blake3_hash_of("whole", 5, &piece.hash);
    fi_blake3_hash_of("stolen", 6, &hash);
    assert_int_equal(fi_pack_pieces_encode(&piece, 1, &list), FIRN_OK);
    assert_int_equal(
        fi_pack_lane_add(lane, FI_PACK_PIECES, &hash, fi_buf_slice(&list), &is_new, &err), FIRN_OK);
    fi_buf_deinit(&list);
}

static void
add_false_delta(struct fi_pack_lane *lane)
{
    struct fi_compress *compress;
    struct fi_pack_delta_base base = {.content = firn_str("whole")};
    struct fi_buf delta = {0};
    firn_hash hash;
    bool fits;
    fi_blake3_hash_of("whole", 5, &base.hash);
    fi_blake3_hash_of("stolen", 6, &hash);
    assert_int_equal(fi_compress_create(&compress, &err), FIRN_OK);
    assert_int_equal(fi_pack_delta_encode(compress, &base, FI_PACK_BLOB, firn_str("wholly"), 1000,
                                          &delta, &fits, &err),
                     FIRN_OK);
    assert_true(fits);
    assert_int_equal(
        fi_pack_lane_add(lane, FI_PACK_DELTA, &hash, fi_buf_slice(&delta), &fits, &err), FIRN_OK);
    fi_compress_destroy(compress);
    fi_buf_deinit(&delta);
}

static void
add_record(struct fi_pack_lane *lane)
{
    firn_hash hash;
    bool is_new;
    fi_blake3_hash_of("record", 6, &hash);
    assert_int_equal(
        fi_pack_lane_add(lane, FI_PACK_RECORD, &hash, firn_str("record"), &is_new, &err), FIRN_OK);
}

/* 1 TiB of zeros that nobody has to store. */
static void
add_huge_hole(struct fi_pack_lane *lane)
{
    struct fi_pack_piece pieces[2] = {{.size = 5}, {.size = UINT64_C(1) << 40, .is_hole = true}};
    struct fi_buf list = {0};
    firn_hash hash;
    bool is_new;
    fi_blake3_hash_of("whole", 5, &pieces[0].hash);
    fi_blake3_hash_of("stolen", 6, &hash);
    assert_int_equal(fi_pack_pieces_encode(pieces, 2, &list), FIRN_OK);
    assert_int_equal(
        fi_pack_lane_add(lane, FI_PACK_PIECES, &hash, fi_buf_slice(&list), &is_new, &err), FIRN_OK);
    fi_buf_deinit(&list);
}

/* "wholly", as it is. */
static void
add_delta(struct fi_pack_lane *lane)
{
    struct fi_compress *compress;
    struct fi_pack_delta_base base = {.content = firn_str("whole")};
    struct fi_buf delta = {0};
    firn_hash hash;
    bool fits;
    fi_blake3_hash_of("whole", 5, &base.hash);
    fi_blake3_hash_of("wholly", 6, &hash);
    assert_int_equal(fi_compress_create(&compress, &err), FIRN_OK);
    assert_int_equal(fi_pack_delta_encode(compress, &base, FI_PACK_BLOB, firn_str("wholly"), 1000,
                                          &delta, &fits, &err),
                     FIRN_OK);
    assert_int_equal(
        fi_pack_lane_add(lane, FI_PACK_DELTA, &hash, fi_buf_slice(&delta), &fits, &err), FIRN_OK);
    fi_compress_destroy(compress);
    fi_buf_deinit(&delta);
}

static void
give_made(struct taking *taking, const char *whole, void (*add)(struct fi_pack_lane *lane))
{
    struct fi_os_file *file;
    uint64_t size;
    const struct fi_block_file_id id = make_pack(taking, whole, add, &size);
    assert_int_equal(fi_objects_adoption_file(taking->adoption, &file, &err), FIRN_OK);
    assert_int_equal(copy_file(taking->from, "made.pack", size, file), FIRN_OK);
    assert_int_equal(fi_objects_adoption_add(taking->adoption, &id, 0, &err), FIRN_OK);
    assert_int_equal(fi_os_remove_file(taking->from, "made.pack", NULL), FIRN_OK);
}

/* One pack has an object as a delta, another one has it whole, and deltas may be of that. Whichever
 * comes first, it is whole afterwards. */
static void
what_came_whole_stays_whole(void **state)
{
    (void)state;
    for (int is_first = 0; is_first < 2; is_first++) {
        struct ws_world to;
        struct taking taking;
        struct fi_objects_place place;
        firn_hash hash;
        ws_world_open_memory(&to, 1);
        ws_save(&to);
        assert_int_equal(begin(&taking, &to, BYTES_MAX), FIRN_OK);
        assert_int_equal(fi_os_dir_open_path(to.tree.os, "/", &taking.from, &err), FIRN_OK);
        if (is_first == 1) {
            give_made(&taking, "wholly", NULL);
        }
        give_made(&taking, "whole", add_delta);
        if (is_first == 0) {
            give_made(&taking, "wholly", NULL);
        }
        assert_int_equal(fi_objects_adoption_finish(taking.adoption, &err), FIRN_OK);
        fi_blake3_hash_of("wholly", 6, &hash);
        assert_int_equal(fi_objects_index_find(taking.opened.objects, &hash, &place, &err),
                         FIRN_OK);
        assert_int_equal(place.at.kind, FI_PACK_BLOB);
        fi_os_dir_close(taking.from);
        assert_int_equal(end(&taking, FIRN_OK), FIRN_OK);
        ws_assert_check_clean(&to);
        ws_world_close(&to);
    }
}

static void
a_pack_whose_maker_lies_changes_nothing(void **state)
{
    (void)state;
    struct ws_world to;
    ws_world_open_memory(&to, 1);
    scan_put_text(&to.tree, "file", "mine");
    ws_save(&to);
    assert_int_equal(take_made(&to, "whole", NULL, true, -1), FIRN_CORRUPT);
    assert_int_equal(take_made(&to, "whole", add_record, false, -1), FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "record"));
    assert_int_equal(take_made(&to, "4", add_false_list, false, -1), FIRN_CORRUPT);
    assert_int_equal(take_made(&to, "5", add_false_delta, false, -1), FIRN_CORRUPT);
    for (int at = 40; at < 300; at += 20) {
        assert_int_not_equal(take_made(&to, "whole", NULL, false, at), FIRN_OK);
    }
    assert_int_equal(pack_of(&to, "whole"), 0);
    assert_int_equal(gc_look(&to).files, gc_look(&to).packs);
    assert_int_equal(take_made(&to, "whole", NULL, false, -1), FIRN_OK);
    uint32_t first = pack_of(&to, "whole");
    assert_int_not_equal(first, 0);
    assert_int_equal(take_made(&to, "whole", NULL, false, -1), FIRN_OK);
    assert_int_equal(pack_of(&to, "whole"), first); /* it keeps its place */
    /* By themselves these packs are right; what they lie about is in the store. */
    assert_int_equal(take_made(&to, "1", add_false_list, false, -1), FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "1 objects of the packs are not what their names say"));
    assert_int_equal(take_made(&to, "2", add_false_delta, false, -1), FIRN_CORRUPT);
    assert_int_equal(take_made(&to, "3", add_huge_hole, false, -1), FIRN_LIMIT);
    assert_int_not_equal(pack_of(&to, "3"), 0);
    assert_int_equal(pack_of(&to, "stolen"), 0);
    scan_put_text(&to.tree, "other", "stolen");
    ws_save(&to);
    ws_assert_check_clean(&to);
    scan_remove_file(&to.tree, "other");
    ws_restore(&to, "2");
    assert_true(ws_dump_has(&to, "other"));
    ws_world_close(&to);
}

/* ==== faults ==== */

/* Whatever fails, the store is sound, and the next try succeeds. */
static void
transfer_with_faults(struct test_fault *fault, bool has_calls)
{
    struct ws_world from;
    struct ws_world start;
    struct test_random random = {3};
    ws_world_open_memory(&from, 1);
    ws_edit_grow(&from.tree, &random, 12);
    scan_put_random(&from.tree, "a", 7, 9 << 20);
    ws_save(&from);
    ws_world_open_memory(&start, 2);
    scan_put_text(&start.tree, "file", "mine");
    ws_save(&start);
    while (test_fault_next(fault)) {
        struct ws_world to;
        ws_world_clone(&start, &to);
        if (has_calls) {
            scan_world_wrap(&to.tree);
            ws_world_reopen(&to);
            test_fault_call(fault, to.tree.outer);
        }
        int rc = try_transfer(&from, &to, 3 << 20);
        test_fault_end(fault);
        test_fault_expect(fault, rc, FIRN_IO);
        if (rc != FIRN_OK) {
            assert_int_equal(try_transfer(&from, &to, 3 << 20), FIRN_OK);
        }
        judge(&from, &to);
        ws_assert_check_clean(&to);
        ws_world_close(&to);
    }
    ws_world_close(&start);
    ws_world_close(&from);
}

static void
a_store_is_sound_when_calls_fail(void **state)
{
    (void)state;
    struct test_fault fault = {.classes = FI_SIM_FAULT_OPENS | FI_SIM_FAULT_READS |
                                          FI_SIM_FAULT_WRITES | FI_SIM_FAULT_METADATA,
                               .every = 12};
    transfer_with_faults(&fault, true);
    assert_true(fault.refused > 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_trees_arrive),
        cmocka_unit_test(packs_of_what_is_here_do_not_get_in),
        cmocka_unit_test(bases_are_decoded_once),
        cmocka_unit_test(what_came_whole_stays_whole),
        cmocka_unit_test(a_pack_whose_maker_lies_changes_nothing),
        cmocka_unit_test(a_store_is_sound_when_calls_fail),
    };
    return cmocka_run_group_tests_name("ws_adopt", tests, NULL, NULL);
}
