/* SPDX-License-Identifier: Apache-2.0
 *
 * share/share_stage.c: the directory in a store where packs are written before they are put. Its
 * lock keeps a second push out; what is there when a push begins was left by a crash. A second file
 * has a byte for each workspace and remote: the automatic push that waits locks it.
 */
#include "base/check.h"
#include "rekey/rekey.h"
#include "share/share_internal.h"

#define STAGE FI_STOREFILE_OUTGOING_NAME
#define LOCK "LOCK"
#define WAITING "WAITING"

static int
open_lock(struct fi_os_dir *dir, const char *name, struct fi_os_file **out, firn_error *err)
{
    return fi_os_file_open(dir, name,
                           FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE | FI_OS_FOR_OWNER | FI_OS_CLEAR,
                           0600, out, err);
}

int
fi_share_stage_prepare(struct fi_os_dir *store, struct fi_share_stage *out, firn_error *err)
{
    int rc = fi_os_make_dir(store, STAGE, 0700, err);
    FI_TRY_RETURN(rc == FIRN_EXISTS ? FIRN_OK : rc);
    FI_TRY_RETURN(fi_os_dir_open(store, STAGE, &out->dir, err));
    return open_lock(out->dir, LOCK, &out->lock, err);
}

int
fi_share_stage_lock(struct fi_share_stage *stage, firn_error *err)
{
    struct fi_rekey_leftovers leftovers = {.is_dry = false};
    int rc = fi_os_file_lock(stage->lock, FI_OS_LOCK_EXCLUSIVE, err);
    if (rc == FIRN_BUSY) {
        return fi_error_set(err, FIRN_BUSY, "another push of this store is running");
    }
    FI_TRY_RETURN(rc);
    return fi_rekey_leftovers_staged(stage->dir, &leftovers, err);
}

int
fi_share_stage_open_for(const struct fi_share *share, const char *name, struct fi_os_dir **out,
                        firn_error *err)
{
    CHECK(share->keyring != NULL);
    struct fi_cipher_keyring *keyring =
        fi_cipher_keyring_retain(fi_cipher_keyring_seal(share->keyring));
    return fi_os_dir_open_sealed(share->opened.store_dir, name, fi_cipher_keyring_seal(keyring),
                                 out, err);
}

int
fi_share_stage_assign(struct fi_share_stage *stage, const struct fi_share *share, firn_error *err)
{
    struct fi_os_dir *dir = NULL;
    if (share->keyring == NULL) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(fi_share_stage_open_for(share, STAGE, &dir, err));
    fi_os_dir_close(stage->dir);
    stage->dir = dir;
    return FIRN_OK;
}

int
fi_share_stage_open(const struct fi_share *share, struct fi_share_stage *out, firn_error *err)
{
    FI_TRY_RETURN(fi_share_stage_prepare(share->opened.store_dir, out, err));
    FI_TRY_RETURN(fi_share_stage_lock(out, err));
    return fi_share_stage_assign(out, share, err);
}

int
fi_share_stage_wait(const struct fi_share_stage *stage, uint32_t workspace, uint32_t remote,
                    struct fi_os_file **out, firn_error *err)
{
    const uint64_t place = ((uint64_t)remote << 32 | workspace) & INT64_MAX >> 1;
    FI_TRY_RETURN(open_lock(stage->dir, WAITING, out, err));
    int rc = fi_os_file_lock_range(*out, FI_OS_LOCK_EXCLUSIVE, place, 1, err);
    if (rc != FIRN_OK) {
        fi_os_file_close(*out);
        *out = NULL;
    }
    return rc;
}

int
fi_share_stage_open_beside(const struct fi_share *share, struct fi_share_stage *out,
                           firn_error *err)
{
    struct fi_os_dir *store = share->opened.store_dir;
    int rc = fi_os_make_dir(store, STAGE, 0700, err);
    FI_TRY_RETURN(rc == FIRN_EXISTS ? FIRN_OK : rc);
    FI_TRY_RETURN(fi_os_dir_open(store, STAGE, &out->dir, err));
    return fi_share_stage_assign(out, share, err);
}

void
fi_share_stage_close(struct fi_share_stage *stage)
{
    fi_os_file_close(stage->lock);
    fi_os_dir_close(stage->dir);
}

int
fi_share_stage_read(void *ctx, uint64_t offset, void *out, size_t size, firn_error *err)
{
    return fi_os_file_read_exact(ctx, offset, out, size, err);
}
