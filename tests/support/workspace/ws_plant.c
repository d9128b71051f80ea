/* SPDX-License-Identifier: Apache-2.0
 *
 * support/workspace/ws_plant.c: what a hostile store holds, written byte by byte as docs/formats/tree.md
 * says, with none of the checks of tree_build.c.
 */
#include "ws_plant.h"
#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "support/test.h"
#include "tree/tree_format.h"

enum { ID_MARK = 7 }; /* an id is this and the order */

static void
must(struct ws_plant *planting, int rc)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), planting->world.err.text);
    }
}

void
ws_plant_begin(struct ws_plant *planting)
{
    firn_error *err = &planting->world.err;
    must(planting, fi_ws_opened_open(planting->world.ws, FI_WS_CREATE, &planting->opened, err));
    must(planting, fi_objects_session_begin(planting->opened.objects,
                                            planting->level == 0 ? 1 : planting->level,
                                            &planting->session, err));
    must(planting, fi_objects_session_lane_open(planting->session, &planting->lane, err));
}

void
ws_plant_end_under(struct ws_plant *planting, const firn_hash *root, const firn_hash *rules)
{
    firn_error *err = &planting->world.err;
    uint64_t added;
    struct fi_catalog_workspace *workspace = &planting->opened.workspace;
    must(planting, fi_objects_session_lane_close(planting->lane, true, err));
    must(planting, fi_objects_session_commit(planting->session, &added, err));
    fi_objects_session_end(planting->session);
    struct fi_catalog_record record = {.order = workspace->next_order,
                                       .number = workspace->next_number,
                                       .workspace_path = firn_str(planting->world.root_path),
                                       .id = {ID_MARK, (uint8_t)workspace->next_order},
                                       .files = UINT64_MAX};
    if (rules != NULL) {
        record.has_rules = true;
        record.rules = *rules;
    }
    record.root = (struct fi_tree_entry){.kind = FI_TREE_DIR,
                                         .mode = 0755,
                                         .uid = planting->uid,
                                         .gid = planting->gid,
                                         .hash = *root};
    must(planting, fi_catalog_commit(planting->opened.catalog, firn_str(planting->world.root_path),
                                     workspace, &record, false, NULL, err));
    must(planting, fi_ws_opened_close(planting->world.ws, &planting->opened, false, err));
}

void
ws_plant_end(struct ws_plant *planting, const firn_hash *root)
{
    ws_plant_end_under(planting, root, NULL);
}

firn_hash
ws_plant_object(struct ws_plant *planting, enum fi_pack_kind kind, firn_slice bytes, firn_hash hash)
{
    must(planting,
         fi_objects_session_lane_move(planting->lane, kind, &hash, bytes, &planting->world.err));
    return hash;
}

firn_hash
ws_plant_hash_of(const void *data, size_t size)
{
    firn_hash hash;
    fi_blake3_hash_of(data, size, &hash);
    return hash;
}

firn_hash
ws_plant_blob(struct ws_plant *planting, const char *text)
{
    return ws_plant_object(planting, FI_PACK_BLOB, firn_str(text),
                           ws_plant_hash_of(text, strlen(text)));
}

static void
append(struct fi_buf *out, const void *data, size_t size)
{
    assert_int_equal(fi_buf_append_varint(out, size), FIRN_OK);
    assert_int_equal(fi_buf_append(out, data, size), FIRN_OK);
}

void
ws_plant_append(struct fi_buf *out, const struct ws_plant_entry *entry)
{
    append(out, entry->name, entry->name_size != 0 ? entry->name_size : strlen(entry->name));
    assert_int_equal(fi_buf_append_u8(out, (uint8_t)entry->kind), FIRN_OK);
    assert_int_equal(fi_buf_append_varint(out, entry->mode != 0 ? entry->mode : 0644), FIRN_OK);
    assert_int_equal(fi_buf_append_varint(out, entry->uid), FIRN_OK);
    assert_int_equal(fi_buf_append_varint(out, entry->gid), FIRN_OK);
    assert_int_equal(fi_buf_append_le64(out, 1), FIRN_OK);
    if (entry->kind == FI_TREE_FILE) {
        assert_int_equal(fi_buf_append_varint(out, entry->size), FIRN_OK);
    }
    if (entry->kind == FI_TREE_SYMLINK) {
        append(out, entry->target, strlen(entry->target));
    } else {
        assert_int_equal(fi_buf_append(out, entry->hash.bytes, sizeof entry->hash.bytes), FIRN_OK);
    }
    if (entry->xattrs.size > 0) {
        assert_int_equal(fi_buf_append_varint(out, FI_TREE_TAG_XATTRS), FIRN_OK);
        append(out, entry->xattrs.data, entry->xattrs.size);
    }
    if (entry->hard_link != NULL) {
        assert_int_equal(fi_buf_append_varint(out, FI_TREE_TAG_HARD_LINK), FIRN_OK);
        append(out, entry->hard_link, strlen(entry->hard_link));
    }
    assert_int_equal(fi_buf_append_varint(out, FI_TREE_TAG_END), FIRN_OK);
}

firn_hash
ws_plant_dir(struct ws_plant *planting, const struct ws_plant_entry *entries, size_t count)
{
    struct fi_buf object = {0};
    assert_int_equal(fi_buf_append_u8(&object, FI_TREE_FORMAT), FIRN_OK);
    assert_int_equal(fi_buf_append_u8(&object, 0), FIRN_OK);
    for (size_t i = 0; i < count; i++) {
        ws_plant_append(&object, &entries[i]);
    }
    firn_hash hash = ws_plant_object(planting, FI_PACK_TREE, fi_buf_slice(&object),
                                     ws_plant_hash_of(object.data, object.size));
    fi_buf_deinit(&object);
    return hash;
}

struct ws_plant_entry
ws_plant_file(struct ws_plant *planting, const char *name, const char *text)
{
    return (struct ws_plant_entry){.name = name,
                                   .kind = FI_TREE_FILE,
                                   .uid = planting->uid,
                                   .gid = planting->gid,
                                   .size = strlen(text),
                                   .hash = ws_plant_blob(planting, text)};
}

struct ws_plant_entry
ws_plant_folder(struct ws_plant *planting, const char *name, const struct ws_plant_entry *entries,
                size_t count)
{
    return (struct ws_plant_entry){.name = name,
                                   .kind = FI_TREE_DIR,
                                   .mode = 0755,
                                   .uid = planting->uid,
                                   .gid = planting->gid,
                                   .hash = ws_plant_dir(planting, entries, count)};
}

const uint8_t ws_plant_tag[FI_CATALOG_JOURNAL_TAG_SIZE] = {1, 2, 3, 4, 5, 6, 7, 8};

void
ws_plant_journal(struct ws_plant *planting, const struct ws_plant_journal *planted)
{
    struct ws_world *world = &planting->world;
    struct fi_ws_opened opened;
    struct fi_catalog_journal journal = {
        .state = planted->state,
        .before = {ID_MARK, (uint8_t)planted->before},
        .safety = {ID_MARK, (uint8_t)planted->before},
        .target = {ID_MARK, (uint8_t)planted->target},
    };
    memcpy(journal.tag, ws_plant_tag, sizeof journal.tag);
    must(planting, fi_ws_opened_open(world->ws, FI_WS_WRITE, &opened, &world->err));
    must(planting,
         fi_catalog_journal_write(opened.db, opened.workspace.number, &journal, &world->err));
    must(planting, fi_ws_opened_close(world->ws, &opened, false, &world->err));
}
