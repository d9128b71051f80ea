/* SPDX-License-Identifier: Apache-2.0
 *
 * sql: searches by MATCH give the rows that firn_distance gives, in its order, with conditions, in transactions, in joins, and
 * for keys of several columns; what is refused. Words and vectors in one statement, against both lists fused here; and a
 * table whose vectors have a graph.
 */
#include <sqlite3.h>

#include "firn/firn.h"
#include "sql/sql.h"
#include "support/test.h"
#include "support/test_random.h"
#include "support/test_temp.h"

enum { ROWS = 300, TEXT_MAX = 900, RESULT_MAX = 1 << 16 };

static sqlite3 *db;

static void
must(const char *text)
{
    char *problem = NULL;
    if (sqlite3_exec(db, text, NULL, NULL, &problem) != SQLITE_OK) {
        fail_msg("%s: %s", text, problem);
    }
}

static void
refuses(const char *text, const char *why)
{
    char *problem = NULL;
    assert_int_not_equal(sqlite3_exec(db, text, NULL, NULL, &problem), SQLITE_OK);
    if (problem == NULL || strstr(problem, why) == NULL) {
        fail_msg("%s: '%s', not '%s'", text, problem != NULL ? problem : "", why);
    }
    sqlite3_free(problem);
}

static void
read_rows(const char *text, char *out)
{
    sqlite3_stmt *stmt = NULL;
    size_t size = 0;
    int rc;
    if (sqlite3_prepare_v2(db, text, -1, &stmt, NULL) != SQLITE_OK) {
        fail_msg("%s: %s", text, sqlite3_errmsg(db));
    }
    out[0] = '\0';
    while ((rc = sqlite3_step(stmt)) == SQLITE_ROW) {
        for (int i = 0; i < sqlite3_column_count(stmt); i++) {
            const char *value = (const char *)sqlite3_column_text(stmt, i);
            size += (size_t)snprintf(out + size, RESULT_MAX - size, "%s|",
                                     value != NULL ? value : "null");
            assert_true(size < RESULT_MAX);
        }
    }
    if (rc != SQLITE_DONE) {
        fail_msg("%s: %s", text, sqlite3_errmsg(db));
    }
    (void)sqlite3_finalize(stmt);
}

/* Two statements give the same. */
static void
same(const char *a, const char *b)
{
    static char first[RESULT_MAX];
    static char second[RESULT_MAX];
    read_rows(a, first);
    read_rows(b, second);
    if (strcmp(first, second) != 0) {
        fail_msg("%s\n%.300s\n%s\n%.300s", a, first, b, second);
    }
}

static void
gives(const char *text, const char *wanted)
{
    static char found[RESULT_MAX];
    read_rows(text, found);
    if (strcmp(found, wanted) != 0) {
        fail_msg("%s gives %.300s, not %s", text, found, wanted);
    }
}

static void
write_vector(struct test_random *random, char out[TEXT_MAX])
{
    (void)snprintf(out, TEXT_MAX, "[%d,%d,%d.5]", (int)test_random_below(random, 20) - 10,
                   (int)test_random_below(random, 20) - 10,
                   (int)test_random_below(random, 20) - 10);
}

static void
insert(struct test_random *random, const char *table, int id)
{
    char vector[TEXT_MAX];
    char text[2 * TEXT_MAX];
    write_vector(random, vector);
    (void)snprintf(text, sizeof text, "INSERT INTO %s VALUES(%d, 'n%d', %d, %s%s%s)", table, id,
                   id % 5, id % 10, id % 30 == 29 ? "NULL" : "'", id % 30 == 29 ? "" : vector,
                   id % 30 == 29 ? "" : "'");
    must(text);
}

static int
begin(void **state)
{
    struct test_random random;
    test_random_init(&random, "sql_vectors", 11);
    assert_int_equal(sqlite3_open(":memory:", &db), SQLITE_OK);
    assert_int_equal(fi_sql_register(db), SQLITE_OK);
    must("SELECT firn_attach(':memory:')");
    must("SELECT firn_create('CREATE TABLE one(id INTEGER PRIMARY KEY, name TEXT, kind INT, "
         "v BLOB VECTOR(3))')");
    must("SELECT firn_create('CREATE TABLE two(id INT, name TEXT, kind INT, v BLOB VECTOR(3), "
         "PRIMARY KEY(name, id))')");
    must("SELECT firn_create('CREATE TABLE three(k INTEGER PRIMARY KEY, distance TEXT, "
         "v BLOB VECTOR(2))')");
    must("BEGIN");
    for (int id = 0; id < ROWS; id++) {
        insert(&random, "one", id);
        insert(&random, "two", id);
    }
    must("COMMIT");
    return 0;
}

