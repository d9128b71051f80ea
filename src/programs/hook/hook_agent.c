/* SPDX-License-Identifier: Apache-2.0
 *
 * hook/hook_agent.c: the coding agents that firn hook knows, after their documentation.
 *
 * Claude Code: .claude/settings.json; UserPromptSubmit comes before a turn, Stop after it. The
 * output of the first one becomes context, unless it is empty. Timeouts are in seconds.
 * Gemini CLI: .gemini/settings.json; BeforeAgent and AfterAgent, in the same form. The output has
 * to be JSON. Timeouts are in milliseconds.
 * Cursor: .cursor/hooks.json with a version; beforeSubmitPrompt and stop, each a list of commands.
 * The output has to be JSON, and says before a turn that it may go on.
 *
 * For all of them exit code 2 stops the turn, and any other than 0 is a warning.
 */
#include "hook/hook_internal.h"

#include <assert.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct firn_hook_agent agents[] = {
    {
        .name = "claude",
        .title = "Claude Code",
        .file = ".claude/settings.json",
        .events = {"UserPromptSubmit", "Stop"},
        .directory_variable = "CLAUDE_PROJECT_DIR",
        .answers = {"", ""},
        .timeout = 600,
        .has_groups = true,
    },
    {
        .name = "gemini",
        .title = "Gemini CLI",
        .file = ".gemini/settings.json",
        .events = {"BeforeAgent", "AfterAgent"},
        .directory_variable = "GEMINI_PROJECT_DIR",
        .answers = {"{}\n", "{}\n"},
        .timeout = 600000,
        .has_groups = true,
    },
    {
        .name = "cursor",
        .title = "Cursor",
        .file = ".cursor/hooks.json",
        .events = {"beforeSubmitPrompt", "stop"},
        .directory_variable = "CURSOR_PROJECT_DIR",
        .answers = {"{\"continue\":true}\n", "{}\n"},
        .version = 1,
    },
};

const struct firn_hook_agent *
firn_hook_agent_find(const char *name)
{
    assert(name != NULL);
    for (size_t i = 0; i < sizeof(agents) / sizeof(agents[0]); i++) {
        if (strcmp(agents[i].name, name) == 0) {
            return &agents[i];
        }
    }
    return NULL;
}

/* From 0; NULL beyond the last. */
static const struct firn_hook_agent *
agent_at(unsigned i)
{
    return i < sizeof(agents) / sizeof(agents[0]) ? &agents[i] : NULL;
}

const char *
firn_hook_agent_when_name(enum firn_hook_agent_when when)
{
    assert(when == FIRN_HOOK_AGENT_BEFORE || when == FIRN_HOOK_AGENT_AFTER);
    return when == FIRN_HOOK_AGENT_BEFORE ? "before" : "after";
}

/* ---- firn's hooks that a restore takes away ---- */

static bool
has_hooks(const char *root, const struct firn_hook_agent *agent)
{
    char path[PATH_MAX];
    char *text = NULL;
    size_t text_size = 0;
    firn_error err;
    int size = snprintf(path, sizeof(path), "%s/%s", root, agent->file);
    bool has_any = size > 0 && (size_t)size < sizeof(path) &&
                   firn_hook_file_read(path, &text, &text_size, &err) == FIRN_OK &&
                   firn_hook_settings_mention(firn_bytes(text, text_size));
    free(text);
    return has_any;
}

unsigned
firn_hook_agent_look(const char *root)
{
    unsigned found = 0;
    const struct firn_hook_agent *agent;
    for (unsigned i = 0; (agent = agent_at(i)) != NULL; i++) {
        found |= has_hooks(root, agent) ? 1U << i : 0;
    }
    return found;
}

bool
firn_hook_agent_next_lost(unsigned *lost, const char **out_path, char *out_text)
{
    const struct firn_hook_agent *agent;
    for (unsigned i = 0; (agent = agent_at(i)) != NULL; i++) {
        if ((*lost >> i & 1) != 0) {
            *lost &= ~(1U << i);
            *out_path = agent->file;
            (void)snprintf(out_text, FIRN_HOOK_AGENT_TEXT_SIZE,
                           "firn's hooks are no longer in it, so the turns of %s are not saved any "
                           "more; firn hook install %s puts them back",
                           agent->title, agent->name);
            return true;
        }
    }
    return false;
}
