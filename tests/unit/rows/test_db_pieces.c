/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows: pieces of tables at views, temporary files of a store, and what transactions know of ranges
 * that were read by pieces.
 */
#include "support/store/db_support.h"

#include <stdio.h>
#include <string.h>

#include "base/slice.h"
#include "firn/table.h"
#include "inspect/inspect.h"
#include "lsm/lsm_internal.h"
#include "lsm/lsm_pieces.h"
#include "lsm/lsm_winners.h"
#include "rows/rows.h"
#include "store/db_internal.h"
#include "support/test_os.h"
#include "txn/txn.h"

enum { ROWS = 500 };

static struct db_support support;
static struct firn_db *db;
static struct firn_table *table;
static firn_error err;

static int
setup(void **state)
{
    static const firn_table_column columns[] = {{.name = "id", .type = FIRN_TYPE_I64},
                                                {.name = "n", .type = FIRN_TYPE_I64}};
    static const char *const key[] = {"id"};
    firn_table_def def = FIRN_TABLE_DEF_INIT;
    def.columns = columns;
    def.column_count = 2;
    def.key = key;
    def.key_count = 1;
    db_support_init(&support, 1);
    db = db_support_open(support.dir);
    DB_OK(fi_rows_create(db, "t", &def, &table, &err));
    return 0;
}

static int
teardown(void **state)
{
    if (db != NULL) {
        DB_OK(fi_db_close(db, &err));
    }
    db_support_deinit(&support);
    return 0;
}

static void
put_ttl(int64_t id, int64_t n, uint64_t ttl_ms)
{
    const firn_value values[] = {firn_i64(id), firn_i64(n)};
    const struct fi_rows_put put = {
        .mode = FI_ROWS_UPSERT, .values = values, .count = 2, .ttl_ms = ttl_ms};
    DB_OK(fi_rows_write_put(table, NULL, &put, FIRN_DURABILITY_DEFAULT, NULL, &err));
}

static void
put_all(int64_t n)
{
    for (int64_t id = 0; id < ROWS; id++) {
        put_ttl(id, n, 0);
    }
}

static struct fi_buf key_memory[2];

static firn_slice
key_of(int64_t id, size_t number)
{
    const struct fi_cell cell = {.kind = FI_PHYSICAL_I64, .as.i64 = id};
    fi_buf_clear(&key_memory[number]);
    DB_OK(fi_tuple_key_add(&key_memory[number], FIRN_TYPE_I64, false, &cell));
    return fi_buf_slice(&key_memory[number]);
}

/* What pieces have: rows, the sum of n, and how many are direct. */
struct sums {
    uint64_t rows;
    int64_t ids;
    int64_t n;
    size_t direct;
};

static void
add_piece(struct fi_lsm_pieces *pieces, size_t i, struct sums *sums)
{
    static const struct fi_column_def id = {.id = 1, .type = FIRN_TYPE_I64};
    static const struct fi_column_def n = {.id = 2, .type = FIRN_TYPE_I64};
    struct fi_lsm_winners *winners;
    struct fi_lsm_winners_scratch scratch = {.numbers = {0}};
    struct fi_chunk_values values;
    struct fi_lsm_piece piece;
    size_t count;
    fi_lsm_pieces_at(pieces, i, &piece);
    sums->direct += piece.run != NULL;
    DB_OK(fi_lsm_winners_open(pieces, i, false, &winners, &err));
    do {
        DB_OK(fi_lsm_winners_next(winners, &count, &err));
        DB_OK(fi_lsm_winners_read(winners, &id, NULL, &scratch, &values, &err));
        for (size_t k = 0; k < count; k++) {
            sums->ids += values.as.i64[k];
        }
        DB_OK(fi_lsm_winners_read(winners, &n, NULL, &scratch, &values, &err));
        for (size_t k = 0; k < count; k++) {
            sums->n += values.as.i64[k];
        }
        sums->rows += count;
    } while (count > 0);
    fi_lsm_winners_scratch_deinit(&scratch);
    fi_lsm_winners_close(winners);
}

static struct sums
sum_pieces(struct fi_db_pieces *pieces)
{
    struct sums sums = {.rows = 0};
    struct fi_lsm_pieces *inner = fi_db_pieces_lsm(pieces);
    for (size_t i = 0; inner != NULL && i < fi_lsm_pieces_count(inner); i++) {
        add_piece(inner, i, &sums);
    }
    return sums;
}

static void
assert_sums(struct firn_snapshot *snapshot, uint64_t rows, int64_t n)
{
    struct fi_db_pieces *pieces;
    DB_OK(fi_db_pieces_open(fi_rows_keyspace(table), snapshot, NULL, NULL, NULL, &pieces, &err));
    struct sums sums = sum_pieces(pieces);
    fi_db_pieces_close(pieces);
    assert_int_equal(sums.rows, rows);
    assert_int_equal(sums.n, n);
}

