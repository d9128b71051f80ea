/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/hosted/suite.h: what every implementation of the seam must do alike. test_os.c runs all of it
 * over each.
 */
#ifndef FIRN_TEST_UNIT_OS_SUITE_H
#define FIRN_TEST_UNIT_OS_SUITE_H

#include "support/test.h"
#include "support/test_os.h"

/* Where one test works: an empty directory of one implementation. */
struct suite {
    struct fi_os *os;
    struct fi_os_dir *dir;
    bool real;  /* a disk of this machine */
    bool plain; /* only files and directories: no symbolic links, fifos, attributes */
};

/* Runs the suite's tests in groups named after the implementation; returns how many failed. */
int suite_names_run(const char *implementation, CMFixtureFunction setup,
                    CMFixtureFunction teardown);
int suite_files_run(const char *implementation, CMFixtureFunction setup,
                    CMFixtureFunction teardown);
int suite_nodes_run(const char *implementation, CMFixtureFunction setup,
                    CMFixtureFunction teardown);

/* Opens for reading and writing, creating it if need be. */
struct fi_os_file *suite_open(struct fi_os_dir *dir, const char *name);
struct fi_os_dir *suite_make_dir(struct fi_os_dir *dir, const char *name);
struct fi_os_stat suite_stat(struct fi_os_dir *dir, const char *name);
/* Checks that the file has exactly these bytes. */
void suite_expect(struct fi_os_dir *dir, const char *name, const char *text);

#define SUITE_TEST(function)                       \
    {                                              \
#function, function, setup, teardown, NULL \
    }

#endif
