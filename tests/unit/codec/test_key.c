/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/codec: keys that are ordered as their parts are (docs/formats/key.md).
 */
#include <math.h>

#include "base/slice.h"
#include "firn/key.h"
#include "support/test.h"
#include "support/test_random.h"

static void
encodings_are_those_of_the_specification(void **state)
{
    uint8_t memory[64];
    firn_key key = firn_key_in(memory, sizeof memory);
    firn_key_add_text(&key, firn_str("brest"));
    firn_key_add_u64(&key, 7);
    assert_true(firn_key_is_valid(&key));
    assert_int_equal(key.size, 15);
    assert_memory_equal(memory, "brest\x00\x01\x00\x00\x00\x00\x00\x00\x00\x07", 15);
    key = firn_key_in(memory, sizeof memory);
    firn_key_add_i64(&key, -1);
    firn_key_add_bool(&key, true);
    firn_key_add_text(&key, firn_bytes("\0a", 2));
    assert_int_equal(key.size, 14);
    assert_memory_equal(memory,
                        "\x7f\xff\xff\xff\xff\xff\xff\xff\x01\x00\xff"
                        "a\x00\x01",
                        14);
    key = firn_key_in(memory, sizeof memory);
    firn_key_add_f64(&key, 1.0);
    firn_key_add_f64(&key, -1.0);
    firn_key_add_f64(&key, -0.0);
    firn_key_add_f64(&key, -(double)NAN);
    assert_memory_equal(memory,
                        "\xbf\xf0\x00\x00\x00\x00\x00\x00"
                        "\x40\x0f\xff\xff\xff\xff\xff\xff"
                        "\x80\x00\x00\x00\x00\x00\x00\x00"
                        "\xff\xf8\x00\x00\x00\x00\x00\x00",
                        32);
}

/* ---- against the order of the values ---- */

struct parts {
    uint64_t natural;
    int64_t integer;
    double real;
    bool flag;
    uint8_t text[6];
    size_t text_size;
};

static uint64_t
edge(struct test_random *random)
{
    static const uint64_t edges[] = {0,         1, 0xff, 0x100, INT64_MAX, (uint64_t)INT64_MAX + 1,
                                     UINT64_MAX};
    return test_random_below(random, 2) == 0
               ? edges[test_random_below(random, sizeof edges / sizeof edges[0])]
               : test_random_next(random);
}

static void
draw(struct test_random *random, struct parts *out)
{
    static const double reals[] = {-INFINITY, -1e300, -1.5,  -4.9e-324, 0.0, 4.9e-324,
                                   0.1,       1.5,    1e300, INFINITY,  NAN};
    static const uint8_t bytes[] = {0, 0, 1, 2, 'a', 0xfe, 0xff};
    out->natural = edge(random);
    out->integer = (int64_t)edge(random);
    out->real = reals[test_random_below(random, sizeof reals / sizeof reals[0])];
    out->flag = test_random_below(random, 2) == 0;
    out->text_size = test_random_below(random, sizeof out->text + 1);
    for (size_t i = 0; i < out->text_size; i++) {
        out->text[i] = bytes[test_random_below(random, sizeof bytes)];
    }
}

static int
compare_reals(double a, double b)
{
    if (isnan(a) || isnan(b)) {
        return (isnan(a) ? 1 : 0) - (isnan(b) ? 1 : 0);
    }
    return (a > b) - (a < b);
}

/* Of the part `at`. */
static int
compare_part(const struct parts *a, const struct parts *b, size_t at)
{
    switch (at) {
    case 0:
        return fi_slice_compare(firn_bytes(a->text, a->text_size),
                                firn_bytes(b->text, b->text_size));
    case 1:
        return (a->integer > b->integer) - (a->integer < b->integer);
    case 2:
        return compare_reals(a->real, b->real);
    case 3:
        return a->flag - b->flag;
    default:
        return (a->natural > b->natural) - (a->natural < b->natural);
    }
}

enum { PARTS = 5 };

static void
add_part(firn_key *key, const struct parts *parts, size_t at)
{
    switch (at) {
    case 0:
        firn_key_add_text(key, firn_bytes(parts->text, parts->text_size));
        break;
    case 1:
        firn_key_add_i64(key, parts->integer);
        break;
    case 2:
        firn_key_add_f64(key, parts->real);
        break;
    case 3:
        firn_key_add_bool(key, parts->flag);
        break;
    default:
        firn_key_add_u64(key, parts->natural);
        break;
    }
}

