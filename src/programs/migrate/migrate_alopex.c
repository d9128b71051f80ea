/* SPDX-License-Identifier: Apache-2.0
 *
 * migrate/migrate_alopex.c: databases and sorted tables of Alopex, from their files to a keyspace.
 *
 * A database that is open, or was not closed, is a directory: a log (migrate_wal.c) and tables
 * (migrate_table.c), of which a key's newest version counts. Since 0.8 a database NAME.alopex has
 * that directory beside it, NAME.alopex.d, and when it is closed becomes one file
 * (migrate_container.c). As long as the directory has a log it is the database, and the file an
 * older state. Here the log is read before the tables: what moves from it to a table meanwhile is
 * read twice, not missed.
 *
 * What can be read of the source is sorted first (migrate_versions.c), and the store opened after
 * that. Nothing is written to the source, no link in a directory is followed, and only regular
 * files are opened. While the lock of the database is held by another process it is refused;
 * otherwise it is held here for as long as the source is read.
 */
#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "migrate/migrate_internal.h"
#include "task/task.h"
#include "term/term.h"
#include "term/term_try.h"

enum {
    TELL_EVERY = 1024,
    FILE_MIN = 128 /* of a container */,
    META_SIZE = 24,
    ALXS_FOOTER = 16,
    ALXS_MIN = 32
};

struct fi_migrate_alopex {
    struct fi_cli *cli;
    enum fi_migrate_alopex_kind kind;
    bool is_damaged_taken;
    struct fi_task_notices notices;
    struct fi_migrate_versions *versions;
    const char *name; /* of the file that is read, for messages */
    int lock;         /* -1: none */
    uint64_t count;   /* of versions */
    uint64_t tables;
    bool has_log;
};

/* ---- what the readers find ---- */

static void
take_damage(void *ctx, const char *text)
{
    firn_error err;
    struct fi_migrate_alopex *alopex = ctx;
    if (fi_command_go_on(&err) != FIRN_OK) {
        return; /* it was stopped, and is not damaged */
    }
    firn_callbacks callbacks = fi_task_notices_callbacks(&alopex->notices);
    firn_notice notice = {
        .kind = FIRN_NOTICE_UNREADABLE, .path = firn_str(alopex->name), .text = text};
    callbacks.on_notice(callbacks.ctx, &notice);
}

static void
report_too_large(struct fi_migrate_alopex *alopex, const struct fi_migrate_version *version)
{
    char text[FIRN_ERROR_TEXT_SIZE];
    int shown = version->key.size < 40 ? (int)version->key.size : 40;
    (void)snprintf(
        text, sizeof(text),
        "the key '%.*s', of %zu bytes, or its value, of %zu, is too large for a store: this "
        "value is left out",
        shown, (const char *)version->key.data, version->key.size, version->value.size);
    take_damage(alopex, text);
}

static int
take_version(void *ctx, const struct fi_migrate_version *version, firn_error *err)
{
    struct fi_migrate_alopex *alopex = ctx;
    int code = fi_migrate_versions_put(alopex->versions, version, err);
    if (code == FIRN_LIMIT) {
        report_too_large(alopex, version);
        code = FIRN_OK;
    }
    if (code == FIRN_OK && ++alopex->count % TELL_EVERY == 0) {
        char number[FI_TERM_TEXT_NUMBER_SIZE];
        const struct fi_term_meter_state state = {
            .phase = "reading", .text = fi_term_text_number(alopex->count, number)};
        fi_term_meter_show(&state);
        code = fi_command_go_on(err);
    }
    return code;
}

/* ---- files ---- */

/* Reads nothing after a signal. */
static bool
read_file(void *ctx, uint64_t offset, uint8_t *data, size_t size)
{
    firn_error err;
    const int *fd = ctx;
    while (size > 0) {
        if (fi_command_go_on(&err) != FIRN_OK) {
            return false;
        }
        ssize_t got = pread(*fd, data, size, (off_t)offset);
        if (got <= 0 && !(got < 0 && errno == EINTR)) {
            return false;
        }
        size_t part = got > 0 ? (size_t)got : 0;
        data += part;
        offset += part;
        size -= part;
    }
    return true;
}

