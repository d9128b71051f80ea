/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_bulk.c: many entries as one commit that does not go through the log.
 *
 * Sorted entries are written to runs as they arrive (compaction/compaction_load.c), other entries
 * after all have arrived and been sorted (compaction/compaction_sort.c). MANIFEST, not the log,
 * contains the commit. It is nevertheless a commit like any other: it has a sequence of its own, it
 * is there whole or not at all, it is durable when it returns, and no read that began earlier sees
 * any of it.
 *
 * The sequence. Every entry contains it, so it is needed when the first entry is written, while
 * other commits continue to take the sequences after the newest one. So a load takes a sequence far
 * ahead, the next multiple of FI_DB_LOAD_STEP, which is the newest when the load is committed:
 * gaps are allowed. If other commits have come that far meanwhile, the load is refused. Only one
 * load is open at a time, so that no two want the same sequence.
 *
 * Committing writes what had to be sorted, takes the leader's place, and then
 *   1. flushes the tree's memtables, because newer data must not be below older (compaction_load.c,
 *      I1); most of this is done just before, beside other commits,
 *   2. makes the log durable through all earlier commits, so that a crash leaves a prefix,
 *   3. adds the files to MANIFEST: from here on the commit exists; the log vouches for that version
 *      (db_replay.c), as it has nothing else of the commit,
 *   4. publishes its sequence.
 *
 * A small load that had to be sorted is committed as a batch, unless it inserts.
 *
 * Loads that insert go to one or more keyspaces, and refuse keys that exist already or are given
 * twice. While the keys of a part ascend, its entries go to runs at once. From the first entry out
 * of order on, entries are sorted, and their runs are placed above the others (compaction_load.c);
 * if that entry is among the first PROBE ones, all are sorted. When all runs are written, beside
 * other commits, their keys are looked up in the store with a cursor. This is repeated in the
 * leader's place if there were commits to the tree meanwhile.
 *
 * (I1) A replay ignores this commit, since the log does not contain it, and the commit does not
 *      change the sequence up to which the tree counts as flushed. What the log has of the tree was
 *      flushed in step 1 and is left out, and what comes later has a sequence above this one.
 *
 * Failure: what was written is removed when the load is closed, or after a crash by the next
 * opening.
 *
 * (I2; not checked: the end of install() latches) If MANIFEST has the edit, or may have it, and the
 *      load fails all the same, the handle is latched as after a failed sync: a later commit would
 *      get the load's sequence, or one below it.
 */
#include "store/db_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"

/* The part of the store's memory that sorting uses besides: a quarter. */
enum { SORT_SHARE = 4 };

/* A load that had to be sorted goes through the log if it is at most this large: runs of its own
 * are not worth it. Also at most half of a memtable. */
enum { SMALL_BYTES = 4 << 20, ENTRY_BYTES = 32 };

/* Row groups are encoded on several threads, at most this many, if the store has enough memory. */
enum { HELPED_MEMORY_MIN = 64 << 20, HELPERS_MAX = 15 };

/* How many entries must ascend before they go to runs, and how many steps a cursor takes before it
 * seeks. */
enum { PROBE = 4096, STEPS = 8 };

/* The entries for one keyspace. */
struct part {
    struct firn_db_bulk *bulk;
    size_t number;
    struct firn_db_keyspace *keyspace;
    struct fi_compaction_load *inner;
    struct fi_compaction_sort *sort; /* NULL: the entries have been sorted so far */
    struct fi_compaction_load *rest; /* of an insertion: what was sorted, if inner has entries */
    bool is_sorted;                  /* an entry out of order is refused, or starts sorting */
    bool is_probing;                 /* all entries so far ascend, and are in sort */
    bool is_checked;                 /* keys must not exist yet */
    bool has_inner;                  /* inner has entries */
    uint64_t count;
    uint64_t sorted_bytes; /* of keys and values */
    uint64_t sorted_count;
    struct fi_buf last_key;
};

struct firn_db_bulk {
    struct fi_os_process_mark mark; /* first: see api_process.h */
    struct firn_db *db;
    struct part *parts;
    size_t part_count;
    bool inserts;
    struct fi_db_bulk_insert insert; /* if so */
    struct firn_db_batch *batch;     /* of a small load, while it is committed */
    struct fi_storefile_progress progress;
    struct fi_os_jobs *helpers; /* for builders, which are filled one at a time; NULL: none */
    uint64_t sequence;
    struct fi_buf expiring; /* a value after its head */
    bool is_over;           /* committed, or failed: it can only be closed */
};

