/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/api: the public side of CHKP packs on the real disk, and every argument that cannot be
 * meant.
 */
#include <unistd.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_temp.h"

#define VECTOR "153248292f8297b9"
#define HELLO_HASH "8E4C7C1B99DBFD50E7A95185FEAD5EE1448FA904A2FDD778EAF5F2DBFD629A99"

static firn_error err;
static char folder[TEST_TEMP_SIZE];
static firn_hash hello;

#define OK(expression) assert_int_equal((expression), FIRN_OK)
#define REFUSED(expression) assert_int_equal((expression), FIRN_INVALID)

static int
set_up(void **state)
{
    test_temp_make(folder, sizeof folder);
    OK(firn_hash_from_hex(firn_str(HELLO_HASH), &hello));
    return 0;
}

static int
tear_down(void **state)
{
    static const char *const files[] = {"pack-" VECTOR ".dat", "pack-" VECTOR ".idx"};
    char path[128];
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        (void)unlink(path);
    }
    /* Nothing else is there. */
    return rmdir(folder);
}

static int
give_nothing(void *ctx, void *buffer, size_t capacity, size_t *out_size, firn_error *error)
{
    (void)buffer;
    (void)error;
    assert_true(capacity > 0);
    *out_size = 0;
    return *(int *)ctx;
}

/* "hello\n" through a pipe, and nothing from a source: the pack of the format's test vector. */
static void
write_vector(void)
{
    int pipe_ends[2];
    int answer = FIRN_CANCELLED;
    firn_hash hash;
    bool is_new = false;
    char name[FIRN_CHKP_NAME_SIZE];
    firn_chkp_writer *writer;
    OK(firn_chkp_writer_create(folder, &writer, &err));
    assert_int_equal(pipe(pipe_ends), 0);
    assert_int_equal(write(pipe_ends[1], "hello\n", 6), 6);
    assert_int_equal(close(pipe_ends[1]), 0);
    OK(firn_chkp_writer_add_fd(writer, pipe_ends[0], &hash, &is_new, &err));
    assert_int_equal(close(pipe_ends[0]), 0);
    assert_memory_equal(&hash, &hello, sizeof hash);
    assert_true(is_new);
    assert_int_equal(firn_chkp_writer_add_stream(writer, give_nothing, &answer, NULL, NULL, &err),
                     FIRN_CANCELLED);
    assert_string_equal(err.text, "stopped by the caller");
    answer = FIRN_OK;
    OK(firn_chkp_writer_add_stream(writer, give_nothing, &answer, NULL, NULL, &err));
    OK(firn_chkp_writer_add(writer, firn_str("hello\n"), NULL, &is_new, &err));
    assert_false(is_new);
    assert_int_equal(firn_chkp_writer_count(writer), 2);
    OK(firn_chkp_writer_finish(writer, name, &err));
    assert_string_equal(name, VECTOR);
    firn_chkp_writer_destroy(writer);
}

/* Fails, and says why if ctx is a text. */
static int
refuse(void *ctx, firn_slice data, firn_error *error)
{
    (void)data;
    if (ctx != NULL) {
        error->code = FIRN_CANCELLED;
        (void)snprintf(error->text, sizeof error->text, "%s", (const char *)ctx);
    }
    return FIRN_CANCELLED;
}

static int
count_data(void *ctx, firn_slice data, firn_error *error)
{
    (void)error;
    *(size_t *)ctx += data.size;
    return FIRN_OK;
}

static int
count_entry(void *ctx, const firn_chkp_entry *entry)
{
    assert_true(entry->stored_size > 0);
    ++*(size_t *)ctx;
    return FIRN_OK;
}

static int
count_set_entry(void *ctx, const char *name, const firn_chkp_entry *entry)
{
    assert_string_equal(name, VECTOR);
    return count_entry(ctx, entry);
}

static int
count_name(void *ctx, const char *name)
{
    assert_string_equal(name, VECTOR);
    ++*(size_t *)ctx;
    return FIRN_OK;
}

