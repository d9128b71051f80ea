/* SPDX-License-Identifier: Apache-2.0
 *
 * txn/txn_merge.c: merge operands among the writes of a transaction.
 *
 * A commit has one version of a key. So a merge is combined with the transaction's last write to
 * its key, as in a batch (db_batch.c), but as another operation after that write: rolling back to a
 * savepoint brings the write back. If the transaction has not written the key, the merge stays a
 * merge. The commit then adds to the present value. That is the value that the transaction sees,
 * since a write of another commit to the key would be a conflict.
 *
 * Each read of such a key combines the snapshot's value with the operand. As elsewhere, a merge
 * drops a time to live.
 */
#include "base/check.h"
#include "merge/merge.h"
#include "txn/txn_internal.h"

static int
refuse_mixture(firn_error *err)
{
    return fi_error_set(err, FIRN_INVALID,
                        "a transaction cannot merge into a value that it put with a time to "
                        "live, or merged by another operator");
}

/* Combines a merge with an earlier merge of the transaction: one operand for both. */
static int
txn_merge_join(struct fi_merge_fold *fold, firn_slice older, struct fi_buf *out, firn_error *err)
{
    if (!fi_merge_fold_joins(fold, older, FIRN_VALUE_SIZE_MAX)) {
        return refuse_mixture(err);
    }
    int rc = fi_merge_fold_push(fold, older, err);
    return rc == FIRN_OK ? fi_merge_fold_operand(fold, out, err) : rc;
}

static bool
expires(const struct fi_txn_writes *writes, const struct fi_db_tree *tree, firn_slice key)
{
    fi_txn_writes_place place = fi_txn_writes_seek(writes, tree, key);
    DCHECK(place != 0);
    return fi_txn_writes_op(writes, place)->kind == FI_ENTRY_EXPIRING;
}

int
fi_txn_merge_add(struct fi_txn_writes *writes, struct firn_db_keyspace *keyspace, firn_slice key,
                 firn_slice merge, size_t *out_grown, firn_error *err)
{
    struct fi_merge_fold fold = {0};
    struct fi_buf made = {0};
    firn_slice value;
    struct fi_entry entry = {.key = key, .kind = FI_ENTRY_PUT};
    bool has_grown = true;
    int rc;
    FI_TRY(fi_merge_fold_push(&fold, merge, err));
    switch (fi_txn_writes_get(writes, keyspace->tree, key, &value)) {
    case FI_TXN_WRITES_NOTHING:
        has_grown = false;
        entry.kind = FI_ENTRY_MERGE;
        FI_TRY(fi_merge_fold_operand(&fold, &made, err));
        break;
    case FI_TXN_WRITES_DELETED:
        has_grown = false;
        FI_TRY(fi_merge_fold_apply(&fold, NULL, &made, err));
        break;
    case FI_TXN_WRITES_PUT:
        FI_TRY(expires(writes, keyspace->tree, key) ? refuse_mixture(err) : FIRN_OK);
        FI_TRY(fi_merge_fold_apply(&fold, &value, &made, err));
        break;
    case FI_TXN_WRITES_MERGED:
        entry.kind = FI_ENTRY_MERGE;
        FI_TRY(txn_merge_join(&fold, value, &made, err));
        break;
    }
    entry.value = fi_buf_slice(&made);
    FI_TRY(fi_txn_writes_add(writes, keyspace, &entry, err));
    *out_grown = has_grown ? made.size : 0;
out:
    fi_merge_fold_deinit(&fold);
    fi_buf_deinit(&made);
    return rc;
}

int
fi_txn_merge_into(firn_slice merge, const firn_slice *value, struct fi_buf *out, firn_error *err)
{
    DCHECK(value == NULL || value->size == 0 || value->data != out->data);
    struct fi_merge_fold fold = {0};
    int rc;
    FI_TRY(fi_merge_fold_push(&fold, merge, err));
    FI_TRY(fi_merge_fold_apply(&fold, value, out, err));
out:
    fi_merge_fold_deinit(&fold);
    return rc;
}
