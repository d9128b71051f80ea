/* SPDX-License-Identifier: Apache-2.0
 *
 * handle/ws_bounds.c: whether a store is known as this user's, and what one that is not may claim.
 *
 * What is done with a store from elsewhere is bounded by the bytes that are read of it. Objects are
 * paid for where they are read (objects/objects_budget.c). But a file of 86 KiB may be 20 GiB long,
 * and a log or a run that claims those zeros as records, with the right checksums, makes an opening
 * read them all. So such a store is not opened if its files are far larger than what the file
 * system has allocated for them.
 *
 * A store of firn has no holes to speak of: its files are compressed or short. A copy may have
 * some, where space was reserved, and a file system that compresses may allocate a few times less
 * (FACTOR).
 */
#include "base/check.h"
#include "handle/ws_opened.h"
#include "place/place.h"
#include "trust/trust.h"

enum {
    FREE_BYTES = 64 << 20,
    FACTOR = 8,
    SMALL_FILE = 4096 /* may be stored without blocks of its own */
};

/* A store that was not named is in the usual place, or trusted. */
int
fi_ws_bounds_is_known(const struct firn_ws *ws, struct fi_os_dir *store, bool *out, firn_error *err)
{
    static const uint8_t no_id[FI_STOREFILE_ID_SIZE];
    struct fi_place_claim_store claim;
    int rc;
    *out = false;
    if (ws->named_store_path == NULL) {
        return fi_trust_owner_is_own(store, out, err);
    }
    FI_TRY(fi_place_claim_store_init(store, no_id, &claim, err));
    *out = claim.is_own && claim.is_usual;
    if (claim.is_own && !*out) {
        rc = fi_trust_named_is_noted(store, out, err);
    }
out:
    return rc;
}

struct measured {
    struct fi_os_dir *dir;
    uint64_t size;
    uint64_t allowed;
};

static int
measure_entry(void *ctx, const struct fi_os_dirent *entry)
{
    struct measured *measured = ctx;
    struct fi_os_stat stat;
    if (fi_os_stat(measured->dir, entry->name, &stat, NULL) != FIRN_OK || stat.kind != FI_OS_FILE) {
        return FIRN_OK; /* opening it tells what is wrong */
    }
    measured->size += stat.size_bytes < UINT64_MAX / 2 - measured->size ? stat.size_bytes : 0;
    measured->allowed +=
        stat.allocated_bytes < UINT64_MAX / (UINT64_C(4) * FACTOR) - measured->allowed / FACTOR
            ? FACTOR * (stat.allocated_bytes + SMALL_FILE)
            : 0;
    return FIRN_OK;
}

int
fi_ws_bounds_check_holes(struct fi_os_dir *store, firn_error *err)
{
    static const char *const folders[] = {"", "runs", "packs"};
    struct measured measured = {.allowed = FREE_BYTES};
    for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
        firn_error why;
        int rc = fi_os_dir_open_beneath(store, folders[i], &measured.dir, &why);
        if (rc == FIRN_OK) {
            rc = fi_os_dir_list(measured.dir, measure_entry, &measured, &why);
            fi_os_dir_close(measured.dir);
        }
        if (rc == FIRN_NO_MEMORY) {
            return fi_error_no_memory(err, "a store's files");
        }
    }
    if (measured.size <= measured.allowed) {
        return FIRN_OK;
    }
    return fi_error_set(err, FIRN_LIMIT,
                        "the files of '%.700s' are %llu bytes long, far more than they take up "
                        "on the disk, and the "
                        "store is not known as yours: 'firn trust STORE' lifts this limit",
                        fi_os_dir_path(store), (unsigned long long)measured.size);
}
