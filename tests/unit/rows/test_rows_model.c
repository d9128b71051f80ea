/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows: random histories of a table of few keys against a model that copies all rows for each view and
 * checkpoint: rows that are inserted, changed, added to, deleted one by one and by ranges, and that expire; columns
 * that come and go; views that stay open, checkpoints and restores; flushes, compactions of the whole and of ranges.
 * No view's reading of any row ever changes, whatever is flushed and merged, and indexes always have the entries
 * of the rows.
 *
 * The power is cut between steps, and at a random call in the middle of commits, flushes and compactions. Then there
 * is what there was after some commit, none before the last sync, with every checkpoint.
 *
 * FIRN_TEST_LONG=1 runs more of them.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/slice.h"
#include "lsm/lsm.h"
#include "rows_show.h"
#include "sim/sim_memory.h"
#include "support/test_random.h"
#include "support/test_share.h"

enum { KEYS = 24, SNAPSHOTS_MAX = 5, CHECKPOINTS_MAX = 4, STEPS = 160, JOURNAL_MAX = 512 };

struct model_row {
    bool is_there;
    int64_t value;
    int64_t expires_ms; /* 0: never */
    int64_t extra;      /* of the column that was added last; -1: the row is older than it */
    unsigned text;      /* which text it has */
};

/* All rows of a moment. */
struct model {
    struct model_row rows[KEYS];
    unsigned extra; /* the number of the column that was added last; 0: there is none */
};

struct rig {
    struct test_random random;
    struct db_support support;
    struct firn_db *db;
    struct firn_table *table;
    struct model now;
    int64_t time_ms;
    unsigned extras;
    struct firn_snapshot *snapshots[SNAPSHOTS_MAX];
    struct model seen[SNAPSHOTS_MAX];
    int64_t seen_ms[SNAPSHOTS_MAX];
    size_t snapshot_count;
    struct model kept[CHECKPOINTS_MAX];
    int64_t kept_ms[CHECKPOINTS_MAX]; /* a checkpoint has what had not expired when it was made */
    size_t checkpoint_count;
    struct model
        journal[JOURNAL_MAX]; /* what there was at the last sync, and after each commit since */
    size_t journal_count;
    uint64_t compared;
    uint64_t cuts;
};

static firn_error err;

static uint64_t
below(struct rig *rig, uint64_t limit)
{
    return test_random_below(&rig->random, limit);
}

/* Texts of a row: the larger ones lie in value files. */
enum { TEXTS = 12, TEXT_SIZE_MAX = 4000 + 700 * TEXTS };
static firn_slice
text_of(unsigned number)
{
    static char text[TEXT_SIZE_MAX];
    size_t size = number % 3 == 0 ? 4000 + 700 * (size_t)number : 5 * (size_t)number;
    for (size_t i = 0; i < size; i++) {
        text[i] = (char)('a' + (i * (number + 7) + i / 26) % 26);
    }
    return firn_bytes(text, size);
}

/* ---- writing ---- */

static void
put(struct rig *rig, struct firn_txn *txn, size_t key, uint64_t ttl_ms)
{
    struct model_row *row = &rig->now.rows[key];
    int64_t value = (int64_t)below(rig, 5);
    unsigned text = (unsigned)below(rig, TEXTS);
    firn_value values[4] = {firn_i64((int64_t)key), firn_i64(value),
                            firn_text_bytes(text_of(text))};
    const struct fi_rows_put what = {.mode = FI_ROWS_UPSERT,
                                     .values = values,
                                     .count = rig->now.extra > 0 ? 4 : 3,
                                     .ttl_ms = ttl_ms};
    values[3] = firn_i64(value * 10);
    DB_OK(fi_rows_write_put(rig->table, txn, &what, FIRN_DURABILITY_OS, NULL, &err));
    *row = (struct model_row){.is_there = true,
                              .value = value,
                              .extra = value * 10,
                              .text = text,
                              .expires_ms = ttl_ms > 0 ? rig->time_ms + (int64_t)ttl_ms : 0};
}

static bool
is_alive(const struct model_row *row, int64_t time_ms)
{
    return row->is_there && (row->expires_ms == 0 || row->expires_ms > time_ms);
}

