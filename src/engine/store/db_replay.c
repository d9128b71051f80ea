/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_replay.c: from the records of the log to keyspaces and trees.
 *
 * Replay reads records in the order in which they were committed, and reads each one whole before
 * applying anything of it. Nothing in a record is trusted. A record of an unknown type, or with
 * unknown flags or kinds, was written by a newer firn (FIRN_NEWER); anything else that does not fit
 * is damage (FIRN_CORRUPT). Both end the opening: skipping the record would show a state that never
 * was.
 *
 * (I1) Sequences grow from record to record. Gaps are allowed: a commit that failed may have used
 *      one up.
 * (I2) The list of keyspaces is itself a tree, and may have been flushed after the record was
 *      written. So an operation on the list counts only if the list does not have it in runs. An
 *      operation on a keyspace whose number was given out, but which the list no longer names,
 *      belongs to a dropped keyspace: it is left out, and nothing can see it.
 * (I3) Otherwise each new keyspace has the next number, and a name that is not taken; a drop names
 *      an existing keyspace; and a record writes only to keyspaces that an earlier record, or the
 *      list in runs, has.
 * (I4) Changes of the history are applied in the order of the records, except for those that
 *      MANIFEST has. Before the last of these, it is not known which line was now when a record was
 *      written. So only the records after it are held to (I3), with all keyspaces of now; what was
 *      written before, on a line that no longer exists, is not visible.
 *
 * (I5) A load is only in MANIFEST (db_bulk.c). A reader reads MANIFEST before the log, so it misses
 *      a load that comes in between, although the log may continue after the load. The reader then
 *      begins again, because it would show commits without one that precedes them. It detects the
 *      gap by the sequences in the log (fi_db_log_lacks_load). Chance can produce the same gap,
 *      so after some attempts the reader accepts it.
 *
 * (I1), (I2) and (I5) concern bytes from outside, so they are tested and not asserted.
 *
 * Records that vouch for MANIFEST, and the end of the log, are checked against MANIFEST
 * (db_replay_attest.c).
 *
 * Memory. Commits that are not in runs fit into memory, because they did when they were written;
 * but the store may now be opened with a smaller budget. Flushing during a replay is not allowed
 * while the log's tail may not be on the disk: a power cut could take the tail and leave what one
 * tree, but not another, has flushed of it. So if memory runs short, everything is dropped, the log
 * is made durable by an opening, and a second replay flushes on its way.
 */
#include "store/db_internal.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/slice.h"
#include "codec/utf8.h"
#include "codec/xxh3.h"
#include "history/history_format.h"

enum { ATTEMPTS_FOR_LOADS = 5 };

struct replay {
    struct firn_db *db;
    struct fi_db_image *image;
    struct fi_db_vouch vouch; /* from the image's MANIFEST */
    struct fi_buf ops;        /* of struct fi_db_op */
    struct fi_db_ranges ranges;
    struct fi_hash_map created; /* of firn_slice: the names that the present record creates */
    uint64_t first_created;     /* the present record gives out the numbers from here on */
    uint64_t sequence;          /* of the last record */
    uint64_t log_bytes;         /* read by a reader */
    struct fi_log_watch watch;  /* likewise; the image takes it */
    unsigned attempts;          /* to read the whole log */
    bool may_flush;             /* the log is durable */
    bool is_short;              /* of memory: the first replay was given up */
};

/* ---- the list of keyspaces ---- */

static bool
is_name(firn_slice name)
{
    return name.size >= 1 && name.size <= FIRN_KEYSPACE_NAME_SIZE_MAX &&
           memchr(name.data, 0, name.size) == NULL && fi_utf8_is_valid(name);
}

/* Whether an entry of the list has nothing but a number. */
static bool
is_number(firn_slice value, uint64_t number)
{
    struct fi_reader reader = fi_reader_of(value);
    uint64_t found;
    return fi_reader_varint(&reader, &found) && fi_reader_left(&reader) == 0 && found == number;
}

