/* SPDX-License-Identifier: Apache-2.0
 *
 * rows/rows.c: tables: creating, opening, changing and dropping them.
 *
 * A table is created in steps, each a commit: the keyspaces of its indexes, the record of its
 * schema, and last its name, which makes it visible. It is dropped in the reverse order. So every
 * snapshot that has the name has the rest. A crash or a failure can leave records that no table
 * has, and keyspaces of indexes without a record: these are dropped when the next table is created.
 *
 * One thread of the process creates or changes tables at a time (struct fi_rows_catalog, kept
 * with the keyspace of the schemas); no other process can. A restore of the store also changes
 * schemas, and may come between any two steps. The transactions here conflict with a restore as all
 * others do. Before a name is created or dropped, a guard checks again, while no restore can run,
 * that this is still right (struct fi_db_keyspace_guard).
 *
 * (I1) A record is only written by a transaction that has read it, or for a number that is not
 *      used.
 * (I2) No number of a column or an index is given twice in a table, even if a restore has removed
 *      the first one from the schema: rows of the other history may still have it. So the next
 *      numbers are also kept outside of snapshots, in the keyspace "firn.tables", and written there
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

static const char numbers_name[] = FI_DB_SYSTEM_PREFIX "tables";
#define INDEX_PREFIX FI_DB_TABLE_PREFIX "index:"
enum { CHANGE_ATTEMPTS_MAX = 1000 };

/* ---- the keyspace of the schemas ---- */

struct fi_rows_catalog {
    struct fi_os_mutex mutex; /* rank TABLES */
    /* How many tables may be created until strays are looked for again. That takes time for each
     * table, so it is done by the first one that is created, after one that failed, and whenever
     * there are about twice as many as then. */
    uint64_t creations_left;
};

static void
destroy_catalog(void *object)
{
    struct fi_rows_catalog *catalog = object;
    DCHECK(catalog != NULL);
    fi_os_mutex_deinit(&catalog->mutex);
    fi_free(catalog);
}

/* The object that is kept with the keyspace; NULL if there is no memory. */
static struct fi_rows_catalog *
catalog_of(struct firn_db_keyspace *schemas)
{
    struct fi_rows_catalog *catalog = fi_db_keyspace_attached(schemas);
    if (catalog != NULL) {
        return catalog;
    }
    catalog = fi_alloc_zeroed(sizeof *catalog);
    if (catalog == NULL) {
        return NULL;
    }
    fi_os_mutex_init(fi_db_os(fi_db_keyspace_db(schemas)), &catalog->mutex, FI_LOCK_TABLES);
    return fi_db_keyspace_attach(schemas, catalog, destroy_catalog);
}

