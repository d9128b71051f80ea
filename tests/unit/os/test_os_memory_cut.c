/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/os: what a power cut leaves of the machine in memory, case by case.
 */
#include <errno.h>

#include "base/mem.h"
#include "machine.h"
#include "os/os_window.h"
#include "sim/sim_fault.h"
#include "support/test.h"
#include "support/test_os.h"

enum { CUTS = 200 };

static void
a_name_needs_its_directory_synced_and_contents_their_file(void **state)
{
    firn_error err;
    struct fi_os *os = machine_create_lazy();
    struct fi_os_dir *root = test_os_root(os);
    machine_put_synced(root, "file-only", "contents");
    struct fi_os *cut = machine_clone_and_cut(os, 0);
    struct fi_os_dir *after = test_os_root(cut);
    assert_int_equal(test_os_count(after), 0);
    fi_os_dir_close(after);
    fi_sim_memory_destroy(cut);

    test_os_put(root, "dir-only", "contents", 8);
    TEST_OK(fi_os_dir_sync(root, &err), &err);
    test_os_put(root, "nothing", "contents", 8);
    cut = machine_clone_and_cut(os, 0);
    after = test_os_root(cut);
    assert_true(machine_has_text(after, "file-only", "contents"));
    assert_true(machine_has_text(after, "dir-only", ""));
    assert_false(test_os_has(after, "nothing"));
    fi_os_dir_close(after);
    fi_sim_memory_destroy(cut);

    cut = machine_clone_and_cut(os, 1); /* keeps everything */
    after = test_os_root(cut);
    assert_true(machine_has_text(after, "dir-only", "contents"));
    assert_true(machine_has_text(after, "nothing", "contents"));
    fi_os_dir_close(after);
    fi_sim_memory_destroy(cut);

    TEST_OK(fi_os_dir_sync_filesystem(root, &err), &err);
    cut = machine_clone_and_cut(os, 0);
    after = test_os_root(cut);
    assert_true(machine_has_text(after, "dir-only", "contents"));
    assert_true(machine_has_text(after, "nothing", "contents"));
    fi_os_dir_close(after);
    fi_sim_memory_destroy(cut);
    fi_os_dir_close(root);
    fi_sim_memory_destroy(os);
}

static void
a_directory_without_a_durable_name_is_lost_with_its_contents(void **state)
{
    firn_error err;
    struct fi_os *os = machine_create_lazy();
    struct fi_os_dir *root = test_os_root(os);
    struct fi_os_dir *inner = machine_make_dir(root, "d");
    machine_put_synced(inner, "f", "contents");
    TEST_OK(fi_os_dir_sync(inner, &err), &err);
    struct fi_os *cut = machine_clone_and_cut(os, 0);
    struct fi_os_dir *after = test_os_root(cut);
    assert_int_equal(test_os_count(after), 0);
    fi_os_dir_close(after);
    fi_sim_memory_destroy(cut);
    fi_os_dir_close(inner);
    fi_os_dir_close(root);
    fi_sim_memory_destroy(os);
}

