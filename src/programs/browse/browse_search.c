/* SPDX-License-Identifier: Apache-2.0
 *
 * browse/browse_search.c: searching in the pane that has the keys.
 */
#include "browse/browse_internal.h"

#include <assert.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

bool
fi_browse_search_matches(const struct fi_browse_model *model, firn_slice text)
{
    bool has_capital = false;
    for (size_t i = 0; i < model->query_size; i++) {
        has_capital = has_capital || isupper((unsigned char)model->query[i]) != 0;
    }
    for (size_t i = 0; model->query_size > 0 && i + model->query_size <= text.size; i++) {
        const char *at = (const char *)text.data + i;
        if (has_capital ? memcmp(at, model->query, model->query_size) == 0
                        : strncasecmp(at, model->query, model->query_size) == 0) {
            return true;
        }
    }
    return false;
}

static bool
row_matches(const struct fi_browse_model *model, const struct fi_browse_row *row)
{
    char names[FIRN_CHECKPOINT_ID_SIZE + 24];
    int size = snprintf(names, sizeof(names), "%llu %s", (unsigned long long)row->number, row->id);
    return fi_browse_search_matches(model, firn_str(row->title)) ||
           (!row->is_unsaved &&
            fi_browse_search_matches(model, firn_bytes(names, size > 0 ? (size_t)size : 0)));
}

static bool
is_match(const struct fi_browse_model *model, size_t index)
{
    switch (model->focus) {
    case FI_BROWSE_HISTORY:
        return row_matches(model, &model->history[index]);
    case FI_BROWSE_CHANGES:
        return fi_browse_search_matches(model, firn_str(model->changes[index].name));
    case FI_BROWSE_PATCH:
        break;
    }
    return fi_browse_search_matches(model, fi_browse_text_line(&model->patch, index));
}

static struct fi_browse_list *
list_of(struct fi_browse_model *model)
{
    switch (model->focus) {
    case FI_BROWSE_HISTORY:
        return &model->history_list;
    case FI_BROWSE_CHANGES:
        return &model->changes_list;
    case FI_BROWSE_PATCH:
        break;
    }
    return &model->patch_list;
}

bool
fi_browse_search_next(struct fi_browse_model *model, bool is_forward, bool *out_turned)
{
    struct fi_browse_list *list = list_of(model);
    assert(model->query_size > 0 && model->query_size < sizeof(model->query));
    for (size_t i = 1; i <= list->count; i++) {
        size_t index = (list->chosen + (is_forward ? i : list->count - i)) % list->count;
        if (!is_match(model, index)) {
            continue;
        }
        *out_turned = i < list->count && (is_forward ? index < list->chosen : index > list->chosen);
        fi_browse_list_choose(list, index);
        return true;
    }
    return false;
}
