/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/db_write.c: group commit: many threads, one log, and one sync for all commits that wait
 * for one.
 *
 * Committers queue up. If there is no leader, the one at the head of the queue becomes the leader
 * and takes a group: as many waiting commits from the head on as fit into GROUP_BYTES_MAX. Alone,
 * and without holding a mutex, the leader
 *   1. waits until the trees can accept that much (db_throttle.c), or gets an error,
 *   2. reserves memory for the group's entries in the memtables,
 *   3. checks each commit of a transaction for conflicts (fi_db_write_check), gives each commit
 *      the next sequence, appends it to the log and applies it to the trees,
 *   4. syncs the log, if any commit of the group wants that,
 *   5. publishes the sequences of the commits, in order, also to readers in other processes, which
 *      have been held back since step 3 (db_log.c),
 *   6. freezes memtables that have grown too large (db_throttle.c).
 * Then it takes the mutex, hands out the results in order, and wakes the next head. If the group
 * was small and not synced, it leads the next one first, and so on, up to COMMITS_LED_MAX commits:
 * another leader would have to be woken, and would find the log and the memtables in the cache of
 * another processor.
 *
 * Waiting for more commits. Writers that wait for syncs tend to fall into two halves: one half
 * queues up while the other is being synced, and when writers of the first half are released, they
 * just miss the sync of the second. Each sync then serves half of the writers. All of them would
 * fit into one: those just released come back within some microseconds, a small part of the time
 * that a sync takes. So a leader whose predecessor synced first waits for as many commits as there
 * were lately: those of the last group plus those that were waiting when it ended. It waits at most
 * 20 microseconds, and not at all if that was one commit, so a single writer pays nothing. A writer
 * that has stopped costs the others one such wait, since the next expectation is the number that
 * then came. Barriers are not counted, and do not wait. The leader waits by yielding: the writers
 * that it waits for need the processor, and no timer of the system is fine enough. In simulation
 * there are no others to wait for.
 *
 * Some other operations must not run beside a commit: freezing everything for a flush, removing
 * dropped trees, removing old segments of the log. They take the leader's place without a commit
 * (fi_db_lead_begin); heads that would lead let them go first.
 *
 * A barrier (fi_db_write_barrier) is a commit without operations. It waits for its turn as others
 * do, and then changes nothing: it gets no sequence and no record.
 *
 * Invariants.
 * (I1) A sequence is published only when everything up to it is applied, and synced if its commit
 *      asked for that. Readers see [1, published], so for them entries that are applied but not
 *      published do not exist.
 * (I2) Memory is reserved before the append, so that running out of memory refuses a commit without
 *      a trace. A batch that goes mostly into full nodes may still run out when it is applied
 *      (memtable.h). Its record is then in the log, and the handle is latched (I3): it must not
 *      continue with a memtable that lacks what the log has. Such a commit fails, and appears at
 *      the next opening.
 * (I3) Latching. A failed append or sync, or (I2), is remembered. Nothing more is committed through
 *      this handle: the log's contents after the last success are unknown, and a retry could
 *      acknowledge what never reached the disk. Reads continue. All commits of a group whose append
 *      or sync failed are refused: none was acknowledged. The next opening shows which of them
 *      exist, as an unbroken prefix. An append that found no space is not such a failure: the log
 *      has undone it (log.h).
 * (I4) Sequences used by failed commits are below everything that a later handle gives out only if
 *      their records survive; otherwise they are given out again. Either way no sequence stands for
 *      two commits in one log.
 *      Writes that were applied and never published are in active memtables, and those of a latched
 *      handle are never frozen (db_maintain.c).
 * (I5) A commit to a keyspace that an earlier commit has dropped, even one of the same group, is
 *      refused before it is logged: a replay could not apply it.
 *
 * Locking: the mutex of commits guards the queue, the latch, last_sequence and the commits counted
 * by segment; the leader owns the last two while it leads. Each waiter has a condition of its own,
 * in its own stack frame.
 */
#include "commit/db_commit_handle.h"

#include "base/check.h"

/* ---- how many commits share one sync ---- */

enum { WAIT_NS_MAX = 20000 };

