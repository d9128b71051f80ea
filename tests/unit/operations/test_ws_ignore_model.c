/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/operations: saves, restores and undos under rules that change, against a model.
 *
 * The model is a table of files and what each holds. Files and rule files are written and removed at
 * random; each checkpoint remembers the table and the rules of its save. A restore must bring every
 * file that no rule excludes, neither today's nor the checkpoint's, to what the checkpoint has; must
 * leave every file that is there and excluded as it is, and count those of which the checkpoint has
 * another version. What the last restore left alone is excluded until the next save: the rule files may
 * be gone. An undo or a redo may change such a file if the state that it leaves has it as it is: then it
 * is in a checkpoint. Which rule excludes what is rules.c's word, which
 * test_ignore_git.c holds against git: here it is about what follows from it. In between checkpoints
 * are deleted and their space is given back, which must leave the rules of the others.
 *
 * FIRN_TEST_SEED runs one seed; FIRN_TEST_LONG=1 many more steps.
 */
#include "base/slice.h"
#include "rules/rules.h"
#include "rules/rules_internal.h"
#include "support/test.h"
#include "support/test_file.h"
#include "support/test_random.h"
#include "support/workspace/ws_support.h"

static const char *const PATHS[] = {
    ".firnignore",
    "a/.firnignore",
    ".gitignore",
    "a/.gitignore",
    ".chkptignore",
    "x.log",
    "k",
    "m.tmp",
    "a/x.log",
    "a/k",
    "a/m.tmp",
    "a/c/x.log",
    "a/c/k",
    "build/o",
    "build/k",
    "a/build/o",
    "d/e/k",
    "d/e/x.log",
    "node_modules/k",
};
enum { PATH_COUNT = sizeof PATHS / sizeof PATHS[0], RULE_FILES = 5, TEXT_SIZE = 64, SETS_MAX = 64 };

static const char *const LINES[] = {
    "*.log", "!x.log", "k",        "/k",        "build/", "a/",          "a/c/",
    "/a/*",  "!/a/c",  "**/m.tmp", "!k",        "[",      ".firnignore", "!node_modules",
    "d/**",  "*.tmp",  "e",        "# nothing", "!*",
};

/* What every file holds; "" where it is not there. */
struct files {
    char text[PATH_COUNT][TEXT_SIZE];
};

/* What ruled a save, or today. */
struct rules {
    bool gitignore;
    struct files files; /* only those of rules matter */
};

struct checkpoint {
    bool is_deleted;
    struct files files; /* that were saved */
    struct rules sets[SETS_MAX];
    size_t set_count;
};

struct model {
    struct ws_world world;
    struct test_random random;
    struct checkpoint *checkpoints; /* [i] has number i + 1 */
    size_t count;
    struct checkpoint safety;
    bool has_safety;
    bool is_carried; /* nothing was saved since it was made */
    uint64_t stayed;
    uint64_t left_alone; /* files that a restore would have changed without rules */
};

static uint64_t
below(struct model *model, uint64_t limit)
{
    return test_random_below(&model->random, limit);
}

/* ---- the disk ---- */

static void
split(const char *path, char *dir, const char **out_name)
{
    const char *slash = strrchr(path, '/');
    size_t size = slash != NULL ? (size_t)(slash - path) : 0;
    memcpy(dir, path, size);
    dir[size] = '\0';
    *out_name = slash != NULL ? slash + 1 : path;
}

static void
read_disk(struct model *model, struct files *out)
{
    memset(out, 0, sizeof *out);
    for (size_t i = 0; i < PATH_COUNT; i++) {
        char dir_path[64];
        const char *name;
        struct fi_os_dir *dir;
        split(PATHS[i], dir_path, &name);
        int rc = fi_os_dir_open_beneath(model->world.tree.root, dir_path, &dir, NULL);
        if (rc == FIRN_NOT_FOUND) {
            continue;
        }
        assert_int_equal(rc, FIRN_OK);
        if (test_file_exists(dir, name)) {
            struct fi_buf content = {0};
            test_file_read(dir, name, &content);
            assert_in_range(content.size, 1, TEXT_SIZE - 1);
            memcpy(out->text[i], content.data, content.size);
            fi_buf_deinit(&content);
        }
        fi_os_dir_close(dir);
    }
}

