/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/workspace: stores made by somebody who means harm. A checkpoint is planted whose objects
 * have right names, so that no checksum helps, but say what no save would say. Looking, checking
 * and restoring must refuse it as corrupt, and nothing may be made outside the workspace, nor
 * anything in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/slice.h"
#include "codec/blake3_hash.h"
#include "os/os_memory.h"
#include "support/test_file.h"
#include "tree/tree_format.h"
#include "workspace/ws_internal.h"
#include "ws_edit.h"
#include "ws_support.h"

/* ---- planting ---- */

struct planting {
    struct ws_world world;
    struct firn_ws_opened opened;
    struct firn_ws_session *session;
    struct firn_ws_session_lane *lane;
};

static void
must(struct planting *planting, int rc)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), planting->world.err.text);
    }
}

static void
plant_begin(struct planting *planting)
{
    firn_error *err = &planting->world.err;
    must(planting, firn_ws_opened_open(planting->world.ws, FIRN_WS_CREATE, &planting->opened, err));
    must(planting, firn_ws_session_begin(planting->opened.objects, 1, &planting->session, err));
    must(planting, firn_ws_session_lane_open(planting->session, &planting->lane, err));
}

/* rules: the object that the record names; may be NULL. */
static void
plant_end_under(struct planting *planting, const firn_hash *root, const firn_hash *rules)
{
    firn_error *err = &planting->world.err;
    uint64_t added;
    struct firn_ws_catalog_workspace *workspace = &planting->opened.workspace;
    must(planting, firn_ws_session_lane_close(planting->lane, true, err));
    must(planting, firn_ws_session_commit(planting->session, &added, err));
    firn_ws_session_end(planting->session);
    struct firn_ws_record record = {.order = workspace->next_order,
                                    .number = workspace->next_number,
                                    .workspace_path = firn_str("/w"),
                                    .id = {7, (uint8_t)workspace->next_order},
                                    .files = UINT64_MAX};
    if (rules != NULL) {
        record.has_rules = true;
        record.rules = *rules;
    }
    record.root = (struct firn_tree_entry){.kind = FIRN_TREE_DIR, .mode = 0755, .hash = *root};
    must(planting, firn_ws_catalog_commit(planting->opened.catalog, firn_str("/w"), workspace,
                                          &record, false, NULL, err));
    must(planting, firn_ws_opened_close(planting->world.ws, &planting->opened, false, err));
}

static void
plant_end(struct planting *planting, const firn_hash *root)
{
    plant_end_under(planting, root, NULL);
}

static firn_hash
put_as(struct planting *planting, enum firn_packfile_kind kind, firn_slice bytes, firn_hash hash)
{
    must(planting,
         firn_ws_session_lane_move(planting->lane, kind, &hash, bytes, &planting->world.err));
    return hash;
}

static firn_hash
hash_of(const void *data, size_t size)
{
    firn_hash hash;
    firn_blake3_hash_of(data, size, &hash);
    return hash;
}

static firn_hash
put_blob(struct planting *planting, const char *text)
{
    return put_as(planting, FIRN_PACKFILE_BLOB, firn_str(text), hash_of(text, strlen(text)));
}

/* ---- raw objects: nothing is checked on the way ---- */

struct raw {
    const char *name;
    size_t name_size; /* 0: of the text */
    unsigned kind;
    uint64_t size;
    firn_hash hash;
    const char *target;
    firn_slice xattrs;
    const char *hard_link;
};

static void
append(struct firn_buf *out, const void *data, size_t size)
{
    assert_int_equal(firn_buf_append_varint(out, size), FIRN_OK);
    assert_int_equal(firn_buf_append(out, data, size), FIRN_OK);
}

static void
append_entry(struct firn_buf *out, const struct raw *raw)
{
    append(out, raw->name, raw->name_size != 0 ? raw->name_size : strlen(raw->name));
    assert_int_equal(firn_buf_append_u8(out, (uint8_t)raw->kind), FIRN_OK);
    assert_int_equal(firn_buf_append_varint(out, 0644), FIRN_OK);
    assert_int_equal(firn_buf_append_varint(out, 0), FIRN_OK);
    assert_int_equal(firn_buf_append_varint(out, 0), FIRN_OK);
    assert_int_equal(firn_buf_append_le64(out, 1), FIRN_OK);
    if (raw->kind == FIRN_TREE_FILE) {
        assert_int_equal(firn_buf_append_varint(out, raw->size), FIRN_OK);
    }
    if (raw->kind == FIRN_TREE_SYMLINK) {
        append(out, raw->target, strlen(raw->target));
    } else {
        assert_int_equal(firn_buf_append(out, raw->hash.bytes, sizeof raw->hash.bytes), FIRN_OK);
    }
    if (raw->xattrs.size > 0) {
        assert_int_equal(firn_buf_append_varint(out, TREE_TAG_XATTRS), FIRN_OK);
        append(out, raw->xattrs.data, raw->xattrs.size);
    }
    if (raw->hard_link != NULL) {
        assert_int_equal(firn_buf_append_varint(out, TREE_TAG_HARD_LINK), FIRN_OK);
        append(out, raw->hard_link, strlen(raw->hard_link));
    }
    assert_int_equal(firn_buf_append_varint(out, TREE_TAG_END), FIRN_OK);
}