static void delete (struct rig *rig, struct firn_txn *txn, size_t key)
{
    const firn_value wanted = firn_i64((int64_t)key);
    int rc = fi_rows_write_delete(rig->table, txn, &wanted, 1, FIRN_DURABILITY_OS, &err);
    assert_int_equal(rc, is_alive(&rig->now.rows[key], rig->time_ms) ? FIRN_OK : FIRN_NOT_FOUND);
    rig->now.rows[key].is_there = false;
}

static void
delete_range(struct rig *rig, struct firn_txn *txn)
{
    size_t first = below(rig, KEYS);
    size_t end = first + below(rig, 8);
    const firn_value bounds[2] = {firn_i64((int64_t)first), firn_i64((int64_t)end)};
    const struct fi_rows_span span = {{&bounds[0], 1, false}, {&bounds[1], 1, true}};
    DB_OK(fi_rows_write_delete_range(rig->table, txn, &span, FIRN_DURABILITY_OS, &err));
    for (size_t i = first; i < end && i < KEYS; i++) {
        rig->now.rows[i].is_there = false;
    }
}

static void
add(struct rig *rig, struct firn_txn *txn, size_t key)
{
    struct model_row *row = &rig->now.rows[key];
    const firn_value wanted = firn_i64((int64_t)key);
    const struct fi_rows_add what = {.key = &wanted,
                                     .key_count = 1,
                                     .column = "v",
                                     .number = firn_i64((int64_t)below(rig, 9) - 4)};
    firn_value sum;
    int rc = fi_rows_write_add(rig->table, txn, &what, FIRN_DURABILITY_OS, &sum, &err);
    if (!is_alive(row, rig->time_ms)) {
        assert_int_equal(rc, FIRN_NOT_FOUND);
        return;
    }
    DB_OK(rc);
    row->value += what.number.as.i64;
    row->expires_ms = 0;
    assert_int_equal(sum.as.i64, row->value);
}

static void
note_commit(struct rig *rig)
{
    assert_true(rig->journal_count < JOURNAL_MAX);
    rig->journal[rig->journal_count++] = rig->now;
}

/* What is there now stays, whatever happens. */
static void
note_durable(struct rig *rig)
{
    rig->journal_count = 0;
    note_commit(rig);
}

/* Ends as its commit does. */
static int
write_some(struct rig *rig)
{
    static const struct fi_txn_options plain = {.is_serializable = false};
    struct firn_txn *txn;
    int rc = fi_txn_begin(rig->db, &plain, &txn, &err);
    if (rc == FIRN_OK) {
        for (uint64_t n = 1 + below(rig, 4); n > 0; n--) {
            put(rig, txn, below(rig, KEYS), 0);
        }
        rc = fi_txn_commit(txn, FIRN_DURABILITY_OS, &err);
        fi_txn_close(txn);
        note_commit(rig);
    }
    return rc;
}

static void
commit(struct rig *rig)
{
    static const struct fi_txn_options plain = {.is_serializable = false};
    struct firn_txn *txn;
    const struct model before = rig->now;
    DB_OK(fi_txn_begin(rig->db, &plain, &txn, &err));
    for (uint64_t n = 1 + below(rig, 4); n > 0; n--) {
        size_t key = below(rig, KEYS);
        uint64_t dice = below(rig, 24);
        if (dice < 5) {
            delete (rig, txn, key);
        } else if (dice < 6) {
            delete_range(rig, txn);
        } else if (dice < 9) {
            add(rig, txn, key);
        } else {
            put(rig, txn, key, below(rig, 6) == 0 ? 1000000 * (1 + below(rig, 3)) : 0);
        }
    }
    if (below(rig, 5) == 0) {
        DB_OK(fi_txn_rollback(txn, &err));
        rig->now = before;
    } else {
        DB_OK(fi_txn_commit(txn, FIRN_DURABILITY_OS, &err));
        note_commit(rig);
    }
    fi_txn_close(txn);
    if (rig->journal_count > JOURNAL_MAX / 2) {
        DB_OK(fi_db_log_sync(rig->db, &err));
        note_durable(rig);
    }
}

/* ---- columns ---- */