static void
compact(void)
{
    DB_OK(fi_db_maintain_flush(db, &err));
    DB_OK(fi_db_maintain_compact(db, NULL, &err));
}

static void
pieces_read_at_snapshots(void **state)
{
    struct firn_snapshot *snapshot;
    struct firn_snapshot *other;
    struct fi_db_pieces *pieces;
    assert_sums(NULL, 0, 0);
    put_all(3);
    assert_sums(NULL, ROWS, 3 * ROWS);
    DB_OK(fi_db_maintain_flush(db, &err));
    DB_OK(fi_db_checkpoint_create(db, "a", NULL, &err));
    DB_OK(fi_db_pieces_open(fi_rows_keyspace(table), NULL, NULL, NULL, NULL, &pieces, &err));
    assert_int_equal(sum_pieces(pieces).direct, 1);
    for (int64_t id = 100; id < 200; id++) {
        put_ttl(id, 10, 0);
    }
    assert_sums(NULL, ROWS, 3 * ROWS + 700);
    DB_OK(fi_db_checkpoint_snapshot(db, "a", &snapshot, &err));
    assert_sums(snapshot, ROWS, 3 * ROWS);
    put_all(5);
    compact();
    assert_sums(snapshot, ROWS, 3 * ROWS);
    assert_sums(NULL, ROWS, 5 * ROWS);
    /* What was opened before reads on as it did. */
    struct sums sums = sum_pieces(pieces);
    assert_int_equal(sums.n, 3 * ROWS);
    assert_int_equal(sums.ids, ROWS * (ROWS - 1) / 2);
    fi_db_pieces_close(pieces);
    struct fi_db_checkpoint_info restored;
    struct fi_db_checkpoint_info safety;
    DB_OK(fi_db_checkpoint_restore(db, "a", &restored, &safety, &err));
    assert_sums(NULL, ROWS, 3 * ROWS);
    put_ttl(ROWS, 1, 0);
    compact();
    assert_sums(NULL, ROWS + 1, 3 * ROWS + 1);
    fi_db_snapshot_close(snapshot);
    /* A view of another store. */
    struct firn_db *memory;
    DB_OK(fi_db_memory_open(64 << 20, &db_support_create, &memory, &err));
    DB_OK(fi_db_snapshot_open(memory, &other, &err));
    DB_FAILS(fi_db_pieces_open(fi_rows_keyspace(table), other, NULL, NULL, NULL, &pieces, &err),
             FIRN_INVALID, "another store");
    assert_null(pieces);
    fi_db_snapshot_close(other);
    DB_OK(fi_db_close(memory, &err));
}

static void
bounds_and_missing_tables_have_nothing(void **state)
{
    struct firn_snapshot *snapshot;
    struct fi_db_pieces *pieces;
    put_all(1);
    DB_OK(fi_db_maintain_flush(db, &err));
    put_ttl(20, 2, 0);
    firn_slice lower = key_of(10, 0);
    firn_slice upper = key_of(30, 1);
    DB_OK(fi_db_pieces_open(fi_rows_keyspace(table), NULL, &lower, &upper, NULL, &pieces, &err));
    struct sums sums = sum_pieces(pieces);
    assert_int_equal(sums.rows, 20);
    assert_int_equal(sums.n, 21);
    fi_db_pieces_close(pieces);
    DB_OK(fi_db_pieces_open(fi_rows_keyspace(table), NULL, &upper, &lower, NULL, &pieces, &err));
    assert_null(fi_db_pieces_lsm(pieces));
    fi_db_pieces_close(pieces);
    DB_OK(fi_db_pieces_open(fi_rows_keyspace(table), NULL, &upper, NULL, NULL, &pieces, &err));
    assert_int_equal(sum_pieces(pieces).rows, ROWS - 30);
    fi_db_pieces_close(pieces);
    /* Rows that end. */
    put_ttl(2000, 7, 3600 * 1000);
    assert_sums(NULL, ROWS + 1, ROWS + 8);
    put_ttl(2000, 7, 1);
    DB_OK(fi_db_snapshot_open(db, &snapshot, &err));
    fi_db_snapshot_close(snapshot);
    fi_db_pieces_close(NULL);
    DB_OK(fi_rows_drop(db, "t", &err));
    assert_int_not_equal(
        fi_db_pieces_open(fi_rows_keyspace(table), NULL, NULL, NULL, NULL, &pieces, &err), FIRN_OK);
    assert_null(pieces);
}

