/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/pack: objects of every size and number go in and come back, once each, in the order that is
 * promised.
 */
#include "unit/pack/pack_fixture.h"

#include "base/mem.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "pack/pack.h"
#include "pack/pack_format.h"
#include "posix/os_default.h"
#include "support/test_random.h"

static void
objects_of_all_sizes_come_back(void **state)
{
    static const size_t sizes[] = {0,
                                   1,
                                   65535,
                                   65536,
                                   65537,
                                   (512 << 10) - 1,
                                   512 << 10,
                                   (512 << 10) + 1,
                                   (1 << 20) - 1,
                                   1 << 20,
                                   (1 << 20) + 1,
                                   (8 << 20) + 1,
                                   FI_PACK_OBJECT_SIZE_MAX};
    firn_error err;
    struct pack_fixture fixture;
    pack_fixture_init(&fixture);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        if (sizes[i] > 0) {
            (void)pack_fixture_add_text(&fixture, 10 + i, sizes[i]);
        }
        if (sizes[i] != 1) {
            (void)pack_fixture_add_noise(&fixture, 50 + i, sizes[i]);
        }
    }
    assert_int_equal(pack_fixture_write(&fixture, "p", 0, &err), FIRN_OK);
    assert_int_equal(pack_fixture_read(&fixture, "p", &err), FIRN_OK);
    assert_int_equal(test_file_count(fixture.dir), 1);
    pack_fixture_deinit(&fixture);
}

static void
a_larger_object_is_refused_and_the_pack_goes_on(void **state)
{
    firn_error err;
    struct pack_fixture fixture;
    pack_fixture_init(&fixture);
    struct firn_pack_writer *writer;
    struct fi_pack_lane *lane;
    assert_int_equal(fi_pack_writer_create(fixture.dir, "p", 1, &writer, &err), FIRN_OK);
    assert_int_equal(fi_pack_lane_create(writer, &lane, &err), FIRN_OK);
    size_t size = (size_t)FI_PACK_OBJECT_SIZE_MAX + 1;
    uint8_t *bytes = fi_alloc_zeroed(size);
    firn_hash hash;
    bool is_new;
    fi_blake3_hash_of(bytes, size, &hash);
    assert_int_equal(
        fi_pack_lane_add(lane, FI_PACK_BLOB, &hash, firn_bytes(bytes, size), &is_new, &err),
        FIRN_LIMIT);
    assert_int_equal(fi_pack_writer_count(writer), 0);
    fi_blake3_hash_of(bytes, 3, &hash);
    assert_int_equal(
        fi_pack_lane_add(lane, FI_PACK_BLOB, &hash, firn_bytes(bytes, 3), &is_new, &err), FIRN_OK);
    assert_true(is_new);
    assert_int_equal(fi_pack_lane_flush(lane, &err), FIRN_OK);
    fi_pack_lane_destroy(lane);
    assert_int_equal(fi_pack_writer_finish(writer, NULL, &err), FIRN_OK);
    fi_pack_writer_destroy(writer);
    fi_free(bytes);
    pack_fixture_deinit(&fixture);
}

/* ---- many small objects: pages, frames closed by their lists, order ---- */

enum { TINY_COUNT = 40000 };

struct listing {
    struct firn_pack *pack;
    struct fi_pack_scratch *scratch;
    size_t count;
    firn_hash last;
    struct fi_pack_location *places; /* as the writer listed them, in order */
    bool is_reading;
};

static int
note_place(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_error *err)
{
    (void)err;
    struct listing *listing = ctx;
    assert_true(listing->count == 0 || memcmp(listing->last.bytes, hash->bytes, 32) < 0);
    listing->last = *hash;
    listing->places[listing->count++] = *at;
    return FIRN_OK;
}

static bool
places_are_equal(const struct fi_pack_location *a, const struct fi_pack_location *b)
{
    return a->frame == b->frame && a->offset == b->offset && a->size == b->size &&
           a->kind == b->kind;
}

static int
compare_place(void *ctx, const firn_hash *hash, const struct fi_pack_location *at, firn_error *err)
{
    struct listing *listing = ctx;
    assert_true(places_are_equal(&listing->places[listing->count], at));
    struct fi_pack_location found;
    firn_slice content;
    assert_int_equal(fi_pack_find(listing->pack, listing->scratch, hash, &found, err), FIRN_OK);
    assert_true(places_are_equal(&found, at));
    if (listing->count % 10 == 0) {
        assert_int_equal(fi_pack_read(listing->pack, listing->scratch, hash, at, &content, err),
                         FIRN_OK);
        assert_int_equal(content.size, 4);
    }
    listing->count++;
    return listing->is_reading ? FIRN_OK : FIRN_CANCELLED;
}

