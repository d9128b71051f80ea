/* SPDX-License-Identifier: Apache-2.0
 *
 * hook/hook_agent.c: the coding agents that firn hook knows, after their documentation.
 *
 * Claude Code: .claude/settings.json; UserPromptSubmit comes before a turn, Stop after it. The
 * output of the first one becomes context, unless it is empty. Timeouts are in seconds. A tool that
 * failed has an event of its own. Many versions ignore a whole file that names an
 * event which they do not know, so firn names none that is newer than 2.1 (such as StopFailure).
 * Codex: .codex/hooks.json, in the same form with the same events; an interrupted turn has an event
 * too, but only three seconds for its hooks. Qwen Code: .qwen/settings.json, in the same form with
 * the same events; timeouts are in milliseconds.
 * Gemini CLI: .gemini/settings.json; BeforeAgent and AfterAgent, in the same form. The output has
 * to be JSON. Timeouts are in milliseconds.
 * Cursor: .cursor/hooks.json with a version; beforeSubmitPrompt and stop, each a list of commands.
 * The output has to be JSON, and says before a turn that it may go on.
 * GitHub Copilot: each file in .github/hooks, with a version; userPromptSubmitted and agentStop,
 * each a list of commands for a shell that they name. Its command line and its agent in the cloud
 * read them. Windsurf: .windsurf/hooks.json; pre_user_prompt and post_cascade_response, each a list
 * of commands, started in the workspace's root. Cline: an executable file in .clinerules/hooks for
 * each event; UserPromptSubmit, and TaskComplete, TaskCancel or TaskError. The output has to be
 * JSON. Its command line has no UserPromptSubmit for the prompt that a task begins with, but
 * TaskStart, without the prompt.
 * OpenCode: each module in .opencode/plugins; chat.message comes before a turn, the event
 * session.idle after it.
 *
 * For most of them exit code 2 stops the turn, and any other than 0 is a warning. Cline's scripts
 * stop it with any but 0, so they always end with 0.
 */
#include "hook/hook_internal.h"

#include <assert.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct fi_hook_agent agents[] = {
    {
        .name = "claude",
        .title = "Claude Code",
        .file = ".claude/settings.json",
        .sign = ".claude",
        .user_sign = ".claude",
        .form = FI_HOOK_AGENT_GROUPS,
        .events = {{"UserPromptSubmit"}, {"Stop"}, {"PostToolUse", "PostToolUseFailure"}},
        .tools = "Bash|Edit|MultiEdit|Write|NotebookEdit|mcp__.*",
        .directory_variable = "CLAUDE_PROJECT_DIR",
        .answers = {"", "", ""},
        .command_key = "command",
        .timeout_key = "timeout",
        .timeout = 600,
        .has_type = true,
    },
    {
        .name = "codex",
        .title = "Codex",
        .file = ".codex/hooks.json",
        .sign = ".codex",
        .user_sign = ".codex",
        .form = FI_HOOK_AGENT_GROUPS,
        .events = {{"UserPromptSubmit"}, {"Stop"}, {"PostToolUse"}},
        .answers = {"", "", ""},
        .command_key = "command",
        .timeout_key = "timeout",
        .timeout = 600,
        .has_type = true,
        .looks_up = true,
        .wants = "trust them in Codex, with /hooks: until then it does not run them",
    },
    {
        .name = "gemini",
        .title = "Gemini CLI",
        .file = ".gemini/settings.json",
        .sign = ".gemini",
        .user_sign = ".gemini",
        .form = FI_HOOK_AGENT_GROUPS,
        .events = {{"BeforeAgent"}, {"AfterAgent"}, {"AfterTool"}},
        .tools = "write_file|replace|run_shell_command|mcp_.*",
        .directory_variable = "GEMINI_PROJECT_DIR",
        .answers = {"{}\n", "{}\n", "{}\n"},
        .command_key = "command",
        .timeout_key = "timeout",
        .timeout = 600000,
        .has_type = true,
        .wants = "trust the folder in Gemini CLI, which asks when it starts there, or with "
                 "/permissions: until then it runs no hooks of the project",
    },
    {
        .name = "cursor",
        .title = "Cursor",
        .file = ".cursor/hooks.json",
        .sign = ".cursor",
        .user_sign = ".cursor",
        .form = FI_HOOK_AGENT_COMMANDS,
        .events = {{"beforeSubmitPrompt"}, {"stop"}, {"postToolUse"}},
        .directory_variable = "CURSOR_PROJECT_DIR",
        .answers = {"{\"continue\":true}\n", "{}\n", "{}\n"},
        .command_key = "command",
        .version = 1,
    },
    {
        .name = "copilot",
        .title = "GitHub Copilot",
        .file = ".github/hooks/firn.json",
        .user_file = ".copilot/hooks/firn.json",
        .sign = ".github/copilot-instructions.md",
        .user_sign = ".copilot",
        .form = FI_HOOK_AGENT_COMMANDS,
        .events = {{"userPromptSubmitted"}, {"agentStop"}, {"postToolUse"}},
        .answers = {"", "", ""},
        .command_key = "bash",
        .timeout_key = "timeoutSec",
        .timeout = 600,
        .version = 1,
        .has_type = true,
    },
    {
        .name = "windsurf",
        .title = "Windsurf",
        .file = ".windsurf/hooks.json",
        .user_file = ".codeium/windsurf/hooks.json",
        .sign = ".windsurf",
        .user_sign = ".codeium/windsurf",
        .form = FI_HOOK_AGENT_COMMANDS,
        .events = {{"pre_user_prompt"},
                   {"post_cascade_response"},
                   {"post_write_code", "post_run_command", "post_mcp_tool_use"}},
        .answers = {"", "", ""},
        .command_key = "command",
    },
    {
        .name = "cline",
        .title = "Cline",
        .file = ".clinerules/hooks",
        .user_file = "Documents/Cline/Hooks",
        .sign = ".clinerules",
        .user_sign = "Documents/Cline",
        .form = FI_HOOK_AGENT_SCRIPTS,
        .events = {{"UserPromptSubmit", "TaskStart", "TaskResume"},
                   {"TaskComplete", "TaskCancel", "TaskError"},
                   {"PostToolUse"}},
        .answers = {"", "", ""}, /* the script answers */
    },
    {
        .name = "opencode",
        .title = "OpenCode",
        .file = ".opencode/plugins/firn.js",
        .user_file = ".config/opencode/plugins/firn.js",
        .sign = ".opencode",
        .user_sign = ".config/opencode",
        .form = FI_HOOK_AGENT_PLUGIN,
        .events = {{"chat.message"}, {"session.idle"}, {"tool.execute.after"}},
        .answers = {"", "", ""},
        .looks_up = true,
    },
    {
        .name = "qwen",
        .title = "Qwen Code",
        .file = ".qwen/settings.json",
        .sign = ".qwen",
        .user_sign = ".qwen",
        .form = FI_HOOK_AGENT_GROUPS,
        .events = {{"UserPromptSubmit"}, {"Stop"}, {"PostToolUse", "PostToolUseFailure"}},
        .directory_variable = "QWEN_PROJECT_DIR",
        .answers = {"", "", ""},
        .command_key = "command",
        .timeout_key = "timeout",
        .timeout = 600000,
        .has_type = true,
    },
};

