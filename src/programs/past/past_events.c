/* SPDX-License-Identifier: Apache-2.0
 *
 * past/past_events.c: where names appeared, changed and went, in all checkpoints.
 *
 * The history is walked newest first, and each checkpoint compared with the one before it: the
 * library enters no directory that both have, so the cost is that of what changed. Patterns that
 * are all paths without a special character are handed to the library, which then reads only the
 * directories on the way to them. It passes over checkpoints of which the store knows that nothing
 * of such a name changed.
 *
 * A file that was removed, and another with its content that was added in the same checkpoint, are
 * one rename. For that the additions and removals of a checkpoint are held until all of it was
 * compared, up to HELD_MAX of them; if there are more, they are told as they are. Where only paths
 * are compared, no renames are found.
 */
#include "past/past.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "term/term_try.h"

enum { HELD_MAX = 1024, HELD_BYTES_MAX = 1 << 20 };

/* An event without its path, which is at `path_at` of the text. */
struct held {
    struct fi_past_event event;
    size_t path_at;
    bool is_wanted;
    bool is_told;
};

struct walk {
    const struct fi_past_events *given;
    const firn_workspace_checkpoint *checkpoint;
    const firn_workspace_checkpoint *before;
    struct held *held;
    size_t held_count;
    uint8_t *text;
    size_t text_size;
    size_t text_capacity;
    bool is_streaming; /* too many in this checkpoint to hold them */
};

/* ---- which paths ---- */

static bool
has_slash(firn_slice pattern)
{
    return pattern.size > 0 && memchr(pattern.data, '/', pattern.size) != NULL;
}

static firn_slice
name_of(firn_slice path)
{
    size_t at = path.size;
    while (at > 0 && path.data[at - 1] != '/') {
        at--;
    }
    return firn_bytes(path.data + at, path.size - at);
}

static bool
is_wanted(const struct fi_past_events *given, firn_slice path)
{
    firn_slice name = name_of(path);
    for (size_t i = 0; i < given->pattern_count; i++) {
        firn_slice pattern = given->patterns[i];
        if (fi_past_glob_matches(pattern, has_slash(pattern) ? path : name, given->ignores_case)) {
            return true;
        }
    }
    return false;
}

static bool
has_special(firn_slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (strchr("*?[\\", text.data[i]) != NULL) {
            return true;
        }
    }
    return false;
}

/* Whether each pattern is a path and nothing else. */
static bool
are_paths(const struct fi_past_events *given)
{
    for (size_t i = 0; i < given->pattern_count; i++) {
        firn_slice pattern = given->patterns[i];
        if (has_special(pattern) || !has_slash(pattern)) {
            return false;
        }
    }
    return !given->ignores_case;
}

/* Of each pattern what tells the library which checkpoints need not be compared: its last name, if
 * that has no special character, or the end "*.c" of one such as "a?*.c". False: of one there is
 * neither. text has room for the patterns and a byte of each. */
static bool
find_names(const struct fi_past_events *given, firn_slice *out, uint8_t *text)
{
    for (size_t i = 0; i < given->pattern_count; i++) {
        const firn_slice name = name_of(given->patterns[i]);
        const uint8_t *point = name.size > 0 ? memrchr(name.data, '.', name.size) : NULL;
        out[i] = name;
        const firn_slice whole = given->patterns[i];
        if (whole.size > 0 && memchr(whole.data, '[', whole.size) != NULL) {
            return false; /* a '/' in brackets begins no name */
        }
        if (name.size > 0 && !has_special(name)) {
            continue;
        }
        if (point == NULL || memchr(name.data, '\\', name.size) != NULL) {
            return false;
        }
        const size_t size = name.size - (size_t)(point - name.data);
        if (has_special(firn_bytes(point, size))) {
            return false;
        }
        text[0] = '*';
        memcpy(text + 1, point, size);
        out[i] = firn_bytes(text, size + 1);
        text += size + 1;
    }
    return !given->ignores_case;
}

/* ---- what is held of a checkpoint ---- */

static firn_slice
path_of(const struct walk *walk, size_t i)
{
    return firn_bytes(walk->text + walk->held[i].path_at, walk->held[i].event.path.size);
}

static int
tell(struct walk *walk, struct fi_past_event *event)
{
    event->checkpoint = walk->checkpoint;
    event->before = walk->before;
    return walk->given->on_event(walk->given->ctx, event);
}

/* The removed or added file that an added or removed one was or became; HELD_MAX if there is
 * none. */
static size_t
partner_of(const struct walk *walk, size_t i)
{
    const struct fi_past_event *one = &walk->held[i].event;
    bool is_move = one->kind == FIRN_CHANGE_ADDED || one->kind == FIRN_CHANGE_REMOVED;
    for (size_t k = 0; is_move && one->size_bytes > 0 && k < walk->held_count; k++) {
        const struct fi_past_event *other = &walk->held[k].event;
        if (!walk->held[k].is_told && other->kind != one->kind &&
            (other->kind == FIRN_CHANGE_ADDED || other->kind == FIRN_CHANGE_REMOVED) &&
            other->type == FIRN_ENTRY_FILE && one->type == FIRN_ENTRY_FILE &&
            other->size_bytes == one->size_bytes &&
            memcmp(&other->hash, &one->hash, sizeof one->hash) == 0) {
            return k;
        }
    }
    return HELD_MAX;
}