static int
change_extra(void *ctx, const struct fi_schema *old, struct fi_schema **out, firn_error *error)
{
    const struct rig *rig = ctx;
    const firn_value none = firn_i64(-1);
    char name[32];
    (void)snprintf(name, sizeof name, "extra%u", rig->now.extra > 0 ? rig->now.extra : rig->extras);
    const firn_table_column column = {.name = name, .type = FIRN_TYPE_I64, .default_value = &none};
    return rig->now.extra > 0 ? fi_schema_change_drop_column(old, firn_str(name), out, error)
                              : fi_schema_change_add_column(old, &column, out, error);
}

static void
change_columns(struct rig *rig)
{
    const struct fi_rows_change change = {change_extra, rig};
    rig->extras += rig->now.extra == 0;
    DB_OK(fi_rows_alter(rig->table, &change, &err));
    rig->now.extra = rig->now.extra > 0 ? 0 : rig->extras;
    for (size_t i = 0; i < KEYS; i++) {
        rig->now.rows[i].extra = -1;
    }
}

/* ---- moments ---- */

static void
open_snapshot(struct rig *rig)
{
    if (rig->snapshot_count < SNAPSHOTS_MAX) {
        DB_OK(fi_db_snapshot_open(rig->db, &rig->snapshots[rig->snapshot_count], &err));
        rig->seen_ms[rig->snapshot_count] = rig->time_ms;
        rig->seen[rig->snapshot_count++] = rig->now;
    }
}

static void
close_snapshot(struct rig *rig, size_t at)
{
    fi_db_snapshot_close(rig->snapshots[at]);
    rig->snapshot_count--;
    rig->snapshots[at] = rig->snapshots[rig->snapshot_count];
    rig->seen[at] = rig->seen[rig->snapshot_count];
    rig->seen_ms[at] = rig->seen_ms[rig->snapshot_count];
}

static void
checkpoint(struct rig *rig)
{
    char name[32];
    if (rig->checkpoint_count < CHECKPOINTS_MAX) {
        (void)snprintf(name, sizeof name, "c%zu", rig->checkpoint_count);
        DB_OK(fi_db_checkpoint_create(rig->db, name, NULL, &err));
        rig->kept_ms[rig->checkpoint_count] = rig->time_ms;
        rig->kept[rig->checkpoint_count++] = rig->now;
    }
}

static void
restore(struct rig *rig)
{
    struct fi_db_checkpoint_info restored;
    struct fi_db_checkpoint_info safety;
    char name[32];
    if (rig->checkpoint_count > 0) {
        size_t at = below(rig, rig->checkpoint_count);
        (void)snprintf(name, sizeof name, "c%zu", at);
        DB_OK(fi_db_checkpoint_restore(rig->db, name, &restored, &safety, &err));
        rig->now = rig->kept[at];
    }
}

/* ---- comparing ---- */

/* Whether now is what the model says, with the times of expiry. */
static bool
is_now(struct rig *rig, const struct model *model)
{
    const struct fi_rows_cursor_options all = {.read = {.snapshot = NULL}};
    struct firn_table_cursor *cursor;
    const struct firn_row *row;
    bool is_same = true;
    size_t at = 0;
    DB_OK(fi_rows_read_cursor_open(rig->table, &all, &cursor, &err));
    for (;;) {
        size_t count;
        DB_OK(fi_rows_read_cursor_next(cursor, &row, &err));
        for (; at < KEYS && !is_alive(&model->rows[at], rig->time_ms); at++) {
        }
        if (row == NULL || at == KEYS || !is_same) {
            is_same = is_same && row == NULL && at == KEYS;
            break;
        }
        const firn_value *values = fi_rows_read_row_values(row, &count);
        const struct model_row *wanted = &model->rows[at];
        int64_t expires_ms = (int64_t)fi_rows_read_cursor_expires_ms(cursor);
        is_same = values[0].as.i64 == (int64_t)at && values[1].as.i64 == wanted->value &&
                  fi_slice_equal(values[2].as.bytes, text_of(wanted->text)) &&
                  (count == 3 || values[3].as.i64 == wanted->extra) &&
                  llabs(expires_ms - wanted->expires_ms) < 100000;
        at++;
    }
    fi_rows_read_cursor_close(cursor);
    return is_same;
}

