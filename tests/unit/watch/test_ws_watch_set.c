/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/watch: what a watch knows, by itself: a kernel that gives numbers, and saves that ask,
 * visit what they are told to, and report.
 */
#include "posix/os_default.h"
#include "support/test.h"
#include "support/test_alloc.h"
#include "support/test_fault.h"
#include "support/test_random.h"
#include "watch/watch_internal.h"

enum { PATHS_MAX = 64, TEXT_SIZE = 4096 };

/* ---- a kernel ---- */

struct fake {
    struct fi_watch_set *set;
    char *paths[PATHS_MAX]; /* by id */
    int count;
    const char *refused; /* a path that cannot be watched */
    int same_id;         /* all get it, if not -1 */
    int64_t begun_ns;    /* of the last answer */
    int removed;
};

static int
fake_add(void *ctx, struct fi_os_dir *dir, firn_slice path, int *out_id, firn_error *err)
{
    struct fake *fake = ctx;
    (void)dir;
    if (fake->refused != NULL && strlen(fake->refused) == path.size &&
        memcmp(fake->refused, path.data, path.size) == 0) {
        return fi_error_set(err, FIRN_LIMIT, "no more");
    }
    if (fake->same_id >= 0) {
        *out_id = fake->same_id;
        return FIRN_OK;
    }
    assert_true(fake->count < PATHS_MAX);
    fake->paths[fake->count] = strndup(path.size > 0 ? (const char *)path.data : "", path.size);
    *out_id = fake->count++;
    return FIRN_OK;
}

static void
fake_remove(void *ctx, int id)
{
    struct fake *fake = ctx;
    assert_true(id >= 0 && id < fake->count);
    fake->removed++;
}

static void
fake_init(struct fake *fake)
{
    firn_error err;
    *fake = (struct fake){.same_id = -1};
    const struct fi_watch_kernel kernel = {fake_add, fake_remove, fake};
    assert_int_equal(fi_watch_set_create(fi_os_default(), &kernel, &fake->set, &err), FIRN_OK);
}

static void
fake_deinit(struct fake *fake)
{
    fi_watch_set_destroy(fake->set);
    for (int i = 0; i < fake->count; i++) {
        free(fake->paths[i]);
    }
}

/* The newest id of a path. */
static int
id_of(const struct fake *fake, const char *path)
{
    for (int i = fake->count - 1; i >= 0; i--) {
        if (strcmp(fake->paths[i], path) == 0) {
            return i;
        }
    }
    fail_msg("'%s' is not watched", path);
    return -1;
}

static bool
happen(struct fake *fake, enum fi_os_watch_kind kind, const char *path, const char *name)
{
    bool is_change;
    const struct fi_os_watch_event event = {
        .kind = kind, .id = id_of(fake, path), .name = name, .is_dir = true};
    fi_watch_set_event(fake->set, &event, &is_change);
    return is_change;
}

/* ---- a save ---- */

static int
add_passed(void *ctx, const struct fi_watch_passed *passed, firn_error *err)
{
    char *text = ctx;
    size_t size = strlen(text);
    (void)err;
    snprintf(text + size, TEXT_SIZE - size, "%.*s%s%.*s:%d,%d,%d ", (int)passed->parent.size,
             (const char *)passed->parent.data, passed->parent.size > 0 ? "/" : "",
             (int)passed->name.size, (const char *)passed->name.data, (int)passed->files,
             (int)passed->bytes, (int)passed->directories);
    return FIRN_OK;
}

static struct fi_watch_base
base_of(uint8_t tree)
{
    struct fi_watch_base base = {.key = {7}};
    memset(base.tree.bytes, tree, sizeof base.tree.bytes);
    return base;
}

