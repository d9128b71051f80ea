/* SPDX-License-Identifier: Apache-2.0
 *
 * commit/db_put.c: a commit of one put.
 */
#include "commit/db_commit_handle.h"

#include "base/check.h"

int
fi_db_put(struct firn_db_keyspace *keyspace, firn_slice key, firn_slice value,
          firn_durability durability, firn_error *err)
{
    enum { SMALL = 512 };
    uint8_t body[SMALL + FI_STOREFILE_OP_FRAME_MAX];
    struct fi_db_op op;
    struct firn_db_batch batch = {0};
    /* A small entry needs no allocation: the batch borrows memory for it. */
    bool is_small = key.size <= SMALL && value.size <= SMALL - key.size;
    int rc;
    if (is_small) {
        batch.body = fi_buf_borrowed(body, sizeof body);
        batch.ops = fi_buf_borrowed(&op, sizeof op);
    }
    FI_TRY(fi_db_batch_put(&batch, keyspace, key, value, err));
    FI_TRY(fi_db_write(keyspace->db, &batch, durability, err));
out:
    /* Neither has outgrown its borrowed memory. */
    DCHECK(!is_small || (batch.body.is_borrowed && batch.ops.is_borrowed));
    if (!is_small) {
        fi_db_batch_deinit(&batch);
    }
    return rc;
}

int
fi_db_put_ttl(struct firn_db_keyspace *keyspace, firn_slice key, firn_slice value, uint64_t ttl_ms,
              firn_durability durability, firn_error *err)
{
    if (ttl_ms == 0) {
        return fi_db_put(keyspace, key, value, durability, err);
    }
    struct firn_db_batch batch = {0};
    int rc;
    FI_TRY(fi_db_batch_put_ttl(&batch, keyspace, key, value, ttl_ms, err));
    FI_TRY(fi_db_write(keyspace->db, &batch, durability, err));
out:
    fi_db_batch_deinit(&batch);
    return rc;
}
