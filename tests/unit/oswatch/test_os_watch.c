/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/oswatch: being told of changes, and talking to another process: on the real system, by inotify and,
 * where that is allowed, by fanotify.
 */
#include <errno.h>
#include <pthread.h>
#include <sys/fanotify.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "oswatch/os_watch.h"
#include "oswatch/os_watch_internal.h"
#include "posix/os_default.h"
#include "posix/os_posix.h"
#include "posix/os_socket.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_file.h"
#include "support/test_os.h"

#define MS INT64_C(1000000)

static bool is_by_fanotify; /* what this run is about */

struct log {
    char text[8192]; /* "kind:id:name " */
    size_t count;
    size_t lost;
};

static int
note(void *ctx, const struct fi_os_watch_event *event)
{
    struct log *log = ctx;
    size_t size = strlen(log->text);
    log->count++;
    log->lost += event->kind == FI_OS_WATCH_LOST ? 1 : 0;
    if (sizeof log->text - size > 300) {
        snprintf(log->text + size, sizeof log->text - size, "%d:%d:%s ", (int)event->kind,
                 event->id, event->name);
    }
    return FIRN_OK;
}

static void
read_events(struct fi_os_watch *watch, struct log *log)
{
    firn_error err;
    *log = (struct log){.text = ""};
    int rc = fi_os_watch_read(watch, note, log, &err);
    TEST_OK(rc, &err);
}

static bool
has(const struct log *log, enum fi_os_watch_kind kind, int id, const char *name)
{
    char word[300];
    snprintf(word, sizeof word, "%d:%d:%s ", (int)kind, id, name);
    return strstr(log->text, word) != NULL;
}

static struct fi_os_watch *
watch_open(struct fi_os_dir *root)
{
    struct fi_os_watch *watch;
    firn_error err;
    TEST_OK(fi_os_watch_create(root, &watch, &err), &err);
    assert_int_equal(fi_os_watch_is_unlimited(watch), is_by_fanotify);
    return watch;
}

static int
add_dir(struct fi_os_watch *watch, struct fi_os_dir *dir)
{
    firn_error err;
    int id;
    TEST_OK(fi_os_watch_add(watch, dir, &id, &err), &err);
    assert_true(id >= 0);
    return id;
}

static struct fi_os_dir *
make_dir(struct fi_os_dir *dir, const char *name)
{
    struct fi_os_dir *made;
    firn_error err;
    TEST_OK(fi_os_make_dir(dir, name, 0700, &err), &err);
    TEST_OK(fi_os_dir_open(dir, name, &made, &err), &err);
    return made;
}

