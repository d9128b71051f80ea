/* SPDX-License-Identifier: Apache-2.0
 *
 * version/version_reads.h: whether a tree is read so much that its runs should be merged.
 *
 * Any thread. Callers are inside the epoch that keeps the version, or hold a reference.
 */
#ifndef FIRN_VERSION_VERSION_READS_H
#define FIRN_VERSION_VERSION_READS_H

#include <stdbool.h>
#include <stdint.h>

#include "version/version.h"

/* Binary logarithm: of so many reads one is noted. */
#ifdef FIRN_DEBUG /* tests are short */
enum { FI_VERSION_READS_NOTE_EVERY = 2 };
#else
enum { FI_VERSION_READS_NOTE_EVERY = 6 };
#endif

/* Whether to call note for this read, as for few reads of a version whose runs could be merged.
 * number: of the read among those of the thread, or so (fi_epoch_visits). */
static inline bool
fi_version_reads_wants(const struct fi_version *version, uint64_t number)
{
    /* Multiples of the golden ratio: as in version_hot.c. */
    return version->reads.wanted > 0 &&
           number * UINT64_C(0x9e3779b97f4a7c15) >> (64 - FI_VERSION_READS_NOTE_EVERY) == 0;
}
/* written: a number that changes when something is written to the tree; reads from before are
 * forgotten then. Whether reads have now become so many that the runs should be merged; true once
 * for a version. */
bool fi_version_reads_note(struct fi_version *version, uint64_t written);
/* Whether note has been true for this version, or for one with the same contents. */
bool fi_version_reads_is_due(const struct fi_version *version);
/* For fi_version_create: base may be NULL. */
void fi_version_reads_init(struct fi_version *version, const struct fi_version *base);

#endif
