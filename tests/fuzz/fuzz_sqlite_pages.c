/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_sqlite_pages: the pages of a database of SQLite, as anybody wrote them.
 *
 * The walk ends, and takes no tree twice: a second walk of a tree that was walked is refused. That no byte outside of a page is read is for
 * the sanitizers to see.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/check.h"
#include "sqlitefile/sqlitefile_pages.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROOTS = 4 };

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fi_sqlitefile_pages *pages;
    firn_error err;
    FILE *file = tmpfile();
    CHECK(file != NULL);
    CHECK(size == 0 || fwrite(data, size, 1, file) == 1);
    CHECK(fflush(file) == 0);
    const int copy = dup(fileno(file));
    CHECK(copy >= 0);
    (void)fclose(file);
    int code = fi_sqlitefile_pages_open(copy, &pages, &err);
    CHECK((code == FIRN_OK) == (pages != NULL));
    for (uint32_t root = 1; code == FIRN_OK && root <= ROOTS; root++) {
        const int walked = fi_sqlitefile_pages_walk(pages, root, &err);
        CHECK(walked == FIRN_OK || walked == FIRN_CORRUPT);
        if (walked == FIRN_OK) {
            CHECK(fi_sqlitefile_pages_walk(pages, root, &err) == FIRN_CORRUPT);
        }
    }
    fi_sqlitefile_pages_close(pages);
    return 0;
}
