/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/pack: content of any size through streams, in pieces above 8 MiB; many threads at once.
 */
#include "support/test_temp.h"
#include "unit/pack/pack_fixture.h"

#include <stdatomic.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "posix/os_default.h"
#include "support/test_random.h"
#include "threads/os_thread.h"

enum { MIB = 1 << 20 };

/* A source that gives what it has in uneven parts. */
struct source {
    firn_slice content;
    size_t at;
    struct test_random random;
    size_t fail_at; /* 0: never */
};

static int
give(void *ctx, void *buf, size_t size, size_t *got, firn_error *err)
{
    struct source *source = ctx;
    if (source->fail_at != 0 && source->at >= source->fail_at) {
        return fi_error_set(err, FIRN_IO, "the source failed");
    }
    size_t left = source->content.size - source->at;
    size_t part = size < left ? size : left;
    if (part > 1) {
        part = 1 + (size_t)test_random_below(&source->random, part);
    }
    if (part > 0) {
        memcpy(buf, source->content.data + source->at, part);
    }
    source->at += part;
    *got = part;
    return FIRN_OK;
}

/* A sink that compares. */
struct sink {
    firn_slice expected;
    size_t at;
    size_t largest;
};

static int
take(void *ctx, firn_slice data, firn_error *err)
{
    (void)err;
    struct sink *sink = ctx;
    assert_true(data.size <= sink->expected.size - sink->at);
    assert_memory_equal(data.data, sink->expected.data + sink->at, data.size);
    sink->at += data.size;
    if (data.size > sink->largest) {
        sink->largest = data.size;
    }
    return FIRN_OK;
}

static void
streams_of_all_sizes_come_back_from_bytes_and_from_sources(void **state)
{
    static const size_t sizes[] = {0,           1,       65536,       65537,   (1 << 20) + 1,
                                   8 * MIB - 1, 8 * MIB, 8 * MIB + 1, 9 * MIB, 20 * MIB + 12345};
    firn_error err;
    struct pack_fixture fixture;
    pack_fixture_init(&fixture);
    uint8_t *noise = fi_alloc(21 * MIB);
    pack_fixture_noise(77, noise, 21 * MIB);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        firn_slice content = firn_bytes(noise + i, sizes[i]);
        for (int from_source = 0; from_source < 2; from_source++) {
            firn_hash expected;
            firn_hash hash;
            bool is_new;
            uint64_t size = sizes[i];
            struct firn_pack_writer *writer;
            struct firn_pack *pack;
            struct source source = {.content = content, .random = {.state = i}};
            fi_blake3_hash_of(content.data, content.size, &expected);
            assert_int_equal(fi_pack_writer_create(fixture.dir, "p", 1, &writer, &err), FIRN_OK);
            for (int round = 0; round < 2; round++) {
                source.at = 0;
                assert_int_equal(from_source
                                     ? fi_pack_writer_add_stream(writer, give, &source, &hash,
                                                                 &is_new, &size, &err)
                                     : fi_pack_writer_add(writer, content, &hash, &is_new, &err),
                                 FIRN_OK);
                assert_int_equal(is_new, round == 0);
                assert_int_equal(size, sizes[i]);
                assert_true(fi_hash_equal(&hash, &expected));
            }
            assert_int_equal(fi_pack_writer_finish(writer, NULL, &err), FIRN_OK);
            fi_pack_writer_destroy(writer);

            struct sink sink = {.expected = content};
            assert_int_equal(fi_pack_open(fixture.dir, "p", &pack, &err), FIRN_OK);
            assert_int_equal(fi_pack_stream_size(pack, fixture.scratch, &hash, &size, &err),
                             FIRN_OK);
            assert_int_equal(size, sizes[i]);
            assert_int_equal(fi_pack_stream_read(pack, fixture.scratch, &hash, take, &sink, &err),
                             FIRN_OK);
            assert_int_equal(sink.at, sizes[i]);
            assert_true(sink.largest <= (sizes[i] <= 8 * MIB ? 8 * MIB : MIB));
            assert_int_equal(fi_pack_count(pack),
                             sizes[i] <= 8 * MIB ? 1 : (sizes[i] + MIB - 1) / MIB + 1);
            if (from_source) {
                assert_int_equal(fi_pack_verify(pack, fixture.scratch, NULL, NULL, &err), FIRN_OK);
            }
            hash.bytes[0] ^= 1;
            assert_int_equal(fi_pack_stream_read(pack, fixture.scratch, &hash, take, &sink, &err),
                             FIRN_NOT_FOUND);
            assert_int_equal(fi_pack_stream_size(pack, fixture.scratch, &hash, &size, &err),
                             FIRN_NOT_FOUND);
            fi_pack_close(pack);
            assert_int_equal(fi_os_remove_file(fixture.dir, "p", &err), FIRN_OK);
        }
    }
    fi_free(noise);
    pack_fixture_deinit(&fixture);
}

