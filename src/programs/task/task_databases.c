/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_databases.c: which rows of SQLite databases differ between two states of a workspace.
 *
 * No other call may use the workspace while the library compares. So the paths of possible
 * databases are noted then, and the files are compared afterwards. Each file, with its write-ahead
 * log, is fetched from both states into a private directory, and removed after the comparison. A
 * file that is not a database is given up after its first bytes.
 *
 * On disk, a database that a process has open is copied through SQLite (sqlitefile.h); others are
 * copied as files. A database with a rollback journal that was not played back is not compared: the
 * playback could touch other files.
 */
#include "task/task.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sqlitefile/sqlitefile.h"
#include "term/term.h"

enum { PAGE_SIZE_MIN = 512, HEAD_SIZE = 16, LOCKING_SIZE = 512, PATH_ROOM = 4096, BLOCK = 1 << 16 };

static const char magic[HEAD_SIZE] = "SQLite format 3";
static const uint8_t journal_magic[8] = {0xd9, 0xd5, 0x05, 0xf9, 0x20, 0xa1, 0x63, 0xd7};
static const off_t locking_byte = (off_t)1 << 30;

/* ---- noting ---- */

bool
fi_task_databases_note(struct fi_task_databases *databases,
                       const firn_workspace_difference *difference)
{
    assert(databases->size <= databases->capacity);
    const firn_workspace_change *change = &difference->change;
    const firn_workspace_entry *before = change->before;
    const firn_workspace_entry *after = change->after;
    if (change->kind != FIRN_CHANGE_CONTENT || before == NULL || after == NULL ||
        before->type != FIRN_ENTRY_FILE || after->type != FIRN_ENTRY_FILE ||
        before->size_bytes < PAGE_SIZE_MIN || after->size_bytes < PAGE_SIZE_MIN ||
        before->size_bytes % PAGE_SIZE_MIN != 0 || after->size_bytes % PAGE_SIZE_MIN != 0) {
        return true;
    }
    if (databases->size + after->path.size + 1 > databases->capacity) {
        size_t capacity = 2 * (databases->size + after->path.size + 1);
        char *paths = realloc(databases->paths, capacity);
        if (paths == NULL) {
            return false;
        }
        databases->paths = paths;
        databases->capacity = capacity;
    }
    memcpy(databases->paths + databases->size, after->path.data, after->path.size);
    databases->size += after->path.size;
    databases->paths[databases->size++] = '\0';
    return true;
}

void
fi_task_databases_deinit(struct fi_task_databases *databases)
{
    free(databases->paths);
    memset(databases, 0, sizeof *databases);
}

/* ---- fetching ---- */

enum fetched { FETCHED, NO_DATABASE, CANNOT };

struct fetching {
    firn_workspace *workspace;
    const char *reference; /* NULL: the disk */
    const char *path;
    const char *to; /* the directory of the copies */
    const char *name;
    firn_error *err;
};

static enum fetched
cannot(const struct fetching *fetching, const char *why)
{
    memset(fetching->err, 0, sizeof *fetching->err);
    fetching->err->code = FIRN_IO;
    (void)snprintf(fetching->err->text, sizeof fetching->err->text, "%s", why);
    return CANNOT;
}

struct receiving {
    int file;
    const char *head; /* what it has to begin with; NULL: anything */
    size_t head_size;
    uint64_t size;
    bool is_other;
    bool has_failed;
};

static int
task_databases_take(void *ctx, firn_slice data, firn_error *err)
{
    (void)err;
    struct receiving *receiving = ctx;
    assert(receiving->head == NULL || receiving->head_size > 0);
    if (receiving->size == 0 && receiving->head != NULL) {
        receiving->is_other = data.size < receiving->head_size ||
                              memcmp(data.data, receiving->head, receiving->head_size) != 0;
    }
    size_t at = 0;
    while (!receiving->is_other && !receiving->has_failed && at < data.size) {
        ssize_t done = write(receiving->file, data.data + at, data.size - at);
        receiving->has_failed = done <= 0;
        at += done > 0 ? (size_t)done : 0;
    }
    receiving->size += data.size;
    return receiving->is_other || receiving->has_failed ? FIRN_CANCELLED : FIRN_OK;
}

static int
task_databases_create(const struct fetching *fetching, const char *suffix)
{
    char path[PATH_ROOM];
    int size = snprintf(path, sizeof path, "%s/%s%s", fetching->to, fetching->name, suffix);
    return size < (int)sizeof path
               ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600)
               : -1;
}

