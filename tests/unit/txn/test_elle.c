/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/txn: the isolation checker itself: it finds every anomaly that is planted in a history, and
 * nothing where there is none.
 */
#include "support/store/elle.h"
#include "support/test.h"

/* A history as a text: transactions separated by ';', each of operations "ax1" (append 1 to x), "rx12"
 * (read x as the list 1, 2), "Rx1" and "Wx1" (a register), and at the end "!" if it did not commit.
 * They all overlap in time but for "|", before which everything has ended. */
static unsigned
check(const char *text)
{
    struct elle_history *history = elle_create();
    uint64_t now = 2;
    bool is_open = false;
    for (const char *at = text; *at != '\0'; at++) {
        uint32_t list[9];
        size_t count = 0;
        if (*at == ' ') {
            continue;
        }
        if (*at == '|') {
            now += 2;
            continue;
        }
        if (*at == ';') {
            assert_true(is_open);
            elle_end(history, now + 1, true);
            is_open = false;
            continue;
        }
        if (!is_open) {
            elle_begin(history, now);
            is_open = true;
        }
        if (*at == '!') {
            elle_end(history, now + 1, false);
            is_open = false;
            at++;
            continue;
        }
        char kind = *at++;
        unsigned key = (unsigned)(*at - 'x');
        while (at[1] >= '0' && at[1] <= '9') {
            list[count++] = (uint32_t)(*++at - '0');
        }
        if (kind == 'a') {
            elle_append(history, key, list[0]);
        } else if (kind == 'r') {
            elle_read(history, key, list, count);
        } else if (kind == 'R') {
            elle_read_register(history, key, list[0]);
        } else {
            elle_write_register(history, key, list[0]);
        }
    }
    unsigned anomalies = elle_check(history);
    elle_destroy(history);
    return anomalies;
}

static void
assert_found(const char *text, unsigned wanted)
{
    unsigned found = check(text);
    if (found != wanted) {
        (void)fprintf(stderr, "%s: found %s;", text, elle_names(found));
        (void)fprintf(stderr, " wanted %s\n", elle_names(wanted));
    }
    assert_int_equal(found, wanted);
}

static void
clean_histories_are_clean(void **state)
{
    assert_found("", 0);
    assert_found("ax1; ax2; rx12;", 0);
    assert_found("ax2; ax1; rx21;", 0);
    assert_found("rx ax1 rx1; rx1 ax2 ay3 rx12; rx rz ry; | rx12 ry3;", 0);
    assert_found("rx1 ax2!; ax1; | rx1;", 0);
    assert_found("Rx0 Wx1; Rx1 Wx2; Rx2; | Rx2;", 0);
    assert_found("Rx0 Wx1 Rx1 Wx2; Rx0 Wx3!; Rx0; | Rx2;", 0);
    /* Walks over all keys. */
    assert_found("rx ry rz ay1; rx ry1 rz; | rx ry1 rz;", 0);
}

static void
contradictions_are_found(void **state)
{
    assert_found("ax1!; rx1;", ELLE_ABORTED_READ);
    assert_found("ax1 ax2; rx1; | rx12;", ELLE_INTERMEDIATE_READ | ELLE_G_SINGLE);
    /* Not repeatable; own writes not seen. */
    assert_found("rx rx1; ax1; | rx1;", ELLE_INTERNAL | ELLE_G_SINGLE);
    assert_found("ax1 rx; | rx1;", ELLE_INTERNAL);
    assert_found("Rx0 Rx1; Rx0 Wx1; | Rx1;", ELLE_INTERNAL | ELLE_G_SINGLE);
    assert_found("ax1; ax2; rx12; rx21;", ELLE_INCOMPATIBLE);
    assert_found("ax1; rx7; | rx1;", ELLE_INCOMPATIBLE);
    assert_found("ax1; ay2; rx2; | rx1 ry2;", ELLE_INCOMPATIBLE);
    /* A lost update: both appended to the empty list, one is gone. */
    assert_found("rx ax1; rx ax2; | rx2;", ELLE_LOST);
    assert_found("Rx0 Wx1; Rx0 Wx2; | Rx2;", ELLE_LOST);
    assert_found("Rx0 Wx1; Rx1 Wx2; Rx1 Wx3; | Rx3;", ELLE_LOST);
}

static void
cycles_are_found_and_named(void **state)
{
    /* Torn: each wrote first to one of two keys. */
    assert_found("ax1 ay2; ax3 ay4; | rx13 ry42;", ELLE_G0);
    /* Each saw what the other one wrote. */
    assert_found("ax1 ry2; ay2 rx1; | rx1 ry2;", ELLE_G1C);
    /* Read skew: half of a commit. */
    assert_found("ax1 ay2; rx1 ry; | rx1 ry2;", ELLE_G_SINGLE);
    /* A lost update that left its value. */
    assert_found("rx ax1; rx ax2; | rx12;", ELLE_G_SINGLE);
    /* Two writers, seen in another order by each of two readers. */
    assert_found("ax1; ay2; rx1 ry; rx ry2; | rx1 ry2;", ELLE_G_NONADJACENT);
    /* Write skew, and a phantom: each walked over all keys and found nothing. */
    assert_found("rx ay1; ry ax2; | rx2 ry1;", ELLE_G2);
    assert_found("rx ry rz ay1; rx ry rz az2; | rx ry1 rz2;", ELLE_G2);
    assert_found("Rx0 Ry0 Wy1; Ry0 Rx0 Wx2; | Rx2 Ry1;", ELLE_G2);
    /* A reading of the past: its writer had ended before it began. */
    assert_found("ax1; | rx; | rx1;", ELLE_G_SINGLE);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(clean_histories_are_clean),
        cmocka_unit_test(contradictions_are_found),
        cmocka_unit_test(cycles_are_found_and_named),
    };
    return cmocka_run_group_tests_name("elle", tests, NULL, NULL);
}
