/* SPDX-License-Identifier: Apache-2.0
 *
 * import/import_restic.c: firn import restic: the snapshots of a repository as checkpoints.
 *
 * The program restic lists the snapshots and writes each as a tar archive (dump --archive tar),
 * which is unpacked and saved like any other. Two snapshots in a row with the same tree are
 * unpacked once. restic asks for nothing: its standard input is empty, so the password comes from
 * its own environment (RESTIC_PASSWORD_FILE and the like).
 *
 * A snapshot of one directory becomes a checkpoint of what is in the directory. A snapshot of
 * several paths becomes a checkpoint of all that is above them. Depending on how restic was called,
 * it keeps the directory under its whole path, under the last names of the path, or as the root:
 * the longest of these that exists is taken, and only if nothing is beside it.
 */
#include <assert.h>
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "import/import_internal.h"
#include "term/term.h"
#include "term/term_try.h"

enum { ID_SIZE = 64 };

static const char prefix[] = "restic/";

struct restic {
    struct fi_import_target target;
    const char *repository;
    struct fi_import_process process;
    struct fi_import_tree tree;
    struct fi_import_snapshots snapshots;
    struct fi_import_snapshot snapshot; /* that is imported */
    char unpacked[ID_SIZE + 1];         /* the tree of restic that is on disk; "": none */
    char root[PATH_MAX];                /* where it is */
    struct fi_import_gaps gaps;         /* of that tree */
    firn_error err;
};

static int
read_output(void *ctx, uint8_t *data, size_t size, size_t *out_size, firn_error *err)
{
    struct restic *restic = ctx;
    return fi_import_process_read(&restic->process, data, size, out_size, err);
}

/* ---- the list of snapshots ---- */

/* They come in the order of their times. */
static int
list_snapshots(struct restic *restic)
{
    static const char *const filters[] = {"host", "path", "tag"};
    char text[3][PATH_MAX];
    const char *words[16] = {"restic",    "-r",     restic->repository,
                             "--no-lock", "--json", "snapshots"};
    for (size_t i = 0, at = 6; i < 3; i++) {
        const char *value = fi_command_value(restic->target.cli, filters[i]);
        if (value != NULL && snprintf(text[i], PATH_MAX, "--%s=%s", filters[i], value) < PATH_MAX) {
            words[at++] = text[i];
        }
    }
    firn_error ended;
    FI_TRY_RETURN(fi_import_process_start(&restic->process, words, false, &restic->err));
    int code = fi_import_snapshots_read(&restic->snapshots, read_output, restic, &restic->err);
    /* A restic that fails, as with a wrong password, prints no list: what it says of that comes
     * first. */
    bool is_told = code == FIRN_OK || code == FIRN_CORRUPT;
    int end = fi_import_process_end(&restic->process, &ended);
    if (is_told && end != FIRN_OK) {
        restic->err = ended;
        code = end;
    }
    return code;
}

/* ---- one snapshot ---- */

static void
report_archive(void *ctx, firn_slice path, const char *text)
{
    struct restic *restic = ctx;
    fi_import_unpack_report(&restic->target, path, "", text);
}

/* Puts the snapshot on disk. */
static int
unpack(struct restic *restic, const char *id)
{
    const char *const words[] = {
        "restic", "-r", restic->repository, "--no-lock", "dump", "--archive", "tar", id, "/", NULL};
    struct fi_import_tar tar = {.read = read_output, .tell = report_archive, .ctx = restic};
    uint64_t made = restic->target.sum.made; /* unpacking counts entries */
    uint8_t rest[512];
    firn_error ended;
    restic->unpacked[0] = '\0';
    fi_import_tree_destroy(&restic->tree);
    int code = fi_import_tree_create(&restic->tree, &restic->target.notices, &restic->target.space,
                                     &restic->err);
    restic->tree.drops_owners = fi_command_has(restic->target.cli, "no-owner");
    code = code == FIRN_OK ? fi_import_process_start(&restic->process, words, false, &restic->err)
                           : code;
    code = code == FIRN_OK
               ? fi_import_unpack_tar(&tar, &restic->target, &restic->tree, &restic->err)
               : code;
    for (size_t got = 1; code == FIRN_OK && got > 0;) {
        code = fi_import_process_read(&restic->process, rest, sizeof(rest), &got, &restic->err);
    }
    int end = fi_import_process_end(&restic->process, code == FIRN_OK ? &restic->err : &ended);
    if (code == FIRN_OK && end != FIRN_OK) {
        restic->err.code = FIRN_CORRUPT; /* this snapshot is lost, others may not be */
        code = FIRN_CORRUPT;
    }
    fi_import_tar_deinit(&tar);
    restic->target.sum.made = made;
    return code;
}

/* Whether a directory has one entry, of this name. */
static bool
has_only(const char *directory, const char *name, size_t size)
{
    DIR *listing = opendir(directory);
    const struct dirent *entry;
    bool is_only = listing != NULL;
    while (is_only && (entry = readdir(listing)) != NULL) {
        is_only = strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0 ||
                  (strlen(entry->d_name) == size && memcmp(entry->d_name, name, size) == 0);
    }
    if (listing != NULL) {
        (void)closedir(listing);
    }
    return is_only;
}

/* Makes a directory in the tree its root, unless it does not exist, a link leads to it, or
 * something is beside it or beside a directory above it. */
