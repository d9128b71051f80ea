/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rows: comparing, measuring and checking a table whose files cannot be read at some moment: the failure is
 * told, nothing is held afterwards, and the next attempt has the right answer.
 */
#include <errno.h>

#include "base/mem.h"
#include "firn/firn.h"
#include "rows/rows.h"
#include "sim/sim_fault.h"
#include "sim/sim_memory.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_ok.h"

enum { ROWS = 600 };

static firn_error err;

static struct firn_db *
open_db(struct fi_os *os, bool creates)
{
    const struct fi_db_options options = {
        .create_if_missing = creates, .read_only = !creates, .threads = 1};
    struct firn_db *db;
    OK(fi_db_path_open(os, "/store", &options, &db, &err));
    return db;
}

static void
put(struct firn_table *table, int64_t id, const char *text)
{
    const firn_value values[] = {firn_i64(id), firn_text(text)};
    const struct fi_rows_put row = {.mode = FI_ROWS_UPSERT, .values = values, .count = 2};
    OK(fi_rows_write_put(table, NULL, &row, FIRN_DURABILITY_OS, NULL, &err));
}

/* Rows in files, a checkpoint, and five rows that changed since, in another file. */
static void
make(struct fi_os *os)
{
    struct firn_db *db = open_db(os, true);
    firn_table_def *def;
    struct firn_table *table;
    OK(firn_table_def_parse("id i32 primary key, a text, index by_a (a)", &def, &err));
    OK(fi_rows_create(db, "t", def, &table, &err));
    fi_free(def);
    for (int i = 0; i < ROWS; i++) {
        put(table, i, "some text that is there");
    }
    OK(fi_db_maintain_flush(db, &err));
    OK(fi_db_checkpoint_create(db, "first", NULL, &err));
    for (int i = 0; i < 5; i++) {
        put(table, i * 100, "another text");
    }
    OK(fi_db_maintain_flush(db, &err));
    OK(fi_db_close(db, &err));
}

static int
compare(struct firn_db *db, unsigned *out)
{
    struct fi_rows_diff_options options = {.before = NULL};
    struct firn_snapshot *snapshot = NULL;
    struct firn_table_diff *diff = NULL;
    const struct firn_row_difference *found = NULL;
    *out = 0;
    int rc = fi_db_checkpoint_snapshot(db, "first", &snapshot, &err);
    options.before = snapshot;
    rc = rc == FIRN_OK ? fi_rows_diff_open(db, "t", &options, &diff, &err) : rc;
    rc = rc == FIRN_OK ? fi_rows_diff_next(diff, &found, &err) : rc;
    while (rc == FIRN_OK && found != NULL) {
        (*out)++;
        rc = fi_rows_diff_next(diff, &found, &err);
    }
    fi_rows_diff_close(diff);
    fi_db_snapshot_close(snapshot);
    return rc;
}

/* What is asked of the store; *out is the answer's number. */
static int
ask(struct firn_db *db, unsigned question, uint64_t *out)
{
    struct firn_table *table;
    firn_table_statistics *stats;
    unsigned differing;
    int rc;
    *out = 0;
    if (question == 0) {
        rc = compare(db, &differing);
        *out = differing;
        return rc;
    }
    rc = fi_rows_open(db, "t", &table, &err);
    if (rc == FIRN_OK && question == 1) {
        const struct fi_rows_stats_options options = {.counts = true};
        rc = fi_rows_stats(table, &options, &stats, &err);
        if (rc == FIRN_OK) {
            *out = stats->rows + stats->indexes[0]->entries;
            fi_free(stats);
        }
    } else if (rc == FIRN_OK) {
        const struct fi_rows_check_options options = {.snapshot = NULL};
        firn_table_check_result report = FIRN_TABLE_CHECK_RESULT_INIT;
        rc = fi_rows_check(table, &options, &report, &err);
        *out = report.rows + report.index_entries;
    }
    return rc;
}

static const uint64_t answers[] = {5, 2 * ROWS, 2 * ROWS};

/* Whether the plan's call was made. */
static bool
ask_with(struct fi_os *inner, unsigned question, const struct fi_sim_fault_plan *plan)
{
    struct fi_os *faulty;
    uint64_t answer;
    OK(fi_sim_fault_create(inner, &faulty, &err));
    struct firn_db *db = open_db(faulty, false);
    fi_sim_fault_set_plan(faulty, plan);
    int rc = ask(db, question, &answer);
    bool was_hit = fi_sim_fault_hits(faulty) > 0;
    fi_sim_fault_set_plan(faulty, NULL);
    assert_true(rc == FIRN_OK || (was_hit && rc == FIRN_IO));
    if (rc == FIRN_OK) {
        assert_int_equal(answer, answers[question]);
    }
    OK(ask(db, question, &answer));
    assert_int_equal(answer, answers[question]);
    OK(fi_db_close(db, &err));
    fi_sim_fault_destroy(faulty);
    return was_hit;
}

static void
files_that_cannot_be_read_are_told(void **state)
{
    struct fi_os *os;
    struct fi_os_dir *root;
    unsigned hits = 0;
    test_alloc_install();
    OK(fi_sim_memory_create(1, &os, &err));
    OK(fi_os_dir_open_path(os, "/", &root, &err));
    OK(fi_os_make_dir(root, "store", 0700, &err));
    fi_os_dir_close(root);
    make(os);
    for (unsigned question = 0; question < 3; question++) {
        for (unsigned for_ever = 0; for_ever < 2; for_ever++) {
            struct fi_sim_fault_plan plan = {.call = 1,
                                             .for_ever = for_ever == 1,
                                             .classes = FI_SIM_FAULT_OPENS | FI_SIM_FAULT_READS,
                                             .error_number = EIO};
            while (ask_with(os, question, &plan)) {
                plan.call++;
                hits++;
            }
        }
    }
    assert_true(hits > 12);
    print_message("count: %u reads that failed\n", hits);
    fi_sim_memory_destroy(os);
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_cannot_be_read_are_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
