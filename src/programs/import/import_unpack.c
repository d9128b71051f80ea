/* SPDX-License-Identifier: Apache-2.0
 *
 * import/import_unpack.c: firn import tar: an archive becomes a checkpoint.
 *
 * The archive is unpacked into a tree on disk (import_tree.c), which is saved. An entry that cannot
 * be created is reported and left out; the others are imported. If the disk is full or the archive
 * cannot be read, nothing is saved.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dir/dir.h"
#include "import/import_internal.h"
#include "show/show.h"
#include "term/term.h"
#include "term/term_try.h"

enum { CHUNK = 256 << 10, TELL_EVERY = 64 };

/* The hash of a file covers the zeros of its holes, except in files so large that they are hashed
 * cell by cell. A header of a few bytes can describe such holes. So all holes together have at most
 * HOLES_FREE bytes, and HOLES_PER_BYTE more for each byte of the archive: an import hashes zeros
 * faster than it handles other bytes by about that factor. */
#define HASHED_WHOLE_MAX (UINT64_C(16) << 30)
#define HOLES_FREE (UINT64_C(32) << 30)
#define HOLES_PER_BYTE UINT64_C(64)

static int
take_holes(struct fi_import_tar *tar, const struct fi_import_tar_entry *entry, firn_error *err)
{
    uint64_t data = 0;
    for (size_t i = 0; i < tar->segment_count; i++) {
        data += tar->segments[i].size; /* the map is within the size */
    }
    assert(data <= entry->size && tar->at <= UINT64_MAX / HOLES_PER_BYTE - HOLES_FREE);
    const uint64_t holes = entry->size < HASHED_WHOLE_MAX ? entry->size - data : 0;
    if (tar->holes + holes > HOLES_FREE + HOLES_PER_BYTE * tar->at) {
        return fi_import_tree_error(err, FIRN_LIMIT,
                                    "the holes of the archive are too large for its size");
    }
    tar->holes += holes;
    return FIRN_OK;
}

/* Writes the data of the entry. */
static int
write_data(struct fi_import_tar *tar, const struct fi_import_tar_entry *entry,
           struct fi_import_tree *tree, int fd, uint8_t *chunk, firn_error *err)
{
    const struct fi_import_tar_segment whole = {0, entry->size};
    const struct fi_import_tar_segment *segments = entry->is_sparse ? tar->segments : &whole;
    size_t count = entry->is_sparse ? tar->segment_count : 1;
    if (entry->is_sparse && ftruncate(fd, (off_t)entry->size) != 0) {
        return fi_import_tree_fail(err, "write", entry->path);
    }
    for (size_t i = 0; i < count; i++) {
        if (lseek(fd, (off_t)segments[i].offset, SEEK_SET) < 0) {
            return fi_import_tree_fail(err, "write", entry->path);
        }
        for (uint64_t done = 0; done < segments[i].size;) {
            uint64_t left = segments[i].size - done;
            size_t got = 0;
            int code =
                fi_import_tar_read(tar, chunk, left < CHUNK ? (size_t)left : CHUNK, &got, err);
            if (code != FIRN_OK) {
                return code;
            }
            if (got == 0) {
                return fi_import_tree_error(err, FIRN_CORRUPT,
                                            "the archive ends in the middle of it");
            }
            code = fi_import_tree_write(tree, entry->path, fd, firn_bytes(chunk, got), err);
            if (code != FIRN_OK) {
                return code;
            }
            done += got;
        }
    }
    return FIRN_OK;
}

static int
unpack_file(struct fi_import_tar *tar, const struct fi_import_tar_entry *entry,
            struct fi_import_tree *tree, uint8_t *chunk, firn_error *err)
{
    int fd;
    firn_error ignored;
    FI_TRY_RETURN(fi_import_tree_file(tree, entry->path, &fd, err));
    int code = write_data(tar, entry, tree, fd, chunk, err);
    if (code == FIRN_OK) {
        return fi_import_tree_file_end(tree, entry->path, fd, &entry->attributes, err);
    }
    (void)close(fd);
    /* Half of a file is none. */
    FI_TRY_RETURN(fi_import_tree_remove(tree, entry->path, &ignored));
    return code;
}

