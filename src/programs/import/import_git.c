/* SPDX-License-Identifier: Apache-2.0
 *
 * import/import_git.c: firn import git: the first-parent history of a repository as checkpoints.
 *
 * The program git lists the commits and returns objects (cat-file --batch), which are parsed here.
 * Two commits are compared by their trees; subtrees with equal hashes are skipped, and differences
 * are applied to the tree on disk. So the cost of a commit is that of its changes, and of the
 * save's walk.
 *
 * Files and directories get the time of the commit that changed them last. A second run begins with
 * the state of the last checkpoint, so two runs give the same result as one.
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "import/import_internal.h"
#include "term/term.h"

enum {
    HEX_SIZE_MAX = 64,
    OBJECT_SIZE_MAX = 256 << 20, /* of commits and trees */
    MESSAGE_SIZE_MAX = 64 << 10,
    COMMITS_MAX = 8 << 20,
    DEPTH_MAX = 512,
    CHUNK = 64 << 10,
    MODE_TREE = 040000,
    MODE_LINK = 0120000,
    MODE_MODULE = 0160000
};

struct hex {
    char text[HEX_SIZE_MAX + 1];
};

struct item {
    unsigned mode;
    firn_slice name;
    const uint8_t *hash;
};

struct listing {
    uint8_t *data;
    struct item *items; /* by name */
    size_t count;
};

struct git {
    struct firn_import_target *target;
    struct firn_import_tree tree;
    struct firn_import_process process;
    struct hex *commits;
    size_t count;
    size_t hash_size;
    int64_t time_ns; /* of the commit */
    firn_slice message;
    char path[PATH_MAX * 4];
};

/* ---- objects ---- */

static int
ask(struct git *git, const char *name, const char *type, uint64_t *out_size, firn_error *err)
{
    assert(git->process.in >= 0);
    char line[HEX_SIZE_MAX + 64];
    char question[HEX_SIZE_MAX + 2];
    char given[16];
    unsigned long long size = 0;
    bool is_end;
    (void)snprintf(question, sizeof(question), "%s\n", name);
    int code = firn_import_process_ask(&git->process, question, err);
    if (code == FIRN_OK) {
        code = firn_import_process_line(&git->process, line, sizeof(line), &is_end, err);
    }
    if (code == FIRN_OK && (strncmp(line, name, strlen(name)) != 0 ||
                            sscanf(line + strlen(name), " %15s %llu", given, &size) != 2 ||
                            strcmp(given, type) != 0)) {
        code = firn_import_tree_error(
            err, strstr(line, " missing") != NULL ? FIRN_NOT_FOUND : FIRN_CORRUPT,
            "git has no %s %s", type, name);
    }
    *out_size = size;
    return code;
}

static int
read_object(struct git *git, const char *name, const char *type, uint8_t **out, size_t *out_size,
            firn_error *err)
{
    uint64_t size = 0;
    *out = NULL;
    int code = ask(git, name, type, &size, err);
    if (code == FIRN_OK && size > OBJECT_SIZE_MAX) {
        code = firn_import_tree_error(err, FIRN_LIMIT, "the %s %s is too large", type, name);
    }
    if (code == FIRN_OK && (*out = malloc((size_t)size + 1)) == NULL) {
        (void)firn_import_tree_error(err, FIRN_NO_MEMORY, "out of memory");
        return FIRN_NO_MEMORY;
    }
    if (code == FIRN_OK) {
        code = firn_import_process_take(&git->process, *out, (size_t)size + 1, err);
        *out_size = (size_t)size;
        (*out)[size] = '\0';
    }
    return code;
}

static struct hex
hex_of(const struct git *git, const uint8_t *hash)
{
    assert(git->hash_size > 0 && 2 * git->hash_size <= HEX_SIZE_MAX);
    struct hex hex;
    for (size_t i = 0; i < git->hash_size; i++) {
        (void)snprintf(hex.text + 2 * i, 3, "%02x", hash[i]);
    }
    return hex;
}

static int
compare_items(const void *a, const void *b)
{
    const struct item *x = a;
    const struct item *y = b;
    size_t common = x->name.size < y->name.size ? x->name.size : y->name.size;
    int order = memcmp(x->name.data, y->name.data, common);
    return order != 0 ? order : (x->name.size > y->name.size) - (x->name.size < y->name.size);
}

