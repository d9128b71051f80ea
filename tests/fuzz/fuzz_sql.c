/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/sql: hostile statements. Byte 0 modulo 2: the rest is a definition for firn_create, or a statement for the recogniser of
 * aggregates.
 *
 * A definition is read; what is understood has the parts that its kind says, and the table's text is read by firn. A statement is
 * recognised whether SQLite would take it or not; where SQLite takes it too, and it is recognised, it is answered by
 * firn's scan over a small table and by SQLite over its own with the same rows. Both give the same rows in any order,
 * or both fail. Numbers with a fraction are not compared, for their last bits may differ. Functions with other effects or
 * results that differ by the connection are forbidden, so that no text reaches a file.
 */
#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/mem.h"
#include "firn/firn.h"
#include "sql/sql.h"
#include "sqlcreate/sqlcreate.h"
#include "sqlparse/sqlparse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    TEXT_SIZE_MAX = 4096,
    ANSWERED_SIZE_MAX = 1000,
    STEPS_MAX = 2000,
    ROWS_MAX = 200,
    VALUE_SIZE_MAX = 100000
};

static const char definition[] = "CREATE TABLE t (id INTEGER PRIMARY KEY, n BIGINT, s SMALLINT, x "
                                 "REAL, name TEXT, d DECIMAL(8,2), "
                                 "day DATE, b BLOB, flag BOOLEAN)";
static const char plain_definition[] =
    "CREATE TABLE t (id INTEGER PRIMARY KEY NOT NULL, n BIGINT, s SMALLINT, x REAL, name TEXT, "
    "d REAL, day TEXT, b BLOB, flag BOOLEAN)";
static const char rows[] =
    "INSERT INTO t VALUES (1, 5, -3, 0.5, 'tea', 3.20, '2026-01-31', x'00ff', 1), "
    "(2, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL), "
    "(3, 9223372036854775807, 32767, 1e300, '', -0.01, '1999-12-31', x'', 0), "
    "(4, -9223372036854775808, -32768, -1.25, 'Tea', 999999.99, '2026-02-01', x'61', 1), "
    "(5, 0, 0, 0.0, '5', 0, '2026-01-31', x'35', 0), (6, 5, 7, -1e300, 'green tea', 3.2, "
    "'0001-01-01', NULL, 1), "
    "(-7, -1, 1, 2.0, 'x%_*', 12.5, '9999-12-31', x'00', 0)";

struct rig {
    sqlite3 *firn, *plain;
    firn_table_def *def;
};

/* ---- one connection of each kind ---- */

static int
authorize(void *context, int action, const char *a, const char *b, const char *c, const char *d)
{
    static const char *const forbidden[] = {"random",
                                            "randomblob",
                                            "changes",
                                            "total_changes",
                                            "last_insert_rowid",
                                            "load_extension",
                                            "fts3_tokenizer",
                                            "date",
                                            "time",
                                            "datetime",
                                            "julianday",
                                            "strftime",
                                            "unixepoch",
                                            "current_date",
                                            "current_time",
                                            "current_timestamp",
                                            "zeroblob"};
    (void)context;
    (void)a;
    (void)c;
    (void)d;
    if (action == SQLITE_FUNCTION && b != NULL) {
        if (sqlite3_strnicmp(b, "firn_", 5) == 0 || sqlite3_strnicmp(b, "sqlite_", 7) == 0) {
            return SQLITE_DENY;
        }
        for (size_t i = 0; i < sizeof forbidden / sizeof forbidden[0]; i++) {
            if (sqlite3_stricmp(b, forbidden[i]) == 0) {
                return SQLITE_DENY;
            }
        }
        return SQLITE_OK;
    }
    return action == SQLITE_SELECT || action == SQLITE_READ || action == SQLITE_RECURSIVE
               ? SQLITE_OK
               : SQLITE_DENY;
}

static int
tick(void *context)
{
    int *left = context;
    return --*left < 0;
}

static int ticks_left;

