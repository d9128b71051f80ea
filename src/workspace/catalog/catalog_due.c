/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_due.c: whether a garbage collection is worthwhile.
 *
 * Only a walk through all checkpoints shows which bytes are dead, and that is too slow for a save.
 * So their number is estimated. Each record says by how much the store grew when the checkpoint was
 * made; deleting the checkpoint adds that to a sum, in the same commit. The sum is too large if
 * later checkpoints need what an earlier one added. A collection sets the sum to what it leaves
 * dead, so a wrong estimate costs only one walk (I1; not checked: that would take the walk).
 *
 * A collection is due when the sum is a quarter of all packs, and 16 MiB at least: a store is at
 * most a third larger than it needs to be. An automatic collection leaves less than an eighth dead
 * (gc_plan.c), so no other one is due right after it, and a live byte is moved only a few
 * times.
 *
 * An automatic collection notes the time when it begins. For an hour after that no other one is
 * due: so a failed one is not repeated at each save, and two do not begin at once. As the clock may
 * be wrong, an hour in either direction counts (I2).
 *
 * All of this is one versioned value in a keyspace of its own. An unreadable value counts as zeros:
 * it is a hint, and no reason for a delete to fail (I3; not checked: any bytes are accepted).
 */
#include "catalog/catalog.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/slice.h"
#include "objects/objects.h"

enum { VALUE_VERSION = 1, VALUE_SIZE = 17, PART = 4 };
static const uint64_t PAUSE_NS = UINT64_C(3600) * 1000000000;
static const char key_name[] = "due";

/* ---- in the store ---- */

static void
catalog_due_decode(firn_slice value, struct fi_catalog_due *out)
{
    *out = (struct fi_catalog_due){0};
    if (value.size == VALUE_SIZE && value.data[0] == VALUE_VERSION) { /* (I3) */
        out->deleted_bytes = fi_load_le64(value.data + 1);
        out->tried_ns = (int64_t)fi_load_le64(value.data + 9);
    }
}

int
fi_catalog_due_read(struct firn_db *db, struct fi_catalog_due *out, firn_error *err)
{
    struct firn_db_keyspace *keyspace;
    struct fi_buf value = {0};
    *out = (struct fi_catalog_due){0};
    int rc = fi_db_keyspace_open(db, FI_CATALOG_DUE, &keyspace, err);
    if (rc == FIRN_OK) {
        rc = fi_db_get(keyspace, firn_str(key_name), &value, err);
    }
    if (rc == FIRN_OK) {
        catalog_due_decode(fi_buf_slice(&value), out);
    }
    fi_buf_deinit(&value);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

int
fi_catalog_due_put(struct firn_db *db, struct firn_db_batch *batch,
                   const struct fi_catalog_due *due, firn_error *err)
{
    struct firn_db_keyspace *keyspace;
    uint8_t value[VALUE_SIZE] = {VALUE_VERSION};
    fi_store_le64(value + 1, due->deleted_bytes);
    fi_store_le64(value + 9, (uint64_t)due->tried_ns);
    int rc = fi_db_keyspace_open(db, FI_CATALOG_DUE, &keyspace, err);
    return rc == FIRN_OK ? fi_db_batch_put(batch, keyspace, firn_str(key_name),
                                           firn_bytes(value, sizeof value), err)
                         : rc;
}

int
fi_catalog_due_write(struct firn_db *db, const struct fi_catalog_due *due, firn_error *err)
{
    struct firn_db_batch *batch = NULL;
    int rc;
    DCHECK(!fi_db_is_read_only(db));
    FI_TRY(fi_db_batch_create(&batch, err));
    fi_db_batch_frees_space(batch); /* part of a collection */
    FI_TRY(fi_catalog_due_put(db, batch, due, err));
    FI_TRY(fi_db_write(db, batch, FIRN_DURABILITY_OS, err));
out:
    fi_db_batch_destroy(batch);
    return rc;
}

/* ---- deciding ---- */

void
fi_catalog_due_add(struct fi_catalog_due *due, uint64_t bytes)
{
    uint64_t room = UINT64_MAX - due->deleted_bytes;
    due->deleted_bytes += bytes < room ? bytes : room;
    DCHECK(due->deleted_bytes >= bytes);
}

/* (I2) */
static bool
was_tried(const struct fi_catalog_due *due, int64_t now_ns)
{
    uint64_t apart = now_ns > due->tried_ns ? (uint64_t)now_ns - (uint64_t)due->tried_ns
                                            : (uint64_t)due->tried_ns - (uint64_t)now_ns;
    DCHECK((apart == 0) == (now_ns == due->tried_ns)); /* (I2): the later one */
    return due->tried_ns != 0 && apart < PAUSE_NS;
}

bool
fi_catalog_due_is(const struct fi_catalog_due *due, uint64_t packs_bytes, uint64_t bytes_min,
                  int64_t now_ns)
{
    /* At most all packs can be garbage. */
    uint64_t dead = due->deleted_bytes < packs_bytes ? due->deleted_bytes : packs_bytes;
    return dead > 0 && dead >= bytes_min && dead >= packs_bytes / PART && !was_tried(due, now_ns);
}

uint64_t
fi_catalog_due_packs_bytes(const struct fi_objects *objects)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < fi_objects_pack_count(objects); i++) {
        bytes += fi_objects_pack_at(objects, i)->size_bytes;
    }
    return bytes;
}

int
fi_catalog_due_query(struct firn_db *db, const struct fi_objects *objects, bool *out,
                     firn_error *err)
{
    struct fi_catalog_due due;
    *out = false;
    DCHECK((db == NULL) == (objects == NULL));
    int rc = db == NULL ? FIRN_OK : fi_catalog_due_read(db, &due, err);
    if (rc == FIRN_OK && db != NULL) {
        *out = fi_catalog_due_is(&due, fi_catalog_due_packs_bytes(objects),
                                 FI_CATALOG_DUE_BYTES_MIN, fi_os_now_ns(fi_db_os(db)));
    }
    return rc;
}
