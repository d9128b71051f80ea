/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlcreate/sqlcreate.c: CREATE TABLE and its kin, as firn_create is given them.
 *
 * SQLite does not let an extension see such statements, so they come as text. They are read by a
 * small parser that knows the forms which firn can keep a promise about, and refuses the others
 * with a reason: CHECK, REFERENCES, COLLATE, GENERATED and expressions are not ignored. Names and
 * literals go into a text for firn_table_def_parse, which says what is wrong with them.
 *
 * Types are those that people declare to SQLite and to other databases; firn's own names work too.
 * INTEGER is 64 bits and REAL is f64, as in SQLite. A table without a primary key gets a column
 * rowid, which counts and is not shown by SELECT *.
 *
 * Limits: the text has at most 1 MiB, and no part of it is in another one, so nothing recurses.
 */
#include "sqlcreate/sqlcreate.h"
#include "sqltext/sqltext.h"
#include "sqlvalue/sqlvalue.h"
#include "term/term_try.h"

#include <assert.h>
SQLITE_EXTENSION_INIT3

enum { TYPE_SIZE_MAX = 64 };

struct parser {
    const char *text;
    size_t at; /* after the token */
    struct fi_sqltext_token token;
    const char *from; /* the token */
    size_t size;
    firn_error *err;
    struct fi_sqlcreate *out;
    sqlite3_str *columns; /* of the definition */
    sqlite3_str *indexes;
    size_t column_count;
    bool has_key;
    bool is_auto; /* the column */
};

/* ---- words ---- */

static bool
is_digit(char letter)
{
    return letter >= '0' && letter <= '9';
}

static int
sqlcreate_refuse(struct parser *parser, const char *what)
{
    assert(parser->err != NULL && what != NULL);
    if (parser->token.kind == FI_SQLTEXT_END) {
        return fi_sqlvalue_error(parser->err, FIRN_INVALID, "%s, not the end of the statement",
                                 what);
    }
    return fi_sqlvalue_error(parser->err, FIRN_INVALID, "%s, not '%.*s', at character %zu", what,
                             (int)(parser->size < 60 ? parser->size : 60), parser->from,
                             (size_t)(parser->from - parser->text) + 1);
}

static int
sqlcreate_advance(struct parser *parser)
{
    fi_sqltext_token(parser->text, &parser->at, &parser->token);
    parser->from = parser->text + parser->token.from;
    parser->size = parser->token.to - parser->token.from;
    return parser->token.is_open
               ? fi_sqlvalue_error(parser->err, FIRN_INVALID,
                                   "a quote at character %zu is not closed", parser->token.from + 1)
               : FIRN_OK;
}

static bool
is_word(const struct parser *parser, const char *word)
{
    assert(word[0] != '\0');
    return parser->token.kind == FI_SQLTEXT_WORD && parser->size == strlen(word) &&
           sqlite3_strnicmp(parser->from, word, (int)parser->size) == 0;
}

static bool
is_sign(const struct parser *parser, char sign)
{
    return parser->token.kind == FI_SQLTEXT_SIGN && *parser->from == sign;
}

/* Takes the word if it is there. */
static int
parse_word(struct parser *parser, const char *word, bool *out)
{
    *out = is_word(parser, word);
    return *out ? sqlcreate_advance(parser) : FIRN_OK;
}

static int
want_word(struct parser *parser, const char *word, const char *what)
{
    return is_word(parser, word) ? sqlcreate_advance(parser) : sqlcreate_refuse(parser, what);
}

static int
want_sign(struct parser *parser, char sign, const char *what)
{
    return is_sign(parser, sign) ? sqlcreate_advance(parser) : sqlcreate_refuse(parser, what);
}

static int
want_name(struct parser *parser, char **out)
{
    assert(*out == NULL);
    if (parser->token.kind != FI_SQLTEXT_WORD && parser->token.kind != FI_SQLTEXT_QUOTED &&
        parser->token.kind != FI_SQLTEXT_STRING) {
        return sqlcreate_refuse(parser, "a name is wanted");
    }
    char *name = sqlite3_malloc64(parser->size + 1);
    if (name == NULL) {
        return fi_sqlvalue_no_memory(parser->err);
    }
    const size_t size = fi_sqltext_unquote(parser->text, &parser->token, name);
    name[size] = '\0';
    sqlite3_free(*out);
    *out = name;
    return sqlcreate_advance(parser);
}

