/* SPDX-License-Identifier: Apache-2.0
 *
 * hook/hook_event.c: what an agent tells a hook on its standard input.
 *
 * A JSON object. The project's directories are taken from the agent's variable in the environment
 * and from "workspace_roots" (Cursor) or "workspaceRoots" (Cline). Only where they are missing
 * "cwd" is taken: the agent may have gone into another directory since it began, and that one must
 * not become a workspace of its own. Without any of them the current directory is meant, in which
 * Windsurf starts hooks.
 *
 * The same thing has a name of its own in each agent. All names are looked for in every event, the
 * more usual first:
 *
 *                Claude Code,  Cursor           Copilot    Cline                    Windsurf
 *                Codex, Gemini
 *  conversation  session_id    conversation_id  sessionId  taskId                   trajectory_id
 *  prompt        prompt        prompt           prompt     userPromptSubmit.prompt  tool_info.
 *                                                                                   user_prompt
 *  tool          tool_name     tool_name        toolName   postToolUse.toolName     agent_action_
 *                                                                                   name
 *
 * The plugin for OpenCode (hook_script.c) writes the names of the first column.
 *
 * A hook that fails disturbs the agent's user at every turn. So input that cannot be read is not a
 * failure: the save is made all the same, of the current directory. The input is read to its end,
 * because the agent may expect that, but only the first part of it is kept.
 */
#include "hook/hook_internal.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUT_SIZE_MAX = 32 << 20 };

/* A lone half of a surrogate pair, which a program that cuts text may leave: "\\ud83d". */
static bool
is_lone_surrogate(const char *at, size_t size, bool *out_is_pair)
{
    unsigned high;
    unsigned low;
    char hex[5] = {0};
    *out_is_pair = false;
    if (size < 6 || at[0] != '\\' || at[1] != 'u') {
        return false;
    }
    memcpy(hex, at + 2, 4);
    if (strspn(hex, "0123456789abcdefABCDEF") != 4) {
        return false;
    }
    high = (unsigned)strtoul(hex, NULL, 16);
    if (high < 0xd800 || high > 0xdfff) {
        return false;
    }
    if (high < 0xdc00 && size >= 12 && at[6] == '\\' && at[7] == 'u') {
        memcpy(hex, at + 8, 4);
        low = strspn(hex, "0123456789abcdefABCDEF") == 4 ? (unsigned)strtoul(hex, NULL, 16) : 0;
        *out_is_pair = low >= 0xdc00 && low <= 0xdfff;
    }
    return !*out_is_pair;
}

/* JSON has no text for such a half: it becomes U+FFFD. */
static void
replace_lone_surrogates(char *data, size_t size)
{
    static const char replacement[4] = {'f', 'f', 'f', 'd'};
    for (size_t i = 0; i < size; i++) {
        bool is_pair;
        if (data[i] != '\\') {
            continue;
        }
        if (is_lone_surrogate(data + i, size - i, &is_pair)) {
            memcpy(data + i + 2, replacement, sizeof(replacement));
        }
        i += is_pair ? 11 : 1; /* what is escaped begins nothing */
    }
}

/* The text of a string of JSON; NULL if it is not a string, or has a NUL. */
static const char *
text_of(const json_t *string)
{
    const char *text = json_string_value(string);
    return text != NULL && strlen(text) == json_string_length(string) ? text : NULL;
}

/* NULL if there is nothing that can be read. */
static json_t *
read_input(void)
{
    char *data = malloc(INPUT_SIZE_MAX);
    char rest[4096];
    size_t size = 0;
    if (data == NULL || isatty(STDIN_FILENO)) {
        free(data);
        return NULL;
    }
    for (;;) {
        bool has_room = size < INPUT_SIZE_MAX;
        ssize_t got = has_room ? read(STDIN_FILENO, data + size, INPUT_SIZE_MAX - size)
                               : read(STDIN_FILENO, rest, sizeof(rest));
        if (got == 0 || (got < 0 && errno != EINTR)) {
            break;
        }
        size += has_room && got > 0 ? (size_t)got : 0;
    }
    json_t *event = json_loadb(data, size, JSON_ALLOW_NUL, NULL);
    if (event == NULL) {
        replace_lone_surrogates(data, size);
        event = json_loadb(data, size, JSON_ALLOW_NUL, NULL);
    }
    free(data);
    return event;
}

