/* SPDX-License-Identifier: Apache-2.0
 *
 * repair/repair_pins.c: a pin does not outlive its checkpoint.
 *
 * Pins stand in a keyspace of their own. Where a checkpoint is lost, or the catalog is older than
 * its pins, one may be left that leads to nothing. The order under which it stands may be given
 * again, and then it would be a pin of another checkpoint, which is damage. So it is removed, after
 * all checkpoints of the new store are written. A record's own order is not always the one that the
 * pin was made for: both the order and the id have to be the same (I1; not checked: that is the
 * comparison). A pin that cannot be read is no reason to give up the rest (I2; not checked: it is
 * what the damaged store holds).
 */
#include "base/mem.h"
#include "base/slice.h"
#include "catalog/catalog.h"
#include "repair/repair_internal.h"

struct sweeping {
    const struct firn_repair *repair;
    struct firn_db_batch *batch;
    uint32_t workspace;
};

static bool
has_checkpoint(const struct sweeping *sweeping, const struct firn_catalog_pins_pin *pin)
{
    for (size_t i = 0; i < firn_repair_record_count(sweeping->repair); i++) {
        const struct firn_repair_record *record = firn_repair_record_at(sweeping->repair, i);
        if (record->workspace == sweeping->workspace && record->order == pin->order &&
            memcmp(record->record.id, pin->id, sizeof pin->id) == 0) { /* (I1) */
            return record->state != FIRN_REPAIR_LOST;
        }
    }
    return false;
}

static int
sweep_pin(void *ctx, const struct firn_catalog_pins_pin *pin, firn_error *err)
{
    struct sweeping *sweeping = ctx;
    return has_checkpoint(sweeping, pin)
               ? FIRN_OK
               : firn_catalog_pins_remove(sweeping->repair->opened.catalog, sweeping->batch,
                                          sweeping->workspace, pin->order, err);
}

int
firn_repair_pins(struct firn_repair *repair, firn_error *err)
{
    struct sweeping sweeping = {.repair = repair};
    int rc;
    FIRN_TRY(firn_db_batch_create(&sweeping.batch, err));
    for (size_t i = 0; i < firn_repair_workspace_count(repair); i++) {
        sweeping.workspace = firn_repair_workspace_at(repair, i)->entry.number;
        rc = firn_catalog_pins_list(repair->opened.catalog, sweeping.workspace, sweep_pin,
                                    &sweeping, err);
        rc = rc == FIRN_CORRUPT ? FIRN_OK : rc; /* (I2) */
        FIRN_TRY(rc);
    }
    if (firn_db_batch_count(sweeping.batch) > 0) {
        FIRN_TRY(firn_db_write(repair->opened.db, sweeping.batch, FIRN_DURABILITY_FULL, err));
    }
out:
    firn_db_batch_destroy(sweeping.batch);
    return rc;
}
