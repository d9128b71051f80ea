/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/text: floating-point numbers as text, against the C library: what strtod reads, and the
 * shortest of the texts that printf writes with more and more digits.
 */
#include <math.h>

#include "support/test.h"
#include "support/test_random.h"
#include "text/text_float.h"

static uint64_t
bits64(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static uint32_t
bits32(float number)
{
    uint32_t bits;
    memcpy(&bits, &number, sizeof bits);
    return bits;
}

static double
of_bits64(uint64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

static float
of_bits32(uint32_t bits)
{
    float number;
    memcpy(&number, &bits, sizeof number);
    return number;
}

/* Reads as the C library does; too large is an error there, too. */
static void
assert_read(const char *text)
{
    double expected = strtod(text, NULL);
    float expected32 = strtof(text, NULL);
    double number = 0;
    float number32 = 0;
    const char *defect = fi_text_float_read64(firn_str(text), &number);
    const char *defect32 = fi_text_float_read32(firn_str(text), &number32);
    if (isinf(expected)) {
        assert_string_equal(defect, "is too large");
    } else {
        assert_null(defect);
        if (bits64(number) != bits64(expected)) {
            fail_msg("%s: %a, not %a", text, number, expected);
        }
    }
    if (isinf(expected32)) {
        assert_string_equal(defect32, "is too large");
    } else {
        assert_null(defect32);
        if (bits32(number32) != bits32(expected32)) {
            fail_msg("%s: %a, not %a", text, (double)number32, (double)expected32);
        }
    }
}

static void
texts_are_read_as_the_nearest_number(void **state)
{
    static const char *const texts[] = {
        "0",
        "-0",
        "0.0",
        "1",
        "-1",
        "+1",
        "1.",
        ".5",
        "0.1",
        "123.456",
        "1e5",
        "1E+5",
        "1e-5",
        "9007199254740993",
        "9007199254740992.9999999999999999999999",
        "9007199254740993.0000000001",
        "9007199254740995",
        "8388608.5",
        "16777217",
        "16777219",
        "16777217.0000000000000000001",
        "1.7976931348623157e308",
        "1.7976931348623158e308",
        "1.7976931348623159e308",
        "1e308",
        "1e309",
        "1e400",
        "2.2250738585072014e-308",
        "2.2250738585072011e-308",
        "5e-324",
        "4.9e-324",
        "2.4703282292062327e-324",
        "2.4703282292062328e-324",
        "2.5e-324",
        "1e-324",
        "1e-400",
        "2.2250738585072012e-308",
        "3.4028234663852886e38",
        "3.4028235677973366e38",
        "3.4028235677973367e38",
        "1.401298464324817e-45",
        "7.006492321624085e-46",
        "7.006492321624086e-46",
        "6631236846766476e-316",
        "3237883913302901e-346",
        "6.02214076e23",
        "1e22",
        "1e23",
        "8.5e22",
        "1.2345678901234567890123456789e30",
        "0.000000000000000000000000000000000000000000000000000000000000001e80",
        "00000000001.5",
        "1e0000000000000000000000000000000001",
        "1e-99999999999999999999",
        "0e99999999999999999999",
        "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017"
        "977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273"
        "854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704"
        "342711559699508093042880",
        "179769313486231580793728971405303415079934132710037826936173778980444968292764750946649017"
        "977587207096330286416692887910946555547851940402630657488671505820681908902000708383676273"
        "854845817711531764475730270069855571366959622842914819860834936475292719074168444365510704"
        "342711559699508093042879.9999"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_read(texts[i]);
    }
}

static void
other_texts_are_refused(void **state)
{
    static const char *const texts[] = {"",       "-",       "+",    ".",    "-.",    "e5",
                                        "1e",     "1e+",     "1e5.", "1..2", "1.2.3", "0x10",
                                        "1,5",    "1 ",      " 1",   "--1",  "+-1",   "1e5e5",
                                        "nan(1)", "infinit", "na",   "1f",   "in",    "١"};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        double number = 7;
        float number32 = 7;
        assert_string_equal(fi_text_float_read64(firn_str(texts[i]), &number), "is not a number");
        assert_string_equal(fi_text_float_read32(firn_str(texts[i]), &number32), "is not a number");
        assert_true(number == 7 && number32 == 7);
    }
}

static void
words_are_read_in_any_case(void **state)
{
    static const char *const words[] = {"inf", "+Inf", "INFINITY", "Infinity"};
    double number;
    float number32;
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        assert_null(fi_text_float_read64(firn_str(words[i]), &number));
        assert_true(number == INFINITY);
        assert_null(fi_text_float_read32(firn_str(words[i]), &number32));
        assert_true(number32 == INFINITY);
    }
    assert_null(fi_text_float_read64(firn_str("-inf"), &number));
    assert_true(number == -INFINITY);
    assert_null(fi_text_float_read64(firn_str("-NaN"), &number));
    assert_true(bits64(number) == UINT64_C(0x7ff8000000000000));
    assert_null(fi_text_float_read32(firn_str("nan"), &number32));
    assert_true(bits32(number32) == UINT32_C(0x7fc00000));
}

