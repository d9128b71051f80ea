/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/trust: a store with a list of its own files, and files of others under every name that
 * docs/formats/store.md has: none counts, none is changed, and firn's own are known by more than
 * their names.
 */
#include "os/os_ops.h"
#include "store/db.h"
#include "support/test.h"
#include "support/test_file.h"
#include "support/workspace/ws_support.h"
#include "trust/trust_internal.h"

static const char THEIRS[] = "theirs";

static struct fi_os_dir *
open_dir(struct ws_world *world, const char *path)
{
    struct fi_os_dir *dir;
    assert_int_equal(fi_os_dir_open_path(world->tree.os, path, &dir, &world->err), FIRN_OK);
    return dir;
}

/* A world whose store, "/s", was begun with a list. */
static void
open_world(struct ws_world *world, uint64_t seed)
{
    ws_world_open_memory(world, seed);
    struct fi_os_dir *top = open_dir(world, "/");
    assert_int_equal(fi_os_make_dir(top, "s", 0700, &world->err), FIRN_OK);
    struct fi_os_dir *store = open_dir(world, "/s");
    assert_int_equal(fi_trust_store_begin(store, "/w", &world->err), FIRN_OK);
    fi_os_dir_close(store);
    fi_os_dir_close(top);
}

static void
save(struct ws_world *world, const char *content)
{
    scan_put_text(&world->tree, "a", content);
    ws_save(world);
}

/* What can be in the way of a name. */
enum kind { A_FILE, A_LINK, A_FIFO, A_DIR, KINDS };

static bool
is_there(struct fi_os_dir *dir, const char *name, enum kind kind)
{
    static const enum fi_os_kind kinds[] = {FI_OS_FILE, FI_OS_SYMLINK, FI_OS_FIFO, FI_OS_DIR};
    struct fi_os_stat stat;
    bool is_file = kind == A_FILE;
    return fi_os_stat(dir, name, &stat, NULL) == FIRN_OK && stat.kind == kinds[kind] &&
           (!is_file || stat.size_bytes == strlen(THEIRS));
}

/* False if the name is taken. */
static bool
plant(struct fi_os_dir *dir, const char *name, enum kind kind)
{
    struct fi_os_file *file;
    firn_error err;
    int rc = FIRN_OK;
    switch (kind) {
    case A_FILE:
        rc = fi_os_file_open(dir, name, FI_OS_WRITE | FI_OS_CREATE | FI_OS_EXCLUSIVE, 0600, &file,
                             &err);
        if (rc == FIRN_OK) {
            assert_int_equal(fi_os_file_write(file, 0, THEIRS, strlen(THEIRS), &err), FIRN_OK);
            fi_os_file_close(file);
        }
        break;
    case A_LINK:
        rc = fi_os_make_symlink(dir, name, "FIRN", &err);
        break;
    case A_FIFO:
        rc = fi_os_make_fifo(dir, name, 0600, &err);
        break;
    default:
        rc = fi_os_make_dir(dir, name, 0700, &err);
    }
    assert_true(rc == FIRN_OK || rc == FIRN_EXISTS);
    return rc == FIRN_OK;
}

static const char *const top_names[] = {"wal-000001.log",
                                        "wal-000002.log",
                                        "wal-000003.log",
                                        "wal-000003.log.tmp",
                                        "wal-999999.log",
                                        "wal.spare",
                                        "wal-spare",
                                        "manifest-000001.log",
                                        "manifest-000002.log",
                                        "manifest-000002.log.tmp",
                                        "manifest-999999.log",
                                        "FIRN",
                                        "FIRN.tmp",
                                        "LOCK",
                                        "RESERVE",
                                        "REPAIRING",
                                        "FIRN.damaged",
                                        "runs",
                                        "packs",
                                        "anything else",
                                        "\x1b[2J\n"};
static const char *const inner_names[] = {
    "000001.row",    "000002.row",        "000002.row.tmp", "000001.val",    "000001.col",
    "00000002.pack", "00000003.pack.tmp", "00000003.pack",  "99999999.pack", "odd"};

struct planted {
    const char *dir;
    const char *name;
};

