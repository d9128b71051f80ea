/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/objects: one large object read by several threads gives what reading it in order gives, or
 * the error of the first piece that is wrong; and a large file comes back by it.
 */
#include "base/mem.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "codec/hex.h"
#include "handle/ws_opened.h"
#include "objects/objects.h"
#include "objects/objects_internal.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_random.h"
#include "support/workspace/ws_support.h"

enum {
    PIECES = 400,
    PIECE_MAX = 5000,
    THREADS_MAX = 6,
    HOLE = 40000,
    FIRST_OF_ONE_SIZE = 210,
    SECOND_OF_ONE_SIZE = 211
};

/* A store with one list, and what the list stands for. */
struct stored {
    struct ws_world world;
    struct fi_ws_opened opened;
    struct fi_objects_session *session;
    struct fi_objects_session_lane *lane;
    struct fi_pack_piece pieces[PIECES];
    size_t count;
    struct fi_buf content;
    firn_hash hash;
    struct test_random random;
};

static void
must(struct stored *stored, int rc)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), stored->world.err.text);
    }
}

static void
put(struct stored *stored, enum fi_pack_kind kind, firn_slice bytes, const firn_hash *hash)
{
    must(stored, fi_objects_session_lane_move(stored->lane, kind, hash, bytes, &stored->world.err));
}

static firn_slice
random_bytes(struct stored *stored, uint8_t *out)
{
    bool is_fixed = stored->count == FIRST_OF_ONE_SIZE || stored->count == SECOND_OF_ONE_SIZE;
    size_t size = is_fixed ? 1000 : 1 + (size_t)test_random_below(&stored->random, PIECE_MAX);
    for (size_t i = 0; i < size; i++) {
        out[i] = (uint8_t)test_random_next(&stored->random);
    }
    return firn_bytes(out, size);
}

static void
add_piece(struct stored *stored, firn_slice bytes)
{
    struct fi_pack_piece piece = {.size = bytes.size};
    fi_blake3_hash_of(bytes.data, bytes.size, &piece.hash);
    stored->pieces[stored->count++] = piece;
    assert_int_equal(fi_buf_append_slice(&stored->content, bytes), FIRN_OK);
}

static void
add_hole(struct stored *stored)
{
    static const uint8_t zeros[HOLE];
    stored->pieces[stored->count++] = (struct fi_pack_piece){.size = sizeof zeros, .is_hole = true};
    assert_int_equal(fi_buf_append(&stored->content, zeros, sizeof zeros), FIRN_OK);
}

/* A piece that is a list itself: data, a hole, data. */
static void
add_list(struct stored *stored)
{
    uint8_t room[PIECE_MAX];
    struct fi_pack_piece inner[3] = {{0}, {.size = 100, .is_hole = true}, {0}};
    struct fi_buf whole = {0};
    struct fi_buf list = {0};
    for (size_t i = 0; i < 3; i++) {
        uint8_t zeros[100] = {0};
        firn_slice bytes =
            inner[i].is_hole ? firn_bytes(zeros, sizeof zeros) : random_bytes(stored, room);
        if (!inner[i].is_hole) {
            inner[i].size = bytes.size;
            fi_blake3_hash_of(bytes.data, bytes.size, &inner[i].hash);
            put(stored, FI_PACK_BLOB, bytes, &inner[i].hash);
        }
        assert_int_equal(fi_buf_append_slice(&whole, bytes), FIRN_OK);
    }
    assert_int_equal(fi_pack_pieces_encode(inner, 3, &list), FIRN_OK);
    add_piece(stored, fi_buf_slice(&whole));
    put(stored, FI_PACK_PIECES, fi_buf_slice(&list), &stored->pieces[stored->count - 1].hash);
    fi_buf_deinit(&whole);
    fi_buf_deinit(&list);
}

/* Pieces whose number is in missing are named, but not there. */
static void
add_all(struct stored *stored, const size_t *missing, size_t missing_count)
{
    uint8_t room[PIECE_MAX];
    while (stored->count < PIECES) {
        size_t number = stored->count;
        bool is_missing = false;
        for (size_t i = 0; i < missing_count; i++) {
            is_missing |= missing[i] == number;
        }
        if (is_missing || (number % 50 != 7 && number % 50 != 30)) {
            firn_slice bytes = random_bytes(stored, room);
            add_piece(stored, bytes);
            if (!is_missing) {
                put(stored, FI_PACK_BLOB, bytes, &stored->pieces[number].hash);
            }
        } else if (number % 50 == 7) {
            add_hole(stored);
        } else {
            add_list(stored);
        }
    }
}

