/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_replay.c: from the records of the log to keyspaces and memtables.
 *
 * Replay shows records in the order in which they were committed. Each is read whole before
 * anything of it is applied. Nothing in a record is trusted: a record of an unknown type or with
 * unknown flags or kinds was written by a newer firn (FIRN_NEWER), anything else that does not fit
 * is damage (FIRN_CORRUPT), and both end the opening. Skipping would show a state that never was.
 *
 * (I1) Sequences grow from record to record. Gaps are allowed: a commit that failed may have used
 *   one up.
 * (I2) Keyspaces are created by puts into keyspace 0, name to id, with ids 1, 2, 3 … in order; a
 *      name is never created twice and an id never used again. A record writes only into keyspaces
 *      that an earlier record created.
 * (I3) All entries of a commit have its sequence, so a key may appear in the memtable once per
 *      commit. Where a commit writes a key several times the last one counts: operations are
 *      applied from the last to the first, and the memtable refuses what is there already.
 */
#include "store/db_internal.h"

#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "codec/utf8.h"

struct replay {
    struct firn_db *db;
    struct firn_buf ops; /* of struct firn_db_op */
};

static struct firn_entry
entry_of(const struct firn_db_op *op, const uint8_t *body, uint64_t sequence)
{
    return (struct firn_entry){.key = firn_bytes(body + op->key_offset, op->key_size),
                               .value = firn_bytes(body + op->value_offset, op->value_size),
                               .sequence = sequence,
                               .kind = (enum firn_entry_kind)op->kind};
}

int
firn_db_replay_apply(const struct firn_db_op *ops, size_t count, const uint8_t *body,
                     uint64_t sequence, firn_error *err)
{
    for (size_t i = count; i > 0; i--) {
        const struct firn_db_op *op = &ops[i - 1];
        struct firn_entry entry = entry_of(op, body, sequence);
        int rc = firn_memtable_add(op->keyspace->memtable, &entry, err);
        /* (I3): a later operation of this commit wrote the key. */
        if (rc != FIRN_OK && !(rc == FIRN_EXISTS && i < count)) {
            return rc;
        }
    }
    return FIRN_OK;
}

static bool
is_name(firn_slice name)
{
    return name.size >= 1 && name.size <= FIRN_KEYSPACE_NAME_SIZE_MAX &&
           memchr(name.data, 0, name.size) == NULL && firn_utf8_is_valid(name);
}

/* Whether a keyspace of that name is there; those from id `recent` on are in no memtable yet. */
static bool
is_taken(const struct firn_db *db, firn_slice name, size_t recent)
{
    const struct firn_view_interval all = {1, UINT64_MAX};
    const struct firn_view view = {&all, 1};
    struct firn_entry entry;
    for (size_t i = recent; i < firn_db_keyspace_count(db); i++) {
        if (firn_slice_equal(firn_str(firn_db_keyspace_at(db, i)->name), name)) {
            return true;
        }
    }
    return firn_memtable_get(db->list->memtable, name, &view, &entry);
}

/* Creates what an operation on the list of keyspaces asks for (I2). */
static int
create_keyspace(struct firn_db *db, const struct firn_db_format_op *op, size_t recent,
                const char **what, firn_error *err)
{
    struct firn_reader reader = firn_reader_of(op->value);
    uint64_t id;
    if (op->kind != FIRN_ENTRY_PUT || !is_name(op->key) || !firn_reader_varint(&reader, &id) ||
        firn_reader_left(&reader) > 0 || id != firn_db_keyspace_count(db) || id > UINT32_MAX) {
        *what = "creates a keyspace with an impossible name or number";
        return FIRN_CORRUPT;
    }
    if (is_taken(db, op->key, recent)) {
        *what = "creates a keyspace that is there already";
        return FIRN_CORRUPT;
    }
    return firn_db_keyspace_add(db, op->key, err);
}

