/* SPDX-License-Identifier: Apache-2.0
 *
 * kv.h: the interface that each engine of the key-value benchmark implements.
 *
 * A program has one engine: engine_*.c defines kv_engine, the other sources drive it. Failures end
 * the process with a message (kv_die), so no function below returns an error: a failed row must not
 * look like a slow one.
 *
 * A store may be used by several threads, a worker by one. Results of get and of the cursor are
 * borrowed until the next call on the same worker. A worker has one cursor, and no other call comes
 * between cursor_seek and cursor_end.
 */
#ifndef BENCH_KV_H
#define BENCH_KV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct kv_bytes {
    const void *data;
    size_t size;
};

struct kv_pair {
    struct kv_bytes key, value;
};

struct kv_setup {
    const char *directory; /* exists; empty, or with a store of the same engine */
    uint64_t memory_bytes; /* for everything that the engine keeps in memory */
    bool synced;           /* each write is on disk when its call returns; else in the kernel */
    unsigned spaces;       /* keyspaces beside the usual one, for put_into and get_from */
};

/* Of the engine's own making. */
struct kv_store;
struct kv_worker;

struct kv_engine {
    const char *name;
    bool has_budget; /* its memory can be set: rows with little memory say something about it */
    const char *(*version)(void);
    struct kv_store *(*open)(const struct kv_setup *setup);
    void (*close)(struct kv_store *store); /* after its workers are destroyed */
    struct kv_worker *(*worker_create)(struct kv_store *store);
    void (*worker_destroy)(struct kv_worker *worker);

    void (*put)(struct kv_worker *worker, struct kv_bytes key, struct kv_bytes value);
    void (*put_batch)(struct kv_worker *worker, const struct kv_pair *pairs, size_t count);
    void (*remove)(struct kv_worker *worker, struct kv_bytes key);
    /* False if there is no such key. */
    bool (*get)(struct kv_worker *worker, struct kv_bytes key, struct kv_bytes *out_value);
    /* The same without a copy of the value, if the engine has that as another call. NULL: get. */
    bool (*get_pinned)(struct kv_worker *worker, struct kv_bytes key, struct kv_bytes *out_value);

    /* The same in one of setup.spaces, from 0. NULL: the engine has no such thing. */
    void (*put_into)(struct kv_worker *worker, unsigned space, struct kv_bytes key,
                     struct kv_bytes value);
    bool (*get_from)(struct kv_worker *worker, unsigned space, struct kv_bytes key,
                     struct kv_bytes *out_value);

    /* To the first entry whose key is not smaller, or the next one, as of the moment of the seek;
     * false at the end. The empty key seeks the first entry. Verifies checksums as get does. */
    bool (*cursor_seek)(struct kv_worker *worker, struct kv_bytes key, struct kv_pair *out);
    bool (*cursor_next)(struct kv_worker *worker, struct kv_pair *out);
    void (*cursor_end)(struct kv_worker *worker);

    void (*sync)(struct kv_store *store);  /* NULL: the engine has no such call */
    void (*flush)(struct kv_store *store); /* from memory and log into its tables; NULL likewise */

    /* A named state of the whole store, on disk when the call returns, that is kept whatever is
     * written later. NULL, like the others, where the engine has no such thing. */
    void (*checkpoint)(struct kv_store *store, const char *name);
    /* Makes the store what it was then; it stays open, and on disk it is so as well. */
    void (*restore)(struct kv_store *store, const char *name);
    /* How many keys have other values in the second state than in the first. */
    uint64_t (*difference)(struct kv_store *store, const char *before, const char *after);
};

extern const struct kv_engine kv_engine;

/* Says which engine was doing what and ends the process with status 1. Any thread. */
_Noreturn void kv_die(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