static void
what_happens_in_a_directory_is_told_at_once(void **state)
{
    struct fi_os_dir *dir = test_os_temp_dir();
    struct fi_os_dir *sub = make_dir(dir, "sub");
    struct fi_os_watch *watch = watch_open(dir);
    struct log log;
    firn_error err;
    int id = add_dir(watch, dir);
    int sub_id = add_dir(watch, sub);
    assert_int_equal(add_dir(watch, dir), id);
    assert_int_not_equal(id, sub_id);
    read_events(watch, &log);
    assert_int_equal(log.count, 0);

    test_file_write(sub, "file", "one", 3);
    read_events(watch, &log);
    assert_true(has(&log, FI_OS_WATCH_NAMES, sub_id, "file"));
    assert_true(has(&log, FI_OS_WATCH_CHANGED, sub_id, "file"));
    test_file_write(sub, "file", "two", 3);
    read_events(watch, &log);
    assert_false(has(&log, FI_OS_WATCH_NAMES, sub_id, "file"));
    assert_true(has(&log, FI_OS_WATCH_CHANGED, sub_id, "file"));
    TEST_OK(fi_os_set_mode((struct fi_os_node){.dir = sub, .name = "file"}, 0640, &err), &err);
    read_events(watch, &log);
    assert_true(has(&log, FI_OS_WATCH_CHANGED, sub_id, "file"));
    TEST_OK(fi_os_set_mode((struct fi_os_node){.dir = sub}, 0750, &err), &err);
    read_events(watch, &log);
    assert_true(has(&log, FI_OS_WATCH_CHANGED, sub_id, ""));
    assert_int_equal(has(&log, FI_OS_WATCH_CHANGED, id, "sub"), !is_by_fanotify);

    /* Looking is no change. */
    struct fi_buf content = {0};
    test_file_read(sub, "file", &content);
    fi_buf_deinit(&content);
    size_t count = 0;
    TEST_OK(fi_os_dir_list(sub, test_file_count_visit, &count, &err), &err);
    read_events(watch, &log);
    assert_int_equal(log.count, 0);

    TEST_OK(fi_os_rename(dir, "sub", dir, "moved", FI_OS_RENAME_REPLACE, &err), &err);
    read_events(watch, &log);
    assert_true(has(&log, FI_OS_WATCH_NAMES, id, "sub"));
    assert_true(has(&log, FI_OS_WATCH_NAMES, id, "moved"));
    assert_true(has(&log, FI_OS_WATCH_MOVED, sub_id, ""));
    TEST_OK(fi_os_remove_file(sub, "file", &err), &err);
    fi_os_dir_close(sub);
    TEST_OK(fi_os_remove_dir(dir, "moved", &err), &err);
    read_events(watch, &log);
    assert_true(has(&log, FI_OS_WATCH_GONE, sub_id, ""));
    fi_os_watch_remove(watch, id);
    test_file_write(dir, "late", "x", 1);
    read_events(watch, &log);
    assert_false(has(&log, FI_OS_WATCH_NAMES, id, "late"));
    fi_os_watch_destroy(watch);
    test_os_temp_dir_remove(dir);
}

static void
more_than_a_queue_holds_is_told_as_lost(void **state)
{
    struct fi_os_dir *dir = test_os_temp_dir();
    struct log log;
    firn_error err;
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
    struct fi_os_watch *watch = watch_open(dir);
    int id = add_dir(watch, dir);
    test_file_write(dir, "0", "x", 1);
    for (size_t i = 0; i < limit + 10; i++) {
        char next[32];
        snprintf(bytes, sizeof bytes, "%zu", i);
        snprintf(next, sizeof next, "%zu", i + 1);
        TEST_OK(fi_os_rename(dir, bytes, dir, next, FI_OS_RENAME_REPLACE, &err), &err);
    }
    read_events(watch, &log);
    if (is_by_fanotify) {
        assert_int_equal(log.lost, 0);
        assert_true(log.count > limit);
        assert_true(has(&log, FI_OS_WATCH_NAMES, id, "0"));
    } else {
        assert_int_equal(log.lost, 1);
    }
    fi_os_watch_destroy(watch);
    test_os_temp_dir_remove(dir);
}

/* How many directories the kernel watches for this process. */
static size_t
count_marks(void)
{
    size_t count = 0;
    for (int fd = 3; fd < 64; fd++) {
        char text[256];
        snprintf(text, sizeof text, "/proc/self/fdinfo/%d", fd);
        FILE *file = fopen(text, "re");
        while (file != NULL && fgets(text, sizeof text, file) != NULL) {
            count += strncmp(text, "inotify wd", 10) == 0 || strncmp(text, "fanotify ino", 12) == 0;
        }
        if (file != NULL) {
            (void)fclose(file);
        }
    }
    return count;
}

static void
wait_for_event(struct fi_os_watch *watch)
{
    const int64_t long_ns = 10000 * MS;
    struct fi_os *os = fi_os_default();
    int64_t begun_ns = fi_os_monotonic_ns(os);
    fi_os_watch_wait(watch, NULL, long_ns);
    assert_true(fi_os_monotonic_ns(os) - begun_ns < long_ns);
}

