/* SPDX-License-Identifier: Apache-2.0
 *
 * sql: threads with connections of their own to one store, which they share the handle of: amounts move from row to row in
 * transactions that may meet, and every statement that reads finds the same total, by SQLite's aggregate, by firn_query,
 * and at checkpoints that are made meanwhile; connections come and go, and statements are interrupted by another
 * thread. After a fork the child's statements fail, and the parent's do not.
 */
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

#include <sqlite3.h>

#include "sql/sql.h"
#include "support/test.h"
#include "support/test_random.h"
#include "support/test_temp.h"
#include "support/test_threads.h"

enum { THREADS = 4, ROWS = 200, EACH = 100, TEXT_MAX = 512 };

static char path[TEST_TEMP_SIZE + 16];
static uint64_t seed;

struct worker {
    pthread_t thread;
    unsigned number;
    unsigned moved, conflicts, read, interrupted;
    char problem[TEXT_MAX]; /* what went wrong; cmocka's failures are for the first thread alone */
};

/* ---- statements ---- */

static sqlite3 *
connect_store(struct worker *worker)
{
    char text[TEXT_MAX];
    sqlite3 *db = NULL;
    (void)snprintf(text, sizeof text, "SELECT firn_attach('%s', 'create', 'durability=os')", path);
    if (sqlite3_open(":memory:", &db) != SQLITE_OK || fi_sql_register(db) != SQLITE_OK ||
        sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK) {
        (void)snprintf(worker->problem, sizeof worker->problem, "connecting: %s",
                       sqlite3_errmsg(db));
    }
    return db;
}

/* The first number that a statement gives; INT64_MIN: it failed. */
static int64_t
number_of(struct worker *worker, sqlite3 *db, const char *sql)
{
    sqlite3_stmt *statement = NULL;
    int64_t number = INT64_MIN;
    int rc = sqlite3_prepare_v2(db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK && sqlite3_step(statement) == SQLITE_ROW) {
        number = sqlite3_column_int64(statement, 0);
    }
    rc = sqlite3_finalize(statement);
    if (rc == SQLITE_INTERRUPT) {
        worker->interrupted++;
    } else if (rc != SQLITE_OK && worker->problem[0] == '\0') {
        (void)snprintf(worker->problem, sizeof worker->problem, "%s: %s", sql, sqlite3_errmsg(db));
    }
    return number;
}

/* Moves an amount between two rows. */
static void
move(struct worker *worker, sqlite3 *db, struct test_random *random)
{
    char text[TEXT_MAX];
    unsigned from = (unsigned)test_random_below(random, ROWS);
    unsigned to = (unsigned)test_random_below(random, ROWS);
    (void)snprintf(text, sizeof text,
                   "BEGIN; UPDATE account SET n = n - 3 WHERE id = %u; UPDATE account SET n = n + "
                   "3 WHERE id = %u; COMMIT",
                   from, to);
    int rc = sqlite3_exec(db, text, NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        worker->moved++;
        return;
    }
    if ((rc & 0xff) != SQLITE_BUSY && (rc & 0xff) != SQLITE_INTERRUPT) {
        (void)snprintf(worker->problem, sizeof worker->problem, "moving: %d: %s", rc,
                       sqlite3_errmsg(db));
    }
    worker->conflicts++;
    if (sqlite3_get_autocommit(db) == 0) {
        (void)sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
    }
}

static void
read_total(struct worker *worker, sqlite3 *db, unsigned way)
{
    static const char *const ways[] = {
        "SELECT sum(n) FROM account", "SELECT c1 FROM firn_query('SELECT sum(n) FROM account')",
        "SELECT sum(a.n) FROM account a JOIN account b ON a.id = b.id",
        "SELECT sum(n) FROM (SELECT n FROM account ORDER BY name DESC)"};
    int64_t total = number_of(worker, db, ways[way % 4]);
    if (total != INT64_MIN && total != (int64_t)ROWS * 100 && worker->problem[0] == '\0') {
        (void)snprintf(worker->problem, sizeof worker->problem, "%s: %lld", ways[way % 4],
                       (long long)total);
    }
    worker->read++;
}

static void *
work(void *context)
{
    struct worker *worker = context;
    struct test_random random = {.state = seed + worker->number};
    sqlite3 *db = connect_store(worker);
    for (unsigned i = 0; i < EACH && worker->problem[0] == '\0'; i++) {
        uint64_t what = test_random_below(&random, 10);
        if (what < 5) {
            move(worker, db, &random);
        } else if (what < 9) {
            read_total(worker, db, (unsigned)test_random_below(&random, 4));
        } else {
            (void)sqlite3_close(db);
            db = connect_store(worker);
        }
    }
    (void)sqlite3_close(db);
    return NULL;
}

/* ---- tests ---- */

