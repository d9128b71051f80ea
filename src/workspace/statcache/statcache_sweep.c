/* SPDX-License-Identifier: Apache-2.0
 *
 * statcache/statcache_sweep.c: removes the memos that name objects which are about to be deleted.
 *
 * One pass over the keyspace, in the order of keys. A directory's memo comes before its parts, so a
 * part that does not follow the memo of its directory belongs to none, and is removed as well.
 * Memos are removed in commits of about a megabyte that are not synced: the commit that removes the
 * objects follows them, and commits survive in their order.
 *
 * A memo that cannot be decoded is treated as one whose object is gone.
 */
#include "base/bytes.h"
#include "base/check.h"
#include "base/error.h"
#include "base/slice.h"
#include "statcache/statcache.h"
#include "statcache/statcache_internal.h"

enum { BATCH_SIZE = 1 << 20 };

struct sweep {
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    struct firn_db_batch *batch;
    int (*is_live)(void *ctx, const firn_hash *tree, bool *out, firn_error *err);
    void *ctx;
    struct fi_statcache_memo memo;
    struct fi_buf kept; /* key of the last directory whose memo stays */
    uint64_t removed;   /* directories */
};

static int
write_batch(struct sweep *sweep, firn_error *err)
{
    if (fi_db_batch_count(sweep->batch) == 0) {
        return FIRN_OK;
    }
    int rc = fi_db_write(sweep->db, sweep->batch, FIRN_DURABILITY_OS, err);
    fi_db_batch_clear(sweep->batch);
    return rc;
}

static int
remove_key(struct sweep *sweep, firn_slice key, firn_error *err)
{
    int rc = fi_db_batch_delete(sweep->batch, sweep->keyspace, key, err);
    if (rc == FIRN_OK && fi_db_batch_size_bytes(sweep->batch) >= BATCH_SIZE) {
        rc = write_batch(sweep, err);
    }
    return rc;
}

static int
inspect_memo(struct sweep *sweep, firn_slice value, bool *out_is_live, firn_error *err)
{
    size_t part_count;
    *out_is_live = false;
    fi_statcache_memo_clear(&sweep->memo);
    if (fi_buf_append_slice(&sweep->memo.value, value) != FIRN_OK) {
        return fi_error_no_memory(err, "the stat cache");
    }
    if (fi_statcache_memo_decode(&sweep->memo, &part_count, NULL) != FIRN_OK) {
        return FIRN_OK;
    }
    return sweep->is_live(sweep->ctx, &sweep->memo.tree, out_is_live, err);
}

static int
statcache_sweep_inspect(struct sweep *sweep, firn_slice key, firn_slice value, firn_error *err)
{
    const uint8_t *nul = NULL;
    if (key.size > WS_STAT_KEY_PREFIX_SIZE) {
        nul = memchr(key.data + WS_STAT_KEY_PREFIX_SIZE, '\0', key.size - WS_STAT_KEY_PREFIX_SIZE);
    }
    if (nul != NULL) {
        firn_slice directory = firn_bytes(key.data, (size_t)(nul - key.data));
        bool is_kept = fi_slice_equal(directory, fi_buf_slice(&sweep->kept));
        return is_kept ? FIRN_OK : remove_key(sweep, key, err);
    }
    bool is_live;
    int rc = inspect_memo(sweep, value, &is_live, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (is_live) {
        return fi_buf_assign(&sweep->kept, key) == FIRN_OK
                   ? FIRN_OK
                   : fi_error_no_memory(err, "the stat cache");
    }
    sweep->removed++;
    return remove_key(sweep, key, err);
}

static int
sweep_all(struct sweep *sweep, firn_error *err)
{
    struct firn_db_cursor *cursor = NULL;
    int rc;
    FI_TRY(fi_db_batch_create(&sweep->batch, err));
    FI_TRY(fi_db_cursor_open(sweep->keyspace, NULL, &cursor, err));
    for (rc = fi_db_cursor_first(cursor, err); rc == FIRN_OK && fi_db_cursor_valid(cursor);
         rc = fi_db_cursor_next(cursor, err)) {
        FI_TRY(statcache_sweep_inspect(sweep, fi_db_cursor_key(cursor), fi_db_cursor_value(cursor),
                                       err));
    }
    if (rc == FIRN_OK) {
        rc = write_batch(sweep, err);
    }
out:
    fi_db_cursor_close(cursor);
    fi_db_batch_destroy(sweep->batch);
    fi_statcache_memo_deinit(&sweep->memo);
    fi_buf_deinit(&sweep->kept);
    return rc;
}

int
fi_statcache_sweep(struct firn_db *db,
                   int (*is_live)(void *ctx, const firn_hash *tree, bool *out, firn_error *err),
                   void *ctx, uint64_t *out_removed, firn_error *err)
{
    struct sweep sweep = {.db = db, .is_live = is_live, .ctx = ctx};
    DCHECK(!fi_db_is_read_only(db));
    *out_removed = 0;
    int rc = fi_db_keyspace_open(db, FI_STATCACHE_KEYSPACE, &sweep.keyspace, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = sweep_all(&sweep, err);
    *out_removed = sweep.removed;
    return rc;
}
