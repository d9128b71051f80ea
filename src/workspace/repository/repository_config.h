/* SPDX-License-Identifier: Apache-2.0
 *
 * repository/repository_config.h: what a configuration of git may say without anybody's consent.
 */
#ifndef FIRN_REPOSITORY_REPOSITORY_CONFIG_H
#define FIRN_REPOSITORY_REPOSITORY_CONFIG_H

#include "base/buf.h"
#include "base/error.h"

enum { FI_REPOSITORY_CONFIG_SIZE_MAX = 1 << 20 };

/* Appends to out the settings of a configuration file that run nothing and lead nowhere, written
 * anew. Appends to out_left the names of all others, each with a NUL; what is not understood has
 * the name "?". may_lead says whether a worktree that core.worktree names is in the workspace;
 * NULL: none is. FIRN_NO_MEMORY. */
FIRN_MUST_CHECK int fi_repository_config_filter(firn_slice text,
                                                bool (*may_lead)(void *ctx, firn_slice worktree),
                                                void *ctx, struct fi_buf *out,
                                                struct fi_buf *out_left, firn_error *err);

#endif
