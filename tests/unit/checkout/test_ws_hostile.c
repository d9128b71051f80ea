/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/checkout: stores made by an attacker. A checkpoint is planted whose objects
 * have right names, so that no checksum helps, but say what no save would say. Looking, checking
 * and restoring must refuse it as corrupt, and nothing may be made outside the workspace, nor
 * anything in it.
 */
#include "base/bytes.h"
#include "base/slice.h"
#include "codec/crc32c.h"
#include "codec/xxh3.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_file.h"
#include "support/workspace/ws_edit.h"
#include "support/workspace/ws_plant.h"
#include "support/workspace/ws_support.h"
#include "tree/tree_format.h"

static void
must(struct ws_plant *planting, int rc)
{
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), planting->world.err.text);
    }
}

/* A file "a" before or after an entry that is wrong, so that something could be written first. */
static firn_hash
put_beside(struct ws_plant *planting, const struct ws_plant_entry *wrong)
{
    struct ws_plant_entry raws[2] = {{.name = "a", .kind = FI_TREE_FILE, .size = 5}, *wrong};
    raws[0].hash = ws_plant_blob(planting, "first");
    if (wrong->name_size == 0 && strcmp(wrong->name, "a") < 0) {
        struct ws_plant_entry swapped = raws[0];
        raws[0] = raws[1];
        raws[1] = swapped;
    }
    return ws_plant_dir(planting, raws, 2);
}

/* ---- the cases: each plants something and returns the root's hash ---- */

static firn_hash
bad_name(struct ws_plant *planting, const char *name, size_t size)
{
    struct ws_plant_entry raw = {.name = name, .name_size = size, .kind = FI_TREE_FILE, .size = 4};
    raw.hash = ws_plant_blob(planting, "evil");
    return put_beside(planting, &raw);
}

static firn_hash
name_of_the_parent(struct ws_plant *planting)
{
    return bad_name(planting, "..", 0);
}

static firn_hash
name_of_itself(struct ws_plant *planting)
{
    return bad_name(planting, ".", 0);
}

static firn_hash
name_that_climbs(struct ws_plant *planting)
{
    return bad_name(planting, "../evil", 0);
}

static firn_hash
name_from_the_root(struct ws_plant *planting)
{
    return bad_name(planting, "/outside/evil", 0);
}

static firn_hash
name_with_a_slash(struct ws_plant *planting)
{
    return bad_name(planting, "b//c", 0);
}

static firn_hash
name_with_a_nul(struct ws_plant *planting)
{
    return bad_name(planting, "b\0c", 3);
}

static firn_hash
name_that_is_too_long(struct ws_plant *planting)
{
    char name[300];
    memset(name, 'b', sizeof name);
    return bad_name(planting, name, sizeof name);
}

static firn_hash
directory_that_climbs(struct ws_plant *planting)
{
    struct ws_plant_entry inner = {.name = "evil", .kind = FI_TREE_FILE, .size = 4};
    inner.hash = ws_plant_blob(planting, "evil");
    struct ws_plant_entry raw = {.name = "..", .kind = FI_TREE_DIR};
    raw.hash = ws_plant_dir(planting, &inner, 1);
    return put_beside(planting, &raw);
}

static firn_hash
two_of_one_name(struct ws_plant *planting)
{
    struct ws_plant_entry raws[3] = {{.name = "a", .kind = FI_TREE_FILE, .size = 5},
                                     {.name = "b", .kind = FI_TREE_SYMLINK, .target = "/outside"},
                                     {.name = "b", .kind = FI_TREE_DIR}};
    struct ws_plant_entry inner = {.name = "evil", .kind = FI_TREE_FILE, .size = 5};
    raws[0].hash = inner.hash = ws_plant_blob(planting, "first");
    raws[2].hash = ws_plant_dir(planting, &inner, 1);
    return ws_plant_dir(planting, raws, 3);
}

static firn_hash
names_out_of_order(struct ws_plant *planting)
{
    struct ws_plant_entry raws[2] = {{.name = "b", .kind = FI_TREE_FILE, .size = 5},
                                     {.name = "a", .kind = FI_TREE_FILE, .size = 5}};
    raws[0].hash = raws[1].hash = ws_plant_blob(planting, "first");
    return ws_plant_dir(planting, raws, 2);
}

