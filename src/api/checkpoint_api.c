/* SPDX-License-Identifier: Apache-2.0
 *
 * api/checkpoint_api.c: the public functions of the checkpoints of a store's data: arguments are
 * checked here, everything else is in store/.
 *
 * Structures that are filled in begin with the size that the caller set; nothing is written beyond
 * it (api_options.h).
 */
#include "api/api_check.h"
#include "api/api_handle.h"
#include "api/api_options.h"
#include "api/api_store.h"
#include "copy/copy.h"
#include "firn/checkpoint.h"
#include "inspect/inspect.h"
#include "posix/os_default.h"
#include "store/db.h"
#include "unlock/unlock.h"

static void
checkpoint_api_describe(const struct fi_db_checkpoint_info *info, firn_store_checkpoint *out)
{
    *out = (firn_store_checkpoint){.size = sizeof *out,
                                   .number = info->number,
                                   .created_ns = info->created_ns,
                                   .sequence = info->sequence,
                                   .is_safety = info->is_safety};
    fi_db_checkpoint_name_of_id(info->id, out->id);
    memcpy(out->name, info->name, sizeof out->name);
    if (info->is_safety) {
        fi_db_checkpoint_name_of_id(info->restored, out->restored);
    }
}

/* Fills a structure of the caller's. Requires: its size was checked. */
static void
hand_over(const struct fi_db_checkpoint_info *info, firn_store_checkpoint *out)
{
    firn_store_checkpoint full;
    checkpoint_api_describe(info, &full);
    fi_api_options_write(out, &full, sizeof full);
}

int
firn_store_checkpoint_create(firn_store *store, const char *name,
                             const firn_store_checkpoint_options *options,
                             firn_store_checkpoint *out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_store_checkpoint_options given = FIRN_STORE_CHECKPOINT_OPTIONS_INIT;
    struct fi_db_checkpoint_info info;
    API_REQUIRE(store != NULL, err, "store must not be NULL");
    API_REQUIRE(out == NULL || fi_api_options_is_size(out->size), err,
                "the size of out must be set to sizeof(firn_store_checkpoint)");
    API_OPEN(store, STORE, err);
    API_READ_OPTIONS(given, options, err);
    API_REQUIRE(given.created_ns >= 0, err, "created_ns must not be negative");
    name = name != NULL ? name : "";
    int rc = given.created_ns == 0
                 ? fi_db_checkpoint_create(store, name, &info, err)
                 : fi_db_checkpoint_create_at(store, name, given.created_ns, &info, err);
    if (rc == FIRN_OK && out != NULL) {
        hand_over(&info, out);
    }
    return api_check_told(rc, err);
}

struct listing {
    int (*visit)(void *ctx, const firn_store_checkpoint *checkpoint);
    void *ctx;
};

static int
visit_one(void *ctx, const struct fi_db_checkpoint_info *info)
{
    const struct listing *listing = ctx;
    firn_store_checkpoint checkpoint;
    checkpoint_api_describe(info, &checkpoint);
    return listing->visit(listing->ctx, &checkpoint);
}

int
firn_store_checkpoint_list(firn_store *store, const firn_store_checkpoint_list_options *options,
                           int (*visit)(void *ctx, const firn_store_checkpoint *checkpoint),
                           void *ctx, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_store_checkpoint_list_options given = FIRN_STORE_CHECKPOINT_LIST_OPTIONS_INIT;
    API_REQUIRE(store != NULL && visit != NULL, err, "store and visit must not be NULL");
    API_OPEN(store, STORE, err);
    API_READ_OPTIONS(given, options, err);
    struct listing listing = {visit, ctx};
    const struct fi_db_checkpoint_visitor visitor = {given.include_safety, visit_one, &listing};
    api_check_begin_visits(err);
    int rc = fi_db_checkpoint_list(store, &visitor, err);
    return api_check_end_visits(rc, err);
}

