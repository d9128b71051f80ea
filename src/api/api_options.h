/* SPDX-License-Identifier: Apache-2.0
 *
 * api/api_options.h: structures of options and reports from callers that were compiled with another
 * version.
 *
 * Every such structure begins with its own size, as the caller was compiled with it. A shorter structure
 * lacks later fields, which keep their defaults. A longer one has fields that this version does not
 * know, which must be zero.
 */
#ifndef FIRN_API_API_OPTIONS_H
#define FIRN_API_API_OPTIONS_H

#include <stdbool.h>
#include <string.h>

#include "base/error.h"

/* No structure is larger than this in any version: a larger size means that it was not set. */
enum { API_OPTIONS_SIZE_MAX = 4096 };

static inline bool
api_options_is_size(size_t size)
{
    return size >= sizeof size && size <= API_OPTIONS_SIZE_MAX;
}

/* Copies the caller's structure (NULL: none) over `options`, which has the defaults and is
 * size_bytes long. */
static inline int
api_options_read(void *options, size_t size_bytes, const void *given, firn_error *err)
{
    size_t given_size;
    if (given == NULL) {
        return FIRN_OK;
    }
    memcpy(&given_size, given, sizeof given_size);
    if (!api_options_is_size(given_size)) {
        return firn_error_set(err, FIRN_INVALID,
                              "a structure of options has size %zu: fill it with its INIT macro",
                              given_size);
    }
    for (size_t i = size_bytes; i < given_size; i++) {
        if (((const unsigned char *)given)[i] != 0) {
            return firn_error_set(err, FIRN_UNSUPPORTED,
                                  "a structure of options has fields set that this version of firn "
                                  "does not know");
        }
    }
    memcpy(options, given, given_size < size_bytes ? given_size : size_bytes);
    memcpy(options, &size_bytes, sizeof size_bytes);
    return FIRN_OK;
}

/* Returns from the enclosing function if the caller's options cannot be read into `given`, which has the
 * defaults. */
#define API_READ_OPTIONS(given, options, err)                                                \
    do {                                                                                     \
        const int api_read_rc = api_options_read(&(given), sizeof(given), (options), (err)); \
        if (api_read_rc != FIRN_OK) {                                                        \
            return api_read_rc;                                                              \
        }                                                                                    \
    } while (0)

/* Zeroes the caller's result (NULL: none), except its size. Refuses a result with fewer than
 * size_bytes_min bytes: it has no room for pointers that the caller must release. */
static inline int
api_options_begin_result(void *given, size_t size_bytes_min, firn_error *err)
{
    size_t given_size;
    if (given == NULL) {
        return FIRN_OK;
    }
    memcpy(&given_size, given, sizeof given_size);
    if (!api_options_is_size(given_size) || given_size < size_bytes_min) {
        return firn_error_set(err, FIRN_INVALID,
                              "a result has size %zu: fill it with its INIT macro", given_size);
    }
    memset((char *)given + sizeof given_size, 0, given_size - sizeof given_size);
    return FIRN_OK;
}

/* Copies a report of size_bytes to the caller's, as far as that has the fields. Further fields of
 * the caller's are set to zero. The caller's size stays. */
static inline void
api_options_write(void *given, const void *report, size_t size_bytes)
{
    size_t given_size;
    memcpy(&given_size, given, sizeof given_size);
    size_t known = given_size < size_bytes ? given_size : size_bytes;
    memcpy((char *)given + sizeof given_size, (const char *)report + sizeof given_size,
           known - sizeof given_size);
    memset((char *)given + known, 0, given_size - known);
}

#endif