static void
assert_files(const struct files *found, const struct files *expected)
{
    for (size_t i = 0; i < PATH_COUNT; i++) {
        if (strcmp(found->text[i], expected->text[i]) != 0) {
            fail_msg("'%s' holds '%s' instead of '%s'", PATHS[i], found->text[i],
                     expected->text[i]);
        }
    }
}

static void
edit(struct model *model)
{
    size_t i = below(model, PATH_COUNT);
    struct files now;
    read_disk(model, &now);
    if (below(model, 4) == 0) {
        if (now.text[i][0] != '\0') {
            scan_remove_file(&model->world.tree, PATHS[i]);
        }
        return;
    }
    char text[TEXT_SIZE] = "";
    if (i < RULE_FILES) {
        for (uint64_t lines = 1 + below(model, 3); lines > 0; lines--) {
            strcat(text, LINES[below(model, sizeof LINES / sizeof LINES[0])]);
            strcat(text, "\n");
        }
    } else {
        snprintf(text, sizeof text, "text %u", (unsigned)below(model, 4));
    }
    scan_put_text(&model->world.tree, PATHS[i], text);
}

/* ---- rules ---- */

static const struct fi_rules_walk_scope *
enter(struct fi_rules_walk *ignore, const struct fi_rules_walk_scope *above,
      const struct rules *rules, firn_slice dir)
{
    const struct fi_rules_walk_scope *scope;
    struct fi_rules_walk_files files = {{NULL}};
    for (size_t i = 0; i < RULE_FILES; i++) {
        char dir_path[64];
        const char *name;
        enum fi_rules_list_kind kind;
        split(PATHS[i], dir_path, &name);
        if (rules->files.text[i][0] != '\0' && fi_slice_equal(dir, firn_str(dir_path)) &&
            fi_rules_walk_is_rule_file(ignore, firn_str(name), dir.size == 0, &kind)) {
            assert_int_equal(fi_rules_ignore_file_create(firn_str(rules->files.text[i]), NULL, NULL,
                                                         &files.files[kind - 1], NULL),
                             FIRN_OK);
        }
    }
    assert_int_equal(fi_rules_walk_enter(ignore, above, dir, &files, &scope, NULL), FIRN_OK);
    return scope;
}

static bool
excludes(struct model *model, const struct rules *rules, const char *path)
{
    struct fi_rules_walk_options options = {.gitignore = rules->gitignore};
    struct fi_rules_walk *ignore;
    bool is_excluded = false;
    assert_int_equal(fi_rules_walk_create(model->world.tree.os, &options, &ignore, NULL), FIRN_OK);
    const struct fi_rules_walk_scope *scope =
        enter(ignore, fi_rules_walk_outermost(ignore), rules, firn_str(""));
    size_t size = strlen(path);
    for (size_t begin = 0; begin < size && !is_excluded;) {
        const char *slash = strchr(path + begin, '/');
        size_t end = slash != NULL ? (size_t)(slash - path) : size;
        struct fi_rules_walk_reason reason;
        struct fi_rules_walk_entry entry = {
            .path = firn_bytes(path, end), .name_size = end - begin, .is_dir = slash != NULL};
        is_excluded = fi_rules_assess(ignore, scope, &entry, &reason);
        scope = enter(ignore, scope, rules, entry.path);
        begin = end + 1;
    }
    fi_rules_walk_destroy(ignore);
    return is_excluded;
}

static void
add_set(struct checkpoint *checkpoint, const struct rules *rules)
{
    for (size_t i = 0; i < checkpoint->set_count; i++) {
        if (memcmp(&checkpoint->sets[i], rules, sizeof *rules) == 0) {
            return;
        }
    }
    assert_true(checkpoint->set_count < SETS_MAX);
    checkpoint->sets[checkpoint->set_count++] = *rules;
}

