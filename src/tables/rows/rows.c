/* SPDX-License-Identifier: Apache-2.0
 *
 * rows/rows.c: tables: creating, opening, changing and dropping them.
 *
 * A table is created in steps, each a commit: the keyspaces of its indexes, the record of its
 * schema, and last its name, which makes it visible. It is dropped in the reverse order. So every
 * view that has the name has the rest. A crash or a failure can leave records that no table has,
 * and keyspaces of indexes without a record: these are dropped when the next table is created.
 *
 * One thread of the process creates or changes tables at a time (struct firn_rows_catalog, kept
 * with the keyspace of the schemas); no other process can. A restore of the store also changes
 * schemas, and may come between any two steps. The transactions here conflict with a restore as all
 * others do. Before a name is created or dropped, a guard checks again, while no restore can run,
 * that this is still right (struct firn_db_keyspace_guard).
 *
 * (I1) A record is only written by a transaction that has read it, or for a number that is not
 *      used.
 * (I2) No number of a column or an index is given twice in a table, even if a restore has removed
 *      the first one from the schema: rows of the other history may still have it. So the next
 *      numbers are also kept outside of views, in the keyspace "firn.tables", and written there
 *      before they are used.
 * (I3) After a table's name was committed no step of creating it can fail, and nothing of the table
 *      is removed: memory for the handles is allocated before.
 */
#include <inttypes.h>
#include <stdio.h>

#include "base/bytes.h"
#include "base/check.h"
#include "base/mem.h"
#include "base/reader.h"
#include "base/slice.h"
#include "codec/hex.h"
#include "os/os.h"
#include "rows/rows_internal.h"

static const char numbers_name[] = FIRN_DB_SYSTEM_PREFIX "tables";
#define INDEX_PREFIX FIRN_DB_TABLE_PREFIX "index:"
enum { CHANGE_ATTEMPTS_MAX = 1000 };

/* ---- the keyspace of the schemas ---- */

struct firn_rows_catalog {
    struct firn_os_mutex mutex; /* rank TABLES */
    /* How many tables may be created until strays are looked for again. That takes time for each
     * table, so it is done by the first one that is created, after one that failed, and whenever
     * there are about twice as many as then. */
    uint64_t creations_left;
};

static void
destroy_catalog(void *object)
{
    struct firn_rows_catalog *catalog = object;
    DCHECK(catalog != NULL);
    firn_os_mutex_deinit(&catalog->mutex);
    firn_free(catalog);
}

/* The object that is kept with the keyspace; NULL if there is no memory. */
static struct firn_rows_catalog *
catalog_of(struct firn_db_keyspace *schemas)
{
    struct firn_rows_catalog *catalog = firn_db_keyspace_attached(schemas);
    if (catalog != NULL) {
        return catalog;
    }
    catalog = firn_alloc_zeroed(sizeof *catalog);
    if (catalog == NULL) {
        return NULL;
    }
    firn_os_mutex_init(firn_db_os(firn_db_keyspace_db(schemas)), &catalog->mutex, FIRN_LOCK_TABLES);
    return firn_db_keyspace_attach(schemas, catalog, destroy_catalog);
}

