/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/scan: how the contents of files are cut: pieces of large ones, holes, and the sharing
 * of both.
 */
#include <pthread.h>

#include "codec/blake3_hash.h"
#include "posix/os_default.h"
#include "support/test.h"
#include "support/test_random.h"
#include "support/workspace/scan_support.h"

enum { MIB = 1 << 20 };

/* Runs a test in both worlds. */
static void
in_both_worlds(void (*test)(struct scan_world *world))
{
    struct scan_world world;
    scan_world_open_memory(&world, 1);
    test(&world);
    scan_world_close(&world);
    scan_world_open_disk(&world);
    test(&world);
    scan_world_close(&world);
}

static int
keep_piece(void *ctx, uint64_t offset, const struct fi_pack_piece *piece, firn_error *err)
{
    (void)err;
    (void)offset;
    char **text = ctx;
    size_t size = strlen(*text);
    snprintf(*text + size, 4096 - size, "%s%llu ", piece->is_hole ? "-" : "",
             (unsigned long long)piece->size);
    return FIRN_OK;
}

/* The sizes of a file's pieces in order, holes with a minus; "blob" if it is not cut. */
static char *
pieces_of(struct scan_sink *sink, const firn_hash *hash)
{
    enum fi_pack_kind kind;
    firn_slice bytes;
    uint64_t total;
    firn_error err;
    char *text = calloc(1, 4096);
    assert_true(scan_sink_find(sink, hash, &kind, &bytes));
    if (kind == FI_PACK_BLOB) {
        strcpy(text, "blob");
        return text;
    }
    assert_int_equal(fi_pack_pieces_decode(bytes, &total, keep_piece, &text, &err), FIRN_OK);
    return text;
}

static firn_hash
hash_of(struct scan_sink *sink, const firn_hash *root, const char *line_start)
{
    firn_hash hash;
    char *dump = scan_dump_saved(sink, root);
    const char *line = strstr(dump, line_start);
    assert_non_null(line);
    const char *hex = strstr(line, " hash=") + 6;
    for (size_t i = 0; i < sizeof hash.bytes; i++) {
        unsigned byte;
        assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
        hash.bytes[i] = (uint8_t)byte;
    }
    free(dump);
    return hash;
}

struct cut {
    const char *line;
    const char *pieces;
};

static void
check_cuts(struct scan_world *world, const struct cut *cuts, size_t count)
{
    (void)scan_check_equal(world);
    struct scan_sink sink;
    struct fi_scan_result result;
    scan_sink_init(&sink);
    scan_run(world, &sink, NULL, 2, &result);
    for (size_t i = 0; i < count; i++) {
        firn_hash hash = hash_of(&sink, &result.root.hash, cuts[i].line);
        char *pieces = pieces_of(&sink, &hash);
        assert_string_equal(pieces, cuts[i].pieces);
        free(pieces);
    }
    fi_scan_result_deinit(&result);
    scan_sink_deinit(&sink);
}

static void
check_sizes(struct scan_world *world)
{
    static const size_t sizes[] = {65535, 65536, 65537, MIB - 1, MIB, MIB + 1, 8 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char path[32];
        snprintf(path, sizeof path, "size%zu", sizes[i]);
        scan_put_random(world, path, i, sizes[i]);
    }
    static const struct cut cuts[] = {{"size1048577 ", "blob"}, {"size8388608 ", "blob"}};
    check_cuts(world, cuts, 2);
}

static void
files_of_up_to_eight_mib_are_whole(void **state)
{
    in_both_worlds(check_sizes);
}

/* ---- groups ---- */

struct groups {
    struct scan_sink *sink;
    size_t count;
    size_t whole; /* groups that are one chunk */
    size_t chunks;
    uint64_t smallest;
    uint64_t largest;
    uint64_t largest_chunk;
};

static int
see_chunk(void *ctx, uint64_t offset, const struct fi_pack_piece *piece, firn_error *err)
{
    (void)offset;
    (void)err;
    struct groups *groups = ctx;
    enum fi_pack_kind kind;
    firn_slice bytes;
    assert_false(piece->is_hole);
    assert_true(scan_sink_find(groups->sink, &piece->hash, &kind, &bytes));
    assert_int_equal(kind, FI_PACK_BLOB);
    groups->chunks++;
    groups->largest_chunk =
        piece->size > groups->largest_chunk ? piece->size : groups->largest_chunk;
    return FIRN_OK;
}

