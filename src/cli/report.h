/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/report.h: what the program says on standard error, and the exit code that goes with it.
 */
#ifndef FIRN_CLI_REPORT_H
#define FIRN_CLI_REPORT_H

#include "cli/command.h"

/* Prints "firn: <text>" as one line, escaped whole. */
void firn_report_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Prints "<label>: <text>": what follows an error. */
void firn_report_more(const char *label, const char *text);
/* Prints "firn: <word>: <path>: <text>", or without the path if it is empty. */
void firn_report_path(const char *word, firn_slice path, const char *text);

/* Whether somebody sits at a terminal who may be asked; never with --json. */
bool firn_report_may_ask(const struct firn_cli *cli);
/* Asks that somebody, and returns whether the answer was yes. */
bool firn_report_ask(const char *question);

/* Reports a failure of the library: its message, and what to do next if `hint` (may be NULL) or
 * the code knows it. With --json the error becomes a member of the object. Returns the exit code
 * that stands for the error's code: that of the signal, if one cancelled the operation. */
int firn_report_failure(struct firn_cli *cli, const firn_error *err, const char *hint);

/* As above for a failure of the program's own. */
int firn_report_error(struct firn_cli *cli, int code, const char *hint, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