/* is_named_well: the list has the name of its content, as every one that firn makes. */
static void
stored_open(struct stored *stored, bool on_disk, const size_t *missing, size_t missing_count,
            bool is_named_well)
{
    struct fi_buf list = {0};
    uint64_t added;
    firn_error *err = &stored->world.err;
    *stored = (struct stored){0};
    test_random_init(&stored->random, "ws_objects_spread", 3);
    if (on_disk) {
        ws_world_open_disk(&stored->world);
    } else {
        ws_world_open_memory(&stored->world, 3);
    }
    must(stored, fi_ws_opened_open(stored->world.ws, FI_WS_CREATE, &stored->opened, err));
    must(stored, fi_objects_session_begin(stored->opened.objects, 1, &stored->session, err));
    must(stored, fi_objects_session_lane_open(stored->session, &stored->lane, err));
    add_all(stored, missing, missing_count);
    fi_blake3_hash_of(stored->content.data, stored->content.size, &stored->hash);
    stored->hash.bytes[0] = (uint8_t)(stored->hash.bytes[0] + (is_named_well ? 0 : 1));
    assert_int_equal(fi_pack_pieces_encode(stored->pieces, PIECES, &list), FIRN_OK);
    put(stored, FI_PACK_PIECES, fi_buf_slice(&list), &stored->hash);
    must(stored, fi_objects_session_lane_close(stored->lane, true, err));
    must(stored, fi_objects_session_commit(stored->session, &added, err));
    fi_objects_session_end(stored->session);
    fi_buf_deinit(&list);
}

static void
stored_close(struct stored *stored)
{
    must(stored, fi_ws_opened_close(stored->world.ws, &stored->opened, false, &stored->world.err));
    fi_buf_deinit(&stored->content);
    ws_world_close(&stored->world);
}

/* ---- reading ---- */

struct taken {
    uint8_t *content;
    uint8_t *times; /* that each byte came */
    size_t size;
    uint64_t told;
    uint64_t fail_at; /* offset at which the sink fails; UINT64_MAX nowhere */
    uint64_t cancel_at;
    pthread_mutex_t mutex;
};

static int
take(void *ctx, uint64_t offset, firn_slice data, firn_error *err)
{
    struct taken *taken = ctx;
    assert_true(offset + data.size <= taken->size);
    for (size_t i = 0; i < data.size; i++) {
        taken->content[offset + i] = data.data == NULL ? 0 : data.data[i];
        taken->times[offset + i]++;
    }
    return offset <= taken->fail_at && taken->fail_at - offset < data.size
               ? fi_error_set(err, FIRN_NO_SPACE, "the sink is full")
               : FIRN_OK;
}

static int
on_bytes(void *ctx, uint64_t bytes, firn_error *err)
{
    struct taken *taken = ctx;
    pthread_mutex_lock(&taken->mutex);
    taken->told += bytes;
    bool has_enough = taken->told >= taken->cancel_at;
    pthread_mutex_unlock(&taken->mutex);
    return has_enough ? fi_error_set(err, FIRN_CANCELLED, "cancelled") : FIRN_OK;
}

static void
taken_init(struct taken *taken, const struct stored *stored)
{
    *taken = (struct taken){.size = stored->content.size,
                            .fail_at = UINT64_MAX,
                            .cancel_at = UINT64_MAX,
                            .mutex = PTHREAD_MUTEX_INITIALIZER};
    taken->content = malloc(taken->size);
    taken->times = calloc(taken->size, 1);
    assert_true(taken->content != NULL && taken->times != NULL);
    memset(taken->content, 0xa5, taken->size);
}

static void
taken_deinit(struct taken *taken)
{
    free(taken->content);
    free(taken->times);
}

/* taken NULL: only verifies. */
static int
read_by(struct stored *stored, unsigned threads, const firn_hash *hash, uint64_t size,
        struct taken *taken, firn_error *err)
{
    struct fi_pack_scratch *scratches[THREADS_MAX] = {NULL};
    struct fi_os_jobs *jobs = NULL;
    int rc = fi_os_jobs_create(stored->world.tree.os, threads, &jobs, err);
    for (unsigned i = 0; rc == FIRN_OK && i < threads; i++) {
        rc = fi_pack_scratch_create(2, &scratches[i], err);
    }
    const struct fi_objects_spread spread = {.objects = stored->opened.objects,
                                             .jobs = jobs,
                                             .scratches = scratches,
                                             .thread_count = threads,
                                             .on_bytes = taken != NULL ? on_bytes : NULL,
                                             .ctx = taken};
    if (rc == FIRN_OK) {
        rc = fi_objects_spread_read(&spread, hash, size, taken != NULL ? take : NULL, taken, err);
    }
    fi_os_jobs_destroy(jobs);
    for (unsigned i = 0; i < threads; i++) {
        fi_pack_scratch_destroy(scratches[i]);
    }
    return rc;
}

