/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/posix: secrets in the kernel's session keyring: read back, shared with children, timed out, wiped, and refused
 * where there is no keyring. Each test has a session of its own, which ends with the process.
 */
#include <errno.h>
#include <linux/keyctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "os/os_secret.h"
#include "posix/os_default.h"
#include "posix/os_keyring.h"
#include "sim/sim_memory.h"
#include "support/test_alloc.h"
#include "support/test_ok.h"
#include "support/test_os.h"

static firn_error err;
static void *secret; /* memory for secrets, of 64 bytes */

static void
begin_session(void)
{
    assert_true(syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) > 0);
}

/* Prints why there are none. */
static bool
has_keyrings(void)
{
    bool has = syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0) > 0 &&
               fi_os_keyring_put(fi_os_default(), "firn-test", firn_str("x"), 60, &err) == FIRN_OK;
    if (!has) {
        printf("SKIPPED: session keyring: %s\n", err.text[0] != '\0' ? err.text : strerror(errno));
    }
    return has;
}

/* The key's text, or the code of the failure. */
static int
get(const char *name, size_t *out_size)
{
    return fi_os_keyring_get(fi_os_default(), name, secret, 64, out_size, &err);
}

static void
put(const char *name, const char *text)
{
    OK(fi_os_keyring_put(fi_os_default(), name, firn_str(text), 60, &err));
}

static void
what_is_kept_is_read_back(void **state)
{
    struct fi_os *os = fi_os_default();
    size_t size = 7;
    (void)state;
    begin_session();
    FAILS(get("firn-test:a", &size), FIRN_NOT_FOUND, "no key 'firn-test:a'");
    assert_int_equal(size, 0);
    put("firn-test:a", "first");
    put("firn-test:b", "other");
    OK(get("firn-test:a", &size));
    assert_int_equal(size, 5);
    assert_memory_equal(secret, "first", 5);
    put("firn-test:a", "again!");
    OK(get("firn-test:a", &size));
    assert_int_equal(size, 6);
    assert_memory_equal(secret, "again!", 6);
    FAILS(fi_os_keyring_get(os, "firn-test:a", secret, 5, &size, &err), FIRN_LIMIT, "has 6 bytes");
    assert_int_equal(size, 0);
    OK(fi_os_keyring_remove(os, "firn-test:a", &err));
    FAILS(get("firn-test:a", &size), FIRN_NOT_FOUND, "no key");
    FAILS(fi_os_keyring_remove(os, "firn-test:a", &err), FIRN_NOT_FOUND, "no key");
    OK(get("firn-test:b", &size));
    put("firn-test:a", "new");
    OK(get("firn-test:a", &size));
    assert_int_equal(size, 3);
}

static void
nobody_but_a_possessor_may_anything(void **state)
{
    char description[256];
    (void)state;
    begin_session();
    put("firn-test:a", "first");
    long key =
        syscall(SYS_keyctl, KEYCTL_SEARCH, KEY_SPEC_SESSION_KEYRING, "user", "firn-test:a", 0);
    assert_true(key > 0);
    assert_true(syscall(SYS_keyctl, KEYCTL_DESCRIBE, key, description, sizeof description, 0) > 0);
    assert_non_null(strstr(description, ";3f000000;"));
}

static void
time_is_limited(void **state)
{
    size_t size;
    (void)state;
    begin_session();
    OK(fi_os_keyring_put(fi_os_default(), "firn-test:a", firn_str("x"), 1, &err));
    OK(get("firn-test:a", &size));
    int rc = FIRN_OK;
    for (unsigned i = 0; i < 100 && rc == FIRN_OK; i++) {
        const struct timespec tenth = {0, 100000000};
        (void)nanosleep(&tenth, NULL);
        rc = get("firn-test:a", &size);
    }
    assert_int_equal(rc, FIRN_NOT_FOUND);
    put("firn-test:a", "again"); /* in place of one that has expired */
    OK(get("firn-test:a", &size));
}

static void
only_names_that_begin_so_are_removed(void **state)
{
    size_t size;
    size_t count;
    (void)state;
    begin_session();
    OK(fi_os_keyring_remove_all(fi_os_default(), "firn-test:", &count, &err));
    assert_int_equal(count, 0);
    put("firn-test:a", "1");
    put("firn-test:b", "2");
    put("firn-text", "3");
    put("a firn-test:c", "4");
    OK(fi_os_keyring_remove_all(fi_os_default(), "firn-test:", &count, &err));
    assert_int_equal(count, 2);
    FAILS(get("firn-test:a", &size), FIRN_NOT_FOUND, "no key");
    FAILS(get("firn-test:b", &size), FIRN_NOT_FOUND, "no key");
    OK(get("firn-text", &size));
    OK(get("a firn-test:c", &size));
    test_alloc_install();
    test_alloc_fail_at(1, true);
    int rc = fi_os_keyring_remove_all(fi_os_default(), "firn-test:", &count, &err);
    test_alloc_uninstall();
    assert_int_equal(rc, FIRN_NO_MEMORY);
}

