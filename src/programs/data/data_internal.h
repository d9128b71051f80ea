/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_internal.h: what the files of this room share. Only files of this folder include it.
 */
#ifndef FIRN_DATA_DATA_INTERNAL_H
#define FIRN_DATA_DATA_INTERNAL_H

#include "command/command.h"
#include "data/data.h"

/* The members of the group that have files of their own. */
extern const struct fi_command fi_data_load;
extern const struct fi_command fi_data_load_dump;
extern const struct fi_command fi_data_keyspaces;
extern const struct fi_command fi_data_keyspaces_drop;
extern const struct fi_command fi_data_keyspaces_delrange;
extern const struct fi_command fi_data_stats_flush;
extern const struct fi_command fi_data_stats_compact;
extern const struct fi_command fi_data_stats;

extern const struct fi_command fi_data_checkpoint;
extern const struct fi_command fi_data_checkpoint_list;
extern const struct fi_command fi_data_checkpoint_clone;
extern const struct fi_command fi_data_destroy;
extern const struct fi_command fi_data_checkpoint_export;
extern const struct fi_command fi_data_checkpoint_import;
extern const struct fi_command fi_data_diff;
extern const struct fi_command fi_data_check;
extern const struct fi_command fi_data_checkpoint_restore;
extern const struct fi_command fi_data_checkpoint_undo;

extern const struct fi_command fi_data_table_create;
extern const struct fi_command fi_data_table_list;
extern const struct fi_command fi_data_table_show;
extern const struct fi_command fi_data_table_drop;
extern const struct fi_command fi_data_table_alter;
extern const struct fi_command fi_data_exchange_import;
extern const struct fi_command fi_data_exchange_export;
extern const struct fi_command fi_data_query_insert;
extern const struct fi_command fi_data_search;

/* Opens the snapshot that --at names; *out is NULL where it was not given. Returns an exit code. */
int fi_data_open_snapshot(struct fi_cli *cli, firn_store *store, firn_snapshot **out);
/* As fi_data_open_keyspace, of what a snapshot has; snapshot may be NULL. */
int fi_data_open_keyspace_at(struct fi_cli *cli, firn_store *store, firn_snapshot *snapshot,
                             firn_keyspace **out);
/* Opens the keyspace that the second argument names, making it only where that is allowed. Returns
 * an exit code. */
int fi_data_open_keyspace(struct fi_cli *cli, firn_store *store, bool may_make,
                          firn_keyspace **out);

/* firn db keyspaces, and table list: prints the names that one of the functions lists, now or with
 * --at. `what` is their name with --json. Returns an exit code. */
typedef int fi_data_list_now(firn_store *store, int (*visit)(void *ctx, const char *name),
                             void *ctx, firn_error *err);
typedef int fi_data_list_at(firn_snapshot *snapshot, int (*visit)(void *ctx, const char *name),
                            void *ctx, firn_error *err);
int fi_data_keyspaces_print(struct fi_cli *cli, const char *what, fi_data_list_now *list_now,
                            fi_data_list_at *list_at);

/* The value of --ttl; 0 where it was not given. Returns an exit code. */
int fi_data_values_ttl(struct fi_cli *cli, uint64_t *out_ms);

/* ---- tables: data_table.c ---- */

/* A table that was found, with its definition, now or as a snapshot has it. A zeroed one is
 * none. */
struct fi_data_table {
    struct fi_cli *cli;
    const char *name;
    firn_table *table; /* NULL: no table has the name */
    firn_snapshot *snapshot;
    firn_table_def *def;
    char *text; /* the definition */
};

/* Finds the table that the second argument names; out->table is NULL where there is none. snapshot
 * may be NULL. Returns an exit code. */
int fi_data_table_find(struct fi_cli *cli, firn_store *store, firn_snapshot *snapshot,
                       struct fi_data_table *out);
