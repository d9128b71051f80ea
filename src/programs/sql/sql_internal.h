/* SPDX-License-Identifier: Apache-2.0
 *
 * sql/sql_internal.h: what the files of the room share. Only files of this folder include it. (The
 * interface of the room is sql/sql.h: fi_sql_register and sqlite3_firnsqlite_init.)
 *
 * A connection (sqlite3 *) has one `struct firn_sql`, made by fi_sql_register and released with
 * the connection's functions and modules. It knows the stores that were attached. All of it is used
 * under SQLite's mutex of the connection. Stores that are open for writing are shared by all
 * connections of the process (sql_store.c).
 *
 * Codes: functions that return `int` and take a firn_error return codes of firn; those that say so
 * return codes of SQLite.
 */
#ifndef FIRN_SQL_SQL_INTERNAL_H
#define FIRN_SQL_SQL_INTERNAL_H

/* each .c has SQLITE_EXTENSION_INIT3 after this header */
#include <sqlite3ext.h>

#include "firn/firn.h"
#include "firn/notice.h"
#include "sql/sql.h"
#include "sqlcreate/sqlcreate.h"
#include "sqlparse/sqlparse.h"
#include "sqltext/sqltext.h"
#include "sqlvalue/sqlvalue.h"

/* ==== the connection ==== */

enum { FI_SQL_LEVELS_MAX = 1000 };

struct fi_sql {
    sqlite3 *db;
    int ref_count; /* of functions and modules */
    /* Set by sql_register.c: sql.c uses no other file. */
    void (*detach_stores)(struct fi_sql *sql);
    int (*check_effect)(const struct fi_sql *sql, const char *name, firn_error *err);
    struct fi_sql_store *stores; /* all that are open; each holds a reference of the list */
    struct fi_sql_named *named;  /* of sql_store.c: the paths that the program has named */
    /* Of sql_view.c. */
    bool in_transaction; /* SQLite told of its beginning and not yet of its end */
    /* the virtual table that came to it last, until something is written */
    const sqlite3_vtab *joining;
    int levels[FI_SQL_LEVELS_MAX]; /* of savepoints that are open, ascending */
    size_t level_count;
    /* a graph was damaged, and nobody has asked yet: fi_sql_vectors_take_damage */
    bool has_damage;
    int unset_level; /* 1 + that of a savepoint that could not be set; 0: there is none */
    /* of sql_confine.c: the one path that is opened; NULL: each that the program names */
    char *only;
};

/* What a function may do, and so who may call it. */
enum fi_sql_function_kind {
    FI_SQL_EFFECT,  /* anything: a statement of the program itself calls it (sql_effect.c) */
    FI_SQL_POINTER, /* nothing without a pointer that only C can bind */
    FI_SQL_PURE     /* it only computes: any expression may call it */
};
/* Registers a function; its connection is fi_sql_of(ctx). A code of SQLite. */
int fi_sql_function(struct fi_sql *sql, const char *name, int argument_count,
                    enum fi_sql_function_kind kind,
                    void (*call)(sqlite3_context *ctx, int count, sqlite3_value **values));
struct fi_sql *fi_sql_of(sqlite3_context *ctx);
/* Gives back a reference to the connection's struct; the last one ends it. */
void fi_sql_give_back(void *sql);
/* firn_connection(pointer): tells the struct of the connection. */
void fi_sql_report_connection(sqlite3_context *ctx, int count, sqlite3_value **values);
/* The struct of a connection; NULL: firn is not registered with it. */
struct fi_sql *fi_sql_find(sqlite3 *db);
/* Registers a module whose client data (pAux of xConnect) is the connection's struct. A code of
 * SQLite. */
int fi_sql_module(struct fi_sql *sql, const char *name, const sqlite3_module *module);
sqlite3 *fi_sql_db(const struct fi_sql *sql);
/* Has SQLite read its schemas again, and so connect all virtual tables anew, before the next
 * statement. False if that must wait, because a statement that writes is running. */
bool fi_sql_reset(struct fi_sql *sql);

/* For xOpen: makes a zeroed cursor of `size` bytes, which begins with an sqlite3_vtab_cursor. A
 * code of SQLite. */
int fi_sql_new_cursor(size_t size, sqlite3_vtab_cursor **out);

/* ==== whose statement calls (sql_effect.c) ==== */

/* Whether a function that does more than compute may act: FIRN_DENIED, with a text that names it,
 * if it is not called by a statement of the program itself. */
int fi_sql_effect_check(const struct fi_sql *sql, const char *name, firn_error *err);
/* Whether the one statement that is being executed is a CREATE: the program itself makes a virtual
 * table. */
bool fi_sql_effect_is_create(const struct fi_sql *sql);
/* An execution of a statement that writes, or of several inside of each other. Zeroed, it is
 * none. */
struct fi_sql_execution {
    const sqlite3_stmt *statement;
    int runs;
    int changes;
    size_t count;
};
/* Whether a statement is being executed, and writes. */
bool fi_sql_effect_is_writing(sqlite3_stmt *statement);
/* Whether the present execution is another one than *last, which becomes it. */
bool fi_sql_effect_is_new(const struct fi_sql *sql, struct fi_sql_execution *last);
/* For xCreate and xConnect with arguments of modules that run what their arguments say:
 * FIRN_DENIED, with a text, in a schema that a file may have brought. */
int fi_sql_effect_check_schema(const char *module, const char *schema, firn_error *err);

/* ==== what a connection may open (sql_confine.c) ==== */

/* Whether the connection may open a path: FIRN_DENIED, with a text, if it is confined to another
 * one. */
int fi_sql_confine_check(const struct fi_sql *sql, const char *path, firn_error *err);

