/* SPDX-License-Identifier: Apache-2.0
 *
 * reference/reference_time.h: points in time as a user types them.
 *
 *   time := count " "? unit " ago" | ("a" | "an") " " unit " ago" | "yesterday" | "now"
 *         | date | date (" " | "T") clock (" "? zone)?
 *   unit := second minute hour day week month year, each also with "s"; s sec secs m min mins h hr
 *           hrs d w
 *   date := YYYY-MM-DD, 1970 to 2261
 *   clock := HH:MM | HH:MM:SS | HH:MM:SS.fraction of up to nine digits
 *   zone := "Z" | "UTC" | ("+" | "-") HH | ("+" | "-") HH:MM | ("+" | "-") HHMM
 *
 * Without a zone a time is UTC. Months and years are those of the calendar: a month before the
 * 31st of May is the 30th of April.
 */
#ifndef FIRN_REFERENCE_REFERENCE_TIME_H
#define FIRN_REFERENCE_REFERENCE_TIME_H

#include <stdbool.h>
#include <stdint.h>

/* The last instant that the text means, in nanoseconds since the epoch: a clock without a fraction
 * means all of its second. False, and nothing written, if the text is no time. */
bool firn_reference_time_read(const char *text, int64_t now_ns, int64_t *out);

#endif
