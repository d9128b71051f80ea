/* SPDX-License-Identifier: Apache-2.0
 *
 * addon.h: the interface among the files of the Node addon. The addon is a thin layer: lib/ (JavaScript) has the classes that
 * users meet, and calls functions of the addon with numbers for handles. Reading order: handle.c (handles and their
 * lifetimes), call.c (how a call runs, on the event loop or off it), convert.c (JavaScript values), then kv.c, write.c,
 * state.c, table.c, scan.c, exchange.c, compare.c, statement.c, workspace.c, remote.c, keys.c (what can be called).
 *
 * Threads. Everything here runs on the thread of its environment (the main thread, or that of a worker), except
 * `run` of a call, which runs in libuv's pool. `run` uses firn's handles and memory of its call, and nothing of
 * Node-API. All state hangs on the environment's `struct instance`; there are no globals, so each worker thread has
 * its own.
 */
#ifndef FIRN_NODE_ADDON_H
#define FIRN_NODE_ADDON_H

#define NAPI_VERSION 8
#include <assert.h>
#include <firn/firn.h>
#include <node_api.h>
#include <stdatomic.h>

enum handle_kind {
    HANDLE_NONE = 0,
    HANDLE_STORE = 1,
    HANDLE_KEYSPACE = 2,
    HANDLE_SNAPSHOT = 4,
    HANDLE_TXN = 8,
    HANDLE_BATCH = 16,
    HANDLE_CURSOR = 32,
    HANDLE_TABLE = 64,
    HANDLE_SCAN = 128,
    HANDLE_BULK = 256,
    HANDLE_WORKSPACE = 512,
    HANDLE_MONITOR = 1024,
    HANDLE_SQL = 2048, /* a connection of SQLite */
    HANDLE_STATEMENT = 4096
};

/* ---- memory that lives as long as a call ---- */

struct arena_block;
struct arena {
    struct arena_block *blocks;
};
/* NULL if there is no memory. Aligned for everything; uninitialised. */
void *arena_take(struct arena *arena, size_t size);
/* A copy with a NUL after it. NULL if there is no memory. */
uint8_t *arena_copy(struct arena *arena, const void *data, size_t size);
void arena_free(struct arena *arena);

/* ---- handles (handle.c) ---- */

struct call;
struct key;
struct handle {
    enum handle_kind kind;
    struct instance *instance;
    uint32_t slot;
    uint32_t generation;
    struct handle *parent; /* must be closed later; NULL of stores, batches, workspaces, monitors */
    struct handle *first_child;
    struct handle *next_sibling;
    void *
        object; /* of firn; of a table: struct table_object; of a monitor: struct monitor; of SQL: see statement.h */
    struct handle *lane;  /* whose calls run one after the other; itself, or its transaction */
    struct call *waiting; /* calls of this lane that wait for their turn */
    struct call **waiting_end;
    struct call *closer; /* the call that closes it, waiting for `pending` to become 0 */
    size_t pending;      /* calls under way that use it or one of its descendants */
    bool is_busy;        /* a call of this lane runs */
    bool is_closed;      /* no call may use it any more */
    bool is_lent;        /* a store that SQL was used with */
    struct key *key; /* of a workspace: what opens its store, asked for by later calls; or NULL */
    atomic_uint
        changes; /* of definitions of a store's tables, by calls of this process: SQL looks at them anew */
};

/* A new handle that owns `object`; NULL if there is no memory, and the object is still the caller's. */
struct handle *handle_create(struct instance *instance, enum handle_kind kind,
                             struct handle *parent, void *object);
/* The open handle with a number; NULL if there is none, or it is none of the kinds. */
struct handle *handle_find(struct instance *instance, double number, unsigned kinds);
double handle_number(const struct handle *handle);
/* Counts a call that uses the handle, and its end. */
void handle_use(struct handle *handle);
void handle_unuse(struct handle *handle);
/* Marks the handle and its descendants closed, so that no new call begins with them. */
void handle_mark_closed(struct handle *handle);
/* Closes the objects of the descendants, then that of the handle. Any thread, without calls under way. FIRN_BUSY of a store that SQL
 * of another store has attached: then its own object is still open. */
int handle_close_objects(struct handle *handle, firn_error *err);
/* Closes the objects below the handle, but not its own. */
void handle_close_children(struct handle *handle);
/* Frees the handle and its descendants, whose objects were closed. */
void handle_free(struct handle *handle);
/* Makes a handle usable again whose own object could not be closed; its descendants are freed. */
void handle_reopen(struct handle *handle);

/* ---- an environment ---- */

struct instance {
    napi_env env;
    struct handle **slots;
    uint32_t *generations;
    uint32_t slot_count;
    uint32_t slot_capacity;
    uint32_t *free_slots;
    uint32_t free_count;
    napi_ref error_class;
};
void instance_close_all(struct instance *instance);

/* ---- calls (call.c) ---- */

