/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_form.c: files that are to be imported as text, and are none.
 *
 * They are recognised by their first bytes, and refused with a hint that names the command that
 * converts them. Without that the first line of such a file, read as the header of a CSV, would be
 * what a message speaks of.
 */
#include "task/task.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "term/term.h"

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
#define PYTHON "read it with Python's pyarrow, and give the table to import_arrow of firn's package"

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

/* Text that is no CSV, by its first characters but spaces and line ends. A space may be between the
 * two. */
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
    for (; at < start.size && size < sizeof(first); at++) {
        if (strchr(" \t\r\n", start.data[at]) == NULL) {
            first[size++] = (char)start.data[at];
        }
    }
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (size >= texts[i].size && memcmp(first, texts[i].bytes, texts[i].size) == 0) {
            return &texts[i];
        }
    }
    return NULL;
}

static int
task_form_refuse(struct fi_cli *cli, const char *name, const struct magic *magic,
                 const char *wanted)
{
    char hint[512];
    const char *mark = strstr(magic->hint, "%s");
    size_t before = mark != NULL ? (size_t)(mark - magic->hint) : strlen(magic->hint);
    assert(before < sizeof(hint));
    (void)snprintf(hint, sizeof(hint), "%.*s%.200s%s", (int)before, magic->hint,
                   mark == NULL   ? ""
                   : name != NULL ? name
                                  : "FILE",
                   mark != NULL ? mark + 2 : "");
    return fi_command_report_error(cli, FIRN_UNSUPPORTED, hint, "'%s' is %s, not %s",
                                   name != NULL ? name : "standard input", magic->what, wanted);
}

int
fi_task_form_refuse(struct fi_cli *cli, const char *name, firn_slice start)
{
    const struct magic *magic = recognise(start);
    return magic == NULL ? FI_EXIT_OK : task_form_refuse(cli, name, magic, "CSV or JSON lines");
}

int
fi_task_form_expect_csv(struct fi_cli *cli, const char *name, firn_slice start)
{
    const struct magic *magic = recognise_text(start);
    return magic == NULL ? FI_EXIT_OK : task_form_refuse(cli, name, magic, "CSV");
}
