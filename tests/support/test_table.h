/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_table.h: a store with one table "t", in a directory that is removed with it.
 */
#ifndef FIRN_SUPPORT_TEST_TABLE_H
#define FIRN_SUPPORT_TEST_TABLE_H

#include <stdio.h>
#include <unistd.h>

#include "firn/store.h"
#include "firn/table.h"
#include "support/test_ok.h"
#include "support/test_temp.h"

enum { TEST_TABLE_PATH_SIZE = TEST_TEMP_SIZE + 8 };

/* Makes a directory, and in it the store with the table of that definition. */
static inline void
test_table_create(char dir[TEST_TEMP_SIZE], char path[TEST_TABLE_PATH_SIZE], const char *definition,
                  firn_store **out_store, firn_table **out_table)
{
    firn_error err;
    firn_table_def *def;
    test_temp_make(dir, TEST_TEMP_SIZE);
    (void)snprintf(path, TEST_TABLE_PATH_SIZE, "%s/s.firn", dir);
    OK(firn_store_open(path, NULL, out_store, &err));
    OK(firn_table_def_parse(definition, &def, &err));
    OK(firn_table_create(*out_store, "t", def, out_table, &err));
    firn_release(def);
}

/* Closes the store, and removes it with its directory. */
static inline void
test_table_destroy(const char *dir, const char *path, firn_store *store)
{
    firn_error err;
    OK(firn_store_close(store, &err));
    OK(firn_store_destroy(path, &err));
    assert_int_equal(rmdir(dir), 0);
}

#endif