/* [STORE.]NAME */
static int
want_table(struct parser *parser)
{
    assert(parser->out->table == NULL);
    FI_TRY_RETURN(want_name(parser, &parser->out->table));
    if (is_sign(parser, '.')) {
        sqlite3_free(parser->out->store);
        parser->out->store = parser->out->table;
        parser->out->table = NULL;
        FI_TRY_RETURN(sqlcreate_advance(parser));
        return want_name(parser, &parser->out->table);
    }
    return FIRN_OK;
}

static int
parse_exists(struct parser *parser, bool with_not)
{
    bool has_if;
    FI_TRY_RETURN(parse_word(parser, "if", &has_if));
    if (has_if) {
        parser->out->may_exist = true;
        if (with_not) {
            FI_TRY_RETURN(want_word(parser, "not", "IF NOT EXISTS is wanted"));
        }
        return want_word(parser, "exists", "EXISTS is wanted");
    }
    return FIRN_OK;
}

/* ---- types ---- */

/* What other databases call types; those that fi_sqlvalue_type_named finds are left out. */
static const struct {
    char name[20];
    uint8_t type;
} type_names[] = {
    {"int", FIRN_TYPE_I64},
    {"integer", FIRN_TYPE_I64},
    {"int64", FIRN_TYPE_I64},
    {"int2", FIRN_TYPE_I16},
    {"int16", FIRN_TYPE_I16},
    {"mediumint", FIRN_TYPE_I32},
    {"int4", FIRN_TYPE_I32},
    {"int32", FIRN_TYPE_I32},
    {"uint8", FIRN_TYPE_U8},
    {"uint16", FIRN_TYPE_U16},
    {"uint32", FIRN_TYPE_U32},
    {"integer unsigned", FIRN_TYPE_U32},
    {"mediumint unsigned", FIRN_TYPE_U32},
    {"uint64", FIRN_TYPE_U64},
    {"unsigned big int", FIRN_TYPE_U64},
    {"real", FIRN_TYPE_F64},
    {"double precision", FIRN_TYPE_F64},
    {"float", FIRN_TYPE_F64},
    {"float64", FIRN_TYPE_F64},
    {"float32", FIRN_TYPE_F32},
    {"clob", FIRN_TYPE_TEXT},
    {"string", FIRN_TYPE_TEXT},
    {"json", FIRN_TYPE_TEXT},
    {"char", FIRN_TYPE_TEXT},
    {"varchar", FIRN_TYPE_TEXT},
    {"character", FIRN_TYPE_TEXT},
    {"character varying", FIRN_TYPE_TEXT},
    {"varying character", FIRN_TYPE_TEXT},
    {"nchar", FIRN_TYPE_TEXT},
    {"nvarchar", FIRN_TYPE_TEXT},
    {"native character", FIRN_TYPE_TEXT},
    {"bytea", FIRN_TYPE_BLOB},
    {"binary", FIRN_TYPE_BLOB},
    {"varbinary", FIRN_TYPE_BLOB},
    {"datetime", FIRN_TYPE_TIMESTAMP},
    {"numeric", FIRN_TYPE_DECIMAL},
    {"dec", FIRN_TYPE_DECIMAL},
};

static firn_type
type_named(const char *name)
{
    for (size_t i = 0; i < sizeof type_names / sizeof type_names[0]; i++) {
        if (sqlite3_stricmp(type_names[i].name, name) == 0) {
            return (firn_type)type_names[i].type;
        }
    }
    return fi_sqlvalue_type_named(name);
}

static bool
ends_type(const struct parser *parser)
{
    static const char *const words[] = {
        "constraint", "primary", "not",       "null", "unique", "default",       "check",
        "references", "collate", "generated", "as",   "auto",   "autoincrement", "bloom"};
    if (parser->token.kind != FI_SQLTEXT_WORD) {
        return true;
    }
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (is_word(parser, words[i])) {
            return true;
        }
    }
    return false;
}

static int
want_number(struct parser *parser, unsigned *out)
{
    unsigned number = 0;
    for (size_t i = 0; i < parser->size; i++) {
        if (parser->token.kind != FI_SQLTEXT_NUMBER || !is_digit(parser->from[i]) ||
            number > 1000000) {
            return sqlcreate_refuse(parser, "a whole number is wanted");
        }
        number = 10 * number + (unsigned)(parser->from[i] - '0');
    }
    *out = number;
    return sqlcreate_advance(parser);
}

