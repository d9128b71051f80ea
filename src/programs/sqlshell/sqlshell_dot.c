/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlshell/sqlshell_dot.c: lines for the shell itself: .tables, .schema, .import and the others.
 *
 * .schema writes SQL: what a store calls its tables and columns is quoted, so that the text read
 * back gives the same columns. A terminal gets control characters in names as escapes.
 *
 * .import hands the file to the library, which loads it as one commit. The store is let go for
 * that: only one handle of a process may write. So it is refused inside of a transaction.
 */
#include "sqlshell/sqlshell_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "firn/exchange.h"
#include "sqlshell/sqlshell_words.h"
#include "task/task.h"
#include "term/term.h"

enum { DEPTH_MAX = 16, MEMORY_BYTES = 64 << 20 };

/* ---- what there is ---- */

/* Calls put with the text of each row of a statement. Returns an exit code. */
static int
each_text(struct fi_sqlshell *shell, const char *sql, const char *argument,
          void (*put)(struct fi_sqlshell *shell, const char *text))
{
    assert(shell->db != NULL);
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(shell->db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK && argument != NULL) {
        rc = sqlite3_bind_text(statement, 1, argument, -1, SQLITE_STATIC);
    }
    while (rc == SQLITE_OK || rc == SQLITE_ROW) {
        rc = sqlite3_step(statement);
        const char *text =
            rc == SQLITE_ROW ? (const char *)sqlite3_column_text(statement, 0) : NULL;
        if (text != NULL) {
            put(shell, text);
        }
    }
    int exit_code = rc == SQLITE_DONE ? FI_EXIT_OK : fi_sqlshell_session_report(shell, rc);
    (void)sqlite3_finalize(statement);
    return exit_code;
}

static void
put_line(struct fi_sqlshell *shell, const char *text)
{
    (void)shell;
    fi_term_text_escape(firn_str(text), fi_term_out_write);
    fi_term_out_text("\n");
}

static int
run_tables(struct fi_sqlshell *shell, const struct fi_sqlshell_words *words)
{
    assert(words->count >= 1);
    (void)words;
    return each_text(shell,
                     "SELECT name FROM pragma_table_list WHERE schema IN ('main', 'temp') "
                     "AND name NOT LIKE 'sqlite_%' AND type <> 'shadow' "
                     "AND name IN (SELECT name FROM temp.sqlite_schema "
                     "UNION SELECT name FROM main.sqlite_schema) ORDER BY name",
                     NULL, put_line);
}

/* A terminal must not obey what a name has in it; elsewhere the name is what it is. */
static void
put_bytes(const char *text, size_t size)
{
    if (isatty(STDOUT_FILENO) == 1) {
        fi_term_text_escape(firn_bytes(text, size), fi_term_out_write);
    } else {
        fi_term_out_write(text, size);
    }
}

static void
put_quoted(const char *name)
{
    fi_term_out_text("\"");
    while (*name != '\0') {
        const size_t size = strcspn(name, "\"");
        put_bytes(name, size);
        name += size;
        if (*name == '"') {
            fi_term_out_text("\"\"");
            name++;
        }
    }
    fi_term_out_text("\"");
}

/* Whether these bytes are a word that SQL takes as a name without quotes. */
static bool
is_plain(const char *text, size_t size)
{
    static const char digits[] = "0123456789";
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789";
    if (size == 0 || size > INT_MAX || memchr(digits, text[0], sizeof digits - 1) != NULL) {
        return false;
    }
    for (size_t i = 0; i < size; i++) {
        if (memchr(letters, text[i], sizeof letters - 1) == NULL) {
            return false;
        }
    }
    return sqlite3_keyword_check(text, (int)size) == 0;
}

static void
put_name(const char *name)
{
    if (is_plain(name, strlen(name))) {
        fi_term_out_text(name);
    } else {
        put_quoted(name);
    }
}

/* Words, and perhaps numbers in parentheses: DECIMAL(8,2). A table of SQLite's own may have any
 * text as a type. */
