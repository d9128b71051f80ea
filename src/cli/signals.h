/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/signals.h: the state in which the program starts, and being asked to stop.
 */
#ifndef FIRN_CLI_SIGNALS_H
#define FIRN_CLI_SIGNALS_H

/* Opens what is closed of descriptors 0 to 2, and installs the handlers. First thing in main. */
void firn_signals_setup(void);

/* The number of the signal that asked the program to stop, or 0. */
int firn_signals_caught(void);

/* Returns when a signal has asked the program to stop since the last call, or after so long. For one
 * thread. */
void firn_signals_wait(long timeout_ns);
/* Ends that wait, or the next one. */
void firn_signals_wake(void);

/* Dies of SIGPIPE, quietly, if whoever started the program lets it: else returns. */
void firn_signals_die_of_pipe(void);

#endif
