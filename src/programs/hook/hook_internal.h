/* SPDX-License-Identifier: Apache-2.0
 *
 * hook/hook_internal.h: what the files of this room share. Only files of this folder and
 * fuzz_hook.c include it.
 */
#ifndef FIRN_HOOK_HOOK_INTERNAL_H
#define FIRN_HOOK_HOOK_INTERNAL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "hook/hook.h"

/* ---- the coding agents that firn hook knows ---- */

/* The moments of a turn. */
enum fi_hook_agent_when {
    FI_HOOK_AGENT_BEFORE,
    FI_HOOK_AGENT_AFTER,
    FI_HOOK_AGENT_TOOL, /* after each tool that the agent runs; only where it is asked for */
    FI_HOOK_AGENT_WHENS
};

enum { FI_HOOK_AGENT_EVENTS_MAX = 3 };

/* How an agent is told what to run. */
enum fi_hook_agent_form {
    FI_HOOK_AGENT_GROUPS,   /* JSON: an event has groups of hooks */
    FI_HOOK_AGENT_COMMANDS, /* JSON: an event has hooks */
    FI_HOOK_AGENT_SCRIPTS,  /* a directory with one script for each event, of its name */
    FI_HOOK_AGENT_PLUGIN    /* a module in JavaScript */
};

struct fi_hook_agent {
    const char *name;      /* as typed: "claude" */
    const char *title;     /* as people call it: "Claude Code" */
    const char *file;      /* of hooks, below the project's directory; of scripts the directory */
    const char *user_file; /* below the home; NULL: as in a project */
    /* What shows that it is used in a project, and by this user, below the home. */
    const char *sign;
    const char *user_sign;
    /* Of each moment, in any number; NULL after the last. Of no moment two the same. */
    const char *events[FI_HOOK_AGENT_WHENS][FI_HOOK_AGENT_EVENTS_MAX];
    const char *tools; /* which tools change files, as the agent matches names; NULL: all */
    const char *directory_variable;           /* in the environment of its hooks; NULL: none */
    const char *answers[FI_HOOK_AGENT_WHENS]; /* output that lets the turn continue */
    const char *command_key;                  /* the member of a hook that is the command */
    const char *timeout_key;                  /* NULL: it is left to the agent */
    long timeout;                             /* in the agent's unit, for ten minutes */
    long version; /* the member "version" that the file has to have; 0: none */
    enum fi_hook_agent_form form;
    bool has_type; /* a hook has "type": "command" */
    bool looks_up; /* in a repository it also reads settings above the directory of its start */
    /* what its user has to do before it runs hooks of a project; NULL: nothing */
    const char *wants;
};

/* ---- whether the hooks will run; hook_status.c ---- */

/* Prints what is still to be done after an installation: one line each, on standard output.
 * directory is that of the project; NULL: the hooks are those of the home, or in a file that the
 * user named. root is that of the workspace, if it is above the directory; else NULL. */
void fi_hook_status_report_rest(const struct fi_hook_agent *agent, const char *directory,
                                const char *root);
extern const struct fi_command fi_hook_status;

/* By name; NULL if there is none. */
const struct fi_hook_agent *fi_hook_agent_find(const char *name);
/* From 0; NULL beyond the last. */
const struct fi_hook_agent *fi_hook_agent_at(unsigned i);
/* Whether a directory has traces of an agent: a project's, or (is_user) the home. */
bool fi_hook_agent_is_used(const struct fi_hook_agent *agent, const char *directory, bool is_user);
/* Whether a command of firn's hooks is anywhere in the text of settings. */
bool fi_hook_agent_mention(firn_slice text);
/* Whether firn's hooks are in the settings of an agent: below the root of a project, or (is_user)
 * the home. */
bool fi_hook_agent_is_in(const char *root, const struct fi_hook_agent *agent, bool is_user);

/* "before", "after" or "tool"; and the moment of such a name, FI_HOOK_AGENT_WHENS for any
 * other. */
const char *fi_hook_agent_when_name(enum fi_hook_agent_when when);
enum fi_hook_agent_when fi_hook_agent_when_named(const char *name);

/* ---- a small file that is read whole, and replaced whole ---- */

enum { FI_HOOK_FILE_SIZE_MAX = 16 << 20 };

/* Where a file is. What comes after the base is reached without following links; all fail with
 * FIRN_INVALID and the os_errno ELOOP if there is one, as if it is no regular file. */
struct fi_hook_file_place {
    const char *path;
    size_t base_size; /* so many bytes of it are a directory that the user chose */
    bool is_chosen;   /* the user gave the path: only its last directory is made */
};

/* The content, to be freed; of a file that is not there NULL with size 0. FIRN_LIMIT for one that
 * is larger than FI_HOOK_FILE_SIZE_MAX. */
FIRN_MUST_CHECK int fi_hook_file_read(const struct fi_hook_file_place *place, char **out,
                                      size_t *out_size, firn_error *err);
/* Replaces or creates a file, and creates its directories if necessary: readers see the old or the
 * new content, also after a power cut. The mode is kept. */
FIRN_MUST_CHECK int fi_hook_file_replace(const struct fi_hook_file_place *place, const char *text,
                                         firn_error *err);
/* The same, and the file may be executed by all who may read it. */
FIRN_MUST_CHECK int fi_hook_file_replace_script(const struct fi_hook_file_place *place,
                                                const char *text, firn_error *err);
/* Removes a file; a file that has other names gets `text` as its content instead. *out_removed
 * reports which. */
