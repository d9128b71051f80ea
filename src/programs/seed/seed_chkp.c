/* SPDX-License-Identifier: Apache-2.0
 *
 * seed/seed_chkp.c: firn chkp: packs of the seed, chkpt, from the command line.
 *
 * A FOLDER holds packs; without PACKs all of them are meant. A PACK is named by its 16 digits or by
 * one of its files. chkp pack alone writes, and only whole packs. chkp cat prints nothing that was
 * not verified: a small object is read before it is printed, a large one is read twice.
 *
 * A damaged pack does not keep the others from being read; it is named, and the exit code is 5.
 */
#include "seed/seed.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "term/term.h"
#include "term/term_try.h"

/* Objects up to this size are read as a whole. */
enum { READ_SIZE_MAX = 16 << 20 };

static const char damage_hint[] =
    "where only the .idx is damaged: firn chkp verify --rebuild-index FOLDER";

/* ---- what the commands share ---- */

/* Told so far. */
static uint64_t damage_count;

/* Whether the command was asked to stop, or its output goes nowhere. */
static int
go_on(void)
{
    return fi_term_signals_caught() != 0 || fi_term_out_error() != 0 ? FIRN_CANCELLED : FIRN_OK;
}

static int
failure(struct fi_cli *cli, firn_error *err)
{
    if (err->code == FIRN_CANCELLED) {
        memcpy(err->text, "interrupted", sizeof("interrupted"));
    }
    return fi_command_report_failure(cli, err, err->code == FIRN_CORRUPT ? damage_hint : NULL);
}

static void
on_notice(void *ctx, const firn_notice *notice)
{
    damage_count++;
    fi_command_report_damage(ctx, notice);
}

static int
on_progress(void *ctx, const firn_progress *progress)
{
    (void)ctx;
    (void)progress;
    return fi_term_signals_caught() != 0 ? FIRN_CANCELLED : FIRN_OK;
}

struct pack_name {
    char text[FIRN_CHKP_NAME_SIZE];
};

/* The packs that a command line names, or all of the folder. */
struct selection {
    struct pack_name *storage;
    const char **names; /* NULL: all */
    size_t count;
};

static void
selection_deinit(struct selection *selection)
{
    free(selection->storage);
    free(selection->names);
}

/* "pack-0123456789abcdef.dat", with or without the rest of a path, or the digits alone. */
static bool
read_pack_name(const char *argument, struct pack_name *out)
{
    const char *slash = strrchr(argument, '/');
    const char *name = slash == NULL ? argument : slash + 1;
    size_t size = strlen(name);
    if (strncmp(name, "pack-", 5) == 0 && size == 5 + FIRN_CHKP_NAME_SIZE - 1 + 4 &&
        (strcmp(name + size - 4, ".dat") == 0 || strcmp(name + size - 4, ".idx") == 0)) {
        name += 5;
        size -= 9;
    }
    if (size != FIRN_CHKP_NAME_SIZE - 1 || strspn(name, "0123456789abcdef") < size) {
        return false;
    }
    memcpy(out->text, name, size);
    out->text[size] = '\0';
    return true;
}

/* Reads the positional arguments from `first` on. Returns an exit code. */
static int
selection_init(struct fi_cli *cli, int first, struct selection *out)
{
    assert(first <= cli->argument_count);
    memset(out, 0, sizeof(*out));
    if (cli->argument_count <= first) {
        return FI_EXIT_OK;
    }
    size_t count = (size_t)(cli->argument_count - first);
    out->storage = calloc(count, sizeof(*out->storage));
    out->names = calloc(count, sizeof(*out->names));
    if (out->storage == NULL || out->names == NULL) {
        return fi_command_report_no_memory(cli);
    }
    for (; out->count < count; out->count++) {
        const char *argument = cli->arguments[first + (int)out->count];
        if (!read_pack_name(argument, &out->storage[out->count])) {
            return fi_command_misused(cli,
                                      "'%s' is not a pack: 16 digits from 0 to f, or a file "
                                      "pack-DIGITS.dat",
                                      argument);
        }
        out->names[out->count] = out->storage[out->count].text;
    }
    return FI_EXIT_OK;
}

/* Opens the packs of the folder that the first argument names. Returns an exit code. */
static int
open_set(struct fi_cli *cli, int first_pack, void (*notice)(void *ctx, const firn_notice *notice),
         firn_chkp_set **out)
{
    firn_error err;
    struct selection selection;
    firn_chkp_set_options options = FIRN_CHKP_SET_OPTIONS_INIT;
    options.callbacks.on_notice = notice;
    options.callbacks.ctx = cli;
    int exit_code = selection_init(cli, first_pack, &selection);
    if (exit_code == FI_EXIT_OK &&
        firn_chkp_set_open(cli->arguments[0], selection.names, selection.count, &options, out,
                           &err) != FIRN_OK) {
        exit_code = failure(cli, &err);
    }
    selection_deinit(&selection);
    return exit_code;
}

