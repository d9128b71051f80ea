/* SPDX-License-Identifier: Apache-2.0
 *
 * statcache/statcache.c: the stat cache of one workspace, for the length of one operation.
 *
 * A scan asks it for each directory (statcache_lane.c), and notes what it found otherwise. Notes stay
 * in memory, 16 bytes for an entry of a directory that changed, until the objects that they name
 * are in the store and its index; then they are written (I1; not checked: power cuts show it). So a
 * memo never names an object that a crash may take back: commits survive in their order, and the
 * memo's comes after the index's. It comes before the checkpoint's own, which syncs it along;
 * without that it is true all the same.
 *
 * A cached hash counts only while its object is there. Three things see to that:
 * - where a pack of the list is absent the cache is not used at all (I2; not checked: the lanes
 *   ask): the save reads everything and stores again what has gone;
 * - whoever removes objects removes before them the memos that name them (statcache_sweep.c);
 * - a memo names a directory whose object, and all below it, was in the store when it was written.
 *
 * What is remembered of a workspace lives in the store's keyspace "firn.stat" under its number. The
 * value of a path is replaced whole; a part, of a directory with many entries, is found by its
 * digest and never replaced. A crash between the commits of one operation can leave a memo whose
 * part is missing, which then counts as none, or a part that no memo names, which goes with its
 * directory.
 *
 * Failure: what cannot be read from the keyspace is not remembered. An old directory object that
 * cannot be read breaks the cache: the scan fails, and whoever ran it reads everything instead.
 *
 * Threads: a lane is one thread's; everything else is for one thread while no lane is in use.
 */
#include "statcache/statcache.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/slice.h"
#include "statcache/statcache_internal.h"

enum {
    BATCH_SIZE = 1 << 20,
    KEY_ROOM = 1 + FIRN_STATCACHE_PRINT_SIZE /* behind the path: NUL and digest */
};

static int
open_keyspace(struct firn_statcache *stat, firn_error *err)
{
    int rc = firn_db_keyspace_open(stat->db, FIRN_STATCACHE_KEYSPACE, &stat->keyspace, err);
    if (rc == FIRN_NOT_FOUND && firn_db_is_read_only(stat->db)) {
        stat->keyspace = NULL;
        return FIRN_OK;
    }
    return rc;
}

int
firn_statcache_open(struct firn_db *db, const struct firn_statcache_options *options,
                    struct firn_statcache **out, firn_error *err)
{
    *out = NULL;
    struct firn_statcache *stat = firn_alloc_zeroed(sizeof *stat);
    if (stat == NULL) {
        return firn_error_no_memory(err, "the stat cache");
    }
    stat->db = db;
    stat->objects = options->objects;
    stat->workspace = options->workspace;
    stat->boot_id = firn_os_boot_id(firn_db_os(db));
    stat->seed = firn_load_le64(firn_db_id(db));
    bool are_present = false;
    int rc = firn_objects_are_present(options->objects, &are_present, err);
    stat->is_blind = options->is_blind || !are_present;
    DCHECK(stat->workspace != 0);
    if (rc == FIRN_OK) {
        rc = open_keyspace(stat, err);
    }
    if (rc != FIRN_OK) {
        firn_statcache_close(stat);
        return rc;
    }
    *out = stat;
    return FIRN_OK;
}

static void
drop_notes(struct firn_statcache *stat)
{
    while (stat->notes != NULL) {
        struct firn_statcache_notes *notes = stat->notes;
        stat->notes = notes->next;
        firn_buf_deinit(&notes->bytes);
        firn_free(notes);
    }
}

void
firn_statcache_close(struct firn_statcache *stat)
{
    if (stat != NULL) {
        drop_notes(stat);
        firn_free(stat);
    }
}

uint64_t
firn_statcache_seed(const struct firn_statcache *stat)
{
    return stat->seed;
}

uint64_t
firn_statcache_boot_id(const struct firn_statcache *stat)
{
    return stat->boot_id;
}

bool
firn_statcache_is_writable(const struct firn_statcache *stat)
{
    return !firn_db_is_read_only(stat->db);
}

bool
firn_statcache_is_broken(const struct firn_statcache *stat)
{
    return atomic_load_explicit(&stat->is_broken, memory_order_relaxed);
}

