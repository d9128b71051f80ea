/* SPDX-License-Identifier: Apache-2.0
 *
 * report/report_index.c: which checkpoint changed which file.
 *
 * The script of the page makes the history of a file from it:
 *
 *   {"kinds":["added",...], "files":["a.txt",...],
 *    "changes":[["<id>",[[file,kind,lines added,lines removed],[file,kind,+,-,file
 *    before],...]],...]}
 *
 * Checkpoints are in the order of the page. A path is a string once, and a number in the changes.
 * The paths are as the rows show them: fi_term_path_escape has made control characters, marks of
 * direction and bytes that are not UTF-8 visible. Of what remains, quotation marks, backslashes and
 * the characters that HTML interprets become escapes of JSON (I1; not checked: tests look at pages
 * with hostile names). So no name can end its string, or the element that the JSON is in.
 *
 * Memory: the JSON, and a table of the paths. State is static, as in report_html.c.
 */
#include "report/report.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "term/term.h"

enum { SLOTS_MIN = 256 };

/* A path: a string of JSON in the list of files. */
struct file {
    size_t at; /* 0: the slot is free. (The list begins with a bracket.) */
    size_t size;
    uint32_t number;
};

static struct {
    struct fi_term_writer files;
    struct fi_term_writer changes;
    struct fi_term_writer path; /* the one that is looked up */
    struct file *slots;         /* by hash; never full */
    size_t slot_count;          /* a power of 2 */
    uint32_t file_count;
    bool has_checkpoint;
    bool has_change; /* of the last checkpoint */
    bool is_out_of_memory;
} list;

static void
put_text(struct fi_term_writer *writer, const char *text)
{
    fi_term_writer_put(writer, text, strlen(text));
}

void
fi_report_index_init(void)
{
    assert(list.slots == NULL);
    put_text(&list.files, "[");
    put_text(&list.changes, "[");
}

void
fi_report_index_deinit(void)
{
    fi_term_writer_deinit(&list.files);
    fi_term_writer_deinit(&list.changes);
    fi_term_writer_deinit(&list.path);
    free(list.slots);
    memset(&list, 0, sizeof(list));
}

uint64_t
fi_report_index_bytes(void)
{
    return list.files.size + list.changes.size;
}

bool
fi_report_index_has_failed(void)
{
    return list.is_out_of_memory || list.files.has_failed || list.changes.has_failed ||
           list.path.has_failed;
}

/* ---- paths ---- */

/* (I1) */
static void
put_escaped(const void *data, size_t size)
{
    static const char special[] = "\"\\<>&'";
    const char *from = data;
    for (size_t i = 0; i < size; i++) {
        char escape[8];
        if (from[i] != '\0' && strchr(special, from[i]) != NULL) {
            (void)snprintf(escape, sizeof(escape), "\\u%04x", (unsigned char)from[i]);
            put_text(&list.path, escape);
        } else {
            fi_term_writer_put(&list.path, &from[i], 1);
        }
    }
}

static size_t
hash_of(firn_slice text)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */
    for (size_t i = 0; i < text.size; i++) {
        hash = (hash ^ text.data[i]) * 0x100000001b3u;
    }
    return (size_t)(hash ^ hash >> 32);
}

/* The slot of a string, or the free one that it belongs in. */
static struct file *
slot_of(firn_slice text)
{
    assert(list.slot_count > 0 && list.file_count < list.slot_count);
    size_t mask = list.slot_count - 1;
    size_t i = hash_of(text) & mask;
    while (list.slots[i].at != 0 &&
           (list.slots[i].size != text.size ||
            memcmp(list.files.data + list.slots[i].at, text.data, text.size) != 0)) {
        i = (i + 1) & mask;
    }
    return &list.slots[i];
}

/* Room for one more. */
static bool
report_index_grow(void)
{
    struct file *old = list.slots;
    size_t old_count = list.slot_count;
    if (2 * ((size_t)list.file_count + 1) <= old_count) {
        return true;
    }
    size_t count = old_count == 0 ? (size_t)SLOTS_MIN : 2 * old_count;
    struct file *slots = calloc(count, sizeof(slots[0]));
    if (slots == NULL) {
        list.is_out_of_memory = true;
        return false;
    }
    list.slots = slots;
    list.slot_count = count;
    for (size_t i = 0; i < old_count; i++) {
        if (old[i].at != 0) {
            *slot_of(firn_bytes(list.files.data + old[i].at, old[i].size)) = old[i];
        }
    }
    free(old);
    return true;
}

/* Returns NULL when memory is out. */
static struct file *
report_index_find(firn_slice path)
{
    fi_term_writer_clear(&list.path);
    put_text(&list.path, "\"");
    fi_term_path_escape(path, put_escaped);
    put_text(&list.path, "\"");
    return !fi_report_index_has_failed() && report_index_grow()
               ? slot_of(fi_term_writer_slice(&list.path))
               : NULL;
}

uint64_t
fi_report_index_cost(firn_slice path)
{
    const struct file *file = report_index_find(path);
    return file != NULL && file->at == 0 ? list.path.size + 1 : 0;
}

uint32_t
fi_report_index_file(firn_slice path)
{
    struct file *file = report_index_find(path);
    if (file == NULL) {
        return 0;
    }
    if (file->at == 0) {
        put_text(&list.files, list.file_count > 0 ? "," : "");
        *file = (struct file){list.files.size, list.path.size, list.file_count};
        fi_term_writer_put(&list.files, list.path.data, list.path.size);
        list.file_count++;
    }
    return file->number;
}

/* ---- changes ---- */

void
fi_report_index_checkpoint(const char *id)
{
    char text[64];
    (void)snprintf(text, sizeof(text), "%s[\"%s\",[", list.has_checkpoint ? "]],\n" : "", id);
    put_text(&list.changes, text);
    list.has_checkpoint = true;
    list.has_change = false;
}

void
fi_report_index_add(const struct fi_report_index_change *change)
{
    char text[FI_REPORT_INDEX_CHANGE_BYTES_MAX];
    char before[16] = "";
    const firn_workspace_difference *difference = change->difference;
    assert(list.has_checkpoint);
    if (change->before != change->file) {
        (void)snprintf(before, sizeof(before), ",%" PRIu32, change->before);
    }
    (void)snprintf(text, sizeof(text), "%s[%" PRIu32 ",%d,%" PRIu64 ",%" PRIu64 "%s]",
                   list.has_change ? "," : "", change->file, (int)difference->change.kind,
                   difference->lines_added, difference->lines_removed, before);
    put_text(&list.changes, text);
    list.has_change = true;
}

void
fi_report_index_write(void)
{
    fi_report_html_raw("<script type=\"application/json\" id=\"data\">{\"kinds\":[\"\"");
    for (int kind = FIRN_CHANGE_ADDED; kind <= FIRN_CHANGE_RENAMED; kind++) {
        fi_report_html_format(",\"%s\"",
                              firn_workspace_change_kind_name((firn_workspace_change_kind)kind));
    }
    fi_report_html_raw("],\n\"files\":");
    fi_report_html_markup(fi_term_writer_slice(&list.files));
    fi_report_html_raw("],\n\"changes\":");
    fi_report_html_markup(fi_term_writer_slice(&list.changes));
    fi_report_html_raw(list.has_checkpoint ? "]]]}</script>\n" : "]}</script>\n");
}