/* Called by fi_sql_register, one after the other. Codes of SQLite. */
int fi_sql_confine_register(struct fi_sql *sql); /* firn_confine */
int fi_sql_view_register(struct fi_sql *sql);    /* module firn_transaction */
int
fi_sql_attach_register(struct fi_sql *sql); /* firn_attach, firn_detach, firn_create, firn_drop */
int fi_sql_table_register(struct fi_sql *sql);     /* module firn */
int fi_sql_prepare_register(struct fi_sql *sql);   /* firn_is_definition */
int fi_sql_keyspace_register(struct fi_sql *sql);  /* module firn_keyspace */
int fi_sql_query_register(struct fi_sql *sql);     /* firn_query (sqlshell) */
int fi_sql_history_register(struct fi_sql *sql);   /* firn_checkpoints, firn_diff, … (sqlshell) */
int fi_sql_workspace_register(struct fi_sql *sql); /* firn_files, … (sqlshell) */

int fi_sql_indexes_register(struct fi_sql *sql); /* firn_columns, firn_indexes */
int fi_sql_vectors_register(struct fi_sql *sql); /* firn_vector, … */

struct fi_sql_table;

/* ==== attached stores (sql_store.c) ==== */

/* A store of a connection: what firn_attach made, or the first CREATE VIRTUAL TABLE over a path.
 * Counted references. */
struct fi_sql_store {
    struct fi_sql *sql;
    firn_store *store;
    const char *path;   /* as it was given */
    const char *name;   /* alias: option name=, else the last part of the path without ".firn" */
    const char *prefix; /* of the names of its virtual tables; "" */
    const char *at;     /* a reference of a checkpoint; NULL: now */
    firn_snapshot *snapshot; /* of `at`; NULL: now */
    bool read_only;          /* opened for reading, or `at` */
    bool attached;           /* by firn_attach: until firn_detach */
    bool is_detached;        /* by firn_detach: it closes with its last virtual table */
    bool blob;               /* its keyspaces show BLOBs */
    bool has_damage;         /* a graph was damaged, which was told */
    firn_durability durability;
    struct fi_sql_name *names;   /* of sql_attach.c: virtual tables that firn_attach made */
    uint64_t seen_generation;    /* when they were what the store had */
    struct fi_sql_table *tables; /* of sql_table.c: those that are connected */
    /* Of sql_store.c. */
    struct fi_sql_shared *shared;
    struct fi_sql_store *next;
    int ref_count;
    /* Of sql_view.c. */
    firn_txn *txn; /* NULL: nothing was read or written in the transaction yet */
    struct fi_sql_shot *shot;
    uint64_t shot_count; /* that were taken so far */
    struct fi_sql_reader *readers;
    /* Of sql_keep.c. */
    size_t cursor_count;               /* that are open, over its tables */
    size_t keep_count;                 /* of all tables */
    uint64_t base;                     /* the savepoint of its beginning; 0: none is needed */
    uint64_t marks[FI_SQL_LEVELS_MAX]; /* savepoints of txn, of sql->levels */
};

/* The attached store with an alias or a path; NULL: the only one that is attached. FIRN_NOT_FOUND
 * with a text, also where NULL is ambiguous. Borrowed: good until control goes back to SQLite. */
int fi_sql_store_find(struct fi_sql *sql, const char *name, struct fi_sql_store **out,
                      firn_error *err);
/* The store and the table (firn's own name, borrowed) of a virtual table: by its name in SQL
 * ("p_people"), or as "alias.people". FIRN_NOT_FOUND. */
int fi_sql_store_find_table(struct fi_sql *sql, const char *name, struct fi_sql_store **out,
                            const char **out_table, firn_error *err);
/* The store and the table that a name means. The name is that of a virtual table, or of a table
 * that only checkpoints of the only attached store have. Borrowed until control goes back to
 * SQLite. */
int fi_sql_store_find_past(struct fi_sql *sql, const char *name, struct fi_sql_store **out,
                           const char **out_table, firn_error *err);
/* Who names the path of a store. */
enum fi_sql_store_namer {
    FI_SQL_BY_PROGRAM, /* a statement of the program: it is opened */
    /* a schema, which a file may have brought: the program must have named it before */
    FI_SQL_BY_SCHEMA
};
/* Opens a store for a path: the attached one, or a new one that is attached as name=path would.
 * Options as those of firn_attach: "read-only", "at=REF", …. Ends with fi_sql_store_unref.
 * FIRN_DENIED. */
int fi_sql_store_open(struct fi_sql *sql, enum fi_sql_store_namer namer, const char *path,
                      int option_count, const char *const *options, struct fi_sql_store **out,
                      firn_error *err);
/* A word of the arguments of CREATE VIRTUAL TABLE without its quotes; the caller releases it with
 * sqlite3_free. NULL: no memory. */
char *fi_sql_store_unquote(const char *text);
/* What was registered is given back: all stores close. */
void fi_sql_store_detach_all(struct fi_sql *sql);
/* The store is no longer attached, and closes, unless virtual tables are left that firn_attach did
 * not make. */
void fi_sql_store_forget(struct fi_sql_store *store);
/* Gives the reference of the connection's list back. */
void fi_sql_store_remove(struct fi_sql_store *store);
/* How often definitions were changed, by any connection of the process. */
uint64_t fi_sql_store_generation(const struct fi_sql_store *store);
/* Its real path, or ":memory:". */
const char *fi_sql_store_path(const struct fi_sql_store *store);
void fi_sql_store_ref(struct fi_sql_store *store);
void fi_sql_store_unref(struct fi_sql_store *store);

/* A virtual table that firn_attach made. */
struct fi_sql_name {
    struct fi_sql_name *next;
    struct fi_sql_name *other; /* while there is an index of a list: the next of the bucket */
    bool is_keyspace;
    char *name;       /* in SQL; one piece of memory with the struct, as the next */
    char *table_name; /* in the store */
};
/* Gives a list of names back; the virtual tables stay. */
void fi_sql_store_free_names(struct fi_sql_name *name);
/* Say that definitions or rows were changed otherwise than through the transaction (restore, undo,
 * create, alter): later statements see the new state, virtual tables read their definitions again,
 * and those of new tables are made. A code of SQLite. */
