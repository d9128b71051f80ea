/* SPDX-License-Identifier: Apache-2.0
 *
 * base/snapshot.c: guides to the intervals of a snapshot.
 *
 * After many consecutive restores, `now` has as many intervals, and a scan searches them for every
 * version. A binary search takes ten dependent steps for a thousand. A guide divides the sequences,
 * from the beginning of the first interval to that of the last, into at least as many slots as
 * there are intervals. If the intervals have similar lengths, one or two begin in a slot, and the
 * search ends after the first step. If not, for example when a load has advanced the sequence far,
 * a slot may have many, and the binary search continues within it.
 */
#include "base/snapshot.h"

/* Fewer are found as fast without. */
enum { GUIDED_MIN = 4 };

static size_t
slots_for(size_t count)
{
    size_t slots = 1;
    while (slots < count) {
        slots *= 2;
    }
    return slots;
}

size_t
fi_snapshot_guide_size_bytes(size_t count)
{
    return count < GUIDED_MIN
               ? 0
               : sizeof(struct fi_snapshot_guide) + (slots_for(count) + 1) * sizeof(uint32_t);
}

/* As struct fi_snapshot has them: ascending, disjoint, not adjacent. */
static bool
are_sound(const struct fi_snapshot_interval *intervals, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (intervals[i].last < intervals[i].first ||
            (i > 0 && intervals[i].first - 1 <= intervals[i - 1].last)) {
            return false;
        }
    }
    return true;
}

void
fi_snapshot_guide_init(struct fi_snapshot_guide *guide,
                       const struct fi_snapshot_interval *intervals, size_t count)
{
    DCHECK(count >= GUIDED_MIN && count < UINT32_MAX / 2 && are_sound(intervals, count));
    uint64_t spread = intervals[count - 1].first - intervals[0].first;
    size_t at = 0;
    guide->first = intervals[0].first;
    guide->slots = (uint32_t)slots_for(count);
    guide->shift = 0;
    while (spread >> guide->shift >= guide->slots) {
        guide->shift++;
    }
    for (uint32_t slot = 0; slot < guide->slots; slot++) {
        uint64_t begin = (uint64_t)slot << guide->shift;
        while (at < count && intervals[at].first - guide->first < begin) {
            at++;
        }
        guide->from[slot] = (uint32_t)at;
    }
    guide->from[guide->slots] = (uint32_t)count;
}
