/* SPDX-License-Identifier: Apache-2.0
 *
 * import/import_git.c: firn import git: the first-parent history of a repository as checkpoints.
 *
 * git does the reading: rev-list lists the commits, cat-file gives their texts and the blobs, and
 * diff-tree what differs between the tree on disk and that of a commit. None of them runs what a
 * configuration names. A git that meets damage ends; the next question starts another. All changes
 * of a commit are known before the first is applied, so one that is lost leaves the disk as it was.
 * Files and directories get the time of the commit that changed them last. A second run begins with
 * the state of the last checkpoint, so two runs give the same result as one.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "import/import_internal.h"

enum { HEX_SIZE_MAX = 64, MODE_TREE = 040000, MODE_LINK = 0120000, MODE_MODULE = 0160000 };

/* Of SHA-1 and SHA-256. Every git has them. */
static const char *const empty_trees[] = {
    "4b825dc642cb6eb9a060e54bf8d69288fbee4904",
    "6ef19b41225c5369f1c104d45d8d85efa9b057b53b14b4b9b939dd74decc5321"};

typedef char hex[HEX_SIZE_MAX + 1];

struct git {
    struct firn_import_target target;
    struct firn_import_tree tree;
    const char *repository;
    struct firn_import_state state; /* of the commit that is imported */
    struct firn_import_process differences;
    struct firn_import_process objects;
    struct firn_import_process_text commits; /* lines, the newest first */
    struct firn_import_process_text commit;
    struct firn_import_process_text changes; /* ":mode mode hash hash status\0path\0", repeated */
    hex wanted;                              /* its tree */
    hex had;                                 /* that of the last one that is a checkpoint */
    hex on_disk;                             /* "": not known yet */
    hex blob;                                /* that is written */
    uint64_t size;                           /* of the object that was asked for */
};

/* Asks for an object of a type (" blob "). git->size bytes and a line end follow. */
static int
ask(struct git *git, const char *name, const char *type, firn_error *err)
{
    const char *const words[] = {"git", "-C", git->repository, "cat-file", "--batch", NULL};
    char question[HEX_SIZE_MAX + 2];
    (void)snprintf(question, sizeof(question), "%s\n", name);
    int code = firn_import_process_ask(&git->objects, words, question, err);
    const char *given = code == FIRN_OK ? strstr(git->objects.answer.data, type) : NULL;
    git->size = given != NULL ? strtoull(given + strlen(type), NULL, 10) : 0;
    return code == FIRN_OK && given == NULL ? FIRN_CORRUPT : code;
}

static int
write_blob(void *ctx, firn_write_bytes write, void *to, firn_error *err)
{
    struct git *git = ctx;
    struct firn_import_process *from = &git->objects;
    int code = ask(git, git->blob, " blob ", err);
    code = code == FIRN_OK ? firn_import_process_copy(from, git->size, write, to, err) : code;
    code = code == FIRN_OK ? firn_import_process_until(from, '\n', &from->answer, err) : code;
    if (code == FIRN_CORRUPT) {
        (void)firn_import_tree_error(err, code, "git has no intact blob %s", git->blob);
    }
    return code;
}

/* What cannot be brought in is told, and what was there before it is removed. */
static int
put(struct git *git, firn_slice path, unsigned mode, firn_error *err)
{
    const struct firn_import_attributes attributes = {
        .mode = mode == MODE_TREE || (mode & 0100) != 0 ? 0755 : 0644,
        .mtime_ns = git->state.created_ns};
    enum firn_import_type type = mode == MODE_TREE   ? FIRN_IMPORT_DIRECTORY
                                 : mode == MODE_LINK ? FIRN_IMPORT_SYMLINK
                                                     : FIRN_IMPORT_FILE;
    int code = mode == MODE_MODULE ? firn_import_tree_error(err, FIRN_INVALID, "it is a submodule")
                                   : firn_import_tree_put(&git->tree, path, type, &attributes,
                                                          write_blob, git, err);
    if (code == FIRN_INVALID || code == FIRN_NOT_FOUND || code == FIRN_CORRUPT) {
        firn_import_target_tell(&git->target, path, "%s", err->text);
        (void)firn_import_process_end(&git->objects, err); /* it may still answer */
        code = firn_import_tree_remove(&git->tree, path, err);
    }
    return code == FIRN_INVALID ? FIRN_OK : code;
}

