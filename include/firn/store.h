/* SPDX-License-Identifier: Apache-2.0
 *
 * firn/store.h: ordered key-value pairs in named keyspaces, written atomically, read at a fixed
 * view.
 *
 * Caveats first.
 * - One process writes at a time: a second firn_store_open for writing fails with FIRN_BUSY.
 *   Read-only handles, in any number of processes, see the state of the moment at which they were
 *   opened.
 * - With FIRN_DURABILITY_FULL (the default) a commit is on disk when its call returns FIRN_OK. With
 *   FIRN_DURABILITY_OS it survives the process, not a power cut; firn_store_sync() makes all
 *   earlier commits durable.
 * - After a crash the store shows a prefix of the commits in order, each whole.
 * - A failed write or sync latches the handle: later commits return FIRN_FAILED until the store is
 *   closed and opened again; reads go on. A commit that failed so is not seen through this handle;
 *   after the next opening it is there whole or not at all. Refusals (FIRN_LIMIT, FIRN_INVALID,
 *   FIRN_NO_MEMORY) leave no trace and latch nothing; the one exception is memory that runs out
 *   while a large batch is taken over, which latches like a failed write.
 * - A store, its keyspaces and firn_get, firn_put, firn_delete, firn_write may be used by several
 *   threads at once. A batch or a cursor belongs to one thread at a time.
 * - Close cursors before the store: firn_store_close with open cursors fails with FIRN_MISUSE and
 *   changes nothing. Keyspace handles are owned by the store and go with it.
 *
 * Limits: a key is 0 to 65,535 bytes, a value at most 256 MiB, a batch at most 512 MiB in all;
 * names of keyspaces are 1 to 255 bytes of UTF-8 and do not begin with "firn." (kept for firn
 * itself). Beyond: FIRN_LIMIT or FIRN_INVALID, and nothing is changed. An empty value is a value.
 */
#ifndef FIRN_STORE_H
#define FIRN_STORE_H

#include <stdbool.h>

#include "types.h"

