/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/api: a child of fork and the handles of its parent. Every public function that takes a handle is
 * called in the child: each refuses, and nothing of the parent's changes. The tables below are compared
 * with src/exports.list, so that a new function cannot be left out.
 */
#include <fcntl.h>
#include <ftw.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "firn/arrow.h"
#include "firn/firn.h"
#include "support/test.h"
#include "support/test_temp.h"

static firn_error err;

#define OK(expression) assert_int_equal((expression), FIRN_OK)

/* ---- what the parent has open ---- */

static char root[64]; /* of everything */

static struct {
    firn_store *store;
    firn_store *reader;
    firn_store *memory;
    firn_keyspace *keyspace;
    firn_snapshot *snapshot;
    firn_cursor *cursor;
    firn_pin *pin;
    firn_batch *batch;
    firn_batch *batch_behind;
    firn_txn *txn;
    firn_bulk *bulk;
    firn_pack_writer *pack_writer;
    firn_pack *pack;
    firn_chkp_writer *chkp_writer;
    firn_chkp *chkp;
    firn_chkp_set *chkp_set;
    firn_alxs_writer *alxs_writer;
    firn_alxs *alxs;
    firn_alxs_cursor *alxs_cursor;
    firn_workspace *workspace;
    firn_workspace_reader *workspace_reader;
    firn_table *table;
    firn_table_cursor *table_cursor;
    firn_scan *scan;
    firn_table_bulk *table_bulk;
    firn_table_diff *table_diff;
    firn_row *row;
} opened;

static const char *
at(const char *name)
{
    static char paths[8][128];
    static unsigned next;
    char *path = paths[next++ % 8];
    (void)snprintf(path, sizeof paths[0], "%s/%s", root, name);
    return path;
}

static firn_hash object;

static void
open_packs(void)
{
    static char name[64];
    const firn_chkp_options chkp_options = FIRN_CHKP_OPTIONS_INIT;
    const firn_chkp_set_options set_options = FIRN_CHKP_SET_OPTIONS_INIT;
    const char *names[] = {name};
    assert_int_equal(mkdir(at("chkp"), 0700), 0);
    OK(firn_pack_writer_create(at("a.pack"), &opened.pack_writer, &err));
    OK(firn_pack_writer_add(opened.pack_writer, firn_str("object"), &object, NULL, &err));
    OK(firn_pack_writer_finish(opened.pack_writer, &err));
    firn_pack_writer_destroy(opened.pack_writer);
    OK(firn_pack_open(at("a.pack"), &opened.pack, &err));
    OK(firn_pack_writer_create(at("b.pack"), &opened.pack_writer, &err));
    OK(firn_chkp_writer_create(at("chkp"), &opened.chkp_writer, &err));
    OK(firn_chkp_writer_add(opened.chkp_writer, firn_str("object"), NULL, NULL, &err));
    OK(firn_chkp_writer_finish(opened.chkp_writer, name, &err));
    firn_chkp_writer_destroy(opened.chkp_writer);
    OK(firn_chkp_open(at("chkp"), name, &chkp_options, &opened.chkp, &err));
    OK(firn_chkp_set_open(at("chkp"), names, 1, &set_options, &opened.chkp_set, &err));
    OK(firn_chkp_writer_create(at("chkp"), &opened.chkp_writer, &err));
}

static void
open_tables(void)
{
    OK(firn_alxs_writer_create(at("a.alxs"), NULL, &opened.alxs_writer, &err));
    OK(firn_alxs_writer_append(opened.alxs_writer, firn_str("k"), firn_str("v"), &err));
    OK(firn_alxs_writer_finish(opened.alxs_writer, NULL, &err));
    firn_alxs_writer_destroy(opened.alxs_writer);
    OK(firn_alxs_open(at("a.alxs"), NULL, &opened.alxs, &err));
    OK(firn_alxs_cursor_open(opened.alxs, &opened.alxs_cursor, &err));
    OK(firn_alxs_cursor_first(opened.alxs_cursor, &err));
    OK(firn_alxs_writer_create(at("b.alxs"), NULL, &opened.alxs_writer, &err));
}

static void
open_store(void)
{
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    firn_keyspace *loaded;
    firn_slice pinned;
    firn_table_def *def;
    firn_table *table_loaded;
    const firn_value values[] = {firn_i64(1), firn_text("one")};
    options.memory_bytes = 1 << 20;
    OK(firn_store_open(at("store"), &options, &opened.store, &err));
    OK(firn_store_open_memory(1 << 24, NULL, &opened.memory, &err));
    OK(firn_keyspace_open(opened.store, "k", NULL, &opened.keyspace, &err));
    OK(firn_keyspace_open(opened.store, "loaded", NULL, &loaded, &err));
    for (unsigned i = 0; i < 10; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "k%03u", i);
        OK(firn_put(opened.keyspace, firn_str(key), firn_str("value"), NULL, &err));
    }
    OK(firn_table_def_parse("k i64 primary key, v text, index i (v)", &def, &err));
    OK(firn_table_create(opened.store, "t", def, &opened.table, &err));
    OK(firn_table_create(opened.memory, "loaded", def, &table_loaded, &err));
    OK(firn_table_bulk_open(table_loaded, NULL, &opened.table_bulk, &err));
    OK(firn_table_bulk_put(opened.table_bulk, values, 2, &err));
    firn_release(def);
    OK(firn_table_insert(opened.table, NULL, values, 2, &err));
    OK(firn_table_cursor_open(opened.table, NULL, &opened.table_cursor, &err));
    OK(firn_scan_open(opened.table, NULL, &opened.scan, &err));
    OK(firn_table_diff_open(opened.store, "t", NULL, &opened.table_diff, &err));
    OK(firn_row_create(&opened.row, &err));
    OK(firn_store_checkpoint_create(opened.store, "one", NULL, NULL, &err));
    OK(firn_snapshot_open(opened.store, NULL, &opened.snapshot, &err));
    OK(firn_cursor_open(opened.keyspace, NULL, &opened.cursor, &err));
    OK(firn_cursor_first(opened.cursor, &err));
    OK(firn_get_pinned(opened.keyspace, NULL, firn_str("k001"), &opened.pin, &pinned, &err));
    OK(firn_batch_create(&opened.batch, &err));
    OK(firn_batch_create(&opened.batch_behind, &err));
    OK(firn_batch_put(opened.batch, opened.keyspace, firn_str("b"), firn_str("v"), &err));
    OK(firn_txn_begin(opened.store, NULL, &opened.txn, &err));
    OK(firn_txn_put(opened.txn, opened.keyspace, firn_str("t"), firn_str("v"), &err));
    OK(firn_bulk_open(loaded, NULL, &opened.bulk, &err));
    OK(firn_bulk_put(opened.bulk, firn_str("l"), firn_str("v"), &err));
    options.read_only = true;
    OK(firn_store_open(at("store"), &options, &opened.reader, &err));
}

