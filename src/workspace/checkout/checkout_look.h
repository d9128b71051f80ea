/* SPDX-License-Identifier: Apache-2.0
 *
 * checkout/checkout_look.h: whether what stands on the disk is what an entry of a tree says, by
 * its content.
 */
#ifndef FIRN_CHECKOUT_CHECKOUT_LOOK_H
#define FIRN_CHECKOUT_CHECKOUT_LOOK_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/error.h"
#include "objects/objects.h"
#include "os/os.h"
#include "tree/tree.h"

/* What `name` in dir is compared with. buf is working memory. */
struct firn_checkout_look {
    struct firn_os_dir *dir;
    const char *name;
    const struct firn_os_stat *stat; /* of it */
    bool is_cut;                     /* only as many bytes of it count as that says */
    struct firn_buf *buf;
    struct firn_objects *objects; /* that the entry's content is one of */
    /* Asked while a large file is read; another return than FIRN_OK ends that. NULL: nobody. */
    int (*tick)(void *ctx, uint64_t bytes, firn_error *err);
    void *ctx;
};

/* Whether it is a file of the same bytes, or a link with the same target; of directories, whether
 * it is one. Modes, owners and times do not count. A file that may not be read is told by its size,
 * mode and times. */
FIRN_MUST_CHECK int firn_checkout_look_equal(const struct firn_checkout_look *look,
                                             const struct firn_tree_entry *entry, bool *out,
                                             firn_error *err);

#endif
