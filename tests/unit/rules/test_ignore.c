/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rules: globs, lines, rule files and the rules object, each by itself.
 */
#include "base/buf.h"
#include "base/slice.h"
#include "os/os.h"
#include "posix/os_default.h"
#include "rules/rules.h"
#include "rules/rules_internal.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"

/* ---- globs ---- */

struct glob_case {
    const char *glob;
    const char *text;
    bool as_name;
    bool as_path;
};

static const struct glob_case GLOBS[] = {
    {"", "", true, true},
    {"", "a", false, false},
    {"a", "", false, false},
    {"*", "", true, true},
    {"**", "", true, true},
    {"*", "a/b", true, false},
    {"**", "a/b", true, true},
    {"?", "/", true, false},
    {"[/]", "/", true, false},
    {"[!a]", "/", true, false},
    {"a**b", "a/b", true, false},
    {"a**b", "axxb", true, true},
    {"**/a", "a", false, true},
    {"**/a", "x/y/a", true, true},
    {"**/a", "xa", false, false},
    {"a/**/b", "a/b", false, true},
    {"a/**/b", "a/x/y/b", true, true},
    {"a/**/b", "a/xb", false, false},
    {"a/**", "a/", true, true},
    {"a/**", "a", false, false},
    {"a/***/b", "a/x/b", true, true},
    {"**\\/a", "x/a", true, true},
    {"**\\/a", "a", false, false},
    {"a/**/*b*/c", "a/1/2/xbx/c", true, true},
    {"a/**/*b*/c", "a/1/2/xbx/d/c", true, false},
    {"*a*b*", "xxaxxbxx", true, true},
    {"*/x*/y", "a/xb/y", true, true},
    {"*ab", "aab", true, true},
    {"*/**/a*b/**/c", "x/ab/y/axb/c", false, true},
    {"\\*", "*", true, true},
    {"\\*", "a", false, false},
    {"\\a", "a", true, true},
    {"[a-c]", "b", true, true},
    {"[a-c]", "d", false, false},
    {"[c-a]", "b", false, false},
    {"[]a]", "]", true, true},
    {"[!]a]", "]", false, false},
    {"[^a]", "b", true, true},
    {"[a-]", "-", true, true},
    {"[-a]", "-", true, true},
    {"[a-c-e]", "-", true, true},
    {"[a-c-e]", "d", false, false},
    {"[\\]]", "]", true, true},
    {"[a\\-c]", "b", false, false},
    {"[\\a-\\c]", "b", true, true},
    {"[[:upper:]]", "Q", true, true},
    {"[[:upper:]]", "q", false, false},
    {"[[:alpha:]-z]", "-", true, true},
    {"[[:space:]]", "\v", false, false},
    {"[[:punct:]]", "~", true, true},
    {"[[:xdigit:][:blank:]]", "\t", true, true},
    {"[[:]", ":", true, true},
    {"[[:a]", "[", true, true},
    {"\xc3\xa9", "\xc3\xa9", true, true},
    {"?", "\xc3\xa9", false, false},
    {"[\x80-\xff][\x80-\xff]", "\xc3\xa9", true, true},
};

static void
globs_match_what_they_say(void **state)
{
    for (size_t i = 0; i < sizeof GLOBS / sizeof GLOBS[0]; i++) {
        const struct glob_case *at = &GLOBS[i];
        firn_slice glob = firn_str(at->glob);
        firn_slice text = firn_str(at->text);
        assert_null(fi_rules_glob_defect(glob));
        if (fi_rules_glob_matches(glob, FI_RULES_GLOB_NAME, text) != at->as_name ||
            fi_rules_glob_matches(glob, FI_RULES_GLOB_PATH, text) != at->as_path) {
            fail_msg("'%s' and '%s'", at->glob, at->text);
        }
    }
}

