/* SPDX-License-Identifier: Apache-2.0
 *
 * storefile/storefile.h: the bytes that the store itself writes, drawn once. docs/formats/store.md
 * describes them in prose.
 *
 * File FIRN, 64 bytes. All integers are little-endian.
 *
 *     0  8  magic "firnstor"
 *     8  4  format version: 1 to 8; from 2 on there must be a MANIFEST
 *    12  4  flags: bit 0, the store is encrypted, with the keys in FIRN.keys
 *    16 16  store id: random
 *    32  8  time of creation, nanoseconds since 1970
 *    40  4  the cipher of new files (cipher/cipher.h); 0 in a store in clear
 *    44 16  zero
 *    60  4  CRC-32C of bytes 0 to 59
 *
 * A commit: one record of type 16 in the log.
 *
 *     0  8  sequence, larger than that of the previous commit
 *     8  1  flags, 0
 *     9  …  varint: count of operations, at least 1
 *           the operations, and nothing after them; each: varint keyspace, byte kind (1 put,
 *           2 delete, 3 range delete, 4 merge, 5 expiring put), varint key size, key, varint value
 *           size, value
 */
#ifndef FIRN_STOREFILE_STOREFILE_H
#define FIRN_STOREFILE_STOREFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/entry.h"
#include "base/error.h"
#include "base/reader.h"
#include "base/step.h"
#include "firn/notice.h"
#include "os/os.h"

#define FI_STOREFILE_IDENTITY_NAME "FIRN"
#define FI_STOREFILE_IDENTITY_TMP_NAME "FIRN.tmp"
#define FI_STOREFILE_LOCK_NAME "LOCK"
#define FI_STOREFILE_RESERVE_NAME "RESERVE"
#define FI_STOREFILE_PACKS_NAME "packs"
#define FI_STOREFILE_OUTGOING_NAME "outgoing" /* a folder: packs that are being pushed */
#define FI_STOREFILE_INCOMING_NAME "incoming" /* likewise pulled, under the lock of the store */
#define FI_STOREFILE_KEYS_NAME "FIRN.keys"
#define FI_STOREFILE_KEYS_TMP_NAME "FIRN.keys.tmp"

enum {
    FI_STOREFILE_VERSION_LOG = 1, /* the log has everything; there is no MANIFEST */
    FI_STOREFILE_VERSION = 8,
    FI_STOREFILE_IDENTITY_SIZE = 64,
    FI_STOREFILE_ID_SIZE = 16,
    FI_STOREFILE_HEADER_MAX = 19,   /* of a commit */
    FI_STOREFILE_OP_FRAME_MAX = 14, /* of an operation: all but key and value */
    FI_STOREFILE_OP_SIZE_MIN = 4
};

/* A record of the log that names a version of MANIFEST (db_replay_attest.c). 8 bytes; from format
 * version 7 on 8 more: the sequence of the last change in the history that this version has, or 0.
 * Commits have type 16, changes of the history 17. */
enum {
    FI_STOREFILE_TYPE_VOUCH = 18,
    FI_STOREFILE_VOUCH_OLD_SIZE = 8,
    FI_STOREFILE_VOUCH_SIZE = 16
};

/* Sequences go from 1 to this. */
#define FI_STOREFILE_SEQUENCE_MAX (UINT64_MAX - 1)

struct fi_storefile_identity {
    uint32_t version;
    uint32_t cipher; /* of new files; 0: the store is in clear */
    uint8_t id[FI_STOREFILE_ID_SIZE];
    int64_t created_ns;
};

void fi_storefile_put_identity(const struct fi_storefile_identity *identity,
                               uint8_t out[FI_STOREFILE_IDENTITY_SIZE]);
/* Whether bytes begin like an identity, of any version, valid or not. */
bool fi_storefile_is_identity(firn_slice bytes);
/* FIRN_CORRUPT or FIRN_NEWER, naming path. */
FIRN_MUST_CHECK int fi_storefile_get_identity(firn_slice bytes, const char *path,
                                              struct fi_storefile_identity *out, firn_error *err);

/* Writes the header of a commit; returns its size. */
size_t fi_storefile_put_header(uint64_t sequence, uint64_t count,
                               uint8_t out[FI_STOREFILE_HEADER_MAX]);

/* An operation as it is in a record. */
struct fi_storefile_op {
    uint64_t keyspace;
    enum fi_entry_kind kind;
    firn_slice key;
    firn_slice value;
};

/* The places of key and value of an operation. */
struct fi_storefile_place {
    size_t key_offset;
    size_t value_offset;
};
/* Appends an operation; on FIRN_NO_MEMORY out is unchanged. Places are counted from the start of
 * out. */
