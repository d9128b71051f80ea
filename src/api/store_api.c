/* SPDX-License-Identifier: Apache-2.0
 *
 * api/store_api.c: the public functions of the store: arguments are checked here, everything else
 * is in store/. Keys are read and written in key_api.c, batches in bulk_api.c.
 *
 * Keyspaces whose names begin with "firn." or "firn:" are firn's own: they can neither be opened
 * nor listed here. The same holds for tables, which have an interface of their own (table_api.c).
 */
#include "api/api_check.h"
#include "api/api_handle.h"
#include "api/api_options.h"
#include "api/api_store.h"
#include "base/buf.h"
#include "cipher/cipher.h"
#include "copy/copy.h"
#include "firn/store.h"
#include "inspect/inspect.h"
#include "lsm/lsm.h"
#include "os/os.h"
#include "os/os_seal.h"
#include "posix/os_default.h"
#include "rows/rows.h"
#include "store/db.h"
#include "storefile/storefile.h"
#include "threads/os_callback.h"
#include "trust/trust.h"
#include "txn/txn.h"
#include "unlock/unlock.h"

/* ---- stores ---- */

static bool
is_compression(firn_compression compression)
{
    return compression == FIRN_COMPRESSION_DEFAULT || compression == FIRN_COMPRESSION_NONE ||
           compression == FIRN_COMPRESSION_LZ4 || compression == FIRN_COMPRESSION_ZSTD;
}

static bool
is_cipher(firn_cipher cipher)
{
    return cipher == FIRN_CIPHER_NONE || cipher == FIRN_CIPHER_AUTOMATIC ||
           fi_cipher_name(cipher) != NULL;
}

enum { THREADS_MAX = 256 };

/* source: in the caller's memory, for out. */
static int
read_store_options(const firn_store_options *options, struct fi_unlock_source *source,
                   struct fi_db_options *out, firn_error *err)
{
    firn_store_options given = FIRN_STORE_OPTIONS_INIT;
    API_READ_OPTIONS(given, options, err);
    API_REQUIRE(api_store_is_durability(given.durability), err,
                "the durability is not a firn_durability");
    API_REQUIRE(given.lock_timeout_ms >= 0, err, "lock_timeout_ms must not be negative");
    API_REQUIRE(given.memory_bytes == 0 || given.memory_bytes >= FIRN_STORE_MEMORY_MIN, err,
                "memory_bytes must be at least 1048576 (1 MiB)");
    API_REQUIRE(given.threads <= THREADS_MAX, err, "threads must not be more than 256");
    API_REQUIRE(is_compression(given.compression), err,
                "the compression is not a firn_compression");
    API_REQUIRE(is_cipher(given.cipher), err, "the cipher is not a firn_cipher");
    *source = fi_unlock_source_of(given.key_source);
    *out = (struct fi_db_options){
        .create_if_missing = given.create_if_missing,
        .fail_if_exists = given.fail_if_exists,
        .read_only = given.read_only,
        .read_pending = given.read_pending,
        .durability = given.durability,
        .lock_timeout_ms = given.lock_timeout_ms,
        .memory_bytes = given.memory_bytes,
        .threads = given.threads,
        .compression = given.compression,
        .unlock = source,
        .new_cipher = given.cipher == FIRN_CIPHER_AUTOMATIC ? fi_cipher_choose(true) : given.cipher,
        .prepare = api_store_guard};
    return FIRN_OK;
}

int
firn_store_open(const char *path, const firn_store_options *options, firn_store **out,
                firn_error *err)
{
    API_ANY_ERROR(err);
    struct fi_db_options inner;
    struct fi_unlock_source source;
    API_REQUIRE(path != NULL && out != NULL, err, "path and out must not be NULL");
    *out = NULL;
    API_OPENS("store", err);
    API_REQUIRE(path[0] != '\0', err, "the path of a store must not be empty");
    int rc = read_store_options(options, &source, &inner, err);
    rc = rc == FIRN_OK ? fi_db_path_open(fi_os_default(), path, &inner, out, err) : rc;
    if (rc == FIRN_OK && inner.new_cipher != 0 && fi_os_dir_seal(fi_db_dir(*out)) == NULL) {
        /* What the caller writes is not to be in clear. */
        rc = fi_error_set(err, FIRN_EXISTS,
                          "the store in '%s' is there already, and is not encrypted", path);
    } else if (rc == FIRN_OK && !inner.read_only) {
        rc = fi_trust_files_survey(fi_db_dir(*out), true, NULL, NULL, err);
    }
    if (rc != FIRN_OK) {
        fi_db_abandon(*out);
        *out = NULL;
    }
    return fi_api_handle_opened_if(rc, *out, FI_API_HANDLE_STORE, NULL);
}

