/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_keyspace.c: keyspaces by name: finding, creating, dropping, listing, now and in a
 * snapshot.
 *
 * Keyspace 0 is the list of the others: it maps names to ids. Creating a keyspace is a commit with
 * one put into the list. So names are as durable and as ordered as everything else, and a snapshot
 * sees the names of its time. Ids are given out in order and never reused: a name that was dropped
 * and is created again gets another id.
 *
 * A drop is one commit to the list, too: the name is deleted, and the empty name is set to the
 * next number, so that no number is ever given out twice, even after names were deleted. From the
 * drop's sequence on the keyspace does not exist: the leader refuses commits to it, reads of now
 * fail, and snapshots and cursors that were opened earlier continue to read it. The tree is removed
 * later (db_dropped.c).
 *
 * (I1) One thread changes the list at a time (is_changing_list). It commits without holding the
 *      state mutex. The tree of a new keyspace is in the image before its name is committed, so a
 *      thread that finds a name finds a tree.
 * (I2) After the name of a new keyspace was committed nothing can fail: its handle, and the room
 *      for it in the map of handles, were allocated before. So if a call fails, and the handle of
 *      the store is not latched, the name does not exist.
 */
#include "schema/schema.h"
#include "store/db_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "codec/utf8.h"

static int keyspace_find(struct firn_db *db, const char *name, uint64_t *out, firn_error *err);

static int
commit_drop(struct firn_db *db, const char *name, uint64_t id, firn_error *err)
{
    struct fi_db_image *image = fi_db_image(db);
    struct firn_db_batch batch = {0};
    struct fi_db_write_change change = {.end = fi_db_visible_make_end(image)};
    int rc;
    DCHECK(db->is_changing_list);
    if (change.end == NULL) {
        return fi_error_no_memory(err, "dropping a keyspace");
    }
    fi_os_mutex_lock(&db->state_mutex);
    struct fi_db_tree *tree = fi_db_trees_find(image, id);
    const struct fi_storefile_keyspace next = {.id = image->next_id};
    fi_os_mutex_unlock(&db->state_mutex);
    CHECK(tree != NULL);
    change.drops = tree;
    FI_TRY(fi_db_batch_list(&batch, db, firn_str(name), NULL, err));
    FI_TRY(fi_db_batch_list(&batch, db, firn_bytes(NULL, 0), &next, err));
    FI_TRY(fi_db_write_list(db, &batch, &change, err));
out:
    fi_db_batch_deinit(&batch);
    return rc;
}

/* Asks the guard. Requires: the caller has the right to change the list, which a restore needs,
 * too. */
static int
db_keyspace_query(struct firn_db *db, const struct fi_db_keyspace_guard *guard, firn_error *err)
{
    DCHECK(db->is_changing_list);
    return guard != NULL ? guard->check(guard->ctx, err) : FIRN_OK;
}

int
fi_db_keyspace_drop(struct firn_db *db, const char *name, firn_error *err)
{
    return fi_db_keyspace_drop_if(db, name, NULL, err);
}

int
fi_db_keyspace_drop_if(struct firn_db *db, const char *name,
                       const struct fi_db_keyspace_guard *guard, firn_error *err)
{
    uint64_t id;
    int rc;
    FI_TRY(fi_db_keyspace_check_name(name, err));
    if (db->is_read_only) {
        return fi_db_lead_refuse_read_only(db, err);
    }
    fi_db_keyspace_begin_change(db);
    rc = keyspace_find(db, name, &id, err);
    rc = rc == FIRN_OK ? db_keyspace_query(db, guard, err) : rc;
    if (rc == FIRN_OK) {
        rc = commit_drop(db, name, id, err);
    }
    fi_db_keyspace_end_change(db);
    if (rc == FIRN_OK) {
        /* The keyspace is dropped; failing to free its space is no failure of the drop. */
        firn_error found;
        fi_db_lead_begin(db);
        if (fi_db_dropped_remove(db, &found) != FIRN_OK) {
            fi_db_jobs_note_failure(db, &found);
        }
        fi_db_lead_end(db);
    }
out:
    return rc;
}

/* ---- names ---- */

int
fi_db_keyspace_check_name(const char *name, firn_error *err)
{
    size_t size = strlen(name);
    if (size == 0 || !fi_utf8_is_valid(firn_str(name))) {
        return fi_error_set(err, FIRN_INVALID, "the name of a keyspace is %s",
                            size == 0 ? "empty" : "not UTF-8");
    }
    if (size > FIRN_KEYSPACE_NAME_SIZE_MAX) {
        return fi_error_set(err, FIRN_LIMIT,
                            "the name of a keyspace has %zu bytes; at most %d "
                            "are allowed",
                            size, FIRN_KEYSPACE_NAME_SIZE_MAX);
    }
    return FIRN_OK;
}