struct ticks {
    const struct fi_pack_scratch *scratch;
    uint64_t last;
    unsigned steps;      /* at which it had moved */
    uint64_t cancels_at; /* 0: never */
};

static int
note_verified(void *ctx, firn_error *err)
{
    struct ticks *ticks = ctx;
    uint64_t verified = fi_pack_scratch_verified(ticks->scratch);
    ticks->steps += verified > ticks->last;
    ticks->last = verified;
    return ticks->cancels_at > 0 && verified >= ticks->cancels_at
               ? fi_error_set(err, FIRN_CANCELLED, "cancelled")
               : FIRN_OK;
}

static void
forty_thousand_objects_are_found_and_listed_in_order(void **state)
{
    firn_error err;
    struct pack_fixture fixture;
    pack_fixture_init(&fixture);
    struct firn_pack_writer *writer;
    struct fi_pack_lane *lane;
    assert_int_equal(fi_pack_writer_create(fixture.dir, "p", 1, &writer, &err), FIRN_OK);
    assert_int_equal(fi_pack_lane_create(writer, &lane, &err), FIRN_OK);
    for (uint32_t i = 0; i < TINY_COUNT; i++) {
        firn_hash hash;
        bool is_new;
        fi_blake3_hash_of(&i, sizeof i, &hash);
        assert_false(fi_pack_writer_contains(writer, &hash));
        assert_int_equal(
            fi_pack_lane_add(lane, FI_PACK_BLOB, &hash, firn_bytes(&i, sizeof i), &is_new, &err),
            FIRN_OK);
        assert_true(is_new);
        assert_true(fi_pack_writer_contains(writer, &hash));
    }
    assert_int_equal(fi_pack_lane_flush(lane, &err), FIRN_OK);
    fi_pack_lane_destroy(lane);
    struct listing listing = {.scratch = fixture.scratch,
                              .places =
                                  fi_alloc_array(TINY_COUNT, sizeof(struct fi_pack_location))};
    assert_int_equal(fi_pack_writer_list(writer, note_place, &listing, &err), FIRN_MISUSE);
    uint64_t size;
    assert_int_equal(fi_pack_writer_finish(writer, &size, &err), FIRN_OK);
    assert_int_equal(fi_pack_writer_list(writer, note_place, &listing, &err), FIRN_OK);
    assert_int_equal(listing.count, TINY_COUNT);
    assert_true(fi_pack_writer_contains(writer, &listing.last));
    listing.last.bytes[31] ^= 1;
    assert_false(fi_pack_writer_contains(writer, &listing.last));
    struct fi_block_file_id id = *fi_pack_writer_id(writer);
    fi_pack_writer_destroy(writer);

    struct firn_pack *pack;
    assert_int_equal(fi_pack_open(fixture.dir, "p", &pack, &err), FIRN_OK);
    assert_int_equal(fi_pack_count(pack), TINY_COUNT);
    assert_int_equal(fi_pack_size_bytes(pack), size);
    assert_memory_equal(fi_pack_id(pack)->bytes, id.bytes, sizeof id.bytes);
    listing.pack = pack;
    listing.count = 0;
    listing.is_reading = true;
    assert_int_equal(fi_pack_list(pack, fixture.scratch, compare_place, &listing, &err), FIRN_OK);
    assert_int_equal(listing.count, TINY_COUNT);
    listing.count = 0;
    listing.is_reading = false;
    assert_int_equal(fi_pack_list(pack, fixture.scratch, compare_place, &listing, &err),
                     FIRN_CANCELLED);
    assert_int_equal(listing.count, 1);

    struct test_random random;
    test_random_init(&random, "packfile", 21);
    for (int i = 0; i < 3000; i++) {
        firn_hash missing;
        struct fi_pack_location at;
        test_random_fill(&random, &missing, sizeof missing);
        memset(missing.bytes, i % 3 == 0 ? 0 : 0xff, (size_t)i % 5);
        assert_int_equal(fi_pack_find(pack, fixture.scratch, &missing, &at, &err), FIRN_NOT_FOUND);
    }
    struct ticks ticks = {.scratch = fixture.scratch};
    fi_pack_scratch_set_tick(fixture.scratch, note_verified, &ticks);
    assert_int_equal(fi_pack_verify(pack, fixture.scratch, NULL, NULL, &err), FIRN_OK);
    assert_true(ticks.steps > 2 && ticks.last < size && ticks.last > size / 2);
    assert_int_equal(fi_pack_scratch_verified(fixture.scratch), 0);
    ticks.cancels_at = size / 3;
    assert_int_equal(fi_pack_verify(pack, fixture.scratch, NULL, NULL, &err), FIRN_CANCELLED);
    assert_true(ticks.last >= size / 3 && ticks.last < size);
    assert_int_equal(fi_pack_scratch_verified(fixture.scratch), 0);
    fi_pack_scratch_set_tick(fixture.scratch, NULL, NULL);
    fi_pack_close(pack);
    fi_free(listing.places);
    pack_fixture_deinit(&fixture);
}

