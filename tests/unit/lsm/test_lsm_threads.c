/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/lsm: one writer, readers and works on threads of their own. What a reader must see follows
 * from its view by arithmetic, so every reading is checked.
 *
 * FIRN_TEST_SECONDS says for how long; 1 if it is not set.
 */
#include <pthread.h>

#include "base/buf.h"
#include "base/bytes.h"
#include "compaction/compaction.h"
#include "lsm/lsm_internal.h"
#include "os/os.h"
#include "posix/os_default.h"
#include "row/row.h"
#include "support/test.h"
#include "support/test_os.h"
#include "support/test_random.h"
#include "threads/os_thread.h"

enum { KEYS = 96, TREES = 2, READERS = 3, SNAPSHOTS_MAX = 16, RANGE_SIZE = 9 };

struct reader_snapshot {
    bool is_used;
    struct fi_snapshot_interval interval;
};

struct world {
    struct fi_os *os;
    struct fi_os_dir *dir;
    struct fi_block_cache *cache;
    struct fi_os_jobs *jobs;
    struct fi_lsm *lsm;
    struct fi_lsm_tree *trees[TREES];
    _Atomic uint64_t published;
    _Atomic bool is_done;
    _Atomic uint64_t readings;
    _Atomic uint64_t works;
    pthread_mutex_t mutex;
    struct reader_snapshot snapshots[SNAPSHOTS_MAX]; /* the last one is now */
    struct test_random seeds;
};

static void
require(bool is_true, const char *what, const char *text)
{
    if (!is_true) {
        fprintf(stderr, "%s: %s\n", what, text);
        abort();
    }
}

/* ---- what each commit does ---- */

/* Commit s puts a key, deletes one now and then, and deletes a stretch of keys now and then, all in
 * tree s % TREES. */
enum deed { PUT, DELETE, DELETE_RANGE };

static enum deed
deed_of(uint64_t s, unsigned *out_key)
{
    uint64_t n = s / TREES;
    *out_key = (unsigned)(n * 31 % KEYS);
    return n % 97 == 5 ? DELETE_RANGE : n % 11 == 3 ? DELETE : PUT;
}

/* The commit whose value a view [1, n] reads; 0 if there is none. */
static uint64_t
expected(uint64_t n, unsigned tree, unsigned key)
{
    for (uint64_t s = n; s > 0; s--) {
        unsigned its_key;
        if (s % TREES != tree) {
            continue;
        }
        enum deed deed = deed_of(s, &its_key);
        if (deed == DELETE_RANGE && key >= its_key && key < its_key + RANGE_SIZE) {
            return 0;
        }
        if (deed != DELETE_RANGE && key == its_key) {
            return deed == PUT ? s : 0;
        }
    }
    return 0;
}

static firn_slice
key_bytes(unsigned key, char out[16])
{
    return firn_bytes(out, (size_t)snprintf(out, 16, "key%05u", key));
}

/* ---- the host ---- */

static int
sync_log(void *ctx, firn_error *err)
{
    (void)ctx;
    (void)err;
    return FIRN_OK;
}

/* All views begin with the first commit. */
static const struct fi_run_kind *const test_kinds[] = {&fi_row_kind, NULL};
static const struct fi_snapshot_branch only_branch = {1, 0, FI_SNAPSHOT_ROOT};
static const struct fi_snapshot_interval everything = {1, UINT64_MAX};
static const struct fi_snapshot now = {&everything, 1, 0, NULL};

static int
take_snapshots(void *ctx, uint32_t tree_id, struct fi_snapshot_list *out, firn_error *err)
{
    struct world *world = ctx;
    struct fi_snapshot_place *places = calloc(SNAPSHOTS_MAX, sizeof *places);
    size_t count = 0;
    (void)tree_id;
    (void)err;
    require(places != NULL, "views", "no memory");
    require(pthread_mutex_lock(&world->mutex) == 0, "mutex", "lock");
    for (size_t i = 0; i < SNAPSHOTS_MAX; i++) {
        if (world->snapshots[i].is_used) {
            places[count++] = (struct fi_snapshot_place){world->snapshots[i].interval.last, 0, 0};
        }
    }
    require(pthread_mutex_unlock(&world->mutex) == 0, "mutex", "unlock");
    *out = (struct fi_snapshot_list){&only_branch, 1, places, count, 0, &now};
    return FIRN_OK;
}

static void
release_snapshots(void *ctx, struct fi_snapshot_list *snapshots)
{
    (void)ctx;
    /* Allocated above; the list has it as const. */
    free((void *)(uintptr_t)snapshots->places);
}

static bool
no_reader_below(void *ctx, uint64_t version)
{
    (void)ctx;
    (void)version;
    return true;
}

