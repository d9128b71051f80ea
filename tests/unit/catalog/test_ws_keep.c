/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/catalog: policies of what is kept: their text, known timelines, and random ones against a
 * model that asks the C library for hours, days and weeks. FIRN_TEST_SEED repeats a run.
 */
#include <time.h>

#include "base/slice.h"
#include "catalog/catalog.h"
#include "support/test.h"
#include "support/test_random.h"

enum { TIMES_MAX = 400 };
static const int64_t SECOND = 1000000000;
static const int64_t HOUR = INT64_C(3600) * 1000000000;
static const int64_t DAY = INT64_C(24) * 3600 * 1000000000;
static const char the_default[] = "all:1d hourly:7d daily:90d";

static struct fi_catalog_policy
read_policy(const char *text)
{
    struct fi_catalog_policy policy;
    firn_error err;
    if (fi_catalog_policy_read(firn_str(text), &policy, &err) != FIRN_OK) {
        fail_msg("%s: %s", text, err.text);
    }
    return policy;
}

/* Fills kept[] for times, newest first; returns how many are kept. */
static size_t
judge(const struct fi_catalog_policy *policy, const int64_t *times, size_t count, bool *kept)
{
    struct fi_catalog_policy_walk walk;
    size_t result = 0;
    fi_catalog_policy_begin(&walk, policy);
    for (size_t i = 0; i < count; i++) {
        kept[i] = fi_catalog_policy_next(&walk, times[i]);
        result += kept[i] ? 1 : 0;
    }
    return result;
}

static void
policies_are_read(void **state)
{
    struct fi_catalog_policy policy = read_policy(the_default);
    assert_false(policy.is_forever);
    assert_int_equal(policy.last, 0);
    assert_int_equal(policy.spans_ns[FI_CATALOG_POLICY_ALL], DAY);
    assert_int_equal(policy.spans_ns[FI_CATALOG_POLICY_HOURLY], 7 * DAY);
    assert_int_equal(policy.spans_ns[FI_CATALOG_POLICY_DAILY], 90 * DAY);
    assert_int_equal(policy.spans_ns[FI_CATALOG_POLICY_WEEKLY], 0);
    policy = read_policy(" \tyearly:2y  monthly:forever weekly:5w last:99999 all:12h\t");
    assert_int_equal(policy.last, 99999);
    assert_int_equal(policy.spans_ns[FI_CATALOG_POLICY_ALL], 12 * HOUR);
    assert_int_equal(policy.spans_ns[FI_CATALOG_POLICY_WEEKLY], 35 * DAY);
    assert_true(policy.spans_ns[FI_CATALOG_POLICY_MONTHLY] == UINT64_MAX);
    assert_int_equal(policy.spans_ns[FI_CATALOG_POLICY_YEARLY], 730 * DAY);
    assert_true(read_policy("all:99999y").spans_ns[FI_CATALOG_POLICY_ALL] == UINT64_MAX);
    /* So many weeks are three days more than 64 bits hold. */
    assert_true(read_policy("all:30501w").spans_ns[FI_CATALOG_POLICY_ALL] == UINT64_MAX);
    assert_true(read_policy("all:99999w").spans_ns[FI_CATALOG_POLICY_ALL] == UINT64_MAX);
    assert_true(read_policy("forever").is_forever);
}

static void
what_is_no_policy_is_refused(void **state)
{
    static const char *const wrong[] = {"",
                                        " ",
                                        "x",
                                        "all",
                                        "all:",
                                        "all:1",
                                        "all:d",
                                        "all:0d",
                                        "all:-1d",
                                        "all:100000d",
                                        "all:1m",
                                        "all:1d,daily:2d",
                                        "ALL:1d",
                                        "all:1D",
                                        "all: 1d",
                                        "all:1d all:2d",
                                        "last:0",
                                        "last:1d",
                                        "last:5 last:6",
                                        "forever all:1d",
                                        "all:1d forever",
                                        "forever forever",
                                        "all:1d x",
                                        "all:forever1",
                                        "secondly:1d",
                                        "daily:99999999999999999999d",
                                        ":1d",
                                        "keep = all:1d"};
    struct fi_catalog_policy policy;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        firn_error err;
        assert_int_equal(fi_catalog_policy_read(firn_str(wrong[i]), &policy, &err), FIRN_INVALID);
        assert_non_null(strstr(err.text, "daily:90d"));
    }
    char large[FI_CATALOG_POLICY_TEXT_SIZE_MAX + 2];
    memset(large, ' ', sizeof large);
    memcpy(large, "last:1", 6);
    assert_int_equal(
        fi_catalog_policy_read(firn_bytes(large, FI_CATALOG_POLICY_TEXT_SIZE_MAX), &policy, NULL),
        FIRN_OK);
    assert_int_equal(fi_catalog_policy_read(firn_bytes(large, FI_CATALOG_POLICY_TEXT_SIZE_MAX + 1),
                                            &policy, NULL),
                     FIRN_INVALID);
}

/* ---- known timelines ---- */

