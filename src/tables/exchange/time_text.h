/* SPDX-License-Identifier: Apache-2.0
 *
 * exchange/time_text.h: dates and timestamps as text, in the proleptic Gregorian calendar (ISO
 * 8601).
 *
 *   date      := year "-" MM "-" DD
 *   year      := 4 digits or more | ("+" | "-") 4 digits or more; 0000 is the year before 0001
 *   timestamp := date ((" " | "T") HH ":" MM (":" SS ("." digits)?)? (" "? zone)?)?
 *   zone      := "Z" | ("+" | "-") HH (":"? MM)?
 *
 * "T" and "Z" are read in any case. A timestamp without a zone is in UTC; timestamps are written in
 * UTC. Digits after the sixth of a fraction must be 0. There are no leap seconds, and no hour 24.
 *
 * Every number of days or microseconds is written as a text that is read as the same number. Years
 * from 0000 to 9999 have four digits and no sign, others have a sign. Any thread.
 */
#ifndef FIRN_EXCHANGE_TIME_TEXT_H
#define FIRN_EXCHANGE_TIME_TEXT_H

#include <stddef.h>

#include "firn/types.h"

/* Days since 1970-01-01, and microseconds since its beginning. Return NULL, or what is wrong with
 * the text. */
FIRN_MUST_CHECK const char *fi_time_text_read_date(firn_slice text, int64_t *out_days);
FIRN_MUST_CHECK const char *fi_time_text_read_timestamp(firn_slice text, int64_t *out_us);

/* Write the text ("2026-11-20", "2026-11-20 14:00:00.5"), without a NUL, and return its size. */
enum { FI_TIME_TEXT_SIZE_MAX = 48 };
size_t fi_time_text_write_date(int64_t days, char *out);
size_t fi_time_text_write_timestamp(int64_t us, char *out);

#endif