/* (N) or (N, M) */
static int
parse_sizes(struct parser *parser, unsigned sizes[2], int *out_count)
{
    *out_count = 0;
    if (!is_sign(parser, '(')) {
        return FIRN_OK;
    }
    FI_TRY_RETURN(sqlcreate_advance(parser));
    while (*out_count < 2) {
        FI_TRY_RETURN(want_number(parser, &sizes[(*out_count)++]));
        if (!is_sign(parser, ',')) {
            break;
        }
        FI_TRY_RETURN(sqlcreate_advance(parser));
    }
    return want_sign(parser, ')', "a ) is wanted");
}

static int
want_type(struct parser *parser)
{
    char name[TYPE_SIZE_MAX] = "";
    unsigned sizes[2] = {0, 0};
    int count = 0;
    size_t size = 0;
    while (!ends_type(parser)) {
        if (size + parser->size + 2 > sizeof name) {
            return sqlcreate_refuse(parser, "a type is wanted");
        }
        if (size > 0) {
            name[size++] = ' ';
        }
        memcpy(name + size, parser->from, parser->size);
        size += parser->size;
        name[size] = '\0';
        FI_TRY_RETURN(sqlcreate_advance(parser));
        FI_TRY_RETURN(parse_sizes(parser, sizes, &count));
    }
    if (size == 0) {
        return sqlcreate_refuse(parser, "a type is wanted");
    }
    const firn_type type = type_named(name);
    char text[FI_TYPE_TEXT_SIZE];
    if (type == FIRN_TYPE_NULL) {
        return fi_sqlvalue_error(parser->err, FIRN_INVALID, "there is no type '%s'", name);
    }
    if (type == FIRN_TYPE_DECIMAL && count == 0) {
        return fi_sqlvalue_error(parser->err, FIRN_INVALID,
                                 "say how many digits: %s(PRECISION, SCALE); or REAL", name);
    }
    sqlite3_str_appendf(parser->columns, " %s",
                        fi_type_text(type, sizes[0], sizes[1], sizes[0], text));
    return FIRN_OK;
}

/* ---- columns ---- */

static int
parse_default(struct parser *parser)
{
    bool is_negative = is_sign(parser, '-');
    if (is_negative || is_sign(parser, '+')) {
        FI_TRY_RETURN(sqlcreate_advance(parser));
    }
    bool is_literal =
        parser->token.kind == FI_SQLTEXT_NUMBER ||
        (!is_negative &&
         (parser->token.kind == FI_SQLTEXT_STRING || parser->token.kind == FI_SQLTEXT_BLOB ||
          is_word(parser, "null") || is_word(parser, "true") || is_word(parser, "false")));
    if (!is_literal) {
        return sqlcreate_refuse(parser, "a default is a literal");
    }
    sqlite3_str_appendf(parser->columns, " default %s%.*s", is_negative ? "-" : "",
                        (int)parser->size, parser->from);
    return sqlcreate_advance(parser);
}

static int
refuse_conflict_clause(struct parser *parser)
{
    return is_word(parser, "on")
               ? sqlcreate_refuse(parser,
                                  "firn has no ON CONFLICT in definitions; a comma or ) is wanted")
               : FIRN_OK;
}

/* After PRIMARY: of a column. */
static int
parse_column_key(struct parser *parser, const char *name, bool is_integer)
{
    bool given;
    FI_TRY_RETURN(want_word(parser, "key", "KEY is wanted"));
    FI_TRY_RETURN(parse_word(parser, "asc", &given));
    FI_TRY_RETURN(parse_word(parser, "autoincrement", &given));
    if (parser->has_key) {
        return fi_sqlvalue_error(parser->err, FIRN_INVALID,
                                 "the table has more than one primary key");
    }
    if (given && !is_integer) {
        return fi_sqlvalue_error(parser->err, FIRN_INVALID,
                                 "AUTOINCREMENT is for INTEGER PRIMARY KEY");
    }
    /* INTEGER PRIMARY KEY numbers rows, as in SQLite. */
    if (is_integer && !parser->is_auto) {
        parser->is_auto = true;
        sqlite3_str_appendall(parser->columns, " auto");
    }
    sqlite3_str_appendf(parser->indexes, ", primary key (\"%w\")", name);
    parser->has_key = true;
    return refuse_conflict_clause(parser);
}

