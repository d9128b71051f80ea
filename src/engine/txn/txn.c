/* SPDX-License-Identifier: Apache-2.0
 *
 * txn/txn.c: transactions: beginning, reading, writing, savepoints, ending.
 *
 * A transaction reads the snapshot of its beginning, with its own writes over it. Its writes stay
 * in memory until it commits. It locks nothing, and nothing waits for it. Whether it may commit is
 * decided at the commit, so after a conflict its work has to be done again.
 *
 * Its parts: the write set, a batch that is committed as it is (txn_writes.c); the read set, if
 * it is serializable and may write (txn_reads.c); its cursors (txn_cursor.c); the check that
 * a commit has to pass (txn_conflict.c); merges with its own writes (txn_merge.c).
 *
 * Memory. The write set uses at most a quarter of the store's budget; a write that would exceed it
 * is refused and leaves the transaction as it was. Overwritten values count until the write set is
 * tidied, which happens when there is no room and an UNTIDY_PART of it is pointless. So each byte
 * that is written is copied only a few times. The read set uses at most a 64th of the budget,
 * within READS_BYTES_MIN and READS_BYTES_MAX; beyond that it loses precision.
 *
 * (I1) While a transaction is open its snapshot is registered: with keeps_tombstones if it may
 *      write. Ending unregisters the snapshot and detaches the cursors. The handle stays until the
 *      caller closes it, and refuses everything else. Closing an ended transaction does not touch
 *      the store, so it may outlive the store.
 * (I2) Savepoints are marks in the batch, the oldest first, with ascending numbers.
 *
 * Locking: a transaction belongs to one thread at a time.
 */
#include "txn/txn.h"

#include <inttypes.h>

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "merge/merge.h"
#include "txn/txn_internal.h"

/* At least one in this many bytes must be pointless before the write set is tidied to make room. */
enum { UNTIDY_PART = 8 };

enum { WRITES_PART = 4, READS_PART = 64, READS_BYTES_MIN = 64 << 10, READS_BYTES_MAX = 16 << 20 };

/* The most memory that a write takes besides its key and value. */
enum { WRITE_FRAME_MAX = 128 };

struct fi_txn_savepoint {
    uint64_t number;
    struct fi_txn_writes_mark mark;
};

/* ---- beginning ---- */

static void
txn_release(struct firn_txn *txn)
{
    fi_txn_writes_deinit(&txn->writes);
    fi_txn_reads_deinit(&txn->reads);
    fi_buf_deinit(&txn->savepoints);
}

/* Called when the store is abandoned. */
static void
txn_destroy(struct fi_db_snapshot_node *node)
{
    struct firn_snapshot *snapshot = (void *)((char *)node - offsetof(struct firn_snapshot, node));
    struct firn_txn *txn = (void *)((char *)snapshot - offsetof(struct firn_txn, snapshot));
    fi_txn_cursor_detach_all(txn);
    txn_release(txn);
    fi_free(txn);
}

static size_t
reads_limit(const struct firn_db *db)
{
    uint64_t limit = db->limits.memory / READS_PART;
    return limit < READS_BYTES_MIN   ? READS_BYTES_MIN
           : limit > READS_BYTES_MAX ? READS_BYTES_MAX
                                     : (size_t)limit;
}

int
fi_txn_begin(struct firn_db *db, const struct fi_txn_options *options, struct firn_txn **out,
             firn_error *err)
{
    struct firn_txn *txn = fi_alloc_zeroed(sizeof *txn);
    DCHECK(options != NULL);
    *out = txn;
    if (txn == NULL) {
        return fi_error_no_memory(err, "a transaction");
    }
    fi_os_process_init_mark(&txn->mark);
    txn->db = db;
    txn->is_read_only = options->is_read_only || db->is_read_only;
    txn->notes_reads = options->is_serializable && !txn->is_read_only;
    txn->reads.limit_bytes = reads_limit(db);
    txn->snapshot.db = db;
    txn->snapshot.node.destroy = txn_destroy;
    txn->snapshot.node.keeps_tombstones = !txn->is_read_only;
    fi_db_snapshot_register(db, &txn->snapshot.node, NULL, false);
    txn->checked = txn->snapshot.node.sequence;
    return FIRN_OK;
}

