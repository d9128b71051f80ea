/* SPDX-License-Identifier: Apache-2.0
 *
 * text/text_time.h: reading dates and timestamps in the proleptic Gregorian calendar (ISO 8601).
 * codec/calendar.h writes them.
 *
 *   date      := year "-" MM "-" DD
 *   year      := 4 digits or more | ("+" | "-") 4 digits or more; 0000 is the year before 0001
 *   timestamp := date ((" " | "T") HH ":" MM (":" SS ("." digits)?)? (" "? zone)?)?
 *   zone      := "Z" | ("+" | "-") HH (":"? MM)?
 *
 * "T" and "Z" are read in any case. A timestamp without a zone is in UTC.
 * Digits after the sixth of a fraction must be 0. There are no leap seconds, and no hour 24.
 *
 * A number of days or microseconds that was written is read as the same number. Any thread.
 */
#ifndef FIRN_TEXT_TEXT_TIME_H
#define FIRN_TEXT_TEXT_TIME_H

#include <stddef.h>

#include "firn/types.h"

/* Days since 1970-01-01, and microseconds since its beginning. Return NULL, or what is wrong with
 * the text. */
FIRN_MUST_CHECK const char *fi_text_time_read_date(firn_slice text, int64_t *out_days);
FIRN_MUST_CHECK const char *fi_text_time_read_timestamp(firn_slice text, int64_t *out_us);

#endif
