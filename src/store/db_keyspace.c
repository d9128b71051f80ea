/* SPDX-License-Identifier: Apache-2.0
 *
 * store/db_keyspace.c: keyspaces by name and by id.
 *
 * Keyspace 0 is the list of the others: name to id. Creating a keyspace is a commit of one put into
 * it, so names are as durable and as ordered as everything else. Ids are given in order and never
 * again, so db->keyspaces is an array by id.
 *
 * (I1) A handle, once in the array, stays as it is until the store closes.
 * (I2) One thread creates at a time (is_creating). It commits without holding the state mutex, and
 *      puts the handle into the array when the commit is there; room in the array is made before,
 *      so this cannot fail. Between the commit and that moment the name is in the list and the id
 *      not in the array: who meets this waits for the creator.
 */
#include "store/db_internal.h"

#include "base/check.h"
#include "base/mem.h"
#include "codec/utf8.h"

static void
destroy(struct firn_db_keyspace *keyspace)
{
    if (keyspace != NULL) {
        firn_memtable_destroy(keyspace->memtable);
        firn_free(keyspace->name);
        firn_free(keyspace);
    }
}

static int
create(struct firn_db *db, firn_slice name, uint32_t id, struct firn_db_keyspace **out,
       firn_error *err)
{
    struct firn_db_keyspace *keyspace = firn_alloc_zeroed(sizeof *keyspace);
    int rc = FIRN_NO_MEMORY;
    if (keyspace != NULL) {
        keyspace->db = db;
        keyspace->id = id;
        keyspace->name = firn_strndup((const char *)name.data, name.size);
        if (keyspace->name != NULL) {
            rc = firn_memtable_create(&keyspace->memtable, NULL);
        }
    }
    if (rc != FIRN_OK) {
        destroy(keyspace);
        return firn_error_no_memory(err, "a keyspace");
    }
    *out = keyspace;
    return FIRN_OK;
}

size_t
firn_db_keyspace_count(const struct firn_db *db)
{
    return db->keyspaces.size / sizeof(struct firn_db_keyspace_slot);
}

struct firn_db_keyspace *
firn_db_keyspace_at(const struct firn_db *db, uint64_t id)
{
    const struct firn_db_keyspace_slot *slots = (const void *)db->keyspaces.data;
    return id < firn_db_keyspace_count(db) ? slots[id].keyspace : NULL;
}

static int
make_room(struct firn_db *db, firn_error *err)
{
    return firn_buf_reserve(&db->keyspaces, sizeof(struct firn_db_keyspace_slot)) == FIRN_OK
               ? FIRN_OK
               : firn_error_no_memory(err, "the list of keyspaces");
}

/* Cannot fail: make_room came before. */
static void
register_keyspace(struct firn_db *db, struct firn_db_keyspace *keyspace)
{
    const struct firn_db_keyspace_slot slot = {keyspace};
    CHECK(keyspace->id == firn_db_keyspace_count(db));
    CHECK(firn_buf_append(&db->keyspaces, &slot, sizeof slot) == FIRN_OK);
}

int
firn_db_keyspace_add(struct firn_db *db, firn_slice name, firn_error *err)
{
    struct firn_db_keyspace *keyspace = NULL;
    int rc;
    FIRN_TRY(make_room(db, err));
    FIRN_TRY(create(db, name, (uint32_t)firn_db_keyspace_count(db), &keyspace, err));
    register_keyspace(db, keyspace);
    if (keyspace->id == FIRN_DB_KEYSPACE_LIST) {
        db->list = keyspace;
    }
out:
    return rc;
}

void
firn_db_keyspace_destroy_all(struct firn_db *db)
{
    for (size_t i = 0; i < firn_db_keyspace_count(db); i++) {
        destroy(firn_db_keyspace_at(db, i));
    }
    firn_buf_clear(&db->keyspaces);
    db->list = NULL;
}

/* NULL where the name is not committed, or its creator has still to register it (I2). */
static struct firn_db_keyspace *
find(struct firn_db *db, const char *name)
{
    const struct firn_view_interval now = {1, firn_db_published(db)};
    const struct firn_view view = {&now, 1};
    struct firn_entry entry;
    if (!firn_memtable_get(db->list->memtable, firn_str(name), &view, &entry)) {
        return NULL;
    }
    struct firn_reader reader = firn_reader_of(entry.value);
    uint64_t id;
    CHECK(firn_reader_varint(&reader, &id));
    return firn_db_keyspace_at(db, id);
}

