/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_os.c: see the header.
 */
#include "support/test_os.h"
#include "support/test.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/fanotify.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "posix/os_default.h"
#include "support/test_temp.h"

void
test_os_ok(int rc, const firn_error *err, const char *expression, const char *file, int line)
{
    if (rc != FIRN_OK) {
        print_error("%s: %s: %s\n", expression, firn_code_name(rc), err->text);
        _fail(file, line);
    }
}

struct fi_os_dir *
test_os_temp_dir(void)
{
    char path[TEST_TEMP_SIZE];
    test_temp_make(path, sizeof path);
    firn_error err;
    struct fi_os_dir *dir;
    TEST_OK(fi_os_dir_open_path(fi_os_default(), path, &dir, &err), &err);
    return dir;
}

void
test_os_temp_dir_remove(struct fi_os_dir *dir)
{
    test_os_empty_dir(dir);
    const char *path = fi_os_dir_path(dir);
    assert_int_equal(remove(path), 0);
    fi_os_dir_close(dir);
}

struct fi_os_dir *
test_os_root(struct fi_os *os)
{
    firn_error err;
    struct fi_os_dir *dir;
    TEST_OK(fi_os_dir_open_path(os, "/", &dir, &err), &err);
    return dir;
}

static int
remove_entry(void *ctx, const struct fi_os_dirent *entry)
{
    struct fi_os_dir *dir = ctx;
    firn_error err;
    struct fi_os_stat stat;
    TEST_OK(fi_os_stat(dir, entry->name, &stat, &err), &err);
    if (stat.kind != FI_OS_DIR) {
        TEST_OK(fi_os_remove_file(dir, entry->name, &err), &err);
        return FIRN_OK;
    }
    struct fi_os_node node = {.dir = dir, .name = entry->name};
    TEST_OK(fi_os_set_mode(node, 0700, &err), &err);
    struct fi_os_dir *child;
    TEST_OK(fi_os_dir_open(dir, entry->name, &child, &err), &err);
    test_os_empty_dir(child);
    fi_os_dir_close(child);
    TEST_OK(fi_os_remove_dir(dir, entry->name, &err), &err);
    return FIRN_OK;
}

void
test_os_empty_dir(struct fi_os_dir *dir)
{
    firn_error err;
    do {
        TEST_OK(fi_os_dir_list(dir, remove_entry, dir, &err), &err);
    } while (test_os_count(dir) > 0);
}

void
test_os_put(struct fi_os_dir *dir, const char *name, const void *data, size_t size)
{
    firn_error err;
    struct fi_os_file *file;
    unsigned flags = FI_OS_WRITE | FI_OS_CREATE | FI_OS_TRUNCATE;
    TEST_OK(fi_os_file_open(dir, name, flags, 0644, &file, &err), &err);
    TEST_OK(fi_os_file_write(file, 0, data, size, &err), &err);
    fi_os_file_close(file);
}

char *
test_os_get(struct fi_os_dir *dir, const char *name, size_t *out_size)
{
    firn_error err;
    struct fi_os_file *file;
    struct fi_os_stat stat;
    int rc = fi_os_file_open_stat(dir, name, FI_OS_READ, 0, &file, &stat, &err);
    if (rc == FIRN_NOT_FOUND) {
        return NULL;
    }
    TEST_OK(rc, &err);
    char *data = fi_alloc((size_t)stat.size_bytes + 1);
    assert_non_null(data);
    TEST_OK(fi_os_file_read_exact(file, 0, data, (size_t)stat.size_bytes, &err), &err);
    data[stat.size_bytes] = '\0';
    if (out_size != NULL) {
        *out_size = (size_t)stat.size_bytes;
    }
    fi_os_file_close(file);
    return data;
}

bool
test_os_has(struct fi_os_dir *dir, const char *name)
{
    firn_error err;
    struct fi_os_stat stat;
    int rc = fi_os_stat(dir, name, &stat, &err);
    if (rc == FIRN_NOT_FOUND) {
        return false;
    }
    TEST_OK(rc, &err);
    return true;
}

static int
count_entry(void *ctx, const struct fi_os_dirent *entry)
{
    (void)entry;
    ++*(size_t *)ctx;
    return FIRN_OK;
}

size_t
test_os_count(struct fi_os_dir *dir)
{
    firn_error err;
    size_t count = 0;
    TEST_OK(fi_os_dir_list(dir, count_entry, &count, &err), &err);
    return count;
}

bool
test_os_admin(bool is_wanted)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3] = {0};
    const uint32_t bit = UINT32_C(1) << CAP_SYS_ADMIN;
    assert_int_equal(syscall(SYS_capget, &header, data), 0);
    data[0].effective =
        is_wanted ? data[0].effective | (bit & data[0].permitted) : data[0].effective & ~bit;
    assert_int_equal(syscall(SYS_capset, &header, data), 0);
    return (data[0].effective & bit) != 0;
}

bool
test_os_may_use_fanotify(void)
{
    struct {
        struct file_handle head;
        uint8_t bytes[MAX_HANDLE_SZ];
    } handle = {.head.handle_bytes = MAX_HANDLE_SZ};
    struct fi_os_dir *dir = test_os_temp_dir();
    int mount_id;
    (void)test_os_admin(true);
    int fd = fanotify_init(FAN_REPORT_DFID_NAME | FAN_UNLIMITED_QUEUE, O_RDONLY);
    bool may = fd >= 0 &&
               fanotify_mark(fd, FAN_MARK_ADD, FAN_CREATE, AT_FDCWD, fi_os_dir_path(dir)) == 0 &&
               name_to_handle_at(AT_FDCWD, fi_os_dir_path(dir), &handle.head, &mount_id, 0) == 0;
    if (fd >= 0) {
        assert_int_equal(close(fd), 0);
    }
    test_os_temp_dir_remove(dir);
    return may;
}

bool
test_os_refuse(int system_call, int error_number)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)system_call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (uint32_t)error_number),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}
