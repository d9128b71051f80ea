/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_facts.c: changes of tags, pins and deletions, and the paths of restores, for
 * undo.
 *
 * A step is entered in the commit that makes its changes, with an order of its workspace as if it
 * were a checkpoint (I1; not checked: the two are in one batch). So orders say what came after
 * what, and the undo line adds the steps that are newer than itself as it adds checkpoints
 * (ws_undo_line.c).
 *
 * A restore of some paths leads to a state, which is a checkpoint; its entry has the order of that,
 * and only adds the paths. It is entered in the commit that ends the restore.
 *
 * What is not asked for by a person or a program is no step: expiry, tags that are part of a save,
 * a repair, an undo. An entry that this version cannot read counts as missing, and its step is
 * passed over. A version that does not know the keyspace leaves it alone.
 */
#include "catalog/catalog_facts.h"

#include <string.h>

#include "base/bytes.h"
#include "base/check.h"
#include "catalog/catalog_internal.h"

enum { FORMAT = 1 };

void
fi_catalog_facts_deinit(struct fi_catalog_facts *facts)
{
    fi_buf_deinit(&facts->bytes);
    fi_buf_deinit(&facts->changes);
}

firn_slice
fi_catalog_facts_name(uint64_t order, const uint8_t *id, uint8_t out[FI_CATALOG_FACTS_NAME_SIZE])
{
    fi_store_be64(out, order);
    memcpy(out + 8, id, FI_CATALOG_RECORD_ID_SIZE);
    return firn_bytes(out, FI_CATALOG_FACTS_NAME_SIZE);
}

bool
fi_catalog_facts_read_name(firn_slice name, uint64_t *out_order, const uint8_t **out_id)
{
    if (name.size != FI_CATALOG_FACTS_NAME_SIZE) {
        return false;
    }
    *out_order = fi_load_be64(name.data);
    *out_id = name.data + 8;
    return true;
}

/* ---- values ---- */

static int
make_key(uint32_t workspace, firn_workspace_step_kind kind, firn_slice name, struct fi_buf *out,
         firn_error *err)
{
    DCHECK(kind == FIRN_STEP_TAG || kind == FIRN_STEP_PIN);
    if (kind == FIRN_STEP_PIN) { /* its key has the order; the id is in the value */
        name.size = name.size < 8 ? name.size : 8;
    }
    return fi_catalog_tags_make_key(workspace, name, out, err);
}

static int
open_values(struct fi_catalog *catalog, firn_workspace_step_kind kind,
            struct firn_db_keyspace **out, firn_error *err)
{
    return fi_db_keyspace_open_if_any(
        catalog->db, kind == FIRN_STEP_TAG ? FI_CATALOG_TAGS : FI_CATALOG_PINS, out, err);
}

int
fi_catalog_facts_value(struct fi_catalog *catalog, uint32_t workspace,
                       firn_workspace_step_kind kind, firn_slice name, struct fi_buf *out,
                       firn_error *err)
{
    struct firn_db_keyspace *values;
    struct fi_buf key = {0};
    int rc;
    fi_buf_clear(out);
    FI_TRY(open_values(catalog, kind, &values, err));
    if (values != NULL) {
        FI_TRY(make_key(workspace, kind, name, &key, err));
        rc = fi_db_get(values, fi_buf_slice(&key), out, err);
        rc = rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
    }
out:
    fi_buf_deinit(&key);
    return rc;
}

int
fi_catalog_facts_note(struct fi_catalog_facts *facts, const struct fi_catalog_facts_change *change,
                      firn_error *err)
{
    return fi_buf_append_sized(&facts->changes, change->name) == FIRN_OK &&
                   fi_buf_append_sized(&facts->changes, change->before) == FIRN_OK &&
                   fi_buf_append_sized(&facts->changes, change->after) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(err, "a step");
}

