/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlitefile/sqlitefile.h: SQLite databases that lie in a workspace: copying one that is in use,
 * and what differs between two states of one.
 */
#ifndef FIRN_SQLITEFILE_SQLITEFILE_H
#define FIRN_SQLITEFILE_SQLITEFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firn/firn.h"
#include "term/term.h"

/* For copy_sqlite of firn_workspace_options; ctx is the directory for the copy, or NULL: one is
 * chosen. Any thread. FIRN_UNSUPPORTED where SQLite's library cannot be loaded. FIRN_BUSY where the
 * database was locked for five seconds. FIRN_CANCELLED when a signal came. */
int fi_sqlitefile_copy(void *ctx, const char *path, char *out_copy, size_t copy_size,
                       firn_error *err);

/* How the differences of a database are shown: as text, and as an object in an array that is open
 * (term.h). Zeroed but for the first four it is ready. */
struct fi_sqlitefile_show {
    firn_slice path;
    bool is_patch;     /* text that a patch may contain, with paths from the root */
    uint64_t rows_max; /* so many of each table; all are counted */
    size_t json_max;   /* no more rows when the open object has so many bytes; 0: no limit */
    struct {
        uint64_t added;
        uint64_t changed;
        uint64_t removed;
    } counts;                   /* of the table at hand */
    struct fi_term_writer rows; /* its rows, as text */
    firn_slice table;           /* its name; borrowed */
    bool has_any;
    bool has_rows; /* of the table at hand */
};

/* Shows what differs between the databases in two files, which this program has made: a -wal file
 * beside one is applied to it. They may be changed. FIRN_UNSUPPORTED without SQLite's library,
 * FIRN_CORRUPT where one is no database, damaged or encrypted; then nothing was shown.
 * FIRN_CANCELLED when a signal came. */
int fi_sqlitefile_diff(const char *before, const char *after, struct fi_sqlitefile_show *show,
                       firn_error *err);

/* ---- queries over a database of others ---- */

enum fi_sqlitefile_type {
    FI_SQLITEFILE_NULL,
    FI_SQLITEFILE_INTEGER,
    FI_SQLITEFILE_REAL,
    FI_SQLITEFILE_TEXT,
    FI_SQLITEFILE_BLOB
};

struct fi_sqlitefile_value {
    enum fi_sqlitefile_type type;
    int64_t integer;
    double real;
    firn_slice bytes; /* of a text or blob; borrowed for the call */
    const char *name; /* of the column */
};

struct fi_sqlitefile_reader;

/* Opens a copy that this program has made; a -wal file beside it is applied. Nothing that its
 * schema says is trusted. FIRN_UNSUPPORTED without SQLite's library. */
int fi_sqlitefile_reader_open(const char *path, struct fi_sqlitefile_reader **out, firn_error *err);
void fi_sqlitefile_reader_close(struct fi_sqlitefile_reader *reader);
/* Runs one statement, with a text for its parameter, if it has one. on_row gets each row; anything
 * but FIRN_OK ends the query, and is returned. FIRN_CORRUPT where the statement fails. */
int fi_sqlitefile_reader_query(struct fi_sqlitefile_reader *reader, const char *sql,
                               const char *parameter,
                               int (*on_row)(void *ctx, const struct fi_sqlitefile_value *values,
                                             size_t count),
                               void *ctx, firn_error *err);

/* A statement that is put together: zeroed it is empty. The caller frees data. If memory ran out,
 * has_failed is set and nothing more is added. */
struct fi_sqlitefile_text {
    char *data; /* ends with a NUL; NULL: empty */
    size_t size;
    size_t capacity;
    bool has_failed;
};
void fi_sqlitefile_text_add_bytes(struct fi_sqlitefile_text *text, const void *data, size_t size);
void fi_sqlitefile_text_add(struct fi_sqlitefile_text *text, const char *more);
/* Adds a name in double quotes. */
void fi_sqlitefile_text_add_name(struct fi_sqlitefile_text *text, const char *name);

/* The directory for copies: TMPDIR, else /var/tmp, which lies on a disk, else /tmp. */
const char *fi_sqlitefile_place(void);
/* For a copy of so many bytes: if the copies are hidden, a file system in memory that has room for
 * it; else as above. */
const char *fi_sqlitefile_place_for(uint64_t bytes);
enum { FI_SQLITEFILE_HIDDEN_MAX = 256 << 20 };
/* Hides the copies of this process from now on if the store at this path is encrypted. */
void fi_sqlitefile_hide_for(const char *store_path);

#endif