static void
all_then_hourly_then_daily(void **state)
{
    static int64_t times[24 * 6 * 120];
    static bool kept[24 * 6 * 120];
    const size_t count = sizeof times / sizeof times[0];
    /* Every ten minutes for 120 days; the newest on a full hour. */
    int64_t newest = INT64_C(1800000000) / 86400 * 86400 * SECOND + 12 * HOUR;
    for (size_t i = 0; i < count; i++) {
        times[i] = newest - (int64_t)i * 600 * SECOND;
    }
    struct fi_catalog_policy policy = read_policy(the_default);
    (void)judge(&policy, times, count, kept);
    size_t all = 0;
    size_t hourly = 0;
    size_t daily = 0;
    for (size_t i = 0; i < count; i++) {
        int64_t age = newest - times[i];
        size_t *counter = age < DAY ? &all : age < 7 * DAY ? &hourly : &daily;
        *counter += kept[i] ? 1 : 0;
        if (kept[i] && age >= 7 * DAY) {
            assert_int_equal(times[i] % DAY, DAY - 600 * SECOND);
        }
        assert_true(age < 90 * DAY || !kept[i]);
    }
    assert_int_equal(all, 24 * 6);
    assert_int_equal(hourly, 6 * 24);
    assert_int_equal(daily, 83);
}

static void
a_pause_makes_nothing_old(void **state)
{
    struct fi_catalog_policy policy = read_policy(the_default);
    bool kept[6] = {false};
    const int64_t now = INT64_C(1800000000) * SECOND;
    /* Back after a year: what was made then in one hour is all there. */
    const int64_t returned[] = {now, now - 365 * DAY, now - 365 * DAY - SECOND,
                                now - 365 * DAY - 2 * SECOND};
    assert_int_equal(judge(&policy, returned, 4, kept), 4);
    /* The clock was a century ahead once, and put back. */
    const int64_t jumped[] = {now + 2, now + 36500 * DAY, now + 1, now, now - 1};
    assert_int_equal(judge(&policy, jumped, 5, kept), 5);
    /* A week without any counts, one more second does not. */
    const int64_t week[] = {now, now - 7 * DAY, now - 7 * DAY - 1};
    assert_int_equal(judge(&policy, week, 3, kept), 2);
    const int64_t more[] = {now, now - 7 * DAY - 1, now - 7 * DAY - 2};
    assert_int_equal(judge(&policy, more, 3, kept), 3);
    /* Where months are told apart, a pause is more than two. */
    policy = read_policy("all:1d monthly:1y");
    const int64_t months[] = {now, now - 62 * DAY, now - 62 * DAY - 1};
    assert_int_equal(judge(&policy, months, 3, kept), 2);
    /* Times from anywhere. */
    const int64_t extreme[] = {INT64_MAX, INT64_MIN, INT64_MAX, 0, INT64_MIN, -1};
    policy = read_policy("all:1h yearly:forever last:1");
    assert_true(kept[0] && judge(&policy, extreme, 6, kept) >= 4);
}

static void
last_and_forever_are_counted(void **state)
{
    struct fi_catalog_policy policy = read_policy("last:3");
    int64_t times[5];
    bool kept[5] = {false};
    for (int i = 0; i < 5; i++) {
        times[i] = -i * SECOND;
    }
    assert_int_equal(judge(&policy, times, 5, kept), 3);
    assert_true(kept[0] && kept[1] && kept[2]);
    policy = read_policy("forever");
    assert_int_equal(judge(&policy, times, 5, kept), 5);
    policy = read_policy("yearly:forever");
    const int64_t years[] = {SECOND, 0, -SECOND, -2 * SECOND, -366 * DAY};
    assert_int_equal(judge(&policy, years, 5, kept), 3);
    assert_true(kept[0] && !kept[1] && kept[2] && !kept[3] && kept[4]);
}

/* ---- against a model ---- */

static void
period_of(unsigned kind, int64_t time_ns, char out[32])
{
    time_t seconds = (time_t)(time_ns / SECOND - (time_ns % SECOND < 0 ? 1 : 0));
    struct tm tm;
    assert_non_null(gmtime_r(&seconds, &tm));
    size_t size = kind == FI_CATALOG_POLICY_HOURLY    ? strftime(out, 32, "%Y%m%d%H", &tm)
                  : kind == FI_CATALOG_POLICY_DAILY   ? strftime(out, 32, "%Y%m%d", &tm)
                  : kind == FI_CATALOG_POLICY_WEEKLY  ? strftime(out, 32, "%G %V", &tm)
                  : kind == FI_CATALOG_POLICY_MONTHLY ? strftime(out, 32, "%Y%m", &tm)
                                                      : strftime(out, 32, "%Y", &tm);
    assert_true(size > 0);
}

/* Whether a newer one lies in the same period. */
static bool
has_newer(const int64_t *times, size_t i, unsigned kind)
{
    char mine[32];
    char other[32];
    period_of(kind, times[i], mine);
    for (size_t j = i; j > 0; j--) {
        period_of(kind, times[j - 1], other);
        if (strcmp(mine, other) == 0) {
            return true;
        }
    }
    return false;
}

