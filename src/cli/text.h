/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/text.h: how numbers, sizes, times and foreign names look in what people read.
 */
#ifndef FIRN_CLI_TEXT_H
#define FIRN_CLI_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "firn/notice.h"

/* The length of the UTF-8 sequence at the start of `bytes`, and its code point; 0 if there is no
 * valid one. */
size_t firn_text_decode(firn_slice bytes, uint32_t *out_point);
bool firn_text_is_utf8(firn_slice bytes);
/* Whether a code point moves the cursor, hides text or turns its direction: never shown as
 * itself. */
bool firn_text_is_control(uint32_t point);

/* The longest form of one byte, "\377", and its NUL. */
enum { FIRN_TEXT_ESCAPED_SIZE = 5 };

/* How many bytes at the start are printable ASCII that needs no escape anywhere: no backslash, no
 * quotation mark. */
size_t firn_text_plain(firn_slice bytes);

/* Calls put with pieces that together are the bytes as one printable line: what is printable
 * UTF-8 as it is, a backslash doubled, \a \b \t \n \v \f \r for those, every other byte as \ and
 * three octal digits. It can be undone. */
void firn_text_escape(firn_slice bytes, void (*put)(const void *data, size_t size));

/* Hands the first line of a text to put(), escaped; of more than `columns` characters, or where
 * further lines follow, the beginning and an ellipsis. */
void firn_text_cut(firn_slice text, size_t columns, void (*put)(const void *data, size_t size));

enum { FIRN_TEXT_NUMBER_SIZE = 28, FIRN_TEXT_SIZE_SIZE = 16, FIRN_TEXT_TIME_SIZE = 40 };

/* "78,635". Returns out[FIRN_TEXT_NUMBER_SIZE]. */
const char *firn_text_number(uint64_t number, char *out);
/* "512 B", "14 KB", "26.1 MB", "1.30 GB": powers of 1,000. Returns out[FIRN_TEXT_SIZE_SIZE]. */
const char *firn_text_size(uint64_t bytes, char *out);
/* "2026-11-20 14:00:03 UTC". Returns out[FIRN_TEXT_TIME_SIZE]. */
const char *firn_text_time(int64_t since_epoch_ns, char *out);
/* RFC 3339 with nanoseconds: "2026-11-20T14:00:03.000000000Z". Returns out[FIRN_TEXT_TIME_SIZE]. */
const char *firn_text_rfc3339(int64_t since_epoch_ns, char *out);

/* How far a phase has come: "1,200 of 80,000 files, 14 MB", or what is known of that; may be empty. */
void firn_text_progress(const firn_progress *progress, char *out, size_t size);

/* "file" or "files", as the number asks. */
const char *firn_text_plural(uint64_t number, const char *one, const char *many);

#endif
