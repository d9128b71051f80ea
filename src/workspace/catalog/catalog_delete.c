/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_delete.c: taking a checkpoint out of the catalog, with the tags and the pin that
 * name it.
 */
#include "base/check.h"
#include "catalog/catalog_internal.h"

int
fi_catalog_delete(struct fi_catalog *catalog, struct firn_db_batch *batch, uint32_t workspace,
                  const struct fi_catalog_record *record, firn_error *err)
{
    uint8_t key_bytes[FI_CATALOG_KEY_SIZE];
    firn_slice key = fi_catalog_make_key(workspace, record->order, key_bytes);
    DCHECK(workspace != 0);
    FI_TRY_RETURN(fi_db_batch_delete(batch, catalog->checkpoints, key, err));
    FI_TRY_RETURN(fi_db_batch_delete(batch, catalog->unpacked, key, err));
    FI_TRY_RETURN(catalog->names == NULL ? FIRN_OK
                                         : fi_db_batch_delete(batch, catalog->names, key, err));
    FI_TRY_RETURN(fi_catalog_tags_batch_remove(catalog, workspace, record->id, batch, err));
    return fi_catalog_pins_remove(catalog, batch, workspace, record->order, err);
}