static void
equal_pieces_are_stored_once(void **state)
{
    firn_error err;
    struct pack_fixture fixture;
    pack_fixture_init(&fixture);
    uint8_t *bytes = fi_alloc(12 * MIB);
    pack_fixture_noise(3, bytes, MIB);
    for (size_t i = 1; i < 12; i++) {
        memcpy(bytes + i * MIB, bytes, MIB);
    }
    struct firn_pack_writer *writer;
    uint64_t size;
    firn_hash hash;
    assert_int_equal(fi_pack_writer_create(fixture.dir, "p", 1, &writer, &err), FIRN_OK);
    assert_int_equal(fi_pack_writer_add(writer, firn_bytes(bytes, 12 * MIB), &hash, NULL, &err),
                     FIRN_OK);
    assert_int_equal(fi_pack_writer_count(writer), 2);
    assert_int_equal(fi_pack_writer_finish(writer, &size, &err), FIRN_OK);
    fi_pack_writer_destroy(writer);
    assert_true(size < MIB + MIB / 10);
    struct firn_pack *pack;
    struct sink sink = {.expected = firn_bytes(bytes, 12 * MIB)};
    assert_int_equal(fi_pack_open(fixture.dir, "p", &pack, &err), FIRN_OK);
    assert_int_equal(fi_pack_stream_read(pack, fixture.scratch, &hash, take, &sink, &err), FIRN_OK);
    assert_int_equal(sink.at, 12 * MIB);
    fi_pack_close(pack);
    fi_free(bytes);
    pack_fixture_deinit(&fixture);
}

static void
holes_are_given_as_zeros(void **state)
{
    firn_error err;
    struct pack_fixture fixture;
    pack_fixture_init(&fixture);
    (void)pack_fixture_add_noise(&fixture, 1, 100);
    (void)pack_fixture_add_noise(&fixture, 2, 50);
    const uint64_t hole = 200000;
    (void)pack_fixture_add_pieces(&fixture, 0, hole, 1);
    assert_int_equal(pack_fixture_write(&fixture, "p", 0, &err), FIRN_OK);
    uint8_t *expected = fi_alloc_zeroed(100 + hole + 50);
    memcpy(expected, fixture.objects[0].content.data, 100);
    memcpy(expected + 100 + hole, fixture.objects[1].content.data, 50);
    struct firn_pack *pack;
    struct sink sink = {.expected = firn_bytes(expected, 100 + hole + 50)};
    assert_int_equal(fi_pack_open(fixture.dir, "p", &pack, &err), FIRN_OK);
    assert_int_equal(
        fi_pack_stream_read(pack, fixture.scratch, &fixture.objects[2].hash, take, &sink, &err),
        FIRN_OK);
    assert_int_equal(sink.at, 100 + hole + 50);
    fi_pack_close(pack);
    fi_free(expected);
    pack_fixture_deinit(&fixture);
}

static int
refuse(void *ctx, firn_slice data, firn_error *err)
{
    (void)data;
    (void)err;
    ++*(size_t *)ctx;
    return FIRN_CANCELLED;
}