static int
parse_column_constraint(struct parser *parser, const char *name, bool is_integer, bool *out)
{
    bool taken;
    char *ignored = NULL;
    FI_TRY_RETURN(parse_word(parser, "constraint", &taken));
    if (taken) {
        const int rc = want_name(parser, &ignored);
        sqlite3_free(ignored);
        FI_TRY_RETURN(rc);
    }
    *out = true;
    if (is_word(parser, "primary")) {
        FI_TRY_RETURN(sqlcreate_advance(parser));
        return parse_column_key(parser, name, is_integer);
    }
    if (is_word(parser, "not")) {
        FI_TRY_RETURN(sqlcreate_advance(parser));
        FI_TRY_RETURN(want_word(parser, "null", "NULL is wanted"));
        sqlite3_str_appendall(parser->columns, " not null");
        return refuse_conflict_clause(parser);
    }
    if (is_word(parser, "null")) {
        return sqlcreate_advance(parser);
    }
    if (is_word(parser, "auto")) {
        sqlite3_str_appendall(parser->columns, parser->is_auto ? "" : " auto");
        parser->is_auto = true;
        return sqlcreate_advance(parser);
    }
    if (is_word(parser, "bloom")) {
        sqlite3_str_appendall(parser->columns, " bloom");
        return sqlcreate_advance(parser);
    }
    if (is_word(parser, "default")) {
        FI_TRY_RETURN(sqlcreate_advance(parser));
        return parse_default(parser);
    }
    if (is_word(parser, "unique")) {
        sqlite3_str_appendf(parser->indexes, ", unique index \"unique_%w\" (\"%w\")", name, name);
        FI_TRY_RETURN(sqlcreate_advance(parser));
        return refuse_conflict_clause(parser);
    }
    if (is_word(parser, "collate")) {
        FI_TRY_RETURN(sqlcreate_advance(parser));
        return want_word(parser, "binary", "the only collation is BINARY; it is wanted");
    }
    *out = false;
    return taken ? sqlcreate_refuse(parser, "a constraint is wanted") : FIRN_OK;
}

static int
parse_column(struct parser *parser)
{
    char *name = NULL;
    bool is_integer = false;
    bool more = true;
    parser->is_auto = false;
    int rc = want_name(parser, &name);
    if (rc == FIRN_OK) {
        is_integer = is_word(parser, "integer");
        sqlite3_str_appendf(parser->columns, "%s\"%w\"", parser->column_count++ > 0 ? ", " : "",
                            name);
        rc = want_type(parser);
    }
    while (rc == FIRN_OK && more) {
        rc = parse_column_constraint(parser, name, is_integer, &more);
    }
    sqlite3_free(name);
    return rc;
}

/* ---- constraints of the table ---- */

/* [ASC | DESC] of a column of a key or an index. Both mean the same: keys ascend, and are read
 * backwards where a statement orders by them so. The order of rows of a SELECT follows from its
 * ORDER BY alone. */
static int
parse_direction(struct parser *parser)
{
    bool given = false;
    FI_TRY_RETURN(parse_word(parser, "asc", &given));
    return given ? FIRN_OK : parse_word(parser, "desc", &given);
}

/* (NAME, …), to where a definition or a list wants them. */
static int
parse_names(struct parser *parser, sqlite3_str *text, sqlite3_str *joined)
{
    int rc = want_sign(parser, '(', "a ( is wanted");
    for (size_t i = 0; rc == FIRN_OK; i++) {
        char *name = NULL;
        rc = want_name(parser, &name);
        if (rc == FIRN_OK) {
            sqlite3_str_appendf(text, "%s\"%w\"", i > 0 ? ", " : "", name);
            if (joined != NULL) {
                sqlite3_str_appendf(joined, "_%s", name);
            }
            rc = parse_direction(parser);
        }
        sqlite3_free(name);
        if (rc == FIRN_OK && !is_sign(parser, ',')) {
            return want_sign(parser, ')', "a comma or ) is wanted");
        }
        rc = rc == FIRN_OK ? sqlcreate_advance(parser) : rc;
    }
    return rc;
}

