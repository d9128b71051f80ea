/* SPDX-License-Identifier: Apache-2.0
 *
 * version/version_reads.c: reads that pay for a merge of all runs.
 *
 * Compactions are chosen for writes: the levels above the last one may hold a fifth of the tree for
 * as long as nothing more is written. Until then each read asks several runs: a seek over two of
 * them takes half as long again as over one. So a tree that is read, and not written, is merged
 * into one sorted run once its reads have paid for that.
 *
 * A read that asks one run more reads at worst one block more, and mostly finds it in the cache; a
 * merge reads and writes each block once. So the merge is due after READS_OF_A_BLOCK times as many
 * reads as the tree has blocks. By then the blocks that are read are in the cache, and what the
 * merge makes of them stays there (row_builder.c): a merge at the first reads would leave a cold
 * tree. (Charging reads for compactions is LevelDB's idea; there it is done for each file.)
 *
 * What is written soon changes the tree anyway. So reads count only as long as nothing is written
 * between them, and the merge is given up when a flush adds a run: what is due holds for contents
 * up to a sequence. A flush can bring the next merge, and each rewrites the last level. To bound
 * what this adds to the bytes that are written, the levels above must have a LEAST_PART of the
 * last.
 *
 * Reads are sampled, so that threads do not share a counter, and counts are inexact: writes and
 * other samples may come between two steps of a note. No harm is done by a merge too early or too
 * late. (All accesses are relaxed, for the same reason.)
 */
#include "version/version_reads.h"

#include "base/check.h"

enum { BLOCK_SIZE = 4096, READS_OF_A_BLOCK = 4, LEAST_PART = 16 };

/* Fewer reads are not worth a merge: a program that runs for a moment should not begin one. */
#ifdef FIRN_DEBUG
enum { LEAST = 256 };
#else
enum { LEAST = 1 << 16 };
#endif

/* Of all that is in the levels. */
static uint64_t
sequence_max_of(const struct fi_version *version)
{
    uint64_t sequence_max = 0;
    for (unsigned i = 0; i < FI_VERSION_LEVELS; i++) {
        const struct fi_version_level *level = &version->levels[i];
        sequence_max = level->sequence_max > sequence_max ? level->sequence_max : sequence_max;
    }
    return sequence_max;
}

void
fi_version_reads_init(struct fi_version *version, const struct fi_version *base)
{
    uint64_t last_bytes = 0;
    uint64_t bytes = 0;
    for (unsigned i = 0; i < FI_VERSION_LEVELS; i++) {
        const struct fi_version_level *level = &version->levels[i];
        last_bytes = level->count > 0 ? level->bytes : last_bytes;
        bytes += level->bytes;
    }
    DCHECK(bytes >= last_bytes);
    uint64_t due = base == NULL ? 0 : atomic_load_explicit(&base->reads.due, memory_order_relaxed);
    bool is_in_one_level = bytes == last_bytes;
    bool is_one = is_in_one_level && version->levels[0].count <= 1;
    bool is_worth_it = is_in_one_level || bytes - last_bytes >= last_bytes / LEAST_PART ||
                       sequence_max_of(version) <= due; /* a merge that has begun is finished */
    uint64_t reads = bytes / BLOCK_SIZE * READS_OF_A_BLOCK;
    version->reads.wanted = is_one || !is_worth_it ? 0 : reads > LEAST ? reads : LEAST;
    atomic_init(&version->reads.due, due);
}

bool
fi_version_reads_note(struct fi_version *version, uint64_t written)
{
    struct fi_version_reads *reads = &version->reads;
    if (atomic_load_explicit(&reads->written, memory_order_relaxed) != written) {
        atomic_store_explicit(&reads->written, written, memory_order_relaxed);
        atomic_store_explicit(&reads->noted, 0, memory_order_relaxed);
    }
    uint64_t noted = atomic_fetch_add_explicit(&reads->noted, 1, memory_order_relaxed) + 1;
    if (noted << FI_VERSION_READS_NOTE_EVERY < reads->wanted || fi_version_reads_is_due(version)) {
        return false;
    }
    atomic_store_explicit(&reads->due, sequence_max_of(version), memory_order_relaxed);
    return true;
}

bool
fi_version_reads_is_due(const struct fi_version *version)
{
    uint64_t due = atomic_load_explicit(&version->reads.due, memory_order_relaxed);
    return version->reads.wanted > 0 && sequence_max_of(version) <= due;
}
