/* SPDX-License-Identifier: Apache-2.0
 *
 * difference/difference_renames.h: which of the files that went came back under another name.
 */
#ifndef FIRN_DIFFERENCE_DIFFERENCE_RENAMES_H
#define FIRN_DIFFERENCE_DIFFERENCE_RENAMES_H

#include "base/arena.h"
#include "base/hash_map.h"
#include "difference/difference_walk.h"

/* Files that came or went in one difference; with more, no renames are found. */
enum { FIRN_DIFFERENCE_RENAMES_FILES_MAX = 1 << 17 };

struct firn_difference_renames_file;

/* A zeroed struct has none. */
struct firn_difference_renames {
    struct firn_arena arena;
    struct firn_difference_renames_file **files; /* as they came; in order once matched */
    size_t count;
    size_t capacity;
    struct firn_hash_map by_path; /* pointers to those that have a partner; set up by match */
    bool is_given_up;
};

void firn_difference_renames_init(struct firn_difference_renames *renames);
void firn_difference_renames_deinit(struct firn_difference_renames *renames);

/* Looks at a change; everything it needs of it is copied. */
FIRN_MUST_CHECK int firn_difference_renames_add(struct firn_difference_renames *renames,
                                                const struct firn_difference_walk_change *change,
                                                firn_error *err);
/* Pairs what was added: each file that went with at most one that came. Call once. */
FIRN_MUST_CHECK int firn_difference_renames_match(struct firn_difference_renames *renames,
                                                  firn_error *err);

/* What a change that is ADDED or REMOVED is a half of: the entry that went, and its path. False if
 * it is none. Borrowed as long as renames. */
bool firn_difference_renames_find(const struct firn_difference_renames *renames,
                                  const struct firn_difference_walk_change *change,
                                  const struct firn_tree_entry **out_before, firn_slice *out_path);

#endif
