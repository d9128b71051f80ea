/* SPDX-License-Identifier: Apache-2.0
 *
 * service/service.h: every workspace is watched.
 */
#ifndef FIRN_SERVICE_SERVICE_H
#define FIRN_SERVICE_SERVICE_H

#include <stdbool.h>

#include "command/command.h"

/* Each returns an exit code. */

/* Watches every workspace that this user has saved, until a signal comes. on_battery: also while
 * the machine runs on its battery. */
int fi_service_run(struct fi_cli *cli, bool on_battery);
/* Prints a row for each of these workspaces, with the process that watches it. */
int fi_service_show(struct fi_cli *cli);

/* Writes the unit of systemd for this user and starts it; stops it and removes the unit. */
int fi_service_install(struct fi_cli *cli);
int fi_service_install_remove(struct fi_cli *cli);

/* ---- for service.c and the tests ---- */

/* Whether the power supplies below the directory, in the form of /sys/class/power_supply, say that
 * the machine runs on its battery. */
bool fi_service_power_is_battery(const char *directory);

#endif
