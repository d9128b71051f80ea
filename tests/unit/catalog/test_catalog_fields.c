/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/catalog: the list of a checkpoint's fields has every member of it, each once, as its kind says, and each
 * has a place of its own.
 */
#include "catalog/catalog_fields.h"
#include "support/test.h"

static const struct fi_catalog_field fields[] = {FI_CATALOG_FIELDS(FI_CATALOG_FIELD_ROW)};
static const struct fi_catalog_field places[] = {FI_CATALOG_FIELDS(FI_CATALOG_FIELD_PLACE)};
enum { COUNT = sizeof fields / sizeof fields[0] };

#define SIZE_OF(name, object, key, kind, member, place) \
    sizeof(((firn_workspace_checkpoint *)NULL)->member),
static const size_t sizes[] = {FI_CATALOG_FIELDS(SIZE_OF)};

/* The bytes of a member that is no field. */
static void
list(unsigned char *listed, size_t offset, size_t size)
{
    for (size_t at = 0; at < size; at++) {
        assert_int_equal(listed[offset + at]++, 0);
    }
}

static void
every_member_is_listed(void **state)
{
    (void)state;
    enum { ALIGNMENT = _Alignof(firn_workspace_checkpoint) };
    unsigned char listed[sizeof(firn_workspace_checkpoint)] = {0};
    for (size_t i = 0; i < COUNT; i++) {
        list(listed, fields[i].offset, sizes[i]);
    }
#define LIST(member)                                          \
    list(listed, offsetof(firn_workspace_checkpoint, member), \
         sizeof(((firn_workspace_checkpoint *)NULL)->member));
    FI_CATALOG_FIELDS_APART(LIST)
#undef LIST
    /* What is left is padding: less than an alignment, and up to a multiple of it. */
    size_t left = 0;
    for (size_t at = 0; at < sizeof listed; at++) {
        left = listed[at] == 0 ? left + 1 : 0;
        assert_true(left < ALIGNMENT);
        assert_true(left == 0 || listed[at - at % ALIGNMENT] == 1);
    }
}

static void
kinds_are_those_of_the_members(void **state)
{
    (void)state;
    static const size_t of_kind[] = {
        [FI_CATALOG_FIELD_NUMBER] = sizeof(uint64_t), [FI_CATALOG_FIELD_COUNT] = sizeof(uint64_t),
        [FI_CATALOG_FIELD_BOOL] = sizeof(bool),       [FI_CATALOG_FIELD_TIME] = sizeof(int64_t),
        [FI_CATALOG_FIELD_TEXT] = sizeof(firn_slice), [FI_CATALOG_FIELD_HASH] = sizeof(firn_hash),
    };
    for (size_t i = 0; i < COUNT; i++) {
        if (fields[i].kind == FI_CATALOG_FIELD_ID || fields[i].kind == FI_CATALOG_FIELD_NAME) {
            assert_true(sizes[i] > sizeof(firn_hash));
        } else {
            assert_int_equal(sizes[i], of_kind[fields[i].kind]);
        }
    }
}

static void
every_field_has_a_place_and_stands_with_its_object(void **state)
{
    (void)state;
    assert_int_equal(sizeof places / sizeof places[0], COUNT);
    bool has_begun[FI_CATALOG_FIELD_OF_GIT + 1] = {false};
    for (size_t i = 0; i < COUNT; i++) {
        assert_non_null(places[i].name);
        if (i > 0 && fields[i].object != fields[i - 1].object && fields[i].object != 0) {
            assert_false(has_begun[fields[i].object]);
            has_begun[fields[i].object] = true;
        }
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_member_is_listed),
        cmocka_unit_test(kinds_are_those_of_the_members),
        cmocka_unit_test(every_field_has_a_place_and_stands_with_its_object),
    };
    return cmocka_run_group_tests_name("catalog_fields", tests, NULL, NULL);
}