static int
check_name(const char *name, firn_error *err)
{
    size_t size = strlen(name);
    if (size == 0 || !firn_utf8_is_valid(firn_str(name))) {
        return firn_error_set(err, FIRN_INVALID, "the name of a keyspace is %s",
                              size == 0 ? "empty" : "not UTF-8");
    }
    if (size > FIRN_KEYSPACE_NAME_SIZE_MAX) {
        return firn_error_set(err, FIRN_LIMIT,
                              "the name of a keyspace has %zu bytes; at most %d "
                              "are allowed",
                              size, FIRN_KEYSPACE_NAME_SIZE_MAX);
    }
    return FIRN_OK;
}

static int
commit_name(struct firn_db *db, const struct firn_db_keyspace *keyspace, firn_error *err)
{
    struct firn_db_batch batch = {0};
    struct firn_buf id = {0};
    int rc;
    FIRN_TRY(firn_buf_append_varint(&id, keyspace->id) == FIRN_OK
                 ? FIRN_OK
                 : firn_error_no_memory(err, "the name of a keyspace"));
    FIRN_TRY(
        firn_db_batch_put(&batch, db->list, firn_str(keyspace->name), firn_buf_slice(&id), err));
    FIRN_TRY(firn_db_write(db, &batch, FIRN_DURABILITY_DEFAULT, err));
out:
    firn_db_batch_deinit(&batch);
    firn_buf_deinit(&id);
    return rc;
}

/* Creates and commits, called and left with the state mutex held and is_creating set (I2). */
static int
create_locked(struct firn_db *db, const char *name, struct firn_db_keyspace **out, firn_error *err)
{
    struct firn_db_keyspace *keyspace = NULL;
    uint32_t id = (uint32_t)firn_db_keyspace_count(db);
    int rc;
    FIRN_TRY(make_room(db, err));
    FIRN_TRY(create(db, firn_str(name), id, &keyspace, err));
    firn_os_mutex_unlock(&db->state_mutex);
    rc = commit_name(db, keyspace, err);
    firn_os_mutex_lock(&db->state_mutex);
    FIRN_TRY(rc);
    register_keyspace(db, keyspace);
    *out = keyspace;
    keyspace = NULL;
out:
    destroy(keyspace);
    return rc;
}

int
firn_db_keyspace_open(struct firn_db *db, const char *name, struct firn_db_keyspace **out,
                      firn_error *err)
{
    *out = NULL;
    int rc = check_name(name, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    firn_os_mutex_lock(&db->state_mutex);
    *out = find(db, name);
    while (*out == NULL && db->is_creating) {
        firn_os_cond_wait(&db->created, &db->state_mutex);
        *out = find(db, name);
    }
    if (*out != NULL) {
        rc = FIRN_OK;
    } else if (db->is_read_only) {
        rc = firn_error_set(err, FIRN_NOT_FOUND, "there is no keyspace '%s' in '%s'", name,
                            firn_os_dir_path(db->dir));
    } else {
        db->is_creating = true;
        rc = create_locked(db, name, out, err);
        db->is_creating = false;
        firn_os_cond_broadcast(&db->created);
    }
    firn_os_mutex_unlock(&db->state_mutex);
    return rc;
}

int
firn_db_keyspace_list(struct firn_db *db, int (*visit)(void *ctx, const char *name), void *ctx,
                      firn_error *err)
{
    struct firn_db_cursor *cursor = NULL;
    char name[FIRN_KEYSPACE_NAME_SIZE_MAX + 1];
    int rc;
    FIRN_TRY(firn_db_cursor_open(db->list, NULL, &cursor, err));
    FIRN_TRY(firn_db_cursor_first(cursor, err));
    while (firn_db_cursor_valid(cursor)) {
        firn_slice key = firn_db_cursor_key(cursor);
        CHECK(key.size < sizeof name);
        memcpy(name, key.data, key.size);
        name[key.size] = '\0';
        FIRN_TRY(visit(ctx, name));
        FIRN_TRY(firn_db_cursor_next(cursor, err));
    }
out:
    firn_db_cursor_close(cursor);
    return rc;
}

struct firn_db *
firn_db_keyspace_db(const struct firn_db_keyspace *keyspace)
{
    return keyspace->db;
}

const char *
firn_db_keyspace_name(const struct firn_db_keyspace *keyspace)
{
    return keyspace->name;
}