static void
open_workspace(void)
{
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    options.store_path = at("history");
    assert_int_equal(mkdir(at("work"), 0700), 0);
    assert_int_equal(setenv("HOME", root, 1), 0);
    OK(firn_workspace_open(at("work"), &options, &opened.workspace, &err));
    OK(firn_workspace_save(opened.workspace, NULL, NULL, &err));
    OK(firn_workspace_reader_open(opened.workspace, &opened.workspace_reader, &err));
}

static int
setup(void **state)
{
    test_temp_make(root, sizeof root);
    open_packs();
    open_tables();
    open_store();
    open_workspace();
    return 0;
}

static int
remove_one(const char *path, const struct stat *stat, int kind, struct FTW *place)
{
    (void)stat;
    (void)kind;
    (void)place;
    return remove(path);
}

/* The parent's own handles work after whatever its children did. */
static int
teardown(void **state)
{
    uint8_t *value;
    size_t size;
    firn_bulk_close(opened.bulk);
    OK(firn_table_bulk_commit(opened.table_bulk, &err));
    firn_table_bulk_close(opened.table_bulk);
    OK(firn_txn_commit(opened.txn, NULL, &err));
    firn_txn_close(opened.txn);
    OK(firn_store_write(opened.store, opened.batch, NULL, &err));
    firn_batch_destroy(opened.batch);
    firn_batch_destroy(opened.batch_behind);
    firn_cursor_close(opened.cursor);
    firn_table_cursor_close(opened.table_cursor);
    firn_scan_close(opened.scan);
    firn_table_diff_close(opened.table_diff);
    firn_row_destroy(opened.row);
    firn_pin_release(opened.pin);
    firn_snapshot_close(opened.snapshot);
    OK(firn_store_refresh(opened.reader, &err));
    OK(firn_store_close(opened.reader, &err));
    OK(firn_store_close(opened.memory, &err));
    OK(firn_store_close(opened.store, &err));
    OK(firn_store_open(at("store"), NULL, &opened.store, &err));
    OK(firn_store_check(opened.store, NULL, NULL, &err));
    OK(firn_keyspace_open(opened.store, "k", NULL, &opened.keyspace, &err));
    OK(firn_get(opened.keyspace, firn_str("k009"), &value, &size, &err));
    firn_release(value);
    OK(firn_get(opened.keyspace, firn_str("t"), &value, &size, &err));
    firn_release(value);
    OK(firn_store_close(opened.store, &err));
    firn_alxs_cursor_close(opened.alxs_cursor);
    firn_alxs_close(opened.alxs);
    firn_alxs_writer_destroy(opened.alxs_writer);
    firn_chkp_set_close(opened.chkp_set);
    firn_chkp_close(opened.chkp);
    firn_chkp_writer_destroy(opened.chkp_writer);
    firn_pack_close(opened.pack);
    OK(firn_pack_writer_add(opened.pack_writer, firn_str("object"), NULL, NULL, &err));
    OK(firn_pack_writer_finish(opened.pack_writer, &err));
    firn_pack_writer_destroy(opened.pack_writer);
    firn_workspace_reader_close(opened.workspace_reader);
    OK(firn_workspace_save(opened.workspace, NULL, NULL, &err));
    firn_workspace_close(opened.workspace);
    return nftw(root, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- every function ---- */

static void *out;
static size_t size;
static uint64_t number;
static bool flag;
static int fd;
static firn_hash hash;
static char text[256];
static firn_keyspace *keyspace_out;
static firn_slice slice_out;
static uint8_t *value;
static const firn_slice k = {(const uint8_t *)"key", 3};
static const char *const references[] = {"1"};
static const firn_value number_one = {.type = FIRN_TYPE_I64, .as = {.i64 = 1}};
static const firn_table_keys table_keys = {&number_one, 1, 1};
static int64_t row_struct;
static const firn_struct_member members[] = {{"k", 0, FIRN_TYPE_I64, FIRN_STRUCT_NEVER_NULL}};
static const firn_struct_layout layout = FIRN_STRUCT_LAYOUT(int64_t, members);
static const firn_row *row_out;
static const firn_row_difference *difference_out;
static firn_table *table_out;
static const float query = 1;
static firn_scan_column scan_column = FIRN_SCAN_COLUMN_INIT;
static firn_scan_stats scan_stats = FIRN_SCAN_STATS_INIT;
static struct ArrowArrayStream arrow_stream;
static void
release_stream(struct ArrowArrayStream *stream)
{
    stream->release = NULL;
}
static const firn_table_column column = {.name = "c", .type = FIRN_TYPE_I64};
static const char *const column_names[] = {"v"};
static const firn_table_index table_index = {"j", column_names, 1, false};
static const firn_vector_index vector_index = FIRN_VECTOR_INDEX_INIT;
static const firn_table_def def = FIRN_TABLE_DEF_INIT;
static const firn_slice paths[] = {{(const uint8_t *)"x", 1}};

static int
visit(void *ctx, const void *what)
{
    (void)ctx;
    (void)what;
    abort();
}

static int
work(void *ctx, firn_txn *txn, firn_error *error)
{
    (void)error;
    return visit(ctx, txn);
}

static int
source(void *ctx, void *buffer, size_t capacity, size_t *out_size, firn_error *error)
{
    (void)capacity;
    (void)out_size;
    (void)error;
    return visit(ctx, buffer);
}

static int
sink(void *ctx, firn_slice data, firn_error *error)
{
    (void)error;
    return visit(ctx, data.data);
}

static int
read_bytes(void *ctx, void *buffer, size_t capacity, size_t *out_size, firn_error *error)
{
    (void)ctx;
    (void)buffer;
    (void)capacity;
    (void)error;
    *out_size = 0;
    return FIRN_OK;
}

static int
write_bytes(void *ctx, firn_slice bytes, firn_error *error)
{
    (void)ctx;
    (void)bytes;
    (void)error;
    return FIRN_OK;
}

#define VISIT(...) ((int (*)(void *, __VA_ARGS__))(void (*)(void))visit)
#define OUT(type) ((type **)(void *)&out)

/* X(function, arguments but the error) */
#define REFUSING(X)                                                                                \
    X(firn_alxs_cursor_first, opened.alxs_cursor)                                                  \
    X(firn_alxs_cursor_last, opened.alxs_cursor)                                                   \
    X(firn_alxs_cursor_next, opened.alxs_cursor)                                                   \
    X(firn_alxs_cursor_open, opened.alxs, OUT(firn_alxs_cursor))                                   \
    X(firn_alxs_cursor_prev, opened.alxs_cursor)                                                   \
    X(firn_alxs_cursor_seek, opened.alxs_cursor, k)                                                \
    X(firn_alxs_cursor_seek_before, opened.alxs_cursor, k)                                         \
    X(firn_alxs_describe, opened.alxs, &(firn_alxs_info){.size = sizeof(firn_alxs_info)})          \
    X(firn_alxs_get, opened.alxs, k, &value, &size)                                                \
    X(firn_alxs_writer_append, opened.alxs_writer, k, k)                                           \
    X(firn_alxs_writer_finish, opened.alxs_writer, NULL)                                           \
    X(firn_keyspace_approximate_size, opened.keyspace, k, k,                                       \
      &(firn_keyspace_size){.size = sizeof(firn_keyspace_size)})                                   \
    X(firn_batch_append, opened.batch, opened.batch_behind)                                        \
    X(firn_batch_iterate, opened.batch, VISIT(const firn_batch_write *), NULL)                     \
    X(firn_keyspace_compact, opened.keyspace, k, k, NULL)                                          \
    X(firn_batch_delete, opened.batch, opened.keyspace, k)                                         \
    X(firn_batch_delete_range, opened.batch, opened.keyspace, k, k)                                \
    X(firn_batch_merge, opened.batch, opened.keyspace, k, FIRN_MERGE_APPEND, k)                    \
    X(firn_batch_put, opened.batch, opened.keyspace, k, k)                                         \
    X(firn_batch_put_ttl, opened.batch, opened.keyspace, k, k, 1)                                  \
    X(firn_bulk_commit, opened.bulk)                                                               \
    X(firn_bulk_open, opened.keyspace, NULL, OUT(firn_bulk))                                       \
    X(firn_bulk_put, opened.bulk, k, k)                                                            \
    X(firn_bulk_put_ttl, opened.bulk, k, k, 1)                                                     \
    X(firn_store_checkpoint_create, opened.store, NULL, NULL, NULL)                                \
    X(firn_store_checkpoint_delete, opened.store, references, 1)                                   \
    X(firn_store_diff, opened.store, "1", NULL, NULL, VISIT(const firn_store_difference *), NULL)  \
    X(firn_store_export, opened.store, "1", "/nowhere/file", NULL)                                 \
    X(firn_store_checkpoint_find, opened.store, "1",                                               \
      &(firn_store_checkpoint){.size = sizeof(firn_store_checkpoint)})                             \
    X(firn_store_checkpoint_list, opened.store, NULL, VISIT(const firn_store_checkpoint *), NULL)  \
    X(firn_store_restore, opened.store, "1", NULL)                                                 \
    X(firn_store_undo, opened.store, NULL)                                                         \
    X(firn_chkp_contains, opened.chkp, &hash, &flag)                                               \
    X(firn_chkp_list, opened.chkp, VISIT(const firn_chkp_entry *), NULL)                           \
    X(firn_chkp_locate, opened.chkp, &hash, &(firn_chkp_entry)FIRN_CHKP_ENTRY_INIT)                \
    X(firn_chkp_read, opened.chkp, &hash, SIZE_MAX, &value, &size)                                 \
    X(firn_chkp_set_contains, opened.chkp_set, &hash, &flag)                                       \
    X(firn_chkp_set_list, opened.chkp_set, VISIT(const char *, const firn_chkp_entry *), NULL)     \
    X(firn_chkp_set_locate, opened.chkp_set, &hash, &(firn_chkp_entry)FIRN_CHKP_ENTRY_INIT, NULL)  \
    X(firn_chkp_set_read, opened.chkp_set, &hash, SIZE_MAX, &value, &size)                         \
    X(firn_chkp_set_stream, opened.chkp_set, &hash, sink, NULL)                                    \
    X(firn_chkp_set_verify, opened.chkp_set, NULL)                                                 \
    X(firn_chkp_stream, opened.chkp, &hash, sink, NULL)                                            \
    X(firn_chkp_verify, opened.chkp, NULL)                                                         \
    X(firn_chkp_writer_add, opened.chkp_writer, k, NULL, NULL)                                     \
    X(firn_chkp_writer_add_fd, opened.chkp_writer, fd, NULL, NULL)                                 \
    X(firn_chkp_writer_add_frame, opened.chkp_writer, &hash, k, NULL)                              \
    X(firn_chkp_writer_add_stream, opened.chkp_writer, source, NULL, NULL, NULL)                   \
    X(firn_chkp_writer_add_trusted_frame, opened.chkp_writer, &hash, k, NULL)                      \
    X(firn_chkp_writer_finish, opened.chkp_writer, text)                                           \
    X(firn_compare_and_put, opened.keyspace, k, k, k, NULL)                                        \
    X(firn_config_list, opened.workspace, VISIT(const firn_config_setting *), NULL)                \
    X(firn_config_list_readable, opened.workspace, VISIT(const firn_config_setting *), NULL, NULL) \
    X(firn_config_set, opened.workspace, "save.max-file-size", "1M")                               \
    X(firn_cursor_first, opened.cursor)                                                            \
    X(firn_cursor_last, opened.cursor)                                                             \
    X(firn_cursor_next, opened.cursor)                                                             \
    X(firn_cursor_open, opened.keyspace, NULL, OUT(firn_cursor))                                   \
    X(firn_cursor_prev, opened.cursor)                                                             \
    X(firn_cursor_seek, opened.cursor, k)                                                          \
    X(firn_cursor_seek_before, opened.cursor, k)                                                   \
    X(firn_delete, opened.keyspace, k, NULL)                                                       \
    X(firn_delete_range, opened.keyspace, k, k, NULL)                                              \
    X(firn_exists, opened.keyspace, k, &flag)                                                      \
    X(firn_get, opened.keyspace, k, &value, &size)                                                 \
    X(firn_get_into, opened.keyspace, k, text, sizeof text, &size)                                 \
    X(firn_snapshot_get, opened.snapshot, opened.keyspace, k, &value, &size)                       \
    X(firn_get_many, opened.keyspace, NULL, &k, 1, &(uint8_t *){NULL}, &(size_t){0})               \
    X(firn_get_pinned, opened.keyspace, NULL, k, OUT(firn_pin), &slice_out)                        \
    X(firn_insert, opened.keyspace, k, k, NULL)                                                    \
    X(firn_keyspace_drop, opened.store, "k")                                                       \
    X(firn_keyspace_list, opened.store, VISIT(const char *), NULL)                                 \
    X(firn_keyspace_open, opened.store, "k", NULL, &keyspace_out)                                  \
    X(firn_merge, opened.keyspace, k, FIRN_MERGE_APPEND, k, NULL)                                  \
    X(firn_pack_contains, opened.pack, &object, &flag)                                             \
    X(firn_pack_list, opened.pack, VISIT(const firn_hash *, uint64_t), NULL)                       \
    X(firn_pack_read, opened.pack, &object, SIZE_MAX, &value, &size)                               \
    X(firn_pack_size_of, opened.pack, &object, &number)                                            \
    X(firn_pack_stream, opened.pack, &object, sink, NULL)                                          \
    X(firn_pack_verify, opened.pack, NULL)                                                         \
    X(firn_pack_writer_add, opened.pack_writer, k, NULL, NULL)                                     \
    X(firn_pack_writer_add_fd, opened.pack_writer, fd, NULL, NULL)                                 \
    X(firn_pack_writer_finish, opened.pack_writer)                                                 \
    X(firn_put, opened.keyspace, k, k, NULL)                                                       \
    X(firn_store_check, opened.store, NULL, NULL)                                                  \
    X(firn_store_clone, opened.store, "/nowhere/store", NULL)                                      \
    X(firn_store_compact, opened.store, NULL)                                                      \
    X(firn_store_flush, opened.store)                                                              \
    X(firn_store_refresh, opened.reader)                                                           \
    X(firn_store_stats, opened.store,                                                              \
      &(firn_store_statistics){.size = sizeof(firn_store_statistics)})                             \
    X(firn_store_stats_json, opened.memory, OUT(char))                                             \
    X(firn_store_sync, opened.store)                                                               \
    X(firn_snapshot_table_list, opened.snapshot, VISIT(const char *), NULL)                        \
    X(firn_snapshot_table_open, opened.snapshot, "t", &table_out)                                  \
    X(firn_scan_next, opened.scan, OUT(const firn_scan_batch))                                     \
    X(firn_scan_open, opened.table, NULL, OUT(firn_scan))                                          \
    X(firn_scan_to_arrow, opened.scan, &arrow_stream)                                              \
    X(firn_table_add_column_sized, opened.table, &column, sizeof(firn_table_column))               \
    X(firn_table_add_index_sized, opened.table, &table_index, sizeof(firn_table_index))            \
    X(firn_table_add_number, opened.table, NULL, &number_one, 1, "v", number_one, NULL)            \
    X(firn_table_add_vector_index, opened.table, &vector_index)                                    \
    X(firn_table_bulk_commit, opened.table_bulk)                                                   \
    X(firn_table_bulk_open, opened.table, NULL, OUT(firn_table_bulk))                              \
    X(firn_table_bulk_put, opened.table_bulk, &number_one, 1)                                      \
    X(firn_table_check, opened.table, NULL, NULL)                                                  \
    X(firn_table_create, opened.store, "u", &def, &table_out)                                      \
    X(firn_table_cursor_next, opened.table_cursor, &row_out)                                       \
    X(firn_table_cursor_open, opened.table, NULL, OUT(firn_table_cursor))                          \
    X(firn_table_delete, opened.table, NULL, &number_one, 1)                                       \
    X(firn_table_delete_range, opened.table, NULL, NULL, NULL)                                     \
    X(firn_table_describe, opened.table, NULL, NULL, OUT(char))                                    \
    X(firn_table_diff_next, opened.table_diff, &difference_out)                                    \
    X(firn_table_diff_open, opened.store, "t", NULL, OUT(firn_table_diff))                         \
    X(firn_table_drop, opened.store, "t")                                                          \
    X(firn_table_drop_column, opened.table, "v")                                                   \
    X(firn_table_drop_index, opened.table, "i")                                                    \
    X(firn_table_export, opened.table, write_bytes, NULL, NULL, NULL)                              \
    X(firn_table_get, opened.table, NULL, &number_one, 1, opened.row)                              \
    X(firn_table_get_many, opened.table, NULL, &table_keys, VISIT(size_t, const firn_row *), NULL) \
    X(firn_table_get_struct, opened.table, NULL, &number_one, 1, &layout, opened.row, &row_struct) \
    X(firn_table_import, opened.table, read_bytes, NULL, NULL, NULL)                               \
    X(firn_table_insert, opened.table, NULL, &number_one, 1)                                       \
    X(firn_table_insert_auto, opened.table, NULL, &number_one, 1, &number)                         \
    X(firn_table_insert_struct, opened.table, NULL, &layout, &row_struct)                          \
    X(firn_table_import_arrow, opened.table,                                                       \
      &(struct ArrowArrayStream){.release = release_stream}, NULL, NULL)                           \
    X(firn_table_import_vectors, opened.table, read_bytes, NULL, NULL, NULL)                       \
    X(firn_table_list, opened.store, VISIT(const char *), NULL)                                    \
    X(firn_table_open, opened.store, "t", &table_out)                                              \
    X(firn_table_rename_column, opened.table, "v", "w")                                            \
    X(firn_table_search, opened.table, "v", &query, 1, NULL, OUT(firn_search_result))              \
    X(firn_table_search_many, opened.table, "v", &query, 1, 1, NULL, OUT(firn_search_result))      \
    X(firn_table_set_bloom_filter, opened.table, "v", true)                                        \
    X(firn_table_set_default, opened.table, "v", NULL)                                             \
    X(firn_table_stats, opened.table, NULL, OUT(firn_table_statistics))                            \
    X(firn_table_update, opened.table, NULL, &number_one, 1)                                       \
    X(firn_table_upsert, opened.table, NULL, &number_one, 1)                                       \
    X(firn_table_upsert_struct, opened.table, NULL, &layout, &row_struct)                          \
    X(firn_txn_begin, opened.store, NULL, OUT(firn_txn))                                           \
    X(firn_txn_commit, opened.txn, NULL)                                                           \
    X(firn_txn_cursor_open, opened.txn, opened.keyspace, NULL, OUT(firn_cursor))                   \
    X(firn_txn_delete, opened.txn, opened.keyspace, k)                                             \
    X(firn_txn_delete_range, opened.txn, opened.keyspace, k, k)                                    \
    X(firn_txn_get, opened.txn, opened.keyspace, k, &value, &size)                                 \
    X(firn_txn_merge, opened.txn, opened.keyspace, k, FIRN_MERGE_APPEND, k)                        \
    X(firn_txn_put, opened.txn, opened.keyspace, k, k)                                             \
    X(firn_txn_put_ttl, opened.txn, opened.keyspace, k, k, 1)                                      \
    X(firn_txn_release, opened.txn, 1)                                                             \
    X(firn_txn_rollback, opened.txn)                                                               \
    X(firn_txn_rollback_to, opened.txn, 1)                                                         \
    X(firn_txn_run, opened.store, NULL, work, NULL)                                                \
    X(firn_txn_savepoint, opened.txn, &number)                                                     \
    X(firn_snapshot_keyspace_list, opened.snapshot, VISIT(const char *), NULL)                     \
    X(firn_snapshot_keyspace_open, opened.snapshot, "k", &keyspace_out)                            \
    X(firn_snapshot_open, opened.store, NULL, OUT(firn_snapshot))                                  \
    X(firn_remote_add, opened.workspace, "r", "r")                                                 \
    X(firn_remote_add_encrypted, opened.workspace, "r", "r")                                       \
    X(firn_remote_cat, opened.workspace, NULL, "1", k, sink, NULL, NULL)                           \
    X(firn_remote_check, opened.workspace, NULL, NULL, NULL)                                       \
    X(firn_remote_check_locked, opened.workspace, NULL, NULL, NULL)                                \
    X(firn_remote_join, opened.workspace, "r", "r")                                                \
    X(firn_remote_join_encrypted, opened.workspace, "r", "r")                                      \
    X(firn_remote_keys_add, opened.workspace, NULL, NULL, NULL, NULL, NULL)                        \
    X(firn_remote_keys_add_recovery, opened.workspace, NULL, NULL, NULL, NULL, NULL)               \
    X(firn_remote_keys_change, opened.workspace, NULL, 1, NULL, NULL)                              \
    X(firn_remote_keys_forget, opened.workspace, NULL, NULL)                                       \
    X(firn_remote_keys_list, opened.workspace, NULL, NULL, NULL, NULL)                             \
    X(firn_remote_keys_remember, opened.workspace, NULL, 1, NULL)                                  \
    X(firn_remote_keys_remove, opened.workspace, NULL, 1, NULL)                                    \
    X(firn_remote_keys_replace, opened.workspace, NULL, NULL, NULL, NULL, NULL)                    \
    X(firn_remote_keys_rotate, opened.workspace, NULL, NULL)                                       \
    X(firn_remote_list, opened.workspace, VISIT(const firn_remote_info *), NULL)                   \
    X(firn_remote_log, opened.workspace, NULL, 0, VISIT(const firn_remote_change *), NULL)         \
    X(firn_remote_prune, opened.workspace, NULL, NULL, NULL)                                       \
    X(firn_remote_rekey, opened.workspace, NULL, NULL, NULL)                                       \
    X(firn_remote_remove, opened.workspace, "r")                                                   \
    X(firn_workspace_pull, opened.workspace, NULL, NULL, NULL)                                     \
    X(firn_workspace_push, opened.workspace, NULL, NULL, NULL)                                     \
    X(firn_workspace_take, opened.workspace, NULL, "latest", NULL, NULL)                           \
    X(firn_workspace_adopt, opened.workspace, NULL)                                                \
    X(firn_workspace_cat, opened.workspace, "1", k, sink, NULL, NULL)                              \
    X(firn_workspace_check, opened.workspace, NULL, NULL)                                          \
    X(firn_workspace_delete, opened.workspace, references, 1, NULL, NULL, NULL)                    \
    X(firn_workspace_undelete, opened.workspace, references, 1, NULL, NULL)                        \
    X(firn_workspace_diff, opened.workspace, NULL, NULL, NULL, NULL)                               \
    X(firn_workspace_log, opened.workspace, NULL, VISIT(const firn_workspace_diff_result *), NULL) \
    X(firn_workspace_entries, opened.workspace, "1", VISIT(const firn_workspace_entry *), NULL)    \
    X(firn_workspace_expire, opened.workspace, NULL, NULL, NULL)                                   \
    X(firn_workspace_find, opened.workspace, "1", OUT(firn_workspace_checkpoint))                  \
    X(firn_workspace_forget, opened.workspace,                                                     \
      &(firn_workspace_forget_options){                                                            \
          .size = sizeof(firn_workspace_forget_options), .paths = paths, .path_count = 1},         \
      NULL, NULL, NULL)                                                                            \
    X(firn_workspace_gc, opened.workspace, NULL, NULL)                                             \
    X(firn_workspace_init, opened.workspace, NULL)                                                 \
    X(firn_workspace_list, opened.workspace, NULL, VISIT(const firn_workspace_checkpoint *), NULL) \
    X(firn_workspace_pending, opened.workspace,                                                    \
      &(firn_workspace_pending_restore)FIRN_WORKSPACE_PENDING_RESTORE_INIT)                        \
    X(firn_workspace_pin_list, opened.workspace, VISIT(const firn_workspace_pin *), NULL)          \
    X(firn_workspace_pin_set, opened.workspace, references, 1, true, NULL, NULL)                   \
    X(firn_workspace_reader_cat, opened.workspace_reader, &object, 1, sink, NULL)                  \
    X(firn_workspace_reader_entries, opened.workspace_reader, &object,                             \
      VISIT(const firn_workspace_entry *), NULL)                                                   \
    X(firn_workspace_reader_open, opened.workspace, OUT(firn_workspace_reader))                    \
    X(firn_workspace_reader_part, opened.workspace_reader, &object, 1, 0, 1, sink, NULL)           \
    X(firn_workspace_redo, opened.workspace, NULL, NULL)                                           \
    X(firn_workspace_repair, opened.workspace, NULL, NULL)                                         \
    X(firn_workspace_restore, opened.workspace, "1", NULL, NULL)                                   \
    X(firn_workspace_resume, opened.workspace, NULL, NULL)                                         \
    X(firn_workspace_revert, opened.workspace, NULL, NULL)                                         \
    X(firn_workspace_save, opened.workspace, NULL, NULL)                                           \
    X(firn_workspace_status, opened.workspace, NULL, NULL, NULL, NULL)                             \
    X(firn_workspace_tag_list, opened.workspace, VISIT(const firn_workspace_tag *), NULL)          \
    X(firn_workspace_tag_delete, opened.workspace, "t")                                            \
    X(firn_workspace_describe, opened.workspace, "1", firn_str("m"), NULL)                         \
    X(firn_workspace_tag_set, opened.workspace, "t", "1", false, NULL)                             \
    X(firn_workspace_group_begin, opened.workspace)                                                \
    X(firn_workspace_group_end, opened.workspace, true)                                            \
    X(firn_workspace_steps, opened.workspace, NULL, NULL, NULL, NULL)                              \
    X(firn_workspace_undo, opened.workspace, NULL, NULL)                                           \
    X(firn_workspace_watch, opened.workspace, NULL)                                                \
    X(firn_workspace_watch_look, opened.workspace,                                                 \
      &(firn_workspace_watch_info)FIRN_WORKSPACE_WATCH_INFO_INIT)                                  \
    X(firn_workspace_watch_stop, opened.workspace, NULL)                                           \
    X(firn_store_write, opened.store, opened.batch, NULL)

/* Functions that return no code: X(function, whether it says nothing) */
#define SILENT(X)                                                                           \
    X(firn_alxs_checksum, firn_alxs_checksum(opened.alxs) == 0)                             \
    X(firn_alxs_count, firn_alxs_count(opened.alxs) == 0)                                   \
    X(firn_alxs_cursor_key, firn_alxs_cursor_key(opened.alxs_cursor).size == 0)             \
    X(firn_alxs_cursor_valid, !firn_alxs_cursor_valid(opened.alxs_cursor))                  \
    X(firn_alxs_cursor_value, firn_alxs_cursor_value(opened.alxs_cursor).size == 0)         \
    X(firn_alxs_writer_count, firn_alxs_writer_count(opened.alxs_writer) == 0)              \
    X(firn_batch_clear, (firn_batch_clear(opened.batch), true))                             \
    X(firn_batch_count, firn_batch_count(opened.batch) == 0)                                \
    X(firn_batch_size, firn_batch_size(opened.batch) == 0)                                  \
    X(firn_bulk_count, firn_bulk_count(opened.bulk) == 0)                                   \
    X(firn_chkp_count, firn_chkp_count(opened.chkp) == 0)                                   \
    X(firn_chkp_name, firn_chkp_name(opened.chkp) == NULL)                                  \
    X(firn_chkp_set_count, firn_chkp_set_count(opened.chkp_set) == 0)                       \
    X(firn_chkp_set_name, firn_chkp_set_name(opened.chkp_set, 0) == NULL)                   \
    X(firn_chkp_set_object_count, firn_chkp_set_object_count(opened.chkp_set) == 0)         \
    X(firn_chkp_writer_count, firn_chkp_writer_count(opened.chkp_writer) == 0)              \
    X(firn_cursor_expires_ms, firn_cursor_expires_ms(opened.cursor) == 0)                   \
    X(firn_cursor_key, firn_cursor_key(opened.cursor).size == 0)                            \
    X(firn_cursor_valid, !firn_cursor_valid(opened.cursor))                                 \
    X(firn_cursor_value, firn_cursor_value(opened.cursor).size == 0)                        \
    X(firn_pack_count, firn_pack_count(opened.pack) == 0)                                   \
    X(firn_scan_column_at,                                                                  \
      (firn_scan_column_at(opened.scan, 0, &scan_column), scan_column.name == NULL))        \
    X(firn_scan_column_count, firn_scan_column_count(opened.scan) == 0)                     \
    X(firn_scan_get_stats,                                                                  \
      (firn_scan_get_stats(opened.scan, &scan_stats), scan_stats.threads == 0))             \
    X(firn_table_bulk_count, firn_table_bulk_count(opened.table_bulk) == 0)                 \
    X(firn_table_cursor_expires_ms, firn_table_cursor_expires_ms(opened.table_cursor) == 0) \
    X(firn_table_diff_column_at, firn_table_diff_column_at(opened.table_diff, 0) == NULL)   \
    X(firn_table_name, firn_table_name(opened.table)[0] == '\0')                            \
    X(firn_workspace_moved_from, firn_workspace_moved_from(opened.workspace) == NULL)       \
    X(firn_workspace_group_is_full, !firn_workspace_group_is_full(opened.workspace))        \
    X(firn_workspace_root, firn_workspace_root(opened.workspace)[0] == '\0')                \
    X(firn_workspace_store_path, firn_workspace_store_path(opened.workspace)[0] == '\0')    \
    X(firn_workspace_subpath, firn_workspace_subpath(opened.workspace)[0] == '\0')          \
    X(firn_workspace_too_broad, firn_workspace_too_broad(opened.workspace) == NULL)         \
    X(firn_workspace_unread_store, firn_workspace_unread_store(opened.workspace) == NULL)

/* In an order in which a program would: X(function, call) */
#define CLOSING(X)                                                                       \
    X(firn_bulk_close, firn_bulk_close(opened.bulk))                                     \
    X(firn_table_bulk_close, firn_table_bulk_close(opened.table_bulk))                   \
    X(firn_txn_close, firn_txn_close(opened.txn))                                        \
    X(firn_batch_destroy, firn_batch_destroy(opened.batch))                              \
    X(firn_cursor_close, firn_cursor_close(opened.cursor))                               \
    X(firn_scan_close, firn_scan_close(opened.scan))                                     \
    X(firn_table_cursor_close, firn_table_cursor_close(opened.table_cursor))             \
    X(firn_table_diff_close, firn_table_diff_close(opened.table_diff))                   \
    X(firn_pin_release, firn_pin_release(opened.pin))                                    \
    X(firn_snapshot_close, firn_snapshot_close(opened.snapshot))                         \
    X(firn_alxs_cursor_close, firn_alxs_cursor_close(opened.alxs_cursor))                \
    X(firn_alxs_close, firn_alxs_close(opened.alxs))                                     \
    X(firn_alxs_writer_destroy, firn_alxs_writer_destroy(opened.alxs_writer))            \
    X(firn_chkp_set_close, firn_chkp_set_close(opened.chkp_set))                         \
    X(firn_chkp_close, firn_chkp_close(opened.chkp))                                     \
    X(firn_chkp_writer_destroy, firn_chkp_writer_destroy(opened.chkp_writer))            \
    X(firn_pack_close, firn_pack_close(opened.pack))                                     \
    X(firn_pack_writer_destroy, firn_pack_writer_destroy(opened.pack_writer))            \
    X(firn_workspace_reader_close, firn_workspace_reader_close(opened.workspace_reader)) \
    X(firn_workspace_close, firn_workspace_close(opened.workspace))                      \
    X(firn_store_close, close_stores())

/* What takes no handle. */
static const char *const free_ones[] = {"firn_alxs_open",
                                        "firn_alxs_verify",
                                        "firn_alxs_writer_create",
                                        "firn_arrow_definition",
                                        "firn_batch_create",
                                        "firn_batch_kind_name",
                                        "firn_chkp_list_packs",
                                        "firn_chkp_open",
                                        "firn_chkp_rebuild_index",
                                        "firn_chkp_set_open",
                                        "firn_chkp_writer_create",
                                        "firn_code_name",
                                        "firn_code_text",
                                        "firn_compression_name",
                                        "firn_config_size",
                                        "firn_config_source_name",
                                        "firn_durability_name",
                                        "firn_hash_from_hex",
                                        "firn_hash_of",
                                        "firn_hash_to_hex",
                                        "firn_import_guess",
                                        "firn_isolation_name",
                                        "firn_key_add_bool",
                                        "firn_key_add_f64",
                                        "firn_key_add_i64",
                                        "firn_key_add_text",
                                        "firn_key_add_u64",
                                        "firn_key_in",
                                        "firn_key_is_valid",
                                        "firn_key_read_bool",
                                        "firn_key_read_f64",
                                        "firn_key_read_i64",
                                        "firn_key_read_text",
                                        "firn_key_read_u64",
                                        "firn_key_slice",
                                        "firn_merge_operator_name",
                                        "firn_metric_name",
                                        "firn_notice_kind_name",
                                        "firn_pack_open",
                                        "firn_pack_writer_create",
                                        "firn_release",
                                        "firn_row_count",
                                        "firn_row_create",
                                        "firn_row_destroy",
                                        "firn_row_difference_kind_name",
                                        "firn_row_values",
                                        "firn_rrf",
                                        "firn_scan_batch_column",
                                        "firn_scan_batch_rows",
                                        "firn_scan_value",
                                        "firn_search_result_count",
                                        "firn_search_result_destroy",
                                        "firn_search_result_distance",
                                        "firn_search_result_get_stats",
                                        "firn_search_result_key",
                                        "firn_search_result_values",
                                        "firn_cipher_name",
                                        "firn_keys_list",
                                        "firn_keys_add",
                                        "firn_keys_add_recovery",
                                        "firn_keys_change",
                                        "firn_keys_remove",
                                        "firn_keys_replace",
                                        "firn_keys_rotate",
                                        "firn_keys_encrypt",
                                        "firn_keys_decrypt",
                                        "firn_keys_rekey",
                                        "firn_keys_remember",
                                        "firn_keys_forget",
                                        "firn_store_check_locked",
                                        "firn_store_destroy",
                                        "firn_store_difference_kind_name",
                                        "firn_store_import",
                                        "firn_store_open",
                                        "firn_store_open_memory",
                                        "firn_table_def_parse_sized",
                                        "firn_table_encoding_name",
                                        "firn_text_sniff",
                                        "firn_trust_add",
                                        "firn_trust_find",
                                        "firn_trust_foreign_files",
                                        "firn_trust_list",
                                        "firn_trust_remove",
                                        "firn_type_name",
                                        "firn_value_format",
                                        "firn_value_parse",
                                        "firn_vector_distance",
                                        "firn_vectors_read",
                                        "firn_version",
                                        "firn_workspace_change_kind_name",
                                        "firn_workspace_entry_type_name",
                                        "firn_workspace_lines_kind_name",
                                        "firn_workspace_open",
                                        "firn_workspace_repair_data_name",
                                        "firn_workspace_repair_state_name",
                                        "firn_workspace_revert_conflict_kind_name",
                                        "firn_workspace_step_kind_name",
                                        "firn_workspace_watch_event_kind_name",
                                        "firn_workspace_xattrs_next",
                                        "firn_workspaces_list",
                                        "firn_workspaces_remove"};

#define NAME(function, ...) #function,
static const char *const handled[] = {REFUSING(NAME) SILENT(NAME) CLOSING(NAME)};

static bool
is_known(const char *name)
{
    for (size_t i = 0; i < sizeof handled / sizeof *handled; i++) {
        if (strcmp(handled[i], name) == 0) {
            return true;
        }
    }
    for (size_t i = 0; i < sizeof free_ones / sizeof *free_ones; i++) {
        if (strcmp(free_ones[i], name) == 0) {
            return true;
        }
    }
    return false;
}

static void
the_tables_have_every_public_function(void **state)
{
    char line[128];
    FILE *list = fopen("src/exports.list", "r");
    assert_non_null(list);
    while (fgets(line, sizeof line, list) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0] != '#' && !is_known(line)) {
            fail_msg("%s is in no table", line);
        }
    }
    (void)fclose(list);
}

