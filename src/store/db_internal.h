/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_internal.h: the structures that the files of store/ share. Nobody else includes it.
 */
#ifndef FIRN_STORE_DB_INTERNAL_H
#define FIRN_STORE_DB_INTERNAL_H

#include <stdatomic.h>

#include "base/buf.h"
#include "log/log.h"
#include "lsm/memtable.h"
#include "os/os_thread.h"
#include "store/db.h"
#include "store/db_format.h"

/* Keyspace 0 holds the names of the others: name -> id as a varint. */
enum { FIRN_DB_KEYSPACE_LIST = 0 };

struct firn_db_keyspace {
    struct firn_db *db;
    struct firn_memtable *memtable;
    char *name; /* "" for the list of keyspaces */
    uint32_t id;
    /* The leader's, while it reserves memory for a group. */
    struct firn_db_keyspace *next_touched;
    size_t pending_count;
    size_t pending_bytes;
};

struct firn_db_keyspace_slot {
    struct firn_db_keyspace *keyspace;
};

/* One write of a batch; key and value are offsets into the batch's body. */
struct firn_db_op {
    struct firn_db_keyspace *keyspace;
    uint32_t key_offset;
    uint32_t value_offset;
    uint32_t value_size;
    uint16_t key_size;
    uint8_t kind;
};

struct firn_db_batch {
    struct firn_db *db;   /* of the first write; NULL while empty */
    struct firn_buf body; /* encoded as in a commit record, behind its header */
    struct firn_buf ops;  /* of struct firn_db_op */
};

/* A waiting commit: see db_write.c. */
struct firn_db_write;

struct firn_db {
    struct firn_os *os;
    struct firn_os_dir *dir;
    struct firn_os_dir *owned_dir; /* closed with the handle; NULL where the caller lent it */
    struct firn_os_file *lock;     /* NULL where read-only */
    struct firn_log *log;          /* NULL where read-only */
    struct firn_db_format_identity identity;
    bool is_read_only;
    firn_durability durability; /* FULL or OS */

    /* The newest sequence that readers see. Release in db_write.c pairs with acquire in
     * firn_db_published. */
    _Atomic uint64_t published;

    struct firn_os_mutex commit_mutex; /* rank DB_COMMIT */
    struct firn_db_write *queue_head;
    struct firn_db_write *queue_tail;
    bool is_leading;
    bool has_failed;
    uint64_t last_sequence; /* the leader's between taking a group and handing it back */
    uint64_t commit_count;
    firn_error failure; /* the first one, if has_failed */

    struct firn_os_mutex state_mutex; /* rank DB_STATE */
    struct firn_os_cond created;
    bool is_creating;              /* some thread commits a new keyspace */
    struct firn_buf keyspaces;     /* of struct firn_db_keyspace_slot, by id */
    struct firn_db_keyspace *list; /* number 0 */
    struct firn_db_cursor *cursors;
};

static inline uint64_t
firn_db_published(const struct firn_db *db)
{
    return atomic_load_explicit(&db->published, memory_order_acquire);
}

static inline size_t
firn_db_batch_op_count(const struct firn_db_batch *batch)
{
    return batch->ops.size / sizeof(struct firn_db_op);
}

static inline struct firn_db_op *
firn_db_batch_op(const struct firn_db_batch *batch, size_t i)
{
    return (struct firn_db_op *)(void *)batch->ops.data + i;
}

/* ---- db.c ---- */

/* As firn_db_open; dir is owned from here on, also when this fails. */
FIRN_MUST_CHECK int firn_db_open_owned(struct firn_os_dir *dir,
                                       const struct firn_db_options *options, struct firn_db **out,
                                       firn_error *err);

/* ---- db_create.c ---- */

/* What lies in a directory that may be a store. */
struct firn_db_create_survey {
    bool has_identity;
    bool has_log;
    bool is_unfinished; /* its identity was never put in place */
    char other[256];    /* the name of something that is none of ours, or "" */
};
FIRN_MUST_CHECK int firn_db_create_look(struct firn_os_dir *dir, struct firn_db_create_survey *out,
                                        firn_error *err);