static struct rules
todays_rules(const struct files *now, bool gitignore)
{
    struct rules rules;
    memset(&rules, 0, sizeof rules);
    rules.gitignore = gitignore;
    memcpy(rules.files.text, now->text, sizeof rules.files.text[0] * RULE_FILES);
    return rules;
}

/* What a scan under these sets would save of the files. */
static void
take_out_excluded(struct model *model, struct checkpoint *checkpoint, bool excluded[PATH_COUNT])
{
    for (size_t i = 0; i < PATH_COUNT; i++) {
        excluded[i] = false;
        for (size_t k = 0; k < checkpoint->set_count && !excluded[i]; k++) {
            excluded[i] = excludes(model, &checkpoint->sets[k], PATHS[i]);
        }
        if (excluded[i]) {
            memset(checkpoint->files.text[i], 0, TEXT_SIZE);
        }
    }
}

/* ---- steps ---- */

static void
save(struct model *model, bool gitignore)
{
    firn_workspace_save_options options = FIRN_WORKSPACE_SAVE_OPTIONS_INIT;
    firn_workspace_save_result result;
    struct files now;
    bool excluded[PATH_COUNT];
    options.gitignore = gitignore;
    options.threads = 2;
    read_disk(model, &now);
    assert_int_equal(fi_ws_save(model->world.ws, &options, &result, &model->world.err), FIRN_OK);
    model->checkpoints =
        realloc(model->checkpoints, (model->count + 1) * sizeof *model->checkpoints);
    assert_non_null(model->checkpoints);
    struct checkpoint *saved = &model->checkpoints[model->count++];
    memset(saved, 0, sizeof *saved);
    saved->files = now;
    struct rules rules = todays_rules(&now, options.gitignore);
    model->is_carried = false;
    add_set(saved, &rules);
    take_out_excluded(model, saved, excluded);
    assert_int_equal(result.checkpoint->number, model->count);
    uint64_t files = 0;
    for (size_t i = 0; i < PATH_COUNT; i++) {
        files += saved->files.text[i][0] != '\0' ? 1 : 0;
    }
    assert_int_equal(result.checkpoint->files, files);
}

/* What a restore of `target` must lead to from `now`, and how much stays that it has otherwise. */
static uint64_t
expect(struct model *model, const struct files *now, const struct checkpoint *target,
       const bool excluded[PATH_COUNT], struct files *out)
{
    uint64_t stay = 0;
    for (size_t i = 0; i < PATH_COUNT; i++) {
        const char *is = now->text[i];
        const char *wanted = target->files.text[i];
        bool stays = excluded[i] && is[0] != '\0';
        bool differs = strcmp(is, wanted) != 0;
        memcpy(out->text[i], stays ? is : wanted, TEXT_SIZE);
        stay += stays && wanted[0] != '\0' && differs ? 1 : 0;
        model->left_alone += stays && differs ? 1 : 0;
    }
    return stay;
}

/* number 0: undo. */
static void
restore(struct model *model, size_t number)
{
    static struct checkpoint target;
    static struct checkpoint safety;
    struct files now;
    struct files expected;
    struct files found;
    bool excluded[PATH_COUNT];
    /* The newest checkpoint says too how saves are made today. */
    bool gitignore = model->checkpoints[model->count - 1].sets[0].gitignore;
    char reference[32];
    target = number == 0 ? model->safety : model->checkpoints[number - 1];
    read_disk(model, &now);
    safety = target;
    safety.files = now;
    for (size_t i = 0; model->is_carried && i < model->safety.set_count; i++) {
        add_set(&safety, &model->safety.sets[i]);
    }
    for (size_t i = 0; i < safety.set_count; i++) {
        gitignore = gitignore || safety.sets[i].gitignore;
    }
    struct rules today = todays_rules(&now, gitignore);
    add_set(&safety, &today);
    take_out_excluded(model, &safety, excluded);
    uint64_t stay = expect(model, &now, &target, excluded, &expected);
    firn_workspace_restore_result result;
    snprintf(reference, sizeof reference, "%zu", number);
    int rc = number == 0 ? ws_try_undo(&model->world, &result)
                         : ws_try_restore(&model->world, reference, &result);
    read_disk(model, &found);
    if (rc != FIRN_OK) {
        fail_msg("%s: %s", firn_code_name(rc), model->world.err.text);
    }
    assert_files(&found, &expected);
    assert_int_equal(result.left_alone, stay);
    assert_int_equal(result.not_restored, 0);
    model->stayed += stay;
    if (result.safety_id[0] != '\0') {
        model->safety = safety;
        model->has_safety = true;
        model->is_carried = true;
    }
}

