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
#include "support/test_file.h"
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
    uint64_t base_count;      /* packs that others lean on, in all */
    uint64_t more_count;      /* objects that were there, and of which the last sending made more */
    struct fi_hash_map known; /* of struct known */
    struct fi_pack_scratch *scratch;
    struct fi_outgoing *outgoing; /* that is being written */
    firn_error err;
};

struct known {
    firn_hash hash; /* first */
    uint64_t pack;  /* from 1 */
    enum fi_outgoing_has has;
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
    *out = known != NULL ? known->has : FI_OUTGOING_LACKS;
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
                                .has = fi_outgoing_after(place->outgoing, hash)};
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
    FI_TRY_RETURN(fi_pack_verify(place->packs[i], place->scratch, NULL, NULL, err));
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
    fi_blake3_hash_of(out->size > before ? out->data + before : NULL, out->size - before, &found);
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

struct listing {
    struct elsewhere *place;
    uint64_t count;
    uint64_t more_count; /* of objects of which the place has more than it knew */
};

/* What the place has now, also of objects that were there before. */
static int
note_listed(void *ctx, const firn_hash *hash, enum fi_outgoing_has has, firn_error *err)
{
    (void)err;
    struct listing *listing = ctx;
    struct known *known = find_known(listing->place, hash);
    assert_non_null(known);
    assert_true(has >= known->has && has == fi_outgoing_after(listing->place->outgoing, hash));
    listing->more_count += has > known->has;
    known->has = has;
    listing->count++;
    return FIRN_OK;
}

static int
refuse_listed(void *ctx, const firn_hash *hash, enum fi_outgoing_has has, firn_error *err)
{
    (void)hash, (void)has, (void)err;
    ++*(int *)ctx;
    return FIRN_LIMIT;
}

/* Sends the checkpoints from `from` on. */
static int
try_send(struct ws_world *world, struct elsewhere *place, uint64_t from, uint64_t size_max)
{
    struct fi_ws_opened opened;
    struct sending sending = {.place = place, .from = from};
    struct listing listing = {.place = place};
    int visits = 0;
    const struct fi_outgoing_place other = {find, place};
    FI_TRY_RETURN(fi_ws_opened_open(world->ws, FI_WS_READ, &opened, &world->err));
    int rc;
    FI_TRY(fi_outgoing_create(opened.objects, &other, &sending.outgoing, &world->err));
    FI_TRY(fi_catalog_list(opened.catalog, 0, add_checkpoint, &sending, &world->err));
    place->outgoing = sending.outgoing;
    FI_TRY(
        fi_outgoing_write(sending.outgoing, place->dir, size_max, take_pack, place, &world->err));
    FI_TRY(fi_outgoing_list(sending.outgoing, note_listed, &listing, &world->err));
    place->more_count = listing.more_count;
    assert_int_equal(listing.count, fi_outgoing_count(sending.outgoing));
    rc = fi_outgoing_list(sending.outgoing, refuse_listed, &visits, &world->err);
    assert_int_equal(rc, listing.count > 0 ? FIRN_LIMIT : FIRN_OK);
    assert_int_equal(visits, listing.count > 0);
    rc = FIRN_OK;
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
    assert_int_equal(fi_ws_opened_open(world->ws, FI_WS_READ, &opened, &world->err), FIRN_OK);
    assert_int_equal(fi_catalog_list(opened.catalog, 0, judge_checkpoint, &sending, &world->err),
                     FIRN_OK);
    assert_int_equal(fi_ws_opened_close(world->ws, &opened, FIRN_OK, &world->err), FIRN_OK);
}

/* ==== tests ==== */

static void
random_trees_go_out_whole(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        struct ws_world world;
        struct elsewhere place;
        struct test_random random = {seed};
        ws_world_open_memory(&world, seed);
        elsewhere_open(&place, world.tree.os);
        ws_edit_grow(&world.tree, &random, 60);
        scan_put_random(&world.tree, "large", seed, 9 << 20);
        ws_save(&world);
        for (int i = 0; i < 4; i++) {
            /* A second place would lack what the first has; this one goes on. */
            uint64_t from = i == 0 || seed % 3 == 0 ? 1 : (uint64_t)i + 1;
            send_and_judge(&world, &place, from, seed % 2 == 0 ? 64 << 20 : 100000);
            uint64_t packs = place.pack_count;
            send_and_judge(&world, &place, 1, 64 << 20);
            assert_int_equal(place.pack_count, packs); /* nothing is missing any more */
            for (int k = 0; k < 5; k++) {
                ws_edit_step(&world.tree, &random);
            }
            if (i == 2 && seed % 2 == 0) {
                gc_run_full(&world);
            }
            ws_save(&world);
        }
        elsewhere_close(&place);
        ws_world_close(&world);
    }
}