/* Tells of a time that no checkpoint can have. */
static void
check_time(const struct fi_import_tar_entry *entry, struct fi_import_target *target)
{
    const int64_t most = (int64_t)FI_IMPORT_TAR_SECONDS_MOST * 1000000000;
    int64_t time = entry->attributes.mtime_ns;
    if (entry->type == FI_IMPORT_HARD_LINK || (time < most && time > -most)) {
        return;
    }
    const firn_callbacks callbacks = fi_task_notices_callbacks(&target->notices);
    const firn_notice notice = {.kind = FIRN_NOTICE_METADATA,
                                .path = entry->path,
                                .text = "its time is not between the years 1678 and 2262"};
    callbacks.on_notice(callbacks.ctx, &notice);
}

static int
unpack_entry(struct fi_import_tar *tar, const struct fi_import_tar_entry *entry,
             struct fi_import_tree *tree, uint8_t *chunk, firn_error *err)
{
    switch (entry->type) {
    case FI_IMPORT_FILE:
        return unpack_file(tar, entry, tree, chunk, err);
    case FI_IMPORT_DIRECTORY:
        return fi_import_tree_directory(tree, entry->path, &entry->attributes, err);
    case FI_IMPORT_SYMLINK:
        return fi_import_tree_symlink(tree, entry->path, entry->target, &entry->attributes, err);
    default:
        assert(entry->type == FI_IMPORT_HARD_LINK);
        return fi_import_tree_link(tree, entry->path, entry->target, err);
    }
}

/* Whether a failure is that of one entry, and the others may still be made. */
static bool
is_of_entry(const firn_error *err)
{
    return err->code == FIRN_INVALID || err->code == FIRN_CORRUPT || err->code == FIRN_NOT_FOUND ||
           err->code == FIRN_LIMIT ||
           (err->code == FIRN_IO &&
            (err->os_errno == ENAMETOOLONG || err->os_errno == EFBIG || err->os_errno == EMLINK ||
             err->os_errno == EILSEQ || err->os_errno == EINVAL));
}

void
fi_import_unpack_report(struct fi_import_target *target, firn_slice path, const char *name,
                        const char *text)
{
    bool is_of_entry = path.size > 0;
    fi_import_target_report(target, is_of_entry ? path : firn_str(name), "%s", text);
    fi_import_gaps_add(&target->gaps, path, !is_of_entry);
}

int
fi_import_unpack_tar(struct fi_import_tar *tar, struct fi_import_target *target,
                     struct fi_import_tree *tree, firn_error *err)
{
    bool is_end = false;
    uint64_t count = 0;
    uint8_t *chunk = malloc(CHUNK);
    fi_import_gaps_clear(&target->gaps, firn_str(""));
    if (chunk == NULL) {
        return fi_import_tree_error(err, FIRN_NO_MEMORY, "out of memory");
    }
    int code = FIRN_OK;
    while (code == FIRN_OK) {
        struct fi_import_tar_entry entry;
        code = fi_import_tar_next(tar, &entry, &is_end, err);
        if (code != FIRN_OK || is_end) {
            break;
        }
        code = target->entries_max > 0 ? fi_import_target_entry(target, err) : FIRN_OK;
        if (code != FIRN_OK) {
            break;
        }
        code = entry.is_sparse ? take_holes(tar, &entry, err) : FIRN_OK;
        if (code == FIRN_OK && tree != NULL) {
            code = unpack_entry(tar, &entry, tree, chunk, err);
        } else if (code == FIRN_OK) {
            const char *refusal = entry.path.size == 0 ? NULL : fi_import_tree_refusal(entry.path);
            code = refusal == NULL ? FIRN_OK
                                   : fi_import_tree_error(err, FIRN_INVALID, "it %s", refusal);
        }
        if (code != FIRN_OK && !target->space.is_over && is_of_entry(err)) {
            bool is_lost = code == FIRN_CORRUPT || code == FIRN_IO;
            fi_import_target_miss(target, entry.path, is_lost, err->text);
            code = FIRN_OK;
        } else if (code == FIRN_OK) {
            target->sum.made++;
            check_time(&entry, target);
            /* The last entry of a name counts. */
            if (target->gaps.count > 0 && entry.path.size > 0) {
                fi_import_gaps_clear(&target->gaps, entry.path);
            }
        }
        if (code == FIRN_OK && ++count % TELL_EVERY == 0) {
            code = fi_import_target_go_on("unpack", count, 0, err);
        }
    }
    free(chunk);
    return code == FIRN_OK && tree != NULL ? fi_import_tree_finish(tree, err) : code;
}

