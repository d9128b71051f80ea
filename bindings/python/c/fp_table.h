/* SPDX-License-Identifier: Apache-2.0
 *
 * fp_table.h: tables, and what the files that read and write their rows share.
 */
#ifndef FP_TABLE_H
#define FP_TABLE_H

#include "fp.h"

/* ---- values (fp_value.c) ---- */

/* The Python object of a value. scale: of a decimal. NULL with an exception. */
PyObject *fp_value_object(const firn_value *value, uint32_t scale);
/* The value of a Python object for a column, or (NULL) for a parameter. What its bytes belong to is appended to the list
 * `keep`, or is the object itself. False with an exception. */
bool fp_value_of(PyObject *object, const firn_table_column *column, firn_value *out,
                 PyObject *keep);
/* The numbers of a vector as bytes of f32: from bytes, a buffer of any numbers, or a sequence. NULL with an exception. */
PyObject *fp_vector_bytes(PyObject *vector);

/* Values of a sequence, for one call. */
struct fp_values {
    firn_value *items;
    size_t count;
    PyObject *keep; /* a list: what their bytes belong to, and the sequence */
};
/* Parameters of a text: a sequence or None. False with an exception, and nothing to release. */
bool fp_values_take(PyObject *sequence, struct fp_values *out);
void fp_values_release(struct fp_values *values);

/* ---- tables (fp_table.c) ---- */

/* The columns of a table at one time; never changed. References are counted under the GIL. */
struct fp_columns {
    int ref_count;
    firn_table_def *def;
    PyObject *names; /* a tuple of str */
    PyObject *index; /* a dict: name -> number of the column */
    bool has_auto;
};

typedef struct fp_table {
    PyObject_HEAD fp_store *store;
    fp_child *via;
    firn_txn *txn;
    firn_snapshot *snapshot;
    firn_table *table;
    PyObject *name;
    struct fp_columns *columns; /* as of `generation`; NULL: not read yet */
    uint64_t generation;
} fp_table;

/* Of Transaction and Snapshot: table(name_or_table). */
PyObject *fp_table_of_child(PyObject *self, PyObject *argument);
/* The present columns, a reference; NULL with an exception. */
struct fp_columns *fp_table_columns(fp_table *table);
void fp_columns_unref(struct fp_columns *columns);
const firn_table_column *fp_columns_find(const struct fp_columns *columns, PyObject *name);
/* A key: one value, or a sequence of them, for these columns of the definition. False with an exception. */
bool fp_key_take(const struct fp_columns *columns, const char *index, PyObject *key,
                 struct fp_values *out);
/* Enters for a write; false with an exception. */
bool fp_table_enter_writing(fp_table *table);

/* Names of columns as C texts; *out NULL for None. `keep` owns them. */
struct fp_texts {
    const char **items;
    size_t count;
    PyObject *keep;
};
bool fp_texts_take(PyObject *names, struct fp_texts *out);
void fp_texts_release(struct fp_texts *texts);
/* The same as one text, joined by commas: None, a str or a sequence of them. *keep owns it. */
bool fp_text_list(PyObject *texts, PyObject **keep, const char **out);

/* Methods of Store. */
PyObject *fp_table_open(PyObject *self, PyObject *args);
PyObject *fp_table_create(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_table_create_from(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_table_list(PyObject *self, PyObject *ignored);
PyObject *fp_table_drop(PyObject *self, PyObject *args);
PyObject *fp_table_diff(PyObject *self, PyObject *args, PyObject *keywords);

struct ArrowArrayStream;
/* Loads a stream, which it takes. The number of rows. */
PyObject *fp_table_import_stream(fp_table *self, struct ArrowArrayStream *stream,
                                 PyObject *on_progress);

/* Methods of Table, by file. */
PyObject *fp_rows_insert(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_rows_upsert(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_rows_update(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_rows_insert_many(PyObject *self, PyObject *rows);
PyObject *fp_rows_upsert_many(PyObject *self, PyObject *rows);
PyObject *fp_rows_load(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_rows_get(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_rows_get_many(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_rows_delete(PyObject *self, PyObject *key);
PyObject *fp_rows_delete_range(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_rows_add(PyObject *self, PyObject *args, PyObject *keywords);
/* The row of a key, or NULL: with an exception, or (*out_is_missing) without. */
PyObject *fp_rows_read(fp_table *self, PyObject *key, PyObject *columns, const char *index,
                       bool *out_is_missing);

PyObject *fp_scan_open(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_scan_table_stream(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_scan_table_schema(PyObject *self, PyObject *ignored);
PyObject *fp_scan_iterate(PyObject *self);
Py_ssize_t fp_scan_count(PyObject *self);
int fp_scan_has_rows(PyObject *self);

PyObject *fp_search(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_search_many(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_search_add_index(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_exchange_import(PyObject *self, PyObject *args, PyObject *keywords);
PyObject *fp_exchange_export(PyObject *self, PyObject *args, PyObject *keywords);

#endif
