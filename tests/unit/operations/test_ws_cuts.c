/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/operations: where saves cut large files: alike in all stores in clear, and in each encrypted
 * store in places of its own, at which it stays.
 */
#include <stdlib.h>

#include "base/mem.h"
#include "codec/blake3_hash.h"
#include "handle/ws_opened.h"
#include "support/test.h"
#include "support/test_random.h"
#include "support/workspace/ws_support.h"

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

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stores_in_clear_cut_alike),
        cmocka_unit_test(an_encrypted_store_cuts_in_places_of_its_own),
    };
    return cmocka_run_group_tests_name("ws_cuts", tests, NULL, NULL);
}
