/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_pins.c: the pins of a workspace, in a keyspace of their own.
 *
 * A pin stands under the order of its checkpoint, which is never given again, so that one look-up
 * tells whether a checkpoint is pinned. The id that stands in it says the same once more: a pin
 * whose checkpoint is another one is damage.
 *
 * A store in which nothing was pinned may have no such keyspace: a reader meets nothing.
 */
#include "catalog/catalog_pins.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/reader.h"
#include "base/slice.h"

enum { PIN_FORMAT = 1, WORKSPACE_SIZE = 4, KEY_SIZE = 12 };

static const char keyspace_name[] = FIRN_DB_SYSTEM_PREFIX "pins";

/* *out is NULL where there are none. */
static int
open_pins(struct firn_catalog *catalog, struct firn_db_keyspace **out, firn_error *err)
{
    struct firn_db *db = firn_catalog_db(catalog);
    int rc = firn_db_keyspace_open(db, keyspace_name, out, err);
    if (rc == FIRN_NOT_FOUND && firn_db_is_read_only(db)) {
        *out = NULL;
        return FIRN_OK;
    }
    return rc;
}

static firn_slice
make_key(uint32_t workspace, uint64_t order, uint8_t out[KEY_SIZE])
{
    firn_store_be32(out, workspace);
    firn_store_be64(out + WORKSPACE_SIZE, order);
    return firn_bytes(out, KEY_SIZE);
}

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
    if (key.size == KEY_SIZE && format == PIN_FORMAT &&
        firn_reader_copy(&reader, out->id, sizeof out->id) && firn_reader_le64(&reader, &created) &&
        firn_reader_left(&reader) == 0) {
        out->order = firn_load_be64(key.data + WORKSPACE_SIZE);
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
    uint8_t bytes[KEY_SIZE];
    firn_slice key = make_key(workspace, record->order, bytes);
    int rc;
    *out = false;
    FIRN_TRY(open_pins(catalog, &pins, err));
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

int
firn_catalog_pins_put(struct firn_catalog *catalog, struct firn_db_batch *batch, uint32_t workspace,
                      const struct firn_catalog_pins_pin *pin, firn_error *err)
{
    uint8_t value[1 + FIRN_CATALOG_RECORD_ID_SIZE + 8] = {PIN_FORMAT};
    uint8_t bytes[KEY_SIZE];
    struct firn_db_keyspace *pins;
    int rc;
    memcpy(value + 1, pin->id, sizeof pin->id);
    firn_store_le64(value + 1 + sizeof pin->id, (uint64_t)pin->created_ns);
    FIRN_TRY(open_pins(catalog, &pins, err));
    DCHECK(pins != NULL && workspace != 0);
    rc = firn_db_batch_put(batch, pins, make_key(workspace, pin->order, bytes),
                           firn_bytes(value, sizeof value), err);
out:
    return rc;
}

int
firn_catalog_pins_remove(struct firn_catalog *catalog, struct firn_db_batch *batch,
                         uint32_t workspace, uint64_t order, firn_error *err)
{
    uint8_t bytes[KEY_SIZE];
    struct firn_db_keyspace *pins;
    int rc;
    FIRN_TRY(open_pins(catalog, &pins, err));
    DCHECK(pins != NULL);
    rc = firn_db_batch_delete(batch, pins, make_key(workspace, order, bytes), err);
out:
    return rc;
}

int
firn_catalog_pins_list(struct firn_catalog *catalog, uint32_t workspace,
                       int (*visit)(void *ctx, const struct firn_catalog_pins_pin *pin,
                                    firn_error *err),
                       void *ctx, firn_error *err)
{
    uint8_t number[WORKSPACE_SIZE];
    firn_store_be32(number, workspace);
    firn_slice prefix = firn_bytes(number, sizeof number);
    struct firn_db_cursor_options options = {.prefix = &prefix};
    struct firn_db_keyspace *pins;
    struct firn_db_cursor *cursor = NULL;
    int rc;
    FIRN_TRY(open_pins(catalog, &pins, err));
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
