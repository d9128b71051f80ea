/* SPDX-License-Identifier: Apache-2.0
 *
 * sim/sim_note.c: the note is printed by a _fail of our own, through which each assertion of cmocka ends a test; it goes on
 * to the one of the library.
 */
#include "sim/sim_note.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

enum { EMPTY, BEING_WRITTEN, WHOLE };

static char note[256];
static atomic_int state; /* of the note */

void
fi_sim_note_clear(void)
{
    atomic_store(&state, EMPTY);
}

void
fi_sim_note(const char *format, ...)
{
    int expected = EMPTY;
    va_list arguments;
    if (!atomic_compare_exchange_strong(&state, &expected, BEING_WRITTEN)) {
        return;
    }
    va_start(arguments, format);
    (void)vsnprintf(note, sizeof note, format, arguments);
    va_end(arguments);
    atomic_store(&state, WHOLE);
}

/* As cmocka.h has it; the library finds this one, since the program is looked through first. */
void _fail(const char *file, int line) __attribute__((visibility("default")));

void
_fail(const char *file, int line)
{
    if (atomic_load(&state) == WHOLE) {
        (void)fprintf(stderr, "made to fail before: %s\n", note);
    }
    void (*next)(const char *, int) = NULL;
    *(void **)&next = dlsym(RTLD_NEXT, "_fail");
    if (next == NULL) {
        abort();
    }
    next(file, line);
    abort(); /* not reached: the test has been left */
}