static void
keys_are_ordered_as_their_parts_are(void **state)
{
    struct test_random random;
    test_random_init(&random, __func__, 20261122);
    for (int round = 0; round < 20000; round++) {
        uint8_t memory[2][64];
        struct parts parts[2];
        size_t order[PARTS] = {0, 1, 2, 3, 4};
        int expected = 0;
        draw(&random, &parts[0]);
        parts[1] = parts[0]; /* they share some parts */
        if (test_random_below(&random, 4) > 0) {
            draw(&random, &parts[1]);
        }
        for (size_t i = PARTS - 1; i > 0; i--) {
            size_t other = test_random_below(&random, i + 1);
            size_t moved = order[i];
            order[i] = order[other];
            order[other] = moved;
        }
        firn_key keys[2] = {firn_key_in(memory[0], sizeof memory[0]),
                            firn_key_in(memory[1], sizeof memory[1])};
        for (size_t i = 0; i < PARTS; i++) {
            add_part(&keys[0], &parts[0], order[i]);
            add_part(&keys[1], &parts[1], order[i]);
            expected = expected != 0 ? expected : compare_part(&parts[0], &parts[1], order[i]);
            int found = fi_slice_compare(firn_key_slice(&keys[0]), firn_key_slice(&keys[1]));
            assert_int_equal((found > 0) - (found < 0), (expected > 0) - (expected < 0));
        }
    }
}

static void
parts_are_read_as_they_were_added(void **state)
{
    struct test_random random;
    test_random_init(&random, __func__, 20261122);
    for (int round = 0; round < 5000; round++) {
        uint8_t memory[64];
        uint8_t text[6];
        size_t size;
        uint64_t natural;
        int64_t integer;
        double real;
        bool flag;
        struct parts parts;
        draw(&random, &parts);
        firn_key key = firn_key_in(memory, sizeof memory);
        for (size_t i = 0; i < PARTS; i++) {
            add_part(&key, &parts, i);
        }
        firn_slice rest = firn_key_slice(&key);
        if (parts.text_size > 0) {
            assert_int_equal(firn_key_read_text(&rest, text, parts.text_size - 1, &size),
                             FIRN_LIMIT);
            assert_int_equal(size, parts.text_size);
        }
        assert_int_equal(firn_key_read_text(&rest, text, sizeof text, &size), FIRN_OK);
        assert_int_equal(size, parts.text_size);
        assert_true(size == 0 || memcmp(text, parts.text, size) == 0);
        assert_int_equal(firn_key_read_i64(&rest, &integer), FIRN_OK);
        assert_true(integer == parts.integer);
        assert_int_equal(firn_key_read_f64(&rest, &real), FIRN_OK);
        assert_int_equal(compare_reals(real, parts.real), 0);
        assert_int_equal(firn_key_read_bool(&rest, &flag), FIRN_OK);
        assert_true(flag == parts.flag);
        assert_int_equal(firn_key_read_u64(&rest, &natural), FIRN_OK);
        assert_true(natural == parts.natural);
        assert_int_equal(rest.size, 0);
    }
}

static void
what_does_not_fit_makes_a_key_invalid(void **state)
{
    uint8_t memory[64];
    for (size_t capacity = 0; capacity < 23; capacity++) {
        firn_key key = firn_key_in(memory, capacity);
        firn_key_add_text(&key, firn_bytes("a\0b", 3)); /* 6 bytes */
        firn_key_add_u64(&key, 1);
        firn_key_add_bool(&key, true);
        firn_key_add_f64(&key, 1);
        assert_false(firn_key_is_valid(&key));
        assert_true(key.size <= capacity);
        assert_null(firn_key_slice(&key).data);
        assert_true(firn_key_slice(&key).size > 0);
        firn_key_add_bool(&key, true); /* nothing makes it valid again */
        assert_false(firn_key_is_valid(&key));
    }
    firn_key key = firn_key_in(NULL, 10);
    assert_true(firn_key_is_valid(&key));
    assert_int_equal(firn_key_slice(&key).size, 0);
    firn_key_add_bool(&key, true);
    assert_false(firn_key_is_valid(&key));
}