/* The same; a failure where there is none. */
int fi_data_table_open(struct fi_cli *cli, firn_store *store, firn_snapshot *snapshot,
                       struct fi_data_table *out);
/* Fine on a zeroed struct. */
void fi_data_table_close(struct fi_data_table *table);
/* Has a function work on the table that the second argument names, now or with --at; returns what
 * it returned, or the exit code of a failure. The second one opens the store that the first
 * argument names. */
int fi_data_table_inspect(struct fi_cli *cli, firn_store *store,
                          int (*work)(const struct fi_data_table *table));
int fi_data_table_run(struct fi_cli *cli, int (*work)(const struct fi_data_table *table));
/* A column by its name; reports that there is none. Returns an exit code. */
int fi_data_table_column(const struct fi_data_table *table, const char *name,
                         const firn_table_column **out);

/* ---- rows that differ: data_table_diff.c ---- */

struct fi_data_table_diff {
    firn_snapshot *before;
    firn_snapshot *after;
    bool keys_only;
    bool counts_only; /* nothing is printed */
    uint64_t added;   /* rows, of all tables so far */
    uint64_t removed;
    uint64_t changed;
};
/* Compares a table that at least one side has, and prints what differs; inside of the array of
 * differences, with --json. Returns an exit code. */
int fi_data_table_diff(struct fi_cli *cli, firn_store *store, const char *name,
                       struct fi_data_table_diff *what);

/* firn db stats of a table: data_table_stats.c. Returns an exit code. */
int fi_data_table_stats(const struct fi_data_table *table);

/* ---- dumps of stores and tables: data_dump.c ---- */

/* table NULL: all that the snapshot has. Returns an exit code. */
int fi_data_dump(struct fi_cli *cli, firn_store *store, firn_snapshot *snapshot, const char *table);
/* Loads one from standard input into the store that the first argument names. Returns an exit
 * code. */
int fi_data_dump_load(struct fi_cli *cli);

/* ---- values of tables: data_values.c ---- */

/* Texts that one argument has, with commas between them; in double quotes one may contain commas. A
 * zeroed one is empty. */
struct fi_data_values_list {
    char **items;
    char *memory;
    size_t count;
};
/* what: the option or argument. Returns an exit code. */
int fi_data_values_split(struct fi_cli *cli, const char *what, const char *text,
                         struct fi_data_values_list *out);
void fi_data_values_list_deinit(struct fi_data_values_list *list);

/* Values that were read from texts, with their memory. A zeroed one is empty. */
struct fi_data_values {
    firn_value *values;
    void **memory;
    size_t count;
};
void fi_data_values_deinit(struct fi_data_values *values);
/* Adds the value that a text is for a column; NULL: null. The text must live as long. Returns an
 * exit code. */
int fi_data_values_add(struct fi_cli *cli, const firn_table_column *column, const char *text,
                       struct fi_data_values *values);

/* Puts a value into the object of --json that is open, under the name of its column. */
void fi_data_values_json(struct fi_cli *cli, const firn_table_column *column,
                         const firn_value *value);

/* Appends the text of a value, as it is; nothing for null. Returns an exit code. */
int fi_data_values_text(struct fi_cli *cli, const firn_table_column *column,
                        const firn_value *value, struct fi_data_bytes *out);

/* ---- lines of cells in columns: data_grid.c ---- */

/* Collects cells, row by row, and prints them below each other, some hundred rows at a time. */
struct fi_data_grid {
    struct fi_cli *cli;
    size_t columns;
    size_t cells; /* that are there */
    bool has_no_memory;
    struct fi_data_bytes text; /* of the cells, each with a NUL */
    size_t widths[FIRN_TABLE_COLUMNS_MAX];
    bool is_right[FIRN_TABLE_COLUMNS_MAX]; /* the column is aligned at its right end */
};
/* Requires: 1 to FIRN_TABLE_COLUMNS_MAX columns. */
void fi_data_grid_init(struct fi_data_grid *grid, struct fi_cli *cli, size_t columns);
/* Adds a cell: escaped, and cut where it is wide; null where data is NULL. */
void fi_data_grid_add(struct fi_data_grid *grid, firn_slice text);
/* Prints what is there, and gives the memory back. Returns an exit code. */
int fi_data_grid_finish(struct fi_data_grid *grid);

