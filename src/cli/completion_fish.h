/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/completion_fish.h: completions for fish.
 */
#ifndef FIRN_CLI_COMPLETION_FISH_H
#define FIRN_CLI_COMPLETION_FISH_H

void firn_completion_fish_print(void);

#endif