int fi_sql_attach_changed(struct fi_sql_store *store);
/* Makes virtual tables for tables and keyspaces of an attached store that have none, and drops
 * those whose table is gone. Fills the error, which may be NULL. A code of SQLite. */
int fi_sql_attach_refresh(struct fi_sql_store *store, firn_error *err);

/* The same of all attached stores, unless a transaction is open. Returns whether it was done. */
bool fi_sql_attach_recheck(sqlite3 *db);

/* ==== what is read, and the transaction (sql_view.c) ==== */

/* What a statement reads: the transaction of the connection where one is open, else one snapshot
 * for all cursors that are open at once, or the snapshot of `at`. Exactly one of both is set. */
struct fi_sql_view {
    firn_txn *txn;
    firn_snapshot *snapshot;
    uint64_t serial;          /* another one for each snapshot of the store; 0: of txn */
    struct fi_sql_shot *shot; /* private to sql_view.c */
};
/* Take a view in xFilter, unless the cursor has one that is current; release it in xClose. A scan
 * or cursor made with view.txn must be registered: see fi_sql_reader. */
/* Whether a view that was taken before is what fi_sql_view_take would give now. */
bool fi_sql_view_is_current(const struct fi_sql_store *store, const struct fi_sql_view *view);
int fi_sql_view_take(struct fi_sql_store *store, struct fi_sql_view *out, firn_error *err);
void fi_sql_view_release(struct fi_sql_store *store, struct fi_sql_view *view);

/* Something that reads in view.txn and must be gone when the transaction ends: `detach` is called
 * before the commit (keep: fetch what is left into memory, FIRN_OK or a failure that fails the
 * commit) and before a rollback (!keep: close; reading on gives SQLITE_ABORT_ROLLBACK). Put it into
 * your cursor; unlink in xClose. */
struct fi_sql_reader {
    struct fi_sql_reader *next;
    struct fi_sql_reader **link; /* NULL: not registered */
    int (*detach)(struct fi_sql_reader *reader, bool keep, firn_error *err);
};
void fi_sql_view_link(struct fi_sql_store *store, struct fi_sql_reader *reader);
void fi_sql_view_unlink(struct fi_sql_reader *reader);

/* For sqlite3_module: xBegin, xSync, xCommit, xRollback, xSavepoint, xRelease, xRollbackTo of all
 * modules. */
/* table: NULL if SQLite does not call xBegin. */
int fi_sql_view_begin(struct fi_sql *sql, const sqlite3_vtab *table);
int fi_sql_view_sync(struct fi_sql *sql, sqlite3_vtab *table);
int fi_sql_view_commit(struct fi_sql *sql);
int fi_sql_view_rollback(struct fi_sql *sql);
int fi_sql_view_savepoint(struct fi_sql *sql, int level, sqlite3_vtab *table);
int fi_sql_view_free(struct fi_sql *sql, int level, sqlite3_vtab *table);
int fi_sql_view_rollback_to(struct fi_sql *sql, int level, sqlite3_vtab *table);
/* The store closes: nothing of it is read or written any more. */
void fi_sql_view_close(struct fi_sql_store *store);
/* Later statements see what was committed by now. */
void fi_sql_view_renew(struct fi_sql_store *store);

/* The transaction of the connection for writing to the store; begins one. Only from xUpdate,
 * between xBegin and xSync. FIRN_READ_ONLY. */
int fi_sql_view_write(struct fi_sql_store *store, firn_txn **out, firn_error *err);
/* FIRN_MISUSE with a text ("cannot NAME inside a transaction") if the connection is in BEGIN …
 * COMMIT, else FIRN_OK: for what is a commit of its own (checkpoint, restore, undo, create, drop).
 * FIRN_READ_ONLY where the store is. */
int fi_sql_store_check_change(struct fi_sql_store *store, const char *what, firn_error *err);
/* Says that definitions were changed: later statements see the new state, and each table looks at
 * its own when it is used. */
void fi_sql_store_bump(struct fi_sql_store *store);

/* ==== errors (sql.c) ==== */

/* SQLITE_BUSY_SNAPSHOT for FIRN_CONFLICT, SQLITE_BUSY, SQLITE_CORRUPT, SQLITE_FULL, SQLITE_NOMEM,
 * SQLITE_READONLY, SQLITE_INTERRUPT for FIRN_CANCELLED, SQLITE_CONSTRAINT for FIRN_EXISTS,
 * SQLITE_TOOBIG for FIRN_LIMIT, SQLITE_IOERR, SQLITE_PERM, SQLITE_ERROR. */
int fi_sql_code(int code);
/* Fails the function with code and text. */
void fi_sql_fail(sqlite3_context *ctx, const firn_error *err);
/* Sets zErrMsg; returns the code of SQLite, for the caller to return. */
int fi_sql_fail_table(sqlite3_vtab *table, const firn_error *err);
/* Whether the connection was interrupted, for callbacks of scans: a callback's ctx is a struct that
 * begins as {.db = …}, and ends with fi_sql_query_end. FIRN_CANCELLED, which fails as SQLite's own
 * interrupts do. */
struct fi_sql_asking {
    sqlite3 *db;
    sqlite3_stmt *stmt; /* stepping it fails when an interrupt is due; NULL: never asked */
};
int fi_sql_ask(void *ctx, const firn_progress *progress);
void fi_sql_query_end(struct fi_sql_asking *asking);

/* ==== virtual tables over tables (sql_table.c) ==== */

/* How SQLite names a row of a table that it changes. */
enum fi_sql_identity {
    FI_SQL_BY_ROWID,  /* the key is one column of integers: it is the rowid */
    FI_SQL_BY_COLUMN, /* the key is one column of another type: WITHOUT ROWID */
    FI_SQL_BY_BLOB /* a hidden column firn_key has the key's columns as one blob: WITHOUT ROWID */
};

