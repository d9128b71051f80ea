/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_replay.c: from the records of the log to keyspaces and trees.
 *
 * Replay shows records in the order in which they were committed. Each is read whole before
 * anything of it is applied. Nothing in a record is trusted: a record of an unknown type or with
 * unknown flags or kinds was written by a newer firn (FIRN_NEWER), anything else that does not fit
 * is damage (FIRN_CORRUPT), and both end the opening. Skipping would show a state that never was.
 *
 * (I1) Sequences grow from record to record. Gaps are allowed: a commit that failed may have used
 *      one up.
 * (I2) The list of keyspaces is one of the trees, and it may have been flushed later than what a
 *      record says. So an operation on the list counts only if the list does not have it in runs;
 *      and an operation on a keyspace that the list does not name any more, though its number was
 *      given, belongs to one that was dropped: it is left out, and nothing can see it.
 * (I3) Otherwise keyspaces are created with the next number each, under names that are not taken;
 *      dropped under names that are there; and a record writes only into keyspaces that an earlier
 *      record, or the list in runs, has.
 * (I4) Changes of the history are made in the order of the records, but for those that MANIFEST
 *      has. Up to the last one of these it is not known which line was now when a record was
 *      written, so
 *      (I3) is held against all that now has only behind it; what was written before on a line that
 *      is gone is seen by nobody.
 *
 * (I5) A load is in the MANIFEST alone (db_bulk.c). A reader reads that before the log, so a load in between
 *      is one that it does not know, while the log may go on behind it: then it begins again. Without
 *      that it would show commits without one that came before them. The log tells by its sequences
 *      (firn_db_log_lacks_load). Chance can look like that, too, so after some attempts it is taken for
 *      chance.
 *
 * (I1), (I2) and (I5) speak of bytes from outside, so they are tested and not asserted.
 *
 * Records that vouch for MANIFEST, and the end of the log, are held against it (db_vouch.c).
 *
 * Memory. What is not in runs fits into memory, because it did when it was written; but the store
 * may be opened with a smaller budget now. Flushing in the middle of a replay is not allowed as
 * long as the log's tail is not known to be on the disk: a power cut could take the tail and leave
 * what was flushed of it, of one tree and not of another. So where memory runs short everything is
 * dropped, the log is opened and settled, and a second replay flushes on its way.
 */
#include "store/db_internal.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/slice.h"
#include "codec/utf8.h"
#include "history/history_format.h"

enum { ATTEMPTS_FOR_LOADS = 5 };

struct replay {
    struct firn_db *db;
    struct firn_db_image *image;
    struct firn_db_vouch vouch; /* as the image's MANIFEST has it */
    struct firn_buf ops;        /* of struct firn_db_op */
    struct firn_db_ranges ranges;
    uint64_t first_created; /* numbers from here on are given by the record that is being read */
    uint64_t sequence;      /* of the last record */
    uint64_t log_bytes;     /* read by a reader */
    unsigned attempts;      /* at reading all of it */
    bool may_flush;         /* the log is settled */
    bool is_short;          /* of memory: the first replay was given up */
};

/* ---- the list of keyspaces ---- */

static bool
is_name(firn_slice name)
{
    return name.size >= 1 && name.size <= FIRN_KEYSPACE_NAME_SIZE_MAX &&
           memchr(name.data, 0, name.size) == NULL && firn_utf8_is_valid(name);
}

static bool
is_number(firn_slice value, uint64_t number)
{
    struct firn_reader reader = firn_reader_of(value);
    uint64_t found;
    return firn_reader_varint(&reader, &found) && firn_reader_left(&reader) == 0 && found == number;
}

/* Whether the record that is being read has created that name. */
static bool
is_just_created(const struct replay *replay, firn_slice name, const uint8_t *body)
{
    const struct firn_db_op *ops = (const void *)replay->ops.data;
    for (size_t i = 0; i < replay->ops.size / sizeof *ops; i++) {
        if (ops[i].tree == replay->image->list && ops[i].kind == FIRN_ENTRY_PUT &&
            firn_slice_equal(firn_bytes(body + ops[i].key_offset, ops[i].key_size), name)) {
            return true;
        }
    }
    return false;
}