static size_t
plant_all(struct ws_world *world, enum kind kind, bool is_early, struct planted *out)
{
    static const char *const dirs[] = {"/s/runs", "/s/packs"};
    struct fi_os_dir *dir = open_dir(world, "/s");
    size_t count = 0;
    for (size_t i = 0; i < sizeof top_names / sizeof top_names[0]; i++) {
        bool would_be_a_store = is_early && strcmp(top_names[i], "FIRN") == 0;
        if (!would_be_a_store && plant(dir, top_names[i], kind)) {
            out[count++] = (struct planted){"/s", top_names[i]};
        }
    }
    fi_os_dir_close(dir);
    for (size_t d = 0; d < 2; d++) {
        if (is_early) {
            continue; /* the directories are not there, or theirs */
        }
        dir = open_dir(world, dirs[d]);
        for (size_t i = 0; i < sizeof inner_names / sizeof inner_names[0]; i++) {
            if (plant(dir, inner_names[i], kind)) {
                out[count++] = (struct planted){dirs[d], inner_names[i]};
            }
        }
        fi_os_dir_close(dir);
    }
    return count;
}

static int
count_foreign(void *ctx, const char *path, bool is_replaced)
{
    (void)path;
    assert_false(is_replaced);
    *(size_t *)ctx += 1;
    return FIRN_OK;
}

/* Under its name, or under the one that it was given when firn needed that. */
static void
assert_kept(struct ws_world *world, const struct planted *planted, size_t count, enum kind kind)
{
    for (size_t i = 0; i < count; i++) {
        char aside[128];
        struct fi_os_dir *dir = open_dir(world, planted[i].dir);
        (void)snprintf(aside, sizeof aside, "foreign-1-%s", planted[i].name);
        if (!is_there(dir, planted[i].name, kind) && !is_there(dir, aside, kind)) {
            fail_msg("%s/%s is not there", planted[i].dir, planted[i].name);
        }
        fi_os_dir_close(dir);
    }
}

/* Before the first save, when firn has made nothing, or after the second. */
static void
attack(enum kind kind, bool is_early)
{
    struct ws_world world;
    struct planted planted[64];
    size_t told = 0;
    open_world(&world, 1 + (uint64_t)kind);
    if (!is_early) {
        save(&world, "1");
        save(&world, "2");
    }
    size_t count = plant_all(&world, kind, is_early, planted);
    assert_true(count > 15);
    assert_int_equal(fi_trust_files_foreign(world.tree.os, "/s", count_foreign, &told, &world.err),
                     FIRN_OK);
    assert_int_equal(told, count);
    for (unsigned i = is_early ? 1 : 3; i <= 5; i++) {
        char content[2] = {(char)('0' + i), '\0'};
        save(&world, content);
    }
    ws_assert_check_clean(&world);
    ws_restore(&world, "2");
    assert_true(ws_dump_has(&world, "a"));
    firn_workspace_gc_options gc = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    firn_workspace_gc_result result = FIRN_WORKSPACE_GC_RESULT_INIT;
    assert_int_equal(fi_gc(world.ws, &gc, &result, &world.err), FIRN_OK);
    save(&world, "6");
    ws_assert_check_clean(&world);
    assert_kept(&world, planted, count, kind);
    ws_world_close(&world);
}

static void
what_others_put_under_any_name_of_a_store_does_not_count(void **state)
{
    for (enum kind kind = A_FILE; kind < KINDS; kind++) {
        attack(kind, false);
        attack(kind, true);
    }
}

/* Neither a new store is made beside it nor is there said to be none. */
static void
an_identity_that_the_list_does_not_have_is_an_error(void **state)
{
    for (enum kind kind = A_FILE; kind < KINDS; kind++) {
        struct ws_world world;
        firn_workspace_save_result saved;
        firn_workspace_check_result checked;
        open_world(&world, 50 + (uint64_t)kind);
        struct fi_os_dir *dir = open_dir(&world, "/s");
        assert_true(plant(dir, "FIRN", kind));
        scan_put_text(&world.tree, "a", "1");
        assert_int_equal(ws_try_save(&world, &saved), FIRN_UNTRUSTED);
        int rc = ws_try_check(&world, &checked);
        assert_true(rc != FIRN_OK && rc != FIRN_NOT_FOUND);
        assert_true(is_there(dir, "FIRN", kind));
        fi_os_dir_close(dir);
        ws_world_close(&world);
    }
}

