/* SPDX-License-Identifier: Apache-2.0
 *
 * api/workspace_api.c: the public functions of workspaces: arguments are checked here, everything
 * else is in handle/ws.h.
 *
 * NULL for options means defaults; api_options.h reads options from callers of other versions, and
 * writes their results. The handle inside owns the objects that results point to (ws_given.c). Here
 * each object is handed over to the caller, or released if the call failed or the caller does not
 * want it.
 */
#include <stddef.h>

#include "api/api_check.h"
#include "api/api_handle.h"
#include "api/api_options.h"
#include "firn/workspace.h"
#include "gc/gc.h"
#include "handle/ws.h"
#include "operations/operations.h"
#include "place/place.h"
#include "posix/os_default.h"
#include "repair/repair.h"
#include "tree/tree.h"
#include "verify/verify.h"
#include "watch/watch.h"

/* Returns from the enclosing function if the caller's result has no size, or ends before `last`,
 * the last pointer that the caller must release. */
#define BEGIN_RESULT(out, type, last, err)                                                    \
    do {                                                                                      \
        const int begun_ =                                                                    \
            fi_api_options_begin_result((out), offsetof(type, last) + sizeof(void *), (err)); \
        if (begun_ != FIRN_OK) {                                                              \
            return begun_;                                                                    \
        }                                                                                     \
    } while (0)

/* Ends a call that returned rc and *result, of size_bytes, which points to first and second. */
static int
give_result(firn_workspace *workspace, int rc, void *out, const void *result, size_t size_bytes,
            const void *first, const void *second)
{
    if (rc == FIRN_OK && out != NULL) {
        fi_ws_given_take(workspace, first);
        fi_ws_given_take(workspace, second);
        fi_api_options_write(out, result, size_bytes);
    }
    fi_ws_given_release(workspace);
    return rc;
}

static int
give_checkpoint(firn_workspace *workspace, int rc, firn_workspace_checkpoint **out,
                firn_workspace_checkpoint *found)
{
    if (rc == FIRN_OK && out != NULL) {
        fi_ws_given_take(workspace, found);
        *out = found;
    }
    fi_ws_given_release(workspace);
    return rc;
}

int
firn_workspace_open(const char *path, const firn_workspace_options *options, firn_workspace **out,
                    firn_error *err)
{
    API_ANY_ERROR(err);
    firn_workspace_options given = FIRN_WORKSPACE_OPTIONS_INIT;
    API_REQUIRE(path != NULL && out != NULL, err, "path and out must not be NULL");
    *out = NULL;
    API_OPENS("workspace", err);
    API_READ_OPTIONS(given, options, err);
    return api_check_told(fi_ws_open(fi_os_default(), path, &given, out, err), err);
}

void
firn_workspace_close(firn_workspace *workspace)
{
    if (api_process_may_close(workspace)) {
        if (workspace != NULL) {
            FI_IGNORE(fi_ws_group_end(workspace, false, NULL));
        }
        fi_ws_close(workspace);
    }
}

const char *
firn_workspace_root(const firn_workspace *workspace)
{
    return !api_process_may_use(workspace) ? "" : fi_ws_root(workspace);
}

const char *
firn_workspace_store_path(const firn_workspace *workspace)
{
    return !api_process_may_use(workspace) ? "" : fi_ws_store_path(workspace);
}

const char *
firn_workspace_subpath(const firn_workspace *workspace)
{
    return !api_process_may_use(workspace) ? "" : fi_ws_subpath(workspace);
}

const char *
firn_workspace_moved_from(const firn_workspace *workspace)
{
    return !api_process_may_use(workspace) ? NULL : fi_ws_moved_from(workspace);
}

const char *
firn_workspace_unread_store(const firn_workspace *workspace)
{
    return !api_process_may_use(workspace) ? NULL : fi_ws_unread_store(workspace);
}

int
firn_workspace_adopt(firn_workspace *workspace, const char *old_root, firn_error *err)
{
    API_ANY_ERROR(err);
    API_OWN(workspace, "workspace", err);
    return api_check_told(fi_ws_workspaces_adopt(workspace, old_root, err), err);
}

int
firn_workspace_init(firn_workspace *workspace, bool *out_created, firn_error *err)
{
    API_ANY_ERROR(err);
    API_OWN(workspace, "workspace", err);
    bool ignored;
    int rc = fi_ws_init(workspace, out_created == NULL ? &ignored : out_created, err);
    return api_check_told(rc, err);
}