static void
a_rename_is_seen_old_new_or_both_but_never_neither(void **state)
{
    firn_error err;
    struct fi_os *os = machine_create_lazy();
    struct fi_os_dir *root = test_os_root(os);
    struct fi_os_dir *inner = machine_make_dir(root, "d");
    machine_put_synced(root, "a", "new");
    machine_put_synced(inner, "b", "old");
    TEST_OK(fi_os_dir_sync_filesystem(root, &err), &err);
    TEST_OK(fi_os_rename(root, "a", inner, "b", FI_OS_RENAME_REPLACE, &err), &err);
    unsigned seen[4] = {0};
    for (uint64_t seed = 0; seed < CUTS; seed++) {
        struct fi_os *cut = machine_clone_and_cut(os, seed);
        struct fi_os_dir *after = test_os_root(cut);
        struct fi_os_dir *after_inner;
        TEST_OK(fi_os_dir_open(after, "d", &after_inner, &err), &err);
        bool is_new = machine_has_text(after_inner, "b", "new");
        bool has_a = machine_has_text(after, "a", "new");
        assert_true(is_new || machine_has_text(after_inner, "b", "old"));
        assert_true(is_new || has_a);
        seen[(is_new ? 1u : 0u) + (has_a ? 2u : 0u)]++;
        fi_os_dir_close(after_inner);
        fi_os_dir_close(after);
        fi_sim_memory_destroy(cut);
    }
    assert_int_equal(seen[0], 0);
    assert_true(seen[1] > 0 && seen[2] > 0 && seen[3] > 0);
    /* To sync the directory it left is enough to make it seen: it cannot be gone from there and
     * not arrive. */
    TEST_OK(fi_os_dir_sync(root, &err), &err);
    fi_os_dir_close(inner);
    fi_os_dir_close(root);
    fi_sim_memory_power_cut(os, 0);
    root = test_os_root(os);
    assert_false(test_os_has(root, "a"));
    TEST_OK(fi_os_dir_open(root, "d", &inner, &err), &err);
    assert_true(machine_has_text(inner, "b", "new"));
    fi_os_dir_close(inner);
    fi_os_dir_close(root);
    fi_sim_memory_destroy(os);
}

static void
an_exchange_is_seen_whole_or_not_at_all(void **state)
{
    firn_error err;
    struct fi_os *os = machine_create_lazy();
    struct fi_os_dir *root = test_os_root(os);
    machine_put_synced(root, "a", "A");
    machine_put_synced(root, "b", "B");
    TEST_OK(fi_os_dir_sync_filesystem(root, &err), &err);
    TEST_OK(fi_os_rename(root, "a", root, "b", FI_OS_RENAME_EXCHANGE, &err), &err);
    unsigned exchanged = 0;
    for (uint64_t seed = 0; seed < CUTS; seed++) {
        struct fi_os *cut = machine_clone_and_cut(os, seed);
        struct fi_os_dir *after = test_os_root(cut);
        bool is_new = machine_has_text(after, "a", "B");
        assert_true(machine_has_text(after, "a", is_new ? "B" : "A"));
        assert_true(machine_has_text(after, "b", is_new ? "A" : "B"));
        exchanged += is_new;
        fi_os_dir_close(after);
        fi_sim_memory_destroy(cut);
    }
    assert_in_range(exchanged, 1, CUTS - 1);
    fi_os_dir_close(root);
    fi_sim_memory_destroy(os);
}

/* Two directories change places in the tree, the lower above the upper; any part of that must
 * leave a tree. */