/* The columns of the primary key, or of an index, by their places. */
struct fi_sql_order {
    const char *name; /* NULL: the primary key */
    bool is_unique;
    size_t count;
    uint32_t columns[FIRN_TABLE_KEY_COLUMNS_MAX];
};

enum { FI_SQL_KEEP_WORTHY = 8 };

struct fi_sql_table {
    sqlite3_vtab base;
    struct fi_sql_store *store; /* a reference */
    struct fi_sql_table *next;  /* of the store's */
    firn_table *table;
    /* of sql_keyspace.c: there is no table then, and only bounds of the key are computed */
    firn_keyspace *keyspace;
    char *schema;     /* of SQLite: "temp", "main" */
    char *name;       /* in SQL */
    char *table_name; /* in the store */
    char *text;       /* of the definition */
    firn_table_def *def;
    enum fi_sql_identity identity;
    bool hides_key;              /* made without a primary key: its column rowid is not shown */
    struct fi_sql_order *orders; /* the first is the primary key */
    size_t order_count;
    bool can_write;
    bool has_vectors;
    /* What was known when, by the monotonic clock. */
    uint64_t generation;
    uint64_t checked_ms;
    firn_table_statistics *stats; /* NULL: never asked */
    uint64_t stats_ms;
    int64_t rows_written;           /* since */
    struct fi_sql_writing *writing; /* of sql_update.c; NULL: nothing was written yet */
    struct fi_sql_insert *insert;   /* of sql_insert.c; NULL: it was never asked */
    sqlite3_vtab_cursor *spare;     /* of sql_cursor.c: one that may be used again */
    struct fi_sql_keep *keeps;      /* of sql_keep.c, as the next */
    uint64_t worthy[FI_SQL_KEEP_WORTHY];
    struct fi_sqlvalue_dates *dates; /* NULL: none yet */
    struct fi_sqlvalue_texts *texts; /* the same */
};

/* How SQLite knows the rows of a table whose key is one column of this type. */
enum fi_sql_identity fi_sql_table_identity(firn_type type);
/* ---- what is known of a table: sql_known.c ---- */

/* Rows, as well as it is known without counting; at least 1. */
double fi_sql_known_rows(struct fi_sql_table *table);
/* Whether a column of a scan is still the one that SQLite was told of: not one that was dropped and
 * made anew with another type. FIRN_INVALID. */
int fi_sql_known_check_column(const struct fi_sql_table *table, uint32_t column,
                              const firn_scan *scan, size_t place, firn_error *err);
/* Checks, a few times a second, whether the table still has the definition that SQLite knows. If
 * not, SQLite reads its schemas again before the next statement; a running statement keeps its
 * column names. */
void fi_sql_known_check(struct fi_sql_table *table);
/* Does that at once. Called when a statement has failed, because it may have used an old
 * definition. */
void fi_sql_known_check_now(struct fi_sql_table *table);
/* The monotonic clock. */
uint64_t fi_sql_known_ms(void);

/* ---- connecting a table: sql_table.c ---- */

/* What xConnect is given. */
struct fi_sql_connecting {
    struct fi_sql *sql;
    enum fi_sql_store_namer namer;
    int count;
    const char *const *arguments; /* module, schema, name, path, table, options */
};
/* What differs between tables and keyspaces when they are connected. */
struct fi_sql_table_kind {
    /* Opens what the arguments name: store, schema and names of the table are set. */
    int (*open)(struct fi_sql_table *table, const struct fi_sql_connecting *in, firn_error *err);
    /* The CREATE TABLE that SQLite is told, of sqlite3_malloc; NULL: no memory. */
    char *(*declare)(const struct fi_sql_table *table);
};
/* Parts of a module, for those of tables and of keyspaces. Codes of SQLite. */
int fi_sql_table_connect(const struct fi_sql_table_kind *kind, const struct fi_sql_connecting *in,
                         sqlite3_vtab **out, char **text);
int fi_sql_table_create(const struct fi_sql_table_kind *kind, const struct fi_sql_connecting *in,
                        sqlite3_vtab **out, char **text);
/* Who named the path of a table that is being created. */
enum fi_sql_store_namer fi_sql_table_namer(const struct fi_sql *sql);
int fi_sql_table_disconnect(sqlite3_vtab *vtab);
int fi_sql_table_begin(sqlite3_vtab *table);
int fi_sql_table_sync(sqlite3_vtab *table);
int fi_sql_table_commit(sqlite3_vtab *table);
int fi_sql_table_rollback(sqlite3_vtab *table);
int fi_sql_table_savepoint(sqlite3_vtab *table, int level);
int fi_sql_table_release(sqlite3_vtab *table, int level);
int fi_sql_table_rollback_to(sqlite3_vtab *table, int level);
int fi_sql_table_rename(sqlite3_vtab *vtab, const char *name);
/* Whether the INSERT that is being executed gives a column of the table, or leaves it out
 * (sql_insert.c). FIRN_UNSUPPORTED where that cannot be known. */
int fi_sql_insert_gives(struct fi_sql_table *table, uint32_t column, bool *out, firn_error *err);
/* xUpdate (sql_update.c), and what it needs is given back. */
int fi_sql_update(sqlite3_vtab *table, int count, sqlite3_value **values, sqlite3_int64 *out);
void fi_sql_update_deinit(struct fi_sql_table *table);

/* ==== cursors over tables (sql_cursor.c): parts of the module of tables ==== */

int fi_sql_cursor_open(sqlite3_vtab *table, sqlite3_vtab_cursor **out);
int fi_sql_cursor_close(sqlite3_vtab_cursor *base);
/* Of a cursor that is closed and kept: table->spare. NULL is fine. */
void fi_sql_cursor_destroy(sqlite3_vtab_cursor *base);
int fi_sql_cursor_filter(sqlite3_vtab_cursor *base, int number, const char *plan, int count,
                         sqlite3_value **values);
