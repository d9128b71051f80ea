/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlshell/sqlshell_session.c: a connection of SQLite with a store attached, and the statements
 * that it runs.
 *
 * Locking. The store is attached for reading, which blocks no process. The first statement that
 * writes attaches it anew for writing, and waits for another writer as --wait says: one that SQLite
 * calls a writing one, a BEGIN, or one that failed because the store was attached for reading. A
 * script keeps the lock until it ends. A terminal keeps it no longer than a statement or
 * transaction, so that other processes may write in between, and sees what they have written.
 *
 * A SELECT that firn's scan answers (sql.h) is run that way; if the scan declines, and no row has
 * been printed, SQLite runs it. EXPLAIN of such a statement has one row that says what the scan is.
 *
 * CREATE TABLE would make a table of the connection's own database, which is in memory and gone at
 * the end. So CREATE TABLE, CREATE INDEX, ALTER TABLE, DROP TABLE and DROP INDEX go to the store,
 * by firn_create, unless they say TEMP or name a table that is the connection's own, or one of a
 * database that ATTACH has added. A view or a trigger would be gone with the connection, too: it
 * has to be a temporary one.
 *
 * Interrupts. The handler of this file tells SQLite, which ends the statement; a scan asks SQLite
 * now and then. In a script it also does what the program's own handler does, so the command ends
 * with 130. At a terminal it only ends the statement.
 */
#include "sqlshell/sqlshell_internal.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "sql/sql.h"
#include "sqltext/sqltext.h"
#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

/* ==== interrupts ==== */

static _Atomic(sqlite3 *) interruptible;
static volatile sig_atomic_t was_interrupted;
static struct sigaction before[3];
static const int signals[3] = {SIGINT, SIGTERM, SIGHUP};
static bool is_typed_at;

static void
on_signal(int number)
{
    sqlite3 *db = atomic_load(&interruptible);
    if (db != NULL) {
        sqlite3_interrupt(db);
    }
    was_interrupted = 1;
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        bool passes_on = signals[i] == number && !(number == SIGINT && is_typed_at);
        if (passes_on && before[i].sa_handler != SIG_DFL && before[i].sa_handler != SIG_IGN) {
            before[i].sa_handler(number);
        }
    }
}

static void
take_signals(bool is_interactive)
{
    is_typed_at = is_interactive;
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        struct sigaction action;
        if (sigaction(signals[i], NULL, &before[i]) != 0 || before[i].sa_handler == SIG_IGN) {
            continue;
        }
        memset(&action, 0, sizeof action);
        sigemptyset(&action.sa_mask);
        action.sa_handler = on_signal;
        action.sa_flags = is_interactive && signals[i] == SIGINT ? 0 : SA_RESTART;
        (void)sigaction(signals[i], &action, NULL);
    }
}

static void
give_signals_back(void)
{
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++) {
        if (before[i].sa_handler != NULL && before[i].sa_handler != SIG_IGN) {
            (void)sigaction(signals[i], &before[i], NULL);
        }
    }
}

bool
fi_sqlshell_session_was_interrupted(void)
{
    bool was = was_interrupted != 0;
    was_interrupted = 0;
    return was;
}

/* ==== failures ==== */

static int
code_of(int rc)
{
    switch (rc & 0xff) {
    case SQLITE_BUSY:
        return rc == SQLITE_BUSY_SNAPSHOT ? FIRN_CONFLICT : FIRN_BUSY;
    case SQLITE_LOCKED:
        return FIRN_BUSY;
    case SQLITE_NOMEM:
        return FIRN_NO_MEMORY;
    case SQLITE_READONLY:
        return FIRN_READ_ONLY;
    case SQLITE_INTERRUPT:
        return FIRN_CANCELLED;
    case SQLITE_IOERR:
        return FIRN_IO;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return FIRN_CORRUPT;
    case SQLITE_FULL:
        return FIRN_NO_SPACE;
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return FIRN_DENIED;
    case SQLITE_NOTFOUND:
        return FIRN_NOT_FOUND;
    case SQLITE_TOOBIG:
        return FIRN_LIMIT;
    case SQLITE_CONSTRAINT:
        return FIRN_EXISTS;
    default:
        return FIRN_MISUSE;
    }
}