static void
txn_end(struct firn_txn *txn, enum fi_txn_state state)
{
    DCHECK(txn->state == FI_TXN_OPEN && state != FI_TXN_OPEN); /* (I1) */
    fi_txn_cursor_detach_all(txn);
    fi_db_snapshot_unregister(txn->db, &txn->snapshot.node); /* (I1) */
    fi_db_jobs_wake_collection(txn->db);
    txn_release(txn);
    txn->state = state;
}

static int
refuse_ended(const struct firn_txn *txn, firn_error *err)
{
    DCHECK(txn->state != FI_TXN_OPEN);
    static const char *const texts[] = {"is open", "was committed", "was rolled back",
                                        "ended with a commit that failed"};
    return fi_error_set(err, FIRN_MISUSE, "the transaction has ended: it %s", texts[txn->state]);
}

/* ---- reading ---- */

/* Whether the transaction may use the keyspace. */
static int
check_use(const struct firn_txn *txn, const struct firn_db_keyspace *keyspace, firn_error *err)
{
    if (txn->state != FI_TXN_OPEN) {
        return refuse_ended(txn, err);
    }
    if (keyspace->db != txn->db) {
        return fi_error_set(err, FIRN_INVALID, "the keyspace is one of another store");
    }
    return keyspace->is_system
               ? fi_error_set(err, FIRN_INVALID, "transactions leave keyspaces of firn's own alone")
               : FIRN_OK;
}

static int
get_own(firn_slice value, struct fi_buf *out, firn_error *err)
{
    return fi_buf_assign(out, value) == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "a value");
}

/* Reads the value in the snapshot, and notes the read. */
static int
get_seen(struct firn_txn *txn, struct firn_db_keyspace *keyspace, firn_slice key,
         const struct fi_run_projection *columns, struct fi_buf *out, firn_error *err)
{
    int rc = fi_db_get_columns(keyspace, &txn->snapshot, key, columns, out, err);
    if (txn->notes_reads && (rc == FIRN_OK || rc == FIRN_NOT_FOUND)) {
        fi_txn_reads_add_key(&txn->reads, keyspace, key);
    }
    return rc;
}

int
fi_txn_check_open(const struct firn_txn *txn, firn_error *err)
{
    return txn->state == FI_TXN_OPEN ? FIRN_OK : refuse_ended(txn, err);
}

struct firn_snapshot *
fi_txn_snapshot(struct firn_txn *txn)
{
    DCHECK(txn->state == FI_TXN_OPEN);
    return &txn->snapshot;
}

/* Whether the key is among the first that were noted: keys that are depended on are noted early. */
static bool
is_noted(const struct fi_txn_reads *reads, const struct firn_db_keyspace *keyspace, firn_slice key)
{
    enum { LOOKED_AT = 8 };
    size_t count = fi_txn_reads_count(reads);
    for (size_t i = 0; i < count && i < LOOKED_AT; i++) {
        const struct fi_txn_reads_range *range = fi_txn_reads_at(reads, i);
        if (range->keyspace == keyspace && fi_txn_reads_is_key(range) &&
            fi_slice_equal(range->lower, key)) {
            return true;
        }
    }
    return false;
}

int
fi_txn_depend(struct firn_txn *txn, struct firn_db_keyspace *keyspace, firn_slice key,
              firn_error *err)
{
    int rc = check_use(txn, keyspace, err);
    if (rc == FIRN_OK && !txn->is_read_only && !is_noted(&txn->reads, keyspace, key)) {
        fi_txn_reads_add_key(&txn->reads, keyspace, key);
    }
    return rc;
}

