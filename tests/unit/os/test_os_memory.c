/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/os: what a power cut leaves of the machine in memory, case by case, and its settings.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "os/os_fault.h"
#include "os/os_memory.h"
#include "os/os_thread.h"
#include "support/test_alloc.h"
#include "support/test_os.h"

enum { CUTS = 200 };

static struct firn_os *
create(uint64_t seed)
{
    firn_error err;
    struct firn_os *os;
    TEST_OK(firn_os_memory_create(seed, &os, &err), &err);
    return os;
}

/* A machine that writes nothing back by itself: what was not synced is lost by seed 0. */
static struct firn_os *
create_lazy(void)
{
    struct firn_os *os = create(1);
    firn_os_memory_set_writeback(os, 0);
    return os;
}

static struct firn_os *
clone_and_cut(struct firn_os *os, uint64_t seed)
{
    firn_error err;
    struct firn_os *clone;
    TEST_OK(firn_os_memory_clone(os, &clone, &err), &err);
    firn_os_memory_power_cut(clone, seed);
    return clone;
}

static struct firn_os_file *
open_rw(struct firn_os_dir *dir, const char *name)
{
    firn_error err;
    struct firn_os_file *file;
    unsigned flags = FIRN_OS_READ | FIRN_OS_WRITE | FIRN_OS_CREATE;
    TEST_OK(firn_os_file_open(dir, name, flags, 0644, &file, &err), &err);
    return file;
}

static void
put_synced(struct firn_os_dir *dir, const char *name, const char *text)
{
    firn_error err;
    struct firn_os_file *file = open_rw(dir, name);
    TEST_OK(firn_os_file_truncate(file, 0, &err), &err);
    TEST_OK(firn_os_file_write(file, 0, text, strlen(text), &err), &err);
    TEST_OK(firn_os_file_sync_all(file, &err), &err);
    firn_os_file_close(file);
}

static struct firn_os_dir *
make_dir(struct firn_os_dir *dir, const char *name)
{
    firn_error err;
    struct firn_os_dir *made;
    TEST_OK(firn_os_make_dir(dir, name, 0755, &err), &err);
    TEST_OK(firn_os_dir_open(dir, name, &made, &err), &err);
    return made;
}

static bool
has_text(struct firn_os_dir *dir, const char *name, const char *text)
{
    char *bytes = test_os_get(dir, name, NULL);
    bool same = bytes != NULL && strcmp(bytes, text) == 0;
    firn_free(bytes);
    return same;
}

static void
a_name_needs_its_directory_synced_and_contents_their_file(void **state)
{
    (void)state;
    firn_error err;
    struct firn_os *os = create_lazy();
    struct firn_os_dir *root = test_os_root(os);
    put_synced(root, "file-only", "contents");
    struct firn_os *cut = clone_and_cut(os, 0);
    struct firn_os_dir *after = test_os_root(cut);
    assert_int_equal(test_os_count(after), 0);
    firn_os_dir_close(after);
    firn_os_memory_destroy(cut);

    test_os_put(root, "dir-only", "contents", 8);
    TEST_OK(firn_os_dir_sync(root, &err), &err);
    test_os_put(root, "nothing", "contents", 8);
    cut = clone_and_cut(os, 0);
    after = test_os_root(cut);
    assert_true(has_text(after, "file-only", "contents"));
    assert_true(has_text(after, "dir-only", ""));
    assert_false(test_os_has(after, "nothing"));
    firn_os_dir_close(after);
    firn_os_memory_destroy(cut);

    cut = clone_and_cut(os, 1); /* keeps everything */
    after = test_os_root(cut);
    assert_true(has_text(after, "dir-only", "contents"));
    assert_true(has_text(after, "nothing", "contents"));
    firn_os_dir_close(after);
    firn_os_memory_destroy(cut);

    TEST_OK(firn_os_dir_sync_filesystem(root, &err), &err);
    cut = clone_and_cut(os, 0);
    after = test_os_root(cut);
    assert_true(has_text(after, "dir-only", "contents"));
    assert_true(has_text(after, "nothing", "contents"));
    firn_os_dir_close(after);
    firn_os_memory_destroy(cut);
    firn_os_dir_close(root);
    firn_os_memory_destroy(os);
}

static void
a_directory_without_a_durable_name_is_lost_with_its_contents(void **state)
{
    (void)state;
    firn_error err;
    struct firn_os *os = create_lazy();
    struct firn_os_dir *root = test_os_root(os);
    struct firn_os_dir *inner = make_dir(root, "d");
    put_synced(inner, "f", "contents");
    TEST_OK(firn_os_dir_sync(inner, &err), &err);
    struct firn_os *cut = clone_and_cut(os, 0);
    struct firn_os_dir *after = test_os_root(cut);
    assert_int_equal(test_os_count(after), 0);
    firn_os_dir_close(after);
    firn_os_memory_destroy(cut);
    firn_os_dir_close(inner);
    firn_os_dir_close(root);
    firn_os_memory_destroy(os);
}