/* ---- the command ---- */

struct source {
    struct fi_import_target *target;
    const char *name;
    int fd;
};

static int
read_source(void *ctx, uint8_t *data, size_t size, size_t *out_size, firn_error *err)
{
    const struct source *source = ctx;
    for (;;) {
        ssize_t got = read(source->fd, data, size);
        if (got >= 0) {
            *out_size = (size_t)got;
            return FIRN_OK;
        }
        if (errno != EINTR) {
            return fi_import_tree_fail(err, "read", firn_str(source->name));
        }
        FI_TRY_RETURN(fi_command_go_on(err));
    }
}

static void
report_source(void *ctx, firn_slice path, const char *text)
{
    const struct source *source = ctx;
    fi_import_unpack_report(source->target, path, source->name, text);
}

static void
import_unpack_show(struct fi_cli *cli, struct fi_import_target *target,
                   const firn_workspace_save_result *result)
{
    char entries[FI_TERM_TEXT_NUMBER_SIZE];
    fi_term_json_u64("entries", target->sum.made);
    fi_task_notices_json(&target->notices);
    if (result->checkpoint == NULL) {
        if (!cli->quiet) {
            fi_term_out_format("%s %s would be imported\n",
                               fi_term_text_number(target->sum.made, entries),
                               fi_term_text_plural(target->sum.made, "entry", "entries"));
        }
        return;
    }
    if (cli->quiet) {
        fi_term_out_format("%llu\n", (unsigned long long)result->checkpoint->number);
        return;
    }
    fi_dir_save_print(result);
    fi_term_out_text("\n");
    fi_task_notices_print_excluded(&target->notices);
}

/* Unpacks and saves, or only reads. Returns an exit code. */
static int
import_unpack_import(struct fi_cli *cli, struct fi_import_target *target, struct source *source)
{
    firn_error err;
    struct fi_import_tree tree = {.place_fd = -1};
    struct fi_import_tar tar = {.read = read_source, .tell = report_source, .ctx = source};
    firn_workspace_save_result result = FIRN_WORKSPACE_SAVE_RESULT_INIT;
    const char *message = fi_command_value(cli, "message");
    char own[PATH_MAX + sizeof("import of ")];
    struct fi_import_state state = {.tag = fi_command_value(cli, "tag"), .if_changed = true};
    bool is_dry = fi_command_has(cli, "dry-run");
    (void)snprintf(own, sizeof(own), "import of %s", source->name);
    state.message = firn_str(message != NULL ? message : own);
    int code =
        is_dry ? FIRN_OK : fi_import_tree_create(&tree, &target->notices, &target->space, &err);
    tree.drops_owners = fi_command_has(cli, "no-owner");
    if (code == FIRN_OK) {
        code = fi_import_unpack_tar(&tar, target, is_dry ? NULL : &tree, &err);
    }
    if (code == FIRN_OK && cli->strict && target->notices.left_out > 0) {
        code = fi_import_tree_error(&err, FIRN_UNSUPPORTED,
                                    "not everything can be imported: nothing was");
    }
    if (code == FIRN_OK && !is_dry) {
        code = fi_import_target_save(target, &tree, &state, &result, &err);
    }
    int exit_code;
    if (code == FIRN_OK) {
        cli->is_done = !is_dry;
        if (result.checkpoint != NULL) {
            fi_show_checkpoint_json("checkpoint", result.checkpoint);
        } else {
            fi_term_json_null("checkpoint");
        }
        fi_term_json_bool("made", result.is_made);
        import_unpack_show(cli, target, &result);
        exit_code = fi_task_notices_exit(&target->notices);
    } else {
        fi_task_notices_json(&target->notices);
        exit_code = fi_command_report_failure(
            cli, &err,
            code == FIRN_CORRUPT ? "decompress an archive first: zstd -dc FILE | firn import tar -"
                                 : NULL);
    }
    firn_release(result.checkpoint);
    fi_import_tar_deinit(&tar);
    fi_import_tree_destroy(&tree);
    return exit_code;
}

