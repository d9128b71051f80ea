/* SPDX-License-Identifier: Apache-2.0
 *
 * Checkpoints of a store whose packs were sent to a bucket are read from there, and each file is compared with what the
 * store itself says of it. What that costs is counted in requests.
 */
#include "handle/ws_opened.h"
#include "objects/objects.h"
#include "outgoing/outgoing.h"
#include "support/test_file.h"
#include "support/test_random.h"
#include "support/workspace/gc_support.h"
#include "support/workspace/ws_edit.h"
#include "support/workspace/ws_support.h"
#include "tree/tree.h"
#include "unit/far/far_fixture.h"

#define ALL UINT64_MAX

struct sent_pack {
    char name[32];
    struct fi_block_file_id id;
    uint64_t size;
    uint64_t bases[FAR_PACK_MAX];
    size_t base_count;
    struct fi_buf bytes;
};

/* A store, a bucket, and what was sent to it. */
struct far_world {
    struct ws_world ws;
    struct far_fixture bucket;
    struct fi_hash_map known; /* of struct known */
    struct sent_pack packs[FAR_PACK_MAX];
    size_t pack_count;
    struct fi_outgoing *outgoing;
    struct fi_ws_opened opened; /* while a checkpoint is judged */
    uint64_t files;
};

struct known {
    firn_hash hash; /* first */
    uint64_t pack;  /* from 1 */
    enum fi_outgoing_has has;
    bool is_whole;
};

static void
world_open(struct far_world *world)
{
    memset(world, 0, sizeof *world);
    ws_world_open_memory(&world->ws, 1);
    far_fixture_init(&world->bucket, world->ws.tree.os);
    fi_hash_map_init(&world->known, sizeof(struct known), fi_hash_map_first, fi_hash_map_same_hash);
}

static void
world_close(struct far_world *world)
{
    for (size_t i = 0; i < world->pack_count; i++) {
        fi_buf_deinit(&world->packs[i].bytes);
    }
    fi_hash_map_deinit(&world->known);
    far_fixture_deinit(&world->bucket);
    ws_world_close(&world->ws);
}

/* ==== sending ==== */

static int
find(void *ctx, const firn_hash *hash, enum fi_outgoing_has *out, uint64_t *out_pack,
     firn_error *err)
{
    const struct far_world *world = ctx;
    const struct known *known = fi_hash_map_find(&world->known, fi_hash_map_first(hash), hash);
    (void)err;
    *out = known != NULL ? known->has : FI_OUTGOING_LACKS;
    *out_pack = known != NULL && known->is_whole ? known->pack : 0;
    return FIRN_OK;
}

static int
note_object(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_error *err)
{
    struct far_world *world = ctx;
    const struct known known = {.hash = *hash,
                                .pack = world->pack_count,
                                .is_whole = !fi_pack_kind_is_named(at->kind),
                                .has = fi_outgoing_after(world->outgoing, hash)};
    (void)err;
    assert_non_null(fi_hash_map_insert(&world->known, fi_hash_map_first(hash), &known));
    return FIRN_OK;
}

static int
take_pack(void *ctx, const struct fi_outgoing_pack *pack, firn_error *err)
{
    struct far_world *world = ctx;
    assert_true(world->pack_count < FAR_PACK_MAX && pack->base_count < FAR_PACK_MAX);
    struct sent_pack *sent = &world->packs[world->pack_count++];
    snprintf(sent->name, sizeof sent->name, "packs/p%d.pack", (int)world->pack_count);
    sent->id = *pack->id;
    sent->size = pack->size_bytes;
    sent->base_count = pack->base_count;
    for (size_t i = 0; i < pack->base_count; i++) {
        sent->bases[i] = pack->bases[i];
    }
    test_file_read(world->bucket.temp, pack->name, &sent->bytes);
    far_fixture_put(&world->bucket, sent->name + strlen("packs/"), fi_buf_slice(&sent->bytes));
    return fi_pack_writer_list(pack->writer, note_object, world, err);
}

struct sending {
    struct far_world *world;
    uint64_t from; /* checkpoints of this order and later ones */
};

