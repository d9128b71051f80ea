/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/place: files of settings: what is read, what is refused, and changes while calls and
 * allocations fail and the power goes.
 */
#include <errno.h>

#include "base/slice.h"
#include "place/place.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/workspace/ws_support.h"

static int
read_text(const char *text, struct fi_place_config_text *out, firn_error *err)
{
    return fi_place_config_text_read(firn_str(text), out, err);
}

static void
settings_are_read_as_they_stand(void **state)
{
    struct fi_place_config_text config;
    firn_error err;
    assert_int_equal(read_text("", &config, &err), FIRN_OK);
    for (unsigned i = 0; i < FI_PLACE_CONFIG_KEYS; i++) {
        assert_false(config.is_set[i]);
    }
    assert_int_equal(
        read_text("# x\r\n\n \t\nwait=0\n\tsave.strict\t= \ttrue \r\nsave.gitignore=false", &config,
                  &err),
        FIRN_OK);
    assert_true(config.is_set[FI_PLACE_CONFIG_WAIT]);
    assert_int_equal(config.values[FI_PLACE_CONFIG_WAIT], 0);
    assert_int_equal(config.values[FI_PLACE_CONFIG_SAVE_STRICT], 1);
    assert_true(config.is_set[FI_PLACE_CONFIG_SAVE_GITIGNORE]);
    assert_int_equal(config.values[FI_PLACE_CONFIG_SAVE_GITIGNORE], 0);
    assert_false(config.is_set[FI_PLACE_CONFIG_SAVE_INCLUDE_DEPS]);
    assert_int_equal(read_text("push.auto = my_nas.2-b", &config, &err), FIRN_OK);
    assert_string_equal(config.texts[FI_PLACE_CONFIG_PUSH_AUTO], "my_nas.2-b");
    assert_int_equal(read_text("push.auto = false", &config, &err), FIRN_OK);
    assert_int_equal(read_text("wait = 2147483647", &config, &err), FIRN_OK);
    assert_int_equal(config.values[FI_PLACE_CONFIG_WAIT], INT32_MAX);
}

static void
what_is_wrong_is_refused_with_its_line(void **state)
{
    static const char *const wrong[] = {"x",
                                        "=",
                                        "wait",
                                        "wait =",
                                        "= 1",
                                        "wait = -1",
                                        "wait = 1 2",
                                        "wait = 2147483648",
                                        "wait = 99999999999999999999999",
                                        "WAIT = 1",
                                        "save = true",
                                        "save.strict = True",
                                        "save.strict = 1",
                                        "save.strict = true # why",
                                        "push.auto =",
                                        "push.auto = true",
                                        "push.auto = -nas",
                                        "push.auto = a/b",
                                        "push.auto = s3://bucket",
                                        "wait = 1\nwait = 1",
                                        "wait == 1",
                                        "\rwait = 1"};
    struct fi_place_config_text config;
    firn_error err;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[200];
        (void)snprintf(text, sizeof text, "# first\n\n%s\nsave.gitignore = true\n", wrong[i]);
        assert_int_equal(read_text(text, &config, &err), FIRN_INVALID);
        bool is_twice = strchr(wrong[i], '\n') != NULL;
        assert_non_null(strstr(err.text, is_twice ? "line 4" : "line 3"));
    }
    static char large[FI_PLACE_CONFIG_TEXT_SIZE_MAX + 1];
    memset(large, '\n', sizeof large);
    assert_int_equal(fi_place_config_text_read(firn_bytes(large, sizeof large - 1), &config, &err),
                     FIRN_OK);
    assert_int_equal(fi_place_config_text_read(firn_bytes(large, sizeof large), &config, &err),
                     FIRN_LIMIT);
}