static void
moved_directories_never_form_a_ring(void **state)
{
    firn_error err;
    struct fi_os *os = machine_create_lazy();
    struct fi_os_dir *root = test_os_root(os);
    struct fi_os_dir *a = machine_make_dir(root, "a");
    struct fi_os_dir *b = machine_make_dir(a, "b");
    machine_put_synced(a, "in-a", "A");
    machine_put_synced(b, "in-b", "B");
    TEST_OK(fi_os_dir_sync_filesystem(root, &err), &err);
    TEST_OK(fi_os_rename(a, "b", root, "b", FI_OS_RENAME_REPLACE, &err), &err);
    TEST_OK(fi_os_rename(root, "a", b, "a", FI_OS_RENAME_REPLACE, &err), &err);
    for (uint64_t seed = 0; seed < CUTS; seed++) {
        struct fi_os *cut = machine_clone_and_cut(os, seed);
        struct fi_os_dir *after = test_os_root(cut);
        static const char *const paths_of_a[] = {"a", "b/a"};
        static const char *const paths_of_b[] = {"a/b", "b"};
        unsigned found_a = 0;
        unsigned found_b = 0;
        for (unsigned i = 0; i < 2; i++) {
            struct fi_os_dir *dir;
            if (fi_os_dir_open_beneath(after, paths_of_a[i], &dir, &err) == FIRN_OK) {
                assert_true(machine_has_text(dir, "in-a", "A"));
                fi_os_dir_close(dir);
                found_a++;
            }
            if (fi_os_dir_open_beneath(after, paths_of_b[i], &dir, &err) == FIRN_OK) {
                assert_true(machine_has_text(dir, "in-b", "B"));
                fi_os_dir_close(dir);
                found_b++;
            }
        }
        assert_int_equal(found_a, 1);
        assert_int_equal(found_b, 1);
        fi_os_dir_close(after);
        fi_sim_memory_destroy(cut);
    }
    TEST_OK(fi_os_dir_sync(b, &err), &err); /* takes the place of b itself along */
    fi_os_dir_close(a);
    fi_os_dir_close(b);
    fi_os_dir_close(root);
    fi_sim_memory_power_cut(os, 0);
    root = test_os_root(os);
    TEST_OK(fi_os_dir_open_beneath(root, "b/a", &a, &err), &err);
    assert_true(machine_has_text(a, "in-a", "A"));
    fi_os_dir_close(a);
    fi_os_dir_close(root);
    fi_sim_memory_destroy(os);
}

static void
what_left_a_removed_directory_is_not_lost_with_it(void **state)
{
    firn_error err;
    struct fi_os *os = machine_create_lazy();
    struct fi_os_dir *root = test_os_root(os);
    struct fi_os_dir *old = machine_make_dir(root, "old");
    struct fi_os_dir *deeper = machine_make_dir(old, "deeper");
    struct fi_os_dir *new = machine_make_dir(root, "new");
    machine_put_synced(deeper, "f", "contents");
    TEST_OK(fi_os_dir_sync_filesystem(root, &err), &err);
    TEST_OK(fi_os_rename(deeper, "f", new, "g", FI_OS_RENAME_REPLACE, &err), &err);
    TEST_OK(fi_os_remove_dir(old, "deeper", &err), &err);
    TEST_OK(fi_os_remove_dir(root, "old", &err), &err);
    TEST_OK(fi_os_dir_sync(root, &err), &err);
    fi_os_dir_close(deeper);
    fi_os_dir_close(old);
    fi_os_dir_close(new);
    fi_os_dir_close(root);
    fi_sim_memory_power_cut(os, 0);
    root = test_os_root(os);
    assert_false(test_os_has(root, "old"));
    TEST_OK(fi_os_dir_open(root, "new", &new, &err), &err);
    assert_true(machine_has_text(new, "g", "contents"));
    fi_os_dir_close(new);
    fi_os_dir_close(root);
    fi_sim_memory_destroy(os);
}

static void
a_name_where_nothing_durable_leads_does_not_count(void **state)
{
    firn_error err;
    struct fi_os *os = machine_create_lazy();
    struct fi_os_dir *root = test_os_root(os);
    struct fi_os_dir *old = machine_make_dir(root, "old");
    machine_put_synced(old, "f", "contents");
    TEST_OK(fi_os_dir_sync_filesystem(root, &err), &err);
    struct fi_os_dir *new = machine_make_dir(root, "new");
    TEST_OK(fi_os_link(old, "f", new, "g", &err), &err);
    TEST_OK(fi_os_dir_sync(new, &err), &err); /* but not root, so nothing leads there yet */
    TEST_OK(fi_os_remove_file(old, "f", &err), &err);
    TEST_OK(fi_os_dir_sync(old, &err), &err);
    fi_os_dir_close(old);
    fi_os_dir_close(new);
    fi_os_dir_close(root);
    fi_sim_memory_power_cut(os, 0);
    root = test_os_root(os);
    TEST_OK(fi_os_dir_open(root, "new", &new, &err), &err);
    assert_true(machine_has_text(new, "g", "contents"));
    fi_os_dir_close(new);
    fi_os_dir_close(root);
    fi_sim_memory_destroy(os);
}