/* ==== joining ==== */

static int
note_joined(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_error *err)
{
    (void)err;
    struct elsewhere *joined = ctx;
    const struct known known = {
        .hash = *hash, .pack = 1, .is_whole = !fi_pack_kind_is_named(at->kind)};
    assert_non_null(fi_hash_map_insert(&joined->known, fi_hash_map_first(hash), &known));
    return FIRN_OK;
}

/* A place with one pack, which has all that the packs of another place have. */
static void
join_all(struct elsewhere *place, struct fi_os *os, struct elsewhere *joined)
{
    const char *names[PACK_MAX];
    struct fi_outgoing_joined result;
    for (uint64_t i = 0; i < place->pack_count; i++) {
        names[i] = place->names[i];
    }
    elsewhere_open(joined, os);
    snprintf(joined->names[0], sizeof joined->names[0], "joined.pack");
    const struct fi_outgoing_join join = {.dir = place->dir,
                                          .names = names,
                                          .count = place->pack_count,
                                          .out_dir = place->dir,
                                          .out_name = joined->names[0],
                                          .bytes_max = UINT64_MAX};
    int rc = fi_outgoing_join(&join, &result, &joined->err);
    if (rc != FIRN_OK) {
        fail_msg("%s", joined->err.text);
    }
    assert_int_equal(fi_pack_open(place->dir, joined->names[0], &joined->packs[0], &joined->err),
                     FIRN_OK);
    joined->pack_count = 1;
    assert_int_equal(result.object_count, place->known.count);
    assert_int_equal(result.object_count, fi_pack_count(joined->packs[0]));
    assert_int_equal(result.size_bytes, fi_pack_size_bytes(joined->packs[0]));
    assert_true(result.size_bytes <= place->bytes);
    assert_memory_equal(&result.id, fi_pack_id(joined->packs[0]), sizeof result.id);
    assert_int_equal(
        fi_pack_list(joined->packs[0], joined->scratch, note_joined, joined, &joined->err),
        FIRN_OK);
    assert_int_equal(fi_pack_verify(joined->packs[0], joined->scratch, NULL, NULL, &joined->err),
                     FIRN_OK);
}

static int
count_deltas(void *ctx, const firn_hash *hash, const struct fi_pack_location *at,
             firn_slice content, firn_error *err)
{
    (void)hash, (void)at, (void)content, (void)err;
    ++*(uint64_t *)ctx;
    return FIRN_OK;
}

static uint64_t
deltas_of(struct elsewhere *place)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < place->pack_count; i++) {
        assert_int_equal(
            fi_pack_walk_deltas(place->packs[i], place->scratch, count_deltas, &count, &place->err),
            FIRN_OK);
    }
    return count;
}

static void
joined_packs_have_what_the_packs_had(void **state)
{
    (void)state;
    uint64_t delta_count = 0;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        struct ws_world world;
        struct elsewhere place;
        struct elsewhere joined;
        struct fi_ws_opened opened;
        struct test_random random = {seed};
        ws_world_open_memory(&world, seed);
        elsewhere_open(&place, world.tree.os);
        ws_edit_grow(&world.tree, &random, 40);
        scan_put_random(&world.tree, "large", seed, 9 << 20);
        for (uint64_t i = 1; i <= 5; i++) {
            ws_save(&world);
            send_and_judge(&world, &place, i, 100000);
            for (int k = 0; k < 8; k++) {
                ws_edit_step(&world.tree, &random);
            }
        }
        join_all(&place, world.tree.os, &joined);
        assert_int_equal(deltas_of(&joined), deltas_of(&place));
        delta_count += deltas_of(&joined);
        struct sending sending = {.place = &joined, .from = 1};
        assert_int_equal(fi_ws_opened_open(world.ws, FI_WS_READ, &opened, &world.err), FIRN_OK);
        assert_int_equal(fi_catalog_list(opened.catalog, 0, judge_checkpoint, &sending, &world.err),
                         FIRN_OK);
        assert_int_equal(fi_ws_opened_close(world.ws, &opened, FIRN_OK, &world.err), FIRN_OK);
        elsewhere_close(&joined);
        elsewhere_close(&place);
        ws_world_close(&world);
    }
    assert_true(delta_count > 0);
}