/* [UNIQUE] (NAME, …), [UNIQUE] INDEX NAME (NAME, …) */
static int
parse_unique(struct parser *parser, char *name, bool is_unique)
{
    char *own = name;
    sqlite3_str *columns = sqlite3_str_new(NULL);
    sqlite3_str *joined = sqlite3_str_new(NULL);
    int rc = FIRN_OK;
    if (is_word(parser, "index")) {
        rc = sqlcreate_advance(parser);
        own = NULL;
        rc = rc == FIRN_OK ? want_name(parser, &own) : rc;
    }
    sqlite3_str_appendall(joined, "unique");
    rc = rc == FIRN_OK ? parse_names(parser, columns, joined) : rc;
    char *names = sqlite3_str_finish(columns);
    char *made = sqlite3_str_finish(joined);
    if (rc == FIRN_OK && (names == NULL || made == NULL)) {
        rc = fi_sqlvalue_no_memory(parser->err);
    }
    if (rc == FIRN_OK) {
        sqlite3_str_appendf(parser->indexes, ", %sindex \"%w\" (%s)", is_unique ? "unique " : "",
                            own != NULL ? own : made, names);
        rc = refuse_conflict_clause(parser);
    }
    if (own != name) {
        sqlite3_free(own);
    }
    sqlite3_free(names);
    sqlite3_free(made);
    return rc;
}

static int
parse_table_key(struct parser *parser)
{
    if (parser->has_key) {
        return fi_sqlvalue_error(parser->err, FIRN_INVALID,
                                 "the table has more than one primary key");
    }
    parser->has_key = true;
    FI_TRY_RETURN(want_word(parser, "key", "KEY is wanted"));
    sqlite3_str_appendall(parser->indexes, ", primary key (");
    FI_TRY_RETURN(parse_names(parser, parser->indexes, NULL));
    sqlite3_str_appendall(parser->indexes, ")");
    return refuse_conflict_clause(parser);
}

/* An item between commas. */
static int
parse_item(struct parser *parser)
{
    static const char *const refused[] = {"check", "foreign"};
    char *name = NULL;
    bool has_name;
    bool is_unique = false;
    int rc;
    FI_TRY_OUT(rc, parse_word(parser, "constraint", &has_name));
    if (has_name) {
        FI_TRY_OUT(rc, want_name(parser, &name));
    }
    for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        if (is_word(parser, refused[i])) {
            FI_TRY_OUT(
                rc, sqlcreate_refuse(parser, "firn has no such constraints; a column is wanted"));
        }
    }
    if (is_word(parser, "primary")) {
        FI_TRY_OUT(rc, sqlcreate_advance(parser));
        rc = parse_table_key(parser);
    } else if (is_word(parser, "unique") || is_word(parser, "index")) {
        FI_TRY_OUT(rc, parse_word(parser, "unique", &is_unique));
        rc = parse_unique(parser, name, is_unique);
    } else {
        rc = has_name ? sqlcreate_refuse(parser, "a constraint is wanted") : parse_column(parser);
    }
out:
    sqlite3_free(name);
    return rc;
}

static int
finish_definition(struct parser *parser)
{
    assert(parser->out->definition == NULL);
    if (!parser->has_key) {
        sqlite3_str_appendall(parser->columns, ", rowid i64 auto");
        sqlite3_str_appendall(parser->indexes, ", primary key (rowid)");
    }
    const char *indexes = sqlite3_str_value(parser->indexes);
    parser->out->definition =
        sqlite3_mprintf("%s%s", sqlite3_str_value(parser->columns), indexes != NULL ? indexes : "");
    return parser->out->definition != NULL && sqlite3_str_errcode(parser->columns) == SQLITE_OK &&
                   sqlite3_str_errcode(parser->indexes) == SQLITE_OK
               ? FIRN_OK
               : fi_sqlvalue_no_memory(parser->err);
}

