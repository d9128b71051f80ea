/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_apply_verify.c: the pass that reads and verifies every object that will be needed,
 * so that damage is found before the first byte of the tree changes. Nothing is kept: what is
 * written later is verified again on its way.
 */
#include "workspace/ws_apply_internal.h"

static int
verify_one(struct firn_ws_apply_worker *worker, firn_slice path,
           const struct firn_tree_entry *entry, firn_error *err)
{
    if (entry->kind != FIRN_TREE_FILE || entry->hard_link.size > 0) {
        return FIRN_OK;
    }
    int rc = firn_ws_objects_stream(worker->apply->options.objects, worker->write->scratch,
                                    &entry->hash, entry->size, NULL, NULL, err);
    if (rc != FIRN_OK) {
        (void)firn_error_prefix(err, "'%.*s'", (int)(path.size < 256 ? path.size : 256),
                                (const char *)path.data);
    }
    return rc;
}

int
firn_ws_apply_verify(struct firn_ws_apply *apply, firn_error *err)
{
    return firn_ws_apply_batch_run(apply, "verify", verify_one, err);
}
