/* SPDX-License-Identifier: Apache-2.0
 *
 * rules/ignore_glob.h: shell patterns as gitignore means them. Pure functions over bytes: any
 * thread, no memory, no failure.
 */
#ifndef FIRN_RULES_IGNORE_GLOB_H
#define FIRN_RULES_IGNORE_GLOB_H

#include <stdbool.h>

#include "firn/types.h"

enum firn_ignore_glob_kind {
    FIRN_IGNORE_GLOB_NAME, /* against one name: '*' matches anything */
    FIRN_IGNORE_GLOB_PATH  /* against a path: only a double star crosses '/' */
};

/* Whether the glob matches the whole text. Takes at most about glob.size * text.size steps. */
bool firn_ignore_glob_matches(firn_slice glob, enum firn_ignore_glob_kind kind, firn_slice text);

/* Why a glob can never match anything (a set that is not closed, an unknown class, a backslash with
 * nothing behind it); NULL if it may. */
const char *firn_ignore_glob_defect(firn_slice glob);

/* How many bytes at the front stand for themselves: those before the first of * ? [ \. */
size_t firn_ignore_glob_literal_size(firn_slice glob);

#endif