static void
sizes_are_read(void **state)
{
    static const struct {
        const char *text;
        uint64_t size;
    } right[] = {{"0", 0},
                 {"none", 0},
                 {"17", 17},
                 {"1K", 1024},
                 {"3MiB", 3 << 20},
                 {"2G", UINT64_C(2) << 30},
                 {"5TB", UINT64_C(5000000000000)},
                 {"7KB", 7000},
                 {"9223372036854775807", INT64_MAX},
                 {"8388607T", UINT64_C(8388607) << 40}};
    static const char *const wrong[] = {"",
                                        "K",
                                        "1k",
                                        "-1",
                                        "1 K",
                                        "1.5M",
                                        "1B",
                                        "1iB",
                                        "1KBs",
                                        "None",
                                        "9223372036854775808",
                                        "8388608T",
                                        "99999999999999999999"};
    struct fi_place_config_text config;
    firn_error err;
    uint64_t size;
    for (size_t i = 0; i < sizeof right / sizeof right[0]; i++) {
        assert_int_equal(fi_place_config_size(right[i].text, &size, &err), FIRN_OK);
        assert_int_equal(size, right[i].size);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        size = 5;
        assert_int_equal(fi_place_config_size(wrong[i], &size, &err), FIRN_INVALID);
        assert_int_equal(size, 5);
    }
    assert_int_equal(
        read_text("save.max-file-size = 2K\nsave.warn-size=none\nkeep = last:3", &config, &err),
        FIRN_OK);
    assert_int_equal(config.values[FI_PLACE_CONFIG_SAVE_MAX_FILE_SIZE], 2048);
    assert_string_equal(config.texts[FI_PLACE_CONFIG_SAVE_MAX_FILE_SIZE], "2K");
    assert_string_equal(config.texts[FI_PLACE_CONFIG_KEEP], "last:3");
    assert_int_equal(read_text("save.max-file-size = 2X", &config, &err), FIRN_INVALID);
    assert_int_equal(read_text("keep = sometimes", &config, &err), FIRN_INVALID);
}

static void
assert_change(const char *before, const char *value, const char *after)
{
    struct fi_buf out = {0};
    assert_int_equal(
        fi_place_config_text_change(firn_str(before), FI_PLACE_CONFIG_WAIT, value, &out), FIRN_OK);
    assert_true(fi_slice_equal(fi_buf_slice(&out), firn_str(after)));
    fi_buf_deinit(&out);
}

static void
a_change_leaves_all_other_lines(void **state)
{
    assert_change("", "5", "wait = 5\n");
    assert_change("", NULL, "");
    assert_change("# x", "5", "# x\nwait = 5\n");
    assert_change("#wait = 1\r\n wait=1\r\n#y", "5", "#wait = 1\r\nwait = 5\n#y");
    assert_change("#wait = 1\r\n wait=1\r\n#y", NULL, "#wait = 1\r\n#y");
    assert_change("wait = 1\n\n  save.strict=true", NULL, "\n  save.strict=true");
}

static void
assert_mended(const char *before, const char *after)
{
    struct fi_buf out = {0};
    struct fi_place_config_text config;
    firn_error err;
    assert_int_equal(fi_place_config_text_repair(firn_str(before), &out), FIRN_OK);
    assert_true(fi_slice_equal(fi_buf_slice(&out), firn_str(after)));
    assert_int_equal(fi_place_config_text_read(fi_buf_slice(&out), &config, &err), FIRN_OK);
    fi_buf_deinit(&out);
}

static void
lines_that_are_wrong_become_comments(void **state)
{
    assert_mended("", "keep = forever\n");
    assert_mended("k", "# could not be read: k\nkeep = forever\n");
    assert_mended("# x\r\n k\r\nwait=1", "# x\r\n# could not be read: k\nwait=1\nkeep = forever\n");
    assert_mended("keep = last:3\nwait = x\n", "keep = last:3\n# could not be read: wait = x\n");
    assert_mended("keep = lost:3", "# could not be read: keep = lost:3\nkeep = forever\n");
    assert_mended("wait = 1\nkeep = forever\nwait = 2\n",
                  "wait = 1\nkeep = forever\n# could not be read: wait = 2\n");
}

/* ---- files that cannot be read ---- */

struct seen {
    char keep[FI_PLACE_CONFIG_TEXT_VALUE_SIZE];
    char gc_auto[FI_PLACE_CONFIG_TEXT_VALUE_SIZE];
    char wait[FI_PLACE_CONFIG_TEXT_VALUE_SIZE];
    int told;
    char path[100];
    char text[200];
};

static int
see_setting(void *ctx, const firn_config_setting *setting)
{
    struct seen *seen = ctx;
    char *out = strcmp(setting->key, "keep") == 0      ? seen->keep
                : strcmp(setting->key, "gc.auto") == 0 ? seen->gc_auto
                : strcmp(setting->key, "wait") == 0    ? seen->wait
                                                       : NULL;
    if (out != NULL) {
        (void)snprintf(out, FI_PLACE_CONFIG_TEXT_VALUE_SIZE, "%s", setting->value);
    }
    return FIRN_OK;
}

static void
see_notice(void *ctx, const firn_notice *notice)
{
    struct seen *seen = ctx;
    assert_int_equal(notice->kind, FIRN_NOTICE_SETTINGS);
    seen->told++;
    (void)snprintf(seen->path, sizeof seen->path, "%.*s", (int)notice->path.size,
                   (const char *)notice->path.data);
    (void)snprintf(seen->text, sizeof seen->text, "%s", notice->text);
}

