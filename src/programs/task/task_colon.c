/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_colon.c: REF:PATH, a file of a checkpoint in one word.
 *
 * Where a command takes a checkpoint before paths, such a word stands for both. References have
 * colons themselves ("14:30", "origin/ada@laptop:project/12"), and so may names of files. So a word
 * that is a reference as a whole is one, then a word that is a file or directory on disk or in the
 * newest checkpoint; of any other the longest beginning before a colon that is a reference is one.
 * What stands after "--", or after the words that may be checkpoints, is always a path.
 *
 * The words are changed in place, before anything else reads them: the path moves to the end, and
 * counts as one that was written after "--".
 */
#include "task/task.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "term/term.h"
#include "term/term_try.h"

enum { WORDS_MAX = 2 };

struct colon {
    const char **arguments;
    int count;
    char *memory[WORDS_MAX];
    size_t memory_count;
    const char *path; /* NULL: no word was split */
};

/* Of the last command line that was changed; kept to the end of the program. */
static struct colon changed;

static bool
task_colon_is_reference(firn_workspace *workspace, const char *word)
{
    char remote[FIRN_REMOTE_NAME_SIZE_MAX + 1];
    const char *rest;
    int code = firn_workspace_find(workspace, word, NULL, NULL);
    return (code != FIRN_NOT_FOUND && code != FIRN_INVALID) ||
           fi_task_remote_is_away(workspace, word, remote, &rest);
}

/* "14:30" and the like, for which there may be no checkpoint. */
static bool
is_clock(const char *colon)
{
    size_t digits = strspn(colon + 1, "0123456789");
    const char *rest = colon + 1 + digits;
    return digits == 2 && (*rest == '\0' || *rest == ' ' || *rest == ':' ||
                           strcmp(rest, "am") == 0 || strcmp(rest, "pm") == 0);
}

/* Splits a word at the last colon before which there is a reference. *out_path is NULL if there is
 * none. Returns false when memory is out. */
static bool
split_word(firn_workspace *workspace, const char *word, char **out, const char **out_path)
{
    *out_path = NULL;
    *out = strdup(word);
    if (*out == NULL) {
        return false;
    }
    for (char *colon = strrchr(*out, ':'); colon != NULL && colon > *out;
         colon = strrchr(*out, ':')) {
        bool is_time = is_clock(word + (colon - *out));
        *colon = '\0';
        if (!is_time && task_colon_is_reference(workspace, *out)) {
            *out_path = word + strlen(*out) + 1;
            return true;
        }
    }
    free(*out);
    *out = NULL;
    return true;
}

static int
split_all(struct fi_cli *cli, firn_workspace *workspace, int from, int most)
{
    for (int i = from; i < from + most && i < cli->arguments_before_dashes; i++) {
        char *memory;
        const char *path;
        const char *word = cli->arguments[i];
        if (strchr(word, ':') == NULL || task_colon_is_reference(workspace, word) ||
            fi_task_workspace_is_path(cli, workspace, word)) {
            continue;
        }
        if (!split_word(workspace, word, &memory, &path)) {
            return fi_command_report_no_memory(cli);
        }
        if (path == NULL) {
            continue;
        }
        assert(changed.memory_count < WORDS_MAX);
        changed.memory[changed.memory_count++] = memory;
        changed.arguments[i] = memory;
        if (changed.path != NULL && strcmp(changed.path, path) != 0) {
            return fi_command_misused(
                cli, "'%s' and '%s' are two files: only one file of two checkpoints is compared",
                changed.path, path);
        }
        changed.path = path;
    }
    return FI_EXIT_OK;
}

int
fi_task_colon_split(struct fi_cli *cli, firn_workspace *workspace, int from, int most)
{
    assert(most <= WORDS_MAX);
    for (size_t i = 0; i < changed.memory_count; i++) {
        free(changed.memory[i]);
    }
    free(changed.arguments);
    changed = (struct colon){.count = cli->argument_count};
    changed.arguments = calloc((size_t)cli->argument_count + 1, sizeof(*changed.arguments));
    if (changed.arguments == NULL) {
        return fi_command_report_no_memory(cli);
    }
    for (int i = 0; i < cli->argument_count; i++) {
        changed.arguments[i] = cli->arguments[i];
    }
    int exit_code = split_all(cli, workspace, from, most);
    if (exit_code == FI_EXIT_OK && changed.path != NULL) {
        changed.arguments[changed.count] = changed.path[0] != '\0' ? changed.path : ".";
        cli->arguments_before_dashes =
            cli->arguments_before_dashes < from + most ? cli->arguments_before_dashes : from + most;
        cli->arguments = changed.arguments;
        cli->argument_count++;
    }
    return exit_code;
}
