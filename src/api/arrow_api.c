/* SPDX-License-Identifier: Apache-2.0
 *
 * api/arrow_api.c: the public functions of Arrow data: arguments are checked here, everything else
 * is in arrow/.
 */
#include "api/api_check.h"
#include "api/api_handle.h"
#include "api/api_options.h"
#include "api/api_store.h"
#include "arrow/arrow_export.h"
#include "arrow/arrow_import.h"

int
firn_scan_to_arrow(firn_scan *scan, struct ArrowArrayStream *out, firn_error *err)
{
    API_ANY_ERROR(err);
    static const struct fi_arrow_export_scan functions = {firn_scan_next, firn_scan_close};
    if (out == NULL) {
        firn_scan_close(scan); /* the call took the scan over */
        return fi_error_set(err, FIRN_INVALID, "out must not be NULL");
    }
    *out = (struct ArrowArrayStream){.release = NULL};
    API_OPEN(scan, SCAN, err);
    return api_check_told(fi_arrow_export_open(scan, &functions, out, err), err);
}

int
firn_table_import_arrow(firn_table *table, struct ArrowArrayStream *stream,
                        const firn_arrow_import_options *options, uint64_t *out_rows,
                        firn_error *err)
{
    API_ANY_ERROR(err);
    firn_arrow_import_options given = FIRN_ARROW_IMPORT_OPTIONS_INIT;
    uint64_t rows = 0;
    API_REQUIRE(stream != NULL && stream->release != NULL, err,
                "stream must not be NULL, nor released");
    int rc = table != NULL ? fi_api_handle_check(table, FI_API_HANDLE_TABLE, err)
                           : fi_error_set(err, FIRN_INVALID, "table must not be NULL");
    rc = rc == FIRN_OK ? fi_api_options_read(&given, sizeof given, options, err) : rc;
    if (rc != FIRN_OK) {
        stream->release(stream);
        return rc;
    }
    struct fi_storefile_progress progress = api_store_progress_of(&given.callbacks);
    rc = fi_arrow_import(table, stream, &progress, &rows, err);
    if (out_rows != NULL) {
        *out_rows = rows;
    }
    return api_check_told(rc, err);
}

int
firn_arrow_definition(const struct ArrowSchema *schema, const char *const *key, size_t key_count,
                      char **out, firn_error *err)
{
    API_ANY_ERROR(err);
    struct fi_buf text = {0};
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = NULL;
    API_REQUIRE(schema != NULL && (key != NULL || key_count == 0), err,
                "schema and key must not be NULL");
    int rc = fi_arrow_import_definition(schema, key, key_count, &text, err);
    if (rc == FIRN_OK && fi_buf_text(&text) == NULL) {
        rc = fi_error_no_memory(err, "a definition");
    }
    if (rc != FIRN_OK) {
        fi_buf_deinit(&text);
        return rc;
    }
    *out = (char *)text.data;
    return FIRN_OK;
}
