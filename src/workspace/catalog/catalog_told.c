/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_told.c: left-out entries that saves of a workspace have reported.
 *
 * Saves of a project leave out the same few directories each time. The user should be told of each
 * once, when it is new, and not of all of them each time. So the hashes of their paths are kept in
 * the store, as of the last save; if they change, which is rare, they are written in the commit of
 * the checkpoint.
 *
 * This applies only to saves whose caller shows notices to a person (marks_told in their options):
 * nobody reads what an agent's hook reports.
 *
 * The hashes are only a hint: a path with the same hash as another is not reported, and paths whose
 * hashes are lost are reported once more. Of more than HASHES_MAX entries only the smallest hashes
 * are kept, and the other paths are reported each time.
 */
#include "catalog/catalog.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/slice.h"
#include "base/sort.h"
#include "codec/xxh3.h"
#include "threads/os_callback.h"

enum { FORMAT = 1, KEY_SIZE = 4, HASH_SIZE = 8, HASHES_MAX = 4096 };

static bool
is_known(const struct fi_catalog_told *told, uint64_t hash)
{
    return fi_sort_has_u64((const void *)told->known.data, told->known.size / sizeof hash, hash);
}

static void
on_notice(void *ctx, const firn_notice *notice)
{
    struct fi_catalog_told *told = ctx;
    firn_notice passed = *notice;
    if (notice->kind == FIRN_NOTICE_EXCLUDED) {
        uint64_t hash = fi_xxh3(notice->path.data, notice->path.size, 0);
        passed.is_known = is_known(told, hash);
        told->is_lost = told->is_lost || fi_buf_append(&told->now, &hash, sizeof hash) != FIRN_OK;
    }
    if (told->outer.on_notice != NULL) {
        fi_os_callback_notice(&told->outer, &passed);
    }
}

static int
on_progress(void *ctx, const firn_progress *progress)
{
    struct fi_catalog_told *told = ctx;
    DCHECK(told->outer.on_progress != NULL);
    return fi_os_callback_progress(&told->outer, progress);
}

/* Fills told->known, or leaves it empty. Fails only if the whole store does, or memory runs out. */
static int
read_known(struct fi_catalog_told *told, firn_error *err)
{
    uint8_t key[KEY_SIZE];
    struct firn_db_keyspace *keyspace;
    struct fi_buf value = {0};
    int rc;
    fi_store_be32(key, told->workspace);
    FI_TRY(fi_db_keyspace_open(told->db, FI_CATALOG_TOLD, &keyspace, err));
    rc = fi_db_get(keyspace, firn_bytes(key, sizeof key), &value, err);
    if (rc == FIRN_NOT_FOUND || rc == FIRN_CORRUPT) {
        rc = FIRN_OK;
        goto out;
    }
    FI_TRY(rc);
    if (value.size == 0 || value.data[0] != FORMAT || (value.size - 1) % HASH_SIZE != 0) {
        goto out;
    }
    for (size_t at = 1; at < value.size && rc == FIRN_OK; at += HASH_SIZE) {
        const uint64_t hash = fi_load_le64(value.data + at);
        rc = fi_buf_append(&told->known, &hash, sizeof hash);
    }
    rc = rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "what a save has left out");
    fi_sort_u64((void *)told->known.data, told->known.size / sizeof(uint64_t));
out:
    fi_buf_deinit(&value);
    return rc;
}

int
fi_catalog_told_init(struct fi_catalog_told *told, struct firn_db *db, uint32_t workspace,
                     const firn_callbacks *outer, firn_callbacks *out_callbacks, firn_error *err)
{
    *told = (struct fi_catalog_told){.outer = *outer, .db = db, .workspace = workspace};
    *out_callbacks =
        (firn_callbacks){.on_notice = on_notice,
                         .on_progress = outer->on_progress != NULL ? on_progress : NULL,
                         .ctx = told};
    return read_known(told, err);
}

void
fi_catalog_told_deinit(struct fi_catalog_told *told)
{
    fi_buf_deinit(&told->known);
    fi_buf_deinit(&told->now);
}

/* Sorts hashes, removes duplicates, and keeps the HASHES_MAX smallest. */
static void
put_in_order(struct fi_buf *hashes)
{
    size_t kept = fi_sort_unique_u64((void *)hashes->data, hashes->size / sizeof(uint64_t));
    hashes->size = (kept < HASHES_MAX ? kept : HASHES_MAX) * sizeof(uint64_t);
}

static int
catalog_told_put(struct fi_catalog_told *told, struct firn_db_batch *batch, firn_error *err)
{
    uint8_t key[KEY_SIZE];
    const uint64_t *hashes = (const void *)told->now.data;
    struct firn_db_keyspace *keyspace;
    struct fi_buf value = {0};
    int rc;
    DCHECK(told->workspace != 0 && !told->is_lost);
    fi_store_be32(key, told->workspace);
    FI_TRY(fi_db_keyspace_open(told->db, FI_CATALOG_TOLD, &keyspace, err));
    rc = fi_buf_append_u8(&value, FORMAT);
    for (size_t i = 0; i < told->now.size / sizeof *hashes && rc == FIRN_OK; i++) {
        rc = fi_buf_append_le64(&value, hashes[i]);
    }
    rc = rc != FIRN_OK ? fi_error_no_memory(err, "what a save has left out")
                       : fi_db_batch_put(batch, keyspace, firn_bytes(key, sizeof key),
                                         fi_buf_slice(&value), err);
out:
    fi_buf_deinit(&value);
    return rc;
}

int
fi_catalog_told_join(void *ctx, struct firn_db_batch *batch, const struct fi_catalog_record *record,
                     firn_error *err)
{
    struct fi_catalog_told *told = ctx;
    (void)record;
    if (told->is_lost) {
        return FIRN_OK;
    }
    put_in_order(&told->now);
    return fi_slice_equal(fi_buf_slice(&told->now), fi_buf_slice(&told->known))
               ? FIRN_OK
               : catalog_told_put(told, batch, err);
}
