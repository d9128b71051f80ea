/* SPDX-License-Identifier: Apache-2.0
 *
 * command/command_report.c: what the program says on standard error, and the exit code that goes
 * with it.
 *
 * Every message is one line "firn: ...". All of it is escaped (term.h), because names and texts in
 * it come from outside. A second line says what to do next, if that is known. A line is composed in
 * memory and written by one call, so lines of several programs do not mix. A failure to write to
 * standard error cannot be reported anywhere and is ignored.
 */
#include "command/command.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "term/term.h"

enum { LINE_SIZE_MAX = 32 * 1024 };

static char line[LINE_SIZE_MAX];
static size_t line_size;

/* Text that does not fit is cut off; the longest path of the system fits, escaped. */
static void
command_report_put(const void *data, size_t size)
{
    assert(line_size < sizeof(line));
    size_t room = sizeof(line) - 1 - line_size;
    size = size < room ? size : room;
    memcpy(line + line_size, data, size);
    line_size += size;
}

static void
begin_line(const char *start)
{
    assert(line_size == 0);
    if (!fi_term_json_is_open()) {
        fi_term_pager_resolve();
        fi_term_out_flush(); /* keeps rows and messages in order on a terminal */
    }
    fi_term_meter_clear();
    line_size = 0;
    command_report_put(start, strlen(start));
}

static void
write_line(void)
{
    const char *at = line;
    while (line_size > 0) {
        ssize_t written = write(STDERR_FILENO, at, line_size);
        if (written <= 0) {
            break;
        }
        at += written;
        line_size -= (size_t)written;
    }
    line_size = 0;
}

static void
end_line(void)
{
    assert(line_size < sizeof(line));
    line[line_size++] = '\n';
    write_line();
}

bool
fi_command_report_may_prompt(const struct fi_cli *cli)
{
    return !cli->json && isatty(STDIN_FILENO) == 1 && isatty(STDERR_FILENO) == 1;
}

bool
fi_command_report_prompt(const char *question)
{
    char answer[8];
    begin_line("");
    fi_term_text_escape(firn_str(question), command_report_put);
    fi_term_text_escape(firn_str(" [y/N] "), command_report_put);
    write_line();
    bool is_answered = fgets(answer, sizeof(answer), stdin) != NULL;
    /* The rest of a long line must not answer the next question. */
    for (int c = 0; is_answered && strchr(answer, '\n') == NULL && c != '\n' && c != EOF;) {
        c = getc(stdin);
    }
    return is_answered && (answer[0] == 'y' || answer[0] == 'Y');
}

void
fi_command_report_line(const char *format, ...)
{
    char text[2 * FIRN_ERROR_TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    begin_line("firn: ");
    fi_term_text_escape(firn_str(text), command_report_put);
    end_line();
}

void
fi_command_report_more(const char *label, const char *text)
{
    assert(label != NULL && text != NULL);
    begin_line(label);
    command_report_put(": ", 2);
    fi_term_text_escape(firn_str(text), command_report_put);
    end_line();
}

void
fi_command_report_path(const char *word, firn_slice path, const char *text)
{
    assert(word != NULL && text != NULL);
    begin_line("firn: ");
    command_report_put(word, strlen(word));
    command_report_put(": ", 2);
    if (path.size > 0) {
        fi_term_path_escape(path, command_report_put);
        command_report_put(": ", 2);
    }
    fi_term_text_escape(firn_str(text), command_report_put);
    end_line();
}

void
fi_command_report_damage(void *ctx, const firn_notice *notice)
{
    (void)ctx;
    fi_term_json_object(NULL);
    fi_term_json_bytes("text", firn_str(notice->text));
    fi_term_json_end();
    fi_command_report_line("%s", notice->text);
}

static int
exit_code_of(int code)
{
    switch (code) {
    case FIRN_OK:
        return FI_EXIT_OK;
    case FIRN_BUSY:
    case FIRN_CONFLICT:
        return FI_EXIT_LOCKED;
    case FIRN_INVALID:
        return FI_EXIT_USAGE;
    case FIRN_NOT_FOUND:
        return FI_EXIT_NOT_FOUND;
    case FIRN_CORRUPT:
        return FI_EXIT_CORRUPT;
    case FIRN_CANCELLED:
        return fi_term_signals_caught() != 0 ? FI_EXIT_SIGNAL + fi_term_signals_caught()
                                             : FI_EXIT_FAILED;
    default:
        return FI_EXIT_FAILED;
    }
}

/* A hint that does not depend on the command; NULL if there is none. */
static const char *
hint_of(const struct fi_cli *cli, int code)
{
    bool is_of_workspace = cli->command != NULL && (cli->command->uses & FI_COMMAND_USES_WORKSPACE);
    switch (code) {
    case FIRN_BUSY:
        return "wait longer with --wait SECONDS";
    case FIRN_CORRUPT:
        return is_of_workspace ? "list all damage with: firn check --data" : NULL;
    case FIRN_NEWER:
        return "read it with the newer firn that wrote it";
    case FIRN_NO_SPACE:
        return is_of_workspace && cli->group == NULL
                   ? "free some space and run this again; firn delete REF --now and firn gc --now "
                     "free some in the store"
                   : "free some space and run this again";
    default:
        return NULL;
    }
}

int
fi_command_report_failure(struct fi_cli *cli, const firn_error *err, const char *hint)
{
    assert(err->code != FIRN_OK);
    int exit_code = exit_code_of(err->code);
    if (fi_term_out_error() != 0 && err->code == FIRN_CANCELLED) {
        return FI_EXIT_FAILED; /* the reason is reported at the end */
    }
    bool is_interrupted = err->code == FIRN_CANCELLED && fi_term_signals_caught() != 0;
    const char *text = is_interrupted ? "interrupted" : err->text;
    fi_command_report_line("%s", text[0] != '\0' ? text : firn_code_text(err->code));
    if (err->code == FIRN_CORRUPT && strstr(text, "/FIRN.keys'") != NULL) {
        hint = "copy FIRN.keys back from a backup of the store: nothing else has the keys";
    }
    if (hint == NULL || err->code == FIRN_NEWER) { /* no other command does better */
        hint = hint_of(cli, err->code);
    }
    if (hint != NULL) {
        fi_command_report_more("hint", hint);
    }
    fi_term_json_unwind();
    fi_term_json_object("error");
    fi_term_json_string("code", firn_code_name(err->code));
    fi_term_json_bytes("message", firn_str(text));
    if (hint != NULL) {
        fi_term_json_string("hint", hint);
    }
    fi_term_json_u64("exit", (uint64_t)exit_code);
    fi_term_json_end();
    return exit_code;
}

int
fi_command_report_error(struct fi_cli *cli, int code, const char *hint, const char *format, ...)
{
    assert(code != FIRN_OK);
    firn_error err;
    memset(&err, 0, sizeof(err));
    err.code = code;
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(err.text, sizeof(err.text), format, arguments);
    va_end(arguments);
    return fi_command_report_failure(cli, &err, hint);
}

int
fi_command_report_no_memory(struct fi_cli *cli)
{
    return fi_command_report_error(cli, FIRN_NO_MEMORY, NULL, "%s", firn_code_text(FIRN_NO_MEMORY));
}
