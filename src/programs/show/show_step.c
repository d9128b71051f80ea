/* SPDX-License-Identifier: Apache-2.0
 *
 * show/show_step.c: the steps that undo and redo take: what each was, in words and in JSON.
 *
 * Text is composed in one static buffer, because the callback of fi_term_width_cut has no context.
 * So only one thread may use this file.
 */
#include "show/show.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "term/term.h"

enum { MESSAGE_COLUMNS = 40 };

static char composed[FI_SHOW_STEP_TEXT_SIZE];
static size_t composed_size;

/* Cut if there is no room. */
static void
show_step_compose(const void *data, size_t size)
{
    size_t room = sizeof(composed) - 1 - composed_size;
    assert(composed_size < sizeof(composed));
    size = size < room ? size : room;
    memcpy(composed + composed_size, data, size);
    composed_size += size;
    composed[composed_size] = '\0';
}

static void
compose_text(const char *text)
{
    show_step_compose(text, strlen(text));
}

/* " (message)" */
static void
compose_message(firn_slice message)
{
    if (message.size > 0) {
        compose_text(" (");
        fi_term_width_cut(message, MESSAGE_COLUMNS, show_step_compose);
        compose_text(")");
    }
}

static void
compose_turn(const firn_workspace_turn *turn)
{
    compose_text("the turn of ");
    fi_term_width_cut(turn->agent, MESSAGE_COLUMNS, show_step_compose);
    compose_message(turn->prompt);
}

/* The message of a checkpoint that a revert made is "reverting 3". */
/* "the revert of 12", from the message "reverting 12" of the checkpoint that was made. */
static void
compose_made(const firn_workspace_checkpoint *made, const char *doing, const char *of,
             const char *else_text)
{
    const firn_slice message = made->message;
    size_t size = strlen(doing);
    if (message.size > size && memcmp(message.data, doing, size) == 0) {
        compose_text(of);
        fi_term_width_cut(firn_bytes(message.data + size, message.size - size), MESSAGE_COLUMNS,
                          show_step_compose);
    } else {
        compose_text(else_text);
    }
}

static void
compose_checkpoint(const char *what, const firn_workspace_checkpoint *checkpoint)
{
    char name[FI_SHOW_CHECKPOINT_NAME_SIZE];
    compose_text(what);
    compose_text(fi_show_checkpoint_name(checkpoint, name));
    if (!checkpoint->is_safety) {
        compose_message(checkpoint->message);
    }
}

static const char *
deleted_text(firn_workspace_step_kind kind)
{
    switch (kind) {
    case FIRN_STEP_RESTORE:
        return "a restore whose checkpoint is gone";
    case FIRN_STEP_REVERT:
        return "a revert whose checkpoint is gone";
    case FIRN_STEP_EDITS:
        return "unsaved changes whose checkpoint is gone";
    case FIRN_STEP_SAVE:
    case FIRN_STEP_TAG:
    case FIRN_STEP_PIN:
    case FIRN_STEP_DELETE:
    case FIRN_STEP_DESCRIBE:
        break;
    }
    return "a save whose checkpoint is gone";
}

/* "12", or the beginning of the id of a checkpoint without a number. */
static void
compose_name(uint64_t number, firn_slice id)
{
    char text[FI_TERM_TEXT_NUMBER_SIZE];
    if (number != 0) {
        (void)snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
        compose_text(text);
    } else {
        fi_term_width_cut(firn_bytes(id.data, id.size < FIRN_CHECKPOINT_ID_SHORT
                                                  ? id.size
                                                  : FIRN_CHECKPOINT_ID_SHORT),
                          MESSAGE_COLUMNS, show_step_compose);
    }
}

static void
compose_tag(const firn_workspace_fact *fact)
{
    bool is_moved = fact->before.size > 0 && fact->after.size > 0;
    compose_text(is_moved               ? "the move of the tag "
                 : fact->after.size > 0 ? "the tag "
                                        : "the deletion of the tag ");
    fi_term_width_cut(fact->name, MESSAGE_COLUMNS, show_step_compose);
    if (fact->before.size > 0) {
        compose_text(is_moved ? " from " : " of ");
        compose_name(fact->before_number, fact->before);
    }
    if (fact->after.size > 0) {
        compose_text(is_moved ? " to " : " of ");
        compose_name(fact->after_number, fact->after);
    }
}