static firn_hash
kind_that_is_none(struct ws_plant *planting)
{
    struct ws_plant_entry raw = {.name = "b", .kind = 9};
    return put_beside(planting, &raw);
}

static firn_hash
directory_that_is_a_file(struct ws_plant *planting)
{
    struct ws_plant_entry raw = {.name = "b", .kind = FI_TREE_DIR};
    raw.hash = ws_plant_blob(planting, "\x01no directory");
    return put_beside(planting, &raw);
}

static firn_hash
directory_that_is_absent(struct ws_plant *planting)
{
    struct ws_plant_entry raw = {.name = "b", .kind = FI_TREE_DIR, .hash = {{1, 2, 3}}};
    return put_beside(planting, &raw);
}

static firn_hash
content_that_is_absent(struct ws_plant *planting)
{
    struct ws_plant_entry raw = {.name = "b", .kind = FI_TREE_FILE, .size = 3, .hash = {{1, 2, 3}}};
    return put_beside(planting, &raw);
}

static firn_hash
size_that_is_wrong(struct ws_plant *planting)
{
    struct ws_plant_entry raw = {.name = "b", .kind = FI_TREE_FILE, .size = 6};
    raw.hash = ws_plant_blob(planting, "seven b");
    return put_beside(planting, &raw);
}

static firn_hash
size_beyond_everything(struct ws_plant *planting)
{
    struct ws_plant_entry raw = {.name = "b", .kind = FI_TREE_FILE, .size = INT64_MAX};
    raw.hash = ws_plant_blob(planting, "seven b");
    return put_beside(planting, &raw);
}

static firn_hash
size_beyond_numbers(struct ws_plant *planting)
{
    struct ws_plant_entry raw = {.name = "b", .kind = FI_TREE_FILE, .size = UINT64_MAX};
    raw.hash = ws_plant_blob(planting, "seven b");
    return put_beside(planting, &raw);
}

static firn_hash
attributes_that_are_garbage(struct ws_plant *planting)
{
    struct ws_plant_entry raw = {.name = "b", .kind = FI_TREE_FILE, .size = 5};
    raw.hash = ws_plant_blob(planting, "first");
    raw.xattrs = firn_str("\x05zz\xff\xff\xff");
    return put_beside(planting, &raw);
}

static firn_hash
bad_link(struct ws_plant *planting, const char *hard_link)
{
    struct ws_plant_entry raws[4] = {
        {.name = "a", .kind = FI_TREE_FILE, .size = 5},
        {.name = "b", .kind = FI_TREE_FILE, .size = 5, .hard_link = hard_link},
        {.name = "c", .kind = FI_TREE_DIR},
        {.name = "d", .kind = FI_TREE_FILE, .size = 4}};
    raws[0].hash = raws[1].hash = ws_plant_blob(planting, "first");
    raws[2].hash = ws_plant_dir(planting, NULL, 0);
    raws[3].hash = ws_plant_blob(planting, "else");
    return ws_plant_dir(planting, raws, 4);
}

static firn_hash
link_that_climbs(struct ws_plant *planting)
{
    return bad_link(planting, "../outside/f");
}

static firn_hash
link_from_the_root(struct ws_plant *planting)
{
    return bad_link(planting, "/outside/f");
}

static firn_hash
link_through_a_symlink(struct ws_plant *planting)
{
    return bad_link(planting, "out/f");
}

static firn_hash
link_to_nowhere(struct ws_plant *planting)
{
    return bad_link(planting, "no/such");
}

static firn_hash
link_to_a_directory(struct ws_plant *planting)
{
    return bad_link(planting, "c");
}

static firn_hash
link_to_itself(struct ws_plant *planting)
{
    return bad_link(planting, "b");
}

static firn_hash
link_to_other_content(struct ws_plant *planting)
{
    return bad_link(planting, "d");
}