static void
write_config(struct ws_world *world, const char *folder, const char *text)
{
    struct fi_os_dir *dir;
    struct fi_os_file *file;
    assert_int_equal(fi_os_dir_open_path(world->tree.os, folder, &dir, &world->err), FIRN_OK);
    assert_int_equal(fi_os_file_open(dir, "config", FI_OS_WRITE | FI_OS_CREATE | FI_OS_TRUNCATE,
                                     0600, &file, &world->err),
                     FIRN_OK);
    assert_int_equal(fi_os_file_write(file, 0, text, strlen(text), &world->err), FIRN_OK);
    fi_os_file_close(file);
    fi_os_dir_close(dir);
}

static void
see(struct ws_world *world, struct seen *out)
{
    memset(out, 0, sizeof *out);
    assert_int_equal(fi_place_config_list_readable(world->tree.os, "/s", see_setting, see_notice,
                                                   out, &world->err),
                     FIRN_OK);
}

static void
what_cannot_be_read_counts_for_nothing_and_lets_nothing_expire(void **state)
{
    struct ws_world world;
    struct seen seen;
    ws_world_open_memory(&world, 34);
    ws_save(&world);
    write_config(&world, "/s", "keep = last:3\ngc.auto = true\nwait = 5\n");
    see(&world, &seen);
    assert_int_equal(seen.told, 0);
    assert_string_equal(seen.keep, "last:3");
    write_config(&world, "/s", "keep = last:3\ngc.auto = true\nwait = 5\nk\n");
    see(&world, &seen);
    assert_int_equal(seen.told, 1);
    assert_string_equal(seen.path, "/s/config");
    assert_string_equal(seen.text, "line 4: a setting is written as key = value");
    assert_string_equal(seen.keep, "forever");
    assert_string_equal(seen.gc_auto, "false");
    assert_string_equal(seen.wait, "60");
    assert_int_equal(fi_place_config_list(world.tree.os, "/s", see_setting, &seen, &world.err),
                     FIRN_INVALID);
    assert_string_equal(world.err.text, "'/s/config': line 4: a setting is written as key = value");
    ws_assert_check_clean(&world);
    assert_int_equal(fi_place_config_set(world.tree.os, "/s", "wait", "7", &world.err), FIRN_OK);
    see(&world, &seen);
    assert_int_equal(seen.told, 0);
    assert_string_equal(seen.keep, "last:3");
    assert_string_equal(seen.wait, "7");
    ws_world_close(&world);
}

static void
a_change_for_which_there_is_no_room_is_refused(void **state)
{
    static char full[FI_PLACE_CONFIG_TEXT_SIZE_MAX + 1];
    struct ws_world world;
    struct seen seen;
    ws_world_open_memory(&world, 37);
    ws_save(&world);
    memset(full, '#', sizeof full - 1);
    memcpy(full, "wait = 5\n", strlen("wait = 5\n"));
    write_config(&world, "/s", full);
    assert_int_equal(fi_place_config_set(world.tree.os, "/s", "keep", "last:3", &world.err),
                     FIRN_LIMIT);
    assert_non_null(strstr(world.err.text, "'/s/config' would have more than 65536 bytes"));
    see(&world, &seen);
    assert_int_equal(seen.told, 0);
    assert_string_equal(seen.wait, "5");
    assert_int_equal(fi_place_config_set(world.tree.os, "/s", "wait", "7", &world.err), FIRN_OK);
    see(&world, &seen);
    assert_string_equal(seen.wait, "7");
    ws_world_close(&world);
}

static void
a_repair_mends_settings_and_puts_away_what_it_cannot(void **state)
{
    static char large[FI_PLACE_CONFIG_TEXT_SIZE_MAX + 2];
    const char *const texts[] = {"wait = 7\nk\n", large};
    memset(large, 'x', sizeof large - 1);
    for (size_t i = 0; i < 2; i++) {
        struct ws_world world;
        struct seen seen;
        bool is_sound;
        struct fi_os_dir *dir;
        const firn_callbacks callbacks = {.on_notice = see_notice, .ctx = &seen};
        ws_world_open_memory(&world, 35);
        ws_save(&world);
        write_config(&world, "/s", texts[i]);
        assert_int_equal(fi_os_dir_open_path(world.tree.os, "/s", &dir, &world.err), FIRN_OK);
        memset(&seen, 0, sizeof seen);
        assert_int_equal(fi_place_config_check(dir, &callbacks, &is_sound, &world.err), FIRN_OK);
        assert_false(is_sound);
        assert_int_equal(seen.told, 1);
        assert_int_equal(fi_place_config_repair(dir, &world.err), FIRN_OK);
        see(&world, &seen);
        assert_int_equal(seen.told, 0);
        assert_string_equal(seen.keep, "forever");
        assert_string_equal(seen.wait, i == 0 ? "7" : "60");
        struct fi_os_stat stat;
        assert_int_equal(fi_os_stat(dir, "config.unread-1", &stat, &world.err),
                         i == 0 ? FIRN_NOT_FOUND : FIRN_OK);
        assert_int_equal(fi_place_config_repair(dir, &world.err), FIRN_OK);
        fi_os_dir_close(dir);
        ws_world_close(&world);
    }
}

