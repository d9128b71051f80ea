/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlshell/sqlshell.c: firn db sql: SQL over a store, by the system's SQLite with firn's extension
 * in it.
 *
 * Statements come from arguments, or, without arguments, from standard input or a terminal. The
 * connection's own database is in memory; the tables of the store are virtual tables beside it,
 * attached for reading until a statement wants to write (sqlshell_session.c).
 *
 * A build without SQLite's headers has the command, too: it says so.
 */
#include "sqlshell/sqlshell_internal.h"

#include <unistd.h>

#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

#ifdef FIRN_HAS_SQL

/* Which way results are printed. Returns an exit code. */
static int
read_mode(struct fi_sqlshell *shell)
{
    struct fi_cli *cli = shell->cli;
    const char *word = fi_command_value(cli, "mode");
    shell->mode = isatty(STDOUT_FILENO) == 1 ? FI_SQLSHELL_TABLE : FI_SQLSHELL_TABS;
    if (word != NULL && !fi_sqlshell_print_find_mode(word, &shell->mode)) {
        return fi_command_misused(
            cli, "--mode is one of table, tabs, csv, json, markdown and line, not '%s'", word);
    }
    if (fi_command_has(cli, "csv")) {
        shell->mode = FI_SQLSHELL_CSV;
    }
    return FI_EXIT_OK;
}

/* Returns an exit code. */
static int
read_cipher(struct fi_sqlshell *shell)
{
    FI_TRY_RETURN(fi_command_key_cipher(shell->cli, &shell->cipher));
    if (shell->cipher != FIRN_CIPHER_NONE && !shell->may_create) {
        return fi_command_misused(shell->cli, "--encrypt is for --create");
    }
    return fi_command_key_check_new(shell->cli, shell->path, shell->cipher);
}

/* Returns an exit code. */
static int
run_all(struct fi_sqlshell *shell)
{
    struct fi_cli *cli = shell->cli;
    int exit_code = FI_EXIT_OK;
    if (cli->argument_count == 1) {
        return shell->is_interactive
                   ? fi_sqlshell_input_type(shell)
                   : fi_sqlshell_input_read(shell, STDIN_FILENO, "standard input");
    }
    for (int i = 1; i < cli->argument_count && exit_code == FI_EXIT_OK && !shell->is_over; i++) {
        const char *text = cli->arguments[i];
        exit_code = text[0] == '.' ? fi_sqlshell_dot_run(shell, text)
                                   : fi_sqlshell_session_run(shell, text);
    }
    return exit_code;
}

static int
sqlshell_run(struct fi_cli *cli)
{
    struct fi_sqlshell shell = {.cli = cli, .path = cli->arguments[0]};
    shell.at = fi_command_value(cli, "at");
    shell.memory = fi_command_value(cli, "memory");
    shell.read_only = fi_command_has(cli, "read-only") || shell.at != NULL;
    shell.may_create = fi_command_has(cli, "create");
    shell.may_open = fi_command_has(cli, "allow-paths");
    shell.texts = cli->repeated;
    shell.text_count = cli->repeated_count;
    shell.is_interactive = cli->argument_count == 1 && !cli->json && isatty(STDIN_FILENO) == 1 &&
                           isatty(STDOUT_FILENO) == 1;
    if (shell.path[0] == '\0') {
        return fi_command_misused(cli, "STORE is empty");
    }
    if (shell.read_only && shell.may_create) {
        return fi_command_misused(cli, "--create cannot be used with --read-only and --at");
    }
    shell.pages = true;
    int exit_code;
    FI_TRY_OUT(exit_code, read_cipher(&shell));
    FI_TRY_OUT(exit_code, read_mode(&shell));
    FI_TRY_OUT(exit_code, fi_sqlshell_session_open(&shell));
    FI_TRY_OUT(exit_code, fi_sqlshell_session_attach(&shell, shell.may_create));
    fi_task_foreign_report(cli, shell.path);
    fi_term_json_array("results");
    exit_code = run_all(&shell);
    if (exit_code == FI_EXIT_OK) {
        fi_term_json_unwind();
    }
out:
    fi_sqlshell_session_close(&shell);
    return exit_code;
}

#else

static int
sqlshell_run(struct fi_cli *cli)
{
    return fi_command_report_error(cli, FIRN_UNSUPPORTED,
                                   cli->program->lacks != NULL
                                       ? "the build that is not static has it"
                                       : "install libsqlite3-dev and build firn again",
                                   "this build of firn has no SQL");
}

#endif

const struct fi_command fi_sqlshell = {
    .name = "sql",
    .summary = "Run SQL statements over a store's tables",
    .arguments = "STORE [STATEMENT...]",
    .options =
        (const struct fi_command_option[]){
            {"param", 0, "NAME=VALUE...", "the value of a parameter (:NAME, @NAME, $NAME)"},
            {"at", 0, "REF", "read the checkpoint REF instead of the present state"},
            {"read-only", 0, NULL, "refuse statements that write"},
            {"create", 0, NULL, "create the store if it does not exist"},
            FI_COMMAND_KEY_OPTIONS,
            {"allow-paths", 0, NULL, "let statements open other stores and saved directories"},
            {"memory", 0, "MIB", "memory of the store (default 256)"},
            {"mode", 0, "MODE", "table, tabs, csv, json, markdown or line"},
            {"csv", 0, NULL, "the same as --mode csv"},
            {NULL, 0, NULL, NULL},
        },
    .help = "Runs the given statements, or those on standard input. On a terminal it asks for\n"
            "statements, and .help lists further commands. The SQL is that of SQLite, over\n"
            "the store's tables and keyspaces. firn's own scans compute aggregates over one\n"
            "table if the result is the same: EXPLAIN QUERY PLAN shows this. CREATE TABLE,\n"
            "CREATE INDEX, ALTER TABLE and DROP TABLE act on the store; CREATE TEMP TABLE\n"
            "makes a table that is dropped at the end. The store is locked once a statement\n"
            "writes. Without --allow-paths, statements open no other store, and no saved\n"
            "directory by its path. A statement may have 4 MiB, a value 256 MiB, and a\n"
            "transaction a quarter of --memory.\n"
            "\n"
            "Each VALUE is a number, a text, 'a text in quotes', x'00ff' or null, and --param\n"
            "may be given several times. --mode sets how results are printed: as a table on a\n"
            "terminal, where wide values are cut; elsewhere a line for each row, with tabs\n"
            "between values escaped as by firn db scan, and \\N for null. The first statement\n"
            "that fails ends the command.",
    .examples =
        (const struct fi_command_example[]){
            {"firn db sql shop.firn 'SELECT kind, sum(price) FROM goods GROUP BY kind'",
             "print the sum of each kind"},
            {"firn db sql shop.firn --param n=tea 'SELECT * FROM goods WHERE name = :n'",
             "print the rows that have a name"},
            {"firn db sql shop.firn --at yesterday --csv 'SELECT * FROM goods' >goods.csv",
             "write a table as it was into a file"},
            {"firn db sql shop.firn <script.sql", "run a script"},
            {NULL, NULL},
        },
    .uses = FI_COMMAND_USES_LOCK,
    .run = sqlshell_run,
};