/* The second byte of each sector of a file; '.' for zero. */
static size_t
contents_of(struct fi_os *os, const char *name, char out[64])
{
    struct fi_os_dir *root = test_os_root(os);
    size_t size = 0;
    char *bytes = test_os_get(root, name, &size);
    assert_non_null(bytes);
    assert_true(size % 512 == 0 && size / 512 < 64);
    for (size_t i = 0; i < size / 512; i++) {
        out[i] = bytes[i * 512 + 1] == '\0' ? '.' : bytes[i * 512 + 1];
    }
    out[size / 512] = '\0';
    fi_free(bytes);
    fi_os_dir_close(root);
    return size;
}

/* The letters of the sectors of a file after a cut; '.' for zeros. */
static size_t
letters_of(struct fi_os *os, const char *name, char out[64])
{
    struct fi_os_dir *root = test_os_root(os);
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
    fi_free(bytes);
    fi_os_dir_close(root);
    return size;
}

static void
unsynced_sectors_are_kept_or_lost_one_by_one(void **state)
{
    firn_error err;
    struct fi_os *os = machine_create_lazy();
    struct fi_os_dir *root = test_os_root(os);
    struct fi_os_file *file = machine_open_rw(root, "f");
    uint8_t bytes[8192];
    memset(bytes, 'o', sizeof bytes);
    TEST_OK(fi_os_file_write(file, 0, bytes, sizeof bytes, &err), &err);
    TEST_OK(fi_os_file_sync(file, &err), &err);
    TEST_OK(fi_os_dir_sync(root, &err), &err);
    memset(bytes, 'n', sizeof bytes);
    TEST_OK(fi_os_file_write(file, 1024, bytes, 4096, &err), &err);
    bool all_old = false;
    bool all_new = false;
    unsigned mixed = 0;
    for (uint64_t seed = 0; seed < CUTS; seed++) {
        struct fi_os *cut = machine_clone_and_cut(os, seed);
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
        fi_sim_memory_destroy(cut);
    }
    assert_true(all_old && all_new && mixed > CUTS / 4);
    fi_os_file_close(file);
    fi_os_dir_close(root);
    fi_sim_memory_destroy(os);
}

static void
an_append_may_leave_any_size_and_zeros(void **state)
{
    firn_error err;
    struct fi_os *os = machine_create_lazy();
    struct fi_os_dir *root = test_os_root(os);
    struct fi_os_file *file = machine_open_rw(root, "f");
    uint8_t bytes[4096];
    memset(bytes, 'o', sizeof bytes);
    TEST_OK(fi_os_file_write(file, 0, bytes, 1024, &err), &err);
    TEST_OK(fi_os_file_sync(file, &err), &err);
    TEST_OK(fi_os_dir_sync(root, &err), &err);
    memset(bytes, 'n', sizeof bytes);
    TEST_OK(fi_os_file_write(file, 1024, bytes, sizeof bytes, &err), &err);
    bool shorter = false;
    bool between = false;
    bool zeros = false;
    for (uint64_t seed = 0; seed < CUTS; seed++) {
        struct fi_os *cut = machine_clone_and_cut(os, seed);
        char letters[64];
        size_t size = letters_of(cut, "f", letters);
        assert_in_range(size, 1024, 5120);
        assert_memory_equal(letters, "oo", 2);
        assert_int_equal(strspn(letters + 2, "n."), strlen(letters + 2));
        shorter = shorter || size == 1024;
        between = between || (size > 1024 && size < 5120);
        zeros = zeros || strchr(letters, '.') != NULL;
        /* What lies beyond the size is gone: it does not come back when the file grows. */
        struct fi_os_dir *after = test_os_root(cut);
        struct fi_os_file *again = machine_open_rw(after, "f");
        TEST_OK(fi_os_file_truncate(again, 6000, &err), &err);
        uint8_t read[6000];
        TEST_OK(fi_os_file_read_exact(again, 0, read, 6000, &err), &err);
        for (size_t i = size; i < 6000; i++) {
            assert_int_equal(read[i], 0);
        }
        fi_os_file_close(again);
        fi_os_dir_close(after);
        fi_sim_memory_destroy(cut);
    }
    assert_true(shorter && between && zeros);
    fi_os_file_close(file);
    fi_os_dir_close(root);
    fi_sim_memory_destroy(os);
}