static firn_hash
link_to_a_later_path(struct ws_plant *planting)
{
    struct ws_plant_entry entries[] = {ws_plant_file(planting, "a", "first"),
                                       ws_plant_file(planting, "b", "first")};
    entries[0].hard_link = "b";
    return ws_plant_dir(planting, entries, 2);
}

/* As a walk meets them the link comes after what it names: in the order of paths it comes before. */
static firn_hash
link_to_what_is_later_as_a_path(struct ws_plant *planting)
{
    struct ws_plant_entry inner = ws_plant_file(planting, "x", "first");
    struct ws_plant_entry entries[] = {ws_plant_folder(planting, "d", &inner, 1),
                                       ws_plant_file(planting, "d.c", "first")};
    entries[1].hard_link = "d/x";
    return ws_plant_dir(planting, entries, 2);
}

/* The workspace has such a file, the checkpoint does not. */
static firn_hash
link_to_what_is_only_on_disk(struct ws_plant *planting)
{
    return bad_link(planting, "mine");
}

static firn_hash
link_to_a_link(struct ws_plant *planting)
{
    struct ws_plant_entry raws[3] = {
        {.name = "a", .kind = FI_TREE_FILE, .size = 5},
        {.name = "b", .kind = FI_TREE_FILE, .size = 5, .hard_link = "c"},
        {.name = "c", .kind = FI_TREE_FILE, .size = 5, .hard_link = "b"}};
    raws[0].hash = raws[1].hash = raws[2].hash = ws_plant_blob(planting, "first");
    return ws_plant_dir(planting, raws, 3);
}

/* A file whose list of pieces is this. */
static firn_hash
bad_pieces(struct ws_plant *planting, const struct fi_pack_piece *pieces, size_t count,
           uint64_t size)
{
    struct fi_buf list = {0};
    struct ws_plant_entry raw = {.name = "b", .kind = FI_TREE_FILE, .size = size, .hash = {{9, 9}}};
    assert_int_equal(fi_pack_pieces_encode(pieces, count, &list), FIRN_OK);
    ws_plant_object(planting, FI_PACK_PIECES, fi_buf_slice(&list), raw.hash);
    fi_buf_deinit(&list);
    return put_beside(planting, &raw);
}

static firn_hash
pieces_of_another_size(struct ws_plant *planting)
{
    struct fi_pack_piece piece = {.size = 6, .hash = ws_plant_blob(planting, "seven b")};
    return bad_pieces(planting, &piece, 1, 6);
}

static firn_hash
pieces_of_another_total(struct ws_plant *planting)
{
    struct fi_pack_piece piece = {.size = 7, .hash = ws_plant_blob(planting, "seven b")};
    return bad_pieces(planting, &piece, 1, 8);
}

static firn_hash
pieces_that_make_something_else(struct ws_plant *planting)
{
    struct fi_pack_piece piece = {.size = 7, .hash = ws_plant_blob(planting, "seven b")};
    return bad_pieces(planting, &piece, 1, 7);
}

/* The piece is one of the first checkpoint's pack. */
static firn_hash
pieces_of_another_pack_that_make_something_else(struct ws_plant *planting)
{
    struct fi_pack_piece piece = {.size = 5, .hash = ws_plant_blob(planting, "first")};
    return bad_pieces(planting, &piece, 1, 5);
}

static firn_hash
pieces_that_are_absent(struct ws_plant *planting)
{
    struct fi_pack_piece piece = {.size = 7, .hash = {{4, 4}}};
    return bad_pieces(planting, &piece, 1, 7);
}

static firn_hash
pieces_that_are_their_own_piece(struct ws_plant *planting)
{
    struct fi_pack_piece piece = {.size = 7, .hash = {{9, 9}}};
    return bad_pieces(planting, &piece, 1, 7);
}

static firn_hash
directory_in_pieces(struct ws_plant *planting)
{
    struct fi_buf list = {0};
    struct fi_pack_piece piece = {.size = 7, .hash = ws_plant_blob(planting, "seven b")};
    struct ws_plant_entry raw = {.name = "b", .kind = FI_TREE_DIR, .hash = {{8, 8}}};
    assert_int_equal(fi_pack_pieces_encode(&piece, 1, &list), FIRN_OK);
    ws_plant_object(planting, FI_PACK_PIECES, fi_buf_slice(&list), raw.hash);
    fi_buf_deinit(&list);
    return put_beside(planting, &raw);
}

