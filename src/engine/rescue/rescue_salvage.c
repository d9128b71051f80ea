/* SPDX-License-Identifier: Apache-2.0
 *
 * rescue/rescue_salvage.c: single entries of a store that cannot be opened.
 *
 * Commits are found in the log wherever there is a whole record (log.h), runs by the names of their
 * files. A version that is found may be old, replaced, or deleted. Sequences show which of two
 * versions is newer, and the caller must recognize what it is looking for. Only MANIFEST, which may
 * be lost, knows to which keyspace a run belongs.
 *
 * A run is walked from its beginning up to the first place that cannot be read, and then backwards
 * from its end down to that place.
 *
 * Memory: one record of the log, and a small cache of blocks.
 */
#include <string.h>

#include "log/log.h"
#include "os/os_names.h"
#include "rescue/rescue_internal.h"
#include "store/db_store_handle.h"

enum { CACHE_BYTES = 4 << 20 };

struct salvaging {
    int (*visit)(void *ctx, const struct fi_rescue_salvage_entry *entry, firn_error *err);
    void *ctx;
    struct fi_run_env env;
};

/* ---- the log ---- */

static int
visit_commit(void *ctx, uint8_t type, firn_slice record, firn_error *err)
{
    struct salvaging *salvaging = ctx;
    struct fi_storefile_commit commit;
    const char *what;
    if (type != FI_LOG_TYPE_USER || fi_storefile_get_header(record, &commit, &what) != FIRN_OK) {
        return FIRN_OK;
    }
    while (commit.count > 0) { /* of those that are left */
        struct fi_storefile_op op;
        if (fi_storefile_get_op(&commit, &op, &what) != FIRN_OK) {
            return FIRN_OK;
        }
        const struct fi_rescue_salvage_entry entry = {.is_of_log = true,
                                                      .keyspace = op.keyspace,
                                                      .sequence = commit.sequence,
                                                      .kind = op.kind,
                                                      .key = op.key,
                                                      .value = op.value};
        int rc = salvaging->visit(salvaging->ctx, &entry, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    return FIRN_OK;
}

/* ---- runs ---- */

static int
rescue_salvage_show(struct salvaging *salvaging, const struct fi_entry *entry, firn_error *err)
{
    DCHECK(entry->kind != FI_ENTRY_RANGE_DELETE);
    const struct fi_rescue_salvage_entry found = {
        .sequence = entry->sequence, .kind = entry->kind, .key = entry->key, .value = entry->value};
    return entry->values != NULL ? FIRN_OK : salvaging->visit(salvaging->ctx, &found, err);
}

/* *out_rc is the error that ended the walk; FIRN_OK at the end of the run. */
static int
rescue_salvage_walk(struct salvaging *salvaging, struct fi_run_cursor *cursor, bool is_forward,
                    int *out_rc, firn_error *err)
{
    const struct fi_run_kind *kind = cursor->kind;
    firn_error found;
    DCHECK(!cursor->is_valid);
    *out_rc = is_forward ? kind->cursor_first(cursor, &found) : kind->cursor_last(cursor, &found);
    while (*out_rc == FIRN_OK && cursor->is_valid) {
        int rc = rescue_salvage_show(salvaging, &cursor->entry, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        *out_rc =
            is_forward ? kind->cursor_next(cursor, &found) : kind->cursor_prev(cursor, &found);
    }
    bool is_whole;
    return fi_rescue_sift(*out_rc, &found, &is_whole, err);
}

static int
salvage_opened(struct salvaging *salvaging, struct fi_run *run, firn_error *err)
{
    const struct fi_run_cursor_options options = {.keeps_references = true};
    struct fi_run_cursor *cursor;
    int ended;
    int rc;
    FI_TRY(run->kind->cursor_create(run, &options, &cursor, err));
    rc = rescue_salvage_walk(salvaging, cursor, true, &ended, err);
    if (rc == FIRN_OK && ended != FIRN_OK) {
        DCHECK(fi_rescue_is_finding(ended));
        rc = rescue_salvage_walk(salvaging, cursor, false, &ended, err);
    }
    run->kind->cursor_destroy(cursor);
out:
    return rc;
}

static int
salvage_run(struct salvaging *salvaging, const struct fi_run_kind *kind, const char *name,
            firn_error *err)
{
    struct fi_run *run;
    firn_error found;
    int rc = kind->open(&salvaging->env, name, &run, &found);
    bool is_open;
    FI_TRY_RETURN(fi_rescue_sift(rc, &found, &is_open, err));
    if (is_open) {
        rc = salvage_opened(salvaging, run, err);
        kind->close(run);
        return rc;
    }
    return FIRN_OK;
}

/* The kind by the ending of a run's name; NULL: no run, or of an unknown kind. */
static const struct fi_run_kind *
kind_of(const char *name)
{
    const char *end = strrchr(name, '.');
    size_t i = 0;
    while (end != NULL && fi_db_image_kinds[i] != NULL &&
           strcmp(end + 1, fi_db_image_kinds[i]->name) != 0) {
        i++;
    }
    return end != NULL ? fi_db_image_kinds[i] : NULL;
}

static bool
is_run(const struct fi_os_dirent *entry)
{
    return kind_of(entry->name) != NULL;
}

static int
salvage_runs(struct salvaging *salvaging, struct fi_os_dir *dir, firn_error *err)
{
    struct fi_block_cache *cache = NULL;
    struct fi_buf names = {0};
    const char *name = NULL;
    struct fi_os_dir *runs;
    int rc = fi_os_dir_open(dir, FI_LSM_RUNS, &runs, err);
    if (rc != FIRN_OK) {
        return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
    FI_TRY(fi_block_cache_create(fi_os_dir_os(dir), CACHE_BYTES, &cache, err));
    salvaging->env = (struct fi_run_env){.dir = runs, .cache = cache};
    FI_TRY(fi_os_names_list(runs, is_run, &names, err));
    while ((name = fi_os_names_next(&names, name)) != NULL) {
        FI_TRY(salvage_run(salvaging, kind_of(name), name, err));
    }
out:
    fi_buf_deinit(&names);
    fi_block_cache_destroy(cache);
    fi_os_dir_close(runs);
    return rc;
}

int
fi_rescue_salvage(struct fi_os_dir *dir,
                  int (*visit)(void *ctx, const struct fi_rescue_salvage_entry *entry,
                               firn_error *err),
                  void *ctx, firn_error *err)
{
    struct salvaging salvaging = {.visit = visit, .ctx = ctx};
    const struct fi_log_options log = fi_db_log_options(true);
    struct fi_os_dir *own;
    FI_TRY_RETURN(fi_os_dir_open_beneath(dir, "", &own, err));
    int rc = fi_log_recover_salvage(own, log.prefix, visit_commit, &salvaging, err);
    rc = rc == FIRN_OK ? salvage_runs(&salvaging, own, err) : rc;
    fi_os_dir_close(own);
    return rc;
}
