/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/out.h: standard output, buffered, with a memory for the first failure.
 *
 * Nothing else in the program writes to standard output.
 */
#ifndef FIRN_CLI_OUT_H
#define FIRN_CLI_OUT_H

#include <stdbool.h>
#include <stddef.h>

/* After a failure all of these do nothing. */
void firn_out_write(const void *data, size_t size);
void firn_out_text(const char *text);
void firn_out_format(const char *format, ...) __attribute__((format(printf, 1, 2)));
void firn_out_flush(void);

/* The errno of the first write that failed, or 0. A long listing asks now and then and stops. */
int firn_out_error(void);

#endif