static void
sources_and_sinks_may_fail(void **state)
{
    firn_error err;
    struct pack_fixture fixture;
    pack_fixture_init(&fixture);
    uint8_t *noise = fi_alloc(10 * MIB);
    pack_fixture_noise(4, noise, 10 * MIB);
    struct firn_pack_writer *writer;
    firn_hash hash;
    assert_int_equal(fi_pack_writer_create(fixture.dir, "p", 1, &writer, &err), FIRN_OK);
    static const size_t places[] = {1, 8 * MIB - 5, 9 * MIB};
    for (size_t i = 0; i < 3; i++) {
        struct source source = {
            .content = firn_bytes(noise, 10 * MIB), .random = {.state = i}, .fail_at = places[i]};
        assert_int_equal(fi_pack_writer_add_stream(writer, give, &source, &hash, NULL, NULL, &err),
                         FIRN_IO);
        assert_string_equal(err.text, "the source failed");
    }
    assert_int_equal(fi_pack_writer_add(writer, firn_bytes(noise, 10 * MIB), &hash, NULL, &err),
                     FIRN_OK);
    assert_int_equal(fi_pack_writer_finish(writer, NULL, &err), FIRN_OK);
    fi_pack_writer_destroy(writer);
    struct firn_pack *pack;
    size_t calls = 0;
    assert_int_equal(fi_pack_open(fixture.dir, "p", &pack, &err), FIRN_OK);
    assert_int_equal(fi_pack_stream_read(pack, fixture.scratch, &hash, refuse, &calls, &err),
                     FIRN_CANCELLED);
    assert_int_equal(calls, 1);
    fi_pack_close(pack);
    fi_free(noise);
    pack_fixture_deinit(&fixture);
}

/* ---- threads ---- */

enum { THREADS = 4, OBJECTS_EACH = 400, DISTINCT = 900 };

/* Object number i of all threads: the same in every thread. */
static size_t
form_object(size_t i, uint8_t *out)
{
    struct test_random random = {.state = i};
    size_t size = (size_t)test_random_below(&random, i % 100 == 0 ? 700000 : 8000);
    test_random_fill(&random, out, size / 2);
    memset(out + size / 2, (int)i, size - size / 2);
    if (size >= sizeof i) {
        memcpy(out, &i, sizeof i);
    }
    return size;
}

struct worker {
    struct firn_pack_writer *writer;
    struct firn_pack *pack;
    size_t number;
    bool has_lane;
    int rc;
    atomic_size_t *new_count;
};

static int
add_objects(struct worker *worker, struct fi_pack_lane *lane, uint8_t *bytes)
{
    for (size_t i = 0; i < OBJECTS_EACH; i++) {
        size_t which = (worker->number * 173 + i) % DISTINCT;
        firn_slice content = firn_bytes(bytes, form_object(which, bytes));
        firn_hash hash;
        bool is_new;
        fi_blake3_hash_of(content.data, content.size, &hash);
        int rc = lane != NULL ? fi_pack_lane_add(lane, FI_PACK_BLOB, &hash, content, &is_new, NULL)
                              : fi_pack_writer_add(worker->writer, content, NULL, &is_new, NULL);
        if (rc != FIRN_OK || !fi_pack_writer_contains(worker->writer, &hash)) {
            return rc != FIRN_OK ? rc : FIRN_INTERNAL;
        }
        atomic_fetch_add(worker->new_count, is_new);
    }
    return FIRN_OK;
}

static void
run_adding(void *arg)
{
    struct worker *worker = arg;
    uint8_t *bytes = fi_alloc(700000);
    struct fi_pack_lane *lane = NULL;
    if (worker->has_lane) {
        worker->rc = fi_pack_lane_create(worker->writer, &lane, NULL);
    }
    if (worker->rc == FIRN_OK) {
        worker->rc = add_objects(worker, lane, bytes);
    }
    if (worker->rc == FIRN_OK && lane != NULL) {
        worker->rc = fi_pack_lane_flush(lane, NULL);
    }
    fi_pack_lane_destroy(lane);
    fi_free(bytes);
}

