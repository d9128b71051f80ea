/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/api: firn/pack.h through its public names, on a real disk.
 */
#include <sys/stat.h>
#include <unistd.h>

#include "firn/firn.h"
#include "support/test.h"
#include "support/test_temp.h"

static char folder[TEST_TEMP_SIZE];
static char path[TEST_TEMP_SIZE + 16];

static int
make_folder(void **state)
{
    test_temp_make(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/a.pack", folder);
    return 0;
}

static int
remove_folder(void **state)
{
    unlink(path);
    return rmdir(folder);
}

struct seen {
    uint64_t count;
    uint64_t bytes;
};

static int
count_object(void *ctx, const firn_hash *hash, uint64_t size)
{
    (void)hash;
    struct seen *seen = ctx;
    seen->count++;
    seen->bytes += size;
    return FIRN_OK;
}

static int
count_bytes(void *ctx, firn_slice data, firn_error *error)
{
    (void)error;
    ((struct seen *)ctx)->bytes += data.size;
    return FIRN_OK;
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

/* 9 MiB, so that it is cut into pieces, from a file that is gone by name. */
static int
open_large(void)
{
    char name[TEST_TEMP_SIZE + 16];
    snprintf(name, sizeof name, "%s/large", folder);
    FILE *file = fopen(name, "wb");
    assert_non_null(file);
    for (uint32_t i = 0; i < (9u << 20) / 4; i++) {
        uint32_t value = i * 2654435761u;
        assert_int_equal(fwrite(&value, sizeof value, 1, file), 1);
    }
    assert_int_equal(fclose(file), 0);
    FILE *again = fopen(name, "rb");
    assert_non_null(again);
    int fd = dup(fileno(again));
    assert_int_equal(fclose(again), 0);
    assert_int_equal(unlink(name), 0);
    assert_true(fd >= 0);
    return fd;
}

static void
objects_of_any_size_come_back(void **state)
{
    firn_error err;
    firn_pack_writer *writer;
    firn_hash small;
    firn_hash large;
    firn_hash empty;
    bool is_new;
    assert_int_equal(firn_pack_writer_create(path, &writer, &err), FIRN_OK);
    assert_int_equal(firn_pack_writer_add(writer, firn_str("hello"), &small, &is_new, &err),
                     FIRN_OK);
    assert_true(is_new);
    assert_int_equal(firn_pack_writer_add(writer, firn_str("hello"), &small, &is_new, &err),
                     FIRN_OK);
    assert_false(is_new);
    assert_int_equal(firn_pack_writer_add(writer, firn_bytes(NULL, 0), &empty, NULL, &err),
                     FIRN_OK);
    int fd = open_large();
    assert_int_equal(firn_pack_writer_add_fd(writer, fd, &large, &is_new, &err), FIRN_OK);
    close(fd);
    assert_int_not_equal(access(path, F_OK), 0);
    assert_int_equal(firn_pack_writer_finish(writer, &err), FIRN_OK);
    firn_pack_writer_destroy(writer);
    assert_int_equal(firn_pack_writer_create(path, &writer, &err), FIRN_EXISTS);
    assert_null(writer);

    firn_pack *pack;
    assert_int_equal(firn_pack_open(path, &pack, &err), FIRN_OK);
    bool is_there;
    uint64_t size;
    uint8_t *bytes;
    size_t byte_count;
    firn_hash nothing = {{0}};
    assert_int_equal(firn_pack_contains(pack, &small, &is_there, &err), FIRN_OK);
    assert_true(is_there);
    assert_int_equal(firn_pack_contains(pack, &nothing, &is_there, &err), FIRN_OK);
    assert_false(is_there);
    assert_int_equal(firn_pack_size_of(pack, &large, &size, &err), FIRN_OK);
    assert_int_equal(size, 9 << 20);
    assert_int_equal(firn_pack_size_of(pack, &nothing, &size, &err), FIRN_NOT_FOUND);
    assert_int_equal(firn_pack_read(pack, &small, 5, &bytes, &byte_count, &err), FIRN_OK);
    assert_int_equal(byte_count, 5);
    assert_memory_equal(bytes, "hello", 5);
    firn_release(bytes);
    assert_int_equal(firn_pack_read(pack, &small, 4, &bytes, &byte_count, &err), FIRN_LIMIT);
    assert_null(bytes);
    assert_int_equal(firn_pack_read(pack, &empty, 0, &bytes, &byte_count, &err), FIRN_OK);
    assert_non_null(bytes);
    assert_int_equal(byte_count, 0);
    firn_release(bytes);
    struct seen seen = {0};
    assert_int_equal(firn_pack_stream(pack, &large, count_bytes, &seen, &err), FIRN_OK);
    assert_int_equal(seen.bytes, 9 << 20);
    assert_int_equal(firn_pack_stream(pack, &large, refuse, NULL, &err), FIRN_CANCELLED);
    assert_string_equal(err.text, "stopped by the caller");
    assert_int_equal(firn_pack_stream(pack, &large, refuse, "no room", &err), FIRN_CANCELLED);
    assert_string_equal(err.text, "no room");
    assert_int_equal(firn_pack_stream(pack, &large, refuse, "no room", NULL), FIRN_CANCELLED);
    seen = (struct seen){0};
    assert_int_equal(firn_pack_list(pack, count_object, &seen, &err), FIRN_OK);
    assert_int_equal(seen.count, firn_pack_count(pack));
    assert_int_equal(seen.count, 3 + 9); /* the pieces are objects too */
    assert_int_equal(firn_pack_verify(pack, NULL, &err), FIRN_OK);
    firn_pack_close(pack);
}

static void
damage_is_told(void **state)
{
    firn_error err;
    FILE *file = fopen(path, "r+b");
    assert_non_null(file);
    assert_int_equal(fseek(file, 5000, SEEK_SET), 0);
    int byte = fgetc(file);
    assert_int_equal(fseek(file, 5000, SEEK_SET), 0);
    assert_int_equal(fputc(byte ^ 4, file), byte ^ 4);
    assert_int_equal(fclose(file), 0);
    firn_pack *pack;
    assert_int_equal(firn_pack_open(path, &pack, &err), FIRN_OK);
    assert_int_equal(firn_pack_verify(pack, NULL, &err), FIRN_CORRUPT);
    firn_pack_close(pack);
}

struct asked {
    firn_pack *pack; /* that is verified */
    unsigned count;
    uint64_t bytes_total;
    int answer;
};

static int
note_progress(void *ctx, const firn_progress *progress)
{
    struct asked *asked = ctx;
    assert_string_equal(progress->phase, "verify");
    assert_true(progress->bytes_done <= progress->bytes_total);
    asked->count++;
    asked->bytes_total = progress->bytes_total;
    return asked->answer;
}

/* What is damaged, while no handle can be opened, used or closed (firn/notice.h). */
static void
note_damage(void *ctx, const firn_notice *notice)
{
    const struct asked *asked = ctx;
    firn_error error;
    firn_pack *opened;
    firn_pack_writer *writer;
    firn_batch *batch;
    firn_hash hash = {{0}};
    uint8_t *bytes;
    size_t size;
    bool is_there = true;
    assert_int_equal(notice->kind, FIRN_NOTICE_DAMAGED);
    assert_non_null(strstr(notice->text, path));
    assert_int_equal(firn_pack_open(path, &opened, &error), FIRN_MISUSE);
    assert_null(opened);
    assert_int_equal(firn_pack_writer_create(path, &writer, &error), FIRN_MISUSE);
    assert_null(writer);
    assert_int_equal(firn_batch_create(&batch, &error), FIRN_MISUSE);
    assert_null(batch);
    assert_int_equal(firn_pack_contains(asked->pack, &hash, &is_there, &error), FIRN_MISUSE);
    assert_false(is_there);
    assert_int_equal(firn_pack_read(asked->pack, &hash, 1, &bytes, &size, &error), FIRN_MISUSE);
    assert_null(bytes);
    firn_pack_close(asked->pack); /* does nothing */
}

static void
verifying_tells_how_far_it_is_and_can_be_cancelled(void **state)
{
    firn_error err;
    firn_pack *pack;
    struct stat stat_of;
    struct asked asked = {.answer = FIRN_OK};
    firn_pack_verify_options options = FIRN_PACK_VERIFY_OPTIONS_INIT;
    options.callbacks.on_notice = note_damage;
    options.callbacks.on_progress = note_progress;
    options.callbacks.ctx = &asked;
    assert_int_equal(stat(path, &stat_of), 0);
    assert_int_equal(firn_pack_open(path, &pack, &err), FIRN_OK);
    asked.pack = pack;
    assert_int_equal(firn_pack_verify(pack, &options, &err), FIRN_CORRUPT);
    assert_true(asked.count > 0);
    assert_int_equal(asked.bytes_total, stat_of.st_size);
    asked = (struct asked){.pack = pack, .answer = FIRN_IO};
    assert_int_equal(firn_pack_verify(pack, &options, &err), FIRN_CANCELLED);
    assert_int_equal(err.code, FIRN_CANCELLED);
    assert_int_equal(asked.count, 1);
    assert_int_equal(firn_pack_verify(pack, NULL, &err), FIRN_CORRUPT); /* nobody is asked */
    assert_int_equal(asked.count, 1);
    options.size = 0;
    assert_int_equal(firn_pack_verify(pack, &options, &err), FIRN_INVALID);
    firn_pack_close(pack);
}

static void
arguments_are_checked(void **state)
{
    firn_error err;
    firn_pack *pack;
    firn_pack_writer *writer;
    firn_hash hash = {{0}};
    uint64_t size;
    bool is_there;
    assert_int_equal(firn_pack_open(NULL, &pack, &err), FIRN_INVALID);
    assert_int_equal(firn_pack_open(path, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_pack_open("/nonexistent/x.pack", &pack, &err), FIRN_NOT_FOUND);
    assert_null(pack);
    assert_int_equal(firn_pack_writer_create(NULL, &writer, &err), FIRN_INVALID);
    assert_int_equal(firn_pack_writer_add(NULL, firn_str("x"), NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_pack_writer_add_fd(NULL, 0, NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_pack_writer_finish(NULL, NULL), FIRN_INVALID);
    assert_int_equal(firn_pack_contains(NULL, &hash, &is_there, &err), FIRN_INVALID);
    assert_int_equal(firn_pack_size_of(NULL, &hash, &size, &err), FIRN_INVALID);
    assert_int_equal(firn_pack_stream(NULL, &hash, count_bytes, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_pack_list(NULL, count_object, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_pack_verify(NULL, NULL, &err), FIRN_INVALID);
    assert_int_equal(firn_pack_count(NULL), 0);
    firn_pack_writer_destroy(NULL);
    firn_pack_close(NULL);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_of_any_size_come_back),
        cmocka_unit_test(damage_is_told),
        cmocka_unit_test(verifying_tells_how_far_it_is_and_can_be_cancelled),
        cmocka_unit_test(arguments_are_checked),
    };
    return cmocka_run_group_tests_name("pack_api", tests, make_folder, remove_folder);
}
