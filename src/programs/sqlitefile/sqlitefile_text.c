/* SPDX-License-Identifier: Apache-2.0
 *
 * sqlitefile/sqlitefile_text.c: statements of any length, put together from pieces and names.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "sqlitefile/sqlitefile.h"

void
fi_sqlitefile_text_add_bytes(struct fi_sqlitefile_text *text, const void *data, size_t size)
{
    assert(text->capacity == 0 || text->size < text->capacity);
    if (!text->has_failed && text->size + size + 1 > text->capacity) {
        size_t capacity = 2 * (text->size + size + 1);
        char *grown = realloc(text->data, capacity);
        text->has_failed = grown == NULL;
        text->data = grown != NULL ? grown : text->data;
        text->capacity = grown != NULL ? capacity : text->capacity;
    }
    if (!text->has_failed) {
        memcpy(text->data + text->size, data, size);
        text->size += size;
        text->data[text->size] = '\0';
    }
}

void
fi_sqlitefile_text_add(struct fi_sqlitefile_text *text, const char *more)
{
    fi_sqlitefile_text_add_bytes(text, more, strlen(more));
}

void
fi_sqlitefile_text_add_name(struct fi_sqlitefile_text *text, const char *name)
{
    fi_sqlitefile_text_add(text, "\"");
    for (; *name != '\0'; name++) {
        fi_sqlitefile_text_add_bytes(text, name, 1);
        if (*name == '"') {
            fi_sqlitefile_text_add(text, "\"");
        }
    }
    fi_sqlitefile_text_add(text, "\"");
}
