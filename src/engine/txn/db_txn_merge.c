/* SPDX-License-Identifier: Apache-2.0
 *
 * txn/db_txn_merge.c: merge operands among the writes of a transaction.
 *
 * A commit has one version of a key. So a merge becomes what it and the transaction's last write to
 * its key amount to, as in a batch (db_batch_merge.c), but as an operation of its own behind the
 * other: going back to a savepoint brings the other one back. Upon nothing that the transaction wrote
 * it stays a merge: the commit adds to what is there then, which is what the transaction sees, since
 * nobody else may have written the key.
 *
 * What the transaction reads of such a key is made of its view and the operand, each time it is
 * read. That a merge does not carry a time to live on is thus as it is elsewhere.
 */
#include "txn/db_txn_merge.h"

#include "base/check.h"
#include "merge/merge_fold.h"

static int
refuse_mixture(firn_error *err)
{
    return firn_error_set(err, FIRN_INVALID,
                          "a transaction cannot merge into what it has put with an expiry, or "
                          "merged otherwise, before");
}

static int
add(struct firn_db_txn_writes *writes, struct firn_db_keyspace *keyspace, firn_slice key,
    enum firn_entry_kind kind, firn_slice value, firn_error *err)
{
    const struct firn_entry entry = {.key = key, .value = value, .kind = kind};
    return firn_db_txn_writes_add(writes, keyspace, &entry, err);
}

/* Upon a merge of the transaction: one operand for both. */
static int
join(struct firn_merge_fold *fold, firn_slice older, struct firn_buf *out, firn_error *err)
{
    if (!firn_merge_fold_joins(fold, older, FIRN_VALUE_SIZE_MAX)) {
        return refuse_mixture(err);
    }
    int rc = firn_merge_fold_push(fold, older, err);
    return rc == FIRN_OK ? firn_merge_fold_operand(fold, out, err) : rc;
}

static bool
expires(const struct firn_db_txn_writes *writes, const struct firn_db_tree *tree, firn_slice key)
{
    firn_db_txn_writes_place place = firn_db_txn_writes_seek(writes, tree, key);
    DCHECK(place != 0);
    return firn_db_txn_writes_op(writes, place)->kind == FIRN_ENTRY_EXPIRING;
}

int
firn_db_txn_merge_add(struct firn_db_txn_writes *writes, struct firn_db_keyspace *keyspace,
                      firn_slice key, firn_slice merge, firn_error *err)
{
    struct firn_merge_fold fold = {0};
    struct firn_buf made = {0};
    firn_slice value;
    enum firn_entry_kind kind = FIRN_ENTRY_PUT;
    int rc;
    FIRN_TRY(firn_merge_fold_push(&fold, merge, err));
    switch (firn_db_txn_writes_get(writes, keyspace->tree, key, &value)) {
    case FIRN_DB_TXN_WRITES_NOTHING:
        kind = FIRN_ENTRY_MERGE;
        FIRN_TRY(firn_merge_fold_operand(&fold, &made, err));
        break;
    case FIRN_DB_TXN_WRITES_DELETED:
        FIRN_TRY(firn_merge_fold_apply(&fold, NULL, &made, err));
        break;
    case FIRN_DB_TXN_WRITES_PUT:
        FIRN_TRY(expires(writes, keyspace->tree, key) ? refuse_mixture(err) : FIRN_OK);
        FIRN_TRY(firn_merge_fold_apply(&fold, &value, &made, err));
        break;
    case FIRN_DB_TXN_WRITES_MERGED:
        kind = FIRN_ENTRY_MERGE;
        FIRN_TRY(join(&fold, value, &made, err));
        break;
    }
    FIRN_TRY(add(writes, keyspace, key, kind, firn_buf_slice(&made), err));
out:
    firn_merge_fold_deinit(&fold);
    firn_buf_deinit(&made);
    return rc;
}

int
firn_db_txn_merge_into(firn_slice merge, const firn_slice *value, struct firn_buf *out,
                       firn_error *err)
{
    DCHECK(value == NULL || value->size == 0 || value->data != out->data);
    struct firn_merge_fold fold = {0};
    int rc;
    FIRN_TRY(firn_merge_fold_push(&fold, merge, err));
    FIRN_TRY(firn_merge_fold_apply(&fold, value, out, err));
out:
    firn_merge_fold_deinit(&fold);
    return rc;
}