int
fi_txn_depend_on_all(struct firn_txn *txn, struct firn_db_keyspace *keyspace, firn_error *err)
{
    const struct fi_txn_reads_range all = {.keyspace = keyspace, .lower = firn_str("")};
    int rc = check_use(txn, keyspace, err);
    if (rc == FIRN_OK && !txn->is_read_only) {
        fi_txn_reads_add(&txn->reads, &all);
    }
    return rc;
}

bool
fi_txn_has_written(const struct firn_txn *txn, const struct firn_db_keyspace *keyspace)
{
    const struct firn_db_batch *batch = &txn->writes.batch;
    DCHECK(keyspace->db == txn->db);
    if (keyspace->tree == NULL) {
        return false;
    }
    if (fi_txn_writes_seek(&txn->writes, keyspace->tree, firn_str("")) != 0) {
        return true;
    }
    if (txn->writes.range_count == 0) {
        return false;
    }
    for (size_t i = 0; i < fi_db_batch_op_count(batch); i++) {
        if (fi_db_batch_op(batch, i)->tree == keyspace->tree) {
            return true;
        }
    }
    return false;
}

int
fi_txn_read_range(struct firn_txn *txn, struct firn_db_keyspace *keyspace, const firn_slice *lower,
                  const firn_slice *upper, firn_error *err)
{
    const struct fi_txn_reads_range range = {.keyspace = keyspace,
                                             .lower = lower != NULL ? *lower : firn_str(""),
                                             .upper = upper != NULL ? *upper : firn_str(""),
                                             .has_upper = upper != NULL};
    int rc = check_use(txn, keyspace, err);
    if (rc == FIRN_OK && txn->notes_reads &&
        (upper == NULL || fi_slice_compare(range.lower, range.upper) < 0)) {
        fi_txn_reads_add(&txn->reads, &range);
    }
    return rc;
}

/* Applies a merge of the transaction to the value in the snapshot. */
static int
get_merged(struct firn_txn *txn, struct firn_db_keyspace *keyspace, firn_slice key,
           firn_slice merge, struct fi_buf *out, firn_error *err)
{
    struct fi_buf seen = {0};
    int rc = get_seen(txn, keyspace, key, NULL, &seen, err);
    if (rc == FIRN_OK || rc == FIRN_NOT_FOUND) {
        const firn_slice value = fi_buf_slice(&seen);
        rc = fi_txn_merge_into(merge, rc == FIRN_OK ? &value : NULL, out, err);
    }
    fi_buf_deinit(&seen);
    return rc;
}

int
fi_txn_get(struct firn_txn *txn, struct firn_db_keyspace *keyspace, firn_slice key,
           struct fi_buf *out, firn_error *err)
{
    return fi_txn_get_columns(txn, keyspace, key, NULL, out, err);
}

int
fi_txn_get_columns(struct firn_txn *txn, struct firn_db_keyspace *keyspace, firn_slice key,
                   const struct fi_run_projection *columns, struct fi_buf *out, firn_error *err)
{
    firn_slice value;
    FI_TRY_RETURN(check_use(txn, keyspace, err));
    switch (fi_txn_writes_get(&txn->writes, keyspace->tree, key, &value)) {
    case FI_TXN_WRITES_PUT:
        return get_own(value, out, err);
    case FI_TXN_WRITES_DELETED:
        return fi_db_get_refuse_missing(keyspace, err);
    case FI_TXN_WRITES_MERGED:
        return get_merged(txn, keyspace, key, value, out, err);
    case FI_TXN_WRITES_NOTHING:
        break;
    }
    return get_seen(txn, keyspace, key, columns, out, err);
}