static void
a_rename_is_seen_old_new_or_both_but_never_neither(void **state)
{
    (void)state;
    firn_error err;
    struct firn_os *os = create_lazy();
    struct firn_os_dir *root = test_os_root(os);
    struct firn_os_dir *inner = make_dir(root, "d");
    put_synced(root, "a", "new");
    put_synced(inner, "b", "old");
    TEST_OK(firn_os_dir_sync_filesystem(root, &err), &err);
    TEST_OK(firn_os_rename(root, "a", inner, "b", FIRN_OS_RENAME_REPLACE, &err), &err);
    unsigned seen[4] = {0};
    for (uint64_t seed = 0; seed < CUTS; seed++) {
        struct firn_os *cut = clone_and_cut(os, seed);
        struct firn_os_dir *after = test_os_root(cut);
        struct firn_os_dir *after_inner;
        TEST_OK(firn_os_dir_open(after, "d", &after_inner, &err), &err);
        bool is_new = has_text(after_inner, "b", "new");
        bool has_a = has_text(after, "a", "new");
        assert_true(is_new || has_text(after_inner, "b", "old"));
        assert_true(is_new || has_a);
        seen[(is_new ? 1u : 0u) + (has_a ? 2u : 0u)]++;
        firn_os_dir_close(after_inner);
        firn_os_dir_close(after);
        firn_os_memory_destroy(cut);
    }
    assert_int_equal(seen[0], 0);
    assert_true(seen[1] > 0 && seen[2] > 0 && seen[3] > 0);
    /* To sync the directory it left is enough to make it seen: it cannot be gone from there and not arrive. */
    TEST_OK(firn_os_dir_sync(root, &err), &err);
    firn_os_dir_close(inner);
    firn_os_dir_close(root);
    firn_os_memory_power_cut(os, 0);
    root = test_os_root(os);
    assert_false(test_os_has(root, "a"));
    TEST_OK(firn_os_dir_open(root, "d", &inner, &err), &err);
    assert_true(has_text(inner, "b", "new"));
    firn_os_dir_close(inner);
    firn_os_dir_close(root);
    firn_os_memory_destroy(os);
}

static void
an_exchange_is_seen_whole_or_not_at_all(void **state)
{
    (void)state;
    firn_error err;
    struct firn_os *os = create_lazy();
    struct firn_os_dir *root = test_os_root(os);
    put_synced(root, "a", "A");
    put_synced(root, "b", "B");
    TEST_OK(firn_os_dir_sync_filesystem(root, &err), &err);
    TEST_OK(firn_os_rename(root, "a", root, "b", FIRN_OS_RENAME_EXCHANGE, &err), &err);
    unsigned exchanged = 0;
    for (uint64_t seed = 0; seed < CUTS; seed++) {
        struct firn_os *cut = clone_and_cut(os, seed);
        struct firn_os_dir *after = test_os_root(cut);
        bool is_new = has_text(after, "a", "B");
        assert_true(has_text(after, "a", is_new ? "B" : "A"));
        assert_true(has_text(after, "b", is_new ? "A" : "B"));
        exchanged += is_new;
        firn_os_dir_close(after);
        firn_os_memory_destroy(cut);
    }
    assert_in_range(exchanged, 1, CUTS - 1);
    firn_os_dir_close(root);
    firn_os_memory_destroy(os);
}

/* Two directories change places in the tree, the lower above the upper; any part of that must leave a tree. */
static void
moved_directories_never_form_a_ring(void **state)
{
    (void)state;
    firn_error err;
    struct firn_os *os = create_lazy();
    struct firn_os_dir *root = test_os_root(os);
    struct firn_os_dir *a = make_dir(root, "a");
    struct firn_os_dir *b = make_dir(a, "b");
    put_synced(a, "in-a", "A");
    put_synced(b, "in-b", "B");
    TEST_OK(firn_os_dir_sync_filesystem(root, &err), &err);
    TEST_OK(firn_os_rename(a, "b", root, "b", FIRN_OS_RENAME_REPLACE, &err), &err);
    TEST_OK(firn_os_rename(root, "a", b, "a", FIRN_OS_RENAME_REPLACE, &err), &err);
    for (uint64_t seed = 0; seed < CUTS; seed++) {
        struct firn_os *cut = clone_and_cut(os, seed);
        struct firn_os_dir *after = test_os_root(cut);
        static const char *const paths_of_a[] = {"a", "b/a"};
        static const char *const paths_of_b[] = {"a/b", "b"};
        unsigned found_a = 0;
        unsigned found_b = 0;
        for (unsigned i = 0; i < 2; i++) {
            struct firn_os_dir *dir;
            if (firn_os_dir_open_beneath(after, paths_of_a[i], &dir, &err) == FIRN_OK) {
                assert_true(has_text(dir, "in-a", "A"));
                firn_os_dir_close(dir);
                found_a++;
            }
            if (firn_os_dir_open_beneath(after, paths_of_b[i], &dir, &err) == FIRN_OK) {
                assert_true(has_text(dir, "in-b", "B"));
                firn_os_dir_close(dir);
                found_b++;
            }
        }
        assert_int_equal(found_a, 1);
        assert_int_equal(found_b, 1);
        firn_os_dir_close(after);
        firn_os_memory_destroy(cut);
    }
    TEST_OK(firn_os_dir_sync(b, &err), &err); /* takes the place of b itself along */
    firn_os_dir_close(a);
    firn_os_dir_close(b);
    firn_os_dir_close(root);
    firn_os_memory_power_cut(os, 0);
    root = test_os_root(os);
    TEST_OK(firn_os_dir_open_beneath(root, "b/a", &a, &err), &err);
    assert_true(has_text(a, "in-a", "A"));
    firn_os_dir_close(a);
    firn_os_dir_close(root);
    firn_os_memory_destroy(os);
}