static void
assert_all_came_once(struct stored *stored, unsigned threads)
{
    struct taken taken;
    taken_init(&taken, stored);
    must(stored, read_by(stored, threads, &stored->hash, taken.size, &taken, &stored->world.err));
    assert_memory_equal(taken.content, stored->content.data, taken.size);
    for (size_t i = 0; i < taken.size; i++) {
        assert_int_equal(taken.times[i], 1);
    }
    assert_int_equal(taken.told, taken.size);
    must(stored, read_by(stored, threads, &stored->hash, taken.size, NULL, &stored->world.err));
    taken_deinit(&taken);
}

/* ---- tests ---- */

static void
each_byte_comes_once_whatever_the_number_of_threads(void **state)
{
    for (int on_disk = 0; on_disk < 2; on_disk++) {
        struct stored stored;
        stored_open(&stored, on_disk != 0, NULL, 0, true);
        for (unsigned threads = 1; threads <= THREADS_MAX; threads++) {
            assert_all_came_once(&stored, threads);
        }
        stored_close(&stored);
    }
}

static void
what_is_stored_whole_is_read_whole(void **state)
{
    struct stored stored;
    stored_open(&stored, true, NULL, 0, true);
    struct taken taken;
    taken_init(&taken, &stored);
    must(&stored, read_by(&stored, 3, &stored.pieces[0].hash, stored.pieces[0].size, &taken,
                          &stored.world.err));
    assert_memory_equal(taken.content, stored.content.data, (size_t)stored.pieces[0].size);
    taken_deinit(&taken);
    stored_close(&stored);
}

static void
pieces_that_do_not_make_the_content_are_corrupt(void **state)
{
    struct stored stored;
    stored_open(&stored, true, NULL, 0, false);
    for (unsigned threads = 1; threads <= 3; threads++) {
        int rc =
            read_by(&stored, threads, &stored.hash, stored.content.size, NULL, &stored.world.err);
        assert_int_equal(rc, FIRN_CORRUPT);
        assert_non_null(strstr(stored.world.err.text, "do not make its content"));
    }
    stored_close(&stored);
}

/* The index leads from the first of two pieces to the second. */
static void
a_piece_that_is_another_one_is_named(void **state)
{
    struct stored stored;
    stored_open(&stored, true, NULL, 0, true);
    const firn_hash *name = &stored.pieces[FIRST_OF_ONE_SIZE].hash;
    struct fi_objects_place place;
    uint8_t value[FI_OBJECTS_INDEX_PLACE_SIZE_MAX];
    struct firn_db_batch *batch;
    firn_error *err = &stored.world.err;
    char hex[FIRN_HASH_HEX_SIZE];
    must(&stored, fi_objects_index_find(stored.opened.objects,
                                        &stored.pieces[SECOND_OF_ONE_SIZE].hash, &place, err));
    must(&stored, fi_db_batch_create(&batch, err));
    must(&stored,
         fi_db_batch_put(batch, stored.opened.objects->index, firn_bytes(name->bytes, 32),
                         firn_bytes(value, fi_objects_index_encode_place(&place, value)), err));
    must(&stored, fi_db_write(stored.opened.db, batch, FIRN_DURABILITY_OS, err));
    fi_db_batch_destroy(batch);
    fi_hex_encode(name->bytes, sizeof name->bytes, hex);
    for (unsigned threads = 1; threads <= THREADS_MAX; threads++) {
        struct taken taken;
        taken_init(&taken, &stored);
        assert_int_equal(read_by(&stored, threads, &stored.hash, taken.size, &taken, err),
                         FIRN_CORRUPT);
        assert_non_null(strstr(err->text, hex));
        taken_deinit(&taken);
    }
    stored_close(&stored);
}

