/* SPDX-License-Identifier: Apache-2.0
 *
 * rules/rules_exclude.h: which entries of a workspace are left out of its checkpoints unless a
 * rule of the user's says otherwise. Pure functions over names: any thread, no failure.
 *
 * The root of a workspace is never asked about: whoever names a directory `target` as his workspace
 * means it.
 */
#ifndef FIRN_RULES_RULES_EXCLUDE_H
#define FIRN_RULES_RULES_EXCLUDE_H

#include <stdbool.h>

#include "firn/types.h"

/* What is known of an entry from the listing of the directory it lies in. */
struct firn_rules_exclude_entry {
    firn_slice name;
    bool is_dir;
    bool is_beside_manifest; /* a Cargo.toml that is no directory lies in the same directory */
    bool include_deps;       /* dependencies and build output are wanted */
    bool is_narrow;    /* by the second version of the exclusions, today's; else by the first */
    firn_slice parent; /* name of the directory that it lies in; "" is the root */
};

/* What lies in a directory that may be left out for it. */
struct firn_rules_exclude_inside {
    bool has_tag;      /* a CACHEDIR.TAG */
    bool has_venv;     /* a pyvenv.cfg: a virtual environment of Python */
    bool has_settings; /* what somebody has set for Gradle */
};

/* Why the entry is left out, one line; NULL if it is kept. */
const char *firn_rules_exclude_by_name(const struct firn_rules_exclude_entry *entry);
/* Why a directory is left out for what lies in it, or does not; NULL if it is kept. */
const char *firn_rules_exclude_by_inside(const struct firn_rules_exclude_entry *entry,
                                         const struct firn_rules_exclude_inside *inside);
/* Whether that can be the case for a directory of this name. */
bool firn_rules_exclude_depends_on_inside(firn_slice name);

/* The name that is_beside_manifest is about. */
bool firn_rules_exclude_is_manifest(firn_slice name);
/* Notes an entry of a directory. */
void firn_rules_exclude_see_inside(firn_slice name, bool is_dir,
                                   struct firn_rules_exclude_inside *inside);

#endif