/* A directory object of these entries, in this order. */
static firn_hash
put_dir(struct planting *planting, const struct raw *raws, size_t count)
{
    struct firn_buf object = {0};
    assert_int_equal(firn_buf_append_u8(&object, TREE_FORMAT), FIRN_OK);
    assert_int_equal(firn_buf_append_u8(&object, 0), FIRN_OK);
    for (size_t i = 0; i < count; i++) {
        append_entry(&object, &raws[i]);
    }
    firn_hash hash = put_as(planting, FIRN_PACKFILE_TREE, firn_buf_slice(&object),
                            hash_of(object.data, object.size));
    firn_buf_deinit(&object);
    return hash;
}

/* A file "a" before or behind an entry that is wrong, so that something could be written first. */
static firn_hash
put_beside(struct planting *planting, const struct raw *wrong)
{
    struct raw raws[2] = {{.name = "a", .kind = FIRN_TREE_FILE, .size = 5}, *wrong};
    raws[0].hash = put_blob(planting, "first");
    if (wrong->name_size == 0 && strcmp(wrong->name, "a") < 0) {
        struct raw swapped = raws[0];
        raws[0] = raws[1];
        raws[1] = swapped;
    }
    return put_dir(planting, raws, 2);
}

/* ---- the cases: each plants something and returns the root's hash ---- */

static firn_hash
bad_name(struct planting *planting, const char *name, size_t size)
{
    struct raw raw = {.name = name, .name_size = size, .kind = FIRN_TREE_FILE, .size = 4};
    raw.hash = put_blob(planting, "evil");
    return put_beside(planting, &raw);
}

static firn_hash
name_of_the_parent(struct planting *planting)
{
    return bad_name(planting, "..", 0);
}

static firn_hash
name_of_itself(struct planting *planting)
{
    return bad_name(planting, ".", 0);
}

static firn_hash
name_that_climbs(struct planting *planting)
{
    return bad_name(planting, "../evil", 0);
}

static firn_hash
name_from_the_root(struct planting *planting)
{
    return bad_name(planting, "/outside/evil", 0);
}

static firn_hash
name_with_a_slash(struct planting *planting)
{
    return bad_name(planting, "b//c", 0);
}

static firn_hash
name_with_a_nul(struct planting *planting)
{
    return bad_name(planting, "b\0c", 3);
}

static firn_hash
name_that_is_too_long(struct planting *planting)
{
    char name[300];
    memset(name, 'b', sizeof name);
    return bad_name(planting, name, sizeof name);
}

static firn_hash
directory_that_climbs(struct planting *planting)
{
    struct raw inner = {.name = "evil", .kind = FIRN_TREE_FILE, .size = 4};
    inner.hash = put_blob(planting, "evil");
    struct raw raw = {.name = "..", .kind = FIRN_TREE_DIR};
    raw.hash = put_dir(planting, &inner, 1);
    return put_beside(planting, &raw);
}

static firn_hash
two_of_one_name(struct planting *planting)
{
    struct raw raws[3] = {{.name = "a", .kind = FIRN_TREE_FILE, .size = 5},
                          {.name = "b", .kind = FIRN_TREE_SYMLINK, .target = "/outside"},
                          {.name = "b", .kind = FIRN_TREE_DIR}};
    struct raw inner = {.name = "evil", .kind = FIRN_TREE_FILE, .size = 5};
    raws[0].hash = inner.hash = put_blob(planting, "first");
    raws[2].hash = put_dir(planting, &inner, 1);
    return put_dir(planting, raws, 3);
}