/* Asks with a tree; text is what need not be visited, as path:files,bytes,directories. */
static uint64_t
ask(struct fake *fake, const struct fi_watch_question *question, char text[TEXT_SIZE])
{
    struct fi_buf answer = {0};
    firn_error err;
    uint64_t token;
    assert_int_equal(fi_watch_set_query(fake->set, question, &answer, &err), FIRN_OK);
    struct fi_reader reader = fi_reader_of(fi_buf_slice(&answer));
    assert_int_equal(fi_watchlink_wire_get_token(&reader, &token, &err), FIRN_OK);
    assert_int_equal(fi_watchlink_wire_get_begun(&reader, &fake->begun_ns, &err), FIRN_OK);
    text[0] = '\0';
    assert_int_equal(fi_watchlink_wire_get_passed(&reader, add_passed, text, &err), FIRN_OK);
    fi_buf_deinit(&answer);
    return token;
}

static uint64_t
ask_for(struct fake *fake, uint8_t tree, char text[TEXT_SIZE])
{
    const struct fi_watch_question question = {.will_report = true, .base = base_of(tree)};
    return ask(fake, &question, text);
}

/* What only looks is told. */
static void
assert_clean(struct fake *fake, uint8_t tree, const char *expected)
{
    char text[TEXT_SIZE];
    const struct fi_watch_question question = {.base = base_of(tree)};
    assert_int_equal(ask(fake, &question, text), 0);
    assert_string_equal(text, expected);
}

/* What the test's scans say of when they began. */
static int64_t
begun(uint64_t token)
{
    return (int64_t)(token % 1000) + 1;
}

/* Reports visits: names of directories with spaces between, "." the root; one that begins with '!'
 * is not steady. Each has one file of ten bytes. */
static int
report(struct fake *fake, uint64_t token, uint8_t tree, const char *visits)
{
    struct fi_buf bytes = {0};
    char *copy = strdup(visits);
    firn_error err;
    char *rest = NULL;
    const struct fi_watch_base base = base_of(tree);
    assert_int_equal(fi_watchlink_wire_put_token(&bytes, token), FIRN_OK);
    assert_int_equal(fi_watchlink_wire_put_begun(&bytes, begun(token)), FIRN_OK);
    assert_int_equal(fi_watchlink_wire_put_base(&bytes, &base), FIRN_OK);
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        bool is_steady = word[0] != '!';
        const char *path = is_steady ? word : word + 1;
        const struct fi_watch_visited visited = {.path =
                                                     firn_str(strcmp(path, ".") == 0 ? "" : path),
                                                 .is_steady = is_steady,
                                                 .files = 1,
                                                 .bytes = 10};
        assert_int_equal(fi_watchlink_wire_put_visited(&bytes, &visited), FIRN_OK);
    }
    int rc = fi_watch_set_report(fake->set, fi_buf_slice(&bytes), &err);
    fi_buf_deinit(&bytes);
    free(copy);
    return rc;
}

/* A save of the same process: it enters what it visits. */
static void
save_here(struct fake *fake, uint8_t before, uint8_t after, const char *visits)
{
    char text[TEXT_SIZE];
    uint64_t token = ask_for(fake, before, text);
    char *copy = strdup(visits);
    char *rest = NULL;
    for (char *word = strtok_r(copy, " ", &rest); word != NULL; word = strtok_r(NULL, " ", &rest)) {
        const char *path = word[0] != '!' ? word : word + 1;
        fi_watch_set_enter(fake->set, NULL, firn_str(path[0] == '.' ? "" : path));
    }
    free(copy);
    struct fi_watch_set_info info;
    fi_watch_set_info(fake->set, &info);
    assert_int_equal(report(fake, token, after, visits),
                     token == 0 || info.is_broken ? FIRN_NOT_FOUND : FIRN_OK);
}

/* a, a/b, a/c, d: all clean, as in tree 1. */
static void
settle(struct fake *fake)
{
    fake_init(fake);
    save_here(fake, 0, 1, ". a a/b a/c d");
    assert_clean(fake, 1, "a:3,30,3 d:1,10,1 ");
}

/* ---- tests ---- */

static void
what_was_watched_before_it_was_listed_is_clean_at_once(void **state)
{
    struct fake fake;
    struct fi_watch_set_info info;
    settle(&fake);
    fi_watch_set_info(fake.set, &info);
    assert_int_equal(info.directories, 5);
    assert_int_equal(info.dirty, 0);
    assert_int_equal(info.unwatched, 0);
    fake_deinit(&fake);
}