int
firn_config_size(const char *text, uint64_t *out, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(text != NULL && out != NULL, err, "text and out must not be NULL");
    return api_check_told(fi_place_config_size(text, out, err), err);
}

int
firn_config_list(firn_workspace *workspace,
                 int (*on_setting)(void *ctx, const firn_config_setting *setting), void *ctx,
                 firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(on_setting != NULL, err, "on_setting must not be NULL");
    API_OWN_IF_ANY(workspace, "workspace", err);
    int rc = fi_place_config_list(fi_os_default(),
                                  workspace == NULL ? NULL : fi_ws_store_path(workspace),
                                  on_setting, ctx, err);
    return api_check_told(rc, err);
}

int
firn_config_list_readable(firn_workspace *workspace,
                          int (*on_setting)(void *ctx, const firn_config_setting *setting),
                          void (*on_notice)(void *ctx, const firn_notice *notice), void *ctx,
                          firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(on_setting != NULL, err, "on_setting must not be NULL");
    API_OWN_IF_ANY(workspace, "workspace", err);
    int rc = fi_place_config_list_readable(fi_os_default(),
                                           workspace == NULL ? NULL : fi_ws_store_path(workspace),
                                           on_setting, on_notice, ctx, err);
    return api_check_told(rc, err);
}

int
firn_config_set(firn_workspace *workspace, const char *key, const char *value, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(key != NULL, err, "key must not be NULL");
    API_OWN_IF_ANY(workspace, "workspace", err);
    int rc = fi_place_config_set(
        fi_os_default(), workspace == NULL ? NULL : fi_ws_store_path(workspace), key, value, err);
    return api_check_told(rc, err);
}

int
firn_workspaces_list(const char *store_path,
                     int (*on_workspace)(void *ctx, const firn_workspace_info *info), void *ctx,
                     firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(on_workspace != NULL, err, "on_workspace must not be NULL");
    return api_check_told(
        fi_ws_workspaces_list(fi_os_default(), store_path, on_workspace, ctx, err), err);
}

int
firn_workspaces_remove(const char *root, const firn_workspace_options *options, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_workspace_options given = FIRN_WORKSPACE_OPTIONS_INIT;
    API_REQUIRE(root != NULL, err, "root must not be NULL");
    API_READ_OPTIONS(given, options, err);
    return api_check_told(fi_ws_workspaces_remove(fi_os_default(), root, &given, err), err);
}

const char *
firn_workspace_too_broad(const firn_workspace *workspace)
{
    return api_process_may_use(workspace) ? fi_ws_broad_why(workspace) : NULL;
}

int
firn_trust_find(const char *path, int (*on_store)(void *ctx, const firn_trust_info *info),
                void *ctx, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(path != NULL && on_store != NULL, err, "path and on_store must not be NULL");
    return api_check_told(fi_trust_list_find(fi_os_default(), path, on_store, ctx, err), err);
}

int
firn_trust_add(const char *path, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(path != NULL, err, "path must not be NULL");
    return api_check_told(fi_trust_list_add(fi_os_default(), path, err), err);
}

int
firn_trust_remove(const char *path, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(path != NULL, err, "path must not be NULL");
    return api_check_told(fi_trust_list_remove(fi_os_default(), path, err), err);
}

int
firn_trust_list(int (*on_store)(void *ctx, const firn_trust_info *info), void *ctx, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(on_store != NULL, err, "on_store must not be NULL");
    return api_check_told(fi_trust_list_visit(fi_os_default(), on_store, ctx, err), err);
}

int
firn_trust_foreign_files(const char *store_path,
                         int (*on_file)(void *ctx, const char *path, bool is_replaced), void *ctx,
                         firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(store_path != NULL && on_file != NULL, err,
                "store_path and on_file must not be NULL");
    return api_check_told(fi_trust_files_foreign(fi_os_default(), store_path, on_file, ctx, err),
                          err);
}

int
firn_workspace_save(firn_workspace *workspace, const firn_workspace_save_options *options,
                    firn_workspace_save_result *out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_workspace_save_options given = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result result;
    BEGIN_RESULT(out, firn_workspace_save_result, checkpoint, err);
    API_OWN(workspace, "workspace", err);
    API_READ_OPTIONS(given, options, err);
    API_REQUIRE(given.created_ns >= 0, err, "created_ns must not be negative");
    int rc = fi_ws_save(workspace, &given, &result, err);
    return give_result(workspace, rc, out, &result, sizeof result, result.checkpoint, NULL);
}

