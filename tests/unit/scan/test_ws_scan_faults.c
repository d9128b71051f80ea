/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/scan: a scan of a tree that resists: unreadable, vanishing, changing entries, a sink
 * that fails, memory that runs out, a caller who has had enough. Whatever happens: an error or a
 * notice that names what it is about, what is saved is whole, and nothing leaks.
 */
#include <stdatomic.h>

#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_share.h"
#include "support/workspace/scan_support.h"

enum { MIB = 1 << 20, TICK_NS = 10000000 };

static int
try_run(struct scan_world *world, struct scan_sink *sink, struct scan_notices *notices,
        unsigned threads, bool strict, struct fi_scan_result *out, firn_error *err)
{
    struct fi_scan_options options = {
        .strict = strict, .threads = threads, .callbacks = scan_notices_callbacks(notices)};
    struct fi_objects_sink as_sink = scan_sink_of(sink);
    return fi_scan_tree(world->root, &options, &as_sink, out, err);
}

/* ---- unreadable ---- */

static void
put_unreadable(struct scan_world *world)
{
    scan_put_text(world, "ok", "o");
    scan_put_text(world, "secret", "s");
    scan_put_text(world, "closed/f", "f");
    scan_put_text(world, "open/g", "g");
    scan_set_mode(world, "secret", 0000);
    scan_set_mode(world, "closed", 0000);
    scan_set_mode(world, "open/g", 0000);
    fi_sim_memory_set_user(world->os, 1000);
}

static void
what_cannot_be_read_is_left_out_told_and_counted(void **state)
{
    struct scan_world world;
    struct scan_sink sink;
    struct scan_notices notices = {0};
    struct fi_scan_result result;
    scan_world_open_memory(&world, 1);
    put_unreadable(&world);
    scan_sink_init(&sink);
    scan_run(&world, &sink, &notices, 1, &result);
    assert_true(scan_notices_has(&notices, FIRN_NOTICE_UNREADABLE, "secret"));
    assert_true(scan_notices_has(&notices, FIRN_NOTICE_UNREADABLE, "closed"));
    assert_true(scan_notices_has(&notices, FIRN_NOTICE_UNREADABLE, "open/g"));
    assert_int_equal(result.skipped, 3);
    assert_int_equal(result.files, 1);
    assert_int_equal(result.directories, 1);
    char *saved = scan_dump_saved(&sink, &result.root.hash);
    assert_null(strstr(saved, "secret"));
    assert_null(strstr(saved, "closed"));
    assert_non_null(strstr(saved, "\nopen "));
    assert_int_equal(strncmp(saved, "ok ", 3), 0);
    free(saved);
    fi_scan_result_deinit(&result);
    scan_notices_deinit(&notices);
    scan_sink_deinit(&sink);
    fi_sim_memory_set_user(world.os, 0);
    scan_world_close(&world);
}

static void
a_strict_scan_stops_at_the_first_thing_it_cannot_read(void **state)
{
    struct scan_world world;
    struct scan_sink sink;
    struct fi_scan_result result;
    firn_error err;
    scan_world_open_memory(&world, 1);
    put_unreadable(&world);
    scan_sink_init(&sink);
    assert_int_equal(try_run(&world, &sink, NULL, 1, true, &result, &err), FIRN_DENIED);
    assert_int_equal(err.code, FIRN_DENIED);
    assert_non_null(strstr(err.text, "/w/"));
    assert_int_equal(result.files, 0);
    fi_sim_memory_set_user(world.os, 0);
    assert_int_equal(try_run(&world, &sink, NULL, 1, true, &result, &err), FIRN_OK);
    assert_int_equal(result.files, 4);
    fi_scan_result_deinit(&result);
    scan_sink_deinit(&sink);
    scan_world_close(&world);
}

static void
a_root_that_cannot_be_read_is_an_error(void **state)
{
    struct scan_world world;
    struct scan_sink sink;
    struct fi_scan_result result;
    firn_error err;
    scan_world_open_memory(&world, 1);
    scan_put_text(&world, "f", "f");
    assert_int_equal(fi_os_set_mode((struct fi_os_node){.dir = world.root}, 0, &err), FIRN_OK);
    fi_sim_memory_set_user(world.os, 1000);
    scan_sink_init(&sink);
    assert_int_equal(try_run(&world, &sink, NULL, 1, false, &result, &err), FIRN_DENIED);
    assert_non_null(strstr(err.text, "/w"));
    scan_sink_deinit(&sink);
    fi_sim_memory_set_user(world.os, 0);
    scan_world_close(&world);
}

