/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlvalue/sqlvalue_dates.c: the texts of dates, made once for each day.
 *
 * SQLite is shown a date as text. It copies a text that it is given, unless it may count on it for
 * as long as the statement runs; a batch of a scan is gone with the next one. But there are few
 * dates, so their texts are kept as long as the virtual table is there, which every statement that
 * uses it holds, and SQLite is given their addresses.
 *
 * Invariant:
 * (I1) A text that was given out neither moves nor changes until the table goes. (Not checked:
 *      pieces are never made anew, and a text is written once, when it is empty.)
 *
 * Limits: days from 1880 to 2160, in pieces of 512, which are 1.2 MB at most; the caller makes
 * other dates, and all where there is no memory, each time.
 *
 * Locking: under the mutex of the connection.
 */
#include "sqlvalue/sqlvalue.h"

#include <assert.h>

#include "codec/calendar.h"
SQLITE_EXTENSION_INIT3

enum {
    DAYS_PER_PIECE = 512,
    PIECES = 200,
    DAY_FIRST = -64 * DAYS_PER_PIECE, /* in the year 1880 */
    TEXT_SIZE = 10
};

struct fi_sqlvalue_dates {
    char (*pieces[PIECES])[TEXT_SIZE + 2]; /* of days from DAY_FIRST on; "" until it is asked for */
};

struct fi_sqlvalue_dates *
fi_sqlvalue_dates_create(void)
{
    struct fi_sqlvalue_dates *dates = sqlite3_malloc64(sizeof *dates);
    if (dates != NULL) {
        memset(dates, 0, sizeof *dates);
    }
    return dates;
}

void
fi_sqlvalue_dates_destroy(struct fi_sqlvalue_dates *dates)
{
    for (size_t i = 0; dates != NULL && i < PIECES; i++) {
        sqlite3_free(dates->pieces[i]);
    }
    sqlite3_free(dates);
}

static uint64_t
place_of(int64_t days)
{
    return (uint64_t)days - (uint64_t)(int64_t)DAY_FIRST;
}

const char *
fi_sqlvalue_dates_find(const struct fi_sqlvalue_dates *dates, int64_t days)
{
    const uint64_t at = place_of(days);
    if (at >= (uint64_t)PIECES * DAYS_PER_PIECE || dates->pieces[at / DAYS_PER_PIECE] == NULL) {
        return NULL;
    }
    const char *text = dates->pieces[at / DAYS_PER_PIECE][at % DAYS_PER_PIECE];
    return text[0] != '\0' ? text : NULL;
}

const char *
fi_sqlvalue_dates_make(struct fi_sqlvalue_dates *dates, int64_t days)
{
    const uint64_t at = place_of(days);
    if (at >= (uint64_t)PIECES * DAYS_PER_PIECE) {
        return NULL;
    }
    char(**piece)[TEXT_SIZE + 2] = &dates->pieces[at / DAYS_PER_PIECE];
    if (*piece == NULL) {
        *piece = sqlite3_malloc64(DAYS_PER_PIECE * sizeof **piece);
        if (*piece == NULL) {
            return NULL;
        }
        memset(*piece, 0, DAYS_PER_PIECE * sizeof **piece);
    }
    char *text = (*piece)[at % DAYS_PER_PIECE];
    if (text[0] == '\0') {
        size_t size = fi_calendar_write_date(days, text);
        assert(size == TEXT_SIZE);
        text[size] = '\0';
    }
    return text;
}