int fi_sql_cursor_next(sqlite3_vtab_cursor *base);
int fi_sql_cursor_eof(sqlite3_vtab_cursor *base);
int fi_sql_cursor_column(sqlite3_vtab_cursor *base, sqlite3_context *ctx, int number);
int fi_sql_cursor_rowid(sqlite3_vtab_cursor *base, sqlite3_int64 *out);

/* ==== what SQLite wants of a table (sql_plan.c) ==== */

enum { FI_SQL_PLAN_ITEMS_MAX = 96 };

/* What becomes of one argument of xFilter. */
enum fi_sql_role {
    FI_SQL_SEEK_EQUAL = 'e',    /* the next column of the order has this value */
    FI_SQL_SEEK_IN = 'm',       /* the only column of the order has one of these values */
    FI_SQL_SEEK_RANGE = 'r',    /* bounds the column after these */
    FI_SQL_WHERE = 'w',         /* a condition with a constant */
    FI_SQL_WHERE_UNKNOWN = 'u', /* one with a value that may be another each time */
    FI_SQL_WHERE_IN = 'i',      /* a list of values */
    FI_SQL_WHERE_JOIN =
        /* an equality with a value of another table, by which rows may be looked up in memory */
    'j',
    FI_SQL_WHERE_VARYING = 'v', /* the same beside such an equality: SQLite tests it, too */
    FI_SQL_SORT = 'a',          /* no argument: rows are expected in the order of this column */
    FI_SQL_SORT_DESCENDING = 'd',
    FI_SQL_BARE = 'b', /* no argument: likely, no columns are asked for but those of the key */
    FI_SQL_FEW = 'f',  /* no argument: so many rows are wanted, likely no more */
    FI_SQL_SKIP =
        'z' /* the last argument: so many rows are likely to be skipped, without their columns */
};

struct fi_sql_plan_item {
    enum fi_sql_role role;
    /* of FI_SQL_FEW the rows; of FI_SQL_SKIP those after the skipped ones, 0: all */
    uint32_t column;
    int op; /* SQLITE_INDEX_CONSTRAINT_… */
};

struct fi_sql_plan {
    bool is_point;   /* one row, by all columns of the order */
    bool is_ordered; /* SQLite counts on the order */
    bool is_descending;
    bool skips;    /* FI_SQL_SKIP, which is not among the items; its argument comes after theirs */
    bool is_bare;  /* FI_SQL_BARE, the same */
    uint32_t few;  /* FI_SQL_FEW or that of FI_SQL_SKIP, the same; 0: all */
    size_t order;  /* of table->orders */
    uint64_t used; /* columns; bit 63: those from 63 on */
    size_t item_count;
    struct fi_sql_plan_item items[FI_SQL_PLAN_ITEMS_MAX];
};

/* xBestIndex. */
int fi_sql_plan_best(sqlite3_vtab *table, sqlite3_index_info *info);
/* What a row costs that is looked at and left out, in units of one that is given. `rows`: of the
 * table, at least 1. */
double fi_sql_plan_test_cost(const struct fi_sql_table *table, double rows);
/* Reads what fi_sql_plan_best wrote as idxStr. */
void fi_sql_plan_read(const char *text, struct fi_sql_plan *out);

/* ==== what a statement keeps that looks up again and again (sql_keep.c) ==== */

/* The columns by which rows are found. */
struct fi_sql_keys {
    size_t count;
    uint32_t columns[FIRN_TABLE_KEY_COLUMNS_MAX];
};

struct fi_sql_keep {
    struct fi_sql_keep *next; /* of the table's */
    size_t users;             /* cursors */
    /* Of which snapshot, plan and constants. */
    uint64_t serial;
    char *plan;
    char *constants;
    size_t constants_size;
    /* What lookups have cost until now, and found; which columns were asked for (bit 63: from 63
     * on). */
    size_t gets;
    double spent;
    uint64_t spent_ns; /* the same, as measured */
    size_t found;
    uint64_t asked;
    double price; /* what a lookup has cost on average, and the rows, when they were read */
    double rows;
    bool is_worthy;     /* it was so for an earlier statement */
    size_t missed;      /* how often the lookup did not have a column that was asked for */
    bool has_no_lookup; /* the table is too large for one */
    bool is_empty;      /* the constants are true of no row */
    struct fi_sqlvalue_lookup *lookup; /* NULL: not read yet */
    int32_t *places;                   /* of each column of the table in it; -1 */
};

/* For xOpen and xClose: after the last one everything is given back. */
void fi_sql_keep_enter(struct fi_sql_store *store);
void fi_sql_keep_leave(struct fi_sql_store *store);
/* What is kept for a plan, for a cursor that reads view->snapshot; released with the cursor. NULL:
 * no memory. */
struct fi_sql_keep *fi_sql_keep_take(struct fi_sql_table *table, const struct fi_sql_view *view,
                                     const char *plan_text, const struct fi_sql_plan *plan,
                                     sqlite3_value **values);
/* NULL is fine. */
void fi_sql_keep_release(struct fi_sql_keep *keep);
/* The time in nanoseconds, and how long a lookup in the store took that began then. */
uint64_t fi_sql_keep_clock(void);
void fi_sql_keep_spend_time(struct fi_sql_keep *keep, uint64_t began);
/* Notes rows of a scan. */
void fi_sql_keep_spend(struct fi_sql_keep *keep, const struct fi_sql_plan *plan, size_t rows);
/* Notes a lookup. Whether rows are in memory, or reading them is worth it. */
bool fi_sql_keep_is_worth(struct fi_sql_keep *keep, struct fi_sql_table *table,
                          const struct fi_sql_plan *plan);
