/* SPDX-License-Identifier: Apache-2.0
 *
 * import/import_git.c: firn import git: the first-parent history of a repository as checkpoints.
 *
 * git does the reading: rev-list lists the commits, cat-file gives their texts and the blobs, and
 * diff-tree what differs in two trees. None of them runs what a configuration names. Trees are
 * compared one by one, so that one that is lost costs only itself. A git that meets damage ends;
 * the next question starts another.
 * Files and directories get the time of the commit that changed them last. A second run begins with
 * the state of the last checkpoint, so two runs give the same result as one.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "import/import_internal.h"
#include "term/term_try.h"

enum { HEX_SIZE_MAX = 64, MODE_TREE = 040000, MODE_LINK = 0120000, MODE_MODULE = 0160000 };

/* Of SHA-1 and SHA-256. Every git has them. */
static const char *const empty_trees[] = {
    "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"};

typedef char hex[HEX_SIZE_MAX + 1];

struct git {
    struct fi_import_target target;
    struct fi_import_tree tree;
    const char *repository;
    struct fi_import_state state; /* of the commit that is imported */
    struct fi_import_process differences;
    struct fi_import_process objects;
    struct fi_import_process_text commits; /* lines, the newest first */
    struct fi_import_process_text commit;
    char path[PATH_MAX * 4];
    hex wanted;       /* its tree */
    hex had;          /* that of the last one that is a checkpoint */
    hex on_disk;      /* "": not known yet */
    const char *blob; /* that is written */
    const char *empty;
    uint64_t size; /* of the object that was asked for */
};

/* Asks for an object of a type (" blob "). git->size bytes and a line end follow. */
static int
import_git_query(struct git *git, const char *name, const char *type, firn_error *err)
{
    const char *const words[] = {"git", "-C", git->repository, "cat-file", "--batch", NULL};
    char question[HEX_SIZE_MAX + 2];
    (void)snprintf(question, sizeof(question), "%s\n", name);
    int code = fi_import_process_query(&git->objects, words, question, err);
    const char *given = code == FIRN_OK ? strstr(git->objects.answer.data, type) : NULL;
    git->size = given != NULL ? strtoull(given + strlen(type), NULL, 10) : 0;
    return code == FIRN_OK && given == NULL ? FIRN_CORRUPT : code;
}

static int
write_blob(void *ctx, firn_write_bytes write, void *to, firn_error *err)
{
    struct git *git = ctx;
    struct fi_import_process *from = &git->objects;
    int code = import_git_query(git, git->blob, " blob ", err);
    code = code == FIRN_OK ? fi_import_process_copy(from, git->size, write, to, err) : code;
    code = code == FIRN_OK ? fi_import_process_until(from, '\n', &from->answer, err) : code;
    return code == FIRN_CORRUPT
               ? fi_import_tree_error(err, code, "git has no intact blob %s", git->blob)
               : code;
}

/* Asks what differs in two trees. git repeats a line that names no trees: that is the end. */
static int
import_git_compare(struct git *git, const char *from, const char *to,
                   struct fi_import_process_text *changes, firn_error *err)
{
    const char *const words[] = {
        "git", "-C", git->repository, "-c", "core.fsmonitor=false", "diff-tree", "--stdin",
        "-z",  NULL};
    char question[2 * HEX_SIZE_MAX + 8];
    size_t nuls = 0; /* one after a head, one after a name */
    (void)snprintf(question, sizeof(question), "%s %s\n.\n", from, to);
    int code = fi_import_process_query(&git->differences, words, question, err);
    code = code == FIRN_OK && git->differences.answer.data[0] == '.' ? FIRN_CORRUPT : code;
    changes->size = 0;
    for (size_t at = 0; code == FIRN_OK && (at == 0 || nuls % 2 != 0);) { /* names have line ends */
        code = fi_import_process_until(&git->differences, '\n', changes, err);
        for (; at < changes->size; at++) {
            nuls += changes->data[at] == '\0';
        }
    }
    return code == FIRN_CORRUPT ? fi_import_tree_error(err, code, "git has no intact tree %s", to)
                                : code;
}