/* Reads the operations of a record into replay->ops. *what is set where the record is at fault. */
static int
read_ops(struct replay *replay, struct firn_db_format_commit *commit, const uint8_t *body,
         const char **what, firn_error *err)
{
    struct firn_db *db = replay->db;
    size_t keyspaces = firn_db_keyspace_count(db);
    firn_buf_clear(&replay->ops);
    if (firn_buf_reserve(&replay->ops, commit->count * sizeof(struct firn_db_op)) != FIRN_OK) {
        return firn_error_no_memory(err, "the operations of a commit");
    }
    while (commit->count > 0) {
        struct firn_db_format_op read;
        int rc = firn_db_format_get_op(commit, &read, what);
        if (rc != FIRN_OK) {
            return rc;
        }
        if (read.keyspace >= keyspaces) {
            *what = "writes into a keyspace that does not exist";
            return FIRN_CORRUPT;
        }
        if (read.keyspace == FIRN_DB_KEYSPACE_LIST) {
            rc = create_keyspace(db, &read, keyspaces, what, err);
            if (rc != FIRN_OK) {
                return rc;
            }
        }
        struct firn_db_op op = {.keyspace = firn_db_keyspace_at(db, read.keyspace),
                                .key_offset = (uint32_t)(read.key.data - body),
                                .value_offset = (uint32_t)(read.value.data - body),
                                .value_size = (uint32_t)read.value.size,
                                .key_size = (uint16_t)read.key.size,
                                .kind = (uint8_t)read.kind};
        CHECK(firn_buf_append(&replay->ops, &op, sizeof op) == FIRN_OK);
    }
    return FIRN_OK;
}

static int
read_commit(struct replay *replay, firn_slice record, uint64_t *out_sequence, const char **what,
            firn_error *err)
{
    struct firn_db_format_commit commit;
    int rc = firn_db_format_get_header(record, &commit, what);
    if (rc != FIRN_OK) {
        return rc;
    }
    *out_sequence = commit.sequence;
    if (commit.sequence <= replay->db->last_sequence) {
        *what = "is a commit whose sequence is not larger than that of the one before";
        return FIRN_CORRUPT;
    }
    return read_ops(replay, &commit, record.data, what, err);
}

static int
visit_record(void *ctx, uint8_t type, firn_slice record, struct firn_log_position position,
             firn_error *err)
{
    struct replay *replay = ctx;
    struct firn_db *db = replay->db;
    const char *what = NULL;
    uint64_t sequence;
    if (type != FIRN_LOG_TYPE_USER) {
        return firn_db_log_error(err, FIRN_NEWER, db->dir, position,
                                 "has a type that this firn does not know");
    }
    int rc = read_commit(replay, record, &sequence, &what, err);
    if (rc != FIRN_OK) {
        return what == NULL ? rc : firn_db_log_error(err, rc, db->dir, position, what);
    }
    rc = firn_db_replay_apply((const struct firn_db_op *)(const void *)replay->ops.data,
                              replay->ops.size / sizeof(struct firn_db_op), record.data, sequence,
                              err);
    if (rc == FIRN_OK) {
        db->last_sequence = sequence;
        db->commit_count++;
    }
    return rc;
}

/* Back to a handle that has only the empty list of keyspaces. */
static int
restart(void *ctx, firn_error *err)
{
    struct replay *replay = ctx;
    struct firn_db *db = replay->db;
    firn_db_keyspace_destroy_all(db);
    db->last_sequence = 0;
    db->commit_count = 0;
    return firn_db_keyspace_add(db, firn_str(""), err);
}

static int
open_log(struct replay *replay, firn_error *err)
{
    struct firn_db *db = replay->db;
    if (db->is_read_only) {
        const struct firn_db_log_visitor visitor = {restart, visit_record, replay};
        return firn_db_log_read(db->dir, &visitor, err);
    }
    struct firn_log_options options = firn_db_log_options(false);
    int rc = restart(replay, err);
    return rc != FIRN_OK
               ? rc
               : firn_log_open(db->dir, &options, visit_record, replay, &db->log, NULL, err);
}

int
firn_db_replay(struct firn_db *db, firn_error *err)
{
    struct replay replay = {.db = db};
    int rc = open_log(&replay, err);
    if (rc == FIRN_NOT_FOUND) {
        rc = firn_error_set(err, FIRN_CORRUPT, "the log of the store '%s' is missing",
                            firn_os_dir_path(db->dir));
    }
    atomic_init(&db->published, db->last_sequence);
    firn_buf_deinit(&replay.ops);
    return rc;
}
