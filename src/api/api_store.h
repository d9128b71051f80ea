/* SPDX-License-Identifier: Apache-2.0
 *
 * api/api_store.h: arguments, results and callbacks that the functions of stores, transactions and
 * tables have in common.
 */
#ifndef FIRN_API_API_STORE_H
#define FIRN_API_API_STORE_H

#include "api/api_check.h"
#include "api/api_options.h"
#include "base/buf.h"
#include "firn/cursor.h"
#include "firn/store.h"
#include "os/os.h"
#include "posix/os_default.h"
#include "store/db.h"
#include "storefile/storefile.h"
#include "threads/os_callback.h"
#include "trust/trust.h"

/* Whether firn reserves the name: callers' keyspaces and tables cannot have it. */
static inline bool
api_store_is_own_name(const char *name)
{
    return strncmp(name, FI_DB_SYSTEM_PREFIX, sizeof FI_DB_SYSTEM_PREFIX - 1) == 0 ||
           strncmp(name, FI_DB_TABLE_PREFIX, sizeof FI_DB_TABLE_PREFIX - 1) == 0;
}

static inline int
api_store_refuse_own_name(firn_error *err)
{
    return fi_error_set(err, FIRN_INVALID,
                        "names that begin with \"%s\" or \"%s\" are kept for firn itself",
                        FI_DB_SYSTEM_PREFIX, FI_DB_TABLE_PREFIX);
}

/* For struct fi_db_options: the directory may be a store inside of a tree, in which only firn's own
 * files count. */
static inline int
api_store_guard(struct fi_os_dir *dir, const struct fi_db_options *options, firn_error *err)
{
    return fi_trust_files_guard(dir, !options->read_only, options->lock_timeout_ms, err);
}

/* Progress that is reported to the on_progress of the callbacks, which are copied. */
static inline struct fi_storefile_progress
api_store_progress_of(const firn_callbacks *callbacks)
{
    return (struct fi_storefile_progress){
        .on_progress = callbacks->on_progress, .ctx = callbacks->ctx, .os = fi_os_default()};
}

/* An on_damage for the rooms below that reports to on_notice; ctx is the callbacks. */
static inline void
api_store_report_damage(void *ctx, const char *text)
{
    const firn_callbacks *callbacks = ctx;
    const firn_notice notice = {.kind = FIRN_NOTICE_DAMAGED, .text = text};
    fi_os_callback_notice(callbacks, &notice);
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
    int rc = fi_api_options_read(out, sizeof *out, options, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    API_REQUIRE(api_store_is_durability(out->durability), err,
                "the durability is not a firn_durability");
    return FIRN_OK;
}

/* Checks the options of writes other than a put. */
static inline int
api_store_read_write_options(const firn_write_options *options, firn_durability *out,
                             firn_error *err)
{
    firn_write_options given;
    int rc = api_store_read_put_options(options, &given, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    API_REQUIRE(given.ttl_ms == 0, err,
                "ttl_ms is for firn_put, firn_insert and firn_compare_and_put alone");
    *out = given.durability;
    return FIRN_OK;
}

/* Must not be copied: the options point to the slices in the same struct. */
struct api_store_cursor_options {
    firn_cursor_options given;
    struct fi_db_cursor_options options;
};

static inline int
api_store_read_cursor_options(const firn_cursor_options *options,
                              struct api_store_cursor_options *out, firn_error *err)
{
    const firn_cursor_options defaults = FIRN_CURSOR_OPTIONS_INIT;
    firn_cursor_options *given = &out->given;
    *given = defaults;
    int rc = fi_api_options_read(given, sizeof *given, options, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    API_REQUIRE(api_check_is_slice(given->lower) && api_check_is_slice(given->upper) &&
                    api_check_is_slice(given->prefix),
                err, "a bound of a cursor is NULL and has a size");
    out->options =
        (struct fi_db_cursor_options){.lower = given->lower.data == NULL ? NULL : &given->lower,
                                      .upper = given->upper.data == NULL ? NULL : &given->upper,
                                      .prefix = given->prefix.data == NULL ? NULL : &given->prefix,
                                      .snapshot = given->snapshot,
                                      .keys_only = given->keys_only};
    return FIRN_OK;
}

/* Ends a get that returned rc: the caller takes over the value and its memory. */
static inline int
api_store_give_value(int rc, struct fi_buf *value, uint8_t **out, size_t *out_size, firn_error *err)
{
    /* An empty value has an address too. */
    if (rc == FIRN_OK && value->data == NULL && fi_buf_reserve(value, 1) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a value");
    }
    if (rc != FIRN_OK) {
        fi_buf_deinit(value);
        return rc;
    }
    *out = value->data;
    *out_size = value->size;
    return FIRN_OK;
}

#endif
