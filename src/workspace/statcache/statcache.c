/* SPDX-License-Identifier: Apache-2.0
 *
 * statcache/statcache.c: the stat cache of one workspace, for one operation.
 *
 * A scan gets the memo of each directory, and notes what it found to differ. Notes stay in memory,
 * 16 bytes for an entry of a changed directory, until the objects that they name are in the store
 * and its index; then they are written (I1; not checked: power cuts show it). Commits survive in
 * their order, and the memo's commit comes after the index's, so a memo never names an object that
 * a crash may undo. The memo's commit comes before the checkpoint's, which also syncs it; the memo
 * is true even if the checkpoint is not made.
 *
 * A cached hash counts only while its object is in the store. Three things ensure this:
 * - if a pack of the list is absent, the cache is not used at all (I2; not checked: the lanes ask).
 *   The save reads everything and stores the missing objects again;
 * - code that deletes objects first deletes the memos that name them (statcache_sweep.c);
 * - when a memo is written, the directory's object, and all objects below it, are in the store.
 *
 * The records of a workspace are in the store's keyspace "firn.stat", under its number. The value
 * of a path is replaced as a whole. A part, of a directory with many entries, is found by its
 * digest and never replaced. A crash between the commits of one operation can leave a memo without
 * one of its parts: it is ignored. Or it can leave a part that no memo names: it is removed with
 * its directory.
 *
 * Failure: a memo that cannot be read is ignored. An old directory object that cannot be read
 * breaks the cache: the scan fails, and its caller reads everything instead.
 *
 * Threads: a lane belongs to one thread; everything else is for one thread while no lane is in use.
 */
#include "statcache/statcache.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/slice.h"
#include "statcache/statcache_internal.h"

enum {
    BATCH_SIZE = 1 << 20,
    PATH_KEY_MAX = 65535,                  /* of a key; no path comes near it */
    KEY_ROOM = 1 + FI_STATCACHE_PRINT_SIZE /* after the path: NUL and digest */
};

int
fi_statcache_open(struct firn_db *db, const struct fi_statcache_options *options,
                  struct fi_statcache **out, firn_error *err)
{
    *out = NULL;
    struct fi_statcache *stat = fi_alloc_zeroed(sizeof *stat);
    if (stat == NULL) {
        return fi_error_no_memory(err, "the stat cache");
    }
    stat->db = db;
    stat->objects = options->objects;
    stat->workspace = options->workspace;
    stat->trees = options->trees;
    stat->boot_id = fi_os_boot_id(fi_db_os(db));
    stat->seed = fi_load_le64(fi_db_id(db));
    bool are_present = false;
    int rc = fi_objects_are_present(options->objects, &are_present, err);
    stat->is_blind = options->is_blind || !are_present;
    DCHECK(stat->workspace != 0);
    if (rc == FIRN_OK) {
        rc = fi_db_keyspace_open_if_any(db, FI_STATCACHE_KEYSPACE, &stat->keyspace, err);
    }
    if (rc != FIRN_OK) {
        fi_statcache_close(stat);
        return rc;
    }
    *out = stat;
    return FIRN_OK;
}

int
fi_statcache_forget(struct firn_db *db, uint32_t workspace, firn_error *err)
{
    struct firn_db_keyspace *keyspace;
    struct firn_db_batch *batch = NULL;
    uint8_t begin[WS_STAT_KEY_PREFIX_SIZE];
    uint8_t end[WS_STAT_KEY_PREFIX_SIZE];
    int rc;
    DCHECK(workspace != 0 && workspace != UINT32_MAX);
    fi_store_be32(begin, workspace);
    fi_store_be32(end, workspace + 1);
    FI_TRY(fi_db_keyspace_open_if_any(db, FI_STATCACHE_KEYSPACE, &keyspace, err));
    if (keyspace == NULL) {
        return FIRN_OK;
    }
    FI_TRY(fi_db_batch_create(&batch, err));
    FI_TRY(fi_db_batch_delete_range(batch, keyspace, firn_bytes(begin, sizeof begin),
                                    firn_bytes(end, sizeof end), err));
    rc = fi_db_write(db, batch, FIRN_DURABILITY_OS, err);
out:
    fi_db_batch_destroy(batch);
    return rc;
}

static void
drop_notes(struct fi_statcache *stat)
{
    while (stat->notes != NULL) {
        struct fi_statcache_notes *notes = stat->notes;
        stat->notes = notes->next;
        fi_buf_deinit(&notes->bytes);
        fi_free(notes);
    }
}

void
fi_statcache_close(struct fi_statcache *stat)
{
    if (stat != NULL) {
        drop_notes(stat);
        fi_free(stat);
    }
}

uint64_t
fi_statcache_seed(const struct fi_statcache *stat)
{
    return stat->seed;
}

uint64_t
fi_statcache_boot_id(const struct fi_statcache *stat)
{
    return stat->boot_id;
}

