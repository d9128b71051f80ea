/* SPDX-License-Identifier: Apache-2.0
 *
 * data/data_source.c: the text that is imported: a file, or standard input.
 *
 * The beginning is read several times: to find its form, to guess columns, and as rows. It is kept in memory for that,
 * because the input may come from a pipe.
 *
 * Files that are not text are recognised by their first bytes. They are refused, with a hint that names the command that
 * converts them.
 */
#include "data/data_internal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "term/term.h"

/* Reads from the file. Returns a code of the library. */
static int
read_file(struct firn_data_source *source, void *buffer, size_t capacity, size_t *out_size,
          firn_error *err)
{
    assert(capacity > 0);
    ssize_t got;
    do {
        struct pollfd input = {.fd = source->fd, .events = POLLIN};
        (void)poll(&input, 1, -1);
        int code = firn_command_go_on(err);
        if (code != FIRN_OK) {
            return code;
        }
        got = read(source->fd, buffer, capacity);
    } while (got < 0 && (errno == EINTR || errno == EAGAIN));
    if (got < 0) {
        err->code = FIRN_IO;
        err->os_errno = errno;
        (void)snprintf(err->text, sizeof(err->text), "could not read '%.400s': %s", source->name,
                       strerror(errno));
        return err->code;
    }
    *out_size = (size_t)got;
    return FIRN_OK;
}

/* Appends to what is kept. */
static int
keep(struct firn_data_source *source, const void *data, size_t size, firn_error *err)
{
    if (firn_data_bytes_reserve(source->cli, &source->kept, size) != FIRN_EXIT_OK) {
        source->has_no_memory = true; /* it was told */
        err->code = FIRN_NO_MEMORY;
        (void)snprintf(err->text, sizeof(err->text), "%s", firn_code_text(FIRN_NO_MEMORY));
        return FIRN_NO_MEMORY;
    }
    memcpy(source->kept.data + source->kept.size, data, size);
    source->kept.size += size;
    return FIRN_OK;
}

int
firn_data_source_read(void *ctx, void *buffer, size_t capacity, size_t *out_size, firn_error *err)
{
    struct firn_data_source *source = ctx;
    size_t left = source->kept.size - source->at;
    if (left > 0) {
        *out_size = left < capacity ? left : capacity;
        memcpy(buffer, source->kept.data + source->at, *out_size);
        source->at += *out_size;
        return FIRN_OK;
    }
    int code = read_file(source, buffer, capacity, out_size, err);
    if (code == FIRN_OK && source->keeps && *out_size > 0) {
        code = keep(source, buffer, *out_size, err);
        source->at = source->kept.size;
    }
    return code;
}

int
firn_data_source_open(struct firn_cli *cli, const char *path, struct firn_data_source *out)
{
    bool is_stdin = strcmp(path, "-") == 0;
    out->cli = cli;
    out->name = is_stdin ? "standard input" : path;
    out->fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    return out->fd >= 0
               ? FIRN_EXIT_OK
               : firn_command_report_error(cli, errno == ENOENT ? FIRN_NOT_FOUND : FIRN_IO, NULL,
                                           "could not open '%s': %s", path, strerror(errno));
}

void
firn_data_source_close(struct firn_data_source *source)
{
    if (source->fd > STDIN_FILENO) {
        (void)close(source->fd); /* only read */
    }
    firn_data_bytes_deinit(&source->kept);
}

/* ---- what it is ---- */

struct magic {
    const char *bytes;
    size_t size;
    const char *what;
    const char *hint; /* with the name of the file for %s */
};

#define MAGIC(bytes, what, hint)             \
    {                                        \
        bytes, sizeof(bytes) - 1, what, hint \
    }
#define PYTHON "Python's pyarrow reads it; import_arrow of the Python package takes the result"

static const struct magic magics[] = {
    MAGIC("\x1f\x8b", "compressed by gzip", "gunzip -c '%s' | firn db table import ..."),
    MAGIC("\x28\xb5\x2f\xfd", "compressed by zstd", "zstd -dc '%s' | firn db table import ..."),
    MAGIC("BZh", "compressed by bzip2", "bzip2 -dc '%s' | firn db table import ..."),
    MAGIC("\xfd"
          "7zXZ",
          "compressed by xz", "xz -dc '%s' | firn db table import ..."),
    MAGIC("PK\x03\x04", "a ZIP archive or a spreadsheet",
          "unzip -p '%s' NAME | firn db table import ...; a spreadsheet is first saved as CSV"),
    MAGIC("PAR1", "a Parquet file",
          "duckdb -csv -c \"FROM '%s'\" | firn db table import -c ...; or " PYTHON),
    MAGIC("ARROW1", "an Arrow file", PYTHON),
    MAGIC("SQLite format 3", "a database of SQLite", "firn db import --from sqlite '%s' STORE"),
    MAGIC("\xff\xfe", "text in UTF-16", "iconv -f UTF-16 -t UTF-8 '%s' | firn db table import ..."),
    MAGIC("\xfe\xff", "text in UTF-16", "iconv -f UTF-16 -t UTF-8 '%s' | firn db table import ..."),
};

