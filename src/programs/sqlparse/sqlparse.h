/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlparse/sqlparse.h: the recogniser: aggregates over one table that a scan of firn answers as
 * SQLite does.
 *
 * A statement that SQLite's own parser has accepted is read again by a small strict grammar. What
 * is recognised becomes two parts:
 *
 *     SELECT kind, sum(price) / count(*) AS mean FROM goods WHERE stock > 0
 *     GROUP BY kind HAVING count(*) > 3 ORDER BY mean
 *
 * - the texts of a scan (firn/scan.h), which makes the groups: select "kind", sum("price"),
 *   count(*) where "stock" > 0 group by "kind";
 * - a statement over these groups, which SQLite runs: SELECT t0, (r1) / (b2) AS "mean" FROM
 *   firn_groups(?1) WHERE (b2) > 3 ORDER BY mean.
 *
 * So what follows the groups is SQLite's by construction: arithmetic of aggregates, HAVING, ORDER
 * BY, LIMIT, any function. Rows are firn's; an expression over rows is recognised only where firn
 * gives what SQLite gives. A statement whose answer might differ is not recognised, and the reason
 * is given.
 */
#ifndef FIRN_SQLPARSE_SQLPARSE_H
#define FIRN_SQLPARSE_SQLPARSE_H

#include <sqlite3.h>
#include <stdbool.h>
#include <stddef.h>

#include "firn/firn.h"
#include "sqltext/sqltext.h"

enum {
    FI_SQLPARSE_VALUES_MAX = 64,
    FI_SQLPARSE_TEXT_MAX = 128 << 10,
    FI_SQLPARSE_REASON_SIZE = 160 /* of the text that says why a statement was not recognised */
};

/* The affinity that a value has in the statement over the groups: that of its column, or none. */
enum fi_sqlparse_affinity {
    FI_SQLPARSE_NONE = 0,
    FI_SQLPARSE_TEXT = 1,
    FI_SQLPARSE_INTEGER = 2,
    FI_SQLPARSE_REAL = 3,
    FI_SQLPARSE_NUMERIC = 4,
    FI_SQLPARSE_AFFINITIES = 5
};

/* A value of the scan that is looked at before it counts: where it fails the test, SQLite answers
 * the statement. */
struct fi_sqlparse_value {
    bool refuses_nan; /* SQLite takes a NaN for null, firn for a number */
    /* A sum or an average of integers for which the sum of magnitudes must not be above `limit`; 0:
     * any may be. Up to 2^63 no partial sum is too large for INTEGER: SQLite refuses one that is,
     * though the whole may fit. Up to 2^53 partial sums are exact as REAL, which is what SQLite
     * adds for avg() and total(). Known are the number of rows of the group and the largest
     * magnitude, which is `bound` where smallest is SIZE_MAX. */
    double limit;
    size_t rows;     /* the numbers of other values */
    size_t smallest; /* SIZE_MAX: there is none */
    size_t largest;
    double bound;
};

/* All texts are of sqlite3_malloc; a zeroed one is empty. */
struct fi_sqlparse_query {
    char *select;
    char *where;     /* NULL: all rows */
    char *group_by;  /* NULL: one group */
    char *outer;     /* the statement over the groups */
    bool folds_case; /* it was taken for granted that LIKE folds the case of ASCII */
    size_t value_count;
    struct fi_sqlparse_value values[FI_SQLPARSE_VALUES_MAX];
};
void fi_sqlparse_deinit(struct fi_sqlparse_query *query);

/* The table that a statement reads, as far as it is known before the table is. Texts are of
 * sqlite3_malloc. */
struct fi_sqlparse_from {
    char *schema; /* NULL: not said */
    char *table;
};
void fi_sqlparse_from_deinit(struct fi_sqlparse_from *from);

/* Reads what stands after FROM in a statement that begins with SELECT. Returns whether there is one
 * table. */
bool fi_sqlparse_find_table(const char *text, struct fi_sqlparse_from *out, char *reason);
/* Recognises a statement over a table with this definition. db: what computes constants. names:
 * those of the columns of its result. Returns whether it was recognised; memory that ran out counts
 * as not. */
bool fi_sqlparse_statement(sqlite3 *db, const char *text, const firn_table_def *def,
                           const char *const *names, size_t name_count,
                           struct fi_sqlparse_query *out, char *reason);
/* Rows in the order of their distances to a vector, as far as LIMIT wants them:
 *
 *     SELECT title, firn_distance(embedding, x'0000803f') AS far FROM notes WHERE year >= 2022
 *     ORDER BY far LIMIT 10
 *
 * A search of firn finds them. Texts are of sqlite3_malloc. */
struct fi_sqlparse_nearest {
    size_t column;   /* of the definition */
    char *vector;    /* the second argument, and the third; of constants, in SQLite's language */
    char *metric;    /* NULL: not said */
    char *where;     /* in firn's language; NULL: all rows */
    uint64_t wanted; /* rows */
};
void fi_sqlparse_nearest_deinit(struct fi_sqlparse_nearest *nearest);
/* Recognises such a statement over the table of that name. Then SQLite reads the table once, from
 * the beginning to the end, and needs no other rows than these. Otherwise as
 * fi_sqlparse_statement. */
bool fi_sqlparse_nearest_recognise(sqlite3 *db, const char *text, const firn_table_def *def,
                                   const char *table, struct fi_sqlparse_nearest *out,
                                   char *reason);
/* Whether SQLite passes each condition beside the MATCH of a table on to that table, in the
 * statement that is being executed, as far as its text tells. *out is a condition that it does not
 * pass on, of sqlite3_malloc. */
bool fi_sqlparse_terms_check(sqlite3 *db, const firn_table_def *def, const char *table, char **out);
/* Whether a column of the definition has this name for SQLite, which folds the case of ASCII. */
bool fi_sqlparse_tree_same_name(const char *a, size_t a_size, const char *b);

/* What SQLite calls column i: it does not tell "a" from "A", so of such columns the first keeps its
 * name, and the others get their number after it, "A:2". */
void fi_sqlparse_column_name(const firn_table_def *def, size_t i, char out[FI_SQLTEXT_NAME_SIZE]);

#endif