/* ---- what happens meanwhile ---- */

/* Does something to the tree when the notice of one path comes, which is while its directory is
 * being listed. */
struct meddler {
    struct scan_world *world;
    const char *at;
    void (*act)(struct scan_world *world);
};

static void
meddle(void *ctx, const firn_notice *notice)
{
    struct meddler *meddler = ctx;
    if (notice->path.size == strlen(meddler->at) &&
        memcmp(notice->path.data, meddler->at, notice->path.size) == 0) {
        meddler->act(meddler->world);
    }
}

/* Scans with somebody who acts at ".git"; returns what was saved. */
static char *
run_meddled(struct scan_world *world, const char *at, void (*act)(struct scan_world *world),
            struct scan_notices *notices, struct fi_scan_result *out)
{
    struct scan_sink sink;
    struct meddler meddler = {world, at, act};
    *notices = (struct scan_notices){.hook = meddle, .ctx = &meddler};
    scan_sink_init(&sink);
    scan_run(world, &sink, notices, 1, out);
    char *saved = scan_dump_saved(&sink, &out->root.hash);
    scan_sink_deinit(&sink);
    return saved;
}

static void
remove_some(struct scan_world *world)
{
    scan_remove_file(world, "file");
    scan_remove_file(world, "link");
    scan_remove_tree(world, "dir");
}

static void
what_goes_away_meanwhile_is_left_out_and_told(void **state)
{
    struct scan_world world;
    struct scan_notices notices;
    struct fi_scan_result result;
    scan_world_open_memory(&world, 1);
    scan_put_text(&world, ".git", "");
    scan_put_text(&world, "file", "f");
    scan_put_text(&world, "stays", "s");
    scan_put_text(&world, "dir/below", "b");
    scan_put_symlink(&world, "link", "t");
    char *saved = run_meddled(&world, ".git", remove_some, &notices, &result);
    assert_true(scan_notices_has(&notices, FIRN_NOTICE_VANISHED, "file"));
    assert_true(scan_notices_has(&notices, FIRN_NOTICE_VANISHED, "link"));
    assert_true(scan_notices_has(&notices, FIRN_NOTICE_VANISHED, "dir"));
    assert_int_equal(result.skipped, 3);
    assert_int_equal(result.files, 1);
    assert_int_equal(strncmp(saved, "stays ", 6), 0);
    free(saved);
    fi_scan_result_deinit(&result);
    scan_notices_deinit(&notices);
    scan_world_close(&world);
}

static void
swap_kinds(struct scan_world *world)
{
    scan_remove_file(world, "file");
    scan_put_symlink(world, "file", "/etc/passwd");
    scan_remove_file(world, "link");
    scan_put_text(world, "link", "now a file");
    scan_remove_tree(world, "dir");
    scan_put_symlink(world, "dir", "/etc");
    scan_remove_file(world, "other");
    scan_put_fifo(world, "other");
}

static void
what_becomes_something_else_meanwhile_is_never_followed(void **state)
{
    struct scan_world world;
    struct scan_notices notices;
    struct fi_scan_result result;
    scan_world_open_memory(&world, 1);
    scan_put_text(&world, ".git", "");
    scan_put_text(&world, "file", "f");
    scan_put_text(&world, "other", "f");
    scan_put_text(&world, "dir/below", "b");
    scan_put_symlink(&world, "link", "t");
    char *saved = run_meddled(&world, ".git", swap_kinds, &notices, &result);
    assert_string_equal(saved, "");
    assert_true(scan_notices_has(&notices, FIRN_NOTICE_CHANGING, "file"));
    assert_true(scan_notices_has(&notices, FIRN_NOTICE_CHANGING, "other"));
    assert_true(scan_notices_has(&notices, FIRN_NOTICE_CHANGING, "link"));
    assert_true(scan_notices_has(&notices, FIRN_NOTICE_VANISHED, "dir"));
    assert_int_equal(result.skipped, 4);
    free(saved);
    fi_scan_result_deinit(&result);
    scan_notices_deinit(&notices);
    scan_world_close(&world);
}

static void
replace_huge(struct scan_world *world)
{
    scan_rename(world, "huge", "old");
    scan_put_text(world, "huge/f0300", "of another directory");
}