static int
tell_held(struct walk *walk, bool finds_renames)
{
    for (size_t i = 0; i < walk->held_count; i++) {
        struct held *held = &walk->held[i];
        if (!held->is_wanted || held->is_told) {
            continue;
        }
        struct fi_past_event event = held->event;
        size_t partner = finds_renames ? partner_of(walk, i) : HELD_MAX;
        held->is_told = true;
        event.path = path_of(walk, i);
        if (partner != HELD_MAX) {
            bool was_added = event.kind == FIRN_CHANGE_ADDED;
            walk->held[partner].is_told = true;
            event.kind = FIRN_CHANGE_RENAMED;
            event.old_path = was_added ? path_of(walk, partner) : event.path;
            event.path = was_added ? event.path : path_of(walk, partner);
        }
        FI_TRY_RETURN(tell(walk, &event));
    }
    walk->held_count = 0;
    walk->text_size = 0;
    return FIRN_OK;
}

/* Copies an event. False: there is no room. */
static bool
hold(struct walk *walk, const struct fi_past_event *event, bool wanted)
{
    size_t needed = walk->text_size + event->path.size;
    if (walk->held_count == HELD_MAX || needed > HELD_BYTES_MAX) {
        return false;
    }
    if (needed > walk->text_capacity) {
        uint8_t *text = realloc(walk->text, 2 * needed);
        if (text == NULL) {
            return false;
        }
        walk->text = text;
        walk->text_capacity = 2 * needed;
    }
    memcpy(walk->text + walk->text_size, event->path.data, event->path.size);
    walk->held[walk->held_count++] =
        (struct held){.event = *event, .path_at = walk->text_size, .is_wanted = wanted};
    walk->text_size = needed;
    return true;
}

/* ---- the walk ---- */

static int
past_events_checkpoint(void *ctx, const firn_workspace_checkpoint *checkpoint, bool *is_compared)
{
    struct walk *walk = ctx;
    (void)is_compared;
    assert(walk->held_count == 0);
    walk->checkpoint = checkpoint;
    walk->is_streaming = false;
    return FIRN_OK;
}

static int
past_events_difference(void *ctx, const firn_workspace_difference *difference)
{
    struct walk *walk = ctx;
    const firn_workspace_change *change = &difference->change;
    const firn_workspace_entry *entry = change->after != NULL ? change->after : change->before;
    if (change->kind == FIRN_CHANGE_METADATA && change->what == FIRN_CHANGED_MTIME) {
        return FIRN_OK;
    }
    bool is_move = (change->kind == FIRN_CHANGE_ADDED || change->kind == FIRN_CHANGE_REMOVED) &&
                   entry->type == FIRN_ENTRY_FILE;
    bool wanted = is_wanted(walk->given, entry->path);
    if (!wanted && (!is_move || walk->is_streaming)) {
        return FIRN_OK;
    }
    struct fi_past_event event = {.kind = change->kind,
                                  .path = entry->path,
                                  .type = entry->type,
                                  .size_bytes = entry->size_bytes,
                                  .hash = entry->hash};
    if (!walk->is_streaming && hold(walk, &event, wanted)) {
        return FIRN_OK;
    }
    walk->is_streaming = true;
    FI_TRY_RETURN(tell_held(walk, false));
    return wanted ? tell(walk, &event) : FIRN_OK;
}

static int
past_events_compared(void *ctx, const firn_workspace_diff_result *result)
{
    struct walk *walk = ctx;
    walk->before = result->before;
    return tell_held(walk, true);
}

/* The walk, with room for what is held, and for names. */
static int
walk_history(struct walk *walk, firn_slice *names, uint8_t *text, firn_error *err)
{
    const struct fi_past_events *events = walk->given;
    firn_workspace_log_options options = FIRN_WORKSPACE_LOG_OPTIONS_INIT;
    options.include_safety = events->include_safety;
    options.on_checkpoint = past_events_checkpoint;
    options.on_difference = past_events_difference;
    options.callbacks = events->callbacks;
    if (are_paths(events)) {
        options.paths = events->patterns;
        options.path_count = events->pattern_count;
    }
    if (find_names(events, names, text)) {
        options.names = names;
        options.name_count = events->pattern_count;
    }
    return firn_workspace_log(events->workspace, &options, past_events_compared, walk, err);
}

int
fi_past_events_walk(const struct fi_past_events *events, firn_error *err)
{
    size_t size = 1;
    for (size_t i = 0; i < events->pattern_count; i++) {
        size += events->patterns[i].size + 1;
    }
    struct walk walk = {.given = events, .held = malloc(HELD_MAX * sizeof(*walk.held))};
    firn_slice *names = calloc(events->pattern_count + 1, sizeof(*names));
    uint8_t *text = malloc(size);
    int code = FIRN_NO_MEMORY;
    if (walk.held == NULL || names == NULL || text == NULL) {
        *err = (firn_error){.code = FIRN_NO_MEMORY};
    } else {
        code = walk_history(&walk, names, text, err);
    }
    free(text);
    free(names);
    free(walk.held);
    free(walk.text);
    return code;
}
