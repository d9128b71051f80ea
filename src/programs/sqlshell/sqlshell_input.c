/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlshell/sqlshell_input.c: statements from a file, from standard input, and from a terminal.
 *
 * A script is divided while it is read (sqltext_split.c), and each statement runs when its
 * semicolon has come. So memory is bounded by the longest statement, FI_SQL_STATEMENT_MAX,
 * however long the script or a line of it is: what SQLite needs to understand a statement is up to
 * some hundred times its text. A line that begins with a dot, where no statement has begun, is for
 * the shell. A script ends at the first failure.
 *
 * A terminal session collects lines until they are whole statements, runs them together, and
 * continues after failures. At a prompt an interrupt discards what was typed.
 */
#include "sqlshell/sqlshell_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sql/sql.h"
#include "sqltext/sqltext.h"
#include "term/term.h"

enum { READ_SIZE = 64 * 1024 };

struct text {
    char *data; /* with a NUL, once there is anything */
    size_t size;
    size_t capacity;
};

static bool
sqlshell_input_append(struct text *text, const char *data, size_t size)
{
    assert(text->size <= text->capacity);
    if (text->size + size + 1 > text->capacity) {
        size_t capacity = 2 * (text->size + size) + 256;
        char *grown = realloc(text->data, capacity);
        if (grown == NULL) {
            return false;
        }
        text->data = grown;
        text->capacity = capacity;
    }
    assert(text->data != NULL);
    memcpy(text->data + text->size, data, size);
    text->size += size;
    text->data[text->size] = '\0';
    return true;
}

struct input {
    struct fi_sqlshell *shell;
    const char *name;              /* of what is read */
    struct text text;              /* of the statement, or of a line for the shell */
    struct fi_sqltext_split split; /* of the statement */
    bool is_in_line;               /* the next byte does not begin a line */
    bool is_dot;                   /* the line is for the shell */
};

/* Returns an exit code. */
static int
sqlshell_input_keep(struct input *input, const char *data, size_t size)
{
    struct fi_cli *cli = input->shell->cli;
    if (memchr(data, '\0', size) != NULL) {
        return fi_command_report_error(cli, FIRN_INVALID, NULL, "a line of the input has a NUL");
    }
    if (size > FI_SQL_STATEMENT_MAX - input->text.size) {
        return fi_command_report_error(
            cli, FIRN_LIMIT, "divide it, or insert the rows with .import or firn db table import",
            "a statement of %s is longer than %d MiB", input->name, FI_SQL_STATEMENT_MAX >> 20);
    }
    return sqlshell_input_append(&input->text, data, size)
               ? FI_EXIT_OK
               : fi_command_report_error(cli, FIRN_NO_MEMORY, NULL, "out of memory");
}

/* Runs what is there, and forgets it. Returns an exit code. */
static int
run_text(struct input *input)
{
    assert(input->text.size > 0);
    int exit_code = input->is_dot ? fi_sqlshell_dot_run(input->shell, input->text.data)
                                  : fi_sqlshell_session_run(input->shell, input->text.data);
    if (input->shell->is_interactive && !input->is_dot) {
        fi_sqlshell_edit_remember(input->text.data);
    }
    input->text.size = 0;
    input->is_dot = false;
    return exit_code;
}

/* Takes bytes up to the end of a statement. At a terminal a line is run as a whole. Returns an exit
 * code. */
static int
take_part(struct input *input, const char *data, size_t size, size_t *out_used)
{
    bool is_end = false;
    *out_used = fi_sqltext_split_feed(&input->split, data, size, &is_end);
    int exit_code = sqlshell_input_keep(input, data, *out_used);
    if (exit_code == FI_EXIT_OK && is_end && !input->shell->is_interactive) {
        return run_text(input);
    }
    /* Blanks and comments before a statement need not be kept. */
    if (fi_sqltext_split_is_idle(&input->split) && !input->shell->is_interactive) {
        input->text.size = 0;
    }
    return exit_code;
}

