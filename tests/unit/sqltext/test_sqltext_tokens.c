/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/sqltext: where the tokens of a statement begin and end.
 */
#include "sqltext/sqltext.h"
#include "support/test.h"

static void
tokens_are_what_sqlite_sees(void **state)
{
    static const struct {
        const char *text;
        const char *kinds;  /* the letters below */
        const char *tokens; /* divided by | */
    } cases[] = {
        {"", "e", ""},
        {" -- nothing\n/* here */ ", "e", ""},
        {"/* open", "e", ""},
        {"SELECT a1,\tb$2 FROM\"x y\";", "wwowwqoe", "SELECT|a1|,|b$2|FROM|\"x y\"|;"},
        {"'it''s' \"a\"\"b\" `c``d` [e\"f]", "sqqqe", "'it''s'|\"a\"\"b\"|`c``d`|[e\"f]"},
        {"x'00ff' X'' x 'a'", "bbwse", "x'00ff'|X''|x|'a'"},
        {"1 1.5 .5 1e-5 1E+5 0x1F 1.", "nnnnnnne", "1|1.5|.5|1e-5|1E+5|0x1F|1."},
        {"?1 :a @b #c $d ?", "ppppppe", "?1|:a|@b|#c|$d|?"},
        {"\xc3\xa4\xff_ !", "woe", "\xc3\xa4\xff_|!"},
    };
    static const char letters[] = {
        [FI_SQLTEXT_END] = 'e',    [FI_SQLTEXT_WORD] = 'w',     [FI_SQLTEXT_QUOTED] = 'q',
        [FI_SQLTEXT_STRING] = 's', [FI_SQLTEXT_BLOB] = 'b',     [FI_SQLTEXT_NUMBER] = 'n',
        [FI_SQLTEXT_SIGN] = 'o',   [FI_SQLTEXT_PARAMETER] = 'p'};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *wanted = cases[i].tokens;
        struct fi_sqltext_token token = {.kind = FI_SQLTEXT_SIGN};
        size_t at = 0;
        size_t count = 0;
        for (; token.kind != FI_SQLTEXT_END; count++) {
            fi_sqltext_token(cases[i].text, &at, &token);
            assert_false(token.is_open);
            assert_int_equal(at, token.to);
            assert_int_equal(letters[token.kind], cases[i].kinds[count]);
            const size_t size = strcspn(wanted, "|");
            assert_int_equal(token.to - token.from, size);
            assert_memory_equal(cases[i].text + token.from, wanted, size);
            wanted += size + (wanted[size] == '|' ? 1 : 0);
        }
        assert_int_equal(token.to, strlen(cases[i].text));
    }
}

static void
signs_and_numbers_are_divided(void **state)
{
    static const struct {
        const char *text;
        size_t count;
    } cases[] = {{"1-2", 3}, {"1 -2", 3},  {"12abc", 1}, {"a<=b<>c||d", 7}, {"a==-b", 4},
                 {"a.b", 3}, {"a->>b", 4}, {"1..2", 1},  {"a!b", 3},        {"--", 0}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fi_sqltext_token token;
        size_t at = 0;
        size_t count = 0;
        for (fi_sqltext_token(cases[i].text, &at, &token); token.kind != FI_SQLTEXT_END;
             fi_sqltext_token(cases[i].text, &at, &token)) {
            count++;
        }
        assert_int_equal(count, cases[i].count);
    }
}

static void
quotes_are_taken_off(void **state)
{
    static const char *const cases[][2] = {
        {"'it''s'", "it's"}, {"\"a\"\"b\"", "a\"b"},   {"`c`", "c"},
        {"[d\"e]", "d\"e"},  {"plain", "plain"},       {"''", ""},
        {"'open", "open"},   {"\"open\"\"", "open\""}, {"['x']", "'x'"},
        {"[open", "open"},   {"'a\"\"b'", "a\"\"b"}};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct fi_sqltext_token token;
        char out[32];
        size_t at = 0;
        fi_sqltext_token(cases[i][0], &at, &token);
        assert_int_equal(token.is_open, strstr(cases[i][0], "open") != NULL);
        out[fi_sqltext_unquote(cases[i][0], &token, out)] = '\0';
        assert_string_equal(out, cases[i][1]);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tokens_are_what_sqlite_sees),
        cmocka_unit_test(signs_and_numbers_are_divided),
        cmocka_unit_test(quotes_are_taken_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