/* Called before a group is taken: waits for commits that are likely to come at once. */
static void
gather_wait_locked(struct firn_db *db)
{
    fi_os_mutex_assert_held(&db->commits.mutex);
    DCHECK(db->commits.is_leading);
    struct fi_db_gather *gather = &db->commits.gather;
    if (gather->queued == 0 || gather->expected < 2 || gather->queued >= gather->expected) {
        return;
    }
    int64_t end = fi_os_monotonic_ns(db->os) + WAIT_NS_MAX;
    while (gather->queued < gather->expected && fi_os_monotonic_ns(db->os) < end) {
        fi_os_mutex_unlock(&db->commits.mutex);
        bool has_others = fi_os_yield(db->os);
        fi_os_mutex_lock(&db->commits.mutex);
        if (!has_others) {
            return;
        }
    }
}

/* Called after a group of this many commits. */
static void
gather_note_locked(struct firn_db *db, unsigned commits, bool was_synced)
{
    fi_os_mutex_assert_held(&db->commits.mutex);
    DCHECK(db->commits.is_leading && commits > 0);
    db->commits.gather.expected = was_synced ? commits + db->commits.gather.queued : 0;
}

/* ==== group commit ==== */

enum { GROUP_BYTES_MAX = 1 << 20, COMMITS_LED_MAX = 64, LED_BYTES_MAX = 64 << 10 };

/* Commits that are led together: from first to last, linked by next. */
struct group {
    struct fi_db_write *first;
    struct fi_db_write *last;
    size_t bytes;
    unsigned count; /* without barriers */
    bool wants_sync;
    struct fi_db_tree *touched; /* linked by next_touched */
};

static bool
is_barrier(const struct fi_db_write *commit)
{
    return fi_db_batch_op_count(commit->batch) == 0;
}

static struct fi_db_write *
next_of(const struct group *group, const struct fi_db_write *commit)
{
    return commit == group->last ? NULL : commit->next;
}

static void
enqueue_locked(struct firn_db *db, struct fi_db_write *commit)
{
    fi_os_mutex_assert_held(&db->commits.mutex);
    DCHECK(commit->next == NULL && !commit->is_done && !commit->is_waiting);
    DCHECK((db->commits.head == NULL) == (db->commits.tail == NULL));
    if (db->commits.tail == NULL) {
        db->commits.head = commit;
    } else {
        db->commits.tail->next = commit;
    }
    db->commits.tail = commit;
    db->commits.gather.queued += !is_barrier(commit);
}

static void
take_group_locked(struct firn_db *db, struct group *out)
{
    fi_os_mutex_assert_held(&db->commits.mutex);
    DCHECK(db->commits.is_leading && db->commits.head != NULL);
    struct fi_db_write *commit = db->commits.head;
    *out = (struct group){.first = commit};
    do {
        out->bytes += commit->batch->body.size;
        out->wants_sync |= commit->wants_sync;
        out->last = commit;
        out->count += !is_barrier(commit);
        commit = commit->next;
    } while (commit != NULL && out->bytes + commit->batch->body.size <= GROUP_BYTES_MAX);
    DCHECK(db->commits.gather.queued >= out->count);
    db->commits.gather.queued -= out->count;
    db->commits.head = commit;
    if (commit == NULL) {
        db->commits.tail = NULL;
    }
}

/* ---- what the leader does, without a mutex ---- */

/* Adds an operation to the counts of its tree. */
static void
count_op(const struct fi_db_op *op, struct fi_db_tree **touched)
{
    struct fi_db_tree *tree = op->tree;
    if (tree->pending_count == 0 && tree->pending_range_count == 0) {
        tree->next_touched = *touched;
        *touched = tree;
    }
    size_t bytes = (size_t)op->key_size + op->value_size;
    if (op->kind == FI_ENTRY_RANGE_DELETE) {
        tree->pending_range_count++;
        tree->pending_range_bytes += bytes;
    } else {
        tree->pending_count++;
        tree->pending_bytes += bytes;
    }
}

/* Counts what each tree will get; returns the list of trees that get anything. */
static struct fi_db_tree *
count_pending(const struct group *group)
{
    struct fi_db_tree *touched = NULL;
    for (struct fi_db_write *commit = group->first; commit != NULL;
         commit = next_of(group, commit)) {
        size_t count = fi_db_batch_op_count(commit->batch);
        for (size_t i = 0; i < count; i++) {
            count_op(fi_db_batch_op(commit->batch, i), &touched);
        }
    }
    return touched;
}

static int
reserve_tree(struct fi_db_tree *tree, firn_error *err)
{
    int rc = FIRN_OK;
    if (tree->pending_count > 0) {
        rc = fi_lsm_tree_reserve(tree->lsm_tree, tree->pending_count, tree->pending_bytes, err);
    }
    if (rc == FIRN_OK && tree->pending_range_count > 0) {
        rc = fi_lsm_tree_reserve_ranges(tree->lsm_tree, tree->pending_range_count,
                                        tree->pending_range_bytes, err);
    }
    return rc;
}

