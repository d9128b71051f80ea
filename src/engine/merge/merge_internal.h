/* SPDX-License-Identifier: Apache-2.0
 *
 * merge/merge_internal.h: a sweep over the range deletes of a compaction, along its keys: which of
 * them matter for a key, and which part of each must be written.
 *
 * One thread. Keys come in ascending order. After an error it may only be destroyed.
 */
#ifndef FIRN_MERGE_MERGE_INTERNAL_H
#define FIRN_MERGE_MERGE_INTERNAL_H

#include "merge/merge.h"

struct fi_merge_ranges;

/* Uses ranges, rule and older of the options; what these point to is borrowed. */
FIRN_MUST_CHECK int fi_merge_ranges_create(const struct fi_merge_stream_options *options,
                                           struct fi_merge_ranges **out, firn_error *err);
/* NULL is fine. */
void fi_merge_ranges_destroy(struct fi_merge_ranges *ranges);

/* Moves to a key, or with NULL to the end. Uses the rule, so not between the versions of a key. */
FIRN_MUST_CHECK int fi_merge_ranges_advance(struct fi_merge_ranges *ranges, const firn_slice *key,
                                            firn_error *err);

/* At the key: whether there are no older versions of it outside of the compaction. */
bool fi_merge_ranges_is_bottom(const struct fi_merge_ranges *ranges);
/* At the key: the sequences of the range deletes that matter, newest first. Those left out change
 * nothing for any snapshot. Valid until the next advance. */
const uint64_t *fi_merge_ranges_sequences(const struct fi_merge_ranges *ranges, size_t *out_count);
/* At the key, at the bottom: notes that a version older than that range delete is kept. The key is
 * copied. */
FIRN_MUST_CHECK int fi_merge_ranges_mark(struct fi_merge_ranges *ranges, uint64_t sequence,
                                         firn_slice key, firn_error *err);

/* Passes on the parts of range deletes that must be written, from the last cut up to `key`, which
 * is where advance moved to (NULL: the end). */
FIRN_MUST_CHECK int fi_merge_ranges_cut(struct fi_merge_ranges *ranges, const firn_slice *key,
                                        fi_merge_stream_add add, void *ctx, firn_error *err);

#endif
