/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_eval_time.c: parts of dates and timestamps.
 *
 * The calendar is the proleptic Gregorian one, in UTC. Rows that are not wanted may hold any
 * number, so numbers are clamped to the calendar's range before anything is computed with them.
 */
#include "base/check.h"
#include "codec/calendar.h"
#include "expr/expr_eval.h"

/* The day, and the microseconds of the day, both in range. */
static void
expr_eval_time_split(firn_type type, int64_t number, int64_t *days, int64_t *us)
{
    *days = number;
    *us = 0;
    if (type == FIRN_TYPE_TIMESTAMP) {
        *days = fi_calendar_divide(number, FI_CALENDAR_DAY_US);
        *us = (int64_t)((uint64_t)number - (uint64_t)*days * (uint64_t)FI_CALENDAR_DAY_US);
    }
    DCHECK(*us >= 0 && *us < FI_CALENDAR_DAY_US);
    *days = *days < FI_CALENDAR_DATE_FIRST ? FI_CALENDAR_DATE_FIRST : *days;
    *days = *days > FI_CALENDAR_DATE_LAST ? FI_CALENDAR_DATE_LAST : *days;
}

static int64_t
extract(uint8_t unit, int64_t days, int64_t us)
{
    struct fi_calendar_date date;
    switch (unit) {
    case FI_EXPR_HOUR:
        return us / (3600 * FI_CALENDAR_SECOND_US);
    case FI_EXPR_MINUTE:
        return us / (60 * FI_CALENDAR_SECOND_US) % 60;
    case FI_EXPR_SECOND:
        return us / FI_CALENDAR_SECOND_US % 60;
    default:
        date = fi_calendar_date_of(days);
        return unit == FI_EXPR_YEAR    ? date.year
               : unit == FI_EXPR_MONTH ? (int64_t)date.month
                                       : (int64_t)date.day;
    }
}

static int64_t
truncate_to(uint8_t unit, firn_type type, int64_t days, int64_t us)
{
    static const int64_t unit_us[] = {
        [FI_EXPR_HOUR] = INT64_C(3600000000),
        [FI_EXPR_MINUTE] = 60000000,
        [FI_EXPR_SECOND] = 1000000,
    };
    if (unit == FI_EXPR_YEAR || unit == FI_EXPR_MONTH) {
        struct fi_calendar_date date = fi_calendar_date_of(days);
        date.month = unit == FI_EXPR_YEAR ? 1 : date.month;
        date.day = 1;
        days = fi_calendar_days(date);
    }
    us = unit <= FI_EXPR_DAY ? 0 : us - us % unit_us[unit];
    return type == FIRN_TYPE_TIMESTAMP ? days * FI_CALENDAR_DAY_US + us : days;
}

int
fi_expr_eval_time(struct fi_expr_work *work)
{
    firn_type type = work->arg_nodes[0]->type.type;
    uint8_t unit = work->node->detail;
    bool is_extract = work->node->op == FI_EXPR_OP_EXTRACT;
    DCHECK(unit >= FI_EXPR_YEAR && unit <= FI_EXPR_SECOND);
    for (size_t i = 0; i < work->count; i++) {
        int64_t days;
        int64_t us;
        expr_eval_time_split(type, work->args[0]->as.i64[i], &days, &us);
        work->out.i64[i] = is_extract ? extract(unit, days, us) : truncate_to(unit, type, days, us);
    }
    return FIRN_OK;
}