static void
what_left_a_removed_directory_is_not_lost_with_it(void **state)
{
    (void)state;
    firn_error err;
    struct firn_os *os = create_lazy();
    struct firn_os_dir *root = test_os_root(os);
    struct firn_os_dir *old = make_dir(root, "old");
    struct firn_os_dir *deeper = make_dir(old, "deeper");
    struct firn_os_dir *new = make_dir(root, "new");
    put_synced(deeper, "f", "contents");
    TEST_OK(firn_os_dir_sync_filesystem(root, &err), &err);
    TEST_OK(firn_os_rename(deeper, "f", new, "g", FIRN_OS_RENAME_REPLACE, &err), &err);
    TEST_OK(firn_os_remove_dir(old, "deeper", &err), &err);
    TEST_OK(firn_os_remove_dir(root, "old", &err), &err);
    TEST_OK(firn_os_dir_sync(root, &err), &err);
    firn_os_dir_close(deeper);
    firn_os_dir_close(old);
    firn_os_dir_close(new);
    firn_os_dir_close(root);
    firn_os_memory_power_cut(os, 0);
    root = test_os_root(os);
    assert_false(test_os_has(root, "old"));
    TEST_OK(firn_os_dir_open(root, "new", &new, &err), &err);
    assert_true(has_text(new, "g", "contents"));
    firn_os_dir_close(new);
    firn_os_dir_close(root);
    firn_os_memory_destroy(os);
}

/* The second byte of each sector of a file; '.' for zero. */
static size_t
contents_of(struct firn_os *os, const char *name, char out[64])
{
    struct firn_os_dir *root = test_os_root(os);
    size_t size = 0;
    char *bytes = test_os_get(root, name, &size);
    assert_non_null(bytes);
    assert_true(size % 512 == 0 && size / 512 < 64);
    for (size_t i = 0; i < size / 512; i++) {
        out[i] = bytes[i * 512 + 1] == '\0' ? '.' : bytes[i * 512 + 1];
    }
    out[size / 512] = '\0';
    firn_free(bytes);
    firn_os_dir_close(root);
    return size;
}

/* The letters of the sectors of a file after a cut; '.' for zeros. */
static size_t
letters_of(struct firn_os *os, const char *name, char out[64])
{
    struct firn_os_dir *root = test_os_root(os);
    size_t size = 0;
    char *bytes = test_os_get(root, name, &size);
    assert_non_null(bytes);
    size_t count = (size + 511) / 512;
    assert_true(count < 64);
    for (size_t i = 0; i < count; i++) {
        size_t part = size - i * 512 < 512 ? size - i * 512 : 512;
        for (size_t j = 0; j < part; j++) {
            assert_int_equal(bytes[i * 512 + j], bytes[i * 512]); /* no sector is torn */
        }
        out[i] = bytes[i * 512] == '\0' ? '.' : bytes[i * 512];
    }
    out[count] = '\0';
    firn_free(bytes);
    firn_os_dir_close(root);
    return size;
}

static void
unsynced_sectors_are_kept_or_lost_one_by_one(void **state)
{
    (void)state;
    firn_error err;
    struct firn_os *os = create_lazy();
    struct firn_os_dir *root = test_os_root(os);
    struct firn_os_file *file = open_rw(root, "f");
    uint8_t bytes[8192];
    memset(bytes, 'o', sizeof bytes);
    TEST_OK(firn_os_file_write(file, 0, bytes, sizeof bytes, &err), &err);
    TEST_OK(firn_os_file_sync(file, &err), &err);
    TEST_OK(firn_os_dir_sync(root, &err), &err);
    memset(bytes, 'n', sizeof bytes);
    TEST_OK(firn_os_file_write(file, 1024, bytes, 4096, &err), &err);
    bool all_old = false;
    bool all_new = false;
    unsigned mixed = 0;
    for (uint64_t seed = 0; seed < CUTS; seed++) {
        struct firn_os *cut = clone_and_cut(os, seed);
        char letters[64];
        assert_int_equal(letters_of(cut, "f", letters), 8192);
        assert_memory_equal(letters, "oo", 2);
        assert_string_equal(letters + 10, "oooooo");
        assert_int_equal(strspn(letters, "on"), 16);
        bool old = strcmp(letters, "oooooooooooooooo") == 0;
        bool new = strcmp(letters, "oonnnnnnnnoooooo") == 0;
        all_old = all_old || old;
        all_new = all_new || new;
        mixed += !old && !new;
        firn_os_memory_destroy(cut);
    }
    assert_true(all_old && all_new && mixed > CUTS / 4);
    firn_os_file_close(file);
    firn_os_dir_close(root);
    firn_os_memory_destroy(os);
}

static void
an_append_may_leave_any_size_and_zeros(void **state)
{
    (void)state;
    firn_error err;
    struct firn_os *os = create_lazy();
    struct firn_os_dir *root = test_os_root(os);
    struct firn_os_file *file = open_rw(root, "f");
    uint8_t bytes[4096];
    memset(bytes, 'o', sizeof bytes);
    TEST_OK(firn_os_file_write(file, 0, bytes, 1024, &err), &err);
    TEST_OK(firn_os_file_sync(file, &err), &err);
    TEST_OK(firn_os_dir_sync(root, &err), &err);
    memset(bytes, 'n', sizeof bytes);
    TEST_OK(firn_os_file_write(file, 1024, bytes, sizeof bytes, &err), &err);
    bool shorter = false;
    bool between = false;
    bool zeros = false;
    for (uint64_t seed = 0; seed < CUTS; seed++) {
        struct firn_os *cut = clone_and_cut(os, seed);
        char letters[64];
        size_t size = letters_of(cut, "f", letters);
        assert_in_range(size, 1024, 5120);
        assert_memory_equal(letters, "oo", 2);
        assert_int_equal(strspn(letters + 2, "n."), strlen(letters + 2));
        shorter = shorter || size == 1024;
        between = between || (size > 1024 && size < 5120);
        zeros = zeros || strchr(letters, '.') != NULL;
        /* What lies beyond the size is gone: it does not come back when the file grows. */
        struct firn_os_dir *after = test_os_root(cut);
        struct firn_os_file *again = open_rw(after, "f");
        TEST_OK(firn_os_file_truncate(again, 6000, &err), &err);
        uint8_t read[6000];
        TEST_OK(firn_os_file_read_exact(again, 0, read, 6000, &err), &err);
        for (size_t i = size; i < 6000; i++) {
            assert_int_equal(read[i], 0);
        }
        firn_os_file_close(again);
        firn_os_dir_close(after);
        firn_os_memory_destroy(cut);
    }
    assert_true(shorter && between && zeros);
    firn_os_file_close(file);
    firn_os_dir_close(root);
    firn_os_memory_destroy(os);
}

