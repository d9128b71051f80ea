/* SPDX-License-Identifier: Apache-2.0
 *
 * task/task_labels.c: the tags and pins of all checkpoints, for commands that list checkpoints.
 */
#include "task/task.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "term/term.h"
#include "term/term_try.h"

/* A tag, and the checkpoint that it names. */
struct fi_task_labels_tag {
    char id[FIRN_CHECKPOINT_ID_SIZE];
    char *name;
};

static int
keep_tag(void *ctx, const firn_workspace_tag *tag)
{
    struct fi_task_labels *labels = ctx;
    assert(labels->count <= labels->capacity);
    if (labels->count == labels->capacity) {
        size_t capacity = labels->capacity == 0 ? 16 : 2 * labels->capacity;
        struct fi_task_labels_tag *tags = realloc(labels->tags, capacity * sizeof(*tags));
        if (tags == NULL) {
            return FIRN_NO_MEMORY;
        }
        labels->tags = tags;
        labels->capacity = capacity;
    }
    struct fi_task_labels_tag *kept = &labels->tags[labels->count];
    kept->name = strndup((const char *)tag->name.data, tag->name.size);
    if (kept->name == NULL) {
        return FIRN_NO_MEMORY;
    }
    memcpy(kept->id, tag->id, sizeof(kept->id));
    labels->count++;
    return FIRN_OK;
}

/* Kept as a name that no tag can have, and that sorts before all of them. */
static const char pinned[] = "(pinned)";

static int
keep_pin(void *ctx, const firn_workspace_pin *pin)
{
    firn_workspace_tag tag = {.name = firn_str(pinned)};
    memcpy(tag.id, pin->id, sizeof(tag.id));
    return keep_tag(ctx, &tag);
}

static int
compare_tags(const void *a, const void *b)
{
    const struct fi_task_labels_tag *left = a;
    const struct fi_task_labels_tag *right = b;
    int order = strcmp(left->id, right->id);
    return order != 0 ? order : strcmp(left->name, right->name);
}

int
fi_task_labels_read(struct fi_task_labels *labels, firn_workspace *workspace, firn_error *err)
{
    FI_TRY_RETURN(firn_workspace_tag_list(workspace, keep_tag, labels, err));
    FI_TRY_RETURN(firn_workspace_pin_list(workspace, keep_pin, labels, err));
    if (labels->count > 0) {
        qsort(labels->tags, labels->count, sizeof(*labels->tags), compare_tags);
    }
    return FIRN_OK;
}

void
fi_task_labels_deinit(struct fi_task_labels *labels)
{
    for (size_t i = 0; i < labels->count; i++) {
        free(labels->tags[i].name);
    }
    free(labels->tags);
}

void
fi_task_labels_print(const struct fi_task_labels *labels, const char *id)
{
    assert(id[0] != '\0');
    size_t low = 0;
    size_t high = labels->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (strcmp(labels->tags[middle].id, id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    const char *before = "  [";
    bool is_pinned = low < labels->count && strcmp(labels->tags[low].id, id) == 0 &&
                     strcmp(labels->tags[low].name, pinned) == 0;
    for (low += is_pinned; low < labels->count && strcmp(labels->tags[low].id, id) == 0; low++) {
        fi_term_out_text(before);
        fi_term_colour(FI_TERM_GREEN);
        fi_term_text_escape(firn_str(labels->tags[low].name), fi_term_out_write);
        fi_term_colour(FI_TERM_PLAIN);
        before = ", ";
    }
    if (before[0] == ',') {
        fi_term_out_text("]");
    }
    if (is_pinned) {
        fi_term_out_format("  %s", pinned);
    }
}
