/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_rows.h: keys and values that come as rows from a file or from standard input.
 */
#ifndef FIRN_CLI_CLI_ROWS_H
#define FIRN_CLI_CLI_ROWS_H

#include "cli/cli_bytes.h"

enum firn_cli_rows_form {
    /* A line a row: key, a tab, value; as firn db scan prints them. A backslash begins one of \\ \a
     * \b \t \n \v \f \r or three octal digits; every other byte stands for itself. */
    FIRN_CLI_ROWS_TEXT,
    /* The same with hexadecimal digits. */
    FIRN_CLI_ROWS_HEX,
    /* Size of the key and size of the value, four bytes each, the lowest first; key; value. */
    FIRN_CLI_ROWS_BINARY,
    /* A line a row: a JSON object with the members key and value, and key_hex and value_hex as
     * docs/json.md says; perhaps expires_ms, a number. */
    FIRN_CLI_ROWS_JSON
};

struct firn_cli_rows {
    struct firn_cli *cli;
    enum firn_cli_rows_form form;
    size_t key_size_max;
    size_t value_size_max;
    uint64_t number;             /* of the row last read, from 1 */
    struct firn_cli_bytes key;   /* of that row */
    struct firn_cli_bytes value; /* of that row */
    uint64_t expires_ms;         /* of that row: since 1970; 0: never */
    const char *name;            /* for messages */
    int fd;
    bool is_over;
    uint8_t *input; /* read, and used up to at */
    size_t size;
    size_t at;
};

/* Opens a file, or standard input for "-"; path is borrowed. Returns an exit code. */
int firn_cli_rows_open(struct firn_cli *cli, const char *path, enum firn_cli_rows_form form,
                       struct firn_cli_rows *out);
/* Reads the next row; *out_end instead behind the last one. Returns an exit code. */
int firn_cli_rows_next(struct firn_cli_rows *rows, bool *out_end);
/* Fine on a zeroed struct. */
void firn_cli_rows_close(struct firn_cli_rows *rows);

#endif