int
fi_catalog_facts_set(struct fi_catalog *catalog, struct firn_db_batch *batch, uint32_t workspace,
                     struct fi_catalog_facts *facts, firn_slice name, firn_slice value,
                     firn_error *err)
{
    struct firn_db_keyspace *values;
    struct fi_buf before = {0};
    struct fi_buf key = {0};
    int rc;
    FI_TRY(fi_catalog_facts_value(catalog, workspace, facts->kind, name, &before, err));
    if (fi_slice_equal(fi_buf_slice(&before), value)) {
        goto out;
    }
    FI_TRY(open_values(catalog, facts->kind, &values, err));
    FI_TRY(make_key(workspace, facts->kind, name, &key, err));
    DCHECK(values != NULL && workspace != 0);
    FI_TRY(value.size > 0 ? fi_db_batch_put(batch, values, fi_buf_slice(&key), value, err)
                          : fi_db_batch_delete(batch, values, fi_buf_slice(&key), err));
    const struct fi_catalog_facts_change change = {name, fi_buf_slice(&before), value};
    rc = fi_catalog_facts_note(facts, &change, err);
out:
    fi_buf_deinit(&before);
    fi_buf_deinit(&key);
    return rc;
}

/* ---- steps ---- */

/* Visits the orders of the steps of a workspace, newest first, until visit returns false. */
static int
catalog_facts_walk(struct fi_catalog *catalog, uint32_t workspace,
                   bool (*visit)(void *ctx, uint64_t order, firn_slice key), void *ctx,
                   firn_error *err)
{
    uint8_t number[FI_CATALOG_WORKSPACE_KEY_SIZE];
    fi_store_be32(number, workspace);
    firn_slice prefix = firn_bytes(number, sizeof number);
    struct fi_db_cursor_options options = {.prefix = &prefix, .keys_only = true};
    struct firn_db_keyspace *steps;
    struct firn_db_cursor *cursor = NULL;
    int rc;
    FI_TRY(fi_db_keyspace_open_if_any(catalog->db, FI_CATALOG_FACTS, &steps, err));
    if (steps == NULL) {
        return FIRN_OK;
    }
    FI_TRY(fi_db_cursor_open(steps, &options, &cursor, err));
    for (rc = fi_db_cursor_last(cursor, err); rc == FIRN_OK && fi_db_cursor_valid(cursor);
         rc = fi_db_cursor_prev(cursor, err)) {
        firn_slice key = fi_db_cursor_key(cursor);
        if (key.size == FI_CATALOG_KEY_SIZE &&
            !visit(ctx, fi_load_be64(key.data + FI_CATALOG_WORKSPACE_KEY_SIZE), key)) {
            break;
        }
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}

static bool
is_kind(firn_workspace_step_kind kind)
{
    return kind == FIRN_STEP_RESTORE || fi_catalog_facts_is_kind(kind);
}

static bool
has_room(const struct fi_catalog_facts *facts)
{
    return facts->changes.size > 0 && facts->changes.size <= FI_CATALOG_FACTS_SIZE_MAX;
}

struct dropping {
    struct firn_db_batch *batch;
    struct firn_db_keyspace *steps;
    size_t met;
    int rc;
    firn_error *err;
};

static bool
drop_old(void *ctx, uint64_t order, firn_slice key)
{
    struct dropping *dropping = ctx;
    (void)order;
    if (++dropping->met >= FI_CATALOG_FACTS_STEPS_MAX) {
        dropping->rc = fi_db_batch_delete(dropping->batch, dropping->steps, key, dropping->err);
    }
    return dropping->rc == FIRN_OK;
}

int
fi_catalog_facts_put_at(struct fi_catalog *catalog, struct firn_db_batch *batch, uint32_t workspace,
                        uint64_t order, const struct fi_catalog_facts *facts, int64_t now_ns,
                        firn_error *err)
{
    struct dropping dropping = {.batch = batch, .err = err};
    struct fi_buf value = {0};
    uint8_t key[FI_CATALOG_KEY_SIZE];
    int rc;
    DCHECK(workspace != 0 && is_kind(facts->kind));
    if (!has_room(facts)) {
        return FIRN_OK;
    }
    if (fi_buf_append_u8(&value, FORMAT) != FIRN_OK ||
        fi_buf_append_u8(&value, (uint8_t)facts->kind) != FIRN_OK ||
        fi_buf_append_le64(&value, (uint64_t)now_ns) != FIRN_OK ||
        fi_buf_append_slice(&value, fi_buf_slice(&facts->changes)) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a step");
        goto out;
    }
    FI_TRY(fi_db_keyspace_open(catalog->db, FI_CATALOG_FACTS, &dropping.steps, err));
    FI_TRY(catalog_facts_walk(catalog, workspace, drop_old, &dropping, err));
    FI_TRY(dropping.rc);
    rc = fi_db_batch_put(batch, dropping.steps, fi_catalog_make_key(workspace, order, key),
                         fi_buf_slice(&value), err);
out:
    fi_buf_deinit(&value);
    return rc;
}

int
fi_catalog_facts_put(struct fi_catalog *catalog, struct firn_db_batch *batch, firn_slice root,
                     struct fi_catalog_workspace *workspace, const struct fi_catalog_facts *facts,
                     int64_t now_ns, firn_error *err)
{
    struct fi_catalog_workspace after = *workspace;
    if (!has_room(facts)) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_catalog_facts_put_at(catalog, batch, after.number, after.next_order++, facts,
                                          now_ns, err));
    FI_TRY_RETURN(fi_catalog_workspaces_put(catalog, batch, root, &after, err));
    *workspace = after;
    return FIRN_OK;
}