static void
fill(void)
{
    struct worker worker = {.problem = ""};
    char text[TEXT_MAX];
    sqlite3 *db = connect_store(&worker);
    (void)snprintf(text, sizeof text,
                   "SELECT firn_create('CREATE TABLE account (id INTEGER PRIMARY KEY, n BIGINT, "
                   "name TEXT, INDEX by_name (name))');"
                   "WITH RECURSIVE k(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM k WHERE i < %d) "
                   "INSERT INTO account SELECT i, 100, 'n' || i %% 7 FROM k",
                   ROWS - 1);
    if (sqlite3_exec(db, text, NULL, NULL, NULL) != SQLITE_OK) {
        fail_msg("%s", sqlite3_errmsg(db));
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void
join(struct worker *workers, size_t count)
{
    unsigned moved = 0;
    unsigned read = 0;
    unsigned conflicts = 0;
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(pthread_join(workers[i].thread, NULL), 0);
        moved += workers[i].moved;
        read += workers[i].read;
        conflicts += workers[i].conflicts;
    }
    for (size_t i = 0; i < count; i++) {
        if (workers[i].problem[0] != '\0') {
            fail_msg("seed %llu, thread %zu: %s", (unsigned long long)seed, i, workers[i].problem);
        }
    }
    assert_true(moved > 0 && read > 0);
    print_message("%u transactions, %u conflicts, %u totals\n", moved, conflicts, read);
}

/* The first thread makes checkpoints while the others work, and looks at what they keep. */
static void
threads_share_a_store(void **state)
{
    struct worker workers[THREADS] = {{.number = 0}};
    struct worker self = {.problem = ""};
    char text[TEXT_MAX];
    sqlite3 *db = connect_store(&self);
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].number = i;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 5; i++) {
        (void)snprintf(text, sizeof text, "SELECT firn_checkpoint('c%d')", i);
        (void)number_of(&self, db, text);
        (void)snprintf(text, sizeof text, "SELECT firn_at('account', 'c%d')", i);
        (void)number_of(&self, db, text);
        (void)snprintf(text, sizeof text, "SELECT sum(n) FROM \"account@c%d\"", i);
        int64_t total = number_of(&self, db, text);
        if (total != (int64_t)ROWS * 100) {
            (void)snprintf(self.problem + strlen(self.problem),
                           sizeof self.problem - strlen(self.problem), " total %lld at c%d",
                           (long long)total, i);
        }
        (void)number_of(&self, db, "SELECT count(*) FROM firn_diff('account', 'c0')");
        (void)number_of(&self, db, "SELECT count(*) FROM firn_history('account', 7)");
    }
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
    join(workers, THREADS);
    assert_string_equal(self.problem, "");
}

struct interrupter {
    sqlite3 *db;
    int is_over; /* __atomic */
};

static void *
interrupt(void *context)
{
    struct interrupter *interrupter = context;
    while (__atomic_load_n(&interrupter->is_over, __ATOMIC_ACQUIRE) == 0) {
        sqlite3_interrupt(interrupter->db);
        (void)usleep(2000);
    }
    return NULL;
}

static void
another_thread_interrupts(void **state)
{
    struct worker worker = {.problem = ""};
    struct test_random random = {.state = seed};
    struct interrupter interrupter = {.db = connect_store(&worker)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, interrupt, &interrupter), 0);
    for (unsigned i = 0; i < 100 && worker.problem[0] == '\0'; i++) {
        read_total(&worker, interrupter.db, i);
        move(&worker, interrupter.db, &random);
        (void)number_of(&worker, interrupter.db,
                        "SELECT count(*) FROM account a, account b WHERE a.n < b.n");
    }
    __atomic_store_n(&interrupter.is_over, 1, __ATOMIC_RELEASE);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(worker.problem, "");
    read_total(&worker, interrupter.db, 0);
    assert_string_equal(worker.problem, "");
    print_message("%u interrupted\n", worker.interrupted + worker.conflicts);
    assert_int_equal(sqlite3_close(interrupter.db), SQLITE_OK);
}

static void
a_child_after_fork_is_refused(void **state)
{
    struct worker worker = {.problem = ""};
    sqlite3 *db = connect_store(&worker);
    int status = 0;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int64_t total = number_of(&worker, db, "SELECT sum(n) FROM account");
        int64_t scanned =
            number_of(&worker, db, "SELECT c1 FROM firn_query('SELECT sum(n) FROM account')");
        int rc = sqlite3_exec(db, "UPDATE account SET n = 0", NULL, NULL, NULL);
        _exit(total == INT64_MIN && scanned == INT64_MIN && rc != SQLITE_OK ? 0 : 1);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    read_total(&worker, db, 0);
    assert_string_equal(worker.problem, "");
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

int
main(void)
{
    char dir[TEST_TEMP_SIZE];
    const struct CMUnitTest tests[] = {cmocka_unit_test(threads_share_a_store),
                                       cmocka_unit_test(another_thread_interrupts),
                                       cmocka_unit_test(a_child_after_fork_is_refused)};
    test_threads_only();
    struct test_random random;
    test_random_init(&random, "sql_threads", 20);
    seed = random.state;
    test_temp_make(dir, sizeof dir);
    (void)snprintf(path, sizeof path, "%s/t.firn", dir);
    fill();
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    char command[TEST_TEMP_SIZE + 16];
    (void)snprintf(command, sizeof command, "rm -rf %s", dir);
    return system(command) != 0 || failed != 0;
}