int
fi_txn_cursor_open(struct firn_txn *txn, struct firn_db_keyspace *keyspace,
                   const struct fi_db_cursor_options *options, struct firn_db_cursor **out,
                   firn_error *err)
{
    *out = NULL;
    FI_TRY_RETURN(check_use(txn, keyspace, err));
    if (options != NULL && options->snapshot != NULL) {
        return fi_error_set(err, FIRN_INVALID, "a cursor of a transaction cannot be at a snapshot");
    }
    struct fi_db_cursor_options at = options != NULL ? *options : (struct fi_db_cursor_options){0};
    at.snapshot = &txn->snapshot;
    return fi_db_cursor_open_overlaid(keyspace, &at, fi_txn_cursor_create, txn, out, err);
}

/* ---- writing ---- */

static size_t
savepoint_count(const struct firn_txn *txn)
{
    return txn->savepoints.size / sizeof(struct fi_txn_savepoint);
}

static struct fi_txn_savepoint *
savepoint_at(const struct firn_txn *txn, size_t i)
{
    DCHECK(i < savepoint_count(txn));
    return (struct fi_txn_savepoint *)(void *)txn->savepoints.data + i;
}

/* Removes overwritten operations from the write set. */
static int
txn_tidy(struct firn_txn *txn, firn_error *err)
{
    size_t count = savepoint_count(txn);
    struct fi_txn_writes_mark **marks = fi_alloc_array(count, sizeof(struct fi_txn_writes_mark *));
    if (marks == NULL) {
        return fi_error_no_memory(err, "a transaction");
    }
    for (size_t i = 0; i < count; i++) {
        marks[i] = &savepoint_at(txn, i)->mark;
    }
    int rc = fi_txn_writes_tidy(&txn->writes, marks, count, err);
    fi_free(marks);
    return rc;
}

/* Whether tidying is worth a pass over all writes: one in `part` bytes must be pointless. */
static bool
is_untidy(const struct firn_txn *txn, size_t part)
{
    return txn->writes.pointless_bytes > fi_txn_writes_size_bytes(&txn->writes) / part;
}

static uint64_t
used_bytes(const struct firn_txn *txn)
{
    return fi_txn_writes_size_bytes(&txn->writes) + txn->savepoints.size;
}

static uint64_t
limit_bytes(const struct firn_txn *txn)
{
    return txn->db->limits.memory / WRITES_PART;
}

static uint64_t
room_bytes(const struct firn_txn *txn)
{
    uint64_t used = used_bytes(txn);
    return used < limit_bytes(txn) ? limit_bytes(txn) - used : 0;
}

static int
check_room(struct firn_txn *txn, size_t more_bytes, firn_error *err)
{
    uint64_t limit = limit_bytes(txn);
    if (used_bytes(txn) + more_bytes > limit && is_untidy(txn, UNTIDY_PART)) {
        int rc = txn_tidy(txn, err);
        if (rc != FIRN_OK) {
            return rc;
        }
    }
    uint64_t needed = used_bytes(txn) + more_bytes;
    if (needed > limit && needed - txn->writes.batch.gap_bytes <= limit) {
        fi_db_batch_close_gaps(&txn->writes.batch);
    }
    return used_bytes(txn) + more_bytes <= limit
               ? FIRN_OK
               : fi_error_set(err, FIRN_LIMIT,
                              "the writes of a transaction would take more than %" PRIu64
                              " bytes, a quarter of the store's memory",
                              limit);
}

/* A keyspace that the transaction sees was dropped after its beginning: if the transaction were
 * repeated, it would not see the keyspace. */
static int
refuse_dropped(const struct firn_txn *txn, const struct firn_db_keyspace *keyspace, firn_error *err)
{
    DCHECK(!txn->db->is_read_only && keyspace->tree != NULL);
    if (!fi_db_visible_in(keyspace->tree, &txn->snapshot.node.snapshot)) {
        return fi_db_get_refuse_dropped(keyspace, err);
    }
    return fi_error_set(err, FIRN_CONFLICT,
                        "the keyspace '%s', into which the transaction writes, was dropped since "
                        "it began",
                        keyspace->name);
}

