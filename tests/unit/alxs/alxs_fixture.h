/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/alxs/alxs_fixture.h: tables, written and read whole, on any machine.
 */
#ifndef FIRN_TEST_ALXS_FIXTURE_H
#define FIRN_TEST_ALXS_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alxs/alxs.h"
#include "base/buf.h"
#include "support/test_os.h"
#include "support/test_random.h"

/* Everything at its default. */
extern const firn_alxs_options alxs_fixture_defaults;
extern const firn_alxs_writer_options alxs_fixture_writer_defaults;

struct alxs_pair {
    firn_slice key;
    firn_slice value;
};

/* Writes a table with defaults. Passes failures on. */
int alxs_fixture_try_write(struct fi_os_dir *dir, const char *name,
                           const firn_alxs_writer_options *options, const struct alxs_pair *pairs,
                           size_t count, firn_error *err);
void alxs_fixture_write(struct fi_os_dir *dir, const char *name, const struct alxs_pair *pairs,
                        size_t count);
/* Opens with defaults; fails the test if that fails. */
struct firn_alxs *alxs_fixture_open(struct fi_os_dir *dir, const char *name);

/* Fails the test unless the key has this value; NULL: unless it is not there. */
void alxs_fixture_expect(struct firn_alxs *table, firn_slice key, const firn_slice *value);
/* Fails the test unless the cursor is at a record like this; NULL: unless it is nowhere. */
void alxs_fixture_expect_at(const struct firn_alxs_cursor *cursor, const struct alxs_pair *pair);
/* Walks the whole table in both directions. */
void alxs_fixture_expect_all(struct firn_alxs *table, const struct alxs_pair *pairs, size_t count);

bool alxs_fixture_equal(firn_slice a, firn_slice b);

/* A machine in memory and its root. */
struct fi_os_dir *alxs_fixture_machine(struct fi_os **out);

/* Fails the test, with the error's text, unless rc is what is expected. */
void alxs_fixture_check(int rc, int expected, const firn_error *err, int line);
#define expect_rc(expression, code, err) alxs_fixture_check((expression), (code), (err), __LINE__)

#endif
