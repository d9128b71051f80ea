/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_write.c: committing. Many threads, one log, one sync for all who wait for one.
 *
 * Committers queue up. The one at the head, when nobody leads, becomes the leader and takes a
 * group: as many waiting commits from the head on as fit into GROUP_BYTES_MAX. Alone, and without
 * holding a mutex, it
 *   1. reserves memory for the group's entries in the memtables,
 *   2. gives each commit the next sequence and appends it to the log,
 *   3. syncs the log, if any of the group wants that,
 *   4. applies each commit to the memtables and then publishes its sequence, in order.
 * Then it takes the mutex, hands out the results in order, and wakes the next head.
 *
 * Invariants.
 * (I1) A sequence is published only when everything up to it is applied, and, where its commit
 *      asked for that, synced. Readers see [1, published], so entries that are applied and not
 *      published do not exist for them.
 * (I2) Memory is reserved before the append, so that running out of it refuses a commit without a
 *      trace. A batch that goes mostly into full nodes may still run out when it is applied
 *      (memtable.h); its record is in the log then, and the handle is latched (I3): it must not go
 *      on with a memtable that lacks what the log has. Such a commit fails, and shows at the next
 *      opening.
 * (I3) Latching. A failed append or sync, or (I2), is remembered. Nothing is committed through this
 *      handle any more: what the log holds behind the last success is unknown, and a retry could
 *      acknowledge what never reached the disk. Reads go on. All commits of a group whose append or
 *      sync failed are refused: none was acknowledged, and whether they are there shows at the next
 *      opening, as an unbroken prefix.
 * (I4) Sequences used by failed commits are below everything a later handle gives out only if their
 *      records survive; otherwise they are given out again. Either way no sequence stands for two
 *      commits in one log.
 *
 * Locking: commit_mutex guards the queue, the latch, last_sequence and commit_count; the leader
 * owns the last two while it leads. Waiting: each waiter has a condition of its own, in its own
 * stack frame.
 */
#include "store/db_internal.h"

#include "base/check.h"

enum { GROUP_BYTES_MAX = 1 << 20 };

struct firn_db_write {
    const struct firn_db_batch *batch;
    bool wants_sync;
    struct firn_db_write *next;
    uint64_t sequence;
    bool is_waiting; /* woken is initialised */
    bool is_done;
    int rc;
    firn_error *err; /* the caller's */
    struct firn_os_cond woken;
};

/* Commits that are led together: from first to last along next. */
struct group {
    struct firn_db_write *first;
    struct firn_db_write *last;
    bool wants_sync;
};

static struct firn_db_write *
next_of(const struct group *group, const struct firn_db_write *commit)
{
    return commit == group->last ? NULL : commit->next;
}

static void
enqueue(struct firn_db *db, struct firn_db_write *commit)
{
    if (db->queue_tail == NULL) {
        db->queue_head = commit;
    } else {
        db->queue_tail->next = commit;
    }
    db->queue_tail = commit;
}

static void
take_group(struct firn_db *db, struct group *out)
{
    struct firn_db_write *commit = db->queue_head;
    size_t bytes = 0;
    *out = (struct group){.first = commit};
    do {
        bytes += commit->batch->body.size;
        out->wants_sync |= commit->wants_sync;
        out->last = commit;
        commit = commit->next;
    } while (commit != NULL && bytes + commit->batch->body.size <= GROUP_BYTES_MAX);
    db->queue_head = commit;
    if (commit == NULL) {
        db->queue_tail = NULL;
    }
}

/* ---- what the leader does, without a mutex ---- */

/* Adds up what each keyspace will get; returns the list of those that get anything. */
static struct firn_db_keyspace *
count_pending(const struct group *group)
{
    struct firn_db_keyspace *touched = NULL;
    for (struct firn_db_write *commit = group->first; commit != NULL;
         commit = next_of(group, commit)) {
        size_t count = firn_db_batch_op_count(commit->batch);
        for (size_t i = 0; i < count; i++) {
            const struct firn_db_op *op = firn_db_batch_op(commit->batch, i);
            struct firn_db_keyspace *keyspace = op->keyspace;
            if (keyspace->pending_count == 0) {
                keyspace->next_touched = touched;
                touched = keyspace;
            }
            keyspace->pending_count++;
            keyspace->pending_bytes += (size_t)op->key_size + op->value_size;
        }
    }
    return touched;
}