static void
a_pack_is_written_and_read(void **state)
{
    firn_chkp *pack;
    firn_chkp_entry entry = FIRN_CHKP_ENTRY_INIT;
    bool is_there = false;
    uint8_t *data;
    size_t size;
    size_t count = 0;
    write_vector();
    OK(firn_chkp_open(folder, VECTOR, NULL, &pack, &err));
    assert_string_equal(firn_chkp_name(pack), VECTOR);
    assert_int_equal(firn_chkp_count(pack), 2);
    OK(firn_chkp_contains(pack, &hello, &is_there, &err));
    assert_true(is_there);
    OK(firn_chkp_locate(pack, &hello, &entry, &err));
    assert_int_equal(entry.offset, 12);
    OK(firn_chkp_read(pack, &hello, 6, &data, &size, &err));
    assert_int_equal(size, 6);
    assert_memory_equal(data, "hello\n", 6);
    firn_release(data);
    OK(firn_chkp_stream(pack, &hello, count_data, &count, &err));
    assert_int_equal(count, 6);
    assert_int_equal(firn_chkp_stream(pack, &hello, refuse, NULL, &err), FIRN_CANCELLED);
    assert_string_equal(err.text, "stopped by the caller");
    assert_int_equal(firn_chkp_stream(pack, &hello, refuse, "no room", &err), FIRN_CANCELLED);
    assert_string_equal(err.text, "no room");
    count = 0;
    OK(firn_chkp_list(pack, count_entry, &count, &err));
    assert_int_equal(count, 2);
    OK(firn_chkp_verify(pack, NULL, &err));
    firn_chkp_close(pack);
    OK(firn_chkp_rebuild_index(folder, VECTOR, NULL, &err));
    count = 0;
    OK(firn_chkp_list_packs(folder, count_name, &count, &err));
    assert_int_equal(count, 1);
}

static int
refuse_progress(void *ctx, const firn_progress *progress)
{
    assert_string_equal(progress->phase, "verify");
    ++*(size_t *)ctx;
    return FIRN_IO;
}

static void
verifying_can_be_cancelled(void **state)
{
    firn_chkp *pack;
    firn_chkp_set *set;
    size_t count = 0;
    firn_chkp_verify_options options = FIRN_CHKP_VERIFY_OPTIONS_INIT;
    options.callbacks.on_progress = refuse_progress;
    options.callbacks.ctx = &count;
    write_vector();
    OK(firn_chkp_open(folder, VECTOR, NULL, &pack, &err));
    assert_int_equal(firn_chkp_verify(pack, &options, &err), FIRN_CANCELLED);
    assert_int_equal(count, 1);
    firn_chkp_close(pack);
    OK(firn_chkp_set_open(folder, NULL, 0, NULL, &set, &err));
    assert_int_equal(firn_chkp_set_verify(set, &options, &err), FIRN_CANCELLED);
    assert_int_equal(count, 2);
    options.size = 0;
    assert_int_equal(firn_chkp_set_verify(set, &options, &err), FIRN_INVALID);
    firn_chkp_set_close(set);
}

static void
a_set_is_read(void **state)
{
    firn_chkp_set *set;
    firn_chkp_entry entry = FIRN_CHKP_ENTRY_INIT;
    const char *name;
    bool is_there = false;
    uint8_t *data;
    size_t size;
    size_t count = 0;
    firn_chkp_set_options options = FIRN_CHKP_SET_OPTIONS_INIT;
    write_vector();
    options.pack.object_size_max = 5;
    OK(firn_chkp_set_open(folder, NULL, 0, &options, &set, &err));
    assert_int_equal(firn_chkp_set_count(set), 1);
    assert_int_equal(firn_chkp_set_object_count(set), 2);
    assert_string_equal(firn_chkp_set_name(set, 0), VECTOR);
    OK(firn_chkp_set_contains(set, &hello, &is_there, &err));
    assert_true(is_there);
    OK(firn_chkp_set_locate(set, &hello, &entry, &name, &err));
    assert_string_equal(name, VECTOR);
    assert_int_equal(firn_chkp_set_read(set, &hello, SIZE_MAX, &data, &size, &err), FIRN_LIMIT);
    assert_null(data);
    assert_int_equal(firn_chkp_set_stream(set, &hello, count_data, &count, &err), FIRN_LIMIT);
    assert_int_equal(firn_chkp_set_verify(set, NULL, &err), FIRN_LIMIT);
    OK(firn_chkp_set_list(set, count_set_entry, &count, &err));
    firn_chkp_set_close(set);
}

/* What a notice says, and what becomes of handles that its receiver opens and closes. */
struct noticed {
    firn_chkp *pack;
    unsigned count;
    unsigned refused_count;
};

