/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_bulk.c: many entries as one commit that does not pass through the log.
 *
 * Sorted entries go to runs while they come (compaction/bulk_load.c), others once all of them are there and
 * sorted (compaction/bulk_sort.c); MANIFEST, not the log, has the commit. It is one commit like any other all
 * the same: with a sequence of its own, whole or not there at all, durable when it returns, and no
 * reading that began before sees any of it.
 *
 * The sequence. It stands in every entry, so it is needed when the first one is written, while other
 * commits go on until the last one is and take the sequences behind the newest. So a load takes one
 * far ahead, the next multiple of FIRN_DB_LOAD_STEP, and it is the newest when the load is committed:
 * gaps are allowed. Should others have come that far meanwhile, the load is refused. One load at a
 * time is open, so that no two want the same one.
 *
 * Committing writes what had to be sorted, takes the leader's place, and in it
 *   1. empties the tree's memtables into runs, because what is newer must not lie beneath (bulk_load.c,
 *      I1). Most of that has been done just before, beside other commits,
 *   2. makes the log durable through all that came before, so that a crash leaves a prefix,
 *   3. lets MANIFEST name the files: from here on the commit is there; the log vouches for that
 *      (db_replay.c), as it has nothing else of it,
 *   4. publishes its sequence.
 *
 * A small load that had to be sorted is a batch like any other.
 *
 * (I1) Replays leave this commit alone, as they do not know it, and it does not move up to where the
 *      tree counts as flushed: what the log has of the tree was flushed by step 1 and is left out,
 *      and what comes after has a sequence above this one.
 *
 * Failure: what was written goes when the load is closed, and by the next opening after a crash. If
 * MANIFEST cannot tell whether it has the edit, the handle is latched as after a failed sync.
 */
#include "store/db_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"

/* Of the memory of a store, what sorting takes beside it. */
enum { SORT_SHARE = 4 };

/* What goes through the log, if it had to be sorted: runs of their own are not worth it. At most half
 * of a memtable. */
enum { SMALL_BYTES = 4 << 20, ENTRY_BYTES = 32 };

struct firn_db_bulk {
    struct firn_os_process_mark mark; /* first: see api_process.h */
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    struct firn_bulk_load *inner;
    struct firn_bulk_sort *sort; /* NULL: the entries come sorted */
    struct firn_db_batch *batch; /* of a small load, while it is committed */
    struct firn_storefile_progress progress;
    uint64_t taken_bytes; /* of keys and values, to be sorted */
    uint64_t sequence;
    uint64_t count;
    struct firn_buf last_key;
    struct firn_buf expiring; /* a value with its head */
    bool is_over;             /* committed, or failed: only closing is left */
};

/* ---- opening and closing ---- */

/* Makes this the load that is open. */
static int
take_place(struct firn_db *db, struct firn_db_bulk *bulk, firn_error *err)
{
    firn_os_mutex_lock(&db->state_mutex);
    bool is_free = db->bulk == NULL;
    db->bulk = is_free ? bulk : db->bulk;
    firn_os_mutex_unlock(&db->state_mutex);
    return is_free ? FIRN_OK
                   : firn_error_set(err, FIRN_BUSY, "another load into '%s' is open",
                                    firn_os_dir_path(db->dir));
}

static void
give_place(struct firn_db *db, const struct firn_db_bulk *bulk)
{
    firn_os_mutex_lock(&db->state_mutex);
    db->bulk = db->bulk == bulk ? NULL : db->bulk;
    firn_os_mutex_unlock(&db->state_mutex);
}

