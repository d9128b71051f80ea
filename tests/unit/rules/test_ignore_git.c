/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rules: our verdicts and git's, for random rules and every path of a tree.
 *
 * A tree of odd names is made once. Each round writes random .gitignore files, some of them below
 * the root, and asks `git check-ignore --no-index --stdin -z -v -n` about every path; the answer
 * names file and line of the rule that decides, and ours must be the same rule. Half of the
 * patterns are made of a path that exists, so that many match.
 *
 * The table of ignore_table.h is held against git too, so that it says what git does and not what
 * we believe. FIRN_TEST_LONG=1 does a hundred times as many rounds. Without git the test is
 * skipped.
 */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/slice.h"
#include "ignore_table.h"
#include "os/os.h"
#include "posix/os_default.h"
#include "rules/rules.h"
#include "rules/rules_internal.h"
#include "support/test.h"
#include "support/test_random.h"
#include "support/test_temp.h"

enum { PATHS_MAX = 256, ROUNDS = 100, ROUNDS_LONG = 10000, RULE_DIRS_MAX = 4 };

struct entry {
    char *path;
    bool is_dir;
    bool is_excluded; /* as we said last */
};

struct world {
    char root[512];
    struct entry entries[PATHS_MAX];
    size_t count;
    struct test_random random;
    uint64_t compared;
    uint64_t decided; /* by a rule */
};

/* ---- the tree ---- */

static const char *const NAMES[] = {
    "a",   "b",   "ab", "abc", "foo",    "foo.c",    "foo.o", "bar.c", "x y", "x ",
    "a-b", "[a]", "a]", "!a",  "#c",     "\xc3\xa9", "a\\b",  "-",     "^",   "a*",
    "*",   "?",   "A",  "Z9",  "target", "x.tar.gz", "\t",    "{a,b}", "...", "~",
};
enum { NAME_COUNT = sizeof NAMES / sizeof NAMES[0] };

static uint64_t
below(struct world *world, uint64_t limit)
{
    return test_random_below(&world->random, limit);
}

static const char *
random_name(struct world *world)
{
    return NAMES[below(world, NAME_COUNT)];
}

static char *
full_path(const struct world *world, const char *path)
{
    char *full = malloc(strlen(world->root) + strlen(path) + 2);
    assert_non_null(full);
    sprintf(full, "%s/%s", world->root, path);
    return full;
}

static bool
has_entry(const struct world *world, const char *path)
{
    for (size_t i = 0; i < world->count; i++) {
        if (strcmp(world->entries[i].path, path) == 0) {
            return true;
        }
    }
    return false;
}

/* A path, with a slash at its end if it is a directory, and the directories on the way. */
static void
put_path(struct world *world, const char *path)
{
    struct entry *entry = &world->entries[world->count++];
    size_t size = strlen(path);
    entry->is_dir = path[size - 1] == '/';
    entry->path = strndup(path, entry->is_dir ? size - 1 : size);
    assert_non_null(entry->path);
    char *full = full_path(world, path);
    for (char *slash = full + strlen(world->root) + 1; (slash = strchr(slash, '/')) != NULL;
         slash++) {
        *slash = '\0';
        assert_true(mkdir(full, 0755) == 0 || errno == EEXIST);
        *slash = '/';
    }
    if (!entry->is_dir) {
        FILE *file = fopen(full, "w");
        assert_non_null(file);
        fclose(file);
    }
    free(full);
}

/* A child of the directory, NULL for the root. */
static void
put_entry(struct world *world, const struct entry *dir)
{
    char path[256];
    bool is_dir = below(world, 5) < 2;
    snprintf(path, sizeof path, "%s%s%s", dir != NULL ? dir->path : "", dir != NULL ? "/" : "",
             random_name(world));
    if (has_entry(world, path)) {
        return;
    }
    char *full = full_path(world, path);
    if (is_dir) {
        assert_int_equal(mkdir(full, 0755), 0);
    } else {
        FILE *file = fopen(full, "w");
        assert_non_null(file);
        fclose(file);
    }
    free(full);
    world->entries[world->count].path = strdup(path);
    world->entries[world->count++].is_dir = is_dir;
}

static void
make_tree(struct world *world)
{
    while (world->count < PATHS_MAX) {
        const struct entry *dir =
            world->count > 0 ? &world->entries[below(world, world->count)] : NULL;
        bool is_deep = dir != NULL && dir->is_dir && strlen(dir->path) < 40;
        put_entry(world, is_deep ? dir : NULL);
    }
}

/* ---- patterns ---- */

static void
append(struct fi_buf *out, const char *text)
{
    assert_int_equal(fi_buf_append_str(out, text), FIRN_OK);
}

