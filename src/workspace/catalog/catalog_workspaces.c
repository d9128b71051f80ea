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
    FI_CATALOG_WORKSPACES, FI_CATALOG_CHECKPOINTS, FI_CATALOG_UNPACKED,
    FI_CATALOG_TAGS,       FI_CATALOG_PINS,        FI_CATALOG_TURNS,
    FI_CATALOG_TOLD,       FI_CATALOG_UNDO,        FI_CATALOG_FACTS,
    FI_CATALOG_RESTORES,   FI_CATALOG_DELETED,     FI_DB_SYSTEM_PREFIX "stat", /* statcache.h */
};

static bool
decode_body(struct fi_reader *reader, uint8_t format, firn_slice *out_root,
            struct fi_catalog_workspace *out)
{
    uint64_t btime = 0;
    if (!fi_reader_sized(reader, FI_CATALOG_RECORD_PATH_SIZE_MAX, out_root) ||
        !fi_reader_varint(reader, &out->device) || !fi_reader_varint(reader, &out->inode) ||
        !fi_reader_varint(reader, &out->next_order) ||
        !fi_reader_varint(reader, &out->next_number) ||
        (format != FORMAT_WITHOUT_BTIME && !fi_reader_le64(reader, &btime))) {
        return false;
    }
    out->btime_ns = (int64_t)btime;
    return fi_reader_left(reader) == 0;
}

int
fi_catalog_workspaces_decode(firn_slice key, firn_slice value, firn_slice *out_root,
                             struct fi_catalog_workspace *out, firn_error *err)
{
    struct fi_reader reader = fi_reader_of(value);
    uint8_t format;
    if (key.size == KEY_SIZE && fi_reader_u8(&reader, &format)) {
        if (format != FORMAT && format != FORMAT_WITHOUT_BTIME) {
            return fi_error_set(err, FIRN_NEWER,
                                "a workspace's entry has format %u, this version knows %u", format,
                                FORMAT);
        }
        out->number = fi_load_be32(key.data);
        if (out->number != 0 && decode_body(&reader, format, out_root, out)) {
            return FIRN_OK;
        }
    }
    return fi_error_set(err, FIRN_CORRUPT, "a workspace's entry in the catalog is malformed");
}