static void
put_type(const char *type)
{
    const char *at = type;
    for (size_t size; (size = strcspn(at, " (")) > 0 && is_plain(at, size);) {
        at += size;
        at += *at == ' ' && at[1] != '\0';
    }
    if (*at == '(') {
        const size_t size = strspn(at + 1, "0123456789, ");
        at += at[1 + size] == ')' ? size + 2 : 0;
    }
    if (*at == '\0') {
        fi_term_out_text(type);
    } else {
        put_quoted(type);
    }
}

/* The columns of a table of the store, and of another one. */
static const char *const columns_of[] = {
    "SELECT name, type, \"notnull\", pk, max(pk) OVER (), dflt_value FROM firn_columns(?1)",
    "SELECT name, type, \"notnull\", pk, max(pk) OVER (), dflt_value FROM pragma_table_xinfo(?1) "
    "WHERE hidden = 0 ORDER BY cid"};
static const char *const keys_of[] = {
    "SELECT name FROM firn_columns(?1) WHERE pk > 0 ORDER BY pk",
    "SELECT name FROM pragma_table_xinfo(?1) WHERE pk > 0 ORDER BY pk"};

/* Whether a table is one of the store. */
static bool
is_of_store(struct fi_sqlshell *shell, const char *table)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(shell->db, columns_of[0], -1, &statement, NULL);
    rc = rc == SQLITE_OK ? sqlite3_bind_text(statement, 1, table, -1, SQLITE_STATIC) : rc;
    bool is_there = rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW;
    (void)sqlite3_finalize(statement);
    return is_there;
}

/* The columns of a key of several, in its order. */
static void
put_key(struct fi_sqlshell *shell, const char *table, bool is_stored)
{
    sqlite3_stmt *statement = NULL;
    const char *before = ",\n  PRIMARY KEY (";
    int rc = sqlite3_prepare_v2(shell->db, keys_of[is_stored ? 0 : 1], -1, &statement, NULL);
    rc = rc == SQLITE_OK ? sqlite3_bind_text(statement, 1, table, -1, SQLITE_STATIC) : rc;
    while (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(statement, 0);
        fi_term_out_text(before);
        put_name(name != NULL ? name : "");
        before = ", ";
    }
    (void)sqlite3_finalize(statement);
    fi_term_out_text(")");
}

/* The indexes of a table of the store; none of another one. SQL cannot make one of vectors. */
static void
put_indexes(struct fi_sqlshell *shell, const char *table)
{
    sqlite3_stmt *statement = NULL;
    int rc =
        sqlite3_prepare_v2(shell->db, "SELECT name, kind, columns, metric FROM firn_indexes(?1)",
                           -1, &statement, NULL);
    rc = rc == SQLITE_OK ? sqlite3_bind_text(statement, 1, table, -1, SQLITE_STATIC) : rc;
    while (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
        const char *texts[4];
        for (int i = 0; i < 4; i++) {
            const char *text = (const char *)sqlite3_column_text(statement, i);
            texts[i] = text != NULL ? text : "";
        }
        const bool is_of_vectors = texts[3][0] != '\0';
        fi_term_out_text(is_of_vectors                     ? "-- vector index "
                         : strcmp(texts[1], "unique") == 0 ? "CREATE UNIQUE INDEX "
                                                           : "CREATE INDEX ");
        put_name(texts[0]);
        fi_term_out_text(is_of_vectors ? " of " : " ON ");
        put_name(table);
        fi_term_out_text(" (");
        put_bytes(texts[2], strlen(texts[2]));
        fi_term_out_text(is_of_vectors ? ") " : ")");
        fi_term_out_text(texts[3]);
        fi_term_out_text(is_of_vectors ? "\n" : ";\n");
    }
    (void)sqlite3_finalize(statement);
}

/* NULL: there is none. Control characters are escaped, as everywhere. */
static void
put_default(const char *literal)
{
    if (literal != NULL) {
        fi_term_out_text(" DEFAULT ");
        put_bytes(literal, strlen(literal));
    }
}