static int
reserve(const struct group *group, firn_error *err)
{
    int rc = FIRN_OK;
    for (struct firn_db_keyspace *keyspace = count_pending(group); keyspace != NULL;
         keyspace = keyspace->next_touched) {
        if (rc == FIRN_OK) {
            rc = firn_memtable_reserve(keyspace->memtable, keyspace->pending_count,
                                       keyspace->pending_bytes, err);
        }
        keyspace->pending_count = 0;
        keyspace->pending_bytes = 0;
    }
    return rc;
}

static int
append(struct firn_db *db, struct firn_db_write *commit, firn_error *err)
{
    if (commit->sequence > FIRN_DB_FORMAT_SEQUENCE_MAX) {
        return firn_error_set(err, FIRN_LIMIT, "'%s' has used up its sequence numbers",
                              firn_os_dir_path(db->dir));
    }
    uint8_t header[FIRN_DB_FORMAT_HEADER_MAX];
    size_t size =
        firn_db_format_put_header(commit->sequence, firn_db_batch_op_count(commit->batch), header);
    const firn_slice parts[] = {firn_bytes(header, size), firn_buf_slice(&commit->batch->body)};
    return firn_log_append(db->log, FIRN_LOG_TYPE_USER, parts, 2, NULL, err);
}

static void
refuse(struct firn_db_write *commit, int rc, const firn_error *err)
{
    commit->rc = rc;
    commit->sequence = 0;
    if (commit->err != NULL) {
        *commit->err = *err;
    }
}

static void
refuse_from(const struct group *group, struct firn_db_write *commit, int rc, const firn_error *err)
{
    for (; commit != NULL; commit = next_of(group, commit)) {
        refuse(commit, rc, err);
    }
}

/* Whether a failed append left the log as it was. These codes say so, unless they came from the
 * system; then the log has latched itself, and a log that can still be synced has not. */
static bool
is_without_trace(struct firn_db *db, int rc)
{
    return (rc == FIRN_NO_MEMORY || rc == FIRN_LIMIT || rc == FIRN_INVALID) &&
           firn_log_sync(db->log, NULL) == FIRN_OK;
}

/* Steps 2 and 3. A commit that is refused alone has sequence 0; after another failure nothing of
 * the group counts. */
static int
log_group(struct firn_db *db, const struct group *group, firn_error *err)
{
    uint64_t sequence = db->last_sequence;
    for (struct firn_db_write *commit = group->first; commit != NULL;
         commit = next_of(group, commit)) {
        commit->sequence = sequence + 1;
        int rc = append(db, commit, err);
        if (rc == FIRN_OK) {
            sequence++;
        } else if (is_without_trace(db, rc)) {
            refuse(commit, rc, err);
        } else {
            return rc;
        }
    }
    return group->wants_sync ? firn_log_sync(db->log, err) : FIRN_OK;
}

/* Step 4. Returns how many commits are in. */
static uint64_t
apply_group(struct firn_db *db, const struct group *group, int *out_rc, firn_error *err)
{
    uint64_t applied = 0;
    *out_rc = FIRN_OK;
    for (struct firn_db_write *commit = group->first; commit != NULL;
         commit = next_of(group, commit)) {
        const struct firn_db_batch *batch = commit->batch;
        if (commit->sequence == 0) {
            continue;
        }
        int rc = firn_db_replay_apply(firn_db_batch_op(batch, 0), firn_db_batch_op_count(batch),
                                      batch->body.data, commit->sequence, err);
        if (rc != FIRN_OK) {
            refuse_from(group, commit, rc, err);
            *out_rc = rc;
            break;
        }
        commit->rc = FIRN_OK;
        applied++;
        /* Pairs with the acquire load in firn_db_published: who sees it finds the entries. */
        atomic_store_explicit(&db->published, commit->sequence, memory_order_release);
    }
    return applied;
}

/* Steps 1 to 4. Returns how many commits are in; sets *out_latched where the handle must not go
 * on. */
