/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz/completion: the words of a line that is being typed, and the names in the store that it names. Byte 0 is the number of
 * words; they, and then the names, each end with a NUL.
 *
 * What is offered goes into the command line as it is. So each word of an answer has only characters that mean nothing to a shell,
 * and one with a dash at its beginning is an option with its explanation, or comes after "--".
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "command/command_internal.h"
#include "term/term.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_SIZE_MAX = 1024, WORDS_MAX = 16, ANSWER_SIZE = 1 << 16 };

static const char *names; /* until names_end */
static const char *names_end;

static void
give_names(void (*put)(firn_slice name))
{
    for (const char *at = names; at < names_end; at += strlen(at) + 1) {
        put(firn_str(at));
    }
}

static void
give_references(struct fi_cli *cli, void (*put)(firn_slice reference))
{
    (void)cli;
    give_names(put);
}

static bool
give_paths(struct fi_cli *cli, const char *reference, const char *word,
           void (*put)(firn_slice path))
{
    (void)cli;
    (void)word;
    give_names(put);
    return reference[0] != 'x';
}

static void
give_tables(const char *path, bool with_keyspaces, void (*put)(firn_slice name))
{
    (void)path;
    (void)with_keyspaces;
    give_names(put);
}

static const struct fi_command_option options[] = {
    {"delete", 'd', NULL, "delete it"}, {"to", 0, "DIR", "where"}, {"at", 0, "REF", "a checkpoint"},
    {"mode", 0, "MODE", "how"},         {NULL, 0, NULL, NULL},
};
static const struct fi_command cat = {
    .name = "cat", .summary = "a file", .arguments = "[REF] PATH...", .options = options};
static const struct fi_command restore = {.name = "restore",
                                          .summary = "a checkpoint",
                                          .arguments = "[REF] [PATH...]",
                                          .options = options};
static const struct fi_command tag = {
    .name = "tag", .summary = "a tag", .arguments = "NAME [REF]", .options = options};
static const struct fi_command config = {
    .name = "config", .summary = "a setting", .arguments = "[SETTING [VALUE]]", .options = options};
static const struct fi_command show = {
    .name = "table show", .summary = "a table", .arguments = "STORE TABLE", .options = options};
static const struct fi_command scan = {
    .name = "scan", .summary = "a keyspace", .arguments = "STORE KEYSPACE", .options = options};
static const struct fi_command *const members[] = {&scan, &show, NULL};
static const struct fi_command db = {.name = "db", .summary = "data", .members = members};
static const struct fi_command *const commands[] = {&cat, &restore, &tag, &config, &db, NULL};
static const struct fi_command_global globals[] = {
    {{"directory", 'C', "DIR", "run there"}, 0},
    {{"store", 0, "DIR", "the store"}, 0},
    {{"help", 'h', NULL, "print help"}, 0},
    {{NULL, 0, NULL, NULL}, 0},
};
static const struct fi_command_program program = {.commands = commands,
                                                  .globals = globals,
                                                  .references = give_references,
                                                  .paths = give_paths,
                                                  .tables = give_tables};

static void
check_answer(const char *text, bool has_dashes)
{
    static const char plain[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-+/";
    static const char *const kinds[] = {"files", "directories", "words", "both", "paths"};
    const char *end = strchr(text, '\n');
    if (text[0] == '\0') {
        return;
    }
    CHECK(end != NULL);
    bool is_known = false;
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        is_known = is_known || (strlen(kinds[i]) == (size_t)(end - text) &&
                                memcmp(kinds[i], text, (size_t)(end - text)) == 0);
    }
    CHECK(is_known);
    for (text = end + 1; *text != '\0'; text = end + 1) {
        end = strchr(text, '\n');
        CHECK(end != NULL && end > text);
        const size_t size = strspn(text, plain);
        CHECK(text[size] == '\t' || text[size] == '\n');
        CHECK(text[0] != '-' || has_dashes || (text[1] == '-' && text[size] == '\t'));
    }
}

static void
answer(int count, char *const *words, bool has_dashes)
{
    static FILE *file;
    static char text[ANSWER_SIZE];
    static int home = -1;
    if (file == NULL) {
        file = tmpfile();
        home = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        CHECK(file != NULL && home >= 0);
    }
    CHECK(ftruncate(fileno(file), 0) == 0 && lseek(fileno(file), 0, SEEK_SET) == 0);
    fi_term_out_divert(fileno(file));
    struct fi_cli cli = {.program = &program};
    CHECK(fi_command_completion_answer(&cli, count, words) == FI_EXIT_OK);
    fi_term_out_flush();
    fi_term_out_divert(STDOUT_FILENO);
    free(cli.directory);
    CHECK(fchdir(home) == 0);
    const ssize_t size = pread(fileno(file), text, sizeof text - 1, 0);
    CHECK(size >= 0 && size < ANSWER_SIZE - 1);
    text[size] = '\0';
    check_answer(text, has_dashes);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *words[WORDS_MAX + 1];
    int count = 0;
    bool has_dashes = false;
    if (size < 2 || size > INPUT_SIZE_MAX) {
        return 0;
    }
    char *text = malloc(size);
    CHECK(text != NULL);
    memcpy(text, data + 1, size - 1);
    text[size - 1] = '\0';
    char *at = text;
    char *const end = text + size;
    while (count < 1 + data[0] % WORDS_MAX && at < end) {
        has_dashes = has_dashes || strcmp(at, "--") == 0;
        words[count++] = at;
        at += strlen(at) + 1;
    }
    names = at < end ? at : end;
    names_end = end;
    answer(count, words, has_dashes);
    free(text);
    return 0;
}
