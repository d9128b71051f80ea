/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_temp.c: directories on the real disk for tests.
 */
#include "support/test_temp.h"
#include "support/test.h"

void
test_temp_make(char *path, size_t size)
{
    static const char name[] = "/firn-test-XXXXXX";
    const char *base = getenv("TMPDIR");
    bool is_usable = base != NULL && strlen(base) + sizeof(name) <= TEST_TEMP_SIZE;
    int used = snprintf(path, size, "%s%s", is_usable ? base : "/tmp", name);
    assert_true(used > 0 && (size_t)used < size);
    assert_non_null(mkdtemp(path));
}
