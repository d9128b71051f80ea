/* SPDX-License-Identifier: Apache-2.0
 *
 * support/workspace/ws_model.h: a workspace, and a model of it: the text of the tree at each
 * checkpoint.
 *
 * A step does one thing to a workspace, in a random way, and asserts that what comes of it is what
 * the model says: the tree to the last attribute, every count, and what can be undone.
 */
#ifndef FIRN_TEST_WS_MODEL_H
#define FIRN_TEST_WS_MODEL_H

#include "support/test_random.h"
#include "ws_support.h"

struct ws_model_checkpoint {
    char *dump;          /* NULL: it was deleted */
    uint64_t root_files; /* as the save said */
    bool is_pinned;
};

struct ws_model {
    struct ws_world world;
    struct test_random random;
    struct ws_model_checkpoint *checkpoints; /* [i] has number i + 1 */
    size_t count;
    size_t live;       /* of them were not deleted; at least one */
    char *safety;      /* what undo brings back; NULL: nothing */
    char *safety_part; /* of it only this path (escaped); NULL: all */
};

/* ---- for steps ---- */

uint64_t ws_model_below(struct ws_model *model, uint64_t limit);
bool ws_model_is_in_memory(const struct ws_model *model);
/* Of the system so far that could change something; 0 on a disk. */
uint64_t ws_model_calls(const struct ws_model *model);
/* Fails the test with the world's error. */
void ws_model_must(struct ws_model *model, int rc);
void ws_model_reference_of(size_t index, char *out, size_t size);
/* One that was not deleted. */
size_t ws_model_pick(struct ws_model *model);
/* Of anything in the tree; NULL if it is empty. The caller frees it. */
char *ws_model_pick_path(struct ws_model *model);
/* The newest that was not deleted; its number is one more. */
size_t ws_model_latest(const struct ws_model *model);
void ws_model_forget_dump(struct ws_model *model, size_t index);

/* ---- steps ---- */

void ws_model_edit(struct ws_model *model);
void ws_model_save(struct ws_model *model);
/* Renames the root; its history comes along when it is adopted. In memory only. */
void ws_model_move(struct ws_model *model);

void ws_model_restore(struct ws_model *model);
void ws_model_restore_part(struct ws_model *model);
void ws_model_restore_elsewhere(struct ws_model *model);
void ws_model_undo(struct ws_model *model);
void ws_model_undo_twice(struct ws_model *model);
/* Takes back what came between two checkpoints; sometimes of the newer one, sometimes of what became
 * of it. */
void ws_model_revert(struct ws_model *model);

void ws_model_status(struct ws_model *model);
/* Lists, finds and shows. */
void ws_model_look(struct ws_model *model);
void ws_model_diff(struct ws_model *model);

/* Pins one, lets one go, or all that is too old. */
void ws_model_keep(struct ws_model *model);
/* Deletes one checkpoint, but never the last. */
void ws_model_delete_one(struct ws_model *model);
/* Collects what nobody needs: fast, in full, in slices, or compressing anew. */
void ws_model_collect(struct ws_model *model);
/* On a machine of its own, sometimes with the power gone in between: something is forgotten. In memory
 * only. */
void ws_model_forget(struct ws_model *model);
/* On a machine of its own: the store is damaged, and repaired. In memory only. */
void ws_model_repair(struct ws_model *model);

/* On a machine of its own: a save or a restore with the power gone at a random call. In memory only. */
void ws_model_cut(struct ws_model *model);

#endif
