/* SPDX-License-Identifier: Apache-2.0
 *
 * support/test_descriptors.c: see the header. The names "." and ".." and the directory that is read count, too.
 */
#include "support/test_descriptors.h"
#include "support/test.h"

#include <dirent.h>

size_t
test_descriptors_count(void)
{
    size_t count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory) != NULL) {
        count++;
    }
    assert_int_equal(closedir(directory), 0);
    return count;
}