/* FIRN_INVALID or FIRN_CORRUPT where no store may be made in such a directory. */
FIRN_MUST_CHECK int firn_db_create_allowed(struct firn_os_dir *dir,
                                           const struct firn_db_create_survey *survey,
                                           firn_error *err);
/* Reads the file FIRN; FIRN_NOT_FOUND if there is none. */
FIRN_MUST_CHECK int firn_db_create_read_identity(struct firn_os_dir *dir,
                                                 struct firn_db_format_identity *out,
                                                 firn_error *err);
/* Makes a store in a directory whose lock is held; *log is its empty log. */
FIRN_MUST_CHECK int firn_db_create_store(struct firn_os_dir *dir,
                                         struct firn_db_format_identity *identity,
                                         struct firn_log **log, firn_error *err);

/* ---- db_lock.c ---- */

FIRN_MUST_CHECK int firn_db_lock_acquire(struct firn_os_dir *dir, int64_t timeout_ms,
                                         struct firn_os_file **out, firn_error *err);

/* ---- db_log.c ---- */

/* How the store's log is opened. */
struct firn_log_options firn_db_log_options(bool read_only);
bool firn_db_log_is_name(const char *name);

/* A reading of the whole log. */
struct firn_db_log_visitor {
    int (*restart)(void *ctx, firn_error *err); /* forget what was shown: it begins anew */
    int (*visit)(void *ctx, uint8_t type, firn_slice record, struct firn_log_position position,
                 firn_error *err);
    void *ctx;
};
/* Reads the log without writing anything, also while another process writes it. */
FIRN_MUST_CHECK int firn_db_log_read(struct firn_os_dir *dir,
                                     const struct firn_db_log_visitor *visitor, firn_error *err);
/* FIRN_CORRUPT (or code) for a record, naming file and offset; returns the code. */
int firn_db_log_error(firn_error *err, int code, struct firn_os_dir *dir,
                      struct firn_log_position position, const char *what);

/* ---- db_replay.c ---- */

/* Fills an empty handle from the log: keyspaces, memtables, sequences. */
FIRN_MUST_CHECK int firn_db_replay(struct firn_db *db, firn_error *err);
/* Puts the ops of one commit into the memtables: the last one of a key wins. Only FIRN_NO_MEMORY
 * can fail. */
FIRN_MUST_CHECK int firn_db_replay_apply(const struct firn_db_op *ops, size_t count,
                                         const uint8_t *body, uint64_t sequence, firn_error *err);

/* ---- db_keyspace.c ---- */

/* Adds a keyspace under the next id. Nobody else knows the handle. */
FIRN_MUST_CHECK int firn_db_keyspace_add(struct firn_db *db, firn_slice name, firn_error *err);
void firn_db_keyspace_destroy_all(struct firn_db *db);
/* By id, or NULL. The state mutex is held, or nobody else knows the handle. */
struct firn_db_keyspace *firn_db_keyspace_at(const struct firn_db *db, uint64_t id);
size_t firn_db_keyspace_count(const struct firn_db *db);

/* ---- db_batch.c ---- */

/* For a batch in the caller's memory (zeroed is empty). */
void firn_db_batch_deinit(struct firn_db_batch *batch);

/* ---- db_write.c ---- */

/* FIRN_FAILED if the handle is latched. */
FIRN_MUST_CHECK int firn_db_write_refuse_failed(struct firn_db *db, firn_error *err);
/* Remembers the first failure; later commits are refused. */
void firn_db_write_latch(struct firn_db *db, const firn_error *err);

/* ---- db_cursor.c ---- */

/* The next in the list of open cursors. The state mutex is held. */
struct firn_db_cursor *firn_db_cursor_next_open(const struct firn_db_cursor *cursor);
void firn_db_cursor_destroy_all(struct firn_db *db);

#endif
