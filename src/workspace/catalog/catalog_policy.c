/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_policy.c: which checkpoints a policy keeps.
 *
 * A policy like "all:1d hourly:7d daily:90d" keeps everything for a day, then the newest of each
 * hour for a week, then the newest of each day for ninety days. Hours, days, weeks (from Monday),
 * months and years are those of UTC. A checkpoint stays if any rule keeps it. The rules are those
 * of restic's `forget --keep-within-…`.
 *
 * A wrong clock must not delete anything, so no clock is read here. The age of a checkpoint is
 * counted along the checkpoints themselves, back from the newest: the sum of the intervals between
 * one and the next, where
 *
 *   - a negative interval counts as nothing: the clock was set back (I1);
 *   - a pause counts as nothing: an interval of more than a week, and of more than two of the
 *     longest periods in the policy, which are the longest gaps that the policy itself can leave
 *     (I2).
 *
 * So a clock that jumps ahead by years makes nothing old, and a user who comes back after a year
 * finds everything as it was. A workspace that is saved less than once a week loses nothing by age.
 * Deleting checkpoints never makes the others older than their times say.
 *
 * The result depends only on the times: a second walk over the same checkpoints gives the same
 * result, and one over those that were kept keeps them again (I3; not checked: it would take a
 * second walk), except for the few that (I1) and (I2) had spared.
 */
#include "catalog/catalog.h"

#include "base/check.h"
#include "base/checked.h"
#include "base/slice.h"
#include "codec/calendar.h"

enum { COUNT_MAX = 99999, NS_A_SECOND = 1000000000 };
static const uint64_t HOUR_NS = UINT64_C(3600) * NS_A_SECOND;
static const uint64_t DAY_NS = UINT64_C(24) * 3600 * NS_A_SECOND;

static const char *const kind_names[FI_CATALOG_POLICY_KINDS] = {
    [FI_CATALOG_POLICY_ALL] = "all",         [FI_CATALOG_POLICY_HOURLY] = "hourly",
    [FI_CATALOG_POLICY_DAILY] = "daily",     [FI_CATALOG_POLICY_WEEKLY] = "weekly",
    [FI_CATALOG_POLICY_MONTHLY] = "monthly", [FI_CATALOG_POLICY_YEARLY] = "yearly",
};

/* ---- reading ---- */

static bool
read_count(firn_slice text, uint64_t *out)
{
    uint64_t count = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || count > COUNT_MAX) {
            return false;
        }
        count = count * 10 + (uint64_t)(text.data[i] - '0');
    }
    *out = count;
    return count >= 1 && count <= COUNT_MAX;
}

/* Forever, if it is longer than the 584 years that 64 bits hold. */
static uint64_t
span_of(uint64_t count, uint64_t unit_ns)
{
    uint64_t span_ns;
    DCHECK(count >= 1 && count <= COUNT_MAX);
    return fi_mul_u64(count, unit_ns, &span_ns) ? span_ns : UINT64_MAX;
}

static bool
read_span(firn_slice text, uint64_t *out_ns)
{
    uint64_t count;
    if (fi_slice_equal(text, firn_str("forever"))) {
        *out_ns = UINT64_MAX;
        return true;
    }
    if (text.size == 0 || !read_count(firn_bytes(text.data, text.size - 1), &count)) {
        return false;
    }
    switch (text.data[text.size - 1]) {
    case 'h':
        *out_ns = span_of(count, HOUR_NS);
        return true;
    case 'd':
        *out_ns = span_of(count, DAY_NS);
        return true;
    case 'w':
        *out_ns = span_of(count, 7 * DAY_NS);
        return true;
    case 'y':
        *out_ns = span_of(count, 365 * DAY_NS);
        return true;
    default:
        return false;
    }
}

/* Each rule at most once. */
static bool
read_rule(firn_slice rule, struct fi_catalog_policy *out)
{
    const uint8_t *colon = memchr(rule.data, ':', rule.size);
    if (colon == NULL) {
        return false;
    }
    firn_slice name = firn_bytes(rule.data, (size_t)(colon - rule.data));
    firn_slice value = firn_bytes(colon + 1, rule.size - name.size - 1);
    if (fi_slice_equal(name, firn_str("last"))) {
        return out->last == 0 && read_count(value, &out->last);
    }
    for (unsigned i = 0; i < FI_CATALOG_POLICY_KINDS; i++) {
        if (fi_slice_equal(name, firn_str(kind_names[i]))) {
            return out->spans_ns[i] == 0 && read_span(value, &out->spans_ns[i]);
        }
    }
    return false;
}

