/* SPDX-License-Identifier: Apache-2.0
 *
 * rules/rules_judge.c: what the rules in effect in a directory say of an entry of it.
 *
 * A reserved name is left out whatever they say (tree_reserved.c). Of others, from the highest kind to
 * the lowest, within a kind from the deepest file upwards, within a file from the last line to the
 * first, the first pattern that matches decides. If there is none, the
 * default exclusions do. All that was entered is immutable, so nothing here locks, allocates or
 * fails; one question costs as much as the patterns on the way up (ignore_glob.c bounds each).
 */
#include <stdio.h>

#include "base/check.h"
#include "rules/rules_exclude.h"
#include "rules/rules_internal.h"
#include "tree/tree.h"

enum verdict { SAYS_NOTHING, SAYS_EXCLUDED, SAYS_KEPT };

static enum verdict
ask(const struct firn_rules_walk_view *view, const struct firn_rules_walk_entry *entry,
    struct firn_rules_walk_reason *out_reason)
{
    firn_slice path = entry->path;
    DCHECK(entry->name_size > 0 && entry->name_size <= path.size);
    struct firn_ignore_pattern_entry seen = {.is_dir = entry->is_dir};
    seen.name = firn_bytes(path.data + path.size - entry->name_size, entry->name_size);
    for (size_t i = 0; i < FIRN_RULES_WALK_KINDS; i++) {
        for (const struct firn_rules_walk_layer *layer = view->tops[i]; layer != NULL;
             layer = layer->above) {
            size_t skipped = layer->dir_size > 0 ? layer->dir_size + 1 : 0;
            DCHECK(skipped < path.size); /* the entry lies below the rule file's directory */
            seen.path = firn_bytes(path.data + skipped, path.size - skipped);
            const struct firn_ignore_pattern *pattern = firn_ignore_file_find(layer->file, &seen);
            if (pattern != NULL) {
                *out_reason =
                    (struct firn_rules_walk_reason){.pattern = pattern,
                                                    .dir = firn_bytes(path.data, layer->dir_size),
                                                    .kind = layer->kind,
                                                    .is_stored = layer->is_stored};
                return pattern->is_negated ? SAYS_KEPT : SAYS_EXCLUDED;
            }
        }
    }
    return SAYS_NOTHING;
}

/* Of the directory that an entry lies in. */
static firn_slice
parent_of(const struct firn_rules_walk_entry *entry)
{
    size_t end = entry->path.size - entry->name_size;
    end -= end > 0 ? 1 : 0; /* the slash */
    size_t begin = end;
    while (begin > 0 && entry->path.data[begin - 1] != '/') {
        begin--;
    }
    return firn_bytes(entry->path.data + begin, end - begin);
}

static bool
is_narrow(const struct firn_rules_walk *ignore, size_t view)
{
    return view == 0 || firn_rules_walk_stored_set(ignore, view)->is_narrow;
}

static bool
include_deps_of(const struct firn_rules_walk *ignore, size_t view)
{
    return view == 0 ? ignore->options.include_deps
                     : firn_rules_walk_stored_set(ignore, view)->include_deps;
}

/* inside: NULL before it has been looked into. */
static bool
excludes(const struct firn_rules_walk *ignore, const struct firn_rules_walk_scope *scope,
         const struct firn_rules_walk_entry *entry, const struct firn_rules_exclude_inside *inside,
         struct firn_rules_walk_reason *out_reason)
{
    struct firn_rules_exclude_entry plain = {
        .name =
            firn_bytes(entry->path.data + entry->path.size - entry->name_size, entry->name_size),
        .is_dir = entry->is_dir,
        .is_beside_manifest = entry->is_beside_manifest,
        .parent = parent_of(entry)};
    DCHECK(!scope->views[0].is_as_today); /* today's are always asked */
    for (size_t i = 0; i < ignore->view_count; i++) {
        if (scope->views[i].is_as_today) {
            continue;
        }
        enum verdict verdict = ask(&scope->views[i], entry, out_reason);
        if (verdict == SAYS_EXCLUDED) {
            return true;
        }
        plain.include_deps = include_deps_of(ignore, i);
        plain.is_narrow = is_narrow(ignore, i);
        const char *reason = verdict != SAYS_NOTHING ? NULL
                             : inside == NULL        ? firn_rules_exclude_by_name(&plain)
                                                     : firn_rules_exclude_by_inside(&plain, inside);
        if (reason != NULL) {
            *out_reason = (struct firn_rules_walk_reason){.by_default = reason};
            return true;
        }
    }
    return false;
}

bool
firn_rules_judge(const struct firn_rules_walk *ignore, const struct firn_rules_walk_scope *scope,
                 const struct firn_rules_walk_entry *entry,
                 struct firn_rules_walk_reason *out_reason)
{
    firn_slice name =
        firn_bytes(entry->path.data + entry->path.size - entry->name_size, entry->name_size);
    const char *reason = firn_tree_reserved_name(name);
    if (reason != NULL) {
        *out_reason = (struct firn_rules_walk_reason){.by_default = reason};
        return true;
    }
    return excludes(ignore, scope, entry, NULL, out_reason);
}

bool
firn_rules_judge_inside(const struct firn_rules_walk *ignore,
                        const struct firn_rules_walk_scope *scope,
                        const struct firn_rules_walk_entry *entry,
                        const struct firn_rules_exclude_inside *inside,
                        struct firn_rules_walk_reason *out_reason)
{
    return excludes(ignore, scope, entry, inside, out_reason);
}

void
firn_rules_judge_text(const struct firn_rules_walk_reason *reason,
                      char out[FIRN_RULES_WALK_TEXT_SIZE])
{
    if (reason->by_default != NULL) {
        (void)snprintf(out, FIRN_RULES_WALK_TEXT_SIZE, "%s", reason->by_default);
        return;
    }
    const struct firn_ignore_pattern *pattern = reason->pattern;
    (void)snprintf(out, FIRN_RULES_WALK_TEXT_SIZE, "%s%.*s%s%s:%u: %.*s",
                   reason->is_stored ? "the checkpoint's " : "",
                   (int)(reason->dir.size < 100 ? reason->dir.size : 100),
                   (const char *)reason->dir.data, reason->dir.size > 0 ? "/" : "",
                   firn_ignore_rules_name(reason->kind), (unsigned)pattern->line,
                   (int)(pattern->size < 100 ? pattern->size : 100), (const char *)pattern->text);
}