/* Reads the table: keep->lookup, which stays NULL if there are too many rows. count, values:
 * arguments of the plan. */
int fi_sql_keep_read(struct fi_sql_keep *keep, const struct fi_sql_table *table,
                     firn_snapshot *snapshot, const struct fi_sql_plan *plan,
                     const struct fi_sql_keys *keys, int count, sqlite3_value **values,
                     firn_error *err);
/* Which of the columns that a plan uses its scans have to read: all, or where it uses all of the
 * table, those that SQLite has asked for. keep: NULL is fine. */
uint64_t fi_sql_keep_columns(const struct fi_sql_keep *keep, const struct fi_sql_table *table,
                             uint64_t used);
/* Gives back what no cursor uses. */
void fi_sql_keep_forget(struct fi_sql_table *table);

/* ==== arguments as conditions (sql_filter.c) ==== */

struct fi_sql_filter {
    bool is_empty; /* no row can be wanted */
    bool is_point; /* lower[] is a key */
    bool is_many;  /* parameters[] are keys of one column */
    bool is_wider; /* rows may pass that SQLite's own test leaves out, NaNs apart */
    /* bounds could not be used, so that the order is not the one that was promised */
    bool must_sort;
    firn_value lower[FIRN_TABLE_KEY_COLUMNS_MAX];
    firn_value upper[FIRN_TABLE_KEY_COLUMNS_MAX];
    size_t lower_count;
    size_t upper_count;
    size_t fixed; /* how many columns of the order have one value, lower[] */
    firn_value joined[FIRN_TABLE_KEY_COLUMNS_MAX]; /* of FI_SQL_WHERE_JOIN, in their order */
    size_t joined_count;                           /* of those that are one value */
    bool lower_exclusive;
    bool upper_exclusive;
    sqlite3_str *where;
    firn_value *parameters;
    size_t parameter_count;
    size_t parameter_capacity;
    struct fi_sql_memory *memory;
};

/* Leaves out the rows with a NaN, which is NULL in SQLite, in a column that a condition
 * concerns. */
void fi_sql_filter_leave_nans_out(struct fi_sql_filter *filter, const struct fi_sql_table *table,
                                  const struct fi_sql_plan *plan);
/* Values are borrowed from the arguments and from the filter. */
int fi_sql_filter_init(struct fi_sql_filter *filter, const struct fi_sql_table *table,
                       const struct fi_sql_plan *plan, int count, sqlite3_value **values,
                       firn_error *err);
/* The same of the conditions that are the same whatever the other tables of a join have, and no
 * bounds. */
int fi_sql_filter_init_constant(struct fi_sql_filter *filter, const struct fi_sql_table *table,
                                const struct fi_sql_plan *plan, int count, sqlite3_value **values,
                                firn_error *err);
/* The same of the equalities alone: `fixed` and `joined_count` say of how many there is one value,
 * `is_empty` that no row can be equal. */
void fi_sql_filter_init_keys(struct fi_sql_filter *filter, const struct fi_sql_table *table,
                             const struct fi_sql_plan *plan, sqlite3_value **values);
void fi_sql_filter_deinit(struct fi_sql_filter *filter);
/* Of a filter whose values have gone elsewhere. */
void fi_sql_filter_free_memory(struct fi_sql_memory *memory);
/* Whether a comparison of a column with a value is the same for firn as for SQLite whatever the
 * value is (constant NULL), or for this constant. */
bool fi_sql_filter_is_exact(const firn_table_column *column, int op, sqlite3_value *constant);
/* Whether values of the type bound a part of an order. */
bool fi_sql_filter_can_seek(firn_type type);

/* ==== the state of a cursor over a table (sql_cursor.c, sql_cursor_scan.c) ==== */

/* Where the row comes from at which a cursor is. */
enum fi_sql_source {
    FI_SQL_AT_END,
    FI_SQL_FROM_POINT,
    FI_SQL_FROM_SCAN,
    FI_SQL_FROM_SKIPPED, /* rows that are counted, and were not read; the scan is after them */
    /* a scan of the key's columns alone, until one is asked for that is not there */
    FI_SQL_FROM_KEYS,
    FI_SQL_FROM_LOOKUP,
    FI_SQL_FROM_MERGE, /* a scan that goes along with keys (sql_merge.c) */
    FI_SQL_FROM_KEPT,
    FI_SQL_ABORTED
};

struct fi_sql_cursor {
    sqlite3_vtab_cursor base;
    struct fi_sql_reader reader;
    struct fi_sql_view view;
    enum fi_sql_source source;
    /* What the plan of the statement asks for. */
    char *plan_text;
    struct fi_sql_plan plan;
    int32_t *places;    /* of each column of the table among those that are read; -1 */
    const char **names; /* of those */
    uint32_t *columns;  /* the same by number */
    size_t read_count;
    uint64_t read; /* the columns of the plan, or those of them that were asked for (sql_keep.c) */
    char *select;
    /* The rows. */
    firn_row *row; /* FI_SQL_FROM_POINT */
    const firn_value *values;
    firn_scan *scan;
    struct fi_sql_asking asking; /* while it reads */
    const firn_scan_batch *batch;
    /* of each column of the table, and hidden ones without a function */
    struct fi_sqlvalue_cell *cells;
    size_t batch_rows;
    size_t at;        /* in the batch, or of the rows that were kept */
    firn_value *kept; /* FI_SQL_FROM_KEPT: read_count values for each row */
    size_t kept_rows;
    struct fi_sql_cursor_memory *memory;
    /* Keys that are still to be looked up, of one column. */
    firn_value *keys;
    size_t key_count;
    size_t key_at;
    struct fi_sql_memory *key_memory;
    firn_search_result *near;     /* or those that a search found */
    struct fi_sql_stream *stream; /* which finds more of them; NULL: it does not */
    /* Of a statement that looks up many rows (sql_keep.c). */
    struct fi_sql_keys seeks; /* the columns with equalities */
    struct fi_sql_keep *keep; /* NULL: none yet */
    size_t found;             /* FI_SQL_FROM_LOOKUP: the row */
    firn_row *other;          /* all columns of the row, for those that were not asked for */
    bool has_other;
    bool has_keys_only; /* the scan: FI_SQL_FROM_KEYS */
    bool may_look_up;   /* the plan finds rows by equalities alone */
    bool is_again;      /* SQLite has asked for rows since it opened the cursor */
    /* Of sql_merge.c. */
    bool may_merge;     /* the plan is fit for it, and keys have ascended up to now */
    bool is_merging;    /* the scan stays open from one lookup to the next */
    bool has_merge_key; /* merge_key is that of the last lookup */
    int64_t merge_key;
    size_t merge_first; /* the first row of the batch that has it */
    uint64_t skip;      /* FROM_SKIPPED: how many rows the scan has skipped */
    uint64_t skip_left; /* those of them that SQLite has not counted yet, this one included */
    uint64_t few_left;  /* rows until the scan's limit; UINT64_MAX: it has none */
    bool has_asked;     /* cells may have is_asked set */
    bool is_not_bare;   /* other columns than those of the key were asked for by the plan */
};

