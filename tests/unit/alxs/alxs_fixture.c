/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/alxs/alxs_fixture.c: see the header.
 */
#include "unit/alxs/alxs_fixture.h"

#include "base/mem.h"
#include "sim/sim_memory.h"
#include "support/test.h"

const firn_alxs_options alxs_fixture_defaults = FIRN_ALXS_OPTIONS_INIT;
const firn_alxs_writer_options alxs_fixture_writer_defaults = FIRN_ALXS_WRITER_OPTIONS_INIT;

void
alxs_fixture_check(int rc, int expected, const firn_error *err, int line)
{
    if (rc != expected) {
        (void)fprintf(stderr, "line %d: %s, not %s: %s\n", line, firn_code_name(rc),
                      firn_code_name(expected), rc == FIRN_OK || err == NULL ? "" : err->text);
    }
    assert_int_equal(rc, expected);
}

struct fi_os_dir *
alxs_fixture_machine(struct fi_os **out)
{
    firn_error err;
    expect_rc(fi_sim_memory_create(1, out, &err), FIRN_OK, &err);
    return test_os_root(*out);
}

int
alxs_fixture_try_write(struct fi_os_dir *dir, const char *name,
                       const firn_alxs_writer_options *options, const struct alxs_pair *pairs,
                       size_t count, firn_error *err)
{
    int rc = FIRN_OK;
    struct firn_alxs_writer *writer = NULL;
    FI_TRY(fi_alxs_writer_create(dir, name, options, &writer, err));
    for (size_t i = 0; i < count; i++) {
        FI_TRY(fi_alxs_writer_append(writer, pairs[i].key, pairs[i].value, err));
    }
    FI_TRY(fi_alxs_writer_finish(writer, NULL, err));
out:
    fi_alxs_writer_destroy(writer);
    return rc;
}

void
alxs_fixture_write(struct fi_os_dir *dir, const char *name, const struct alxs_pair *pairs,
                   size_t count)
{
    firn_error err;
    expect_rc(alxs_fixture_try_write(dir, name, &alxs_fixture_writer_defaults, pairs, count, &err),
              FIRN_OK, &err);
}

struct firn_alxs *
alxs_fixture_open(struct fi_os_dir *dir, const char *name)
{
    firn_error err;
    struct firn_alxs *table;
    expect_rc(fi_alxs_open(dir, name, &alxs_fixture_defaults, &table, &err), FIRN_OK, &err);
    return table;
}

bool
alxs_fixture_equal(firn_slice a, firn_slice b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

void
alxs_fixture_expect(struct firn_alxs *table, firn_slice key, const firn_slice *value)
{
    firn_error err;
    uint8_t *found = NULL;
    size_t size = 0;
    int rc = fi_alxs_get(table, key, &found, &size, &err);
    expect_rc(rc, value == NULL ? FIRN_NOT_FOUND : FIRN_OK, &err);
    if (value != NULL) {
        assert_non_null(found);
        assert_true(alxs_fixture_equal(firn_bytes(found, size), *value));
    }
    fi_free(found);
}

void
alxs_fixture_expect_at(const struct firn_alxs_cursor *cursor, const struct alxs_pair *pair)
{
    assert_int_equal(fi_alxs_cursor_valid(cursor), pair != NULL);
    firn_slice key = fi_alxs_cursor_key(cursor);
    firn_slice value = fi_alxs_cursor_value(cursor);
    if (pair != NULL) {
        assert_true(alxs_fixture_equal(key, pair->key));
        assert_true(alxs_fixture_equal(value, pair->value));
    } else {
        assert_int_equal(key.size + value.size, 0);
    }
}

void
alxs_fixture_expect_all(struct firn_alxs *table, const struct alxs_pair *pairs, size_t count)
{
    firn_error err;
    struct firn_alxs_cursor *cursor;
    assert_int_equal(table->info.count, count);
    expect_rc(fi_alxs_cursor_open(table, &cursor, &err), FIRN_OK, &err);
    expect_rc(fi_alxs_cursor_first(cursor, &err), FIRN_OK, &err);
    for (size_t i = 0; i < count; i++) {
        alxs_fixture_expect_at(cursor, &pairs[i]);
        expect_rc(fi_alxs_cursor_next(cursor, &err), FIRN_OK, &err);
    }
    alxs_fixture_expect_at(cursor, NULL);
    expect_rc(fi_alxs_cursor_last(cursor, &err), FIRN_OK, &err);
    for (size_t i = count; i-- > 0;) {
        alxs_fixture_expect_at(cursor, &pairs[i]);
        expect_rc(fi_alxs_cursor_prev(cursor, &err), FIRN_OK, &err);
    }
    alxs_fixture_expect_at(cursor, NULL);
    fi_alxs_cursor_close(cursor);
}