/* ---- opening and closing ---- */

/* Registers this as the open load. */
static int
take_place(struct firn_db *db, struct firn_db_bulk *bulk, firn_error *err)
{
    fi_os_mutex_lock(&db->state_mutex);
    bool is_free = db->bulk == NULL;
    db->bulk = is_free ? bulk : db->bulk;
    fi_os_mutex_unlock(&db->state_mutex);
    fi_db_memory_resolve(db);
    return is_free ? FIRN_OK
                   : fi_error_set(err, FIRN_BUSY, "another load into '%s' is open",
                                  fi_os_dir_path(db->dir));
}

static void
give_place(struct firn_db *db, const struct firn_db_bulk *bulk)
{
    fi_os_mutex_lock(&db->state_mutex);
    db->bulk = db->bulk == bulk ? NULL : db->bulk;
    fi_os_mutex_unlock(&db->state_mutex);
    fi_db_memory_resolve(db);
}

static size_t
sort_memory(const struct firn_db_bulk *bulk)
{
    return (size_t)bulk->db->limits.memory / SORT_SHARE / bulk->part_count;
}

static int
refuse_twice(void *ctx, firn_slice key, firn_error *err)
{
    const struct part *part = ctx;
    const struct fi_db_bulk_insert *insert = &part->bulk->insert;
    return insert->refuse(insert->ctx, part->number, key, err);
}

static int
begin_sort(struct part *part, firn_error *err)
{
    struct firn_db_bulk *bulk = part->bulk;
    DCHECK(part->sort == NULL);
    int rc =
        fi_compaction_sort_create(fi_db_image(bulk->db)->lsm, sort_memory(bulk), &part->sort, err);
    if (rc == FIRN_OK && bulk->inserts && part->is_checked) {
        fi_compaction_sort_refuse_twice(part->sort, refuse_twice, part);
    }
    return rc;
}

/* The thread that fills the load is one of the store's threads. */
static unsigned
helper_count(const struct firn_db *db)
{
    unsigned threads = db->limits.memory >= HELPED_MEMORY_MIN ? db->threads : 1;
    return threads <= 1 ? 0 : threads - 1 < HELPERS_MAX ? threads - 1 : HELPERS_MAX;
}

/* Creates a load, with helpers if its runs have columns. Helpers are jobs, if there are threads. */
static int
create_load(struct part *part, struct fi_compaction_load **out, firn_error *err)
{
    struct firn_db_bulk *bulk = part->bulk;
    unsigned helpers = helper_count(bulk->db);
    FI_TRY_RETURN(fi_compaction_load_create(part->keyspace->tree->lsm_tree, out, err));
    if (helpers == 0 || !fi_os_has_threads(bulk->db->os) ||
        !fi_compaction_load_takes_columns(*out)) {
        return FIRN_OK;
    }
    if (bulk->helpers == NULL) {
        FI_TRY_RETURN(fi_os_jobs_create(bulk->db->os, helpers, &bulk->helpers, err));
    }
    fi_compaction_load_set_helpers(*out, bulk->helpers, helpers);
    return FIRN_OK;
}

static int
open_part(struct part *part, bool is_sorted, firn_error *err)
{
    int rc = create_load(part, &part->inner, err);
    DCHECK(part->is_checked || !is_sorted || !part->bulk->inserts);
    part->is_sorted = is_sorted;
    part->is_probing = is_sorted && part->bulk->inserts;
    return rc == FIRN_OK && (!is_sorted || part->is_probing) ? begin_sort(part, err) : rc;
}

/* A load, so far without the loads of its parts. */
static int
db_bulk_create(struct firn_db *db, size_t part_count, struct firn_db_bulk **out, firn_error *err)
{
    DCHECK(part_count > 0);
    struct firn_db_bulk *bulk = fi_alloc_zeroed(sizeof *bulk);
    struct part *parts = fi_alloc_zeroed(part_count * sizeof *parts);
    *out = bulk;
    if (bulk == NULL || parts == NULL) {
        fi_free(bulk);
        fi_free(parts);
        *out = NULL;
        return fi_error_no_memory(err, "a load");
    }
    fi_os_process_init_mark(&bulk->mark);
    bulk->db = db;
    bulk->parts = parts;
    bulk->part_count = part_count;
    for (size_t i = 0; i < part_count; i++) {
        parts[i].bulk = bulk;
        parts[i].number = i;
    }
    return FIRN_OK;
}