/* ---- once each ---- */

static void
an_object_is_stored_once_whoever_adds_it(void **state)
{
    firn_error err;
    struct pack_fixture fixture;
    pack_fixture_init(&fixture);
    struct firn_pack_writer *writer;
    struct fi_pack_lane *lanes[2];
    assert_int_equal(fi_pack_writer_create(fixture.dir, "p", 1, &writer, &err), FIRN_OK);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(fi_pack_lane_create(writer, &lanes[i], &err), FIRN_OK);
    }
    size_t large = 700 << 10;
    uint8_t *noise = fi_alloc(large);
    pack_fixture_noise(1, noise, large);
    for (size_t round = 0; round < 4; round++) {
        for (size_t which = 0; which < 3; which++) {
            firn_slice content = firn_bytes(noise, which == 0 ? 0 : which == 1 ? 1000 : large);
            firn_hash hash;
            bool is_new;
            fi_blake3_hash_of(content.data, content.size, &hash);
            assert_int_equal(
                fi_pack_lane_add(lanes[round % 2], FI_PACK_BLOB, &hash, content, &is_new, &err),
                FIRN_OK);
            assert_int_equal(is_new, round == 0);
        }
    }
    assert_int_equal(fi_pack_writer_count(writer), 3);
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(fi_pack_lane_flush(lanes[i], &err), FIRN_OK);
        fi_pack_lane_destroy(lanes[i]);
    }
    uint64_t size;
    assert_int_equal(fi_pack_writer_finish(writer, &size, &err), FIRN_OK);
    assert_true(size < large + 5000);
    fi_pack_writer_destroy(writer);
    fi_free(noise);
    pack_fixture_deinit(&fixture);
}

static void
neighbours_share_a_frame_and_large_objects_do_not(void **state)
{
    firn_error err;
    struct pack_fixture fixture;
    pack_fixture_init(&fixture);
    (void)pack_fixture_add_text(&fixture, 1, 1000);
    (void)pack_fixture_add_text(&fixture, 2, 600 << 10);
    (void)pack_fixture_add_text(&fixture, 3, 1000);
    assert_int_equal(pack_fixture_write(&fixture, "p", 0, &err), FIRN_OK);
    struct firn_pack *pack;
    struct fi_pack_location at[3];
    assert_int_equal(fi_pack_open(fixture.dir, "p", &pack, &err), FIRN_OK);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(
            fi_pack_find(pack, fixture.scratch, &fixture.objects[i].hash, &at[i], &err), FIRN_OK);
    }
    assert_int_equal(at[0].frame, at[2].frame);
    assert_int_not_equal(at[0].frame, at[1].frame);
    assert_int_equal(at[0].offset, 0);
    assert_int_equal(at[2].offset, 1000);
    fi_pack_close(pack);
    pack_fixture_deinit(&fixture);
}

/* ---- misuse ---- */