/* The kind of a file of vectors by its name: data_search.c. */
bool fi_data_search_kind(const char *path, firn_vectors_kind *out);

/* ---- a text that is imported: data_source.c ---- */

enum { FI_DATA_SOURCE_START_SIZE = 256 << 10 };

struct fi_data_source {
    const char *name;
    int fd; /* -1: closed */
    struct fi_data_bytes kept;
    size_t at;         /* how much of it was read again */
    bool keeps;        /* what is read is kept, to be read again when `at` is 0 */
    bool start_is_all; /* the text is not longer than its start */
    bool has_no_memory;
    struct fi_cli *cli;
};

/* Opens a file, or standard input for "-". Returns an exit code. */
int fi_data_source_open(struct fi_cli *cli, const char *path, struct fi_data_source *out);
/* Fine on one with fd -1. */
void fi_data_source_close(struct fi_data_source *source);
/* A firn_read_bytes; ctx is the source. */
int fi_data_source_read(void *ctx, void *buffer, size_t capacity, size_t *out_size,
                        firn_error *err);
/* Keeps the beginning of the text. Refuses a file that is not text, and says how to convert it.
 * Returns an exit code. */
int fi_data_source_start(struct fi_data_source *source);
/* After the start. Refuses JSON, HTML and XML, which nearly any form of CSV would read. Returns an
 * exit code. */
int fi_data_source_expect_csv(const struct fi_data_source *source);

/* ---- rows of values: data_output.c ---- */

/* Rows on their way to standard output: in columns, as lines, as CSV (--csv), or as objects of the
 * open array (--json). */
struct fi_data_output {
    struct fi_cli *cli;
    const firn_table_column *columns; /* borrowed */
    size_t column_count;
    bool is_csv;
    bool is_grid;
    int exit_code; /* of the first failure */
    struct fi_data_bytes text;
    struct fi_data_grid grid;
};
/* Prints the names of the columns, where the form has them. */
void fi_data_output_begin(struct fi_data_output *output, struct fi_cli *cli,
                          const firn_table_column *columns, size_t count);
/* A value for each column. */
void fi_data_output_row(struct fi_data_output *output, const firn_value *values);
/* Prints what is left. Returns an exit code. */
int fi_data_output_end(struct fi_data_output *output);

/* ---- rows of tables: data_query.c, data_scan.c ---- */

/* The order of rows: the primary key, or an index. */
struct fi_data_query_order {
    const char *index; /* NULL: the primary key */
    const char *const *columns;
    size_t column_count;
};
/* index NULL: the primary key. Returns an exit code. */
int fi_data_query_find_order(const struct fi_data_table *table, const char *index,
                             struct fi_data_query_order *out);
/* The values of the first `count` columns of an order. Requires: it has so many. Returns an exit
 * code. */
int fi_data_query_read_key(const struct fi_data_table *table,
                           const struct fi_data_query_order *order, const char *const *texts,
                           size_t count, struct fi_data_values *out);
/* Tables have no use for --hex. Returns an exit code. */
int fi_data_query_refuse_hex(const struct fi_data_table *table);

/* firn db get, del, scan and count, of a table. They return exit codes. */
int fi_data_query_get(const struct fi_data_table *table);
int fi_data_query_delete(const struct fi_data_table *table);
int fi_data_scan_print(const struct fi_data_table *table);
int fi_data_scan_count(const struct fi_data_table *table);
/* Says what the library refused of a query's texts; these are called as the options are. Returns an
 * exit code. */
int fi_data_scan_report(const struct fi_data_table *table, const firn_error *err);

#endif