static int
db_bulk_begin(struct firn_db_bulk *bulk, firn_error *err)
{
    struct firn_db *db = bulk->db;
    FI_TRY_RETURN(take_place(db, bulk, err));
    FI_TRY_RETURN(fi_db_lead_refuse_failed(db, err));
    bulk->sequence = (fi_db_published(db) / FI_DB_LOAD_STEP + 1) * FI_DB_LOAD_STEP;
    if (bulk->sequence < FI_DB_LOAD_STEP || bulk->sequence > FI_STOREFILE_SEQUENCE_MAX) {
        return fi_error_set(err, FIRN_LIMIT, "'%s' has used up its sequence numbers",
                            fi_os_dir_path(db->dir));
    }
    DCHECK(bulk->sequence % FI_DB_LOAD_STEP == 0);
    return FIRN_OK;
}

static int
open_bulk(struct firn_db_keyspace *keyspace, const struct fi_storefile_progress *sorts,
          struct firn_db_bulk **out, firn_error *err)
{
    struct firn_db *db = keyspace->db;
    struct firn_db_bulk *bulk;
    *out = NULL;
    if (db->is_read_only) {
        return fi_db_lead_refuse_read_only(db, err);
    }
    FI_TRY_RETURN(db_bulk_create(db, 1, &bulk, err));
    bulk->parts[0].keyspace = keyspace;
    int rc = db_bulk_begin(bulk, err);
    if (rc == FIRN_OK && sorts != NULL) {
        bulk->progress = *sorts;
    }
    rc = rc == FIRN_OK ? open_part(&bulk->parts[0], sorts == NULL, err) : rc;
    if (rc == FIRN_OK) {
        *out = bulk;
    } else {
        fi_db_bulk_close(bulk);
    }
    return rc;
}

int
fi_db_bulk_open(struct firn_db_keyspace *keyspace, struct firn_db_bulk **out, firn_error *err)
{
    return open_bulk(keyspace, NULL, out, err);
}

int
fi_db_bulk_open_unsorted(struct firn_db_keyspace *keyspace,
                         const struct fi_storefile_progress *progress, struct firn_db_bulk **out,
                         firn_error *err)
{
    DCHECK(progress != NULL);
    return open_bulk(keyspace, progress, out, err);
}

void
fi_db_bulk_refuse_twice(struct firn_db_bulk *bulk,
                        int (*refuse)(void *ctx, firn_slice key, firn_error *err), void *ctx)
{
    DCHECK(!bulk->inserts && bulk->parts[0].sort != NULL && bulk->parts[0].count == 0);
    fi_compaction_sort_refuse_twice(bulk->parts[0].sort, refuse, ctx);
}

int
fi_db_bulk_open_insert(struct firn_db *db, const struct fi_db_bulk_insert *insert,
                       struct firn_db_bulk **out, firn_error *err)
{
    struct firn_db_bulk *bulk;
    int rc;
    *out = NULL;
    if (db->is_read_only) {
        return fi_db_lead_refuse_read_only(db, err);
    }
    FI_TRY(db_bulk_create(db, insert->count, &bulk, err));
    bulk->inserts = true;
    bulk->insert = *insert;
    bulk->progress = *insert->progress;
    for (size_t i = 0; i < insert->count; i++) {
        bulk->parts[i].keyspace = insert->parts[i].keyspace;
        bulk->parts[i].is_checked = insert->parts[i].is_unique;
    }
    rc = db_bulk_begin(bulk, err);
    for (size_t i = 0; i < insert->count && rc == FIRN_OK; i++) {
        /* Keys of unchecked parts may come twice, which only sorting detects. */
        bool is_sorted = insert->parts[i].is_unique && !insert->parts[i].is_scattered;
        rc = open_part(&bulk->parts[i], is_sorted, err);
    }
    bulk->insert.parts = NULL; /* the caller's */
    if (rc == FIRN_OK) {
        *out = bulk;
    } else {
        fi_db_bulk_close(bulk);
    }
out:
    return rc;
}