static void
delete_one(struct model *model)
{
    size_t i = below(model, model->count - 1); /* never the newest */
    firn_workspace_delete_options options = FIRN_WORKSPACE_DELETE_OPTIONS_INIT;
    char text[32];
    const char *reference = text;
    snprintf(text, sizeof text, "%zu", i + 1);
    int rc = fi_gc_delete(model->world.ws, &reference, 1, &options, NULL, NULL, &model->world.err);
    assert_int_equal(rc, model->checkpoints[i].is_deleted ? FIRN_NOT_FOUND : FIRN_OK);
    model->checkpoints[i].is_deleted = true;
}

static void
give_back_space(struct model *model)
{
    firn_workspace_gc_options options = FIRN_WORKSPACE_GC_OPTIONS_INIT;
    firn_workspace_gc_result result;
    options.full = true;
    assert_int_equal(fi_gc(model->world.ws, &options, &result, &model->world.err), FIRN_OK);
    ws_assert_check_clean(&model->world);
}

static void
restore_any(struct model *model)
{
    size_t i = below(model, model->count);
    while (model->checkpoints[i].is_deleted) {
        i++;
    }
    restore(model, i + 1);
}

static void
step(struct model *model)
{
    uint64_t what = below(model, 11);
    if (what < 5 || model->count == 0) {
        for (uint64_t edits = 1 + below(model, 4); edits > 0; edits--) {
            edit(model);
        }
    } else if (what < 7) {
        save(model, below(model, 3) == 0);
    } else if (what < 9 || !model->has_safety) {
        restore_any(model);
    } else if (what < 10) {
        restore(model, 0);
    } else if (below(model, 2) == 0 && model->count > 1) {
        delete_one(model);
    } else {
        give_back_space(model);
    }
}

static void
run(uint64_t seed, uint64_t steps, uint64_t *out_stayed, uint64_t *out_left_alone)
{
    struct model *model = calloc(1, sizeof *model);
    assert_non_null(model);
    test_random_init(&model->random, "ws_ignore_model", seed);
    ws_world_open_memory(&model->world, seed);
    edit(model);
    save(model, below(model, 3) == 0);
    for (uint64_t i = 0; i < steps; i++) {
        step(model);
    }
    ws_assert_check_clean(&model->world);
    *out_stayed += model->stayed;
    *out_left_alone += model->left_alone;
    ws_world_close(&model->world);
    free(model->checkpoints);
    free(model);
}

static void
restores_do_what_the_rules_of_both_days_say(void **state)
{
    bool is_long = getenv("FIRN_TEST_LONG") != NULL;
    uint64_t seeds = getenv("FIRN_TEST_SEED") != NULL ? 1 : is_long ? 64 : 4;
    uint64_t stayed = 0;
    uint64_t left_alone = 0;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        run(seed, is_long ? 2000 : 250, &stayed, &left_alone);
    }
    print_message("%llu stayed, %llu files left alone\n", (unsigned long long)stayed,
                  (unsigned long long)left_alone);
    /* One short seed may reach too little. */
    assert_true((seeds == 1 && !is_long) || (stayed > 10 && left_alone > 100));
}

/* ---- undo and redo ---- */

