/* SPDX-License-Identifier: Apache-2.0
 *
 * support/lsm: what versions of a few keys mean: what a view reads of them, and which of them the definition of the
 * compaction rule keeps, tried on each by hand.
 */
#ifndef FIRN_TEST_RULE_MODEL_H
#define FIRN_TEST_RULE_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/entry.h"
#include "base/snapshot.h"
#include "merge/merge.h"

enum {
    RULE_MODEL_KEYS = 7,
    RULE_MODEL_OPS_MAX = 80,
    RULE_MODEL_SNAPSHOTS_MAX = 8,
    RULE_MODEL_INTERVALS_MAX = 12,
    RULE_MODEL_VERSIONS_MAX = 2 * RULE_MODEL_OPS_MAX
};

/* A version: of the key `lower`, or of the keys [lower, upper). */
struct rule_op {
    enum fi_entry_kind kind;
    unsigned lower;
    unsigned upper;
    uint64_t sequence;
    uint64_t number;     /* that is put or added */
    uint64_t expires_ms; /* of an expiring put */
    bool is_history;     /* where a compaction put it */
};

struct rule_snapshot {
    struct fi_snapshot_interval intervals[RULE_MODEL_INTERVALS_MAX];
    size_t count;
    uint64_t time_ms;
};

struct rule_versions {
    struct rule_op all[RULE_MODEL_VERSIONS_MAX];
    size_t count;
};

/* "a" to "g", and "h" for a bound. */
firn_slice rule_model_key(unsigned number);
unsigned rule_model_number(firn_slice key);
/* The first key that is not below a bound, which is a key or lies right after one. */
unsigned rule_model_bound(firn_slice bound);
/* From now on keys are those of a table, and values its rows, with the number in this column; or no more. There are
 * no operands then. */
enum { RULE_MODEL_COLUMN = 2 };
void rule_model_use_tuples(bool are_used);
bool rule_model_sees(const struct rule_snapshot *snapshot, uint64_t sequence);

/* What an entry says, and back: the value lies in bytes. */
enum { RULE_MODEL_VALUE_SIZE = 40 };
struct rule_op rule_model_op_of(const struct fi_entry *entry);
struct fi_entry rule_model_entry_of(const struct rule_op *op, uint8_t bytes[RULE_MODEL_VALUE_SIZE]);
void rule_model_add(struct rule_versions *versions, const struct rule_op *op);

/* What a view reads of a key, from versions in any order. */
struct rule_value {
    bool is_there;
    uint64_t number;
};
struct rule_value rule_model_read(const struct rule_op *ops, size_t count,
                                  const struct rule_snapshot *snapshot, unsigned key);

/* Who asks: the views, the first of which is now, and what lies at the key outside of the compaction. */
struct rule_question {
    const struct rule_snapshot *snapshots;
    size_t snapshot_count;
    unsigned key;
    bool is_bottom; /* nothing older */
    uint64_t
        between_sequence; /* what is not newer may have something else above it; 0: nothing has */
};
/* Of the versions of the key, newest first, those that are kept, operands folded with what lies right below them;
 * or of its range deletes alone, as if there were nothing else. */
void rule_model_keep(const struct rule_question *question, const struct rule_versions *all,
                     bool with_points, struct rule_versions *out);
/* Whether now does not read a version of the key that is kept. */
bool rule_model_is_history(const struct rule_question *question, const struct rule_versions *all,
                           const struct rule_op *kept);

#endif