static bool
import_restic_enter(struct fi_import_tree *tree, const char *path)
{
    char entered[PATH_MAX];
    struct stat info;
    size_t size = strlen(tree->root);
    memcpy(entered, tree->root, size + 1);
    for (path += strspn(path, "/"); *path != '\0'; path += strspn(path, "/")) {
        size_t part = strcspn(path, "/");
        if ((part == 2 && path[0] == '.' && path[1] == '.') || size + part + 2 > PATH_MAX ||
            !has_only(entered, path, part)) {
            return false;
        }
        (void)snprintf(entered + size, part + 2, "/%s", path);
        size += part + 1;
        if (lstat(entered, &info) != 0 || !S_ISDIR(info.st_mode)) {
            return false;
        }
        path += part;
    }
    memcpy(tree->root, entered, size + 1);
    return true;
}

/* Notes the gaps of the archive as those of the directory that was entered. One that is not below
 * it is somewhere. */
static void
take_gaps(struct restic *restic)
{
    const char *entered = restic->tree.root + strlen(restic->root); /* "" or "/home/ada" */
    const size_t size = strlen(entered);
    fi_import_gaps_clear(&restic->target.gaps, firn_str(""));
    for (size_t i = 0; i < restic->gaps.count; i++) {
        const struct fi_import_gap *gap = &restic->gaps.list[i];
        firn_slice path = firn_bytes(gap->path, gap->size);
        if (size > 0) {
            bool is_below = gap->size > size && gap->path[size - 1] == '/' &&
                            memcmp(gap->path, entered + 1, size - 1) == 0;
            path = is_below ? firn_bytes(gap->path + size, gap->size - size) : firn_bytes(NULL, 0);
        }
        fi_import_gaps_add(&restic->target.gaps, path, gap->lost);
    }
}

/* Makes the tree that of restic->snapshot. */
static int
import_restic_make(void *ctx, firn_error *err)
{
    struct restic *restic = ctx;
    const char *path = restic->snapshot.path;
    if (strcmp(restic->unpacked, restic->snapshot.tree) != 0) {
        int code = unpack(restic, restic->snapshot.id);
        if (code != FIRN_OK) {
            *err = restic->err;
            return code;
        }
        memcpy(restic->unpacked, restic->snapshot.tree, sizeof(restic->unpacked));
        memcpy(restic->root, restic->tree.root, sizeof(restic->root));
        fi_import_gaps_deinit(&restic->gaps);
        restic->gaps = restic->target.gaps;
        restic->target.gaps = (struct fi_import_gaps){.list = NULL};
    }
    memcpy(restic->tree.root, restic->root, sizeof(restic->root));
    while (path != NULL && !import_restic_enter(&restic->tree, path)) {
        path = strchr(path + strspn(path, "/"), '/');
    }
    take_gaps(restic);
    return FIRN_OK;
}

/* ---- the command ---- */

static int
import_restic_import(void *ctx, firn_error *err)
{
    struct restic *restic = ctx;
    int code = list_snapshots(restic);
    restic->target.total = restic->snapshots.count;
    for (size_t i = 0; i < restic->snapshots.count && code == FIRN_OK; i++) {
        char tag[sizeof(prefix) + ID_SIZE];
        fi_import_snapshots_get(&restic->snapshots, i, &restic->snapshot);
        (void)snprintf(tag, sizeof(tag), "%s%s", prefix, restic->snapshot.id);
        const struct fi_import_state state = {.message = firn_str(restic->snapshot.message),
                                              .created_ns = restic->snapshot.created_ns,
                                              .tag = tag};
        code = fi_import_target_add(&restic->target, &restic->tree, &state, import_restic_make,
                                    restic, &restic->err);
    }
    *err = restic->err;
    return code;
}

static int
import_restic_run(struct fi_cli *cli)
{
    assert(cli->argument_count == 1);
    struct restic *restic = calloc(1, sizeof(*restic));
    if (restic == NULL) {
        return fi_command_report_no_memory(cli);
    }
    restic->repository = cli->arguments[0];
    int exit_code = fi_import_target_run(&restic->target, cli, "snapshot", "snapshots",
                                         import_restic_import, restic, NULL);
    fi_import_tree_destroy(&restic->tree);
    fi_import_gaps_deinit(&restic->gaps);
    fi_import_snapshots_deinit(&restic->snapshots);
    free(restic);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"host", 0, "HOST", "only snapshots of this host"},
    {"path", 0, "PATH", "only snapshots of this path"},
    {"tag", 0, "TAG", "only snapshots with this tag of restic"},
    {"no-owner", 0, NULL, "everything belongs to you, whatever the snapshots say"},
    FI_IMPORT_TARGET_RULES_OPTION,
    FI_IMPORT_TARGET_ENTRIES_OPTION,
    FI_IMPORT_TARGET_BYTES_OPTION,
    {"dry-run", 'n', NULL, "count the snapshots, and import nothing"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"RESTIC_PASSWORD_FILE=pass firn import restic /srv/backup --path ~/project",
     "import the snapshots of a directory"},
    {NULL, NULL},
};

const struct fi_command fi_import_restic = {
    .name = "restic",
    .summary = "Make checkpoints of the snapshots of a restic repository",
    .arguments = "REPOSITORY",
    .options = options,
    .help = "Makes a checkpoint of each snapshot, oldest first, with its time. The message\n"
            "names its paths, its host and its tags. Each gets the tag restic/<id>. If a\n"
            "snapshot is of one directory, the checkpoint has what is in that directory. The\n"
            "files of the workspace are not touched.\n"
            "\n"
            "A second run imports only what is new. One that was interrupted goes on where it\n"
            "stopped. A snapshot that restic cannot read is named, and the others come in.\n"
            "Rules (.firnignore) exclude nothing without --rules. What firn save always leaves\n"
            "out, such as .git, is left out and named.\n"
            "\n"
            "The program restic reads the repository, without a lock. It takes the password\n"
            "from its own environment, such as RESTIC_PASSWORD_FILE, and cannot ask for it.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK | FI_COMMAND_USES_STRICT,
    .run = import_restic_run,
};