int
fi_db_keyspace_refuse_missing(struct firn_db *db, const char *name, firn_error *err)
{
    return fi_error_set(err, FIRN_NOT_FOUND, "there is no keyspace '%s' in '%s'", name,
                        fi_os_dir_path(db->dir));
}

/* Reads the list now. Requires: the image of a read-only handle stays meanwhile. */
static int
find_in(struct firn_db *db, struct fi_db_image *image, const char *name, uint64_t *out,
        firn_error *err)
{
    struct fi_buf value = {0};
    bool is_outside = fi_db_is_system_name(firn_str(name));
    struct fi_storefile_keyspace entry;
    int rc;
    if (db->is_read_only) {
        const struct fi_snapshot now = fi_db_snapshot_now(db, image, is_outside);
        rc = fi_lsm_tree_get(image->list->lsm_tree, firn_str(name), &now, &value, err);
    } else {
        const struct fi_db_get_what what = {.key = firn_str(name)};
        rc = fi_db_get_newest(db, image->list, is_outside, &what, &value, err);
    }
    if (rc == FIRN_OK) {
        rc = fi_storefile_keyspace_read(db->dir, fi_buf_slice(&value), &entry, err);
        *out = entry.id;
    }
    fi_buf_deinit(&value);
    return rc == FIRN_NOT_FOUND ? fi_db_keyspace_refuse_missing(db, name, err) : rc;
}

/* The tree that a snapshot for reading the list is for: the image of a read-only handle may go
 * away, and needs none. */
static const struct fi_db_tree *
list_of(struct firn_db *db)
{
    return db->is_read_only ? NULL : fi_db_image(db)->list;
}

/* The number of a keyspace now; FIRN_NOT_FOUND. Requires: no mutex is held. */
static int
keyspace_find(struct firn_db *db, const char *name, uint64_t *out, firn_error *err)
{
    struct fi_db_snapshot_node node = {0};
    fi_db_snapshot_register(db, &node, list_of(db), false);
    int rc = find_in(db, node.image, name, out, err);
    fi_db_snapshot_unregister(db, &node);
    return rc;
}

/* ---- opening and creating ---- */

static const struct fi_storefile_keyspace plain = {.type = FI_STOREFILE_KEYSPACE_KEYS};

/* The handle of an existing keyspace; FIRN_NOT_FOUND. */
static int
open_existing(struct firn_db *db, const char *name, struct firn_db_keyspace **out, firn_error *err)
{
    struct fi_db_snapshot_node node = {0};
    uint64_t id = 0;
    fi_db_snapshot_register(db, &node, list_of(db), false);
    int rc = find_in(db, node.image, name, &id, err);
    if (rc == FIRN_OK) {
        fi_os_mutex_lock(&db->state_mutex);
        rc = fi_db_handles_get_locked(db, node.image, id, name, out, err);
        fi_os_mutex_unlock(&db->state_mutex);
    }
    fi_db_snapshot_unregister(db, &node);
    return rc;
}

void
fi_db_keyspace_begin_change(struct firn_db *db)
{
    fi_os_mutex_lock(&db->state_mutex);
    while (db->is_changing_list) {
        fi_os_cond_wait(&db->list_changed, &db->state_mutex);
    }
    db->is_changing_list = true;
    fi_os_mutex_unlock(&db->state_mutex);
}

void
fi_db_keyspace_end_change(struct firn_db *db)
{
    fi_os_mutex_lock(&db->state_mutex);
    DCHECK(db->is_changing_list);
    db->is_changing_list = false;
    fi_os_cond_signal(&db->list_changed);
    fi_os_mutex_unlock(&db->state_mutex);
}

/* firn's own keyspaces do not count. A store that was made before there was a limit may have more:
 * those stay. */
static int
check_count(const struct fi_db_image *image, const char *name, firn_error *err)
{
    size_t count = atomic_load_explicit(&image->given_count, memory_order_relaxed);
    return count < FIRN_KEYSPACE_COUNT_MAX || fi_db_image_is_own(firn_str(name))
               ? FIRN_OK
               : fi_error_set(
                     err, FIRN_LIMIT,
                     "'%s' has %d keyspaces, tables and indexes already; there cannot be more",
                     fi_os_dir_path(image->db->dir), FIRN_KEYSPACE_COUNT_MAX);
}