static void
defects_are_found_and_match_nothing(void **state)
{
    static const char *const globs[] = {
        "[",      "a[",          "[a",  "[]",   "[!",        "[!]",        "[a-",
        "[a-\\",  "\\",          "a\\", "[\\]", "[[:alpha:", "[[:alpha:]", "[[:nothing:]]",
        "[[::]]", "[[:ALPHA:]]", "*[",  "**/[z"};
    static const char *const texts[] = {"", "a", "[", "\\", "x/z", "[a", "]", "a["};
    for (size_t i = 0; i < sizeof globs / sizeof globs[0]; i++) {
        assert_non_null(fi_rules_glob_defect(firn_str(globs[i])));
        for (size_t k = 0; k < sizeof texts / sizeof texts[0]; k++) {
            assert_false(
                fi_rules_glob_matches(firn_str(globs[i]), FI_RULES_GLOB_NAME, firn_str(texts[k])));
            assert_false(
                fi_rules_glob_matches(firn_str(globs[i]), FI_RULES_GLOB_PATH, firn_str(texts[k])));
        }
    }
}

/* Repeats `unit` until the text has so many bytes. */
static void
fill(char *out, size_t size, const char *unit)
{
    for (size_t i = 0; i < size; i++) {
        out[i] = unit[i % strlen(unit)];
    }
}

/* A matcher that tries every way would not come back. */
static void
patterns_full_of_stars_come_to_an_end(void **state)
{
    enum { SIZE = 4095 };
    static const char *const pairs[][2] = {
        {"a*", "a"},       {"*a", "a"},     {"**/", "a/"}, {"**/*a", "a/"},        {"*a/", "a/"},
        {"**/a*a", "aa/"}, {"*[a-z]", "a"}, {"?*", "a"},   {"**/*[!b]*", "aaaa/"},
    };
    char *glob = malloc(SIZE + 1);
    char *text = malloc(SIZE);
    assert_true(glob != NULL && text != NULL);
    int64_t begin = fi_os_monotonic_ns(fi_os_default());
    for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
        /* Many stars over few bytes, and the other way round: there is no b at the end. */
        for (size_t glob_size = 32; glob_size <= SIZE; glob_size *= 8) {
            fill(glob, glob_size, pairs[i][0]);
            glob[glob_size] = 'b';
            fill(text, SIZE, pairs[i][1]);
            firn_slice all = firn_bytes(glob, glob_size + 1);
            assert_false(fi_rules_glob_matches(all, FI_RULES_GLOB_NAME, firn_bytes(text, SIZE)));
            assert_false(fi_rules_glob_matches(all, FI_RULES_GLOB_PATH, firn_bytes(text, SIZE)));
        }
    }
    int64_t spent = fi_os_monotonic_ns(fi_os_default()) - begin;
    assert_true(spent < INT64_C(20000000000));
    free(glob);
    free(text);
}

/* ---- lines and files ---- */

static const struct fi_rules_ignore_pattern *
find(const struct fi_rules_ignore_file *file, const char *path, bool is_dir)
{
    const char *slash = strrchr(path, '/');
    struct fi_rules_ignore_pattern_entry entry = {.name =
                                                      firn_str(slash != NULL ? slash + 1 : path),
                                                  .path = firn_str(path),
                                                  .is_dir = is_dir};
    return fi_rules_ignore_file_find(file, &entry);
}

static struct fi_rules_ignore_file *
make(const char *content, size_t size, void (*on_bad)(void *ctx, uint32_t line, const char *defect),
     void *ctx)
{
    struct fi_rules_ignore_file *file;
    firn_error err;
    assert_int_equal(
        fi_rules_ignore_file_create(firn_bytes(content, size), on_bad, ctx, &file, &err), FIRN_OK);
    return file;
}

/* The line that decides, 0 for none. */
static unsigned
line_for(const char *content, const char *path, bool is_dir)
{
    struct fi_rules_ignore_file *file = make(content, strlen(content), NULL, NULL);
    const struct fi_rules_ignore_pattern *pattern = find(file, path, is_dir);
    unsigned line = pattern != NULL ? pattern->line : 0;
    fi_rules_ignore_file_destroy(file);
    return line;
}

