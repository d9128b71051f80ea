/* SPDX-License-Identifier: Apache-2.0
 *
 * reference/reference_time.c: parsing points in time.
 *
 * A time selects the newest checkpoint that is not younger. Lists print times to the second, but a
 * checkpoint was made somewhere within its second. So a time means all of its second, and a printed
 * time finds the checkpoint for which it was printed; a time given to the minute means all of its
 * minute (I2).
 *
 * Nothing here uses a locale, and the time zone is the caller's: a function that says how far local
 * time is ahead of UTC at an instant. From a local time to an instant is the other direction. A
 * zone changes at most once within a day, so the answers for a day before and a day after are the
 * only two that can hold. Of an hour that clocks repeat, the later one is meant: the time means all
 * that it can (I2). An hour that they leave out is read as if they had not. The text is parsed from
 * left to right by small readers, each of which either takes its part and advances, or fails; at
 * the end nothing may be left over. Every number has few digits, so sums stay far within 64 bits;
 * the one multiplication that could overflow is preceded by a comparison.
 */
#include <stddef.h>
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "codec/calendar.h"
#include "reference/reference.h"

enum {
    MINUTE_SECONDS = 60,
    HOUR_SECONDS = 3600,
    DAY_SECONDS = 86400,
    DAYS_A_WEEK = 7,
    WEEKDAY_OF_EPOCH = 4 + DAYS_A_WEEK, /* a Thursday; more, so that no difference is negative */
    MONTHS_A_YEAR = 12,
    YEAR_MIN = 1970,
    YEAR_MAX = 2261,
    COUNT_DIGITS_MAX = 9,
    FRACTION_DIGITS_MAX = 9
};

static const int64_t second_ns = INT64_C(1000000000);

/* That many months earlier, at the same time of day; 0 before 1970. */
static int64_t
months_before(int64_t now_ns, int64_t months)
{
    int64_t day_ns = DAY_SECONDS * second_ns;
    DCHECK(now_ns >= 0 && months >= 0);
    struct fi_calendar_date date = fi_calendar_date_of(now_ns / day_ns);
    int64_t month = date.year * MONTHS_A_YEAR + date.month - 1 - months;
    if (month < (int64_t)YEAR_MIN * MONTHS_A_YEAR) {
        return 0;
    }
    date.year = month / MONTHS_A_YEAR;
    date.month = (uint32_t)(month % MONTHS_A_YEAR) + 1;
    const uint32_t last = fi_calendar_month_days(date.year, date.month);
    date.day = date.day < last ? date.day : last;
    int64_t before_ns = fi_calendar_days(date) * day_ns + now_ns % day_ns;
    DCHECK(before_ns >= 0 && before_ns <= now_ns);
    return before_ns;
}

/* ---- small readers ---- */

static bool
is_digit(char letter)
{
    return letter >= '0' && letter <= '9';
}

static bool
reference_time_accept(const char **at, const char *word)
{
    size_t size = strlen(word);
    if (strncmp(*at, word, size) != 0) {
        return false;
    }
    *at += size;
    return true;
}

/* Takes between min and max digits; *out_count is how many. */
static bool
parse_digits(const char **at, int min, int max, int64_t *out, int *out_count)
{
    int64_t number = 0;
    int count = 0;
    DCHECK(min > 0 && min <= max && max <= FRACTION_DIGITS_MAX);
    for (; count < max && is_digit((*at)[count]); count++) {
        number = number * 10 + ((*at)[count] - '0');
    }
    if (count < min) {
        return false;
    }
    *at += count;
    *out = number;
    if (out_count != NULL) {
        *out_count = count;
    }
    return true;
}

static bool
parse_two(const char **at, int64_t max, int64_t *out)
{
    return parse_digits(at, 2, 2, out, NULL) && *out <= max;
}

/* ---- "ago" ---- */

struct unit {
    const char *names[5];
    int64_t seconds; /* 0: the unit is counted in months */
    int64_t months;
};