static firn_hash
names_out_of_order(struct planting *planting)
{
    struct raw raws[2] = {{.name = "b", .kind = FIRN_TREE_FILE, .size = 5},
                          {.name = "a", .kind = FIRN_TREE_FILE, .size = 5}};
    raws[0].hash = raws[1].hash = put_blob(planting, "first");
    return put_dir(planting, raws, 2);
}

static firn_hash
kind_that_is_none(struct planting *planting)
{
    struct raw raw = {.name = "b", .kind = 9};
    return put_beside(planting, &raw);
}

static firn_hash
directory_that_is_a_file(struct planting *planting)
{
    struct raw raw = {.name = "b", .kind = FIRN_TREE_DIR};
    raw.hash = put_blob(planting, "\x01no directory");
    return put_beside(planting, &raw);
}

static firn_hash
directory_that_is_absent(struct planting *planting)
{
    struct raw raw = {.name = "b", .kind = FIRN_TREE_DIR, .hash = {{1, 2, 3}}};
    return put_beside(planting, &raw);
}

static firn_hash
content_that_is_absent(struct planting *planting)
{
    struct raw raw = {.name = "b", .kind = FIRN_TREE_FILE, .size = 3, .hash = {{1, 2, 3}}};
    return put_beside(planting, &raw);
}

static firn_hash
size_that_is_wrong(struct planting *planting)
{
    struct raw raw = {.name = "b", .kind = FIRN_TREE_FILE, .size = 6};
    raw.hash = put_blob(planting, "seven b");
    return put_beside(planting, &raw);
}

static firn_hash
size_beyond_everything(struct planting *planting)
{
    struct raw raw = {.name = "b", .kind = FIRN_TREE_FILE, .size = INT64_MAX};
    raw.hash = put_blob(planting, "seven b");
    return put_beside(planting, &raw);
}

static firn_hash
size_beyond_numbers(struct planting *planting)
{
    struct raw raw = {.name = "b", .kind = FIRN_TREE_FILE, .size = UINT64_MAX};
    raw.hash = put_blob(planting, "seven b");
    return put_beside(planting, &raw);
}

static firn_hash
attributes_that_are_garbage(struct planting *planting)
{
    struct raw raw = {.name = "b", .kind = FIRN_TREE_FILE, .size = 5};
    raw.hash = put_blob(planting, "first");
    raw.xattrs = firn_str("\x05zz\xff\xff\xff");
    return put_beside(planting, &raw);
}

static firn_hash
bad_link(struct planting *planting, const char *hard_link)
{
    struct raw raws[4] = {{.name = "a", .kind = FIRN_TREE_FILE, .size = 5},
                          {.name = "b", .kind = FIRN_TREE_FILE, .size = 5, .hard_link = hard_link},
                          {.name = "c", .kind = FIRN_TREE_DIR},
                          {.name = "d", .kind = FIRN_TREE_FILE, .size = 4}};
    raws[0].hash = raws[1].hash = put_blob(planting, "first");
    raws[2].hash = put_dir(planting, NULL, 0);
    raws[3].hash = put_blob(planting, "else");
    return put_dir(planting, raws, 4);
}

static firn_hash
link_that_climbs(struct planting *planting)
{
    return bad_link(planting, "../outside/f");
}

static firn_hash
link_from_the_root(struct planting *planting)
{
    return bad_link(planting, "/outside/f");
}

static firn_hash
link_through_a_symlink(struct planting *planting)
{
    return bad_link(planting, "out/f");
}

static firn_hash
link_to_nowhere(struct planting *planting)
{
    return bad_link(planting, "no/such");
}

static firn_hash
link_to_a_directory(struct planting *planting)
{
    return bad_link(planting, "c");
}

static firn_hash
link_to_itself(struct planting *planting)
{
    return bad_link(planting, "b");
}

static firn_hash
link_to_other_content(struct planting *planting)
{
    return bad_link(planting, "d");
}

/* The workspace has such a file, the checkpoint does not. */
static firn_hash
link_to_what_is_only_on_disk(struct planting *planting)
{
    return bad_link(planting, "mine");
}

static firn_hash
link_to_a_link(struct planting *planting)
{
    struct raw raws[3] = {{.name = "a", .kind = FIRN_TREE_FILE, .size = 5},
                          {.name = "b", .kind = FIRN_TREE_FILE, .size = 5, .hard_link = "c"},
                          {.name = "c", .kind = FIRN_TREE_FILE, .size = 5, .hard_link = "b"}};
    raws[0].hash = raws[1].hash = raws[2].hash = put_blob(planting, "first");
    return put_dir(planting, raws, 3);
}