static void
a_truncation_that_is_not_seen_hides_what_came_after(void **state)
{
    firn_error err;
    struct fi_os *os = machine_create_lazy();
    struct fi_os_dir *root = test_os_root(os);
    struct fi_os_file *file = machine_open_rw(root, "f");
    uint8_t bytes[4096];
    memset(bytes, 'o', sizeof bytes);
    TEST_OK(fi_os_file_write(file, 0, bytes, sizeof bytes, &err), &err);
    TEST_OK(fi_os_file_sync(file, &err), &err);
    TEST_OK(fi_os_dir_sync(root, &err), &err);
    TEST_OK(fi_os_file_truncate(file, 1024, &err), &err);
    memset(bytes, 'n', sizeof bytes);
    TEST_OK(fi_os_file_write(file, 1024, bytes, 3072, &err), &err);
    bool unseen = false;
    bool seen = false;
    for (uint64_t seed = 0; seed < CUTS; seed++) {
        struct fi_os *cut = machine_clone_and_cut(os, seed);
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
        fi_sim_memory_destroy(cut);
    }
    assert_true(unseen && seen);
    fi_os_file_close(file);
    fi_os_dir_close(root);
    fi_sim_memory_destroy(os);
}

static void
attributes_need_the_sync_that_promises_them(void **state)
{
    firn_error err;
    struct fi_os *os = machine_create_lazy();
    struct fi_os_dir *root = test_os_root(os);
    struct fi_os_file *file = machine_open_rw(root, "f");
    struct fi_os_node node = {.file = file};
    TEST_OK(fi_os_dir_sync(root, &err), &err);
    TEST_OK(fi_os_set_mode(node, 0600, &err), &err);
    TEST_OK(fi_os_set_mtime(node, 12345, &err), &err);
    TEST_OK(fi_os_xattr_set(node, "user.a", firn_str("v"), &err), &err);
    TEST_OK(fi_os_file_sync(file, &err), &err);
    struct fi_os *cut = machine_clone_and_cut(os, 0);
    struct fi_os_dir *after = test_os_root(cut);
    struct fi_os_stat stat;
    TEST_OK(fi_os_stat(after, "f", &stat, &err), &err);
    assert_int_equal(stat.mode, 0644);
    fi_os_dir_close(after);
    fi_sim_memory_destroy(cut);
    TEST_OK(fi_os_file_sync_all(file, &err), &err);
    TEST_OK(fi_os_xattr_set(node, "user.b", firn_str("v"), &err), &err);
    TEST_OK(fi_os_set_mode((struct fi_os_node){.dir = root}, 0700, &err), &err);
    TEST_OK(fi_os_dir_sync(root, &err), &err);
    cut = machine_clone_and_cut(os, 0);
    after = test_os_root(cut);
    TEST_OK(fi_os_stat(after, "f", &stat, &err), &err);
    assert_int_equal(stat.mode, 0600);
    assert_int_equal(stat.mtime_ns, 12345);
    struct fi_buf names = {0};
    TEST_OK(fi_os_xattr_list((struct fi_os_node){.dir = after, .name = "f"}, &names, &err), &err);
    assert_int_equal(names.size, sizeof "user.a");
    TEST_OK(fi_os_dir_stat(after, &stat, &err), &err);
    assert_int_equal(stat.mode, 0700);
    fi_buf_deinit(&names);
    fi_os_dir_close(after);
    fi_sim_memory_destroy(cut);
    fi_os_file_close(file);
    fi_os_dir_close(root);
    fi_sim_memory_destroy(os);
}

