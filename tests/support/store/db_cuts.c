/* SPDX-License-Identifier: Apache-2.0 */
#include "db_cuts.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "codec/xxh3.h"
#include "copy/copy.h"
#include "sim/sim_memory.h"
#include "store/db.h"
#include "support/test_file.h"
#include "support/test_share.h"

/* ---- what a store shows ---- */

static int
show_entries(struct firn_db_keyspace *keyspace, struct firn_snapshot *snapshot, struct fi_buf *out,
             firn_error *err)
{
    const struct fi_db_cursor_options options = {.snapshot = snapshot};
    struct firn_db_cursor *cursor;
    int rc = fi_db_cursor_open(keyspace, &options, &cursor, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = fi_db_cursor_first(cursor, err);
    while (rc == FIRN_OK && fi_db_cursor_valid(cursor)) {
        firn_slice key = fi_db_cursor_key(cursor);
        firn_slice value = fi_db_cursor_value(cursor);
        assert_int_equal(
            fi_buf_append_format(out, " %.*s=%016llx\n", (int)key.size, key.data,
                                 (unsigned long long)fi_xxh3(value.data, value.size, value.size)),
            FIRN_OK);
        rc = fi_db_cursor_next(cursor, err);
    }
    fi_db_cursor_close(cursor);
    return rc;
}

static int
take_name(void *ctx, const char *name)
{
    return fi_buf_append(ctx, name, strlen(name) + 1);
}

static int
show_snapshot(struct firn_db *db, struct firn_snapshot *snapshot, struct fi_buf *out,
              firn_error *err)
{
    struct fi_buf names = {0};
    int rc = snapshot != NULL ? fi_db_keyspace_list_in(snapshot, take_name, &names, err)
                              : fi_db_keyspace_list(db, take_name, &names, err);
    for (size_t at = 0; at < names.size && rc == FIRN_OK;) {
        const char *name = (const char *)names.data + at;
        struct firn_db_keyspace *keyspace;
        assert_int_equal(fi_buf_append_format(out, "keyspace %s\n", name), FIRN_OK);
        rc = snapshot != NULL ? fi_db_keyspace_open_in(snapshot, name, &keyspace, err)
                              : fi_db_keyspace_open(db, name, &keyspace, err);
        rc = rc == FIRN_OK ? show_entries(keyspace, snapshot, out, err) : rc;
        at += strlen(name) + 1;
    }
    fi_buf_deinit(&names);
    return rc;
}

static int
take_checkpoint(void *ctx, const struct fi_db_checkpoint_info *info)
{
    char id[FI_DB_CHECKPOINT_NAME_ID_SIZE];
    fi_db_checkpoint_name_of_id(info->id, id);
    return fi_buf_append(ctx, id, sizeof id);
}

static int
show_checkpoints(struct firn_db *db, struct fi_buf *out, firn_error *err)
{
    struct fi_buf ids = {0};
    const struct fi_db_checkpoint_visitor visitor = {
        .include_safety = true, .visit = take_checkpoint, .ctx = &ids};
    int rc = fi_db_checkpoint_list(db, &visitor, err);
    for (size_t at = 0; at < ids.size && rc == FIRN_OK; at += FI_DB_CHECKPOINT_NAME_ID_SIZE) {
        const char *id = (const char *)ids.data + at;
        struct firn_snapshot *snapshot;
        assert_int_equal(fi_buf_append_format(out, "checkpoint %s\n", id), FIRN_OK);
        rc = fi_db_checkpoint_snapshot(db, id, &snapshot, err);
        if (rc == FIRN_OK) {
            rc = show_snapshot(db, snapshot, out, err);
            fi_db_snapshot_close(snapshot);
        }
    }
    fi_buf_deinit(&ids);
    return rc;
}

int
db_cuts_show(struct firn_db *db, char **out, firn_error *err)
{
    struct fi_buf text = {0};
    int rc = show_snapshot(db, NULL, &text, err);
    rc = rc == FIRN_OK ? show_checkpoints(db, &text, err) : rc;
    *out = NULL;
    if (rc == FIRN_OK) {
        assert_non_null(fi_buf_text(&text));
        *out = fi_strdup((const char *)text.data);
        assert_non_null(*out);
    }
    fi_buf_deinit(&text);
    return rc;
}

static void
note_event(struct db_cuts_scene *scene)
{
    firn_error err;
    assert_true(scene->events < DB_CUTS_EVENTS_MAX);
    DB_OK(db_cuts_show(scene->db, &scene->states[++scene->events], &err));
}

/* The newest of those that look alike. */
int
db_cuts_find_state(const struct db_cuts_scene *scene, const char *shown)
{
    for (unsigned i = scene->events + 1; i > 0; i--) {
        if (strcmp(scene->states[i - 1], shown) == 0) {
            return (int)i - 1;
        }
    }
    return -1;
}

bool
db_cuts_is_finding(int rc)
{
    return rc == FIRN_CORRUPT || rc == FIRN_NEWER || rc == FIRN_NOT_FOUND;
}

unsigned
db_cuts_least(const struct db_cuts_scene *scene, const char *path)
{
    return strncmp(path, "wal-", 4) == 0 ? scene->kept : scene->events;
}

/* ---- events ---- */

static void
add_to_batch(const struct db_cuts_scene *scene, struct firn_db_batch *batch, unsigned which,
             unsigned i)
{
    static const uint8_t one[8] = {1};
    static uint8_t large[5000];
    firn_error err;
    struct firn_db_keyspace *keyspace = scene->keyspaces[which];
    char key[16];
    char upper[16];
    char number[16];
    (void)snprintf(number, sizeof number, "%u", i);
    (void)snprintf(key, sizeof key, "k%03u", i);
    memset(large, (int)i, sizeof large);
    bool is_large = scene->has_large && i % 7 == 1;
    DB_OK(fi_db_batch_put(batch, keyspace, firn_str(key),
                          is_large ? firn_bytes(large, sizeof large) : firn_str(number), &err));
    DB_OK(fi_db_batch_put(batch, keyspace, firn_str("newest"), firn_str(number), &err));
    DB_OK(fi_db_batch_merge(batch, keyspace, firn_str("sum"), FIRN_MERGE_ADD,
                            firn_bytes(one, sizeof one), &err));
    (void)snprintf(key, sizeof key, "d%03u", i);
    DB_OK(fi_db_batch_put(batch, keyspace, firn_str(key), firn_str(number), &err));
    if (i < 3) {
        return;
    }
    /* What was put three commits ago goes. */
    (void)snprintf(key, sizeof key, "d%03u", i - 3);
    (void)snprintf(upper, sizeof upper, "d%03u\x01", i - 3);
    DB_OK(i % 2 == 0
              ? fi_db_batch_delete(batch, keyspace, firn_str(key), &err)
              : fi_db_batch_delete_range(batch, keyspace, firn_str(key), firn_str(upper), &err));
}

void
db_cuts_put(struct db_cuts_scene *scene, unsigned count)
{
    firn_error err;
    for (; count > 0; count--) {
        struct firn_db_batch *batch;
        unsigned which = scene->keyspaces[1] != NULL && scene->events % 3 == 2;
        DB_OK(fi_db_batch_create(&batch, &err));
        add_to_batch(scene, batch, which, scene->puts[which]++);
        DB_OK(fi_db_write(scene->db, batch, FIRN_DURABILITY_FULL, &err));
        fi_db_batch_destroy(batch);
        note_event(scene);
    }
}

static void
load(struct db_cuts_scene *scene)
{
    firn_error err;
    struct firn_db_bulk *bulk;
    DB_OK(fi_db_bulk_open(scene->keyspaces[0], &bulk, &err));
    for (unsigned part = 0; part < 3; part++) {
        char key[16];
        (void)snprintf(key, sizeof key, "load%03u%c", scene->events, 'a' + (int)part);
        DB_OK(fi_db_bulk_put(bulk, firn_str(key), firn_str("loaded"), &err));
    }
    DB_OK(fi_db_bulk_commit(bulk, &err));
    fi_db_bulk_close(bulk);
    note_event(scene);
    scene->kept = scene->events;
    scene->in_runs = scene->events;
}

static void
flush(struct db_cuts_scene *scene)
{
    firn_error err;
    DB_OK(fi_db_maintain_flush(scene->db, &err));
    scene->kept = scene->events;
    scene->in_runs = scene->events;
}

static void
compact(struct db_cuts_scene *scene)
{
    firn_error err;
    DB_OK(fi_db_maintain_compact(scene->db, NULL, &err));
    scene->kept = scene->events;
    scene->in_runs = scene->events;
}

static void
checkpoint(struct db_cuts_scene *scene, const char *name)
{
    firn_error err;
    DB_OK(fi_db_checkpoint_create(scene->db, name, NULL, &err));
    note_event(scene);
}

static void
restore(struct db_cuts_scene *scene, const char *name)
{
    firn_error err;
    struct fi_db_checkpoint_info restored;
    struct fi_db_checkpoint_info safety;
    DB_OK(fi_db_checkpoint_restore(scene->db, name, &restored, &safety, &err));
    note_event(scene);
}

/* Creating a keyspace is an event too. */
static void
open_keyspaces(struct db_cuts_scene *scene)
{
    static const char *const names[] = {"a", "b"};
    for (unsigned i = 0; i < 2; i++) {
        scene->keyspaces[i] = db_support_keyspace(scene->db, names[i]);
        note_event(scene);
    }
}

static void
reopen(struct db_cuts_scene *scene)
{
    firn_error err;
    DB_OK(fi_db_close(scene->db, &err));
    scene->kept = scene->events;
    scene->db = db_support_open(scene->dir);
    scene->keyspaces[0] = db_support_keyspace(scene->db, "a");
    scene->keyspaces[1] = db_support_keyspace(scene->db, "b");
}

/* ---- stores ---- */

static void
make_log(struct db_cuts_scene *scene)
{
    db_cuts_put(scene, 12);
}

static void
make_flushed(struct db_cuts_scene *scene)
{
    for (unsigned round = 0; round < 6; round++) {
        db_cuts_put(scene, 10);
        flush(scene);
    }
    db_cuts_put(scene, 1);
}

static void
make_half_flushed(struct db_cuts_scene *scene)
{
    db_cuts_put(scene, 30);
    flush(scene);
    db_cuts_put(scene, 15);
    flush(scene);
    db_cuts_put(scene, 15);
}

static void
make_loaded(struct db_cuts_scene *scene)
{
    scene->has_loads = true;
    db_cuts_put(scene, 5);
    load(scene);
    db_cuts_put(scene, 5);
    load(scene);
}

static void
make_loaded_and_put(struct db_cuts_scene *scene)
{
    make_loaded(scene);
    db_cuts_put(scene, 1);
}

static void
make_compacted(struct db_cuts_scene *scene)
{
    for (unsigned round = 0; round < 3; round++) {
        db_cuts_put(scene, 10);
        flush(scene);
    }
    compact(scene);
}

static void
make_compacted_and_put(struct db_cuts_scene *scene)
{
    make_compacted(scene);
    db_cuts_put(scene, 1);
}

static void
make_large(struct db_cuts_scene *scene)
{
    scene->has_large = true;
    db_cuts_put(scene, 12);
    flush(scene);
    db_cuts_put(scene, 12);
    compact(scene);
    db_cuts_put(scene, 6);
}

static void
make_reopened(struct db_cuts_scene *scene)
{
    for (unsigned round = 0; round < 3; round++) {
        db_cuts_put(scene, 5);
        if (round == 1) {
            flush(scene);
        }
        reopen(scene);
    }
    db_cuts_put(scene, 2);
}

static void
make_checkpoints(struct db_cuts_scene *scene)
{
    firn_error err;
    const char *one = "one";
    scene->has_checkpoints = true;
    for (unsigned round = 0; round < 3; round++) {
        static const char *const names[] = {"one", "two", "three"};
        db_cuts_put(scene, 6);
        checkpoint(scene, names[round]);
        flush(scene);
    }
    DB_OK(fi_db_checkpoint_delete(scene->db, &one, 1, &err));
    note_event(scene);
    db_cuts_put(scene, 6);
    compact(scene);
    db_cuts_put(scene, 2);
}

static void
make_restored(struct db_cuts_scene *scene)
{
    scene->has_checkpoints = true;
    db_cuts_put(scene, 6);
    checkpoint(scene, "one");
    flush(scene);
    db_cuts_put(scene, 6);
    restore(scene, "one");
    db_cuts_put(scene, 6);
    flush(scene);
    checkpoint(scene, "two");
    db_cuts_put(scene, 6);
    compact(scene);
    restore(scene, "two");
    db_cuts_put(scene, 2);
}

static void
make_dropped(struct db_cuts_scene *scene)
{
    firn_error err;
    db_cuts_put(scene, 9);
    flush(scene);
    db_cuts_put(scene, 3);
    DB_OK(fi_db_keyspace_drop(scene->db, "b", &err));
    note_event(scene);
    scene->keyspaces[1] = NULL;
    db_cuts_put(scene, 4);
    flush(scene);
    scene->keyspaces[1] = db_support_keyspace(scene->db, "b");
    scene->puts[1] = 0;
    note_event(scene);
    db_cuts_put(scene, 6);
}

/* What comes after is done to the other store; nothing that came before can be lost there. */
static void
move_to(struct db_cuts_scene *scene, const char *path)
{
    firn_error err;
    DB_OK(fi_db_close(scene->db, &err));
    fi_os_dir_close(scene->dir);
    scene->path = path;
    DB_OK(fi_os_dir_open_path(scene->support.os, path, &scene->dir, &err));
    scene->db = db_support_open(scene->dir);
    scene->keyspaces[0] = db_support_keyspace(scene->db, "a");
    scene->keyspaces[1] = db_support_keyspace(scene->db, "b");
    for (unsigned i = 0; i <= scene->events; i++) {
        fi_free(scene->states[i]);
        scene->states[i] = NULL;
    }
    DB_OK(db_cuts_show(scene->db, &scene->states[0], &err));
    scene->events = 0;
    scene->kept = 0;
    scene->in_runs = 0;
}

static void
sync_root(struct db_cuts_scene *scene)
{
    firn_error err;
    struct fi_os_dir *root;
    DB_OK(fi_os_dir_open_path(scene->support.os, "/", &root, &err));
    DB_OK(fi_os_dir_sync(root, &err));
    fi_os_dir_close(root);
}

static void
make_clone(struct db_cuts_scene *scene)
{
    firn_error err;
    struct fi_os_dir *dir = db_cuts_make_dir(scene, "clone");
    scene->has_checkpoints = true;
    db_cuts_put(scene, 6);
    checkpoint(scene, "one");
    db_cuts_put(scene, 6);
    compact(scene);
    db_cuts_put(scene, 3);
    DB_OK(fi_copy_clone(scene->db, dir, NULL, &err));
    fi_os_dir_close(dir);
    sync_root(scene);
    move_to(scene, "/clone");
    db_cuts_put(scene, 5);
    flush(scene);
    db_cuts_put(scene, 4);
}

static void
make_import(struct db_cuts_scene *scene)
{
    firn_error err;
    const struct fi_copy_export_target target = {.os = scene->support.os, .path = "/file"};
    struct fi_db_checkpoint_info made;
    struct fi_storefile_progress progress = {.os = scene->support.os};
    scene->has_checkpoints = true;
    db_cuts_put(scene, 12);
    flush(scene);
    db_cuts_put(scene, 3);
    DB_OK(fi_copy_export(scene->db, NULL, &target, &progress, &err));
    DB_OK(fi_copy_import(scene->support.os, "/file", "/import", NULL, &progress, &made, &err));
    sync_root(scene);
    move_to(scene, "/import");
    db_cuts_put(scene, 5);
    flush(scene);
    db_cuts_put(scene, 4);
}

/* A crash while a cursor still had what flushes and compactions have replaced since, over several
 * generations. */
static void
make_held(struct db_cuts_scene *scene)
{
    firn_error err;
    struct firn_db_cursor *cursors[3];
    struct fi_os_dir *held = db_cuts_make_dir(scene, "held");
    for (unsigned round = 0; round < 3; round++) {
        db_cuts_put(scene, 6);
        flush(scene);
        db_cuts_put(scene, 3);
        flush(scene);
        DB_OK(fi_db_cursor_open(scene->keyspaces[0], NULL, &cursors[round], &err));
        DB_OK(fi_db_cursor_first(cursors[round], &err));
        compact(scene);
    }
    db_cuts_put(scene, 2);
    db_support_copy(scene->dir, held);
    for (unsigned round = 0; round < 3; round++) {
        fi_db_cursor_close(cursors[round]);
    }
    fi_os_dir_close(scene->dir);
    fi_os_dir_close(held);
    scene->path = "/held";
    DB_OK(fi_os_dir_open_path(scene->support.os, scene->path, &scene->dir, &err));
    scene->is_held = true;
}

const struct db_cuts_kind db_cuts_kinds[] = {
    {"nothing but a log", make_log, 5},
    {"flushed again and again", make_flushed, 25},
    {"its last commits in the log", make_half_flushed, 25},
    {"loads", make_loaded, 15},
    {"loads, and a put", make_loaded_and_put, 15},
    {"compacted", make_compacted, 15},
    {"compacted, and a put", make_compacted_and_put, 15},
    {"values in files of their own", make_large, 150},
    {"opened again", make_reopened, 15},
    {"checkpoints", make_checkpoints, 40},
    {"restored", make_restored, 40},
    {"a keyspace dropped", make_dropped, 20},
    {"a clone", make_clone, 20},
    {"an import", make_import, 20},
    {"replaced runs still there", make_held, 60},
};
const size_t db_cuts_kind_count = sizeof db_cuts_kinds / sizeof db_cuts_kinds[0];

/* ---- files ---- */

static int
note_name(void *ctx, const struct fi_os_dirent *entry)
{
    char name[DB_CUTS_NAME_SIZE] = {0};
    (void)snprintf(name, sizeof name, "%s", entry->name);
    return strcmp(name, "runs") == 0 || strcmp(name, "LOCK") == 0
               ? FIRN_OK
               : fi_buf_append(ctx, name, sizeof name);
}

static int
note_run(void *ctx, const struct fi_os_dirent *entry)
{
    char name[DB_CUTS_NAME_SIZE] = {0};
    (void)snprintf(name, sizeof name, "runs/%s", entry->name);
    return fi_buf_append(ctx, name, sizeof name);
}

static void
list_files(struct fi_os_dir *dir, struct fi_buf *names)
{
    firn_error err;
    struct fi_os_dir *runs;
    fi_buf_clear(names);
    DB_OK(fi_os_dir_list(dir, note_name, names, &err));
    if (fi_os_dir_open(dir, "runs", &runs, &err) == FIRN_OK) {
        DB_OK(fi_os_dir_list(runs, note_run, names, &err));
        fi_os_dir_close(runs);
    }
}

/* The directory in which a file lies, to be closed, and its name there. */
static struct fi_os_dir *
place_of(struct fi_os_dir *dir, const char *path, const char **out_name)
{
    firn_error err;
    struct fi_os_dir *found;
    bool is_run = strncmp(path, "runs/", 5) == 0;
    *out_name = is_run ? path + 5 : path;
    DB_OK(fi_os_dir_open_beneath(dir, is_run ? "runs" : "", &found, &err));
    return found;
}

size_t
db_cuts_count_runs(struct fi_os_dir *dir)
{
    firn_error err;
    struct fi_os_dir *runs;
    size_t count = 0;
    if (fi_os_dir_open(dir, "runs", &runs, &err) == FIRN_OK) {
        count = test_file_count(runs);
        fi_os_dir_close(runs);
    }
    return count;
}

struct fi_os_dir *
db_cuts_make_dir(struct db_cuts_scene *scene, const char *name)
{
    firn_error err;
    struct fi_os_dir *root;
    struct fi_os_dir *dir;
    DB_OK(fi_os_dir_open_path(scene->support.os, "/", &root, &err));
    DB_OK(fi_os_make_dir(root, name, 0700, &err));
    DB_OK(fi_os_dir_open(root, name, &dir, &err));
    fi_os_dir_close(root);
    return dir;
}

/* ---- damage ---- */

static void
damage_once(struct db_cuts_scene *scene, const struct db_cuts_damage *damage, struct fi_buf *bytes,
            db_cuts_judge judge)
{
    firn_error err;
    const char *name;
    db_support_copy(scene->dir, scene->copy);
    struct fi_os_dir *dir = place_of(scene->copy, damage->path, &name);
    if (damage->at == SIZE_MAX) {
        DB_OK(fi_os_remove_file(dir, name, &err));
    } else if (damage->bit < 0) {
        test_file_write(dir, name, bytes->data, damage->at);
    } else {
        bytes->data[damage->at] ^= (uint8_t)(1U << damage->bit);
        test_file_write(dir, name, bytes->data, bytes->size);
        bytes->data[damage->at] ^= (uint8_t)(1U << damage->bit);
    }
    fi_os_dir_close(dir);
    judge(scene, damage);
}

/* Which quarter of the points a long run takes: all of them take most of an hour with a sanitizer. Each
 * hour has another one; FIRN_TEST_SEED chooses. */
enum { LONG_PARTS = 4 };

static uint64_t
long_part(void)
{
    const char *seed = getenv("FIRN_TEST_SEED");
    return (seed != NULL ? strtoull(seed, NULL, 10) : (uint64_t)time(NULL) / 3600) % LONG_PARTS;
}

/* Whether this process has a share in the next point. */
static bool
is_mine(struct db_cuts_scene *scene)
{
    if (test_is_long()) {
        return ++scene->points % LONG_PARTS == long_part();
    }
    struct test_share share = test_share_of(1, (uint64_t)scene->path[1]);
    return ++scene->points % share.step == share.first % share.step;
}

static void
damage_file(struct db_cuts_scene *scene, const char *path, size_t step, db_cuts_judge judge)
{
    struct fi_buf bytes = {0};
    const char *name;
    bool is_long = test_is_long();
    struct fi_os_dir *dir = place_of(scene->dir, path, &name);
    struct db_cuts_damage damage = {.path = path};
    test_file_read(dir, name, &bytes);
    fi_os_dir_close(dir);
    while (damage.at < bytes.size) {
        for (damage.bit = -1; damage.bit < 8; damage.bit++) {
            if ((is_long || damage.bit < 0 || damage.bit == (int)(damage.at % 8)) &&
                is_mine(scene)) {
                damage_once(scene, &damage, &bytes, judge);
            }
        }
        damage.at += is_long ? 1 : 1 + (damage.at * 7 + step) % (2 * step);
    }
    damage.at = SIZE_MAX;
    damage_once(scene, &damage, &bytes, judge);
    fi_buf_deinit(&bytes);
}

void
db_cuts_begin(struct db_cuts_scene *scene)
{
    firn_error err;
    *scene = (struct db_cuts_scene){0};
    db_support_init(&scene->support, 1);
    scene->path = "/store";
    DB_OK(fi_os_dir_open_path(scene->support.os, scene->path, &scene->dir, &err));
    scene->db = db_support_open(scene->dir);
    DB_OK(db_cuts_show(scene->db, &scene->states[0], &err));
    open_keyspaces(scene);
}

static void
end(struct db_cuts_scene *scene, enum db_cuts_ending ending)
{
    firn_error err;
    if (ending == DB_CUTS_CLOSED) {
        DB_OK(fi_db_close(scene->db, &err));
        scene->kept = scene->is_held ? scene->kept : scene->events;
    } else {
        fi_db_abandon(scene->db);
    }
    if (ending == DB_CUTS_POWER_LOST && !scene->is_held) {
        fi_os_dir_close(scene->dir);
        db_support_cut(&scene->support, 1);
        DB_OK(fi_os_dir_open_path(scene->support.os, scene->path, &scene->dir, &err));
    }
    scene->copy = db_cuts_make_dir(scene, "copy");
    list_files(scene->dir, &scene->names);
}

void
db_cuts_end(struct db_cuts_scene *scene)
{
    for (unsigned i = 0; i <= scene->events; i++) {
        fi_free(scene->states[i]);
    }
    fi_os_dir_close(scene->copy);
    fi_os_dir_close(scene->dir);
    db_support_deinit(&scene->support);
    fi_buf_deinit(&scene->names);
}

void
db_cuts_run(const struct db_cuts_kind *kind, size_t sparser, db_cuts_judge judge)
{
    for (enum db_cuts_ending ending = DB_CUTS_CLOSED; ending < DB_CUTS_ENDINGS; ending++) {
        struct db_cuts_scene scene;
        db_cuts_begin(&scene);
        kind->make(&scene);
        end(&scene, ending);
        for (size_t i = 0; i < scene.names.size; i += DB_CUTS_NAME_SIZE) {
            damage_file(&scene, (const char *)scene.names.data + i, kind->step * sparser, judge);
        }
        print_message("count: %s: %llu looks at damaged stores, of which %llu were refused\n",
                      kind->name, (unsigned long long)scene.count,
                      (unsigned long long)scene.refused);
        db_cuts_end(&scene);
    }
}