static void
what_another_process_has_visited_is_clean_after_its_second_visit(void **state)
{
    struct fake fake;
    char text[TEXT_SIZE];
    fake_init(&fake);
    uint64_t token = ask_for(&fake, 0, text);
    assert_string_equal(text, "");
    assert_int_equal(report(&fake, token, 1, "a/b a . d"), FIRN_OK); /* children may come first */
    assert_clean(&fake, 1, "");
    token = ask_for(&fake, 1, text);
    assert_string_equal(text, "");
    assert_int_equal(report(&fake, token, 1, ". a a/b d"), FIRN_OK);
    assert_clean(&fake, 1, "a:2,20,2 d:1,10,1 ");
    fake_deinit(&fake);
}

static void
what_is_watched_early_is_not_made_clean_by_a_save_that_asked_before(void **state)
{
    struct fake fake;
    char text[TEXT_SIZE];
    firn_slice path;
    settle(&fake);
    assert_true(happen(&fake, FI_OS_WATCH_NAMES, "d", "new"));
    uint64_t token = ask_for(&fake, 1, text);
    assert_true(fi_watch_set_path(fake.set, id_of(&fake, "d"), &path));
    assert_int_equal(path.size, 1);
    assert_true(fi_watch_set_add(fake.set, NULL, firn_str("d/new")));
    assert_false(fi_watch_set_add(fake.set, NULL, firn_str("d/new")));
    assert_false(fi_watch_set_add(fake.set, NULL, firn_str("e/new"))); /* e is not known */
    assert_false(fi_watch_set_add(fake.set, NULL, firn_str("")));
    assert_int_equal(report(&fake, token, 2, ". d d/new"), FIRN_OK);
    assert_clean(&fake, 2, "a:3,30,3 ");
    /* The next one asks afterwards. */
    token = ask_for(&fake, 2, text);
    assert_int_equal(report(&fake, token, 2, ". d d/new"), FIRN_OK);
    assert_clean(&fake, 2, "a:3,30,3 d:2,20,2 ");
    /* What no save visits is no part of the tree, and forgotten. */
    assert_true(happen(&fake, FI_OS_WATCH_NAMES, "d", "out"));
    assert_true(fi_watch_set_add(fake.set, NULL, firn_str("d/out")));
    save_here(&fake, 2, 3, ". d");
    assert_clean(&fake, 3, "a:3,30,3 d:2,20,2 ");
    assert_int_equal(fake.removed, 1);
    assert_false(happen(&fake, FI_OS_WATCH_CHANGED, "d/out", "file"));
    assert_false(fi_watch_set_path(fake.set, id_of(&fake, "d/out"), &path));
    fake_deinit(&fake);
}

static void
an_event_makes_its_directory_and_all_above_it_be_visited(void **state)
{
    struct fake fake;
    char text[TEXT_SIZE];
    settle(&fake);
    assert_true(happen(&fake, FI_OS_WATCH_CHANGED, "a/b", "file"));
    assert_clean(&fake, 1, "d:1,10,1 a/c:1,10,1 ");
    uint64_t token = ask_for(&fake, 1, text);
    assert_int_equal(report(&fake, token, 2, ". a a/b"), FIRN_OK);
    assert_clean(&fake, 2, "a:3,30,3 d:1,10,1 ");
    fake_deinit(&fake);
}

static void
an_event_between_question_and_report_is_not_lost(void **state)
{
    struct fake fake;
    char text[TEXT_SIZE];
    settle(&fake);
    happen(&fake, FI_OS_WATCH_CHANGED, "a/b", "file");
    uint64_t token = ask_for(&fake, 1, text);
    happen(&fake, FI_OS_WATCH_CHANGED, "a/b", "file");
    happen(&fake, FI_OS_WATCH_CHANGED, "d", "");
    assert_int_equal(report(&fake, token, 2, ". a a/b"), FIRN_OK);
    assert_clean(&fake, 2, "a/c:1,10,1 ");
    fake_deinit(&fake);
}

