/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_where.c: the conditions of --where.
 *
 *     CONDITION and CONDITION ...
 *     COLUMN = VALUE        also != <> < <= > >=
 *     COLUMN is null        and is not null
 *
 * A COLUMN or a VALUE that contains spaces, or that begins with what is an operator or a quote, is quoted: columns
 * in double quotes, values in single ones; a quote in it is written twice. A value is the text of one of the column's
 * type. A comparison with null is never true.
 */
#include "data/data_internal.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "term/term.h"

static const char operator_characters[] = "=!<>";
static const char spaces[] = " \t\n\r";

struct reading {
    struct firn_cli *cli;
    const struct firn_data_table *table;
    const char *text; /* all of it */
    const char *at;
    char *word; /* with room for all of the text: what was read last */
};

static int
misread(const struct reading *reading, const char *what)
{
    return *reading->at != '\0'
               ? firn_command_misused(reading->cli, "--where: %s at '%s'", what, reading->at)
               : firn_command_misused(reading->cli, "--where: %s at the end", what);
}

static void
skip_spaces(struct reading *reading)
{
    reading->at += strspn(reading->at, spaces);
}

/* Reads a word up to one of the characters of `ends`, or what is in quotes. Returns an exit code. */
static int
read_word(struct reading *reading, char quote, const char *ends, const char *wanted)
{
    char *to = reading->word;
    assert(to != NULL);
    skip_spaces(reading);
    if (*reading->at != quote) {
        size_t size = strcspn(reading->at, ends);
        if (size == 0) {
            return misread(reading, wanted);
        }
        memcpy(to, reading->at, size);
        to[size] = '\0';
        reading->at += size;
        return FIRN_EXIT_OK;
    }
    const char *from = reading->at + 1;
    for (; *from != quote || from[1] == quote; from++) {
        if (*from == '\0') {
            return misread(reading, "a quote is not closed");
        }
        from += *from == quote;
        *to++ = *from;
    }
    *to = '\0';
    reading->at = from + 1;
    return FIRN_EXIT_OK;
}

/* Takes a word of the language, in any case, if it comes next. */
static bool
take_keyword(struct reading *reading, const char *keyword)
{
    size_t size = strlen(keyword);
    skip_spaces(reading);
    const char *after = reading->at + size;
    if (strncasecmp(reading->at, keyword, size) != 0 ||
        (*after != '\0' && strchr(spaces, *after) == NULL)) {
        return false;
    }
    reading->at = after;
    return true;
}

static bool
take_operator(struct reading *reading, enum firn_data_where_comparison *out)
{
    static const struct {
        const char *text; /* longer ones first */
        enum firn_data_where_comparison comparison;
    } operators[] = {
        {"!=", FIRN_DATA_WHERE_OTHER},   {"<>", FIRN_DATA_WHERE_OTHER},
        {"<=", FIRN_DATA_WHERE_AT_MOST}, {">=", FIRN_DATA_WHERE_AT_LEAST},
        {"=", FIRN_DATA_WHERE_EQUAL},    {"<", FIRN_DATA_WHERE_BELOW},
        {">", FIRN_DATA_WHERE_ABOVE},
    };
    size_t size = strspn(reading->at, operator_characters);
    for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
        if (strlen(operators[i].text) == size &&
            strncmp(reading->at, operators[i].text, size) == 0) {
            *out = operators[i].comparison;
            reading->at += size;
            return true;
        }
    }
    return false;
}