static void
append_random_token(struct world *world, struct fi_buf *out)
{
    static const char *const TOKENS[] = {
        "*",
        "**",
        "***",
        "?",
        "/",
        "/",
        "**/",
        "/**",
        "*/",
        "[ab]",
        "[!a]",
        "[^a]",
        "[a-c]",
        "[]a]",
        "[!]a]",
        "[a-]",
        "[-a]",
        "[[:alpha:]]",
        "[[:digit:][:punct:]]",
        "[![:upper:]]",
        "[[:bad:]]",
        "[[:alpha]",
        "[a",
        "[",
        "]",
        "\\",
        "\\*",
        "\\a",
        "\\[",
        "\\ ",
        " ",
        "[\\]a]",
        "[a\\-c]",
        "[\\a-\\c]",
        "[[:space:]]",
        "[a-c-e]",
        "[!",
        "[c-a]",
        "[[a]",
        "[[:]",
        "[[:]]",
        "[.-0]",
        "!",
        "#",
        "-",
        "\t",
        ".",
        "*.*",
        ".c",
        "\\/",
        "[/]",
        "[!/]",
        "\\!",
        "\\#",
        "[[:graph:]]",
        "[[::]]",
        "[*]",
        "[?]",
        "[\\\\]",
    };
    if (below(world, 3) == 0) {
        append(out, random_name(world));
    } else {
        append(out, TOKENS[below(world, sizeof TOKENS / sizeof TOKENS[0])]);
    }
}

/* One byte of a path that exists, or something that may stand for it. */
static void
append_mutated(struct world *world, struct fi_buf *out, char c)
{
    char set[8];
    snprintf(set, sizeof set, "[%c]", c);
    char escaped[] = {'\\', c, '\0'};
    char plain[] = {c, '\0'};
    switch (below(world, 30)) {
    case 0:
        append(out, "?");
        break;
    case 1:
        append(out, "*");
        break;
    case 2:
        append(out, "**");
        break;
    case 3:
        append(out, set);
        break;
    case 4:
        append_random_token(world, out);
        break;
    case 5:
    case 6:
        append(out, escaped);
        break;
    default:
        append(out, plain);
        break;
    }
}

static void
append_path_pattern(struct world *world, struct fi_buf *out)
{
    const char *path = world->entries[below(world, world->count)].path;
    if (below(world, 3) == 0) {
        const char *slash = strchr(path, '/');
        path = slash != NULL ? slash + (below(world, 2) == 0 ? 1 : 0) : path;
    } else if (below(world, 2) == 0) {
        const char *slash = strrchr(path, '/');
        path = slash != NULL ? slash + 1 : path;
    }
    static const char *const FRONTS[] = {"",    "",   "",   "",     "/",  "*",
                                         "**/", "**", "*/", "/**/", "a**"};
    append(out, FRONTS[below(world, sizeof FRONTS / sizeof FRONTS[0])]);
    for (; *path != '\0'; path++) {
        uint64_t skipped = below(world, 20);
        if (skipped == 0) {
            static const char *const STARS[] = {"*", "**", "**/", "/**/", "*?"};
            append(out, STARS[below(world, 5)]);
            size_t left = strlen(path);
            path += below(world, left);
            continue;
        }
        append_mutated(world, out, *path);
    }
}

static void
append_line(struct world *world, struct fi_buf *out)
{
    static const char *const ENDS[] = {"",  "",   "",    "",  "/",  "/",  "/*", "/**",
                                       " ", "  ", "\\ ", "*", "\r", "//", " \r"};
    if (below(world, 6) == 0) {
        append(out, "!");
    }
    if (below(world, 3) > 0) {
        append_path_pattern(world, out);
    } else {
        for (uint64_t i = 1 + below(world, 5); i > 0; i--) {
            append_random_token(world, out);
        }
    }
    append(out, ENDS[below(world, sizeof ENDS / sizeof ENDS[0])]);
    append(out, "\n");
}

static void
make_rules(struct world *world, struct fi_buf *out)
{
    fi_buf_clear(out);
    if (below(world, 10) == 0) {
        append(out, "\xef\xbb\xbf");
    }
    for (uint64_t i = 1 + below(world, 5); i > 0; i--) {
        append_line(world, out);
    }
    if (below(world, 3) == 0) {
        out->size--; /* the last line break */
    }
}

/* ---- a round ---- */

struct rules {
    const char *dirs[RULE_DIRS_MAX]; /* "" first */
    struct fi_buf contents[RULE_DIRS_MAX];
    size_t count;
};