static int
end(void **state)
{
    return sqlite3_close(db) == SQLITE_OK ? 0 : 1;
}

static void
compare_all(struct test_random *random)
{
    static const char *const wheres[] = {
        "1",         "kind = 3", "kind IN (1, 2)", "name = 'n2'", "kind < 2 AND name <> 'n1'",
        "kind > 100"};
    static const char *const metrics[] = {"cosine", "l2", "dot"};
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; i < sizeof wheres / sizeof wheres[0]; i++) {
            for (size_t m = 0; m < 3; m++) {
                char vector[TEXT_MAX];
                char match[2 * TEXT_MAX];
                char sort[2 * TEXT_MAX];
                const char *key = t == 0 ? "id" : "name, id";
                const int k = (int)test_random_below(random, 40);
                write_vector(random, vector);
                (void)snprintf(match, sizeof match,
                               "SELECT id, name, distance FROM %s WHERE v MATCH "
                               "firn_vector('%s', '%s') AND k = %d AND %s ORDER BY distance",
                               t == 0 ? "one" : "two", vector, metrics[m], k, wheres[i]);
                (void)snprintf(sort, sizeof sort,
                               "SELECT id, name, firn_distance(v, '%s', '%s') AS d FROM %s WHERE d "
                               "NOT NULL AND %s ORDER BY d, %s LIMIT %d",
                               vector, metrics[m], t == 0 ? "one" : "two", wheres[i], key, k);
                same(match, sort);
            }
        }
    }
}

static void
a_match_gives_the_nearest_rows(void **state)
{
    struct test_random random;
    test_random_init(&random, "sql_vectors", 12);
    compare_all(&random);
    must("BEGIN");
    for (int id = ROWS; id < ROWS + 20; id++) {
        insert(&random, "one", id);
        insert(&random, "two", id);
    }
    must("DELETE FROM one WHERE kind = 4");
    compare_all(&random);
    must("ROLLBACK");
    compare_all(&random);
}

static void
a_match_takes_part_in_other_statements(void **state)
{
    same("SELECT n.id FROM one o JOIN one n ON n.v MATCH o.v AND n.k = 3 WHERE o.id = 7 "
         "ORDER BY n.distance",
         "SELECT id FROM one WHERE v MATCH (SELECT v FROM one WHERE id = 7) AND k = 3 "
         "ORDER BY distance");
    same("SELECT id FROM one WHERE v MATCH '[1,2,3]' AND k = 5 ORDER BY id DESC",
         "SELECT id FROM (SELECT id FROM one WHERE v MATCH '[1,2,3]' AND k = 5) ORDER BY id DESC");
    gives("SELECT count(*), count(distance) FROM one", "300|0|");
    gives("SELECT count(*) FROM one WHERE v MATCH '[1,2,3]' AND k = 0", "0|");
    gives("SELECT count(*) FROM one WHERE v MATCH '[1,2,3]' AND k = 1000", "290|");
    gives("SELECT count(*) FROM one WHERE v MATCH NULL AND k = 10", "0|");
    must("BEGIN");
    must("DELETE FROM one WHERE v MATCH '[1,2,3]' AND k = 5");
    gives("SELECT count(*) FROM one", "295|");
    must("UPDATE one SET name = 'x' WHERE v MATCH '[1,2,3]' AND k = 5");
    gives("SELECT count(*) FROM one WHERE name = 'x'", "5|");
    must("ROLLBACK");
    /* Columns that have the names of the hidden ones. */
    must("INSERT INTO three VALUES(1, 'a', '[1,0]'), (2, 'b', '[0,1]')");
    gives("SELECT k, distance, firn_distance FROM three WHERE v MATCH '[0,1]' AND firn_k = 1",
          "2|b|0.0|");
    gives("SELECT * FROM three WHERE k = 1 AND distance = 'a' AND v IS NULL", "");
    gives("SELECT round(firn_rrf(1, 2, NULL), 6), firn_rrf(NULL)", "0.032522|0.0|");
    gives("SELECT firn_vector(NULL), firn_distance(NULL, '[1]'), hex(firn_vector('[1,2]', 'l2'))",
          "null|null|0000803F0000004001|");
}