static int
parse_table(struct parser *parser)
{
    assert(parser->column_count == 0 && !parser->has_key);
    bool taken = true;
    FI_TRY_RETURN(parse_exists(parser, true));
    FI_TRY_RETURN(want_table(parser));
    FI_TRY_RETURN(want_sign(parser, '(', "a ( is wanted"));
    FI_TRY_RETURN(parse_item(parser));
    while (is_sign(parser, ',')) {
        FI_TRY_RETURN(sqlcreate_advance(parser));
        FI_TRY_RETURN(parse_item(parser));
    }
    FI_TRY_RETURN(want_sign(parser, ')', "a comma or ) is wanted"));
    while (taken) {
        FI_TRY_RETURN(parse_word(parser, "strict", &taken));
        if (is_word(parser, "without")) {
            FI_TRY_RETURN(sqlcreate_advance(parser));
            FI_TRY_RETURN(want_word(parser, "rowid", "ROWID is wanted"));
            taken = true;
        }
        if (is_sign(parser, ',')) {
            FI_TRY_RETURN(sqlcreate_advance(parser));
            taken = true;
        }
    }
    return finish_definition(parser);
}

/* ---- other statements ---- */

static int
parse_index(struct parser *parser)
{
    assert(parser->out->column_count == 0);
    struct fi_sqlcreate *out = parser->out;
    out->kind = FI_SQLCREATE_INDEX;
    FI_TRY_RETURN(parse_exists(parser, true));
    FI_TRY_RETURN(want_name(parser, &out->name));
    FI_TRY_RETURN(want_word(parser, "on", "ON is wanted"));
    FI_TRY_RETURN(want_table(parser));
    FI_TRY_RETURN(want_sign(parser, '(', "a ( is wanted"));
    for (;;) {
        if (out->column_count == FIRN_TABLE_KEY_COLUMNS_MAX) {
            return fi_sqlvalue_error(parser->err, FIRN_LIMIT, "an index has at most %d columns",
                                     FIRN_TABLE_KEY_COLUMNS_MAX);
        }
        FI_TRY_RETURN(want_name(parser, &out->columns[out->column_count++]));
        FI_TRY_RETURN(parse_direction(parser));
        if (!is_sign(parser, ',')) {
            return want_sign(parser, ')', "a comma or ) is wanted");
        }
        FI_TRY_RETURN(sqlcreate_advance(parser));
    }
}

static int
parse_create(struct parser *parser)
{
    FI_TRY_RETURN(parse_word(parser, "unique", &parser->out->is_unique));
    if (is_word(parser, "index")) {
        FI_TRY_RETURN(sqlcreate_advance(parser));
        return parse_index(parser);
    }
    if (is_word(parser, "table") && !parser->out->is_unique) {
        parser->out->kind = FI_SQLCREATE_TABLE;
        FI_TRY_RETURN(sqlcreate_advance(parser));
        return parse_table(parser);
    }
    if (is_word(parser, "keyspace") && !parser->out->is_unique) {
        parser->out->kind = FI_SQLCREATE_KEYSPACE;
        FI_TRY_RETURN(sqlcreate_advance(parser));
        FI_TRY_RETURN(parse_exists(parser, true));
        return want_table(parser);
    }
    if (is_word(parser, "view") || is_word(parser, "trigger")) {
        return fi_sqlvalue_error(parser->err, FIRN_UNSUPPORTED,
                                 "a store keeps no views and triggers: CREATE TEMP VIEW or "
                                 "TRIGGER makes one for this connection");
    }
    return sqlcreate_refuse(parser, "TABLE, INDEX or KEYSPACE is wanted");
}

static int
parse_add(struct parser *parser)
{
    bool ignored;
    parser->out->kind = FI_SQLCREATE_ADD_COLUMN;
    FI_TRY_RETURN(parse_word(parser, "column", &ignored));
    /* The second column of a table that is not made. */
    sqlite3_str_appendall(parser->columns, "\" \" i64");
    sqlite3_str_appendall(parser->indexes, ", primary key (\" \")");
    parser->column_count = 1;
    parser->has_key = true;
    FI_TRY_RETURN(parse_column(parser));
    return finish_definition(parser);
}

