/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_ignore_judge.c: what the rules in effect in a directory say of an entry of it.
 *
 * From the highest kind to the lowest, within a kind from the deepest file upwards, within a file
 * from the last line to the first: the first pattern that matches decides. If there is none, the
 * default exclusions do. All that was entered is immutable, so nothing here locks, allocates or
 * fails; one question costs as much as the patterns on the way up (ignore_glob.c bounds each).
 */
#include <stdio.h>

#include "workspace/ws_exclude.h"
#include "workspace/ws_ignore_internal.h"

enum verdict { SAYS_NOTHING, SAYS_EXCLUDED, SAYS_KEPT };

static enum verdict
ask(const struct firn_ws_ignore_view *view, const struct firn_ws_ignore_entry *entry,
    struct firn_ws_ignore_reason *out_reason)
{
    firn_slice path = entry->path;
    struct firn_ignore_pattern_entry seen = {.is_dir = entry->is_dir};
    seen.name = firn_bytes(path.data + path.size - entry->name_size, entry->name_size);
    for (size_t i = 0; i < FIRN_WS_IGNORE_KINDS; i++) {
        for (const struct firn_ws_ignore_layer *layer = view->tops[i]; layer != NULL;
             layer = layer->above) {
            size_t skipped = layer->dir_size > 0 ? layer->dir_size + 1 : 0;
            seen.path = firn_bytes(path.data + skipped, path.size - skipped);
            const struct firn_ignore_pattern *pattern = firn_ignore_file_find(layer->file, &seen);
            if (pattern != NULL) {
                *out_reason =
                    (struct firn_ws_ignore_reason){.pattern = pattern,
                                                   .dir = firn_bytes(path.data, layer->dir_size),
                                                   .kind = layer->kind,
                                                   .is_stored = layer->is_stored};
                return pattern->is_negated ? SAYS_KEPT : SAYS_EXCLUDED;
            }
        }
    }
    return SAYS_NOTHING;
}

static bool
include_deps_of(const struct firn_ws_ignore *ignore, size_t view)
{
    return view == 0 ? ignore->options.include_deps
                     : firn_ws_ignore_stored_set(ignore, view)->include_deps;
}

static bool
excludes(const struct firn_ws_ignore *ignore, const struct firn_ws_ignore_scope *scope,
         const struct firn_ws_ignore_entry *entry,
         const char *(*by_default)(const struct firn_ws_exclude_entry *entry),
         struct firn_ws_ignore_reason *out_reason)
{
    struct firn_ws_exclude_entry plain = {
        .name =
            firn_bytes(entry->path.data + entry->path.size - entry->name_size, entry->name_size),
        .is_dir = entry->is_dir,
        .is_beside_manifest = entry->is_beside_manifest};
    for (size_t i = 0; i < ignore->view_count; i++) {
        if (scope->views[i].is_as_today) {
            continue;
        }
        enum verdict verdict = ask(&scope->views[i], entry, out_reason);
        if (verdict == SAYS_EXCLUDED) {
            return true;
        }
        plain.include_deps = include_deps_of(ignore, i);
        const char *reason = verdict == SAYS_NOTHING ? by_default(&plain) : NULL;
        if (reason != NULL) {
            *out_reason = (struct firn_ws_ignore_reason){.by_default = reason};
            return true;
        }
    }
    return false;
}

bool
firn_ws_ignore_judge(const struct firn_ws_ignore *ignore, const struct firn_ws_ignore_scope *scope,
                     const struct firn_ws_ignore_entry *entry,
                     struct firn_ws_ignore_reason *out_reason)
{
    firn_slice name =
        firn_bytes(entry->path.data + entry->path.size - entry->name_size, entry->name_size);
    const char *reason = firn_ws_exclude_always(name);
    if (reason != NULL) {
        *out_reason = (struct firn_ws_ignore_reason){.by_default = reason};
        return true;
    }
    return excludes(ignore, scope, entry, firn_ws_exclude_by_name, out_reason);
}

bool
firn_ws_ignore_judge_tagged(const struct firn_ws_ignore *ignore,
                            const struct firn_ws_ignore_scope *scope,
                            const struct firn_ws_ignore_entry *entry,
                            struct firn_ws_ignore_reason *out_reason)
{
    return excludes(ignore, scope, entry, firn_ws_exclude_by_tag, out_reason);
}

void
firn_ws_ignore_judge_text(const struct firn_ws_ignore_reason *reason,
                          char out[FIRN_WS_IGNORE_TEXT_SIZE])
{
    if (reason->by_default != NULL) {
        (void)snprintf(out, FIRN_WS_IGNORE_TEXT_SIZE, "%s", reason->by_default);
        return;
    }
    const struct firn_ignore_pattern *pattern = reason->pattern;
    (void)snprintf(out, FIRN_WS_IGNORE_TEXT_SIZE, "%s%.*s%s%s:%u: %.*s",
                   reason->is_stored ? "the checkpoint's " : "",
                   (int)(reason->dir.size < 100 ? reason->dir.size : 100),
                   (const char *)reason->dir.data, reason->dir.size > 0 ? "/" : "",
                   firn_ignore_rules_name(reason->kind), (unsigned)pattern->line,
                   (int)(pattern->size < 100 ? pattern->size : 100), (const char *)pattern->text);
}