int
firn_workspace_group_begin(firn_workspace *workspace, firn_error *err)
{
    API_ANY_ERROR(err);
    API_OWN(workspace, "workspace", err);
    return api_check_told(fi_ws_group_begin(workspace, err), err);
}

bool
firn_workspace_group_is_full(const firn_workspace *workspace)
{
    return workspace != NULL && api_process_may_use(workspace) && fi_ws_group_is_full(workspace);
}

int
firn_workspace_group_end(firn_workspace *workspace, bool keep, firn_error *err)
{
    API_ANY_ERROR(err);
    API_OWN(workspace, "workspace", err);
    return api_check_told(fi_ws_group_end(workspace, keep, err), err);
}

int
firn_workspace_watch(firn_workspace *workspace, const firn_workspace_watch_options *options,
                     firn_error *err)
{
    API_ANY_ERROR(err);
    firn_workspace_watch_options given = FIRN_WORKSPACE_WATCH_OPTIONS_INIT;
    firn_workspace_save_options save = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    API_OWN(workspace, "workspace", err);
    API_READ_OPTIONS(given, options, err);
    API_REQUIRE(given.quiet_ms >= 0 && given.interval_max_ms >= 0, err,
                "quiet_ms and interval_max_ms must not be negative");
    API_REQUIRE(given.rescan_ms > 0, err, "rescan_ms must be positive");
    save.message = firn_str("watch");
    int rc =
        given.save == NULL ? FIRN_OK : fi_api_options_read(&save, sizeof save, given.save, err);
    given.save = &save;
    rc = rc == FIRN_OK ? fi_watch(workspace, &given, err) : rc;
    return api_check_told(rc, err);
}

int
firn_workspace_watch_look(firn_workspace *workspace, firn_workspace_watch_info *out,
                          firn_error *err)
{
    API_ANY_ERROR(err);
    firn_workspace_watch_info info;
    API_REQUIRE(workspace != NULL && out != NULL, err, "workspace and out must not be NULL");
    BEGIN_RESULT(out, firn_workspace_watch_info, size, err);
    API_OWN(workspace, "workspace", err);
    int rc = fi_watch_inspect(workspace, &info, err);
    return give_result(workspace, rc, out, &info, sizeof info, NULL, NULL);
}

int
firn_workspace_watch_stop(firn_workspace *workspace, firn_workspace_watch_info *out,
                          firn_error *err)
{
    API_ANY_ERROR(err);
    firn_workspace_watch_info info;
    BEGIN_RESULT(out, firn_workspace_watch_info, size, err);
    API_OWN(workspace, "workspace", err);
    int rc = fi_watch_stop(workspace, &info, err);
    return give_result(workspace, rc, out, &info, sizeof info, NULL, NULL);
}

int
firn_workspace_list(firn_workspace *workspace, const firn_workspace_list_options *options,
                    int (*on_checkpoint)(void *ctx, const firn_workspace_checkpoint *checkpoint),
                    void *ctx, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_workspace_list_options given = FIRN_WORKSPACE_LIST_OPTIONS_INIT;
    API_REQUIRE(workspace != NULL && on_checkpoint != NULL, err,
                "workspace and on_checkpoint must not be NULL");
    API_OWN(workspace, "workspace", err);
    API_READ_OPTIONS(given, options, err);
    return api_check_told(fi_ws_list(workspace, &given, on_checkpoint, ctx, err), err);
}

int
firn_workspace_find(firn_workspace *workspace, const char *reference,
                    firn_workspace_checkpoint **out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_workspace_checkpoint *found = NULL;
    if (out != NULL) {
        *out = NULL;
    }
    API_REQUIRE(workspace != NULL && reference != NULL, err,
                "workspace and reference must not be NULL");
    API_OWN(workspace, "workspace", err);
    int rc = fi_ws_find(workspace, reference, &found, err);
    return give_checkpoint(workspace, rc, out, found);
}