static void
what_is_no_part_is_refused(void **state)
{
    static const char *const texts[] = {"", "a", "a\x00", "\x00\x02", "\x00\x00", "\x00\xff"};
    static const size_t sizes[] = {0, 1, 2, 2, 2, 2};
    uint8_t out[8];
    size_t size = 77;
    uint64_t natural;
    bool flag;
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        firn_slice rest = firn_bytes(texts[i], sizes[i]);
        assert_int_equal(firn_key_read_text(&rest, out, sizeof out, &size), FIRN_INVALID);
        assert_int_equal(firn_key_read_u64(&rest, &natural), FIRN_INVALID);
        assert_int_equal(rest.size, sizes[i]);
        assert_int_equal(size, 77);
    }
    firn_slice rest = firn_bytes("\x02", 1);
    assert_int_equal(firn_key_read_bool(&rest, &flag), FIRN_INVALID);
    assert_int_equal(rest.size, 1);
    rest = firn_bytes(NULL, 0);
    assert_int_equal(firn_key_read_bool(&rest, &flag), FIRN_INVALID);
    assert_int_equal(firn_key_read_text(&rest, out, sizeof out, &size), FIRN_INVALID);
}

/* Whatever a reader takes from random bytes is written as just these bytes. */
static void
what_is_read_of_random_bytes_is_what_is_there(void **state)
{
    struct test_random random;
    test_random_init(&random, __func__, 20261123);
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[24];
        uint8_t memory[64];
        uint8_t text[8];
        size_t text_size;
        uint64_t natural;
        int64_t integer;
        double real;
        bool flag;
        size_t size = test_random_below(&random, sizeof bytes + 1);
        for (size_t i = 0; i < size; i++) {
            static const uint8_t common[] = {0, 0, 1, 0xff, 'a'};
            bytes[i] = common[test_random_below(&random, sizeof common)];
        }
        const firn_slice all = firn_bytes(bytes, size);
        firn_slice rest = all;
        firn_key key = firn_key_in(memory, sizeof memory);
        int rc = FIRN_OK;
        while (rc == FIRN_OK) {
            const size_t before = rest.size;
            switch (test_random_below(&random, 5)) {
            case 0:
                rc = firn_key_read_u64(&rest, &natural);
                if (rc == FIRN_OK) {
                    firn_key_add_u64(&key, natural);
                }
                break;
            case 1:
                rc = firn_key_read_i64(&rest, &integer);
                if (rc == FIRN_OK) {
                    firn_key_add_i64(&key, integer);
                }
                break;
            case 2:
                rc = firn_key_read_bool(&rest, &flag);
                if (rc == FIRN_OK) {
                    firn_key_add_bool(&key, flag);
                }
                break;
            case 3:
                rc = firn_key_read_text(&rest, text, sizeof text, &text_size);
                if (rc == FIRN_OK) {
                    firn_key_add_text(&key, firn_bytes(text, text_size));
                } else if (rc == FIRN_LIMIT) {
                    assert_true(text_size > sizeof text && text_size < before);
                }
                break;
            default: /* of a NaN only one form is written */
                natural = 0;
                rc = firn_key_read_f64(&(firn_slice){rest.data, rest.size}, &real);
                assert_int_equal(rc == FIRN_OK, before >= 8);
                rc = FIRN_OK;
                if (before == 0) {
                    rc = FIRN_INVALID;
                }
                break;
            }
            assert_true(rest.size <= before && (rc == FIRN_OK || rest.size == before));
        }
        assert_true(firn_key_is_valid(&key));
        assert_int_equal(key.size, size - rest.size);
        assert_true(key.size == 0 || memcmp(memory, bytes, key.size) == 0);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(encodings_are_those_of_the_specification),
        cmocka_unit_test(keys_are_ordered_as_their_parts_are),
        cmocka_unit_test(parts_are_read_as_they_were_added),
        cmocka_unit_test(what_does_not_fit_makes_a_key_invalid),
        cmocka_unit_test(what_is_no_part_is_refused),
        cmocka_unit_test(what_is_read_of_random_bytes_is_what_is_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