static void
judge_by_model(const struct fi_catalog_policy *policy, const int64_t *times, size_t count,
               int64_t pause, bool *kept)
{
    static int64_t ages[TIMES_MAX];
    for (size_t i = 0; i < count; i++) {
        int64_t gap = i == 0 ? 0 : times[i - 1] - times[i];
        ages[i] = (i == 0 ? 0 : ages[i - 1]) + (gap < 0 || gap > pause ? 0 : gap);
        kept[i] = policy->is_forever || i < policy->last;
        for (unsigned kind = 0; kind < FI_CATALOG_POLICY_KINDS; kind++) {
            kept[i] = kept[i] || ((uint64_t)ages[i] < policy->spans_ns[kind] &&
                                  (kind == 0 || !has_newer(times, i, kind)));
        }
    }
}

static void
make_policy(struct test_random *random, char *out, size_t size, int64_t *out_pause)
{
    static const char *const names[] = {"all", "hourly", "daily", "weekly", "monthly", "yearly"};
    static const int64_t pauses[] = {7, 7, 7, 14, 62, 732};
    size_t used = 0;
    *out_pause = 7 * DAY;
    out[0] = '\0';
    while (used == 0) {
        for (unsigned i = 0; i < 6; i++) {
            if (test_random_below(random, 2) == 0) {
                used += (size_t)snprintf(out + used, size - used, "%s:%u%c ", names[i],
                                         1 + (unsigned)test_random_below(random, 9),
                                         "hdwy"[test_random_below(random, 4)]);
                *out_pause = pauses[i] * DAY > *out_pause ? pauses[i] * DAY : *out_pause;
            }
        }
        if (test_random_below(random, 3) == 0) {
            used += (size_t)snprintf(out + used, size - used, "last:%u",
                                     1 + (unsigned)test_random_below(random, 20));
        }
    }
}

/* Backwards from somewhere in this century; sometimes a pause, sometimes a clock that was put back. */
static size_t
make_times(struct test_random *random, int64_t *times, bool *out_is_monotone)
{
    size_t count = 1 + test_random_below(random, TIMES_MAX);
    int64_t scale = (int64_t)1 << test_random_below(random, 21); /* up to twelve days */
    int64_t now = (int64_t)test_random_below(random, 3000000000) * SECOND;
    bool jumps = test_random_below(random, 3) == 0;
    *out_is_monotone = true;
    for (size_t i = 0; i < count; i++) {
        times[i] = now;
        now -= (int64_t)test_random_below(random, (uint64_t)scale) * SECOND;
        if (test_random_below(random, 50) == 0) {
            now -= (int64_t)test_random_below(random, 800) * DAY;
        }
        if (jumps && test_random_below(random, 20) == 0) {
            now += (int64_t)test_random_below(random, 800) * DAY;
            *out_is_monotone = false;
        }
    }
    return count;
}

static void
random_timelines_are_judged_as_by_the_model(void **state)
{
    struct test_random random;
    test_random_init(&random, "ws_keep", 61);
    uint64_t rounds = getenv("FIRN_TEST_LONG") != NULL ? 20000 : 400;
    uint64_t dropped = 0;
    for (uint64_t round = 0; round < rounds; round++) {
        char text[FI_CATALOG_POLICY_TEXT_SIZE_MAX];
        int64_t times[TIMES_MAX];
        bool kept[TIMES_MAX] = {false};
        bool wanted[TIMES_MAX] = {false};
        int64_t pause;
        bool is_monotone;
        make_policy(&random, text, sizeof text, &pause);
        struct fi_catalog_policy policy = read_policy(text);
        size_t count = make_times(&random, times, &is_monotone);
        size_t kept_count = judge(&policy, times, count, kept);
        judge_by_model(&policy, times, count, pause, wanted);
        size_t left = 0;
        assert_true(kept[0]);
        for (size_t i = 0; i < count; i++) {
            /* A period that is met twice, because the clock was put back, keeps one each time. */
            assert_true(is_monotone ? kept[i] == wanted[i] : kept[i] || !wanted[i]);
            if (kept[i]) {
                times[left++] = times[i];
            }
        }
        dropped += count - left;
        /* What stays, stays. */
        if (is_monotone) {
            assert_int_equal(judge(&policy, times, left, kept), kept_count);
        }
    }
    assert_true(dropped > rounds);
    printf("count: %llu timelines judged\n", (unsigned long long)rounds);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(policies_are_read),
        cmocka_unit_test(what_is_no_policy_is_refused),
        cmocka_unit_test(all_then_hourly_then_daily),
        cmocka_unit_test(a_pause_makes_nothing_old),
        cmocka_unit_test(last_and_forever_are_counted),
        cmocka_unit_test(random_timelines_are_judged_as_by_the_model),
    };
    return cmocka_run_group_tests_name("ws_keep", tests, NULL, NULL);
}