static const struct unit units[] = {
    {{"seconds", "second", "secs", "sec", "s"}, 1, 0},
    {{"minutes", "minute", "mins", "min", "m"}, MINUTE_SECONDS, 0},
    {{"hours", "hour", "hrs", "hr", "h"}, HOUR_SECONDS, 0},
    {{"days", "day", "d"}, DAY_SECONDS, 0},
    {{"weeks", "week", "w"}, (int64_t)7 * DAY_SECONDS, 0},
    {{"months", "month"}, 0, 1},
    {{"years", "year"}, 0, MONTHS_A_YEAR},
};

/* Takes a unit that ends before a space, a digit or the end. */
static const struct unit *
parse_unit(const char **at)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        for (size_t j = 0; j < 5 && units[i].names[j] != NULL; j++) {
            const char *rest = *at;
            if (reference_time_accept(&rest, units[i].names[j]) &&
                (*rest == '\0' || *rest == ' ' || is_digit(*rest))) {
                *at = rest;
                return &units[i];
            }
        }
    }
    return NULL;
}

static int64_t
units_before(int64_t time_ns, const struct unit *unit, int64_t count)
{
    if (unit->seconds == 0) {
        return months_before(time_ns, count * unit->months);
    }
    return count > time_ns / second_ns / unit->seconds
               ? 0
               : time_ns - count * unit->seconds * second_ns;
}

/* "2h30m", "1 hour 30 minutes ago" */
static bool
read_counts(const char *at, int64_t now_ns, int64_t *out)
{
    DCHECK(is_digit(*at));
    do {
        int64_t count;
        if (!parse_digits(&at, 1, COUNT_DIGITS_MAX, &count, NULL)) {
            return false;
        }
        (void)reference_time_accept(&at, " ");
        const struct unit *unit = parse_unit(&at);
        if (unit == NULL) {
            return false;
        }
        now_ns = units_before(now_ns, unit, count);
        at += *at == ' ' && is_digit(at[1]);
    } while (is_digit(*at));
    (void)reference_time_accept(&at, " ago");
    *out = now_ns;
    return *at == '\0';
}

/* "an hour ago", "last week" */
static bool
read_one(const char *at, int64_t now_ns, int64_t *out)
{
    bool is_last = reference_time_accept(&at, "last ");
    if (!is_last && !reference_time_accept(&at, "a ") && !reference_time_accept(&at, "an ")) {
        return false;
    }
    const struct unit *unit = parse_unit(&at);
    if (unit == NULL || (!is_last && !reference_time_accept(&at, " ago")) || *at != '\0') {
        return false;
    }
    *out = units_before(now_ns, unit, 1);
    return true;
}

static bool
read_ago(const char *at, int64_t now_ns, int64_t *out)
{
    if (now_ns < 0) {
        return false;
    }
    return is_digit(*at) ? read_counts(at, now_ns, out) : read_one(at, now_ns, out);
}

/* ---- a date and a clock ---- */

static bool
parse_date(const char **at, int64_t *out_days)
{
    int64_t year;
    int64_t month;
    int64_t day;
    if (!parse_digits(at, 4, 4, &year, NULL) || !reference_time_accept(at, "-") ||
        !parse_two(at, MONTHS_A_YEAR, &month) || !reference_time_accept(at, "-") ||
        !parse_two(at, 31, &day)) {
        return false;
    }
    if (year < YEAR_MIN || year > YEAR_MAX || month == 0 || day == 0 ||
        day > fi_calendar_month_days(year, (uint32_t)month)) {
        return false;
    }
    *out_days = fi_calendar_days((struct fi_calendar_date){year, (uint32_t)month, (uint32_t)day});
    return true;
}

/* A time of day: where it begins, and how long after that its last instant is. */
struct clock_time {
    int64_t seconds;
    int64_t fraction_ns;
    int64_t rest_ns;
};

static int64_t
last_instant(int64_t since_epoch_s, const struct clock_time *time)
{
    return since_epoch_s * second_ns + time->fraction_ns + time->rest_ns;
}

/* "am", "pm", after a space or not. Hours are those of half a day then. Without it the clock must
 * be whole. */
static bool
parse_half(const char **at, bool is_whole, int64_t *hour)
{
    const char *rest = *at;
    (void)reference_time_accept(&rest, " ");
    bool is_pm = reference_time_accept(&rest, "pm") || reference_time_accept(&rest, "PM");
    if (!is_pm && !reference_time_accept(&rest, "am") && !reference_time_accept(&rest, "AM")) {
        return is_whole && *hour <= 23;
    }
    *at = rest;
    bool is_hour = *hour >= 1 && *hour <= 12;
    *hour = *hour % 12 + (is_pm ? 12 : 0);
    return is_hour;
}