static void
put_lines(struct ws_world *world, const char *path, int changed)
{
    struct fi_buf text = {0};
    for (int i = 0; i < 8000; i++) {
        assert_int_equal(fi_buf_append_format(&text, "line %d of %s is %d\n", i, path,
                                              i == changed ? -1 : i * 7919 % 10007),
                         FIRN_OK);
    }
    scan_put_file(&world->tree, path, text.data, text.size);
    fi_buf_deinit(&text);
}

static void
an_edit_goes_out_as_a_delta(void **state)
{
    (void)state;
    struct ws_world world;
    struct elsewhere place;
    ws_world_open_memory(&world, 1);
    elsewhere_open(&place, world.tree.os);
    put_lines(&world, "a/b/one", 0);
    put_lines(&world, "a/c/two", 0);
    ws_save(&world);
    send_and_judge(&world, &place, 1, 64 << 20);
    uint64_t first = place.bytes;
    put_lines(&world, "a/b/one", 4000);
    ws_save(&world);
    send_and_judge(&world, &place, 2, 64 << 20);
    assert_int_equal(place.pack_count, 2);
    assert_int_equal(place.base_count, 1);
    assert_true(place.bytes - first < 2500);
    elsewhere_close(&place);
    /* What is a delta there is no base. */
    elsewhere_open(&place, world.tree.os);
    assert_int_equal(try_send(&world, &place, 1, 64 << 20), FIRN_OK);
    put_lines(&world, "a/b/one", 5000);
    ws_save(&world);
    for (size_t i = 0; i < place.known.count; i++) {
        ((struct known *)fi_hash_map_at(&place.known, i))->is_whole = false;
    }
    send_and_judge(&world, &place, 3, 64 << 20);
    assert_int_equal(place.base_count, 0);
    elsewhere_close(&place);
    /* A place without the first checkpoint gets the file whole. */
    elsewhere_open(&place, world.tree.os);
    send_and_judge(&world, &place, 2, 64 << 20);
    assert_int_equal(place.base_count, 0);
    elsewhere_close(&place);
    ws_world_close(&world);
}

/* The hash of a directory below the root, whose object is appended to out. */
static firn_hash
directory_of(struct ws_world *world, struct elsewhere *place, struct fi_buf *out)
{
    struct fi_ws_opened opened;
    struct fi_catalog_record record;
    const struct fi_tree_entry *entry;
    struct fi_tree_lookup lookup;
    assert_int_equal(fi_ws_opened_open(world->ws, FI_WS_READ, &opened, &world->err), FIRN_OK);
    assert_int_equal(fi_ws_find_record(world->ws, &opened, "1", &record, &world->err), FIRN_OK);
    fi_tree_lookup_init(&lookup, fi_objects_trees(opened.objects), &record.root.hash);
    assert_int_equal(fi_tree_lookup_find(&lookup, firn_str("d"), &entry, &world->err), FIRN_OK);
    firn_hash hash = entry->hash;
    fi_tree_lookup_deinit(&lookup);
    assert_int_equal(fi_ws_opened_close(world->ws, &opened, FIRN_OK, &world->err), FIRN_OK);
    fetch(place, &hash, out);
    return hash;
}

static void
bytes_that_are_there_as_a_file_are_looked_into_as_a_directory(void **state)
{
    (void)state;
    struct ws_world first;
    struct ws_world second;
    struct elsewhere place;
    struct fi_buf object = {0};
    ws_world_open_memory(&first, 1);
    scan_put_text(&first.tree, "d/file", "content");
    ws_save(&first);
    elsewhere_open(&place, first.tree.os);
    send_and_judge(&first, &place, 1, 64 << 20);
    firn_hash hash = directory_of(&first, &place, &object);
    elsewhere_close(&place);
    ws_world_open_memory(&second, 2);
    scan_put_file(&second.tree, "copy", object.data, object.size);
    ws_save(&second);
    elsewhere_open(&place, second.tree.os);
    send_and_judge(&second, &place, 1, 64 << 20);
    assert_int_equal(find_known(&place, &hash)->has, FI_OUTGOING_CONTENT);
    send_and_judge(&first, &place, 1, 64 << 20);
    assert_int_equal(find_known(&place, &hash)->has, FI_OUTGOING_COMPLETE);
    assert_int_equal(place.more_count, 1);
    elsewhere_close(&place);
    fi_buf_deinit(&object);
    ws_world_close(&second);
    ws_world_close(&first);
}