static uint64_t
hash_name(const void *record)
{
    const firn_slice *name = record;
    return fi_xxh3(name->data, name->size, 0);
}

static bool
is_same_name(const void *record, const void *key)
{
    return fi_slice_equal(*(const firn_slice *)record, *(const firn_slice *)key);
}

static void
forget_created(struct replay *replay)
{
    enum { KEPT = 64 };
    if (replay->created.count >
        KEPT) { /* clearing a large map for each record would cost more than the record */
        fi_hash_map_deinit(&replay->created);
        fi_hash_map_init(&replay->created, sizeof(firn_slice), hash_name, is_same_name);
    } else if (replay->created.count > 0) {
        fi_hash_map_clear(&replay->created);
    }
}

/* Whether the record that is being read has created this name. firn writes one creation a record;
 * others may write very many. */
static bool
is_just_created(const struct replay *replay, firn_slice name)
{
    return fi_hash_map_find(&replay->created, hash_name(&name), &name) != NULL;
}

/* Whether the line that is now at the record is known (I4). */
static bool
is_now_known(const struct replay *replay)
{
    return replay->sequence > replay->image->history.saved_sequence;
}

/* The snapshot of what earlier records left, and of what was read of this one. */
static struct fi_snapshot
snapshot_so_far(const struct replay *replay, bool is_outside)
{
    return is_outside ? fi_history_snapshot(NULL, replay->sequence)
                      : fi_db_snapshot_now_in(replay->image, replay->sequence);
}

/* The number of the keyspace with a name, as earlier records left it; FIRN_NOT_FOUND. */
static int
look_up(struct replay *replay, firn_slice name, uint64_t *out, firn_error *err)
{
    struct fi_buf value = {0};
    struct fi_storefile_keyspace entry;
    const struct fi_snapshot snapshot = snapshot_so_far(replay, fi_db_is_system_name(name));
    int rc = fi_lsm_tree_get(replay->image->list->lsm_tree, name, &snapshot, &value, err);
    if (rc == FIRN_OK) {
        rc = fi_storefile_keyspace_read(replay->db->dir, fi_buf_slice(&value), &entry, err);
        *out = entry.id;
    }
    fi_buf_deinit(&value);
    return rc;
}

static int
create_keyspace(struct replay *replay, const struct fi_storefile_op *op, const char **what,
                firn_error *err)
{
    struct fi_db_image *image = replay->image;
    struct fi_db_tree *tree;
    struct fi_storefile_keyspace put;
    uint64_t taken;
    const char *fault;
    int decoded = fi_storefile_keyspace_decode(op->value, &put, &fault);
    if (decoded == FIRN_NEWER) {
        return fi_storefile_keyspace_read(replay->db->dir, op->value, &put, err);
    }
    if (!is_name(op->key) || decoded != FIRN_OK || put.id != image->next_id) {
        *what = "creates a keyspace with an impossible name or number";
        return FIRN_CORRUPT;
    }
    int rc = FIRN_NOT_FOUND;
    if (is_just_created(replay, op->key)) {
        rc = FIRN_OK;
    } else if (is_now_known(replay)) {
        rc = look_up(replay, op->key, &taken, err);
    }
    if (rc == FIRN_OK) {
        *what = "creates a keyspace that is there already";
        return FIRN_CORRUPT;
    }
    if (rc != FIRN_NOT_FOUND) {
        return rc;
    }
    rc = fi_db_image_add(image, op->key, &put, &tree, err);
    if (rc == FIRN_OK &&
        fi_hash_map_insert(&replay->created, hash_name(&op->key), &op->key) == NULL) {
        rc = fi_error_no_memory(err, "the list of keyspaces");
    }
    if (rc == FIRN_OK) {
        DCHECK(tree->id == image->next_id); /* (I3) */
        tree->created_at = replay->sequence;
        image->next_id++;
    }
    return rc;
}

