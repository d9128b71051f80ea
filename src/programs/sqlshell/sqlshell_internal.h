/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlshell/sqlshell_internal.h: what the files of this room share. Only files of this folder
 * include it.
 */
#ifndef FIRN_SQLSHELL_SQLSHELL_INTERNAL_H
#define FIRN_SQLSHELL_SQLSHELL_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include "command/command.h"
#include "sqlshell/sqlshell.h"

#ifdef FIRN_HAS_SQL
#include <sqlite3ext.h>
/* The functions of SQLite, NULL until it is loaded: sqlite3_open and the others are macros that
 * call them. */
SQLITE_EXTENSION_INIT3

struct fi_sqlshell;

/* ---- SQLite's library: sqlshell_load.c ---- */

/* Loads it, once. Returns an exit code. */
int fi_sqlshell_load(struct fi_sqlshell *shell);

/* ---- a session: sqlshell_session.c ---- */

enum fi_sqlshell_mode {
    FI_SQLSHELL_TABLE,
    FI_SQLSHELL_TABS,
    FI_SQLSHELL_CSV,
    FI_SQLSHELL_JSON,
    FI_SQLSHELL_MARKDOWN,
    FI_SQLSHELL_LINE,
    FI_SQLSHELL_MEMBERS /* of the object of --json: no mode by name */
};

struct fi_sqlshell {
    struct fi_cli *cli;
    const char *path;
    const char *at;           /* a reference; NULL: now */
    const char *memory;       /* of the store, in MiB; NULL: what the extension gives it */
    const char *const *texts; /* NAME=VALUE: parameters */
    size_t text_count;
    sqlite3 *db;
    enum fi_sqlshell_mode mode;
    bool read_only;      /* nothing may be written */
    firn_cipher cipher;  /* of a store that is created */
    bool may_create;     /* the store is made where there is none */
    bool may_open;       /* statements may open other stores, and directories */
    bool is_attached;    /* the store is attached */
    bool is_writable;    /* for writing */
    bool is_interactive; /* statements come from a terminal */
    bool shows_time;
    bool pages;   /* long results at a terminal */
    bool is_over; /* .quit */
    int depth;    /* of files that are read by .read */
};

/* Opens a connection with firn in it. The store is attached when it is needed. Returns an exit
 * code. */
int fi_sqlshell_session_open(struct fi_sqlshell *shell);
void fi_sqlshell_session_close(struct fi_sqlshell *shell);
/* Attaches the store, for writing if it is wanted; nothing where that has been done. Returns an
 * exit code. */
int fi_sqlshell_session_attach(struct fi_sqlshell *shell, bool is_for_writing);
/* Lets go of the store, unless a transaction is open. */
void fi_sqlshell_session_detach(struct fi_sqlshell *shell);
/* Runs a text of statements up to the first failure. Returns an exit code. */
int fi_sqlshell_session_run(struct fi_sqlshell *shell, const char *text);
/* Reports what SQLite's code and the connection say. Returns an exit code. */
int fi_sqlshell_session_report(struct fi_sqlshell *shell, int rc);
/* Whether an interrupt came since the last call. */
bool fi_sqlshell_session_was_interrupted(void);

/* ---- results: sqlshell_print.c ---- */

struct fi_sqlshell_print;
/* Begins with the result of a statement; NULL: memory ran out. */
struct fi_sqlshell_print *fi_sqlshell_print_begin(struct fi_sqlshell *shell,
                                                  sqlite3_stmt *statement);
/* Prints the row that the statement has. Returns false if memory ran out. */
bool fi_sqlshell_print_row(struct fi_sqlshell_print *print, sqlite3_stmt *statement);
void fi_sqlshell_print_end(struct fi_sqlshell_print *print);
/* The mode that a word says; false: it says none. */
bool fi_sqlshell_print_find_mode(const char *word, enum fi_sqlshell_mode *out);

/* ---- lines that begin with a dot: sqlshell_dot.c ---- */

/* Runs one. Returns an exit code. */
int fi_sqlshell_dot_run(struct fi_sqlshell *shell, const char *line);

/* ---- where statements come from: sqlshell_input.c ---- */

/* Runs the statements read from a descriptor, up to its end or the first failure. Returns an exit
 * code. */
int fi_sqlshell_input_read(struct fi_sqlshell *shell, int fd, const char *name);
/* Runs statements from a terminal. Returns an exit code. */
int fi_sqlshell_input_type(struct fi_sqlshell *shell);

/* ---- lines that are typed: sqlshell_edit.c ---- */

/* Finds the library that edits lines, and the history. */
void fi_sqlshell_edit_open(struct fi_sqlshell *shell);
/* Reads a line, without its end; of malloc. NULL: the end, or an interrupt. */
char *fi_sqlshell_edit_line(const char *prompt);
void fi_sqlshell_edit_remember(const char *text);
/* Keeps the history. */
void fi_sqlshell_edit_close(void);

#endif
#endif