static void
a_name_that_comes_or_goes_is_forgotten_with_all_below(void **state)
{
    struct fake fake;
    struct fi_watch_set_info info;
    settle(&fake);
    int below = id_of(&fake, "a/b");
    happen(&fake, FI_OS_WATCH_NAMES, "", "a");
    assert_int_equal(fake.removed, 3);
    assert_clean(&fake, 1, "d:1,10,1 ");
    fi_watch_set_info(fake.set, &info);
    assert_int_equal(info.directories, 2);
    /* What the kernel still says of it means nothing. */
    bool is_change;
    const struct fi_os_watch_event late = {.kind = FI_OS_WATCH_GONE, .id = below, .name = ""};
    fi_watch_set_event(fake.set, &late, &is_change);
    assert_false(is_change);
    assert_clean(&fake, 1, "d:1,10,1 ");
    fake_deinit(&fake);
}

static void
a_directory_that_moved_is_not_known_any_more(void **state)
{
    struct fake fake;
    struct fi_watch_set_info info;
    settle(&fake);
    happen(&fake, FI_OS_WATCH_MOVED, "a/b", "");
    assert_clean(&fake, 1, "d:1,10,1 a/c:1,10,1 ");
    happen(&fake, FI_OS_WATCH_MOVED, "", "");
    fi_watch_set_info(fake.set, &info);
    assert_true(info.has_lost_root);
    fake_deinit(&fake);
}

static void
rules_that_change_make_everything_below_be_visited(void **state)
{
    static const char *const names[] = {".firnignore", ".gitignore", ".chkptignore"};
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        struct fake fake;
        settle(&fake);
        happen(&fake, i == 0 ? FI_OS_WATCH_NAMES : FI_OS_WATCH_CHANGED, "a", names[i]);
        assert_clean(&fake, 1, "d:1,10,1 ");
        fake_deinit(&fake);
    }
}

static void
another_tree_or_other_options_know_nothing(void **state)
{
    struct fake fake;
    char text[TEXT_SIZE];
    settle(&fake);
    assert_clean(&fake, 2, "");
    assert_clean(&fake, 1, "a:3,30,3 d:1,10,1 "); /* who only looks changes nothing */
    struct fi_watch_question question = {.will_report = true, .base = base_of(1)};
    question.base.key[0]++;
    (void)ask(&fake, &question, text);
    assert_string_equal(text, "");
    assert_clean(&fake, 1, ""); /* who saves otherwise, does */
    save_here(&fake, 1, 1, ". a a/b a/c d");
    assert_clean(&fake, 1, "a:3,30,3 d:1,10,1 ");
    question = (struct fi_watch_question){.is_full = true, .base = base_of(1)};
    (void)ask(&fake, &question, text);
    assert_string_equal(text, "");
    fake_deinit(&fake);
}

static void
what_is_not_steady_is_visited_each_time(void **state)
{
    struct fake fake;
    char text[TEXT_SIZE];
    fake_init(&fake);
    save_here(&fake, 0, 1, ". a !a/b a/c d");
    assert_clean(&fake, 1, "d:1,10,1 a/c:1,10,1 ");
    /* It becomes steady, and another one ceases to be. */
    uint64_t token = ask_for(&fake, 1, text);
    assert_int_equal(report(&fake, token, 1, "!. !a a/b"), FIRN_OK);
    assert_clean(&fake, 1, "d:1,10,1 a/b:1,10,1 a/c:1,10,1 ");
    fake_deinit(&fake);
}

static void
nothing_is_clean_below_what_cannot_be_watched(void **state)
{
    struct fake fake;
    struct fi_watch_set_info info;
    fake_init(&fake);
    fake.refused = "a";
    save_here(&fake, 0, 1, ". a a/b a/b/e d");
    assert_clean(&fake, 1, "d:1,10,1 ");
    fi_watch_set_info(fake.set, &info);
    assert_int_equal(info.unwatched, 1);
    assert_int_equal(info.unwatched_code, FIRN_LIMIT);
    assert_string_equal(info.unwatched_error.text, "no more");
    fake.refused = NULL;
    save_here(&fake, 1, 1, ". a a/b a/b/e");
    assert_clean(&fake, 1, "a:3,30,3 d:1,10,1 ");
    fake_deinit(&fake);
}

