/* SPDX-License-Identifier: Apache-2.0
 *
 * api/api_check.h: refusing invalid arguments.
 */
#ifndef FIRN_API_API_CHECK_H
#define FIRN_API_API_CHECK_H

#include "base/check.h"
#include "base/error.h"
#include "firn/notice.h"

/* Bytes for a caller who may pass them to functions that take no NULL: empty bytes have an address,
 * too. */
static inline firn_slice
api_check_with_address(firn_slice slice)
{
    static const uint8_t nothing[1] = {0};
    return slice.data == NULL ? firn_bytes(nothing, 0) : slice;
}

static inline bool
api_check_is_slice(firn_slice slice)
{
    return slice.size == 0 || slice.data != NULL;
}

/* Whether none of `count` names is NULL; names may be NULL if count is 0. */
static inline bool
api_check_are_names(const char *const *names, size_t count)
{
    for (size_t i = 0; names != NULL && i < count; i++) {
        if (names[i] == NULL) {
            return false;
        }
    }
    return names != NULL || count == 0;
}

/* Whether a call that returned rc has filled its error, as every failed call must. */
static inline bool
api_check_is_told(int rc, const firn_error *err)
{
    return rc == FIRN_OK || err->code == rc;
}

/* Ends a public function with the result rc, which is returned. */
static inline int
api_check_told(int rc, const firn_error *err)
{
    DCHECK(api_check_is_told(rc, err));
    (void)err;
    return rc;
}

/* These enclose a call that a function of the program may end with a code: such a function need not
 * fill the error. */
static inline void
api_check_begin_visits(firn_error *err)
{
    err->code = FIRN_OK;
}

static inline int
api_check_end_visits(int rc, firn_error *err)
{
    return api_check_is_told(rc, err) ? rc : fi_error_stopped(err, rc);
}

/* A function that the program reads or writes with. The two below call it, and fill the error if it
 * fails without doing so. */
struct api_check_stream {
    firn_read_bytes read;
    firn_write_bytes write;
    void *ctx;
};

static inline int
api_check_read(void *ctx, uint8_t *data, size_t size, size_t *out_size, firn_error *err)
{
    const struct api_check_stream *stream = (const struct api_check_stream *)ctx;
    api_check_begin_visits(err);
    return api_check_end_visits(stream->read(stream->ctx, data, size, out_size, err), err);
}

static inline int
api_check_write(void *ctx, firn_slice bytes, firn_error *err)
{
    const struct api_check_stream *stream = (const struct api_check_stream *)ctx;
    api_check_begin_visits(err);
    return api_check_end_visits(stream->write(stream->ctx, bytes, err), err);
}

/* Returns FIRN_INVALID from the enclosing function unless the condition holds. */
#define API_REQUIRE(condition, err, text)                           \
    do {                                                            \
        if (!(condition)) {                                         \
            return fi_error_set((err), FIRN_INVALID, "%s", (text)); \
        }                                                           \
    } while (0)

/* The same unless a range that is to be deleted has an upper bound. */
#define API_REQUIRE_UPPER(upper, err) \
    API_REQUIRE((upper).data != NULL, (err), "a delete of a range needs an upper bound")

/* Gives the enclosing function an error to fill if its caller wants none. So the functions that it
 * calls may read back what they have filled in. */
#define API_ANY_ERROR(err) \
    firn_error unwanted_;  \
    (err) = (err) != NULL ? (err) : &unwanted_

#endif