static void
kernels_write_back_in_their_own_time(void **state)
{
    firn_error err;
    unsigned kept = 0;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct fi_os *os = machine_create(seed);
        fi_sim_memory_set_writeback(os, 4);
        struct fi_os_dir *root = test_os_root(os);
        test_os_put(root, "f", "contents", 8);
        test_os_put(root, "f", "changed!", 8);
        fi_os_dir_close(root);
        fi_sim_memory_power_cut(os, 0);
        root = test_os_root(os);
        kept += test_os_count(root) > 0;
        fi_os_dir_close(root);
        fi_sim_memory_destroy(os);
    }
    assert_in_range(kept, 1, 49);
    struct fi_os *os = machine_create_lazy();
    struct fi_os_dir *root = test_os_root(os);
    struct fi_os_file *file = machine_open_rw(root, "f");
    TEST_OK(fi_os_dir_sync(root, &err), &err);
    static uint8_t bytes[32768];
    memset(bytes, 'n', sizeof bytes);
    TEST_OK(fi_os_file_write(file, 0, bytes, sizeof bytes, &err), &err);
    for (unsigned i = 0; i < 5; i++) {
        fi_os_file_start_writeback(file, 0, sizeof bytes);
    }
    fi_os_file_close(file);
    fi_os_dir_close(root);
    fi_sim_memory_power_cut(os, 0);
    root = test_os_root(os);
    size_t size = 0;
    fi_free(test_os_get(root, "f", &size));
    assert_true(size > 0);
    fi_os_dir_close(root);
    fi_sim_memory_destroy(os);
}

static void
a_failed_sync_loses_what_a_later_one_will_not_write(void **state)
{
    firn_error err;
    unsigned lost = 0;
    unsigned readable = 0;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct fi_os *os = machine_create(seed);
        fi_sim_memory_set_writeback(os, 0);
        struct fi_os *fault;
        TEST_OK(fi_sim_fault_create(os, &fault, &err), &err);
        struct fi_os_dir *root = test_os_root(fault);
        struct fi_os_file *file = machine_open_rw(root, "f");
        uint8_t bytes[16384];
        memset(bytes, 'o', sizeof bytes);
        TEST_OK(fi_os_file_write(file, 0, bytes, sizeof bytes, &err), &err);
        TEST_OK(fi_os_file_sync(file, &err), &err);
        TEST_OK(fi_os_dir_sync(root, &err), &err);
        memset(bytes, 'n', sizeof bytes);
        TEST_OK(fi_os_file_write(file, 0, bytes, sizeof bytes, &err), &err);
        struct fi_sim_fault_plan plan = {
            .call = 1, .classes = FI_SIM_FAULT_SYNCS, .error_number = EIO};
        fi_sim_fault_set_plan(fault, &plan);
        int rc =
            seed % 2 == 0 ? fi_os_file_sync(file, &err) : fi_os_dir_sync_filesystem(root, &err);
        assert_int_equal(rc, FIRN_IO);
        assert_int_equal(err.os_errno, EIO);
        TEST_OK(fi_os_file_read_exact(file, 0, bytes, sizeof bytes, &err), &err);
        for (size_t i = 0; i < sizeof bytes; i += 512) {
            readable += bytes[i] == 'n';
        }
        /* Writes around what is lost do not make it dirty again, and a later sync "succeeds". */
        TEST_OK(fi_os_file_write(file, 0, "n", 1, &err), &err);
        TEST_OK(fi_os_file_write(file, sizeof bytes - 1, "n", 1, &err), &err);
        TEST_OK(fi_os_file_sync(file, &err), &err);
        struct fi_os *cut = machine_clone_and_cut(os, 1);
        char letters[64];
        assert_int_equal(contents_of(cut, "f", letters), 16384);
        lost += memchr(letters + 8, 'o', 16) != NULL; /* of the two blocks between */
        fi_sim_memory_destroy(cut);
        /* Written again, it is dirty again, and a sync is a sync. */
        memset(bytes, 'x', sizeof bytes);
        TEST_OK(fi_os_file_write(file, 0, bytes, sizeof bytes, &err), &err);
        TEST_OK(fi_os_file_sync(file, &err), &err);
        cut = machine_clone_and_cut(os, 0);
        assert_int_equal(letters_of(cut, "f", letters), 16384);
        assert_int_equal(strspn(letters, "x"), 32);
        fi_sim_memory_destroy(cut);
        fi_os_file_close(file);
        fi_os_dir_close(root);
        fi_sim_fault_destroy(fault);
        fi_sim_memory_destroy(os);
    }
    assert_int_equal(lost, 20);
    assert_true(readable > 20); /* some of what is lost could still be read for a while */
}