int
fi_sqlshell_session_report(struct fi_sqlshell *shell, int rc)
{
    assert(rc != SQLITE_OK);
    int code = code_of(rc);
    const char *text = sqlite3_errmsg(shell->db);
    const char *hint = code == FIRN_READ_ONLY && shell->read_only ? "leave out --read-only and --at"
                       : code == FIRN_LIMIT && strstr(text, "memory") != NULL
                           ? "give the store more with --memory MIB"
                           : NULL;
    fi_term_meter_clear();
    return fi_command_report_error(shell->cli, code, hint, "%s",
                                   code == FIRN_CANCELLED ? "interrupted" : text);
}

static int
report_no_memory(struct fi_sqlshell *shell)
{
    return fi_command_report_error(shell->cli, FIRN_NO_MEMORY, NULL, "%s",
                                   firn_code_text(FIRN_NO_MEMORY));
}

/* ==== the connection ==== */

/* Opens a database in memory, with firn in it. Its statements may be a text from elsewhere, so it
 * opens nothing but the store unless the user has allowed it. Returns an exit code. */
static int
open_database(struct fi_sqlshell *shell)
{
    FI_TRY_RETURN(fi_sqlshell_load(shell));
    /* ATTACH and VACUUM INTO open their files with these flags: with SQLITE_OPEN_MEMORY they would
     * open none, and without SQLITE_OPEN_CREATE make none. */
    int rc =
        sqlite3_open_v2(":memory:", &shell->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL);
    if (shell->db == NULL) {
        return report_no_memory(shell);
    }
    fi_sql_store_ask(&fi_command_key_source);
    rc = rc == SQLITE_OK ? fi_sql_register(shell->db) : rc;
    rc = rc == SQLITE_OK ? fi_sql_confine(shell->db, shell->may_open ? NULL : shell->path) : rc;
    return rc == SQLITE_OK ? FI_EXIT_OK : fi_sqlshell_session_report(shell, rc);
}

int
fi_sqlshell_session_open(struct fi_sqlshell *shell)
{
    assert(shell->db == NULL && shell->path != NULL);
    FI_TRY_RETURN(open_database(shell));
    atomic_store(&interruptible, shell->db);
    take_signals(shell->is_interactive);
    return FI_EXIT_OK;
}

void
fi_sqlshell_session_close(struct fi_sqlshell *shell)
{
    atomic_store(&interruptible, NULL);
    give_signals_back();
    if (shell->db != NULL) {
        (void)sqlite3_close_v2(shell->db);
        shell->db = NULL;
    }
}

struct attempt {
    struct fi_sqlshell *shell;
    bool is_for_writing;
};

/* The words are those of firn_attach, too. */
static void
append_cipher(const struct fi_sqlshell *shell, sqlite3_str *text)
{
    const char *word = fi_command_value(shell->cli, "cipher");
    if (word != NULL) {
        sqlite3_str_appendf(text, ", 'cipher=%q'", word);
    } else if (shell->cipher != FIRN_CIPHER_NONE) {
        sqlite3_str_appendall(text, ", 'encrypt'");
    }
}

static int
attempt_attach(void *ctx, firn_error *err)
{
    struct attempt *attempt = ctx;
    struct fi_sqlshell *shell = attempt->shell;
    sqlite3_stmt *statement = NULL;
    sqlite3_str *text = sqlite3_str_new(shell->db);
    sqlite3_str_appendf(text, "SELECT firn_attach(%Q, 'timeout=%lld'", shell->path,
                        (long long)fi_task_patience_slice_ms(shell->cli));
    if (!attempt->is_for_writing) {
        sqlite3_str_appendall(text, ", 'read-only'");
    }
    if (attempt->is_for_writing && shell->may_create) {
        sqlite3_str_appendall(text, ", 'create'");
        append_cipher(shell, text);
    }
    if (shell->at != NULL) {
        char *at = sqlite3_mprintf("at=%s", shell->at);
        sqlite3_str_appendf(text, ", %Q", at);
        sqlite3_free(at);
    }
    if (shell->memory != NULL) {
        char *memory = sqlite3_mprintf("memory=%s", shell->memory);
        sqlite3_str_appendf(text, ", %Q", memory);
        sqlite3_free(memory);
    }
    sqlite3_str_appendall(text, ")");
    char *call = sqlite3_str_finish(text);
    int rc =
        call != NULL ? sqlite3_prepare_v2(shell->db, call, -1, &statement, NULL) : SQLITE_NOMEM;
    rc = rc == SQLITE_OK ? sqlite3_step(statement) : rc;
    int code = rc == SQLITE_ROW || rc == SQLITE_DONE ? FIRN_OK : code_of(rc);
    if (code != FIRN_OK) {
        err->code = code;
        (void)snprintf(err->text, sizeof err->text, "%s", sqlite3_errmsg(shell->db));
    }
    (void)sqlite3_finalize(statement);
    sqlite3_free(call);
    return code;
}

