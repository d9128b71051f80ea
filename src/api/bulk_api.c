/* SPDX-License-Identifier: Apache-2.0
 *
 * api/bulk_api.c: the public functions of bulk loads.
 */
#include "api/api_check.h"
#include "api/api_handle.h"
#include "api/api_options.h"
#include "api/api_store.h"
#include "firn/bulk.h"
#include "store/db.h"

int
firn_bulk_open(firn_keyspace *keyspace, const firn_bulk_options *options, firn_bulk **out,
               firn_error *err)
{
    API_ANY_ERROR(err);
    firn_bulk_options given = FIRN_BULK_OPTIONS_INIT;
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = NULL;
    API_OPEN(keyspace, KEYSPACE, err);
    API_READ_OPTIONS(given, options, err);
    struct fi_storefile_progress progress = api_store_progress_of(&given.callbacks);
    int rc = given.unsorted ? fi_db_bulk_open_unsorted(keyspace, &progress, out, err)
                            : fi_db_bulk_open(keyspace, out, err);
    return fi_api_handle_opened_if(rc, *out, FI_API_HANDLE_BULK, NULL);
}

int
firn_bulk_put(firn_bulk *bulk, firn_slice key, firn_slice value, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(bulk != NULL && api_check_is_slice(key) && api_check_is_slice(value), err,
                "bulk, key and value must not be NULL");
    API_ENTER(bulk, BULK, err);
    return fi_api_handle_left(bulk, fi_db_bulk_put(bulk, key, value, err), err);
}

int
firn_bulk_put_ttl(firn_bulk *bulk, firn_slice key, firn_slice value, uint64_t ttl_ms,
                  firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(bulk != NULL && api_check_is_slice(key) && api_check_is_slice(value), err,
                "bulk, key and value must not be NULL");
    API_ENTER(bulk, BULK, err);
    return fi_api_handle_left(bulk, fi_db_bulk_put_ttl(bulk, key, value, ttl_ms, err), err);
}

uint64_t
firn_bulk_count(const firn_bulk *bulk)
{
    bool is_open = fi_api_handle_check(bulk, FI_API_HANDLE_BULK, NULL) == FIRN_OK;
    return is_open ? fi_db_bulk_count(bulk) : 0;
}

int
firn_bulk_commit(firn_bulk *bulk, firn_error *err)
{
    API_ANY_ERROR(err);
    API_ENTER(bulk, BULK, err);
    return fi_api_handle_left(bulk, fi_db_bulk_commit(bulk, err), err);
}

void
firn_bulk_close(firn_bulk *bulk)
{
    if (fi_api_handle_check(bulk, FI_API_HANDLE_BULK, NULL) == FIRN_OK) {
        fi_api_handle_closing(bulk);
        fi_db_bulk_close(bulk);
        fi_api_handle_closed(bulk);
    }
}