static int
open_bulk(struct firn_db_keyspace *keyspace, const struct firn_storefile_progress *sorts,
          struct firn_db_bulk **out, firn_error *err)
{
    struct firn_db *db = keyspace->db;
    int rc;
    *out = NULL;
    if (db->is_read_only) {
        return firn_db_write_refuse_read_only(db, err);
    }
    struct firn_db_bulk *bulk = firn_alloc_zeroed(sizeof *bulk);
    if (bulk == NULL) {
        return firn_error_no_memory(err, "a load");
    }
    firn_os_process_init_mark(&bulk->mark);
    bulk->db = db;
    bulk->keyspace = keyspace;
    FIRN_TRY(take_place(db, bulk, err));
    FIRN_TRY(firn_db_write_refuse_failed(db, err));
    bulk->sequence = (firn_db_published(db) / FIRN_DB_LOAD_STEP + 1) * FIRN_DB_LOAD_STEP;
    if (bulk->sequence < FIRN_DB_LOAD_STEP || bulk->sequence > FIRN_STOREFILE_SEQUENCE_MAX) {
        rc = firn_error_set(err, FIRN_LIMIT, "'%s' has used up its sequence numbers",
                            firn_os_dir_path(db->dir));
        goto out;
    }
    DCHECK(bulk->sequence % FIRN_DB_LOAD_STEP == 0);
    FIRN_TRY(firn_bulk_load_create(keyspace->tree->lsm_tree, &bulk->inner, err));
    if (sorts != NULL) {
        bulk->progress = *sorts;
        FIRN_TRY(firn_bulk_sort_create(firn_db_image(db)->lsm,
                                       (size_t)db->limits.memory / SORT_SHARE, &bulk->sort, err));
    }
    *out = bulk;
    bulk = NULL;
out:
    firn_db_bulk_close(bulk);
    return rc;
}

int
firn_db_bulk_open(struct firn_db_keyspace *keyspace, struct firn_db_bulk **out, firn_error *err)
{
    return open_bulk(keyspace, NULL, out, err);
}

int
firn_db_bulk_open_unsorted(struct firn_db_keyspace *keyspace,
                           const struct firn_storefile_progress *progress,
                           struct firn_db_bulk **out, firn_error *err)
{
    return open_bulk(keyspace, progress, out, err);
}

void
firn_db_bulk_close(struct firn_db_bulk *bulk)
{
    if (bulk != NULL) {
        firn_bulk_sort_destroy(bulk->sort);
        firn_bulk_load_destroy(bulk->inner);
        give_place(bulk->db, bulk);
        firn_buf_deinit(&bulk->last_key);
        firn_buf_deinit(&bulk->expiring);
        firn_free(bulk);
    }
}

/* ---- filling ---- */

static int
refuse_size(const char *what, size_t size, size_t limit, firn_error *err)
{
    return firn_error_set(err, FIRN_LIMIT, "a %s of %zu bytes is too long; at most %zu are allowed",
                          what, size, limit);
}

static int
check_put(const struct firn_db_bulk *bulk, firn_slice key, firn_slice value, firn_error *err)
{
    if (bulk->is_over) {
        return firn_error_set(err, FIRN_MISUSE, "the load is over");
    }
    if (key.size > FIRN_KEY_SIZE_MAX) {
        return refuse_size("key", key.size, FIRN_KEY_SIZE_MAX, err);
    }
    if (value.size > FIRN_VALUE_SIZE_MAX) {
        return refuse_size("value", value.size, FIRN_VALUE_SIZE_MAX, err);
    }
    if (bulk->sort == NULL && bulk->count > 0 &&
        firn_slice_compare(key, firn_buf_slice(&bulk->last_key)) <= 0) {
        return firn_error_set(err, FIRN_INVALID,
                              "the keys of a load do not ascend: number %llu is not above the one "
                              "before",
                              (unsigned long long)bulk->count + 1);
    }
    return FIRN_OK;
}

static int
add_sorted(struct firn_db_bulk *bulk, const struct firn_entry *entry, firn_error *err)
{
    return firn_buf_assign(&bulk->last_key, entry->key) == FIRN_OK
               ? firn_bulk_load_add(bulk->inner, entry, err)
               : firn_error_no_memory(err, "a load");
}

static int
add(struct firn_db_bulk *bulk, enum firn_entry_kind kind, firn_slice key, firn_slice value,
    firn_error *err)
{
    DCHECK(!bulk->is_over && value.size >= firn_entry_head_size(kind));
    const struct firn_entry entry = {
        .key = key, .value = value, .sequence = bulk->sequence, .kind = kind};
    int rc = bulk->sort == NULL ? add_sorted(bulk, &entry, err)
                                : firn_bulk_sort_add(bulk->sort, &entry, err);
    bulk->taken_bytes += key.size + value.size;
    bulk->is_over = rc != FIRN_OK;
    bulk->count += rc == FIRN_OK;
    return rc;
}

int
firn_db_bulk_put(struct firn_db_bulk *bulk, firn_slice key, firn_slice value, firn_error *err)
{
    int rc = check_put(bulk, key, value, err);
    return rc == FIRN_OK ? add(bulk, FIRN_ENTRY_PUT, key, value, err) : rc;
}