/* Without k the nearest rows come that fulfil any condition. */
static void
a_match_without_k_gives_all_rows_in_their_order(void **state)
{
    static const char *const wheres[] = {"1",
                                         "name LIKE 'N_'",
                                         "name LIKE 'n1' ESCAPE '!'",
                                         "length(name) = 2 AND kind % 7 = 3",
                                         "name = 'N3' COLLATE NOCASE",
                                         "kind + 1 = 3 OR id > 290",
                                         "kind IN (1, 2) AND NOT name = 'n1'",
                                         "distance > 3",
                                         "name GLOB 'n?' AND kind = 3"};
    struct test_random random;
    test_random_init(&random, "sql_vectors", 14);
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; i < sizeof wheres / sizeof wheres[0]; i++) {
            char vector[TEXT_MAX];
            char match[3 * TEXT_MAX];
            char sort[3 * TEXT_MAX];
            const int limit = (int)test_random_below(&random, 200);
            write_vector(&random, vector);
            (void)snprintf(match, sizeof match,
                           "SELECT id, name, distance FROM %s WHERE v MATCH firn_vector('%s', "
                           "'l2') AND (%s) ORDER BY distance LIMIT %d",
                           t == 0 ? "one" : "two", vector, wheres[i], limit);
            (void)snprintf(sort, sizeof sort,
                           "SELECT id, name, distance FROM (SELECT *, firn_distance(v, '%s', 'l2') "
                           "AS distance FROM %s) WHERE distance NOT NULL AND (%s) ORDER BY "
                           "distance, %s LIMIT %d",
                           vector, t == 0 ? "one" : "two", wheres[i], t == 0 ? "id" : "name, id",
                           limit);
            same(match, sort);
        }
    }
    gives("SELECT count(*) FROM one WHERE v MATCH '[1,2,3]'", "290|");
    gives("SELECT count(*) FROM one WHERE v MATCH NULL", "0|");
    gives("SELECT count(*) FROM one WHERE v MATCH '[1,2,3]' AND kind = 'x'", "0|");
}