static void
the_last_line_that_matches_decides(void **state)
{
    assert_int_equal(line_for("a\n!a\nb\na\n", "a", false), 4);
    assert_int_equal(line_for("a\n!a\nb\n", "a", false), 2);
    assert_int_equal(line_for("a/\na\n", "a", false), 2);
    assert_int_equal(line_for("a\na/\n", "a", false), 1);
    assert_int_equal(line_for("a\na/\n", "a", true), 2);
    assert_int_equal(line_for("/a\n", "b/a", false), 0);
    assert_int_equal(line_for("b/a\n", "b/a", false), 1);
    assert_int_equal(line_for("b/a\n", "c/b/a", false), 0);
    assert_int_equal(line_for("*.c\n", "x/y.c", false), 1);
    assert_int_equal(line_for("/*.c\n", "x/y.c", false), 0);
    assert_int_equal(line_for("*/y.c\n", "x/y.c", false), 1);
    assert_int_equal(line_for("*/y.c\n", "w/x/y.c", false), 0);
    assert_int_equal(line_for("*\n", "x", false), 1);
}

static void
lines_end_as_in_git(void **state)
{
    assert_int_equal(line_for("a\r\nb\r\n", "b", false), 2);
    assert_int_equal(line_for("a\r\nb\r", "b", false), 2);
    assert_int_equal(line_for("a\nb", "b", false), 2);
    assert_int_equal(line_for("a\r\r\n", "a", false), 0);
    assert_int_equal(line_for("a\r\r\n", "a\r", false), 1);
    assert_int_equal(line_for("\xef\xbb\xbf"
                              "a\n",
                              "a", false),
                     1);
    assert_int_equal(line_for("\n\xef\xbb\xbf"
                              "a\n",
                              "a", false),
                     0);
    assert_int_equal(line_for("a  \n", "a", false), 1);
    assert_int_equal(line_for("a \\  \n", "a  ", false), 1);
    assert_int_equal(line_for("a\\ \n", "a ", false), 1);
    assert_int_equal(line_for("a\t\n", "a", false), 0);
    assert_int_equal(line_for("# a\n\\#a\n", "#a", false), 2);
    assert_int_equal(line_for(" #a\n", " #a", false), 1);
    assert_int_equal(line_for("   \n", "   ", false), 0);
    assert_int_equal(line_for("", "a", false), 0);
}

static void
note_bad(void *ctx, uint32_t line, const char *defect)
{
    char *text = ctx;
    size_t used = strlen(text);
    snprintf(text + used, 512 - used, "%u: %s\n", (unsigned)line, defect);
}

static void
bad_lines_are_told_by_number(void **state)
{
    static const char content[] = "good\n[\n\n# [\n!\n/\nx\0y\na\\\n[[:no:]]\r\nalso good";
    char text[512] = "";
    struct fi_rules_ignore_file *file = make(content, sizeof content - 1, note_bad, text);
    assert_string_equal(text, "2: a '[' without its ']'\n"
                              "5: no pattern\n"
                              "6: no pattern\n"
                              "7: a NUL byte; is the file in another encoding than UTF-8?\n"
                              "8: a backslash at the end\n"
                              "9: an unknown class between '[:' and ':]'\n");
    assert_non_null(find(file, "good", false));
    assert_non_null(find(file, "also good", false));
    assert_null(find(file, "x", false));
    assert_int_equal(fi_rules_ignore_file_content(file).size, sizeof content - 1);
    fi_rules_ignore_file_destroy(file);
}

static void
count_bad(void *ctx, uint32_t line, const char *defect)
{
    (void)line;
    (void)defect;
    ++*(uint64_t *)ctx;
}

static void
rule_files_have_limits(void **state)
{
    struct fi_buf content = {0};
    uint64_t bad = 0;
    for (int i = 0; i < FI_RULES_IGNORE_PATTERN_SIZE_MAX; i++) {
        assert_int_equal(fi_buf_append_u8(&content, 'l'), FIRN_OK);
    }
    struct fi_rules_ignore_file *file =
        make((const char *)content.data, content.size, count_bad, &bad);
    assert_int_equal(bad, 0);
    fi_rules_ignore_file_destroy(file);
    assert_int_equal(fi_buf_append_str(&content, "l\n"), FIRN_OK);
    for (int i = 0; i < FI_RULES_IGNORE_FILE_PATTERNS_MAX - 1; i++) {
        assert_int_equal(fi_buf_append_str(&content, "a\n"), FIRN_OK);
    }
    assert_int_equal(fi_buf_append_str(&content, "last\none\nmany\n"), FIRN_OK);
    file = make((const char *)content.data, content.size, count_bad, &bad);
    assert_int_equal(bad, 3);
    assert_non_null(find(file, "last", false));
    assert_null(find(file, "one", false));
    fi_rules_ignore_file_destroy(file);
    fi_buf_deinit(&content);
}

