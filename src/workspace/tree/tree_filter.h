/* SPDX-License-Identifier: Apache-2.0
 *
 * tree/tree_filter.h: "only these paths and what is below them".
 */
#ifndef FIRN_TREE_TREE_FILTER_H
#define FIRN_TREE_TREE_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "firn/types.h"

/* A zeroed struct selects everything. */
struct firn_tree_filter {
    firn_slice *paths; /* clean: valid names between single slashes; borrowed bytes */
    bool *was_met;
    size_t count;
};

/* Checks and cleans paths (trailing slashes go); a path of "" selects everything. FIRN_INVALID
 * names a bad one. The bytes stay borrowed from the caller. */
FIRN_MUST_CHECK int firn_tree_filter_init(struct firn_tree_filter *filter, const firn_slice *paths,
                                          size_t count, firn_error *err);
void firn_tree_filter_deinit(struct firn_tree_filter *filter);

/* Whether a path is selected: one of the paths or below one. Remembers which of them were met. */
bool firn_tree_filter_selects(struct firn_tree_filter *filter, firn_slice path);
/* Whether something below a directory may be selected though it is not itself. */
bool firn_tree_filter_leads_on(const struct firn_tree_filter *filter, firn_slice directory);
/* FIRN_NOT_FOUND, naming it, if a path was never met. */
FIRN_MUST_CHECK int firn_tree_filter_check_met(const struct firn_tree_filter *filter,
                                               firn_error *err);

#endif