/* k would count rows that SQLite leaves out afterwards. */
static void
k_beside_what_only_sqlite_tests_is_refused(void **state)
{
    static const char *const hidden[] = {"name LIKE 'n7'",
                                         "name LIKE 'n%'",
                                         "name GLOB 'n1'",
                                         "length(name) = 2",
                                         "kind + 1 = 3",
                                         "1 = kind + 1",
                                         "kind % 2",
                                         "(kind = 1 OR kind = 2)",
                                         "NOT kind = 3",
                                         "kind NOT IN (1, 2)",
                                         "name = name",
                                         "kind = id",
                                         "3 < length(name)",
                                         "name LIKE 'n' ESCAPE 'x'",
                                         "distance > 1",
                                         "kind NOT BETWEEN 1 AND 3",
                                         "name COLLATE NOCASE = 'N1'",
                                         "name = 'N1' COLLATE NOCASE",
                                         "(kind, id) = (1, 2)",
                                         "CASE WHEN kind = 1 AND id = 2 THEN 1 END",
                                         "EXISTS (SELECT 1 FROM two WHERE id = one.id)",
                                         "\"one\".[kind] + 0 = 1",
                                         "kind = 1 = 1"};
    static const char *const told[] = {"kind = 3",
                                       "3 = kind",
                                       "kind BETWEEN 2 AND 4",
                                       "kind IN (1, 2)",
                                       "one.kind >= 1 + 1",
                                       "name IS NOT NULL",
                                       "name NOTNULL",
                                       "kind IS 3",
                                       "1 = 1",
                                       "kind IN (SELECT kind FROM two WHERE id = 3)",
                                       "name <> 'n1'",
                                       "distance < 1000",
                                       "'n1' < name",
                                       "temp.one.kind != 4 AND id < 200"};
    char text[3 * TEXT_MAX];
    char same_text[3 * TEXT_MAX];
    for (size_t i = 0; i < sizeof hidden / sizeof hidden[0]; i++) {
        (void)snprintf(text, sizeof text,
                       "SELECT id FROM one WHERE %s AND v MATCH '[1,2,3]' AND k = 10", hidden[i]);
        refuses(text, "k = 10 would count rows before the condition");
        (void)snprintf(text, sizeof text,
                       "WITH n AS (SELECT id FROM one WHERE k = 10 AND v MATCH ('[1,2,3]') AND %s) "
                       "SELECT count(*) FROM n, two",
                       hidden[i]);
        refuses(text, "leave k out, and write ORDER BY distance LIMIT 10");
    }
    for (size_t i = 0; i < sizeof told / sizeof told[0]; i++) {
        (void)snprintf(text, sizeof text,
                       "SELECT id FROM one WHERE %s AND v MATCH '[1,2,3]' AND k = 10 ORDER BY id",
                       told[i]);
        (void)snprintf(same_text, sizeof same_text,
                       "SELECT id FROM (SELECT id FROM one WHERE v MATCH '[1,2,3]' AND %s ORDER BY "
                       "distance LIMIT 10) ORDER BY id",
                       told[i]);
        same(text, same_text);
    }
    refuses("SELECT n.id FROM one o JOIN one n ON n.v MATCH o.v AND n.k = 3 WHERE o.id = 7 AND "
            "n.name LIKE 'n%'",
            "k = 3 would count rows before");
    refuses("SELECT n.id FROM one o JOIN one n ON n.v MATCH o.v AND n.k = 3 WHERE o.id = 7 AND "
            "length(n.name) = 2",
            "the condition length(n.name) = 2");
    gives("SELECT count(*) FROM one o JOIN one n ON n.v MATCH o.v AND n.k = 3 WHERE o.id = 7 AND "
          "length(o.name) = 2",
          "3|");
    same("WITH n AS MATERIALIZED (SELECT id, name FROM one WHERE v MATCH '[1,2,3]' AND k = 50) "
         "SELECT id FROM n WHERE name LIKE 'N1' ORDER BY id",
         "SELECT id FROM (SELECT id, name FROM one WHERE v MATCH '[1,2,3]' AND k = 50 LIMIT 50) "
         "WHERE name LIKE 'N1' ORDER BY id");
    must("CREATE TEMP VIEW odd AS SELECT id FROM one WHERE v MATCH '[1,2,3]' AND k = 10 AND "
         "kind % 2 = 1");
    refuses("SELECT * FROM odd", "the condition kind % 2 = 1");
    must("DROP VIEW odd");
}

/* Whether a statement, from its WHERE or ORDER BY on, is a search: only then has the hidden column a distance. */
static void
is_search(bool wanted, const char *items, const char *rest)
{
    char text[2 * TEXT_MAX];
    char found[RESULT_MAX];
    (void)snprintf(text, sizeof text, "SELECT distance IS NOT NULL%s FROM %s", items, rest);
    read_rows(text, found);
    if (found[0] != (wanted ? '1' : '0')) {
        fail_msg("%s: %s", text, wanted ? "no search" : "a search");
    }
}

