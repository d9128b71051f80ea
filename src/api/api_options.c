/* SPDX-License-Identifier: Apache-2.0
 *
 * api/api_options.c: the size that each structure begins with decides how much of it is read or
 * written.
 */
#include "api/api_options.h"

#include <string.h>

/* No structure is larger than this in any version: a larger size means that it was not set. */
enum { API_OPTIONS_SIZE_MAX = 4096 };

bool
fi_api_options_is_size(size_t size)
{
    return size >= sizeof size && size <= API_OPTIONS_SIZE_MAX;
}

int
fi_api_options_read(void *options, size_t size_bytes, const void *given, firn_error *err)
{
    size_t given_size;
    if (given == NULL) {
        return FIRN_OK;
    }
    memcpy(&given_size, given, sizeof given_size);
    if (!fi_api_options_is_size(given_size)) {
        return fi_error_set(err, FIRN_INVALID,
                            "a structure of options has size %zu: fill it with its INIT macro",
                            given_size);
    }
    for (size_t i = size_bytes; i < given_size; i++) {
        if (((const unsigned char *)given)[i] != 0) {
            return fi_error_set(err, FIRN_UNSUPPORTED,
                                "a structure of options has fields set that this version of firn "
                                "does not know");
        }
    }
    memcpy(options, given, given_size < size_bytes ? given_size : size_bytes);
    memcpy(options, &size_bytes, sizeof size_bytes);
    return FIRN_OK;
}

int
fi_api_options_begin_result(void *given, size_t size_bytes_min, firn_error *err)
{
    size_t given_size;
    if (given == NULL) {
        return FIRN_OK;
    }
    memcpy(&given_size, given, sizeof given_size);
    if (!fi_api_options_is_size(given_size) || given_size < size_bytes_min) {
        return fi_error_set(err, FIRN_INVALID, "a result has size %zu: fill it with its INIT macro",
                            given_size);
    }
    memset((char *)given + sizeof given_size, 0, given_size - sizeof given_size);
    return FIRN_OK;
}

void
fi_api_options_write(void *given, const void *report, size_t size_bytes)
{
    size_t given_size;
    memcpy(&given_size, given, sizeof given_size);
    size_t known = given_size < size_bytes ? given_size : size_bytes;
    memcpy((char *)given + sizeof given_size, (const char *)report + sizeof given_size,
           known - sizeof given_size);
    memset((char *)given + known, 0, given_size - known);
}
