/* SPDX-License-Identifier: Apache-2.0
 *
 * api/table_bulk_api.c: the public functions of loads of tables.
 */
#include "api/api_check.h"
#include "api/api_handle.h"
#include "api/api_options.h"
#include "api/api_store.h"
#include "firn/table.h"
#include "os/os.h"
#include "rows/rows.h"
#include "storefile/storefile.h"

int
firn_table_bulk_open(firn_table *table, const firn_table_bulk_options *options,
                     firn_table_bulk **out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_table_bulk_options given = FIRN_TABLE_BULK_OPTIONS_INIT;
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = NULL;
    API_OPEN(table, TABLE, err);
    API_READ_OPTIONS(given, options, err);
    API_REQUIRE(api_check_are_names(given.columns, given.column_count), err,
                "names of columns must not be NULL");
    const struct fi_storefile_progress progress = api_store_progress_of(&given.callbacks);
    const struct fi_rows_bulk_options inner = {
        .columns = given.columns, .column_count = given.column_count, .progress = &progress};
    int rc = fi_rows_bulk_open(table, &inner, out, err);
    return fi_api_handle_opened_if(rc, *out, FI_API_HANDLE_TABLE_BULK, NULL);
}

int
firn_table_bulk_put(firn_table_bulk *bulk, const firn_value *values, size_t count, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(bulk != NULL && (values != NULL || count == 0), err,
                "bulk and values must not be NULL");
    API_ENTER(bulk, TABLE_BULK, err);
    return fi_api_handle_left(bulk, fi_rows_bulk_put(bulk, values, count, err), err);
}

uint64_t
firn_table_bulk_count(const firn_table_bulk *bulk)
{
    bool is_open = fi_api_handle_check(bulk, FI_API_HANDLE_TABLE_BULK, NULL) == FIRN_OK;
    return is_open ? fi_rows_bulk_count(bulk) : 0;
}

int
firn_table_bulk_commit(firn_table_bulk *bulk, firn_error *err)
{
    API_ANY_ERROR(err);
    API_ENTER(bulk, TABLE_BULK, err);
    return fi_api_handle_left(bulk, fi_rows_bulk_commit(bulk, err), err);
}

void
firn_table_bulk_close(firn_table_bulk *bulk)
{
    if (fi_api_handle_check(bulk, FI_API_HANDLE_TABLE_BULK, NULL) == FIRN_OK) {
        fi_api_handle_closing(bulk);
        fi_rows_bulk_close(bulk);
        fi_api_handle_closed(bulk);
    }
}