int
fi_catalog_workspaces_list(struct fi_catalog *catalog,
                           int (*visit)(void *ctx, firn_slice root,
                                        const struct fi_catalog_workspace *workspace,
                                        firn_error *err),
                           void *ctx, firn_error *err)
{
    if (catalog->workspaces == NULL) {
        return FIRN_OK;
    }
    struct firn_db_cursor *cursor;
    int rc = fi_db_cursor_open(catalog->workspaces, NULL, &cursor, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    for (rc = fi_db_cursor_first(cursor, err); rc == FIRN_OK && fi_db_cursor_valid(cursor);
         rc = fi_db_cursor_next(cursor, err)) {
        struct fi_catalog_workspace workspace = {0};
        firn_slice root;
        FI_TRY(fi_catalog_workspaces_decode(fi_db_cursor_key(cursor), fi_db_cursor_value(cursor),
                                            &root, &workspace, err));
        FI_TRY(visit(ctx, root, &workspace, err));
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}

struct search {
    firn_slice root;
    struct fi_catalog_workspace found;
    uint32_t last; /* the largest number in use */
};

static int
visit_root(void *ctx, firn_slice root, const struct fi_catalog_workspace *workspace,
           firn_error *err)
{
    (void)err;
    struct search *search = ctx;
    search->last = workspace->number;
    if (fi_slice_equal(root, search->root)) {
        search->found = *workspace;
    }
    return FIRN_OK;
}

int
fi_catalog_workspaces_find(struct fi_catalog *catalog, firn_slice root,
                           struct fi_catalog_workspace *out, firn_error *err)
{
    struct search search = {.root = root};
    int rc = fi_catalog_workspaces_list(catalog, visit_root, &search, err);
    *out = search.found;
    return rc;
}

static int
append_entry(struct fi_buf *out, firn_slice root, const struct fi_catalog_workspace *workspace)
{
    const uint64_t numbers[] = {workspace->device, workspace->inode, workspace->next_order,
                                workspace->next_number};
    FI_TRY_RETURN(fi_buf_append_u8(out, FORMAT));
    FI_TRY_RETURN(fi_buf_append_varint(out, root.size));
    FI_TRY_RETURN(fi_buf_append_slice(out, root));
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        FI_TRY_RETURN(fi_buf_append_varint(out, numbers[i]));
    }
    return fi_buf_append_le64(out, (uint64_t)workspace->btime_ns);
}

int
fi_catalog_workspaces_put(struct fi_catalog *catalog, struct firn_db_batch *batch, firn_slice root,
                          const struct fi_catalog_workspace *workspace, firn_error *err)
{
    DCHECK(workspace->number != 0);
    uint8_t key[KEY_SIZE];
    fi_store_be32(key, workspace->number);
    struct fi_buf value = {0};
    int rc = append_entry(&value, root, workspace);
    if (rc == FIRN_OK) {
        rc = fi_db_batch_put(batch, catalog->workspaces, firn_bytes(key, sizeof key),
                             fi_buf_slice(&value), err);
    } else {
        rc = fi_error_no_memory(err, "a workspace's entry");
    }
    fi_buf_deinit(&value);
    return rc;
}

int
fi_catalog_workspaces_change(struct fi_catalog *catalog, firn_slice root,
                             const struct fi_catalog_workspace *workspace, firn_error *err)
{
    struct firn_db_batch *batch = NULL;
    int rc;
    FI_TRY(fi_db_batch_create(&batch, err));
    FI_TRY(fi_catalog_workspaces_put(catalog, batch, root, workspace, err));
    FI_TRY(fi_db_write(catalog->db, batch, FIRN_DURABILITY_FULL, err));
out:
    fi_db_batch_destroy(batch);
    return rc;
}

int
fi_catalog_workspaces_add(struct fi_catalog *catalog, firn_slice root,
                          struct fi_catalog_workspace *workspace, firn_error *err)
{
    struct search search = {.root = root};
    int rc = fi_catalog_workspaces_list(catalog, visit_root, &search, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    CHECK(search.found.number == 0);
    if (search.last >= UINT32_MAX - 1) {
        return fi_error_set(err, FIRN_LIMIT, "the store has no number left for a workspace");
    }
    workspace->number = search.last + 1;
    workspace->next_order = 1;
    workspace->next_number = 1;
    return fi_catalog_workspaces_change(catalog, root, workspace, err);
}

int
fi_catalog_workspaces_remove(struct fi_catalog *catalog, uint32_t workspace, firn_error *err)
{
    uint8_t lower[KEY_SIZE];
    uint8_t upper[KEY_SIZE];
    struct firn_db_batch *batch = NULL;
    struct fi_catalog_due due;
    int rc;
    CHECK(workspace != 0 && workspace != UINT32_MAX);
    fi_store_be32(lower, workspace);
    fi_store_be32(upper, workspace + 1);
    FI_TRY(fi_db_batch_create(&batch, err));
    for (size_t i = 0; i < sizeof owned_keyspaces / sizeof owned_keyspaces[0]; i++) {
        struct firn_db_keyspace *keyspace;
        FI_TRY(fi_db_keyspace_open(catalog->db, owned_keyspaces[i], &keyspace, err));
        FI_TRY(fi_db_batch_delete_range(batch, keyspace, firn_bytes(lower, sizeof lower),
                                        firn_bytes(upper, sizeof upper), err));
    }
    DCHECK(fi_db_batch_count(batch) ==
           sizeof owned_keyspaces / sizeof owned_keyspaces[0]); /* (I1) */
    /* The bytes that these checkpoints had added were not counted: assume that everything is
     * garbage. */
    FI_TRY(fi_catalog_due_read(catalog->db, &due, err));
    fi_catalog_due_add(&due, UINT64_MAX);
    FI_TRY(fi_catalog_due_put(catalog->db, batch, &due, err));
    FI_TRY(fi_db_write(catalog->db, batch, FIRN_DURABILITY_FULL, err));
out:
    fi_db_batch_destroy(batch);
    return rc;
}