int
firn_db_bulk_put_ttl(struct firn_db_bulk *bulk, firn_slice key, firn_slice value, uint64_t ttl_ms,
                     firn_error *err)
{
    int rc = check_put(bulk, key, value, err);
    if (rc == FIRN_OK) {
        rc = firn_db_batch_encode_expiring(bulk->db, value, ttl_ms, &bulk->expiring, err);
    }
    return rc == FIRN_OK ? add(bulk, FIRN_ENTRY_EXPIRING, key, firn_buf_slice(&bulk->expiring), err)
                         : rc;
}

int
firn_db_bulk_put_expiring(struct firn_db_bulk *bulk, firn_slice key, firn_slice stored,
                          firn_error *err)
{
    int rc = check_put(bulk, key, stored, err);
    return rc == FIRN_OK ? add(bulk, FIRN_ENTRY_EXPIRING, key, stored, err) : rc;
}

uint64_t
firn_db_bulk_count(const struct firn_db_bulk *bulk)
{
    return bulk->count;
}

/* ---- committing ---- */

static int
give_entry(void *ctx, const struct firn_entry *sorted, firn_error *err)
{
    struct firn_db_bulk *bulk = ctx;
    struct firn_entry entry = *sorted;
    entry.sequence = bulk->sequence;
    int rc = firn_bulk_load_add(bulk->inner, &entry, err);
    return rc == FIRN_OK ? firn_storefile_progress_step(&bulk->progress, 0,
                                                        entry.key.size + entry.value.size, err)
                         : rc;
}

static bool
is_small(const struct firn_db_bulk *bulk)
{
    uint64_t half = bulk->db->limits.memtable / 2;
    uint64_t bytes = bulk->taken_bytes + bulk->count * ENTRY_BYTES;
    return bulk->sort != NULL && bytes <= (half < SMALL_BYTES ? half : SMALL_BYTES);
}

static int
give_to_batch(void *ctx, const struct firn_entry *entry, firn_error *err)
{
    struct firn_db_batch *batch = ((struct firn_db_bulk *)ctx)->batch;
    struct firn_db_keyspace *keyspace = ((struct firn_db_bulk *)ctx)->keyspace;
    const struct firn_storefile_op op = {keyspace->id, entry->kind, entry->key, entry->value};
    return firn_db_batch_append(batch, keyspace->db, keyspace->tree, &op, err);
}

/* A load is newer than the commits that came while it was open; so is a batch of now. */
static int
commit_as_batch(struct firn_db_bulk *bulk, firn_error *err)
{
    int rc;
    DCHECK(bulk->sort != NULL && bulk->batch == NULL);
    FIRN_TRY(firn_db_batch_create(&bulk->batch, err));
    FIRN_TRY(firn_bulk_sort_finish(bulk->sort, give_to_batch, bulk, err));
    rc = firn_db_write(bulk->db, bulk->batch, FIRN_DURABILITY_FULL, err);
out:
    firn_db_batch_destroy(bulk->batch);
    bulk->batch = NULL;
    return rc;
}

/* What had to be sorted goes to runs. */
static int
write_sorted(struct firn_db_bulk *bulk, firn_error *err)
{
    int rc = firn_storefile_progress_begin(&bulk->progress, "write", 0, bulk->taken_bytes, err);
    return rc == FIRN_OK ? firn_bulk_sort_finish(bulk->sort, give_entry, bulk, err) : rc;
}

/* Writes the tree's memtables to runs, whatever else goes on. */
static int
flush_tree(struct firn_db_bulk *bulk, firn_error *err)
{
    const struct firn_compaction_work_wish wish = {.flushes = true,
                                                   .tree = bulk->keyspace->tree->lsm_tree};
    struct firn_lsm *lsm = firn_db_image(bulk->db)->lsm;
    int rc = FIRN_OK;
    DCHECK(firn_db_is_led(bulk->db));
    while (rc == FIRN_OK && !firn_bulk_load_is_clear(bulk->inner)) {
        struct firn_compaction_work *work;
        rc = firn_compaction_work_pick(lsm, &wish, &work, err);
        if (rc == FIRN_OK && work != NULL) {
            rc = firn_compaction_run(work, err);
        } else if (rc == FIRN_OK) {
            /* Somebody else is at it. If that fails, the next one picked is ours. */
            firn_bulk_load_hold(bulk->inner);
            firn_bulk_load_release(bulk->inner);
        }
    }
    return rc;
}

