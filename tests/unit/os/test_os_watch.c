/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/os: being told of changes, and talking to another process: on the real system.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sys/mount.h>

#include "os/os_memory.h"
#include "os/os_socket.h"
#include "os/os_watch.h"
#include "support/test_file.h"
#include "support/test_os.h"

#define MS INT64_C(1000000)

struct log {
    char text[8192]; /* "kind:id:name " */
    size_t count;
    size_t lost;
};

static int
note(void *ctx, const struct firn_os_watch_event *event)
{
    struct log *log = ctx;
    size_t size = strlen(log->text);
    log->count++;
    log->lost += event->kind == FIRN_OS_WATCH_LOST ? 1 : 0;
    if (sizeof log->text - size > 300) {
        snprintf(log->text + size, sizeof log->text - size, "%d:%d:%s ", (int)event->kind,
                 event->id, event->name);
    }
    return FIRN_OK;
}

static void
read_events(struct firn_os_watch *watch, struct log *log)
{
    firn_error err;
    *log = (struct log){.text = ""};
    int rc = firn_os_watch_read(watch, note, log, &err);
    TEST_OK(rc, &err);
}

static bool
has(const struct log *log, enum firn_os_watch_kind kind, int id, const char *name)
{
    char word[300];
    snprintf(word, sizeof word, "%d:%d:%s ", (int)kind, id, name);
    return strstr(log->text, word) != NULL;
}

static void
what_happens_in_a_directory_is_told_at_once(void **state)
{
    (void)state;
    struct firn_os_dir *dir = test_os_temp_dir();
    struct firn_os *os = firn_os_dir_os(dir);
    struct firn_os_dir *sub;
    struct firn_os_watch *watch;
    struct log log;
    firn_error err;
    int id;
    int sub_id;
    int again;
    TEST_OK(firn_os_make_dir(dir, "sub", 0700, &err), &err);
    TEST_OK(firn_os_dir_open(dir, "sub", &sub, &err), &err);
    TEST_OK(firn_os_watch_create(os, "/nowhere", &watch, &err), &err);
    TEST_OK(firn_os_watch_add(watch, dir, &id, &err), &err);
    TEST_OK(firn_os_watch_add(watch, sub, &sub_id, &err), &err);
    TEST_OK(firn_os_watch_add(watch, dir, &again, &err), &err);
    assert_int_equal(id, again);
    assert_int_not_equal(id, sub_id);
    read_events(watch, &log);
    assert_int_equal(log.count, 0);

    test_file_write(sub, "file", "one", 3);
    read_events(watch, &log);
    assert_true(has(&log, FIRN_OS_WATCH_NAMES, sub_id, "file"));
    assert_true(has(&log, FIRN_OS_WATCH_CHANGED, sub_id, "file"));
    test_file_write(sub, "file", "two", 3);
    read_events(watch, &log);
    assert_false(has(&log, FIRN_OS_WATCH_NAMES, sub_id, "file"));
    assert_true(has(&log, FIRN_OS_WATCH_CHANGED, sub_id, "file"));
    TEST_OK(firn_os_set_mode((struct firn_os_node){.dir = sub, .name = "file"}, 0640, &err), &err);
    read_events(watch, &log);
    assert_true(has(&log, FIRN_OS_WATCH_CHANGED, sub_id, "file"));
    TEST_OK(firn_os_set_mode((struct firn_os_node){.dir = sub}, 0750, &err), &err);
    read_events(watch, &log);
    assert_true(has(&log, FIRN_OS_WATCH_CHANGED, sub_id, ""));
    assert_true(has(&log, FIRN_OS_WATCH_CHANGED, id, "sub"));

    /* Looking is no change. */
    struct firn_buf content = {0};
    test_file_read(sub, "file", &content);
    firn_buf_deinit(&content);
    size_t count = 0;
    TEST_OK(firn_os_dir_list(sub, test_file_count_visit, &count, &err), &err);
    read_events(watch, &log);
    assert_int_equal(log.count, 0);

    TEST_OK(firn_os_rename(dir, "sub", dir, "moved", FIRN_OS_RENAME_REPLACE, &err), &err);
    read_events(watch, &log);
    assert_true(has(&log, FIRN_OS_WATCH_NAMES, id, "sub"));
    assert_true(has(&log, FIRN_OS_WATCH_NAMES, id, "moved"));
    assert_true(has(&log, FIRN_OS_WATCH_MOVED, sub_id, ""));
    TEST_OK(firn_os_remove_file(sub, "file", &err), &err);
    firn_os_dir_close(sub);
    TEST_OK(firn_os_remove_dir(dir, "moved", &err), &err);
    read_events(watch, &log);
    assert_true(has(&log, FIRN_OS_WATCH_GONE, sub_id, ""));
    firn_os_watch_remove(watch, id);
    test_file_write(dir, "late", "x", 1);
    read_events(watch, &log);
    assert_false(has(&log, FIRN_OS_WATCH_NAMES, id, "late"));
    firn_os_watch_destroy(watch);
    test_os_temp_dir_remove(dir);
}