static void
a_truncation_that_is_not_seen_hides_what_came_after(void **state)
{
    (void)state;
    firn_error err;
    struct firn_os *os = create_lazy();
    struct firn_os_dir *root = test_os_root(os);
    struct firn_os_file *file = open_rw(root, "f");
    uint8_t bytes[4096];
    memset(bytes, 'o', sizeof bytes);
    TEST_OK(firn_os_file_write(file, 0, bytes, sizeof bytes, &err), &err);
    TEST_OK(firn_os_file_sync(file, &err), &err);
    TEST_OK(firn_os_dir_sync(root, &err), &err);
    TEST_OK(firn_os_file_truncate(file, 1024, &err), &err);
    memset(bytes, 'n', sizeof bytes);
    TEST_OK(firn_os_file_write(file, 1024, bytes, 3072, &err), &err);
    bool unseen = false;
    bool seen = false;
    for (uint64_t seed = 0; seed < CUTS; seed++) {
        struct firn_os *cut = clone_and_cut(os, seed);
        char letters[64];
        size_t size = letters_of(cut, "f", letters);
        assert_memory_equal(letters, "oo", 2);
        if (letters[2] == 'o') {
            assert_string_equal(letters, "oooooooo");
            assert_int_equal(size, 4096);
            unseen = true;
        } else {
            assert_int_equal(strspn(letters + 2, "n."), strlen(letters + 2));
            seen = true;
        }
        firn_os_memory_destroy(cut);
    }
    assert_true(unseen && seen);
    firn_os_file_close(file);
    firn_os_dir_close(root);
    firn_os_memory_destroy(os);
}

static void
attributes_need_the_sync_that_promises_them(void **state)
{
    (void)state;
    firn_error err;
    struct firn_os *os = create_lazy();
    struct firn_os_dir *root = test_os_root(os);
    struct firn_os_file *file = open_rw(root, "f");
    struct firn_os_node node = {.file = file};
    TEST_OK(firn_os_dir_sync(root, &err), &err);
    TEST_OK(firn_os_set_mode(node, 0600, &err), &err);
    TEST_OK(firn_os_set_mtime(node, 12345, &err), &err);
    TEST_OK(firn_os_xattr_set(node, "user.a", firn_str("v"), &err), &err);
    TEST_OK(firn_os_file_sync(file, &err), &err);
    struct firn_os *cut = clone_and_cut(os, 0);
    struct firn_os_dir *after = test_os_root(cut);
    struct firn_os_stat stat;
    TEST_OK(firn_os_stat(after, "f", &stat, &err), &err);
    assert_int_equal(stat.mode, 0644);
    firn_os_dir_close(after);
    firn_os_memory_destroy(cut);
    TEST_OK(firn_os_file_sync_all(file, &err), &err);
    TEST_OK(firn_os_xattr_set(node, "user.b", firn_str("v"), &err), &err);
    TEST_OK(firn_os_set_mode((struct firn_os_node){.dir = root}, 0700, &err), &err);
    TEST_OK(firn_os_dir_sync(root, &err), &err);
    cut = clone_and_cut(os, 0);
    after = test_os_root(cut);
    TEST_OK(firn_os_stat(after, "f", &stat, &err), &err);
    assert_int_equal(stat.mode, 0600);
    assert_int_equal(stat.mtime_ns, 12345);
    struct firn_buf names = {0};
    TEST_OK(firn_os_xattr_list((struct firn_os_node){.dir = after, .name = "f"}, &names, &err),
            &err);
    assert_int_equal(names.size, sizeof "user.a");
    TEST_OK(firn_os_dir_stat(after, &stat, &err), &err);
    assert_int_equal(stat.mode, 0700);
    firn_buf_deinit(&names);
    firn_os_dir_close(after);
    firn_os_memory_destroy(cut);
    firn_os_file_close(file);
    firn_os_dir_close(root);
    firn_os_memory_destroy(os);
}

static void
kernels_write_back_in_their_own_time(void **state)
{
    (void)state;
    firn_error err;
    unsigned kept = 0;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct firn_os *os = create(seed);
        firn_os_memory_set_writeback(os, 4);
        struct firn_os_dir *root = test_os_root(os);
        test_os_put(root, "f", "contents", 8);
        test_os_put(root, "f", "changed!", 8);
        firn_os_dir_close(root);
        firn_os_memory_power_cut(os, 0);
        root = test_os_root(os);
        kept += test_os_count(root) > 0;
        firn_os_dir_close(root);
        firn_os_memory_destroy(os);
    }
    assert_in_range(kept, 1, 49);
    struct firn_os *os = create_lazy();
    struct firn_os_dir *root = test_os_root(os);
    struct firn_os_file *file = open_rw(root, "f");
    TEST_OK(firn_os_dir_sync(root, &err), &err);
    static uint8_t bytes[32768];
    memset(bytes, 'n', sizeof bytes);
    TEST_OK(firn_os_file_write(file, 0, bytes, sizeof bytes, &err), &err);
    for (unsigned i = 0; i < 5; i++) {
        firn_os_file_start_writeback(file, 0, sizeof bytes);
    }
    firn_os_file_close(file);
    firn_os_dir_close(root);
    firn_os_memory_power_cut(os, 0);
    root = test_os_root(os);
    size_t size = 0;
    firn_free(test_os_get(root, "f", &size));
    assert_true(size > 0);
    firn_os_dir_close(root);
    firn_os_memory_destroy(os);
}