/* Text of ASCII characters in UTF-16 without a mark. */
static const struct magic unmarked[] = {
    MAGIC("", "text in UTF-16", "iconv -f UTF-16LE -t UTF-8 '%s' | firn db table import ..."),
    MAGIC("", "text in UTF-16", "iconv -f UTF-16BE -t UTF-8 '%s' | firn db table import ..."),
};

static const struct magic *
recognise(firn_slice start)
{
    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++) {
        if (start.size >= magics[i].size &&
            memcmp(start.data, magics[i].bytes, magics[i].size) == 0) {
            return &magics[i];
        }
    }
    for (size_t odd = 0; odd < 2 && start.size >= 4; odd++) {
        if (start.data[1 - odd] == 0 && start.data[3 - odd] == 0 && start.data[odd] != 0 &&
            start.data[2 + odd] != 0) {
            return &unmarked[odd];
        }
    }
    return NULL;
}

/* Text that is no CSV, by its first characters but spaces and line ends. A space may be between the two. */
static const struct magic texts[] = {
    MAGIC("[{", "a JSON array",
          "jq -c '.[]' '%s' | firn db table import --format jsonl ...; --format csv if it is CSV"),
    MAGIC("[[", "a JSON array", "jq -r '.[] | @csv' '%s' | firn db table import ..."),
    MAGIC("{\"", "JSON", "--format jsonl if each line is an object, --format csv if it is CSV"),
    MAGIC("<!", "HTML or XML", "--format csv if it is CSV"),
    MAGIC("<?", "HTML or XML", "--format csv if it is CSV"),
    MAGIC("<html", "HTML or XML", "--format csv if it is CSV"),
};

static const struct magic *
recognise_text(firn_slice start)
{
    char first[8];
    size_t size = 0;
    size_t at = start.size >= 3 && memcmp(start.data, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    for (; at < start.size && size < sizeof first; at++) {
        if (strchr(" \t\r\n", start.data[at]) == NULL) {
            first[size++] = (char)start.data[at];
        }
    }
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        if (size >= texts[i].size && memcmp(first, texts[i].bytes, texts[i].size) == 0) {
            return &texts[i];
        }
    }
    return NULL;
}

/* Reads the beginning. Returns a code of the library. */
static int
read_start(struct firn_data_source *source, firn_error *err)
{
    char piece[1 << 14];
    size_t got = 1;
    int code = FIRN_OK;
    source->keeps = true;
    source->at = source->kept.size;
    while (code == FIRN_OK && got > 0 && source->kept.size < FIRN_DATA_SOURCE_START_SIZE) {
        code = firn_data_source_read(source, piece, sizeof piece, &got, err);
    }
    source->keeps = false;
    source->at = 0;
    source->start_is_all = got == 0;
    return code;
}

static int
refuse(const struct firn_data_source *source, const struct magic *magic, const char *wanted)
{
    char hint[512];
    const char *mark = strstr(magic->hint, "%s");
    if (mark == NULL) {
        (void)snprintf(hint, sizeof hint, "%s", magic->hint);
    } else {
        bool is_stdin = source->fd == STDIN_FILENO;
        (void)snprintf(hint, sizeof hint, "%.*s%.200s%s", (int)(mark - magic->hint), magic->hint,
                       is_stdin ? "FILE" : source->name, mark + 2);
    }
    return firn_command_report_error(source->cli, FIRN_UNSUPPORTED, hint, "'%s' is %s, not %s",
                                     source->name, magic->what, wanted);
}

int
firn_data_source_start(struct firn_data_source *source)
{
    firn_error err;
    int code = read_start(source, &err);
    if (code != FIRN_OK) {
        return source->has_no_memory ? FIRN_EXIT_FAILED
                                     : firn_command_report_failure(source->cli, &err, NULL);
    }
    const struct magic *magic = recognise(firn_bytes(source->kept.data, source->kept.size));
    return magic == NULL ? FIRN_EXIT_OK : refuse(source, magic, "CSV or JSON lines");
}

int
firn_data_source_expect_csv(const struct firn_data_source *source)
{
    const struct magic *magic = recognise_text(firn_bytes(source->kept.data, source->kept.size));
    return magic == NULL ? FIRN_EXIT_OK : refuse(source, magic, "CSV");
}