int
fi_sqlshell_session_attach(struct fi_sqlshell *shell, bool is_for_writing)
{
    assert(shell->db != NULL);
    firn_error err = {.code = FIRN_OK};
    struct attempt attempt = {shell, is_for_writing && !shell->read_only};
    if (shell->is_attached && (shell->is_writable || !attempt.is_for_writing)) {
        return FI_EXIT_OK;
    }
    fi_sqlshell_session_detach(shell);
    int code = fi_task_patience_run(shell->cli, attempt_attach, &attempt, &err);
    fi_term_meter_clear();
    if (code != FIRN_OK) {
        /* SQLite has no code for it. */
        bool is_missing = code == FIRN_MISUSE && access(shell->path, F_OK) != 0;
        err.code = is_missing ? FIRN_NOT_FOUND : code;
        const char *hint = is_missing && shell->at == NULL
                               ? "--create creates the store if it does not exist"
                               : NULL;
        return fi_command_report_failure(shell->cli, &err, hint);
    }
    shell->is_attached = true;
    shell->is_writable = attempt.is_for_writing;
    return FI_EXIT_OK;
}

void
fi_sqlshell_session_detach(struct fi_sqlshell *shell)
{
    assert(shell->db != NULL);
    if (!shell->is_attached || sqlite3_get_autocommit(shell->db) == 0) {
        return;
    }
    char *text = sqlite3_mprintf("SELECT firn_detach(%Q)", shell->path);
    if (text != NULL && sqlite3_exec(shell->db, text, NULL, NULL, NULL) == SQLITE_OK) {
        shell->is_attached = false;
        shell->is_writable = false;
    }
    sqlite3_free(text);
}

/* ==== parameters ==== */

static bool
is_whole_number(const char *text)
{
    const char *digits = text + (text[0] == '-' || text[0] == '+');
    return digits[0] != '\0' && digits[strspn(digits, "0123456789")] == '\0';
}

/* What stands in single quotes; of sqlite3_malloc. NULL: it stands in none, or memory ran out. */
static char *
sqlshell_session_unquote(const char *text)
{
    size_t size = strlen(text);
    if (size < 2 || text[0] != '\'' || text[size - 1] != '\'') {
        return NULL;
    }
    char *out = sqlite3_malloc64(size);
    size_t to = 0;
    for (size_t i = 1; out != NULL && i < size - 1; i++) {
        out[to++] = text[i];
        i += text[i] == '\'' && text[i + 1] == '\'' && i + 1 < size - 1;
    }
    if (out != NULL) {
        out[to] = '\0';
    }
    return out;
}

/* x'00ff'. Returns a code of SQLite, SQLITE_NOTFOUND where it is none. */
static int
bind_blob(sqlite3_stmt *statement, int i, const char *text)
{
    assert(i >= 1 && i <= sqlite3_bind_parameter_count(statement));
    size_t size = strlen(text);
    bool is_blob = size >= 3 && (text[0] == 'x' || text[0] == 'X') && text[1] == '\'' &&
                   text[size - 1] == '\'' && size % 2 == 1 &&
                   strspn(text + 2, "0123456789abcdefABCDEF") == size - 3;
    if (!is_blob) {
        return SQLITE_NOTFOUND;
    }
    size_t bytes = (size - 3) / 2;
    char *out = sqlite3_malloc64(bytes + 1);
    for (size_t k = 0; out != NULL && k < bytes; k++) {
        char digits[3] = {text[2 + 2 * k], text[3 + 2 * k], '\0'};
        out[k] = (char)strtoul(digits, NULL, 16);
    }
    return out == NULL ? SQLITE_NOMEM : sqlite3_bind_blob64(statement, i, out, bytes, sqlite3_free);
}