/* ---- the rules object ---- */

static void
add_set(struct fi_rules_list *rules, bool gitignore, const char *const *files, size_t count)
{
    struct fi_rules_list_set *set = fi_rules_list_add(rules, count);
    assert_non_null(set);
    set->gitignore = gitignore;
    for (size_t i = 0; i < count; i++) {
        set->files[i] = (struct fi_rules_list_file){.dir = firn_str(files[i]),
                                                    .kind = FI_RULES_LIST_FIRNIGNORE,
                                                    .content = firn_str("x\n")};
    }
}

static void
encode(struct fi_rules_list *rules, struct fi_buf *out)
{
    firn_error err;
    assert_int_equal(fi_rules_list_encode(rules, out, &err), FIRN_OK);
}

static void
rules_have_one_encoding(void **state)
{
    static const char *const forward[] = {"", "a", "a/b", "b"};
    static const char *const backward[] = {"b", "a/b", "a", ""};
    struct fi_rules_list one = {0};
    struct fi_rules_list other = {0};
    struct fi_rules_list again = {0};
    struct fi_buf first = {0};
    struct fi_buf second = {0};
    add_set(&one, false, forward, 4);
    add_set(&one, true, forward, 0);
    add_set(&other, true, backward, 0);
    add_set(&other, false, backward, 4);
    add_set(&other, true, backward, 0);
    encode(&one, &first);
    encode(&other, &second);
    assert_true(fi_slice_equal(fi_buf_slice(&first), fi_buf_slice(&second)));
    assert_int_equal(fi_rules_list_decode(fi_buf_slice(&first), &again, NULL), FIRN_OK);
    assert_int_equal(again.set_count, 2);
    encode(&again, &second);
    assert_true(fi_slice_equal(fi_buf_slice(&first), fi_buf_slice(&second)));
    assert_false(fi_rules_list_are_plain(&again));
    fi_rules_list_deinit(&one);
    fi_rules_list_deinit(&other);
    fi_rules_list_deinit(&again);
    fi_buf_deinit(&first);
    fi_buf_deinit(&second);
}

static void
these_bytes_are_version_one(void **state)
{
    static const uint8_t expected[] = {1, 2, 0, 1, 3, 'a', '/', 'b', 1, 2, 'x', '\n', 3, 0};
    static const char *const files[] = {"a/b"};
    struct fi_rules_list rules = {0};
    struct fi_buf out = {0};
    add_set(&rules, false, files, 1);
    add_set(&rules, true, files, 0);
    rules.sets[1].include_deps = true;
    encode(&rules, &out);
    assert_int_equal(out.size, sizeof expected);
    assert_memory_equal(out.data, expected, sizeof expected);
    fi_rules_list_deinit(&rules);
    fi_buf_deinit(&out);
}

static void
a_set_of_todays_exclusions_makes_it_version_two(void **state)
{
    static const uint8_t expected[] = {2, 2, 0, 0, 4, 0};
    static const char *const none[] = {NULL};
    struct fi_rules_list rules = {0};
    struct fi_buf out = {0};
    add_set(&rules, false, none, 0);
    assert_true(fi_rules_list_are_plain(&rules));
    add_set(&rules, false, none, 0);
    rules.sets[1].is_narrow = true;
    assert_false(fi_rules_list_are_plain(&rules));
    encode(&rules, &out);
    assert_int_equal(out.size, sizeof expected);
    assert_memory_equal(out.data, expected, sizeof expected);
    struct fi_rules_list again = {0};
    assert_int_equal(fi_rules_list_decode(fi_buf_slice(&out), &again, NULL), FIRN_OK);
    assert_true(!again.sets[0].is_narrow && again.sets[1].is_narrow);
    fi_rules_list_deinit(&again);
    fi_rules_list_deinit(&rules);
    fi_buf_deinit(&out);
}

