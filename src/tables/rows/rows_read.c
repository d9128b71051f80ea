/* SPDX-License-Identifier: Apache-2.0
 *
 * rows/rows_read.c: reading rows by key, by an index, and with cursors.
 *
 * A row is read with the schema of the state that is read: that of the transaction's beginning, of
 * the snapshot, or the current one. A row of the current state may have been written after the
 * schema was looked up. That makes no difference, because a tuple says which columns it has.
 *
 * In an index, the entry gives the primary key, and the key gives the row. A cursor over an index
 * reads both in one state, so the row of an entry is missing only if one of them has expired.
 */
#include "base/check.h"
#include "base/mem.h"
#include "base/slice.h"
#include "rows/rows_internal.h"
#include "run/run_kind.h"

/* What a read needs of its table: the schema, and the columns and the index that were chosen. */
struct reading {
    struct firn_table *table;
    struct firn_txn *txn;
    struct firn_snapshot *snapshot; /* NULL: what the transaction sees, or now */
    struct fi_schema *schema;
    const struct fi_schema_index *index; /* NULL: the primary key */
    struct firn_db_keyspace *index_keyspace;
    /* of the columns, ascending, none twice; NULL: all, in the order of the row */
    uint32_t *places;
    size_t place_count;
    uint32_t *order; /* value i of the row is that of places[order[i]]; NULL: as above */
    size_t column_count;
    firn_value *decoded;                 /* of each place; NULL: as above */
    uint32_t *ids;                       /* of the places, without the key's, which every row has */
    struct fi_run_projection projection; /* of ids; gets use it only if columns are named */
};

struct firn_row {
    firn_value *values;
    size_t count;
    size_t capacity;
    /* What the values refer to. */
    struct fi_buf key;
    struct fi_buf tuple;
    struct fi_buf memory;
    struct fi_schema *schema;
    struct reading reading; /* of the last get, for another one of the same columns */
};

int
fi_rows_read_row_create(struct firn_row **out, firn_error *err)
{
    *out = fi_alloc_zeroed(sizeof **out);
    return *out != NULL ? FIRN_OK : fi_error_no_memory(err, "a row");
}

static void
reading_deinit(struct reading *reading)
{
    fi_schema_unref(reading->schema);
    fi_free(reading->places);
    fi_free(reading->order);
    fi_free(reading->decoded);
    fi_free(reading->ids);
    *reading = (struct reading){.table = NULL};
}

static void
row_deinit(struct firn_row *row)
{
    fi_free(row->values);
    fi_buf_deinit(&row->key);
    fi_buf_deinit(&row->tuple);
    fi_buf_deinit(&row->memory);
    fi_schema_unref(row->schema);
    reading_deinit(&row->reading);
}

void
fi_rows_read_row_destroy(struct firn_row *row)
{
    if (row != NULL) {
        row_deinit(row);
        fi_free(row);
    }
}

const firn_value *
fi_rows_read_row_values(const struct firn_row *row, size_t *out_count)
{
    *out_count = row->count;
    return row->values;
}

/* ---- columns, schema and state of a read ---- */

static size_t
find_place(const struct reading *reading, uint32_t place)
{
    size_t i = 0;
    while (i < reading->place_count && reading->places[i] < place) {
        i++;
    }
    return i;
}

/* Adds the place of a column, unless it is there already. */
static void
add_place(struct reading *reading, uint32_t place)
{
    size_t at = find_place(reading, place);
    if (at < reading->place_count && reading->places[at] == place) {
        return;
    }
    DCHECK(reading->place_count < (reading->column_count > 0 ? reading->column_count : 1));
    memmove(reading->places + at + 1, reading->places + at,
            (reading->place_count - at) * sizeof reading->places[0]);
    reading->places[at] = place;
    reading->place_count++;
}