static int
add_checkpoint(void *ctx, firn_slice bytes, const struct fi_catalog_record *record, firn_error *err)
{
    const struct sending *sending = ctx;
    (void)bytes;
    return record->order < sending->from
               ? FIRN_OK
               : fi_outgoing_add_tree(sending->world->outgoing, &record->root.hash, err);
}

static void
send(struct far_world *world, uint64_t from, uint64_t size_max)
{
    const struct fi_outgoing_place place = {find, world};
    struct sending sending = {world, from};
    struct fi_ws_opened opened;
    firn_error *err = &world->ws.err;
    assert_int_equal(fi_ws_opened_open(world->ws.ws, FI_WS_READ, &opened, err), FIRN_OK);
    assert_int_equal(fi_outgoing_create(opened.objects, &place, &world->outgoing, err), FIRN_OK);
    assert_int_equal(fi_catalog_list(opened.catalog, 0, add_checkpoint, &sending, err), FIRN_OK);
    assert_int_equal(
        fi_outgoing_write(world->outgoing, world->bucket.temp, size_max, take_pack, world, err),
        FIRN_OK);
    fi_outgoing_destroy(world->outgoing);
    assert_int_equal(fi_ws_opened_close(world->ws.ws, &opened, FIRN_OK, err), FIRN_OK);
}

/* What was sent. Packs of at most inline_max bytes stand in memory. */
static struct fi_far *
open_far(struct far_world *world, uint64_t inline_max)
{
    struct fi_far *far = far_fixture_open(&world->bucket, ALL);
    for (size_t i = 0; i < world->pack_count; i++) {
        const struct sent_pack *sent = &world->packs[i];
        const struct fi_far_pack pack = {.name = sent->name,
                                         .id = sent->id,
                                         .size_bytes = sent->size,
                                         .number = i + 1,
                                         .bases = sent->bases,
                                         .base_count = sent->base_count};
        assert_int_equal(
            sent->size <= inline_max
                ? fi_far_add_bytes(far, &pack, fi_buf_slice(&sent->bytes), &world->ws.err)
                : fi_far_add_pack(far, &pack, &world->ws.err),
            FIRN_OK);
    }
    assert_int_equal(world->bucket.gets, 0);
    return far;
}

/* ==== the judge ==== */

static void
judge_file(struct far_world *world, struct fi_far *far, const struct fi_tree_entry *entry)
{
    struct far_sum here = {0};
    struct far_sum there = {0};
    struct fi_pack_scratch *scratch;
    firn_error *err = &world->ws.err;
    assert_int_equal(fi_pack_scratch_create(2, &scratch, err), FIRN_OK);
    assert_int_equal(fi_objects_stream(world->opened.objects, scratch, &entry->hash, entry->size,
                                       far_fixture_sum, &here, err),
                     FIRN_OK);
    fi_pack_scratch_destroy(scratch);
    assert_int_equal(fi_far_stream(far, &entry->hash, entry->size, far_fixture_sum, &there, err),
                     FIRN_OK);
    assert_int_equal(there.size, entry->size);
    assert_int_equal(there.size, here.size);
    assert_int_equal(there.sum, here.sum);
    if (entry->size > 0) {
        assert_int_equal(fi_far_stream(far, &entry->hash, entry->size + 1, far_fixture_sum,
                                       &(struct far_sum){0}, err),
                         FIRN_CORRUPT);
    }
    world->files++;
}

static void
judge_directory(struct far_world *world, struct fi_far *far, const firn_hash *hash)
{
    struct fi_tree_iterator *iterator;
    const struct fi_tree_entry *entry;
    bool is_end;
    assert_int_equal(fi_tree_iterator_create(fi_far_trees(far), hash, &iterator, &world->ws.err),
                     FIRN_OK);
    for (;;) {
        assert_int_equal(fi_tree_iterator_next(iterator, &entry, &is_end, &world->ws.err), FIRN_OK);
        if (is_end) {
            break;
        }
        if (entry->kind == FI_TREE_DIR) {
            judge_directory(world, far, &entry->hash);
        } else if (entry->kind == FI_TREE_FILE) {
            judge_file(world, far, entry);
        }
    }
    fi_tree_iterator_destroy(iterator);
}