static firn_hash
nesting_without_end(struct ws_plant *planting)
{
    firn_hash hash = ws_plant_dir(planting, NULL, 0);
    for (unsigned i = 0; i < FI_TREE_DEPTH_MAX + 10; i++) {
        struct ws_plant_entry raw = {.name = "d", .kind = FI_TREE_DIR, .hash = hash};
        hash = ws_plant_dir(planting, &raw, 1);
    }
    struct ws_plant_entry raw = {.name = "b", .kind = FI_TREE_DIR, .hash = hash};
    return put_beside(planting, &raw);
}

/* ---- what must hold ---- */

struct hostile {
    const char *name;
    firn_hash (*plant)(struct ws_plant *planting);
    bool is_in_contents; /* looking at entries need not find it */
};

static int
ignore_entry(void *ctx, const firn_workspace_entry *entry)
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
    assert_int_equal(fi_os_dir_open_path(top.os, "/", &top.root, NULL), FIRN_OK);
    char *dump = scan_dump_real(&top, true);
    char *lines = ws_edit_lines(dump, is_not_the_store, NULL);
    fi_os_dir_close(top.root);
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
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.to_dir = "/outside/empty";
    options.threads = 2;
    expect_corrupt(hostile, "a restore elsewhere",
                   fi_ws_restore(world->ws, "2", &options, &result, &world->err), &world->err);
    options.dry_run = true;
    expect_corrupt(hostile, "a dry run elsewhere",
                   fi_ws_restore(world->ws, "2", &options, &result, &world->err), &world->err);
    struct fi_os_dir *dir;
    assert_int_equal(fi_os_dir_open_path(world->tree.os, "/outside/empty", &dir, NULL), FIRN_OK);
    assert_int_equal(test_file_count(dir), 0);
    fi_os_dir_close(dir);
}

/* A repair makes a sound store of it, which has what was sound. */
static void
repair_it(const struct hostile *hostile, struct ws_world *world)
{
    firn_workspace_repair_options options = FIRN_WORKSPACE_REPAIR_OPTIONS_INIT;
    firn_workspace_repair_result result;
    int rc = fi_repair(world->ws, &options, &result, &world->err);
    if (rc != FIRN_OK || result.was_intact) {
        fail_msg("%s: a repair gave %s (%s)", hostile->name, firn_code_name(rc),
                 rc != FIRN_OK ? world->err.text : "nothing to do");
    }
    if (ws_try_check(world, NULL) != FIRN_OK) {
        fail_msg("%s: not clean after a repair: %s", hostile->name, world->err.text);
    }
}

static void
try_case(const struct hostile *hostile)
{
    struct ws_plant planting = {0};
    struct ws_world *world = &planting.world;
    ws_world_open_memory(world, 31);
    struct scan_world top = {.os = world->tree.os};
    assert_int_equal(fi_os_dir_open_path(top.os, "/", &top.root, NULL), FIRN_OK);
    scan_put_text(&top, "outside/f", "first");
    scan_put_dir(&top, "outside/empty");
    fi_os_dir_close(top.root);
    scan_put_text(&world->tree, "mine", "first");
    scan_put_text(&world->tree, "z/y", "and this");
    scan_put_symlink(&world->tree, "out", "/outside");
    ws_save(world);
    ws_plant_begin(&planting);
    firn_hash root = hostile->plant(&planting);
    ws_plant_end(&planting, &root);

    char *before = dump_machine(world);
    int rc = fi_ws_entries(world->ws, "2", ignore_entry, NULL, &world->err);
    if (!hostile->is_in_contents || rc != FIRN_OK) {
        expect_corrupt(hostile, "a look at the entries", rc, &world->err);
    }
    expect_corrupt(hostile, "a check", ws_try_check(world, NULL), &world->err);
    assert_true(world->notices.counts[FIRN_NOTICE_DAMAGED] > 0);
    expect_corrupt(hostile, "a restore", ws_try_restore(world, "2", NULL), &world->err);
    firn_workspace_restore_options dry = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    dry.dry_run = true;
    expect_corrupt(hostile, "a dry run", fi_ws_restore(world->ws, "2", &dry, &result, &world->err),
                   &world->err);
    char *after = dump_machine(world);
    assert_string_equal(after, before);
    free(after);
    try_elsewhere(hostile, world);

    /* What is sound is not lost with it. */
    scan_put_text(&world->tree, "mine", "edited");
    ws_restore(world, "1");
    repair_it(hostile, world);
    scan_put_text(&world->tree, "mine", "edited");
    ws_restore(world, "1");
    free(before);
    ws_world_close(world);
}