static int
decode(const uint8_t *bytes, size_t size)
{
    struct fi_rules_list rules = {0};
    firn_error err = {0};
    int rc = fi_rules_list_decode(firn_bytes(bytes, size), &rules, &err);
    assert_int_equal(err.code, rc);
    if (rc == FIRN_OK) {
        struct fi_buf again = {0};
        encode(&rules, &again);
        assert_int_equal(again.size, size);
        assert_memory_equal(again.data, bytes, size);
        fi_buf_deinit(&again);
    }
    fi_rules_list_deinit(&rules);
    return rc;
}

static void
other_bytes_are_refused(void **state)
{
    static const uint8_t good[] = {1, 2, 0, 1, 3, 'a', '/', 'b', 1, 2, 'x', '\n', 3, 0};
    static const struct {
        uint8_t bytes[16];
        size_t size;
    } bad[] = {
        {{1, 0}, 2},                          /* no set */
        {{1, 1, 4, 0}, 4},                    /* a flag of format 2 */
        {{1, 1, 8, 0}, 4},                    /* an unknown flag */
        {{2, 1, 8, 0}, 4},                    /* likewise */
        {{2, 1, 0, 0}, 4},                    /* nothing of format 2 */
        {{2, 1, 5, 0}, 4},                    /* exclusions that do not count */
        {{1, 1, 0, 0, 0}, 5},                 /* a byte too many */
        {{1, 2, 0, 0, 0, 0}, 6},              /* a set twice */
        {{1, 2, 1, 0, 0, 0}, 6},              /* not in order */
        {{1, 1, 0, 1, 0, 4, 0}, 7},           /* an unknown kind */
        {{1, 1, 0, 1, 0, 0, 0}, 7},           /* no kind */
        {{1, 1, 0, 1, 1, 'a', 2, 0}, 8},      /* .chkptignore below the root */
        {{1, 1, 0, 1, 0, 3, 0}, 7},           /* .gitignore that did not count */
        {{1, 1, 0, 1, 2, '.', '.', 1, 0}, 9}, /* outside */
        {{1, 1, 0, 1, 2, '/', 'a', 1, 0}, 9}, /* absolute */
        {{1, 1, 0, 1, 2, 'a', '/', 1, 0}, 9}, /* a slash at the end */
        {{1, 1, 0, 1, 4, 'a', '/', '/', 'b', 1, 0}, 11},
        {{1, 1, 0, 1, 3, 'a', 0, 'b', 1, 0}, 10},     /* a NUL */
        {{1, 1, 0, 2, 0, 1, 0, 0, 1, 0}, 10},         /* a file twice */
        {{1, 1, 0, 2, 1, 'a', 1, 0, 0, 1, 0}, 11},    /* files not in order */
        {{1, 1, 0, 0xff, 0xff, 0xff, 0xff, 0x0f}, 8}, /* more files than there can be */
        {{1, 0xff, 0xff, 0xff, 0xff, 0x0f}, 6},
        {{1, 1, 0, 1, 0, 1, 0xff, 0xff, 0xff, 0x7f}, 10},
    };
    assert_int_equal(decode(good, sizeof good), FIRN_OK);
    for (size_t size = 0; size < sizeof good; size++) {
        assert_int_equal(decode(good, size), FIRN_CORRUPT);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (decode(bad[i].bytes, bad[i].size) != FIRN_CORRUPT) {
            fail_msg("case %zu", i);
        }
    }
    uint8_t newer[] = {3, 1, 0, 0};
    assert_int_equal(decode(newer, sizeof newer), FIRN_NEWER);
    for (size_t i = 0; i < sizeof good; i++) {
        for (unsigned bit = 0; bit < 8; bit++) {
            uint8_t flipped[sizeof good];
            memcpy(flipped, good, sizeof good);
            flipped[i] = (uint8_t)(flipped[i] ^ (1U << bit));
            int rc = decode(flipped, sizeof flipped);
            assert_true(rc == FIRN_OK || rc == FIRN_CORRUPT || (i == 0 && rc == FIRN_NEWER));
        }
    }
}