/* Whether a directory is the other one, or is below it. */
static bool
is_within(const char *path, const char *other)
{
    assert(path != NULL && other != NULL);
    size_t size = strlen(other);
    while (size > 0 && other[size - 1] == '/') {
        size--;
    }
    return strncmp(path, other, size) == 0 && (path[size] == '\0' || path[size] == '/');
}

static void
add_directory(const char *path, struct fi_hook_event *out)
{
    assert(out->directory_count <= FI_HOOK_EVENT_DIRECTORIES_MAX);
    if (path == NULL || path[0] != '/' || strlen(path) >= FI_HOOK_EVENT_PATH_SIZE) {
        return;
    }
    size_t kept = 0;
    for (size_t i = 0; i < out->directory_count; i++) {
        if (is_within(path, out->directories[i])) {
            return;
        }
    }
    for (size_t i = 0; i < out->directory_count; i++) {
        if (!is_within(out->directories[i], path)) {
            memmove(out->directories[kept++], out->directories[i], FI_HOOK_EVENT_PATH_SIZE);
        }
    }
    out->directory_count = kept;
    if (kept == FI_HOOK_EVENT_DIRECTORIES_MAX) {
        out->directories_left++;
        return;
    }
    memcpy(out->directories[out->directory_count++], path, strlen(path) + 1);
}

static void
read_directories(const struct fi_hook_agent *agent, const json_t *event, struct fi_hook_event *out)
{
    static const char *const lists[] = {"workspace_roots", "workspaceRoots"};
    if (agent->directory_variable != NULL) {
        add_directory(getenv(agent->directory_variable), out);
    }
    for (size_t list = 0; list < sizeof(lists) / sizeof(lists[0]); list++) {
        const json_t *roots = json_object_get(event, lists[list]);
        for (size_t i = 0; i < json_array_size(roots); i++) {
            add_directory(text_of(json_array_get(roots, i)), out);
        }
    }
    if (out->directory_count == 0) {
        add_directory(text_of(json_object_get(event, "cwd")), out);
    }
}

/* The first of these members that is a string: of the event, or of an object in it
 * ("object.member"). NULL is after the last. */
static const json_t *
find_string(const json_t *event, const char *const *paths)
{
    for (size_t i = 0; paths[i] != NULL; i++) {
        char object[32];
        const char *dot = strchr(paths[i], '.');
        const json_t *holder = event;
        if (dot != NULL) {
            assert((size_t)(dot - paths[i]) < sizeof(object));
            (void)snprintf(object, sizeof(object), "%.*s", (int)(dot - paths[i]), paths[i]);
            holder = json_object_get(event, object);
        }
        const json_t *value = json_object_get(holder, dot != NULL ? dot + 1 : paths[i]);
        if (json_is_string(value)) {
            return value;
        }
    }
    return NULL;
}

/* The name of a tool: what fits, as whole characters. */
static void
take_tool(const char *name, struct fi_hook_event *out)
{
    static const char after[] = "post_"; /* Windsurf's names are those of the moments */
    if (name == NULL) {
        return;
    }
    name += strncmp(name, after, strlen(after)) == 0 ? strlen(after) : 0;
    size_t size = strlen(name);
    if (size >= sizeof(out->tool)) {
        for (size = sizeof(out->tool) - 1;
             size > 0 && ((unsigned char)name[size] & 0xc0) == 0x80;) {
            size--;
        }
    }
    memcpy(out->tool, name, size);
    out->tool[size] = '\0';
}

void
fi_hook_event_read(const struct fi_hook_agent *agent, struct fi_hook_event *out)
{
    static const char *const prompts[] = {"prompt", "tool_info.user_prompt",
                                          "userPromptSubmit.prompt", NULL};
    static const char *const sessions[] = {"session_id",    "conversation_id", "sessionId",
                                           "trajectory_id", "taskId",          NULL};
    static const char *const tools[] = {"tool_name", "toolName", "postToolUse.toolName",
                                        "agent_action_name", NULL};
    json_t *event = read_input();
    const char *prompt = json_string_value(find_string(event, prompts)); /* up to a NUL */
    const char *session = text_of(find_string(event, sessions));
    memset(out, 0, sizeof(*out));
    read_directories(agent, event, out);
    if (session != NULL && strlen(session) < sizeof(out->session)) {
        memcpy(out->session, session, strlen(session) + 1);
    }
    take_tool(text_of(find_string(event, tools)), out);
    out->prompt = prompt != NULL ? strdup(prompt) : NULL;
    json_decref(event);
}

void
fi_hook_event_deinit(struct fi_hook_event *event)
{
    free(event->prompt);
    event->prompt = NULL;
}
