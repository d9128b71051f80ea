/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/api: the public side of ALXS tables on the real disk, and every argument that cannot be
 * meant.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_temp.h"

static firn_error err;
static char folder[TEST_TEMP_SIZE];
static char path[128];

#define OK(expression) assert_int_equal((expression), FIRN_OK)
#define REFUSED(expression) assert_int_equal((expression), FIRN_INVALID)

static int
set_up(void **state)
{
    test_temp_make(folder, sizeof folder);
    (void)snprintf(path, sizeof path, "%s/t.alxs", folder);
    return 0;
}

static int
tear_down(void **state)
{
    (void)unlink(path);
    /* Nothing else is there. */
    return rmdir(folder);
}

/* The format's test vector. */
static void
write_vector(void)
{
    uint32_t checksum = 0;
    firn_alxs_writer *writer;
    OK(firn_alxs_writer_create(path, NULL, &writer, &err));
    OK(firn_alxs_writer_append(writer, firn_str("a"), firn_str("1"), &err));
    OK(firn_alxs_writer_append(writer, firn_str("b"), firn_bytes(NULL, 0), &err));
    assert_int_equal(firn_alxs_writer_count(writer), 2);
    OK(firn_alxs_writer_finish(writer, &checksum, &err));
    assert_int_equal(checksum, 0x16bd2616);
    firn_alxs_writer_destroy(writer);
}

static bool
is(firn_slice slice, const char *text)
{
    return slice.size == strlen(text) && memcmp(slice.data, text, slice.size) == 0;
}

static void
a_table_goes_in_and_comes_out(void **state)
{
    firn_alxs *table;
    firn_alxs_cursor *cursor;
    uint8_t *value;
    size_t size;
    write_vector();
    OK(firn_alxs_open(path, NULL, &table, &err));
    assert_int_equal(firn_alxs_count(table), 2);
    assert_int_equal(firn_alxs_checksum(table), 0x16bd2616);
    OK(firn_alxs_get(table, firn_str("a"), &value, &size, &err));
    assert_true(is(firn_bytes(value, size), "1"));
    firn_release(value);
    OK(firn_alxs_get(table, firn_str("b"), &value, &size, &err));
    assert_non_null(value);
    assert_int_equal(size, 0);
    firn_release(value);
    assert_int_equal(firn_alxs_get(table, firn_bytes(NULL, 0), &value, &size, &err),
                     FIRN_NOT_FOUND);
    assert_null(value);
    OK(firn_alxs_cursor_open(table, &cursor, &err));
    assert_false(firn_alxs_cursor_valid(cursor));
    OK(firn_alxs_cursor_first(cursor, &err));
    assert_true(is(firn_alxs_cursor_key(cursor), "a"));
    assert_true(is(firn_alxs_cursor_value(cursor), "1"));
    OK(firn_alxs_cursor_next(cursor, &err));
    assert_true(is(firn_alxs_cursor_key(cursor), "b"));
    OK(firn_alxs_cursor_prev(cursor, &err));
    OK(firn_alxs_cursor_last(cursor, &err));
    assert_true(is(firn_alxs_cursor_key(cursor), "b"));
    OK(firn_alxs_cursor_seek(cursor, firn_bytes(NULL, 0), &err));
    assert_true(is(firn_alxs_cursor_key(cursor), "a"));
    OK(firn_alxs_cursor_seek_before(cursor, firn_str("b"), &err));
    assert_true(is(firn_alxs_cursor_key(cursor), "a"));
    OK(firn_alxs_cursor_seek(cursor, firn_str("c"), &err));
    assert_false(firn_alxs_cursor_valid(cursor));
    assert_int_equal(firn_alxs_cursor_next(cursor, &err), FIRN_MISUSE);
    firn_alxs_cursor_close(cursor);
    firn_alxs_close(table);
}

struct told {
    size_t notices;
    size_t progress;
    size_t refused;
};

static void
count_notice(void *ctx, const firn_notice *notice)
{
    struct told *told = ctx;
    firn_error error;
    firn_alxs *table;
    firn_alxs_writer *writer;
    assert_int_equal(notice->kind, FIRN_NOTICE_DAMAGED);
    assert_true(strlen(notice->text) > 0);
    told->notices++;
    told->refused +=
        firn_alxs_open(path, NULL, &table, &error) == FIRN_MISUSE && table == NULL ? 1 : 0;
    told->refused +=
        firn_alxs_writer_create(path, NULL, &writer, &error) == FIRN_MISUSE && writer == NULL ? 1
                                                                                              : 0;
}

