/* SPDX-License-Identifier: Apache-2.0
 *
 * fp.h: what the files of the Python extension share. The extension uses the stable ABI of CPython 3.9 and, of firn, only
 * include/firn (and fi_sql_store_lend and its like of the SQL extension, which is linked into the same file).
 *
 * Objects and their owners
 * - A Store object owns a core: the native handle, counted, because Arrow streams outlive Python objects and are released
 *   by threads that do not hold the GIL. The last owner closes the store.
 * - Every object that needs the store open (iterators, snapshots, transactions, scans) starts with a struct fp_child and holds a
 *   reference to its Store. The Store knows its children without owning them, so there are no cycles, and any order of
 *   garbage collection is fine. Closing the Store closes the children; afterwards they raise Closed.
 *
 * Threads
 * - All fields are guarded by the GIL. A call that may wait releases it between fp_enter and fp_leave, which count the calls
 *   that use a handle, so that no other thread closes it meanwhile: Store.close waits for them, other closes raise Misuse.
 * - Children that belong to one thread at a time are exclusive: a second thread that enters one gets Misuse instead of a race.
 *
 * After fork the child's calls get Misuse from firn itself (firn/types.h). There is no lock of the extension that a parent's
 * thread could have left locked, other than those of streams, which are only tried.
 */
#ifndef FP_H
#define FP_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>

#include <firn/firn.h>

/* What every file takes from fp_module.c: classes of the Python half, made when the module is imported and never released. */
struct fp_names {
    PyObject *errors;      /* dict: code -> class of firn._errors */
    PyObject *error;       /* firn.Error */
    PyObject *closed;      /* firn.Closed */
    PyObject *results;     /* the module firn._results: the classes of results */
    PyObject *decimal;     /* decimal.Decimal */
    PyObject *date;        /* datetime.date */
    PyObject *datetime;    /* datetime.datetime */
    PyObject *timedelta;   /* datetime.timedelta */
    PyObject *epoch;       /* datetime.datetime(1970, 1, 1, tzinfo=utc) */
    PyObject *epoch_naive; /* the same without a zone */
    PyObject *uuid;        /* uuid.UUID */
    PyObject *array;       /* array.array */
    PyTypeObject *store_type;
    PyTypeObject *keyspace_type;
    PyTypeObject *iterator_type;
    PyTypeObject *batch_type;
    PyTypeObject *txn_type;
    PyTypeObject *snapshot_type;
    PyTypeObject *table_type;
    PyTypeObject *scan_type;
    PyTypeObject *workspace_type;
};
extern struct fp_names fp_names;

/* A type as fp_module.c makes it. */
#define FP_SLOT(slot, function)  \
    {                            \
        slot, (void *)(function) \
    }
#define FP_METHOD(name, function, flags, doc)                     \
    {                                                             \
        name, (PyCFunction)(void (*)(void))(function), flags, doc \
    }
enum { FP_KEYWORDS = METH_VARARGS | METH_KEYWORDS };

/* ---- errors (fp_module.c) ---- */