static void
a_failed_sync_loses_what_a_later_one_will_not_write(void **state)
{
    (void)state;
    firn_error err;
    unsigned lost = 0;
    unsigned readable = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct firn_os *os = create(seed);
        firn_os_memory_set_writeback(os, 0);
        struct firn_os *fault;
        TEST_OK(firn_os_fault_create(os, &fault, &err), &err);
        struct firn_os_dir *root = test_os_root(fault);
        struct firn_os_file *file = open_rw(root, "f");
        uint8_t bytes[16384];
        memset(bytes, 'o', sizeof bytes);
        TEST_OK(firn_os_file_write(file, 0, bytes, sizeof bytes, &err), &err);
        TEST_OK(firn_os_file_sync(file, &err), &err);
        TEST_OK(firn_os_dir_sync(root, &err), &err);
        memset(bytes, 'n', sizeof bytes);
        TEST_OK(firn_os_file_write(file, 0, bytes, sizeof bytes, &err), &err);
        struct firn_os_fault_plan plan = {
            .call = 1, .classes = FIRN_OS_FAULT_SYNCS, .error_number = EIO};
        firn_os_fault_set_plan(fault, &plan);
        int rc =
            seed % 2 == 0 ? firn_os_file_sync(file, &err) : firn_os_dir_sync_filesystem(root, &err);
        assert_int_equal(rc, FIRN_IO);
        assert_int_equal(err.os_errno, EIO);
        TEST_OK(firn_os_file_read_exact(file, 0, bytes, sizeof bytes, &err), &err);
        for (size_t i = 0; i < sizeof bytes; i += 512) {
            readable += bytes[i] == 'n';
        }
        /* Writes around what is lost do not make it dirty again, and a later sync "succeeds". */
        TEST_OK(firn_os_file_write(file, 0, "n", 1, &err), &err);
        TEST_OK(firn_os_file_write(file, sizeof bytes - 1, "n", 1, &err), &err);
        TEST_OK(firn_os_file_sync(file, &err), &err);
        struct firn_os *cut = clone_and_cut(os, 1);
        char letters[64];
        assert_int_equal(contents_of(cut, "f", letters), 16384);
        lost += memchr(letters + 8, 'o', 16) != NULL; /* of the two blocks between */
        firn_os_memory_destroy(cut);
        /* Written again, it is dirty again, and a sync is a sync. */
        memset(bytes, 'x', sizeof bytes);
        TEST_OK(firn_os_file_write(file, 0, bytes, sizeof bytes, &err), &err);
        TEST_OK(firn_os_file_sync(file, &err), &err);
        cut = clone_and_cut(os, 0);
        assert_int_equal(letters_of(cut, "f", letters), 16384);
        assert_int_equal(strspn(letters, "x"), 32);
        firn_os_memory_destroy(cut);
        firn_os_file_close(file);
        firn_os_dir_close(root);
        firn_os_fault_destroy(fault);
        firn_os_memory_destroy(os);
    }
    assert_int_equal(lost, 20);
    assert_true(readable > 20); /* some of what is lost could still be read for a while */
}

static void
the_machine_dies_at_the_chosen_call(void **state)
{
    (void)state;
    firn_error err;
    struct firn_os *os = create_lazy();
    struct firn_os_dir *root = test_os_root(os);
    struct firn_os_file *file = open_rw(root, "f");
    uint64_t calls = firn_os_memory_calls(os);
    uint64_t syncs = firn_os_memory_syncs(os);
    char byte;
    size_t got;
    TEST_OK(firn_os_file_read(file, 0, &byte, 1, &got, &err), &err);
    assert_int_equal(firn_os_memory_calls(os), calls);
    TEST_OK(firn_os_file_write(file, 0, "x", 1, &err), &err);
    TEST_OK(firn_os_file_sync(file, &err), &err);
    TEST_OK(firn_os_dir_sync(root, &err), &err);
    assert_int_equal(firn_os_memory_calls(os), calls + 3);
    assert_int_equal(firn_os_memory_syncs(os), syncs + 2);
    firn_os_memory_set_cut_at(os, calls + 5);
    TEST_OK(firn_os_file_write(file, 0, "y", 1, &err), &err);
    assert_false(firn_os_memory_is_off(os));
    assert_int_equal(firn_os_file_sync(file, &err), FIRN_IO);
    assert_true(firn_os_memory_is_off(os));
    assert_int_equal(firn_os_file_read(file, 0, &byte, 1, &got, &err), FIRN_IO);
    assert_int_equal(firn_os_file_write(file, 0, "z", 1, &err), FIRN_IO);
    assert_int_equal(firn_os_remove_file(root, "f", &err), FIRN_IO);
    struct firn_os_stat stat;
    struct firn_os_dir *opened;
    assert_int_equal(firn_os_stat(root, "f", &stat, &err), FIRN_IO);
    assert_int_equal(firn_os_dir_open_path(os, "/", &opened, &err), FIRN_IO);
    assert_int_equal(firn_os_memory_calls(os), calls + 5);

    firn_os_memory_power_cut(os, 0);
    assert_false(firn_os_memory_is_off(os));
    /* Handles of before are dead, also when the machine is back; they can only be closed. */
    assert_int_equal(firn_os_file_read(file, 0, &byte, 1, &got, &err), FIRN_IO);
    assert_int_equal(firn_os_stat(root, "f", &stat, &err), FIRN_IO);
    assert_int_equal(firn_os_file_lock(file, FIRN_OS_LOCK_SHARED, &err), FIRN_IO);
    struct firn_os_dir *again = test_os_root(os);
    assert_true(has_text(again, "f", "x"));
    firn_os_file_close(file);
    firn_os_dir_close(root);
    firn_os_dir_close(again);
    firn_os_memory_destroy(os);
}