int
firn_rows_begin_change(struct firn_db *db, struct firn_rows_changing *out, firn_error *err)
{
    *out = (struct firn_rows_changing){.schemas = NULL};
    if (firn_db_is_read_only(db)) {
        return firn_error_set(err, FIRN_READ_ONLY, "the store was opened read-only");
    }
    int rc = firn_db_keyspace_open(db, FIRN_DB_SCHEMAS, &out->schemas, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    out->catalog = catalog_of(out->schemas);
    if (out->catalog == NULL) {
        return firn_error_no_memory(err, "a table");
    }
    firn_os_mutex_lock(&out->catalog->mutex);
    DCHECK(out->schemas != NULL && firn_db_keyspace_db(out->schemas) == db);
    return FIRN_OK;
}

void
firn_rows_end_change(struct firn_rows_changing *changing)
{
    if (changing->catalog != NULL) {
        firn_os_mutex_assert_held(&changing->catalog->mutex);
        firn_os_mutex_unlock(&changing->catalog->mutex);
        changing->catalog = NULL;
    }
}

static void
encode_schema_key(uint64_t number, uint8_t out[FIRN_DB_SCHEMA_KEY_SIZE])
{
    DCHECK(number != 0);
    for (size_t i = 0; i < FIRN_DB_SCHEMA_KEY_SIZE; i++) {
        out[i] = (uint8_t)(number >> (8 * (FIRN_DB_SCHEMA_KEY_SIZE - 1 - i)));
    }
}

void
firn_rows_name_index(uint64_t schema, uint32_t index, char *out)
{
    DCHECK(schema != 0 && index != 0);
    int size = snprintf(out, FIRN_ROWS_INDEX_NAME_SIZE, INDEX_PREFIX "%016" PRIx64 ":%" PRIu32,
                        schema, index);
    CHECK(size > 0 && size < FIRN_ROWS_INDEX_NAME_SIZE);
}

/* ---- handles ---- */

static void
destroy_table(void *object)
{
    struct firn_table *table = object;
    DCHECK(table->indexes.size % sizeof(struct firn_rows_index) == 0);
    firn_rows_leave_spare(table, NULL);
    firn_schema_unref(table->cached);
    firn_buf_deinit(&table->record);
    firn_buf_deinit(&table->indexes);
    firn_os_mutex_deinit(&table->mutex);
    firn_free(table);
}

/* Memory for a handle. */
static int
prepare_handle(struct firn_db *db, struct firn_table **out, firn_error *err)
{
    struct firn_table *table = firn_alloc_zeroed(sizeof *table);
    *out = table;
    if (table == NULL) {
        return firn_error_no_memory(err, "a table");
    }
    firn_os_process_init_mark(&table->mark);
    firn_os_mutex_init(firn_db_os(db), &table->mutex, FIRN_LOCK_TABLE);
    table->db = db;
    return FIRN_OK;
}

/* The handle of a keyspace: the prepared one, or the one of a thread that was faster. */
static struct firn_table *
attach_handle(struct firn_table *table, struct firn_db_keyspace *rows,
              struct firn_db_keyspace *schemas)
{
    DCHECK(table->rows == NULL && firn_db_keyspace_db(rows) == table->db);
    DCHECK(firn_db_keyspace_type(rows) == FIRN_KEYSPACE_ENTRY_TABLE);
    table->rows = rows;
    table->schemas = schemas;
    encode_schema_key(firn_db_keyspace_schema(rows), table->schema_key);
    return firn_db_keyspace_attach(rows, table, destroy_table);
}

/* The handle of a keyspace that was found by its name, in a view or (NULL) now. The keyspace of the
 * schemas comes from the same state: another history may have a different one. */
static int
handle_of(struct firn_db_view *view, struct firn_db_keyspace *rows, struct firn_table **out,
          firn_error *err)
{
    struct firn_db *db = firn_db_keyspace_db(rows);
    struct firn_db_keyspace *schemas;
    struct firn_table *made;
    if (firn_db_keyspace_type(rows) != FIRN_KEYSPACE_ENTRY_TABLE) {
        return firn_error_set(err, FIRN_INVALID, "'%s' is a keyspace, not a table",
                              firn_db_keyspace_name(rows));
    }
    *out = firn_db_keyspace_attached(rows);
    if (*out != NULL) {
        return FIRN_OK;
    }
    int rc = view != NULL ? firn_db_keyspace_open_in(view, FIRN_DB_SCHEMAS, &schemas, err)
                          : firn_db_keyspace_open_existing(db, FIRN_DB_SCHEMAS, &schemas, err);
    if (rc == FIRN_NOT_FOUND) {
        return firn_error_set(err, FIRN_CORRUPT, "the store has no schema of the table '%s'",
                              firn_db_keyspace_name(rows));
    }
    rc = rc == FIRN_OK ? prepare_handle(db, &made, err) : rc;
    if (rc == FIRN_OK) {
        *out = attach_handle(made, rows, schemas);
    }
    return rc;
}

int
firn_rows_say_missing(const char *name, firn_error *err)
{
    return firn_error_set(err, FIRN_NOT_FOUND, "there is no table '%s'", name);
}

int
firn_rows_open(struct firn_db *db, const char *name, struct firn_table **out, firn_error *err)
{
    struct firn_db_keyspace *rows;
    *out = NULL;
    int rc = firn_db_keyspace_open_existing(db, name, &rows, err);
    return rc == FIRN_OK          ? handle_of(NULL, rows, out, err)
           : rc == FIRN_NOT_FOUND ? firn_rows_say_missing(name, err)
                                  : rc;
}

int
firn_rows_open_at(struct firn_db_view *view, const char *name, struct firn_table **out,
                  firn_error *err)
{
    struct firn_db_keyspace *rows;
    *out = NULL;
    int rc = firn_db_keyspace_open_in(view, name, &rows, err);
    return rc == FIRN_OK          ? handle_of(view, rows, out, err)
           : rc == FIRN_NOT_FOUND ? firn_rows_say_missing(name, err)
                                  : rc;
}

struct firn_db *
firn_rows_db(const struct firn_table *table)
{
    return table->db;
}

const char *
firn_rows_name(const struct firn_table *table)
{
    return firn_db_keyspace_name(table->rows);
}

struct firn_db_keyspace *
firn_rows_keyspace(const struct firn_table *table)
{
    return table->rows;
}

struct firn_rows_spare *
firn_rows_take_spare(struct firn_table *table)
{
    return atomic_exchange(&table->spare, NULL); /* pairs with leave */
}

void
firn_rows_leave_spare(struct firn_table *table, struct firn_rows_spare *spare)
{
    DCHECK(spare == NULL || spare->destroy != NULL);
    struct firn_rows_spare *before = atomic_exchange(&table->spare, spare); /* pairs with take */
    if (before != NULL) {
        before->destroy(before);
    }
}

/* ---- schemas ---- */

/* The current schema, if nothing was written to schemas since it was read; else NULL. */
static struct firn_schema *
take_stamped(struct firn_table *table, uint64_t stamp)
{
    firn_os_mutex_lock(&table->mutex);
    struct firn_schema *schema = table->stamp == stamp ? table->cached : NULL;
    if (schema != NULL) {
        firn_schema_ref(schema);
    }
    firn_os_mutex_unlock(&table->mutex);
    return schema;
}

/* For messages about conflicts. */
static void
note_schema(struct firn_table *table, struct firn_schema *schema)
{
    firn_db_keyspace_note_schema(table->rows, schema, 0, table->rows);
    firn_os_mutex_lock(&table->mutex);
    const struct firn_rows_index *known = (const void *)table->indexes.data;
    for (size_t i = 0; i < table->indexes.size / sizeof *known; i++) {
        firn_db_keyspace_note_schema(known[i].keyspace, schema, known[i].id, table->rows);
    }
    firn_os_mutex_unlock(&table->mutex);
}

/* The schema that a record encodes; the record that was read last is not decoded again. stamp is
 * that of schemas before the current record was read, or 0. */
static int
schema_of(struct firn_table *table, firn_slice record, uint64_t stamp, struct firn_schema **out,
          firn_error *err)
{
    firn_os_mutex_lock(&table->mutex);
    DCHECK(table->cached == NULL || table->record.size > 0);
    bool is_cached =
        table->cached != NULL && firn_slice_equal(record, firn_buf_slice(&table->record));
    if (is_cached) {
        *out = table->cached;
        firn_schema_ref(*out);
        table->stamp = stamp != 0 ? stamp : table->stamp;
    }
    firn_os_mutex_unlock(&table->mutex);
    if (is_cached) {
        return FIRN_OK;
    }
    int rc = firn_schema_record_decode(record, out, err);
    if (rc != FIRN_OK) {
        firn_error_prefix(err, "the schema of the table '%s'", firn_rows_name(table));
        return rc;
    }
    note_schema(table, *out);
    firn_os_mutex_lock(&table->mutex);
    if (firn_buf_assign(&table->record, record) == FIRN_OK) {
        firn_schema_unref(table->cached);
        table->cached = *out;
        firn_schema_ref(*out);
        table->stamp = stamp;
    } else {
        firn_schema_unref(table->cached);
        table->cached = NULL;
        table->stamp = 0;
    }
    firn_os_mutex_unlock(&table->mutex);
    return FIRN_OK;
}

int
firn_rows_schema(struct firn_table *table, struct firn_db_view *view, struct firn_schema **out,
                 firn_error *err)
{
    uint8_t memory[512];
    struct firn_buf record = firn_buf_borrowed(memory, sizeof memory);
    uint64_t stamp = firn_db_get_stamp(table->schemas, view);
    *out = stamp != 0 ? take_stamped(table, stamp) : NULL;
    if (*out != NULL) {
        return FIRN_OK;
    }
    int rc = firn_db_get_at(table->schemas, view, firn_rows_schema_key(table), &record, err);
    if (rc == FIRN_OK) {
        rc = schema_of(table, firn_buf_slice(&record), stamp, out, err);
    } else if (rc == FIRN_NOT_FOUND || rc == FIRN_MISUSE) {
        /* Misuse: the schemas are those of a history that a restore has left. */
        rc = firn_rows_say_missing(firn_rows_name(table), err);
    }
    DCHECK((rc == FIRN_OK) == (*out != NULL));
    firn_buf_deinit(&record);
    return rc;
}

int
firn_rows_schema_for_write(struct firn_table *table, struct firn_db_txn *txn,
                           struct firn_schema **out, firn_error *err)
{
    *out = NULL;
    DCHECK(txn != NULL);
    int rc = firn_db_txn_depend(txn, table->schemas, firn_rows_schema_key(table), err);
    return rc == FIRN_OK ? firn_rows_schema(table, firn_db_txn_view(txn), out, err) : rc;
}

/* ---- strays: records and keyspaces without a table ---- */

struct stray {
    struct firn_db_keyspace *schemas;
    char name[FIRN_ROWS_INDEX_NAME_SIZE]; /* of one; "": none was found */
    firn_error *err;
};

/* The key of the schema's record, from the name of an index's keyspace. */
static bool
read_schema_of_index(const char *name, uint8_t out[FIRN_DB_SCHEMA_KEY_SIZE])
{
    size_t prefix = sizeof INDEX_PREFIX - 1;
    size_t size = strlen(name);
    return size > prefix + (size_t)2 * FIRN_DB_SCHEMA_KEY_SIZE &&
           size < FIRN_ROWS_INDEX_NAME_SIZE && strncmp(name, INDEX_PREFIX, prefix) == 0 &&
           firn_hex_decode(name + prefix, out, FIRN_DB_SCHEMA_KEY_SIZE);
}

static int
look_at_name(void *ctx, const char *name)
{
    struct stray *stray = ctx;
    uint8_t key[FIRN_DB_SCHEMA_KEY_SIZE];
    bool exists;
    if (stray->name[0] != '\0' || !read_schema_of_index(name, key)) {
        return FIRN_OK;
    }
    int rc = firn_db_get_exists(stray->schemas, firn_bytes(key, sizeof key), &exists, stray->err);
    if (rc == FIRN_OK && !exists) {
        memcpy(stray->name, name, strlen(name) + 1);
    }
    return rc;
}

/* Checks whether a record exists. */
struct record_guard {
    struct firn_db_keyspace *schemas;
    const uint8_t *key;
    bool must_exist;
};

static int
check_record(void *ctx, firn_error *err)
{
    const struct record_guard *guard = ctx;
    bool exists = false;
    DCHECK(guard->schemas != NULL && guard->key != NULL);
    int rc = firn_db_get_exists(guard->schemas, firn_bytes(guard->key, FIRN_DB_SCHEMA_KEY_SIZE),
                                &exists, err);
    if ((rc == FIRN_OK && exists != guard->must_exist) || rc == FIRN_MISUSE) {
        rc = firn_error_set(err, FIRN_CONFLICT, "the store was restored to a checkpoint meanwhile");
    }
    return rc;
}

/* Drops the keyspace of an index, unless there is a record that may name it. */
static int
drop_stray(struct firn_db *db, struct firn_db_keyspace *schemas, const char *name, firn_error *err)
{
    uint8_t key[FIRN_DB_SCHEMA_KEY_SIZE];
    struct record_guard record = {.schemas = schemas, .key = key, .must_exist = false};
    const struct firn_db_keyspace_guard guard = {check_record, &record};
    CHECK(read_schema_of_index(name, key));
    return firn_db_keyspace_drop_if(db, name, &guard, err);
}

struct owners {
    struct firn_db_view *view;
    struct firn_buf numbers; /* of the schemas of all tables: keys of their records */
    size_t count;            /* of tables */
    firn_error *err;
};

static int
count_table(void *ctx, const char *name)
{
    struct owners *owners = ctx;
    (void)name;
    owners->count++;
    return FIRN_OK;
}

static int
note_owner(void *ctx, const char *name)
{
    struct owners *owners = ctx;
    struct firn_db_keyspace *rows;
    uint8_t key[FIRN_DB_SCHEMA_KEY_SIZE];
    int rc = firn_db_keyspace_open_in(owners->view, name, &rows, owners->err);
    if (rc != FIRN_OK) {
        return rc;
    }
    DCHECK(firn_db_keyspace_type(rows) == FIRN_KEYSPACE_ENTRY_TABLE);
    encode_schema_key(firn_db_keyspace_schema(rows), key);
    return firn_buf_append(&owners->numbers, key, sizeof key) == FIRN_OK
               ? FIRN_OK
               : firn_error_no_memory(owners->err, "a table");
}

static bool
has_owner(const struct owners *owners, firn_slice key)
{
    bool is_found = false;
    DCHECK(owners->numbers.size == owners->count * FIRN_DB_SCHEMA_KEY_SIZE);
    for (size_t i = 0; i < owners->numbers.size && !is_found; i += FIRN_DB_SCHEMA_KEY_SIZE) {
        is_found =
            firn_slice_equal(key, firn_bytes(owners->numbers.data + i, FIRN_DB_SCHEMA_KEY_SIZE));
    }
    return is_found;
}

/* Visits the records that the transaction sees; with owners, deletes those that no owner has. */
static int
walk_records(struct firn_db_txn *txn, struct firn_db_keyspace *schemas, const struct owners *owners,
             size_t *out_count, firn_error *err)
{
    const struct firn_db_cursor_options keys = {.keys_only = true};
    struct firn_db_cursor *cursor = NULL;
    int rc;
    *out_count = 0;
    FIRN_TRY(firn_db_txn_cursor_open(txn, schemas, &keys, &cursor, err));
    FIRN_TRY(firn_db_cursor_first(cursor, err));
    while (firn_db_cursor_valid(cursor)) {
        firn_slice key = firn_db_cursor_key(cursor);
        (*out_count)++;
        if (owners != NULL && !has_owner(owners, key)) {
            FIRN_TRY(firn_db_txn_delete(txn, schemas, key, err));
        }
        FIRN_TRY(firn_db_cursor_next(cursor, err));
    }
out:
    firn_db_cursor_close(cursor);
    return rc;
}

struct sweep {
    struct firn_db_keyspace *schemas;
    size_t count; /* of tables */
};

/* Deletes records that no table has. If the store is restored meanwhile, nothing is deleted. */
static int
delete_stray_records(void *ctx, struct firn_db_txn *txn, firn_error *err)
{
    struct sweep *sweep = ctx;
    struct firn_db_keyspace *schemas = sweep->schemas;
    struct owners owners = {.view = firn_db_txn_view(txn), .err = err};
    size_t records;
    int rc;
    FIRN_TRY(walk_records(txn, schemas, NULL, &records, err));
    FIRN_TRY(firn_db_keyspace_list_of_in(owners.view, FIRN_KEYSPACE_ENTRY_TABLE, count_table,
                                         &owners, err));
    sweep->count = owners.count;
    if (records > owners.count) {
        FIRN_TRY(firn_db_keyspace_list_of_in(owners.view, FIRN_KEYSPACE_ENTRY_TABLE, note_owner,
                                             &owners, err));
        FIRN_TRY(walk_records(txn, schemas, &owners, &records, err));
    }
out:
    firn_buf_deinit(&owners.numbers);
    return rc;
}

/* Drops what a crash between two steps has left. */
static int
drop_strays(struct firn_db *db, const struct firn_rows_changing *changing, firn_error *err)
{
    struct firn_db_keyspace *schemas = changing->schemas;
    struct sweep sweep = {.schemas = schemas};
    const struct firn_db_txn_run run = {
        .attempts_max = CHANGE_ATTEMPTS_MAX, .work = delete_stray_records, .ctx = &sweep};
    firn_os_mutex_assert_held(&changing->catalog->mutex);
    int rc = firn_db_txn_run(db, &run, err);
    while (rc == FIRN_OK) {
        struct stray stray = {.schemas = schemas, .err = err};
        rc = firn_db_keyspace_list(db, look_at_name, &stray, err);
        if (rc != FIRN_OK || stray.name[0] == '\0') {
            break;
        }
        rc = drop_stray(db, schemas, stray.name, err);
    }
    changing->catalog->creations_left = rc == FIRN_OK ? sweep.count : 0;
    return rc;
}

int
firn_rows_drop_strays(struct firn_db *db, firn_error *err)
{
    struct firn_rows_changing changing;
    int rc = firn_rows_begin_change(db, &changing, err);
    rc = rc == FIRN_OK ? drop_strays(db, &changing, err) : rc;
    firn_rows_end_change(&changing);
    return rc;
}

/* ---- creating ---- */

static int
refuse_taken(const struct firn_db_keyspace *taken, firn_error *err)
{
    DCHECK(taken != NULL);
    bool is_table = firn_db_keyspace_type(taken) == FIRN_KEYSPACE_ENTRY_TABLE;
    return firn_error_set(err, FIRN_EXISTS, "there is a %s '%s' already",
                          is_table ? "table" : "keyspace", firn_db_keyspace_name(taken));
}

/* FIRN_OK where nothing has the name. */
static int
check_free(struct firn_db *db, const char *name, firn_error *err)
{
    struct firn_db_keyspace *taken;
    int rc = firn_db_keyspace_open_existing(db, name, &taken, err);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc == FIRN_OK ? refuse_taken(taken, err) : rc;
}

static int
take_number(struct firn_db *db, uint64_t *out, firn_error *err)
{
    int rc = FIRN_OK;
    *out = 0;
    while (rc == FIRN_OK && *out == 0) { /* 0 is none */
        rc = firn_os_random(firn_db_os(db), out, sizeof *out, err);
    }
    DCHECK(rc != FIRN_OK || *out != 0);
    return rc;
}

static int
create_indexes(struct firn_db *db, uint64_t number, const struct firn_schema *schema,
               firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < schema->index_count && rc == FIRN_OK; i++) {
        struct firn_db_keyspace *made;
        char name[FIRN_ROWS_INDEX_NAME_SIZE];
        firn_rows_name_index(number, schema->indexes[i].id, name);
        rc = firn_db_keyspace_create(db, name, &made, err);
    }
    return rc;
}