/* Only leaders change what the check reads. */
static int
make_room(struct firn_db *db, firn_error *err)
{
    DCHECK(fi_db_is_led(db));
    if (fi_db_segments_has_room(fi_db_image(db))) {
        return FIRN_OK;
    }
    fi_os_mutex_lock(&db->commits.mutex);
    int rc = fi_db_segments_make_room(fi_db_image(db), err);
    fi_os_mutex_unlock(&db->commits.mutex);
    return rc;
}

static int
db_write_reserve(struct firn_db *db, struct group *group, firn_error *err)
{
    int rc = make_room(db, err);
    group->touched = count_pending(group);
    for (struct fi_db_tree *tree = group->touched; tree != NULL; tree = tree->next_touched) {
        /* A tree that has been removed needs nothing: its commits are refused. */
        if (rc == FIRN_OK && !tree->is_removed) {
            rc = reserve_tree(tree, err);
        }
        tree->pending_count = 0;
        tree->pending_bytes = 0;
        tree->pending_range_count = 0;
        tree->pending_range_bytes = 0;
    }
    return rc;
}

static int
db_write_append(struct firn_db *db, struct fi_db_write *commit, firn_error *err)
{
    if (commit->sequence > FI_STOREFILE_SEQUENCE_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "'%s' has used up its sequence numbers",
                            fi_os_dir_path(db->dir));
    }
    CHECK(commit->sequence > fi_db_published(db)); /* (I4) */
    CHECK(commit->batch->gap_bytes == 0);
    uint8_t header[FI_STOREFILE_HEADER_MAX];
    size_t size =
        fi_storefile_put_header(commit->sequence, fi_db_batch_op_count(commit->batch), header);
    const firn_slice parts[] = {firn_bytes(header, size), fi_buf_slice(&commit->batch->body)};
    struct fi_log_position position;
    int rc = fi_log_append(db->log, FI_LOG_TYPE_USER, parts, 2, &position, err);
    if (rc == FIRN_OK) {
        DCHECK(position.segment >= db->lead.log_floor);
        commit->segment = position.segment;
        commit->body_offset = position.offset + FI_LOG_RECORD_HEAD_SIZE + size;
        fi_db_count(&db->counters.log_bytes, size + commit->batch->body.size);
    }
    return rc;
}

/* Whether the commit leaves less free space in the end. firn's own keyspaces are few. */
static bool
needs_space(const struct fi_db_write *commit)
{
    const struct fi_db_write_change *change = &commit->change;
    return commit->batch->has_puts && !commit->batch->frees_space && change->drops == NULL &&
           (change->creates == NULL || !change->creates->is_system);
}

/* On a full disk the reserve is freed for commits that only delete. */
static int
append_if_there_is_space(struct firn_db *db, struct fi_db_write *commit, firn_error *err)
{
    bool has_puts = needs_space(commit);
    int rc;
    FI_TRY(fi_db_full_admit(db, has_puts, commit->is_urgent, commit->batch->body.size, err));
    rc = db_write_append(db, commit, err);
    if (rc == FIRN_NO_SPACE && !fi_log_has_failed(db->log) && fi_db_space_give_up(db) &&
        !has_puts) {
        rc = db_write_append(db, commit, err);
    }
out:
    return rc;
}

/* Checks (I5). A transaction writes only to keyspaces that existed when it wrote, so a missing one
 * was dropped after the transaction began. */
static int
check_trees(const struct fi_db_write *commit, firn_error *err)
{
    size_t count = fi_db_batch_op_count(commit->batch);
    bool is_transaction = commit->check != NULL;
    for (size_t i = 0; i < count; i++) {
        if (fi_db_batch_op(commit->batch, i)->tree->is_dropping) {
            return fi_error_set(err, is_transaction ? FIRN_CONFLICT : FIRN_MISUSE,
                                "a keyspace into which the commit writes was dropped%s",
                                is_transaction ? " since the transaction began" : "");
        }
    }
    return FIRN_OK;
}

static void
db_write_refuse(struct fi_db_write *commit, int rc, const firn_error *err)
{
    DCHECK(rc != FIRN_OK);
    commit->rc = rc;
    commit->sequence = 0;
    if (commit->err != NULL) {
        *commit->err = *err;
    }
}