static void
more_than_the_queue_holds_is_told_as_lost(void **state)
{
    (void)state;
    struct firn_os_dir *dir = test_os_temp_dir();
    struct firn_os_watch *watch;
    struct log log;
    firn_error err;
    int id;
    char bytes[32] = "";
    FILE *file = fopen("/proc/sys/fs/inotify/max_queued_events", "r");
    size_t limit = file != NULL && fgets(bytes, sizeof bytes, file) != NULL
                       ? (size_t)strtoull(bytes, NULL, 10)
                       : 0;
    if (file != NULL) {
        (void)fclose(file);
    }
    if (limit == 0 || limit > 100000) {
        test_os_temp_dir_remove(dir);
        skip(); /* the queue is too long to be filled in a test */
    }
    TEST_OK(firn_os_watch_create(firn_os_dir_os(dir), "/nowhere", &watch, &err), &err);
    TEST_OK(firn_os_watch_add(watch, dir, &id, &err), &err);
    for (size_t i = 0; i < limit / 2 + 10; i++) {
        TEST_OK(firn_os_make_dir(dir, "a", 0700, &err), &err);
        TEST_OK(firn_os_remove_dir(dir, "a", &err), &err);
    }
    read_events(watch, &log);
    assert_int_equal(log.lost, 1);
    firn_os_watch_destroy(watch);
    test_os_temp_dir_remove(dir);
}

static void
what_is_mounted_below_the_root_is_told_as_lost(void **state)
{
    (void)state;
    struct firn_os_dir *dir = test_os_temp_dir();
    struct firn_buf path = {0};
    struct firn_os_watch *watch;
    struct log log;
    firn_error err;
    TEST_OK(firn_os_make_dir(dir, "in", 0700, &err), &err);
    TEST_OK(firn_os_make_dir(dir, "a b", 0700, &err), &err);
    TEST_OK(firn_os_dir_real_path(dir, &path, &err), &err);
    assert_non_null(firn_buf_text(&path));
    char in[512];
    char other[512];
    snprintf(in, sizeof in, "%s/in", (const char *)path.data);
    snprintf(other, sizeof other, "%s/a b", (const char *)path.data);
    firn_buf_deinit(&path);
    if (mount("none", other, "tmpfs", 0, NULL) != 0) {
        test_os_temp_dir_remove(dir);
        skip(); /* only root may mount */
    }
    assert_int_equal(umount(other), 0);
    TEST_OK(firn_os_watch_create(firn_os_dir_os(dir), in, &watch, &err), &err);
    assert_int_equal(mount("none", other, "tmpfs", 0, NULL), 0);
    read_events(watch, &log);
    assert_int_equal(log.lost, 0);
    assert_int_equal(mount("none", in, "tmpfs", 0, NULL), 0);
    read_events(watch, &log);
    assert_int_equal(log.lost, 1);
    read_events(watch, &log);
    assert_int_equal(log.lost, 0);
    assert_int_equal(umount(in), 0);
    firn_os_watch_wait(watch, NULL, 1000 * MS);
    read_events(watch, &log);
    assert_int_equal(log.lost, 1);
    firn_os_watch_destroy(watch);
    TEST_OK(firn_os_watch_create(firn_os_dir_os(dir), other, &watch, &err), &err);
    assert_int_equal(umount(other), 0);
    read_events(watch, &log);
    assert_int_equal(log.lost, 1);
    firn_os_watch_destroy(watch);
    test_os_temp_dir_remove(dir);
}

static void
only_a_real_process_watches_and_talks(void **state)
{
    (void)state;
    struct firn_os *os;
    struct firn_os_watch *watch;
    struct firn_os_socket *socket;
    firn_error err;
    TEST_OK(firn_os_memory_create(1, &os, &err), &err);
    struct firn_os_dir *root = test_os_root(os);
    assert_int_equal(firn_os_watch_create(os, "/nowhere", &watch, &err), FIRN_UNSUPPORTED);
    assert_int_equal(firn_os_socket_listen(root, "s", &socket, &err), FIRN_UNSUPPORTED);
    assert_int_equal(firn_os_socket_connect(root, "s", &socket, &err), FIRN_UNSUPPORTED);
    firn_os_dir_close(root);
    firn_os_memory_destroy(os);
}

