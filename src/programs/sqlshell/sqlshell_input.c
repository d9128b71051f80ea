/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlshell/sqlshell_input.c: statements from a file, from standard input, and from a terminal.
 *
 * Lines are collected until they are whole statements, by SQLite's own rule; it is asked only where
 * a line has a semicolon. A line that begins with a dot, where no statement has begun, is for the
 * shell. A script ends at the first failure; a terminal session continues. At a prompt an interrupt
 * discards what was typed.
 */
#include "sqlshell/sqlshell_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "term/term.h"

enum { READ_SIZE = 64 * 1024 };
static const size_t statement_max = (size_t)1 << 30; /* what SQLite takes, about */

struct text {
    char *data; /* with a NUL, once there is anything */
    size_t size;
    size_t capacity;
};

static bool
append(struct text *text, const char *data, size_t size)
{
    assert(text->size <= text->capacity);
    if (text->size + size + 1 > text->capacity) {
        size_t capacity = 2 * (text->size + size) + 256;
        char *grown = size < statement_max && text->size < statement_max
                          ? realloc(text->data, capacity)
                          : NULL;
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

static bool
is_blank(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (strchr(" \t\r\n\f", text[i]) == NULL || text[i] == '\0') {
            return false;
        }
    }
    return true;
}

/* Whether there is nothing but blanks and comments: no statement has begun. */
static bool
is_only_comments(const struct text *text)
{
    for (size_t at = 0; at < text->size;) {
        const char *here = text->data + at;
        const char *end = strncmp(here, "/*", 2) == 0 ? strstr(here + 2, "*/") : NULL;
        if (strchr(" \t\r\n\f", *here) != NULL) {
            at++;
        } else if (strncmp(here, "--", 2) == 0) {
            at += strcspn(here, "\n");
        } else if (end != NULL) {
            at += (size_t)(end - here) + 2;
        } else {
            return false;
        }
    }
    return true;
}

/* Takes a line, with its line feed, and runs complete statements. Returns an exit code. */
static int
take_line(struct firn_sqlshell *shell, struct text *statement, const char *line, size_t size)
{
    if (memchr(line, '\0', size) != NULL) {
        return firn_command_report_error(shell->cli, FIRN_INVALID, NULL,
                                         "a line of the input has a NUL");
    }
    if (size > 0 && line[0] == '.' && is_only_comments(statement)) {
        statement->size = 0;
        if (!append(statement, line, size)) {
            return firn_command_report_error(shell->cli, FIRN_NO_MEMORY, NULL, "out of memory");
        }
        int exit_code = firn_sqlshell_dot_run(shell, statement->data);
        statement->size = 0;
        return exit_code;
    }
    if (statement->size == 0 && is_blank(line, size)) {
        return FIRN_EXIT_OK;
    }
    if (!append(statement, line, size)) {
        return firn_command_report_error(shell->cli, FIRN_LIMIT, NULL, "a statement is too large");
    }
    if (memchr(line, ';', size) == NULL || !sqlite3_complete(statement->data)) {
        return FIRN_EXIT_OK;
    }
    int exit_code = firn_sqlshell_session_run(shell, statement->data);
    if (shell->is_interactive) {
        firn_sqlshell_edit_remember(statement->data);
    }
    statement->size = 0;
    return exit_code;
}

int
firn_sqlshell_input_read(struct firn_sqlshell *shell, int fd, const char *name)
{
    assert(fd >= 0 && name != NULL);
    struct text statement = {.data = NULL};
    struct text part = {.data = NULL}; /* of a line that is not whole yet */
    int exit_code = FIRN_EXIT_OK;
    bool is_over = false;
    char *buffer = malloc(READ_SIZE);
    while (exit_code == FIRN_EXIT_OK && !is_over && !shell->is_over) {
        ssize_t count = buffer != NULL ? read(fd, buffer, READ_SIZE) : -1;
        if (count < 0 && buffer != NULL && errno == EINTR && firn_term_signals_caught() == 0) {
            continue;
        }
        firn_error err = {.code = FIRN_OK};
        if (firn_command_go_on(&err) != FIRN_OK) {
            exit_code = firn_command_report_failure(shell->cli, &err, NULL);
            break;
        }
        if (count < 0) {
            exit_code =
                firn_command_report_error(shell->cli, FIRN_IO, NULL, "could not read %s: %s", name,
                                          strerror(buffer != NULL ? errno : ENOMEM));
            break;
        }
        is_over = count == 0;
        for (size_t from = 0;
             from < (size_t)count && exit_code == FIRN_EXIT_OK && !shell->is_over;) {
            const char *end = memchr(buffer + from, '\n', (size_t)count - from);
            size_t to = end != NULL ? (size_t)(end - buffer) + 1 : (size_t)count;
            if (!append(&part, buffer + from, to - from)) {
                exit_code = firn_command_report_error(shell->cli, FIRN_LIMIT, NULL,
                                                      "a line of %s is too large", name);
            } else if (end != NULL) {
                exit_code = take_line(shell, &statement, part.data, part.size);
                part.size = 0;
            }
            from = to;
        }
    }
    if (exit_code == FIRN_EXIT_OK && part.size > 0 && !shell->is_over) {
        exit_code = take_line(shell, &statement, part.data, part.size);
    }
    if (exit_code == FIRN_EXIT_OK && statement.size > 0 && !shell->is_over) {
        exit_code = firn_sqlshell_session_run(shell, statement.data); /* without its semicolon */
    }
    free(buffer);
    free(part.data);
    free(statement.data);
    return exit_code;
}

int
firn_sqlshell_input_type(struct firn_sqlshell *shell)
{
    assert(shell->is_interactive);
    struct text statement = {.data = NULL};
    firn_sqlshell_edit_open(shell);
    if (!shell->cli->quiet) {
        firn_term_out_format("firn %s, SQLite %s; .help lists commands other than SQL\n",
                             firn_version(), sqlite3_libversion());
    }
    while (!shell->is_over && firn_term_signals_caught() == 0) {
        char *line = firn_sqlshell_edit_line(statement.size > 0 ? "   ...> " : "firn> ");
        bool was_interrupted = firn_sqlshell_session_was_interrupted();
        if (line == NULL && !was_interrupted) {
            firn_term_out_text("\n");
            break;
        }
        if (line == NULL) {
            statement.size = 0;
            firn_term_out_text("\n");
            continue;
        }
        if (line[0] == '.' && statement.size == 0) {
            firn_sqlshell_edit_remember(line);
        }
        size_t size = strlen(line);
        char *whole = malloc(size + 2);
        if (whole != NULL) {
            (void)snprintf(whole, size + 2, "%s\n", line);
            (void)take_line(shell, &statement, whole, size + 1); /* told, and on it goes */
        }
        free(whole);
        free(line);
        if (statement.size == 0) {
            firn_sqlshell_session_detach(shell);
        }
        (void)firn_sqlshell_session_was_interrupted();
    }
    firn_sqlshell_edit_close();
    free(statement.data);
    return firn_term_signals_caught() != 0 ? FIRN_EXIT_SIGNAL + firn_term_signals_caught()
                                           : FIRN_EXIT_OK;
}
