/* SPDX-License-Identifier: Apache-2.0
 *
 * txn/txn_conflict.c: whether a transaction may commit.
 *
 * A transaction reads the commits up to its beginning and writes after all commits before its own.
 * The commits between must not matter to it. Snapshot isolation requires that they wrote no key
 * that it writes: if two transactions are open at once and write the same key, the first to commit
 * wins. A serializable transaction also requires that they wrote nothing that it has read. Then all
 * its reads would return the same now, as if it had run alone at its commit. A transaction that
 * wrote nothing never conflicts (as if it had run at its beginning).
 *
 * Only the leader of commits knows which commits come before this one. To keep the leader's work
 * short, the committing thread first checks everything that is published. The leader checks only
 * what was committed since. That is nearly always in memory, and mostly empty: each tree has the
 * sequence of the newest commit that wrote to it (written_at). The leader finds commits of its own
 * group too, because each is applied before the next is checked (db_write.c).
 *
 * The check looks for versions in the trees (lsm_tree_newer.c). So transactions, batches and single
 * puts count alike, and puts cost nothing more. A range delete counts as a write to each of its
 * keys, on either side. Compaction must not drop the evidence: the snapshot of a transaction that
 * may write has keeps_tombstones (base/snapshot.h).
 *
 * (I1) No commit with a sequence up to txn->checked conflicts.
 * (I2) A transaction's snapshot is registered until its commit has ended, so compaction has dropped
 *      nothing that the check looks for.
 *
 * A restore of the store to a checkpoint counts as a write to every key.
 *
 * Keys of tables and indexes are named by their values, as far as the room above has told the
 * schema (fi_db_keyspace_note_schema): a check reads nothing but what it looks for.
 *
 * Locking: none; the leader has the leader's place. A conflict takes the state mutex. Failure:
 * FIRN_CONFLICT, or the error of a run that could not be read: a commit that could not be checked
 * is refused.
 */
#include <string.h>

#include "base/check.h"
#include "base/slice.h"
#include "schema/schema.h"
#include "txn/txn_internal.h"

/* What the transaction did with the key that another commit wrote. */
enum relation { WRITTEN, READ };

struct look {
    struct firn_db *db;
    const struct firn_txn *txn;
    struct fi_snapshot_interval since; /* what may conflict */
    struct fi_buf *key;
    firn_error *err;
};

/* ---- naming the conflict ---- */

enum { KEY_SHOWN_MAX = 48 };

/* As much of a key as fits into a message: printable ASCII as it is, other bytes as \xNN. */
static const char *
show_key(firn_slice key, char out[4 * KEY_SHOWN_MAX + 8])
{
    static const char digits[] = "0123456789abcdef";
    size_t shown = key.size > KEY_SHOWN_MAX ? KEY_SHOWN_MAX : key.size;
    char *at = out;
    for (size_t i = 0; i < shown; i++) {
        uint8_t byte = key.data[i];
        if (byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\') {
            *at++ = (char)byte;
            continue;
        }
        *at++ = '\\';
        *at++ = 'x';
        *at++ = digits[byte >> 4];
        *at++ = digits[byte & 15];
    }
    memcpy(at, shown < key.size ? "..." : "", shown < key.size ? 4 : 1);
    return out;
}

/* What messages say of a tree of a table. */
struct typed {
    struct fi_schema *schema; /* counted; NULL: not known */
    const struct fi_schema_index *index;
    const char *table;
};

static struct typed
find_typed(struct firn_db *db, struct fi_db_tree *tree)
{
    struct typed typed = {.schema = NULL};
    uint32_t index = 0;
    uint32_t table = 0;
    fi_os_mutex_lock(&db->state_mutex);
    if (tree->key_schema != NULL) {
        typed.schema = tree->key_schema;
        fi_schema_ref(typed.schema);
        index = tree->key_index;
        table = tree->key_table;
    }
    fi_os_mutex_unlock(&db->state_mutex);
    typed.table = typed.schema != NULL ? fi_db_handles_name_of(db, table) : "";
    for (size_t i = 0; typed.schema != NULL && i < typed.schema->index_count; i++) {
        typed.index =
            typed.schema->indexes[i].id == index ? &typed.schema->indexes[i] : typed.index;
    }
    if (index != 0 && typed.index == NULL) { /* it was dropped */
        fi_schema_unref(typed.schema);
        typed.schema = NULL;
    }
    return typed;
}

