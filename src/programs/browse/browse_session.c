/* SPDX-License-Identifier: Apache-2.0
 *
 * browse/browse_session.c: what all that works on a session does: composing a text, drawing the
 * model, and saying what went wrong.
 *
 * A text that the program prints elsewhere is composed in memory, up to a size that a line has room
 * in, and becomes a line of a list or a page.
 */
#include "browse/browse_internal.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { LINE_BYTES_MAX = 16384 };

void
fi_browse_session_begin_large(struct fi_browse *browse, size_t size_max)
{
    fi_term_writer_clear(&browse->printed);
    fi_term_out_into(&browse->printed, size_max);
}

void
fi_browse_session_begin(struct fi_browse *browse)
{
    fi_browse_session_begin_large(browse, LINE_BYTES_MAX);
}

bool
fi_browse_session_end(struct fi_browse *browse, firn_slice *out)
{
    fi_term_out_into(NULL, 0);
    *out = fi_term_writer_slice(&browse->printed);
    return !browse->printed.has_failed;
}

/* The first bytes of a text, cut between characters. */
static void
copy_line(firn_slice text, char *out, size_t size)
{
    const uint8_t *end = text.size > 0 ? memchr(text.data, '\n', text.size) : NULL;
    size_t length = end != NULL ? (size_t)(end - text.data) : text.size;
    assert(size > 0);
    if (length >= size) {
        length = size - 1;
        while (length > 0 && (text.data[length] & 0xC0) == 0x80) {
            length--;
        }
    }
    if (length > 0) {
        memcpy(out, text.data, length);
    }
    out[length] = '\0';
}

bool
fi_browse_session_end_line(struct fi_browse *browse, char *out, size_t size)
{
    firn_slice text;
    bool is_whole = fi_browse_session_end(browse, &text);
    copy_line(is_whole ? text : firn_str(""), out, size);
    return is_whole;
}

int64_t
fi_browse_session_now_ms(void)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

void
fi_browse_session_redraw(struct fi_browse *browse)
{
    struct timespec now = {0};
    (void)clock_gettime(CLOCK_REALTIME, &now);
    browse->model.now_ns = (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
    fi_browse_draw(&browse->model, &browse->cells);
    fi_browse_screen_show(&browse->cells);
}

void
fi_browse_session_fail(struct fi_browse *browse, const firn_error *err, const char *hint)
{
    struct fi_browse_model *model = &browse->model;
    firn_slice printed;
    assert(err->text[0] != '\0');
    fi_browse_session_begin(browse);
    fi_term_text_escape(firn_str(err->text), fi_term_out_write);
    fi_term_out_text("\n");
    if (hint != NULL) {
        fi_term_out_format("\n%s\n", hint);
    }
    (void)snprintf(model->page_title, sizeof(model->page_title), "that failed");
    if (fi_browse_session_end(browse, &printed) && fi_browse_text_set(&model->page, printed)) {
        fi_browse_model_show_page(model, FI_BROWSE_PAGE);
    } else {
        fi_browse_model_say(model, "out of memory");
    }
}
