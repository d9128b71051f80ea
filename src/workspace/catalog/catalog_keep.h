/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_keep.h: which checkpoints are kept: a policy, its text, and the walk that judges.
 *
 *   policy := "forever" | rule (" " rule)*
 *   rule := "last:" count | kind ":" span
 *   kind := "all" | "hourly" | "daily" | "weekly" | "monthly" | "yearly"
 *   span := count ("h" | "d" | "w" | "y") | "forever"
 *   count := 1 to 99999, in decimal digits
 *
 * Each kind at most once, in any order. Blanks may stand around rules, and there may be several. A
 * year is 365 days.
 */
#ifndef FIRN_CATALOG_CATALOG_KEEP_H
#define FIRN_CATALOG_CATALOG_KEEP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/slice.h"

enum { FIRN_CATALOG_KEEP_TEXT_SIZE_MAX = 200 };

enum firn_catalog_keep_kind {
    FIRN_CATALOG_KEEP_ALL,
    FIRN_CATALOG_KEEP_HOURLY,
    FIRN_CATALOG_KEEP_DAILY,
    FIRN_CATALOG_KEEP_WEEKLY,
    FIRN_CATALOG_KEEP_MONTHLY,
    FIRN_CATALOG_KEEP_YEARLY,
    FIRN_CATALOG_KEEP_KINDS
};

struct firn_catalog_keep {
    bool is_forever;                            /* nothing ever goes */
    uint64_t last;                              /* the newest so many stay */
    uint64_t spans_ns[FIRN_CATALOG_KEEP_KINDS]; /* 0: no such rule; UINT64_MAX: for ever */
};

/* FIRN_INVALID, with what is wrong. */
FIRN_MUST_CHECK int firn_catalog_keep_read(firn_slice text, struct firn_catalog_keep *out,
                                           firn_error *err);

/* A walk through the checkpoints of one workspace, newest first. */
struct firn_catalog_keep_walk {
    const struct firn_catalog_keep *policy; /* borrowed */
    uint64_t pause_ns;
    uint64_t met;
    int64_t last_ns; /* when the one before in the walk was made */
    uint64_t age_ns; /* of the one that is met, against the first */
    bool has_bucket[FIRN_CATALOG_KEEP_KINDS];
    int64_t buckets[FIRN_CATALOG_KEEP_KINDS]; /* the last that something was kept for */
};
void firn_catalog_keep_begin(struct firn_catalog_keep_walk *walk,
                             const struct firn_catalog_keep *policy);
/* Whether the policy keeps the next one. */
bool firn_catalog_keep_next(struct firn_catalog_keep_walk *walk, int64_t created_ns);

#endif
