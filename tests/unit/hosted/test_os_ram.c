/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/hosted: what only the file system in RAM has: a limit in bytes, threads at once, and a few things
 * that it does without. What it does like the others is in test_os_suite.c.
 */
#include <pthread.h>
#include <stdatomic.h>

#include "hosted/os_ram.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_os.h"
#include "support/test_random.h"

enum { KIB = 1024 };

static struct fi_os *
create(uint64_t limit)
{
    firn_error err;
    struct fi_os *os;
    TEST_OK(fi_os_ram_create(limit, &os, &err), &err);
    return os;
}

static struct fi_os_file *
open_rw(struct fi_os_dir *dir, const char *name)
{
    firn_error err;
    struct fi_os_file *file;
    TEST_OK(fi_os_file_open(dir, name, FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE, 0600, &file, &err),
            &err);
    return file;
}

/* ---- the limit ---- */

static void
the_limit_holds_and_what_is_removed_can_be_used_again(void **state)
{
    firn_error err;
    uint64_t free_bytes;
    struct fi_os *os = create(300 * KIB);
    struct fi_os_dir *root = test_os_root(os);
    static uint8_t data[400 * KIB];
    for (int round = 0; round < 10; round++) {
        struct fi_os_file *one = open_rw(root, "one");
        struct fi_os_file *two = open_rw(root, "two");
        TEST_OK(fi_os_file_write(one, 0, data, 100 * KIB, &err), &err);
        assert_int_equal(fi_os_file_write(two, 0, data, sizeof data, &err), FIRN_NO_SPACE);
        assert_true(fi_os_ram_used_bytes(os) <= 300 * KIB);
        TEST_OK(fi_os_dir_free_bytes(root, &free_bytes, &err), &err);
        assert_int_equal(free_bytes, 300 * KIB - fi_os_ram_used_bytes(os));
        assert_true(free_bytes < 8 * KIB);
        /* Full: what is there can be written over, renamed, shrunk and removed. */
        TEST_OK(fi_os_file_write(one, 50, "over", 4, &err), &err);
        TEST_OK(fi_os_rename(root, "two", root, "three", FI_OS_RENAME_REPLACE, &err), &err);
        TEST_OK(fi_os_file_truncate(two, 100 * KIB, &err), &err);
        TEST_OK(fi_os_file_write(one, 100 * KIB, data, 60 * KIB, &err), &err);
        TEST_OK(fi_os_remove_file(root, "one", &err), &err);
        assert_int_equal(fi_os_file_write(two, 100 * KIB, data, 60 * KIB, &err), FIRN_NO_SPACE);
        fi_os_file_close(one); /* only now its bytes are free */
        TEST_OK(fi_os_file_write(two, 100 * KIB, data, 60 * KIB, &err), &err);
        fi_os_file_close(two);
        TEST_OK(fi_os_remove_file(root, "three", &err), &err);
        assert_true(fi_os_ram_used_bytes(os) < 2 * KIB);
    }
    fi_os_dir_close(root);
    fi_os_ram_destroy(os);
}

static void
names_count_towards_the_limit_too(void **state)
{
    firn_error err;
    struct fi_os *os = create(100 * KIB);
    struct fi_os_dir *root = test_os_root(os);
    int rc = FIRN_OK;
    unsigned made = 0;
    for (; rc == FIRN_OK; made++) {
        char name[16];
        struct fi_os_file *file = NULL;
        (void)snprintf(name, sizeof name, "%u", made);
        rc = made % 2 == 0
                 ? fi_os_file_open(root, name, FI_OS_WRITE | FI_OS_CREATE, 0600, &file, &err)
                 : fi_os_make_dir(root, name, 0700, &err);
        fi_os_file_close(file);
        assert_true(made < 10000);
    }
    assert_int_equal(rc, FIRN_NO_SPACE);
    assert_true(made > 100);
    TEST_OK(fi_os_remove_file(root, "0", &err), &err);
    TEST_OK(fi_os_make_dir(root, "again", 0700, &err), &err);
    fi_os_dir_close(root);
    fi_os_ram_destroy(os);
}