/* ---- on a disk that fails ---- */

static int
keep_wait(void *ctx, const firn_config_setting *setting)
{
    if (strcmp(setting->key, "wait") == 0) {
        (void)snprintf(ctx, FI_PLACE_CONFIG_TEXT_VALUE_SIZE, "%s", setting->value);
    }
    return FIRN_OK;
}

/* The value that is set, read from the store of a world. */
static void
read_wait(struct ws_world *world, char *out)
{
    assert_int_equal(fi_place_config_list(world->tree.os, "/s", keep_wait, out, &world->err),
                     FIRN_OK);
}

static void
assert_old_or_new(struct ws_world *world, int rc)
{
    char wait[FI_PLACE_CONFIG_TEXT_VALUE_SIZE];
    read_wait(world, wait);
    assert_true(strcmp(wait, "2") == 0 || (strcmp(wait, "1") == 0 && rc != FIRN_OK));
    assert_int_equal(fi_place_config_set(world->tree.os, "/s", "wait", "3", &world->err), FIRN_OK);
    read_wait(world, wait);
    assert_string_equal(wait, "3");
    ws_assert_check_clean(world);
}

static void
prepare(struct ws_world *world, uint64_t seed)
{
    char wait[FI_PLACE_CONFIG_TEXT_VALUE_SIZE];
    ws_world_open_memory(world, seed);
    assert_int_equal(fi_place_config_set(world->tree.os, "/s", "wait", "1", &world->err),
                     FIRN_NOT_FOUND);
    ws_save(world);
    read_wait(world, wait);
    assert_string_equal(wait, "60");
    assert_int_equal(fi_place_config_set(world->tree.os, "/s", "wait", "1", &world->err), FIRN_OK);
    assert_int_equal(fi_place_config_set(world->tree.os, "/s", "wait", "x", &world->err),
                     FIRN_INVALID);
    assert_int_equal(fi_os_dir_sync_filesystem(world->tree.root, &world->err), FIRN_OK);
}

static void
any_call_may_fail(void **state)
{
    struct ws_world prepared;
    prepare(&prepared, 31);
    struct test_fault fault = {.error_number = ENOSPC};
    while (test_fault_next(&fault)) {
        struct ws_world world;
        ws_world_clone(&prepared, &world);
        scan_world_wrap(&world.tree);
        test_fault_call(&fault, world.tree.outer);
        int rc = fi_place_config_set(world.tree.outer, "/s", "wait", "2", &world.err);
        test_fault_end(&fault);
        assert_true(fault.was_hit || rc == FIRN_OK);
        assert_old_or_new(&world, rc);
        ws_world_close(&world);
    }
    ws_world_close(&prepared);
}

static void
any_allocation_may_fail(void **state)
{
    test_alloc_install();
    struct ws_world prepared;
    prepare(&prepared, 32);
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        struct ws_world world;
        ws_world_clone(&prepared, &world);
        test_fault_allocation(&fault);
        int rc = fi_place_config_set(world.tree.os, "/s", "wait", "2", &world.err);
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
        assert_old_or_new(&world, rc);
        ws_world_close(&world);
    }
    ws_world_close(&prepared);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

static void
the_power_may_go_at_any_call(void **state)
{
    struct ws_world prepared;
    prepare(&prepared, 33);
    bool was_off = true;
    for (uint64_t k = 1; was_off; k++) {
        for (uint64_t seed = 0; seed < 10; seed++) {
            struct ws_world world;
            ws_world_clone(&prepared, &world);
            fi_sim_memory_set_cut_at(world.tree.os, fi_sim_memory_calls(world.tree.os) + k);
            int rc = fi_place_config_set(world.tree.os, "/s", "wait", "2", &world.err);
            was_off = fi_sim_memory_is_off(world.tree.os);
            fi_sim_memory_power_cut(world.tree.os, seed == 0 ? 0 : seed * 1000 + k);
            fi_sim_memory_set_cut_at(world.tree.os, 0);
            ws_world_reopen(&world);
            assert_old_or_new(&world, rc);
            ws_world_close(&world);
        }
    }
    ws_world_close(&prepared);
}