static void
locks_go_with_the_power(void **state)
{
    (void)state;
    firn_error err;
    struct firn_os *os = create(1);
    struct firn_os_dir *root = test_os_root(os);
    put_synced(root, "f", "");
    TEST_OK(firn_os_dir_sync(root, &err), &err);
    struct firn_os_file *before = open_rw(root, "f");
    TEST_OK(firn_os_file_lock(before, FIRN_OS_LOCK_EXCLUSIVE, &err), &err);
    firn_os_memory_power_cut(os, 2);
    struct firn_os_dir *again = test_os_root(os);
    struct firn_os_file *after = open_rw(again, "f");
    TEST_OK(firn_os_file_lock(after, FIRN_OS_LOCK_EXCLUSIVE, &err), &err);
    firn_os_file_close(before); /* releases nothing of the new machine's */
    struct firn_os_file *other = open_rw(again, "f");
    assert_int_equal(firn_os_file_lock(other, FIRN_OS_LOCK_SHARED, &err), FIRN_BUSY);
    firn_os_file_close(other);
    firn_os_file_close(after);
    firn_os_dir_close(root);
    firn_os_dir_close(again);
    firn_os_memory_destroy(os);
}

static void
clones_do_not_see_each_other(void **state)
{
    (void)state;
    firn_error err;
    struct firn_os *os = create_lazy();
    struct firn_os_dir *root = test_os_root(os);
    put_synced(root, "f", "one");
    TEST_OK(firn_os_link(root, "f", root, "g", &err), &err);
    TEST_OK(firn_os_make_symlink(root, "l", "target", &err), &err);
    TEST_OK(firn_os_xattr_set((struct firn_os_node){.dir = root, .name = "f"}, "user.a",
                              firn_str("v"), &err),
            &err);
    struct firn_os *clone;
    TEST_OK(firn_os_memory_clone(os, &clone, &err), &err);
    struct firn_os_dir *other = test_os_root(clone);
    assert_true(has_text(other, "g", "one"));
    struct firn_os_stat stat;
    TEST_OK(firn_os_stat(other, "g", &stat, &err), &err);
    assert_int_equal(stat.nlink, 2);
    test_os_put(other, "f", "two", 3);
    TEST_OK(firn_os_remove_file(other, "l", &err), &err);
    TEST_OK(firn_os_xattr_remove((struct firn_os_node){.dir = other, .name = "f"}, "user.a", &err),
            &err);
    assert_true(has_text(other, "g", "two"));
    assert_true(has_text(root, "f", "one"));
    assert_true(test_os_has(root, "l"));
    test_os_put(root, "f", "three", 5);
    assert_true(has_text(other, "f", "two"));
    struct firn_buf value = {0};
    TEST_OK(
        firn_os_xattr_get((struct firn_os_node){.dir = root, .name = "f"}, "user.a", &value, &err),
        &err);
    firn_buf_deinit(&value);
    firn_os_dir_close(root);
    firn_os_memory_destroy(os);
    assert_true(has_text(other, "f", "two"));
    firn_os_dir_close(other);
    firn_os_memory_destroy(clone);
}

/* Everything a test could see of a tree, as text. */
static int describe_entry(void *ctx, const struct firn_os_dirent *entry);

struct description {
    struct firn_os_dir *dir;
    struct firn_buf *out;
};

static void
describe(struct firn_os_dir *dir, struct firn_buf *out)
{
    firn_error err;
    struct description description = {dir, out};
    TEST_OK(firn_os_dir_list(dir, describe_entry, &description, &err), &err);
}

static int
describe_entry(void *ctx, const struct firn_os_dirent *entry)
{
    struct description *description = ctx;
    firn_error err;
    struct firn_os_stat stat;
    TEST_OK(firn_os_stat(description->dir, entry->name, &stat, &err), &err);
    TEST_OK(firn_buf_append_format(description->out, "(%s %d %o %u %u %llu %llu %lld", entry->name,
                                   (int)stat.kind, stat.mode, stat.uid, stat.gid,
                                   (unsigned long long)stat.inode,
                                   (unsigned long long)stat.size_bytes, (long long)stat.mtime_ns),
            &err);
    if (stat.kind == FIRN_OS_FILE) {
        size_t size = 0;
        char *bytes = test_os_get(description->dir, entry->name, &size);
        TEST_OK(firn_buf_append(description->out, bytes, size), &err);
        firn_free(bytes);
    } else if (stat.kind == FIRN_OS_DIR) {
        struct firn_os_dir *child;
        TEST_OK(firn_os_dir_open(description->dir, entry->name, &child, &err), &err);
        describe(child, description->out);
        firn_os_dir_close(child);
    }
    return firn_buf_append_str(description->out, ")");
}

/* Works a while on a machine, cuts its power in between, and describes what is there in the end. */
static struct firn_buf
history_of(uint64_t seed)
{
    firn_error err;
    struct firn_buf out = {0};
    struct firn_os *os = create(seed);
    for (unsigned round = 0; round < 5; round++) {
        struct firn_os_dir *root = test_os_root(os);
        for (unsigned i = 0; i < 20; i++) {
            uint8_t random[8];
            char name[8];
            TEST_OK(firn_os_random(os, random, sizeof random, &err), &err);
            (void)snprintf(name, sizeof name, "f%u", random[0] % 10);
            test_os_put(root, name, random, sizeof random);
            if (random[1] % 4 == 0) {
                TEST_OK(firn_os_dir_sync(root, &err), &err);
            }
        }
        firn_os_dir_close(root);
        firn_os_memory_power_cut(os, seed + round + 2);
    }
    struct firn_os_dir *root = test_os_root(os);
    describe(root, &out);
    firn_os_dir_close(root);
    firn_os_memory_destroy(os);
    return out;
}

