/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_pins.c: the pins of a workspace, in a keyspace of their own.
 *
 * The key of a pin is the order of its checkpoint, which is never reused, so one look-up finds out
 * whether a checkpoint is pinned. The value repeats the checkpoint's id: if the checkpoint with
 * that order has another id, the pin is damaged.
 *
 * A store in which nothing was pinned may have no such keyspace: a reader finds no pins.
 */
#include "base/bytes.h"
#include "base/check.h"
#include "base/reader.h"
#include "catalog/catalog_internal.h"

enum { PIN_FORMAT = 1 };

static int
decode(firn_slice key, firn_slice value, struct firn_catalog_pins_pin *out, firn_error *err)
{
    struct firn_reader reader = firn_reader_of(value);
    uint8_t format = 0;
    uint64_t created;
    if (firn_reader_u8(&reader, &format) && format != PIN_FORMAT) {
        return firn_error_set(err, FIRN_NEWER, "a pin has format %u, this version knows %u", format,
                              PIN_FORMAT);
    }
    if (key.size == FIRN_CATALOG_KEY_SIZE && format == PIN_FORMAT &&
        firn_reader_copy(&reader, out->id, sizeof out->id) && firn_reader_le64(&reader, &created) &&
        firn_reader_left(&reader) == 0) {
        out->order = firn_load_be64(key.data + FIRN_CATALOG_WORKSPACE_KEY_SIZE);
        out->created_ns = (int64_t)created;
        return FIRN_OK;
    }
    return firn_error_set(err, FIRN_CORRUPT, "a pin's entry in the catalog is malformed");
}

int
firn_catalog_pins_has(struct firn_catalog *catalog, uint32_t workspace,
                      const struct firn_catalog_record *record, bool *out, firn_error *err)
{
    struct firn_db_keyspace *pins;
    struct firn_catalog_pins_pin pin;
    struct firn_buf value = {0};
    uint8_t bytes[FIRN_CATALOG_KEY_SIZE];
    firn_slice key = firn_catalog_make_key(workspace, record->order, bytes);
    int rc;
    *out = false;
    FIRN_TRY(firn_db_keyspace_open_if_any(catalog->db, FIRN_CATALOG_PINS, &pins, err));
    rc = pins == NULL ? FIRN_NOT_FOUND : firn_db_get(pins, key, &value, err);
    if (rc == FIRN_NOT_FOUND) {
        rc = FIRN_OK;
        goto out;
    }
    FIRN_TRY(rc);
    FIRN_TRY(decode(key, firn_buf_slice(&value), &pin, err));
    *out = true;
    if (memcmp(pin.id, record->id, sizeof pin.id) != 0) {
        rc = firn_error_set(err, FIRN_CORRUPT, "a pin names another checkpoint than its key");
    }
out:
    firn_buf_deinit(&value);
    return rc;
}

firn_slice
firn_catalog_pins_encode(const struct firn_catalog_pins_pin *pin,
                         uint8_t out[FIRN_CATALOG_PINS_SIZE])
{
    out[0] = PIN_FORMAT;
    memcpy(out + 1, pin->id, sizeof pin->id);
    firn_store_le64(out + 1 + sizeof pin->id, (uint64_t)pin->created_ns);
    return firn_bytes(out, FIRN_CATALOG_PINS_SIZE);
}

int
firn_catalog_pins_remove(struct firn_catalog *catalog, struct firn_db_batch *batch,
                         uint32_t workspace, uint64_t order, firn_error *err)
{
    uint8_t bytes[FIRN_CATALOG_KEY_SIZE];
    struct firn_db_keyspace *pins;
    FIRN_TRY_RETURN(firn_db_keyspace_open_if_any(catalog->db, FIRN_CATALOG_PINS, &pins, err));
    DCHECK(pins != NULL);
    return firn_db_batch_delete(batch, pins, firn_catalog_make_key(workspace, order, bytes), err);
}

int
firn_catalog_pins_list(struct firn_catalog *catalog, uint32_t workspace,
                       int (*visit)(void *ctx, const struct firn_catalog_pins_pin *pin,
                                    firn_error *err),
                       void *ctx, firn_error *err)
{
    uint8_t number[FIRN_CATALOG_WORKSPACE_KEY_SIZE];
    firn_store_be32(number, workspace);
    firn_slice prefix = firn_bytes(number, sizeof number);
    struct firn_db_cursor_options options = {.prefix = &prefix};
    struct firn_db_keyspace *pins;
    struct firn_db_cursor *cursor = NULL;
    int rc;
    FIRN_TRY(firn_db_keyspace_open_if_any(catalog->db, FIRN_CATALOG_PINS, &pins, err));
    if (pins == NULL) {
        return FIRN_OK;
    }
    FIRN_TRY(firn_db_cursor_open(pins, &options, &cursor, err));
    for (rc = firn_db_cursor_last(cursor, err); rc == FIRN_OK && firn_db_cursor_valid(cursor);
         rc = firn_db_cursor_prev(cursor, err)) {
        struct firn_catalog_pins_pin pin;
        FIRN_TRY(decode(firn_db_cursor_key(cursor), firn_db_cursor_value(cursor), &pin, err));
        FIRN_TRY(visit(ctx, &pin, err));
    }
out:
    firn_db_cursor_close(cursor);
    return rc;
}
