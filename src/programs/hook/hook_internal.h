/* SPDX-License-Identifier: Apache-2.0
 *
 * hook/hook_internal.h: what the files of this room share. Only files of this folder and fuzz_hook.c
 * include it.
 */
#ifndef FIRN_HOOK_HOOK_INTERNAL_H
#define FIRN_HOOK_HOOK_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "hook/hook.h"

/* ---- the coding agents that firn hook knows ---- */

/* The two moments of a turn. */
enum firn_hook_agent_when { FIRN_HOOK_AGENT_BEFORE, FIRN_HOOK_AGENT_AFTER };

struct firn_hook_agent {
    const char *name;               /* as typed: "claude" */
    const char *title;              /* as people call it: "Claude Code" */
    const char *file;               /* of settings, below the project's directory or the home */
    const char *events[2];          /* by enum firn_hook_agent_when */
    const char *directory_variable; /* in the environment of its hooks */
    const char *answers[2];         /* output that lets the turn continue */
    long timeout;    /* in the agent's unit, for ten minutes; 0: it is left to the agent */
    long version;    /* the member "version" that the file has to have; 0: none */
    bool has_groups; /* an event has groups of hooks, not hooks */
};

/* By name; NULL if there is none. */
const struct firn_hook_agent *firn_hook_agent_find(const char *name);

/* "before" or "after". */
const char *firn_hook_agent_when_name(enum firn_hook_agent_when when);

/* ---- a small file that is read whole, and replaced whole ---- */

enum { FIRN_HOOK_FILE_SIZE_MAX = 16 << 20 };

/* The content, to be freed; of a file that is not there NULL with size 0. FIRN_LIMIT for one that is
 * larger than FIRN_HOOK_FILE_SIZE_MAX. */
FIRN_MUST_CHECK int firn_hook_file_read(const char *path, char **out, size_t *out_size,
                                        firn_error *err);
/* Replaces or creates a file, and creates its directory if necessary: readers see the old or the
 * new content, also after a power cut. The mode is kept. For a symbolic link the file that it
 * points to is replaced. */
FIRN_MUST_CHECK int firn_hook_file_replace(const char *path, const char *text, firn_error *err);
/* Removes a file; a file that is not regular, or has other names, gets `text` as its content
 * instead. *out_removed reports which. */
FIRN_MUST_CHECK int firn_hook_file_remove(const char *path, const char *text, bool *out_removed,
                                          firn_error *err);

/* ---- firn's hooks in an agent's settings, which are JSON that others wrote ---- */

/* Parses settings; a blank text is an empty object. FIRN_INVALID, with line and column, if it is
 * not a JSON object or could not be written again unchanged. Free it with json_decref. `name` is
 * the file's, for the message. */
FIRN_MUST_CHECK int firn_hook_settings_read(firn_slice text, const char *name, json_t **out,
                                            firn_error *err);

/* Settings after a change. */
struct firn_hook_settings_changed {
    json_t *settings;
    char *text; /* each byte that is not about the change as it was */
    bool has_changed;
};

/* Reads settings, as above, lets `change` change them, and writes them. Fails as reading and `change`
 * do; *out is then empty. */
FIRN_MUST_CHECK int
firn_hook_settings_change(firn_slice text, const char *name,
                          int (*change)(void *ctx, json_t *settings, firn_error *err), void *ctx,
                          struct firn_hook_settings_changed *out, firn_error *err);
void firn_hook_settings_changed_deinit(struct firn_hook_settings_changed *changed);

/* Adds firn's hooks to settings; the command of each is `command`, then "before" or "after", then
 * `options`. They replace existing hooks of firn. FIRN_INVALID, with nothing changed, if a list has
 * another type. */
FIRN_MUST_CHECK int firn_hook_settings_install(json_t *settings,
                                               const struct firn_hook_agent *agent,
                                               const char *command, const char *options,
                                               firn_error *err);
/* Takes firn's hooks out, and the lists that only they were in. */
FIRN_MUST_CHECK int firn_hook_settings_remove(json_t *settings, const struct firn_hook_agent *agent,
                                              firn_error *err);
/* Whether a command of firn's hooks is anywhere in the text of settings. */
bool firn_hook_settings_mention(firn_slice text);
/* Whether nothing is left in settings but what installing puts around the hooks. */
bool firn_hook_settings_say_nothing(const json_t *settings, const struct firn_hook_agent *agent);

/* ---- changing a JSON document without reformatting it ---- */

struct firn_hook_json;

/* Notes where each value of a document stands in its text. `root` is what jansson made of the text,
 * which it accepted, from `start` on, with JSON_REJECT_DUPLICATES; what stands before `start` is kept.
 * The text is borrowed until the edit ends. NULL if there is no memory. */
struct firn_hook_json *firn_hook_json_begin(const char *text, size_t size, size_t start,
                                            json_t *root);

/* The text of the document as `root` is now, to be freed. Values that are still the same json_t stand
 * as they stood: spaces, escapes and the spelling of numbers included. Members and elements may have
 * been removed, replaced, and appended; these are written in the style of their neighbours. NULL if
 * there is no memory. */
char *firn_hook_json_text(const struct firn_hook_json *edit);

/* May be NULL. */
void firn_hook_json_end(struct firn_hook_json *edit);

#endif