void
fi_db_bulk_close(struct firn_db_bulk *bulk)
{
    if (bulk != NULL) {
        for (size_t i = 0; i < bulk->part_count; i++) {
            struct part *part = &bulk->parts[i];
            fi_compaction_sort_destroy(part->sort);
            fi_compaction_load_destroy(part->inner);
            fi_compaction_load_destroy(part->rest);
            fi_buf_deinit(&part->last_key);
        }
        fi_os_jobs_destroy(bulk->helpers);
        give_place(bulk->db, bulk);
        fi_free(bulk->parts);
        fi_buf_deinit(&bulk->expiring);
        fi_free(bulk);
    }
}

/* ---- filling ---- */

static int
check_entry(const struct firn_db_bulk *bulk, firn_slice key, firn_slice value, firn_error *err)
{
    return bulk->is_over ? fi_error_set(err, FIRN_MISUSE, "the load is over")
                         : fi_db_batch_check_sizes(key, value, err);
}

static int
check_put(const struct firn_db_bulk *bulk, firn_slice key, firn_slice value, firn_error *err)
{
    const struct part *part = &bulk->parts[0];
    DCHECK(!bulk->inserts);
    FI_TRY_RETURN(check_entry(bulk, key, value, err));
    if (part->is_sorted && part->count > 0 &&
        fi_slice_compare(key, fi_buf_slice(&part->last_key)) <= 0) {
        return fi_error_set(err, FIRN_INVALID,
                            "the keys of a load do not ascend: number %llu is not above the one "
                            "before",
                            (unsigned long long)part->count + 1);
    }
    return FIRN_OK;
}

static int
add_sorted(struct part *part, const struct fi_entry *entry, firn_error *err)
{
    part->has_inner = true;
    return fi_compaction_load_add(part->inner, entry, err);
}

static int
add_to_sort(struct part *part, const struct fi_entry *entry, firn_error *err)
{
    part->sorted_bytes += entry->key.size + entry->value.size;
    part->sorted_count++;
    return fi_compaction_sort_add(part->sort, entry, err);
}

static int
note_key(struct part *part, firn_slice key, firn_error *err)
{
    return fi_buf_assign(&part->last_key, key) == FIRN_OK ? FIRN_OK
                                                          : fi_error_no_memory(err, "a load");
}

static int
db_bulk_add(struct part *part, enum fi_entry_kind kind, firn_slice key, firn_slice value,
            firn_error *err)
{
    struct firn_db_bulk *bulk = part->bulk;
    DCHECK(!bulk->is_over && value.size >= fi_entry_head_size(kind));
    const struct fi_entry entry = {
        .key = key, .value = value, .sequence = bulk->sequence, .kind = kind};
    int rc = part->is_sorted ? note_key(part, key, err) : FIRN_OK;
    if (rc == FIRN_OK) {
        rc = part->sort == NULL ? add_sorted(part, &entry, err) : add_to_sort(part, &entry, err);
    }
    bulk->is_over = rc != FIRN_OK;
    part->count += rc == FIRN_OK;
    return rc;
}

struct giving {
    struct part *part;
    struct fi_compaction_load *load;
    struct fi_storefile_progress *progress; /* NULL: none */
};

static int
give_entry(void *ctx, const struct fi_entry *sorted, firn_error *err)
{
    const struct giving *giving = ctx;
    struct fi_entry entry = *sorted;
    entry.sequence = giving->part->bulk->sequence;
    int rc = fi_compaction_load_add(giving->load, &entry, err);
    return rc == FIRN_OK && giving->progress != NULL
               ? fi_storefile_progress_step(giving->progress, 0, entry.key.size + entry.value.size,
                                            err)
               : rc;
}

/* The first entries ascend, so they and later ones go to runs. */
static int
end_probing(struct part *part, firn_error *err)
{
    struct giving giving = {.part = part, .load = part->inner};
    DCHECK(part->is_probing && part->sort != NULL && !part->has_inner);
    int rc = fi_compaction_sort_finish(part->sort, give_entry, &giving, err);
    fi_compaction_sort_destroy(part->sort);
    part->sort = NULL;
    part->sorted_bytes = 0;
    part->sorted_count = 0;
    part->is_probing = false;
    part->has_inner = true;
    return rc;
}

/* Decides where an entry of an insertion goes. */
static int
choose_order(struct part *part, firn_slice key, firn_error *err)
{
    int rc = FIRN_OK;
    if (!part->is_sorted) {
        return FIRN_OK;
    }
    int order = part->count > 0 ? fi_slice_compare(key, fi_buf_slice(&part->last_key)) : 1;
    if (order == 0 && part->is_checked) {
        return part->bulk->insert.refuse(part->bulk->insert.ctx, part->number, key, err);
    }
    if (order <= 0) {
        part->is_sorted = false;
        rc = part->is_probing ? FIRN_OK : begin_sort(part, err);
        part->is_probing = false;
    } else if (part->is_probing && part->count == PROBE) {
        rc = end_probing(part, err);
    }
    return rc;
}