static void
write_rules(const struct world *world, const struct rules *rules, size_t i, bool is_written)
{
    char path[512];
    snprintf(path, sizeof path, "%s%s.gitignore", rules->dirs[i],
             rules->dirs[i][0] != '\0' ? "/" : "");
    char *full = full_path(world, path);
    if (is_written) {
        FILE *file = fopen(full, "w");
        assert_non_null(file);
        assert_int_equal(fwrite(rules->contents[i].data, 1, rules->contents[i].size, file),
                         rules->contents[i].size);
        fclose(file);
    } else {
        assert_int_equal(remove(full), 0);
    }
    free(full);
}

static void
choose_rules(struct world *world, struct rules *rules)
{
    rules->count = 1;
    rules->dirs[0] = "";
    for (uint64_t tries = below(world, 8); tries > 0 && rules->count < RULE_DIRS_MAX; tries--) {
        const struct entry *entry = &world->entries[below(world, world->count)];
        bool is_taken = !entry->is_dir;
        for (size_t i = 0; i < rules->count; i++) {
            is_taken = is_taken || strcmp(rules->dirs[i], entry->path) == 0;
        }
        if (!is_taken) {
            rules->dirs[rules->count++] = entry->path;
        }
    }
    for (size_t i = 0; i < rules->count; i++) {
        make_rules(world, &rules->contents[i]);
    }
}

/* "<file>:<line>" of the rule that decides, with its pattern's sign, or "". */
struct verdict {
    char text[600];
    bool is_excluded;
};

static const struct fi_rules_walk_scope *
enter(struct fi_rules_walk *ignore, const struct fi_rules_walk_scope *above,
      const struct rules *rules, firn_slice path)
{
    const struct fi_rules_walk_scope *scope = NULL;
    struct fi_rules_walk_files files = {{NULL}};
    firn_error err;
    for (size_t i = 0; i < rules->count; i++) {
        if (fi_slice_equal(firn_str(rules->dirs[i]), path)) {
            assert_int_equal(
                fi_rules_ignore_file_create(fi_buf_slice(&rules->contents[i]), NULL, NULL,
                                            &files.files[FI_RULES_LIST_GITIGNORE - 1], &err),
                FIRN_OK);
        }
    }
    assert_int_equal(fi_rules_walk_enter(ignore, above, path, &files, &scope, &err), FIRN_OK);
    return scope;
}

static void
ask_ours(const struct rules *rules, const struct entry *entry, struct verdict *out)
{
    struct fi_rules_walk_options options = {.gitignore = true};
    struct fi_rules_walk *ignore;
    firn_error err;
    size_t size = strlen(entry->path);
    assert_int_equal(fi_rules_walk_create(fi_os_default(), &options, &ignore, &err), FIRN_OK);
    const struct fi_rules_walk_scope *scope =
        enter(ignore, fi_rules_walk_outermost(ignore), rules, firn_str(""));
    *out = (struct verdict){0};
    for (size_t begin = 0; begin < size && !out->is_excluded;) {
        const char *slash = strchr(entry->path + begin, '/');
        size_t end = slash != NULL ? (size_t)(slash - entry->path) : size;
        struct fi_rules_walk_entry asked = {.path = firn_bytes(entry->path, end),
                                            .name_size = end - begin,
                                            .is_dir = slash != NULL || entry->is_dir};
        struct fi_rules_walk_reason reason = {0};
        out->is_excluded = fi_rules_assess(ignore, scope, &asked, &reason);
        if (reason.pattern != NULL && (out->is_excluded || slash == NULL)) {
            snprintf(out->text, sizeof out->text, "%.*s%s.gitignore:%u", (int)reason.dir.size,
                     (const char *)reason.dir.data, reason.dir.size > 0 ? "/" : "",
                     (unsigned)reason.pattern->line);
        }
        scope = enter(ignore, scope, rules, asked.path);
        begin = end + 1;
    }
    fi_rules_walk_destroy(ignore);
}

/* The next field of git's answer. */
static const char *
next_field(FILE *file, char *out, size_t size)
{
    size_t used = 0;
    int c;
    while ((c = getc(file)) != EOF && c != '\0') {
        assert_true(used + 1 < size);
        out[used++] = (char)c;
    }
    assert_true(c == '\0');
    out[used] = '\0';
    return out;
}

static void
read_answer(FILE *file, const char *path, struct verdict *out)
{
    char source[256];
    char line[32];
    char pattern[4096];
    char of[512];
    next_field(file, source, sizeof source);
    next_field(file, line, sizeof line);
    next_field(file, pattern, sizeof pattern);
    next_field(file, of, sizeof of);
    assert_string_equal(of, path);
    *out = (struct verdict){.is_excluded = source[0] != '\0' && pattern[0] != '!'};
    if (source[0] != '\0') {
        snprintf(out->text, sizeof out->text, "%s:%s", source, line);
    }
}

