/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_paths.c: the paths of a checkpoint that begin as a word does, for completions.
 *
 * One directory of the checkpoint is read: that of the word, which is found as paths of commands
 * are. Nothing is asked, and nothing is said about a failure: then there are no paths to offer.
 */
#include "dir/dir.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "task/task.h"

enum { OFFERED_MAX = 1000 };

struct completing {
    const char *word;
    size_t directory_size; /* of the word, with its slash */
    void (*put)(firn_slice path);
    size_t count;
};

static int
put_entry(void *ctx, const firn_workspace_entry *entry)
{
    struct completing *completing = ctx;
    char path[2 * PATH_MAX];
    const char *name = completing->word + completing->directory_size;
    size_t size = strlen(name);
    if (entry->path.size < size || memcmp(entry->path.data, name, size) != 0) {
        return FIRN_OK;
    }
    int wrote = snprintf(path, sizeof(path), "%.*s%.*s%s", (int)completing->directory_size,
                         completing->word, (int)entry->path.size, (const char *)entry->path.data,
                         entry->type == FIRN_ENTRY_DIRECTORY ? "/" : "");
    if (wrote > 0 && (size_t)wrote < sizeof(path)) {
        completing->put(firn_str(path));
        completing->count++;
    }
    return completing->count < OFFERED_MAX ? FIRN_OK : FIRN_CANCELLED;
}

struct wanted {
    firn_slice name;
    firn_hash hash;
    bool is_found;
};

static int
find_directory(void *ctx, const firn_workspace_entry *entry)
{
    struct wanted *wanted = ctx;
    if (entry->type == FIRN_ENTRY_DIRECTORY && entry->path.size == wanted->name.size &&
        memcmp(entry->path.data, wanted->name.data, wanted->name.size) == 0) {
        wanted->hash = entry->hash;
        wanted->is_found = true;
    }
    return FIRN_OK;
}

/* The directory of the checkpoint that the word's is, from the root on. Returns whether there is
 * one. */
static bool
dir_paths_walk(firn_workspace_reader *reader, firn_slice path, firn_hash *hash)
{
    while (path.size > 0) {
        const uint8_t *slash = memchr(path.data, '/', path.size);
        size_t size = slash != NULL ? (size_t)(slash - path.data) : path.size;
        struct wanted wanted = {.name = firn_bytes(path.data, size)};
        if (firn_workspace_reader_entries(reader, hash, find_directory, &wanted, NULL) != FIRN_OK ||
            !wanted.is_found) {
            return false;
        }
        *hash = wanted.hash;
        size += slash != NULL;
        path = firn_bytes(path.data + size, path.size - size);
    }
    return true;
}

/* Offers the entries of the word's directory in a checkpoint. */
static void
dir_paths_complete(const struct fi_cli *cli, firn_workspace *workspace,
                   const firn_workspace_checkpoint *checkpoint, struct completing *completing)
{
    firn_workspace_reader *reader = NULL;
    char directory[PATH_MAX] = ".";
    firn_slice base = firn_bytes(NULL, 0);
    size_t size = completing->directory_size;
    if (size >= sizeof(directory)) {
        return;
    }
    if (size > 0) {
        memcpy(directory, completing->word, size);
        directory[size] = '\0';
    }
    if (fi_task_workspace_path(cli, workspace, directory, &base) == FIRN_OK &&
        firn_workspace_reader_open(workspace, &reader, NULL) == FIRN_OK) {
        firn_hash hash = checkpoint->root;
        if (dir_paths_walk(reader, base, &hash)) {
            (void)!firn_workspace_reader_entries(reader, &hash, put_entry, completing, NULL);
        }
    }
    firn_workspace_reader_close(reader);
    free((void *)(uintptr_t)base.data);
}

bool
fi_dir_paths(struct fi_cli *cli, const char *reference, const char *word,
             void (*put)(firn_slice path))
{
    firn_workspace *workspace = NULL;
    firn_workspace_checkpoint *checkpoint = NULL;
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    const char *slash = strrchr(word, '/');
    struct completing completing = {.word = word, .put = put};
    completing.directory_size = slash != NULL ? (size_t)(slash - word) + 1 : 0;
    options.store_path = cli->store_path;
    if (firn_workspace_open(".", &options, &workspace, NULL) != FIRN_OK) {
        return false;
    }
    bool is_there = firn_workspace_find(workspace, reference, &checkpoint, NULL) == FIRN_OK;
    if (is_there) {
        dir_paths_complete(cli, workspace, checkpoint, &completing);
    }
    firn_release(checkpoint);
    firn_workspace_close(workspace);
    return is_there;
}
