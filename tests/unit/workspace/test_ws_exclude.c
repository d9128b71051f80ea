/* SPDX-License-Identifier: Apache-2.0
 *
 * unit/workspace: the table of default exclusions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "workspace/ws_exclude.h"

static const char *
reason(const char *name, bool is_dir, bool is_beside_manifest, bool include_deps)
{
    struct firn_ws_exclude_entry entry = {
        .name = firn_str(name),
        .is_dir = is_dir,
        .is_beside_manifest = is_beside_manifest,
        .include_deps = include_deps,
    };
    return firn_ws_exclude_by_name(&entry);
}

static void
version_control_is_left_out_whatever_it_is_and_whatever_is_wanted(void **state)
{
    (void)state;
    static const char *const names[] = {".git", ".hg", ".svn"};
    for (size_t i = 0; i < 3; i++) {
        for (unsigned flags = 0; flags < 8; flags++) {
            assert_non_null(reason(names[i], flags & 1, flags & 2, flags & 4));
        }
    }
}

static void
directories_of_dependencies_are_left_out_unless_they_are_wanted(void **state)
{
    (void)state;
    static const char *const names[] = {"node_modules", ".venv", "venv",    "__pypackages__",
                                        ".tox",         ".nox",  ".gradle", ".m2"};
    for (size_t i = 0; i < 8; i++) {
        assert_non_null(reason(names[i], true, false, false));
        assert_null(reason(names[i], true, false, true));
        assert_null(reason(names[i], false, false, false));
        struct firn_ws_exclude_entry entry = {.name = firn_str(names[i]), .is_dir = true};
        assert_null(firn_ws_exclude_by_tag(&entry));
    }
}

static void
target_needs_a_sign_that_it_is_build_output(void **state)
{
    (void)state;
    assert_non_null(reason("target", true, true, false));
    assert_null(reason("target", true, false, false));
    assert_null(reason("target", true, true, true));
    assert_null(reason("target", false, true, false));
    assert_null(reason("src", true, true, false));
    struct firn_ws_exclude_entry entry = {.name = firn_str("target"), .is_dir = true};
    assert_non_null(firn_ws_exclude_by_tag(&entry));
    entry.include_deps = true;
    assert_null(firn_ws_exclude_by_tag(&entry));
    entry = (struct firn_ws_exclude_entry){.name = firn_str("cache"), .is_dir = true};
    assert_null(firn_ws_exclude_by_tag(&entry));
}

static void
names_that_only_contain_a_rule_are_kept(void **state)
{
    (void)state;
    static const char *const names[] = {"targeting.c",   "my.git", ".gitignore", ".github", ".GIT",
                                        "node_modules2", "nodes",  "venv3",      "",        "."};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_null(reason(names[i], true, true, false));
        assert_null(reason(names[i], false, true, false));
    }
    assert_true(firn_ws_exclude_is_manifest(firn_str("Cargo.toml")));
    assert_false(firn_ws_exclude_is_manifest(firn_str("cargo.toml")));
    assert_true(firn_ws_exclude_is_tag(firn_str("CACHEDIR.TAG")));
    assert_false(firn_ws_exclude_is_tag(firn_str("CACHEDIR.TAGS")));
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(version_control_is_left_out_whatever_it_is_and_whatever_is_wanted),
        cmocka_unit_test(directories_of_dependencies_are_left_out_unless_they_are_wanted),
        cmocka_unit_test(target_needs_a_sign_that_it_is_build_output),
        cmocka_unit_test(names_that_only_contain_a_rule_are_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