/* Requires: the caller has the right to change the list. */
static int
db_keyspace_create(struct firn_db *db, const char *name, const struct fi_storefile_keyspace *as,
                   struct firn_db_keyspace **out, firn_error *err)
{
    struct fi_db_image *image = fi_db_image(db);
    struct firn_db_batch batch = {0};
    struct firn_db_keyspace *prepared = NULL;
    struct fi_db_tree *tree;
    struct fi_storefile_keyspace put = *as;
    int rc;
    fi_os_mutex_lock(&db->state_mutex);
    DCHECK(db->is_changing_list); /* (I1) */
    put.id = image->next_id;
    rc = check_count(image, name, err);
    if (rc == FIRN_OK) {
        rc = fi_db_image_add(image, firn_str(name), &put, &tree, err);
    }
    if (rc == FIRN_OK) {
        prepared = fi_db_handles_prepare_locked(db, tree, name);
        rc = prepared != NULL ? FIRN_OK : fi_error_no_memory(err, "a keyspace");
    }
    fi_os_mutex_unlock(&db->state_mutex);
    FI_TRY(rc);
    const uint64_t id = tree->id;
    DCHECK(put.id == id);
    FI_TRY(fi_db_batch_list(&batch, db, firn_str(name), &put, err));
    const struct fi_db_write_change change = {.creates = tree};
    FI_TRY(fi_db_write_list(db, &batch, &change, err));
    fi_os_mutex_lock(&db->state_mutex);
    DCHECK(image->next_id == id && fi_db_trees_find(image, id) == tree); /* (I1) */
    image->next_id++;
    *out = fi_db_handles_publish_locked(db, prepared); /* (I2) */
    prepared = NULL;
    fi_os_mutex_unlock(&db->state_mutex);
out:
    fi_db_handles_discard(prepared);
    fi_db_batch_deinit(&batch);
    return rc;
}

int
fi_db_keyspace_open_existing(struct firn_db *db, const char *name, struct firn_db_keyspace **out,
                             firn_error *err)
{
    *out = NULL;
    int rc = fi_db_keyspace_check_name(name, err);
    return rc == FIRN_OK ? open_existing(db, name, out, err) : rc;
}

/* *out_is_new: this call, and not another thread, created it. */
static int
find_or_create(struct firn_db *db, const char *name, const struct fi_storefile_keyspace *as,
               const struct fi_db_keyspace_guard *guard, struct firn_db_keyspace **out,
               bool *out_is_new, firn_error *err)
{
    fi_db_keyspace_begin_change(db);
    int rc = open_existing(db, name, out, err);
    *out_is_new = rc == FIRN_NOT_FOUND;
    if (rc == FIRN_NOT_FOUND) {
        rc = db_keyspace_query(db, guard, err);
        rc = rc == FIRN_OK ? db_keyspace_create(db, name, as, out, err) : rc;
    }
    fi_db_keyspace_end_change(db);
    return rc;
}

int
fi_db_keyspace_open(struct firn_db *db, const char *name, struct firn_db_keyspace **out,
                    firn_error *err)
{
    bool is_new;
    int rc = fi_db_keyspace_open_existing(db, name, out, err);
    return rc == FIRN_NOT_FOUND && !db->is_read_only
               ? find_or_create(db, name, &plain, NULL, out, &is_new, err)
               : rc;
}

int
fi_db_keyspace_open_if_any(struct firn_db *db, const char *name, struct firn_db_keyspace **out,
                           firn_error *err)
{
    int rc = fi_db_keyspace_open(db, name, out, err);
    DCHECK(rc == FIRN_OK || *out == NULL);
    return rc == FIRN_NOT_FOUND && db->is_read_only ? FIRN_OK : rc;
}

int
fi_db_keyspace_create(struct firn_db *db, const char *name, struct firn_db_keyspace **out,
                      firn_error *err)
{
    return fi_db_keyspace_create_as(db, name, &plain, out, err);
}

int
fi_db_keyspace_create_as(struct firn_db *db, const char *name,
                         const struct fi_storefile_keyspace *as, struct firn_db_keyspace **out,
                         firn_error *err)
{
    return fi_db_keyspace_create_if(db, name, as, NULL, out, err);
}