static void
temporary_files_go_with_a_crash(void **state)
{
    char names[2][FI_DB_SCRATCH_NAME_SIZE];
    struct firn_db *other;
    put_all(1);
    struct fi_os_dir *dir = fi_db_scratch_dir(db);
    assert_non_null(dir);
    fi_db_scratch_name(db, names[0]);
    fi_db_scratch_name(db, names[1]);
    assert_string_not_equal(names[0], names[1]);
    test_os_put(dir, names[0], "x", 1);
    assert_int_equal(fi_db_memory_bytes(db), db_support_create.memory_bytes);
    fi_db_abandon(db);
    db = db_support_open(support.dir);
    dir = fi_db_scratch_dir(db);
    DB_OK(fi_db_maintain_flush(db, &err));
    fi_lsm_collect(fi_db_image(db)->lsm);
    assert_false(test_os_has(dir, names[0]));
    fi_db_scratch_name(db, names[1]);
    assert_string_not_equal(names[0], names[1]);
    firn_store_check_result report = {.size = sizeof report};
    DB_OK(fi_inspect_check(db, NULL, &report, &err));
    DB_OK(fi_db_close(db, &err));
    DB_OK(fi_db_open(support.dir, &db_support_read_only, &db, &err));
    assert_null(fi_db_scratch_dir(db));
    DB_OK(fi_db_memory_open(64 << 20, &db_support_create, &other, &err));
    assert_null(fi_db_scratch_dir(other));
    DB_OK(fi_db_close(other, &err));
}

static void
transactions_know_what_they_wrote_and_read(void **state)
{
    const struct fi_txn_options serializable = {.is_serializable = true};
    struct firn_db_keyspace *keys = db_support_keyspace(db, "keys");
    struct firn_db_keyspace *others = db_support_keyspace(db, "others");
    struct firn_txn *txn;
    uint64_t savepoint;
    const firn_slice b = firn_str("b");
    const firn_slice d = firn_str("d");
    DB_OK(fi_txn_begin(db, &serializable, &txn, &err));
    assert_false(fi_txn_has_written(txn, keys));
    DB_OK(fi_txn_savepoint(txn, &savepoint, &err));
    DB_OK(fi_txn_put(txn, keys, b, b, &err));
    assert_true(fi_txn_has_written(txn, keys));
    assert_false(fi_txn_has_written(txn, others));
    DB_OK(fi_txn_rollback_to(txn, savepoint, &err));
    assert_false(fi_txn_has_written(txn, keys));
    DB_OK(fi_txn_delete_range(txn, keys, b, d, &err));
    assert_true(fi_txn_has_written(txn, keys));
    assert_false(fi_txn_has_written(txn, others));
    DB_OK(fi_txn_rollback(txn, &err));
    assert_int_equal(fi_txn_read_range(txn, keys, NULL, NULL, &err), FIRN_MISUSE);
    fi_txn_close(txn);
    static const struct {
        const char *lower;
        const char *upper;
        const char *written;
        int expected;
    } cases[] = {
        {"b", "d", "c", FIRN_CONFLICT},  {"b", "d", "d", FIRN_OK},
        {"b", "d", "a", FIRN_OK},        {"b", NULL, "z", FIRN_CONFLICT},
        {NULL, "b", "a", FIRN_CONFLICT}, {NULL, "b", "b", FIRN_OK},
        {"d", "b", "c", FIRN_OK},        {NULL, NULL, "c", FIRN_CONFLICT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const firn_slice lower = firn_str(cases[i].lower != NULL ? cases[i].lower : "");
        const firn_slice upper = firn_str(cases[i].upper != NULL ? cases[i].upper : "");
        DB_OK(fi_txn_begin(db, &serializable, &txn, &err));
        DB_OK(fi_txn_read_range(txn, keys, cases[i].lower != NULL ? &lower : NULL,
                                cases[i].upper != NULL ? &upper : NULL, &err));
        db_support_put(keys, cases[i].written, "new");
        DB_OK(fi_txn_put(txn, others, b, b, &err));
        assert_int_equal(fi_txn_commit(txn, FIRN_DURABILITY_DEFAULT, &err), cases[i].expected);
        fi_txn_close(txn);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(pieces_read_at_snapshots, setup, teardown),
        cmocka_unit_test_setup_teardown(bounds_and_missing_tables_have_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(temporary_files_go_with_a_crash, setup, teardown),
        cmocka_unit_test_setup_teardown(transactions_know_what_they_wrote_and_read, setup,
                                        teardown),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    fi_buf_deinit(&key_memory[0]);
    fi_buf_deinit(&key_memory[1]);
    return failed;
}