static void
what_was_forgotten_is_not_watched(void **state)
{
    struct fi_os_dir *dir = test_os_temp_dir();
    struct fi_os_dir *sub = make_dir(dir, "sub");
    struct fi_os_watch *watch = watch_open(dir);
    struct log log;
    firn_error err;
    int id = add_dir(watch, dir);
    int sub_id = add_dir(watch, sub);
    assert_int_equal(count_marks(), 2);
    test_file_write(sub, "file", "one", 3);
    fi_os_watch_remove(watch, sub_id);
    fi_os_watch_remove(watch, sub_id);
    assert_int_equal(count_marks(), 1);
    read_events(watch, &log);
    test_file_write(sub, "file", "two", 3);
    read_events(watch, &log);
    assert_int_equal(log.count, 0);
    /* It may come back. */
    sub_id = add_dir(watch, sub);
    assert_int_not_equal(sub_id, id);
    test_file_write(sub, "file", "three", 5);
    wait_for_event(watch);
    read_events(watch, &log);
    assert_true(has(&log, FI_OS_WATCH_CHANGED, sub_id, "file"));
    /* Removed before anybody knew. */
    TEST_OK(fi_os_remove_file(sub, "file", &err), &err);
    fi_os_dir_close(sub);
    TEST_OK(fi_os_remove_dir(dir, "sub", &err), &err);
    fi_os_watch_remove(watch, sub_id);
    read_events(watch, &log);
    assert_true(has(&log, FI_OS_WATCH_NAMES, id, "sub"));
    assert_int_equal(count_marks(), 1);
    fi_os_watch_destroy(watch);
    test_os_temp_dir_remove(dir);
}

static void
a_directory_that_is_made_again_is_another(void **state)
{
    struct fi_os_dir *dir = test_os_temp_dir();
    struct fi_os_watch *watch = watch_open(dir);
    struct log log;
    firn_error err;
    int id = add_dir(watch, dir);
    for (int i = 0; i < 200; i++) {
        struct fi_os_dir *sub = make_dir(dir, "sub");
        int sub_id = add_dir(watch, sub);
        assert_int_not_equal(sub_id, id);
        assert_true(!is_by_fanotify || sub_id < FI_OS_WATCH_FANOTIFY_ID_MIN + 8);
        test_file_write(sub, "file", "x", 1);
        TEST_OK(fi_os_remove_file(sub, "file", &err), &err);
        fi_os_dir_close(sub);
        if (i % 3 > 0) {
            read_events(watch, &log);
            assert_true(has(&log, FI_OS_WATCH_CHANGED, sub_id, "file"));
        }
        TEST_OK(fi_os_remove_dir(dir, "sub", &err), &err);
        if (i % 3 > 1) {
            read_events(watch, &log);
            assert_true(has(&log, FI_OS_WATCH_NAMES, id, "sub"));
            assert_true(has(&log, FI_OS_WATCH_GONE, sub_id, ""));
        }
    }
    fi_os_watch_destroy(watch);
    test_os_temp_dir_remove(dir);
}

static void
events_of_one_name_tell_each_kind(void **state)
{
    struct fi_os_dir *dir = test_os_temp_dir();
    struct fi_os_dir *outside = test_os_temp_dir();
    struct fi_os_dir *sub = make_dir(dir, "sub");
    struct fi_os_watch *watch = watch_open(dir);
    struct log log;
    firn_error err;
    int id = add_dir(watch, dir);
    int sub_id = add_dir(watch, sub);
    test_file_write(dir, "a", "one", 3);
    TEST_OK(fi_os_rename(dir, "a", outside, "a", FI_OS_RENAME_REPLACE, &err), &err);
    test_file_write(outside, "a", "two", 3);
    TEST_OK(fi_os_rename(outside, "a", dir, "b", FI_OS_RENAME_REPLACE, &err), &err);
    /* Out of the tree, and in again. */
    TEST_OK(fi_os_set_mode((struct fi_os_node){.dir = sub}, 0750, &err), &err);
    TEST_OK(fi_os_rename(dir, "sub", outside, "sub", FI_OS_RENAME_REPLACE, &err), &err);
    TEST_OK(fi_os_rename(outside, "sub", dir, "back", FI_OS_RENAME_REPLACE, &err), &err);
    read_events(watch, &log);
    assert_true(has(&log, FI_OS_WATCH_NAMES, id, "a"));
    assert_true(has(&log, FI_OS_WATCH_CHANGED, id, "a"));
    assert_true(has(&log, FI_OS_WATCH_NAMES, id, "b"));
    assert_true(has(&log, FI_OS_WATCH_NAMES, id, "sub"));
    assert_true(has(&log, FI_OS_WATCH_NAMES, id, "back"));
    assert_true(has(&log, FI_OS_WATCH_MOVED, sub_id, ""));
    fi_os_dir_close(sub);
    fi_os_watch_destroy(watch);
    test_os_temp_dir_remove(outside);
    test_os_temp_dir_remove(dir);
}