static void
run_reading(void *arg)
{
    struct worker *worker = arg;
    uint8_t *bytes = fi_alloc(700000);
    for (size_t i = 0; i < OBJECTS_EACH && worker->rc == FIRN_OK; i++) {
        size_t which = (worker->number * 173 + i) % DISTINCT;
        struct sink sink = {.expected = firn_bytes(bytes, form_object(which, bytes))};
        firn_hash hash;
        struct fi_pack_scratch *scratch;
        fi_blake3_hash_of(bytes, sink.expected.size, &hash);
        worker->rc = fi_pack_take_scratch(worker->pack, &scratch, NULL);
        if (worker->rc == FIRN_OK) {
            worker->rc = fi_pack_stream_read(worker->pack, scratch, &hash, take, &sink, NULL);
            fi_pack_give_scratch(worker->pack, scratch);
        }
    }
    fi_free(bytes);
}

static void
run_all(struct fi_os *os, struct worker *workers, void (*run)(void *arg))
{
    firn_error err;
    struct fi_os_jobs *jobs;
    assert_int_equal(fi_os_jobs_create(os, THREADS, &jobs, &err), FIRN_OK);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(fi_os_jobs_submit(jobs, run, &workers[i], &err), FIRN_OK);
    }
    fi_os_jobs_wait(jobs);
    fi_os_jobs_destroy(jobs);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(workers[i].rc, FIRN_OK);
    }
}

static void
threads_fill_one_pack_and_read_it_back(void **state)
{
    firn_error err;
    char path[TEST_TEMP_SIZE];
    test_temp_make(path, sizeof path);
    struct fi_os *os = fi_os_default();
    struct fi_os_dir *dir;
    struct firn_pack_writer *writer;
    assert_int_equal(fi_os_dir_open_path(os, path, &dir, &err), FIRN_OK);
    assert_int_equal(fi_pack_writer_create(dir, "p", 1, &writer, &err), FIRN_OK);
    struct worker workers[THREADS];
    atomic_size_t new_count = 0;
    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){
            .writer = writer, .number = i, .has_lane = i % 2 == 0, .new_count = &new_count};
    }
    run_all(os, workers, run_adding);
    assert_int_equal(atomic_load(&new_count), fi_pack_writer_count(writer));
    assert_int_equal(fi_pack_writer_finish(writer, NULL, &err), FIRN_OK);
    fi_pack_writer_destroy(writer);

    struct firn_pack *pack;
    struct fi_pack_scratch *scratch;
    assert_int_equal(fi_pack_open(dir, "p", &pack, &err), FIRN_OK);
    assert_int_equal(atomic_load(&new_count), fi_pack_count(pack));
    for (size_t i = 0; i < THREADS; i++) {
        workers[i].pack = pack;
    }
    run_all(os, workers, run_reading);
    assert_int_equal(fi_pack_take_scratch(pack, &scratch, &err), FIRN_OK);
    assert_int_equal(fi_pack_verify(pack, scratch, NULL, NULL, &err), FIRN_OK);
    fi_pack_give_scratch(pack, scratch);
    fi_pack_close(pack);
    assert_int_equal(fi_os_remove_file(dir, "p", &err), FIRN_OK);
    fi_os_dir_close(dir);
    assert_int_equal(rmdir(path), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(streams_of_all_sizes_come_back_from_bytes_and_from_sources),
        cmocka_unit_test(equal_pieces_are_stored_once),
        cmocka_unit_test(holes_are_given_as_zeros),
        cmocka_unit_test(sources_and_sinks_may_fail),
        cmocka_unit_test(threads_fill_one_pack_and_read_it_back),
    };
    return cmocka_run_group_tests_name("packfile_stream", tests, NULL, NULL);
}
