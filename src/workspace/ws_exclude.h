/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_exclude.h: which entries of a workspace are left out of its checkpoints unless a
 * rule of the user's says otherwise. Pure functions over names: any thread, no failure.
 *
 * The root of a workspace is never asked about: whoever names a directory `target` as his workspace
 * means it.
 */
#ifndef FIRN_WORKSPACE_WS_EXCLUDE_H
#define FIRN_WORKSPACE_WS_EXCLUDE_H

#include <stdbool.h>

#include "firn/types.h"

/* What is known of an entry from the listing of the directory it lies in. */
struct firn_ws_exclude_entry {
    firn_slice name;
    bool is_dir;
    bool is_beside_manifest; /* a Cargo.toml that is no directory lies in the same directory */
    bool include_deps;       /* dependencies and build output are wanted */
};

/* Why an entry of that name is left out whatever anybody wants; NULL for most. */
const char *firn_ws_exclude_always(firn_slice name);
/* Why the entry is left out, one line; NULL if it is kept. */
const char *firn_ws_exclude_by_name(const struct firn_ws_exclude_entry *entry);
/* Why a directory that holds a CACHEDIR.TAG is left out; NULL if it is kept all the same. */
const char *firn_ws_exclude_by_tag(const struct firn_ws_exclude_entry *entry);

/* The names that the two flags above are about. */
bool firn_ws_exclude_is_manifest(firn_slice name);
bool firn_ws_exclude_is_tag(firn_slice name);

#endif
