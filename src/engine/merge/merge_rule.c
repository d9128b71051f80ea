/* SPDX-License-Identifier: Apache-2.0
 *
 * merge/merge_rule.c: which versions some live snapshot still reads.
 *
 * A version is needed if there is a snapshot that sees it and none of the newer versions of its
 * key. So for each key the rule keeps whether each snapshot has seen a version yet, that is,
 * whether the snapshot is served. There may be thousands of snapshots. This is cheap because the
 * snapshots that see a version are adjacent (merge.h): they are a span of positions, and the
 * version is needed if any snapshot in the span is unserved. Then the whole span is served.
 *
 * Served spans. Versions come newest first, so if two spans overlap, the later one contains the
 * earlier one (merge_snapshot.c, I2). Hence every served snapshot in a span belongs to a served
 * span inside it. The rule goes along the span, from the end of one largest served span to the
 * next: a position where none begins has an unserved snapshot; if the end of the span is reached,
 * all its snapshots are served. For that, the end of a served span is kept at the position where it
 * begins. Spans that were passed become part of a larger one, so each is passed once for each key:
 * a version costs a few steps, however many snapshots and restores there are.
 *
 * Merge operands ask without serving any snapshot. The served spans that were passed are joined, so
 * that the next operand does not pass them again.
 *
 * Each end is kept with the number of its key, and counts only for that key. So nothing is cleared
 * between keys.
 *
 * If there are several trees of snapshots, each has its own positions, and the version is needed if
 * one tree needs it. Expiry depends only on the earliest time of the snapshots that see a segment:
 * a put that expires later has not expired for all of them.
 *
 * Memory: 8 bytes for each snapshot, and 1 byte for each segment.
 */
#include "merge/merge.h"

#include <string.h>

#include "base/check.h"
#include "base/mem.h"

/* At the first position of a served span. */
struct served {
    uint32_t end;
    uint32_t key; /* for which it counts */
};

struct fi_merge_rule {
    const struct fi_merge_snapshot_map *map;
    struct served *served; /* of each position */
    bool *is_now;          /* of each segment: whether now sees it; NULL: there is no now */
    uint32_t key;          /* the number of the current one, from 1 on */
    size_t segment;        /* where the last lookup ended */
};

/* ---- lookups ---- */

size_t
fi_merge_rule_segment_count(const struct fi_merge_rule *rule)
{
    return rule->map->segment_count;
}

size_t
fi_merge_rule_segment(const struct fi_merge_rule *rule, uint64_t sequence)
{
    const struct fi_merge_snapshot_map *map = rule->map;
    size_t segment = rule->segment;
    bool is_same = sequence >= map->bounds[segment] &&
                   (segment + 1 == map->segment_count || sequence < map->bounds[segment + 1]);
    return is_same ? segment : fi_merge_snapshot_map_segment(map, sequence);
}

void
fi_merge_rule_begin_key(struct fi_merge_rule *rule)
{
    if (rule->key == UINT32_MAX) {
        memset(rule->served, 0, rule->map->place_count * sizeof *rule->served);
        rule->key = 0;
    }
    rule->key++;
}

/* Whether a snapshot in the span is unserved; those from its begin on that are served become one
 * served span. */
static bool
has_unserved(struct fi_merge_rule *rule, struct fi_snapshot_span span)
{
    DCHECK(rule->key > 0 && span.end <= rule->map->place_count);
    uint32_t at = span.begin;
    while (at < span.end && rule->served[at].key == rule->key) {
        DCHECK(rule->served[at].end > at);
        at = rule->served[at].end;
    }
    if (at > span.begin) {
        rule->served[span.begin].end = at;
    }
    return at < span.end;
}

static bool
merge_rule_serve(struct fi_merge_rule *rule, struct fi_snapshot_span span)
{
    bool is_needed = has_unserved(rule, span);
    if (is_needed) {
        rule->served[span.begin] = (struct served){span.end, rule->key};
    }
    return is_needed;
}

bool
fi_merge_rule_needs(struct fi_merge_rule *rule, uint64_t sequence)
{
    bool is_needed = false;
    rule->segment = fi_merge_rule_segment(rule, sequence);
    for (size_t tree = 0; tree < rule->map->tree_count; tree++) {
        is_needed |=
            merge_rule_serve(rule, fi_merge_snapshot_map_seen(rule->map, rule->segment, tree));
    }
    return is_needed;
}

bool
fi_merge_rule_needs_operand(struct fi_merge_rule *rule, uint64_t sequence)
{
    bool is_needed = false;
    rule->segment = fi_merge_rule_segment(rule, sequence);
    for (size_t tree = 0; tree < rule->map->tree_count && !is_needed; tree++) {
        is_needed = has_unserved(rule, fi_merge_snapshot_map_seen(rule->map, rule->segment, tree));
    }
    return is_needed;
}

uint64_t
fi_merge_rule_time_ms(const struct fi_merge_rule *rule, uint64_t sequence)
{
    return rule->map->times_ms[fi_merge_rule_segment(rule, sequence)];
}

bool
fi_merge_rule_now_sees(const struct fi_merge_rule *rule, uint64_t sequence)
{
    return rule->is_now == NULL || rule->is_now[fi_merge_rule_segment(rule, sequence)];
}

/* ---- making ---- */

/* Now is one of the snapshots, so it sees either all of a segment or nothing. */
static int
fill_now(struct fi_merge_rule *rule)
{
    const struct fi_merge_snapshot_map *map = rule->map;
    if (map->now == NULL) {
        return FIRN_OK;
    }
    rule->is_now = fi_alloc_array(map->segment_count, sizeof *rule->is_now);
    for (size_t i = 0; rule->is_now != NULL && i < map->segment_count; i++) {
        rule->is_now[i] = fi_snapshot_sees(map->now, map->bounds[i]);
    }
    return rule->is_now != NULL ? FIRN_OK : FIRN_NO_MEMORY;
}

__attribute__((cold)) int
fi_merge_rule_create(const struct fi_merge_snapshot_map *map, struct fi_merge_rule **out,
                     firn_error *err)
{
    DCHECK(map->segment_count > 0 && map->bounds[0] == 0);
    *out = NULL;
    struct fi_merge_rule *rule = fi_alloc_zeroed(sizeof *rule);
    if (rule == NULL) {
        return fi_error_no_memory(err, "the rule of a compaction");
    }
    rule->map = map;
    rule->served = fi_alloc_zeroed(map->place_count * sizeof *rule->served);
    if (rule->served == NULL || fill_now(rule) != FIRN_OK) {
        fi_merge_rule_destroy(rule);
        return fi_error_no_memory(err, "the rule of a compaction");
    }
    *out = rule;
    return FIRN_OK;
}

void
fi_merge_rule_destroy(struct fi_merge_rule *rule)
{
    if (rule != NULL) {
        fi_free(rule->served);
        fi_free(rule->is_now);
        fi_free(rule);
    }
}
