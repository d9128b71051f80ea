/* SPDX-License-Identifier: Apache-2.0
 *
 * os/os_pages.h: large stretches of zeroed memory that the system provides only where they are
 * touched, in large pages where it allows that.
 *
 * For what is large, lives long and is read at random: caches and their tables. Everything else
 * comes from base/mem.h, and in simulation this does too, so that the n-th allocation fails here as
 * there. Any thread.
 */
#ifndef FIRN_OS_OS_PAGES_H
#define FIRN_OS_OS_PAGES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct firn_os;

enum { FIRN_OS_PAGES_LARGE_SIZE = 2 << 20 };

struct firn_os_pages {
    uint8_t *data;
    size_t size;
    void *allocated; /* what base/mem.h gave; NULL where the system was asked */
};

/* The most memory that a stretch of so many bytes takes up. */
static inline size_t
firn_os_pages_cost_bytes(size_t size)
{
    const size_t page = 4096;
    return (size + page - 1) / page * page + 64;
}

/* Takes size > 0 bytes of zeros. data is aligned to 64 bytes; with real threads, and where size is
 * a multiple of FIRN_OS_PAGES_LARGE_SIZE, to that. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int firn_os_pages_map(struct firn_os *os, size_t size, struct firn_os_pages *out,
                                      firn_error *err);
/* A zeroed struct is fine; it is zeroed afterwards. */
void firn_os_pages_unmap(struct firn_os_pages *pages);
/* Asks for large pages under what is not touched yet; says whether the system agreed. */
bool firn_os_pages_prefer_large(const struct firn_os_pages *pages);

#endif
