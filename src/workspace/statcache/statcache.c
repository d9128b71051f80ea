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
 * - whoever removes objects removes before them the memos that name them (statcache.c);
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
#include "base/error.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/slice.h"
#include "codec/xxh3.h"
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

/* What a look at an entry shows, in 16 bytes.
 *
 * The print of a file or a link is the XXH3-128 of its name and of all that statx tells and a
 * change of content, attributes, owner or mode cannot leave alone: kind, device, inode, number of
 * links, size, mode, owner, and the times of the last modification and of the last change. The last
 * of these decides: no program can set it, and the kernel moves it with every write, truncation,
 * chmod, chown, link, rename of the inode and setting of an attribute (I1; the kernel's word). So
 * equal prints mean an entry that was left alone, but for five cases:
 *
 * - A change that falls into the same tick of the kernel's clock as the change before it leaves
 *   the time as it is. So a print is only kept of what had been left alone for a tick when it was
 *   read (firn_statcache_print_is_settled); a file system that keeps whole seconds is known by times
 *   that are whole, and given two seconds. A time that lies in the future is never settled: the
 *   clock will come by there once more.
 * - A machine that loses its power may come back with the times of a file and without what was
 *   written then: kernels write attributes and contents to the disk each in their own time, the
 *   latter within half a minute. So after another start of the machine a print counts only of what
 *   had been left alone for two minutes when it was noted (firn_statcache_print_survives).
 * - Stores through a shared writable mapping move the times when a clean page is first touched,
 *   and then not until it has been written back. Such a file may change later under the old
 *   times. Nobody can see that but by reading: `save --full`.
 * - A file system without a time of change of its own (FAT gives the time of modification twice)
 *   shows an edit that keeps size and time no more than the file itself does.
 * - Times on a network file system come from the clock of another machine. If that is behind this
 *   one's, a file may look older than it is, and a second change within one tick be missed; and a
 *   look shows what this machine knows, which may be a minute old.
 *
 * XXH3 does not withstand an adversary who may choose all that is hashed; here the seed is a secret
 * of the store and the time of change is the kernel's.
 *
 * The print of a subdirectory stands for its encoded entry, attributes and object included: it is
 * computed when the subdirectory has been scanned, from what is known then, and needs no trust in
 * times. Seeds keep the two sorts apart. */

enum {
    LOOK_SIZE = 7 * 8 + 3 * 4 + 1,
    NAME_SIZE_MAX = 255, /* of a tree; longer names are left out of it */
    TICK_NS = 10000000,  /* the slowest clock of a kernel ticks a hundred times a second */
    SECOND_NS = 1000000000
};

/* FAT keeps modification times of even seconds. */
static const int64_t WHOLE_SECONDS_NS = INT64_C(2) * SECOND_NS;

/* A kernel writes back what has been dirty for half a minute; twice that and more, for slow
 * disks. */
static const int64_t WRITTEN_BACK_NS = INT64_C(120) * SECOND_NS;

static uint8_t *
put64(uint8_t *at, uint64_t value)
{
    firn_store_le64(at, value);
    return at + sizeof value;
}

static uint8_t *
put32(uint8_t *at, uint32_t value)
{
    firn_store_le32(at, value);
    return at + sizeof value;
}

void
firn_statcache_print_of_look(uint64_t seed, firn_slice name, const struct firn_os_stat *stat,
                             struct firn_statcache_print *out)
{
    uint8_t look[LOOK_SIZE + NAME_SIZE_MAX];
    uint8_t *at = look;
    at = put64(at, stat->device);
    at = put64(at, stat->inode);
    at = put64(at, stat->nlink);
    at = put64(at, stat->size_bytes);
    at = put64(at, (uint64_t)stat->mtime_ns);
    at = put64(at, (uint64_t)stat->ctime_ns);
    at = put64(at, name.size);
    at = put32(at, stat->mode);
    at = put32(at, stat->uid);
    at = put32(at, stat->gid);
    *at++ = (uint8_t)stat->kind;
    DCHECK(at == look + LOOK_SIZE);
    size_t size = name.size < NAME_SIZE_MAX ? name.size : NAME_SIZE_MAX;
    if (size > 0) {
        memcpy(at, name.data, size);
    }
    firn_xxh3_wide(look, LOOK_SIZE + size, seed, out->bytes);
}

void
firn_statcache_print_of_entry(uint64_t seed, firn_slice encoded, struct firn_statcache_print *out)
{
    firn_xxh3_wide(encoded.data, encoded.size, seed + 1, out->bytes);
}

bool
firn_statcache_print_is_zero(const struct firn_statcache_print *print)
{
    return (firn_load_le64(print->bytes) | firn_load_le64(print->bytes + 8)) == 0;
}

bool
firn_statcache_print_survives(const struct firn_os_stat *stat, int64_t noted_ns)
{
    return stat->ctime_ns <= noted_ns - WRITTEN_BACK_NS;
}

bool
firn_statcache_print_is_settled(const struct firn_os_stat *stat, int64_t looked_ns)
{
    int64_t tick = stat->ctime_ns % SECOND_NS == 0 ? WHOLE_SECONDS_NS : TICK_NS;
    return stat->ctime_ns <= looked_ns - tick;
}

