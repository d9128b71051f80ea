/* SPDX-License-Identifier: Apache-2.0
 *
 * workspace/ws_config.h: settings of a user and of a store. include/firn/workspace.h is the public
 * twin.
 */
#ifndef FIRN_WORKSPACE_WS_CONFIG_H
#define FIRN_WORKSPACE_WS_CONFIG_H

#include "base/error.h"
#include "firn/workspace.h"
#include "os/os.h"

/* The name of the file of settings in a store. */
#define FIRN_WS_CONFIG_FILE "config"

FIRN_MUST_CHECK int firn_ws_config_size(const char *text, uint64_t *out, firn_error *err);
/* store_path NULL: the user's alone. */
FIRN_MUST_CHECK int firn_ws_config_list(struct firn_os *os, const char *store_path,
                                        int (*visit)(void *ctx, const firn_setting *setting),
                                        void *ctx, firn_error *err);
/* store_path NULL: the user's. value NULL: as if it had never been set. */
FIRN_MUST_CHECK int firn_ws_config_set(struct firn_os *os, const char *store_path, const char *key,
                                       const char *value, firn_error *err);

#endif
