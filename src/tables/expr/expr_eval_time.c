/* SPDX-License-Identifier: Apache-2.0
 *
 * expr/expr_eval_time.c: parts of dates and timestamps.
 *
 * The calendar is the proleptic Gregorian one, in UTC. Years begin in March here, so that the leap
 * day is the last of a year; 400 years have 146,097 days. Rows that are not wanted may hold any
 * number, so numbers are clamped to the calendar's range before anything is computed with them.
 */
#include "base/check.h"
#include "expr/expr_eval.h"

enum {
    ERA_DAYS = 146097,
    ERA_YEARS = 400,
    MARCH_DAYS = 719468
}; /* from 0000-03-01 to 1970-01-01 */

struct date {
    int64_t year;
    int64_t month;
    int64_t day;
};

static struct date
date_of(int64_t days)
{
    int64_t since = days + MARCH_DAYS;
    DCHECK(since >= 0); /* from the year 1 on */
    int64_t in_era = since % ERA_DAYS;
    int64_t years = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * years + years / 4 - years / 100);
    int64_t from_march = (5 * in_year + 2) / 153;
    struct date date;
    date.day = in_year - (153 * from_march + 2) / 5 + 1;
    date.month = from_march < 10 ? from_march + 3 : from_march - 9;
    date.year = since / ERA_DAYS * ERA_YEARS + years + (date.month <= 2 ? 1 : 0);
    DCHECK(date.month >= 1 && date.month <= 12 && date.day >= 1 && date.day <= 31);
    return date;
}

static int64_t
days_of(const struct date *date)
{
    DCHECK(date->month >= 1 && date->month <= 12 && date->day >= 1);
    int64_t year = date->year - (date->month <= 2 ? 1 : 0);
    int64_t in_era = year % ERA_YEARS;
    int64_t month = date->month > 2 ? date->month - 3 : date->month + 9;
    int64_t in_year = (153 * month + 2) / 5 + date->day - 1;
    return year / ERA_YEARS * ERA_DAYS + in_era * 365 + in_era / 4 - in_era / 100 + in_year -
           MARCH_DAYS;
}

/* The day, and the microseconds of the day, both in range. */
static void
split(firn_type type, int64_t number, int64_t *days, int64_t *us)
{
    *days = number;
    *us = 0;
    if (type == FIRN_TYPE_TIMESTAMP) {
        *us = number % fi_expr_day_us;
        *days = number / fi_expr_day_us;
        if (*us < 0) {
            *us += fi_expr_day_us;
            *days -= 1;
        }
    }
    DCHECK(*us >= 0 && *us < fi_expr_day_us);
    *days = *days < fi_expr_date_min ? fi_expr_date_min : *days;
    *days = *days > fi_expr_date_max ? fi_expr_date_max : *days;
}

static int64_t
extract(uint8_t unit, int64_t days, int64_t us)
{
    static const int64_t second_us = 1000000;
    struct date date;
    switch (unit) {
    case FI_EXPR_HOUR:
        return us / (3600 * second_us);
    case FI_EXPR_MINUTE:
        return us / (60 * second_us) % 60;
    case FI_EXPR_SECOND:
        return us / second_us % 60;
    default:
        date = date_of(days);
        return unit == FI_EXPR_YEAR ? date.year : unit == FI_EXPR_MONTH ? date.month : date.day;
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
        struct date date = date_of(days);
        date.month = unit == FI_EXPR_YEAR ? 1 : date.month;
        date.day = 1;
        days = days_of(&date);
    }
    us = unit <= FI_EXPR_DAY ? 0 : us - us % unit_us[unit];
    return type == FIRN_TYPE_TIMESTAMP ? days * fi_expr_day_us + us : days;
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
        split(type, work->args[0]->as.i64[i], &days, &us);
        work->out.i64[i] = is_extract ? extract(unit, days, us) : truncate_to(unit, type, days, us);
    }
    return FIRN_OK;
}