/* Reads a tree: "100644 name\0<hash>" again and again. hash NULL: an empty one. */
static int
list(struct git *git, const uint8_t *hash, struct listing *out, firn_error *err)
{
    size_t size = 0;
    size_t capacity = 0;
    *out = (struct listing){.data = NULL};
    int code = hash == NULL
                   ? FIRN_OK
                   : read_object(git, hex_of(git, hash).text, "tree", &out->data, &size, err);
    for (size_t at = 0; at < size && code == FIRN_OK;) {
        struct item item = {.mode = 0};
        for (; at < size && out->data[at] >= '0' && out->data[at] <= '7' && item.mode < 1U << 20;
             at++) {
            item.mode = item.mode * 8 + (unsigned)(out->data[at] - '0');
        }
        const uint8_t *end = at < size ? memchr(out->data + at, '\0', size - at) : NULL;
        if (end == NULL || out->data[at] != ' ' ||
            size - (size_t)(end + 1 - out->data) < git->hash_size) {
            return firn_import_tree_error(err, FIRN_CORRUPT, "the tree %s is damaged",
                                          hex_of(git, hash).text);
        }
        item.name = firn_bytes(out->data + at + 1, (size_t)(end - out->data) - at - 1);
        item.hash = end + 1;
        at = (size_t)(end + 1 - out->data) + git->hash_size;
        if (out->count == capacity) {
            capacity = capacity == 0 ? 64 : 2 * capacity;
            struct item *grown = realloc(out->items, capacity * sizeof(item));
            if (grown == NULL) {
                return firn_import_tree_error(err, FIRN_NO_MEMORY, "out of memory");
            }
            out->items = grown;
        }
        out->items[out->count++] = item;
    }
    if (out->count > 0) {
        qsort(out->items, out->count, sizeof(out->items[0]), compare_items);
    }
    return code;
}

/* ---- making one tree of another ---- */

