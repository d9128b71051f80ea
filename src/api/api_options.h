/* SPDX-License-Identifier: Apache-2.0
 *
 * api/api_options.h: structures of options and reports from callers that were compiled with another
 * version.
 *
 * Every such structure begins with its own size, as the caller was compiled with it. A shorter
 * structure lacks later fields, which keep their defaults. A longer one has fields that this
 * version does not know, which must be zero.
 */
#ifndef FIRN_API_API_OPTIONS_H
#define FIRN_API_API_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* Whether a structure can have this size, in any version. */
bool fi_api_options_is_size(size_t size);

/* Copies the caller's structure (NULL: none) over `options`, which has the defaults and is
 * size_bytes long. */
FIRN_MUST_CHECK int fi_api_options_read(void *options, size_t size_bytes, const void *given,
                                        firn_error *err);

/* Returns from the enclosing function if the caller's options cannot be read into `given`, which
 * has the defaults. */
#define API_READ_OPTIONS(given, options, err)                                                   \
    do {                                                                                        \
        const int api_read_rc = fi_api_options_read(&(given), sizeof(given), (options), (err)); \
        if (api_read_rc != FIRN_OK) {                                                           \
            return api_read_rc;                                                                 \
        }                                                                                       \
    } while (0)

/* Zeroes the caller's result (NULL: none), except its size. Refuses a result with fewer than
 * size_bytes_min bytes: it has no room for pointers that the caller must release. */
FIRN_MUST_CHECK int fi_api_options_begin_result(void *given, size_t size_bytes_min,
                                                firn_error *err);

/* Copies a report of size_bytes to the caller's, as far as that has the fields. Further fields of
 * the caller's are set to zero. The caller's size stays. */
void fi_api_options_write(void *given, const void *report, size_t size_bytes);

#endif
