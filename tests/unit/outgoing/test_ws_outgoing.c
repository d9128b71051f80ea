/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/outgoing: the packs that go out have all that a checkpoint needs and the other place lacks.
 * The judge reads a checkpoint from these packs alone, with code of its own for pieces and deltas,
 * and compares each object with its name.
 */
#include "base/hash_map.h"
#include "codec/blake3_hash.h"
#include "handle/ws_opened.h"
#include "outgoing/outgoing.h"
#include "sim/sim_fault.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_random.h"
#include "support/workspace/gc_support.h"
#include "support/workspace/ws_edit.h"
#include "support/workspace/ws_support.h"
#include "tree/tree.h"

enum { PACK_MAX = 200 };

/* What the other place has. Its packs are copies that the judge keeps. */
struct elsewhere {
    struct fi_os_dir *dir;
    struct firn_pack *packs[PACK_MAX];
    char names[PACK_MAX][24];
    uint64_t pack_count;
    uint64_t bytes;
    uint64_t base_count; /* packs that others lean on, in all */
    struct fi_hash_map known; /* of struct known */
    struct fi_pack_scratch *scratch;
    struct fi_outgoing *outgoing; /* that is being written */
    firn_error err;
};

struct known {
    firn_hash hash; /* first */
    uint64_t pack;  /* from 1 */
    bool is_complete;
    bool is_whole;
};

static void
elsewhere_open(struct elsewhere *place, struct fi_os *os)
{
    memset(place, 0, sizeof *place);
    assert_int_equal(fi_os_dir_open_path(os, "/", &place->dir, &place->err), FIRN_OK);
    fi_hash_map_init(&place->known, sizeof(struct known), fi_hash_map_first, fi_hash_map_same_hash);
    assert_int_equal(fi_pack_scratch_create(2, &place->scratch, &place->err), FIRN_OK);
}

static void
elsewhere_close(struct elsewhere *place)
{
    for (uint64_t i = 0; i < place->pack_count; i++) {
        fi_pack_close(place->packs[i]);
        assert_int_equal(fi_os_remove_file(place->dir, place->names[i], &place->err), FIRN_OK);
    }
    fi_hash_map_deinit(&place->known);
    fi_pack_scratch_destroy(place->scratch);
    fi_os_dir_close(place->dir);
}

static struct known *
find_known(const struct elsewhere *place, const firn_hash *hash)
{
    return fi_hash_map_find(&place->known, fi_hash_map_first(hash), hash);
}

static int
find(void *ctx, const firn_hash *hash, enum fi_outgoing_has *out, uint64_t *out_pack,
     firn_error *err)
{
    (void)err;
    const struct known *known = find_known(ctx, hash);
    *out = known == NULL         ? FI_OUTGOING_LACKS
           : known->is_complete ? FI_OUTGOING_COMPLETE
                                : FI_OUTGOING_PRESENT;
    *out_pack = known != NULL && known->is_whole ? known->pack : 0;
    return FIRN_OK;
}

static int
note_object(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_error *err)
{
    (void)err;
    struct elsewhere *place = ctx;
    const struct known known = {.hash = *hash,
                                .pack = place->pack_count,
                                .is_whole = at->kind != FI_PACK_DELTA && at->kind != FI_PACK_PIECES,
                                .is_complete = fi_outgoing_is_complete(place->outgoing, hash)};
    assert_null(find_known(place, hash)); /* nothing goes out twice */
    assert_non_null(fi_hash_map_insert(&place->known, fi_hash_map_first(hash), &known));
    return FIRN_OK;
}

static int
take_pack(void *ctx, const struct fi_outgoing_pack *pack, firn_error *err)
{
    struct elsewhere *place = ctx;
    assert_true(place->pack_count < PACK_MAX);
    uint64_t i = place->pack_count++;
    snprintf(place->names[i], sizeof place->names[i], "taken-%d.pack", (int)i);
    FI_TRY_RETURN(fi_os_link(place->dir, pack->name, place->dir, place->names[i], err));
    FI_TRY_RETURN(fi_pack_open(place->dir, place->names[i], &place->packs[i], err));
    place->bytes += pack->size_bytes;
    place->base_count += pack->base_count;
    for (size_t k = 0; k < pack->base_count; k++) {
        assert_in_range(pack->bases[k], 1, i); /* earlier packs */
    }
    return fi_pack_writer_list(pack->writer, note_object, place, err);
}

