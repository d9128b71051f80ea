/* SPDX-License-Identifier: Apache-2.0
 *
 * command/command_find.c: commands by the words that name them; and for a word that names none, the
 * command that was probably meant.
 *
 * A person may type the beginning of a name that only one command has. A word with a mistake or two
 * is told the nearest name and never runs it.
 */
#include "command/command_internal.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *
fi_command_find_note(const struct fi_cli *cli, const char *word)
{
    char key[64];
    const struct fi_command *in = cli->command != NULL ? cli->command : cli->group;
    (void)snprintf(key, sizeof(key), "%s%s%.*s", in != NULL ? in->name : "", in != NULL ? " " : "",
                   word[0] == '-' ? (int)strcspn(word, "=") : (int)strlen(word), word);
    const struct fi_command_note *note = cli->program->elsewhere;
    while (note != NULL && note->name != NULL && strcmp(note->name, key) != 0) {
        note++;
    }
    return note != NULL ? note->text : NULL;
}

/* How many letters have to be changed, added or taken away to turn one word into the other; 9 if
 * that is too many to count. */
static unsigned
distance(const char *from, const char *to)
{
    enum { SIZE_MAX_COMPARED = 16, FAR = 9 };
    unsigned row[SIZE_MAX_COMPARED + 1];
    size_t to_size = strlen(to);
    if (to_size > SIZE_MAX_COMPARED || strlen(from) > SIZE_MAX_COMPARED) {
        return FAR;
    }
    for (size_t i = 0; i <= to_size; i++) {
        row[i] = (unsigned)i;
    }
    for (size_t at = 0; from[at] != '\0'; at++) {
        unsigned diagonal = row[0]++;
        for (size_t i = 0; i < to_size; i++) {
            unsigned replaced = diagonal + (from[at] != to[i]);
            unsigned added = (row[i] < row[i + 1] ? row[i] : row[i + 1]) + 1;
            diagonal = row[i + 1];
            row[i + 1] = replaced < added ? replaced : added;
        }
    }
    return row[to_size];
}

static int
compare_letters(const void *a, const void *b)
{
    return *(const char *)a - *(const char *)b;
}

static bool
has_same_letters(const char *a, const char *b)
{
    char letters[2][32];
    size_t size = strlen(a);
    if (size != strlen(b) || size > sizeof(letters[0])) {
        return false;
    }
    memcpy(letters[0], a, size);
    memcpy(letters[1], b, size);
    qsort(letters[0], size, 1, compare_letters);
    qsort(letters[1], size, 1, compare_letters);
    return memcmp(letters[0], letters[1], size) == 0;
}

/* Whether a word may be a command's name with a mistake or two, and not another word: in a short
 * name one letter, or two that changed places; the first letter is the least often wrong. */
static bool
is_typing_mistake(const char *word, const char *name, unsigned found)
{
    bool is_short = strlen(name) < 5;
    return word[0] == name[0] && (found <= 1 || !is_short || has_same_letters(word, name));
}

bool
fi_command_find_is_nearer(const char *word, const char *name, unsigned *mistakes)
{
    const unsigned found = distance(word, name);
    const bool is_nearer = found < *mistakes && is_typing_mistake(word, name, found);
    *mistakes = is_nearer ? found : *mistakes;
    return is_nearer;
}

int
fi_command_find_unknown(struct fi_cli *cli, const struct fi_command *const *commands,
                        const char *name)
{
    assert(commands[0] != NULL);
    const char *nearest = NULL;
    const char *note = fi_command_find_note(cli, name);
    if (note != NULL) {
        return fi_command_misused(cli, "unknown command '%s'; %s", name, note);
    }
    unsigned mistakes = FI_COMMAND_FIND_MISTAKES;
    char list[FIRN_ERROR_TEXT_SIZE] = "";
    size_t size = 0;
    unsigned beginnings = 0;
    const bool is_top = commands == cli->program->commands;
    for (; *commands != NULL; commands++) {
        const char *known = (*commands)->name;
        nearest = fi_command_find_is_nearer(name, known, &mistakes) ? known : nearest;
        if (is_top && name[0] != '\0' && strncmp(name, known, strlen(name)) == 0 &&
            size < sizeof(list)) {
            size += (size_t)snprintf(list + size, sizeof(list) - size, "%s%s",
                                     beginnings > 0 ? ", " : "", known);
            beginnings++;
        }
    }
    if (beginnings > 1) {
        return fi_command_misused(cli, "'%s' could be %s", name, list);
    }
    return nearest != NULL
               ? fi_command_misused(cli, "unknown command '%s'; the nearest is %s", name, nearest)
               : fi_command_misused(cli, "unknown command '%s'", name);
}

const struct fi_command *
fi_command_find(const struct fi_command *const *commands, const char *name)
{
    for (; *commands != NULL; commands++) {
        if (strcmp((*commands)->name, name) == 0) {
            return *commands;
        }
    }
    return NULL;
}

const struct fi_command *
fi_command_find_typed(const struct fi_command *const *commands, const char *word)
{
    const struct fi_command *found = fi_command_find(commands, word);
    if (found != NULL) {
        return found;
    }
    size_t size = strlen(word);
    for (; *commands != NULL; commands++) {
        if (size > 0 && strncmp((*commands)->name, word, size) == 0) {
            if (found != NULL) {
                return NULL;
            }
            found = *commands;
        }
    }
    return found;
}

const char *
fi_command_find_second_word(const char *name, const char *first)
{
    size_t size = strlen(first);
    return strncmp(name, first, size) == 0 && name[size] == ' ' ? name + size + 1 : NULL;
}

const struct fi_command *
fi_command_find_member(const struct fi_command *const *members, const char *const *words,
                       size_t count, size_t *out_used)
{
    assert(count > 0);
    *out_used = 1;
    const struct fi_command *found = fi_command_find(members, words[0]);
    for (; found == NULL && count > 1 && *members != NULL; members++) {
        const char *second = fi_command_find_second_word((*members)->name, words[0]);
        if (second != NULL && strcmp(second, words[1]) == 0) {
            *out_used = 2;
            found = *members;
        }
    }
    return found;
}