static void
an_order_by_distance_is_a_search(void **state)
{
    static const char *const wheres[] = {"v IS NOT NULL",
                                         "v IS NOT NULL AND kind = 3",
                                         "v IS NOT NULL AND kind IN (1, 2)",
                                         "v IS NOT NULL AND (kind = 1 OR kind = 2)",
                                         "kind BETWEEN 2 AND 4 AND v NOT NULL AND name <> 'n1'",
                                         "v IS NOT NULL AND id > 100 AND id < 250",
                                         "v IS NOT NULL AND kind > 100",
                                         "v IS NOT NULL AND length(name) = 2"};
    struct test_random random;
    test_random_init(&random, "sql_vectors", 13);
    for (size_t t = 0; t < 2; t++) {
        for (size_t i = 0; i < sizeof wheres / sizeof wheres[0]; i++) {
            char vector[TEXT_MAX];
            char by[3 * TEXT_MAX];
            char sort[3 * TEXT_MAX];
            write_vector(&random, vector);
            (void)snprintf(by, sizeof by,
                           "SELECT round(firn_distance(v, '%s', 'l2'), 6) FROM %s WHERE %s "
                           "ORDER BY firn_distance(v, '%s', 'l2') LIMIT %d OFFSET %d",
                           vector, t == 0 ? "one" : "two", wheres[i], vector, 1 + (int)i * 3,
                           (int)i);
            (void)snprintf(sort, sizeof sort,
                           "SELECT round(firn_distance(v, '%s', 'l2'), 6) FROM %s WHERE %s "
                           "ORDER BY firn_distance(v, '%s', 'l2') + 0 LIMIT %d OFFSET %d",
                           vector, t == 0 ? "one" : "two", wheres[i], vector, 1 + (int)i * 3,
                           (int)i);
            same(by, sort);
        }
    }
    const char *all = ", firn_distance(v, '[1,2,3]') AS d";
    is_search(true, "", "one WHERE v IS NOT NULL ORDER BY firn_distance(v, '[1,2,3]') LIMIT 5");
    is_search(true, all, "one WHERE v NOT NULL AND kind >= 2 ORDER BY d LIMIT 2 OFFSET 3;");
    is_search(true, "", "one AS o ORDER BY firn_distance(o.v, '[1,2,3]', 'l2') NULLS LAST LIMIT 5");
    is_search(true, "",
              "temp.one WHERE v NOT NULL ORDER BY firn_distance(v, "
              "firn_vector('[1,2,3]', 'dot')) ASC LIMIT 1, 5");
    /* Nulls come first; the farthest; more than a column orders; what SQLite has to look at; more rows than there are. */
    is_search(false, "", "one ORDER BY firn_distance(v, '[1,2,3]') LIMIT 300");
    is_search(false, "", "one WHERE v NOT NULL ORDER BY firn_distance(v, '[1,2,3]') DESC LIMIT 5");
    is_search(false, "", "one WHERE v NOT NULL ORDER BY firn_distance(v, '[1,2,3]'), id LIMIT 5");
    is_search(false, "", "one WHERE v NOT NULL ORDER BY firn_distance(v, '[1,2,3]')");
    is_search(false, "", "one WHERE v NOT NULL ORDER BY firn_distance(v, '[1,2,3]') LIMIT -1");
    is_search(false, "", "one WHERE v NOT NULL ORDER BY firn_distance(v, '[1,2,3]') LIMIT 299");
    /* Numbers that are not digits alone, and are not what their digits are. */
    static const char *const limits[] = {"1e1", "1E1", "0x10", "0X10", "1.0e1", "2 OFFSET 1e1"};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        char rest[TEXT_MAX];
        char by[2 * TEXT_MAX];
        char sort[2 * TEXT_MAX];
        (void)snprintf(rest, sizeof rest,
                       "one WHERE v NOT NULL ORDER BY firn_distance(v, '[1,2,3]') LIMIT %s",
                       limits[i]);
        is_search(false, "", rest);
        (void)snprintf(by, sizeof by, "SELECT id FROM %s", rest);
        (void)snprintf(sort, sizeof sort,
                       "SELECT id FROM one WHERE v NOT NULL ORDER BY "
                       "firn_distance(v, '[1,2,3]') + 0 LIMIT %s",
                       limits[i]);
        same(by, sort);
    }
    is_search(false, "",
              "one WHERE v NOT NULL AND kind IN (1, 2) ORDER BY "
              "firn_distance(v, '[1,2,3]') LIMIT 5");
    is_search(false, "",
              "one o JOIN (SELECT 1 AS x) ON true WHERE v NOT NULL ORDER BY "
              "firn_distance(o.v, '[1,2,3]') LIMIT 5");
    gives("SELECT count(*) FROM one WHERE v NOT NULL ORDER BY firn_distance(v, '[1,2,3]') LIMIT 5",
          "290|");
    /* There is something else of that name. */
    must("ATTACH ':memory:' AS other");
    must("CREATE TABLE other.one(v, distance)");
    is_search(false, "", "temp.one WHERE v NOT NULL ORDER BY firn_distance(v, '[1,2,3]') LIMIT 5");
    must("DETACH other");
    /* Values of parameters; another statement that is running makes it unclear which one reads. */
    sqlite3_stmt *stmt = NULL;
    sqlite3_stmt *outer = NULL;
    for (int pass = 0; pass < 2; pass++) {
        assert_int_equal(
            sqlite3_prepare_v2(db,
                               "SELECT distance IS NOT NULL, id FROM one WHERE v NOT NULL AND kind "
                               "= ?2 ORDER BY firn_distance(v, ?1) LIMIT ?3",
                               -1, &stmt, NULL),
            SQLITE_OK);
        assert_int_equal(sqlite3_bind_text(stmt, 1, "[1,2,3]", -1, SQLITE_STATIC), SQLITE_OK);
        assert_int_equal(sqlite3_bind_int(stmt, 2, 3), SQLITE_OK);
        assert_int_equal(sqlite3_bind_int(stmt, 3, 4), SQLITE_OK);
        if (pass == 1) {
            assert_int_equal(sqlite3_prepare_v2(db, "SELECT id FROM two", -1, &outer, NULL),
                             SQLITE_OK);
            assert_int_equal(sqlite3_step(outer), SQLITE_ROW);
        }
        assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
        assert_int_equal(sqlite3_column_int(stmt, 0), pass == 0);
        (void)sqlite3_finalize(outer);
        (void)sqlite3_finalize(stmt);
    }
}