bool
fi_statcache_is_writable(const struct fi_statcache *stat)
{
    return !fi_db_is_read_only(stat->db);
}

bool
fi_statcache_is_broken(const struct fi_statcache *stat)
{
    return atomic_load_explicit(&stat->is_broken, memory_order_relaxed);
}

int
fi_statcache_key(const struct fi_statcache *stat, firn_slice path, struct fi_buf *out,
                 bool *out_fits)
{
    uint8_t workspace[WS_STAT_KEY_PREFIX_SIZE];
    fi_buf_clear(out);
    *out_fits = path.size <= PATH_KEY_MAX - sizeof workspace - KEY_ROOM;
    if (!*out_fits) {
        return FIRN_OK;
    }
    fi_store_be32(workspace, stat->workspace);
    FI_TRY_RETURN(fi_buf_append(out, workspace, sizeof workspace));
    FI_TRY_RETURN(fi_buf_append_slice(out, path));
    DCHECK(out->size + KEY_ROOM <= PATH_KEY_MAX);
    return FIRN_OK;
}

/* ---- writing ---- */

int
fi_statcache_note(struct fi_statcache_notes *notes, enum fi_statcache_note_kind kind,
                  firn_slice key, firn_slice value)
{
    struct fi_buf *bytes = &notes->bytes;
    size_t before = bytes->size;
    int rc;
    DCHECK(key.size <= PATH_KEY_MAX && value.size <= FIRN_VALUE_SIZE_MAX);
    DCHECK(kind != FI_STATCACHE_NOTE_DELETE_RANGE || fi_slice_compare(key, value) < 0);
    FI_TRY(fi_buf_append_u8(bytes, (uint8_t)kind));
    FI_TRY(fi_buf_append_varint(bytes, key.size));
    FI_TRY(fi_buf_append_slice(bytes, key));
    FI_TRY(fi_buf_append_varint(bytes, value.size));
    FI_TRY(fi_buf_append_slice(bytes, value));
out:
    if (rc != FIRN_OK) {
        bytes->size = before;
    }
    return rc;
}

static int
put_in_batch(struct fi_statcache *stat, struct firn_db_batch *batch,
             enum fi_statcache_note_kind kind, firn_slice key, firn_slice value, firn_error *err)
{
    switch (kind) {
    case FI_STATCACHE_NOTE_PUT:
        return fi_db_batch_put(batch, stat->keyspace, key, value, err);
    case FI_STATCACHE_NOTE_DELETE:
        return fi_db_batch_delete(batch, stat->keyspace, key, err);
    case FI_STATCACHE_NOTE_DELETE_RANGE:
        return fi_db_batch_delete_range(batch, stat->keyspace, key, value, err);
    }
    return FIRN_OK;
}

static int
write_batch(struct fi_statcache *stat, struct firn_db_batch *batch, firn_error *err)
{
    int rc = fi_db_write(stat->db, batch, FIRN_DURABILITY_OS, err);
    fi_db_batch_clear(batch);
    return rc;
}

static int
commit_notes(struct fi_statcache *stat, struct firn_db_batch *batch,
             const struct fi_statcache_notes *notes, firn_error *err)
{
    struct fi_reader reader = fi_reader_of(fi_buf_slice(&notes->bytes));
    uint8_t kind;
    int rc = FIRN_OK;
    while (fi_reader_u8(&reader, &kind)) {
        firn_slice key;
        firn_slice value;
        CHECK(fi_reader_sized(&reader, PATH_KEY_MAX, &key) &&
              fi_reader_sized(&reader, FIRN_VALUE_SIZE_MAX, &value));
        if (fi_db_batch_count(batch) > 0 &&
            fi_db_batch_size_bytes(batch) + key.size + value.size > BATCH_SIZE) {
            FI_TRY(write_batch(stat, batch, err));
        }
        FI_TRY(put_in_batch(stat, batch, kind, key, value, err));
    }
    DCHECK(rc != FIRN_OK || fi_reader_left(&reader) == 0);
out:
    return rc;
}

int
fi_statcache_commit(struct fi_statcache *stat, firn_error *err)
{
    struct firn_db_batch *batch = NULL;
    int rc = FIRN_OK;
    if (stat->notes == NULL) {
        return FIRN_OK;
    }
    DCHECK(!fi_db_is_read_only(stat->db) && stat->keyspace != NULL);
    FI_TRY(fi_db_batch_create(&batch, err));
    for (const struct fi_statcache_notes *notes = stat->notes; notes != NULL; notes = notes->next) {
        FI_TRY(commit_notes(stat, batch, notes, err));
    }
    if (fi_db_batch_count(batch) > 0) {
        FI_TRY(write_batch(stat, batch, err));
    }
    drop_notes(stat);
out:
    fi_db_batch_destroy(batch);
    return rc;
}
