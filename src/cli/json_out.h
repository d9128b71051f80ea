/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/json_out.h: one JSON object on standard output, always valid, also when a command fails half
 * way.
 *
 * The object is opened before the command runs and closed after it. In between a command names
 * members and fills arrays; calls that do not fit together are mistakes of the program and abort
 * it.
 */
#ifndef FIRN_CLI_JSON_OUT_H
#define FIRN_CLI_JSON_OUT_H

#include <stdbool.h>
#include <stdint.h>

#include "firn/types.h"

/* Opens the object, if that has not been done. */
void firn_json_out_begin(void);
bool firn_json_out_is_open(void);
/* Closes what is open, down to the outermost object. */
void firn_json_out_unwind(void);
/* Unwinds, closes the outermost object, ends the line. Nothing if there is none. */
void firn_json_out_finish(void);

/* key is NULL inside an array. */
void firn_json_out_object(const char *key);
void firn_json_out_array(const char *key);
/* Closes the innermost object or array. */
void firn_json_out_end(void);

void firn_json_out_u64(const char *key, uint64_t value);
void firn_json_out_bool(const char *key, bool value);
void firn_json_out_null(const char *key);
/* Text of our own: valid UTF-8. */
void firn_json_out_string(const char *key, const char *value);
/* Bytes from outside, as the member `key`. What is not UTF-8 appears there as U+FFFD, one for
 * each bad byte, and a second member `key`_hex follows with all the bytes in hexadecimal. Only
 * in objects. */
void firn_json_out_bytes(const char *key, firn_slice value);
/* 64 hexadecimal digits. */
void firn_json_out_hash(const char *key, const firn_hash *value);
/* RFC 3339, UTC, nanoseconds. */
void firn_json_out_time(const char *key, int64_t since_epoch_ns);

#endif