int
firn_workspace_tag_set(firn_workspace *workspace, const char *name, const char *reference,
                       bool may_replace, firn_workspace_checkpoint **out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_workspace_checkpoint *tagged = NULL;
    if (out != NULL) {
        *out = NULL;
    }
    API_REQUIRE(workspace != NULL && name != NULL && reference != NULL, err,
                "workspace, name and reference must not be NULL");
    API_OWN(workspace, "workspace", err);
    int rc = fi_ws_tag_set(workspace, name, reference, may_replace, &tagged, err);
    return give_checkpoint(workspace, rc, out, tagged);
}

int
firn_workspace_describe(firn_workspace *workspace, const char *reference, firn_slice message,
                        firn_workspace_checkpoint **out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_workspace_checkpoint *described = NULL;
    if (out != NULL) {
        *out = NULL;
    }
    API_REQUIRE(workspace != NULL && reference != NULL &&
                    (message.data != NULL || message.size == 0),
                err, "workspace and reference must not be NULL, and message needs its bytes");
    API_OWN(workspace, "workspace", err);
    int rc = fi_ws_describe(workspace, reference, message, &described, err);
    return give_checkpoint(workspace, rc, out, described);
}

int
firn_workspace_tag_delete(firn_workspace *workspace, const char *name, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(workspace != NULL && name != NULL, err, "workspace and name must not be NULL");
    API_OWN(workspace, "workspace", err);
    return api_check_told(fi_ws_tag_delete(workspace, name, err), err);
}

int
firn_workspace_tag_list(firn_workspace *workspace,
                        int (*on_tag)(void *ctx, const firn_workspace_tag *tag), void *ctx,
                        firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(workspace != NULL && on_tag != NULL, err, "workspace and on_tag must not be NULL");
    API_OWN(workspace, "workspace", err);
    return api_check_told(fi_ws_tag_list(workspace, on_tag, ctx, err), err);
}

bool
firn_workspace_xattrs_next(firn_slice *xattrs, firn_slice *out_name, firn_slice *out_value)
{
    return fi_tree_xattrs_next(xattrs, out_name, out_value);
}

int
firn_workspace_entries(firn_workspace *workspace, const char *reference,
                       int (*on_entry)(void *ctx, const firn_workspace_entry *entry), void *ctx,
                       firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(workspace != NULL && reference != NULL && on_entry != NULL, err,
                "workspace, reference and on_entry must not be NULL");
    API_OWN(workspace, "workspace", err);
    return api_check_told(fi_ws_entries(workspace, reference, on_entry, ctx, err), err);
}

int
firn_workspace_status(firn_workspace *workspace, const firn_workspace_status_options *options,
                      int (*on_change)(void *ctx, const firn_workspace_change *change), void *ctx,
                      firn_workspace_status_result *out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_workspace_status_options given = FIRN_WORKSPACE_STATUS_OPTIONS_INIT;
    firn_workspace_status_result result;
    BEGIN_RESULT(out, firn_workspace_status_result, checkpoint, err);
    API_OWN(workspace, "workspace", err);
    API_READ_OPTIONS(given, options, err);
    API_REQUIRE(given.path_count == 0 || given.paths != NULL, err, "paths must not be NULL");
    API_REQUIRE(!given.of_first_save || (given.reference == NULL && given.path_count == 0), err,
                "of_first_save excludes a reference and paths");
    int rc = fi_ws_status(workspace, &given, on_change, ctx, &result, err);
    return give_result(workspace, rc, out, &result, sizeof result, result.checkpoint, NULL);
}

int
firn_workspace_diff(firn_workspace *workspace, const firn_workspace_diff_options *options,
                    int (*on_difference)(void *ctx, const firn_workspace_difference *difference),
                    void *ctx, firn_workspace_diff_result *out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_workspace_diff_options given = FIRN_WORKSPACE_DIFF_OPTIONS_INIT;
    firn_workspace_diff_result result;
    BEGIN_RESULT(out, firn_workspace_diff_result, after, err);
    API_OWN(workspace, "workspace", err);
    API_READ_OPTIONS(given, options, err);
    API_REQUIRE(given.path_count == 0 || given.paths != NULL, err, "paths must not be NULL");
    API_REQUIRE(given.before == NULL || !(given.against_previous || given.against_nothing), err,
                "before and against_previous or against_nothing exclude each other");
    API_REQUIRE(given.algorithm == FIRN_DIFF_MYERS || given.algorithm == FIRN_DIFF_PATIENCE, err,
                "algorithm must be one of firn_diff_algorithm");
    int rc = fi_ws_difference(workspace, &given, on_difference, ctx, &result, err);
    return give_result(workspace, rc, out, &result, sizeof result, result.before, result.after);
}