/* ---- writing ---- */

static void
assert_written64(double number, const char *expected)
{
    char text[FI_TEXT_FLOAT_SIZE_MAX + 1];
    size_t size = fi_text_float_write64(number, text);
    text[size] = '\0';
    assert_string_equal(text, expected);
}

static void
assert_written32(float number, const char *expected)
{
    char text[FI_TEXT_FLOAT_SIZE_MAX + 1];
    size_t size = fi_text_float_write32(number, text);
    text[size] = '\0';
    assert_string_equal(text, expected);
}

static void
numbers_are_written_as_they_are_expected(void **state)
{
    assert_written64(0, "0.0");
    assert_written64(-0.0, "-0.0");
    assert_written64(1, "1.0");
    assert_written64(-1.5, "-1.5");
    assert_written64(0.1, "0.1");
    assert_written64(0.00001, "0.00001");
    assert_written64(0.000001, "1e-6");
    assert_written64(123456789, "123456789.0");
    assert_written64(1e15, "1000000000000000.0");
    assert_written64(9007199254740991, "9007199254740991.0");
    assert_written64(1e16, "1e16");
    assert_written64(1e22, "1e22");
    assert_written64(1e23, "1e23");
    assert_written64(9.5e-7, "9.5e-7");
    assert_written64(5e-324, "5e-324");
    assert_written64(1.7976931348623157e308, "1.7976931348623157e308");
    assert_written64(2.2250738585072014e-308, "2.2250738585072014e-308");
    assert_written64(-2.2250738585072011e-308, "-2.225073858507201e-308");
    assert_written64(2251799813685248.5, "2251799813685248.5");
    assert_written64(1152921504606846976.0, "1.152921504606847e18");
    assert_written64(NAN, "nan");
    assert_written64(-INFINITY, "-inf");
    assert_written32(0.1f, "0.1");
    assert_written32(16777216.0f, "16777216.0");
    assert_written32(3.4028235e38f, "3.4028235e38");
    assert_written32(1e-45f, "1e-45");
    assert_written32(INFINITY, "inf");
}

/* The fewest digits that printf needs, and the nearest of the texts of that many: the C library
 * rounds correctly. */