static uint64_t
open_snapshot(struct world *world, size_t slot)
{
    require(pthread_mutex_lock(&world->mutex) == 0, "mutex", "lock");
    uint64_t n = atomic_load(&world->published);
    world->snapshots[slot].interval = (struct fi_snapshot_interval){1, n};
    world->snapshots[slot].is_used = true;
    require(pthread_mutex_unlock(&world->mutex) == 0, "mutex", "unlock");
    return n;
}

static void
close_snapshot(struct world *world, size_t slot)
{
    require(pthread_mutex_lock(&world->mutex) == 0, "mutex", "lock");
    world->snapshots[slot].is_used = false;
    require(pthread_mutex_unlock(&world->mutex) == 0, "mutex", "unlock");
}

/* ---- readers ---- */

static void
check_gets(struct world *world, uint64_t n, const struct fi_snapshot *snapshot,
           struct test_random *random)
{
    struct fi_buf value = {0};
    firn_error err;
    for (unsigned i = 0; i < 20; i++) {
        char bytes[16];
        unsigned tree = (unsigned)test_random_below(random, TREES);
        unsigned key = (unsigned)test_random_below(random, KEYS);
        uint64_t s = expected(n, tree, key);
        int rc = fi_lsm_tree_get(world->trees[tree], key_bytes(key, bytes), snapshot, &value, &err);
        require(rc == FIRN_OK || rc == FIRN_NOT_FOUND, "get", err.text);
        require((rc == FIRN_OK) == (s > 0), "get", "found what is not there, or the reverse");
        require(s == 0 || fi_load_le64(value.data) == s, "get", "wrong value");
    }
    fi_buf_deinit(&value);
}

static void
check_cursor(struct world *world, uint64_t n, const struct fi_snapshot *snapshot, unsigned tree,
             bool is_backward)
{
    struct fi_lsm_cursor_options options = {.snapshot = snapshot};
    struct fi_lsm_cursor *cursor;
    firn_error err;
    int rc = fi_lsm_cursor_create(world->trees[tree], &options, &cursor, &err);
    require(rc == FIRN_OK, "cursor", err.text);
    rc = is_backward ? fi_lsm_cursor_last(cursor, &err) : fi_lsm_cursor_first(cursor, &err);
    require(rc == FIRN_OK, "cursor", err.text);
    for (unsigned i = 0; i < KEYS; i++) {
        unsigned key = is_backward ? KEYS - 1 - i : i;
        uint64_t s = expected(n, tree, key);
        if (s == 0) {
            continue;
        }
        require(fi_lsm_cursor_valid(cursor), "cursor", "ends too early");
        require(fi_lsm_cursor_entry(cursor)->sequence == s, "cursor", "wrong version");
        rc = is_backward ? fi_lsm_cursor_prev(cursor, &err) : fi_lsm_cursor_next(cursor, &err);
        require(rc == FIRN_OK, "cursor", err.text);
    }
    require(!fi_lsm_cursor_valid(cursor), "cursor", "has more than there is");
    fi_lsm_cursor_destroy(cursor);
}

struct reader {
    struct world *world;
    size_t slot;
    struct test_random random;
};

static void *
read_all_the_time(void *arg)
{
    struct reader *reader = arg;
    struct world *world = reader->world;
    while (!atomic_load(&world->is_done)) {
        uint64_t n = open_snapshot(world, reader->slot);
        struct fi_snapshot_interval interval = {1, n};
        struct fi_snapshot snapshot = {&interval, n > 0, 0, NULL};
        for (unsigned i = 0; i < 4; i++) {
            check_gets(world, n, &snapshot, &reader->random);
            check_cursor(world, n, &snapshot, (unsigned)test_random_below(&reader->random, TREES),
                         test_random_below(&reader->random, 2) == 0);
        }
        close_snapshot(world, reader->slot);
        atomic_fetch_add(&world->readings, 1);
    }
    return NULL;
}

/* ---- works ---- */

static void
work_once(void *arg)
{
    struct world *world = arg;
    firn_error err;
    struct fi_compaction_work_wish wish = {
        .flushes = true, .compactions = true, .is_unhurried = atomic_load(&world->works) % 5 == 0};
    struct fi_compaction_work *work;
    int rc = fi_compaction_work_pick(world->lsm, &wish, &work, &err);
    require(rc == FIRN_OK, "pick", err.text);
    if (work != NULL) {
        rc = fi_compaction_run(work, &err);
        require(rc == FIRN_OK, "work", err.text);
        atomic_fetch_add(&world->works, 1);
    }
}

/* ---- the writer ---- */