static uint64_t
lead(struct firn_db *db, const struct group *group, bool *out_latched, firn_error *err)
{
    int rc = reserve(group, err);
    if (rc != FIRN_OK) {
        refuse_from(group, group->first, rc, err);
        return 0;
    }
    rc = log_group(db, group, err);
    if (rc != FIRN_OK) {
        *out_latched = true;
        refuse_from(group, group->first, rc, err);
        return 0;
    }
    uint64_t applied = apply_group(db, group, &rc, err);
    *out_latched = rc != FIRN_OK;
    return applied;
}

/* ---- with the mutex ---- */

static void
latch_locked(struct firn_db *db, const firn_error *err)
{
    if (!db->has_failed) {
        db->has_failed = true;
        db->failure = *err;
    }
}

static int
refuse_failed_locked(const struct firn_db *db, firn_error *err)
{
    return firn_error_set(
        err, FIRN_FAILED,
        "'%s' failed earlier and takes no more commits until it is opened again: %s",
        firn_os_dir_path(db->dir), db->failure.text);
}

static void
wake(struct firn_db_write *commit)
{
    if (commit->is_waiting) {
        firn_os_cond_signal(&commit->woken);
    }
}

/* Called and left with the mutex held. */
static void
lead_locked(struct firn_db *db)
{
    struct group group;
    bool is_latched = false;
    uint64_t applied = 0;
    firn_error err;
    take_group(db, &group);
    if (db->has_failed) {
        int rc = refuse_failed_locked(db, &err);
        refuse_from(&group, group.first, rc, &err);
    } else {
        db->is_leading = true;
        firn_os_mutex_unlock(&db->commit_mutex);
        applied = lead(db, &group, &is_latched, &err);
        firn_os_mutex_lock(&db->commit_mutex);
        db->is_leading = false;
    }
    db->last_sequence += applied;
    db->commit_count += applied;
    if (is_latched) {
        latch_locked(db, &err);
    }
    struct firn_db_write *commit = group.first;
    while (commit != NULL) {
        /* A commit that is done may be gone as soon as the mutex is free. */
        struct firn_db_write *next = next_of(&group, commit);
        commit->is_done = true;
        wake(commit);
        commit = next;
    }
    if (db->queue_head != NULL) {
        wake(db->queue_head);
    }
}

int
firn_db_write(struct firn_db *db, const struct firn_db_batch *batch, firn_durability durability,
              firn_error *err)
{
    if (db->is_read_only) {
        return firn_error_set(err, FIRN_READ_ONLY, "'%s' is open for reading only",
                              firn_os_dir_path(db->dir));
    }
    if (firn_db_batch_op_count(batch) == 0) {
        return FIRN_OK;
    }
    if (batch->db != db) {
        return firn_error_set(err, FIRN_INVALID, "the batch was made for another store");
    }
    firn_durability wanted = durability == FIRN_DURABILITY_DEFAULT ? db->durability : durability;
    struct firn_db_write commit = {
        .batch = batch, .wants_sync = wanted == FIRN_DURABILITY_FULL, .err = err};
    firn_os_mutex_lock(&db->commit_mutex);
    enqueue(db, &commit);
    while (!commit.is_done && (db->is_leading || db->queue_head != &commit)) {
        if (!commit.is_waiting) {
            firn_os_cond_init(db->os, &commit.woken);
            commit.is_waiting = true;
        }
        firn_os_cond_wait(&commit.woken, &db->commit_mutex);
    }
    if (!commit.is_done) {
        lead_locked(db);
    }
    firn_os_mutex_unlock(&db->commit_mutex);
    if (commit.is_waiting) {
        firn_os_cond_deinit(&commit.woken);
    }
    return commit.rc;
}

int
firn_db_write_refuse_failed(struct firn_db *db, firn_error *err)
{
    firn_os_mutex_lock(&db->commit_mutex);
    int rc = db->has_failed ? refuse_failed_locked(db, err) : FIRN_OK;
    firn_os_mutex_unlock(&db->commit_mutex);
    return rc;
}

void
firn_db_write_latch(struct firn_db *db, const firn_error *err)
{
    firn_os_mutex_lock(&db->commit_mutex);
    latch_locked(db, err);
    firn_os_mutex_unlock(&db->commit_mutex);
}