/* Each file that firn made, replaced by a copy of itself: the same bytes are another file. */
static int
keep_name(void *ctx, const struct fi_os_dirent *entry)
{
    return entry->kind == FI_OS_FILE && strcmp(entry->name, "LOCK") != 0
               ? fi_buf_append(ctx, entry->name, entry->name_size + 1)
               : FIRN_OK;
}

static void
replace(struct ws_world *world, struct fi_os_dir *dir, const char *name)
{
    struct fi_os_file *file;
    struct fi_os_stat stat;
    assert_int_equal(fi_os_file_open_stat(dir, name, FI_OS_READ, 0, &file, &stat, &world->err),
                     FIRN_OK);
    uint8_t *bytes = malloc(stat.size_bytes + 1);
    size_t size;
    assert_non_null(bytes);
    assert_int_equal(fi_os_file_read(file, 0, bytes, stat.size_bytes, &size, &world->err), FIRN_OK);
    fi_os_file_close(file);
    assert_int_equal(fi_os_remove_file(dir, name, &world->err), FIRN_OK);
    assert_int_equal(
        fi_os_file_open(dir, name, FI_OS_WRITE | FI_OS_CREATE, 0600, &file, &world->err), FIRN_OK);
    assert_int_equal(fi_os_file_write(file, 0, bytes, size, &world->err), FIRN_OK);
    fi_os_file_close(file);
    free(bytes);
}

static void
a_file_that_was_replaced_is_an_error_that_names_it(void **state)
{
    static const char *const dirs[] = {"/s", "/s/packs"};
    struct ws_world world;
    open_world(&world, 20);
    save(&world, "1");
    save(&world, "2");
    for (size_t d = 0; d < 2; d++) {
        struct fi_os_dir *from = open_dir(&world, dirs[d]);
        struct fi_buf names = {0};
        assert_int_equal(fi_os_dir_list(from, keep_name, &names, &world.err), FIRN_OK);
        fi_os_dir_close(from);
        assert_true(names.size > 0);
        for (size_t at = 0; at < names.size;) {
            const char *name = (const char *)names.data + at;
            struct ws_world copy;
            ws_world_clone(&world, &copy);
            struct fi_os_dir *dir = open_dir(&copy, dirs[d]);
            replace(&copy, dir, name);
            fi_os_dir_close(dir);
            firn_workspace_check_result checked;
            int rc = ws_try_check(&copy, &checked);
            assert_true(rc == FIRN_UNTRUSTED || checked.damaged > 0);
            if (rc != FIRN_OK && checked.damaged == 0 && strstr(copy.err.text, name) == NULL) {
                fail_msg("%s: %s", name, copy.err.text);
            }
            at += strlen(name) + 1;
            ws_world_close(&copy);
        }
        fi_buf_deinit(&names);
    }
    ws_world_close(&world);
}

/* firn_store_open does this with the directory of a store. */
static int
guard(struct fi_os_dir *dir, const struct fi_db_options *options, firn_error *err)
{
    return fi_trust_files_guard(dir, !options->read_only, options->lock_timeout_ms, err);
}

static void
flush(struct ws_world *world)
{
    const struct fi_db_options options = {.memory_bytes = 1 << 20, .prepare = guard};
    struct firn_db *db;
    assert_int_equal(fi_db_path_open(world->tree.os, "/s", &options, &db, &world->err), FIRN_OK);
    assert_int_equal(fi_db_maintain_flush(db, &world->err), FIRN_OK);
    assert_int_equal(fi_db_close(db, &world->err), FIRN_OK);
}