int
fi_db_bulk_insert(struct firn_db_bulk *bulk, size_t part, firn_slice key, firn_slice value,
                  firn_error *err)
{
    DCHECK(bulk->inserts && part < bulk->part_count);
    FI_TRY_RETURN(check_entry(bulk, key, value, err));
    int rc = choose_order(&bulk->parts[part], key, err);
    bulk->is_over = rc != FIRN_OK;
    FI_TRY_RETURN(rc);
    return db_bulk_add(&bulk->parts[part], FI_ENTRY_PUT, key, value, err);
}

bool
fi_db_bulk_takes_columns(const struct firn_db_bulk *bulk, size_t part)
{
    const struct part *of = &bulk->parts[part];
    return !bulk->is_over && of->is_sorted && of->sort == NULL &&
           fi_compaction_load_takes_columns(of->inner);
}

int
fi_db_bulk_insert_columns(struct firn_db_bulk *bulk, size_t part,
                          const struct fi_run_columns *columns, firn_slice last_key,
                          firn_error *err)
{
    struct part *of = &bulk->parts[part];
    struct fi_run_columns numbered = *columns;
    int rc;
    if (bulk->is_over) {
        return fi_error_set(err, FIRN_MISUSE, "the load is over");
    }
    DCHECK(fi_db_bulk_takes_columns(bulk, part) && columns->rows > 0);
    DCHECK(fi_slice_compare(last_key, fi_buf_slice(&of->last_key)) > 0);
    numbered.sequence = bulk->sequence;
    of->has_inner = true;
    FI_TRY(note_key(of, last_key, err));
    rc = fi_compaction_load_add_columns(of->inner, &numbered, err);
    of->count += rc == FIRN_OK ? columns->rows : 0;
out:
    bulk->is_over = rc != FIRN_OK;
    return rc;
}

int
fi_db_bulk_put(struct firn_db_bulk *bulk, firn_slice key, firn_slice value, firn_error *err)
{
    int rc = check_put(bulk, key, value, err);
    return rc == FIRN_OK ? db_bulk_add(&bulk->parts[0], FI_ENTRY_PUT, key, value, err) : rc;
}

int
fi_db_bulk_put_ttl(struct firn_db_bulk *bulk, firn_slice key, firn_slice value, uint64_t ttl_ms,
                   firn_error *err)
{
    if (ttl_ms == 0) {
        return fi_db_bulk_put(bulk, key, value, err);
    }
    int rc = check_put(bulk, key, value, err);
    if (rc == FIRN_OK) {
        rc = fi_db_batch_encode_expiring(bulk->db, value, ttl_ms, &bulk->expiring, err);
    }
    return rc == FIRN_OK ? db_bulk_add(&bulk->parts[0], FI_ENTRY_EXPIRING, key,
                                       fi_buf_slice(&bulk->expiring), err)
                         : rc;
}

int
fi_db_bulk_put_expiring(struct firn_db_bulk *bulk, firn_slice key, firn_slice stored,
                        firn_error *err)
{
    int rc = check_put(bulk, key, stored, err);
    return rc == FIRN_OK ? db_bulk_add(&bulk->parts[0], FI_ENTRY_EXPIRING, key, stored, err) : rc;
}

uint64_t
fi_db_bulk_count(const struct firn_db_bulk *bulk)
{
    return bulk->parts[0].count;
}

/* ---- committing ---- */

static bool
is_small(const struct firn_db_bulk *bulk)
{
    uint64_t half = bulk->db->limits.memtable / 2;
    const struct part *part = &bulk->parts[0];
    uint64_t bytes = part->sorted_bytes + part->sorted_count * ENTRY_BYTES;
    return !bulk->inserts && part->sort != NULL &&
           bytes <= (half < SMALL_BYTES ? half : SMALL_BYTES);
}

