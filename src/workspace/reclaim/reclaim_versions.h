/* SPDX-License-Identifier: Apache-2.0
 *
 * reclaim/reclaim_versions.h: versions of one file or directory, brought together while packs are
 * rewritten.
 */
#ifndef FIRN_RECLAIM_RECLAIM_VERSIONS_H
#define FIRN_RECLAIM_RECLAIM_VERSIONS_H

#include "reclaim/reclaim_internal.h"

struct firn_reclaim_versions;

/* Notes the deltas that are going to move, of the packs whose fate is REWRITE; none if what is alive
 * is known. What cannot be read is left to the move, which tells of it. gc is borrowed. */
FIRN_MUST_CHECK int firn_reclaim_versions_create(struct firn_reclaim *gc,
                                                 struct firn_reclaim_versions **out,
                                                 firn_error *err);
/* NULL is fine. */
void firn_reclaim_versions_destroy(struct firn_reclaim_versions *versions);

/* Whether something was noted that leans on the object. */
bool firn_reclaim_versions_has(const struct firn_reclaim_versions *versions, const firn_hash *base);

/* Behind an object that was moved whole: puts what was noted as leaning on it next to it, whole.
 * What fails is none of a pack's faults. */
FIRN_MUST_CHECK int firn_reclaim_versions_place(struct firn_reclaim_versions *versions,
                                                const firn_hash *base, enum firn_packfile_kind kind,
                                                firn_slice content,
                                                struct firn_objects_session_lane *lane,
                                                firn_error *err);

#endif
