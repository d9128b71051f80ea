/* SPDX-License-Identifier: Apache-2.0
 *
 * import/import.h: the commands that import data of other programs, and firn export.
 */
#ifndef FIRN_IMPORT_IMPORT_H
#define FIRN_IMPORT_IMPORT_H

#include "command/command.h"

extern const struct fi_command fi_import;
extern const struct fi_command fi_import_export;

#endif