static void
the_caller_learns_of_what_was_only_looked_into(void **state)
{
    (void)state;
    struct ws_world world;
    struct elsewhere place;
    uint64_t lists = 0;
    ws_world_open_memory(&world, 1);
    scan_put_random(&world.tree, "d/large", 1, 9 << 20);
    scan_put_text(&world.tree, "d/small", "content");
    ws_save(&world);
    elsewhere_open(&place, world.tree.os);
    send_and_judge(&world, &place, 1, 64 << 20);
    assert_int_equal(place.more_count, 0);
    for (size_t i = 0; i < place.known.count; i++) {
        struct known *known = (struct known *)fi_hash_map_at(&place.known, i);
        lists += !known->is_whole;
        known->has = FI_OUTGOING_PRESENT;
    }
    assert_true(lists > 0);
    uint64_t packs = place.pack_count;
    send_and_judge(&world, &place, 1, 64 << 20);
    assert_int_equal(place.pack_count, packs); /* nothing goes out */
    assert_int_equal(place.more_count, place.known.count);
    send_and_judge(&world, &place, 1, 64 << 20);
    assert_int_equal(place.more_count, 0);
    elsewhere_close(&place);
    ws_world_close(&world);
}

/* ==== frames that go out as they are stored ==== */

static const char *const neighbours[] = {"a", "b", "c", "d"};
enum { NEIGHBOUR_COUNT = 4, NEIGHBOUR_SIZE = 3000 };

static void
put_neighbours(struct ws_world *world)
{
    for (size_t i = 0; i < NEIGHBOUR_COUNT; i++) {
        scan_put_random(&world->tree, neighbours[i], i + 1, NEIGHBOUR_SIZE);
    }
    scan_put_text(&world->tree, "empty", "");
}

static uint64_t
frames_of(const struct elsewhere *place)
{
    uint64_t count = 0;
    for (uint64_t i = 0; i < place->pack_count; i++) {
        count += fi_pack_walk_count(place->packs[i]);
    }
    return count;
}

/* A file that only the first checkpoint has was saved into one frame with the others, wherever it
 * lies among them; an empty one takes up no more than a place in the list. */
static void
what_is_not_sent_does_not_go_out_with_its_neighbours(void **state)
{
    (void)state;
    const char *const names[] = {"a", "b", "c", "d", "empty"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct ws_world world;
        struct elsewhere place;
        ws_world_open_memory(&world, i);
        world.threads = 1;
        put_neighbours(&world);
        ws_save(&world);
        elsewhere_open(&place, world.tree.os);
        send_and_judge(&world, &place, 1, 64 << 20);
        const size_t all = place.known.count; /* five files and a directory */
        assert_int_equal(all, NEIGHBOUR_COUNT + 2);
        assert_int_equal(frames_of(&place), 2);
        elsewhere_close(&place);
        scan_remove_file(&world.tree, names[i]);
        ws_save(&world);
        elsewhere_open(&place, world.tree.os);
        send_and_judge(&world, &place, 2, 64 << 20); /* verifies lists of frames, too */
        assert_int_equal(place.known.count, all - 1);
        assert_int_equal(place.pack_count, 1);
        assert_int_equal(fi_pack_count(place.packs[0]), all - 1);
        elsewhere_close(&place);
        ws_world_close(&world);
    }
}

/* The last object of a frame is there already, as it may be without what it names. */
static void
what_is_there_does_not_go_out_with_its_neighbours(void **state)
{
    (void)state;
    struct ws_world world;
    struct elsewhere place;
    struct fi_ws_opened opened;
    struct fi_catalog_record record;
    ws_world_open_memory(&world, 1);
    world.threads = 1;
    scan_put_text(&world.tree, "x/a", "one");
    scan_put_text(&world.tree, "y/b", "two");
    ws_save(&world);
    elsewhere_open(&place, world.tree.os);
    assert_int_equal(fi_ws_opened_open(world.ws, FI_WS_READ, &opened, &world.err), FIRN_OK);
    assert_int_equal(fi_ws_find_record(world.ws, &opened, "1", &record, &world.err), FIRN_OK);
    const struct known root = {.hash = record.root.hash, .has = FI_OUTGOING_PRESENT};
    assert_int_equal(fi_ws_opened_close(world.ws, &opened, FIRN_OK, &world.err), FIRN_OK);
    assert_non_null(fi_hash_map_insert(&place.known, fi_hash_map_first(&root.hash), &root));
    assert_int_equal(try_send(&world, &place, 1, 64 << 20), FIRN_OK);
    assert_int_equal(place.known.count, 5); /* the root, two directories, two files */
    assert_int_equal(fi_pack_count(place.packs[0]), 4);
    assert_int_equal(place.more_count, 1);
    elsewhere_close(&place);
    ws_world_close(&world);
}