/* Bytes of rows that were kept. */
struct fi_sql_cursor_memory {
    struct fi_sql_cursor_memory *next;
    uint8_t bytes[];
};

static inline struct fi_sql_table *
fi_sql_cursor_table(const struct fi_sql_cursor *cursor)
{
    return (struct fi_sql_table *)cursor->base.pVtab;
}

/* A value of the row where the cursor is, in the batch of its scan. place: as of cursor->columns;
 * those of the key come first. */
static inline firn_value
fi_sql_cursor_scan_value(const struct fi_sql_cursor *cursor, size_t place)
{
    const uint32_t number = cursor->columns[place];
    return fi_sqlvalue_of_array(&cursor->cells[number].array,
                                fi_sql_cursor_table(cursor)->def->columns[number].type, cursor->at);
}
/* Whether the cursor has this plan. */
bool fi_sql_cursor_scan_has_plan(const struct fi_sql_cursor *cursor, const char *text);
/* Takes a plan: which columns are read, and what gives their values to SQLite. Requires: the cursor
 * keeps nothing of another one. */
int fi_sql_cursor_scan_plan(struct fi_sql_cursor *cursor, const char *text, firn_error *err);
/* From now on reads these columns of the plan (as plan.used has them) and those of the key. Another
 * one that is asked for is read by the row's key. Requires: the cursor is at no row, and has no
 * scan. */
int fi_sql_cursor_scan_read_only(struct fi_sql_cursor *cursor, uint64_t used, firn_error *err);
/* Gives back what a plan needs. */
void fi_sql_cursor_scan_forget(struct fi_sql_cursor *cursor);
/* Opens a scan by the bounds and conditions of a filter, and goes to its first row. skip: rows that
 * SQLite will count and not look at. */
int fi_sql_cursor_scan_open(struct fi_sql_cursor *cursor, const struct fi_sql_filter *filter,
                            uint64_t skip, firn_error *err);
/* Goes to the first row of the next batch. */
int fi_sql_cursor_scan_next(struct fi_sql_cursor *cursor, firn_error *err);
/* Opens a scan of all rows from a key on that a filter has no condition against, and goes to its
 * first row. Requires: the first column of the key is a whole number. */
int fi_sql_cursor_scan_from(struct fi_sql_cursor *cursor, const struct fi_sql_filter *filter,
                            int64_t key, firn_error *err);
/* A column is wanted of a row that was skipped, or of which only the key is scanned: reads on from
 * there with all columns. The source is FI_SQL_FROM_SCAN then. */
int fi_sql_cursor_scan_widen(struct fi_sql_cursor *cursor, firn_error *err);

/* ==== lookups by ascending keys (sql_merge.c) ==== */

/* Whether the cursor's plan looks up rows by the first column of the key alone, a whole number. */
bool fi_sql_merge_is_possible(const struct fi_sql_cursor *cursor);
/* Goes to the rows that a lookup asks for, if the cursor merges: *out. Else notes the key. Where it
 * is the wrong one, may_merge becomes false, and the caller has to end the scan if there is one.
 * Requires: may_merge. */
int fi_sql_merge_find(struct fi_sql_cursor *cursor, sqlite3_value **values, bool *out,
                      firn_error *err);
/* Begins with the key that was noted. filter: as for fi_sql_cursor_scan_from. */
int fi_sql_merge_begin(struct fi_sql_cursor *cursor, const struct fi_sql_filter *filter,
                       firn_error *err);
/* Goes to the next row with the key; cursor->at was moved on. */
int fi_sql_merge_next(struct fi_sql_cursor *cursor, firn_error *err);

/* ==== searches for near vectors (sql_vectors.c) ==== */

enum { FI_SQL_VECTORS_COLUMNS = 2 }; /* the hidden ones */

/* Appends the hidden columns that a table with vectors has. */
void fi_sql_vectors_declare(const struct fi_sql_table *table, sqlite3_str *text);
/* Whether a statement searches: the plan is then that of a scan with all constraints, and
 * fi_sql_vectors_report adds what the search needs. A code of SQLite. */
bool fi_sql_vectors_is_search(const struct fi_sql_table *table, const sqlite3_index_info *info);
int fi_sql_vectors_report(const struct fi_sql_table *table, sqlite3_index_info *info);
/* How many of the last arguments of xFilter are the search's, by idxNum; 0: it is none. */
int fi_sql_vectors_arguments(int number);
/* Searches. values: those arguments. *out is NULL where nothing can be found. FIRN_UNSUPPORTED
 * where k counts rows that SQLite would leave out afterwards. *out_stream: there may be more rows
 * than these; ends with fi_sql_vectors_end, also after a failure. */
