/* SPDX-License-Identifier: Apache-2.0
 *
 * api/remote_api.c: the public functions of remotes: arguments are checked here, everything else is
 * in share/share.h.
 */
#include <stddef.h>

#include "api/api_check.h"
#include "api/api_handle.h"
#include "api/api_options.h"
#include "firn/remote.h"
#include "handle/ws.h"
#include "share/share.h"
#include "threads/os_callback.h"

int
firn_remote_add(firn_workspace *workspace, const char *name, const char *url, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(name != NULL && url != NULL, err, "name and url must not be NULL");
    API_OWN(workspace, "workspace", err);
    const struct fi_share_add_options options = {.must_exist = false};
    return api_check_told(fi_share_name_add(workspace, name, url, &options, err), err);
}

int
firn_remote_add_encrypted(firn_workspace *workspace, const char *name, const char *url,
                          firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(name != NULL && url != NULL, err, "name and url must not be NULL");
    API_OWN(workspace, "workspace", err);
    const struct fi_share_add_options options = {.encrypt = true};
    return api_check_told(fi_share_name_add(workspace, name, url, &options, err), err);
}

int
firn_remote_join(firn_workspace *workspace, const char *name, const char *url, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(name != NULL && url != NULL, err, "name and url must not be NULL");
    API_OWN(workspace, "workspace", err);
    const struct fi_share_add_options options = {.must_exist = true};
    return api_check_told(fi_share_name_add(workspace, name, url, &options, err), err);
}

int
firn_remote_join_encrypted(firn_workspace *workspace, const char *name, const char *url,
                           firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(name != NULL && url != NULL, err, "name and url must not be NULL");
    API_OWN(workspace, "workspace", err);
    const struct fi_share_add_options options = {.must_exist = true, .encrypt = true};
    return api_check_told(fi_share_name_add(workspace, name, url, &options, err), err);
}

int
firn_remote_remove(firn_workspace *workspace, const char *name, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(name != NULL, err, "name must not be NULL");
    API_OWN(workspace, "workspace", err);
    return api_check_told(fi_share_name_remove(workspace, name, err), err);
}

struct listing {
    int (*on_remote)(void *ctx, const firn_remote_info *remote);
    void *ctx;
};

static int
list_within(void *ctx, const firn_remote_info *remote)
{
    const struct listing *listing = ctx;
    unsigned begun = fi_os_callback_begin();
    int rc = listing->on_remote(listing->ctx, remote);
    fi_os_callback_end(begun);
    return rc;
}

int
firn_remote_list(firn_workspace *workspace,
                 int (*on_remote)(void *ctx, const firn_remote_info *remote), void *ctx,
                 firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(on_remote != NULL, err, "on_remote must not be NULL");
    API_OWN(workspace, "workspace", err);
    struct listing listing = {on_remote, ctx};
    return api_check_told(fi_share_name_visit(workspace, list_within, &listing, err), err);
}

int
firn_workspace_push(firn_workspace *workspace, const char *remote, const firn_push_options *options,
                    firn_push_result *out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_push_options given = FIRN_PUSH_OPTIONS_INIT;
    firn_push_result result;
    FI_TRY_RETURN(fi_api_options_begin_result(out, sizeof out->size, err));
    API_OWN(workspace, "workspace", err);
    API_READ_OPTIONS(given, options, err);
    API_REQUIRE(given.reference_count == 0 || given.references != NULL, err,
                "references must not be NULL");
    API_REQUIRE(!given.automatic || given.reference_count == 0, err,
                "an automatic push has no references");
    API_REQUIRE(!given.dry_run || given.automatic, err, "dry_run is for automatic pushes");
    int rc = fi_share_push(workspace, remote, &given, &result, err);
    if (rc == FIRN_OK && out != NULL) {
        fi_api_options_write(out, &result, sizeof result);
    }
    return api_check_told(rc, err);
}

int
firn_workspace_pull(firn_workspace *workspace, const char *remote, const firn_pull_options *options,
                    firn_pull_result *out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_pull_options given = FIRN_PULL_OPTIONS_INIT;
    firn_pull_result result;
    FI_TRY_RETURN(fi_api_options_begin_result(out, sizeof out->size, err));
    API_OWN(workspace, "workspace", err);
    API_READ_OPTIONS(given, options, err);
    int rc = given.reference != NULL ? fi_share_take_whole(workspace, remote, &given, &result, err)
                                     : fi_share_pull(workspace, remote, &given, &result, err);
    if (out != NULL && (rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_LIMIT)) {
        fi_api_options_write(out, &result, sizeof result);
    }
    return api_check_told(rc, err);
}

