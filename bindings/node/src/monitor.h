/* SPDX-License-Identifier: Apache-2.0
 *
 * monitor.h: watching a long call from JavaScript: its progress, its notices, and a way to cancel it.
 */
#ifndef FIRN_NODE_MONITOR_H
#define FIRN_NODE_MONITOR_H

#include "addon.h"

/* The callbacks of the monitor that argument i names; undefined gives none. The call uses the monitor. False after
 * throwing. */
bool arg_monitor(struct args *args, size_t i, firn_callbacks *out);

#endif