/* A file whose list of pieces is this. */
static firn_hash
bad_pieces(struct planting *planting, const struct firn_packfile_piece *pieces, size_t count,
           uint64_t size)
{
    struct firn_buf list = {0};
    struct raw raw = {.name = "b", .kind = FIRN_TREE_FILE, .size = size, .hash = {{9, 9}}};
    assert_int_equal(firn_packfile_encode_pieces(pieces, count, &list), FIRN_OK);
    put_as(planting, FIRN_PACKFILE_PIECES, firn_buf_slice(&list), raw.hash);
    firn_buf_deinit(&list);
    return put_beside(planting, &raw);
}

static firn_hash
pieces_of_another_size(struct planting *planting)
{
    struct firn_packfile_piece piece = {.size = 6, .hash = put_blob(planting, "seven b")};
    return bad_pieces(planting, &piece, 1, 6);
}

static firn_hash
pieces_of_another_total(struct planting *planting)
{
    struct firn_packfile_piece piece = {.size = 7, .hash = put_blob(planting, "seven b")};
    return bad_pieces(planting, &piece, 1, 8);
}

static firn_hash
pieces_that_make_something_else(struct planting *planting)
{
    struct firn_packfile_piece piece = {.size = 7, .hash = put_blob(planting, "seven b")};
    return bad_pieces(planting, &piece, 1, 7);
}

/* The piece is one of the first checkpoint's pack. */
static firn_hash
pieces_of_another_pack_that_make_something_else(struct planting *planting)
{
    struct firn_packfile_piece piece = {.size = 5, .hash = put_blob(planting, "first")};
    return bad_pieces(planting, &piece, 1, 5);
}

static firn_hash
pieces_that_are_absent(struct planting *planting)
{
    struct firn_packfile_piece piece = {.size = 7, .hash = {{4, 4}}};
    return bad_pieces(planting, &piece, 1, 7);
}

static firn_hash
pieces_that_are_their_own_piece(struct planting *planting)
{
    struct firn_packfile_piece piece = {.size = 7, .hash = {{9, 9}}};
    return bad_pieces(planting, &piece, 1, 7);
}

static firn_hash
directory_in_pieces(struct planting *planting)
{
    struct firn_buf list = {0};
    struct firn_packfile_piece piece = {.size = 7, .hash = put_blob(planting, "seven b")};
    struct raw raw = {.name = "b", .kind = FIRN_TREE_DIR, .hash = {{8, 8}}};
    assert_int_equal(firn_packfile_encode_pieces(&piece, 1, &list), FIRN_OK);
    put_as(planting, FIRN_PACKFILE_PIECES, firn_buf_slice(&list), raw.hash);
    firn_buf_deinit(&list);
    return put_beside(planting, &raw);
}

static firn_hash
nesting_without_end(struct planting *planting)
{
    firn_hash hash = put_dir(planting, NULL, 0);
    for (unsigned i = 0; i < FIRN_TREE_DEPTH_MAX + 10; i++) {
        struct raw raw = {.name = "d", .kind = FIRN_TREE_DIR, .hash = hash};
        hash = put_dir(planting, &raw, 1);
    }
    struct raw raw = {.name = "b", .kind = FIRN_TREE_DIR, .hash = hash};
    return put_beside(planting, &raw);
}

/* ---- what must hold ---- */

struct hostile {
    const char *name;
    firn_hash (*plant)(struct planting *planting);
    bool is_in_contents; /* looking at entries need not find it */
};

static int
ignore_entry(void *ctx, const firn_entry_info *entry)
{
    (void)ctx;
    (void)entry;
    return FIRN_OK;
}

static bool
is_not_the_store(void *ctx, const char *path, size_t size)
{
    (void)ctx;
    return !(size >= 1 && path[0] == 's' && (size == 1 || path[1] == '/'));
}

/* Everything on the machine but the store, times of directories included. */
static char *
dump_machine(struct ws_world *world)
{
    struct scan_world top = {.os = world->tree.os};
    assert_int_equal(firn_os_dir_open_path(top.os, "/", &top.root, NULL), FIRN_OK);
    char *dump = scan_dump_real(&top, true);
    char *lines = ws_edit_lines(dump, is_not_the_store, NULL);
    firn_os_dir_close(top.root);
    free(dump);
    return lines;
}

static void
expect_corrupt(const struct hostile *hostile, const char *operation, int rc, const firn_error *err)
{
    if (rc != FIRN_CORRUPT) {
        fail_msg("%s: %s gave %s (%s)", hostile->name, operation, firn_code_name(rc),
                 rc != FIRN_OK ? err->text : "");
    }
}

