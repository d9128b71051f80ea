/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/scan: names of a directory: in order, each once.
 */
#include "base/slice.h"
#include "scan/scan_internal.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_random.h"

static firn_slice
name_at(const struct fi_scan_listing *listing, size_t i)
{
    return firn_bytes(listing->items[i].name.text, listing->items[i].name_size);
}

static void
names_come_out_in_byte_order_each_once(void **state)
{
    struct test_random random;
    test_random_init(&random, "names_come_out_in_byte_order_each_once", 7);
    struct fi_scan_listing listing = {0};
    for (unsigned round = 0; round < 200; round++) {
        size_t added = (size_t)test_random_below(&random, 60);
        fi_scan_listing_clear(&listing);
        for (size_t i = 0; i < added; i++) {
            /* Few letters, so that names repeat and are prefixes of each other. */
            uint8_t name[4];
            size_t size = 1 + (size_t)test_random_below(&random, 4);
            for (size_t j = 0; j < size; j++) {
                name[j] = (uint8_t)(0xfe + test_random_below(&random, 2));
            }
            assert_int_equal(fi_scan_listing_add(&listing, firn_bytes(name, size), FI_OS_FILE),
                             FIRN_OK);
        }
        fi_scan_listing_sort(&listing);
        assert_true(listing.count <= added && (listing.count > 0) == (added > 0));
        for (size_t i = 1; i < listing.count; i++) {
            assert_true(fi_slice_compare(name_at(&listing, i - 1), name_at(&listing, i)) < 0);
        }
        for (size_t i = 0; i < listing.count; i++) {
            assert_int_equal(listing.items[i].name.text[listing.items[i].name_size], '\0');
        }
    }
    fi_scan_listing_deinit(&listing);
}

static void
of_repeated_names_all_different_ones_stay(void **state)
{
    static const char *const names[] = {"b", "a", "b", "c", "a", "a", "aa", ""};
    static const char *const expected[] = {"", "a", "aa", "b", "c"};
    struct fi_scan_listing listing = {0};
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(fi_scan_listing_add(&listing, firn_str(names[i]), FI_OS_DIR), FIRN_OK);
    }
    fi_scan_listing_sort(&listing);
    assert_int_equal(listing.count, 5);
    for (size_t i = 0; i < 5; i++) {
        assert_string_equal(listing.items[i].name.text, expected[i]);
        assert_int_equal(listing.items[i].kind, FI_OS_DIR);
    }
    fi_scan_listing_deinit(&listing);
}

static void
a_name_without_end_is_cut_and_still_too_long_for_a_tree(void **state)
{
    enum { SIZE = 70000 };
    char *name = malloc(SIZE);
    struct fi_scan_listing listing = {0};
    memset(name, 'x', SIZE);
    assert_int_equal(fi_scan_listing_add(&listing, firn_bytes(name, SIZE), FI_OS_FILE), FIRN_OK);
    fi_scan_listing_sort(&listing);
    assert_int_equal(listing.items[0].name_size, UINT16_MAX);
    assert_false(fi_tree_name_is_valid(name_at(&listing, 0)));
    fi_scan_listing_deinit(&listing);
    free(name);
}

static void
a_failed_allocation_loses_no_name(void **state)
{
    test_alloc_install();
    struct fi_scan_listing listing = {0};
    uint64_t failed = 0;
    for (unsigned i = 0; i < 1000; i++) {
        char name[8] = {(char)('a' + i % 26), (char)('a' + i / 26 % 26), (char)('a' + i / 676)};
        test_alloc_fail_at(1, false);
        int rc = fi_scan_listing_add(&listing, firn_str(name), FI_OS_FILE);
        test_alloc_fail_at(0, false);
        if (rc != FIRN_OK) {
            failed++;
            assert_int_equal(rc, FIRN_NO_MEMORY);
            i--; /* it may be added again; the one memory that failed is asked for again */
            assert_int_equal(fi_scan_listing_add(&listing, firn_str("again"), FI_OS_FILE), FIRN_OK);
        }
    }
    assert_true(failed > 0);
    fi_scan_listing_sort(&listing);
    assert_int_equal(listing.count, 1001);
    fi_scan_listing_deinit(&listing);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_come_out_in_byte_order_each_once),
        cmocka_unit_test(of_repeated_names_all_different_ones_stay),
        cmocka_unit_test(a_name_without_end_is_cut_and_still_too_long_for_a_tree),
        cmocka_unit_test(a_failed_allocation_loses_no_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