static void
a_write_far_behind_the_end_costs_what_it_takes(void **state)
{
    firn_error err;
    struct fi_os *os = create(1024 * KIB);
    struct fi_os_dir *root = test_os_root(os);
    struct fi_os_file *file = open_rw(root, "f");
    TEST_OK(fi_os_file_write(file, 100u << 20, "x", 1, &err), &err);
    assert_true(fi_os_ram_used_bytes(os) < 300 * KIB);
    assert_int_equal(fi_os_file_write(file, UINT64_C(1) << 38, "x", 1, &err), FIRN_NO_SPACE);
    assert_int_equal(fi_os_file_write(file, UINT64_C(1) << 41, "x", 1, &err), FIRN_LIMIT);
    assert_int_equal(fi_os_file_truncate(file, UINT64_C(1) << 41, &err), FIRN_LIMIT);
    assert_int_equal(fi_os_file_allocate(file, 2048 * KIB, &err), FIRN_NO_SPACE);
    TEST_OK(fi_os_file_truncate(file, 0, &err), &err);
    TEST_OK(fi_os_file_allocate(file, 512 * KIB, &err), &err);
    fi_os_file_close(file);
    fi_os_dir_close(root);
    fi_os_ram_destroy(os);
}

/* ---- what there is and what there is not ---- */

static void
modes_and_times_are_kept_and_the_rest_is_refused(void **state)
{
    firn_error err;
    struct fi_os *os = create(1024 * KIB);
    struct fi_os_dir *root = test_os_root(os);
    struct fi_os_stat stat;
    struct fi_buf buf = {0};
    test_os_put(root, "f", "x", 1);
    struct fi_os_node node = {.dir = root, .name = "f"};
    struct fi_os_node gone = {.dir = root, .name = "gone"};
    TEST_OK(fi_os_set_mode(node, 0640, &err), &err);
    TEST_OK(fi_os_set_mtime(node, -12345, &err), &err);
    TEST_OK(fi_os_stat(root, "f", &stat, &err), &err);
    assert_int_equal(stat.mode, 0640);
    assert_int_equal(stat.mtime_ns, -12345);
    assert_int_equal(fi_os_set_mode(gone, 0640, &err), FIRN_NOT_FOUND);
    assert_int_equal(fi_os_set_mtime(gone, 0, &err), FIRN_NOT_FOUND);
    assert_int_equal(fi_os_set_owner(node, 1, 1, &err), FIRN_UNSUPPORTED);
    assert_int_equal(fi_os_make_symlink(root, "l", "f", &err), FIRN_UNSUPPORTED);
    assert_int_equal(fi_os_make_fifo(root, "p", 0600, &err), FIRN_UNSUPPORTED);
    assert_int_equal(fi_os_read_symlink(root, "f", &buf, &err), FIRN_INVALID);
    assert_int_equal(fi_os_xattr_set(node, "user.a", firn_str("v"), &err), FIRN_UNSUPPORTED);
    assert_int_equal(fi_os_xattr_get(node, "user.a", &buf, &err), FIRN_NOT_FOUND);
    assert_int_equal(fi_os_xattr_remove(node, "user.a", &err), FIRN_NOT_FOUND);
    TEST_OK(fi_os_xattr_list(node, &buf, &err), &err);
    assert_int_equal(buf.size, 0);
    assert_int_equal(test_os_count(root), 1);
    fi_os_dir_close(root);
    fi_os_ram_destroy(os);
}