static void
another_size_is_corrupt(void **state)
{
    struct stored stored;
    stored_open(&stored, true, NULL, 0, true);
    for (int64_t by = -1; by <= 1; by += 2) {
        uint64_t size = stored.content.size + (uint64_t)by;
        assert_int_equal(read_by(&stored, 2, &stored.hash, size, NULL, &stored.world.err),
                         FIRN_CORRUPT);
    }
    stored_close(&stored);
}

static void
of_pieces_that_are_missing_the_first_is_named(void **state)
{
    const size_t missing[] = {90, 200, 201, 330};
    struct stored stored;
    stored_open(&stored, true, missing, 4, true);
    char hex[FIRN_HASH_HEX_SIZE];
    fi_hex_encode(stored.pieces[90].hash.bytes, sizeof(firn_hash), hex);
    for (unsigned round = 0; round < 40; round++) {
        int rc = read_by(&stored, 1 + round % THREADS_MAX, &stored.hash, stored.content.size, NULL,
                         &stored.world.err);
        assert_int_equal(rc, FIRN_CORRUPT);
        assert_non_null(strstr(stored.world.err.text, hex));
    }
    stored_close(&stored);
}

static void
what_the_sink_or_the_caller_says_ends_it(void **state)
{
    struct stored stored;
    stored_open(&stored, true, NULL, 0, true);
    for (unsigned round = 0; round < 20; round++) {
        struct taken taken;
        taken_init(&taken, &stored);
        taken.fail_at = taken.size / 20 * round;
        assert_int_equal(read_by(&stored, 4, &stored.hash, taken.size, &taken, &stored.world.err),
                         FIRN_NO_SPACE);
        taken.fail_at = UINT64_MAX;
        taken.told = 0;
        taken.cancel_at = 1 + taken.size / 20 * round;
        assert_int_equal(read_by(&stored, 4, &stored.hash, taken.size, &taken, &stored.world.err),
                         FIRN_CANCELLED);
        taken_deinit(&taken);
    }
    stored_close(&stored);
}

static void
any_allocation_may_fail(void **state)
{
    test_alloc_install();
    struct stored stored;
    stored_open(&stored, false, NULL, 0, true);
    int64_t before = test_alloc_alive();
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        struct taken taken;
        taken_init(&taken, &stored);
        test_fault_allocation(&fault);
        int rc = read_by(&stored, 2, &stored.hash, taken.size, &taken, &stored.world.err);
        test_fault_end(&fault);
        assert_true(rc == FIRN_NO_MEMORY ||
                    (rc == FIRN_OK && memcmp(taken.content, stored.content.data, taken.size) == 0));
        assert_true(fault.was_hit || rc == FIRN_OK);
        taken_deinit(&taken);
    }
    assert_true(test_alloc_alive() <= before + 8); /* what the block cache keeps to read with */
    stored_close(&stored);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

/* ---- files ---- */

static void
a_large_file_comes_back(void **state)
{
    const uint64_t offsets[] = {5 << 20, 19 << 20};
    struct ws_world world;
    ws_world_open_disk(&world);
    scan_put_random(&world.tree, "large", 1, (17 << 20) + 123);
    scan_put_random(&world.tree, "deep/larger", 2, 20 << 20);
    scan_put_sparse(&world.tree, "sparse", 30 << 20, offsets, 2);
    scan_put_text(&world.tree, "small", "small");
    ws_save(&world);
    char *saved = ws_dump(&world);
    scan_put_random(&world.tree, "large", 3, 18 << 20);
    scan_remove_tree(&world.tree, "deep");
    scan_remove_file(&world.tree, "sparse");
    char *changed = ws_dump(&world);
    ws_restore(&world, "1");
    ws_assert_dump(&world, saved);
    firn_workspace_restore_result result;
    assert_int_equal(ws_try_undo(&world, &result), FIRN_OK);
    ws_assert_dump(&world, changed);
    free(saved);
    free(changed);
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_byte_comes_once_whatever_the_number_of_threads),
        cmocka_unit_test(what_is_stored_whole_is_read_whole),
        cmocka_unit_test(pieces_that_do_not_make_the_content_are_corrupt),
        cmocka_unit_test(a_piece_that_is_another_one_is_named),
        cmocka_unit_test(another_size_is_corrupt),
        cmocka_unit_test(of_pieces_that_are_missing_the_first_is_named),
        cmocka_unit_test(what_the_sink_or_the_caller_says_ends_it),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(a_large_file_comes_back),
    };
    return cmocka_run_group_tests_name("ws_objects_spread", tests, NULL, NULL);
}
