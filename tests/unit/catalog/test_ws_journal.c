/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/catalog: entries of the journal of restores: what is written is read back; what is cut,
 * longer, or of a later version is refused; and which checkpoints an entry needs.
 */
#include "base/slice.h"
#include "catalog/catalog_journal.h"
#include "sim/sim_memory.h"
#include "store/db.h"
#include "support/test.h"

static const struct fi_catalog_journal EXAMPLE = {
    .state = FI_CATALOG_JOURNAL_PREPARED,
    .kind = FI_CATALOG_JOURNAL_REDO,
    .tag = {1, 2, 3, 4, 5, 6, 7, 8},
    .safety = {0x11},
    .before = {0x22},
    .target = {0x33},
};

static void
encode(const struct fi_catalog_journal *journal, struct fi_buf *out)
{
    assert_int_equal(fi_catalog_journal_encode(journal, out), FIRN_OK);
}

static int
decode(firn_slice bytes)
{
    struct fi_catalog_journal journal = {0};
    firn_error err;
    int rc = fi_catalog_journal_decode(bytes, &journal, &err);
    fi_catalog_journal_deinit(&journal);
    return rc;
}

static void
an_entry_comes_back_as_it_was_written(void **state)
{
    const firn_slice paths[] = {firn_str("src"), firn_bytes("\xff\n", 2)};
    struct fi_catalog_journal previous = EXAMPLE;
    struct fi_catalog_journal journal = EXAMPLE;
    struct fi_catalog_journal found = {0};
    struct fi_buf old = {0};
    struct fi_buf bytes = {0};
    previous.state = FI_CATALOG_JOURNAL_DONE;
    encode(&previous, &old);
    journal.paths = paths;
    journal.path_count = 2;
    journal.previous = fi_buf_slice(&old);
    encode(&journal, &bytes);
    assert_int_equal(fi_catalog_journal_decode(fi_buf_slice(&bytes), &found, NULL), FIRN_OK);
    assert_int_equal(found.state, journal.state);
    assert_int_equal(found.kind, FI_CATALOG_JOURNAL_REDO);
    assert_memory_equal(found.tag, journal.tag, sizeof found.tag);
    assert_memory_equal(found.safety, journal.safety, sizeof found.safety);
    assert_memory_equal(found.before, journal.before, sizeof found.before);
    assert_memory_equal(found.target, journal.target, sizeof found.target);
    assert_int_equal(found.path_count, 2);
    assert_true(fi_slice_equal(found.paths[0], paths[0]));
    assert_true(fi_slice_equal(found.paths[1], paths[1]));
    assert_true(fi_slice_equal(found.previous, journal.previous));
    fi_catalog_journal_deinit(&found);
    for (size_t size = 0; size < bytes.size; size++) {
        assert_int_equal(decode(firn_bytes(bytes.data, size)), FIRN_CORRUPT);
    }
    assert_int_equal(fi_buf_append_u8(&bytes, 0), FIRN_OK);
    assert_int_equal(decode(fi_buf_slice(&bytes)), FIRN_CORRUPT);
    fi_buf_deinit(&bytes);
    fi_buf_deinit(&old);
}

static void
a_revert_is_neither_an_undo_nor_a_redo(void **state)
{
    struct fi_catalog_journal journal = EXAMPLE;
    struct fi_catalog_journal found = {0};
    struct fi_buf bytes = {0};
    journal.kind = FI_CATALOG_JOURNAL_REVERT;
    encode(&journal, &bytes);
    assert_int_equal(fi_catalog_journal_decode(fi_buf_slice(&bytes), &found, NULL), FIRN_OK);
    assert_int_equal(found.kind, FI_CATALOG_JOURNAL_REVERT);
    fi_catalog_journal_deinit(&found);
    for (uint8_t flags = 0; flags < 16; flags++) {
        bool is_sound = (flags & 1) != 0 ? (flags & 8) == 0 : (flags & 4) == 0;
        bytes.data[2] = flags;
        assert_int_equal(decode(fi_buf_slice(&bytes)), is_sound ? FIRN_OK : FIRN_CORRUPT);
    }
    fi_buf_deinit(&bytes);
}

static void
what_a_later_version_writes_is_refused_as_newer(void **state)
{
    const struct {
        size_t at;
        uint8_t value;
    } changes[] = {{0, 2}, {1, 0}, {1, 4}, {2, 16}};
    struct fi_buf bytes = {0};
    encode(&EXAMPLE, &bytes);
    for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        uint8_t kept = bytes.data[changes[i].at];
        bytes.data[changes[i].at] = changes[i].value;
        assert_int_equal(decode(fi_buf_slice(&bytes)), FIRN_NEWER);
        bytes.data[changes[i].at] = kept;
    }
    bytes.data[bytes.size - 1] = 5; /* the end: a field of a later version */
    assert_int_equal(decode(fi_buf_slice(&bytes)), FIRN_NEWER);
    fi_buf_deinit(&bytes);
}

