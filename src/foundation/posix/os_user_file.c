/* SPDX-License-Identifier: Apache-2.0
 *
 * posix/os_user_file.c: see os_user_file.h. The seam (os/os.h) opens only regular files and names
 * of one component, while /dev/fd/63 is a link that leads to no path. So the real system opens the
 * path itself. A fifo that nobody writes to must not block the open, where nothing could end it:
 * poll waits for its writer instead.
 */
#include "posix/os_user_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/check.h"
#include "os/os_user_path.h"
#include "posix/os_default.h"

static int
read_real(const char *path, const struct fi_os_stream_limits *limits, struct fi_buf *out,
          firn_error *err)
{
    const int64_t end_ns = fi_os_monotonic_ns(fi_os_default()) + limits->timeout_ns;
    struct stat stat;
    int rc;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 || fstat(fd, &stat) != 0) {
        rc = fi_error_set_errno(err, errno, "could not open '%.200s'", path);
    } else if (!S_ISREG(stat.st_mode) && !S_ISFIFO(stat.st_mode)) {
        rc = fi_error_set(err, FIRN_INVALID, "'%.200s' is neither a regular file nor a fifo", path);
    } else {
        rc = fi_os_stream_read(fd, path, limits, end_ns, out, err);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return rc;
}

static int
read_simulated(struct fi_os *os, const char *path, const struct fi_os_stream_limits *limits,
               struct fi_buf *out, firn_error *err)
{
    struct fi_os_user_path place = {0};
    struct fi_os_file *file = NULL;
    struct fi_os_stat stat;
    size_t size;
    int rc;
    FI_TRY(fi_os_user_path_init_followed(&place, os, path, err));
    FI_TRY(fi_os_file_open_stat(place.dir, place.name, FI_OS_READ, 0, &file, &stat, err));
    if (stat.size_bytes > limits->size_max) {
        FI_TRY(fi_error_set(err, FIRN_IO, "'%.200s' gives more than %zu bytes", path,
                            limits->size_max));
    }
    rc = fi_buf_reserve(out, (size_t)stat.size_bytes);
    if (rc != FIRN_OK) {
        FI_TRY(fi_error_no_memory(err, "what is read"));
    }
    FI_TRY(fi_os_file_read(file, 0, out->data + out->size, (size_t)stat.size_bytes, &size, err));
    out->size += size;
out:
    fi_os_file_close(file);
    fi_os_user_path_deinit(&place);
    return rc;
}

int
fi_os_user_file_read(struct fi_os *os, const char *path, const struct fi_os_stream_limits *limits,
                     struct fi_buf *out, firn_error *err)
{
    DCHECK(path != NULL && limits->timeout_ns >= 0);
    return os == fi_os_default() ? read_real(path, limits, out, err)
                                 : read_simulated(os, path, limits, out, err);
}