/* A file that was opened by one name, or none, and has another now. */
static void
writes_behind_a_name_that_went_are_told(void **state)
{
    struct fi_os_dir *dir = test_os_temp_dir();
    struct fi_os_watch *watch = watch_open(dir);
    struct log log;
    firn_error err;
    char path[1200];
    int id = add_dir(watch, dir);
    test_file_write(dir, "old", "one", 3);
    snprintf(path, sizeof path, "%s/old", fi_os_dir_path(dir));
    FILE *file = fopen(path, "r+");
    assert_non_null(file);
    TEST_OK(fi_os_link(dir, "old", dir, "new", &err), &err);
    TEST_OK(fi_os_remove_file(dir, "old", &err), &err);
    read_events(watch, &log);
    assert_true(fputs("two", file) >= 0 && fflush(file) == 0);
    read_events(watch, &log);
    assert_true(has(&log, FI_OS_WATCH_CHANGED, id, "old"));
    assert_int_equal(fclose(file), 0);
    fi_os_watch_destroy(watch);
    test_os_temp_dir_remove(dir);
}

/* Only root may, by CAP_SYS_ADMIN, which a run by inotify does without. */
static bool
mount_at(const char *path)
{
    (void)test_os_admin(true);
    bool is_mounted = mount("none", path, "tmpfs", 0, NULL) == 0;
    (void)test_os_admin(is_by_fanotify);
    return is_mounted;
}

static void
unmount(const char *path)
{
    (void)test_os_admin(true);
    assert_int_equal(umount(path), 0);
    (void)test_os_admin(is_by_fanotify);
}

static void
real_path(struct fi_os_dir *dir, const char *name, char out[1200])
{
    struct fi_buf path = {0};
    firn_error err;
    TEST_OK(fi_os_dir_real_path(dir, &path, &err), &err);
    snprintf(out, 1200, "%s/%s", fi_buf_text(&path), name);
    fi_buf_deinit(&path);
}

static void
what_is_mounted_below_the_root_is_told_as_lost(void **state)
{
    struct fi_os_dir *dir = test_os_temp_dir();
    struct fi_os_dir *in = make_dir(dir, "in");
    struct fi_os_dir *below;
    struct log log;
    firn_error err;
    char in_path[1200];
    char below_path[1200];
    char other_path[1200];
    TEST_OK(fi_os_make_dir(dir, "a b", 0700, &err), &err);
    TEST_OK(fi_os_make_dir(in, "below", 0700, &err), &err);
    real_path(dir, "in", in_path);
    real_path(dir, "in/below", below_path);
    real_path(dir, "a b", other_path);
    if (!mount_at(other_path)) {
        fi_os_dir_close(in);
        test_os_temp_dir_remove(dir);
        skip(); /* only root may mount */
    }
    unmount(other_path);
    struct fi_os_watch *watch = watch_open(in);
    int id = add_dir(watch, in);
    assert_true(mount_at(other_path));
    read_events(watch, &log);
    assert_int_equal(log.lost, 0);
    unmount(other_path);
    assert_true(mount_at(below_path));
    read_events(watch, &log);
    assert_int_equal(log.lost, 1);
    read_events(watch, &log);
    assert_int_equal(log.lost, 0);

    /* Watching keeps nothing mounted, and sees what is there go. */
    TEST_OK(fi_os_dir_open(in, "below", &below, &err), &err);
    int below_id = add_dir(watch, below);
    assert_int_not_equal(below_id, id);
    test_file_write(below, "file", "x", 1);
    fi_os_dir_close(below);
    read_events(watch, &log);
    assert_true(has(&log, FI_OS_WATCH_NAMES, below_id, "file"));
    unmount(below_path);
    fi_os_watch_wait(watch, NULL, 1000 * MS);
    read_events(watch, &log);
    assert_int_equal(log.lost, 1);
    assert_true(has(&log, FI_OS_WATCH_GONE, below_id, ""));
    fi_os_watch_destroy(watch);

    watch = watch_open(in);
    assert_true(mount_at(in_path));
    read_events(watch, &log);
    assert_int_equal(log.lost, 1);
    unmount(in_path);
    fi_os_watch_destroy(watch);
    fi_os_dir_close(in);
    /* A space in the path. */
    TEST_OK(fi_os_dir_open(dir, "a b", &in, &err), &err);
    watch = watch_open(in);
    assert_true(mount_at(other_path));
    read_events(watch, &log);
    assert_int_equal(log.lost, 1);
    unmount(other_path);
    fi_os_watch_destroy(watch);
    fi_os_dir_close(in);
    test_os_temp_dir_remove(dir);
}