static int
bind_text(sqlite3_stmt *statement, int i, const char *text)
{
    assert(i >= 1 && i <= sqlite3_bind_parameter_count(statement));
    char *end = NULL;
    int rc = bind_blob(statement, i, text);
    if (rc != SQLITE_NOTFOUND) {
        return rc;
    }
    if (sqlite3_stricmp(text, "null") == 0) {
        return sqlite3_bind_null(statement, i);
    }
    errno = 0;
    long long whole = is_whole_number(text) ? strtoll(text, NULL, 10) : 0;
    if (is_whole_number(text) && errno == 0) {
        return sqlite3_bind_int64(statement, i, whole);
    }
    double number = strtod(text, &end);
    bool is_number = strspn(text, "+-0123456789.eE") == strlen(text) && end != text && *end == '\0';
    if (is_number && isfinite(number)) {
        return sqlite3_bind_double(statement, i, number);
    }
    char *quoted = sqlshell_session_unquote(text);
    return quoted != NULL ? sqlite3_bind_text(statement, i, quoted, -1, sqlite3_free)
                          : sqlite3_bind_text(statement, i, text, -1, SQLITE_STATIC);
}

/* The value of a parameter; NULL: none was given. The last one counts. */
static const char *
find_parameter(const struct fi_sqlshell *shell, const char *name)
{
    const char *found = NULL;
    size_t size = strlen(name);
    for (size_t i = 0; i < shell->text_count; i++) {
        const char *text = shell->texts[i];
        if (strncmp(text, name, size) == 0 && text[size] == '=') {
            found = text + size + 1;
        }
    }
    return found;
}

/* Returns an exit code. */
static int
bind_all(struct fi_sqlshell *shell, sqlite3_stmt *statement)
{
    for (int i = 1; i <= sqlite3_bind_parameter_count(statement); i++) {
        char number[16];
        const char *name = sqlite3_bind_parameter_name(statement, i);
        (void)snprintf(number, sizeof number, "%d", i);
        const char *bare = name != NULL ? name + 1 : number; /* without its : @ $ or ? */
        const char *text = find_parameter(shell, bare);
        if (text == NULL) {
            return fi_command_report_error(shell->cli, FIRN_INVALID,
                                           "give it with --param NAME=VALUE",
                                           "the parameter '%s' has no value", bare);
        }
        int rc = bind_text(statement, i, text);
        if (rc != SQLITE_OK) {
            return fi_sqlshell_session_report(shell, rc);
        }
    }
    return FI_EXIT_OK;
}

/* ==== one statement ==== */

/* Whether a statement holds the lock for others: one that begins a transaction. */
static bool
begins_transaction(const char *text)
{
    const char *word = NULL;
    size_t at = 0;
    size_t size = fi_sqltext_word(text, &at, &word);
    return fi_sqltext_is(word, size, "begin") || fi_sqltext_is(word, size, "savepoint");
}

/* Prints the one row of EXPLAIN of a statement that a scan answers. */
static int
explain_scan(struct fi_sqlshell *shell, const char *what)
{
    sqlite3_stmt *statement = NULL;
    int rc;
    FI_TRY_OUT(
        rc, sqlite3_prepare_v2(shell->db, "SELECT 'firn: ' || ?1 AS detail", -1, &statement, NULL));
    FI_TRY_OUT(rc, sqlite3_bind_text(statement, 1, what, -1, SQLITE_STATIC));
    if (sqlite3_step(statement) == SQLITE_ROW) {
        struct fi_sqlshell_print *print = fi_sqlshell_print_begin(shell, statement);
        bool is_fine = print != NULL && fi_sqlshell_print_row(print, statement);
        fi_sqlshell_print_end(print);
        rc = is_fine ? SQLITE_OK : SQLITE_NOMEM;
    }
out:
    (void)sqlite3_finalize(statement);
    return rc;
}

/* EXPLAIN [QUERY PLAN] of a statement that a scan answers. *out_is_done: it was one, and the row is
 * printed. */
static int
try_to_explain(struct fi_sqlshell *shell, sqlite3_stmt *explain, bool *out_is_done)
{
    struct fi_sql_query *query = NULL;
    struct fi_sql_query_reason reason;
    sqlite3_stmt *statement = NULL;
    const char *word = NULL;
    const char *text = sqlite3_sql(explain);
    size_t at = 0;
    size_t size = fi_sqltext_word(text, &at, &word);
    size_t after = at;
    assert(fi_sqltext_is(word, size, "explain"));
    size = fi_sqltext_word(text, &at, &word);
    if (fi_sqltext_is(word, size, "query")) {
        (void)fi_sqltext_word(text, &at, &word);
        after = at;
    }
    int rc = sqlite3_prepare_v2(shell->db, text + after, -1, &statement, NULL);
    if (rc == SQLITE_OK && statement != NULL && bind_all(shell, statement) == FI_EXIT_OK) {
        rc = fi_sql_query_open(shell->db, statement, &query, &reason);
    }
    *out_is_done = query != NULL;
    char *what = query != NULL ? fi_sql_query_describe(query) : NULL;
    if (what != NULL) {
        rc = explain_scan(shell, what);
    }
    sqlite3_free(what);
    fi_sql_query_close(query);
    (void)sqlite3_finalize(statement);
    return rc;
}