static void
refuse_from(const struct group *group, struct fi_db_write *commit, int rc, const firn_error *err)
{
    for (; commit != NULL; commit = next_of(group, commit)) {
        db_write_refuse(commit, rc, err);
    }
}

static struct fi_db_apply
what_to_apply(const struct fi_db_write *commit)
{
    const struct firn_db_batch *batch = commit->batch;
    return (struct fi_db_apply){.ops = fi_db_batch_op(batch, 0),
                                .count = fi_db_batch_op_count(batch),
                                .body = batch->body.data,
                                .ranges = &batch->ranges,
                                .sequence = commit->sequence,
                                .segment = commit->segment,
                                .body_offset = commit->body_offset};
}

/* Whether the commit is allowed. Requires: earlier commits of its group have been applied. */
static int
db_write_check(struct firn_db *db, const struct fi_db_write *commit, firn_error *err)
{
    int rc = check_trees(commit, err);
    if (rc == FIRN_OK && commit->check != NULL) {
        rc = commit->check->check(commit->check->ctx, db, err);
    }
    return rc;
}

/* Step 3. If a commit alone is refused, its sequence is 0; after another failure nothing of the
 * group counts. */
static int
take_in(struct firn_db *db, const struct group *group, firn_error *err)
{
    uint64_t sequence = db->commits.last_sequence;
    DCHECK(db->commits.is_leading && fi_db_segments_has_room(fi_db_image(db))); /* (I2) */
    int vouch_rc = fi_db_lead_attest(db, err);
    if (vouch_rc != FIRN_OK && fi_log_has_failed(db->log)) {
        return vouch_rc;
    }
    for (struct fi_db_write *commit = group->first; commit != NULL;
         commit = next_of(group, commit)) {
        if (is_barrier(commit)) {
            continue;
        }
        commit->sequence = sequence + 1;
        int rc = db_write_check(db, commit, err);
        if (rc == FIRN_OK) {
            const struct fi_db_apply what = what_to_apply(commit);
            fi_db_apply_prepare(&what);
            rc = append_if_there_is_space(db, commit, err);
        }
        if (rc != FIRN_OK && fi_log_has_failed(db->log)) {
            return rc;
        }
        if (rc != FIRN_OK) {
            db_write_refuse(commit, rc, err);
            continue;
        }
        sequence++;
        if (commit->change.drops != NULL) {
            DCHECK(!commit->change.drops->is_dropping); /* (I5) */
            commit->change.drops->is_dropping = true;
        }
        const struct fi_db_apply what = what_to_apply(commit);
        rc = fi_db_apply(&what, err);
        if (rc != FIRN_OK) {
            return rc; /* (I2) */
        }
    }
    return FIRN_OK;
}

static void
db_write_publish(struct firn_db *db, struct fi_db_write *commit)
{
    const struct fi_db_write_change *change = &commit->change;
    DCHECK(commit->sequence > fi_db_published(db)); /* (I1) */
    if (change->creates != NULL) {
        change->creates->created_at = commit->sequence;
    }
    if (change->drops != NULL) {
        /* Reads at this commit or later do not find the keyspace. */
        fi_db_apply_end(change->drops, change->end, commit->sequence);
        atomic_store_explicit(&change->drops->is_out, true, memory_order_release);
        db->lead.out_count++;
    }
    commit->rc = FIRN_OK;
    fi_db_count(&db->counters.commits, 1);
    fi_db_count(&db->counters.commit_bytes, commit->batch->body.size);
    /* Pairs with the acquire load in fi_db_published: a reader that sees it finds the entries. */
    atomic_store_explicit(&db->published, commit->sequence, memory_order_release);
}

/* Step 5. Returns the newest sequence that was committed. */
static uint64_t
publish_group(struct firn_db *db, const struct group *group)
{
    uint64_t last = db->commits.last_sequence;
    DCHECK(!group->wants_sync || fi_log_unsynced_bytes(db->log) == 0); /* (I1) */
    for (struct fi_db_write *commit = group->first; commit != NULL;
         commit = next_of(group, commit)) {
        if (commit->sequence != 0) {
            db_write_publish(db, commit);
            last = commit->sequence;
        }
    }
    return last;
}

/* Steps 1 to 6. Returns the newest sequence that was committed; sets *out_latched if the handle
 * must be latched. */
