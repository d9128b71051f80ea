/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/test_cli_sqlitefile.c: where copies of SQLite databases lie: in memory if a store is encrypted, as far as there is room for
 * them.
 */
#include <ftw.h>
#include <stdlib.h>
#include <unistd.h>

#include "sqlitefile/sqlitefile.h"
#include "support/test.h"
#include "support/test_temp.h"

static firn_error err;

static void
make_store(const char *path, firn_cipher cipher)
{
    firn_store *store;
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    options.cipher = cipher;
    assert_int_equal(firn_store_open(path, &options, &store, &err), FIRN_OK);
    assert_int_equal(firn_store_close(store, &err), FIRN_OK);
}

static int
remove_one(const char *path, const struct stat *stat, int kind, struct FTW *walk)
{
    (void)stat;
    (void)kind;
    (void)walk;
    return remove(path);
}

static void
copies_of_an_encrypted_store_are_in_memory(void **state)
{
    char place[TEST_TEMP_SIZE];
    char path[TEST_TEMP_SIZE + 16];
    (void)state;
    test_temp_make(place, sizeof place);
    assert_int_equal(setenv("TMPDIR", place, 1), 0);
    assert_int_equal(setenv("XDG_RUNTIME_DIR", "relative", 1), 0);
    (void)snprintf(path, sizeof path, "%s/key", place);
    FILE *key = fopen(path, "w");
    assert_non_null(key);
    assert_true(fprintf(key, "%040d", 7) == 40 && fclose(key) == 0);
    assert_int_equal(setenv("FIRN_KEY_FILE", path, 1), 0);

    assert_string_equal(fi_sqlitefile_place_for(1000), place);
    fi_sqlitefile_hide_for(place); /* no store */
    (void)snprintf(path, sizeof path, "%s/clear", place);
    make_store(path, FIRN_CIPHER_NONE);
    fi_sqlitefile_hide_for(path);
    assert_string_equal(fi_sqlitefile_place_for(1000), place);

    (void)snprintf(path, sizeof path, "%s/sealed", place);
    make_store(path, FIRN_CIPHER_AUTOMATIC);
    fi_sqlitefile_hide_for(path);
    const char *found = fi_sqlitefile_place_for(1000);
    assert_true(strcmp(found, place) == 0 || strcmp(found, "/dev/shm") == 0);
    assert_string_equal(fi_sqlitefile_place(), place);
    assert_string_equal(fi_sqlitefile_place_for((uint64_t)FI_SQLITEFILE_HIDDEN_MAX + 1), place);
    /* The others stay hidden. */
    (void)snprintf(path, sizeof path, "%s/clear", place);
    fi_sqlitefile_hide_for(path);
    assert_string_equal(fi_sqlitefile_place_for(1000), found);

    char runtime[] = "/dev/shm/firn-test-XXXXXX";
    if (strcmp(found, place) != 0 && mkdtemp(runtime) != NULL) {
        assert_int_equal(setenv("XDG_RUNTIME_DIR", runtime, 1), 0);
        assert_string_equal(fi_sqlitefile_place_for(1000), runtime);
        assert_int_equal(rmdir(runtime), 0);
        assert_string_equal(fi_sqlitefile_place_for(1000), found);
    }
    assert_int_equal(nftw(place, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_of_an_encrypted_store_are_in_memory),
    };
    return cmocka_run_group_tests_name("cli_sqlitefile", tests, NULL, NULL);
}