int
firn_workspace_log(firn_workspace *workspace, const firn_workspace_log_options *options,
                   int (*on_compared)(void *ctx, const firn_workspace_diff_result *result),
                   void *ctx, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_workspace_log_options given = FIRN_WORKSPACE_LOG_OPTIONS_INIT;
    API_REQUIRE(workspace != NULL && on_compared != NULL, err,
                "workspace and on_compared must not be NULL");
    API_OWN(workspace, "workspace", err);
    API_READ_OPTIONS(given, options, err);
    API_REQUIRE(given.path_count == 0 || given.paths != NULL, err, "paths must not be NULL");
    API_REQUIRE(given.name_count == 0 || given.names != NULL, err, "names must not be NULL");
    API_REQUIRE(given.algorithm == FIRN_DIFF_MYERS || given.algorithm == FIRN_DIFF_PATIENCE, err,
                "algorithm must be one of firn_diff_algorithm");
    return api_check_told(fi_ws_difference_log(workspace, &given, on_compared, ctx, err), err);
}

int
firn_workspace_cat(firn_workspace *workspace, const char *reference, firn_slice path,
                   firn_write_bytes write, void *ctx, firn_workspace_entry **out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_workspace_entry *entry = NULL;
    if (out != NULL) {
        *out = NULL;
    }
    API_REQUIRE(workspace != NULL && reference != NULL && write != NULL, err,
                "workspace, reference and write must not be NULL");
    API_OWN(workspace, "workspace", err);
    API_REQUIRE(path.size == 0 || path.data != NULL, err, "path must not be NULL");
    struct api_check_stream to = {.write = write, .ctx = ctx};
    int rc = fi_ws_cat(workspace, reference, path, api_check_write, &to, &entry, err);
    if (rc == FIRN_OK && out != NULL) {
        fi_ws_given_take(workspace, entry);
        *out = entry;
    }
    fi_ws_given_release(workspace);
    return api_check_told(rc, err);
}

int
firn_workspace_reader_open(firn_workspace *workspace, firn_workspace_reader **out, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(workspace != NULL && out != NULL, err, "workspace and out must not be NULL");
    *out = NULL;
    API_OWN(workspace, "workspace", err);
    return api_check_told(fi_ws_reader_open(workspace, out, err), err);
}

void
firn_workspace_reader_close(firn_workspace_reader *reader)
{
    if (api_process_may_close(reader)) {
        fi_ws_reader_close(reader);
    }
}

int
firn_workspace_reader_entries(firn_workspace_reader *reader, const firn_hash *directory,
                              int (*on_entry)(void *ctx, const firn_workspace_entry *entry),
                              void *ctx, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(reader != NULL && directory != NULL && on_entry != NULL, err,
                "reader, directory and on_entry must not be NULL");
    API_OWN(reader, "reader", err);
    return api_check_told(fi_ws_reader_entries(reader, directory, on_entry, ctx, err), err);
}

int
firn_workspace_reader_cat(firn_workspace_reader *reader, const firn_hash *file, uint64_t size_bytes,
                          firn_write_bytes write, void *ctx, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(reader != NULL && file != NULL && write != NULL, err,
                "reader, file and write must not be NULL");
    API_OWN(reader, "reader", err);
    struct api_check_stream to = {.write = write, .ctx = ctx};
    return api_check_told(fi_ws_reader_cat(reader, file, size_bytes, api_check_write, &to, err),
                          err);
}

int
firn_workspace_reader_part(firn_workspace_reader *reader, const firn_hash *file,
                           uint64_t size_bytes, uint64_t offset, uint64_t length,
                           firn_write_bytes write, void *ctx, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(reader != NULL && file != NULL && write != NULL, err,
                "reader, file and write must not be NULL");
    API_OWN(reader, "reader", err);
    struct api_check_stream to = {.write = write, .ctx = ctx};
    return api_check_told(
        fi_ws_reader_part(reader, file, size_bytes, offset, length, api_check_write, &to, err),
        err);
}

