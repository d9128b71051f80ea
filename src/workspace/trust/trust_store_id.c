/* SPDX-License-Identifier: Apache-2.0
 *
 * trust/trust_store_id.c: the id of a store, as its file FIRN has it.
 *
 * A store that has lost the file, or whose file is damaged, has none; a transient failure to read
 * it is an error.
 */
#include <string.h>

#include "trust/trust_internal.h"

int
fi_trust_store_id_read(struct fi_os_dir *store, struct fi_trust_store_inspect *out, firn_error *err)
{
    struct fi_storefile_identity identity;
    uint8_t bytes[FI_STOREFILE_IDENTITY_SIZE];
    struct fi_os_file *file = NULL;
    size_t size;
    int rc;
    FI_TRY(fi_os_file_open(store, FI_STOREFILE_IDENTITY_NAME, FI_OS_READ, 0, &file, err));
    FI_TRY(fi_os_file_read(file, 0, bytes, sizeof bytes, &size, err));
    FI_TRY(
        fi_storefile_get_identity(firn_bytes(bytes, size), fi_os_dir_path(store), &identity, err));
    memcpy(out->id, identity.id, sizeof out->id);
    out->has_id = true;
out:
    fi_os_file_close(file);
    return rc;
}

bool
fi_trust_store_id_is_damaged(int rc)
{
    return rc == FIRN_NOT_FOUND || rc == FIRN_DENIED || rc == FIRN_INVALID || rc == FIRN_CORRUPT ||
           rc == FIRN_NEWER;
}

int
fi_trust_store_id(struct fi_os_dir *store, uint8_t *out, bool *out_has, firn_error *err)
{
    struct fi_trust_store_inspect look = {.has_id = false};
    int rc = fi_trust_store_id_read(store, &look, err);
    *out_has = rc == FIRN_OK;
    memcpy(out, look.id, sizeof look.id);
    return fi_trust_store_id_is_damaged(rc) ? FIRN_OK : rc;
}

int
fi_trust_store_id_refuse(struct fi_os_dir *store, firn_error *err)
{
    struct fi_trust_store_inspect look = {.has_id = false};
    int rc = fi_trust_store_id_read(store, &look, err);
    return rc == FIRN_NEWER ? rc
                            : fi_error_set(err, FIRN_INVALID,
                                           "'%.600s' cannot be trusted: it has no sound file FIRN",
                                           fi_os_dir_path(store));
}