static int
put_blob(struct git *git, firn_slice path, const struct item *item, firn_error *err)
{
    assert(item->mode != MODE_TREE && item->mode != MODE_MODULE);
    const struct firn_import_attributes attributes = {
        .mode = (item->mode & 0100) != 0 ? 0755 : 0644, .mtime_ns = git->time_ns};
    uint8_t chunk[CHUNK];
    uint64_t size = 0;
    int fd = -1;
    int code = ask(git, hex_of(git, item->hash).text, "blob", &size, err);
    if (code != FIRN_OK) {
        return code;
    }
    bool is_link = (item->mode & MODE_MODULE) == MODE_LINK;
    firn_error made;
    int make = is_link ? FIRN_OK : firn_import_tree_file(&git->tree, path, &fd, &made);
    size_t kept = 0;
    for (uint64_t left = size + 1; left > 0 && code == FIRN_OK;) {
        size_t part = left < CHUNK ? (size_t)left : CHUNK;
        code = firn_import_process_take(&git->process, chunk, part, err);
        kept = size < CHUNK ? (size_t)size : CHUNK;
        left -= part;
        size_t data = left == 0 ? part - 1 : part; /* a newline follows */
        for (size_t done = 0; fd >= 0 && make == FIRN_OK && code == FIRN_OK && done < data;) {
            ssize_t written = write(fd, chunk + done, data - done);
            if (written < 0 && errno != EINTR) {
                make = firn_import_tree_fail(&made, "write", path);
            }
            done += written > 0 ? (size_t)written : 0;
        }
    }
    if (code == FIRN_OK && is_link) {
        return firn_import_tree_symlink(&git->tree, path, firn_bytes(chunk, kept), &attributes,
                                        err);
    }
    if (code == FIRN_OK && make == FIRN_OK) {
        return firn_import_tree_file_end(&git->tree, path, fd, &attributes, err);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (code == FIRN_OK) {
        *err = made;
    }
    return code == FIRN_OK ? make : code;
}

static int change(struct git *git, size_t size, const uint8_t *old, const uint8_t *new,
                  unsigned depth, firn_error *err);

/* One name: either of the two may be missing. size is that of the path before it. */
static int
change_item(struct git *git, size_t size, const struct item *old, const struct item *new,
            unsigned depth, firn_error *err)
{
    assert(old != NULL || new != NULL);
    firn_slice name = new != NULL ? new->name : old->name;
    if (size + name.size + 2 > sizeof(git->path)) {
        return firn_import_tree_error(err, FIRN_LIMIT, "a path is too long");
    }
    memcpy(git->path + size, name.data, name.size);
    size_t end = size + name.size;
    firn_slice path = firn_bytes(git->path, end);
    bool was_tree = old != NULL && old->mode == MODE_TREE;
    bool is_tree = new != NULL &&new->mode == MODE_TREE;
    int code = FIRN_OK;
    if (old != NULL && new != NULL &&
        old->mode == new->mode &&memcmp(old->hash, new->hash, git->hash_size) == 0) {
        return FIRN_OK;
    }
    if (old != NULL && (new == NULL || was_tree != is_tree)) {
        code = firn_import_tree_remove(&git->tree, path, err);
    }
    if (code == FIRN_OK && is_tree) {
        const struct firn_import_attributes attributes = {.mode = 0755, .mtime_ns = git->time_ns};
        code = firn_import_tree_directory(&git->tree, path, &attributes, err);
        git->path[end] = '/';
        code = code == FIRN_OK
                   ? change(git, end + 1, was_tree ? old->hash : NULL, new->hash, depth + 1, err)
                   : code;
    } else if (code == FIRN_OK && new != NULL &&new->mode == MODE_MODULE) {
        code = firn_import_tree_error(err, FIRN_INVALID, "it is a submodule");
    } else if (code == FIRN_OK && new != NULL) {
        code = put_blob(git, path, new, err);
    }
    if (code == FIRN_INVALID || code == FIRN_NOT_FOUND) {
        firn_import_target_tell(git->target, firn_bytes(git->path, end), "%s", err->text);
        code = FIRN_OK;
    }
    return code;
}

/* Changes the tree on disk from one tree of git to another; the path has `size` bytes. */
static int
change(struct git *git, size_t size, const uint8_t *old, const uint8_t *new, unsigned depth,
       firn_error *err)
{
    assert(size < sizeof(git->path));
    struct listing before = {.data = NULL};
    struct listing after;
    if (depth > DEPTH_MAX) {
        return firn_import_tree_error(err, FIRN_LIMIT, "directories are nested too deeply");
    }
    int code = list(git, new, &after, err);
    code = code == FIRN_OK ? list(git, old, &before, err) : code;
    for (size_t i = 0, j = 0; code == FIRN_OK && (i < before.count || j < after.count);) {
        int order = i == before.count  ? 1
                    : j == after.count ? -1
                                       : compare_items(&before.items[i], &after.items[j]);
        code = change_item(git, size, order <= 0 ? &before.items[i] : NULL,
                           order >= 0 ? &after.items[j] : NULL, depth, err);
        i += order <= 0;
        j += order >= 0;
    }
    free(before.data);
    free(before.items);
    free(after.data);
    free(after.items);
    return code;
}

/* ---- commits ---- */

/* The hash of the tree, and git->time_ns and git->message, which lies in *out_data. */
static int
read_commit(struct git *git, const char *name, uint8_t tree[HEX_SIZE_MAX / 2], uint8_t **out_data,
            firn_error *err)
{
    size_t size = 0;
    int code = read_object(git, name, "commit", out_data, &size, err);
    if (code != FIRN_OK) {
        return code;
    }
    const char *text = (const char *)*out_data;
    const char *end = strstr(text, "\n\n");
    const char *committer = strstr(text, "\ncommitter ");
    bool is_right =
        strncmp(text, "tree ", 5) == 0 && end != NULL && committer != NULL && committer < end;
    for (size_t i = 0; is_right && i < git->hash_size; i++) {
        unsigned byte = 0;
        is_right = sscanf(text + 5 + 2 * i, "%2x", &byte) == 1;
        tree[i] = (uint8_t)byte;
    }
    const char *mail = is_right ? memchr(committer, '>', (size_t)(end - committer)) : NULL;
    if (mail == NULL) {
        return firn_import_tree_error(err, FIRN_CORRUPT, "the commit %s is damaged", name);
    }
    long long seconds = strtoll(mail + 1, NULL, 10);
    seconds = seconds < 0 ? 0 : seconds > INT64_MAX / 1000000000 ? INT64_MAX / 1000000000 : seconds;
    git->time_ns = seconds * 1000000000 + (seconds == 0);
    size_t left = size - (size_t)(end + 2 - text);
    while (left > 0 && end[2 + left - 1] == '\n') {
        left--;
    }
    git->message = firn_bytes(end + 2, left < MESSAGE_SIZE_MAX ? left : MESSAGE_SIZE_MAX);
    return FIRN_OK;
}

static int
save_commit(struct git *git, const char *tag, const uint8_t *old, const uint8_t *new,
            firn_error *err)
{
    assert(git->target != NULL && new != NULL);
    firn_workspace_save_result result = FIRN_WORKSPACE_SAVE_RESULT_INIT;
    const struct firn_import_state state = {
        .message = git->message, .created_ns = git->time_ns, .tag = tag};
    int code = change(git, 0, old, new, 0, err);
    if (code == FIRN_OK && git->target->cli->strict && git->target->notices.left_out > 0) {
        return firn_import_tree_error(err, FIRN_UNSUPPORTED, "not everything can be imported");
    }
    code = code == FIRN_OK ? firn_import_tree_finish(&git->tree, err) : code;
    code = code == FIRN_OK ? firn_import_target_save(git->target, &git->tree, &state, &result, err)
                           : code;
    firn_release(result.checkpoint);
    return code;
}

static int
import_commits(struct git *git, firn_error *err)
{
    uint8_t trees[2][HEX_SIZE_MAX / 2];
    bool has_old = false; /* the tree on disk is that of the commit before */
    int code = FIRN_OK;
    for (size_t i = 0; i < git->count && code == FIRN_OK; i++) {
        char tag[HEX_SIZE_MAX + 8];
        char before[HEX_SIZE_MAX + 8];
        uint8_t *data = NULL;
        bool is_had = false;
        (void)snprintf(tag, sizeof(tag), "git/%s", git->commits[i].text);
        code = read_commit(git, git->commits[i].text, trees[i % 2], &data, err);
        if (code == FIRN_OK) {
            code =
                firn_import_target_has(git->target, tag, git->message, git->time_ns, &is_had, err);
        }
        if (code == FIRN_OK && !is_had && !firn_command_has(git->target->cli, "dry-run")) {
            if (!has_old && i > 0) { /* the first of this run */
                (void)snprintf(before, sizeof(before), "git/%s", git->commits[i - 1].text);
                code =
                    firn_import_target_begin_with(git->target, &git->tree, before, &has_old, err);
            }
            code = code == FIRN_OK ? save_commit(git, tag, has_old ? trees[(i + 1) % 2] : NULL,
                                                 trees[i % 2], err)
                                   : code;
            has_old = true;
        }
        git->target->made += code == FIRN_OK && !is_had;
        free(data);
        if (code == FIRN_NOT_FOUND || code == FIRN_CORRUPT) {
            firn_import_target_tell(git->target, firn_str(tag), "%s", err->text);
            git->target->failed++;
            has_old = false;
            firn_import_tree_destroy(&git->tree);
            code = firn_import_tree_create(&git->tree, &git->target->notices, err);
        }
        code = code == FIRN_OK ? firn_import_target_go_on("commits", i + 1, git->count, err) : code;
    }
    return code;
}

static int
list_commits(struct git *git, const char *repository, const char *revision, firn_error *err)
{
    const char *const words[] = {
        "git",    "-C", repository, "rev-list", "--first-parent", "--reverse", "--end-of-options",
        revision, "--", NULL};
    size_t capacity = 0;
    bool is_end = false;
    int code = firn_import_process_start(&git->process, words, false, err);
    while (code == FIRN_OK) {
        struct hex hex;
        code = firn_import_process_line(&git->process, hex.text, sizeof(hex.text), &is_end, err);
        size_t size = strlen(hex.text);
        if (code != FIRN_OK || is_end) {
            break;
        }
        if ((size != 40 && size != HEX_SIZE_MAX) || git->count == COMMITS_MAX) {
            code = firn_import_tree_error(err, FIRN_CORRUPT, "git lists '%s', which is no commit",
                                          hex.text);
            break;
        }
        git->hash_size = size / 2;
        if (git->count == capacity) {
            capacity = capacity == 0 ? 256 : 2 * capacity;
            struct hex *grown = realloc(git->commits, capacity * sizeof(hex));
            if (grown == NULL) {
                code = firn_import_tree_error(err, FIRN_NO_MEMORY, "out of memory");
                break;
            }
            git->commits = grown;
        }
        git->commits[git->count++] = hex;
    }
    firn_error ended;
    int end = firn_import_process_end(&git->process, code == FIRN_OK ? err : &ended);
    return code == FIRN_OK ? end : code;
}

/* ---- the command ---- */

static int
run(struct firn_cli *cli)
{
    assert(cli->argument_count == 1);
    firn_error err;
    firn_error ended;
    struct firn_import_target target;
    const char *revision = firn_command_value(cli, "rev");
    const char *const words[] = {"git", "-C", cli->arguments[0], "cat-file", "--batch", NULL};
    int exit_code = firn_import_target_open(&target, cli);
    struct git *git = calloc(1, sizeof(*git));
    if (git == NULL && exit_code == FIRN_EXIT_OK) {
        exit_code = firn_command_report_no_memory(cli);
    } else if (exit_code == FIRN_EXIT_OK) {
        git->target = &target;
        (void)setenv("GIT_NO_LAZY_FETCH", "1", 1);
        (void)setenv("GIT_NO_REPLACE_OBJECTS", "1", 1);
        int code = list_commits(git, cli->arguments[0], revision != NULL ? revision : "HEAD", &err);
        code = code == FIRN_OK ? firn_import_process_start(&git->process, words, true, &err) : code;
        code = code == FIRN_OK ? firn_import_tree_create(&git->tree, &target.notices, &err) : code;
        code = code == FIRN_OK ? import_commits(git, &err) : code;
        int end = firn_import_process_end(&git->process, code == FIRN_OK ? &err : &ended);
        code = code == FIRN_OK ? end : code;
        cli->is_done = code == FIRN_OK;
        exit_code = firn_import_target_finish(&target, "commit", "commits");
        if (code != FIRN_OK) {
            exit_code = firn_command_report_failure(
                cli, &err, target.made > 0 ? "the same command goes on where it stopped" : NULL);
        }
        firn_import_tree_destroy(&git->tree);
        free(git->commits);
    }
    free(git);
    firn_import_target_close(&target);
    return exit_code;
}

static const struct firn_command_option options[] = {
    {"rev", 0, "REV", "the newest commit to import (default: HEAD)"},
    {"dry-run", 'n', NULL, "count the commits, and import nothing"},
    {NULL, 0, NULL, NULL},
};

static const struct firn_command_example examples[] = {
    {"firn import git .", "import the history of the repository that lies here"},
    {"firn -C copy import git ~/project --rev v1.0",
     "import up to a release, into another workspace"},
    {NULL, NULL},
};

const struct firn_command firn_import_git = {
    .name = "git",
    .summary = "Make checkpoints of the commits of a git repository",
    .arguments = "REPOSITORY",
    .options = options,
    .help = "Makes a checkpoint of each commit, from the first one along first parents to REV,\n"
            "with its message and its committer's time. Each gets the tag git/<hash>. The\n"
            "files of the workspace are not touched.\n"
            "\n"
            "A second run imports only what is new. One that was interrupted goes on where it\n"
            "stopped.\n"
            "\n"
            "git keeps no times of files: a file gets the time of the commit that changed it\n"
            "last. Submodules are left out and named, and so is what a save always leaves\n"
            "out. Attributes of git (filters, line ends) are not applied. The program git\n"
            "reads the repository.",
    .examples = examples,
    .uses = FIRN_COMMAND_USES_WORKSPACE | FIRN_COMMAND_USES_LOCK | FIRN_COMMAND_USES_STRICT,
    .run = run,
};