static int
choose_columns(struct reading *reading, const struct fi_rows_read *read, firn_error *err)
{
    size_t count = read->columns != NULL ? read->column_count : reading->schema->column_count;
    size_t room = count > 0 ? count : 1;
    reading->column_count = count;
    if (read->columns == NULL) {
        reading->place_count = count;
        return FIRN_OK;
    }
    reading->places = fi_alloc_zeroed(room * sizeof(uint32_t));
    reading->order = fi_alloc_zeroed(room * sizeof(uint32_t));
    reading->decoded = fi_alloc_zeroed(room * sizeof(firn_value));
    if (reading->places == NULL || reading->order == NULL || reading->decoded == NULL) {
        return fi_error_no_memory(err, "a row");
    }
    for (size_t i = 0; i < count; i++) {
        const struct fi_schema_column *column;
        int rc = fi_schema_require(reading->schema, firn_str(read->columns[i]), &column, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        size_t place = (size_t)(column - reading->schema->columns);
        add_place(reading, (uint32_t)place);
        reading->order[i] = (uint32_t)place; /* for now */
    }
    for (size_t i = 0; i < count; i++) {
        reading->order[i] = (uint32_t)find_place(reading, reading->order[i]);
    }
    return FIRN_OK;
}

/* Only chunks of columns that are wanted are read, so others may be damaged. */
static int
choose_projection(struct reading *reading, firn_error *err)
{
    size_t count = 0;
    reading->ids = fi_alloc_array(reading->place_count + 1, sizeof *reading->ids);
    if (reading->ids == NULL) {
        return fi_error_no_memory(err, "columns");
    }
    for (size_t i = 0; i < reading->place_count; i++) {
        size_t place = reading->places != NULL ? reading->places[i] : i;
        const struct fi_schema_column *column = &reading->schema->columns[place];
        DCHECK(reading->places == NULL || i == 0 || reading->places[i - 1] < place);
        if (!column->is_key) {
            reading->ids[count++] = column->id;
        }
    }
    reading->projection = (struct fi_run_projection){
        .columns = reading->ids, .count = count, .expects_row = reading->index != NULL};
    return FIRN_OK;
}

static int
choose_index(struct reading *reading, const char *name, firn_error *err)
{
    if (name == NULL) {
        return FIRN_OK;
    }
    reading->index = fi_schema_find_index(reading->schema, firn_str(name));
    if (reading->index == NULL) {
        return fi_error_set(err, FIRN_NOT_FOUND, "the table '%s' has no index '%s'",
                            fi_rows_name(reading->table), name);
    }
    struct firn_snapshot *snapshot =
        reading->txn != NULL ? fi_txn_snapshot(reading->txn) : reading->snapshot;
    return fi_rows_index_keyspace(reading->table, snapshot, reading->index,
                                  &reading->index_keyspace, err);
}

/* Whether the columns that were chosen are those of a read of the same schema. */
static bool
has_same_columns(const struct reading *reading, const struct fi_rows_read *read)
{
    if (read->columns == NULL || reading->order == NULL) {
        return read->columns == NULL && reading->order == NULL;
    }
    bool is_same = reading->column_count == read->column_count;
    for (size_t i = 0; is_same && i < read->column_count; i++) {
        size_t place = reading->places[reading->order[i]];
        is_same = fi_slice_equal(reading->schema->columns[place].name, firn_str(read->columns[i]));
    }
    return is_same;
}

/* Makes a reading fit a read. What an earlier read of it chose is kept if the schema and the
 * columns are the same. After a failure there is nothing to deinit. */
static int
reading_renew(struct reading *reading, struct firn_table *table, const struct fi_rows_read *read,
              firn_error *err)
{
    struct fi_schema *schema = NULL;
    struct firn_snapshot *snapshot = read->snapshot;
    int rc;
    DCHECK(read->txn == NULL || read->snapshot == NULL);
    if (read->txn != NULL) {
        FI_TRY(fi_txn_check_open(read->txn, err));
        snapshot = fi_txn_snapshot(read->txn);
    }
    FI_TRY(fi_rows_schema(table, snapshot, &schema, err));
    DCHECK(schema != NULL);
    if (schema == reading->schema && has_same_columns(reading, read)) {
        fi_schema_unref(schema);
    } else {
        reading_deinit(reading);
        reading->schema = schema;
        FI_TRY(choose_columns(reading, read, err));
        if (read->columns != NULL) {
            FI_TRY(choose_projection(reading, err));
        }
    }
    reading->table = table;
    reading->txn = read->txn;
    reading->snapshot = read->snapshot;
    reading->index = NULL;
    FI_TRY(choose_index(reading, read->index, err));
out:
    if (rc != FIRN_OK) {
        reading_deinit(reading);
    }
    return rc;
}

static int
reading_init(struct reading *reading, struct firn_table *table, const struct fi_rows_read *read,
             firn_error *err)
{
    *reading = (struct reading){.table = NULL};
    return reading_renew(reading, table, read, err);
}

/* NULL without a projection. Entries of an index have no columns. */
static const struct fi_run_projection *
columns_of(const struct reading *reading)
{
    return reading->ids != NULL ? &reading->projection : NULL;
}

static int
rows_read_get(const struct reading *reading, struct firn_db_keyspace *keyspace, firn_slice key,
              struct fi_buf *out, firn_error *err)
{
    const struct fi_run_projection *columns = columns_of(reading);
    return reading->txn != NULL
               ? fi_txn_get_columns(reading->txn, keyspace, key, columns, out, err)
               : fi_db_get_columns(keyspace, reading->snapshot, key, columns, out, err);
}

static void
rows_read_explain(const struct reading *reading, int rc, firn_error *err)
{
    fi_schema_text_explain(reading->schema, fi_rows_name(reading->table), rc, err);
}

/* ---- rows ---- */

static int
reserve_values(struct firn_row *row, size_t count, firn_error *err)
{
    return FI_VEC_RESERVE(row->values, count > 0 ? count : 1, row->capacity, err);
}

/* Fills the row's values from its key and tuple. */
static int
rows_read_decode(const struct reading *reading, struct firn_row *row, firn_error *err)
{
    const struct fi_schema_wanted wanted = {reading->places, reading->place_count};
    DCHECK(reading->schema != NULL && row->key.size > 0);
    row->count = 0;
    FI_TRY_RETURN(reserve_values(row, reading->column_count, err));
    FI_TRY_RETURN(fi_schema_row_decode(
        reading->schema, fi_buf_slice(&row->key), fi_buf_slice(&row->tuple), &wanted, &row->memory,
        reading->order != NULL ? reading->decoded : row->values, err));
    for (size_t i = 0; reading->order != NULL && i < reading->column_count; i++) {
        DCHECK(reading->order[i] < reading->place_count);
        row->values[i] = reading->decoded[reading->order[i]];
    }
    row->count = reading->column_count;
    /* Initial values point into the schema. */
    if (row->schema != reading->schema) {
        fi_schema_unref(row->schema);
        row->schema = reading->schema;
        fi_schema_ref(row->schema);
    }
    return FIRN_OK;
}

static int
say_missing(const struct reading *reading, firn_error *err)
{
    return fi_error_set(err, FIRN_NOT_FOUND, "the table '%s' has no such row",
                        fi_rows_name(reading->table));
}

/* Appends the key of the entry that a unique index has for some values. */
static int
make_entry_key(const struct reading *reading, const firn_value *key, size_t count,
               struct fi_buf *out, firn_error *err)
{
    bool is_whole = false;
    DCHECK(reading->index != NULL);
    if (!reading->index->is_unique || count != reading->index->column_count) {
        return fi_error_set(err, FIRN_INVALID,
                            "a row is found by all columns of a unique index; '%s' %s",
                            (const char *)reading->index->name.data,
                            reading->index->is_unique ? "has others" : "is not unique");
    }
    int rc =
        fi_schema_index_prefix(reading->schema, reading->index, key, count, out, &is_whole, err);
    if (rc == FIRN_OK && !is_whole) {
        return fi_error_set(err, FIRN_INVALID,
                            "null is equal to nothing, so it finds no row in the index '%s'",
                            (const char *)reading->index->name.data);
    }
    return rc;
}

/* The primary key of the row that a unique index has for some values. */
static int
find_by_index(const struct reading *reading, const firn_value *key, size_t count,
              struct fi_buf *out, firn_error *err)
{
    struct fi_buf entry = {0};
    struct fi_buf value = {0};
    firn_slice primary;
    int rc;
    FI_TRY(make_entry_key(reading, key, count, &entry, err));
    FI_TRY(rows_read_get(reading, reading->index_keyspace, fi_buf_slice(&entry), &value, err));
    FI_TRY(fi_schema_index_primary(reading->schema, reading->index, fi_buf_slice(&entry),
                                   fi_buf_slice(&value), &primary, err));
    if (fi_buf_assign(out, primary) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a key");
    }
out:
    fi_buf_deinit(&entry);
    fi_buf_deinit(&value);
    return rc;
}

static int
find_by_key(const struct reading *reading, const firn_value *key, size_t count, struct fi_buf *out,
            firn_error *err)
{
    if (count != reading->schema->key_count) {
        return fi_error_set(err, FIRN_INVALID, "%zu values for the %zu columns of the key", count,
                            reading->schema->key_count);
    }
    fi_buf_clear(out);
    return fi_schema_row_key(reading->schema, key, count, out, err);
}

static int
get_row(struct firn_table *table, const struct fi_rows_read *read, const firn_value *key,
        size_t key_count, struct firn_row *row, firn_error *err)
{
    struct reading *reading = &row->reading;
    int rc = reading_renew(reading, table, read, err);
    if (rc != FIRN_OK) {
        return rc;
    }
    rc = reading->index != NULL ? find_by_index(reading, key, key_count, &row->key, err)
                                : find_by_key(reading, key, key_count, &row->key, err);
    if (rc == FIRN_OK) {
        rc = rows_read_get(reading, table->rows, fi_buf_slice(&row->key), &row->tuple, err);
    }
    if (rc == FIRN_OK) {
        rc = rows_read_decode(reading, row, err);
    } else if (rc == FIRN_NOT_FOUND) {
        rc = say_missing(reading, err);
    } else if (rc == FIRN_MISUSE) { /* it was dropped after its schema was read */
        rc = fi_rows_say_missing(fi_rows_name(table), err);
    } else {
        rows_read_explain(reading, rc, err);
    }
    return rc;
}

int
fi_rows_read_get(struct firn_table *table, const struct fi_rows_read *read, const firn_value *key,
                 size_t key_count, struct firn_row *row, firn_error *err)
{
    struct fi_rows_read at = *read;
    struct firn_snapshot *own = NULL;
    row->count = 0;
    /* An entry and its row are read in one state: in between, another row may take over the
     * value. */
    if (read->index != NULL && read->txn == NULL && read->snapshot == NULL) {
        int rc = fi_db_snapshot_open(table->db, &own, err);
        if (rc != FIRN_OK) {
            return rc;
        }
        at.snapshot = own;
    }
    int rc = get_row(table, &at, key, key_count, row, err);
    fi_db_snapshot_close(own);
    return rc;
}

/* ---- many rows ----
 *
 * Keys are looked up in groups, so that the reads of a group can run at the same time
 * (reading/db_get.c). In an index, each group has two lookups: of the entries, and of the rows of
 * the entries that were found. */

enum { GROUP = 64 };

/* Keys that are looked up together: key i of the group is number numbers[i] of the call. */
struct group {
    struct fi_buf keys[GROUP];
    firn_slice slices[GROUP];
    size_t numbers[GROUP];
    size_t count;
};

struct many {
    const struct fi_rows_many *what;
    struct reading reading;
    struct firn_row row;
    size_t next;  /* the number that visit gets next */
    int answered; /* the last result of visit */
    struct group entries;
    struct group rows;
};

static void
group_deinit(struct group *group)
{
    for (size_t i = 0; i < GROUP; i++) {
        fi_buf_deinit(&group->keys[i]);
    }
}

/* Room for one more key, which the caller fills and then commits. */
static struct fi_buf *
group_room(struct group *group)
{
    DCHECK(group->count < GROUP);
    fi_buf_clear(&group->keys[group->count]);
    return &group->keys[group->count];
}

static void
group_commit(struct group *group, size_t number)
{
    group->slices[group->count] = fi_buf_slice(&group->keys[group->count]);
    group->numbers[group->count] = number;
    group->count++;
}

static int
rows_read_answer(struct many *many, const struct firn_row *row)
{
    DCHECK(many->next < many->what->count && many->answered == FIRN_OK);
    many->answered = many->what->visit(many->what->ctx, many->next, row);
    many->next++;
    return many->answered;
}

/* Reports that all keys before a number have no row. */
static int
answer_missing(struct many *many, size_t end)
{
    int rc = FIRN_OK;
    while (many->next < end && rc == FIRN_OK) {
        rc = rows_read_answer(many, NULL);
    }
    return rc;
}

static int
take_row(void *ctx, size_t i, struct fi_buf *value, firn_error *err)
{
    struct many *many = ctx;
    struct firn_row *row = &many->row;
    DCHECK(i < many->rows.count);
    if (value == NULL) {
        return FIRN_OK; /* answer_missing reports it later, in order */
    }
    FI_TRY_RETURN(answer_missing(many, many->rows.numbers[i]));
    struct fi_buf tuple = *value;
    *value = row->tuple;
    row->tuple = tuple;
    if (fi_buf_assign(&row->key, many->rows.slices[i]) != FIRN_OK) {
        return fi_error_no_memory(err, "a row");
    }
    FI_TRY_RETURN(rows_read_decode(&many->reading, row, err));
    return rows_read_answer(many, row);
}

/* The entry leads to a row. */
static int
take_entry(void *ctx, size_t i, struct fi_buf *value, firn_error *err)
{
    struct many *many = ctx;
    const struct reading *reading = &many->reading;
    firn_slice primary;
    DCHECK(i < many->entries.count);
    if (value == NULL) {
        return FIRN_OK;
    }
    int rc = fi_schema_index_primary(reading->schema, reading->index, many->entries.slices[i],
                                     fi_buf_slice(value), &primary, err);
    if (rc == FIRN_OK && fi_buf_assign(group_room(&many->rows), primary) != FIRN_OK) {
        return fi_error_no_memory(err, "a key");
    }
    if (rc == FIRN_OK) {
        group_commit(&many->rows, many->entries.numbers[i]);
    }
    return rc;
}

static int
look_up(struct many *many, struct firn_db_keyspace *keyspace, const struct group *group,
        int (*take)(void *ctx, size_t i, struct fi_buf *value, firn_error *err), firn_error *err)
{
    const struct reading *reading = &many->reading;
    if (reading->txn == NULL) {
        const struct fi_db_get_many what = {.snapshot = reading->snapshot,
                                            .keys = group->slices,
                                            .count = group->count,
                                            .visit = take,
                                            .ctx = many,
                                            .columns = columns_of(reading)};
        return fi_db_get_many(keyspace, &what, err);
    }
    struct fi_buf value = {0};
    int rc = FIRN_OK;
    for (size_t i = 0; i < group->count && rc == FIRN_OK; i++) {
        rc = rows_read_get(reading, keyspace, group->slices[i], &value, err);
        if (rc == FIRN_OK || rc == FIRN_NOT_FOUND) {
            rc = take(many, i, rc == FIRN_OK ? &value : NULL, err);
        }
    }
    fi_buf_deinit(&value);
    return rc;
}

/* Keys [begin, end). */
static int
get_group(struct many *many, size_t begin, size_t end, firn_error *err)
{
    const struct fi_rows_many *what = many->what;
    const struct reading *reading = &many->reading;
    struct group *first = reading->index != NULL ? &many->entries : &many->rows;
    int rc = FIRN_OK;
    DCHECK(begin < end && end - begin <= GROUP);
    many->entries.count = 0;
    many->rows.count = 0;
    for (size_t i = begin; i < end && rc == FIRN_OK; i++) {
        const firn_value *key = what->keys + i * what->key_count;
        struct fi_buf *out = group_room(first);
        rc = reading->index != NULL ? make_entry_key(reading, key, what->key_count, out, err)
                                    : find_by_key(reading, key, what->key_count, out, err);
        group_commit(first, i);
    }
    if (rc == FIRN_OK && reading->index != NULL) {
        rc = look_up(many, reading->index_keyspace, &many->entries, take_entry, err);
    }
    if (rc == FIRN_OK) {
        rc = look_up(many, reading->table->rows, &many->rows, take_row, err);
    }
    return rc == FIRN_OK ? answer_missing(many, end) : rc;
}

int
fi_rows_read_get_many(struct firn_table *table, const struct fi_rows_read *read,
                      const struct fi_rows_many *what, firn_error *err)
{
    struct fi_rows_read at = *read;
    struct firn_snapshot *own = NULL;
    struct many *many = fi_alloc_zeroed(sizeof *many);
    int rc;
    if (many == NULL) {
        return fi_error_no_memory(err, "keys");
    }
    many->what = what;
    if (read->txn == NULL && read->snapshot == NULL) {
        FI_TRY(fi_db_snapshot_open(table->db, &own, err));
        at.snapshot = own;
    }
    FI_TRY(reading_init(&many->reading, table, &at, err));
    for (size_t i = 0; i < what->count && rc == FIRN_OK; i += GROUP) {
        size_t left = what->count - i;
        rc = get_group(many, i, i + (left < GROUP ? left : GROUP), err);
    }
    if (many->answered == FIRN_OK) {
        rows_read_explain(&many->reading, rc, err);
    }
    if (rc == FIRN_MISUSE && many->answered == FIRN_OK) { /* as in get_row */
        rc = fi_rows_say_missing(fi_rows_name(table), err);
    }
out:
    group_deinit(&many->entries);
    group_deinit(&many->rows);
    row_deinit(&many->row);
    reading_deinit(&many->reading);
    fi_db_snapshot_close(own);
    fi_free(many);
    return rc;
}

/* ---- cursors ---- */

struct firn_table_cursor {
    struct fi_os_process_mark mark; /* first: see api_process.h */
    struct reading reading;
    struct firn_snapshot *own_snapshot; /* NULL: it needs none */
    struct firn_db_cursor *inner;       /* over rows, or entries of the index */
    bool is_descending;
    bool has_begun;
    struct firn_row row;
};

/* The smallest key above all keys that begin with these bytes; false: there is none. */
static bool
make_successor(struct fi_buf *prefix)
{
    DCHECK(prefix->size > 0);
    while (prefix->size > 0 && prefix->data[prefix->size - 1] == 0xff) {
        prefix->size--;
    }
    if (prefix->size == 0) {
        return false;
    }
    prefix->data[prefix->size - 1]++;
    return true;
}

/* A key above all keys of rows: a key of the maximum size has bytes other than 0xff, because texts
 * and bytes end with zeros, and the other columns are short. */
static int
make_above_all(struct fi_buf *out)
{
    DCHECK(out->size == 0);
    if (fi_buf_reserve(out, FIRN_TABLE_KEY_SIZE_MAX) != FIRN_OK) {
        return FIRN_NO_MEMORY;
    }
    memset(out->data, 0xff, FIRN_TABLE_KEY_SIZE_MAX);
    out->size = FIRN_TABLE_KEY_SIZE_MAX;
    return FIRN_OK;
}

int
fi_rows_read_bound(const struct fi_schema *schema, const struct fi_schema_index *index,
                   const struct fi_rows_bound *bound, bool is_upper, struct fi_buf *out,
                   bool *out_has, firn_error *err)
{
    size_t most = index != NULL ? index->column_count : schema->key_count;
    DCHECK(out->size == 0);
    *out_has = bound->count > 0;
    if (bound->count == 0) {
        return FIRN_OK;
    }
    if (bound->count > most) {
        return fi_error_set(err, FIRN_INVALID, "a bound of %zu values for %zu columns",
                            bound->count, most);
    }
    int rc = index != NULL ? fi_schema_index_prefix(schema, index, bound->values, bound->count, out,
                                                    NULL, err)
                           : fi_schema_row_key(schema, bound->values, bound->count, out, err);
    if (rc == FIRN_OK && bound->is_exclusive != is_upper) {
        /* An exclusive lower bound, or an inclusive upper one, is after all keys with the
         * prefix. */
        *out_has = make_successor(out) || !is_upper;
        if (out->size == 0 && !is_upper) {
            rc = make_above_all(out) == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "a bound");
        }
    }
    return rc;
}