static void
a_count_that_lies_is_refused_without_the_memory_for_it(void **state)
{
    struct fi_buf bytes = {0};
    encode(&EXAMPLE, &bytes);
    bytes.size -= 3; /* no paths, no previous, the end */
    assert_int_equal(fi_buf_append_varint(&bytes, 1 << 20), FIRN_OK);
    assert_int_equal(decode(fi_buf_slice(&bytes)), FIRN_CORRUPT);
    fi_buf_deinit(&bytes);
}

static bool
needs(struct firn_db *db, uint8_t first_byte)
{
    const uint8_t id[FI_CATALOG_RECORD_ID_SIZE] = {first_byte};
    bool is_needed;
    assert_int_equal(fi_catalog_journal_needs(db, 7, id, &is_needed, NULL), FIRN_OK);
    return is_needed;
}

static void
an_entry_needs_what_an_undo_and_a_recovery_need(void **state)
{
    const struct fi_db_options options = {.create_if_missing = true};
    struct fi_os *os;
    struct firn_db *db;
    assert_int_equal(fi_sim_memory_create(1, &os, NULL), FIRN_OK);
    assert_int_equal(fi_db_path_open(os, "/s", &options, &db, NULL), FIRN_OK);
    assert_false(needs(db, 0x11));
    struct fi_catalog_journal journal = EXAMPLE;
    journal.state = FI_CATALOG_JOURNAL_DONE;
    assert_int_equal(fi_catalog_journal_write(db, 7, &journal, NULL), FIRN_OK);
    assert_true(needs(db, 0x11));
    assert_false(needs(db, 0x22));
    assert_false(needs(db, 0x33));
    struct fi_buf previous = {0};
    encode(&journal, &previous);
    struct fi_catalog_journal next = {
        .state = FI_CATALOG_JOURNAL_PREPARED, .safety = {1}, .before = {2}, .target = {3}};
    next.previous = fi_buf_slice(&previous);
    assert_int_equal(fi_catalog_journal_write(db, 7, &next, NULL), FIRN_OK);
    assert_true(needs(db, 1) && needs(db, 2) && needs(db, 3));
    assert_true(needs(db, 0x11)); /* if it comes to nothing */
    assert_false(needs(db, 0x22));
    assert_int_equal(fi_catalog_journal_write_bytes(db, 7, firn_bytes(NULL, 0), NULL), FIRN_OK);
    assert_false(needs(db, 1));
    fi_buf_deinit(&previous);
    assert_int_equal(fi_db_close(db, NULL), FIRN_OK);
    fi_sim_memory_destroy(os);
}

static void
more_paths_than_can_be_read_are_refused(void **state)
{
    enum { MOST = 1 << 20, LONG = 4000 };
    firn_error err;
    struct fi_buf bytes = {0};
    struct fi_catalog_journal journal = EXAMPLE;
    static char name[LONG];
    firn_slice *paths = calloc(MOST + 1, sizeof *paths);
    assert_non_null(paths);
    for (size_t i = 0; i <= MOST; i++) {
        paths[i] = firn_str("a");
    }
    journal.paths = paths;
    journal.path_count = MOST;
    encode(&journal, &bytes);
    assert_int_equal(decode(fi_buf_slice(&bytes)), FIRN_OK);
    journal.path_count = MOST + 1;
    assert_int_equal(fi_catalog_journal_encode(&journal, &bytes), FIRN_LIMIT);
    assert_int_equal(fi_catalog_journal_encode_error(FIRN_LIMIT, &err), FIRN_LIMIT);
    assert_non_null(strstr(err.text, "at most 1048576"));
    /* Few, but long. */
    memset(name, 'n', sizeof name);
    for (size_t i = 0; i <= MOST; i++) {
        paths[i] = firn_bytes(name, sizeof name);
    }
    journal.path_count = ((size_t)64 << 20) / LONG;
    fi_buf_clear(&bytes);
    assert_int_equal(fi_catalog_journal_encode(&journal, &bytes), FIRN_LIMIT);
    fi_buf_deinit(&bytes);
    free(paths);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_entry_comes_back_as_it_was_written),
        cmocka_unit_test(a_revert_is_neither_an_undo_nor_a_redo),
        cmocka_unit_test(what_a_later_version_writes_is_refused_as_newer),
        cmocka_unit_test(a_count_that_lies_is_refused_without_the_memory_for_it),
        cmocka_unit_test(an_entry_needs_what_an_undo_and_a_recovery_need),
        cmocka_unit_test(more_paths_than_can_be_read_are_refused),
    };
    return cmocka_run_group_tests_name("ws_journal", tests, NULL, NULL);
}