/* The same beside other commits: some of them may come to be in memory behind it. */
static int
flush_beside(struct firn_db_bulk *bulk, firn_error *err)
{
    struct firn_db *db = bulk->db;
    const struct firn_compaction_work_wish wish = {.flushes = true,
                                                   .tree = bulk->keyspace->tree->lsm_tree};
    firn_db_write_begin_exclusive(db);
    int rc = firn_db_pace_freeze_all(db, err);
    firn_db_write_end_exclusive(db);
    return rc == FIRN_OK ? firn_db_jobs_finish(db, &wish, err) : rc;
}

static int
check_commit(const struct firn_db_bulk *bulk, firn_error *err)
{
    struct firn_db *db = bulk->db;
    DCHECK(firn_db_is_led(db));
    if (bulk->keyspace->tree->is_dropping) {
        return firn_db_get_refuse_dropped(bulk->keyspace, err);
    }
    if (db->commits.last_sequence >= bulk->sequence) {
        return firn_error_set(err, FIRN_CONFLICT, "too many commits came while the load was open");
    }
    return firn_db_write_refuse_failed(db, err);
}

/* Steps 2 to 4, with the leader's place and the works of the tree held back. */
static int
install(struct firn_db_bulk *bulk, firn_error *err)
{
    struct firn_db *db = bulk->db;
    DCHECK(firn_db_is_led(db) && firn_bulk_load_is_clear(bulk->inner)); /* (I1) */
    CHECK(db->commits.last_sequence < bulk->sequence);
    int rc;
    FIRN_TRY(firn_log_sync(db->log, err));
    FIRN_TRY(firn_bulk_load_install(bulk->inner, err));
    FIRN_TRY(firn_db_replay_vouch_write(db, err));
    FIRN_TRY(firn_log_sync(db->log, err));
    DCHECK(firn_log_unsynced_bytes(db->log) == 0);
    db->commits.last_sequence = bulk->sequence;
    /* For transactions that wrote the same keys: see db_txn.c. */
    atomic_store_explicit(&bulk->keyspace->tree->written_at, bulk->sequence, memory_order_relaxed);
    firn_db_count(&db->counters.commits, 1);
    /* Pairs with the acquire load in firn_db_published: who sees it finds the runs. */
    atomic_store_explicit(&db->published, bulk->sequence, memory_order_release);
out:
    if (rc == FIRN_FAILED || firn_log_has_failed(db->log)) {
        firn_db_write_latch(db, err);
    }
    return rc;
}

static int
commit(struct firn_db_bulk *bulk, firn_error *err)
{
    struct firn_db *db = bulk->db;
    int rc;
    FIRN_TRY(bulk->sort == NULL ? FIRN_OK : write_sorted(bulk, err));
    FIRN_TRY(firn_bulk_load_finish(bulk->inner, err));
    FIRN_TRY(flush_beside(bulk, err));
    firn_db_write_begin_exclusive(db);
    rc = check_commit(bulk, err);
    rc = rc == FIRN_OK ? firn_db_pace_freeze_all(db, err) : rc;
    rc = rc == FIRN_OK ? flush_tree(bulk, err) : rc;
    if (rc == FIRN_OK) {
        firn_bulk_load_hold(bulk->inner);
        rc = install(bulk, err);
        firn_bulk_load_release(bulk->inner);
    }
    firn_db_write_end_exclusive(db);
out:
    return rc;
}

int
firn_db_bulk_commit(struct firn_db_bulk *bulk, firn_error *err)
{
    firn_error found;
    if (bulk->is_over) {
        return firn_error_set(err, FIRN_MISUSE, "the load is over");
    }
    bulk->is_over = true;
    if (bulk->count == 0) {
        return FIRN_OK;
    }
    int rc = is_small(bulk) ? commit_as_batch(bulk, &found) : commit(bulk, &found);
    if (rc != FIRN_OK && err != NULL) {
        *err = found;
    }
    DCHECK(bulk->batch == NULL && bulk->is_over);
    firn_db_jobs_wake_compactions(bulk->db);
    return rc;
}