struct run {
    struct fi_sqlshell *shell;
    sqlite3_stmt *statement;
    struct fi_sql_query *query; /* NULL: SQLite answers */
    uint64_t rows;
    bool is_silent; /* what it returns says nothing */
};

static void
close_pager(struct fi_sqlshell *shell)
{
    bool was_left;
    if (!fi_term_pager_close(&was_left)) {
        shell->pages = false;
        (void)fi_command_report_error(shell->cli, FIRN_NOT_FOUND, "set PAGER to another program",
                                      "the pager was not found; results are printed without it");
    }
}

/* Steps to the end, and prints. Returns a code of SQLite, SQLITE_DONE at the end. */
static int
step_all(struct run *run)
{
    struct fi_sqlshell *shell = run->shell;
    sqlite3_stmt *stepped =
        run->query != NULL ? fi_sql_query_statement(run->query) : run->statement;
    struct fi_sqlshell_print *print = NULL;
    int rc = sqlite3_step(stepped);
    bool has_result = !run->is_silent && sqlite3_column_count(stepped) > 0 &&
                      (rc == SQLITE_ROW || rc == SQLITE_DONE);
    fi_term_meter_clear();
    bool is_paged = has_result && rc == SQLITE_ROW && shell->is_interactive && shell->pages &&
                    fi_term_pager_open();
    if (has_result) {
        print = fi_sqlshell_print_begin(shell, stepped);
        rc = print != NULL ? rc : SQLITE_NOMEM;
    }
    while (rc == SQLITE_ROW) {
        run->rows += !run->is_silent;
        bool is_fine = run->is_silent || fi_sqlshell_print_row(print, stepped);
        rc = is_fine ? sqlite3_step(stepped) : SQLITE_NOMEM;
        if (fi_term_out_error() != 0) {
            /* The output is closed, which is reported at the end of the command; or the user has
             * left the pager. */
            rc = is_paged ? SQLITE_DONE : SQLITE_INTERRUPT;
        }
    }
    fi_sqlshell_print_end(print);
    if (is_paged) {
        close_pager(shell);
    }
    return rc;
}

/* A value that its own text does not say: what SQLite writes into an expanded statement has 15
 * digits. */
static bool
has_long_number(const struct fi_sqlshell *shell)
{
    for (size_t i = 0; i < shell->text_count; i++) {
        const char *text = strchr(shell->texts[i], '=');
        size_t digits = 0;
        for (const char *c = text != NULL ? text : ""; *c != '\0'; c++) {
            digits += isdigit((unsigned char)*c) != 0;
        }
        if (digits > 15 && text != NULL && strpbrk(text, ".eE") != NULL) {
            return true;
        }
    }
    return false;
}

/* Runs a statement that is prepared and bound. Returns a code of SQLite. */
static int
run_prepared(struct run *run)
{
    struct fi_sqlshell *shell = run->shell;
    struct fi_sql_query_reason reason;
    const struct fi_term_meter_state state = {.phase = "running", .text = ""};
    int rc = SQLITE_OK;
    if (sqlite3_stmt_isexplain(run->statement) != 0) {
        bool is_done = false;
        rc = try_to_explain(shell, run->statement, &is_done);
        if (is_done) {
            return rc == SQLITE_OK ? SQLITE_DONE : rc;
        }
    } else if (sqlite3_stmt_readonly(run->statement) && !has_long_number(shell)) {
        rc = fi_sql_query_open(shell->db, run->statement, &run->query, &reason);
        if (rc != SQLITE_OK) {
            return rc;
        }
    }
    fi_term_meter_start(!shell->cli->quiet);
    if (fi_term_meter_is_wanted()) {
        fi_term_meter_show(&state);
    }
    rc = step_all(run);
    if (rc != SQLITE_DONE && run->query != NULL && run->rows == 0 &&
        fi_sql_query_is_declined(run->query)) {
        fi_sql_query_close(run->query);
        run->query = NULL;
        rc = step_all(run);
    }
    fi_term_meter_clear();
    fi_term_meter_stop();
    return rc;
}

