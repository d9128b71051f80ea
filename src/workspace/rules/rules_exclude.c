/* SPDX-License-Identifier: Apache-2.0
 *
 * rules/rules_exclude.c: the default exclusions, as one table.
 *
 * Two kinds of things are left out, at any depth:
 * - directories of dependencies, which a package manager brings back from its lock file;
 * - build output. `target` is an ordinary word, so a directory of that name is left out only if
 *   it is known to be build output: beside a Cargo.toml, or with a CACHEDIR.TAG in it (the
 *   convention of bford.info/cachedir by which tools mark what they can make again). The tag counts
 *   by its name alone.
 * Both are kept with include_deps. A symbolic link with such a name stands for a directory that is
 * elsewhere, and is left out like that directory, as far as its name or its place decide: a link is
 * not followed. A file with one of these names is always kept.
 *
 * There are two versions of the list. The first left out each `venv`, `.m2` and `.gradle`. But
 * `venv` is also a package of Python's standard library, so the second list requires a pyvenv.cfg
 * in it, which each virtual environment has. And `.m2` and `.gradle` of a home directory contain
 * the user's settings. In `.m2` only the parts that can be fetched again are left out. A `.gradle`
 * with settings is kept, without the parts that can be fetched or made again; any other is left out
 * whole. Links are left out by the second list only. A checkpoint says by which version it was made
 * (rules.md): its restore does not touch what that version left out.
 *
 * The rule files of a workspace can override both. The names that no rule can include are in
 * tree_reserved.c.
 *
 * Names are compared as whole byte strings: `targeting.c` and `Node_modules` are kept.
 */
#include "rules/rules.h"

#include "base/check.h"
#include "base/slice.h"

static const char DEPENDENCIES[] = "directory of dependencies";
static const char BUILD_OUTPUT[] = "directory of build output";

static const char *const DIRS_OF_DEPENDENCIES[] = {
    "node_modules", ".venv", "__pypackages__", ".tox", ".nox",
};
/* Only in the first version. */
static const char *const DIRS_OF_FIRST[] = {"venv", ".gradle", ".m2"};
/* Left out in directories that are themselves kept. */
static const char *const DIRS_IN_M2[] = {"repository", "wrapper"};
static const char *const DIRS_IN_GRADLE[] = {"caches",        "daemon", "jdks",    "native",
                                             "notifications", ".tmp",   "workers", "wrapper"};

static bool
is_named(firn_slice name, const char *text)
{
    return fi_slice_equal(name, firn_str(text));
}

static bool
is_one_of(firn_slice name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (is_named(name, names[i])) {
            return true;
        }
    }
    return false;
}
#define IS_ONE_OF(name, names) is_one_of(name, names, sizeof(names) / sizeof *(names))

/* Whether a rule begins with the name's first letter; most names have another one. */
static bool
may_match(firn_slice name)
{
    const uint8_t first = name.size > 0 ? name.data[0] : 0;
    return first == '.' || first == 'n' || first == 'v' || first == '_' || first == 't';
}

static bool
may_be_left_out(const struct fi_rules_exclude_entry *entry)
{
    return entry->is_dir || (entry->is_link && entry->is_narrow);
}

static bool
is_unwanted_target(const struct fi_rules_exclude_entry *entry)
{
    return may_be_left_out(entry) && !entry->include_deps && is_named(entry->name, "target");
}

/* Whether the entry is a fetched part of a `.m2` or `.gradle` that is kept. */
static bool
is_fetched(const struct fi_rules_exclude_entry *entry)
{
    return (is_named(entry->parent, ".m2") && IS_ONE_OF(entry->name, DIRS_IN_M2)) ||
           (is_named(entry->parent, ".gradle") && IS_ONE_OF(entry->name, DIRS_IN_GRADLE));
}

const char *
fi_rules_exclude_by_name(const struct fi_rules_exclude_entry *entry)
{
    if (!may_be_left_out(entry) || entry->include_deps) {
        return NULL;
    }
    if (entry->is_narrow && entry->parent.size > 0 && is_fetched(entry)) {
        return DEPENDENCIES;
    }
    if (!may_match(entry->name)) {
        DCHECK(!IS_ONE_OF(entry->name, DIRS_OF_DEPENDENCIES) &&
               !IS_ONE_OF(entry->name, DIRS_OF_FIRST) && !is_unwanted_target(entry));
        return NULL;
    }
    if (IS_ONE_OF(entry->name, DIRS_OF_DEPENDENCIES) ||
        (!entry->is_narrow && IS_ONE_OF(entry->name, DIRS_OF_FIRST))) {
        return DEPENDENCIES;
    }
    return entry->is_beside_manifest && is_unwanted_target(entry) ? BUILD_OUTPUT : NULL;
}

const char *
fi_rules_exclude_by_inside(const struct fi_rules_exclude_entry *entry,
                           const struct fi_rules_exclude_inside *inside)
{
    if (!entry->is_dir || entry->include_deps) {
        return NULL;
    }
    if (inside->has_tag && is_unwanted_target(entry)) {
        DCHECK(fi_rules_exclude_depends_on_inside(entry->name));
        return BUILD_OUTPUT;
    }
    if (!entry->is_narrow) {
        return NULL;
    }
    bool is_fetched_again = (inside->has_venv && is_named(entry->name, "venv")) ||
                            (!inside->has_settings && is_named(entry->name, ".gradle"));
    DCHECK(!is_fetched_again || fi_rules_exclude_depends_on_inside(entry->name));
    return is_fetched_again ? DEPENDENCIES : NULL;
}

bool
fi_rules_exclude_depends_on_inside(firn_slice name)
{
    return is_named(name, "target") || is_named(name, "venv") || is_named(name, ".gradle");
}

void
fi_rules_exclude_see_inside(firn_slice name, bool is_dir, struct fi_rules_exclude_inside *inside)
{
    inside->has_tag = inside->has_tag || (!is_dir && is_named(name, "CACHEDIR.TAG"));
    inside->has_venv = inside->has_venv || (!is_dir && is_named(name, "pyvenv.cfg"));
    inside->has_settings =
        inside->has_settings || is_named(name, "init.d") ||
        (!is_dir && (is_named(name, "gradle.properties") || is_named(name, "init.gradle") ||
                     is_named(name, "init.gradle.kts")));
}

bool
fi_rules_exclude_is_manifest(firn_slice name)
{
    return is_named(name, "Cargo.toml");
}