int
fi_rows_begin_change(struct firn_db *db, struct fi_rows_changing *out, firn_error *err)
{
    *out = (struct fi_rows_changing){.schemas = NULL};
    if (fi_db_is_read_only(db)) {
        return fi_error_set(err, FIRN_READ_ONLY, "the store was opened read-only");
    }
    int rc = fi_db_keyspace_open(db, FI_DB_SCHEMAS, &out->schemas, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    out->catalog = catalog_of(out->schemas);
    if (out->catalog == NULL) {
        return fi_error_no_memory(err, "a table");
    }
    fi_os_mutex_lock(&out->catalog->mutex);
    DCHECK(out->schemas != NULL && fi_db_keyspace_db(out->schemas) == db);
    return FIRN_OK;
}

void
fi_rows_end_change(struct fi_rows_changing *changing)
{
    if (changing->catalog != NULL) {
        fi_os_mutex_assert_held(&changing->catalog->mutex);
        fi_os_mutex_unlock(&changing->catalog->mutex);
        changing->catalog = NULL;
    }
}

static void
encode_schema_key(uint64_t number, uint8_t out[FI_DB_SCHEMA_KEY_SIZE])
{
    DCHECK(number != 0);
    for (size_t i = 0; i < FI_DB_SCHEMA_KEY_SIZE; i++) {
        out[i] = (uint8_t)(number >> (8 * (FI_DB_SCHEMA_KEY_SIZE - 1 - i)));
    }
}

void
fi_rows_name_index(uint64_t schema, uint32_t index, char *out)
{
    DCHECK(schema != 0 && index != 0);
    int size = snprintf(out, FI_ROWS_INDEX_NAME_SIZE, INDEX_PREFIX "%016" PRIx64 ":%" PRIu32,
                        schema, index);
    CHECK(size > 0 && size < FI_ROWS_INDEX_NAME_SIZE);
}

/* ---- handles ---- */

static void
destroy_table(void *object)
{
    struct firn_table *table = object;
    DCHECK(table->indexes.size % sizeof(struct fi_rows_index) == 0);
    fi_rows_leave_spare(table, NULL);
    fi_schema_unref(table->cached);
    fi_buf_deinit(&table->record);
    fi_buf_deinit(&table->indexes);
    fi_os_mutex_deinit(&table->mutex);
    fi_free(table);
}

/* Memory for a handle. */
static int
prepare_handle(struct firn_db *db, struct firn_table **out, firn_error *err)
{
    struct firn_table *table = fi_alloc_zeroed(sizeof *table);
    *out = table;
    if (table == NULL) {
        return fi_error_no_memory(err, "a table");
    }
    fi_os_process_init_mark(&table->mark);
    fi_os_mutex_init(fi_db_os(db), &table->mutex, FI_LOCK_TABLE);
    table->db = db;
    return FIRN_OK;
}

/* The handle of a keyspace: the prepared one, or the one of a thread that was faster. */
static struct firn_table *
attach_handle(struct firn_table *table, struct firn_db_keyspace *rows,
              struct firn_db_keyspace *schemas)
{
    DCHECK(table->rows == NULL && fi_db_keyspace_db(rows) == table->db);
    DCHECK(fi_db_keyspace_type(rows) == FI_STOREFILE_KEYSPACE_TABLE);
    table->rows = rows;
    table->schemas = schemas;
    encode_schema_key(fi_db_keyspace_schema(rows), table->schema_key);
    return fi_db_keyspace_attach(rows, table, destroy_table);
}

/* The handle of a keyspace that was found by its name, in a snapshot or (NULL) now. The keyspace of
 * the schemas comes from the same state: another history may have a different one. */
static int
handle_of(struct firn_snapshot *snapshot, struct firn_db_keyspace *rows, struct firn_table **out,
          firn_error *err)
{
    struct firn_db *db = fi_db_keyspace_db(rows);
    struct firn_db_keyspace *schemas;
    struct firn_table *made;
    if (fi_db_keyspace_type(rows) != FI_STOREFILE_KEYSPACE_TABLE) {
        return fi_error_set(err, FIRN_INVALID, "'%s' is a keyspace, not a table",
                            fi_db_keyspace_name(rows));
    }
    *out = fi_db_keyspace_attached(rows);
    if (*out != NULL) {
        return FIRN_OK;
    }
    int rc = snapshot != NULL ? fi_db_keyspace_open_in(snapshot, FI_DB_SCHEMAS, &schemas, err)
                              : fi_db_keyspace_open_existing(db, FI_DB_SCHEMAS, &schemas, err);
    if (rc == FIRN_NOT_FOUND) {
        return fi_error_set(err, FIRN_CORRUPT, "the store has no schema of the table '%s'",
                            fi_db_keyspace_name(rows));
    }
    rc = rc == FIRN_OK ? prepare_handle(db, &made, err) : rc;
    if (rc == FIRN_OK) {
        *out = attach_handle(made, rows, schemas);
    }
    return rc;
}

int
fi_rows_say_missing(const char *name, firn_error *err)
{
    return fi_error_set(err, FIRN_NOT_FOUND, "there is no table '%s'", name);
}

int
fi_rows_open(struct firn_db *db, const char *name, struct firn_table **out, firn_error *err)
{
    struct firn_db_keyspace *rows;
    *out = NULL;
    int rc = fi_db_keyspace_open_existing(db, name, &rows, err);
    return rc == FIRN_OK          ? handle_of(NULL, rows, out, err)
           : rc == FIRN_NOT_FOUND ? fi_rows_say_missing(name, err)
                                  : rc;
}

int
fi_rows_open_at(struct firn_snapshot *snapshot, const char *name, struct firn_table **out,
                firn_error *err)
{
    struct firn_db_keyspace *rows;
    *out = NULL;
    int rc = fi_db_keyspace_open_in(snapshot, name, &rows, err);
    return rc == FIRN_OK          ? handle_of(snapshot, rows, out, err)
           : rc == FIRN_NOT_FOUND ? fi_rows_say_missing(name, err)
                                  : rc;
}

struct firn_db *
fi_rows_db(const struct firn_table *table)
{
    return table->db;
}

const char *
fi_rows_name(const struct firn_table *table)
{
    return fi_db_keyspace_name(table->rows);
}

struct firn_db_keyspace *
fi_rows_keyspace(const struct firn_table *table)
{
    return table->rows;
}

struct fi_rows_spare *
fi_rows_take_spare(struct firn_table *table)
{
    return atomic_exchange(&table->spare, NULL); /* pairs with leave */
}

void
fi_rows_leave_spare(struct firn_table *table, struct fi_rows_spare *spare)
{
    DCHECK(spare == NULL || spare->destroy != NULL);
    struct fi_rows_spare *before = atomic_exchange(&table->spare, spare); /* pairs with take */
    if (before != NULL) {
        before->destroy(before);
    }
}

/* ---- schemas ---- */

/* The current schema, if nothing was written to schemas since it was read; else NULL. */
static struct fi_schema *
take_stamped(struct firn_table *table, uint64_t stamp)
{
    fi_os_mutex_lock(&table->mutex);
    struct fi_schema *schema = table->stamp == stamp ? table->cached : NULL;
    if (schema != NULL) {
        fi_schema_ref(schema);
    }
    fi_os_mutex_unlock(&table->mutex);
    return schema;
}

/* For messages about conflicts. */
static void
note_schema(struct firn_table *table, struct fi_schema *schema)
{
    fi_db_keyspace_note_schema(table->rows, schema, 0, table->rows);
    fi_os_mutex_lock(&table->mutex);
    const struct fi_rows_index *known = (const void *)table->indexes.data;
    for (size_t i = 0; i < table->indexes.size / sizeof *known; i++) {
        fi_db_keyspace_note_schema(known[i].keyspace, schema, known[i].id, table->rows);
    }
    fi_os_mutex_unlock(&table->mutex);
}

/* The schema that a record encodes; the record that was read last is not decoded again. stamp is
 * that of schemas before the current record was read, or 0. */
static int
schema_of(struct firn_table *table, firn_slice record, uint64_t stamp, struct fi_schema **out,
          firn_error *err)
{
    fi_os_mutex_lock(&table->mutex);
    DCHECK(table->cached == NULL || table->record.size > 0);
    bool is_cached = table->cached != NULL && fi_slice_equal(record, fi_buf_slice(&table->record));
    if (is_cached) {
        *out = table->cached;
        fi_schema_ref(*out);
        table->stamp = stamp != 0 ? stamp : table->stamp;
    }
    fi_os_mutex_unlock(&table->mutex);
    if (is_cached) {
        return FIRN_OK;
    }
    int rc = fi_schema_record_decode(record, out, err);
    if (rc != FIRN_OK) {
        fi_error_prefix(err, "the schema of the table '%s'", fi_rows_name(table));
        return rc;
    }
    note_schema(table, *out);
    fi_os_mutex_lock(&table->mutex);
    if (fi_buf_assign(&table->record, record) == FIRN_OK) {
        fi_schema_unref(table->cached);
        table->cached = *out;
        fi_schema_ref(*out);
        table->stamp = stamp;
    } else {
        fi_schema_unref(table->cached);
        table->cached = NULL;
        table->stamp = 0;
    }
    fi_os_mutex_unlock(&table->mutex);
    return FIRN_OK;
}

int
fi_rows_schema(struct firn_table *table, struct firn_snapshot *snapshot, struct fi_schema **out,
               firn_error *err)
{
    uint8_t memory[512];
    struct fi_buf record = fi_buf_borrowed(memory, sizeof memory);
    uint64_t stamp = fi_db_get_stamp(table->schemas, snapshot);
    *out = stamp != 0 ? take_stamped(table, stamp) : NULL;
    if (*out != NULL) {
        return FIRN_OK;
    }
    int rc = fi_db_get_at(table->schemas, snapshot, fi_rows_schema_key(table), &record, err);
    if (rc == FIRN_OK) {
        rc = schema_of(table, fi_buf_slice(&record), stamp, out, err);
    } else if (rc == FIRN_NOT_FOUND || rc == FIRN_MISUSE) {
        /* Misuse: the schemas are those of a history that a restore has left. */
        rc = fi_rows_say_missing(fi_rows_name(table), err);
    }
    DCHECK((rc == FIRN_OK) == (*out != NULL));
    fi_buf_deinit(&record);
    return rc;
}

int
fi_rows_schema_for_write(struct firn_table *table, struct firn_txn *txn, struct fi_schema **out,
                         firn_error *err)
{
    *out = NULL;
    DCHECK(txn != NULL);
    int rc = fi_txn_depend(txn, table->schemas, fi_rows_schema_key(table), err);
    return rc == FIRN_OK ? fi_rows_schema(table, fi_txn_snapshot(txn), out, err) : rc;
}

/* ---- strays: records and keyspaces without a table ---- */

struct stray {
    struct firn_db_keyspace *schemas;
    char name[FI_ROWS_INDEX_NAME_SIZE]; /* of one; "": none was found */
    firn_error *err;
};

/* The key of the schema's record, from the name of an index's keyspace. */
static bool
read_schema_of_index(const char *name, uint8_t out[FI_DB_SCHEMA_KEY_SIZE])
{
    size_t prefix = sizeof INDEX_PREFIX - 1;
    size_t size = strlen(name);
    return size > prefix + (size_t)2 * FI_DB_SCHEMA_KEY_SIZE && size < FI_ROWS_INDEX_NAME_SIZE &&
           strncmp(name, INDEX_PREFIX, prefix) == 0 &&
           fi_hex_decode(name + prefix, out, FI_DB_SCHEMA_KEY_SIZE);
}

static int
inspect_name(void *ctx, const char *name)
{
    struct stray *stray = ctx;
    uint8_t key[FI_DB_SCHEMA_KEY_SIZE];
    bool exists;
    if (stray->name[0] != '\0' || !read_schema_of_index(name, key)) {
        return FIRN_OK;
    }
    int rc = fi_db_get_exists(stray->schemas, firn_bytes(key, sizeof key), &exists, stray->err);
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
    int rc = fi_db_get_exists(guard->schemas, firn_bytes(guard->key, FI_DB_SCHEMA_KEY_SIZE),
                              &exists, err);
    if ((rc == FIRN_OK && exists != guard->must_exist) || rc == FIRN_MISUSE) {
        rc = fi_error_set(err, FIRN_CONFLICT, "the store was restored to a checkpoint meanwhile");
    }
    return rc;
}

/* Drops the keyspace of an index, unless there is a record that may name it. */
static int
drop_stray(struct firn_db *db, struct firn_db_keyspace *schemas, const char *name, firn_error *err)
{
    uint8_t key[FI_DB_SCHEMA_KEY_SIZE];
    struct record_guard record = {.schemas = schemas, .key = key, .must_exist = false};
    const struct fi_db_keyspace_guard guard = {check_record, &record};
    CHECK(read_schema_of_index(name, key));
    return fi_db_keyspace_drop_if(db, name, &guard, err);
}

struct owners {
    struct firn_snapshot *snapshot;
    struct fi_buf numbers; /* of the schemas of all tables: keys of their records */
    size_t count;          /* of tables */
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
    uint8_t key[FI_DB_SCHEMA_KEY_SIZE];
    int rc = fi_db_keyspace_open_in(owners->snapshot, name, &rows, owners->err);
    if (rc != FIRN_OK) {
        return rc;
    }
    DCHECK(fi_db_keyspace_type(rows) == FI_STOREFILE_KEYSPACE_TABLE);
    encode_schema_key(fi_db_keyspace_schema(rows), key);
    return fi_buf_append(&owners->numbers, key, sizeof key) == FIRN_OK
               ? FIRN_OK
               : fi_error_no_memory(owners->err, "a table");
}

static bool
has_owner(const struct owners *owners, firn_slice key)
{
    bool is_found = false;
    DCHECK(owners->numbers.size == owners->count * FI_DB_SCHEMA_KEY_SIZE);
    for (size_t i = 0; i < owners->numbers.size && !is_found; i += FI_DB_SCHEMA_KEY_SIZE) {
        is_found = fi_slice_equal(key, firn_bytes(owners->numbers.data + i, FI_DB_SCHEMA_KEY_SIZE));
    }
    return is_found;
}

/* Visits the records that the transaction sees; with owners, deletes those that no owner has. */
static int
walk_records(struct firn_txn *txn, struct firn_db_keyspace *schemas, const struct owners *owners,
             size_t *out_count, firn_error *err)
{
    const struct fi_db_cursor_options keys = {.keys_only = true};
    struct firn_db_cursor *cursor = NULL;
    int rc;
    *out_count = 0;
    FI_TRY(fi_txn_cursor_open(txn, schemas, &keys, &cursor, err));
    FI_TRY(fi_db_cursor_first(cursor, err));
    while (fi_db_cursor_valid(cursor)) {
        firn_slice key = fi_db_cursor_key(cursor);
        (*out_count)++;
        if (owners != NULL && !has_owner(owners, key)) {
            FI_TRY(fi_txn_delete(txn, schemas, key, err));
        }
        FI_TRY(fi_db_cursor_next(cursor, err));
    }
out:
    fi_db_cursor_close(cursor);
    return rc;
}

struct sweep {
    struct firn_db_keyspace *schemas;
    size_t count; /* of tables */
};

/* Deletes records that no table has. If the store is restored meanwhile, nothing is deleted. */
static int
delete_stray_records(void *ctx, struct firn_txn *txn, firn_error *err)
{
    struct sweep *sweep = ctx;
    struct firn_db_keyspace *schemas = sweep->schemas;
    struct owners owners = {.snapshot = fi_txn_snapshot(txn), .err = err};
    size_t records;
    int rc;
    FI_TRY(walk_records(txn, schemas, NULL, &records, err));
    FI_TRY(fi_db_keyspace_list_of_in(owners.snapshot, FI_STOREFILE_KEYSPACE_TABLE, count_table,
                                     &owners, err));
    sweep->count = owners.count;
    if (records > owners.count) {
        FI_TRY(fi_db_keyspace_list_of_in(owners.snapshot, FI_STOREFILE_KEYSPACE_TABLE, note_owner,
                                         &owners, err));
        FI_TRY(walk_records(txn, schemas, &owners, &records, err));
    }
out:
    fi_buf_deinit(&owners.numbers);
    return rc;
}

/* Drops what a crash between two steps has left. */
static int
drop_strays(struct firn_db *db, const struct fi_rows_changing *changing, firn_error *err)
{
    struct firn_db_keyspace *schemas = changing->schemas;
    struct sweep sweep = {.schemas = schemas};
    const struct fi_txn_run run = {
        .attempts_max = CHANGE_ATTEMPTS_MAX, .work = delete_stray_records, .ctx = &sweep};
    fi_os_mutex_assert_held(&changing->catalog->mutex);
    int rc = fi_txn_run(db, &run, err);
    while (rc == FIRN_OK) {
        struct stray stray = {.schemas = schemas, .err = err};
        rc = fi_db_keyspace_list(db, inspect_name, &stray, err);
        if (rc != FIRN_OK || stray.name[0] == '\0') {
            break;
        }
        rc = drop_stray(db, schemas, stray.name, err);
    }
    changing->catalog->creations_left = rc == FIRN_OK ? sweep.count : 0;
    return rc;
}

int
fi_rows_drop_strays(struct firn_db *db, firn_error *err)
{
    struct fi_rows_changing changing;
    int rc = fi_rows_begin_change(db, &changing, err);
    rc = rc == FIRN_OK ? drop_strays(db, &changing, err) : rc;
    fi_rows_end_change(&changing);
    return rc;
}

/* ---- creating ---- */

static int
refuse_taken(const struct firn_db_keyspace *taken, firn_error *err)
{
    DCHECK(taken != NULL);
    bool is_table = fi_db_keyspace_type(taken) == FI_STOREFILE_KEYSPACE_TABLE;
    return fi_error_set(err, FIRN_EXISTS, "there is a %s '%s' already",
                        is_table ? "table" : "keyspace", fi_db_keyspace_name(taken));
}

/* FIRN_OK where nothing has the name. */
static int
check_free(struct firn_db *db, const char *name, firn_error *err)
{
    struct firn_db_keyspace *taken;
    int rc = fi_db_keyspace_open_existing(db, name, &taken, err);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc == FIRN_OK ? refuse_taken(taken, err) : rc;
}

static int
take_number(struct firn_db *db, uint64_t *out, firn_error *err)
{
    int rc = FIRN_OK;
    *out = 0;
    while (rc == FIRN_OK && *out == 0) { /* 0 is none */
        rc = fi_os_random(fi_db_os(db), out, sizeof *out, err);
    }
    DCHECK(rc != FIRN_OK || *out != 0);
    return rc;
}

static int
create_indexes(struct firn_db *db, uint64_t number, const struct fi_schema *schema, firn_error *err)
{
    int rc = FIRN_OK;
    for (size_t i = 0; i < schema->index_count && rc == FIRN_OK; i++) {
        struct firn_db_keyspace *made;
        char name[FI_ROWS_INDEX_NAME_SIZE];
        fi_rows_name_index(number, schema->indexes[i].id, name);
        rc = fi_db_keyspace_create(db, name, &made, err);
    }
    return rc;
}

/* What cannot be dropped stays as a stray. */
static void
drop_indexes(struct firn_db *db, struct firn_db_keyspace *schemas, uint64_t number,
             const struct fi_schema *schema)
{
    for (size_t i = 0; i < schema->index_count; i++) {
        char name[FI_ROWS_INDEX_NAME_SIZE];
        fi_rows_name_index(number, schema->indexes[i].id, name);
        FI_IGNORE(drop_stray(db, schemas, name, NULL));
    }
}

/* The steps, with the right to change tables. */
static int
rows_create(struct firn_db *db, const char *name, const struct fi_schema *schema,
            const struct fi_rows_changing *changing, struct firn_db_keyspace **out, firn_error *err)
{
    struct firn_db_keyspace *schemas = changing->schemas;
    struct fi_rows_catalog *catalog = changing->catalog;
    struct fi_storefile_keyspace entry = {.type = FI_STOREFILE_KEYSPACE_TABLE};
    uint8_t key[FI_DB_SCHEMA_KEY_SIZE];
    struct record_guard own = {.schemas = schemas, .key = key, .must_exist = true};
    const struct fi_db_keyspace_guard guard = {check_record, &own};
    struct fi_buf record = {0};
    int rc;
    DCHECK(schema->version == 1);
    FI_TRY(check_free(db, name, err));
    if (catalog->creations_left == 0) {
        FI_TRY(drop_strays(db, changing, err));
    } else {
        catalog->creations_left--;
    }
    FI_TRY(fi_schema_record_encode(schema, &record, err));
    FI_TRY(take_number(db, &entry.schema, err));
    encode_schema_key(entry.schema, key);
    rc = create_indexes(db, entry.schema, schema, err);
    if (rc == FIRN_OK) {
        rc = fi_db_put(schemas, firn_bytes(key, sizeof key), fi_buf_slice(&record),
                       FIRN_DURABILITY_DEFAULT, err); /* (I1) */
    }
    if (rc == FIRN_OK) {
        rc = fi_db_keyspace_create_if(db, name, &entry, &guard, out, err);
    }
    if (rc != FIRN_OK) { /* the name was not created (I3) */
        FI_IGNORE(
            fi_db_delete(schemas, firn_bytes(key, sizeof key), FIRN_DURABILITY_DEFAULT, NULL));
        drop_indexes(db, schemas, entry.schema, schema);
        catalog->creations_left = 0;
    }
out:
    fi_buf_deinit(&record);
    return rc;
}

int
fi_rows_create(struct firn_db *db, const char *name, const firn_table_def *def,
               struct firn_table **out, firn_error *err)
{
    struct fi_schema *schema = NULL;
    struct fi_rows_changing changing = {.catalog = NULL};
    struct firn_db_keyspace *rows = NULL;
    struct firn_table *prepared = NULL;
    int rc;
    *out = NULL;
    FI_TRY(fi_schema_def_create(def, &schema, err));
    FI_TRY(fi_rows_begin_change(db, &changing, err));
    FI_TRY(prepare_handle(db, &prepared, err));
    FI_TRY(rows_create(db, name, schema, &changing, &rows, err));
    CHECK(prepared != NULL && rows != NULL); /* (I3) */
    *out = attach_handle(prepared, rows, changing.schemas);
    prepared = NULL;
out:
    fi_rows_end_change(&changing);
    if (prepared != NULL) {
        destroy_table(prepared);
    }
    fi_schema_unref(schema);
    return rc;
}

/* ---- dropping ---- */

/* Checks that the name is still that of the table. */
static int
check_own_name(void *ctx, firn_error *err)
{
    const struct firn_table *table = ctx;
    struct firn_db_keyspace *found;
    int rc = fi_db_keyspace_open_existing(table->db, fi_rows_name(table), &found, err);
    return rc == FIRN_OK && found != table->rows
               ? fi_error_set(err, FIRN_CONFLICT,
                              "the store was restored to a checkpoint meanwhile")
               : rc;
}

/* Deletes the record, unless a restore has brought the table back. */
static int
delete_record(void *ctx, struct firn_txn *txn, firn_error *err)
{
    const struct firn_table *table = ctx;
    struct firn_db_keyspace *found;
    int rc = fi_db_keyspace_open_in(fi_txn_snapshot(txn), fi_rows_name(table), &found, err);
    if (rc == FIRN_NOT_FOUND || (rc == FIRN_OK && found != table->rows)) {
        rc = fi_txn_delete(txn, table->schemas, fi_rows_schema_key(table), err);
    }
    return rc;
}

int
fi_rows_drop(struct firn_db *db, const char *name, firn_error *err)
{
    struct fi_rows_changing changing = {.catalog = NULL};
    struct fi_schema *schema = NULL;
    struct firn_table *table;
    int rc;
    FI_TRY(fi_rows_begin_change(db, &changing, err));
    FI_TRY(fi_rows_open(db, name, &table, err));
    FI_TRY(fi_rows_schema(table, NULL, &schema, err));
    const struct fi_db_keyspace_guard guard = {check_own_name, table};
    FI_TRY(fi_db_keyspace_drop_if(db, name, &guard, err));
    /* The table is gone: if this fails, creating the next table drops the rest. */
    const struct fi_txn_run run = {
        .attempts_max = CHANGE_ATTEMPTS_MAX, .work = delete_record, .ctx = table};
    FI_IGNORE(fi_txn_run(db, &run, NULL));
    drop_indexes(db, table->schemas, fi_db_keyspace_schema(table->rows), schema);
out:
    fi_rows_end_change(&changing);
    fi_schema_unref(schema);
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
    struct fi_buf value = fi_buf_borrowed(memory, sizeof memory);
    *out = (struct numbers){0, 0};
    int rc = fi_db_get(tables, fi_rows_schema_key(table), &value, err);
    if (rc == FIRN_OK) {
        struct fi_reader reader = fi_reader_of(fi_buf_slice(&value));
        if (!fi_reader_varint_max(&reader, UINT32_MAX, &out->next_column) ||
            !fi_reader_varint_max(&reader, UINT32_MAX, &out->next_index) ||
            fi_reader_left(&reader) != 0) {
            rc = fi_error_set(err, FIRN_CORRUPT, "the numbers of the table '%s' make no sense",
                              fi_rows_name(table));
        }
    }
    fi_buf_deinit(&value);
    return rc == FIRN_NOT_FOUND ? FIRN_OK : rc;
}

static int
write_numbers(struct firn_db_keyspace *tables, const struct firn_table *table,
              const struct numbers *numbers, firn_error *err)
{
    uint8_t memory[32];
    struct fi_buf value = fi_buf_borrowed(memory, sizeof memory);
    int rc;
    DCHECK(numbers->next_column > 0 && numbers->next_index > 0);
    FI_TRY(fi_buf_append_varint(&value, numbers->next_column));
    FI_TRY(fi_buf_append_varint(&value, numbers->next_index));
    rc = fi_db_put(tables, fi_rows_schema_key(table), fi_buf_slice(&value), FIRN_DURABILITY_DEFAULT,
                   err);
out:
    fi_buf_deinit(&value);
    return rc;
}

/* The schema with next numbers that no other history of the table has given. */
static int
with_free_numbers(const struct firn_table *table, const struct fi_schema *schema,
                  struct fi_schema **out, firn_error *err)
{
    struct firn_db_keyspace *tables;
    struct numbers numbers;
    FI_TRY_RETURN(fi_db_keyspace_open(table->db, numbers_name, &tables, err));
    FI_TRY_RETURN(read_numbers(tables, table, &numbers, err));
    struct fi_schema model = fi_schema_model(schema);
    if (numbers.next_column > model.next_column) {
        model.next_column = (uint32_t)numbers.next_column;
    }
    if (numbers.next_index > model.next_index) {
        model.next_index = (uint32_t)numbers.next_index;
    }
    return fi_schema_create(&model, out, err);
}

/* Stores the next numbers of a new schema, before the schema is written. */
static int
keep_numbers(const struct firn_table *table, const struct fi_schema *schema, firn_error *err)
{
    struct firn_db_keyspace *tables;
    struct numbers numbers;
    FI_TRY_RETURN(fi_db_keyspace_open(table->db, numbers_name, &tables, err));
    FI_TRY_RETURN(read_numbers(tables, table, &numbers, err));
    if (schema->next_column > numbers.next_column || schema->next_index > numbers.next_index) {
        numbers = (struct numbers){schema->next_column, schema->next_index};
        FI_TRY_RETURN(write_numbers(tables, table, &numbers, err));
    }
    return FIRN_OK;
}

int
fi_rows_change_schema(struct firn_table *table, struct firn_txn *txn,
                      const struct fi_rows_change *change, struct fi_schema **out, firn_error *err)
{
    struct fi_schema *old = NULL;
    struct fi_schema *raised = NULL;
    int rc;
    *out = NULL;
    FI_TRY(fi_rows_schema_for_write(table, txn, &old, err));
    FI_TRY(with_free_numbers(table, old, &raised, err));
    FI_TRY(change->change(change->ctx, raised, out, err));
    DCHECK((*out)->next_column >= old->next_column &&
           (*out)->next_index >= old->next_index); /* (I2) */
    DCHECK((*out)->version > old->version);        /* (I1) */
    FI_TRY(keep_numbers(table, *out, err));
out:
    fi_schema_unref(old);
    fi_schema_unref(raised);
    if (rc != FIRN_OK) {
        fi_schema_unref(*out);
        *out = NULL;
    }
    return rc;
}

int
fi_rows_write_schema(struct firn_table *table, struct firn_txn *txn, const struct fi_schema *schema,
                     firn_error *err)
{
    struct fi_buf record = {0};
    int rc = fi_schema_record_encode(schema, &record, err);
    if (rc == FIRN_OK) {
        rc = fi_txn_put(txn, table->schemas, fi_rows_schema_key(table), fi_buf_slice(&record), err);
    }
    fi_buf_deinit(&record);
    return rc;
}

/* ---- changing ---- */

struct altering {
    struct firn_table *table;
    const struct fi_rows_change *change;
};

/* Rewrites the record (I1). */
static int
rows_alter(void *ctx, struct firn_txn *txn, firn_error *err)
{
    const struct altering *altering = ctx;
    struct fi_schema *made;
    DCHECK(altering->change->change != NULL);
    int rc = fi_rows_change_schema(altering->table, txn, altering->change, &made, err);
    if (rc == FIRN_OK) {
        rc = fi_rows_write_schema(altering->table, txn, made, err);
        fi_schema_unref(made);
    }
    return rc;
}

int
fi_rows_alter(struct firn_table *table, const struct fi_rows_change *change, firn_error *err)
{
    struct altering altering = {table, change};
    const struct fi_txn_run run = {
        .attempts_max = CHANGE_ATTEMPTS_MAX, .work = rows_alter, .ctx = &altering};
    struct fi_rows_changing changing;
    int rc = fi_rows_begin_change(table->db, &changing, err);
    if (rc == FIRN_OK) {
        rc = fi_txn_run(table->db, &run, err);
        fi_rows_end_change(&changing);
    }
    return rc;
}
