/* SPDX-License-Identifier: Apache-2.0
 *
 * mount/mount.c: firn mount: what it checks, and what it says.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "mount/mount.h"
#include "mount/mount_internal.h"
#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

#ifdef FIRN_HAS_FUSE

static bool
is_empty(const char *path)
{
    DIR *directory = opendir(path);
    bool found = false;
    if (directory == NULL) {
        return true; /* it cannot be told */
    }
    for (const struct dirent *entry; !found && (entry = readdir(directory)) != NULL;) {
        found = strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    }
    (void)closedir(directory);
    return !found;
}

/* Whether a path is a directory or lies below it. Both are absolute, without links. */
static bool
is_below(const char *path, const char *directory)
{
    size_t size = strlen(directory);
    return strncmp(path, directory, size) == 0 &&
           (path[size] == '\0' || path[size] == '/' || (size > 0 && directory[size - 1] == '/'));
}

/* Sets *out to the directory, without links; free it. */
static int
find_directory(struct fi_cli *cli, const firn_workspace *workspace, char **out)
{
    const char *given = cli->arguments[0];
    struct stat status;
    *out = realpath(given, NULL);
    if (*out == NULL || stat(*out, &status) != 0) {
        int code = errno == ENOENT ? FIRN_NOT_FOUND : FIRN_IO;
        const char *hint = errno == ENOENT ? "make the directory first" : NULL;
        return fi_command_report_error(cli, code, hint, "'%s': %s", given, strerror(errno));
    }
    if (!S_ISDIR(status.st_mode)) {
        return fi_command_report_error(cli, FIRN_INVALID, NULL, "'%s' is not a directory", given);
    }
    if (is_below(*out, firn_workspace_root(workspace)) ||
        is_below(*out, firn_workspace_store_path(workspace))) {
        return fi_command_report_error(
            cli, FIRN_INVALID, "mount it somewhere else",
            "'%s' is in the workspace or in its store: a save would read the mount", given);
    }
    if (!is_empty(*out)) {
        return fi_command_report_error(cli, FIRN_INVALID, "mount it on an empty directory",
                                       "'%s' is not empty: a mount would hide what is in it",
                                       given);
    }
    return FI_EXIT_OK;
}

static void
report_mounted(void *ctx)
{
    const struct fi_cli *cli = ctx;
    if (!cli->quiet) {
        fi_term_out_text("mounted at ");
        fi_term_text_escape(firn_str(cli->arguments[0]), fi_term_out_write);
        fi_term_out_text("; ctrl-C, or umount, ends it\n");
        fi_term_out_flush();
    }
}

static int
mount_serve(struct fi_cli *cli, firn_workspace *workspace, const char *directory)
{
    firn_error err;
    struct fi_mount_tree *tree;
    int code = fi_mount_tree_create(workspace, &tree, &err);
    if (code == FIRN_NO_MEMORY) {
        return fi_command_report_no_memory(cli);
    }
    if (code != FIRN_OK) {
        return fi_command_report_failure(cli, &err,
                                         fi_task_workspace_hint(workspace, "latest", code));
    }
    struct fi_mount_content *content = fi_mount_content_create(tree);
    int exit_code = FI_EXIT_OK;
    if (content == NULL) {
        exit_code = fi_command_report_no_memory(cli);
    } else if (!fi_mount_fuse_run(tree, content, directory, fi_command_has(cli, "allow-other"),
                                  report_mounted, cli)) {
        exit_code = fi_command_report_error(
            cli, FIRN_IO,
            "a user needs fusermount3 (Debian: apt-get install fuse3), and everybody /dev/fuse",
            "'%s' cannot be mounted", cli->arguments[0]);
    } else if (fi_term_signals_caught() != 0) {
        exit_code = FI_EXIT_SIGNAL + fi_term_signals_caught();
    }
    fi_mount_content_destroy(content);
    fi_mount_tree_destroy(tree);
    return exit_code;
}

static int
mount_run(struct fi_cli *cli)
{
    assert(cli->argument_count == 1);
    firn_workspace *workspace = NULL;
    char *directory = NULL;
    const char *missing = fi_mount_fuse_missing();
    if (missing != NULL) {
        return fi_command_report_error(
            cli, FIRN_NOT_FOUND,
            "install libfuse 3 (Debian: apt-get install fuse3), or use firn restore REF --to DIR",
            "%s", missing);
    }
    int exit_code;
    FI_TRY_OUT(exit_code, fi_task_workspace_open(cli, &workspace));
    FI_TRY_OUT(exit_code, find_directory(cli, workspace, &directory));
    exit_code = mount_serve(cli, workspace, directory);
out:
    free(directory);
    firn_workspace_close(workspace);
    return exit_code;
}

#else

static int
mount_run(struct fi_cli *cli)
{
    return fi_command_report_error(cli, FIRN_NOT_FOUND, "use firn restore REF --to DIR",
                                   "this firn was built without libfuse");
}

#endif

static const struct fi_command_option options[] = {
    {"allow-other", 0, NULL, "let other users read what owners and modes let them read"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn mount /mnt", "look at every checkpoint below /mnt until ctrl-C"},
    {"cp /mnt/latest/src/main.c /tmp", "copy a file of the newest checkpoint"},
    {"diff -r /mnt/number/3 /mnt/number/5", "compare two checkpoints with any tool"},
    {NULL, NULL},
};

const struct fi_command fi_mount = {
    .name = "mount",
    .summary = "Show all checkpoints as read-only directories",
    .arguments = "DIR",
    .options = options,
    .help = "Runs in the foreground until a signal or umount DIR ends it. Below DIR are:\n"
            "\n"
            "  latest       the newest checkpoint\n"
            "  number/12/   what checkpoint 12 contains\n"
            "  tag/v1.0     the checkpoint with a tag (a slash in a tag is %2F)\n"
            "  time/...     the checkpoint that was saved at a local time\n"
            "  safety/ID/   what a safety checkpoint contains\n"
            "  remote/origin/LINE/12/  what was pulled from a remote, by lines\n"
            "\n"
            "Checkpoints that are saved meanwhile appear within two seconds. Nothing below DIR\n"
            "can be changed. Every byte is verified when it is read; a damaged file gives an\n"
            "input/output error, and this command says what is damaged. Of a file of more than\n"
            "4 MiB only the parts are read that are asked for. As long as the mount uses data\n"
            "of a checkpoint that was deleted, its space is not reclaimed. Needs libfuse 3\n"
            "(Debian: fuse3).",
    .examples = examples,
    .refuses_json = "",
    .uses = FI_COMMAND_USES_WORKSPACE,
    .run = mount_run,
};