static int
give_to_batch(void *ctx, const struct fi_entry *entry, firn_error *err)
{
    struct firn_db_batch *batch = ((struct firn_db_bulk *)ctx)->batch;
    struct firn_db_keyspace *keyspace = ((struct firn_db_bulk *)ctx)->parts[0].keyspace;
    const struct fi_storefile_op op = {keyspace->id, entry->kind, entry->key, entry->value};
    return fi_db_batch_append(batch, keyspace->db, keyspace->tree, &op, err);
}

/* A load is newer than the commits that came while it was open; so is a batch committed now. */
static int
commit_as_batch(struct firn_db_bulk *bulk, firn_error *err)
{
    int rc;
    DCHECK(bulk->parts[0].sort != NULL && bulk->batch == NULL);
    FI_TRY(fi_db_batch_create(&bulk->batch, err));
    FI_TRY(fi_compaction_sort_finish(bulk->parts[0].sort, give_to_batch, bulk, err));
    rc = fi_db_write(bulk->db, bulk->batch, FIRN_DURABILITY_FULL, err);
out:
    fi_db_batch_destroy(bulk->batch);
    bulk->batch = NULL;
    return rc;
}

/* Sorted entries get runs of their own if there are other runs. */
static int
write_sorted(struct part *part, firn_error *err)
{
    struct firn_db_bulk *bulk = part->bulk;
    if (part->sort == NULL) {
        return FIRN_OK;
    }
    if (part->has_inner) {
        FI_TRY_RETURN(create_load(part, &part->rest, err));
    }
    struct giving giving = {.part = part,
                            .load = part->has_inner ? part->rest : part->inner,
                            .progress = &bulk->progress};
    int rc = fi_compaction_sort_finish(part->sort, give_entry, &giving, err);
    fi_compaction_sort_destroy(part->sort);
    part->sort = NULL;
    return rc;
}

static int
write_parts(struct firn_db_bulk *bulk, firn_error *err)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < bulk->part_count; i++) {
        bytes += bulk->parts[i].sorted_bytes;
    }
    if (bytes > 0) {
        FI_TRY_RETURN(fi_storefile_progress_begin(&bulk->progress, "write", 0, bytes, err));
    }
    for (size_t i = 0; i < bulk->part_count; i++) {
        struct part *part = &bulk->parts[i];
        FI_TRY_RETURN(write_sorted(part, err));
        FI_TRY_RETURN(fi_compaction_load_finish(part->inner, err));
        if (part->rest != NULL) {
            FI_TRY_RETURN(fi_compaction_load_finish(part->rest, err));
        }
    }
    return FIRN_OK;
}

/* ---- keys that exist already ---- */

/* Moves to the first key of the store at or after a key of the load. */
static int
step_to(struct firn_db_cursor *cursor, firn_slice key, firn_error *err)
{
    int rc = FIRN_OK;
    for (unsigned i = 0; i < STEPS && fi_db_cursor_valid(cursor); i++) {
        if (fi_slice_compare(fi_db_cursor_key(cursor), key) >= 0) {
            return FIRN_OK;
        }
        FI_TRY(fi_db_cursor_next(cursor, err));
    }
    if (fi_db_cursor_valid(cursor) && fi_slice_compare(fi_db_cursor_key(cursor), key) < 0) {
        rc = fi_db_cursor_seek(cursor, key, err);
    }
out:
    return rc;
}

/* Walks through two lists of keys, seeking in each to the key of the other. */
static int
find_common(struct part *part, const struct fi_compaction_load *load, struct firn_db_cursor *cursor,
            firn_error *err)
{
    struct fi_compaction_load_keys *keys = NULL;
    const firn_slice *key;
    int rc;
    FI_TRY(fi_compaction_load_keys_open(load, &keys, err));
    while (fi_db_cursor_valid(cursor)) {
        FI_TRY(fi_compaction_load_keys_seek(keys, fi_db_cursor_key(cursor), &key, err));
        if (key == NULL) {
            break;
        }
        if (fi_slice_equal(*key, fi_db_cursor_key(cursor))) {
            rc = refuse_twice(part, *key, err);
            break;
        }
        FI_TRY(step_to(cursor, *key, err));
    }
out:
    fi_compaction_load_keys_close(keys);
    return rc;
}