/* ---- list ---- */

struct listing {
    const struct fi_cli *cli;
    uint64_t objects;
};

static int
show_entry(void *ctx, const char *name, const firn_chkp_entry *entry)
{
    struct listing *listing = ctx;
    char hex[FIRN_HASH_HEX_SIZE];
    listing->objects++;
    fi_term_json_object(NULL);
    fi_term_json_hash("hash", &entry->hash);
    fi_term_json_string("pack", name);
    fi_term_json_u64("offset", entry->offset);
    fi_term_json_u64("stored_size", entry->stored_size);
    fi_term_json_end();
    firn_hash_to_hex(&entry->hash, hex);
    fi_term_out_format("%s\t%s\t%llu\t%llu\n", hex, name, (unsigned long long)entry->offset,
                       (unsigned long long)entry->stored_size);
    return go_on();
}

static int
run_list(struct fi_cli *cli)
{
    assert(cli->argument_count > 0);
    firn_error err;
    firn_chkp_set *set = NULL;
    struct listing listing = {cli, 0};
    fi_term_json_array("damage");
    int exit_code = open_set(cli, 1, on_notice, &set);
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    fi_term_json_end();
    fi_term_json_array("objects");
    int code = firn_chkp_set_list(set, show_entry, &listing, &err);
    fi_term_json_unwind();
    fi_term_json_u64("packs", firn_chkp_set_count(set));
    fi_term_json_u64("count", listing.objects);
    if (code != FIRN_OK) {
        exit_code = failure(cli, &err);
    }
    firn_chkp_set_close(set);
    return exit_code;
}

/* ---- cat ---- */

static int
seed_chkp_drop(void *ctx, firn_slice data, firn_error *err)
{
    (void)ctx;
    (void)data;
    (void)err;
    return go_on();
}

static int
seed_chkp_print(void *ctx, firn_slice data, firn_error *err)
{
    (void)ctx;
    (void)err;
    fi_term_out_write(data.data, data.size);
    return go_on();
}

/* Prints an object that is too large to be kept. Returns a code of the library. */
static int
cat_large(firn_chkp_set *set, const firn_hash *hash, firn_error *err)
{
    FI_TRY_RETURN(firn_chkp_set_stream(set, hash, seed_chkp_drop, NULL, err));
    return firn_chkp_set_stream(set, hash, seed_chkp_print, NULL, err);
}

static int
run_cat(struct fi_cli *cli)
{
    assert(cli->argument_count > 1);
    firn_error err;
    firn_hash hash;
    firn_chkp_set *set = NULL;
    uint8_t *data = NULL;
    size_t size = 0;
    if (firn_hash_from_hex(firn_str(cli->arguments[1]), &hash) != FIRN_OK) {
        return fi_command_misused(cli, "HASH is not 64 hexadecimal digits: '%s'",
                                  cli->arguments[1]);
    }
    int exit_code = open_set(cli, 2, NULL, &set);
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    int code = firn_chkp_set_read(set, &hash, READ_SIZE_MAX, &data, &size, &err);
    if (code == FIRN_OK) {
        fi_term_json_hash("hash", &hash);
        fi_term_json_bytes("content", firn_bytes(data, size));
        fi_term_out_write(data, size);
    } else if (code == FIRN_LIMIT && !cli->json) {
        code = cat_large(set, &hash, &err);
    }
    if (code != FIRN_OK) {
        exit_code = failure(cli, &err);
    }
    firn_release(data);
    firn_chkp_set_close(set);
    return exit_code;
}

/* ---- verify ---- */

struct rebuilding {
    const char *folder;
    firn_error *err;
    int code; /* of the first pack that failed */
    firn_error problem;
};

/* Continues with the other packs: verify reports the damage of this one. */
static int
seed_chkp_rebuild(void *ctx, const char *name)
{
    struct rebuilding *rebuilding = ctx;
    int code = firn_chkp_rebuild_index(rebuilding->folder, name, NULL, &rebuilding->problem);
    if (code != FIRN_OK && code != FIRN_CORRUPT && code != FIRN_NEWER &&
        rebuilding->code == FIRN_OK) {
        rebuilding->code = code;
        *rebuilding->err = rebuilding->problem;
    }
    return go_on();
}