/* One file of a checkpoint; *out_size 0 where there is none. */
static int
task_databases_receive(const struct fetching *fetching, const char *suffix,
                       struct receiving *receiving)
{
    assert(fetching->reference != NULL);
    char path[PATH_ROOM];
    int size = snprintf(path, sizeof path, "%s%s", fetching->path, suffix);
    int code = size < (int)sizeof path
                   ? firn_workspace_cat(fetching->workspace, fetching->reference, firn_str(path),
                                        task_databases_take, receiving, NULL, fetching->err)
                   : FIRN_NOT_FOUND;
    return receiving->is_other || code == FIRN_NOT_FOUND || code == FIRN_INVALID ? FIRN_OK : code;
}

/* Whether a database in a checkpoint has a journal beside it that was not played back. */
static int
find_journal(const struct fetching *fetching, bool *out)
{
    struct receiving receiving = {
        .file = -1, .head = (const char *)journal_magic, .head_size = sizeof journal_magic};
    int code = task_databases_receive(fetching, "-journal", &receiving);
    /* With that head it was to be written, to no file. */
    *out = receiving.has_failed;
    return receiving.has_failed ? FIRN_OK : code;
}

static enum fetched
fetch_saved(const struct fetching *fetching)
{
    assert(fetching->reference != NULL);
    struct receiving receiving = {.head = magic, .head_size = sizeof magic};
    bool has_journal = false;
    receiving.file = task_databases_create(fetching, "");
    int code = receiving.file >= 0 ? task_databases_receive(fetching, "", &receiving) : FIRN_IO;
    if (receiving.file < 0 || receiving.has_failed) {
        (void)cannot(fetching, strerror(errno));
    }
    bool is_closed = receiving.file >= 0 && close(receiving.file) == 0;
    if (receiving.is_other || code != FIRN_OK || !is_closed) {
        return receiving.is_other ? NO_DATABASE : CANNOT;
    }
    code = find_journal(fetching, &has_journal);
    if (code != FIRN_OK) {
        return CANNOT;
    }
    if (has_journal) {
        return cannot(fetching, "it has an unfinished transaction");
    }
    receiving = (struct receiving){.file = task_databases_create(fetching, "-wal")};
    code = receiving.file >= 0 ? task_databases_receive(fetching, "-wal", &receiving) : FIRN_IO;
    is_closed = receiving.file >= 0 && close(receiving.file) == 0;
    return code == FIRN_OK && is_closed ? FETCHED : CANNOT;
}

/* Copies a file of the disk; 0 where there is none, else 1, or -1. */
static int
copy_file(const struct fetching *fetching, const char *from, const char *suffix)
{
    assert(from[0] == '/');
    char path[PATH_ROOM];
    int size = snprintf(path, sizeof path, "%s%s", from, suffix);
    struct stat stat;
    struct receiving receiving = {.file = -1};
    if (size >= (int)sizeof path) {
        return -1;
    }
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    if (file < 0 || fstat(file, &stat) != 0 || !S_ISREG(stat.st_mode)) {
        int result = file < 0 && errno == ENOENT ? 0 : -1;
        (void)(file < 0 || close(file));
        return result;
    }
    receiving.file = task_databases_create(fetching, suffix);
    uint8_t *block = malloc(BLOCK);
    ssize_t got = receiving.file >= 0 && block != NULL ? read(file, block, BLOCK) : -1;
    while (got > 0 &&
           task_databases_take(&receiving, firn_bytes(block, (size_t)got), NULL) == FIRN_OK) {
        got = read(file, block, BLOCK);
    }
    free(block);
    (void)close(file);
    bool is_closed = receiving.file >= 0 && close(receiving.file) == 0;
    return got == 0 && is_closed ? 1 : -1;
}

/* The state of a file on disk: whether it is a database, in use, or with a journal to be played
 * back. */