static void
a_pack_without_objects_or_with_an_open_frame_is_not_written(void **state)
{
    firn_error err;
    struct pack_fixture fixture;
    pack_fixture_init(&fixture);
    struct firn_pack_writer *writer;
    struct fi_pack_lane *lane;
    firn_hash hash;
    bool is_new;
    assert_int_equal(fi_pack_writer_create(fixture.dir, "p", 1, &writer, &err), FIRN_OK);
    assert_int_equal(fi_pack_lane_create(writer, &lane, &err), FIRN_OK);
    assert_int_equal(fi_pack_lane_flush(lane, &err), FIRN_OK);
    fi_pack_lane_destroy(lane);
    assert_int_equal(fi_pack_writer_finish(writer, NULL, &err), FIRN_INVALID);
    fi_pack_writer_destroy(writer);
    assert_int_equal(test_file_count(fixture.dir), 0);

    assert_int_equal(fi_pack_writer_create(fixture.dir, "p", 1, &writer, &err), FIRN_OK);
    assert_int_equal(fi_pack_lane_create(writer, &lane, &err), FIRN_OK);
    fi_blake3_hash_of("x", 1, &hash);
    assert_int_equal(fi_pack_lane_add(lane, FI_PACK_BLOB, &hash, firn_str("x"), &is_new, &err),
                     FIRN_OK);
    fi_pack_lane_destroy(lane);
    assert_int_equal(fi_pack_writer_finish(writer, NULL, &err), FIRN_MISUSE);
    assert_int_equal(fi_pack_writer_finish(writer, NULL, &err), FIRN_FAILED);
    fi_pack_writer_destroy(writer);
    assert_int_equal(test_file_count(fixture.dir), 0);

    assert_int_equal(fi_pack_writer_create(fixture.dir, "p", 1, &writer, &err), FIRN_OK);
    assert_int_equal(fi_pack_writer_add(writer, firn_str("x"), NULL, NULL, &err), FIRN_OK);
    assert_int_equal(fi_pack_writer_finish(writer, NULL, &err), FIRN_OK);
    assert_int_equal(fi_pack_writer_add(writer, firn_str("y"), NULL, NULL, &err), FIRN_MISUSE);
    assert_int_equal(fi_pack_writer_finish(writer, NULL, &err), FIRN_MISUSE);
    fi_pack_writer_destroy(writer);
    assert_true(test_file_exists(fixture.dir, "p"));
    pack_fixture_deinit(&fixture);
}

static void
a_pack_at_a_path_is_written_and_opened_there(void **state)
{
    firn_error err;
    struct pack_fixture fixture;
    pack_fixture_init(&fixture);
    struct firn_pack_writer *writer;
    struct firn_pack *pack;
    assert_int_equal(fi_os_make_dir(fixture.dir, "sub", 0700, &err), FIRN_OK);
    static const char *const paths[] = {"/top.pack", "here.pack", "sub/p.pack", "/sub/q.pack"};
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(fi_pack_writer_create_path(fixture.os, paths[i], 1, &writer, &err),
                         FIRN_OK);
        assert_int_equal(fi_pack_writer_add(writer, firn_str("x"), NULL, NULL, &err), FIRN_OK);
        assert_int_equal(fi_pack_writer_finish(writer, NULL, &err), FIRN_OK);
        fi_pack_writer_destroy(writer);
        assert_int_equal(fi_pack_open_path(fixture.os, paths[i], &pack, &err), FIRN_OK);
        assert_int_equal(fi_pack_count(pack), 1);
        fi_pack_close(pack);
    }
    static const char *const bad[] = {"", "/", "sub/", "sub/.", "..", "nowhere/p", "/top.pack/p"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_not_equal(fi_pack_writer_create_path(fixture.os, bad[i], 1, &writer, &err),
                             FIRN_OK);
        assert_null(writer);
        assert_int_not_equal(fi_pack_open_path(fixture.os, bad[i], &pack, &err), FIRN_OK);
        assert_null(pack);
    }
    pack_fixture_deinit(&fixture);
}

/* ---- reading ---- */

static void
a_place_from_outside_gives_the_object_or_an_error(void **state)
{
    firn_error err;
    struct pack_fixture fixture;
    pack_fixture_init(&fixture);
    pack_fixture_fill_small(&fixture);
    assert_int_equal(pack_fixture_write(&fixture, "p", 4, &err), FIRN_OK);
    struct firn_pack *pack;
    assert_int_equal(fi_pack_open(fixture.dir, "p", &pack, &err), FIRN_OK);
    struct test_random random;
    test_random_init(&random, "place", 4);
    for (size_t round = 0; round < 20000; round++) {
        const struct pack_object *object =
            &fixture.objects[test_random_below(&random, fixture.count)];
        struct fi_pack_location at;
        assert_int_equal(fi_pack_find(pack, fixture.scratch, &object->hash, &at, &err), FIRN_OK);
        uint64_t what = test_random_below(&random, 6);
        if (what == 0) {
            at.frame = (uint32_t)test_random_below(&random, 5);
        } else if (what == 1) {
            at.offset = (uint32_t)test_random_below(&random, 300);
        } else if (what == 2) {
            at.size = (uint32_t)test_random_below(&random, 300);
        } else if (what == 3) {
            at.kind = (enum fi_pack_kind)(1 + test_random_below(&random, 4));
        } else if (what == 4) {
            test_random_fill(&random, &at.offset, sizeof at.offset);
            test_random_fill(&random, &at.size, sizeof at.size);
        } else {
            test_random_fill(&random, &at.frame, sizeof at.frame);
        }
        firn_slice content;
        int rc = fi_pack_read(pack, fixture.scratch, &object->hash, &at, &content, &err);
        if (rc == FIRN_OK) {
            assert_int_equal(content.size, object->content.size);
            assert_memory_equal(content.data, object->content.data, content.size);
        } else {
            assert_int_equal(rc, FIRN_CORRUPT);
            assert_int_equal(content.size, 0);
        }
    }
    fi_pack_close(pack);
    pack_fixture_deinit(&fixture);
}