/* Returns an exit code. */
static int
rebuild_indexes(struct fi_cli *cli)
{
    firn_error err;
    struct selection selection;
    struct rebuilding rebuilding = {.folder = cli->arguments[0], .err = &err};
    int exit_code = selection_init(cli, 1, &selection);
    if (exit_code == FI_EXIT_OK) {
        int code = FIRN_OK;
        if (selection.storage == NULL) {
            code = firn_chkp_list_packs(cli->arguments[0], seed_chkp_rebuild, &rebuilding,
                                        &rebuilding.problem);
        } else {
            for (size_t i = 0; i < selection.count && code == FIRN_OK; i++) {
                code = seed_chkp_rebuild(&rebuilding, selection.storage[i].text);
            }
        }
        if (rebuilding.code != FIRN_OK) {
            exit_code = failure(cli, &err);
        } else if (code != FIRN_OK) {
            rebuilding.problem.code = code;
            exit_code = failure(cli, &rebuilding.problem);
        }
    }
    selection_deinit(&selection);
    return exit_code;
}

static void
show_verified(struct fi_cli *cli, const firn_chkp_set *set, bool is_damaged)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    uint64_t packs = firn_chkp_set_count(set);
    uint64_t objects = firn_chkp_set_object_count(set);
    fi_term_json_u64("packs", packs);
    fi_term_json_u64("objects", objects);
    if (!cli->quiet) {
        fi_term_out_format("%s %s, ", fi_term_text_number(packs, number),
                           fi_term_text_plural(packs, "pack", "packs"));
        fi_term_out_format("%s %s: %s\n", fi_term_text_number(objects, number),
                           fi_term_text_plural(objects, "object", "objects"),
                           is_damaged ? "damaged" : "no damage");
    }
}

static int
run_verify(struct fi_cli *cli)
{
    assert(cli->argument_count > 0);
    firn_error err;
    firn_chkp_set *set = NULL;
    int exit_code = FI_EXIT_OK;
    if (fi_command_has(cli, "rebuild-index")) {
        exit_code = rebuild_indexes(cli);
    }
    if (exit_code == FI_EXIT_OK) {
        exit_code = open_set(cli, 1, NULL, &set);
    }
    if (exit_code != FI_EXIT_OK) {
        return exit_code;
    }
    fi_term_json_array("damage");
    firn_chkp_verify_options options = FIRN_CHKP_VERIFY_OPTIONS_INIT;
    options.callbacks = (firn_callbacks){on_notice, on_progress, cli};
    int code = firn_chkp_set_verify(set, &options, &err);
    fi_term_json_unwind();
    if (code != FIRN_CANCELLED) {
        show_verified(cli, set, code != FIRN_OK);
    }
    if (code == FIRN_CORRUPT) {
        char number[FI_TERM_TEXT_NUMBER_SIZE];
        exit_code =
            fi_command_report_error(cli, code, damage_hint, "damage in '%s': %s %s",
                                    cli->arguments[0], fi_term_text_number(damage_count, number),
                                    fi_term_text_plural(damage_count, "part", "parts"));
    } else if (code != FIRN_OK) {
        exit_code = failure(cli, &err);
    }
    firn_chkp_set_close(set);
    return exit_code;
}

/* ---- pack ---- */

struct input {
    int fd;
    int failed_errno;
};

static int
read_input(void *ctx, void *buffer, size_t capacity, size_t *out_size, firn_error *err)
{
    struct input *input = ctx;
    (void)err;
    ssize_t got;
    do {
        if (fi_term_signals_caught() != 0) {
            return FIRN_CANCELLED;
        }
        got = read(input->fd, buffer, capacity);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        input->failed_errno = errno;
        return FIRN_IO;
    }
    *out_size = (size_t)got;
    return FIRN_OK;
}

static void
show_added(struct fi_cli *cli, const char *path, const firn_hash *hash, bool is_new)
{
    assert(path != NULL && hash != NULL);
    fi_term_json_object(NULL);
    fi_term_json_hash("hash", hash);
    fi_term_json_bytes("path", firn_str(path));
    fi_term_json_bool("is_new", is_new);
    fi_term_json_end();
    if (!cli->quiet) {
        char hex[FIRN_HASH_HEX_SIZE];
        firn_hash_to_hex(hash, hex);
        fi_term_out_format("%s\t", hex);
        fi_term_text_escape(firn_str(path), fi_term_out_write);
        fi_term_out_text("\n");
    }
}

