/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/operations: where saves cut large files: alike in all stores in clear, and in each encrypted
 * store in places of its own, at which it stays until it is in clear again.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "codec/blake3_hash.h"
#include "handle/ws_opened.h"
#include "rekey/rekey.h"
#include "support/test.h"
#include "support/test_random.h"
#include "support/workspace/gc_support.h"

enum { SIZE = 9 << 20, CHUNKS_MAX = SIZE >> 12 };

struct chunks {
    struct fi_objects *objects;
    struct fi_pack_scratch *scratch; /* each level of lists needs its own */
    firn_hash names[CHUNKS_MAX];
    size_t count;
};

static int
keep_piece(void *ctx, uint64_t offset, const struct fi_pack_piece *piece, firn_error *err)
{
    struct chunks *chunks = ctx;
    const size_t before = chunks->count;
    (void)offset;
    if (chunks->scratch != NULL) {
        struct chunks inner = {.objects = chunks->objects};
        int rc = fi_objects_read_pieces(chunks->objects, chunks->scratch, &piece->hash, keep_piece,
                                        &inner, err);
        memcpy(chunks->names + before, inner.names, inner.count * sizeof *inner.names);
        chunks->count += inner.count;
        if (rc != FIRN_OK || inner.count > 0) {
            return rc;
        }
    }
    assert_true(chunks->count < CHUNKS_MAX);
    chunks->names[chunks->count++] = piece->hash;
    return FIRN_OK;
}

/* What a store has cut a file into. */
static void
read_chunks(struct ws_world *world, const firn_hash *file, struct chunks *out)
{
    struct fi_ws_opened opened;
    struct fi_pack_scratch *outer;
    assert_int_equal(fi_ws_opened_open(world->ws, FI_WS_READ, &opened, &world->err), FIRN_OK);
    *out = (struct chunks){.objects = opened.objects};
    assert_int_equal(fi_pack_scratch_create(1, &outer, &world->err), FIRN_OK);
    assert_int_equal(fi_pack_scratch_create(1, &out->scratch, &world->err), FIRN_OK);
    assert_int_equal(
        fi_objects_read_pieces(opened.objects, outer, file, keep_piece, out, &world->err), FIRN_OK);
    fi_pack_scratch_destroy(outer);
    fi_pack_scratch_destroy(out->scratch);
    assert_int_equal(fi_ws_opened_close(world->ws, &opened, false, &world->err), FIRN_OK);
    assert_in_range(out->count, SIZE / 22000, SIZE / 13000);
}

static size_t
count_shared(const struct chunks *one, const struct chunks *other)
{
    size_t shared = 0;
    for (size_t i = 0; i < one->count; i++) {
        for (size_t j = 0; j < other->count; j++) {
            shared += fi_hash_equal(&one->names[i], &other->names[j]) ? 1 : 0;
        }
    }
    return shared;
}

static void
assert_cuts(bool is_encrypted)
{
    static struct chunks found[3];
    struct ws_world worlds[2];
    struct test_random random = {.state = 1};
    uint8_t *bytes = malloc(SIZE + 5);
    firn_hash hash;
    assert_non_null(bytes);
    test_random_fill(&random, bytes, SIZE + 5);
    fi_blake3_hash_of(bytes + 5, SIZE, &hash);
    for (unsigned i = 0; i < 2; i++) {
        ws_world_open_memory(&worlds[i], 1 + i);
        scan_put_file(&worlds[i].tree, "f", bytes + 5, SIZE);
        ws_save(&worlds[i]);
        read_chunks(&worlds[i], &hash, &found[i]);
    }
    assert_int_equal(count_shared(&found[0], &found[1]), is_encrypted ? 0 : found[0].count);

    ws_world_reopen(&worlds[0]);
    scan_put_file(&worlds[0].tree, "f", bytes, SIZE + 5);
    assert_in_range(ws_save(&worlds[0]).checkpoint->added_bytes, 1, SIZE / 20);
    fi_blake3_hash_of(bytes, SIZE + 5, &hash);
    read_chunks(&worlds[0], &hash, &found[2]);
    assert_in_range(count_shared(&found[0], &found[2]), found[0].count - 8, found[0].count);
    ws_assert_check_clean(&worlds[0]);
    for (unsigned i = 0; i < 2; i++) {
        ws_world_close(&worlds[i]);
    }
    free(bytes);
}

static void
stores_in_clear_cut_alike(void **state)
{
    (void)state;
    (void)unsetenv("FIRN_TEST_ENCRYPT");
    assert_cuts(false);
}

/* tests/support/store/encrypted.c */
static void
an_encrypted_store_cuts_in_places_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(setenv("FIRN_TEST_ENCRYPT", "1", 1), 0);
    assert_cuts(true);
    assert_int_equal(unsetenv("FIRN_TEST_ENCRYPT"), 0);
}

/* Saves the same file in two stores, of which the first one has always been in clear. */
static void
assert_cuts_alike(struct ws_world *worlds, const uint8_t *bytes, bool is_alike)
{
    static struct chunks found[2];
    firn_hash hash;
    fi_blake3_hash_of(bytes, SIZE, &hash);
    for (unsigned i = 0; i < 2; i++) {
        scan_put_file(&worlds[i].tree, "f", bytes, SIZE);
        ws_save(&worlds[i]);
        read_chunks(&worlds[i], &hash, &found[i]);
    }
    assert_int_equal(count_shared(&found[0], &found[1]), is_alike ? found[0].count : 0);
    assert_true(!is_alike || found[0].count == found[1].count);
}

static void
a_store_that_is_in_clear_again_cuts_as_all_of_them(void **state)
{
    struct ws_world worlds[2];
    struct test_random random = {.state = 2};
    uint8_t *bytes = malloc(4 * SIZE);
    (void)state;
    assert_non_null(bytes);
    test_random_fill(&random, bytes, 4 * SIZE);
    for (unsigned i = 0; i < 2; i++) {
        ws_world_open_memory(&worlds[i], 1 + i);
    }
    struct ws_world *world = &worlds[1];
    world->cipher = FIRN_CIPHER_XCHACHA20_POLY1305;
    world->key_source = &ws_key_source;
    ws_world_reopen(world);
    assert_cuts_alike(worlds, bytes, false);

    world->cipher = FIRN_CIPHER_NONE;
    ws_world_reopen(world);
    const struct fi_rekey rekey = {
        .os = world->tree.os, .path = world->store_path, .source = &world->ws->unlock};
    assert_int_equal(fi_rekey_change_decrypt(&rekey, &world->err), FIRN_OK);
    assert_cuts_alike(worlds, bytes + SIZE, true); /* new files are in clear already */
    firn_workspace_gc_result result;
    assert_int_equal(gc_try_rekey(world, &result), FIRN_OK);
    assert_int_equal(result.rekey_left, 0);
    assert_cuts_alike(worlds, bytes + 2 * SIZE, true);

    assert_int_equal(fi_rekey_change_encrypt(&rekey, 0, &world->err), FIRN_OK);
    assert_cuts_alike(worlds, bytes + 3 * SIZE, false);
    ws_assert_check_clean(world);
    for (unsigned i = 0; i < 2; i++) {
        ws_world_close(&worlds[i]);
    }
    free(bytes);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores_in_clear_cut_alike),
        cmocka_unit_test(an_encrypted_store_cuts_in_places_of_its_own),
        cmocka_unit_test(a_store_that_is_in_clear_again_cuts_as_all_of_them),
    };
    return cmocka_run_group_tests_name("ws_cuts", tests, NULL, NULL);
}