static void
notice_and_use_handles(void *ctx, const firn_notice *notice)
{
    struct noticed *noticed = ctx;
    firn_error error;
    firn_chkp *opened;
    firn_chkp_set *set;
    firn_chkp_writer *writer;
    bool is_there;
    assert_int_equal(notice->kind, FIRN_NOTICE_DAMAGED);
    assert_true(strlen(notice->text) > 0);
    noticed->count++;
    noticed->refused_count +=
        firn_chkp_open(folder, VECTOR, NULL, &opened, &error) == FIRN_MISUSE && opened == NULL;
    noticed->refused_count +=
        firn_chkp_set_open(folder, NULL, 0, NULL, &set, &error) == FIRN_MISUSE && set == NULL;
    noticed->refused_count +=
        firn_chkp_writer_create(folder, &writer, &error) == FIRN_MISUSE && writer == NULL;
    is_there = true;
    noticed->refused_count +=
        firn_chkp_contains(noticed->pack, &hello, &is_there, &error) == FIRN_MISUSE && !is_there;
    firn_chkp_close(noticed->pack); /* does nothing */
}

static void
a_pack_that_is_left_out_is_a_notice(void **state)
{
    char path[128];
    struct noticed noticed = {.count = 0};
    firn_chkp_set *set;
    firn_chkp_set_options options = FIRN_CHKP_SET_OPTIONS_INIT;
    options.callbacks.on_notice = notice_and_use_handles;
    options.callbacks.ctx = &noticed;
    write_vector();
    OK(firn_chkp_open(folder, VECTOR, NULL, &noticed.pack, &err));
    (void)snprintf(path, sizeof path, "%s/pack-0123456789abcdef.dat", folder);
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_true(fputs("no pack", file) >= 0);
    assert_int_equal(fclose(file), 0);
    OK(firn_chkp_set_open(folder, NULL, 0, &options, &set, &err));
    assert_int_equal(firn_chkp_set_count(set), 1);
    assert_int_equal(noticed.count, 1);
    assert_int_equal(noticed.refused_count, 4);
    assert_int_equal(firn_chkp_count(noticed.pack), 2);
    firn_chkp_set_close(set);
    firn_chkp_close(noticed.pack);
    assert_int_equal(unlink(path), 0);
}

static void
frames_can_be_given(void **state)
{
    static const uint8_t frame[] = {0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x48, 0x31, 0x00,
                                    0x00, 0x68, 0x65, 0x6c, 0x6c, 0x6f, 0x0a};
    firn_chkp_writer *writer;
    bool is_new = false;
    OK(firn_chkp_writer_create(folder, &writer, &err));
    OK(firn_chkp_writer_add_frame(writer, &hello, firn_bytes(frame, 15), &is_new, &err));
    assert_true(is_new);
    OK(firn_chkp_writer_add_trusted_frame(writer, &hello, firn_bytes(frame, 15), &is_new, &err));
    assert_false(is_new);
    REFUSED(firn_chkp_writer_add_frame(writer, &hello, firn_bytes(frame, 0), NULL, &err));
    REFUSED(firn_chkp_writer_add_frame(writer, NULL, firn_bytes(frame, 15), NULL, &err));
    REFUSED(firn_chkp_writer_add_trusted_frame(writer, &hello, firn_bytes(NULL, 1), NULL, &err));
    firn_chkp_writer_destroy(writer);
}

static void
writers_refuse_what_cannot_be_meant(void **state)
{
    firn_chkp_writer *writer;
    char name[FIRN_CHKP_NAME_SIZE] = "x";
    int answer = FIRN_OK;
    REFUSED(firn_chkp_writer_create(NULL, &writer, &err));
    REFUSED(firn_chkp_writer_create("", &writer, &err));
    REFUSED(firn_chkp_writer_create(folder, NULL, &err));
    OK(firn_chkp_writer_create(folder, &writer, &err));
    REFUSED(firn_chkp_writer_add(NULL, firn_str("x"), NULL, NULL, &err));
    REFUSED(firn_chkp_writer_add(writer, firn_bytes(NULL, 1), NULL, NULL, &err));
    OK(firn_chkp_writer_add(writer, firn_bytes(NULL, 0), NULL, NULL, NULL));
    REFUSED(firn_chkp_writer_add_stream(writer, NULL, NULL, NULL, NULL, &err));
    REFUSED(firn_chkp_writer_add_stream(NULL, give_nothing, &answer, NULL, NULL, &err));
    REFUSED(firn_chkp_writer_add_fd(writer, -1, NULL, NULL, &err));
    assert_int_not_equal(firn_chkp_writer_add_fd(writer, 999999, NULL, NULL, &err), FIRN_OK);
    REFUSED(firn_chkp_writer_finish(NULL, name, &err));
    REFUSED(firn_chkp_writer_finish(writer, NULL, &err));
    assert_int_equal(firn_chkp_writer_count(NULL), 0);
    firn_chkp_writer_destroy(writer);
    firn_chkp_writer_destroy(NULL);
    assert_int_equal(firn_chkp_writer_create("/nonexistent/folder", &writer, &err), FIRN_NOT_FOUND);
    assert_null(writer);
}

