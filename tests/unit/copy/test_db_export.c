/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/copy: one checkpoint in a single file: it has what the checkpoint has, is read where it
 * lies, becomes a store again, and is whole or not there.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "archive/archive_format.h"
#include "base/mem.h"
#include "copy/copy.h"
#include "inspect/inspect.h"
#include "posix/os_default.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "store/db.h"
#include "support/store/db_support.h"
#include "support/test_fault.h"
#include "support/test_file.h"
#include "support/test_random.h"
#include "support/test_share.h"

enum { SECOND_MS = 1000, BIG = 300000 };
#define SECOND_NS INT64_C(1000000000)
#define BEGIN_NS (INT64_C(1000000) * SECOND_NS)

static const struct fi_db_options small = {.create_if_missing = true, .memory_bytes = 1 << 20};
static const struct fi_db_options read_only = {.read_only = true, .memory_bytes = 1 << 20};

/* ---- what is exported ---- */

static void
merge(struct firn_db_keyspace *keyspace, const char *key, firn_merge_operator operation,
      int64_t number)
{
    firn_error err;
    uint8_t bytes[8];
    firn_number(number, bytes);
    firn_slice operand = operation == FIRN_MERGE_APPEND ? firn_str("+") : firn_bytes(bytes, 8);
    DB_OK(fi_db_merge(keyspace, firn_str(key), operation, operand, FIRN_DURABILITY_DEFAULT, &err));
}

static void
put_ttl(struct firn_db_keyspace *keyspace, const char *key, const char *value, uint64_t seconds)
{
    firn_error err;
    DB_OK(fi_db_put_ttl(keyspace, firn_str(key), firn_str(value), seconds * SECOND_MS,
                        FIRN_DURABILITY_DEFAULT, &err));
}