/* Adds the bytes of a file, or of standard input for "-". Returns an exit code. */
static int
add_file(struct fi_cli *cli, firn_chkp_writer *writer, const char *path)
{
    firn_error err;
    firn_hash hash;
    bool is_new;
    bool is_stdin = strcmp(path, "-") == 0;
    struct input input = {STDIN_FILENO, 0};
    if (!is_stdin) {
        input.fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (input.fd < 0) {
        return fi_command_report_error(cli, errno == ENOENT ? FIRN_NOT_FOUND : FIRN_IO, NULL,
                                       "could not open '%s': %s", path, strerror(errno));
    }
    int code = firn_chkp_writer_add_stream(writer, read_input, &input, &hash, &is_new, &err);
    if (!is_stdin) {
        (void)close(input.fd); /* only read */
    }
    if (code != FIRN_OK && input.failed_errno != 0) {
        return fi_command_report_error(cli, FIRN_IO, NULL, "could not read '%s': %s", path,
                                       strerror(input.failed_errno));
    }
    if (code != FIRN_OK) {
        return failure(cli, &err);
    }
    show_added(cli, path, &hash, is_new);
    return FI_EXIT_OK;
}

static int
run_pack(struct fi_cli *cli)
{
    assert(cli->argument_count > 1);
    firn_error err;
    firn_chkp_writer *writer = NULL;
    char name[FIRN_CHKP_NAME_SIZE];
    if (firn_chkp_writer_create(cli->arguments[0], &writer, &err) != FIRN_OK) {
        return failure(cli, &err);
    }
    fi_term_json_array("objects");
    int exit_code = FI_EXIT_OK;
    for (int i = 1; i < cli->argument_count && exit_code == FI_EXIT_OK; i++) {
        exit_code = add_file(cli, writer, cli->arguments[i]);
    }
    uint64_t count = firn_chkp_writer_count(writer);
    if (exit_code == FI_EXIT_OK && firn_chkp_writer_finish(writer, name, &err) != FIRN_OK) {
        exit_code = failure(cli, &err);
    }
    firn_chkp_writer_destroy(writer);
    if (exit_code == FI_EXIT_OK) {
        fi_term_json_unwind();
        fi_term_json_string("pack", name);
        fi_term_json_u64("count", count);
        fi_term_out_format("%s\n", name);
    }
    return exit_code;
}

/* ---- the table ---- */

static const struct fi_command list = {
    .name = "list",
    .summary = "List the objects in packs",
    .arguments = "FOLDER [PACK...]",
    .help = "Prints one row for each object: its hash, its pack, the offset of its entry and\n"
            "its stored size, separated by tabs. Packs come one after the other, each in the\n"
            "order of hashes.",
    .examples =
        (const struct fi_command_example[]){
            {"firn chkp list .chkpt/packs", "list what these packs contain"},
            {NULL, NULL},
        },
    .run = run_list,
};

static const struct fi_command cat = {
    .name = "cat",
    .summary = "Print an object",
    .arguments = "FOLDER HASH [PACK...]",
    .help = "Prints the bytes of the object after comparing them with the hash. HASH is 64\n"
            "hexadecimal digits. With --json the object must not be larger than 16 MiB.",
    .run = run_cat,
};

static const struct fi_command verify = {
    .name = "verify",
    .summary = "Read and verify all of the packs",
    .arguments = "FOLDER [PACK...]",
    .options =
        (const struct fi_command_option[]){
            {"rebuild-index", 0, NULL, "first rebuild the .idx files from the .dat files"},
            {NULL, 0, NULL, NULL},
        },
    .help = "Checks structure, index, every object and the name of each pack. Each damaged\n"
            "item is named, and the exit code is 5. Nothing is changed, except with\n"
            "--rebuild-index, which leaves the index of a damaged .dat alone.",
    .run = run_verify,
};

static const struct fi_command pack = {
    .name = "pack",
    .summary = "Write the contents of files into a new pack",
    .arguments = "FOLDER FILE...",
    .help = "Prints a row with hash and name for each file, and then the name of the pack,\n"
            "which is on disk when the command returns. A FILE of - is standard input. If a\n"
            "file cannot be read no pack is written. FOLDER must exist.",
    .examples =
        (const struct fi_command_example[]){
            {"firn chkp pack packs notes.txt logo.png", "write two objects into a new pack"},
            {NULL, NULL},
        },
    .run = run_pack,
};

static const struct fi_command *const members[] = {&list, &cat, &verify, &pack, NULL};

const struct fi_command fi_seed_chkp = {
    .name = "chkp",
    .summary = "Read and write packs of chkpt",
    .arguments = "",
    .help = "FOLDER is a directory with files pack-DIGITS.dat and pack-DIGITS.idx: packs of\n"
            "objects in the format of chkpt-core 0.2.0. PACK is the digits or either of the\n"
            "files; without it, a command uses all packs in the folder.",
    .members = members,
};