/* ---- failures ---- */

static void
any_allocation_may_fail(void **state)
{
    struct fi_os_dir *dir = test_os_temp_dir();
    struct fi_os_dir *sub = make_dir(dir, "sub");
    test_alloc_install();
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        struct fi_os_watch *watch;
        firn_error err;
        struct log log;
        test_fault_allocation(&fault);
        int rc = fi_os_watch_create(dir, &watch, &err);
        int id = -1;
        if (rc == FIRN_OK) {
            id = add_dir(watch, sub); /* by inotify, where there is no memory for a handle */
        }
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
        if (rc == FIRN_OK) {
            test_file_write(sub, "file", "x", 1);
            read_events(watch, &log);
            assert_true(has(&log, FI_OS_WATCH_CHANGED, id, "file"));
        }
        fi_os_watch_destroy(watch);
    }
    assert_true(fault.refused > 1);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
    fi_os_dir_close(sub);
    test_os_temp_dir_remove(dir);
}

/* A thread of which one system call fails, before a watch is created or after. */
struct refusal {
    struct fi_os_dir *dir;
    struct fi_os_dir *sub;
    int system_call;
    int error_number;
    bool is_before;
    bool was_refused; /* out: whether refusing was possible */
    bool is_unlimited;
    int rc;       /* of creating the watch and adding two directories */
    int read_rc;  /* of reading what was written into the second */
    int id;       /* its */
    bool is_told; /* it was written to */
};

static void *
run_refused(void *arg)
{
    struct refusal *refusal = arg;
    struct fi_os_watch *watch = NULL;
    struct log log = {.text = ""};
    firn_error err;
    int id;
    refusal->was_refused =
        !refusal->is_before || test_os_refuse(refusal->system_call, refusal->error_number);
    refusal->rc = fi_os_watch_create(refusal->dir, &watch, &err);
    if (refusal->rc != FIRN_OK) {
        return NULL;
    }
    refusal->is_unlimited = fi_os_watch_is_unlimited(watch);
    if (!refusal->is_before) {
        refusal->was_refused = test_os_refuse(refusal->system_call, refusal->error_number);
    }
    refusal->rc = fi_os_watch_add(watch, refusal->dir, &id, &err);
    if (refusal->rc == FIRN_OK) {
        refusal->rc = fi_os_watch_add(watch, refusal->sub, &refusal->id, &err);
    }
    test_file_write(refusal->sub, "file", "x", 1);
    refusal->read_rc = fi_os_watch_read(watch, note, &log, &err);
    refusal->is_told = has(&log, FI_OS_WATCH_CHANGED, refusal->id, "file");
    fi_os_watch_remove(watch, refusal->id);
    fi_os_watch_destroy(watch);
    return NULL;
}

static struct refusal
refuse(struct fi_os_dir *dir, struct fi_os_dir *sub, int system_call, int error_number,
       bool is_before)
{
    struct refusal refusal = {.dir = dir,
                              .sub = sub,
                              .system_call = system_call,
                              .error_number = error_number,
                              .is_before = is_before};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run_refused, &refusal), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    if (!refusal.was_refused) {
        skip(); /* no seccomp */
    }
    return refusal;
}