/* Takes a name out of the list; its file stays. below: "" or a directory in the store. */
static void
unlist(struct ws_world *world, const char *below, const char *name)
{
    static const char ASIDE[] = "aside";
    char path[32];
    struct fi_os_dir *store = open_dir(world, "/s");
    struct fi_os_dir *dir;
    assert_int_equal(fi_trust_files_guard(store, true, 0, &world->err), FIRN_OK);
    assert_int_equal(fi_os_dir_open_beneath(store, below, &dir, &world->err), FIRN_OK);
    assert_int_equal(fi_os_rename(dir, name, dir, ASIDE, FI_OS_RENAME_NO_REPLACE, &world->err),
                     FIRN_OK);
    fi_os_dir_close(dir);
    fi_os_dir_close(store);
    (void)snprintf(path, sizeof path, "/s/%s", below);
    dir = open_dir(world, path);
    assert_int_equal(fi_os_rename(dir, ASIDE, dir, name, FI_OS_RENAME_NO_REPLACE, &world->err),
                     FIRN_OK);
    fi_os_dir_close(dir);
}

/* As firn trust does. */
static void
take(struct ws_world *world)
{
    struct fi_trust_store_note note;
    struct fi_os_dir *store = open_dir(world, "/s");
    assert_int_equal(fi_trust_store_note_find(store, &note, &world->err), FIRN_OK);
    assert_int_equal(fi_trust_files_take(world->tree.os, store, note.name, &world->err), FIRN_OK);
    fi_trust_store_note_deinit(&note);
    fi_os_dir_close(store);
}

/* Or not: not everything needs every run. */
static void
assert_refused(struct ws_world *world, const char *name, int rc)
{
    bool is_run = strstr(name, ".row") != NULL;
    if (is_run && rc == FIRN_OK) {
        return;
    }
    if (rc != FIRN_UNTRUSTED || strstr(world->err.text, name) == NULL) {
        fail_msg("%s: %d, %s", name, rc, world->err.text);
    }
}

static void
lack(const struct ws_world *whole, const char *below, const char *name)
{
    struct ws_world world;
    firn_workspace_save_result saved;
    firn_workspace_check_result checked;
    firn_workspace_restore_result restored;
    const firn_workspace_gc_options gc = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    firn_workspace_gc_result collected;
    const firn_workspace_repair_options repair = FIRN_WORKSPACE_REPAIR_OPTIONS_INIT;
    firn_workspace_repair_result repaired;
    ws_world_clone(whole, &world);
    unlist(&world, below, name);
    assert_refused(&world, name, ws_try_save(&world, &saved));
    assert_refused(&world, name, ws_try_restore(&world, "1", &restored));
    assert_refused(&world, name, fi_gc(world.ws, &gc, &collected, &world.err));
    assert_int_not_equal(ws_try_check(&world, &checked), FIRN_OK);
    assert_int_equal(fi_repair(world.ws, &repair, &repaired, &world.err), FIRN_UNTRUSTED);
    take(&world);
    ws_assert_check_clean(&world);
    save(&world, "3");
    ws_restore(&world, "1");
    assert_true(ws_dump_has(&world, "a"));
    ws_restore(&world, "2");
    ws_world_close(&world);
}

/* Another salt, or another identity, in the same file: what a program writes that unpacks another store
 * over this one without removing its files. */
static void
overwrite(const struct ws_world *whole, const char *below, const char *name)
{
    static const uint8_t bytes[FI_OS_GUARD_HEAD_SIZE - 32] = {1};
    char path[32];
    struct ws_world world;
    struct fi_os_file *file;
    firn_workspace_check_result checked;
    const firn_workspace_repair_options repair = FIRN_WORKSPACE_REPAIR_OPTIONS_INIT;
    firn_workspace_repair_result repaired;
    ws_world_clone(whole, &world);
    (void)snprintf(path, sizeof path, "/s/%s", below);
    struct fi_os_dir *dir = open_dir(&world, path);
    assert_int_equal(fi_os_file_open(dir, name, FI_OS_WRITE, 0, &file, &world.err), FIRN_OK);
    assert_int_equal(fi_os_file_write(file, 32, bytes, sizeof bytes, &world.err), FIRN_OK);
    fi_os_file_close(file);
    fi_os_dir_close(dir);
    int rc = ws_try_check(&world, &checked);
    if (rc != FIRN_UNTRUSTED && checked.damaged == 0) {
        fail_msg("%s: %d, %s", name, rc, world.err.text);
    }
    rc = fi_repair(world.ws, &repair, &repaired, &world.err);
    if (rc != FIRN_UNTRUSTED || strstr(world.err.text, "overwritten") == NULL ||
        strstr(world.err.text, name) == NULL) {
        fail_msg("%s: %d, %s", name, rc, world.err.text);
    }
    ws_world_close(&world);
}

