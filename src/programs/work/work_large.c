/* SPDX-License-Identifier: Apache-2.0
 *
 * work/work_large.c: what made a checkpoint large.
 *
 * The checkpoint is compared with the one before it, which visits only what differs: each file that is
 * new, or has new content, counts with its size. Paths come in order, so what lies in one directory
 * of the root comes together, and its sum is known when the next one begins. The largest few of all are
 * kept; a file in a directory that is kept itself is not named beside it unless it is most of it.
 *
 * It is asked for after saves that added very much, and costs little beside them.
 */
#include "work/work.h"

#include <stdlib.h>
#include <string.h>

#include "term/term.h"

enum { KEPT = 5 };

/* A file, or a directory of the root. */
struct large {
    char *path; /* of a directory with a slash at its end */
    uint64_t bytes;
};

struct looking {
    struct large largest[KEPT]; /* the largest first; without a path: none */
    char *directory;            /* the one whose files are met, or NULL */
    size_t directory_size;
    uint64_t directory_bytes;
};

static void
keep(struct looking *looking, const char *path, size_t size, uint64_t bytes)
{
    size_t at = KEPT;
    while (at > 0 && looking->largest[at - 1].bytes < bytes) {
        at--;
    }
    char *copy = at < KEPT && bytes > 0 ? strndup(path, size) : NULL;
    if (copy == NULL) {
        return;
    }
    free(looking->largest[KEPT - 1].path);
    memmove(&looking->largest[at + 1], &looking->largest[at],
            (KEPT - 1 - at) * sizeof(struct large));
    looking->largest[at] = (struct large){copy, bytes};
}

static void
end_directory(struct looking *looking)
{
    if (looking->directory != NULL) {
        keep(looking, looking->directory, looking->directory_size, looking->directory_bytes);
        free(looking->directory);
        looking->directory = NULL;
    }
}

static int
meet(void *ctx, const firn_difference *difference)
{
    struct looking *looking = ctx;
    const firn_change *change = &difference->change;
    const firn_entry_info *after = change->after;
    if (after == NULL || after->type != FIRN_TYPE_FILE ||
        (change->before != NULL &&
         (change->what & (FIRN_CHANGED_CONTENT | FIRN_CHANGED_TYPE)) == 0)) {
        return FIRN_OK;
    }
    const char *path = (const char *)after->path.data;
    const char *slash = memchr(path, '/', after->path.size);
    size_t size = slash == NULL ? 0 : (size_t)(slash - path) + 1;
    if (looking->directory == NULL || size != looking->directory_size ||
        memcmp(looking->directory, path, size) != 0) {
        end_directory(looking);
        looking->directory = size > 0 ? strndup(path, size) : NULL;
        looking->directory_size = size;
        looking->directory_bytes = 0;
    }
    looking->directory_bytes += after->size;
    keep(looking, path, after->path.size, after->size);
    return FIRN_OK;
}

static void
look(struct looking *looking, firn_workspace *workspace, const firn_save_result *result)
{
    firn_error err;
    firn_diff_result ignored;
    firn_diff_options options = FIRN_DIFF_OPTIONS_INIT;
    options.after = result->checkpoint.id;
    options.against_previous = true;
    if (firn_workspace_diff(workspace, &options, meet, looking, &ignored, &err) != FIRN_OK) {
        end_directory(looking);
        return;
    }
    end_directory(looking);
}

/* Whether a file lies in a directory that is named before it. */
static bool
is_covered(const struct looking *looking, size_t i)
{
    for (size_t j = 0; j < i; j++) {
        const char *above = looking->largest[j].path;
        size_t size = strlen(above);
        if (above[size - 1] == '/' && strncmp(above, looking->largest[i].path, size) == 0) {
            return looking->largest[i].bytes < looking->largest[j].bytes / 2;
        }
    }
    return false;
}

static void
print_json(const struct looking *looking)
{
    firn_term_json_array("large");
    for (size_t i = 0; i < KEPT && looking->largest[i].path != NULL; i++) {
        if (!is_covered(looking, i)) {
            firn_term_json_object(NULL);
            firn_term_json_bytes("path", firn_str(looking->largest[i].path));
            firn_term_json_u64("bytes", looking->largest[i].bytes);
            firn_term_json_end();
        }
    }
    firn_term_json_end();
}

static void
print(const struct looking *looking, const firn_save_result *result)
{
    char size[FIRN_TERM_TEXT_SIZE_SIZE];
    firn_term_out_format("this save added %s; the largest that is new:\n",
                         firn_term_text_size(result->checkpoint.added_bytes, size));
    for (size_t i = 0; i < KEPT && looking->largest[i].path != NULL; i++) {
        if (!is_covered(looking, i)) {
            firn_term_out_format("%10s  ", firn_term_text_size(looking->largest[i].bytes, size));
            firn_term_path_print(firn_str(looking->largest[i].path));
            firn_term_out_text("\n");
        }
    }
    firn_term_out_text(
        "a line in .firnignore, or --max-file-size, leaves it out of the next; firn forget "
        "PATH\ntakes it out of this one; firn config save.warn-size says when this is "
        "told\n");
}

void
firn_work_large_tell(struct firn_cli *cli, firn_workspace *workspace,
                     const firn_save_result *result, bool is_large)
{
    struct looking looking = {.directory = NULL};
    if (is_large && !cli->quiet) {
        look(&looking, workspace, result);
    }
    if (cli->json) {
        print_json(&looking);
    } else if (is_large && !cli->quiet) {
        print(&looking, result);
    }
    for (size_t i = 0; i < KEPT; i++) {
        free(looking.largest[i].path);
    }
}
