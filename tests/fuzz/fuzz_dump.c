/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/dump: the text that firn db load reads: a whole store, from others. It is loaded into a new store or
 * refused with one line. What was loaded whole is dumped again, and that dump is loaded and dumped the same.
 *
 * The command reads its standard input and prints to its standard output; both are files without a name here.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/check.h"
#include "base/slice.h"
#include "data/data_internal.h"
#include "term/term.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char directory[] = "/dev/shm/fuzz_dump.XXXXXX";
enum { PATH_SIZE = sizeof directory + 16 };

static void
remove_directory(void)
{
    (void)rmdir(directory);
}

static void
begin(void)
{
    static bool has_begun;
    if (!has_begun) {
        CHECK(mkdtemp(directory) != NULL && atexit(remove_directory) == 0);
        has_begun = true;
    }
}

static int
make_file(void)
{
    int fd = memfd_create("fuzz", MFD_CLOEXEC);
    CHECK(fd >= 0);
    return fd;
}

/* Runs firn db load with this text as its standard input; what it prints goes nowhere. */
static int
load(const char *path, firn_slice text)
{
    const char *const arguments[] = {path};
    struct fi_cli cli = {.arguments = arguments, .argument_count = 1, .quiet = true};
    int input = make_file();
    CHECK(text.size == 0 || write(input, text.data, text.size) == (ssize_t)text.size);
    CHECK(lseek(input, 0, SEEK_SET) == 0);
    CHECK(dup2(input, STDIN_FILENO) == STDIN_FILENO);
    (void)close(input);
    return fi_data_dump_load(&cli);
}

/* Runs firn db dump; *out is to be freed by the caller. */
static void
dump(const char *path, struct fi_buf *out)
{
    struct fi_cli cli = {.quiet = true};
    firn_store *store;
    firn_snapshot *view;
    const int output = make_file();
    CHECK(firn_store_open(path, NULL, &store, NULL) == FIRN_OK);
    CHECK(firn_snapshot_open(store, NULL, &view, NULL) == FIRN_OK);
    fi_term_out_divert(output);
    CHECK(fi_data_dump(&cli, store, view, NULL) == FI_EXIT_OK);
    fi_term_out_flush();
    fi_term_out_divert(STDOUT_FILENO);
    const off_t size = lseek(output, 0, SEEK_END);
    CHECK(size > 0 && fi_buf_set_size(out, (size_t)size) == FIRN_OK);
    CHECK(pread(output, out->data, out->size, 0) == (ssize_t)out->size);
    (void)close(output);
    firn_snapshot_close(view);
    CHECK(firn_store_close(store, NULL) == FIRN_OK);
}

/* Whether something in it may expire before it is dumped again. */
static bool
has_times(firn_slice text)
{
    static const char expires[] = "\nexpires\t";
    static const char row[] = "\nrow\t";
    bool has = memmem(text.data, text.size, expires, sizeof expires - 1) != NULL;
    while (!has && text.size > 0) {
        const uint8_t *at = memmem(text.data, text.size, row, sizeof row - 1);
        size_t end = at == NULL ? text.size : (size_t)(at - text.data) + sizeof row - 1;
        has = at != NULL && end < text.size && text.data[end] != '0';
        text = firn_bytes(text.data + end, text.size - end);
    }
    return has;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fi_buf once = {0};
    struct fi_buf twice = {0};
    char first[PATH_SIZE];
    char second[PATH_SIZE];
    begin();
    (void)snprintf(first, sizeof first, "%s/first", directory);
    (void)snprintf(second, sizeof second, "%s/second", directory);
    if (load(first, firn_bytes(data, size)) == FI_EXIT_OK) {
        dump(first, &once);
        if (!has_times(fi_buf_slice(&once))) {
            CHECK(load(second, fi_buf_slice(&once)) == FI_EXIT_OK);
            dump(second, &twice);
            CHECK(fi_slice_equal(fi_buf_slice(&once), fi_buf_slice(&twice)));
            CHECK(firn_store_destroy(second, NULL) == FIRN_OK);
        }
    }
    int rc = firn_store_destroy(first, NULL);
    CHECK(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
    fi_buf_deinit(&once);
    fi_buf_deinit(&twice);
    return 0;
}
