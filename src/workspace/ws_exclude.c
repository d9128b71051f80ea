/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_exclude.c: the default exclusions, as one table.
 *
 * Four kinds of things are left out, at any depth:
 * - what version control keeps for itself. `.git` is a directory in a repository and a file in its
 *   submodules and worktrees; neither belongs into a checkpoint, since restoring either would
 *   rewrite what git believes. So these names count whatever the entry is;
 * - ".firn.repairing", which lies beside a store inside of its workspace while that is repaired, and
 *   stays if that is cut off;
 * - directories of dependencies, which a package manager brings back from its lock file;
 * - build output. `target` is an ordinary word, so a directory of that name is left out only where
 *   it is known to be build output: beside a Cargo.toml, or with a CACHEDIR.TAG in it (the
 *   convention of bford.info/cachedir by which tools mark what they can make again). The tag counts
 *   by its name alone. The last two are kept with include_deps. A link or a file that bears one of
 *   their names is always kept: it is small, and somebody made it on purpose.
 *
 * The first two are left out in any case (firn_ws_exclude_always); the others are what the rule
 * files of a workspace and include_deps can lift (ws_ignore.c).
 *
 * Names are compared byte for byte and whole: `targeting.c`, `my.git` and `.GIT` are kept.
 */
#include "workspace/ws_exclude.h"

#include "base/slice.h"

static const char VERSION_CONTROL[] = "belongs to version control";
static const char REPAIR[] = "what a repair that was cut off has left";
static const char DEPENDENCIES[] = "directory of dependencies";
static const char BUILD_OUTPUT[] = "directory of build output";

struct rule {
    const char *name;
    bool is_for_dirs; /* only a directory of that name, and not with include_deps */
    const char *reason;
};

static const struct rule RULES[] = {
    {".git", false, VERSION_CONTROL},
    {".hg", false, VERSION_CONTROL},
    {".svn", false, VERSION_CONTROL},
    {"node_modules", true, DEPENDENCIES},
    {".venv", true, DEPENDENCIES},
    {"venv", true, DEPENDENCIES},
    {"__pypackages__", true, DEPENDENCIES},
    {".tox", true, DEPENDENCIES},
    {".nox", true, DEPENDENCIES},
    {".gradle", true, DEPENDENCIES},
    {".m2", true, DEPENDENCIES},
};

static bool
is_named(firn_slice name, const char *text)
{
    return firn_slice_equal(name, firn_str(text));
}

/* Most names begin with a letter that no rule begins with. */
static bool
may_match(firn_slice name)
{
    return name.size > 0 && strchr(".nv_t", name.data[0]) != NULL;
}

static bool
is_unwanted_target(const struct firn_ws_exclude_entry *entry)
{
    return entry->is_dir && !entry->include_deps && is_named(entry->name, "target");
}

const char *
firn_ws_exclude_always(firn_slice name)
{
    struct firn_ws_exclude_entry entry = {.name = name, .include_deps = true};
    return firn_ws_exclude_by_name(&entry);
}

const char *
firn_ws_exclude_by_name(const struct firn_ws_exclude_entry *entry)
{
    if (!may_match(entry->name)) {
        return NULL;
    }
    if (is_named(entry->name, ".firn.repairing")) {
        return REPAIR;
    }
    for (size_t i = 0; i < sizeof RULES / sizeof *RULES; i++) {
        const struct rule *rule = &RULES[i];
        bool applies = !rule->is_for_dirs || (entry->is_dir && !entry->include_deps);
        if (applies && is_named(entry->name, rule->name)) {
            return rule->reason;
        }
    }
    return entry->is_beside_manifest && is_unwanted_target(entry) ? BUILD_OUTPUT : NULL;
}

const char *
firn_ws_exclude_by_tag(const struct firn_ws_exclude_entry *entry)
{
    return is_unwanted_target(entry) ? BUILD_OUTPUT : NULL;
}

bool
firn_ws_exclude_is_manifest(firn_slice name)
{
    return is_named(name, "Cargo.toml");
}

bool
firn_ws_exclude_is_tag(firn_slice name)
{
    return is_named(name, "CACHEDIR.TAG");
}
