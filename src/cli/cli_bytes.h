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

/* The bytes of an argument called `name` in messages: its characters, or what its hexadecimal
 * digits stand for. Returns an exit code. */
int firn_cli_bytes_from_argument(struct firn_cli *cli, const char *name, const char *text,
                                 bool is_hex, struct firn_cli_bytes *out);
/* All of standard input, at most size_max bytes. Returns an exit code. */
int firn_cli_bytes_from_stdin(struct firn_cli *cli, size_t size_max, struct firn_cli_bytes *out);

/* Prints bytes escaped, or as hexadecimal digits. */
void firn_cli_bytes_print(firn_slice bytes, bool is_hex);

#endif
