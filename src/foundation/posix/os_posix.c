/* SPDX-License-Identifier: Apache-2.0
 *
 * posix/os_posix.c: the posix implementation of the seam: its table, its clocks, its randomness.
 *
 * Linux system calls, with descriptors as handles. The primitives are in os_posix_dir.c
 * (directories), os_posix_name.c (names) and below (files, windows, metadata). Mutexes and jobs are
 * in threads/, since the simulation has the same interface for them.
 *
 * Rules for all of them:
 * (I1) Every descriptor is opened with O_CLOEXEC, and with O_NOFOLLOW unless a user's path is
 *      opened.
 * (I2) EINTR is retried if the failed call has changed nothing; never for a sync.
 * (I3) There is no state except atomics that remember what the kernel does not support. So the
 *      process has one implementation, which any number of threads may use and which is never
 *      released.
 * (I4) As few calls as possible: a tree of 80,000 files is opened, read and restored through this
 *      file. (Not checked: (I2) to (I4) say which calls are made.)
 */
#include "posix/os_posix.h"

#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>

#include "base/check.h"
#include "posix/os_default.h"

static int64_t
read_clock(clockid_t clock)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(clock, &now); /* cannot fail for the clocks asked for */
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t
now_ns(struct fi_os *os)
{
    (void)os;
    return read_clock(CLOCK_REALTIME);
}

static int64_t
monotonic_ns(struct fi_os *os)
{
    (void)os;
    return read_clock(CLOCK_MONOTONIC);
}

static int64_t
boottime_ns(struct fi_os *os)
{
    (void)os;
    return read_clock(CLOCK_BOOTTIME);
}

static void
sleep_ns(struct fi_os *os, int64_t duration_ns)
{
    (void)os;
    struct timespec left = {duration_ns / 1000000000, duration_ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR) {
    }
}

static int
random_bytes(struct fi_os *os, void *out, size_t size)
{
    (void)os;
    uint8_t *at = out;
    while (size > 0) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            return errno;
        }
        DCHECK((size_t)got <= size);
        at += got;
        size -= (size_t)got;
    }
    return 0;
}

static unsigned
cpu_count(struct fi_os *os)
{
    (void)os;
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        return (unsigned)CPU_COUNT(&set);
    }
    long online = sysconf(_SC_NPROCESSORS_ONLN); /* more processors than the set has room for */
    return online > 0 ? (unsigned)online : 1;
}

static uint64_t
process_id(struct fi_os *os)
{
    (void)os;
    return (uint64_t)getpid();
}

/* The first 64 bits of the number that the kernel draws when it starts. */
static uint64_t
boot_id(struct fi_os *os)
{
    (void)os;
    char text[40] = "";
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text - 1) : 0;
    if (fd >= 0) {
        (void)close(fd);
    }
    uint64_t id = 0;
    unsigned digits = 0;
    for (ssize_t i = 0; i < size && digits < 16; i++) {
        static const char hex[] = "0123456789abcdef";
        const char *digit = text[i] != '\0' ? strchr(hex, text[i]) : NULL;
        if (digit != NULL) {
            id = id << 4 | (uint64_t)(digit - hex);
            digits++;
        }
    }
    return digits == 16 ? id : 0;
}

static const char *
environment(struct fi_os *os, const char *name)
{
    (void)os;
    return getenv(name);
}

static uint32_t
user_id(struct fi_os *os)
{
    (void)os;
    return geteuid();
}

const struct fi_os_ops fi_os_posix_ops = {
    .dir_open_path = fi_os_posix_dir_open_path,
    .dir_open_real = fi_os_posix_dir_open_real,
    .dir_open = fi_os_posix_dir_open,
    .dir_open_beneath = fi_os_posix_dir_open_beneath,
    .dir_close = fi_os_posix_dir_close,
    .dir_list = fi_os_posix_dir_list,
    .dir_refresh = fi_os_posix_dir_refresh,
    .dir_sync = fi_os_posix_dir_sync,
    .dir_sync_filesystem = fi_os_posix_dir_sync_filesystem,
    .dir_real_path = fi_os_posix_dir_real_path,
    .dir_free_bytes = fi_os_posix_dir_free_bytes,
    .dir_check_names = fi_os_posix_dir_check_names,
    .dir_keeps_identity = fi_os_posix_dir_keeps_identity,
    .make_dir = fi_os_posix_name_make_dir,
    .remove_file = fi_os_posix_name_remove_file,
    .remove_dir = fi_os_posix_name_remove_dir,
    .rename = fi_os_posix_name_rename,
    .link = fi_os_posix_name_link,
    .make_symlink = fi_os_posix_name_make_symlink,
    .read_symlink = fi_os_posix_name_read_symlink,
    .make_fifo = fi_os_posix_name_make_fifo,
    .stat = fi_os_posix_name_stat,
    .file_open = fi_os_posix_file_open,
    .file_close = fi_os_posix_file_close,
    .file_read = fi_os_posix_file_read,
    .file_write = fi_os_posix_file_write,
    .file_stat = fi_os_posix_file_stat,
    .file_truncate = fi_os_posix_file_truncate,
    .file_allocate = fi_os_posix_file_allocate,
    .file_sync = fi_os_posix_file_sync,
    .file_sync_all = fi_os_posix_file_sync_all,
    .file_sync_several = fi_os_posix_file_sync_several,
    .file_start_writeback = fi_os_posix_file_start_writeback,
    .file_next_data = fi_os_posix_file_next_data,
    .file_map = fi_os_posix_window_map,
    .file_unmap = fi_os_posix_window_unmap,
    .file_lock = fi_os_posix_file_lock,
    .file_unlock = fi_os_posix_file_unlock,
    .file_lock_range = fi_os_posix_file_lock_range,
    .file_unlock_range = fi_os_posix_file_unlock_range,
    .file_is_range_held = fi_os_posix_file_is_range_held,
    .file_range_holder = fi_os_posix_file_range_holder,
    .set_mode = fi_os_posix_node_set_mode,
    .set_owner = fi_os_posix_node_set_owner,
    .set_mtime = fi_os_posix_node_set_mtime,
    .xattr_list = fi_os_posix_node_xattr_list,
    .xattr_get = fi_os_posix_node_xattr_get,
    .xattr_set = fi_os_posix_node_xattr_set,
    .xattr_remove = fi_os_posix_node_xattr_remove,
    .now_ns = now_ns,
    .monotonic_ns = monotonic_ns,
    .boottime_ns = boottime_ns,
    .sleep_ns = sleep_ns,
    .random = random_bytes,
    .cpu_count = cpu_count,
    .process_id = process_id,
    .boot_id = boot_id,
    .user_id = user_id,
    .environment = environment,
};