static void
the_seed_decides_everything(void **state)
{
    (void)state;
    struct firn_buf first = history_of(7);
    struct firn_buf again = history_of(7);
    struct firn_buf other = history_of(8);
    assert_true(first.size > 0);
    assert_int_equal(first.size, again.size);
    assert_memory_equal(first.data, again.data, first.size);
    assert_true(first.size != other.size || memcmp(first.data, other.data, first.size) != 0);
    firn_buf_deinit(&first);
    firn_buf_deinit(&again);
    firn_buf_deinit(&other);
}

static void
a_full_disk_refuses_and_recovers(void **state)
{
    (void)state;
    firn_error err;
    struct firn_os *os = create(1);
    struct firn_os_dir *root = test_os_root(os);
    struct firn_os_file *file = open_rw(root, "f");
    static uint8_t bytes[40960];
    firn_os_memory_set_space(os, 20480);
    uint64_t free_bytes;
    TEST_OK(firn_os_dir_free_bytes(root, &free_bytes, &err), &err);
    assert_int_equal(free_bytes, 20480);
    assert_int_equal(firn_os_file_write(file, 0, bytes, sizeof bytes, &err), FIRN_NO_SPACE);
    struct firn_os_stat stat;
    TEST_OK(firn_os_file_stat(file, &stat, &err), &err);
    assert_int_equal(stat.size_bytes, 20480); /* a part was written */
    assert_int_equal(firn_os_make_dir(root, "d", 0755, &err), FIRN_NO_SPACE);
    unsigned create_flags = FIRN_OS_WRITE | FIRN_OS_CREATE;
    struct firn_os_file *other;
    assert_int_equal(firn_os_file_open(root, "g", create_flags, 0644, &other, &err), FIRN_NO_SPACE);
    assert_int_equal(firn_os_file_allocate(file, 30000, &err), FIRN_NO_SPACE);
    TEST_OK(firn_os_file_write(file, 100, bytes, 1000, &err), &err); /* in place */
    TEST_OK(firn_os_file_truncate(file, 4096, &err), &err);
    TEST_OK(firn_os_dir_free_bytes(root, &free_bytes, &err), &err);
    assert_int_equal(free_bytes, 16384);
    TEST_OK(firn_os_file_allocate(file, 8192, &err), &err);
    TEST_OK(firn_os_dir_free_bytes(root, &free_bytes, &err), &err);
    assert_int_equal(free_bytes, 12288);
    firn_os_file_close(file);
    TEST_OK(firn_os_remove_file(root, "f", &err), &err);
    TEST_OK(firn_os_dir_sync(root, &err), &err);
    TEST_OK(firn_os_dir_free_bytes(root, &free_bytes, &err), &err);
    assert_int_equal(free_bytes, 20480);
    firn_os_dir_close(root);
    firn_os_memory_destroy(os);
}

static void
users_meet_the_mode_bits(void **state)
{
    (void)state;
    firn_error err;
    struct firn_os *os = create(1);
    struct firn_os_dir *root = test_os_root(os);
    firn_os_memory_set_umask(os, 077);
    test_os_put(root, "private", "x", 1);
    firn_os_memory_set_umask(os, 0);
    firn_os_dir_close(make_dir(root, "open"));
    struct firn_os_stat stat;
    TEST_OK(firn_os_stat(root, "private", &stat, &err), &err);
    assert_int_equal(stat.mode, 0600);
    struct firn_os_node node = {.dir = root, .name = "open"};
    TEST_OK(firn_os_set_mode(node, 0777, &err), &err);
    firn_os_memory_set_user(os, 1000);
    assert_int_equal(firn_os_user_id(os), 1000);
    struct firn_os_file *file;
    struct firn_os_dir *inner;
    assert_int_equal(firn_os_file_open(root, "private", FIRN_OS_READ, 0, &file, &err), FIRN_DENIED);
    assert_int_equal(firn_os_make_dir(root, "d", 0755, &err), FIRN_DENIED);
    assert_int_equal(firn_os_remove_file(root, "private", &err), FIRN_DENIED);
    assert_int_equal(firn_os_set_mode(node, 0700, &err), FIRN_DENIED);
    assert_int_equal(firn_os_set_mtime(node, 1, &err), FIRN_DENIED);
    assert_int_equal(firn_os_set_owner(node, 1000, 1000, &err), FIRN_DENIED);
    assert_int_equal(firn_os_xattr_set(node, "trusted.a", firn_str("v"), &err), FIRN_DENIED);
    TEST_OK(firn_os_dir_open(root, "open", &inner, &err), &err);
    test_os_put(inner, "mine", "x", 1);
    node = (struct firn_os_node){.dir = inner, .name = "mine"};
    TEST_OK(firn_os_set_mode(node, 0000, &err), &err);
    assert_int_equal(firn_os_file_open(inner, "mine", FIRN_OS_READ, 0, &file, &err), FIRN_DENIED);
    TEST_OK(firn_os_set_mode(node, 0200, &err), &err);
    assert_int_equal(firn_os_file_open(inner, "mine", FIRN_OS_READ, 0, &file, &err), FIRN_DENIED);
    TEST_OK(firn_os_file_open(inner, "mine", FIRN_OS_WRITE, 0, &file, &err), &err);
    firn_os_file_close(file);
    firn_os_dir_close(inner);
    firn_os_dir_close(root);
    firn_os_memory_destroy(os);
}

static int
expect_no_kind(void *ctx, const struct firn_os_dirent *entry)
{
    (void)ctx;
    assert_int_equal(entry->kind, FIRN_OS_UNKNOWN);
    return FIRN_OK;
}