static int import_git_change(struct git *git, size_t size, const char *from, const char *to,
                             firn_error *err);

/* Changes what is at git->path. What cannot come in is told, and what was there is removed. */
static int
import_git_put(struct git *git, size_t size, const unsigned modes[2], hex hashes[2],
               firn_error *err)
{
    firn_slice path = firn_bytes(git->path, size);
    bool is_tree = modes[1] == MODE_TREE;
    const struct fi_import_attributes attributes = {
        .mode = is_tree || (modes[1] & 0100) != 0 ? 0755 : 0644, .mtime_ns = git->state.created_ns};
    enum fi_import_type type = modes[1] == MODE_LINK ? FI_IMPORT_SYMLINK : FI_IMPORT_FILE;
    type = is_tree ? FI_IMPORT_DIRECTORY : type;
    git->blob = hashes[1];
    if (git->target.gaps.count > 0) {
        fi_import_gaps_clear(&git->target.gaps, path);
    }
    FI_TRY_RETURN(modes[1] != 0 ? fi_import_target_entry(&git->target, err) : FIRN_OK);
    int code = modes[1] == 0 ? fi_import_tree_remove(&git->tree, path, err)
               : modes[1] == MODE_MODULE
                   ? fi_import_tree_error(err, FIRN_INVALID, "it is a submodule")
                   : fi_import_tree_put(&git->tree, path, type, &attributes, write_blob, git, err);
    if (code == FIRN_OK && is_tree) {
        git->path[size] = '/';
        const char *from = modes[0] == MODE_TREE ? hashes[0] : git->empty;
        code = import_git_change(git, size + 1, from, hashes[1], err);
    }
    if (modes[1] != 0 && (code == FIRN_INVALID || code == FIRN_NOT_FOUND || code == FIRN_CORRUPT)) {
        fi_import_target_miss(&git->target, path, code != FIRN_INVALID, err->text);
        /* NULL: there is no process that has answered. */
        const char *answer = git->objects.answer.data;
        if (code != FIRN_CORRUPT || (answer != NULL && strstr(answer, " missing\n") == NULL)) {
            (void)fi_import_process_end(&git->objects, err); /* it may still answer */
        }
        code = fi_import_tree_remove(&git->tree, path, err);
    }
    return code == FIRN_INVALID ? FIRN_OK : code; /* what is removed never came in */
}

/* Changes a tree, all of it if the old one is lost. What goes is removed before anything comes. */
static int
import_git_change(struct git *git, size_t size, const char *from, const char *to, firn_error *err)
{
    struct fi_import_process_text changes = {.data = NULL};
    int code = import_git_compare(git, from, to, &changes, err);
    if (code == FIRN_CORRUPT && import_git_compare(git, git->empty, to, &changes, err) == FIRN_OK) {
        firn_slice path = firn_bytes(git->path, size - (size > 0));
        fi_import_gaps_clear(&git->target.gaps, path);
        code = fi_import_tree_remove(&git->tree, path, err);
    }
    for (int pass = 0; pass < 2; pass++) {
        for (const char *at = changes.data; code == FIRN_OK && at != NULL && *at == ':';) {
            unsigned modes[2];
            hex hashes[2];
            firn_slice name = firn_str(at + strlen(at) + 1);
            if (sscanf(at, ":%o %o %64s %64s", &modes[0], &modes[1], hashes[0], hashes[1]) != 4 ||
                size + name.size + 2 > sizeof(git->path)) {
                code = fi_import_tree_error(err, FIRN_UNSUPPORTED, "git says '%s'", at);
            } else if ((modes[1] != 0) == (pass == 1)) {
                memcpy(git->path + size, name.data, name.size);
                code = import_git_put(git, size + name.size, modes, hashes, err);
            }
            at = (const char *)name.data + name.size + 1;
        }
    }
    free(changes.data);
    return code;
}

/* Notes what the tree on disk lacks of git->on_disk, whose checkpoint it was restored from: what
 * was left out on purpose. One that had lost something is made again, so it is not restored. */