static enum fetched
inspect_disk(const struct fetching *fetching, const char *from, bool *out_is_in_use)
{
    char head[HEAD_SIZE];
    char path[PATH_ROOM];
    struct flock lock = {
        .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = locking_byte, .l_len = LOCKING_SIZE};
    int file = open(from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
    bool is_read = file >= 0 && pread(file, head, sizeof head, 0) == (ssize_t)sizeof head;
    bool is_asked = file >= 0 && fcntl(file, F_GETLK, &lock) == 0;
    (void)(file < 0 || close(file));
    if (file < 0) {
        return cannot(fetching, strerror(errno));
    }
    *out_is_in_use = is_asked && lock.l_type != F_UNLCK;
    if (!is_read || memcmp(head, magic, sizeof magic) != 0) {
        return NO_DATABASE;
    }
    int size = snprintf(path, sizeof path, "%s-journal", from);
    file = size < (int)sizeof path
               ? open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
               : -1;
    bool has_journal =
        file >= 0 && pread(file, head, sizeof journal_magic, 0) == (ssize_t)sizeof journal_magic &&
        memcmp(head, journal_magic, sizeof journal_magic) == 0;
    (void)(file < 0 || close(file));
    return has_journal && !*out_is_in_use ? cannot(fetching, "it has an unfinished transaction")
                                          : FETCHED;
}

/* The copy of a database in use, moved to where the other files are. */
static enum fetched
copy_in_use(const struct fetching *fetching, const char *from)
{
    assert(from[0] == '/');
    char copy[PATH_ROOM];
    char to[PATH_ROOM];
    char place[PATH_ROOM];
    (void)snprintf(place, sizeof place, "%s", fetching->to);
    int code = fi_sqlitefile_copy(place, from, copy, sizeof copy, fetching->err);
    if (code != FIRN_OK) {
        return CANNOT;
    }
    int size = snprintf(to, sizeof to, "%s/%s", fetching->to, fetching->name);
    if (size >= (int)sizeof to || rename(copy, to) != 0) {
        (void)unlink(copy);
        return cannot(fetching, strerror(errno));
    }
    return FETCHED;
}

static enum fetched
fetch_present(const struct fetching *fetching)
{
    assert(fetching->reference == NULL);
    char from[PATH_ROOM];
    bool is_in_use = false;
    int size = snprintf(from, sizeof from, "%s/%s", firn_workspace_root(fetching->workspace),
                        fetching->path);
    if (size >= (int)sizeof from) {
        return cannot(fetching, "its path is too long");
    }
    enum fetched fetched = inspect_disk(fetching, from, &is_in_use);
    if (fetched != FETCHED) {
        return fetched;
    }
    if (is_in_use) {
        return copy_in_use(fetching, from);
    }
    return copy_file(fetching, from, "") == 1 && copy_file(fetching, from, "-wal") >= 0
               ? FETCHED
               : cannot(fetching, strerror(errno));
}

/* ---- comparing ---- */

static void
remove_all(const char *place)
{
    assert(place[0] == '/');
    static const char *const suffixes[] = {"", "-wal", "-shm", "-journal"};
    char path[PATH_ROOM];
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        (void)snprintf(path, sizeof path, "%s/before%s", place, suffixes[i]);
        (void)unlink(path);
        (void)snprintf(path, sizeof path, "%s/after%s", place, suffixes[i]);
        (void)unlink(path);
    }
    (void)rmdir(place);
}

/* Says that a database was not compared, and why. */
static void
show_why(const struct fi_sqlitefile_show *show, const firn_error *err)
{
    fi_term_json_object(NULL);
    fi_term_json_bytes("path", show->path);
    fi_term_json_text("not_compared", firn_str(err->text));
    fi_term_json_end();
    fi_term_out_text(show->is_patch ? "# " : "");
    if (show->is_patch) {
        fi_term_text_escape(show->path, fi_term_out_write);
    } else {
        fi_term_path_print(show->path);
    }
    fi_term_out_text(": rows were not compared: ");
    fi_term_text_escape(firn_str(err->text), fi_term_out_write);
    fi_term_out_text("\n");
}

static int
compare_one(firn_workspace *workspace, const char *path, const char *before, const char *after,
            struct fi_sqlitefile_show *show, firn_error *err)
{
    assert(before != NULL);
    char place[PATH_ROOM];
    char old_file[PATH_ROOM];
    char new_file[PATH_ROOM];
    int size = snprintf(place, sizeof place, "%.3000s/firn-sqlite-XXXXXX", fi_sqlitefile_place());
    char *real = size < (int)sizeof place && mkdtemp(place) != NULL ? realpath(place, NULL) : NULL;
    struct fetching from = {workspace, before, path, place, "before", err};
    struct fetching to = {workspace, after, path, place, "after", err};
    show->path = firn_str(path);
    if (real == NULL) {
        (void)cannot(&from, strerror(errno));
        show_why(show, err);
        return FIRN_OK;
    }
    enum fetched fetched = fetch_saved(&from);
    if (fetched == FETCHED) {
        fetched = after != NULL ? fetch_saved(&to) : fetch_present(&to);
    }
    int code = FIRN_OK;
    if (fetched == FETCHED) {
        (void)snprintf(old_file, sizeof old_file, "%.4000s/before", real);
        (void)snprintf(new_file, sizeof new_file, "%.4000s/after", real);
        code = fi_sqlitefile_diff(old_file, new_file, show, err);
    }
    if (fetched == CANNOT || code == FIRN_CORRUPT || code == FIRN_UNSUPPORTED) {
        show_why(show, err);
        code = FIRN_OK;
    }
    remove_all(real);
    free(real);
    return code;
}

int
fi_task_databases_compare(const struct fi_task_databases *databases, firn_workspace *workspace,
                          const char *before, const char *after, struct fi_sqlitefile_show *show,
                          firn_error *err)
{
    int code = FIRN_OK;
    assert(before != NULL);
    for (size_t at = 0; at < databases->size && code == FIRN_OK;
         at += strlen(databases->paths + at) + 1) {
        code = compare_one(workspace, databases->paths + at, before, after, show, err);
    }
    return code;
}