int
firn_workspace_steps(firn_workspace *workspace, const firn_workspace_steps_options *options,
                     int (*on_step)(void *ctx, const firn_workspace_step *step), void *ctx,
                     firn_workspace_steps_result *out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_workspace_steps_options given = FIRN_WORKSPACE_STEPS_OPTIONS_INIT;
    firn_workspace_steps_result result;
    BEGIN_RESULT(out, firn_workspace_steps_result, checkpoint, err);
    API_OWN(workspace, "workspace", err);
    API_READ_OPTIONS(given, options, err);
    given.limit = on_step != NULL ? given.limit : 0;
    int rc = fi_ws_steps_list(workspace, &given, on_step, ctx, &result, err);
    return api_check_told(
        give_result(workspace, rc, out, &result, sizeof result, result.checkpoint, NULL), err);
}

/* The contents that options give are for a restore of paths. */
static int
check_contents(const char *reference, const firn_workspace_restore_options *given, firn_error *err)
{
    if (given->content_count == 0) {
        return FIRN_OK;
    }
    API_REQUIRE(given->contents != NULL && reference != NULL && given->path_count > 0 &&
                    given->to_dir == NULL && !given->dry_run,
                err, "contents are for a restore of paths in place, and no dry run");
    for (size_t i = 0; i < given->content_count; i++) {
        const firn_slice content = given->contents[i].content;
        API_REQUIRE(content.data != NULL || content.size == 0, err,
                    "contents must have their bytes");
        if (content.size > FIRN_WORKSPACE_CONTENT_SIZE_MAX) {
            return fi_error_set(err, FIRN_LIMIT, "a content has more than %d bytes",
                                FIRN_WORKSPACE_CONTENT_SIZE_MAX);
        }
    }
    return FIRN_OK;
}

/* Restores, undoes and resumes take the same options and give the same result. */
static int
run_restore(firn_workspace *workspace, const char *reference,
            int (*run)(struct firn_ws *ws, const char *reference,
                       const firn_workspace_restore_options *options,
                       firn_workspace_restore_result *out, firn_error *err),
            const firn_workspace_restore_options *options, firn_workspace_restore_result *out,
            firn_error *err)
{
    firn_workspace_restore_options given = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    BEGIN_RESULT(out, firn_workspace_restore_result, checkpoint, err);
    API_OWN(workspace, "workspace", err);
    API_READ_OPTIONS(given, options, err);
    API_REQUIRE(given.path_count == 0 || given.paths != NULL, err, "paths must not be NULL");
    FI_TRY_RETURN(check_contents(reference, &given, err));
    int rc = run(workspace, reference, &given, &result, err);
    return give_result(workspace, rc, out, &result, sizeof result, result.checkpoint, NULL);
}

static int
run_undo(struct firn_ws *ws, const char *reference, const firn_workspace_restore_options *options,
         firn_workspace_restore_result *out, firn_error *err)
{
    (void)reference;
    return fi_ws_restore_undo(ws, options, out, err);
}

static int
run_redo(struct firn_ws *ws, const char *reference, const firn_workspace_restore_options *options,
         firn_workspace_restore_result *out, firn_error *err)
{
    (void)reference;
    return fi_ws_restore_redo(ws, options, out, err);
}

static int
run_resume(struct firn_ws *ws, const char *reference, const firn_workspace_restore_options *options,
           firn_workspace_restore_result *out, firn_error *err)
{
    (void)reference;
    return fi_ws_restore_resume(ws, options, out, err);
}

static int
run_reference(struct firn_ws *ws, const char *reference,
              const firn_workspace_restore_options *options, firn_workspace_restore_result *out,
              firn_error *err)
{
    out->checkpoint = NULL;
    API_REQUIRE(reference != NULL, err, "reference must not be NULL");
    return fi_ws_restore(ws, reference, options, out, err);
}

int
firn_workspace_restore(firn_workspace *workspace, const char *reference,
                       const firn_workspace_restore_options *options,
                       firn_workspace_restore_result *out, firn_error *err)
{
    API_ANY_ERROR(err);
    return api_check_told(run_restore(workspace, reference, run_reference, options, out, err), err);
}

int
firn_workspace_undo(firn_workspace *workspace, const firn_workspace_restore_options *options,
                    firn_workspace_restore_result *out, firn_error *err)
{
    API_ANY_ERROR(err);
    return api_check_told(run_restore(workspace, NULL, run_undo, options, out, err), err);
}

int
firn_workspace_redo(firn_workspace *workspace, const firn_workspace_restore_options *options,
                    firn_workspace_restore_result *out, firn_error *err)
{
    API_ANY_ERROR(err);
    return api_check_told(run_restore(workspace, NULL, run_redo, options, out, err), err);
}