static int
open_inner(struct firn_table_cursor *cursor, const struct fi_rows_cursor_options *options,
           firn_error *err)
{
    struct reading *reading = &cursor->reading;
    struct fi_buf lower = {0};
    struct fi_buf upper = {0};
    bool has_lower;
    bool has_upper;
    int rc;
    FI_TRY(fi_rows_read_bound(reading->schema, reading->index, &options->lower, false, &lower,
                              &has_lower, err));
    FI_TRY(fi_rows_read_bound(reading->schema, reading->index, &options->upper, true, &upper,
                              &has_upper, err));
    const firn_slice low = fi_buf_slice(&lower);
    const firn_slice high = fi_buf_slice(&upper);
    const struct fi_db_cursor_options inner = {
        .lower = has_lower ? &low : NULL,
        .upper = has_upper ? &high : NULL,
        .snapshot = reading->snapshot,
        .projection = reading->index == NULL ? &reading->projection : NULL};
    struct firn_db_keyspace *keyspace =
        reading->index != NULL ? reading->index_keyspace : reading->table->rows;
    DCHECK(cursor->inner == NULL && keyspace != NULL);
    rc = reading->txn != NULL
             ? fi_txn_cursor_open(reading->txn, keyspace, &inner, &cursor->inner, err)
             : fi_db_cursor_open(keyspace, &inner, &cursor->inner, err);
out:
    fi_buf_deinit(&lower);
    fi_buf_deinit(&upper);
    return rc;
}