static void
what_is_not_known_to_be_local_is_not_watched(void **state)
{
    (void)state;
    struct firn_os *os = firn_os_default();
    struct firn_os_dir *dir;
    struct firn_os_watch *watch;
    firn_error err;
    int id;
    TEST_OK(firn_os_watch_create(os, "/nowhere", &watch, &err), &err);
    TEST_OK(firn_os_dir_open_path(os, "/proc/self", &dir, &err), &err);
    assert_int_equal(firn_os_watch_add(watch, dir, &id, &err), FIRN_UNSUPPORTED);
    firn_os_dir_close(dir);
    firn_os_watch_destroy(watch);
}

/* ---- sockets ---- */

static void
wait_for_events(struct firn_os *os, struct firn_os_socket *listener)
{
    struct firn_os_watch *watch;
    firn_error err;
    TEST_OK(firn_os_watch_create(os, "/nowhere", &watch, &err), &err);
    firn_os_watch_wait(watch, listener, 10000 * MS);
    firn_os_watch_destroy(watch);
}

static void
two_ends_talk(void **state)
{
    (void)state;
    struct firn_os_dir *dir = test_os_temp_dir();
    struct firn_os *os = firn_os_dir_os(dir);
    struct firn_os_socket *listener;
    struct firn_os_socket *client;
    struct firn_os_socket *server;
    firn_error err;
    char bytes[8];
    assert_int_equal(firn_os_socket_connect(dir, "s", &client, &err), FIRN_NOT_FOUND);
    TEST_OK(firn_os_socket_listen(dir, "s", &listener, &err), &err);
    TEST_OK(firn_os_socket_accept(listener, &server, &err), &err);
    assert_null(server);
    TEST_OK(firn_os_socket_connect(dir, "s", &client, &err), &err);
    assert_int_equal(firn_os_socket_peer(client), firn_os_process_id(os));
    wait_for_events(os, listener);
    TEST_OK(firn_os_socket_accept(listener, &server, &err), &err);
    assert_non_null(server);
    assert_int_equal(firn_os_socket_peer(server), firn_os_process_id(os));
    TEST_OK(firn_os_socket_send(client, "hello", 5, 1000 * MS, &err), &err);
    TEST_OK(firn_os_socket_receive(server, bytes, 5, 1000 * MS, &err), &err);
    assert_memory_equal(bytes, "hello", 5);

    /* Nobody waits longer than was said. */
    int64_t begun_ns = firn_os_monotonic_ns(os);
    assert_int_equal(firn_os_socket_receive(server, bytes, 1, 20 * MS, &err), FIRN_BUSY);
    assert_true(firn_os_monotonic_ns(os) - begun_ns >= 19 * MS);
    static char much[4 << 20];
    assert_int_equal(firn_os_socket_send(server, much, sizeof much, 20 * MS, &err), FIRN_BUSY);

    firn_os_socket_close(client);
    assert_int_equal(firn_os_socket_receive(server, bytes, 1, 1000 * MS, &err), FIRN_IO);
    assert_int_not_equal(firn_os_socket_send(server, much, sizeof much, 1000 * MS, &err), FIRN_OK);
    firn_os_socket_close(server);
    firn_os_socket_close(listener);
    /* What a dead process leaves is nobody, and in nobody's way. */
    assert_int_equal(firn_os_socket_connect(dir, "s", &client, &err), FIRN_NOT_FOUND);
    TEST_OK(firn_os_socket_listen(dir, "s", &listener, &err), &err);
    firn_os_socket_close(listener);
    /* But nothing else is replaced. */
    test_file_write(dir, "file", "x", 1);
    assert_int_not_equal(firn_os_socket_listen(dir, "file", &listener, &err), FIRN_OK);
    assert_true(test_file_exists(dir, "file"));
    /* Nor is a link followed. */
    TEST_OK(firn_os_socket_listen(dir, "s", &listener, &err), &err);
    TEST_OK(firn_os_make_symlink(dir, "link", "s", &err), &err);
    assert_int_equal(firn_os_socket_connect(dir, "link", &client, &err), FIRN_NOT_FOUND);
    firn_os_socket_close(listener);
    TEST_OK(firn_os_remove_file(dir, "s", &err), &err);
    test_os_temp_dir_remove(dir);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_happens_in_a_directory_is_told_at_once),
        cmocka_unit_test(more_than_the_queue_holds_is_told_as_lost),
        cmocka_unit_test(what_is_mounted_below_the_root_is_told_as_lost),
        cmocka_unit_test(only_a_real_process_watches_and_talks),
        cmocka_unit_test(what_is_not_known_to_be_local_is_not_watched),
        cmocka_unit_test(two_ends_talk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
