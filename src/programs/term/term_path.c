/* SPDX-License-Identifier: Apache-2.0
 *
 * term/term_path.c: paths in a workspace, shown as a person would type them.
 *
 * A command acts on the whole workspace from any directory in it. So the names that it prints are
 * relative to the directory in which it was given, as git prints them: they can be passed to the
 * next command as they stand. In JSON, patches and pages paths begin at the root, because those are
 * read elsewhere; they do not come through here.
 */
#include "term/term.h"

#include <assert.h>
#include <string.h>

static char shown_from[4096]; /* a directory that was opened has no longer name (PATH_MAX) */

void
fi_term_path_show_from(const char *subpath)
{
    assert(subpath[0] != '/');
    size_t size = strlen(subpath);
    shown_from[0] = '\0';
    if (size < sizeof(shown_from)) {
        memcpy(shown_from, subpath, size + 1);
    }
}

bool
fi_term_path_is_from_root(void)
{
    return shown_from[0] == '\0';
}

/* The number of bytes at the beginning of both paths that are whole components, the slash after the
 * last of them included where there is one. */
static size_t
common_size(firn_slice a, firn_slice b)
{
    size_t common = 0;
    for (size_t i = 0;; i++) {
        bool a_ends = i == a.size || a.data[i] == '/';
        bool b_ends = i == b.size || b.data[i] == '/';
        if (a_ends && b_ends) {
            common = i;
        }
        if (i == a.size || i == b.size || a.data[i] != b.data[i]) {
            return common;
        }
    }
}

static firn_slice
term_path_after(firn_slice path, size_t size)
{
    assert(size <= path.size);
    size += size < path.size && path.data[size] == '/';
    return firn_bytes(path.data + size, path.size - size);
}

void
fi_term_path_escape(firn_slice path, void (*put)(const void *data, size_t size))
{
    firn_slice from = firn_str(shown_from);
    if (fi_term_path_is_from_root() || (path.size > 0 && path.data[0] == '/')) {
        fi_term_text_escape(path, put);
        return;
    }
    size_t common = common_size(path, from);
    firn_slice down = term_path_after(path, common);
    firn_slice up = term_path_after(from, common);
    bool is_first = true;
    for (size_t i = 0; i < up.size; i++) {
        if (i == 0 || up.data[i - 1] == '/') {
            put(is_first ? ".." : "/..", is_first ? 2 : 3);
            is_first = false;
        }
    }
    if (down.size > 0) {
        put("/", is_first ? 0 : 1);
        fi_term_text_escape(down, put);
    } else if (is_first) {
        put(".", 1);
    }
}

void
fi_term_path_print(firn_slice path)
{
    fi_term_path_escape(path, fi_term_out_write);
}
