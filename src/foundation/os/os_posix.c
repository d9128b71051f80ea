/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_posix.c: the posix implementation of the seam: its table, its clocks, its randomness.
 *
 * Linux system calls with handles that are descriptors. The primitives are in os_posix_dir.c
 * (directories), os_posix_name.c (names), os_posix_file.c (files) and os_posix_node.c (metadata);
 * mutexes and jobs are in os_thread.c and os_jobs.c, since the simulation shares their interface.
 *
 * Rules that hold for all of them:
 * (I1) Every descriptor is opened with O_CLOEXEC, and everything but a path of the user's with
 *   O_NOFOLLOW.
 * (I2) EINTR is retried where a call changes nothing by failing with it; never around a sync.
 * (I3) No state but atomics that remember what the kernel cannot do; so there is one implementation
 *      for the process, any number of threads may use it, and it is never released.
 * (I4) As few calls as the task allows: a tree of 80,000 files is opened, read and restored through
 *   here.
 */
#include "os/os_posix.h"

#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

static int64_t
read_clock(clockid_t clock)
{
    struct timespec now = {0, 0};
    (void)clock_gettime(clock, &now); /* cannot fail for the two clocks asked for */
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static int64_t
now_ns(struct firn_os *os)
{
    (void)os;
    return read_clock(CLOCK_REALTIME);
}

static int64_t
monotonic_ns(struct firn_os *os)
{
    (void)os;
    return read_clock(CLOCK_MONOTONIC);
}

static void
sleep_ns(struct firn_os *os, int64_t duration_ns)
{
    (void)os;
    struct timespec left = {duration_ns / 1000000000, duration_ns % 1000000000};
    while (clock_nanosleep(CLOCK_MONOTONIC, 0, &left, &left) == EINTR) {
    }
}

static int
random_bytes(struct firn_os *os, void *out, size_t size)
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
        at += got;
        size -= (size_t)got;
    }
    return 0;
}

static unsigned
cpu_count(struct firn_os *os)
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
process_id(struct firn_os *os)
{
    (void)os;
    return (uint64_t)getpid();
}

/* The first 64 bits of the number that the kernel draws when it starts. */
static uint64_t
boot_id(struct firn_os *os)
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
environment(struct firn_os *os, const char *name)
{
    (void)os;
    return getenv(name);
}

static uint32_t
user_id(struct firn_os *os)
{
    (void)os;
    return geteuid();
}

static const struct firn_os_ops ops = {
    .dir_open_path = firn_os_posix_dir_open_path,
    .dir_open = firn_os_posix_dir_open,
    .dir_open_beneath = firn_os_posix_dir_open_beneath,
    .dir_close = firn_os_posix_dir_close,
    .dir_list = firn_os_posix_dir_list,
    .dir_sync = firn_os_posix_dir_sync,
    .dir_sync_filesystem = firn_os_posix_dir_sync_filesystem,
    .dir_real_path = firn_os_posix_dir_real_path,
    .dir_free_bytes = firn_os_posix_dir_free_bytes,
    .dir_check_names = firn_os_posix_dir_check_names,
    .make_dir = firn_os_posix_name_make_dir,
    .remove_file = firn_os_posix_name_remove_file,
    .remove_dir = firn_os_posix_name_remove_dir,
    .rename = firn_os_posix_name_rename,
    .link = firn_os_posix_name_link,
    .make_symlink = firn_os_posix_name_make_symlink,
    .read_symlink = firn_os_posix_name_read_symlink,
    .make_fifo = firn_os_posix_name_make_fifo,
    .stat = firn_os_posix_name_stat,
    .file_open = firn_os_posix_file_open,
    .file_close = firn_os_posix_file_close,
    .file_read = firn_os_posix_file_read,
    .file_write = firn_os_posix_file_write,
    .file_stat = firn_os_posix_file_stat,
    .file_truncate = firn_os_posix_file_truncate,
    .file_allocate = firn_os_posix_file_allocate,
    .file_sync = firn_os_posix_file_sync,
    .file_sync_all = firn_os_posix_file_sync_all,
    .file_sync_several = firn_os_posix_file_sync_several,
    .file_start_writeback = firn_os_posix_file_start_writeback,
    .file_next_data = firn_os_posix_file_next_data,
    .file_map = firn_os_posix_window_map,
    .file_unmap = firn_os_posix_window_unmap,
    .file_lock = firn_os_posix_file_lock,
    .file_unlock = firn_os_posix_file_unlock,
    .file_lock_range = firn_os_posix_file_lock_range,
    .file_unlock_range = firn_os_posix_file_unlock_range,
    .file_is_range_locked = firn_os_posix_file_is_range_locked,
    .set_mode = firn_os_posix_node_set_mode,
    .set_owner = firn_os_posix_node_set_owner,
    .set_mtime = firn_os_posix_node_set_mtime,
    .xattr_list = firn_os_posix_node_xattr_list,
    .xattr_get = firn_os_posix_node_xattr_get,
    .xattr_set = firn_os_posix_node_xattr_set,
    .xattr_remove = firn_os_posix_node_xattr_remove,
    .now_ns = now_ns,
    .monotonic_ns = monotonic_ns,
    .sleep_ns = sleep_ns,
    .random = random_bytes,
    .cpu_count = cpu_count,
    .process_id = process_id,
    .boot_id = boot_id,
    .user_id = user_id,
    .environment = environment,
};

struct firn_os *
firn_os_default(void)
{
    static struct firn_os posix = {
        .ops = &ops,
        .dir_size = sizeof(struct firn_os_posix_dir),
        .file_size = sizeof(struct firn_os_posix_file),
        .scheduler = NULL,
    };
    return &posix;
}