static void
assert_shortest64(double number)
{
    char text[FI_TEXT_FLOAT_SIZE_MAX + 1];
    char shorter[40];
    size_t size = fi_text_float_write64(number, text);
    assert_true(size <= FI_TEXT_FLOAT_SIZE_MAX);
    text[size] = '\0';
    double back;
    assert_null(fi_text_float_read64(firn_bytes(text, size), &back));
    if (bits64(back) != bits64(number) || bits64(strtod(text, NULL)) != bits64(number)) {
        fail_msg("%a is written as %s and read as %a", number, text, back);
    }
    /* Without the point and the exponent, and zeros at either end. */
    size_t digits = 0;
    size_t zeros = 0;
    for (const char *p = text; *p != '\0' && *p != 'e'; p++) {
        if (*p >= '0' && *p <= '9' && (digits > 0 || *p != '0')) {
            digits++;
            zeros = *p == '0' ? zeros + 1 : 0;
        }
    }
    digits -= zeros;
    if (digits > 1) {
        (void)snprintf(shorter, sizeof shorter, "%.*e", (int)digits - 2, number);
        if (bits64(strtod(shorter, NULL)) == bits64(number)) {
            fail_msg("%s is longer than %s", text, shorter);
        }
    }
    if (digits > 0) {
        /* printf's may be no text of the number's where neighbours below are nearer than above; if
         * it is one, it is the nearest. */
        (void)snprintf(shorter, sizeof shorter, "%.*e", (int)digits - 1, number);
        char mine[40];
        if (bits64(strtod(shorter, NULL)) == bits64(number)) {
            /* Both as digits: equal but for ties, of which there are none below 18 digits. */
            (void)snprintf(mine, sizeof mine, "%.*e", (int)digits - 1, strtod(text, NULL));
            assert_string_equal(mine, shorter);
            size_t at = 0;
            for (const char *p = text; *p != '\0' && *p != 'e'; p++) {
                if (*p >= '0' && *p <= '9' && (at > 0 || *p != '0') && at < digits) {
                    const char *q = shorter + (shorter[0] == '-');
                    char wanted = at == 0 ? q[0] : q[1 + at];
                    if (*p != wanted) {
                        fail_msg("%s is farther from the number than %s", text, shorter);
                    }
                    at++;
                }
            }
        }
    }
}

static void
random_numbers_are_written_shortest_and_read_back(void **state)
{
    struct test_random random;
    uint64_t rounds = getenv("FIRN_TEST_LONG") != NULL ? 20000000 : 1000000;
    test_random_init(&random, "float_text", 1);
    for (uint64_t i = 0; i < rounds; i++) {
        double number = of_bits64(test_random_next(&random));
        if (i % 4 == 1) {
            number =
                (double)(int64_t)(test_random_next(&random) >> (test_random_next(&random) % 64));
        } else if (i % 4 == 2) {
            static const double units[] = {1, 10, 100, 1e4, 1e6, 1e9, 1e15, 1e19};
            number = (double)(test_random_next(&random) >> (test_random_next(&random) % 64)) /
                     units[test_random_next(&random) % 8];
        }
        if (isfinite(number)) {
            if (i % 33 == 0) {
                assert_shortest64(number);
            } else {
                char text[FI_TEXT_FLOAT_SIZE_MAX];
                double back;
                size_t size = fi_text_float_write64(number, text);
                assert_null(fi_text_float_read64(firn_bytes(text, size), &back));
                assert_true(bits64(back) == bits64(number));
            }
        }
    }
    printf("count: %llu doubles\n", (unsigned long long)rounds);
}

static void
all_exponents_and_their_borders_are_written_and_read_back(void **state)
{
    for (uint64_t exponent = 0; exponent < 2047; exponent++) {
        for (int64_t step = -3; step <= 3; step++) {
            uint64_t bits = (exponent << 52) + (uint64_t)step;
            if (bits >> 52 < 2047) {
                assert_shortest64(of_bits64(bits));
                assert_shortest64(of_bits64(bits | UINT64_C(1) << 63));
            }
        }
    }
    struct test_random random;
    test_random_init(&random, "float_text", 2);
    for (uint32_t exponent = 0; exponent < 255; exponent++) {
        for (uint32_t i = 0; i < 500; i++) {
            uint32_t bits =
                exponent << 23 |
                (i < 8 ? (i - 4) & 0x7fffff : (uint32_t)test_random_next(&random) & 0x7fffff);
            bits |= (uint32_t)test_random_below(&random, 2) << 31;
            char text[FI_TEXT_FLOAT_SIZE_MAX + 1];
            size_t size = fi_text_float_write32(of_bits32(bits), text);
            text[size] = '\0';
            float back;
            assert_null(fi_text_float_read32(firn_bytes(text, size), &back));
            assert_int_equal(bits32(back), bits);
            assert_int_equal(bits32(strtof(text, NULL)), bits);
            /* No text has more digits than 9, and none with fewer than it has does. */
            size_t digits = 0;
            size_t zeros = 0;
            for (const char *p = text; *p != '\0' && *p != 'e'; p++) {
                if (*p >= '0' && *p <= '9' && (digits > 0 || *p != '0')) {
                    digits++;
                    zeros = *p == '0' ? zeros + 1 : 0;
                }
            }
            digits -= zeros;
            assert_true(digits <= 9);
            if (digits > 1) {
                char shorter[40];
                (void)snprintf(shorter, sizeof shorter, "%.*e", (int)digits - 2,
                               (double)of_bits32(bits));
                assert_int_not_equal(bits32(strtof(shorter, NULL)), bits);
            }
        }
    }
}

