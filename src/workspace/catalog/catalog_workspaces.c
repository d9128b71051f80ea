/* SPDX-License-Identifier: Apache-2.0
 *
 * catalog/catalog_workspaces.c: the entries of workspaces in the catalog.
 *
 * A store holds few workspaces, mostly one, so a search reads all of them. In every keyspace named
 * below, the keys of a workspace begin with its number, and they are deleted with it in one commit
 * (I1). The largest number is never assigned, so that every number has a successor, at which a
 * range ends.
 *
 * Entries of format 1 lack the directory's birth time. They are read with an unknown birth time,
 * and rewritten in the present format with the workspace's next checkpoint.
 */
#include "catalog/catalog.h"

#include "base/bytes.h"
#include "base/check.h"
#include "base/reader.h"
#include "base/slice.h"
#include "catalog/catalog_internal.h"

enum { FORMAT_WITHOUT_BTIME = 1, FORMAT = 2, KEY_SIZE = 4 };

/* The keyspaces whose keys begin with the number of a workspace. */
static const char *const owned_keyspaces[] = {
    FIRN_CATALOG_WORKSPACES, FIRN_CATALOG_CHECKPOINTS,
    FIRN_CATALOG_UNPACKED,   FIRN_CATALOG_TAGS,
    FIRN_CATALOG_PINS,       FIRN_CATALOG_TURNS,
    FIRN_CATALOG_TOLD,       FIRN_CATALOG_UNDO,
    FIRN_CATALOG_FACTS,      FIRN_CATALOG_RESTORES,
    FIRN_CATALOG_DELETED,    FIRN_DB_SYSTEM_PREFIX "stat", /* statcache.h */
};

static bool
decode_body(struct firn_reader *reader, uint8_t format, firn_slice *out_root,
            struct firn_catalog_workspace *out)
{
    uint64_t btime = 0;
    if (!firn_reader_sized(reader, FIRN_CATALOG_RECORD_PATH_SIZE_MAX, out_root) ||
        !firn_reader_varint(reader, &out->device) || !firn_reader_varint(reader, &out->inode) ||
        !firn_reader_varint(reader, &out->next_order) ||
        !firn_reader_varint(reader, &out->next_number) ||
        (format != FORMAT_WITHOUT_BTIME && !firn_reader_le64(reader, &btime))) {
        return false;
    }
    out->btime_ns = (int64_t)btime;
    return firn_reader_left(reader) == 0;
}

int
firn_catalog_workspaces_decode(firn_slice key, firn_slice value, firn_slice *out_root,
                               struct firn_catalog_workspace *out, firn_error *err)
{
    struct firn_reader reader = firn_reader_of(value);
    uint8_t format;
    if (key.size == KEY_SIZE && firn_reader_u8(&reader, &format)) {
        if (format != FORMAT && format != FORMAT_WITHOUT_BTIME) {
            return firn_error_set(err, FIRN_NEWER,
                                  "a workspace's entry has format %u, this version knows %u",
                                  format, FORMAT);
        }
        out->number = firn_load_be32(key.data);
        if (out->number != 0 && decode_body(&reader, format, out_root, out)) {
            return FIRN_OK;
        }
    }
    return firn_error_set(err, FIRN_CORRUPT, "a workspace's entry in the catalog is malformed");
}

int
firn_catalog_workspaces_list(struct firn_catalog *catalog,
                             int (*visit)(void *ctx, firn_slice root,
                                          const struct firn_catalog_workspace *workspace,
                                          firn_error *err),
                             void *ctx, firn_error *err)
{
    if (catalog->workspaces == NULL) {
        return FIRN_OK;
    }
    struct firn_db_cursor *cursor;
    int rc = firn_db_cursor_open(catalog->workspaces, NULL, &cursor, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    for (rc = firn_db_cursor_first(cursor, err); rc == FIRN_OK && firn_db_cursor_valid(cursor);
         rc = firn_db_cursor_next(cursor, err)) {
        struct firn_catalog_workspace workspace = {0};
        firn_slice root;
        FIRN_TRY(firn_catalog_workspaces_decode(
            firn_db_cursor_key(cursor), firn_db_cursor_value(cursor), &root, &workspace, err));
        FIRN_TRY(visit(ctx, root, &workspace, err));
    }
out:
    firn_db_cursor_close(cursor);
    return rc;
}

struct search {
    firn_slice root;
    struct firn_catalog_workspace found;
    uint32_t last; /* the largest number in use */
};

static int
visit_root(void *ctx, firn_slice root, const struct firn_catalog_workspace *workspace,
           firn_error *err)
{
    (void)err;
    struct search *search = ctx;
    search->last = workspace->number;
    if (firn_slice_equal(root, search->root)) {
        search->found = *workspace;
    }
    return FIRN_OK;
}

int
firn_catalog_workspaces_find(struct firn_catalog *catalog, firn_slice root,
                             struct firn_catalog_workspace *out, firn_error *err)
{
    struct search search = {.root = root};
    int rc = firn_catalog_workspaces_list(catalog, visit_root, &search, err);
    *out = search.found;
    return rc;
}

static int
append_entry(struct firn_buf *out, firn_slice root, const struct firn_catalog_workspace *workspace)
{
    const uint64_t numbers[] = {workspace->device, workspace->inode, workspace->next_order,
                                workspace->next_number};
    FIRN_TRY_RETURN(firn_buf_append_u8(out, FORMAT));
    FIRN_TRY_RETURN(firn_buf_append_varint(out, root.size));
    FIRN_TRY_RETURN(firn_buf_append_slice(out, root));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        FIRN_TRY_RETURN(firn_buf_append_varint(out, numbers[i]));
    }
    return firn_buf_append_le64(out, (uint64_t)workspace->btime_ns);
}

