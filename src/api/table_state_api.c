/* SPDX-License-Identifier: Apache-2.0
 *
 * api/table_state_api.c: the public functions for differences between states of a table, for its
 * size, and for its checks: arguments are checked here, tables/ does everything else.
 */
#include "api/api_check.h"
#include "api/api_handle.h"
#include "api/api_options.h"
#include "api/api_store.h"
#include "chunk/chunk_encoding.h"
#include "firn/table_state.h"
#include "rows/rows.h"

/* ---- rows that differ ---- */

const char *
firn_row_difference_kind_name(firn_row_difference_kind kind)
{
    switch (kind) {
    case FIRN_ROW_DIFFERENCE_ADDED:
        return "added";
    case FIRN_ROW_DIFFERENCE_REMOVED:
        return "removed";
    case FIRN_ROW_DIFFERENCE_CHANGED:
        return "changed";
    default:
        return "unknown";
    }
}

int
firn_table_diff_open(firn_store *store, const char *name, const firn_table_diff_options *options,
                     firn_table_diff **out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_table_diff_options given = FIRN_TABLE_DIFF_OPTIONS_INIT;
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = NULL;
    API_REQUIRE(store != NULL && name != NULL, err, "store and name must not be NULL");
    API_OPEN(store, STORE, err);
    API_READ_OPTIONS(given, options, err);
    API_OPEN_IF_ANY(given.before, SNAPSHOT, err);
    API_OPEN_IF_ANY(given.after, SNAPSHOT, err);
    const struct fi_rows_diff_options inner = {.before = given.before,
                                               .after = given.after,
                                               .progress = api_store_progress_of(&given.callbacks)};
    int rc = fi_rows_diff_open(store, name, &inner, out, err);
    return fi_api_handle_opened_if(rc, *out, FI_API_HANDLE_TABLE_DIFF, NULL);
}

void
firn_table_diff_close(firn_table_diff *diff)
{
    if (fi_api_handle_check(diff, FI_API_HANDLE_TABLE_DIFF, NULL) == FIRN_OK) {
        fi_api_handle_closing(diff);
        fi_rows_diff_close(diff);
        fi_api_handle_closed(diff);
    }
}

const firn_table_diff_column *
firn_table_diff_column_at(const firn_table_diff *diff, size_t i)
{
    bool is_open = fi_api_handle_check(diff, FI_API_HANDLE_TABLE_DIFF, NULL) == FIRN_OK;
    return is_open ? fi_rows_diff_column_at(diff, i) : NULL;
}

int
firn_table_diff_next(firn_table_diff *diff, const firn_row_difference **out, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = NULL;
    API_ENTER(diff, TABLE_DIFF, err);
    int rc = fi_rows_diff_next(diff, out, err);
    fi_api_handle_leave(diff);
    return api_check_told(rc, err);
}

/* ---- the size of a table ---- */

const char *
firn_table_encoding_name(unsigned encoding)
{
    return encoding == 0 ? "large" : fi_chunk_encoding_name(encoding);
}

int
firn_table_stats(firn_table *table, const firn_table_stats_options *options,
                 firn_table_statistics **out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_table_stats_options given = FIRN_TABLE_STATS_OPTIONS_INIT;
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = NULL;
    API_OPEN(table, TABLE, err);
    API_READ_OPTIONS(given, options, err);
    API_OPEN_IF_ANY(given.snapshot, SNAPSHOT, err);
    const struct fi_rows_stats_options inner = {.snapshot = given.snapshot, .counts = given.count};
    return api_check_told(fi_rows_stats(table, &inner, out, err), err);
}

/* ---- whether a table is sound ---- */

int
firn_table_check(firn_table *table, const firn_table_check_options *options,
                 firn_table_check_result *out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_table_check_options given = FIRN_TABLE_CHECK_OPTIONS_INIT;
    firn_table_check_result found = FIRN_TABLE_CHECK_RESULT_INIT;
    API_REQUIRE(table != NULL, err, "table must not be NULL");
    API_REQUIRE(out == NULL || fi_api_options_is_size(out->size), err,
                "out.size must be set to sizeof(firn_table_check_result)");
    API_OPEN(table, TABLE, err);
    API_READ_OPTIONS(given, options, err);
    API_OPEN_IF_ANY(given.snapshot, SNAPSHOT, err);
    struct fi_storefile_progress progress = api_store_progress_of(&given.callbacks);
    const struct fi_rows_check_options inner = {
        .snapshot = given.snapshot,
        .on_damage = given.callbacks.on_notice != NULL ? api_store_report_damage : NULL,
        .ctx = &given.callbacks,
        .progress = given.callbacks.on_progress != NULL ? &progress : NULL};
    int rc = fi_rows_check(table, &inner, &found, err);
    if (out != NULL) {
        fi_api_options_write(out, &found, sizeof found);
    }
    return api_check_told(rc, err);
}
