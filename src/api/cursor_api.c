/* SPDX-License-Identifier: Apache-2.0
 *
 * api/cursor_api.c: the public functions of cursors, those of transactions included once they are
 * open.
 */
#include "api/api_check.h"
#include "api/api_handle.h"
#include "api/api_store.h"
#include "firn/cursor.h"
#include "store/db.h"

int
firn_cursor_open(firn_keyspace *keyspace, const firn_cursor_options *options, firn_cursor **out,
                 firn_error *err)
{
    API_ANY_ERROR(err);
    struct api_store_cursor_options inner;
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = NULL;
    API_OPEN(keyspace, KEYSPACE, err);
    int rc = api_store_read_cursor_options(options, &inner, err);
    if (rc == FIRN_OK && inner.options.snapshot != NULL) {
        API_OPEN(inner.options.snapshot, SNAPSHOT, err);
    }
    rc = rc == FIRN_OK ? fi_db_cursor_open(keyspace, &inner.options, out, err) : rc;
    return fi_api_handle_opened_if(rc, *out, FI_API_HANDLE_CURSOR, NULL);
}

void
firn_cursor_close(firn_cursor *cursor)
{
    if (fi_api_handle_check(cursor, FI_API_HANDLE_CURSOR, NULL) == FIRN_OK) {
        fi_api_handle_closing(cursor);
        fi_db_cursor_close(cursor);
        fi_api_handle_closed(cursor);
    }
}

int
firn_cursor_first(firn_cursor *cursor, firn_error *err)
{
    API_ANY_ERROR(err);
    API_ENTER(cursor, CURSOR, err);
    return fi_api_handle_left(cursor, fi_db_cursor_first(cursor, err), err);
}

int
firn_cursor_last(firn_cursor *cursor, firn_error *err)
{
    API_ANY_ERROR(err);
    API_ENTER(cursor, CURSOR, err);
    return fi_api_handle_left(cursor, fi_db_cursor_last(cursor, err), err);
}

int
firn_cursor_seek(firn_cursor *cursor, firn_slice key, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(cursor != NULL && api_check_is_slice(key), err, "cursor and key must not be NULL");
    API_ENTER(cursor, CURSOR, err);
    return fi_api_handle_left(cursor, fi_db_cursor_seek(cursor, key, err), err);
}

int
firn_cursor_seek_before(firn_cursor *cursor, firn_slice key, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(cursor != NULL && api_check_is_slice(key), err, "cursor and key must not be NULL");
    API_ENTER(cursor, CURSOR, err);
    return fi_api_handle_left(cursor, fi_db_cursor_seek_before(cursor, key, err), err);
}

int
firn_cursor_next(firn_cursor *cursor, firn_error *err)
{
    API_ANY_ERROR(err);
    API_ENTER(cursor, CURSOR, err);
    return fi_api_handle_left(cursor, fi_db_cursor_next(cursor, err), err);
}

int
firn_cursor_prev(firn_cursor *cursor, firn_error *err)
{
    API_ANY_ERROR(err);
    API_ENTER(cursor, CURSOR, err);
    return fi_api_handle_left(cursor, fi_db_cursor_prev(cursor, err), err);
}

/* Enters a cursor, if it may be read; the caller then leaves it. */
static bool
may_inspect(const firn_cursor *cursor)
{
    return cursor != NULL && fi_api_handle_enter(cursor, FI_API_HANDLE_CURSOR, NULL) == FIRN_OK;
}

bool
firn_cursor_valid(const firn_cursor *cursor)
{
    bool is_valid = false;
    if (may_inspect(cursor)) {
        is_valid = fi_db_cursor_valid(cursor);
        fi_api_handle_leave(cursor);
    }
    return is_valid;
}

/* Keys and values of a valid cursor have an address, even if they are empty. */
static firn_slice
with_address(const firn_cursor *cursor, firn_slice shown)
{
    return shown.data == NULL && fi_db_cursor_valid(cursor) ? api_check_with_address(shown) : shown;
}

firn_slice
firn_cursor_key(const firn_cursor *cursor)
{
    firn_slice key = firn_bytes(NULL, 0);
    if (may_inspect(cursor)) {
        key = with_address(cursor, fi_db_cursor_key(cursor));
        fi_api_handle_leave(cursor);
    }
    return key;
}

firn_slice
firn_cursor_value(const firn_cursor *cursor)
{
    firn_slice value = firn_bytes(NULL, 0);
    if (may_inspect(cursor)) {
        value = with_address(cursor, fi_db_cursor_value(cursor));
        fi_api_handle_leave(cursor);
    }
    return value;
}

uint64_t
firn_cursor_expires_ms(const firn_cursor *cursor)
{
    uint64_t expires_ms = 0;
    if (may_inspect(cursor)) {
        expires_ms = fi_db_cursor_expires_ms(cursor);
        fi_api_handle_leave(cursor);
    }
    return expires_ms;
}