static uint64_t
lead(struct firn_db *db, struct group *group, bool *out_latched, firn_error *err)
{
    int rc = fi_db_throttle_admit(db, group->bytes, err);
    if (rc == FIRN_OK) {
        rc = db_write_reserve(db, group, err);
    }
    if (rc != FIRN_OK) {
        *out_latched = rc == FIRN_FAILED;
        refuse_from(group, group->first, rc, err);
        return db->commits.last_sequence;
    }
    if (group->wants_sync) {
        fi_db_log_fence_raise(db);
    }
    rc = take_in(db, group, err);
    if (rc == FIRN_OK && group->wants_sync) {
        rc = fi_log_sync(db->log, err);
    }
    if (rc != FIRN_OK) {
        *out_latched = true;
        refuse_from(group, group->first, rc, err);
        return db->commits.last_sequence;
    }
    uint64_t last = publish_group(db, group);
    fi_db_log_fence_lower(db, group->wants_sync);
    fi_db_throttle_follow_up(db, group->touched);
    return last;
}

/* ---- with the mutex ---- */

/* Counts the successful commits by their segments of the log. */
static void
note_segments_locked(struct firn_db *db, const struct group *group)
{
    fi_os_mutex_assert_held(&db->commits.mutex);
    for (const struct fi_db_write *commit = group->first; commit != NULL;
         commit = next_of(group, commit)) {
        if (commit->sequence != 0) {
            DCHECK(commit->rc == FIRN_OK);
            fi_db_segments_note_commit(fi_db_image(db), commit->segment);
        }
    }
}

/* The mutex is held at the call and at the return. Returns how many commits the group had, barriers
 * included; COMMITS_LED_MAX if another thread should lead the next one. */
static unsigned
lead_group_locked(struct firn_db *db)
{
    fi_os_mutex_assert_held(&db->commits.mutex);
    DCHECK(db->commits.is_leading);
    struct group group;
    unsigned led = 0;
    bool is_latched = false;
    firn_error err;
    gather_wait_locked(db);
    take_group_locked(db, &group);
    if (db->commits.has_failed) {
        int rc = fi_db_lead_refuse_failed_locked(db, &err);
        refuse_from(&group, group.first, rc, &err);
    } else if (group.bytes > 0) { /* otherwise there are only barriers */
        fi_os_mutex_unlock(&db->commits.mutex);
        uint64_t last = lead(db, &group, &is_latched, &err);
        fi_os_mutex_lock(&db->commits.mutex);
        CHECK(last >= db->commits.last_sequence);
        DCHECK(!is_latched ||
               last == db->commits.last_sequence); /* (I3): nothing was acknowledged */
        db->commits.last_sequence = last;
        note_segments_locked(db, &group);
    }
    if (is_latched) {
        fi_db_lead_latch_locked(db, &err);
    }
    DCHECK((group.count > 0) == (group.bytes > 0));
    if (group.count > 0) {
        gather_note_locked(db, group.count, group.wants_sync);
    }
    struct fi_db_write *commit = group.first;
    while (commit != NULL) {
        /* A commit that is done may be freed as soon as the mutex is free. */
        struct fi_db_write *next = next_of(&group, commit);
        commit->is_done = true;
        fi_db_lead_wake(commit);
        commit = next;
        led++;
    }
    return group.wants_sync || group.bytes > LED_BYTES_MAX ? COMMITS_LED_MAX : led;
}

/* Leads the group of the thread's own commit, and then of others that wait. */
static void
lead_locked(struct firn_db *db)
{
    fi_os_mutex_assert_held(&db->commits.mutex);
    DCHECK(!db->commits.is_leading && db->commits.exclusive_waiting == 0);
    unsigned led = 0;
    db->commits.is_leading = true;
    do {
        led += lead_group_locked(db);
    } while (led < COMMITS_LED_MAX && db->commits.head != NULL &&
             db->commits.exclusive_waiting == 0 && !db->commits.head->wants_sync);
    fi_db_lead_end_locked(db);
}

static bool
may_lead_locked(const struct firn_db *db, const struct fi_db_write *commit)
{
    fi_os_mutex_assert_held(&db->commits.mutex);
    return !db->commits.is_leading && db->commits.exclusive_waiting == 0 &&
           db->commits.head == commit;
}