/* Names the key by its values. FIRN_NOT_FOUND: it is not known what it is made of. */
static int
refuse_typed(const struct look *look, struct fi_db_tree *tree, firn_slice key, const char *did)
{
    uint8_t memory[512];
    struct fi_buf shown = fi_buf_borrowed(memory, sizeof memory);
    const struct typed typed = find_typed(look->db, tree);
    int rc = FIRN_NOT_FOUND;
    if (typed.schema != NULL &&
        fi_schema_key_text_append(typed.schema, typed.index, key, &shown) == FIRN_OK) {
        rc = fi_error_set(
            look->err, FIRN_CONFLICT,
            "the %s %.*s of %s%s%stable '%s', which the transaction has %s, was written by another "
            "commit since it began",
            typed.index != NULL ? "entry" : "row with the key", (int)shown.size,
            (const char *)shown.data, typed.index != NULL ? "index '" : "",
            typed.index != NULL ? (const char *)typed.index->name.data : "",
            typed.index != NULL ? "' of " : "", typed.table, did);
    }
    fi_buf_deinit(&shown);
    fi_schema_unref(typed.schema);
    return rc;
}

static int
txn_conflict_refuse(const struct look *look, struct fi_db_tree *tree, firn_slice key,
                    enum relation relation)
{
    char shown[4 * KEY_SHOWN_MAX + 8];
    const char *did = relation == READ ? "read" : "written";
    const char *name = fi_db_handles_name_of(look->db, tree->id);
    if (tree->has_schemas) {
        return fi_error_set(look->err, FIRN_CONFLICT,
                            "the definition of a table, which the transaction has %s, was "
                            "changed by another commit since it began",
                            did);
    }
    int rc = refuse_typed(look, tree, key, did);
    if (rc != FIRN_NOT_FOUND) {
        return rc;
    }
    if (strncmp(name, FI_DB_TABLE_PREFIX, strlen(FI_DB_TABLE_PREFIX)) == 0) {
        return fi_error_set(look->err, FIRN_CONFLICT,
                            "entry \"%s\" of an index, which the transaction has %s, was written "
                            "by another commit since it began",
                            show_key(key, shown), did);
    }
    bool is_table = tree->type == FI_STOREFILE_KEYSPACE_TABLE;
    return fi_error_set(look->err, FIRN_CONFLICT,
                        "%s \"%s\" of %s '%s', which the transaction has %s, was written by "
                        "another commit since it began",
                        is_table ? "the row with the key" : "key", show_key(key, shown),
                        is_table ? "table" : "keyspace", name, did);
}

/* ---- searching ---- */

static bool
is_untouched(const struct look *look, const struct fi_db_tree *tree)
{
    return atomic_load_explicit(&tree->written_at, memory_order_relaxed) < look->since.first;
}

static int
inspect_key(const struct look *look, struct fi_db_tree *tree, firn_slice key,
            enum relation relation)
{
    bool is_written;
    if (is_untouched(look, tree)) {
        return FIRN_OK;
    }
    int rc = fi_lsm_tree_newer_key(tree->lsm_tree, key, &look->since, &is_written, look->err);
    return rc == FIRN_OK && is_written ? txn_conflict_refuse(look, tree, key, relation) : rc;
}

static int
inspect_range(const struct look *look, struct fi_db_tree *tree, const struct fi_lsm_range *bounds,
              enum relation relation)
{
    bool is_written;
    if (is_untouched(look, tree)) {
        return FIRN_OK;
    }
    int rc = fi_lsm_tree_newer_range(tree->lsm_tree, bounds, &look->since, look->key, &is_written,
                                     look->err);
    return rc == FIRN_OK && is_written
               ? txn_conflict_refuse(look, tree, fi_buf_slice(look->key), relation)
               : rc;
}