static int
check_write(struct firn_txn *txn, const struct firn_db_keyspace *keyspace, size_t content_bytes,
            firn_error *err)
{
    FI_TRY_RETURN(check_use(txn, keyspace, err));
    if (txn->db->is_read_only) {
        return fi_db_lead_refuse_read_only(txn->db, err);
    }
    if (txn->is_read_only) {
        return fi_error_set(err, FIRN_READ_ONLY, "the transaction was begun for reading only");
    }
    if (atomic_load_explicit(&keyspace->tree->is_out, memory_order_acquire)) {
        return refuse_dropped(txn, keyspace, err);
    }
    return check_room(txn, content_bytes + WRITE_FRAME_MAX, err);
}

static int
write_entry(struct firn_txn *txn, struct firn_db_keyspace *keyspace, const struct fi_entry *entry,
            firn_error *err)
{
    int rc = check_write(txn, keyspace, entry->key.size + entry->value.size, err);
    return rc == FIRN_OK ? fi_txn_writes_add(&txn->writes, keyspace, entry, err) : rc;
}

int
fi_txn_put(struct firn_txn *txn, struct firn_db_keyspace *keyspace, firn_slice key,
           firn_slice value, firn_error *err)
{
    const struct fi_entry entry = {.key = key, .value = value, .kind = FI_ENTRY_PUT};
    return write_entry(txn, keyspace, &entry, err);
}

int
fi_txn_delete(struct firn_txn *txn, struct firn_db_keyspace *keyspace, firn_slice key,
              firn_error *err)
{
    const struct fi_entry entry = {.key = key, .kind = FI_ENTRY_DELETE};
    return write_entry(txn, keyspace, &entry, err);
}

int
fi_txn_delete_range(struct firn_txn *txn, struct firn_db_keyspace *keyspace, firn_slice lower,
                    firn_slice upper, firn_error *err)
{
    const struct fi_entry entry = {.key = lower, .value = upper, .kind = FI_ENTRY_RANGE_DELETE};
    return write_entry(txn, keyspace, &entry, err);
}

uint64_t
fi_txn_end_ms(const struct firn_txn *txn, uint64_t ttl_ms)
{
    return fi_db_batch_end_ms(txn->db, ttl_ms);
}

/* `stored` is the value as it is stored, with its expiry. */
static int
put_expiring(struct firn_txn *txn, struct firn_db_keyspace *keyspace, firn_slice key,
             const struct fi_buf *stored, firn_error *err)
{
    const struct fi_entry entry = {
        .key = key, .value = fi_buf_slice(stored), .kind = FI_ENTRY_EXPIRING};
    return write_entry(txn, keyspace, &entry, err);
}

int
fi_txn_put_ttl(struct firn_txn *txn, struct firn_db_keyspace *keyspace, firn_slice key,
               firn_slice value, uint64_t ttl_ms, firn_error *err)
{
    struct fi_buf stored = {0};
    int rc;
    if (ttl_ms == 0) {
        return fi_txn_put(txn, keyspace, key, value, err);
    }
    FI_TRY(check_use(txn, keyspace, err));
    FI_TRY(fi_db_batch_encode_expiring(txn->db, value, ttl_ms, &stored, err));
    FI_TRY(put_expiring(txn, keyspace, key, &stored, err));
out:
    fi_buf_deinit(&stored);
    return rc;
}

int
fi_txn_put_until(struct firn_txn *txn, struct firn_db_keyspace *keyspace, firn_slice key,
                 firn_slice value, uint64_t expires_ms, firn_error *err)
{
    struct fi_buf stored = {0};
    int rc;
    FI_TRY(fi_db_batch_encode_until(value, expires_ms, &stored, err));
    FI_TRY(put_expiring(txn, keyspace, key, &stored, err));
out:
    fi_buf_deinit(&stored);
    return rc;
}

