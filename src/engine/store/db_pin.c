/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_pin.c: reading one key without a copy.
 *
 * A value that lies in a block of the cache is handed out where it lies: the block is pinned, and a
 * pinned block stays, even if its file is removed. Values in memtables are copied, because a memtable
 * goes as a whole, and one reader must not keep all of it. So are values that expire, that merge operands
 * make, that history holds, and that are too large for the cache.
 *
 * A pin counts as a user of the store, and of its memory: a block that is pinned belongs to the budget
 * of the cache, and cannot give way. Where so many are pinned that blocks find no room in the cache,
 * further ones lie in memory beyond it (block_cache.h).
 *
 * The reading itself has a view that is registered: unlike that of db_get.c it takes a mutex, which is little
 * beside the copy that it saves.
 */
#include "base/check.h"
#include "base/mem.h"
#include "store/db_internal.h"

static int
get_pinned(struct firn_db_keyspace *keyspace, const struct firn_db_view_node *node, firn_slice key,
           struct firn_db_pin *pin, firn_error *err)
{
    struct firn_db_tree *tree;
    int rc;
    FIRN_TRY(firn_db_get_tree(keyspace, node->image, &node->view, &tree, err));
    rc = tree == NULL ? FIRN_NOT_FOUND
                      : firn_lsm_tree_get_pinned(tree->lsm_tree, key, &node->view, node->time_ms,
                                                 &pin->pinned, &pin->copy, err);
out:
    return rc;
}

int
firn_db_pin_get(struct firn_db_keyspace *keyspace, struct firn_db_view *view, firn_slice key,
                struct firn_db_pin **out, firn_slice *out_value, firn_error *err)
{
    struct firn_db *db = keyspace->db;
    struct firn_db_pin *pin;
    int rc;
    *out = NULL;
    *out_value = firn_bytes(NULL, 0);
    if (view != NULL && view->db != db) {
        return firn_error_set(err, FIRN_INVALID, "the view is one of another store");
    }
    pin = firn_alloc_zeroed(sizeof *pin);
    if (pin == NULL) {
        return firn_error_no_memory(err, "a pin");
    }
    firn_os_process_init_mark(&pin->mark);
    pin->db = db;
    /* Relaxed: closing while another thread reads is not allowed. */
    atomic_fetch_add_explicit(&db->pin_count, 1, memory_order_relaxed);
    if (view != NULL && !keyspace->is_system) {
        rc = get_pinned(keyspace, &view->node, key, pin, err);
    } else {
        struct firn_db_view_node node = {0};
        firn_db_view_register(db, &node, keyspace->tree, keyspace->is_system);
        rc = get_pinned(keyspace, &node, key, pin, err);
        firn_db_view_unregister(db, &node);
    }
    if (rc != FIRN_OK) {
        firn_db_pin_release(pin);
        return rc == FIRN_NOT_FOUND ? firn_db_get_refuse_missing(keyspace, err) : rc;
    }
    *out_value = pin->pinned.pin.data != NULL ? pin->pinned.value : firn_buf_slice(&pin->copy);
    if (out_value->data == NULL) {
        /* An empty copy has no memory; a value that is there has an address. */
        static const uint8_t nothing = 0;
        DCHECK(out_value->size == 0);
        out_value->data = &nothing;
    }
    *out = pin;
    return FIRN_OK;
}

void
firn_db_pin_release(struct firn_db_pin *pin)
{
    if (pin == NULL) {
        return;
    }
    struct firn_db *db = pin->db;
    firn_block_cache_unpin(db->cache, &pin->pinned.pin);
    firn_buf_deinit(&pin->copy);
    firn_free(pin);
    uint64_t before = atomic_fetch_sub_explicit(&db->pin_count, 1, memory_order_release);
    DCHECK(before > 0);
}