static void
forbid(sqlite3 *db)
{
    CHECK(sqlite3_set_authorizer(db, authorize, NULL) == SQLITE_OK);
    (void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, VALUE_SIZE_MAX);
    (void)sqlite3_limit(db, SQLITE_LIMIT_EXPR_DEPTH, 100);
    sqlite3_progress_handler(db, 100, tick, &ticks_left);
}

static const struct rig *
fixed_rig(void)
{
    static struct rig rig;
    if (rig.firn == NULL) {
        ticks_left = STEPS_MAX;
        CHECK(sqlite3_open(":memory:", &rig.firn) == SQLITE_OK &&
              sqlite3_open(":memory:", &rig.plain) == SQLITE_OK);
        CHECK(fi_sql_register(rig.firn) == SQLITE_OK);
        CHECK(sqlite3_exec(rig.firn, "SELECT firn_attach(':memory:')", NULL, NULL, NULL) ==
              SQLITE_OK);
        char *call = sqlite3_mprintf("SELECT firn_create(%Q)", definition);
        CHECK(call != NULL && sqlite3_exec(rig.firn, call, NULL, NULL, NULL) == SQLITE_OK);
        sqlite3_free(call);
        CHECK(sqlite3_exec(rig.firn, rows, NULL, NULL, NULL) == SQLITE_OK);
        CHECK(sqlite3_exec(rig.plain, plain_definition, NULL, NULL, NULL) == SQLITE_OK);
        CHECK(sqlite3_exec(rig.plain, rows, NULL, NULL, NULL) == SQLITE_OK);
        CHECK(firn_table_def_parse("id i64 primary key, n i64, s i16, x f64, name text, d "
                                   "decimal(8, 2), day date, b blob, flag bool",
                                   &rig.def, NULL) == FIRN_OK);
        forbid(rig.firn);
        forbid(rig.plain);
    }
    return &rig;
}

/* ---- answers ---- */

struct answer {
    int code; /* SQLITE_DONE: all rows were read */
    int row_count;
    uint64_t sum; /* of the hashes of rows, so that their order does not count */
};

static uint64_t
hash_bytes(uint64_t hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) {
        hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static struct answer
read_answer(sqlite3_stmt *statement)
{
    struct answer answer = {.code = SQLITE_ROW};
    while (answer.row_count <= ROWS_MAX && (answer.code = sqlite3_step(statement)) == SQLITE_ROW) {
        uint64_t hash = UINT64_C(0xcbf29ce484222325);
        for (int i = 0; i < sqlite3_column_count(statement); i++) {
            int type = sqlite3_column_type(statement, i);
            hash = hash_bytes(hash, &type, sizeof type);
            if (type == SQLITE_INTEGER) {
                sqlite3_int64 number = sqlite3_column_int64(statement, i);
                hash = hash_bytes(hash, &number, sizeof number);
            } else if (type == SQLITE_TEXT || type == SQLITE_BLOB) {
                const void *bytes = sqlite3_column_blob(statement, i);
                hash = hash_bytes(hash, bytes, (size_t)sqlite3_column_bytes(statement, i));
            }
        }
        answer.sum += hash;
        answer.row_count++;
    }
    return answer;
}

/* Whether what a statement gives depends on an order that neither says, or on the last bits of a sum. */
static bool
is_vague(const char *text)
{
    static const char *const words[] = {"limit", "sum", "avg", "total", "round", "cast", "/"};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        size_t size = strlen(words[i]);
        for (const char *at = text; *at != '\0'; at++) {
            if (sqlite3_strnicmp(at, words[i], (int)size) == 0) {
                return true;
            }
        }
    }
    return false;
}