/* What cannot be dropped stays as a stray. */
static void
drop_indexes(struct firn_db *db, struct firn_db_keyspace *schemas, uint64_t number,
             const struct firn_schema *schema)
{
    for (size_t i = 0; i < schema->index_count; i++) {
        char name[FIRN_ROWS_INDEX_NAME_SIZE];
        firn_rows_name_index(number, schema->indexes[i].id, name);
        FIRN_IGNORE(drop_stray(db, schemas, name, NULL));
    }
}

/* The steps, with the right to change tables. */
static int
create(struct firn_db *db, const char *name, const struct firn_schema *schema,
       const struct firn_rows_changing *changing, struct firn_db_keyspace **out, firn_error *err)
{
    struct firn_db_keyspace *schemas = changing->schemas;
    struct firn_rows_catalog *catalog = changing->catalog;
    struct firn_keyspace_entry entry = {.type = FIRN_KEYSPACE_ENTRY_TABLE};
    uint8_t key[FIRN_DB_SCHEMA_KEY_SIZE];
    struct record_guard own = {.schemas = schemas, .key = key, .must_exist = true};
    const struct firn_db_keyspace_guard guard = {check_record, &own};
    struct firn_buf record = {0};
    int rc;
    DCHECK(schema->version == 1);
    FIRN_TRY(check_free(db, name, err));
    if (catalog->creations_left == 0) {
        FIRN_TRY(drop_strays(db, changing, err));
    } else {
        catalog->creations_left--;
    }
    FIRN_TRY(firn_schema_record_encode(schema, &record, err));
    FIRN_TRY(take_number(db, &entry.schema, err));
    encode_schema_key(entry.schema, key);
    rc = create_indexes(db, entry.schema, schema, err);
    if (rc == FIRN_OK) {
        rc = firn_db_put(schemas, firn_bytes(key, sizeof key), firn_buf_slice(&record),
                         FIRN_DURABILITY_DEFAULT, err); /* (I1) */
    }
    if (rc == FIRN_OK) {
        rc = firn_db_keyspace_create_if(db, name, &entry, &guard, out, err);
    }
    if (rc != FIRN_OK) { /* the name was not created (I3) */
        FIRN_IGNORE(
            firn_db_delete(schemas, firn_bytes(key, sizeof key), FIRN_DURABILITY_DEFAULT, NULL));
        drop_indexes(db, schemas, entry.schema, schema);
        catalog->creations_left = 0;
    }
out:
    firn_buf_deinit(&record);
    return rc;
}