/* "the pin of 12 and 2 others" */
static void
compose_facts(const firn_workspace_step *step)
{
    const firn_workspace_fact *fact = step->facts;
    char others[48];
    if (step->fact_count == 0) {
        compose_text("a change that is gone");
        return;
    }
    bool is_set = fact->after.size > 0;
    if (step->kind == FIRN_STEP_TAG) {
        compose_tag(fact);
    } else if (step->kind == FIRN_STEP_DESCRIBE) {
        compose_text("the message of ");
        compose_name(fact->after_number, fact->name);
        compose_message(fact->after);
    } else {
        compose_text(step->kind == FIRN_STEP_PIN
                         ? (is_set ? "the pin of " : "the unpinning of ")
                         : (is_set ? "the deletion of " : "the return of "));
        compose_name(fact->after_number, fact->name);
    }
    if (step->fact_count > 1) {
        (void)snprintf(others, sizeof(others), " and %zu %s", step->fact_count - 1,
                       fi_term_text_plural(step->fact_count - 1, "other", "others"));
        compose_text(others);
    }
}

const char *
fi_show_step_text(const firn_workspace_step *step, char *out)
{
    const firn_workspace_checkpoint *checkpoint = step->checkpoint;
    composed_size = 0;
    composed[0] = '\0';
    if (step->kind >= FIRN_STEP_TAG) {
        compose_facts(step);
    } else if (step->turn != NULL) {
        compose_turn(step->turn);
    } else if (step->kind == FIRN_STEP_EDITS && (checkpoint != NULL || step->time_ns == 0)) {
        compose_text("unsaved changes");
    } else if (checkpoint == NULL) {
        compose_text(deleted_text(step->kind));
    } else if (step->kind == FIRN_STEP_REVERT) {
        compose_made(checkpoint, "reverting ", "the revert of ", "a revert");
    } else if (step->kind == FIRN_STEP_RESTORE && step->fact_count > 0) {
        compose_made(checkpoint, "restoring ", "the restore of ", "a restore of paths");
    } else {
        compose_checkpoint(step->kind == FIRN_STEP_RESTORE ? "the restore of " : "the save of ",
                           checkpoint);
    }
    memcpy(out, composed, composed_size + 1);
    return out;
}

void
fi_show_step_json_members(const firn_workspace_step *step)
{
    const struct fi_show_counts counts = {step->added, step->changed, step->removed, 0};
    fi_term_json_string("kind", firn_workspace_step_kind_name(step->kind));
    if (step->time_ns != 0) {
        fi_term_json_time("time", step->time_ns);
    } else {
        fi_term_json_null("time");
    }
    if (step->checkpoint != NULL) {
        fi_show_checkpoint_json("checkpoint", step->checkpoint);
    } else {
        fi_term_json_null("checkpoint");
    }
    if (step->turn != NULL) {
        fi_show_checkpoint_json_turn(step->turn);
    }
    if (step->is_counted) {
        fi_show_change_counts_json(&counts);
    }
    fi_show_step_json_facts(step);
}

/* Of a restore of some paths. */
static void
json_paths(const firn_workspace_step *step)
{
    if (step->fact_count == 0) {
        return;
    }
    fi_term_json_array("paths");
    for (size_t i = 0; i < step->fact_count; i++) {
        fi_term_json_object(NULL);
        fi_term_json_bytes("path", step->facts[i].name);
        fi_term_json_end();
    }
    fi_term_json_end();
}

void
fi_show_step_json_facts(const firn_workspace_step *step)
{
    if (step->kind < FIRN_STEP_TAG) {
        json_paths(step);
        return;
    }
    fi_term_json_array("facts");
    for (size_t i = 0; i < step->fact_count; i++) {
        const firn_workspace_fact *fact = &step->facts[i];
        fi_term_json_object(NULL);
        fi_term_json_bytes("name", fact->name);
        if (fact->before.size > 0) {
            fi_term_json_bytes("before", fact->before);
        } else {
            fi_term_json_null("before");
        }
        if (fact->after.size > 0) {
            fi_term_json_bytes("after", fact->after);
        } else {
            fi_term_json_null("after");
        }
        fi_term_json_end();
    }
    fi_term_json_end();
}

bool
fi_show_step_is_of_facts(const struct fi_show_steps *steps)
{
    return steps->count > 0 && steps->items[steps->count - 1]->kind >= FIRN_STEP_TAG;
}

/* ---- steps that are kept ---- */

static void
copy_slice(firn_slice *slice, uint8_t **room)
{
    if (slice->size > 0) {
        memcpy(*room, slice->data, slice->size);
    }
    slice->data = *room;
    *room += slice->size;
}