static int
see_group(void *ctx, uint64_t offset, const struct fi_pack_piece *piece, firn_error *err)
{
    (void)offset;
    struct groups *groups = ctx;
    enum fi_pack_kind kind;
    firn_slice bytes;
    uint64_t total;
    assert_true(scan_sink_find(groups->sink, &piece->hash, &kind, &bytes));
    groups->count++;
    groups->smallest = piece->size < groups->smallest ? piece->size : groups->smallest;
    groups->largest = piece->size > groups->largest ? piece->size : groups->largest;
    if (kind == FI_PACK_BLOB) {
        groups->whole++;
        return FIRN_OK;
    }
    assert_int_equal(kind, FI_PACK_PIECES);
    return fi_pack_pieces_decode(bytes, &total, see_chunk, groups, err);
}

static void
check_groups(struct scan_world *world)
{
    struct scan_sink sink;
    struct fi_scan_result result;
    enum fi_pack_kind kind;
    firn_slice bytes;
    uint64_t total;
    firn_error err;
    scan_put_random(world, "over", 99, 24 * MIB + 1);
    (void)scan_check_equal(world);
    scan_sink_init(&sink);
    scan_run(world, &sink, NULL, 2, &result);
    firn_hash hash = hash_of(&sink, &result.root.hash, "over ");
    struct groups groups = {.sink = &sink, .smallest = UINT64_MAX};
    assert_true(scan_sink_find(&sink, &hash, &kind, &bytes));
    assert_int_equal(kind, FI_PACK_PIECES);
    assert_int_equal(fi_pack_pieces_decode(bytes, &total, see_group, &groups, &err), FIRN_OK);
    assert_in_range(groups.count, 24, 96);
    assert_true(groups.largest <= MIB);
    assert_true(groups.whole <= 1); /* the last one, if any */
    assert_in_range(groups.chunks, 24 * MIB / 22000, 24 * MIB / 13000);
    assert_true(groups.largest_chunk <= 64 << 10);
    fi_scan_result_deinit(&result);
    scan_sink_deinit(&sink);
}

static void
larger_files_are_groups_of_chunks(void **state)
{
    in_both_worlds(check_groups);
}

/* Bytes put in near the beginning move all the rest. */
static void
a_change_in_a_large_file_makes_little_new(void **state)
{
    enum { SIZE = 20 * MIB };
    struct scan_world world;
    struct scan_sink sink;
    struct fi_scan_result result;
    struct test_random random = {.state = 5};
    uint8_t *bytes = malloc(SIZE + 7);
    assert_non_null(bytes);
    test_random_fill(&random, bytes, SIZE);
    scan_world_open_memory(&world, 1);
    scan_put_file(&world, "f", bytes, SIZE);
    scan_sink_init(&sink);
    scan_run(&world, &sink, NULL, 2, &result);
    fi_scan_result_deinit(&result);
    uint64_t blobs = scan_sink_count(&sink, FI_PACK_BLOB);
    uint64_t lists = scan_sink_count(&sink, FI_PACK_PIECES);
    memmove(bytes + MIB + 7, bytes + MIB, SIZE - MIB);
    memcpy(bytes + MIB, "7 bytes", 7);
    scan_put_file(&world, "f", bytes, SIZE + 7);
    scan_run(&world, &sink, NULL, 2, &result);
    assert_true(scan_sink_count(&sink, FI_PACK_BLOB) - blobs < 8);
    assert_true(scan_sink_count(&sink, FI_PACK_PIECES) - lists < 5);
    fi_scan_result_deinit(&result);
    scan_sink_deinit(&sink);
    scan_world_close(&world);
    free(bytes);
}