static void
a_deep_tree_goes_with_the_file_system(void **state)
{
    firn_error err;
    test_alloc_install();
    struct fi_os *os = create(16 * 1024 * KIB);
    struct fi_os_dir *at = test_os_root(os);
    for (int depth = 0; depth < 2000; depth++) {
        struct fi_os_dir *next;
        test_os_put(at, "a", "contents", 8);
        TEST_OK(fi_os_make_dir(at, "d", 0700, &err), &err);
        TEST_OK(fi_os_link(at, "a", at, "z", &err), &err);
        TEST_OK(fi_os_dir_open(at, "d", &next, &err), &err);
        fi_os_dir_close(at);
        at = next;
    }
    fi_os_dir_close(at);
    fi_os_ram_destroy(os);
    fi_os_ram_destroy(NULL);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

/* ---- memory that runs out ---- */

static int
use(struct fi_os *os, firn_error *err)
{
    struct fi_os_dir *root = NULL;
    struct fi_os_dir *dir = NULL;
    struct fi_os_file *file = NULL;
    struct fi_buf path = {0};
    int rc = fi_os_dir_open_path(os, "/", &root, err);
    rc = rc == FIRN_OK ? fi_os_make_dir(root, "d", 0700, err) : rc;
    rc = rc == FIRN_OK ? fi_os_dir_open(root, "d", &dir, err) : rc;
    rc = rc == FIRN_OK
             ? fi_os_file_open(dir, "f", FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE, 0600, &file, err)
             : rc;
    rc = rc == FIRN_OK ? fi_os_file_lock(file, FI_OS_LOCK_EXCLUSIVE, err) : rc;
    rc = rc == FIRN_OK ? fi_os_file_write(file, 3000, "0123456789", 10, err) : rc;
    rc = rc == FIRN_OK ? fi_os_file_write(file, 30000, "0123456789", 10, err) : rc;
    rc = rc == FIRN_OK ? fi_os_link(dir, "f", root, "g", err) : rc;
    rc = rc == FIRN_OK ? fi_os_rename(root, "g", root, "h", FI_OS_RENAME_REPLACE, err) : rc;
    rc = rc == FIRN_OK ? fi_os_dir_real_path(dir, &path, err) : rc;
    rc = rc == FIRN_OK ? fi_os_remove_file(dir, "f", err) : rc;
    fi_os_file_close(file);
    fi_os_dir_close(dir);
    fi_os_dir_close(root);
    fi_buf_deinit(&path);
    return rc;
}

static void
memory_that_runs_out_leaks_nothing(void **state)
{
    for (int for_ever = 0; for_ever < 2; for_ever++) {
        struct test_fault fault = {.counts = true, .for_ever = for_ever != 0, .limit = 1000};
        while (test_fault_next(&fault)) {
            firn_error err;
            struct fi_os *os = NULL;
            test_fault_allocation(&fault);
            int rc = fi_os_ram_create(1024 * KIB, &os, &err);
            if (rc == FIRN_OK) {
                rc = use(os, &err);
            }
            test_fault_end(&fault);
            assert_int_equal(rc, fault.was_hit ? FIRN_NO_MEMORY : FIRN_OK);
            fi_os_ram_destroy(os);
        }
    }
}

/* ---- threads ---- */

enum { THREADS = 4, STEPS = 3000, SHARED_SIZE = 40000, PIECE = 1000 };

struct shared {
    struct fi_os *os;
    struct fi_os_file *file; /* in pieces of PIECE equal bytes each */
    atomic_uint failures;    /* cmocka's asserts belong to the main thread */
};

struct worker {
    struct shared *shared;
    struct test_random random;
};

static void
expect(struct shared *shared, bool is_right, const char *what)
{
    if (!is_right && atomic_fetch_add(&shared->failures, 1) < 10) {
        (void)fprintf(stderr, "failed: %s\n", what);
    }
}

/* A piece of the shared file is written and read whole. */
static void
use_shared_file(struct worker *worker)
{
    uint8_t piece[PIECE];
    size_t got;
    uint64_t at = test_random_below(&worker->random, SHARED_SIZE / PIECE) * PIECE;
    if (test_random_below(&worker->random, 3) == 0) {
        memset(piece, (int)test_random_below(&worker->random, 256), sizeof piece);
        expect(worker->shared,
               fi_os_file_write(worker->shared->file, at, piece, sizeof piece, NULL) == FIRN_OK,
               "a write");
        return;
    }
    expect(worker->shared,
           fi_os_file_read(worker->shared->file, at, piece, sizeof piece, &got, NULL) == FIRN_OK,
           "a read");
    for (size_t i = 1; i < got; i++) {
        if (piece[i] != piece[0]) {
            expect(worker->shared, false, "a piece is of one write");
            return;
        }
    }
}

static int
count_entry(void *ctx, const struct fi_os_dirent *entry)
{
    (void)entry;
    ++*(size_t *)ctx;
    return FIRN_OK;
}

/* Makes, renames, links, lists and removes files under names that all threads use. */
static void
use_names(struct worker *worker, struct fi_os_dir *root)
{
    char from[8];
    char to[8];
    struct fi_os_file *file = NULL;
    struct fi_os_stat stat;
    size_t count = 0;
    (void)snprintf(from, sizeof from, "n%u", (unsigned)test_random_below(&worker->random, 6));
    (void)snprintf(to, sizeof to, "n%u", (unsigned)test_random_below(&worker->random, 6));
    int rc = FIRN_OK;
    switch (test_random_below(&worker->random, 7)) {
    case 0:
    case 1:
        rc =
            fi_os_file_open(root, from, FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE, 0600, &file, NULL);
        expect(worker->shared, rc == FIRN_OK, "a file is made or opened");
        expect(worker->shared, fi_os_file_write(file, 0, "content", 7, NULL) == FIRN_OK,
               "a write to a file that others may remove");
        expect(worker->shared, fi_os_file_lock(file, FI_OS_LOCK_SHARED, NULL) == FIRN_OK,
               "a lock that others share");
        fi_os_file_close(file);
        break;
    case 2:
        rc = fi_os_rename(root, from, root, to, FI_OS_RENAME_REPLACE, NULL);
        break;
    case 3:
        rc = fi_os_remove_file(root, from, NULL);
        break;
    case 4:
        rc = fi_os_link(root, from, root, to, NULL);
        break;
    case 5:
        rc = fi_os_stat(root, from, &stat, NULL);
        break;
    default:
        rc = fi_os_dir_list(root, count_entry, &count, NULL);
        expect(worker->shared, count <= 7, "a list");
        break;
    }
    expect(worker->shared, rc == FIRN_OK || rc == FIRN_NOT_FOUND || rc == FIRN_EXISTS, "a name");
}

static void *
run_worker(void *arg)
{
    struct worker *worker = arg;
    struct fi_os_dir *root = NULL;
    expect(worker->shared, fi_os_dir_open_path(worker->shared->os, "/", &root, NULL) == FIRN_OK,
           "the root");
    for (int step = 0; step < STEPS; step++) {
        use_shared_file(worker);
        use_names(worker, root);
    }
    fi_os_dir_close(root);
    return NULL;
}

static void
threads_may_use_it_at_once(void **state)
{
    firn_error err;
    struct shared shared = {.os = create(1024 * KIB)};
    struct fi_os_dir *root = test_os_root(shared.os);
    struct worker workers[THREADS];
    pthread_t threads[THREADS];
    shared.file = open_rw(root, "shared");
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i] = (struct worker){.shared = &shared};
        test_random_init(&workers[i].random, "threads", i + 1);
        assert_int_equal(pthread_create(&threads[i], NULL, run_worker, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(atomic_load(&shared.failures), 0);
    fi_os_file_close(shared.file);
    test_os_empty_dir(root);
    struct fi_os_stat stat;
    TEST_OK(fi_os_dir_stat(root, &stat, &err), &err);
    assert_true(fi_os_ram_used_bytes(shared.os) < KIB); /* the root */
    fi_os_dir_close(root);
    fi_os_ram_destroy(shared.os);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_limit_holds_and_what_is_removed_can_be_used_again),
        cmocka_unit_test(names_count_towards_the_limit_too),
        cmocka_unit_test(a_write_far_behind_the_end_costs_what_it_takes),
        cmocka_unit_test(modes_and_times_are_kept_and_the_rest_is_refused),
        cmocka_unit_test(a_deep_tree_goes_with_the_file_system),
        cmocka_unit_test(memory_that_runs_out_leaks_nothing),
        cmocka_unit_test(threads_may_use_it_at_once),
    };
    return cmocka_run_group_tests_name("os_ram", tests, NULL, NULL);
}