enum { CALL_USES_MAX = 4, CALL_ARGS_MAX = 22 };

enum call_flags {
    CALL_IN_LANE = 1, /* waits for earlier calls of the first handle's lane */
    CALL_CLOSES =
        2, /* ends its first handle: waits for all calls that use it, and frees it afterwards */
    CALL_GROUPS = 4 /* a put or delete, which may be committed with its neighbours */
};

struct args {
    napi_env env;
    struct instance *instance;
    struct call *call; /* NULL: a call on the fast path, which copies nothing */
    size_t count;
    napi_value values[CALL_ARGS_MAX];
};

struct call_kind {
    const char *name;
    size_t size; /* of the struct that begins with struct call */
    unsigned flags;
    /* Reads the arguments; false after throwing. */
    bool (*parse)(struct args *args, struct call *call);
    /* Does the work, in any thread. */
    int (*run)(struct call *call, firn_error *err);
    /* The result; NULL: undefined. May throw. */
    napi_value (*finish)(napi_env env, struct call *call);
    /* Releases what the arena does not. May be NULL. Called once, whatever happened. */
    void (*release)(struct call *call);
};

struct monitor;
struct call {
    const struct call_kind *kind;
    struct instance *instance;
    struct handle *uses[CALL_USES_MAX];
    size_t use_count;
    struct handle *lane;
    struct call *next;  /* in the lane */
    struct call *group; /* calls that are committed with this one */
    napi_async_work work;
    napi_deferred deferred;
    struct monitor *monitor;
    struct arena arena;
    bool is_sync;
    int code;
    firn_error *err;
};

/* A call with CALL_CLOSES begins with this. */
struct closing {
    struct call call;
    struct handle *target;
};
/* The first argument is the handle that the call will close. */
bool arg_target(struct args *args, unsigned kinds, struct handle **out);

/* Defines name and nameSync for each kind of the table, which ends with a NULL name. */
bool calls_define(struct instance *instance, napi_value exports, const struct call_kind *kinds);
bool function_define(struct instance *instance, napi_value exports, const char *name,
                     napi_callback function);
extern const struct call_kind kv_calls[], write_calls[], state_calls[], table_calls[], scan_calls[],
    exchange_calls[], compare_calls[], statement_calls[], workspace_calls[], workspace_list_calls[],
    remote_calls[], keys_calls[];
bool kv_define(struct instance *instance, napi_value exports);
bool write_define(struct instance *instance, napi_value exports);
bool monitor_define(struct instance *instance, napi_value exports);
/* Reads the arguments of a fast function into `args`; false after throwing. */
bool args_read(napi_env env, napi_callback_info info, struct args *args);
/* Bytes for the duration of a fast function: of a string in `buffer`, or in *heap if that is too small, which is to be
 * freed also after false; of a view where they lie. False after throwing an error that calls the argument `what`. */
bool fast_bytes(struct args *args, size_t i, const char *what, uint8_t *buffer, size_t capacity,
                uint8_t **heap, firn_slice *out);
/* Commits calls that are puts and deletes of one store together, and sets the code of each. */
void write_run_group(struct call *first);
bool write_can_join(const struct call *first, const struct call *next);

/* ---- monitors: progress, notices, cancelling (workspace.c, monitor.c) ---- */

firn_callbacks monitor_callbacks(struct monitor *monitor);
void monitor_destroy(struct monitor *monitor);

/* ---- conversions (convert.c). Each that takes `args` returns false after throwing. ---- */