int
fi_rows_read_cursor_open(struct firn_table *table, const struct fi_rows_cursor_options *options,
                         struct firn_table_cursor **out, firn_error *err)
{
    struct fi_rows_read read = options->read;
    *out = NULL;
    struct firn_table_cursor *cursor = fi_alloc_zeroed(sizeof *cursor);
    int rc;
    if (cursor == NULL) {
        return fi_error_no_memory(err, "a cursor");
    }
    fi_os_process_init_mark(&cursor->mark);
    cursor->is_descending = options->is_descending;
    /* Read entries and their rows in one state. */
    if (read.index != NULL && read.txn == NULL && read.snapshot == NULL) {
        FI_TRY(fi_db_snapshot_open(table->db, &cursor->own_snapshot, err));
        read.snapshot = cursor->own_snapshot;
    }
    FI_TRY(reading_init(&cursor->reading, table, &read, err));
    if (cursor->reading.ids == NULL) {
        FI_TRY(choose_projection(&cursor->reading, err));
    }
    FI_TRY(open_inner(cursor, options, err));
    *out = cursor;
    cursor = NULL;
out:
    fi_rows_read_cursor_close(cursor);
    return rc;
}

void
fi_rows_read_cursor_close(struct firn_table_cursor *cursor)
{
    if (cursor != NULL) {
        fi_db_cursor_close(cursor->inner);
        fi_db_snapshot_close(cursor->own_snapshot);
        reading_deinit(&cursor->reading);
        row_deinit(&cursor->row);
        fi_free(cursor);
    }
}