/* What a view (NULL: now) reads at a time. Rows may go a little before or after their time. */
static void
compare(struct rig *rig, struct firn_snapshot *snapshot, const struct model *model, int64_t time_ms)
{
    const struct fi_rows_cursor_options all = {.read = {.snapshot = snapshot}};
    struct firn_table_cursor *cursor;
    const struct firn_row *row;
    DB_OK(fi_rows_read_cursor_open(rig->table, &all, &cursor, &err));
    for (size_t i = 0; i < KEYS; i++) {
        size_t count;
        if (!is_alive(&model->rows[i], time_ms)) {
            continue;
        }
        DB_OK(fi_rows_read_cursor_next(cursor, &row, &err));
        assert_non_null(row);
        const firn_value *values = fi_rows_read_row_values(row, &count);
        assert_int_equal(count, model->extra > 0 ? 4 : 3);
        assert_int_equal(values[0].as.i64, i);
        assert_int_equal(values[1].as.i64, model->rows[i].value);
        assert_true(fi_slice_equal(values[2].as.bytes, text_of(model->rows[i].text)));
        assert_true(count == 3 || values[3].as.i64 == model->rows[i].extra);
        rig->compared++;
    }
    DB_OK(fi_rows_read_cursor_next(cursor, &row, &err));
    assert_null(row);
    fi_rows_read_cursor_close(cursor);
}

static void
compare_all(struct rig *rig)
{
    static char shown[ROWS_SHOW_SIZE];
    compare(rig, NULL, &rig->now, rig->time_ms);
    for (size_t i = 0; i < rig->snapshot_count; i++) {
        compare(rig, rig->snapshots[i], &rig->seen[i], rig->seen_ms[i]);
    }
    for (size_t i = 0; i < rig->checkpoint_count; i++) {
        char name[32];
        struct firn_snapshot *snapshot;
        (void)snprintf(name, sizeof name, "c%zu", i);
        DB_OK(fi_db_checkpoint_snapshot(rig->db, name, &snapshot, &err));
        compare(rig, snapshot, &rig->kept[i], rig->kept_ms[i]);
        fi_db_snapshot_close(snapshot);
    }
    DB_OK(rows_show(rig->db, shown, &err)); /* indexes */
}

/* ---- histories ---- */

static void
compact_range(struct rig *rig)
{
    uint8_t low[8] = {0x80, 0, 0, 0, 0, 0, 0, (uint8_t)below(rig, KEYS)};
    uint8_t high[8] = {0x80, 0, 0, 0, 0, 0, 0, (uint8_t)(low[7] + 1 + below(rig, KEYS))};
    const firn_slice lower = firn_bytes(low, sizeof low);
    const firn_slice upper = firn_bytes(high, sizeof high);
    const struct fi_lsm_range range = {lower, &upper};
    DB_OK(fi_db_maintain_compact_range(fi_rows_keyspace(rig->table), &range, NULL, &err));
}

static void
let_time_pass(struct rig *rig)
{
    /* More than rows are given in each step: the clock moves with the calls in between, too. */
    rig->time_ms += 1200000;
    fi_sim_memory_set_time(rig->support.os, rig->time_ms * 1000000);
}

static void
reopen(struct rig *rig)
{
    while (rig->snapshot_count > 0) {
        close_snapshot(rig, 0);
    }
    DB_OK(fi_db_close(rig->db, &err));
    rig->db = db_support_open(rig->support.dir);
    DB_OK(fi_rows_open(rig->db, "t", &rig->table, &err));
    note_durable(rig);
}

static void
cut(struct rig *rig)
{
    while (rig->snapshot_count > 0) {
        close_snapshot(rig, 0);
    }
    fi_db_abandon(rig->db);
    fi_sim_memory_set_cut_at(rig->support.os, 0);
    db_support_cut(&rig->support, below(rig, 5));
    rig->db = db_support_open(rig->support.dir);
    DB_OK(fi_rows_open(rig->db, "t", &rig->table, &err));
    while (rig->journal_count > 0 && !is_now(rig, &rig->journal[rig->journal_count - 1])) {
        rig->journal_count--;
    }
    assert_true(rig->journal_count > 0);
    rig->now = rig->journal[rig->journal_count - 1];
    note_durable(rig);
    rig->cuts++;
}

