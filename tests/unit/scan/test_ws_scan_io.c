/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/scan: a scan on a machine whose every call may fail, and a tree that changes between
 * any two calls.
 */
#include <errno.h>

#include "sim/sim_fault.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/workspace/scan_support.h"

enum { MIB = 1 << 20 };

/* Scans through the fault implementation. */
static int
try_run(struct scan_world *world, struct scan_sink *sink, struct scan_notices *notices,
        struct fi_scan_result *out, firn_error *err)
{
    struct fi_os_dir *root;
    int rc = fi_os_dir_open_path(world->outer, "/w", &root, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    struct fi_scan_options options = {.threads = 1, .callbacks = scan_notices_callbacks(notices)};
    struct fi_objects_sink as_sink = scan_sink_of(sink);
    rc = fi_scan_tree(root, &options, &as_sink, out, err);
    fi_os_dir_close(root);
    return rc;
}

static void
put_plain(struct scan_world *world)
{
    static const uint64_t offsets[] = {MIB};
    char path[48];
    for (unsigned i = 0; i < 8; i++) {
        snprintf(path, sizeof path, "d%u/e%u/f%u", i % 3, i % 2, i);
        scan_put_random(world, path, i, i * 500);
    }
    for (unsigned i = 0; i < 270; i++) {
        snprintf(path, sizeof path, "flat/p%u", i);
        if (i % 30 == 0) {
            scan_put_symlink(world, path, "t");
        } else {
            scan_put_fifo(world, path);
        }
    }
    scan_put_sparse(world, "sparse", 2 * MIB, offsets, 1);
}

static void
put_with_links(struct scan_world *world)
{
    put_plain(world);
    scan_put_link(world, "d0/link", "d1/e1/f1");
    scan_put_link(world, "d2/link", "d1/e1/f1");
    scan_set_xattr(world, "d0/link", "user.x", "y");
    scan_set_xattr(world, "d0", "user.dir", "z");
    scan_put_text(world, ".firnignore", "f7\n");
    scan_put_text(world, "d0/.firnignore", "f6\n");
}

/* That every line of one text is a line of another. */
static void
assert_lines_within(const char *lines, const char *whole)
{
    for (const char *at = lines; *at != '\0';) {
        size_t size = strcspn(at, "\n") + 1;
        char *line = strndup(at, size);
        const char *found = strstr(whole, line);
        if (found == NULL || (found != whole && found[-1] != '\n')) {
            fail_msg("not in the real tree: %s", line);
        }
        free(line);
        at += size;
    }
}

struct outcome {
    int code;
    firn_error err;
    firn_hash root;
    uint64_t told; /* entries that could not be read */
    uint64_t hits;
    uint64_t calls;
};

static struct outcome
run_planned(struct scan_world *world, const struct fi_sim_fault_plan *plan, const char *whole)
{
    struct scan_sink sink;
    struct scan_notices notices = {0};
    struct fi_scan_result result;
    struct outcome outcome = {0};
    scan_sink_init(&sink);
    fi_sim_fault_set_plan(world->outer, plan);
    outcome.code = try_run(world, &sink, &notices, &result, &outcome.err);
    uint64_t skipped =
        notices.counts[FIRN_NOTICE_UNREADABLE] + notices.counts[FIRN_NOTICE_METADATA];
    outcome.told = skipped + notices.counts[FIRN_NOTICE_BAD_RULE];
    outcome.hits = fi_sim_fault_hits(world->outer);
    outcome.calls = fi_sim_fault_calls(world->outer);
    fi_sim_fault_set_plan(world->outer, NULL);
    if (outcome.code == FIRN_OK) {
        outcome.root = result.root.hash;
        assert_int_equal(result.skipped, skipped + notices.counts[FIRN_NOTICE_SPECIAL]);
        char *saved = scan_dump_saved(&sink, &result.root.hash);
        if (whole != NULL) {
            assert_lines_within(saved, whole);
        }
        free(saved);
        fi_scan_result_deinit(&result);
    }
    scan_notices_deinit(&notices);
    scan_sink_deinit(&sink);
    return outcome;
}

/* Fails each call in turn. */
static void
fail_each_call(struct scan_world *world, bool for_ever, const char *whole)
{
    fi_os_sleep_ns(world->os, 1000000000); /* young files are looked at once more */
    struct outcome good = run_planned(world, NULL, whole);
    assert_int_equal(good.code, FIRN_OK);
    int64_t alive = test_alloc_alive();
    for (uint64_t n = 1; n <= good.calls; n++) {
        struct fi_sim_fault_plan plan = {.call = n,
                                         .for_ever = for_ever,
                                         .classes = FI_SIM_FAULT_ALL,
                                         .kind = FI_SIM_FAULT_FAILS,
                                         .error_number = EIO};
        struct outcome outcome = run_planned(world, &plan, whole);
        assert_true(outcome.hits > 0);
        if (outcome.code == FIRN_OK) { /* never silently */
            assert_true(outcome.told > 0);
        } else {
            assert_int_equal(outcome.code, FIRN_IO);
            assert_int_equal(outcome.err.code, FIRN_IO);
            assert_non_null(strstr(outcome.err.text, "/w"));
        }
        assert_int_equal(test_alloc_alive(), alive);
    }
}

static void
every_failed_call_is_an_error_or_a_notice(void **state)
{
    struct scan_world world;
    test_alloc_install();
    scan_world_open_memory(&world, 1);
    put_plain(&world);
    char *whole = scan_dump_real(&world, false);
    scan_world_wrap(&world);
    fail_each_call(&world, false, whole);
    fail_each_call(&world, true, whole);
    free(whole);
    scan_world_close(&world);
    scan_world_open_memory(&world, 1);
    put_with_links(&world);
    scan_world_wrap(&world);
    fail_each_call(&world, false, NULL);
    scan_world_close(&world);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
running_out_of_descriptors_is_not_the_fault_of_a_file(void **state)
{
    struct scan_world world;
    scan_world_open_memory(&world, 1);
    put_plain(&world);
    scan_world_wrap(&world);
    uint64_t opens = 0;
    for (uint64_t n = 1; n == 1 || n <= opens; n++) {
        struct fi_sim_fault_plan plan = {.call = n,
                                         .classes = FI_SIM_FAULT_OPENS,
                                         .kind = FI_SIM_FAULT_FAILS,
                                         .error_number = EMFILE};
        struct outcome outcome = run_planned(&world, &plan, NULL);
        opens = outcome.hits == 0 ? 0 : n + 1;
        if (outcome.hits > 0) {
            assert_int_not_equal(outcome.code, FIRN_OK);
            assert_int_equal(outcome.err.os_errno, EMFILE);
        }
    }
    scan_world_close(&world);
}

static void
short_reads_and_interruptions_change_nothing(void **state)
{
    struct scan_world world;
    scan_world_open_memory(&world, 1);
    put_with_links(&world);
    scan_world_wrap(&world);
    struct outcome good = run_planned(&world, NULL, NULL);
    struct fi_sim_fault_plan reads = {
        .call = 1, .for_ever = true, .classes = FI_SIM_FAULT_READS, .kind = FI_SIM_FAULT_SHORT};
    struct outcome outcome = run_planned(&world, &reads, NULL);
    assert_int_equal(outcome.code, FIRN_OK);
    assert_memory_equal(&outcome.root, &good.root, sizeof good.root);
    assert_true(outcome.hits > 0);
    scan_world_close(&world);
}

/* ---- changes between two calls ---- */

/* Does something to the tree before the n-th call of one operation on one name. */
struct intruder {
    struct scan_world *world;
    const char *operation;
    const char *name;
    unsigned times; /* that it still will */
    unsigned done;
    void (*act)(struct scan_world *world, unsigned done);
};

static void
intrude(void *ctx, const struct fi_sim_fault_call *call)
{
    struct intruder *intruder = ctx;
    if (intruder->times > 0 && call->name != NULL && strcmp(call->name, intruder->name) == 0 &&
        strcmp(call->operation, intruder->operation) == 0) {
        intruder->times--;
        intruder->act(intruder->world, intruder->done++);
    }
}

/* Scans a tree with the file "small" while the intruder is at work; returns what was saved. */
static char *
run_intruded(const char *operation, unsigned times,
             void (*act)(struct scan_world *world, unsigned done), struct scan_notices *notices,
             char **out_real)
{
    struct scan_world world;
    struct scan_sink sink;
    struct fi_scan_result result;
    firn_error err;
    struct intruder intruder = {&world, operation, "small", times, 0, act};
    scan_world_open_memory(&world, 1);
    scan_put_text(&world, "small", "as it was");
    scan_put_text(&world, "other", "untouched");
    scan_world_wrap(&world);
    fi_os_sleep_ns(world.os, 1000000000);
    fi_sim_fault_set_hook(world.outer, intrude, &intruder);
    scan_sink_init(&sink);
    assert_int_equal(try_run(&world, &sink, notices, &result, &err), FIRN_OK);
    assert_true(intruder.done > 0);
    char *saved = scan_dump_saved(&sink, &result.root.hash);
    *out_real = scan_dump_real(&world, false);
    fi_scan_result_deinit(&result);
    scan_sink_deinit(&sink);
    scan_world_close(&world);
    return saved;
}

static void
overwrite(struct scan_world *world, unsigned done)
{
    scan_put_text(world, "small", done % 2 == 0 ? "as it is!" : "as it was"); /* the same length */
}

static void
grow(struct scan_world *world, unsigned done)
{
    scan_put_random(world, "small", done, 100 * (done + 1));
}

/* Appends one line to what is there. */
static void
append(struct scan_world *world, unsigned done)
{
    char text[1024] = "as it was";
    for (unsigned i = 0; i <= done && i < 100; i++) {
        strcat(text, " and on");
    }
    scan_put_text(world, "small", text);
}

static void
touch(struct scan_world *world, unsigned done)
{
    (void)done;
    scan_put_text(world, "small", "as it was");
}

static void
cut(struct scan_world *world, unsigned done)
{
    scan_put_text(world, "small", done % 2 == 0 ? "" : "x");
}

static void
replace(struct scan_world *world, unsigned done)
{
    scan_put_random(world, "new", done, 9);
    scan_rename(world, "new", "small");
}

static void
change_mode(struct scan_world *world, unsigned done)
{
    scan_set_mode(world, "small", done % 2 == 0 ? 0600 : 0640);
}

static void
change_attribute(struct scan_world *world, unsigned done)
{
    scan_set_xattr(world, "small", "user.new", done % 2 == 0 ? "1" : "2");
}

static void
take_away(struct scan_world *world, unsigned done)
{
    (void)done;
    scan_remove_file(world, "small");
}

static void
a_file_that_changes_between_two_calls_is_saved_as_it_is_afterwards(void **state)
{
    static void (*const acts[])(struct scan_world * world, unsigned done) = {
        overwrite, grow, append, touch, cut, replace, change_mode, change_attribute};
    static const char *const operations[] = {"file_open", "file_read", "xattr_list", "file_stat"};
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        for (size_t j = 0; j < sizeof operations / sizeof *operations; j++) {
            for (unsigned times = 1; times <= 2; times++) {
                struct scan_notices notices = {0};
                char *real;
                char *saved = run_intruded(operations[j], times, acts[i], &notices, &real);
                bool is_growing = scan_notices_has(&notices, FIRN_NOTICE_GROWING, "small");
                if (acts[i] != append || !is_growing) {
                    assert_string_equal(saved, real);
                    assert_null(notices.text);
                }
                scan_notices_deinit(&notices);
                free(saved);
                free(real);
            }
        }
    }
}

static void
a_file_that_changes_at_every_try_is_left_out(void **state)
{
    static void (*const acts[])(struct scan_world * world, unsigned done) = {overwrite, grow, cut,
                                                                             replace};
    for (size_t i = 0; i < sizeof acts / sizeof *acts; i++) {
        struct scan_notices notices = {0};
        char *real;
        char *saved = run_intruded("file_stat", 100, acts[i], &notices, &real);
        assert_true(scan_notices_has(&notices, FIRN_NOTICE_CHANGING, "small"));
        assert_null(strstr(saved, "small"));
        assert_int_equal(strncmp(saved, "other ", 6), 0);
        scan_notices_deinit(&notices);
        free(saved);
        free(real);
    }
}

static void
a_file_that_grows_at_every_look_is_saved_as_far_as_it_went(void **state)
{
    static const char *const operations[] = {"file_open", "file_read", "xattr_list", "file_stat"};
    for (size_t i = 0; i < sizeof operations / sizeof *operations; i++) {
        struct scan_notices notices = {0};
        char *real;
        char *saved = run_intruded(operations[i], 100, append, &notices, &real);
        assert_non_null(strstr(saved, "small kind=1"));
        /* What is appended before it is opened is no growth. */
        assert_int_equal(notices.counts[FIRN_NOTICE_GROWING], i == 0 ? 0 : 1);
        assert_int_equal(notices.counts[FIRN_NOTICE_CHANGING], 0);
        scan_notices_deinit(&notices);
        free(saved);
        free(real);
    }
}

static void
a_file_whose_times_alone_change_at_every_look_is_saved(void **state)
{
    struct scan_notices notices = {0};
    char *real;
    char *saved = run_intruded("file_stat", 100, touch, &notices, &real);
    assert_non_null(strstr(saved, "small kind=1"));
    assert_null(notices.text);
    free(saved);
    free(real);
}

static void
a_file_that_goes_away_before_it_is_opened_has_vanished(void **state)
{
    struct scan_notices notices = {0};
    char *real;
    char *saved = run_intruded("file_open", 1, take_away, &notices, &real);
    assert_true(scan_notices_has(&notices, FIRN_NOTICE_VANISHED, "small"));
    assert_string_equal(saved, real);
    scan_notices_deinit(&notices);
    free(saved);
    free(real);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_failed_call_is_an_error_or_a_notice),
        cmocka_unit_test(running_out_of_descriptors_is_not_the_fault_of_a_file),
        cmocka_unit_test(short_reads_and_interruptions_change_nothing),
        cmocka_unit_test(a_file_that_changes_between_two_calls_is_saved_as_it_is_afterwards),
        cmocka_unit_test(a_file_that_changes_at_every_try_is_left_out),
        cmocka_unit_test(a_file_that_grows_at_every_look_is_saved_as_far_as_it_went),
        cmocka_unit_test(a_file_whose_times_alone_change_at_every_look_is_saved),
        cmocka_unit_test(a_file_that_goes_away_before_it_is_opened_has_vanished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