/* Whatever is there after a mending that was cut off lets nothing expire, and is mended by the next. */
static void
assert_mends(struct ws_world *world)
{
    struct seen seen;
    struct fi_os_dir *dir;
    see(world, &seen);
    assert_string_equal(seen.keep, "forever");
    assert_int_equal(fi_os_dir_open_path(world->tree.os, "/s", &dir, &world->err), FIRN_OK);
    assert_int_equal(fi_place_config_repair(dir, &world->err), FIRN_OK);
    fi_os_dir_close(dir);
    see(world, &seen);
    assert_int_equal(seen.told, 0);
    assert_string_equal(seen.keep, "forever");
}

static int
mend(struct ws_world *world, struct fi_os *os)
{
    struct fi_os_dir *dir;
    int rc = fi_os_dir_open_path(os, "/s", &dir, &world->err);
    if (rc == FIRN_OK) {
        rc = fi_place_config_repair(dir, &world->err);
        fi_os_dir_close(dir);
    }
    return rc;
}

static void
mending_may_be_cut_off_anywhere(void **state)
{
    static char large[FI_PLACE_CONFIG_TEXT_SIZE_MAX + 2];
    const char *const texts[] = {"wait = 7\nk\n", large};
    memset(large, 'x', sizeof large - 1);
    for (size_t i = 0; i < 2; i++) {
        struct ws_world prepared;
        prepare(&prepared, 36);
        write_config(&prepared, "/s", texts[i]);
        assert_int_equal(fi_os_dir_sync_filesystem(prepared.tree.root, &prepared.err), FIRN_OK);
        bool was_off = true;
        for (uint64_t k = 1; was_off; k++) {
            for (uint64_t seed = 0; seed < 5; seed++) {
                struct ws_world world;
                ws_world_clone(&prepared, &world);
                fi_sim_memory_set_cut_at(world.tree.os, fi_sim_memory_calls(world.tree.os) + k);
                int rc = mend(&world, world.tree.os);
                was_off = fi_sim_memory_is_off(world.tree.os);
                assert_true(was_off || rc == FIRN_OK);
                fi_sim_memory_power_cut(world.tree.os, seed == 0 ? 0 : seed * 1000 + k);
                fi_sim_memory_set_cut_at(world.tree.os, 0);
                ws_world_reopen(&world);
                assert_mends(&world);
                ws_world_close(&world);
            }
        }
        struct test_fault fault = {.error_number = ENOSPC};
        while (test_fault_next(&fault)) {
            struct ws_world world;
            ws_world_clone(&prepared, &world);
            scan_world_wrap(&world.tree);
            test_fault_call(&fault, world.tree.outer);
            (void)mend(&world, world.tree.outer);
            test_fault_end(&fault);
            assert_mends(&world);
            ws_world_close(&world);
        }
        ws_world_close(&prepared);
    }
}

static void
any_allocation_may_fail_while_mending(void **state)
{
    test_alloc_install();
    struct ws_world prepared;
    prepare(&prepared, 37);
    write_config(&prepared, "/s", "wait = 7\nk\n");
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        struct ws_world world;
        struct seen seen = {.told = 0};
        ws_world_clone(&prepared, &world);
        test_fault_allocation(&fault);
        int rc = fi_place_config_list_readable(world.tree.os, "/s", see_setting, see_notice, &seen,
                                               &world.err);
        rc = rc == FIRN_OK ? mend(&world, world.tree.os) : rc;
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
        assert_mends(&world);
        ws_world_close(&world);
    }
    ws_world_close(&prepared);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_read_as_they_stand),
        cmocka_unit_test(what_is_wrong_is_refused_with_its_line),
        cmocka_unit_test(sizes_are_read),
        cmocka_unit_test(a_change_leaves_all_other_lines),
        cmocka_unit_test(lines_that_are_wrong_become_comments),
        cmocka_unit_test(what_cannot_be_read_counts_for_nothing_and_lets_nothing_expire),
        cmocka_unit_test(a_change_for_which_there_is_no_room_is_refused),
        cmocka_unit_test(a_repair_mends_settings_and_puts_away_what_it_cannot),
        cmocka_unit_test(any_call_may_fail),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(the_power_may_go_at_any_call),
        cmocka_unit_test(mending_may_be_cut_off_anywhere),
        cmocka_unit_test(any_allocation_may_fail_while_mending),
    };
    return cmocka_run_group_tests_name("ws_config", tests, NULL, NULL);
}
