/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_cat.c: a file of a checkpoint of a remote, read where it is (far.h). The store gets
 * nothing of it; what is fetched is in a temporary file.
 *
 * Of the remote the newest state is read, the ends of packs with their directories, and what the
 * file itself takes.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "operations/operations.h"
#include "share/share_internal.h"
#include "tree/tree.h"

enum { ZEROS_FOR_WORK = 2 };

struct reading {
    struct fi_share *share;
    struct fi_share_stage stage;
    struct fi_far *far;
    firn_write_bytes write;
    void *ctx;
};

static int
take_piece(void *ctx, uint64_t offset, firn_slice data, firn_error *err)
{
    const struct reading *reading = ctx;
    (void)offset;
    if (data.data != NULL) {
        return reading->write(reading->ctx, data, err);
    }
    for (size_t left = data.size; left > 0;) {
        const size_t size = left < FI_ZEROS_SIZE ? left : FI_ZEROS_SIZE;
        FI_TRY_RETURN(fi_budget_spend(fi_far_budget(reading->far), size / ZEROS_FOR_WORK, err));
        FI_TRY_RETURN(reading->write(reading->ctx, firn_bytes(fi_zeros(), size), err));
        left -= size;
    }
    return FIRN_OK;
}

static int
cat_opened(struct reading *reading, const char *reference, firn_slice path,
           firn_workspace_entry **out, firn_error *err)
{
    struct fi_share *share = reading->share;
    struct fi_share_found found;
    struct fi_tree_lookup lookup = {0};
    firn_workspace_entry info;
    int rc;
    FI_TRY(fi_share_stage_open_beside(share, &reading->stage, err));
    FI_TRY(fi_remote_sync(&share->remote, err));
    FI_TRY(fi_share_look(share, err));
    FI_TRY(fi_share_find(share, reference, &found, err));
    FI_TRY(fi_share_mark_open(share, reading->stage.dir, NULL, &reading->far, err));
    fi_tree_lookup_init(&lookup, fi_far_trees(reading->far), &found.record.root.hash);
    FI_TRY(fi_ws_cat_find(&lookup, path, &info, err));
    FI_TRY(fi_ws_given_entry(share->ws, &info, out, err));
    rc = fi_far_stream(reading->far, &info.hash, info.size_bytes, take_piece, reading, err);
out:
    fi_tree_lookup_deinit(&lookup);
    return rc;
}

int
fi_share_cat(struct firn_ws *ws, const char *name, const char *reference, firn_slice path,
             firn_write_bytes write, void *ctx, firn_workspace_entry **out, uint64_t *out_requests,
             firn_error *err)
{
    static const firn_callbacks none = FIRN_CALLBACKS_INIT;
    struct fi_share share;
    struct reading reading = {.share = &share, .write = write, .ctx = ctx};
    *out = NULL;
    FI_TRY_RETURN(fi_share_open(ws, name, FI_WS_READ, 0, &none, &share, err));
    fi_remote_table_clear(&share.remote.uploads); /* no state names them: they do not count */
    int rc = cat_opened(&reading, reference, path, out, err);
    if (out_requests != NULL) {
        *out_requests = share.bucket->request_count;
    }
    fi_far_destroy(reading.far);
    fi_share_stage_close(&reading.stage);
    return fi_share_close(&share, rc, err);
}