static firn_hash
root_of(struct far_world *world, const char *reference)
{
    struct fi_catalog_record record;
    assert_int_equal(fi_ws_opened_open(world->ws.ws, FI_WS_READ, &world->opened, &world->ws.err),
                     FIRN_OK);
    assert_int_equal(
        fi_ws_find_record(world->ws.ws, &world->opened, reference, &record, &world->ws.err),
        FIRN_OK);
    firn_hash hash = record.root.hash;
    assert_int_equal(fi_ws_opened_close(world->ws.ws, &world->opened, FIRN_OK, &world->ws.err),
                     FIRN_OK);
    return hash;
}

/* Compares everything below the checkpoint with the store. */
static void
judge(struct far_world *world, struct fi_far *far, const char *reference)
{
    const firn_hash root = root_of(world, reference);
    assert_int_equal(fi_ws_opened_open(world->ws.ws, FI_WS_READ, &world->opened, &world->ws.err),
                     FIRN_OK);
    judge_directory(world, far, &root);
    assert_int_equal(fi_ws_opened_close(world->ws.ws, &world->opened, FIRN_OK, &world->ws.err),
                     FIRN_OK);
}

/* Finds a file by its path, and streams it. */
static void
read_path(struct far_world *world, struct fi_far *far, const firn_hash *root, const char *path,
          struct far_sum *out)
{
    struct fi_tree_lookup lookup;
    const struct fi_tree_entry *entry;
    *out = (struct far_sum){0};
    fi_tree_lookup_init(&lookup, fi_far_trees(far), root);
    assert_int_equal(fi_tree_lookup_find(&lookup, firn_str(path), &entry, &world->ws.err), FIRN_OK);
    assert_non_null(entry);
    assert_int_equal(
        fi_far_stream(far, &entry->hash, entry->size, far_fixture_sum, out, &world->ws.err),
        FIRN_OK);
    fi_tree_lookup_deinit(&lookup);
}

/* ==== tests ==== */

static void
put_lines(struct far_world *world, const char *path, int changed)
{
    struct fi_buf text = {0};
    for (int i = 0; i < 8000; i++) {
        assert_int_equal(fi_buf_append_format(&text, "line %d of %s is %d\n", i, path,
                                              i == changed ? -1 : i * 7919 % 10007),
                         FIRN_OK);
    }
    scan_put_file(&world->ws.tree, path, text.data, text.size);
    fi_buf_deinit(&text);
}

static void
every_object_of_random_trees_is_read(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct far_world world;
        struct test_random random = {seed};
        world_open(&world);
        ws_edit_grow(&world.ws.tree, &random, 40);
        scan_put_random(&world.ws.tree, "large", seed, 9 << 20);
        scan_put_sparse(&world.ws.tree, "holes", 30 << 20,
                        (const uint64_t[]){8192, 9 << 20, 20 << 20}, 3);
        put_lines(&world, "text", 0);
        for (int i = 0; i < 3; i++) {
            ws_save(&world.ws);
            send(&world, (uint64_t)i + 1, seed % 2 == 0 ? 64 << 20 : 1000000);
            for (int k = 0; k < 5; k++) {
                ws_edit_step(&world.ws.tree, &random);
            }
            put_lines(&world, "text", 1000 * i);
        }
        for (int k = 1; k <= 3; k++) {
            char reference[2] = {(char)('0' + k), 0};
            struct fi_far *far = open_far(&world, seed % 2 == 0 ? 0 : 64 << 10);
            judge(&world, far, reference);
            assert_true(world.bucket.largest <= 8 << 20);
            assert_int_equal(world.bucket.bytes, fi_far_fetched(far));
            uint64_t gets = world.bucket.gets;
            judge(&world, far, reference); /* nothing is fetched twice */
            assert_int_equal(world.bucket.gets, gets);
            fi_far_destroy(far);
            assert_int_equal(test_file_count(world.bucket.temp), 0);
        }
        assert_true(world.files > 50);
        world_close(&world);
    }
}

