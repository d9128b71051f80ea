/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/log: the power is cut at every call of random histories, and again while the log recovers.
 * What is found is compared with a model that knows what was appended and what was durable. An
 * encrypted log, moreover, uses no key twice with one nonce, whatever happens.
 *
 * FIRN_TEST_LONG=1 runs many more histories; FIRN_TEST_SEED sets the first seed.
 */
#include "base/bytes.h"
#include "cipher/cipher.h"
#include "log/log_format.h"
#include "log_support.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_nonces.h"
#include "support/test_random.h"
#include "support/test_share.h"

enum { STEPS = 30, SEGMENTS_MAX = 400 };

struct world {
    struct fi_os *os;
    struct fi_os_dir *dir;
    struct fi_log *log;
    struct test_random random;
    struct fi_log_options options;
    bool is_created;
    /* The model: records are numbered; [first, end) are in the log. */
    uint64_t first_min; /* first lies between these two: a removal may have become durable or not */
    uint64_t first_max;
    uint64_t first_turn;                  /* first_max when the last turn was begun */
    uint64_t end;                         /* appended */
    uint64_t end_max;                     /* the record in flight when the power went */
    uint64_t durable;                     /* all before this one must be there */
    uint64_t segment_first[SEGMENTS_MAX]; /* the number of the first record of each segment */
    uint64_t cuts;
};

static const struct fi_log_options read_only = {.prefix = "wal", .read_only = true};

/* A call may fail only because the power is gone. Returns whether it succeeded. */
static bool
went_well(struct world *world, int rc, const firn_error *err)
{
    if (rc != FIRN_OK && !fi_sim_memory_is_off(world->os)) {
        fail_msg("unexpected failure: %s", err->text);
    }
    return rc == FIRN_OK;
}

static void
note_segment(struct world *world)
{
    uint64_t segment = fi_log_end(world->log).segment;
    assert_true(segment < SEGMENTS_MAX);
    if (world->segment_first[segment] == UINT64_MAX) {
        world->segment_first[segment] = world->end;
    }
}

/* ---- opening and comparing ---- */

static void
compare(struct world *world, const struct log_support_seen *seen)
{
    assert_false(seen->is_wrong);
    if (seen->is_first_unknown) {
        /* No record tells its number: none is left, or a few empty ones. */
        assert_true(world->durable <= world->first_max + seen->count);
        return;
    }
    assert_true(seen->first >= world->first_min && seen->first <= world->first_max);
    assert_true(seen->first + seen->count >= world->durable);
    assert_true(seen->first + seen->count <= world->end_max);
}

static void
read_beside(struct world *world)
{
    firn_error err;
    struct log_support_seen seen = {.is_first_unknown = true};
    int rc = log_support_read(world->dir, &read_only, &seen, NULL, &err);
    if (went_well(world, rc, &err)) {
        compare(world, &seen);
        assert_true(seen.is_first_unknown || seen.first + seen.count == world->end);
    }
}

/* Opens to append; what is shown is durable from then on, which a copy of the machine is asked
 * about. */
static bool
open_log(struct world *world)
{
    firn_error err;
    struct log_support_seen seen = {.is_first_unknown = true};
    int rc =
        fi_log_open(world->dir, &world->options, log_support_visit, &seen, &world->log, NULL, &err);
    if (!went_well(world, rc, &err)) {
        return false;
    }
    compare(world, &seen);
    if (!seen.is_first_unknown) {
        world->first_min = seen.first;
        world->first_max = seen.first;
        world->end = seen.first + seen.count;
    } else {
        /* Begin again with numbers that no earlier record has. */
        world->end = world->end_max;
        world->first_min = 0;
        world->first_max = world->end;
        if (seen.count > 0) {
            fi_log_abandon(world->log);
            world->log = NULL;
            return false;
        }
    }
    world->first_turn = world->first_min; /* what an earlier handle began is forgotten */
    world->end_max = world->end;
    world->durable = world->end;
    uint64_t segment = fi_log_end(world->log).segment;
    for (uint64_t i = segment + 1; i < SEGMENTS_MAX; i++) {
        world->segment_first[i] = UINT64_MAX;
    }
    note_segment(world);
    struct fi_os *copy = NULL;
    assert_int_equal(fi_sim_memory_clone(world->os, &copy, &err), FIRN_OK);
    fi_sim_memory_set_cut_at(copy, 0);
    fi_sim_memory_power_cut(copy, 0);
    struct fi_os_dir *dir = log_support_root(copy);
    struct log_support_seen again = {.is_first_unknown = true};
    assert_int_equal(log_support_read(dir, &read_only, &again, NULL, &err), FIRN_OK);
    assert_int_equal(again.count, seen.count);
    assert_int_equal(again.first, seen.first);
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(copy);
    return true;
}

