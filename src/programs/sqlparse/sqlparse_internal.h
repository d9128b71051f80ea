/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlparse/sqlparse_internal.h: what sqlparse.c (statements, and what is said over groups),
 * sqlparse_tree.c (words and expressions as they are written), sqlparse_rows.c and sqlparse_where.c
 * (values and conditions over rows, in firn's language) share.
 */
#ifndef FIRN_SQLPARSE_SQLPARSE_INTERNAL_H
#define FIRN_SQLPARSE_SQLPARSE_INTERNAL_H

#include <sqlite3ext.h> /* each .c has SQLITE_EXTENSION_INIT3 after this header */
#include <stdint.h>

#include "sqlparse/sqlparse.h"
#include "sqltext/sqltext.h"
#include "type/type.h"

/* ---- words: sqlparse_tree.c ---- */

enum word_kind {
    WORD_END,
    WORD_NAME,   /* a plain word, keywords included */
    WORD_QUOTED, /* a name in quotes: text is without them */
    WORD_STRING, /* text is what stands between the quotes, those in it doubled */
    WORD_BLOB,   /* the same: hexadecimal digits */
    WORD_NUMBER,
    WORD_SIGN,
    WORD_WRONG /* what the grammar has no use for: a parameter, a character */
};
struct word {
    enum word_kind kind;
    const char *text;
    size_t size;
    size_t from; /* where it stands, quotes included */
    size_t to;
};

/* ---- expressions as they are written: sqlparse_tree.c ---- */

enum node_kind {
    NODE_NUMBER,
    NODE_STRING,
    NODE_BLOB,
    NODE_NULL,
    NODE_NAME, /* a column, or a name that only SQLite understands; column says */
    NODE_SIGN, /* - + ~ before one operand: sign */
    NODE_NOT,  /* of one operand */
    NODE_AND,
    NODE_OR,
    NODE_COMPARE, /* sign: = < > l (<=) g (>=) n (<>) */
    NODE_IS,      /* IS, IS NOT: negated; of two operands */
    NODE_NULLITY, /* IS NULL, ISNULL; negated: IS NOT NULL, NOTNULL; of one */
    NODE_BETWEEN, /* of three */
    NODE_IN,      /* of one and those of the list */
    NODE_LIKE,
    NODE_GLOB,
    NODE_BINARY, /* sign: + - * / % & | < (<<) > (>>) c (||) */
    NODE_CASE,   /* has_base, then pairs, then has_else */
    NODE_CAST,   /* of one operand; text is the type */
    NODE_CALL    /* text is the name */
};
enum { NO_NODE = -1, NODES_MAX = 4000, DEPTH_MAX = 60, NO_COLUMN = -1 };
struct node {
    enum node_kind kind;
    char sign;
    bool is_negated;
    bool has_base;
    bool has_else;
    bool is_distinct; /* of a call */
    bool has_star;
    int first; /* operands */
    int next;  /* the next operand of the node that this is one of */
    int column;
    const char *text;
    size_t size;
    size_t from;
    size_t to;
};

struct parser {
    sqlite3 *db; /* computes constants */
    const char *text;
    const firn_table_def *def;
    const char *table; /* what qualifies columns: the alias, or the table's name */
    size_t table_size;
    struct word word;
    size_t at; /* after the word */
    int depth;
    struct node *nodes;
    int node_count;
    char **kept; /* texts that go with the parser */
    size_t kept_count;
    size_t kept_capacity;
    bool has_failed;
    bool folds_case;
    char *reason; /* FI_SQLPARSE_REASON_SIZE bytes */
};

void fi_sqlparse_tree_next(struct parser *parser);
bool fi_sqlparse_tree_is(const struct parser *parser, const char *word);
/* Goes past the word if it is this one. */
bool fi_sqlparse_tree_take(struct parser *parser, const char *word);
/* Reads an expression; NO_NODE after a failure. */
int fi_sqlparse_tree_expression(struct parser *parser);
/* Whether two expressions are the same. */
bool fi_sqlparse_tree_same(const struct parser *parser, int a, int b);
bool fi_sqlparse_tree_is_call(const struct node *node, const char *name);

/* Whether a call is of one of SQLite's functions whose results depend on nothing but its arguments,
 * and the time. */
bool fi_sqlparse_tree_is_known(const struct node *node);

/* Fails the parser with the first reason. Returns false. */
bool fi_sqlparse_tree_refuse(struct parser *parser, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A text of sqlite3_mprintf that goes with the parser; never NULL: "" where memory ran out, and the
 * parser has failed. */
const char *fi_sqlparse_tree_keep(struct parser *parser, char *text);

/* ---- expressions over rows: sqlparse_rows.c ---- */

enum piece_class {
    PIECE_INTEGER,
    PIECE_BOOL, /* of firn; an INTEGER 0 or 1 of SQLite */
    PIECE_REAL,
    PIECE_DECIMAL,  /* exact in firn, the nearest REAL in SQLite: of at most 15 digits */
    PIECE_COMPUTED, /* the same computed: the last bits may be others */
    PIECE_TEXT,
    PIECE_BLOB,
    PIECE_DATE,
    PIECE_TIMESTAMP,
    PIECE_FIXED
};
struct piece {
    enum piece_class class;
    const char *text;   /* in firn's language; NULL: not recognised, and the parser has failed */
    bool is_literal;    /* a number or text of the statement */
    bool may_be_nan;    /* REAL */
    bool is_unsigned;   /* a u64, above what INTEGER has */
    bool is_digits;     /* TEXT: decimal digits, up to four */
    uint32_t scale;     /* DECIMAL */
    double bound;       /* INTEGER: the largest magnitude */
    const char *quoted; /* of a literal text: what stands between the quotes */
    size_t quoted_size;
};

struct piece fi_sqlparse_rows_value(struct parser *parser, int node);
/* Instead of a NaN null. */
const char *fi_sqlparse_rows_number(struct parser *parser, const struct piece *piece);
/* A bool as the INTEGER that SQLite has; other pieces as they are. */
struct piece fi_sqlparse_rows_integer(struct parser *parser, struct piece piece);
/* A literal as firn reads it beside REAL: rounded to the nearest, as SQLite does. */
const char *fi_sqlparse_rows_real(struct parser *parser, const struct piece *piece);

/* Integers up to here are REALs, too: 2^53 - 1. */
#define FI_SQLPARSE_EXACT_MAX 9007199254740991.0

/* ---- conditions over rows: sqlparse_where.c ---- */

/* A condition of firn; NULL: not recognised. is_where: null is as false, for it is what keeps
 * rows. */
const char *fi_sqlparse_where_condition(struct parser *parser, int node, bool is_where);

/* ---- statements: sqlparse.c ---- */

enum { ITEMS_MAX = 256, GROUPS_MAX = 32 };

struct item {
    int node;
    const char *alias;
    size_t alias_size;
};

struct value {
    const char *text; /* in firn's language */
    enum fi_sqlparse_affinity affinity;
};

struct statement {
    struct parser *parser;
    bool is_distinct;
    bool takes_star;
    struct item items[ITEMS_MAX]; /* of "*" there is no node */
    size_t item_count;
    int where;
    int groups[GROUPS_MAX];
    size_t group_count;
    int having;
    struct item orders[ITEMS_MAX]; /* alias: what follows the expression, DESC and the like */
    size_t order_count;
    size_t limit_from; /* where LIMIT stands; SIZE_MAX: nowhere */
    size_t limit_to;
    struct value values[FI_SQLPARSE_VALUES_MAX];
    struct fi_sqlparse_query *out;
};

/* A statement that is read, of sqlite3_malloc; NULL fails. The parser has its text. */
bool fi_sqlparse_begin(struct parser *parser, struct statement *statement);
/* Releases what both have. */
void fi_sqlparse_end(struct parser *parser, struct statement *statement);
/* Reads a SELECT of one table. */
void fi_sqlparse_read(struct statement *statement);
bool fi_sqlparse_is_aggregate(const struct node *node);

#endif