static void
for_each_file(struct ws_world *world,
              void (*act)(const struct ws_world *world, const char *below, const char *name))
{
    static const char *const dirs[] = {"", "packs", "runs"};
    unsigned count = 0;
    for (size_t d = 0; d < 3; d++) {
        struct fi_os_dir *store = open_dir(world, "/s");
        struct fi_os_dir *dir;
        struct fi_buf names = {0};
        assert_int_equal(fi_os_dir_open_beneath(store, dirs[d], &dir, &world->err), FIRN_OK);
        assert_int_equal(fi_os_dir_list(dir, keep_name, &names, &world->err), FIRN_OK);
        fi_os_dir_close(dir);
        fi_os_dir_close(store);
        for (size_t at = 0; at < names.size; count++) {
            const char *name = (const char *)names.data + at;
            at += strlen(name) + 1;
            if (strcmp(name, "RESERVE") != 0 && strcmp(name, ".gitignore") != 0) {
                act(world, dirs[d], name);
            }
        }
        fi_buf_deinit(&names);
    }
    assert_true(count >= 6);
}

static void
overwrite_unless_identity(const struct ws_world *whole, const char *below, const char *name)
{
    if (strcmp(name, "FIRN") != 0) { /* its id is in the note */
        overwrite(whole, below, name);
    }
}