static void
a_directory_replaced_between_its_segments_is_not_mixed_with_the_new_one(void **state)
{
    enum { COUNT = 600, SEGMENT = 256 };
    struct scan_world world;
    struct scan_notices notices;
    struct fi_scan_result result;
    scan_world_open_memory(&world, 1);
    for (unsigned i = 0; i < COUNT; i++) {
        char path[32];
        snprintf(path, sizeof path, "huge/f%04u", i);
        scan_put_text(&world, path, path);
    }
    scan_put_text(&world, "huge/.git", "");
    scan_put_text(&world, "huge/sub/x", "x");
    char *saved = run_meddled(&world, "huge/.git", replace_huge, &notices, &result);
    /* The first segment is read through the handle of the old one; the others find another
     * directory. */
    assert_int_equal(result.files, SEGMENT);
    assert_int_equal(notices.counts[FIRN_NOTICE_CHANGING], COUNT - SEGMENT);
    assert_true(scan_notices_has(&notices, FIRN_NOTICE_CHANGING, "huge/f0300"));
    assert_true(scan_notices_has(&notices, FIRN_NOTICE_VANISHED, "huge/sub"));
    assert_non_null(strstr(saved, "f0255"));
    assert_null(strstr(saved, "f0256"));
    free(saved);
    fi_scan_result_deinit(&result);
    scan_notices_deinit(&notices);
    scan_world_close(&world);
}

/* Writes to a large file while its groups are being added. */
struct writer {
    struct scan_world *world;
    unsigned times; /* that it still will */
    unsigned groups;
};

static void
write_meanwhile(void *ctx, enum fi_pack_kind kind, firn_slice content)
{
    struct writer *writer = ctx;
    (void)content;
    if (kind != FI_PACK_PIECES) {
        return;
    }
    writer->groups++;
    if (writer->times > 0) {
        writer->times--;
        scan_put_random(writer->world, "large", 100 + writer->times, 9 * MIB);
    }
}

static void
a_file_that_changes_while_it_is_read_is_read_again(void **state)
{
    struct scan_world world;
    struct scan_sink sink;
    struct fi_scan_result result;
    struct writer writer = {&world, 2, 0};
    scan_world_open_memory(&world, 1);
    scan_put_random(&world, "large", 1, 9 * MIB);
    scan_sink_init(&sink);
    sink.before_add = write_meanwhile;
    sink.ctx = &writer;
    scan_run(&world, &sink, NULL, 1, &result);
    assert_int_equal(writer.times, 0);
    assert_int_equal(result.files, 1);
    assert_int_equal(result.skipped, 0);
    char *real = scan_dump_real(&world, false);
    char *saved = scan_dump_saved(&sink, &result.root.hash);
    assert_string_equal(saved, real);
    free(real);
    free(saved);
    fi_scan_result_deinit(&result);
    scan_sink_deinit(&sink);
    scan_world_close(&world);
}

static void
a_file_that_never_stops_changing_is_left_out_after_three_tries(void **state)
{
    struct scan_world world;
    struct scan_sink sink;
    struct scan_notices notices = {0};
    struct fi_scan_result result;
    struct writer writer = {&world, 1000, 0};
    firn_error err;
    scan_world_open_memory(&world, 1);
    scan_put_random(&world, "large", 1, 9 * MIB);
    scan_put_text(&world, "quiet", "q");
    scan_sink_init(&sink);
    sink.before_add = write_meanwhile;
    sink.ctx = &writer;
    scan_run(&world, &sink, &notices, 1, &result);
    assert_int_equal(result.files, 1);
    assert_int_equal(result.skipped, 1);
    assert_true(scan_notices_has(&notices, FIRN_NOTICE_CHANGING, "large"));
    assert_in_range(writer.groups, 3 * 9, 3 * 36);
    /* Each of other bytes, and no list of a whole file. */
    assert_int_equal(scan_sink_count(&sink, FI_PACK_PIECES), writer.groups);
    fi_scan_result_deinit(&result);
    assert_int_equal(try_run(&world, &sink, NULL, 1, true, &result, &err), FIRN_CONFLICT);
    assert_non_null(strstr(err.text, "large"));
    scan_notices_deinit(&notices);
    scan_sink_deinit(&sink);
    scan_world_close(&world);
}

static void
a_file_that_has_just_changed_is_given_a_tick_of_the_clock(void **state)
{
    struct scan_world world;
    struct scan_sink sink;
    struct fi_scan_result result;
    scan_world_open_memory(&world, 1);
    scan_put_text(&world, "f", "f");
    scan_put_text(&world, "g", "g");
    scan_sink_init(&sink);
    int64_t start = fi_os_now_ns(world.os);
    scan_run(&world, &sink, NULL, 1, &result);
    fi_scan_result_deinit(&result);
    int64_t first = fi_os_now_ns(world.os) - start;
    assert_true(first >= TICK_NS - 100000 && first < 2 * TICK_NS); /* once for both */
    fi_os_sleep_ns(world.os, TICK_NS);
    start = fi_os_now_ns(world.os);
    scan_run(&world, &sink, NULL, 1, &result);
    fi_scan_result_deinit(&result);
    assert_true(fi_os_now_ns(world.os) - start < TICK_NS / 10);
    scan_sink_deinit(&sink);
    scan_world_close(&world);
}

