/* SPDX-License-Identifier: Apache-2.0
 *
 * dir/dir_paths.c: the paths of a checkpoint that begin as a word does, for completions.
 *
 * One directory of the checkpoint is read: that of the word, which is relative to the current directory, as
 * paths of commands are. Nothing is asked, and nothing is said about a failure: then there are no paths to offer.
 */
#include "dir/dir.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

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

/* The directory of the checkpoint that the word's is, from the root on. Returns whether there is one. */
static bool
walk(firn_workspace_reader *reader, firn_slice path, firn_hash *hash)
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

/* Finds the word's directory below the root: "src/" in src is "src/src". False for a word that leaves the
 * workspace. */
static bool
find_base(const firn_workspace *workspace, const char *word, size_t directory_size,
          char out[PATH_MAX])
{
    int wrote = snprintf(out, PATH_MAX, "%s/%.*s", firn_workspace_subpath(workspace),
                         (int)directory_size, word);
    if (wrote < 0 || wrote >= PATH_MAX || word[0] == '/') {
        return false;
    }
    size_t kept = 0;
    for (char *at = out; *at != '\0';) {
        size_t size = strcspn(at, "/");
        char *next = at + size + (at[size] == '/');
        bool is_up = size == 2 && memcmp(at, "..", 2) == 0;
        if (is_up && kept == 0) {
            return false;
        }
        if (is_up) {
            const char *slash = memrchr(out, '/', kept);
            kept = slash != NULL ? (size_t)(slash - out) : 0;
        } else if (size > 0 && !(size == 1 && *at == '.')) {
            if (kept > 0) {
                out[kept++] = '/'; /* what is kept is never more than what was read */
            }
            memmove(out + kept, at, size);
            kept += size;
        }
        at = next;
    }
    out[kept] = '\0';
    return true;
}

bool
firn_dir_paths(struct firn_cli *cli, const char *reference, const char *word,
               void (*put)(firn_slice path))
{
    firn_workspace *workspace = NULL;
    firn_workspace_reader *reader = NULL;
    firn_workspace_checkpoint *checkpoint = NULL;
    firn_workspace_options options = FIRN_WORKSPACE_OPTIONS_INIT;
    const char *slash = strrchr(word, '/');
    struct completing completing = {.word = word, .put = put};
    char base[PATH_MAX];
    completing.directory_size = slash != NULL ? (size_t)(slash - word) + 1 : 0;
    options.store_path = cli->store_path;
    if (firn_workspace_open(".", &options, &workspace, NULL) != FIRN_OK) {
        return false;
    }
    bool is_there = firn_workspace_find(workspace, reference, &checkpoint, NULL) == FIRN_OK;
    if (is_there && find_base(workspace, word, completing.directory_size, base) &&
        firn_workspace_reader_open(workspace, &reader, NULL) == FIRN_OK) {
        firn_hash hash = checkpoint->root;
        if (walk(reader, firn_str(base), &hash)) {
            (void)!firn_workspace_reader_entries(reader, &hash, put_entry, &completing, NULL);
        }
    }
    firn_workspace_reader_close(reader);
    firn_release(checkpoint);
    firn_workspace_close(workspace);
    return is_there;
}
