/* SPDX-License-Identifier: Apache-2.0
 *
 * objects/objects_session_delta.h: for one lane of a session: whether a new version is worth storing as
 * a delta, and the delta.
 */
#ifndef FIRN_OBJECTS_OBJECTS_SESSION_DELTA_H
#define FIRN_OBJECTS_OBJECTS_SESSION_DELTA_H

#include "objects/objects.h"

/* One thread's; its memory is taken when it is first needed. objects is borrowed. */
struct firn_objects_session_delta;
FIRN_MUST_CHECK int firn_objects_session_delta_create(struct firn_objects *objects,
                                                      struct firn_objects_session_delta **out,
                                                      firn_error *err);
/* NULL is fine. */
void firn_objects_session_delta_destroy(struct firn_objects_session_delta *delta);

/* The bytes of a DELTA object for one that names a base, borrowed until the next call; empty where
 * it is better stored whole, or its base cannot be read. Fails for want of memory only. */
FIRN_MUST_CHECK int firn_objects_session_delta_make(struct firn_objects_session_delta *delta,
                                                    const struct firn_objects_object *object,
                                                    firn_slice *out, firn_error *err);

#endif