/* Takes a line, with its line feed, or a part of one. Returns an exit code. */
static int
take_line(struct input *input, const char *line, size_t size)
{
    assert(size > 0);
    int exit_code = FI_EXIT_OK;
    const bool is_whole = line[size - 1] == '\n';
    if (!input->is_in_line && line[0] == '.' && fi_sqltext_split_is_idle(&input->split)) {
        input->is_dot = true;
        input->text.size = 0;
    }
    if (input->is_dot) {
        exit_code = sqlshell_input_keep(input, line, size);
        exit_code = exit_code == FI_EXIT_OK && is_whole ? run_text(input) : exit_code;
    } else {
        for (size_t from = 0, used;
             from < size && exit_code == FI_EXIT_OK && !input->shell->is_over; from += used) {
            exit_code = take_part(input, line + from, size - from, &used);
        }
        if (exit_code == FI_EXIT_OK && is_whole && input->text.size > 0 &&
            fi_sqltext_split_is_idle(&input->split)) {
            exit_code = run_text(input); /* at a terminal */
        }
    }
    input->is_in_line = !is_whole;
    return exit_code;
}

static void
sqlshell_input_forget(struct input *input)
{
    input->text.size = 0;
    input->is_dot = false;
    memset(&input->split, 0, sizeof input->split);
}

int
fi_sqlshell_input_read(struct fi_sqlshell *shell, int fd, const char *name)
{
    assert(fd >= 0 && name != NULL);
    struct input input = {.shell = shell, .name = name};
    int exit_code = FI_EXIT_OK;
    bool is_over = false;
    /* A file that .read names at a terminal is a script. */
    const bool was_interactive = shell->is_interactive;
    shell->is_interactive = false;
    char *buffer = malloc(READ_SIZE);
    while (exit_code == FI_EXIT_OK && !is_over && !shell->is_over) {
        ssize_t count = buffer != NULL ? read(fd, buffer, READ_SIZE) : -1;
        if (count < 0 && buffer != NULL && errno == EINTR && fi_term_signals_caught() == 0) {
            continue;
        }
        firn_error err = {.code = FIRN_OK};
        if (fi_command_go_on(&err) != FIRN_OK) {
            exit_code = fi_command_report_failure(shell->cli, &err, NULL);
            break;
        }
        if (count < 0) {
            exit_code = fi_command_report_error(shell->cli, FIRN_IO, NULL, "could not read %s: %s",
                                                name, strerror(buffer != NULL ? errno : ENOMEM));
            break;
        }
        is_over = count == 0;
        for (size_t from = 0; from < (size_t)count && exit_code == FI_EXIT_OK && !shell->is_over;) {
            const char *end = memchr(buffer + from, '\n', (size_t)count - from);
            size_t to = end != NULL ? (size_t)(end - buffer) + 1 : (size_t)count;
            exit_code = take_line(&input, buffer + from, to - from);
            from = to;
        }
    }
    if (exit_code == FI_EXIT_OK && input.text.size > 0 && !shell->is_over) {
        exit_code = run_text(&input); /* without its semicolon, or its line feed */
    }
    shell->is_interactive = was_interactive;
    free(buffer);
    free(input.text.data);
    return exit_code;
}

int
fi_sqlshell_input_type(struct fi_sqlshell *shell)
{
    assert(shell->is_interactive);
    struct input input = {.shell = shell, .name = "the input"};
    fi_sqlshell_edit_open(shell);
    if (!shell->cli->quiet) {
        fi_term_out_format("firn %s, SQLite %s; .help lists commands other than SQL\n",
                           firn_version(), sqlite3_libversion());
    }
    while (!shell->is_over && fi_term_signals_caught() == 0) {
        char *line = fi_sqlshell_edit_line(input.text.size > 0 ? "   ...> " : "firn> ");
        bool was_interrupted = fi_sqlshell_session_was_interrupted();
        if (line == NULL && !was_interrupted) {
            fi_term_out_text("\n");
            break;
        }
        if (line == NULL) {
            sqlshell_input_forget(&input);
            fi_term_out_text("\n");
            continue;
        }
        if (line[0] == '.' && input.text.size == 0) {
            fi_sqlshell_edit_remember(line);
        }
        size_t size = strlen(line);
        char *whole = malloc(size + 2);
        if (whole != NULL) {
            (void)snprintf(whole, size + 2, "%s\n", line);
            if (take_line(&input, whole, size + 1) != FI_EXIT_OK) {
                sqlshell_input_forget(&input); /* told, and on it goes */
            }
        }
        free(whole);
        free(line);
        if (input.text.size == 0) {
            fi_sqlshell_session_detach(shell);
        }
        (void)fi_sqlshell_session_was_interrupted();
    }
    fi_sqlshell_edit_close();
    free(input.text.data);
    return fi_term_signals_caught() != 0 ? FI_EXIT_SIGNAL + fi_term_signals_caught() : FI_EXIT_OK;
}
