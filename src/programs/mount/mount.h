/* SPDX-License-Identifier: Apache-2.0
 *
 * mount/mount.h: all checkpoints of a workspace as read-only directories.
 */
#ifndef FIRN_MOUNT_MOUNT_H
#define FIRN_MOUNT_MOUNT_H

#include "command/command.h"

extern const struct fi_command fi_mount;

#endif
