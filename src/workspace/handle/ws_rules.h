/* SPDX-License-Identifier: Apache-2.0
 *
 * handle/ws_rules.h: the rules under which a checkpoint was saved, in and out of its store.
 */
#ifndef FIRN_HANDLE_WS_RULES_H
#define FIRN_HANDLE_WS_RULES_H

#include "catalog/catalog_record.h"
#include "handle/ws_internal.h"
#include "objects/objects.h"
#include "rules/ignore_rules.h"

/* A zeroed struct is empty. */
struct firn_ws_rules {
    struct firn_buf bytes;     /* the object; sets borrow from it */
    struct firn_buf more;      /* that of a second checkpoint */
    struct firn_buf forgotten; /* rules for what was taken out of the first; likewise */
    struct firn_buf more_forgotten;
    struct firn_ignore_rules sets;
    /* How a scan of the disk goes by today's rule files. */
    bool include_deps;
    bool gitignore;
    uint64_t file_size_max; /* see scan.h */
};

/* What today's saves are like, as far as the one who asks knows. */
struct firn_ws_rules_today {
    bool gitignore;
    uint64_t file_size_max;
};

/* The rules of a checkpoint; one plain set if its record names none. *out is to be deinited, also
 * after a failure. FIRN_CORRUPT and FIRN_NEWER name the checkpoint. */
FIRN_MUST_CHECK int firn_ws_rules_load(struct firn_objects *objects,
                                       const struct firn_catalog_record *record,
                                       struct firn_ws_rules *out, firn_error *err);
/* The rules under which the disk is scanned to be compared with a checkpoint, or to be restored to
 * it:
 * - in sets those of the checkpoint, one plain set if its record names none, and those of a second
 *   one, which may be NULL;
 * - for today's rule files the dependencies as the checkpoint has them; .gitignore files if they
 *   counted for either, or for the newest checkpoint, or do so today; sizes as today.
 * Fails like firn_ws_rules_load. */
FIRN_MUST_CHECK int firn_ws_rules_load_today(struct firn_ws_opened *opened,
                                             const struct firn_catalog_record *record,
                                             const struct firn_catalog_record *second,
                                             const struct firn_ws_rules_today *today,
                                             struct firn_ws_rules *out, firn_error *err);
void firn_ws_rules_deinit(struct firn_ws_rules *rules);

/* Adds the rules object of a scan to a session. */
FIRN_MUST_CHECK int firn_ws_rules_add(struct firn_objects_session *session, firn_slice bytes,
                                      firn_hash *out_hash, firn_error *err);

#endif
