/* SPDX-License-Identifier: Apache-2.0
 *
 * scan/scan_rules.c: rule files met by a scan, and what they say of entries.
 *
 * A directory's rule files are read when the directory has been listed, before its entries are
 * thinned: they speak of those entries first of all. What is in effect hangs on the node
 * (rules.c) and is inherited by the directories below.
 *
 * A rule that cannot be used, or a whole rule file, is told by a notice and is otherwise as if it
 * were not there: rather is something saved that nobody wanted than something missing that somebody
 * needs. The notices of one file are limited, because any file may bear the name of a rule file.
 * With `strict` a rule file that cannot be read ends the scan, as any file does.
 *
 * Rules are matched against paths, which are put together once for a directory; the names of its
 * entries are then written behind that, one after the other.
 */
#include <stdio.h>
#include <string.h>

#include "base/check.h"
#include "base/error.h"
#include "scan/scan_internal.h"

enum { BAD_LINES_TOLD_MAX = 10, NAME_ROOM = UINT16_MAX + 2, TEXT_SIZE = 160 };

/* ---- notices ---- */

struct telling {
    struct firn_scan_worker *worker;
    struct firn_scan_node *node;
    const char *name;
    uint64_t bad_lines;
    int failure;
    firn_error *err;
};

static void
tell(struct telling *telling, const char *text)
{
    if (telling->failure == FIRN_OK) {
        telling->failure = firn_scan_report_bad_rule(telling->worker, telling->node, telling->name,
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
        tell(telling, text);
    }
}

static void
tell_rest(struct telling *telling)
{
    char text[TEXT_SIZE];
    if (telling->bad_lines > BAD_LINES_TOLD_MAX) {
        (void)snprintf(text, sizeof text, "%llu more lines are not used",
                       (unsigned long long)(telling->bad_lines - BAD_LINES_TOLD_MAX));
        tell(telling, text);
    }
}

/* ---- entering ---- */

/* *out stays NULL where the file cannot be used. */
static int
read_rules(struct firn_scan_worker *worker, struct firn_scan_node *node, struct firn_os_dir *dir,
           enum firn_ignore_rules_kind kind, struct firn_ignore_file **out, firn_error *err)
{
    struct telling telling = {.worker = worker,
                              .node = node,
                              .name = firn_ignore_rules_name(kind),
                              .failure = FIRN_OK,
                              .err = err};
    int rc = firn_rules_read(dir, kind, on_bad_line, &telling, out, err);
    if (rc == FIRN_OK) {
        tell_rest(&telling);
    } else if (!firn_scan_report_is_fatal(worker, rc, err)) {
        char text[sizeof err->text];
        (void)snprintf(text, sizeof text, "not used: %.900s", err->text);
        tell(&telling, text);
        rc = FIRN_OK;
    }
    return rc == FIRN_OK ? telling.failure : rc;
}

int
firn_scan_rules_enter(struct firn_scan_worker *worker, struct firn_scan_node *node,
                      struct firn_os_dir *dir, firn_error *err)
{
    struct firn_rules_walk *ignore = worker->scan->ignore;
    const struct firn_scan_listing *listing = &worker->listing;
    struct firn_rules_walk_files files = {{NULL}};
    int rc;
    DCHECK(node->rules == NULL);
    for (size_t i = 0; i < listing->count; i++) {
        const struct firn_scan_item *item = &listing->items[i];
        enum firn_ignore_rules_kind kind;
        if (item->name.text[0] == '.' && item->kind != FIRN_OS_DIR &&
            firn_rules_walk_is_rule_file(ignore, firn_bytes(item->name.text, item->name_size),
                                         node->parent == NULL, &kind)) {
            node->has_more_to_tell = true;
            FIRN_TRY(read_rules(worker, node, dir, kind, &files.files[kind - 1], err));
        }
    }
    if (firn_scan_node_path(node, "", &worker->judged) != FIRN_OK ||
        firn_buf_reserve(&worker->judged, NAME_ROOM) != FIRN_OK) {
        rc = firn_error_no_memory(err, "a path");
        goto out;
    }
    const struct firn_rules_walk_scope *above =
        node->parent != NULL ? node->parent->rules : firn_rules_walk_outermost(ignore);
    rc = firn_rules_walk_enter(ignore, above, firn_buf_slice(&worker->judged), &files, &node->rules,
                               err);
    if (rc != FIRN_OK) { /* no matter of this directory alone, so it ends the scan */
        rc = firn_scan_report_failure(worker->scan, rc, err);
    }
out:
    firn_rules_walk_files_deinit(&files);
    return rc;
}

/* ---- judging ---- */

bool
firn_scan_rules_exclude(struct firn_scan_worker *worker, const struct firn_scan_node *node,
                        const struct firn_scan_item *item, bool is_beside_manifest,
                        char reason[FIRN_RULES_WALK_TEXT_SIZE])
{
    uint8_t *path = worker->judged.data;
    size_t size = node->path_size;
    struct firn_rules_walk_reason why;
    if (size > 0) {
        path[size++] = '/';
    }
    DCHECK(node->rules != NULL && size + item->name_size <= worker->judged.capacity);
    memcpy(path + size, item->name.text, item->name_size);
    struct firn_rules_walk_entry entry = {.path = firn_bytes(path, size + item->name_size),
                                          .name_size = item->name_size,
                                          .is_dir = item->kind == FIRN_OS_DIR,
                                          .is_beside_manifest = is_beside_manifest};
    bool is_excluded = firn_rules_judge(worker->scan->ignore, node->rules, &entry, &why);
    if (is_excluded) {
        firn_rules_judge_text(&why, reason);
    }
    return is_excluded;
}

int
firn_scan_rules_exclude_inside(struct firn_scan_worker *worker, const struct firn_scan_node *node,
                               const struct firn_rules_exclude_inside *inside, bool *out,
                               char reason[FIRN_RULES_WALK_TEXT_SIZE], firn_error *err)
{
    struct firn_rules_walk_reason why;
    DCHECK(node->parent != NULL && node->parent->rules != NULL);
    if (firn_scan_node_path(node, "", &worker->judged) != FIRN_OK) {
        return firn_error_no_memory(err, "a path");
    }
    struct firn_rules_walk_entry entry = {
        .path = firn_buf_slice(&worker->judged), .name_size = strlen(node->name), .is_dir = true};
    *out = firn_rules_judge_inside(worker->scan->ignore, node->parent->rules, &entry, inside, &why);
    if (*out) {
        firn_rules_judge_text(&why, reason);
    }
    return FIRN_OK;
}