/* A definition, as SQL would have it: a line for each column. */
static void
put_schema(struct fi_sqlshell *shell, const char *table)
{
    assert(table != NULL);
    sqlite3_stmt *statement = NULL;
    bool is_first = true;
    int key_columns = 0;
    const bool is_stored = is_of_store(shell, table);
    int rc = sqlite3_prepare_v2(shell->db, columns_of[is_stored ? 0 : 1], -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_text(statement, 1, table, -1, SQLITE_STATIC);
    }
    fi_term_out_text("CREATE TABLE ");
    put_name(table);
    fi_term_out_text("(");
    while (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
        const char *name = (const char *)sqlite3_column_text(statement, 0);
        const char *type = (const char *)sqlite3_column_text(statement, 1);
        bool is_key = sqlite3_column_int(statement, 3) > 0;
        key_columns = sqlite3_column_int(statement, 4);
        fi_term_out_text(is_first ? "\n  " : ",\n  ");
        put_name(name != NULL ? name : "");
        if (type != NULL && type[0] != '\0') {
            fi_term_out_text(" ");
            put_type(type);
        }
        fi_term_out_text(sqlite3_column_int(statement, 2) != 0 ? " NOT NULL" : "");
        put_default((const char *)sqlite3_column_text(statement, 5));
        fi_term_out_text(is_key && key_columns == 1 ? " PRIMARY KEY" : "");
        is_first = false;
    }
    (void)sqlite3_finalize(statement);
    if (key_columns > 1) {
        put_key(shell, table, is_stored);
    }
    fi_term_out_text("\n);\n");
    put_indexes(shell, table);
}

static int
run_schema(struct fi_sqlshell *shell, const struct fi_sqlshell_words *words)
{
    assert(words->count >= 1);
    if (words->count > 1) {
        put_schema(shell, words->items[1]);
        return FI_EXIT_OK;
    }
    return each_text(shell,
                     "SELECT name FROM (SELECT name FROM temp.sqlite_schema WHERE type = 'table' "
                     "UNION SELECT name FROM main.sqlite_schema WHERE type = 'table') "
                     "WHERE name NOT LIKE 'sqlite_%' ORDER BY name",
                     NULL, put_schema);
}

/* ---- import ---- */

struct import {
    struct fi_sqlshell *shell;
    const char *table;
    const char *file;
    int fd;
    uint64_t rows;
};

static int
read_bytes(void *ctx, void *buffer, size_t capacity, size_t *out_size, firn_error *err)
{
    assert(buffer != NULL && capacity > 0);
    const struct import *import = ctx;
    ssize_t count;
    do {
        count = read(import->fd, buffer, capacity);
    } while (count < 0 && errno == EINTR && fi_term_signals_caught() == 0);
    if (count < 0) {
        err->code = errno == EINTR ? FIRN_CANCELLED : FIRN_IO;
        (void)snprintf(err->text, sizeof err->text, "could not read '%s': %s", import->file,
                       strerror(errno));
        return err->code;
    }
    *out_size = (size_t)count;
    return FIRN_OK;
}

static int
go_on(void *ctx, const firn_progress *progress)
{
    firn_error err;
    (void)ctx;
    (void)progress;
    return fi_command_go_on(&err);
}

static int
attempt_import(void *ctx, firn_error *err)
{
    struct import *import = ctx;
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    firn_import_options how = FIRN_IMPORT_OPTIONS_INIT;
    firn_import_statistics statistics = FIRN_IMPORT_STATISTICS_INIT;
    firn_store *store = NULL;
    firn_table *table = NULL;
    const char *end = strrchr(import->file, '.');
    options.create_if_missing = false;
    options.key_source = &fi_command_key_source;
    options.lock_timeout_ms = fi_task_patience_slice_ms(import->shell->cli);
    bool is_json = end != NULL && (strcmp(end, ".jsonl") == 0 || strcmp(end, ".ndjson") == 0);
    how.form.kind = is_json ? FIRN_TEXT_JSON_LINES : FIRN_TEXT_CSV;
    how.form.delimiter = end != NULL && strcmp(end, ".tsv") == 0 ? '\t' : ',';
    how.callbacks.on_progress = go_on;
    int code = firn_store_open(import->shell->path, &options, &store, err);
    if (code == FIRN_OK) {
        code = firn_table_open(store, import->table, &table, err);
    }
    if (code == FIRN_OK) {
        code = firn_table_import(table, read_bytes, import, &how, &statistics, err);
        /* The file was read: this is not done again. */
        code = code == FIRN_BUSY ? FIRN_FAILED : code;
    }
    import->rows = statistics.rows;
    firn_error other;
    if (store != NULL && firn_store_close(store, code == FIRN_OK ? err : &other) != FIRN_OK &&
        code == FIRN_OK) {
        code = err->code;
    }
    return code;
}