static double
sqlshell_session_now(void)
{
    struct timespec time = {0, 0};
    (void)clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void
show_time(const struct run *run, double started)
{
    assert(run->shell->shows_time);
    char text[96];
    (void)snprintf(text, sizeof text, "%.3f s, %llu %s%s", sqlshell_session_now() - started,
                   (unsigned long long)run->rows, fi_term_text_plural(run->rows, "row", "rows"),
                   run->query != NULL ? ", by a scan of firn" : "");
    fi_command_report_more("time", text);
}

/* Whether the lock is wanted before a statement runs. CREATE TEMP and the like get it if they turn
 * out to need it. */
static bool
is_writing(const char *text, sqlite3_stmt *statement)
{
    const char *word = NULL;
    size_t at = 0;
    size_t size = fi_sqltext_word(text, &at, &word);
    return begins_transaction(text) ||
           (!sqlite3_stmt_readonly(statement) && !fi_sqltext_is(word, size, "create") &&
            !fi_sqltext_is(word, size, "drop"));
}

/* Runs the first statement of a text. *out_rest is what follows it. may_attach: it may be attached
 * for writing and run again. Returns a code of SQLite, SQLITE_DONE where all went well;
 * *out_exit_code is set where it was reported already. */
static int
run_first(struct fi_sqlshell *shell, const char *text, const char **out_rest, bool *out_has_rows,
          int *out_exit_code)
{
    struct run run = {.shell = shell};
    double started = sqlshell_session_now();
    bool is_definition;
    *out_rest = text;
    *out_has_rows = false;
    int rc = fi_sql_prepare(shell->db, text, &run.statement, out_rest, &is_definition);
    run.is_silent = is_definition;
    if (rc != SQLITE_OK || run.statement == NULL) {
        return rc == SQLITE_OK ? SQLITE_DONE : rc;
    }
    bool writes = is_definition || is_writing(text, run.statement);
    if (writes && !shell->is_writable && !shell->read_only && sqlite3_get_autocommit(shell->db)) {
        (void)sqlite3_finalize(run.statement);
        *out_exit_code = fi_sqlshell_session_attach(shell, true);
        return *out_exit_code != FI_EXIT_OK
                   ? SQLITE_ERROR
                   : run_first(shell, text, out_rest, out_has_rows, out_exit_code);
    }
    *out_exit_code = bind_all(shell, run.statement);
    rc = *out_exit_code == FI_EXIT_OK ? run_prepared(&run) : SQLITE_ERROR;
    *out_has_rows = run.rows > 0;
    if (rc == SQLITE_DONE && shell->shows_time) {
        show_time(&run, started);
    }
    if (rc != SQLITE_DONE && *out_exit_code == FI_EXIT_OK &&
        ((rc & 0xff) != SQLITE_READONLY || shell->read_only || shell->is_writable)) {
        *out_exit_code = fi_sqlshell_session_report(shell, rc);
    }
    fi_sql_query_close(run.query);
    (void)sqlite3_finalize(run.statement);
    if (fi_sql_vectors_take_damage(shell->db)) {
        fi_command_report_line("a graph of an index of vectors is damaged: its rows were all "
                               "compared; firn db compact builds another");
    }
    return rc;
}

int
fi_sqlshell_session_run(struct fi_sqlshell *shell, const char *text)
{
    assert(shell->db != NULL);
    const char *word = NULL;
    size_t at = 0;
    while (text[0] != '\0' && (fi_sqltext_word(text, &at, &word) > 0 || *word != '\0')) {
        const char *rest = text;
        bool has_rows = false;
        int exit_code = fi_sqlshell_session_attach(shell, false);
        if (exit_code != FI_EXIT_OK) {
            return exit_code;
        }
        int rc = run_first(shell, text, &rest, &has_rows, &exit_code);
        bool wants_to_write = (rc & 0xff) == SQLITE_READONLY && !shell->read_only &&
                              !shell->is_writable && !has_rows &&
                              sqlite3_get_autocommit(shell->db) != 0;
        if (rc != SQLITE_DONE && wants_to_write) {
            exit_code = fi_sqlshell_session_attach(shell, true);
            rc =
                exit_code == FI_EXIT_OK ? run_first(shell, text, &rest, &has_rows, &exit_code) : rc;
        }
        if (rc != SQLITE_DONE) {
            return exit_code != FI_EXIT_OK ? exit_code : fi_sqlshell_session_report(shell, rc);
        }
        text = rest;
        at = 0;
    }
    return FI_EXIT_OK;
}
