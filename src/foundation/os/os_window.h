/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_window.h: a window onto a stretch of a file: what is stored to its memory becomes the
 * file's contents without a call for each store.
 *
 * For one writer that goes over a file from front to back, a log above all: handing a record of 128
 * bytes to the kernel takes a microsecond by a call and some nanoseconds by a store.
 *
 * Caveat. The memory of a shared window is the file. Truncating the file from outside removes the
 * pages, and the next store kills the process (SIGBUS). So windows are given only where nothing
 * else can do that (a full disk above all), and only to files that this process alone writes.
 *
 * One thread at a time; the file may be read and synced by others beside it.
 */
#ifndef FIRN_OS_OS_WINDOW_H
#define FIRN_OS_OS_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "os/os_process.h"

struct firn_os_file;

/* Windows begin at multiples of this, which is one of every system's page. */
enum { FIRN_OS_WINDOW_ALIGNMENT = 64 << 10 };

/* Embedded in the caller's memory. A zeroed one is closed. */
struct firn_os_window {
    struct firn_os_file *file; /* borrowed; NULL: closed */
    uint64_t offset;
    size_t size;
    uint8_t *data;                    /* the file's bytes [offset, offset + size) */
    struct firn_os_process_mark mark; /* a child of fork has the mapping, too, and stays away */
};

/* Opens a window onto [offset, offset + size) of a file that is open for reading and writing;
 * offset a multiple of FIRN_OS_WINDOW_ALIGNMENT, size > 0. All these bytes must have been written,
 * because a store through a window cannot report a full disk. FIRN_UNSUPPORTED where stores
 * could fail, or cannot be had: then there is firn_os_file_write. */
FIRN_MUST_CHECK int firn_os_window_open(struct firn_os_file *file, uint64_t offset, size_t size,
                                        struct firn_os_window *out, firn_error *err);
/* Bytes that were stored and not committed may or may not be in the file. Zeroes the struct. */
void firn_os_window_close(struct firn_os_window *window);

/* The memory of [offset, offset + size), for storing; NULL unless it lies in the window, which this
 * process has opened. */
static inline uint8_t *
firn_os_window_at(const struct firn_os_window *window, uint64_t offset, size_t size)
{
    bool is_inside = offset >= window->offset && offset - window->offset <= window->size &&
                     size <= window->size - (size_t)(offset - window->offset);
    return window->file != NULL && is_inside && firn_os_process_is_own(&window->mark)
               ? window->data + (offset - window->offset)
               : NULL;
}

/* Says that the bytes stored in [offset, offset + size), which lies in the window, are the
 * kernel's: from now on they survive the process, and firn_os_file_sync covers them. Where the
 * window is shared that is so already, and this cannot fail. */
FIRN_MUST_CHECK int firn_os_window_commit(struct firn_os_window *window, uint64_t offset,
                                          size_t size, firn_error *err);

#endif
