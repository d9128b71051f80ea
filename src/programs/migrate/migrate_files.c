/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate/migrate_files.c: the files of a source, before a library reads them: copies, where it
 * would write to them; and whether there is anything but regular files.
 */
#include "migrate/migrate_internal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { COPY_PART = 1 << 20 };

static int
copy_data(int in, int out, const char *from, const char *to, firn_error *err)
{
    uint8_t *part = malloc(COPY_PART);
    if (part == NULL) {
        return fi_migrate_fail(err, FIRN_NO_MEMORY, "out of memory");
    }
    int code = FIRN_OK;
    for (;;) {
        ssize_t got = read(in, part, COPY_PART);
        if (got <= 0) {
            if (got < 0) {
                code = fi_migrate_fail(err, FIRN_IO, "could not read '%.400s': %s", from,
                                       strerror(errno));
            }
            break;
        }
        for (ssize_t done = 0; done < got && code == FIRN_OK;) {
            ssize_t written = write(out, part + done, (size_t)(got - done));
            if (written < 0) {
                code = fi_migrate_fail(err, errno == ENOSPC ? FIRN_NO_SPACE : FIRN_IO,
                                       "could not write '%.400s': %s", to, strerror(errno));
                break;
            }
            done += written;
        }
        code = code == FIRN_OK ? fi_command_go_on(err) : code;
        if (code != FIRN_OK) {
            break;
        }
    }
    free(part);
    return code;
}

int
fi_migrate_files_copy(const char *from, const char *to, firn_error *err)
{
    struct stat stat;
    int in = open(from, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a fifo does not keep it waiting */
    if (in < 0) {
        return fi_migrate_fail(err, errno == ENOENT ? FIRN_NOT_FOUND : FIRN_IO,
                               "could not open '%.400s': %s", from, strerror(errno));
    }
    int code = FIRN_OK;
    if (fstat(in, &stat) != 0 || !S_ISREG(stat.st_mode)) {
        code = fi_migrate_fail(err, FIRN_CORRUPT, "'%.400s' is not a regular file", from);
    }
    int out = code == FIRN_OK ? open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    if (code == FIRN_OK && out < 0) {
        code = fi_migrate_fail(err, FIRN_IO, "could not create '%.400s': %s", to, strerror(errno));
    }
    if (code == FIRN_OK) {
        code = copy_data(in, out, from, to, err);
    }
    (void)close(in);
    if (out >= 0 && close(out) != 0 && code == FIRN_OK) {
        code = fi_migrate_fail(err, FIRN_IO, "could not write '%.400s': %s", to, strerror(errno));
    }
    return code;
}

int
fi_migrate_files_check(const char *path, firn_error *err)
{
    struct stat info;
    const struct dirent *entry;
    int code = FIRN_OK;
    DIR *directory = stat(path, &info) == 0 && S_ISDIR(info.st_mode) ? opendir(path) : NULL;
    if (directory == NULL) {
        return fi_migrate_fail(err, FIRN_IO, "could not open the directory '%.400s'", path);
    }
    while (code == FIRN_OK && (entry = readdir(directory)) != NULL) {
        if (fstatat(dirfd(directory), entry->d_name, &info, 0) == 0 && !S_ISREG(info.st_mode) &&
            !S_ISDIR(info.st_mode)) {
            code = fi_migrate_fail(err, FIRN_CORRUPT, "'%.300s/%.100s' is not a regular file", path,
                                   entry->d_name);
        }
    }
    (void)closedir(directory);
    return code;
}
