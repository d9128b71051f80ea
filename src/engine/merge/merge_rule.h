/* SPDX-License-Identifier: Apache-2.0
 *
 * merge/merge_rule.h: which versions of a key may go: the one rule, for flush and compaction.
 *
 *   A version of a key may go when every live view that sees it also sees a newer version of that
 *   key; at the bottom of the tree (nothing older of the key elsewhere) a tombstone that is the
 *   oldest version kept may go, again and again. Range deletes are versions, tombstones, of the
 *   keys that they cover. So are expiring puts that have expired for every view that sees them. A
 *   merge operand needs what is older: who sees it does not thereby see "a newer version".
 *   Tombstones that are younger than an open transaction stay: without them it could not tell that
 *   their keys were written since it began.
 *
 * Most users want merge/merge_stream.h, which applies it to a merge. One thread.
 */
#ifndef FIRN_MERGE_MERGE_RULE_H
#define FIRN_MERGE_MERGE_RULE_H

#include <stdbool.h>

#include "base/entry.h"
#include "base/error.h"
#include "merge/merge_view_map.h"

struct firn_merge_rule;

/* The map is borrowed until the rule is destroyed; its `now` is only looked at during the call. */
FIRN_MUST_CHECK int firn_merge_rule_create(const struct firn_merge_view_map *map,
                                           struct firn_merge_rule **out, firn_error *err);
/* NULL is fine. */
void firn_merge_rule_destroy(struct firn_merge_rule *rule);

/* Sequences that no view tells apart form a segment. Segments are numbered from the oldest. */
size_t firn_merge_rule_segment_count(const struct firn_merge_rule *rule);
size_t firn_merge_rule_segment(const struct firn_merge_rule *rule, uint64_t sequence);
/* The earliest time of the views that see the sequence; UINT64_MAX if none does. */
uint64_t firn_merge_rule_time_ms(const struct firn_merge_rule *rule, uint64_t sequence);

/* Whether now reads what is written with that sequence; all is, where the views have no now. */
bool firn_merge_rule_now_sees(const struct firn_merge_rule *rule, uint64_t sequence);

/* What follows is about one key: its versions, range deletes among them, come newest first. */
void firn_merge_rule_begin_key(struct firn_merge_rule *rule);
/* Whether the version that comes next must be kept as far as newer versions go: some view sees it
 * and none of those that came before. */
bool firn_merge_rule_needs(struct firn_merge_rule *rule, uint64_t sequence);
/* The same of a merge operand, which leaves needed what is older. */
bool firn_merge_rule_needs_operand(struct firn_merge_rule *rule, uint64_t sequence);

#endif