/* Whether what now is at the record is known (I4). */
static bool
is_now_known(const struct replay *replay)
{
    return replay->sequence > replay->image->history.saved_sequence;
}

/* What the records before this one left, and what was read of this one. */
static struct firn_view
view_so_far(const struct replay *replay, bool is_outside)
{
    return is_outside ? firn_history_view(NULL, replay->sequence)
                      : firn_db_view_now_in(replay->image, replay->sequence);
}

/* The number behind a name as the records before this one left it; FIRN_NOT_FOUND. */
static int
look_up(struct replay *replay, firn_slice name, uint64_t *out, firn_error *err)
{
    struct firn_buf value = {0};
    const struct firn_view view = view_so_far(replay, firn_db_keyspace_is_system(name));
    int rc = firn_lsm_tree_get(replay->image->list->lsm_tree, name, &view, &value, err);
    if (rc == FIRN_OK) {
        rc = firn_db_keyspace_decode(replay->db, firn_buf_slice(&value), out, err);
    }
    firn_buf_deinit(&value);
    return rc;
}

static int
create_keyspace(struct replay *replay, const struct firn_storefile_op *op, const uint8_t *body,
                const char **what, firn_error *err)
{
    struct firn_db_image *image = replay->image;
    struct firn_db_tree *tree;
    uint64_t taken;
    if (!is_name(op->key) || !is_number(op->value, image->next_id) || image->next_id > UINT32_MAX) {
        *what = "creates a keyspace with an impossible name or number";
        return FIRN_CORRUPT;
    }
    int rc = FIRN_NOT_FOUND;
    if (is_just_created(replay, op->key, body)) {
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
    rc = firn_db_image_add(image, op->key, &tree, err);
    if (rc == FIRN_OK) {
        DCHECK(tree->id == image->next_id); /* (I3) */
        tree->created_at = replay->sequence;
        image->next_id++;
    }
    return rc;
}

/* Whether what now is at the record has the keyspace, as far as that is known. */
static bool
is_there(const struct replay *replay, const struct firn_db_tree *tree)
{
    const struct firn_view view = view_so_far(replay, tree->is_system);
    return !is_now_known(replay) || firn_db_visible_in(tree, &view);
}

static int
drop_keyspace(struct replay *replay, const struct firn_storefile_op *op, const char **what,
              firn_error *err)
{
    uint64_t id;
    if (is_name(op->key) && !is_now_known(replay)) {
        return FIRN_OK;
    }
    int rc = is_name(op->key) ? look_up(replay, op->key, &id, err) : FIRN_NOT_FOUND;
    struct firn_db_tree *tree = rc == FIRN_OK ? firn_db_image_find(replay->image, id) : NULL;
    if (rc == FIRN_NOT_FOUND || (rc == FIRN_OK && (tree == NULL || !is_there(replay, tree)))) {
        *what = "drops a keyspace that is not there";
        return FIRN_CORRUPT;
    }
    if (rc != FIRN_OK) {
        return rc;
    }
    struct firn_db_name_end *end = firn_db_visible_make_end(replay->image);
    if (end == NULL) {
        return firn_error_no_memory(err, "the list of keyspaces");
    }
    firn_db_visible_end(tree, end, replay->sequence);
    return FIRN_OK;
}

/* What an operation on the list asks for (I3). */
static int
change_list(struct replay *replay, const struct firn_storefile_op *op, const uint8_t *body,
            const char **what, firn_error *err)
{
    if (op->kind == FIRN_ENTRY_DELETE) {
        return drop_keyspace(replay, op, what, err);
    }
    if (op->kind == FIRN_ENTRY_PUT && op->key.size == 0 &&
        is_number(op->value, replay->image->next_id)) {
        return FIRN_OK;
    }
    if (op->kind == FIRN_ENTRY_PUT) {
        return create_keyspace(replay, op, body, what, err);
    }
    *what = "writes into the list of keyspaces what does not belong there";
    return FIRN_CORRUPT;
}

/* ---- records ---- */

/* The tree that an operation is for; *out is NULL where it is to be left out (I2). */
static int
find_tree(struct replay *replay, const struct firn_storefile_op *op, struct firn_db_tree **out,
          const char **what)
{
    struct firn_db_tree *tree = firn_db_image_find(replay->image, op->keyspace);
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
add_op(struct replay *replay, struct firn_db_tree *tree, const struct firn_storefile_op *read,
       const uint8_t *body, firn_error *err)
{
    DCHECK(tree->id == read->keyspace && read->key.data >= body);
    struct firn_db_op op = {.tree = tree,
                            .key_offset = (uint32_t)(read->key.data - body),
                            .value_offset = (uint32_t)(read->value.data - body),
                            .value_size = (uint32_t)read->value.size,
                            .key_size = (uint16_t)read->key.size,
                            .kind = (uint8_t)read->kind};
    size_t index = replay->ops.size / sizeof op;
    if (firn_buf_append(&replay->ops, &op, sizeof op) != FIRN_OK) {
        return firn_error_no_memory(err, "the operations of a commit");
    }
    return read->kind == FIRN_ENTRY_RANGE_DELETE
               ? firn_db_apply_ranges_add(&replay->ranges, tree, read->key, read->value, index, err)
               : FIRN_OK;
}

static int
read_op(struct replay *replay, struct firn_storefile_commit *commit, const uint8_t *body,
        bool is_list_known, const char **what, firn_error *err)
{
    struct firn_storefile_op read;
    struct firn_db_tree *tree;
    int rc;
    FIRN_TRY(firn_storefile_get_op(commit, &read, what));
    FIRN_TRY(find_tree(replay, &read, &tree, what));
    if (read.keyspace == FIRN_DB_KEYSPACE_LIST && !is_list_known) {
        FIRN_TRY(change_list(replay, &read, body, what, err));
    }
    FIRN_TRY(tree == NULL ? FIRN_OK : add_op(replay, tree, &read, body, err));
out:
    return rc;
}

/* Reads the operations of a record into replay->ops. *what is set where the record is at fault. */
static int
read_ops(struct replay *replay, struct firn_storefile_commit *commit, const uint8_t *body,
         const char **what, firn_error *err)
{
    bool is_list_known = replay->sequence <= firn_lsm_tree_flushed(replay->image->list->lsm_tree);
    firn_buf_clear(&replay->ops);
    firn_db_apply_ranges_deinit(&replay->ranges);
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
    struct firn_storefile_commit commit;
    int rc;
    FIRN_TRY(firn_storefile_get_header(record, &commit, what));
    if (commit.sequence <= replay->sequence) {
        *what = "is a commit whose sequence is not larger than that of the one before";
        return FIRN_CORRUPT;
    }
    replay->sequence = commit.sequence;
    rc = read_ops(replay, &commit, record.data, what, err);
out:
    return rc;
}

/* ---- memory ---- */

static int
flush_all(struct firn_db_image *image, firn_error *err)
{
    const struct firn_compaction_work_wish wish = {.flushes = true};
    struct firn_compaction_work *work = NULL;
    int rc;
    for (size_t i = 0; i < firn_db_image_tree_count(image); i++) {
        struct firn_db_tree *tree = firn_db_image_tree(image, i);
        FIRN_TRY(firn_lsm_tree_freeze(tree->lsm_tree, err));
        tree->first_segment = 0;
    }
    do {
        FIRN_TRY(firn_compaction_work_pick(image->lsm, &wish, &work, err));
        FIRN_TRY(work != NULL ? firn_compaction_run(work, err) : FIRN_OK);
    } while (work != NULL);
out:
    return rc;
}

/* Before a record is applied. */
static int
make_room(struct replay *replay, firn_error *err)
{
    const struct firn_db *db = replay->db;
    if (db->is_read_only || firn_lsm_memtable_bytes(replay->image->lsm) < db->limits.replay_max) {
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

/* What MANIFEST has already is passed over. *what is set where the record is at fault. */
static int
change_history(struct replay *replay, firn_slice bytes, const char **what, firn_error *err)
{
    struct firn_history *history = &replay->image->history;
    struct firn_history_record record;
    struct firn_history_change change;
    int rc;
    FIRN_TRY(firn_history_format_get_record(bytes, &record, what));
    if (record.sequence <= replay->sequence) {
        *what =
            "is a change of checkpoints whose sequence is not larger than that of what is before";
        return FIRN_CORRUPT;
    }
    replay->sequence = record.sequence;
    if (!is_now_known(replay)) {
        return FIRN_OK;
    }
    rc = firn_history_prepare(history, &record, &change, err);
    if (rc == FIRN_OK) {
        firn_history_apply(history, &change);
        DCHECK(history->sequence == replay->sequence); /* (I4) */
    } else if (rc != FIRN_NO_MEMORY) {
        *what = "changes checkpoints that are not as it says";
        rc = FIRN_CORRUPT;
    }
out:
    return rc;
}

static int
visit_history(struct replay *replay, firn_slice record, struct firn_log_position position,
              firn_error *err)
{
    const char *what = NULL;
    struct firn_db_image *image = replay->image;
    int rc = firn_db_image_make_room(image, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = change_history(replay, record, &what, err);
    if (rc != FIRN_OK) {
        return what == NULL ? rc : firn_db_log_error(err, rc, replay->db->dir, position, what);
    }
    if (is_now_known(replay) && image->history.first_segment == 0) {
        image->history.first_segment = position.segment;
    }
    firn_db_image_note_commit(image, position.segment);
    return FIRN_OK;
}

/* ---- the log ---- */

/* Before a record with this sequence is looked at by a reader (I5). */
static int
check_no_load_between(const struct replay *replay, uint64_t sequence, firn_error *err)
{
    struct firn_db *db = replay->db;
    uint64_t named = firn_lsm_sequence(replay->image->lsm);
    uint64_t known = replay->sequence > named ? replay->sequence : named;
    if (!db->is_read_only || replay->attempts > ATTEMPTS_FOR_LOADS ||
        !firn_db_log_lacks_load(known, sequence)) {
        return FIRN_OK;
    }
    return firn_error_set(err, FIRN_BUSY, "the store '%s' changed while it was read",
                          firn_os_dir_path(db->dir));
}

static int
visit_record(void *ctx, uint8_t type, firn_slice record, struct firn_log_position position,
             firn_error *err)
{
    struct replay *replay = ctx;
    struct firn_db *db = replay->db;
    const char *what = NULL;
    int rc = FIRN_OK;
    if (type == FIRN_STOREFILE_TYPE_VOUCH) {
        return firn_db_vouch_read(&replay->vouch, record, position, err);
    }
    if (record.size >= 8) {
        FIRN_TRY(check_no_load_between(replay, firn_load_le64(record.data), err));
    }
    if (type == FIRN_HISTORY_FORMAT_TYPE) {
        return visit_history(replay, record, position, err);
    }
    if (type != FIRN_LOG_TYPE_USER) {
        return firn_db_log_error(err, FIRN_NEWER, db->dir, position,
                                 "has a type that this firn does not know");
    }
    FIRN_TRY(make_room(replay, err));
    rc = read_commit(replay, record, &what, err);
    if (rc != FIRN_OK) {
        return what == NULL ? rc : firn_db_log_error(err, rc, db->dir, position, what);
    }
    const struct firn_db_apply commit = {
        .ops = (const struct firn_db_op *)(const void *)replay->ops.data,
        .count = replay->ops.size / sizeof(struct firn_db_op),
        .body = record.data,
        .ranges = &replay->ranges,
        .sequence = replay->sequence,
        .segment = position.segment,
        .body_offset = position.offset + FIRN_LOG_RECORD_HEAD_SIZE,
        .is_replay = true};
    DCHECK(replay->sequence > 0 && replay->image->user_count == 0);
    FIRN_TRY(firn_db_image_make_room(replay->image, err));
    FIRN_TRY(firn_db_apply(&commit, err));
    firn_db_image_note_commit(replay->image, position.segment);
out:
    return rc;
}

/* An image as runs have it, for the first record. */
static int
restart(void *ctx, firn_error *err)
{
    struct replay *replay = ctx;
    struct firn_db *db = replay->db;
    DCHECK(db->jobs.flush_pool == NULL && !db->commits.is_leading);
    db->replayed = NULL;
    firn_db_image_abandon(replay->image);
    replay->image = NULL;
    replay->sequence = 0;
    replay->attempts++;
    int rc = firn_db_image_open(db, &replay->image, err);
    if (rc == FIRN_OK) {
        firn_db_vouch_begin(&replay->vouch, db, replay->image->lsm);
    }
    if (!db->is_read_only) {
        db->replayed = replay->image;
    }
    return rc;
}

static struct firn_log_options
writing_options(struct replay *replay)
{
    struct firn_log_options options = firn_db_log_options(false);
    options.gate = firn_db_reader_gate(replay->db);
    options.judge = firn_db_vouch_judge;
    options.judge_ctx = &replay->vouch;
    return options;
}

/* Where memory is short: the log is settled first, then read beside its handle. */
static int
replay_settled(struct replay *replay, firn_error *err)
{
    struct firn_db *db = replay->db;
    const struct firn_db_log_visitor visitor = {
        .restart = restart, .visit = visit_record, .ctx = replay};
    const struct firn_log_options options = writing_options(replay);
    DCHECK(replay->is_short && db->log == NULL && !db->is_read_only);
    int rc = firn_log_open(db->dir, &options, NULL, NULL, &db->log, NULL, err);
    replay->may_flush = true;
    return rc == FIRN_OK ? firn_db_log_read(db->dir, &visitor, err) : rc;
}

static int
replay_log(struct replay *replay, firn_error *err)
{
    struct firn_db *db = replay->db;
    if (db->is_read_only) {
        const struct firn_db_log_visitor visitor = {.restart = restart,
                                                    .visit = visit_record,
                                                    .ctx = replay,
                                                    .log_bytes = &replay->log_bytes,
                                                    .is_fenced = !db->shows_pending,
                                                    .judge = firn_db_vouch_judge,
                                                    .judge_ctx = &replay->vouch};
        return firn_db_log_read(db->dir, &visitor, err);
    }
    const struct firn_log_options options = writing_options(replay);
    struct firn_log_recovery recovery = {0};
    int rc = restart(replay, err);
    if (rc == FIRN_OK) {
        rc = firn_log_open(db->dir, &options, visit_record, replay, &db->log, &recovery, err);
        db->was_at_rest = recovery.was_closed_cleanly;
    }
    return rc == FIRN_CANCELLED && replay->is_short ? replay_settled(replay, err) : rc;
}

int
firn_db_replay(struct firn_db *db, struct firn_db_image **out, firn_error *err)
{
    struct replay replay = {.db = db};
    int rc = replay_log(&replay, err);
    if (rc == FIRN_NOT_FOUND) {
        rc = firn_error_set(err, FIRN_CORRUPT, "the log of the store '%s' is missing",
                            firn_os_dir_path(db->dir));
    }
    if (rc == FIRN_OK) {
        rc = firn_db_visible_read(replay.image, err);
    }
    if (rc == FIRN_OK) {
        struct firn_db_image *image = replay.image;
        firn_db_visible_update(db, image);
        uint64_t known = image->last_sequence;
        image->last_sequence = replay.sequence > known ? replay.sequence : known;
        image->log_bytes = replay.log_bytes;
        db->lead.vouched = replay.vouch.vouched;
        DCHECK(db->lead.vouched <= replay.vouch.version && image->is_listed);
        replay.image = NULL;
        *out = image;
    }
    db->replayed = NULL;
    firn_db_image_abandon(replay.image);
    firn_buf_deinit(&replay.ops);
    firn_db_apply_ranges_deinit(&replay.ranges);
    return rc;
}