static int
parse_alter(struct parser *parser)
{
    struct fi_sqlcreate *out = parser->out;
    bool ignored;
    bool taken = false;
    FI_TRY_RETURN(want_word(parser, "table", "TABLE is wanted"));
    FI_TRY_RETURN(want_table(parser));
    if (is_word(parser, "add")) {
        FI_TRY_RETURN(sqlcreate_advance(parser));
        return parse_add(parser);
    }
    FI_TRY_RETURN(parse_word(parser, "drop", &taken));
    if (taken) {
        out->kind = FI_SQLCREATE_DROP_COLUMN;
        FI_TRY_RETURN(parse_word(parser, "column", &ignored));
        return want_name(parser, &out->name);
    }
    out->kind = FI_SQLCREATE_RENAME_COLUMN;
    FI_TRY_RETURN(want_word(parser, "rename", "ADD, DROP or RENAME COLUMN is wanted"));
    if (is_word(parser, "to")) {
        return fi_sqlvalue_error(parser->err, FIRN_UNSUPPORTED, "tables of firn cannot be renamed");
    }
    FI_TRY_RETURN(parse_word(parser, "column", &ignored));
    FI_TRY_RETURN(want_name(parser, &out->name));
    FI_TRY_RETURN(want_word(parser, "to", "TO is wanted"));
    return want_name(parser, &out->new_name);
}

/* DROP TABLE [STORE.]NAME, DROP INDEX [STORE.]TABLE.NAME or NAME ON TABLE */
static int
parse_drop(struct parser *parser)
{
    struct fi_sqlcreate *out = parser->out;
    bool is_index;
    FI_TRY_RETURN(parse_word(parser, "index", &is_index));
    if (!is_index) {
        out->kind = FI_SQLCREATE_DROP_TABLE;
        FI_TRY_RETURN(is_word(parser, "keyspace")
                          ? sqlcreate_advance(parser)
                          : want_word(parser, "table", "TABLE or INDEX is wanted"));
        FI_TRY_RETURN(parse_exists(parser, false));
        return want_table(parser);
    }
    out->kind = FI_SQLCREATE_DROP_INDEX;
    FI_TRY_RETURN(parse_exists(parser, false));
    FI_TRY_RETURN(want_name(parser, &out->name));
    FI_TRY_RETURN(
        want_word(parser, "on", "ON TABLE is wanted: names of indexes belong to a table"));
    return want_table(parser);
}

static int
parse_statement(struct parser *parser)
{
    FI_TRY_RETURN(sqlcreate_advance(parser));
    if (is_word(parser, "create")) {
        FI_TRY_RETURN(sqlcreate_advance(parser));
        return parse_create(parser);
    }
    if (is_word(parser, "alter")) {
        FI_TRY_RETURN(sqlcreate_advance(parser));
        return parse_alter(parser);
    }
    if (is_word(parser, "drop")) {
        FI_TRY_RETURN(sqlcreate_advance(parser));
        return parse_drop(parser);
    }
    return sqlcreate_refuse(parser, "CREATE, ALTER or DROP is wanted");
}

int
fi_sqlcreate_parse(const char *text, struct fi_sqlcreate *out, firn_error *err)
{
    assert(text != NULL);
    struct parser parser = {.text = text, .err = err, .out = out};
    *out = (struct fi_sqlcreate){.may_exist = false};
    if (strlen(text) > FIRN_TABLE_DEF_TEXT_MAX) {
        return fi_sqlvalue_error(err, FIRN_LIMIT, "the statement has more than %d characters",
                                 FIRN_TABLE_DEF_TEXT_MAX);
    }
    parser.columns = sqlite3_str_new(NULL);
    parser.indexes = sqlite3_str_new(NULL);
    int rc = parse_statement(&parser);
    if (rc == FIRN_OK && is_sign(&parser, ';')) {
        rc = sqlcreate_advance(&parser);
    }
    if (rc == FIRN_OK && parser.token.kind != FI_SQLTEXT_END) {
        rc = sqlcreate_refuse(&parser, "the end of the statement is wanted");
    }
    sqlite3_free(sqlite3_str_finish(parser.columns));
    sqlite3_free(sqlite3_str_finish(parser.indexes));
    if (rc != FIRN_OK) {
        fi_sqlcreate_deinit(out);
    }
    return rc;
}

void
fi_sqlcreate_deinit(struct fi_sqlcreate *create)
{
    sqlite3_free(create->store);
    sqlite3_free(create->table);
    sqlite3_free(create->name);
    sqlite3_free(create->new_name);
    sqlite3_free(create->definition);
    for (size_t i = 0; i < create->column_count; i++) {
        sqlite3_free(create->columns[i]);
    }
    *create = (struct fi_sqlcreate){.may_exist = false};
}