/* How many bytes a merge copies if it cannot be done in place: the size of the value. */
static size_t
copied_bytes(const struct firn_txn *txn, const struct firn_db_keyspace *keyspace, firn_slice key)
{
    firn_slice value;
    switch (fi_txn_writes_get(&txn->writes, keyspace->tree, key, &value)) {
    case FI_TXN_WRITES_PUT:
    case FI_TXN_WRITES_MERGED:
        return value.size;
    default:
        return 0;
    }
}

int
fi_txn_merge(struct firn_txn *txn, struct firn_db_keyspace *keyspace, firn_slice key,
             firn_merge_operator operation, firn_slice operand, firn_error *err)
{
    struct fi_buf merge = {0};
    int rc;
    FI_TRY(check_write(txn, keyspace, key.size + operand.size, err));
    FI_TRY(fi_merge_fold_check(operation, operand, err));
    if (operation == FIRN_MERGE_APPEND) {
        rc = fi_txn_writes_extend(&txn->writes, keyspace->tree, key, operand);
        if (rc != FIRN_NOT_FOUND) {
            rc = rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "a merge");
            goto out;
        }
    }
    FI_TRY(check_room(
        txn, key.size + operand.size + WRITE_FRAME_MAX + copied_bytes(txn, keyspace, key), err));
    if (fi_buf_append_u8(&merge, (uint8_t)operation) != FIRN_OK ||
        fi_buf_append_slice(&merge, operand) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a merge");
        goto out;
    }
    size_t grown = 0;
    FI_TRY(fi_txn_merge_add(&txn->writes, keyspace, key, fi_buf_slice(&merge), &grown, err));
    if (operation == FIRN_MERGE_APPEND && grown > 0) {
        /* Half of the room: if one gap took all of it, each of the last writes would have to close
         * a gap. */
        uint64_t room = room_bytes(txn) / 2;
        fi_db_batch_leave_gap(&txn->writes.batch, grown < room ? grown : (size_t)room);
    }
out:
    fi_buf_deinit(&merge);
    return rc;
}

/* ---- savepoints ---- */

/* (I2) */
static bool
comes_last(const struct firn_txn *txn, const struct fi_txn_savepoint *savepoint)
{
    size_t count = savepoint_count(txn);
    const struct fi_txn_savepoint *last = count > 0 ? savepoint_at(txn, count - 1) : NULL;
    return last == NULL || (last->number < savepoint->number &&
                            last->mark.batch.op_count <= savepoint->mark.batch.op_count);
}

int
fi_txn_savepoint(struct firn_txn *txn, uint64_t *out, firn_error *err)
{
    *out = 0;
    if (txn->state != FI_TXN_OPEN) {
        return refuse_ended(txn, err);
    }
    FI_TRY_RETURN(check_room(txn, sizeof(struct fi_txn_savepoint), err));
    if (fi_buf_reserve(&txn->savepoints, sizeof(struct fi_txn_savepoint)) != FIRN_OK) {
        return fi_error_no_memory(err, "a savepoint");
    }
    /* Only after there is room: tidying the write set moves the marks that are registered. */
    const struct fi_txn_savepoint savepoint = {.number = txn->next_savepoint + 1,
                                               .mark = fi_txn_writes_mark(&txn->writes)};
    DCHECK(comes_last(txn, &savepoint));
    CHECK(fi_buf_append(&txn->savepoints, &savepoint, sizeof savepoint) == FIRN_OK);
    *out = ++txn->next_savepoint;
    return FIRN_OK;
}

/* The position of a savepoint among those that are set. */
static int
find_savepoint(const struct firn_txn *txn, uint64_t number, size_t *out, firn_error *err)
{
    if (txn->state != FI_TXN_OPEN) {
        return refuse_ended(txn, err);
    }
    for (size_t i = savepoint_count(txn); i > 0; i--) {
        if (savepoint_at(txn, i - 1)->number == number) {
            *out = i - 1;
            return FIRN_OK;
        }
    }
    return fi_error_set(err, FIRN_NOT_FOUND,
                        "the transaction has no savepoint %" PRIu64 " (any more)", number);
}

