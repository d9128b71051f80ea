/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/rules: the table of default exclusions.
 */
#include "rules/rules.h"
#include "support/test.h"

enum { FIRST, NARROW, VERSIONS };

static const char *
reason_in(int version, const char *parent, const char *name, bool is_dir, bool is_beside_manifest,
          bool include_deps)
{
    struct fi_rules_exclude_entry entry = {
        .name = firn_str(name),
        .is_dir = is_dir,
        .is_beside_manifest = is_beside_manifest,
        .include_deps = include_deps,
        .is_narrow = version == NARROW,
        .parent = firn_str(parent),
    };
    return fi_rules_exclude_by_name(&entry);
}

static const char *
reason(int version, const char *name, bool is_dir, bool is_beside_manifest, bool include_deps)
{
    return reason_in(version, "", name, is_dir, is_beside_manifest, include_deps);
}

/* Of a directory in which these lie. */
static const char *
reason_inside(int version, const char *name, const char *const *inside, bool include_deps)
{
    struct fi_rules_exclude_entry entry = {.name = firn_str(name),
                                           .is_dir = true,
                                           .include_deps = include_deps,
                                           .is_narrow = version == NARROW};
    struct fi_rules_exclude_inside seen = {false};
    for (; *inside != NULL; inside++) {
        fi_rules_exclude_see_inside(firn_str(*inside), false, &seen);
    }
    const char *why = fi_rules_exclude_by_inside(&entry, &seen);
    assert_true(why == NULL || fi_rules_exclude_depends_on_inside(entry.name));
    return why;
}

static const char *const NOTHING[] = {NULL};
static const char *const TAG[] = {"CACHEDIR.TAG", NULL};
static const char *const VENV[] = {"bin", "pyvenv.cfg", NULL};

static void
directories_of_dependencies_are_left_out_unless_they_are_wanted(void **state)
{
    static const char *const names[] = {"node_modules", ".venv", "__pypackages__", ".tox",
                                        ".nox",         "venv",  ".gradle",        ".m2"};
    for (size_t i = 0; i < 8; i++) {
        assert_non_null(reason(FIRST, names[i], true, false, false));
        assert_int_equal(reason(NARROW, names[i], true, false, false) != NULL, i < 5);
        for (int version = 0; version < VERSIONS; version++) {
            assert_null(reason(version, names[i], true, false, true));
            assert_null(reason(version, names[i], false, false, false));
        }
        assert_null(reason_inside(FIRST, names[i], VENV, false));
    }
}

/* Those that were saved by the first version stay in its checkpoints. */
static void
links_are_left_out_like_directories(void **state)
{
    static const struct {
        const char *parent;
        const char *name;
        bool is_left_out;
    } links[] = {{"", "node_modules", true},  {"a", ".venv", true},       {"", "target", true},
                 {".m2", "repository", true}, {"a", "repository", false}, {"", "venv", false},
                 {"", "linked", false}};
    for (size_t i = 0; i < sizeof links / sizeof links[0]; i++) {
        struct fi_rules_exclude_entry entry = {.name = firn_str(links[i].name),
                                               .is_link = true,
                                               .is_beside_manifest = true,
                                               .is_narrow = true,
                                               .parent = firn_str(links[i].parent)};
        assert_int_equal(fi_rules_exclude_by_name(&entry) != NULL, links[i].is_left_out);
        entry.include_deps = true;
        assert_null(fi_rules_exclude_by_name(&entry));
        entry.include_deps = entry.is_narrow = false;
        assert_null(fi_rules_exclude_by_name(&entry));
    }
}

static void
target_needs_a_sign_that_it_is_build_output(void **state)
{
    for (int version = 0; version < VERSIONS; version++) {
        assert_non_null(reason(version, "target", true, true, false));
        assert_null(reason(version, "target", true, false, false));
        assert_null(reason(version, "target", true, true, true));
        assert_null(reason(version, "target", false, true, false));
        assert_null(reason(version, "src", true, true, false));
        assert_non_null(reason_inside(version, "target", TAG, false));
        assert_null(reason_inside(version, "target", TAG, true));
        assert_null(reason_inside(version, "target", NOTHING, false));
        assert_null(reason_inside(version, "cache", TAG, false));
    }
}