static int
run_import(struct fi_sqlshell *shell, const struct fi_sqlshell_words *words)
{
    assert(words->count >= 1);
    struct import import = {.shell = shell};
    firn_error err = {.code = FIRN_OK};
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    if (words->count != 3) {
        return fi_command_report_error(shell->cli, FIRN_INVALID, NULL, "usage: .import FILE TABLE");
    }
    import.file = words->items[1];
    import.table = words->items[2];
    if (shell->read_only || sqlite3_get_autocommit(shell->db) == 0) {
        return fi_command_report_error(shell->cli, FIRN_MISUSE, NULL, "%s",
                                       shell->read_only ? "cannot import: nothing may be written"
                                                        : "cannot import inside a transaction");
    }
    import.fd = open(import.file, O_RDONLY | O_CLOEXEC);
    if (import.fd < 0) {
        return fi_command_report_error(shell->cli, errno == ENOENT ? FIRN_NOT_FOUND : FIRN_IO, NULL,
                                       "could not open '%s': %s", import.file, strerror(errno));
    }
    char start[16];
    ssize_t start_size = pread(import.fd, start, sizeof start, 0); /* not of a pipe */
    int exit_code = start_size > 0 ? fi_task_form_refuse(shell->cli, import.file,
                                                         firn_bytes(start, (size_t)start_size))
                                   : FI_EXIT_OK;
    if (exit_code != FI_EXIT_OK) {
        (void)close(import.fd);
        return exit_code;
    }
    fi_sqlshell_session_detach(shell);
    int code = fi_task_patience_run(shell->cli, attempt_import, &import, &err);
    fi_term_meter_clear();
    (void)close(import.fd);
    if (code != FIRN_OK) {
        return fi_command_report_failure(shell->cli, &err, NULL);
    }
    if (!shell->cli->quiet) {
        fi_command_report_more("imported", fi_term_text_number(import.rows, number));
    }
    return fi_sqlshell_session_attach(shell, false);
}

/* ---- the others ---- */

static int
run_mode(struct fi_sqlshell *shell, const struct fi_sqlshell_words *words)
{
    assert(words->count >= 1);
    if (words->count != 2 || !fi_sqlshell_print_find_mode(words->items[1], &shell->mode)) {
        return fi_command_report_error(shell->cli, FIRN_INVALID, NULL,
                                       "usage: .mode table, tabs, csv, json, markdown or line");
    }
    return FI_EXIT_OK;
}

/* "on", "off", or without a word the other one of both. */
static int
sqlshell_dot_turn(struct fi_sqlshell *shell, const struct fi_sqlshell_words *words, bool *what)
{
    assert(words->count >= 1 && what != NULL);
    bool is_on = words->count == 2 && strcmp(words->items[1], "on") == 0;
    bool is_off = words->count == 2 && strcmp(words->items[1], "off") == 0;
    if (!is_on && !is_off && words->count != 1) {
        return fi_command_report_error(shell->cli, FIRN_INVALID, NULL, "usage: %s on or off",
                                       words->items[0]);
    }
    *what = is_on || (!is_off && !*what);
    return FI_EXIT_OK;
}

static int
run_timer(struct fi_sqlshell *shell, const struct fi_sqlshell_words *words)
{
    return sqlshell_dot_turn(shell, words, &shell->shows_time);
}