static void
what_no_save_would_write_is_refused(void **state)
{
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
        {"link to a later path", link_to_a_later_path, true},
        {"link to what is later as a path", link_to_what_is_later_as_a_path, true},
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

/* ---- what a newer firn made ---- */

static void
patch(struct ws_world *world, const char *dir_path, const char *name,
      void (*change)(struct fi_buf *bytes))
{
    struct fi_buf bytes = {0};
    struct fi_os_dir *dir;
    assert_int_equal(fi_os_dir_open_path(world->tree.os, dir_path, &dir, NULL), FIRN_OK);
    test_file_read(dir, name, &bytes);
    change(&bytes);
    test_file_write(dir, name, bytes.data, bytes.size);
    fi_buf_deinit(&bytes);
    fi_os_dir_close(dir);
}

static void
make_block_newer(struct fi_buf *bytes)
{
    fi_store_le32(bytes->data + 8, 9);
    fi_store_le64(bytes->data + 120, fi_xxh3(bytes->data, 120, 0));
}

static void
make_log_newer(struct fi_buf *bytes)
{
    fi_store_le32(bytes->data + 8, 9);
    fi_store_le32(bytes->data + 124, fi_crc32c(0, bytes->data, 124));
}

static void
newer_pack(struct ws_plant *planting)
{
    patch(&planting->world, "/s/packs", "00000001.pack", make_block_newer);
}

static void
newer_pack_beside_damage(struct ws_plant *planting)
{
    struct fi_os_dir *dir;
    newer_pack(planting);
    assert_int_equal(fi_os_dir_open_path(planting->world.tree.os, "/s", &dir, NULL), FIRN_OK);
    test_file_write(dir, "manifest-000001.log", "x", 1);
    fi_os_dir_close(dir);
}

static void
newer_manifest(struct ws_plant *planting)
{
    patch(&planting->world, "/s", "manifest-000001.log", make_log_newer);
}

static void
newer_log(struct ws_plant *planting)
{
    patch(&planting->world, "/s", "wal-000001.log", make_log_newer);
}

static void
put_entry(struct ws_plant *planting, const char *name, firn_slice key, firn_slice value)
{
    firn_error *err = &planting->world.err;
    struct firn_db_keyspace *keyspace;
    must(planting, fi_ws_opened_open(planting->world.ws, FI_WS_CREATE, &planting->opened, err));
    must(planting, fi_db_keyspace_open(planting->opened.db, name, &keyspace, err));
    must(planting, fi_db_put(keyspace, key, value, FIRN_DURABILITY_FULL, err));
    must(planting, fi_ws_opened_close(planting->world.ws, &planting->opened, false, err));
}

static void
newer_workspace(struct ws_plant *planting)
{
    put_entry(planting, "firn.workspaces", firn_bytes("\0\0\0\7", 4), firn_bytes("\11more", 5));
}

static void
newer_tag(struct ws_plant *planting)
{
    put_entry(planting, "firn.tags", firn_bytes("\0\0\0\1name", 8),
              firn_bytes("\11more than a tag has, and then some more of that", 48));
}

static void
newer_pin(struct ws_plant *planting)
{
    put_entry(planting, "firn.pins", firn_bytes("\0\0\0\1\0\0\0\0\0\0\0\1", 12),
              firn_bytes("\11more than a pin has, and then some more of that", 48));
}

static void
newer_record(struct ws_plant *planting)
{
    put_entry(planting, "firn.checkpoints", firn_bytes("\0\0\0\1\0\0\0\0\0\0\0\7", 12),
              firn_bytes("\11more than a tag has, and then some more of that", 48));
}

static void
newer_directory(struct ws_plant *planting)
{
    const uint8_t object[] = {FI_TREE_FORMAT + 1, 0, 1, 2, 3};
    ws_plant_begin(planting);
    struct ws_plant_entry raw = {.name = "b", .kind = FI_TREE_DIR};
    raw.hash = ws_plant_object(planting, FI_PACK_TREE, firn_bytes(object, sizeof object),
                               ws_plant_hash_of(object, sizeof object));
    firn_hash root = put_beside(planting, &raw);
    ws_plant_end(planting, &root);
}

static void
newer_field_of_an_entry(struct ws_plant *planting)
{
    struct fi_buf object = {0};
    struct ws_plant_entry raw = {.name = "b", .kind = FI_TREE_FILE, .size = 5};
    ws_plant_begin(planting);
    raw.hash = ws_plant_blob(planting, "first");
    assert_int_equal(fi_buf_append_u8(&object, FI_TREE_FORMAT), FIRN_OK);
    assert_int_equal(fi_buf_append_u8(&object, 0), FIRN_OK);
    ws_plant_append(&object, &raw);
    object.size--; /* the end */
    assert_int_equal(fi_buf_append(&object, "\x50\1z\0", 4), FIRN_OK);
    firn_hash root = ws_plant_object(planting, FI_PACK_TREE, fi_buf_slice(&object),
                                     ws_plant_hash_of(object.data, object.size));
    fi_buf_deinit(&object);
    ws_plant_end(planting, &root);
}

static void
newer_rules(struct ws_plant *planting)
{
    ws_plant_begin(planting);
    struct ws_plant_entry raw = {.name = "b", .kind = FI_TREE_FILE, .size = 5};
    raw.hash = ws_plant_blob(planting, "first");
    firn_hash root = put_beside(planting, &raw);
    firn_hash rules = ws_plant_blob(planting, "\x09rules");
    ws_plant_end_under(planting, &root, &rules);
}

static bool
is_not_the_lock(void *ctx, const char *path, size_t size)
{
    (void)ctx;
    return size != 4 || memcmp(path, "LOCK", 4) != 0;
}

static char *
dump_store(struct ws_world *world)
{
    struct scan_world store = {.os = world->tree.os};
    assert_int_equal(fi_os_dir_open_path(store.os, "/s", &store.root, NULL), FIRN_OK);
    char *dump = scan_dump_real(&store, false);
    char *lines = ws_edit_lines(dump, is_not_the_lock, NULL);
    fi_os_dir_close(store.root);
    free(dump);
    return lines;
}

static void
what_a_newer_firn_made_is_no_damage_and_left_alone(void **state)
{
    static const struct {
        const char *name;
        void (*make)(struct ws_plant *planting);
    } cases[] = {
        {"pack", newer_pack},
        {"pack beside damage", newer_pack_beside_damage},
        {"manifest", newer_manifest},
        {"log", newer_log},
        {"workspace", newer_workspace},
        {"record", newer_record},
        {"tag", newer_tag},
        {"pin", newer_pin},
        {"directory", newer_directory},
        {"field of an entry", newer_field_of_an_entry},
        {"rules", newer_rules},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct ws_plant planting = {0};
        struct ws_world *world = &planting.world;
        firn_workspace_repair_options options = FIRN_WORKSPACE_REPAIR_OPTIONS_INIT;
        firn_workspace_repair_result result;
        ws_world_open_memory(world, 31);
        scan_put_text(&world->tree, "mine", "first");
        ws_save(world);
        scan_put_text(&world->tree, "mine", "second");
        ws_save(world);
        cases[i].make(&planting);
        char *before = dump_store(world);
        int rc = ws_try_check(world, NULL);
        bool is_damaged_too = cases[i].make == newer_pack_beside_damage;
        if (rc != FIRN_NEWER && !is_damaged_too) {
            fail_msg("%s: a check gave %s (%s)", cases[i].name, firn_code_name(rc),
                     world->err.text);
        }
        rc = fi_repair(world->ws, &options, &result, &world->err);
        if (rc != FIRN_NEWER) {
            fail_msg("%s: a repair gave %s (%s)", cases[i].name, firn_code_name(rc),
                     world->err.text);
        }
        char *after = dump_store(world);
        assert_string_equal(after, before);
        free(before);
        free(after);
        ws_world_close(world);
    }
}

/* ---- rules ---- */

static firn_hash
rules_that_are_absent(struct ws_plant *planting)
{
    (void)planting;
    return (firn_hash){{4, 4}};
}

static firn_hash
rules_that_are_a_file(struct ws_plant *planting)
{
    return ws_plant_blob(planting, "\001 and then something else");
}

static firn_hash
rules_that_are_a_directory(struct ws_plant *planting)
{
    return ws_plant_dir(planting, NULL, 0);
}

static firn_hash
rules_in_pieces(struct ws_plant *planting)
{
    struct fi_buf list = {0};
    struct fi_pack_piece piece = {.size = 5, .hash = ws_plant_blob(planting, "first")};
    assert_int_equal(fi_pack_pieces_encode(&piece, 1, &list), FIRN_OK);
    firn_hash hash =
        ws_plant_object(planting, FI_PACK_PIECES, fi_buf_slice(&list), (firn_hash){{8, 8}});
    fi_buf_deinit(&list);
    return hash;
}

static firn_hash
rules_for_a_directory_outside(struct ws_plant *planting)
{
    static const uint8_t bytes[] = {1, 1, 0, 1, 2, '.', '.', 1, 0};
    return ws_plant_object(planting, FI_PACK_BLOB, firn_bytes(bytes, sizeof bytes),
                           ws_plant_hash_of(bytes, sizeof bytes));
}

static void
try_rules(const struct hostile *hostile)
{
    struct ws_plant planting = {0};
    struct ws_world *world = &planting.world;
    ws_world_open_memory(world, 32);
    scan_put_text(&world->tree, "mine", "first");
    scan_put_text(&world->tree, "secrets/key", "key");
    ws_save(world);
    ws_plant_begin(&planting);
    struct ws_plant_entry raw = {.name = "a", .kind = FI_TREE_FILE, .size = 5};
    raw.hash = ws_plant_blob(&planting, "first");
    firn_hash root = ws_plant_dir(&planting, &raw, 1);
    firn_hash rules = hostile->plant(&planting);
    ws_plant_end_under(&planting, &root, &rules);

    char *before = dump_machine(world);
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    expect_corrupt(hostile, "a check", ws_try_check(world, NULL), &world->err);
    assert_true(world->notices.counts[FIRN_NOTICE_DAMAGED] > 0);
    expect_corrupt(hostile, "a restore", ws_try_restore(world, "2", NULL), &world->err);
    options.dry_run = true;
    expect_corrupt(hostile, "a dry run",
                   fi_ws_restore(world->ws, "2", &options, &result, &world->err), &world->err);
    char *after = dump_machine(world);
    assert_string_equal(after, before);
    free(after);
    free(before);
    /* Elsewhere nothing can be lost, and no rules are needed. */
    options.dry_run = false;
    options.to_dir = "/elsewhere";
    assert_int_equal(fi_ws_restore(world->ws, "2", &options, &result, &world->err), FIRN_OK);
    assert_int_equal(result.added, 1);
    scan_put_text(&world->tree, "mine", "edited");
    ws_restore(world, "1");
    ws_world_close(world);
}

static void
rules_that_no_save_would_write_are_refused(void **state)
{
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
        cmocka_unit_test(what_a_newer_firn_made_is_no_damage_and_left_alone),
        cmocka_unit_test(rules_that_no_save_would_write_are_refused),
    };
    return cmocka_run_group_tests_name("ws_hostile", tests, NULL, NULL);
}
