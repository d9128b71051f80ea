/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/keys: recovery codes: every likely typing error is noticed, and its group is named.
 */
#include "keys/keys_recovery.h"
#include "support/test.h"
#include "support/test_ok.h"
#include "support/test_random.h"

static firn_error err;

static void
codes_are_read_as_people_type_them(void **state)
{
    struct test_random random;
    (void)state;
    test_random_init(&random, "keys_recovery", 1);
    for (size_t i = 0; i < 200; i++) {
        uint8_t secret[FI_KEYS_RECOVERY_SIZE];
        uint8_t found[FI_KEYS_RECOVERY_SIZE];
        char text[FI_KEYS_RECOVERY_TEXT_SIZE];
        char typed[2 * FI_KEYS_RECOVERY_TEXT_SIZE] = "\t";
        test_random_fill(&random, secret, sizeof secret);
        fi_keys_recovery_encode(secret, text);
        assert_int_equal(strlen(text), FI_KEYS_RECOVERY_TEXT_SIZE - 1);
        OK(fi_keys_recovery_decode(firn_str(text), found, &err));
        assert_memory_equal(found, secret, sizeof secret);
        for (size_t j = 0, end = 1; text[j] != '\0'; j++) {
            const char c = text[j];
            const bool is_letter = c >= 'A' && c <= 'Z';
            typed[end++] = c == '0'                  ? "0oO"[i % 3]
                           : c == '1'                ? "1iLIl"[i % 5]
                           : c == '-'                ? (i % 2 == 0 ? ' ' : '-')
                           : is_letter && i % 4 == 0 ? (char)(c + 32)
                                                     : c;
            typed[end] = '\0';
        }
        strcat(typed, "\r\n");
        OK(fi_keys_recovery_decode(firn_str(typed), found, &err));
        assert_memory_equal(found, secret, sizeof secret);
    }
}

static void
assert_group(const char *text, size_t group)
{
    char wanted[32];
    uint8_t out[FI_KEYS_RECOVERY_SIZE];
    snprintf(wanted, sizeof wanted, "group %zu of", group);
    memset(out, 0xee, sizeof out);
    FAILS(fi_keys_recovery_decode(firn_str(text), out, &err), FIRN_INVALID, wanted);
    for (size_t i = 0; i < sizeof out; i++) {
        assert_int_equal(out[i], 0);
    }
}

static const char valid[] = "S34W0-NJYCG-SQ7CD-ZM6H1-TB9XE-9NEPQ-TZCDV-KPPVY";

/* Each character becomes each other one, two of a group are swapped, two groups are. */
static void
typing_errors_are_noticed(void **state)
{
    static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
    char text[sizeof valid];
    size_t swapped = 0;
    (void)state;
    for (size_t i = 0; valid[i] != '\0'; i++) {
        for (size_t j = 0; valid[i] != '-' && alphabet[j] != '\0'; j++) {
            memcpy(text, valid, sizeof text);
            text[i] = alphabet[j];
            if (text[i] != valid[i]) {
                assert_group(text, i / 6 + 1);
            }
        }
    }
    for (size_t i = 0; valid[i] != '\0'; i++) {
        for (size_t j = i + 1; j < i / 6 * 6 + 5; j++) {
            memcpy(text, valid, sizeof text);
            text[i] = valid[j];
            text[j] = valid[i];
            if (text[i] != text[j]) {
                assert_group(text, i / 6 + 1);
                swapped++;
            }
        }
    }
    assert_true(swapped > 60);
    for (size_t i = 0; i < 8; i++) {
        for (size_t j = i + 1; j < 8; j++) {
            memcpy(text, valid, sizeof text);
            memcpy(text + 6 * i, valid + 6 * j, 5);
            memcpy(text + 6 * j, valid + 6 * i, 5);
            assert_group(text, i + 1);
        }
    }
}

static void
other_texts_are_refused(void **state)
{
    uint8_t out[FI_KEYS_RECOVERY_SIZE];
    char text[2 * sizeof valid];
    (void)state;
    FAILS(fi_keys_recovery_decode(firn_str(""), out, &err), FIRN_INVALID, "here are 0 characters");
    snprintf(text, sizeof text, "%s%s", valid, "7");
    FAILS(fi_keys_recovery_decode(firn_str(text), out, &err), FIRN_INVALID, "here are 41");
    for (size_t i = 0; i < sizeof valid - 2; i++) {
        FAILS(fi_keys_recovery_decode(firn_bytes(valid, i), out, &err), FIRN_INVALID, "here are");
    }
    static const char strange[] = {'U', 'u', '_', '/', '\0', (char)0xff, '*'};
    for (size_t i = 0; i < sizeof strange; i++) {
        memcpy(text, valid, sizeof valid);
        text[13] = strange[i];
        FAILS(fi_keys_recovery_decode(firn_bytes(text, sizeof valid - 1), out, &err), FIRN_INVALID,
              "group 3 of");
    }
    assert_null(strstr(err.text, "S34W0"));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_read_as_people_type_them),
        cmocka_unit_test(typing_errors_are_noticed),
        cmocka_unit_test(other_texts_are_refused),
    };
    return cmocka_run_group_tests_name("keys_recovery", tests, NULL, NULL);
}