static void
venv_needs_the_file_that_each_virtual_environment_has(void **state)
{
    static const char *const package[] = {"__init__.py", "__main__.py", "scripts", NULL};
    assert_non_null(reason_inside(NARROW, "venv", VENV, false));
    assert_null(reason_inside(NARROW, "venv", VENV, true));
    assert_null(reason_inside(NARROW, "venv", package, false));
    assert_null(reason_inside(NARROW, "env", VENV, false));
}

static void
of_maven_and_gradle_only_what_is_fetched_again_is_left_out(void **state)
{
    static const char *const project[] = {"8.5", "buildOutputCleanup", NULL};
    static const char *const settings[][3] = {{"gradle.properties", "caches", NULL},
                                              {"init.gradle", NULL},
                                              {"init.gradle.kts", NULL},
                                              {"init.d", NULL}};
    assert_non_null(reason_inside(NARROW, ".gradle", project, false));
    assert_non_null(reason_inside(NARROW, ".gradle", NOTHING, false));
    assert_null(reason_inside(NARROW, ".gradle", project, true));
    for (size_t i = 0; i < 4; i++) {
        assert_null(reason_inside(NARROW, ".gradle", settings[i], false));
    }
    assert_non_null(reason_in(NARROW, ".gradle", "caches", true, false, false));
    assert_null(reason_in(NARROW, ".gradle", "init.d", true, false, false));
    assert_null(reason_in(NARROW, ".gradle", "caches", false, false, false));
    assert_null(reason_in(NARROW, "gradle", "caches", true, false, false));
    assert_non_null(reason_in(NARROW, ".m2", "repository", true, false, false));
    assert_null(reason_in(NARROW, ".m2", "repository", true, false, true));
    assert_null(reason_in(NARROW, ".m2", "settings.xml", false, false, false));
    assert_null(reason_in(NARROW, "", "repository", true, false, false));
}

static void
names_that_only_contain_a_rule_are_kept(void **state)
{
    static const char *const names[] = {"targeting.c",   "my.git", ".gitignore", ".github", ".VENV",
                                        "node_modules2", "nodes",  "venv3",      "",        "."};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        for (int version = 0; version < VERSIONS; version++) {
            assert_null(reason(version, names[i], true, true, false));
            assert_null(reason(version, names[i], false, true, false));
            assert_null(reason_inside(version, names[i], VENV, false));
        }
    }
    assert_true(fi_rules_exclude_is_manifest(firn_str("Cargo.toml")));
    assert_false(fi_rules_exclude_is_manifest(firn_str("cargo.toml")));
    struct fi_rules_exclude_inside inside = {false};
    fi_rules_exclude_see_inside(firn_str("CACHEDIR.TAGS"), false, &inside);
    fi_rules_exclude_see_inside(firn_str("CACHEDIR.TAG"), true, &inside);
    fi_rules_exclude_see_inside(firn_str("pyvenv.cfg"), true, &inside);
    fi_rules_exclude_see_inside(firn_str("gradle.properties"), true, &inside);
    assert_false(inside.has_tag || inside.has_venv || inside.has_settings);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(directories_of_dependencies_are_left_out_unless_they_are_wanted),
        cmocka_unit_test(links_are_left_out_like_directories),
        cmocka_unit_test(target_needs_a_sign_that_it_is_build_output),
        cmocka_unit_test(venv_needs_the_file_that_each_virtual_environment_has),
        cmocka_unit_test(of_maven_and_gradle_only_what_is_fetched_again_is_left_out),
        cmocka_unit_test(names_that_only_contain_a_rule_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