static void
what_a_save_no_longer_visits_is_forgotten(void **state)
{
    struct fake fake;
    struct fi_watch_set_info info;
    settle(&fake);
    happen(&fake, FI_OS_WATCH_CHANGED, "", ".firnignore");
    save_here(&fake, 1, 2, ". d");
    fi_watch_set_info(fake.set, &info);
    assert_int_equal(info.directories, 2);
    assert_int_equal(info.dirty, 0);
    assert_int_equal(fake.removed, 3);
    assert_clean(&fake, 2, "d:1,10,1 ");
    fake_deinit(&fake);
}

static void
only_a_report_to_the_last_question_counts(void **state)
{
    struct fake fake;
    char text[TEXT_SIZE];
    fake_init(&fake);
    uint64_t old = ask_for(&fake, 0, text);
    uint64_t token = ask_for(&fake, 0, text);
    assert_true(old != token && old != 0);
    assert_int_equal(report(&fake, old, 1, ". a"), FIRN_NOT_FOUND);
    assert_int_equal(report(&fake, 0, 1, ". a"), FIRN_NOT_FOUND);
    assert_int_equal(fake.count, 0);
    assert_clean(&fake, 1, "");
    assert_int_equal(fake.begun_ns, 0);
    assert_int_equal(report(&fake, token, 1, ". a"), FIRN_OK);
    assert_int_equal(fake.count, 2);
    assert_int_equal(report(&fake, token, 2, ". a b"), FIRN_NOT_FOUND);
    assert_int_equal(fake.count, 2);
    assert_clean(&fake, 2, "");
    assert_int_equal(fake.begun_ns, begun(token));
    /* Nobody watches outside of a question. */
    fi_watch_set_enter(fake.set, NULL, firn_str("b"));
    assert_int_equal(fake.count, 2);
    fake_deinit(&fake);
}

static void
nonsense_changes_nothing(void **state)
{
    struct fake fake;
    char text[TEXT_SIZE];
    settle(&fake);
    uint64_t token = ask_for(&fake, 1, text);
    static const char *const bad[] = {"../x", "/x", "a//b", "a/./b"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(report(&fake, token, 2, bad[i]), FIRN_INVALID);
    }
    assert_int_equal(fi_watch_set_report(fake.set, firn_str("short"), NULL), FIRN_INVALID);
    assert_clean(&fake, 1, "a:3,30,3 d:1,10,1 ");
    assert_int_equal(report(&fake, token, 2, "."), FIRN_OK);
    assert_clean(&fake, 2, "a:3,30,3 d:1,10,1 ");
    fake_deinit(&fake);
}

static void
two_directories_with_one_id_break_the_set(void **state)
{
    struct fake fake;
    struct fi_watch_set_info info;
    settle(&fake);
    fake.same_id = id_of(&fake, "d");
    save_here(&fake, 1, 2, ". e");
    fi_watch_set_info(fake.set, &info);
    assert_true(info.is_broken);
    assert_clean(&fake, 1, "");
    assert_clean(&fake, 2, "");
    fake_deinit(&fake);
}

/* ---- against a model ---- */

/* Directories x and x/y for x, y in a..d; each is, in the model, changed or not since the last
 * save that visited it. */