/* What is gone goes first: a file may come where a directory was. */
static int
apply(struct git *git, firn_error *err)
{
    int code = FIRN_OK;
    for (int pass = 0; pass < 2; pass++) {
        for (const char *at = git->changes.data; *at == ':' && code == FIRN_OK;) {
            unsigned mode = 0;
            if (sscanf(at, ":%*o %o %*s %64s", &mode, git->blob) != 2) {
                return firn_import_tree_error(err, FIRN_UNSUPPORTED, "git says '%s'", at);
            }
            firn_slice path = firn_str(at + strlen(at) + 1);
            at = (const char *)path.data + path.size + 1;
            if (pass == 0 && mode == 0) {
                code = firn_import_tree_remove(&git->tree, path, err);
                code = code == FIRN_INVALID ? FIRN_OK : code; /* it never came in */
            } else if (pass == 1 && mode != 0) {
                code = put(git, path, mode, err);
            }
        }
    }
    return code;
}

/* Asks for the changes from a tree to the wanted one. git repeats a line that names no trees: that
 * is their end. */
static int
compare(struct git *git, const char *from, firn_error *err)
{
    const char *const words[] = {
        "git", "-C", git->repository, "-c", "core.fsmonitor=false", "diff-tree", "--stdin", "-t",
        "-z",  NULL};
    char question[2 * HEX_SIZE_MAX + 8];
    size_t nuls = 0; /* one after a head, one after a path */
    (void)snprintf(question, sizeof(question), "%s %s\n.\n", from, git->wanted);
    int code = firn_import_process_ask(&git->differences, words, question, err);
    code = code == FIRN_OK && git->differences.answer.data[0] == '.' ? FIRN_CORRUPT : code;
    git->changes.size = 0;
    for (size_t at = 0; code == FIRN_OK && (at == 0 || nuls % 2 != 0);) { /* paths have line ends */
        code = firn_import_process_until(&git->differences, '\n', &git->changes, err);
        for (; at < git->changes.size; at++) {
            nuls += git->changes.data[at] == '\0';
        }
    }
    if (code == FIRN_CORRUPT) {
        (void)firn_import_tree_error(err, code, "git has not all of the tree %s", git->wanted);
    }
    return code;
}

/* Makes the tree on disk the wanted one. */
static int
make(void *ctx, firn_error *err)
{
    struct git *git = ctx;
    const char *empty = empty_trees[strlen(git->wanted) == HEX_SIZE_MAX];
    bool has_before = false;
    int code = FIRN_OK;
    if (git->on_disk[0] == '\0') {
        code = firn_import_target_begin(&git->target, &git->tree, &has_before, err);
        memcpy(git->on_disk, has_before ? git->had : empty, strlen(empty));
    }
    code = code == FIRN_OK ? compare(git, git->on_disk, err) : code;
    if (code == FIRN_CORRUPT && compare(git, empty, err) == FIRN_OK) {
        firn_import_tree_destroy(&git->tree); /* what is lost is the tree before */
        code = firn_import_tree_create(&git->tree, &git->target.notices, err);
    }
    code = code == FIRN_OK ? apply(git, err) : code;
    if (code == FIRN_OK) {
        memcpy(git->on_disk, git->wanted, sizeof(hex));
    }
    return code;
}

/* If git cannot go on at one, the newer ones are listed. */
static int
list_commits(struct git *git, firn_error *err)
{
    const char *revision = firn_command_value(git->target.cli, "rev");
    revision = revision != NULL ? revision : "HEAD";
    const char *const words[] = {
        "git", "-C", git->repository, "rev-list", "--first-parent", "--end-of-options", revision,
        "--",  NULL};
    struct firn_import_process list;
    int code = firn_import_process_start(&list, words, false, err);
    while (code == FIRN_OK) {
        code = firn_import_process_until(&list, '\n', &git->commits, err);
        git->target.total += code == FIRN_OK;
    }
    firn_error ended;
    int end = firn_import_process_end(&list, code == FIRN_CORRUPT ? err : &ended);
    code = code == FIRN_CORRUPT ? end : code; /* there are no more lines */
    if (code == FIRN_IO && git->target.total > 0) {
        firn_import_target_lose(&git->target, "the commits before these", err);
        code = firn_command_go_on(err);
    }
    return code;
}