static int
count_progress(void *ctx, const firn_progress *progress)
{
    struct told *told = ctx;
    assert_string_equal(progress->phase, "verify");
    told->progress++;
    return FIRN_OK;
}

static int
refuse_progress(void *ctx, const firn_progress *progress)
{
    (void)ctx;
    (void)progress;
    return FIRN_IO;
}

static void
verify_tells_what_it_finds(void **state)
{
    struct told told = {0};
    firn_alxs_info info = FIRN_ALXS_INFO_INIT;
    firn_alxs_verify_options options = FIRN_ALXS_VERIFY_OPTIONS_INIT;
    options.callbacks.on_notice = count_notice;
    options.callbacks.on_progress = count_progress;
    options.callbacks.ctx = &told;
    write_vector();
    OK(firn_alxs_verify(path, &options, &info, &err));
    assert_int_equal(info.count, 2);
    assert_int_equal(info.file_size, 51);
    assert_true(told.progress > 0);
    assert_int_equal(told.notices, 0);
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 25, SEEK_SET), 0);
    assert_int_equal(fputc('2', file), '2');
    assert_int_equal(fclose(file), 0);
    assert_int_equal(firn_alxs_verify(path, &options, &info, &err), FIRN_CORRUPT);
    assert_int_equal(told.notices, 1);
    assert_int_equal(told.refused, 2);
    assert_int_equal(firn_alxs_verify(path, NULL, NULL, &err), FIRN_CORRUPT);
    options.callbacks.on_progress = refuse_progress;
    assert_int_equal(firn_alxs_verify(path, &options, NULL, &err), FIRN_CANCELLED);
    options.callbacks.on_progress = NULL;
    options.key_size_max = 0;
    assert_int_equal(firn_alxs_verify(path, &options, NULL, &err), FIRN_LIMIT);
    options.size = 0;
    assert_int_equal(firn_alxs_verify(path, &options, NULL, &err), FIRN_INVALID);
}

static void
links_are_followed_by_readers_only(void **state)
{
    char link_path[128];
    firn_alxs *table;
    firn_alxs_writer *writer;
    struct stat stat;
    firn_alxs_writer_options options = FIRN_ALXS_WRITER_OPTIONS_INIT;
    write_vector();
    (void)snprintf(link_path, sizeof link_path, "%s/link", folder);
    assert_int_equal(symlink("t.alxs", link_path), 0);
    OK(firn_alxs_open(link_path, NULL, &table, &err));
    firn_alxs_close(table);
    assert_int_equal(firn_alxs_writer_create(link_path, NULL, &writer, &err), FIRN_EXISTS);
    options.replace_existing = true;
    OK(firn_alxs_writer_create(link_path, &options, &writer, &err));
    OK(firn_alxs_writer_finish(writer, NULL, &err));
    firn_alxs_writer_destroy(writer);
    assert_int_equal(lstat(link_path, &stat), 0);
    assert_true(S_ISREG(stat.st_mode));
    assert_int_equal(stat.st_size, 32);
    OK(firn_alxs_open(path, NULL, &table, &err));
    assert_int_equal(firn_alxs_count(table), 2);
    firn_alxs_close(table);
    assert_int_equal(unlink(link_path), 0);
}

static void
options_of_other_versions_are_understood(void **state)
{
    firn_alxs *table;
    firn_alxs_writer *writer;
    struct {
        firn_alxs_options known;
        uint64_t later;
    } longer = {FIRN_ALXS_OPTIONS_INIT, 0};
    struct {
        size_t size;
        uint64_t file_size;
    } shorter_info = {sizeof shorter_info, 0};
    write_vector();
    longer.known.size = sizeof longer;
    OK(firn_alxs_open(path, &longer.known, &table, &err));
    OK(firn_alxs_describe(table, (firn_alxs_info *)(void *)&shorter_info, &err));
    assert_int_equal(shorter_info.file_size, 51);
    assert_int_equal(shorter_info.size, sizeof shorter_info);
    firn_alxs_close(table);
    longer.later = 1;
    assert_int_equal(firn_alxs_open(path, &longer.known, &table, &err), FIRN_UNSUPPORTED);
    firn_alxs_options nothing = {0};
    REFUSED(firn_alxs_open(path, &nothing, &table, &err));
    firn_alxs_writer_options writer_nothing = {0};
    REFUSED(firn_alxs_writer_create(path, &writer_nothing, &writer, &err));
}