/* The index, not the pack, says what an object is: a copy to which it does not lead stays here. */
static void
a_frame_of_which_the_index_knows_a_part_is_not_copied(void **state)
{
    (void)state;
    struct ws_world world;
    struct elsewhere place;
    ws_world_open_memory(&world, 1);
    world.threads = 1;
    scan_put_text(&world.tree, "a", "the first");
    scan_put_text(&world.tree, "b", "the second");
    scan_put_text(&world.tree, "c", "the third");
    ws_save(&world);
    gc_mislead(&world, "the second", 1);
    elsewhere_open(&place, world.tree.os);
    assert_int_equal(try_send(&world, &place, 1, 64 << 20), FIRN_CORRUPT);
    assert_int_equal(place.pack_count, 0);
    gc_mislead(&world, "the second", -1);
    gc_mislead(&world, "the third", 1 << 20);
    assert_int_equal(try_send(&world, &place, 1, 64 << 20), FIRN_CORRUPT);
    assert_int_equal(place.pack_count, 0);
    gc_mislead(&world, "the third", -(1 << 20));
    send_and_judge(&world, &place, 1, 64 << 20);
    elsewhere_close(&place);
    ws_world_close(&world);
}

/* Whatever byte of a frame is wrong, nothing goes out. */
static void
a_damaged_frame_does_not_go_out(void **state)
{
    (void)state;
    struct ws_world world;
    struct fi_os_dir *dir;
    struct fi_buf pack = {0};
    struct fi_buf damaged = {0};
    ws_world_open_memory(&world, 1);
    world.threads = 1;
    put_neighbours(&world);
    ws_save(&world);
    assert_int_equal(fi_os_dir_open_path(world.tree.os, "/s/packs", &dir, &world.err), FIRN_OK);
    test_file_read(dir, "00000001.pack", &pack);
    for (size_t at = FI_BLOCK_BODY_START; at < FI_BLOCK_BODY_START + 4 * NEIGHBOUR_SIZE; at += 61) {
        struct elsewhere place;
        fi_buf_clear(&damaged);
        assert_int_equal(fi_buf_append_slice(&damaged, fi_buf_slice(&pack)), FIRN_OK);
        damaged.data[at] ^= 1;
        test_file_write(dir, "00000001.pack", damaged.data, damaged.size);
        elsewhere_open(&place, world.tree.os);
        assert_int_equal(try_send(&world, &place, 1, 64 << 20), FIRN_CORRUPT);
        assert_int_equal(place.pack_count, 0);
        elsewhere_close(&place);
    }
    test_file_write(dir, "00000001.pack", pack.data, pack.size);
    fi_os_dir_close(dir);
    fi_buf_deinit(&pack);
    fi_buf_deinit(&damaged);
    ws_world_close(&world);
}

/* ==== faults ==== */

static int
find_nothing(void *ctx, const firn_hash *hash, enum fi_outgoing_has *out, uint64_t *out_pack,
             firn_error *err)
{
    (void)ctx, (void)hash, (void)err;
    *out = FI_OUTGOING_LACKS;
    *out_pack = 0;
    return FIRN_OK;
}

static int
count_objects(void *ctx, const struct fi_outgoing_pack *pack, firn_error *err)
{
    (void)err;
    *(uint64_t *)ctx += pack->object_count;
    return FIRN_OK;
}