/* ---- a busy tree on a real disk ---- */

struct busy {
    struct scan_world *world;
    atomic_bool stop;
};

static void *
keep_busy(void *arg)
{
    struct busy *busy = arg;
    static char data[200000];
    for (unsigned i = 0; !atomic_load(&busy->stop); i++) {
        struct scan_world *world = busy->world;
        char path[32];
        memset(data, 'a' + (int)(i % 26), sizeof data);
        scan_put_file(world, "grows", data, i % 190 * 1000);
        snprintf(path, sizeof path, "d/f%u", i % 40);
        scan_put_file(world, path, data, i % 3000);
        scan_put_text(world, "next", "whole");
        scan_rename(world, "next", "replaced");
        if (i % 7 == 0) {
            scan_put_text(world, "e/x/y", "y");
            scan_remove_tree(world, "e");
        }
    }
    return NULL;
}

static void
a_tree_in_motion_is_saved_in_states_that_existed(void **state)
{
    struct scan_world world;
    struct busy busy = {.world = &world};
    pthread_t thread;
    scan_world_open_disk(&world);
    scan_put_text(&world, "replaced", "whole");
    scan_put_text(&world, "quiet", "q");
    scan_put_text(&world, "d/quiet", "q");
    assert_int_equal(pthread_create(&thread, NULL, keep_busy, &busy), 0);
    for (unsigned i = 0; i < 12; i++) {
        struct scan_sink sink;
        struct scan_notices notices = {0};
        struct fi_scan_result result;
        scan_sink_init(&sink);
        scan_run(&world, &sink, &notices, 3, &result);
        char *saved = scan_dump_saved(&sink, &result.root.hash); /* checks every content */
        assert_non_null(strstr(saved, "\nquiet "));
        assert_non_null(strstr(saved, "d/quiet "));
        free(saved);
        fi_scan_result_deinit(&result);
        scan_notices_deinit(&notices);
        scan_sink_deinit(&sink);
    }
    atomic_store(&busy.stop, true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    scan_world_close(&world);
}

/* ---- failures that end a scan ---- */

static void
put_mixed(struct scan_world *world)
{
    static const uint64_t offsets[] = {MIB};
    char path[48];
    for (unsigned i = 0; i < 30; i++) {
        snprintf(path, sizeof path, "d%u/e%u/f%u", i % 4, i % 3, i);
        scan_put_random(world, path, i, i * 500);
    }
    for (unsigned i = 0; i < 300; i++) {
        snprintf(path, sizeof path, "flat/l%u", i);
        scan_put_symlink(world, path, "t");
    }
    scan_put_link(world, "d0/link", "d1/e1/f1");
    scan_put_link(world, "flat/link", "d1/e1/f1");
    scan_put_sparse(world, "sparse", 2 * MIB, offsets, 1);
    scan_set_xattr(world, "d0/link", "user.x", "y");
    scan_put_text(world, ".git/HEAD", "");
}

static void
check_sink_failures(struct scan_world *world, unsigned threads)
{
    put_mixed(world);
    scan_put_random(world, "large", 5, 9 * MIB);
    struct scan_sink sink;
    struct fi_scan_result result;
    firn_error err;
    scan_sink_init(&sink);
    assert_int_equal(try_run(world, &sink, NULL, threads, false, &result, &err), FIRN_OK);
    fi_scan_result_deinit(&result);
    uint64_t adds = sink.adds;
    scan_sink_deinit(&sink);
    const struct test_share share = test_share_of(1, threads);
    for (uint64_t n = share.first; n <= adds; n += share.step) {
        scan_sink_init(&sink);
        sink.fail_add_at = n;
        int rc = try_run(world, &sink, NULL, threads, false, &result, &err);
        if (threads > 1 && sink.adds < n) { /* workers that race may both add one inode, or not */
            assert_int_equal(rc, FIRN_OK);
            fi_scan_result_deinit(&result);
        } else {
            assert_int_equal(rc, FIRN_NO_SPACE);
            assert_string_equal(err.text, "object refused");
        }
        scan_sink_deinit(&sink); /* all lanes closed */
    }
    scan_sink_init(&sink);
    sink.fail_lane_open_at = 1;
    assert_int_equal(try_run(world, &sink, NULL, threads, false, &result, &err), FIRN_NO_SPACE);
    assert_string_equal(err.text, "lane refused");
    scan_sink_deinit(&sink);
    scan_sink_init(&sink);
    sink.fail_lane_close = true;
    assert_int_equal(try_run(world, &sink, NULL, threads, false, &result, &err), FIRN_IO);
    assert_string_equal(err.text, "flush refused");
    scan_sink_deinit(&sink);
}

static void
a_failure_of_the_sink_ends_the_scan_with_its_error(void **state)
{
    struct scan_world world;
    scan_world_open_memory(&world, 1);
    check_sink_failures(&world, 1);
    scan_world_close(&world);
    scan_world_open_disk(&world);
    check_sink_failures(&world, 4);
    scan_world_close(&world);
}

static void
let_a_second_pass(void *ctx, const firn_notice *notice)
{
    (void)notice;
    struct scan_world *world = ctx;
    fi_os_sleep_ns(world->os, 1000000000);
}

static void
an_answer_other_than_ok_cancels(void **state)
{
    struct scan_world world;
    firn_error err;
    scan_world_open_memory(&world, 1);
    put_mixed(&world);
    for (uint64_t at = 1; at <= 3; at++) { /* at the start, in the middle, at the end */
        struct scan_sink sink;
        struct fi_scan_result result;
        struct scan_notices notices = {.cancel_at = at, .hook = let_a_second_pass, .ctx = &world};
        scan_sink_init(&sink);
        assert_int_equal(try_run(&world, &sink, &notices, 1, false, &result, &err), FIRN_CANCELLED);
        assert_int_equal(err.code, FIRN_CANCELLED);
        assert_int_equal(notices.progress_calls, at);
        scan_notices_deinit(&notices);
        scan_sink_deinit(&sink);
    }
    scan_world_close(&world);
}

static void
fail_allocations(struct scan_world *world, bool for_ever, const firn_hash *expected)
{
    int64_t before = test_alloc_alive();
    struct test_fault fault = {.for_ever = for_ever};
    while (test_fault_next(&fault)) {
        struct scan_sink sink;
        struct fi_scan_result result;
        firn_error err;
        scan_sink_init(&sink);
        test_fault_allocation(&fault);
        int rc = try_run(world, &sink, NULL, 1, false, &result, &err);
        test_fault_end(&fault);
        if (rc == FIRN_OK) {
            assert_memory_equal(&result.root.hash, expected, sizeof *expected);
            fi_scan_result_deinit(&result);
        } else {
            assert_int_equal(rc, FIRN_NO_MEMORY);
            assert_int_equal(err.code, FIRN_NO_MEMORY);
        }
        assert_int_equal(test_alloc_alive(), before);
        scan_sink_deinit(&sink);
    }
}

static void
every_failed_allocation_is_reported_and_leaks_nothing(void **state)
{
    struct scan_world world;
    struct scan_sink sink;
    struct fi_scan_result result;
    test_alloc_install();
    scan_world_open_memory(&world, 1);
    put_mixed(&world);
    scan_sink_init(&sink);
    scan_run(&world, &sink, NULL, 1, &result);
    firn_hash hash = result.root.hash;
    fi_scan_result_deinit(&result);
    fail_allocations(&world, false, &hash);
    fail_allocations(&world, true, &hash);
    scan_sink_deinit(&sink);
    scan_world_close(&world);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_cannot_be_read_is_left_out_told_and_counted),
        cmocka_unit_test(a_strict_scan_stops_at_the_first_thing_it_cannot_read),
        cmocka_unit_test(a_root_that_cannot_be_read_is_an_error),
        cmocka_unit_test(what_goes_away_meanwhile_is_left_out_and_told),
        cmocka_unit_test(what_becomes_something_else_meanwhile_is_never_followed),
        cmocka_unit_test(a_directory_replaced_between_its_segments_is_not_mixed_with_the_new_one),
        cmocka_unit_test(a_file_that_changes_while_it_is_read_is_read_again),
        cmocka_unit_test(a_file_that_never_stops_changing_is_left_out_after_three_tries),
        cmocka_unit_test(a_file_that_has_just_changed_is_given_a_tick_of_the_clock),
        cmocka_unit_test(a_tree_in_motion_is_saved_in_states_that_existed),
        cmocka_unit_test(a_failure_of_the_sink_ends_the_scan_with_its_error),
        cmocka_unit_test(an_answer_other_than_ok_cancels),
        cmocka_unit_test(every_failed_allocation_is_reported_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