/* Raises the class of a code, with the error's text. Returns NULL. */
PyObject *fp_raise(int code, const firn_error *err);
/* Raises it with a text of the extension's own. Returns NULL. */
PyObject *fp_raise_text(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
PyObject *fp_raise_closed(const char *what);
/* For Py_tp_new of types that only functions make. */
PyObject *fp_no_new(PyTypeObject *type, PyObject *args, PyObject *keywords);
/* An object of a type, all zero; NULL with MemoryError. */
void *fp_alloc(PyTypeObject *type);
/* The end of every tp_dealloc. */
void fp_free(PyObject *self);
/* An instance of a class of firn._results, from a new tuple of arguments, which it takes (NULL: an exception is set). */
PyObject *fp_result(const char *name, PyObject *arguments);
/* bytes of a slice. */
PyObject *fp_bytes_of(firn_slice bytes);
/* A str of a text that may not be UTF-8: surrogateescape, like names of files. */
PyObject *fp_text_of(const char *text, size_t size);
/* A str or None for NULL. */
PyObject *fp_text_or_none(const char *text);

/* ---- bytes from Python (fp_module.c) ---- */

/* Borrowed bytes of an argument: bytes as they are, str as UTF-8, other buffers copied (they might change while the GIL is
 * released). Release with fp_bytes_release, also after a failure. */
struct fp_bytes {
    firn_slice slice; /* data NULL: None */
    PyObject *owner;  /* NULL: the argument itself */
};
bool fp_bytes_take(PyObject *argument, struct fp_bytes *out);
/* The same, but None and NULL give a slice without data. */
bool fp_bytes_take_optional(PyObject *argument, struct fp_bytes *out);
void fp_bytes_release(struct fp_bytes *bytes);

/* The number of a word in a list ("full", "os", …, NULL); -1 with Invalid that names the words. NULL gives 0. An empty text in the list
 * only holds a place: no word is it. */
int fp_choice(const char *what, const char *word, const char *const *words);
/* Durability of an argument: None or NULL, "full", "os". False with an exception. */
bool fp_durability(const char *word, firn_durability *out);
/* Seconds (int, float, timedelta or None) to milliseconds, at least 1 unless it is 0 or None. False with an exception. */
bool fp_milliseconds(PyObject *seconds, uint64_t *out);
/* An argument that is a number and not negative. Used with "O&" and fp_count_take, which raises what names it. */
struct fp_count {
    const char *what;
    uint64_t value;
};
int fp_count_take(PyObject *argument, void *count);
/* As the unsigned of an option; what is larger stays too large for every option. */
static inline unsigned
fp_unsigned(struct fp_count count)
{
    return count.value < UINT_MAX ? (unsigned)count.value : UINT_MAX;
}
/* A path (str, bytes, os.PathLike) as bytes, a new reference. NULL with an exception. */
PyObject *fp_path(PyObject *path);

/* ---- the core of a store (fp_object.c) ---- */

struct fp_stream;

struct fp_core {
    atomic_int ref_count;
    firn_store *store; /* NULL once it is closed */
    /* Guards `streams`. Never held while a stream works; taken before a stream's own mutex is tried. */
    pthread_mutex_t mutex;
    struct fp_stream *streams;
};
/* Takes over the store. NULL: out of memory, and the store is closed. */
struct fp_core *fp_core_create(firn_store *store);
struct fp_core *fp_core_ref(struct fp_core *core);
/* The last one closes the store. Any thread; does not need the GIL. NULL is fine. */
void fp_core_unref(struct fp_core *core);

/* ---- handles (fp_object.c) ---- */

struct fp_child;

typedef struct fp_store {
    PyObject_HEAD struct fp_core *core; /* NULL: closed */
    struct fp_child *children;
    Py_ssize_t users;    /* calls that run now */
    Py_ssize_t endings;  /* native handles that are being closed now */
    uint64_t generation; /* of definitions of tables: changes may have been made when it grows */
    PyObject *path;      /* str or None */
    bool is_read_only;
    bool is_lent;    /* to connections of sqlite3 */
    bool is_closing; /* new calls raise Closed, and close waits for those that run */
} fp_store;

/* The head of every object that needs its store open. */
typedef struct fp_child {
    PyObject_HEAD fp_store *store; /* a reference; NULL: never opened */
    struct fp_child *via;  /* a reference: the transaction or snapshot that it reads; NULL: none */
    struct fp_child *next; /* of the store's list */
    struct fp_child **place; /* what points to it there; NULL: closed */
    void (*close)(
        struct fp_child *child); /* closes the native handle; may release the GIL meanwhile */
    const char *what;            /* "transaction": for messages */
    Py_ssize_t users;
    bool is_exclusive; /* one thread at a time */
} fp_child;

/* Makes an opened child known to its store, of which it takes a reference, and of via (may be NULL). */
void fp_child_init(fp_child *child, fp_store *store, fp_child *via, const char *what,
                   bool is_exclusive, void (*close)(fp_child *child));
/* Closes it now, unless a call uses it: false with Misuse. Closing twice is fine. */
bool fp_child_close(fp_child *child);
/* Closes the children that read through `via`. False with Misuse. */
bool fp_child_close_readers(fp_child *via);
/* The end of a child's life: closes it and releases its references. */
void fp_child_deinit(fp_child *child);
static inline bool
fp_child_is_open(const fp_child *child)
{
    return child->place != NULL;
}

/* A getter of a property: the object that a member of self refers to. The context is FP_MEMBER(type, member). */
PyObject *fp_get_member(PyObject *self, void *offset);
#define FP_MEMBER(type, member) ((void *)(uintptr_t)offsetof(type, member))

/* Before and after a call of firn that uses the store and (unless NULL) the child with all that it reads through. Enter
 * gives NULL with an exception, and nothing to leave. */
firn_store *fp_enter(fp_store *store, fp_child *child);
void fp_leave(fp_store *store, fp_child *child);

/* Whether this thread is inside a Python function that a call of firn waits for: then it must not wait for that call. */
extern _Thread_local int fp_callback_depth;

/* Calls of firn without the GIL: the code of `call`. */
#define FP_UNLOCKED(code, call)                       \
    do {                                              \
        PyThreadState *thread_ = PyEval_SaveThread(); \
        (code) = (call);                              \
        PyEval_RestoreThread(thread_);                \
    } while (0)

/* ---- callbacks (fp_callback.c) ---- */

/* A visit on the calling thread: takes the GIL for each call, and keeps what is raised. */
struct fp_visit {
    PyThreadState *thread; /* set while the GIL is released */
    PyObject *list;        /* collects; owned by the caller */
    PyObject *type, *value, *traceback;
    void *ctx;
};
/* The GIL is taken and given back around what a visit does. */
void fp_visit_lock(struct fp_visit *visit);
/* item is taken and appended; NULL: an exception is set. What the visit returns to firn. */
int fp_visit_append(struct fp_visit *visit, PyObject *item);
/* Keeps the present exception; returns FIRN_CANCELLED, with the GIL released. */
int fp_visit_fail(struct fp_visit *visit);
int fp_visit_done(struct fp_visit *visit);
/* After the call: raises what a visit raised, or the code; true if neither. */
bool fp_visit_end(struct fp_visit *visit, int code, const firn_error *err);
#define FP_VISITED(code, visit, call)          \
    do {                                       \
        (visit)->thread = PyEval_SaveThread(); \
        (code) = (call);                       \
        PyEval_RestoreThread((visit)->thread); \
    } while (0)

/* A visit of names: appends a str. */
int fp_visit_name(void *ctx, const char *name);
/* The names of a store, as a list. NULL with an exception. */
PyObject *fp_visit_names(fp_store *store,
                         int (*list)(firn_store *store, int (*visit)(void *, const char *),
                                     void *ctx, firn_error *err));

/* Progress and notices of a long call, from any thread of it. Checks for signals too: control-C cancels. */
struct fp_progress {
    PyObject *on_progress; /* borrowed; NULL: none */
    PyObject *on_notice;
    PyObject *type, *value, *traceback;
};
/* None means none; false with TypeError for what cannot be called. */
bool fp_progress_init(struct fp_progress *progress, PyObject *on_progress, PyObject *on_notice);
firn_callbacks fp_progress_callbacks(struct fp_progress *progress);
/* Callbacks that only look for signals, on the calling thread, and need no memory. What is raised is the thread's exception
 * once the call has returned (CANCELLED). */
firn_callbacks fp_signal_callbacks(void);
/* Like fp_visit_end. */
bool fp_progress_end(struct fp_progress *progress, int code, const firn_error *err);

/* ---- types, each in its file ---- */

extern PyType_Spec fp_store_spec, fp_keyspace_spec, fp_iterator_spec, fp_batch_spec, fp_txn_spec,
    fp_snapshot_spec, fp_table_spec, fp_scan_spec, fp_workspace_spec;

typedef struct fp_txn {
    fp_child base;
    firn_txn *txn;
    firn_durability durability;
    bool has_ended;
} fp_txn;

typedef struct fp_snapshot {
    fp_child base;
    firn_snapshot *snapshot;
} fp_snapshot;

/* A keyspace, of the store or as a transaction or snapshot sees it. Owned by the store: nothing has to be closed. */
typedef struct fp_keyspace {
    PyObject_HEAD fp_store *store;
    fp_child *via; /* a reference; NULL: the present state */
    firn_txn *txn; /* of via, if that is a transaction */
    firn_snapshot *snapshot;
    firn_keyspace *keyspace;
    PyObject *name;
} fp_keyspace;

PyObject *fp_keyspace_make(fp_store *store, fp_child *via, firn_keyspace *keyspace,
                           const char *name);
/* Opens a keyspace of a store, transaction or snapshot. */
PyObject *fp_keyspace_open(fp_store *store, fp_child *via, const char *name, bool create,
                           bool exclusive);
/* The keyspace of an argument, which has to belong to this store; NULL with an exception. */
fp_keyspace *fp_keyspace_of(PyObject *argument, fp_store *store);

enum fp_items { FP_KEYS, FP_VALUES, FP_ITEMS };
PyObject *fp_iterate(fp_keyspace *keyspace, PyObject *args, PyObject *keywords,
                     enum fp_items items);

PyObject *fp_txn_open(fp_store *store, PyObject *args, PyObject *keywords);
PyObject *fp_snapshot_open(fp_store *store, PyObject *args, PyObject *keywords);
PyObject *fp_batch_open(fp_store *store, PyObject *args, PyObject *keywords);
/* "add", "append", "min", "max" and an operand (int or bytes). False with an exception. */
bool fp_merge_arguments(const char *operation, PyObject *operand, firn_merge_operator *out,
                        uint8_t number[8], struct fp_bytes *out_operand);

#endif
