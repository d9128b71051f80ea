/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_rules.c: rule files found by a scan, and how they apply to entries.
 *
 * A directory's rule files are read after the directory has been listed and before excluded entries
 * are dropped, since they apply to those entries first. The rules in effect belong to the node
 * (rules.c) and are inherited by the directories below.
 *
 * A rule that cannot be used, or a whole rule file, is reported by a notice and otherwise ignored:
 * it is better to save an unwanted file than to miss one that is needed. The notices of one file
 * are limited, because any file may have the name of a rule file. With `strict` a rule file that
 * cannot be read ends the scan, as any file does.
 *
 * Rules are matched against paths. The directory's part of a path is built once; the name of each
 * entry is then appended to it.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "place/place.h"
#include "rules/rules.h"
#include "scan/scan_internal.h"
#include "tree/tree.h"

enum { BAD_LINES_TOLD_MAX = 10, NAME_ROOM = UINT16_MAX + 2, TEXT_SIZE = 160 };

/* ---- notices ---- */

struct telling {
    struct fi_scan_worker *worker;
    struct fi_scan_node *node;
    const char *name;
    uint64_t bad_lines;
    int failure;
    firn_error *err;
};

static void
scan_dir_report(struct telling *telling, const char *text)
{
    if (telling->failure == FIRN_OK) {
        telling->failure = fi_scan_report_bad_rule(telling->worker, telling->node, telling->name,
                                                   text, telling->err);
    }
}

static void
on_bad_line(void *ctx, uint32_t line, const char *defect)
{
    struct telling *telling = ctx;
    char text[TEXT_SIZE];
    if (++telling->bad_lines <= BAD_LINES_TOLD_MAX) {
        (void)snprintf(text, sizeof text, "line %u is not used: %s", (unsigned)line, defect);
        scan_dir_report(telling, text);
    }
}

static void
report_rest(struct telling *telling)
{
    char text[TEXT_SIZE];
    if (telling->bad_lines > BAD_LINES_TOLD_MAX) {
        (void)snprintf(text, sizeof text, "%llu more lines are not used",
                       (unsigned long long)(telling->bad_lines - BAD_LINES_TOLD_MAX));
        scan_dir_report(telling, text);
    }
}

/* ---- entering ---- */

/* *out stays NULL if the file cannot be used. */
static int
read_rules(struct fi_scan_worker *worker, struct fi_scan_node *node, struct fi_os_dir *dir,
           enum fi_rules_list_kind kind, struct fi_rules_ignore_file **out, firn_error *err)
{
    struct telling telling = {.worker = worker,
                              .node = node,
                              .name = fi_rules_list_name(kind),
                              .failure = FIRN_OK,
                              .err = err};
    int rc = fi_rules_read(dir, kind, on_bad_line, &telling, out, err);
    if (rc == FIRN_OK) {
        report_rest(&telling);
    } else if (!fi_scan_report_is_fatal(worker, rc, err)) {
        char text[sizeof err->text];
        (void)snprintf(text, sizeof text, "not used: %.900s", err->text);
        scan_dir_report(&telling, text);
        rc = FIRN_OK;
    }
    return rc == FIRN_OK ? telling.failure : rc;
}

int
fi_scan_rules_enter(struct fi_scan_worker *worker, struct fi_scan_node *node, struct fi_os_dir *dir,
                    firn_error *err)
{
    struct fi_rules_walk *ignore = worker->scan->ignore;
    const struct fi_scan_listing *listing = &worker->listing;
    struct fi_rules_walk_files files = {{NULL}};
    int rc;
    DCHECK(node->rules == NULL);
    for (size_t i = 0; i < listing->count; i++) {
        const struct fi_scan_item *item = &listing->items[i];
        enum fi_rules_list_kind kind;
        if (item->name.text[0] == '.' && item->kind != FI_OS_DIR &&
            !worker->scan->options->no_rules &&
            fi_rules_walk_is_rule_file(ignore, firn_bytes(item->name.text, item->name_size),
                                       node->parent == NULL, &kind)) {
            node->has_more_to_tell = true;
            FI_TRY(read_rules(worker, node, dir, kind, &files.files[kind - 1], err));
        }
    }
    if (fi_scan_node_path(node, "", &worker->judged) != FIRN_OK ||
        fi_buf_reserve(&worker->judged, NAME_ROOM) != FIRN_OK) {
        rc = fi_error_no_memory(err, "a path");
        goto out;
    }
    const struct fi_rules_walk_scope *above =
        node->parent != NULL ? node->parent->rules : fi_rules_walk_outermost(ignore);
    rc = fi_rules_walk_enter(ignore, above, fi_buf_slice(&worker->judged), &files, &node->rules,
                             err);
    if (rc != FIRN_OK) { /* it concerns more than this directory, so it ends the scan */
        rc = fi_scan_report_failure(worker->scan, rc, err);
    }
out:
    fi_rules_walk_files_deinit(&files);
    return rc;
}

/* ---- judging ---- */

bool
fi_scan_rules_exclude(struct fi_scan_worker *worker, const struct fi_scan_node *node,
                      const struct fi_scan_item *item, bool is_beside_manifest,
                      char reason[FI_RULES_WALK_TEXT_SIZE])
{
    uint8_t *path = worker->judged.data;
    size_t size = node->path_size;
    struct fi_rules_walk_reason why;
    if (size > 0) {
        path[size++] = '/';
    }
    DCHECK(node->rules != NULL && size + item->name_size <= worker->judged.capacity);
    memcpy(path + size, item->name.text, item->name_size);
    struct fi_rules_walk_entry entry = {.path = firn_bytes(path, size + item->name_size),
                                        .name_size = item->name_size,
                                        .is_dir = item->kind == FI_OS_DIR,
                                        .is_link = item->kind == FI_OS_SYMLINK,
                                        .is_beside_manifest = is_beside_manifest};
    bool is_excluded = fi_rules_assess(worker->scan->ignore, node->rules, &entry, &why);
    if (is_excluded) {
        fi_rules_assess_text(&why, reason);
    }
    return is_excluded;
}

int
fi_scan_rules_exclude_inside(struct fi_scan_worker *worker, const struct fi_scan_node *node,
                             const struct fi_rules_exclude_inside *inside, bool *out,
                             char reason[FI_RULES_WALK_TEXT_SIZE], firn_error *err)
{
    struct fi_rules_walk_reason why;
    DCHECK(node->parent != NULL && node->parent->rules != NULL);
    if (fi_scan_node_path(node, "", &worker->judged) != FIRN_OK) {
        return fi_error_no_memory(err, "a path");
    }
    struct fi_rules_walk_entry entry = {
        .path = fi_buf_slice(&worker->judged), .name_size = strlen(node->name), .is_dir = true};
    *out = fi_rules_assess_inside(worker->scan->ignore, node->parent->rules, &entry, inside, &why);
    if (*out) {
        fi_rules_assess_text(&why, reason);
    }
    return FIRN_OK;
}
