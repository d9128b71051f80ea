/* SPDX-License-Identifier: Apache-2.0
 *
 * version/version_levels.h: the levels of a tree.
 */
#ifndef FIRN_VERSION_VERSION_LEVELS_H
#define FIRN_VERSION_VERSION_LEVELS_H

/* Level 0 to 6, and after them history: versions that now does not read (run_history.h). */
enum {
    FIRN_VERSION_LEVELS = 7,
    FIRN_VERSION_HISTORY = FIRN_VERSION_LEVELS,
    FIRN_VERSION_LEVELS_ALL
};

#endif