int
fi_db_keyspace_create_if(struct firn_db *db, const char *name,
                         const struct fi_storefile_keyspace *as,
                         const struct fi_db_keyspace_guard *guard, struct firn_db_keyspace **out,
                         firn_error *err)
{
    bool is_new = false;
    int rc = fi_db_keyspace_open_existing(db, name, out, err);
    if (rc == FIRN_NOT_FOUND && db->is_read_only) {
        return fi_db_lead_refuse_read_only(db, err);
    }
    if (rc == FIRN_NOT_FOUND) {
        rc = find_or_create(db, name, as, guard, out, &is_new, err);
    }
    if (rc == FIRN_OK && !is_new) {
        *out = NULL;
        return fi_error_set(err, FIRN_EXISTS, "there is a keyspace '%s' already", name);
    }
    return rc;
}

/* ---- listing ---- */

static int
visit_name(firn_slice key, int (*visit)(void *ctx, const char *name), void *ctx)
{
    char name[FIRN_KEYSPACE_NAME_SIZE_MAX + 1];
    CHECK(key.size < sizeof name);
    memcpy(name, key.data, key.size);
    name[key.size] = '\0';
    return visit(ctx, name);
}

/* A part of the list; is_outside: the names are outside snapshots. */
struct part {
    firn_slice lower;
    firn_slice upper;
    bool is_outside;
};

/* The visitor and the state of a listing. */
struct listing {
    struct firn_db *db;
    struct firn_snapshot *snapshot;              /* NULL: now */
    const enum fi_storefile_keyspace_type *type; /* NULL: all */
    int (*visit)(void *ctx, const char *name);
    void *ctx;
};

static int
list_name(const struct listing *listing, firn_slice name, firn_slice value, firn_error *err)
{
    struct fi_storefile_keyspace entry;
    if (name.size == 0) {
        return FIRN_OK;
    }
    if (listing->type != NULL) {
        int rc = fi_storefile_keyspace_read(listing->db->dir, value, &entry, err);
        if (rc != FIRN_OK || entry.type != *listing->type) {
            return rc;
        }
    }
    return visit_name(name, listing->visit, listing->ctx);
}