static void
one_scratch_serves_several_packs_in_turn(void **state)
{
    firn_error err;
    struct pack_fixture fixture;
    pack_fixture_init(&fixture);
    enum { PACKS = 3, OBJECTS = 12 };
    for (size_t i = 0; i < PACKS * OBJECTS; i++) {
        (void)pack_fixture_add_text(&fixture, i, 1000);
    }
    struct firn_pack *packs[PACKS];
    struct pack_object *all = fixture.objects;
    for (size_t i = 0; i < PACKS; i++) {
        char name[] = {(char)('a' + i), 0};
        fixture.objects = all + i * OBJECTS;
        fixture.count = OBJECTS;
        assert_int_equal(pack_fixture_write(&fixture, name, 2, &err), FIRN_OK);
        assert_int_equal(fi_pack_open(fixture.dir, name, &packs[i], &err), FIRN_OK);
    }
    fixture.objects = all;
    fixture.count = PACKS * OBJECTS;
    struct test_random random;
    test_random_init(&random, "scratch", 8);
    for (size_t round = 0; round < 3000; round++) {
        size_t i = (size_t)test_random_below(&random, fixture.count);
        struct firn_pack *pack = packs[i / OBJECTS];
        struct fi_pack_location at;
        firn_slice content;
        const struct pack_object *object = &fixture.objects[i];
        assert_int_equal(fi_pack_find(pack, fixture.scratch, &object->hash, &at, &err), FIRN_OK);
        assert_int_equal(fi_pack_read(pack, fixture.scratch, &object->hash, &at, &content, &err),
                         FIRN_OK);
        assert_int_equal(content.size, object->content.size);
        assert_memory_equal(content.data, object->content.data, content.size);
    }
    for (size_t i = 0; i < PACKS; i++) {
        fi_pack_close(packs[i]);
    }
    pack_fixture_deinit(&fixture);
}

/* ---- lists of pieces ---- */

struct pieces_seen {
    size_t count;
    uint64_t next;
};

static int
see_piece(void *ctx, uint64_t offset, const struct fi_pack_piece *piece, firn_error *err)
{
    (void)err;
    struct pieces_seen *seen = ctx;
    assert_int_equal(offset, seen->next);
    seen->next += piece->size;
    seen->count++;
    return seen->count == 3 ? FIRN_CANCELLED : FIRN_OK;
}

