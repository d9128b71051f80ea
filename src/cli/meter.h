/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/meter.h: one changing line on a terminal that shows how far long work has come.
 */
#ifndef FIRN_CLI_METER_H
#define FIRN_CLI_METER_H

#include <stdbool.h>

/* Begins to count the time of an operation. Without `wanted`, or where standard error is no
 * terminal, nothing is ever drawn. */
void firn_meter_start(bool wanted);
/* Seconds since firn_meter_start. */
double firn_meter_elapsed(void);
/* Whether a line would be drawn now: the work takes longer than a second, and the last line is
 * old enough. */
bool firn_meter_is_due(void);
void firn_meter_draw(const char *text);
/* Removes the line, if one is there. Before anything else goes to the terminal. */
void firn_meter_clear(void);

#endif