/* Takes a word in any case. */
static bool
parse_word(const char **at, const char *word)
{
    size_t size = 0;
    while (word[size] != '\0' && ((*at)[size] | 0x20) == word[size]) {
        size++;
    }
    if (word[size] != '\0') {
        return false;
    }
    *at += size;
    return true;
}

bool
fi_reference_time_is_word(firn_slice text, const char *word)
{
    const char *at = (const char *)text.data;
    return text.size == strlen(word) && parse_word(&at, word);
}

static bool
parse_clock(const char **at, struct clock_time *out)
{
    int digits;
    int64_t hour;
    int64_t minute = 0;
    int64_t second = 0;
    *out = (struct clock_time){.rest_ns = MINUTE_SECONDS * second_ns - 1};
    bool is_noon = parse_word(at, "noon");
    if (is_noon || parse_word(at, "midnight")) {
        out->seconds = is_noon ? DAY_SECONDS / 2 : 0;
        return true;
    }
    if (!parse_digits(at, 1, 2, &hour, &digits)) {
        return false;
    }
    bool has_minute = reference_time_accept(at, ":");
    if (has_minute && !parse_two(at, 59, &minute)) {
        return false;
    }
    if (has_minute && reference_time_accept(at, ":")) {
        int count;
        if (!parse_two(at, 59, &second)) {
            return false;
        }
        out->rest_ns = second_ns - 1;
        if (reference_time_accept(at, ".")) {
            if (!parse_digits(at, 1, FRACTION_DIGITS_MAX, &out->fraction_ns, &count)) {
                return false;
            }
            for (; count < FRACTION_DIGITS_MAX; count++) {
                out->fraction_ns *= 10;
            }
            out->rest_ns = 0;
        }
    }
    if (!parse_half(at, has_minute && digits == 2, &hour)) {
        return false;
    }
    out->seconds = hour * HOUR_SECONDS + minute * MINUTE_SECONDS + second;
    DCHECK(out->seconds < DAY_SECONDS && out->fraction_ns < second_ns); /* (I2) */
    return true;
}

/* *out_seconds is what must be subtracted from the clock to get UTC. */
static bool
parse_zone(const char **at, int64_t *out_seconds)
{
    int64_t hours;
    int64_t minutes = 0;
    *out_seconds = 0;
    if (**at == '\0') {
        return true;
    }
    (void)reference_time_accept(at, " ");
    if (reference_time_accept(at, "Z") || reference_time_accept(at, "UTC")) {
        return true;
    }
    int64_t sign = reference_time_accept(at, "-") ? -1 : reference_time_accept(at, "+") ? 1 : 0;
    if (sign == 0 || !parse_two(at, 23, &hours)) {
        return false;
    }
    if ((reference_time_accept(at, ":") || **at != '\0') && !parse_two(at, 59, &minutes)) {
        return false;
    }
    *out_seconds = sign * (hours * HOUR_SECONDS + minutes * MINUTE_SECONDS);
    return true;
}

static int64_t
zone_at(const struct fi_reference_clock *clock, int64_t since_epoch_s)
{
    return clock->zone != NULL ? clock->zone(since_epoch_s) : 0;
}

/* The instant at which local clocks show this, in seconds as if it were UTC. */
static int64_t
instant_of(const struct fi_reference_clock *clock, int64_t local_s)
{
    int64_t before = local_s - zone_at(clock, local_s - DAY_SECONDS);
    int64_t after = local_s - zone_at(clock, local_s + DAY_SECONDS);
    bool holds_before = before + zone_at(clock, before) == local_s;
    bool holds_after = after + zone_at(clock, after) == local_s;
    if (holds_before == holds_after) {
        return before > after ? before : after;
    }
    return holds_before ? before : after;
}

static int64_t
today(const struct fi_reference_clock *clock)
{
    int64_t now_s = clock->now_ns / second_ns;
    return (now_s + zone_at(clock, now_s)) / DAY_SECONDS;
}