static int
find_gaps(struct git *git, firn_error *err)
{
    const char *const words[] = {"git", "-C", git->repository, "ls-tree",
                                 "-r",  "-z", git->on_disk,    NULL};
    struct fi_import_process listing = {.pid = -1};
    struct fi_import_process_text line = {.data = NULL};
    firn_error ignored;
    int code = fi_import_process_start(&listing, words, false, err);
    while (code == FIRN_OK) {
        line.size = 0;
        code = fi_import_process_until(&listing, '\0', &line, err);
        const char *tab = code == FIRN_OK ? strchr(line.data, '\t') : NULL;
        firn_slice path = tab != NULL ? firn_str(tab + 1) : firn_bytes(NULL, 0);
        if (path.size > 0 && !fi_import_tree_has(&git->tree, path)) {
            fi_import_gaps_add(&git->target.gaps, path, false);
        }
    }
    (void)fi_import_process_end(&listing, &ignored);
    free(line.data);
    return code == FIRN_CORRUPT ? FIRN_OK : code; /* the list has ended */
}

/* Makes the tree on disk that of the commit. */
static int
import_git_make(void *ctx, firn_error *err)
{
    struct git *git = ctx;
    bool has_before = false;
    int code = FIRN_OK;
    git->empty = empty_trees[strlen(git->wanted) == HEX_SIZE_MAX];
    if (git->on_disk[0] == '\0') {
        code = fi_import_target_begin(&git->target, &git->tree, &has_before, err);
        memcpy(git->on_disk, has_before ? git->had : git->empty, strlen(git->empty));
        code = code == FIRN_OK && has_before ? find_gaps(git, err) : code;
    }
    code = code == FIRN_OK ? import_git_change(git, 0, git->on_disk, git->wanted, err) : code;
    if (code == FIRN_OK) {
        memcpy(git->on_disk, git->wanted, sizeof(hex));
    }
    return code;
}

/* If git cannot go on at one, the newer ones are listed. */
static int
list_commits(struct git *git, firn_error *err)
{
    const char *rev = fi_command_value(git->target.cli, "rev");
    rev = rev != NULL ? rev : "HEAD";
    const char *const words[] = {
        "git", "-C", git->repository, "rev-list", "--first-parent", "--end-of-options", rev,
        "--",  NULL};
    int code = fi_import_process_start(&git->objects, words, false, err);
    while (code == FIRN_OK) {
        code = fi_import_process_until(&git->objects, '\n', &git->commits, err);
        git->target.total += code == FIRN_OK;
    }
    code = code == FIRN_CORRUPT ? fi_import_process_end(&git->objects, err) : code;
    if (code == FIRN_IO && git->target.total > 0) {
        fi_import_target_lose(&git->target, "the commits before these", err);
        code = fi_command_go_on(err);
    }
    return code;
}

/* Reads git->wanted and git->state, whose message lies in git->commit. */
static int
read_commit(struct git *git, const char *name, firn_error *err)
{
    firn_slice *message = &git->state.message;
    int code = import_git_query(git, name, " commit ", err);
    git->commit.size = 0;
    while (code == FIRN_OK && git->commit.size <= git->size) {
        code = fi_import_process_until(&git->objects, '\n', &git->commit, err);
    }
    const char *text = code == FIRN_OK ? git->commit.data : "";
    const char *end = strstr(text, "\n\n");
    const char *committer = strstr(text, "\ncommitter ");
    const char *mail = committer != NULL ? strchr(committer, '>') : NULL;
    if (end == NULL || mail == NULL || sscanf(text, "tree %64s", git->wanted) != 1) {
        return code == FIRN_OK ? FIRN_CORRUPT : code;
    }
    long long seconds = strtoll(mail + 1, NULL, 10);
    seconds = seconds < INT64_MAX / 1000000000 ? seconds : INT64_MAX / 1000000000;
    git->state.created_ns = seconds > 0 ? seconds * 1000000000 : 1;
    *message = firn_bytes(end + 2, git->commit.size - (size_t)(end + 2 - text));
    while (message->size > 0 && message->data[message->size - 1] == '\n') {
        message->size--;
    }
    return FIRN_OK;
}