static bool
catalog_facts_decode(struct fi_catalog_facts *facts)
{
    struct fi_reader reader = fi_reader_of(fi_buf_slice(&facts->bytes));
    uint8_t format;
    uint8_t kind;
    uint64_t time;
    if (!fi_reader_u8(&reader, &format) || format != FORMAT || !fi_reader_u8(&reader, &kind) ||
        !is_kind(kind) || !fi_reader_le64(&reader, &time)) {
        return false;
    }
    facts->kind = kind;
    facts->time_ns = (int64_t)time;
    struct fi_catalog_facts_change change;
    reader = fi_catalog_facts_read(facts);
    while (fi_reader_left(&reader) > 0) {
        if (!fi_catalog_facts_next(&reader, &change)) {
            return false;
        }
    }
    return true;
}

int
fi_catalog_facts_get(struct fi_catalog *catalog, uint32_t workspace, uint64_t order,
                     struct fi_catalog_facts *out, firn_error *err)
{
    struct firn_db_keyspace *steps;
    uint8_t key[FI_CATALOG_KEY_SIZE];
    int rc;
    fi_buf_clear(&out->bytes);
    fi_buf_clear(&out->changes);
    FI_TRY(fi_db_keyspace_open_if_any(catalog->db, FI_CATALOG_FACTS, &steps, err));
    rc = steps == NULL
             ? FIRN_NOT_FOUND
             : fi_db_get(steps, fi_catalog_make_key(workspace, order, key), &out->bytes, err);
    if (rc == FIRN_NOT_FOUND || (rc == FIRN_OK && !catalog_facts_decode(out))) {
        rc = fi_error_set(err, FIRN_NOT_FOUND, "there is no such step");
    }
out:
    return rc;
}

struct fi_reader
fi_catalog_facts_read(const struct fi_catalog_facts *facts)
{
    enum { HEAD = 10 };
    firn_slice bytes = fi_buf_slice(&facts->bytes);
    DCHECK(bytes.size >= HEAD);
    return fi_reader_of(firn_bytes(bytes.data + HEAD, bytes.size - HEAD));
}

bool
fi_catalog_facts_next(struct fi_reader *reader, struct fi_catalog_facts_change *out)
{
    return fi_reader_sized(reader, FI_CATALOG_FACTS_SIZE_MAX, &out->name) &&
           fi_reader_sized(reader, FI_CATALOG_FACTS_SIZE_MAX, &out->before) &&
           fi_reader_sized(reader, FI_CATALOG_FACTS_SIZE_MAX, &out->after);
}

struct newer {
    struct fi_buf *orders;
    uint64_t than;
    bool is_out_of_memory;
};

static bool
note_newer(void *ctx, uint64_t order, firn_slice key)
{
    struct newer *newer = ctx;
    (void)key;
    if (order > newer->than) {
        newer->is_out_of_memory = fi_buf_append(newer->orders, &order, sizeof order) != FIRN_OK;
    }
    return order > newer->than && !newer->is_out_of_memory;
}

int
fi_catalog_facts_newer(struct fi_catalog *catalog, uint32_t workspace, uint64_t order,
                       struct fi_buf *out, firn_error *err)
{
    struct newer newer = {.orders = out, .than = order};
    int rc = catalog_facts_walk(catalog, workspace, note_newer, &newer, err);
    return newer.is_out_of_memory ? fi_error_no_memory(err, "an undo line") : rc;
}
