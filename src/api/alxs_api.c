/* SPDX-License-Identifier: Apache-2.0
 *
 * api/alxs_api.c: firn/alxs.h. Checks arguments, splits the path, completes the options; the
 * room alxs does the work.
 *
 * A pointer that is NULL but must not be yields FIRN_INVALID, and so does a slice with a size but
 * without bytes. Outputs are cleared first, so that they are also defined after a failure.
 */
#include "alxs/alxs.h"
#include "api/api_check.h"
#include "api/api_handle.h"
#include "api/api_options.h"
#include "api/api_store.h"
#include "base/error.h"
#include "firn/alxs.h"
#include "os/os.h"
#include "os/os_user_path.h"
#include "posix/os_default.h"

static int
complete_options(const firn_alxs_options *given, firn_alxs_options *out, firn_error *err)
{
    firn_alxs_options defaults = FIRN_ALXS_OPTIONS_INIT;
    *out = defaults;
    return fi_api_options_read(out, sizeof *out, given, err);
}

/* ---- writing ---- */

int
firn_alxs_writer_create(const char *path, const firn_alxs_writer_options *options,
                        firn_alxs_writer **out, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(out != NULL, err, "there is no place for the table writer");
    *out = NULL;
    API_OPENS("table writer", err);
    API_REQUIRE(path != NULL && path[0] != '\0', err, "the path of the table is not given");
    int rc = FIRN_OK;
    struct fi_os_user_path place = {0};
    firn_alxs_writer_options complete = FIRN_ALXS_WRITER_OPTIONS_INIT;
    FI_TRY(fi_api_options_read(&complete, sizeof complete, options, err));
    FI_TRY(fi_os_user_path_init(&place, fi_os_default(), path, err));
    FI_TRY(fi_alxs_writer_create(place.dir, place.name, &complete, out, err));
out:
    fi_os_user_path_deinit(&place);
    return api_check_told(rc, err);
}

int
firn_alxs_writer_append(firn_alxs_writer *writer, firn_slice key, firn_slice value, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(writer != NULL && api_check_is_slice(key) && api_check_is_slice(value), err,
                "adding to a table takes a writer, a key and a value");
    API_OWN(writer, "table writer", err);
    return api_check_told(fi_alxs_writer_append(writer, key, value, err), err);
}

uint64_t
firn_alxs_writer_count(const firn_alxs_writer *writer)
{
    return !api_process_may_use(writer) ? 0 : fi_alxs_writer_count(writer);
}

int
firn_alxs_writer_finish(firn_alxs_writer *writer, uint32_t *out_checksum, firn_error *err)
{
    API_ANY_ERROR(err);
    if (out_checksum != NULL) {
        *out_checksum = 0;
    }
    API_OWN(writer, "table writer", err);
    return api_check_told(fi_alxs_writer_finish(writer, out_checksum, err), err);
}

void
firn_alxs_writer_destroy(firn_alxs_writer *writer)
{
    if (api_process_may_close(writer)) {
        fi_alxs_writer_destroy(writer);
    }
}

/* ---- reading ---- */

int
firn_alxs_open(const char *path, const firn_alxs_options *options, firn_alxs **out, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(out != NULL, err, "there is no place for the table");
    *out = NULL;
    API_OPENS("table", err);
    API_REQUIRE(path != NULL && path[0] != '\0', err, "the path of the table is not given");
    int rc = FIRN_OK;
    struct fi_os_user_path place = {0};
    firn_alxs_options complete;
    FI_TRY(complete_options(options, &complete, err));
    FI_TRY(fi_os_user_path_init_followed(&place, fi_os_default(), path, err));
    FI_TRY(fi_alxs_open(place.dir, place.name, &complete, out, err));
out:
    fi_os_user_path_deinit(&place);
    return api_check_told(rc, err);
}

void
firn_alxs_close(firn_alxs *table)
{
    if (api_process_may_close(table)) {
        fi_alxs_close(table);
    }
}

static bool
is_info(const firn_alxs_info *info)
{
    return info != NULL && fi_api_options_is_size(info->size);
}

int
firn_alxs_describe(const firn_alxs *table, firn_alxs_info *info, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(table != NULL && is_info(info), err,
                "describing a table takes the table and an info whose size is set");
    API_OWN(table, "table", err);
    fi_api_options_write(info, &table->info, sizeof table->info);
    return FIRN_OK;
}

uint64_t
firn_alxs_count(const firn_alxs *table)
{
    return !api_process_may_use(table) ? 0 : table->info.count;
}

uint32_t
firn_alxs_checksum(const firn_alxs *table)
{
    return !api_process_may_use(table) ? 0 : table->info.checksum;
}