/* ---- steps ---- */

static bool
step_append(struct world *world)
{
    firn_error err;
    struct fi_log_position position;
    world->end_max = world->end + 1;
    uint64_t segment = fi_log_end(world->log).segment;
    int rc = log_support_append(world->log, world->end, &position, &err);
    if (!went_well(world, rc, &err)) {
        return false;
    }
    if (position.segment != segment) {
        /* A new segment began: the old ones are durable, and pending removals done. */
        world->durable = world->end;
        world->first_min = world->first_max;
        world->segment_first[position.segment] = world->end;
    }
    world->end++;
    return true;
}

static bool
step_sync(struct world *world)
{
    firn_error err;
    if (!went_well(world, fi_log_sync(world->log, &err), &err)) {
        return false;
    }
    world->durable = world->end;
    world->first_min = world->first_turn > world->first_min ? world->first_turn : world->first_min;
    return true;
}

/* The first half of a turn: what it leaves to be done may never be. */
static bool
step_begin_turn(struct world *world)
{
    firn_error err;
    if (test_random_below(&world->random, 2) == 0) {
        fi_log_rotate_prepare(world->log);
    }
    if (!went_well(world, fi_log_rotate_begin(world->log, &err), &err)) {
        return false;
    }
    world->durable = world->end;
    world->first_turn = world->first_max;
    note_segment(world);
    return true;
}

static bool
step_rotate(struct world *world)
{
    firn_error err;
    if (!went_well(world, fi_log_rotate(world->log, &err), &err)) {
        return false;
    }
    world->durable = world->end;
    world->first_min = world->first_max;
    note_segment(world);
    return true;
}

static bool
step_close(struct world *world)
{
    firn_error err;
    int rc = fi_log_close(world->log, &err);
    world->log = NULL;
    if (!went_well(world, rc, &err)) {
        return false;
    }
    world->durable = world->end;
    world->first_min = world->first_max;
    return open_log(world);
}

static bool
step_abandon(struct world *world)
{
    fi_log_abandon(world->log);
    world->log = NULL;
    return open_log(world);
}

static bool
step_remove(struct world *world)
{
    firn_error err;
    uint64_t newest = fi_log_end(world->log).segment;
    uint64_t segment = 1 + test_random_below(&world->random, newest);
    if (world->segment_first[segment] == UINT64_MAX) {
        return true;
    }
    if (!went_well(world, fi_log_remove_before(world->log, segment, &err), &err)) {
        return false;
    }
    if (world->segment_first[segment] > world->first_max) {
        world->first_max = world->segment_first[segment];
    }
    return true;
}

static bool
step(struct world *world)
{
    uint64_t dice = test_random_below(&world->random, 100);
    if (dice < 60) {
        bool is_on = true;
        for (uint64_t left = 1 + test_random_below(&world->random, 8); is_on && left > 0; left--) {
            is_on = step_append(world);
        }
        return is_on;
    }
    if (dice < 72) {
        return step_sync(world);
    }
    if (dice < 77) {
        return dice < 75 ? step_begin_turn(world) : step_rotate(world);
    }
    if (dice < 85) {
        return step_close(world);
    }
    if (dice < 91) {
        return step_abandon(world);
    }
    if (dice < 96) {
        return step_remove(world);
    }
    read_beside(world);
    return !fi_sim_memory_is_off(world->os);
}

static bool
begin(struct world *world)
{
    firn_error err;
    int rc = fi_log_create(world->dir, &world->options, &world->log, &err);
    if (rc == FIRN_EXISTS) {
        return open_log(world); /* creation was cut short when the name was there already */
    }
    if (!went_well(world, rc, &err)) {
        return false;
    }
    world->is_created = true;
    note_segment(world);
    return true;
}

/* ---- histories ---- */

static bool is_encrypted;
static uint64_t encrypted; /* records */

static void
cut_power(struct world *world, uint64_t seed)
{
    fi_log_abandon(world->log);
    world->log = NULL;
    fi_os_dir_close(world->dir);
    fi_sim_memory_power_cut(world->os, seed);
    fi_sim_memory_set_cut_at(world->os, 0);
    world->dir = log_support_root(world->os);
    world->cuts++;
}