/* Checks that the store has none of the keys of a load. */
static int
check_absent(struct part *part, const struct fi_compaction_load *load, firn_error *err)
{
    struct firn_db_cursor *cursor = NULL;
    firn_slice lower;
    firn_slice upper;
    int rc = FIRN_OK;
    fi_compaction_load_bounds(load, &lower, &upper);
    if (upper.size == 0) {
        return FIRN_OK;
    }
    const struct fi_db_cursor_options options = {
        .lower = &lower, .upper = &upper, .keys_only = true};
    FI_TRY(fi_db_cursor_open(part->keyspace, &options, &cursor, err));
    FI_TRY(fi_db_cursor_first(cursor, err));
    rc = find_common(part, load, cursor, err);
out:
    fi_db_cursor_close(cursor);
    return rc;
}

static int
check_part(struct part *part, firn_error *err)
{
    int rc = check_absent(part, part->inner, err);
    return rc == FIRN_OK && part->rest != NULL ? check_absent(part, part->rest, err) : rc;
}

/* ---- one commit ---- */

/* Writes a tree's memtables to runs, while background work may run. */
static int
flush_tree(struct part *part, firn_error *err)
{
    const struct fi_compaction_work_wish wish = {.flushes = true,
                                                 .tree = part->keyspace->tree->lsm_tree};
    struct fi_lsm *lsm = fi_db_image(part->bulk->db)->lsm;
    int rc = FIRN_OK;
    DCHECK(fi_db_is_led(part->bulk->db));
    while (rc == FIRN_OK && !fi_compaction_load_is_clear(part->inner)) {
        struct fi_compaction_work *work;
        rc = fi_compaction_work_pick(lsm, &wish, &work, err);
        if (rc == FIRN_OK && work != NULL) {
            rc = fi_compaction_run(work, err);
        } else if (rc == FIRN_OK) {
            /* Another thread is flushing. If it fails, this thread picks the flush next. */
            fi_compaction_load_hold(part->inner);
            fi_compaction_load_release(part->inner);
        }
    }
    return rc;
}

/* The same for all trees, beside other commits: some may have memtables again when it returns. */
static int
flush_beside(struct firn_db_bulk *bulk, firn_error *err)
{
    struct firn_db *db = bulk->db;
    fi_db_lead_begin(db);
    int rc = fi_db_turn_freeze_all(db, err);
    fi_db_lead_end(db);
    for (size_t i = 0; i < bulk->part_count && rc == FIRN_OK; i++) {
        const struct fi_compaction_work_wish wish = {
            .flushes = true, .tree = bulk->parts[i].keyspace->tree->lsm_tree};
        rc = fi_db_jobs_finish(db, &wish, err);
    }
    return rc;
}

static int
check_commit(const struct firn_db_bulk *bulk, firn_error *err)
{
    struct firn_db *db = bulk->db;
    DCHECK(fi_db_is_led(db));
    for (size_t i = 0; i < bulk->part_count; i++) {
        if (bulk->parts[i].keyspace->tree->is_dropping) {
            return bulk->inserts
                       ? fi_error_set(err, FIRN_CONFLICT,
                                      "the table or index of the load was dropped meanwhile")
                       : fi_db_get_refuse_dropped(bulk->parts[i].keyspace, err);
        }
    }
    if (db->commits.last_sequence >= bulk->sequence) {
        return fi_error_set(err, FIRN_CONFLICT, "too many commits came while the load was open");
    }
    return fi_db_lead_refuse_failed(db, err);
}

/* Checks again what may have changed since it was checked without the leader's place. */
static int
check_insert(const struct firn_db_bulk *bulk, uint64_t seen, firn_error *err)
{
    DCHECK(fi_db_is_led(bulk->db));
    if (!bulk->inserts) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(bulk->insert.check(bulk->insert.ctx, err));
    bool is_restored = bulk->db->lead.restored_at > seen; /* a write to every key */
    for (size_t i = 0; i < bulk->part_count; i++) {
        struct part *part = &bulk->parts[i];
        const struct fi_db_tree *tree = part->keyspace->tree;
        bool is_written =
            is_restored || atomic_load_explicit(&tree->written_at, memory_order_relaxed) > seen;
        if (part->is_checked && is_written) {
            FI_TRY_RETURN(check_part(part, err));
        }
    }
    return FIRN_OK;
}

/* Steps 2 to 4, with the leader's place, and with flushes and compactions of the trees held
 * back. */
