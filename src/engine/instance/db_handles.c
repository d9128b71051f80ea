/* SPDX-License-Identifier: Apache-2.0
 *
 * instance/db_handles.c: the handles of keyspaces.
 *
 * (I1) A handle stays until the store closes. There is one for each id.
 * (I2) A handle that writes has a pointer to its tree. In a read-only store each image has trees of
 *      its own, which each read finds by id (db_get.c).
 *
 * Locking: the state mutex.
 */
#include "base/check.h"
#include "instance/db_handle.h"

#include "base/mem.h"

static uint64_t
hash_id(uint64_t id)
{
    return id * UINT64_C(0x9e3779b97f4a7c15);
}

static uint64_t
hash_record(const void *record)
{
    return hash_id((*(struct firn_db_keyspace *const *)record)->id);
}

static bool
has_id(const void *record, const void *key)
{
    return (*(struct firn_db_keyspace *const *)record)->id == *(const uint32_t *)key;
}

void
fi_db_handles_init(struct firn_db *db)
{
    fi_hash_map_init(&db->keyspaces, sizeof(struct firn_db_keyspace *), hash_record, has_id);
}

void
fi_db_handles_discard(struct firn_db_keyspace *keyspace)
{
    if (keyspace != NULL) {
        if (keyspace->attached != NULL) {
            keyspace->destroy_attached(keyspace->attached);
        }
        fi_free(keyspace->name);
        fi_free(keyspace);
    }
}

void
fi_db_handles_destroy_all(struct firn_db *db)
{
    for (size_t i = 0; i < db->keyspaces.count; i++) {
        fi_db_handles_discard(*(struct firn_db_keyspace **)fi_hash_map_at(&db->keyspaces, i));
    }
    fi_hash_map_deinit(&db->keyspaces);
}

const char *
fi_db_handles_name_of(struct firn_db *db, uint32_t id)
{
    fi_os_mutex_lock(&db->state_mutex);
    struct firn_db_keyspace **found = fi_hash_map_find(&db->keyspaces, hash_id(id), &id);
    const char *name = found != NULL ? (*found)->name : "";
    fi_os_mutex_unlock(&db->state_mutex);
    return name;
}

struct firn_db_keyspace *
fi_db_handles_find(struct firn_db *db, uint32_t id)
{
    fi_os_mutex_lock(&db->state_mutex);
    struct firn_db_keyspace **found = fi_hash_map_find(&db->keyspaces, hash_id(id), &id);
    struct firn_db_keyspace *keyspace = found != NULL ? *found : NULL;
    fi_os_mutex_unlock(&db->state_mutex);
    return keyspace;
}

/* A handle that is not in the map yet. */
static struct firn_db_keyspace *
db_handles_prepare(struct firn_db *db, struct fi_db_tree *tree, const char *name)
{
    struct firn_db_keyspace *keyspace = fi_alloc_zeroed(sizeof *keyspace);
    if (keyspace == NULL) {
        return NULL;
    }
    fi_os_process_init_mark(&keyspace->mark);
    keyspace->db = db;
    keyspace->id = tree->id;
    keyspace->tree = db->is_read_only ? NULL : tree; /* (I2) */
    keyspace->type = tree->type;
    keyspace->schema = tree->schema;
    keyspace->is_system = fi_db_is_system_name(firn_str(name));
    keyspace->name = fi_strdup(name);
    if (keyspace->name == NULL) {
        fi_db_handles_discard(keyspace);
        return NULL;
    }
    return keyspace;
}

/* Room that stays free for the thread that changes the list. */
enum { KEPT_FREE = 1 };

static struct firn_db_keyspace *
make_locked(struct firn_db *db, struct fi_db_tree *tree, const char *name)
{
    fi_os_mutex_assert_held(&db->state_mutex);
    const uint32_t id = tree->id;
    DCHECK(fi_hash_map_find(&db->keyspaces, hash_id(id), &id) == NULL); /* (I1) */
    if (!fi_hash_map_reserve(&db->keyspaces, 1 + KEPT_FREE)) {
        return NULL;
    }
    struct firn_db_keyspace *keyspace = db_handles_prepare(db, tree, name);
    if (keyspace != NULL) {
        CHECK(fi_hash_map_insert(&db->keyspaces, hash_id(id), &keyspace) != NULL);
    }
    return keyspace;
}

struct firn_db_keyspace *
fi_db_handles_prepare_locked(struct firn_db *db, struct fi_db_tree *tree, const char *name)
{
    fi_os_mutex_assert_held(&db->state_mutex);
    return fi_hash_map_reserve(&db->keyspaces, KEPT_FREE) ? db_handles_prepare(db, tree, name)
                                                          : NULL;
}

struct firn_db_keyspace *
fi_db_handles_publish_locked(struct firn_db *db, struct firn_db_keyspace *prepared)
{
    fi_os_mutex_assert_held(&db->state_mutex);
    const uint32_t id = prepared->id;
    DCHECK(db->is_changing_list && prepared->attached == NULL);
    DCHECK(db->is_read_only || prepared->tree != NULL); /* (I2) */
    struct firn_db_keyspace **found = fi_hash_map_find(&db->keyspaces, hash_id(id), &id);
    if (found != NULL) {
        fi_db_handles_discard(prepared); /* (I1) */
        return *found;
    }
    CHECK(fi_hash_map_insert(&db->keyspaces, hash_id(id), &prepared) != NULL);
    return prepared;
}

int
fi_db_handles_get_locked(struct firn_db *db, struct fi_db_image *image, uint64_t id,
                         const char *name, struct firn_db_keyspace **out, firn_error *err)
{
    fi_os_mutex_assert_held(&db->state_mutex);
    struct fi_db_tree *tree = fi_db_trees_find(image, id);
    uint32_t key = (uint32_t)id;
    if (id > UINT32_MAX || tree == NULL) {
        return fi_error_set(err, FIRN_CORRUPT,
                            "'%s': the list of keyspaces names one that does not exist",
                            fi_os_dir_path(db->dir));
    }
    struct firn_db_keyspace **found = fi_hash_map_find(&db->keyspaces, hash_id(id), &key);
    *out = found != NULL ? *found : make_locked(db, tree, name);
    DCHECK(*out == NULL || (*out)->id == key);
    return *out != NULL ? FIRN_OK : fi_error_no_memory(err, "a keyspace");
}