int
firn_rows_create(struct firn_db *db, const char *name, const firn_table_def *def,
                 struct firn_table **out, firn_error *err)
{
    struct firn_schema *schema = NULL;
    struct firn_rows_changing changing = {.catalog = NULL};
    struct firn_db_keyspace *rows = NULL;
    struct firn_table *prepared = NULL;
    int rc;
    *out = NULL;
    FIRN_TRY(firn_schema_def_create(def, &schema, err));
    FIRN_TRY(firn_rows_begin_change(db, &changing, err));
    FIRN_TRY(prepare_handle(db, &prepared, err));
    FIRN_TRY(create(db, name, schema, &changing, &rows, err));
    CHECK(prepared != NULL && rows != NULL); /* (I3) */
    *out = attach_handle(prepared, rows, changing.schemas);
    prepared = NULL;
out:
    firn_rows_end_change(&changing);
    if (prepared != NULL) {
        destroy_table(prepared);
    }
    firn_schema_unref(schema);
    return rc;
}

/* ---- dropping ---- */

/* Checks that the name is still that of the table. */
static int
check_own_name(void *ctx, firn_error *err)
{
    const struct firn_table *table = ctx;
    struct firn_db_keyspace *found;
    int rc = firn_db_keyspace_open_existing(table->db, firn_rows_name(table), &found, err);
    return rc == FIRN_OK && found != table->rows
               ? firn_error_set(err, FIRN_CONFLICT,
                                "the store was restored to a checkpoint meanwhile")
               : rc;
}