bool throw_error(struct instance *instance, int code, int os_errno, const char *text);
bool throw_invalid(struct args *args, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
bool throw_no_memory(struct instance *instance);
napi_value error_create(struct instance *instance, int code, int os_errno, const char *text);

/* A handle of one of the kinds, which the call uses from now on. */
bool arg_handle(struct args *args, size_t i, unsigned kinds, struct handle **out);
/* The same, or undefined or null: *out is NULL. */
bool arg_handle_or_none(struct args *args, size_t i, unsigned kinds, struct handle **out);
/* A transaction or a snapshot of the same store as `of`, or undefined or null: *out is NULL. */
bool arg_context(struct args *args, size_t i, unsigned kinds, const struct handle *of,
                 struct handle **out);
bool arg_is_none(struct args *args, size_t i);
/* Bytes of a string (as UTF-8), a view or an ArrayBuffer. Copied into the call; undefined or null gives data NULL. */
bool value_bytes(struct args *args, napi_value value, const char *what, firn_slice *out);
/* Whether the UTF-8 that Node made of a string says what the string does; else throws. */
bool string_is_whole(struct args *args, napi_value string, const uint8_t *utf8, size_t size,
                     const char *what);
/* Whether a view or an ArrayBuffer, which has that size, still has its memory; else throws. */
bool memory_is_there(struct args *args, napi_value view, size_t size, const char *what);
bool arg_bytes(struct args *args, size_t i, const char *what, firn_slice *out);
bool arg_bytes_or_none(struct args *args, size_t i, const char *what, firn_slice *out);
/* What opens an encrypted store: the argument, and whether it was a text. A copy, wiped by key_wipe. */
struct key {
    bool is_given;
    bool is_text; /* a passphrase or a recovery code; else what is in a key file */
    size_t size;
    uint8_t bytes[4096];
};
bool arg_key(struct args *args, size_t i, struct key *out); /* at i, and a bool at i + 1 */
/* A source that gives this key, if it is given. It is needed as long as the source. */
firn_keys_source key_source(struct key *key);
void key_wipe(struct key *key);
/* Wipes it, and frees it. NULL is fine. */
void key_destroy(struct key *key);
/* A string without NUL, copied into the call; undefined or null gives NULL. */
bool value_text(struct args *args, napi_value value, const char *what, const char **out);
bool arg_text(struct args *args, size_t i, const char *what, const char **out);
bool arg_text_or_none(struct args *args, size_t i, const char *what, const char **out);
bool arg_bool(struct args *args, size_t i, const char *what, bool *out); /* undefined is false */
/* A whole number >= 0 as number or BigInt; undefined gives `otherwise`. */
bool arg_u64(struct args *args, size_t i, const char *what, uint64_t otherwise, uint64_t *out);
bool arg_i64(struct args *args, size_t i, const char *what, int64_t *out);
bool arg_double(struct args *args, size_t i, const char *what, double otherwise, double *out);
/* Whether the library has a merge operator of this number (write.c). */
bool is_operator(int number);
bool arg_enum(struct args *args, size_t i, const char *what, int max,
              int *out); /* undefined is 0 */
/* An array of strings; undefined gives NULL and 0. */
bool arg_texts(struct args *args, size_t i, const char *what, const char *const **out,
               size_t *out_count);
bool arg_slices(struct args *args, size_t i, const char *what, firn_slice **out, size_t *out_count);
bool arg_write_options(struct args *args, size_t durability, size_t ttl, firn_write_options *out);

napi_value make_handle(napi_env env, struct call *call, enum handle_kind kind,
                       struct handle *parent, void **object);
napi_value make_buffer(napi_env env, const void *data, size_t size);
/* Gives memory of malloc to a buffer, or copies and frees it. */
napi_value make_buffer_of(napi_env env, void *data, size_t size);
napi_value make_text(napi_env env, const char *text, size_t size);
napi_value make_number(napi_env env, double number);
napi_value make_bool(napi_env env, bool truth);
void set_value(napi_env env, napi_value object, const char *name, napi_value value);
void set_text(napi_env env, napi_value object, const char *name, const char *text);
void set_slice(napi_env env, napi_value object, const char *name, firn_slice text);
void set_number(napi_env env, napi_value object, const char *name, double number);
void set_bool(napi_env env, napi_value object, const char *name, bool truth);
void set_bigint(napi_env env, napi_value object, const char *name, int64_t number);
/* Milliseconds as a Date, and nanoseconds as a BigInt. */
void set_time(napi_env env, napi_value object, int64_t ns);

/* ---- values of tables (values.c) ---- */

struct table_object {
    firn_table *table;
    /* As of when the table was opened or changed through this handle. Used and replaced on the event loop only. */
    firn_table_def *def;
    /* Earlier ones, which calls may still have columns of. */
    firn_table_def **retired;
    size_t retired_count;
};
/* A JavaScript value as a value of a column; column NULL: of the type that it looks like. */
bool value_from_js(struct args *args, napi_value js, const firn_table_column *column,
                   firn_value *out);
/* An array of values of columns, of which there are column_count, again and again; columns NULL: of the types that they
 * look like. undefined gives none. */
bool arg_values(struct args *args, size_t i, const firn_table_column *const *columns,
                size_t column_count, firn_value **out, size_t *out_count);
/* The columns with some names; a name that is unknown gives NULL, and firn refuses it later. NULL after throwing. */
const firn_table_column **columns_named(struct args *args, const firn_table_def *def,
                                        const char *const *names, size_t count);
/* The columns of the primary key, or of an index. NULL after throwing. */
const firn_table_column **columns_of_key(struct args *args, const firn_table_def *def,
                                         const char *index, size_t *out_count);
/* NULL after throwing: FIRN_LIMIT if numbers are asked for and an integer is beyond 2^53. */
napi_value value_to_js(struct instance *instance, const firn_value *value,
                       const firn_table_column *column, bool as_numbers);
/* Whether values of a type are bytes. */
bool type_has_bytes(firn_type type);
/* Copies a value and its bytes; false if there is no memory. */
bool value_keep(struct arena *arena, const firn_value *value, firn_value *out);
void table_object_destroy(struct table_object *table);
firn_table_column column_of_scan(const firn_scan *scan, size_t i);
napi_value column_to_js(napi_env env, const firn_table_column *column);

#endif