static void
write_commit(struct world *world, uint64_t s)
{
    char lower[16];
    char upper[16];
    uint8_t value[100] = {0};
    unsigned key;
    firn_error err;
    enum deed deed = deed_of(s, &key);
    fi_store_le64(value, s);
    struct fi_entry entry = {.key = key_bytes(key, lower), .sequence = s};
    entry.kind = FI_ENTRY_DELETE;
    if (deed == PUT) {
        entry.kind = FI_ENTRY_PUT;
        entry.value = firn_bytes(value, sizeof value);
    } else if (deed == DELETE_RANGE) {
        entry.kind = FI_ENTRY_RANGE_DELETE;
        entry.value = key_bytes(key + RANGE_SIZE, upper);
    }
    const struct fi_lsm_place place = {.segment = 1};
    int rc = fi_lsm_tree_apply(world->trees[s % TREES], &entry, &place, &err);
    require(rc == FIRN_OK, "apply", err.text);
    atomic_store(&world->published, s);
}

static void
write_for(struct world *world, int64_t duration_ns)
{
    int64_t start = fi_os_monotonic_ns(world->os);
    firn_error err;
    uint64_t s = 0;
    while (fi_os_monotonic_ns(world->os) - start < duration_ns ||
           atomic_load(&world->readings) < 10 || atomic_load(&world->works) < 10) {
        write_commit(world, ++s);
        if (s % 400 == 0) {
            TEST_OK(fi_lsm_tree_freeze(world->trees[s / 400 % TREES], &err), &err);
        }
        if (s % 200 == 0) {
            unsigned frozen;
            unsigned level0;
            TEST_OK(fi_os_jobs_submit(world->jobs, work_once, world, &err), &err);
            fi_lsm_pressure(world->lsm, &frozen, &level0);
            if (frozen > 4 || level0 > 20) {
                fi_os_jobs_wait(world->jobs);
            }
        }
    }
}

static void
open_world(struct world *world)
{
    firn_error err;
    struct fi_lsm_options options = {
        .kinds = test_kinds,
        .cache = world->cache,
        .host = {.ctx = world,
                 .sync_log = sync_log,
                 .take_snapshots = take_snapshots,
                 .release_snapshots = release_snapshots,
                 .no_reader_below = no_reader_below},
        .run_bytes_target = 4 << 10,
        .level_bytes_base = 8 << 10,
        .level_factor = 2,
        .value_size_min = 100,
        .value_file_bytes_target = 3 << 10,
        .value_file_bytes_small = 500,
    };
    TEST_OK(fi_lsm_open(world->dir, &options, true, &world->lsm, &err), &err);
    /* Few enough that runs are closed while readers use them all the time. */
    world->lsm->files.open_max = 4;
    world->lsm->files.descriptors.open_max = 3;
    for (uint32_t i = 0; i < TREES; i++) {
        TEST_OK(fi_lsm_tree_open(world->lsm, i + 1, NULL, &world->trees[i], &err), &err);
        fi_lsm_tree_separate_values(world->trees[i], i % 2 == 0);
    }
}

static void
readers_beside_a_writer_and_works_see_their_snapshots(void **state)
{
    static struct world world;
    firn_error err;
    const char *seconds = getenv("FIRN_TEST_SECONDS");
    int64_t duration_ns = (seconds == NULL ? 1 : atoll(seconds)) * INT64_C(1000000000);
    struct reader readers[READERS];
    pthread_t threads[READERS];
    test_random_init(&world.seeds, "readers_beside_a_writer_and_works_see_their_views", 4);
    world.os = fi_os_default();
    world.dir = test_os_temp_dir();
    assert_int_equal(pthread_mutex_init(&world.mutex, NULL), 0);
    world.snapshots[SNAPSHOTS_MAX - 1] = (struct reader_snapshot){true, {1, UINT64_MAX}};
    TEST_OK(fi_block_cache_create(world.os, 64 << 10, &world.cache, &err), &err);
    TEST_OK(fi_os_jobs_create(world.os, 2, &world.jobs, &err), &err);
    open_world(&world);
    for (size_t i = 0; i < READERS; i++) {
        readers[i] = (struct reader){&world, i, {test_random_next(&world.seeds)}};
        assert_int_equal(pthread_create(&threads[i], NULL, read_all_the_time, &readers[i]), 0);
    }
    write_for(&world, duration_ns);
    atomic_store(&world.is_done, true);
    for (size_t i = 0; i < READERS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    fi_os_jobs_destroy(world.jobs);
    print_message("%llu commits, %llu readings, %llu works\n",
                  (unsigned long long)atomic_load(&world.published),
                  (unsigned long long)atomic_load(&world.readings),
                  (unsigned long long)atomic_load(&world.works));
    TEST_OK(fi_lsm_close(world.lsm, &err), &err);
    fi_block_cache_destroy(world.cache);
    test_os_temp_dir_remove(world.dir);
    assert_int_equal(pthread_mutex_destroy(&world.mutex), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_beside_a_writer_and_works_see_their_snapshots),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