/* ---- words and vectors ---- */

enum { NOTES = 200, NEAR = 25 };

static const char *const vocabulary[] = {"hedgehog", "lawn", "apple",  "tree", "winter",
                                         "garden",   "snow", "summer", "path", "stone"};

static void
write_body(struct test_random *random, char out[TEXT_MAX])
{
    const size_t words = 3 + (size_t)test_random_below(random, 12);
    size_t size = 0;
    for (size_t i = 0; i < words; i++) {
        size += (size_t)snprintf(out + size, TEXT_MAX - size, "%s%s", i > 0 ? " " : "",
                                 vocabulary[test_random_below(random, 10)]);
    }
}

static void
put_note(struct test_random *random, int id)
{
    char text[4 * TEXT_MAX];
    char body[TEXT_MAX];
    char vector[TEXT_MAX];
    write_body(random, body);
    write_vector(random, vector);
    (void)snprintf(text, sizeof text, "INSERT OR REPLACE INTO notes VALUES(%d, '%s', '%s')", id,
                   body, vector);
    must(text);
}

/* The ids of a statement's rows, in its order. */
static size_t
read_ids(const char *text, int *out)
{
    static char found[RESULT_MAX];
    size_t count = 0;
    read_rows(text, found);
    for (const char *at = found; *at != '\0'; at = strchr(at, '|') + 1) {
        assert_true(count < NOTES);
        out[count++] = atoi(at);
    }
    return count;
}

/* Adds the places of the ids to those of one list. */
static void
note_places(uint64_t places[NOTES][2], size_t list, const int *ids, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        places[ids[i]][list] = i + 1;
    }
}

/* One statement gives what its two lists give, fused by reciprocal ranks. */
static void
check_fusion(struct test_random *random)
{
    char vector[TEXT_MAX];
    char near[2 * TEXT_MAX];
    char said[2 * TEXT_MAX];
    char both[6 * TEXT_MAX];
    static char wanted[RESULT_MAX];
    uint64_t places[NOTES][2] = {{0}};
    int ids[NOTES];
    size_t size = 0;
    write_vector(random, vector);
    (void)snprintf(near, sizeof near,
                   "SELECT id, row_number() OVER (ORDER BY distance, id) AS place FROM notes "
                   "WHERE v MATCH firn_vector('%s', 'l2') AND k = %d",
                   vector, NEAR);
    (void)snprintf(said, sizeof said,
                   "SELECT rowid AS id, row_number() OVER (ORDER BY rank, rowid) AS place "
                   "FROM words WHERE words MATCH '%s OR %s'",
                   vocabulary[test_random_below(random, 10)],
                   vocabulary[test_random_below(random, 10)]);
    (void)snprintf(both, sizeof both, "SELECT id FROM (%s) ORDER BY place", near);
    size_t count = read_ids(both, ids);
    assert_int_equal(count, NEAR);
    note_places(places, 0, ids, count);
    (void)snprintf(both, sizeof both, "SELECT id FROM (%s) ORDER BY place", said);
    count = read_ids(both, ids);
    assert_true(count > 0);
    note_places(places, 1, ids, count);
    for (size_t row = 0; row < 10; row++) { /* the best ten, and of equal ones the first */
        size_t best = 0;
        for (size_t id = 1; id < NOTES; id++) {
            best = firn_rrf(places[id], 2, 0) > firn_rrf(places[best], 2, 0) ? id : best;
        }
        size += (size_t)snprintf(wanted + size, sizeof wanted - size, "%zu|%.12f|", best,
                                 firn_rrf(places[best], 2, 0));
        memset(places[best], 0, sizeof places[best]);
    }
    (void)snprintf(both, sizeof both,
                   "WITH near AS (%s), said AS (%s) SELECT id, printf('%%.12f', "
                   "firn_rrf(near.place, said.place)) FROM notes LEFT JOIN near USING (id) LEFT "
                   "JOIN said USING (id) ORDER BY firn_rrf(near.place, said.place) DESC, id "
                   "LIMIT 10",
                   near, said);
    gives(both, wanted);
}