int
firn_store_checkpoint_find(firn_store *store, const char *reference, firn_store_checkpoint *out,
                           firn_error *err)
{
    API_ANY_ERROR(err);
    struct fi_db_checkpoint_info info;
    API_REQUIRE(store != NULL && reference != NULL && out != NULL, err,
                "store, reference and out must not be NULL");
    API_REQUIRE(fi_api_options_is_size(out->size), err,
                "the size of out must be set to sizeof(firn_store_checkpoint)");
    API_OPEN(store, STORE, err);
    int rc = fi_db_checkpoint_find(store, reference, &info, err);
    if (rc == FIRN_OK) {
        hand_over(&info, out);
    }
    return api_check_told(rc, err);
}

int
firn_store_checkpoint_delete(firn_store *store, const char *const *references, size_t count,
                             firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(store != NULL && (count == 0 || references != NULL), err,
                "store and references must not be NULL");
    for (size_t i = 0; i < count; i++) {
        API_REQUIRE(references[i] != NULL, err, "a reference must not be NULL");
    }
    API_OPEN(store, STORE, err);
    return api_check_told(fi_db_checkpoint_delete(store, references, count, err), err);
}

/* ---- restores ---- */

static void
checkpoint_api_report(const struct fi_db_checkpoint_info *restored,
                      const struct fi_db_checkpoint_info *safety, firn_store_restore_result *out)
{
    firn_store_restore_result full = {.size = sizeof full};
    checkpoint_api_describe(restored, &full.restored);
    checkpoint_api_describe(safety, &full.safety);
    if (out != NULL) {
        fi_api_options_write(out, &full, sizeof full);
    }
}

static int
check_report(const firn_store_restore_result *out, firn_error *err)
{
    API_REQUIRE(out == NULL || fi_api_options_is_size(out->size), err,
                "the size of out must be set to sizeof(firn_store_restore_result)");
    return FIRN_OK;
}

int
firn_store_restore(firn_store *store, const char *reference, firn_store_restore_result *out,
                   firn_error *err)
{
    API_ANY_ERROR(err);
    struct fi_db_checkpoint_info restored;
    struct fi_db_checkpoint_info safety;
    API_REQUIRE(store != NULL && reference != NULL, err, "store and reference must not be NULL");
    API_OPEN(store, STORE, err);
    int rc = check_report(out, err);
    if (rc == FIRN_OK) {
        rc = fi_db_checkpoint_restore(store, reference, &restored, &safety, err);
    }
    if (rc == FIRN_OK) {
        checkpoint_api_report(&restored, &safety, out);
    }
    return api_check_told(rc, err);
}

int
firn_store_undo(firn_store *store, firn_store_restore_result *out, firn_error *err)
{
    API_ANY_ERROR(err);
    struct fi_db_checkpoint_info restored;
    struct fi_db_checkpoint_info safety;
    API_OPEN(store, STORE, err);
    int rc = check_report(out, err);
    if (rc == FIRN_OK) {
        rc = fi_db_checkpoint_undo(store, &restored, &safety, err);
    }
    if (rc == FIRN_OK) {
        checkpoint_api_report(&restored, &safety, out);
    }
    return api_check_told(rc, err);
}

/* ---- differences ---- */

struct diffing {
    int (*visit)(void *ctx, const firn_store_difference *difference);
    void *ctx;
};

static int
visit_keyspace(void *ctx, const char *name, bool is_added)
{
    const struct diffing *diffing = ctx;
    const firn_store_difference difference = {.kind = is_added
                                                          ? FIRN_STORE_DIFFERENCE_KEYSPACE_ADDED
                                                          : FIRN_STORE_DIFFERENCE_KEYSPACE_REMOVED,
                                              .keyspace = name};
    return diffing->visit(diffing->ctx, &difference);
}