static void
what_fanotify_refuses_inotify_does(void **state)
{
    struct fi_os_dir *dir = test_os_temp_dir();
    struct fi_os_dir *sub = make_dir(dir, "sub");
    static const struct {
        int system_call;
        int error_number;
    } refused[] = {
        {SYS_fanotify_init, ENOSYS},    {SYS_fanotify_init, EMFILE},
        {SYS_fanotify_mark, EXDEV},     {SYS_fanotify_mark, ENODEV},
        {SYS_fanotify_mark, ENOMEM},    {SYS_name_to_handle_at, EOPNOTSUPP},
        {SYS_name_to_handle_at, EPERM}, {SYS_name_to_handle_at, EOVERFLOW},
        {SYS_open_by_handle_at, EPERM},
    };
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        int call = refused[i].system_call;
        bool is_for_removal = call == SYS_open_by_handle_at;
        struct refusal before = refuse(dir, sub, call, refused[i].error_number, true);
        assert_int_equal(before.rc, FIRN_OK);
        assert_int_equal(before.read_rc, FIRN_OK);
        assert_true(before.is_told);
        assert_int_equal(before.is_unlimited, is_by_fanotify && is_for_removal);
        struct refusal behind = refuse(dir, sub, call, refused[i].error_number, false);
        assert_int_equal(behind.rc, FIRN_OK);
        assert_int_equal(behind.read_rc, FIRN_OK);
        assert_true(behind.is_told);
        assert_int_equal(behind.is_unlimited, is_by_fanotify);
        assert_int_equal(behind.id >= FI_OS_WATCH_FANOTIFY_ID_MIN,
                         is_by_fanotify && (is_for_removal || call == SYS_fanotify_init));
    }
    fi_os_dir_close(sub);
    test_os_temp_dir_remove(dir);
}

static void
the_limits_of_inotify_are_not_those_of_fanotify(void **state)
{
    struct fi_os_dir *dir = test_os_temp_dir();
    struct fi_os_dir *sub = make_dir(dir, "sub");
    static const struct {
        int system_call;
        int error_number;
    } limits[] = {{SYS_inotify_init1, EMFILE}, {SYS_inotify_add_watch, ENOSPC}};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        struct refusal refusal =
            refuse(dir, sub, limits[i].system_call, limits[i].error_number, true);
        assert_int_equal(refusal.rc, is_by_fanotify ? FIRN_OK : FIRN_LIMIT);
        assert_int_equal(refusal.is_told, is_by_fanotify);
        assert_int_equal(refusal.is_unlimited, is_by_fanotify);
    }
    struct refusal unread = refuse(dir, sub, SYS_read, EIO, false);
    assert_int_equal(unread.rc, FIRN_OK);
    assert_int_equal(unread.read_rc, FIRN_IO);
    fi_os_dir_close(sub);
    test_os_temp_dir_remove(dir);
}

/* ---- events of the kernel by hand ---- */

struct kernel_event {
    struct fanotify_event_metadata head;
    struct fanotify_event_info_header record;
    unsigned file_system[2];
    unsigned handle_size;
    int handle_type;
    char text[20]; /* handle and name */
};

static struct log
visit_kernel_event(struct fi_os_watch_fanotify *fanotify, const struct kernel_event *event)
{
    struct log log = {.text = ""};
    assert_int_equal(fi_os_watch_fanotify_visit(fanotify, event, event->head.event_len, note, &log),
                     FIRN_OK);
    return log;
}