/* Opens a regular file. A fifo does not keep it waiting. */
static int
open_file(int directory, const char *name, int flags, int *out_fd, struct fi_migrate_span *out,
          firn_error *err)
{
    struct stat stat;
    *out_fd = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags);
    if (*out_fd < 0) {
        return fi_migrate_fail(err, errno == ENOENT ? FIRN_NOT_FOUND : FIRN_IO,
                               "could not open '%.400s': %s", name, strerror(errno));
    }
    if (fstat(*out_fd, &stat) != 0 || !S_ISREG(stat.st_mode)) {
        (void)close(*out_fd);
        *out_fd = -1;
        return fi_migrate_fail(err, FIRN_CORRUPT, "'%.400s' is not a regular file", name);
    }
    *out =
        (struct fi_migrate_span){.read = read_file, .ctx = out_fd, .size = (uint64_t)stat.st_size};
    return FIRN_OK;
}

/* Takes the database's lock, if it has one. */
static int
lock_database(struct fi_migrate_alopex *alopex, int directory, const char *name, firn_error *err)
{
    alopex->lock = openat(directory, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (alopex->lock >= 0 && flock(alopex->lock, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        return fi_migrate_fail(err, FIRN_BUSY,
                               "another process has the database open ('%.300s' is locked)", name);
    }
    return FIRN_OK;
}

/* ---- a directory ---- */

/* Reads a log or a table of a directory. One that cannot be opened is told of. */
static int
read_part(struct fi_migrate_alopex *alopex, int directory, const char *name, bool is_log,
          uint64_t floor, firn_error *err)
{
    firn_error open_err;
    int fd;
    struct fi_migrate_span span = {.size = 0};
    const struct fi_migrate_taker taker = {take_version, take_damage, alopex};
    const char *outer = alopex->name;
    alopex->name = name;
    int code = open_file(directory, name, O_NOFOLLOW, &fd, &span, &open_err);
    if (code != FIRN_OK) {
        bool is_missing = code == FIRN_NOT_FOUND && is_log;
        if (!is_missing) {
            take_damage(alopex, open_err.text);
        }
        alopex->name = outer;
        return FIRN_OK;
    }
    alopex->has_log = alopex->has_log || is_log;
    alopex->tables += !is_log;
    code = is_log ? fi_migrate_wal_read(&span, floor, &taker, err)
                  : fi_migrate_table_read(&span, &taker, NULL, err);
    (void)close(fd);
    alopex->name = outer;
    return code;
}

/* The number up to which tables have what the log has; 0 if that is not known. */
static uint64_t
read_floor(struct fi_migrate_alopex *alopex, int directory)
{
    int fd;
    uint8_t meta[META_SIZE];
    struct fi_migrate_span span = {.size = 0};
    if (open_file(directory, "checkpoint.meta", O_NOFOLLOW, &fd, &span, NULL) != FIRN_OK) {
        return 0;
    }
    bool is_sound = fi_migrate_span_read(&span, 0, meta, sizeof(meta)) &&
                    fi_migrate_span_u32(meta) == 1 &&
                    fi_migrate_span_crc_of(0, meta, 20) == fi_migrate_span_u32(meta + 20);
    (void)close(fd);
    if (!is_sound) {
        take_damage(alopex, "checkpoint.meta is damaged: all of the log is read");
    }
    return is_sound ? fi_migrate_span_u64(meta + 4) : 0;
}

static int
is_table_name(const struct dirent *entry)
{
    size_t size = strlen(entry->d_name);
    return size > 4 && strcmp(entry->d_name + size - 4, ".sst") == 0;
}

static int
read_tables(struct fi_migrate_alopex *alopex, int directory, firn_error *err)
{
    struct dirent **entries = NULL;
    int code = FIRN_OK;
    int tables = openat(directory, "sst", O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (tables < 0) {
        return errno == ENOENT
                   ? FIRN_OK
                   : fi_migrate_fail(err, FIRN_IO, "could not open 'sst': %s", strerror(errno));
    }
    int count = scandirat(tables, ".", &entries, is_table_name, versionsort);
    if (count < 0) {
        code = fi_migrate_fail(err, errno == ENOMEM ? FIRN_NO_MEMORY : FIRN_IO,
                               "could not read the directory 'sst': %s", strerror(errno));
    }
    for (int i = 0; i < count; i++) {
        code =
            code == FIRN_OK ? read_part(alopex, tables, entries[i]->d_name, false, 0, err) : code;
        free(entries[i]);
    }
    free(entries);
    (void)close(tables);
    return code;
}

static int
read_directory(struct fi_migrate_alopex *alopex, int directory, firn_error *err)
{
    if (alopex->lock < 0) {
        FI_TRY_RETURN(lock_database(alopex, directory, ".alopex.lock", err));
    }
    FI_TRY_RETURN(
        read_part(alopex, directory, "lsm.wal", true, read_floor(alopex, directory), err));
    FI_TRY_RETURN(read_tables(alopex, directory, err));
    if (!alopex->has_log && alopex->tables > 0) {
        take_damage(alopex, "it has no log (lsm.wal): what was only there is lost");
    }
    return !alopex->has_log && alopex->tables == 0
               ? fi_migrate_fail(err, FIRN_CORRUPT,
                                 "'%.400s' is no database of Alopex: it has neither "
                                 "a log nor tables",
                                 alopex->name)
               : FIRN_OK;
}

/* ---- a source ---- */

static int
read_single(struct fi_migrate_alopex *alopex, const char *path, firn_error *err)
{
    int fd;
    uint8_t head[24] = {0};
    uint8_t tail[4] = {0};
    struct fi_migrate_span span = {.size = 0};
    const struct fi_migrate_taker taker = {take_version, take_damage, alopex};
    int code = open_file(AT_FDCWD, path, 0, &fd, &span, err);
    if (code != FIRN_OK) {
        return code;
    }
    (void)(fi_migrate_span_read(&span, 0, head, span.size < 24 ? (size_t)span.size : 24) &&
           span.size >= 4 && fi_migrate_span_read(&span, span.size - 4, tail, sizeof(tail)));
    if (memcmp(head, "ALPX", 4) == 0 || memcmp(tail, "XPLA", 4) == 0) {
        code = fi_migrate_container_read(&span, &taker, &alopex->tables, err);
    } else if (memcmp(head, "ASST", 4) == 0 || memcmp(tail, "TSSA", 4) == 0) {
        alopex->tables = 1;
        code = fi_migrate_table_read(&span, &taker, NULL, err);
    } else if (memcmp(head + 16, "AWAL", 4) == 0 || memcmp(head + 20, "AWAL", 4) == 0) {
        alopex->has_log = true;
        code = fi_migrate_wal_read(&span, 0, &taker, err);
    } else if (fi_migrate_journal_is_one(&span)) {
        alopex->has_log = true;
        code = fi_migrate_journal_read(&span, &taker, err);
    } else {
        code = fi_migrate_fail(err, FIRN_CORRUPT, "'%.400s' is no file of Alopex%s", path,
                               memcmp(head, "ALXS", 4) == 0 ? ": it is a sorted table" : "");
    }
    (void)close(fd);
    return code;
}

/* Opens the directory that belongs to a path: itself, or NAME.alopex.d. -1: there is none. */
static int
open_directory(const char *path, bool *out_is_own)
{
    char beside[PATH_MAX];
    int directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    size_t size = strlen(path);
    *out_is_own = directory >= 0;
    if (directory < 0 && size > 7 && strcmp(path + size - 7, ".alopex") == 0 &&
        snprintf(beside, sizeof(beside), "%s.d", path) < (int)sizeof(beside)) {
        directory = open(beside, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    }
    return directory;
}

static int
read_store(struct fi_migrate_alopex *alopex, const char *path, firn_error *err)
{
    char lock[PATH_MAX];
    struct stat stat_now;
    bool is_own;
    size_t size = strlen(path);
    while (size > 1 && path[size - 1] == '/') {
        size--;
    }
    size -= size > 9 && strncmp(path + size - 9, ".alopex.d", 9) == 0 ? 2 : 0;
    int code = FIRN_OK;
    if (snprintf(lock, sizeof(lock), "%.*s.lock", (int)size, path) < (int)sizeof(lock) &&
        size > 7 && strncmp(path + size - 7, ".alopex", 7) == 0) {
        code = lock_database(alopex, AT_FDCWD, lock, err);
    }
    int directory = open_directory(path, &is_own);
    bool is_file = !is_own && stat(path, &stat_now) == 0 && S_ISREG(stat_now.st_mode);
    bool is_live = directory >= 0 && (is_own || faccessat(directory, "lsm.wal", F_OK, 0) == 0 ||
                                      !is_file || stat_now.st_size < FILE_MIN);
    if (code == FIRN_OK) {
        code = is_live ? read_directory(alopex, directory, err) : read_single(alopex, path, err);
    }
    if (directory >= 0) {
        (void)close(directory);
    }
    return code;
}

static void
take_alxs_damage(void *ctx, const firn_notice *notice)
{
    take_damage(ctx, notice->text);
}

/* A sorted table. Of a damaged one nothing is known to be intact. */
static int
read_alxs(struct fi_migrate_alopex *alopex, const char *path, firn_error *err)
{
    int fd;
    uint8_t footer[ALXS_FOOTER];
    struct fi_migrate_span span = {.size = 0};
    firn_alxs_info info = FIRN_ALXS_INFO_INIT;
    firn_alxs_verify_options options = FIRN_ALXS_VERIFY_OPTIONS_INIT;
    const struct fi_migrate_taker taker = {take_version, take_damage, alopex};
    FI_TRY_RETURN(open_file(AT_FDCWD, path, 0, &fd, &span, err));
    options.callbacks.on_notice = take_alxs_damage;
    options.callbacks.on_progress = fi_command_on_progress;
    options.callbacks.ctx = alopex;
    int code = firn_alxs_verify(path, &options, &info, err);
    bool is_sound = code == FIRN_OK;
    if (code == FIRN_CORRUPT && alopex->is_damaged_taken) {
        code = FIRN_OK;
    }
    if (code == FIRN_OK) {
        bool has_footer =
            span.size >= ALXS_MIN &&
            fi_migrate_span_read(&span, span.size - ALXS_FOOTER, footer, sizeof(footer)) &&
            memcmp(footer, "SSTF", 4) == 0;
        alopex->tables = 1;
        code = fi_migrate_alxs_read(&span, span.size - (has_footer ? ALXS_FOOTER : 0),
                                    is_sound ? &info.checksum : NULL, &taker, err);
    }
    (void)close(fd);
    return code;
}

/* ---- the interface ---- */

int
fi_migrate_alopex_open(struct fi_cli *cli, enum fi_migrate_alopex_kind kind, const char *path,
                       bool is_damaged_taken, struct fi_migrate_alopex **out)
{
    firn_error err;
    struct fi_migrate_alopex *alopex = calloc(1, sizeof(*alopex));
    *out = alopex;
    if (alopex == NULL) {
        return fi_command_report_no_memory(cli);
    }
    *alopex = (struct fi_migrate_alopex){
        .cli = cli, .kind = kind, .is_damaged_taken = is_damaged_taken, .name = path, .lock = -1};
    fi_task_notices_init(&alopex->notices, cli);
    int code = fi_migrate_versions_create(&alopex->versions, &err);
    if (code == FIRN_OK) {
        code = kind == FI_MIGRATE_ALOPEX_ALXS ? read_alxs(alopex, path, &err)
                                              : read_store(alopex, path, &err);
    }
    code = fi_command_go_on(&err) != FIRN_OK ? FIRN_CANCELLED : code;
    if (alopex->lock >= 0) {
        (void)close(alopex->lock);
        alopex->lock = -1;
    }
    if (code == FIRN_OK && cli->strict && alopex->notices.left_out > 0) {
        code =
            fi_migrate_fail(&err, FIRN_UNSUPPORTED, "not everything can be imported: nothing was");
    }
    code = code == FIRN_OK ? fi_migrate_versions_sort(alopex->versions, &err) : code;
    fi_term_meter_clear();
    if (code == FIRN_OK) {
        return FI_EXIT_OK;
    }
    fi_task_notices_json(&alopex->notices);
    const char *hint =
        code == FIRN_BUSY ? "close it there, or end that process"
        : code == FIRN_CORRUPT && kind == FI_MIGRATE_ALOPEX_ALXS
            ? "records that can be read are imported with --damaged; they may be wrong"
            : NULL;
    return fi_command_report_failure(cli, &err, hint);
}

/* Moves all that counts into a keyspace; only counts it if there is no sink. */
static int
migrate_alopex_move(struct fi_migrate_alopex *alopex, struct fi_migrate_sink *sink,
                    const char *keyspace, uint64_t *out_count, firn_error *err)
{
    bool is_end = false;
    firn_slice key;
    firn_slice value;
    int code = sink != NULL ? fi_migrate_sink_keyspace(sink, keyspace, true, err) : FIRN_OK;
    *out_count = 0;
    while (code == FIRN_OK) {
        code = fi_migrate_versions_next(alopex->versions, &key, &value, &is_end, err);
        if (code != FIRN_OK || is_end) {
            break;
        }
        *out_count += 1;
        code = sink != NULL                   ? fi_migrate_sink_entry(sink, key, value, err)
               : *out_count % TELL_EVERY == 0 ? fi_command_go_on(err)
                                              : FIRN_OK;
    }
    return code == FIRN_OK && sink != NULL ? fi_migrate_sink_end(sink, true, *out_count, err)
                                           : code;
}

static void
show_read(const struct fi_migrate_alopex *alopex)
{
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    bool is_alxs = alopex->kind == FI_MIGRATE_ALOPEX_ALXS;
    fi_term_json_u64("versions", alopex->count);
    fi_term_json_u64("tables", alopex->tables);
    fi_term_json_bool("log", alopex->has_log);
    fi_task_notices_json(&alopex->notices);
    if (!alopex->cli->quiet) {
        fi_term_out_format("read: %s %s", fi_term_text_number(alopex->count, number),
                           is_alxs ? fi_term_text_plural(alopex->count, "record", "records")
                                   : fi_term_text_plural(alopex->count, "version", "versions"));
        fi_term_out_format(" in %s %s%s\n", fi_term_text_number(alopex->tables, number),
                           fi_term_text_plural(alopex->tables, "table", "tables"),
                           alopex->has_log ? " and the log" : "");
    }
}

int
fi_migrate_alopex_load(struct fi_migrate_alopex *alopex, firn_store *store, const char *keyspace)
{
    firn_error err;
    firn_error undo_err;
    struct fi_migrate_sink *sink = NULL;
    uint64_t count = 0;
    char number[FI_TERM_TEXT_NUMBER_SIZE];
    int code = store != NULL ? fi_migrate_sink_create(store, &sink, &err) : FIRN_OK;
    code = code == FIRN_OK ? migrate_alopex_move(alopex, sink, keyspace, &count, &err) : code;
    fi_term_meter_clear();
    int exit_code = fi_task_notices_exit(&alopex->notices);
    if (code == FIRN_OK && sink != NULL) {
        fi_migrate_sink_show(sink, alopex->cli);
    } else if (code == FIRN_OK) {
        fi_term_json_u64("count", count);
        if (!alopex->cli->quiet) {
            fi_term_out_format("%s %s to import\n", fi_term_text_number(count, number),
                               fi_term_text_plural(count, "entry", "entries"));
        }
    } else {
        exit_code = fi_command_report_failure(
            alopex->cli, &err,
            code == FIRN_EXISTS ? "choose another keyspace with --keyspace, or drop that one"
                                : NULL);
        if (sink != NULL && fi_migrate_sink_undo(sink, &undo_err) != FIRN_OK) {
            fi_command_report_line("could not remove what was imported before: %s", undo_err.text);
        }
    }
    if (code == FIRN_OK) {
        show_read(alopex);
    }
    fi_migrate_sink_destroy(sink);
    return exit_code;
}

void
fi_migrate_alopex_close(struct fi_migrate_alopex *alopex)
{
    if (alopex != NULL) {
        fi_migrate_versions_destroy(alopex->versions);
        fi_task_notices_deinit(&alopex->notices);
        free(alopex);
    }
}