int
firn_store_open_memory(uint64_t limit_bytes, const firn_store_options *options, firn_store **out,
                       firn_error *err)
{
    API_ANY_ERROR(err);
    struct fi_db_options inner;
    struct fi_unlock_source source;
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = NULL;
    API_OPENS("store", err);
    int rc = read_store_options(options, &source, &inner, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    API_REQUIRE(!inner.read_only && inner.create_if_missing, err,
                "a store in memory is always made, and never read-only");
    API_REQUIRE(inner.new_cipher == 0, err, "a store in memory is not encrypted");
    rc = fi_db_memory_open(limit_bytes, &inner, out, err);
    return fi_api_handle_opened_if(rc, *out, FI_API_HANDLE_STORE, NULL);
}

int
firn_store_close(firn_store *store, firn_error *err)
{
    API_ANY_ERROR(err);
    if (store == NULL) {
        return FIRN_OK;
    }
    if (fi_api_handle_is_inherited(store)) {
        fi_api_handle_closing(store);
        fi_db_leave(store);
        fi_api_handle_closed(store);
        return FIRN_OK;
    }
    API_OPEN(store, STORE, err);
    fi_api_handle_closing(store);
    int rc = fi_db_close(store, err);
    if (rc == FIRN_MISUSE) {
        fi_api_handle_stays(store);
    } else {
        fi_api_handle_closed(store);
    }
    return api_check_told(rc, err);
}

int
firn_store_destroy(const char *path, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(path != NULL && path[0] != '\0', err, "the path of a store must not be empty");
    return api_check_told(fi_db_path_destroy(fi_os_default(), path, err), err);
}

int
firn_store_sync(firn_store *store, firn_error *err)
{
    API_ANY_ERROR(err);
    API_OPEN(store, STORE, err);
    return api_check_told(fi_db_log_sync(store, err), err);
}

/* Reads the options of maintenance. */
static int
read_maintenance_options(const firn_store_maintenance_options *options,
                         struct fi_storefile_progress *out, firn_error *err)
{
    firn_store_maintenance_options given = FIRN_STORE_MAINTENANCE_OPTIONS_INIT;
    int rc = fi_api_options_read(&given, sizeof given, options, err);
    *out = api_store_progress_of(&given.callbacks);
    return rc;
}

int
firn_store_clone(firn_store *store, const char *path, const firn_store_maintenance_options *options,
                 firn_error *err)
{
    API_ANY_ERROR(err);
    struct fi_storefile_progress progress;
    API_REQUIRE(store != NULL && path != NULL, err, "store and path must not be NULL");
    API_REQUIRE(path[0] != '\0', err, "the path of a store must not be empty");
    API_OPEN(store, STORE, err);
    int rc = read_maintenance_options(options, &progress, err);
    rc = rc == FIRN_OK ? fi_copy_clone_path(store, fi_os_default(), path, &progress, err) : rc;
    return api_check_told(rc, err);
}

int
firn_store_refresh(firn_store *store, firn_error *err)
{
    API_ANY_ERROR(err);
    API_OPEN(store, STORE, err);
    return api_check_told(fi_db_refresh(store, err), err);
}

int
firn_store_flush(firn_store *store, firn_error *err)
{
    API_ANY_ERROR(err);
    API_OPEN(store, STORE, err);
    return api_check_told(fi_db_maintain_flush(store, err), err);
}

int
firn_store_compact(firn_store *store, const firn_store_maintenance_options *options,
                   firn_error *err)
{
    API_ANY_ERROR(err);
    struct fi_storefile_progress progress;
    API_OPEN(store, STORE, err);
    int rc = read_maintenance_options(options, &progress, err);
    rc = rc == FIRN_OK ? fi_db_maintain_compact(store, &progress, err) : rc;
    return api_check_told(rc, err);
}

int
firn_keyspace_compact(firn_keyspace *keyspace, firn_slice lower, firn_slice upper,
                      const firn_store_maintenance_options *options, firn_error *err)
{
    API_ANY_ERROR(err);
    struct fi_storefile_progress progress;
    API_REQUIRE(keyspace != NULL && api_check_is_slice(lower) && api_check_is_slice(upper), err,
                "keyspace must not be NULL, and no bound that has a size");
    API_OPEN(keyspace, KEYSPACE, err);
    int rc = read_maintenance_options(options, &progress, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    const struct fi_lsm_range range = {lower.data == NULL ? firn_str("") : lower,
                                       upper.data == NULL ? NULL : &upper};
    rc = fi_db_maintain_compact_range(keyspace, &range, &progress, err);
    return api_check_told(rc, err);
}

int
firn_keyspace_approximate_size(firn_keyspace *keyspace, firn_slice lower, firn_slice upper,
                               firn_keyspace_size *out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_keyspace_size found;
    API_REQUIRE(keyspace != NULL && out != NULL && api_check_is_slice(lower) &&
                    api_check_is_slice(upper),
                err, "keyspace and out must not be NULL, and no bound that has a size");
    API_REQUIRE(fi_api_options_is_size(out->size), err,
                "out->size must be set to sizeof(firn_keyspace_size)");
    API_OPEN(keyspace, KEYSPACE, err);
    int rc =
        fi_inspect_stats_range(keyspace, lower, upper.data == NULL ? NULL : &upper, &found, err);
    if (rc == FIRN_OK) {
        fi_api_options_write(out, &found, sizeof found);
    }
    return api_check_told(rc, err);
}

int
firn_store_stats(firn_store *store, firn_store_statistics *out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_store_statistics found;
    API_REQUIRE(store != NULL && out != NULL, err, "store and out must not be NULL");
    API_REQUIRE(fi_api_options_is_size(out->size), err,
                "out->size must be set to sizeof(firn_store_statistics)");
    API_OPEN(store, STORE, err);
    int rc = fi_inspect_stats(store, &found, err);
    if (rc == FIRN_OK) {
        fi_api_options_write(out, &found, sizeof found);
    }
    return api_check_told(rc, err);
}

int
firn_store_stats_json(firn_store *store, char **out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_store_statistics found;
    struct fi_buf text = {0};
    int rc;
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = NULL;
    API_OPEN(store, STORE, err);
    FI_TRY(fi_inspect_stats(store, &found, err));
    FI_TRY(fi_inspect_stats_json(&found, &text, err));
    rc = fi_buf_append_u8(&text, 0) == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "statistics");
out:
    if (rc != FIRN_OK) {
        fi_buf_deinit(&text);
    }
    *out = (char *)text.data;
    return api_check_told(rc, err);
}

struct checking {
    firn_store *store;
    const firn_callbacks *callbacks;
};

static void
report_damage(void *ctx, const char *text)
{
    const struct checking *checking = ctx;
    char named[FIRN_ERROR_TEXT_SIZE];
    fi_rows_mend_name(checking->store, text, named);
    api_store_report_damage((void *)(uintptr_t)checking->callbacks, named);
}

int
firn_store_check(firn_store *store, const firn_store_check_options *options,
                 firn_store_check_result *out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_store_check_options given = FIRN_STORE_CHECK_OPTIONS_INIT;
    firn_store_check_result found = {.size = sizeof found};
    API_REQUIRE(store != NULL, err, "store must not be NULL");
    API_REQUIRE(out == NULL || fi_api_options_is_size(out->size), err,
                "out.size must be set to sizeof(firn_store_check_result)");
    API_OPEN(store, STORE, err);
    API_READ_OPTIONS(given, options, err);
    struct fi_storefile_progress progress = api_store_progress_of(&given.callbacks);
    struct checking checking = {store, &given.callbacks};
    const struct fi_inspect_check_options inner = {
        .on_damage = given.callbacks.on_notice != NULL ? report_damage : NULL,
        .ctx = &checking,
        .progress = &progress};
    int rc = fi_inspect_check(store, &inner, &found, err);
    if (rc == FIRN_CORRUPT) {
        fi_rows_mend_name(store, err->text, err->text);
    }
    if (out != NULL) {
        fi_api_options_write(out, &found, sizeof found);
    }
    return api_check_told(rc, err);
}

int
firn_store_check_locked(const char *path, const firn_store_check_locked_options *options,
                        firn_store_check_locked_result *out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_store_check_locked_options given = FIRN_STORE_CHECK_LOCKED_OPTIONS_INIT;
    firn_store_check_locked_result found = FIRN_STORE_CHECK_LOCKED_RESULT_INIT;
    API_REQUIRE(path != NULL && path[0] != '\0', err, "the path of a store must not be empty");
    API_REQUIRE(out == NULL || fi_api_options_is_size(out->size), err,
                "out.size must be set to sizeof(firn_store_check_locked_result)");
    API_OPENS("store", err);
    API_READ_OPTIONS(given, options, err);
    struct fi_storefile_progress progress = api_store_progress_of(&given.callbacks);
    const struct fi_inspect_check_options inner = {
        .on_damage = given.callbacks.on_notice != NULL ? api_store_report_damage : NULL,
        .ctx = &given.callbacks,
        .progress = &progress};
    int rc = fi_inspect_locked(fi_os_default(), path, given.skips_contents, &inner, &found, err);
    if (out != NULL) {
        fi_api_options_write(out, &found, sizeof found);
    }
    return api_check_told(rc, err);
}

/* ---- keyspaces ---- */

/* Refuses an opened handle if it is that of a table. */
static int
refuse_table(firn_keyspace **keyspace, firn_error *err)
{
    if (fi_db_keyspace_type(*keyspace) == FI_STOREFILE_KEYSPACE_KEYS) {
        return FIRN_OK;
    }
    int rc = fi_error_set(err, FIRN_INVALID, "'%s' is a table, not a keyspace",
                          fi_db_keyspace_name(*keyspace));
    *keyspace = NULL;
    return rc;
}

int
firn_keyspace_open(firn_store *store, const char *name, const firn_keyspace_options *options,
                   firn_keyspace **out, firn_error *err)
{
    API_ANY_ERROR(err);
    firn_keyspace_options given = FIRN_KEYSPACE_OPTIONS_INIT;
    API_REQUIRE(store != NULL && name != NULL && out != NULL, err,
                "store, name and out must not be NULL");
    *out = NULL;
    API_OPEN(store, STORE, err);
    int rc;
    API_READ_OPTIONS(given, options, err);
    API_REQUIRE(given.create_if_missing || !given.fail_if_exists, err,
                "a keyspace that may neither exist nor be created cannot be opened");
    if (api_store_is_own_name(name)) {
        return api_store_refuse_own_name(err);
    }
    if (given.fail_if_exists) {
        rc = fi_db_keyspace_create(store, name, out, err);
    } else if (given.create_if_missing) {
        rc = fi_db_keyspace_open(store, name, out, err);
    } else {
        rc = fi_db_keyspace_open_existing(store, name, out, err);
    }
    rc = rc == FIRN_OK ? refuse_table(out, err) : rc;
    return fi_api_handle_opened_if(rc, *out, FI_API_HANDLE_KEYSPACE, store);
}

struct dropping {
    firn_store *store;
    const char *name;
};

/* A guard that runs while no other thread can drop the keyspace and give its name to a table. */
static int
check_is_no_table(void *ctx, firn_error *err)
{
    const struct dropping *dropping = ctx;
    firn_keyspace *keyspace;
    int rc = fi_db_keyspace_open_existing(dropping->store, dropping->name, &keyspace, err);
    return rc == FIRN_OK ? refuse_table(&keyspace, err) : rc;
}

int
firn_keyspace_drop(firn_store *store, const char *name, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(store != NULL && name != NULL, err, "store and name must not be NULL");
    API_OPEN(store, STORE, err);
    struct dropping dropping = {store, name};
    const struct fi_db_keyspace_guard guard = {check_is_no_table, &dropping};
    int rc = api_store_is_own_name(name) ? api_store_refuse_own_name(err)
                                         : fi_db_keyspace_drop_if(store, name, &guard, err);
    return api_check_told(rc, err);
}

struct listing {
    int (*visit)(void *ctx, const char *name);
    void *ctx;
};

static int
visit_public(void *ctx, const char *name)
{
    const struct listing *listing = ctx;
    return api_store_is_own_name(name) ? FIRN_OK : listing->visit(listing->ctx, name);
}

int
firn_keyspace_list(firn_store *store, int (*visit)(void *ctx, const char *name), void *ctx,
                   firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(store != NULL && visit != NULL, err, "store and visit must not be NULL");
    API_OPEN(store, STORE, err);
    struct listing listing = {visit, ctx};
    struct firn_snapshot *snapshot;
    api_check_begin_visits(err);
    int rc = fi_db_snapshot_open(store, &snapshot, err);
    if (rc == FIRN_OK) {
        rc = fi_db_keyspace_list_of_in(snapshot, FI_STOREFILE_KEYSPACE_KEYS, visit_public, &listing,
                                       err);
        fi_db_snapshot_close(snapshot);
    }
    return api_check_end_visits(rc, err);
}

/* ---- snapshots ---- */

int
firn_snapshot_open(firn_store *store, const firn_snapshot_options *options, firn_snapshot **out,
                   firn_error *err)
{
    API_ANY_ERROR(err);
    firn_snapshot_options given = FIRN_SNAPSHOT_OPTIONS_INIT;
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = NULL;
    API_OPEN(store, STORE, err);
    API_READ_OPTIONS(given, options, err);
    int rc = given.checkpoint == NULL
                 ? fi_db_snapshot_open(store, out, err)
                 : fi_db_checkpoint_snapshot(store, given.checkpoint, out, err);
    return fi_api_handle_opened_if(rc, *out, FI_API_HANDLE_SNAPSHOT, NULL);
}

void
firn_snapshot_close(firn_snapshot *snapshot)
{
    if (fi_api_handle_check(snapshot, FI_API_HANDLE_SNAPSHOT, NULL) == FIRN_OK) {
        fi_api_handle_closing(snapshot);
        fi_db_snapshot_close(snapshot);
        fi_api_handle_closed(snapshot);
    }
}

int
firn_snapshot_keyspace_list(firn_snapshot *snapshot, int (*visit)(void *ctx, const char *name),
                            void *ctx, firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(snapshot != NULL && visit != NULL, err, "snapshot and visit must not be NULL");
    API_OPEN(snapshot, SNAPSHOT, err);
    struct listing listing = {visit, ctx};
    api_check_begin_visits(err);
    int rc = fi_db_keyspace_list_of_in(snapshot, FI_STOREFILE_KEYSPACE_KEYS, visit_public, &listing,
                                       err);
    return api_check_end_visits(rc, err);
}

int
firn_snapshot_keyspace_open(firn_snapshot *snapshot, const char *name, firn_keyspace **out,
                            firn_error *err)
{
    API_ANY_ERROR(err);
    API_REQUIRE(out != NULL, err, "out must not be NULL");
    *out = NULL;
    API_REQUIRE(snapshot != NULL && name != NULL, err, "snapshot and name must not be NULL");
    API_OPEN(snapshot, SNAPSHOT, err);
    int rc = api_store_is_own_name(name) ? api_store_refuse_own_name(err)
                                         : fi_db_keyspace_open_in(snapshot, name, out, err);
    rc = rc == FIRN_OK ? refuse_table(out, err) : rc;
    return fi_api_handle_opened_if(rc, *out, FI_API_HANDLE_KEYSPACE,
                                   rc == FIRN_OK ? fi_db_keyspace_db(*out) : NULL);
}