int
firn_catalog_workspaces_put(struct firn_catalog *catalog, struct firn_db_batch *batch,
                            firn_slice root, const struct firn_catalog_workspace *workspace,
                            firn_error *err)
{
    DCHECK(workspace->number != 0);
    uint8_t key[KEY_SIZE];
    firn_store_be32(key, workspace->number);
    struct firn_buf value = {0};
    int rc = append_entry(&value, root, workspace);
    if (rc == FIRN_OK) {
        rc = firn_db_batch_put(batch, catalog->workspaces, firn_bytes(key, sizeof key),
                               firn_buf_slice(&value), err);
    } else {
        rc = firn_error_no_memory(err, "a workspace's entry");
    }
    firn_buf_deinit(&value);
    return rc;
}

int
firn_catalog_workspaces_change(struct firn_catalog *catalog, firn_slice root,
                               const struct firn_catalog_workspace *workspace, firn_error *err)
{
    struct firn_db_batch *batch = NULL;
    int rc;
    FIRN_TRY(firn_db_batch_create(&batch, err));
    FIRN_TRY(firn_catalog_workspaces_put(catalog, batch, root, workspace, err));
    FIRN_TRY(firn_db_write(catalog->db, batch, FIRN_DURABILITY_FULL, err));
out:
    firn_db_batch_destroy(batch);
    return rc;
}

int
firn_catalog_workspaces_add(struct firn_catalog *catalog, firn_slice root,
                            struct firn_catalog_workspace *workspace, firn_error *err)
{
    struct search search = {.root = root};
    int rc = firn_catalog_workspaces_list(catalog, visit_root, &search, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    CHECK(search.found.number == 0);
    if (search.last >= UINT32_MAX - 1) {
        return firn_error_set(err, FIRN_LIMIT, "the store has no number left for a workspace");
    }
    workspace->number = search.last + 1;
    workspace->next_order = 1;
    workspace->next_number = 1;
    return firn_catalog_workspaces_change(catalog, root, workspace, err);
}

int
firn_catalog_workspaces_remove(struct firn_catalog *catalog, uint32_t workspace, firn_error *err)
{
    uint8_t lower[KEY_SIZE];
    uint8_t upper[KEY_SIZE];
    struct firn_db_batch *batch = NULL;
    struct firn_catalog_due due;
    int rc;
    CHECK(workspace != 0 && workspace != UINT32_MAX);
    firn_store_be32(lower, workspace);
    firn_store_be32(upper, workspace + 1);
    FIRN_TRY(firn_db_batch_create(&batch, err));
    for (size_t i = 0; i < sizeof owned_keyspaces / sizeof owned_keyspaces[0]; i++) {
        struct firn_db_keyspace *keyspace;
        FIRN_TRY(firn_db_keyspace_open(catalog->db, owned_keyspaces[i], &keyspace, err));
        FIRN_TRY(firn_db_batch_delete_range(batch, keyspace, firn_bytes(lower, sizeof lower),
                                            firn_bytes(upper, sizeof upper), err));
    }
    DCHECK(firn_db_batch_count(batch) ==
           sizeof owned_keyspaces / sizeof owned_keyspaces[0]); /* (I1) */
    /* The bytes that these checkpoints had added were not counted: assume that everything is
     * garbage. */
    FIRN_TRY(firn_catalog_due_read(catalog->db, &due, err));
    firn_catalog_due_add(&due, UINT64_MAX);
    FIRN_TRY(firn_catalog_due_put(catalog->db, batch, &due, err));
    FIRN_TRY(firn_db_write(catalog->db, batch, FIRN_DURABILITY_FULL, err));
out:
    firn_db_batch_destroy(batch);
    return rc;
}