static bool
is_blank(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

/* Removes the next word from the text; false at the end. */
static bool
take_word(firn_slice *text, firn_slice *out)
{
    while (text->size > 0 && is_blank(text->data[0])) {
        *text = firn_bytes(text->data + 1, text->size - 1);
    }
    size_t size = 0;
    while (size < text->size && !is_blank(text->data[size])) {
        size++;
    }
    *out = firn_bytes(text->data, size);
    *text = firn_bytes(text->data + size, text->size - size);
    return size > 0;
}

int
fi_catalog_policy_read(firn_slice text, struct fi_catalog_policy *out, firn_error *err)
{
    firn_slice left = text;
    firn_slice word;
    unsigned rules = 0;
    bool is_read = text.size <= FI_CATALOG_POLICY_TEXT_SIZE_MAX;
    *out = (struct fi_catalog_policy){0};
    while (is_read && take_word(&left, &word)) {
        bool says_forever = fi_slice_equal(word, firn_str("forever"));
        is_read = !out->is_forever && (says_forever ? rules == 0 : read_rule(word, out));
        out->is_forever = says_forever;
        rules++;
    }
    if (is_read && rules > 0) {
        return FIRN_OK;
    }
    return fi_error_set(
        err, FIRN_INVALID,
        "a policy is forever, or rules such as 'all:1d hourly:7d daily:90d'; there "
        "are last:COUNT, and all, hourly, daily, weekly, monthly, yearly with a span of hours, "
        "days, weeks or years (12h 7d 4w 1y) or forever");
}

/* ---- applying the policy ---- */

/* Months since the beginning of the year 0. */
static int64_t
month_of_day(int64_t day)
{
    const struct fi_calendar_date date = fi_calendar_date_of(day);
    return date.year * 12 + date.month - 1;
}

/* The hour, day, … that an instant is in. */
static int64_t
bucket_of(enum fi_catalog_policy_kind kind, int64_t created_ns)
{
    int64_t day = fi_calendar_divide(created_ns, (int64_t)DAY_NS);
    switch (kind) {
    case FI_CATALOG_POLICY_HOURLY:
        return fi_calendar_divide(created_ns, (int64_t)HOUR_NS);
    case FI_CATALOG_POLICY_DAILY:
        return day;
    case FI_CATALOG_POLICY_WEEKLY:
        return fi_calendar_divide(day + 3, 7); /* day 0 was a Thursday */
    case FI_CATALOG_POLICY_MONTHLY:
        return month_of_day(day);
    case FI_CATALOG_POLICY_YEARLY:
        return fi_calendar_divide(month_of_day(day), 12);
    case FI_CATALOG_POLICY_ALL:
    case FI_CATALOG_POLICY_KINDS:
        break;
    }
    return 0;
}

/* (I2) */
static uint64_t
pause_of(const struct fi_catalog_policy *policy)
{
    static const uint64_t longest_days[FI_CATALOG_POLICY_KINDS] = {[FI_CATALOG_POLICY_WEEKLY] = 7,
                                                                   [FI_CATALOG_POLICY_MONTHLY] = 31,
                                                                   [FI_CATALOG_POLICY_YEARLY] =
                                                                       366};
    uint64_t days = 7;
    for (unsigned i = 0; i < FI_CATALOG_POLICY_KINDS; i++) {
        if (policy->spans_ns[i] != 0 && 2 * longest_days[i] > days) {
            days = 2 * longest_days[i];
        }
    }
    return days * DAY_NS;
}

void
fi_catalog_policy_begin(struct fi_catalog_policy_walk *walk, const struct fi_catalog_policy *policy)
{
    *walk = (struct fi_catalog_policy_walk){.policy = policy, .pause_ns = pause_of(policy)};
}

static void
grow_older(struct fi_catalog_policy_walk *walk, int64_t created_ns)
{
    uint64_t age_before_ns = walk->age_ns;
    uint64_t gap = (uint64_t)walk->last_ns - (uint64_t)created_ns;
    bool counts = walk->met > 0 && walk->last_ns > created_ns && gap <= walk->pause_ns;
    if (counts) {
        walk->age_ns = walk->age_ns > UINT64_MAX - 1 - gap ? UINT64_MAX - 1 : walk->age_ns + gap;
    }
    walk->last_ns = created_ns;
    DCHECK(walk->age_ns >= age_before_ns &&
           walk->age_ns - age_before_ns <= walk->pause_ns); /* (I1), (I2) */
}

static bool
is_kept_by(struct fi_catalog_policy_walk *walk, enum fi_catalog_policy_kind kind,
           int64_t created_ns)
{
    if (walk->age_ns >= walk->policy->spans_ns[kind]) {
        return false;
    }
    int64_t bucket = bucket_of(kind, created_ns);
    bool is_newest = !walk->has_bucket[kind] || walk->buckets[kind] != bucket;
    walk->has_bucket[kind] = true;
    walk->buckets[kind] = bucket;
    return is_newest || kind == FI_CATALOG_POLICY_ALL;
}

bool
fi_catalog_policy_next(struct fi_catalog_policy_walk *walk, int64_t created_ns)
{
    grow_older(walk, created_ns);
    bool is_kept = walk->policy->is_forever || walk->met < walk->policy->last;
    walk->met++;
    for (unsigned i = 0; i < FI_CATALOG_POLICY_KINDS; i++) {
        is_kept = is_kept_by(walk, (enum fi_catalog_policy_kind)i, created_ns) || is_kept;
    }
    return is_kept;
}
