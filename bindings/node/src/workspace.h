/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace.h: the calls of workspace.c (saving, comparing, restoring), workspace_list.c (listing, naming, upkeep) and
 * remote.c (remotes).
 */
#ifndef FIRN_NODE_WORKSPACE_H
#define FIRN_NODE_WORKSPACE_H

#include "monitor.h"

struct change {
    struct change *next;
    firn_workspace_change_kind kind;
    firn_slice path;
    firn_slice from; /* of a rename */
    unsigned what;
    firn_workspace_lines_kind lines;
    uint64_t lines_added;
    uint64_t lines_removed;
};

struct conflict {
    struct conflict *next;
    firn_workspace_revert_conflict_kind kind;
    firn_slice path;
};

struct step {
    struct step *next;
    firn_workspace_step step; /* its texts are in the call */
    firn_workspace_checkpoint checkpoint;
    firn_workspace_turn turn;
};

struct logged {
    struct logged *next;
    firn_workspace_checkpoint checkpoint; /* its message is in the call */
    firn_workspace_diff_result result;    /* only its counts */
    struct change *first_change;
    size_t change_count;
};

struct item {
    struct item *next;
    firn_workspace_checkpoint checkpoint;
    firn_workspace_entry entry;
    firn_slice name; /* of a tag */
};

struct ws_call {
    struct call call;
    struct handle *handle;
    firn_callbacks callbacks;
    const char *reference;
    const char *other;
    firn_slice *paths;
    size_t path_count;
    struct change *first_change;
    struct change **end_change;
    size_t change_count;
    struct conflict *first_conflict;
    struct conflict **end_conflict;
    struct step *first_step;
    struct step **end_step;
    struct logged *first_logged;
    struct logged **end_logged;
    struct item *first_item;
    struct item **end_item;
    firn_workspace_checkpoint *checkpoint;
    union {
        struct {
            firn_workspace_save_options options;
            firn_workspace_save_result result;
        } save;
        struct {
            firn_workspace_status_options options;
            firn_workspace_status_result result;
        } status;
        struct {
            firn_workspace_diff_options options;
            firn_workspace_diff_result result;
        } diff;
        struct {
            firn_workspace_log_options options;
            uint64_t left; /* of what is wanted */
        } log;
        struct {
            firn_workspace_restore_options options;
            firn_workspace_restore_result result;
            int what;
        } restore;
        struct {
            firn_workspace_steps_options options;
            firn_workspace_steps_result result;
        } steps;
        struct {
            firn_workspace_revert_options options;
            firn_workspace_revert_result result;
            bool is_conflict;
        } revert;
        struct {
            firn_workspace_list_options options;
        } list;
        struct {
            const char *remote; /* NULL: what is here */
            firn_slice path;
            uint8_t *data;
            size_t size;
            size_t capacity;
        } cat;
        struct {
            int what;
            bool replace;
            const char *const *references;
            size_t count;
            firn_workspace_gc_options gc;
            firn_workspace_gc_result gc_result;
            firn_workspace_check_options check;
            firn_workspace_check_result checked;
        } other;
    } as;
};

/* Reads the first argument, the workspace. */
bool ws_begin(struct args *args, struct ws_call *self);
/* Copies bytes into the call. */
bool ws_keep(struct ws_call *self, firn_slice from, firn_slice *out);
/* Copies a checkpoint into the call, with all its texts. */
bool ws_keep_checkpoint(struct ws_call *self, const firn_workspace_checkpoint *from,
                        firn_workspace_checkpoint *out);
napi_value ws_checkpoint_to_js(napi_env env, const firn_workspace_checkpoint *checkpoint);

#endif
