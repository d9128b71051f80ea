/* SPDX-License-Identifier: Apache-2.0
 *
 * hook/hook_event.c: what an agent tells a hook on its standard input.
 *
 * A JSON object. The project's directories are taken from the agent's variable in the environment and
 * from "workspace_roots". Only where both are missing "cwd" is taken: the agent may have gone into
 * another directory since it began, and that one must not become a workspace of its own. "session_id",
 * in Cursor "conversation_id", tells turns of conversations apart that go on at the same time.
 *
 * A hook that fails disturbs the agent's user at every turn. So what cannot be read is no failure: the
 * save is made all the same, of the current directory. The input is read to its end, because the agent
 * may not expect that nobody does, but only the first part of it is kept.
 */
#include "hook/hook_internal.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUT_SIZE_MAX = 4 << 20 };

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
    json_t *event = json_loadb(data, size, 0, NULL);
    free(data);
    return event;
}

/* Whether a directory is another one, or lies below it. */
static bool
is_within(const char *path, const char *other)
{
    size_t size = strlen(other);
    while (size > 0 && other[size - 1] == '/') {
        size--;
    }
    return strncmp(path, other, size) == 0 && (path[size] == '\0' || path[size] == '/');
}

static void
add_directory(const char *path, struct firn_hook_event *out)
{
    if (path == NULL || path[0] != '/' || strlen(path) >= FIRN_HOOK_EVENT_PATH_SIZE) {
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
            memmove(out->directories[kept++], out->directories[i], FIRN_HOOK_EVENT_PATH_SIZE);
        }
    }
    out->directory_count = kept;
    if (kept == FIRN_HOOK_EVENT_DIRECTORIES_MAX) {
        out->directories_left++;
        return;
    }
    memcpy(out->directories[out->directory_count++], path, strlen(path) + 1);
}

static void
read_directories(const struct firn_hook_agent *agent, const json_t *event,
                 struct firn_hook_event *out)
{
    const json_t *roots = json_object_get(event, "workspace_roots");
    add_directory(getenv(agent->directory_variable), out);
    for (size_t i = 0; i < json_array_size(roots); i++) {
        add_directory(json_string_value(json_array_get(roots, i)), out);
    }
    if (out->directory_count == 0) {
        add_directory(json_string_value(json_object_get(event, "cwd")), out);
    }
}

void
firn_hook_event_read(const struct firn_hook_agent *agent, struct firn_hook_event *out)
{
    json_t *event = read_input();
    const char *prompt = json_string_value(json_object_get(event, "prompt"));
    const char *session = json_string_value(json_object_get(event, "session_id"));
    memset(out, 0, sizeof(*out));
    read_directories(agent, event, out);
    if (session == NULL) {
        session = json_string_value(json_object_get(event, "conversation_id"));
    }
    if (session != NULL && strlen(session) < sizeof(out->session)) {
        memcpy(out->session, session, strlen(session) + 1);
    }
    out->prompt = prompt != NULL ? strdup(prompt) : NULL;
    json_decref(event);
}

void
firn_hook_event_deinit(struct firn_hook_event *event)
{
    free(event->prompt);
    event->prompt = NULL;
}
