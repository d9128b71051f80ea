/* SPDX-License-Identifier: Apache-2.0
 *
 * cli/completion_bash.h: completions for bash.
 */
#ifndef FIRN_CLI_COMPLETION_BASH_H
#define FIRN_CLI_COMPLETION_BASH_H

void firn_completion_bash_print(void);

#endif