static int
run_pager(struct fi_sqlshell *shell, const struct fi_sqlshell_words *words)
{
    return sqlshell_dot_turn(shell, words, &shell->pages);
}

static int
run_read(struct fi_sqlshell *shell, const struct fi_sqlshell_words *words)
{
    assert(shell->depth >= 0);
    if (words->count != 2) {
        return fi_command_report_error(shell->cli, FIRN_INVALID, NULL, "usage: .read FILE");
    }
    if (shell->depth == DEPTH_MAX) {
        return fi_command_report_error(shell->cli, FIRN_LIMIT, NULL, "%d files read each other",
                                       (int)DEPTH_MAX);
    }
    int fd = open(words->items[1], O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return fi_command_report_error(shell->cli, errno == ENOENT ? FIRN_NOT_FOUND : FIRN_IO, NULL,
                                       "could not open '%s': %s", words->items[1], strerror(errno));
    }
    shell->depth++;
    int exit_code = fi_sqlshell_input_read(shell, fd, words->items[1]);
    shell->depth--;
    (void)close(fd);
    return exit_code;
}

static int
run_quit(struct fi_sqlshell *shell, const struct fi_sqlshell_words *words)
{
    (void)words;
    shell->is_over = true;
    return FI_EXIT_OK;
}

static int run_help(struct fi_sqlshell *shell, const struct fi_sqlshell_words *words);

static const struct {
    const char *name;
    const char *text; /* NULL: not listed */
    int (*run)(struct fi_sqlshell *shell, const struct fi_sqlshell_words *words);
} commands[] = {
    {".help", ".help              this list", run_help},
    {".import",
     ".import FILE TABLE insert the rows of a CSV file (.tsv: with tabs; .jsonl: of JSON lines)",
     run_import},
    {".mode", ".mode MODE         table, tabs, csv, json, markdown or line", run_mode},
    {".pager", ".pager on|off      show long results by $FIRN_PAGER, $PAGER or less", run_pager},
    {".quit", ".quit              end", run_quit},
    {".exit", NULL, run_quit},
    {".read", ".read FILE         run the statements of a file", run_read},
    {".schema", ".schema [TABLE]    columns of all tables, or of one", run_schema},
    {".tables", ".tables            the names of all tables", run_tables},
    {".timer", ".timer on|off      tell how long each statement takes", run_timer},
};

static int
run_help(struct fi_sqlshell *shell, const struct fi_sqlshell_words *words)
{
    (void)shell;
    (void)words;
    for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
        if (commands[i].text != NULL) {
            fi_term_out_format("%s\n", commands[i].text);
        }
    }
    return FI_EXIT_OK;
}

int
fi_sqlshell_dot_run(struct fi_sqlshell *shell, const char *line)
{
    assert(line[0] == '.');
    struct fi_sqlshell_words words;
    const char *wrong = fi_sqlshell_words_split(line, &words);
    int exit_code =
        wrong == NULL
            ? FI_EXIT_OK
            : fi_command_report_error(
                  shell->cli, words.memory != NULL ? FIRN_INVALID : FIRN_NO_MEMORY, NULL, "%s%s%s",
                  words.count > 0 ? words.items[0] : "", words.count > 0 ? ": " : "", wrong);
    if (exit_code == FI_EXIT_OK) {
        exit_code = fi_sqlshell_session_attach(shell, false);
    }
    size_t i = 0;
    size_t count = sizeof commands / sizeof commands[0];
    while (exit_code == FI_EXIT_OK && words.count > 0 && i < count &&
           strcmp(commands[i].name, words.items[0]) != 0) {
        i++;
    }
    if (exit_code == FI_EXIT_OK && words.count > 0) {
        exit_code = i < count ? commands[i].run(shell, &words)
                              : fi_command_report_error(shell->cli, FIRN_INVALID,
                                                        ".help lists the commands",
                                                        "there is no command '%s'", words.items[0]);
    }
    free(words.memory);
    return exit_code;
}
