/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_window.h: a window onto a range of a file: stores to its memory become the file's contents
 * without a system call for each.
 *
 * For one writer that writes a file from front to back, mainly a log: handing a record of 128 bytes
 * to the kernel takes a microsecond by a call and some nanoseconds by a store.
 *
 * Caveat. The memory of a shared window is the file. If something else truncates the file, its
 * pages are removed, and the next store kills the process (SIGBUS). So windows are available only
 * if nothing else can cause that (above all a full disk), and only for files that this process
 * alone writes.
 *
 * One thread at a time; meanwhile other threads may read and sync the file.
 */
#ifndef FIRN_OS_OS_WINDOW_H
#define FIRN_OS_OS_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "os/os_process.h"

struct fi_os_file;

/* Windows begin at multiples of this, which is one of every system's page. */
enum { FI_OS_WINDOW_ALIGNMENT = 64 << 10 };

/* Embedded in the caller's memory. A zeroed one is closed. */
struct fi_os_window {
    struct fi_os_file *file; /* borrowed; NULL: closed */
    uint64_t offset;
    size_t size;
    uint8_t *data;                  /* the file's bytes [offset, offset + size) */
    struct fi_os_process_mark mark; /* a child of fork has the mapping, too, and must not use
                                         it */
};

/* Opens a window onto [offset, offset + size) of a file that is open for reading and writing;
 * offset a multiple of FI_OS_WINDOW_ALIGNMENT, size > 0. Requires: all these bytes have been
 * written, because a store through a window cannot report a full disk. FIRN_UNSUPPORTED if stores
 * could fail, or windows are not available: use fi_os_file_write then. */
FIRN_MUST_CHECK int fi_os_window_open(struct fi_os_file *file, uint64_t offset, size_t size,
                                      struct fi_os_window *out, firn_error *err);
/* Bytes that were stored but not committed may or may not be in the file. Zeroes the struct. */
void fi_os_window_close(struct fi_os_window *window);

/* The memory of [offset, offset + size), for storing; NULL if it is not in the window, or another
 * process opened the window. */
static inline uint8_t *
fi_os_window_at(const struct fi_os_window *window, uint64_t offset, size_t size)
{
    bool is_inside = offset >= window->offset && offset - window->offset <= window->size &&
                     size <= window->size - (size_t)(offset - window->offset);
    return window->file != NULL && is_inside && fi_os_process_is_own(&window->mark)
               ? window->data + (offset - window->offset)
               : NULL;
}

/* Commits the bytes stored in [offset, offset + size), which must be in the window: from now on
 * they survive the process, and fi_os_file_sync covers them. In a shared window they do so
 * already, and this cannot fail. */
FIRN_MUST_CHECK int fi_os_window_commit(struct fi_os_window *window, uint64_t offset, size_t size,
                                        firn_error *err);

#endif