/* Runs a history whose power is cut at call `cut_at`, and again up to twice soon after. Returns
 * the calls it made. */
static uint64_t
run_history(uint64_t seed, uint64_t cut_at, uint64_t cut_seed, uint64_t *cuts)
{
    static struct world world;
    firn_error err;
    if (is_encrypted) {
        test_nonces_begin();
    }
    world = (struct world){.random = {.state = seed}, .options = {.prefix = "wal"}};
    memset(world.segment_first, 0xff, sizeof world.segment_first);
    static const uint64_t segment_sizes[] = {200, 700, 3000, 30000};
    world.options.segment_size_bytes = segment_sizes[seed % 4];
    world.options.ready_after_bytes = seed % 3 == 1 ? 1 : 0;
    assert_int_equal(fi_sim_memory_create(seed, &world.os, &err), FIRN_OK);
    fi_sim_memory_set_writeback(world.os, seed % 3 == 0 ? 0 : 4);
    fi_sim_memory_set_cut_at(world.os, cut_at);
    world.dir = log_support_root(world.os);
    bool is_on = begin(&world);
    uint64_t more_cuts = cut_seed % 3;
    for (int i = 0; i < STEPS; i++) {
        is_on = is_on && step(&world);
        if (!is_on && !fi_sim_memory_is_off(world.os)) {
            break; /* only empty records were left: nothing to tell them by */
        }
        if (!is_on) {
            cut_power(&world, cut_seed + world.cuts);
            if (more_cuts > 0) {
                more_cuts--;
                uint64_t calls = fi_sim_memory_calls(world.os);
                fi_sim_memory_set_cut_at(world.os,
                                         calls + 1 + test_random_below(&world.random, 25));
            }
            is_on = world.is_created ? open_log(&world) : begin(&world);
        }
    }
    uint64_t calls = fi_sim_memory_calls(world.os);
    *cuts += world.cuts;
    fi_log_abandon(world.log);
    fi_os_dir_close(world.dir);
    fi_sim_memory_destroy(world.os);
    if (is_encrypted) {
        assert_int_equal(test_nonces_repeated(), 0);
        encrypted += test_nonces_count();
    }
    return calls;
}

static void
run_histories(uint64_t first_seed, uint64_t seeds)
{
    uint64_t cuts = 0;
    uint64_t step = 1;
    for (uint64_t seed = first_seed; seed < first_seed + seeds; seed++) {
        uint64_t calls = run_history(seed, 0, 0, &cuts);
        const struct test_share share = test_share_of(is_encrypted ? 2 : 1, seed);
        step = share.step;
        for (uint64_t call = share.first; call <= calls; call += share.step) {
            /* Nothing is kept, everything is kept, and some of it. */
            run_history(seed, call, 0, &cuts);
            run_history(seed, call, 1, &cuts);
            run_history(seed, call, 2 + seed * 1000 + call, &cuts);
            run_history(seed, call, 3 + seed * 1000 + call, &cuts);
        }
    }
    (void)printf("%llu histories from seed %llu, %llu power cuts\n", (unsigned long long)seeds,
                 (unsigned long long)first_seed, (unsigned long long)cuts);
    assert_true(cuts * step >= seeds * 30);
}

static void
what_was_durable_survives_a_power_cut_at_every_call(void **state)
{
    const char *seed = getenv("FIRN_TEST_SEED");
    const char *is_long = getenv("FIRN_TEST_LONG");
    run_histories(seed != NULL ? strtoull(seed, NULL, 0) : 1, is_long != NULL ? 400 : 4);
}

/* ---- single points ---- */

/* A memory file system with a log of some records, on which a test goes on. */
struct bench {
    struct fi_os *os;
    struct fi_os_dir *dir;
    struct fi_log *log;
    uint64_t count;
};

static const struct fi_log_options wal = {.prefix = "wal"};

static void
make_bench(struct bench *bench, uint64_t count)
{
    firn_error err;
    *bench = (struct bench){0};
    assert_int_equal(fi_sim_memory_create(9, &bench->os, &err), FIRN_OK);
    fi_sim_memory_set_writeback(bench->os, 0);
    bench->dir = log_support_root(bench->os);
    assert_int_equal(fi_log_create(bench->dir, &wal, &bench->log, &err), FIRN_OK);
    while (bench->count < count) {
        assert_int_equal(log_support_append(bench->log, bench->count++, NULL, &err), FIRN_OK);
    }
}