int
firn_alxs_get(firn_alxs *table, firn_slice key, uint8_t **out, size_t *out_size, firn_error *err)
{
    API_ANY_ERROR(err);
    if (out != NULL) {
        *out = NULL;
    }
    if (out_size != NULL) {
        *out_size = 0;
    }
    API_REQUIRE(table != NULL && api_check_is_slice(key) && out != NULL && out_size != NULL, err,
                "reading a value takes a table, a key and places for the value");
    API_OWN(table, "table", err);
    return api_check_told(fi_alxs_get(table, key, out, out_size, err), err);
}

int
firn_alxs_verify(const char *path, const firn_alxs_verify_options *options, firn_alxs_info *info,
                 firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(path != NULL && path[0] != '\0', err, "the path of the table is not given");
    API_REQUIRE(info == NULL || is_info(info), err, "the size of the info is not set");
    int rc = FIRN_OK;
    struct fi_os_user_path place = {0};
    firn_alxs_verify_options given = FIRN_ALXS_VERIFY_OPTIONS_INIT;
    firn_alxs_options complete = FIRN_ALXS_OPTIONS_INIT;
    firn_alxs_info found = FIRN_ALXS_INFO_INIT;
    const struct fi_step *step;
    FI_TRY(fi_api_options_read(&given, sizeof given, options, err));
    struct fi_storefile_progress progress = api_store_progress_of(&given.callbacks);
    complete.key_size_max = given.key_size_max;
    FI_TRY(fi_os_user_path_init_followed(&place, fi_os_default(), path, err));
    FI_TRY(fi_storefile_progress_begin_steps(&progress, "verify", 0, 0, &step, err));
    FI_TRY(fi_alxs_verify(place.dir, place.name, &complete, api_store_report_damage,
                          &given.callbacks, step, &found, err));
out:
    if (info != NULL) {
        fi_api_options_write(info, &found, sizeof found);
    }
    fi_os_user_path_deinit(&place);
    return api_check_told(rc, err);
}

/* ---- cursors ---- */

int
firn_alxs_cursor_open(firn_alxs *table, firn_alxs_cursor **out, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(out != NULL, err, "there is no place for the cursor");
    *out = NULL;
    API_OWN(table, "table", err);
    return api_check_told(fi_alxs_cursor_open(table, out, err), err);
}

void
firn_alxs_cursor_close(firn_alxs_cursor *cursor)
{
    if (api_process_may_close(cursor)) {
        fi_alxs_cursor_close(cursor);
    }
}

int
firn_alxs_cursor_first(firn_alxs_cursor *cursor, firn_error *err)
{
    API_ANY_ERROR(err);
    API_OWN(cursor, "cursor of a table", err);
    return api_check_told(fi_alxs_cursor_first(cursor, err), err);
}

int
firn_alxs_cursor_last(firn_alxs_cursor *cursor, firn_error *err)
{
    API_ANY_ERROR(err);
    API_OWN(cursor, "cursor of a table", err);
    return api_check_told(fi_alxs_cursor_last(cursor, err), err);
}

int
firn_alxs_cursor_seek(firn_alxs_cursor *cursor, firn_slice key, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(cursor != NULL && api_check_is_slice(key), err, "seeking takes a cursor and a key");
    API_OWN(cursor, "cursor of a table", err);
    return api_check_told(fi_alxs_cursor_seek(cursor, key, err), err);
}

int
firn_alxs_cursor_seek_before(firn_alxs_cursor *cursor, firn_slice key, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(cursor != NULL && api_check_is_slice(key), err, "seeking takes a cursor and a key");
    API_OWN(cursor, "cursor of a table", err);
    return api_check_told(fi_alxs_cursor_seek_before(cursor, key, err), err);
}

int
firn_alxs_cursor_next(firn_alxs_cursor *cursor, firn_error *err)
{
    API_ANY_ERROR(err);
    API_OWN(cursor, "cursor of a table", err);
    return api_check_told(fi_alxs_cursor_next(cursor, err), err);
}

int
firn_alxs_cursor_prev(firn_alxs_cursor *cursor, firn_error *err)
{
    API_ANY_ERROR(err);
    API_OWN(cursor, "cursor of a table", err);
    return api_check_told(fi_alxs_cursor_prev(cursor, err), err);
}

bool
firn_alxs_cursor_valid(const firn_alxs_cursor *cursor)
{
    return api_process_may_use(cursor) && fi_alxs_cursor_valid(cursor);
}

firn_slice
firn_alxs_cursor_key(const firn_alxs_cursor *cursor)
{
    return firn_alxs_cursor_valid(cursor) ? api_check_with_address(fi_alxs_cursor_key(cursor))
                                          : firn_bytes(NULL, 0);
}

firn_slice
firn_alxs_cursor_value(const firn_alxs_cursor *cursor)
{
    return firn_alxs_cursor_valid(cursor) ? api_check_with_address(fi_alxs_cursor_value(cursor))
                                          : firn_bytes(NULL, 0);
}