static void
keep_savepoints(struct firn_txn *txn, size_t count)
{
    DCHECK(count <= savepoint_count(txn));
    txn->savepoints.size = count * sizeof(struct fi_txn_savepoint);
}

/* Removes savepoints and keeps their writes. */
static void
release_savepoints(struct firn_txn *txn, size_t kept)
{
    if (kept < savepoint_count(txn)) {
        fi_txn_writes_unmark(&txn->writes, &savepoint_at(txn, kept)->mark,
                             kept > 0 ? &savepoint_at(txn, kept - 1)->mark : NULL);
        keep_savepoints(txn, kept);
    }
}

int
fi_txn_rollback_to(struct firn_txn *txn, uint64_t savepoint, firn_error *err)
{
    size_t at;
    FI_TRY_RETURN(find_savepoint(txn, savepoint, &at, err));
    FI_TRY_RETURN(fi_txn_writes_rewind(&txn->writes, &savepoint_at(txn, at)->mark, err));
    DCHECK(txn->writes.marked == savepoint_at(txn, at)->mark.batch.op_count);
    keep_savepoints(txn, at + 1);
    return FIRN_OK;
}

int
fi_txn_release(struct firn_txn *txn, uint64_t savepoint, firn_error *err)
{
    size_t at;
    int rc = find_savepoint(txn, savepoint, &at, err);
    if (rc == FIRN_OK) {
        release_savepoints(txn, at);
    }
    return rc;
}

/* ---- ends ---- */

static int
txn_commit(struct firn_txn *txn, firn_durability durability, firn_error *err)
{
    DCHECK(txn->cursors == NULL); /* so the reads are complete */
    if (fi_txn_writes_is_empty(&txn->writes)) {
        return FIRN_OK;
    }
    if (txn->reads.is_incomplete) {
        return fi_error_no_memory(err, "what a transaction has read");
    }
    fi_txn_reads_tidy(&txn->reads);
    release_savepoints(txn, 0);
    if (is_untidy(txn, 2)) {
        /* Overwritten values need not go to the log; without memory to tidy, they do. */
        FI_IGNORE(txn_tidy(txn, NULL));
    }
    fi_db_batch_close_gaps(&txn->writes.batch);
    FI_TRY_RETURN(fi_txn_conflict_check(txn, err));
    const struct fi_db_write_check check = {.check = fi_txn_conflict_check_leading, .ctx = txn};
    return fi_db_write_checked(txn->db, &txn->writes.batch, &check, durability, err);
}

int
fi_txn_commit(struct firn_txn *txn, firn_durability durability, firn_error *err)
{
    if (txn->state != FI_TXN_OPEN) {
        return refuse_ended(txn, err);
    }
    fi_txn_cursor_detach_all(txn);
    int rc = txn_commit(txn, durability, err);
    fi_db_count(&txn->db->counters.conflicts, rc == FIRN_CONFLICT);
    txn_end(txn, rc == FIRN_OK ? FI_TXN_COMMITTED : FI_TXN_FAILED);
    return rc;
}

int
fi_txn_rollback(struct firn_txn *txn, firn_error *err)
{
    if (txn->state != FI_TXN_OPEN) {
        return refuse_ended(txn, err);
    }
    txn_end(txn, FI_TXN_ROLLED_BACK);
    return FIRN_OK;
}

void
fi_txn_close(struct firn_txn *txn)
{
    if (txn == NULL) {
        return;
    }
    if (txn->state == FI_TXN_OPEN) {
        txn_end(txn, FI_TXN_ROLLED_BACK);
    }
    DCHECK(txn->cursors == NULL && txn->savepoints.size == 0);
    if (!txn->is_lent) {
        fi_free(txn);
    }
}