const struct fi_hook_agent *
fi_hook_agent_find(const char *name)
{
    assert(name != NULL);
    for (size_t i = 0; i < sizeof(agents) / sizeof(agents[0]); i++) {
        if (strcmp(agents[i].name, name) == 0) {
            return &agents[i];
        }
    }
    return NULL;
}

const struct fi_hook_agent *
fi_hook_agent_at(unsigned i)
{
    return i < sizeof(agents) / sizeof(agents[0]) ? &agents[i] : NULL;
}

static const char *const when_names[FI_HOOK_AGENT_WHENS] = {"before", "after", "tool"};

const char *
fi_hook_agent_when_name(enum fi_hook_agent_when when)
{
    assert(when < FI_HOOK_AGENT_WHENS);
    return when_names[when];
}

enum fi_hook_agent_when
fi_hook_agent_when_named(const char *name)
{
    for (unsigned when = 0; when < FI_HOOK_AGENT_WHENS; when++) {
        if (strcmp(when_names[when], name) == 0) {
            return (enum fi_hook_agent_when)when;
        }
    }
    return FI_HOOK_AGENT_WHENS;
}

/* ---- firn's hooks that a restore takes away ---- */

/* Which file below the root, or the home, tells whether firn's hooks are there. */
static const char *
report_tale(const struct fi_hook_agent *agent, bool is_user, char out[PATH_MAX])
{
    bool is_directory = agent->form == FI_HOOK_AGENT_SCRIPTS;
    (void)snprintf(out, PATH_MAX, "%s%s%s",
                   is_user && agent->user_file != NULL ? agent->user_file : agent->file,
                   is_directory ? "/" : "",
                   is_directory ? agent->events[FI_HOOK_AGENT_BEFORE][0] : "");
    return out;
}

bool
fi_hook_agent_is_used(const struct fi_hook_agent *agent, const char *directory, bool is_user)
{
    char path[PATH_MAX];
    const int size =
        snprintf(path, sizeof(path), "%s/%s", directory, is_user ? agent->user_sign : agent->sign);
    return size > 0 && (size_t)size < sizeof(path) && access(path, F_OK) == 0;
}

bool
fi_hook_agent_mention(firn_slice text)
{
    static const char mark[] = "firn hook run ";
    return text.size > 0 && memmem(text.data, text.size, mark, strlen(mark)) != NULL;
}

bool
fi_hook_agent_is_in(const char *root, const struct fi_hook_agent *agent, bool is_user)
{
    char path[PATH_MAX];
    char file[PATH_MAX];
    char *text = NULL;
    size_t text_size = 0;
    firn_error err;
    int size = snprintf(path, sizeof(path), "%s/%s", root, report_tale(agent, is_user, file));
    const struct fi_hook_file_place place = {path, strlen(root) + 1, false};
    bool has_any = size > 0 && (size_t)size < sizeof(path) &&
                   fi_hook_file_read(&place, &text, &text_size, &err) == FIRN_OK &&
                   fi_hook_agent_mention(firn_bytes(text, text_size));
    free(text);
    return has_any;
}

unsigned
fi_hook_agent_inspect(const char *root)
{
    unsigned found = 0;
    const struct fi_hook_agent *agent;
    for (unsigned i = 0; (agent = fi_hook_agent_at(i)) != NULL; i++) {
        found |= fi_hook_agent_is_in(root, agent, false) ? 1U << i : 0;
    }
    return found;
}

bool
fi_hook_agent_next_lost(unsigned *lost, const char **out_path, char *out_text)
{
    const struct fi_hook_agent *agent;
    for (unsigned i = 0; (agent = fi_hook_agent_at(i)) != NULL; i++) {
        if ((*lost >> i & 1) != 0) {
            *lost &= ~(1U << i);
            *out_path = agent->file;
            (void)snprintf(out_text, FI_HOOK_AGENT_TEXT_SIZE,
                           "firn's hooks are no longer in it, so the turns of %s are not saved any "
                           "more; firn hook install %s puts them back",
                           agent->title, agent->name);
            return true;
        }
    }
    return false;
}
