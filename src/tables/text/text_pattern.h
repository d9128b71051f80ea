/* SPDX-License-Identifier: Apache-2.0
 *
 * text/text_pattern.h: dates and timestamps that are written in another way than ISO 8601, by a
 * pattern as of strptime.
 *
 *   %Y  year, 4 digits          %H  hour, 0 to 23        %b  month: Jan, january, in any case
 *   %y  69 to 99, 00 to 68      %I  hour, 1 to 12        %p  AM, pm
 *   %m  month, 1 to 12          %M  minute               %z  +0200, -02:00, +02 or Z
 *   %d  day, 1 to 31            %S  second, 0 to 59      %%  %
 *                               %f  fraction, 1 to 6 digits
 *
 * Numbers of two digits may lack the leading zero. A space stands for any number of spaces; all
 * other bytes for themselves. What the pattern does not have is 0; it must have year, month and
 * day. Any thread.
 */
#ifndef FIRN_TEXT_TEXT_PATTERN_H
#define FIRN_TEXT_TEXT_PATTERN_H

#include "firn/types.h"

/* What is wrong with a pattern; NULL: nothing. */
FIRN_MUST_CHECK const char *fi_text_pattern_defect(firn_slice pattern);

/* Microseconds since 1970-01-01 UTC, and days; a date must not have a time. Return NULL, or what is
 * wrong with the text. Requires: the pattern has no defect. */
FIRN_MUST_CHECK const char *fi_text_pattern_read(firn_slice pattern, firn_slice text,
                                                 int64_t *out_us);
FIRN_MUST_CHECK const char *fi_text_pattern_read_date(firn_slice pattern, firn_slice text,
                                                      int64_t *out_days);

#endif