static void
a_file_that_was_overwritten_by_that_of_another_store_is_an_error(void **state)
{
    struct ws_world world;
    open_world(&world, 60);
    save(&world, "1");
    flush(&world);
    save(&world, "2");
    for_each_file(&world, overwrite_unless_identity);
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

static void
a_needed_file_that_the_list_does_not_have_is_an_error_until_it_is_taken(void **state)
{
    struct ws_world world;
    open_world(&world, 70);
    save(&world, "1");
    flush(&world);
    save(&world, "2");
    for_each_file(&world, lack);
    ws_world_close(&world);
}

/* ---- what another process is doing meanwhile ---- */

static struct writing {
    struct fi_os_file *list;
    uint64_t offset;
    char text[8];
    struct fi_os_ops ops;
} writing;

/* The other process goes on when this one waits for it. */
static void
go_on(struct fi_os *os, int64_t ns)
{
    (void)os;
    (void)ns;
    assert_int_equal(
        fi_os_file_write(writing.list, writing.offset, writing.text, sizeof writing.text, NULL),
        FIRN_OK);
    fi_os_file_unlock(writing.list);
}

static int
keep_list(void *ctx, const struct fi_os_dirent *entry)
{
    const char *end = strstr(entry->name, ".files");
    return end != NULL && end[6] == '\0' ? fi_buf_append(ctx, entry->name, entry->name_size + 1)
                                         : FIRN_OK;
}

/* Opens the list, locks it, and takes a part of the line of FIRN away. */
static void
write_by_half(struct ws_world *world)
{
    static char bytes[1 << 16];
    static const char zeros[sizeof writing.text];
    struct fi_os_dir *notes;
    struct fi_buf name = {0};
    size_t size;
    assert_int_equal(
        fi_trust_private_open(world->tree.os, FI_TRUST_PRIVATE_TRUSTED, false, &notes, &world->err),
        FIRN_OK);
    assert_int_equal(fi_os_dir_list(notes, keep_list, &name, &world->err), FIRN_OK);
    assert_int_equal(fi_os_file_open(notes, (const char *)name.data, FI_OS_READ | FI_OS_WRITE, 0,
                                     &writing.list, &world->err),
                     FIRN_OK);
    assert_int_equal(fi_os_file_lock(writing.list, FI_OS_LOCK_EXCLUSIVE, &world->err), FIRN_OK);
    assert_int_equal(fi_os_file_read(writing.list, 0, bytes, sizeof bytes - 1, &size, &world->err),
                     FIRN_OK);
    const char *line = strstr(bytes, " FIRN\n");
    assert_non_null(line);
    while (line[-1] != '\n') {
        line--;
    }
    writing.offset = (uint64_t)(line - bytes);
    memcpy(writing.text, line, sizeof writing.text);
    assert_int_equal(
        fi_os_file_write(writing.list, writing.offset, zeros, sizeof zeros, &world->err), FIRN_OK);
    fi_buf_deinit(&name);
    fi_os_dir_close(notes);
}

/* may_write: the process then appends a line too. */
static void
read_by_half(bool may_write)
{
    struct ws_world world;
    struct fi_os_stat stat;
    open_world(&world, 90);
    save(&world, "1");
    const struct fi_os_ops *ops = world.tree.os->ops;
    writing.ops = *ops;
    writing.ops.sleep_ns = go_on;
    write_by_half(&world);
    world.tree.os->ops = &writing.ops;
    struct fi_os_dir *store = open_dir(&world, "/s");
    assert_int_equal(fi_trust_files_guard(store, may_write, 0, &world.err), FIRN_OK);
    world.tree.os->ops = ops;
    assert_int_equal(fi_os_stat(store, "FIRN", &stat, &world.err), FIRN_OK);
    fi_os_dir_close(store);
    fi_os_file_close(writing.list);
    save(&world, "2");
    ws_assert_check_clean(&world);
    ws_world_close(&world);
}

static void
half_a_line_that_is_being_written_is_not_damage(void **state)
{
    read_by_half(false);
    read_by_half(true);
}

/* ---- file systems on which files change their inodes ---- */

static bool
keeps_none(struct fi_os_dir *dir)
{
    (void)dir;
    return false;
}

static void
files_without_a_lasting_identity_are_known_by_name(void **state)
{
    struct ws_world world;
    open_world(&world, 95);
    const struct fi_os_ops *ops = world.tree.os->ops;
    struct fi_os_ops overlay = *ops;
    overlay.dir_keeps_identity = keeps_none;
    world.tree.os->ops = &overlay;
    save(&world, "1");
    save(&world, "2");
    struct fi_os_dir *dir = open_dir(&world, "/s");
    replace(&world, dir, "FIRN");
    replace(&world, dir, "wal-000001.log");
    assert_true(plant(dir, "wal-000009.log", A_FILE));
    fi_os_dir_close(dir);
    size_t told = 0;
    assert_int_equal(fi_trust_files_foreign(world.tree.os, "/s", count_foreign, &told, &world.err),
                     FIRN_OK);
    assert_int_equal(told, 1);
    save(&world, "3");
    ws_assert_check_clean(&world);
    world.tree.os->ops = ops;
    ws_world_close(&world);
}

/* ---- what is beside a store ---- */

/* An interrupted repair leaves this, if noted, or a tree brings it. */
static int
repair_beside(bool is_noted, bool *out_is_there)
{
    static const char *const marks[] = {"REPAIRING", "theirs"};
    const firn_workspace_repair_options repair = FIRN_WORKSPACE_REPAIR_OPTIONS_INIT;
    firn_workspace_repair_result repaired;
    struct fi_os_stat stat;
    struct ws_world world;
    open_world(&world, 40);
    save(&world, "1");
    save(&world, "2");
    struct fi_os_dir *top = open_dir(&world, "/");
    assert_int_equal(fi_os_make_dir(top, "s.repairing", 0700, &world.err), FIRN_OK);
    struct fi_os_dir *beside = open_dir(&world, "/s.repairing");
    struct fi_os_dir *packs = open_dir(&world, "/s/packs");
    if (is_noted) {
        struct fi_os_dir *store = open_dir(&world, "/s");
        assert_int_equal(fi_trust_repair_note(store, beside, &world.err), FIRN_OK);
        fi_os_dir_close(store);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_true(plant(beside, marks[i], A_FILE));
    }
    assert_int_equal(fi_os_remove_file(packs, "00000001.pack", &world.err), FIRN_OK);
    int rc = fi_repair(world.ws, &repair, &repaired, &world.err);
    *out_is_there = fi_os_stat(top, "s.repairing", &stat, NULL) == FIRN_OK;
    fi_os_dir_close(packs);
    fi_os_dir_close(beside);
    fi_os_dir_close(top);
    ws_world_close(&world);
    return rc;
}

static void
a_directory_that_came_with_the_tree_is_not_removed_by_a_repair(void **state)
{
    bool is_there;
    assert_int_equal(repair_beside(false, &is_there), FIRN_EXISTS);
    assert_true(is_there);
    assert_int_equal(repair_beside(true, &is_there), FIRN_OK);
    assert_false(is_there);
}

static void
programs_with_keys_and_values_keep_the_list_too(void **state)
{
    struct ws_world world;
    struct firn_db *db;
    struct firn_db_keyspace *keyspace;
    const struct fi_db_options options = {.memory_bytes = 1 << 20, .prepare = guard};
    open_world(&world, 30);
    save(&world, "1");
    assert_int_equal(fi_db_path_open(world.tree.os, "/s", &options, &db, &world.err), FIRN_OK);
    assert_int_equal(fi_db_keyspace_open(db, "k", &keyspace, &world.err), FIRN_OK);
    for (unsigned i = 0; i < 50; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%u", i);
        assert_int_equal(
            fi_db_put(keyspace, firn_str(key), firn_str("value"), FIRN_DURABILITY_FULL, &world.err),
            FIRN_OK);
        assert_int_equal(i % 10 != 0 ? FIRN_OK : fi_db_maintain_flush(db, &world.err), FIRN_OK);
    }
    assert_int_equal(fi_db_close(db, &world.err), FIRN_OK);
    save(&world, "2");
    ws_assert_check_clean(&world);
    size_t told = 0;
    assert_int_equal(fi_trust_files_foreign(world.tree.os, "/s", count_foreign, &told, &world.err),
                     FIRN_OK);
    assert_int_equal(told, 0);
    ws_world_close(&world);
}

/* A process reads the list, and then waits for the lock of the store while others save so often that the list is replaced by a
 * shorter one. It must not take what it had not read for names that are gone. */
static void
a_list_that_was_replaced_while_a_process_waited_is_read_again(void **state)
{
    enum { SAVES = 300 };
    struct ws_world world;
    char text[16];
    size_t foreign = 0;
    open_world(&world, 5);
    save(&world, "first");
    struct fi_os_dir *waiting = open_dir(&world, "/s");
    assert_int_equal(fi_trust_files_guard(waiting, true, 0, &world.err), FIRN_OK);
    for (int i = 0; i < SAVES; i++) {
        (void)snprintf(text, sizeof text, "%d", i);
        save(&world, text);
    }
    assert_int_equal(fi_trust_files_survey(waiting, true, count_foreign, &foreign, &world.err),
                     FIRN_OK);
    assert_int_equal(foreign, 0);
    fi_os_dir_close(waiting);
    struct fi_os_dir *store = open_dir(&world, "/s");
    assert_int_equal(fi_trust_files_guard(store, true, 0, &world.err), FIRN_OK);
    assert_int_equal(fi_trust_files_survey(store, true, count_foreign, &foreign, &world.err),
                     FIRN_OK);
    assert_int_equal(foreign, 0);
    fi_os_dir_close(store);
    save(&world, "last");
    ws_world_close(&world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_others_put_under_any_name_of_a_store_does_not_count),
        cmocka_unit_test(an_identity_that_the_list_does_not_have_is_an_error),
        cmocka_unit_test(a_file_that_was_replaced_is_an_error_that_names_it),
        cmocka_unit_test(a_file_that_was_overwritten_by_that_of_another_store_is_an_error),
        cmocka_unit_test(a_needed_file_that_the_list_does_not_have_is_an_error_until_it_is_taken),
        cmocka_unit_test(half_a_line_that_is_being_written_is_not_damage),
        cmocka_unit_test(files_without_a_lasting_identity_are_known_by_name),
        cmocka_unit_test(a_directory_that_came_with_the_tree_is_not_removed_by_a_repair),
        cmocka_unit_test(programs_with_keys_and_values_keep_the_list_too),
        cmocka_unit_test(a_list_that_was_replaced_while_a_process_waited_is_read_again),
    };
    return cmocka_run_group_tests_name("ws_known", tests, NULL, NULL);
}
