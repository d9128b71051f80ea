/* SPDX-License-Identifier: Apache-2.0
 *
 * hook/hook_agent.c: the coding agents that firn hook knows, after their documentation.
 *
 * Claude Code: .claude/settings.json; UserPromptSubmit comes before a turn, Stop after it. What the
 * first one prints becomes context, unless it is nothing. Timeouts are in seconds.
 * Gemini CLI: .gemini/settings.json; BeforeAgent and AfterAgent, in the same form. What is printed
 * has to be JSON. Timeouts are in milliseconds.
 * Cursor: .cursor/hooks.json with a version; beforeSubmitPrompt and stop, each a list of commands.
 * What is printed has to be JSON, and says before a turn that it may go on.
 *
 * For all of them exit code 2 stops the turn, and any other than 0 is a warning.
 */
#include "hook/hook_internal.h"

#include <stddef.h>
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
    for (size_t i = 0; i < sizeof(agents) / sizeof(agents[0]); i++) {
        if (strcmp(agents[i].name, name) == 0) {
            return &agents[i];
        }
    }
    return NULL;
}

const struct firn_hook_agent *
firn_hook_agent_at(unsigned i)
{
    return i < sizeof(agents) / sizeof(agents[0]) ? &agents[i] : NULL;
}

const char *
firn_hook_agent_when_name(enum firn_hook_agent_when when)
{
    return when == FIRN_HOOK_AGENT_BEFORE ? "before" : "after";
}