static int
visit_difference(void *ctx, const char *keyspace, const struct fi_inspect_diff_key *found)
{
    const struct diffing *diffing = ctx;
    firn_store_difference difference = {.kind = FIRN_STORE_DIFFERENCE_CHANGED,
                                        .keyspace = keyspace,
                                        .key = api_check_with_address(found->key)};
    if (found->is_before) {
        difference.before = api_check_with_address(found->before);
    }
    if (found->is_after) {
        difference.after = api_check_with_address(found->after);
    }
    if (!found->is_before) {
        difference.kind = FIRN_STORE_DIFFERENCE_ADDED;
    } else if (!found->is_after) {
        difference.kind = FIRN_STORE_DIFFERENCE_REMOVED;
    }
    return diffing->visit(diffing->ctx, &difference);
}

int
firn_store_diff(firn_store *store, const char *before, const char *after,
                const firn_store_diff_options *options,
                int (*visit)(void *ctx, const firn_store_difference *difference), void *ctx,
                firn_error *err)
{
    API_ANY_ERROR(err);
    firn_store_diff_options given = FIRN_STORE_DIFF_OPTIONS_INIT;
    API_REQUIRE(store != NULL && visit != NULL, err, "store and visit must not be NULL");
    API_OPEN(store, STORE, err);
    API_READ_OPTIONS(given, options, err);
    struct diffing diffing = {visit, ctx};
    struct fi_storefile_progress progress = api_store_progress_of(&given.callbacks);
    const struct fi_inspect_diff_visitor visitor = {.keyspace = given.keyspace,
                                                    .visit_keyspace = visit_keyspace,
                                                    .visit = visit_difference,
                                                    .ctx = &diffing,
                                                    .progress = &progress};
    api_check_begin_visits(err);
    int rc = fi_inspect_diff(store, before, after, &visitor, err);
    return api_check_end_visits(rc, err);
}

/* ---- one checkpoint in a single file ---- */

int
firn_store_export(firn_store *store, const char *reference, const char *path,
                  const firn_store_export_options *options, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_store_export_options given = FIRN_STORE_EXPORT_OPTIONS_INIT;
    struct fi_os *os = fi_os_default();
    API_REQUIRE(store != NULL && path != NULL, err, "store and path must not be NULL");
    API_REQUIRE(path[0] != '\0', err, "the path of a file must not be empty");
    API_OPEN(store, STORE, err);
    API_READ_OPTIONS(given, options, err);
    const struct fi_unlock_source keys = fi_unlock_source_of(given.key_source);
    const struct fi_copy_export_target target = {.os = os,
                                                 .path = path,
                                                 .replace_existing = given.replace_existing,
                                                 .in_clear = given.in_clear,
                                                 .keys = given.key_source != NULL ? &keys : NULL};
    struct fi_storefile_progress progress = api_store_progress_of(&given.callbacks);
    return api_check_told(fi_copy_export(store, reference, &target, &progress, err), err);
}

int
firn_store_import(const char *file, const char *path, const firn_store_import_options *options,
                  firn_store_checkpoint *out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_store_import_options given = FIRN_STORE_IMPORT_OPTIONS_INIT;
    struct fi_os *os = fi_os_default();
    struct fi_db_checkpoint_info info;
    API_REQUIRE(file != NULL && path != NULL, err, "file and path must not be NULL");
    API_REQUIRE(file[0] != '\0' && path[0] != '\0', err, "a path must not be empty");
    API_REQUIRE(out == NULL || fi_api_options_is_size(out->size), err,
                "the size of out must be set to sizeof(firn_store_checkpoint)");
    API_READ_OPTIONS(given, options, err);
    struct fi_storefile_progress progress = api_store_progress_of(&given.callbacks);
    struct fi_unlock_source keys = fi_unlock_source_of(given.key_source);
    keys.is_only = given.key_source != NULL;
    int rc = fi_copy_import(os, file, path, &keys, &progress, &info, err);
    if (rc == FIRN_OK && out != NULL) {
        hand_over(&info, out);
    }
    return api_check_told(rc, err);
}
