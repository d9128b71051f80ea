/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlitefile/sqlitefile_internal.h: SQLite's functions, as the library has them that was loaded.
 */
#ifndef FIRN_SQLITEFILE_SQLITEFILE_INTERNAL_H
#define FIRN_SQLITEFILE_SQLITEFILE_INTERNAL_H

#include <sqlite3.h>
#include <stdbool.h>

#include "sqlitefile/sqlitefile.h"
#include "sqlitefile/sqlitefile_pages.h"

struct fi_sqlitefile_library {
    int (*libversion_number)(void);
    int (*open_v2)(const char *path, sqlite3 **db, int flags, const char *vfs);
    int (*close)(sqlite3 *db);
    const char *(*errmsg)(sqlite3 *db);
    int (*db_config)(sqlite3 *db, int op, ...);
    int (*limit)(sqlite3 *db, int id, int value);
    int (*drop_modules)(sqlite3 *db, const char **keep);
    int (*exec)(sqlite3 *db, const char *sql, int (*callback)(void *, int, char **, char **),
                void *ctx, char **message);
    int (*prepare_v2)(sqlite3 *db, const char *sql, int size, sqlite3_stmt **out,
                      const char **tail);
    int (*step)(sqlite3_stmt *statement);
    int (*finalize)(sqlite3_stmt *statement);
    int (*column_count)(sqlite3_stmt *statement);
    int (*column_type)(sqlite3_stmt *statement, int column);
    int (*column_int)(sqlite3_stmt *statement, int column);
    sqlite3_int64 (*column_int64)(sqlite3_stmt *statement, int column);
    double (*column_double)(sqlite3_stmt *statement, int column);
    const unsigned char *(*column_text)(sqlite3_stmt *statement, int column);
    const void *(*column_blob)(sqlite3_stmt *statement, int column);
    int (*column_bytes)(sqlite3_stmt *statement, int column);
    int (*bind_text)(sqlite3_stmt *statement, int index, const char *text, int size,
                     void (*destroy)(void *));
    const char *(*column_name)(sqlite3_stmt *statement, int column);
    void (*progress_handler)(sqlite3 *db, int operations, int (*handler)(void *), void *ctx);
    int (*file_control)(sqlite3 *db, const char *name, int op, void *argument);
    sqlite3_backup *(*backup_init)(sqlite3 *to, const char *to_name, sqlite3 *from,
                                   const char *from_name);
    int (*backup_step)(sqlite3_backup *backup, int pages);
    int (*backup_finish)(sqlite3_backup *backup);
    int (*wal_checkpoint_v2)(sqlite3 *db, const char *name, int mode, int *log_size, int *moved);
};

/* NULL with FIRN_UNSUPPORTED in *err where there is none that will do. Loaded once; any thread. */
const struct fi_sqlitefile_library *fi_sqlitefile_load(firn_error *err);

/* Opens a file that somebody else made: nothing that its schema says is trusted. *out is to be
 * closed also after a failure. */
int fi_sqlitefile_open(const struct fi_sqlitefile_library *library, const char *path, int flags,
                       sqlite3 **out);

/* What a statement over a foreign database may still do: steps of SQLite's machine, and bytes of
 * the values that it gives. Zeroed before the database is opened. */
struct fi_sqlitefile_budget {
    uint64_t whole; /* of each statement; 0: not set yet */
    uint64_t left;
};
/* Returns whether anything is left. */
bool fi_sqlitefile_spend(struct fi_sqlitefile_budget *budget, uint64_t units);
/* A statement begins. */
void fi_sqlitefile_renew(struct fi_sqlitefile_budget *budget);
/* Why a statement failed: a signal, its budget (FIRN_LIMIT), memory, or damage. */
int fi_sqlitefile_fail_statement(const struct fi_sqlitefile_library *library, sqlite3 *db,
                                 const struct fi_sqlitefile_budget *budget, int rc,
                                 firn_error *err);

/* Opens a copy that nobody else has open, and walks all of its trees (sqlitefile_pages.h), so that
 * the rows that statements find are bounded by the size of the file; their work is by the budget,
 * which must outlive the database. A log beside the file is played back, and gone afterwards.
 * FIRN_CORRUPT. *out is to be closed also after a failure. */
int fi_sqlitefile_open_copy(const struct fi_sqlitefile_library *library, const char *path,
                            struct fi_sqlitefile_budget *budget, sqlite3 **out, firn_error *err);

/* The columns of a table that are compared, the key's first. */
enum { FI_SQLITEFILE_COLUMNS_MAX = 2000 };
struct fi_sqlitefile_columns {
    const char *names[FI_SQLITEFILE_COLUMNS_MAX + 1];
    size_t count;
    size_t key_count;
};

/* sqlitefile_show.c: what a comparison finds, in this order: begin, schema for each difference of
 * it, schema_end, for each table rows between table and table_end, end. Of a schema or a row NULL
 * is a side that does not have it. */
void fi_sqlitefile_show_begin(struct fi_sqlitefile_show *show);
void fi_sqlitefile_show_schema(struct fi_sqlitefile_show *show, const char *type, const char *name,
                               const char *before, const char *after);
void fi_sqlitefile_show_schema_end(void);
void fi_sqlitefile_show_table(struct fi_sqlitefile_show *show, const char *name);
void fi_sqlitefile_show_row(struct fi_sqlitefile_show *show,
                            const struct fi_sqlitefile_library *library,
                            const struct fi_sqlitefile_columns *columns, sqlite3_stmt *before,
                            sqlite3_stmt *after);
/* why: what kept the rows from being compared, all or some; or NULL. */
void fi_sqlitefile_show_table_end(struct fi_sqlitefile_show *show, const char *why);
void fi_sqlitefile_show_end(struct fi_sqlitefile_show *show);

#endif