static void
content_is_cut_alike_by_any_number_of_threads(void **state)
{
    struct scan_world world;
    uint64_t counts[2] = {0};
    scan_world_open_disk(&world);
    scan_put_random(&world, "f", 1, 20 * MIB + 12345);
    scan_put_random(&world, "g", 2, 9 * MIB);
    for (unsigned threads = 1; threads <= 8; threads *= 2) {
        struct scan_sink sink;
        struct fi_scan_result result;
        scan_sink_init(&sink);
        scan_run(&world, &sink, NULL, threads, &result);
        uint64_t now[] = {scan_sink_count(&sink, FI_PACK_BLOB),
                          scan_sink_count(&sink, FI_PACK_PIECES)};
        assert_true(threads == 1 || memcmp(now, counts, sizeof now) == 0);
        memcpy(counts, now, sizeof now);
        fi_scan_result_deinit(&result);
        scan_sink_deinit(&sink);
    }
    scan_world_close(&world);
}

/* ---- tables ---- */

/* Counts the chunks of content in one sink that another one has, too. */
struct shared {
    struct scan_sink *one;
    struct scan_sink *other;
    size_t chunks;
    size_t count;
};

static int
see_shared(void *ctx, uint64_t offset, const struct fi_pack_piece *piece, firn_error *err)
{
    (void)offset;
    struct shared *shared = ctx;
    enum fi_pack_kind kind;
    firn_slice bytes;
    uint64_t total;
    assert_true(scan_sink_find(shared->one, &piece->hash, &kind, &bytes));
    if (kind == FI_PACK_PIECES) {
        return fi_pack_pieces_decode(bytes, &total, see_shared, shared, err);
    }
    shared->chunks++;
    shared->count += scan_sink_find(shared->other, &piece->hash, &kind, &bytes) ? 1 : 0;
    return FIRN_OK;
}

static void
assert_shared(struct scan_sink *one, struct scan_sink *other, const firn_hash *hash, bool is_same)
{
    struct shared shared = {one, other, 0, 0};
    struct fi_pack_piece whole = {.hash = *hash};
    firn_error err;
    assert_int_equal(see_shared(&shared, 0, &whole, &err), FIRN_OK);
    assert_true(shared.chunks > 30);
    assert_true(is_same ? shared.count == shared.chunks : shared.count < 3);
}

static void
large_files_and_cells_are_cut_by_the_table_of_the_sink(void **state)
{
    static struct fi_cdc_table other_table;
    static uint8_t large[9 * MIB];
    struct scan_world world;
    struct scan_sink sinks[3];
    struct fi_scan_result results[3];
    struct test_random random = {.state = 6};
    firn_hash names[2];
    struct fi_os_file *file;
    firn_error err;
    test_random_fill(&random, large, sizeof large);
    fi_blake3_hash_of(large, sizeof large, &names[0]);
    fi_blake3_hash_of(large, MIB, &names[1]);
    test_random_fill(&random, &other_table, sizeof other_table);
    scan_world_open_memory(&world, 1);
    scan_put_file(&world, "f", large, sizeof large);
    scan_put_sparse(&world, "g", UINT64_C(16) << 30, NULL, 0);
    assert_int_equal(fi_os_file_open(world.root, "g", FI_OS_WRITE, 0644, &file, &err), FIRN_OK);
    assert_int_equal(fi_os_file_write(file, 5 * MIB, large, MIB, &err), FIRN_OK);
    fi_os_file_close(file);
    for (size_t i = 0; i < 3; i++) {
        scan_sink_init(&sinks[i]);
        sinks[i].cut_table = i == 1 ? &other_table : sinks[i].cut_table;
        scan_run(&world, &sinks[i], NULL, 2, &results[i]);
        assert_memory_equal(&results[i].root, &results[0].root, sizeof results[0].root);
    }
    for (size_t i = 1; i < 3; i++) {
        assert_shared(&sinks[0], &sinks[i], &names[0], i == 2); /* the file */
        assert_shared(&sinks[0], &sinks[i], &names[1], i == 2); /* the cell */
    }
    for (size_t i = 0; i < 3; i++) {
        fi_scan_result_deinit(&results[i]);
        scan_sink_deinit(&sinks[i]);
    }
    scan_world_close(&world);
}

/* ---- holes ---- */