int
firn_workspace_resume(firn_workspace *workspace, const firn_workspace_restore_options *options,
                      firn_workspace_restore_result *out, firn_error *err)
{
    API_ANY_ERROR(err);
    return api_check_told(run_restore(workspace, NULL, run_resume, options, out, err), err);
}

int
firn_workspace_revert(firn_workspace *workspace, const firn_workspace_revert_options *options,
                      firn_workspace_revert_result *out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_workspace_revert_options given = FIRN_WORKSPACE_REVERT_OPTIONS_INIT;
    firn_workspace_revert_result result;
    BEGIN_RESULT(out, firn_workspace_revert_result, before, err);
    API_OWN(workspace, "workspace", err);
    API_READ_OPTIONS(given, options, err);
    API_REQUIRE(given.path_count == 0 || given.paths != NULL, err, "paths must not be NULL");
    int rc = fi_ws_revert(workspace, &given, &result, err);
    if (rc != FIRN_OK && out != NULL) { /* only the number of conflicts */
        fi_api_options_write(out, &result, sizeof result);
    }
    return give_result(workspace, rc, out, &result, sizeof result, result.after, result.before);
}

int
firn_workspace_pending(firn_workspace *workspace, firn_workspace_pending_restore *out,
                       firn_error *err)
{
    API_ANY_ERROR(err);
    firn_workspace_pending_restore pending;
    API_REQUIRE(workspace != NULL && out != NULL, err, "workspace and out must not be NULL");
    BEGIN_RESULT(out, firn_workspace_pending_restore, size, err);
    API_OWN(workspace, "workspace", err);
    int rc = fi_ws_pending(workspace, &pending, err);
    return give_result(workspace, rc, out, &pending, sizeof pending, NULL, NULL);
}

static int
require_references(const char *const *references, size_t count, firn_error *err)
{
    API_REQUIRE(references != NULL && count > 0, err, "at least one reference must be given");
    for (size_t i = 0; i < count; i++) {
        API_REQUIRE(references[i] != NULL, err, "a reference must not be NULL");
    }
    return FIRN_OK;
}

int
firn_workspace_pin_set(firn_workspace *workspace, const char *const *references, size_t count,
                       bool is_pinned,
                       int (*on_checkpoint)(void *ctx, const firn_workspace_checkpoint *checkpoint),
                       void *ctx, firn_error *err)
{
    API_ANY_ERROR(err);
    API_OWN(workspace, "workspace", err);
    int rc = require_references(references, count, err);
    rc = rc != FIRN_OK
             ? rc
             : fi_ws_pin_set(workspace, references, count, is_pinned, on_checkpoint, ctx, err);
    return api_check_told(rc, err);
}

int
firn_workspace_pin_list(firn_workspace *workspace,
                        int (*on_pin)(void *ctx, const firn_workspace_pin *pin), void *ctx,
                        firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(workspace != NULL && on_pin != NULL, err, "workspace and on_pin must not be NULL");
    API_OWN(workspace, "workspace", err);
    return api_check_told(fi_ws_pin_list(workspace, on_pin, ctx, err), err);
}

int
firn_workspace_expire(firn_workspace *workspace, const firn_workspace_expire_options *options,
                      int (*on_checkpoint)(void *ctx, const firn_workspace_checkpoint *checkpoint),
                      void *ctx, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_workspace_expire_options given = FIRN_WORKSPACE_EXPIRE_OPTIONS_INIT;
    API_OWN(workspace, "workspace", err);
    int rc = fi_api_options_read(&given, sizeof given, options, err);
    rc = rc != FIRN_OK ? rc : fi_gc_expire_request(workspace, &given, on_checkpoint, ctx, err);
    return api_check_told(rc, err);
}

int
firn_workspace_delete(firn_workspace *workspace, const char *const *references, size_t count,
                      const firn_workspace_delete_options *options,
                      int (*on_checkpoint)(void *ctx, const firn_workspace_checkpoint *checkpoint),
                      void *ctx, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_workspace_delete_options given = FIRN_WORKSPACE_DELETE_OPTIONS_INIT;
    API_OWN(workspace, "workspace", err);
    int rc = require_references(references, count, err);
    if (rc == FIRN_OK) {
        rc = fi_api_options_read(&given, sizeof given, options, err);
    }
    rc = rc != FIRN_OK
             ? rc
             : fi_gc_delete(workspace, references, count, &given, on_checkpoint, ctx, err);
    return api_check_told(rc, err);
}

