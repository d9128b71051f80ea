/* SPDX-License-Identifier: Apache-2.0
 *
 * sql: texts are divided into statements where sqlite3_complete says that they are whole, in whatever pieces they come.
 */
#include <sqlite3.h>

#include "sqltext/sqltext.h"
#include "support/test.h"
#include "support/test_random.h"

enum { TEXTS = 20000, PARTS_MAX = 12, TEXT_MAX = 256 };

/* Whether the text up to a semicolon is whole, and was not at an earlier one. */
static void
check_piece(const char *text, size_t size, bool is_end)
{
    char piece[TEXT_MAX + 1];
    for (size_t i = 1; i <= size; i++) {
        if (text[i - 1] == ';') {
            memcpy(piece, text, i);
            piece[i] = '\0';
            assert_int_equal(sqlite3_complete(piece) != 0, is_end && i == size);
        }
    }
}

static void
test_texts_are_divided_as_sqlite_would(void **state)
{
    static const char *const parts[] = {";",
                                        "'",
                                        "\"",
                                        "[",
                                        "]",
                                        "`",
                                        "--",
                                        "/*",
                                        "*/",
                                        "\n",
                                        " ",
                                        "\t",
                                        "-",
                                        "/",
                                        "*",
                                        "create",
                                        "TEMP",
                                        "trigger",
                                        "end",
                                        "END;",
                                        "; end",
                                        "select",
                                        "explain",
                                        "query",
                                        "temporary",
                                        "x",
                                        "$1",
                                        "(",
                                        "\xc3\xa4",
                                        "creates",
                                        "create trigger x begin select 1; end;"};
    struct test_random random;
    test_random_init(&random, "sqltext_split", 7);
    for (int t = 0; t < TEXTS; t++) {
        char text[TEXT_MAX] = "";
        size_t count = 1 + test_random_below(&random, PARTS_MAX);
        for (size_t i = 0; i < count; i++) {
            const char *part = parts[test_random_below(&random, sizeof parts / sizeof parts[0])];
            if (strlen(text) + strlen(part) + 2 < sizeof text) {
                strcat(text, part);
                strcat(text, test_random_below(&random, 3) == 0 ? " " : "");
            }
        }
        struct fi_sqltext_split split = {0};
        size_t from = 0;
        size_t at = 0;
        while (text[at] != '\0') {
            bool is_end;
            size_t piece = 1 + test_random_below(&random, strlen(text + at));
            at += fi_sqltext_split_feed(&split, text + at, piece, &is_end);
            if (is_end) {
                assert_true(fi_sqltext_split_is_idle(&split));
                check_piece(text + from, at - from, true);
                from = at;
            }
        }
        check_piece(text + from, at - from, false);
    }
}

static void
test_what_is_idle(void **state)
{
    static const struct {
        const char *text;
        bool is_idle;
    } cases[] = {{"", true},
                 {" \n", true},
                 {"-- x\n", true},
                 {"-- x", false},
                 {"/* x */", true},
                 {"/* x", false},
                 {"/*/", false},
                 {"-", false},
                 {"a", false},
                 {"a;", true},
                 {"a; -- b\n", true},
                 {"a; b", false},
                 {"';'", false},
                 {";;", true},
                 {"create trigger a begin b;", false},
                 {"create trigger a begin b; end;", true}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fi_sqltext_split split = {0};
        bool is_end;
        for (size_t at = 0; at < strlen(cases[i].text);) {
            at += fi_sqltext_split_feed(&split, cases[i].text + at, strlen(cases[i].text + at),
                                        &is_end);
        }
        assert_int_equal(fi_sqltext_split_is_idle(&split), cases[i].is_idle);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_texts_are_divided_as_sqlite_would),
        cmocka_unit_test(test_what_is_idle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
