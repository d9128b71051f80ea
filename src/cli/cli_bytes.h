/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_bytes.h: bytes that come from an argument or from standard input, and go to standard
 * output.
 */
#ifndef FIRN_CLI_CLI_BYTES_H
#define FIRN_CLI_CLI_BYTES_H

#include "cli/command.h"

/* Bytes on the heap; a zeroed struct is empty. */
struct firn_cli_bytes {
    uint8_t *data;
    size_t size;
    size_t capacity;
};

void firn_cli_bytes_deinit(struct firn_cli_bytes *bytes);
firn_slice firn_cli_bytes_slice(const struct firn_cli_bytes *bytes);
/* Makes room for `more` bytes behind those that are there. Returns an exit code. */
int firn_cli_bytes_reserve(struct firn_cli *cli, struct firn_cli_bytes *bytes, size_t more);

/* The value of a hexadecimal digit, or -1. */
int firn_cli_bytes_digit(char digit);

/* The bytes of an argument called `name` in messages: its characters, or what its hexadecimal
 * digits stand for. Returns an exit code. */
int firn_cli_bytes_from_argument(struct firn_cli *cli, const char *name, const char *text,
                                 bool is_hex, struct firn_cli_bytes *out);
/* All of standard input, at most size_max bytes. Returns an exit code. */
int firn_cli_bytes_from_stdin(struct firn_cli *cli, size_t size_max, struct firn_cli_bytes *out);

/* Prints a value, and nothing else, as it is or as digits; with --json both. */
void firn_cli_bytes_print_value(const struct firn_cli *cli, firn_slice key, firn_slice value,
                                bool is_hex);

/* How entries are shown. */
struct firn_cli_bytes_look {
    bool keys_only;
    bool is_hex;
};
/* Prints a row, or with --json an object: a key, and its value. */
void firn_cli_bytes_print_entry(const struct firn_cli *cli, firn_slice key, firn_slice value,
                                const struct firn_cli_bytes_look *look);

#endif