struct fi_sql_stream;
int fi_sql_vectors_search(const struct fi_sql_table *table, const struct fi_sql_view *view,
                          const struct fi_sql_filter *filter, int number, sqlite3_value **values,
                          firn_search_result **out, struct fi_sql_stream **out_stream,
                          firn_error *err);
/* Makes *out a longer result that begins with the same rows, if there is one. */
int fi_sql_vectors_more(const struct fi_sql_table *table, const struct fi_sql_view *view,
                        struct fi_sql_stream *stream, firn_search_result **out, firn_error *err);
/* NULL is fine. */
void fi_sql_vectors_end(struct fi_sql_stream *stream);
/* Searches for k rows. vector: as firn_distance takes it. where: a condition of firn, or NULL. */
int fi_sql_vectors_find(const struct fi_sql_table *table, const struct fi_sql_view *view,
                        size_t column, sqlite3_value *vector, const char *where, uint64_t k,
                        firn_search_result **out, firn_error *err);
/* What a scan of the table has to give if the statement asks for the nearest rows by ORDER BY
 * firn_distance(...) LIMIT (sql_nearest.c), released by the caller; NULL: all rows. */
firn_search_result *fi_sql_nearest_find(const struct fi_sql_table *table,
                                        const struct fi_sql_view *view);
/* Whether a column is one of the hidden ones; gives its value for a row of what was found, if
 * anything was. */
bool fi_sql_vectors_has(const struct fi_sql_table *table, size_t number);
void fi_sql_vectors_give(const struct fi_sql_table *table, const firn_search_result *found,
                         size_t row, sqlite3_context *ctx, size_t number);

/* ==== statements that a scan answers: their groups as a virtual table (sql_query.c, sql_groups.c)
 * ==== */

/* A statement that was recognised. */
struct fi_sql_query {
    struct fi_sql *sql;
    struct fi_sql_store *store; /* a reference */
    char *table;                /* firn's name */
    char *definition;           /* what the statement was recognised by */
    struct fi_sqlparse_query parsed;
    sqlite3_stmt *outer;
    bool is_declined;
};

/* The type of the pointer to a query that firn_groups takes. */
extern const char fi_sql_groups_pointer[];

/* Opens the table of a query as the view has it, with its definition as text, which is released
 * with firn_release. */
int fi_sql_groups_open_table(const struct fi_sql_query *query, const struct fi_sql_view *view,
                             firn_table **out_table, char **out_definition, firn_error *err);
/* Registers firn_groups. A code of SQLite. */
int fi_sql_groups_register(struct fi_sql *sql);

/* ==== table-valued functions whose rows are collected when they are asked for, and rows as JSON
 * (sql_rows.c) ==== */

enum { FI_SQL_ROWS_ARGUMENTS_MAX = 18 };

/* Rows that are being collected; one cell after the other. */
struct fi_sql_rows;
void fi_sql_rows_null(struct fi_sql_rows *rows);
void fi_sql_rows_integer(struct fi_sql_rows *rows, sqlite3_int64 number);
/* Copies the text, which counts as UTF-8 up to `size`. */
void fi_sql_rows_text(struct fi_sql_rows *rows, const char *text, size_t size);
/* A text, or null where it is empty. */
void fi_sql_rows_text_or_null(struct fi_sql_rows *rows, const char *text);
/* A path or the like: a text where it is UTF-8, else a blob. */
void fi_sql_rows_bytes(struct fi_sql_rows *rows, firn_slice bytes);
/* A time as SQLite's functions read it, "2026-01-31 23:59:59.123", UTC. */
void fi_sql_rows_time(struct fi_sql_rows *rows, int64_t since_epoch_ns);
/* FIRN_NO_MEMORY if cells were lost, FIRN_CANCELLED if the connection was interrupted; asked after
 * each row. */
FIRN_MUST_CHECK int fi_sql_rows_go_on(struct fi_sql_rows *rows);
/* The same for callbacks of long operations, whose ctx is the rows. */
int fi_sql_rows_on_progress(void *ctx, const firn_progress *progress);

/* A function of the table kind. */
struct fi_sql_rows_function {
    const char *name;
    const char *columns; /* as CREATE TABLE has them; NULL: put_columns appends them */
    void (*put_columns)(sqlite3_str *out);
    int column_count;
    const char *arguments; /* names with commas between them; they are hidden columns */
    int argument_count;
    int argument_count_min;
    /* Collects the rows. Arguments that were not given are NULL. */
    int (*fill)(struct fi_sql *sql, struct fi_sql_rows *rows, sqlite3_value *const *arguments,
                firn_error *err);
};
/* `function` is a constant. A code of SQLite. */
int fi_sql_rows_register(struct fi_sql *sql, const struct fi_sql_rows_function *function);

/* xBestIndex: which arguments are given is told in the bits of idxNum. */
int fi_sql_rows_plan(sqlite3_vtab *base, sqlite3_index_info *info,
                     const struct fi_sql_rows_function *function);

/* The text of an argument; NULL where it was not given, or is null. */
const char *fi_sql_rows_argument(sqlite3_value *value);

/* Appends a text in the quotes of JSON; what is no UTF-8 becomes U+FFFD. */
void fi_sql_rows_json_text(sqlite3_str *out, const char *text, size_t size);
/* Appends a value as `firn db scan --json` has it: numbers and truth as such, all else as text. */
void fi_sql_rows_json_value(sqlite3_str *out, const firn_table_column *column, firn_value value);

/* ==== checkpoints and versions of rows (sql_history.c, sql_diff.c) ==== */

/* firn_diff: sql_diff.c. A code of SQLite. */
int fi_sql_diff_register(struct fi_sql *sql);

/* What fi_sql_store_ask has set. */
const firn_keys_source *fi_sql_store_source(void);

#endif
