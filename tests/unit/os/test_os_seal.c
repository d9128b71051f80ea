/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/os: below a directory with a seal a file is made only by a caller that says what its bytes
 * are; the seal ends with the last handle.
 */
#include "os/os_seal.h"
#include "sim/sim_memory.h"
#include "support/test.h"

static firn_error err;
static struct fi_os *os;
static unsigned destroyed;

static void
count_destroyed(struct fi_os_seal *seal)
{
    (void)seal;
    destroyed++;
}

static int
try_make(struct fi_os_dir *dir, const char *name, unsigned flags)
{
    struct fi_os_file *file = NULL;
    int rc = fi_os_file_open(dir, name, FI_OS_WRITE | flags, 0600, &file, &err);
    fi_os_file_close(file);
    return rc;
}

static void
a_file_is_made_only_as_sealed_or_clear(void **state)
{
    const unsigned made[] = {FI_OS_CREATE, FI_OS_CREATE | FI_OS_EXCLUSIVE,
                             FI_OS_CREATE | FI_OS_FOR_OWNER, FI_OS_CREATE | FI_OS_TRUNCATE};
    struct fi_os_seal seal = {.destroy = count_destroyed};
    struct fi_os_dir *top;
    struct fi_os_dir *below;
    struct fi_os_dir *beneath;
    (void)state;
    assert_int_equal(fi_os_dir_open_path(os, "/", &top, &err), FIRN_OK);
    assert_null(fi_os_dir_seal(top));
    assert_int_equal(fi_os_make_dir(top, "d", 0700, &err), FIRN_OK);
    assert_int_equal(try_make(top, "before", FI_OS_CREATE), FIRN_OK);
    assert_int_equal(try_make(top, "said", FI_OS_CREATE | FI_OS_SEALED), FIRN_OK);
    fi_os_dir_set_seal(top, &seal);
    assert_int_equal(fi_os_dir_open(top, "d", &below, &err), FIRN_OK);
    assert_int_equal(fi_os_dir_open_beneath(top, "d", &beneath, &err), FIRN_OK);
    struct fi_os_dir *const dirs[] = {top, below, beneath};
    for (size_t i = 0; i < 3; i++) {
        assert_ptr_equal(fi_os_dir_seal(dirs[i]), &seal);
        for (size_t j = 0; j < sizeof made / sizeof made[0]; j++) {
            char name[16];
            snprintf(name, sizeof name, "f%zu-%zu", i, j);
            assert_int_equal(try_make(dirs[i], name, made[j]), FIRN_INTERNAL);
            assert_non_null(strstr(err.text, name));
            assert_int_equal(try_make(dirs[i], name, 0), FIRN_NOT_FOUND); /* nothing was made */
            assert_int_equal(try_make(dirs[i], name, made[j] | FI_OS_SEALED), FIRN_OK);
            assert_int_equal(try_make(dirs[i], name, 0), FIRN_OK); /* what is there is opened */
            assert_int_equal(fi_os_remove_file(dirs[i], name, &err), FIRN_OK);
            assert_int_equal(try_make(dirs[i], name, made[j] | FI_OS_CLEAR), FIRN_OK);
        }
    }
    assert_int_equal(try_make(top, "before", FI_OS_SEALED), FIRN_INVALID); /* without CREATE */
    fi_os_dir_close(top);
    fi_os_dir_close(below);
    assert_int_equal(destroyed, 0);
    fi_os_dir_close(beneath);
    assert_int_equal(destroyed, 1);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_made_only_as_sealed_or_clear),
    };
    if (fi_sim_memory_create(1, &os, &err) != FIRN_OK) {
        return 1;
    }
    const int failed = cmocka_run_group_tests_name("os_seal", tests, NULL, NULL);
    fi_sim_memory_destroy(os);
    return failed;
}
