/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/cli_rows_internal.h: what the readers of the forms share.
 */
#ifndef FIRN_CLI_CLI_ROWS_INTERNAL_H
#define FIRN_CLI_CLI_ROWS_INTERNAL_H

#include "cli/cli_rows.h"

enum { FIRN_CLI_ROWS_END = -1 };

/* A key or value that is being read, and its limit. */
struct firn_cli_rows_field {
    struct firn_cli_bytes *bytes;
    size_t size_max;
    const char *name;
};
struct firn_cli_rows_field firn_cli_rows_key_of(struct firn_cli_rows *rows);
struct firn_cli_rows_field firn_cli_rows_value_of(struct firn_cli_rows *rows);

/* All return exit codes. The next byte, or FIRN_CLI_ROWS_END. */
int firn_cli_rows_take(struct firn_cli_rows *rows, int *out);
int firn_cli_rows_append(struct firn_cli_rows *rows, const struct firn_cli_rows_field *field,
                         const uint8_t *data, size_t size);
/* Reports that the row is not one. */
int firn_cli_rows_wrong(const struct firn_cli_rows *rows, const char *what);

/* ---- cli_rows_json.c ---- */

/* A row that begins with that byte. */
int firn_cli_rows_json_next(struct firn_cli_rows *rows, int first);

#endif