static int
import(void *ctx, firn_error *err)
{
    struct git *git = ctx;
    int code = list_commits(git, err);
    code = code == FIRN_OK
               ? fi_import_tree_create(&git->tree, &git->target.notices, &git->target.space, err)
               : code;
    for (uint64_t left = git->target.total; left > 0 && code == FIRN_OK; left--) {
        size_t width = strcspn(git->commits.data, "\n");
        char tag[HEX_SIZE_MAX + 8];
        uint64_t failed = git->target.failed;
        git->state.tag = tag;
        (void)snprintf(tag, sizeof(tag), "git/%.*s", (int)width,
                       git->commits.data + (left - 1) * (width + 1));
        code = read_commit(git, tag + strlen("git/"), err);
        if (code == FIRN_CORRUPT) {
            (void)fi_import_tree_error(err, code, "git has no intact commit");
            fi_import_target_lose(&git->target, tag, err);
            code = FIRN_OK;
        } else if (code == FIRN_OK) {
            code = fi_import_target_add(&git->target, &git->tree, &git->state, import_git_make, git,
                                        err);
        }
        if (git->target.failed == failed) {
            memcpy(git->had, git->wanted, sizeof(hex));
        }
    }
    return code;
}

static int
import_git_run(struct fi_cli *cli)
{
    assert(cli->argument_count == 1);
    firn_error ignored;
    struct git git = {.repository = cli->arguments[0]};
    (void)setenv("GIT_NO_LAZY_FETCH", "1", 1);
    (void)setenv("GIT_ALLOW_PROTOCOL", "", 1);
    (void)setenv("GIT_NO_REPLACE_OBJECTS", "1", 1);
    (void)setenv("GIT_INDEX_FILE", "", 1); /* none is read */
    int exit_code = fi_import_target_run(&git.target, cli, "commit", "commits", import, &git, NULL);
    (void)fi_import_process_end(&git.differences, &ignored);
    (void)fi_import_process_end(&git.objects, &ignored);
    fi_import_tree_destroy(&git.tree);
    free(git.commits.data);
    free(git.commit.data);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"rev", 0, "REV", "the newest commit to import (default: HEAD)"},
    FI_IMPORT_TARGET_RULES_OPTION,
    FI_IMPORT_TARGET_ENTRIES_OPTION,
    FI_IMPORT_TARGET_BYTES_OPTION,
    {"dry-run", 'n', NULL, "count the commits, and import nothing"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn import git .", "import the history of the repository that lies here"},
    {"firn -C copy import git ~/project --rev v1.0", "import up to a release, into copy"},
    {NULL, NULL},
};

const struct fi_command fi_import_git = {
    .name = "git",
    .summary = "Make checkpoints of the commits of a git repository",
    .arguments = "REPOSITORY",
    .options = options,
    .help = "Makes a checkpoint of each commit, from the first one along first parents to REV,\n"
            "with its message and its committer's time. Each gets the tag git/<hash>. The\n"
            "files of the workspace are not touched.\n"
            "\n"
            "A second run imports only what is new, and goes on where one was interrupted.\n"
            "\n"
            "A file gets the time of the commit that changed it last, as git keeps none.\n"
            "A tree may name one directory or file in many places: a few kilobytes can be a\n"
            "billion files. A commit that changes more than --max-entries, or files larger\n"
            "than --max-bytes, stops the import, before anything of it is a checkpoint.\n"
            "\n"
            "Submodules are left out and named, and so is what a save always leaves out. Rules\n"
            "(.firnignore) exclude nothing without --rules. Files that the repository has lost\n"
            "are named, and a restore leaves alone what is in their place; a later run adds the\n"
            "commit again if the repository has them by then.\n"
            "Attributes (filters, line ends) are not applied. git reads the repository.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK | FI_COMMAND_USES_STRICT,
    .run = import_git_run,
};