static void
copy_turn(firn_workspace_turn *turn, uint8_t **room)
{
    copy_slice(&turn->agent, room);
    copy_slice(&turn->session, room);
    copy_slice(&turn->prompt, room);
}

static size_t
turn_size(const firn_workspace_turn *turn)
{
    return turn->agent.size + turn->session.size + turn->prompt.size;
}

/* One allocation: the step, its checkpoint and its turn, and their texts. */
struct kept {
    firn_workspace_step step;
    firn_workspace_checkpoint checkpoint;
    firn_workspace_turn turn;
    firn_workspace_fact facts[];
};

static firn_workspace_step *
copy_step(const firn_workspace_step *step)
{
    size_t size = sizeof(struct kept);
    if (step->checkpoint != NULL) {
        size += step->checkpoint->message.size + turn_size(&step->checkpoint->turn);
    }
    size += step->turn != NULL ? turn_size(step->turn) : 0;
    for (size_t i = 0; i < step->fact_count; i++) {
        const firn_workspace_fact *fact = &step->facts[i];
        size += sizeof(*fact) + fact->name.size + fact->before.size + fact->after.size;
    }
    struct kept *kept = calloc(1, size);
    if (kept == NULL) {
        return NULL;
    }
    uint8_t *room = (uint8_t *)(kept->facts + step->fact_count);
    kept->step = *step;
    kept->step.facts = kept->facts;
    for (size_t i = 0; i < step->fact_count; i++) {
        kept->facts[i] = step->facts[i];
        copy_slice(&kept->facts[i].name, &room);
        copy_slice(&kept->facts[i].before, &room);
        copy_slice(&kept->facts[i].after, &room);
    }
    if (step->checkpoint != NULL) {
        kept->checkpoint = *step->checkpoint;
        kept->checkpoint.run = kept->checkpoint.tried = (firn_workspace_run){.exit_code = 0};
        copy_slice(&kept->checkpoint.message, &room);
        copy_turn(&kept->checkpoint.turn, &room);
        kept->step.checkpoint = &kept->checkpoint;
    }
    if (step->turn != NULL) {
        kept->turn = *step->turn;
        copy_turn(&kept->turn, &room);
        kept->step.turn = &kept->turn;
    }
    return &kept->step;
}

int
fi_show_step_add(struct fi_show_steps *steps, const firn_workspace_step *step)
{
    if (steps->count == steps->capacity) {
        size_t capacity = steps->capacity == 0 ? 8 : 2 * steps->capacity;
        firn_workspace_step **items =
            realloc(steps->items, capacity * sizeof(firn_workspace_step *));
        if (items == NULL) {
            return FIRN_NO_MEMORY;
        }
        steps->items = items;
        steps->capacity = capacity;
    }
    firn_workspace_step *kept = copy_step(step);
    if (kept == NULL) {
        return FIRN_NO_MEMORY;
    }
    steps->items[steps->count++] = kept;
    return FIRN_OK;
}

void
fi_show_step_clear(struct fi_show_steps *steps)
{
    for (size_t i = 0; i < steps->count; i++) {
        free(steps->items[i]);
    }
    free(steps->items);
    *steps = (struct fi_show_steps){NULL, 0, 0};
}

/* Whether a step is older than another; those that are only on the disk are the newest. */
static bool
is_older(const firn_workspace_step *a, const firn_workspace_step *b)
{
    return a->time_ns != 0 && (b->time_ns == 0 || a->time_ns < b->time_ns);
}

const firn_workspace_step *
fi_show_step_main(const struct fi_show_steps *steps)
{
    const firn_workspace_step *main = NULL;
    for (size_t i = 0; i < steps->count; i++) {
        const firn_workspace_step *step = steps->items[i];
        main = step->turn != NULL && (main == NULL || is_older(step, main)) ? step : main;
    }
    return main != NULL || steps->count == 0 ? main : steps->items[0];
}

void
fi_show_step_print_name(const struct fi_show_steps *steps)
{
    char text[FI_SHOW_STEP_TEXT_SIZE];
    size_t others = steps->count > 0 ? steps->count - 1 : 0;
    const firn_workspace_step *main = fi_show_step_main(steps);
    fi_term_out_text(main != NULL ? fi_show_step_text(main, text) : "what was interrupted");
    if (others > 0) {
        fi_term_out_format(" and %zu other %s", others,
                           fi_term_text_plural(others, "step", "steps"));
    }
}