static int
import_unpack_run(struct fi_cli *cli)
{
    assert(cli->argument_count == 1);
    firn_error err;
    struct fi_import_target target;
    struct source source = {.target = &target, .name = cli->arguments[0], .fd = STDIN_FILENO};
    bool is_input = strcmp(source.name, "-") == 0;
    uint64_t bytes_max;
    FI_TRY_RETURN(fi_import_target_bytes(cli, &bytes_max));
    int exit_code = fi_import_target_open(&target, cli);
    target.space = (struct fi_import_tree_space){.one = "archive", .bytes_max = bytes_max};
    if (exit_code == FI_EXIT_OK && !is_input) {
        source.fd = open(source.name, O_RDONLY | O_CLOEXEC);
        if (source.fd < 0) {
            (void)fi_import_tree_fail(&err, "open", firn_str(source.name));
            exit_code = fi_command_report_failure(cli, &err, NULL);
        }
    } else if (is_input) {
        source.name = "standard input";
    }
    if (exit_code == FI_EXIT_OK) {
        exit_code = import_unpack_import(cli, &target, &source);
    }
    if (source.fd > STDIN_FILENO) {
        (void)close(source.fd);
    }
    fi_import_target_close(&target);
    return exit_code;
}

static const struct fi_command_option options[] = {
    {"message", 'm', "TEXT", "describe the checkpoint (default: import of FILE)"},
    {"tag", 0, "NAME", "tag the checkpoint"},
    {"no-owner", 0, NULL, "everything belongs to you, whatever the archive says"},
    FI_IMPORT_TARGET_RULES_OPTION,
    FI_IMPORT_TARGET_BYTES_OPTION,
    {"dry-run", 'n', NULL, "read the archive, and import nothing"},
    {NULL, 0, NULL, NULL},
};

static const struct fi_command_example examples[] = {
    {"firn import tar backup.tar", "make a checkpoint of an archive"},
    {"zstd -dc backup.tar.zst | firn import tar -", "import one that is compressed"},
    {NULL, NULL},
};

const struct fi_command fi_import_unpack = {
    .name = "tar",
    .summary = "Make a checkpoint of a tar archive",
    .arguments = "FILE",
    .options = options,
    .help = "Makes a checkpoint of what is in the archive, in the history of the workspace. The\n"
            "files of the workspace are not touched: firn restore brings the state back. With -\n"
            "the archive comes from standard input. If the newest checkpoint has the same\n"
            "tree, none is made.\n"
            "\n"
            "Archives of the forms ustar, pax and GNU are read: long names, symbolic and hard\n"
            "links, sparse files, extended attributes (SCHILY.xattr), times in nanoseconds. Of\n"
            "what firn export tar has written, the checkpoint has the same root hash.\n"
            "\n"
            "An entry with an absolute name, with .. in its name, below a link, or linked to\n"
            "a file that is not in the archive is left out, and so are devices and fifos. Each\n"
            "is named, and the exit code is 6; with --strict nothing is imported. If its files\n"
            "are larger than --max-bytes together, nothing is imported either. After a\n"
            "damaged header reading goes on at the next one that is intact. What firn save\n"
            "always leaves out, such as .git, is left out here too. Rules (.firnignore) of the\n"
            "archive exclude nothing without --rules. A restore of the checkpoint leaves alone\n"
            "what is at a path that was left out.\n"
            "\n"
            "The archive is unpacked into a private directory below TMPDIR (/var/tmp), saved,\n"
            "and removed there. Only root can keep "
            "owners; others name how many were lost.",
    .examples = examples,
    .uses = FI_COMMAND_USES_WORKSPACE | FI_COMMAND_USES_LOCK | FI_COMMAND_USES_STRICT,
    .run = import_unpack_run,
};