static int
list_part(const struct listing *listing, const struct part *part, firn_error *err)
{
    const struct fi_db_cursor_options options = {
        .lower = &part->lower,
        .upper = part->upper.size > 0 ? &part->upper : NULL,
        .snapshot = listing->snapshot,
    };
    struct firn_db_cursor *cursor = NULL;
    int rc;
    FI_TRY(fi_db_cursor_open_list(listing->db, part->is_outside, &options, &cursor, err));
    FI_TRY(fi_db_cursor_first(cursor, err));
    while (fi_db_cursor_valid(cursor)) {
        FI_TRY(list_name(listing, fi_db_cursor_key(cursor), fi_db_cursor_value(cursor), err));
        FI_TRY(fi_db_cursor_next(cursor, err));
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}

static int
list_all(const struct listing *listing, firn_error *err)
{
    /* The prefix with its last byte increased: the end of all names that begin with the prefix. */
    static const char end[] = "firn/";
    const struct part parts[] = {
        {firn_str(""), firn_str(FI_DB_SYSTEM_PREFIX), false},
        {firn_str(FI_DB_SYSTEM_PREFIX), firn_str(end), true},
        {firn_str(end), firn_str(""), false},
    };
    int rc = FIRN_OK;
    for (size_t i = 0; i < sizeof parts / sizeof parts[0] && rc == FIRN_OK; i++) {
        rc = list_part(listing, &parts[i], err);
    }
    return rc;
}

int
fi_db_keyspace_list(struct firn_db *db, int (*visit)(void *ctx, const char *name), void *ctx,
                    firn_error *err)
{
    struct firn_snapshot *snapshot;
    int rc = fi_db_snapshot_open(db, &snapshot, err);
    if (rc == FIRN_OK) {
        rc = fi_db_keyspace_list_at(snapshot, NULL, visit, ctx, err);
        fi_db_snapshot_close(snapshot);
    }
    return rc;
}

int
fi_db_keyspace_list_at(struct firn_snapshot *snapshot, const enum fi_storefile_keyspace_type *type,
                       int (*visit)(void *ctx, const char *name), void *ctx, firn_error *err)
{
    const struct listing listing = {
        .db = snapshot->db, .snapshot = snapshot, .type = type, .visit = visit, .ctx = ctx};
    return list_all(&listing, err);
}

struct firn_db *
fi_db_keyspace_db(const struct firn_db_keyspace *keyspace)
{
    return keyspace->db;
}

const char *
fi_db_keyspace_name(const struct firn_db_keyspace *keyspace)
{
    return keyspace->name;
}

uint32_t
fi_db_keyspace_number(const struct firn_db_keyspace *keyspace)
{
    return keyspace->id;
}

void
fi_db_keyspace_note_schema(struct firn_db_keyspace *keyspace, struct fi_schema *schema,
                           uint32_t index, const struct firn_db_keyspace *table)
{
    struct firn_db *db = keyspace->db;
    struct fi_db_tree *tree = keyspace->tree;
    struct fi_schema *unused = schema;
    if (tree == NULL) { /* a read-only handle has no conflicts */
        return;
    }
    fi_schema_ref(schema);
    fi_os_mutex_lock(&db->state_mutex);
    if (tree->key_schema == NULL || tree->key_schema->next_index <= schema->next_index) {
        unused = tree->key_schema;
        tree->key_schema = schema;
        tree->key_index = index;
        tree->key_table = table->id;
    }
    fi_os_mutex_unlock(&db->state_mutex);
    fi_schema_unref(unused);
}

void *
fi_db_keyspace_attached(struct firn_db_keyspace *keyspace)
{
    fi_os_mutex_lock(&keyspace->db->state_mutex);
    void *object = keyspace->attached;
    fi_os_mutex_unlock(&keyspace->db->state_mutex);
    return object;
}

void *
fi_db_keyspace_attach(struct firn_db_keyspace *keyspace, void *object,
                      void (*destroy_object)(void *object))
{
    DCHECK(object != NULL);
    fi_os_mutex_lock(&keyspace->db->state_mutex);
    void *before = keyspace->attached;
    if (before == NULL) {
        keyspace->attached = object;
        keyspace->destroy_attached = destroy_object;
    }
    fi_os_mutex_unlock(&keyspace->db->state_mutex);
    if (before != NULL) {
        destroy_object(object);
    }
    return before != NULL ? before : object;
}

enum fi_storefile_keyspace_type
fi_db_keyspace_type(const struct firn_db_keyspace *keyspace)
{
    return keyspace->type;
}

uint64_t
fi_db_keyspace_schema(const struct firn_db_keyspace *keyspace)
{
    return keyspace->schema;
}

/* ---- keyspaces of a snapshot ---- */

int
fi_db_keyspace_list_in(struct firn_snapshot *snapshot, int (*visit)(void *ctx, const char *name),
                       void *ctx, firn_error *err)
{
    return fi_db_keyspace_list_at(snapshot, NULL, visit, ctx, err);
}

int
fi_db_keyspace_list_of_in(struct firn_snapshot *snapshot, enum fi_storefile_keyspace_type type,
                          int (*visit)(void *ctx, const char *name), void *ctx, firn_error *err)
{
    return fi_db_keyspace_list_at(snapshot, &type, visit, ctx, err);
}

int
fi_db_keyspace_entry_in(struct firn_snapshot *snapshot, const char *name, struct fi_buf *bytes,
                        struct fi_storefile_keyspace *out, firn_error *err)
{
    struct firn_db *db = snapshot->db;
    struct fi_db_image *image = snapshot->node.image;
    int rc;
    FI_TRY(fi_db_keyspace_check_name(name, err));
    const struct fi_snapshot seen = fi_db_is_system_name(firn_str(name))
                                        ? fi_db_snapshot_now(db, image, true)
                                        : snapshot->node.snapshot;
    rc = fi_lsm_tree_get(image->list->lsm_tree, firn_str(name), &seen, bytes, err);
    if (rc == FIRN_NOT_FOUND) {
        rc = fi_db_keyspace_refuse_missing(db, name, err);
    }
    FI_TRY(rc);
    rc = fi_storefile_keyspace_read(db->dir, fi_buf_slice(bytes), out, err);
out:
    return rc;
}

int
fi_db_keyspace_open_in(struct firn_snapshot *snapshot, const char *name,
                       struct firn_db_keyspace **out, firn_error *err)
{
    struct firn_db *db = snapshot->db;
    struct fi_buf value = {0};
    struct fi_storefile_keyspace entry;
    int rc;
    *out = NULL;
    FI_TRY(fi_db_keyspace_entry_in(snapshot, name, &value, &entry, err));
    fi_os_mutex_lock(&db->state_mutex);
    rc = fi_db_handles_get_locked(db, snapshot->node.image, entry.id, name, out, err);
    fi_os_mutex_unlock(&db->state_mutex);
out:
    fi_buf_deinit(&value);
    return rc;
}