static void
put_big(struct firn_db_keyspace *keyspace)
{
    firn_error err;
    uint8_t *value = fi_alloc(BIG);
    assert_non_null(value);
    for (size_t i = 0; i < BIG; i++) {
        value[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    DB_OK(fi_db_put(keyspace, firn_str("big"), firn_bytes(value, BIG), FIRN_DURABILITY_DEFAULT,
                    &err));
    fi_free(value);
}

/* All kinds of entries, over runs and the log; then the checkpoint "it", number 2; then changes. The
 * clock is set. */
static struct firn_db *
make_source(struct fi_os *os, struct fi_os_dir *dir)
{
    firn_error err;
    struct firn_db *db;
    fi_sim_memory_set_time(os, BEGIN_NS);
    DB_OK(fi_db_open(dir, &small, &db, &err));
    struct firn_db_keyspace *k = db_support_keyspace(db, "k");
    struct firn_db_keyspace *t = db_support_keyspace(db, "times");
    db_support_put(db_support_keyspace(db, "gone"), "x", "1");
    db_support_put(db_support_keyspace(db, "firn.own"), "s", "3");
    (void)db_support_keyspace(db, "nothing");
    for (char c = 'a'; c <= 'f'; c++) {
        db_support_put(k, (char[]){c, 0}, "old");
    }
    put_ttl(t, "soon", "1", 10);
    put_ttl(t, "later", "2", 100);
    put_ttl(t, "mixed", "3", 100);
    put_ttl(t, "list", "4", 100);
    merge(t, "mixed", FIRN_MERGE_ADD, 5);
    DB_OK(fi_db_checkpoint_create(db, "first", NULL, &err));
    DB_OK(fi_db_maintain_flush(db, &err));
    put_big(k);
    db_support_put(k, "", "of the empty key");
    db_support_put(k, "b", "");
    DB_OK(fi_db_delete(k, firn_str("a"), FIRN_DURABILITY_DEFAULT, &err));
    DB_OK(fi_db_delete_range(k, firn_str("d"), firn_str("f"), FIRN_DURABILITY_DEFAULT, &err));
    merge(k, "sum", FIRN_MERGE_ADD, 40);
    merge(k, "sum", FIRN_MERGE_ADD, 2);
    merge(t, "list", FIRN_MERGE_APPEND, 0);
    merge(t, "list", FIRN_MERGE_APPEND, 0);
    merge(t, "mixed", FIRN_MERGE_MAX, 7);
    DB_OK(fi_db_keyspace_drop(db, "gone", &err));
    fi_sim_memory_set_time(os, BEGIN_NS + 20 * SECOND_NS);
    DB_OK(fi_db_checkpoint_create(db, "it", NULL, &err));
    db_support_put(k, "c", "new");
    db_support_put(t, "later", "new");
    db_support_put(db_support_keyspace(db, "younger"), "x", "1");
    DB_OK(fi_db_keyspace_drop(db, "nothing", &err));
    return db;
}

static int64_t
number_of(struct firn_db_keyspace *keyspace, const char *key)
{
    firn_error err;
    struct fi_buf value = {0};
    DB_OK(fi_db_get(keyspace, firn_str(key), &value, &err));
    int64_t number = firn_number_of(value.data, value.size);
    fi_buf_deinit(&value);
    return number;
}

static int
count_name(void *ctx, const char *name)
{
    (void)name;
    ++*(unsigned *)ctx;
    return FIRN_OK;
}

static void
assert_big(struct firn_db_keyspace *keyspace)
{
    firn_error err;
    struct fi_buf value = {0};
    DB_OK(fi_db_get(keyspace, firn_str("big"), &value, &err));
    assert_int_equal(value.size, BIG);
    for (size_t i = 0; i < BIG; i += 997) {
        assert_int_equal(value.data[i], (uint8_t)(i * 2654435761u >> 13));
    }
    fi_buf_deinit(&value);
}

/* What does not change with time. */
static void
assert_data(struct firn_db *db)
{
    firn_error err;
    unsigned names = 0;
    struct firn_db_keyspace *k = db_support_keyspace(db, "k");
    assert_string_equal(db_support_keys(k, NULL, false), " b big c f sum ");
    assert_string_equal(db_support_get(k, ""), "of the empty key");
    assert_string_equal(db_support_get(k, "b"), "");
    assert_string_equal(db_support_get(k, "c"), "old");
    assert_true(number_of(k, "sum") == 42);
    assert_big(k);
    assert_string_equal(db_support_keys(db_support_keyspace(db, "nothing"), NULL, false), "");
    DB_OK(fi_db_keyspace_list(db, count_name, &names, &err));
    assert_int_equal(names, 3);
}

/* What is there as long as the clock stands before all ends; "soon" has ended. */
static void
assert_times(struct firn_db *db)
{
    struct firn_db_keyspace *t = db_support_keyspace(db, "times");
    assert_string_equal(db_support_keys(t, NULL, false), "later list mixed ");
    assert_string_equal(db_support_get(t, "later"), "2");
    assert_string_equal(db_support_get(t, "list"), "4++");
    assert_true(number_of(t, "mixed") == 7);
}

/* What is left when all has ended: what was merged upon it. */
static void
assert_rest(struct firn_db *db)
{
    struct firn_db_keyspace *t = db_support_keyspace(db, "times");
    assert_string_equal(db_support_keys(t, NULL, false), "list mixed ");
    assert_string_equal(db_support_get(t, "list"), "++");
    assert_true(number_of(t, "mixed") == 7);
}

static int
keep(void *ctx, const struct fi_db_checkpoint_info *info)
{
    struct fi_db_checkpoint_info *found = ctx;
    assert_int_equal(found->number, 0);
    *found = *info;
    return FIRN_OK;
}

/* The one checkpoint that there is. */
static struct fi_db_checkpoint_info
only_checkpoint(struct firn_db *db)
{
    firn_error err;
    struct fi_db_checkpoint_info found = {0};
    const struct fi_db_checkpoint_visitor visitor = {true, keep, &found};
    DB_OK(fi_db_checkpoint_list(db, &visitor, &err));
    return found;
}

/* ---- short forms ---- */

static int
export_to(struct firn_db *db, struct fi_os *os, const char *reference, const char *path,
          firn_error *err)
{
    const struct fi_copy_export_target target = {.os = os, .path = path};
    struct fi_storefile_progress progress = {.os = os};
    return fi_copy_export(db, reference, &target, &progress, err);
}

static int
import_to(struct fi_os *os, const char *file, const char *path, struct fi_db_checkpoint_info *out,
          firn_error *err)
{
    struct fi_storefile_progress progress = {.os = os};
    return fi_copy_import(os, file, path, NULL, &progress, out, err);
}

static struct firn_db *
open_path(struct fi_os *os, const char *path, const struct fi_db_options *options)
{
    firn_error err;
    struct firn_db *db;
    DB_OK(fi_db_path_open(os, path, options, &db, &err));
    return db;
}

static struct fi_os_dir *
open_root(struct fi_os *os)
{
    firn_error err;
    struct fi_os_dir *root;
    DB_OK(fi_os_dir_open_path(os, "/", &root, &err));
    return root;
}

/* Nothing is left in the root but the store and what is named. */
static int
refuse_other(void *ctx, const struct fi_os_dirent *entry)
{
    bool is_known = strcmp(entry->name, "store") == 0 || strcmp(entry->name, ctx) == 0;
    assert_true(is_known);
    return FIRN_OK;
}

static void
assert_clean(struct fi_os *os, const char *name)
{
    firn_error err;
    char copy[64];
    struct fi_os_dir *root = open_root(os);
    (void)snprintf(copy, sizeof copy, "%s", name);
    DB_OK(fi_os_dir_list(root, refuse_other, copy, &err));
    fi_os_dir_close(root);
}

/* ---- tests ---- */

static void
a_file_has_what_the_checkpoint_has(void **state)
{
    firn_error err;
    struct db_support support;
    struct fi_db_checkpoint_info source;
    firn_store_check_result report;
    db_support_init(&support, 1);
    struct firn_db *db = make_source(support.os, support.dir);
    DB_OK(fi_db_checkpoint_find(db, "it", &source, &err));
    DB_OK(export_to(db, support.os, "it", "/it.firnx", &err));
    assert_clean(support.os, "it.firnx");
    DB_OK(fi_db_close(db, &err));
    /* Long after all has ended: time stands still in the file. */
    fi_sim_memory_set_time(support.os, BEGIN_NS + 1000 * SECOND_NS);
    db = open_path(support.os, "/it.firnx", &read_only);
    assert_data(db);
    assert_times(db);
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    assert_int_equal(report.entries, 9);
    struct fi_db_checkpoint_info found = only_checkpoint(db);
    assert_memory_equal(found.id, source.id, sizeof found.id);
    assert_int_equal(found.number, 2);
    assert_true(found.created_ns == source.created_ns);
    assert_string_equal(found.name, "it");
    struct firn_snapshot *snapshot;
    struct fi_buf value = {0};
    DB_OK(fi_db_checkpoint_snapshot(db, "it", &snapshot, &err));
    DB_OK(fi_db_get_at(db_support_keyspace(db, "times"), snapshot, firn_str("list"), &value, &err));
    assert_int_equal(value.size, 3);
    fi_buf_deinit(&value);
    fi_db_snapshot_close(snapshot);
    DB_OK(fi_db_refresh(db, &err));
    assert_data(db);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
an_import_is_a_store_like_any_other(void **state)
{
    firn_error err;
    struct db_support support;
    struct fi_db_checkpoint_info info;
    struct fi_db_checkpoint_info safety;
    db_support_init(&support, 2);
    struct firn_db *source = make_source(support.os, support.dir);
    DB_OK(export_to(source, support.os, "it", "/it.firnx", &err));
    fi_sim_memory_set_time(support.os, BEGIN_NS + 30 * SECOND_NS);
    DB_OK(import_to(support.os, "/it.firnx", "/copy", &info, &err));
    assert_string_equal(info.name, "it");
    assert_int_equal(info.number, 2);
    struct firn_db *db = open_path(support.os, "/copy", &small);
    assert_memory_not_equal(fi_db_id(db), fi_db_id(source), 16);
    assert_data(db);
    assert_times(db);
    /* It goes on from there: time, numbers, data. */
    fi_sim_memory_set_time(support.os, BEGIN_NS + 1000 * SECOND_NS);
    assert_rest(db);
    db_support_put(db_support_keyspace(db, "k"), "c", "newer");
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
    DB_OK(fi_db_checkpoint_create(db, "next", &info, &err));
    assert_int_equal(info.number, 3);
    DB_OK(fi_db_checkpoint_restore(db, "it", &info, &safety, &err));
    assert_data(db);
    DB_OK(fi_db_close(db, &err));
    db = open_path(support.os, "/copy", &small);
    assert_data(db);
    assert_rest(db);
    DB_OK(fi_db_checkpoint_undo(db, &info, &safety, &err));
    assert_string_equal(db_support_get(db_support_keyspace(db, "k"), "c"), "newer");
    DB_FAILS(import_to(support.os, "/it.firnx", "/copy", &info, &err), FIRN_EXISTS, "already");
    DB_OK(fi_db_close(db, &err));
    DB_OK(fi_db_close(source, &err));
    db_support_deinit(&support);
}

static void
the_present_state_and_safety_checkpoints_are_exported_too(void **state)
{
    firn_error err;
    struct db_support support;
    struct fi_db_checkpoint_info restored;
    struct fi_db_checkpoint_info safety;
    char id[FI_DB_CHECKPOINT_NAME_ID_SIZE];
    db_support_init(&support, 3);
    struct firn_db *db = make_source(support.os, support.dir);
    DB_OK(export_to(db, support.os, NULL, "/now", &err));
    DB_OK(fi_db_checkpoint_restore(db, "it", &restored, &safety, &err));
    fi_db_checkpoint_name_of_id(safety.id, id);
    DB_OK(export_to(db, support.os, id, "/safety", &err));
    DB_OK(export_to(db, support.os, NULL, "/restored", &err));
    DB_OK(fi_db_close(db, &err));
    static const char *const paths[] = {"/now", "/safety"};
    for (size_t i = 0; i < 2; i++) {
        db = open_path(support.os, paths[i], &read_only);
        assert_string_equal(db_support_get(db_support_keyspace(db, "k"), "c"), "new");
        assert_string_equal(db_support_get(db_support_keyspace(db, "younger"), "x"), "1");
        struct fi_db_checkpoint_info found = only_checkpoint(db);
        assert_int_equal(found.number, 1);
        assert_false(found.is_safety);
        assert_int_equal(memcmp(found.id, safety.id, sizeof found.id) == 0, i == 1);
        DB_OK(fi_db_close(db, &err));
    }
    db = open_path(support.os, "/restored", &read_only);
    assert_data(db);
    /* From a file into another one. */
    DB_OK(export_to(db, support.os, "latest", "/again", &err));
    DB_OK(fi_db_close(db, &err));
    db = open_path(support.os, "/again", &read_only);
    assert_data(db);
    assert_times(db);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
nothing_is_written_into_a_file(void **state)
{
    firn_error err;
    struct db_support support;
    struct firn_db *opened;
    struct fi_db_checkpoint_info info;
    static const struct fi_db_options forms[] = {{.create_if_missing = true}, {0}};
    db_support_init(&support, 4);
    struct firn_db *db = make_source(support.os, support.dir);
    DB_OK(export_to(db, support.os, "it", "/it.firnx", &err));
    for (size_t i = 0; i < 2; i++) {
        DB_FAILS(fi_db_path_open(support.os, "/it.firnx", &forms[i], &opened, &err), FIRN_READ_ONLY,
                 "imported");
    }
    DB_FAILS(export_to(db, support.os, "it", "/it.firnx", &err), FIRN_EXISTS, "already");
    DB_FAILS(export_to(db, support.os, "it", "/nowhere/it", &err), FIRN_NOT_FOUND, "nowhere");
    DB_FAILS(export_to(db, support.os, "missing", "/other", &err), FIRN_NOT_FOUND, "missing");
    const struct fi_copy_export_target onto_store = {
        .os = support.os, .path = "/store", .replace_existing = true};
    const struct fi_copy_export_target onto_file = {
        .os = support.os, .path = "/it.firnx", .replace_existing = true};
    struct fi_storefile_progress progress = {.os = support.os};
    DB_FAILS(fi_copy_export(db, "it", &onto_store, &progress, &err), FIRN_INVALID, "not a file");
    struct firn_db *reader = open_path(support.os, "/it.firnx", &read_only);
    DB_OK(fi_copy_export(db, NULL, &onto_file, &progress, &err));
    /* Who has the old one open reads on. */
    assert_data(reader);
    DB_FAILS(fi_db_put(db_support_keyspace(reader, "k"), firn_str("a"), firn_str("b"),
                       FIRN_DURABILITY_DEFAULT, &err),
             FIRN_READ_ONLY, "");
    DB_FAILS(fi_db_checkpoint_create(reader, "x", &info, &err), FIRN_READ_ONLY, "");
    DB_FAILS(import_to(support.os, "/it.firnx", "/store", &info, &err), FIRN_EXISTS, "already");
    DB_FAILS(import_to(support.os, "/store", "/copy", &info, &err), FIRN_INVALID, "store");
    DB_OK(fi_db_close(reader, &err));
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

struct cancelling {
    unsigned calls;
    unsigned at;
    char phases[64];
};

static int
cancel(void *ctx, const firn_progress *progress)
{
    struct cancelling *cancelling = ctx;
    cancelling->calls++;
    (void)snprintf(cancelling->phases + strlen(cancelling->phases),
                   sizeof cancelling->phases - strlen(cancelling->phases), "%c",
                   progress->phase[0]);
    return cancelling->calls == cancelling->at ? FIRN_BUSY : FIRN_OK;
}

static void
progress_is_told_and_can_cancel(void **state)
{
    firn_error err;
    struct db_support support;
    struct fi_db_checkpoint_info info;
    db_support_init(&support, 5);
    struct firn_db *db = make_source(support.os, support.dir);
    struct cancelling cancelling = {0};
    struct fi_storefile_progress progress = {
        .on_progress = cancel, .ctx = &cancelling, .os = support.os};
    const struct fi_copy_export_target target = {
        .os = support.os, .path = "/it.firnx", .replace_existing = false};
    for (cancelling.at = 1; cancelling.at <= 2; cancelling.at++) {
        cancelling.calls = 0;
        DB_FAILS(fi_copy_export(db, "it", &target, &progress, &err), FIRN_CANCELLED, "cancelled");
        assert_clean(support.os, "");
    }
    cancelling = (struct cancelling){0};
    DB_OK(fi_copy_export(db, "it", &target, &progress, &err));
    assert_string_equal(cancelling.phases, "rw");
    cancelling = (struct cancelling){.at = 1};
    DB_FAILS(fi_copy_import(support.os, "/it.firnx", "/copy", NULL, &progress, &info, &err),
             FIRN_CANCELLED, "cancelled");
    cancelling = (struct cancelling){0};
    DB_OK(fi_copy_import(support.os, "/it.firnx", "/copy", NULL, &progress, &info, &err));
    assert_string_equal(cancelling.phases, "w");
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

static void
what_a_dead_process_left_is_removed(void **state)
{
    firn_error err;
    struct db_support support;
    struct fi_os_dir *left;
    struct fi_os_dir *inner;
    struct fi_os_file *file;
    struct fi_os_file *lock;
    db_support_init(&support, 6);
    struct firn_db *db = make_source(support.os, support.dir);
    struct fi_os_dir *root = open_root(support.os);
    static const char *const names[] = {".firn-export-0000000000000001.tmp",
                                        ".firn-export-0000000000000002.tmp"};
    for (size_t i = 0; i < 2; i++) {
        DB_OK(fi_os_make_dir(root, names[i], 0700, &err));
        DB_OK(fi_os_dir_open(root, names[i], &left, &err));
        DB_OK(fi_os_make_dir(left, "store", 0700, &err));
        DB_OK(fi_os_dir_open(left, "store", &inner, &err));
        DB_OK(fi_os_file_open(inner, "x", FI_OS_WRITE | FI_OS_CREATE, 0600, &file, &err));
        fi_os_file_close(file);
        fi_os_dir_close(inner);
        if (i == 1) {
            DB_OK(fi_os_file_open(left, "LOCK", FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE, 0600,
                                  &lock, &err));
            DB_OK(fi_os_file_lock(lock, FI_OS_LOCK_EXCLUSIVE, &err));
        }
        fi_os_dir_close(left);
    }
    DB_OK(export_to(db, support.os, "it", "/it.firnx", &err));
    struct fi_os_stat stat;
    assert_int_equal(fi_os_stat(root, names[0], &stat, &err), FIRN_NOT_FOUND);
    /* Somebody is at work in the other one. */
    DB_OK(fi_os_stat(root, names[1], &stat, &err));
    fi_os_file_close(lock);
    fi_os_dir_close(root);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* Somebody who takes the directory of an export for an abandoned one at any moment before it is
 * locked, and is done with it at once. */
struct remover {
    struct fi_os *os;
    uint64_t at; /* which call */
    unsigned removed;
};

static int
find_scratch(void *ctx, const struct fi_os_dirent *entry)
{
    if (strncmp(entry->name, ".firn-export-", 13) == 0) {
        memcpy(ctx, entry->name, entry->name_size + 1);
    }
    return FIRN_OK;
}

static void
remove_scratch(void *ctx, const struct fi_sim_fault_call *call)
{
    struct remover *remover = ctx;
    firn_error err;
    char name[256] = "";
    struct fi_os_dir *dir;
    struct fi_os_file *lock;
    if (call->number != remover->at) {
        return;
    }
    struct fi_os_dir *root = open_root(remover->os);
    DB_OK(fi_os_dir_list(root, find_scratch, name, &err));
    if (name[0] != '\0' && fi_os_dir_open(root, name, &dir, &err) == FIRN_OK) {
        DB_OK(fi_os_file_open(dir, "LOCK", FI_OS_READ | FI_OS_WRITE | FI_OS_CREATE, 0600, &lock,
                              &err));
        if (fi_os_file_lock(lock, FI_OS_LOCK_EXCLUSIVE, &err) == FIRN_OK) {
            DB_OK(fi_os_remove_file(dir, "LOCK", &err));
            DB_OK(fi_os_remove_dir(root, name, &err));
            remover->removed++;
        }
        fi_os_file_close(lock);
        fi_os_dir_close(dir);
    }
    fi_os_dir_close(root);
}

static void
an_export_lives_through_being_taken_for_an_abandoned_one(void **state)
{
    enum { CALLS = 40 };
    struct remover remover = {.removed = 0};
    for (uint64_t at = 1; at < CALLS; at++) {
        firn_error err;
        struct db_support support;
        struct fi_os *fault;
        struct firn_db *db;
        db_support_init(&support, at);
        DB_OK(fi_db_close(make_source(support.os, support.dir), &err));
        db = open_path(support.os, "/store", &read_only);
        DB_OK(fi_sim_fault_create(support.os, &fault, &err));
        remover.os = support.os;
        remover.at = at;
        fi_sim_fault_set_hook(fault, remove_scratch, &remover);
        DB_OK(export_to(db, fault, "it", "/it.firnx", &err));
        fi_sim_fault_set_hook(fault, NULL, NULL);
        assert_clean(support.os, "it.firnx");
        fi_sim_fault_destroy(fault);
        DB_OK(fi_db_close(db, &err));
        db_support_deinit(&support);
    }
    assert_true(remover.removed >= 3);
}

/* ---- crashes and failures ---- */

/* The source is well; the file is whole, or not there and can be made. */
static void
assert_whole_or_not_there(struct db_support *support)
{
    firn_error err;
    struct firn_db *db;
    struct firn_db *reader;
    DB_OK(fi_db_open(support->dir, &small, &db, &err));
    int rc = fi_db_path_open(support->os, "/it.firnx", &read_only, &reader, &err);
    if (rc != FIRN_OK) {
        assert_int_equal(rc, FIRN_NOT_FOUND);
        DB_OK(export_to(db, support->os, "it", "/it.firnx", &err));
        reader = open_path(support->os, "/it.firnx", &read_only);
    }
    assert_data(reader);
    assert_times(reader);
    DB_OK(fi_db_close(reader, &err));
    /* The next export clears away what was left. */
    const struct fi_copy_export_target target = {
        .os = support->os, .path = "/it.firnx", .replace_existing = true};
    struct fi_storefile_progress progress = {.os = support->os};
    DB_OK(fi_copy_export(db, "it", &target, &progress, &err));
    assert_clean(support->os, "it.firnx");
    DB_OK(fi_db_close(db, &err));
}

static void
every_power_cut_leaves_a_file_or_none(void **state)
{
    bool is_done = false;
    uint64_t calls = 1;
    for (; !is_done; calls++) {
        firn_error err;
        struct db_support support;
        db_support_init(&support, calls);
        struct firn_db *db = make_source(support.os, support.dir);
        DB_OK(fi_db_log_sync(db, &err));
        fi_sim_memory_set_cut_at(support.os, fi_sim_memory_calls(support.os) + calls);
        is_done = export_to(db, support.os, "it", "/it.firnx", &err) == FIRN_OK;
        fi_sim_memory_set_cut_at(support.os, 0);
        fi_db_abandon(db);
        db_support_cut(&support, is_done ? 0 : calls % 7);
        if (is_done) {
            struct firn_db *reader = open_path(support.os, "/it.firnx", &read_only);
            assert_data(reader);
            DB_OK(fi_db_close(reader, &err));
        }
        assert_whole_or_not_there(&support);
        db_support_deinit(&support);
    }
    (void)printf("count: %llu simulated power cuts\n", (unsigned long long)calls);
    assert_true(calls > 40);
}

static void
every_failed_allocation_leaves_a_file_or_none(void **state)
{
    struct test_fault fault = {.counts = true};
    while (test_fault_next(&fault)) {
        firn_error err;
        struct db_support support;
        db_support_init(&support, fault.n);
        struct firn_db *db = make_source(support.os, support.dir);
        test_fault_allocation(&fault);
        int rc = export_to(db, support.os, "it", "/it.firnx", &err);
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
        fi_db_abandon(db);
        assert_whole_or_not_there(&support);
        db_support_deinit(&support);
        fault.step = 1 + fault.n / 64;
    }
}

/* A machine whose n-th call fails, and the calls that one round makes. */
static void
fail_at(uint64_t n, bool for_ever, bool *out_done)
{
    firn_error err;
    struct db_support support;
    struct fi_os *fault;
    struct fi_db_checkpoint_info info;
    struct firn_db *db;
    db_support_init(&support, n);
    db = make_source(support.os, support.dir);
    DB_OK(fi_db_close(db, &err));
    DB_OK(fi_sim_fault_create(support.os, &fault, &err));
    const struct fi_sim_fault_plan plan = {
        .call = n, .for_ever = for_ever, .classes = FI_SIM_FAULT_ALL, .error_number = 5 /* EIO */};
    fi_sim_fault_set_plan(fault, &plan);
    int rc = fi_db_path_open(fault, "/store", &read_only, &db, &err);
    if (rc == FIRN_OK) {
        rc = export_to(db, fault, "it", "/it.firnx", &err);
        FI_IGNORE(fi_db_close(db, &err));
    }
    if (rc == FIRN_OK) {
        rc = import_to(fault, "/it.firnx", "/copy", &info, &err);
    }
    *out_done = fi_sim_fault_calls(fault) < n;
    assert_true(!*out_done || rc == FIRN_OK);
    fi_sim_fault_set_plan(fault, NULL);
    fi_sim_fault_destroy(fault);
    /* The copy is a store, or may be made one. */
    rc = fi_db_path_open(support.os, "/it.firnx", &read_only, &db, &err);
    assert_true(rc == FIRN_OK || rc == FIRN_NOT_FOUND);
    if (rc == FIRN_OK) {
        assert_data(db);
        DB_OK(fi_db_close(db, &err));
        rc = import_to(support.os, "/it.firnx", "/copy", &info, &err);
        assert_true(rc == FIRN_OK || rc == FIRN_EXISTS);
        db = open_path(support.os, "/copy", &small);
        assert_data(db);
        DB_OK(fi_db_close(db, &err));
    }
    db_support_deinit(&support);
}

static void
every_call_that_fails_leaves_all_or_nothing(void **state)
{
    for (int for_ever = 0; for_ever < 2; for_ever++) {
        bool is_done = false;
        const struct test_share share = test_share_of(1, (uint64_t)for_ever);
        for (uint64_t n = share.first; !is_done; n += share.step) {
            fail_at(n, for_ever, &is_done);
        }
    }
}

static void
every_power_cut_leaves_an_import_or_none(void **state)
{
    bool is_done = false;
    uint64_t calls = 1;
    for (; !is_done; calls++) {
        firn_error err;
        struct db_support support;
        struct fi_db_checkpoint_info info;
        db_support_init(&support, calls);
        struct firn_db *db = make_source(support.os, support.dir);
        DB_OK(export_to(db, support.os, "it", "/it.firnx", &err));
        DB_OK(fi_db_close(db, &err));
        fi_sim_memory_set_cut_at(support.os, fi_sim_memory_calls(support.os) + calls);
        is_done = import_to(support.os, "/it.firnx", "/copy", &info, &err) == FIRN_OK;
        fi_sim_memory_set_cut_at(support.os, 0);
        db_support_cut(&support, is_done ? 0 : calls % 7);
        int rc = import_to(support.os, "/it.firnx", "/copy", &info, &err);
        assert_true(is_done ? rc == FIRN_EXISTS : rc == FIRN_OK || rc == FIRN_EXISTS);
        db = open_path(support.os, "/copy", &small);
        assert_data(db);
        DB_OK(fi_db_close(db, &err));
        db_support_deinit(&support);
    }
    (void)printf("count: %llu simulated power cuts\n", (unsigned long long)calls);
    assert_true(calls > 10);
}

/* Leaves so much room on the disk. */
static void
set_room(struct fi_os *os, uint64_t room)
{
    enum { PLENTY = 1 << 30 };
    firn_error err;
    uint64_t before = 0;
    struct fi_os_dir *root = open_root(os);
    fi_sim_memory_set_space(os, PLENTY);
    DB_OK(fi_os_dir_free_bytes(root, &before, &err));
    fi_sim_memory_set_space(os, PLENTY - before + room);
    fi_os_dir_close(root);
}

static uint64_t
room_left(struct fi_os *os)
{
    firn_error err;
    uint64_t room = 0;
    struct fi_os_dir *root = open_root(os);
    /* What was removed takes up room until its removal is durable. */
    DB_OK(fi_os_dir_sync_filesystem(root, &err));
    DB_OK(fi_os_dir_free_bytes(root, &room, &err));
    fi_os_dir_close(root);
    return room;
}

static void
a_full_disk_leaves_no_trace(void **state)
{
    enum { STEP = 8 << 10, RESERVE = 4 << 10 };
    firn_error err;
    struct db_support support;
    struct fi_db_checkpoint_info info;
    unsigned refused = 0;
    int rc = FIRN_NO_SPACE;
    db_support_init(&support, 7);
    struct firn_db *db = make_source(support.os, support.dir);
    for (uint64_t room = STEP; rc == FIRN_NO_SPACE; room += STEP) {
        set_room(support.os, room);
        rc = export_to(db, support.os, "it", "/it.firnx", &err);
        assert_clean(support.os, rc == FIRN_OK ? "it.firnx" : "");
        assert_true(rc == FIRN_OK || room_left(support.os) == room);
        refused++;
    }
    DB_OK(rc);
    assert_true(refused > 3);
    rc = FIRN_NO_SPACE;
    for (uint64_t room = STEP; rc == FIRN_NO_SPACE; room += STEP) {
        set_room(support.os, room);
        rc = import_to(support.os, "/it.firnx", "/copy", &info, &err);
        assert_true(rc == FIRN_OK || room_left(support.os) + RESERVE >= room);
    }
    DB_OK(rc);
    DB_OK(fi_db_close(db, &err));
    db_support_deinit(&support);
}

/* ---- damage ---- */

/* Opens, reads and checks: FIRN_OK only if all of it is there. */
static int
use_all(struct fi_os *os, const char *path, firn_error *err)
{
    struct firn_db *db;
    firn_store_check_result report;
    int rc = fi_db_path_open(os, path, &read_only, &db, err);
    if (rc == FIRN_OK) {
        rc = fi_inspect_check(db, NULL, &report, err);
        if (rc == FIRN_OK) {
            assert_data(db);
            assert_times(db);
        }
        fi_db_abandon(db);
    }
    return rc;
}

static void
every_damaged_byte_is_found_at_the_opening(void **state)
{
    firn_error err;
    struct db_support support;
    struct fi_buf bytes = {0};
    struct fi_db_checkpoint_info info;
    uint64_t flips = 0;
    db_support_init(&support, 8);
    struct firn_db *db = make_source(support.os, support.dir);
    DB_OK(export_to(db, support.os, "it", "/it.firnx", &err));
    DB_OK(fi_db_close(db, &err));
    struct fi_os_dir *root = open_root(support.os);
    test_file_read(root, "it.firnx", &bytes);
    /* The big value is most of it: there one byte in some is enough. */
    for (size_t at = 0; at < bytes.size; at += at < 40960 || bytes.size - at < 40960 ? 37 : 4099) {
        bytes.data[at] ^= (uint8_t)(1u << at % 8);
        test_file_write(root, "bad", bytes.data, bytes.size);
        struct firn_db *opened;
        int rc = fi_db_path_open(support.os, "/bad", &db_support_read_only, &opened, &err);
        assert_true(rc == FIRN_CORRUPT || rc == FIRN_NEWER || (at < 8 && rc == FIRN_INVALID));
        assert_non_null(strstr(err.text, "bad"));
        rc = import_to(support.os, "/bad", "/copy", &info, &err);
        assert_true(rc == FIRN_CORRUPT || rc == FIRN_NEWER || (at < 8 && rc == FIRN_INVALID));
        bytes.data[at] ^= (uint8_t)(1u << at % 8);
        flips++;
    }
    (void)printf("count: %llu damaged bytes found\n", (unsigned long long)flips);
    fi_os_dir_close(root);
    fi_buf_deinit(&bytes);
    db_support_deinit(&support);
}

static void
a_file_that_was_cut_off_or_grew_is_refused(void **state)
{
    firn_error err;
    struct db_support support;
    struct fi_buf bytes = {0};
    db_support_init(&support, 9);
    struct firn_db *db = make_source(support.os, support.dir);
    DB_OK(export_to(db, support.os, "it", "/it.firnx", &err));
    DB_OK(fi_db_close(db, &err));
    struct fi_os_dir *root = open_root(support.os);
    test_file_read(root, "it.firnx", &bytes);
    for (size_t size = 0; size < bytes.size; size += size < 200 ? 1 : 1013) {
        test_file_write(root, "bad", bytes.data, size);
        assert_int_equal(use_all(support.os, "/bad", &err),
                         size == 0 ? FIRN_INVALID : FIRN_CORRUPT);
        assert_non_null(strstr(err.text, "/bad"));
    }
    assert_int_equal(fi_buf_append_u8(&bytes, 0), FIRN_OK);
    test_file_write(root, "bad", bytes.data, bytes.size);
    assert_int_equal(use_all(support.os, "/bad", &err), FIRN_CORRUPT);
    test_file_write(root, "bad", "some other file", 15);
    assert_int_equal(use_all(support.os, "/bad", &err), FIRN_INVALID);
    fi_os_dir_close(root);
    fi_buf_deinit(&bytes);
    db_support_deinit(&support);
}

/* ---- more than fits ---- */

static void
large_checkpoints_are_exported_in_order_and_read_again(void **state)
{
    enum { COUNT = 40000, VALUE = 100 };
    firn_error err;
    struct db_support_disk disk;
    struct firn_db *db;
    struct test_random random;
    struct firn_db_batch *batch;
    char path[96];
    char file[96];
    uint8_t value[VALUE];
    uint64_t sum = 0;
    test_random_init(&random, "db_export", 1);
    db_support_disk_init(&disk);
    (void)snprintf(path, sizeof path, "%s/store", disk.path);
    (void)snprintf(file, sizeof file, "%s/file", disk.path);
    DB_OK(fi_db_path_open(fi_os_default(), path, &small, &db, &err));
    struct firn_db_keyspace *k = db_support_keyspace(db, "k");
    DB_OK(fi_db_batch_create(&batch, &err));
    for (uint32_t i = 0; i < COUNT; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "%08x", i * 2654435761u);
        memset(value, (int)test_random_below(&random, 256), sizeof value);
        sum += value[0];
        DB_OK(fi_db_batch_put(batch, k, firn_str(key), firn_bytes(value, sizeof value), &err));
        if (i % 1000 == 999) {
            DB_OK(fi_db_write(db, batch, FIRN_DURABILITY_OS, &err));
            fi_db_batch_clear(batch);
        }
    }
    fi_db_batch_destroy(batch);
    DB_OK(fi_db_checkpoint_create(db, "all", NULL, &err));
    DB_OK(fi_db_delete_range(k, firn_str("4"), firn_str("c"), FIRN_DURABILITY_OS, &err));
    DB_OK(export_to(db, fi_os_default(), "all", file, &err));
    DB_OK(fi_db_close(db, &err));
    DB_OK(fi_db_path_open(fi_os_default(), file, &read_only, &db, &err));
    struct firn_db_cursor *cursor;
    uint64_t count = 0;
    DB_OK(fi_db_cursor_open(db_support_keyspace(db, "k"), NULL, &cursor, &err));
    for (DB_OK(fi_db_cursor_first(cursor, &err)); fi_db_cursor_valid(cursor);) {
        sum -= fi_db_cursor_value(cursor).data[0];
        count++;
        DB_OK(fi_db_cursor_next(cursor, &err));
    }
    fi_db_cursor_close(cursor);
    assert_int_equal(count, COUNT);
    assert_true(sum == 0);
    DB_OK(fi_db_close(db, &err));
    db_support_disk_deinit(&disk);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_has_what_the_checkpoint_has),
        cmocka_unit_test(an_import_is_a_store_like_any_other),
        cmocka_unit_test(the_present_state_and_safety_checkpoints_are_exported_too),
        cmocka_unit_test(nothing_is_written_into_a_file),
        cmocka_unit_test(progress_is_told_and_can_cancel),
        cmocka_unit_test(what_a_dead_process_left_is_removed),
        cmocka_unit_test(an_export_lives_through_being_taken_for_an_abandoned_one),
        cmocka_unit_test(every_power_cut_leaves_a_file_or_none),
        cmocka_unit_test(every_failed_allocation_leaves_a_file_or_none),
        cmocka_unit_test(every_call_that_fails_leaves_all_or_nothing),
        cmocka_unit_test(every_power_cut_leaves_an_import_or_none),
        cmocka_unit_test(a_full_disk_leaves_no_trace),
        cmocka_unit_test(every_damaged_byte_is_found_at_the_opening),
        cmocka_unit_test(a_file_that_was_cut_off_or_grew_is_refused),
        cmocka_unit_test(large_checkpoints_are_exported_in_order_and_read_again),
    };
    return cmocka_run_group_tests_name("db_export", tests, NULL, NULL);
}