static void
an_object_that_is_too_large_is_not_made(void **state)
{
    static const char *const files[] = {"d"};
    uint8_t *large = calloc(1, FI_RULES_IGNORE_FILE_SIZE_MAX);
    assert_non_null(large);
    struct fi_rules_list rules = {0};
    struct fi_buf out = {0};
    int rc = FIRN_OK;
    for (uint8_t i = 0; i < 16; i++) {
        assert_int_equal(rc, FIRN_OK);
        add_set(&rules, false, files, 1);
        rules.sets[i].files[0].content = firn_bytes(large, FI_RULES_IGNORE_FILE_SIZE_MAX - i);
        rc = fi_rules_list_encode(&rules, &out, NULL);
    }
    assert_int_equal(rc, FIRN_LIMIT);
    fi_rules_list_deinit(&rules);
    fi_buf_deinit(&out);
    free(large);
}

static void
plain_rules_are_known(void **state)
{
    struct fi_rules_list rules = {0};
    static const char *const none[] = {NULL};
    static const char *const files[] = {""};
    add_set(&rules, false, none, 0);
    assert_true(fi_rules_list_are_plain(&rules));
    add_set(&rules, false, none, 0);
    assert_true(fi_rules_list_are_plain(&rules));
    rules.sets[1].include_deps = true;
    assert_false(fi_rules_list_are_plain(&rules));
    rules.sets[0].include_deps = true;
    assert_true(fi_rules_list_are_plain(&rules));
    rules.sets[1].gitignore = true;
    assert_false(fi_rules_list_are_plain(&rules));
    rules.sets[1].gitignore = false;
    add_set(&rules, false, files, 1);
    rules.sets[2].include_deps = true;
    assert_false(fi_rules_list_are_plain(&rules));
    fi_rules_list_deinit(&rules);
}

/* ---- memory ---- */

static void
any_allocation_may_fail(void **state)
{
    static const uint8_t good[] = {1, 2, 0, 1, 3, 'a', '/', 'b', 1, 2, 'x', '\n', 3, 0};
    test_alloc_install();
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        struct fi_rules_ignore_file *file;
        struct fi_rules_list rules = {0};
        struct fi_buf out = {0};
        firn_error err;
        test_fault_allocation(&fault);
        int rc = fi_rules_ignore_file_create(firn_str("a\nb\n"), NULL, NULL, &file, &err);
        assert_true((file != NULL) == (rc == FIRN_OK));
        if (rc == FIRN_OK) {
            rc = fi_rules_list_decode(firn_bytes(good, sizeof good), &rules, &err);
        }
        if (rc == FIRN_OK) {
            rc = fi_rules_list_encode(&rules, &out, &err);
        }
        assert_true(rc == FIRN_OK || (rc == FIRN_NO_MEMORY && err.code == rc));
        test_fault_end(&fault);
        fi_rules_ignore_file_destroy(file);
        fi_rules_list_deinit(&rules);
        fi_buf_deinit(&out);
        assert_int_equal(test_alloc_alive(), 0);
    }
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(globs_match_what_they_say),
        cmocka_unit_test(defects_are_found_and_match_nothing),
        cmocka_unit_test(patterns_full_of_stars_come_to_an_end),
        cmocka_unit_test(the_last_line_that_matches_decides),
        cmocka_unit_test(lines_end_as_in_git),
        cmocka_unit_test(bad_lines_are_told_by_number),
        cmocka_unit_test(rule_files_have_limits),
        cmocka_unit_test(rules_have_one_encoding),
        cmocka_unit_test(these_bytes_are_version_one),
        cmocka_unit_test(a_set_of_todays_exclusions_makes_it_version_two),
        cmocka_unit_test(other_bytes_are_refused),
        cmocka_unit_test(an_object_that_is_too_large_is_not_made),
        cmocka_unit_test(plain_rules_are_known),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
