/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_write.h: making one entry of a tree on disk: content, then owner, attributes, mode,
 * time.
 */
#ifndef FIRN_CHECKOUT_CHECKOUT_WRITE_H
#define FIRN_CHECKOUT_CHECKOUT_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "objects/objects.h"
#include "os/os.h"
#include "tree/tree.h"

/* One thread's. A zeroed struct with objects set, then init. */
struct firn_checkout_write {
    struct firn_objects *objects; /* borrowed */
    struct firn_packfile_scratch *scratch;
    /* Not NULL: the content of files is read by all of its threads, and not by this one alone. */
    const struct firn_objects_spread *spread;
    struct firn_buf buf;
    bool
        is_foreign; /* what another user's store says gives nobody's rights away: checkout_write.c */
    bool sync;      /* a file is durable, attributes too, when it is made; its name is not */
    /* What could not be set on an entry that was otherwise written; may be NULL. */
    void (*on_incomplete)(void *ctx, firn_slice path, const char *text);
    void *ctx;
};

FIRN_MUST_CHECK int firn_checkout_write_init(struct firn_checkout_write *write,
                                             struct firn_objects *objects, firn_error *err);
void firn_checkout_write_deinit(struct firn_checkout_write *write);

/* Where to make it: a new name in dir. path is for notices. */
struct firn_checkout_write_target {
    struct firn_os_dir *dir;
    const char *name;
    firn_slice path;
    bool may_inherit; /* the directory may hand attributes down (a default ACL) */
};

/* Makes a file or a link under a name that must be free; on failure nothing is left there. Every
 * byte is verified on the way. */
FIRN_MUST_CHECK int firn_checkout_write_entry(struct firn_checkout_write *write,
                                              const struct firn_checkout_write_target *target,
                                              const struct firn_tree_entry *entry, firn_error *err);

/* Sets owner, attributes (removing others), mode and time of what is there. */
FIRN_MUST_CHECK int firn_checkout_write_metadata(struct firn_checkout_write *write,
                                                 struct firn_os_node node, firn_slice path,
                                                 const struct firn_tree_entry *entry,
                                                 firn_error *err);

#endif