/* Taking out of the stat cache what names objects that are about to go.
 *
 * One pass over the keyspace, in the order of keys: a directory's memo comes before its parts, so a
 * part whose directory is not the one met last has none, and goes as well. What goes is deleted in
 * commits of about a megabyte that nobody syncs: the commit that takes the objects away comes after
 * them, and commits survive in their order.
 *
 * A memo that makes no sense is treated as one whose object has gone. */

enum { SWEEP_BATCH_SIZE = 1 << 20 };

struct sweep {
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    struct firn_db_batch *batch;
    int (*is_live)(void *ctx, const firn_hash *tree, bool *out, firn_error *err);
    void *ctx;
    struct firn_statcache_memo memo;
    struct firn_buf kept; /* key of the last directory that stays */
    uint64_t removed;     /* directories */
};

static int
sweep_write_batch(struct sweep *sweep, firn_error *err)
{
    if (firn_db_batch_count(sweep->batch) == 0) {
        return FIRN_OK;
    }
    int rc = firn_db_write(sweep->db, sweep->batch, FIRN_DURABILITY_OS, err);
    firn_db_batch_clear(sweep->batch);
    return rc;
}

static int
remove_key(struct sweep *sweep, firn_slice key, firn_error *err)
{
    int rc = firn_db_batch_delete(sweep->batch, sweep->keyspace, key, err);
    if (rc == FIRN_OK && firn_db_batch_size_bytes(sweep->batch) >= SWEEP_BATCH_SIZE) {
        rc = sweep_write_batch(sweep, err);
    }
    return rc;
}

static int
look_at_memo(struct sweep *sweep, firn_slice value, bool *out_is_live, firn_error *err)
{
    size_t part_count;
    *out_is_live = false;
    firn_statcache_memo_clear(&sweep->memo);
    if (firn_buf_append_slice(&sweep->memo.value, value) != FIRN_OK) {
        return firn_error_no_memory(err, "the stat cache");
    }
    if (firn_statcache_memo_decode(&sweep->memo, &part_count, NULL) != FIRN_OK) {
        return FIRN_OK;
    }
    return sweep->is_live(sweep->ctx, &sweep->memo.tree, out_is_live, err);
}

static int
look_at(struct sweep *sweep, firn_slice key, firn_slice value, firn_error *err)
{
    const uint8_t *nul = NULL;
    if (key.size > WS_STAT_KEY_PREFIX_SIZE) {
        nul = memchr(key.data + WS_STAT_KEY_PREFIX_SIZE, '\0', key.size - WS_STAT_KEY_PREFIX_SIZE);
    }
    if (nul != NULL) {
        firn_slice directory = firn_bytes(key.data, (size_t)(nul - key.data));
        bool is_kept = firn_slice_equal(directory, firn_buf_slice(&sweep->kept));
        return is_kept ? FIRN_OK : remove_key(sweep, key, err);
    }
    bool is_live;
    int rc = look_at_memo(sweep, value, &is_live, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    if (is_live) {
        return firn_buf_assign(&sweep->kept, key) == FIRN_OK
                   ? FIRN_OK
                   : firn_error_no_memory(err, "the stat cache");
    }
    sweep->removed++;
    return remove_key(sweep, key, err);
}

static int
sweep_all(struct sweep *sweep, firn_error *err)
{
    struct firn_db_cursor *cursor = NULL;
    int rc;
    FIRN_TRY(firn_db_batch_create(&sweep->batch, err));
    FIRN_TRY(firn_db_cursor_open(sweep->keyspace, NULL, &cursor, err));
    for (rc = firn_db_cursor_first(cursor, err); rc == FIRN_OK && firn_db_cursor_valid(cursor);
         rc = firn_db_cursor_next(cursor, err)) {
        FIRN_TRY(look_at(sweep, firn_db_cursor_key(cursor), firn_db_cursor_value(cursor), err));
    }
    if (rc == FIRN_OK) {
        rc = sweep_write_batch(sweep, err);
    }
out:
    firn_db_cursor_close(cursor);
    firn_db_batch_destroy(sweep->batch);
    firn_statcache_memo_deinit(&sweep->memo);
    firn_buf_deinit(&sweep->kept);
    return rc;
}

int
firn_statcache_sweep(struct firn_db *db,
                     int (*is_live)(void *ctx, const firn_hash *tree, bool *out, firn_error *err),
                     void *ctx, uint64_t *out_removed, firn_error *err)
{
    struct sweep sweep = {.db = db, .is_live = is_live, .ctx = ctx};
    DCHECK(!firn_db_is_read_only(db));
    *out_removed = 0;
    int rc = firn_db_keyspace_open(db, FIRN_STATCACHE_KEYSPACE, &sweep.keyspace, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = sweep_all(&sweep, err);
    *out_removed = sweep.removed;
    return rc;
}

int
firn_statcache_sweep_workspace(struct firn_db *db, uint32_t workspace, firn_error *err)
{
    struct firn_db_keyspace *keyspace;
    uint8_t lower[WS_STAT_KEY_PREFIX_SIZE];
    uint8_t upper[WS_STAT_KEY_PREFIX_SIZE];
    DCHECK(workspace != 0 && !firn_db_is_read_only(db));
    firn_store_be32(lower, workspace);
    firn_store_be32(upper, workspace + 1);
    int rc = firn_db_keyspace_open(db, FIRN_STATCACHE_KEYSPACE, &keyspace, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    return firn_db_delete_range(keyspace, firn_bytes(lower, sizeof lower),
                                firn_bytes(upper, sizeof upper), FIRN_DURABILITY_OS, err);
}