static void
answer_statement(const struct rig *rig, const char *text)
{
    struct fi_sql_query_reason reason;
    struct fi_sql_query *query = NULL;
    sqlite3_stmt *mine = NULL;
    sqlite3_stmt *theirs = NULL;
    const char *rest = NULL;
    ticks_left = STEPS_MAX;
    int rc = sqlite3_prepare_v2(rig->firn, text, -1, &mine, &rest);
    if (rc == SQLITE_OK && mine != NULL && sqlite3_stmt_readonly(mine) &&
        sqlite3_stmt_isexplain(mine) == 0 && sqlite3_bind_parameter_count(mine) == 0 &&
        rest[0] == '\0' && sqlite3_column_count(mine) > 0) {
        rc = fi_sql_query_open(rig->firn, mine, &query, &reason);
        CHECK(rc == SQLITE_OK || rc == SQLITE_NOMEM);
    }
    if (query != NULL) {
        char *what = fi_sql_query_describe(query);
        CHECK(what != NULL);
        sqlite3_free(what);
        CHECK(sqlite3_prepare_v2(rig->plain, text, -1, &theirs, NULL) == SQLITE_OK);
        ticks_left = STEPS_MAX;
        struct answer ours = read_answer(fi_sql_query_statement(query));
        bool is_declined =
            ours.code != SQLITE_DONE && ours.code != SQLITE_ROW && fi_sql_query_is_declined(query);
        ticks_left = STEPS_MAX;
        struct answer right = read_answer(theirs);
        bool is_stopped =
            (ours.code & 0xff) == SQLITE_INTERRUPT || (right.code & 0xff) == SQLITE_INTERRUPT;
        if (!is_declined && !is_stopped) {
            CHECK((ours.code == SQLITE_DONE) == (right.code == SQLITE_DONE));
            CHECK(ours.code != SQLITE_DONE || is_vague(text) ||
                  (ours.row_count == right.row_count && ours.sum == right.sum));
        }
    }
    fi_sql_query_close(query);
    (void)sqlite3_finalize(mine);
    (void)sqlite3_finalize(theirs);
}

static void
use_statement(const char *text, size_t size)
{
    const struct rig *rig = fixed_rig();
    static const char *const names[] = {"a", "b", "c", "d"};
    struct fi_sql_query_reason reason;
    struct fi_sqlparse_from from = {.schema = NULL};
    struct fi_sqlparse_query query = {.select = NULL};
    reason.text[0] = '\0';
    ticks_left = STEPS_MAX;
    bool has_table = fi_sqlparse_find_table(text, &from, reason.text);
    CHECK(!has_table || from.table != NULL);
    CHECK(has_table || reason.text[0] != '\0');
    fi_sqlparse_from_deinit(&from);
    reason.text[0] = '\0';
    bool is_known =
        fi_sqlparse_statement(rig->plain, text, rig->def, names, 4, &query, reason.text);
    CHECK(is_known || reason.text[0] != '\0');
    CHECK(!is_known || (query.select != NULL && query.outer != NULL &&
                        query.value_count <= FI_SQLPARSE_VALUES_MAX));
    fi_sqlparse_deinit(&query);
    if (size <= ANSWERED_SIZE_MAX) {
        answer_statement(rig, text);
    }
}

static void
use_definition(const char *text)
{
    struct fi_sqlcreate create;
    firn_error err;
    err.text[0] = '\0';
    memset(&create, 0, sizeof create);
    int rc = fi_sqlcreate_parse(text, &create, &err);
    CHECK(rc == FIRN_OK || err.text[0] != '\0');
    if (rc == FIRN_OK) {
        CHECK(create.table != NULL && create.column_count <= FIRN_TABLE_KEY_COLUMNS_MAX);
        CHECK(create.kind != FI_SQLCREATE_INDEX ||
              (create.name != NULL && create.column_count > 0));
        if (create.kind == FI_SQLCREATE_TABLE) {
            firn_table_def *def = NULL;
            CHECK(create.definition != NULL);
            rc = firn_table_def_parse(create.definition, &def, &err);
            CHECK((rc == FIRN_OK) == (def != NULL));
            fi_free(def);
        }
    }
    fi_sqlcreate_deinit(&create);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1 || size > TEXT_SIZE_MAX) {
        return 0;
    }
    char *text = malloc(size);
    CHECK(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    if (data[0] % 2 == 0) {
        use_definition(text);
    } else {
        use_statement(text, size - 1);
    }
    free(text);
    return 0;
}