/* ==== the judge ==== */

static void fetch(struct elsewhere *place, const firn_hash *hash, struct fi_buf *out);

static int
append_piece(void *ctx, uint64_t offset, const struct fi_pack_piece *piece, firn_error *err)
{
    (void)offset, (void)err;
    void **both = ctx;
    struct fi_buf *out = both[1];
    struct fi_buf part = {0};
    if (piece->is_hole) {
        size_t before = out->size;
        assert_int_equal(fi_buf_set_size(out, before + (size_t)piece->size), FIRN_OK);
        memset(out->data + before, 0, (size_t)piece->size);
        return FIRN_OK;
    }
    fetch(both[0], &piece->hash, &part);
    assert_int_equal(fi_buf_append_slice(out, fi_buf_slice(&part)), FIRN_OK);
    fi_buf_deinit(&part);
    return FIRN_OK;
}

static int
read_base(void *ctx, struct fi_pack_scratch *scratch, const firn_hash *base,
          enum fi_pack_kind *out_kind, firn_slice *out, firn_error *err)
{
    struct elsewhere *place = ctx;
    const struct known *known = find_known(place, base);
    struct fi_pack_location at;
    assert_non_null(known); /* no delta without its base */
    struct firn_pack *pack = place->packs[known->pack - 1];
    FI_TRY_RETURN(fi_pack_find(pack, scratch, base, &at, err));
    *out_kind = at.kind;
    return fi_pack_read(pack, scratch, base, &at, out, err);
}

/* Appends the bytes of an object. */
static void
fetch(struct elsewhere *place, const firn_hash *hash, struct fi_buf *out)
{
    const struct known *known = find_known(place, hash);
    struct fi_pack_location at;
    firn_slice bytes;
    struct fi_buf list = {0};
    firn_hash found;
    size_t before = out->size;
    assert_non_null(known);
    struct firn_pack *pack = place->packs[known->pack - 1];
    assert_int_equal(fi_pack_find(pack, place->scratch, hash, &at, &place->err), FIRN_OK);
    assert_int_equal(fi_pack_read(pack, place->scratch, hash, &at, &bytes, &place->err), FIRN_OK);
    if (at.kind == FI_PACK_PIECES) {
        void *both[] = {place, out};
        uint64_t size;
        assert_int_equal(fi_buf_append_slice(&list, bytes), FIRN_OK);
        assert_int_equal(
            fi_pack_pieces_decode(fi_buf_slice(&list), &size, append_piece, both, &place->err),
            FIRN_OK);
    } else {
        enum fi_pack_kind kind = at.kind;
        if (kind == FI_PACK_DELTA) {
            assert_int_equal(fi_pack_delta_read(place->scratch, hash, bytes, read_base, place,
                                                &kind, &bytes, &place->err),
                             FIRN_OK);
        }
        assert_int_equal(fi_buf_append_slice(out, bytes), FIRN_OK);
    }
    fi_blake3_hash_of(out->data + before, out->size - before, &found);
    assert_memory_equal(&found, hash, sizeof found);
    fi_buf_deinit(&list);
}

static int
judge_reference(void *ctx, const firn_hash *hash, bool is_tree, firn_error *err)
{
    struct elsewhere *place = ctx;
    struct fi_buf bytes = {0};
    int rc = FIRN_OK;
    fetch(place, hash, &bytes);
    if (is_tree) {
        assert_true(find_known(place, hash)->is_complete);
        rc = fi_tree_references(fi_buf_slice(&bytes), judge_reference, place, err);
    }
    fi_buf_deinit(&bytes);
    return rc;
}