static int
rows_read_move(struct firn_table_cursor *cursor, firn_error *err)
{
    bool begins = !cursor->has_begun;
    cursor->has_begun = true;
    if (cursor->is_descending) {
        return begins ? fi_db_cursor_last(cursor->inner, err)
                      : fi_db_cursor_prev(cursor->inner, err);
    }
    return begins ? fi_db_cursor_first(cursor->inner, err) : fi_db_cursor_next(cursor->inner, err);
}

/* Key and tuple of the row that the cursor stands at; FIRN_NOT_FOUND: the entry's row has
 * expired. */
static int
rows_read_load(struct firn_table_cursor *cursor, firn_error *err)
{
    const struct reading *reading = &cursor->reading;
    struct firn_row *row = &cursor->row;
    firn_slice key = fi_db_cursor_key(cursor->inner);
    firn_slice value = fi_db_cursor_value(cursor->inner);
    int rc;
    if (reading->index == NULL) {
        rc = fi_buf_assign(&row->key, key);
        rc = rc == FIRN_OK ? fi_buf_assign(&row->tuple, value) : rc;
        return rc == FIRN_OK ? FIRN_OK : fi_error_no_memory(err, "a row");
    }
    firn_slice primary;
    FI_TRY_RETURN(
        fi_schema_index_primary(reading->schema, reading->index, key, value, &primary, err));
    if (fi_buf_assign(&row->key, primary) != FIRN_OK) {
        return fi_error_no_memory(err, "a row");
    }
    if (reading->ids != NULL && reading->projection.count == 0) {
        fi_buf_clear(&row->tuple); /* the entry has the key, and nothing else is wanted */
        return FIRN_OK;
    }
    return rows_read_get(reading, reading->table->rows, fi_buf_slice(&row->key), &row->tuple, err);
}

int
fi_rows_read_cursor_next(struct firn_table_cursor *cursor, const struct firn_row **out,
                         firn_error *err)
{
    int rc = FIRN_NOT_FOUND;
    *out = NULL;
    if (cursor->has_begun && !fi_db_cursor_valid(cursor->inner)) {
        return FIRN_OK;
    }
    while (rc == FIRN_NOT_FOUND) {
        rc = rows_read_move(cursor, err);
        if (rc != FIRN_OK || !fi_db_cursor_valid(cursor->inner)) {
            rows_read_explain(&cursor->reading, rc, err);
            return rc;
        }
        rc = rows_read_load(cursor, err);
    }
    if (rc == FIRN_OK) {
        rc = rows_read_decode(&cursor->reading, &cursor->row, err);
    }
    *out = rc == FIRN_OK ? &cursor->row : NULL;
    rows_read_explain(&cursor->reading, rc, err);
    return rc;
}

uint64_t
fi_rows_read_cursor_expires_ms(const struct firn_table_cursor *cursor)
{
    bool has_row = cursor->has_begun && fi_db_cursor_valid(cursor->inner);
    return has_row ? fi_db_cursor_expires_ms(cursor->inner) : 0;
}
