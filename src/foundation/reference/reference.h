/* SPDX-License-Identifier: Apache-2.0
 *
 * reference/reference.h: reads what a user types to name a checkpoint, of a store or of a
 * workspace.
 *
 *   reference := time | base | base "~" number
 *   base      := number | id | "latest" | name
 *   number    := up to 18 decimal digits; a base is not 0
 *   id        := 4 to 32 of the letters k to z in any case: the beginning of an id
 *   name      := see fi_reference_is_name; what workspaces call a tag
 *   time      := see fi_reference_time_read
 *
 * No text is of two kinds.
 */
#ifndef FIRN_REFERENCE_REFERENCE_H
#define FIRN_REFERENCE_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "firn/types.h"

enum fi_reference_kind {
    FI_REFERENCE_NUMBER = 1,
    FI_REFERENCE_ID,
    FI_REFERENCE_LATEST,
    FI_REFERENCE_NAME,
    FI_REFERENCE_TIME
};

enum { FI_REFERENCE_NAME_SIZE_MAX = 255 };

struct fi_reference {
    enum fi_reference_kind kind;
    uint64_t number;
    char id[FIRN_CHECKPOINT_ID_SIZE]; /* lower case */
    size_t id_size;
    firn_slice name; /* of the text that was read */
    int64_t time_ns;
    bool is_day;   /* a day of the week, or "midnight": the time, unless something has that name */
    uint64_t back; /* how many checkpoints before the one that the base names */
};

/* What times are read by. */
struct fi_reference_clock {
    int64_t now_ns; /* what "ago" counts from */
    /* How many seconds local time is ahead of UTC then. NULL: local time is UTC. */
    int64_t (*zone)(int64_t since_epoch_s);
};

/* FIRN_INVALID if the text is not a reference. */
FIRN_MUST_CHECK int fi_reference_read(const char *text, const struct fi_reference_clock *clock,
                                      struct fi_reference *out, firn_error *err);

/* Whether a checkpoint may have this name: 1 to 255 ASCII letters, digits and any of "._-+/",
 * beginning with a letter. It must not be, or look like, another kind of reference: not four or
 * more letters from k to z alone, not "latest", "now" or "yesterday" in any case. A day of the week
 * and "midnight" may be names, and are times otherwise. */
bool fi_reference_is_name(firn_slice name);

/* Reads a point in time, as a user types it.
 *
 *   time := (count " "? unit " "?)+ " ago"? | ("a" | "an") " " unit " ago" | "last " unit | "now"
 *         | "yesterday" | weekday | ((weekday | "yesterday" | "today") " ")? clock
 *         | date | date (" " | "T") clock (" "? zone)?
 *   unit := second minute hour day week month year, each also with "s"; s sec secs m min mins h hr
 *           hrs d w
 *   date := YYYY-MM-DD, 1970 to 2261
 *   weekday := "last "? "monday", "tuesday" ...: in any case
 *   clock := HH:MM | HH:MM:SS | HH:MM:SS.fraction of up to nine digits; also with "am" or "pm",
 *   after a space or not,
 *            and then with one digit of the hour, or the hour alone; "noon" | "midnight" in any
 *            case: 12:00 and 00:00
 *   zone := "Z" | "UTC" | ("+" | "-") HH | ("+" | "-") HH:MM | ("+" | "-") HHMM
 *
 * Without a zone a time is local: of two instants with the same local time, when clocks are set
 * back, the later one. A clock alone, or with a day of the week, is the last such time that has
 * begun; "yesterday" alone is 24 hours ago, a day of the week alone as many times 24 hours as it is
 * days ago, up to seven. Months and years are those of the calendar, in UTC: a month before the
 * 31st of May is the 30th of April. A time before 1970 counts as the first instant of 1970.
 *
 * The result is the last instant that the text can mean, in nanoseconds since the epoch: a clock
 * without seconds means all of its minute, one without a fraction all of its second. False, and
 * nothing written, if the text is not a time. */
bool fi_reference_time_read(const char *text, const struct fi_reference_clock *clock, int64_t *out);

/* The number of a day of the week by its English name, in any case, Sunday's being 0; -1 for
 * another word. */
int fi_reference_time_weekday(firn_slice word);

/* Whether a text is a word of ASCII letters, given in small letters, in any case. */
bool fi_reference_time_is_word(firn_slice text, const char *word);

#endif
