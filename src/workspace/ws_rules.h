/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_rules.h: the rules under which a checkpoint was saved, in and out of its store.
 */
#ifndef FIRN_WORKSPACE_WS_RULES_H
#define FIRN_WORKSPACE_WS_RULES_H

#include "ignore/ignore_rules.h"
#include "workspace/ws_objects.h"
#include "workspace/ws_record.h"

/* A zeroed struct is empty. */
struct firn_ws_rules {
    struct firn_buf bytes;     /* the object; sets borrow from it */
    struct firn_buf more;      /* that of a second checkpoint */
    struct firn_buf forgotten; /* rules for what was taken out of the first; likewise */
    struct firn_buf more_forgotten;
    struct firn_ignore_rules sets;
    bool gitignore; /* in any of them */
};

/* The rules of a checkpoint; one plain set if its record names none. *out is to be deinited, also
 * after a failure. FIRN_CORRUPT and FIRN_NEWER name the checkpoint. */
FIRN_MUST_CHECK int firn_ws_rules_load(struct firn_ws_objects *objects,
                                       const struct firn_ws_record *record,
                                       struct firn_ws_rules *out, firn_error *err);
/* Adds those of a second checkpoint, unless they are the same as those of the first. */
FIRN_MUST_CHECK int firn_ws_rules_load_more(struct firn_ws_objects *objects,
                                            const struct firn_ws_record *first,
                                            const struct firn_ws_record *second,
                                            struct firn_ws_rules *rules, firn_error *err);
void firn_ws_rules_deinit(struct firn_ws_rules *rules);

/* Adds the rules object of a scan to a session. */
FIRN_MUST_CHECK int firn_ws_rules_add(struct firn_ws_session *session, firn_slice bytes,
                                      firn_hash *out_hash, firn_error *err);

#endif