int
firn_statcache_key(const struct firn_statcache *stat, firn_slice path, struct firn_buf *out,
                   bool *out_fits)
{
    uint8_t workspace[WS_STAT_KEY_PREFIX_SIZE];
    int rc;
    firn_buf_clear(out);
    *out_fits = path.size <= FIRN_KEY_SIZE_MAX - sizeof workspace - KEY_ROOM;
    if (!*out_fits) {
        return FIRN_OK;
    }
    firn_store_be32(workspace, stat->workspace);
    FIRN_TRY(firn_buf_append(out, workspace, sizeof workspace));
    FIRN_TRY(firn_buf_append_slice(out, path));
    DCHECK(out->size + KEY_ROOM <= FIRN_KEY_SIZE_MAX);
out:
    return rc;
}

/* ---- writing ---- */

int
firn_statcache_note_write(struct firn_statcache_notes *notes, enum firn_statcache_note_kind kind,
                          firn_slice key, firn_slice value)
{
    struct firn_buf *bytes = &notes->bytes;
    size_t before = bytes->size;
    int rc;
    DCHECK(key.size <= FIRN_KEY_SIZE_MAX && value.size <= FIRN_VALUE_SIZE_MAX);
    DCHECK(kind != FIRN_STATCACHE_NOTE_DELETE_RANGE || firn_slice_compare(key, value) < 0);
    FIRN_TRY(firn_buf_append_u8(bytes, (uint8_t)kind));
    FIRN_TRY(firn_buf_append_varint(bytes, key.size));
    FIRN_TRY(firn_buf_append_slice(bytes, key));
    FIRN_TRY(firn_buf_append_varint(bytes, value.size));
    FIRN_TRY(firn_buf_append_slice(bytes, value));
out:
    if (rc != FIRN_OK) {
        bytes->size = before;
    }
    return rc;
}

static int
put_in_batch(struct firn_statcache *stat, struct firn_db_batch *batch,
             enum firn_statcache_note_kind kind, firn_slice key, firn_slice value, firn_error *err)
{
    switch (kind) {
    case FIRN_STATCACHE_NOTE_PUT:
        return firn_db_batch_put(batch, stat->keyspace, key, value, err);
    case FIRN_STATCACHE_NOTE_DELETE:
        return firn_db_batch_delete(batch, stat->keyspace, key, err);
    case FIRN_STATCACHE_NOTE_DELETE_RANGE:
        return firn_db_batch_delete_range(batch, stat->keyspace, key, value, err);
    }
    return FIRN_OK;
}

static int
write_batch(struct firn_statcache *stat, struct firn_db_batch *batch, firn_error *err)
{
    int rc = firn_db_write(stat->db, batch, FIRN_DURABILITY_OS, err);
    firn_db_batch_clear(batch);
    return rc;
}

static int
commit_notes(struct firn_statcache *stat, struct firn_db_batch *batch,
             const struct firn_statcache_notes *notes, firn_error *err)
{
    struct firn_reader reader = firn_reader_of(firn_buf_slice(&notes->bytes));
    uint8_t kind;
    int rc = FIRN_OK;
    while (firn_reader_u8(&reader, &kind)) {
        firn_slice key;
        firn_slice value;
        CHECK(firn_reader_sized(&reader, FIRN_KEY_SIZE_MAX, &key) &&
              firn_reader_sized(&reader, FIRN_VALUE_SIZE_MAX, &value));
        if (firn_db_batch_count(batch) > 0 &&
            firn_db_batch_size_bytes(batch) + key.size + value.size > BATCH_SIZE) {
            FIRN_TRY(write_batch(stat, batch, err));
        }
        FIRN_TRY(put_in_batch(stat, batch, kind, key, value, err));
    }
    DCHECK(rc != FIRN_OK || firn_reader_left(&reader) == 0);
out:
    return rc;
}

int
firn_statcache_commit(struct firn_statcache *stat, firn_error *err)
{
    struct firn_db_batch *batch = NULL;
    int rc = FIRN_OK;
    if (stat->notes == NULL) {
        return FIRN_OK;
    }
    DCHECK(!firn_db_is_read_only(stat->db) && stat->keyspace != NULL);
    FIRN_TRY(firn_db_batch_create(&batch, err));
    for (const struct firn_statcache_notes *notes = stat->notes; notes != NULL;
         notes = notes->next) {
        FIRN_TRY(commit_notes(stat, batch, notes, err));
    }
    if (firn_db_batch_count(batch) > 0) {
        FIRN_TRY(write_batch(stat, batch, err));
    }
    drop_notes(stat);
out:
    firn_db_batch_destroy(batch);
    return rc;
}
