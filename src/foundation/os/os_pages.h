/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_pages.h: large ranges of zeroed memory, in large pages if the system allows that. Only
 * touched pages take memory.
 *
 * For memory that is large, long-lived and read at random: caches and their tables. Everything else
 * comes from base/mem.h. In simulation this does too, so that the n-th allocation can fail here as
 * well. Any thread.
 */
#ifndef FIRN_OS_OS_PAGES_H
#define FIRN_OS_OS_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct fi_os;

enum { FI_OS_PAGES_LARGE_SIZE = 2 << 20 };

struct fi_os_pages {
    uint8_t *data;
    size_t size;
    void *allocated; /* from base/mem.h; NULL if the memory is mapped */
};

/* The maximum memory that a range of so many bytes takes up. */
static inline size_t
fi_os_pages_cost_bytes(size_t size)
{
    const size_t page = 4096;
    return (size + page - 1) / page * page + 64;
}

/* Allocates size > 0 bytes of zeros. data is aligned to 64 bytes; with real threads, and if size is
 * a multiple of FI_OS_PAGES_LARGE_SIZE, to that. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_os_pages_map(struct fi_os *os, size_t size, struct fi_os_pages *out,
                                    firn_error *err);
/* Zeroes the struct. A zeroed one is allowed. */
void fi_os_pages_unmap(struct fi_os_pages *pages);
/* Requests large pages for what is not touched yet; returns whether the system agreed. */
bool fi_os_pages_prefer_large(const struct fi_os_pages *pages);

#endif