static void
what_makes_no_sense_is_lost(void **state)
{
    struct fi_os_dir *dir = test_os_temp_dir();
    struct fi_os_watch_fanotify *fanotify = fi_os_watch_fanotify_create(fi_os_posix_dir_fd(dir));
    assert_non_null(fanotify);
    const struct kernel_event good = {
        .head = {.event_len = sizeof good,
                 .vers = FANOTIFY_METADATA_VERSION,
                 .metadata_len = sizeof good.head,
                 .mask = FAN_CREATE,
                 .fd = FAN_NOFD},
        .record = {.info_type = FAN_EVENT_INFO_TYPE_DFID_NAME,
                   .len = sizeof good - sizeof good.head},
        .handle_size = 8,
        .handle_type = 1,
        .text = "nobody's",
    };
    assert_int_equal(visit_kernel_event(fanotify, &good).count, 0);
    struct kernel_event bad[9];
    for (size_t i = 0; i < 9; i++) {
        bad[i] = good;
    }
    bad[0].head.mask |= FAN_Q_OVERFLOW;
    bad[1].head.vers++;
    bad[2].head.metadata_len = 8;
    bad[3].record.info_type = FAN_EVENT_INFO_TYPE_FID;
    bad[4].record.len = 2;
    bad[5].record.len++;
    bad[6].handle_size = 0; /* what the kernel tells where a file system fails it */
    bad[7].handle_size = 1000;
    memset(bad[8].text, 'x', sizeof bad[8].text);
    for (size_t i = 0; i < 9; i++) {
        struct log log = visit_kernel_event(fanotify, &bad[i]);
        assert_int_equal(log.count, 1);
        assert_int_equal(log.lost, 1);
    }
    struct log log = {.text = ""};
    assert_int_equal(fi_os_watch_fanotify_visit(fanotify, &good, sizeof good - 1, note, &log),
                     FIRN_OK);
    assert_int_equal(log.lost, 1);
    fi_os_watch_fanotify_destroy(fanotify);
    test_os_temp_dir_remove(dir);
}

static void
only_a_real_process_watches_and_talks(void **state)
{
    struct fi_os *os;
    struct fi_os_watch *watch;
    struct fi_os_socket *socket;
    firn_error err;
    TEST_OK(fi_sim_memory_create(1, &os, &err), &err);
    struct fi_os_dir *root = test_os_root(os);
    assert_int_equal(fi_os_watch_create(root, &watch, &err), FIRN_UNSUPPORTED);
    assert_int_equal(fi_os_socket_listen(root, "s", &socket, &err), FIRN_UNSUPPORTED);
    assert_int_equal(fi_os_socket_connect(root, "s", &socket, &err), FIRN_UNSUPPORTED);
    fi_os_dir_close(root);
    fi_sim_memory_destroy(os);
}

static void
what_is_not_known_to_be_local_is_not_watched(void **state)
{
    struct fi_os_dir *dir = test_os_temp_dir();
    struct fi_os_dir *proc;
    struct fi_os_watch *watch = watch_open(dir);
    firn_error err;
    int id;
    TEST_OK(fi_os_dir_open_path(fi_os_default(), "/proc/self", &proc, &err), &err);
    assert_int_equal(fi_os_watch_add(watch, proc, &id, &err), FIRN_UNSUPPORTED);
    assert_int_equal(id, -1);
    fi_os_dir_close(proc);
    fi_os_watch_destroy(watch);
    test_os_temp_dir_remove(dir);
}

/* ---- sockets ---- */

static void
wait_for_events(struct fi_os_dir *dir, struct fi_os_socket *listener)
{
    struct fi_os_watch *watch = watch_open(dir);
    fi_os_watch_wait(watch, listener, 10000 * MS);
    fi_os_watch_destroy(watch);
}