static void
words_and_vectors_are_fused_in_one_statement(void **state)
{
    struct test_random random;
    test_random_init(&random, "sql_hybrid", 14);
    must("SELECT firn_create('CREATE TABLE notes(id INTEGER PRIMARY KEY, body TEXT, "
         "v BLOB VECTOR(3))')");
    must("CREATE VIRTUAL TABLE temp.words USING fts5(body, content='notes', content_rowid='id')");
    for (int round = 0; round < 4; round++) {
        must("BEGIN");
        for (int id = 0; id < NOTES; id += round == 0 ? 1 : 7) {
            put_note(&random, id);
        }
        must("COMMIT");
        must(
            "INSERT INTO words(words) VALUES('delete-all')"); /* 'rebuild' reads no virtual table */
        must("INSERT INTO words(rowid, body) SELECT id, body FROM notes");
        for (int i = 0; i < 10; i++) {
            check_fusion(&random);
        }
    }
    must("DROP TABLE words");
}

/* ---- a graph ---- */

enum { GRAPH_ROWS = 5000 };

static void
must_be_ok(int rc, const firn_error *err)
{
    if (rc != FIRN_OK) {
        fail_msg("%s", err->text);
    }
}

static void
make_store_with_graph(const char *path, struct test_random *random)
{
    firn_error err;
    firn_store *store;
    firn_table *table;
    firn_table_def *def;
    firn_txn *txn;
    firn_row_options options = FIRN_ROW_OPTIONS_INIT;
    firn_vector_index index = FIRN_VECTOR_INDEX_INIT;
    must_be_ok(firn_store_open(path, NULL, &store, &err), &err);
    must_be_ok(
        firn_table_def_parse("id i64 primary key, kind i64, v vector(3) not null", &def, &err),
        &err);
    must_be_ok(firn_table_create(store, "large", def, &table, &err), &err);
    firn_release(def);
    index.name = "near";
    index.column = "v";
    index.metric = FIRN_METRIC_L2;
    must_be_ok(firn_table_add_vector_index(table, &index, &err), &err);
    must_be_ok(firn_txn_begin(store, NULL, &txn, &err), &err);
    options.txn = txn;
    for (int64_t id = 0; id < GRAPH_ROWS; id++) {
        float numbers[3];
        for (size_t i = 0; i < 3; i++) {
            numbers[i] = (float)test_random_below(random, 100000) / 5000 - 10;
        }
        firn_value vector = firn_blob(firn_bytes(numbers, sizeof numbers));
        vector.type = FIRN_TYPE_VECTOR;
        const firn_value row[] = {firn_i64(id), firn_i64(id % 100), vector};
        must_be_ok(firn_table_upsert(table, &options, row, 3, &err), &err);
    }
    must_be_ok(firn_txn_commit(txn, NULL, &err), &err);
    firn_txn_close(txn);
    must_be_ok(firn_store_compact(store, NULL, &err), &err);
    must_be_ok(firn_store_close(store, &err), &err);
}

/* How many of the ten nearest rows a statement gives. */
static size_t
hits_of(const char *by_index, const char *by_all)
{
    int found[NOTES];
    int nearest[NOTES];
    size_t hits = 0;
    const size_t count = read_ids(by_index, found);
    assert_int_equal(count, 10);
    assert_int_equal(read_ids(by_all, nearest), 10);
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < 10; k++) {
            hits += found[i] == nearest[k];
        }
    }
    return hits;
}