static void
what_cannot_be_meant_is_refused(void **state)
{
    firn_alxs *table;
    firn_alxs_writer *writer;
    firn_alxs_cursor *cursor;
    uint8_t *value;
    size_t size;
    firn_alxs_info info = {0};
    const firn_slice bad = {NULL, 1};
    REFUSED(firn_alxs_writer_create(NULL, NULL, &writer, &err));
    REFUSED(firn_alxs_writer_create("", NULL, &writer, &err));
    REFUSED(firn_alxs_writer_create(path, NULL, NULL, &err));
    REFUSED(firn_alxs_writer_append(NULL, firn_str("a"), firn_str("1"), &err));
    REFUSED(firn_alxs_writer_finish(NULL, NULL, &err));
    assert_int_equal(firn_alxs_writer_count(NULL), 0);
    firn_alxs_writer_destroy(NULL);
    OK(firn_alxs_writer_create(path, NULL, &writer, NULL));
    REFUSED(firn_alxs_writer_append(writer, bad, firn_str("1"), &err));
    REFUSED(firn_alxs_writer_append(writer, firn_str("a"), bad, &err));
    OK(firn_alxs_writer_finish(writer, NULL, NULL));
    firn_alxs_writer_destroy(writer);
    REFUSED(firn_alxs_open(NULL, NULL, &table, &err));
    REFUSED(firn_alxs_open("", NULL, &table, &err));
    REFUSED(firn_alxs_open(path, NULL, NULL, &err));
    assert_int_equal(firn_alxs_open("/nothing/here", NULL, &table, &err), FIRN_NOT_FOUND);
    assert_null(table);
    assert_int_equal(firn_alxs_open(folder, NULL, &table, &err), FIRN_INVALID);
    OK(firn_alxs_open(path, NULL, &table, &err));
    REFUSED(firn_alxs_describe(NULL, &info, &err));
    REFUSED(firn_alxs_describe(table, NULL, &err));
    REFUSED(firn_alxs_describe(table, &info, &err));
    REFUSED(firn_alxs_get(NULL, firn_str("a"), &value, &size, &err));
    REFUSED(firn_alxs_get(table, bad, &value, &size, &err));
    REFUSED(firn_alxs_get(table, firn_str("a"), NULL, &size, &err));
    REFUSED(firn_alxs_get(table, firn_str("a"), &value, NULL, &err));
    REFUSED(firn_alxs_verify(NULL, NULL, NULL, &err));
    REFUSED(firn_alxs_verify("", NULL, NULL, &err));
    REFUSED(firn_alxs_verify(path, NULL, &info, &err));
    REFUSED(firn_alxs_cursor_open(NULL, &cursor, &err));
    REFUSED(firn_alxs_cursor_open(table, NULL, &err));
    OK(firn_alxs_cursor_open(table, &cursor, &err));
    REFUSED(firn_alxs_cursor_seek(cursor, bad, &err));
    REFUSED(firn_alxs_cursor_seek_before(cursor, bad, &err));
    firn_alxs_cursor_close(cursor);
    REFUSED(firn_alxs_cursor_first(NULL, &err));
    REFUSED(firn_alxs_cursor_last(NULL, &err));
    REFUSED(firn_alxs_cursor_seek(NULL, firn_str("a"), &err));
    REFUSED(firn_alxs_cursor_seek_before(NULL, firn_str("a"), &err));
    REFUSED(firn_alxs_cursor_next(NULL, &err));
    REFUSED(firn_alxs_cursor_prev(NULL, &err));
    assert_false(firn_alxs_cursor_valid(NULL));
    assert_int_equal(firn_alxs_cursor_key(NULL).size, 0);
    assert_int_equal(firn_alxs_cursor_value(NULL).size, 0);
    firn_alxs_cursor_close(NULL);
    firn_alxs_close(table);
    assert_int_equal(firn_alxs_count(NULL), 0);
    assert_int_equal(firn_alxs_checksum(NULL), 0);
    firn_alxs_close(NULL);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_table_goes_in_and_comes_out),      TEST(verify_tells_what_it_finds),
        TEST(links_are_followed_by_readers_only), TEST(options_of_other_versions_are_understood),
        TEST(what_cannot_be_meant_is_refused),
    };
    return cmocka_run_group_tests_name("alxs_api", tests, NULL, NULL);
}