/* A session of its own has nothing of another one; a child is of the same session. */
static void
a_session_keeps_its_own(void **state)
{
    size_t size;
    int status;
    (void)state;
    begin_session();
    put("firn-test:a", "first");
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        void *own;
        int failed =
            fi_os_secret_allocate(64, &own, &err) != FIRN_OK ||
            fi_os_keyring_get(fi_os_default(), "firn-test:a", own, 64, &size, &err) != FIRN_OK ||
            memcmp(own, "first", 5) != 0;
        (void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0);
        failed |= fi_os_keyring_get(fi_os_default(), "firn-test:a", own, 64, &size, &err) !=
                          FIRN_NOT_FOUND
                      ? 2
                      : 0;
        _exit(failed);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ==== where there is none ==== */

/* In a child, since a refusal stays. 0: as it should be; 3: it could not be tried. */
static int
try_refused(int system_call, int error_number, int wanted)
{
    struct fi_os *os = fi_os_default();
    size_t size;
    if (!test_os_refuse(system_call, error_number)) {
        return 3;
    }
    if (fi_os_keyring_put(os, "firn-test:a", firn_str("x"), 60, &err) != wanted) {
        return 1;
    }
    return system_call == SYS_keyctl &&
           (fi_os_keyring_get(os, "firn-test:a", secret, 64, &size, &err) != wanted ||
            fi_os_keyring_remove(os, "firn-test:a", &err) != wanted ||
            fi_os_keyring_remove_all(os, "firn-test:", &size, &err) != wanted);
}

static void
a_kernel_that_refuses_is_told_apart(void **state)
{
    static const struct {
        int system_call;
        int error_number;
        int wanted;
    } refusals[] = {{SYS_keyctl, ENOSYS, FIRN_UNSUPPORTED},
                    {SYS_keyctl, EPERM, FIRN_UNSUPPORTED},
                    {SYS_keyctl, EACCES, FIRN_UNSUPPORTED},
                    {SYS_keyctl, EKEYREVOKED, FIRN_UNSUPPORTED},
                    {SYS_keyctl, EIO, FIRN_IO},
                    {SYS_add_key, ENOSYS, FIRN_UNSUPPORTED},
                    {SYS_add_key, EPERM, FIRN_UNSUPPORTED}};
    (void)state;
    for (size_t i = 0; i < sizeof refusals / sizeof refusals[0]; i++) {
        int status;
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            _exit(
                try_refused(refusals[i].system_call, refusals[i].error_number, refusals[i].wanted));
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFEXITED(status));
        if (WEXITSTATUS(status) == 3) {
            puts("SKIPPED: keyrings that the kernel refuses: system calls cannot be made to fail "
                 "here");
            return;
        }
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

static void
simulated_machines_have_none(void **state)
{
    struct fi_os *os;
    size_t size;
    (void)state;
    OK(fi_sim_memory_create(1, &os, &err));
    FAILS(fi_os_keyring_put(os, "a", firn_str("x"), 60, &err), FIRN_UNSUPPORTED, "no keyrings");
    FAILS(fi_os_keyring_get(os, "a", secret, 64, &size, &err), FIRN_UNSUPPORTED, "no keyrings");
    FAILS(fi_os_keyring_remove(os, "a", &err), FIRN_UNSUPPORTED, "no keyrings");
    FAILS(fi_os_keyring_remove_all(os, "a", &size, &err), FIRN_UNSUPPORTED, "no keyrings");
    fi_sim_memory_destroy(os);
}

int
main(void)
{
    const struct CMUnitTest with_keyring[] = {
        cmocka_unit_test(what_is_kept_is_read_back),
        cmocka_unit_test(nobody_but_a_possessor_may_anything),
        cmocka_unit_test(time_is_limited),
        cmocka_unit_test(only_names_that_begin_so_are_removed),
        cmocka_unit_test(a_session_keeps_its_own),
    };
    const struct CMUnitTest without[] = {
        cmocka_unit_test(a_kernel_that_refuses_is_told_apart),
        cmocka_unit_test(simulated_machines_have_none),
    };
    if (fi_os_secret_allocate(64, &secret, &err) != FIRN_OK) {
        return 1;
    }
    int failed = cmocka_run_group_tests_name("os_keyring: refused", without, NULL, NULL);
    if (has_keyrings()) {
        failed += cmocka_run_group_tests_name("os_keyring", with_keyring, NULL, NULL);
    }
    fi_os_secret_free(secret);
    return failed;
}
