/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/completion_zsh.h: completions for zsh.
 */
#ifndef FIRN_CLI_COMPLETION_ZSH_H
#define FIRN_CLI_COMPLETION_ZSH_H

void firn_completion_zsh_print(void);

#endif
