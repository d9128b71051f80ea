/* SPDX-License-Identifier: Apache-2.0
 *
 * place/place_config.h: settings of a user and of a store. include/firn/workspace.h is the public
 * twin.
 */
#ifndef FIRN_PLACE_PLACE_CONFIG_H
#define FIRN_PLACE_PLACE_CONFIG_H

#include "base/error.h"
#include "firn/workspace.h"
#include "os/os.h"

/* The name of the file of settings in a store. */
#define FIRN_PLACE_CONFIG_FILE "config"

FIRN_MUST_CHECK int firn_place_config_size(const char *text, uint64_t *out, firn_error *err);
/* store_path NULL: the user's alone. */
FIRN_MUST_CHECK int firn_place_config_list(struct firn_os *os, const char *store_path,
                                           int (*visit)(void *ctx,
                                                        const firn_config_setting *setting),
                                           void *ctx, firn_error *err);
/* A file that cannot be read counts as if it said nothing, but nothing is lost by that
 * (firn_place_config_text_cautious); on_notice, which may be NULL, is told of it. Fails for want of
 * memory, and if visit does. */
FIRN_MUST_CHECK int
firn_place_config_list_readable(struct firn_os *os, const char *store_path,
                                int (*visit)(void *ctx, const firn_config_setting *setting),
                                void (*on_notice)(void *ctx, const firn_notice *notice), void *ctx,
                                firn_error *err);
/* store_path NULL: the user's. value NULL: as if it had never been set. */
FIRN_MUST_CHECK int firn_place_config_set(struct firn_os *os, const char *store_path,
                                          const char *key, const char *value, firn_error *err);

/* Whether the settings of the store in a directory can be read, there being none included; a notice
 * says what is wrong. */
FIRN_MUST_CHECK int firn_place_config_check(struct firn_os_dir *dir,
                                            const firn_callbacks *callbacks, bool *out_is_sound,
                                            firn_error *err);
/* Makes them readable: lines that are wrong become comments. A file that cannot be mended so goes by
 * another name, config.unread-1. */
FIRN_MUST_CHECK int firn_place_config_mend(struct firn_os_dir *dir, firn_error *err);
/* In the place of settings that nobody can read any more: nothing expires. */
FIRN_MUST_CHECK int firn_place_config_lost(struct firn_os_dir *dir, firn_error *err);

#endif
