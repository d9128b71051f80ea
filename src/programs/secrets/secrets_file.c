/* SPDX-License-Identifier: Apache-2.0
 *
 * secrets/secrets_file.c: key files. What is in one opens a store, all of it; the library wants 32
 * bytes to 1 MiB. One that firn makes has 32 random bytes, and only its user may read it.
 */
#include "secrets/secrets_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "term/term.h"
#include "term/term_try.h"

enum { NEW_SIZE = 32, SIZE_MAX_OF_FILE = 1 << 20 };

static int
fail_reading(struct fi_cli *cli, const char *path)
{
    int error = errno;
    return fi_command_report_error(cli,
                                   error == ENOENT   ? FIRN_NOT_FOUND
                                   : error == EACCES ? FIRN_DENIED
                                                     : FIRN_IO,
                                   error == ENOENT ? "--new makes a key file" : NULL,
                                   "could not read the key file '%s': %s", path, strerror(error));
}

/* Reads until there is no more, or no room. */
static bool
fill(int fd, struct fi_secrets_given *out)
{
    while (out->size < out->room) {
        ssize_t got = read(fd, out->bytes + out->size, out->room - out->size);
        if (got < 0 && (errno != EINTR || fi_term_signals_caught() != 0)) {
            return false;
        }
        if (got == 0) {
            return true;
        }
        out->size += got > 0 ? (size_t)got : 0;
    }
    return true;
}

int
fi_secrets_file_read(struct fi_cli *cli, const char *path, struct fi_secrets_given *out)
{
    assert(out->bytes == NULL);
    *out = (struct fi_secrets_given){.kind = FIRN_KEYS_FILE, .room = SIZE_MAX_OF_FILE + 1};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) {
        return fail_reading(cli, path);
    }
    out->bytes = fi_term_secret_allocate(out->room);
    int exit_code = out->bytes == NULL ? fi_command_report_no_memory(cli)
                    : fill(fd, out)    ? FI_EXIT_OK
                                       : fail_reading(cli, path);
    (void)close(fd); /* only read */
    return exit_code;
}

int
fi_secrets_file_make(struct fi_cli *cli, const char *path)
{
    firn_error err;
    struct fi_task_file file;
    uint8_t *bytes = fi_term_secret_allocate(NEW_SIZE);
    if (bytes == NULL) {
        return fi_command_report_no_memory(cli);
    }
    int code = fi_task_file_create(&file, path, false, &err);
    if (code == FIRN_OK && getrandom(bytes, NEW_SIZE, 0) != NEW_SIZE) {
        err = (firn_error){.code = FIRN_IO, .text = "the system gave no random bytes"};
        code = err.code;
    }
    code = code == FIRN_OK ? fi_task_file_write(&file, firn_bytes(bytes, NEW_SIZE), &err) : code;
    code = code == FIRN_OK ? fi_task_file_finish(&file, &err) : code;
    fi_task_file_discard(&file);
    fi_term_secret_free(bytes, NEW_SIZE);
    return code == FIRN_OK
               ? FI_EXIT_OK
               : fi_command_report_failure(
                     cli, &err, code == FIRN_EXISTS ? "without --new the file is used" : NULL);
}