#ifdef __cplusplus
extern "C" {
#endif

enum {
    FIRN_KEY_SIZE_MAX = 65535,
    FIRN_VALUE_SIZE_MAX = 256 << 20,
    FIRN_BATCH_SIZE_MAX = 512 << 20,
    FIRN_KEYSPACE_NAME_SIZE_MAX = 255
};

typedef struct firn_db firn_store;
typedef struct firn_db_keyspace firn_keyspace;
typedef struct firn_db_batch firn_batch;
typedef struct firn_db_cursor firn_cursor;

typedef enum firn_durability {
    FIRN_DURABILITY_DEFAULT = 0, /* the store's */
    FIRN_DURABILITY_FULL = 1,    /* on disk when the commit returns */
    FIRN_DURABILITY_OS = 2       /* handed to the kernel */
} firn_durability;

typedef struct firn_store_options {
    size_t size;                /* sizeof(firn_store_options) */
    bool create_if_missing;     /* default true */
    bool fail_if_exists;        /* default false */
    bool read_only;             /* default false; never writes anything, takes no lock */
    firn_durability durability; /* default FULL */
    int64_t lock_timeout_ms;    /* how long to wait for another writer, ≥ 0; default 0 */
} firn_store_options;
#define FIRN_STORE_OPTIONS_INIT                                                    \
    {                                                                              \
        sizeof(firn_store_options), true, false, false, FIRN_DURABILITY_DEFAULT, 0 \
    }

typedef struct firn_write_options {
    size_t size; /* sizeof(firn_write_options) */
    firn_durability durability;
} firn_write_options;
#define FIRN_WRITE_OPTIONS_INIT                             \
    {                                                       \
        sizeof(firn_write_options), FIRN_DURABILITY_DEFAULT \
    }

/* Opens the store in the directory `path`, creating it (0700) if it is missing and that is
 * allowed. FIRN_BUSY names the process that writes; FIRN_CORRUPT names file and offset;
 * FIRN_NEWER the version found. */
FIRN_API FIRN_MUST_CHECK int firn_store_open(const char *path, const firn_store_options *options,
                                             firn_store **out, firn_error *err);
/* Makes everything durable and releases the handle, which is gone unless FIRN_MISUSE is
 * returned. NULL is fine. */
FIRN_API FIRN_MUST_CHECK int firn_store_close(firn_store *store, firn_error *err);
/* Makes every commit that returned before this call durable. */
FIRN_API FIRN_MUST_CHECK int firn_store_sync(firn_store *store, firn_error *err);

typedef struct firn_check_report {
    size_t size;            /* sizeof(firn_check_report), set by the caller */
    uint64_t keyspaces;     /* looked at, firn's own included */
    uint64_t entries;       /* that the newest view shows */
    uint64_t log_records;   /* read again from disk and verified */
    uint64_t damaged_count; /* things reported through on_damage */
} firn_check_report;
/* Reads every file of the store again and verifies all of it. on_damage (may be NULL) is called
 * for each damaged thing with a text that names file and offset. FIRN_CORRUPT if there was any. */
FIRN_API FIRN_MUST_CHECK int firn_store_check(firn_store *store,
                                              void (*on_damage)(void *ctx, const char *text),
                                              void *ctx, firn_check_report *report,
                                              firn_error *err);

/* Opens a keyspace by name, creating it (one commit) if it is missing and the store is writable;
 * FIRN_NOT_FOUND if it is missing and the store is read-only. The handle is owned by the store;
 * opening a name twice gives the same. */
FIRN_API FIRN_MUST_CHECK int firn_keyspace_open(firn_store *store, const char *name,
                                                const void *reserved, firn_keyspace **out,
                                                firn_error *err);
/* Calls visit with each name in byte order; a return other than FIRN_OK ends the listing and is
 * returned. */
FIRN_API FIRN_MUST_CHECK int firn_keyspace_list(firn_store *store,
                                                int (*visit)(void *ctx, const char *name),
                                                void *ctx, firn_error *err);

/* One commit each; options may be NULL. Deleting what is not there succeeds. */
FIRN_API FIRN_MUST_CHECK int firn_put(firn_keyspace *keyspace, firn_slice key, firn_slice value,
                                      const firn_write_options *options, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_delete(firn_keyspace *keyspace, firn_slice key,
                                         const firn_write_options *options, firn_error *err);
/* A copy of the newest value, to be released with firn_release; FIRN_NOT_FOUND (and *out NULL)
 * if there is none. An empty value gives a non-NULL pointer and size 0. */
FIRN_API FIRN_MUST_CHECK int firn_get(firn_keyspace *keyspace, firn_slice key, uint8_t **out,
                                      size_t *out_size, firn_error *err);

/* A batch collects writes to any keyspaces of one store; later ones win over earlier ones of the
 * same key. */
FIRN_API FIRN_MUST_CHECK int firn_batch_create(firn_batch **out, firn_error *err);
FIRN_API void firn_batch_destroy(firn_batch *batch);
FIRN_API void firn_batch_clear(firn_batch *batch);
FIRN_API size_t firn_batch_count(const firn_batch *batch);
/* Copy key and value. */
FIRN_API FIRN_MUST_CHECK int firn_batch_put(firn_batch *batch, firn_keyspace *keyspace,
                                            firn_slice key, firn_slice value, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_batch_delete(firn_batch *batch, firn_keyspace *keyspace,
                                               firn_slice key, firn_error *err);
/* Commits all of the batch or nothing of it. The batch is left as it is. An empty batch
 * succeeds. */
FIRN_API FIRN_MUST_CHECK int firn_write(firn_store *store, const firn_batch *batch,
                                        const firn_write_options *options, firn_error *err);

/* A cursor walks the keys of one keyspace in byte order, at the view of the moment it was
 * opened, over [lower, upper). It starts nowhere: call first, last or seek. Keys and values are
 * borrowed until the cursor moves or closes. */
typedef struct firn_cursor_options {
    size_t size;       /* sizeof(firn_cursor_options) */
    const void *lower; /* first key included; NULL is no bound */
    size_t lower_size;
    const void *upper; /* first key excluded; NULL is no bound */
    size_t upper_size;
    const void *prefix; /* if not NULL: only keys that begin so, in addition to the bounds */
    size_t prefix_size;
} firn_cursor_options;
#define FIRN_CURSOR_OPTIONS_INIT                               \
    {                                                          \
        sizeof(firn_cursor_options), NULL, 0, NULL, 0, NULL, 0 \
    }
FIRN_API FIRN_MUST_CHECK int firn_cursor_open(firn_keyspace *keyspace,
                                              const firn_cursor_options *options, firn_cursor **out,
                                              firn_error *err);
FIRN_API void firn_cursor_close(firn_cursor *cursor);
/* Each returns FIRN_OK also where there is no such entry: ask firn_cursor_valid. */
FIRN_API FIRN_MUST_CHECK int firn_cursor_first(firn_cursor *cursor, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_cursor_last(firn_cursor *cursor, firn_error *err);
/* To the first key ≥ key, or (seek_before) the last key < key, within the bounds. */
FIRN_API FIRN_MUST_CHECK int firn_cursor_seek(firn_cursor *cursor, firn_slice key, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_cursor_seek_before(firn_cursor *cursor, firn_slice key,
                                                     firn_error *err);
/* Past either end the cursor becomes invalid. FIRN_MISUSE on a cursor that is not valid. */
FIRN_API FIRN_MUST_CHECK int firn_cursor_next(firn_cursor *cursor, firn_error *err);
FIRN_API FIRN_MUST_CHECK int firn_cursor_prev(firn_cursor *cursor, firn_error *err);
FIRN_API bool firn_cursor_valid(const firn_cursor *cursor);
/* Only while valid; an empty slice otherwise. */
FIRN_API firn_slice firn_cursor_key(const firn_cursor *cursor);
FIRN_API firn_slice firn_cursor_value(const firn_cursor *cursor);

#ifdef __cplusplus
}
#endif
#endif
