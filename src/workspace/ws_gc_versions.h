/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_gc_versions.h: versions of one file or directory, brought together while packs are
 * rewritten.
 */
#ifndef FIRN_WORKSPACE_WS_GC_VERSIONS_H
#define FIRN_WORKSPACE_WS_GC_VERSIONS_H

#include "workspace/ws_gc_internal.h"

struct firn_ws_gc_versions;

/* Notes the deltas that are going to move, of the packs whose fate is REWRITE; none if what is alive
 * is known. What cannot be read is left to the move, which tells of it. gc is borrowed. */
FIRN_MUST_CHECK int firn_ws_gc_versions_create(struct firn_ws_gc *gc,
                                               struct firn_ws_gc_versions **out, firn_error *err);
/* NULL is fine. */
void firn_ws_gc_versions_destroy(struct firn_ws_gc_versions *versions);

/* Whether something was noted that leans on the object. */
bool firn_ws_gc_versions_has(const struct firn_ws_gc_versions *versions, const firn_hash *base);

/* Behind an object that was moved whole: puts what was noted as leaning on it next to it, whole.
 * What fails is none of a pack's faults. */
FIRN_MUST_CHECK int firn_ws_gc_versions_place(struct firn_ws_gc_versions *versions,
                                              const firn_hash *base, enum firn_packfile_kind kind,
                                              firn_slice content, struct firn_ws_session_lane *lane,
                                              firn_error *err);

#endif