/* ---- in the child ---- */

/* No test of cmocka's may fail in here: the exit status says which line it was. */
#define CHILD(condition)                                                  \
    do {                                                                  \
        if (!(condition)) {                                               \
            (void)fprintf(stderr, "line %d: " #condition "\n", __LINE__); \
            _exit(1);                                                     \
        }                                                                 \
    } while (0)

static void
close_stores(void)
{
    CHILD(firn_store_close(opened.reader, &err) == FIRN_OK);
    CHILD(firn_store_close(opened.memory, &err) == FIRN_OK);
    CHILD(firn_store_close(opened.store, &err) == FIRN_OK);
}

static void
refuse_all(void)
{
#define REFUSE(function, ...)                          \
    err.text[0] = '\0';                                \
    CHILD(function(__VA_ARGS__, &err) == FIRN_MISUSE); \
    CHILD(strstr(err.text, "before this process was forked") != NULL);
    REFUSING(REFUSE)
#define SAY_NOTHING(function, is_nothing) CHILD(is_nothing);
    SILENT(SAY_NOTHING)
}

static void
close_all(void)
{
#define CLOSE(function, call) call;
    CLOSING(CLOSE)
}

/* A store of the child's own, with work in the background. */
static void
use_another_store(const char *path)
{
    firn_store *store;
    firn_keyspace *keyspace;
    firn_store_options options = FIRN_STORE_OPTIONS_INIT;
    static char large[4096];
    options.memory_bytes = 1 << 20;
    options.durability = FIRN_DURABILITY_OS;
    CHILD(firn_store_open(path, &options, &store, &err) == FIRN_OK);
    CHILD(firn_keyspace_open(store, "k", NULL, &keyspace, &err) == FIRN_OK);
    for (uint32_t i = 0; i < 500; i++) {
        CHILD(firn_put(keyspace, firn_bytes(&i, sizeof i), firn_bytes(large, sizeof large), NULL,
                       &err) == FIRN_OK);
    }
    CHILD(firn_store_compact(store, NULL, &err) == FIRN_OK);
    CHILD(firn_store_close(store, &err) == FIRN_OK);
}

static void
await(pid_t child)
{
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- the files ---- */

static uint64_t sum; /* of names, sizes, contents */

static void
add_to_sum(const void *data, size_t data_size)
{
    for (size_t i = 0; i < data_size; i++) {
        sum = (sum ^ ((const uint8_t *)data)[i]) * UINT64_C(0x100000001b3);
    }
}

static int
add_file(const char *path, const struct stat *stat, int kind, struct FTW *place)
{
    (void)place;
    char bytes[4096];
    add_to_sum(path, strlen(path));
    add_to_sum(&stat->st_size, sizeof stat->st_size);
    if (kind == FTW_F) {
        int file = openat(AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
        ssize_t got;
        assert_true(file >= 0);
        while ((got = read(file, bytes, sizeof bytes)) > 0) {
            add_to_sum(bytes, (size_t)got);
        }
        (void)close(file);
    }
    return 0;
}

static uint64_t
sum_of_files(void)
{
    sum = 0;
    assert_int_equal(nftw(root, add_file, 16, FTW_PHYS), 0);
    return sum;
}

/* ---- tests ---- */

static void
a_child_is_refused_by_every_function_and_changes_nothing(void **state)
{
    uint64_t before = sum_of_files();
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)alarm(60);
        refuse_all();
        close_all();
        _exit(0);
    }
    await(child);
    assert_true(sum_of_files() == before);
}

/* The first to fork, and its own child in turn. */
static void
a_child_opens_stores_of_its_own_and_its_child_is_refused_these(void **state)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        firn_store *store;
        int status;
        (void)alarm(60);
        refuse_all();
        CHILD(firn_store_open(at("childs"), NULL, &store, &err) == FIRN_OK);
        pid_t grandchild = fork();
        if (grandchild == 0) {
            refuse_all();
            CHILD(firn_store_flush(store, &err) == FIRN_MISUSE);
            use_another_store(at("grandchilds"));
            CHILD(firn_store_flush(store, &err) == FIRN_MISUSE);
            _exit(0);
        }
        CHILD(waitpid(grandchild, &status, 0) == grandchild && status == 0);
        CHILD(firn_store_flush(store, &err) == FIRN_OK);
        CHILD(firn_store_close(store, &err) == FIRN_OK);
        refuse_all();
        _exit(0);
    }
    await(child);
}