static void
readers_refuse_what_cannot_be_meant(void **state)
{
    firn_chkp *pack;
    firn_chkp_entry entry = FIRN_CHKP_ENTRY_INIT;
    bool is_there;
    uint8_t *data;
    size_t size;
    firn_chkp_options options = FIRN_CHKP_OPTIONS_INIT;
    write_vector();
    REFUSED(firn_chkp_open(NULL, VECTOR, NULL, &pack, &err));
    REFUSED(firn_chkp_open(folder, NULL, NULL, &pack, &err));
    REFUSED(firn_chkp_open(folder, VECTOR, NULL, NULL, &err));
    REFUSED(firn_chkp_open(folder, "../" VECTOR, NULL, &pack, &err));
    options.size = 0;
    REFUSED(firn_chkp_open(folder, VECTOR, &options, &pack, &err));
    assert_null(pack);
    OK(firn_chkp_open(folder, VECTOR, NULL, &pack, &err));
    REFUSED(firn_chkp_contains(pack, NULL, &is_there, &err));
    REFUSED(firn_chkp_contains(pack, &hello, NULL, &err));
    REFUSED(firn_chkp_locate(NULL, &hello, &entry, &err));
    entry.size = offsetof(firn_chkp_entry, stored_size);
    REFUSED(firn_chkp_locate(pack, &hello, &entry, &err));
    REFUSED(firn_chkp_read(pack, &hello, 6, NULL, &size, &err));
    REFUSED(firn_chkp_read(pack, &hello, 6, &data, NULL, &err));
    REFUSED(firn_chkp_stream(pack, &hello, NULL, NULL, &err));
    REFUSED(firn_chkp_list(pack, NULL, NULL, &err));
    REFUSED(firn_chkp_verify(NULL, NULL, &err));
    firn_chkp_close(pack);
    firn_chkp_close(NULL);
    assert_null(firn_chkp_name(NULL));
    assert_int_equal(firn_chkp_count(NULL), 0);
    REFUSED(firn_chkp_list_packs(folder, NULL, NULL, &err));
    REFUSED(firn_chkp_rebuild_index(folder, NULL, NULL, &err));
}

static void
sets_refuse_what_cannot_be_meant(void **state)
{
    firn_chkp_set *set;
    firn_chkp_entry entry = FIRN_CHKP_ENTRY_INIT;
    bool is_there;
    size_t size;
    const char *const names[] = {NULL};
    firn_chkp_set_options options = FIRN_CHKP_SET_OPTIONS_INIT;
    options.pack.size = 0;
    REFUSED(firn_chkp_set_open(folder, NULL, 0, &options, &set, &err));
    options.size = 0;
    REFUSED(firn_chkp_set_open(folder, NULL, 0, &options, &set, &err));
    REFUSED(firn_chkp_set_open(folder, NULL, 0, NULL, NULL, &err));
    REFUSED(firn_chkp_set_open(folder, NULL, 1, NULL, &set, &err));
    REFUSED(firn_chkp_set_open(folder, names, 1, NULL, &set, &err));
    OK(firn_chkp_set_open(folder, NULL, 0, NULL, &set, &err));
    REFUSED(firn_chkp_set_contains(set, &hello, NULL, &err));
    REFUSED(firn_chkp_set_contains(NULL, &hello, &is_there, &err));
    REFUSED(firn_chkp_set_locate(set, NULL, &entry, NULL, &err));
    REFUSED(firn_chkp_set_read(set, &hello, 1, NULL, &size, &err));
    REFUSED(firn_chkp_set_stream(set, &hello, NULL, NULL, &err));
    REFUSED(firn_chkp_set_list(set, NULL, NULL, &err));
    REFUSED(firn_chkp_set_verify(NULL, NULL, &err));
    firn_chkp_set_close(set);
    firn_chkp_set_close(NULL);
    assert_int_equal(firn_chkp_set_count(NULL), 0);
    assert_int_equal(firn_chkp_set_object_count(NULL), 0);
    assert_null(firn_chkp_set_name(NULL, 0));
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_pack_is_written_and_read),
        TEST(verifying_can_be_cancelled),
        TEST(a_set_is_read),
        TEST(a_pack_that_is_left_out_is_a_notice),
        TEST(frames_can_be_given),
        TEST(writers_refuse_what_cannot_be_meant),
        TEST(readers_refuse_what_cannot_be_meant),
        TEST(sets_refuse_what_cannot_be_meant),
    };
    return cmocka_run_group_tests_name("chkp_api", tests, NULL, NULL);
}