static void
what_was_stored_to_a_window_needs_commit_and_sync(void **state)
{
    firn_error err;
    struct fi_os *os = machine_create_lazy();
    struct fi_os_dir *root = test_os_root(os);
    machine_put_synced(root, "f", "---------");
    TEST_OK(fi_os_dir_sync(root, &err), &err);
    struct fi_os_file *file = machine_open_rw(root, "f");
    struct fi_os_window window;
    TEST_OK(fi_os_window_open(file, 0, 9, &window, &err), &err);
    memcpy(window.data, "abcdefghi", 9);
    TEST_OK(fi_os_window_commit(&window, 0, 3, &err), &err);
    TEST_OK(fi_os_file_sync(file, &err), &err);
    TEST_OK(fi_os_window_commit(&window, 3, 3, &err), &err);
    static const char *const expected[] = {"abc------", "abcdef---"};
    for (uint64_t keeps_all = 0; keeps_all < 2; keeps_all++) {
        struct fi_os *cut = machine_clone_and_cut(os, keeps_all);
        struct fi_os_dir *after = test_os_root(cut);
        assert_true(machine_has_text(after, "f", expected[keeps_all]));
        fi_os_dir_close(after);
        fi_sim_memory_destroy(cut);
    }
    /* A file that is shortened takes the window's bytes with it. */
    TEST_OK(fi_os_file_truncate(file, 4, &err), &err);
    assert_int_equal(fi_os_window_commit(&window, 0, 9, &err), FIRN_IO);
    fi_os_window_close(&window);
    /* Space that is only reserved may turn out to be missing. */
    TEST_OK(fi_os_file_truncate(file, 9000, &err), &err);
    TEST_OK(fi_os_file_allocate(file, 9000, &err), &err);
    assert_int_equal(fi_os_window_open(file, 0, 9000, &window, &err), FIRN_INVALID);
    fi_os_file_close(file);
    fi_os_dir_close(root);
    fi_sim_memory_destroy(os);
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
        cmocka_unit_test(a_name_where_nothing_durable_leads_does_not_count),
        cmocka_unit_test(unsynced_sectors_are_kept_or_lost_one_by_one),
        cmocka_unit_test(an_append_may_leave_any_size_and_zeros),
        cmocka_unit_test(a_truncation_that_is_not_seen_hides_what_came_after),
        cmocka_unit_test(attributes_need_the_sync_that_promises_them),
        cmocka_unit_test(kernels_write_back_in_their_own_time),
        cmocka_unit_test(what_was_stored_to_a_window_needs_commit_and_sync),
        cmocka_unit_test(a_failed_sync_loses_what_a_later_one_will_not_write),
    };
    return cmocka_run_group_tests_name("os_memory_cut", tests, NULL, NULL);
}