static void
try_elsewhere(const struct hostile *hostile, struct ws_world *world)
{
    firn_restore_options options = FIRN_RESTORE_OPTIONS_INIT;
    firn_restore_result result;
    options.to_dir = "/outside/empty";
    options.threads = 2;
    expect_corrupt(hostile, "a restore elsewhere",
                   firn_ws_restore(world->ws, "2", &options, &result, &world->err), &world->err);
    options.dry_run = true;
    expect_corrupt(hostile, "a dry run elsewhere",
                   firn_ws_restore(world->ws, "2", &options, &result, &world->err), &world->err);
    struct firn_os_dir *dir;
    assert_int_equal(firn_os_dir_open_path(world->tree.os, "/outside/empty", &dir, NULL), FIRN_OK);
    assert_int_equal(test_file_count(dir), 0);
    firn_os_dir_close(dir);
}

static void
try_case(const struct hostile *hostile)
{
    struct planting planting = {0};
    struct ws_world *world = &planting.world;
    ws_world_open_memory(world, 31);
    struct scan_world top = {.os = world->tree.os};
    assert_int_equal(firn_os_dir_open_path(top.os, "/", &top.root, NULL), FIRN_OK);
    scan_put_text(&top, "outside/f", "first");
    scan_put_dir(&top, "outside/empty");
    firn_os_dir_close(top.root);
    scan_put_text(&world->tree, "mine", "first");
    scan_put_text(&world->tree, "z/y", "and this");
    scan_put_symlink(&world->tree, "out", "/outside");
    ws_save(world);
    plant_begin(&planting);
    firn_hash root = hostile->plant(&planting);
    plant_end(&planting, &root);

    char *before = dump_machine(world);
    int rc = firn_ws_entries(world->ws, "2", ignore_entry, NULL, &world->err);
    if (!hostile->is_in_contents || rc != FIRN_OK) {
        expect_corrupt(hostile, "a look at the entries", rc, &world->err);
    }
    expect_corrupt(hostile, "a check", ws_try_check(world, NULL), &world->err);
    assert_true(world->notices.counts[FIRN_NOTICE_DAMAGED] > 0);
    expect_corrupt(hostile, "a restore", ws_try_restore(world, "2", NULL), &world->err);
    firn_restore_options dry = FIRN_RESTORE_OPTIONS_INIT;
    firn_restore_result result;
    dry.dry_run = true;
    expect_corrupt(hostile, "a dry run",
                   firn_ws_restore(world->ws, "2", &dry, &result, &world->err), &world->err);
    char *after = dump_machine(world);
    assert_string_equal(after, before);
    free(after);
    try_elsewhere(hostile, world);

    /* What is sound is not lost with it. */
    scan_put_text(&world->tree, "mine", "edited");
    ws_restore(world, "1");
    free(before);
    ws_world_close(world);
}

static void
what_no_save_would_write_is_refused(void **state)
{
    (void)state;
    const struct hostile cases[] = {
        {"name of the parent", name_of_the_parent, false},
        {"name of itself", name_of_itself, false},
        {"name that climbs", name_that_climbs, false},
        {"name from the root", name_from_the_root, false},
        {"name with a slash", name_with_a_slash, false},
        {"name with a NUL", name_with_a_nul, false},
        {"name that is too long", name_that_is_too_long, false},
        {"directory that climbs", directory_that_climbs, false},
        {"two of one name", two_of_one_name, false},
        {"names out of order", names_out_of_order, false},
        {"kind that is none", kind_that_is_none, false},
        {"directory that is a file", directory_that_is_a_file, false},
        {"directory that is absent", directory_that_is_absent, false},
        {"content that is absent", content_that_is_absent, true},
        {"size that is wrong", size_that_is_wrong, true},
        {"size beyond everything", size_beyond_everything, true},
        {"size beyond numbers", size_beyond_numbers, false},
        {"attributes that are garbage", attributes_that_are_garbage, false},
        {"link that climbs", link_that_climbs, false},
        {"link from the root", link_from_the_root, false},
        {"link through a symbolic link", link_through_a_symlink, true},
        {"link to nowhere", link_to_nowhere, true},
        {"link to a directory", link_to_a_directory, true},
        {"link to itself", link_to_itself, true},
        {"link to other content", link_to_other_content, true},
        {"link to what is only on disk", link_to_what_is_only_on_disk, true},
        {"link to a link", link_to_a_link, true},
        {"pieces of another size", pieces_of_another_size, true},
        {"pieces of another total", pieces_of_another_total, true},
        {"pieces that make something else", pieces_that_make_something_else, true},
        {"pieces of another pack that make something else",
         pieces_of_another_pack_that_make_something_else, true},
        {"pieces that are absent", pieces_that_are_absent, true},
        {"pieces that are their own piece", pieces_that_are_their_own_piece, true},
        {"directory in pieces", directory_in_pieces, false},
        {"nesting without end", nesting_without_end, false},
    };
    const char *only = getenv("FIRN_TEST_CASE");
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        if (only == NULL || strcmp(only, cases[i].name) == 0) {
            try_case(&cases[i]);
        }
    }
}