static void
cells_are_read(void **state)
{
    (void)state;
    struct far_world world;
    world_open(&world);
    scan_put_sparse(&world.ws.tree, "disk", UINT64_C(20) << 30,
                    (const uint64_t[]){4096, 3 << 20, UINT64_C(19) << 30}, 3);
    ws_save(&world.ws);
    send(&world, 1, 64 << 20);
    struct fi_far *far = open_far(&world, 0);
    judge(&world, far, "1");
    assert_int_equal(world.files, 1);
    assert_true(world.bucket.gets <= 2);
    fi_far_destroy(far);
    world_close(&world);
}

/* A tree of 2,000 files of noise, in one pack. */
static void
put_many(struct far_world *world)
{
    char path[32];
    for (int i = 0; i < 2000; i++) {
        snprintf(path, sizeof path, "d%02d/e%d/f%04d", i % 40, i % 3, i);
        scan_put_random(&world->ws.tree, path, (uint64_t)i + 1, 2500);
    }
    put_lines(world, "d07/text", 0);
    ws_save(&world->ws);
    send(world, 1, 64 << 20);
    assert_int_equal(world->pack_count, 1);
    assert_true(world->packs[0].size > 4 << 20);
}

static void
one_file_costs_two_requests(void **state)
{
    (void)state;
    struct far_world world;
    struct far_sum sum;
    world_open(&world);
    put_many(&world);
    const firn_hash root = root_of(&world, "1");
    struct fi_far *far = open_far(&world, 64 << 10);
    read_path(&world, far, &root, "d01/e2/f0041", &sum);
    print_message("one file: %d requests, %d bytes of %d\n", (int)world.bucket.gets,
                  (int)world.bucket.bytes, (int)world.packs[0].size);
    assert_true(world.bucket.gets <= 2);
    assert_true(world.bucket.bytes < (1 << 20) + (700 << 10));
    read_path(&world, far, &root, "d01/e2/f0041", &sum);
    assert_true(world.bucket.gets <= 2);
    fi_far_destroy(far);
    /* The first to be saved are farthest from the end. */
    far = open_far(&world, 64 << 10);
    read_path(&world, far, &root, "d00/e0/f0000", &sum);
    assert_int_equal(world.bucket.gets, 2);
    fi_far_destroy(far);
    world_close(&world);
}

static void
a_delta_across_packs_costs_three(void **state)
{
    (void)state;
    for (int is_inline = 0; is_inline < 2; is_inline++) {
        struct far_world world;
        struct far_sum before;
        struct far_sum after;
        world_open(&world);
        put_many(&world);
        put_lines(&world, "d07/text", 4000);
        ws_save(&world.ws);
        send(&world, 2, 64 << 20);
        assert_int_equal(world.pack_count, 2);
        assert_int_equal(world.packs[1].base_count, 1);
        const firn_hash first = root_of(&world, "1");
        const firn_hash second = root_of(&world, "2");
        struct fi_far *far = open_far(&world, is_inline ? 64 << 10 : 0);
        read_path(&world, far, &second, "d07/text", &after);
        print_message("a delta: %d requests\n", (int)world.bucket.gets);
        assert_true(world.bucket.gets <= (is_inline ? 2 : 3));
        read_path(&world, far, &first, "d07/text", &before);
        assert_true(world.bucket.gets <= (is_inline ? 2 : 3));
        assert_true(before.sum != after.sum && before.size > 100000);
        fi_far_destroy(far);
        /* A file that the second pack has costs nothing of the first. */
        scan_put_random(&world.ws.tree, "new", 1, 5000);
        ws_save(&world.ws);
        send(&world, 3, 64 << 20);
        const firn_hash third = root_of(&world, "3");
        far = open_far(&world, 0);
        bool has = false;
        assert_int_equal(fi_far_has(far, &third, &has, &world.ws.err), FIRN_OK);
        assert_true(has);
        assert_int_equal(world.bucket.gets, 1);
        fi_far_destroy(far);
        world_close(&world);
    }
}