/* Texts halfway between two numbers and next to that, with as many digits as it takes. */
static void
texts_halfway_between_numbers_are_rounded_as_the_c_library_does(void **state)
{
    struct test_random random;
    test_random_init(&random, "float_text", 3);
    static char text[2400];
    for (uint64_t i = 0; i < 6000; i++) {
        uint64_t bits = test_random_next(&random) >> 1;
        bits = i % 5 == 0 ? bits >> 11 : bits;
        bits =
            i % 5 == 1 ? UINT64_C(0x43f0000000000000) + (bits >> 6) % (UINT64_C(100) << 52) : bits;
        double number = of_bits64(bits);
        if (!isfinite(number) || number > 1e300) {
            continue;
        }
        long double middle = ((long double)number + (long double)of_bits64(bits + 1)) / 2;
        if (i % 3 == 1) {
            float single = (float)number;
            if (!isfinite(single)) {
                continue;
            }
            middle = ((long double)single + (long double)of_bits32(bits32(single) + 1)) / 2;
        }
        int digits = (int)test_random_below(&random, 4) == 0
                         ? 1100
                         : 17 + (int)test_random_below(&random, 800);
        int size = snprintf(text, sizeof text, "%.*Le", digits, middle);
        assert_true(size > 0 && (size_t)size < sizeof text - 2);
        assert_read(text);
        /* One more or less in the last place. */
        char *e = strchr(text, 'e');
        assert_non_null(e);
        char last = e[-1];
        e[-1] = last == '9' ? '8' : (char)(last + 1);
        assert_read(text);
        e[-1] = last == '0' ? '1' : (char)(last - 1);
        assert_read(text);
    }
}

static void
random_texts_are_read_as_the_c_library_does(void **state)
{
    struct test_random random;
    test_random_init(&random, "float_text", 4);
    char text[64];
    for (uint64_t i = 0; i < 100000; i++) {
        size_t size = 0;
        size_t digits = 1 + test_random_below(&random, 30);
        size_t point = test_random_below(&random, digits + 1);
        for (size_t d = 0; d < digits; d++) {
            if (d == point) {
                text[size++] = '.';
            }
            text[size++] = (char)('0' + test_random_below(&random, i % 7 == 0 ? 2 : 10));
        }
        int range = i % 2 == 0 ? 30 : 360;
        (void)snprintf(text + size, sizeof text - size, "e%d",
                       (int)test_random_below(&random, (uint64_t)range * 2) - range);
        assert_read(text);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_read_as_the_nearest_number),
        cmocka_unit_test(other_texts_are_refused),
        cmocka_unit_test(words_are_read_in_any_case),
        cmocka_unit_test(numbers_are_written_as_they_are_expected),
        cmocka_unit_test(random_numbers_are_written_shortest_and_read_back),
        cmocka_unit_test(all_exponents_and_their_borders_are_written_and_read_back),
        cmocka_unit_test(texts_halfway_between_numbers_are_rounded_as_the_c_library_does),
        cmocka_unit_test(random_texts_are_read_as_the_c_library_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
