/* SPDX-License-Identifier: Apache-2.0
 *
 * browse/browse_list.c: a list of which a part is on the screen.
 */
#include "browse/browse_internal.h"

#include <assert.h>

static void
browse_list_check(const struct fi_browse_list *list)
{
    assert(list->chosen < list->count || (list->chosen == 0 && list->count == 0));
    assert(list->top <= list->chosen);
    assert(list->rows == 0 || list->chosen < list->top + list->rows || list->count == 0);
    (void)list;
}

/* Scrolls to where the chosen one is seen, and the screen is full if it can be. */
static void
scroll(struct fi_browse_list *list)
{
    size_t last = list->count > list->rows ? list->count - list->rows : 0;
    if (list->chosen < list->top) {
        list->top = list->chosen;
    } else if (list->rows > 0 && list->chosen - list->top >= list->rows) {
        list->top = list->chosen - list->rows + 1;
    }
    list->top = list->rows > 0 && list->top > last ? last : list->top;
    browse_list_check(list);
}

void
fi_browse_list_resize(struct fi_browse_list *list, size_t rows)
{
    list->rows = rows;
    scroll(list);
}

void
fi_browse_list_recount(struct fi_browse_list *list, size_t count)
{
    list->count = count;
    if (list->chosen >= count) {
        list->chosen = count > 0 ? count - 1 : 0;
    }
    scroll(list);
}

void
fi_browse_list_choose(struct fi_browse_list *list, size_t index)
{
    list->chosen = index < list->count ? index : list->count > 0 ? list->count - 1 : 0;
    if (list->scrolls) {
        list->top = list->chosen;
    }
    scroll(list);
}

void
fi_browse_list_move(struct fi_browse_list *list, ptrdiff_t by)
{
    browse_list_check(list);
    size_t from = list->scrolls ? list->top : list->chosen;
    size_t most = list->count > 0 ? list->count - 1 : 0;
    if (list->scrolls) {
        most = list->count > list->rows ? list->count - list->rows : 0;
    }
    size_t to = by < 0 ? from - ((size_t)-by < from ? (size_t)-by : from) : from + (size_t)by;
    fi_browse_list_choose(list, to < most ? to : most);
}