static void
drop_bench(struct bench *bench)
{
    fi_log_abandon(bench->log);
    fi_os_dir_close(bench->dir);
    fi_sim_memory_destroy(bench->os);
}

/* The power goes, and all that was not durable with it. */
static void
lose_power(struct bench *bench)
{
    fi_log_abandon(bench->log);
    bench->log = NULL;
    fi_os_dir_close(bench->dir);
    fi_sim_memory_power_cut(bench->os, 0);
    bench->dir = log_support_root(bench->os);
}

static void
a_close_that_returned_is_durable_with_its_end_record(void **state)
{
    firn_error err;
    struct bench bench;
    make_bench(&bench, 5);
    assert_int_equal(fi_log_close(bench.log, &err), FIRN_OK);
    bench.log = NULL;
    lose_power(&bench);
    struct log_support_seen seen = {0};
    struct fi_log_recovery recovery;
    assert_int_equal(log_support_read(bench.dir, &wal, &seen, &recovery, &err), FIRN_OK);
    assert_int_equal(seen.count, 5);
    assert_true(recovery.was_closed_cleanly);
    drop_bench(&bench);
}

static void
after_a_rotation_that_returned_the_next_segment_is_missed(void **state)
{
    firn_error err;
    struct bench bench;
    make_bench(&bench, 5);
    assert_int_equal(fi_log_rotate(bench.log, &err), FIRN_OK);
    lose_power(&bench);
    assert_int_equal(fi_os_remove_file(bench.dir, "wal-000002.log", &err), FIRN_OK);
    struct log_support_seen seen = {0};
    assert_int_equal(log_support_read(bench.dir, &wal, &seen, NULL, &err), FIRN_CORRUPT);
    assert_non_null(strstr(err.text, "wal-000002.log"));
    drop_bench(&bench);
}

/* A process dies between the rename of a new segment and the sync of its directory; the power
 * stays. */
static void
a_segment_whose_name_is_not_durable_gets_it_before_records(void **state)
{
    firn_error err;
    struct bench bench;
    make_bench(&bench, 5);
    assert_int_equal(fi_log_sync(bench.log, &err), FIRN_OK);
    struct fi_log_position end = fi_log_end(bench.log);
    fi_log_abandon(bench.log);
    struct fi_buf first = {0};
    log_support_get_file(bench.dir, "wal-000001.log", &first);
    uint8_t header[FI_LOG_FORMAT_SEGMENT_SIZE];
    struct fi_log_format_segment segment = {.flags = fi_load_le32(first.data + 12),
                                            .number = 2,
                                            .salt = 99,
                                            .previous_salt = fi_load_le64(first.data + 24),
                                            .previous_end = end.offset,
                                            .oldest = 1};
    fi_log_format_put_segment(&segment, header);
    log_support_put_file(bench.dir, "wal-000002.log", firn_bytes(header, sizeof header));
    struct fi_os_file *file = NULL;
    assert_int_equal(fi_os_file_open(bench.dir, "wal-000002.log", FI_OS_WRITE, 0, &file, &err),
                     FIRN_OK);
    assert_int_equal(fi_os_file_sync(file, &err), FIRN_OK);
    fi_os_file_close(file);
    struct log_support_seen seen = {0};
    assert_int_equal(fi_log_open(bench.dir, &wal, log_support_visit, &seen, &bench.log, NULL, &err),
                     FIRN_OK);
    assert_int_equal(fi_log_end(bench.log).segment, 2);
    assert_int_equal(log_support_append(bench.log, 5, NULL, &err), FIRN_OK);
    assert_int_equal(fi_log_sync(bench.log, &err), FIRN_OK);
    lose_power(&bench);
    seen = (struct log_support_seen){0};
    assert_int_equal(log_support_read(bench.dir, &wal, &seen, NULL, &err), FIRN_OK);
    assert_int_equal(seen.count, 6);
    assert_false(seen.is_wrong);
    fi_buf_deinit(&first);
    drop_bench(&bench);
}

/* A process dies in the first half of a turn whose new segment says that the log begins later; the
 * power goes while the next one opens the log. */