/* Deletes the record, unless a restore has brought the table back. */
static int
delete_record(void *ctx, struct firn_db_txn *txn, firn_error *err)
{
    const struct firn_table *table = ctx;
    struct firn_db_keyspace *found;
    int rc = firn_db_keyspace_open_in(firn_db_txn_view(txn), firn_rows_name(table), &found, err);
    if (rc == FIRN_NOT_FOUND || (rc == FIRN_OK && found != table->rows)) {
        rc = firn_db_txn_delete(txn, table->schemas, firn_rows_schema_key(table), err);
    }
    return rc;
}

int
firn_rows_drop(struct firn_db *db, const char *name, firn_error *err)
{
    struct firn_rows_changing changing = {.catalog = NULL};
    struct firn_schema *schema = NULL;
    struct firn_table *table;
    int rc;
    FIRN_TRY(firn_rows_begin_change(db, &changing, err));
    FIRN_TRY(firn_rows_open(db, name, &table, err));
    FIRN_TRY(firn_rows_schema(table, NULL, &schema, err));
    const struct firn_db_keyspace_guard guard = {check_own_name, table};
    FIRN_TRY(firn_db_keyspace_drop_if(db, name, &guard, err));
    /* The table is gone: if this fails, creating the next table drops the rest. */
    const struct firn_db_txn_run run = {
        .attempts_max = CHANGE_ATTEMPTS_MAX, .work = delete_record, .ctx = table};
    FIRN_IGNORE(firn_db_txn_run(db, &run, NULL));
    drop_indexes(db, table->schemas, firn_db_keyspace_schema(table->rows), schema);
out:
    firn_rows_end_change(&changing);
    firn_schema_unref(schema);
    return rc;
}

