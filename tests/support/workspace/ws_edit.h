/* SPDX-License-Identifier: Apache-2.0
 *
 * support/workspace/ws_edit.h: random trees, and random edits of them, with names and kinds of every
 * sort; and what the texts of two trees (scan_dump_real) say about their difference.
 */
#ifndef FIRN_TEST_WS_EDIT_H
#define FIRN_TEST_WS_EDIT_H

#include "scan_support.h"
#include "support/test_random.h"

/* Every entry of a tree that was there when it was looked at. */
struct ws_edit_list {
    struct ws_edit_item {
        char *path;
        enum fi_os_kind kind;
    } * items;
    size_t count;
};

void ws_edit_list_fill(struct ws_edit_list *list, struct scan_world *tree);
void ws_edit_list_deinit(struct ws_edit_list *list);

/* One random edit. */
void ws_edit_step(struct scan_world *tree, struct test_random *random);
/* Edits until the tree has about so many entries, most of them new ones. */
void ws_edit_grow(struct scan_world *tree, struct test_random *random, size_t entries);

/* ---- texts ---- */

struct ws_edit_counts {
    uint64_t added;
    uint64_t changed;
    uint64_t removed;
    uint64_t unchanged;
    uint64_t times_only; /* of `changed`: nothing but the time differs */
};

/* Files, not directories, of the one tree against the other. */
struct ws_edit_counts ws_edit_compare(const char *before, const char *after);
/* The text without the fields that begin so: "xattrs=", "link=". The caller frees it. */
char *ws_edit_without(const char *text, const char *const *fields, size_t count);
/* Of each line the path, and of these fields one after the other; only lines for which is_wanted
 * says so. */
char *ws_edit_lines(const char *text, bool (*is_wanted)(void *ctx, const char *path, size_t size),
                    void *ctx);
/* Whether a path of a line is this one (escaped) or below it. */
bool ws_edit_is_within(const char *path, size_t size, const char *part);
/* Whether each file of `found` is as one of the texts has it at the same place, temporary names
 * aside. */
bool ws_edit_is_mix(const char *found, const char *before, const char *after);
/* A path as the texts write it. The caller frees it. */
char *ws_edit_escape(const char *path);

#endif