static void
check_sparse(struct scan_world *world)
{
    static const uint64_t middle[] = {2 * MIB};
    static const uint64_t ends[] = {0, 3 * MIB - 4096};
    static const uint64_t far_apart[] = {9 * MIB, 9 * MIB + 8192};
    static const uint64_t start[] = {0};
    scan_put_sparse(world, "hole-only", 5 * MIB, NULL, 0);
    scan_put_sparse(world, "middle", 4 * MIB, middle, 1);
    scan_put_sparse(world, "ends", 3 * MIB, ends, 2);
    scan_put_sparse(world, "large", 20 * MIB, far_apart, 2);
    scan_put_sparse(world, "tail", MIB, start, 1);
    static const struct cut cuts[] = {
        {"hole-only ", "-5242880 "},      {"middle ", "-2097152 4096 -2093056 "},
        {"ends ", "4096 -3137536 4096 "}, {"large ", "-9437184 4096 -4096 4096 -11522048 "},
        {"tail ", "4096 -1044480 "},
    };
    check_cuts(world, cuts, sizeof cuts / sizeof *cuts);
}

static void
holes_are_kept_in_files_of_any_size(void **state)
{
    in_both_worlds(check_sparse);
}

static void
a_hole_and_zeros_are_the_same_content(void **state)
{
    struct scan_world world;
    struct scan_sink sink;
    struct fi_scan_result result;
    uint8_t *zeros = calloc(1, MIB);
    scan_world_open_memory(&world, 1);
    scan_put_file(&world, "dense", zeros, MIB);
    scan_put_sparse(&world, "sparse", MIB, NULL, 0);
    scan_sink_init(&sink);
    scan_run(&world, &sink, NULL, 1, &result);
    firn_hash dense = hash_of(&sink, &result.root.hash, "dense ");
    firn_hash sparse = hash_of(&sink, &result.root.hash, "sparse ");
    assert_memory_equal(&dense, &sparse, sizeof dense);
    fi_scan_result_deinit(&result);
    scan_sink_deinit(&sink);
    scan_world_close(&world);
    free(zeros);
}

static void
several_large_files_are_saved_side_by_side(void **state)
{
    struct scan_world world;
    scan_world_open_disk(&world);
    scan_put_random(&world, "a/large", 1, 20 * MIB + 12345);
    scan_put_random(&world, "b/large", 2, 10 * MIB);
    scan_put_link(&world, "c/link", "b/large");
    (void)scan_check_equal(&world);
    scan_world_close(&world);
}

/* Takes its time until a second worker has opened a lane, which it does to add something. */
static void
wait_for_help(void *ctx, enum fi_pack_kind kind, firn_slice content)
{
    (void)kind;
    (void)content;
    struct scan_sink *sink = ctx;
    pthread_mutex_lock(&sink->mutex);
    bool is_alone = sink->lanes_opened < 2;
    pthread_mutex_unlock(&sink->mutex);
    if (is_alone) {
        fi_os_sleep_ns(fi_os_default(), 50000000);
    }
}

static void
an_idle_worker_helps_with_the_pieces_of_a_large_file(void **state)
{
    struct scan_world world;
    struct scan_sink sink;
    struct fi_scan_result result;
    scan_world_open_disk(&world);
    scan_put_random(&world, "large", 1, 40 * MIB);
    scan_sink_init(&sink);
    sink.before_add = wait_for_help;
    sink.ctx = &sink;
    scan_run(&world, &sink, NULL, 2, &result);
    assert_int_equal(sink.lanes_opened, 2);
    char *real = scan_dump_real(&world, false);
    char *saved = scan_dump_saved(&sink, &result.root.hash);
    assert_string_equal(saved, real);
    free(real);
    free(saved);
    fi_scan_result_deinit(&result);
    scan_sink_deinit(&sink);
    scan_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_of_up_to_eight_mib_are_whole),
        cmocka_unit_test(larger_files_are_groups_of_chunks),
        cmocka_unit_test(a_change_in_a_large_file_makes_little_new),
        cmocka_unit_test(large_files_and_cells_are_cut_by_the_table_of_the_sink),
        cmocka_unit_test(content_is_cut_alike_by_any_number_of_threads),
        cmocka_unit_test(holes_are_kept_in_files_of_any_size),
        cmocka_unit_test(a_hole_and_zeros_are_the_same_content),
        cmocka_unit_test(several_large_files_are_saved_side_by_side),
        cmocka_unit_test(an_idle_worker_helps_with_the_pieces_of_a_large_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