static void
time_and_kinds_are_as_set(void **state)
{
    (void)state;
    firn_error err;
    struct firn_os *os = create(1);
    struct firn_os_dir *root = test_os_root(os);
    firn_os_memory_set_time(os, INT64_C(5000000000));
    test_os_put(root, "f", "x", 1);
    struct firn_os_stat stat;
    TEST_OK(firn_os_stat(root, "f", &stat, &err), &err);
    assert_in_range(stat.mtime_ns, INT64_C(5000000000), INT64_C(5000100000));
    int64_t first = firn_os_now_ns(os);
    assert_int_equal(firn_os_now_ns(os), first + 1000);
    firn_os_memory_set_hide_kinds(os, true);
    TEST_OK(firn_os_dir_list(root, expect_no_kind, NULL, &err), &err);
    firn_os_dir_close(root);
    firn_os_memory_destroy(os);
}

static void
contents_may_lie_far_out_but_not_everywhere(void **state)
{
    (void)state;
    firn_error err;
    struct firn_os *os = create(1);
    struct firn_os_dir *root = test_os_root(os);
    struct firn_os_file *file = open_rw(root, "f");
    const uint64_t gib = UINT64_C(1) << 30;
    TEST_OK(firn_os_file_truncate(file, 100000 * gib, &err), &err);
    TEST_OK(firn_os_file_write(file, gib, "far", 3, &err), &err);
    assert_int_equal(firn_os_file_write(file, 65 * gib, "x", 1, &err), FIRN_LIMIT);
    char bytes[3];
    TEST_OK(firn_os_file_read_exact(file, gib, bytes, 3, &err), &err);
    assert_memory_equal(bytes, "far", 3);
    TEST_OK(firn_os_file_read_exact(file, 99999 * gib, bytes, 3, &err), &err);
    assert_memory_equal(bytes, "\0\0\0", 3);
    firn_os_file_close(file);
    firn_os_dir_close(root);
    firn_os_memory_destroy(os);
}

static void
count_job(void *arg)
{
    ++*(unsigned *)arg;
}

static void
jobs_run_inline(void **state)
{
    (void)state;
    firn_error err;
    struct firn_os *os = create(3);
    struct firn_os_jobs *jobs;
    unsigned count = 0;
    TEST_OK(firn_os_jobs_create(os, 2, &jobs, &err), &err);
    TEST_OK(firn_os_jobs_submit(jobs, count_job, &count, &err), &err);
    assert_int_equal(count, 0);
    firn_os_jobs_wait(jobs);
    assert_int_equal(count, 1);
    firn_os_jobs_destroy(jobs);
    firn_os_memory_destroy(os);
}

static void
failed_allocations_leave_no_machine_behind(void **state)
{
    (void)state;
    firn_error err;
    for (unsigned for_ever = 0; for_ever < 2; for_ever++) {
        for (uint64_t n = 1;; n++) {
            test_alloc_install();
            struct firn_os *os = create(1);
            struct firn_os_dir *root = test_os_root(os);
            test_os_put(root, "f", "contents", 8);
            firn_os_dir_close(make_dir(root, "d"));
            TEST_OK(firn_os_make_symlink(root, "l", "t", &err), &err);
            TEST_OK(firn_os_dir_sync(root, &err), &err);
            TEST_OK(firn_os_remove_file(root, "f", &err), &err);
            firn_os_dir_close(root);
            struct firn_os *made = NULL;
            struct firn_os *clone = NULL;
            test_alloc_fail_at(n, for_ever != 0);
            int rc = firn_os_memory_create(2, &made, &err);
            if (rc == FIRN_OK) {
                rc = firn_os_memory_clone(os, &clone, &err);
            }
            bool reached = test_alloc_calls() >= n;
            test_alloc_fail_at(0, false);
            assert_int_equal(rc, reached ? FIRN_NO_MEMORY : FIRN_OK);
            firn_os_memory_destroy(clone);
            firn_os_memory_destroy(made);
            firn_os_memory_destroy(os);
            assert_int_equal(test_alloc_alive(), 0);
            test_alloc_uninstall();
            if (!reached) {
                break;
            }
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_needs_its_directory_synced_and_contents_their_file),
        cmocka_unit_test(a_directory_without_a_durable_name_is_lost_with_its_contents),
        cmocka_unit_test(a_rename_is_seen_old_new_or_both_but_never_neither),
        cmocka_unit_test(an_exchange_is_seen_whole_or_not_at_all),
        cmocka_unit_test(moved_directories_never_form_a_ring),
        cmocka_unit_test(what_left_a_removed_directory_is_not_lost_with_it),
        cmocka_unit_test(unsynced_sectors_are_kept_or_lost_one_by_one),
        cmocka_unit_test(an_append_may_leave_any_size_and_zeros),
        cmocka_unit_test(a_truncation_that_is_not_seen_hides_what_came_after),
        cmocka_unit_test(attributes_need_the_sync_that_promises_them),
        cmocka_unit_test(kernels_write_back_in_their_own_time),
        cmocka_unit_test(a_failed_sync_loses_what_a_later_one_will_not_write),
        cmocka_unit_test(the_machine_dies_at_the_chosen_call),
        cmocka_unit_test(locks_go_with_the_power),
        cmocka_unit_test(clones_do_not_see_each_other),
        cmocka_unit_test(the_seed_decides_everything),
        cmocka_unit_test(a_full_disk_refuses_and_recovers),
        cmocka_unit_test(users_meet_the_mode_bits),
        cmocka_unit_test(time_and_kinds_are_as_set),
        cmocka_unit_test(contents_may_lie_far_out_but_not_everywhere),
        cmocka_unit_test(jobs_run_inline),
        cmocka_unit_test(failed_allocations_leave_no_machine_behind),
    };
    return cmocka_run_group_tests_name("os_memory", tests, NULL, NULL);
}