/* ---- numbers of columns and indexes (I2) ---- */

struct numbers {
    uint64_t next_column;
    uint64_t next_index;
};

static int
read_numbers(struct firn_db_keyspace *tables, const struct firn_table *table, struct numbers *out,
             firn_error *err)
{
    uint8_t memory[32];
    struct firn_buf value = firn_buf_borrowed(memory, sizeof memory);
    *out = (struct numbers){0, 0};
    int rc = firn_db_get(tables, firn_rows_schema_key(table), &value, err);
    if (rc == FIRN_OK) {
        struct firn_reader reader = firn_reader_of(firn_buf_slice(&value));
        if (!firn_reader_varint_max(&reader, UINT32_MAX, &out->next_column) ||
            !firn_reader_varint_max(&reader, UINT32_MAX, &out->next_index) ||
            firn_reader_left(&reader) != 0) {
            rc = firn_error_set(err, FIRN_CORRUPT, "the numbers of the table '%s' make no sense",
                                firn_rows_name(table));
        }
    }
    firn_buf_deinit(&value);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
write_numbers(struct firn_db_keyspace *tables, const struct firn_table *table,
              const struct numbers *numbers, firn_error *err)
{
    uint8_t memory[32];
    struct firn_buf value = firn_buf_borrowed(memory, sizeof memory);
    int rc;
    DCHECK(numbers->next_column > 0 && numbers->next_index > 0);
    FIRN_TRY(firn_buf_append_varint(&value, numbers->next_column));
    FIRN_TRY(firn_buf_append_varint(&value, numbers->next_index));
    rc = firn_db_put(tables, firn_rows_schema_key(table), firn_buf_slice(&value),
                     FIRN_DURABILITY_DEFAULT, err);
out:
    firn_buf_deinit(&value);
    return rc;
}

/* The schema with next numbers that no other history of the table has given. */
static int
with_free_numbers(const struct firn_table *table, const struct firn_schema *schema,
                  struct firn_schema **out, firn_error *err)
{
    struct firn_db_keyspace *tables;
    struct numbers numbers;
    FIRN_TRY_RETURN(firn_db_keyspace_open(table->db, numbers_name, &tables, err));
    FIRN_TRY_RETURN(read_numbers(tables, table, &numbers, err));
    struct firn_schema model = firn_schema_model(schema);
    if (numbers.next_column > model.next_column) {
        model.next_column = (uint32_t)numbers.next_column;
    }
    if (numbers.next_index > model.next_index) {
        model.next_index = (uint32_t)numbers.next_index;
    }
    return firn_schema_create(&model, out, err);
}

/* Stores the next numbers of a new schema, before the schema is written. */
static int
keep_numbers(const struct firn_table *table, const struct firn_schema *schema, firn_error *err)
{
    struct firn_db_keyspace *tables;
    struct numbers numbers;
    FIRN_TRY_RETURN(firn_db_keyspace_open(table->db, numbers_name, &tables, err));
    FIRN_TRY_RETURN(read_numbers(tables, table, &numbers, err));
    if (schema->next_column > numbers.next_column || schema->next_index > numbers.next_index) {
        numbers = (struct numbers){schema->next_column, schema->next_index};
        FIRN_TRY_RETURN(write_numbers(tables, table, &numbers, err));
    }
    return FIRN_OK;
}

int
firn_rows_change_schema(struct firn_table *table, struct firn_db_txn *txn,
                        const struct firn_rows_change *change, struct firn_schema **out,
                        firn_error *err)
{
    struct firn_schema *old = NULL;
    struct firn_schema *raised = NULL;
    int rc;
    *out = NULL;
    FIRN_TRY(firn_rows_schema_for_write(table, txn, &old, err));
    FIRN_TRY(with_free_numbers(table, old, &raised, err));
    FIRN_TRY(change->change(change->ctx, raised, out, err));
    DCHECK((*out)->next_column >= old->next_column &&
           (*out)->next_index >= old->next_index); /* (I2) */
    DCHECK((*out)->version > old->version);        /* (I1) */
    FIRN_TRY(keep_numbers(table, *out, err));
out:
    firn_schema_unref(old);
    firn_schema_unref(raised);
    if (rc != FIRN_OK) {
        firn_schema_unref(*out);
        *out = NULL;
    }
    return rc;
}

int
firn_rows_write_schema(struct firn_table *table, struct firn_db_txn *txn,
                       const struct firn_schema *schema, firn_error *err)
{
    struct firn_buf record = {0};
    int rc = firn_schema_record_encode(schema, &record, err);
    if (rc == FIRN_OK) {
        rc = firn_db_txn_put(txn, table->schemas, firn_rows_schema_key(table),
                             firn_buf_slice(&record), err);
    }
    firn_buf_deinit(&record);
    return rc;
}

/* ---- changing ---- */

struct altering {
    struct firn_table *table;
    const struct firn_rows_change *change;
};

/* Rewrites the record (I1). */
static int
alter(void *ctx, struct firn_db_txn *txn, firn_error *err)
{
    const struct altering *altering = ctx;
    struct firn_schema *made;
    DCHECK(altering->change->change != NULL);
    int rc = firn_rows_change_schema(altering->table, txn, altering->change, &made, err);
    if (rc == FIRN_OK) {
        rc = firn_rows_write_schema(altering->table, txn, made, err);
        firn_schema_unref(made);
    }
    return rc;
}

int
firn_rows_alter(struct firn_table *table, const struct firn_rows_change *change, firn_error *err)
{
    struct altering altering = {table, change};
    const struct firn_db_txn_run run = {
        .attempts_max = CHANGE_ATTEMPTS_MAX, .work = alter, .ctx = &altering};
    struct firn_rows_changing changing;
    int rc = firn_rows_begin_change(table->db, &changing, err);
    if (rc == FIRN_OK) {
        rc = firn_db_txn_run(table->db, &run, err);
        firn_rows_end_change(&changing);
    }
    return rc;
}