/* ==== sending ==== */

struct sending {
    struct elsewhere *place;
    struct fi_outgoing *outgoing;
    uint64_t from; /* checkpoints of this order and later ones */
};

static int
add_checkpoint(void *ctx, firn_slice bytes, const struct fi_catalog_record *record, firn_error *err)
{
    (void)bytes;
    struct sending *sending = ctx;
    if (record->order < sending->from) {
        return FIRN_OK;
    }
    if (record->has_rules) {
        FI_TRY_RETURN(fi_outgoing_add_content(sending->outgoing, &record->rules, err));
    }
    return fi_outgoing_add_tree(sending->outgoing, &record->root.hash, err);
}

static int
judge_checkpoint(void *ctx, firn_slice bytes, const struct fi_catalog_record *record,
                 firn_error *err)
{
    (void)bytes;
    struct sending *sending = ctx;
    return record->order < sending->from
               ? FIRN_OK
               : judge_reference(sending->place, &record->root.hash, true, err);
}

/* Sends the checkpoints from `from` on. */
static int
try_send(struct ws_world *world, struct elsewhere *place, uint64_t from, uint64_t size_max)
{
    struct fi_ws_opened opened;
    struct sending sending = {.place = place, .from = from};
    const struct fi_outgoing_place other = {find, place};
    FI_TRY_RETURN(fi_ws_opened_open(world->ws, FI_WS_READ, &opened, &world->err));
    int rc;
    FI_TRY(fi_outgoing_create(opened.objects, &other, &sending.outgoing, &world->err));
    FI_TRY(fi_catalog_list(opened.catalog, 0, add_checkpoint, &sending, &world->err));
    place->outgoing = sending.outgoing;
    rc = fi_outgoing_write(sending.outgoing, place->dir, size_max, take_pack, place, &world->err);
out:
    fi_outgoing_destroy(sending.outgoing);
    return fi_ws_opened_close(world->ws, &opened, rc, &world->err);
}

static void
send_and_judge(struct ws_world *world, struct elsewhere *place, uint64_t from, uint64_t size_max)
{
    struct fi_ws_opened opened;
    struct sending sending = {.place = place, .from = from};
    assert_int_equal(try_send(world, place, from, size_max), FIRN_OK);
    assert_int_equal(fi_ws_opened_open(world->ws, FI_WS_READ, &opened, &world->err),
                     FIRN_OK);
    assert_int_equal(fi_catalog_list(opened.catalog, 0, judge_checkpoint, &sending, &world->err),
                     FIRN_OK);
    assert_int_equal(fi_ws_opened_close(world->ws, &opened, FIRN_OK, &world->err), FIRN_OK);
}

/* ==== tests ==== */

static void
random_trees_go_out_whole(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        struct ws_world world;
        struct elsewhere place;
        struct test_random random = {seed};
        ws_world_open_memory(&world, seed);
        elsewhere_open(&place, world.tree.os);
        ws_edit_grow(&world.tree, &random, 60);
        scan_put_random(&world.tree, "large", seed, 12 << 20);
        ws_save(&world);
        for (int i = 0; i < 8; i++) {
            /* A second place would lack what the first has; this one goes on. */
            uint64_t from = i == 0 || seed % 3 == 0 ? 1 : (uint64_t)i + 1;
            send_and_judge(&world, &place, from, seed % 2 == 0 ? 64 << 20 : 100000);
            uint64_t packs = place.pack_count;
            send_and_judge(&world, &place, 1, 64 << 20);
            assert_int_equal(place.pack_count, packs); /* nothing is missing any more */
            for (int k = 0; k < 5; k++) {
                ws_edit_step(&world.tree, &random);
            }
            if (i == 4 && seed % 4 == 0) {
                gc_run_full(&world);
            }
            ws_save(&world);
        }
        elsewhere_close(&place);
        ws_world_close(&world);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_trees_go_out_whole),
    };
    return cmocka_run_group_tests_name("ws_outgoing", tests, NULL, NULL);
}