/* The power goes in the middle of something. */
static void
cut_in_between(struct rig *rig)
{
    fi_sim_memory_set_cut_at(rig->support.os,
                             fi_sim_memory_calls(rig->support.os) + 1 + below(rig, 60));
    for (unsigned i = 0; i < 40 && !fi_sim_memory_is_off(rig->support.os); i++) {
        uint64_t dice = below(rig, 6);
        int rc = dice < 4   ? write_some(rig)
                 : dice < 5 ? fi_db_maintain_flush(rig->db, &err)
                            : fi_db_maintain_compact(rig->db, NULL, &err);
        if (rc != FIRN_OK && !fi_sim_memory_is_off(rig->support.os)) {
            fail_msg("%s", err.text);
        }
    }
    cut(rig);
}

static void
sync_all(struct rig *rig)
{
    DB_OK(fi_db_log_sync(rig->db, &err));
    note_durable(rig);
}

static void
step(struct rig *rig)
{
    uint64_t dice = below(rig, 100);
    if (dice < 55) {
        commit(rig);
        return;
    }
    if (dice < 60) {
        checkpoint(rig);
        sync_all(rig);
    } else if (dice < 64) {
        restore(rig);
        sync_all(rig);
    } else if (dice < 68) {
        open_snapshot(rig);
    } else if (dice < 71) {
        if (rig->snapshot_count > 0) {
            close_snapshot(rig, below(rig, rig->snapshot_count));
        }
    } else if (dice < 74) {
        change_columns(rig);
        sync_all(rig);
    } else if (dice < 76) {
        let_time_pass(rig);
    } else if (dice < 86) {
        DB_OK(fi_db_maintain_flush(rig->db, &err));
    } else if (dice < 92) {
        compact_range(rig);
    } else if (dice < 95) {
        DB_OK(fi_db_maintain_compact(rig->db, NULL, &err));
    } else if (dice < 97) {
        cut(rig);
    } else if (dice < 98) {
        cut_in_between(rig);
    } else {
        reopen(rig);
    }
    compare_all(rig);
}

static uint64_t
run_history(uint64_t seed, uint64_t *cuts)
{
    struct rig *rig = calloc(1, sizeof *rig);
    assert_non_null(rig);
    test_random_init(&rig->random, "rows_model", seed);
    db_support_init(&rig->support, seed);
    rig->time_ms = INT64_C(1800000000000);
    fi_sim_memory_set_time(rig->support.os, rig->time_ms * 1000000);
    rig->db = db_support_open(rig->support.dir);
    /* Without indexes a range is deleted by a range delete. */
    DB_OK(rows_make(rig->db, "t",
                    seed % 2 == 0 ? "id i64, v i64, name text, primary key (id)"
                                  : "id i64, v i64, name text, primary key (id), index by_v (v)",
                    &rig->table, &err));
    sync_all(rig);
    for (unsigned i = 0; i < STEPS; i++) {
        step(rig);
    }
    compare_all(rig);
    reopen(rig);
    compare_all(rig);
    DB_OK(fi_db_close(rig->db, &err));
    db_support_deinit(&rig->support);
    uint64_t compared = rig->compared;
    *cuts += rig->cuts;
    free(rig);
    return compared;
}

static void
no_reading_of_a_table_ever_changes(void **state)
{
    const uint64_t histories = test_is_long() ? 3000 : 60;
    const struct test_share share = test_share_of(1, 1);
    uint64_t compared = 0;
    uint64_t cuts = 0;
    for (uint64_t i = share.first; i <= histories; i += share.step) {
        compared += run_history(i, &cuts);
    }
    assert_true(cuts > 0);
    print_message("count: %" PRIu64 " power cuts in histories of tables\n", cuts);
    print_message("count: %" PRIu64 " rows of tables compared in histories\n", compared);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_reading_of_a_table_ever_changes),
    };
    return cmocka_run_group_tests_name("rows_model", tests, NULL, NULL);
}