/* Returns an exit code. */
static int
read_condition(struct reading *reading, struct firn_data_where *where)
{
    assert(where->conditions != NULL);
    struct firn_data_where_condition *condition = &where->conditions[where->count];
    int exit_code = read_word(reading, '"', " \t\n\r=!<>", "a column is missing");
    if (exit_code == FIRN_EXIT_OK) {
        exit_code = firn_data_table_column(reading->table, reading->word, &condition->column);
    }
    if (exit_code != FIRN_EXIT_OK) {
        return exit_code;
    }
    where->count++;
    if (take_keyword(reading, "is")) {
        bool is_not = take_keyword(reading, "not");
        condition->comparison = is_not ? FIRN_DATA_WHERE_NOT_NULL : FIRN_DATA_WHERE_NULL;
        return take_keyword(reading, "null") ? FIRN_EXIT_OK : misread(reading, "null is missing");
    }
    skip_spaces(reading);
    if (!take_operator(reading, &condition->comparison)) {
        return misread(reading, "there is none of = != < <= > >= and is null");
    }
    if (condition->column->type == FIRN_TYPE_VECTOR &&
        condition->comparison > FIRN_DATA_WHERE_OTHER) {
        return firn_command_misused(reading->cli, "--where: vectors have no order: '%s'",
                                    condition->column->name);
    }
    exit_code = read_word(reading, '\'', spaces, "a value is missing");
    if (exit_code != FIRN_EXIT_OK) {
        return exit_code;
    }
    /* The value may refer to the text. */
    char *copy = strdup(reading->word);
    if (copy == NULL) {
        return firn_command_report_error(reading->cli, FIRN_NO_MEMORY, NULL, "%s",
                                         firn_code_text(FIRN_NO_MEMORY));
    }
    condition->text = copy;
    return firn_data_values_add(reading->cli, condition->column, copy, &condition->value);
}

int
firn_data_where_read(const struct firn_data_table *table, const char *text,
                     struct firn_data_where *out)
{
    memset(out, 0, sizeof(*out));
    if (text == NULL) {
        return FIRN_EXIT_OK;
    }
    struct reading reading = {table->cli, table, text, text, NULL};
    size_t conditions_max = strlen(text) / 3 + 1; /* a=b */
    reading.word = malloc(strlen(text) + 1);
    out->conditions = calloc(conditions_max, sizeof(out->conditions[0]));
    int exit_code = FIRN_EXIT_OK;
    if (reading.word == NULL || out->conditions == NULL) {
        exit_code = firn_command_report_error(table->cli, FIRN_NO_MEMORY, NULL, "%s",
                                              firn_code_text(FIRN_NO_MEMORY));
    }
    bool goes_on = true;
    while (exit_code == FIRN_EXIT_OK && goes_on) {
        exit_code = read_condition(&reading, out);
        if (exit_code == FIRN_EXIT_OK) {
            goes_on = take_keyword(&reading, "and");
        }
    }
    if (exit_code == FIRN_EXIT_OK && *reading.at != '\0') {
        exit_code = misread(&reading, "'and' is missing");
    }
    free(reading.word);
    return exit_code;
}

void
firn_data_where_deinit(struct firn_data_where *where)
{
    for (size_t i = 0; i < where->count; i++) {
        firn_data_values_deinit(&where->conditions[i].value);
        free(where->conditions[i].text);
    }
    free(where->conditions);
    memset(where, 0, sizeof(*where));
}

static bool
holds(const struct firn_data_where_condition *condition, const firn_value *value)
{
    bool is_null = firn_is_null(*value);
    if (condition->comparison >= FIRN_DATA_WHERE_NULL) {
        return is_null == (condition->comparison == FIRN_DATA_WHERE_NULL);
    }
    if (is_null) {
        return false;
    }
    int order = firn_data_values_compare(value, &condition->value.values[0]);
    switch (condition->comparison) {
    case FIRN_DATA_WHERE_EQUAL:
        return order == 0;
    case FIRN_DATA_WHERE_OTHER:
        return order != 0;
    case FIRN_DATA_WHERE_BELOW:
        return order < 0;
    case FIRN_DATA_WHERE_AT_MOST:
        return order <= 0;
    case FIRN_DATA_WHERE_ABOVE:
        return order > 0;
    default:
        return order >= 0;
    }
}

bool
firn_data_where_holds(const struct firn_data_where *where, const firn_value *values)
{
    for (size_t i = 0; i < where->count; i++) {
        if (!holds(&where->conditions[i], &values[where->conditions[i].place])) {
            return false;
        }
    }
    return true;
}