static int
inspect_writes(const struct look *look)
{
    const struct fi_txn_writes *writes = &look->txn->writes;
    int rc = FIRN_OK;
    fi_txn_writes_place place = fi_txn_writes_first(writes);
    while (place != 0 && rc == FIRN_OK) {
        struct fi_db_tree *tree = fi_txn_writes_op(writes, place)->tree;
        rc = inspect_key(look, tree, fi_txn_writes_key(writes, place), WRITTEN);
        place = fi_txn_writes_next_of_all(writes, place);
    }
    return rc;
}

static int
inspect_deleted_ranges(const struct look *look)
{
    const struct firn_db_batch *batch = &look->txn->writes.batch;
    size_t count = look->txn->writes.range_count > 0 ? fi_db_batch_op_count(batch) : 0;
    int rc = FIRN_OK;
    for (size_t i = 0; i < count && rc == FIRN_OK; i++) {
        const struct fi_db_op *op = fi_db_batch_op(batch, i);
        if (op->kind == FI_ENTRY_RANGE_DELETE) {
            const firn_slice upper = fi_db_batch_value(batch, op);
            const struct fi_lsm_range bounds = {fi_db_batch_key(batch, op), &upper};
            rc = inspect_range(look, op->tree, &bounds, WRITTEN);
        }
    }
    return rc;
}

static int
inspect_reads(const struct look *look)
{
    const struct fi_txn_reads *reads = &look->txn->reads;
    size_t count = fi_txn_reads_count(reads);
    int rc = FIRN_OK;
    for (size_t i = 0; i < count && rc == FIRN_OK; i++) {
        const struct fi_txn_reads_range *range = fi_txn_reads_at(reads, i);
        struct fi_db_tree *tree = range->keyspace->tree;
        const struct fi_lsm_range bounds = {range->lower, range->has_upper ? &range->upper : NULL};
        rc = fi_txn_reads_is_key(range) ? inspect_key(look, tree, range->lower, READ)
                                        : inspect_range(look, tree, &bounds, READ);
    }
    return rc;
}

static int
inspect_all(const struct look *look)
{
    FI_TRY_RETURN(inspect_writes(look));
    FI_TRY_RETURN(inspect_deleted_ranges(look));
    return inspect_reads(look);
}

/* ---- when ---- */

static int
inspect_since(struct firn_db *db, const struct firn_txn *txn, uint64_t up_to, firn_error *err)
{
    DCHECK(txn->state == FI_TXN_OPEN && txn->checked < up_to); /* (I2) */
    struct fi_buf key = {0};
    const struct look look = {
        .db = db, .txn = txn, .since = {txn->checked + 1, up_to}, .key = &key, .err = err};
    int rc = inspect_all(&look);
    fi_buf_deinit(&key);
    return rc;
}

int
fi_txn_conflict_check(struct firn_txn *txn, firn_error *err)
{
    DCHECK(txn->checked >= txn->snapshot.node.sequence); /* (I1) */
    uint64_t published = fi_db_published(txn->db);
    if (published <= txn->checked) {
        return FIRN_OK;
    }
    int rc = inspect_since(txn->db, txn, published, err);
    if (rc == FIRN_OK) {
        txn->checked = published;
    }
    return rc;
}

/* FIRN_CONFLICT if a keyspace that was read was dropped. */
static int
inspect_drops(const struct firn_txn *txn, firn_error *err)
{
    for (size_t i = 0; i < fi_txn_reads_count(&txn->reads); i++) {
        const struct firn_db_keyspace *keyspace = fi_txn_reads_at(&txn->reads, i)->keyspace;
        if (keyspace->tree->is_dropping) {
            return fi_error_set(err, FIRN_CONFLICT,
                                "the keyspace '%s', which the transaction has read, was dropped "
                                "since it began",
                                keyspace->name);
        }
    }
    return FIRN_OK;
}

int
fi_txn_conflict_check_leading(const void *ctx, struct firn_db *db, firn_error *err)
{
    const struct firn_txn *txn = ctx;
    DCHECK(fi_db_is_led(db) && txn->checked >= txn->snapshot.node.sequence); /* (I1) */
    if (db->lead.restored_at > txn->snapshot.node.sequence) {
        return fi_error_set(err, FIRN_CONFLICT,
                            "the store was restored to a checkpoint since the transaction began");
    }
    int rc = inspect_drops(txn, err);
    return rc == FIRN_OK ? inspect_since(db, txn, UINT64_MAX, err) : rc;
}