static void
lists_of_pieces_have_one_form(void **state)
{
    firn_error err;
    uint64_t total;
    const firn_hash hash = {.bytes = {1, 2, 3}};
    const struct fi_pack_piece hole = {.size = 5, .is_hole = true};
    const struct fi_pack_piece data = {.size = 7, .hash = hash};
    const struct fi_pack_piece empty = {.size = 0, .hash = hash};
    const struct fi_pack_piece huge = {.size = FI_PACK_OBJECT_SIZE_MAX + 1, .hash = hash};
    const struct fi_pack_piece vast = {.size = FI_PACK_TOTAL_SIZE_MAX, .is_hole = true};
    const struct {
        struct fi_pack_piece pieces[3];
        size_t count;
        int encoded;
        int decoded;
        uint64_t total;
    } cases[] = {
        {{data}, 1, FIRN_OK, FIRN_OK, 7},
        {{data, hole, data}, 3, FIRN_OK, FIRN_OK, 19},
        {{hole, data, hole}, 3, FIRN_OK, FIRN_OK, 17},
        {{hole}, 1, FIRN_OK, FIRN_OK, 5},
        {{vast}, 1, FIRN_OK, FIRN_OK, FI_PACK_TOTAL_SIZE_MAX},
        {{data}, 0, FIRN_OK, FIRN_CORRUPT, 0},
        {{data, hole, hole}, 3, FIRN_OK, FIRN_CORRUPT, 0},
        {{empty, data}, 2, FIRN_OK, FIRN_CORRUPT, 0},
        {{huge}, 1, FIRN_OK, FIRN_CORRUPT, 0},
        {{vast, data}, 2, FIRN_LIMIT, 0, 0},
        {{{.size = UINT64_MAX, .is_hole = true}, data}, 2, FIRN_LIMIT, 0, 0},
    };
    struct fi_buf list = {0};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        fi_buf_clear(&list);
        assert_int_equal(fi_pack_pieces_encode(cases[i].pieces, cases[i].count, &list),
                         cases[i].encoded);
        if (cases[i].encoded == FIRN_OK) {
            assert_int_equal(fi_pack_pieces_decode(fi_buf_slice(&list), &total, NULL, NULL, &err),
                             cases[i].decoded);
            assert_int_equal(total, cases[i].total);
        }
    }
    /* Every prefix, and every extension by a byte, of a good list is bad. */
    fi_buf_clear(&list);
    assert_int_equal(fi_pack_pieces_encode(cases[1].pieces, 3, &list), FIRN_OK);
    struct pieces_seen seen = {0};
    assert_int_equal(fi_pack_pieces_decode(fi_buf_slice(&list), &total, see_piece, &seen, &err),
                     FIRN_CANCELLED);
    assert_int_equal(seen.next, 19);
    for (size_t size = 0; size < list.size; size++) {
        assert_int_equal(
            fi_pack_pieces_decode(firn_bytes(list.data, size), &total, see_piece, NULL, &err),
            FIRN_CORRUPT);
    }
    assert_int_equal(fi_buf_append_u8(&list, 1), FIRN_OK);
    assert_int_equal(fi_pack_pieces_decode(fi_buf_slice(&list), &total, see_piece, NULL, &err),
                     FIRN_CORRUPT);
    fi_buf_deinit(&list);
}

static void
a_pool_gives_out_what_came_back_last(void **state)
{
    struct fi_pack_pool pool;
    struct fi_pack_scratch *taken[3];
    struct fi_pack_scratch *again;
    fi_pack_scratch_pool_init(&pool, fi_os_default(), 2);
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(fi_pack_scratch_pool_take(&pool, &taken[i], NULL), FIRN_OK);
    }
    for (size_t i = 0; i < 3; i++) {
        fi_pack_scratch_pool_give(&pool, taken[i]);
    }
    fi_pack_scratch_pool_give(&pool, NULL);
    assert_int_equal(fi_pack_scratch_pool_take(&pool, &again, NULL), FIRN_OK);
    assert_ptr_equal(again, taken[2]);
    fi_pack_scratch_pool_give(&pool, again);
    fi_pack_scratch_pool_trim(&pool, 5);
    assert_ptr_equal(pool.first, taken[2]);
    fi_pack_scratch_pool_trim(&pool, 1);
    assert_int_equal(fi_pack_scratch_pool_take(&pool, &again, NULL), FIRN_OK);
    assert_ptr_equal(again, taken[2]);
    assert_null(pool.first);
    fi_pack_scratch_pool_give(&pool, again);
    fi_pack_scratch_pool_trim(&pool, 0);
    assert_null(pool.first);
    fi_pack_scratch_pool_deinit(&pool);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_of_all_sizes_come_back),
        cmocka_unit_test(a_larger_object_is_refused_and_the_pack_goes_on),
        cmocka_unit_test(forty_thousand_objects_are_found_and_listed_in_order),
        cmocka_unit_test(an_object_is_stored_once_whoever_adds_it),
        cmocka_unit_test(neighbours_share_a_frame_and_large_objects_do_not),
        cmocka_unit_test(a_pack_without_objects_or_with_an_open_frame_is_not_written),
        cmocka_unit_test(a_pack_at_a_path_is_written_and_opened_there),
        cmocka_unit_test(a_place_from_outside_gives_the_object_or_an_error),
        cmocka_unit_test(one_scratch_serves_several_packs_in_turn),
        cmocka_unit_test(lists_of_pieces_have_one_form),
        cmocka_unit_test(a_pool_gives_out_what_came_back_last),
    };
    return cmocka_run_group_tests_name("packfile", tests, NULL, NULL);
}
