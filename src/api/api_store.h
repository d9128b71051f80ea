/* SPDX-License-Identifier: Apache-2.0
 *
 * api/api_store.h: arguments and results that the functions of the store and of its transactions
 * have in common.
 */
#ifndef FIRN_API_API_STORE_H
#define FIRN_API_API_STORE_H

#include "api/api_check.h"
#include "api/api_options.h"
#include "base/buf.h"
#include "firn/cursor.h"
#include "firn/store.h"
#include "store/db.h"

static inline bool
api_store_is_slice(firn_slice slice)
{
    return slice.size == 0 || slice.data != NULL;
}

static inline bool
api_store_is_durability(firn_durability durability)
{
    return durability == FIRN_DURABILITY_DEFAULT || durability == FIRN_DURABILITY_FULL ||
           durability == FIRN_DURABILITY_OS;
}

static inline int
api_store_read_put_options(const firn_write_options *options, firn_write_options *out,
                           firn_error *err)
{
    const firn_write_options defaults = FIRN_WRITE_OPTIONS_INIT;
    *out = defaults;
    int rc = api_options_read(out, sizeof *out, options, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    API_REQUIRE(api_store_is_durability(out->durability), err,
                "the durability is none of firn_durability");
    return FIRN_OK;
}

/* Of everything but a put. */
static inline int
api_store_read_write_options(const firn_write_options *options, firn_durability *out,
                             firn_error *err)
{
    firn_write_options given;
    int rc = api_store_read_put_options(options, &given, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    API_REQUIRE(given.ttl_ms == 0, err, "ttl_ms is of firn_put alone");
    *out = given.durability;
    return FIRN_OK;
}

/* The slices that the options point to lie beside them: not to be copied. */
struct api_store_cursor_options {
    firn_cursor_options given;
    struct firn_db_cursor_options options;
};

static inline int
api_store_read_cursor_options(const firn_cursor_options *options,
                              struct api_store_cursor_options *out, firn_error *err)
{
    const firn_cursor_options defaults = FIRN_CURSOR_OPTIONS_INIT;
    firn_cursor_options *given = &out->given;
    *given = defaults;
    int rc = api_options_read(given, sizeof *given, options, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    API_REQUIRE(api_store_is_slice(given->lower) && api_store_is_slice(given->upper) &&
                    api_store_is_slice(given->prefix),
                err, "a bound of a cursor is NULL and has a size");
    out->options = (struct firn_db_cursor_options){
        .lower = given->lower.data == NULL ? NULL : &given->lower,
        .upper = given->upper.data == NULL ? NULL : &given->upper,
        .prefix = given->prefix.data == NULL ? NULL : &given->prefix,
        .view = given->snapshot,
        .keys_only = given->keys_only};
    return FIRN_OK;
}

/* What a get that came out with rc gives its caller: the value, whose memory goes along. */
static inline int
api_store_give_value(int rc, struct firn_buf *value, uint8_t **out, size_t *out_size,
                     firn_error *err)
{
    /* An empty value has an address too. */
    if (rc == FIRN_OK && value->data == NULL && firn_buf_reserve(value, 1) != FIRN_OK) {
        rc = firn_error_no_memory(err, "a value");
    }
    if (rc != FIRN_OK) {
        firn_buf_deinit(value);
        return rc;
    }
    *out = value->data;
    *out_size = value->size;
    return FIRN_OK;
}

#endif