static void
what_an_open_removes_is_excluded_durably(void **state)
{
    firn_error err;
    struct bench bench;
    make_bench(&bench, 5);
    assert_int_equal(fi_log_rotate(bench.log, &err), FIRN_OK);
    assert_int_equal(log_support_append(bench.log, bench.count++, NULL, &err), FIRN_OK);
    assert_int_equal(fi_log_remove_before(bench.log, 2, &err), FIRN_OK);
    assert_int_equal(fi_log_rotate_begin(bench.log, &err), FIRN_OK);
    fi_log_abandon(bench.log);
    bench.log = NULL;
    uint64_t cuts = 0;
    bool is_cut = true;
    for (uint64_t call = 1; is_cut; call++) {
        for (uint64_t seed = 0; seed < 20; seed++) {
            struct bench copy = {0};
            struct log_support_seen seen = {.is_first_unknown = true};
            assert_int_equal(fi_sim_memory_clone(bench.os, &copy.os, &err), FIRN_OK);
            copy.dir = log_support_root(copy.os);
            fi_sim_memory_set_cut_at(copy.os, fi_sim_memory_calls(copy.os) + call);
            is_cut = fi_log_open(copy.dir, &wal, log_support_visit, &seen, &copy.log, NULL, &err) !=
                     FIRN_OK;
            fi_log_abandon(copy.log);
            copy.log = NULL;
            fi_os_dir_close(copy.dir);
            fi_sim_memory_power_cut(copy.os, seed);
            fi_sim_memory_set_cut_at(copy.os, 0);
            copy.dir = log_support_root(copy.os);
            seen = (struct log_support_seen){.is_first_unknown = true};
            assert_int_equal(log_support_read(copy.dir, &wal, &seen, NULL, &err), FIRN_OK);
            assert_int_equal(seen.first + seen.count, bench.count);
            assert_true(seen.first == 0 || seen.first == 5);
            drop_bench(&copy);
            cuts += is_cut;
        }
    }
    assert_true(cuts >= 40);
    drop_bench(&bench);
}

/* CASES S-B5: the log is cut at every byte of its last record. */
static void
a_log_cut_in_its_last_record_keeps_the_ones_before(void **state)
{
    firn_error err;
    struct fi_os *os = NULL;
    assert_int_equal(fi_sim_memory_create(3, &os, &err), FIRN_OK);
    struct fi_os_dir *dir = log_support_root(os);
    struct fi_log *log = NULL;
    assert_int_equal(fi_log_create(dir, &wal, &log, &err), FIRN_OK);
    struct fi_log_position begin = {0};
    for (uint64_t i = 0; i < 10; i++) {
        assert_int_equal(log_support_append(log, i, &begin, &err), FIRN_OK);
        assert_int_equal(fi_log_sync(log, &err), FIRN_OK);
    }
    uint64_t end = fi_log_end(log).offset;
    fi_log_abandon(log);
    for (uint64_t size = begin.offset; size <= end; size++) {
        struct fi_os *copy = NULL;
        assert_int_equal(fi_sim_memory_clone(os, &copy, &err), FIRN_OK);
        struct fi_os_dir *copy_dir = log_support_root(copy);
        struct fi_os_file *file = NULL;
        assert_int_equal(fi_os_file_open(copy_dir, "wal-000001.log", FI_OS_WRITE, 0, &file, &err),
                         FIRN_OK);
        assert_int_equal(fi_os_file_truncate(file, size, &err), FIRN_OK);
        fi_os_file_close(file);
        struct log_support_seen seen = {0};
        struct fi_log_recovery recovery;
        assert_int_equal(log_support_read(copy_dir, &wal, &seen, &recovery, &err), FIRN_OK);
        assert_false(seen.is_wrong);
        assert_int_equal(seen.count, size == end ? 10 : 9);
        assert_int_equal(recovery.was_cut, size != begin.offset && size != end);
        fi_os_dir_close(copy_dir);
        fi_sim_memory_destroy(copy);
    }
    fi_os_dir_close(dir);
    fi_sim_memory_destroy(os);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_durable_survives_a_power_cut_at_every_call),
        cmocka_unit_test(a_close_that_returned_is_durable_with_its_end_record),
        cmocka_unit_test(after_a_rotation_that_returned_the_next_segment_is_missed),
        cmocka_unit_test(a_segment_whose_name_is_not_durable_gets_it_before_records),
        cmocka_unit_test(what_an_open_removes_is_excluded_durably),
        cmocka_unit_test(a_log_cut_in_its_last_record_keeps_the_ones_before),
    };
    int failed = cmocka_run_group_tests_name("a log in clear", tests, NULL, NULL);
    is_encrypted = log_support_encrypt(FI_CIPHER_XCHACHA20_POLY1305);
    if (is_encrypted) {
        failed += cmocka_run_group_tests_name("an encrypted log", tests, NULL, NULL);
        (void)printf("%llu records encrypted\n", (unsigned long long)encrypted);
    }
    return failed;
}
