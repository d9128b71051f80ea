/* SPDX-License-Identifier: Apache-2.0
 *
 * term/term_colour.c: whether standard output has colours.
 *
 * Asked for by an option or a setting they are always there, or never. Otherwise a terminal has
 * them, unless NO_COLOR is set (no-color.org) or TERM says that the terminal knows no sequences.
 */
#include "term/term.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool is_on;

bool
fi_term_colour_choose(const char *when)
{
    const char *no_color = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    if (when != NULL && strcmp(when, "auto") != 0) {
        is_on = strcmp(when, "always") == 0;
        return is_on || strcmp(when, "never") == 0;
    }
    is_on = isatty(STDOUT_FILENO) == 1 && (no_color == NULL || no_color[0] == '\0') &&
            (terminal == NULL || strcmp(terminal, "dumb") != 0);
    return true;
}

bool
fi_term_colour_is_on(void)
{
    return is_on;
}

void
fi_term_colour(const char *colour)
{
    assert(colour[0] == '\033');
    if (is_on) {
        fi_term_out_text(colour);
    }
}