int
firn_workspace_undelete(firn_workspace *workspace, const char *const *references, size_t count,
                        int (*on_checkpoint)(void *ctx,
                                             const firn_workspace_checkpoint *checkpoint),
                        void *ctx, firn_error *err)
{
    API_ANY_ERROR(err);
    API_OWN(workspace, "workspace", err);
    int rc = count == 0 ? FIRN_OK : require_references(references, count, err);
    rc = rc != FIRN_OK ? rc
                       : fi_gc_delete_undo(workspace, references, count, on_checkpoint, ctx, err);
    return api_check_told(rc, err);
}

int
firn_workspace_forget(firn_workspace *workspace, const firn_workspace_forget_options *options,
                      int (*on_forgotten)(void *ctx, const firn_workspace_forgotten *forgotten),
                      void *ctx, firn_workspace_forget_result *out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_workspace_forget_options given = FIRN_WORKSPACE_FORGET_OPTIONS_INIT;
    firn_workspace_forget_result result;
    BEGIN_RESULT(out, firn_workspace_forget_result, size, err);
    API_REQUIRE(workspace != NULL && options != NULL, err,
                "workspace and options must not be NULL");
    API_OWN(workspace, "workspace", err);
    API_READ_OPTIONS(given, options, err);
    API_REQUIRE(given.paths != NULL && given.path_count > 0, err,
                "at least one path must be given");
    int rc = fi_ws_forget(workspace, &given, on_forgotten, ctx, &result, err);
    return give_result(workspace, rc, out, &result, sizeof result, NULL, NULL);
}

int
firn_workspace_gc(firn_workspace *workspace, const firn_workspace_gc_options *options,
                  firn_workspace_gc_result *out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_workspace_gc_options given = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    firn_workspace_gc_result result;
    BEGIN_RESULT(out, firn_workspace_gc_result, size, err);
    API_OWN(workspace, "workspace", err);
    API_READ_OPTIONS(given, options, err);
    if (given.recompress_level != 0 && (given.recompress_level < FIRN_GC_LEVEL_MIN ||
                                        given.recompress_level > FIRN_GC_LEVEL_MAX)) {
        return fi_error_set(err, FIRN_INVALID, "cannot recompress at level %d: %d to %d",
                            given.recompress_level, FIRN_GC_LEVEL_MIN, FIRN_GC_LEVEL_MAX);
    }
    if ((given.automatic || given.without_key) &&
        (given.full || given.now || given.rekey || given.recompress_level != 0)) {
        return fi_error_set(err, FIRN_INVALID,
                            "a collection that is automatic, or without a key, is neither full "
                            "nor ends deletions nor recompresses, and does not rekey");
    }
    /* It may be called while a watch reports a save, whose results are not touched. */
    int rc = fi_gc(workspace, &given, &result, err);
    if (rc == FIRN_OK && out != NULL) {
        fi_api_options_write(out, &result, sizeof result);
    }
    return api_check_told(rc, err);
}

int
firn_workspace_check(firn_workspace *workspace, const firn_workspace_check_options *options,
                     firn_workspace_check_result *out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_workspace_check_options given = FIRN_WORKSPACE_CHECK_OPTIONS_INIT;
    firn_workspace_check_result result;
    BEGIN_RESULT(out, firn_workspace_check_result, size, err);
    API_OWN(workspace, "workspace", err);
    API_READ_OPTIONS(given, options, err);
    int rc = fi_verify(workspace, &given, &result, err);
    if (out != NULL) { /* even after a failure: it says what is damaged */
        fi_api_options_write(out, &result, sizeof result);
    }
    return api_check_told(rc, err);
}

int
firn_workspace_repair(firn_workspace *workspace, const firn_workspace_repair_options *options,
                      firn_workspace_repair_result *out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_workspace_repair_options given = FIRN_WORKSPACE_REPAIR_OPTIONS_INIT;
    firn_workspace_repair_result result;
    BEGIN_RESULT(out, firn_workspace_repair_result, damaged_path, err);
    API_OWN(workspace, "workspace", err);
    API_READ_OPTIONS(given, options, err);
    int rc = fi_repair(workspace, &given, &result, err);
    return give_result(workspace, rc, out, &result, sizeof result, result.damaged_path, NULL);
}
