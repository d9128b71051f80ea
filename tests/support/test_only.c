/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_only.c: FIRN_TEST_ONLY=PATTERN runs only those functions of a test program whose names match, with * and ?; where none
 * does, the program fails. It is part of every program of firn_test (cmake/FirnBuild.cmake).
 *
 * The library runs nothing, and succeeds, where its filter lets nothing through. So a group goes through a function of ours, which
 * looks for a match and hands it on to the library's.
 */
#include <dlfcn.h>
#include <fnmatch.h>
#include <unistd.h>

#include "support/test.h"

typedef int run_group(const char *name, const struct CMUnitTest *tests, size_t count,
                      CMFixtureFunction setup, CMFixtureFunction teardown);

static bool has_match;

static void
fail_without_match(void)
{
    if (!has_match) {
        (void)fprintf(stderr, "FIRN_TEST_ONLY: no function matches %s\n", getenv("FIRN_TEST_ONLY"));
        (void)fflush(NULL);
        _exit(1);
    }
}

__attribute__((constructor)) static void
choose_tests(void)
{
    const char *pattern = getenv("FIRN_TEST_ONLY");
    cmocka_set_test_filter(pattern);
    if (pattern != NULL && atexit(fail_without_match) != 0) {
        abort();
    }
}

/* As cmocka.h has it; the macros that run groups call it. */
__attribute__((visibility("default"))) int
_cmocka_run_group_tests(const char *name, const struct CMUnitTest *tests, size_t count,
                        CMFixtureFunction setup, CMFixtureFunction teardown)
{
    const char *pattern = getenv("FIRN_TEST_ONLY");
    run_group *next = NULL;
    *(void **)&next = dlsym(RTLD_NEXT, "_cmocka_run_group_tests");
    for (size_t i = 0; i < count && pattern != NULL; i++) {
        has_match = has_match || fnmatch(pattern, tests[i].name, 0) == 0;
    }
    if (next == NULL) {
        abort();
    }
    return next(name, tests, count, setup, teardown);
}