FIRN_MUST_CHECK int fi_storefile_append_op(struct fi_buf *out, const struct fi_storefile_op *op,
                                           struct fi_storefile_place *place);

/* By how much an operation grows if its value of value_size bytes grows by more_size. */
size_t fi_storefile_extend_size(size_t value_size, size_t more_size);
/* Appends more, which must not be in the record, to the value of an operation. *place is updated if
 * the value moves. Requires: fi_storefile_extend_size bytes after the value are free. */
void fi_storefile_extend_op(uint8_t *record, struct fi_storefile_place *place, size_t value_size,
                            firn_slice more);

/* A commit record being read. Nothing in it is trusted. */
struct fi_storefile_commit {
    uint64_t sequence;
    uint64_t count; /* of operations; the record has enough bytes for them */
    struct fi_reader ops;
};
/* Both return FIRN_OK, FIRN_CORRUPT or FIRN_NEWER; *what says in a few words what is wrong. get_op
 * is to be called count times; the last call also detects bytes left over. */
FIRN_MUST_CHECK int fi_storefile_get_header(firn_slice record, struct fi_storefile_commit *out,
                                            const char **what);
FIRN_MUST_CHECK int fi_storefile_get_op(struct fi_storefile_commit *commit,
                                        struct fi_storefile_op *out, const char **what);

/* ---- one writing handle at a time (storefile_lock.c); any thread ---- */

struct fi_storefile_lock;

/* FIRN_BUSY, which names the holder, if another has the lock for all of the timeout; negative: no
 * limit. */
FIRN_MUST_CHECK int fi_storefile_lock_acquire(struct fi_os_dir *dir, int64_t timeout_ms,
                                              struct fi_storefile_lock **out, firn_error *err);

/* The same without leaving a trace in the file. *out is NULL if there is no lock to take: the file
 * does not exist, and may not or cannot be created, or it cannot be locked. */
FIRN_MUST_CHECK int fi_storefile_lock_hold(struct fi_os_dir *dir, bool may_create,
                                           int64_t timeout_ms, struct fi_storefile_lock **out,
                                           firn_error *err);

/* Locks the identity file too, which the caller has just created. Requires: the lock was acquired
 * when there was none. */
FIRN_MUST_CHECK int fi_storefile_lock_guard(struct fi_storefile_lock *lock, struct fi_os_dir *dir,
                                            firn_error *err);

/* Whether what is locked still has its names in the directory; FIRN_FAILED if not: another process
 * may write to the store, and the caller must not. */
FIRN_MUST_CHECK int fi_storefile_lock_check(const struct fi_storefile_lock *lock,
                                            struct fi_os_dir *dir, firn_error *err);

/* The file LOCK, open for writing; the lock's. NULL if only the identity file is locked. */
struct fi_os_file *fi_storefile_lock_file(const struct fi_storefile_lock *lock);

/* NULL is fine. */
void fi_storefile_lock_release(struct fi_storefile_lock *lock);

/* ---- removing a store (storefile_remove.c) ---- */

/* Removes a store with everything in it. FIRN_LIMIT if directories are nested deeper than in any
 * store. Nothing is synced. */
FIRN_MUST_CHECK int fi_storefile_remove_tree(struct fi_os_dir *parent, const char *name,
                                             firn_error *err);

/* ==== progress of long operations ====
 *
 * Reports progress to a callback, a few times a second, and asks whether to continue. One thread.
 */

/* Zeroed: there is no callback. */
struct fi_storefile_progress {
    int (*on_progress)(void *ctx, const firn_progress *progress); /* may be NULL */
    void *ctx;
    struct fi_os *os;
    firn_progress now;
    uint64_t untold_bytes; /* since the clock was read */
    int64_t due_ns;
    struct fi_step step;
};

/* Begins a phase, with nothing done, and reports it. A total of 0 means unknown. Here and below
 * FIRN_CANCELLED if the callback ends the operation. */
FIRN_MUST_CHECK int fi_storefile_progress_begin(struct fi_storefile_progress *progress,
                                                const char *phase, uint64_t files_total,
                                                uint64_t bytes_total, firn_error *err);
/* Adds to what is done. */
FIRN_MUST_CHECK int fi_storefile_progress_step(struct fi_storefile_progress *progress,
                                               uint64_t files, uint64_t bytes, firn_error *err);
/* Begins a phase of work that reports its steps to *out, which lives as long as progress. NULL for
 * both: no reports. */
FIRN_MUST_CHECK int fi_storefile_progress_begin_steps(struct fi_storefile_progress *progress,
                                                      const char *phase, uint64_t files_total,
                                                      uint64_t bytes_total,
                                                      const struct fi_step **out, firn_error *err);

#endif