static void
both_forms_find_the_rows_of_a_graph(void **state)
{
    static const char *const conditions[] = {"1", "kind < 50", "kind < 5", "kind = 7"};
    struct test_random random;
    char dir[TEST_TEMP_SIZE];
    char path[2 * TEST_TEMP_SIZE];
    char text[2 * TEXT_MAX];
    sqlite3 *other = NULL;
    size_t hits[2] = {0, 0};
    firn_error err;
    test_random_init(&random, "sql_graph", 15);
    test_temp_make(dir, sizeof dir);
    (void)snprintf(path, sizeof path, "%s/s.firn", dir);
    make_store_with_graph(path, &random);
    sqlite3 *kept = db;
    assert_int_equal(sqlite3_open(":memory:", &other), SQLITE_OK);
    assert_int_equal(fi_sql_register(other), SQLITE_OK);
    db = other;
    (void)snprintf(text, sizeof text, "SELECT firn_attach('%s')", path);
    must(text);
    for (size_t i = 0; i < 40; i++) {
        char vector[TEXT_MAX];
        char match[2 * TEXT_MAX];
        char order[2 * TEXT_MAX];
        char all[2 * TEXT_MAX];
        const char *condition = conditions[i % 4];
        write_vector(&random, vector);
        (void)snprintf(match, sizeof match,
                       "SELECT id FROM large WHERE v MATCH firn_vector('%s', 'l2') AND k = 10 AND "
                       "%s ORDER BY distance",
                       vector, condition);
        (void)snprintf(order, sizeof order,
                       "SELECT id FROM large WHERE %s ORDER BY firn_distance(v, '%s', 'l2') LIMIT "
                       "10",
                       condition, vector);
        (void)snprintf(all, sizeof all,
                       "SELECT id FROM large WHERE %s ORDER BY firn_distance(v, '%s', 'l2') + 0 "
                       "LIMIT 10",
                       condition, vector);
        hits[0] += hits_of(match, all);
        hits[1] += hits_of(order, all);
    }
    print_message("of 400 rows MATCH finds %zu, ORDER BY %zu\n", hits[0], hits[1]);
    assert_true(hits[0] >= 380 && hits[1] >= 380);
    is_search(true, "", "large WHERE kind < 50 ORDER BY firn_distance(v, '[1,2,3]', 'l2') LIMIT 5");
    db = kept;
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    must_be_ok(firn_store_destroy(path, &err), &err);
    assert_int_equal(remove(dir), 0);
}

static void
what_makes_no_sense_is_refused(void **state)
{
    refuses("SELECT 1 FROM one WHERE v MATCH '[1,2,3]' AND k = -1", "from 0");
    refuses("SELECT 1 FROM one WHERE v MATCH '[1,2,3]' AND k = 'x'", "from 0");
    refuses("SELECT 1 FROM one WHERE v MATCH '[1,2]' AND k = 3", "dimensions");
    refuses("SELECT 1 FROM one WHERE v MATCH '[1,2,nan]' AND k = 3", "");
    refuses("SELECT 1 FROM one WHERE v MATCH 'text' AND k = 3", "");
    refuses("SELECT 1 FROM one WHERE v MATCH x'0000c07f0000000000000000' AND k = 3", "not finite");
    refuses("SELECT 1 FROM one WHERE v MATCH x'00' AND k = 3", "no vector");
    refuses("SELECT firn_vector('[1]', 'hamming')", "no metric");
    refuses("SELECT firn_distance('[1]', '[1,2]')", "a vector of 1 numbers and one of 2");
    refuses("SELECT firn_distance(x'0000807f', '[1]')", "not finite");
    refuses("SELECT firn_vector(x'0000000009')", "no vector");
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_match_gives_the_nearest_rows),
        cmocka_unit_test(a_match_takes_part_in_other_statements),
        cmocka_unit_test(a_match_without_k_gives_all_rows_in_their_order),
        cmocka_unit_test(k_beside_what_only_sqlite_tests_is_refused),
        cmocka_unit_test(an_order_by_distance_is_a_search),
        cmocka_unit_test(words_and_vectors_are_fused_in_one_statement),
        cmocka_unit_test(both_forms_find_the_rows_of_a_graph),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests_name("sql_vectors", tests, begin, end);
}