/* Reads git->wanted and git->state, whose message lies in git->commit. */
static int
read_commit(struct git *git, const char *name, firn_error *err)
{
    firn_slice *message = &git->state.message;
    int code = ask(git, name, " commit ", err);
    git->commit.size = 0;
    while (code == FIRN_OK && git->commit.size <= git->size) {
        code = firn_import_process_until(&git->objects, '\n', &git->commit, err);
    }
    if (code != FIRN_OK) {
        return code;
    }
    const char *text = git->commit.data;
    const char *end = strstr(text, "\n\n");
    const char *committer = strstr(text, "\ncommitter ");
    const char *mail = committer != NULL ? strchr(committer, '>') : NULL;
    if (end == NULL || mail == NULL || sscanf(text, "tree %64s", git->wanted) != 1) {
        return FIRN_CORRUPT;
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
    code = code == FIRN_OK ? firn_import_tree_create(&git->tree, &git->target.notices, err) : code;
    for (uint64_t left = git->target.total; left > 0 && code == FIRN_OK; left--) {
        size_t width = strcspn(git->commits.data, "\n");
        char tag[HEX_SIZE_MAX + 8];
        uint64_t failed = git->target.failed;
        git->state.tag = tag;
        (void)snprintf(tag, sizeof(tag), "git/%.*s", (int)width,
                       git->commits.data + (left - 1) * (width + 1));
        code = read_commit(git, tag + strlen("git/"), err);
        if (code == FIRN_CORRUPT) {
            (void)firn_import_tree_error(err, code, "git has no intact commit");
            firn_import_target_lose(&git->target, tag, err);
            code = FIRN_OK;
        } else if (code == FIRN_OK) {
            code = firn_import_target_add(&git->target, &git->tree, &git->state, make, git, err);
        }
        if (git->target.failed == failed) {
            memcpy(git->had, git->wanted, sizeof(hex));
        }
    }
    return code;
}

static int
run(struct firn_cli *cli)
{
    assert(cli->argument_count == 1);
    firn_error ignored;
    struct git git = {.repository = cli->arguments[0]};
    (void)setenv("GIT_NO_LAZY_FETCH", "1", 1);
    (void)setenv("GIT_ALLOW_PROTOCOL", "", 1);
    (void)setenv("GIT_NO_REPLACE_OBJECTS", "1", 1);
    (void)setenv("GIT_INDEX_FILE", "", 1); /* none is read */
    int exit_code =
        firn_import_target_run(&git.target, cli, "commit", "commits", import, &git, NULL);
    (void)firn_import_process_end(&git.differences, &ignored);
    (void)firn_import_process_end(&git.objects, &ignored);
    firn_import_tree_destroy(&git.tree);
    free(git.commits.data);
    free(git.commit.data);
    free(git.changes.data);
    return exit_code;
}

static const struct firn_command_option options[] = {
    {"rev", 0, "REV", "the newest commit to import (default: HEAD)"},
    {"dry-run", 'n', NULL, "count the commits, and import nothing"},
    {NULL, 0, NULL, NULL},
};

static const struct firn_command_example examples[] = {
    {"firn import git .", "import the history of the repository that lies here"},
    {"firn -C copy import git ~/project --rev v1.0", "import up to a release, into copy"},
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
            "A second run imports only what is new, and goes on where one was interrupted.\n"
            "\n"
            "A file gets the time of the commit that changed it last, as git keeps none.\n"
            "Submodules are left out and named, and so is what a save always leaves out.\n"
            "Attributes (filters, line ends) are not applied. git reads the repository.",
    .examples = examples,
    .uses = FIRN_COMMAND_USES_WORKSPACE | FIRN_COMMAND_USES_LOCK | FIRN_COMMAND_USES_STRICT,
    .run = run,
};
