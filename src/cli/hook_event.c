/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/hook_event.c: what an agent tells a hook on its standard input.
 *
 * A JSON object. The project's directory is taken from the agent's variable in the environment, else
 * from "workspace_roots", else from "cwd": the agent may have gone into another directory since it
 * began, and that one must not become a workspace of its own. "prompt" gives the checkpoint its
 * message: the beginning of its first line.
 *
 * A hook that fails disturbs the agent's user at every turn. So what cannot be read is no failure: the
 * save is made all the same, of the current directory. The input is read to its end, because the agent
 * may not expect that nobody does, but only the first part of it is kept.
 */
#include "cli/hook_event.h"

#include <errno.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUT_SIZE_MAX = 4 << 20, PROMPT_SIZE_MAX = 100 };

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

static bool
take_directory(const char *path, struct firn_hook_event *out)
{
    if (path == NULL || path[0] != '/' || strlen(path) >= sizeof(out->directory)) {
        return false;
    }
    memcpy(out->directory, path, strlen(path) + 1);
    return true;
}

/* The first line, not longer than is wanted, cut between characters of UTF-8. */
static size_t
head_size(const char *prompt)
{
    size_t size = strcspn(prompt, "\r\n");
    if (size > PROMPT_SIZE_MAX) {
        size = PROMPT_SIZE_MAX;
        while (size > 0 && ((unsigned char)prompt[size] & 0xC0) == 0x80) {
            size--;
        }
    }
    return size;
}

void
firn_hook_event_read(const struct firn_hook_agent *agent, enum firn_hook_agent_when when,
                     struct firn_hook_event *out)
{
    json_t *event = read_input();
    const json_t *roots = json_object_get(event, "workspace_roots");
    const char *prompt = json_string_value(json_object_get(event, "prompt"));
    memset(out, 0, sizeof(*out));
    (void)(take_directory(getenv(agent->directory_variable), out) ||
           take_directory(json_string_value(json_array_get(roots, 0)), out) ||
           take_directory(json_string_value(json_object_get(event, "cwd")), out));
    if (prompt != NULL) {
        prompt += strspn(prompt, " \t\r\n");
    }
    int size = prompt != NULL ? (int)head_size(prompt) : 0;
    (void)snprintf(out->message, sizeof(out->message), "%s %s%s%.*s",
                   firn_hook_agent_when_name(when), agent->title, size > 0 ? ": " : "", size,
                   size > 0 ? prompt : "");
    json_decref(event);
}

bool
firn_hook_event_is_too_much(const char *directory)
{
    char real[PATH_MAX];
    char home_real[PATH_MAX];
    const char *home = getenv("HOME");
    if (realpath(directory[0] != '\0' ? directory : ".", real) == NULL) {
        return false; /* it will be told what is wrong with it */
    }
    return strcmp(real, "/") == 0 ||
           (home != NULL && realpath(home, home_real) != NULL && strcmp(real, home_real) == 0);
}