/* ---- rules ---- */

static firn_hash
rules_that_are_absent(struct planting *planting)
{
    (void)planting;
    return (firn_hash){{4, 4}};
}

static firn_hash
rules_that_are_a_file(struct planting *planting)
{
    return put_blob(planting, "\001 and then something else");
}

static firn_hash
rules_that_are_a_directory(struct planting *planting)
{
    return put_dir(planting, NULL, 0);
}

static firn_hash
rules_in_pieces(struct planting *planting)
{
    struct firn_buf list = {0};
    struct firn_packfile_piece piece = {.size = 5, .hash = put_blob(planting, "first")};
    assert_int_equal(firn_packfile_encode_pieces(&piece, 1, &list), FIRN_OK);
    firn_hash hash =
        put_as(planting, FIRN_PACKFILE_PIECES, firn_buf_slice(&list), (firn_hash){{8, 8}});
    firn_buf_deinit(&list);
    return hash;
}

static firn_hash
rules_for_a_directory_outside(struct planting *planting)
{
    static const uint8_t bytes[] = {1, 1, 0, 1, 2, '.', '.', 1, 0};
    return put_as(planting, FIRN_PACKFILE_BLOB, firn_bytes(bytes, sizeof bytes),
                  hash_of(bytes, sizeof bytes));
}

static void
try_rules(const struct hostile *hostile)
{
    struct planting planting = {0};
    struct ws_world *world = &planting.world;
    ws_world_open_memory(world, 32);
    scan_put_text(&world->tree, "mine", "first");
    scan_put_text(&world->tree, "secrets/key", "key");
    ws_save(world);
    plant_begin(&planting);
    struct raw raw = {.name = "a", .kind = FIRN_TREE_FILE, .size = 5};
    raw.hash = put_blob(&planting, "first");
    firn_hash root = put_dir(&planting, &raw, 1);
    firn_hash rules = hostile->plant(&planting);
    plant_end_under(&planting, &root, &rules);

    char *before = dump_machine(world);
    firn_restore_options options = FIRN_RESTORE_OPTIONS_INIT;
    firn_restore_result result;
    expect_corrupt(hostile, "a check", ws_try_check(world, NULL), &world->err);
    assert_true(world->notices.counts[FIRN_NOTICE_DAMAGED] > 0);
    expect_corrupt(hostile, "a restore", ws_try_restore(world, "2", NULL), &world->err);
    options.dry_run = true;
    expect_corrupt(hostile, "a dry run",
                   firn_ws_restore(world->ws, "2", &options, &result, &world->err), &world->err);
    char *after = dump_machine(world);
    assert_string_equal(after, before);
    free(after);
    free(before);
    /* Elsewhere nothing can be lost, and no rules are needed. */
    options.dry_run = false;
    options.to_dir = "/elsewhere";
    assert_int_equal(firn_ws_restore(world->ws, "2", &options, &result, &world->err), FIRN_OK);
    assert_int_equal(result.added, 1);
    scan_put_text(&world->tree, "mine", "edited");
    ws_restore(world, "1");
    ws_world_close(world);
}

static void
rules_that_no_save_would_write_are_refused(void **state)
{
    (void)state;
    const struct hostile cases[] = {
        {"rules that are absent", rules_that_are_absent, false},
        {"rules that are a file", rules_that_are_a_file, false},
        {"rules that are a directory", rules_that_are_a_directory, false},
        {"rules in pieces", rules_in_pieces, false},
        {"rules for a directory outside", rules_for_a_directory_outside, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        try_rules(&cases[i]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_no_save_would_write_is_refused),
        cmocka_unit_test(rules_that_no_save_would_write_are_refused),
    };
    return cmocka_run_group_tests_name("ws_hostile", tests, NULL, NULL);
}