static bool
read_date(const char *at, const struct fi_reference_clock *clock, int64_t *out)
{
    int64_t days;
    struct clock_time time = {.rest_ns = second_ns - 1};
    int64_t zone_seconds = 0;
    bool is_local = true;
    if (!parse_date(&at, &days)) {
        return false;
    }
    if (reference_time_accept(&at, " ") || reference_time_accept(&at, "T")) {
        if (!parse_clock(&at, &time)) {
            return false;
        }
        is_local = *at == '\0';
        if (!parse_zone(&at, &zone_seconds)) {
            return false;
        }
    }
    if (*at != '\0') {
        return false;
    }
    int64_t seconds = days * DAY_SECONDS + time.seconds;
    *out = last_instant(is_local ? instant_of(clock, seconds) : seconds - zone_seconds, &time);
    return true;
}

/* The day that a name means: how many days ago it was, and how many there are between two of this
 * name; 0: it does not come again. */
struct day {
    int64_t ago;
    int64_t apart;
};

/* Takes "today", "yesterday" or a day of the week, in any case and also after "last"; of those the
 * last one, which may be today. Else nothing is changed. */
static bool
parse_day(const char **at, const struct fi_reference_clock *clock, struct day *out)
{
    const char *rest = *at;
    bool is_yesterday = reference_time_accept(at, "yesterday");
    if (is_yesterday || reference_time_accept(at, "today")) {
        *out = (struct day){is_yesterday ? 1 : 0, 0};
        return true;
    }
    (void)reference_time_accept(&rest, "last ");
    const char *space = strchr(rest, ' ');
    size_t size = space != NULL ? (size_t)(space - rest) : strlen(rest);
    int weekday = fi_reference_time_weekday(firn_bytes(rest, size));
    if (weekday < 0) {
        return false;
    }
    out->apart = DAYS_A_WEEK;
    out->ago = (today(clock) + WEEKDAY_OF_EPOCH - weekday) % DAYS_A_WEEK;
    *at = rest + size;
    return true;
}

/* "14:30", "10pm", "noon", "yesterday 14:30", "monday 10:05pm", "monday" */
static bool
read_clock(const char *at, const struct fi_reference_clock *clock, int64_t *out)
{
    struct clock_time time;
    struct day day = {0, 1};
    if (parse_day(&at, clock, &day)) {
        if (*at == '\0' && day.apart > 0) {
            int64_t ago = day.ago > 0 ? day.ago : day.apart;
            *out = clock->now_ns - ago * DAY_SECONDS * second_ns;
            return true;
        }
        if (!reference_time_accept(&at, " ")) {
            return false;
        }
    }
    if (!parse_clock(&at, &time) || *at != '\0') {
        return false;
    }
    int64_t local_s = (today(clock) - day.ago) * DAY_SECONDS + time.seconds;
    int64_t seconds = instant_of(clock, local_s);
    if (seconds > clock->now_ns / second_ns && day.apart > 0) {
        seconds = instant_of(clock, local_s - day.apart * DAY_SECONDS);
    }
    *out = last_instant(seconds, &time);
    return true;
}

/* The number of a day of the week, Sunday's being 0; -1 for another word. */
int
fi_reference_time_weekday(firn_slice word)
{
    static const char *const names[DAYS_A_WEEK] = {"sunday",   "monday", "tuesday", "wednesday",
                                                   "thursday", "friday", "saturday"};
    for (int i = 0; i < DAYS_A_WEEK; i++) {
        size_t at = 0;
        while (at < word.size && names[i][at] != '\0' &&
               (word.data[at] | 0x20) == (uint8_t)names[i][at]) {
            at++;
        }
        if (at == word.size && names[i][at] == '\0') {
            return i;
        }
    }
    return -1;
}

bool
fi_reference_time_read(const char *text, const struct fi_reference_clock *clock, int64_t *out)
{
    int64_t read = clock->now_ns;
    if (strcmp(text, "yesterday") == 0) {
        text = "1 day ago";
    }
    if (strcmp(text, "now") != 0 && !read_date(text, clock, &read) &&
        !read_clock(text, clock, &read) && !read_ago(text, clock->now_ns, &read)) {
        return false;
    }
    *out = read > 0 ? read : 0;
    return true;
}