/* The lock goes when the parent closes, though the child has its descriptor still; and what the child
 * closes leaves the parent its lock. */
static void
locks_are_the_parents(void **state)
{
    firn_store *store;
    firn_store *second;
    int go[2];
    int ready[2];
    char byte = 0;
    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(ready), 0);
    OK(firn_store_open(at("locked"), NULL, &store, &err));
    pid_t keeper = fork();
    assert_true(keeper >= 0);
    if (keeper == 0) {
        (void)alarm(60);
        CHILD(firn_store_open(at("locked"), NULL, &second, &err) == FIRN_BUSY);
        CHILD(write(ready[1], "r", 1) == 1 && read(go[0], &byte, 1) == 1);
        CHILD(firn_store_open(at("locked"), NULL, &second, &err) == FIRN_OK);
        CHILD(firn_store_close(second, &err) == FIRN_OK);
        _exit(0);
    }
    assert_int_equal(read(ready[0], &byte, 1), 1);
    pid_t closer = fork();
    assert_true(closer >= 0);
    if (closer == 0) {
        CHILD(firn_store_close(store, &err) == FIRN_OK);
        CHILD(firn_store_open(at("locked"), NULL, &second, &err) == FIRN_BUSY);
        _exit(0);
    }
    await(closer);
    assert_int_equal(firn_store_open(at("locked"), NULL, &second, &err), FIRN_BUSY);
    OK(firn_store_close(store, &err));
    assert_int_equal(write(go[1], "g", 1), 1);
    await(keeper);
    for (int i = 0; i < 2; i++) {
        (void)close(go[i]);
        (void)close(ready[i]);
    }
}

