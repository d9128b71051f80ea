/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/meter.h: one changing line on a terminal that shows how far long work has come, and the answer
 * to an interrupt.
 */
#ifndef FIRN_CLI_METER_H
#define FIRN_CLI_METER_H

#include <stdbool.h>

/* Begins to count the time of an operation. Without `wanted`, or where standard error is no
 * terminal, no line is ever drawn. From now on an interrupt is answered (see meter.c). */
void firn_meter_start(bool wanted);
/* Whether a line may be drawn at all. */
bool firn_meter_is_wanted(void);
/* Seconds since firn_meter_start. */
double firn_meter_elapsed(void);

struct firn_meter_state {
    const char *phase; /* a constant: where it stays the same, the time in it is counted on */
    const char *text;  /* what has been done in it; may be empty */
    const char
        *finishing; /* an interrupt does not stop it any more: what is said then; else NULL */
};
/* What the line is to say; drawn now or later, and again until it is cleared, with the time that the
 * phase has taken. Any thread. */
void firn_meter_show(const struct firn_meter_state *state);
/* Removes the line, if one is there, until something is shown again. Before anything else goes to the
 * terminal. */
void firn_meter_clear(void);

/* What to tell a user who interrupts work that is finishing: the state that a second interrupt leaves,
 * and what to do then. A constant text. NULL: nothing special. */
void firn_meter_set_interrupted(const char *hint);

/* The operation is over, and an interrupt is not answered any more. */
void firn_meter_stop(void);

#endif
