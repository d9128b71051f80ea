/* SPDX-License-Identifier: Apache-2.0
 *
 * repair/repair_pins.c: removes pins that have no checkpoint.
 *
 * Pins are in a keyspace of their own. If a checkpoint is lost, or the catalog is older than its
 * pins, a pin may be left that leads to nothing. Its order may be assigned again, and then it would
 * be a pin of another checkpoint, which is damage. So it is removed, after all checkpoints of the
 * new store are written.
 *
 * (I1) A record's own order is not always the one that the pin was made for: both the order and the
 *      id have to be the same. (Not checked: that is the comparison.)
 * (I2) A pin that cannot be read is no reason to give up on the rest. (Not checked: it is what the
 *      damaged store holds.)
 */
#include "repair/repair_internal.h"

#include <string.h>

struct sweeping {
    const struct fi_repair *repair;
    struct firn_db_batch *batch;
    uint32_t workspace;
};

static bool
has_checkpoint(const struct sweeping *sweeping, const struct fi_catalog_pins_pin *pin)
{
    for (size_t i = 0; i < fi_repair_record_count(sweeping->repair); i++) {
        const struct fi_repair_record *record = fi_repair_record_at(sweeping->repair, i);
        if (record->workspace == sweeping->workspace && record->order == pin->order &&
            memcmp(record->record.id, pin->id, sizeof pin->id) == 0) { /* (I1) */
            return record->state != FIRN_REPAIR_STATE_LOST;
        }
    }
    return false;
}

static int
delete_pin(void *ctx, const struct fi_catalog_pins_pin *pin, firn_error *err)
{
    struct sweeping *sweeping = ctx;
    return has_checkpoint(sweeping, pin)
               ? FIRN_OK
               : fi_catalog_pins_remove(sweeping->repair->opened.catalog, sweeping->batch,
                                        sweeping->workspace, pin->order, err);
}

int
fi_repair_pins_sweep(struct fi_repair *repair, firn_error *err)
{
    struct sweeping sweeping = {.repair = repair};
    int rc;
    FI_TRY(fi_db_batch_create(&sweeping.batch, err));
    for (size_t i = 0; i < fi_repair_workspace_count(repair); i++) {
        sweeping.workspace = fi_repair_workspace_at(repair, i)->entry.number;
        rc = fi_catalog_pins_list(repair->opened.catalog, sweeping.workspace, delete_pin, &sweeping,
                                  err);
        rc = rc == FIRN_CORRUPT ? FIRN_OK : rc; /* (I2) */
        FI_TRY(rc);
    }
    FI_TRY(fi_repair_write(repair, sweeping.batch, 0, FIRN_DURABILITY_FULL, err));
out:
    fi_db_batch_destroy(sweeping.batch);
    return rc;
}