static void
two_ends_talk(void **state)
{
    struct fi_os_dir *dir = test_os_temp_dir();
    struct fi_os *os = fi_os_dir_os(dir);
    struct fi_os_socket *listener;
    struct fi_os_socket *client;
    struct fi_os_socket *server;
    firn_error err;
    char bytes[8];
    assert_int_equal(fi_os_socket_connect(dir, "s", &client, &err), FIRN_NOT_FOUND);
    TEST_OK(fi_os_socket_listen(dir, "s", &listener, &err), &err);
    TEST_OK(fi_os_socket_accept(listener, &server, &err), &err);
    assert_null(server);
    TEST_OK(fi_os_socket_connect(dir, "s", &client, &err), &err);
    assert_int_equal(fi_os_socket_peer(client), fi_os_process_id(os));
    wait_for_events(dir, listener);
    TEST_OK(fi_os_socket_accept(listener, &server, &err), &err);
    assert_non_null(server);
    assert_int_equal(fi_os_socket_peer(server), fi_os_process_id(os));
    TEST_OK(fi_os_socket_send(client, "hello", 5, 1000 * MS, &err), &err);
    TEST_OK(fi_os_socket_receive(server, bytes, 5, 1000 * MS, &err), &err);
    assert_memory_equal(bytes, "hello", 5);

    /* Nobody waits longer than was said. */
    int64_t begun_ns = fi_os_monotonic_ns(os);
    assert_int_equal(fi_os_socket_receive(server, bytes, 1, 20 * MS, &err), FIRN_BUSY);
    assert_true(fi_os_monotonic_ns(os) - begun_ns >= 19 * MS);
    static char much[4 << 20];
    assert_int_equal(fi_os_socket_send(server, much, sizeof much, 20 * MS, &err), FIRN_BUSY);

    fi_os_socket_close(client);
    assert_int_equal(fi_os_socket_receive(server, bytes, 1, 1000 * MS, &err), FIRN_IO);
    assert_int_not_equal(fi_os_socket_send(server, much, sizeof much, 1000 * MS, &err), FIRN_OK);
    fi_os_socket_close(server);
    fi_os_socket_close(listener);
    /* What a dead process leaves is nobody, and in nobody's way. */
    assert_int_equal(fi_os_socket_connect(dir, "s", &client, &err), FIRN_NOT_FOUND);
    TEST_OK(fi_os_socket_listen(dir, "s", &listener, &err), &err);
    fi_os_socket_close(listener);
    /* But nothing else is replaced. */
    test_file_write(dir, "file", "x", 1);
    assert_int_equal(fi_os_socket_listen(dir, "file", &listener, &err), FIRN_EXISTS);
    assert_true(test_file_exists(dir, "file"));
    /* Nor is a link followed. */
    TEST_OK(fi_os_socket_listen(dir, "s", &listener, &err), &err);
    TEST_OK(fi_os_make_symlink(dir, "link", "s", &err), &err);
    assert_int_equal(fi_os_socket_connect(dir, "link", &client, &err), FIRN_NOT_FOUND);
    fi_os_socket_close(listener);
    TEST_OK(fi_os_remove_file(dir, "s", &err), &err);
    test_os_temp_dir_remove(dir);
}

/* ---- both ---- */

static int
use_inotify(void **state)
{
    is_by_fanotify = test_os_admin(false);
    return is_by_fanotify ? -1 : 0;
}

static int
use_fanotify(void **state)
{
    is_by_fanotify = test_os_admin(true);
    return is_by_fanotify ? 0 : -1;
}

int
main(void)
{
    const struct CMUnitTest of_both[] = {
        cmocka_unit_test(what_happens_in_a_directory_is_told_at_once),
        cmocka_unit_test(more_than_a_queue_holds_is_told_as_lost),
        cmocka_unit_test(what_was_forgotten_is_not_watched),
        cmocka_unit_test(a_directory_that_is_made_again_is_another),
        cmocka_unit_test(events_of_one_name_tell_each_kind),
        cmocka_unit_test(writes_behind_a_name_that_went_are_told),
        cmocka_unit_test(what_is_mounted_below_the_root_is_told_as_lost),
        cmocka_unit_test(any_allocation_may_fail),
        cmocka_unit_test(what_fanotify_refuses_inotify_does),
        cmocka_unit_test(the_limits_of_inotify_are_not_those_of_fanotify),
        cmocka_unit_test(what_is_not_known_to_be_local_is_not_watched),
    };
    const struct CMUnitTest of_fanotify[] = {
        cmocka_unit_test(what_makes_no_sense_is_lost),
    };
    const struct CMUnitTest of_neither[] = {
        cmocka_unit_test(only_a_real_process_watches_and_talks),
        cmocka_unit_test(two_ends_talk),
    };
    int failed = cmocka_run_group_tests_name("inotify", of_both, use_inotify, NULL);
    failed += cmocka_run_group_tests_name("sockets", of_neither, use_inotify, NULL);
    if (test_os_may_use_fanotify()) {
        failed += cmocka_run_group_tests_name("fanotify", of_both, use_fanotify, NULL);
        failed += cmocka_run_group_tests_name("its events", of_fanotify, use_fanotify, NULL);
    } else {
        print_message("SKIPPED: " TEST_OS_NO_FANOTIFY "\n");
    }
    return failed;
}
