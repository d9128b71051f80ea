/* SPDX-License-Identifier: Apache-2.0
 *
 * lsm/version_levels.h: the levels of a tree.
 */
#ifndef FIRN_LSM_VERSION_LEVELS_H
#define FIRN_LSM_VERSION_LEVELS_H

/* Level 0 to 6, and after them history: versions that now does not read (history.h). */
enum {
    FIRN_VERSION_LEVELS = 7,
    FIRN_VERSION_HISTORY = FIRN_VERSION_LEVELS,
    FIRN_VERSION_LEVELS_ALL
};

#endif