/* With what calls, or memory, fail. */
static void
send_with_faults(struct ws_world *world, struct test_fault *fault, struct fi_os *os, int code)
{
    struct fi_os_dir *dir = NULL;
    uint64_t all = 0;
    assert_int_equal(fi_os_dir_open_path(world->tree.os, "/", &dir, &world->err), FIRN_OK);
    while (test_fault_next(fault)) {
        struct fi_ws_opened opened;
        const struct fi_outgoing_place place = {find_nothing, NULL};
        struct sending sending = {.from = 1};
        uint64_t objects = 0;
        assert_int_equal(fi_ws_opened_open(world->ws, FI_WS_READ, &opened, &world->err), FIRN_OK);
        if (os != NULL) {
            test_fault_call(fault, os);
        } else {
            test_fault_allocation(fault);
        }
        int rc = fi_outgoing_create(opened.objects, &place, &sending.outgoing, &world->err);
        if (rc == FIRN_OK) {
            rc = fi_catalog_list(opened.catalog, 0, add_checkpoint, &sending, &world->err);
        }
        if (rc == FIRN_OK) {
            rc = fi_outgoing_write(sending.outgoing, dir, 100000, count_objects, &objects,
                                   &world->err);
        }
        all = rc == FIRN_OK ? objects : all;
        assert_true(rc != FIRN_OK || objects == fi_outgoing_count(sending.outgoing));
        fi_outgoing_destroy(sending.outgoing);
        test_fault_end(fault);
        test_fault_expect(fault, rc, code);
        assert_int_equal(fi_ws_opened_close(world->ws, &opened, FIRN_OK, &world->err), FIRN_OK);
    }
    fi_os_dir_close(dir);
    assert_true(all > 10);
    assert_true(fault->refused > 10);
}

static void
put_some(struct ws_world *world)
{
    struct test_random random = {7};
    ws_edit_grow(&world->tree, &random, 20);
    put_lines(world, "a/b/one", 0);
    ws_save(world);
    put_lines(world, "a/b/one", 4000);
    ws_save(world);
}

static void
an_error_is_reported_when_memory_fails(void **state)
{
    (void)state;
    struct ws_world world;
    struct test_fault fault = {.every = 0};
    ws_world_open_memory(&world, 1);
    put_some(&world);
    test_alloc_install(); /* what stays alive is the machine's; a sanitizer looks for leaks */
    send_with_faults(&world, &fault, NULL, FIRN_NO_MEMORY);
    test_alloc_uninstall();
    ws_world_close(&world);
}

static void
an_error_is_reported_when_calls_fail(void **state)
{
    (void)state;
    struct ws_world world;
    struct test_fault fault = {.classes = FI_SIM_FAULT_READS | FI_SIM_FAULT_WRITES |
                                          FI_SIM_FAULT_SYNCS | FI_SIM_FAULT_RANDOM};
    ws_world_open_memory(&world, 1);
    scan_world_wrap(&world.tree);
    ws_world_reopen(&world);
    put_some(&world);
    send_with_faults(&world, &fault, world.tree.outer, FIRN_IO);
    ws_world_close(&world);
}

/* The packs are removed as soon as they were given away. */
static void
nothing_is_synced(void **state)
{
    (void)state;
    struct ws_world world;
    struct elsewhere place;
    struct test_fault fault = {.classes = FI_SIM_FAULT_SYNCS};
    ws_world_open_memory(&world, 1);
    scan_world_wrap(&world.tree);
    ws_world_reopen(&world);
    put_some(&world);
    scan_put_random(&world.tree, "large", 1, 9 << 20);
    ws_save(&world);
    elsewhere_open(&place, world.tree.os);
    assert_true(test_fault_next(&fault));
    test_fault_call(&fault, world.tree.outer);
    assert_int_equal(try_send(&world, &place, 1, 1 << 20), FIRN_OK);
    test_fault_end(&fault);
    assert_false(fault.was_hit);
    assert_true(place.pack_count > 3);
    elsewhere_close(&place);
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_edit_goes_out_as_a_delta),
        cmocka_unit_test(bytes_that_are_there_as_a_file_are_looked_into_as_a_directory),
        cmocka_unit_test(the_caller_learns_of_what_was_only_looked_into),
        cmocka_unit_test(what_is_not_sent_does_not_go_out_with_its_neighbours),
        cmocka_unit_test(what_is_there_does_not_go_out_with_its_neighbours),
        cmocka_unit_test(a_frame_of_which_the_index_knows_a_part_is_not_copied),
        cmocka_unit_test(a_damaged_frame_does_not_go_out),
        cmocka_unit_test(an_error_is_reported_when_memory_fails),
        cmocka_unit_test(an_error_is_reported_when_calls_fail),
        cmocka_unit_test(nothing_is_synced),
        cmocka_unit_test(random_trees_go_out_whole),
        cmocka_unit_test(joined_packs_have_what_the_packs_had),
    };
    return cmocka_run_group_tests_name("ws_outgoing", tests, NULL, NULL);
}