static void
the_answer_is_never_too_large(void **state)
{
    struct test_random random;
    test_random_init(&random, "ws_watch_set", 5);
    static const char all[] =
        ". a a/a a/b a/c a/d b b/a b/b b/c b/d c c/a c/b c/c c/d d d/a d/b d/c d/d";
    for (int round = 0; round < 30; round++) {
        struct fake fake;
        char text[TEXT_SIZE];
        uint8_t tree = 1;
        bool is_changed[4][5] = {{false}};
        fake_init(&fake);
        save_here(&fake, 0, tree, all);
        for (int step = 0; step < 40; step++) {
            uint64_t x = test_random_below(&random, 4);
            uint64_t y = test_random_below(&random, 5); /* 4: x itself */
            char path[4] = {(char)('a' + x), '/', (char)('a' + y), '\0'};
            path[1] = y == 4 ? '\0' : '/';
            happen(&fake, FI_OS_WATCH_CHANGED, path, "f");
            is_changed[x][y] = true;
            if (test_random_below(&random, 3) != 0) {
                continue;
            }
            uint64_t token = ask_for(&fake, tree, text);
            char visits[TEXT_SIZE] = ".";
            for (int i = 0; i < 4; i++) {
                bool any = false;
                for (int j = 0; j < 5; j++) {
                    any = any || is_changed[i][j];
                }
                char word[8];
                snprintf(word, sizeof word, "%c:", 'a' + i);
                assert_int_equal(strncmp(text, word, 2) == 0 ||
                                     strstr(text, (char[]){' ', word[0], ':', '\0'}) != NULL,
                                 !any);
                for (int j = 0; any && j < 4; j++) {
                    snprintf(word, sizeof word, "%c/%c:", 'a' + i, 'a' + j);
                    assert_int_equal(strstr(text, word) != NULL, !is_changed[i][j]);
                    if (is_changed[i][j]) {
                        snprintf(visits + strlen(visits), 8, " %c/%c", 'a' + i, 'a' + j);
                    }
                }
                if (any) {
                    snprintf(visits + strlen(visits), 8, " %c", 'a' + i);
                }
            }
            tree++;
            memset(is_changed, 0, sizeof is_changed);
            if (test_random_below(&random, 2) == 0) {
                happen(&fake, FI_OS_WATCH_CHANGED, path, "f");
                is_changed[x][y] = true;
            }
            assert_int_equal(report(&fake, token, tree, visits), FIRN_OK);
        }
        fake_deinit(&fake);
    }
}

static void
any_allocation_may_fail(void **state)
{
    test_alloc_install();
    struct test_fault fault = {.n = 0};
    while (test_fault_next(&fault)) {
        struct fake fake;
        firn_error err;
        struct fi_buf answer = {0};
        const struct fi_watch_question question = {.will_report = true, .base = base_of(1)};
        settle(&fake);
        happen(&fake, FI_OS_WATCH_CHANGED, "a/b", "f");
        test_fault_allocation(&fault);
        int rc = fi_watch_set_query(fake.set, &question, &answer, &err);
        fi_watch_set_enter(fake.set, NULL, firn_str("a/b/new"));
        test_fault_end(&fault);
        test_fault_expect(&fault, rc, FIRN_NO_MEMORY);
        struct fi_watch_set_info info;
        fi_watch_set_info(fake.set, &info);
        if (!info.is_broken) {
            assert_clean(&fake, 1, "d:1,10,1 a/c:1,10,1 ");
        }
        fi_buf_deinit(&answer);
        fake_deinit(&fake);
    }
    assert_int_equal(test_alloc_alive(), 0);
    test_alloc_uninstall();
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_watched_before_it_was_listed_is_clean_at_once),
        cmocka_unit_test(what_another_process_has_visited_is_clean_after_its_second_visit),
        cmocka_unit_test(what_is_watched_early_is_not_made_clean_by_a_save_that_asked_before),
        cmocka_unit_test(an_event_makes_its_directory_and_all_above_it_be_visited),
        cmocka_unit_test(an_event_between_question_and_report_is_not_lost),
        cmocka_unit_test(a_name_that_comes_or_goes_is_forgotten_with_all_below),
        cmocka_unit_test(a_directory_that_moved_is_not_known_any_more),
        cmocka_unit_test(rules_that_change_make_everything_below_be_visited),
        cmocka_unit_test(another_tree_or_other_options_know_nothing),
        cmocka_unit_test(what_is_not_steady_is_visited_each_time),
        cmocka_unit_test(nothing_is_clean_below_what_cannot_be_watched),
        cmocka_unit_test(what_a_save_no_longer_visits_is_forgotten),
        cmocka_unit_test(only_a_report_to_the_last_question_counts),
        cmocka_unit_test(nonsense_changes_nothing),
        cmocka_unit_test(two_directories_with_one_id_break_the_set),
        cmocka_unit_test(the_answer_is_never_too_large),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
