/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/storefile: what the list of keyspaces says of each.
 */
#include "base/slice.h"
#include "storefile/storefile_keyspace.h"
#include "support/test.h"
#include "support/test_file.h"

static int
decode(const void *bytes, size_t size, struct fi_storefile_keyspace *out)
{
    const char *what;
    return fi_storefile_keyspace_decode(firn_bytes(bytes, size), out, &what);
}

static void
golden_entries_are_read_and_written(void **state)
{
    static const struct {
        const char *path;
        struct fi_storefile_keyspace entry;
    } cases[] = {
        {"tests/formats/keyspace/keys.entry", {.id = 300}},
        {"tests/formats/keyspace/table.entry",
         {.id = 7, .type = FI_STOREFILE_KEYSPACE_TABLE, .schema = 1000}},
        {"tests/formats/keyspace/others.entry",
         {.id = 7,
          .type = FI_STOREFILE_KEYSPACE_TABLE,
          .schema = 2,
          .others = {(const uint8_t *)"\x04\x00\xac\x02\x03xyz", 8}}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fi_buf bytes = {0};
        struct fi_buf again = {0};
        struct fi_storefile_keyspace found;
        assert_int_equal(fi_storefile_keyspace_encode(&cases[i].entry, &bytes), FIRN_OK);
        test_file_compare_golden(cases[i].path, fi_buf_slice(&bytes));
        assert_int_equal(decode(bytes.data, bytes.size, &found), FIRN_OK);
        assert_int_equal(found.id, cases[i].entry.id);
        assert_int_equal(found.type, cases[i].entry.type);
        assert_int_equal(found.schema, cases[i].entry.schema);
        assert_true(fi_slice_equal(found.others, cases[i].entry.others));
        /* What is not known here stays when something else changes. */
        found.schema++;
        assert_int_equal(fi_storefile_keyspace_encode(&found, &again), FIRN_OK);
        found.schema--;
        assert_int_equal(fi_storefile_keyspace_encode(&found, &again), FIRN_OK);
        assert_true(fi_slice_equal(fi_buf_slice(&again), fi_buf_slice(&bytes)));
        fi_buf_deinit(&again);
        fi_buf_deinit(&bytes);
    }
}

static void
what_must_be_understood_is_newer_and_the_rest_is_damage(void **state)
{
    static const struct {
        const char *bytes;
        size_t size;
        int rc;
    } cases[] = {
        {"", 0, FIRN_CORRUPT},
        {"\x80\x00", 2, FIRN_CORRUPT},                     /* not the shortest form */
        {"\xff\xff\xff\xff\x1f", 5, FIRN_CORRUPT},         /* beyond 32 bits */
        {"\x07\x05\x00", 3, FIRN_NEWER},                   /* an odd tag */
        {"\x07\x04\x00\x09\x01!", 6, FIRN_NEWER},          /* after an even one */
        {"\x07\x01\x01\x02", 4, FIRN_NEWER},               /* a type */
        {"\x07\x01\x01\x00", 4, FIRN_CORRUPT},             /* said for nothing */
        {"\x07\x01\x00", 3, FIRN_CORRUPT},                 /* no number */
        {"\x07\x01\x02\x01\x01", 5, FIRN_CORRUPT},         /* and more */
        {"\x07\x03\x01\x00", 4, FIRN_CORRUPT},             /* no schema */
        {"\x07\x03\x01\x05", 4, FIRN_CORRUPT},             /* a schema without a type */
        {"\x07\x03\x01\x05\x04\x00", 6, FIRN_CORRUPT},     /* the same, and more */
        {"\x07\x02\x00", 3, FIRN_CORRUPT},                 /* not used */
        {"\x07\x00\x00", 3, FIRN_CORRUPT},                 /* no tag */
        {"\x07\x04", 2, FIRN_CORRUPT},                     /* no size */
        {"\x07\x04\x02!", 4, FIRN_CORRUPT},                /* too short */
        {"\x07\x04\x00\x04\x00", 5, FIRN_CORRUPT},         /* twice */
        {"\x07\x03\x01\x01\x01\x01\x01", 7, FIRN_CORRUPT}, /* not in order */
        {"\x07\x01\x01\x01\x03\x01\x05\x04\x00", 9, FIRN_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fi_storefile_keyspace entry;
        const char *what = NULL;
        int rc =
            fi_storefile_keyspace_decode(firn_bytes(cases[i].bytes, cases[i].size), &entry, &what);
        assert_int_equal(rc, cases[i].rc);
        assert_non_null(what);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_entries_are_read_and_written),
        cmocka_unit_test(what_must_be_understood_is_newer_and_the_rest_is_damage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