/* Whether the keyspace exists in what is now at the record, as far as that is known. */
static bool
is_there(const struct replay *replay, const struct fi_db_tree *tree)
{
    const struct fi_snapshot snapshot = snapshot_so_far(replay, tree->is_system);
    return !is_now_known(replay) || fi_db_visible_in(tree, &snapshot);
}

static int
drop_keyspace(struct replay *replay, const struct fi_storefile_op *op, const char **what,
              firn_error *err)
{
    uint64_t id;
    if (is_name(op->key) && !is_now_known(replay)) {
        return FIRN_OK;
    }
    int rc = is_name(op->key) ? look_up(replay, op->key, &id, err) : FIRN_NOT_FOUND;
    struct fi_db_tree *tree = rc == FIRN_OK ? fi_db_trees_find(replay->image, id) : NULL;
    if (rc == FIRN_NOT_FOUND || (rc == FIRN_OK && (tree == NULL || !is_there(replay, tree)))) {
        *what = "drops a keyspace that is not there";
        return FIRN_CORRUPT;
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    struct fi_db_name_end *end = fi_db_visible_make_end(replay->image);
    if (end == NULL) {
        return fi_error_no_memory(err, "the list of keyspaces");
    }
    fi_db_apply_end(tree, end, replay->sequence);
    return FIRN_OK;
}

/* Does what an operation on the list asks for (I3). */
static int
change_list(struct replay *replay, const struct fi_storefile_op *op, const char **what,
            firn_error *err)
{
    if (op->kind == FI_ENTRY_DELETE) {
        return drop_keyspace(replay, op, what, err);
    }
    if (op->kind == FI_ENTRY_PUT && op->key.size == 0 &&
        is_number(op->value, replay->image->next_id)) {
        return FIRN_OK;
    }
    if (op->kind == FI_ENTRY_PUT) {
        return create_keyspace(replay, op, what, err);
    }
    *what = "writes an entry into the list of keyspaces that does not belong there";
    return FIRN_CORRUPT;
}

/* ---- records ---- */

/* The tree that an operation is for; *out is NULL if the operation is to be left out (I2). */
static int
find_tree(struct replay *replay, const struct fi_storefile_op *op, struct fi_db_tree **out,
          const char **what)
{
    struct fi_db_tree *tree = fi_db_trees_find(replay->image, op->keyspace);
    *out = tree;
    if (tree == NULL && op->keyspace < replay->first_created) {
        return FIRN_OK;
    }
    if (tree == NULL || op->keyspace >= replay->first_created || !is_there(replay, tree)) {
        *what = "writes into a keyspace that does not exist";
        return FIRN_CORRUPT;
    }
    return FIRN_OK;
}

static int
add_op(struct replay *replay, struct fi_db_tree *tree, const struct fi_storefile_op *read,
       const uint8_t *body, firn_error *err)
{
    DCHECK(tree->id == read->keyspace && read->key.data >= body);
    struct fi_db_op op = {.tree = tree,
                          .key_offset = (uint32_t)(read->key.data - body),
                          .value_offset = (uint32_t)(read->value.data - body),
                          .value_size = (uint32_t)read->value.size,
                          .key_size = (uint32_t)read->key.size & 0xffffff,
                          .kind = (uint32_t)read->kind & 0x7f};
    size_t index = replay->ops.size / sizeof op;
    if (fi_buf_append(&replay->ops, &op, sizeof op) != FIRN_OK) {
        return fi_error_no_memory(err, "the operations of a commit");
    }
    return read->kind == FI_ENTRY_RANGE_DELETE
               ? fi_db_apply_ranges_add(&replay->ranges, tree, read->key, read->value, index, err)
               : FIRN_OK;
}

static int
read_op(struct replay *replay, struct fi_storefile_commit *commit, const uint8_t *body,
        bool is_list_known, const char **what, firn_error *err)
{
    struct fi_storefile_op read;
    struct fi_db_tree *tree;
    FI_TRY_RETURN(fi_storefile_get_op(commit, &read, what));
    FI_TRY_RETURN(find_tree(replay, &read, &tree, what));
    if (read.keyspace == FI_DB_KEYSPACE_LIST && !is_list_known) {
        FI_TRY_RETURN(change_list(replay, &read, what, err));
    }
    return tree == NULL ? FIRN_OK : add_op(replay, tree, &read, body, err);
}

/* Reads the operations of a record into replay->ops. Sets *what if the record is wrong. */
static int
read_ops(struct replay *replay, struct fi_storefile_commit *commit, const uint8_t *body,
         const char **what, firn_error *err)
{
    bool is_list_known = replay->sequence <= fi_lsm_tree_flushed(replay->image->list->lsm_tree);
    fi_buf_clear(&replay->ops);
    fi_db_apply_ranges_deinit(&replay->ranges);
    forget_created(replay);
    replay->first_created = replay->image->next_id;
    int rc = FIRN_OK;
    while (rc == FIRN_OK && commit->count > 0) {
        rc = read_op(replay, commit, body, is_list_known, what, err);
    }
    DCHECK(replay->first_created <= replay->image->next_id);
    return rc;
}

static int
read_commit(struct replay *replay, firn_slice record, const char **what, firn_error *err)
{
    struct fi_storefile_commit commit;
    FI_TRY_RETURN(fi_storefile_get_header(record, &commit, what));
    if (commit.sequence <= replay->sequence) {
        *what = "is a commit whose sequence is not larger than that of the one before";
        return FIRN_CORRUPT;
    }
    replay->sequence = commit.sequence;
    return read_ops(replay, &commit, record.data, what, err);
}

/* ---- memory ---- */

static int
flush_all(struct fi_db_image *image, firn_error *err)
{
    const struct fi_compaction_work_wish wish = {.flushes = true};
    struct fi_compaction_work *work = NULL;
    for (size_t i = 0; i < fi_db_trees_count(image); i++) {
        struct fi_db_tree *tree = fi_db_trees_at(image, i);
        FI_TRY_RETURN(fi_lsm_tree_freeze(tree->lsm_tree, err));
        tree->first_segment = 0;
    }
    do {
        FI_TRY_RETURN(fi_compaction_work_pick(image->lsm, &wish, &work, err));
        FI_TRY_RETURN(work != NULL ? fi_compaction_run(work, err) : FIRN_OK);
    } while (work != NULL);
    return FIRN_OK;
}

/* Called before a record is applied. */
static int
make_room(struct replay *replay, firn_error *err)
{
    const struct firn_db *db = replay->db;
    if (db->is_read_only || fi_lsm_memtable_excess(replay->image->lsm) < db->limits.replay_max) {
        return FIRN_OK;
    }
    if (!replay->may_flush) {
        replay->is_short = true;
        return FIRN_CANCELLED;
    }
    DCHECK(db->log != NULL); /* its tail is on the disk */
    return flush_all(replay->image, err);
}

/* ---- changes of the history ---- */

/* Skips changes that MANIFEST has already. Sets *what if the record is wrong. */
static int
change_history(struct replay *replay, firn_slice bytes, const char **what, firn_error *err)
{
    struct fi_history *history = &replay->image->history;
    struct fi_history_record record;
    struct fi_history_change change;
    int rc;
    FI_TRY(fi_history_format_get_record(bytes, &record, what));
    if (record.sequence <= replay->sequence) {
        *what =
            "is a change of checkpoints whose sequence is not larger than that of what is before";
        return FIRN_CORRUPT;
    }
    replay->sequence = record.sequence;
    if (!is_now_known(replay)) {
        return FIRN_OK;
    }
    rc = fi_history_prepare(history, &record, &change, err);
    if (rc == FIRN_OK) {
        fi_history_apply(history, &change);
        DCHECK(history->sequence == replay->sequence); /* (I4) */
    } else if (rc != FIRN_NO_MEMORY) {
        *what = "changes checkpoints that are not as it says";
        rc = FIRN_CORRUPT;
    }
out:
    return rc;
}

static int
visit_history(struct replay *replay, firn_slice record, struct fi_log_position position,
              firn_error *err)
{
    const char *what = NULL;
    struct fi_db_image *image = replay->image;
    int rc = fi_db_segments_make_room(image, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = change_history(replay, record, &what, err);
    if (rc != FIRN_OK) {
        return what == NULL ? rc : fi_db_log_error(err, rc, replay->db->dir, position, what);
    }
    if (is_now_known(replay) && image->history.first_segment == 0) {
        image->history.first_segment = position.segment;
    }
    fi_db_segments_note_commit(image, position.segment);
    return FIRN_OK;
}

/* ---- the log ---- */

/* Called by a reader before it looks at a record with this sequence (I5). */
static int
check_no_load_between(const struct replay *replay, uint64_t sequence, firn_error *err)
{
    struct firn_db *db = replay->db;
    uint64_t named = fi_lsm_sequence(replay->image->lsm);
    uint64_t known = replay->sequence > named ? replay->sequence : named;
    if (!db->is_read_only || replay->attempts > ATTEMPTS_FOR_LOADS ||
        !fi_db_log_lacks_load(known, sequence)) {
        return FIRN_OK;
    }
    return fi_error_set(err, FIRN_BUSY, "the store '%s' changed while it was read",
                        fi_os_dir_path(db->dir));
}

static int
visit_record(void *ctx, uint8_t type, firn_slice record, struct fi_log_position position,
             firn_error *err)
{
    struct replay *replay = ctx;
    struct firn_db *db = replay->db;
    const char *what = NULL;
    if (type == FI_STOREFILE_TYPE_VOUCH) {
        return fi_db_replay_attest_read(&replay->vouch, record, position, err);
    }
    if (record.size >= 8) {
        FI_TRY_RETURN(check_no_load_between(replay, fi_load_le64(record.data), err));
    }
    if (type == FI_HISTORY_FORMAT_TYPE) {
        return visit_history(replay, record, position, err);
    }
    if (type != FI_LOG_TYPE_USER) {
        return fi_db_log_error(err, FIRN_NEWER, db->dir, position,
                               "has a type that this firn does not know");
    }
    FI_TRY_RETURN(make_room(replay, err));
    int rc = read_commit(replay, record, &what, err);
    if (rc != FIRN_OK) {
        return what == NULL ? rc : fi_db_log_error(err, rc, db->dir, position, what);
    }
    const struct fi_db_apply commit = {.ops =
                                           (const struct fi_db_op *)(const void *)replay->ops.data,
                                       .count = replay->ops.size / sizeof(struct fi_db_op),
                                       .body = record.data,
                                       .ranges = &replay->ranges,
                                       .sequence = replay->sequence,
                                       .segment = position.segment,
                                       .body_offset = position.offset + FI_LOG_RECORD_HEAD_SIZE,
                                       .is_replay = true};
    DCHECK(replay->sequence > 0 && replay->image->user_count == 0);
    FI_TRY_RETURN(fi_db_segments_make_room(replay->image, err));
    FI_TRY_RETURN(fi_db_apply(&commit, err));
    fi_db_segments_note_commit(replay->image, position.segment);
    return FIRN_OK;
}

/* Opens the image from runs, at the first record. */
static int
db_replay_restart(void *ctx, firn_error *err)
{
    struct replay *replay = ctx;
    struct firn_db *db = replay->db;
    DCHECK(db->jobs.flush_pool == NULL && !db->commits.is_leading);
    db->replayed = NULL;
    fi_db_image_abandon(replay->image);
    replay->image = NULL;
    replay->sequence = 0;
    replay->attempts++;
    int rc = fi_db_image_open(db, &replay->image, err);
    if (rc == FIRN_OK) {
        fi_db_replay_attest_begin(&replay->vouch, db, replay->image->lsm);
    }
    if (!db->is_read_only) {
        db->replayed = replay->image;
    }
    return rc;
}

static struct fi_log_options
writing_options(struct replay *replay)
{
    struct fi_log_options options = fi_db_log_options(false);
    options.gate = fi_db_reader_gate(replay->db);
    options.judge = fi_db_replay_attest_assess;
    options.judge_ctx = &replay->vouch;
    return options;
}

/* Replays when memory is short: makes the log durable first, then reads it beside its handle. */
static int
replay_durable(struct replay *replay, firn_error *err)
{
    struct firn_db *db = replay->db;
    const struct fi_db_log_visitor visitor = {
        .restart = db_replay_restart, .visit = visit_record, .ctx = replay};
    const struct fi_log_options options = writing_options(replay);
    DCHECK(replay->is_short && db->log == NULL && !db->is_read_only);
    int rc = fi_log_open(db->dir, &options, NULL, NULL, &db->log, NULL, err);
    replay->may_flush = true;
    return rc == FIRN_OK ? fi_db_log_read(db->dir, &visitor, err) : rc;
}

static int
replay_log(struct replay *replay, firn_error *err)
{
    struct firn_db *db = replay->db;
    if (db->is_read_only) {
        const struct fi_db_log_visitor visitor = {.restart = db_replay_restart,
                                                  .visit = visit_record,
                                                  .ctx = replay,
                                                  .log_bytes = &replay->log_bytes,
                                                  .watch = &replay->watch,
                                                  .is_fenced = !db->shows_pending,
                                                  .judge = fi_db_replay_attest_assess,
                                                  .judge_ctx = &replay->vouch};
        return fi_db_log_read(db->dir, &visitor, err);
    }
    const struct fi_log_options options = writing_options(replay);
    struct fi_log_recovery recovery = {0};
    int rc = db_replay_restart(replay, err);
    if (rc == FIRN_OK) {
        rc = fi_log_open(db->dir, &options, visit_record, replay, &db->log, &recovery, err);
        db->was_at_rest = recovery.was_closed_cleanly;
    }
    return rc == FIRN_CANCELLED && replay->is_short ? replay_durable(replay, err) : rc;
}

int
fi_db_replay(struct firn_db *db, struct fi_db_image **out, firn_error *err)
{
    struct replay replay = {.db = db};
    fi_hash_map_init(&replay.created, sizeof(firn_slice), hash_name, is_same_name);
    int rc = replay_log(&replay, err);
    if (rc == FIRN_NOT_FOUND) {
        rc = fi_error_set(err, FIRN_CORRUPT, "the log of the store '%s' is missing",
                          fi_os_dir_path(db->dir));
    }
    if (rc == FIRN_OK) {
        rc = fi_db_image_read_list(replay.image, err);
    }
    if (rc == FIRN_OK) {
        struct fi_db_image *image = replay.image;
        fi_db_visible_update(db, image);
        uint64_t known = image->last_sequence;
        image->last_sequence = replay.sequence > known ? replay.sequence : known;
        image->log_bytes = replay.log_bytes;
        image->log_watch = replay.watch;
        replay.watch = (struct fi_log_watch){0};
        db->lead.vouched = replay.vouch.vouched;
        DCHECK(db->lead.vouched <= replay.vouch.version && image->is_listed);
        replay.image = NULL;
        *out = image;
    }
    db->replayed = NULL;
    fi_log_watch_end(&replay.watch);
    fi_db_image_abandon(replay.image);
    fi_hash_map_deinit(&replay.created);
    fi_buf_deinit(&replay.ops);
    fi_db_apply_ranges_deinit(&replay.ranges);
    return rc;
}