int
firn_workspace_take(firn_workspace *workspace, const char *remote, const char *reference,
                    const firn_take_options *options, firn_take_result *out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_take_options given = FIRN_TAKE_OPTIONS_INIT;
    firn_take_result result;
    FI_TRY_RETURN(fi_api_options_begin_result(
        out, offsetof(firn_take_result, checkpoint) + sizeof(void *), err));
    API_REQUIRE(reference != NULL, err, "reference must not be NULL");
    API_OWN(workspace, "workspace", err);
    API_READ_OPTIONS(given, options, err);
    API_REQUIRE(given.path_count == 0 || given.paths != NULL, err, "paths must not be NULL");
    int rc = fi_share_take(workspace, remote, reference, &given, &result, err);
    if (rc == FIRN_OK && out != NULL) {
        fi_ws_given_take(workspace, result.checkpoint);
        fi_api_options_write(out, &result, sizeof result);
    }
    fi_ws_given_release(workspace);
    return api_check_told(rc, err);
}

int
firn_remote_prune(firn_workspace *workspace, const char *remote, const firn_prune_options *options,
                  firn_prune_result *out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_prune_options given = FIRN_PRUNE_OPTIONS_INIT;
    firn_prune_result result;
    FI_TRY_RETURN(fi_api_options_begin_result(out, sizeof out->size, err));
    API_OWN(workspace, "workspace", err);
    API_READ_OPTIONS(given, options, err);
    int rc = fi_share_prune(workspace, remote, &given, &result, err);
    if (rc == FIRN_OK && out != NULL) {
        fi_api_options_write(out, &result, sizeof result);
    }
    return api_check_told(rc, err);
}

int
firn_remote_rekey(firn_workspace *workspace, const char *remote,
                  const firn_remote_rekey_options *options, firn_remote_rekey_result *out,
                  firn_error *err)
{
    API_ANY_ERROR(err);
    firn_remote_rekey_options given = FIRN_REMOTE_REKEY_OPTIONS_INIT;
    firn_remote_rekey_result result;
    FI_TRY_RETURN(fi_api_options_begin_result(out, sizeof out->size, err));
    API_OWN(workspace, "workspace", err);
    API_READ_OPTIONS(given, options, err);
    int rc = fi_share_renew(workspace, remote, &given, &result, err);
    if (rc == FIRN_OK && out != NULL) {
        fi_api_options_write(out, &result, sizeof result);
    }
    return api_check_told(rc, err);
}

int
firn_remote_check(firn_workspace *workspace, const char *remote,
                  const firn_remote_check_options *options, firn_remote_check_result *out,
                  firn_error *err)
{
    API_ANY_ERROR(err);
    firn_remote_check_options given = FIRN_REMOTE_CHECK_OPTIONS_INIT;
    firn_remote_check_result result;
    FI_TRY_RETURN(fi_api_options_begin_result(out, sizeof out->size, err));
    API_OWN(workspace, "workspace", err);
    API_READ_OPTIONS(given, options, err);
    API_REQUIRE(!given.drop_broken || given.repair, err, "drop_broken needs repair");
    int rc = fi_share_check(workspace, remote, &given, &result, err);
    if (out != NULL && (rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_NEWER)) {
        fi_api_options_write(out, &result, sizeof result);
    }
    return api_check_told(rc, err);
}

int
firn_remote_check_locked(firn_workspace *workspace, const char *remote,
                         const firn_remote_check_locked_options *options,
                         firn_remote_check_locked_result *out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_remote_check_locked_options given = FIRN_REMOTE_CHECK_LOCKED_OPTIONS_INIT;
    firn_remote_check_locked_result result;
    FI_TRY_RETURN(fi_api_options_begin_result(out, sizeof out->size, err));
    API_OWN(workspace, "workspace", err);
    API_READ_OPTIONS(given, options, err);
    int rc = fi_share_locked(workspace, remote, &given, &result, err);
    if (out != NULL && (rc == FIRN_OK || rc == FIRN_CORRUPT || rc == FIRN_NEWER)) {
        fi_api_options_write(out, &result, sizeof result);
    }
    return api_check_told(rc, err);
}

struct logging {
    int (*on_change)(void *ctx, const firn_remote_change *change);
    void *ctx;
};

static int
log_within(void *ctx, const firn_remote_change *change)
{
    struct logging *logging = ctx;
    unsigned begun = fi_os_callback_begin();
    int rc = logging->on_change(logging->ctx, change);
    fi_os_callback_end(begun);
    return rc;
}

int
firn_remote_log(firn_workspace *workspace, const char *remote, uint64_t limit,
                int (*on_change)(void *ctx, const firn_remote_change *change), void *ctx,
                firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(on_change != NULL, err, "on_change must not be NULL");
    API_OWN(workspace, "workspace", err);
    struct logging logging = {on_change, ctx};
    return api_check_told(fi_share_log(workspace, remote, limit, log_within, &logging, err), err);
}

int
firn_remote_cat(firn_workspace *workspace, const char *remote, const char *reference,
                firn_slice path, firn_write_bytes write, void *ctx, firn_workspace_entry **out,
                firn_error *err)
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
    int rc =
        fi_share_cat(workspace, remote, reference, path, api_check_write, &to, &entry, NULL, err);
    if (rc == FIRN_OK && out != NULL) {
        fi_ws_given_take(workspace, entry);
        *out = entry;
    }
    fi_ws_given_release(workspace);
    return api_check_told(rc, err);
}