FIRN_MUST_CHECK int fi_hook_file_remove(const struct fi_hook_file_place *place, const char *text,
                                        bool *out_removed, firn_error *err);

/* What is to be installed. */
struct fi_hook_agent_wish {
    const struct fi_hook_agent *agent;
    const char *command; /* "firn hook run claude" */
    const char *options; /* after the moment: "" or " --store '/s'" */
    bool has_tools;      /* hooks after each tool, too */
};

/* ---- what an agent tells a hook on its standard input; hook_event.c ---- */

enum { FI_HOOK_EVENT_PATH_SIZE = 4096, FI_HOOK_EVENT_DIRECTORIES_MAX = 16 };

struct fi_hook_event {
    /* Of the project, each once, none below an earlier one. None: the current one. */
    char directories[FI_HOOK_EVENT_DIRECTORIES_MAX][FI_HOOK_EVENT_PATH_SIZE];
    size_t directory_count;
    size_t directories_left; /* that there was no room for */
    char session[256];       /* the agent's name for the conversation, or "" */
    char tool[128];          /* that ran, or "" */
    char *prompt;            /* or NULL */
};

/* Reads standard input to its end, unless it is a terminal. An event that cannot be used is treated
 * as if it were not there. */
void fi_hook_event_read(const struct fi_hook_agent *agent, struct fi_hook_event *out);
void fi_hook_event_deinit(struct fi_hook_event *event);

/* ---- hooks that are files of firn's own; hook_script.c ---- */

enum { FI_HOOK_SCRIPTS_MAX = FI_HOOK_AGENT_WHENS * FI_HOOK_AGENT_EVENTS_MAX };

struct fi_hook_script {
    char *path;
    char *text;     /* NULL: no such file is wanted */
    bool is_script; /* may be executed */
};

struct fi_hook_script_list {
    struct fi_hook_script scripts[FI_HOOK_SCRIPTS_MAX];
    size_t count;
    size_t base_size; /* of all their paths */
};

/* The files of an agent, whose file has this place. FIRN_INVALID if the options cannot be
 * written. */
FIRN_MUST_CHECK int fi_hook_script_list_make(const struct fi_hook_agent_wish *wish,
                                             const struct fi_hook_file_place *place,
                                             struct fi_hook_script_list *out, firn_error *err);
void fi_hook_script_list_deinit(struct fi_hook_script_list *list);
/* Writes those that are wanted, deletes others. FIRN_INVALID, with nothing changed, if a file at
 * one of the paths is not firn's. */
FIRN_MUST_CHECK int fi_hook_script_list_install(const struct fi_hook_script_list *list,
                                                bool *out_changed, firn_error *err);
/* Deletes those that are firn's. */
FIRN_MUST_CHECK int fi_hook_script_list_remove(const struct fi_hook_script_list *list,
                                               bool *out_changed, firn_error *err);

/* ---- firn's hooks in an agent's settings, which are JSON that others wrote ---- */

/* Sets an error of that code; returns the code. */
int fi_hook_settings_fail(firn_error *err, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Parses settings; a blank text is an empty object. FIRN_INVALID, with line and column, if it is
 * not a JSON object or could not be written again unchanged. Free it with json_decref. `name` is
 * the file's, for the message. */
FIRN_MUST_CHECK int fi_hook_settings_read(firn_slice text, const char *name, json_t **out,
                                          firn_error *err);

/* Settings after a change. */
struct fi_hook_settings_changed {
    json_t *settings;
    char *text; /* each byte that is not about the change as it was */
    bool has_changed;
};

/* Reads settings, as above, lets `change` change them, and writes them. Fails as reading and
 * `change` do; *out is then empty. */
FIRN_MUST_CHECK int
fi_hook_settings_change(firn_slice text, const char *name,
                        int (*change)(void *ctx, json_t *settings, firn_error *err), void *ctx,
                        struct fi_hook_settings_changed *out, firn_error *err);
void fi_hook_settings_changed_deinit(struct fi_hook_settings_changed *changed);

/* Adds firn's hooks to settings, for agents of the first two forms. They replace existing hooks of
 * firn. FIRN_INVALID, with nothing changed, if a list has another type. */
FIRN_MUST_CHECK int
fi_hook_settings_install(json_t *settings, const struct fi_hook_agent_wish *wish, firn_error *err);
/* Takes firn's hooks out, and the lists that only they were in. */
FIRN_MUST_CHECK int fi_hook_settings_remove(json_t *settings, const struct fi_hook_agent *agent,
                                            firn_error *err);
/* Whether nothing is left in settings but what installing puts around the hooks. */
bool fi_hook_settings_say_nothing(const json_t *settings, const struct fi_hook_agent *agent);

/* ---- changing a JSON document without reformatting it ---- */

struct fi_hook_json;

/* Notes where each value of a document stands in its text. `root` is what jansson made of the text,
 * which it accepted, from `start` on, with JSON_REJECT_DUPLICATES; what stands before `start` is
 * kept. The text is borrowed until the edit ends. NULL if there is no memory. */
struct fi_hook_json *fi_hook_json_begin(const char *text, size_t size, size_t start, json_t *root);

/* The text of the document as `root` is now, to be freed. Values that are still the same json_t
 * stand as they stood: spaces, escapes and the spelling of numbers included. Members and elements
 * may have been removed, replaced, and appended; these are written in the style of their
 * neighbours. NULL if there is no memory. */
char *fi_hook_json_text(const struct fi_hook_json *edit);

/* May be NULL. */
void fi_hook_json_end(struct fi_hook_json *edit);

#endif