static int
db_bulk_install(struct firn_db_bulk *bulk, struct fi_compaction_load **loads, firn_error *err)
{
    struct firn_db *db = bulk->db;
    CHECK(db->commits.last_sequence < bulk->sequence);
    bool is_certain = true;
    int rc;
    for (size_t i = 0; i < bulk->part_count; i++) {
        loads[i] = bulk->parts[i].inner;
        DCHECK(fi_db_is_led(db) && fi_compaction_load_is_clear(loads[i])); /* (I1) */
    }
    FI_TRY(fi_log_sync(db->log, err));
    FI_TRY(fi_compaction_load_install(loads, bulk->part_count, &is_certain, err));
    is_certain = false; /* (I2) */
    FI_TRY(fi_db_lead_attest(db, err));
    FI_TRY(fi_log_sync(db->log, err));
    DCHECK(fi_log_unsynced_bytes(db->log) == 0);
    db->commits.last_sequence = bulk->sequence;
    for (size_t i = 0; i < bulk->part_count; i++) {
        /* For transactions that wrote the same keys: see txn.c. */
        atomic_store_explicit(&bulk->parts[i].keyspace->tree->written_at, bulk->sequence,
                              memory_order_relaxed);
    }
    fi_db_count(&db->counters.commits, 1);
    /* Pairs with the acquire load in fi_db_published: a reader that sees it finds the runs. */
    atomic_store_explicit(&db->published, bulk->sequence, memory_order_release);
    is_certain = true;
    DCHECK(rc == FIRN_OK);
out:
    if (!is_certain || fi_log_has_failed(db->log)) {
        fi_db_lead_latch(db, err);
    }
    return rc;
}

/* Requires: the leader's place is taken. */
static int
commit_led(struct firn_db_bulk *bulk, uint64_t seen, firn_error *err)
{
    int rc;
    struct fi_compaction_load **loads =
        fi_alloc_array(bulk->part_count, sizeof(struct fi_compaction_load *));
    if (loads == NULL) {
        return fi_error_no_memory(err, "a load");
    }
    FI_TRY(check_commit(bulk, err));
    FI_TRY(check_insert(bulk, seen, err));
    FI_TRY(fi_db_turn_freeze_all(bulk->db, err));
    for (size_t i = 0; i < bulk->part_count; i++) {
        if (bulk->parts[i].rest != NULL) {
            FI_TRY(fi_compaction_load_join(bulk->parts[i].inner, bulk->parts[i].rest, err));
        }
        FI_TRY(flush_tree(&bulk->parts[i], err));
    }
    for (size_t i = 0; i < bulk->part_count; i++) {
        fi_compaction_load_hold(bulk->parts[i].inner);
    }
    rc = db_bulk_install(bulk, loads, err);
    for (size_t i = 0; i < bulk->part_count; i++) {
        fi_compaction_load_release(bulk->parts[i].inner);
    }
out:
    fi_free(loads);
    return rc;
}

static int
db_bulk_commit(struct firn_db_bulk *bulk, firn_error *err)
{
    struct firn_db *db = bulk->db;
    int rc = bulk->inserts ? bulk->insert.check(bulk->insert.ctx, err) : FIRN_OK;
    FI_TRY(rc); /* before looking into what may be gone */
    FI_TRY(write_parts(bulk, err));
    FI_TRY(flush_beside(bulk, err));
    uint64_t seen = fi_db_published(db);
    for (size_t i = 0; i < bulk->part_count; i++) {
        struct part *part = &bulk->parts[i];
        if (part->is_checked) {
            FI_TRY(check_part(part, err));
        }
        if (part->rest != NULL) {
            FI_TRY(
                fi_compaction_load_find_common(part->inner, part->rest, refuse_twice, part, err));
        }
    }
    fi_db_lead_begin(db);
    rc = commit_led(bulk, seen, err);
    fi_db_lead_end(db);
out:
    return rc;
}

int
fi_db_bulk_commit(struct firn_db_bulk *bulk, firn_error *err)
{
    firn_error found;
    if (bulk->is_over) {
        return fi_error_set(err, FIRN_MISUSE, "the load is over");
    }
    bulk->is_over = true;
    if (bulk->parts[0].count == 0) {
        return FIRN_OK;
    }
    int rc = is_small(bulk) ? commit_as_batch(bulk, &found) : db_bulk_commit(bulk, &found);
    if (rc != FIRN_OK && err != NULL) {
        *err = found;
    }
    DCHECK(bulk->batch == NULL && bulk->is_over);
    fi_db_jobs_wake_compactions(bulk->db);
    if (rc == FIRN_OK) {
        fi_db_jobs_wake_graphs(bulk->db); /* also if there is nothing to compact */
    }
    return rc;
}