/* ---- beside threads ---- */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif

static atomic_bool is_over;

static void *
commit_until_over(void *arg)
{
    static char large[2000];
    uint32_t i = 0;
    firn_error error;
    while (!atomic_load(&is_over)) {
        uint32_t key[2] = {(uint32_t)(uintptr_t)arg, i++ % 3000};
        firn_write_options options = FIRN_WRITE_OPTIONS_INIT;
        options.durability = i % 50 == 0 ? FIRN_DURABILITY_FULL : FIRN_DURABILITY_OS;
        if (firn_put(opened.keyspace, firn_bytes(key, sizeof key), firn_bytes(large, sizeof large),
                     &options, &error) != FIRN_OK) {
            return arg;
        }
    }
    return NULL;
}

static void *
compact_until_over(void *arg)
{
    firn_error error;
    while (!atomic_load(&is_over)) {
        if (firn_store_compact(opened.store, NULL, &error) != FIRN_OK) {
            return arg;
        }
    }
    return NULL;
}

/* Locks are held by threads that the child does not have, and structures half changed. */
static void
threads_of_the_parent_may_be_anywhere(void **state)
{
    enum { THREADS = 3, FORKS = 25 };
    pthread_t threads[THREADS];
    atomic_store(&is_over, false);
    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL,
                                        i == 0 ? compact_until_over : commit_until_over,
                                        (void *)(i + 1)),
                         0);
    }
    for (unsigned i = 0; i < FORKS; i++) {
        (void)usleep(3000);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            char name[16];
            (void)alarm(60);
            refuse_all();
            (void)snprintf(name, sizeof name, "own%u", i);
            /* Sanitizers neither start threads in such a child nor give it the locks of their
             * allocator back. */
#ifndef SANITIZED
            if (i % 8 == 0) {
                use_another_store(at(name));
            }
#endif
            close_all();
            _exit(0);
        }
        await(child);
    }
    atomic_store(&is_over, true);
    for (size_t i = 0; i < THREADS; i++) {
        void *failed;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    OK(firn_store_check(opened.store, NULL, NULL, &err));
}