/* *state: the number of the checkpoint that is the present state. */
static int
step_of_line(struct model *model, bool forward, uint64_t *state)
{
    firn_workspace_restore_options options = FIRN_WORKSPACE_RESTORE_OPTIONS_INIT;
    firn_workspace_restore_result result;
    options.threads = 2;
    int rc = forward ? fi_ws_restore_redo(model->world.ws, &options, &result, &model->world.err)
                     : fi_ws_restore_undo(model->world.ws, &options, &result, &model->world.err);
    if (rc != FIRN_OK && rc != FIRN_NOT_FOUND) {
        fail_msg("%s: %s", firn_code_name(rc), model->world.err.text);
    }
    *state = rc == FIRN_OK ? result.checkpoint->number : *state;
    return rc;
}

/* A step that leaves alone what any rule has excluded since the last save, unless the state that it
 * leaves has it. *stays: what was left alone at any time. */
static bool
step_beside_excluded(struct model *model, bool forward, struct checkpoint *all, uint64_t *state,
                     bool stays[PATH_COUNT])
{
    const struct files *here = &model->checkpoints[*state - 1].files;
    struct files now;
    struct files then;
    bool excluded[PATH_COUNT];
    read_disk(model, &now);
    struct rules today = todays_rules(&now, false);
    add_set(all, &today);
    take_out_excluded(model, all, excluded);
    bool is_done = step_of_line(model, forward, state) == FIRN_OK;
    read_disk(model, &then);
    for (size_t i = 0; i < PATH_COUNT; i++) {
        if (excluded[i] && now.text[i][0] != '\0' && strcmp(now.text[i], here->text[i]) != 0) {
            stays[i] = true;
            if (strcmp(now.text[i], then.text[i]) != 0) {
                fail_msg("'%s' was excluded, and is '%s' instead of '%s'", PATHS[i], then.text[i],
                         now.text[i]);
            }
        }
    }
    return is_done;
}

static void
redoes_bring_back_what_undoes_took(void **state)
{
    bool is_long = getenv("FIRN_TEST_LONG") != NULL;
    uint64_t seeds = getenv("FIRN_TEST_SEED") != NULL ? 1 : is_long ? 1000 : 40;
    uint64_t undone = 0;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        struct model *model = calloc(1, sizeof *model);
        struct checkpoint *all = calloc(1, sizeof *all);
        struct files before;
        struct files after;
        assert_non_null(model);
        assert_non_null(all);
        test_random_init(&model->random, "ws_ignore_model_line", seed);
        ws_world_open_memory(&model->world, seed);
        for (uint64_t saves = 2 + below(model, 5); saves > 0; saves--) {
            for (uint64_t edits = 1 + below(model, 4); edits > 0; edits--) {
                edit(model);
            }
            save(model, false);
        }
        read_disk(model, &before);
        uint64_t state_now = model->count;
        bool stays[PATH_COUNT] = {false};
        uint64_t steps = 0;
        for (uint64_t limit = 1 + below(model, 6); steps < limit; steps++) {
            if (!step_beside_excluded(model, false, all, &state_now, stays)) {
                break;
            }
        }
        undone += steps;
        uint64_t redone = 0;
        while (step_beside_excluded(model, true, all, &state_now, stays)) {
            redone++;
        }
        read_disk(model, &after);
        bool excluded[PATH_COUNT];
        bool differs = false; /* in files that rules left alone */
        take_out_excluded(model, all, excluded);
        for (size_t i = 0; i < PATH_COUNT; i++) {
            /* An undo may have brought it, and then it stays. */
            if (stays[i] || (excluded[i] && before.text[i][0] == '\0')) {
                differs = differs || stays[i] || after.text[i][0] != '\0';
                memcpy(after.text[i], before.text[i], TEXT_SIZE);
            }
        }
        /* A state that differs from the one before in such files alone is passed over. */
        assert_true(redone == steps || (differs && redone < steps));
        assert_files(&after, &before);
        ws_assert_check_clean(&model->world);
        ws_world_close(&model->world);
        free(model->checkpoints);
        free(model);
        free(all);
    }
    print_message("%llu steps undone and redone\n", (unsigned long long)undone);
    assert_true(seeds == 1 || undone > 40);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(restores_do_what_the_rules_of_both_days_say),
        cmocka_unit_test(redoes_bring_back_what_undoes_took),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
