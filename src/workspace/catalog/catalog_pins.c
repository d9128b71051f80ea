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
catalog_pins_decode(firn_slice key, firn_slice value, struct fi_catalog_pins_pin *out,
                    firn_error *err)
{
    struct fi_reader reader = fi_reader_of(value);
    uint8_t format = 0;
    uint64_t created;
    if (fi_reader_u8(&reader, &format) && format != PIN_FORMAT) {
        return fi_error_set(err, FIRN_NEWER, "a pin has format %u, this version knows %u", format,
                            PIN_FORMAT);
    }
    if (key.size == FI_CATALOG_KEY_SIZE && format == PIN_FORMAT &&
        fi_reader_copy(&reader, out->id, sizeof out->id) && fi_reader_le64(&reader, &created) &&
        fi_reader_left(&reader) == 0) {
        out->order = fi_load_be64(key.data + FI_CATALOG_WORKSPACE_KEY_SIZE);
        out->created_ns = (int64_t)created;
        return FIRN_OK;
    }
    return fi_error_set(err, FIRN_CORRUPT, "a pin's entry in the catalog is malformed");
}

int
fi_catalog_pins_has(struct fi_catalog *catalog, uint32_t workspace,
                    const struct fi_catalog_record *record, bool *out, firn_error *err)
{
    struct firn_db_keyspace *pins;
    struct fi_catalog_pins_pin pin;
    struct fi_buf value = {0};
    uint8_t bytes[FI_CATALOG_KEY_SIZE];
    firn_slice key = fi_catalog_make_key(workspace, record->order, bytes);
    int rc;
    *out = false;
    FI_TRY(fi_db_keyspace_open_if_any(catalog->db, FI_CATALOG_PINS, &pins, err));
    rc = pins == NULL ? FIRN_NOT_FOUND : fi_db_get(pins, key, &value, err);
    if (rc == FIRN_NOT_FOUND) {
        rc = FIRN_OK;
        goto out;
    }
    FI_TRY(rc);
    FI_TRY(catalog_pins_decode(key, fi_buf_slice(&value), &pin, err));
    *out = true;
    if (memcmp(pin.id, record->id, sizeof pin.id) != 0) {
        rc = fi_error_set(err, FIRN_CORRUPT, "a pin names another checkpoint than its key");
    }
out:
    fi_buf_deinit(&value);
    return rc;
}

firn_slice
fi_catalog_pins_encode(const struct fi_catalog_pins_pin *pin, uint8_t out[FI_CATALOG_PINS_SIZE])
{
    out[0] = PIN_FORMAT;
    memcpy(out + 1, pin->id, sizeof pin->id);
    fi_store_le64(out + 1 + sizeof pin->id, (uint64_t)pin->created_ns);
    return firn_bytes(out, FI_CATALOG_PINS_SIZE);
}

int
fi_catalog_pins_remove(struct fi_catalog *catalog, struct firn_db_batch *batch, uint32_t workspace,
                       uint64_t order, firn_error *err)
{
    uint8_t bytes[FI_CATALOG_KEY_SIZE];
    struct firn_db_keyspace *pins;
    FI_TRY_RETURN(fi_db_keyspace_open_if_any(catalog->db, FI_CATALOG_PINS, &pins, err));
    DCHECK(pins != NULL);
    return fi_db_batch_delete(batch, pins, fi_catalog_make_key(workspace, order, bytes), err);
}

int
fi_catalog_pins_list(struct fi_catalog *catalog, uint32_t workspace,
                     int (*visit)(void *ctx, const struct fi_catalog_pins_pin *pin,
                                  firn_error *err),
                     void *ctx, firn_error *err)
{
    uint8_t number[FI_CATALOG_WORKSPACE_KEY_SIZE];
    fi_store_be32(number, workspace);
    firn_slice prefix = firn_bytes(number, sizeof number);
    struct fi_db_cursor_options options = {.prefix = &prefix};
    struct firn_db_keyspace *pins;
    struct firn_db_cursor *cursor = NULL;
    int rc;
    FI_TRY(fi_db_keyspace_open_if_any(catalog->db, FI_CATALOG_PINS, &pins, err));
    if (pins == NULL) {
        return FIRN_OK;
    }
    FI_TRY(fi_db_cursor_open(pins, &options, &cursor, err));
    for (rc = fi_db_cursor_last(cursor, err); rc == FIRN_OK && fi_db_cursor_valid(cursor);
         rc = fi_db_cursor_prev(cursor, err)) {
        struct fi_catalog_pins_pin pin;
        FI_TRY(
            catalog_pins_decode(fi_db_cursor_key(cursor), fi_db_cursor_value(cursor), &pin, err));
        FI_TRY(visit(ctx, &pin, err));
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}