/* Queues the commit and waits until it is done, leading if it comes first. */
static void
commit_once(struct firn_db *db, struct fi_db_write *commit)
{
    fi_os_mutex_lock(&db->commits.mutex);
    enqueue_locked(db, commit);
    while (!commit->is_done && !may_lead_locked(db, commit)) {
        if (!commit->is_waiting) {
            fi_os_cond_init(db->os, &commit->woken);
            commit->is_waiting = true;
        }
        fi_os_cond_wait(&commit->woken, &db->commits.mutex);
    }
    if (!commit->is_done) {
        lead_locked(db);
        DCHECK(commit->is_done);
    }
    fi_os_mutex_unlock(&db->commits.mutex);
    if (commit->is_waiting) {
        fi_os_cond_deinit(&commit->woken);
    }
}

/* A background merge that fails frees what it wrote, and one that succeeds frees what it read.
 * Other threads whose commits are refused keep the background busy, so the number of waits is
 * bounded. */
static void
let_background_end(struct firn_db *db)
{
    enum { WAITS_MAX = 1000 };
    for (int i = 0; i < WAITS_MAX && fi_db_jobs_wait(db); i++) {
    }
}

/* On a full disk, deletes wait until the space of earlier deletes has been freed. If there is
 * nothing to free, they use what is left: it may be enough, and they are what frees more. */
static void
commit_one(struct firn_db *db, struct fi_db_write *commit)
{
    enum { TRIES = 3 };
    commit_once(db, commit);
    for (int i = 0; i < TRIES && commit->rc == FIRN_NO_SPACE && !needs_space(commit); i++) {
        if (i > 0) {
            let_background_end(db);
        }
        fi_db_full_drain(db, i > 0);
        commit->is_urgent = true;
        commit->is_waiting = false;
        commit->is_done = false;
        commit->next = NULL;
        commit->rc = FIRN_OK;
        commit_once(db, commit);
    }
}

static int
write_batch(struct firn_db *db, const struct firn_db_batch *batch, firn_durability durability,
            firn_error *err)
{
    firn_durability wanted = durability == FIRN_DURABILITY_DEFAULT ? db->durability : durability;
    struct fi_db_write commit = {
        .batch = batch, .wants_sync = wanted == FIRN_DURABILITY_FULL, .err = err};
    commit_one(db, &commit);
    return commit.rc;
}

/* Writes a copy of a batch that has gaps. */
static int
write_copy(struct firn_db *db, const struct firn_db_batch *batch, firn_durability durability,
           firn_error *err)
{
    struct firn_db_batch closed_up = {0};
    int rc;
    FI_TRY(fi_db_batch_copy_to_commit(&closed_up, batch, err));
    FI_TRY(write_batch(db, &closed_up, durability, err));
out:
    fi_db_batch_deinit(&closed_up);
    return rc;
}

int
fi_db_write(struct firn_db *db, const struct firn_db_batch *batch, firn_durability durability,
            firn_error *err)
{
    if (db->is_read_only) {
        return fi_db_lead_refuse_read_only(db, err);
    }
    if (fi_db_batch_op_count(batch) == 0) {
        return FIRN_OK;
    }
    if (!fi_db_batch_is_of(batch, db)) {
        return fi_error_set(err, FIRN_INVALID, "the batch was made for another store");
    }
    return batch->gap_bytes > 0 ? write_copy(db, batch, durability, err)
                                : write_batch(db, batch, durability, err);
}

void
fi_db_write_barrier(struct firn_db *db)
{
    static const struct firn_db_batch nothing;
    struct fi_db_write commit = {.batch = &nothing};
    DCHECK(!db->is_read_only && is_barrier(&commit));
    commit_once(db, &commit);
}

int
fi_db_write_checked(struct firn_db *db, const struct firn_db_batch *batch,
                    const struct fi_db_write_check *check, firn_durability durability,
                    firn_error *err)
{
    firn_durability wanted = durability == FIRN_DURABILITY_DEFAULT ? db->durability : durability;
    struct fi_db_write commit = {
        .batch = batch, .check = check, .wants_sync = wanted == FIRN_DURABILITY_FULL, .err = err};
    DCHECK(!db->is_read_only && fi_db_batch_is_of(commit.batch, db));
    commit_one(db, &commit);
    return commit.rc;
}

int
fi_db_write_list(struct firn_db *db, const struct firn_db_batch *batch,
                 const struct fi_db_write_change *change, firn_error *err)
{
    struct fi_db_write commit = {.batch = batch,
                                 .change = *change,
                                 .wants_sync = db->durability == FIRN_DURABILITY_FULL,
                                 .err = err};
    DCHECK(db->is_changing_list && (change->drops == NULL) == (change->end == NULL));
    commit_one(db, &commit);
    return commit.rc;
}