/* ---- a fork inside a call ---- */

static int
fork_and_write(void *ctx, firn_txn *txn, firn_error *error)
{
    pid_t *child = ctx;
    int rc = firn_txn_put(txn, opened.keyspace, firn_str("inside"), firn_str("v"), error);
    if (rc == FIRN_OK) {
        *child = fork();
    }
    return rc;
}

/* The child returns into the library, which goes on with a commit: the files refuse. */
static void
a_child_that_returns_from_a_callback_writes_nothing(void **state)
{
    pid_t child = -1;
    firn_error *no_error = NULL;
    int rc = firn_txn_run(opened.store, NULL, fork_and_write, &child, no_error);
    if (child == 0) {
        _exit(rc == FIRN_OK);
    }
    assert_true(child > 0);
    OK(rc);
    await(child);
    OK(firn_store_check(opened.store, NULL, NULL, &err));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tables_have_every_public_function),
        cmocka_unit_test(a_child_is_refused_by_every_function_and_changes_nothing),
        cmocka_unit_test(a_child_opens_stores_of_its_own_and_its_child_is_refused_these),
        cmocka_unit_test(locks_are_the_parents),
        cmocka_unit_test(threads_of_the_parent_may_be_anywhere),
        cmocka_unit_test(a_child_that_returns_from_a_callback_writes_nothing),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