static void
complain(const struct rules *rules, const struct entry *entry, const struct verdict *ours,
         const struct verdict *gits)
{
    for (size_t i = 0; i < rules->count; i++) {
        print_error("rules in '%s':\n%.*s\n", rules->dirs[i], (int)rules->contents[i].size,
                    (const char *)rules->contents[i].data);
    }
    fail_msg("'%s'%s: git says '%s', we say '%s'", entry->path, entry->is_dir ? " (directory)" : "",
             gits->text, ours->text);
}

static FILE *
ask_git(const struct world *world)
{
    char command[2048];
    snprintf(command, sizeof command,
             "cd '%s' && GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null "
             "git -c core.excludesFile=/dev/null check-ignore --no-index --stdin -z -v -n "
             "<.git/paths",
             world->root);
    FILE *answers = popen(command, "r");
    assert_non_null(answers);
    return answers;
}

/* Holds our verdicts on all paths against git's. */
static void
compare(struct world *world, const struct rules *rules)
{
    for (size_t i = 0; i < rules->count; i++) {
        write_rules(world, rules, i, true);
    }
    FILE *answers = ask_git(world);
    for (size_t i = 0; i < world->count; i++) {
        struct entry *entry = &world->entries[i];
        struct verdict ours;
        struct verdict gits;
        ask_ours(rules, entry, &ours);
        read_answer(answers, entry->path, &gits);
        entry->is_excluded = ours.is_excluded;
        if (strcmp(ours.text, gits.text) != 0 || ours.is_excluded != gits.is_excluded) {
            complain(rules, entry, &ours, &gits);
        }
        world->compared++;
        world->decided += ours.text[0] != '\0' ? 1 : 0;
    }
    int status = pclose(answers);
    assert_true(status == 0 || status == 256); /* 1: nothing is ignored */
    for (size_t i = 0; i < rules->count; i++) {
        write_rules(world, rules, i, false);
    }
}

static void
run_round(struct world *world)
{
    struct rules rules = {0};
    choose_rules(world, &rules);
    compare(world, &rules);
    for (size_t i = 0; i < rules.count; i++) {
        fi_buf_deinit(&rules.contents[i]);
    }
}

/* ---- the world ---- */

static void
run_on_root(const struct world *world, const char *what)
{
    char command[1024];
    snprintf(command, sizeof command, "%s '%s'", what, world->root);
    assert_int_equal(system(command), 0);
}

static struct world *
open_world(void)
{
    if (system("git --version >/dev/null 2>&1") != 0) {
        skip();
    }
    struct world *world = calloc(1, sizeof *world);
    assert_non_null(world);
    test_temp_make(world->root, sizeof world->root);
    run_on_root(world, "GIT_CONFIG_GLOBAL=/dev/null git init -q");
    return world;
}

/* Tells git which paths it is asked about. */
static void
write_paths(const struct world *world)
{
    char *path = full_path(world, ".git/paths");
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    for (size_t i = 0; i < world->count; i++) {
        assert_int_equal(
            fwrite(world->entries[i].path, strlen(world->entries[i].path) + 1, 1, file), 1);
    }
    fclose(file);
    free(path);
}

static void
close_world(struct world *world)
{
    run_on_root(world, "rm -rf");
    for (size_t i = 0; i < world->count; i++) {
        free(world->entries[i].path);
    }
    free(world);
}

static void
the_table_says_what_git_says(void **state)
{
    struct world *world = open_world();
    for (size_t i = 0; i < IGNORE_TABLE_COUNT; i++) {
        put_path(world, IGNORE_TABLE[i].path);
    }
    write_paths(world);
    struct rules rules = {.dirs = {""}, .count = 1};
    append(&rules.contents[0], IGNORE_TABLE_RULES);
    compare(world, &rules);
    for (size_t i = 0; i < world->count; i++) {
        if (world->entries[i].is_excluded != IGNORE_TABLE[i].is_excluded) {
            fail_msg("the table is wrong about '%s'", world->entries[i].path);
        }
    }
    fi_buf_deinit(&rules.contents[0]);
    close_world(world);
}

static void
the_same_rule_decides_as_in_git(void **state)
{
    struct world *world = open_world();
    test_random_init(&world->random, "ignore_git", 20261120);
    make_tree(world);
    write_paths(world);
    uint64_t rounds = getenv("FIRN_TEST_LONG") != NULL ? ROUNDS_LONG : ROUNDS;
    for (uint64_t i = 0; i < rounds; i++) {
        run_round(world);
    }
    print_message("%llu verdicts compared, %llu of them by a rule\n",
                  (unsigned long long)world->compared, (unsigned long long)world->decided);
    assert_true(world->decided > world->compared / 20);
    close_world(world);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table_says_what_git_says),
        cmocka_unit_test(the_same_rule_decides_as_in_git),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