struct collecting {
    struct far_world *world;
    struct fi_far *far;
    firn_hash *hashes;
    uint64_t *sizes;
    size_t count;
};

static void
collect(struct collecting *collecting, const firn_hash *hash)
{
    struct fi_tree_iterator *iterator;
    const struct fi_tree_entry *entry;
    bool is_end;
    firn_error *err = &collecting->world->ws.err;
    assert_int_equal(fi_tree_iterator_create(fi_far_trees(collecting->far), hash, &iterator, err),
                     FIRN_OK);
    while (fi_tree_iterator_next(iterator, &entry, &is_end, err) == FIRN_OK && !is_end) {
        if (entry->kind == FI_TREE_DIR) {
            collect(collecting, &entry->hash);
        } else {
            collecting->hashes[collecting->count] = entry->hash;
            collecting->sizes[collecting->count++] = entry->size;
        }
    }
    fi_tree_iterator_destroy(iterator);
}

static void
what_is_wanted_needs_no_further_request(void **state)
{
    (void)state;
    static firn_hash hashes[2100];
    static uint64_t sizes[2100];
    struct far_world world;
    world_open(&world);
    put_many(&world);
    put_lines(&world, "d07/text", 4000);
    ws_save(&world.ws);
    send(&world, 2, 64 << 20);
    const firn_hash root = root_of(&world, "2");
    struct fi_far *far = open_far(&world, 0);
    struct collecting collecting = {&world, far, hashes, sizes, 0};
    collect(&collecting, &root);
    assert_int_equal(collecting.count, 2001);
    assert_int_equal(fi_far_want(far, hashes, collecting.count, &world.ws.err), FIRN_OK);
    uint64_t gets = world.bucket.gets;
    print_message("2,001 files: %d requests\n", (int)gets);
    assert_true(gets <= 4);
    for (size_t i = 0; i < collecting.count; i++) {
        assert_int_equal(fi_far_stream(far, &hashes[i], sizes[i], far_fixture_sum,
                                       &(struct far_sum){0}, &world.ws.err),
                         FIRN_OK);
    }
    assert_int_equal(fi_far_want(far, hashes, collecting.count, &world.ws.err), FIRN_OK);
    assert_int_equal(world.bucket.gets, gets);
    /* A few that are far from each other cost no more than their frames. */
    fi_far_destroy(far);
    far = open_far(&world, 0);
    const firn_hash few[] = {hashes[10], hashes[1300]};
    assert_int_equal(fi_far_want(far, few, 2, &world.ws.err), FIRN_OK);
    print_message("two files far apart: %d requests, %d bytes\n", (int)world.bucket.gets,
                  (int)world.bucket.bytes);
    assert_true(world.bucket.bytes < (5 << 19));
    fi_far_destroy(far);
    world_close(&world);
}

static void
a_large_file_costs_a_request_for_each_8_mib(void **state)
{
    (void)state;
    struct far_world world;
    struct far_sum sum;
    world_open(&world);
    scan_put_random(&world.ws.tree, "large", 1, 40 << 20);
    ws_save(&world.ws);
    send(&world, 1, 64 << 20);
    const firn_hash root = root_of(&world, "1");
    struct fi_far *far = open_far(&world, 0);
    read_path(&world, far, &root, "large", &sum);
    print_message("40 MiB: %d requests\n", (int)world.bucket.gets);
    assert_int_equal(sum.size, 40 << 20);
    assert_true(world.bucket.gets <= 12);
    fi_far_destroy(far);
    world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_file_costs_two_requests),
        cmocka_unit_test(a_delta_across_packs_costs_three),
        cmocka_unit_test(what_is_wanted_needs_no_further_request),
        cmocka_unit_test(a_large_file_costs_a_request_for_each_8_mib),
        cmocka_unit_test(cells_are_read),
        cmocka_unit_test(every_object_of_random_trees_is_read),
    };
    return cmocka_run_group_tests_name("far", tests, NULL, NULL);
}
